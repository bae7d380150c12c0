"""Writes a simplified program as CUDA C++: one kernel, of which each thread runs the control step of one environment.

Order and place are those of `dcsim.engines.layout`: values of one row are variables, which the compiler keeps in
registers; the workspace is an array of the thread's own, which the device lays out so that the threads of a warp read
and write neighbours. Arrays outside are ``(rows, num_envs)``, so the same holds for them.

Where ``__CUDACC__`` is not defined the same text is plain C++, in which a loop over environments stands for the
threads: what it computes can be checked on any machine.
"""

from collections.abc import Callable
from itertools import accumulate
from typing import NamedTuple

import numpy as np

from dcsim.engines.emit import size_of
from dcsim.engines.graph import PARAM, REDUCTIONS, Graph, Symbol
from dcsim.engines.layout import Group, Layout, Place, planned, runs
from dcsim.engines.program import AFTER, BEGIN, HOSTED, PREPARE, SWEEP, Program, stage
from dcsim.engines.simplify import with_rebuilt

THREADS = 32
"""Threads of a block: a small batch is spread over as many multiprocessors as it can."""
_ARGUMENT_BYTES = 32000
"""Most host values that are handed over as arguments, of which a kernel takes 32764 bytes: they are then operands."""
_REGISTERS_LENT = 200
"""Most registers, of a thread's 255, that hold what loops leave for each other; for that, loops are written out."""
_BYTES_IN_FLIGHT = 64  # read by a thread before it writes, where rows are copied
_ROWS_SIDE_BY_SIDE = 4
_NARROW = 8  # rows or columns of a matrix
_MATRIX_ROWS = 4  # rows of a matrix multiplied together: they share the loads of the vector

_PRELUDE = """\
#ifdef __CUDACC__
#define KERNEL extern "C" __global__ void __launch_bounds__({threads}, {blocks})
#define FUNCTION static __device__ __forceinline__
#define EACH_ENVIRONMENT const long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; if (i < n)
#define UNROLLED _Pragma("unroll {copied}")
#define ROLLED _Pragma("unroll 1")
#define LOOP _Pragma("unroll{loop}")
#define INFINITE __longlong_as_double(0x7ff0000000000000LL)
#define NOT_A_NUMBER __longlong_as_double(0x7ff8000000000000LL)
#else
#include <cmath>
#define KERNEL extern "C" void
#define FUNCTION static inline
#define EACH_ENVIRONMENT for (long long i = 0; i < n; ++i)
#define UNROLLED
#define ROLLED
#define LOOP
#define INFINITE INFINITY
#define NOT_A_NUMBER NAN
#endif

typedef {real} real;

#if defined(__CUDACC__) && {is_by_value}
struct HostValues {{ real value[{host_values}]; }};
#define HOST_VALUES const __grid_constant__ HostValues host
#define PARAMS host.value
#else
#define HOST_VALUES const real *__restrict__ host
#define PARAMS host
#endif

// NaN where an operand is NaN; `bound` is none
#if defined(__CUDACC__) && {is_single}
FUNCTION real larger(real x, real y) {{ real z; asm("max.NaN.f32 %0, %1, %2;" : "=f"(z) : "f"(x), "f"(y)); return z; }}
FUNCTION real smaller(real x, real y) {{ real z; asm("min.NaN.f32 %0, %1, %2;" : "=f"(z) : "f"(x), "f"(y)); return z; }}
#define at_least larger
#define at_most smaller
#else
FUNCTION real at_least(real x, real bound) {{ return bound > x ? bound : x; }}
FUNCTION real at_most(real x, real bound) {{ return bound < x ? bound : x; }}
FUNCTION real larger(real x, real y) {{ return x != x || x > y ? x : y; }}
FUNCTION real smaller(real x, real y) {{ return x != x || x < y ? x : y; }}
#endif

"""

_FRAME = """\
KERNEL step(HOST_VALUES, const real *state, const real *inputs, const real *environment, real *out,
            const int substeps, const int num_envs)
{{
  const real *const params = PARAMS;
  const long long n = num_envs;
  EACH_ENVIRONMENT {{
    real ws[{rows}];
{loads}
    {{
      real temp[{temporary}];
{begin}
    }}
    ROLLED for (int half = 0; half < 2; ++half) {{
      const int timed = half ? {timed_half} : {timed_full};
      const real *const timed_params = params + (half ? {params_half} : {params_full});
      real temp[{temporary}];
{prepare}
    }}
    ROLLED for (int k = 0; k < substeps; ++k) {{
      ROLLED for (int pass = 0; pass < 3; ++pass) {{  // one of the whole length to the spare rows, two of half in place
        const int dst = pass ? 0 : {spare};
        const int timed = pass ? {timed_half} : {timed_full};
        const real *const timed_params = params + (pass ? {params_half} : {params_full});
        real temp[{temporary}];
{sweep}
      }}
      UNROLLED for (int r = 0; r < {moving_rows}; ++r) ws[r] = ws[r] + ws[r] - ws[{spare} + r];
      const int timed = {timed_full};
      const real *const timed_params = params + {params_full};
      real temp[{temporary}];
{monitor}
    }}
{stores}
  }}
}}
"""


class CudaText(NamedTuple):
    """Text of a kernel ``step``, and the host values it is handed, in order.

    ``step`` takes the host values (the common ones, then the timed ones for full and for half sweeps), themselves on a
    device where ``is_by_value``, else a pointer to them; pointers to the state, the inputs, the parameters that every
    environment has its own of, and the new state, which may be the state; then the numbers of sub-steps and
    environments. All arrays are of the program's precision.
    """

    text: str
    params: list[Symbol]
    timed_params: list[Symbol]
    is_by_value: bool


def cuda_text(program: Program, dtype: str) -> CudaText:
    """Write the kernel of a simplified program in ``float64`` or ``float32``."""
    program = _with_shared_loops(program)
    layout = planned(program, is_swept_in_place=True)
    is_double = dtype == "float64"
    stages = {
        name: "\n".join(_StageWriter(layout, stage, is_double, indent).write())
        for name, stage, indent in (
            ("begin", BEGIN, 6),
            ("prepare", PREPARE, 6),
            ("sweep", SWEEP, 8),
            ("monitor", AFTER, 6),
        )
    }
    changed = {*program.begin, *program.sweep, *program.monitor}
    kept = [f for f in program.state_rows if f not in changed]
    outside = dict(zip(program.state_rows, accumulate([0, *program.state_rows.values()]), strict=False))
    loads = [
        _moved("ws[{1} + r] = " + name + "[({0} + r) * n + i]", runs(starts, rows, starts))
        for name, starts, rows in (
            ("state", layout.state_start, program.state_rows),
            ("inputs", layout.input_start, program.input_rows),
            ("environment", layout.environment_start, program.environment_rows),
        )
    ]
    stores = [
        _moved("out[({0} + r) * n + i] = ws[{1} + r]", runs(changed, program.state_rows, layout.state_start)),
        _moved("out[({0} + r) * n + i] = state[({0} + r) * n + i]", runs(kept, program.state_rows, outside)),
    ]
    common, timed = size_of(layout.params), size_of(layout.timed_params)
    frame = _FRAME.format(
        rows=max(layout.rows, 1),
        temporary=max(layout.temporary_rows, 1),
        moving_rows=layout.moving_rows,
        timed_full=layout.timed_starts[0],
        timed_half=layout.timed_starts[1],
        spare=layout.spare[0],
        params_full=common,
        params_half=common + timed,
        loads="\n".join(filter(None, loads)),
        stores="\n".join(filter(None, stores)),
        **stages,
    )
    host_values, item = common + 2 * timed, 8 if is_double else 4
    is_by_value = host_values * item <= _ARGUMENT_BYTES
    # what does not fit stays in memory, whose latency more threads hide, each with fewer registers
    fits = layout.temporary_rows * item <= _REGISTERS_LENT * 4
    prelude = _PRELUDE.format(
        threads=THREADS,
        blocks=8 if fits else 16,
        loop="" if fits else " 1",
        copied=_BYTES_IN_FLIGHT // item,
        real="double" if is_double else "float",
        host_values=host_values or 1,
        is_by_value=int(is_by_value),
        is_single=int(not is_double),
    )
    return CudaText(prelude + frame, layout.params, layout.timed_params, is_by_value)


def _moved(assignment: str, joined: list[tuple[int, int, int]]) -> str:
    """Loops over rows that are neighbours both outside and in the workspace."""
    return "\n".join(
        f"    UNROLLED for (int r = 0; r < {rows}; ++r) {assignment.format(outer, inner)};"
        for outer, inner, rows in joined
    )


class _StageWriter:
    """Writes the loops of one stage."""

    def __init__(self, layout: Layout, stage: int, is_double: bool, indent: int):
        self.layout, self.suffix, self.indent = layout, "" if is_double else "f", indent
        self.groups, self.late = layout.groups[stage], layout.late[stage]
        self.known: dict[int, str] = {}  # values of one row computed in this stage
        self.lines: list[str] = []

    def write(self) -> list[str]:
        for group in self.groups:
            x = group.symbols[0]
            if x.op == "matmul":
                self._matmul(x)
            elif group.rows == 1:
                self._straight(group)
            else:
                self._loop(group)
        for source, target, rows in self.late:
            self._line(f"LOOP for (int r = 0; r < {rows}; ++r) {_at(target, 'r')} = {_at(source, 'r')};")
        return self.lines

    def _line(self, line: str) -> None:
        self.lines.append(" " * self.indent + line)

    # --- where values are

    def _fetch(self, symbol: Symbol, row: str = "0") -> str:
        """Value of a symbol's row that is not computed in the loop at hand."""
        if symbol.op == "const":
            return self._number(symbol.args[0])
        return self.known.get(symbol.index) or _at(self.layout.places[symbol.index], row)

    def _number(self, value: float) -> str:
        if np.isnan(value):
            return "(real)NOT_A_NUMBER"
        with np.errstate(over="ignore", under="ignore"):
            rounded = float(np.float32(value)) if self.suffix else value
        if np.isinf(rounded):
            return "(real)INFINITE" if rounded > 0.0 else "-(real)INFINITE"
        return f"{rounded!r}{self.suffix}"

    # --- loops over rows

    def _straight(self, group: Group) -> None:
        """Values of one row: no loop, and what later groups need stays in variables."""
        self._body(group, [self.known], ["0"], lambda a, _: self._fetch(a))
        self._store(group.symbols, self.known, "0")

    def _loop(self, group: Group) -> None:
        """Treat some rows side by side: what they read is read first, and the latency of one hides that of the others."""
        own = {x.index for x in group.symbols}
        reductions = [x for x in group.symbols if x.op in REDUCTIONS]
        for x in reductions:
            start = self._number(0.0 if x.op != "maxof" else float("-inf"))
            self._line(f"real {', '.join(f'{total} = {start}' for total in _totals(x))};")
        outside = {a.index: a for x in group.symbols for a in x.operands if a.index not in own and not a.columns}
        # the workspace is written to in the loop, so that the compiler would read these again in each row
        fixed = {index: self._fetch(a) for index, a in outside.items() if a.rows == 1}
        self._line("{")
        self.indent += 2
        for index, value in fixed.items():
            if value.startswith("ws["):
                self._line(f"const real f{index} = {value};")
                fixed[index] = f"f{index}"
        for vector in {x.operands[1].index: x.operands[1] for x in group.symbols if x.op == "spread"}.values():
            for c in range(vector.rows):
                self._line(f"const real y{vector.index}_{c} = {self._fetch(vector, str(c))};")

        def fetch(a: Symbol, row: str) -> str:
            return fixed[a.index] if a.index in fixed else self._fetch(a, row)

        def rows_side_by_side(rows: list[str]) -> None:
            local: list[dict[int, str]] = [{} for _ in rows]
            self._body(group, local, rows, fetch)
            for names, row in zip(local, rows, strict=True):
                self._store([x for x in group.symbols if x.op not in REDUCTIONS], names, row)

        whole = group.rows // _ROWS_SIDE_BY_SIDE * _ROWS_SIDE_BY_SIDE
        if whole:
            self._line(f"LOOP for (int r = 0; r < {whole}; r += {_ROWS_SIDE_BY_SIDE}) {{")
            self.indent += 2
            rows_side_by_side([f"r + {q}" for q in range(_ROWS_SIDE_BY_SIDE)])
            self.indent -= 2
            self._line("}")
        if whole < group.rows:
            self._line("{")
            self.indent += 2
            rows_side_by_side([str(r) for r in range(whole, group.rows)])
            self.indent -= 2
            self._line("}")
        self.indent -= 2
        self._line("}")
        for x in reductions:
            if x.rows == 1:
                self.known[x.index] = _totals(x)[0]
                self._store([x], self.known, "0")
            else:
                for k, total in enumerate(_totals(x)):
                    self._store([x], {x.index: total}, str(k))

    def _body(
        self, group: Group, local: list[dict[int, str]], rows: list[str], fetch: Callable[[Symbol, str], str]
    ) -> None:
        """Write what a group computes in each of some rows; leaves the names of its values in ``local``."""
        for x in group.symbols:
            for q, row in enumerate(rows):

                def value(a: Symbol, q: int = q, row: str = row) -> str:
                    return local[q][a.index] if a.index in local[q] else fetch(a, row)

                name = f"v{x.index}" if len(rows) == 1 else f"v{x.index}_{q}"
                if x.op == "gather":
                    for k, total in enumerate(_totals(x)):
                        self._line(f"{total} = {self._fma(self._factor(x, str(k), row), value(x.operands[1]), total)};")
                elif x.op in REDUCTIONS:
                    total = _totals(x)[0]
                    self._line(f"{total} = {self._accumulated(x.op, total, [value(a) for a in x.operands])};")
                elif x.op == "spread":
                    total = self._number(0.0)
                    for c in range(x.operands[1].rows):
                        total = self._fma(self._factor(x, row, str(c)), f"y{x.operands[1].index}_{c}", total)
                    self._line(f"const real {name} = {total};")
                    local[q][x.index] = name
                else:
                    v = [self._fetch(a, str(x.args[1])) if x.op == "row" else value(a) for a in x.operands]
                    self._line(f"const real {name} = {self._operation(x, v)};")
                    local[q][x.index] = name

    def _factor(self, product: Symbol, row: str, column: str) -> str:
        """Element of the matrix of a product."""
        matrix = product.operands[0]
        return _at(self.layout.places[matrix.index], f"({row}) * {matrix.columns} + {column}")

    def _store(self, symbols: list[Symbol], local: dict[int, str], row: str) -> None:
        for x in symbols:
            for place in self.layout.stores.get(x.index, []):
                self._line(f"{_at(place, row)} = {local[x.index]};")

    def _accumulated(self, op: str, total: str, v: list[str]) -> str:
        if op == "sum":
            return f"{total} + {v[0]}"
        return self._fma(v[0], v[1], total) if op == "dot" else f"larger({total}, {v[0]})"

    def _fma(self, x: str, y: str, z: str) -> str:
        return f"fma{self.suffix}({x}, {y}, {z})"

    def _operation(self, x: Symbol, v: list[str]) -> str:
        op = x.op
        if op == "div" and self.suffix:  # a true quotient of floats takes eight times the instructions
            return f"{v[0]} * ({self._number(1.0)} / {v[1]})"
        if op in _INFIX:
            return f"{v[0]} {_INFIX[op]} {v[1]}"
        if op in ("fma", "fms", "fnma"):
            return self._fma(f"-({v[0]})" if op == "fnma" else v[0], v[1], f"-({v[2]})" if op == "fms" else v[2])
        if op in ("exp", "log", "sqrt", "tanh"):
            return f"{op}{self.suffix}({v[0]})"
        if op in ("where_gt", "where_ge"):
            return f"{v[0]} {'>' if op == 'where_gt' else '>='} {v[1]} ? {v[2]} : {v[3]}"
        if op in ("max", "min"):
            if x.operands[1].level == PARAM:
                v = v[::-1]
            elif x.operands[0].level != PARAM:
                return f"{'larger' if op == 'max' else 'smaller'}({v[0]}, {v[1]})"
            return f"{'at_least' if op == 'max' else 'at_most'}({v[1]}, {v[0]})"
        if op == "neg":
            return f"-({v[0]})"
        if op == "recip":
            return f"{self._number(1.0)} / {v[0]}"
        if op in ("copy", "row"):
            return v[0]
        raise ValueError(f"no code for the operation {op!r}")

    # --- products with matrices

    def _matmul(self, x: Symbol) -> None:
        """Multiply a few rows at a time."""
        whole, rest = divmod(x.rows, _MATRIX_ROWS)
        if whole:
            self._line(f"ROLLED for (int r = 0; r < {whole * _MATRIX_ROWS}; r += {_MATRIX_ROWS}) {{")
            self._block(x, _MATRIX_ROWS, "r")
            self._line("}")
        if rest:
            if x.rows == 1:
                self._line(f"real v{x.index};")
                self.known[x.index] = f"v{x.index}"
            self._line("{")
            self._block(x, rest, str(whole * _MATRIX_ROWS))
            self._line("}")

    def _block(self, x: Symbol, count: int, first: str) -> None:
        matrix, vector = x.operands
        columns, factors = vector.rows, self.layout.places[matrix.index]
        self._line(f"  real {', '.join(f'sum{q} = {self._number(0.0)}' for q in range(count))};")
        self._line(f"  UNROLLED for (int c = 0; c < {columns}; ++c) {{")
        self._line(f"    const real x = {self._fetch(vector, 'c')};")
        for q in range(count):
            factor = _at(factors, f"({first} + {q}) * {columns} + c")
            self._line(f"    sum{q} = {self._fma(factor, 'x', f'sum{q}')};")
        self._line("  }")
        for q in range(count):
            for place in self.layout.stores.get(x.index, []):
                self._line(f"  {_at(place, f'{first} + {q}')} = sum{q};")
            if x.rows == 1:
                self._line(f"  v{x.index} = sum{q};")


def _totals(reduction: Symbol) -> list[str]:
    """Names of what a reduction adds up."""
    name = f"v{reduction.index}"
    return [name] if reduction.rows == 1 else [f"{name}_{k}" for k in range(reduction.rows)]


def _with_shared_loops(program: Program) -> Program:
    """Let products with narrow matrices share loops with what makes or uses their long side, which then needs no memory."""

    def rule(graph: Graph, symbol: Symbol, operands: list[Symbol]) -> Symbol | None:
        if symbol.op != "matmul" or stage(symbol) == HOSTED:
            return None
        matrix = operands[0]
        if min(matrix.rows, matrix.columns) > _NARROW or max(matrix.rows, matrix.columns) == 1:  # which needs no loop
            return None
        return graph.make("gather" if matrix.rows <= matrix.columns else "spread", tuple(operands), symbol.rows)

    return with_rebuilt(program, rule)


_INFIX = {"add": "+", "sub": "-", "mul": "*", "div": "/"}
_BASES = {"src": "ws[", "dst": "ws[dst + ", "timed": "ws[timed + "}


def _at(place: Place, row: str) -> str:
    return f"{_BASES.get(place.base, place.base + '[')}{place.start} + {row}]"
