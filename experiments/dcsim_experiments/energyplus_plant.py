"""Plant of the EnergyPlus data hall: air loop with the coil, chilled-water loop with the chiller, condenser loop.

Each water loop is a single branch in either half, without a bypass: the pump moves what the demand side lets through.
"""

from __future__ import annotations

from dcsim_experiments.energyplus_objects import (
    CHILLED_WATER_PUMP,
    CHILLER,
    CHILLER_INLET_NODE,
    CHILLER_OUTLET_NODE,
    COIL,
    COIL_AIR_OUTLET_NODE,
    COIL_WATER_INLET_NODE,
    COIL_WATER_OUTLET_NODE,
    CONDENSER_INLET_NODE,
    CONDENSER_OUTLET_NODE,
    CONDENSER_PUMP_INLET_NODE,
    CONDENSER_WATER_PUMP,
    COOLING_PUMP_INLET_NODE,
    FAN,
    ON_SCHEDULE,
    RETURN_AIR_NODE,
    SUPPLY_AIR_NODE,
    TOWER,
    TOWER_INLET_NODE,
    TOWER_OUTLET_NODE,
    Objects,
    branch,
    merged,
    polynomial,
    water_loop,
)
from dcsim_experiments.energyplus_sizes import Chiller, Crah, Pumps, Tower


def air_loop(crah: Crah, elevation: float) -> Objects:
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
        "AvailabilityManager:Scheduled": {"Always": {"schedule_name": ON_SCHEDULE}},
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
        **branch(
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


def chilled_water_loop(chiller: Chiller, pumps: Pumps, crah: Crah) -> Objects:
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
    return merged(
        {
            "Chiller:Electric:EIR": {CHILLER: machine},
            "Pump:VariableSpeed": {CHILLED_WATER_PUMP: pump},
            "Curve:Biquadratic": {
                "Chiller Capacity": polynomial(chiller.capacity_curve, temperatures),
                "Chiller Input Ratio": polynomial(chiller.input_ratio_curve, temperatures),
            },
            "Curve:Quadratic": {"Chiller Part Load": polynomial(chiller.part_load_curve, (loads,))},
        },
        water_loop(
            "Chilled Water",
            crah.coil_water_volume_flow,
            (
                ("Pump:VariableSpeed", CHILLED_WATER_PUMP, COOLING_PUMP_INLET_NODE, CHILLER_INLET_NODE),
                ("Chiller:Electric:EIR", CHILLER, CHILLER_INLET_NODE, CHILLER_OUTLET_NODE),
            ),
            ("Coil:Cooling:Water", COIL, COIL_WATER_INLET_NODE, COIL_WATER_OUTLET_NODE),
        ),
    )


def condenser_loop(tower: Tower, pumps: Pumps) -> Objects:
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
    return merged(
        {
            "CoolingTower:VariableSpeed:Merkel": {TOWER: cooler},
            "Pump:ConstantSpeed": {CONDENSER_WATER_PUMP: pump},
            "Curve:Cubic": {"Tower Fan Power": polynomial(tower.fan_power_curve, ((0.0, 1.0),))},
            "Curve:Quadratic": {
                "Tower Air Flow": polynomial(tower.air_flow_curve, ((0.1, 1.0),)),
                "Tower Water Flow": polynomial(tower.water_flow_curve, ((0.3, 1.0),), tower.water_flow_limits),
            },
            "Curve:Linear": {
                "Tower Wet Bulb": polynomial(tower.wet_bulb_curve, ((-10.0, 25.0),), tower.wet_bulb_limits)
            },
        },
        water_loop(
            "Condenser Water",
            pumps.condenser_water_volume_flow,
            (
                ("Pump:ConstantSpeed", CONDENSER_WATER_PUMP, CONDENSER_PUMP_INLET_NODE, TOWER_INLET_NODE),
                ("CoolingTower:VariableSpeed:Merkel", TOWER, TOWER_INLET_NODE, TOWER_OUTLET_NODE),
            ),
            ("Chiller:Electric:EIR", CHILLER, CONDENSER_INLET_NODE, CONDENSER_OUTLET_NODE),
        ),
    )
