"""The fast engine: a model traced once and compiled into one kernel that runs whole control steps, many environments at a time."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from dcsim.engines.base import Engine, check_out, check_shape
from dcsim.engines.compiler import has_fma, kernel, vector_bytes
from dcsim.engines.emit import Emitted, emitted, size_of
from dcsim.engines.lanes import Target
from dcsim.engines.model import Array, Model
from dcsim.engines.program import HostValues, Program, count_operations, is_per_environment, trace
from dcsim.engines.simplify import simplified

_PLANS_KEPT = 64  # packed host values, one for each interval and number of sub-steps in use
_BLOCKS_PER_THREAD = 2  # least work worth a second thread
_REMEMBERED, _REMEMBERED_BYTES = 8, 1 << 16  # arrays whose addresses are kept, and the largest of them


class _Build:
    """A program compiled for one number of lanes, with its parameters packed."""

    def __init__(self, program: Program, target: Target, params: Any):
        self.target = target
        self.emitted: Emitted = emitted(program, target)
        self.kernel = kernel(self.emitted.text)
        self.run: Callable[..., None] = self.kernel.run
        self.bind(params)

    def bind(self, params: Any) -> None:
        """Take over parameter values."""
        wanted = [*self.emitted.params, *self.emitted.timed_params]
        self.values = HostValues(wanted, params)
        self.plans: dict[tuple[float, int], tuple[Array, int]] = {}
        self.workspaces: list[tuple[Array, int]] = []

    def plan(self, interval: float, substeps: int) -> tuple[Array, int]:
        """Pack the host values for an interval and a number of sub-steps; returns them with their address."""
        time_step = interval / substeps
        common = len(self.emitted.params)
        full, half = self.values(interval, time_step), self.values(interval, 0.5 * time_step)
        packed = np.concatenate([np.zeros(0), *full, *half[common:]]).astype(np.float64 if self.target.is_double else np.float32)
        while len(self.plans) >= _PLANS_KEPT:
            self.plans.pop(next(iter(self.plans)), None)
        plan = self.plans[interval, substeps] = (packed, packed.ctypes.data)
        return plan

    def workspace(self) -> tuple[Array, int]:
        """Take a piece of memory for one thread, aligned to the lines of the cache; hand it back to ``workspaces``."""
        if self.workspaces:
            return self.workspaces.pop()
        memory = np.zeros(self.emitted.workspace_bytes + 64, np.uint8)
        return memory, memory.ctypes.data + (-memory.ctypes.data % 64)


class FusedEngine(Engine):
    """Runs control steps of a model with one compiled kernel.

    An environment's result depends on its own values alone: it is the same to the bit alone or in any batch, for any number of lanes and
    threads. Across kinds of processor the last bit may differ. Calls from several threads at once are safe.

    Parameters
    ----------
    lanes : int, optional
        Environments treated at a time; by default what is fastest on this processor.
    """

    name = "fused"

    def __init__(
        self, model: Model, params: Any, substeps: int = 10, dtype: str = "float64", threads: int = 1, lanes: int | None = None
    ):
        super().__init__(model, params, substeps, dtype, threads)
        traced = trace(model, self.params)
        self.stats = count_operations(traced)
        lanes = lanes or vector_bytes() // self.dtype.itemsize
        self._build = _Build(simplified(traced), Target(dtype, lanes, has_fma(), vector_bytes()), self.params)
        self._environment = self._packed_environment()
        self._addresses: dict[int, tuple[Array, int]] = {}
        self._pool = ThreadPoolExecutor(threads - 1, "dcsim") if threads > 1 else None

    def _packed_environment(self) -> tuple[Array, int]:
        own = [x for name, x in self.params._asdict().items() if is_per_environment(self.model, name, x)]
        packed = np.ascontiguousarray(np.concatenate(own)) if own else np.zeros((1, 1))
        return packed, packed.ctypes.data

    def step(
        self, state: Array, inputs: Array, interval: float, out: Array | None = None, substeps: int | None = None
    ) -> Array:
        """One control step, see `Engine.step`."""
        n = self.substeps if substeps is None else substeps
        num_envs = state.shape[1]
        if num_envs != self.num_envs:
            self._check_envs(num_envs)
        shape = (self._state_rows, num_envs)
        source = self._located(state, shape, "state")
        given = self._located(inputs, (self._input_rows, num_envs), "inputs")
        if out is None:
            out = np.empty(shape)
        target = self._located(out, shape, "out")
        if target[0] is not out:
            check_out(out)
        build = self._build
        plan = build.plans.get((interval, n)) or self._plan(interval, n)
        blocks = -(-num_envs // build.target.lanes)
        shares = min(self.threads, blocks // _BLOCKS_PER_THREAD)
        arguments = (plan[1], source[1], given[1], self._environment[1], target[1], n, num_envs)
        if shares <= 1:
            workspace = build.workspace()
            build.run(workspace[1], *arguments, 0, num_envs)
            build.workspaces.append(workspace)
            return out
        width = -(-blocks // shares) * build.target.lanes
        ranges = [(first, min(first + width, num_envs)) for first in range(0, num_envs, width)]
        assert self._pool is not None
        others = [self._pool.submit(self._run, arguments, *part) for part in ranges[1:]]
        self._run(arguments, *ranges[0])
        for future in others:
            future.result()
        return out

    def _plan(self, interval: float, substeps: int) -> tuple[Array, int]:
        self._check_clock(interval, substeps)
        return self._build.plan(interval, substeps)

    def _run(self, arguments: tuple[int, ...], first: int, last: int) -> None:
        workspace = self._build.workspace()
        self._build.run(workspace[1], *arguments, first, last)
        self._build.workspaces.append(workspace)

    def _located(self, array: Array, shape: tuple[int, int], name: str) -> tuple[Array, int]:
        """Return an array as the kernel can read it, with its address; small arrays that come again and again are remembered."""
        known = self._addresses.get(id(array))
        if known is not None and known[0] is array and array.shape == shape:
            return known
        check_shape(array, shape, name)
        if array.dtype != np.float64 or not array.flags.c_contiguous:
            array = np.ascontiguousarray(array, dtype=np.float64)
            return array, array.ctypes.data
        located = (array, array.ctypes.data)
        if array.nbytes <= _REMEMBERED_BYTES:
            if len(self._addresses) >= _REMEMBERED:
                self._addresses.pop(next(iter(self._addresses)), None)
            self._addresses[id(array)] = located
        return located
