"""Servers, room air and CRAHs in one pass of time; their heat ends in the chilled water."""

from typing import Any, NamedTuple

from dcsim.physics import coil, fan, power_chain, room_air, server, thermal
from dcsim.physics.constants import AIR_SPECIFIC_HEAT, WATER_SPECIFIC_HEAT
from dcsim.plant.loops import modulated, total
from dcsim.plant.model import Array, Held, Inputs, Params, State

CRAH_FLOW_FRACTION_MIN = 1e-3  # air that drifts through a stopped unit; keeps shares of nothing from being asked for


class Room(NamedTuple):
    """What the room pass hands to the water pass and to the meters."""

    coil_heat: Array  # (1) W into the chilled water
    it_power: Array  # (1) W
    server_fan_power: Array  # (1) W
    leakage_power: Array  # (1) W above 20 degC
    crah_fan_power: Array  # (1) W
    ups_loss: Array  # (1) W
    distribution_loss: Array  # (1) W
    envelope_gain: Array  # (1) W


def room_pass(s: State, u: Inputs, h: Held, p: Params, dt: Array, xp: Any) -> tuple[State, Room]:
    """Follow the heat from the servers to the coils.

    Parameters
    ----------
    s, u, h, p : State, Inputs, Held, Params
        Of shapes ``(rows, N)``.
    dt : Array or float
        Length of the pass [s].
    xp : namespace

    Returns
    -------
    State
        With the room's temperatures and actuators as they are after the pass.
    Room
        Heat and powers that the water pass and the meters need.
    """
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

    room = Room(
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
