"""What reaches the plant of the set-points asked for, against a finer simulation and the statistics of each fault."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from dcsim.drivers import RandomNumbers
from dcsim.envs.actuators import ActuatorBank, ActuatorOptions
from dcsim.envs.signals import Signal
from dcsim.errors import InputError

INTERVAL = 300.0
SIGNALS = (
    Signal("supply_air_setpoint_1", "degC", 14.0, 24.0, "supply air of CRAH group 1"),
    Signal("supply_air_setpoint_2", "degC", 14.0, 24.0, "supply air of CRAH group 2"),
    Signal("crah_fan_speed_1", "-", 0.3, 1.0, "fan speed of CRAH group 1"),
    Signal("crah_fan_speed_2", "-", 0.3, 1.0, "fan speed of CRAH group 2"),
    Signal("chilled_water_setpoint", "degC", 6.0, 16.0, "water leaving the chillers or the economizer"),
    Signal("condenser_water_flow", "-", 0.5, 1.0, "condenser-water flow over nominal"),
    Signal("mode_request", "-", 0.0, 2.0, "0 mechanical, 1 integrated, 2 free cooling, nearest wins"),
)
NAMES = [signal.name for signal in SIGNALS]
LOW, HIGH = (np.array([[getattr(signal, end)] for signal in SIGNALS]) for end in ("low", "high"))
FAN, FLOW, MODE = (NAMES.index(name) for name in ("crah_fan_speed_1", "condenser_water_flow", "mode_request"))
EVERYTHING = {
    "stroke_time_s": {"all": 900, "crah_fan_speed_2": 0},
    "rate_per_minute": {"temperature": 0.2},
    "deadband": {"fraction": 0.05, "temperature": 0.3},
    "stuck": {
        "fraction": {"rate_per_day": 5, "minutes": 40},
        "chilled_water_setpoint": {"start_hours": 1, "value": 16.0},
    },
}


def requests(steps, num_envs, seed=0):
    """Set-points (steps, A, N) asked for: each held for a few steps, then somewhere else."""
    rng = np.random.default_rng(seed)
    drawn = rng.uniform(0.0, 1.0, (steps, len(SIGNALS), num_envs))
    held = np.maximum.accumulate(np.where(rng.random(drawn.shape) < 0.4, np.arange(steps)[:, None, None], 0), axis=0)
    return LOW + (HIGH - LOW) * np.take_along_axis(drawn, held, axis=0)


def bank_of(options, num_envs=1, start=None, seed=0, interval=INTERVAL):
    bank = ActuatorBank(ActuatorOptions.parse(options, SIGNALS), SIGNALS, num_envs, interval)
    start = np.repeat(LOW, num_envs, 1) if start is None else start
    bank.start(np.arange(num_envs), RandomNumbers.of_seeds(range(seed, seed + num_envs)), start)
    return bank


def run(bank, asked, first=0):
    """What reaches the plant (steps, A, N), and positions at the ends of the steps."""
    reached, positions = [], []
    for step, setpoints in enumerate(asked):
        reached.append(bank.move(setpoints, np.full(asked.shape[2], first + step)).copy())
        positions.append(bank.position.copy())
    return np.array(reached), np.array(positions)


# --- off --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options", [None, {}, {"stroke_time_s": 0}, {"deadband": {}, "stuck": 0}, {"rate_per_minute": 0}]
)
def test_perfect_actuators_pass_on_what_is_asked_for(options):
    parsed = ActuatorOptions.parse(options, SIGNALS)
    bank = ActuatorBank(parsed, SIGNALS, 2, INTERVAL)
    bank.start(np.arange(2), RandomNumbers.of_seeds([1, 2]), np.repeat(LOW, 2, 1))
    asked = requests(1, 2)[0]
    assert not parsed and bank.is_off and bank.kept() == {}
    assert bank.move(asked, np.zeros(2, int)) is asked


def test_what_is_not_limited_arrives_to_the_bit():
    asked = requests(50, 3)
    reached, positions = run(bank_of({"stroke_time_s": {"crah_fan_speed_1": 900}}, 3), asked)
    others = [row for row in range(len(SIGNALS)) if row != FAN]
    assert_array_equal(reached[:, others], asked[:, others])
    assert_array_equal(positions[:, others], asked[:, others])
    assert (reached[:, FAN] != asked[:, FAN]).any()


# --- each limit -------------------------------------------------------------------------------------------------------


def test_the_whole_range_takes_the_stroke_time():
    asked = np.repeat(HIGH[None], 6, 0)
    _, positions = run(bank_of({"stroke_time_s": 1200}), asked)
    share = ((positions - LOW) / (HIGH - LOW))[:, :MODE, 0]
    assert_allclose(share, np.repeat([[0.25], [0.5], [0.75], [1.0], [1.0], [1.0]], MODE, 1), atol=1e-12)
    assert_array_equal(positions[3:, :MODE], asked[3:, :MODE])


def test_a_stroke_shorter_than_the_step_is_felt_as_the_mean_position():
    asked = np.repeat(HIGH[None], 2, 0)
    reached, positions = run(bank_of({"stroke_time_s": {"condenser_water_flow": 120}}), asked)
    # 120 of 300 s under way, on average half of the way there.
    assert_allclose(reached[0, FLOW], 0.5 + 0.5 * (1.0 - 0.5 * 120.0 / 300.0), rtol=1e-12)
    assert_array_equal(positions[0, FLOW], HIGH[FLOW])
    assert_array_equal(reached[1, FLOW], HIGH[FLOW])


def test_a_rate_limit_is_a_change_in_a_minute_and_the_slower_of_two_limits_holds():
    asked = np.repeat(HIGH[None], 3, 0)
    options = {
        "rate_per_minute": {"temperature": 0.5},
        "stroke_time_s": {"supply_air_setpoint_2": 6000, "chilled_water_setpoint": 60},
    }
    _, positions = run(bank_of(options), asked)
    way = (positions - LOW)[:, :, 0]
    assert_allclose(way[:, NAMES.index("supply_air_setpoint_1")], [2.5, 5.0, 7.5], rtol=1e-12)
    assert_allclose(way[:, NAMES.index("supply_air_setpoint_2")], [0.5, 1.0, 1.5], rtol=1e-12)
    assert_allclose(way[:, NAMES.index("chilled_water_setpoint")], [2.5, 5.0, 7.5], rtol=1e-12)


def test_positions_and_their_means_are_those_of_a_simulation_second_by_second():
    stroke, seconds = 700.0, 300
    asked = requests(80, 4)
    reached, positions = run(bank_of({"stroke_time_s": stroke}, 4), asked)
    fine = 10  # pieces of a second
    pace = (HIGH - LOW) / stroke / fine
    position = np.repeat(LOW, 4, 1)
    for step in range(80):
        total = np.zeros_like(position)
        for _ in range(seconds * fine):
            before = position
            position = position + np.clip(asked[step] - position, -pace, pace)
            total += 0.5 * (before + position)
        rows = slice(0, MODE)
        assert_allclose(positions[step, rows], position[rows], rtol=1e-9)
        # The last piece of a move is taken as evenly spread over its tenth of a second.
        assert_allclose(reached[step, rows], total[rows] / (seconds * fine), rtol=0, atol=1e-5)


@settings(max_examples=60, deadline=None)
@given(
    start=st.floats(0.0, 1.0),
    wanted=st.lists(st.floats(0.0, 1.0), min_size=1, max_size=8),
    stroke=st.floats(1.0, 5000.0),
    width=st.floats(0.0, 0.3),
)
def test_an_actuator_never_passes_its_target_leaves_its_range_or_exceeds_its_pace(start, wanted, stroke, width):
    span = (HIGH - LOW)[FLOW, 0]
    bank = bank_of({"stroke_time_s": stroke, "deadband": {"fraction": width}}, start=LOW + start * (HIGH - LOW))
    position = bank.position[FLOW, 0]
    for step, share in enumerate(wanted):
        asked = LOW + share * (HIGH - LOW)
        target = asked[FLOW, 0]
        mean = bank.move(asked, np.array([step]))[FLOW, 0]
        after = bank.position[FLOW, 0]
        slack = 1e-12
        assert min(position, target) - slack <= min(mean, after) and max(mean, after) <= max(position, target) + slack
        assert abs(after - position) <= span * INTERVAL / stroke + slack
        assert abs(after - target) <= max(width, abs(position - target) - span * INTERVAL / stroke) + slack
        # The mean lies past the middle of the way.
        assert abs(mean - position) >= 0.5 * abs(after - position) - slack
        position = after


def test_within_the_deadband_an_actuator_stays_and_beyond_it_goes_all_the_way():
    start = LOW + 0.5 * (HIGH - LOW)
    fan = start[FAN, 0]
    asked = np.repeat(start[None], 5, 0)
    asked[:, FAN, 0] = fan + np.array([0.019, -0.019, 0.021, 0.021 + 0.019, 0.0])
    _, positions = run(bank_of({"deadband": {"fraction": 0.02}}, start=start), asked)
    assert_allclose(positions[:, FAN, 0] - fan, [0.0, 0.0, 0.021, 0.021, 0.0], atol=1e-12)


def test_a_distance_of_just_the_deadband_is_within_it():
    start = HIGH.copy()
    asked = np.repeat(start[None], 2, 0)
    asked[:, FLOW, 0] = [0.75, 0.5]  # exact in binary, so are the distances from 1
    _, positions = run(bank_of({"deadband": {"condenser_water_flow": 0.25}}, start=start), asked)
    assert_array_equal(positions[:, FLOW, 0], [1.0, 0.5])


def test_an_actuator_sticks_where_it_is_for_as_long_as_said():
    asked = requests(40, 2)
    reached, positions = run(bank_of({"stuck": {"crah_fan_speed_1": {"start_hours": 1.0, "minutes": 60}}}, 2), asked)
    assert_array_equal(positions[12:24, FAN], np.broadcast_to(asked[11, FAN], (12, 2)))
    assert_array_equal(reached[12:24, FAN], positions[12:24, FAN])
    free = np.r_[0:12, 24:40]
    assert_array_equal(reached[free, FAN], asked[free, FAN])
    assert_array_equal(reached[:, FAN + 1], asked[:, FAN + 1])


def test_an_actuator_that_fails_to_a_value_goes_there_at_its_own_pace_and_stays():
    asked = np.repeat(LOW[None], 10, 0)
    options = {"stuck": {"condenser_water_flow": {"start_hours": 0.25, "value": 1.0}}, "stroke_time_s": 600}
    _, positions = run(bank_of(options), asked)
    assert_allclose(positions[:, FLOW, 0], [0.5, 0.5, 0.5, 0.75, *[1.0] * 6], atol=1e-12)


def test_the_cooling_mode_has_no_stroke_but_may_be_stuck():
    asked = np.repeat(LOW[None], 4, 0)
    asked[1:, MODE] = 2.0
    limits = {"stroke_time_s": 9000, "rate_per_minute": {"all": 0.001}, "deadband": {"fraction": 0.5}}
    reached, _ = run(bank_of(limits), asked)
    assert_array_equal(reached[:, MODE], asked[:, MODE])
    reached, _ = run(bank_of({"stuck": {"mode_request": {"start_hours": 0, "minutes": 10}}}), asked)
    assert_array_equal(reached[:, MODE, 0], [0.0, 0.0, 2.0, 2.0])


def test_actuators_stick_at_random_as_often_as_a_renewal_process():
    steps, envs, rate, length = 1500, 80, 3.0, 8
    asked = LOW + (HIGH - LOW) * np.random.default_rng(0).uniform(0.0, 1.0, (steps, len(SIGNALS), envs))
    reached, _ = run(bank_of({"stuck": {"fraction": {"rate_per_day": rate, "minutes": 40}}}, envs), asked)
    is_stuck = reached != asked
    assert not is_stuck[:, [NAMES.index("chilled_water_setpoint"), 0, 1]].any()
    share = is_stuck[:, [FAN, FAN + 1, FLOW]].mean()
    chance = 1.0 - math.exp(-rate * INTERVAL / 86400.0)
    expected = length * chance / (length * chance + 1.0 - chance)
    assert abs(share / expected - 1.0) < 4.0 / math.sqrt(is_stuck.sum() / length)


# --- environments by themselves ---------------------------------------------------------------------------------------


def test_a_row_of_a_batch_moves_as_the_single_environment_to_the_bit():
    asked = requests(100, 5)
    together, positions = run(bank_of(EVERYTHING, 5, seed=20), asked)
    for row in range(5):
        alone, single = run(bank_of(EVERYTHING, 1, seed=20 + row), asked[:, :, row : row + 1])
        assert_array_equal(alone[:, :, 0], together[:, :, row])
        assert_array_equal(single[:, :, 0], positions[:, :, row])


def test_a_new_episode_begins_at_its_set_points_and_leaves_the_others():
    asked = requests(60, 2)
    bank = bank_of(EVERYTHING, 2)
    run(bank, asked[:20])
    elapsed = np.array([20, 20])
    start = requests(1, 1, seed=9)[0]
    bank.start(np.array([1]), RandomNumbers.of_seeds([77]), start)
    elapsed[1] = 0
    reached = []
    for step in range(20, 60):
        reached.append(bank.move(asked[step], elapsed.copy()).copy())
        elapsed += 1
    reached = np.array(reached)
    assert_array_equal(reached[:, :, 0], run(bank_of(EVERYTHING, 2), asked)[0][20:, :, 0])
    fresh = run(bank_of(EVERYTHING, 1, start=start, seed=77), asked[20:, :, 1:])[0]
    assert_array_equal(reached[:, :, 1], fresh[:, :, 0])


@pytest.mark.parametrize("at", [1, 13, 40])
def test_going_back_gives_the_identical_future(at):
    asked = requests(100, 3)
    bank = bank_of(EVERYTHING, 3)
    run(bank, asked[:at])
    kept = bank.kept()
    future = run(bank, asked[at:], at)
    for other in (bank, bank_of(EVERYTHING, 3, seed=50)):
        other.restore(kept)
        again = run(other, asked[at:], at)
        assert_array_equal(again[0], future[0])
        assert_array_equal(again[1], future[1])


def test_set_points_may_be_written_over():
    asked = requests(1, 2)[0]
    kept = asked.copy()
    expected = bank_of({"stroke_time_s": 900}, 2).move(asked, np.zeros(2, int))
    assert_array_equal(asked, kept)
    assert bank_of({"stroke_time_s": 900}, 2).move(asked, np.zeros(2, int), out=asked) is asked
    assert_array_equal(asked, expected)


# --- options ----------------------------------------------------------------------------------------------------------


def test_options_are_json():
    assert ActuatorOptions.parse(json.loads(json.dumps(EVERYTHING)), SIGNALS) == ActuatorOptions.parse(EVERYTHING)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (5, "actuators=5: expected a mapping"),
        ({"stroke": 60}, "actuators: no option 'stroke'; nearest is 'stroke_time_s'"),
        ({"stroke_time_s": "60"}, "actuators: stroke_time_s='60': expected a number of 0 to 86400"),
        ({"stroke_time_s": -60}, "actuators: stroke_time_s=-60"),
        ({"stroke_time_s": {"fan": 60}}, "actuators: stroke_time_s: 'fan' reaches no signal here; nearest is"),
        ({"stroke_time_s": {"crah_fan_sped": 60}}, "nearest is 'crah_fan_speed'"),
        (
            {"stroke_time_s": {"mode_request": 60}},
            "actuators: stroke_time_s: 'mode_request' is a choice and not a position",
        ),
        (
            {"deadband": {"mode_request": 0.1}},
            "'mode_request' is a choice and not a position; only stuck can act on it",
        ),
        ({"rate_per_minute": {"temperature": -0.5}}, "actuators: rate_per_minute: temperature=-0.5"),
        ({"rate_per_minute": {"temperature": True}}, "actuators: rate_per_minute: temperature=True"),
        ({"deadband": float("nan")}, "actuators: deadband=nan"),
        ({"stuck": {"crah_fan_speed_1": 3}}, "actuators: stuck: crah_fan_speed_1=3: expected a mapping such as"),
        ({"stuck": {"crah_fan_speed_1": {"start_hours": 6.5}}}, "start_hours=6.5: the episode ends after 6 hours"),
        ({"stuck": {"crah_fan_speed_1": {"start_hour": 6}}}, "no option 'start_hour'; nearest is 'start_hours'"),
        ({"stuck": {"fraction": {"minutes": 60}}}, "actuators: stuck: fraction: never happens"),
    ],
)
def test_a_wrong_option_is_refused_in_one_line(options, words):
    with pytest.raises(InputError) as caught:
        ActuatorOptions.parse(options, SIGNALS, 6.0)
    message = str(caught.value)
    assert words in message
    assert "\n" not in message and len(message) < 300
