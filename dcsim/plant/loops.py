"""Inner loops of the plant, faster than a control step: first-order responses with limits."""

from typing import Any

from dcsim.physics.smooth import clip
from dcsim.plant.model import Array

STEP_RATIO_MIN, STEP_RATIO_MAX = -0.8, 2.0  # bounds of the relative error an inner loop acts on


def total(x: Array, xp: Any) -> Array:
    """Sum over components, kept as one row."""
    return xp.sum(x, 0, keepdims=True)


def modulated(
    value: Array,
    wanted: Array,
    delivered: Array,
    time_step: Array,
    time_constant: Array,
    lower: Array,
    upper: Array,
    xp: Any,
) -> Array:
    """An actuator after one step of an inner loop that integrates the relative error of what it delivers."""
    error = clip(wanted / xp.maximum(delivered, 1e-6) - 1.0, STEP_RATIO_MIN, STEP_RATIO_MAX, xp)
    return clip(value * (1.0 + error * (time_step / (time_constant + time_step))), lower, upper, xp)
