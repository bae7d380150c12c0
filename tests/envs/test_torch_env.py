"""The environment of tensors against the one of arrays: the same episodes and actions give the same numbers, on any engine."""

import gymnasium as gym
import numpy as np
import pytest
import torch
from every_engine import COMPILER, PlainCudaEngine, never_waiting
from numpy.testing import assert_allclose, assert_array_equal

import dcsim
from dcsim.engines import make_engine
from dcsim.envs import actions, config, readout
from dcsim.envs.torch_env import HallTorchEnv, make_torch
from dcsim.errors import InputError

ENTERPRISE, EDGE = dcsim.ids()[0], dcsim.ids()[3]
TRIPS = {
    "workload": "flat",
    "task": "crah-failure",
    "start": "2023-07-15",
    "changes": {"crahs.mass_flow": 25.0, "coils.conductance": 5e3, "limits.trip_temperature": 34.0},
}


def assert_same(tensors, arrays, rtol):
    """Info, and what ended. The residual is a small difference of large powers."""
    power = float(arrays["facility_power_w"].max()) if "facility_power_w" in arrays else 1.0
    for name, value in arrays.items():
        if name in ("_final_obs", "_final_info"):
            assert_array_equal(tensors[name].cpu(), value)
        elif name == "final_info":
            assert_same(tensors[name], value, rtol)
        elif name == "final_obs":
            assert_allclose(tensors[name].cpu(), value, rtol=0.0, atol=max(rtol, 2e-7), err_msg=name)
        else:
            size = power if name == "energy_residual_w" else 1.0
            assert_allclose(tensors[name].cpu(), value, rtol=rtol, atol=rtol * size, err_msg=name)


def played(tensor_env, array_env, steps, rtol=1e-9, refresh=0, low=-1.2):
    """Play both with the same actions; returns how many episodes ended by the clock and by a trip."""
    rng, ended = np.random.default_rng(0), np.zeros(2, int)
    observation, info = tensor_env.reset(3)
    expected, expected_info = array_env.reset(seed=3)
    for step in range(steps):
        assert_allclose(observation.cpu(), expected, rtol=0.0, atol=max(rtol, 2e-7))
        assert_same(info, expected_info, rtol)
        sent = rng.uniform(low, 0.6 - 0.5 * low, array_env.action_space.shape)
        tensors = tensor_env.step(torch.tensor(sent, device=tensor_env.device))
        expected, *results, expected_info = array_env.step(sent)
        observation, *found, info = tensors
        for value, other in zip(found, results, strict=True):
            assert_allclose(value.cpu(), other, rtol=rtol, atol=rtol)
        ended += [results[2].sum(), results[1].sum()]
        if refresh and step % refresh == 0:
            tensor_env.refresh()
    return tuple(ended)


def both(env_id, num_envs, options, **tensor_options):
    array_env = gym.make_vec(env_id, num_envs=num_envs, **options)
    return make_torch(env_id, num_envs, **options, **tensor_options), array_env


@pytest.mark.parametrize("env_id", dcsim.ids())
def test_tensors_and_arrays_of_every_hall_play_the_same_episodes(env_id):
    options = {"max_episode_steps": 5, "weather": ["chicago", "miami"], "observation": {"forecast": True}}
    assert played(*both(env_id, 3, options), 22, refresh=4) == (12, 0)


@pytest.mark.parametrize("task", ["heat-wave", "crah-failure", "chiller-trip"])
def test_tasks_and_failures_are_those_of_arrays(task):
    options = {"task": task, "failures": {"random": {"crah": {"mtbf_hours": 2, "repair_hours": 1}}}}
    played(*both(ENTERPRISE, 3, options), 40)


def test_a_trip_terminates_as_in_the_environment_of_arrays():
    by_clock, by_trip = played(*both(ENTERPRISE, 2, TRIPS, episodes_per_env=4), 120, low=-1.0, refresh=20)
    assert by_clock == 0 and by_trip > 2


@pytest.mark.parametrize("engine", ["numpy", "torch"])
def test_other_engines_of_the_processor_give_the_same(engine):
    options = {"max_episode_steps": 3}
    assert played(*both(EDGE, 2, options, engine=engine), 5, rtol=1e-8) == (2, 0)


@pytest.mark.skipif(not COMPILER, reason="no C++ compiler")
@pytest.mark.parametrize("env_id", [ENTERPRISE, EDGE])
def test_the_kernels_of_a_device_give_the_same_without_one(env_id, monkeypatch):
    def made(name, *arguments, **options):
        return PlainCudaEngine(*arguments, **options) if name == "torch" else make_engine(name, *arguments, **options)

    for module in (actions, config, readout):
        monkeypatch.setattr(module, "make_engine", made)
    options = {"max_episode_steps": 3}
    assert played(*both(env_id, 2, options, engine="torch"), 5, rtol=1e-8) == (2, 0)


@pytest.mark.parametrize("engine", ["fused", "torch"])
def test_single_precision_is_near_double(engine):
    """Of a day in winter, so that no switch stands on an edge."""
    options = {"start": "2023-01-15", "max_episode_steps": 4}
    tensor_env, array_env = both(EDGE, 2, options, engine=engine, dtype="float32")
    observation, _ = tensor_env.reset(0)
    expected, _ = array_env.reset(seed=0)
    for _ in range(3):
        assert_allclose(observation, expected, atol=1e-3)
        observation, reward, *_, info = tensor_env.step(torch.zeros(tuple(array_env.action_space.shape)))
        expected, other, *_ = array_env.step(np.zeros(array_env.action_space.shape))
        assert reward.dtype == info["pue"].dtype == torch.float32
        assert_allclose(reward, other, atol=1e-4)


def test_reset_without_a_seed_goes_on_with_the_pool_as_arrays_go_on_with_their_episodes():
    tensor_env, array_env = both(EDGE, 3, {})
    played_days = [tensor_env.reset(5)[1]["time_s"].tolist()]
    expected = [array_env.reset(seed=5)[1]["time_s"].tolist()]
    for _ in range(4):
        tensor_env.refresh()
        played_days.append(tensor_env.reset()[1]["time_s"].tolist())
        expected.append(array_env.reset()[1]["time_s"].tolist())
    assert played_days == expected
    assert len({tuple(days) for days in expected}) == 5


def test_a_pool_that_is_not_refreshed_is_played_again():
    env = make_torch(EDGE, 2, episodes_per_env=3)
    first = env.reset(0)[1]["time_s"].tolist()
    days = [first, *(env.reset()[1]["time_s"].tolist() for _ in range(5))]
    assert days[:3] == days[3:] and days[0] != days[1]


def test_refresh_draws_what_was_played_and_no_more_than_asked_for():
    env = make_torch(EDGE, 4, episodes_per_env=3)
    env.reset(0)
    assert env.refresh() == 0
    env.reset()
    env.reset()
    assert [env.refresh(most=5), env.refresh(most=5), env.refresh()] == [5, 3, 0]


def test_what_a_step_returned_stays_as_it_was():
    env = make_torch(EDGE, 2, dtype="float32", engine="torch")
    env.reset(0)
    observation, reward, *_, info = env.step(torch.ones(2, *env.single_action_space.shape))
    kept = observation.clone(), reward.clone(), info["time_s"].clone()
    env.step(-torch.ones(2, *env.single_action_space.shape))
    for value, before in zip((observation, reward, info["time_s"]), kept, strict=True):
        assert torch.equal(value, before)
    assert observation.is_contiguous()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"sensors": {"noise": {"temperature": 0.1}}}, "sensors: on a device"),
        ({"actuators": {"stroke_time_s": {"all": 120}}}, "actuators: on a device"),
        ({"hall": "enterprise-1mw", "task": "tou-tank"}, "storage tank is not settled on a device"),
        ({"engine": "fuzed"}, "engine='fuzed': known on the CPU: fused"),
        ({"engine": "fused", "device": "cuda"}, "leave it out"),
        ({"device": "gpu"}, "no device 'gpu'"),
        ({"dtype": "float16"}, "dtype='float16'"),
        ({"episodes_per_env": 0}, "episodes_per_env=0"),
        ({"num_envs": 0}, "num_envs=0"),
        ({"wether": "miami"}, "weather"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(options, words):
    with pytest.raises(InputError) as refusal:
        HallTorchEnv(**{"num_envs": 2, **options})
    assert words in str(refusal.value) and "\n" not in str(refusal.value)


def test_actions_that_do_not_fit_are_refused():
    env = make_torch(EDGE, 2)
    (size,) = env.single_action_space.shape
    with pytest.raises(InputError, match="call reset first"):
        env.step(torch.zeros(2, size))
    with pytest.raises(InputError, match="call reset first"):
        env.refresh()
    env.reset(0)
    with pytest.raises(InputError, match=r"action has shape \(3, \d\) on cpu, expected \(2, \d\) on cpu"):
        env.step(torch.zeros(3, size))
    sent = torch.zeros(2, size)
    sent[1, 2] = torch.nan
    with pytest.raises(InputError, match=r"action\[1, 2\]"):
        env.step(sent)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
class TestOnADevice:
    @pytest.mark.parametrize("env_id", dcsim.ids())
    @pytest.mark.parametrize("own_plants", [False, True])
    def test_numbers_are_those_of_the_host(self, env_id, own_plants):
        options = {"max_episode_steps": 5, "domain_randomization": own_plants}
        tensor_env, array_env = both(env_id, 3, options, device="cuda", dtype="float64")
        assert played(tensor_env, array_env, 12, rtol=1e-7, refresh=4) == (6, 0)

    def test_no_step_waits_for_the_device(self):
        env = make_torch(ENTERPRISE, 64, device="cuda", max_episode_steps=3)
        observation, _ = env.reset(0)
        sent = torch.zeros(64, *env.single_action_space.shape, device="cuda")
        with never_waiting():
            for _ in range(7):
                observation, *_ = env.step(sent)
        assert observation.isfinite().all()
