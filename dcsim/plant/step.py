"""One control step of a chilled-water hall: what is latched at its start, the path of the heat, what is watched, and the audit.

Heat goes from the servers to the air that passes them, into well-mixed hot-air cells, through the CRAH coils into the chilled water, through
waterside economizer and chillers into the condenser water, and from the cooling tower outdoors. ``sweep`` follows that path once, node by
node, linear-implicitly (first order, L-stable); the engine extrapolates sweeps to second order. The one seam of the circle lies at the
servers, which hold most of the room's heat: the air leaving a rack is priced with the inlet of the sweep before, and the difference is
booked to the server. Every flux that leaves a node enters another as the very same number, so the energy balance closes to rounding for
any flows and any step.

Inner loops (valves, tower fan, chiller, aisle pressure) act faster than a control step and are first-order responses with limits. The
plant's own protection always runs: above the allowable inlet, fans and chilled-water pumps go to full speed and supply air and chilled
water to their lowest set-points, until the inlets are well below it again.

Left out: room humidity, transport delays, single fans and pumps (a group acts as one machine).
"""

from typing import Any, NamedTuple

from dcsim.physics import chiller, coil, cooling_tower, economizer, fan, power_chain, pump, room_air, server, thermal
from dcsim.physics.constants import AIR_SPECIFIC_HEAT, STANDARD_PRESSURE, WATER_SPECIFIC_HEAT
from dcsim.physics.smooth import clip
from dcsim.physics.thermal import mixed_temperature
from dcsim.plant.model import FREE, INTEGRATED, MECHANICAL, Array, Held, Inputs, Params, State

CRAH_FLOW_FRACTION_MIN = 1e-3  # air that drifts through a stopped unit; keeps shares of nothing from being asked for
STEP_RATIO_MIN, STEP_RATIO_MAX = -0.8, 2.0  # bounds of the relative error an inner loop acts on


def total(x: Array, xp: Any) -> Array:
    """Sum over components, kept as one row."""
    return xp.sum(x, 0, keepdims=True)


def modulated(
    value: Array,
    wanted: Array,
    delivered: Array,
    time_step: Array,
    time_constant: Array,
    lower: Array,
    upper: Array,
    xp: Any,
) -> Array:
    """An actuator after one step of an inner loop that integrates the relative error of what it delivers."""
    error = clip(wanted / xp.maximum(delivered, 1e-6) - 1.0, STEP_RATIO_MIN, STEP_RATIO_MAX, xp)
    return clip(value * (1.0 + error * (time_step / (time_constant + time_step))), lower, upper, xp)


# --- start of a control step ------------------------------------------------------------------------------------------------------


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


# --- along the path of the heat ---------------------------------------------------------------------------------------------------


class _Room(NamedTuple):
    """What the room pass hands to the water pass and to the meters."""

    coil_heat: Array  # (1) W into the chilled water
    it_power: Array  # (1) W
    server_fan_power: Array  # (1) W
    leakage_power: Array  # (1) W above 20 degC
    crah_fan_power: Array  # (1) W
    ups_loss: Array  # (1) W
    distribution_loss: Array  # (1) W
    envelope_gain: Array  # (1) W


def sweep(s: State, u: Inputs, h: Held, p: Params, time_step: Array, xp: Any) -> State:
    """One pass of length ``time_step`` [s] along the path of the heat: room, chilled water, condenser water, meters.

    Parameters
    ----------
    s, u, h, p : State, Inputs, Held, Params
        Of shapes ``(rows, N)``.
    time_step : Array or float
        Length of the pass [s].
    xp : namespace

    Returns
    -------
    State
        First order in ``time_step``; latched and monitored fields are handed back untouched.
    """
    s_room, room = _room_pass(s, u, h, p, time_step, xp)
    return _water_pass(s_room, s, u, h, p, room, time_step, xp)


def _room_pass(s: State, u: Inputs, h: Held, p: Params, dt: Array, xp: Any) -> tuple[State, _Room]:
    inlet = s.rack_inlet_temperature

    # fans of servers and CRAHs, and the flows they make
    fan_target = server.fan_speed_setpoint(
        inlet, p.server_fan_speed_min, p.server_fan_ramp_start_temperature, p.server_fan_ramp_end_temperature, xp
    )
    server_fan_speed = thermal.relaxed_implicitly(s.server_fan_speed, fan_target, dt / p.server_fan_time_constant)
    server_flow = h.density_ratio * server.air_mass_flow(
        u.utilization, server_fan_speed, p.server_mass_flow_nominal, p.server_fan_speed_min
    )
    pressure_speed = (
        u.pressure_control * p.flow_ratio_min * total(server_flow, xp) / xp.maximum(h.crah_flow_available, 1e-3)
    )
    crah_target = u.crah_available * xp.minimum(xp.maximum(h.crah_fan_target, pressure_speed), 1.0)
    crah_fan_speed = thermal.relaxed_implicitly(s.crah_fan_speed, crah_target, dt / p.crah_fan_time_constant)
    crah_flow = h.density_ratio * p.crah_mass_flow_nominal * xp.maximum(crah_fan_speed, CRAH_FLOW_FRACTION_MIN)
    paths = room_air.air_paths(
        crah_flow,
        server_flow,
        p.supply_reach,
        p.demand_following * server_flow + (1.0 - p.demand_following) * p.server_mass_flow_nominal,
        p.supply_leakage,
        p.recirculation_min,
        p.starvation_gain,
        xp,
    )

    # servers: their heat into the air that passes
    leakage = server.leakage_power(h.dynamic_power, inlet, p.leakage_coefficient, p.leakage_reference_temperature)
    fan_power = h.density_ratio * server.fan_power(u.utilization, server_fan_speed, p.server_fan_power_max)
    heat = h.dynamic_power + leakage
    stream = AIR_SPECIFIC_HEAT * server_flow
    conductance = p.server_effectiveness * stream
    warmed = thermal.node_temperature(
        s.server_temperature, p.server_heat_capacity, conductance, heat + conductance * inlet, dt
    )
    exhaust = stream * inlet + conductance * (warmed - inlet) + fan_power  # enthalpy flow above 0 degC, W

    # electrical losses, hot-air cells with the mass they touch
    it_power = total(heat + fan_power, xp)
    distribution_loss = power_chain.loss_power(
        it_power,
        p.distribution_rated_power,
        p.distribution_loss[0:1],
        p.distribution_loss[1:2],
        p.distribution_loss[2:3],
    )
    ups_loss = power_chain.loss_power(
        it_power + distribution_loss, p.ups_rated_power, p.ups_loss[0:1], p.ups_loss[1:2], p.ups_loss[2:3]
    )
    cell_part = p.hot_air_heat_capacity / total(p.hot_air_heat_capacity, xp)
    to_mass = thermal.coupling_conductance(p.mass_conductance, p.mass_heat_capacity, dt)
    to_outdoors = p.envelope_conductance * cell_part
    hot_air = thermal.node_temperature(
        s.hot_air_temperature,
        p.hot_air_heat_capacity,
        AIR_SPECIFIC_HEAT * room_air.cell_mass_flow(p.cell_share, server_flow, xp) + to_mass + to_outdoors,
        xp.matmul(p.cell_share, exhaust)
        + cell_part * (distribution_loss + p.lighting_power)
        + to_mass * s.mass_temperature
        + to_outdoors * u.dry_bulb_temperature,
        dt,
    )
    mass = thermal.relaxed_implicitly(s.mass_temperature, hot_air, dt * p.mass_conductance / p.mass_heat_capacity)
    hot_side = room_air.recirculated_temperature(hot_air, p.cell_share, xp)

    # CRAHs: return air, coil, fan
    bypass, hot_return = room_air.return_mix(paths, hot_side, p.supply_reach, xp)
    air_stream = AIR_SPECIFIC_HEAT * crah_flow
    duty = coil.air_side_duty(
        air_stream,
        WATER_SPECIFIC_HEAT * p.coil_water_flow_nominal * s.valve_fraction,
        coil.coil_conductance(
            crah_flow / p.crah_mass_flow_nominal,  # less where air is thin: films go with the mass flow
            s.valve_fraction,
            p.coil_conductance_nominal,
            p.coil_air_resistance_share,
            xp,
        ),
        xp,
    )
    water = s.chilled_water_supply_temperature
    units = xp.maximum(u.crah_available, 1e-6)
    crah_power = (h.density_ratio * u.crah_available) * fan.fan_power(
        xp.minimum(crah_fan_speed / units, 1.0), p.crah_fan_power_nominal, p.crah_fan_linear_share
    )
    supply = thermal.node_temperature(
        s.supply_air_temperature,
        p.supply_air_heat_capacity,
        air_stream * (1.0 - (1.0 - duty) * bypass),
        air_stream * ((1.0 - duty) * hot_return + duty * water) + crah_power,
        dt,
    )
    return_air = hot_return + bypass * supply
    wanted = (return_air - h.supply_air_setpoint + crah_power / air_stream) / xp.maximum(return_air - water, 0.5)
    valve = modulated(
        s.valve_fraction,
        wanted,
        duty,
        dt,
        p.valve_time_constant,
        p.valve_fraction_min,
        h.chilled_water_pump_speed,
        xp,
    )

    # cold air in front of the racks; the seam at the servers
    cold_air = thermal.node_temperature(
        inlet,
        p.cold_air_heat_capacity,
        stream,
        AIR_SPECIFIC_HEAT
        * (room_air.supply_enthalpy(paths, supply, p.supply_reach, xp) + paths.recirculated * hot_side),
        dt,
    )
    server_temperature = thermal.heated(warmed, p.server_heat_capacity, stream * (cold_air - inlet), dt)

    room = _Room(
        coil_heat=total(air_stream * duty * (return_air - water), xp),
        it_power=it_power,
        server_fan_power=total(fan_power, xp),
        leakage_power=total(xp.maximum(leakage, 0.0), xp),
        crah_fan_power=total(crah_power, xp),
        ups_loss=ups_loss,
        distribution_loss=distribution_loss,
        envelope_gain=total(to_outdoors * (u.dry_bulb_temperature - hot_air), xp),
    )
    return (
        s._replace(
            server_temperature=server_temperature,
            rack_inlet_temperature=cold_air,
            server_fan_speed=server_fan_speed,
            hot_air_temperature=hot_air,
            mass_temperature=mass,
            supply_air_temperature=supply,
            crah_fan_speed=crah_fan_speed,
            valve_fraction=valve,
        ),
        room,
    )


def _water_pass(new: State, s: State, u: Inputs, h: Held, p: Params, room: _Room, dt: Array, xp: Any) -> State:
    # chilled water: two lumps, supply and return, solved together; heat that must go to meet the set-point
    flow_nominal = total(p.coil_water_flow_nominal, xp)
    flow = xp.maximum(
        total(p.coil_water_flow_nominal * s.valve_fraction, xp), p.chilled_water_flow_share_min * flow_nominal
    )
    is_free = s.mode > 0.5 * (INTEGRATED + FREE)
    bypassed_chillers = xp.where(is_free, 1.0, 0.0)
    bypassed_economizer = xp.where(h.economizer_conductance > 0.0, 0.0, 1.0)
    chilled_head = (
        1.0 - bypassed_chillers * p.chiller_chilled_head_share - bypassed_economizer * p.economizer_chilled_head_share
    )
    pump_power = chilled_head * pump.pump_power(
        h.chilled_water_pump_speed, flow / flow_nominal, p.chilled_water_pump_power_nominal, xp
    )
    stream = WATER_SPECIFIC_HEAT * flow
    loop = thermal.loop_step(
        s.chilled_water_supply_temperature,
        s.chilled_water_return_temperature,
        p.chilled_water_supply_heat_capacity,
        p.chilled_water_return_heat_capacity,
        stream,
        room.coil_heat + p.humidifier_power + pump_power,
        dt,
    )
    wished = thermal.relaxed_implicitly(
        s.chilled_water_supply_temperature, h.chilled_water_setpoint, dt / p.chiller_control_time_constant
    )
    demand = xp.maximum(loop.heat_to_reach(wished), 0.0)

    # economizer first, chillers for the rest
    condenser_flow = p.condenser_water_flow_nominal * s.condenser_water_flow
    condenser_stream = WATER_SPECIFIC_HEAT * condenser_flow
    basin = s.condenser_water_supply_temperature
    economizer_heat = xp.minimum(
        demand,
        economizer.heat_flow(
            economizer.effectiveness(
                economizer.conductance(flow / flow_nominal, s.condenser_water_flow, h.economizer_conductance, xp),
                stream,
                condenser_stream,
                xp,
            ),
            stream,
            condenser_stream,
            s.chilled_water_return_temperature,
            basin,
            xp,
        ),
    )
    target = xp.where(is_free, 0.0, h.chiller_target)
    loading = xp.where(
        target > 0.0, thermal.relaxed_implicitly(s.chiller_loading, target, dt / p.chiller_start_time_constant), 0.0
    )
    running = total(loading, xp)
    entering = mixed_temperature(basin, economizer_heat, condenser_stream)
    box = p.chiller_curve_box
    capacity_fraction, _ = chiller.full_load(
        s.chilled_water_supply_temperature, entering, p.chiller_capacity_curve, p.chiller_eir_curve, box, xp=xp
    )
    capacity = running * p.chiller_capacity * capacity_fraction
    evaporator_heat = xp.minimum(demand - economizer_heat, capacity)
    # the condensers' heat at rated COP: what this misses of the water's rise is some tenths of a kelvin
    rated_heat = chiller.condenser_heat_flow(evaporator_heat, evaporator_heat / p.chiller_cop)
    catalogue_stream = xp.maximum(running, 0.05) * p.chiller_condenser_stream
    _, eir_fraction = chiller.full_load(
        s.chilled_water_supply_temperature,
        entering,
        p.chiller_capacity_curve,
        p.chiller_eir_curve,
        box,
        extra_lift=chiller.flow_lift(rated_heat, condenser_stream, catalogue_stream),
        xp=xp,
    )
    held_fraction = chiller.held_capacity(
        s.chilled_water_supply_temperature, entering, p.chiller_capacity_curve, box, p.chiller_hold_temperature, xp
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
    chilled_water_supply, chilled_water_return = loop.temperatures(economizer_heat + evaporator_heat)

    # condenser water and tower; a bypass keeps the basin from falling below its set-point
    condenser_head = (
        1.0
        - bypassed_chillers * p.chiller_condenser_head_share
        - bypassed_economizer * p.economizer_condenser_head_share
    )
    condenser_pump_power = condenser_head * pump.friction_and_static_power(
        s.condenser_water_flow, p.condenser_water_pump_power_nominal, p.condenser_water_static_share
    )
    heat_in = economizer_heat + chiller.condenser_heat_flow(evaporator_heat, chiller_power) + condenser_pump_power
    air_flow = h.density_ratio * p.tower_air_flow_nominal * s.tower_air_fraction
    tower_limit, leaving_wet_bulb = cooling_tower.merkel_heat_flow(
        mixed_temperature(basin, heat_in, condenser_stream),
        condenser_flow,
        u.wet_bulb_temperature,
        u.outdoor_pressure,
        air_flow,
        cooling_tower.merkel_conductance(
            h.density_ratio * s.tower_air_fraction,
            s.condenser_water_flow,
            u.wet_bulb_temperature,
            p.tower_conductance_nominal,
            p.tower_wet_bulb_nominal,
            xp,
        ),
        xp,
    )
    setpoint_min = xp.where(is_free, s.condenser_water_setpoint, p.condenser_water_temperature_min)
    wished = thermal.relaxed_implicitly(
        basin, xp.maximum(s.condenser_water_setpoint, setpoint_min), dt / p.tower_time_constant
    )
    tower_demand = heat_in + thermal.heat_to_cool(basin, wished, p.condenser_water_heat_capacity, dt)
    tower_heat = xp.minimum(xp.maximum(tower_demand, 0.0), tower_limit)
    tower_air = modulated(
        s.tower_air_fraction, tower_demand, tower_limit, dt, p.tower_time_constant, p.tower_air_fraction_min, 1.0, xp
    )
    tower_fan_power = (h.density_ratio * p.tower_fan_power_nominal) * cooling_tower.fan_power_fraction(
        s.tower_air_fraction, xp
    )
    evaporation = cooling_tower.evaporation_mass_flow(
        air_flow, leaving_wet_bulb, u.outdoor_humidity_ratio, u.outdoor_pressure, xp
    ) * clip(tower_heat / xp.maximum(tower_limit, 1.0), 0.0, 1.0, xp)
    makeup = cooling_tower.makeup_mass_flow(
        xp.maximum(evaporation, 0.0), condenser_flow, p.drift_fraction, p.cycles_of_concentration, xp
    )
    return new._replace(
        chilled_water_supply_temperature=chilled_water_supply,
        chilled_water_return_temperature=chilled_water_return,
        condenser_water_supply_temperature=thermal.heated(
            basin, p.condenser_water_heat_capacity, heat_in - tower_heat, dt
        ),
        tower_air_fraction=tower_air,
        chiller_loading=loading,
        it_energy=s.it_energy + dt * room.it_power,
        server_fan_energy=s.server_fan_energy + dt * room.server_fan_power,
        leakage_energy=s.leakage_energy + dt * room.leakage_power,
        crah_fan_energy=s.crah_fan_energy + dt * room.crah_fan_power,
        chilled_water_pump_energy=s.chilled_water_pump_energy + dt * pump_power,
        condenser_water_pump_energy=s.condenser_water_pump_energy + dt * condenser_pump_power,
        chiller_energy=s.chiller_energy + dt * chiller_power,
        tower_fan_energy=s.tower_fan_energy + dt * tower_fan_power,
        electrical_loss_energy=s.electrical_loss_energy
        + dt * (room.ups_loss + room.distribution_loss + p.lighting_power),
        electrical_room_heat=s.electrical_room_heat + dt * room.ups_loss,
        envelope_gain=s.envelope_gain + dt * room.envelope_gain,
        tower_heat=s.tower_heat + dt * tower_heat,
        evaporator_heat=s.evaporator_heat + dt * evaporator_heat,
        economizer_heat=s.economizer_heat + dt * economizer_heat,
        makeup_water=s.makeup_water + dt * makeup,
    )


# --- after each sub-step ----------------------------------------------------------------------------------------------------------


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


# --- audit ------------------------------------------------------------------------------------------------------------------------

HEAT_CAPACITIES = {
    "server_temperature": "server_heat_capacity",
    "rack_inlet_temperature": "cold_air_heat_capacity",
    "hot_air_temperature": "hot_air_heat_capacity",
    "mass_temperature": "mass_heat_capacity",
    "supply_air_temperature": "supply_air_heat_capacity",
    "chilled_water_supply_temperature": "chilled_water_supply_heat_capacity",
    "chilled_water_return_temperature": "chilled_water_return_heat_capacity",
    "condenser_water_supply_temperature": "condenser_water_heat_capacity",
}
"""Every temperature of the state that stores heat, with the parameter that says how much."""

STORAGE_REFERENCE = 20.0  # degC, keeps the stored energy small beside what a step changes


def stored_energy(s: State, p: Params, xp: Any) -> Array:
    """Heat stored in the whole hall above 20 degC [J], shape (1, N)."""
    return sum(
        total(getattr(p, capacity) * (getattr(s, temperature) - STORAGE_REFERENCE), xp)
        for temperature, capacity in HEAT_CAPACITIES.items()
    )


def energy_residual(s: Any, p: Any, interval: Array) -> Array:
    """What the balance of the last control step lacks [J], shape (1, N).

    Electric energy in and envelope gain, minus heat stored, minus heat that left by the tower and the electrical room. The tower fans'
    power leaves with the air they move.

    Parameters
    ----------
    s : State
        Or anything else with its energies, arrays or floats.
    p : Params
        Or anything else with ``humidifier_power``.
    interval : Array or float
        Length of the step [s].
    """
    electric = (
        s.it_energy
        + s.crah_fan_energy
        + s.chilled_water_pump_energy
        + s.condenser_water_pump_energy
        + s.chiller_energy
        + s.tower_fan_energy
        + p.humidifier_power * interval
        + s.electrical_loss_energy
    )
    rejected = s.tower_heat + s.tower_fan_energy + s.electrical_room_heat
    return electric + s.envelope_gain - (s.stored_energy - s.stored_energy_before) - rejected
