"""How far a fitted hall may be from the truth, from its errors on what it was not fitted to.

The mean of a quantity over n hours is off by the mean of as many hourly errors. Two things are known of that from the m hours of a hold-out.

* What the hall is off by in their mean may be a lasting error. Under another load, weather or controller it may have either sign, so it is not
  taken off but counted as the standard deviation of one.
* The mean of n hours scatters about a lasting error, which the m hours tell with a scatter of their own. Errors of neighbouring hours are alike,
  so n and m count as ``n / tau`` and ``m / tau``, with the autocorrelation time ``tau`` of the errors: ``s**2 (tau / n + tau / m)``, for an
  interval by Student's factor of ``m / tau - 1`` degrees of freedom, one at least.

What the hold-out has none of, another season or set-points beyond the log's, is not in it.

References
----------
.. [1] Hahn, Meeker, Statistical Intervals (1991): intervals of prediction for the mean of a further sample.
.. [2] Wilks, Statistical Methods in the Atmospheric Sciences (2006): effective sizes of autocorrelated samples.
"""

import math
from collections.abc import Sequence

import numpy as np
from scipy import stats

from dcsim.calibration.objective import autocorrelation_time

Array = np.ndarray

LEVEL = 0.9
HOURS_MIN = 3


def error_of_mean(errors: Sequence[float | None] | Array, hours: float, level: float = LEVEL) -> float:
    """Return within what a mean over hours to come is right, half the width of the interval.

    Parameters
    ----------
    errors : sequence of float, shape (m,)
        Mean errors of the hours of a hold-out, in order; None or NaN where unknown.
    hours : float
        Of the mean.
    level : float
        Of the interval.

    Raises
    ------
    ValueError
        If fewer than three hours are known.
    """
    values = np.array([math.nan if each is None else each for each in errors], float)
    known = values[np.isfinite(values)]
    if len(known) < HOURS_MIN:
        raise ValueError(f"errors of {len(known)} hours are known; expected {HOURS_MIN} at least")
    mean, scatter = float(known.mean()), float(known.std(ddof=1))
    tau = autocorrelation_time(values - mean)
    held, coming = max(len(known) / tau, 1.0), max(hours / tau, 1.0)
    share = 0.5 + 0.5 * level
    lasting = float(stats.norm.ppf(share)) * mean
    passing = float(stats.t.ppf(share, max(held - 1.0, 1.0))) * scatter * math.sqrt(1.0 / coming + 1.0 / held)
    return math.hypot(lasting, passing)
