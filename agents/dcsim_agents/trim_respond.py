"""Trim and respond, the reset of ASHRAE Guideline 36: a set-point creeps towards saving and is called back by requests."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Array = np.ndarray


class TrimRespond(NamedTuple):
    """Constants of one reset, in the unit of its set-point.

    Attributes
    ----------
    low, high : float
        Range of the set-point.
    period_s : float
        Time between updates.
    trim : float
        Change at every update.
    respond : float
        Further change for each request that is not ignored; of the other sign.
    respond_max : float
        Greatest further change at one update; same sign as ``respond``.
    ignored : float
        Number of requests that change nothing.
    delay_s : float
        Time after the device starts before the first update.
    """

    low: npt.ArrayLike
    high: npt.ArrayLike
    period_s: float
    trim: npt.ArrayLike
    respond: npt.ArrayLike
    respond_max: npt.ArrayLike
    ignored: npt.ArrayLike = 2.0
    delay_s: float = 0.0


def trim_and_respond(
    setpoint: npt.ArrayLike, requests: npt.ArrayLike, c: TrimRespond, acts: npt.ArrayLike = True
) -> Array:
    """Set-point after an update.

    Parameters
    ----------
    setpoint : array_like, shape (..., N)
    requests : array_like, shape (..., N)
        Number of requests, at least 0.
    c : TrimRespond
    acts : array_like of bool, shape (N,)
        Where the reset acts; elsewhere the set-point stays.

    Returns
    -------
    Array, shape (..., N)

    References
    ----------
    ASHRAE Guideline 36-2021, 5.1.14; Modelica Buildings ``Controls.OBC.ASHRAE.G36.Generic.TrimAndRespond``: with I = 2, trim -10,
    respond +15 and at most +37, three requests give +5, four +20, five and more +27.
    """
    heard = np.maximum(np.asarray(requests, float) - c.ignored, 0.0)
    size = np.minimum(heard * np.abs(c.respond), np.abs(c.respond_max))
    change = np.asarray(c.trim) + np.sign(c.respond) * size
    before = np.asarray(setpoint, float)
    return np.where(acts, np.clip(before + change, c.low, c.high), before)


def is_due(elapsed_s: npt.ArrayLike, interval_s: float, period_s: float, delay_s: float = 0.0) -> Array:
    """Whether a reset acts in the control interval that begins at ``elapsed_s`` after the device's start.

    A reset whose period is shorter than the control interval acts once in each: there is nothing newer to act on in between.

    Parameters
    ----------
    elapsed_s : array_like, shape (N,)
    interval_s, period_s, delay_s : float
        Control interval, time between updates, time from start to the first update.

    Returns
    -------
    Array of bool, shape (N,)
    """

    def count(time: Array) -> Array:
        return np.floor((time - delay_s) / period_s + 1e-9)

    begin = np.asarray(elapsed_s, float)
    return (begin + interval_s > delay_s + 1e-9) & (count(begin + interval_s - 1e-6) > count(begin - 1e-6))
