"""The environment of tensors against the one of arrays: the same episodes and actions give the same numbers, on any engine."""

import gymnasium as gym
import numpy as np
import pytest
import torch
from every_engine import COMPILER, PlainCudaEngine
from numpy.testing import assert_allclose, assert_array_equal

import dcsim
from dcsim.engines import make_engine
from dcsim.envs import actions, config, readout
from dcsim.envs.torch_env import HallTorchEnv, make_torch
from dcsim.errors import InputError

ENTERPRISE, EDGE = dcsim.ids()[0], dcsim.ids()[3]
TRIPS = {"task": "crah-failure", "changes": {"limits.trip_inlet": 30.0}}


def assert_same(tensors, arrays, rtol):
    """Info or observations, and what ended; ``residual`` is a small difference of large numbers."""
    for name, value in arrays.items():
        if name in ("_final_obs", "_final_info"):
            assert_array_equal(tensors[name].cpu(), value)
        elif name == "final_info":
            assert_same(tensors[name], value, rtol)
        elif name == "final_obs":
            assert_allclose(tensors[name].cpu(), value, rtol=0.0, atol=max(rtol, 2e-7), err_msg=name)
        else:
            size = arrays["facility_power_w"].max() if name == "energy_residual_w" else 1e-3
            assert_allclose(tensors[name].cpu(), value, rtol=rtol, atol=rtol * size, err_msg=name)


def played(tensor_env, array_env, steps, rtol=1e-9, seed=3, refresh=0):
    """Play both with the same actions; returns how many episodes ended by the clock and by a trip."""
    rng = np.random.default_rng(0)
    ended = np.zeros(2, int)
    observation, info = tensor_env.reset(seed)
    expected, expected_info = array_env.reset(seed=seed)
    shape = (tensor_env.num_envs, *tensor_env.single_action_space.shape)
    for step in range(steps):
        assert_allclose(observation.cpu(), expected, rtol=0.0, atol=max(rtol, 2e-7))
        assert_same(info, expected_info, rtol)
        sent = rng.uniform(-1.2, 1.2, shape)
        tensors = tensor_env.step(torch.tensor(sent, device=tensor_env.device, dtype=tensor_env.dtype))
        expected, *results, expected_info = array_env.step(sent)
        observation, *found, info = tensors
        for value, other in zip(found, results, strict=True):
            assert_allclose(value.cpu(), other, rtol=rtol, atol=1e-3 * rtol)
        ended += [results[2].sum(), results[1].sum()]
        if refresh and step % refresh == 0:
            tensor_env.refresh()
    return ended


@pytest.mark.parametrize("env_id", dcsim.ids())
def test_tensors_and_arrays_of_every_hall_play_the_same_episodes(env_id):
    options = {"max_episode_steps": 5, "weather": ["chicago", "miami"], "observation": {"forecast": True}}
    by_clock, by_trip = played(
        make_torch(env_id, 3, **options), gym.make_vec(env_id, num_envs=3, **options), 22, refresh=4
    )
    assert (by_clock, by_trip) == (12, 0)
