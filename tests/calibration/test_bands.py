"""Intervals of means to come, from errors of a hold-out."""

import numpy as np
import pytest
from scipy import stats

from dcsim.calibration.bands import error_of_mean


def test_a_lasting_error_alone_counts_as_one_standard_deviation():
    assert error_of_mean([2.0] * 50, 24.0) == pytest.approx(2.0 * stats.norm.ppf(0.95))
    assert error_of_mean([-2.0] * 50, 24.0) == error_of_mean([2.0] * 50, 24.0)


def test_errors_without_memory_give_the_interval_of_prediction_of_a_mean():
    errors = np.tile([1.0, -1.0, -1.0, 1.0], 10)  # sums vanish, and neighbours say nothing of each other on average
    scatter = errors.std(ddof=1)
    expected = stats.t.ppf(0.95, 39) * scatter * np.sqrt(1.0 / 10.0 + 1.0 / 40.0)
    assert error_of_mean(errors, 10.0) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("memory", [0.0, 0.8])
def test_nine_of_ten_means_to_come_are_within(memory):
    random = np.random.default_rng(3)
    held, coming, cases = 240, 48, 400
    noise = random.standard_normal((cases, held + coming + 100))
    errors = np.zeros_like(noise)
    for k in range(1, noise.shape[1]):
        errors[:, k] = memory * errors[:, k - 1] + noise[:, k]
    errors = errors[:, 100:]
    within = [abs(row[held:].mean()) <= error_of_mean(row[:held], coming) for row in errors]
    assert 0.86 <= np.mean(within) <= 0.98  # the hold-out's own mean is counted on top


def test_unknown_hours_are_left_out_and_too_few_refused():
    assert error_of_mean([1.0, None, 1.0, np.nan, 1.0], 5.0) == pytest.approx(stats.norm.ppf(0.95))
    with pytest.raises(ValueError, match="2 hours"):
        error_of_mean([1.0, None, 2.0], 5.0)
