"""Text of LLVM vector code: one lane per environment, one instruction per operation.

No fast-math flag is ever set, and products are merged with sums only where a fused multiply-add is written here. So a
lane's result depends on nothing but the lane's data: not on the number of lanes, not on the neighbours, not on what
LLVM makes of the loops around.
"""

import copy
import itertools
import struct
from collections.abc import Iterable, Sequence

PIECES_UNROLLED = 8  # vectors of one value's rows; of more, the whole ones share a loop


class Target:
    """Number format, lanes and instruction choices of a kernel.

    Parameters
    ----------
    dtype : {"float64", "float32"}
    lanes : int
        Environments treated at a time. With one, lanes run over the rows of a value instead.
    has_fma : bool
        Whether the processor multiplies and adds in one instruction. Where it does not, the two are rounded apart.
    register_bytes : int
        Width of the processor's vector registers.
    """

    def __init__(self, dtype: str, lanes: int, has_fma: bool, register_bytes: int):
        self.dtype, self.lanes, self.has_fma, self.register_bytes = dtype, lanes, has_fma, register_bytes
        self.is_double = dtype == "float64"
        self.scalar = "double" if self.is_double else "float"
        self.bytes = 8 if self.is_double else 4
        self.integer = "i64" if self.is_double else "i32"
        self.vector = f"<{lanes} x {self.scalar}>"
        self.integers = f"<{lanes} x {self.integer}>"
        self.suffix = f"v{lanes}f{8 * self.bytes}"
        self.row_bytes = lanes * self.bytes
        self.align = min(64, self.row_bytes)
        self.row_lanes = max(1, register_bytes // self.bytes)  # rows in a vector, where there is one environment

    def over_rows(self, count: int) -> "Target":
        """Return the target of code that treats so many rows of one environment at a time."""
        wide = Target(self.dtype, count, self.has_fma, self.register_bytes)
        wide.align = self.bytes  # rows of one lane follow each other, and a field may start anywhere
        return wide


def pieces(rows: int, width: int) -> list[tuple[int, int]]:
    """Cut rows into whole vectors and then smaller powers of two: first row and number of each piece."""
    cut, start = [], 0
    while start < rows:
        while width > rows - start:
            width //= 2
        cut.append((start, width))
        start += width
    return cut


def literal(value: float, is_double: bool) -> str:
    """Return a number as LLVM writes it exactly: the bits of a double, which for a float holds the rounded value."""
    if not is_double:
        value = struct.unpack("f", struct.pack("f", value))[0]
    return f"0x{struct.unpack('<Q', struct.pack('<d', value))[0]:016X}"


class Code:
    """The body of one function, written line by line; methods return the name of the value they make."""

    def __init__(self, target: Target):
        self.target = target
        self.lines: list[str] = ["entry:"]
        self.block = "entry"
        self.intrinsics: set[str] = set()
        self._count = itertools.count(1)

    def over_rows(self, count: int) -> "Code":
        """Return a writer of the same function that treats ``count`` rows of one environment at a time."""
        wide = copy.copy(self)
        wide.target = self.target.over_rows(count)
        return wide

    def name(self) -> str:
        """Return a name not used before."""
        return f"%v{next(self._count)}"

    def emit(self, text: str) -> str:
        """Write ``name = text`` and return the name."""
        name = self.name()
        self.lines.append(f"  {name} = {text}")
        return name

    def do(self, text: str) -> None:
        """Write an instruction without a value."""
        self.lines.append(f"  {text}")

    def label(self, name: str) -> None:
        """Start a basic block."""
        self.lines.append(f"{name}:")
        self.block = name

    # --- numbers

    def const(self, value: float) -> str:
        """Return the same number in every lane."""
        return f"splat ({self.target.scalar} {literal(value, self.target.is_double)})"

    def bits(self, value: int) -> str:
        """Return the same integer in every lane."""
        return f"splat ({self.target.integer} {value})"

    def add(self, x: str, y: str) -> str:
        """``x + y``."""
        return self.emit(f"fadd {self.target.vector} {x}, {y}")

    def sub(self, x: str, y: str) -> str:
        """``x - y``."""
        return self.emit(f"fsub {self.target.vector} {x}, {y}")

    def mul(self, x: str, y: str) -> str:
        """``x * y``."""
        return self.emit(f"fmul {self.target.vector} {x}, {y}")

    def div(self, x: str, y: str) -> str:
        """``x / y``."""
        return self.emit(f"fdiv {self.target.vector} {x}, {y}")

    def neg(self, x: str) -> str:
        """``-x``."""
        return self.emit(f"fneg {self.target.vector} {x}")

    def fma(self, x: str, y: str, z: str) -> str:
        """``x * y + z``, rounded once where the processor can."""
        if not self.target.has_fma:
            return self.add(self.mul(x, y), z)
        return self.intrinsic("fma", x, y, z)

    def fms(self, x: str, y: str, z: str) -> str:
        """``x * y - z``."""
        return self.fma(x, y, self.neg(z)) if self.target.has_fma else self.sub(self.mul(x, y), z)

    def fnma(self, x: str, y: str, z: str) -> str:
        """``z - x * y``."""
        return self.fma(self.neg(x), y, z) if self.target.has_fma else self.sub(z, self.mul(x, y))

    def intrinsic(self, name: str, *values: str) -> str:
        """Call a lane-wise intrinsic of LLVM."""
        vector = self.target.vector
        full = f"@llvm.{name}.{self.target.suffix}"
        self.intrinsics.add(f"declare {vector} {full}({', '.join([vector] * len(values))})")
        return self.emit(f"call {vector} {full}({', '.join(f'{vector} {v}' for v in values)})")

    def compare(self, condition: str, x: str, y: str) -> str:
        """Return a mask; ``condition`` is LLVM's, such as ``ogt``."""
        return self.emit(f"fcmp {condition} {self.target.vector} {x}, {y}")

    def select(self, mask: str, yes: str, no: str) -> str:
        """Choose lane by lane."""
        lanes, vector = self.target.lanes, self.target.vector
        return self.emit(f"select <{lanes} x i1> {mask}, {vector} {yes}, {vector} {no}")

    def integer(self, op: str, x: str, y: str) -> str:
        """Return the result of an operation on the lanes' integers."""
        return self.emit(f"{op} {self.target.integers} {x}, {y}")

    def as_integers(self, x: str) -> str:
        """The lanes' bits."""
        return self.emit(f"bitcast {self.target.vector} {x} to {self.target.integers}")

    def as_numbers(self, x: str) -> str:
        """Return the numbers that the lanes' bits stand for."""
        return self.emit(f"bitcast {self.target.integers} {x} to {self.target.vector}")

    def polynomial(self, coefficients: Sequence[float], x: str, square: str) -> str:
        """Polynomial, highest power first, given ``x`` and its square.

        Estrin's scheme: pairs, pairs of pairs and so on. A few more products than Horner's, but a third of the waiting:
        the processor looks ahead too little to fill the gaps of a long chain.
        """
        terms: list[str] = []
        powers = list(reversed(coefficients))
        for low in range(0, len(powers) - 1, 2):
            terms.append(self.fma(self.const(powers[low + 1]), x, self.const(powers[low])))
        if len(powers) % 2:
            terms.append(self.const(powers[-1]))
        power = square
        while True:
            terms = [
                self.fma(terms[k + 1], power, terms[k]) if k + 1 < len(terms) else terms[k]
                for k in range(0, len(terms), 2)
            ]
            if len(terms) == 1:
                return terms[0]
            power = self.mul(power, power)

    # --- memory

    def address(self, base: str, offset: int) -> str:
        """Pointer ``offset`` bytes after another."""
        return base if offset == 0 else self.emit(f"getelementptr i8, ptr {base}, i64 {offset}")

    def load(self, pointer: str) -> str:
        """Load one row of lanes."""
        return self.emit(f"load {self.target.vector}, ptr {pointer}, align {self.target.align}")

    def store(self, value: str, pointer: str) -> None:
        """Store one row of lanes."""
        self.do(f"store {self.target.vector} {value}, ptr {pointer}, align {self.target.align}")

    def splat(self, pointer: str) -> str:
        """Load one number into all lanes."""
        scalar, vector, lanes = self.target.scalar, self.target.vector, self.target.lanes
        x = self.emit(f"load {scalar}, ptr {pointer}, align {self.target.bytes}")
        x = self.emit(f"insertelement {vector} poison, {scalar} {x}, i32 0")
        return self.emit(f"shufflevector {vector} {x}, {vector} poison, <{lanes} x i32> zeroinitializer")

    def spread(self, value: str) -> str:
        """Return a vector of one lane in all lanes."""
        lanes, scalar = self.target.lanes, self.target.scalar
        return value if lanes == 1 else self._shuffled(f"<1 x {scalar}>", value, [0] * lanes)

    def lane(self, value: str, lane: int) -> str:
        """Return one lane as a vector of one."""
        return value if self.target.lanes == 1 else self._shuffled(self.target.vector, value, [lane])

    def halves(self, value: str) -> tuple[str, str]:
        """Return the lower and the upper lanes as vectors of half the width."""
        lanes = list(range(self.target.lanes))
        middle = len(lanes) // 2
        low, high = (self._shuffled(self.target.vector, value, part) for part in (lanes[:middle], lanes[middle:]))
        return low, high

    def split(self, value: str, first: int, width: int) -> list[str]:
        """Cut into vectors of ``width`` lanes; fewer lanes stand from lane ``first`` on among zeros."""
        lanes, vector = self.target.lanes, self.target.vector
        if lanes == width:
            return [value]
        if lanes > width:
            cuts = range(0, lanes, width)
            return [self._shuffled(vector, value, range(start, start + width)) for start in cuts]
        zero, places = f"{vector} zeroinitializer", [lanes] * width
        places[first : first + lanes] = range(lanes)
        return [self._shuffled(vector, value, places, zero)]

    def _shuffled(self, vector: str, value: str, lanes: Sequence[int], other: str = "") -> str:
        mask = ", ".join(f"i32 {lane}" for lane in lanes)
        return self.emit(
            f"shufflevector {vector} {value}, {other or f'{vector} poison'}, <{len(lanes)} x i32> <{mask}>"
        )

    def text(self, signature: str) -> str:
        """Return the finished function."""
        return "\n".join([f"define {signature} {{", *self.lines, "  ret void", "}"])


class Loop:
    """A counted loop whose body is one basic block, with values carried from round to round.

    Parameters
    ----------
    code : Code
    rounds : int
        At least 1.
    steps : iterable of int
        One induction variable for each, starting at 0 and growing by this much; the first must be positive.
    carried : iterable of str
        Values before the first round.
    vectors : iterable of str
        Their types, where they are not the code's own.
    """

    def __init__(
        self,
        code: Code,
        rounds: int,
        steps: Iterable[int],
        carried: Iterable[str] = (),
        vectors: Iterable[str] = (),
    ):
        self.code, self.rounds, self.steps = code, rounds, list(steps)
        self.start = list(carried)
        self.vectors = list(vectors) or [code.target.vector] * len(self.start)
        before = code.block
        self.top = code.name()[1:]
        code.do(f"br label %{self.top}")
        code.label(self.top)
        self.counters = [code.name() for _ in self.steps]
        self.values = [code.name() for _ in self.start]
        self._phis = len(code.lines)
        self._before = before

    def close(self, carried: Iterable[str] = ()) -> list[str]:
        """End the body; return the carried values after the last round."""
        code, last = self.code, self.code.block
        following = [
            code.emit(f"add nuw nsw i64 {c}, {step}") for c, step in zip(self.counters, self.steps, strict=True)
        ]
        ends = list(carried)
        phis = [
            f"  {c} = phi i64 [ 0, %{self._before} ], [ {after}, %{last} ]"
            for c, after in zip(self.counters, following, strict=True)
        ]
        phis += [
            f"  {v} = phi {vector} [ {start}, %{self._before} ], [ {end}, %{last} ]"
            for v, vector, start, end in zip(self.values, self.vectors, self.start, ends, strict=True)
        ]
        code.lines[self._phis : self._phis] = phis
        more = code.emit(f"icmp ult i64 {following[0]}, {self.rounds * self.steps[0]}")
        after = code.name()[1:]
        code.do(f"br i1 {more}, label %{self.top}, label %{after}")
        code.label(after)
        return ends
