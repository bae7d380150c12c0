"""What sensors show of true values, against the statistics and arithmetic of each fault."""

import json
import math
import subprocess
import sys

import gymnasium as gym
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import dcsim
from dcsim.drivers import RandomNumbers
from dcsim.envs.sensors import KINDS, Offset, SensorBank, SensorOptions, is_measured, kind_of, measured_rows
from dcsim.envs.signals import Signal
from dcsim.errors import InputError

INTERVAL = 300.0
DAY_STEPS = 288
SIGNALS = (
    Signal("rack_inlet_max_1", "degC", 10.0, 45.0, "hottest rack inlet in the zone of CRAH group 1"),
    Signal("rack_inlet_max_2", "degC", 10.0, 45.0, "hottest rack inlet in the zone of CRAH group 2"),
    Signal("utilization_1", "-", 0.0, 1.0, "mean load in the zone of CRAH group 1"),
    Signal("crah_fan_speed_1", "-", 0.0, 1.0, "running fan speed of CRAH group 1"),
    Signal("chilled_water_supply_temperature", "degC", 2.0, 40.0, "water to the coils"),
    Signal("chillers_on", "-", 0.0, 2.0, "chillers wanted by the staging"),
    Signal("stage_dwell_left", "s", 0.0, 1200.0, "until staging may change"),
    Signal("mode", "-", 0.0, 2.0, "0 mechanical, 1 integrated, 2 free cooling"),
    Signal("protection", "-", 0.0, 1.0, "1 while the over-temperature protection acts"),
    Signal("cooling_power", "-", 0.0, 0.8, "cooling power over design IT power"),
    Signal("wet_bulb_temperature", "degC", -35.0, 40.0, "outdoor air"),
    Signal("hour_sin", "-", -1.0, 1.0, "time of day"),
    Signal("price", "1/kWh", -0.2, 0.8, "price of electricity"),
    Signal("chilled_water_setpoint", "degC", 6.0, 16.0, "set-point in force"),
    Signal("chilled_water_pump_speed", "-", 0.3, 1.0, "set-point in force: speed of the chilled-water pumps"),
    Signal("crah_available_1", "-", 0.0, 1.0, "share that can run of CRAH group 1"),
    Signal("wet_bulb_forecast_1h", "degC", -35.0, 40.0, "outdoor wet bulb in 1 h"),
)
NAMES = [signal.name for signal in SIGNALS]
MEASURED = [
    "rack_inlet_max_1",
    "rack_inlet_max_2",
    "crah_fan_speed_1",
    "chilled_water_supply_temperature",
    "cooling_power",
    "wet_bulb_temperature",
]
TEMPERATURES = [NAMES.index(name) for name in MEASURED if "temperature" in name or "inlet" in name]
EVERYTHING = {
    "noise": {"temperature": 0.1, "power": 0.01},
    "quantisation": {"temperature": 0.05},
    "bias": {"temperature": {"deviation": 0.3}, "crah_fan_speed": -0.02},
    "drift": {"temperature": {"mean": 0.1, "deviation": 0.2}},
    "delay_s": {"all": 300, "cooling_power": 900},
    "dropout": {"rate_per_day": 6, "minutes": 20},
    "stuck": {"temperature": {"rate_per_day": 3, "minutes": 60}, "rack_inlet_max_2": {"start_hours": 2, "minutes": 30}},
    "age": True,
}


def truth(steps, num_envs, seed=0):
    """True values (steps, F, N) that wander through the ranges of the signals."""
    rng = np.random.default_rng(seed)
    low, high = (np.array([getattr(signal, end) for signal in SIGNALS])[:, None] for end in ("low", "high"))
    walk = 0.5 + 0.02 * np.cumsum(rng.standard_normal((steps, len(SIGNALS), num_envs)), axis=0)
    return low + (high - low) * np.clip(walk, 0.0, 1.0)


def bank_of(options, num_envs=1, interval=INTERVAL):
    return SensorBank(SensorOptions.parse(options, SIGNALS), SIGNALS, num_envs, interval)


def run(bank, values, first=0):
    """Readings (steps, F, N) of consecutive steps from ``first`` on."""
    num_envs = values.shape[2]
    return np.array([bank.measure(v, np.full(num_envs, first + step)) for step, v in enumerate(values)])


def episode(options, values, seed=0, interval=INTERVAL):
    bank = bank_of(options, values.shape[2], interval)
    bank.start(np.arange(values.shape[2]), RandomNumbers.of_seeds(range(seed, seed + values.shape[2])))
    return run(bank, values)


# --- what is touched --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options", [None, {}, {"noise": 0}, {"noise": {}, "stuck": 0}, {"dropout": {"rate_per_day": 0}}]
)
def test_perfect_sensors_pass_the_true_values_on(options):
    parsed = SensorOptions.parse(options, SIGNALS)
    bank = SensorBank(parsed, SIGNALS, 2, INTERVAL)
    bank.start(np.arange(2), RandomNumbers.of_seeds([1, 2]))
    values = truth(1, 2)[0]
    assert not parsed and bank.is_off and bank.kept() == {}
    assert bank.measure(values, np.zeros(2, int)) is values


def test_only_physical_measurements_are_touched():
    assert [SIGNALS[row].name for row in measured_rows(SIGNALS)] == MEASURED
    values = truth(DAY_STEPS, 3)
    seen = episode({**EVERYTHING, "noise": {"all": 0.1}}, values)
    touched = [name for row, name in enumerate(NAMES) if not np.array_equal(seen[:, row], values[:, row])]
    assert touched == MEASURED
    assert np.isfinite(seen).all()


@pytest.mark.parametrize("env_id", dcsim.ids())
def test_of_an_environment_neither_clock_nor_tariff_nor_forecast_nor_setpoint_nor_flag_is_measured(env_id):
    signals = gym.make(env_id, observation={"forecast": True}).unwrapped.signals.observation
    measured = {signal.name for signal in signals if is_measured(signal)}
    assert {
        "rack_inlet_max_1",
        "supply_air_temperature_1",
        "crah_fan_speed_1",
        "wet_bulb_temperature",
        "it_power",
    } <= measured
    in_force = {signal.name for signal in signals if "in force" in signal.meaning}
    words = (
        "hour",
        "week",
        "price",
        "carbon",
        "forecast",
        "setpoint",
        "available",
        "dwell",
        "protection",
        "utilization",
    )
    told = {signal.name for signal in signals if any(word in signal.name for word in words)}
    assert len(in_force) >= 4 and len(told) > 15
    assert not measured & (in_force | told | {"mode", "chillers_on"})
    assert all(kind_of(signal) in KINDS.values() for signal in signals if signal.name in measured)


def test_the_key_that_says_most_holds():
    options = {"bias": {"all": 0.01, "temperature": 0.1, "rack_inlet": 0.2, "rack_inlet_max_2": 0, "power": 0.03}}
    bias = episode(options, truth(1, 1))[0, :, 0] - truth(1, 1)[0, :, 0]
    expected = dict.fromkeys(NAMES, 0.0) | {
        "rack_inlet_max_1": 0.2,
        "chilled_water_supply_temperature": 0.1,
        "wet_bulb_temperature": 0.1,
        "crah_fan_speed_1": 0.01,
        "cooling_power": 0.03,
    }
    assert_allclose(bias, [expected[name] for name in NAMES], atol=1e-12)
    turned = {"bias": dict(reversed(options["bias"].items()))}
    assert_array_equal(episode(turned, truth(1, 1)), episode(options, truth(1, 1)))


def test_a_value_without_a_key_holds_for_temperatures_and_times_for_all():
    seen = episode({"bias": 0.5}, truth(1, 1)) - truth(1, 1)
    assert_allclose(seen[0, TEMPERATURES, 0], 0.5, atol=1e-12)
    assert np.count_nonzero(seen) == len(TEMPERATURES)
    values = truth(4, 1)
    late = episode({"delay_s": 300}, values)
    rows = [NAMES.index(name) for name in MEASURED]
    assert_array_equal(late[1:, rows], values[:-1, rows])


# --- each fault -------------------------------------------------------------------------------------------------------


def test_noise_has_the_deviation_asked_for_and_no_memory():
    steps, envs, deviation = 200, 100, 0.15
    values = np.zeros((steps, len(SIGNALS), envs))
    noise = episode({"noise": deviation}, values)[:, TEMPERATURES] / deviation
    count = noise.size
    assert abs(noise.mean()) < 4.0 / math.sqrt(count)
    assert abs(noise.std() - 1.0) < 4.0 / math.sqrt(2.0 * count)
    # Excess kurtosis of normal numbers has the variance 24 / n.
    assert abs((noise**4).mean() - 3.0) < 4.0 * math.sqrt(96.0 / count)
    for other in (noise[1:] * noise[:-1], noise[:, 1:] * noise[:, :-1], noise[:, :, 1:] * noise[:, :, :-1]):
        assert abs(other.mean()) < 4.0 / math.sqrt(other.size)
    for column in (noise.std(axis=(0, 1)), noise.std(axis=(1, 2))):  # no environment and no step is apart
        assert (abs(column - 1.0) < 5.0 / math.sqrt(2.0 * count / len(column))).all()


def test_noise_does_not_repeat_from_block_to_block_of_its_stream():
    noise = episode({"noise": 1.0}, np.zeros((128, len(SIGNALS), 2)))[:, TEMPERATURES]
    assert len(np.unique(noise)) == noise.size


def test_a_bias_given_is_added_and_one_drawn_is_spread_over_sensors_and_episodes_but_holds_in_one():
    values = truth(5, 1)
    seen = episode({"bias": {"rack_inlet_max_1": -0.5}}, values) - values
    assert_allclose(seen[:, 0], -0.5, atol=1e-12)
    envs = 2000
    values = np.zeros((3, len(SIGNALS), envs))
    bias = episode({"bias": {"temperature": {"mean": 0.2, "deviation": 0.3}}}, values)[:, TEMPERATURES]
    assert_array_equal(bias[0], bias[2])
    count = bias[0].size
    assert abs(bias[0].mean() - 0.2) < 4.0 * 0.3 / math.sqrt(count)
    assert abs(bias[0].std() - 0.3) < 4.0 * 0.3 / math.sqrt(2.0 * count)
    assert abs(np.corrcoef(bias[0])[0, 1]) < 4.0 / math.sqrt(envs)


def test_noise_and_what_is_drawn_for_the_episode_have_nothing_in_common():
    envs = 2000
    seen = episode({"noise": 1.0, "bias": {"deviation": 1.0}}, np.zeros((1, len(SIGNALS), envs)))[0, TEMPERATURES]
    assert abs(seen.var() / 2.0 - 1.0) < 4.0 * math.sqrt(2.0 / seen.size)


def test_drift_grows_by_its_slope_a_day_from_the_start_of_the_episode():
    values = truth(DAY_STEPS + 1, 2)
    drift = (episode({"drift": {"temperature": 0.4, "cooling_power": -0.01}}, values) - values).transpose(1, 0, 2)
    days = np.arange(DAY_STEPS + 1) * INTERVAL / 86400.0
    for row in TEMPERATURES:
        assert_allclose(drift[row], np.repeat(0.4 * days[:, None], 2, 1), atol=1e-12)
    assert_allclose(drift[NAMES.index("cooling_power")][-1], -0.01, atol=1e-12)


def test_readings_are_whole_quanta_with_the_error_of_rounding():
    values = truth(500, 8)
    quantum = 0.1
    seen = episode({"quantisation": quantum}, values)[:, TEMPERATURES]
    assert_allclose(seen / quantum, np.rint(seen / quantum), atol=1e-9)
    error = seen - values[:, TEMPERATURES]
    assert abs(error).max() <= 0.5 * quantum + 1e-12
    # Bennett 1948: the error is uniform over a quantum, of variance q^2 / 12.
    moving = error[np.diff(values[:, TEMPERATURES], axis=0, prepend=0.0) != 0.0]
    assert_allclose(moving.var(), quantum**2 / 12.0, rtol=0.03)


def test_noise_and_bias_come_before_the_rounding_of_the_sensor():
    seen = episode({"quantisation": 0.5, "noise": 0.3, "bias": 0.11}, truth(50, 4))[:, TEMPERATURES]
    assert_allclose(seen * 2.0, np.rint(seen * 2.0), atol=1e-9)


@pytest.mark.parametrize(
    ("seconds", "steps"), [(1.0, 1), (299.0, 1), (300.0, 1), (301.0, 2), (900.0, 3), (86400.0, 288)]
)
def test_a_reading_comes_the_least_number_of_steps_late_that_lasts_its_delay(seconds, steps):
    values = truth(600, 2)
    seen = episode({"delay_s": {"rack_inlet": seconds}}, values)
    assert_array_equal(seen[steps:, :2], values[:-steps, :2])
    assert_array_equal(seen[:steps, :2], np.broadcast_to(values[0, :2], (steps, 2, 2)))
    assert_array_equal(seen[:, 2:], values[:, 2:])


@pytest.mark.parametrize("interval", [86.4, 43.2, 5.4])
def test_a_delay_of_whole_control_steps_is_as_many(interval):
    for steps in (1, 3, 7, 11, 13):
        values = truth(30, 1)
        seen = episode({"delay_s": {"rack_inlet": steps * interval}}, values, interval=interval)
        assert_array_equal(seen[steps:, :2], values[:-steps, :2])


def test_each_signal_has_its_own_delay():
    values = truth(20, 1)
    seen = episode({"delay_s": {"rack_inlet_max_1": 300, "rack_inlet_max_2": 1200}}, values)
    assert_array_equal(seen[4:, 0], values[3:-1, 0])
    assert_array_equal(seen[4:, 1], values[:-4, 1])


def test_lost_readings_repeat_the_last_one_and_fill_the_share_of_a_renewal_process():
    steps, envs, rate, lost_steps = 2000, 60, 4.0, 6
    values = truth(steps, envs)
    options = {"dropout": {"temperature": {"rate_per_day": rate, "minutes": lost_steps * INTERVAL / 60.0}}, "age": True}
    bank = bank_of(options, envs)
    bank.start(np.arange(envs), RandomNumbers.of_seeds(range(envs)))
    seen, age = [], []
    for step in range(steps):
        seen.append(bank.measure(values[step], np.full(envs, step)))
        age.append(bank.age)
    seen, age = np.array(seen)[:, TEMPERATURES], np.array(age)
    true = values[:, TEMPERATURES]
    is_lost = age > 0.0
    assert_array_equal(seen[~is_lost], true[~is_lost])
    assert_array_equal(seen[1:][is_lost[1:]], seen[:-1][is_lost[1:]])
    assert not is_lost[0].any()
    # The age says which reading is shown.
    at = np.arange(steps)[:, None, None] - np.rint(age / INTERVAL).astype(int)
    assert_array_equal(seen, np.take_along_axis(true, at, axis=0))
    chance = 1.0 - math.exp(-rate * INTERVAL / 86400.0)
    expected = lost_steps * chance / (lost_steps * chance + 1.0 - chance)
    spans = is_lost.sum() / lost_steps
    assert abs(is_lost.mean() / expected - 1.0) < 4.0 / math.sqrt(spans)


def test_the_first_reading_of_an_episode_arrives_whatever_was_shown_before():
    bank = bank_of({"dropout": {"rack_inlet_max_1": {"start_hours": 0.0, "minutes": 15}}})
    for seed in (0, 1):
        values = truth(5, 1, seed)
        bank.start(np.arange(1), RandomNumbers.of_seeds([0]))
        assert_array_equal(run(bank, values)[:, 0], values[[0, 0, 0, 3, 4], 0])


def test_sensors_stick_and_readings_are_lost_independently_of_each_other():
    steps, envs, rate = 1000, 60, 10.0
    spans = {"rate_per_day": rate, "minutes": 5}
    values = truth(steps, envs) + np.linspace(0.0, 1.0, steps)[:, None, None]  # never twice the same
    options = {
        "stuck": {"rack_inlet_max_1": {**spans, "value": 99.0}},
        "dropout": {"rack_inlet_max_1": spans},
        "age": True,
    }
    bank = bank_of(options, envs)
    bank.start(np.arange(envs), RandomNumbers.of_seeds(range(envs)))
    is_stuck, is_lost = [], []
    for step in range(steps):
        bank.measure(values[step], np.full(envs, step))
        is_stuck.append(bank.kept()["_given"][0] == 99.0)
        is_lost.append(bank.age[0] > 0.0)
    both = np.mean(np.array(is_stuck) & np.array(is_lost))
    chance = np.mean(is_stuck) * np.mean(is_lost)
    assert abs(both - chance) < 4.0 * math.sqrt(chance / (steps * envs))


def test_the_age_of_a_late_reading_is_its_delay_and_grows_while_readings_are_lost():
    bank = bank_of(
        {
            "delay_s": {"rack_inlet_max_1": 600},
            "dropout": {"rack_inlet_max_1": {"start_hours": 0.5, "minutes": 15}},
            "age": True,
        }
    )
    bank.start(np.arange(1), RandomNumbers.of_seeds([0]))
    values = truth(14, 1)
    age, seen = [], []
    for step in range(14):
        seen.append(bank.measure(values[step], np.array([step]))[0, 0])
        age.append(bank.age[0, 0] / INTERVAL)
    assert [signal.name for signal in bank.age_signals] == ["rack_inlet_max_1_age"]
    assert age == [0, 1, 2, 2, 2, 2, 3, 4, 5, 2, 2, 2, 2, 2]
    assert seen[6:9] == [values[3, 0, 0]] * 3
    assert seen[9] == values[7, 0, 0]


@pytest.mark.parametrize("minutes", [None, 45.0])
def test_a_stuck_sensor_gives_what_it_gave_before_until_it_recovers(minutes):
    values = truth(60, 2)
    span = {"start_hours": 1.0} if minutes is None else {"start_hours": 1.0, "minutes": minutes}
    seen = episode({"stuck": {"rack_inlet_max_1": span}, "bias": {"rack_inlet_max_1": 0.25}}, values)[:, 0]
    last = 60 if minutes is None else 12 + 9
    good = values[:, 0] + 0.25
    assert_array_equal(seen[:12], good[:12])
    assert_array_equal(seen[12:last], np.broadcast_to(good[11], (last - 12, 2)))
    assert_array_equal(seen[last:], good[last:])


def test_a_sensor_may_stick_at_a_value_and_several_times():
    values = truth(60, 1)
    stuck = {"wet_bulb_temperature": {"start_hours": [1.0, 3.0], "minutes": 30, "value": -35.0}}
    seen = episode({"stuck": stuck}, values)[:, NAMES.index("wet_bulb_temperature"), 0]
    assert_array_equal(np.flatnonzero(seen == -35.0), [*range(12, 18), *range(36, 42)])
    others = np.delete(np.arange(60), np.flatnonzero(seen == -35.0))
    assert_array_equal(seen[others], values[others, NAMES.index("wet_bulb_temperature"), 0])


def test_sensors_stick_at_random_as_often_and_as_long_as_asked_for():
    steps, envs, rate, length = 1500, 80, 2.0, 12
    values = truth(steps, envs) + np.linspace(0.0, 1.0, steps)[:, None, None]  # never twice the same
    seen = episode({"stuck": {"rack_inlet": {"rate_per_day": rate, "minutes": 60}}}, values)[:, :2]
    is_stuck = seen != values[:, :2]
    # A run of stuck steps is one span or several that follow each other at once.
    padded = np.concatenate([np.zeros((1, 2, envs), bool), is_stuck, np.zeros((1, 2, envs), bool)])
    begins, ends = (
        np.argwhere(np.moveaxis(change, 0, -1)) for change in (padded[1:] & ~padded[:-1], ~padded[1:] & padded[:-1])
    )
    # One that begins with the episode gives its first reading, so the first step of it does not show.
    runs = (ends[:, 2] - begins[:, 2])[(begins[:, 2] > 1) & (ends[:, 2] < steps)]
    assert len(runs) > 1000
    assert (runs % length == 0).all()
    chance = 1.0 - math.exp(-rate * INTERVAL / 86400.0)
    expected = length * chance / (length * chance + 1.0 - chance)
    assert abs(is_stuck.mean() / expected - 1.0) < 4.0 / math.sqrt(is_stuck.sum() / length)


def test_a_stuck_sensor_is_no_older_but_a_lost_reading_is():
    bank = bank_of(
        {"stuck": {"rack_inlet_max_1": {"start_hours": 0.5}}, "delay_s": {"rack_inlet_max_1": 300}, "age": True}
    )
    bank.start(np.arange(1), RandomNumbers.of_seeds([0]))
    run(bank, truth(20, 1))
    assert bank.age[0, 0] == 300.0


# --- environments by themselves ---------------------------------------------------------------------------------------


def test_a_row_of_a_batch_shows_what_the_single_environment_shows_to_the_bit():
    values = truth(100, 6)
    together = episode(EVERYTHING, values, seed=40)
    for row in range(6):
        alone = episode(EVERYTHING, values[:, :, row : row + 1], seed=40 + row)
        assert_array_equal(alone[:, :, 0], together[:, :, row])


def test_episodes_that_begin_later_in_a_batch_are_as_alone_and_leave_the_others():
    values, begun, going_on = truth(90, 4), [1, 3], [0, 2]
    bank = bank_of(EVERYTHING, 4)
    own = RandomNumbers.of_seeds(range(10, 14))
    bank.start(np.arange(4), own)
    run(bank, values[:30])
    bank.start(np.array(begun), RandomNumbers(own.of("episode", 1).keys[begun]))
    elapsed = np.array([29, 0, 29, 0])  # within the step in which two end, so those that go on are asked again
    seen = []
    for step in range(29, 90):
        seen.append(bank.measure(values[step], elapsed.copy()))
        elapsed += 1
    seen = np.array(seen)
    assert_array_equal(seen[:, :, going_on], episode(EVERYTHING, values, seed=10)[29:, :, going_on])
    for env in begun:
        single = bank_of(EVERYTHING)
        single.start(np.arange(1), RandomNumbers.of_seeds([10 + env]).of("episode", 1))
        assert_array_equal(seen[:, :, env], run(single, values[29:, :, env : env + 1])[:, :, 0])


def test_sensors_asked_twice_in_a_step_show_the_same_and_go_on_alike():
    values = truth(80, 3)
    bank = bank_of(EVERYTHING, 3)
    bank.start(np.arange(3), RandomNumbers.of_seeds(range(3)))
    seen = []
    for step in range(80):
        seen.append(bank.measure(values[step], np.full(3, step)))
        for _ in range(step % 3):
            assert_array_equal(bank.measure(values[step], np.full(3, step)), seen[-1])
    assert_array_equal(np.array(seen), episode(EVERYTHING, values))


def test_true_values_stay_as_they_are_unless_they_are_written_over():
    values = truth(1, 2)[0]
    kept = values.copy()
    bank = bank_of({"bias": 1.0}, 2)
    bank.start(np.arange(2), RandomNumbers.of_seeds([0, 1]))
    seen = bank.measure(values, np.zeros(2, int))
    assert_array_equal(values, kept)
    assert bank.measure(values, np.zeros(2, int), out=values) is values
    assert_array_equal(values, seen)


@pytest.mark.parametrize("at", [0, 5, 26, 33, 64])  # 26: while a sensor is stuck
def test_going_back_gives_the_identical_future(at):
    values = truth(120, 4)
    bank = bank_of(EVERYTHING, 4)
    bank.start(np.arange(4), RandomNumbers.of_seeds(range(4)))
    run(bank, values[: at + 1])
    kept, age = bank.kept(), bank.age.copy()
    future = run(bank, values[at:], at)
    ages = bank.age.copy()
    bank.start(np.arange(4), RandomNumbers.of_seeds(range(90, 94)))
    run(bank, values[:50])
    for other in (bank, bank_of(EVERYTHING, 4)):
        other.restore(kept)
        assert_array_equal(other.age, age)
        assert_array_equal(run(other, values[at:], at), future)
        assert_array_equal(other.age, ages)


def test_same_seed_same_readings_in_another_process():
    code = (
        "import json, numpy as np; from dcsim.drivers import RandomNumbers; from dcsim.envs.signals import Signal; "
        "from dcsim.envs.sensors import SensorBank, SensorOptions; "
        "s = (Signal('rack_inlet_max_1', 'degC', 10.0, 45.0, ''),); "
        "b = SensorBank(SensorOptions.parse({'noise': 0.1, 'dropout': {'rate_per_day': 50, 'minutes': 10}}), s, 1, 300.0); "
        "b.start(np.arange(1), RandomNumbers.of_seeds([3])); "
        "print(json.dumps([b.measure(np.full((1, 1), 20.0 + i), np.array([i]))[0, 0] for i in range(60)]))"
    )
    runs = [
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
        for _ in range(2)
    ]
    assert runs[0] == runs[1]
    assert len(set(json.loads(runs[0]))) > 30


def test_one_more_fault_leaves_the_noise_as_it_is():
    values = np.zeros((40, len(SIGNALS), 2))
    noise = episode({"noise": {"rack_inlet": 0.1}}, values)
    more = episode(
        {"noise": {"rack_inlet": 0.1}, "dropout": {"cooling_power": {"rate_per_day": 9, "minutes": 30}}}, values
    )
    assert_array_equal(noise[:, :2], more[:, :2])


# --- options ----------------------------------------------------------------------------------------------------------


def test_options_are_json_and_equal_where_they_say_the_same():
    again = json.loads(json.dumps(EVERYTHING))
    assert SensorOptions.parse(again) == SensorOptions.parse(EVERYTHING)
    assert hash(SensorOptions.parse(again)) == hash(SensorOptions.parse(EVERYTHING))
    assert SensorOptions.parse({"bias": {"temperature": 0.5}}).bias == (("temperature", Offset(0.5, 0.0)),)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("noise", "sensors='noise': expected a mapping"),
        (["noise"], "sensors=['noise']: expected a mapping"),
        ({"nois": 0.1}, "sensors: no option 'nois'; nearest is 'noise'"),
        ({"delay": 60}, "sensors: no option 'delay'; nearest is 'delay_s'"),
        ({3: 0.1}, "sensors: no option 3"),
        ({"noise": "0.1"}, "sensors: noise='0.1': expected a number"),
        ({"noise": True}, "sensors: noise=True: expected a number"),
        ({"noise": -0.1}, "sensors: noise=-0.1: expected a number of 0"),
        ({"noise": float("nan")}, "sensors: noise=nan: expected a number"),
        ({"noise": float("inf")}, "sensors: noise=inf: expected a number"),
        (
            {"noise": {"temperatur": 0.1}},
            "sensors: noise: 'temperatur' reaches no signal here; nearest is 'temperature'",
        ),
        ({"noise": {"rack_inlt_max": 0.1}}, "'rack_inlt_max' reaches no signal here; nearest is 'rack_inlet_max'"),
        ({"noise": {"rack_inlet_max_3": 0.1}}, "nearest is 'rack_inlet_max_"),
        ({"noise": {"price": 0.1}}, "sensors: noise: 'price' reaches no signal here"),
        ({"noise": {"chilled_water_setpoint": 0.1}}, "'chilled_water_setpoint' reaches no signal here"),
        ({"noise": {"zzzz": 0.1}}, "; known: all, fraction, power, temperature"),
        ({"noise": {"x" * 5000: 0.1}}, "reaches no signal here"),
        ({"noise": {4: 0.1}}, "sensors: noise: no option 4"),
        (
            {"quantisation": {"temperature": 1e-9}},
            "sensors: quantisation: temperature=1e-09: expected a number of 1e-06",
        ),
        ({"quantisation": -1}, "sensors: quantisation=-1"),
        ({"bias": {"temperature": {"deviaton": 0.1}}}, "no option 'deviaton'; nearest is 'deviation'"),
        ({"bias": {"deviation": -1.0}}, "sensors: bias: deviation=-1.0"),
        ({"drift": {"temperature": [0.1]}}, "sensors: drift: temperature=[0.1]: expected a number"),
        ({"delay_s": -1}, "sensors: delay_s=-1: expected a number of 0 to 86400"),
        ({"delay_s": 1e6}, "sensors: delay_s=1000000.0: expected a number of 0 to 86400"),
        ({"dropout": 0.1}, "sensors: dropout=0.1: expected a mapping such as"),
        ({"dropout": {"rate_per_day": 1, "minuts": 5}}, "sensors: dropout: no option 'minuts'; nearest is 'minutes'"),
        ({"dropout": {"minutes": 5}}, "sensors: dropout: never happens"),
        ({"dropout": {"rate_per_day": 1, "value": 3.0}}, "sensors: dropout: no option 'value'"),
        ({"dropout": {"power": {"rate_per_day": -1}}}, "sensors: dropout: power: rate_per_day=-1"),
        ({"stuck": {"temperature": {"start_hours": "noon"}}}, "sensors: stuck: temperature: start_hours='noon'"),
        ({"stuck": {"temperature": {"start_hours": [1, -2]}}}, "start_hours=-2: expected a number of 0"),
        ({"stuck": {"temperature": {"start_hours": 30}}}, "start_hours=30: the episode ends after 24 hours"),
        ({"stuck": {"temperature": {"rate_per_day": 1, "value": None, "minutes": "5"}}}, "minutes='5'"),
        ({"noise": 0.1, "age": 1}, "sensors: age=1: expected True or False"),
        ({"noise": 0.1, "age": True}, "sensors: age=True: no reading is delayed or lost"),
    ],
)
def test_a_wrong_option_is_refused_in_one_line(options, words):
    with pytest.raises(InputError) as caught:
        SensorOptions.parse(options, SIGNALS, 24.0)
    message = str(caught.value)
    assert words in message
    assert "\n" not in message and len(message) < 300
