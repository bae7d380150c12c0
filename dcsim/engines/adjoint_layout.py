"""Order and place on the way back: as `dcsim.engines.layout`, for the stages of `dcsim.engines.adjoint`."""

from collections.abc import Iterable
from typing import NamedTuple

from dcsim.engines.adjoint import Adjoint, Slot, size_of
from dcsim.engines.graph import ALONE, Symbol, reachable
from dcsim.engines.layout import Group, Layout, Place, Temporaries, grouped, needs_memory, planned, sunk
from dcsim.engines.program import HOSTED, stage


class AdjointLayout(NamedTuple):
    """Everything the emitter needs to know about a program and its way back.

    Attributes
    ----------
    forward : Layout
        Of the program as it is run again.
    back : Layout
        Groups, places, stores and late copies of the stages on their way back.
    state_bar_start, start_start, moving_start : dict of str to int
        First rows of the fields: of their bars and of the state before the step in the workspace, and of the fields
        that move in a copy of the state.
    spare : tuple of int
        First rows of two buffers for bars of the swept fields.
    input_bar_start, environment_bar_start : dict of str to int
        First workspace rows of these bars.
    bars : tuple of int
        First workspace row and number of rows of all bars that are added up.
    hosted, timed_hosted : list of Symbol
        Host values that have bars, in order: the common ones start at ``hosted_start`` of the workspace, the timed ones
        at the start of ``timed_bar``.
    timed_bar_starts : tuple of int
        First workspace rows of ``timed_bar`` for full and for half sweeps.
    moving_rows : int
        Of a copy of the fields that move.
    rows : int
        Of the whole workspace, without the tape.
    """

    forward: Layout
    back: Layout
    state_bar_start: dict[str, int]
    start_start: dict[str, int]
    moving_start: dict[str, int]
    spare: tuple[int, int]
    input_bar_start: dict[str, int]
    environment_bar_start: dict[str, int]
    bars: tuple[int, int]
    hosted: list[Symbol]
    timed_hosted: list[Symbol]
    hosted_start: int
    timed_bar_starts: tuple[int, int]
    moving_rows: int
    rows: int


def planned_adjoint(adjoint: Adjoint) -> AdjointLayout:
    """Plan the kernel of a differentiated program."""
    return _Plan(adjoint).layout()


class _Plan:
    def __init__(self, adjoint: Adjoint):
        self.adjoint, self.program = adjoint, adjoint.program
        self.forward = planned(adjoint.program)
        self.rows = self.forward.rows
        self.slots: dict[Slot, Place] = {}

    def _reserve(self, rows: int) -> int:
        start = self.rows
        self.rows += rows
        return start

    def layout(self) -> AdjointLayout:
        program, forward = self.program, self.forward
        rows = program.state_rows
        swept = list(program.sweep)
        state_bar_start = {f: self._reserve(rows[f]) for f in [*swept, *(f for f in rows if f not in program.sweep)]}
        moving_start, moving_rows = {}, 0
        for field in [*swept, *(f for f in program.monitor if f not in program.sweep)]:
            moving_start[field] = moving_rows
            moving_rows += rows[field]
        spare = (self._reserve(forward.moving_rows), self._reserve(forward.moving_rows))
        read = set(self.adjoint.reads.values())
        start_start = {f: self._reserve(rows[f]) for f in rows if Slot("start", f) in read}
        self._field_slots("state_bar", "ws", state_bar_start)
        self._field_slots("start", "ws", start_start)
        self._field_slots("old", "old", moving_start)
        for kind in ("made_bar", "given_bar", "given"):
            self._field_slots(kind, kind, {f: moving_start[f] for f in swept})
        bars = self._bar_slots()
        for slot in read:
            if slot.kind == "input":
                self.slots[slot] = forward.places[int(slot.key)]
            elif slot.kind == "tape":
                self.slots[slot] = next(p for p in forward.stores[int(slot.key)] if p.base == "tape")
        stages = {at: _Stage(list(writes.items()), self) for at, writes in self.adjoint.writes.items()}
        start = self.rows
        for planned_stage in stages.values():
            self.rows = max(self.rows, planned_stage.find_places(start))
        places = dict(forward.places)
        stores: dict[int, list[Place]] = {}
        for planned_stage in stages.values():
            places |= planned_stage.places
            stores |= planned_stage.stores
        back = forward._replace(
            groups={at: s.groups for at, s in stages.items()},
            places=places,
            stores=stores,
            late={at: s.late for at, s in stages.items()},
        )
        return AdjointLayout(
            forward, back, state_bar_start, start_start, moving_start, spare, *bars, moving_rows, self.rows
        )

    def _field_slots(self, kind: str, base: str, starts: dict[str, int]) -> None:
        self.slots.update((Slot(kind, f), Place(base, start)) for f, start in starts.items())

    def _bar_slots(self):
        bars = self.adjoint.bars
        leaves = [x for x in bars if x.op == "leaf"]
        starts: dict[str, dict[str, int]] = {"input": {}, "environment": {}}
        first = self.rows
        for x in bars:
            if stage(x) == HOSTED or x.is_timed:
                continue
            place = Place("ws", self._reserve(size_of(x)))
            self.slots[Slot("bar", x.index)] = place
            if x.op == "leaf" and x.args[0] in starts:
                starts[x.args[0]][x.args[1]] = place.start
        hosted = [x for x in bars if stage(x) == HOSTED and not x.is_timed]
        hosted_start = self.rows
        for x in hosted:
            self.slots[Slot("bar", x.index)] = Place("ws", self._reserve(size_of(x)))
        timed_hosted = [x for x in bars if stage(x) == HOSTED and x.is_timed]
        timed_rows = 0
        for x in [*timed_hosted, *(x for x in bars if stage(x) != HOSTED and x.is_timed)]:
            self.slots[Slot("bar", x.index)] = Place("timed_bar", timed_rows)
            timed_rows += size_of(x)
        timed = (self._reserve(timed_rows), self._reserve(timed_rows))
        whole = (first, self.rows - first)
        return starts["input"], starts["environment"], whole, hosted, timed_hosted, hosted_start, timed


import os
_KEPT_FROM = int(os.environ.get('KF','4'))

class _Stage:
    """Loops of one stage, and places of its values."""

    def __init__(self, writes: list[tuple[Slot, Symbol]], plan: _Plan):
        roots = [x for _, x in writes]
        symbols = reachable(roots)
        at = {stage(x) for x in roots}
        own = [x for x in symbols if stage(x) in at and x.op != "leaf"]
        again = _computed_again(symbols, own, plan.adjoint.reads) - {x.index for x in roots}
        self.groups = _with_own_values(
            sunk(grouped([x for x in own if x.index not in again]), _users(own), {x.index for x in roots}), again
        )
        self.number: dict[int, int] = {}
        self.last_use: dict[int, int] = {}
        for i, group in enumerate(self.groups):
            for x in group.symbols:
                self.number.setdefault(x.index, i)
        for i, group in enumerate(self.groups):
            here = {x.index for x in group.symbols}
            for a in (a for x in group.symbols for a in x.operands):
                if a.index not in here:
                    self.last_use[a.index] = i
        self.places: dict[int, Place] = {}
        self.stores: dict[int, list[Place]] = {}
        self.late: list[tuple[Place, Place, int]] = []
        self.last_reads: dict[Place, int] = {}
        for i, group in enumerate(self.groups):
            for a in (a for x in group.symbols for a in x.operands):
                if a.index in plan.adjoint.reads:
                    place = self.places[a.index] = plan.slots[plan.adjoint.reads[a.index]]
                    self.last_reads[place] = i
        self.targets: dict[int, list[Place]] = {}
        for slot, x in writes:
            self.targets.setdefault(x.index, []).append(plan.slots[slot])

    def _store(self, x: Symbol, place: Place) -> None:
        self.stores.setdefault(x.index, []).append(place)
        self.places.setdefault(x.index, place)

    def find_places(self, start: int) -> int:
        """Give places to what is written and what other loops read, from row ``start`` on; return the last row."""
        lent = Temporaries(start)
        ends: dict[int, list[tuple[int, int]]] = {}
        for i, group in enumerate(self.groups):
            for x in (x for x in group.symbols if self.number[x.index] == i):
                last = self.last_use.get(x.index, i)
                deferred = []
                for target in self.targets.get(x.index, ()):
                    if self.last_reads.get(target, -1) <= i - (x.op in ("matmul", "stack")):  # they read what they do not write
                        self._store(x, target)
                    else:
                        deferred.append(target)
                if x.index not in self.places and (deferred or (last > i and x.rows > 1)):
                    self._store(x, Place("ws", lent.take(x.rows)))
                    ends.setdefault(len(self.groups) if deferred else last, []).append(
                        (self.places[x.index].start, x.rows)
                    )
                self.late.extend((self.places[x.index], target, x.rows) for target in deferred)
            for first, rows in ends.get(i, []):
                lent.give(first, rows)
        return lent.end


def _users(symbols: list[Symbol]) -> dict[int, list[Symbol]]:
    users: dict[int, list[Symbol]] = {}
    for x in symbols:
        users.setdefault(x.index, [])
        for a in x.operands:
            users.setdefault(a.index, []).append(x)
    return users


def _computed_again(symbols: list[Symbol], own: list[Symbol], reads: dict[int, Slot]) -> set[int]:
    """Values of the step that are computed anew, in each loop that uses them."""
    bars: set[int] = set()
    for x in symbols:
        slot = reads.get(x.index)
        if (slot is not None and slot.kind.endswith("bar")) or any(a.index in bars for a in x.operands):
            bars.add(x.index)
    again = {x.index for x in own if x.index not in bars}
    again -= {a.index for x in own if needs_memory(x) for a in x.operands if a.rows > 1}
    return again


def _with_own_values(groups: list[Group], again: set[int]) -> list[Group]:
    """Add to each loop the values that it computes anew; those of one row come before the first loop that uses them."""
    done: set[int] = set()  # of one row
    once: set[int] = set()  # of several rows
    found: list[Group] = []
    for group in groups:
        own = {x.index for x in group.symbols}
        here: dict[int, Symbol] = {}
        before: dict[int, Symbol] = {}
        outside: set[int] = set()

        def cost(x: Symbol, seen: set[int]) -> int:
            if x.index in here or x.index in seen or x.index not in again or x.rows == 1:
                return 0
            seen.add(x.index)
            return 1 + sum(cost(a, seen) for a in x.operands)

        def visit(x: Symbol) -> None:
            if x.index in here or x.index in before or x.index in done:
                return
            if x.index not in own and x.index not in again:
                return
            if x.index in outside:
                return
            if x.index in once and x.index not in own and cost(x, set()) >= _KEPT_FROM:
                outside.add(x.index)
                return
            for a in x.operands:
                visit(a)
            if x.rows == group.rows or x.index in own:
                here[x.index] = x
            else:
                assert x.rows == 1, (x.op, x.rows, group.rows)
                before[x.index] = x

        for x in group.symbols:
            visit(x)
        if before:
            if found and found[-1].rows == 1 and found[-1].symbols[0].op not in ALONE:
                found[-1] = Group(1, [*found[-1].symbols, *before.values()])
            else:
                found.append(Group(1, list(before.values())))
            done |= before.keys()
        if group.rows == 1:
            done |= here.keys()
        else:
            once |= here.keys() & again
        found.append(Group(group.rows, list(here.values())))
    return found
