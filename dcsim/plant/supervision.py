"""What the plant decides by itself: what is latched at the start of a control step, and what is watched after each sub-step.

Set-points move within their rates, cooling modes and staging keep their dwell times, and the plant's own protection always runs: above the
allowable inlet, fans and chilled-water pumps go to full speed and supply air and chilled water to their lowest set-points, until the inlets
are well below it again.
"""

from typing import Any

from dcsim.physics import economizer, server
from dcsim.physics.constants import STANDARD_PRESSURE
from dcsim.physics.smooth import clip
from dcsim.plant.audit import stored_energy
from dcsim.plant.loops import total
from dcsim.plant.model import FREE, INTEGRATED, MECHANICAL, Array, Held, Inputs, Params, State


def begin(s: State, u: Inputs, p: Params, interval: Array, xp: Any) -> tuple[State, Held]:
    """Latch what a control step holds: set-points within their rates, cooling mode, chillers staged, protection; clear the meters.

    Parameters
    ----------
    s, u, p : State, Inputs, Params
        Of shapes ``(rows, N)``.
    interval : Array or float
        Length of the control step [s].
    xp : namespace

    Returns
    -------
    tuple[State, Held]
    """

    def moved(setpoint: Array, request: Array, rate: Array) -> Array:
        return setpoint + clip(request - setpoint, -rate * interval, rate * interval, xp)

    supply_air_setpoint = moved(s.supply_air_setpoint, u.supply_air_setpoint, p.supply_air_setpoint_rate)
    crah_fan_setpoint = moved(s.crah_fan_setpoint, u.crah_fan_speed, p.fan_speed_rate)
    chilled_water_setpoint = moved(s.chilled_water_setpoint, u.chilled_water_setpoint, p.chilled_water_setpoint_rate)
    condenser_water_setpoint = moved(
        s.condenser_water_setpoint, u.condenser_water_setpoint, p.condenser_water_setpoint_rate
    )
    supply_excess = s.chilled_water_supply_temperature - s.chilled_water_setpoint

    mode, mode_time = _cooling_mode(s, u, p, chilled_water_setpoint, interval, xp)
    chillers_on, stage_time = _staging(s, u, p, supply_excess, interval, xp)
    chillers_before = xp.matmul(p.chiller_order, _can_run(u, xp))
    hottest = xp.max(s.rack_inlet_temperature, 0, keepdims=True)
    protection = xp.where(
        hottest > p.inlet_allowable, 1.0, xp.where(hottest < p.protection_release_temperature, 0.0, s.protection)
    )
    zero = 0.0 * s.mode_time
    chilled_water_pump_speed = moved(s.chilled_water_pump_speed, u.chilled_water_pump_speed, p.pump_speed_rate)
    condenser_water_flow = moved(s.condenser_water_flow, u.condenser_water_flow, p.pump_speed_rate)
    travel = (
        total(_distance(supply_air_setpoint, s.supply_air_setpoint, xp), xp) / p.supply_air_setpoint_range
        + total(_distance(crah_fan_setpoint, s.crah_fan_setpoint, xp), xp) / p.crah_fan_range
        + _distance(chilled_water_setpoint, s.chilled_water_setpoint, xp) / p.chilled_water_setpoint_range
        + _distance(condenser_water_setpoint, s.condenser_water_setpoint, xp) / p.condenser_water_setpoint_range
        + _distance(chilled_water_pump_speed, s.chilled_water_pump_speed, xp) / p.chilled_water_pump_range
        + _distance(condenser_water_flow, s.condenser_water_flow, xp) / p.condenser_water_flow_range
    ) / p.setpoint_count
    latched = s._replace(
        it_energy=zero,
        server_fan_energy=zero,
        leakage_energy=zero,
        crah_fan_energy=zero,
        chilled_water_pump_energy=zero,
        condenser_water_pump_energy=zero,
        chiller_energy=zero,
        tower_fan_energy=zero,
        electrical_loss_energy=zero,
        electrical_room_heat=zero,
        envelope_gain=zero,
        tower_heat=zero,
        evaporator_heat=zero,
        economizer_heat=zero,
        makeup_water=zero,
        supply_air_setpoint=supply_air_setpoint,
        crah_fan_setpoint=crah_fan_setpoint,
        chilled_water_setpoint=chilled_water_setpoint,
        condenser_water_setpoint=condenser_water_setpoint,
        chilled_water_pump_speed=chilled_water_pump_speed,
        condenser_water_flow=condenser_water_flow,
        mode=mode,
        mode_time=mode_time,
        chillers_on=chillers_on,
        stage_time=stage_time,
        protection=protection,
        travel=travel,
        stored_energy_before=stored_energy(s, p, xp),
        rack_inlet_max=zero + hottest,
        violation=zero,
        allowable_violation=zero,
        supply_shortfall=zero,
    )
    held = Held(
        dynamic_power=server.dynamic_power(u.utilization, p.idle_power, p.peak_power, p.power_exponent, xp),
        crah_fan_target=xp.where(protection > 0.5, 1.0, crah_fan_setpoint),
        crah_flow_available=(u.outdoor_pressure / STANDARD_PRESSURE)
        * (1.0 - p.supply_leakage)
        * total(u.crah_available * p.crah_mass_flow_nominal, xp),
        supply_air_setpoint=xp.where(protection > 0.5, p.supply_air_setpoint_min, supply_air_setpoint),
        chilled_water_setpoint=xp.where(protection > 0.5, p.chilled_water_setpoint_min, chilled_water_setpoint),
        chilled_water_pump_speed=xp.where(protection > 0.5, 1.0, chilled_water_pump_speed),
        chiller_target=xp.where(chillers_before < chillers_on, u.chiller_available, 0.0),
        economizer_conductance=xp.where(mode > 0.5 * (MECHANICAL + INTEGRATED), p.economizer_conductance, 0.0),
        density_ratio=u.outdoor_pressure / STANDARD_PRESSURE,
    )
    return latched, held


def _distance(x: Array, y: Array, xp: Any) -> Array:
    return xp.maximum(x - y, y - x)


def _cooling_mode(
    s: State, u: Inputs, p: Params, chilled_water_setpoint: Array, interval: Array, xp: Any
) -> tuple[Array, Array]:
    """Requested mode with hysteresis and dwell, one step at a time; free only where the economizer could meet the set-point now."""
    request = u.mode_request
    distance = _distance(request, s.mode, xp)
    nearest = xp.where(request > 1.5, FREE, xp.where(request > 0.5, INTEGRATED, MECHANICAL))
    wanted = xp.where(distance > 0.5 + p.mode_hysteresis, nearest, s.mode)
    mode = xp.where(s.mode_time < p.mode_time_min, s.mode, s.mode + clip(wanted - s.mode, -1.0, 1.0, xp))
    reachable = economizer.leaving_temperature(
        p.economizer_effectiveness, s.chilled_water_return_temperature, s.condenser_water_supply_temperature
    )
    mode = xp.where(reachable > chilled_water_setpoint + p.free_cooling_excess_max, xp.minimum(mode, INTEGRATED), mode)
    # the economizer leaves only when running chillers can carry its share
    heat = (s.evaporator_heat + s.economizer_heat) / interval
    carries = xp.where(total(s.chiller_loading, xp) * p.chiller_capacity > heat, MECHANICAL, INTEGRATED)
    mode = xp.where(s.mode > 0.5 * (MECHANICAL + INTEGRATED), xp.maximum(mode, carries), mode)
    mode = xp.where(p.economizer_effectiveness > 0.0, mode, MECHANICAL)
    return mode, interval + xp.where(_distance(mode, s.mode, xp) > 0.5, 0.0, s.mode_time)


def _staging(s: State, u: Inputs, p: Params, supply_excess: Array, interval: Array, xp: Any) -> tuple[Array, Array]:
    """Number of chillers wanted: up on load or on a set-point missed, down when fewer would do, not before the minimum time.

    A set-point missed by far brings the next machine after a third of that time. While cooling is free, and when the economizer is to
    leave, the number is wanted that would have to take over.
    """
    leaves = xp.where(u.mode_request < 0.5 * (MECHANICAL + INTEGRATED), 1.0, 0.0)
    taken_over = xp.where(s.mode > 0.5 * (INTEGRATED + FREE), 1.0, leaves)
    heat = s.evaporator_heat + taken_over * s.economizer_heat
    machines = total(_can_run(u, xp), xp)
    share = total(u.chiller_available, xp) / xp.maximum(machines, 1.0)
    load = heat / (interval * p.chiller_capacity * xp.maximum(share, 0.01))  # in machines as they are
    more, fewer = s.chillers_on + 1.0, s.chillers_on - 1.0
    misses = supply_excess > p.free_cooling_excess_max
    count = xp.where(load > p.stage_up_load * s.chillers_on, more, xp.where(misses, more, s.chillers_on))
    count = xp.where(load < p.stage_down_load * fewer, xp.where(supply_excess > 0.5, count, fewer), count)
    dwell = xp.where(misses, p.stage_time_min / 3.0, p.stage_time_min)
    count = xp.where(s.stage_time < dwell, s.chillers_on, count)
    count = clip(count, 1.0, xp.maximum(machines, 1.0), xp)
    return count, interval + xp.where(_distance(count, s.chillers_on, xp) > 0.5, 0.0, s.stage_time)


def _can_run(u: Inputs, xp: Any) -> Array:
    """1 for every chiller that can run at all, else 0."""
    return xp.where(u.chiller_available > 0.0, 1.0, 0.0)


def monitor(s: State, u: Inputs, h: Held, p: Params, time_step: Array, xp: Any) -> State:
    """Watch the limits at the end of a sub-step: hottest inlet, how far and how long beyond its limits, trip.

    Free cooling that fails its set-point falls back to integrated here, at once, and actuators are held within their ends.
    """
    hottest = xp.max(s.rack_inlet_temperature, 0, keepdims=True)
    coldest = -xp.max(-s.supply_air_temperature, 0, keepdims=True)
    trip_time = xp.where(hottest > p.trip_temperature, s.trip_time + time_step, 0.0)
    server_flow = server.air_mass_flow(
        u.utilization, s.server_fan_speed, p.server_mass_flow_nominal, p.server_fan_speed_min
    )
    excess = s.chilled_water_supply_temperature - h.chilled_water_setpoint
    return s._replace(
        # extrapolation may carry actuators a little beyond their ends
        tower_air_fraction=clip(s.tower_air_fraction, p.tower_air_fraction_min, 1.0, xp),
        valve_fraction=clip(s.valve_fraction, p.valve_fraction_min, h.chilled_water_pump_speed, xp),
        mode=xp.where(excess > p.free_cooling_excess_max, xp.minimum(s.mode, INTEGRATED), s.mode),
        stored_energy=stored_energy(s, p, xp),
        zone_inlet_mean=xp.matmul(p.zone_mean, s.rack_inlet_temperature),
        zone_flow_ratio=(1.0 - p.supply_leakage)
        * p.crah_mass_flow_nominal
        * s.crah_fan_speed
        / (p.racks_per_zone * xp.matmul(p.zone_mean, server_flow)),
        rack_inlet_max=xp.maximum(s.rack_inlet_max, hottest),
        violation=s.violation + time_step * xp.maximum(hottest - p.inlet_limit, 0.0),
        allowable_violation=s.allowable_violation + time_step * xp.maximum(hottest - p.inlet_allowable, 0.0),
        supply_shortfall=s.supply_shortfall + time_step * xp.maximum(p.supply_limit - coldest, 0.0),
        trip_time=trip_time,
        is_tripped=xp.where(trip_time < p.trip_time_min, s.is_tripped, 1.0),
    )
