"""Means over episodes with intervals that say how far another draw of episodes could lie, and paired differences.

Weather and load vary far more between episodes than controllers differ, so controllers are only ever compared on the
same episodes. Intervals are bias-corrected and accelerated bootstrap (BCa) intervals with a fixed generator: the same
values give the same interval.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import stats

CONFIDENCE = 0.95
RESAMPLES = 2000
TRIM = 0.25  # of each end: what is left is the interquartile mean


def interquartile_mean(values: np.ndarray) -> float:
    """Mean without the lowest and the highest quarter of the values, shape (E,)."""
    return float(stats.trim_mean(values, TRIM))


def summary(values: np.ndarray) -> dict[str, Any]:
    """Summarise one metric of one controller.

    Parameters
    ----------
    values : np.ndarray, shape (E,)
        One per episode.

    Returns
    -------
    dict
        ``mean``, ``iqm``, ``low`` and ``high`` of the mean, ``values``. The bounds are None for a single episode.
    """
    low, high = _interval((values,), lambda x, axis=-1: np.mean(x, axis=axis))
    return {
        "mean": float(np.mean(values)),
        "iqm": interquartile_mean(values),
        "low": low,
        "high": high,
        "values": [float(value) for value in values],
    }


def relative_difference(values: np.ndarray, reference: np.ndarray) -> dict[str, Any]:
    """Relative difference of totals over the same episodes, ``sum(values) / sum(reference) - 1``.

    A ratio of totals is what is paid over the test set, and stays defined where a single episode of the reference is 0.

    Parameters
    ----------
    values, reference : np.ndarray, shape (E,)
        Of the same episodes in the same order.

    Returns
    -------
    dict
        ``mean``, ``low``, ``high``; all None where the reference's total is 0.
    """
    return _ratio((values - reference, reference))


def gap_share(values: np.ndarray, reference: np.ndarray, best: np.ndarray) -> dict[str, Any]:
    """Share of the gap from the reference to the best controller that is closed: 0 at the reference, 1 at the best.

    Parameters
    ----------
    values, reference, best : np.ndarray, shape (E,)

    Returns
    -------
    dict
        ``mean``, ``low``, ``high``; all None where there is no gap.
    """
    return _ratio((values - reference, best - reference))


def _ratio(samples: tuple[np.ndarray, np.ndarray]) -> dict[str, Any]:
    """Ratio of totals of paired samples; bounds only where every episode's denominator has the same sign."""
    under = samples[1]
    if float(np.sum(under)) == 0.0:
        return {"mean": None, "low": None, "high": None}

    def statistic(over: np.ndarray, under: np.ndarray, axis: int = -1) -> np.ndarray:
        return np.sum(over, axis=axis) / np.sum(under, axis=axis)

    low, high = _interval(samples, statistic) if np.all(under > 0.0) or np.all(under < 0.0) else (None, None)
    return {"mean": float(statistic(*samples)), "low": low, "high": high}


def _interval(samples: tuple[np.ndarray, ...], statistic: Callable[..., Any]) -> tuple[float | None, float | None]:
    """Return bounds of a statistic of paired samples; None for a single episode."""
    count = len(samples[0])
    if count < 2:
        return None, None
    value = float(statistic(*samples))
    leave_one_out = [float(statistic(*(np.delete(x, i) for x in samples))) for i in range(count)]
    if np.ptp(leave_one_out) <= 1e-12 * max(1.0, abs(value)):  # every resample says the same
        return value, value
    options: dict[str, Any] = {
        "paired": len(samples) > 1,
        "vectorized": True,
        "confidence_level": CONFIDENCE,
        "rng": np.random.default_rng(0),
    }
    drawn = stats.bootstrap(samples, statistic, n_resamples=RESAMPLES, method="percentile", **options)
    resampled = drawn.bootstrap_distribution
    if np.any(resampled < value) and np.any(resampled > value):  # BCa needs both sides
        drawn = stats.bootstrap(samples, statistic, n_resamples=0, bootstrap_result=drawn, method="BCa", **options)
    return float(drawn.confidence_interval.low), float(drawn.confidence_interval.high)
