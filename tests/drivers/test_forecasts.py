import numpy as np
import pytest

from dcsim.drivers import load_workload
from dcsim.drivers.forecasts import lag_hours, load_forecast, wet_bulb_forecast

HOURS = (1, 2, 4, 8, 24, 30)
DAY = 12.0 + 5.0 * np.sin(2.0 * np.pi * np.arange(24) / 24.0)


def of_series(series: np.ndarray, now: np.ndarray, hours: int) -> np.ndarray:
    """Wet-bulb forecasts of an hourly series at the rows `now`."""
    return wet_bulb_forecast(series[now], series[now - round(lag_hours(hours))], hours)


@pytest.mark.parametrize(("hours", "lag"), [(0.0, 0.0), (0.25, 23.75), (1, 23), (24, 0), (25, 23), (48, 0)])
def test_the_same_clock_time_lies_within_the_last_day(hours, lag):
    assert lag_hours(hours) == lag


@pytest.mark.parametrize("hours", [24, 48])
def test_a_signal_that_repeats_daily_is_forecast_exactly_a_day_ahead(hours):
    series, now = np.tile(DAY, 6), np.arange(48, 72)
    np.testing.assert_allclose(of_series(series, now, hours), series[now + hours], rtol=1e-14)
    load = 0.04 * series
    np.testing.assert_allclose(
        load_forecast(load[now], load[now], load[now + hours], hours), load[now + hours], rtol=1e-14
    )


def test_a_short_horizon_is_persistence():
    np.testing.assert_allclose(wet_bulb_forecast([20.0, 3.0], [12.0, 9.0], 1e-9), [20.0, 3.0], atol=1e-7)
    np.testing.assert_allclose(load_forecast([0.7, 0.2], 0.5, 0.5, 1e-9), [0.7, 0.2], atol=1e-9)


def test_the_present_departure_fades_within_six_hours():
    assert load_forecast(0.7, 0.5, 0.4, 6.0) == pytest.approx(0.4 + 0.2 / np.e)
    assert wet_bulb_forecast(20.0, 14.0, 6.0) == pytest.approx(14.0 + 6.0 / np.e)


@pytest.mark.parametrize("hours", HOURS)
def test_shuffling_the_future_changes_nothing(hours):
    rng = np.random.default_rng(0)
    series, now = rng.normal(15.0, 5.0, 200), np.array([100])
    shuffled = np.concatenate([series[:101], rng.permutation(series[101:])])
    np.testing.assert_array_equal(of_series(series, now, hours), of_series(shuffled, now, hours))


def test_load_forecasts_stay_between_idle_and_full():
    np.testing.assert_array_equal(load_forecast([1.0, 0.0], [0.5, 0.5], [0.9, 0.1], 0.5), [1.0, 0.0])


def test_an_unknown_day_before_leaves_the_present():
    np.testing.assert_array_equal(wet_bulb_forecast([20.0, 20.0], [np.nan, 10.0], 1e3), [20.0, 10.0])


def test_an_unknown_profile_leaves_the_present_load():
    np.testing.assert_array_equal(
        load_forecast([0.7, 0.7, 0.7], [np.nan, 0.5, 0.5], [0.4, np.nan, 0.4], 1e3), [0.7, 0.7, 0.4]
    )


def test_the_profile_helps_beyond_persistence():
    workload, time_s = load_workload("enterprise"), np.arange(28 * 24) * 3600.0
    load = workload.generate(range(20), 0.0, 3600.0, len(time_s) + 24, 4).mean(axis=2)
    for hours in (4, 8, 24):
        truth, now = load[:, hours : hours + len(time_s)], load[:, : len(time_s)]
        forecast = load_forecast(now, workload.expected(time_s), workload.expected(time_s + 3600.0 * hours), hours)
        assert np.square(forecast - truth).mean() < 0.9 * np.square(now - truth).mean()
