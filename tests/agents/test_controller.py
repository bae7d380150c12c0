import subprocess
import sys
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from dcsim_agents import (
    SetpointWriter,
    SignalReader,
    controller_names,
    make_controller,
    register_controller,
    view_of,
)
from dcsim_agents.controller import FACTORIES
from episodes import BASELINES, ENV_IDS, run_episode

from dcsim.envs.sb3_vec_env import SB3VecEnv
from dcsim.errors import InputError


@pytest.fixture(params=ENV_IDS)
def env(request: pytest.FixtureRequest) -> Any:
    return gym.make(request.param, start="2023-05-15")


def test_the_names_of_the_contract_are_known() -> None:
    assert set(BASELINES) <= set(controller_names())


def test_an_unknown_name_is_refused_with_the_nearest(env: Any) -> None:
    with pytest.raises(InputError, match="'g36-defualt'; nearest is 'g36-default'"):
        make_controller("g36-defualt", env)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (None, "controller None: expected a name or the folder of a trained policy"),
        (5, "controller 5: expected a name"),
        ("", "no controller and no policy folder ''"),
        ("x" * 5000, "no controller and no policy folder 'xxx"),
        ("ppo", "controller 'ppo' has to be trained: give the folder of a trained policy"),
        ("sac", "give the folder of a trained policy"),
        ("mpc", "controller 'mpc' is not in this version; known: fixed, g36"),
        ("static-opt", "is not in this version"),
        ("recurrentppo", "is not in this version"),
    ],
)
def test_what_is_no_controller_here_is_refused_in_one_line(name: Any, message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        make_controller(name, gym.make(ENV_IDS[0]))
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 300


def test_a_foreign_environment_is_refused() -> None:
    with pytest.raises(InputError, match="not an environment of dcsim"):
        make_controller("fixed", gym.make("CartPole-v1"))


def test_a_name_cannot_be_taken_twice() -> None:
    register_controller("fixed", FACTORIES["fixed"])
    with pytest.raises(InputError, match="already"):
        register_controller("fixed", "elsewhere:Other")


def test_single_vector_and_adapted_environments_look_alike() -> None:
    vector = gym.make_vec(ENV_IDS[0], num_envs=2)
    views = [view_of(x) for x in (gym.make(ENV_IDS[0]), vector, SB3VecEnv(vector))]
    assert all(view.signals == views[0].signals and view.hall == views[0].hall for view in views)
    assert all(view.control_interval_s == 300.0 for view in views)


def test_a_reading_has_the_values_of_the_plant(env: Any) -> None:
    observation, _ = env.reset(seed=3)
    reading = SignalReader(env.unwrapped.signals).read(observation[None])
    state = env.unwrapped.batch.state
    for name, values in (
        ("supply_air_temperature", state.supply_air_temperature),
        ("hot_air_temperature", state.hot_air_temperature),
        ("flow_ratio", state.zone_flow_ratio),
        ("supply_air_setpoint", state.supply_air_setpoint),
    ):
        np.testing.assert_allclose(reading[name], values, atol=3e-6)
    assert "rack_inlet_max" in reading
    with pytest.raises(InputError, match="nearest is 'rack_inlet_max'"):
        reading["rack_inlet_maxi"]


def test_setpoints_written_by_name_arrive(env: Any) -> None:
    env.reset(seed=0)
    signals = env.unwrapped.signals
    writer = SetpointWriter(signals)
    wanted = {signal.name: 0.25 * signal.low + 0.75 * signal.high for signal in signals.action}
    np.testing.assert_allclose(writer.write(wanted, 3), 0.5, atol=1e-6)
    with pytest.raises(InputError, match="'supply_air_setpoint_1' is not set"):
        writer.write({}, 1)
    with pytest.raises(InputError, match="no set-point 'supply_setpoint'; nearest is"):
        writer.write({"supply_setpoint": 20.0}, 1)


@pytest.mark.parametrize("name", BASELINES)
@pytest.mark.parametrize("env_id", ENV_IDS)
def test_a_batch_acts_as_its_rows_alone(env_id: str, name: str) -> None:
    n, steps = 3, 12
    vector = gym.make_vec(env_id, num_envs=n, start="2023-10-10T06:00", episode_days=0.5)
    controller = make_controller(name, vector)
    observation, _ = vector.reset(seed=5)
    actions = []
    for _ in range(steps):
        actions.append(controller.act(observation))
        observation = vector.step(actions[-1])[0]
    for row in range(n):
        single = gym.make(env_id, start="2023-10-10T06:00", episode_days=0.5)
        alone = run_episode(single, make_controller(name, single), 5 + row, steps)
        np.testing.assert_array_equal(np.array(actions)[:, row], alone["action"])


@pytest.mark.parametrize("name", BASELINES)
def test_a_reset_gives_the_same_episode_again(env: Any, name: str) -> None:
    controller = make_controller(name, env)
    first, second = (run_episode(env, controller, 7, 20) for _ in range(2))
    np.testing.assert_array_equal(first["action"], second["action"])


@pytest.mark.parametrize("name", BASELINES)
def test_rows_that_are_reset_start_anew_and_the_others_go_on(env: Any, name: str) -> None:
    vector = gym.make_vec(env.spec.id, num_envs=2, start="2023-05-15")
    kept, renewed = make_controller(name, vector), make_controller(name, vector)
    observation, _ = vector.reset(seed=1)
    for _ in range(6):
        action = kept.act(observation)
        np.testing.assert_array_equal(action, renewed.act(observation))
        observation = vector.step(action)[0]
    renewed.reset_rows(np.array([False, True]))
    fresh = make_controller(name, vector).act(observation)
    np.testing.assert_array_equal(renewed.act(observation), np.stack([kept.act(observation)[0], fresh[1]]))


def test_wrong_shapes_and_a_changed_batch_are_refused(env: Any) -> None:
    controller = make_controller("g36", env)
    features = env.observation_space.shape[0]
    with pytest.raises(InputError, match=r"observation has shape \(3,\)"):
        controller.act(np.zeros(3))
    controller.act(np.zeros((2, features)))
    with pytest.raises(InputError, match="call reset first"):
        controller.act(np.zeros((3, features)))
    with pytest.raises(InputError, match="mask has shape"):
        controller.reset_rows(np.array([True]))
    controller.reset()
    assert controller.act(np.zeros(features)).shape == env.action_space.shape


def test_importing_the_package_loads_no_learning_library() -> None:
    code = "import sys, dcsim_agents; print(sorted({'torch', 'stable_baselines3', 'pandas', 'matplotlib'} & set(sys.modules)))"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )
