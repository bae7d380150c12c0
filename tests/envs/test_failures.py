"""When equipment fails: what a schedule says, and the statistics of failure and repair."""

import json
import math
import subprocess
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from dcsim.drivers import RandomNumbers
from dcsim.envs.failures import COMPONENTS, FailureOptions, FailureSchedule
from dcsim.errors import InputError

UNITS = {"crah": 4, "chiller": 2, "chilled_water_pump": 3, "tower_fan": 2, "dx_unit": 0}
INTERVAL = 300.0
DAY_STEPS = 288


def schedule_of(options, steps=DAY_STEPS, interval=INTERVAL, units=UNITS):
    return FailureSchedule(FailureOptions.parse(options, units), units, interval, steps)


def scheduled(**entry):
    return {"schedule": [entry]}


def often(component, **more):
    return {"random": {component: {"mtbf_hours": 5.0, "repair_hours": 2.0, **more}}}


# --- off --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [None, {}, {"random": {}, "schedule": []}, {"schedule": None}])
def test_without_failures_outages_stay_as_they_are(options):
    schedule = schedule_of(options)
    own = RandomNumbers.of_seeds([1, 2])
    outages = {"crah": np.full((2, DAY_STEPS + 1, 4), 0.5, np.float32)}
    assert not schedule.options and schedule.components == ()
    assert schedule.draw(own) == {}
    assert schedule.draw(own, outages)["crah"] is outages["crah"]


# --- on schedule ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("units", "failed"), [(2, [1]), ([1, 4], [0, 3]), ("all", [0, 1, 2, 3])], ids=["one", "several", "all"]
)
def test_the_units_named_stop_in_the_hours_named(units, failed):
    options = scheduled(component="crah", units=units, start_hour=2.0, hours=3.0)
    tables = schedule_of(options).draw(RandomNumbers.of_seeds([0, 1, 2]))
    assert list(tables) == ["crah"] and tables["crah"].dtype == np.float32
    expected = np.ones((3, DAY_STEPS + 1, 4))
    expected[:, 24:60, failed] = 0.0
    assert_array_equal(tables["crah"], expected)


def test_a_share_may_remain_and_a_failure_last_to_the_end():
    table = schedule_of(scheduled(component="tower_fan", units="all", start_hour=20.0, remaining=0.7)).draw(
        RandomNumbers.of_seeds([0])
    )
    expected = np.ones((1, DAY_STEPS + 1, 2), np.float32)
    expected[:, 240:] = np.float32(0.7)
    assert_array_equal(table["tower_fan"], expected)


def test_a_failure_shorter_than_a_control_step_takes_one():
    table = schedule_of(scheduled(component="crah", units=1, start_hour=1.0, hours=0.001)).draw(
        RandomNumbers.of_seeds([0])
    )["crah"]
    assert_array_equal(np.argwhere(table < 1.0), [[0, 12, 0]])


def test_of_failures_at_once_the_worst_holds():
    options = {
        "schedule": [
            {"component": "chiller", "units": "all", "start_hour": 1.0, "hours": 2.0, "remaining": 0.4},
            {"component": "chiller", "units": 2, "start_hour": 2.0, "hours": 2.0, "remaining": 0.6},
        ]
    }
    table = schedule_of(options).draw(RandomNumbers.of_seeds([0]))["chiller"]
    assert_allclose(table[0, [11, 12, 24, 36, 48], 0], [1.0, 0.4, 0.4, 1.0, 1.0])
    assert_allclose(table[0, [11, 12, 24, 36, 48], 1], [1.0, 0.4, 0.4, 0.6, 1.0])


def test_outages_of_a_task_are_multiplied_and_left_as_they_were():
    outages = {
        "chiller": np.full((2, DAY_STEPS + 1, 2), 0.8, np.float32),
        "crah": np.full((2, DAY_STEPS + 1, 4), 0.9, np.float32),
    }
    options = scheduled(component="chiller", units=2, start_hour=0.0, remaining=0.5)
    tables = schedule_of(options).draw(RandomNumbers.of_seeds([0, 1]), outages)
    assert_allclose(tables["chiller"][:, :, 0], 0.8, rtol=1e-6)
    assert_allclose(tables["chiller"][:, :, 1], 0.4, rtol=1e-6)
    assert_array_equal(tables["crah"], outages["crah"])
    assert (outages["chiller"] == np.float32(0.8)).all()


# --- at random --------------------------------------------------------------------------------------------------------


def test_the_share_of_units_that_are_down_is_that_of_failure_and_repair():
    running, repair, envs, steps, interval = 30.0, 10.0, 3000, 1440, 180.0
    options = {"random": {"crah": {"mtbf_hours": running, "repair_hours": repair}}}
    table = schedule_of(options, steps, interval).draw(RandomNumbers.of_seeds(range(envs)))["crah"]
    is_down = 1.0 - table
    assert set(np.unique(table)) == {0.0, 1.0}
    hours = (np.arange(steps + 1) + 0.5) * interval / 3600.0
    # Barlow and Proschan 1965, ch. 3, exact for exponential times; starts rounded to steps show a step as its middle is.
    expected = repair / (running + repair) * (1.0 - np.exp(-(1.0 / running + 1.0 / repair) * hours))
    deviation = np.sqrt(expected * (1.0 - expected) / (4 * envs))
    assert (abs(is_down.mean(axis=(0, 2)) - expected) < 5.0 * deviation).all()
    assert_allclose(is_down[:, 1000:].mean(), 0.25, atol=0.005)
    # Units, and environments, fail by themselves.
    late = is_down[:, -1] - is_down[:, -1].mean()
    for product in (late[:, 0] * late[:, 1], late[:-1, 2] * late[1:, 2]):
        assert abs(product.mean()) < 4.0 * late.var() / math.sqrt(envs)


def test_times_between_failures_and_of_repair_are_exponential_with_the_means_asked_for():
    running, repair, envs, steps, interval = 20.0, 5.0, 60, 30_000, 60.0
    options = {"random": {"tower_fan": {"mtbf_hours": running, "repair_hours": repair}}}
    table = schedule_of(options, steps, interval).draw(RandomNumbers.of_seeds(range(envs)))["tower_fan"]
    lengths = {0.0: [], 1.0: []}
    for line in np.moveaxis(table, 1, 2).reshape(-1, steps + 1):
        edges = np.flatnonzero(np.diff(line)) + 1
        for first, last in zip(edges, edges[1:], strict=False):  # the first and last of an episode are cut
            lengths[float(line[first])].append((last - first) * interval / 3600.0)
    for state, mean in ((1.0, running), (0.0, repair)):
        times = np.array(lengths[state])
        assert len(times) > 1500
        error = 4.0 / math.sqrt(len(times)) + 0.02  # of cut ends: long times are missing in 500 hours
        assert abs(times.mean() / mean - 1.0) < error + mean / 500.0
        assert abs((times > mean).mean() - math.exp(-1.0)) < error


def test_a_share_may_remain_of_units_that_fail_at_random():
    table = schedule_of(often("chiller", remaining=0.25)).draw(RandomNumbers.of_seeds(range(20)))["chiller"]
    assert set(np.unique(table)) == {0.25, 1.0}


def test_rare_failures_come_as_rarely_as_their_mean_says():
    envs = 2000
    options = {"random": {"crah": {"mtbf_hours": 2000.0, "repair_hours": 500.0}}}
    table = schedule_of(options).draw(RandomNumbers.of_seeds(range(envs)))["crah"]
    failed = (table[:, :DAY_STEPS] < 1.0).any(axis=1).mean()
    expected = 1.0 - math.exp(-24.0 / 2000.0)
    assert abs(failed - expected) < 4.0 * math.sqrt(expected / (4 * envs))


def test_one_more_component_leaves_the_failures_of_the_others():
    alone = schedule_of(often("crah")).draw(RandomNumbers.of_seeds(range(4)))
    options = {"random": often("chiller")["random"] | often("tower_fan")["random"] | often("crah")["random"]}
    together = schedule_of(options).draw(RandomNumbers.of_seeds(range(4)))
    assert_array_equal(together["crah"], alone["crah"])
    assert (together["chiller"] < 1.0).any()
    assert not np.array_equal(together["chiller"], together["tower_fan"])


def test_a_row_of_a_batch_fails_as_the_single_environment():
    options = often("crah") | scheduled(component="chiller", units=1, start_hour=1.0)
    together = schedule_of(options).draw(RandomNumbers.of_seeds(range(30, 36)))
    for row in range(6):
        alone = schedule_of(options).draw(RandomNumbers.of_seeds([30 + row]))
        for component, table in alone.items():
            assert_array_equal(table[0], together[component][row])
    assert len({table.tobytes() for table in together["crah"]}) == 6


def test_episodes_of_one_seed_differ():
    own, schedule = RandomNumbers.of_seeds([0]), schedule_of(often("crah"))
    first, second = (schedule.draw(own.of("episode", number))["crah"] for number in (0, 1))
    assert not np.array_equal(first, second)


def test_same_seed_same_failures_in_another_process():
    code = (
        "from dcsim.drivers import RandomNumbers; from dcsim.envs.failures import FailureOptions, FailureSchedule; "
        "o = FailureOptions.parse({'random': {'crah': {'mtbf_hours': 5, 'repair_hours': 2}}}); "
        "t = FailureSchedule(o, {'crah': 4}, 300.0, 288).draw(RandomNumbers.of_seeds([5]))['crah']; print(t.argmin(1), t.sum())"
    )
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    here = schedule_of(often("crah")).draw(RandomNumbers.of_seeds([5]))["crah"]
    assert run.stdout.split() == f"{here.argmin(1)} {here.sum()}".split()


# --- options ----------------------------------------------------------------------------------------------------------


def test_options_are_json_and_every_component_can_fail():
    options = {
        "random": {name: {"mtbf_hours": 100, "repair_hours": 1} for name in COMPONENTS},
        "schedule": [{"component": name, "units": 1, "start_hour": 0} for name in COMPONENTS],
    }
    units = dict.fromkeys(COMPONENTS, 1)
    parsed = FailureOptions.parse(json.loads(json.dumps(options)), units)
    assert parsed == FailureOptions.parse(options)
    tables = FailureSchedule(parsed, units, INTERVAL, 10).draw(RandomNumbers.of_seeds([0]))
    assert set(tables) == set(COMPONENTS)
    assert all((table == 0.0).all() for table in tables.values())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("crah", "failures='crah': expected a mapping of random, schedule"),
        ({"randm": {}}, "failures: no option 'randm'; nearest is 'random'"),
        ({"random": ["crah"]}, "failures: random=['crah']: expected a mapping"),
        ({"random": {"crahs": {"mtbf_hours": 5, "repair_hours": 1}}}, "has no component 'crahs'; nearest is 'crah'"),
        ({"random": {"dx_unit": {"mtbf_hours": 5, "repair_hours": 1}}}, "this hall has no component 'dx_unit'"),
        ({"random": {7: {"mtbf_hours": 5, "repair_hours": 1}}}, "failures: random: no option 7"),
        (
            {"random": {"crah": 5}},
            "failures: random: 'crah'=5: expected a mapping of mtbf_hours, repair_hours, remaining",
        ),
        ({"random": {"crah": {"mtbf_hours": 5}}}, "failures: random: 'crah': repair_hours is missing"),
        ({"random": {"crah": {"mtbf": 5, "repair_hours": 1}}}, "no option 'mtbf'; nearest is 'mtbf_hours'"),
        (often("crah", mtbf_hours=0), "failures: random: 'crah': mtbf_hours=0: expected a number of 1"),
        (often("crah", repair_hours=-1), "failures: random: 'crah': repair_hours=-1"),
        (often("crah", remaining=1.5), "failures: random: 'crah': remaining=1.5: expected a number of 0 to 1"),
        ({"schedule": {"component": "crah"}}, "failures: schedule={'component': 'crah'}: expected a list of mappings"),
        ({"schedule": ["crah"]}, "failures: schedule[0]='crah': expected a mapping"),
        (scheduled(component="crah", start_hour=1), "failures: schedule[0]: units is missing"),
        (scheduled(component="crah", units=1), "failures: schedule[0]: start_hour is missing"),
        (scheduled(component=5, units=1, start_hour=1), "failures: schedule[0]: component=5: expected a name"),
        (
            scheduled(component="chilled_pump", units=1, start_hour=1),
            "has no component 'chilled_pump'; nearest is 'chilled_water_pump'",
        ),
        (scheduled(component="crah", units=5, start_hour=1), "units=5: this hall has crah 1 to 4"),
        (scheduled(component="crah", units=0, start_hour=1), "units=0: expected a number counted from 1"),
        (scheduled(component="crah", units=[], start_hour=1), "units=[]: expected a number counted from 1"),
        (scheduled(component="crah", units=1.0, start_hour=1), "units=1.0: expected a number counted from 1"),
        (scheduled(component="crah", units="first", start_hour=1), "units='first': expected a number counted from 1"),
        (scheduled(component="crah", units=1, start_hour=-1), "start_hour=-1: expected a number of 0"),
        (scheduled(component="crah", units=1, start_hour=24), "start_hour=24: the episode ends after 24 hours"),
        (scheduled(component="crah", units=1, start_hour=1, hours="3"), "hours='3': expected a number"),
        (scheduled(component="crah", units=1, start_hour=1, hour=3), "no option 'hour'; nearest is 'hours'"),
    ],
)
def test_a_wrong_option_is_refused_in_one_line(options, words):
    with pytest.raises(InputError) as caught:
        FailureOptions.parse(options, UNITS, 24.0)
    message = str(caught.value)
    assert words in message
    assert "\n" not in message and len(message) < 300


def test_a_hall_without_what_fails_is_refused_when_the_schedule_is_made():
    options = FailureOptions.parse(often("cdu_pump"))
    with pytest.raises(InputError, match="this hall has no component 'cdu_pump'"):
        FailureSchedule(options, UNITS, INTERVAL, DAY_STEPS)
