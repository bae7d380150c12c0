"""The frame of a kernel: blocks of W environments from the outer arrays to the workspace, through a step, and back."""

from collections.abc import Callable, Sequence

from dcsim.engines.lanes import PIECES_UNROLLED, Code, Loop, Target, pieces
from dcsim.engines.layout import Layout, runs
from dcsim.engines.program import Program

# Three loops over rows. Whole blocks move a vector at a time; the last block of a range, when it is short, one lane at
# a time, and its spare lanes repeat the last environment.
_TRANSFERS = """
define internal void @load_rows(ptr %from, ptr %to, i64 %rows, i64 %num_envs, i64 %lanes) #0 {{
entry:
  %is_whole = icmp eq i64 %lanes, {lanes}
  br i1 %is_whole, label %whole, label %part
whole:
  %r = phi i64 [ 0, %entry ], [ %r.next, %whole ]
  %shift = mul i64 %r, %num_envs
  %source = getelementptr double, ptr %from, i64 %shift
  %wide = load <{lanes} x double>, ptr %source, align 8
  {narrowed}
  %target = getelementptr {vector}, ptr %to, i64 %r
  store {vector} %value, ptr %target, align {align}
  %r.next = add nuw nsw i64 %r, 1
  %more = icmp ult i64 %r.next, %rows
  br i1 %more, label %whole, label %done
part:
  %q = phi i64 [ 0, %entry ], [ %q.next, %row.done ]
  %shift.q = mul i64 %q, %num_envs
  br label %lane
lane:
  %l = phi i64 [ 0, %part ], [ %l.next, %lane ]
  %is_own = icmp ult i64 %l, %lanes
  %last = sub i64 %lanes, 1
  %from.lane = select i1 %is_own, i64 %l, i64 %last
  %at = add i64 %shift.q, %from.lane
  %source.l = getelementptr double, ptr %from, i64 %at
  %number = load double, ptr %source.l, align 8
  {narrowed_one}
  %row.start = mul i64 %q, {lanes}
  %to.lane = add i64 %row.start, %l
  %target.l = getelementptr {scalar}, ptr %to, i64 %to.lane
  store {scalar} %one, ptr %target.l, align {bytes}
  %l.next = add nuw nsw i64 %l, 1
  %more.l = icmp ult i64 %l.next, {lanes}
  br i1 %more.l, label %lane, label %row.done
row.done:
  %q.next = add nuw nsw i64 %q, 1
  %more.q = icmp ult i64 %q.next, %rows
  br i1 %more.q, label %part, label %done
done:
  ret void
}}

define internal void @store_rows(ptr %from, ptr %to, i64 %rows, i64 %num_envs, i64 %lanes) #0 {{
entry:
  %is_whole = icmp eq i64 %lanes, {lanes}
  br i1 %is_whole, label %whole, label %part
whole:
  %r = phi i64 [ 0, %entry ], [ %r.next, %whole ]
  %source = getelementptr {vector}, ptr %from, i64 %r
  %value = load {vector}, ptr %source, align {align}
  {widened}
  %shift = mul i64 %r, %num_envs
  %target = getelementptr double, ptr %to, i64 %shift
  store <{lanes} x double> %wide, ptr %target, align 8
  %r.next = add nuw nsw i64 %r, 1
  %more = icmp ult i64 %r.next, %rows
  br i1 %more, label %whole, label %done
part:
  %q = phi i64 [ 0, %entry ], [ %q.next, %row.done ]
  %shift.q = mul i64 %q, %num_envs
  %row.start = mul i64 %q, {lanes}
  br label %lane
lane:
  %l = phi i64 [ 0, %part ], [ %l.next, %lane ]
  %from.lane = add i64 %row.start, %l
  %source.l = getelementptr {scalar}, ptr %from, i64 %from.lane
  %one = load {scalar}, ptr %source.l, align {bytes}
  {widened_one}
  %at = add i64 %shift.q, %l
  %target.l = getelementptr double, ptr %to, i64 %at
  store double %number, ptr %target.l, align 8
  %l.next = add nuw nsw i64 %l, 1
  %more.l = icmp ult i64 %l.next, %lanes
  br i1 %more.l, label %lane, label %row.done
row.done:
  %q.next = add nuw nsw i64 %q, 1
  %more.q = icmp ult i64 %q.next, %rows
  br i1 %more.q, label %part, label %done
done:
  ret void
}}

define internal void @copy_rows(ptr %from, ptr %to, i64 %rows, i64 %num_envs, i64 %lanes) #0 {{
entry:
  br label %part
part:
  %q = phi i64 [ 0, %entry ], [ %q.next, %row.done ]
  %shift.q = mul i64 %q, %num_envs
  br label %lane
lane:
  %l = phi i64 [ 0, %part ], [ %l.next, %lane ]
  %at = add i64 %shift.q, %l
  %source.l = getelementptr double, ptr %from, i64 %at
  %number = load double, ptr %source.l, align 8
  %target.l = getelementptr double, ptr %to, i64 %at
  store double %number, ptr %target.l, align 8
  %l.next = add nuw nsw i64 %l, 1
  %more.l = icmp ult i64 %l.next, %lanes
  br i1 %more.l, label %lane, label %row.done
row.done:
  %q.next = add nuw nsw i64 %q, 1
  %more.q = icmp ult i64 %q.next, %rows
  br i1 %more.q, label %part, label %done
done:
  ret void
}}
"""

ARGUMENTS = ("ws", "params", "state", "inputs", "environment", "out", "substeps", "num_envs", "first", "last")
"""What the kernel is handed: one pointer to these, 8 bytes each; the first six are addresses. One pointer, because the
interpreter needs longer to hand over ten numbers than to write them into memory."""

_RUN = """
define void @run(ptr %arguments) #0 {{
entry:
{arguments}
  %timed.full = getelementptr i8, ptr %ws, i64 {timed_full}
  %timed.half = getelementptr i8, ptr %ws, i64 {timed_half}
  %coarse = getelementptr i8, ptr %ws, i64 {coarse}
  %middle = getelementptr i8, ptr %ws, i64 {middle}
  %fine = getelementptr i8, ptr %ws, i64 {fine}
  %temp = getelementptr i8, ptr %ws, i64 {temp}
  %temp.two = getelementptr i8, ptr %ws, i64 {temp_two}
  %params.full = getelementptr i8, ptr %params, i64 {params_full}
  %params.half = getelementptr i8, ptr %params, i64 {params_half}
  br label %block
block:
  %i = phi i64 [ %first, %entry ], [ %i.next, %stored ]
  %left = sub i64 %last, %i
  %lanes = call i64 @llvm.umin.i64(i64 %left, i64 {lanes})
{loads}
  call void @begin(ptr %ws, ptr %ws, ptr %ws, ptr %timed.full, ptr %temp, ptr %params, ptr %params.full)
  call void @prepare(ptr %ws, ptr %ws, ptr %ws, ptr %timed.full, ptr %temp, ptr %params, ptr %params.full)
  call void @prepare(ptr %ws, ptr %ws, ptr %ws, ptr %timed.half, ptr %temp, ptr %params, ptr %params.half)
  br label %substep
substep:
  %k = phi i64 [ 0, %block ], [ %k.next, %substep ]
  call void @two_sweeps(ptr %ws, ptr %ws, ptr %coarse, ptr %timed.full, ptr %temp, ptr %params, ptr %params.full,
    ptr %middle, ptr %timed.half, ptr %temp.two, ptr %params.half)
  call void @sweep(ptr %ws, ptr %middle, ptr %fine, ptr %timed.half, ptr %temp, ptr %params, ptr %params.half)
  call void @extrapolate(ptr %ws, ptr %coarse, ptr %fine)
  call void @monitor(ptr %ws, ptr %ws, ptr %ws, ptr %timed.full, ptr %temp, ptr %params, ptr %params.full)
  %k.next = add nuw nsw i64 %k, 1
  %more.k = icmp ult i64 %k.next, %substeps
  br i1 %more.k, label %substep, label %stepped
stepped:
{stores}
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


def frame(program: Program, layout: Layout, target: Target, params_bytes: int, timed_bytes: int) -> str:
    """Write the functions that move rows, extrapolate, and run control steps.

    Parameters
    ----------
    program : Program
    layout : Layout
    target : Target
    params_bytes, timed_bytes : int
        Sizes of the common host values and of those for one length of the time step.
    """
    row = target.row_bytes
    changed = {*program.begin, *program.sweep, *program.monitor}
    kept = [f for f in program.state_rows if f not in changed]  # copied as they are, whatever the kernel's precision
    stores = moves("store", "out", runs(changed, program.state_rows, layout.state_start), row, "o")
    stores += _copies(runs(kept, program.state_rows, _outer_starts(program)))
    run = _RUN.format(
        arguments=read_arguments(ARGUMENTS),
        lanes=target.lanes,
        timed_full=layout.timed_starts[0] * row,
        timed_half=layout.timed_starts[1] * row,
        coarse=layout.spare[0] * row,
        middle=layout.spare[1] * row,
        fine=layout.spare[2] * row,
        temp=layout.rows * row,
        temp_two=(layout.rows + layout.temporary_rows) * row,
        params_full=params_bytes,
        params_half=params_bytes + timed_bytes,
        loads="\n".join(loads(program, layout, target)),
        stores="\n".join(stores),
    )
    return "\n\n".join([transfers(target), extrapolation(program, target), run.strip()])


def transfers(target: Target) -> str:
    """Write the functions that move rows."""
    is_double = target.is_double
    same, same_one = f"bitcast <{target.lanes} x double>", "bitcast double"
    return _TRANSFERS.format(
        lanes=target.lanes,
        vector=target.vector,
        scalar=target.scalar,
        bytes=target.bytes,
        row_bytes=target.row_bytes,
        align=min(64, target.row_bytes),
        narrowed=f"%value = {same if is_double else f'fptrunc <{target.lanes} x double>'} %wide to {target.vector}",
        narrowed_one=f"%one = {same_one if is_double else 'fptrunc double'} %number to {target.scalar}",
        widened=f"%wide = {'bitcast' if is_double else 'fpext'} {target.vector} %value to <{target.lanes} x double>",
        widened_one=f"%number = {'bitcast' if is_double else 'fpext'} {target.scalar} %one to double",
    ).strip()


def loads(program: Program, layout: Layout, target: Target) -> list[str]:
    """Write what brings a block's state, inputs and own parameters into the workspace."""
    outer = (
        ("state", program.state_rows, layout.state_start),
        ("inputs", program.input_rows, layout.input_start),
        ("environment", program.environment_rows, layout.environment_start),
    )
    lines = []
    for name, rows, starts in outer:
        lines += moves("load", name, runs(starts, rows, starts), target.row_bytes, name)
    return lines


def extrapolation(program: Program, target: Target) -> str:
    """Write the function that combines a pass of full length and two of half, field by field as sweep stores them."""
    code, start = Code(target), 0

    def extrapolate(wide: Code, at: Callable[[str, int], str]) -> None:
        coarse, fine = wide.load(at("coarse", start)), wide.load(at("fine", start))
        wide.store(wide.sub(wide.add(fine, fine), coarse), at("now", start))

    for name in program.sweep:
        each_row(code, program.state_rows[name], extrapolate)
        start += program.state_rows[name]
    return code.text("internal void @extrapolate(ptr noalias %now, ptr noalias %coarse, ptr noalias %fine) #0")


def each_row(code: Code, rows: int, body: Callable[[Code, Callable[[str, int], str]], None]) -> None:
    """Write a loop over rows, or over vectors of them where there is one environment.

    ``body`` is handed the writer for as many rows as it treats, and what gives the address of the row at hand: from the
    name of a pointer and the number of the row where the loop begins.
    """
    target = code.target

    def write(wide: Code, first: int, counter: str) -> None:
        def at(pointer: str, start: int) -> str:
            moved = code.emit(f"getelementptr i8, ptr %{pointer}, i64 {counter}") if counter else f"%{pointer}"
            return code.address(moved, (start + first) * target.row_bytes)

        body(wide, at)

    if target.lanes > 1:
        loop = Loop(code, rows, (target.row_bytes,))
        write(code, 0, loop.counters[0])
        loop.close()
        return
    wide = pieces(rows, target.row_lanes)
    whole = rows // target.row_lanes
    if whole > PIECES_UNROLLED:
        loop = Loop(code, whole, (target.row_lanes * target.bytes,))
        write(code.over_rows(target.row_lanes), 0, loop.counters[0])
        loop.close()
        wide = wide[whole:]
    for first, count in wide:
        write(code.over_rows(count), first, "")


def read_arguments(names: Sequence[str]) -> str:
    """Write the loads of a kernel's arguments: addresses, and at the end four numbers."""
    lines = []
    for k, name in enumerate(names):
        lines.append(f"  %{name}.at = getelementptr i8, ptr %arguments, i64 {8 * k}")
        lines.append(f"  %{name} = load {'ptr' if k < len(names) - 4 else 'i64'}, ptr %{name}.at, align 8")
    return "\n".join(lines)


def _outer_starts(program: Program) -> dict[str, int]:
    starts, row = {}, 0
    for name, rows in program.state_rows.items():
        starts[name] = row
        row += rows
    return starts


def _outer(name: str, row: int, tag: str) -> list[str]:
    """Pointer to the block's first environment in a row of an outer array."""
    return [
        f"  %{tag}.row = mul i64 %num_envs, {row}",
        f"  %{tag}.at = add i64 %{tag}.row, %i",
        f"  %{tag}.p = getelementptr double, ptr %{name}, i64 %{tag}.at",
    ]


def moves(what: str, name: str, joined: list[tuple[int, int, int]], row_bytes: int, tag: str) -> list[str]:
    """Write calls that ``load`` or ``store`` rows of a block: (row outside, workspace row, rows)."""
    lines = []
    for k, (outer, inner, rows) in enumerate(joined):
        t = f"{tag}{k}"
        lines += _outer(name, outer, t)
        lines.append(f"  %{t}.w = getelementptr i8, ptr %ws, i64 {inner * row_bytes}")
        ends = f"ptr %{t}.p, ptr %{t}.w" if what == "load" else f"ptr %{t}.w, ptr %{t}.p"
        lines.append(f"  call void @{what}_rows({ends}, i64 {rows}, i64 %num_envs, i64 %lanes)")
    return lines


def _copies(joined: list[tuple[int, int, int]]) -> list[str]:
    lines = []
    for k, (outer, _, rows) in enumerate(joined):
        lines += _outer("state", outer, f"c{k}") + _outer("out", outer, f"d{k}")
        lines.append(f"  call void @copy_rows(ptr %c{k}.p, ptr %d{k}.p, i64 {rows}, i64 %num_envs, i64 %lanes)")
    return lines
