"""A model traced: which symbols each stage of a control step computes, and the values of what is known on the host.

A control step runs in stages: BEGIN once, PREPARE twice (what is held but depends on the time step: for full and for
half sweeps), SWEEP three times a sub-step, MONITOR once a sub-step.
"""

from collections.abc import Container, Iterable, Mapping
from typing import Any, Literal, NamedTuple

import numpy as np

from dcsim.engines.graph import (
    BEGIN_BACK,
    HELD,
    HOST,
    MONITOR,
    MONITOR_BACK,
    PARAM,
    PREPARE_BACK,
    STEP,
    STEP_BACK,
    Graph,
    Namespace,
    Symbol,
    TraceError,
    reachable,
)
from dcsim.engines.model import Array, Model, fields

HOSTED, BEGIN, PREPARE, SWEEP, AFTER = range(5)
"""Stages in the order of time; HOSTED is what the host computes before the kernel runs."""
AFTER_BACK, SWEEP_BACK, PREPARED_BACK, BEGUN_BACK = range(5, 9)
"""Stages of the derivatives, see `dcsim.engines.adjoint`."""

_STAGE_OF_LEVEL = {
    PARAM: HOSTED,
    STEP: SWEEP,
    MONITOR: AFTER,
    MONITOR_BACK: AFTER_BACK,
    STEP_BACK: SWEEP_BACK,
    PREPARE_BACK: PREPARED_BACK,
    BEGIN_BACK: BEGUN_BACK,
}


def stage(symbol: Symbol) -> int:
    """Stage in which a symbol is computed."""
    if symbol.level == HELD:
        return PREPARE if symbol.is_timed else BEGIN
    return _STAGE_OF_LEVEL[symbol.level]


class Program(NamedTuple):
    """A traced model.

    Attributes
    ----------
    begin, sweep, monitor : dict of str to Symbol
        New values of the state fields that each of them changes.
    state_rows, input_rows : mapping of str to int
    environment_rows : mapping of str to int
        Rows of the parameters that every environment has its own of.
    kept : tuple of Symbol
        What is read from outside after its stage, besides the new values.
    """

    begin: dict[str, Symbol]
    sweep: dict[str, Symbol]
    monitor: dict[str, Symbol]
    state_rows: Mapping[str, int]
    input_rows: Mapping[str, int]
    environment_rows: Mapping[str, int]
    kept: tuple[Symbol, ...] = ()

    def outputs(self) -> list[Symbol]:
        """All symbols that a control step must compute."""
        return [*self.begin.values(), *self.sweep.values(), *self.monitor.values(), *self.kept]


def trace(model: Model, params: Any) -> Program:
    """Run a model on symbols.

    Parameters
    ----------
    model : Model
    params : NamedTuple of Array
        Only their shapes are used.

    Returns
    -------
    Program

    Raises
    ------
    TraceError
        If the model does what cannot be traced; the message names the line.
    """
    # The first run finds the fields that move during a step. All others keep what begin gave them, so that in the
    # second run whatever follows from those alone is seen to be held.
    first = _Trace(model, params, set(fields(model.state)))
    swept = {f for f in fields(model.state) if first.after_sweep[f] is not first.before_sweep[f]}
    monitored = {f for f in fields(model.state) if first.after_monitor[f] is not first.before_monitor[f]}
    run = _Trace(model, params, swept | monitored)
    begun = {f for f in fields(model.state) if run.after_begin[f] is not run.before_begin[f]}
    return Program(
        begin=run.outputs("begin", run.after_begin, begun),
        sweep=run.outputs("sweep", run.after_sweep, swept),
        monitor=run.outputs("monitor", run.after_monitor, monitored),
        state_rows={f: model.state_rows[f] for f in fields(model.state)},
        input_rows={f: model.input_rows[f] for f in fields(model.inputs)},
        environment_rows={
            f: len(value) for f, value in params._asdict().items() if is_per_environment(model, f, value)
        },
    )


def is_per_environment(model: Model, name: str, value: Array) -> bool:
    """Whether every environment has its own values of a parameter."""
    return name not in model.matrices and value.shape[1] > 1


class _Trace:
    """One run of a model on symbols; to sweep and monitor, fields that do not move are what begin made them."""

    def __init__(self, model: Model, params: Any, moving: set[str]):
        self.graph = graph = Graph()
        self.model = model
        xp = Namespace(graph)
        p = model.params(
            *(_parameter(graph, model, name, value) for name, value in zip(fields(model.params), params, strict=True))
        )
        u = model.inputs(*(graph.leaf("input", name, model.input_rows[name], HELD) for name in fields(model.inputs)))
        interval = graph.leaf("interval", "", 1, PARAM)
        time_step = graph.leaf("time_step", "", 1, PARAM)

        s = self._state("begin", HELD, dict.fromkeys(fields(model.state)))
        self.before_begin = s._asdict()
        returned = model.begin(s, u, p, interval, xp)
        if isinstance(returned, model.state) or not (isinstance(returned, tuple) and len(returned) == 2):
            raise TraceError(f"begin ({model.begin.__qualname__}) must return (state, held)")
        begun, held = self._checked("begin", returned[0]), returned[1]
        self.after_begin = begun

        known = {f: None if f in moving else self._whole(f, begun[f]) for f in fields(model.state)}
        s = self._state("sweep", STEP, known)
        self.before_sweep = s._asdict()
        self.after_sweep = self._checked("sweep", model.sweep(s, u, held, p, time_step, xp))
        s = self._state("monitor", MONITOR, known)
        self.before_monitor = s._asdict()
        self.after_monitor = self._checked("monitor", model.monitor(s, u, held, p, time_step, xp))

    def _state(self, kind: str, level: int, known: Mapping[str, Any]) -> Any:
        values = []
        for name, value in known.items():
            values.append(self.graph.leaf(kind, name, self.model.state_rows[name], level) if value is None else value)
        return self.model.state(*values)

    def _whole(self, name: str, value: Any) -> Symbol:
        """Broadcast a field that begin gave as a number or a single row."""
        symbol, rows = self.graph.symbol(value), self.model.state_rows[name]
        return symbol if symbol.rows == rows else self.graph.make("copy", (symbol,), rows, HELD)

    def _checked(self, function: str, state: Any) -> dict[str, Any]:
        if not isinstance(state, self.model.state):
            raise TraceError(
                f"{function} returned a {type(state).__name__} where a {self.model.state.__name__} is expected"
            )
        return state._asdict()  # type: ignore[attr-defined]

    def outputs(self, function: str, values: Mapping[str, Any], names: Iterable[str]) -> dict[str, Symbol]:
        """Return the fields that a function changes, in the order of the state; a number is broadcast like an array."""
        changed, wanted = {}, set(names)
        for name in fields(self.model.state):
            if name not in wanted:
                continue
            rows = self.model.state_rows[name]
            symbol = self.graph.symbol(values[name])
            if symbol.rows not in (1, rows) or symbol.columns:
                raise TraceError(
                    f"{symbol.source}: {function} gives state field '{name}' {symbol.rows} rows where it has {rows}"
                )
            changed[name] = symbol
        return changed


def _parameter(graph: Graph, model: Model, name: str, value: Array) -> Symbol:
    rows, columns = value.shape
    if name in model.matrices:
        symbol = graph.leaf("param", name, rows, PARAM)
        symbol.columns = columns
        return symbol
    if is_per_environment(model, name, value):
        return graph.leaf("environment", name, rows, HELD)
    return graph.leaf("param", name, rows, PARAM)


class HostValues:
    """Evaluates parameter-level symbols for given parameters.

    What does not depend on the interval is computed once, so that a new interval costs little.

    Parameters
    ----------
    wanted : iterable of Symbol
    params : NamedTuple of Array
    bounds : container of int
        Indices of symbols that must not be NaN, because the kernel takes minima and maxima with them on that promise.
    order : {"C", "F"}
        Of matrices: row by row or column by column.
    """

    def __init__(
        self, wanted: Iterable[Symbol], params: Any, bounds: Container[int] = (), order: Literal["C", "F"] = "C"
    ):
        self._wanted, self._bounds, self._order = list(wanted), bounds, order
        self._params = params._asdict()
        self._values: dict[int, Any] = {}
        self._varying: list[Symbol] = []
        varying: set[int] = set()
        for symbol in reachable(self._wanted):
            is_clock = symbol.op == "leaf" and symbol.args[0] in ("interval", "time_step")
            if is_clock or any(a.index in varying for a in symbol.operands):
                varying.add(symbol.index)
                self._varying.append(symbol)
            else:
                self._values[symbol.index] = self._evaluate(symbol, self._values, {})
        fixed = (x for x in self._wanted if x.index not in varying)
        self._raveled = {x.index: self._ravel(x, self._values[x.index]) for x in fixed}

    def __call__(self, interval: float, time_step: float) -> list[Array]:
        """Values of the wanted symbols, each raveled to its full number of rows, in order."""
        values, raveled = dict(self._values), dict(self._raveled)
        clocks = {"interval": interval, "time_step": time_step}
        for symbol in self._varying:
            values[symbol.index] = self._evaluate(symbol, values, clocks)
        return [raveled[x.index] if x.index in raveled else self._ravel(x, values[x.index]) for x in self._wanted]

    def _ravel(self, symbol: Symbol, value: Array) -> Array:
        size = symbol.rows * max(symbol.columns, 1)
        flat = value.ravel(self._order)
        if flat.size != size:
            flat = np.broadcast_to(flat, (size,))
        if symbol.index in self._bounds and np.isnan(flat).any():
            raise ValueError(f"{symbol.source}: a bound that follows from parameters alone is not a number")
        return flat

    def _evaluate(self, symbol: Symbol, values: Mapping[int, Any], clocks: Mapping[str, float]) -> Any:
        if symbol.op == "const":
            return np.full((1, 1), symbol.args[0])
        if symbol.op == "leaf":
            kind, name = symbol.args
            return self._params[name] if kind == "param" else np.full((1, 1), clocks[kind])
        return HOST[symbol.op](*(values[a.index] if isinstance(a, Symbol) else a for a in symbol.args))


def bounds_of(program: Program) -> set[int]:
    """Indices of the parameter-level symbols that the kernel takes minima and maxima with."""
    bounded = [x for x in reachable(program.outputs()) if x.op in ("max", "min") and stage(x) != HOSTED]
    return {a.index for x in bounded for a in x.operands if a.level == PARAM}


def count_operations(program: Program) -> dict[str, int]:
    """Work of one sweep and one environment.

    Returns
    -------
    dict of str to int
        ``elementwise`` additions, products, bounds, choices and terms of sums; ``divisions`` (roots included);
        ``transcendental``; ``matmul_flops``; ``symbols``; and ``bytes``: what a control step must at least move, state
        in, state out and inputs, as float64.
    """
    counts = dict.fromkeys(("elementwise", "divisions", "transcendental", "matmul_flops", "symbols"), 0)
    for symbol in reachable(list(program.sweep.values())):
        if stage(symbol) != SWEEP or symbol.op in ("leaf", "copy"):
            continue
        counts["symbols"] += 1
        if symbol.op in ("div", "recip", "sqrt"):
            counts["divisions"] += symbol.rows
        elif symbol.op in ("exp", "log", "tanh"):
            counts["transcendental"] += symbol.rows
        elif symbol.op == "matmul":
            counts["matmul_flops"] += 2 * symbol.rows * symbol.operands[1].rows
        else:
            counts["elementwise"] += max(a.rows for a in symbol.operands)
    counts["bytes"] = 8 * (2 * sum(program.state_rows.values()) + sum(program.input_rows.values()))
    return counts


_FLOPS = {"exp": 35, "log": 34, "tanh": 50}  # of the kernel's own series, see `dcsim.engines.vector_math`


def count_step_operations(program: Program, substeps: int) -> dict[str, int]:
    """Least work of a control step of one environment.

    Parameters
    ----------
    program : Program
        As traced.
    substeps : int

    Returns
    -------
    dict of str to int
        ``flops`` of all stages, a product added to a sum counting two; ``bytes`` that must come from and go to memory:
        state in, state out and inputs, as float64.
    """
    runs = {BEGIN: 1, PREPARE: 2, SWEEP: 3 * substeps, AFTER: substeps}
    flops = 0
    for symbol in reachable(program.outputs()):
        if stage(symbol) == HOSTED or symbol.op in ("leaf", "copy"):
            continue
        if symbol.op == "matmul":
            each = 2 * symbol.rows * symbol.operands[1].rows
        else:
            each = max(a.rows for a in symbol.operands) * _FLOPS.get(symbol.op, 1)
        flops += runs[stage(symbol)] * each
    moving = sum(program.state_rows[f] for f in program.sweep)
    flops += 2 * moving * substeps  # extrapolation
    return {"flops": flops, "bytes": 8 * (2 * sum(program.state_rows.values()) + sum(program.input_rows.values()))}
