import numpy as np
import pytest

from dcsim.drivers import parse_start
from dcsim.drivers.calendar import day_of_week, hour_of_day, parse_timestamp, time_label, time_of_year
from dcsim.errors import InputError

DAY = 86_400.0


@pytest.mark.parametrize(
    ("text", "day", "hour"),
    [("2023-01-01", 0, 0), ("2024-03-01", 59, 0), ("07-15", 195, 0), ("07-15T06:30", 195, 6.5), ("02-29", 58, 0)],
)
def test_start_keeps_month_and_day_and_forgets_the_year(text, day, hour):
    assert parse_start(text) == day * DAY + hour * 3600.0


@pytest.mark.parametrize("text", ["15.7.2023", "2023-13-01", "", "2023-07-15T00:00+02:00"])
def test_a_start_that_is_no_local_date_is_refused(text):
    with pytest.raises(InputError, match="start"):
        parse_start(text)


def test_clock_wraps_at_midnight_and_in_both_directions():
    np.testing.assert_array_equal(hour_of_day([0.0, DAY - 3600.0, DAY, -3600.0]), [0.0, 23.0, 0.0, 23.0])


def test_week_runs_on_from_the_sunday_of_typical_years():
    np.testing.assert_array_equal(day_of_week([0.0, DAY, 6.9 * DAY, 7 * DAY, -DAY]), [6, 0, 5, 6, 5])


def test_timestamps_with_an_offset_go_to_the_clock_of_the_site():
    assert parse_timestamp("2023-01-01T06:00:00+00:00", -6.0)[1] == 0.0
    assert parse_timestamp("2023-01-01T06:00:00Z", -6.0)[1] == 0.0
    assert parse_timestamp("2023-01-01 06:00:00", -6.0)[1] == 6 * 3600.0
    assert parse_timestamp("2023-01-01 06:00:00", -6.0, shift=-6.0)[1] == 0.0


def test_labels_name_month_day_and_time():
    assert time_label(time_of_year(7, 15, 6.5)) == "07-15 06:30"
