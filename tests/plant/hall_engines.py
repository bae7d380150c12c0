"""A hall on all engines side by side: NumPy, the fused kernel, torch, and the text of torch's CUDA kernel as plain C++."""

from typing import Any

import numpy as np
from every_engine import every_engine
from numpy.testing import assert_allclose

from dcsim.plant.hall import Hall
from dcsim.plant.run import hall_model

EXCESSES = {"supply_shortfall", "violation", "rate_excess", "dew_point_excess", "dew_point_shortfall"}


def engines_of(hall: Hall, params: Any = None, dtype: str = "float64") -> dict[str, Any]:
    """All engines of a hall by name, with its own parameters unless others are given."""
    return every_engine(hall_model(hall), hall.params if params is None else params, dtype=dtype)


def assert_engines_agree(
    hall: Hall,
    engines: dict[str, Any],
    state: np.ndarray,
    inputs: np.ndarray,
    interval: float = 300.0,
    atol: float = 1e-12,
    **step: Any,
) -> None:
    """Compare a step of all; a step before it, since the jump from a random state is steeper than anything a hall does."""
    state = engines["numpy"].step(state, inputs, interval, **step)
    expected = engines["numpy"].step(state, inputs, interval, **step)
    scale = scale_of(hall, engines["numpy"].state_slices, expected, interval)
    for name, engine in engines.items():
        found = engine.step(state, inputs, interval, **step)
        assert_allclose(found / scale, expected / scale, rtol=0.0, atol=atol, err_msg=name)


def scale_of(hall: Hall, rows: dict[str, slice], state: np.ndarray, interval: float) -> np.ndarray:
    """Return what a difference in each row is measured by."""
    scale = np.maximum(np.abs(state).max(axis=1, keepdims=True), 1.0)
    # heat flows are differences of what water lumps store: all energies are held to the IT energy
    for name in hall.types.energies:
        scale[rows[name]] = np.maximum(scale[rows[name]], scale[rows["it_energy"]])
    # and excesses are differences of temperatures: to one kelvin over the step
    for name in EXCESSES & set(rows):
        scale[rows[name]] = np.maximum(scale[rows[name]], interval)
    return scale
