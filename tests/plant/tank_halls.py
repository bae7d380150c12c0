"""Halls with a storage tank, for tests: the built-in ones with a tank that holds their design flow for some hours."""

from dcsim.plant.description import load_hall
from dcsim.plant.hall import build_hall


def quantity(value, unit):
    return {"value": value, "unit": unit, "source": "for a test"}


def tank_hall(name, hours=4.0, changes=None, **tank):
    description = load_hall(name)
    flow = description.coils.water_flow.value
    content = {
        "volume": quantity(hours * 3600.0 * flow / 995.6, "m3"),
        "height": quantity(12.0, "m"),
        "nodes": 20,
        "insulation_thickness": quantity(0.1, "m"),
        "insulation_conductivity": quantity(0.03, "W/(m K)"),
        "water_flow": quantity(flow, "kg/s"),
        "pump_power": quantity(150.0 * flow, "W"),
        "pump_static_share": quantity(0.3, "-"),
        "valve_time_constant": quantity(60.0, "s"),
        "initial_charge": quantity(0.5, "-"),
        **tank,
    }
    flows = {"low": -1.0, "high": 1.0, "rate_per_minute": 0.2, "unit": "-", "source": "for a test"}
    return build_hall(description.replaced({"tank": content, "setpoints.tank_flow": flows, **(changes or {})}))
