"""A made-up day and a made-up comparison, small enough to check every number by hand."""

import numpy as np
from matplotlib.text import Text

STEPS, RACKS, CRAHS = 24, 6, 3
POWERS = {
    "chiller_power": 100e3,
    "crah_fan_power": 40e3,
    "pump_power": 20e3,
    "tower_fan_power": 10e3,
    "humidifier_power": 0.0,
    "server_fan_power": 5e3,
    "leakage_power": 25e3,
}


def day(hottest=26.0, factor=1.0):
    """A day of hourly steps; rack group 2 is the hottest, at ``hottest`` in step 7 and a kelvin colder else; thermal power 200 kW."""
    rows = np.arange(STEPS)
    inlets = np.full((STEPS, RACKS), 21.0)
    inlets[:, 2] = hottest - 1.0
    inlets[7, 2] = hottest
    inlets[9, 4] = 23.0
    level = dict.fromkeys(
        ("dry_bulb_temperature", "condenser_water_supply_temperature", "condenser_water_setpoint"), np.full(STEPS, 24.0)
    )
    chilled = {
        "chilled_water_supply_temperature": 15.0,
        "chilled_water_return_temperature": 21.0,
        "chilled_water_setpoint": 15.0,
        "chilled_water_pump_speed": 0.8,
        "condenser_water_flow": 0.9,
        "tower_air_fraction": 0.6,
        "wet_bulb_temperature": 18.0,
        "chillers_on": 2.0,
        "water_l": 100.0,
    }
    powers = {name: np.full(STEPS, factor * power) for name, power in POWERS.items()}
    thermal = factor * sum(POWERS.values())
    return {
        "time_s": 196 * 86400.0 + 3600.0 * (rows + 1.0),
        "rack_inlet_max": inlets.max(1) + 0.1,
        "rack_inlet_temperature": inlets,
        "violation_k_min": np.where(rows == 7, 60.0 * max(hottest - 27.0, 0.0), 0.0),
        "utilization": np.full((STEPS, RACKS), 0.5),
        "supply_air_temperature": np.full((STEPS, CRAHS), 19.0),
        "supply_air_setpoint": np.full((STEPS, CRAHS), 19.0),
        "crah_fan_speed": np.full((STEPS, CRAHS), 0.7),
        "crah_available": np.ones((STEPS, CRAHS)),
        "mode": np.where(rows < 10, 2.0, 1.0),
        "thermal_power": np.full(STEPS, thermal),
        "cooling_power": np.full(STEPS, thermal - factor * 30e3),
        "it_power": np.full(STEPS, 1e6),
        "facility_power": np.full(STEPS, 1e6 + thermal),
        "inlet_limit": np.array(27.0),
        "inlet_allowable": np.array(32.0),
        "supply_limit": np.array(18.0),
        "crah_groups": np.array(CRAHS),
        "design_it_power": np.array(1e6),
        "control_interval_s": np.array(3600.0),
        **powers,
        **level,
        **{name: np.full(STEPS, value) for name, value in chilled.items()},
    }


def entry(mean, spread):
    """Summary of a metric with an even interval."""
    return {
        "mean": mean,
        "iqm": mean,
        "low": mean - spread,
        "high": mean + spread,
        "values": [mean - spread, mean + spread],
    }


def texts(figure):
    """All words written in a figure."""
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]
