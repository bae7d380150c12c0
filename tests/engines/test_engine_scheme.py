"""Order of the scheme, conservation and latches, on equations with known answers."""

from typing import Any, NamedTuple

import numpy as np
import pytest
from every_engine import NAMES, engine_of
from numpy.testing import assert_allclose, assert_array_equal
from scipy.integrate import solve_ivp

from dcsim.engines import Model


class Params(NamedTuple):
    rate: Any  # (2)


class State(NamedTuple):
    x: Any  # (2)
    flown: Any  # (1) what left the second node
    latch: Any  # (1)
    clock: Any  # (1)


class Inputs(NamedTuple):
    source: Any  # (1)


class Held(NamedTuple):
    source: Any


def begin(s, u, p, interval, xp):
    return s._replace(flown=0.0 * s.flown, latch=xp.where(u.source > 1.0, 1.0, s.latch)), Held(u.source * u.source)


def sweep(s, u, h, p, dt, xp):
    """Two nodes that decay and are fed, linear-implicit: x' = source**2 - rate x (1 + tanh(x) / 2)."""
    loss = p.rate * (1.0 + 0.5 * xp.tanh(s.x))
    x = (s.x + dt * h.source) / (1.0 + dt * loss)
    return s._replace(x=x, flown=s.flown + dt * xp.sum(loss * x, 0, keepdims=True))


def monitor(s, u, h, p, dt, xp):
    return s._replace(clock=s.clock + dt)


MODEL = Model(begin, sweep, monitor, State, Inputs, Params, dict(x=2, flown=1, latch=1, clock=1), dict(source=1))
PARAMS = Params(np.array([[1.0], [0.3]]))
START = np.array([[2.0], [0.5], [0.0], [0.0], [0.0]])
SOURCE = np.array([[0.7]])


def exact(interval):
    def rhs(_, x):
        return SOURCE[0, 0] ** 2 - PARAMS.rate[:, 0] * (1.0 + 0.5 * np.tanh(x)) * x

    return solve_ivp(rhs, (0.0, interval), START[:2, 0], rtol=1e-12, atol=1e-13, method="DOP853").y[:, -1]


@pytest.mark.parametrize("name", NAMES)
def test_the_extrapolated_scheme_is_of_second_order(name):
    engine = engine_of(name, MODEL, PARAMS)
    counts = np.array([16, 32, 64, 128])
    errors = [np.abs(engine.step(START, SOURCE, 2.0, substeps=n)[:2, 0] - exact(2.0)).max() for n in counts]
    slope = -np.polyfit(np.log(counts), np.log(errors), 1)[0]
    assert slope == pytest.approx(2.0, abs=0.2)


def test_a_plain_sweep_is_of_first_order():
    counts = np.array([32, 64, 128, 256])
    errors = []
    for n in counts:
        s, u = State(START[:2], *START[2:, None]), Inputs(SOURCE)
        s, h = begin(s, u, PARAMS, 2.0, np)
        for _ in range(n):
            s = sweep(s, u, h, PARAMS, 2.0 / n, np)
        errors.append(np.abs(s.x[:, 0] - exact(2.0)).max())
    assert -np.polyfit(np.log(counts), np.log(errors), 1)[0] == pytest.approx(1.0, abs=0.2)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("substeps", [1, 4, 10])
def test_what_is_accumulated_balances_what_is_stored(name, substeps):
    new = engine_of(name, MODEL, PARAMS, substeps=substeps).step(START, SOURCE, 2.0)
    stored = new[:2].sum() - START[:2].sum()
    assert_allclose(stored + new[2, 0], 2 * 2.0 * SOURCE[0, 0] ** 2, rtol=1e-14)


@pytest.mark.parametrize("name", NAMES)
def test_latches_keep_their_exact_value_and_monitors_run_once_a_substep(name):
    engine = engine_of(name, MODEL, PARAMS, substeps=7)
    state = np.repeat(START, 3, 1)
    state[3] = [0.1, 0.1, 0.1]
    new = engine.step(state, np.array([[0.7, 1.7, 0.2]]), 2.1)
    assert_array_equal(new[3], [0.1, 1.0, 0.1])
    assert_allclose(new[4], 2.1, rtol=1e-14)


class Swap(NamedTuple):
    a: Any
    b: Any
    c: Any


@pytest.mark.parametrize("name", NAMES)
def test_fields_may_change_places_and_old_values_may_be_kept(name):
    """Every reading of a field that is also written: in begin, from held values, in the sweep and in the monitor."""

    class Kept(NamedTuple):
        before: Any

    model = Model(
        begin=lambda s, u, p, interval, xp: (Swap(s.b, s.c, xp.sum(s.a, 0, keepdims=True)), Kept(s.a)),
        sweep=lambda s, u, h, p, dt, xp: Swap(s.b + dt * h.before, s.a, s.c),
        monitor=lambda s, u, h, p, dt, xp: Swap(xp.maximum(s.b, s.a), s.a, s.c + xp.sum(s.b, 0, keepdims=True)),
        state=Swap,
        inputs=Inputs,
        params=Params,
        state_rows=dict(a=3, b=3, c=1),
        input_rows=dict(source=1),
    )
    rng = np.random.default_rng(0)
    state = rng.normal(size=(7, 5))
    engine = engine_of(name, model, PARAMS, substeps=2)
    new = engine.step(state, np.zeros((1, 5)), 3.0)

    a, b, c = state[3:6], np.repeat(state[6:], 3, 0), state[:3].sum(0, keepdims=True)
    kept = state[:3]
    for _ in range(2):
        coarse = b + 1.5 * kept, a
        fine = b + 0.75 * kept, a
        fine = fine[1] + 0.75 * kept, fine[0]
        a, b = 2 * fine[0] - coarse[0], 2 * fine[1] - coarse[1]
        a, b, c = np.maximum(a, b), a, c + b.sum(0, keepdims=True)
    assert_allclose(new, np.concatenate([a, b, c]), rtol=1e-13)
