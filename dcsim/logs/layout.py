"""Which columns of a table are times, names of sensors, readings, or neither."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dcsim.drivers.messages import nearest
from dcsim.drivers.messages import place as place_of
from dcsim.errors import InputError
from dcsim.logs.stamps import ELAPSED, EPOCHS, NAT, kind_of, parsed
from dcsim.logs.table import Table, numbers, share_of_numbers, strings

__all__ = ["Layout", "layout_of"]

NUMBERS_SHARE_MIN = 0.5
"""Of the cells with content, below which a column holds text and no readings."""
_TIME_NAME = re.compile(r"time|date|stamp|zeit|datum|fecha|hora|heure|clock|epoch|^ts$|^t$|^t[_ .]s|elapsed|^hours?$|^minutes?$|^seconds?$|^days?$", re.I)  # fmt: skip
_KEY_NAME = re.compile(
    r"^(name|id|sensor|sensor[_ ]?(id|name)|tag|tag[_ ]?name|point|point[_ ]?(id|name)|channel|variable|metric|measurement|signal|series|"
    r"node|host|hostname|server|machine|vm|vm[_ ]?id|device|device[_ ]?id|rack|unit[_ ]?(id|name)|object|entity|parameter|item|field|_field|_measurement)$",
    re.I,
)
_UNIT_NAME = re.compile(r"^(unit|units|uom|einheit|engineering[_ ]units?)$", re.I)
_ASIDE_NAME = re.compile(r"status|quality|flag|comment|note|remark|description|alarm|event", re.I)
_VALUE_NAME = re.compile(r"^(value|val|reading|wert|data|measurement[_ ]?value|_value|v)$", re.I)
_INDEX_NAME = re.compile(r"^(sample|index|row|row[_ ]?(id|no|number)|no|nr|#|record|unnamed.*|column_1|id|)$", re.I)


@dataclass
class Layout:
    """Roles of the columns of a table, by position."""

    time: list[int]  # one, or date and time of day
    kind: str  # of the stamps
    keys: list[int] = field(default_factory=list)  # whose cells name the sensor of a row; none in a wide table
    values: list[int] = field(default_factory=list)
    unit: int = -1  # whose cells name the unit of a row
    notes: list[str] = field(default_factory=list)


def layout_of(table: Table, block: list[pa.Array], options: Mapping[str, Any]) -> Layout:
    """Understand a table from its first block.

    Parameters
    ----------
    table : Table
    block : list of pa.Array
    options : mapping
        ``column`` (time), ``key`` and ``value`` of a mapping.

    Raises
    ------
    InputError
        If no column holds times, or none holds readings.
    """
    names = table.columns
    layout = _times(table, block, options)
    rest = [k for k in range(len(names)) if k not in layout.time]
    aside: list[str] = []
    named_keys = [_position(table, word, "key") for word in _words(options.get("key"))]
    named_values = [_position(table, word, "value") for word in _words(options.get("value"))]
    text_columns: list[int] = []
    for k in rest:
        share, count = share_of_numbers(block[k], table.decimal)
        if k in named_values:
            layout.values.append(k)
        elif k in named_keys:
            layout.keys.append(k)
        elif named_values and k not in named_keys and not _UNIT_NAME.match(names[k]):
            aside.append(names[k])
        elif _UNIT_NAME.match(names[k]) and share < NUMBERS_SHARE_MIN:
            layout.unit = k
        elif _is_time_like(names[k], block[k]) or _is_index(names[k], block[k]):
            aside.append(names[k])
        elif count and share < NUMBERS_SHARE_MIN or (_KEY_NAME.match(names[k]) and _repeats(block[k])):
            text_columns.append(k)
        else:
            layout.values.append(k)
    if not named_keys:
        layout.keys = _keys(table, block, layout, text_columns)
    aside += [names[k] for k in text_columns if k not in layout.keys]
    if not layout.values:
        held = ", ".join(names[k] for k in rest[:6])
        raise InputError(f"{place_of(table.place)}: no column holds readings; beside the times there are {held or 'none'}")
    if aside:
        layout.notes.append(f"{table.place}: no readings in columns {', '.join(aside[:12])}; left out")
    return layout


def _words(option: Any) -> list[str]:
    return [] if option is None else [option] if isinstance(option, str) else list(option)


def _position(table: Table, name: str, what: str) -> int:
    if name not in table.columns:
        raise InputError(f"{place_of(table.place)}: no column '{name}' for {what}; {nearest(name, table.columns)}")
    return table.columns.index(name)


def _times(table: Table, block: list[pa.Array], options: Mapping[str, Any]) -> Layout:
    names = table.columns
    if options.get("column"):
        positions = [_position(table, word, "times") for word in _words(options["column"])]
        kinds = [kind_of(block[k], f"time {names[k]}") for k in positions]
        if not all(kinds):
            at = kinds.index("")
            raise InputError(f"{place_of(table.place, None, names[positions[at]])}: holds no times that can be read")
        if len(positions) == 2 and "time_of_day" in kinds:
            positions = sorted(positions, key=lambda k: kind_of(block[k]) == "time_of_day")
            return Layout(positions, kind_of(block[positions[0]]))
        return Layout(positions[:1], kinds[0])
    kinds = [kind_of(block[k], name) if _may_be_time(block[k], name) else "" for k, name in enumerate(names)]
    full = [k for k, kind in enumerate(kinds) if kind and kind != "time_of_day" and kind not in ELAPSED]
    if full:
        best = min(full, key=lambda k: (_preference(names[k], kinds[k]), k))
        if kinds[best] in ("date", "iso", "named", "named_us", "compact", "datetime"):
            clocks = [k for k, kind in enumerate(kinds) if kind == "time_of_day" and _TIME_NAME.search(names[k])]
            times = parsed(block[best].slice(0, 2000), kinds[best]).time
            if clocks and not (times[times != NAT] % (86_400 * 10**9)).any():
                return Layout([best, clocks[0]], kinds[best])
        others = [names[k] for k in full if k != best]
        notes = [f"{table.place}: times taken from '{names[best]}', not from {', '.join(others)}"] if others else []
        return Layout([best], kinds[best], notes=notes)
    for wanted in ("time_of_day", *ELAPSED):
        found = [k for k, kind in enumerate(kinds) if kind == wanted]
        if found:
            return Layout([found[0]], wanted)
    raise InputError(
        f"{place_of(table.place)}: no column of times among {', '.join(names[:8])}{', ...' if len(names) > 8 else ''}; "
        "name it in the mapping, clock: {column: NAME}"
    )


def _may_be_time(column: pa.Array, name: str) -> bool:
    kind = column.type
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind) or pa.types.is_time(kind):
        return True
    if _TIME_NAME.search(name):
        return True
    return not (pa.types.is_floating(kind) or pa.types.is_integer(kind)) and share_of_numbers(column.slice(0, 200))[0] < 0.1


def _preference(name: str, kind: str) -> tuple[int, int]:
    """Least for the best of several columns of times: universal before local, named so before found."""
    lower = name.lower()
    is_other = bool(re.search(r"end|stop|created|modified|insert", lower))
    return (
        0 if re.search(r"utc|gmt", lower) else 1 if kind in EPOCHS and _TIME_NAME.search(name) else 2 if _TIME_NAME.search(name) else 3,
        int(is_other),
    )  # fmt: skip


def _is_time_like(name: str, column: pa.Array) -> bool:
    """Whether a further column only repeats the time."""
    if not _TIME_NAME.search(name):
        return False
    kind = kind_of(column, name)
    return bool(kind) and (kind not in ELAPSED or _goes_on(column))


def _goes_on(column: pa.Array) -> bool:
    values = numbers(column)[0]
    steps = np.diff(values[np.isfinite(values)])
    return bool(len(steps)) and bool((steps >= 0).mean() > 0.99) and bool((steps > 0).mean() > 0.5)


def _is_index(name: str, column: pa.Array) -> bool:
    if not _INDEX_NAME.match(name.strip()):
        return False
    values = numbers(column)[0]
    return len(values) > 2 and bool((np.diff(values) == 1.0).all())


def _repeats(column: pa.Array) -> bool:
    return len(column) < 20 or pc.count_distinct(column).as_py() <= 0.5 * len(column)


def _keys(table: Table, block: list[pa.Array], layout: Layout, text_columns: list[int]) -> list[int]:
    """Columns that name the sensor of a row: without them, times would repeat or step back."""
    names = table.columns
    candidates = [k for k in text_columns if not _ASIDE_NAME.search(names[k])]
    if not candidates:
        return []
    times = parsed(block[layout.time[0]], layout.kind).time
    times = times[times != NAT]
    steps = np.diff(times)
    is_single = len(steps) == 0 or bool((steps > 0).all()) or bool((steps < 0).all())
    by_name = [k for k in candidates if _KEY_NAME.match(names[k])]
    if is_single:
        tidy = by_name if by_name and all(_repeats(block[k]) for k in by_name) else []
        return _finest(block, tidy)
    return _finest(block, by_name or candidates)


def _finest(block: list[pa.Array], keys: list[int]) -> list[int]:
    """Leave out keys that another key implies, such as the rack of a server."""
    cells = {k: strings(block[k]).fill_null("") for k in keys}
    kept = list(keys)
    for k in keys:
        for other in kept:
            if other == k or k not in kept:
                continue
            pairs = pa.table({"a": cells[other], "b": cells[k]}).group_by(["a", "b"]).aggregate([]).num_rows
            fine, coarse = (pc.count_distinct(cells[at]).as_py() for at in (other, k))
            if pairs == fine and (fine > coarse or (fine == coarse and other < k)):
                kept.remove(k)
    return kept
