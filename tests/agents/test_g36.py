from collections.abc import Callable
from dataclasses import replace
from importlib import resources

import gymnasium as gym
import numpy as np
import pytest
from dcsim_agents import make_controller, view_of
from dcsim_agents.g36 import G36Controller
from episodes import ENV_IDS, run_episode

from dcsim.errors import InputError
from dcsim.plant import operation
from dcsim.plant.description import hall_names, load_hall
from dcsim.plant.operation import (
    SIGNAL_MAX,
    ResetConstants,
    condenser_water_setpoint,
    inlet_target,
    plant_setpoints,
    plant_signal,
    tuned_constants,
    wanted_mode,
    zone_flow_ratios,
)

CONSTANTS = ResetConstants(pump_speed_min=0.5, pump_speed_top=0.6, pump_speed_slope=0.2)
RANGES = load_hall("enterprise-1mw").setpoints  # chilled water 6 to 16 degC


def test_the_lower_half_of_the_plant_signal_moves_the_pumps_and_the_upper_the_water() -> None:
    load = np.full(6, 0.5)  # pump top 0.7
    pump, chilled = plant_setpoints(
        np.array([0.0, 0.25, 0.5, 0.75, 1.0, SIGNAL_MAX]), load, np.zeros(6), RANGES, CONSTANTS
    )
    np.testing.assert_allclose(pump, [0.5, 0.6, 0.7, 0.7, 0.7, 1.0], atol=1e-12)
    np.testing.assert_allclose(chilled, [16.0, 16.0, 16.0, 11.0, 6.0, 6.0], atol=1e-12)


def test_the_signal_is_found_again_from_the_setpoints() -> None:
    signal, load = np.linspace(0.0, SIGNAL_MAX, 26), np.linspace(0.2, 0.9, 26)
    constants = replace(CONSTANTS, free_pump_speed_cut=0.05)
    for mode in (np.zeros(26), np.full(26, 2.0)):
        pump, chilled = plant_setpoints(signal, load, mode, RANGES, constants)
        np.testing.assert_allclose(plant_signal(pump, chilled, load, mode, RANGES, constants), signal, atol=1e-12)


def test_free_cooling_runs_on_less_water_and_air() -> None:
    constants = ResetConstants(pump_speed_top=0.9, free_pump_speed_cut=0.2, flow_ratio=1.1, free_flow_ratio=1.02)
    mode = np.array([0.0, 1.0, 2.0])
    pump, _ = plant_setpoints(np.full(3, 0.5), np.full(3, 0.5), mode, RANGES, constants)
    np.testing.assert_allclose(pump, [0.9, 0.9, 0.7], atol=1e-12)
    np.testing.assert_allclose(zone_flow_ratios(np.full((2, 3), 24.0), mode, constants), [[1.1, 1.1, 1.02]] * 2)


def test_condenser_water_follows_the_wet_bulb_and_in_free_cooling_the_chilled_water() -> None:
    c = ResetConstants()
    wet_bulb, mode = np.array([-5.0, 15.0, -5.0, 15.0]), np.array([0.0, 1.0, 2.0, 2.0])
    np.testing.assert_allclose(
        condenser_water_setpoint(wet_bulb, np.full(4, 0.5), np.full(4, 20.0), mode, c), [15.6, 18.0, 17.5, 18.0]
    )


def test_modes_are_entered_and_left_a_deadband_apart() -> None:
    c = ResetConstants()  # approach 5 K, deadband 1 K
    wet_bulb = np.array([14.9, 15.1, 15.1, 16.1, 23.9, 24.1, 24.1, 25.1])
    mode = np.array([0.0, 0.0, 2.0, 2.0, 0.0, 0.0, 1.0, 1.0])
    np.testing.assert_array_equal(
        wanted_mode(wet_bulb, np.full(8, 20.0), np.full(8, 30.0), mode, c), [2, 1, 2, 1, 1, 0, 1, 0]
    )


def test_free_cooling_runs_colder_on_cold_days() -> None:
    c = ResetConstants(inlet_target=26.0, free_inlet_wet_bulb=8.0, free_inlet_slope=0.5, free_inlet_min=22.0)
    wet_bulb, mode = np.array([4.0, 4.0, 8.0, 12.0, -9.0]), np.array([1.0, 2.0, 2.0, 2.0, 2.0])
    np.testing.assert_allclose(inlet_target(wet_bulb, mode, c), [26.0, 24.0, 26.0, 26.0, 22.0])


def test_hot_zones_get_a_larger_share_of_air() -> None:
    hottest = np.array([[25.0], [23.0], [23.0], [25.0]])
    mode = np.zeros(1)
    np.testing.assert_allclose(zone_flow_ratios(hottest, mode, ResetConstants()), 1.1)
    np.testing.assert_allclose(
        zone_flow_ratios(hottest, mode, ResetConstants(flow_balance=0.05))[:, 0],
        1.1 * np.array([1.05, 0.95, 0.95, 1.05]),
    )


def test_every_hall_has_frozen_constants_inside_their_ranges() -> None:
    from dcsim_experiments.tune_g36 import tunable

    for hall in hall_names():
        form, _, ranges, _ = tunable(load_hall(hall))
        constants = tuned_constants(hall, form)
        assert constants != form()
        for name, (low, high) in ranges.items():
            assert low <= getattr(constants, name) <= high or getattr(constants, name) == getattr(form(), name)


def test_a_frozen_file_that_was_changed_is_refused(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    hall = "enterprise-1mw"
    original = resources.files("dcsim.plant").joinpath("presets", f"{hall}.g36.json").read_text()
    changed = original.replace('"valve_band":', '"valve_band": 0.0123, "was":', 1)
    assert changed != original
    (tmp_path / "presets").mkdir()
    (tmp_path / "presets" / f"{hall}.g36.json").write_text(changed)
    monkeypatch.setattr(operation.resources, "files", lambda package: tmp_path)
    with pytest.raises(InputError, match=r"enterprise-1mw.g36.json: constants do not match their hash"):
        tuned_constants(hall)


@pytest.mark.parametrize("dry_bulb", [5.0, 30.0])
@pytest.mark.parametrize("env_id", ENV_IDS)
def test_an_episode_starts_where_the_resets_come_to_rest(
    env_id: str, dry_bulb: float, steady_weather: Callable[[float], str]
) -> None:
    env = gym.make(env_id, weather=steady_weather(dry_bulb), workload="flat", start="2023-05-15")
    episode = run_episode(env, make_controller("g36", env), seed=0, steps=36)
    _, start = env.reset(seed=0)
    end = slice(-12, None)  # the mean over an hour evens out the trimming
    assert abs(episode["rack_inlet_max_c"][end].mean() - start["rack_inlet_max_c"]) < 1.0
    assert abs(episode["thermal_power_w"][end].mean() / start["thermal_power_w"] - 1.0) < 0.05


def test_constants_may_differ_between_the_rows_of_a_batch() -> None:
    env = gym.make_vec(ENV_IDS[1], num_envs=2, weather="chicago", start="2023-05-15")
    sets = [ResetConstants(), replace(ResetConstants(), inlet_target=24.0, flow_ratio=1.2, condenser_approach=5.0)]
    arrays = {name: np.array([getattr(c, name) for c in sets]) for name in ResetConstants.__dataclass_fields__}
    together = G36Controller(view_of(env), ResetConstants(**arrays))  # type: ignore[arg-type]
    alone = [G36Controller(view_of(env), c) for c in sets]
    observation, _ = env.reset(seed=[0, 0])
    for _ in range(10):
        actions = together.act(observation)
        for row, controller in enumerate(alone):
            np.testing.assert_array_equal(actions[row], controller.act(observation[row]))
        observation = env.step(actions)[0]


def test_the_other_groups_stand_in_for_one_that_is_down() -> None:
    env = gym.make(ENV_IDS[1], weather="chicago", task="crah-failure", start="2023-07-20")
    episode = run_episode(env, make_controller("g36", env), seed=0)
    signals = env.unwrapped.signals  # type: ignore[attr-defined]
    names = [signal.name for signal in signals.observation]
    seen = {name: episode["observation"][:, names.index(name)] for name in names}
    down = np.array([seen[f"crah_available_{k}"] < 0.5 for k in range(1, 5)])
    start = int(np.argmax(down.any(0)))
    fans = np.array([seen[f"crah_fan_setpoint_{k}"] for k in range(1, 5)])
    stands_in = ~down[:, start]
    before, after = fans[stands_in, start - 1], fans[stands_in, start + 20]
    assert (after > before + 0.2).all()  # of the scaled range; a third more flow


def test_an_inlet_above_its_limit_calls_the_plant_at_its_own_rate() -> None:
    env = gym.make(ENV_IDS[0], weather="chicago", start="2023-07-20", control_interval_s=60.0)
    view = view_of(env)
    slow = G36Controller(view, ResetConstants(plant_respond=0.0, plant_trim=0.0))
    slow.reset(0)
    observation, _ = env.reset(seed=0)
    names = [signal.name for signal in view.signals.observation]
    hot = observation.copy()
    for k in range(1, 5):  # 10 to 45 degC is -1 to 1: 28 degC
        hot[names.index(f"rack_inlet_max_{k}")] = (28.0 - 27.5) / 17.5
    cool_actions = [slow.act(observation) for _ in range(11)]
    slow.reset(0)
    hot_actions = [slow.act(hot) for _ in range(11)]
    pump = [signal.name for signal in view.signals.action].index("chilled_water_pump_speed")
    water = [signal.name for signal in view.signals.action].index("chilled_water_setpoint")
    assert cool_actions[10][pump] == pytest.approx(cool_actions[0][pump], abs=1e-6)
    moved = (hot_actions[10][pump] - hot_actions[0][pump]) - (hot_actions[10][water] - hot_actions[0][water])
    assert moved > 0.1
