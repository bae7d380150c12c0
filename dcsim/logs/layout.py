"""Which columns of a table hold stamps, names of sensors, readings, units, or neither."""

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dcsim.drivers.messages import nearest
from dcsim.errors import InputError, shown
from dcsim.logs.cells import floats, is_time, strings
from dcsim.logs.clock import looks_like_stamps
from dcsim.logs.units import split_header, unit_of

if TYPE_CHECKING:
    from dcsim.logs.mapping import Mapping
    from dcsim.logs.tables import Table

__all__ = ["Layout", "layout_of"]

NUMBERS_LEAST = 0.5
"""Share of the filled cells of a column that are numbers, below which it holds text."""

_TIME = re.compile(
    r"time|date|stamp|zeit|datum|clock|epoch|unix|\bts\b|\bt\b|elapsed|hour|minute|second|day", re.IGNORECASE
)
_NO_STAMP = re.compile(
    r"duration|step|interval|uptime|runtime|zone$|created|modified|inserted|stop|offset|delay|lag", re.IGNORECASE
)
_KEY = re.compile(
    r"^(name|id|(sensor|tag|point|node|host|server|machine|vm|device|object|channel|item|unit)([_ ]?(id|name|no))?|hostname|variable|metric|"
    r"measurement|signal|series|rack|entity|parameter|field|_field|_measurement)$",
    re.IGNORECASE,
)
_UNIT = re.compile(r"^(units?|uom|einheit|engineering[_ ]units?)$", re.IGNORECASE)
_QUALITY = re.compile(r"^(status|quality|flags?|qc|valid|validity|is_valid|state)$", re.IGNORECASE)
_GOOD = {"ok", "good", "valid", "true", "normal", "192", "1", "g", "online", "y", "yes", "a"}
_ASIDE = re.compile(r"comment|note|remark|description|alarm|message|event", re.IGNORECASE)
_VALUE = re.compile(r"^(value|values|val|reading|wert|_value|v|measurement[_ ]?value)$", re.IGNORECASE)
_INDEX = re.compile(r"^(sample|index|row([_ ]?(id|no|number))?|no|nr|#|record|unnamed.*|column_1|)$", re.IGNORECASE)
_CLOCK_CELL = re.compile(r"^\s*\d{1,2}:\d{2}")


@dataclass
class Layout:
    """Roles of the columns of a table, by position.

    Attributes
    ----------
    time, clock : int or None
        Column of the stamps, and of the time of day where that stands apart from the date.
    keys : list of int
        Columns whose cells name the sensor of a row; none in a wide table.
    values : list of int
        Columns of readings.
    unit, quality : int or None
        Columns whose cells name the unit of a row, and say whether its reading is good.
    is_tidy : bool
        One column of readings, whatever they measure.
    is_sparse : bool
        Rows hold the reading of one sensor or a few; settled by the reader.
    plain, units : dict
        Header -> name without its unit, and the unit.
    """

    time: int
    clock: int | None = None
    keys: list[int] = field(default_factory=list)
    values: list[int] = field(default_factory=list)
    unit: int | None = None
    quality: int | None = None
    is_tidy: bool = False
    is_sparse: bool = False
    plain: dict[str, str] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)

    def stamp_column(self, batch: Any) -> Any:
        """Return the stamps of a batch, date and time of day put together."""
        column = batch.column(self.time)
        if self.clock is None:
            return column
        return pc.binary_join_element_wise(_text(column), _text(batch.column(self.clock)), " ")

    def entities(self, batch: Any) -> tuple[NDArray[np.int64], list[tuple[str, ...]]]:
        """Return for each row the number of its sensor, shape (T,), and the names by number."""
        coded = [_text(batch.column(k)).fill_null("").dictionary_encode() for k in self.keys]
        code = np.zeros(batch.num_rows, dtype=np.int64)
        for each in coded:
            code = code * len(each.dictionary) + each.indices.to_numpy(zero_copy_only=False)
        used, code = np.unique(code, return_inverse=True)
        names = []
        for number in used.tolist():
            words: list[str] = []
            for each in reversed(coded):
                number, place = divmod(number, len(each.dictionary))
                words.insert(0, str(each.dictionary[place]))
            names.append(tuple(words))
        return code, names

    def bad_rows(self, batch: Any) -> NDArray[np.bool_] | None:
        """Which rows the log itself calls bad, shape (T,); None where it has no say."""
        if self.quality is None:
            return None
        words = strings(batch.column(self.quality)).str.lower()
        return (~words.isin(_GOOD) & words.notna()).to_numpy(dtype=bool)


def layout_of(table: "Table", first: Any, mapping: "Mapping | None" = None) -> Layout:
    """Understand a table from its first batch.

    Raises
    ------
    InputError
        If no column holds stamps.
    """
    names = table.columns
    clock = getattr(mapping, "clock", None)
    layout = _stamps(table, first, getattr(clock, "column", None) or "")
    texts: list[int] = []
    for k, name in enumerate(names):
        column = first.column(k)
        if k in (layout.time, layout.clock) or pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
            continue
        values, odd = floats(column, table.decimal)
        numbers = int(np.isfinite(values).sum())
        is_text = numbers + len(odd) > 0 and numbers < NUMBERS_LEAST * (numbers + len(odd))
        if is_text and _UNIT.match(name) and _are_units(column):
            layout.unit = k
        elif _QUALITY.match(name) and _is_quality(column):
            layout.quality = k
        elif is_text and (looks_like_stamps(column) or _ASIDE.search(name)):
            continue
        elif is_text or (_KEY.match(name) and _names_sensors(column, values)):
            texts.append(k)
        elif re.fullmatch(r"__index_level_\d+__", name) or (
            _INDEX.match(name.strip()) and len(values) > 2 and (np.diff(values) == 1.0).all()
        ):  # of a pandas frame
            continue
        else:
            layout.values.append(k)
    layout.keys = _keys(table, first, texts)
    layout.is_tidy = (
        bool(layout.keys)
        and len(layout.values) == 1
        and (_VALUE.match(split_header(names[layout.values[0]])[0]) is not None or table.is_blocks)
    )
    for k in layout.values:
        plain, unit = split_header(names[k])
        layout.plain[names[k]], layout.units[names[k]] = plain, unit
    return layout


def _text(column: Any) -> Any:
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    return pc.utf8_trim_whitespace(pc.cast(column, pa.string()))


def _stamps(table: "Table", first: Any, named: str) -> Layout:
    names = table.columns
    if named:
        if named not in names:
            raise InputError(f"{table.place}: no column {shown(named)} for the stamps; {nearest(named, names)}")
        return Layout(names.index(named))
    scores = [_stamp_score(name, first.column(k)) for k, name in enumerate(names)]
    best = max(range(len(names)), key=lambda k: (scores[k], -k))
    if scores[best] <= 0.0:
        raise InputError(
            f"{table.place}: no column of stamps among {', '.join(names[:8])}{', ...' if len(names) > 8 else ''}; "
            "name it in a mapping, clock: {column: NAME}"
        )
    if pa.types.is_string(first.column(best).type) or pa.types.is_large_string(first.column(best).type):
        cells = [str(cell) for cell in strings(first.column(best)).dropna().iloc[:50]]
        others = [
            k
            for k in range(len(names))
            if k != best and scores[k] > 0.0 and _TIME.search(names[k]) and not _NO_STAMP.search(names[k])
        ]
        is_date = cells and not any(":" in cell for cell in cells) and all(is_time(cell) for cell in cells)
        is_clock = cells and all(_CLOCK_CELL.match(cell) for cell in cells)
        for k in others:
            other = [str(cell) for cell in strings(first.column(k)).dropna().iloc[:50]]
            if is_date and other and all(_CLOCK_CELL.match(cell) for cell in other):
                return Layout(best, k)
            if is_clock and other and all(is_time(cell) and ":" not in cell for cell in other):
                return Layout(k, best)
    return Layout(best)


def _stamp_score(name: str, column: Any) -> float:
    """How much a column looks like the stamps of a log; 0 for not at all."""
    said = _TIME.search(re.sub(r"[_\W]+", " ", name)) is not None
    bonus = (2.0 if said else 0.0) + (0.5 if re.search(r"utc|gmt", name, re.IGNORECASE) else 0.0)
    bonus -= 3.0 if _NO_STAMP.search(name) else 0.0
    if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
        return max(4.0 + bonus, 0.5)
    if pa.types.is_boolean(column.type) or pa.types.is_null(column.type) or len(column) == column.null_count:
        return 0.0
    if pa.types.is_time(column.type):
        return max(2.5 + bonus, 0.5)
    values, odd = floats(column)
    known = values[np.isfinite(values)]
    if len(known) > len(odd):
        middle = float(np.median(known))
        is_epoch = any(3e8 <= middle * factor <= 4.1e9 for factor in (1.0, 1e-3, 1e-6, 1e-9))
        steps = np.diff(known)
        runs_on = len(steps) == 0 or max((steps >= 0).mean(), (steps <= 0).mean()) > 0.9
        if not (said or (is_epoch and runs_on and bool((steps != 0).any()))) or _NO_STAMP.search(name):
            return 0.0
        return bonus + 1.0 if is_epoch else bonus - 1.0 if runs_on and (steps != 0).any() else 0.0
    if looks_like_stamps(column):
        cells = [str(cell) for cell in strings(column).dropna().iloc[:20]]
        has_date = sum(not _CLOCK_CELL.match(cell) for cell in cells) > 0.5 * len(cells)
        return max((3.0 if has_date else 1.0) + bonus, 0.5 if has_date else 0.0)
    return bonus if said and bonus > 0.0 and len(odd) > len(known) and _mostly_digits(column) else 0.0


def _mostly_digits(column: Any) -> bool:
    cells = [str(cell) for cell in strings(column).dropna().iloc[:50]]
    return bool(cells) and sum(bool(re.search(r"\d", cell)) for cell in cells) > 0.8 * len(cells)


def _are_units(column: Any) -> bool:
    words = set(strings(column).dropna().iloc[:1000])
    return bool(words) and sum(unit_of(str(word)) is not None for word in words) >= 0.5 * len(words)


def _is_quality(column: Any) -> bool:
    words = set(strings(column).dropna().str.lower().iloc[:10_000])
    return 0 < len(words) <= 12 and bool(words & _GOOD)


def _names_sensors(column: Any, values: NDArray[np.float64]) -> bool:
    """Whether numbers are names: whole, and each met again and again."""
    known = values[np.isfinite(values)]
    return len(known) > 3 and bool((known % 1 == 0).all()) and len(np.unique(known)) <= 0.5 * len(known)


def _keys(table: "Table", first: Any, texts: list[int]) -> list[int]:
    """Columns that name the sensor: those of telling headers if there are any, without those that another one implies."""
    if not texts:
        return []
    by_name = [k for k in texts if _KEY.match(table.columns[k])]
    cells = {k: _text(first.column(k)).fill_null("") for k in by_name or texts}
    counts = {k: pc.count_distinct(column).as_py() for k, column in cells.items()}
    kept: list[int] = []
    for k in sorted(cells, key=lambda k: (-counts[k], k)):
        if counts[k] > 0.5 * len(first) and counts[k] > 50:  # remarks, not names
            continue
        pairs = [
            pa.table({"a": cells[other], "b": cells[k]}).group_by(["a", "b"]).aggregate([]).num_rows == counts[other]
            for other in kept
        ]
        if not any(pairs):
            kept.append(k)
    return sorted(kept)
