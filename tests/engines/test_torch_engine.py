"""The torch engine on tensors: kinds, gradients, and which way it goes."""

import engine_toy as toy
import numpy as np
import pytest
import torch
from every_engine import COMPILER, NAMES, PlainCudaEngine, engine_of, every_engine
from numpy.testing import assert_allclose, assert_array_equal

from dcsim.engines import make_engine
from dcsim.engines.torch_engine import TorchEngine
from dcsim.engines.torch_namespace import TorchNamespace

XP = TorchNamespace(torch.float64)
TORCH_NAMES = [name for name in NAMES if name in ("torch", "cuda")]
OWN = ("capacity", "flow", "lag", "curve")


def case(seed=0, count=5, own=()):
    rng = np.random.default_rng(seed)
    return toy.make_params(rng, count, own), toy.make_state(rng, count), toy.make_inputs(rng, count)


def tensors(values, dtype=torch.float64, **options):
    return [torch.tensor(value, dtype=dtype, **options) for value in values]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", TORCH_NAMES)
@pytest.mark.parametrize("own", [(), OWN])
def test_tensors_give_tensors_of_the_same_kind_with_the_numbers_of_arrays(name, dtype, own):
    params, state, inputs = case(own=own)
    engine = engine_of(name, toy.MODEL, params, dtype=dtype)
    expected = engine.step(state, inputs, 300.0)
    s, u = tensors((state, inputs), getattr(torch, dtype))
    new = engine.step(s, u, 300.0)
    assert new.dtype == getattr(torch, dtype)
    assert new.device == torch.device("cpu")
    assert new.data_ptr() not in (s.data_ptr(), u.data_ptr())
    assert_array_equal(s, state.astype(dtype))
    kept = engine.state_slices["serial"]
    assert_array_equal(new[kept], s[kept])
    expected[kept] = s[kept]  # of arrays all their digits are kept
    assert_array_equal(new, expected)
    # rows of another layout, in which torch sums up in another order; a new state that is written over the old one
    other = torch.empty_like(s)
    assert engine.step(s.T.contiguous().T, u, 300.0, out=other) is other
    assert_allclose(other, new, rtol=1e-12 if dtype == "float64" else 1e-5)
    assert engine.step(s, u, 300.0, out=s) is s
    assert_array_equal(s, new)
    wide = torch.zeros((len(s), 10), dtype=s.dtype)
    engine.step(*tensors((state, inputs), s.dtype), 300.0, out=wide[:, ::2])
    assert_array_equal(wide[:, ::2], new)
    assert not wide[:, 1::2].any()


@pytest.mark.parametrize("name", TORCH_NAMES)
def test_tensors_of_another_kind_and_mixtures_are_refused(name):
    params, state, inputs = case()
    engine = engine_of(name, toy.MODEL, params)
    s, u = tensors((state, inputs))
    with pytest.raises(ValueError, match=r"state: expected a tensor of torch.float64 on cpu, got torch.float32 on cpu"):
        engine.step(s.float(), u, 300.0)
    with pytest.raises(ValueError, match=r"inputs: expected a tensor .* got ndarray"):
        engine.step(s, inputs, 300.0)
    with pytest.raises(ValueError, match=r"inputs: expected a tensor .* on cpu, got torch.float64 on meta"):
        engine.step(s, u.to("meta"), 300.0)
    with pytest.raises(ValueError, match=r"out: expected a tensor .* got ndarray"):
        engine.step(s, u, 300.0, out=state)
    with pytest.raises(ValueError, match=r"state: .*shape \(29, 5\), got shape"):
        engine.step(s[:-1], u, 300.0)
    with pytest.raises(ValueError, match=r"inputs: expected an array, .* got a tensor"):
        engine.step(state, u, 300.0)
    with pytest.raises(ValueError, match=r"out: expected an array, .* got a tensor"):
        engine.step(state, inputs, 300.0, out=s)
    with pytest.raises(ValueError, match=r"params.lag: expected a tensor of torch.float64"):
        engine.with_params(params._replace(lag=torch.ones((1, 1), dtype=torch.float32)))
    with pytest.raises(ValueError, match=r"params\.limit is given for 3 environments, params\.lag for 2"):
        wide = {"lag": torch.ones((1, 2)).double(), "limit": torch.ones((1, 3)).double()}
        engine.with_params(params._replace(**wide))


def test_devices_that_are_not_there_are_refused_with_one_line():
    params, *_ = case()
    assert make_engine("torch:cpu", toy.MODEL, params).name == make_engine("torch", toy.MODEL, params).name == "torch"
    for name in ("torch:cuda:99", "torch:nowhere", "torch:meta"):
        with pytest.raises(ValueError, match=r"no device '.+' for torch here: ") as caught:
            make_engine(name, toy.MODEL, params)
        assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match=r"no engine 'torch:'; did you mean 'torch'"):
        make_engine("torch:", toy.MODEL, params)


@pytest.mark.parametrize("own", [(), OWN])
def test_the_gradient_with_respect_to_state_inputs_and_parameters_equals_central_differences(own):
    params, state, inputs = case(3, 2, own)
    engine = make_engine("torch", toy.MODEL, params, substeps=2)
    given = tensors((state, inputs, *params), requires_grad=True)
    given[0] = given[0].detach()
    given[0].requires_grad = True

    def step(s, u, *p):
        # what only ever adds up is of another size
        return engine.with_params(toy.Params(*p)).step(s, u, 300.0)[: engine.state_slices["energy"].start]

    assert torch.autograd.gradcheck(step, given, eps=1e-6, atol=1e-6, rtol=1e-5, nondet_tol=0.0)


@pytest.mark.skipif(not COMPILER, reason="no C++ compiler")
def test_whatever_autograd_follows_takes_no_kernel_and_all_else_does():
    params, state, inputs = case()
    engine = PlainCudaEngine(toy.MODEL, params)
    reference = TorchEngine(toy.MODEL, params)
    s, u = tensors((state, inputs))
    engine.step(s, u, 300.0)
    launched = engine.kernel.launched
    assert launched == [(1, 32)]
    for followed in range(3):
        for step in (engine, reference):
            values = [x.clone().requires_grad_(k == followed) for k, x in enumerate((s, u, torch.tensor(params.lag)))]
            bound = step.with_params(params._replace(lag=values[2])) if followed == 2 else step
            total = bound.step(*values[:2], 300.0).sum()
            (gradient,) = torch.autograd.grad(total, values[followed])
            if step is engine:
                found = gradient
        assert_array_equal(found, gradient)
        assert len(launched) == 1
    with torch.no_grad():
        new = engine.step(s.clone().requires_grad_(), u, 300.0)
    assert len(launched) == 2
    assert not new.requires_grad


@pytest.mark.skipif(not COMPILER, reason="no C++ compiler")
# torch itself uses what it calls deprecated as soon as it differentiates forward
@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")
def test_forward_derivatives_equal_reverse_ones_and_take_no_kernel():
    params, state, inputs = case()
    engine = PlainCudaEngine(toy.MODEL, params)
    s, u, along = tensors((state, inputs, np.ones_like(state)))
    with torch.autograd.forward_ad.dual_level():
        new = engine.step(torch.autograd.forward_ad.make_dual(s, along), u, 300.0)
        found = torch.autograd.forward_ad.unpack_dual(new).tangent
    _, expected = torch.autograd.functional.jvp(lambda s: engine.step(s, u, 300.0), s, along)
    assert_allclose(found, expected, rtol=1e-9, atol=1e-9)
    assert engine.kernel is None


@pytest.mark.skipif(not COMPILER, reason="no C++ compiler")
def test_a_kernel_has_a_thread_for_every_environment_and_serves_all_parameters_of_its_shapes():
    params, state, inputs = case(count=70)
    other = toy.make_params(np.random.default_rng(9))
    engine = PlainCudaEngine(toy.MODEL, params)
    reference = make_engine("numpy", toy.MODEL, other)
    engine.step(state, inputs, 300.0)
    second = engine.with_params(other)
    for values in (second, engine.with_params(toy.Params(*tensors(other)))):
        assert_allclose(values.step(state, inputs, 300.0), reference.step(state, inputs, 300.0), rtol=1e-12, atol=1e-15)
    assert second.kernel is engine.kernel
    assert engine.kernel.launched == [(3, 32)] * 3


@pytest.mark.parametrize("own", [(), ("lag",)])
@pytest.mark.parametrize("name", TORCH_NAMES)
def test_parameters_that_are_changed_in_place_are_the_ones_that_are_used(name, own):
    params, state, inputs = case(own=own)
    lag = torch.tensor(params.lag, requires_grad=True)
    engine = engine_of(name, toy.MODEL, params).with_params(params._replace(lag=lag))
    engine.step(state, inputs, 300.0)
    with torch.no_grad():
        lag *= 2.0
    expected = make_engine("numpy", toy.MODEL, params._replace(lag=2.0 * params.lag)).step(state, inputs, 300.0)
    assert_allclose(engine.step(state, inputs, 300.0), expected, rtol=1e-12, atol=1e-15)


def test_float32_stays_as_near_to_float64_on_torch_as_on_numpy():
    params, state, inputs = case(2, 40)
    exact = make_engine("numpy", toy.MODEL, params).step(state, inputs, 300.0)
    engines = every_engine(toy.MODEL, params, dtype="float32")
    errors = {
        name: np.abs(engine.step(state, inputs, 300.0) / np.where(exact, exact, 1.0) - 1.0).max(
            1, where=exact != 0.0, initial=0.0
        )
        for name, engine in engines.items()
    }
    for name in TORCH_NAMES:
        assert (errors[name] <= 4.0 * errors["numpy"] + 4.0 * np.finfo(np.float32).eps).all(), name


def test_functions_do_what_numpys_do_with_ties_and_nan():
    x, y = np.array([[1.0, np.nan, 2.0, 3.0, np.inf]]), np.array([[2.0, 1.0, np.nan, 3.0, -np.inf]])
    a, b = tensors((x, y))
    for name in ("maximum", "minimum"):
        assert_array_equal(getattr(XP, name)(a, b), getattr(np, name)(x, y))
        assert_array_equal(getattr(XP, name)(a, 2.5), getattr(np, name)(x, 2.5))
        assert_array_equal(getattr(XP, name)(2.5, b), getattr(np, name)(2.5, y))
    both, pair = np.concatenate([x, y]), torch.cat([a, b])
    assert_array_equal(XP.max(pair, 0, keepdims=True), np.max(both, 0, keepdims=True))
    assert_array_equal(XP.sum(pair[:, :4], 0, keepdims=True), np.sum(both[:, :4], 0, keepdims=True))
    assert_array_equal(XP.where(a > b, 1.0, 0.0), np.where(x > y, 1.0, 0.0))
    assert_array_equal(XP.where(a > b, a, 0.0), np.where(x > y, x, 0.0))
    assert_array_equal(XP.where(np.bool_(False), a, b), y)
    assert XP.where(a > b, 1.0, 0.0).dtype == torch.float64
    assert TorchNamespace(torch.float32).maximum(1.0, 2.0).dtype == torch.float32


def test_a_tie_shares_its_gradient_evenly():
    def slope(law, *at):
        x = [torch.tensor([[v]], dtype=torch.float64, requires_grad=True) for v in at]
        return [float(g) for g in torch.autograd.grad(law(*x).sum(), x)]

    assert slope(lambda x: XP.maximum(x, 1.0), 1.0) == [0.5]
    assert slope(lambda x: XP.minimum(1.0, x), 1.0) == [0.5]
    assert slope(lambda x, y: XP.maximum(x, y), 3.0, 3.0) == [0.5, 0.5]
    assert slope(lambda x, y: XP.max(torch.cat([x, y, y - 1.0]), 0, keepdims=True), 3.0, 3.0) == [0.5, 0.5]
    assert slope(lambda x: XP.where(x > 1.0, 3.0 * x, 2.0 * x), 1.0) == [2.0]
