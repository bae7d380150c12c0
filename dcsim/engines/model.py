"""What an engine runs: a model as three pure functions over named arrays, and how those arrays are packed into one.

Every array is ``(rows, N)``: components lead, environments come last. A state of several named fields travels as one
packed array whose rows stand in the order of the fields.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class Model(NamedTuple):
    """A model: what happens at the start of a control step, in one pass over its time, and after each sub-step.

    Attributes
    ----------
    begin : callable
        ``(state, inputs, params, interval, xp) -> (state, held)``. Runs once per control step of length ``interval``
        [s]: latches, rate limits, and the values ``held`` over the step (a NamedTuple of its own).
    sweep : callable
        ``(state, inputs, held, params, time_step, xp) -> state``. One pass of length ``time_step`` [s], first order.
        The engine extrapolates every field it changes to second order; fields handed back as they came (the same
        object) stay as they are.
    monitor : callable
        ``(state, inputs, held, params, time_step, xp) -> state``. Runs after each extrapolated sub-step: maxima,
        violation integrals, timers.
    state, inputs, params : type
        NamedTuple classes.
    state_rows, input_rows : mapping of str to int
        Rows of each field. Rows of the parameters are taken from the arrays themselves.
    matrices : frozenset of str
        Parameters that are matrices ``(out, in)``, common to all environments. All others are ``(rows, 1)``, or
        ``(rows, N)`` where every environment has its own.
    """

    begin: Callable[..., Any]
    sweep: Callable[..., Any]
    monitor: Callable[..., Any]
    state: type
    inputs: type
    params: type
    state_rows: Mapping[str, int]
    input_rows: Mapping[str, int]
    matrices: frozenset[str] = frozenset()


def fields(cls: type) -> tuple[str, ...]:
    """Field names of a NamedTuple class, in order."""
    names: tuple[str, ...] = cls._fields  # type: ignore[attr-defined]
    return names


def field_slices(cls: type, rows: Mapping[str, int]) -> dict[str, slice]:
    """Rows that each field of ``cls`` takes in a packed array.

    Parameters
    ----------
    cls : type
        NamedTuple class.
    rows : mapping of str to int
        Rows of each field.

    Returns
    -------
    dict of str to slice

    Raises
    ------
    ValueError
        If ``rows`` and the fields do not match, or a field has no row.
    """
    names = fields(cls)
    if set(names) != set(rows):
        raise ValueError(f"{cls.__name__}: rows are given for {sorted(rows)} but the fields are {sorted(names)}")
    slices, start = {}, 0
    for name in names:
        if rows[name] < 1:
            raise ValueError(f"{cls.__name__}.{name}: rows must be at least 1, got {rows[name]}")
        slices[name] = slice(start, start + rows[name])
        start += rows[name]
    return slices


def pack(values: Iterable[Any], slices: Mapping[str, slice], num_envs: int) -> Array:
    """Copy the fields of a NamedTuple into one new array, broadcasting what is narrower.

    Parameters
    ----------
    values : NamedTuple of arrays or numbers
        Each of a shape that broadcasts to ``(rows, N)``.
    slices : mapping of str to slice
        From `field_slices`, in the same order.
    num_envs : int
        N.

    Returns
    -------
    Array, shape (total rows, N)
        float64.
    """
    packed = np.empty((max(part.stop for part in slices.values()), num_envs))
    for value, part in zip(values, slices.values(), strict=True):
        packed[part] = value
    return packed


def unpack(packed: Array, cls: type, slices: Mapping[str, slice]) -> Any:
    """View a packed array as a NamedTuple of ``(rows, N)`` arrays; nothing is copied."""
    return cls(*(packed[part] for part in slices.values()))


def checked_params(model: Model, params: Any) -> tuple[Any, int | None]:
    """Return the parameters as float64 arrays, and the number of environments they are given for (None: any number).

    Raises
    ------
    ValueError
        If a field has the wrong number of dimensions, holds a NaN, or two fields are given for different numbers of
        environments.
    """
    arrays = []
    for name, value in zip(fields(model.params), params, strict=True):
        array = np.asarray(value, dtype=np.float64)
        if np.isnan(array).any():
            raise ValueError(f"params.{name}: holds a NaN")
        arrays.append(array)
    return model.params(*arrays), envs_of_params(model, arrays)


def envs_of_params(model: Model, arrays: Iterable[Any]) -> int | None:
    """Return the number of environments that parameters, arrays of any kind, are given for; None: any number.

    Raises
    ------
    ValueError
        If a field has the wrong number of dimensions, or two fields are given for different numbers of environments.
    """
    num_envs, first = None, ""
    for name, array in zip(fields(model.params), arrays, strict=True):
        shape = tuple(array.shape)
        if len(shape) != 2 or 0 in shape:
            raise ValueError(f"params.{name}: expected an array of shape (rows, 1) or (rows, N), got shape {shape}")
        if name not in model.matrices and shape[1] > 1:
            if num_envs is not None and shape[1] != num_envs:
                raise ValueError(f"params.{name} is given for {shape[1]} environments, params.{first} for {num_envs}")
            num_envs, first = shape[1], name
    return num_envs
