"""The adapter against the vector environment it adapts, and against what Stable-Baselines3 makes of it."""

import gymnasium as gym
import numpy as np
import pytest
import torch
from stable_baselines3 import PPO, SAC
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_checker import check_env
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import VecCheckNan, VecNormalize

import dcsim
from dcsim.envs.sb3_vec_env import SB3VecEnv
from dcsim.errors import InputError

ID = "dcsim/Enterprise-v0"
STEPS = 4  # of the short episodes here
EPISODE_DAYS = STEPS * 300.0 / 86400.0
TRIPS_AT_ONCE = {"limits.trip_temperature": 18.0}


def native(num_envs=3, **keywords):
    return gym.make_vec(ID, num_envs=num_envs, **{"episode_days": EPISODE_DAYS, "start": "07-15", **keywords})


def adapted(num_envs=3, info_keys=(), episode_sums=(), reward_scale=1.0, **keywords):
    return SB3VecEnv(native(num_envs, **keywords), info_keys, episode_sums, reward_scale)


def actions(env, steps=STEPS, seed=0):
    shape = (steps, env.num_envs, *env.action_space.shape)
    return np.random.default_rng(seed).uniform(-1.0, 1.0, shape).astype(np.float32)


def test_steps_are_those_of_the_vector_environment():
    plain, env = native(), adapted()
    first, _ = plain.reset(seed=5)
    env.seed(5)
    np.testing.assert_array_equal(env.reset(), first)
    for action in actions(env, STEPS - 1):
        observation, reward, _, _, _ = plain.step(action)
        seen, paid, dones, infos = env.step(action)
        np.testing.assert_array_equal(seen, observation)
        np.testing.assert_array_equal(paid, reward.astype(np.float32))
        assert not dones.any()
        assert infos == [{}, {}, {}]


def test_the_clock_ends_an_episode_as_truncated_with_its_last_observation():
    plain, env = native(), adapted(episode_sums=("thermal_energy_kwh",))
    plain.reset(seed=5)
    env.seed(5)
    env.reset()
    paid, energy = np.zeros(3), np.zeros(3)
    for action in actions(env):
        observation, reward, _, _, info = plain.step(action)
        seen, _, dones, infos = env.step(action)
        paid += reward
        energy += info.get("final_info", info)["thermal_energy_kwh"]
    assert dones.all()
    np.testing.assert_array_equal(seen, observation)
    for row in range(3):
        assert infos[row]["TimeLimit.truncated"] is True
        np.testing.assert_array_equal(infos[row]["terminal_observation"], info["final_obs"][row])
        assert not np.array_equal(infos[row]["terminal_observation"], seen[row])
        episode = infos[row]["episode"]
        assert episode["l"] == STEPS
        np.testing.assert_allclose(episode["r"], paid[row], rtol=1e-12)
        np.testing.assert_allclose(episode["thermal_energy_kwh"], energy[row], rtol=1e-12)
        assert episode["t"] >= 0.0


def test_a_trip_ends_an_episode_as_not_truncated():
    env = adapted(changes=TRIPS_AT_ONCE)
    env.reset()
    _, _, dones, infos = env.step(actions(env)[0])
    assert dones.all()
    assert [info["TimeLimit.truncated"] for info in infos] == [False] * 3
    assert [info["episode"]["l"] for info in infos] == [1] * 3


def test_the_record_of_an_episode_starts_anew_after_its_end():
    env = adapted()
    env.reset()
    returns = []
    for action in [*actions(env), *actions(env, seed=1)]:
        _, _, dones, infos = env.step(action)
        if dones.any():
            returns.append(infos[0]["episode"]["r"])
            assert infos[0]["episode"]["l"] == STEPS
    assert len(returns) == 2
    assert returns[0] != returns[1]


def test_info_entries_are_handed_on_where_asked_for():
    env = adapted(info_keys=("cost", "pue"))
    env.reset()
    assert set(env.reset_infos[0]) == {"cost", "pue"}
    for action in actions(env):
        *_, infos = env.step(action)
        assert all(isinstance(info["pue"], float) and info["pue"] > 1.0 for info in infos)


def test_rewards_are_scaled_and_records_are_not():
    plain, scaled = adapted(), adapted(reward_scale=10.0)
    for env in (plain, scaled):
        env.seed(1)
        env.reset()
    for action in actions(plain):
        _, reward, _, infos = plain.step(action)
        _, tenfold, _, same = scaled.step(action)
        np.testing.assert_allclose(tenfold, 10.0 * reward, rtol=1e-6)
    assert infos[0]["episode"]["r"] == same[0]["episode"]["r"]


def test_ppo_adds_the_value_of_the_last_observation_where_the_clock_ended_the_episode():
    kept = []

    class Keep(BaseCallback):
        def _on_step(self):
            kept.append((self.locals["rewards"].copy(), self.locals["infos"]))
            return True

    env = adapted(num_envs=2)
    model = PPO("MlpPolicy", env, n_steps=STEPS, batch_size=2 * STEPS, gamma=0.9, seed=0, device="cpu")
    model.learn(1, callback=Keep())
    rewards, infos = kept[STEPS - 1]
    # rewards were kept before the update; the policy has been updated once since, so the value is that of a fresh model
    fresh = PPO("MlpPolicy", adapted(num_envs=2), n_steps=STEPS, batch_size=2 * STEPS, gamma=0.9, seed=0, device="cpu")
    last = torch.as_tensor(np.stack([info["terminal_observation"] for info in infos]))
    with torch.no_grad():
        value = fresh.policy.predict_values(last).numpy()[:, 0]
    np.testing.assert_allclose(model.rollout_buffer.rewards[STEPS - 1], rewards + 0.9 * value, rtol=1e-5)


def test_sac_keeps_the_last_observation_and_treats_a_truncated_end_as_none():
    env = adapted(num_envs=2)
    model = SAC("MlpPolicy", env, learning_starts=100, buffer_size=100, seed=0, device="cpu")
    kept = []

    class Keep(BaseCallback):
        def _on_step(self):
            kept.append(self.locals["infos"])
            return True

    model.learn(2 * STEPS, callback=Keep())
    buffer = model.replay_buffer
    last = np.stack([info["terminal_observation"] for info in kept[STEPS - 1]])
    np.testing.assert_array_equal(buffer.next_observations[STEPS - 1], last)
    assert buffer.dones[STEPS - 1].all() and buffer.timeouts[STEPS - 1].all()
    assert not buffer._get_samples(np.full(8, STEPS - 1)).dones.any()


@pytest.mark.parametrize("env_id", dcsim.ids())
def test_the_single_environment_passes_the_check_of_sb3(env_id):
    check_env(gym.make(env_id, episode_days=EPISODE_DAYS).unwrapped)


def test_evaluate_policy_takes_the_records_without_a_monitor():
    env = adapted(num_envs=2)
    model = PPO("MlpPolicy", env, n_steps=STEPS, batch_size=2 * STEPS, device="cpu")
    returns, lengths = evaluate_policy(model, env, n_eval_episodes=2, return_episode_rewards=True)
    assert lengths == [STEPS, STEPS]
    assert all(-STEPS <= value < 0.0 for value in returns)


def test_the_wrappers_of_sb3_run_on_it():
    env = VecNormalize(VecCheckNan(adapted(), raise_exception=True))
    env.reset()
    for action in actions(env):
        observation, _, dones, infos = env.step(action)
    assert dones.all()
    assert infos[0]["episode"]["l"] == STEPS
    assert np.isfinite(observation).all()


def test_rows_share_attributes_and_methods():
    env = adapted()
    assert env.get_attr("num_envs", indices=[0, 2]) == [3, 3]
    env.set_attr("render_mode", "rgb_array")
    assert env.get_attr("render_mode", indices=1) == ["rgb_array"]
    env.reset()
    assert len(env.env_method("snapshot")) == 3
    assert env.env_is_wrapped(Monitor) == [True] * 3
    assert env.env_is_wrapped(gym.wrappers.TimeLimit, indices=0) == [False]
    assert env.has_attr("signals") and not env.has_attr("no_such_thing")
    for call in (lambda: env.set_attr("x", 1, indices=0), lambda: env.env_method("snapshot", indices=[1])):
        with pytest.raises(InputError, match="indices"):
            call()


def test_the_picture_of_the_first_row_is_drawn():
    env = adapted(render_mode="rgb_array")
    env.reset()
    picture = env.render()
    assert picture.ndim == 3 and picture.dtype == np.uint8
    env.close()


def test_seeds_and_options_hold_for_one_reset():
    env = adapted()
    env.seed(3)
    first = env.reset()
    assert not np.array_equal(env.reset(), first)
    env.seed(3)
    np.testing.assert_array_equal(env.reset(), first)
    kept = env.reset()
    env.set_options({"reset_mask": np.array([True, False, False])})
    masked = env.reset()
    np.testing.assert_array_equal(masked[1:], kept[1:])
    assert not np.array_equal(masked[0], kept[0])
    env.set_options([{"a": 1}, {}, {}])
    with pytest.raises(InputError, match="same options"):
        env.reset()


def test_restoring_a_snapshot_gives_the_identical_future():
    env = adapted(episode_sums=("cost",))
    env.seed(0)
    env.reset()
    script = [*actions(env), *actions(env, seed=1)]
    env.step(script[0])
    snapshot = env.snapshot()

    def future():
        seen = [env.step(action) for action in script[1:]]
        return [(o, r, d, [info.get("episode", {}).get("r") for info in infos]) for o, r, d, infos in seen]

    first = future()
    env.restore(snapshot)
    for (o1, r1, d1, e1), (o2, r2, d2, e2) in zip(first, future(), strict=True):
        np.testing.assert_array_equal(o1, o2)
        np.testing.assert_array_equal(r1, r2)
        np.testing.assert_array_equal(d1, d2)
        assert e1 == e2


def test_an_environment_that_resets_later_is_refused():
    with pytest.raises(InputError, match="SAME_STEP"):
        SB3VecEnv(gym.make_vec("CartPole-v1", num_envs=2, vectorization_mode="sync"))
