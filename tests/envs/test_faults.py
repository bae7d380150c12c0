"""Every environment keeps every contract with each fault switched on: a fault may trip the plant, never break a balance."""

import functools
import json
from dataclasses import replace
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from numpy.testing import assert_allclose, assert_array_equal

import dcsim
from dcsim.drivers import RandomNumbers
from dcsim.envs.config import configure
from dcsim.envs.episode import EpisodeSource
from dcsim.envs.failures import COMPONENTS
from dcsim.envs.sensors import is_measured
from dcsim.envs.tasks import Outage, Task, tasks_for
from dcsim.errors import InputError
from dcsim.plant.hall import build_hall

IDS = dcsim.ids()
STEPS = 96  # eight hours, past all that is scheduled
WITHOUT_TRIP = {"limits.trip_time": 1e9}  # s, so that halls that lose all cooling go on

SENSOR_FAULTS: dict[str, dict[str, Any]] = {
    "noise": {"noise": {"temperature": 0.2, "fraction": 0.02, "power": 0.01}},
    "quantisation": {"quantisation": {"temperature": 0.5, "power": 0.02}},
    "bias given": {"bias": {"rack_inlet_max_1": -2.0}},
    "bias drawn": {"bias": {"all": {"deviation": 0.3}}},
    "drift": {"drift": {"temperature": 2.0}},
    "delay": {"delay_s": 900},
    "dropout at random": {"dropout": {"rate_per_day": 40, "minutes": 20}},
    "dropout on schedule": {"dropout": {"temperature": {"start_hours": 0.25, "minutes": 30}}},
    "stuck at random": {"stuck": {"rate_per_day": 40, "minutes": 20}},
    "stuck on schedule": {"stuck": {"temperature": {"start_hours": [0.25, 1.0], "minutes": 30, "value": 80.0}}},
    "age": {"delay_s": {"temperature": 300}, "dropout": {"power": {"rate_per_day": 40, "minutes": 20}}, "age": True},
}
ACTUATOR_FAULTS: dict[str, dict[str, Any]] = {
    "stroke time": {"stroke_time_s": 1200},
    "rate limit": {"rate_per_minute": {"temperature": 0.1, "fraction": 0.01}},
    "deadband": {"deadband": {"temperature": 2.0, "fraction": 0.1}},
    "stuck at random": {"stuck": {"all": {"rate_per_day": 40, "minutes": 30}}},
    "stuck on schedule": {"stuck": {"crah_fan_speed": {"start_hours": 0.25, "minutes": 60}}},
    "stuck at a value": {"stuck": {"temperature": {"start_hours": 0.25, "minutes": 60, "value": 20.0}}},
}


def all_of(component: str) -> dict[str, Any]:
    return {"schedule": [{"component": component, "units": "all", "start_hour": 0.25, "hours": 2.0}]}


def one_of(component: str) -> dict[str, Any]:
    return {"schedule": [{"component": component, "units": 1, "start_hour": 0.25, "remaining": 0.3}]}


def at_random(component: str) -> dict[str, Any]:
    return {"random": {component: {"mtbf_hours": 1.0, "repair_hours": 1.0}}}


@functools.cache
def hall_of(env_id: str):
    return build_hall(gym.spec(env_id).kwargs["hall"])


def faults_of(env_id: str) -> dict[str, dict[str, Any]]:
    """Each fault by itself, and all at once, as keyword arguments."""
    faults = {f"sensors: {name}": {"sensors": fault} for name, fault in SENSOR_FAULTS.items()}
    faults |= {f"actuators: {name}": {"actuators": fault} for name, fault in ACTUATOR_FAULTS.items()}
    for component in hall_of(env_id).units:
        for name, fault in (("all", all_of), ("one", one_of), ("at random", at_random)):
            faults[f"failures: {component} {name}"] = {"failures": fault(component)}
    return faults | {"everything": everything(env_id)}


def everything(env_id: str) -> dict[str, Any]:
    sensors: dict[str, Any] = {}
    for fault in SENSOR_FAULTS.values():
        sensors |= fault
    actuators = ACTUATOR_FAULTS["stroke time"] | ACTUATOR_FAULTS["deadband"] | ACTUATOR_FAULTS["stuck at random"]
    components = hall_of(env_id).units
    failures = {
        "random": {name: at_random(name)["random"][name] for name in components},
        "schedule": [one_of(name)["schedule"][0] for name in components],
    }
    return {"sensors": sensors, "actuators": actuators, "failures": failures}


class Case(NamedTuple):
    env_id: str
    options: dict[str, Any]


CASES = [
    pytest.param(Case(env_id, options), id=f"{env_id.partition('/')[2]} {name}")
    for env_id in IDS
    for name, options in faults_of(env_id).items()
]


KINDS_OF_CASE = [
    pytest.param(Case(env_id, {name: everything(env_id)[name] for name in names}), id=f"{env_id} {' '.join(names)}")
    for env_id in IDS
    for names in (("sensors",), ("actuators",), ("failures",), ("sensors", "actuators", "failures"))
]


def singles_and_vectors(case, n, **options):
    return gym.make(case.env_id, **case.options, **options), gym.make_vec(
        case.env_id, num_envs=n, **case.options, **options
    )


def random_actions(space, steps, seed=0):
    return np.random.default_rng(seed).uniform(space.low, space.high, (steps, *space.shape)).astype(np.float32)


def until_its_end(env, actions):
    """Steps with the actions, until the episode of a single environment ends."""
    steps = []
    for action in actions:
        steps.append(env.step(action))
        if np.ndim(steps[-1][2]) == 0 and (steps[-1][2] or steps[-1][3]):
            break
    return steps


# --- each fault in every environment ----------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES)
def test_random_actions_leave_it_finite_inside_the_spaces_and_in_balance(case):
    env = gym.make_vec(case.env_id, num_envs=3, weather=["miami", "denver"], **case.options)
    observation, info = env.reset(seed=0)
    assert env.observation_space.contains(observation)
    for action in random_actions(env.action_space, STEPS):
        observation, reward, _, _, info = env.step(action)
        assert env.observation_space.contains(observation)
        assert np.isfinite(reward).all()
        made = info.get("final_info", info)
        for name, values in made.items():
            assert np.isfinite(values).all(), name
        assert (np.abs(made["energy_residual_w"]) < 1e-6 * made["it_power_w"]).all()
    state = env.unwrapped.batch.state
    assert all(np.isfinite(values).all() for values in state)


@pytest.mark.parametrize("case", KINDS_OF_CASE)
@pytest.mark.filterwarnings("error")
def test_the_checkers_of_gymnasium_and_stable_baselines_pass(case):
    from stable_baselines3.common.env_checker import check_env as check_for_sb3

    check_env(gym.make(case.env_id, **case.options).unwrapped, skip_render_check=True)
    check_for_sb3(gym.make(case.env_id, **case.options).unwrapped, warn=True)


@pytest.mark.parametrize("case", CASES)
def test_rows_equal_singles_to_the_bit_over_the_ends_of_episodes(case):
    n, steps = 3, 20
    single, vector = singles_and_vectors(case, n, episode_days=0.05)  # 14 steps
    actions = random_actions(vector.action_space, steps)
    record = [vector.reset(seed=40)]
    record += [vector.step(action) for action in actions]
    for row in range(n):
        observation, info = single.reset(seed=40 + row)
        assert_array_equal(observation, record[0][0][row])
        for action, (seen, reward, terminated, truncated, told) in zip(actions, record[1:], strict=True):
            observation, r, done, cut, info = single.step(action[row])
            assert (r, done, cut) == (reward[row], terminated[row], truncated[row])
            if done or cut:
                assert_array_equal(observation, told["final_obs"][row])
                assert {name: told["final_info"][name][row] for name in info} == info
                observation, info = single.reset()
            assert_array_equal(observation, seen[row])
            assert {name: told[name][row] for name in info} == info


@pytest.mark.parametrize("case", CASES)
def test_a_snapshot_gives_the_identical_future(case):
    single, vector = singles_and_vectors(case, 2, changes=WITHOUT_TRIP)
    for env in (single.unwrapped, vector.unwrapped):
        actions = random_actions(env.action_space, 30)
        env.reset(seed=9)
        for action in actions[:4]:
            last = env.step(action)
        kept = env.snapshot()
        first = until_its_end(env, actions[4:])
        env.reset(seed=1)
        env.step(actions[0])
        back = env.restore(kept)
        assert_array_equal(back[0] if env is single.unwrapped else back, last[0])
        for again, then in zip(until_its_end(env, actions[4:]), first, strict=True):
            for a, b in zip(again[:4], then[:4], strict=True):
                assert_array_equal(a, b)
            assert_array_equal(again[4]["thermal_power_w"], then[4]["thermal_power_w"])


@pytest.mark.parametrize("case", KINDS_OF_CASE)
def test_weather_and_load_stay_as_they_are(case):
    driven = []
    for options in ({}, case.options):
        env = gym.make(case.env_id, weather=["miami", "denver"], changes=WITHOUT_TRIP, **options).unwrapped
        env.reset(seed=6)
        drivers = env.batch.view("input.utilization"), env.batch.view("input.wet_bulb_temperature")
        rows = []
        for _ in range(15):
            rows.append(np.concatenate(drivers))
            env.step(np.zeros(env.action_space.shape, np.float32))
        driven.append(rows)
    assert_array_equal(*driven)


@pytest.mark.parametrize(("env_id", "task"), [(name, task) for name in IDS for task in tasks_for(hall_of(name))])
def test_faults_come_on_top_of_every_task(env_id, task):
    env = gym.make_vec(env_id, num_envs=4, task=task, **everything(env_id))
    env.reset(seed=0)
    for action in random_actions(env.action_space, 40):
        observation, reward, _, _, info = env.step(action)
        made = info.get("final_info", info)
        assert env.observation_space.contains(observation) and np.isfinite(reward).all()
        assert (np.abs(made["energy_residual_w"]) < 1e-6 * made["it_power_w"]).all()


@pytest.mark.parametrize("env_id", IDS)
def test_the_adapter_for_stable_baselines_goes_back_to_a_snapshot(env_id):
    from dcsim.envs.sb3_vec_env import SB3VecEnv

    env = SB3VecEnv(gym.make_vec(env_id, num_envs=3, episode_days=0.05, **everything(env_id)))
    env.seed(3)
    env.reset()
    actions = random_actions(env.env.action_space, 30)
    for action in actions[:10]:
        env.step(action)
    kept = env.snapshot()
    first = [env.step(action) for action in actions[10:]]
    assert any(dones.any() for _, _, dones, _ in first)
    env.restore(kept)
    for action, then in zip(actions[10:], first, strict=True):
        again = env.step(action)
        for a, b in zip(again[:3], then[:3], strict=True):
            assert_array_equal(a, b)


@pytest.mark.parametrize("env_id", IDS)
def test_same_seed_same_faults_and_another_seed_others(env_id):
    env = gym.make(env_id, **everything(env_id))

    def episode(seed):
        first, _ = env.reset(seed=seed)
        return np.array([first, *(step[0] for step in until_its_end(env, random_actions(env.action_space, 12)))])

    first = episode(5)
    other = episode(6)
    assert_array_equal(episode(5), first)
    assert not np.array_equal(other, first)


def test_the_spec_with_faults_is_json():
    spec = gym.make(IDS[0], **everything(IDS[0])).spec
    again = gym.make(gym.envs.registration.EnvSpec.from_json(spec.to_json()))
    assert again.unwrapped.batch.config.sensors == gym.make(IDS[0], **everything(IDS[0])).unwrapped.batch.config.sensors
    assert json.loads(json.dumps(everything(IDS[0]))) == everything(IDS[0])


# --- who sees what ----------------------------------------------------------------------------------------------------


def paired(env_id, steps=20, **options):
    """Observations and infos of the same actions, without and with the options."""
    runs = []
    for given in ({}, options):
        env = gym.make(env_id, start="2023-05-15", **given)
        observations, infos = [], []
        observation, info = env.reset(seed=2)
        for action in [None, *random_actions(env.action_space, steps)]:
            if action is not None:
                observation, reward, _, _, info = env.step(action)
                info = info | {"reward": reward}
            observations.append(observation)
            infos.append(info)
        runs.append((np.array(observations), infos, env.unwrapped))
    return runs


@pytest.mark.parametrize("fault", [name for name in SENSOR_FAULTS if name != "age"])
@pytest.mark.parametrize("env_id", IDS)
def test_sensors_change_what_is_seen_of_measurements_and_nothing_else(env_id, fault):
    (true, infos, env), (seen, told, _) = paired(env_id, sensors=SENSOR_FAULTS[fault])
    assert infos == told
    differs = (true != seen).any(axis=0)
    measured = np.array([is_measured(signal) for signal in env.signals.observation])
    assert differs.any() and not (differs & ~measured).any()


@pytest.mark.parametrize("env_id", IDS)
def test_a_bias_shows_in_the_units_of_the_signal_whatever_the_table_counts_in(env_id):
    """Of an energy over a step, a temperature, and what is read after the step."""
    bias = {"it_power": 0.1, "supply_air_temperature_1": 0.5, "rack_inlet_max_1": -0.5, "cooling_power": 0.05}
    names = [signal.name for signal in gym.make(env_id).unwrapped.signals.observation]
    bias = {name: value for name, value in bias.items() if name in names}
    assert {"it_power", "cooling_power"} <= set(bias)
    (true, _, env), (seen, *_) = paired(env_id, sensors={"bias": bias})
    for name, value in bias.items():
        i = env.signals.index(name)
        signal = env.signals.observation[i]
        inside = (np.abs(true[:, i]) < 0.999) & (np.abs(seen[:, i]) < 0.999)
        assert inside.any()
        shown = (seen - true)[inside, i] * 0.5 * (signal.high - signal.low)
        assert_allclose(shown, value, atol=1e-5 * (signal.high - signal.low))


@pytest.mark.parametrize("env_id", IDS)
def test_a_delayed_reading_is_the_true_one_of_steps_before_and_says_how_old_it_is(env_id):
    (true, _, plain), (seen, _, env) = paired(env_id, sensors={"delay_s": {"it_power": 600}, "age": True})
    i = plain.signals.index("it_power")
    assert [signal.name for signal in env.signals.observation] == [
        *(signal.name for signal in plain.signals.observation),
        "it_power_age",
    ]
    assert env.observation_space.shape == (seen.shape[1],) == (true.shape[1] + 1,)
    assert_array_equal(seen[2:, i], true[:-2, i])
    assert_array_equal(seen[:2, i], true[[0, 0], i])
    age = 0.5 * (seen[:, -1] + 1.0) * 3600.0
    assert_allclose(age, [0.0, 300.0, *[600.0] * (len(age) - 2)], atol=1e-3)


def test_a_policy_of_an_environment_without_age_refuses_one_with_it(tmp_path):
    from dcsim_agents import make_controller
    from dcsim_agents.learned import save_policy
    from stable_baselines3 import PPO

    env = gym.make(IDS[0])
    folder = save_policy(PPO("MlpPolicy", env, n_steps=8, batch_size=8, device="cpu"), tmp_path / "policy", env)
    noisy = gym.make(IDS[0], sensors={"noise": 0.1}, failures=at_random("crah"))
    make_controller(folder, noisy).act(noisy.reset(seed=0)[0])
    with pytest.raises(InputError, match="it_power_age"):
        make_controller(folder, gym.make(IDS[0], sensors={"delay_s": {"it_power": 600}, "age": True}))


@pytest.mark.parametrize("env_id", IDS)
def test_actuators_stand_between_what_is_asked_for_and_the_plant(env_id):
    env = gym.make(env_id, actuators={"stuck": {"crah_fan_speed_1": {"start_hours": 0.0, "minutes": 20}}}).unwrapped
    env.reset(seed=0)
    i = [signal.name for signal in env.signals.action].index("crah_fan_speed_1")
    reached = env.batch.view("input.crah_fan_speed")[0]
    before = float(reached[0])
    low, high = env.signals.action[i].low, env.signals.action[i].high
    for step in range(8):
        env.step(np.ones(env.action_space.shape, np.float32))
        assert env.batch.setpoints[i, 0] == high > before >= low
        assert reached[0] == (before if step < 4 else high)


@pytest.mark.parametrize("env_id", IDS)
def test_a_failure_is_seen_when_it_happens_and_multiplies_what_a_task_takes_away(env_id):
    hall = hall_of(env_id)
    for component, count in hall.units.items():
        name = hall.types.availability[component]
        env = gym.make(
            env_id,
            failures={
                "schedule": [{"component": component, "units": 1, "start_hour": 0.5, "hours": 0.5, "remaining": 0.4}]
            },
        ).unwrapped
        env.reset(seed=0)
        rows = len(env.batch.view(f"input.{name}"))
        lost = [0.4] + [1.0] * (count - 1)
        expected = np.array(lost if rows == count else [np.mean(lost)])
        i = env.signals.indices(name)
        for step in range(14):
            share = expected if 6 <= step < 12 else np.ones(rows)
            assert_allclose(env.batch.view(f"input.{name}")[:, 0], share, rtol=1e-6)
            assert_allclose(0.5 * (env.batch.observation()[0, i] + 1.0), share, rtol=1e-6)
            env.step(np.zeros(env.action_space.shape, np.float32))


def test_outages_of_a_task_are_multiplied():
    env = gym.make("dcsim/Enterprise-v0", task="heat-wave", failures=one_of("chiller")).unwrapped
    env.reset(seed=0)
    available = env.batch.view("input.chiller_available")[:, 0]
    before = available.copy()
    for _ in range(4):
        env.step(np.zeros(env.action_space.shape, np.float32))
    assert before.max() < 1.0
    assert_allclose(available, before * [0.3, 1.0, 1.0], rtol=1e-6)


def test_a_task_may_take_one_of_several_units_that_act_as_one_and_a_failure_of_it_counts_once():
    config = configure(
        failures={"schedule": [{"component": "tower_fan", "units": "all", "start_hour": 0.5, "remaining": 0.5}]}
    )
    outage = Outage("tower_fan", 1, (1.0, 1.0), 1.0)
    source = EpisodeSource(replace(config, task=Task(outages=(outage,))))
    share = source.draw(RandomNumbers.of_seeds([0])).available["tower_fan_available"][0, :, 0]
    assert_allclose(share[[0, 5, 6, 11, 12, 23, 24]], [1.0, 1.0, 0.5, 0.5, 0.25, 0.25, 0.5])


@pytest.mark.parametrize("name", ["fixed", "rules", "pid", "g36-default", "g36"])
@pytest.mark.parametrize("env_id", IDS)
def test_baselines_go_on_with_everything_wrong(env_id, name):
    from dcsim_agents import make_controller

    env = gym.make_vec(env_id, num_envs=3, **everything(env_id), changes=WITHOUT_TRIP)
    controller = make_controller(name, env)
    controller.reset(seed=0)
    observation, _ = env.reset(seed=0)
    for _ in range(60):
        action = controller.act(observation)
        assert env.action_space.contains(action)
        observation, *_, info = env.step(action)
        assert (np.abs(info["energy_residual_w"]) < 1e-6 * info["it_power_w"]).all()


@pytest.mark.parametrize("env_id", IDS)
def test_what_could_run_is_told_of_the_step_made_last(env_id):
    hall = hall_of(env_id)
    component, count = list(hall.units.items())[-1]
    failure = {"component": component, "units": 1, "start_hour": 0.25, "hours": 0.25}
    env = gym.make(env_id, failures={"schedule": [failure]}).unwrapped
    env.reset(seed=0)
    means = [env.batch.could_run(component).mean()]
    for _ in range(8):
        env.step(np.zeros(env.action_space.shape, np.float32))
        means.append(env.batch.could_run(component).mean())
    assert_allclose(means, [1.0] * 4 + [1.0 - 1.0 / count] * 3 + [1.0] * 2, rtol=1e-6)
    assert (env.batch.could_run(next(iter(hall.units))) == 1.0).all()


# --- loss of all cooling ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("heat_capacity_per_power", "published"), [(1e-6, 11.8), (330e3 / 8e3, 1.30)], ids=["air alone", "with servers"]
)
def test_a_megawatt_without_cooling_heats_4200_m3_at_the_published_rates(tmp_path, heat_capacity_per_power, published):
    """11.8 K a minute for the air alone, 1.30 with servers of 330 kJ/K for each rack of 8 kW; the air rises first."""
    load = tmp_path / "full.csv"
    load.write_text("time,utilization [-]\n" + "".join(f"2023-05-15T{hour:02d}:00,1.0\n" for hour in range(24)))
    sealed = {
        "racks.rack_power": 5000.0,  # 200 of them
        "racks.leakage_coefficient": 0.0,
        "racks.fan_power_max_fraction": 0.0,
        "racks.heat_capacity_per_power": heat_capacity_per_power,
        "room.mass_conductance": 1e-6,
        "room.envelope_conductance": 0.0,
        "moisture": None,  # no outdoor air comes in
        "crahs.supply_air_heat_capacity": 1e3,
        "electrical.lighting_power": 0.0,
        "electrical.distribution_loss": [0.0, 0.0, 0.0],
    }
    components = hall_of("dcsim/Enterprise-v0").units
    env = gym.make(
        "dcsim/Enterprise-v0",
        workload=str(load),
        start="2023-05-15T01:00",
        control_interval_s=10.0,
        episode_days=0.01,
        changes={**sealed, **WITHOUT_TRIP},
        failures={"schedule": [{"component": name, "units": "all", "start_hour": 0.0} for name in components]},
    )
    env.reset(seed=0)
    inlets = []
    for _ in range(30):
        *_, info = env.step(np.zeros(env.action_space.shape, np.float32))
        assert_allclose(info["it_power_w"], 1e6, rtol=1e-12)
        assert abs(info["energy_residual_w"]) < 1e-6 * info["it_power_w"]
        assert info["pump_power_w"] == info["tower_fan_power_w"] == info["chiller_power_w"] == 0.0
        inlets.append(info["rack_inlet_mean_c"])
    rate = 6.0 * np.diff(inlets)  # K a minute
    assert_allclose(rate[20:], published, rtol=0.015)
    assert rate[0] > 1.5 * published


# --- options ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("env_id", IDS)
def test_nothing_asked_for_is_nothing_wrong(env_id):
    (plain, infos, _), (empty, told, env) = paired(env_id, sensors={}, actuators={}, failures={})
    assert_array_equal(plain, empty)
    assert infos == told
    assert not (env.batch.config.sensors or env.batch.config.actuators or env.batch.config.failures)


@pytest.mark.parametrize("env_id", IDS)
def test_every_component_of_a_hall_is_one_that_may_fail(env_id):
    assert set(hall_of(env_id).units) <= set(COMPONENTS)
    assert all(count >= 1 for count in hall_of(env_id).units.values())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"sensors": "noise"}, "sensors='noise': expected a mapping"),
        ({"sensors": {"nose": 0.1}}, "sensors: no option 'nose'; nearest is 'noise'"),
        ({"sensors": {"noise": {"rack_inlet_mx": 0.1}}}, "nearest is 'rack_inlet_max'"),
        ({"sensors": {"noise": {"chillers_on": 0.1}}}, "reaches no signal here"),
        ({"sensors": {"stuck": {"start_hours": 25}}}, "the episode ends after 24 hours"),
        ({"actuators": {"stroke": 5}}, "actuators: no option 'stroke'"),
        ({"actuators": {"stuck": {"crah_fan_sped": {"rate_per_day": 1}}}}, "nearest is 'crah_fan_speed'"),
        ({"failures": {"random": {"chiler": {"mtbf_hours": 9, "repair_hours": 1}}}}, "nearest is 'chiller'"),
        ({"failures": {"schedule": [{"component": "crah", "units": 5, "start_hour": 1}]}}, "this hall has crah 1 to 4"),
        ({"failures": all_of("crah"), "episode_days": 0.01}, "the episode ends after 0.25 hours"),
    ],
)
def test_a_wrong_option_is_told_in_one_line(options, words):
    with pytest.raises(InputError) as caught:
        configure(**options)
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_a_snapshot_of_an_environment_with_other_faults_is_refused():
    plain, noisy = gym.make(IDS[0]).unwrapped, gym.make(IDS[0], sensors={"noise": 0.1}).unwrapped
    plain.reset(seed=0)
    with pytest.raises(InputError, match="snapshot of another environment: sensors"):
        noisy.restore(plain.snapshot())
