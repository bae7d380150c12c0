"""Writes a planned program as LLVM text: a function for each stage of a control step, and the frame that runs them.

A pass is a long chain of operations that wait for each other. The pass of full length and the first of half length start
from the same state, so they are also written as one function, value by value in turn: each fills the waiting of the other.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

from dcsim.engines.graph import PARAM, REDUCTIONS, Symbol
from dcsim.engines.kernel_frame import frame
from dcsim.engines.lanes import PIECES_UNROLLED, Code, Loop, Target, pieces
from dcsim.engines.layout import Group, Layout, Place, planned
from dcsim.engines.program import AFTER, AFTER_BACK, BEGIN, PREPARE, SWEEP, Program
from dcsim.engines.vector_math import exponential, hyperbolic_tangent, logarithm, maximum, minimum, smallest_normal

STAGE_NAMES = {BEGIN: "begin", PREPARE: "prepare", SWEEP: "sweep", AFTER: "monitor"}
POINTERS = ("ws", "src", "dst", "timed", "temp", "params", "timed_params")
PASS_POINTERS = ("dst", "timed", "temp", "timed_params")  # which differ between passes from one state
_REGISTERS_TOGETHER, _REGISTERS_TOGETHER_BACK = 4, 2
"""Of the same value in several rows, which are computed side by side: fewer on the way back, whose loops have many values
to keep near."""
_PARTIAL_SUMS = 4  # of a sum over rows: row r goes to the (r mod 4)th, so that no term waits for the one before
_COLUMNS_UNROLLED = 64  # of a matrix; of more, pairs of columns share a loop
_MATRIX_SUMS = 4  # rows of a matrix multiplied together, in registers' worth: they share the loads of the vector

_WIDTH = '"prefer-vector-width"="512" "min-legal-vector-width"="512"'  # LLVM would shun the widest registers
ATTRIBUTES = f'attributes #0 = {{ noinline nounwind alignstack=64 "no-builtins" {_WIDTH} }}'
"""Of all functions of a kernel."""


class Emitted(NamedTuple):
    """Text of a kernel, and what a caller must provide: bytes of workspace and host values in order.

    ``order`` is that of a matrix among the host values: ``C``, row by row, or ``F``, column by column.
    """

    text: str
    workspace_bytes: int
    params: list[Symbol]
    timed_params: list[Symbol]
    order: Literal["C", "F"]


def emitted(program: Program, target: Target) -> Emitted:
    """Write the kernel of a simplified program."""
    layout = planned(program)
    declarations: set[str] = set()
    functions = []
    for stage, name in STAGE_NAMES.items():
        functions.append(stage_function(target, layout, stage, name, POINTERS, declarations))
    functions.append(two_passes(target, layout, POINTERS, PASS_POINTERS))
    sizes = [size_of(symbols) * target.bytes for symbols in (layout.params, layout.timed_params)]
    functions.append(frame(program, layout, target, *sizes))
    text = "\n\n".join([*sorted(declarations), *functions, ATTRIBUTES]) + "\n"
    rows = layout.rows + 2 * layout.temporary_rows
    return Emitted(text, rows * target.row_bytes, layout.params, layout.timed_params, order_of(target))


def order_of(target: Target) -> Literal["C", "F"]:
    """Order in which a kernel reads matrices."""
    return "C" if target.lanes > 1 else "F"


def stage_function(
    target: Target, layout: Layout, stage: int, name: str, pointers: Sequence[str], declarations: set[str]
) -> str:
    """Write the function of one stage, which takes pointers; add to the declarations it needs."""
    code = Code(target)
    for _ in _writer(target)(code, layout, stage, pointers).write():
        pass
    declarations |= code.intrinsics
    return code.text(f"internal void @{name}({_arguments(pointers)}) #0")


def two_passes(target: Target, layout: Layout, pointers: Sequence[str], own: Sequence[str]) -> str:
    """Write the function of two sweeps, which takes pointers and then those that the second has of its own."""
    code = Code(target)
    one, two = (_writer(target)(code, layout, SWEEP, pointers) for _ in range(2))
    two.bases |= {name: f"%{name}.two" for name in own}
    for _ in zip(one.write(), two.write(), strict=True):
        pass
    others = [f"{name}.two" for name in own]
    return code.text(f"internal void @two_sweeps({_arguments([*pointers, *others])}) #0")


def _writer(target: Target) -> "type[StageWriter]":
    return StageWriter if target.lanes > 1 else RowStageWriter


def _arguments(names: Iterable[str]) -> str:
    return ", ".join(f"ptr noalias %{name}" for name in names)


def size_of(symbols: list[Symbol]) -> int:
    """Numbers that a list of host values takes."""
    return sum(x.rows * max(x.columns, 1) for x in symbols)


def _starts(x: Symbol) -> list[float]:
    """Values before the first row of a reduction: one for each partial sum."""
    return [float("-inf")] if x.op == "maxof" else [0.0] * _PARTIAL_SUMS


def _combined(code: Code, sums: list[str]) -> str:
    """Add the partial sums: the first half to the second until one is left."""
    while len(sums) > 1:
        middle = len(sums) // 2
        sums = [code.add(low, high) for low, high in zip(sums[:middle], sums[middle:], strict=True)]
    return sums[0]


def _accumulated(code: Code, op: str, total: str, values: list[str]) -> str:
    """One more term of a sum, or of a greatest."""
    if op == "sum":
        return code.add(total, values[0])
    if op == "dot":
        return code.fma(values[0], values[1], total)
    return maximum(code, total, values[0], is_x_number=False)


def _operation(code: Code, x: Symbol, v: list[str]) -> str:
    """Value of an operation."""
    op = x.op
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


class StageWriter:
    """Writes the loops of one stage, one environment a lane."""

    def __init__(self, code: Code, layout: Layout, stage: int, pointers: Sequence[str] = POINTERS):
        self.code, self.layout = code, layout
        self.groups, self.late = layout.groups[stage], layout.late[stage]
        self.registers_together = _REGISTERS_TOGETHER if stage < AFTER_BACK else _REGISTERS_TOGETHER_BACK
        self.known: dict[int, str] = {}  # values of one row computed in this stage
        self.bases = {name: f"%{name}" for name in pointers}

    def write(self) -> Iterator[None]:
        """Write the stage; a step of the iteration writes a value of one row, or a loop."""
        for group in self.groups:
            x = group.symbols[0]
            if x.op == "matmul":
                self._matmul(x)
            elif x.op == "stack":
                self._stack(x)
            elif x.op == "outer":
                self._outer(x)
            elif group.rows == 1:
                yield from self._straight(group)
            else:
                self._loop(group)
            yield
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

    def _straight(self, group: Group) -> Iterator[None]:
        """Values of one row: no loop, and what later groups need stays in registers."""
        local = dict(self.known)
        for x in group.symbols:
            self._body([x], local, self._fetch, {})
            yield
        self._store(group.symbols, local, self.bases)
        self.known.update((x.index, local[x.index]) for x in group.symbols)

    def _loop(self, group: Group) -> None:
        code, own = self.code, {x.index for x in group.symbols}
        reductions = [x for x in group.symbols if x.op in REDUCTIONS]
        mapped = [x for x in group.symbols if x.op not in REDUCTIONS]
        outside = {a.index: a for x in group.symbols for a in x.operands if a.index not in own}
        fixed = {index: self._fetch(a) for index, a in outside.items() if a.rows == 1}
        start = [self.code.const(value) for x in reductions for value in _starts(x)]
        together = self._rows_together(group.rows)
        steps = (together * self.code.target.row_bytes, together * code.target.bytes)
        loop = Loop(code, group.rows // together, steps, start)
        used = {self.layout.places[a.index].base for a in outside.values() if a.rows > 1}
        used |= {place.base for x in mapped for place in self.layout.stores.get(x.index, [])}
        moved = {
            name: self._advanced(self.bases[name], loop.counters[int(name.endswith("params"))]) for name in sorted(used)
        }
        partial, at = {}, 0
        for x in reductions:
            partial[x.index] = loop.values[at : at + len(_starts(x))]
            at += len(_starts(x))
        local: list[dict[int, str]] = [{} for _ in range(together)]
        for x in group.symbols:
            for row in range(together):

                def fetch(a: Symbol, row: int = row) -> str:
                    return fixed[a.index] if a.index in fixed else self._fetch(a, row, moved)

                sums = partial.get(x.index, [])
                self._body([x], local[row], fetch, {x.index: sums[0]} if sums else {})
                if sums:  # they change places: the one that waited longest is next
                    partial[x.index] = [*sums[1:], local[row][x.index]]
        for row in range(together):
            self._store(mapped, local[row], moved, row)
        loop.close([value for x in reductions for value in partial[x.index]])
        for x in reductions:
            sums = partial[x.index]
            first = -group.rows % len(sums)
            self.known[x.index] = _combined(code, sums[first:] + sums[:first])
        self._store(reductions, self.known, self.bases)

    def _rows_together(self, rows: int) -> int:
        """Rows that a round of a loop treats, operation by operation: one fills the waiting of the other."""
        most = max(1, self.registers_together * self.code.target.register_bytes // self.code.target.row_bytes)
        return max(count for count in range(1, min(rows, most) + 1) if rows % count == 0)

    def _body(
        self, symbols: list[Symbol], local: dict[int, str], fetch: Callable[[Symbol], str], totals: dict[int, str]
    ) -> None:
        def value(a: Symbol) -> str:
            if a.index not in local:
                local[a.index] = fetch(a)
            return local[a.index]

        for x in symbols:
            if x.op == "row":
                local[x.index] = self._fetch(x.operands[0], x.args[1])
            elif x.op in REDUCTIONS:
                local[x.index] = _accumulated(self.code, x.op, totals[x.index], [value(a) for a in x.operands])
            else:
                local[x.index] = _operation(self.code, x, [value(a) for a in x.operands])

    def _store(self, symbols: list[Symbol], local: dict[int, str], bases: dict[str, str], row: int = 0) -> None:
        for x in symbols:
            for place in self.layout.stores.get(x.index, []):
                self.code.store(local[x.index], self._pointer(place, row, bases))

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
        """Products of ``count`` rows from ``first`` on, counted from where ``params`` points."""
        code, (matrix, vector) = self.code, x.operands
        bytes_, columns = code.target.bytes, vector.rows
        start = (self.layout.places[matrix.index].start + first * columns) * bytes_

        def factors(base: str, column: int) -> list[str]:
            return [code.splat(code.address(base, start + (q * columns + column) * bytes_)) for q in range(count)]

        return self._product(code, vector, columns, params, bytes_, factors)

    def _product(
        self,
        code: Code,
        vector: Symbol,
        columns: int,
        params: str,
        column_bytes: int,
        factors: Callable[[str, int], list[str]],
    ) -> list[str]:
        """Sum over the columns, even and odd ones apart; ``factors`` gives those of a column from where its base points."""

        def value(moved: str | None, column: int) -> str:
            if vector.rows == 1:
                return self._spread(vector, code)
            bases = self.bases if moved is None else self.bases | {self.layout.places[vector.index].base: moved}
            return self._element(vector, column, bases, code)

        sums: list[list[str]] = []  # even, odd
        for j in range(min(columns, 2)):
            x = value(None, j)
            sums.append([code.mul(factor, x) for factor in factors(params, j)])
        pairs = (columns - 2) // 2
        looped = pairs if columns > _COLUMNS_UNROLLED else 0
        if looped:
            steps = (2 * self.code.target.row_bytes, 2 * column_bytes)
            carried = [total for part in sums for total in part]
            loop = Loop(self.code, looped, steps, carried, [code.target.vector] * len(carried))
            base = self._advanced(self.bases[self.layout.places[vector.index].base], loop.counters[0])
            moved = self._advanced(params, loop.counters[1])
            half = len(carried) // 2
            ends = []
            for j, totals in enumerate((loop.values[:half], loop.values[half:])):
                x = value(base, 2 + j)
                ends += [code.fma(f, x, total) for f, total in zip(factors(moved, 2 + j), totals, strict=True)]
            ends = loop.close(ends)
            sums = [ends[:half], ends[half:]]
        for j in range(2 + 2 * looped, columns):
            x = value(None, j)
            sums[j % 2] = [code.fma(f, x, total) for f, total in zip(factors(params, j), sums[j % 2], strict=True)]
        return sums[0] if columns == 1 else [code.add(even, odd) for even, odd in zip(*sums, strict=True)]

    def _element(self, vector: Symbol, row: int, bases: dict[str, str], code: Code) -> str:
        """Value of one row of a vector."""
        return self._fetch(vector, row, bases)

    def _spread(self, a: Symbol, code: Code) -> str:
        """Value of one row in all lanes."""
        return self._fetch(a)

    # --- what only derivatives need

    def _stack(self, x: Symbol) -> None:
        for row, operand in enumerate(x.operands):
            for place in self.layout.stores.get(x.index, []):
                self.code.store(self._fetch(operand), self._pointer(place, row))

    def _outer(self, x: Symbol) -> None:
        """Add products of columns with rows to what has a row of lanes for every element of a matrix."""
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


class RowStageWriter(StageWriter):
    """Writes one stage for a single environment: a vector holds several rows of one value.

    Rows go to the partial sums as they do for many environments, so that both give the same bits.
    """

    def __init__(self, code: Code, layout: Layout, stage: int, pointers: Sequence[str] = POINTERS):
        super().__init__(code, layout, stage, pointers)
        width = code.target.row_lanes
        self.wide = {1: code}  # by rows in a vector
        for count in (1 << k for k in range(1, max(width, _PARTIAL_SUMS).bit_length())):
            self.wide[count] = code.over_rows(count)
        self.width = width
        # values computed in this stage, by number of the symbol and first row
        self.parts: dict[tuple[int, int], str] = {}
        self.spreads: dict[tuple[int, int], str] = {}  # by number of the value and of lanes

    def _loop(self, group: Group) -> None:
        reductions = [x for x in group.symbols if x.op in REDUCTIONS]
        totals = {x.index: self.code.const(_starts(x)[0]) for x in reductions}
        cut = pieces(group.rows, self.width)
        whole = group.rows // self.width
        if whole > PIECES_UNROLLED:
            totals = self._pieces_in_loop(group, whole, totals)
            cut = cut[whole:]
        for start, count in cut:
            totals |= self._piece(group, start, count, self.bases, totals, self.parts)
        for x in reductions:
            code = self.wide[len(_starts(x))]
            total = totals[x.index]
            while code.target.lanes > 1:
                low, high = code.halves(total)
                code = self.wide[code.target.lanes // 2]
                total = code.add(low, high)
            self.known[x.index] = total
        self._store(reductions, self.known, self.bases)

    def _pieces_in_loop(self, group: Group, whole: int, totals: dict[int, str]) -> dict[int, str]:
        own = {x.index for x in group.symbols}
        for a in (a for x in group.symbols for a in x.operands if a.rows == 1 and a.index not in own):
            self._spread(a, self.wide[self.width])  # before the loop, which then finds it
        vectors = [self.wide[len(_starts(x))].target.vector for x in group.symbols if x.op in REDUCTIONS]
        loop = Loop(self.code, whole, (self.width * self.code.target.bytes,), totals.values(), vectors)
        moved = {name: self._advanced(base, loop.counters[0]) for name, base in self.bases.items()}
        found = self._piece(group, 0, self.width, moved, dict(zip(totals, loop.values, strict=True)), {})
        return dict(zip(totals, loop.close(found[index] for index in totals), strict=True))

    def _piece(
        self,
        group: Group,
        start: int,
        count: int,
        bases: dict[str, str],
        totals: dict[int, str],
        parts: dict[tuple[int, int], str],
    ) -> dict[int, str]:
        """Compute ``count`` rows from ``start`` on; return the totals with these rows added."""
        code, totals = self.wide[count], dict(totals)
        local: dict[int, str] = {}

        def value(a: Symbol) -> str:
            if a.rows == 1:
                return self._spread(a, code)
            if a.index not in local:
                known = parts.get((a.index, start))
                local[a.index] = known or code.load(self._pointer(self.layout.places[a.index], start, bases))
            return local[a.index]

        for x in group.symbols:
            if x.op in REDUCTIONS:
                totals[x.index] = self._reduced(code, x.op, start, totals[x.index], [value(a) for a in x.operands])
            else:
                local[x.index] = _operation(code, x, [value(a) for a in x.operands])
        for x in group.symbols:
            if x.op not in REDUCTIONS:
                parts[x.index, start] = local[x.index]
                for place in self.layout.stores.get(x.index, []):
                    code.store(local[x.index], self._pointer(place, start, bases))
        return totals

    def _reduced(self, code: Code, op: str, start: int, total: str, values: list[str]) -> str:
        """Add some rows to the partial sums, which are the lanes of ``total``; or to a greatest."""
        if op == "maxof":
            (value,) = values
            while code.target.lanes > 1:
                low, high = code.halves(value)
                code = self.wide[code.target.lanes // 2]
                value = maximum(code, low, high, is_x_number=False)
            return maximum(code, total, value, is_x_number=False)
        sums = self.wide[_PARTIAL_SUMS]
        columns = [code.split(value, start % _PARTIAL_SUMS, _PARTIAL_SUMS) for value in values]
        for terms in zip(*columns, strict=True):
            total = _accumulated(sums, op, total, list(terms))
        return total

    def _spread(self, a: Symbol, code: Code) -> str:
        if a.op == "const":
            return code.const(a.args[0])
        key = (a.index, code.target.lanes)
        if key not in self.spreads:
            is_computed = a.index in self.known
            self.spreads[key] = (
                code.spread(self.known[a.index]) if is_computed else self._element(a, 0, self.bases, code)
            )
        return self.spreads[key]

    def _outer(self, x: Symbol) -> None:
        total, *vectors = x.operands
        columns, bytes_ = vectors[1].rows, self.code.target.bytes
        loop = Loop(self.code, vectors[0].rows, (bytes_, columns * bytes_))
        down, on = ({name: self._advanced(base, c) for name, base in self.bases.items()} for c in loop.counters)
        for first, count in pieces(columns, self.width):
            code = self.wide[count]

            def load(a: Symbol, bases: dict[str, str], code: Code = code, first: int = first) -> str:
                return code.load(self._pointer(self.layout.places[a.index], first, bases))

            value = load(total, on)
            for y, v in zip(vectors[::2], vectors[1::2], strict=True):
                factor = self._spread(y, code) if y.rows == 1 else self._element(y, 0, down, code)
                other = self._spread(v, code) if v.rows == 1 else load(v, self.bases)
                value = code.fma(factor, other, value)
            for place in self.layout.stores[x.index]:
                code.store(value, self._pointer(place, first, on))
        loop.close()

    def _matmul(self, x: Symbol) -> None:
        """Multiply columns of the matrix, which lies in memory column by column, with the elements of the vector."""
        matrix, vector = x.operands
        bytes_, rows = self.code.target.bytes, x.rows
        for first, count in pieces(rows, self.width):
            code = self.wide[count]
            start = (self.layout.places[matrix.index].start + first) * bytes_

            def factors(base: str, column: int, code: Code = code, start: int = start) -> list[str]:
                return [code.load(code.address(base, start + column * rows * bytes_))]

            (result,) = self._product(code, vector, vector.rows, self.bases["params"], rows * bytes_, factors)
            self.parts[x.index, first] = result
            for place in self.layout.stores.get(x.index, []):
                code.store(result, self._pointer(place, first))
        if rows == 1:
            self.known[x.index] = self.parts[x.index, 0]

    def _element(self, vector: Symbol, row: int, bases: dict[str, str], code: Code) -> str:
        return code.splat(self._pointer(self.layout.places[vector.index], row, bases))
