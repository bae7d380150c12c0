"""Names and building blocks shared by the files that write and run the EnergyPlus model of a data hall.

Source: EnergyPlus 25.2 Input Output Reference.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Objects = dict[str, dict[str, dict[str, Any]]]
Component = tuple[str, str, str, str]  # class, name, inlet node, outlet node

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
ON_SCHEDULE = "On"
ANY_NUMBER = "Any Number"
THERMOSTAT_SCHEDULE = "Thermostat Type"


def water_loop(name: str, volume_flow: float, supply: Sequence[Component], demand: Component) -> Objects:
    """Water loop of one branch in either half, its set-point behind the last component of the supply side."""
    kind, machine = supply[-1][:2]
    ends = {
        "plant_side_inlet_node_name": supply[0][2],
        "plant_side_outlet_node_name": supply[-1][3],
        "demand_side_inlet_node_name": demand[2],
        "demand_side_outlet_node_name": demand[3],
    }
    return merged(
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
                    "control_scheme_1_schedule_name": ON_SCHEDULE,
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
        branch(f"{name} Supply", *supply),
        branch(f"{name} Demand", demand),
    )


def branch(name: str, *components: Component) -> Objects:
    """Branch list that holds one branch of the same name."""
    keys = ("object_type", "name", "inlet_node_name", "outlet_node_name")
    parts = [{f"component_{key}": text for key, text in zip(keys, part, strict=True)} for part in components]
    return {"Branch": {name: {"components": parts}}, "BranchList": {name: {"branches": [{"branch_name": name}]}}}


def polynomial(
    coefficients: Sequence[float], spans: Sequence[tuple[float, float]], limits: tuple[float, float] | None = None
) -> dict[str, float]:
    """Fields of a curve object: coefficients in EnergyPlus's order, clamped inputs and, if given, clamped output."""
    powers = ("constant", "x", "x_2", "y", "y_2", "x_y") if len(spans) == 2 else ("constant", "x", "x_2", "x_3")
    fields = {
        f"coefficient{i}_{power}": c
        for i, (c, power) in enumerate(zip(coefficients, powers[: len(coefficients)], strict=True), 1)
    }
    for axis, (low, high) in zip("xy"[: len(spans)], spans, strict=True):
        fields |= {f"minimum_value_of_{axis}": low, f"maximum_value_of_{axis}": high}
    if limits is not None:
        fields |= {"minimum_curve_output": limits[0], "maximum_curve_output": limits[1]}
    return fields


def merged(*parts: Objects) -> Objects:
    """Union of the parts, class by class."""
    objects: Objects = {}
    for part in parts:
        for kind, named in part.items():
            objects.setdefault(kind, {}).update(named)
    return objects
