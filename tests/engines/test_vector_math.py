"""Elementary functions of the fused kernel against extended precision, over the whole range and at its ends."""

from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from dcsim.engines import Model
from dcsim.engines.fused import FusedEngine


class State(NamedTuple):
    y: Any


class Inputs(NamedTuple):
    x: Any
    z: Any


class Params(NamedTuple):
    one: Any


def evaluated(function, x, z=None, dtype="float64"):
    """Run ``function(x, z, p, xp)`` in a kernel that does nothing else."""
    model = Model(
        begin=lambda s, u, p, interval, xp: (State(function(u.x, u.z, p, xp)), None),
        sweep=lambda s, u, h, p, dt, xp: s,
        monitor=lambda s, u, h, p, dt, xp: s,
        state=State,
        inputs=Inputs,
        params=Params,
        state_rows={"y": 1},
        input_rows={"x": 1, "z": 1},
    )
    engine = FusedEngine(model, Params(np.ones((1, 1))), substeps=1, dtype=dtype)
    x = np.asarray(x, dtype=dtype).astype(float)
    z = np.zeros_like(x) if z is None else np.asarray(z, dtype=dtype).astype(float)
    return engine.step(np.zeros((1, x.size)), np.stack([x, z]), 1.0)[0].astype(dtype)


def units_off(got, exact):
    """Error in units in the last place of the exact value."""
    return np.abs(got.astype(np.longdouble) - exact) / np.spacing(np.abs(exact.astype(got.dtype))).astype(np.longdouble)


def wide(dtype, low, high, count=200_001):
    """Both evenly and logarithmically spread numbers of either sign between two bounds."""
    rng = np.random.default_rng(0)
    small = 10.0 ** rng.uniform(-30 if dtype == "float32" else -290, np.log10(max(abs(low), abs(high))), count)
    x = np.concatenate([rng.uniform(low, high, count), small, -small]).astype(dtype)
    return x[(x >= low) & (x <= high)]


@pytest.mark.parametrize(("dtype", "low", "high"), [("float64", -708.3, 709.4), ("float32", -87.3, 88.3)])
def test_exponential(dtype, low, high):
    x = wide(dtype, low, high)
    got = evaluated(lambda x, z, p, xp: xp.exp(x), x, dtype=dtype)
    assert units_off(got, np.exp(x.astype(np.longdouble))).max() < 1.5
    assert evaluated(lambda x, z, p, xp: xp.exp(x), [0.0, -0.0], dtype=dtype).tolist() == [1.0, 1.0]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_exponential_beyond_the_range_of_numbers(dtype):
    x = [-np.inf, -1e30, -746.0, np.nan, 711.0, 1e30, np.inf]
    got = evaluated(lambda x, z, p, xp: xp.exp(x), x, dtype=dtype)
    assert_array_equal(got, np.array([0, 0, 0, np.nan, np.inf, np.inf, np.inf], dtype))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("guard", [None, 1e-30])
def test_logarithm(dtype, guard):
    info = np.finfo(dtype)
    rng = np.random.default_rng(1)
    x = np.exp(rng.uniform(np.log(guard or float(info.tiny)), np.log(float(info.max)), 200_000)).astype(dtype)
    around_one = (1.0 + rng.uniform(-0.5, 1.0, 200_000) * 10.0 ** rng.uniform(-16, 0, 200_000)).astype(dtype)
    x = np.concatenate([x, around_one, [info.tiny if guard is None else guard, info.max, 1.0, 0.5, 2.0]]).astype(dtype)
    x = x[np.isfinite(x) & (x > 0)]

    def log(x, z, p, xp):
        return xp.log(x) if guard is None else xp.log(xp.maximum(x, guard))

    got, exact = evaluated(log, x, dtype=dtype), np.log(x.astype(np.longdouble))
    assert units_off(got[exact != 0], exact[exact != 0]).max() < 1.5
    assert_array_equal(got[exact == 0], 0.0)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_logarithm_where_there_is_none(dtype):
    x = [0.0, -0.0, float(np.finfo(dtype).tiny) / 4, -1.0, -np.inf, np.nan, np.inf]
    got = evaluated(lambda x, z, p, xp: xp.log(x), x, dtype=dtype)
    assert_array_equal(got, np.array([-np.inf, -np.inf, -np.inf, np.nan, np.nan, np.nan, np.inf], dtype))
    guarded = evaluated(lambda x, z, p, xp: xp.log(xp.maximum(x, 0.5)), x, dtype=dtype)
    half = np.log(np.array(0.5, dtype))
    assert_array_equal(np.isnan(guarded), np.isnan(x))
    np.testing.assert_allclose(guarded[[0, 1, 2, 3, 4]], half, rtol=1e-6)
    assert guarded[-1] == np.inf


@pytest.mark.parametrize(("dtype", "reach"), [("float64", 40.0), ("float32", 20.0)])
def test_hyperbolic_tangent(dtype, reach):
    x = wide(dtype, -reach, reach)
    got = evaluated(lambda x, z, p, xp: xp.tanh(x), x, dtype=dtype)
    assert units_off(got, np.tanh(x.astype(np.longdouble))).max() < 1.75
    assert np.abs(got).max() == 1.0
    ends = evaluated(lambda x, z, p, xp: xp.tanh(x), [-np.inf, -1e30, -0.0, 0.0, np.nan, np.inf], dtype=dtype)
    assert_array_equal(ends, np.array([-1, -1, -0.0, 0.0, np.nan, 1], dtype))
    assert_array_equal(np.signbit(ends[2:4]), [True, False])


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_square_root_and_division_are_numpys_own(dtype):
    rng = np.random.default_rng(2)
    x, z = (10.0 ** rng.uniform(-30, 30, 10_000) for _ in range(2))
    x[:3] = [0.0, np.inf, np.nan]
    x, z = x.astype(dtype), z.astype(dtype)
    assert_array_equal(evaluated(lambda x, z, p, xp: xp.sqrt(x), x, dtype=dtype), np.sqrt(x))
    with np.errstate(over="ignore", under="ignore"):
        quotient = x / z
    assert_array_equal(evaluated(lambda x, z, p, xp: x / z, x, z, dtype=dtype), quotient)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_bounds_and_choices_treat_nan_like_numpy(dtype):
    values = np.array([-np.inf, -1.0, 0.0, 1.0, 2.0, np.inf, np.nan])
    x, z = (g.ravel() for g in np.meshgrid(values, values))
    functions = [
        lambda x, z, p, xp: xp.maximum(x, z),
        lambda x, z, p, xp: xp.minimum(x, z),
        lambda x, z, p, xp: xp.maximum(x, 1.0),
        lambda x, z, p, xp: xp.minimum(1.0, x),
        lambda x, z, p, xp: xp.maximum(p.one, x),
        lambda x, z, p, xp: xp.where(x > z, x, 5.0),
        lambda x, z, p, xp: xp.where(x >= z, x, 5.0),
        lambda x, z, p, xp: xp.where(x < z, x, 5.0),
        lambda x, z, p, xp: xp.where(x <= 1.0, z, x),
    ]
    for f in functions:
        expected = f(x, z, Params(np.ones(1)), np).astype(dtype)
        assert_array_equal(evaluated(f, x, z, dtype=dtype), expected)


def test_without_fused_multiply_add_the_functions_are_as_good(monkeypatch):
    monkeypatch.setattr("dcsim.engines.fused.has_fma", lambda: False)
    x = wide("float64", -708.3, 709.4)
    got = evaluated(lambda x, z, p, xp: xp.exp(x), x)
    assert units_off(got, np.exp(x.astype(np.longdouble))).max() < 2.0
    x = wide("float64", -40, 40)
    got = evaluated(lambda x, z, p, xp: xp.tanh(x), x)
    assert units_off(got, np.tanh(x.astype(np.longdouble))).max() < 2.5
    x = np.exp(wide("float64", -700, 700))
    got, exact = evaluated(lambda x, z, p, xp: xp.log(x), x), np.log(x.astype(np.longdouble))
    assert units_off(got[exact != 0], exact[exact != 0]).max() < 2.0
