"""EnergyPlus itself, run on the reference hall for any weather: random set-points and load, outages, any output step.

The hall is the one of `energyplus_model` with what the reference has besides: bypasses in both water loops, loops of
2 m³, a coil whose design point is given by its outlet air, so that its size follows from the air density of the site,
and a plant that starts and stops by schedules. Set-points, load and outages are schedules of the model file, so the
engine needs no call-backs and takes every change at the beginning of a step.

Each run has a process and a temporary folder of its own. What it leaves is one file with the columns that
`energyplus_reference` reads.

Source: EnergyPlus 25.2 Input Output Reference.
"""

import gzip
import importlib.util
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from dcsim.errors import InputError
from dcsim_experiments import energyplus_objects as names
from dcsim_experiments.energyplus_model import model_objects
from dcsim_experiments.energyplus_objects import Component, Objects, merged
from dcsim_experiments.energyplus_sizes import DAYS_A_YEAR, EnergyPlusModel, Hall, Setpoints
from dcsim_experiments.validation.energyplus_reference import COLUMNS, STEPS, TIME_COLUMN, EnergyPlusRun, read_run
from dcsim_experiments.validation.results import NoDataError

Signal = Sequence[tuple[float, float]]  # time since 1 January [s] from which a value holds, and the value
Equipment = Literal["crah_fan", "chiller"]

ZONE_STEP_MAX = 600.0  # s; hourly values are means over six of them
HOLD_UNIT = 900.0  # s
COIL_AIR_OUTLET_DESIGN = 20.0  # °C
LOOP_VOLUME = 2.0  # m³ in each water loop
FAN_SCHEDULE = "CRAH Fan Available"
CHILLER_SCHEDULE = "Chiller Available"
HEATING_SCHEDULE = "Heating Setpoint"
_DUAL_SETPOINT = 4.0  # thermostat type in EnergyPlus's numbering
_HEATING_SETPOINT = 15.0  # °C; nothing heats, it only completes the thermostat
_YEAR = 2017  # any year of 365 days
_AIRPORT_WORDS = ("AFB", "AP", "Air", "Field", "Intl", "Muni", "Rgnl")

REFERENCE_HALL = Hall(
    wall_resistance=2.290965,
    slab_thickness=0.1014984,
    slab_conductivity=1.729577,
    slab_density=2242.585,
    slab_specific_heat=836.8,
)

# Field of `EnergyPlusRun`: object and output variable.
_SUPPLY, _COIL_OUT, _RETURN = names.SUPPLY_AIR_NODE, names.COIL_AIR_OUTLET_NODE, names.RETURN_AIR_NODE
_CHILLED_OUTLET, _CONDENSER_OUTLET = "Chilled Water Supply Outlet", "Condenser Water Supply Outlet"
_NODE_TEMPERATURE, _NODE_FLOW, _NODE_SETPOINT, _NODE_HUMIDITY = (
    f"System Node {of}" for of in ("Temperature", "Mass Flow Rate", "Setpoint Temperature", "Humidity Ratio")
)
_BUILDING = "Whole Building"
OUTPUTS: dict[str, tuple[str, str]] = {
    "outdoor_dry_bulb_temperature": ("Environment", "Site Outdoor Air Drybulb Temperature"),
    "outdoor_wet_bulb_temperature": ("Environment", "Site Outdoor Air Wetbulb Temperature"),
    "outdoor_dew_point_temperature": ("Environment", "Site Outdoor Air Dewpoint Temperature"),
    "outdoor_relative_humidity": ("Environment", "Site Outdoor Air Relative Humidity"),
    "outdoor_humidity_ratio": ("Environment", "Site Outdoor Air Humidity Ratio"),
    "outdoor_pressure": ("Environment", "Site Outdoor Air Barometric Pressure"),
    "wind_speed": ("Environment", "Site Wind Speed"),
    "direct_normal_irradiance": ("Environment", "Site Direct Solar Radiation Rate per Area"),
    "diffuse_horizontal_irradiance": ("Environment", "Site Diffuse Solar Radiation Rate per Area"),
    "facility_power": (_BUILDING, "Facility Total Electricity Demand Rate"),
    "hvac_power": (_BUILDING, "Facility Total HVAC Electricity Demand Rate"),
    "building_power": (_BUILDING, "Facility Total Building Electricity Demand Rate"),
    "cpu_power": (names.IT_EQUIPMENT, "ITE CPU Electricity Rate"),
    "server_fan_power": (names.IT_EQUIPMENT, "ITE Fan Electricity Rate"),
    "ups_loss_power": (names.IT_EQUIPMENT, "ITE UPS Electricity Rate"),
    "it_heat_flow": (names.IT_EQUIPMENT, "ITE Total Heat Gain to Zone Rate"),
    "server_inlet_temperature": (names.IT_EQUIPMENT, "ITE Air Inlet Dry-Bulb Temperature"),
    "server_outlet_temperature": (names.IT_EQUIPMENT, "ITE Air Outlet Dry-Bulb Temperature"),
    "server_air_mass_flow": (names.IT_EQUIPMENT, "ITE Air Mass Flow Rate"),
    "server_inlet_relative_humidity": (names.IT_EQUIPMENT, "ITE Air Inlet Relative Humidity"),
    "supply_heat_index": (names.IT_EQUIPMENT, "ITE Supply Heat Index"),
    "zone_temperature": (names.ZONE, "Zone Air Temperature"),
    "zone_relative_humidity": (names.ZONE, "Zone Air Relative Humidity"),
    "zone_humidity_ratio": (names.ZONE, "Zone Air Humidity Ratio"),
    "zone_temperature_setpoint": (names.ZONE, "Zone Thermostat Cooling Setpoint Temperature"),
    "zone_cooling_heat_flow": (names.ZONE, "Zone Air System Sensible Cooling Rate"),
    "envelope_heat_flow": (names.ZONE, "Zone Air Heat Balance Surface Convection Rate"),
    "internal_heat_flow": (names.ZONE, "Zone Air Heat Balance Internal Convective Heat Gain Rate"),
    "air_storage_heat_flow": (names.ZONE, "Zone Air Heat Balance Air Energy Storage Rate"),
    "supply_air_temperature": (_SUPPLY, _NODE_TEMPERATURE),
    "supply_air_mass_flow": (_SUPPLY, _NODE_FLOW),
    "supply_air_humidity_ratio": (_SUPPLY, _NODE_HUMIDITY),
    "coil_air_outlet_temperature": (_COIL_OUT, _NODE_TEMPERATURE),
    "coil_air_outlet_humidity_ratio": (_COIL_OUT, _NODE_HUMIDITY),
    "return_air_temperature": (_RETURN, _NODE_TEMPERATURE),
    "return_air_mass_flow": (_RETURN, _NODE_FLOW),
    "return_air_humidity_ratio": (_RETURN, _NODE_HUMIDITY),
    "crah_fan_power": (names.FAN, "Fan Electricity Rate"),
    "crah_fan_temperature_rise": (names.FAN, "Fan Rise in Air Temperature"),
    "coil_heat_flow": (names.COIL, "Cooling Coil Total Cooling Rate"),
    "coil_sensible_heat_flow": (names.COIL, "Cooling Coil Sensible Cooling Rate"),
    "chiller_power": (names.CHILLER, "Chiller Electricity Rate"),
    "chiller_cop": (names.CHILLER, "Chiller COP"),
    "chiller_part_load_ratio": (names.CHILLER, "Chiller Part Load Ratio"),
    "evaporator_heat_flow": (names.CHILLER, "Chiller Evaporator Cooling Rate"),
    "condenser_heat_flow": (names.CHILLER, "Chiller Condenser Heat Transfer Rate"),
    "chilled_water_return_temperature": (names.CHILLER, "Chiller Evaporator Inlet Temperature"),
    "chilled_water_supply_temperature": (names.CHILLER, "Chiller Evaporator Outlet Temperature"),
    "chilled_water_mass_flow": (names.CHILLER, "Chiller Evaporator Mass Flow Rate"),
    "condenser_inlet_temperature": (names.CHILLER, "Chiller Condenser Inlet Temperature"),
    "condenser_outlet_temperature": (names.CHILLER, "Chiller Condenser Outlet Temperature"),
    "condenser_water_mass_flow": (names.CHILLER, "Chiller Condenser Mass Flow Rate"),
    "tower_fan_power": (names.TOWER, "Cooling Tower Fan Electricity Rate"),
    "tower_heat_flow": (names.TOWER, "Cooling Tower Heat Transfer Rate"),
    "tower_inlet_temperature": (names.TOWER, "Cooling Tower Inlet Temperature"),
    "tower_outlet_temperature": (names.TOWER, "Cooling Tower Outlet Temperature"),
    "tower_water_mass_flow": (names.TOWER, "Cooling Tower Mass Flow Rate"),
    "evaporation_volume": (names.TOWER, "Cooling Tower Water Evaporation Volume"),
    "makeup_water_volume": (names.TOWER, "Cooling Tower Make Up Water Volume"),
    "chilled_water_pump_power": (names.CHILLED_WATER_PUMP, "Pump Electricity Rate"),
    "chilled_water_pump_mass_flow": (names.CHILLED_WATER_PUMP, "Pump Mass Flow Rate"),
    "condenser_water_pump_power": (names.CONDENSER_WATER_PUMP, "Pump Electricity Rate"),
    "condenser_water_pump_mass_flow": (names.CONDENSER_WATER_PUMP, "Pump Mass Flow Rate"),
    "coil_water_inlet_temperature": (names.COIL_WATER_INLET_NODE, _NODE_TEMPERATURE),
    "coil_water_mass_flow": (names.COIL_WATER_INLET_NODE, _NODE_FLOW),
    "coil_water_outlet_temperature": (names.COIL_WATER_OUTLET_NODE, _NODE_TEMPERATURE),
    "supply_air_temperature_setpoint": (_SUPPLY, _NODE_SETPOINT),
    "chilled_water_temperature_setpoint": (_CHILLED_OUTLET, _NODE_SETPOINT),
    "condenser_water_temperature_setpoint": (_CONDENSER_OUTLET, _NODE_SETPOINT),
    "cpu_load": (names.LOAD_SCHEDULE, "Schedule Value"),
}
_SUMS = ("evaporation_volume", "makeup_water_volume")

EXCITED: dict[str, tuple[float, float]] = {
    names.SUPPLY_AIR_SCHEDULE: (16.0, 24.0),
    names.ZONE_SCHEDULE: (27.0, 35.0),
    names.CHILLED_WATER_SCHEDULE: (7.3, 12.7),
    names.CONDENSER_WATER_SCHEDULE: (14.0, 26.5),
    names.LOAD_SCHEDULE: (0.05, 1.0),
}
"""Ranges of the random set-points [°C] and load [-] by their schedule: those of the stored excited run."""
HOLD_HOURS = (1.0, 6.0)  # for which a random value holds


@dataclass(frozen=True)
class Outage:
    """Time for which a machine is switched off.

    Attributes
    ----------
    equipment : str
        ``"crah_fan"`` or ``"chiller"``.
    start : datetime
        Local standard time; the year has no meaning.
    minutes : float
    """

    equipment: Equipment
    start: datetime
    minutes: float


@dataclass(frozen=True)
class LiveCase:
    """What to run.

    Attributes
    ----------
    weather : Path or None
        EPW file, may be packed (``.gz``); by default Chicago, which comes with the engine.
    name : str
        Word for the file's name; by default the place in the weather file's name.
    start : date
        First day of the run; the year has no meaning.
    days : int
        Length of the run, which ends within the same year.
    step : str
        Interval of the results: ``hourly``, ``10min``, ``5min`` or ``1min``. The engine's own zone step is the same, but
        10 minutes for hourly results.
    excitation_seed : int or None
        If given, set-points and load jump at random, each held for 1 to 6 h on its own, within `EXCITED`; else set-points
        hold and the load follows its daily profile.
    outages : tuple of Outage
    plant_iterations_min : int
        Least passes through the water loops in an iteration. EnergyPlus's own default, and that of the stored runs, is 2:
        its chiller then works with condenser water that belongs to the load at the greatest air flow, with which each
        step begins. 8 close the heat balance between condenser and tower.
    """

    weather: Path | None = None
    name: str = ""
    start: date = date(_YEAR, 1, 1)
    days: int = DAYS_A_YEAR
    step: str = "hourly"
    excitation_seed: int | None = None
    outages: tuple[Outage, ...] = ()
    plant_iterations_min: int = 2

    @property
    def time_step(self) -> float:
        """Zone time step of the engine [s]."""
        return min(STEPS[self.step], ZONE_STEP_MAX)

    @property
    def file_name(self) -> str:
        """Name of the file that holds the results."""
        place = self.name or _place(self.weather)
        return f"crah_chw_{place}_{self.step}.csv.gz"


def is_available() -> bool:
    """Whether the engine is installed."""
    if importlib.util.find_spec("pyenergyplus") is None:
        return False
    from pyenergyplus.api import api_path

    return Path(api_path()).is_file()


def weather_file(name: str) -> Path:
    """Return one of the EPW files that come with the engine.

    Parameters
    ----------
    name : str
        As the engine's package calls it, for instance ``usa_il_chicago``.

    Returns
    -------
    Path

    Raises
    ------
    NoDataError
        If the engine is not installed.
    InputError
        If it has no such file.
    """
    _require_engine()
    from pyenergyplus.dataset import weather_files

    if name not in weather_files:
        raise InputError(f"weather {name!r}: not among those of the engine: {', '.join(sorted(weather_files))}")
    return Path(weather_files[name])


def run_live(case: LiveCase, folder: Path | str | None = None) -> EnergyPlusRun:
    """Run EnergyPlus on the reference hall.

    Parameters
    ----------
    case : LiveCase
    folder : Path or str, optional
        Where to leave the results as a file; nowhere by default.

    Returns
    -------
    EnergyPlusRun
        As read from that file: numbers have six significant digits.

    Raises
    ------
    NoDataError
        If the engine is not installed.
    InputError
        If the case cannot be meant, or the engine cannot run with its weather.
    """
    _check(case)
    _require_engine()
    weather = weather_file("usa_il_chicago") if case.weather is None else case.weather
    with tempfile.TemporaryDirectory(prefix="dcsim-energyplus-") as temporary:
        work = Path(temporary)
        (work / "hall.epJSON").write_text(json.dumps(live_objects(case)), encoding="utf-8")
        _unpack_weather(weather, work / "weather.epw")
        complaint = _run_engine(work)
        table = _table(case, _results(case, weather, work, complaint))
        path = work / case.file_name
        _write(table, path)
        if folder is not None:
            Path(folder).mkdir(parents=True, exist_ok=True)
            path = Path(shutil.copy(path, folder))
        return read_run(path)


def live_objects(case: LiveCase) -> Objects:
    """All objects of the model file: class, then name, then fields.

    Parameters
    ----------
    case : LiveCase

    Returns
    -------
    dict
        What an epJSON file holds.
    """
    _check(case)
    excited = case.excitation_seed is not None
    objects = model_objects(
        EnergyPlusModel(
            hall=REFERENCE_HALL,
            setpoints=Setpoints(condenser_water=20.0 if excited else None),
            time_step=round(case.time_step),
            start=case.start.replace(year=_YEAR),
            days=case.days,
            plant_iterations_min=case.plant_iterations_min,
        )
    )
    for kind in ("OtherEquipment", "ZoneCapacitanceMultiplier:ResearchSpecial", "ThermostatSetpoint:SingleCooling"):
        del objects[kind]  # the reference has none: they would not change a number, but cost the engine time
    objects = merged(objects, _thermostat(), _outputs())
    _use_reference_plant(objects)
    signals = {**_outage_signals(case), **_excitation(case)}
    for name in signals:
        objects["Schedule:Constant"].pop(name, None)
    objects.setdefault("Schedule:Compact", {}).update({name: _compact(signal) for name, signal in signals.items()})
    return objects


def _check(case: LiveCase) -> None:
    """Refuse a case that cannot be meant; `model_objects` refuses run periods beyond a year."""
    if case.step not in STEPS:
        raise InputError(f"step={case.step!r}: expected one of {', '.join(STEPS)}")
    if case.name and not re.fullmatch(r"\w+", case.name):
        raise InputError(
            f"name={case.name!r}: expected letters, digits and underscores, since it goes into a file's name"
        )
    begin = _seconds(datetime.combine(case.start, datetime.min.time()))
    end = begin + 86400.0 * case.days
    if case.days < 1 or end > 86400.0 * DAYS_A_YEAR:
        raise InputError(
            f"days={case.days} from {case.start}: expected a run of at least a day within one calendar year"
        )
    for outage in case.outages:
        start, length = _seconds(outage.start), 60.0 * outage.minutes
        if start < begin or start + length > end or length <= 0.0:
            raise InputError(f"outage of {outage.equipment} at {outage.start}: does not lie within the run")
        if start % case.time_step or length % case.time_step:
            raise InputError(
                f"outage of {outage.equipment} at {outage.start} for {outage.minutes:g} min: does not fit the engine's step "
                f"of {case.time_step:g} s; give multiples of it, or a shorter step"
            )


def _thermostat() -> Objects:
    """Thermostat with two set-points, of which only the upper one ever acts."""
    return {
        "ZoneControl:Thermostat": {
            "Thermostat": {
                "zone_or_zonelist_name": names.ZONE,
                "control_type_schedule_name": names.THERMOSTAT_SCHEDULE,
                "control_1_object_type": "ThermostatSetpoint:DualSetpoint",
                "control_1_name": "Room",
            }
        },
        "ThermostatSetpoint:DualSetpoint": {
            "Room": {
                "heating_setpoint_temperature_schedule_name": HEATING_SCHEDULE,
                "cooling_setpoint_temperature_schedule_name": names.ZONE_SCHEDULE,
            }
        },
        "Schedule:Constant": {
            names.THERMOSTAT_SCHEDULE: _constant(_DUAL_SETPOINT),
            HEATING_SCHEDULE: _constant(_HEATING_SETPOINT),
            FAN_SCHEDULE: _constant(1.0),
            CHILLER_SCHEDULE: _constant(1.0),
        },
    }


def _outputs() -> Objects:
    """Every column as a mean over the zone time step, in a table."""
    return {
        "Output:Variable": {
            f"Output {number}": {"key_value": key, "variable_name": variable, "reporting_frequency": "Timestep"}
            for number, (key, variable) in enumerate(OUTPUTS.values(), start=1)
        },
        "OutputControl:Files": {
            "Files": {
                "output_csv": "Yes",
                **{
                    f"output_{name}": "No"
                    for name in ("mtr", "eso", "tabular", "audit", "bnd", "rdd", "mdd", "mtd", "shd")
                },
            }
        },
    }


def _use_reference_plant(objects: Objects) -> None:
    """Change the peer's plant into the reference's: coil, availability, bypasses, set-point nodes, water of the tower."""
    objects["Coil:Cooling:Water"][names.COIL] |= {
        "design_outlet_air_temperature": COIL_AIR_OUTLET_DESIGN,
        "availability_schedule_name": FAN_SCHEDULE,
    }
    objects["Fan:VariableVolume"][names.FAN]["availability_schedule_name"] = FAN_SCHEDULE
    (terminal,) = objects["AirTerminal:SingleDuct:VAV:NoReheat"].values()
    terminal["availability_schedule_name"] = FAN_SCHEDULE
    (manager,) = objects["AvailabilityManager:Scheduled"].values()
    manager["schedule_name"] = FAN_SCHEDULE
    (tower,) = objects["CoolingTower:VariableSpeed:Merkel"].values()
    tower |= {
        "drift_loss_percent": 0.008,
        "blowdown_calculation_mode": "ConcentrationRatio",
        "blowdown_concentration_ratio": 3.0,
    }
    (chilled_pump,) = objects["Pump:VariableSpeed"].values()
    (condenser_pump,) = objects["Pump:ConstantSpeed"].values()
    chilled_pump["outlet_node_name"] = "Chilled Water Pump Outlet"
    condenser_pump["outlet_node_name"] = "Condenser Water Pump Outlet"
    for part in ("Branch", "BranchList"):
        for loop in ("Chilled Water", "Condenser Water"):
            del objects[part][f"{loop} Supply"], objects[part][f"{loop} Demand"]
    pump = ("Pump:VariableSpeed", names.CHILLED_WATER_PUMP, names.COOLING_PUMP_INLET_NODE, "Chilled Water Pump Outlet")
    machine = ("Chiller:Electric:EIR", names.CHILLER, names.CHILLER_INLET_NODE, names.CHILLER_OUTLET_NODE)
    load = ("Coil:Cooling:Water", names.COIL, names.COIL_WATER_INLET_NODE, names.COIL_WATER_OUTLET_NODE)
    _add_bypasses(objects, "Chilled Water", pump, machine, load)
    pump = (
        "Pump:ConstantSpeed",
        names.CONDENSER_WATER_PUMP,
        names.CONDENSER_PUMP_INLET_NODE,
        "Condenser Water Pump Outlet",
    )
    machine = ("CoolingTower:VariableSpeed:Merkel", names.TOWER, names.TOWER_INLET_NODE, names.TOWER_OUTLET_NODE)
    load = ("Chiller:Electric:EIR", names.CHILLER, names.CONDENSER_INLET_NODE, names.CONDENSER_OUTLET_NODE)
    _add_bypasses(objects, "Condenser Water", pump, machine, load)
    scheme = objects["PlantEquipmentOperationSchemes"]["Chilled Water Operation"]
    scheme["control_scheme_1_schedule_name"] = CHILLER_SCHEDULE
    moved = {names.CHILLER_OUTLET_NODE: _CHILLED_OUTLET, names.TOWER_OUTLET_NODE: _CONDENSER_OUTLET}
    for kind in ("SetpointManager:Scheduled", "SetpointManager:FollowOutdoorAirTemperature"):
        for setpoint in objects.get(kind, {}).values():
            node = setpoint["setpoint_node_or_nodelist_name"]
            setpoint["setpoint_node_or_nodelist_name"] = moved.get(node, node)


def _add_bypasses(objects: Objects, loop: str, pump: Component, machine: Component, load: Component) -> None:
    """Give a water loop two parallel branches in either half, the second one a pipe past the machine or the load."""
    supply = (
        ("Pump", pump),
        ("Machine", machine),
        ("Supply Bypass", _pipe(f"{loop} Supply Bypass")),
        ("Supply Outlet", _pipe(f"{loop} Supply Outlet Pipe", outlet=f"{loop} Supply Outlet")),
    )
    demand = (
        ("Demand Inlet", _pipe(f"{loop} Demand Inlet Pipe", inlet=f"{loop} Demand Inlet")),
        ("Load", load),
        ("Demand Bypass", _pipe(f"{loop} Demand Bypass")),
        ("Demand Outlet", _pipe(f"{loop} Demand Outlet Pipe", outlet=f"{loop} Demand Outlet")),
    )
    for side, branches in (("Supply", supply), ("Demand", demand)):
        first, *parallel, last = [f"{loop} {name}" for name, _ in branches]
        for name, part in branches:
            keys = ("object_type", "name", "inlet_node_name", "outlet_node_name")
            components = [{f"component_{key}": text for key, text in zip(keys, part, strict=True)}]
            objects["Branch"][f"{loop} {name}"] = {"components": components}
            if part[0] == "Pipe:Adiabatic":
                pipe = {"inlet_node_name": part[2], "outlet_node_name": part[3]}
                objects.setdefault("Pipe:Adiabatic", {})[part[1]] = pipe
        objects["BranchList"][f"{loop} {side}"] = {
            "branches": [{"branch_name": name} for name in (first, *parallel, last)]
        }
        splitter, mixer = f"{loop} {side} Splitter", f"{loop} {side} Mixer"
        objects.setdefault("Connector:Splitter", {})[splitter] = {
            "inlet_branch_name": first,
            "branches": [{"outlet_branch_name": name} for name in parallel],
        }
        objects.setdefault("Connector:Mixer", {})[mixer] = {
            "outlet_branch_name": last,
            "branches": [{"inlet_branch_name": name} for name in parallel],
        }
        objects.setdefault("ConnectorList", {})[f"{loop} {side} Connectors"] = {
            "connector_1_object_type": "Connector:Splitter",
            "connector_1_name": splitter,
            "connector_2_object_type": "Connector:Mixer",
            "connector_2_name": mixer,
        }
    objects["PlantLoop"][loop] |= {
        "plant_loop_volume": LOOP_VOLUME,
        "plant_side_inlet_node_name": pump[2],
        "plant_side_outlet_node_name": f"{loop} Supply Outlet",
        "demand_side_inlet_node_name": f"{loop} Demand Inlet",
        "demand_side_outlet_node_name": f"{loop} Demand Outlet",
        "loop_temperature_setpoint_node_name": f"{loop} Supply Outlet",
        "plant_side_connector_list_name": f"{loop} Supply Connectors",
        "demand_side_connector_list_name": f"{loop} Demand Connectors",
    }


def _pipe(name: str, inlet: str = "", outlet: str = "") -> Component:
    return "Pipe:Adiabatic", name, inlet or f"{name} Inlet Node", outlet or f"{name} Outlet Node"


def _constant(value: float) -> dict[str, Any]:
    return {"schedule_type_limits_name": names.ANY_NUMBER, "hourly_value": value}


def _outage_signals(case: LiveCase) -> dict[str, Signal]:
    """Availability of fan and chiller, where an outage touches it."""
    signals: dict[str, Signal] = {}
    for equipment, schedule in (("crah_fan", FAN_SCHEDULE), ("chiller", CHILLER_SCHEDULE)):
        own = [outage for outage in case.outages if outage.equipment == equipment]
        if own:
            off = [(_seconds(outage.start), _seconds(outage.start) + 60.0 * outage.minutes) for outage in own]
            edges = sorted({0.0, *(time for span in off for time in span)})
            signals[schedule] = [(t, 0.0 if any(a <= t < b for a, b in off) else 1.0) for t in edges]
    return signals


def _excitation(case: LiveCase) -> dict[str, Signal]:
    """Random set-points and load, each with its own holding times."""
    if case.excitation_seed is None:
        return {}
    random = np.random.default_rng(case.excitation_seed)
    begin = _seconds(datetime.combine(case.start, datetime.min.time()))
    shortest, longest = (round(3600.0 * hours / HOLD_UNIT) for hours in HOLD_HOURS)
    signals: dict[str, Signal] = {}
    for schedule, (low, high) in EXCITED.items():
        signal: list[tuple[float, float]] = []
        time = begin
        while time < begin + 86400.0 * case.days:
            signal.append((time if signal else 0.0, float(random.uniform(low, high))))
            time += HOLD_UNIT * int(random.integers(shortest, longest, endpoint=True))
        signals[schedule] = signal
    return signals


def _compact(signal: Signal) -> dict[str, Any]:
    """Return a signal that holds between its changes as the fields of a Schedule:Compact for a year."""
    data: list[dict[str, Any]] = []
    by_day: dict[int, list[tuple[float, float]]] = {}
    for time, value in signal:
        by_day.setdefault(int(time // 86400.0), []).append((time % 86400.0, value))
    value = signal[0][1]
    last = DAYS_A_YEAR - 1
    # A day with changes has a block of its own; the days up to the next such day share one.
    for day, following in zip(sorted(by_day), [*sorted(by_day)[1:], last + 1], strict=True):
        data += [{"field": f"Through: {_day(day)}"}, {"field": "For: AllDays"}]
        for time, new in by_day[day]:
            if time > 0.0:
                data += [
                    {"field": f"Until: {int(time // 3600.0):02d}:{int(time % 3600.0 // 60.0):02d}"},
                    {"field": value},
                ]
            value = new
        data += [{"field": "Until: 24:00"}, {"field": value}]
        if following - day > 1:
            data += [{"field": f"Through: {_day(following - 1)}"}, {"field": "For: AllDays"}]
            data += [{"field": "Until: 24:00"}, {"field": value}]
    return {"schedule_type_limits_name": names.ANY_NUMBER, "data": data}


def _day(number: int) -> str:
    """Month and day of a day of the year, from 0."""
    moment = date(_YEAR, 1, 1) + timedelta(days=number)
    return f"{moment.month}/{moment.day}"


def _seconds(moment: datetime) -> float:
    """Time since 1 January [s]; the year is left out."""
    return (moment.replace(year=_YEAR, tzinfo=None) - datetime(_YEAR, 1, 1)).total_seconds()


def _place(weather: Path | None) -> str:
    """Word for the place of a weather file: of ``USA_CA_San.Francisco.Intl.AP.724940_TMY3.epw`` ``san_francisco``."""
    if weather is None:
        return "chicago"
    name = re.sub(r"\.(epw|gz)", "", weather.name)
    parts = re.fullmatch(r"[A-Z]{3}_[A-Z]{2}_([^_-]+).*", name)
    words = (parts[1] if parts else name).split(".")
    airport = next(
        (at for at, word in enumerate(words) if at and (word in _AIRPORT_WORDS or word.isdigit())), len(words)
    )
    return re.sub(r"\W+", "_", "_".join(words[:airport])).strip("_").lower() or "live"


def epw_file(weather: Path | None) -> Path:
    """Return a weather file: one given by its path, one of the engine's by its name, the engine's Chicago by default."""
    if weather is not None and (weather.exists() or weather.suffix in (".epw", ".gz")):
        return weather
    return weather_file("usa_il_chicago" if weather is None else str(weather))


def place_of(weather: Path) -> str:
    """Word for the place of a weather file, for the names of cases."""
    return _place(weather)


def _require_engine() -> None:
    if not is_available():
        raise NoDataError(
            "energyplus: the engine is not installed; pip install 'dcsim[validation]', or give --data DIR"
        )


def _unpack_weather(weather: Path, path: Path) -> None:
    """Copy the weather file to where the engine runs."""
    try:
        content = weather.read_bytes()
        path.write_bytes(gzip.decompress(content) if weather.suffix == ".gz" else content)
    except FileNotFoundError:
        raise InputError(f"{weather}: no such weather file") from None
    except (OSError, EOFError) as error:
        raise InputError(f"{weather}: cannot be read ({error})") from None
    if not path.read_bytes().startswith(b"LOCATION,"):
        raise InputError(f"{weather}: not an EPW file; its first line must begin with LOCATION")


def _run_engine(work: Path) -> str:
    """Run this module as a program on the folder; return what it wrote to the standard error stream."""
    package_root = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, (package_root, os.environ.get("PYTHONPATH"))))
    done = subprocess.run(
        [sys.executable, "-m", "dcsim_experiments.validation.energyplus_live", str(work)],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stderr if done.returncode else ""


def _results(case: LiveCase, weather: Path, work: Path, complaint: str) -> pd.DataFrame:
    """Read the table that the engine left, one row per zone time step, one column per field."""
    error_file = work / "out" / "eplusout.err"
    errors = error_file.read_text(encoding="utf-8", errors="replace") if error_file.is_file() else ""
    serious = re.findall(r"\*\* +(?:Severe|Fatal) +\*\* *([^\n]*)", errors)
    table_file = work / "out" / "eplusout.csv"
    if case.outages and any("out of bounds" in line for line in serious):
        raise InputError(
            f"EnergyPlus stopped since the room got hotter than it allows; shorten the outage: {serious[0]}"
        )
    if complaint or serious or not table_file.is_file():
        reason = "; ".join([*serious[:3], *complaint.strip().splitlines()[-1:]]) or "it left no results"
        raise InputError(f"{weather}: EnergyPlus cannot run with this weather: {reason}")
    table = pd.read_csv(table_file)
    titles = {re.sub(r" \[[^\]]*\]\(.*\) *$", "", title).lower(): title for title in table.columns}
    columns = {}
    for field, (key, variable) in OUTPUTS.items():
        title = titles.get(f"{key}:{variable}".lower())
        if title is None:
            raise RuntimeError(f"EnergyPlus reported no {variable!r} of {key!r}")
        columns[field] = table[title].to_numpy(dtype=float)
    rows = round(86400.0 * case.days / case.time_step)
    if len(table) != rows:
        raise InputError(
            f"{weather}: EnergyPlus reported {len(table)} of {rows} steps; does the file hold the whole year?"
        )
    return pd.DataFrame(columns)


def _table(case: LiveCase, steps: pd.DataFrame) -> pd.DataFrame:
    """Intervals of the asked-for length, with what follows from the engine's own columns."""
    groups = np.arange(len(steps)) // round(STEPS[case.step] / case.time_step)
    table = steps.groupby(groups).mean()
    for field in _SUMS:
        table[field] = steps[field].groupby(groups).sum()
    table["it_power"] = table["cpu_power"] + table["server_fan_power"] + table["ups_loss_power"]
    table["pue"] = table["facility_power"] / table["it_power"]
    table["cooling_power"] = table["hvac_power"]
    start = datetime.combine(case.start.replace(year=_YEAR), datetime.min.time())
    ends = pd.date_range(start, periods=len(table) + 1, freq=f"{round(STEPS[case.step])}s")[1:]
    table = table[list(COLUMNS)].rename(columns={field: column.name for field, column in COLUMNS.items()})
    table.insert(0, TIME_COLUMN, ends.strftime("%Y-%m-%d %H:%M:%S"))
    return table


def _write(table: pd.DataFrame, path: Path) -> None:
    """Write the same bytes for the same numbers."""
    text = io.StringIO()
    table.to_csv(text, index=False, float_format="%.6g", lineterminator="\n")
    path.write_bytes(gzip.compress(text.getvalue().encode(), mtime=0))


def _work(work: Path) -> None:
    """Run the engine in this process on a folder that `run_live` prepared."""
    from pyenergyplus.api import EnergyPlusAPI

    api = EnergyPlusAPI()
    state = api.state_manager.new_state()
    api.runtime.set_console_output_status(state, False)
    arguments = ["-d", str(work / "out"), "-w", str(work / "weather.epw"), str(work / "hall.epJSON")]
    code = api.runtime.run_energyplus(state, arguments)
    if code:
        raise SystemExit(f"EnergyPlus ended with exit code {code}")


if __name__ == "__main__":
    _work(Path(sys.argv[1]))
