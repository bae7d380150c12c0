"""Symbols in place of arrays: running a model's functions on them writes down what they compute, as a graph.

A symbol stands for an array ``(rows, N)``. The graph holds every expression once (hash-consing), so what two laws both
compute is computed once. Each symbol has a level, which tells how often its value changes:

========== =====================================================================================
PARAM      with the parameters, the interval and the number of sub-steps: computed on the host
HELD       once per control step
STEP       in every sweep
MONITOR    after every extrapolated sub-step
========== =====================================================================================

Four more, MONITOR_BACK to BEGIN_BACK, are those of derivatives, taken from the end of the step to its beginning, see
`dcsim.engines.adjoint`.

A model that does what cannot be traced is refused with the line of its source that did it.
"""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

PARAM, HELD, STEP, MONITOR = range(4)
MONITOR_BACK, STEP_BACK, PREPARE_BACK, BEGIN_BACK = range(4, 8)

_OWN_FOLDER = str(Path(__file__).parent)

# What each operation means, on NumPy arrays. Parameter-level symbols are evaluated with it; it is also the operations'
# definition.
HOST: dict[str, Callable[..., Any]] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "neg": np.negative,
    "recip": np.reciprocal,
    "exp": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
    "tanh": np.tanh,
    "max": np.maximum,
    "min": np.minimum,
    "where_gt": lambda x, y, yes, no: np.where(x > y, yes, no),
    "where_ge": lambda x, y, yes, no: np.where(x >= y, yes, no),
    "sum": lambda x: np.sum(x, 0, keepdims=True),
    "maxof": lambda x: np.max(x, 0, keepdims=True),
    "matmul": np.matmul,
    "row": lambda x, k: x[k : k + 1],
    "transpose": np.transpose,
    "stack": lambda *rows: np.concatenate(np.broadcast_arrays(*rows)),
    "outer": lambda total, *pairs: total + sum(np.outer(y, x) for y, x in zip(pairs[::2], pairs[1::2], strict=True)),
}
COMMUTATIVE = frozenset({"add", "mul"})
_NEUTRAL = {"add": 0.0, "sub": 0.0, "mul": 1.0, "div": 1.0}  # as second operand they change nothing
REDUCTIONS = frozenset({"sum", "maxof", "dot", "gather"})
ALONE = frozenset({"matmul", "stack", "outer"})  # what shares no loop with others


class TraceError(TypeError):
    """A model does something that cannot be traced; the message names the line."""


def _law_at_work() -> tuple[str, int]:
    """File and line of the innermost frame outside this package: the law being traced."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_OWN_FOLDER):
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno


def refuse(what: str) -> NoReturn:
    """Raise a `TraceError` that names the line of the law being traced."""
    file, line = _law_at_work()
    raise TraceError(f"{file}:{line}: {what}")


def _refusal(what: str) -> Callable[..., NoReturn]:
    def method(*_: Any, **__: Any) -> NoReturn:
        refuse(what)

    return method


class Symbol:
    """One array of the traced program.

    Attributes
    ----------
    op : str
        ``const``, ``leaf`` or a key of `HOST` (later passes add ``copy``, ``fma``, ``fms``, ``fnma``, ``dot``, and for
        products with matrices that share a loop with others ``gather`` and ``spread``).
    args : tuple
        What identifies it: operands; for ``const`` the number, for ``leaf`` its kind and field, for ``row`` also the
        row's index.
    operands : tuple of Symbol
        The symbols among ``args``.
    rows : int
    level : int
    is_timed : bool
        Depends on the length of the time step, so that its value differs between full and half sweeps.
    is_parametric : bool
        Depends on nothing but parameters (common or per environment), interval and time step.
    columns : int
        Above 0: a parameter matrix ``(rows, columns)``.
    origin : tuple of str and int
        File and line that made it.
    """

    __slots__ = (
        "args", "columns", "graph", "index", "is_parametric", "is_timed", "level", "op", "operands", "origin", "rows"
    )  # fmt: skip
    __array_ufunc__ = None  # NumPy arrays on the left leave the operation to us, and we refuse it by name

    def __init__(
        self, graph: "Graph", op: str, args: tuple[Any, ...], operands: "tuple[Symbol, ...]", rows: int, level: int
    ):
        self.graph, self.op, self.args, self.operands, self.rows, self.level = graph, op, args, operands, rows, level
        self.columns = 0
        self.is_timed: bool = any(a.is_timed for a in operands)
        self.is_parametric: bool = all(a.is_parametric for a in operands)
        self.index = len(graph.symbols)
        self.origin = graph.origin or _law_at_work()

    @property
    def source(self) -> str:
        """``file:line`` that made it."""
        return f"{self.origin[0]}:{self.origin[1]}"

    @property
    def T(self) -> "Symbol":
        """Transpose of a parameter matrix."""
        if not self.columns:
            refuse("only a parameter matrix can be transposed")
        symbol = self.graph.make("transpose", (self,), rows=self.columns)
        symbol.columns = self.rows
        return symbol

    def __add__(self, other: Any) -> "Symbol":
        return self.graph.operate("add", self, other)

    def __radd__(self, other: Any) -> "Symbol":
        return self.graph.operate("add", other, self)

    def __sub__(self, other: Any) -> "Symbol":
        return self.graph.operate("sub", self, other)

    def __rsub__(self, other: Any) -> "Symbol":
        return self.graph.operate("sub", other, self)

    def __mul__(self, other: Any) -> "Symbol":
        return self.graph.operate("mul", self, other)

    def __rmul__(self, other: Any) -> "Symbol":
        return self.graph.operate("mul", other, self)

    def __truediv__(self, other: Any) -> "Symbol":
        return self.graph.operate("div", self, other)

    def __rtruediv__(self, other: Any) -> "Symbol":
        return self.graph.operate("div", other, self)

    def __neg__(self) -> "Symbol":
        return self.graph.operate("neg", self)

    def __pos__(self) -> "Symbol":
        return self

    def __gt__(self, other: Any) -> "Comparison":
        return Comparison("where_gt", self, other)

    def __lt__(self, other: Any) -> "Comparison":
        return Comparison("where_gt", other, self)

    def __ge__(self, other: Any) -> "Comparison":
        return Comparison("where_ge", self, other)

    def __le__(self, other: Any) -> "Comparison":
        return Comparison("where_ge", other, self)

    def __getitem__(self, key: Any) -> "Symbol":
        if not self.is_parametric or self.columns:
            refuse("only parameters can be sliced; data cannot be indexed")
        if not (isinstance(key, slice) and key.step in (None, 1)):
            refuse(f"parameters are sliced one row at a time, as in p[2:3]; got index {key!r}")
        start, stop, _ = key.indices(self.rows)
        if stop != start + 1:
            refuse(
                f"parameters are sliced one row at a time, as in p[2:3]; got {key.start}:{key.stop} of {self.rows} rows"
            )
        return self if self.rows == 1 else self.graph.make("row", (self, start), rows=1)

    __hash__ = object.__hash__
    __eq__ = __ne__ = _refusal("symbols cannot be compared for equality; use > or < inside xp.where")
    __bool__ = _refusal(
        "a value is not known while tracing: no `if`, `while`, `and`, `or`, `min` or `max` on data; use xp.where"
    )
    __float__ = __int__ = __index__ = _refusal("a value is not known while tracing: it cannot become a Python number")
    __pow__ = __rpow__ = _refusal("no `**`: write integer powers as products and others as xp.exp(b * xp.log(x))")
    __abs__ = _refusal("no `abs`: write xp.maximum(x, -x)")
    __matmul__ = __rmatmul__ = _refusal("no `@`: write xp.matmul(matrix, x)")
    __mod__ = __floordiv__ = __divmod__ = _refusal("no integer division")
    __iter__ = __len__ = _refusal("a symbol cannot be iterated: write laws for whole arrays")
    __array__ = _refusal("a symbol cannot become a NumPy array: use the functions of xp, not of numpy")
    __iadd__ = __isub__ = __imul__ = __itruediv__ = __setitem__ = _refusal(
        "nothing is changed in place: write x = x + y"
    )


class Comparison:
    """``x > y`` or ``x >= y``: good for the condition of ``xp.where`` and nothing else."""

    __slots__ = ("left", "op", "right")

    def __init__(self, op: str, left: Any, right: Any):
        self.op, self.left, self.right = op, left, right

    __bool__ = _refusal(
        "a comparison is not known while tracing: no `if`, `while`, `and` or `or` on data; use xp.where"
    )
    __and__ = __or__ = __xor__ = __invert__ = _refusal("comparisons cannot be combined: nest xp.where")
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = __neg__ = _refusal(
        "a comparison is not a number: write xp.where(condition, 1.0, 0.0)"
    )


class Graph:
    """The traced program: symbols in an order in which they can be computed, each expression once."""

    def __init__(self) -> None:
        self.symbols: list[Symbol] = []
        self.origin: tuple[str, int] | None = None  # where set, the line that new symbols are said to come from
        self._known: dict[tuple[Any, ...], Symbol] = {}

    def leaf(self, kind: str, field: str, rows: int, level: int) -> Symbol:
        """Add an array that comes from outside; only kinds ``param`` and ``environment`` count as parametric."""
        symbol = self.make("leaf", (kind, field), rows=rows, level=level)
        symbol.is_parametric = kind in ("param", "environment", "interval", "time_step")
        symbol.is_timed = kind == "time_step"
        return symbol

    def const(self, value: float) -> Symbol:
        """Add a literal number."""
        return self.make("const", (float(value),), rows=1, level=PARAM)

    def symbol(self, value: Any) -> Symbol:
        """Return ``value`` as a symbol of this graph; numbers become constants."""
        if isinstance(value, Symbol):
            if value.graph is not self:
                refuse("a symbol of another trace: laws must not keep arrays between calls")
            return value
        if isinstance(value, Comparison):
            refuse("a comparison is not a number: write xp.where(condition, 1.0, 0.0)")
        if isinstance(value, (int, float, np.integer, np.floating)):
            return self.const(float(value))
        if isinstance(value, np.ndarray) and value.size == 1:
            return self.const(float(value.reshape(())))
        refuse(f"a {type(value).__name__} cannot be part of a traced law; arrays belong into the parameters")

    def operate(self, op: str, *values: Any) -> Symbol:
        """Add an elementwise operation; operands have one row or as many as the others."""
        operands = tuple([self.symbol(v) for v in values])
        rows, is_const = 1, True
        for a in operands:
            if a.columns:
                refuse(f"a parameter matrix cannot be an operand of {op}; use xp.matmul")
            if a.rows != rows and a.rows != 1:
                if rows != 1:
                    refuse(f"rows do not match in {op}: {[x.rows for x in operands]}")
                rows = a.rows
            is_const = is_const and a.op == "const"
        if is_const:
            return self.const(float(HOST[op](*(np.float64(a.args[0]) for a in operands))))
        if op in _NEUTRAL and operands[1].op == "const" and operands[1].args[0] == _NEUTRAL[op]:
            return operands[0]
        if op in COMMUTATIVE and operands[0].op == "const" and operands[0].args[0] == _NEUTRAL[op]:
            return operands[1]
        if op in COMMUTATIVE and operands[0].index > operands[1].index:
            operands = operands[::-1]
        return self.make(op, operands, rows)

    def make(self, op: str, args: tuple[Any, ...], rows: int, level: int | None = None) -> Symbol:
        """Return the symbol of an operation, made at its first use; ``level`` where it is not that of the operands."""
        operands = tuple([a for a in args if isinstance(a, Symbol)])
        rest = args[len(operands) :]
        if op == "const":
            rest = (args[0].hex(),)  # tells -0.0 from 0.0
        elif op == "copy":
            rest = (level,)  # the same value may be copied in several stages
        key = (op, rows, rest, *[a.index for a in operands])
        known = self._known.get(key)
        if known is None:
            if level is None:
                level = max([a.level for a in operands])
            known = self._known[key] = Symbol(self, op, args, operands, rows, level)
            self.symbols.append(known)
        return known


class Namespace:
    """What a law sees as ``xp`` while it is traced."""

    def __init__(self, graph: Graph):
        self._graph = graph

    def _apply(self, op: str, *values: Any) -> Any:
        return self._graph.operate(op, *values)

    def exp(self, x: Any) -> Any:
        """Exponential."""
        return self._apply("exp", x)

    def log(self, x: Any) -> Any:
        """Natural logarithm."""
        return self._apply("log", x)

    def sqrt(self, x: Any) -> Any:
        """Square root."""
        return self._apply("sqrt", x)

    def tanh(self, x: Any) -> Any:
        """Hyperbolic tangent."""
        return self._apply("tanh", x)

    def maximum(self, x: Any, y: Any) -> Any:
        """Greater of two."""
        return self._apply("max", x, y)

    def minimum(self, x: Any, y: Any) -> Any:
        """Lesser of two."""
        return self._apply("min", x, y)

    def where(self, condition: Any, yes: Any, no: Any) -> Any:
        """Choose by a comparison."""
        if isinstance(condition, (bool, np.bool_)):
            condition = Comparison("where_gt", float(condition), 0.5)
        if not isinstance(condition, Comparison):
            refuse("the condition of xp.where must be one comparison with >, <, >= or <=")
        return self._apply(condition.op, condition.left, condition.right, yes, no)

    def sum(self, x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
        """Sum over components, kept as one row."""
        return self._reduce("sum", x, axis, keepdims)

    def max(self, x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
        """Greatest of the components, kept as one row."""
        return self._reduce("maxof", x, axis, keepdims)

    def _reduce(self, op: str, x: Any, axis: int | None, keepdims: bool) -> Symbol:
        if axis != 0 or not keepdims:
            refuse("reductions run over components: write axis 0 and keepdims=True")
        x = self._graph.symbol(x)
        if x.columns:
            refuse("a parameter matrix cannot be reduced")
        return x if x.rows == 1 else self._graph.make(op, (x,), rows=1)

    def matmul(self, matrix: Any, x: Any) -> Symbol:
        """Product of a parameter matrix and a column of components."""
        matrix, x = self._graph.symbol(matrix), self._graph.symbol(x)
        if not matrix.columns:
            refuse("the left operand of xp.matmul must be a parameter matrix named in Model.matrices")
        if x.columns or x.rows != matrix.columns:
            refuse(f"rows do not match in matmul: ({matrix.rows}, {matrix.columns}) times {x.rows} rows")
        return self._graph.make("matmul", (matrix, x), rows=matrix.rows)

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        refuse(f"xp.{name} cannot be traced; known are exp log sqrt tanh minimum maximum where sum max matmul")


def reachable(roots: Sequence[Symbol]) -> list[Symbol]:
    """All symbols that ``roots`` need, themselves included, in an order in which they can be computed."""
    seen: dict[int, Symbol] = {}
    stack = list(roots)
    while stack:
        symbol = stack.pop()
        if symbol.index not in seen:
            seen[symbol.index] = symbol
            stack.extend(symbol.operands)
    return [seen[index] for index in sorted(seen)]
