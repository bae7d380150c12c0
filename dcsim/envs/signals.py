"""What each element of an observation and of an action is: name, unit, range, meaning.

The ranges scale: an action of -1 asks for ``low`` and +1 for ``high``; an observation is ``low`` at -1 and ``high`` at +1 and is clipped
there. They are fixed numbers of the hall, so a saved policy needs no running statistics.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from dcsim.plant.hall import Hall
from dcsim.plant.loops import Setpoint


class Signal(NamedTuple):
    """One element of an observation or an action."""

    name: str
    unit: str
    low: float
    high: float
    meaning: str


@dataclass(frozen=True)
class Signals:
    """The tables of an environment.

    Attributes
    ----------
    observation, action : tuple of Signal
        In the order of the elements.
    """

    observation: tuple[Signal, ...]
    action: tuple[Signal, ...]

    def index(self, name: str) -> int:
        """Position of an observation element by name."""
        return [signal.name for signal in self.observation].index(name)

    def indices(self, prefix: str) -> list[int]:
        """Positions of the observation elements ``prefix`` and ``prefix_1``, ``prefix_2`` and so on."""
        return [
            i
            for i, signal in enumerate(self.observation)
            if signal.name == prefix
            or (signal.name.startswith(prefix + "_") and signal.name[len(prefix) + 1 :].isdigit())
        ]

    def __str__(self) -> str:
        return "\n".join((*_table("observation", self.observation), "", *_table("action", self.action)))


def _table(title: str, signals: Sequence[Signal]) -> Iterator[str]:
    yield f"{title:<5} {'name':<34} {'unit':<9} {'low':>9} {'high':>9}  meaning"
    for i, s in enumerate(signals):
        yield f"{i:>{len(title)}} {s.name:<34} {s.unit:<9} {s.low:>9g} {s.high:>9g}  {s.meaning}"


FORECAST_HOURS = (1, 2, 4, 8, 24)

MEANING_OF_REQUESTS = {
    "supply_air_setpoint": "supply air of CRAH group",
    "crah_fan_speed": "fan speed of CRAH group",
    "chilled_water_setpoint": "water leaving the chillers or the economizer",
    "chilled_water_pump_speed": "speed of the chilled-water pumps",
    "condenser_water_setpoint": "water leaving the cooling tower",
    "condenser_water_flow": "condenser-water flow over nominal",
    "compressor_request": "above 0.5 the compressor may run, below it rests, of CRAC unit",
    "coolant_setpoint": "coolant to the cold plates (technology water)",
    "coolant_flow": "pump speed of CDU group",
    "facility_water_setpoint": "facility water from the dry coolers",
    "dry_cooler_fan_limit": "speed up to which the dry coolers' fans may run",
    "outdoor_air_share_max": "greatest share of outdoor air, which the weather may lock out",
    "evaporative_share_max": "greatest share of the evaporative pads that is wetted",
    "mode_request": "0 mechanical, 1 integrated, 2 free cooling, nearest wins",
    "tank_flow": "flow through the storage tank over nominal, above 0 charging",
    "chillers_requested": "number of chillers, nearest wins, one more or less a control step",
    "chilled_water_pumps_requested": "number of chilled-water pumps, likewise, no fewer than the water needs",
    "condenser_water_pumps_requested": "number of condenser-water pumps, likewise",
    "tower_cells_requested": "number of tower cells, likewise",
}


def range_of_request(hall: Hall, name: str) -> tuple[str, float, float]:
    """Unit, low and high of an action that is no set-point of the description."""
    if name == "mode_request":
        return "-", 0.0, 2.0
    if name == "compressor_request":
        return "-", 0.0, 1.0
    if name == "chillers_requested":
        return "-", 0.0, float(hall.chillers)
    count = float(getattr(hall.params, name.removesuffix("_requested"))[0, 0])
    return "-", min(1.0, count - 1.0), count


def action_signals(hall: Hall) -> tuple[Signal, ...]:
    """Table of what a controller sends to ``hall``."""
    allowed = {setpoint.input: setpoint.allowed for setpoint in hall.types.setpoints}
    signals = []
    for name in hall.types.requests:
        if name in allowed:
            limits = getattr(hall.description.setpoints, allowed[name])
            unit, low, high = limits.unit, limits.low, limits.high
        else:
            unit, low, high = range_of_request(hall, name)
        meaning, rows = MEANING_OF_REQUESTS[name], hall.input_rows[name]
        if name in hall.types.rows:
            signals += [Signal(f"{name}_{k}", unit, low, high, f"{meaning} {k}") for k in range(1, rows + 1)]
        else:
            signals.append(Signal(name, unit, low, high, meaning))
    return tuple(signals)


class Block(NamedTuple):
    """Elements of the observation that stand together in the table of the plant and its drivers.

    Attributes
    ----------
    place : str
        ``state.<field>``, ``input.<field>``, ``driven.<name>`` or ``measured.<name>``, see ``observations.ObservationBuilder``.
    signals : list of Signal
        One for each row of the place.
    per_unit : float
        What one unit of the signals is in the table.
    zero : float
        Value of the table at which the signals are 0.
    """

    place: str
    signals: list[Signal]
    per_unit: float = 1.0
    zero: float = 0.0


def observed(hall: Hall, interval: float, forecast: str = "") -> list[Block]:
    """What a controller sees of ``hall``, part by part.

    Parameters
    ----------
    hall : Hall
    interval : float
        Control interval [s].
    forecast : str
        With one it sees the hours to come: ``persistence`` from what is known now, ``truth`` as they will be. The signals of the two have
        other names, so that a policy trained on the one refuses the other.
    """
    blocks = [block for part in hall.types.parts if part in _SEEN for block in _SEEN[part](hall, interval)]
    blocks += _drivers(hall)
    blocks += [_in_force(hall, setpoint) for setpoint in hall.types.setpoints]
    for component, name in hall.types.availability.items():
        blocks.append(_rows(hall, f"input.{name}", Signal(name, "-", 0.0, 1.0, f"share that can run of {component}")))
    if forecast:
        kind = "forecast" if forecast == "persistence" else forecast
        signals = []
        for hours in FORECAST_HOURS:
            signals += [
                Signal(f"wet_bulb_{kind}_{hours}h", "degC", -35.0, 40.0, f"outdoor wet bulb in {hours} h"),
                Signal(f"utilization_{kind}_{hours}h", "-", 0.0, 1.0, f"mean load in {hours} h"),
                Signal(f"price_{kind}_{hours}h", "1/kWh", -0.2, 0.8, f"price in {hours} h"),
            ]
        blocks.append(Block("driven.forecast", signals))
    return blocks


def _rows(hall: Hall, place: str, signal: Signal, per_unit: float = 1.0, zero: float = 0.0) -> Block:
    """A block with one numbered signal for each row of a field, or a plain one where the field counts nothing."""
    rows = hall.types.rows.get(place.partition(".")[2])
    if rows is None:
        return Block(place, [signal], per_unit, zero)
    count = hall.counts[rows]
    signals = [signal._replace(name=f"{signal.name}_{k}", meaning=f"{signal.meaning} {k}") for k in range(1, count + 1)]
    return Block(place, signals, per_unit, zero)


def _in_force(hall: Hall, setpoint: Setpoint) -> Block:
    limits = getattr(hall.description.setpoints, setpoint.allowed)
    meaning = MEANING_OF_REQUESTS[setpoint.input]
    signal = Signal(setpoint.state, limits.unit, limits.low, limits.high, f"set-point in force: {meaning}")
    return _rows(hall, f"state.{setpoint.state}", signal)


def _room(hall: Hall, interval: float) -> list[Block]:
    zones = range(1, hall.crah_groups + 1)

    def each(name: str, unit: str, low: float, high: float, meaning: str) -> list[Signal]:
        return [Signal(f"{name}_{k}", unit, low, high, f"{meaning} {k}") for k in zones]

    inlet = ("degC", 10.0, 45.0)
    design = hall.design_it_power
    return [
        Block(
            "measured.rack_inlet_max", each("rack_inlet_max", *inlet, "hottest rack inlet in the zone of CRAH group")
        ),
        Block("state.zone_inlet_mean", each("rack_inlet_mean", *inlet, "mean rack inlet in the zone of CRAH group")),
        Block("driven.utilization_zone", each("utilization", "-", 0.0, 1.0, "mean load in the zone of CRAH group")),
        Block(
            "state.zone_flow_ratio",
            each("flow_ratio", "-", 0.0, 3.0, "supply over server air flow in the zone of CRAH group"),
        ),
        _rows(
            hall,
            "state.supply_air_temperature",
            Signal("supply_air_temperature", "degC", 8.0, 40.0, "supply air of CRAH group"),
        ),
        _rows(hall, "state.crah_fan_speed", Signal("crah_fan_speed", "-", 0.0, 1.0, "running fan speed of CRAH group")),
        _rows(hall, "state.hot_air_temperature", Signal("hot_air_temperature", "degC", 10.0, 60.0, "hot air of cell")),
        Block(
            "state.protection", [Signal("protection", "-", 0.0, 1.0, "1 while the over-temperature protection acts")]
        ),
        Block(
            "state.it_energy", [Signal("it_power", "-", 0.0, 1.5, "IT power over design IT power")], interval * design
        ),
        Block("measured.cooling_power", [Signal("cooling_power", "-", 0.0, 0.8, "cooling power over design IT power")]),
        Block("measured.thermal_power", [Signal("thermal_power", "-", 0.0, 0.8, "thermal power over design IT power")]),
    ]


def _coils(hall: Hall, interval: float) -> list[Block]:
    valve = Signal("valve_fraction", "-", 0.0, 1.0, "coil water flow over nominal of CRAH group")
    return [_rows(hall, "state.valve_fraction", valve)]


def _moisture(hall: Hall, interval: float) -> list[Block]:
    humid = "relative humidity at the coldest rack inlet"
    return [
        Block("state.room_dew_point", [Signal("room_dew_point", "degC", -25.0, 30.0, "dew point of the room air")]),
        Block("state.room_relative_humidity", [Signal("room_relative_humidity", "-", 0.0, 1.0, humid)]),
    ]


def _outdoor_air(hall: Hall, interval: float) -> list[Block]:
    return [
        Block("state.outdoor_air_enabled", [Signal("outdoor_air_on", "-", 0.0, 1.0, "1 while the weather is let in")]),
        _rows(
            hall,
            "state.outdoor_air_share",
            Signal("outdoor_air_fraction", "-", 0.0, 1.0, "outdoor air in what is supplied by CRAH group"),
        ),
    ]


def _evaporative(hall: Hall, interval: float) -> list[Block]:
    wetted = Signal("evaporative_fraction", "-", 0.0, 1.0, "wetted share of the evaporative pads of CRAH group")
    return [_rows(hall, "state.evaporative_share", wetted)]


def _dx(hall: Hall, interval: float) -> list[Block]:
    p = hall.params
    rest = float(np.maximum(p.compressor_on_time_min, p.compressor_off_time_min).max())
    return [
        _rows(
            hall, "state.compressor_on", Signal("compressor_on", "-", 0.0, 1.0, "1 while it runs, compressor of unit")
        ),
        _rows(
            hall,
            "state.compressor_time",
            Signal("compressor_time", "s", 0.0, rest, "since it started or stopped, compressor of unit"),
        ),
        _rows(
            hall,
            "state.compressor_demand",
            Signal("compressor_demand", "-", 0.0, 1.5, "cooling called for over what could be had now, of unit"),
        ),
    ]


def _chilled_water(hall: Hall, interval: float) -> list[Block]:
    machines = float(hall.chillers)
    dwell, capacity = (float(getattr(hall.params, name)[0, 0]) for name in ("stage_time_min", "chiller_capacity"))
    return [
        Block(
            "state.chilled_water_supply_temperature",
            [Signal("chilled_water_supply_temperature", "degC", 2.0, 40.0, "water to the coils")],
        ),
        Block(
            "state.chilled_water_return_temperature",
            [Signal("chilled_water_return_temperature", "degC", 2.0, 50.0, "water from the coils")],
        ),
        Block(
            "state.evaporator_heat",
            [Signal("chiller_load", "-", 0.0, machines, "heat taken by the chillers, in machines")],
            interval * capacity,
        ),
        Block("state.chillers_on", [Signal("chillers_on", "-", 0.0, machines, "chillers wanted by the staging")]),
    ] + (
        []
        if "staging" in hall
        else [
            Block(
                "state.stage_time",
                [Signal("stage_dwell_left", "s", 0.0, dwell, "until staging may change")],
                -1.0,
                dwell,
            ),
        ]
    )


def _staging(hall: Hall, interval: float) -> list[Block]:
    longest = max(float(getattr(hall.params, name)[0, 0]) for name in ("minimum_on_time", "minimum_off_time"))
    numbers = {
        "chilled_water_pumps": "chilled-water pumps that run",
        "condenser_water_pumps": "condenser-water pumps that run",
        "tower_cells": "tower cells that run",
    }
    blocks = [
        _rows(hall, "state.chiller_running", Signal("chiller_running", "-", 0.0, 1.0, "1 while it runs, chiller")),
        _rows(
            hall,
            "state.chiller_time",
            Signal(
                "chiller_time", "s", 0.0, longest, "since its start or stop, up to the longer minimum time, chiller"
            ),
        ),
    ]
    for name, meaning in numbers.items():
        _, low, high = range_of_request(hall, f"{name}_requested")
        blocks.append(Block(f"state.{name}_on", [Signal(f"{name}_on", "-", low, high, meaning)]))
    return blocks


def _tank(hall: Hall, interval: float) -> list[Block]:
    return [
        _rows(
            hall,
            "state.tank_profile",
            Signal("tank_temperature", "degC", 2.0, 40.0, "water in the storage tank, from top to bottom, at height"),
        ),
        Block(
            "state.tank_charge",
            [
                Signal(
                    "tank_charge",
                    "-",
                    0.0,
                    1.0,
                    "share of the tank that is as cold as supply and not as warm as return",
                )
            ],
        ),
        Block(
            "state.tank_flow",
            [Signal("tank_flow", "-", -1.0, 1.0, "flow through the tank over nominal, above 0 charging")],
        ),
    ]


def _tower(hall: Hall, interval: float) -> list[Block]:
    return [
        Block(
            "state.condenser_water_supply_temperature",
            [Signal("condenser_water_supply_temperature", "degC", 0.0, 45.0, "water from the tower")],
        ),
        Block("state.tower_air_fraction", [Signal("tower_air_fraction", "-", 0.0, 1.0, "tower fan speed")]),
    ]


def _economizer(hall: Hall, interval: float) -> list[Block]:
    dwell = float(hall.params.mode_time_min[0, 0])
    return [
        Block("state.mode", [Signal("mode", "-", 0.0, 2.0, "0 mechanical, 1 integrated, 2 free cooling")]),
        Block(
            "state.mode_time", [Signal("mode_dwell_left", "s", 0.0, dwell, "until the mode may change")], -1.0, dwell
        ),
    ]


def _liquid(hall: Hall, interval: float) -> list[Block]:
    cdus = range(1, hall.cdu_groups + 1)
    return [
        Block(
            "measured.case_max",
            [Signal(f"case_max_{k}", "degC", 20.0, 100.0, f"hottest case in the step, CDU group {k}") for k in cdus],
        ),
        _rows(
            hall,
            "state.coolant_supply_temperature",
            Signal("coolant_supply_temperature", "degC", 10.0, 60.0, "coolant to the plates, CDU group"),
        ),
        _rows(
            hall,
            "state.coolant_return_temperature",
            Signal("coolant_return_temperature", "degC", 10.0, 80.0, "coolant from the plates, CDU group"),
        ),
        _rows(hall, "state.cdu_pump_speed", Signal("cdu_pump_speed", "-", 0.0, 1.0, "running pump speed of CDU group")),
        _rows(
            hall,
            "state.cdu_valve_position",
            Signal("cdu_valve_position", "-", 0.0, 1.0, "facility-water valve of CDU group"),
        ),
        Block(
            "state.case_protection",
            [Signal("case_protection", "-", 0.0, 1.0, "1 while a hot case has taken pumps, fans and set-points over")],
        ),
        Block(
            "state.it_power_peak",
            [Signal("peak_power", "-", 0.0, 1.5, "highest IT power in the step over design IT power")],
            hall.design_it_power,
        ),
        Block("state.coolant_floor", [Signal("coolant_floor", "degC", -30.0, 40.0, "dew point and margin")]),
    ]


def _dry_coolers(hall: Hall, interval: float) -> list[Block]:
    return [
        Block(
            "state.facility_water_supply_temperature",
            [Signal("facility_water_supply_temperature", "degC", 5.0, 60.0, "water from the dry coolers")],
        ),
        Block(
            "state.facility_water_return_temperature",
            [Signal("facility_water_return_temperature", "degC", 5.0, 80.0, "water from the CDUs")],
        ),
        Block(
            "state.dry_cooler_fan_speed",
            [Signal("dry_cooler_fan_speed", "-", 0.0, 1.0, "running fan speed of the dry coolers")],
        ),
        Block(
            "state.pad_wetted_share", [Signal("pad_wetted_share", "-", 0.0, 1.0, "share of the pads that is wetted")]
        ),
    ]


def _rack_fronts(hall: Hall, interval: float) -> list[Block]:
    meaning = "air at a level of a rack group's front, levels of group 1 from the floor up, then of the next:"
    return [_rows(hall, "state.front_inlet", Signal("rack_front", "degC", 10.0, 45.0, meaning))]


_SEEN = {
    "room": _room,
    "rack_fronts": _rack_fronts,
    "moisture": _moisture,
    "coils": _coils,
    "outdoor_air": _outdoor_air,
    "evaporative": _evaporative,
    "dx": _dx,
    "chilled_water": _chilled_water,
    "staging": _staging,
    "tank": _tank,
    "tower": _tower,
    "economizer": _economizer,
    "liquid": _liquid,
    "dry_coolers": _dry_coolers,
}
"""What is seen of each part."""


def _drivers(hall: Hall) -> list[Block]:
    return [
        Block("driven.utilization_mean", [Signal("utilization_mean", "-", 0.0, 1.0, "mean load of the hall")]),
        Block(
            "driven.utilization_slope",
            [Signal("utilization_slope", "-", -0.5, 0.5, "change of the mean load in the last hour")],
        ),
        Block("input.dry_bulb_temperature", [Signal("dry_bulb_temperature", "degC", -35.0, 55.0, "outdoor air")]),
        Block("input.wet_bulb_temperature", [Signal("wet_bulb_temperature", "degC", -35.0, 40.0, "outdoor air")]),
        Block("driven.hour_sin", [Signal("hour_sin", "-", -1.0, 1.0, "time of day")]),
        Block("driven.hour_cos", [Signal("hour_cos", "-", -1.0, 1.0, "time of day")]),
        Block("driven.week_sin", [Signal("week_sin", "-", -1.0, 1.0, "time of week")]),
        Block("driven.week_cos", [Signal("week_cos", "-", -1.0, 1.0, "time of week")]),
        Block(
            "driven.price",
            [Signal("price", "1/kWh", -0.2, 0.8, "price of electricity in the grid profile's currency")],
        ),
        Block(
            "driven.carbon_intensity",
            [Signal("carbon_intensity", "kg/kWh", 0.0, 1.2, "carbon intensity of electricity")],
        ),
    ]


def scaling(signals: Sequence[Signal]) -> tuple[np.ndarray, np.ndarray]:
    """Offset and factor, shape ``(F,)``, with which ``(value - offset) * factor`` lies in -1 to 1."""
    low = np.array([signal.low for signal in signals])
    high = np.array([signal.high for signal in signals])
    return 0.5 * (low + high), 2.0 / (high - low)
