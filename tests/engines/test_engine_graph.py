"""What can be traced becomes a lean program; what cannot is refused with the line that did it."""

import inspect
from typing import Any, NamedTuple

import numpy as np
import pytest
from every_engine import every_engine
from numpy.testing import assert_allclose, assert_array_equal

from dcsim.engines import Model, make_engine
from dcsim.engines.graph import TraceError
from dcsim.engines.program import HostValues, trace
from dcsim.engines.simplify import simplified


class State(NamedTuple):
    x: Any  # (3)
    y: Any  # (1)


class Inputs(NamedTuple):
    u: Any  # (3)
    v: Any  # (2)


class Params(NamedTuple):
    p: Any  # (3)
    q: Any  # (1)
    m: Any  # matrix (3, 2)


PARAMS = Params(np.array([[1.0], [2.0], [3.0]]), np.array([[4.0]]), np.arange(6.0).reshape(3, 2))


def model(sweep, begin=lambda s, u, p, interval, xp: (s, None), monitor=lambda s, u, h, p, dt, xp: s):
    return Model(begin, sweep, monitor, State, Inputs, Params, {"x": 3, "y": 1}, {"u": 3, "v": 2}, frozenset({"m"}))


def of_x(law):
    """A sweep that sets x to ``law(s, u, p, xp)``."""
    return model(lambda s, u, h, p, dt, xp: s._replace(x=law(s, u, p, xp)))


def branch(s, u, p, xp):
    if s.y > 0.0:
        return s.x
    return -s.x


def chained(s, u, p, xp):
    return xp.where(0.0 < s.x < 1.0, s.x, 0.0)


def in_place(s, u, p, xp):
    x = s.x
    x += 1.0
    return x


def written(s, u, p, xp):
    s.x[0:1] = 0.0
    return s.x


def loop(s, u, p, xp):
    return sum(s.x)


def twice_negated(s, u, p, xp):
    less = -s.x
    return -less + (-u.u) - (-p.p)


REFUSED = [
    (branch, "use xp.where"),
    (chained, "use xp.where"),
    (in_place, "in place"),
    (written, "in place"),
    (loop, "iterated"),
    (lambda s, u, p, xp: s.x[0:1] + s.x, "data cannot be indexed"),
    (lambda s, u, p, xp: s.x * p.p[0], "one row at a time"),
    (lambda s, u, p, xp: s.x * p.p[0:2], "one row at a time"),
    (lambda s, u, p, xp: s.x * p.p[7:8], "one row at a time"),
    (lambda s, u, p, xp: s.x + u.v, r"rows do not match in add: \[3, 2\]"),
    (lambda s, u, p, xp: xp.where(s.x > 0.0, u.v, 0.0), "rows do not match in where"),
    (lambda s, u, p, xp: xp.matmul(p.m, s.x), r"\(3, 2\) times 3 rows"),
    (lambda s, u, p, xp: xp.matmul(s.x, u.v), "parameter matrix"),
    (lambda s, u, p, xp: p.m @ u.v, "xp.matmul"),
    (lambda s, u, p, xp: s.x + p.m, "parameter matrix"),
    (lambda s, u, p, xp: s.x.T, "transposed"),
    (lambda s, u, p, xp: s.x**2, r"no `\*\*`"),
    (lambda s, u, p, xp: 2.0**s.x, r"no `\*\*`"),
    (lambda s, u, p, xp: abs(s.x), "xp.maximum"),
    (lambda s, u, p, xp: s.x // 2, "integer division"),
    (lambda s, u, p, xp: xp.sin(s.x), "xp.sin cannot be traced"),
    (lambda s, u, p, xp: xp.clip(s.x, 0, 1), "xp.clip cannot be traced"),
    (lambda s, u, p, xp: xp.sum(s.x), "keepdims=True"),
    (lambda s, u, p, xp: xp.max(s.x, 1, keepdims=True), "axis 0"),
    (lambda s, u, p, xp: xp.where(s.x, 1.0, 0.0), "one comparison"),
    (lambda s, u, p, xp: xp.where((s.x > 0.0) & (s.x < 1.0), 1.0, 0.0), "nest xp.where"),
    (lambda s, u, p, xp: s.x * (s.x > 0.0), "not a number"),
    (lambda s, u, p, xp: (s.x > 0.0) * s.x, "not a number"),
    (lambda s, u, p, xp: xp.where(s.x == 0.0, 1.0, 0.0), "equality"),
    (lambda s, u, p, xp: s.x * float(s.y), "Python number"),
    (lambda s, u, p, xp: s.x + np.ones((3, 1)), "arrays belong into the parameters"),
    (lambda s, u, p, xp: s.x + "1", "str cannot be part"),
]


@pytest.mark.parametrize(("law", "words"), REFUSED)
def test_what_cannot_be_traced_is_refused_with_its_line(law, words):
    with pytest.raises(TraceError, match=words) as caught:
        make_engine("fused", of_x(law), PARAMS)
    file, line, _ = str(caught.value).split(":", 2)
    assert file == __file__
    source, first = inspect.getsourcelines(law)
    assert first <= int(line) < first + len(source)


def test_results_of_the_wrong_shape_or_kind_are_refused():
    with pytest.raises(TraceError, match=rf"{__file__}:\d+: sweep gives state field 'x' 2 rows where it has 3"):
        make_engine("fused", of_x(lambda s, u, p, xp: 2.0 * u.v), PARAMS)
    with pytest.raises(TraceError, match="sweep returned a NoneType where a State is expected"):
        make_engine("fused", model(lambda *_: None), PARAMS)
    with pytest.raises(TraceError, match=r"must return \(state, held\)"):
        make_engine("fused", model(lambda s, *_: s, begin=lambda s, *_: s), PARAMS)


def test_a_symbol_of_an_older_trace_is_refused():
    kept = []

    def law(s, u, p, xp):
        kept.append(s.x)
        return kept[0] + s.x

    make_engine("numpy", of_x(law), PARAMS)  # keeps nothing that hurts
    with pytest.raises(TraceError, match="another trace"):
        make_engine("fused", of_x(law), PARAMS)


def assert_engines_agree(m, params=PARAMS, interval=2.0, num_envs=3, but=()):
    rng = np.random.default_rng(0)
    state, inputs = rng.uniform(0.5, 2.0, (4, num_envs)), rng.uniform(0.5, 2.0, (5, num_envs))
    engines = every_engine(m, params, substeps=2)
    expected = engines.pop("numpy").step(state, inputs, interval)
    for name, engine in engines.items():
        if name not in but:
            assert_allclose(engine.step(state, inputs, interval), expected, rtol=1e-13, err_msg=name)


ACCEPTED = [
    lambda s, u, p, xp: 1.5,
    lambda s, u, p, xp: p.p,
    lambda s, u, p, xp: p.p * p.q[0:1] + p.p[-1:],
    lambda s, u, p, xp: u.u,
    lambda s, u, p, xp: s.y,
    twice_negated,
    lambda s, u, p, xp: (-s.x) + u.u,
    lambda s, u, p, xp: +s.x / s.y + u.u / s.y,
    lambda s, u, p, xp: 1.0 / s.x + 2.0 / s.x,
    lambda s, u, p, xp: xp.matmul(p.m, u.v) + xp.sum(xp.matmul(p.m.T, s.x), 0, keepdims=True),
    lambda s, u, p, xp: xp.matmul(p.m, xp.matmul(p.m.T, p.p)) * s.y,
    lambda s, u, p, xp: xp.max(s.x, 0, keepdims=True) - xp.max(-s.x, axis=0, keepdims=True),
    lambda s, u, p, xp: xp.sum(s.x * u.u, 0, keepdims=True) + xp.sum(p.p, 0, keepdims=True),
    lambda s, u, p, xp: xp.where(p.p > p.q - 2.5, s.x, xp.where(s.x <= u.u, p.p, 0.25)),
    lambda s, u, p, xp: s.x * u.u - p.p * s.y + s.x * s.x * u.u,
    lambda s, u, p, xp: (s.x * u.u) * 2.0 - (s.x * u.u),
    lambda s, u, p, xp: s.x * s.x - (s.y - s.x * u.u),
    lambda s, u, p, xp: sum(x * 1.0 for x in (s.x, 0.0 + u.u)) / 1.0 - 0.0,
    lambda s, u, p, xp: xp.where(1.0 > 0.0, s.x, u.u) + xp.where(1.0 < 0.0, s.x, u.u),
    lambda s, u, p, xp: s.x * (xp.exp(xp.sqrt(2.0)) + xp.log(3.0) + xp.tanh(1.0) + xp.maximum(1.0, 2.0)),
]


@pytest.mark.parametrize("law", ACCEPTED)
def test_laws_give_what_numpy_gives(law):
    assert_engines_agree(of_x(law))


@pytest.mark.parametrize("law", ACCEPTED)
def test_laws_give_what_numpy_gives_where_parameters_differ_between_environments(law):
    rng = np.random.default_rng(1)
    own = PARAMS._replace(p=rng.uniform(1, 2, (3, 3)), q=rng.uniform(1, 2, (1, 3)))
    assert_engines_agree(of_x(law), own)


def test_numbers_of_numpy_count_as_numbers_where_a_law_is_traced():
    law = of_x(lambda s, u, p, xp: np.float64(2.0) * s.x + np.array(3.0) - np.ones((1, 1)))
    assert_engines_agree(law, but=["torch"])  # NumPy would turn the tensors into arrays


@pytest.mark.parametrize("columns", [1, 2, 5, 8, 70, 131])
@pytest.mark.parametrize("rows", [1, 2, 3, 4, 9])
@pytest.mark.parametrize("lanes", [1, 4, 16])
def test_products_with_matrices_of_any_size(rows, columns, lanes):
    class Rows(NamedTuple):
        x: Any

    m = Model(
        begin=lambda s, u, p, interval, xp: (Rows(xp.matmul(p.x, u.x)), None),
        sweep=lambda s, *_: s,
        monitor=lambda s, *_: s,
        state=Rows,
        inputs=Rows,
        params=Rows,
        state_rows={"x": rows},
        input_rows={"x": columns},
        matrices=frozenset({"x"}),
    )
    from dcsim.engines.fused import FusedEngine

    rng = np.random.default_rng(0)
    matrix, x = rng.normal(size=(rows, columns)), rng.normal(size=(columns, 5))
    engine = FusedEngine(m, Rows(matrix), lanes=lanes)
    for other in (engine, *every_engine(m, Rows(matrix)).values()):
        assert_allclose(other.step(np.zeros((rows, 5)), x, 1.0), matrix @ x, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("rows", [2, 3, 7, 20, 64, 77, 150])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_rows_in_lanes_give_the_bits_of_environments_in_lanes(rows, dtype):
    def sweep(s, u, h, p, dt, xp):
        mean = xp.sum(s.x * u.x, 0, keepdims=True) / rows
        top = xp.max(p.x - s.x, 0, keepdims=True)
        return s._replace(x=s.x + dt * xp.tanh(mean - u.x) * top + xp.sum(xp.exp(-s.x), 0, keepdims=True) / rows)

    class Rows(NamedTuple):
        x: Any

    m = Model(
        lambda s, u, p, interval, xp: (s, None), sweep, lambda s, *_: s, Rows, Rows, Rows, {"x": rows}, {"x": rows}
    )
    from dcsim.engines.fused import FusedEngine

    rng = np.random.default_rng(2)
    x, u, p = rng.normal(size=(3, rows, 5))
    own, wide = (
        FusedEngine(m, Rows(p[:, :1]), substeps=3, dtype=dtype, lanes=lanes).step(x, u, 1.0) for lanes in (1, 8)
    )
    assert_array_equal(own, wide)
    reference = make_engine("numpy", m, Rows(p[:, :1]), substeps=3).step(x, u, 1.0)
    assert_allclose(own, reference, rtol=1e-12 if dtype == "float64" else 1e-4, atol=1e-4 if dtype == "float32" else 0)


def test_equal_expressions_are_computed_once_and_what_is_known_earlier_is_not_swept():
    def sweep(s, u, h, p, dt, xp):
        rate = dt / p.p  # known before the kernel runs
        held = xp.exp(u.u)  # known for the control step
        twice = xp.exp(s.x) + xp.exp(s.x)
        return s._replace(x=s.x * rate + held + twice)

    engine = make_engine("fused", model(sweep), PARAMS)
    assert engine.stats["transcendental"] == 3
    assert engine.stats["divisions"] == 0
    # s.x * rate, + held, exp + exp, + twice
    assert engine.stats["elementwise"] == 4 * 3
    assert engine.stats["symbols"] == 5


def test_untouched_fields_cost_nothing():
    class Wide(NamedTuple):
        x: Any
        serial: Any

    def law(s, u, h, p, dt, xp):
        return s._replace(x=0.5 * s.x)

    m = model(law)._replace(state=Wide, state_rows={"x": 3, "serial": 100})
    engine = make_engine("fused", m, PARAMS)
    engine.prepare(64)
    ((lanes, code),) = engine._emitted.items()
    # x now and in the three buffers of the sweeps
    assert code.workspace_bytes == 4 * 3 * lanes * 8


def test_bounds_that_parameters_alone_make_meaningless_are_refused():
    engine = make_engine("fused", of_x(lambda s, u, p, xp: xp.maximum(s.x, xp.log(p.p - 10.0))), PARAMS)
    with pytest.raises(ValueError, match=rf"{__file__}:\d+.*not a number"), np.errstate(invalid="ignore"):
        engine.step(np.ones((4, 1)), np.ones((5, 1)), 1.0)


def test_what_does_not_depend_on_the_interval_is_computed_on_the_host_once():
    seen = []

    def sweep(s, u, h, p, dt, xp):
        return s._replace(x=s.x * (p.p * 2.0 + dt))

    program = simplified(trace(model(sweep), PARAMS))
    wanted = [a for x in program.sweep.values() for a in x.operands if a.level == 0]
    values = HostValues(wanted, PARAMS)
    for time_step in (1.0, 2.0):
        seen.append(values(300.0, time_step)[0])
    assert_allclose(seen[1] - seen[0], 1.0)
    assert [x.op for x in values._varying] == ["leaf", "add"]
