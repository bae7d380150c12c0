"""Load by slot of the control step: the training hall's generator, and files whose rows are closer than a control step."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from dcsim.drivers import (
    TRAINING_PROFILES,
    RandomNumbers,
    SlottedLoad,
    TrainingWorkload,
    load_workload,
    slotted,
    within_capacity,
)
from dcsim.errors import InputError

WORKLOAD = TrainingWorkload(TRAINING_PROFILES["ai-training"])
DAY = 288


def level_of(load):
    """Load of each zone by slot, shape (N, T, Z, K), of a group that takes part with all its racks."""
    n, steps, groups = load.mean.shape
    zones = load.swing.shape[2]
    full = (load.mean / load.share).reshape(n, steps, zones, groups // zones)
    return full[..., :1] + load.swing


@pytest.fixture(scope="module")
def year():
    """Days of many halls of twenty groups in five zones."""
    return WORKLOAD.generate_slotted(list(range(150)), 0.0, 300.0, DAY, 20, 5, 30)


def test_the_profile_is_found_by_its_name_and_the_nearest_is_told():
    assert load_workload("ai-training") == WORKLOAD
    with pytest.raises(InputError, match="ai-training"):
        load_workload("ai-trainig")


def test_a_job_is_at_full_load_or_idle_and_changes_between_slots_only(year):
    level = level_of(year)
    assert_allclose(level, np.rint(level), atol=1e-9)
    assert_allclose(year.swing.mean(3), 0.0, atol=1e-12)
    assert ((year.mean >= 0.0) & (year.mean <= 1.0)).all()
    assert year.share.min() >= 0.92 and year.share.max() <= 1.0
    # all groups of a zone swing as one: their means are in proportion
    grouped = year.mean.reshape(*year.mean.shape[:2], 5, 4) / year.share.reshape(*year.mean.shape[:2], 5, 4)
    assert_allclose(grouped, grouped[..., :1].repeat(4, axis=3), atol=1e-12)


def test_the_mean_load_is_what_is_expected(year):
    """150 days, 5 zones: a standard error of about 2 %, since jobs run for hours."""
    assert_allclose(year.mean.mean(), WORKLOAD.expected(0.0), atol=0.035)
    assert_allclose(WORKLOAD.expected(np.zeros((3, 2))), np.full((3, 2), WORKLOAD.expected(0.0)))


def test_it_is_stationary_from_the_first_step_on(year):
    mean = year.mean.mean((0, 2))
    assert_allclose(mean[:12].mean(), mean[-12:].mean(), atol=0.09)


def test_whole_zones_step_between_idle_and_full_many_times_a_day(year):
    level = level_of(year).transpose(0, 2, 1, 3).reshape(150, 5, -1)
    steps_a_day = (np.abs(np.diff(level, axis=2)) > 0.5).sum(2)
    # a stretch of computing and a break: 240 s exp(0.98) and 40 s exp(0.18) 1.56, so 118 pairs a day while a job runs
    computing, off = 240.0 * np.exp(0.98), 40.0 * np.exp(0.18) * 1.56
    pairs = 86400.0 / (computing + off)
    busy = WORKLOAD.expected(0.0) / 0.96 / (computing / (computing + off))
    assert_allclose(steps_a_day.mean(), 2.0 * pairs * busy, rtol=0.12)
    hall = level.mean(1)
    jumps = np.abs(np.diff(hall, axis=1))
    assert (jumps.max(1) > 0.99).mean() > 0.5  # on most days the whole hall steps at once


def test_breaks_are_some_tens_of_seconds_and_a_few_are_restarts(year):
    level = level_of(year).transpose(0, 2, 1, 3).reshape(750, -1)
    lengths = []
    for row in level:
        edges = np.flatnonzero(np.diff(row))
        lengths += list(np.diff(edges)[row[edges[:-1] + 1] < 0.5] if len(edges) > 1 else [])
    seconds = np.array(lengths) * 10.0
    assert 25.0 <= np.median(seconds) <= 55.0
    assert 0.02 < (seconds > 300.0).mean() < 0.12


def test_row_i_of_a_batch_is_the_same_alone_and_seeds_repeat():
    many = WORKLOAD.generate_slotted([5, 6, 7], 0.0, 300.0, 50, 20, 5, 30)
    alone = WORKLOAD.generate_slotted([6], 0.0, 300.0, 50, 20, 5, 30)
    for a, b in zip(many, alone, strict=True):
        assert_array_equal(a[1], b[0])
    random = RandomNumbers.of_seeds([3, 4])
    first = WORKLOAD.generate_slotted(random, 0.0, 300.0, 50, 20, 5, 30)
    assert_array_equal(WORKLOAD.generate_slotted(random[1:], 0.0, 300.0, 50, 20, 5, 30).swing[0], first.swing[1])


def test_means_alone_serve_halls_that_need_no_slots():
    mean = WORKLOAD.generate([0, 1], 0.0, 300.0, 20, 32)
    assert mean.shape == (2, 20, 32)
    assert ((mean >= 0.0) & (mean <= 1.0)).all()
    with pytest.raises(InputError, match="steps 0"):
        WORKLOAD.generate([0], 0.0, 300.0, 0, 4)


def test_workloads_of_means_have_no_swings():
    load = slotted(load_workload("enterprise"), [1, 2], 0.0, 300.0, 12, 20, 5, 30, first_weekday=0)
    assert_array_equal(load.mean, load_workload("enterprise").generate([1, 2], 0.0, 300.0, 12, 20, first_weekday=0))
    assert (load.share == 0.0).all() and (load.swing == 0.0).all()
    assert load.swing.shape == (2, 12, 5, 30)


def test_shares_are_cut_so_that_no_slot_leaves_the_range_and_means_stay():
    swing = np.array([0.5, -0.25, -0.25]).reshape(1, 1, 1, 3)
    mean = np.array([0.1, 0.5, 0.9]).reshape(1, 1, 3)
    cut = within_capacity(SlottedLoad(mean, np.ones((1, 1, 3)), swing))
    assert_allclose(cut.share[0, 0], [0.4, 1.0, 0.2])  # 0.1 / 0.25, no cut, 0.1 / 0.5
    assert_array_equal(cut.mean, mean)
    slots = mean[..., None] + cut.share[..., None] * swing
    assert slots.min() >= -1e-12 and slots.max() <= 1.0 + 1e-12


def fine_file(tmp_path, columns=1):
    """An hour in rows of 10 s: idle, then steps to full load at 600 s and back at 1800 s; with columns, later by 10 s each."""
    path = tmp_path / "fine.csv"
    names = ["utilization [-]"] if columns == 1 else [f"utilization_{k} [-]" for k in range(columns)]
    rows = [",".join(["time", *names])]
    for k in range(720):
        stamp = np.datetime64("2023-05-15T00:00:00") + np.timedelta64(10 * k, "s")
        values = ["1.0" if 60 + c <= k < 180 else "0.3" for c in range(columns)]
        rows.append(f"{stamp}," + ",".join(values))
    path.write_text("\n".join(rows) + "\n")
    return path


def test_rows_of_a_file_that_are_closer_than_a_control_step_show_inside_it(tmp_path):
    workload = load_workload(fine_file(tmp_path))
    start = 134 * 86400.0 + 450.0  # the step to full load lies in the middle of the first control interval
    load = slotted(workload, [0], start, 300.0, 2, 20, 5, 30)
    slots = load.swing[0, 0]
    assert_allclose(slots[:, :15], -0.35)
    assert_allclose(slots[:, 15:], 0.35)
    assert_allclose(load.swing[0, 1], 0.0, atol=1e-12)
    assert (load.share == 1.0).all()
    coarse = slotted(workload, [0], 134 * 86400.0 + 7200.0, 300.0, 2, 20, 5, 30)  # past the rows: held on, no swings
    assert (coarse.swing == 0.0).all() and (coarse.share == 0.0).all()


def test_columns_of_a_zone_swing_by_their_mean(tmp_path):
    workload = load_workload(fine_file(tmp_path, columns=4))
    load = slotted(workload, [0], 134 * 86400.0 + 600.0, 100.0, 1, 4, 2, 10)
    level = np.array([[0.0] * c + [1.0] * (10 - c) for c in range(4)]) * 0.7
    expected = level.reshape(2, 2, 10).mean(1)
    assert_allclose(load.swing[0, 0], expected - expected.mean(1, keepdims=True), atol=1e-12)
