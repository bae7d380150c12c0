"""Writes a planned program as LLVM text: a function for each stage of a control step, and the frame that runs them."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from dcsim.engines.graph import PARAM, REDUCTIONS, Symbol
from dcsim.engines.kernel_frame import frame
from dcsim.engines.lanes import Code, Loop, Target
from dcsim.engines.layout import Group, Layout, Place, planned
from dcsim.engines.program import AFTER, BEGIN, PREPARE, SWEEP, Program
from dcsim.engines.vector_math import exponential, hyperbolic_tangent, logarithm, maximum, minimum, smallest_normal

STAGE_NAMES = {BEGIN: "begin", PREPARE: "prepare", SWEEP: "sweep", AFTER: "monitor"}
_POINTERS = ("ws", "src", "dst", "timed", "params", "timed_params")
_MATRIX_SUMS = 4  # rows of a matrix multiplied together, in registers' worth: they share the loads of the vector

_WIDTH = '"prefer-vector-width"="512" "min-legal-vector-width"="512"'  # LLVM would shun the widest registers
ATTRIBUTES = f'attributes #0 = {{ noinline nounwind alignstack=64 "no-builtins" {_WIDTH} }}'
"""Of all functions of a kernel."""


class Emitted(NamedTuple):
    """Text of a kernel, and what a caller must provide: bytes of workspace and host values in order."""

    text: str
    workspace_bytes: int
    params: list[Symbol]
    timed_params: list[Symbol]


def emitted(program: Program, target: Target) -> Emitted:
    """Write the kernel of a simplified program."""
    layout = planned(program)
    declarations: set[str] = set()
    functions = []
    for stage, name in STAGE_NAMES.items():
        code = Code(target)
        StageWriter(code, layout, stage).write()
        arguments = ", ".join(f"ptr noalias %{pointer}" for pointer in _POINTERS)
        functions.append(code.text(f"internal void @{name}({arguments}) #0"))
        declarations |= code.intrinsics
    sizes = [size_of(symbols) * target.bytes for symbols in (layout.params, layout.timed_params)]
    functions.append(frame(program, layout, target, *sizes))
    text = "\n\n".join([*sorted(declarations), *functions, ATTRIBUTES]) + "\n"
    return Emitted(text, layout.rows * target.row_bytes, layout.params, layout.timed_params)


def size_of(symbols: list[Symbol]) -> int:
    """Numbers that a list of host values takes."""
    return sum(x.rows * max(x.columns, 1) for x in symbols)


class StageWriter:
    """Writes the loops of one stage, in a function of these pointers."""

    def __init__(self, code: Code, layout: Layout, stage: int, pointers: Iterable[str] = _POINTERS):
        self.code, self.layout = code, layout
        self.groups, self.late = layout.groups[stage], layout.late[stage]
        self.known: dict[int, str] = {}  # values of one row computed in this stage
        self.bases = {name: f"%{name}" for name in pointers}

    def write(self) -> None:
        """Write the stage."""
        for group in self.groups:
            x = group.symbols[0]
            if x.op == "matmul":
                self._matmul(x)
            elif x.op == "stack":
                self._stack(x)
            elif x.op == "outer":
                self._outer(x)
            elif group.rows == 1:
                self._straight(group)
            else:
                self._loop(group)
        for source, target, rows in self.late:
            self._copy(source, target, rows)

    # --- where values are

    def _advanced(self, base: str, counter: str) -> str:
        return self.code.emit(f"getelementptr i8, ptr {base}, i64 {counter}")

    def _pointer(self, place: Place, row: int = 0, bases: dict[str, str] | None = None) -> str:
        unit = self.code.target.bytes if place.base.endswith("params") else self.code.target.row_bytes
        return self.code.address((bases or self.bases)[place.base], (place.start + row) * unit)

    def _fetch(self, symbol: Symbol, row: int = 0, bases: dict[str, str] | None = None) -> str:
        """Value of a symbol's row that is not computed in the loop at hand."""
        if symbol.op == "const":
            return self.code.const(symbol.args[0])
        if symbol.index in self.known:
            return self.known[symbol.index]
        pointer = self._pointer(self.layout.places[symbol.index], row, bases)
        return self.code.splat(pointer) if symbol.level == PARAM else self.code.load(pointer)

    # --- loops over rows

    def _straight(self, group: Group) -> None:
        """Values of one row: no loop, and what later groups need stays in registers."""
        local = dict(self.known)
        self._body(group, local, self._fetch, {})
        self._store(group.symbols, local, self.bases)
        self.known.update((x.index, local[x.index]) for x in group.symbols)

    def _loop(self, group: Group) -> None:
        code, own = self.code, {x.index for x in group.symbols}
        reductions = [x for x in group.symbols if x.op in REDUCTIONS]
        mapped = [x for x in group.symbols if x.op not in REDUCTIONS]
        outside = {a.index: a for x in group.symbols for a in x.operands if a.index not in own}
        fixed = {index: self._fetch(a) for index, a in outside.items() if a.rows == 1}
        start = [code.const(0.0 if x.op != "maxof" else float("-inf")) for x in reductions]
        loop = Loop(code, group.rows, (self.code.target.row_bytes, code.target.bytes), start)
        used = {self.layout.places[a.index].base for a in outside.values() if a.rows > 1}
        used |= {place.base for x in mapped for place in self.layout.stores.get(x.index, [])}
        moved = {
            name: self._advanced(self.bases[name], loop.counters[int(name.endswith("params"))]) for name in sorted(used)
        }
        local: dict[int, str] = {}
        totals = {x.index: value for x, value in zip(reductions, loop.values, strict=True)}
        self._body(group, local, lambda a: fixed[a.index] if a.index in fixed else self._fetch(a, 0, moved), totals)
        self._store(mapped, local, moved)
        ends = loop.close([local[x.index] for x in reductions])
        self.known.update((x.index, value) for x, value in zip(reductions, ends, strict=True))
        self._store(reductions, self.known, self.bases)

    def _body(
        self, group: Group, local: dict[int, str], fetch: Callable[[Symbol], str], totals: dict[int, str]
    ) -> None:
        def value(a: Symbol) -> str:
            if a.index not in local:
                local[a.index] = fetch(a)
            return local[a.index]

        for x in group.symbols:
            if x.op == "row":
                local[x.index] = self._fetch(x.operands[0], x.args[1])
            elif x.op in REDUCTIONS:
                local[x.index] = self._accumulated(x.op, totals[x.index], [value(a) for a in x.operands])
            else:
                local[x.index] = self._operation(x, [value(a) for a in x.operands])

    def _store(self, symbols: list[Symbol], local: dict[int, str], bases: dict[str, str]) -> None:
        for x in symbols:
            for place in self.layout.stores.get(x.index, []):
                self.code.store(local[x.index], self._pointer(place, 0, bases))

    def _accumulated(self, op: str, total: str, values: list[str]) -> str:
        if op == "sum":
            return self.code.add(total, values[0])
        if op == "dot":
            return self.code.fma(values[0], values[1], total)
        return maximum(self.code, total, values[0], is_x_number=False)

    def _operation(self, x: Symbol, v: list[str]) -> str:
        code, op = self.code, x.op
        if op in ("add", "sub", "mul", "div", "neg", "fma", "fms", "fnma"):
            return str(getattr(code, op)(*v))
        if op == "copy":
            return v[0]
        if op == "recip":
            return code.div(code.const(1.0), v[0])
        if op in ("where_gt", "where_ge"):
            return code.select(code.compare("ogt" if op == "where_gt" else "oge", v[0], v[1]), v[2], v[3])
        if op in ("max", "min"):
            bound = maximum if op == "max" else minimum
            if x.operands[1].level == PARAM:
                return bound(code, v[1], v[0], True)
            return bound(code, v[0], v[1], x.operands[0].level == PARAM)
        if op == "sqrt":
            return code.intrinsic("sqrt", v[0])
        if op == "exp":
            return exponential(code, v[0])
        if op == "tanh":
            return hyperbolic_tangent(code, v[0])
        if op == "log":
            guard = x.operands[0]
            bounds = [a.args[0] for a in guard.operands if a.op == "const"] if guard.op == "max" else []
            return logarithm(code, v[0], bool(bounds) and bounds[0] >= smallest_normal(code))
        raise ValueError(f"no code for the operation {op!r}")

    # --- products with matrices

    def _matmul(self, x: Symbol) -> None:
        """Multiply a few rows at a time; each row's sum has an even and an odd half, whatever the number of rows."""
        code, columns = self.code, x.operands[1].rows
        places = self.layout.stores.get(x.index, [])
        count = max(1, _MATRIX_SUMS * code.target.register_bytes // code.target.row_bytes)
        whole, rest = divmod(x.rows, count)
        if whole > 1:
            loop = Loop(code, whole, (count * self.code.target.row_bytes, count * columns * code.target.bytes))
            results = self._block(x, self._advanced(self.bases["params"], loop.counters[1]), count, 0)
            for name in {place.base for place in places}:
                moved = {name: self._advanced(self.bases[name], loop.counters[0])}
                for q, value in enumerate(results):
                    for place in (place for place in places if place.base == name):
                        code.store(value, self._pointer(place, q, moved))
            loop.close()
            done = whole * count
        else:
            done, rest = 0, x.rows
        results = self._block(x, self.bases["params"], rest, done) if rest else []
        for q, value in enumerate(results):
            for place in places:
                code.store(value, self._pointer(place, done + q))
        if x.rows == 1:
            self.known[x.index] = results[0]

    def _block(self, x: Symbol, params: str, count: int, first: int) -> list[str]:
        matrix, vector = x.operands
        code, columns = self.code, vector.rows
        origin = self.layout.places[matrix.index].start + first * columns
        sums: list[list[str | None]] = [[None, None] for _ in range(count)]
        for j in range(columns):
            value = self._fetch(vector, j)
            for q in range(count):
                factor = code.splat(code.address(params, (origin + q * columns + j) * code.target.bytes))
                total = sums[q][j % 2]
                sums[q][j % 2] = code.mul(factor, value) if total is None else code.fma(factor, value, total)
        return [str(even) if odd is None else code.add(str(even), odd) for even, odd in sums]

    # --- what only derivatives need

    def _stack(self, x: Symbol) -> None:
        for row, operand in enumerate(x.operands):
            for place in self.layout.stores.get(x.index, []):
                self.code.store(self._fetch(operand), self._pointer(place, row))

    def _outer(self, x: Symbol) -> None:
        """Add to a matrix of rows of lanes the products of columns with rows."""
        total, *vectors = x.operands
        columns = vectors[1].rows
        unit = self.code.target.row_bytes
        loop = Loop(self.code, vectors[0].rows, (unit, columns * unit))
        down, on = ({name: self._advanced(base, c) for name, base in self.bases.items()} for c in loop.counters)
        pairs = [(self._fetch(y, 0, down), v) for y, v in zip(vectors[::2], vectors[1::2], strict=True)]
        for column in range(columns):
            value = self._fetch(total, column, on)
            for factor, v in pairs:
                value = self.code.fma(factor, self._fetch(v, column), value)
            for place in self.layout.stores[x.index]:
                self.code.store(value, self._pointer(place, column, on))
        loop.close()

    def _copy(self, source: Place, target: Place, rows: int) -> None:
        code = self.code
        loop = Loop(code, rows, (self.code.target.row_bytes,))
        moved = {name: self._advanced(self.bases[name], loop.counters[0]) for name in {source.base, target.base}}
        code.store(code.load(self._pointer(source, 0, moved)), self._pointer(target, 0, moved))
        loop.close()
