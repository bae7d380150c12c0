"""Control steps in torch's graph: gradients reach state, inputs and parameters, over many steps and in little memory."""

import tracemalloc

import engine_toy as toy
import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from dcsim.engines.fused import FusedEngine
from dcsim.engines.gradients import rollout, step

N, STEPS = 3, 7


def leaf(x):
    return torch.tensor(x, dtype=torch.float64, requires_grad=True)


def toy_case(seed=0, num_envs=N, steps=STEPS, own=("lag",)):
    rng = np.random.default_rng(seed)
    params, state = toy.make_params(rng, num_envs, own), toy.make_state(rng, num_envs)
    inputs = np.stack([toy.make_inputs(rng, num_envs) for _ in range(steps)])
    return FusedEngine(toy.MODEL, params, substeps=2), params, state, inputs


def test_gradcheck_passes_on_a_step():
    rng = np.random.default_rng(1)
    engine, params, state, inputs = toy_case(1, 1, 1)
    slices = engine.state_slices
    state[slices["setpoint"]] = inputs[0, engine.input_slices["setpoint"]] + rng.uniform(-1.0, 1.0, (toy.UNITS, 1))
    names = toy.Params._fields
    # all of order one, so that gradcheck's step of 1e-6 suits all
    scales = [torch.tensor(np.abs(x).max()) for x in (state, inputs, *params)]

    def scaled(*tensors):
        s, u, *p = (x * scale for x, scale in zip(tensors, scales, strict=True))
        return step(engine, s, u[0], 300.0, toy.Params(*p)) / torch.tensor(
            np.abs(state).max(axis=1, keepdims=True) + 1e3
        )

    variables = [leaf(x / scale.numpy()) for x, scale in zip((state, inputs, *params), scales, strict=True)]
    assert len(variables) == 2 + len(names)
    assert torch.autograd.gradcheck(scaled, variables, eps=1e-6, atol=1e-7, rtol=1e-5)


def test_gradcheck_passes_on_a_rollout():
    engine, _, state, inputs = toy_case(2, 2, 3)

    def late(s, u):
        out = rollout(engine, 20.0 * s, u, 300.0, fields=("energy", "server"), keep_every=2)
        return out.fields["energy"] / 1e5, out.fields["server"], out.state[:10]

    assert torch.autograd.gradcheck(late, (leaf(state / 20.0), leaf(inputs)), eps=1e-6, atol=1e-6, rtol=1e-5)


def test_a_rollout_is_the_steps_of_the_engine():
    engine, _, state, inputs = toy_case()
    out = rollout(engine, torch.tensor(state), torch.tensor(inputs), 300.0, fields=("water", "server"))
    now = state
    for t in range(STEPS):
        now = engine.step(now, inputs[t], 300.0)
        for name in ("water", "server"):
            assert_array_equal(out.fields[name][t].numpy(), now[engine.state_slices[name]])
    assert_array_equal(out.state.numpy(), now)


def test_a_rollout_has_the_gradients_of_its_steps():
    engine, params, state, inputs = toy_case()
    weights = torch.tensor(np.random.default_rng(3).normal(size=(STEPS, toy.RACKS, N)))
    results = []
    for run in (rolled, stepped):
        s, u, p = leaf(state), leaf(inputs), toy.Params(*(leaf(x) for x in params))
        servers, last = run(engine, s, u, p)
        total = (weights * servers).sum() + last[7:11].square().sum()
        results.append(torch.autograd.grad(total, [s, u, *p], allow_unused=True, materialize_grads=True))
    for found, expected in zip(*results, strict=True):
        scale = float(expected.abs().max())
        assert_allclose(found.numpy(), expected.numpy(), rtol=1e-11, atol=1e-11 * scale)


def rolled(engine, s, u, p):
    out = rollout(engine, s, u, 300.0, p, fields=("server",))
    return out.fields["server"], out.state


def stepped(engine, s, u, p):
    servers = []
    for inputs in u:
        s = step(engine, s, inputs, 300.0, p)
        servers.append(s[engine.state_slices["server"]])
    return torch.stack(servers), s


@pytest.mark.parametrize("keep_every", [2, 3, STEPS, 100])
def test_how_many_states_are_kept_does_not_change_a_bit(keep_every):
    engine, params, state, inputs = toy_case()
    results = []
    for k in (1, keep_every):
        s, u, p = leaf(state), leaf(inputs), toy.Params(*(leaf(x) for x in params))
        out = rollout(engine, s, u, 300.0, p, fields=("energy",), keep_every=k)
        results.append(torch.autograd.grad(out.fields["energy"].sum(), [s, u, *p], allow_unused=True))
    for found, expected in zip(*results, strict=True):
        assert (found is None) == (expected is None)
        if found is not None:
            assert_array_equal(found.numpy(), expected.numpy())


def test_memory_is_that_of_the_states_kept_and_of_those_between_two_of_them():
    num_envs, steps = 400, 60
    engine, _, state, inputs = toy_case(5, num_envs, steps, ())
    s, u = torch.tensor(state), leaf(inputs)
    state_bytes = state.nbytes
    for keep_every in (1, 4, 15):
        rollout(engine, s, u[:1], 300.0).state.sum().backward()  # compiled, and its workspace made
        tracemalloc.start()
        out = rollout(engine, s, u, 300.0, fields=("water",), keep_every=keep_every)
        between = tracemalloc.get_traced_memory()[0]
        outputs = out.fields["water"].detach().numpy().nbytes + state_bytes
        tracemalloc.reset_peak()
        out.fields["water"].sum().backward()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        kept = -(-steps // keep_every) * state_bytes
        assert between <= kept + outputs + 2 * state_bytes
        assert peak <= between + (keep_every + 3) * state_bytes + 2 * inputs.nbytes


def test_only_what_asks_for_a_gradient_gets_one():
    engine, params, state, inputs = toy_case()
    p = toy.Params(**{name: leaf(x) if name == "flow" else x for name, x in params._asdict().items()})
    s, u = torch.tensor(state), torch.tensor(inputs)
    out = rollout(engine, s, u, 300.0, p, fields=("energy",))
    out.fields["energy"].sum().backward()
    assert s.grad is None and u.grad is None
    assert p.flow.grad is not None and p.flow.grad.shape == p.flow.shape and p.flow.grad.abs().min() > 0.0
    plain = rollout(engine, s, u, 300.0, params, fields=("energy",))
    assert not plain.state.requires_grad


def test_tensors_of_other_types_get_gradients_of_their_type():
    engine, _, state, inputs = toy_case()
    u = torch.tensor(inputs, dtype=torch.float32, requires_grad=True)
    out = rollout(engine, torch.tensor(state), u, 300.0, fields=("energy",))
    (found,) = torch.autograd.grad(out.fields["energy"].sum(), u)
    exact = leaf(inputs)
    (expected,) = torch.autograd.grad(
        rollout(engine, torch.tensor(state), exact, 300.0, fields=("energy",)).fields["energy"].sum(), exact
    )
    assert found.dtype == torch.float32
    assert_allclose(found.numpy(), expected.numpy(), rtol=1e-3, atol=1e-4 * float(expected.abs().max()))


def test_parameters_may_come_from_what_is_fitted():
    engine, params, state, inputs = toy_case()
    factor = leaf(np.array(1.0))
    p = params._replace(conductance=torch.tensor(params.conductance) * factor)
    out = rollout(engine, torch.tensor(state), torch.tensor(inputs), 300.0, p, fields=("server",))
    out.fields["server"].mean().backward()

    def mean(share):
        other = engine.with_params(params._replace(conductance=share * params.conductance))
        now, total = state, 0.0
        for u in inputs:
            now = other.step(now, u, 300.0)
            total += now[engine.state_slices["server"]].mean() / STEPS
        return total

    assert_allclose(float(factor.grad), (mean(1.0 + 1e-5) - mean(1.0 - 1e-5)) / 2e-5, rtol=1e-6)


def test_a_second_derivative_is_refused():
    engine, _, state, inputs = toy_case()
    u = leaf(inputs)
    total = rollout(engine, torch.tensor(state), u, 300.0).state.square().sum()
    (first,) = torch.autograd.grad(total, u, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        first.sum().backward()


def test_gradients_of_parameters_are_arrays_of_their_own():
    engine, params, state, inputs = toy_case(9, 2, 3, ())
    p = toy.Params(*(leaf(x) for x in params))
    rollout(engine, torch.tensor(state), torch.tensor(inputs), 300.0, p).state.sum().backward()
    places = {x.grad.data_ptr() for x in p}
    assert len(places) == len(p)
    before = [x.grad.clone() for x in p]
    for x in p:
        x.grad.mul_(2.0)  # as an optimizer may
    for x, expected in zip(p, before, strict=True):
        assert_array_equal(x.grad.numpy(), 2.0 * expected.numpy())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"fields": ("heat",)}, "no state field 'heat'"),
        ({"keep_every": 0}, "keep_every"),
        ({"inputs": torch.zeros(12, 3)}, "inputs: expected a tensor of shape"),
        ({"inputs": torch.zeros(2, 5, 3)}, "inputs: expected an array of shape"),
        ({"state": torch.zeros(5, 3)}, "state: expected an array of shape"),
    ],
)
def test_what_cannot_be_meant_is_refused(change, words):
    engine, _, state, inputs = toy_case()
    given = {"state": torch.tensor(state), "inputs": torch.tensor(inputs), **change}
    with pytest.raises(ValueError, match=words):
        rollout(engine, interval=300.0, **given)
