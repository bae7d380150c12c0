"""Order and place on the way back: as `dcsim.engines.layout`, for the stages of `dcsim.engines.adjoint`."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from dcsim.engines.adjoint import Adjoint, Slot, size_of
from dcsim.engines.graph import ALONE, Symbol, reachable
from dcsim.engines.layout import Group, Layout, Place, Temporaries, grouped, needs_memory, planned, sunk
from dcsim.engines.program import HOSTED, stage

_ANEW_UP_TO = 30
"""Values that a loop computes anew so that it need not read one of them that another loop has computed: as measured
with 4 and 8 environments a block, which like fewer and more."""


class AdjointLayout(NamedTuple):
    """Everything the emitter needs to know about a program and its way back.

    All starts are rows of the workspace unless said otherwise.

    Attributes
    ----------
    forward : Layout
        Of the program as it is run again.
    back : Layout
        The same with groups, places, stores and late copies of the stages on their way back.
    state_bar_start, start_start, input_bar_start, environment_bar_start : dict of str to int
        First rows of each field's bar, and of what the state was before the step. Bars of swept fields stand first and
        in the order of the swept fields.
    old_start, seen_start : dict of str to int
        First rows, in the part of the tape for them, of fields as they were before a sub-step and before monitor.
    old_rows : int
        Of that part.
    made_bar_start, given_bar_start : int
        Of two buffers for bars of the swept fields.
    cleared : tuple of int
        First row and number of rows of the bars that start at zero.
    hosted, timed_hosted : list of Symbol
        Host values that have bars, in order.
    hosted_start : int
        Of the bars of ``hosted``; those of ``timed_hosted`` come first in ``timed_bar``.
    timed_bar_starts : tuple of int
        Of ``timed_bar`` for full and for half sweeps.
    rows, temporary_rows : int
        Of the workspace without the tape, and of what a stage at work needs besides.
    """

    forward: Layout
    back: Layout
    state_bar_start: dict[str, int]
    start_start: dict[str, int]
    input_bar_start: dict[str, int]
    environment_bar_start: dict[str, int]
    old_start: dict[str, int]
    seen_start: dict[str, int]
    old_rows: int
    made_bar_start: int
    given_bar_start: int
    cleared: tuple[int, int]
    hosted: list[Symbol]
    timed_hosted: list[Symbol]
    hosted_start: int
    timed_bar_starts: tuple[int, int]
    rows: int
    temporary_rows: int


def planned_adjoint(adjoint: Adjoint) -> AdjointLayout:
    """Plan the kernel of a differentiated program."""
    program, forward = adjoint.program, planned(adjoint.program)
    field_rows, reads = program.state_rows, set(adjoint.reads.values())
    rows = _Rows(forward.rows)
    swept = [f for f in field_rows if f in program.sweep]
    state_bar_start = rows.of_fields([*swept, *(f for f in field_rows if f not in program.sweep)], field_rows)
    start_start = rows.of_fields([f for f in field_rows if Slot("start", f) in reads], field_rows)
    made_bar_start, given_bar_start = rows.take(forward.moving_rows), rows.take(forward.moving_rows)
    old = _Rows(0)
    old_start = old.of_fields([f for f in field_rows if Slot("old", f) in reads], field_rows)
    seen_start = old.of_fields([f for f in field_rows if Slot("seen", f) in reads], field_rows)

    def parts(kind: str) -> list[Symbol]:
        return [x for x in adjoint.bars if x.op == "leaf" and x.args[0] == kind]

    hosted = [x for x in adjoint.bars if stage(x) == HOSTED and not x.is_timed]
    timed_hosted = [x for x in adjoint.bars if stage(x) == HOSTED and x.is_timed]
    timed = [*timed_hosted, *(x for x in adjoint.bars if stage(x) != HOSTED and x.is_timed)]
    inputs, environment = parts("input"), parts("environment")
    apart = {x.index for x in (*hosted, *timed, *inputs, *environment)}
    held = [x for x in adjoint.bars if x.index not in apart]
    bar_start = rows.of_values(environment)
    cleared_start = rows.end
    bar_start |= rows.of_values([*inputs, *held])
    hosted_start = rows.end
    bar_start |= rows.of_values(hosted)
    timed_rows = _Rows(0)
    timed_start = timed_rows.of_values(timed)
    timed_bar_starts = rows.take(timed_rows.end), rows.take(timed_rows.end)
    cleared = cleared_start, rows.end - cleared_start

    slots = {Slot("state_bar", f): Place("ws", start) for f, start in state_bar_start.items()}
    slots |= {Slot("start", f): Place("ws", start) for f, start in start_start.items()}
    slots |= {Slot("old", f): Place("old", start) for f, start in old_start.items()}
    slots |= {Slot("seen", f): Place("old", start) for f, start in seen_start.items()}
    slots |= {
        Slot(kind, f): Place(kind, forward.state_start[f]) for f in swept for kind in ("made_bar", "given_bar", "given")
    }
    slots |= {Slot("bar", index): Place("ws", start) for index, start in bar_start.items()}
    slots |= {Slot("bar", index): Place("timed_bar", start) for index, start in timed_start.items()}
    for slot in reads:
        if slot.kind == "input":
            slots[slot] = forward.places[int(slot.key)]
        elif slot.kind == "tape":
            slots[slot] = next(place for place in forward.stores[int(slot.key)] if place.base == "tape")

    stages = {at: _Stage(writes, adjoint.reads, slots) for at, writes in adjoint.writes.items()}
    places, stores = dict(forward.places), dict[int, list[Place]]()
    temporary_rows = forward.temporary_rows
    for one in stages.values():
        temporary_rows = max(temporary_rows, one.find_places())
        places |= one.places
        stores |= one.stores
    back = forward._replace(
        groups={at: one.groups for at, one in stages.items()},
        places=places,
        stores=stores,
        late={at: one.late for at, one in stages.items()},
    )
    return AdjointLayout(
        forward, back, state_bar_start, start_start, {x.args[1]: bar_start[x.index] for x in inputs},
        {x.args[1]: bar_start[x.index] for x in environment}, old_start, seen_start, old.end, made_bar_start,
        given_bar_start, cleared, hosted, timed_hosted, hosted_start, timed_bar_starts, rows.end, temporary_rows,
    )  # fmt: skip


class _Rows:
    """Rows given away one after another."""

    def __init__(self, start: int):
        self.end = start

    def take(self, rows: int) -> int:
        start = self.end
        self.end += rows
        return start

    def of_fields(self, names: Iterable[str], rows: Mapping[str, int]) -> dict[str, int]:
        return {name: self.take(rows[name]) for name in names}

    def of_values(self, values: Iterable[Symbol]) -> dict[int, int]:
        return {x.index: self.take(size_of(x)) for x in values}


class _Stage:
    """Loops of one stage, and places of its values."""

    def __init__(self, writes: dict[Slot, Symbol], reads: dict[int, Slot], slots: dict[Slot, Place]):
        symbols = reachable(list(writes.values()))
        at = {stage(x) for x in writes.values()}
        own = [x for x in symbols if stage(x) in at and x.op != "leaf"]
        self.groups = _grouped(own, {x.index for x in writes.values()}, _made_of_bars(symbols, reads))
        self.places: dict[int, Place] = {}
        self.stores: dict[int, list[Place]] = {}
        self.late: list[tuple[Place, Place, int]] = []
        self.targets: dict[int, list[Place]] = {}
        for slot, x in writes.items():
            self.targets.setdefault(x.index, []).append(slots[slot])
        self.last_use: dict[int, int] = {}  # last loop that reads a value it does not compute
        self.last_read: dict[Place, int] = {}
        for i, group in enumerate(self.groups):
            here = {x.index for x in group.symbols}
            for a in (a for x in group.symbols for a in x.operands if a.index not in here):
                self.last_use[a.index] = i
                if a.index in reads:
                    place = self.places[a.index] = slots[reads[a.index]]
                    self.last_read[place] = i

    def _store(self, x: Symbol, place: Place) -> None:
        self.stores.setdefault(x.index, []).append(place)
        self.places.setdefault(x.index, place)

    def find_places(self) -> int:
        """Give places to what is written and what other loops read; return the temporary rows."""
        lent, seen = Temporaries(), set[int]()
        ends: dict[int, list[tuple[int, int]]] = {}
        for i, group in enumerate(self.groups):
            for x in (x for x in group.symbols if x.index not in seen):
                seen.add(x.index)
                last = self.last_use.get(x.index, i)
                deferred = []
                for target in self.targets.get(x.index, ()):
                    # a product with a matrix reads other rows than it writes
                    if self.last_read.get(target, -1) <= i - (x.op == "matmul"):
                        self._store(x, target)
                    else:
                        deferred.append(target)
                if x.index not in self.places and (deferred or (last > i and x.rows > 1)):
                    self._store(x, Place("temp", lent.take(x.rows)))
                    end = len(self.groups) if deferred else last
                    ends.setdefault(end, []).append((self.places[x.index].start, x.rows))
                self.late.extend((self.places[x.index], target, x.rows) for target in deferred)
            for first, rows in ends.get(i, []):
                lent.give(first, rows)
        return lent.end


def _made_of_bars(symbols: list[Symbol], reads: dict[int, Slot]) -> set[int]:
    found: set[int] = set()
    for x in symbols:
        is_bar = x.index in reads and reads[x.index].kind.endswith("bar")
        if is_bar or any(a.index in found for a in x.operands):
            found.add(x.index)
    return found


def _grouped(own: list[Symbol], written: set[int], bars: set[int]) -> list[Group]:
    """Share out a stage into loops: its bars as `dcsim.engines.layout` does, and to each loop what it needs of the step.

    Values of the step are computed anew by every loop that uses them, unless that is much.
    """
    users: dict[int, list[Symbol]] = {x.index: [] for x in own}
    for x in own:
        for a in x.operands:
            users.setdefault(a.index, []).append(x)
    in_memory = {a.index for x in own if needs_memory(x) for a in x.operands if a.rows > 1}
    anew = {x.index for x in own} - bars - written - in_memory
    done: set[int] = set()  # values of one row: computed before the first loop that uses them, and then kept
    computed: set[int] = set()
    groups: list[Group] = []
    for group in sunk(grouped([x for x in own if x.index not in anew]), users, written):
        here = {x.index: x for x in group.symbols}
        missing = anew - done
        for x in reversed(_closure(group.symbols, missing)):
            if x.index in computed and x.rows > 1 and len(_closure([x], missing)) > _ANEW_UP_TO:
                missing.discard(x.index)
        needed = _closure(group.symbols, missing)
        before = [x for x in needed if x.rows == 1 and (group.rows > 1 or group.symbols[0].op in ALONE)]
        here |= {x.index: x for x in needed}
        for x in before:
            del here[x.index]
        if before:
            is_open = bool(groups) and groups[-1].rows == 1 and groups[-1].symbols[0].op not in ALONE
            groups.append(Group(1, [*(groups.pop().symbols if is_open else ()), *before]))
        done |= {x.index for x in (*before, *here.values()) if x.rows == 1}
        computed |= here.keys()
        groups.append(Group(group.rows, [here[index] for index in sorted(here)]))
    return groups


def _closure(users: Iterable[Symbol], among: set[int]) -> list[Symbol]:
    """Symbols among some that others need, in an order in which they can be computed."""
    found: dict[int, Symbol] = {}
    stack = list(users)
    while stack:
        for a in stack.pop().operands:
            if a.index in among and a.index not in found:
                found[a.index] = a
                stack.append(a)
    return [found[index] for index in sorted(found)]
