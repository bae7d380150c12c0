"""Writes the kernel of a way back: runs a control step again, keeps what is needed of it, and takes bars back through it.

The tape has a part for each sub-step: the moving fields before the sub-step and before monitor, the swept fields
between the two half passes, and what the three passes and monitor keep.
"""

from typing import NamedTuple

from dcsim.engines.adjoint import Adjoint
from dcsim.engines.adjoint_layout import AdjointLayout, planned_adjoint
from dcsim.engines.emit import StageWriter, size_of
from dcsim.engines.graph import Symbol
from dcsim.engines.kernel_frame import loads, moves, read_arguments, transfers
from dcsim.engines.lanes import Code, Loop, Target
from dcsim.engines.layout import runs
from dcsim.engines.program import (
    AFTER,
    AFTER_BACK,
    BEGIN,
    BEGUN_BACK,
    PREPARE,
    PREPARED_BACK,
    SWEEP,
    SWEEP_BACK,
    Program,
)

_FORTH = {BEGIN: "begin", PREPARE: "prepare", SWEEP: "sweep", AFTER: "monitor"}
_BACK = {
    AFTER_BACK: "monitor_back",
    SWEEP_BACK: "sweep_back",
    PREPARED_BACK: "prepare_back",
    BEGUN_BACK: "begin_back",
}
_FORTH_POINTERS = ("ws", "src", "dst", "timed", "params", "timed_params", "tape")
_BACK_POINTERS = (
    "ws", "timed", "timed_bar", "params", "timed_params", "tape", "old", "given", "given_bar", "made_bar"
)  # fmt: skip

ARGUMENTS = (
    "ws", "params", "state", "inputs", "environment", "bar", "state_bar", "inputs_bar", "environment_bar", "hosted_bar",
    "substeps", "num_envs", "first", "last",
)  # fmt: skip
"""What the kernel is handed, see `dcsim.engines.kernel_frame.ARGUMENTS`. ``bar`` belongs to the new state;
``hosted_bar`` has a row for each block of environments: `Emitted.hosted`, then `Emitted.timed_hosted` for full and for
half sweeps."""

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

define internal void @sum_lanes(ptr %from, ptr %to, i64 %rows, i64 %lanes) #0 {{
entry:
  %is_any = icmp ugt i64 %rows, 0
  br i1 %is_any, label %row, label %done
row:
  %r = phi i64 [ 0, %entry ], [ %r.next, %row.done ]
  %start = mul i64 %r, {lanes}
  br label %lane
lane:
  %l = phi i64 [ 0, %row ], [ %l.next, %lane ]
  %total = phi double [ 0.0, %row ], [ %total.next, %lane ]
  %at = add i64 %start, %l
  %p = getelementptr {scalar}, ptr %from, i64 %at
  %one = load {scalar}, ptr %p, align {bytes}
  %number = {widened} {scalar} %one to double
  %total.next = fadd double %total, %number
  %l.next = add nuw nsw i64 %l, 1
  %more.l = icmp ult i64 %l.next, %lanes
  br i1 %more.l, label %lane, label %row.done
row.done:
  %out = getelementptr double, ptr %to, i64 %r
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
  %timed.full = getelementptr i8, ptr %ws, i64 {timed_full}
  %timed.half = getelementptr i8, ptr %ws, i64 {timed_half}
  %timed_bar.full = getelementptr i8, ptr %ws, i64 {timed_bar_full}
  %timed_bar.half = getelementptr i8, ptr %ws, i64 {timed_bar_half}
  %spare.one = getelementptr i8, ptr %ws, i64 {spare_one}
  %spare.two = getelementptr i8, ptr %ws, i64 {spare_two}
  %bar.one = getelementptr i8, ptr %ws, i64 {bar_one}
  %bar.two = getelementptr i8, ptr %ws, i64 {bar_two}
  %moving_bar = getelementptr i8, ptr %ws, i64 {state_bar}
  %params.full = getelementptr i8, ptr %params, i64 {params_full}
  %params.half = getelementptr i8, ptr %params, i64 {params_half}
  %tapes = getelementptr i8, ptr %ws, i64 {tape}
  br label %block
block:
  %i = phi i64 [ %first, %entry ], [ %i.next, %stored ]
  %left = sub i64 %last, %i
  %lanes = call i64 @llvm.umin.i64(i64 %left, i64 {lanes})
{loads}
  call void @begin(ptr %ws, ptr %ws, ptr %ws, ptr %timed.full, ptr %params, ptr %params.full, ptr %ws)
  call void @prepare(ptr %ws, ptr %ws, ptr %ws, ptr %timed.full, ptr %params, ptr %params.full, ptr %ws)
  call void @prepare(ptr %ws, ptr %ws, ptr %ws, ptr %timed.half, ptr %params, ptr %params.half, ptr %ws)
  br label %substep
substep:
  %k = phi i64 [ 0, %block ], [ %k.next, %substep ]
  %shift = mul i64 %k, {tape_bytes}
  %tape = getelementptr i8, ptr %tapes, i64 %shift
{tape_parts}
  call void @save_moving(ptr %ws, ptr %old)
  call void @sweep(ptr %ws, ptr %ws, ptr %middle, ptr %timed.half, ptr %params, ptr %params.half, ptr %kept.one)
  call void @sweep(ptr %ws, ptr %middle, ptr %spare.two, ptr %timed.half, ptr %params, ptr %params.half, ptr %kept.two)
  call void @sweep(ptr %ws, ptr %ws, ptr %spare.one, ptr %timed.full, ptr %params, ptr %params.full, ptr %kept.full)
  call void @extrapolate(ptr %ws, ptr %spare.one, ptr %spare.two)
  call void @save_moving(ptr %ws, ptr %swept)
  call void @monitor(ptr %ws, ptr %ws, ptr %ws, ptr %timed.full, ptr %params, ptr %params.full, ptr %kept.after)
  %k.next = add nuw nsw i64 %k, 1
  %more.k = icmp ult i64 %k.next, %substeps
  br i1 %more.k, label %substep, label %stepped
stepped:
{load_bars}
  call void @clear_bars(ptr %ws)
  br label %back
back:
  %m = phi i64 [ %substeps, %stepped ], [ %m.next, %back ]
  %m.next = sub nuw nsw i64 %m, 1
  %shift.b = mul i64 %m.next, {tape_bytes}
  %tape.b = getelementptr i8, ptr %tapes, i64 %shift.b
{tape_parts_back}
  call void @monitor_back(ptr %ws, ptr %timed.full, ptr %timed_bar.full, ptr %params, ptr %params.full,
    ptr %kept.after.b, ptr %swept.b, ptr %ws, ptr %ws, ptr %ws)
  call void @second_half(ptr %moving_bar, ptr %bar.one, ptr %bar.two)
  call void @sweep_back(ptr %ws, ptr %timed.half, ptr %timed_bar.half, ptr %params, ptr %params.half,
    ptr %kept.two.b, ptr %old.b, ptr %middle.b, ptr %bar.two, ptr %bar.one)
  call void @full_length(ptr %moving_bar, ptr %bar.one)
  call void @sweep_back(ptr %ws, ptr %timed.half, ptr %timed_bar.half, ptr %params, ptr %params.half,
    ptr %kept.one.b, ptr %old.b, ptr %old.b, ptr %moving_bar, ptr %bar.two)
  call void @sweep_back(ptr %ws, ptr %timed.full, ptr %timed_bar.full, ptr %params, ptr %params.full,
    ptr %kept.full.b, ptr %old.b, ptr %old.b, ptr %moving_bar, ptr %bar.one)
  %more.m = icmp ugt i64 %m.next, 0
  br i1 %more.m, label %back, label %begun
begun:
  call void @prepare_back(ptr %ws, ptr %timed.full, ptr %timed_bar.full, ptr %params, ptr %params.full,
    ptr %ws, ptr %ws, ptr %ws, ptr %ws, ptr %ws)
  call void @prepare_back(ptr %ws, ptr %timed.half, ptr %timed_bar.half, ptr %params, ptr %params.half,
    ptr %ws, ptr %ws, ptr %ws, ptr %ws, ptr %ws)
{load_start}
  call void @begin_back(ptr %ws, ptr %timed.full, ptr %timed_bar.full, ptr %params, ptr %params.full,
    ptr %ws, ptr %ws, ptr %ws, ptr %ws, ptr %ws)
{stores}
  %number = udiv i64 %i, {lanes}
  %hosted.shift = mul i64 %number, {hosted_bytes}
  %hosted = getelementptr i8, ptr %hosted_bar, i64 %hosted.shift
  %hosted.ws = getelementptr i8, ptr %ws, i64 {hosted_start}
  call void @sum_lanes(ptr %hosted.ws, ptr %hosted, i64 {hosted_rows}, i64 %lanes)
  %hosted.full = getelementptr i8, ptr %hosted, i64 {hosted_full}
  call void @sum_lanes(ptr %timed_bar.full, ptr %hosted.full, i64 {timed_hosted_rows}, i64 %lanes)
  %hosted.half = getelementptr i8, ptr %hosted, i64 {hosted_half}
  call void @sum_lanes(ptr %timed_bar.half, ptr %hosted.half, i64 {timed_hosted_rows}, i64 %lanes)
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
        Host values whose bars the kernel gives.
    """

    text: str
    workspace_bytes: int
    tape_bytes: int
    params: list[Symbol]
    timed_params: list[Symbol]
    hosted: list[Symbol]
    timed_hosted: list[Symbol]


def emitted_adjoint(adjoint: Adjoint, target: Target) -> EmittedAdjoint:
    """Write the kernel of a differentiated program."""
    layout = planned_adjoint(adjoint)
    declarations: set[str] = set()
    functions = []
    parts = ((_FORTH, layout.forward, _FORTH_POINTERS), (_BACK, layout.back, _BACK_POINTERS))
    for names, of, pointers in parts:
        for stage, name in names.items():
            code = Code(target)
            StageWriter(code, of, stage, pointers).write()
            arguments = ", ".join(f"ptr noalias %{pointer}" for pointer in pointers)
            functions.append(code.text(f"internal void @{name}({arguments}) #0"))
            declarations |= code.intrinsics
    functions += _row_functions(adjoint.program, layout, target)
    forward, row = layout.forward, target.row_bytes
    tape, rows = {}, 0
    for part, count in (
        ("old", layout.moving_rows),
        ("swept", layout.moving_rows),
        ("middle", forward.moving_rows),
        ("kept.one", forward.tape_rows[SWEEP]),
        ("kept.two", forward.tape_rows[SWEEP]),
        ("kept.full", forward.tape_rows[SWEEP]),
        ("kept.after", forward.tape_rows[AFTER]),
    ):
        tape[part] = rows
        rows += count
    functions.append(_frame(adjoint.program, layout, target, tape, rows))
    width = '"prefer-vector-width"="512" "min-legal-vector-width"="512"'  # LLVM would shun the widest registers
    attributes = f'attributes #0 = {{ noinline nounwind alignstack=64 "no-builtins" {width} }}'
    text = "\n\n".join([*sorted(declarations), *functions, attributes]) + "\n"
    return EmittedAdjoint(
        text, layout.rows * row, rows * row, forward.params, forward.timed_params, layout.hosted, layout.timed_hosted
    )


def _row_functions(program: Program, layout: AdjointLayout, target: Target) -> list[str]:
    """Write what the frame does with rows: keeps moving fields, clears bars, hands bars to the passes of a sub-step.

    The new state is ``2 fine - coarse``: twice its bar goes to the second half pass, the negative to the full pass.
    """
    swept = layout.forward.moving_rows
    unit = target.row_bytes
    functions = []

    def function(name: str, pointers: str, loops: list[tuple[int, dict[str, int], str]]) -> None:
        """Each loop: rows, first row by pointer, and what is done in terms of ``p`` and ``code``."""

    def written(name: str, pointers: tuple[str, ...], fill: list[tuple[int, dict[str, int], dict[str, str]]]) -> None:
        code = Code(target)
        for count, starts, values in fill:
            if not count:
                continue
            loop = Loop(code, count, (unit,))
            at = {
                p: code.emit(f"getelementptr i8, ptr {code.address(f'%{p}', start * unit)}, i64 {loop.counters[0]}")
                for p, start in starts.items()
            }
            for to, value in values.items():
                if value == "0":
                    made = code.const(0.0)
                else:
                    made = code.load(at[value.lstrip("-2")])
                    made = code.add(made, made) if value[0] == "2" else code.neg(made) if value[0] == "-" else made
                code.store(made, at[to])
            loop.close()
        functions.append(code.text(f"internal void @{name}({', '.join(f'ptr %{p}' for p in pointers)}) #0"))

    runs_ = [(swept, {"from": 0, "to": 0}, {"to": "from"})]
    for field, start in layout.moving_start.items():
        if field not in program.sweep:
            starts = {"from": layout.forward.state_start[field], "to": start}
            runs_.append((program.state_rows[field], starts, {"to": "from"}))
    written("save_moving", ("from", "to"), runs_)
    first, count = layout.bars
    written("clear_bars", ("ws",), [(count, {"ws": first}, {"ws": "0"})])
    zero = {"bar": 0, "made": 0, "given": 0}
    written("second_half", ("bar", "made", "given"), [(swept, zero, {"made": "2bar", "given": "0"})])
    written("full_length", ("bar", "made"), [(swept, {"bar": 0, "made": 0}, {"made": "-bar", "bar": "0"})])
    return functions


def _frame(program: Program, layout: AdjointLayout, target: Target, tape: dict[str, int], tape_rows: int) -> str:
    forward, row = layout.forward, target.row_bytes
    params_bytes, timed_bytes = (size_of(x) * target.bytes for x in (forward.params, forward.timed_params))
    state_bars = runs(program.state_rows, program.state_rows, layout.state_bar_start)
    stores = moves("store", "state_bar", state_bars, row, "sb")
    stores += moves(
        "store",
        "inputs_bar",
        runs(layout.input_bar_start, program.input_rows, layout.input_bar_start),
        row,
        "ub",
    )
    stores += moves(
        "store",
        "environment_bar",
        runs(layout.environment_bar_start, program.environment_rows, layout.environment_bar_start),
        row,
        "eb",
    )
    all_rows = sum(program.state_rows.values())
    hosted, timed_hosted = size_of(layout.hosted), size_of(layout.timed_hosted)
    values = dict(lanes=target.lanes, scalar=target.scalar, bytes=target.bytes)
    helpers = _HELPERS.format(**values, widened="bitcast" if target.is_double else "fpext")
    run = _RUN.format(
        arguments=read_arguments(ARGUMENTS),
        lanes=target.lanes,
        timed_full=forward.timed_starts[0] * row,
        timed_half=forward.timed_starts[1] * row,
        timed_bar_full=layout.timed_bar_starts[0] * row,
        timed_bar_half=layout.timed_bar_starts[1] * row,
        spare_one=forward.spare[0] * row,
        spare_two=forward.spare[1] * row,
        bar_one=layout.spare[0] * row,
        bar_two=layout.spare[1] * row,
        state_bar=min(layout.state_bar_start.values()) * row,
        params_full=params_bytes,
        params_half=params_bytes + timed_bytes,
        tape=layout.rows * row,
        tape_bytes=tape_rows * row,
        tape_parts="\n".join(f"  %{p} = getelementptr i8, ptr %tape, i64 {at * row}" for p, at in tape.items()),
        tape_parts_back="\n".join(
            f"  %{p}.b = getelementptr i8, ptr %tape.b, i64 {at * row}" for p, at in tape.items()
        ),
        loads="\n".join(loads(program, forward, target)),
        load_bars="\n".join(
            [
                *moves("load", "bar", state_bars, row, "b"),
                f"  call void @clear_spare(ptr %moving_bar, i64 {all_rows}, i64 %lanes)",
            ]
        ),
        load_start="\n".join(
            moves("load", "state", runs(layout.start_start, program.state_rows, layout.start_start), row, "a")
        ),
        stores="\n".join(stores),
        hosted_bytes=8 * (hosted + 2 * timed_hosted),
        hosted_start=layout.hosted_start * row,
        hosted_rows=hosted,
        timed_hosted_rows=timed_hosted,
        hosted_full=8 * hosted,
        hosted_half=8 * (hosted + timed_hosted),
    )
    return transfers(forward, target) + helpers + run
