"""Bounds with and without rounded corners.

Plain bounds serve wherever a bound is seldom active. The smooth ones are for bounds that are active often and that a
controller or a calibration differentiates through; each moves the result near its corner by a stated amount.
"""

from typing import Any

import numpy as np

from dcsim.physics.constants import Array

POWER_BASE_MIN = 1e-12
"""Smallest base of a fractional power: keeps its logarithm, and so its gradient, finite."""


def clip(x: Array, lower: Array, upper: Array, xp: Any = np) -> Array:
    """Value held between two bounds.

    Parameters
    ----------
    x, lower, upper : Array, broadcastable
        Value and bounds, all of one unit; ``lower`` at most ``upper``.
    xp : namespace
        Array functions.

    Returns
    -------
    Array, broadcast shape
        ``lower`` where ``x`` is below it, ``upper`` where above, else ``x``.
    """
    return xp.minimum(xp.maximum(x, lower), upper)


def smooth_maximum(x: Array, y: Array, width: Array, xp: Any = np) -> Array:
    """Larger of two values, its corner rounded by a hyperbola.

    Parameters
    ----------
    x, y : Array, broadcastable
        Values of one unit.
    width : Array, broadcastable
        Rounding, same unit, above 0; 1 to 2 % of the variable's span is a good choice.
    xp : namespace
        Array functions.

    Returns
    -------
    Array, broadcast shape
        At least ``max(x, y)``; above it by ``width / 2`` at ``x = y`` and by about ``width**2 / (4 |x - y|)`` far from
        it.

    Notes
    -----
    ``(x + y + sqrt((x - y)**2 + width**2)) / 2``. Domain: ``width`` = 0 makes the gradient at ``x = y`` undefined.
    """
    gap = x - y
    return 0.5 * (x + y + xp.sqrt(gap * gap + width * width))


def smooth_minimum(x: Array, y: Array, width: Array, xp: Any = np) -> Array:
    """Smaller of two values, its corner rounded by a hyperbola; the mirror of `smooth_maximum`.

    Parameters
    ----------
    x, y : Array, broadcastable
        Values of one unit.
    width : Array, broadcastable
        Rounding, same unit, above 0.
    xp : namespace
        Array functions.

    Returns
    -------
    Array, broadcast shape
        At most ``min(x, y)``; below it by ``width / 2`` at ``x = y``.
    """
    gap = x - y
    return 0.5 * (x + y - xp.sqrt(gap * gap + width * width))


def positive_part(x: Array, width: Array, xp: Any = np) -> Array:
    """``max(x, 0)`` with a rounded corner: `smooth_maximum` of ``x`` and 0.

    Parameters
    ----------
    x : Array, any shape
        Value.
    width : Array, broadcastable
        Rounding, same unit, above 0.
    xp : namespace
        Array functions.

    Returns
    -------
    Array, broadcast shape
        Above 0 everywhere; ``width / 2`` at ``x`` = 0.
    """
    return 0.5 * (x + xp.sqrt(x * x + width * width))


def clip_smooth(x: Array, lower: Array, upper: Array, width: Array, xp: Any = np) -> Array:
    """Value held between two bounds with rounded corners.

    Parameters
    ----------
    x, lower, upper : Array, broadcastable
        Value and bounds of one unit.
    width : Array, broadcastable
        Rounding, same unit, above 0 and well below ``upper - lower``.
    xp : namespace
        Array functions.

    Returns
    -------
    Array, broadcast shape
        At most ``upper``; may fall below ``lower`` by up to about ``width**2 / (4 (upper - lower))``.
    """
    return smooth_minimum(smooth_maximum(x, lower, width, xp), upper, width, xp)


def rounded_maximum(x: Array, y: Array, width: Array, xp: Any = np) -> Array:
    """Larger of two values, its corner rounded by a parabola and exact beyond ``width``.

    Parameters
    ----------
    x, y : Array, broadcastable
        Values of one unit.
    width : Array, broadcastable
        Half-length of the rounded stretch, same unit, above 0.
    xp : namespace
        Array functions.

    Returns
    -------
    Array, broadcast shape
        ``max(x, y)`` where ``|x - y| >= width``; above it by ``width / 4`` at ``x = y``. Never below ``y`` or ``x``.

    Notes
    -----
    Once continuously differentiable. For guards whose far side must stay exact, such as the least lift of a chiller.
    """
    gap = x - y
    bend = clip(gap, -width, width, xp) + width
    return y + bend * bend / (4.0 * width) + xp.maximum(gap - width, 0.0)


def smooth_step(x: Array, width: Array, xp: Any = np) -> Array:
    """Weight that goes from 0 (``x`` far below 0) to 1 (far above), ``(1 + tanh(x / width)) / 2``.

    Parameters
    ----------
    x : Array, any shape
        Distance from the middle of the step.
    width : Array, broadcastable
        Length over which it changes, same unit, above 0.
    xp : namespace
        Array functions.

    Returns
    -------
    Array, broadcast shape
        0 to 1; 0.5 at ``x`` = 0.
    """
    return 0.5 * (1.0 + xp.tanh(x / width))


def power(base: Array, exponent: Array, xp: Any = np) -> Array:
    """Fractional power of a value that may be 0, with a finite gradient there.

    Parameters
    ----------
    base : Array, any shape
        At least 0; taken as 1e-12 below that.
    exponent : Array, broadcastable
        Exponent [-].
    xp : namespace
        Array functions.

    Returns
    -------
    Array, broadcast shape
        ``base**exponent``, as ``exp(exponent log(base))``.
    """
    return xp.exp(exponent * xp.log(xp.maximum(base, POWER_BASE_MIN)))
