"""A data hall with a chilled-water plant as an EnergyPlus model, written from a handful of sizes.

One zone with air-cooled IT equipment; one air loop with a chilled-water coil and a draw-through variable-speed fan;
a variable-flow chilled-water loop with an electric chiller; a constant-flow condenser loop with a Merkel cooling
tower. Nothing is autosized and no sizing run is made. Each water loop is a single branch in either half (no bypass:
the pump moves what the coil valve lets through). The model asks for no report of any kind, so that the engine's time
goes into the simulation; sensors are requested through the programming interface (`energyplus_peer`).

Left out: outdoor air and infiltration, moisture sources, windows, interior surfaces other than the floor.

Source: EnergyPlus 25.2 Input Output Reference; the engine checks every object against its own schema.
"""

from __future__ import annotations

import calendar
import json
from datetime import timedelta
from pathlib import Path

from dcsim_experiments.energyplus_objects import (
    ANY_NUMBER,
    CHILLED_WATER_SCHEDULE,
    CHILLER_OUTLET_NODE,
    COIL_AIR_OUTLET_NODE,
    CONDENSER_WATER_SCHEDULE,
    IT_EQUIPMENT,
    LOAD_SCHEDULE,
    ON_SCHEDULE,
    SUPPLY_AIR_NODE,
    SUPPLY_AIR_SCHEDULE,
    THERMOSTAT_SCHEDULE,
    TOWER_OUTLET_NODE,
    ZONE,
    ZONE_INLET_NODE,
    ZONE_SCHEDULE,
    Objects,
    merged,
    polynomial,
)
from dcsim_experiments.energyplus_plant import air_loop, chilled_water_loop, condenser_loop
from dcsim_experiments.energyplus_sizes import Crah, EnergyPlusModel, Hall, ItEquipment, Setpoints

ENERGYPLUS_VERSION = "25.2"
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
        If the time step does not divide an hour, or the run period is not within one calendar year of 365 days.
    """
    return merged(
        _run(model),
        _shell(model.hall),
        _it_equipment(model.it_equipment),
        _zone_equipment(model.crah),
        air_loop(model.crah, elevation),
        chilled_water_loop(model.chiller, model.pumps, model.crah),
        condenser_loop(model.tower, model.pumps),
        _setpoints(model.setpoints),
    )


def _run(model: EnergyPlusModel) -> Objects:
    """Time steps, run period and a silent output."""
    last = model.start + timedelta(days=model.days - 1)
    if model.days < 1 or last.year != model.start.year or calendar.isleap(last.year):
        raise ValueError(f"days={model.days} from {model.start} is not a run period within one year of 365 days")
    if model.time_step < 60 or 3600 % model.time_step:
        raise ValueError(f"time_step={model.time_step} s does not divide an hour into at most 60 steps")
    return {
        "Version": {"Version": {"version_identifier": ENERGYPLUS_VERSION}},
        "SimulationControl": {
            "Control": {
                "run_simulation_for_sizing_periods": "No",
                "run_simulation_for_weather_file_run_periods": "Yes",
            }
        },
        "OutputControl:Files": {
            "Files": {
                f"output_{name}": "No" for name in ("mtr", "eso", "tabular", "audit", "bnd", "rdd", "mdd", "mtd", "shd")
            }
        },
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
    slab = {"outside_boundary_condition": "Adiabatic", "sun_exposure": "NoSun", "wind_exposure": "NoWind"}
    faces: dict[str, tuple[str, str, dict[str, str], list[tuple[float, float, float]]]] = {
        "Floor": ("Floor", "Slab", slab, [(x, 0, 0), (0, 0, 0), (0, y, 0), (x, y, 0)]),
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
        "OtherEquipment": {
            "Drying": {
                "zone_or_zonelist_or_space_or_spacelist_name": ZONE,
                "schedule_name": ON_SCHEDULE,
                "design_level_calculation_method": "EquipmentLevel",
                "design_level": -hall.latent_heat_removed,
                "fraction_latent": 1.0,
            }
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
            "CPU Power": polynomial(it.cpu_power_curve, span),
            "Server Air Flow": polynomial(it.air_flow_curve, span),
        },
        "Curve:Cubic": {"Server Fan Power": polynomial(it.fan_power_curve, ((0.0, 2.0),))},
        "Schedule:Compact": {
            LOAD_SCHEDULE: {
                "schedule_type_limits_name": ANY_NUMBER,
                "data": [{"field": "Through: 12/31"}, {"field": "For: AllDays"}, *hours],
            }
        },
    }


def _zone_equipment(crah: Crah) -> Objects:
    """Thermostat, air terminal and the ducts to and from the zone."""
    return {
        "ZoneControl:Thermostat": {
            "Thermostat": {
                "zone_or_zonelist_name": ZONE,
                "control_type_schedule_name": THERMOSTAT_SCHEDULE,
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


def _setpoints(setpoints: Setpoints) -> Objects:
    """Schedules to be overridden through actuators, and the managers that carry them to the nodes."""
    schedules = {
        ON_SCHEDULE: 1.0,
        THERMOSTAT_SCHEDULE: _COOLING_ONLY,
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
        "ScheduleTypeLimits": {ANY_NUMBER: {}},
        "Schedule:Constant": {
            name: {"schedule_type_limits_name": ANY_NUMBER, "hourly_value": value} for name, value in schedules.items()
        },
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
