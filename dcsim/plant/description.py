"""What a person writes about a hall: sections of quantities, each with its unit and source, read from YAML and checked.

A preset file is a mapping of the sections below; every number is written as ``{value: 5.0, unit: K, source: "..."}`` (``values`` for one
number per rack group). Units must be the canonical ones stated here, so a file says what it means; unknown keys, wrong units and values
out of range are refused with one line that names file, field and remedy.
"""

import difflib
import functools
import hashlib
import json
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from dcsim.errors import InputError, shown
from dcsim.physics import dx_coil
from dcsim.physics.chiller_curves import CURVE_SETS
from dcsim.physics.constants import AIR_SPECIFIC_HEAT


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Quantity(_Frozen):
    """A number with its unit and where it comes from."""

    value: float
    unit: str
    source: str = Field(min_length=4)


class Series(_Frozen):
    """One number per component, with unit and source."""

    values: tuple[float, ...]
    unit: str
    source: str = Field(min_length=4)


def _in(unit: str, above: float | None = None, least: float | None = None, most: float | None = None) -> AfterValidator:
    """Return a validator: the quantity is in ``unit``, above or at least a bound, and at most another."""

    def check(quantity: Quantity | Series) -> Quantity | Series:
        if quantity.unit != unit:
            raise ValueError(f"unit is {quantity.unit!r}, expected {unit!r}")
        for value in quantity.values if isinstance(quantity, Series) else (quantity.value,):
            if above is not None and not value > above:
                raise ValueError(f"{value:g} {unit} is not above {above:g}")
            if least is not None and value < least:
                raise ValueError(f"{value:g} {unit} is below {least:g}")
            if most is not None and value > most:
                raise ValueError(f"{value:g} {unit} is above {most:g}")
        return quantity

    return AfterValidator(check)


Temperature = Annotated[Quantity, _in("degC", least=-40.0, most=120.0)]
Difference = Annotated[Quantity, _in("K", least=0.0, most=60.0)]
Power = Annotated[Quantity, _in("W", least=0.0)]
Capacity = Annotated[Quantity, _in("W", above=0.0)]
MassFlow = Annotated[Quantity, _in("kg/s", above=0.0)]
Conductance = Annotated[Quantity, _in("W/K", least=0.0)]
HeatCapacity = Annotated[Quantity, _in("J/K", above=0.0)]
Fraction = Annotated[Quantity, _in("-", least=0.0, most=1.0)]
Share = Annotated[Quantity, _in("-", above=0.0, most=1.0)]
Number = Annotated[Quantity, _in("-", above=0.0)]
Time = Annotated[Quantity, _in("s", above=0.0)]
Energy = Annotated[Quantity, _in("J", least=0.0)]
PerKelvin = Annotated[Quantity, _in("1/K", least=-0.05, most=0.05)]
AirChanges = Annotated[Quantity, _in("1/h", least=0.0, most=20.0)]  # of the room's air
Coefficients = Annotated[Series, _in("-")]
Captures = Annotated[Series, _in("-", least=0.0, most=0.98)]
Factors = Annotated[Series, _in("-", above=0.0)]
Places = Annotated[Series, _in("m")]


class FanRamp(_Frozen):
    """Fans of the servers: idle speed up to an inlet temperature, full speed at another."""

    speed_min: Share
    start_temperature: Temperature
    end_temperature: Temperature


class Racks(_Frozen):
    """Rack groups: each stands for many racks and acts as one."""

    groups: int = Field(ge=1, le=2000)
    racks_per_group: int = Field(ge=1)
    rack_power: Capacity  # peak of one rack, server fans apart
    relative_power: Factors  # one factor a group, mean 1
    idle_fraction: Fraction
    power_exponent: Number
    leakage_coefficient: PerKelvin
    leakage_reference_temperature: Temperature
    power_from: Literal["utilization", "meter"] = "utilization"  # meter: power by group, and other IT power, is given
    temperature_rise: Difference | None = (
        None  # of the air at nominal flow: a ramp's full load and idle speed, a flow curve's 1
    )
    fan_ramp: FanRamp | None = None
    flow_curve: Coefficients | None = None  # flow over nominal: constant, per load, per degC of inlet
    flow_ratio_max: Number | None = None  # of a flow curve: where the fans run as fast as they can
    fan_flow: MassFlow | None = None  # of one rack at the usual speed, of fans whose speed over that is given
    fan_power_max_fraction: Fraction  # of peak power; of fans whose speed is given, at the usual one
    fan_time_constant: Time
    sensor_time_constant: Time | None = None  # of the inlet temperature that the fans follow
    heat_capacity_per_power: Annotated[Quantity, _in("J/(K W)", above=0.0)]
    effectiveness: Share
    mass_share: Share | None = None  # of the heat that passes through the mass; all of it unless given

    @model_validator(mode="after")
    def _a_meter_sees_leakage(self) -> "Racks":
        if self.power_from == "meter" and self.leakage_coefficient.value:
            raise ValueError("power_from: meter has the leakage in it; give leakage_coefficient 0")
        return self

    @model_validator(mode="after")
    def _one_way_to_say_flow(self) -> "Racks":
        if sum(way is not None for way in (self.fan_ramp, self.flow_curve, self.fan_flow)) != 1:
            raise ValueError("give either fan_ramp, flow_curve or fan_flow")
        if (self.temperature_rise is None) == (self.fan_flow is None):
            raise ValueError("give temperature_rise with fan_ramp or flow_curve, and only then")
        if self.flow_curve is not None and len(self.flow_curve.values) != 3:
            raise ValueError("flow_curve has three values: constant, per load, per degC of inlet")
        if self.flow_ratio_max is not None and self.flow_curve is None:
            raise ValueError("give flow_ratio_max with flow_curve only")
        return self


class Placement(_Frozen):
    """Where things stand in a hall of several cold aisles, instead of evenly along one line.

    A CRAH group reaches the racks of its own cold aisle, by the distance along it; hot air mixes across the hall.
    """

    length: Annotated[
        Quantity, _in("m", above=0.0)
    ]  # of the hall along its rows, to which the lengths of air paths refer
    rack_aisles: tuple[int, ...]  # number of the cold aisle, one a group
    rack_along: Places
    rack_across: Places
    crah_aisles: tuple[int, ...]
    crah_along: Places
    cell_along: Places | None = None  # one cell where each rack group stands unless given
    cell_across: Places | None = None

    @model_validator(mode="after")
    def _every_aisle_has_both(self) -> "Placement":
        if set(self.rack_aisles) != set(self.crah_aisles):
            raise ValueError("every cold aisle has rack groups and CRAH groups")
        if (self.cell_along is None) != (self.cell_across is None):
            raise ValueError("give cell_along with cell_across, and only then")
        return self


class AirPaths(_Frozen):
    """How air finds its way between CRAHs, racks and hot-air cells."""

    hot_cell_length: Number  # mixing length over hall length
    supply_reach_length: Number  # reach of a CRAH group over hall length
    demand_following: Fraction
    starvation_gain: Annotated[Quantity, _in("-", least=0.0, most=5.0)]
    placement: Placement | None = None


class RackFronts(_Frozen):
    """Levels of the racks' fronts, from the floor up, which draw the same flow each."""

    relative_shortfall: Annotated[Series, _in("-", least=0.0, most=2.0)]  # weight in the hot air that supply lacks
    surface_share: Annotated[Series, _in("-", least=0.0, most=0.95)]  # of cabinets, walls, ceiling in what is read

    @model_validator(mode="before")
    @classmethod
    def _air_alone_unless_given(cls, content: Any) -> Any:
        try:
            levels = len(content["relative_shortfall"]["values"])
        except (KeyError, TypeError):
            return content  # which is then refused for itself
        share = {"values": [0.0] * levels, "unit": "-", "source": "sensors that show the air alone"}
        return {"surface_share": share, **content}

    @model_validator(mode="after")
    def _one_share_a_level(self) -> "RackFronts":
        if len(self.surface_share.values) != len(self.relative_shortfall.values):
            raise ValueError(
                f"surface_share has {len(self.surface_share.values)} values, relative_shortfall another number"
            )
        return self

    @model_validator(mode="after")
    def _of_mean_one(self) -> "RackFronts":
        weights = self.relative_shortfall.values
        if not weights or abs(sum(weights) / len(weights) - 1.0) > 1e-6:
            raise ValueError(f"relative_shortfall has the mean {sum(weights) / max(len(weights), 1):g}, expected 1")
        return self


class Slab(_Frozen):
    """The floor of a one-zone hall in layers that store ``room.mass_heat_capacity``, adiabatic below.

    Air warms it by natural convection, and by way of walls and ceiling that radiate to it. Each convection has two coefficients, for air
    warmer and for air colder than the slab.
    """

    layers: int = Field(ge=2, le=20)
    conductance: Annotated[Quantity, _in("W/K", above=0.0)]  # through the whole slab
    convection: Annotated[Series, _in("W/K^(4/3)", above=0.0)]  # to the slab
    enclosure_convection: Annotated[Series, _in("W/K^(4/3)", above=0.0)]  # to walls and ceiling
    radiation: Annotated[Quantity, _in("W/K", above=0.0)]  # between these and the slab

    @model_validator(mode="after")
    def _both_signs(self) -> "Slab":
        if {len(self.convection.values), len(self.enclosure_convection.values)} != {2}:
            raise ValueError("convection has two values, for air warmer and for air colder than the slab")
        return self


class Room(_Frozen):
    """Shares of the air, and what stores heat."""

    hot_air_cells: int = Field(ge=1, le=64)
    supply_leakage: Annotated[Quantity, _in("-", least=0.0, most=0.6)]
    recirculation_min: Annotated[Quantity, _in("-", least=0.0, most=0.6)]
    relative_recirculation: Factors  # one factor a group
    cold_air_heat_capacity: HeatCapacity
    hot_air_heat_capacity: HeatCapacity
    mass_heat_capacity: HeatCapacity
    mass_conductance: Annotated[Quantity, _in("W/K", above=0.0)]
    slab: Slab | None = None  # instead of one lump at mass_conductance
    return_air_heat_capacity: HeatCapacity | None = None  # of a plenum between a one-zone hall and its coils
    envelope_conductance: Conductance
    sol_air: bool = False  # whether the envelope sees a sol-air temperature of its own instead of the dry bulb
    surroundings_temperature: Temperature | None = (
        None  # of the building that the hall stands in, instead of the dry bulb
    )
    air_specific_heat: Annotated[Quantity, _in("J/(kg K)", above=900.0, most=1200.0)] = Quantity(
        value=AIR_SPECIFIC_HEAT, unit="J/(kg K)", source="dry air, ASHRAE Handbook Fundamentals"
    )


class Crahs(_Frozen):
    """Fans of the computer-room air handlers or air conditioners, in groups that act as one."""

    groups: int = Field(ge=1, le=64)
    mass_flow: MassFlow  # all groups at full speed
    fan_power: Power  # all groups at full speed
    fan_linear_share: Fraction | None = None  # the rest of the power goes with the cube of the speed
    fan_curve: Coefficients | None = None  # power over that at full speed, cubic of the speed
    fan_curve_speed_min: Fraction | None = None  # below which the curve's power stays
    fan_time_constant: Time
    return_air_time_constant: Time | None = None  # of fans that hold the return air
    return_air_reach: Literal["setpoint", "actual"] = (
        "setpoint"  # difference to supply air by which these divide the load
    )
    flow_ratio_min: Number
    supply_air_heat_capacity: HeatCapacity

    @model_validator(mode="after")
    def _one_way_to_say_power(self) -> "Crahs":
        if (self.fan_linear_share is None) == (self.fan_curve is None):
            raise ValueError("give either fan_linear_share or fan_curve")
        if (self.fan_curve is None) != (self.fan_curve_speed_min is None):
            raise ValueError("give fan_curve_speed_min with fan_curve, and only then")
        if self.fan_curve is not None and len(self.fan_curve.values) != 4:
            raise ValueError("fan_curve has four values, of a cubic")
        return self


class Moisture(_Frozen):
    """Outdoor air that comes in, the humidifier, and what the room's humidity should be."""

    infiltration: AirChanges  # outdoor air as it is
    ventilation: AirChanges  # outdoor air through a make-up air unit, which cools and so dries it
    make_up_air_temperature: Temperature  # greatest at which it leaves that unit, saturated at most
    make_up_air_cop: Number
    humidifier: Literal["steam", "adiabatic"]
    humidifier_capacity: Annotated[Quantity, _in("kg/s", least=0.0)]  # vapour
    humidifier_dew_point: Temperature  # of the room, at and above which nothing is added
    humidifier_band: Annotated[Quantity, _in("K", above=0.0, most=20.0)]  # below it, over which the output rises
    humidifier_efficiency: Share  # of the boiler, or of the pump
    humidifier_drain_share: Annotated[Quantity, _in("-", least=0.0, most=0.9)]  # of the water drawn
    feed_water_temperature: Temperature | None = None  # of a steam humidifier
    pump_pressure: Annotated[Quantity, _in("Pa", above=0.0)] | None = None  # of an adiabatic humidifier
    dew_point_max: Temperature
    dew_point_min: Temperature
    relative_humidity_max: Share

    @model_validator(mode="after")
    def _one_kind_of_humidifier(self) -> "Moisture":
        is_steam = self.humidifier == "steam"
        if is_steam != (self.feed_water_temperature is not None) or is_steam == (self.pump_pressure is not None):
            raise ValueError(
                "give feed_water_temperature with humidifier: steam, pump_pressure with humidifier: adiabatic"
            )
        return self


class Evaporative(_Frozen):
    """Evaporative coolers in the outdoor air: first an indirect one, then a direct one; an effectiveness of 0 leaves one out."""

    indirect_effectiveness: Annotated[Quantity, _in("-", least=0.0, most=0.95)]  # over the distance to the wet bulb
    direct_effectiveness: Annotated[Quantity, _in("-", least=0.0, most=0.98)]  # likewise
    pressure_drop: Annotated[Quantity, _in("Pa", least=0.0)]  # of pads and exchanger, all air from outdoors
    pump_power: Power  # all pads wetted
    secondary_fan_power: Power  # of the indirect coolers' other side, all units
    cycles_of_concentration: Annotated[Quantity, _in("-", above=1.0)]


class OutdoorAir(_Frozen):
    """Mixing boxes in front of the units, that let outdoor air in, and the weather in which they may.

    A part that any hall with ``moisture`` may have, with ``setpoints.outdoor_air_share``; and with ``evaporative`` coolers,
    ``setpoints.evaporative_share``. With ``dampers: given`` the share of outdoor air is an input, as a log has it, whatever the weather.
    """

    dampers: Literal["control", "given"] = "control"
    share_min: Annotated[Quantity, _in("-", least=0.0, most=0.9)]  # that closed dampers let through
    stroke_time: Time
    time_constant: Time
    pressure_drop: Annotated[Quantity, _in("Pa", least=0.0)]  # of louvers, filters and dampers, all air from outdoors
    fan_efficiency: Share  # of fan, motor and drive
    dry_bulb_max: Temperature
    dry_bulb_min: Temperature
    dew_point_max: Temperature
    dew_point_min: Temperature
    enthalpy_max: Annotated[Quantity, _in("J/kg", above=0.0)]
    deadband: Annotated[Quantity, _in("K", above=0.0, most=10.0)]  # outside of the limits, before it is locked out
    lockout_time: Time  # least time that it then stays so
    changeover_time: Time  # over which open dampers are closed then
    evaporative: Evaporative | None = None


class Coils(_Frozen):
    """Chilled-water coils of the CRAHs."""

    conductance: Annotated[Quantity, _in("W/K", above=0.0)]  # all coils at nominal flows
    air_resistance_share: Annotated[Quantity, _in("-", above=0.0, most=0.99)]
    water_flow: MassFlow  # all coils, valves open, pump at full speed
    rating_air_temperature: Temperature  # entering
    rating_water_temperature: Temperature  # entering
    air_film_coefficient: PerKelvin  # relative change of the air film's conductance
    wetted: bool = False  # all over by water below the dew point of the zone, whose humidity is given
    entering_air_max: Temperature | None = None  # of hotter air the coil takes no more; the rest stays in the zone
    valve_fraction_min: Share
    valve_time_constant: Time


class Dx(_Frozen):
    """Direct-expansion evaporators in place of coils, a compressor in each unit, condensers outdoors.

    ``curves`` names a set of ``dcsim.physics.dx_coil.CURVE_SETS``, ``compressor`` a kind of its ``PART_LOAD``. With ``compressors: given``
    which of them run is an input, as a log has it, whatever their thermostats would do.
    """

    curves: str
    compressor: str
    compressors: Literal["control", "given"] = "control"
    capacity: Capacity  # all units at rating, sensible and latent
    cop: Number  # at rating, compressors and condenser fans
    sensible_heat_ratio: Share  # at rating and the units' air flow
    condenser_air_excess: Difference  # of the air onto the condensers above the outdoor air
    on_time_min: Time
    off_time_min: Time
    start_load: Share
    stop_load: Share
    request_hysteresis: Annotated[Quantity, _in("-", least=0.0, most=0.4)]
    start_time_constant: Time
    control_time_constant: Time

    @model_validator(mode="after")
    def _known_machine(self) -> "Dx":
        for what, name, known in (
            ("curve set", self.curves, dx_coil.CURVE_SETS),
            ("kind of compressor", self.compressor, dx_coil.PART_LOAD),
        ):
            if name not in known:
                raise ValueError(f"no direct-expansion {what} {name!r}{nearest(name, known)}")
        if not self.stop_load.value < self.start_load.value:
            raise ValueError("stop_load is not below start_load")
        return self


class ChilledWater(_Frozen):
    """The loop between coils and chillers."""

    supply_heat_capacity: HeatCapacity
    return_heat_capacity: HeatCapacity
    flow_share_min: Share
    pump_power: Power  # all pumps at full speed
    pump_follows_flow: bool = False  # speed in proportion to the flow, instead of one that is asked for
    pumps: int = Field(default=1, ge=1, le=64)  # alike, in parallel, may fail one by one
    pump_motor_efficiency: Share | None = (
        None  # of these and of the towers' pumps, where the motors' losses do not warm the water
    )
    supply_excess_max: Difference


class DistrictCooling(_Frozen):
    """Chilled water from outside the site, in place of coils, chillers and tower; its supply temperature is given."""

    supply_air_time_constant: Time  # of the supply air behind its set-point
    water_flow: MassFlow
    heat_capacity: HeatCapacity  # of the water between coils and the meter of heat


class Chillers(_Frozen):
    """Alike machines in parallel. ``curves`` names a set of ``dcsim.physics.chiller_curves``; ``carnot`` is a share of the Carnot COP.

    With ``staging: action`` a controller asks for numbers of chillers, pumps and tower cells; with ``given`` which chillers run is an input,
    as a log has it; else the plant stages by itself.
    """

    count: int = Field(ge=1, le=64)
    curves: str
    part_load_curves: str
    capacity: Capacity
    cop: Number | None = None  # of a curve set, at its reference
    carnot_effectiveness: Share | None = None
    cop_max: Number
    load_max: Number | None = (
        None  # greatest load over capacity, where it is not 1 (EnergyPlus: greatest part-load ratio)
    )
    as_published: bool = False  # curves at the edge of their range beyond it, power as they give it (EnergyPlus)
    chilled_water_head: Fraction  # of the head of the chilled-water pumps
    # of machines on condenser water, that is with a tower
    condenser_range: Annotated[Quantity, _in("K", least=1.0, most=20.0)] | None = None  # at rating and catalogue flow
    condenser_water_head: Fraction | None = None  # of the head of the condenser-water pumps
    condenser_water_temperature_min: Temperature | None = None
    start_time_constant: Time
    control_time_constant: Time
    control: Literal["supply", "leaving"] = (
        "supply"  # of the loop within the time constant, or of the water leaving a chiller
    )
    stage_up_load: Share
    stage_down_load: Share
    stage_time_min: Time
    staging: Literal["plant", "action", "given"] = "plant"
    minimum_on_time: Time | None = None  # of one machine; these three are for staging: action
    minimum_off_time: Time | None = None
    start_energy: Energy | None = None  # of one start, in excess of what its cooling needs

    @model_validator(mode="after")
    def _action_has_its_times(self) -> "Chillers":
        times = (self.minimum_on_time, self.minimum_off_time, self.start_energy)
        if self.staging == "action" and None in times:
            raise ValueError("give minimum_on_time, minimum_off_time and start_energy with staging: action")
        return self

    @model_validator(mode="after")
    def _one_way_to_say_efficiency(self) -> "Chillers":
        sets = [name for name, curves in CURVE_SETS.items() if not curves.is_air_cooled]
        for name, known in ((self.curves, [*sets, "carnot"]), (self.part_load_curves, sets)):
            if name not in known:
                raise ValueError(f"no water-cooled curve set {name!r}{nearest(name, known)}")
        if (self.curves == "carnot") != (self.carnot_effectiveness is not None):
            raise ValueError("give carnot_effectiveness with curves: carnot, and only then")
        if (self.curves == "carnot") == (self.cop is not None):
            raise ValueError("give cop with a curve set, and only then")
        return self


class Tank(_Frozen):
    """Stratified chilled-water tank beside the chillers, an upright cylinder outdoors, with a pump of its own."""

    volume: Annotated[Quantity, _in("m3", above=0.0)]
    height: Annotated[Quantity, _in("m", above=0.0, most=60.0)]
    nodes: int = Field(default=20, ge=2, le=100)
    insulation_thickness: Annotated[Quantity, _in("m", above=0.0, most=1.0)]
    insulation_conductivity: Annotated[Quantity, _in("W/(m K)", above=0.0, most=1.0)]
    water_flow: MassFlow  # at a charge or discharge of 1
    pump_power: Power  # at that flow
    pump_static_share: Fraction  # of the pump's head: what does not fall with flow
    valve_time_constant: Time
    initial_charge: Fraction  # cold share of the tank at the start of an episode


class AirCondensers(_Frozen):
    """Condensers that give the chillers' heat to the outdoor air, where there is no tower; ``carnot`` machines only."""

    condensing_rise: Annotated[Quantity, _in("K", least=5.0, most=25.0)]  # of the refrigerant above entering air
    air_temperature_min: Temperature  # below which head-pressure control holds the condensing temperature


class Economizer(_Frozen):
    """Water-side heat exchanger upstream of the chillers."""

    effectiveness: Annotated[Quantity, _in("-", above=0.0, most=0.98)]  # at nominal flows
    chilled_water_head: Fraction  # of the head of the chilled-water pumps
    condenser_water_head: Fraction  # of the head of the condenser-water pumps
    mode_time_min: Time
    mode_hysteresis: Annotated[Quantity, _in("-", least=0.0, most=0.4)]


class Tower(_Frozen):
    """Condenser water, its pumps, and the evaporative cooling towers."""

    water_flow: MassFlow
    heat_capacity: HeatCapacity
    cells: int = Field(default=1, ge=1, le=64)  # alike, in parallel, may fail one by one
    pumps: int = Field(default=1, ge=1, le=64)  # alike, in parallel, may fail one by one
    pump_power: Power  # all pumps at nominal flow
    pump_static_share: Fraction
    design_wet_bulb_temperature: Temperature
    design_approach: Annotated[Quantity, _in("K", least=1.0, most=20.0)]
    design_range: Annotated[Quantity, _in("K", least=1.0, most=20.0)]
    air_flow: MassFlow
    fan_power: Power
    air_fraction_min: Share
    free_convection: Share | None = (
        None  # capacity with still fans; such a tower has no bypass and may cool below its set-point
    )
    load_max: Capacity | None = None  # more is not asked of it
    conductance: Annotated[Quantity, _in("W/K", above=0.0)] | None = None  # instead of sizing by the design point
    fan_curve: Coefficients | None = (
        None  # power over nominal, cubic of the air fraction; a measured table where none is given
    )
    time_constant: Time
    drift_fraction: Annotated[Quantity, _in("-", least=0.0, most=0.01)]
    cycles_of_concentration: Annotated[Quantity, _in("-", above=1.0)]


class Liquid(_Frozen):
    """Cold plates, their technology loops and the coolant distribution units (CDUs), in groups that act as one."""

    cdu_groups: int = Field(ge=1, le=64)
    heat_capture: Captures  # one share of the power a rack group; 0 where it is air-cooled
    chip_power: Capacity  # of one chip when its rack is at its peak
    plate_resistance: Annotated[Quantity, _in("K/W", above=0.0)]  # case to entering coolant
    relative_resistance: Factors  # one factor a rack group; without effect where it is air-cooled
    plate_film_share: Fraction  # of the resistance that lies in the coolant
    plate_flow: Annotated[Quantity, _in("L/min", above=0.0)]  # through one plate, at which the resistance holds
    plate_heat_capacity: HeatCapacity  # one chip, lid and plate
    coolant_flow: Annotated[
        Quantity, _in("L/min/kW", above=0.0)
    ]  # per heat of the plates at the racks' peak, pumps at full speed
    supply_heat_capacity: HeatCapacity  # all loops
    return_heat_capacity: HeatCapacity  # all loops
    pump_power: Power  # all CDUs at full speed
    pump_time_constant: Time
    exchanger_approach: Annotated[
        Quantity, _in("K", least=1.0, most=20.0)
    ]  # coolant above facility water, all flows nominal
    exchanger_coolant_resistance_share: Annotated[Quantity, _in("-", above=0.0, most=0.99)]
    valve_authority: Share
    valve_stroke_time: Time
    valve_time_constant: Time
    dew_point_margin: Difference


class DryCoolers(_Frozen):
    """Facility water, its pumps, and the dry coolers with pads that may be wetted."""

    banks: int = Field(ge=1, le=100)  # of coolers, which may lose their fans one by one

    water_flow: MassFlow  # valves of all CDUs open
    flow_share_min: Share
    supply_heat_capacity: HeatCapacity
    return_heat_capacity: HeatCapacity
    pump_power: Power
    pump_static_share: Fraction
    design_dry_bulb_temperature: Temperature
    design_approach: Annotated[Quantity, _in("K", least=1.0, most=30.0)]  # of leaving water above entering air
    design_range: Annotated[Quantity, _in("K", least=1.0, most=30.0)]
    air_flow: MassFlow
    fan_power: Power
    fan_linear_share: Fraction
    fan_speed_min: Share
    time_constant: Time
    pad_effectiveness: Fraction
    pad_start_temperature: Annotated[Quantity, _in("degC", least=5.0, most=60.0)]
    pad_start_width: Annotated[Quantity, _in("K", above=0.0, most=10.0)]
    pad_deadband: Difference
    pad_band: Annotated[Quantity, _in("K", above=0.0, most=10.0)]
    pad_time_constant: Time
    pad_cycles_of_concentration: Annotated[Quantity, _in("-", above=1.0)]


class Electrical(_Frozen):
    """Losses between the meter and the racks."""

    ups_rated_power: Capacity
    ups_loss: Coefficients  # no-load, proportional, square, of the rating
    ups_heat_to_hall: Fraction | None = (
        None  # of its losses; the rest, or all, leaves by the ventilation of a room of its own
    )
    distribution_rated_power: Capacity
    distribution_loss: Coefficients
    lighting_power: Power


class Limits(_Frozen):
    """Temperatures that must hold, and when the equipment gives up."""

    inlet_limit: Temperature
    inlet_allowable: Temperature
    supply_limit: Temperature
    protection_release_temperature: Temperature
    trip_temperature: Temperature
    trip_time: Time
    # of halls with cold plates
    case_limit: Temperature | None = None
    case_protection_release_temperature: Temperature | None = None
    case_trip_temperature: Temperature | None = None


class Range(_Frozen):
    """What a set-point may be, and how fast it may move."""

    low: float
    high: float
    rate_per_minute: float = Field(gt=0)
    unit: Literal["degC", "-"]
    source: str = Field(min_length=4)

    @model_validator(mode="after")
    def _ordered(self) -> "Range":
        if not self.low < self.high:
            raise ValueError(f"low {self.low:g} is not below high {self.high:g}")
        return self


class Setpoints(_Frozen):
    """Ranges of the set-points a controller sends, for the equipment that a hall has."""

    supply_air_temperature: Range
    crah_fan_speed: Range
    return_air_temperature: Range | None = None
    chilled_water_temperature: Range | None = None
    condenser_water_temperature: Range | None = None
    chilled_water_pump_speed: Range | None = None
    condenser_water_flow: Range | None = None
    tank_flow: Range | None = None  # over nominal, charging above 0
    outdoor_air_share: Range | None = None  # greatest that the dampers may go to
    evaporative_share: Range | None = None  # greatest share of the pads that is wetted
    coolant_temperature: Range | None = None
    coolant_flow: Range | None = None
    facility_water_temperature: Range | None = None
    dry_cooler_fan_limit: Range | None = None


class HallDescription(_Frozen):
    """A whole hall as a person writes it; a section that may be left out describes equipment that a hall may lack."""

    name: str
    summary: str
    design_it_power: Capacity
    racks: Racks
    room: Room
    air_paths: AirPaths | None = None  # one well-mixed zone where there are none
    rack_fronts: RackFronts | None = None  # air in front of the racks by height
    crahs: Crahs
    moisture: Moisture | None = None
    outdoor_air: OutdoorAir | None = None
    coils: Coils | None = None
    district_cooling: DistrictCooling | None = None
    dx: Dx | None = None
    chilled_water: ChilledWater | None = None
    chillers: Chillers | None = None
    economizer: Economizer | None = None
    tank: Tank | None = None
    tower: Tower | None = None
    air_condensers: AirCondensers | None = None
    liquid: Liquid | None = None
    dry_coolers: DryCoolers | None = None
    electrical: Electrical
    limits: Limits
    setpoints: Setpoints
    workload: str  # name of the default load profile
    # asked for by a controller, within rates and until protection takes over; or those of a log, that were in force
    actions: Literal["asked", "logged"] = "asked"
    fan_rating: Literal["sea-level", "site"] = (
        "sea-level"  # where the fans move the air flows, and draw the power, that are described
    )

    @model_validator(mode="after")
    def _one_number_a_group(self) -> "HallDescription":
        for label, series in (
            ("racks.relative_power", self.racks.relative_power),
            ("room.relative_recirculation", self.room.relative_recirculation),
        ):
            if len(series.values) != self.racks.groups:
                raise ValueError(f"{label} has {len(series.values)} values for {self.racks.groups} rack groups")
        if self.air_paths is None and (self.room.hot_air_cells, self.crahs.groups) != (1, 1):
            raise ValueError("a hall without air_paths is one zone: one hot-air cell, one CRAH group")
        if self.rack_fronts is not None and self.air_paths is None:
            raise ValueError(
                "rack_fronts: the air in front of racks in one well-mixed zone has no heights; give air_paths"
            )
        if self.air_paths is not None and (self.entering_limit or self.slab or self.return_plenum):
            raise ValueError(
                "coils.entering_air_max, room.slab and room.return_air_heat_capacity are for a hall that is one zone, without air_paths"
            )
        if (self.setpoints.return_air_temperature is None) != (self.crahs.return_air_time_constant is None):
            raise ValueError("give setpoints.return_air_temperature with crahs.return_air_time_constant, and only then")
        if self.tank is not None and (self.chilled_water is None or self.chillers is None):
            raise ValueError("tank: a hall without chilled water and chillers has nothing to store")
        if self.district_cooling is not None and (self.coils or self.chilled_water or self.tower):
            raise ValueError("district_cooling stands in place of coils, chilled_water, chillers and tower")
        if self.district_cooling is not None and self.moisture is not None:
            raise ValueError("coils of district_cooling condense nothing; leave moisture out")
        if self.room.surroundings_temperature is not None and self.room.sol_air:
            raise ValueError("give either room.surroundings_temperature or room.sol_air")
        if (self.tank is None) != (self.setpoints.tank_flow is None):
            raise ValueError("give setpoints.tank_flow with a tank, and only then")
        if sum(section is not None for section in (self.coils, self.dx, self.district_cooling)) != 1:
            raise ValueError("give one of coils, dx and district_cooling")
        if self.outdoor_air is not None and self.moisture is None:
            raise ValueError("outdoor_air brings water: give moisture")
        for part, section, allowed in (
            ("outdoor_air", self.outdoor_air, self.setpoints.outdoor_air_share),
            ("outdoor_air.evaporative", self.evaporative, self.setpoints.evaporative_share),
        ):
            if (section is None) != (allowed is None):
                raise ValueError(f"give setpoints.{part.rpartition('.')[2]}_share with {part}, and only then")
        if self.racks.groups % self.crahs.groups:
            raise ValueError(f"{self.racks.groups} rack groups do not divide among {self.crahs.groups} CRAH groups")
        return self

    @model_validator(mode="after")
    def _every_group_has_its_place(self) -> "HallDescription":
        places = self.air_paths.placement if self.air_paths is not None else None
        if places is None:
            return self
        cells = (places.cell_along, places.cell_across) if places.cell_along is not None else ()
        for label, given, count in (
            ("rack", (places.rack_aisles, places.rack_along, places.rack_across), self.racks.groups),
            ("crah", (places.crah_aisles, places.crah_along), self.crahs.groups),
            ("cell", cells, self.room.hot_air_cells),
        ):
            sizes = [len(values.values if isinstance(values, Series) else values or ()) for values in given]
            if any(size != count for size in sizes):
                raise ValueError(f"air_paths.placement: {label}s have {sizes} places, and there are {count} of them")
        if not cells and self.room.hot_air_cells != self.racks.groups:
            raise ValueError("air_paths.placement: give cell_along and cell_across, or as many cells as rack groups")
        return self

    @model_validator(mode="after")
    def _what_belongs_together(self) -> "HallDescription":
        if self.chillers is not None:
            water = ("condenser_range", "condenser_water_head", "condenser_water_temperature_min")
            given = [name for name in water if getattr(self.chillers, name) is not None]
            if self.tower is not None and len(given) < len(water):
                raise ValueError(f"chillers on condenser water need {', '.join(water)}")
            if self.tower is None and given:
                raise ValueError(f"chillers.{given[0]} is of machines on condenser water, and there is no tower")
            if (self.tower is None) == (self.air_condensers is None):
                raise ValueError("chillers give their heat to a tower or to air_condensers: give one of the two")
            if self.tower is None and self.chillers.staging == "action":
                raise ValueError("chillers.staging: action is for machines on condenser water, and there is no tower")
            if self.air_condensers is not None and self.chillers.curves != "carnot":
                raise ValueError("chillers with air_condensers have curves: carnot")
        if self.liquid is None:
            return self
        if self.dry_coolers is None:
            raise ValueError("liquid needs dry_coolers, which take its heat")
        for label, values in (
            ("liquid.heat_capture", self.liquid.heat_capture.values),
            ("liquid.relative_resistance", self.liquid.relative_resistance.values),
        ):
            if len(values) != self.racks.groups:
                raise ValueError(f"{label} has {len(values)} values for {self.racks.groups} rack groups")
        cooled = sum(share > 0.0 for share in self.liquid.heat_capture.values)
        if not cooled or cooled % self.liquid.cdu_groups:
            raise ValueError(
                f"{cooled} liquid-cooled rack groups do not divide among {self.liquid.cdu_groups} CDU groups"
            )
        for name in ("case_limit", "case_protection_release_temperature", "case_trip_temperature"):
            if getattr(self.limits, name) is None:
                raise ValueError(f"limits.{name} is missing, which cold plates need")
        for name in ("coolant_temperature", "coolant_flow", "facility_water_temperature", "dry_cooler_fan_limit"):
            if getattr(self.setpoints, name) is None:
                raise ValueError(f"setpoints.{name} is missing, which a liquid-cooled hall needs")
        return self

    @property
    def return_air(self) -> Range | None:
        """Section of the part of that name."""
        return self.setpoints.return_air_temperature

    @property
    def sol_air(self) -> bool | None:
        """Section of the part of that name."""
        return self.room.sol_air or None

    @property
    def surroundings(self) -> Quantity | None:
        """Section of the part of that name."""
        return self.room.surroundings_temperature

    @property
    def metered_power(self) -> str | None:
        """Section of the part of that name."""
        return self.racks.power_from if self.racks.power_from == "meter" else None

    @property
    def direct_heat(self) -> Quantity | None:
        """Section of the part of that name."""
        return self.racks.mass_share

    @property
    def given_fans(self) -> Quantity | None:
        """Section of the part of that name."""
        return self.racks.fan_flow

    @property
    def is_driven_by_log(self) -> bool:
        """Whether it takes boundary conditions that only a log has: metered power, speeds of server fans, dampers, machines, bought water."""
        parts = (self.metered_power, self.given_fans, self.given_dampers, self.given_compressors, self.given_chillers)
        return self.actions == "logged" or any(part is not None for part in (*parts, self.district_cooling))

    @property
    def wetted_coils(self) -> bool | None:
        """Section of the part of that name."""
        return (self.coils.wetted or None) if self.coils else None

    @property
    def entering_limit(self) -> Quantity | None:
        """Section of the part of that name."""
        return self.coils.entering_air_max if self.coils else None

    @property
    def slab(self) -> Slab | None:
        """Section of the part of that name."""
        return self.room.slab

    @property
    def pump_motors(self) -> Quantity | None:
        """Section of the part of that name."""
        return self.chilled_water.pump_motor_efficiency if self.chilled_water and self.tower else None

    @property
    def actual_reach(self) -> Crahs | None:
        """Section of the part of that name."""
        return self.crahs if self.return_air is not None and self.crahs.return_air_reach == "actual" else None

    @property
    def return_plenum(self) -> Quantity | None:
        """Section of the part of that name."""
        return self.room.return_air_heat_capacity

    @property
    def inlet_sensors(self) -> Quantity | None:
        """Section of the part of that name."""
        return self.racks.sensor_time_constant

    @property
    def leaving_control(self) -> Chillers | None:
        """Section of the part of that name."""
        return self.chillers if self.chillers is not None and self.chillers.control == "leaving" else None

    @property
    def chiller_load_limit(self) -> Quantity | None:
        """Section of the part of that name."""
        return self.chillers.load_max if self.chillers else None

    @property
    def tower_load_limit(self) -> Quantity | None:
        """Section of the part of that name."""
        return self.tower.load_max if self.tower else None

    @property
    def tower_fan_curve(self) -> Quantity | Series | None:
        """Section of the part of that name."""
        return self.tower.fan_curve if self.tower else None

    @property
    def free_convection(self) -> Quantity | None:
        """Section of the part of that name."""
        return self.tower.free_convection if self.tower else None

    @property
    def ramp_fans(self) -> FanRamp | None:
        """Section of the part of that name."""
        return self.racks.fan_ramp

    @property
    def staging(self) -> Chillers | None:
        """Section of the part of that name."""
        return self.chillers if self.chillers is not None and self.chillers.staging == "action" else None

    @property
    def curve_fans(self) -> Quantity | Series | None:
        """Section of the part of that name."""
        return self.racks.flow_curve

    @property
    def evaporative(self) -> Evaporative | None:
        """Section of the part of that name."""
        return self.outdoor_air.evaporative if self.outdoor_air is not None else None

    @property
    def kind(self) -> str:
        """What cools the hall, which decides the laws it is run by."""
        kinds = {"district-cooling": self.district_cooling, "dx": self.dx, "liquid": self.liquid}
        return next((kind for kind, section in kinds.items() if section is not None), "chilled-water")

    @property
    def given_dampers(self) -> str | None:
        """Section of the part of that name."""
        return "given" if self.outdoor_air is not None and self.outdoor_air.dampers == "given" else None

    @property
    def given_compressors(self) -> str | None:
        """Section of the part of that name."""
        return "given" if self.dx is not None and self.dx.compressors == "given" else None

    @property
    def given_chillers(self) -> str | None:
        """Section of the part of that name."""
        return "given" if self.chillers is not None and self.chillers.staging == "given" else None

    @property
    def condensing_coils(self) -> Moisture | None:
        """Section of the part of that name: coils of a hall whose air holds water."""
        return self.moisture if self.coils is not None else None

    def digest(self) -> str:
        """SHA-256 of the content, whatever the order in the file."""
        return hashlib.sha256(json.dumps(self.model_dump(mode="json"), sort_keys=True).encode()).hexdigest()

    def replaced(self, changes: dict[str, Any]) -> "HallDescription":
        """Return a copy with some values changed and checked again.

        Parameters
        ----------
        changes : dict
            Dotted field to its new value, for instance ``{"crahs.fan_power": 80e3}``; a quantity keeps its unit, and its source says
            that it was changed. None takes away what may be left out.

        Raises
        ------
        InputError
            For an unknown field or a value that is not valid.
        """
        content = self.model_dump(mode="json")
        for path, value in changes.items():
            if not isinstance(path, str):
                raise InputError(f"hall field {shown(path)}: expected a dotted name such as 'crahs.fan_power'")
            node: Any = content
            *parents, leaf = path.split(".")
            for key in parents:
                node = node[_known(key, node, path)]
            old = node[_known(leaf, node, path)]
            if isinstance(old, dict) and "source" in old and not isinstance(value, dict) and value is not None:
                slot = "values" if "values" in old else "value"
                node[leaf] = {**old, slot: value, "source": f"changed by the user; before: {old['source']}"}
            else:
                node[leaf] = value
        return parse_hall(content, f"{self.name} with changes")


def _known(key: str, node: Any, path: str) -> str:
    if not isinstance(node, dict) or key not in node:
        raise InputError(f"hall field {path!r}: no {key!r} here{nearest(key, node if isinstance(node, dict) else ())}")
    return key


def nearest(word: str, choices: Any) -> str:
    """Return '; nearest is ...' for an error message, or the whole choice if nothing is near."""
    names = sorted(str(choice) for choice in choices)
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.4)
    if close:
        return f"; nearest is {close[0]!r}"
    return f"; known: {', '.join(names)}" if names else ""


def parse_hall(content: Any, origin: str) -> HallDescription:
    """Check a mapping read from ``origin``; ``InputError`` with one line naming origin, field and remedy."""
    if not isinstance(content, dict):
        raise InputError(f"{origin}: expected a mapping of hall sections")
    try:
        return HallDescription.model_validate(content)
    except ValidationError as error:
        errors = error.errors(include_url=False)
        # A slip in a key also leaves the right key missing: the slip is what to mend.
        first = next((one for one in errors if one["type"] == "extra_forbidden"), errors[0])
        place = [str(part) for part in first["loc"]]
        problem = str(first["msg"]).removeprefix("Value error, ")
        if first["type"] == "extra_forbidden":
            problem = "unknown key" + nearest(place[-1], _keys_beside(place[:-1]))
        raise InputError(f"{origin}: {'.'.join(place) or 'hall'}: {problem}") from None


def _keys_beside(place: list[str]) -> list[str]:
    model: Any = HallDescription
    for part in place:
        field = getattr(model, "model_fields", {}).get(part)
        model = field.annotation if field is not None else None
    return list(getattr(model, "model_fields", {}))


def hall_names() -> list[str]:
    """Names of the built-in halls."""
    return sorted(item.name.removesuffix(".yaml") for item in _preset_folder().iterdir() if item.name.endswith(".yaml"))


def load_hall(name: str | Path) -> HallDescription:
    """Read a built-in hall by name, or a YAML file by path.

    Raises
    ------
    InputError
        For an unknown name, a file that is not there or not a valid description.
    """
    if str(name) in hall_names():
        return _built_in(str(name))
    path = Path(name)
    if path.suffix not in {".yaml", ".yml"}:
        raise InputError(
            f"hall {shown(str(name))} is neither built in nor a .yaml file{nearest(str(name), hall_names())}"
        )
    try:
        is_file, is_folder = path.is_file(), path.is_dir()
    except (OSError, ValueError):  # too long, or with a zero byte
        is_file = is_folder = False
    if not is_file:
        raise InputError(f"{shown(str(path))}: {'a folder, not a hall file' if is_folder else 'no such hall file'}")
    return parse_hall(_read(path.read_text, str(path)), str(path))


@functools.cache
def _built_in(name: str) -> HallDescription:
    return parse_hall(_read(_preset_folder().joinpath(f"{name}.yaml").read_text, name), name)


def _preset_folder() -> Any:
    return resources.files("dcsim.plant").joinpath("presets")


def _read(read_text: Callable[[], str], origin: str) -> Any:
    try:
        return yaml.safe_load(read_text())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f" line {mark.line + 1}" if mark is not None else ""
        raise InputError(f"{origin}:{place} is not valid YAML ({getattr(error, 'problem', None) or error})") from None
