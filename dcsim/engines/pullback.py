"""Runs the way back of a fused engine: the kernel of `dcsim.engines.adjoint_kernel`, and what is left to the host."""

import struct
from collections.abc import Callable, Container, Mapping, Sequence
from typing import Any

import numpy as np

from dcsim.engines.adjoint import Adjoint, size_of
from dcsim.engines.adjoint_kernel import ARGUMENTS, emitted_adjoint
from dcsim.engines.base import address_of
from dcsim.engines.compiler import kernel
from dcsim.engines.graph import HOST, Symbol, reachable
from dcsim.engines.lanes import Target
from dcsim.engines.model import Array
from dcsim.engines.program import HostValues, bounds_of


class BackKernel:
    """A compiled way back; it suits all parameter values of one shape.

    Parameters
    ----------
    adjoint : Adjoint
    target : Target
    """

    def __init__(self, adjoint: Adjoint, target: Target):
        self.adjoint, self.lanes, self.dtype = adjoint, target.lanes, np.dtype(target.dtype)
        self.code = emitted_adjoint(adjoint, target)
        self.kernel = kernel(self.code.text)
        self.bounds = bounds_of(adjoint.program)
        self.hosted = _Hosted(adjoint.hosted)
        self.timed_hosted = self.hosted.dependent({x.index for x in self.code.timed_hosted})


class _Hosted:
    """Bars of the common parameters, made from the parameters and from bars of what the host computes with them."""

    def __init__(self, outputs: Mapping[str, Symbol]):
        self._outputs, self._symbols = outputs, reachable(list(outputs.values()))

    def dependent(self, on: Container[int]) -> "_Hosted":
        """Those that depend on the bars of some values."""
        found: set[int] = set()
        for x in self._symbols:
            is_bar = x.op == "leaf" and x.args[0] == "bar" and int(x.args[1]) in on
            if is_bar or any(a.index in found for a in x.operands):
                found.add(x.index)
        return _Hosted({name: x for name, x in self._outputs.items() if x.index in found})

    def evaluated(
        self, params: Mapping[str, Array], bars: Mapping[int, Array], clocks: Mapping[str, float]
    ) -> dict[str, Array]:
        """Values by name of the parameter."""
        values: dict[int, Any] = {}
        for x in self._symbols:
            if x.op == "const":
                values[x.index] = np.full((1, 1), x.args[0])
            elif x.op == "leaf":
                kind, name = x.args
                if kind in clocks:
                    values[x.index] = np.full((1, 1), clocks[kind])
                else:
                    values[x.index] = params[name] if kind == "param" else bars[int(name)]
            else:
                values[x.index] = HOST[x.op](*(values[a.index] if isinstance(a, Symbol) else a for a in x.args))
        return {name: values[x.index] for name, x in self._outputs.items()}


class BackRunner:
    """A compiled way back with parameter values packed for it.

    Parameters
    ----------
    back : BackKernel
    params : NamedTuple of Array
    environment : Array
        Parameters that every environment has its own of, one below the other.
    """

    def __init__(self, back: BackKernel, params: Any, environment: Array):
        self.back, self.lanes, self.params, self.environment = back, back.lanes, params, environment
        self._values = HostValues([*back.code.params, *back.code.timed_params], params, back.bounds, back.code.order)
        self._packed: dict[tuple[float, int], Array] = {}
        self._memory: dict[int, list[tuple[Array, int, int]]] = {}

    def packed(self, interval: float, substeps: int) -> Array:
        """Host values for an interval and a number of sub-steps."""
        plan = interval, substeps
        if plan not in self._packed:
            full, half = (self._values(interval, share * interval / substeps) for share in (1.0, 0.5))
            values = [np.zeros(0), *full, *half[len(self.back.code.params) :]]
            self._packed[plan] = np.concatenate(values).astype(self.back.dtype)
        return self._packed[plan]

    def run(self, arguments: tuple[int, ...], first: int, last: int) -> None:
        """Run the kernel for a range of environments, in memory of this call's own."""
        substeps = arguments[-2]
        free = self._memory.setdefault(substeps, [])
        try:
            memory, at, workspace = free.pop()
        except IndexError:
            own = 8 * len(ARGUMENTS)
            memory = np.zeros(
                own + self.back.code.workspace_bytes + substeps * self.back.code.tape_bytes + 64, np.uint8
            )
            at = address_of(memory)
            workspace = at + own + -(at + own) % 64
        struct.pack_into(f"={len(ARGUMENTS)}q", memory.data, 0, workspace, *arguments, first, last)
        self.back.kernel.run(at)
        free.append((memory, at, workspace))


class Pullback:
    """Takes derivatives back through control steps, the last step first, and adds up those by the parameters.

    See `dcsim.engines.fused.FusedEngine.pullback`. The derivative of some scalar by a value is called the value's bar.
    """

    def __init__(
        self,
        runner: BackRunner,
        share: Callable[..., None],
        interval: float,
        substeps: int,
        num_envs: int,
    ):
        code, rows = runner.back.code, runner.back.adjoint.program.environment_rows
        self._runner, self._share, self._interval, self._substeps = runner, share, interval, substeps
        self._num_envs = num_envs
        self._packed = runner.packed(interval, substeps)
        sizes = [sum(size_of(x) for x in part) for part in (code.hosted, code.timed_hosted, code.timed_hosted)]
        self._ends = np.cumsum(sizes)
        self._hosted = np.zeros((-(-num_envs // runner.lanes), max(1, sum(sizes))))
        self._environment = np.zeros((max(1, sum(rows.values())), num_envs))
        self._fixed = [address_of(x) for x in (self._packed, runner.environment, self._environment, self._hosted)]

    def __call__(
        self, state: Array, inputs: Array, bar: Array, state_bar: Array | None = None, inputs_bar: Array | None = None
    ) -> tuple[Array, Array]:
        """Go back through one control step.

        All arrays must be C-contiguous float64.

        Parameters
        ----------
        state : Array, shape (state rows, N)
            Before the step.
        inputs : Array, shape (input rows, N)
        bar : Array, shape (state rows, N)
            Of the state after the step.
        state_bar, inputs_bar : Array, optional
            Where to write the results; ``state_bar`` may be ``bar``, and ``inputs_bar`` must hold zeros.

        Returns
        -------
        tuple of Array
            Bars of the state before the step and of its inputs.
        """
        if state_bar is None:
            state_bar = np.empty_like(bar)
        if inputs_bar is None:
            inputs_bar = np.zeros_like(inputs)
        self.at(*(address_of(x) for x in (state, inputs, bar, state_bar, inputs_bar)))
        return state_bar, inputs_bar

    def at(self, state: int, inputs: int, bar: int, state_bar: int, inputs_bar: int) -> None:
        """Go back through one control step of arrays at these addresses, which the caller keeps: for loops over many."""
        packed, environment, environment_bar, hosted = self._fixed
        bars = (bar, state_bar, inputs_bar, environment_bar)
        arguments = (packed, state, inputs, environment, *bars, hosted, self._substeps, self._num_envs)
        self._share(self._runner, arguments, self._num_envs)

    def params(self) -> dict[str, Array]:
        """Bars of the parameters, of all steps gone through, by name; those that nothing depends on are left out.

        Common parameters: summed over the environments. The blocks of environments are added in their order, whatever
        the number of threads.
        """
        back, params = self._runner.back, self._runner.params._asdict()
        found: dict[str, Array] = {}
        start = 0
        for name, rows in back.adjoint.program.environment_rows.items():
            found[name] = self._environment[start : start + rows].copy()
            start += rows
        common, full, half, _ = np.split(self._hosted.sum(axis=0), self._ends)
        code = back.code
        all_bars = _by_index(code.hosted, common) | _by_index(code.timed_hosted, full)
        zeros = _by_index(code.hosted, np.zeros_like(common))
        time_step = self._interval / self._substeps
        for outputs, bars, time in (
            (back.hosted, all_bars, time_step),
            (back.timed_hosted, zeros | _by_index(code.timed_hosted, half), 0.5 * time_step),
        ):
            clocks = {"interval": self._interval, "time_step": time}
            for name, bar in outputs.evaluated(params, bars, clocks).items():
                if name not in found:
                    found[name] = np.zeros_like(params[name])
                found[name] += bar
        return found


def _by_index(symbols: Sequence[Symbol], values: Array) -> dict[int, Array]:
    """Cut a vector into the values of symbols."""
    found, start = {}, 0
    for x in symbols:
        found[x.index] = values[start : start + size_of(x)].reshape(x.rows, -1)
        start += size_of(x)
    return found
