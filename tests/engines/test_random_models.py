"""Models made at random: whatever is read, kept or written in whatever order, the kernel does what NumPy does."""

from typing import Any, NamedTuple

import numpy as np
import pytest
from every_engine import every_engine
from numpy.testing import assert_allclose, assert_array_equal

from dcsim.engines import Model
from dcsim.engines.fused import FusedEngine

ROWS = {"a": 5, "b": 5, "c": 3, "d": 3, "e": 1, "f": 1}
NUM_ENVS = 6


class State(NamedTuple):
    a: Any
    b: Any
    c: Any
    d: Any
    e: Any
    f: Any


class Inputs(NamedTuple):
    a: Any
    c: Any
    e: Any


class Params(NamedTuple):
    a: Any
    c: Any
    e: Any
    m: Any  # matrix (3, 5)


def random_law(rng, count):
    """A list of operations on values that are there already, by their number; interpreted by `run_law`."""
    kinds = ("add", "sub", "mul", "div", "neg", "max", "min", "where", "fun", "sum", "maxof", "matmul", "row", "fma")
    return [(rng.choice(kinds), *rng.integers(0, 1 << 30, 4)) for _ in range(count)]


def run_law(law, start, xp, time, parameters, matrix):
    """Compute all values of a law.

    Values are ``(rows, value)``, kept of order one by ``tanh`` where they might grow; operands must have one row or
    equally many.
    """
    values = list(start)

    def fitting(index, rows):
        fits = [v for v in values if v[0] in (1, rows)]
        return fits[index % len(fits)][1]

    for kind, i, j, k, n in law:
        rows, x = values[i % len(values)]
        y, z, w = fitting(j, rows), fitting(k, rows), fitting(n, rows)
        if kind == "add":
            new = x + y
        elif kind == "sub":
            new = x - y
        elif kind == "mul":
            new = x * y * (0.1 * time)
        elif kind == "div":
            new = x / (1.5 + xp.tanh(y))
        elif kind == "neg":
            new = -x
        elif kind == "max":
            new = xp.maximum(x, y)
        elif kind == "min":
            new = xp.minimum(x, y)
        elif kind == "where":
            new = xp.where(x > y, z, w) if i % 2 else xp.where(x <= y, z, w)
        elif kind == "fma":
            new = x * y - z * w if i % 2 else z + x * y
        elif kind == "fun":
            squash = xp.tanh(x)
            new = (xp.exp(squash), xp.log(1.5 + squash), xp.sqrt(1.0 + squash), squash)[j % 4]
        elif kind == "sum":
            rows, new = 1, 0.2 * xp.sum(x, 0, keepdims=True)
        elif kind == "maxof":
            rows, new = 1, xp.max(x, 0, keepdims=True)
        elif kind == "matmul":
            if rows == 5:
                rows, new = 3, xp.matmul(matrix, x)
            elif rows == 3:
                rows, new = 5, xp.matmul(matrix.T, x)
            else:
                continue
        else:
            parameter_rows, parameter = parameters[i % len(parameters)]
            k = j % parameter_rows
            rows, new = 1, parameter[k : k + 1]
        values.append((rows, xp.tanh(new) if kind in ("add", "sub", "mul", "fma") else new))
    return values


def random_model(rng):
    laws = {name: random_law(rng, int(rng.integers(5, 40))) for name in ("begin", "sweep", "monitor")}
    writes = {name: {f: int(rng.integers(1 << 30)) for f in ROWS if rng.random() < 0.5} for name in laws}
    keeps = [int(k) for k in rng.integers(0, 1 << 30, 4)]
    fields_first = rng.random() < 0.5

    def step(name, s, u, p, held, time, xp):
        parameters = [(5, p.a), (3, p.c), (1, p.e)]
        known = [(ROWS[f], x) for f, x in zip(ROWS, s, strict=True)]
        given = [(5, u.a), (3, u.c), (1, u.e), *parameters, *held]
        values = run_law(laws[name], known + given if fields_first else given + known, xp, time, parameters, p.m)
        new = {}
        for f, index in writes[name].items():
            fits = [v for rows, v in values if rows in (1, ROWS[f])]
            new[f] = fits[index % len(fits)]
        return s._replace(**new), values

    def begin(s, u, p, interval, xp):
        new, values = step("begin", s, u, p, [], 0.01 * interval, xp)
        return new, [values[k % len(values)] for k in keeps]

    def sweep(s, u, h, p, dt, xp):
        return step("sweep", s, u, p, h, dt, xp)[0]

    def monitor(s, u, h, p, dt, xp):
        return step("monitor", s, u, p, h, dt, xp)[0]

    return Model(begin, sweep, monitor, State, Inputs, Params, ROWS, {"a": 5, "c": 3, "e": 1}, frozenset({"m"}))


@pytest.mark.parametrize("seed", range(40))
def test_random_models_run_alike(seed):
    rng = np.random.default_rng(seed)
    model = random_model(rng)
    own = [NUM_ENVS if rng.random() < 0.3 else 1 for _ in range(3)]
    params = Params(
        rng.normal(size=(5, own[0])),
        rng.normal(size=(3, own[1])),
        rng.normal(size=(1, own[2])),
        rng.normal(size=(3, 5)),
    )
    state, inputs = rng.normal(size=(18, NUM_ENVS)), rng.normal(size=(9, NUM_ENVS))
    engines = every_engine(model, params, substeps=2)
    reference = engines["numpy"].step(state, inputs, 3.0)
    for name, engine in engines.items():
        found = engine.step(state, inputs, 3.0)
        assert_allclose(found, reference, rtol=1e-9, atol=1e-9, err_msg=name)
        assert_array_equal(engine.step(state, inputs, 3.0, out=state.copy()), found, err_msg=name)
        if name == "fused":
            assert_array_equal(FusedEngine(model, params, substeps=2, lanes=1).step(state, inputs, 3.0), found)
