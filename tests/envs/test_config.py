"""Keyword arguments are checked, and what they name is loaded."""

from dataclasses import replace
from importlib import resources

import numpy as np
import pytest

from dcsim.drivers import load_weather
from dcsim.envs.config import configure
from dcsim.envs.rewards import DEFAULT_WEIGHTS
from dcsim.errors import InputError


def message_of(**options) -> str:
    """Return the one line with which the options are refused."""
    with pytest.raises(InputError) as caught:
        configure(**options)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 400
    return message


@pytest.mark.parametrize(
    ("option", "forecast"),
    [
        (None, ""),
        ({}, ""),
        ({"forecast": None}, ""),
        ({"forecast": False}, ""),
        ({"forecast": True}, "persistence"),
        ({"forecast": "persistence"}, "persistence"),
        ({"forecast": "truth"}, "truth"),
    ],
)
def test_a_forecast_is_honest_unless_the_truth_is_asked_for(option, forecast):
    config = configure(observation=option)
    assert config.forecast == forecast
    assert config.with_forecast is bool(forecast)


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ({"forecast": "no"}, "observation: forecast='no'"),
        ({"forecast": "trueth"}, "nearest is 'truth'"),
        ({"forecast": 1}, "observation: forecast=1"),
        ({"forecast": ["truth"]}, "observation: forecast=['truth']"),
        ({"forcast": True}, "observation: no option 'forcast'; nearest is 'forecast'"),
        ({3: True}, "observation: no option 3"),
        (["forecast"], "observation=['forecast']: expected a mapping"),
        ("forecast", "observation='forecast': expected a mapping"),
    ],
)
def test_a_wrong_observation_is_refused(option, words):
    assert words in message_of(observation=option)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"wether": "chicago"}, "no keyword argument 'wether'; nearest is 'weather'"),
        ({"sensors": "noise"}, "sensors='noise': expected a mapping"),
        ({"weather": 5}, "weather=5: expected a climate or file, or several"),
        ({"weather": None}, "weather=None: expected a climate or file, or several"),
        ({"weather": [None]}, "weather=[None]: expected a climate or file, or several"),
        ({"weather": []}, "weather=[]: expected a climate or file, or several"),
        ({"weather": "x" * 5000}, "unknown weather 'xxx"),
        ({"weather": "x" * 5000 + ".epw"}, "does not exist"),
        ({"weather": "a\0b.epw"}, "does not exist"),
        ({"workload": 3}, "workload=3: expected a name or file"),
        ({"workload": ["ai"]}, "workload=['ai']: expected a name or file"),
        ({"workload": ""}, "unknown workload ''"),
        ({"grid": 3}, "grid=3: expected a name or file"),
        ({"grid": 1}, "grid=1: expected a name or file"),
        ({"task": 4}, "no task 4"),
        ({"task": ["heat-wave"]}, "no task ['heat-wave']; nearest is 'heat-wave'"),
        ({"start": 5}, "start=5: expected an ISO date, or several"),
        ({"start": [5]}, "start=[5]: expected an ISO date, or several"),
        ({"start": "a\nb" * 500}, "start 'a\\nb"),
        ({"start": []}, "start=[]: expected an ISO date, or several"),
        ({"reward": ["travel"]}, "reward=['travel']: expected a mapping"),
        ({"reward": "travel"}, "reward='travel': expected a mapping"),
        ({"reward": {3: 1}}, "reward: 3: 1: expected names of terms with numbers"),
        ({"reward": {"travel": True}}, "reward: 'travel': True"),
        ({"reward": {"travle": 1.0}}, "nearest is 'travel'"),
        ({"reward": dict.fromkeys(DEFAULT_WEIGHTS, 0.0)}, "every weight is 0"),
        ({"changes": [1]}, "changes=[1]: expected a mapping"),
        ({"changes": {1: 2}}, "hall field 1: expected a dotted name"),
        ({"changes": {"crahs.fan_power": float("inf")}}, "crahs.fan_power.value"),
        ({"changes": {"crahs.fan_power": float("nan")}}, "crahs.fan_power.value"),
        ({"changes": {"crahs.fan_pwr": 1.0}}, "nearest is 'fan_power'"),
        ({"hall": 3}, "hall=3: expected a name or file"),
        ({"hall": None}, "hall=None: expected a name or file"),
        ({"hall": "x" * 5000 + ".yaml"}, "no such hall file"),
        ({"threads": "2"}, "threads='2': expected a whole number"),
        ({"threads": 0}, "threads=0: expected a whole number"),
        ({"threads": -1}, "threads=-1: expected a whole number"),
        ({"threads": 1.5}, "threads=1.5: expected a whole number"),
        ({"threads": True}, "threads=True: expected a whole number"),
        ({"engine": "fussed"}, "nearest is 'fused'"),
        ({"engine": None}, "engine=None: known: fused, numpy, torch, torch:cuda"),
        ({"engine": "torch:tpu"}, "engine='torch:tpu': no device 'tpu' for torch here"),
        ({"dtype": "float16"}, "dtype='float16': known: float64, float32"),
        ({"control_interval_s": 0.5}, "control_interval_s=0.5: expected 1 to 3600 s"),
        ({"control_interval_s": 7200}, "nearest is 3600"),
        ({"control_interval_s": 299}, "divide a day evenly; nearest is 298.96"),
        ({"control_interval_s": True}, "control_interval_s=True: expected a number"),
        ({"control_interval_s": float("nan")}, "control_interval_s=nan"),
        ({"control_interval_s": -5}, "control_interval_s=-5"),
        ({"episode_days": 366}, "episode_days=366: expected a number above 0, at most 365"),
        ({"episode_days": 0}, "episode_days=0"),
        ({"episode_days": True}, "episode_days=True: expected a number"),
        ({"episode_days": 10**400}, "episode_days=1000"),
        ({"episode_days": "1"}, "episode_days='1': expected a number"),
        ({"episode_days": 1e-6}, "shorter than one control interval"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(options, words):
    assert words in message_of(**options)


def test_nothing_asked_for_is_the_default():
    config = configure(sensors={}, changes={}, reward=None, observation=None, start=None)
    assert config.start_s == ()
    assert config.weights == DEFAULT_WEIGHTS


@pytest.mark.parametrize("kind", ["weather", "workload", "grid"])
def test_a_folder_is_called_one(kind, tmp_path):
    assert "is a folder, give a file" in message_of(**{kind: str(tmp_path)})


def test_a_folder_is_no_hall(tmp_path):
    folder = tmp_path / "hall.yaml"
    folder.mkdir()
    assert "a folder, not a hall file" in message_of(hall=str(folder))


def test_a_slip_in_a_hall_file_is_reported_as_the_slip(tmp_path):
    text = resources.files("dcsim.plant").joinpath("presets", "enterprise-1mw.yaml").read_text()
    path = tmp_path / "hall.yaml"
    path.write_text(text.replace("fan_power:", "fan_pwr:", 1))
    assert "fan_pwr: unknown key; nearest is 'fan_power'" in message_of(hall=str(path))


# ---- the site's clock


def hourly(path, header, stamp=""):
    """Write a week whose values are the hour of the day over 100."""
    rows = (f"2023-01-{2 + k // 24:02d}T{k % 24:02d}:00{stamp},{(k % 24) / 100}" for k in range(7 * 24))
    path.write_text("\n".join([header, *rows]) + "\n")
    return str(path)


@pytest.mark.parametrize(("header", "stamp"), [("time [UTC]", ""), ("time_utc", ""), ("time", "Z")])
def test_a_load_in_universal_time_is_moved_to_the_clock_of_the_site(tmp_path, header, stamp):
    path = hourly(tmp_path / "load.csv", f"{header},utilization [-]", stamp=stamp)
    load = configure(weather="chicago", workload=path).workload
    # 12:00 universal time is 06:00 in Chicago
    assert load.expected(6 * 3600.0) == pytest.approx(0.12)
    assert configure(weather=["chicago", "urbana"], workload=path).workload.is_universal
    assert "have UTC offsets of -6, -5 h" in message_of(weather=["chicago", "miami"], workload=path)


def test_a_load_in_local_time_stays_as_it_is(tmp_path):
    path = hourly(tmp_path / "load.csv", "time,utilization [-]")
    assert configure(weather=["chicago", "miami"], workload=path).workload.expected(6 * 3600.0) == pytest.approx(0.06)


def test_a_grid_in_universal_time_needs_one_clock(tmp_path):
    path = hourly(tmp_path / "grid.csv", "time [UTC],price [USD/kWh]")
    assert "grid file" in message_of(weather=["chicago", "miami"], grid=path)


def test_the_load_has_the_weekdays_of_the_weather(monkeypatch):
    monday = replace(load_weather("chicago"), first_weekday=0)
    monkeypatch.setattr("dcsim.envs.config.load_weather", lambda name: monday)
    load = configure().workload
    week = load.expected((np.arange(7) + 0.5) * 86_400.0)
    assert load.first_weekday == 0
    assert week[5:].max() < week[:5].min()
