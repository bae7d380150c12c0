"""What is recorded of an episode, against the environment stepped by hand."""

import gymnasium as gym
import numpy as np
import pytest
from dcsim_agents.controller import make_controller
from dcsim_experiments.config import test_weeks as weeks_for_tests
from dcsim_experiments.rollout import METRICS, Scenario, record, run

import dcsim

ID = "dcsim/Enterprise-v0"
KEYWORDS = {"episode_days": 0.25, "start": list(weeks_for_tests())}
STEPS = 72


class Constant:
    """Asks for the middle of every range, or for what makes the hall hot."""

    def __init__(self, action):
        self.action, self.resets = action, []

    def reset(self, seed=None):
        self.resets.append(seed)

    def act(self, observation):
        return np.broadcast_to(self.action, (*observation.shape[:-1], len(self.action))).astype(np.float32)


MIDDLE = np.zeros(12)


def test_totals_are_those_of_the_single_environment_stepped_by_hand():
    scenario = Scenario(ID, 3, 11, KEYWORDS)
    rollout = run(Constant(MIDDLE), scenario.make_vec(), 11)
    assert tuple(rollout.metrics) == METRICS
    env = scenario.make()
    for row in range(3):
        _, first = env.reset(seed=11 + row)
        infos = [env.step(MIDDLE.astype(np.float32))[4] for _ in range(STEPS)]
        total = {key: sum(info[key] for info in infos) for key in first}
        of = {name: values[row] for name, values in rollout.metrics.items()}
        for name in ("thermal_energy_kwh", "facility_energy_kwh", "water_l", "energy_cost", "violation_k_min"):
            np.testing.assert_allclose(of[name], total[name], rtol=1e-12, err_msg=name)
        np.testing.assert_allclose(of["pue"], total["facility_power_w"] / total["it_power_w"], rtol=1e-12)
        it_alone = total["it_power_w"] - total["server_fan_power_w"]
        np.testing.assert_allclose(of["tue"], total["facility_power_w"] / it_alone, rtol=1e-12)
        np.testing.assert_allclose(of["server_fan_energy_kwh"], total["server_fan_power_w"] * 300.0 / 3.6e6, rtol=1e-12)
        assert of["rack_inlet_max_c"] == max(info["rack_inlet_max_c"] for info in infos)
        assert rollout.start_s[row] == first["time_s"]


def test_every_row_has_its_own_start_and_is_the_single_environment_of_that_start():
    scenario = Scenario(ID, 3, 7, {"episode_days": 0.1, "task": "crah-failure"}, ("07-09", "01-08", "07-09"))
    env = scenario.make_vec()
    rollout = run(Constant(MIDDLE), env, 7)
    np.testing.assert_array_equal(rollout.start_s, [189 * 86400.0, 7 * 86400.0, 189 * 86400.0])
    observation, _ = env.reset(seed=7)
    for row in range(3):
        single = scenario.make(row)
        np.testing.assert_array_equal(single.reset(seed=7 + row)[0], observation[row])
        steps = range(env.unwrapped.batch.config.episode_steps)
        total = sum(single.step(MIDDLE.astype(np.float32))[4]["thermal_energy_kwh"] for _ in steps)
        np.testing.assert_allclose(rollout.metrics["thermal_energy_kwh"][row], total, rtol=1e-12)


@pytest.mark.parametrize("env_id", dcsim.ids())
def test_every_hall_says_where_all_of_its_thermal_energy_goes(env_id):
    scenario = Scenario(env_id, 2, 0, {**KEYWORDS, "episode_days": 0.05})
    middle = np.zeros(scenario.make_vec().single_action_space.shape)
    rollout = run(Constant(middle), scenario.make_vec(), 0)
    np.testing.assert_allclose(sum(rollout.energies.values()), rollout.metrics["thermal_energy_kwh"], rtol=1e-12)
    assert ("compressors" in rollout.energies) == ("chillers" not in rollout.energies) == ("Edge" in env_id)


def test_the_parts_of_thermal_energy_add_up_to_it():
    rollout = run(Constant(MIDDLE), Scenario(ID, 2, 0, KEYWORDS).make_vec(), 0)
    np.testing.assert_allclose(sum(rollout.energies.values()), rollout.metrics["thermal_energy_kwh"], rtol=1e-12)
    assert all((values > -1e-9).all() for values in rollout.energies.values())
    env = Scenario(ID, 2, 0, KEYWORDS).make(1)  # what else cools: humidifiers and the make-up air unit
    env.reset(seed=1)
    steps = range(env.unwrapped.batch.config.episode_steps)
    infos = [env.step(MIDDLE.astype(np.float32))[4] for _ in steps]
    others = sum(info["humidifier_power_w"] + info["ventilation_power_w"] for info in infos) * 300.0 / 3.6e6
    assert others > 1.0
    np.testing.assert_allclose(rollout.energies["humidifiers"][1], others, rtol=1e-9)


def test_episodes_are_the_same_for_every_controller_and_start_in_the_weeks_asked_for():
    env = Scenario(ID, 4, 3, KEYWORDS).make_vec()
    first, second = run(Constant(MIDDLE), env, 3), run(make_controller("fixed", env), env, 3)
    np.testing.assert_array_equal(first.start_s, second.start_s)
    again = run(Constant(MIDDLE), env, 3)
    for name in METRICS:
        if name != "act_ms":
            np.testing.assert_array_equal(first.metrics[name], again.metrics[name], err_msg=name)
    weeks = first.start_s / (7 * 86400.0)
    assert (weeks == np.round(weeks)).all() and (weeks % 2 == 1).all()


def test_a_row_that_trips_is_scaled_to_full_length_and_counted():
    hot = {**KEYWORDS, "changes": {"limits.trip_temperature": 18.0}}  # every row trips in its first step
    scenario, plain = Scenario(ID, 2, 0, hot), Scenario(ID, 2, 0, KEYWORDS)
    rollout = run(Constant(MIDDLE), scenario.make_vec(), 0)
    assert rollout.is_tripped.all()
    env = plain.make()
    env.reset(seed=0)
    info = env.step(MIDDLE.astype(np.float32))[4]
    np.testing.assert_allclose(rollout.metrics["thermal_energy_kwh"][0], STEPS * info["thermal_energy_kwh"], rtol=1e-12)


def test_steps_under_the_plants_own_protection_are_counted():
    hottest = np.ones(12)
    hottest[4:8] = -1.0  # fans at their lowest, everything else at its warmest
    # released only below 20 degC, protection stays on once it has come
    keywords = {**KEYWORDS, "changes": {"limits.inlet_allowable": 27.5, "limits.protection_release_temperature": 10.0}}
    env = Scenario(ID, 1, 0, keywords).make_vec()
    rollout = run(Constant(hottest), env, 0)
    observation, _ = env.reset(seed=0)
    position, count = env.unwrapped.signals.index("protection"), 0
    for step in range(STEPS):
        observation, _, _, _, info = env.step(hottest[None].astype(np.float32))
        seen = info["final_obs"] if step == STEPS - 1 else observation
        count += seen[0, position] > 0.0
    assert 0 < count < STEPS
    assert rollout.metrics["interventions"][0] == count


def test_the_progress_of_a_rollout_is_told():
    steps = []
    run(Constant(MIDDLE), Scenario(ID, 1, 0, KEYWORDS).make_vec(), 0, steps.append)
    assert sum(steps) == STEPS


def test_a_recording_is_the_same_episode_as_the_row():
    scenario = Scenario(ID, 3, 5, KEYWORDS)
    rollout = run(make_controller("g36", scenario.make_vec()), scenario.make_vec(), 5)
    env = scenario.make()
    trajectory = record(make_controller("g36", env), env, 7, 1000)
    assert len(trajectory["time_s"]) == STEPS
    energy = trajectory["thermal_power"].sum() * 300.0 / 3.6e6
    np.testing.assert_allclose(energy, rollout.metrics["thermal_energy_kwh"][2], rtol=1e-12)
    short = record(make_controller("g36", env), env, 7, 10)
    assert len(short["time_s"]) == 10


@pytest.mark.parametrize("env_id", ["dcsim/Enterprise-v0", "dcsim/Hyperscale-v0"])
def test_every_baseline_runs_on_every_hall(env_id):
    env = gym.make_vec(env_id, num_envs=2, episode_days=0.05)
    for name in ("fixed", "rules", "pid", "g36-default", "g36"):
        rollout = run(make_controller(name, env), env, 0)
        assert all(np.isfinite(values).all() for values in rollout.metrics.values())
