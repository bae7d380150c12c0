"""The environments keep Gymnasium's and our own contracts."""

import json
import subprocess
import sys
import warnings

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from numpy.testing import assert_allclose, assert_array_equal

import dcsim
from dcsim.envs.meters import Meters
from dcsim.envs.rewards import DEFAULT_WEIGHTS, TERMS
from dcsim.envs.tasks import tasks_for
from dcsim.errors import InputError
from dcsim.plant.hall import build_hall

IDS = dcsim.ids()
HALLS = {name: build_hall(gym.spec(name).kwargs["hall"]) for name in IDS}
CASES = [(name, task) for name in IDS for task in (None, *tasks_for(HALLS[name]))]
CONTRACT_KEYS = frozenset(
    "time_s it_power_w server_fan_power_w cooling_power_w electrical_loss_w facility_power_w thermal_power_w "  # noqa: SIM905
    "cooling_energy_kwh thermal_energy_kwh facility_energy_kwh pue tue water_l carbon_kg energy_cost rack_inlet_max_c "
    "rack_inlet_mean_c violation_k_min supply_shortfall_k_min dew_point_excess_k_min dew_point_shortfall_k_min "
    "rate_excess_k_min cost energy_residual_w".split()
)


@pytest.fixture(params=IDS)
def env_id(request):
    return request.param


def make(env_id, **options):
    return gym.make(env_id, **{"start": "2023-05-15", **options})


@pytest.mark.filterwarnings("error")
def test_gymnasium_checker_passes_without_a_warning(env_id):
    check_env(gym.make(env_id).unwrapped, skip_render_check=True)


@pytest.mark.filterwarnings("error")
def test_stable_baselines_checker_passes_without_a_warning(env_id):
    from stable_baselines3.common.env_checker import check_env as check_for_sb3

    check_for_sb3(gym.make(env_id).unwrapped, warn=True)


def test_the_spec_is_json(env_id):
    spec = make(env_id, weather="denver", reward={"travel": 0.01}).spec
    assert json.loads(spec.to_json())["id"] == env_id
    assert gym.make(gym.envs.registration.EnvSpec.from_json(spec.to_json())).unwrapped.signals


@pytest.mark.parametrize(("env_id", "task"), CASES)
def test_same_seed_same_numbers_and_rows_equal_singles_to_the_bit(env_id, task):
    options = {"task": task} if task else {"weather": ["chicago", "miami"]}
    n, steps = 5, 6
    vector = gym.make_vec(env_id, num_envs=n, **options)
    rng = np.random.default_rng(0)
    actions = rng.uniform(-1, 1, (steps, n, *vector.single_action_space.shape)).astype(np.float32)
    observation, info = vector.reset(seed=40)
    record = [(observation, np.zeros(n), info)]
    for action in actions:
        observation, reward, _, _, info = vector.step(action)
        record.append((observation, reward, info))
    single = gym.make(env_id, **options)
    for row in range(n):
        observation, info = single.reset(seed=40 + row)
        for step in range(steps + 1):
            reward = 0.0
            if step:
                observation, reward, *_, info = single.step(actions[step - 1, row])
            assert_array_equal(observation, record[step][0][row])
            assert reward == record[step][1][row]
            assert {name: record[step][2][name][row] for name in info} == info


@pytest.mark.slow
def test_same_seed_same_numbers_in_another_process(env_id):
    code = (
        "import gymnasium as gym, numpy as np, dcsim, sys; "
        f"env = gym.make({env_id!r}); env.reset(seed=7); a = np.linspace(-1, 1, env.action_space.shape[0], dtype=np.float32); "
        "print(repr([env.step(a)[1] for _ in range(4)]))"
    )
    runs = {
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
        for _ in range(2)
    }
    assert len(runs) == 1


def test_reset_without_a_seed_goes_on_and_with_one_starts_over():
    env = gym.make(IDS[0])
    first = env.reset(seed=3)[0]
    second = env.reset()[0]
    assert not np.array_equal(first, second)
    assert_array_equal(env.reset(seed=3)[0], first)
    assert_array_equal(env.reset()[0], second)


def test_info_has_the_promised_keys_at_reset_and_step_as_plain_numbers(env_id):
    env = make(env_id)
    _, at_reset = env.reset(seed=0)
    *_, at_step = env.step(env.action_space.sample())
    types = env.unwrapped.batch.config.hall.types
    more = {*(f"{name}_power_w" for name in types.meters), *types.watched, *types.costs}
    assert set(at_reset) == set(at_step) == {*Meters.KEYS, *more, *(f"reward_{name}" for name in TERMS)}
    assert set(at_step) >= CONTRACT_KEYS
    assert all(type(value) is float for info in (at_reset, at_step) for value in info.values())


def test_powers_and_energies_fit_together(env_id):
    env = make(env_id)
    env.reset(seed=1)
    env.action_space.seed(1)
    for _ in range(5):
        *_, i = env.step(env.action_space.sample())
        assert_allclose(
            i["facility_power_w"], i["it_power_w"] + i["cooling_power_w"] + i["electrical_loss_w"], rtol=1e-12
        )
        assert_allclose(i["facility_energy_kwh"], i["facility_power_w"] * 300 / 3.6e6, rtol=1e-12)
        assert_allclose(i["pue"], i["facility_power_w"] / i["it_power_w"], rtol=1e-12)
        assert_allclose(i["tue"], i["facility_power_w"] / (i["it_power_w"] - i["server_fan_power_w"]), rtol=1e-12)
        assert i["thermal_power_w"] >= i["cooling_power_w"] + i["server_fan_power_w"]
        assert abs(i["energy_residual_w"]) < 1e-6 * i["it_power_w"]
        parts = [i[f"{name}_power_w"] for name in env.unwrapped.batch.config.hall.types.meters]
        assert_allclose(i["cooling_power_w"], sum(parts), rtol=1e-12)


def test_the_safety_cost_is_the_sum_of_its_terms(env_id):
    terms = (
        "violation_k_min",
        "supply_shortfall_k_min",
        "dew_point_excess_k_min",
        "dew_point_shortfall_k_min",
        "rate_excess_k_min",
    )
    env = make(env_id, task="crah-failure")
    _, at_reset = env.reset(seed=3)
    assert all(at_reset[name] == 0.0 for name in (*terms, "cost"))
    coldest, costs = -np.ones(env.action_space.shape, np.float32), []
    for _ in range(60):
        *_, info = env.step(coldest)
        assert all(info[name] >= 0.0 for name in terms)
        assert_allclose(info["cost"], sum(info[name] for name in terms), rtol=1e-12)
        costs.append(info["cost"])
    assert max(costs) > 0.0


def test_reward_is_the_sum_of_its_terms_and_never_below_minus_one_without_a_trip(env_id):
    env = make(env_id)
    env.reset(seed=2)
    env.action_space.seed(2)
    for _ in range(20):
        _, reward, terminated, _, info = env.step(env.action_space.sample())
        assert_allclose(reward, sum(info[f"reward_{name}"] for name in TERMS), rtol=1e-12)
        assert terminated or -1.0 - 1e-12 <= reward <= 0.0
        if reward > -1.0 + 1e-9:
            design = env.unwrapped.batch.config.hall.design_it_power
            assert_allclose(info["reward_thermal_power"], -info["thermal_power_w"] / design, rtol=1e-12)


def test_weights_change_the_reward_and_nothing_else():
    a, b = make(IDS[0]), make(IDS[0], reward={"thermal_power": 2.0, "travel": 0.0})
    a.reset(seed=5), b.reset(seed=5)
    action = np.zeros(a.action_space.shape, np.float32)
    one, two = a.step(action), b.step(action)
    assert_array_equal(one[0], two[0])
    assert_allclose(two[4]["reward_thermal_power"], 2.0 * one[4]["reward_thermal_power"])
    assert two[4]["reward_travel"] == 0.0 and DEFAULT_WEIGHTS["travel"] > 0.0


def test_the_clock_truncates_and_nothing_else_does(env_id):
    env = make(env_id, episode_days=0.05)
    env.reset(seed=0)
    ends = [env.step(np.zeros(env.action_space.shape, np.float32))[2:4] for _ in range(14)]
    assert ends[-1] == (False, True) and set(ends[:-1]) == {(False, False)}


def test_a_trip_terminates_and_is_charged_for_every_step_left():
    """Without CRAHs or protection worth the name a full hall trips; ending early never pays."""
    env = make(
        IDS[0],
        workload="flat",
        task="crah-failure",
        changes={"crahs.mass_flow": 25.0, "coils.conductance": 5e3, "limits.trip_temperature": 34.0},
    )
    env.reset(seed=0)
    steps = env.unwrapped.batch.config.episode_steps
    for k in range(1, steps + 1):  # noqa: B007 (read after the loop)
        _, reward, terminated, truncated, info = env.step(-np.ones(env.action_space.shape, np.float32))
        if terminated:
            break
    assert terminated and not truncated
    assert info["reward_trip"] == -(steps - k)
    assert reward <= -(steps - k)


def test_snapshot_and_restore_give_the_identical_future(env_id):
    env = make(env_id, task="crah-failure")
    env.reset(seed=9)
    rng = np.random.default_rng(1)
    actions = rng.uniform(-1, 1, (12, *env.action_space.shape)).astype(np.float32)
    for action in actions[:4]:
        env.step(action)
    inner = env.unwrapped
    kept = inner.snapshot()
    first = [inner.step(action) for action in actions[4:]]
    inner.reset()
    inner.step(actions[0])
    inner.restore(kept)
    again = [inner.step(action) for action in actions[4:]]
    for a, b in zip(first, again, strict=True):
        assert_array_equal(a[0], b[0])
        assert a[1:] == b[1:]
    fresh = inner.reset()[0]
    inner.restore(kept)
    assert_array_equal(inner.reset()[0], fresh)


def test_vector_environment_restarts_what_has_ended_within_the_step(env_id):
    n = 3
    env = gym.make_vec(env_id, num_envs=n, episode_days=0.02)
    env.reset(seed=0)
    action = np.zeros(env.action_space.shape, np.float32)
    for _ in range(5):
        observation, *_, info = env.step(action)
        assert "final_obs" not in info
    observation, _, terminated, truncated, info = env.step(action)
    assert truncated.all() and not terminated.any()
    assert info["_final_obs"].all() and not np.array_equal(info["final_obs"], observation)
    assert (info["final_info"]["thermal_energy_kwh"] > 0).all() and (info["thermal_energy_kwh"] == 0).all()
    assert env.step(action)[3].sum() == 0


def test_episodes_start_settled(env_id):
    """With its set-points held, load and weather constant, a start hardly moves."""
    env = gym.make(env_id, workload="flat", start="2023-04-10")
    env.reset(seed=0)
    batch = env.unwrapped.batch
    held = batch.action_map.actions(batch.setpoints)
    first = batch.state.rack_inlet_temperature.copy()
    power = batch.info()["thermal_power_w"]
    dew_point = batch.state.room_dew_point.copy() if "moisture" in batch.config.hall else 0.0
    for _ in range(3):
        *_, info = env.step(held[0])
    assert np.abs(batch.state.rack_inlet_temperature - first).max() < 0.7
    assert_allclose(info["thermal_power_w"], power, rtol=0.06)
    assert_allclose(batch.state.room_dew_point if "moisture" in batch.config.hall else 0.0, dew_point, atol=0.2)


def test_the_truth_is_what_comes():
    env = make(IDS[0], observation={"forecast": "truth"})
    signals = env.unwrapped.signals
    observation, _ = env.reset(seed=0)
    ahead = observation[signals.index("wet_bulb_truth_1h")]
    load_ahead = observation[signals.index("utilization_truth_1h")]
    for _ in range(12):
        observation, *_ = env.step(np.zeros(env.action_space.shape, np.float32))
    assert_allclose(observation[signals.index("wet_bulb_temperature")], ahead, atol=2e-6)
    # the two are scaled alike
    assert_allclose(observation[signals.index("utilization_mean")], load_ahead, atol=2e-6)


def test_signals_describe_every_element(env_id):
    env = make(env_id)
    signals = env.unwrapped.signals
    assert len(signals.observation) == env.observation_space.shape[0]
    assert len(signals.action) == env.action_space.shape[0]
    names = [signal.name for signal in signals.observation]
    assert len(set(names)) == len(names)
    assert all(signal.low < signal.high and signal.meaning for signal in (*signals.observation, *signals.action))
    observation, info = env.reset(seed=0)
    i = signals.index("it_power")
    signal = signals.observation[i]
    value = signal.low + 0.5 * (observation[i] + 1.0) * (signal.high - signal.low)
    assert_allclose(value * env.unwrapped.batch.config.hall.design_it_power, info["it_power_w"], rtol=1e-5)


def test_set_points_move_within_their_rates():
    env = make(IDS[0])
    env.reset(seed=0)
    batch = env.unwrapped.batch
    before = batch.state.supply_air_setpoint.copy()
    env.step(np.ones(env.action_space.shape, np.float32))
    assert_allclose(batch.state.supply_air_setpoint - before, np.minimum(24.0 - before, 2.5), atol=1e-9)  # 0.5 K/min


@pytest.mark.parametrize(
    "options, said",
    [
        ({"weather": "chigaco"}, "chicago"),
        ({"hall": "enterprise"}, "enterprise-1mw"),
        ({"task": "heatwave"}, "heat-wave"),
        ({"workload": "enterprize"}, "enterprise"),
        ({"grid": "tou"}, "tou-2to1"),
        ({"start": "15 May"}, "ISO date"),
        ({"episode_days": -1}, "episode_days"),
        ({"control_interval_s": 0}, "control_interval_s"),
        ({"observation": {"forecasts": True}}, "forecast"),
        ({"reward": {"thermal": 1.0}}, "thermal_power"),
        ({"reward": {"travel": float("nan")}}, "travel"),
        ({"changes": {"crahs.fan_pwer": 1.0}}, "fan_power"),
        ({"changes": {"crahs.fan_power": -1.0}}, "below 0"),
    ],
)
def test_bad_options_are_refused_with_one_line_that_helps(options, said):
    with pytest.raises(InputError) as error:
        gym.make(IDS[0], **options)
    assert said in str(error.value) and "\n" not in str(error.value)


def test_weather_of_a_part_of_the_year_serves_inside_it(tmp_path):
    file = tmp_path / "july.csv"
    rows = "".join(
        f"2023-07-{day:02d}T{hour:02d}:00,{20 + 5 * (hour > 8)},0.5\n" for day in range(10, 13) for hour in range(24)
    )
    file.write_text("time,dry_bulb [degC],relative_humidity [-]\n" + rows)
    env = gym.make(IDS[0], weather=str(file))
    for seed in range(3):
        _, info = env.reset(seed=seed)
        assert 190 <= info["time_s"] / 86400 < 192
    outside = gym.make(IDS[0], weather=str(file), start="2023-08-01")
    with pytest.raises(InputError, match="covers 07-10 00:00"):
        outside.reset(seed=0)
    with pytest.raises(InputError, match="no whole episode"):
        gym.make(IDS[0], weather=str(file), episode_days=5).reset(seed=0)


def test_an_action_that_is_not_a_number_is_refused_with_its_index(env_id):
    env = gym.make_vec(env_id, num_envs=3)
    env.reset(seed=0)
    actions = np.zeros(env.action_space.shape, np.float32)
    column = [signal.name for signal in env.unwrapped.signals.action].index("crah_fan_speed_1")
    actions[1, column] = np.nan
    with pytest.raises(InputError, match=rf"action\[1, {column}\] \(crah_fan_speed_1\)"):
        env.step(actions)


def test_a_short_random_walk_stays_inside_every_space(env_id):
    """The long one is `python -m dcsim_experiments.soak`."""
    task = "heat-wave" if "heat-wave" in tasks_for(HALLS[env_id]) else "fouled-condensers"
    env = gym.make_vec(env_id, num_envs=32, weather=["miami", "denver"], task=task)
    env.reset(seed=0)
    env.action_space.seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(60):
            observation, reward, _, _, info = env.step(env.action_space.sample())
            assert env.observation_space.contains(observation)
            assert np.isfinite(reward).all()
            assert (np.abs(info["energy_residual_w"]) < 1e-6 * info["it_power_w"]).all()


def test_energy_closes_in_single_precision_too(env_id):
    env = gym.make_vec(env_id, num_envs=4, dtype="float32", weather="chicago", episode_days=0.5)
    env.reset(seed=0)
    rng = np.random.default_rng(0)
    residual = power = np.zeros(4)
    for _ in range(143):
        *_, info = env.step(rng.uniform(-1, 1, env.action_space.shape).astype(np.float32))
        residual, power = residual + info["energy_residual_w"], power + info["it_power_w"]
        assert (np.abs(info["energy_residual_w"]) < 1e-3 * info["it_power_w"]).all()
    assert (np.abs(residual) < 1e-3 * power).all()  # summed over the episode


def test_a_snapshot_of_another_environment_is_refused_by_what_differs():
    one = gym.make("dcsim/Enterprise-v0").unwrapped
    one.reset(seed=0)
    for keywords, said in (
        ({"weather": "denver"}, "weather"),
        ({"task": "load-step"}, "task"),
        ({"changes": {"racks.rack_power": 3000.0}}, "hall"),
        ({"control_interval_s": 60.0}, "episode_steps"),
    ):
        other = gym.make("dcsim/Enterprise-v0", **keywords).unwrapped
        with pytest.raises(InputError, match=f"snapshot of another environment: {said} "):
            other.restore(one.snapshot())


def test_no_step_outside_an_episode():
    env = gym.make("dcsim/Enterprise-v0", episode_days=1 / 144).unwrapped
    action = np.zeros(env.action_space.shape, np.float32)
    with pytest.raises(InputError, match="call reset"):
        env.step(action)
    env.reset(seed=0)
    env.step(action)
    assert env.step(action)[3]
    with pytest.raises(InputError, match="call reset"):
        env.step(action)
    vector = gym.make_vec("dcsim/Enterprise-v0", num_envs=2)
    with pytest.raises(InputError, match="call reset"):
        vector.step(np.zeros((2, len(action)), np.float32))


def test_long_control_intervals_see_the_mean_weather_of_each():
    env = gym.make("dcsim/Enterprise-v0", control_interval_s=3600.0, start="2023-07-20").unwrapped
    short = gym.make("dcsim/Enterprise-v0", start="2023-07-20").unwrapped
    rows = [e.batch.view("input.dry_bulb_temperature")[0] for e in (env, short)]
    env.reset(seed=0)
    short.reset(seed=0)
    action = np.zeros(env.action_space.shape, np.float32)
    for _ in range(8):
        hour = rows[0][0]
        parts = []
        for _ in range(12):
            parts.append(rows[1][0])
            short.step(action)
        assert_allclose(hour, np.mean(parts), atol=1e-4)
        env.step(action)


def test_forecasts_use_nothing_later_than_now():
    """Two episodes that agree until noon and not after have the same forecasts until noon."""
    env = gym.make("dcsim/Enterprise-v0", start="2023-07-20", observation={"forecast": True}).unwrapped
    signals = env.signals
    columns = [signals.index(f"{name}_forecast_{h}h") for name in ("wet_bulb", "utilization") for h in (1, 2, 4, 8, 24)]
    source = env.batch._episodes
    generate = type(source._config.workload).generate

    def seen(change):
        def changed(workload, *arguments, **keywords):
            load = generate(workload, *arguments, **keywords)
            load[:, 12 + 144 :] += change  # an hour before the start, and half a day
            return np.clip(load, 0.0, 1.0)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(type(source._config.workload), "generate", changed)
            observation, _ = env.reset(seed=0)
        rows = [observation]
        for _ in range(143):
            rows.append(env.step(np.zeros(env.action_space.shape, np.float32))[0])
        return np.array(rows)[:, columns]

    np.testing.assert_array_equal(seen(0.0), seen(0.2))


def test_a_reset_may_say_where_each_episode_starts():
    dates = ["2023-02-01", "2023-07-20", "2023-11-05"]
    vector = gym.make_vec("dcsim/Enterprise-v0", num_envs=3)
    rows, info = vector.reset(seed=5, options={"start": dates})
    assert_allclose(info["time_s"] / 86400.0, [31.0, 200.0, 308.0])
    for row, date in enumerate(dates):
        single = gym.make("dcsim/Enterprise-v0")
        np.testing.assert_array_equal(single.reset(seed=5 + row, options={"start": date})[0], rows[row])
        fixed = gym.make("dcsim/Enterprise-v0", start=date)
        np.testing.assert_array_equal(fixed.reset(seed=5 + row)[0], rows[row])
    with pytest.raises(InputError, match="for each of 3 environments"):
        vector.reset(options={"start": dates[:2]})
    with pytest.raises(InputError, match="2023-13-01"):
        vector.reset(options={"start": [*dates[:2], "2023-13-01"]})
