"""The reference engine: runs a model on NumPy arrays, just as the protocol reads. Slow for few environments."""

from typing import Any

import numpy as np

from dcsim.engines.base import Engine, check_out, check_shape
from dcsim.engines.model import Array, Model, pack, unpack


class NumpyEngine(Engine):
    """Runs control steps of a model with NumPy, on one thread."""

    name = "numpy"

    def __init__(self, model: Model, params: Any, substeps: int = 10, dtype: str = "float64", threads: int = 1):
        super().__init__(model, params, substeps, dtype, threads)
        self._params = model.params(*(array.astype(self.dtype) for array in self.params))

    def step(
        self, state: Array, inputs: Array, interval: float, out: Array | None = None, substeps: int | None = None
    ) -> Array:
        """One control step, see `Engine.step`."""
        n, num_envs = self.substeps if substeps is None else substeps, state.shape[1]
        self._check_clock(interval, n)
        self._check_envs(num_envs)
        check_shape(state, (self._state_rows, num_envs), "state")
        check_shape(inputs, (self._input_rows, num_envs), "inputs")
        model, p, interval = self.model, self._params, float(interval)
        u = unpack(inputs.astype(self.dtype, copy=False), model.inputs, self.input_slices)
        given = unpack(state, model.state, self.state_slices)
        first = s = model.state(*(x.astype(self.dtype, copy=False) for x in given))
        s, held = model.begin(s, u, p, interval, np)
        s = self._whole(s, num_envs)
        time_step = interval / n
        for _ in range(n):
            coarse = self._whole(model.sweep(s, u, held, p, time_step, np), num_envs)
            fine = self._whole(model.sweep(s, u, held, p, 0.5 * time_step, np), num_envs)
            fine = self._whole(model.sweep(fine, u, held, p, 0.5 * time_step, np), num_envs)
            s = extrapolated(s, coarse, fine)
            s = self._whole(model.monitor(s, u, held, p, time_step, np), num_envs)
        # fields that nothing touched keep all their digits, whatever the precision of the arithmetic
        s = model.state(*(old if x is same else x for x, same, old in zip(s, first, given, strict=True)))
        new = pack(s, self.state_slices, num_envs)
        if out is None:
            return new
        check_shape(out, new.shape, "out")
        check_out(out)
        out[...] = new
        return out

    def _whole(self, state: Any, num_envs: int) -> Any:
        """Broadcast fields that a model gave as numbers or parameters to all their rows and environments."""
        whole = []
        for x, part in zip(state, self.state_slices.values(), strict=True):
            shape = (part.stop - part.start, num_envs)
            is_whole = isinstance(x, np.ndarray) and x.shape == shape
            whole.append(x if is_whole else np.broadcast_to(np.asarray(x, dtype=self.dtype), shape))
        return self.model.state(*whole)


def extrapolated(before: Any, coarse: Any, fine: Any) -> Any:
    """Richardson extrapolation ``2 fine - coarse`` of one first-order pass against two of half the length.

    Fields that the passes handed back untouched are kept, not combined: a latch stays exactly what it was.
    """
    return type(before)(*(x if x is c else 2.0 * f - c for x, c, f in zip(before, coarse, fine, strict=True)))
