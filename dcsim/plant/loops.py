"""Set-points, and inner loops of the plant that are faster than a control step: first-order responses with limits."""

from typing import Any, NamedTuple

from dcsim.physics.smooth import clip

Array = Any

STEP_RATIO_MIN, STEP_RATIO_MAX = -0.8, 2.0  # bounds of the relative error an inner loop acts on
DRIFT_FRACTION = (
    1e-3  # of the nominal flow, through pumps that stand still; keeps temperatures of no flow from being asked for
)


class Setpoint(NamedTuple):
    """What a controller sends.

    Attributes
    ----------
    state : str
        Field of the state with the set-point in force.
    input : str
        Field of the inputs with what was asked for.
    allowed : str
        Field of ``description.Setpoints`` with its range and rate.
    """

    state: str
    input: str
    allowed: str


def total(x: Array, xp: Any) -> Array:
    """Sum over components, kept as one row."""
    return xp.sum(x, 0, keepdims=True)


def distance(x: Array, y: Array, xp: Any) -> Array:
    """Absolute difference."""
    return xp.maximum(x - y, y - x)


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


def rows_of(column: Any) -> int:
    """Rows of a parameter: an array, a tensor or a symbol."""
    return int(column.shape[0] if hasattr(column, "shape") else column.rows)
