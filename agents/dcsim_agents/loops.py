"""Feedback loops at the pace of a supervisor: proportional-integral in velocity form, tuned by one rule."""

from typing import NamedTuple

import numpy as np

Array = np.ndarray

CLOSED_LOOP_TIME_MIN_S = 300.0  # s; a supervisor above inner loops need not be faster


class Loop(NamedTuple):
    """A proportional-integral loop.

    Attributes
    ----------
    gain : float
        Change of the set-point per change of the error.
    integral_time_s : float
    """

    gain: float
    integral_time_s: float


def lambda_tuned(process_gain: float, time_constant_s: float, interval_s: float) -> Loop:
    """Loop for a process of first order, sampled every ``interval_s``.

    Parameters
    ----------
    process_gain : float
        Change of the measurement per change of the set-point, at rest; take the greatest in size.
    time_constant_s : float
        Of the measurement's step response.
    interval_s : float
        Between two actions.

    Notes
    -----
    The SIMC rules: gain = T / (K (lambda + theta)), integral time = T. The delay theta is one interval (what is measured now is answered
    by what acts until the next), the closed-loop time lambda two intervals or 300 s. A process of no inertia gets an integral step of
    at most a third of its error.

    References
    ----------
    Skogestad 2003, Simple analytic rules for model reduction and PID controller tuning, J. Process Control 13.
    """
    closed_loop_s = max(2.0 * interval_s, CLOSED_LOOP_TIME_MIN_S)
    return Loop(time_constant_s / (process_gain * (closed_loop_s + interval_s)), time_constant_s)


def moved(position: Array, error: Array, error_before: Array, loop: Loop, interval_s: float) -> Array:
    """Where a loop moves its set-point to.

    Parameters
    ----------
    position : Array, shape (rows, N)
        Where the set-point really stands, after its limits and rates: moving on from there is what keeps the integral from winding up.
    error, error_before : Array, shape (rows, N)
        Target minus measurement, now and a step ago.
    loop : Loop
    interval_s : float

    Returns
    -------
    Array, shape (rows, N)
    """
    return position + loop.gain * (error - error_before + (interval_s / loop.integral_time_s) * error)
