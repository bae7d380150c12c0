"""What all engines have in common: how they are made, what they accept, and how much work a sweep is."""

import ctypes
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from functools import cached_property
from typing import Any, NamedTuple, Self

import numpy as np

from dcsim.engines.model import Array, Model, checked_params, field_slices
from dcsim.engines.program import count_operations, count_step_operations, trace

DTYPES = ("float64", "float32")


class Gradient(NamedTuple):
    """Derivatives of a scalar by all that a control step is given.

    Attributes
    ----------
    state : Array, shape (state rows, N)
    inputs : Array, shape (input rows, N)
    params : dict of str to Array
        By name, in the shapes of the parameters: those of ``(rows, 1)`` and matrices are summed over the environments.
    """

    state: Array
    inputs: Array
    params: dict[str, Array]


class Engine(ABC):
    """Runs control steps of a model for N environments at a time. Keeps nothing of the simulation between calls.

    Parameters
    ----------
    model : Model
    params : NamedTuple of Array
        ``(rows, 1)``, or ``(rows, N)`` where every environment has its own; matrices ``(out, in)``.
    substeps : int
        Extrapolated sub-steps per control step.
    dtype : {"float64", "float32"}
        Of the arithmetic. Arrays handed in and out are float64 either way.
    threads : int
        Most threads that share a large batch.

    Attributes
    ----------
    state_slices, input_slices : dict of str to slice
        Rows of each field in the packed arrays.
    num_envs : int or None
        Number of environments that the parameters are given for; None if they suit any number.
    """

    name: str

    def __init__(self, model: Model, params: Any, substeps: int = 10, dtype: str = "float64", threads: int = 1):
        if dtype not in DTYPES:
            raise ValueError(f"dtype must be float64 or float32, got {dtype!r}")
        self.model, self.substeps, self.dtype, self.threads = model, substeps, np.dtype(dtype), threads
        self.state_slices = field_slices(model.state, model.state_rows)
        self.input_slices = field_slices(model.inputs, model.input_rows)
        self._state_rows = max(part.stop for part in self.state_slices.values())
        self._input_rows = max(part.stop for part in self.input_slices.values())
        self.params, self.num_envs = checked_params(model, params)

    def with_params(self, params: Any) -> Self:
        """Return an engine of the same model with other parameter values."""
        return type(self)(self.model, params, self.substeps, self.dtype.name, self.threads)

    @cached_property
    def stats(self) -> dict[str, int]:
        """Work of one sweep and one environment, see `dcsim.engines.program.count_operations`."""
        return count_operations(trace(self.model, self.params))

    def work(self, substeps: int) -> dict[str, int]:
        """Least work of a control step, see `dcsim.engines.program.count_step_operations`."""
        return count_step_operations(trace(self.model, self.params), substeps)

    @abstractmethod
    def step(
        self, state: Array, inputs: Array, interval: float, out: Array | None = None, substeps: int | None = None
    ) -> Array:
        """One control step.

        Parameters
        ----------
        state : Array, shape (state rows, N)
            Left as it is, unless it is also ``out``.
        inputs : Array, shape (input rows, N)
            Held over the step.
        interval : float
            Length of the control step [s].
        out : Array, shape (state rows, N), optional
            Where to write the new state: C-contiguous float64; may be ``state``.
        substeps : int, optional
            Instead of the engine's own number.

        Returns
        -------
        Array, shape (state rows, N)
            The new state, float64; ``out`` where given.

        Raises
        ------
        ValueError
            If a shape, the interval or the number of sub-steps cannot be meant.
        """

    def vjp(
        self,
        state: Array,
        inputs: Array,
        interval: float,
        cotangent: Array,
        substeps: int | None = None,
        params: Collection[str] = (),
    ) -> Gradient:
        """Derivatives through one control step, in reverse: the product of a row vector and the step's Jacobian.

        They are those of the step as it is computed, to rounding. At kinks they are of one side, and at ties the mean of
        both, see `dcsim.engines.adjoint`. Environments do not feel each other, so ``cotangent`` may hold the derivatives
        of N scalars, one for each environment; only the common parameters' are then summed.

        Parameters
        ----------
        state, inputs, interval, substeps
            As for `step`.
        cotangent : Array, shape (state rows, N)
            Derivatives of the scalar by the state after the step.
        params : collection of str
            Parameters that derivatives are wanted by. Each costs time, matrices most.

        Returns
        -------
        Gradient

        Raises
        ------
        NotImplementedError
            If the engine has none; only the fused engine has. Through the torch engine autograd leads.
        ValueError
            If a shape, the interval, the number of sub-steps or a parameter cannot be meant.
        """
        raise NotImplementedError(f"the {self.name} engine has no vjp; the fused engine has")

    def bind(self, state: Array, inputs: Array, interval: float, substeps: int | None = None) -> Callable[[], None]:
        """Return a function that makes one control step of the same arrays in place, with the least to do for each call.

        Parameters
        ----------
        state : Array, shape (state rows, N)
            C-contiguous float64; changed by every call.
        inputs : Array, shape (input rows, N)
            C-contiguous float64; read anew by every call.
        interval : float
            Length of the control step [s].
        substeps : int, optional
            Instead of the engine's own number.
        """
        return lambda: (self.step(state, inputs, interval, state, substeps), None)[1]

    def _check_clock(self, interval: float, substeps: int) -> None:
        if not 0.0 < interval < np.inf:
            raise ValueError(f"interval must be a positive number of seconds, got {interval}")
        if substeps < 1 or int(substeps) != substeps:
            raise ValueError(f"substeps must be a positive whole number, got {substeps}")

    def _check_envs(self, num_envs: int) -> None:
        if num_envs < 1 or (self.num_envs is not None and num_envs != self.num_envs):
            wanted = (
                "at least one environment"
                if self.num_envs is None
                else f"{self.num_envs} environments, as the parameters"
            )
            raise ValueError(f"state must have {wanted}; got {num_envs}")


def check_shape(array: Array, shape: tuple[int, int], name: str) -> None:
    """Raise a ValueError if an array has another shape than expected."""
    if array.shape != shape:
        raise ValueError(f"{name}: expected an array of shape {shape}, got shape {array.shape}")


def check_out(array: Array) -> None:
    """Raise a ValueError if an array cannot be written to in place."""
    if array.dtype != np.float64 or not array.flags.c_contiguous or not array.flags.writeable:
        raise ValueError("out: expected a writeable C-contiguous float64 array")


def address_of(array: Array) -> int:
    """Address of an array's first element."""
    try:
        # half the time of the other way, but only for what can be written to
        return ctypes.addressof(ctypes.c_char.from_buffer(array.data))
    except (TypeError, ValueError):  # read-only, empty
        return array.ctypes.data
