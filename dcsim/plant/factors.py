"""Halls that are not quite as described: parameters of which every environment has its own multiple.

The multiples are inputs of the plant, constant over an episode, so that engines of any kind take them like load and weather, and compile
once for all values.
"""

from collections.abc import Mapping
from typing import Any

from dcsim.plant.loops import Array

Factors = tuple[tuple[str, tuple[str, ...]], ...]
"""Names of the multiples, each with the parameters that it multiplies."""


def factor_input(name: str) -> str:
    """Name of the input, of one row, that holds a multiple."""
    return f"factor_{name}"


def scaled(p: Any, u: Any, factors: Factors) -> Any:
    """Return the parameters as each environment has them.

    Parameters
    ----------
    p : Params
        As described, ``(rows, 1)`` or ``(rows, N)``.
    u : Inputs
        Or any other object with the multiples, each of shape (1, N).
    factors : Factors
    """
    own: Mapping[str, Array] = {
        field: getattr(u, factor_input(name)) * getattr(p, field) for name, fields in factors for field in fields
    }
    return p._replace(**own) if own else p
