"""A measured hall, for tests: power, fan speeds and water come from a log; two cold aisles face one hot aisle."""

import numpy as np

from dcsim.plant.description import load_hall
from dcsim.plant.hall import build_hall


def quantity(value, unit):
    return {"value": value, "unit": unit, "source": "for a test"}


def series(values, unit):
    return {"values": values, "unit": unit, "source": "for a test"}


PLACEMENT = {
    "length": quantity(4.0, "m"),
    "rack_aisles": [1, 1, 2, 2],
    "rack_along": series([1.0, 3.0, 1.0, 3.0], "m"),
    "rack_across": series([0.0, 0.0, 2.0, 2.0], "m"),
    "crah_aisles": [2, 1],
    "crah_along": series([1.0, 3.0], "m"),
}

CHANGES = {
    "racks.groups": 4,
    "racks.racks_per_group": 3,
    "racks.rack_power": 9000.0,
    "racks.relative_power": [1.0] * 4,
    "racks.power_from": "meter",
    "racks.leakage_coefficient": 0.0,
    "racks.temperature_rise": None,
    "racks.fan_ramp": None,
    "racks.fan_flow": quantity(0.4, "kg/s"),
    "racks.fan_power_max_fraction": 0.02,
    "racks.mass_share": quantity(0.6, "-"),
    "room.relative_recirculation": [1.0] * 4,
    "room.surroundings_temperature": quantity(21.0, "degC"),
    "room.cold_air_heat_capacity": 2e4,
    "room.hot_air_heat_capacity": 5e4,
    "room.mass_heat_capacity": 2e6,
    "room.mass_conductance": 800.0,
    "room.envelope_conductance": 20.0,
    "air_paths.placement": PLACEMENT,
    "crahs.groups": 2,
    "crahs.mass_flow": 9.0,
    "crahs.fan_power": 2000.0,
    "crahs.supply_air_heat_capacity": 8e4,
    "electrical.ups_rated_power": 1e5,
    "electrical.distribution_rated_power": 1e5,
    "electrical.lighting_power": 500.0,
    "coils": None,
    "chilled_water": None,
    "chillers": None,
    "tower": None,
    "moisture": None,
    "setpoints.chilled_water_temperature": None,
    "setpoints.condenser_water_temperature": None,
    "setpoints.chilled_water_pump_speed": None,
    "setpoints.condenser_water_flow": None,
    "district_cooling": {
        "supply_air_time_constant": quantity(60.0, "s"),
        "water_flow": quantity(3.0, "kg/s"),
        "heat_capacity": quantity(1.8e6, "J/K"),
    },
}


def measured_description(**changes):
    return load_hall("enterprise-1mw").replaced({**CHANGES, **changes})


def measured_hall(**changes):
    return build_hall(measured_description(**changes))


def usual_inputs(hall, n, **changes):
    """A usual operating point, n columns alike, with some fields changed."""
    values = {
        "supply_air_setpoint": 17.0,
        "crah_fan_speed": 0.9,
        "crah_available": 1.0,
        "pressure_control": 0.0,
        "utilization": 0.0,
        "server_power": 15e3,
        "other_it_power": 6e3,
        "server_fan_speed": 1.0,
        "district_supply_temperature": 10.0,
        "dry_bulb_temperature": 5.0,
        "wet_bulb_temperature": 3.0,
        "outdoor_humidity_ratio": 0.004,
        "outdoor_pressure": 101325.0,
    }
    return hall.types.Inputs(
        **{
            name: np.broadcast_to(changes.get(name, values[name]), (rows, n)).copy()
            for name, rows in hall.input_rows.items()
        }
    )


def random_inputs(hall, rng, n):
    draws = {
        "supply_air_setpoint": (14.0, 24.0),
        "crah_fan_speed": (0.0, 1.0),
        "crah_available": (0.0, 1.0),
        "pressure_control": (0.0, 1.0),
        "utilization": (0.0, 1.0),
        "server_power": (2e3, 28e3),
        "other_it_power": (0.0, 8e3),
        "server_fan_speed": (0.4, 2.0),
        "district_supply_temperature": (5.0, 15.0),
        "dry_bulb_temperature": (-20.0, 45.0),
        "wet_bulb_temperature": (-22.0, 32.0),
        "outdoor_humidity_ratio": (0.0005, 0.02),
        "outdoor_pressure": (80e3, 102e3),
    }
    u = hall.types.Inputs(**{name: rng.uniform(*draws[name], (rows, n)) for name, rows in hall.input_rows.items()})
    return u._replace(crah_available=np.round(u.crah_available * 1.4).clip(0, 1))
