"""Forecasts of load and wet bulb from what is known now: what a controller may see of the hours to come.

Both leave persistence for the usual day as the horizon grows, by the weight ``exp(-h / 6 h)``:

- load: the calendar's expectation, and the present departure from it as it fades. ``load_forecast(load, expected,
  expected_later, hours)`` takes the load now and ``Workload.expected(time_s, now_s=...)`` now and at the time forecast;
- wet bulb: from the present value to the one at the same clock time in the 24 h up to now.
  ``wet_bulb_forecast(wet_bulb, wet_bulb_day_before, hours)`` takes the wet bulb now and ``lag_hours(hours)`` before now.

All arguments broadcast; ``hours`` is the horizon, a number or an array. Nothing later than now is asked for. The price
needs no forecast: it is published a day ahead.
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["lag_hours", "load_forecast", "wet_bulb_forecast"]

Array = NDArray[np.float64]

#: Time [h] over which a departure from the usual day fades: assumed. The autocorrelation of the halls' load without its
#: mean day is 0.47 to 0.57 at 6 h and 0.15 to 0.34 at 24 h (`HallStatistics` of the built-in profiles).
FADING_HOURS = 6.0


def load_forecast(load: ArrayLike, expected: ArrayLike, expected_later: ArrayLike, hours: ArrayLike) -> Array:
    """Return the load some hours ahead: what the calendar tells, and the present departure from it, fading.

    Parameters
    ----------
    load : array_like
        Load now, 0 to 1.
    expected, expected_later : array_like
        What the calendar alone tells, as of ``Workload.expected``, now and at the time forecast; where either is NaN, as
        on the first day of a file, the present load stays.
    hours : array_like
        Horizon [h], at least 0.

    Returns
    -------
    ndarray, the common shape
        0 to 1.
    """
    load, expected, later = (np.asarray(values, dtype=np.float64) for values in (load, expected, expected_later))
    forecast = later + (load - expected) * _persistence(hours)
    result: Array = np.clip(np.where(np.isnan(forecast), load, forecast), 0.0, 1.0)
    return result


def wet_bulb_forecast(wet_bulb: ArrayLike, wet_bulb_day_before: ArrayLike, hours: ArrayLike) -> Array:
    """Return the wet bulb some hours ahead: between the present one and that of the last day at the same clock time.

    Parameters
    ----------
    wet_bulb : array_like
        Now [degC].
    wet_bulb_day_before : array_like
        ``lag_hours(hours)`` before now [degC]; where it is NaN, as before the first row of a file, the present one stays.
    hours : array_like
        Horizon [h], at least 0.

    Returns
    -------
    ndarray, the common shape
        [degC].
    """
    now, day_before = (np.asarray(values, dtype=np.float64) for values in (wet_bulb, wet_bulb_day_before))
    day_before = np.where(np.isnan(day_before), now, day_before)
    result: Array = day_before + (now - day_before) * _persistence(hours)
    return result


def lag_hours(hours: float) -> float:
    """Return how long before now the clock last showed the time that it will show in some hours [h], 0 to 24."""
    return 24.0 * math.ceil(hours / 24.0) - hours


def _persistence(hours: ArrayLike) -> Array:
    weight: Array = np.exp(-np.asarray(hours, dtype=np.float64) / FADING_HOURS)
    return weight
