"""Every baseline runs every environment through an ordinary day without breaking a limit."""

import gymnasium as gym
import numpy as np
import pytest
from dcsim_agents import make_controller
from episodes import BASELINES, ENV_IDS, ON_DX, ON_LIQUID, ON_WATER, run_episode

from dcsim.drivers import built_in_climates, load_weather
from dcsim.envs.tasks import warmest_days

DAYS = {"spring": "2023-05-15", "summer": "2023-07-20"}


@pytest.mark.parametrize("day", DAYS)
@pytest.mark.parametrize("name", BASELINES)
@pytest.mark.parametrize("env_id", ENV_IDS)
def test_a_nominal_day_has_no_violation(env_id: str, name: str, day: str) -> None:
    env = gym.make(env_id, weather="chicago", start=DAYS[day])
    episode = run_episode(env, make_controller(name, env), seed=0)
    assert len(episode["reward"]) == 288
    assert episode["violation_k_min"].sum() == 0.0
    assert episode["dew_point_excess_k_min"].sum() == episode["dew_point_shortfall_k_min"].sum() == 0.0
    assert episode["rate_excess_k_min"].sum() == 0.0
    assert episode["rack_inlet_max_c"].max() <= 27.0
    assert np.abs(episode["action"]).max() <= 1.0
    assert np.isfinite(episode["action"]).all()


@pytest.mark.parametrize("task", ["tou-tank", "carbon-tank", "staging"])
@pytest.mark.parametrize("name", BASELINES)
@pytest.mark.parametrize("env_id", ON_WATER)
def test_a_summer_day_with_a_tank_or_machines_to_stage_has_no_violation(env_id: str, name: str, task: str) -> None:
    env = gym.make(env_id, weather="chicago", start=DAYS["summer"], task=task)
    episode = run_episode(env, make_controller(name, env), seed=0)
    assert len(episode["reward"]) == 288
    assert episode["violation_k_min"].sum() == 0.0
    assert np.isfinite(episode["action"]).all()


def thermal_energies(env_id: str) -> dict[str, float]:
    env = gym.make(env_id, weather="chicago", start=DAYS["spring"])
    return {
        name: run_episode(env, make_controller(name, env), seed=0)["thermal_energy_kwh"].sum()
        for name in ("fixed", "g36-default", "g36")
    }


@pytest.mark.parametrize("env_id", ON_WATER)
def test_resets_use_less_than_legacy_operation(env_id: str) -> None:
    energy = thermal_energies(env_id)
    # 56 to 70 % less cooling than fixed practice and 18 to 37 % less than untuned resets were found by a quasi-steady study of such
    # halls; the order and half of the size are asserted.
    assert energy["g36-default"] < 0.85 * energy["fixed"]
    assert energy["g36"] < 0.92 * energy["g36-default"]


@pytest.mark.parametrize("env_id", ON_DX)
def test_resets_of_a_room_on_direct_expansion_save_fan_power(env_id: str) -> None:
    """Fans at full speed draw a fifth of what cooling costs there, and at half speed a sixth of that; the rest is the compressors'."""
    energy = thermal_energies(env_id)
    assert energy["g36-default"] < 0.87 * energy["fixed"]
    assert energy["g36"] < energy["g36-default"]


@pytest.mark.parametrize("climate", built_in_climates())
@pytest.mark.parametrize("env_id", ON_DX)
def test_no_baseline_breaks_a_limit_on_the_warmest_day_of_any_climate(env_id: str, climate: str) -> None:
    start = np.datetime64("2023-01-01") + int(warmest_days(load_weather(climate), 1) / 86400.0)
    for name in BASELINES:
        env = gym.make(env_id, weather=climate, start=str(start))
        episode = run_episode(env, make_controller(name, env), seed=0)
        assert episode["violation_k_min"].sum() == 0.0, name
        # the legacy room is kept colder than what is recommended today
        assert (episode["supply_shortfall_k_min"].sum() < 1.0) == (name != "fixed"), name


@pytest.mark.parametrize("climate", ["chicago", "miami", "san-francisco"])
@pytest.mark.parametrize("name", ["rules", "g36"])
@pytest.mark.parametrize("env_id", ENV_IDS)
def test_what_stands_behind_outdoor_air_takes_over_when_the_weather_locks_it_out(
    env_id: str, name: str, climate: str
) -> None:
    """Two days of each month: at most two kelvin minutes a day, where water as warm as it gets would leave hundreds."""
    days = [f"2023-{month:02d}-{day:02d}" for month in range(1, 13) for day in (5, 20)]
    env = gym.make_vec(env_id, num_envs=len(days), weather=climate, task="outdoor-air")
    observation, info = env.reset(seed=0, options={"start": days})
    controller = make_controller(name, env)
    controller.reset(0)
    violation = np.zeros(len(days))
    for _ in range(288):
        observation, _, terminated, _, info = env.step(controller.act(observation))
        violation += info.get("final_info", info)["violation_k_min"]
        assert not terminated.any()
    assert violation.max() < 2.0


@pytest.mark.parametrize("climate", ["miami", "phoenix", "san-francisco", "denver"])
@pytest.mark.parametrize("env_id", ON_LIQUID)
def test_a_liquid_cooled_hall_keeps_its_limits_in_every_climate(env_id: str, climate: str) -> None:
    """Each baseline, four days of the year in one batch; the case limit is 80 degC."""
    dates = ["2023-01-15", "2023-04-20", "2023-07-20", "2023-10-10"]
    env = gym.make_vec(env_id, num_envs=len(dates), weather=climate)
    for name in BASELINES:
        controller = make_controller(name, env)
        controller.reset(0)
        observation, _ = env.reset(seed=1, options={"start": dates})
        broken, hottest = np.zeros(len(dates)), np.zeros(len(dates))
        for _ in range(288):
            observation, *_, info = env.step(controller.act(observation))
            made = info.get("final_info", info)
            broken += made["cost"]
            hottest = np.maximum(hottest, made["case_temperature_max_c"])
        assert (broken == 0.0).all(), name
        assert (hottest < 80.0).all(), name


@pytest.mark.parametrize("env_id", ON_LIQUID)
def test_resets_of_a_liquid_cooled_hall_save_leakage(env_id: str) -> None:
    """Half of what keeping cool costs there is leakage, which warm coolant makes: floating facility water saves some of it."""
    env = gym.make(env_id, weather="chicago", start=DAYS["spring"])
    energy = {
        name: run_episode(env, make_controller(name, env), seed=0)["thermal_energy_kwh"].sum()
        for name in ("fixed", "rules", "g36-default", "g36")
    }
    assert energy["g36-default"] < 0.85 * energy["fixed"]
    assert energy["rules"] < 0.85 * energy["fixed"]
    assert energy["g36"] < 0.92 * energy["g36-default"]
