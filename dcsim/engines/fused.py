"""The fast engine: a model traced once and compiled into one kernel that runs whole control steps for a batch."""

import copy
import functools
import os
import struct
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self

import numpy as np

from dcsim.engines.adjoint import Adjoint, adjoint
from dcsim.engines.base import Engine, Gradient, address_of, check_out, check_shape
from dcsim.engines.compiler import Kernel, has_fma, kernel, register_bytes
from dcsim.engines.emit import Emitted, emitted
from dcsim.engines.kernel_frame import ARGUMENTS
from dcsim.engines.lanes import Target
from dcsim.engines.model import Array, Model, checked_params, fields
from dcsim.engines.program import HostValues, bounds_of, count_operations, is_per_environment, trace
from dcsim.engines.pullback import BackKernel, BackRunner, Pullback
from dcsim.engines.simplify import simplified

_ONE_ENVIRONMENT = 0.42
_REGISTERS = {0.5: 0.96, 1.0: 1.0, 2.0: 2.02}
"""Time of a control step as measured, over that of as many environments as fill the lanes of a register: of one by
itself, whose rows fill the lanes, and of a block by the registers that a row of its lanes takes."""
_ONE_ENVIRONMENT_BACK = 0.32
_REGISTERS_BACK = {0.5: 0.83, 1.0: 1.0}
"""The same for the way back, which has more values to keep near."""
_PLANS_KEPT = 64  # packed host values, one for each interval and number of sub-steps in use
_BLOCKS_PER_THREAD = 2  # least work worth another thread


class FusedEngine(Engine):
    """Runs control steps of a model with one compiled kernel.

    An environment's result depends on its own values alone: it is the same to the bit alone or in any batch, for any
    number of lanes and threads. Across kinds of processor the last bit may differ. Calls from several threads at once
    are safe.

    The kernel is compiled at the first step, or by `prepare`; see `dcsim.engines.compiler` for where it is kept.

    Parameters
    ----------
    lanes : int, optional
        Environments treated at a time, a power of two; by default what is fastest for the size of the batch. With 1,
        the rows of an environment fill the lanes.
    """

    name = "fused"

    def __init__(
        self,
        model: Model,
        params: Any,
        substeps: int = 10,
        dtype: str = "float64",
        threads: int = 1,
        lanes: int | None = None,
    ):
        super().__init__(model, params, substeps, dtype, threads)
        traced = trace(model, self.params)
        self.stats = count_operations(traced)
        self._lanes = lanes
        self._traced, self._program = traced, simplified(traced)
        self._bounds = bounds_of(self._program)
        self._emitted: dict[int, Emitted] = {}  # by lanes
        self._kernels: dict[int, Kernel] = {}  # by lanes
        self._adjoints: dict[frozenset[str], Adjoint] = {}  # by parameters
        self._backs: dict[tuple[frozenset[str], int], BackKernel] = {}  # by parameters and lanes
        self._bind(self.params)

    def with_params(self, params: Any) -> Self:
        """Return an engine of the same model with other parameter values; quick where they are of the same shapes."""
        params, num_envs = checked_params(self.model, params)
        if [x.shape for x in params] != [x.shape for x in self.params]:
            return type(self)(self.model, params, self.substeps, self.dtype.name, self.threads, self._lanes)
        other = copy.copy(self)
        other.num_envs = num_envs
        other._bind(params)
        return other

    def _bind(self, params: Any) -> None:
        """Take over parameter values."""
        self.params = params
        own = [x for name, x in params._asdict().items() if is_per_environment(self.model, name, x)]
        self._environment = np.ascontiguousarray(np.concatenate(own)) if own else np.zeros((1, 1))
        self._environment_address = address_of(self._environment)
        self._runners: dict[int, _Runner] = {}  # by number of environments
        self._back_runners: dict[tuple[frozenset[str], int], BackRunner] = {}

    def prepare(self, num_envs: int) -> None:
        """Compile now what the first step of ``num_envs`` environments would compile."""
        self._runner(num_envs)

    def step(
        self, state: Array, inputs: Array, interval: float, out: Array | None = None, substeps: int | None = None
    ) -> Array:
        """One control step, see `Engine.step`."""
        num_envs = state.shape[1]
        shape = (self._state_rows, num_envs)
        check_shape(state, shape, "state")
        check_shape(inputs, (self._input_rows, num_envs), "inputs")
        runner, plan, n = self._ready(num_envs, interval, substeps)
        if out is None:
            out = np.empty(shape)
        else:
            check_shape(out, shape, "out")
            check_out(out)
        source, given = _readable(state), _readable(inputs)  # which live until the kernel has run
        arguments = (
            plan[1],
            address_of(source),
            address_of(given),
            self._environment_address,
            address_of(out),
            n,
            num_envs,
        )
        self._share(runner, arguments, num_envs)
        return out

    def bind(self, state: Array, inputs: Array, interval: float, substeps: int | None = None) -> Callable[[], None]:
        """Return a function that makes one control step of the same arrays, see `Engine.bind`."""
        num_envs = state.shape[1]
        runner, plan, n = self._ready(num_envs, interval, substeps)
        if self._shares(runner, num_envs) > 1:
            return super().bind(state, inputs, interval, substeps)
        check_shape(state, (self._state_rows, num_envs), "state")
        check_shape(inputs, (self._input_rows, num_envs), "inputs")
        check_out(state)
        check_out(inputs)
        memory, at, workspace = runner.new_memory()
        address = address_of(state)
        arguments = (plan[1], address, address_of(inputs), self._environment_address, address, n, num_envs)
        struct.pack_into("=10q", memory, 0, workspace, *arguments, 0, num_envs)
        run, held = runner.kernel.run, (memory, plan[0], state, inputs, self._environment)

        def advance(_: Any = held) -> None:  # the arrays live as long as this function
            run(at)

        return advance

    def stepper(self, num_envs: int, interval: float, substeps: int | None = None) -> Callable[[int, int, int], None]:
        """Return a function that makes one control step, for loops over many.

        It takes the addresses of the state, of the inputs and of where to write the new state, which may be the same as
        the state: C-contiguous float64 arrays of this engine's shapes, which the caller keeps.
        """
        runner, plan, n = self._ready(num_envs, interval, substeps)
        (packed, at), environment = plan, self._environment_address

        def advance(state: int, inputs: int, out: int, _: Array = packed) -> None:  # the values live as long as this
            self._share(runner, (at, state, inputs, environment, out, n, num_envs), num_envs)

        return advance

    def vjp(
        self,
        state: Array,
        inputs: Array,
        interval: float,
        cotangent: Array,
        substeps: int | None = None,
        params: Collection[str] = (),
    ) -> Gradient:
        """Derivatives through one control step, see `Engine.vjp`."""
        n, num_envs = self.substeps if substeps is None else substeps, state.shape[1]
        given = []
        for name, array, rows in (
            ("state", state, self._state_rows),
            ("inputs", inputs, self._input_rows),
            ("cotangent", cotangent, self._state_rows),
        ):
            check_shape(array, (rows, num_envs), name)
            given.append(_readable(array))
        back = self.pullback(num_envs, interval, n, params)
        state_bar, inputs_bar = back(*given)
        found = back.params()
        return Gradient(
            state_bar, inputs_bar, {p: found.get(p, np.zeros_like(getattr(self.params, p))) for p in params}
        )

    def pullback(
        self, num_envs: int, interval: float, substeps: int | None = None, params: Collection[str] = ()
    ) -> Pullback:
        """Return what takes derivatives back through many control steps of this engine.

        Parameters
        ----------
        num_envs : int
        interval, substeps
            Of all steps, see `step`.
        params : collection of str
            Parameters that derivatives are wanted by.

        Raises
        ------
        ValueError
            If there is no such parameter, or a number cannot be meant.
        """
        n = self.substeps if substeps is None else substeps
        self._check_clock(interval, n)
        self._check_envs(num_envs)
        unknown = [name for name in params if name not in fields(self.model.params)]
        if unknown:
            raise ValueError(f"no parameter {unknown[0]!r} to take derivatives by")
        wanted = frozenset(params)
        lanes = self._lanes or best_lanes(num_envs, self.dtype.itemsize, _REGISTERS_BACK, _ONE_ENVIRONMENT_BACK)
        runner = self._back_runners.get((wanted, lanes)) or self._back_runner(wanted, lanes)
        return Pullback(runner, self._share, float(interval), n, num_envs)

    def _back_runner(self, wanted: frozenset[str], lanes: int) -> BackRunner:
        if wanted not in self._adjoints:
            self._adjoints[wanted] = adjoint(self._traced, wanted)
        if (wanted, lanes) not in self._backs:
            target = Target(self.dtype.name, lanes, has_fma(), register_bytes())
            self._backs[wanted, lanes] = BackKernel(self._adjoints[wanted], target)
        runner = BackRunner(self._backs[wanted, lanes], self.params, self._environment)
        self._back_runners[wanted, lanes] = runner
        return runner

    def _ready(self, num_envs: int, interval: float, substeps: int | None) -> tuple["_Runner", tuple[Array, int], int]:
        """Return the kernel, the packed host values and the number of sub-steps of a control step."""
        n = self.substeps if substeps is None else substeps
        runner = self._runners.get(num_envs) or self._runner(num_envs)
        return runner, runner.plans.get((interval, n)) or self._plan(runner, interval, n), n

    def _shares(self, runner: "_Runner | BackRunner", num_envs: int) -> int:
        """Threads that share a step."""
        if self.threads == 1:
            return 1
        return min(self.threads, -(-num_envs // runner.lanes) // _BLOCKS_PER_THREAD)

    def _share(self, runner: "_Runner | BackRunner", arguments: tuple[int, ...], num_envs: int) -> None:
        """Run equal numbers of blocks on this thread and on others, where there are enough of them."""
        shares = self._shares(runner, num_envs)
        if shares <= 1:
            runner.run(arguments, 0, num_envs)
            return
        pool = _other_threads(self.threads - 1, os.getpid())
        width = -(-num_envs // (runner.lanes * shares)) * runner.lanes
        ranges = [(first, min(first + width, num_envs)) for first in range(0, num_envs, width)]
        others = [pool.submit(runner.run, arguments, *part) for part in ranges[1:]]
        runner.run(arguments, *ranges[0])
        for other in others:
            other.result()

    def _runner(self, num_envs: int) -> "_Runner":
        """Compile for the best number of lanes, unless that is done."""
        self._check_envs(num_envs)
        lanes = self._lanes or best_lanes(num_envs, self.dtype.itemsize)
        same = next((r for r in self._runners.values() if r.lanes == lanes), None)
        if same is None:
            target = Target(self.dtype.name, lanes, has_fma(), register_bytes())
            if lanes not in self._emitted:
                self._emitted[lanes] = emitted(self._program, target)
                self._kernels[lanes] = kernel(self._emitted[lanes].text)
            same = _Runner(self._emitted[lanes], self._kernels[lanes], lanes, self.params, self.dtype, self._bounds)
        self._runners[num_envs] = same
        return same

    def _plan(self, runner: "_Runner", interval: float, substeps: int) -> tuple[Array, int]:
        self._check_clock(interval, substeps)
        return runner.plan(interval, substeps)


@functools.cache
def _other_threads(count: int, process: int) -> ThreadPoolExecutor:
    """Return threads that all engines of a process share; a forked one has none of its parent's."""
    return ThreadPoolExecutor(count, "dcsim")


def _readable(array: Array) -> Array:
    """Return an array as the kernel can read it."""
    return np.require(array, np.float64, ["C", "A"])


class _Runner:
    """A kernel for one number of lanes, with parameter values packed for it."""

    def __init__(self, code: Emitted, kernel: Kernel, lanes: int, params: Any, dtype: np.dtype[Any], bounds: set[int]):
        self.lanes, self.kernel = lanes, kernel
        self.plans: dict[tuple[float, int], tuple[Array, int]] = {}
        self._dtype, self._common, self._bytes = dtype, len(code.params), code.workspace_bytes
        self._values = HostValues([*code.params, *code.timed_params], params, bounds, code.order)
        self._memory: list[tuple[memoryview, int, int]] = []

    def plan(self, interval: float, substeps: int) -> tuple[Array, int]:
        """Pack the host values for an interval and a number of sub-steps; returns them with their address."""
        time_step = interval / substeps
        full, half = self._values(interval, time_step), self._values(interval, 0.5 * time_step)
        packed = np.concatenate([np.zeros(0), *full, *half[self._common :]]).astype(self._dtype)
        if len(self.plans) >= _PLANS_KEPT:
            self.plans.clear()
        plan = self.plans[interval, substeps] = (packed, address_of(packed))
        return plan

    def run(self, arguments: tuple[int, ...], first: int, last: int) -> None:
        """Run the kernel for a range of environments, in memory of this call's own."""
        try:
            memory, at, workspace = self._memory.pop()
        except IndexError:
            memory, at, workspace = self.new_memory()
        struct.pack_into("=10q", memory, 0, workspace, *arguments, first, last)
        self.kernel.run(at)
        self._memory.append((memory, at, workspace))

    def new_memory(self) -> tuple[memoryview, int, int]:
        """Make room for the kernel's arguments and, aligned to the lines of the cache, its workspace."""
        memory = np.zeros(8 * len(ARGUMENTS) + self._bytes + 64, np.uint8)
        at = address_of(memory)
        workspace = at + 8 * len(ARGUMENTS)
        return memory.data, at, workspace + (-workspace % 64)


def best_lanes(
    num_envs: int,
    element_bytes: int,
    registers: Mapping[float, float] = _REGISTERS,
    one_environment: float = _ONE_ENVIRONMENT,
) -> int:
    """Lanes that run a batch of this size fastest; 1 where environments had better go one by one."""
    lanes_of = {int(count * register_bytes()) // element_bytes: time for count, time in registers.items()}
    times = {lanes: -(-num_envs // lanes) * time for lanes, time in lanes_of.items() if lanes > 1}
    times[1] = num_envs * one_environment
    return min(times, key=lambda lanes: times[lanes])
