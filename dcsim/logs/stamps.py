"""Reading of time stamps, cell by cell: every common way of writing one, to nanoseconds since 1970 as written.

What a single cell cannot tell, the order of day and month or the time zone, is settled later from all of them (`clock`).
"""

import re
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dcsim.logs.log import SECOND
from dcsim.logs.table import numbers, strings

__all__ = ["DAY", "NAT", "Stamps", "kind_of", "parsed"]

NAT = np.iinfo(np.int64).min
DAY = 86_400 * SECOND
_YEARS = (1990, 2100)  # of a believable stamp
_FIRST, _LAST = (int(np.datetime64(f"{year}-01-01", "ns").astype(np.int64)) for year in _YEARS)

_CLOCK = r"(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d+))?)?\s*([AaPp]\.?[Mm]\.?)?"
_OFFSET = r"\s*(Z|z|UTC|GMT|[-+]\d{2}(?::?\d{2})?)?"
_ISO = re.compile(rf"^(\d{{4}})[-/.](\d{{1,2}})[-/.](\d{{1,2}})(?:[T ,]+{_CLOCK})?{_OFFSET}$")
_DATE = re.compile(rf"^(\d{{1,2}})[-/.](\d{{1,2}})[-/.](\d{{4}}|\d{{2}})(?:[T ,]+{_CLOCK})?{_OFFSET}$")
_COMPACT = re.compile(r"^((?:19|20)\d{2})(\d{2})(\d{2})(?:[T _-]?(\d{2}):?(\d{2})(?::?(\d{2})(?:[.,](\d+))?)?)?()(Z|[-+]\d{2}:?\d{2})?$")  # fmt: skip
_NAMED = re.compile(rf"^(?:[A-Za-z]{{3,9}},?\s+)?(\d{{1,2}})[-/. ]+([A-Za-z]{{3,9}})[-/., ]+(\d{{4}}|\d{{2}})(?:[T ,:]+{_CLOCK})?{_OFFSET}$")  # fmt: skip
_NAMED_US = re.compile(rf"^(?:[A-Za-z]{{3,9}},?\s+)?([A-Za-z]{{3,9}})\s+(\d{{1,2}}),?\s+(\d{{4}})(?:[T ,]+{_CLOCK})?{_OFFSET}$")  # fmt: skip
_TIME = re.compile(rf"^{_CLOCK}$")
_PATTERNS = {"iso": _ISO, "date": _DATE, "compact": _COMPACT, "named": _NAMED, "named_us": _NAMED_US, "time_of_day": _TIME}
_MONTHS = {
    name: at % 12 + 1
    for at, name in enumerate("jan feb mar apr may jun jul aug sep oct nov dec ene - mär abr mai - - ago - okt - dez".split())
    if name != "-"
}
EPOCHS = {"epoch_s": SECOND, "epoch_ms": 1_000_000, "epoch_us": 1000, "epoch_ns": 1}
EXCEL_ZERO = -25_569 * DAY  # 1899-12-30, day 0 of a spreadsheet


class Stamps(NamedTuple):
    """Times of a block."""

    time: NDArray[np.int64]  # ns as written (minus the offset, where one is written); NAT where unreadable
    has_offset: NDArray[np.bool_]
    surely_day_first: int  # rows whose first number is above 12
    surely_month_first: int  # rows whose second number is above 12


def kind_of(column: pa.Array, name: str = "") -> str:
    """Return how the stamps of a column are written, from its first cells, or "" if it holds none.

    Parameters
    ----------
    column : pa.Array
    name : str
        Header: plain numbers are times only of a column that says so.
    """
    if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
        return "datetime"
    if pa.types.is_time(column.type):
        return "time_of_day"
    if pa.types.is_boolean(column.type) or pa.types.is_nested(column.type):
        return ""
    head = column.slice(0, 2000)
    text = [cell for cell in strings(head).to_pylist() if cell is not None]
    if not text:
        return ""
    is_plain = sum(bool(re.fullmatch(r"[-+]?\d+(\.\d*)?([eE][-+]?\d+)?", cell)) for cell in text) > 0.9 * len(text)
    if is_plain:
        return _numeric_kind(numbers(pa.array(text))[0], text, name)
    for kind, pattern in _PATTERNS.items():
        if sum(pattern.match(cell) is not None for cell in text) >= 0.6 * len(text):
            return kind
    return ""


def _numeric_kind(values: NDArray[np.float64], text: list[str], name: str) -> str:
    known = values[np.isfinite(values)]
    low, high = float(known.min()), float(known.max())
    for kind, unit in EPOCHS.items():
        if _FIRST / unit <= low and high <= _LAST / unit:
            return kind
    digits = {len(cell) for cell in text}
    if digits <= {8, 12, 14} and all(_COMPACT.match(cell) for cell in text[:200]):
        return "compact"
    words = name.lower()
    if re.search(r"date|time|stamp|datum|zeit", words) and 32_000.0 <= low and high <= 74_000.0 and (known % 1.0).any():
        return "excel_days"
    found = re.search(r"(?:^|[^a-z])(hours?|hrs?|h|minutes?|mins?|min|seconds?|secs?|sec|s|ms|days?|d)(?:$|[^a-z])", words)
    if found and (re.search(r"time|elapsed|since|^t[_ .\[(]", words) or re.fullmatch(r"hours?|minutes?|seconds?|days?", words)):
        return {"h": "elapsed_h", "d": "elapsed_d"}.get(
            found[1][0], "elapsed_ms" if found[1] == "ms" else "elapsed_min" if found[1][0] == "m" else "elapsed_s"
        )
    return "elapsed_s" if re.fullmatch(r"t|time|elapsed|elapsed[_ ]time|timestamp", words) else ""


ELAPSED = {"elapsed_ms": 1e6, "elapsed_s": 1e9, "elapsed_min": 60e9, "elapsed_h": 3600e9, "elapsed_d": 86400e9}


def parsed(column: pa.Array, kind: str) -> Stamps:
    """Read the stamps of a block; dates whose order is open are read month first.

    Parameters
    ----------
    column : pa.Array, shape (T,)
    kind : str
        See `kind_of`.
    """
    none = np.zeros(len(column), bool)
    if kind == "datetime":
        is_aware = pa.types.is_timestamp(column.type) and column.type.tz is not None
        values = column.cast(pa.timestamp("ns", tz="UTC" if is_aware else None), safe=False)
        time = np.array(values.cast(pa.int64()).fill_null(NAT).to_numpy(zero_copy_only=False))
        return Stamps(_believable(time), none | is_aware, 0, 0)
    if kind in EPOCHS:
        return Stamps(_believable(_epoch(column, EPOCHS[kind])), none | True, 0, 0)
    if kind in ELAPSED or kind == "excel_days":
        values, _ = numbers(column)
        scale, zero = (float(DAY), EXCEL_ZERO) if kind == "excel_days" else (ELAPSED[kind], 0)
        known = np.isfinite(values) & (np.abs(values) < 9e18 / scale)
        time = np.full(len(values), NAT)
        time[known] = np.rint(values[known] * scale / 1e3).astype(np.int64) * 1000 + zero  # a float day is good to 1 us
        return Stamps(time, none, 0, 0)
    return _text_stamps(column, kind)


def _epoch(column: pa.Array, unit: int) -> NDArray[np.int64]:
    """Whole and fractional numbers since 1970, without the loss of digits of a float."""
    if pa.types.is_integer(column.type):
        whole = column.cast(pa.int64(), safe=False).fill_null(0).to_numpy(zero_copy_only=False)
        known = column.is_valid().to_numpy(zero_copy_only=False) & (np.abs(whole) <= _LAST // unit)
        return np.where(known, whole * np.where(known, unit, 0), NAT)
    if pa.types.is_floating(column.type):
        values = numbers(column)[0]
        known = np.isfinite(values) & (np.abs(values) < _LAST / unit)
        base = np.floor(np.where(known, values, 0.0))
        return np.where(known, base.astype(np.int64) * unit + np.rint((values - base) * unit).astype(np.int64, casting="unsafe"), NAT)  # fmt: skip
    parts = pd.Series(strings(column).to_pylist(), dtype=object).str.extract(r"^(\d{1,19})(?:\.(\d*))?$")
    known = parts[0].notna().to_numpy()
    whole = np.array([int(text) if isinstance(text, str) else 0 for text in parts[0]], dtype=object)
    fraction = parts[1].where(parts[1].notna(), "").to_numpy()
    rest = [round(float(f"0.{text}") * unit) if text else 0 for text in fraction]
    time = [min(int(w) * unit + r, _LAST + 1) for w, r in zip(whole, rest, strict=True)]
    return np.where(known, np.array(time, dtype=np.int64), NAT)


def _believable(time: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.where((time < _FIRST) | (time > _LAST), NAT, time)


def _text_stamps(column: pa.Array, kind: str) -> Stamps:
    text = strings(column)
    count = len(text)
    if kind == "iso":
        fast = _plain_iso(text)
        if fast is not None:
            return Stamps(_believable(fast), np.zeros(count, bool), 0, 0)
    unique = text.dictionary_encode()  # staggered logs repeat their stamps
    cells = pd.Series(unique.dictionary.to_pylist(), dtype=object)
    stamps = _extracted(cells, kind)
    known = stamps.time != NAT
    for other in _PATTERNS:  # a few cells may be written in another way
        if known.all() or other in (kind, "time_of_day"):
            continue
        extra = _extracted(cells[~known], other)
        stamps.time[~known] = extra.time
        stamps.has_offset[~known] = extra.has_offset
        known = stamps.time != NAT
    index = unique.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    time = np.append(stamps.time, NAT)[index]
    has_offset = np.append(stamps.has_offset, False)[index]
    if kind != "time_of_day":
        time = _believable(time)
    return Stamps(time, has_offset, stamps.surely_day_first, stamps.surely_month_first)


def _plain_iso(text: pa.Array) -> NDArray[np.int64] | None:
    """Stamps such as 2024-05-01T13:00:00 or with a blank, all alike: the usual case, read by the compiled parser."""
    if text.null_count or not len(text):
        return None
    is_plain = pc.match_substring_regex(text, r"^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}$")
    if not pc.all(is_plain).as_py():
        return None
    try:
        stamps = pc.strptime(pc.replace_substring(text, "T", " "), format="%Y-%m-%d %H:%M:%S", unit="s")
    except pa.ArrowInvalid:  # a 31st of April: left to the slower way, which tells which cell it is
        return None
    seconds = stamps.cast(pa.int64()).to_numpy(zero_copy_only=False)
    return np.where(np.abs(seconds) < _LAST // SECOND, seconds * SECOND, NAT)


def _extracted(cells: pd.Series, kind: str) -> Stamps:
    """Read cells by one pattern."""
    count = len(cells)
    parts = cells.astype(object).str.extract(_PATTERNS[kind].pattern)
    hit = parts.notna().any(axis=1).to_numpy() if count else np.zeros(0, bool)
    columns = [parts[k] for k in range(parts.shape[1])]
    time = np.full(count, NAT)
    offset = columns.pop() if kind != "time_of_day" else None
    clock = columns if kind == "time_of_day" else columns[3:]
    of_day, good = _of_day(clock)
    day_first = month_first = 0
    if kind == "time_of_day":
        days = np.zeros(count, np.int64)
    else:
        first, second, third = columns[:3]
        if kind in ("named", "named_us"):
            month_cells, day_cells = (second, first) if kind == "named" else (first, second)
            year, day = _ints(third), _ints(day_cells)
            month = np.array([_MONTHS.get(str(cell).lower()[:3], 0) for cell in month_cells], np.int64)
        elif kind == "date":
            one, two, year = _ints(first), _ints(second), _ints(third)
            is_day_first = one > 12
            day_first, month_first = int((hit & is_day_first).sum()), int((hit & (two > 12)).sum())
            month, day = np.where(is_day_first, two, one), np.where(is_day_first, one, two)
        else:
            year, month, day = _ints(first), _ints(second), _ints(third)
        year = np.where(year < 100, year + 2000, year)
        good &= (month >= 1) & (month <= 12) & (day >= 1) & (year >= _YEARS[0]) & (year < _YEARS[1])
        safe_year, safe_month = np.where(good, year, 2000), np.where(good, month, 1)
        start = ((safe_year - 1970) * 12 + safe_month - 1).astype("datetime64[M]")
        length = ((start + 1).astype("datetime64[D]") - start.astype("datetime64[D]")).astype(np.int64)
        good &= day <= length
        days = start.astype("datetime64[D]").astype(np.int64) + np.where(good, day, 1) - 1
    good &= hit
    time[good] = days[good] * DAY + of_day[good]
    has_offset = np.zeros(count, bool)
    if offset is not None:
        has_offset = offset.notna().to_numpy() & good
        shift = np.array([_offset_ns(cell) for cell in offset], np.int64)
        time[has_offset] -= shift[has_offset]
    return Stamps(time, has_offset, day_first, month_first)


def _ints(cells: pd.Series) -> NDArray[np.int64]:
    return pd.to_numeric(cells, errors="coerce").fillna(0).to_numpy().astype(np.int64)


def _of_day(parts: list[pd.Series]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Nanoseconds since midnight from hour, minute, second, fraction and a.m. or p.m., and which of them can be."""
    hour, minute, second = (_ints(part) for part in parts[:3])
    fraction = np.array([int(cell[:9].ljust(9, "0")) if isinstance(cell, str) else 0 for cell in parts[3]], np.int64)
    half = parts[4].astype(object).where(parts[4].notna(), "").str.lower().str[:1].to_numpy()
    good = (hour <= 24) & (minute < 60) & (second <= 60) & ((half == "") | ((hour >= 1) & (hour <= 12)))
    good &= (hour < 24) | ((minute == 0) & (second == 0))
    hour = np.where(half == "p", hour % 12 + 12, np.where(half == "a", hour % 12, hour))
    return ((hour * 60 + minute) * 60 + second) * SECOND + fraction, good


def _offset_ns(cell: object) -> int:
    text = str(cell)
    if text[:1] not in "+-" or len(text) < 3:
        return 0
    digits = text[1:].replace(":", "")
    minutes = int(digits[:2]) * 60 + int(digits[2:] or 0)
    return (1 if text[0] == "+" else -1) * minutes * 60 * SECOND
