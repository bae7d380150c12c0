"""The chilled-water loop with its pumps and chillers, and how these are staged."""

from typing import Any, ClassVar, NamedTuple

import numpy as np

from dcsim.physics import chiller, pump, thermal
from dcsim.physics.chiller_curves import CURVE_SETS
from dcsim.physics.constants import WATER_SPECIFIC_HEAT
from dcsim.physics.smooth import clip
from dcsim.plant import air_condensers, economizer, pump_motors, staging, tank
from dcsim.plant.description import HallDescription
from dcsim.plant.economizer import FREE, INTEGRATED, MECHANICAL
from dcsim.plant.loops import DRIFT_FRACTION, Array, Setpoint, distance, total


class Params(NamedTuple):
    """What loop, pumps and chillers are made of."""

    chilled_water_supply_heat_capacity: Array  # (1) J/K
    chilled_water_return_heat_capacity: Array  # (1) J/K
    chilled_water_flow_share_min: Array  # (1) least flow through the loop, kept by a bypass
    chilled_water_pump_power_nominal: Array  # (1) W
    chilled_water_pump_follows: Array  # (1) 1: its speed goes with the flow; 0: as asked for
    chiller_capacity: Array  # (1) W, one machine
    chiller_cop: Array  # (1) at reference
    chiller_capacity_curve: Array  # (6)
    chiller_eir_curve: Array  # (6)
    chiller_part_load_curve: Array  # (3)
    chiller_curve_box: Array  # (4) chilled water min, max, condenser water min, max
    chiller_part_load_min: Array  # (1)
    chiller_unloading_min: Array  # (1)
    chiller_cop_max: Array  # (1) at part load too
    chiller_lift_corrected: Array  # (1) 1: beyond the curves' range by the true lift; 0: as at its edge
    chiller_hold_temperature: Array  # (1) condenser water from which on falling capacity lowers no power
    chiller_condenser_stream: Array  # (1) W/K, water through one machine at catalogue flow
    chiller_chilled_head_share: Array  # (1) of the head of the chilled-water pumps that lies in the evaporators
    chiller_condenser_head_share: Array  # (1) of the head of the condenser-water pumps that lies in the condensers
    chiller_order: Array  # matrix (C, C), strictly lower ones: which machines come before
    chiller_start_time_constant: Array  # (1) s
    chiller_control_time_constant: Array  # (1) s
    stage_up_load: Array  # (1) part-load ratio above which a machine is added
    stage_down_load: Array  # (1) part-load ratio of the remaining machines below which one is taken off
    stage_time_min: Array  # (1) s between changes
    supply_excess_max: Array  # (1) K of supply above set-point at which the plant calls for more cooling by itself
    chilled_water_setpoint_min: Array  # (1) what protection falls back to


class LoadLimit:
    """A part: chillers that may give more than the capacity of their curves, and are never asked for more than a share of their rating.

    EnergyPlus reads the greatest part-load ratio of a chiller in both ways: of the capacity at the temperatures of the moment, and of the
    reference capacity as the most that its plant gives to a machine.
    """

    class Params(NamedTuple):
        """Of the limit."""

        chiller_load_max: Array  # (1) over available, and over rated capacity

    @staticmethod
    def sized(d: HallDescription) -> dict[str, Any]:
        """Values of ``Params`` for a described hall."""
        assert d.chillers is not None and d.chillers.load_max is not None
        return dict(chiller_load_max=d.chillers.load_max.value)


class LeavingControl:
    """A part: chillers that hold the water leaving them at its set-point; the loop's supply follows as it is renewed."""

    class Params(NamedTuple):
        """Says that it is so."""

        chiller_leaving_control: Array  # (1) 1

    @staticmethod
    def sized(d: HallDescription) -> dict[str, Any]:
        """Values of ``Params`` for a described hall."""
        return dict(chiller_leaving_control=1.0)


class GivenChillers:
    """A part: which chillers run is known, for instance from a log."""

    class Inputs(NamedTuple):
        """What the driver says."""

        chiller_on: Array  # (C) share of the control step that a machine runs

    ROWS: ClassVar = {"chiller_on": "chillers"}
    DRIVERS = ("chiller_on",)

    @staticmethod
    def sized(d: HallDescription) -> dict[str, Any]:
        """No parameters."""
        return {}


class State(NamedTuple):
    """Water, machines, energies of the control step."""

    chilled_water_supply_temperature: Array  # (1)
    chilled_water_return_temperature: Array  # (1)
    chiller_loading: Array  # (C) 0 off to 1 able to give full capacity
    chilled_water_pump_energy: Array  # (1) J
    chiller_energy: Array  # (1) J
    evaporator_heat: Array  # (1) J taken by the chillers
    chilled_water_setpoint: Array  # (1)
    chilled_water_pump_speed: Array  # (1)
    chillers_on: Array  # (1) number wanted by staging
    stage_time: Array  # (1) s since its last change


class Inputs(NamedTuple):
    """What is asked for, and what can run."""

    chilled_water_setpoint: Array  # (1)
    chilled_water_pump_speed: Array  # (1)
    chiller_available: Array  # (C) share of its capacity that a machine can give; 0: out
    chilled_water_pump_available: Array  # (1) share of the pumps that can run


class Held(NamedTuple):
    """After protection."""

    chilled_water_setpoint: Array  # (1)
    chilled_water_pump_speed: Array  # (1)
    chilled_water_flow_max: Array  # (1) kg/s that the pumps which can run give; more than valves ask for while all can
    chilled_water_flow_min: Array  # (1) kg/s kept by a bypass
    chiller_target: Array  # (C) share of capacity that the machines which are to run load up to, unless cooling is free


ROWS = {
    "chiller_loading": "chillers",
    "chiller_available": "chillers",
}
MATRICES = ("chiller_order",)
SETPOINTS = (
    Setpoint("chilled_water_setpoint", "chilled_water_setpoint", "chilled_water_temperature"),
    Setpoint("chilled_water_pump_speed", "chilled_water_pump_speed", "chilled_water_pump_speed"),
)
HEAT_CAPACITIES = {
    "chilled_water_supply_temperature": "chilled_water_supply_heat_capacity",
    "chilled_water_return_temperature": "chilled_water_return_heat_capacity",
}
AVAILABILITY = {"chiller": "chiller_available", "chilled_water_pump": "chilled_water_pump_available"}
UNITS = {"chilled_water_pump": "chilled_water_pumps"}
METERS = {"pump": ("chilled_water_pump_energy",), "chiller": ("chiller_energy",)}
SUMS = ("evaporator_heat",)


def sized(d: HallDescription) -> dict[str, Any]:
    """Values of ``Params`` for a described hall."""
    assert d.chilled_water is not None and d.chillers is not None
    chill = d.chillers
    curve_set = CURVE_SETS[chill.part_load_curves]
    capacity_curve, eir_curve, box, cop = _efficiency(d)
    rejected = chill.capacity.value * (1.0 + 1.0 / cop)
    # of machines on condenser water; 1 and 0 where they give their heat to the air
    stream = rejected / chill.condenser_range.value if chill.condenser_range else 1.0
    head = chill.condenser_water_head.value if chill.condenser_water_head else 0.0
    return dict(
        chilled_water_supply_heat_capacity=d.chilled_water.supply_heat_capacity.value,
        chilled_water_return_heat_capacity=d.chilled_water.return_heat_capacity.value,
        chilled_water_flow_share_min=d.chilled_water.flow_share_min.value,
        chilled_water_pump_power_nominal=d.chilled_water.pump_power.value,
        chilled_water_pump_follows=float(d.chilled_water.pump_follows_flow),
        chiller_capacity=chill.capacity.value,
        chiller_cop=cop,
        chiller_capacity_curve=capacity_curve,
        chiller_eir_curve=eir_curve,
        chiller_part_load_curve=curve_set.part_load_curve,
        chiller_curve_box=box,
        chiller_part_load_min=curve_set.part_load_min,
        chiller_unloading_min=curve_set.part_load_min,
        chiller_cop_max=chill.cop_max.value,
        chiller_lift_corrected=float(not chill.as_published),
        chiller_hold_temperature=_hold_temperature(d),
        chiller_condenser_stream=stream,
        chiller_chilled_head_share=chill.chilled_water_head.value,
        chiller_condenser_head_share=head,
        chiller_order=np.tril(np.ones((chill.count, chill.count)), -1),
        chiller_start_time_constant=chill.start_time_constant.value,
        chiller_control_time_constant=chill.control_time_constant.value,
        stage_up_load=chill.stage_up_load.value,
        stage_down_load=chill.stage_down_load.value,
        stage_time_min=chill.stage_time_min.value,
        supply_excess_max=d.chilled_water.supply_excess_max.value,
        chilled_water_setpoint_min=d.setpoints.chilled_water_temperature.low,  # type: ignore[union-attr]
    )


def _efficiency(d: HallDescription) -> tuple[Any, Any, Any, float]:
    """Capacity curve, EIR curve, range of both and reference COP of the chillers.

    The Carnot form is the curve form whose range has shrunk to the rating point: constant there, corrected for the true lift elsewhere.
    """
    assert d.chillers is not None
    if d.chillers.curves == "carnot":
        chilled, condenser, rise = 20.0, 25.0, chiller.CONDENSER_RISE
        if d.air_condensers is not None:
            condenser, rise = 35.0, d.air_condensers.condensing_rise.value  # outdoor air
        constant = (1.0, 0.0, 0.0, 0.0, 0.0, 0.0)
        refrigerant = chilled - chiller.EVAPORATOR_APPROACH, condenser + rise
        cop = float(chiller.carnot_cop(*refrigerant, d.chillers.carnot_effectiveness.value, chiller.LIFT_MIN))  # type: ignore[union-attr]
        return constant, constant, (chilled, chilled, condenser, condenser), cop
    curves = CURVE_SETS[d.chillers.curves]
    return curves.capacity_curve, curves.eir_curve, curves.box, d.chillers.cop.value  # type: ignore[union-attr]


def _hold_temperature(d: HallDescription) -> float:
    """Condenser water from which on the no-load power of the chillers is held."""
    assert d.chillers is not None
    if d.chillers.curves == "carnot" or d.chillers.as_published:
        return 100.0  # constant capacity, or not held
    return chiller.power_peak_temperature(CURVE_SETS[d.chillers.curves])


def begin(s: Any, u: Any, p: Any, now: dict[str, Array], interval: Array, xp: Any) -> tuple[dict, dict]:
    """Stage the chillers; under protection the pumps run at full speed and the water is as cold as it may be."""
    protects = now["protection"] > 0.5
    if hasattr(p, "minimum_on_time"):
        latched, held = staging.chillers(s, u, p, now, interval, xp)
    elif hasattr(u, "chiller_on"):
        latched = dict(chillers_on=total(u.chiller_on, xp), stage_time=s.stage_time + interval)
        held = dict(chiller_target=u.chiller_on * u.chiller_available)
    else:
        chillers_on, stage_time = _staging(s, u, p, now, interval, xp)
        before = xp.matmul(p.chiller_order, _can_run(u, xp))
        latched = dict(chillers_on=chillers_on, stage_time=stage_time)
        held = dict(chiller_target=xp.where(before < chillers_on, u.chiller_available, 0.0))
    pump_speed = xp.where(protects, 1.0, now["chilled_water_pump_speed"])
    pumps = xp.maximum(pump.RUN_OUT * u.chilled_water_pump_available, DRIFT_FRACTION)
    most = total(p.coil_water_flow_nominal * xp.maximum(pump_speed, s.valve_fraction), xp)
    return latched, held | dict(
        chilled_water_setpoint=xp.where(protects, p.chilled_water_setpoint_min, now["chilled_water_setpoint"]),
        chilled_water_pump_speed=pump_speed,
        chilled_water_flow_max=pumps * most,
        chilled_water_flow_min=xp.minimum(pumps, p.chilled_water_flow_share_min) * total(p.coil_water_flow_nominal, xp),
    )


def _staging(s: Any, u: Any, p: Any, now: dict[str, Array], interval: Array, xp: Any) -> tuple[Array, Array]:
    """Number of chillers wanted: up on load or on a set-point missed, down when fewer would do, not before the minimum time.

    A set-point missed by far brings the next machine after a third of that time. While cooling is free, and when the economizer is to
    leave, the number is wanted that would have to take over.
    """
    heat = s.evaporator_heat
    if "mode" in now:
        leaves = xp.where(u.mode_request < 0.5 * (MECHANICAL + INTEGRATED), 1.0, 0.0)
        heat = heat + xp.where(s.mode > 0.5 * (INTEGRATED + FREE), 1.0, leaves) * s.economizer_heat
    supply_excess = s.chilled_water_supply_temperature - s.chilled_water_setpoint
    machines = total(_can_run(u, xp), xp)
    share = total(u.chiller_available, xp) / xp.maximum(machines, 1.0)
    load = heat / (interval * p.chiller_capacity * xp.maximum(share, 0.01))  # in machines as they are
    more, fewer = s.chillers_on + 1.0, s.chillers_on - 1.0
    misses = supply_excess > p.supply_excess_max
    count = xp.where(load > p.stage_up_load * s.chillers_on, more, xp.where(misses, more, s.chillers_on))
    count = xp.where(load < p.stage_down_load * fewer, xp.where(supply_excess > 0.5, count, fewer), count)
    dwell = xp.where(misses, p.stage_time_min / 3.0, p.stage_time_min)
    count = xp.where(s.stage_time < dwell, s.chillers_on, count)
    count = clip(count, 1.0, xp.maximum(machines, 1.0), xp)
    return count, interval + xp.where(distance(count, s.chillers_on, xp) > 0.5, 0.0, s.stage_time)


def _can_run(u: Any, xp: Any) -> Array:
    """1 for every chiller that can run at all, else 0."""
    return xp.where(u.chiller_available > 0.0, 1.0, 0.0)


class Chilled(NamedTuple):
    """What the chilled-water side did."""

    new: dict[str, Array]
    powers: dict[str, Array]  # (1) W
    condenser_heat: Array  # (1) W into the condenser water, economizer included, or into the outdoor air
    economizer_heat: Array  # (1) W


def chilled(coil_heat: Array, s: Any, u: Any, h: Any, p: Any, dt: Array, xp: Any) -> Chilled:
    """Take the coils' heat out of the chilled water: economizer first, then a tank that is discharged, chillers for the rest.

    Parameters
    ----------
    coil_heat : Array
        Into the water [W], shape (1, N).
    s, u, h, p : State, Inputs, Held, Params
        Of shapes ``(rows, N)``.
    dt : Array or float
        Length of the pass [s].
    xp : namespace
    """
    # two lumps, supply and return, solved together; heat that must go to meet the set-point
    has_economizer, has_tank = hasattr(p, "economizer_conductance"), hasattr(p, "tank_node")
    flow_nominal = total(p.coil_water_flow_nominal, xp)
    asked = total(p.coil_water_flow_nominal * s.valve_fraction, xp)
    flow = xp.maximum(xp.minimum(asked, h.chilled_water_flow_max), h.chilled_water_flow_min)
    fraction = flow / flow_nominal
    speed, nominal_power = h.chilled_water_pump_speed, p.chilled_water_pump_power_nominal
    speed = speed + p.chilled_water_pump_follows * (fraction - speed)
    pumps = u.chilled_water_pump_available
    driven = xp.minimum(fraction, pump.RUN_OUT * pumps)  # what drifts through pumps that stand still takes no power
    if hasattr(p, "chilled_water_pumps"):
        running_share = xp.minimum(s.chilled_water_pumps_on / p.chilled_water_pumps, pumps)
        pump_power = pump.parallel_power(driven, speed * speed, running_share, nominal_power, xp)
    else:
        pump_power = pump.pump_power(speed, driven, nominal_power, xp, pumps)
    if has_economizer:
        free = economizer.is_free(s)
        pump_power = pump_power * pump.head_fraction(
            xp.where(free, 1.0, 0.0),
            p.chiller_chilled_head_share,
            xp.where(h.economizer_conductance > 0.0, 0.0, 1.0),
            p.economizer_chilled_head_share,
        )
    stream = WATER_SPECIFIC_HEAT * flow
    pump_heat, motor_heat = pump_motors.heat(pump_power, "chilled_water", p)
    tank_pump_power = tank.pump_power(s, p, xp) if has_tank else 0.0
    loop = thermal.loop_step(
        s.chilled_water_supply_temperature,
        s.chilled_water_return_temperature,
        p.chilled_water_supply_heat_capacity,
        p.chilled_water_return_heat_capacity,
        stream,
        coil_heat + pump_heat + tank_pump_power,
        dt,
    )
    response = dt / p.chiller_control_time_constant
    if hasattr(p, "chiller_leaving_control"):
        response = dt * stream / p.chilled_water_supply_heat_capacity
    wished = thermal.relaxed_implicitly(s.chilled_water_supply_temperature, h.chilled_water_setpoint, response)
    demand = xp.maximum(loop.heat_to_reach(wished), 0.0)

    is_air_cooled = hasattr(p, "condensing_rise")
    if is_air_cooled:
        condenser_stream, entering = None, air_condensers.entering_temperature(u, p, xp)
        rise = p.condensing_rise
    else:
        condenser_stream = WATER_SPECIFIC_HEAT * p.condenser_water_flow_nominal * h.condenser_water_flow
        entering, rise = s.condenser_water_supply_temperature, chiller.CONDENSER_RISE
    target, economizer_limit, economizer_heat = h.chiller_target, 0.0, 0.0
    if hasattr(h, "chiller_called_target"):
        target = xp.where(s.chiller_call > 0.5, h.chiller_called_target, target)
    if has_economizer:
        target = xp.where(free, 0.0, target)
        returning, through, share = s.chilled_water_return_temperature, stream, fraction
        if has_tank:
            through, returning = tank.mixed_return(stream, s, p, xp)
            share = through / (WATER_SPECIFIC_HEAT * flow_nominal)
        economizer_limit = economizer.heat_limit(returning, share, through, condenser_stream, s, h, xp)
    loading = xp.where(
        target > 0.0, thermal.relaxed_implicitly(s.chiller_loading, target, dt / p.chiller_start_time_constant), 0.0
    )
    running = total(loading, xp)
    box = p.chiller_curve_box

    def capacity_at(condenser_entering: Array) -> Array:
        capacity_fraction, _ = chiller.full_load(
            s.chilled_water_supply_temperature,
            condenser_entering,
            p.chiller_capacity_curve,
            p.chiller_eir_curve,
            box,
            lift_corrected=p.chiller_lift_corrected,
            xp=xp,
        )
        return running * p.chiller_capacity * capacity_fraction

    def limit_at(condenser_entering: Array) -> Array:
        most = capacity_at(condenser_entering)
        if hasattr(p, "chiller_load_max"):
            most = p.chiller_load_max * xp.minimum(most, running * p.chiller_capacity)
        if is_air_cooled:  # their head pressure is held by their own fans
            return most
        by_pressure = chiller.pressure_limited_capacity(condenser_entering, condenser_stream, p.chiller_cop, xp)
        return xp.minimum(most, by_pressure)

    if has_tank:
        mixed = tank.coupled(loop, demand, economizer_limit, limit_at(entering), stream, s, u, h, p, dt, xp)
        loop = mixed.loop
        demand = xp.maximum(loop.heat_to_reach(wished), 0.0)
    if has_economizer:
        economizer_heat = xp.minimum(demand, economizer_limit)
        entering = thermal.mixed_temperature(entering, economizer_heat, condenser_stream)
    capacity = capacity_at(entering)
    evaporator_heat = xp.minimum(demand - economizer_heat, limit_at(entering))
    extra_lift: Array = 0.0
    if not is_air_cooled:
        # the condensers' heat at rated COP: what this misses of the water's rise is some tenths of a kelvin
        rated_heat = chiller.condenser_heat_flow(evaporator_heat, evaporator_heat / p.chiller_cop)
        catalogue_stream = xp.maximum(running, 0.05) * p.chiller_condenser_stream
        extra_lift = chiller.flow_lift(rated_heat, condenser_stream, catalogue_stream)
    _, eir_fraction = chiller.full_load(
        s.chilled_water_supply_temperature,
        entering,
        p.chiller_capacity_curve,
        p.chiller_eir_curve,
        box,
        condenser_rise=rise,
        extra_lift=extra_lift,
        lift_corrected=p.chiller_lift_corrected,
        xp=xp,
    )
    held_fraction = chiller.held_capacity(
        s.chilled_water_supply_temperature,
        entering,
        p.chiller_capacity_curve,
        box,
        p.chiller_hold_temperature,
        p.chiller_lift_corrected,
        xp,
    )
    chiller_power = chiller.eir_power(
        evaporator_heat,
        capacity,
        p.chiller_cop,
        eir_fraction,
        p.chiller_part_load_curve,
        p.chiller_part_load_min,
        p.chiller_unloading_min,
        running * p.chiller_capacity * held_fraction,
        p.chiller_cop_max,
        xp,
    )
    if hasattr(h, "chiller_start_power"):
        chiller_power = chiller_power + h.chiller_start_power
    supply, returning = loop.temperatures(economizer_heat + evaporator_heat)
    new = dict(
        chilled_water_supply_temperature=supply,
        chilled_water_return_temperature=returning,
        chiller_loading=loading,
    )
    powers = dict(chilled_water_pump_energy=pump_power, chiller_energy=chiller_power, evaporator_heat=evaporator_heat)
    condenser_heat = economizer_heat + chiller.condenser_heat_flow(evaporator_heat, chiller_power)
    if has_economizer:
        powers["economizer_heat"] = economizer_heat
    if is_air_cooled:
        powers["condenser_heat"] = condenser_heat
    if has_tank:
        stored = tank.passed(mixed, supply, returning, tank_pump_power, u, p, xp)
        new, powers = new | stored.new, powers | stored.powers
    return Chilled(
        new=new,
        powers=powers | motor_heat,
        condenser_heat=condenser_heat,
        economizer_heat=economizer_heat,
    )


def monitor(s: Any, u: Any, h: Any, p: Any, time_step: Array, xp: Any) -> dict[str, Array]:
    """Extrapolation may carry valves a little beyond their ends."""
    return dict(valve_fraction=clip(s.valve_fraction, p.valve_fraction_min, h.chilled_water_pump_speed, xp))
