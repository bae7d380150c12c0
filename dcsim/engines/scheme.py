"""A control step of a model on arrays of any kind: extrapolated sub-steps, as `Model` reads."""

from collections.abc import Callable
from typing import Any

from dcsim.engines.model import Model


def control_step(
    model: Model,
    state: Any,
    inputs: Any,
    params: Any,
    interval: float,
    substeps: int,
    xp: Any,
    whole: Callable[[Any], Any],
) -> Any:
    """Run one control step.

    Parameters
    ----------
    model : Model
    state, inputs, params : NamedTuple of arrays
        Of the kind that ``xp`` is for.
    interval : float
        Length of the control step [s].
    substeps : int
    xp : namespace
        What the laws call.
    whole : callable
        Broadcasts the fields of a state that a model gave as numbers or parameters to all their rows and environments;
        hands back fields that are whole already as the same object.

    Returns
    -------
    NamedTuple of arrays
        The new state. Fields that nothing touched are the objects handed in.
    """
    s, held = model.begin(state, inputs, params, interval, xp)
    s = whole(s)
    time_step = interval / substeps
    for _ in range(substeps):
        coarse = whole(model.sweep(s, inputs, held, params, time_step, xp))
        fine = whole(model.sweep(s, inputs, held, params, 0.5 * time_step, xp))
        fine = whole(model.sweep(fine, inputs, held, params, 0.5 * time_step, xp))
        s = extrapolated(s, coarse, fine)
        s = whole(model.monitor(s, inputs, held, params, time_step, xp))
    return s


def extrapolated(before: Any, coarse: Any, fine: Any) -> Any:
    """Richardson extrapolation ``2 fine - coarse`` of one first-order pass against two of half the length.

    Fields that the passes handed back untouched are kept, not combined: a latch stays exactly what it was.
    """
    return type(before)(*(x if x is c else 2.0 * f - c for x, c, f in zip(before, coarse, fine, strict=True)))
