"""Runs the compiled way back of a fused engine."""

import struct
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from dcsim.engines.adjoint import Adjoint
from dcsim.engines.adjoint_kernel import ARGUMENTS, EmittedAdjoint
from dcsim.engines.base import Gradient, check_shape
from dcsim.engines.compiler import kernel
from dcsim.engines.graph import HOST, Symbol, reachable
from dcsim.engines.model import Array
from dcsim.engines.program import HostValues, bounds_of

if TYPE_CHECKING:
    from dcsim.engines.fused import FusedEngine


class Pullback:
    """Takes bars back through control steps, one by one, and adds up those of the parameters.

    Parameters
    ----------
    engine : FusedEngine
    adjoint : Adjoint
    code : EmittedAdjoint
    lanes : int
    interval : float
    substeps : int
    num_envs : int
    """

    def __init__(
        self,
        engine: "FusedEngine",
        adjoint: Adjoint,
        code: EmittedAdjoint,
        lanes: int,
        interval: float,
        substeps: int,
        num_envs: int,
    ):
        self._engine, self._adjoint, self._code, self._lanes = engine, adjoint, code, lanes
        self._kernel = kernel(code.text)
        self._interval, self._substeps, self._num_envs = interval, substeps, num_envs
        values = HostValues([*code.params, *code.timed_params], engine.params, bounds_of(adjoint.program))
        full, half = (values(interval, share * interval / substeps) for share in (1.0, 0.5))
        self._packed = np.concatenate([np.zeros(0), *full, *half[len(code.params) :]]).astype(engine.dtype)
        sizes = [sum(x.rows * max(x.columns, 1) for x in part) for part in (code.hosted, code.timed_hosted)]
        self._sizes = (sizes[0], sizes[1], sizes[1])
        self._hosted = np.zeros((-(-num_envs // lanes), sum(self._sizes)))
        self._hosted_sum = np.zeros_like(self._hosted)
        rows = adjoint.program.environment_rows
        self._environment = np.zeros((max(1, sum(rows.values())), num_envs))
        self._environment_sum = np.zeros_like(self._environment)
        self._memory: list[tuple[Array, int]] = []

    def __call__(self, state: Array, inputs: Array, bar: Array) -> tuple[Array, Array]:
        """Bars of the state before a control step and of its inputs.

        Parameters
        ----------
        state, inputs : Array
            What the step was given.
        bar : Array, shape (state rows, N)
            Of the state after the step.
        """
        engine, n = self._engine, self._num_envs
        arrays = []
        for name, array, rows in (
            ("state", state, engine._state_rows),
            ("inputs", inputs, engine._input_rows),
            ("bar", bar, engine._state_rows),
        ):
            check_shape(array, (rows, n), name)
            arrays.append(np.ascontiguousarray(array, dtype=np.float64))
        state_bar, inputs_bar = np.empty_like(arrays[0]), np.zeros_like(arrays[1])
        addresses = [
            x.ctypes.data
            for x in (
                self._packed, *arrays[:2], engine._environment, arrays[2], state_bar, inputs_bar,
                self._environment, self._hosted,
            )
        ]  # fmt: skip
        self.run((*addresses, self._substeps, n), 0, n)
        self._hosted_sum += self._hosted
        self._environment_sum += self._environment
        return state_bar, inputs_bar

    def run(self, arguments: tuple[int, ...], first: int, last: int) -> None:
        try:
            memory, workspace = self._memory.pop()
        except IndexError:
            memory = np.zeros(8 * len(ARGUMENTS) + self._code.workspace_bytes + self._substeps * self._code.tape_bytes + 64, np.uint8)
            workspace = memory.ctypes.data + 8 * len(ARGUMENTS)
            workspace += -workspace % 64
        struct.pack_into(f"={len(ARGUMENTS)}q", memory.data, 0, workspace, *arguments, first, last)
        self._kernel.run(memory.ctypes.data)
        self._memory.append((memory, workspace))

    def params_bar(self) -> dict[str, Array]:
        """Bars of the parameters, of all control steps so far."""
        program = self._adjoint.program
        params = self._engine.params._asdict()
        found: dict[str, Array] = {}
        start = 0
        for name, rows in program.environment_rows.items():
            found[name] = self._environment_sum[start : start + rows]
            start += rows
        sums = np.split(self._hosted_sum.sum(axis=0), np.cumsum(self._sizes)[:-1])
        common, full, half = (_split(x, part) for x, part in zip((self._code.hosted, self._code.timed_hosted, self._code.timed_hosted), sums, strict=True))
        time_step = self._interval / self._substeps
        zero = {x.index: np.zeros((x.rows, max(x.columns, 1))) for x in self._adjoint.bars}
        one = _evaluated(self._adjoint.hosted, zero | common | full, params, self._interval, time_step)
        two = _evaluated(self._adjoint.hosted, zero | half, params, self._interval, 0.5 * time_step)
        for name in one:
            found[name] = one[name] + two[name]
        return found


def _split(symbols: Sequence[Symbol], values: Array) -> dict[int, Array]:
    found, start = {}, 0
    for x in symbols:
        shape = (x.rows, max(x.columns, 1))
        size = shape[0] * shape[1]
        found[x.index] = values[start : start + size].reshape(shape)
        start += size
    return found


def _evaluated(wanted: dict[str, Symbol], bars: dict[int, Array], params: dict[str, Array], interval: float, time_step: float) -> dict[str, Array]:
    clocks = {"interval": interval, "time_step": time_step}
    values: dict[int, Any] = {}
    for x in reachable(list(wanted.values())):
        if x.op == "const":
            values[x.index] = np.full((1, 1), x.args[0])
        elif x.op == "leaf":
            kind, name = x.args
            if kind == "param":
                values[x.index] = params[name]
            elif kind == "bar":
                values[x.index] = bars[int(name)]
            else:
                values[x.index] = np.full((1, 1), clocks[kind])
        else:
            values[x.index] = HOST[x.op](*(values[a.index] if isinstance(a, Symbol) else a for a in x.args))
    return {name: np.broadcast_to(values[x.index], params[name].shape) for name, x in wanted.items()}
