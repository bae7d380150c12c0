"""The NumPy reference and the fused kernel side by side."""

from typing import Any

import numpy as np
from numpy.testing import assert_allclose

from dcsim.engines import make_engine
from dcsim.plant.hall import Hall
from dcsim.plant.run import hall_model


def engine_pair(hall: Hall, params: Any = None) -> tuple[Any, Any]:
    """NumPy and fused engine of a hall, with its own parameters unless others are given."""
    model, given = hall_model(hall), hall.params if params is None else params
    return make_engine("numpy", model, given), make_engine("fused", model, given)


def assert_both_agree(
    hall: Hall, engines: tuple[Any, Any], state: np.ndarray, inputs: np.ndarray, interval: float = 300.0, **step: Any
) -> None:
    """Compare a step of both; a step before it, since the jump from a random state is steeper than anything a hall does."""
    state = engines[0].step(state, inputs, interval, **step)
    expected, found = (engine.step(state, inputs, interval, **step) for engine in engines)
    scale = np.maximum(np.abs(expected).max(axis=1, keepdims=True), 1.0)
    rows = engines[0].state_slices
    # heat flows are differences of what water lumps store: all energies are held to 1e-12 of the IT energy
    for name in hall.types.energies:
        scale[rows[name]] = np.maximum(scale[rows[name]], scale[rows["it_energy"]])
    # and excesses are differences of temperatures: to 1e-12 of one kelvin over the step
    for name in {"supply_shortfall", "violation", "rate_excess", "dew_point_excess", "dew_point_shortfall"} & set(rows):
        scale[rows[name]] = np.maximum(scale[rows[name]], interval)
    assert_allclose(found / scale, expected / scale, rtol=0.0, atol=1e-12)
