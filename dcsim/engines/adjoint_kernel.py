"""Writes the kernel of a way back: runs a control step again, keeps what is needed of it, and takes bars back through it.

The tape has a part for each sub-step: the swept fields before it and between its half passes, other fields that are
read, and what the three passes and monitor keep. The new state is ``2 fine - coarse``: twice its bar goes back through
the second and then the first half pass, minus its bar through the pass of full length.
"""

from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

from dcsim.engines.adjoint import Adjoint
from dcsim.engines.adjoint_layout import AdjointLayout, planned_adjoint
from dcsim.engines.emit import (
    ATTRIBUTES,
    PASS_POINTERS,
    POINTERS,
    STAGE_NAMES,
    order_of,
    size_of,
    stage_function,
    two_passes,
)
from dcsim.engines.graph import Symbol
from dcsim.engines.kernel_frame import each_row, extrapolation, loads, moves, read_arguments, transfers
from dcsim.engines.lanes import Code, Target
from dcsim.engines.layout import runs
from dcsim.engines.program import AFTER, AFTER_BACK, BEGUN_BACK, PREPARED_BACK, SWEEP, SWEEP_BACK, Program

_BACK_NAMES = {
    AFTER_BACK: "monitor_back",
    SWEEP_BACK: "sweep_back",
    PREPARED_BACK: "prepare_back",
    BEGUN_BACK: "begin_back",
}
_FORTH_POINTERS = (*POINTERS, "tape")
_BACK_POINTERS = (
    "ws", "timed", "timed_bar", "temp", "params", "timed_params", "tape", "old", "given", "made_bar", "given_bar"
)  # fmt: skip

ARGUMENTS = (
    "ws", "params", "state", "inputs", "environment", "bar", "state_bar", "inputs_bar", "environment_bar", "hosted_bar",
    "substeps", "num_envs", "first", "last",
)  # fmt: skip
"""What the kernel is handed, see `dcsim.engines.kernel_frame.ARGUMENTS`. ``bar`` is that of the new state and may be the
same memory as ``state_bar``. What the step owes to parameters is added to ``environment_bar`` and ``hosted_bar``; the
latter has a row for each block of environments with `EmittedAdjoint.hosted`, then `EmittedAdjoint.timed_hosted` for full
and for half sweeps."""

_HELPERS = """
define internal void @clear_spare(ptr %rows, i64 %count, i64 %lanes) #0 {{
entry:
  %is_whole = icmp uge i64 %lanes, {lanes}
  br i1 %is_whole, label %done, label %row
row:
  %r = phi i64 [ 0, %entry ], [ %r.next, %row.done ]
  %start = mul i64 %r, {lanes}
  br label %lane
lane:
  %l = phi i64 [ %lanes, %row ], [ %l.next, %lane ]
  %at = add i64 %start, %l
  %p = getelementptr {scalar}, ptr %rows, i64 %at
  store {scalar} 0.0, ptr %p, align {bytes}
  %l.next = add nuw nsw i64 %l, 1
  %more.l = icmp ult i64 %l.next, {lanes}
  br i1 %more.l, label %lane, label %row.done
row.done:
  %r.next = add nuw nsw i64 %r, 1
  %more = icmp ult i64 %r.next, %count
  br i1 %more, label %row, label %done
done:
  ret void
}}

define internal void @add_lanes(ptr %from, ptr %to, i64 %rows, i64 %lanes) #0 {{
entry:
  %is_any = icmp ugt i64 %rows, 0
  br i1 %is_any, label %row, label %done
row:
  %r = phi i64 [ 0, %entry ], [ %r.next, %row.done ]
  %start = mul i64 %r, {lanes}
  %out = getelementptr double, ptr %to, i64 %r
  %before = load double, ptr %out, align 8
  br label %lane
lane:
  %l = phi i64 [ 0, %row ], [ %l.next, %lane ]
  %total = phi double [ %before, %row ], [ %total.next, %lane ]
  %at = add i64 %start, %l
  %p = getelementptr {scalar}, ptr %from, i64 %at
  %one = load {scalar}, ptr %p, align {bytes}
  %number = {widened} {scalar} %one to double
  %total.next = fadd double %total, %number
  %l.next = add nuw nsw i64 %l, 1
  %more.l = icmp ult i64 %l.next, %lanes
  br i1 %more.l, label %lane, label %row.done
row.done:
  store double %total.next, ptr %out, align 8
  %r.next = add nuw nsw i64 %r, 1
  %more = icmp ult i64 %r.next, %rows
  br i1 %more, label %row, label %done
done:
  ret void
}}
"""

_RUN = """
define void @run(ptr %arguments) #0 {{
entry:
{arguments}
{pointers}
  %params.full = getelementptr i8, ptr %params, i64 {params_full}
  %params.half = getelementptr i8, ptr %params, i64 {params_half}
  br label %block
block:
  %i = phi i64 [ %first, %entry ], [ %i.next, %stored ]
  %left = sub i64 %last, %i
  %lanes = call i64 @llvm.umin.i64(i64 %left, i64 {lanes})
{loads}
  call void @begin(ptr %ws, ptr %ws, ptr %ws, ptr %timed.full, ptr %temp, ptr %params, ptr %params.full, ptr %ws)
  call void @prepare(ptr %ws, ptr %ws, ptr %ws, ptr %timed.full, ptr %temp, ptr %params, ptr %params.full, ptr %ws)
  call void @prepare(ptr %ws, ptr %ws, ptr %ws, ptr %timed.half, ptr %temp, ptr %params, ptr %params.half, ptr %ws)
  br label %substep
substep:
  %k = phi i64 [ 0, %block ], [ %k.next, %substep ]
  %k.shift = mul i64 %k, {tape_bytes}
  %k.tape = getelementptr i8, ptr %tapes, i64 %k.shift
{tape_parts}
  call void @keep_given(ptr %ws, ptr %k.given)
  call void @keep_old(ptr %ws, ptr %k.old)
  call void @two_sweeps(ptr %ws, ptr %ws, ptr %coarse, ptr %timed.full, ptr %temp, ptr %params, ptr %params.full,
    ptr %k.full, ptr %k.middle, ptr %timed.half, ptr %temp.two, ptr %params.half, ptr %k.one)
  call void @sweep(ptr %ws, ptr %k.middle, ptr %fine, ptr %timed.half, ptr %temp, ptr %params, ptr %params.half,
    ptr %k.two)
  call void @extrapolate(ptr %ws, ptr %coarse, ptr %fine)
  call void @keep_seen(ptr %ws, ptr %k.old)
  call void @monitor(ptr %ws, ptr %ws, ptr %ws, ptr %timed.full, ptr %temp, ptr %params, ptr %params.full, ptr %k.after)
  %k.next = add nuw nsw i64 %k, 1
  %more.k = icmp ult i64 %k.next, %substeps
  br i1 %more.k, label %substep, label %stepped
stepped:
{load_bars}
  call void @clear_bars(ptr %ws)
  br label %back
back:
  %b = phi i64 [ %substeps, %stepped ], [ %b.next, %back ]
  %b.next = sub nuw nsw i64 %b, 1
  %b.shift = mul i64 %b.next, {tape_bytes}
  %b.tape = getelementptr i8, ptr %tapes, i64 %b.shift
{back_tape_parts}
  call void @monitor_back(ptr %ws, ptr %timed.full, ptr %timed_bar.full, ptr %temp, ptr %params, ptr %params.full,
    ptr %b.after, ptr %b.old, ptr %ws, ptr %ws, ptr %ws)
  call void @start_half(ptr %swept_bar, ptr %made_bar, ptr %given_bar)
  call void @sweep_back(ptr %ws, ptr %timed.half, ptr %timed_bar.half, ptr %temp, ptr %params, ptr %params.half,
    ptr %b.two, ptr %b.old, ptr %b.middle, ptr %made_bar, ptr %given_bar)
  call void @start_full(ptr %swept_bar, ptr %made_bar)
  call void @sweep_back(ptr %ws, ptr %timed.half, ptr %timed_bar.half, ptr %temp, ptr %params, ptr %params.half,
    ptr %b.one, ptr %b.old, ptr %b.given, ptr %given_bar, ptr %swept_bar)
  call void @sweep_back(ptr %ws, ptr %timed.full, ptr %timed_bar.full, ptr %temp, ptr %params, ptr %params.full,
    ptr %b.full, ptr %b.old, ptr %b.given, ptr %made_bar, ptr %swept_bar)
  %more.b = icmp ugt i64 %b.next, 0
  br i1 %more.b, label %back, label %begun
begun:
  call void @prepare_back(ptr %ws, ptr %timed.full, ptr %timed_bar.full, ptr %temp, ptr %params, ptr %params.full,
    ptr %ws, ptr %ws, ptr %ws, ptr %ws, ptr %ws)
  call void @prepare_back(ptr %ws, ptr %timed.half, ptr %timed_bar.half, ptr %temp, ptr %params, ptr %params.half,
    ptr %ws, ptr %ws, ptr %ws, ptr %ws, ptr %ws)
{load_start}
  call void @begin_back(ptr %ws, ptr %timed.full, ptr %timed_bar.full, ptr %temp, ptr %params, ptr %params.full,
    ptr %ws, ptr %ws, ptr %ws, ptr %ws, ptr %ws)
{stores}
  %number = udiv i64 %i, {lanes}
  %hosted.shift = mul i64 %number, {hosted_bytes}
  %hosted.own = getelementptr i8, ptr %hosted_bar, i64 %hosted.shift
  %hosted.full = getelementptr i8, ptr %hosted.own, i64 {hosted_full}
  %hosted.half = getelementptr i8, ptr %hosted.own, i64 {hosted_half}
  call void @add_lanes(ptr %hosted, ptr %hosted.own, i64 {hosted_rows}, i64 %lanes)
  call void @add_lanes(ptr %timed_bar.full, ptr %hosted.full, i64 {timed_hosted_rows}, i64 %lanes)
  call void @add_lanes(ptr %timed_bar.half, ptr %hosted.half, i64 {timed_hosted_rows}, i64 %lanes)
  br label %stored
stored:
  %i.next = add nuw nsw i64 %i, {lanes}
  %more.i = icmp ult i64 %i.next, %last
  br i1 %more.i, label %block, label %done
done:
  ret void
}}

declare i64 @llvm.umin.i64(i64, i64)
"""


class EmittedAdjoint(NamedTuple):
    """Text of a kernel, and what a caller must provide.

    Attributes
    ----------
    text : str
    workspace_bytes, tape_bytes : int
        Of the workspace, and what each sub-step adds to it.
    params, timed_params : list of Symbol
        Host values in order.
    hosted, timed_hosted : list of Symbol
        Host values whose bars the kernel gives, in order.
    order : str
        Of matrices among the host values, see `dcsim.engines.emit.Emitted`.
    """

    text: str
    workspace_bytes: int
    tape_bytes: int
    params: list[Symbol]
    timed_params: list[Symbol]
    hosted: list[Symbol]
    timed_hosted: list[Symbol]
    order: Literal["C", "F"]


def emitted_adjoint(adjoint: Adjoint, target: Target) -> EmittedAdjoint:
    """Write the kernel of a differentiated program."""
    layout = planned_adjoint(adjoint)
    forward, row = layout.forward, target.row_bytes
    declarations: set[str] = set()
    functions = []
    for names, plan, pointers in (
        (STAGE_NAMES, forward, _FORTH_POINTERS),
        (_BACK_NAMES, layout.back, _BACK_POINTERS),
    ):
        for stage, name in names.items():
            functions.append(stage_function(target, plan, stage, name, pointers, declarations))
    functions.append(two_passes(target, forward, _FORTH_POINTERS, (*PASS_POINTERS, "tape")))
    tape, tape_rows = {}, 0
    for part, rows in (
        ("given", forward.moving_rows),
        ("middle", forward.moving_rows),
        ("old", layout.old_rows),
        ("one", forward.tape_rows[SWEEP]),
        ("two", forward.tape_rows[SWEEP]),
        ("full", forward.tape_rows[SWEEP]),
        ("after", forward.tape_rows[AFTER]),
    ):
        tape[part] = tape_rows * row
        tape_rows += rows
    functions += _row_functions(adjoint.program, layout, target)
    functions.append(_frame(adjoint.program, layout, target, tape, tape_rows * row))
    text = "\n\n".join([*sorted(declarations), *functions, ATTRIBUTES]) + "\n"
    return EmittedAdjoint(
        text, (layout.rows + 2 * layout.temporary_rows) * row, tape_rows * row, forward.params, forward.timed_params, layout.hosted,
        layout.timed_hosted, order_of(target),
    )  # fmt: skip


def _row_functions(program: Program, layout: AdjointLayout, target: Target) -> list[str]:
    """Write what the frame does with rows of lanes between the stages."""
    swept, rows = layout.forward.moving_rows, program.state_rows
    starts = layout.forward.state_start

    def function(name: str, pointers: tuple[str, ...], parts: list[tuple[int, dict[str, int]]], body: _Body) -> str:
        """A loop for each part: its number of rows, and the first row at each pointer."""
        code = Code(target)
        for count, first in parts:
            if count:
                each_row(code, count, lambda wide, at, first=first: body(wide, lambda p: at(p, first[p])))  # type: ignore[misc]
        return code.text(f"internal void @{name}({', '.join(f'ptr noalias %{p}' for p in pointers)}) #0")

    def copy(code: Code, at: _Address) -> None:
        code.store(code.load(at("ws")), at("to"))

    def clear(code: Code, at: _Address) -> None:
        code.store(code.const(0.0), at("ws"))

    def start_half(code: Code, at: _Address) -> None:
        bar = code.load(at("bar"))
        code.store(code.add(bar, bar), at("made"))
        code.store(code.const(0.0), at("given"))

    def start_full(code: Code, at: _Address) -> None:
        code.store(code.neg(code.load(at("bar"))), at("made"))
        code.store(code.const(0.0), at("bar"))

    def kept(fields: dict[str, int]) -> list[tuple[int, dict[str, int]]]:
        return [(rows[f], {"ws": starts[f], "to": start}) for f, start in fields.items()]

    return [
        function("keep_given", ("ws", "to"), [(swept, {"ws": 0, "to": 0})], copy),
        function("keep_old", ("ws", "to"), kept(layout.old_start), copy),
        function("keep_seen", ("ws", "to"), kept(layout.seen_start), copy),
        function("clear_bars", ("ws",), [(layout.cleared[1], {"ws": layout.cleared[0]})], clear),
        function("start_half", ("bar", "made", "given"), [(swept, {"bar": 0, "made": 0, "given": 0})], start_half),
        function("start_full", ("bar", "made"), [(swept, {"bar": 0, "made": 0})], start_full),
    ]


_Address = Callable[[str], str]
_Body = Callable[[Code, _Address], None]


def _frame(program: Program, layout: AdjointLayout, target: Target, tape: dict[str, int], tape_bytes: int) -> str:
    forward, row = layout.forward, target.row_bytes
    params_bytes, timed_bytes = (size_of(x) * target.bytes for x in (forward.params, forward.timed_params))
    hosted, timed_hosted = size_of(layout.hosted), size_of(layout.timed_hosted)
    pointers = {
        "timed.full": forward.timed_starts[0],
        "timed.half": forward.timed_starts[1],
        "coarse": forward.spare[0],
        "fine": forward.spare[2],
        "swept_bar": min(layout.state_bar_start.values()),
        "made_bar": layout.made_bar_start,
        "given_bar": layout.given_bar_start,
        "hosted": layout.hosted_start,
        "timed_bar.full": layout.timed_bar_starts[0],
        "timed_bar.half": layout.timed_bar_starts[1],
        "temp": layout.rows,
        "temp.two": layout.rows + layout.temporary_rows,
        "tapes": layout.rows + 2 * layout.temporary_rows,
    }

    def moved(what: str, name: str, rows: Mapping[str, int], inner: dict[str, int], tag: str) -> list[str]:
        return moves(what, name, runs(inner, rows, inner), row, tag)

    state, inputs, environment = program.state_rows, program.input_rows, program.environment_rows
    bars = moved("load", "bar", state, layout.state_bar_start, "b")
    bars.append(f"  call void @clear_spare(ptr %swept_bar, i64 {sum(state.values())}, i64 %lanes)")
    stores = moved("store", "state_bar", state, layout.state_bar_start, "sb")
    stores += moved("store", "inputs_bar", inputs, layout.input_bar_start, "ub")
    stores += moved("store", "environment_bar", environment, layout.environment_bar_start, "eb")
    run = _RUN.format(
        arguments=read_arguments(ARGUMENTS),
        pointers="\n".join(f"  %{p} = getelementptr i8, ptr %ws, i64 {at * row}" for p, at in pointers.items()),
        lanes=target.lanes,
        params_full=params_bytes,
        params_half=params_bytes + timed_bytes,
        tape_bytes=tape_bytes,
        tape_parts=_parts("k", tape),
        back_tape_parts=_parts("b", tape),
        loads="\n".join(loads(program, forward, target)),
        load_bars="\n".join(bars + moved("load", "environment_bar", environment, layout.environment_bar_start, "eo")),
        load_start="\n".join(moved("load", "state", state, layout.start_start, "a")),
        stores="\n".join(stores),
        hosted_bytes=8 * (hosted + 2 * timed_hosted),
        hosted_full=8 * hosted,
        hosted_half=8 * (hosted + timed_hosted),
        hosted_rows=hosted,
        timed_hosted_rows=timed_hosted,
    )
    helpers = _HELPERS.format(
        lanes=target.lanes,
        scalar=target.scalar,
        bytes=target.bytes,
        widened="bitcast" if target.is_double else "fpext",
    )
    return "\n\n".join([transfers(target), extrapolation(program, target), helpers.strip(), run.strip()])


def _parts(tag: str, tape: dict[str, int]) -> str:
    return "\n".join(f"  %{tag}.{part} = getelementptr i8, ptr %{tag}.tape, i64 {at}" for part, at in tape.items())
