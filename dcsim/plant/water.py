"""Chilled water, economizer, chillers, condenser water and tower in one pass of time, and the meters of all."""

from typing import Any

from dcsim.physics import chiller, cooling_tower, economizer, pump, thermal
from dcsim.physics.constants import WATER_SPECIFIC_HEAT
from dcsim.physics.smooth import clip
from dcsim.plant.loops import modulated, total
from dcsim.plant.model import FREE, INTEGRATED, Array, Held, Inputs, Params, State
from dcsim.plant.room import Room


def water_pass(new: State, s: State, u: Inputs, h: Held, p: Params, room: Room, dt: Array, xp: Any) -> State:
    """Follow the heat from the coils to the outdoor air, and add up energies and water.

    Parameters
    ----------
    new, s, u, h, p : State, Inputs, Held, Params
        Of shapes ``(rows, N)``; ``new`` has the room after the pass, ``s`` all before it.
    room : Room
        What the room hands over.
    dt : Array or float
        Length of the pass [s].
    xp : namespace

    Returns
    -------
    State
        After the pass.
    """
    # chilled water: two lumps, supply and return, solved together; heat that must go to meet the set-point
    flow_nominal = total(p.coil_water_flow_nominal, xp)
    flow = xp.maximum(
        total(p.coil_water_flow_nominal * s.valve_fraction, xp), p.chilled_water_flow_share_min * flow_nominal
    )
    is_free = s.mode > 0.5 * (INTEGRATED + FREE)
    bypassed_chillers = xp.where(is_free, 1.0, 0.0)
    bypassed_economizer = xp.where(h.economizer_conductance > 0.0, 0.0, 1.0)
    chilled_head = pump.head_fraction(
        bypassed_chillers,
        p.chiller_chilled_head_share,
        bypassed_economizer,
        p.economizer_chilled_head_share,
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
    entering = thermal.mixed_temperature(basin, economizer_heat, condenser_stream)
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
    condenser_head = pump.head_fraction(
        bypassed_chillers,
        p.chiller_condenser_head_share,
        bypassed_economizer,
        p.economizer_condenser_head_share,
    )
    condenser_pump_power = condenser_head * pump.friction_and_static_power(
        s.condenser_water_flow, p.condenser_water_pump_power_nominal, p.condenser_water_static_share
    )
    heat_in = economizer_heat + chiller.condenser_heat_flow(evaporator_heat, chiller_power) + condenser_pump_power
    air_flow = h.density_ratio * p.tower_air_flow_nominal * s.tower_air_fraction
    tower_limit, leaving_wet_bulb = cooling_tower.merkel_heat_flow(
        thermal.mixed_temperature(basin, heat_in, condenser_stream),
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
