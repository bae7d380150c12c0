"""Order and place: which symbols share a loop over rows, and where each value lives while the kernel runs.

The kernel treats W environments at a time, one per lane. All values of such a block live in one workspace of rows of W
lanes, small enough for the first-level cache. Symbols with the same number of rows that do not wait for one another
share one loop; what is used only there stays in registers.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from dcsim.engines.graph import ALONE, REDUCTIONS, Symbol, reachable
from dcsim.engines.program import AFTER, BEGIN, HOSTED, PREPARE, SWEEP, Program, stage

STAGES = (BEGIN, PREPARE, SWEEP, AFTER)


class Place(NamedTuple):
    """Where a value lives.

    ``base`` is ``ws`` (workspace), ``src`` or ``dst`` (the swept fields before and after a sweep), ``timed`` (held
    values that depend on the time step), ``temp`` (what only one stage needs), ``tape`` (what is kept for derivatives),
    or for host values ``params`` and ``timed_params``; ``start`` is the first row, for host values the first element.
    """

    base: str
    start: int


class Group(NamedTuple):
    """Symbols computed in one loop over ``rows`` rows; a product with a matrix is a group of its own."""

    rows: int
    symbols: list[Symbol]


class Layout(NamedTuple):
    """Everything the emitter needs to know about order and place.

    Attributes
    ----------
    groups : dict of int to list of Group
        Per stage.
    places : dict of int to Place
        By index of the symbol, of all that is read from memory.
    stores : dict of int to list of Place
        By index of the symbol, where its value is to be written.
    late : dict of int to list of (Place, Place, int)
        Per stage: rows to be copied at its end, for outputs whose field is still read after they are known.
    moving_rows : int
        Rows of the fields that sweep changes; they come first in the workspace.
    state_start, input_start, environment_start : dict of str to int
        First workspace row of the fields the kernel reads or writes.
    spare : tuple of int
        First rows of the buffers a sweep writes to.
    timed_starts : tuple of int
        First rows of ``timed`` for full and for half sweeps.
    params, timed_params : list of Symbol
        Host values in order.
    rows, temporary_rows : int
        Of the workspace, and of what a stage at work needs besides.
    tape_rows : dict of int to int
        Per stage, of what the program keeps of it: at ``tape``.
    """

    groups: dict[int, list[Group]]
    places: dict[int, Place]
    stores: dict[int, list[Place]]
    late: dict[int, list[tuple[Place, Place, int]]]
    moving_rows: int
    state_start: dict[str, int]
    input_start: dict[str, int]
    environment_start: dict[str, int]
    spare: tuple[int, ...]
    timed_starts: tuple[int, int]
    params: list[Symbol]
    timed_params: list[Symbol]
    rows: int
    temporary_rows: int
    tape_rows: dict[int, int]


def loop_rows(symbol: Symbol) -> int:
    """Rows of the loop that computes a symbol."""
    return max(a.rows for a in symbol.operands) if symbol.op in REDUCTIONS else symbol.rows


def needs_memory(user: Symbol) -> bool:
    """Whether a symbol reads rows of its operands other than its own."""
    return user.op in ("matmul", "row", "outer", "spread")


def grouped(symbols: Sequence[Symbol]) -> list[Group]:
    """Share out one stage's symbols into loops.

    Greedy: of the loops that could run next, the one with most symbols. Products with matrices come as soon as they
    can.
    """
    here = {x.index for x in symbols}
    waiting = {x.index: len({a.index for a in x.operands if a.index in here}) for x in symbols}
    users: dict[int, list[Symbol]] = {index: [] for index in here}
    for x in symbols:
        for index in {a.index for a in x.operands if a.index in here}:
            users[index].append(x)
    ready = {x.index: x for x in symbols if not waiting[x.index]}
    groups = []

    def closure(rows: int) -> list[Symbol]:
        found, left = [], dict[int, int]()
        stack = [x for x in ready.values() if x.op not in ALONE and loop_rows(x) == rows]
        while stack:
            x = stack.pop()
            found.append(x)
            if x.op in REDUCTIONS:
                continue
            for user in users[x.index]:
                if loop_rows(user) == rows and not needs_memory(user) and user.op not in ALONE:
                    left[user.index] = left.get(user.index, waiting[user.index]) - 1
                    if not left[user.index]:
                        stack.append(user)
        return found

    while ready:
        best = [x for x in ready.values() if x.op in ALONE][:1]
        for rows in sorted({loop_rows(x) for x in ready.values()}) if not best else ():
            best = max(best, closure(rows), key=len)
        groups.append(Group(loop_rows(best[0]), sorted(best, key=lambda x: x.index)))
        chosen = {x.index for x in best}
        for x in best:
            ready.pop(x.index, None)
            for user in users[x.index]:
                waiting[user.index] -= 1
                if not waiting[user.index] and user.index not in chosen:
                    ready[user.index] = user
    return groups


def sunk(groups: list[Group], users: dict[int, list[Symbol]], outputs: set[int]) -> list[Group]:
    """Move symbols to the loop that uses them, where no more values are then carried between loops in memory."""
    number = {x.index: i for i, group in enumerate(groups) for x in group.symbols}

    def is_carried(x: Symbol, at: int) -> bool:
        return x.index in outputs or any(number.get(user.index) != at or needs_memory(user) for user in users[x.index])

    for i in reversed(range(len(groups))):
        for x in reversed(groups[i].symbols):
            if x.index in outputs or x.op in REDUCTIONS or x.op in ALONE or needs_memory(x):
                continue
            if any(user.index not in number for user in users[x.index]):
                continue
            to = min(number[user.index] for user in users[x.index])
            if (
                to == i
                or groups[to].rows != x.rows
                or any(needs_memory(user) for user in users[x.index] if number[user.index] == to)
            ):
                continue
            own = [a for a in x.operands if number.get(a.index) == i and a.rows > 1]
            newly = sum(not is_carried(a, i) for a in {a.index: a for a in own}.values())
            freed = all(number[user.index] == to for user in users[x.index])
            if newly <= freed:
                number[x.index] = to
    moved: list[list[Symbol]] = [[] for _ in groups]
    for group in groups:
        for x in group.symbols:
            moved[number[x.index]].append(x)
    return [
        Group(group.rows, sorted(new, key=lambda x: x.index)) for group, new in zip(groups, moved, strict=True) if new
    ]


class Temporaries:
    """Rows that are lent to values for as long as they are needed."""

    def __init__(self) -> None:
        self.end = 0
        self._free: list[tuple[int, int]] = []  # start, rows

    def take(self, rows: int) -> int:
        """Lend rows; return the first."""
        fits = [gap for gap in self._free if gap[1] >= rows]
        if fits:
            gap = min(fits, key=lambda g: g[1])
            self._free.remove(gap)
            if gap[1] > rows:
                self._free.append((gap[0] + rows, gap[1] - rows))
            return gap[0]
        start = self.end
        self.end += rows
        return start

    def give(self, start: int, rows: int) -> None:
        """Take rows back."""
        self._free.append((start, rows))
        self._free.sort()
        merged: list[tuple[int, int]] = []
        for gap in self._free:
            if merged and merged[-1][0] + merged[-1][1] == gap[0]:
                merged[-1] = (merged[-1][0], merged[-1][1] + gap[1])
            else:
                merged.append(gap)
        self._free = merged


def planned(program: Program, is_swept_in_place: bool = False) -> Layout:
    """Plan the kernel of a simplified program.

    Parameters
    ----------
    program : Program
    is_swept_in_place : bool
        Whether a sweep may write over the fields that it reads: one spare buffer is then enough.
    """
    return _Plan(program, is_swept_in_place).layout()


class _Plan:
    def __init__(self, program: Program, is_swept_in_place: bool):
        self.program, self.is_swept_in_place = program, is_swept_in_place
        self.symbols = reachable(program.outputs())
        self.places: dict[int, Place] = {}
        self.stores: dict[int, list[Place]] = {}
        self.late: dict[int, list[tuple[Place, Place, int]]] = {s: [] for s in STAGES}
        self.users: dict[int, list[Symbol]] = {x.index: [] for x in self.symbols}
        for x in self.symbols:
            for a in x.operands:
                self.users[a.index].append(x)
        self.kept = {x.index for x in program.kept}
        outputs = {x.index for x in program.outputs()}
        self.groups = {}
        for s in STAGES:
            groups = grouped([x for x in self.symbols if stage(x) == s and x.op != "leaf"])
            self.groups[s] = sunk(groups, self.users, outputs)
        kinds = {BEGIN: "begin", SWEEP: "sweep", AFTER: "monitor"}
        self.last_reads = {at: self._last_reads(at, kind) for at, kind in kinds.items()}
        self.rows = 0

    def _store(self, x: Symbol, place: Place) -> None:
        """Have a value written to a place; the first is where others find it."""
        self.stores.setdefault(x.index, []).append(place)
        self.places.setdefault(x.index, place)

    def _reserve(self, rows: int) -> int:
        start = self.rows
        self.rows += rows
        return start

    def layout(self) -> Layout:
        program = self.program
        leaves = [x for x in self.symbols if x.op == "leaf"]
        read = {x.args[1] for x in leaves if x.args[0] in ("begin", "sweep", "monitor")}
        swept = list(program.sweep)
        used = [f for f in program.state_rows if f in read or f in program.begin or f in program.monitor]
        state_start = {f: self._reserve(program.state_rows[f]) for f in swept}
        moving_rows = self.rows
        state_start |= {f: self._reserve(program.state_rows[f]) for f in used if f not in state_start}
        input_start = {x.args[1]: self._reserve(x.rows) for x in leaves if x.args[0] == "input"}
        environment_start = {x.args[1]: self._reserve(x.rows) for x in leaves if x.args[0] == "environment"}
        for x in leaves:
            if x.level == 0:
                continue
            kind, name = x.args
            start = {"input": input_start, "environment": environment_start}.get(kind, state_start)[name]
            self.places[x.index] = Place("src" if kind == "sweep" and name in program.sweep else "ws", start)
        params, timed_params = self._host_values()
        self._held_places(state_start)
        timed_starts = self._timed_places()
        spare = tuple(self._reserve(moving_rows) for _ in range(1 if self.is_swept_in_place else 3))
        for name, x in program.sweep.items():
            if not self.is_swept_in_place:
                self._store(x, Place("dst", state_start[name]))
        tape_rows = {s: self._tape_places(s) for s in (SWEEP, AFTER)}
        temporary = max(self._temporary_places(s, state_start) for s in STAGES)
        return Layout(
            self.groups, self.places, self.stores, self.late, moving_rows, state_start, input_start, environment_start,
            spare, timed_starts, params, timed_params, self.rows, temporary, tape_rows,
        )  # fmt: skip

    def _host_values(self) -> tuple[list[Symbol], list[Symbol]]:
        """Give places to the parameter-level symbols that the kernel reads."""
        wanted: list[Symbol] = []
        for x in self.symbols:
            if stage(x) == HOSTED and x.op != "const" and self._crosses(x):
                wanted.append(x)
        split: tuple[list[Symbol], list[Symbol]] = ([], [])
        size = [0, 0]
        for x in wanted:
            timed = int(x.is_timed)
            self.places[x.index] = Place("timed_params" if timed else "params", size[timed])
            split[timed].append(x)
            size[timed] += x.rows * max(x.columns, 1)
        return split

    def _crosses(self, x: Symbol) -> bool:
        """Whether a value is read in a later stage than its own."""
        return x.index in self.kept or any(stage(user) != stage(x) for user in self.users[x.index])

    def _held_places(self, state_start: dict[str, int]) -> None:
        """Rows that last for the control step, for what begin computes and later stages read."""
        later = {*self.program.sweep, *self.program.monitor}
        resting = {x.index: f for f, x in self.program.begin.items() if f not in later}
        for group in self.groups[BEGIN]:
            for x in group.symbols:
                if not self._crosses(x):
                    continue
                if x.index in resting and self._is_direct(BEGIN, resting[x.index], x):
                    self._store(x, Place("ws", state_start[resting[x.index]]))
                else:
                    self._store(x, Place("ws", self._reserve(x.rows)))

    def _timed_places(self) -> tuple[int, int]:
        rows = 0
        for group in self.groups[PREPARE]:
            for x in group.symbols:
                if self._crosses(x):
                    self._store(x, Place("timed", rows))
                    rows += x.rows
        return self._reserve(rows), self._reserve(rows)

    def _tape_places(self, at: int) -> int:
        rows = 0
        for group in self.groups[at]:
            for x in group.symbols:
                if x.index in self.kept:
                    self._store(x, Place("tape", rows))
                    rows += x.rows
        return rows

    def _last_reads(self, at: int, kind: str) -> dict[str, int]:
        """Last group of a stage that reads each field's old value."""
        last = {}
        for i, group in enumerate(self.groups[at]):
            for a in (a for x in group.symbols for a in x.operands if a.op == "leaf" and a.args[0] == kind):
                last[a.args[1]] = i
        return last

    def _is_direct(self, at: int, field: str, output: Symbol) -> bool:
        """Whether an output may be written over its field at once: nothing in its stage reads the old value any more.

        Within one loop stores come last and rows are independent, so readers in the output's own loop are no hindrance.
        """
        own = next(i for i, g in enumerate(self.groups[at]) if any(x is output for x in g.symbols))
        if output.op == "matmul":  # reads all rows for each it writes
            own -= 1
        return self.last_reads[at].get(field, -1) <= own

    def _temporary_places(self, at: int, state_start: dict[str, int]) -> int:
        """Give places to what other loops of the stage read and to outputs written in place; return the rows taken."""
        lent = Temporaries()
        groups = self.groups[at]
        number = {x.index: i for i, g in enumerate(groups) for x in g.symbols}
        outputs = {BEGIN: self.program.begin, AFTER: self.program.monitor}.get(at, {})
        if at == SWEEP and self.is_swept_in_place:
            outputs = self.program.sweep
        ends: dict[int, list[tuple[int, int]]] = {}
        for i, group in enumerate(groups):
            for x in group.symbols:
                last = max((number[user.index] for user in self.users[x.index] if stage(user) == at), default=i)
                deferred = []
                for name in (f for f, output in outputs.items() if output is x):
                    target = Place("dst" if at == SWEEP else "ws", state_start[name])
                    if target in self.stores.get(x.index, []):
                        continue
                    if self._is_direct(at, name, x):
                        self._store(x, target)
                    else:
                        deferred.append(target)
                if x.index not in self.places and (deferred or (last > i and x.rows > 1)):
                    self._store(x, Place("temp", lent.take(x.rows)))
                    ends.setdefault(len(groups) if deferred else last, []).append((self.places[x.index].start, x.rows))
                self.late[at].extend((self.places[x.index], target, x.rows) for target in deferred)
            for start, rows in ends.get(i, []):
                lent.give(start, rows)
        return lent.end


def runs(names: Iterable[str], rows: Mapping[str, int], starts: Mapping[str, int]) -> list[tuple[int, int, int]]:
    """Join fields that are neighbours both outside and in the workspace: (row outside, workspace row, rows)."""
    joined: list[tuple[int, int, int]] = []
    wanted, outside = set(names), 0
    for name, count in rows.items():
        if name in wanted:
            start = starts[name]
            if joined and joined[-1][0] + joined[-1][2] == outside and joined[-1][1] + joined[-1][2] == start:
                joined[-1] = (joined[-1][0], joined[-1][1], joined[-1][2] + count)
            else:
                joined.append((outside, start, count))
        outside += count
    return joined
