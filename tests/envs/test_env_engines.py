"""Environments on any engine; and the gradient of their control step, from torch, against differences of the fused engine."""

import gymnasium as gym
import numpy as np
import pytest
from numpy.testing import assert_allclose

import dcsim
from dcsim.engines import make_engine
from dcsim.plant.run import hall_model

SWITCHES = ("_on", "mode", "available", "_time", "_period", "request", "enabled", "called", "tripped", "protection",
            "control", "call")  # fmt: skip
COUNTS = ("count", "order", "curve", "node", "number", "slot", "zone", "_min", "_max")
STEP = 1e-6  # of a difference, relative


@pytest.mark.slow
def test_an_environment_on_torch_does_what_the_fused_engine_does():
    seen = {}
    for engine in ("fused", "torch"):
        env = gym.make("dcsim/Edge-v0", engine=engine, start="2023-07-01")
        env.action_space.seed(0)
        observation, _ = env.reset(seed=0)
        steps = [(observation, 0.0), *(env.step(env.action_space.sample())[:2] for _ in range(4))]
        seen[engine] = [np.append(observation, reward) for observation, reward in steps]
    assert_allclose(seen["torch"], seen["fused"], rtol=1e-6, atol=1e-6)  # observations are float32


@pytest.fixture(scope="module", params=dcsim.ids())
def moment(request):
    """A hall with the state and inputs of eight environments some steps after a reset."""
    env = gym.make_vec(request.param, num_envs=8)
    env.action_space.seed(0)
    env.reset(seed=0)
    for _ in range(6):
        env.step(env.action_space.sample())
    batch = env.unwrapped.batch
    inputs = [batch.view(f"input.{name}") for name in batch.config.hall.input_rows]
    return batch.config, np.concatenate(batch.state), np.concatenate(inputs)


def drawn(rng, rows, values, fixed):
    """A random direction, in which what counts or switches does not move."""
    size = np.maximum(np.abs(values), 1e-3)
    direction = rng.normal(size=values.shape) * size
    for name, part in rows.items():
        if any(word in name for word in fixed):
            direction[part] = 0.0
    return direction


@pytest.mark.parametrize("moved", ["state and inputs", "parameters"])
def test_the_gradient_of_a_step_equals_central_differences_where_it_has_one(moment, moved):
    """Switches and clips leave some results without a derivative: those whose one-sided differences are unlike."""
    import torch

    config, state, inputs = moment
    model, given, interval = hall_model(config.hall), config.hall.params, config.control_interval_s
    engines = [make_engine(name, model, given, substeps=config.substeps) for name in ("fused", "torch")]
    rng = np.random.default_rng(1)
    if moved == "parameters":
        directions = [np.zeros_like(state), np.zeros_like(inputs)]
        for name, value in given._asdict().items():
            is_fixed = any(word in name for word in COUNTS)
            directions.append(rng.normal(size=value.shape) * value * (not is_fixed))
    else:
        directions = [
            drawn(rng, engines[0].state_slices, state, SWITCHES),
            drawn(rng, engines[0].input_slices, inputs, SWITCHES),
            *(np.zeros_like(value) for value in given),
        ]

    def after(step):
        s, u, *p = (value + step * along for value, along in zip((state, inputs, *given), directions, strict=True))
        return engines[0].with_params(model.params(*p)).step(s, u, interval)

    now, left, right = after(0.0), after(-STEP), after(STEP)
    expected = (right - left) / (2.0 * STEP)
    size = np.maximum(np.abs(expected).max(1, keepdims=True), 1e-2 * np.maximum(np.abs(now).max(1, keepdims=True), 1.0))
    is_smooth = np.abs(right + left - 2.0 * now) / STEP < 1e-4 * size
    assert is_smooth.mean() > 0.5  # idle zones and closed valves sit on their bounds
    weights = is_smooth * rng.normal(size=now.shape) / size

    s, u, *p = (torch.tensor(value, requires_grad=True) for value in (state, inputs, *given))
    result = engines[1].with_params(model.params(*p)).step(s, u, interval)
    gradients = torch.autograd.grad(
        (torch.tensor(weights) * result).sum(), (s, u, *p), allow_unused=True, materialize_grads=True
    )
    assert all(torch.isfinite(gradient).all() for gradient in gradients)
    found = sum((g.numpy() * along).sum() for g, along in zip(gradients, directions, strict=True))
    assert found == pytest.approx((weights * expected).sum(), abs=1e-5 * np.abs(weights * expected).sum())
