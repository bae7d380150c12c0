"""The hall on all engines: they give NumPy's numbers, alone, in batches and with parameters of its own for each environment."""

import numpy as np
import pytest
from hall_engines import assert_engines_agree, engines_of, scale_of
from numpy.testing import assert_allclose, assert_array_equal
from test_step import random_inputs, random_state

from dcsim.engines import make_engine, pack
from dcsim.plant.hall import build_hall
from dcsim.plant.run import hall_model


@pytest.fixture(scope="module", params=["enterprise-1mw", "hyperscale-10mw", "edge-dx-50kw"])
def hall(request):
    return build_hall(request.param)


def random_plant(hall, rng, n=None):
    """Every number of the plant within 10 %, of its own for each of n environments where n is given; curves and shares stay."""
    params = hall.params
    kept = hall.types.matrices | {
        name
        for name in params._fields
        if "curve" in name or name in ("chiller_order", "setpoint_count", "racks_per_zone", "tank_node")
    }
    draw = {}
    for name, value in params._asdict().items():
        if name in kept:
            continue
        shape = (value.shape[0], n) if n else value.shape
        draw[name] = np.minimum(value * rng.uniform(0.9, 1.1, shape), 0.99 if "effectiveness" in name else np.inf)
    return params._replace(**draw)


def packed(hall, engine, rng, n):
    return pack(random_state(hall, rng, n), engine.state_slices, n), pack(
        random_inputs(hall, rng, n), engine.input_slices, n
    )


@pytest.mark.parametrize("seed", range(4))
def test_engines_agree_over_random_plants_states_and_actions(hall, seed):
    rng = np.random.default_rng(seed)
    params, n = random_plant(hall, rng), 12
    engines = engines_of(hall, params)
    state, inputs = packed(hall, engines["numpy"], rng, n)
    assert_engines_agree(hall, engines, state, inputs)


@pytest.mark.slow
def test_float32_agrees_with_float64_on_all_engines_within_its_roundings(hall):
    rng = np.random.default_rng(8)
    params, n = random_plant(hall, rng), 50
    exact = make_engine("numpy", hall_model(hall), params)
    engines = {f"{name}, float32": engine for name, engine in engines_of(hall, params, "float32").items()}
    state, inputs = packed(hall, exact, rng, n)
    assert_engines_agree(hall, {"numpy": exact, **engines}, state, inputs, atol=2e-4)


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_device_agrees_over_random_plants_states_and_actions(hall, dtype):
    if not pytest.importorskip("torch").cuda.is_available():
        pytest.skip("no CUDA device")
    rng = np.random.default_rng(7)
    model, params, n = hall_model(hall), random_plant(hall, rng), 500
    engines = {
        "numpy": make_engine("numpy", model, params),
        dtype: make_engine("torch:cuda", model, params, dtype=dtype),
    }
    state, inputs = packed(hall, engines["numpy"], rng, n)
    if dtype == "float64":
        assert_engines_agree(hall, engines, state, inputs, atol=1e-11)
        return
    state = engines["numpy"].step(
        state, inputs, 300.0
    )  # the jump from a random state is steeper than anything a hall does
    found, expected = (engine.step(state, inputs, 300.0) for engine in (engines[dtype], engines["numpy"]))
    error = np.abs(found - expected) / scale_of(hall, engines["numpy"].state_slices, expected, 300.0)
    assert np.quantile(error, 0.999) < 1e-3
    assert error.max() < 1e-1  # of a plant beside a kink, which rounding puts on the other side


@pytest.mark.slow
def test_engines_stay_with_numpy_for_a_day(hall):
    rng = np.random.default_rng(21)
    engines = engines_of(hall)
    state, inputs = packed(hall, engines["numpy"], rng, 4)
    for name in hall.types.availability.values():
        inputs[engines["numpy"].input_slices[name]] = 1.0
    states = dict.fromkeys(engines, state)
    for _ in range(24):
        states = {name: engine.step(states[name], inputs, 300.0) for name, engine in engines.items()}
    scale = np.maximum(np.abs(states["numpy"]).max(axis=1, keepdims=True), 1.0)
    for name, found in states.items():
        assert_allclose(found / scale, states["numpy"] / scale, rtol=0.0, atol=1e-9, err_msg=name)


def test_an_environment_alone_equals_itself_in_a_batch_to_the_bit(hall):
    rng = np.random.default_rng(5)
    engine = make_engine("fused", hall_model(hall), hall.params)
    state, inputs = packed(hall, engine, rng, 21)
    together = engine.step(state, inputs, 300.0)
    for row in (0, 7, 20):
        alone = engine.step(state[:, row : row + 1].copy(), inputs[:, row : row + 1].copy(), 300.0)
        assert_array_equal(alone[:, 0], together[:, row])


@pytest.mark.slow
def test_every_environment_may_have_a_plant_of_its_own(hall):
    rng = np.random.default_rng(6)
    n = 5
    params = random_plant(hall, rng, n)
    engines = engines_of(hall, params)
    state, inputs = packed(hall, engines["numpy"], rng, n)
    together = {name: engine.step(state, inputs, 300.0) for name, engine in engines.items()}
    for row in range(n):
        own = hall.types.Params(
            **{
                k: v if k in hall.types.matrices or v.shape[1] == 1 else v[:, row : row + 1]
                for k, v in params._asdict().items()
            }
        )
        alone = make_engine("numpy", hall_model(hall), own).step(
            state[:, row : row + 1], inputs[:, row : row + 1], 300.0
        )
        scale = np.maximum(np.abs(alone[:, 0]), 1.0)
        for name, found in together.items():
            assert_allclose(found[:, row] / scale, alone[:, 0] / scale, rtol=0.0, atol=1e-11, err_msg=name)
