"""How far a simulated channel is from a measured one."""

from typing import NamedTuple

import numpy as np

Array = np.ndarray


class Score(NamedTuple):
    """Deviation of a simulated channel, over the steps in which both are known.

    Attributes
    ----------
    rmse, mae, bias : float
        In ``unit``; bias is simulated minus measured.
    cvrmse : float
        RMSE over the measured mean, ASHRAE Guideline 14; NaN for temperatures in degC, whose zero means nothing.
    unit : str
    steps : int
        Number of steps compared.
    constant : float
        RMSE of the best constant, the deviation of the measured channel from its own mean.
    """

    rmse: float
    mae: float
    bias: float
    cvrmse: float
    unit: str
    steps: int
    constant: float


def score(measured: Array, simulated: Array, unit: str) -> Score | None:
    """Compare two series, shape (T,); None where they are never both known."""
    known = np.isfinite(measured) & np.isfinite(simulated)
    if not known.any():
        return None
    m = measured[known]
    apart = simulated[known] - m
    rmse, mean = float(np.sqrt(np.mean(apart**2))), float(m.mean())
    relative = rmse / abs(mean) if mean and unit != "degC" else float("nan")
    return Score(
        rmse,
        float(np.abs(apart).mean()),
        float(apart.mean()),
        relative,
        "K" if unit == "degC" else unit,
        int(known.sum()),
        float(m.std()),
    )
