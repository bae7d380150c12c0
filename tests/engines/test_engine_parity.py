"""All engines do what the NumPy engine does; an environment does not feel the batch it is in."""

import os
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import engine_toy as toy
import numpy as np
import pytest
from every_engine import NAMES, engine_of, every_engine
from numpy.testing import assert_allclose, assert_array_equal

from dcsim.engines import make_engine
from dcsim.engines.fused import FusedEngine

OWN = [(), ("capacity", "flow", "lag", "curve"), ("conductance", "idle", "water_capacity", "limit", "release", "rate")]
SCALE = 1e-3  # what counts as small in a state of order 1 to 1e6


def run(engine, state, inputs, interval=300.0):
    for u in inputs:
        state = engine.step(state, u, interval)
    return state


@pytest.mark.parametrize("own", OWN)
@pytest.mark.parametrize("seed", range(4))
def test_engines_equal_the_numpy_engine_over_a_long_run(seed, own):
    rng = np.random.default_rng(seed)
    params = toy.make_params(rng, 13, own)
    state = toy.make_state(rng, 13)
    inputs = [toy.make_inputs(rng, 13) for _ in range(100)]
    found = {name: run(engine, state, inputs) for name, engine in every_engine(toy.MODEL, params).items()}
    for name, end in found.items():
        assert_allclose(end, found["numpy"], rtol=1e-12, atol=1e-12 * SCALE, err_msg=name)


@pytest.mark.parametrize("substeps", [1, 3, 10])
@pytest.mark.parametrize("interval", [60.0, 300.0])
def test_interval_and_substeps_may_change_from_call_to_call(interval, substeps):
    rng = np.random.default_rng(1)
    params, state, inputs = toy.make_params(rng), toy.make_state(rng, 5), toy.make_inputs(rng, 5)
    reference = make_engine("numpy", toy.MODEL, params).step(state, inputs, interval, substeps=substeps)
    for engine in every_engine(toy.MODEL, params).values():
        first = engine.step(state, inputs, 120.0)
        got = engine.step(state, inputs, interval, substeps=substeps)
        assert_allclose(got, reference, rtol=1e-12, atol=1e-15)
        assert_array_equal(engine.step(state, inputs, 120.0), first)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("own", OWN)
def test_an_environment_is_the_same_to_the_bit_alone_in_a_batch_and_for_any_lanes_and_threads(dtype, own):
    rng = np.random.default_rng(2)
    count = 71
    params = toy.make_params(rng, count, own)
    state, inputs = toy.make_state(rng, count), toy.make_inputs(rng, count)
    expected = FusedEngine(toy.MODEL, params, dtype=dtype).step(state, inputs, 300.0)
    for lanes in (1, 2, 4, 8, 16):
        for threads in (1, 3):
            engine = FusedEngine(toy.MODEL, params, dtype=dtype, lanes=lanes, threads=threads)
            assert_array_equal(engine.step(state, inputs, 300.0), expected)
    for i in (0, 17, count - 1):
        alone = toy.Params(*(x[:, i : i + 1] if f in own else x for f, x in params._asdict().items()))
        one = make_engine("fused", toy.MODEL, alone, dtype=dtype).step(state[:, i : i + 1], inputs[:, i : i + 1], 300.0)
        if not own:  # with own parameters the lone program is another one: what is common is computed on the host
            assert_array_equal(one[:, 0], expected[:, i])
        elif dtype == "float64":
            assert_allclose(one[:, 0], expected[:, i], rtol=1e-12, atol=1e-12 * SCALE)


def test_float32_is_close_to_float64():
    rng = np.random.default_rng(3)
    params, state = toy.make_params(rng), toy.make_state(rng, 9)
    inputs = [toy.make_inputs(rng, 9) for _ in range(10)]
    exact = run(make_engine("numpy", toy.MODEL, params), state, inputs)
    for engine in every_engine(toy.MODEL, params, dtype="float32").values():
        single = run(engine, state, inputs)
        assert single.dtype == np.float64
        for field in ("server", "air", "water", "speed", "hottest"):
            part = engine.state_slices[field]
            assert_allclose(single[part], exact[part], rtol=1e-4)


def test_untouched_fields_and_inputs_are_left_exactly_as_they_were():
    rng = np.random.default_rng(4)
    state, inputs = toy.make_state(rng, 6), toy.make_inputs(rng, 6)
    state[-1] = np.pi * np.arange(6)  # no float32
    for name in NAMES:
        for dtype in ("float64", "float32"):
            engine = engine_of(name, toy.MODEL, toy.make_params(rng), dtype=dtype)
            before = state.copy(), inputs.copy()
            new = engine.step(state, inputs, 300.0)
            assert_array_equal(state, before[0])
            assert_array_equal(inputs, before[1])
            assert_array_equal(new[-1], state[-1])


@pytest.mark.parametrize("name", NAMES)
def test_the_new_state_can_be_written_over_the_old(name):
    rng = np.random.default_rng(5)
    engine = engine_of(name, toy.MODEL, toy.make_params(rng))
    state, inputs = toy.make_state(rng, 11), toy.make_inputs(rng, 11)
    expected = engine.step(state, inputs, 300.0)
    other = np.empty_like(state)
    assert engine.step(state, inputs, 300.0, out=other) is other
    assert_array_equal(other, expected)
    assert engine.step(state, inputs, 300.0, out=state) is state
    assert_array_equal(state, expected)


@pytest.mark.parametrize("name", NAMES)
def test_arrays_of_other_layout_are_accepted_and_of_other_shape_refused(name):
    rng = np.random.default_rng(6)
    engine = engine_of(name, toy.MODEL, toy.make_params(rng))
    state, inputs = toy.make_state(rng, 8), toy.make_inputs(rng, 8)
    expected = engine.step(state, inputs, 300.0)
    assert_array_equal(engine.step(np.asfortranarray(state), inputs.T.copy().T, 300.0), expected)
    assert_array_equal(engine.step(state[:, ::2], inputs[:, ::2], 300.0), expected[:, ::2])
    with pytest.raises(ValueError, match=r"state.*shape"):
        engine.step(state[:-1], inputs, 300.0)
    with pytest.raises(ValueError, match=r"inputs.*shape"):
        engine.step(state, inputs[:, :3], 300.0)
    with pytest.raises(ValueError, match=r"out"):
        engine.step(state, inputs, 300.0, out=np.empty((state.shape[0], 9)))
    own = engine_of(name, toy.MODEL, toy.make_params(rng, 5, ("flow",)))
    with pytest.raises(ValueError, match="5 environments"):
        own.step(state, inputs, 300.0)
    for substeps, interval in ((0, 300.0), (10, 0.0), (10, float("nan"))):
        with pytest.raises(ValueError, match=r"substeps|interval"):
            engine.step(state, inputs, interval, substeps=substeps)


def test_two_models_and_two_parameter_sets_live_side_by_side():
    rng = np.random.default_rng(7)

    def slower(s, u, h, p, dt, xp):
        return toy.sweep(s, u, h, p, 0.5 * dt, xp)

    models = [toy.MODEL, toy.MODEL, toy.MODEL._replace(sweep=slower)]
    params = [toy.make_params(rng) for _ in models]
    engines = [make_engine("fused", m, p) for m, p in zip(models, params, strict=True)]
    state, inputs = toy.make_state(rng, 4), toy.make_inputs(rng, 4)
    for m, p, engine in zip(models, params, engines, strict=True):
        reference = make_engine("numpy", m, p).step(state, inputs, 300.0)
        assert_allclose(engine.step(state, inputs, 300.0), reference, rtol=1e-12, atol=1e-15)
    for name in NAMES:
        engine, other = (engine_of(name, toy.MODEL, p) for p in params[:2])
        before = engine.step(state, inputs, 300.0)
        assert_array_equal(engine.with_params(params[1]).step(state, inputs, 300.0), other.step(state, inputs, 300.0))
        own = toy.make_params(rng, 4, ("flow", "rate"))
        expected = engine_of(name, toy.MODEL, own).step(state, inputs, 300.0)
        assert_array_equal(engine.with_params(own).step(state, inputs, 300.0), expected)
        assert_array_equal(engine.step(state, inputs, 300.0), before)


def test_a_nan_in_one_environment_stays_there():
    rng = np.random.default_rng(8)
    state, inputs = toy.make_state(rng, 10), toy.make_inputs(rng, 10)
    clean = make_engine("fused", toy.MODEL, params := toy.make_params(rng)).step(state, inputs, 300.0)
    state[0, 3] = np.nan
    for name in NAMES:
        engine = engine_of(name, toy.MODEL, params)
        new = engine.step(state, inputs, 300.0)
        assert np.isnan(new[engine.state_slices["server"], 3]).all()
        assert np.isnan(new[engine.state_slices["hottest"], 3]).all()
        others = np.arange(10) != 3
        assert_allclose(new[:, others], clean[:, others], rtol=1e-12, atol=1e-15)


def test_calls_from_several_threads_do_not_disturb_each_other():
    rng = np.random.default_rng(9)
    engine = make_engine("fused", toy.MODEL, toy.make_params(rng))
    cases = [(toy.make_state(rng, n), toy.make_inputs(rng, n)) for n in (1, 3, 20, 64) * 5]
    expected = [engine.step(*case, 300.0) for case in cases]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(20):
            results = list(pool.map(lambda case: engine.step(*case, 300.0), cases))
            for got, wanted in zip(results, expected, strict=True):
                assert_array_equal(got, wanted)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_process_starts_threads_of_its_own():
    rng = np.random.default_rng(10)
    state, inputs = toy.make_state(rng, 200), toy.make_inputs(rng, 200)
    engine = make_engine("fused", toy.MODEL, toy.make_params(rng), threads=2)
    expected = engine.step(state, inputs, 300.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of what this test is about
        child = os.fork()
    if child == 0:
        os._exit(0 if np.array_equal(engine.step(state, inputs, 300.0), expected) else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_unknown_names_are_refused_with_the_nearest_choice():
    params = toy.make_params(np.random.default_rng(0))
    with pytest.raises(ValueError, match="did you mean 'numpy'"):
        make_engine("nunpy", toy.MODEL, params)
    with pytest.raises(ValueError, match="float64 or float32"):
        make_engine("fused", toy.MODEL, params, dtype="float16")


def test_parameters_that_cannot_be_meant_are_refused():
    params = toy.make_params(np.random.default_rng(0))
    for name in NAMES:
        with pytest.raises(ValueError, match=r"params\.lag.*shape"):
            engine_of(name, toy.MODEL, params._replace(lag=np.ones(3)))
        with pytest.raises(ValueError, match=r"params\.idle.*NaN"):
            engine_of(name, toy.MODEL, params._replace(idle=params.idle * np.nan))
        with pytest.raises(ValueError, match=r"params\.limit is given for 3 environments, params\.lag for 2"):
            engine_of(name, toy.MODEL, params._replace(lag=np.ones((1, 2)), limit=np.ones((1, 3))))


SPAWNED = """
import multiprocessing, sys
sys.path[:0] = {paths!r}
import numpy as np, engine_toy as toy
from dcsim.engines import make_engine

def total(seed):
    rng = np.random.default_rng(seed)
    engine = make_engine("fused", toy.MODEL, toy.make_params(rng))
    return float(engine.step(toy.make_state(rng, 3), toy.make_inputs(rng, 3), 300.0).sum())

if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.map(total, [5]) == [total(5)]
"""


def test_an_engine_can_be_made_in_a_spawned_process(tmp_path):
    here = Path(__file__).parent
    script = tmp_path / "spawned.py"
    script.write_text(SPAWNED.format(paths=[str(here), str(here.parent.parent)]))
    subprocess.run([sys.executable, str(script)], check=True, timeout=120)


def test_the_package_is_imported_without_the_compiler():
    code = "import sys, dcsim.engines; sys.exit('llvmlite' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2], timeout=60)


def test_work_is_counted_alike_by_all_engines():
    params = toy.make_params(np.random.default_rng(0))
    fused, *others = (engine.stats for engine in every_engine(toy.MODEL, params).values())
    assert all(other == fused for other in others)
    # mixing (UNITS, RACKS) once and its transpose twice
    assert fused["matmul_flops"] == 3 * 2 * toy.UNITS * toy.RACKS
    # tanh, log, exp and exp for each unit
    assert fused["transcendental"] == 4 * toy.UNITS
