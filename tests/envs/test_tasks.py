"""What the named tasks do to load, weather and equipment."""

import gymnasium as gym
import numpy as np
import pytest
from dcsim_agents import make_controller
from numpy.testing import assert_allclose

import dcsim
from dcsim.drivers import load_weather
from dcsim.envs.tasks import TASKS, hottest_days, most_crossings, tasks_for, warmest_days
from dcsim.errors import InputError
from dcsim.plant.hall import build_hall

ENV_IDS = dcsim.ids()
TASKS_OF = {name: tasks_for(build_hall(gym.spec(name).kwargs["hall"])) for name in ENV_IDS}
WITH_CHILLERS = [name for name in ENV_IDS if "chiller-trip" in TASKS_OF[name]]
WITH_PLATES = [name for name in ENV_IDS if "one-job" in TASKS_OF[name]]
WITH_COMPRESSORS = [name for name in ENV_IDS if "compressor-trip" in TASKS_OF[name]]
CLIMATES = ("miami", "phoenix", "san-francisco", "chicago", "denver")
HOUR = 3600.0


def rollout(env_id, controller="g36", seed=0, **keywords):
    """Infos and what the plant shows at every step of an episode, shape (T,) each."""
    env = gym.make(env_id, **keywords)
    control = make_controller(controller, env)
    control.reset(0)
    observation, _ = env.reset(seed=seed)
    batch, kept, is_over = env.unwrapped.batch, {}, False
    while not is_over:
        load = batch.view("input.utilization")[:, 0].copy()
        available = {
            name: batch.view(f"input.{asked}")[:, 0].copy()
            for name, asked in batch.config.hall.types.availability.items()
        }
        observation, _, terminated, truncated, info = env.step(control.act(observation))
        is_over = terminated or truncated
        s = batch.state
        row = {
            **info,
            **{f"{name}s": share for name, share in available.items()},
            "load": load,
            "wet_bulb": batch.view("input.wet_bulb_temperature")[0, 0],
            "mode": s.mode[0, 0] if hasattr(s, "mode") else 0.0,
            "terminated": terminated,
        }
        if "chiller" in available:
            row["missed"] = s.chilled_water_supply_temperature[0, 0] - s.chilled_water_setpoint[0, 0]
            row["running"] = s.chiller_loading[:, 0].copy()
        if "dx_unit" in available:
            row["running"] = s.compressor_loading[:, 0].copy()
            row["demand"] = s.compressor_demand[:, 0].copy()
        for name, value in row.items():
            kept.setdefault(name, []).append(value)
    return {name: np.array(values) for name, values in kept.items()}


@pytest.mark.parametrize("climate", CLIMATES)
def test_the_heat_wave_is_as_humid_in_every_climate(climate):
    weather = load_weather(climate)
    first = round(hottest_days(weather) / HOUR)
    hours = np.arange(first, first + 72) % 8760
    before, wave = (w.table(HOUR) for w in (weather, TASKS["heat-wave"].changed(weather)))
    assert_allclose(wave.wet_bulb_temperature[hours].mean(), 29.5, atol=1e-3)
    assert (wave.dry_bulb_temperature[hours] > before.dry_bulb_temperature[hours]).all()


@pytest.mark.parametrize("climate", CLIMATES)
@pytest.mark.parametrize("env_id", WITH_CHILLERS)
def test_in_the_heat_wave_every_chiller_there_is_runs_and_the_water_still_comes_too_warm(env_id, climate):
    episode = rollout(env_id, weather=climate, task="heat-wave")
    on = (episode["running"] >= 0.95 * episode["chillers"]).all(1)
    assert (episode["missed"][on] > 0.3).any()
    assert not episode["terminated"].any()
    assert_allclose(episode["load"].mean(), 0.85, atol=0.03)


def test_derated_chillers_are_as_few_as_carry_the_reserve():
    hall = gym.make("dcsim/Hyperscale-v0").unwrapped.batch.config.hall
    share = TASKS["heat-wave"].chillers(hall)
    # Fan form at 85 %: 0.35 + 0.65 (1.7 - 0.85^1.4) of 10 MW; 1.13 times that in machines of 2.5 MW
    machines = 1.13 * 10.0 * (0.35 + 0.65 * (1.7 - 0.85**1.4)) / 2.5
    assert_allclose(share.sum(), machines, rtol=1e-3)
    assert_allclose(share, machines / np.ceil(machines), rtol=1e-3)
    assert (TASKS["load-step"].chillers(hall) == 1.0).all()


def test_the_load_step_lifts_the_hall_by_30_points_for_six_hours():
    load = rollout("dcsim/Enterprise-v0", task="load-step", start="2023-05-15")["load"].mean(1)
    jump = int(np.argmax(np.diff(load)))
    assert_allclose(np.diff(load)[jump], 0.3, atol=0.03)
    is_high = load > 0.65
    assert is_high[jump + 1] and not is_high[jump]
    assert abs(is_high.sum() * 300.0 - 6.0 * HOUR) <= 300.0


@pytest.mark.parametrize("env_id", ENV_IDS)
def test_one_crah_group_fails_for_three_hours_and_the_others_take_over(env_id):
    episode = rollout(env_id, task="crah-failure", start="2023-07-20")
    down = (episode["crahs"] < 0.5).any(1)
    assert down.sum() * 60.0 == 3.0 * HOUR
    assert ((episode["crahs"][down] < 0.5).sum(1) == 1).all()
    assert episode["rack_inlet_max_c"][down].max() > episode["rack_inlet_max_c"][~down][:20].max() + 0.3
    assert not episode["terminated"].any()


@pytest.mark.parametrize("env_id", WITH_CHILLERS)
def test_the_chillers_that_run_trip_and_the_last_one_starts(env_id):
    episode = rollout(env_id, task="chiller-trip", start="2023-07-20")
    down = (episode["chillers"] < 0.5).any(1)
    assert down.sum() * 60.0 == 20.0 * 60.0
    first = int(np.argmax(down))
    assert episode["running"][first - 1, 0] > 0.9
    assert (episode["running"][first, :-1] == 0.0).all()
    last = episode["running"][:, -1]
    if last[first - 1] == 0.0:  # halls that keep all machines on have it running already
        assert 0.0 < last[first] < last[first + 10]
    assert last[first + 10] > 0.95
    assert episode["missed"][down].max() > episode["missed"][first - 1] + 1.0


@pytest.mark.parametrize("env_id", ENV_IDS)
def test_a_task_about_equipment_that_a_hall_lacks_is_refused_in_one_line(env_id):
    for name in set(TASKS) - set(TASKS_OF[env_id]):
        with pytest.raises(InputError) as error:
            gym.make(env_id, task=name)
        assert name in str(error.value) and "lacks" in str(error.value) and "\n" not in str(error.value)
        assert "load-step" in str(error.value)  # what fits is said
    assert {"load-step", "moving-load", "crah-failure"} <= set(TASKS_OF[env_id])


@pytest.mark.parametrize("env_id", WITH_COMPRESSORS)
def test_one_compressor_stops_for_half_an_hour_and_rests_before_it_starts_again(env_id):
    episode = rollout(env_id, task="compressor-trip", start="2023-07-20")
    down = (episode["dx_units"] < 0.5).any(1)
    assert down.sum() * 60.0 == 1800.0
    unit = int(np.argmax((episode["dx_units"] < 0.5).any(0)))
    first = int(np.argmax(down))
    assert episode["running"][first - 1, unit] > 0.99
    assert (episode["running"][down][:, unit] == 0.0).all()
    assert episode["rack_inlet_max_c"][down].max() > episode["rack_inlet_max_c"][first - 1] + 2.0
    assert not episode["terminated"].any()


@pytest.mark.parametrize(("climate", "binds"), [("phoenix", True), ("las-vegas", True), ("san-francisco", False)])
def test_fouled_condensers_leave_too_little_in_hot_climates_only(climate, binds):
    weather = load_weather(climate)
    start = warmest_days(weather)
    days = weather.table(HOUR).dry_bulb_temperature.reshape(-1, 24).mean(1)
    first = round(start / HOUR / 24)
    assert days[first : first + 3].mean() == max(days[k : k + 3].mean() for k in range(363))
    episode = rollout("dcsim/Edge-v0", controller="fixed", weather=climate, task="fouled-condensers")
    assert_allclose(episode["dx_units"], 0.77, rtol=1e-6)
    assert_allclose(episode["load"].mean(), 0.85, atol=0.03)
    assert (episode["demand"].max() > 1.0) == binds
    assert (episode["violation_k_min"].sum() > 0.0) == binds
    assert not episode["terminated"].any()


@pytest.mark.parametrize("env_id", WITH_PLATES)
def test_with_a_quarter_of_its_pumps_a_cdu_group_needs_colder_coolant(env_id):
    episode = rollout(env_id, controller="fixed", weather="phoenix", task="cdu-failure")
    down = (episode["cdu_pumps"] < 0.5).any(1)
    assert down.sum() * 60.0 == 3.0 * HOUR
    assert_allclose(episode["cdu_pumps"][down].sum(1), 4.25)
    assert episode["case_temperature_max_c"][down].max() > 80.0 > episode["case_temperature_max_c"][~down][:20].max()
    assert episode["violation_k_min"].sum() > 1.0
    assert not episode["terminated"].any()
    env = gym.make(env_id, weather="phoenix", task="cdu-failure").unwrapped
    names = [signal.name for signal in env.signals.action]
    low = np.array([signal.low for signal in env.signals.action])
    high = np.array([signal.high for signal in env.signals.action])
    wanted = {"facility_water_setpoint": 32.0, "coolant_setpoint": 36.0, "chilled_water_setpoint": 18.0}
    colder = np.array([wanted.get(name, 18.0 if name.startswith("supply") else 99.0) for name in names])
    action = np.clip(2.0 * (colder - low) / (high - low) - 1.0, -1.0, 1.0).astype(np.float32)
    env.reset(seed=0)
    violation = sum(env.step(action)[4]["violation_k_min"] for _ in range(360))
    assert violation == 0.0


@pytest.mark.parametrize(("climate", "binds"), [("phoenix", True), ("san-francisco", False)])
@pytest.mark.parametrize("env_id", WITH_PLATES)
def test_dry_coolers_with_fewer_fans_make_chips_hot_in_hot_climates_only(env_id, climate, binds):
    options = {"controller": "rules", "weather": climate, "task": "dry-cooler-failure"}
    episodes = [
        rollout(env_id, seed=seed, **options) for seed in range(3)
    ]  # not every load is heavy on the hottest day
    for episode in episodes:
        assert_allclose(episode["dry_cooler_fans"], 0.7, rtol=1e-6)
        assert not episode["terminated"].any()
    assert_allclose(np.mean([episode["load"] for episode in episodes]), 0.84, atol=0.03)  # 0.85 less what passes 1
    assert (max(episode["case_temperature_max_c"].max() for episode in episodes) > 80.0) == binds


@pytest.mark.parametrize("env_id", WITH_PLATES)
def test_one_job_swings_the_whole_hall_within_the_steps(env_id):
    episode = rollout(env_id, seed=1, task="one-job", start="2023-05-15")
    assert np.ptp(episode["load"].reshape(-1, 5, 4)[:, :, 0], axis=1).max() < 0.09  # zones alike but for idle racks
    swings = episode["it_power_peak_w"] - episode["it_power_w"]
    assert (swings > 0.1 * episode["it_power_peak_w"]).sum() > 30
    assert_allclose(episode["it_power_peak_w"].max(), 20.8e6, rtol=0.04)


def test_the_shoulder_season_crosses_between_free_and_other_cooling():
    episode = rollout("dcsim/Hyperscale-v0", task="shoulder-season")
    assert (np.diff(episode["mode"]) != 0).sum() >= 4
    assert {1.0, 2.0} <= set(episode["mode"])
    start = most_crossings(load_weather("chicago"))
    assert episode["time_s"][0] - start == 300.0


def test_moving_load_keeps_the_hall_and_moves_its_hot_end():
    load = rollout("dcsim/Enterprise-v0", task="moving-load", start="2023-05-15")["load"]
    hottest = load.argmax(1)
    assert (hottest < 5).any() and (hottest > 14).any()
    ordinary = rollout("dcsim/Enterprise-v0", start="2023-05-15")["load"]
    assert_allclose(load.mean(1), ordinary.mean(1), atol=0.02)
