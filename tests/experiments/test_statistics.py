"""Means and intervals against other computations and against what they are for."""

import math

import numpy as np
import pytest
from dcsim_experiments.statistics import gap_share, interquartile_mean, relative_difference, summary
from scipy import stats


def test_the_interquartile_mean_leaves_out_a_quarter_at_each_end():
    # eight values: the two lowest and the two highest go
    assert interquartile_mean(np.array([100.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, -50.0])) == 3.5


def test_the_interval_is_that_of_scipy():
    values = np.random.default_rng(1).normal(10.0, 1.0, 12)
    found = summary(values)
    bounds = stats.bootstrap(
        (values,), np.mean, n_resamples=2000, method="BCa", rng=np.random.default_rng(0)
    ).confidence_interval
    np.testing.assert_allclose([found["low"], found["high"]], [bounds.low, bounds.high], rtol=1e-12)
    assert found["mean"] == pytest.approx(values.mean())
    assert found["values"] == values.tolist()


def test_intervals_hold_the_true_mean_about_as_often_as_they_say():
    generator = np.random.default_rng(2)
    hits = 0
    for _ in range(200):
        found = summary(generator.normal(5.0, 1.0, 20))
        hits += found["low"] <= 5.0 <= found["high"]
    assert 0.88 <= hits / 200 <= 0.99  # 95 % of intervals, less what a sample of 20 costs the bootstrap


def test_the_same_values_give_the_same_interval():
    values = np.random.default_rng(3).normal(0.0, 1.0, 9)
    assert summary(values) == summary(values.copy())


def test_pairing_finds_a_difference_that_weather_would_hide():
    generator = np.random.default_rng(4)
    reference = generator.uniform(2000.0, 6000.0, 10)  # kWh a day, by season
    values = 0.97 * reference + generator.normal(0.0, 5.0, 10)
    paired = relative_difference(values, reference)
    assert -0.032 < paired["low"] < paired["mean"] < paired["high"] < -0.028
    alone, against = summary(values), summary(reference)
    assert alone["high"] > against["low"]  # unpaired intervals overlap


def test_the_relative_difference_is_that_of_totals():
    paired = relative_difference(np.array([1.0, 3.0]), np.array([2.0, 6.0]))
    assert paired == {"mean": -0.5, "low": -0.5, "high": -0.5}
    assert relative_difference(np.array([0.0, 2.0]), np.array([0.0, 4.0]))["mean"] == -0.5


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.0, 0.0, 0.0], (0.0, 0.0)),
        ([2.5, 2.5], (2.5, 2.5)),
        ([7.0], (None, None)),
    ],
)
def test_samples_without_spread_give_no_warning_and_no_false_width(values, expected):
    found = summary(np.array(values))
    assert (found["low"], found["high"]) == expected


def test_a_reference_of_nothing_has_no_relative_difference():
    assert relative_difference(np.ones(3), np.zeros(3)) == {"mean": None, "low": None, "high": None}


def test_a_reference_that_is_zero_somewhere_has_a_difference_but_no_bounds():
    paired = relative_difference(np.array([1.0, 1.0, 0.0]), np.array([0.0, 2.0, 2.0]))
    assert paired == {"mean": -0.5, "low": None, "high": None}


def test_nothing_that_comes_out_is_infinite_or_a_warning():
    generator = np.random.default_rng(5)
    for _ in range(200):
        count = int(generator.integers(2, 8))
        values, reference, best = generator.choice([0.0, 1.0, 1e-9, 5.0], (3, count))
        for found in (summary(values), relative_difference(values, reference), gap_share(values, reference, best)):
            assert all(found[key] is None or math.isfinite(found[key]) for key in ("mean", "low", "high"))


def test_the_gap_share_is_0_at_the_reference_and_1_at_the_best():
    reference, best = np.array([10.0, 20.0]), np.array([8.0, 17.0])
    assert gap_share(reference, reference, best)["mean"] == 0.0
    assert gap_share(best, reference, best)["mean"] == 1.0
    np.testing.assert_allclose(gap_share(0.5 * (reference + best), reference, best)["mean"], 0.5)
    assert gap_share(best, reference, reference)["mean"] is None
