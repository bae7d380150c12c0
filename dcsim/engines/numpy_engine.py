"""The reference engine: runs a model on NumPy arrays, just as the protocol reads. Slow for few environments."""

from typing import Any

import numpy as np

from dcsim.engines.base import Engine, check_out, check_shape
from dcsim.engines.model import Array, Model, pack, unpack
from dcsim.engines.scheme import control_step


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
        first = model.state(*(x.astype(self.dtype, copy=False) for x in given))
        s = control_step(model, first, u, p, interval, n, np, lambda state: self._whole(state, num_envs))
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
