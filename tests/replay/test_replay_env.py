"""An environment on the weather and load of a log."""

import gymnasium as gym
import numpy as np
import pandas as pd
import pytest
import yaml
from gymnasium.utils.env_checker import check_env

import dcsim  # noqa: F401
from dcsim.errors import InputError

HALL = "edge-dx-50kw"


@pytest.fixture
def options(written):
    log = written(steps=300)
    log.frame = log.frame.drop(columns=["compressor_on_1", "compressor_on_2"])  # machines are the environment's own
    log.read()
    return {"log": str(log.path), "mapping": str(log.mapping_path), "hall": HALL}, log.frame


def test_weather_and_load_are_the_logs(options):
    keywords, frame = options
    env = gym.make("dcsim/Replay-v0", **keywords).unwrapped
    env.reset(seed=0)
    read, names = env.batch.table.view, [f"utilization_{k}" for k in range(1, 11)]
    for k in range(6):
        rows = frame.iloc[60 + 5 * k : 65 + 5 * k]  # the first step comes an hour after the log's first value
        np.testing.assert_allclose(read("input.utilization")[:, 0], rows[names].mean(), rtol=1e-6)
        if k:  # of weather, means of table rows between two values
            before = frame.iloc[55 + 5 * k : 60 + 5 * k]["dry_bulb_temperature_1"].mean()
            now = rows["dry_bulb_temperature_1"].mean()
            low, high = sorted((before, now))
            next_ = frame.iloc[65 + 5 * k : 70 + 5 * k]["dry_bulb_temperature_1"].mean()
            assert min(low, next_) - 1e-4 <= read("input.dry_bulb_temperature")[0, 0] <= max(high, next_) + 1e-4
        env.step(np.zeros(env.action_space.shape, np.float32))
    env.close()


def test_it_is_an_environment_like_the_others(options):
    check_env(gym.make("dcsim/Replay-v0", **options[0]).unwrapped, skip_render_check=True)


def test_rows_of_many_equal_the_single_one(options):
    many = gym.make_vec("dcsim/Replay-v0", num_envs=3, **options[0])
    one = gym.make("dcsim/Replay-v0", **options[0])
    observations, _ = many.reset(seed=4)
    observation, _ = one.reset(seed=5)
    np.testing.assert_array_equal(observations[1], observation)


def test_an_episode_ends_with_the_log(options):
    env = gym.make("dcsim/Replay-v0", **options[0])
    env.reset(seed=0)
    steps, truncated = 0, False
    while not truncated:
        _, _, terminated, truncated, _ = env.step(np.zeros(env.action_space.shape, np.float32))
        assert not terminated
        steps += 1
    assert steps == 300 // 5 - 12


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"log": None}, "log= is missing"),
        ({"mapping": None}, "mapping= is missing"),
        ({"workload": "flat"}, "leave workload= out"),
        ({"hall": "enterprise-1mw"}, "utilization is mapped for some"),
    ],
)
def test_what_is_missing_is_said(options, changes, words):
    with pytest.raises(InputError, match=words):
        gym.make("dcsim/Replay-v0", **{**options[0], **changes})


@pytest.fixture(scope="module")
def three_years(tmp_path_factory):
    """A log whose load is 0.1 times the last digit of the year, and its mapping."""
    folder = tmp_path_factory.mktemp("years")
    time = pd.date_range("2021-06-01T00:00Z", "2023-12-01T00:00Z", freq="2h")
    table = pd.DataFrame({"load": 0.1 * (time.year - 2020), "oat": 15.0, "dew": 5.0}, index=time)
    table.to_csv(folder / "log.csv", index_label="time")
    signals = {"load": "utilization", "oat": "dry_bulb_temperature", "dew": "dew_point_temperature"}
    units = {"load": "-", "oat": "degC", "dew": "degC"}
    lines = {name: {"signal": signal, "unit": units[name]} for name, signal in signals.items()}
    (folder / "mapping.yaml").write_text(yaml.safe_dump({"channels": lines}))
    return {"log": str(folder / "log.csv"), "mapping": str(folder / "mapping.yaml"), "hall": HALL}


def load_at_first_step(options):
    env = gym.make("dcsim/Replay-v0", **options).unwrapped
    env.reset(seed=0)
    return env.batch.table.view("input.utilization")[:, 0]


@pytest.mark.parametrize("year", [2021, 2022, 2023])
def test_a_date_takes_its_year_of_a_long_log(three_years, year):
    load = load_at_first_step({**three_years, "start": f"{year}-09-10"})
    np.testing.assert_allclose(load, 0.1 * (year - 2020), rtol=1e-6)


def test_of_a_long_log_the_last_year_is_taken_and_that_is_said(three_years):
    with pytest.warns(
        UserWarning, match="from 2021-06-01 to 2023-12-01; an environment takes a year of it, here the last"
    ):
        load = load_at_first_step({**three_years, "start": "09-10"})
    np.testing.assert_allclose(load, 0.3, rtol=1e-6)


@pytest.mark.parametrize(
    ("start", "words"), [("2019-09-10", "is not in log.csv"), (["2021-07-01", "2022-09-01"], "427 days apart")]
)
def test_dates_that_no_year_of_the_log_holds_are_refused(three_years, start, words):
    with pytest.raises(InputError, match=words):
        gym.make("dcsim/Replay-v0", **three_years, start=start)
