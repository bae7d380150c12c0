import numpy as np
import pytest

from dcsim.drivers.yearly import YearOfSteps, year_of_steps
from dcsim.errors import InputError

HOUR = 3600.0


@pytest.fixture
def ramp() -> YearOfSteps:
    return YearOfSteps("ramp", np.arange(8760.0))


def test_values_hold_from_their_time_to_the_next(ramp):
    np.testing.assert_array_equal(ramp.at([0.0, 3599.0, 3600.0, -1.0, 8760 * HOUR]), [0.0, 0.0, 1.0, 8759.0, 0.0])


def test_intervals_inside_a_step_have_its_value_exactly(ramp):
    np.testing.assert_array_equal(ramp.means(5 * HOUR, 300.0, 24), np.repeat([5.0, 6.0], 12))


@pytest.mark.parametrize(
    ("start", "interval", "expected"),
    [
        (0.0, 7200.0, [0.5, 2.5, 4.5]),
        (1800.0, HOUR, [0.5, 1.5, 2.5]),
        (900.0, 5400.0, [(0.75 * 0 + 0.75 * 1) / 1.5, (0.25 * 1 + 1.0 * 2 + 0.25 * 3) / 1.5]),
        (8759.5 * HOUR, HOUR, [0.5 * 8759.0, 0.5]),
    ],
)
def test_means_over_parts_of_steps_are_exact(ramp, start, interval, expected):
    np.testing.assert_allclose(ramp.means(start, interval, len(expected)), expected, rtol=1e-12)


def test_means_keep_the_integral(ramp):
    fine = ramp.means(1234.5, 77.0, 5000)
    coarse = ramp.means(1234.5, 770.0, 500)
    np.testing.assert_allclose(fine.reshape(500, 10).mean(axis=1), coarse, rtol=1e-10)


def test_columns_are_kept_apart():
    year = YearOfSteps("two", np.stack([np.arange(8760.0), -np.arange(8760.0)], axis=1))
    np.testing.assert_allclose(year.means(1800.0, HOUR, 2), [[0.5, -0.5], [1.5, -1.5]])
    assert year.at([0.0, HOUR]).shape == (2, 2)


def test_rows_between_the_grid_are_averaged():
    time_s = np.array([0.0, 420.0, 840.0])  # every 7 minutes
    year = year_of_steps("odd", time_s, np.array([1.0, 2.0, 4.0]), 420.0)
    assert year.interval == 300.0
    np.testing.assert_allclose(year.values[:4], [1.0, (120.0 + 2 * 180.0) / 300.0, (240.0 * 2 + 60.0 * 4) / 300.0, 4.0])
    assert np.isnan(year.values[4])


def test_a_time_that_is_not_covered_is_refused():
    year = year_of_steps("file 'a.csv'", np.arange(24) * HOUR, np.ones(24), HOUR)
    assert year.means(0.0, 300.0, 288).sum() == 288.0
    with pytest.raises(
        InputError, match=r"file 'a.csv' has no data at 01-02 00:00: it covers 01-01 00:00 to 01-02 00:00"
    ):
        year.means(HOUR, 300.0, 288)
    with pytest.raises(InputError, match="no data at 01-02 00"):
        year.means(HOUR + 1.0, 300.0, 288)


def test_values_must_fill_a_year():
    with pytest.raises(InputError, match="no year of 365 days"):
        YearOfSteps("short", np.ones(8759))
