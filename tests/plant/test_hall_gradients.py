"""Derivatives of halls: those of autograd for every parameter, and of a whole day those of central differences."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from test_liquid import random_columns
from test_step import random_inputs, random_state

from dcsim.engines import make_engine, pack
from dcsim.engines.gradients import rollout
from dcsim.physics import moist_air
from dcsim.plant.hall import build_hall
from dcsim.plant.run import hall_model
from dcsim.plant.steady import cold_state, packed_inputs, rested
from tests.engines.torch_autograd import torch_vjp

ON_A_KINK = {"dx_part_load_min"}  # 1 in the hall with DX coils, which bounds a loading of 1 at both ends


@pytest.mark.parametrize("name", ["enterprise-1mw", "hyperscale-10mw", "ai-d2c-20mw", "edge-dx-50kw"])
def test_derivatives_of_a_hall_are_those_of_autograd(name):
    hall, n, rng = build_hall(name), 4, np.random.default_rng(1)
    model, params = hall_model(hall), hall.params
    engine = make_engine("fused", model, params, substeps=2)
    if "liquid" in hall:
        state, inputs = random_columns(hall, engine, rng, n)
    else:
        state = pack(random_state(hall, rng, n), engine.state_slices, n)
        inputs = pack(random_inputs(hall, rng, n), engine.input_slices, n)
    state = engine.step(state, inputs, 300.0)
    cotangent = rng.normal(size=state.shape) / np.maximum(np.abs(state).max(axis=1, keepdims=True), 1.0)
    found = engine.vjp(state, inputs, 300.0, cotangent, params=params._fields)
    state_bar, inputs_bar, params_bar = torch_vjp(model, params, state, inputs, 300.0, 2, cotangent)
    pairs = {f: (found.state[k], state_bar[k]) for f, k in engine.state_slices.items()}
    pairs |= {f"input {f}": (found.inputs[k], inputs_bar[k]) for f, k in engine.input_slices.items()}
    pairs |= {f"parameter {f}": (found.params[f], params_bar[f]) for f in params._fields if f not in ON_A_KINK}
    for field, (value, expected) in pairs.items():
        assert_allclose(value, expected, rtol=1e-7, atol=1e-7 * np.abs(expected).max(), err_msg=field)
    assert sum(np.abs(value).max() > 0.0 for value, _ in pairs.values()) > 90


STEPS, INTERVAL = 288, 300.0
SETPOINTS = {
    "supply_air_setpoint": 18.0,
    "crah_fan_speed": 0.7,
    "chilled_water_setpoint": 9.0,
    "chilled_water_pump_speed": 0.8,
    "condenser_water_setpoint": 20.0,
    "condenser_water_flow": 0.9,
}
PARAMETERS = ("chiller_cop", "coil_conductance_nominal", "server_heat_capacity", "mass_conductance", "idle_power")


def day_of_inputs(hall):
    """Set-points that stay, and a load and weather that come and go."""
    steps = []
    for hour in np.arange(STEPS) * INTERVAL / 3600.0:
        dry_bulb, humidity = np.array(24.0 + 6.0 * np.sin(2.0 * np.pi * (hour - 9.0) / 24.0)), np.array(0.009)
        weather = {
            "dry_bulb_temperature": dry_bulb,
            "outdoor_humidity_ratio": humidity,
            "wet_bulb_temperature": moist_air.wet_bulb_temperature(dry_bulb, humidity, 101325.0),
            "utilization": 0.5 + 0.2 * np.sin(2.0 * np.pi * (hour - 8.0) / 24.0),
        }
        steps.append(packed_inputs(hall, 1, SETPOINTS | weather))
    return np.stack(steps)


@pytest.fixture(scope="module")
def day():
    hall = build_hall("enterprise-1mw")
    engine = make_engine("fused", hall_model(hall), hall.params)
    inputs = day_of_inputs(hall)
    state = rested(engine, hall, cold_state(hall, 1), inputs[0], 20, protection=0.0)
    return hall, engine, inputs, rested(engine, hall, state, inputs[0], 1, INTERVAL, 10)


def results(hall, engine, state, inputs):
    """Cooling energy of the day [J] and mean temperature at the racks [degC]."""
    energies = [engine.state_slices[name] for part in hall.types.meters.values() for name in part]
    racks = engine.state_slices["rack_inlet_temperature"]
    energy, temperature = 0.0, 0.0
    for u in inputs:
        state = engine.step(state, u, INTERVAL)
        energy += sum(state[rows].sum() for rows in energies)
        temperature += state[racks].mean() / STEPS
    return np.array([energy, temperature])


@pytest.fixture(scope="module")
def gradients(day):
    """Of both results: by the inputs of every step, and by parameters."""
    hall, engine, inputs, state = day
    meters = [name for part in hall.types.meters.values() for name in part]
    u = torch.tensor(inputs, requires_grad=True)
    params = hall.params._replace(
        **{name: torch.tensor(getattr(hall.params, name), requires_grad=True) for name in PARAMETERS}
    )
    racks = "rack_inlet_temperature"
    out = rollout(engine, torch.tensor(state), u, INTERVAL, params, fields=(*meters, racks), keep_every=17)
    wanted = [u, *(getattr(params, name) for name in PARAMETERS)]
    both = sum(out.fields[name].sum() for name in meters), out.fields[racks].mean()
    found = [torch.autograd.grad(x, wanted, retain_graph=True) for x in both]
    assert_allclose([x.item() for x in both], results(hall, engine, state, inputs), rtol=1e-12)
    return [dict(zip(("inputs", *PARAMETERS), (x.numpy() for x in row), strict=True)) for row in found]


@pytest.mark.parametrize("name", SETPOINTS)
def test_a_day_has_the_derivatives_by_set_points_that_central_differences_have(day, gradients, name):
    hall, engine, inputs, state = day
    rows, step = engine.input_slices[name], 1e-4
    ends = []
    for sign in (1.0, -1.0):
        moved = inputs.copy()
        moved[:, rows] += sign * step
        ends.append(results(hall, engine, state, moved))
    expected = (ends[0] - ends[1]) / (2.0 * step)
    found = [part["inputs"][:, rows].sum() for part in gradients]
    # differences of a temperature of 20 degC are good to 20e-16 * sqrt(288) / 1e-4, and near kinks less
    assert_allclose(found, expected, rtol=1e-6, atol=1e-6)
    assert found[0] != 0.0


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_day_has_the_derivatives_by_parameters_that_central_differences_have(day, gradients, name):
    hall, engine, inputs, state = day
    value, step = getattr(hall.params, name), 1e-4
    ends = [
        results(hall, engine.with_params(hall.params._replace(**{name: value * (1.0 + sign * step)})), state, inputs)
        for sign in (1.0, -1.0)
    ]
    expected = (ends[0] - ends[1]) / (2.0 * step)
    found = [np.sum(part[name] * value) for part in gradients]
    assert_allclose(found, expected, rtol=1e-6, atol=1e-6)
    assert found[0] != 0.0


def test_warmer_set_points_save_energy_and_warm_the_racks(day, gradients):
    _, engine, _, _ = day
    rows = engine.input_slices["supply_air_setpoint"]
    energy, temperature = (part["inputs"][:, rows] for part in gradients)
    assert energy.sum() < 0.0
    # held all day, each kelvin of supply is about one at the racks; the last steps have no time to act
    assert 0.95 < temperature.sum() < 1.05
    assert np.all(temperature[:200] > 0.0) and np.abs(temperature[-1]).max() < temperature[:200].min()
