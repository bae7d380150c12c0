"""A data hall with a chilled-water plant as an EnergyPlus model, written from a handful of sizes.

One zone with air-cooled IT equipment; one air loop with a chilled-water coil and a draw-through variable-speed fan;
a variable-flow chilled-water loop with an electric chiller; a constant-flow condenser loop with a Merkel cooling
tower. Nothing is autosized and no sizing run is made. Each water loop is a single branch in either half (no bypass:
the pump moves what the coil valve lets through). The model asks for no report of any kind, so that the engine's time
goes into the simulation; sensors are requested through the programming interface (`energyplus_peer`).

Left out: outdoor air and infiltration, humidification, latent loads, windows, interior surfaces other than the floor.

Source: EnergyPlus 25.2 Input Output Reference; the engine checks every object against its own schema.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from dcsim_experiments.energyplus_sizes import (
    Chiller,
    Crah,
    EnergyPlusModel,
    Hall,
    ItEquipment,
    Pumps,
    Setpoints,
    Tower,
)

Objects = dict[str, dict[str, dict[str, Any]]]
Component = tuple[str, str, str, str]  # class, name, inlet node, outlet node

ENERGYPLUS_VERSION = "25.2"

# Names that the sensors and actuators of `energyplus_peer` refer to.
ZONE = "Hall"
IT_EQUIPMENT = "Servers"
COIL = "CRAH Coil"
FAN = "CRAH Fan"
CHILLER = "Chiller"
TOWER = "Tower"
CHILLED_WATER_PUMP = "Chilled Water Pump"
CONDENSER_WATER_PUMP = "Condenser Water Pump"
RETURN_AIR_NODE = "Return Air"
COIL_AIR_OUTLET_NODE = "Coil Air Outlet"
SUPPLY_AIR_NODE = "Supply Air"
ZONE_INLET_NODE = "Zone Inlet"
COOLING_PUMP_INLET_NODE = "Chilled Water Return"
COIL_WATER_INLET_NODE = "Coil Water Inlet"
COIL_WATER_OUTLET_NODE = "Coil Water Outlet"
CHILLER_INLET_NODE = "Chiller Inlet"
CHILLER_OUTLET_NODE = "Chiller Outlet"
CONDENSER_INLET_NODE = "Condenser Inlet"
CONDENSER_OUTLET_NODE = "Condenser Outlet"
CONDENSER_PUMP_INLET_NODE = "Condenser Water Return"
TOWER_INLET_NODE = "Tower Inlet"
TOWER_OUTLET_NODE = "Tower Outlet"
SUPPLY_AIR_SCHEDULE = "Supply Air Setpoint"
ZONE_SCHEDULE = "Zone Setpoint"
CHILLED_WATER_SCHEDULE = "Chilled Water Setpoint"
CONDENSER_WATER_SCHEDULE = "Condenser Water Setpoint"
LOAD_SCHEDULE = "IT Load"
_ON_SCHEDULE = "On"
_THERMOSTAT_SCHEDULE = "Thermostat Type"
_COOLING_ONLY = 2.0  # thermostat type in EnergyPlus's numbering: single cooling set-point


def write_model(model: EnergyPlusModel, weather: Path, path: Path) -> None:
    """Write the model as an epJSON file.

    Parameters
    ----------
    model : EnergyPlusModel
        Sizes and run period.
    weather : Path
        EPW file that the run will use; its elevation enters the coil's design point.
    path : Path
        File to write, ending in ``.epJSON``.
    """
    path.write_text(json.dumps(model_objects(model, site_elevation(weather)), indent=1), encoding="utf-8")


def site_elevation(weather: Path) -> float:
    """Elevation of the site of an EPW file [m], the tenth field of its first line."""
    with weather.open(encoding="latin-1") as lines:
        return float(lines.readline().split(",")[9])


def model_objects(model: EnergyPlusModel, elevation: float = 0.0) -> Objects:
    """All objects of the model: class, then name, then fields.

    Parameters
    ----------
    model : EnergyPlusModel
        Sizes and run period.
    elevation : float
        Of the site [m].

    Returns
    -------
    dict
        What an epJSON file holds.

    Raises
    ------
    ValueError
        If the time step does not divide an hour, or the run period leaves its calendar year.
    """
    return _merged(
        _run(model),
        _shell(model.hall),
        _it_equipment(model.it_equipment),
        _zone_equipment(model.crah),
        _air_loop(model.crah, elevation),
        _chilled_water_loop(model.chiller, model.pumps, model.crah),
        _condenser_loop(model.tower, model.pumps),
        _setpoints(model.setpoints),
    )


def _run(model: EnergyPlusModel) -> Objects:
    """Time steps, run period and a silent output."""
    last = model.start + timedelta(days=model.days - 1)
    if model.days < 1 or last.year != model.start.year:
        raise ValueError(f"days={model.days} from {model.start} is not a run period within one calendar year")
    if model.time_step < 60 or 3600 % model.time_step:
        raise ValueError(f"time_step={model.time_step} s does not divide an hour into at most 60 steps")
    return {
        "Version": {"Version": {"version_identifier": ENERGYPLUS_VERSION}},
        "SimulationControl": {"Control": {"run_simulation_for_weather_file_run_periods": "Yes"}},
        "Timestep": {"Step": {"number_of_timesteps_per_hour": 3600 // model.time_step}},
        "ConvergenceLimits": {
            "Limits": {
                "minimum_system_timestep": max(1, model.shortest_system_step // 60),
                "minimum_plant_iterations": model.plant_iterations_min,
                "maximum_plant_iterations": max(8, model.plant_iterations_min),
            }
        },
        "RunPeriod": {
            "Run": {
                "begin_month": model.start.month,
                "begin_day_of_month": model.start.day,
                "begin_year": model.start.year,
                "end_month": last.month,
                "end_day_of_month": last.day,
                "end_year": last.year,
            }
        },
    }


def _shell(hall: Hall) -> Objects:
    """Zone, constructions and the six faces of the box."""
    x, y, z = hall.length, hall.width, hall.height
    outdoors = {"outside_boundary_condition": "Outdoors", "sun_exposure": "SunExposed", "wind_exposure": "WindExposed"}
    ground = {"outside_boundary_condition": "Adiabatic", "sun_exposure": "NoSun", "wind_exposure": "NoWind"}
    faces = {
        "Floor": ("Floor", "Slab", ground, [(x, 0, 0), (0, 0, 0), (0, y, 0), (x, y, 0)]),
        "Roof": ("Roof", "Roof", outdoors, [(0, y, z), (0, 0, z), (x, 0, z), (x, y, z)]),
        "South": ("Wall", "Wall", outdoors, [(0, 0, z), (0, 0, 0), (x, 0, 0), (x, 0, z)]),
        "East": ("Wall", "Wall", outdoors, [(x, 0, z), (x, 0, 0), (x, y, 0), (x, y, z)]),
        "North": ("Wall", "Wall", outdoors, [(x, y, z), (x, y, 0), (0, y, 0), (0, y, z)]),
        "West": ("Wall", "Wall", outdoors, [(0, y, z), (0, y, 0), (0, 0, 0), (0, 0, z)]),
    }
    return {
        "Building": {"Building": {"solar_distribution": "MinimalShadowing", "maximum_number_of_warmup_days": 30}},
        "GlobalGeometryRules": {
            "Geometry": {
                "starting_vertex_position": "UpperLeftCorner",
                "vertex_entry_direction": "Counterclockwise",
                "coordinate_system": "World",
            }
        },
        "Zone": {ZONE: {}},
        "ZoneCapacitanceMultiplier:ResearchSpecial": {
            "Room Air": {"temperature_capacity_multiplier": hall.air_capacity_multiplier}
        },
        "Material": {
            "Concrete": {
                "roughness": "MediumRough",
                "thickness": hall.slab_thickness,
                "conductivity": hall.slab_conductivity,
                "density": hall.slab_density,
                "specific_heat": hall.slab_specific_heat,
            }
        },
        "Material:NoMass": {
            name: {"roughness": "Rough", "thermal_resistance": resistance, "solar_absorptance": 0.75}
            for name, resistance in (("Wall Layer", hall.wall_resistance), ("Roof Layer", hall.roof_resistance))
        },
        "Construction": {
            "Slab": {"outside_layer": "Concrete"},
            "Wall": {"outside_layer": "Wall Layer"},
            "Roof": {"outside_layer": "Roof Layer"},
        },
        "BuildingSurface:Detailed": {
            name: {
                "surface_type": kind,
                "construction_name": construction,
                "zone_name": ZONE,
                **boundary,
                "number_of_vertices": 4,
                "vertices": [
                    {f"vertex_{axis}_coordinate": value for axis, value in zip("xyz", corner, strict=True)}
                    for corner in corners
                ],
            }
            for name, (kind, construction, boundary, corners) in faces.items()
        },
    }


def _it_equipment(it: ItEquipment) -> Objects:
    """Servers that breathe supply air mixed with a share of room air."""
    design_power = it.cpu_power_nominal + it.fan_power_nominal
    hours = [
        {"field": text} for hour, load in enumerate(it.hourly_load, start=1) for text in (f"Until: {hour:02d}:00", load)
    ]
    span = ((-1.0, 2.0), (-10.0, 99.0))
    return {
        "ElectricEquipment:ITE:AirCooled": {
            IT_EQUIPMENT: {
                "zone_or_space_name": ZONE,
                "air_flow_calculation_method": "FlowFromSystem",
                "design_power_input_calculation_method": "Watts/Unit",
                "watts_per_unit": design_power,
                "number_of_units": 1,
                "cpu_loading_schedule_name": LOAD_SCHEDULE,
                "cpu_power_input_function_of_loading_and_air_temperature_curve_name": "CPU Power",
                "design_fan_power_input_fraction": it.fan_power_nominal / design_power,
                "design_fan_air_flow_rate_per_power_input": it.air_volume_flow_nominal / design_power,
                "air_flow_function_of_loading_and_air_temperature_curve_name": "Server Air Flow",
                "fan_power_input_function_of_flow_curve_name": "Server Fan Power",
                "design_entering_air_temperature": 20.0,
                "environmental_class": "A3",
                "air_inlet_connection_type": "AdjustedSupply",
                "supply_air_node_name": ZONE_INLET_NODE,
                "design_recirculation_fraction": it.recirculation_fraction,
                "design_electric_power_supply_efficiency": it.power_supply_efficiency,
                "fraction_of_electric_power_supply_losses_to_zone": 1.0,
            }
        },
        "Curve:Biquadratic": {
            "CPU Power": _polynomial(it.cpu_power_curve, span),
            "Server Air Flow": _polynomial(it.air_flow_curve, span),
        },
        "Curve:Cubic": {"Server Fan Power": _polynomial(it.fan_power_curve, ((0.0, 2.0),))},
        "Schedule:Compact": {
            LOAD_SCHEDULE: {"data": [{"field": "Through: 12/31"}, {"field": "For: AllDays"}, *hours]},
        },
    }


def _zone_equipment(crah: Crah) -> Objects:
    """Thermostat, air terminal and the ducts to and from the zone."""
    return {
        "ZoneControl:Thermostat": {
            "Thermostat": {
                "zone_or_zonelist_name": ZONE,
                "control_type_schedule_name": _THERMOSTAT_SCHEDULE,
                "control_1_object_type": "ThermostatSetpoint:SingleCooling",
                "control_1_name": "Cooling",
            }
        },
        "ThermostatSetpoint:SingleCooling": {"Cooling": {"setpoint_temperature_schedule_name": ZONE_SCHEDULE}},
        "ZoneHVAC:EquipmentConnections": {
            "Connections": {
                "zone_name": ZONE,
                "zone_conditioning_equipment_list_name": "Zone Equipment",
                "zone_air_inlet_node_or_nodelist_name": ZONE_INLET_NODE,
                "zone_air_node_name": "Zone Air",
                "zone_return_air_node_or_nodelist_name": "Zone Outlet",
            }
        },
        "ZoneHVAC:EquipmentList": {
            "Zone Equipment": {
                "equipment": [
                    {
                        "zone_equipment_object_type": "ZoneHVAC:AirDistributionUnit",
                        "zone_equipment_name": "Air Distribution",
                        "zone_equipment_cooling_sequence": 1,
                        "zone_equipment_heating_or_no_load_sequence": 1,
                    }
                ]
            }
        },
        "ZoneHVAC:AirDistributionUnit": {
            "Air Distribution": {
                "air_distribution_unit_outlet_node_name": ZONE_INLET_NODE,
                "air_terminal_object_type": "AirTerminal:SingleDuct:VAV:NoReheat",
                "air_terminal_name": "Air Terminal",
            }
        },
        "AirTerminal:SingleDuct:VAV:NoReheat": {
            "Air Terminal": {
                "air_inlet_node_name": "Terminal Inlet",
                "air_outlet_node_name": ZONE_INLET_NODE,
                "maximum_air_flow_rate": crah.air_volume_flow_nominal,
                "zone_minimum_air_flow_input_method": "Constant",
                "constant_minimum_air_flow_fraction": crah.air_flow_fraction_min,
            }
        },
        "AirLoopHVAC:ZoneSplitter": {
            "Splitter": {"inlet_node_name": "Duct Inlet", "nodes": [{"outlet_node_name": "Terminal Inlet"}]}
        },
        "AirLoopHVAC:ZoneMixer": {
            "Mixer": {"outlet_node_name": "Duct Outlet", "nodes": [{"inlet_node_name": "Zone Outlet"}]}
        },
        "AirLoopHVAC:SupplyPath": {
            "Supply Path": {
                "supply_air_path_inlet_node_name": "Duct Inlet",
                "components": [{"component_object_type": "AirLoopHVAC:ZoneSplitter", "component_name": "Splitter"}],
            }
        },
        "AirLoopHVAC:ReturnPath": {
            "Return Path": {
                "return_air_path_outlet_node_name": "Duct Outlet",
                "components": [{"component_object_type": "AirLoopHVAC:ZoneMixer", "component_name": "Mixer"}],
            }
        },
    }


def _air_loop(crah: Crah, elevation: float) -> Objects:
    """Coil with its valve controller, then the fan."""
    return {
        "AirLoopHVAC": {
            "Air Loop": {
                "controller_list_name": "Controllers",
                "availability_manager_list_name": "Availability",
                "design_supply_air_flow_rate": crah.air_volume_flow_nominal,
                "branch_list_name": "Air Branches",
                "supply_side_inlet_node_name": RETURN_AIR_NODE,
                "supply_side_outlet_node_names": SUPPLY_AIR_NODE,
                "demand_side_inlet_node_names": "Duct Inlet",
                "demand_side_outlet_node_name": "Duct Outlet",
            }
        },
        "AvailabilityManagerAssignmentList": {
            "Availability": {
                "managers": [
                    {
                        "availability_manager_object_type": "AvailabilityManager:Scheduled",
                        "availability_manager_name": "Always",
                    }
                ]
            }
        },
        "AvailabilityManager:Scheduled": {"Always": {"schedule_name": _ON_SCHEDULE}},
        "AirLoopHVAC:ControllerList": {
            "Controllers": {"controller_1_object_type": "Controller:WaterCoil", "controller_1_name": "Valve"}
        },
        "Controller:WaterCoil": {
            "Valve": {
                "control_variable": "Temperature",
                "action": "Reverse",
                "actuator_variable": "Flow",
                "sensor_node_name": COIL_AIR_OUTLET_NODE,
                "actuator_node_name": COIL_WATER_INLET_NODE,
                "controller_convergence_tolerance": crah.valve_tolerance,
                "maximum_actuated_flow": crah.coil_water_volume_flow,
            }
        },
        **_branch(
            "Air Branches",
            ("Coil:Cooling:Water", COIL, RETURN_AIR_NODE, COIL_AIR_OUTLET_NODE),
            ("Fan:VariableVolume", FAN, COIL_AIR_OUTLET_NODE, SUPPLY_AIR_NODE),
        ),
        "Coil:Cooling:Water": {
            COIL: {
                "design_water_flow_rate": crah.coil_water_volume_flow,
                "design_air_flow_rate": crah.coil_air_volume_flow,
                "design_inlet_water_temperature": crah.coil_water_inlet_temperature,
                "design_inlet_air_temperature": crah.coil_air_inlet_temperature,
                "design_outlet_air_temperature": crah.coil_air_outlet_temperature(elevation),
                "design_inlet_air_humidity_ratio": crah.coil_humidity_ratio,
                "design_outlet_air_humidity_ratio": crah.coil_humidity_ratio,
                "water_inlet_node_name": COIL_WATER_INLET_NODE,
                "water_outlet_node_name": COIL_WATER_OUTLET_NODE,
                "air_inlet_node_name": RETURN_AIR_NODE,
                "air_outlet_node_name": COIL_AIR_OUTLET_NODE,
                "type_of_analysis": "SimpleAnalysis",
                "heat_exchanger_configuration": "CounterFlow",
            }
        },
        "Fan:VariableVolume": {
            FAN: {
                "fan_total_efficiency": crah.fan_efficiency,
                "pressure_rise": crah.fan_pressure,
                "maximum_flow_rate": crah.air_volume_flow_nominal,
                "fan_power_minimum_flow_fraction": crah.air_flow_fraction_min,
                "motor_efficiency": crah.fan_motor_efficiency,
                "motor_in_airstream_fraction": 1.0,
                **{f"fan_power_coefficient_{i}": c for i, c in enumerate((*crah.fan_power_curve, 0.0), start=1)},
                "air_inlet_node_name": COIL_AIR_OUTLET_NODE,
                "air_outlet_node_name": SUPPLY_AIR_NODE,
            }
        },
    }


def _chilled_water_loop(chiller: Chiller, pumps: Pumps, crah: Crah) -> Objects:
    """Variable-speed pump and chiller on the supply side, the coil on the demand side."""
    temperatures = (chiller.chilled_water_range, chiller.condenser_water_range)
    loads = (chiller.part_load_min, chiller.part_load_max)
    machine = {
        "reference_capacity": chiller.capacity,
        "reference_cop": chiller.cop,
        "reference_leaving_chilled_water_temperature": chiller.chilled_water_reference,
        "reference_entering_condenser_fluid_temperature": chiller.condenser_water_reference,
        "reference_chilled_water_flow_rate": crah.coil_water_volume_flow,
        "reference_condenser_fluid_flow_rate": pumps.condenser_water_volume_flow,
        "cooling_capacity_function_of_temperature_curve_name": "Chiller Capacity",
        "electric_input_to_cooling_output_ratio_function_of_temperature_curve_name": "Chiller Input Ratio",
        "electric_input_to_cooling_output_ratio_function_of_part_load_ratio_curve_name": "Chiller Part Load",
        "minimum_part_load_ratio": chiller.part_load_min,
        "maximum_part_load_ratio": chiller.part_load_max,
        "minimum_unloading_ratio": chiller.part_load_min,
        "chilled_water_inlet_node_name": CHILLER_INLET_NODE,
        "chilled_water_outlet_node_name": CHILLER_OUTLET_NODE,
        "condenser_inlet_node_name": CONDENSER_INLET_NODE,
        "condenser_outlet_node_name": CONDENSER_OUTLET_NODE,
        "condenser_type": "WaterCooled",
        "leaving_chilled_water_lower_temperature_limit": chiller.chilled_water_limit,
        "chiller_flow_mode": "NotModulated",
    }
    pump = {
        "inlet_node_name": COOLING_PUMP_INLET_NODE,
        "outlet_node_name": CHILLER_INLET_NODE,
        "design_maximum_flow_rate": crah.coil_water_volume_flow,
        "design_minimum_flow_rate": 0.0,
        "design_pump_head": pumps.chilled_water_head,
        "design_power_consumption": pumps.chilled_water_power,
        "motor_efficiency": pumps.motor_efficiency,
        "pump_control_type": "Intermittent",
        **{
            f"coefficient_{i}_of_the_part_load_performance_curve": c
            for i, c in enumerate(pumps.chilled_water_power_curve, start=1)
        },
    }
    return _merged(
        {
            "Chiller:Electric:EIR": {CHILLER: machine},
            "Pump:VariableSpeed": {CHILLED_WATER_PUMP: pump},
            "Curve:Biquadratic": {
                "Chiller Capacity": _polynomial(chiller.capacity_curve, temperatures),
                "Chiller Input Ratio": _polynomial(chiller.input_ratio_curve, temperatures),
            },
            "Curve:Quadratic": {"Chiller Part Load": _polynomial(chiller.part_load_curve, (loads,))},
        },
        _loop(
            "Chilled Water",
            crah.coil_water_volume_flow,
            (
                ("Pump:VariableSpeed", CHILLED_WATER_PUMP, COOLING_PUMP_INLET_NODE, CHILLER_INLET_NODE),
                ("Chiller:Electric:EIR", CHILLER, CHILLER_INLET_NODE, CHILLER_OUTLET_NODE),
            ),
            ("Coil:Cooling:Water", COIL, COIL_WATER_INLET_NODE, COIL_WATER_OUTLET_NODE),
        ),
    )


def _condenser_loop(tower: Tower, pumps: Pumps) -> Objects:
    """Constant-speed pump and tower on the supply side, the chiller's condenser on the demand side."""
    cooler = {
        "water_inlet_node_name": TOWER_INLET_NODE,
        "water_outlet_node_name": TOWER_OUTLET_NODE,
        "performance_input_method": "UFactorTimesAreaAndDesignWaterFlowRate",
        "design_water_flow_rate": pumps.condenser_water_volume_flow,
        "design_air_flow_rate": tower.air_volume_flow,
        "minimum_air_flow_rate_ratio": tower.air_flow_fraction_min,
        "design_fan_power": tower.fan_power,
        "fan_power_modifier_function_of_air_flow_rate_ratio_curve_name": "Tower Fan Power",
        "free_convection_regime_air_flow_rate": tower.free_convection_fraction * tower.air_volume_flow,
        "design_air_flow_rate_u_factor_times_area_value": tower.conductance,
        "free_convection_regime_u_factor_times_area_value": tower.free_convection_fraction * tower.conductance,
        "u_factor_times_area_modifier_function_of_air_flow_ratio_curve_name": "Tower Air Flow",
        "u_factor_times_area_modifier_function_of_wetbulb_temperature_difference_curve_name": "Tower Wet Bulb",
        "u_factor_times_area_modifier_function_of_water_flow_ratio_curve_name": "Tower Water Flow",
        "design_inlet_air_wet_bulb_temperature": tower.design_wet_bulb_temperature,
        "design_approach_temperature": tower.design_approach,
        "design_range_temperature": tower.design_range,
        "evaporation_loss_mode": "SaturatedExit",
    }
    pump = {
        "inlet_node_name": CONDENSER_PUMP_INLET_NODE,
        "outlet_node_name": TOWER_INLET_NODE,
        "design_flow_rate": pumps.condenser_water_volume_flow,
        "design_pump_head": pumps.condenser_water_head,
        "design_power_consumption": pumps.condenser_water_power,
        "motor_efficiency": pumps.motor_efficiency,
        "pump_control_type": "Intermittent",
    }
    return _merged(
        {
            "CoolingTower:VariableSpeed:Merkel": {TOWER: cooler},
            "Pump:ConstantSpeed": {CONDENSER_WATER_PUMP: pump},
            "Curve:Cubic": {"Tower Fan Power": _polynomial(tower.fan_power_curve, ((0.0, 1.0),))},
            "Curve:Quadratic": {
                "Tower Air Flow": _polynomial(tower.air_flow_curve, ((0.1, 1.0),)),
                "Tower Water Flow": _polynomial(tower.water_flow_curve, ((0.3, 1.0),), tower.water_flow_limits),
            },
            "Curve:Linear": {
                "Tower Wet Bulb": _polynomial(tower.wet_bulb_curve, ((-10.0, 25.0),), tower.wet_bulb_limits)
            },
        },
        _loop(
            "Condenser Water",
            pumps.condenser_water_volume_flow,
            (
                ("Pump:ConstantSpeed", CONDENSER_WATER_PUMP, CONDENSER_PUMP_INLET_NODE, TOWER_INLET_NODE),
                ("CoolingTower:VariableSpeed:Merkel", TOWER, TOWER_INLET_NODE, TOWER_OUTLET_NODE),
            ),
            ("Chiller:Electric:EIR", CHILLER, CONDENSER_INLET_NODE, CONDENSER_OUTLET_NODE),
        ),
    )


def _setpoints(setpoints: Setpoints) -> Objects:
    """Schedules to be overridden through actuators, and the managers that carry them to the nodes."""
    schedules = {
        _ON_SCHEDULE: 1.0,
        _THERMOSTAT_SCHEDULE: _COOLING_ONLY,
        SUPPLY_AIR_SCHEDULE: setpoints.supply_air,
        ZONE_SCHEDULE: setpoints.zone,
        CHILLED_WATER_SCHEDULE: setpoints.chilled_water,
    }
    scheduled = {SUPPLY_AIR_NODE: SUPPLY_AIR_SCHEDULE, CHILLER_OUTLET_NODE: CHILLED_WATER_SCHEDULE}
    followed: Objects = {}
    if setpoints.condenser_water is None:
        followed["SetpointManager:FollowOutdoorAirTemperature"] = {
            "Wet Bulb": {
                "reference_temperature_type": "OutdoorAirWetBulb",
                "offset_temperature_difference": setpoints.condenser_water_approach,
                "minimum_setpoint_temperature": setpoints.condenser_water_min,
                "maximum_setpoint_temperature": setpoints.condenser_water_max,
                "setpoint_node_or_nodelist_name": TOWER_OUTLET_NODE,
            }
        }
    else:
        schedules[CONDENSER_WATER_SCHEDULE] = setpoints.condenser_water
        scheduled[TOWER_OUTLET_NODE] = CONDENSER_WATER_SCHEDULE
    return {
        **followed,
        "Schedule:Constant": {name: {"hourly_value": value} for name, value in schedules.items()},
        "SetpointManager:Scheduled": {
            schedule: {
                "control_variable": "Temperature",
                "schedule_name": schedule,
                "setpoint_node_or_nodelist_name": node,
            }
            for node, schedule in scheduled.items()
        },
        # The valve holds the coil outlet colder than the supply air by what the fan warms it.
        "SetpointManager:MixedAir": {
            "Before The Fan": {
                "reference_setpoint_node_name": SUPPLY_AIR_NODE,
                "fan_inlet_node_name": COIL_AIR_OUTLET_NODE,
                "fan_outlet_node_name": SUPPLY_AIR_NODE,
                "setpoint_node_or_nodelist_name": COIL_AIR_OUTLET_NODE,
            }
        },
    }


def _loop(name: str, volume_flow: float, supply: Sequence[Component], demand: Component) -> Objects:
    """Water loop of one branch in either half, its set-point behind the last component of the supply side."""
    kind, machine = supply[-1][:2]
    ends = {
        "plant_side_inlet_node_name": supply[0][2],
        "plant_side_outlet_node_name": supply[-1][3],
        "demand_side_inlet_node_name": demand[2],
        "demand_side_outlet_node_name": demand[3],
    }
    return _merged(
        {
            "PlantLoop": {
                name: {
                    "plant_equipment_operation_scheme_name": f"{name} Operation",
                    "loop_temperature_setpoint_node_name": supply[-1][3],
                    "maximum_loop_temperature": 100.0,
                    "minimum_loop_temperature": 3.0,
                    "maximum_loop_flow_rate": volume_flow,
                    **ends,
                    "plant_side_branch_list_name": f"{name} Supply",
                    "demand_side_branch_list_name": f"{name} Demand",
                }
            },
            "PlantEquipmentOperationSchemes": {
                f"{name} Operation": {
                    "control_scheme_1_object_type": "PlantEquipmentOperation:CoolingLoad",
                    "control_scheme_1_name": f"{name} Load",
                    "control_scheme_1_schedule_name": _ON_SCHEDULE,
                }
            },
            "PlantEquipmentOperation:CoolingLoad": {
                f"{name} Load": {
                    "load_range_1_lower_limit": 0.0,
                    "load_range_1_upper_limit": 1e9,
                    "range_1_equipment_list_name": f"{name} Machines",
                }
            },
            "PlantEquipmentList": {
                f"{name} Machines": {"equipment": [{"equipment_object_type": kind, "equipment_name": machine}]}
            },
        },
        _branch(f"{name} Supply", *supply),
        _branch(f"{name} Demand", demand),
    )


def _branch(name: str, *components: Component) -> Objects:
    """Branch list that holds one branch of the same name."""
    keys = ("object_type", "name", "inlet_node_name", "outlet_node_name")
    parts = [{f"component_{key}": text for key, text in zip(keys, part, strict=True)} for part in components]
    return {"Branch": {name: {"components": parts}}, "BranchList": {name: {"branches": [{"branch_name": name}]}}}


def _polynomial(
    coefficients: Sequence[float], spans: Sequence[tuple[float, float]], limits: tuple[float, float] | None = None
) -> dict[str, float]:
    """Fields of a curve object: coefficients in EnergyPlus's order, clamped inputs and, if given, clamped output."""
    powers = ("constant", "x", "x_2", "y", "y_2", "x_y") if len(spans) == 2 else ("constant", "x", "x_2", "x_3")
    fields = {f"coefficient{i}_{power}": c for i, (c, power) in enumerate(zip(coefficients, powers[: len(coefficients)], strict=True), 1)}
    for axis, (low, high) in zip("xy"[: len(spans)], spans, strict=True):
        fields |= {f"minimum_value_of_{axis}": low, f"maximum_value_of_{axis}": high}
    if limits is not None:
        fields |= {"minimum_curve_output": limits[0], "maximum_curve_output": limits[1]}
    return fields


def _merged(*parts: Objects) -> Objects:
    """Union of the parts, class by class."""
    objects: Objects = {}
    for part in parts:
        for kind, named in part.items():
            objects.setdefault(kind, {}).update(named)
    return objects
