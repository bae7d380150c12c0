"""EnergyPlus itself, run for a few days: physics, set-points, bookkeeping."""

import tempfile
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from numpy.polynomial.polynomial import polyval, polyval2d
from numpy.testing import assert_allclose, assert_array_equal

pytest.importorskip("pyenergyplus", reason="EnergyPlus is not installed: pip install 'dcsim[validation]'")

from dcsim_experiments.energyplus_model import model_objects
from dcsim_experiments.energyplus_peer import AGENT_SENSORS, SENSORS, available, measure, simulate
from dcsim_experiments.energyplus_sizes import EnergyPlusModel, Setpoints

STEPS_A_DAY = 144
CHANGE = STEPS_A_DAY + 60  # all set-points change at 10:00 of the second day
SPECIFIC_HEAT = 1006.0  # dry air [J/(kg K)]

# Sensors that only the tests read.
EXTRA_SENSORS = {
    "condenser_inlet_temperature": ("System Node Temperature", "Condenser Inlet"),
    "chilled_water_pump_heat_flow": ("Pump Fluid Heat Gain Rate", "Chilled Water Pump"),
    "condenser_water_pump_heat_flow": ("Pump Fluid Heat Gain Rate", "Condenser Water Pump"),
    "part_load_ratio": ("Chiller Part Load Ratio", "Chiller"),
}


def changed(before, after):
    values = np.full(3 * STEPS_A_DAY, float(before))
    values[CHANGE:] = after
    return values


@pytest.fixture(scope="module")
def model():
    # October in Chicago: cool enough for the tower to reach its set-points, warm enough for its fan to run.
    return EnergyPlusModel(
        setpoints=Setpoints(condenser_water=20.0), start=date(2017, 10, 10), days=3, plant_iterations_min=4
    )


@pytest.fixture(scope="module")
def run(model):
    setpoints = {
        "supply_air_temperature_setpoint": changed(20.0, 18.0),
        "chilled_water_temperature_setpoint": changed(10.0, 8.0),
        "condenser_water_temperature_setpoint": changed(21.0, 24.0),
        "zone_temperature_setpoint": changed(30.0, 29.0),
        "cpu_load_fraction": changed(0.8, 0.6),
    }
    return simulate(model, setpoints=setpoints, sensors={**SENSORS, **EXTRA_SENSORS})


def test_the_engine_is_found_and_reports_no_severe_error(run):
    assert available()
    assert run.timing.severe_errors == 0
    assert run.timing.engine.startswith("EnergyPlus 25.")


def test_every_zone_time_step_of_the_run_period_is_recorded_once(run):
    assert run.timing.steps == 3 * STEPS_A_DAY
    assert all(values.shape == (3 * STEPS_A_DAY,) and np.isfinite(values).all() for values in run.sensors.values())


@pytest.mark.parametrize(
    ("sensor", "before", "after", "tolerance"),
    [
        ("supply_air_temperature", 20.0, 18.0, 0.02),
        ("chilled_water_supply_temperature", 10.0, 8.0, 1e-6),
        ("condenser_water_supply_temperature", 21.0, 24.0, 0.05),
        ("zone_temperature", 30.0, 29.0, 0.05),
        ("cpu_load_fraction", 0.8, 0.6, 1e-12),
    ],
)
def test_a_changed_setpoint_acts_in_the_step_for_which_it_was_written(run, sensor, before, after, tolerance):
    values = run.sensors[sensor]
    assert_allclose(values[:CHANGE], before, atol=tolerance)
    assert_allclose(values[CHANGE:], after, atol=tolerance)


def test_the_machines_run(run):
    for sensor in ("chiller_power", "crah_fan_power", "chilled_water_pump_power", "condenser_water_pump_power"):
        assert (run.sensors[sensor] > 0.0).all(), sensor
    assert run.sensors["tower_fan_power"].max() > 0.0


def test_it_equipment_follows_its_curves(run):
    s = run.sensors
    assert_allclose(s["cpu_power"], 308e3 * (0.3 + 0.7 * s["cpu_load_fraction"]), rtol=1e-9)
    air_flow = 0.2 + 0.4 * s["cpu_load_fraction"] + 0.02 * s["server_inlet_temperature"]
    assert_allclose(s["server_fan_power"], 42e3 * air_flow**3, rtol=1e-6)
    it_power = s["cpu_power"] + s["server_fan_power"]
    assert_allclose(s["power_supply_loss_power"], it_power * 0.05, rtol=1e-9)
    assert_allclose(s["server_heat_flow"], it_power * 1.05, rtol=1e-9)
    mixed = 0.95 * s["supply_air_temperature"] + 0.05 * s["zone_temperature"]
    steady = np.r_[20:CHANGE, CHANGE + 3 : len(mixed)]
    assert_allclose(s["server_inlet_temperature"][steady], mixed[steady], atol=0.01)
