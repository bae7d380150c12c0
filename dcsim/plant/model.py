"""What a chilled-water data hall is made of, what it remembers and what drives it: plain tuples of arrays.

Letters: R rack groups, U CRAH groups, Z hot-air cells, C chillers, N environments. The environment axis comes last, ``(rows, N)``; the
comment behind each field gives its rows and, where the name does not tell it, its unit.
"""

from typing import Any, NamedTuple

Array = Any

MECHANICAL, INTEGRATED, FREE = 0.0, 1.0, 2.0
"""Cooling modes: chillers alone, economizer and chillers in series, economizer alone."""


class Params(NamedTuple):
    """What a hall is made of. Shapes ``(rows, 1)``, or ``(rows, N)`` where every environment has its own; matrices ``(out, in)``."""

    # racks
    idle_power: Array  # (R) W at 20 degC inlet, fans apart
    peak_power: Array  # (R) W
    power_exponent: Array  # (1) r of the Fan form
    leakage_coefficient: Array  # (1) 1/K
    leakage_reference_temperature: Array  # (1) at which idle and peak power are stated
    server_mass_flow_nominal: Array  # (R) kg/s at full load and idle fan speed
    server_fan_speed_min: Array  # (1)
    server_fan_ramp_start_temperature: Array  # (1) inlet above which the fans speed up
    server_fan_ramp_end_temperature: Array  # (1) inlet at which they run at full speed
    server_fan_power_max: Array  # (R) W
    server_fan_time_constant: Array  # (1) s
    server_heat_capacity: Array  # (R) J/K
    server_effectiveness: Array  # (1)
    # room
    cold_air_heat_capacity: Array  # (R) J/K
    recirculation_min: Array  # (R) share of intake air that is recirculated however much is supplied
    starvation_gain: Array  # (R) how steeply supply misses the intakes when it falls short
    supply_reach: Array  # matrix (U, R) relative reach of a CRAH group at a rack group
    demand_following: Array  # (1) 1: supply spreads as the racks draw it (containment); 0: as the tiles are laid
    supply_leakage: Array  # (1) share of supply air lost to the return before the racks
    cell_share: Array  # matrix (Z, R) share of a rack group's hot side in a cell; columns sum to 1
    hot_air_heat_capacity: Array  # (Z) J/K
    mass_heat_capacity: Array  # (Z) J/K slab, cabinets
    mass_conductance: Array  # (Z) W/K
    envelope_conductance: Array  # (Z) W/K hall to outdoors
    # CRAHs
    crah_mass_flow_nominal: Array  # (U) kg/s at full speed
    crah_fan_power_nominal: Array  # (U) W
    crah_fan_linear_share: Array  # (1)
    crah_fan_time_constant: Array  # (1) s
    flow_ratio_min: Array  # (1) supply reaching the racks over server flow that the aisle-pressure loop defends
    coil_conductance_nominal: Array  # (U) W/K
    coil_air_resistance_share: Array  # (1)
    coil_water_flow_nominal: Array  # (U) kg/s
    valve_fraction_min: Array  # (1)
    valve_time_constant: Array  # (1) s
    supply_air_heat_capacity: Array  # (U) J/K coil metal and air
    humidifier_power: Array  # (1) W, constant
    # chilled water
    chilled_water_supply_heat_capacity: Array  # (1) J/K
    chilled_water_return_heat_capacity: Array  # (1) J/K
    chilled_water_flow_share_min: Array  # (1) least flow through the loop, kept by a bypass
    chilled_water_pump_power_nominal: Array  # (1) W
    # chillers
    chiller_capacity: Array  # (1) W, one machine
    chiller_cop: Array  # (1) at reference
    chiller_capacity_curve: Array  # (6)
    chiller_eir_curve: Array  # (6)
    chiller_part_load_curve: Array  # (3)
    chiller_curve_box: Array  # (4) chilled water min, max, condenser water min, max
    chiller_part_load_min: Array  # (1)
    chiller_unloading_min: Array  # (1)
    chiller_cop_max: Array  # (1) at part load too
    chiller_hold_temperature: Array  # (1) condenser water from which on falling capacity lowers no power
    chiller_condenser_stream: Array  # (1) W/K, water through one machine at catalogue flow
    chiller_chilled_head_share: Array  # (1) of the head of the chilled-water pumps that lies in the evaporators
    chiller_condenser_head_share: Array  # (1) of the head of the condenser-water pumps that lies in the condensers
    chiller_order: Array  # matrix (C, C), strictly lower ones: which machines come before
    chiller_start_time_constant: Array  # (1) s
    chiller_control_time_constant: Array  # (1) s
    condenser_water_temperature_min: Array  # (1) while chillers run
    stage_up_load: Array  # (1) part-load ratio above which a machine is added
    stage_down_load: Array  # (1) part-load ratio of the remaining machines below which one is taken off
    stage_time_min: Array  # (1) s between changes
    # economizer, condenser water, tower
    economizer_effectiveness: Array  # (1) at nominal flows; 0 where there is none
    economizer_conductance: Array  # (1) W/K at nominal flows
    economizer_chilled_head_share: Array  # (1) of the head of the chilled-water pumps that lies in the exchanger
    economizer_condenser_head_share: Array  # (1) of the head of the condenser-water pumps that lies in the exchanger
    mode_time_min: Array  # (1) s between changes of mode
    mode_hysteresis: Array  # (1) of the request, on the scale 0 mechanical to 2 free
    free_cooling_excess_max: Array  # (1) K of supply above set-point at which the plant leaves free cooling by itself
    condenser_water_flow_nominal: Array  # (1) kg/s
    condenser_water_heat_capacity: Array  # (1) J/K
    condenser_water_pump_power_nominal: Array  # (1) W
    condenser_water_static_share: Array  # (1)
    tower_conductance_nominal: Array  # (1) W/K
    tower_air_flow_nominal: Array  # (1) kg/s
    tower_wet_bulb_nominal: Array  # (1)
    tower_fan_power_nominal: Array  # (1) W
    tower_air_fraction_min: Array  # (1)
    tower_time_constant: Array  # (1) s
    drift_fraction: Array  # (1) of the tower's water flow
    cycles_of_concentration: Array  # (1)
    # electrical
    ups_rated_power: Array  # (1) W
    ups_loss: Array  # (3) no-load, proportional, square
    distribution_rated_power: Array  # (1) W
    distribution_loss: Array  # (3)
    lighting_power: Array  # (1) W
    # limits
    inlet_limit: Array  # (1) recommended upper limit of a rack inlet
    inlet_allowable: Array  # (1)
    supply_limit: Array  # (1) recommended lower limit of supply air
    trip_temperature: Array  # (1)
    trip_time_min: Array  # (1) s
    protection_release_temperature: Array  # (1)
    supply_air_setpoint_min: Array  # (1) what protection falls back to
    chilled_water_setpoint_min: Array  # (1) likewise
    # rate limits of the set-points, per second
    supply_air_setpoint_rate: Array  # (1) K/s
    fan_speed_rate: Array  # (1) 1/s
    chilled_water_setpoint_rate: Array  # (1) K/s
    condenser_water_setpoint_rate: Array  # (1) K/s
    pump_speed_rate: Array  # (1) 1/s
    # what observations and travel are counted by
    zone_mean: Array  # matrix (U, R) equal weights of the rack groups in the zone of a CRAH group; rows sum to 1
    racks_per_zone: Array  # (1)
    setpoint_count: Array  # (1)
    supply_air_setpoint_range: Array  # (1) K
    crah_fan_range: Array  # (1)
    chilled_water_setpoint_range: Array  # (1) K
    condenser_water_setpoint_range: Array  # (1) K
    chilled_water_pump_range: Array  # (1)
    condenser_water_flow_range: Array  # (1)


MATRICES = frozenset({"supply_reach", "cell_share", "zone_mean", "chiller_order"})


class State(NamedTuple):
    """All that the future depends on. The energies are those of the last control step."""

    # integrated
    server_temperature: Array  # (R)
    rack_inlet_temperature: Array  # (R) cold air in front of the racks
    server_fan_speed: Array  # (R)
    hot_air_temperature: Array  # (Z)
    mass_temperature: Array  # (Z)
    supply_air_temperature: Array  # (U)
    crah_fan_speed: Array  # (U)
    valve_fraction: Array  # (U) coil water flow over nominal
    chilled_water_supply_temperature: Array  # (1)
    chilled_water_return_temperature: Array  # (1)
    condenser_water_supply_temperature: Array  # (1) tower basin
    tower_air_fraction: Array  # (1)
    chiller_loading: Array  # (C) 0 off to 1 able to give full capacity
    # integrated over the control step
    it_energy: Array  # (1) J, server fans included
    server_fan_energy: Array  # (1) J
    leakage_energy: Array  # (1) J of leakage above 20 degC
    crah_fan_energy: Array  # (1) J
    chilled_water_pump_energy: Array  # (1) J
    condenser_water_pump_energy: Array  # (1) J
    chiller_energy: Array  # (1) J
    tower_fan_energy: Array  # (1) J
    electrical_loss_energy: Array  # (1) J UPS, distribution, lighting
    electrical_room_heat: Array  # (1) J UPS heat, which leaves by its own ventilation
    envelope_gain: Array  # (1) J into the hall
    tower_heat: Array  # (1) J from the water to the outdoor air
    evaporator_heat: Array  # (1) J taken by the chillers
    economizer_heat: Array  # (1) J
    makeup_water: Array  # (1) kg evaporated, drifted and blown down
    # latched at the start of a control step
    supply_air_setpoint: Array  # (U)
    crah_fan_setpoint: Array  # (U)
    chilled_water_setpoint: Array  # (1)
    condenser_water_setpoint: Array  # (1)
    chilled_water_pump_speed: Array  # (1)
    condenser_water_flow: Array  # (1) fraction
    mode: Array  # (1) 0, 1, 2
    mode_time: Array  # (1) s since its last change
    chillers_on: Array  # (1) number wanted by staging
    stage_time: Array  # (1) s since its last change
    protection: Array  # (1) 1 while an over-temperature has taken the fans and set-points over
    travel: Array  # (1) mean change of the set-points at the start of the step, as a share of their ranges
    stored_energy_before: Array  # (1) J above 20 degC at the start of the step
    # monitored over the control step
    stored_energy: Array  # (1) J above 20 degC at its end
    zone_inlet_mean: Array  # (U) degC at its end, racks nearest to each CRAH group
    zone_flow_ratio: Array  # (U) at its end, supply of a CRAH group over what its racks draw
    rack_inlet_max: Array  # (1) hottest rack group at any sub-step
    violation: Array  # (1) K s of the hottest rack group above inlet_limit
    allowable_violation: Array  # (1) K s above inlet_allowable
    supply_shortfall: Array  # (1) K s of the coldest supply below supply_limit
    trip_time: Array  # (1) s without a break above trip_temperature
    is_tripped: Array  # (1)


class Inputs(NamedTuple):
    """Held over a control step: requested set-points, what is available, load and weather."""

    supply_air_setpoint: Array  # (U)
    crah_fan_speed: Array  # (U)
    chilled_water_setpoint: Array  # (1)
    condenser_water_setpoint: Array  # (1)
    chilled_water_pump_speed: Array  # (1)
    condenser_water_flow: Array  # (1) fraction
    mode_request: Array  # (1) 0 mechanical to 2 free, continuous
    crah_available: Array  # (U) share of the group that can run
    chiller_available: Array  # (C) share of its capacity that a machine can give; 0: out
    pressure_control: Array  # (1) 1: the aisle-pressure loop runs; 0: overridden
    utilization: Array  # (R)
    dry_bulb_temperature: Array  # (1)
    wet_bulb_temperature: Array  # (1)
    outdoor_humidity_ratio: Array  # (1)
    outdoor_pressure: Array  # (1)


class Held(NamedTuple):
    """What stays the same over a control step and is computed once, at its start."""

    dynamic_power: Array  # (R) W
    crah_fan_target: Array  # (U) speed asked for, before the aisle-pressure loop
    crah_flow_available: Array  # (1) kg/s at full speed of what can run, leakage taken off
    supply_air_setpoint: Array  # (U) after protection, as the next two
    chilled_water_setpoint: Array  # (1)
    chilled_water_pump_speed: Array  # (1)
    chiller_target: Array  # (C) share of capacity that the machines which are to run load up to, unless cooling is free
    economizer_conductance: Array  # (1) W/K at nominal flows; 0 while it is out of use
    density_ratio: Array  # (1) of the air, over that at sea level
