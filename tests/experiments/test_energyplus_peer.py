"""EnergyPlus itself, run for a few days: set-points, balances, curves, bookkeeping."""

import tempfile
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from numpy.polynomial.polynomial import polyval
from numpy.testing import assert_allclose, assert_array_equal

pytest.importorskip("pyenergyplus", reason="EnergyPlus is not installed: pip install 'dcsim[validation]'")

from dcsim_experiments.energyplus_peer import AGENT_SENSORS, SENSORS, available, measure, simulate
from dcsim_experiments.energyplus_sizes import EnergyPlusModel, Hall, Setpoints
from pyenergyplus.dataset import weather_files

STEPS_A_DAY = 144
CHANGE = STEPS_A_DAY + 60  # all set-points change at 10:00 of the second day
SETTLED = np.r_[20 : CHANGE - 1, CHANGE + 40 : 3 * STEPS_A_DAY]

EXTRA_SENSORS = {
    "supply_air_humidity_ratio": ("System Node Humidity Ratio", "Supply Air"),
    "condenser_inlet_temperature": ("System Node Temperature", "Condenser Inlet"),
    "chilled_water_pump_heat_flow": ("Pump Fluid Heat Gain Rate", "Chilled Water Pump"),
    "condenser_water_pump_heat_flow": ("Pump Fluid Heat Gain Rate", "Condenser Water Pump"),
}


def changed(before, after):
    values = np.full(3 * STEPS_A_DAY, float(before))
    values[CHANGE:] = after
    return values


@pytest.fixture(scope="module")
def model():
    # October in Chicago: cool enough for the tower to reach its set-points, warm enough for its fan to run. The air is
    # dried so that the coil stays dry under 8 °C water.
    return EnergyPlusModel(
        hall=Hall(latent_heat_removed=500.0),
        setpoints=Setpoints(condenser_water=20.0),
        start=date(2017, 10, 10),
        days=3,
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
    sensors = {**SENSORS, **EXTRA_SENSORS}
    return simulate(replace(model, plant_iterations_min=4), setpoints=setpoints, sensors=sensors)


def test_the_engine_is_found_and_reports_no_severe_error(run):
    assert available()
    assert run.timing.severe_errors == 0
    assert run.timing.engine.startswith("EnergyPlus 25.")


def test_every_zone_time_step_of_the_run_period_is_recorded_once(run):
    assert run.timing.steps == 3 * STEPS_A_DAY
    assert all(values.shape == (3 * STEPS_A_DAY,) and np.isfinite(values).all() for values in run.sensors.values())


@pytest.mark.parametrize(
    ("sensor", "before", "after", "at_once", "settled"),
    [
        ("supply_air_temperature", 20.0, 18.0, 0.2, 0.01),
        ("chilled_water_supply_temperature", 10.0, 8.0, 1e-6, 1e-6),
        ("condenser_water_supply_temperature", 21.0, 24.0, 0.01, 0.01),
        ("cpu_load_fraction", 0.8, 0.6, 1e-12, 1e-12),
        # The room follows within its own time constant: its slab holds the heat.
        ("zone_temperature", 30.0, 29.0, 1.0, 0.02),
    ],
)
def test_a_changed_setpoint_acts_in_the_very_step_for_which_it_was_written(
    run, sensor, before, after, at_once, settled
):
    values = run.sensors[sensor]
    assert_allclose(values[CHANGE - 1], before, atol=settled)
    assert_allclose(values[CHANGE], after, atol=at_once)
    assert_allclose(values[CHANGE + 40 :], after, atol=settled)


def test_all_machines_draw_power(run):
    for sensor in ("chiller_power", "crah_fan_power", "chilled_water_pump_power", "condenser_water_pump_power"):
        assert (run.sensors[sensor] > 0.0).all(), sensor
    assert (run.sensors["tower_fan_power"] >= 0.0).all() and run.sensors["tower_fan_power"].max() > 0.0


def test_the_zone_balance_closes(run):
    s = run.sensors
    gain = s["server_heat_flow"] + s["envelope_heat_flow"]
    assert_allclose((gain - s["air_storage_heat_flow"])[SETTLED], s["zone_cooling_heat_flow"][SETTLED], rtol=1e-4)
    # Moist-air specific heat: EnergyPlus Engineering Reference, PsyCpAirFnW.
    specific_heat = 1004.84 + 1858.95 * s["supply_air_humidity_ratio"]
    span = s["return_air_temperature"] - s["supply_air_temperature"]
    removed = s["supply_air_mass_flow"] * specific_heat * span
    assert_allclose(removed[SETTLED], s["zone_cooling_heat_flow"][SETTLED], rtol=1e-3)
    # The fan stands behind the coil: all its power ends in the air that the coil cools.
    assert_allclose(s["coil_heat_flow"], removed + s["crah_fan_power"], rtol=1e-4)


def test_the_heat_passes_through_both_water_loops(run):
    s = {name: values[SETTLED] for name, values in run.sensors.items()}
    # 0.5 %: EnergyPlus takes the specific heat of the water at the inlet of coil and chiller, 10 K apart.
    into_chiller = s["coil_heat_flow"] + s["chilled_water_pump_heat_flow"]
    assert_allclose(s["evaporator_heat_flow"], into_chiller, rtol=5e-3)
    assert_allclose(s["condenser_heat_flow"], s["evaporator_heat_flow"] + s["chiller_power"], rtol=1e-9)
    into_tower = s["condenser_heat_flow"] + s["condenser_water_pump_heat_flow"]
    assert_allclose(s["tower_heat_flow"], into_tower, rtol=5e-3)


def test_it_equipment_follows_its_curves(run, model):
    s, it = run.sensors, model.it_equipment
    assert_allclose(s["cpu_power"], 308e3 * (0.3 + 0.7 * s["cpu_load_fraction"]), rtol=1e-9)
    air_flow = 0.2 + 0.4 * s["cpu_load_fraction"] + 0.02 * s["server_inlet_temperature"]
    assert_allclose(s["server_fan_power"], 42e3 * air_flow**3, rtol=1e-6)
    it_power = s["cpu_power"] + s["server_fan_power"]
    assert_allclose(s["power_supply_loss_power"], it_power * (1.0 - it.power_supply_efficiency), rtol=1e-9)
    assert_allclose(s["server_heat_flow"], it_power + s["power_supply_loss_power"], rtol=1e-9)
    mixed = 0.95 * s["supply_air_temperature"] + 0.05 * s["zone_temperature"]
    assert_allclose(s["server_inlet_temperature"][SETTLED], mixed[SETTLED], atol=0.01)


def test_the_crah_fan_follows_its_curve(run, model):
    crah = model.crah
    air_density = 98934.0 / (287.0 * 293.15)  # dry, 20 °C, standard pressure at 201 m
    flow = run.sensors["supply_air_mass_flow"] / (crah.air_volume_flow_nominal * air_density)
    full_power = crah.air_volume_flow_nominal * crah.fan_pressure / crah.fan_efficiency
    assert_allclose(run.sensors["crah_fan_power"], full_power * polyval(flow, crah.fan_power_curve), rtol=1e-4)


def test_the_chiller_follows_its_three_curves(run, model):
    # The equations of Chiller:Electric:EIR in the Engineering Reference, written a second time.
    chiller, s = model.chiller, run.sensors
    x = s["chilled_water_supply_temperature"].clip(*chiller.chilled_water_range)
    y = s["condenser_inlet_temperature"].clip(*chiller.condenser_water_range)
    terms = np.stack([np.ones_like(x), x, x * x, y, y * y, x * y])
    capacity = chiller.capacity * (np.array(chiller.capacity_curve) @ terms)
    part_load = s["evaporator_heat_flow"] / capacity
    input_ratio = np.array(chiller.input_ratio_curve) @ terms * polyval(part_load, chiller.part_load_curve)
    assert part_load.min() > chiller.part_load_min
    assert_allclose(s["chiller_power"], capacity / chiller.cop * input_ratio, rtol=1e-5)


@pytest.mark.parametrize("city", ["usa_il_chicago", "usa_co_denver"])
def test_the_coil_gets_the_conductance_that_was_asked_for_at_any_elevation(model, city):
    coil = simulate(replace(model, days=1), Path(weather_files[city]), sensors=AGENT_SENSORS).coil_conductance
    assert coil == pytest.approx(model.crah.coil_conductance, rel=3e-3)


def test_without_a_number_the_condenser_water_setpoint_follows_the_wet_bulb(model):
    sensors = {**AGENT_SENSORS, "wished": ("System Node Setpoint Temperature", "Tower Outlet")}
    following = simulate(replace(model, setpoints=Setpoints(), days=1), sensors=sensors).sensors
    expected = (following["outdoor_wet_bulb_temperature"] + 4.0).clip(16.0, 26.67)
    assert np.ptp(expected) > 0.5
    assert_allclose(following["wished"], expected, atol=1e-9)


def test_measure_counts_the_run_period_alone_and_leaves_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    result = measure(days=2)
    assert result.steps == 2 * STEPS_A_DAY and result.time_step == 600
    assert result.severe_errors == 0
    # Start-up and warm-up lie outside the timed part.
    assert 0.0 < result.steps / result.steps_per_s < result.total_time
    assert list(tmp_path.iterdir()) == []


def test_the_same_request_gives_the_same_numbers(model):
    first, second = (simulate(replace(model, days=1), sensors=AGENT_SENSORS).sensors for _ in range(2))
    assert list(first) == list(AGENT_SENSORS) and len(AGENT_SENSORS) == 12
    for name in first:
        assert_array_equal(first[name], second[name])


def test_an_unknown_sensor_is_named(model):
    with pytest.raises(RuntimeError, match="no variable or actuator for ghost_power"):
        simulate(replace(model, days=1), sensors={"ghost_power": ("Ghost Electricity Rate", "Nobody")})


def test_a_setpoint_that_the_model_does_not_have_is_named(model):
    following = replace(model, setpoints=Setpoints(), days=1)
    with pytest.raises(RuntimeError, match="condenser_water_temperature_setpoint"):
        simulate(following, setpoints={"condenser_water_temperature_setpoint": 20.0}, sensors=AGENT_SENSORS)


def test_what_the_engine_finds_severe_is_raised(model):
    broken = replace(model, days=1, chiller=replace(model.chiller, cop=-1.0))
    with pytest.raises(RuntimeError, match="reference_cop"):
        simulate(broken, sensors=AGENT_SENSORS)
