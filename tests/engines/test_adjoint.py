"""Derivatives of a control step: those of torch's autograd, of central differences, and at kinks those that are promised."""

from typing import Any, NamedTuple

import engine_toy as toy
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from test_random_models import Params as RandomParams
from test_random_models import random_model
from torch_autograd import torch_vjp

from dcsim.engines import Model, make_engine
from dcsim.engines.fused import FusedEngine

NAMES = toy.Params._fields
OWN = [(), ("capacity", "flow", "lag", "curve"), ("conductance", "idle", "water_capacity", "limit", "release", "rate")]


def toy_case(seed, num_envs, own=()):
    rng = np.random.default_rng(seed)
    params, state, inputs = (
        toy.make_params(rng, num_envs, own),
        toy.make_state(rng, num_envs),
        toy.make_inputs(rng, num_envs),
    )
    return params, state, inputs, rng.normal(size=state.shape)


def assert_same(found, expected, rtol):
    state_bar, inputs_bar, params_bar = expected
    for name, value, other in (
        ("state", found.state, state_bar),
        ("inputs", found.inputs, inputs_bar),
        *((name, bar, params_bar[name]) for name, bar in found.params.items()),
    ):
        assert value.shape == other.shape
        assert_allclose(value, other, rtol=rtol, atol=rtol * np.abs(other).max(), err_msg=name)


@pytest.mark.parametrize("own", OWN)
@pytest.mark.parametrize("seed", range(2))
def test_derivatives_are_those_of_autograd_through_the_same_functions(seed, own):
    params, state, inputs, cotangent = toy_case(seed, 11, own)
    engine = FusedEngine(toy.MODEL, params, substeps=3)
    found = engine.vjp(state, inputs, 300.0, cotangent, params=NAMES)
    assert_same(found, torch_vjp(toy.MODEL, params, state, inputs, 300.0, 3, cotangent), 1e-11)


# in 199 kernel and host both multiply with the matrix
@pytest.mark.parametrize("seed", [*range(16), 199])
def test_derivatives_of_random_models_are_those_of_autograd(seed):
    rng = np.random.default_rng(seed)
    model, count = random_model(rng), 5
    own = [count if rng.random() < 0.3 else 1 for _ in range(3)]
    shapes = [(5, own[0]), (3, own[1]), (1, own[2]), (3, 5)]
    params = RandomParams(*(rng.normal(size=shape) for shape in shapes))
    state, inputs, cotangent = (rng.normal(size=(rows, count)) for rows in (18, 9, 18))
    found = FusedEngine(model, params, substeps=2).vjp(state, inputs, 3.0, cotangent, params=params._fields)
    assert_same(found, torch_vjp(model, params, state, inputs, 3.0, 2, cotangent), 1e-9)


@pytest.mark.parametrize("own", OWN)
def test_derivatives_along_a_line_are_central_differences_of_the_step_itself(own):
    params, state, inputs, cotangent = toy_case(4, 3, own)
    engine = make_engine("fused", toy.MODEL, params)
    found = engine.vjp(state, inputs, 300.0, cotangent, params=NAMES)
    rng = np.random.default_rng(9)
    along = [1e-4 * x * rng.normal(size=x.shape) for x in (state, inputs, *params)]
    bars = [found.state, found.inputs, *(found.params[name] for name in NAMES)]
    expected = sum(float(np.sum(bar * x)) for bar, x in zip(bars, along, strict=True))

    def value(share):
        s, u, *p = (x + share * step for x, step in zip((state, inputs, *params), along, strict=True))
        return float(np.sum(cotangent * engine.with_params(toy.Params(*p)).step(s, u, 300.0)))

    difference = (8.0 * (value(0.5) - value(-0.5)) - (value(1.0) - value(-1.0))) / 6.0  # fourth order
    assert_allclose(difference, expected, rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_an_environment_has_the_same_derivatives_in_any_batch_and_for_any_lanes_and_threads(dtype):
    count = 37
    own = ("capacity", "curve")
    params, state, inputs, cotangent = toy_case(5, count, own)
    whole = FusedEngine(toy.MODEL, params, dtype=dtype).vjp(state, inputs, 300.0, cotangent, params=own)
    for lanes in (1, 2, 4, 8):
        for threads in (1, 3):
            engine = FusedEngine(toy.MODEL, params, dtype=dtype, lanes=lanes, threads=threads)
            found = engine.vjp(state, inputs, 300.0, cotangent, params=own)
            assert_array_equal(found.state, whole.state)
            assert_array_equal(found.inputs, whole.inputs)
            for name in own:
                assert_array_equal(found.params[name], whole.params[name])
    common = toy.make_params(np.random.default_rng(5))
    engine = FusedEngine(toy.MODEL, common, dtype=dtype)
    together = engine.vjp(state, inputs, 300.0, cotangent)
    for i in (0, 17, count - 1):
        alone = engine.vjp(*(x[:, i : i + 1] for x in (state, inputs)), 300.0, cotangent[:, i : i + 1])
        assert_array_equal(alone.state[:, 0], together.state[:, i])
        assert_array_equal(alone.inputs[:, 0], together.inputs[:, i])


def test_sums_over_environments_do_not_feel_the_threads():
    params, state, inputs, cotangent = toy_case(6, 67)
    one, three = (
        FusedEngine(toy.MODEL, params, threads=threads).vjp(state, inputs, 300.0, cotangent, params=NAMES)
        for threads in (1, 3)
    )
    for name in NAMES:
        assert_array_equal(three.params[name], one.params[name])


def test_a_common_parameter_has_the_sum_of_what_each_environment_would_have():
    common, state, inputs, cotangent = toy_case(7, 6)
    each = common._replace(flow=np.repeat(common.flow, 6, axis=1), curve=np.repeat(common.curve, 6, axis=1))
    of_all, of_each = (
        FusedEngine(toy.MODEL, p).vjp(state, inputs, 300.0, cotangent, params=("flow", "curve")) for p in (common, each)
    )
    for name in ("flow", "curve"):
        expected = of_each.params[name].sum(axis=1, keepdims=True)
        assert_allclose(of_all.params[name], expected, rtol=1e-10, atol=1e-10 * np.abs(expected).max())


def test_float32_is_close_to_float64():
    params, state, inputs, cotangent = toy_case(8, 9)
    double, single = (
        FusedEngine(toy.MODEL, params, dtype=dtype).vjp(state, inputs, 300.0, cotangent, params=NAMES)
        for dtype in ("float64", "float32")
    )
    assert_same(single, (double.state, double.inputs, double.params), 2e-3)


def test_asking_for_fewer_parameters_changes_nothing_else():
    params, state, inputs, cotangent = toy_case(10, 5, ("lag",))
    engine = FusedEngine(toy.MODEL, params)
    few, all_ = (engine.vjp(state, inputs, 300.0, cotangent, params=p) for p in (("mixing", "lag"), NAMES))
    assert set(few.params) == {"mixing", "lag"}
    assert_same(few, (all_.state, all_.inputs, all_.params), 1e-12)


def test_an_engine_with_other_parameters_has_their_derivatives():
    params, state, inputs, cotangent = toy_case(11, 4)
    other = params._replace(conductance=1.5 * params.conductance)
    made = FusedEngine(toy.MODEL, params)
    made.vjp(state, inputs, 300.0, cotangent, params=NAMES)
    found = made.with_params(other).vjp(state, inputs, 300.0, cotangent, params=NAMES)
    expected = FusedEngine(toy.MODEL, other).vjp(state, inputs, 300.0, cotangent, params=NAMES)
    assert_same(found, expected, 0.0)


def test_steps_gone_through_add_up_for_the_parameters():
    params, state, inputs, cotangent = toy_case(12, 5, ("idle",))
    engine = FusedEngine(toy.MODEL, params)
    back = engine.pullback(5, 300.0, params=("idle", "flow"))
    first, second = (
        engine.vjp(state, inputs, 300.0, x, params=("idle", "flow")) for x in (cotangent, -3.0 * cotangent)
    )
    for x, expected in ((cotangent, first), (-3.0 * cotangent, second)):
        state_bar, inputs_bar = back(state, inputs, x)
        assert_array_equal(state_bar, expected.state)
        assert_array_equal(inputs_bar, expected.inputs)
    for name, bar in back.params().items():
        assert_allclose(bar, first.params[name] + second.params[name], rtol=1e-12)


class Line(NamedTuple):
    x: Any  # (3)
    peak: Any  # (1)


class Given(NamedTuple):
    u: Any  # (3)


class Slopes(NamedTuple):
    p: Any  # (3)


def line_model(law):
    """A sweep that moves x by ``law(x, u, p, xp)`` times the length of the pass."""
    return Model(
        lambda s, u, p, interval, xp: (s, None),
        lambda s, u, h, p, dt, xp: s._replace(x=s.x + dt * law(s.x, u.u, p.p, xp)),
        lambda s, u, h, p, dt, xp: s._replace(peak=xp.max(s.x, 0, keepdims=True)),
        Line, Given, Slopes, {"x": 3, "peak": 1}, {"u": 3},
    )  # fmt: skip


KINKS = {
    "maximum shares": (lambda x, u, p, xp: xp.maximum(2.0 * u, p), 1.0, 0.5),
    "minimum shares": (lambda x, u, p, xp: xp.minimum(p, 2.0 * u), 1.0, 0.5),
    "a size has none at 0": (lambda x, u, p, xp: xp.maximum(2.0 * u - p, p - 2.0 * u), 0.0, 0.0),
    "a bound lets through half of what lies on it": (lambda x, u, p, xp: xp.maximum(4.0 * u - 2.0 * p, 0.0), 2.0, -1.0),
    "where, taken": (lambda x, u, p, xp: xp.where(2.0 * u >= p, 5.0 * u, 7.0 * p), 5.0, 0.0),
    "where, not taken": (lambda x, u, p, xp: xp.where(2.0 * u > p, 5.0 * u, 7.0 * p), 0.0, 7.0),
}


@pytest.mark.parametrize("name", KINKS)
def test_at_a_tie_derivatives_are_what_is_promised(name):
    law, by_u, by_p = KINKS[name]
    p = np.array([[2.0], [-4.0], [0.0]])
    engine = FusedEngine(line_model(law), Slopes(p))
    cotangent = np.array([[1.0], [1.0], [1.0], [0.0]])
    found = engine.vjp(np.zeros((4, 1)), 0.5 * p, 10.0, cotangent, params=("p",))
    assert_allclose(found.inputs, np.full((3, 1), 10.0 * by_u), rtol=1e-12)
    assert_allclose(found.params["p"], np.full((3, 1), 10.0 * by_p), rtol=1e-12)


def test_the_greatest_shares_its_derivative_among_those_that_stand_level():
    engine = FusedEngine(line_model(lambda x, u, p, xp: 0.0 * u), Slopes(np.zeros((3, 1))))
    state = np.array([[1.0, 1.0, 4.0], [2.0, 1.0, 3.0], [2.0, 1.0, 2.0], [0.0, 0.0, 0.0]])
    cotangent = np.array([[0.0], [0.0], [0.0], [6.0]]) * np.ones((1, 3))
    found = engine.vjp(state, np.zeros((3, 3)), 10.0, cotangent)
    assert_allclose(found.state, [[0.0, 2.0, 6.0], [3.0, 2.0, 0.0], [3.0, 2.0, 0.0], [0.0, 0.0, 0.0]], rtol=1e-14)


def test_what_the_step_leaves_alone_and_what_it_forgets():
    params, state, inputs, cotangent = toy_case(13, 3)
    engine = FusedEngine(toy.MODEL, params)
    found = engine.vjp(state, inputs, 300.0, cotangent, params=NAMES)
    slices = engine.state_slices
    assert_array_equal(found.state[slices["serial"]], cotangent[slices["serial"]])
    for cleared in ("energy", "rejected", "hottest", "excess"):
        assert_array_equal(found.state[slices[cleared]], 0.0)
    assert_array_equal(found.inputs[engine.input_slices["unused"]], 0.0)
    assert_array_equal(found.params["limit"], 0.0)  # it only stands in conditions


def test_a_linear_decay_has_the_derivatives_of_its_formula():
    # one extrapolated implicit step of x' = -p x: 2 / (1 + p h / 2)^2 - 1 / (1 + p h), with h = 2
    model = Model(
        lambda s, u, p, interval, xp: (s, None),
        lambda s, u, h, p, dt, xp: s._replace(x=s.x / (1.0 + dt * p.p)),
        lambda s, u, h, p, dt, xp: s,
        Line, Given, Slopes, {"x": 3, "peak": 1}, {"u": 3},
    )  # fmt: skip
    p = np.array([[0.1], [0.5], [2.0]])
    engine = FusedEngine(model, Slopes(p), substeps=1)
    found = engine.vjp(np.ones((4, 1)), np.zeros((3, 1)), 2.0, np.ones((4, 1)), params=("p",))
    assert_allclose(found.state[:3], 2.0 / (1.0 + p) ** 2 - 1.0 / (1.0 + 2.0 * p), rtol=1e-14)
    assert_allclose(found.params["p"], -4.0 / (1.0 + p) ** 3 + 2.0 / (1.0 + 2.0 * p) ** 2, rtol=1e-13)


def test_what_cannot_be_meant_is_refused():
    params, state, inputs, cotangent = toy_case(14, 3)
    engine = FusedEngine(toy.MODEL, params)
    with pytest.raises(ValueError, match="no parameter 'mass'"):
        engine.vjp(state, inputs, 300.0, cotangent, params=("mass",))
    with pytest.raises(ValueError, match="cotangent: expected an array of shape"):
        engine.vjp(state, inputs, 300.0, cotangent[:, :2])
    with pytest.raises(ValueError, match="interval"):
        engine.vjp(state, inputs, 0.0, cotangent)
    with pytest.raises(NotImplementedError, match="the fused engine has"):
        make_engine("numpy", toy.MODEL, params).vjp(state, inputs, 300.0, cotangent)
