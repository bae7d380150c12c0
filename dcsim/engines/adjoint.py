"""Derivatives of a traced model in reverse: from those by the new state to those by all that a control step is given.

The derivative of some scalar by a value is called the value's *bar*. Each stage of a control step has a stage that goes
back: it is handed the bars of what the stage made, and finds those of what the stage read. It consists of symbols like
the stage itself and is compiled by the same emitter.

========== ============== ===========================================================
stage      its way back   runs
========== ============== ===========================================================
MONITOR    AFTER_BACK     once a sub-step, the last sub-step first
SWEEP      SWEEP_BACK     three times a sub-step: second half, first half, full length
PREPARE    PREPARED_BACK  twice, after all sub-steps
BEGIN      BEGUN_BACK     once, at the end
HOSTED     on the host    once for any number of control steps, see `Adjoint.hosted`
========== ============== ===========================================================

A stage on its way back needs values that the stage computed. Costly ones are kept when the step is run again (written
to a tape), the others are computed anew from the state at the start of the pass.

Kinks
-----
Derivatives are exact where the model has one. Where it has a kink they are of one side: that of the operand which
`maximum` or `minimum` returns, the branch that `where` takes. At a tie, minima, maxima and the greatest of several rows
(`max`) share the derivative out evenly among the operands that tie, which is the mean of both sides and what central
differences and the torch engine give: a size ``maximum(x, -x)`` has none at 0, and of what lies on a bound half passes.
The condition of `where` has no derivative: latches and stages of equipment are taken to switch when they switched.

Where the step is run again it divides by multiplying with a reciprocal, which may be off by a unit in the last place;
so a tie with a quotient may count as either side.
"""

from collections.abc import Container, Iterable
from typing import NamedTuple

from dcsim.engines.graph import (
    BEGIN_BACK,
    MONITOR_BACK,
    PARAM,
    PREPARE_BACK,
    STEP_BACK,
    Graph,
    Symbol,
    reachable,
)
from dcsim.engines.program import (
    AFTER,
    AFTER_BACK,
    BEGIN,
    BEGUN_BACK,
    HOSTED,
    PREPARE,
    PREPARED_BACK,
    SWEEP,
    SWEEP_BACK,
    Program,
    stage,
)
from dcsim.engines.simplify import Rule, product_rule, rebuilt, simplified, with_rebuilt
from dcsim.engines.tape import kept_values

BACK = {AFTER: AFTER_BACK, SWEEP: SWEEP_BACK, PREPARE: PREPARED_BACK, BEGIN: BEGUN_BACK}
"""Stages in the order in which a control step goes back."""
_LEVEL = {AFTER: MONITOR_BACK, SWEEP: STEP_BACK, PREPARE: PREPARE_BACK, BEGIN: BEGIN_BACK, HOSTED: PARAM}


class Slot(NamedTuple):
    """Rows that a stage on its way back reads or writes.

    ``kind`` is one of

    * ``state_bar``: bar of the state field ``key``, after and then before the stage;
    * ``made_bar``, ``given_bar``: bars of a field that sweep changes, after and before a pass;
    * ``bar``: bar of the value with index ``key``, which an earlier stage made: the stages' parts are added up;
    * ``given``, ``old``, ``seen``, ``start``: a state field as it was before the pass, before the sub-step (where sweep
      does not change it), before monitor, before the control step;
    * ``input``: the value with index ``key`` where the kernel has it throughout;
    * ``tape``: the value with index ``key``, of which there is one for each sub-step and pass.
    """

    kind: str
    key: str | int


class Adjoint(NamedTuple):
    """A program and its way back.

    Attributes
    ----------
    program : Program
        As it is run again on the way back: it keeps what that needs.
    reads : dict of int to Slot
        By index of a leaf, where the stages on their way back find it.
    writes : dict of int to dict of Slot to Symbol
        Per stage on its way back.
    bars : list of Symbol
        The values whose bars are added up.
    hosted : dict of str to Symbol
        Bars of the parameters that are common to all environments, made from leaves ``("bar", index)``.
    """

    program: Program
    reads: dict[int, Slot]
    writes: dict[int, dict[Slot, Symbol]]
    bars: list[Symbol]
    hosted: dict[str, Symbol]


def adjoint(traced: Program, wanted: Container[str]) -> Adjoint:
    """Differentiate a traced program.

    Parameters
    ----------
    traced : Program
    wanted : container of str
        Parameters whose bars are asked for; those of state and inputs always are.
    """
    return _Derivation(simplified(_without_divisions(traced)), wanted).adjoint()


def _without_divisions(program: Program) -> Program:
    """Divide by multiplying with reciprocals, which the derivatives need anyway."""

    def rule(graph: Graph, symbol: Symbol, operands: list[Symbol]) -> Symbol | None:
        if symbol.op != "div" or stage(symbol) == HOSTED:
            return None
        return graph.operate("mul", operands[0], graph.make("recip", (operands[1],), operands[1].rows))

    return with_rebuilt(program, rule)


def size_of(value: Symbol) -> int:
    """Numbers that a value has for each environment."""
    return value.rows * max(value.columns, 1)


class _Bars:
    """The bars of one stage's values while they are added up.

    Parameters
    ----------
    graph : Graph
    level : int
        Of the symbols that they are made of.
    active : container of int
        Indices of the values that have bars.
    """

    def __init__(self, graph: Graph, level: int, active: Container[int]):
        self.graph, self.active, self._level = graph, active, level
        self._terms: dict[int, list[tuple[bool, Symbol]]] = {}
        self._rows: dict[int, list[tuple[bool, Symbol, int]]] = {}
        self._pairs: dict[int, list[Symbol]] = {}

    def add(self, value: Symbol, term: Symbol, negative: bool, rows: int) -> None:
        """Add a term; a term of one row stands for the same in all ``rows`` of the result that it comes from."""
        if value.index not in self.active:
            return
        if value.rows < rows:  # one value was used by every row
            term = self.graph.make("sum", (term,), 1) if term.rows > 1 else self.graph.operate("mul", term, rows)
        self._terms.setdefault(value.index, []).append((negative, term))

    def add_row(self, value: Symbol, row: int, term: Symbol, negative: bool) -> None:
        """Add to the bar of a single row."""
        if value.index in self.active:
            self._rows.setdefault(value.index, []).append((negative, term, row))

    def add_outer(self, matrix: Symbol, bar: Symbol, vector: Symbol) -> None:
        """Add what the product of a matrix and a vector owes to the matrix."""
        if matrix.index in self.active:
            self._pairs.setdefault(matrix.index, []).extend((bar, vector))

    def signed(self, value: Symbol, start: Symbol | None = None) -> tuple[bool, Symbol] | None:
        """Whether a value's bar is negative, and the bar without its sign; None if there are no terms.

        ``start`` is what stood there before the stage.
        """
        terms = list(self._terms.get(value.index, ()))
        if value.index in self._rows:
            terms.append((False, self._stacked(value)))
        if start is not None:
            terms.append((False, start))
        total = self._sum(terms) if terms else None
        if value.index in self._pairs:
            before = self.graph.const(0.0) if total is None else self.unsigned(*total)
            return False, self.graph.make("outer", (before, *self._pairs[value.index]), size_of(value))
        return total

    def whole(self, value: Symbol, start: Symbol | None = None) -> Symbol | None:
        """Bar of a value in all its rows."""
        found = self.signed(value, start)
        if found is None:
            return None
        return self.spread(self.unsigned(*found), size_of(value))

    def unsigned(self, negative: bool, bar: Symbol) -> Symbol:
        """Return a bar with its sign."""
        return self.graph.operate("neg", bar) if negative else bar

    def spread(self, bar: Symbol, rows: int) -> Symbol:
        """Return a bar in all its rows."""
        if bar.rows == rows:
            return bar
        if self._level == PARAM:
            return self.graph.make("stack", (bar,) * rows, rows)
        return self.graph.make("copy", (bar,), rows, self._level)

    def _sum(self, terms: list[tuple[bool, Symbol]]) -> tuple[bool, Symbol]:
        """Add up signed terms: first those of one row; a negation is left to whoever uses the sum."""
        terms.sort(key=lambda t: (t[1].rows, t[0]))
        negative = all(is_negative for is_negative, _ in terms)
        first = next(k for k, t in enumerate(terms) if t[0] == negative)
        total = terms.pop(first)[1]
        for is_negative, term in terms:
            total = self.graph.operate("add" if is_negative == negative else "sub", total, term)
        return negative, total

    def _stacked(self, value: Symbol) -> Symbol:
        rows: list[Symbol] = []
        for k in range(value.rows):
            terms = [(negative, term) for negative, term, row in self._rows[value.index] if row == k]
            rows.append(self.unsigned(*self._sum(terms)) if terms else self.graph.const(0.0))
        return self.graph.make("stack", tuple(rows), value.rows)


def _pull(bars: _Bars, x: Symbol, negative: bool, bar: Symbol, quotients: Container[int]) -> None:
    """Add to the bars of an operation's operands what they owe to the operation's own bar."""
    graph, operate, op, v = bars.graph, bars.graph.operate, x.op, x.operands

    def give(k: int, term: Symbol, is_minus: bool = False) -> None:
        bars.add(v[k], term, negative != is_minus, x.rows)

    def times(k: int, factor: Symbol, is_minus: bool = False) -> None:
        if v[k].index not in bars.active:
            return
        if v[k].index in quotients and v[k].rows == x.rows:
            quotient = x if op == "mul" else operate("mul", factor, v[k])
            below = v[k].operands[0]
            bars.add(below, operate("mul", operate("mul", bar, v[k]), quotient), negative == is_minus, x.rows)
        else:
            give(k, operate("mul", bar, factor), is_minus)

    def choose(k: int, condition: str, left: Symbol, right: Symbol, is_taken: bool) -> None:
        if v[k].index in bars.active:
            give(k, operate(condition, left, right, *((bar, 0.0) if is_taken else (0.0, bar))))

    if op in ("add", "sub"):
        give(0, bar)
        give(1, bar, op == "sub")
    elif op in ("mul", "fma", "fms", "fnma"):
        times(0, v[1], op == "fnma")
        times(1, v[0], op == "fnma")
        if op != "mul":
            give(2, bar, op == "fms")
    elif op == "neg":
        give(0, bar, True)
    elif op == "div":
        share = operate("div", bar, v[1])
        give(0, share)
        give(1, operate("mul", share, x), True)
    elif op == "recip":
        times(0, operate("mul", x, x), True)
    elif op == "exp":
        times(0, x)
    elif op == "log":
        times(0, graph.make("recip", (v[0],), x.rows))
    elif op == "sqrt":
        times(0, operate("mul", 0.5, graph.make("recip", (x,), x.rows)))
    elif op == "tanh":
        times(0, operate("sub", 1.0, operate("mul", x, x)))
    elif op in ("max", "min"):
        upper, lower = v if op == "max" else v[::-1]
        half = operate("mul", bar, 0.5)
        for k, yes, no in ((0, bar, graph.const(0.0)), (1, graph.const(0.0), bar)):
            if v[k].index in bars.active:
                give(k, operate("where_gt", upper, lower, yes, operate("where_ge", upper, lower, half, no)))
    elif op in ("where_gt", "where_ge"):
        choose(2, op, v[0], v[1], True)
        choose(3, op, v[0], v[1], False)
    elif op == "copy":
        give(0, bar)
    elif op == "sum":
        bars.add(v[0], bar, negative, v[0].rows)
    elif op == "dot":
        rows = max(a.rows for a in v)
        for a, factor in (v, v[::-1]):
            if a.index in bars.active:
                bars.add(a, operate("mul", bar, factor), negative, rows)
    elif op == "maxof":
        level = operate("where_ge", v[0], x, 1.0, 0.0)
        share = operate("mul", bar, graph.make("recip", (graph.make("sum", (level,), 1),), 1))
        bars.add(v[0], operate("where_ge", v[0], x, share, 0.0), negative, v[0].rows)
    elif op == "matmul":
        matrix, vector = v
        bar = bars.spread(bars.unsigned(negative, bar), x.rows)
        if vector.index in bars.active:
            bars.add(vector, graph.make("matmul", (transposed(matrix), bar), vector.rows), False, vector.rows)
        bars.add_outer(matrix, bar, vector)
    elif op == "transpose":
        bars.add(v[0], graph.make("transpose", (bar,), bar.rows), negative, v[0].rows)
    elif op == "row":
        bars.add_row(v[0], x.args[1], bar, negative)
    else:
        raise ValueError(f"no derivative of the operation {op!r}")


def transposed(matrix: Symbol) -> Symbol:
    """Transpose of a parameter matrix."""
    return matrix.operands[0] if matrix.op == "transpose" else matrix.T


class _Derivation:
    def __init__(self, program: Program, wanted: Container[str]):
        self.program = program
        self.symbols = reachable(program.outputs())
        self.graph = self.symbols[0].graph
        self.active = self._active(wanted)
        self.users: dict[int, list[Symbol]] = {x.index: [] for x in self.symbols}
        for x in self.symbols:
            for a in x.operands:
                self.users[a.index].append(x)
        self.quotients = {
            x.index
            for x in self.symbols
            if x.op == "recip" and len(self.users[x.index]) == 1 and stage(self.users[x.index][0]) == stage(x)
        }
        self.reads: dict[int, Slot] = {}
        self.writes: dict[int, dict[Slot, Symbol]] = {}
        self.bars: dict[int, Symbol] = {}
        self.kept: dict[int, Symbol] = {}

    def _active(self, wanted: Container[str]) -> set[int]:
        """Indices of the values that depend on anything whose bar is asked for."""
        active: set[int] = set()
        for x in self.symbols:
            if x.op == "leaf":
                kind, name = x.args
                is_active = kind in ("begin", "sweep", "monitor", "input") or (
                    kind in ("param", "environment") and name in wanted
                )
            else:
                operands = x.operands[2:] if x.op in ("where_gt", "where_ge") else x.operands
                is_active = any(a.index in active for a in operands)
            if is_active:
                active.add(x.index)
        return active

    def adjoint(self) -> Adjoint:
        self._after()
        self._sweep()
        self._prepare()
        self._begin()
        hosted = self._hosted()
        for at in BACK:
            self._find_values(at)
            roots = list(self.writes[BACK[at]].values())
            self._replace(at, product_rule(roots))
        program = self.program._replace(kept=tuple(self.kept.values()))
        return Adjoint(program, self.reads, self.writes, list(self.bars.values()), hosted)

    def _replace(self, at: int, rule: Rule) -> None:
        """Apply a rule to what a stage writes on its way back, and to nothing before."""

        def back_only(graph: Graph, symbol: Symbol, operands: list[Symbol]) -> Symbol | None:
            return rule(graph, symbol, operands) if stage(symbol) == BACK[at] else None

        new = rebuilt(self.writes[BACK[at]].values(), back_only)
        self.writes[BACK[at]] = {slot: new[x.index] for slot, x in self.writes[BACK[at]].items()}

    # --- bars, stage by stage

    def _leaf(self, slot: Slot, at: int, rows: int) -> Symbol:
        leaf = self.graph.leaf(slot.kind, f"{slot.key}@{at}", rows, _LEVEL[at])
        self.reads[leaf.index] = slot
        return leaf

    def _field_bar(self, kind: str, field: str, at: int) -> Symbol:
        return self._leaf(Slot(kind, field), at, self.program.state_rows[field])

    def _value_bar(self, x: Symbol, at: int) -> Symbol:
        return self._leaf(Slot("bar", x.index), at, size_of(x))

    def _pulled(self, at: int, seeds: Iterable[tuple[Symbol, Symbol]]) -> _Bars:
        """Go back through a stage from the bars of what it made."""
        bars = _Bars(self.graph, _LEVEL[at], self.active)
        for value, bar in seeds:
            bars.add(value, bar, False, value.rows)
        for x in reversed(self.symbols):
            if stage(x) == at and x.op != "leaf" and x.index in self.active:
                self.graph.origin = x.origin
                found = bars.signed(x)
                if found is not None:
                    _pull(bars, x, *found, self.quotients)
        self.graph.origin = self.symbols[-1].origin
        return bars

    def _after(self) -> None:
        monitor = self.program.monitor
        bars = self._pulled(AFTER, [(x, self._field_bar("state_bar", f, AFTER)) for f, x in monitor.items()])
        self.writes[AFTER_BACK] = {}
        self._state_bars(AFTER, bars, "monitor", monitor)
        self._add_up(AFTER, bars)

    def _sweep(self) -> None:
        sweep = self.program.sweep
        bars = self._pulled(SWEEP, [(x, self._field_bar("made_bar", f, SWEEP)) for f, x in sweep.items()])
        self.writes[SWEEP_BACK] = {}
        for field, leaf in self._state_leaves("sweep").items():
            slot = Slot("given_bar" if field in sweep else "state_bar", field)
            start = self._leaf(slot, SWEEP, leaf.rows)
            total = bars.whole(leaf, start)
            if total is not None and total is not start:
                self._write(SWEEP, slot, total)
        self._add_up(SWEEP, bars)

    def _prepare(self) -> None:
        made = [x for x in self.bars.values() if stage(x) == PREPARE]
        bars = self._pulled(PREPARE, [(x, self._value_bar(x, PREPARE)) for x in made])
        self.writes[PREPARED_BACK] = {}
        self._add_up(PREPARE, bars)

    def _begin(self) -> None:
        begin = self.program.begin
        seeds = [(x, self._field_bar("state_bar", f, BEGIN)) for f, x in begin.items()]
        seeds += [(x, self._value_bar(x, BEGIN)) for x in self.bars.values() if stage(x) == BEGIN and not _is_given(x)]
        bars = self._pulled(BEGIN, seeds)
        self.writes[BEGUN_BACK] = {}
        self._state_bars(BEGIN, bars, "begin", begin)
        self._add_up(BEGIN, bars)

    def _state_bars(self, at: int, bars: _Bars, kind: str, outputs: Container[str]) -> None:
        """Bars of the state before a stage that writes over ``outputs``."""
        leaves = self._state_leaves(kind)
        for field, rows in self.program.state_rows.items():
            start = None if field in outputs else self._field_bar("state_bar", field, at)
            total = bars.whole(leaves[field], start) if field in leaves else start
            if total is None:
                total = self.graph.make("copy", (self.graph.const(0.0),), rows, _LEVEL[at])
            if total is not start:
                self._write(at, Slot("state_bar", field), total)

    def _state_leaves(self, kind: str) -> dict[str, Symbol]:
        return {x.args[1]: x for x in self.symbols if x.op == "leaf" and x.args[0] == kind}

    def _add_up(self, at: int, bars: _Bars) -> None:
        """Add a stage's part to the bars of what earlier stages made, and of what the step is given."""
        for x in self.symbols:
            if x.index in self.active and (stage(x) < at or (at == BEGIN and _is_given(x))):
                start = self._value_bar(x, at)
                total = bars.whole(x, start)
                if total is not None and total is not start:
                    self._write(at, Slot("bar", x.index), total)
                    self.bars[x.index] = x

    def _write(self, at: int, slot: Slot, bar: Symbol) -> None:
        is_made_here = stage(bar) == BACK[at] and bar.op != "leaf"
        self.writes[BACK[at]][slot] = bar if is_made_here else self.graph.make("copy", (bar,), bar.rows, _LEVEL[at])

    def _hosted(self) -> dict[str, Symbol]:
        made = [x for x in self.bars.values() if stage(x) == HOSTED]
        seeds = [(x, self.graph.leaf("bar", str(x.index), size_of(x), PARAM)) for x in made]
        bars = self._pulled(HOSTED, seeds)
        found = {x.args[1]: bars.whole(x) for x in self.symbols if x.op == "leaf" and x.args[0] == "param"}
        return {name: bar for name, bar in found.items() if bar is not None}

    # --- values that the way back needs

    def _find_values(self, at: int) -> None:
        """Say where a stage on its way back finds each value it needs, or have it computed anew."""
        back = BACK[at]
        roots = list(self.writes[back].values())
        stack = [a for x in reachable(roots) if stage(x) == back for a in x.operands if stage(a) == at]
        wanted = {x.index for x in stack}
        values: dict[int, Symbol] = {}
        while stack:
            x = stack.pop()
            if x.index not in values:
                values[x.index] = x
                stack.extend(a for a in x.operands if stage(a) == at)
        free = {i for i in values if at == BEGIN and any(stage(user) != BEGIN for user in self.users.get(i, ()))}
        kept = set(values) if at == PREPARE else kept_values(wanted, values, free)
        new: dict[int, Symbol] = {}
        for index in sorted(values):
            x = values[index]
            if x.op == "leaf":
                new[index] = self._given_leaf(x, at)
            elif index not in kept:
                operands = [new.get(a.index, a) for a in x.operands]
                level = _LEVEL[at] if x.op == "copy" else None
                new[index] = self.graph.make(x.op, (*operands, *x.args[len(operands) :]), x.rows, level)
            elif at in (SWEEP, AFTER):
                new[index] = self._leaf(Slot("tape", index), at, x.rows)
                self.kept[index] = x
        self._replace(at, lambda graph, x, operands: _with_operands(graph, x, operands, new))
        for x in reachable(list(self.writes[back].values())):
            if stage(x) == back:
                self.kept.update((a.index, a) for a in x.operands if stage(a) < AFTER_BACK and a.op != "const")

    def _given_leaf(self, x: Symbol, at: int) -> Symbol:
        name = x.args[1]
        if _is_given(x):
            return self._leaf(Slot("input", x.index), at, x.rows)
        if at == BEGIN:
            return self._leaf(Slot("start", name), at, x.rows)
        if at == AFTER:
            return self._leaf(Slot("seen", name), at, x.rows)
        return self._leaf(Slot("given" if name in self.program.sweep else "old", name), at, x.rows)


def _with_operands(graph: Graph, x: Symbol, operands: list[Symbol], new: dict[int, Symbol]) -> Symbol | None:
    """Put values as the way back finds them in the place of a symbol's operands."""
    found = [new.get(a.index, a) for a in operands]
    if all(a is b for a, b in zip(found, x.operands, strict=True)):
        return None
    return graph.make(x.op, (*found, *x.args[len(found) :]), x.rows, x.level)


def _is_given(x: Symbol) -> bool:
    """Whether a value is an input or an environment's own parameter."""
    return x.op == "leaf" and x.args[0] in ("input", "environment")
