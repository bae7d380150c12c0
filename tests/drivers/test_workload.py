import dataclasses

import numpy as np
import pytest
from dcsim_experiments.workload_statistics import RUN_STATISTICS, generated_runs, hall_statistics, run_statistics

from dcsim.drivers import WORKLOAD_PROFILES, GeneratedWorkload, RandomNumbers, load_workload
from dcsim.drivers.stochastic import plan_draws
from dcsim.drivers.workload_profiles import Jobs, Noise, Shifts
from dcsim.errors import InputError

DAY = 86_400.0


@pytest.mark.parametrize("name", sorted(WORKLOAD_PROFILES))
def test_a_row_of_a_batch_is_the_single_environment_to_the_bit(name):
    workload = load_workload(name)
    for steps, groups in ((288, 20), (50, 1), (7, 3)):
        batch = workload.generate(range(100, 137), 40 * DAY, 300.0, steps, groups)
        assert batch.shape == (37, steps, groups)
        for row in (0, 1, 17, 36):
            single = workload.generate([100 + row], 40 * DAY, 300.0, steps, groups)
            np.testing.assert_array_equal(single[0], batch[row])


def test_streams_take_the_place_of_seeds_and_are_not_moved():
    workload = load_workload("enterprise")
    random = RandomNumbers.of_seeds([4, 5])
    first = workload.generate(random, 0.0, 300.0, 288, 8)
    np.testing.assert_array_equal(workload.generate(random, 0.0, 300.0, 288, 8), first)
    np.testing.assert_array_equal(workload.generate(random[1:], 0.0, 300.0, 288, 8)[0], first[1])
    other_day = workload.generate(random.of("episode", 1), 0.0, 300.0, 288, 8)
    assert np.abs(other_day - first).max(axis=(1, 2)).min() > 0.01


def test_rows_may_start_at_different_times():
    workload = load_workload("enterprise")
    both = workload.generate([3, 3], np.array([0.0, 12 * 3600.0]), 300.0, 12, 4)
    np.testing.assert_array_equal(both[1], workload.generate([3], 12 * 3600.0, 300.0, 12, 4)[0])
    assert both[1].mean() > both[0].mean()  # noon against midnight, the same noise


@pytest.mark.parametrize("name", sorted(WORKLOAD_PROFILES))
@pytest.mark.parametrize("interval_s", [60.0, 300.0, 3600.0])
def test_loads_are_fractions_for_any_interval(name, interval_s):
    load = load_workload(name).generate(range(8), 0.0, interval_s, 200, 12)
    assert np.isfinite(load).all()
    assert load.min() >= 0.0
    assert load.max() <= 1.0


def test_flat_is_flat():
    np.testing.assert_array_equal(load_workload("flat").generate([1], 0.0, 300.0, 10, 3), np.full((1, 10, 3), 0.5))


# What the source says against the mean over seeds, at the length and step of the trace. Tolerances: the deviation from
# seed to seed of a series as short as the trace (workload_statistics prints it), 0.01 for the correlation after 5 min.
_TOLERANCE = {
    "mean": 0.02,
    "deviation": 0.007,
    "low": 0.025,
    "high": 0.025,
    "daily_amplitude": 0.006,
    "weekend_ratio": 0.035,
    "correlation_5min": 0.01,
    "correlation_1h": 0.03,
    "correlation_6h": 0.07,
    "correlation_24h": 0.115,
    "change_1h": 0.002,
}


@pytest.mark.parametrize(
    ("name", "days", "interval_s"), [("hyperscale", 28, 3600.0), ("enterprise", 30, 300.0), ("edge", 28, 3600.0)]
)
def test_hall_has_the_published_statistics(name, days, interval_s):
    workload = GeneratedWorkload(WORKLOAD_PROFILES[name], first_weekday=0)
    steps = round(days * DAY / interval_s)
    weekday = (np.arange(steps) * interval_s // DAY).astype(np.int64) % 7
    # Seeds other than those the parameters were fitted with.
    halls = (workload.generate([seed], 0.0, interval_s, steps, 20)[0].mean(axis=1) for seed in range(1000, 1032))
    statistics = np.mean([hall_statistics(hall, interval_s, weekday) for hall in halls], axis=0)
    published = workload.profile.published
    for field, value, generated in zip(published._fields, published, statistics, strict=True):
        if np.isfinite(value):
            assert generated == pytest.approx(value, abs=_TOLERANCE[field]), field


@pytest.mark.parametrize(
    ("name", "busy", "interval_s", "days", "published"),
    [
        # Runs above half load: Bitbrains GWA-T-12, machines of 5 min, and Cornell BioHPC, GPU servers, hourly.
        ("enterprise", 0.231, 300.0, 60, (0.25, 1.47, 1.40, 2.29, 22.1)),
        ("ai", 0.121, 3600.0, 900, (3.0, 10.1, 1.25, 24.0, 105.7)),
    ],
)
def test_jobs_run_as_long_as_those_of_the_traces(name, busy, interval_s, days, published):
    jobs = WORKLOAD_PROFILES[name].jobs
    runs = np.concatenate([generated_runs(jobs, -np.log1p(-busy), interval_s, days, seed) for seed in range(51, 60)])
    # A third: nothing finer can be said of the traces' few hundred runs with so heavy a tail.
    for label, value, generated in zip(RUN_STATISTICS, published, run_statistics(runs), strict=True):
        assert generated == pytest.approx(value, rel=0.35), label


def test_expected_is_the_mean_over_seeds():
    for name in ("enterprise", "hyperscale", "edge", "ai"):
        workload = load_workload(name)
        load = workload.generate(range(400), 5 * DAY, 3600.0, 48, 10)
        expected = workload.expected(5 * DAY + (np.arange(48) + 0.5) * 3600.0)
        np.testing.assert_allclose(load.mean(axis=(0, 2)), expected, rtol=0, atol=0.02)
        assert load.mean() == pytest.approx(expected.mean(), abs=0.01)


def test_daily_and_weekly_shape_follow_the_wall_clock():
    workload = load_workload("enterprise")  # highest at 14 h
    hour = np.arange(24)
    assert np.argmax(workload.expected(2 * DAY + hour * 3600.0)) == 14
    weekday, sunday = workload.expected(np.array([2.5 * DAY, 0.5 * DAY]))  # 1 January is a Sunday
    assert weekday - sunday == pytest.approx(workload.profile.weekend_drop, rel=1e-3)
    night = workload.expected(5 * DAY + np.arange(-6, 7) * 3600.0)  # into Saturday: no step at midnight
    assert np.abs(np.diff(night)).max() < 0.04


def test_every_environment_may_have_weekdays_of_its_own():
    workload, time_s = load_workload("enterprise"), np.arange(14) * DAY
    monday = dataclasses.replace(workload, first_weekday=0)
    both = workload.generate([1, 1], 0.0, 3600.0, 168, 4, first_weekday=[6, 0])
    np.testing.assert_array_equal(both[0], workload.generate([1], 0.0, 3600.0, 168, 4)[0])
    np.testing.assert_array_equal(both[1], monday.generate([1], 0.0, 3600.0, 168, 4)[0])
    expected = workload.expected(np.stack([time_s, time_s]), first_weekday=np.array([[6], [0]]))
    np.testing.assert_array_equal(expected, [workload.expected(time_s), monday.expected(time_s)])


def test_a_noise_has_its_deviation_and_memory():
    quiet = WORKLOAD_PROFILES["flat"]
    for time, interval_s in ((3600.0, 300.0), (7200.0, 3600.0), (600.0, 300.0), (100.0, 300.0)):
        workload = GeneratedWorkload(dataclasses.replace(quiet, noise=(Noise(0.05, time),)))
        load = np.concatenate([workload.generate([seed], 0.0, interval_s, 20_000, 1)[0, :, 0] for seed in range(8)])
        noise = load - 0.5
        assert noise.std() == pytest.approx(0.05, rel=0.05)
        lag = max(1, round(time / interval_s))
        correlation = (noise[:-lag] * noise[lag:]).mean() / noise.var()
        # Straight lines between knots that lie a third of the time apart raise it by 12.5 %: the mean over w of
        # ((1-w)^2 + w^2 + w (1-w) (m + 1/m)) / ((1-w)^2 + w^2 + 2 w (1-w) m) with m = exp(-1/3).
        exact = np.exp(-lag * interval_s / time)
        assert exact - 0.02 < correlation < 1.125 * exact + 0.02


def test_groups_are_uneven_wander_and_keep_the_mean_of_the_hall():
    quiet = WORKLOAD_PROFILES["flat"]
    workload = GeneratedWorkload(dataclasses.replace(quiet, spread=Noise(0.08, 2 * DAY)))
    load = workload.generate(range(64), 0.0, 3600.0, 24 * 14, 12)
    np.testing.assert_allclose(load.mean(axis=2), 0.5, rtol=0, atol=1e-12)
    assert load.std() == pytest.approx(0.08, rel=0.05)
    # After an hour the order stands, after a week it is forgotten.
    start, hour, week = (load[:, step] - 0.5 for step in (0, 1, 24 * 7))
    assert (start * hour).mean() / start.var() > 0.97
    assert abs((start * week).mean() / start.var()) < 0.12


def test_a_full_hall_has_no_spread():
    busy = dataclasses.replace(
        WORKLOAD_PROFILES["flat"], level=1.0, spread=Noise(0.2, DAY), group_noise=Noise(0.1, 3600.0)
    )
    np.testing.assert_array_equal(GeneratedWorkload(busy).generate([0], 0.0, 300.0, 288, 5), 1.0)


def test_jobs_are_stationary_from_the_first_step_and_load_as_many_groups_as_queueing_theory_says():
    jobs = Jobs(running=0.7, load=0.1, time_median=1800.0, time_spread=1.5, width=0.1)
    profile = dataclasses.replace(WORKLOAD_PROFILES["flat"], level=0.0, jobs=jobs)
    load = GeneratedWorkload(profile).generate(range(1500), 0.0, 300.0, 48, 10)
    number = load / 0.1
    # M/G/infinity: the number of jobs on a group is a Poisson number of mean 0.7 at every time.
    np.testing.assert_allclose(number.mean(axis=(0, 2)), 0.7, rtol=0.08)
    assert number[:, [0, 47]].mean() == pytest.approx(0.7, rel=0.05)
    assert (number[:, 0] < 0.01).mean() == pytest.approx(np.exp(-0.7), rel=0.05)
    assert number.var() == pytest.approx(0.7, rel=0.12)  # interval means: a little less than instants


def test_a_job_takes_neighbors_and_its_load_is_kept_in_the_means():
    # So small a load that no overlap of jobs reaches full load, where the rest would be cut off.
    jobs = Jobs(running=0.02, load=0.1, time_median=1000.0, time_spread=0.0, width=0.4)
    profile = dataclasses.replace(WORKLOAD_PROFILES["flat"], level=0.0, jobs=jobs)
    load = GeneratedWorkload(profile).generate(range(300), 0.0, 300.0, 288, 10)
    # Jobs of exactly 1000 s: every group-run adds 0.1 x 1000 s, however it lies on the steps.
    runs = 0
    for row in load:
        column_sums = row.sum(axis=0) * 300.0 / 100.0
        inside = (row[0] < 1e-9) & (row[-1] < 1e-9)
        np.testing.assert_allclose(column_sums[inside], np.round(column_sums[inside]), atol=1e-9)
        runs += round(column_sums[inside].sum())
    assert runs > 300
    # A block closed to a ring: along the groups it starts and ends at most once unless jobs overlap.
    is_busy = load > 1e-9
    edges = (is_busy != np.roll(is_busy, 1, axis=2)).sum(axis=2)
    assert (edges <= 2).mean() > 0.9


def test_a_shift_ramps_over_its_time_and_comes_back():
    shifts = Shifts(per_day=0.2, deviation=0.1, hold_time=4 * 3600.0, ramp_time=900.0)
    profile = dataclasses.replace(WORKLOAD_PROFILES["flat"], shifts=shifts)
    load = GeneratedWorkload(profile).generate(range(4000), 0.0, 300.0, 288, 2)
    np.testing.assert_allclose(load[:, :, 0], load[:, :, 1], rtol=0, atol=1e-15)
    hall = load[:, :, 0] - 0.5
    # Campbell: variance = rate x hold time x E[height^2], less what ramps smooth away.
    assert hall.var() == pytest.approx(0.2 / DAY * 4 * 3600.0 * 0.01, rel=0.25)
    assert abs(hall[:, :24].var() / hall[:, -24:].var() - 1.0) < 0.6  # stationary from the start
    # From one level to another it takes 900 s, three whole steps and the shares of the first and the last.
    change = np.abs(np.diff(hall, axis=1)) > 1e-12
    lengths = [len(run) for row in change for run in "".join("x" if one else " " for one in row).split()]
    assert np.median(lengths) == 4


def test_ai_steps_between_idle_and_full():
    load = load_workload("ai").generate(range(40), 0.0, 300.0, 288, 20)
    assert ((load > 0.25) & (load < 0.36)).mean() == pytest.approx(np.exp(-1.2), abs=0.06)
    assert (load > 0.95).mean() == pytest.approx(1.0 - np.exp(-1.2), abs=0.06)
    # 22 jobs a day begin and as many end, some on racks that are full already: hardly a day without a jump within 5 minutes.
    assert (np.abs(np.diff(load, axis=1)) > 0.3).any(axis=(1, 2)).mean() > 0.9


def test_a_year_can_be_drawn_at_once():
    load = load_workload("hyperscale").generate([1], 0.0, 300.0, 105_120, 3)
    assert load.shape == (1, 105_120, 3)
    assert load.mean() == pytest.approx(load_workload("hyperscale").expected(np.arange(8760) * 3600.0).mean(), abs=0.02)


def test_the_plan_draws_enough_jobs():
    profile = WORKLOAD_PROFILES["enterprise"]
    plan = plan_draws(profile, 300.0, 288, 20)
    arriving = profile.jobs.running * 20 * DAY / profile.jobs.time_mean
    assert plan.job_counts[1] > arriving + 6.0 * np.sqrt(arriving)


@pytest.mark.parametrize(("steps", "groups", "interval_s"), [(0, 3, 300.0), (10, 0, 300.0), (10, 3, 0.0)])
def test_empty_sizes_are_refused(steps, groups, interval_s):
    with pytest.raises(InputError, match="must be positive"):
        load_workload("flat").generate([0], 0.0, interval_s, steps, groups)


def test_unknown_workloads_get_the_nearest():
    with pytest.raises(InputError, match="did you mean 'hyperscale'"):
        load_workload("hyperscal")
    with pytest.raises(InputError, match=r"workload file 'nowhere.csv' does not exist"):
        load_workload("nowhere.csv")
