"""Stamps of logs, however they are written, as universal time in nanoseconds since 1970.

What is decided from the first rows: the form (ISO with or without offset, numeric dates with the day or the month first, names of months, epoch
in s, ms, us or ns, spreadsheet days, time of day, elapsed time). What takes the whole column: whether day and month were exchanged in part
of the rows (`exchanged_days`), found by the path through the rows that jumps least. Local time with daylight saving is resolved by the order
of the rows: the first pass through the repeated hour is daylight time, the second standard time.
"""

import datetime
import re
import zoneinfo
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from dcsim.errors import InputError, shown
from dcsim.logs.cells import floats, is_time, strings
from dcsim.logs.log import SECOND
from dcsim.logs.units import unit_of, words_of

__all__ = ["NO_TIME", "Stamps", "exchanged_days", "stamps_of", "zone_of"]

Nanoseconds = NDArray[np.int64]

NO_TIME = np.iinfo(np.int64).min
"""Stands for a stamp that cannot be read, as NaT of NumPy does."""

DAY = 86_400 * SECOND
RUNS_MAX = 1_000_000  # of rows of one day, beyond which a table is in no order
EARLIEST, LATEST = (int(np.datetime64(day, "ns").astype(np.int64)) for day in ("1980-01-01", "2100-01-01"))
"""Dates outside are those of clocks that were never set."""

_EPOCHS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
_NUMERIC = re.compile(
    r"^\s*(\d{1,2})[./-](\d{1,2})[./-](\d{4}|\d{2})(?:[T ,]+(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d+))?)?\s*([AaPp])?[.]?[Mm]?[.]?)?\s*$"
)
_CLOCK = re.compile(r"^\s*(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d+))?)?\s*([AaPp])?[.]?[Mm]?[.]?\s*$")
_ISO = re.compile(r"^\s*\d{4}[-/]\d{1,2}[-/]\d{1,2}|^\s*\d{8}T\d{4}")
_OFFSET = re.compile(r"(?:[+-]\d{2}:?\d{2}|[+-]\d{2}|Z|\bUTC|\bGMT)\s*$", re.IGNORECASE)
_FIXED = re.compile(r"^(?:UTC|GMT)?\s*([+-])\s*(\d{1,2})(?::?(\d{2}))?\s*h?$", re.IGNORECASE)
_SHORT = {
    "EST": -5,
    "CST": -6,
    "MST": -7,
    "PST": -8,
    "CET": 1,
    "EET": 2,
    "JST": 9,
    "SGT": 8,
    "UTC": 0,
    "GMT": 0,
    "Z": 0,
}


@dataclass
class Stamps:
    """How the stamps of a table are read; keeps what it has to remember from one batch to the next.

    Attributes
    ----------
    kind, form, zone : str
        As of `dcsim.logs.log.Clock`.
    style : str
        ``"arrow"``, ``"iso"``, ``"numeric"``, ``"words"``, ``"number"`` or ``"clock"`` (time of day).
    day_first : bool
        Of numeric dates.
    exchanged : (ndarray, ndarray) or None
        First rows of runs, and whether day and month of the run are to be exchanged.
    notes : dict
        What was met, with how often.
    """

    kind: str
    form: str
    zone: str
    style: str
    factor: float = 1.0  # seconds a unit of numbers
    origin: int = 0  # ns
    day_first: bool = False
    exchanged: tuple[NDArray[np.int64], NDArray[np.bool_]] | None = None
    is_descending: bool = False
    is_hourly: bool = False
    notes: dict[str, int] = field(default_factory=dict)
    above_12: tuple[int, int] = (0, 0)  # numeric dates whose first, and whose second number is no month
    _row: int = 0
    _day: int = 0
    _before: float = -1.0
    _fold_day: int = -1
    _fold_wall: int = 0
    _is_second: bool = False

    def restart(self) -> None:
        """Forget what was remembered of the rows before."""
        self._row, self._day, self._before, self._fold_day, self._is_second = 0, 0, -1.0, -1, False
        self.notes = {}

    def read(self, column: Any) -> Nanoseconds:
        """Return the stamps of the next batch, `NO_TIME` where there is none; shape (T,)."""
        wall, has_offset = self._wall(column)
        if self.exchanged is not None:
            starts, choice = self.exchanged
            run = np.searchsorted(starts, np.arange(self._row, self._row + len(wall)), side="right") - 1
            wall = np.where(choice[run], exchange(wall), wall)
        self._row += len(wall)
        time = np.where(has_offset, wall, self._universal(wall))
        if self.kind not in ("time of day", "elapsed"):
            odd = (wall != NO_TIME) & ((time < EARLIEST) | (time > LATEST))
            if odd.any():
                self._note("stamps before 1980 or after 2100, left out", int(odd.sum()))
                time = np.where(odd, NO_TIME, time)
        return time

    def _note(self, text: str, count: int = 1) -> None:
        self.notes[text] = self.notes.get(text, 0) + count

    def _wall(self, column: Any) -> tuple[Nanoseconds, NDArray[np.bool_]]:
        none = np.zeros(len(column), dtype=bool)
        if self.style == "arrow":
            return _of_arrow(column), np.full(len(column), getattr(column.type, "tz", None) is not None)
        if self.style == "number":
            values, _ = floats(column)
            time = np.full(len(values), NO_TIME)
            known = np.isfinite(values) & (np.abs(values) * self.factor < 4e9)
            whole = np.floor(values[known])
            scale = round(self.factor * SECOND)
            # Whole numbers in integers: a float has no room for the nanoseconds of an epoch.
            time[known] = (
                whole.astype(np.int64) * scale + np.rint((values[known] - whole) * scale).astype(np.int64) + self.origin
            )
            if pa.types.is_integer(column.type):
                exact = column.to_numpy(zero_copy_only=False)
                if np.issubdtype(exact.dtype, np.integer):
                    time = np.where(known, exact.astype(np.int64) * scale + self.origin, NO_TIME)
            return time, none
        if self.style == "clock":
            return self._of_clock(strings(column)), none
        # Rows of many sensors share their stamps, of which each form is understood once.
        coded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
        if 2 * len(coded.dictionary) > len(column):
            return self._of_text(strings(column))
        time, has_offset = self._of_text(strings(coded.dictionary))
        place = coded.indices.fill_null(len(time)).to_numpy(zero_copy_only=False)
        return np.append(time, NO_TIME)[place], np.append(has_offset, False)[place]

    def _of_text(self, text: "pd.Series[Any]") -> tuple[Nanoseconds, NDArray[np.bool_]]:
        if self.style == "iso":
            return _of_iso(text)
        if self.style == "numeric":
            time, first, second = _of_numeric(text, self.day_first)
            self.above_12 = (self.above_12[0] + first, self.above_12[1] + second)
            return time, np.zeros(len(text), dtype=bool)
        return _of_words(text)

    def _of_clock(self, text: "pd.Series[Any]") -> Nanoseconds:
        seconds = _seconds_of_day(text.str.extract(_CLOCK).to_numpy(dtype=object))
        time = np.full(len(seconds), NO_TIME)
        for place in np.flatnonzero(np.isfinite(seconds)):
            value = float(seconds[place])
            if self._before - value > 43_200.0:  # past midnight
                self._day += 1
            self._before = value
            time[place] = self.origin + self._day * DAY + round(value * 1e6) * 1000
        return time

    def _universal(self, wall: Nanoseconds) -> Nanoseconds:
        if self.zone == "UTC":
            return wall
        fixed = _fixed_offset(self.zone)
        known = wall != NO_TIME
        if fixed is not None:
            return np.where(known, wall - fixed, NO_TIME)
        sane = known & (wall > EARLIEST - DAY) & (wall < LATEST + DAY)
        index = pd.DatetimeIndex(wall[sane].astype("datetime64[ns]"))
        shift = pd.Timedelta(hours=1)
        passes = [
            index.tz_localize(self.zone, ambiguous=np.full(len(index), first), nonexistent=shift).tz_convert(None)
            for first in (True, False)
        ]
        first, second = (np.asarray(each.as_unit("ns").asi8) for each in passes)
        local = (
            pd.DatetimeIndex(first.astype("datetime64[ns]")).tz_localize("UTC").tz_convert(self.zone).tz_localize(None)
        )
        skipped = int((np.asarray(local.as_unit("ns").asi8) != wall[sane]).sum())
        if skipped:
            self._note(f"stamps in the hour that {self.zone} skips in spring, taken as standard time", skipped)
        result = np.full(len(wall), NO_TIME)
        result[sane] = np.where(self._second_passes(wall[sane], first != second), second, first)
        return result

    def _second_passes(self, wall: Nanoseconds, is_twice: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which stamps of repeated hours belong to the second pass, by the order of the rows."""
        is_second = np.zeros(len(wall), dtype=bool)
        for place in np.flatnonzero(is_twice):
            now = int(wall[place])
            if now // DAY != self._fold_day:
                self._fold_day, self._fold_wall, self._is_second = now // DAY, now, self.is_descending
                self._note("hours that daylight saving repeats, resolved by the order of rows")
            step = now - self._fold_wall if not self.is_descending else self._fold_wall - now
            if step < -600 * SECOND or (step == 0 and self.is_hourly and place and is_twice[place - 1]):
                self._is_second = not self.is_descending
            self._fold_wall = now
            is_second[place] = self._is_second
        return is_second


def stamps_of(
    where: str, header: str, column: Any, settings: Any = None, hint: str = "", attributes: dict[str, str] | None = None
) -> Stamps:
    """Decide from the first rows how stamps are read.

    Parameters
    ----------
    where, header : str
        For messages; the header may name a zone.
    column : pyarrow.Array
        First rows.
    settings : object, optional
        With the fields ``zone``, ``order`` and ``date`` of a mapping's clock; None or '' where not given.
    hint : str
        Name of the file, which may hold the date of a log that has only times of day.
    attributes : dict
        Of comment lines; ``utc_offset_s`` is understood.

    Raises
    ------
    InputError
        If the rows are no stamps.
    """
    given_zone, order, date = (getattr(settings, name, "") or "" for name in ("zone", "order", "date"))
    zone = zone_of(given_zone) if given_zone else _zone_in(header, attributes or {})
    naive = ("zone", zone) if zone and zone != "UTC" else ("naive" if not zone else "offset", "UTC")
    typ = column.type
    if pa.types.is_timestamp(typ) or pa.types.is_date(typ):
        if getattr(typ, "tz", None):
            return Stamps("offset", f"timestamps with the zone {typ.tz}", "UTC", "arrow")
        return Stamps(naive[0], "timestamps without a zone", naive[1], "arrow")
    if pa.types.is_time(typ):
        column, typ = pa.array([None if v is None else v.isoformat() for v in column.to_pylist()]), pa.string()
    values, texts = floats(column)
    known = values[np.isfinite(values)]
    if len(known) and len(texts) <= 0.2 * len(column) and not pa.types.is_boolean(typ):
        return _of_number_form(header, known, date, hint)
    text = strings(column).dropna()
    if not len(text):
        raise InputError(f"{where}, column {shown(header)}: holds no stamps")
    sample = text.iloc[:2000]
    if sample.str.match(_ISO).mean() > 0.5:
        offsets = sample.str.contains(_OFFSET) & sample.str.contains(":")
        if offsets.mean() > 0.5:
            return Stamps("offset", "ISO 8601 with an offset", "UTC", "iso")
        return Stamps(naive[0], "ISO 8601 without an offset", naive[1], "iso")
    if sample.str.match(_NUMERIC).mean() > 0.5:
        stamps = Stamps(naive[0], "", naive[1], "numeric", day_first=order == "day first")
        stamps.form = "numeric dates, day first" if stamps.day_first else "numeric dates, month first"
        return stamps
    if sample.str.match(_CLOCK).mean() > 0.5:
        day, source = _date_of(date, hint)
        kind = naive[0] if source else "time of day"
        form = f"time of day, on {day} ({source})" if source else "time of day without a date, counted from 1970-01-01"
        return Stamps(kind, form, naive[1], "clock", origin=int(np.datetime64(day, "ns").astype(np.int64)))
    time, _ = _of_words(sample)
    if (time != NO_TIME).mean() > 0.5:
        offsets = bool((sample.str.contains(_OFFSET)).mean() > 0.5)
        return Stamps(
            "offset" if offsets else naive[0], "dates with the month in words", "UTC" if offsets else naive[1], "words"
        )
    raise InputError(
        f"{where}, column {shown(header)}: {shown(str(text.iloc[0]))} is no stamp that is known; write ISO 8601"
    )


def _of_number_form(header: str, known: NDArray[np.float64], date: str, hint: str) -> Stamps:
    middle = float(np.median(known))
    for unit, factor in _EPOCHS.items():
        if 3e8 <= middle * factor <= 4.1e9:
            return Stamps("epoch", f"epoch in {unit}", "UTC", "number", factor=factor)
    words = words_of(header)
    if (
        30_000 <= middle <= 73_000
        and re.search(r"date|time", words)
        and np.ptp(known) < 4000
        and (known % 1 != 0).any()
    ):
        origin = int(np.datetime64("1899-12-30", "ns").astype(np.int64))
        return Stamps("naive", "spreadsheet days since 1899-12-30", "UTC", "number", factor=86_400.0, origin=origin)
    units = [
        found for word in re.split(r"[\s_()\[\]]+", header) if (found := unit_of(word)) and found.quantity == "duration"
    ]
    factor = (
        units[0].factor
        if units
        else next((s for w, s in (("hour", 3600.0), ("minute", 60.0), ("day", 86_400.0)) if w in words), 1.0)
    )
    name = {1.0: "seconds", 60.0: "minutes", 3600.0: "hours", 86_400.0: "days", 1e-3: "milliseconds"}.get(
        factor, f"{factor:g} s"
    )
    day, source = _date_of(date, "")
    form = (
        f"{name} since {day} ({source})"
        if source
        else f"{name} since an origin that is not stated, counted from 1970-01-01"
    )
    return Stamps(
        "naive" if source else "elapsed",
        form,
        "UTC",
        "number",
        factor=factor,
        origin=int(np.datetime64(day, "ns").astype(np.int64)),
    )


def _date_of(date: str, hint: str) -> tuple[str, str]:
    if date:
        return str(date), "mapping"
    found = re.search(r"(19|20)\d{2}[-_]?(0[1-9]|1[0-2])[-_]?(0[1-9]|[12]\d|3[01])(?!\d)", hint)
    if found:
        digits = re.sub(r"\D", "", found[0])
        return f"{digits[:4]}-{digits[4:6]}-{digits[6:]}", "name of the file"
    return "1970-01-01", ""


def zone_of(text: str) -> str:
    """Return ``"UTC"``, ``"UTC+08:00"`` or the name of a zone.

    Raises
    ------
    InputError
        For a zone that is not known.
    """
    text = text.strip()
    if text.upper() in _SHORT:
        return _fixed_name(_SHORT[text.upper()] * 60)
    found = _FIXED.match(text)
    if found:
        minutes = int(found[2]) * 60 + int(found[3] or 0)
        if minutes <= 14 * 60:
            return _fixed_name(minutes if found[1] == "+" else -minutes)
    try:
        zoneinfo.ZoneInfo(text)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise InputError(
            f"time zone {shown(text)} is not known; write one such as 'Europe/Berlin' or 'UTC+08:00'"
        ) from None
    return text


def _fixed_name(minutes: int) -> str:
    return (
        "UTC" if minutes == 0 else f"UTC{'+' if minutes > 0 else '-'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"
    )


def _fixed_offset(zone: str) -> int | None:
    found = _FIXED.match(zone) if zone.startswith("UTC") else None
    if not found:
        return None
    minutes = int(found[2]) * 60 + int(found[3] or 0)
    return (minutes if found[1] == "+" else -minutes) * 60 * SECOND


def _zone_in(header: str, attributes: dict[str, str]) -> str:
    """Zone that a header or a comment line states, '' without one."""
    if re.search(r"(?<![A-Za-z])(utc|gmt|zulu)(?![A-Za-z])", header, re.IGNORECASE):
        found = re.search(r"(?:UTC|GMT)\s*([+-]\s*\d{1,2}(?::?\d{2})?)", header, re.IGNORECASE)
        return zone_of("UTC" + found[1].replace(" ", "")) if found else "UTC"
    found = re.search(r"\b([A-Z][a-z]+/[A-Z][A-Za-z_]+)\b", header)
    if found:
        return zone_of(found[1])
    if "utc_offset_s" in attributes:
        try:
            return _fixed_name(round(float(attributes["utc_offset_s"]) / 60.0))
        except ValueError:
            return ""
    return ""


def _of_arrow(column: Any) -> Nanoseconds:
    try:
        values = pa.compute.cast(column, pa.timestamp("ns", getattr(column.type, "tz", None)))
    except pa.ArrowInvalid:  # before 1677 or after 2262
        values = pa.array(
            [v if v is not None and 1970 <= v.year < 2200 else None for v in column.to_pylist()],
            type=pa.timestamp("ns", getattr(column.type, "tz", None)),
        )
    whole = pa.compute.cast(values, pa.int64())
    return np.asarray(pa.compute.fill_null(whole, NO_TIME).to_numpy(zero_copy_only=False), dtype=np.int64)


def _as_ns(index: pd.DatetimeIndex) -> Nanoseconds:
    seconds = index.as_unit("s") if index.unit == "s" else index
    year = np.asarray(seconds.year, dtype=float)
    sane = (year >= 1800) & (year < 2200)
    result = np.full(len(index), NO_TIME)
    result[sane] = index[sane].as_unit("ns").asi8
    return result


def _of_iso(text: "pd.Series[Any]") -> tuple[Nanoseconds, NDArray[np.bool_]]:
    filled = text.fillna("")
    sample = "\n".join(filled.iloc[:200])
    if re.search(r"(UTC|GMT)\s*$", sample, re.IGNORECASE | re.MULTILINE):
        filled = filled.str.replace(r"\s*(?:UTC|GMT)\s*$", "Z", regex=True, case=False)
    if re.search(r"[.,]\d{10}", sample):
        filled = filled.str.replace(r"([.,]\d{9})\d+", r"\1", regex=True)
    if re.search(r"\d,\d", sample):
        filled = filled.str.replace(r"(:\d{2}),(\d)", r"\1.\2", regex=True)
    if "/" in sample:
        filled = filled.str.replace("/", "-")
    if re.search(r"\d  +\d", sample):
        filled = filled.str.replace(r"\s+", " ", regex=True)
    if re.search(r"-\d(-|[T ])", sample):
        filled = filled.str.replace(r"-(\d)(?=-)", r"-0\1", regex=True).str.replace(
            r"-(\d)(?=[T ]|$)", r"-0\1", regex=True
        )
    if re.search(r"[T ]\d:", sample):
        filled = filled.str.replace(r"([T ])(\d):", r"\g<1>0\2:", regex=True)
    late = filled.str.contains(r"[T ]24:00", regex=True)
    if late.any():
        filled = filled.str.replace(r"([T ])24:00", r"\g<1>00:00", regex=True)
    index = pd.DatetimeIndex(pd.to_datetime(filled, format="ISO8601", utc=True, errors="coerce")).tz_localize(None)
    wall = _as_ns(index)
    wall = np.where(late.to_numpy(dtype=bool) & (wall != NO_TIME), wall + DAY, wall)
    has_offset = filled.str.contains(r":\d{2}[^-+]*(?:[+-]\d{2}:?(?:\d{2})?|Z)\s*$", regex=True).to_numpy(dtype=bool)
    return wall, has_offset


def _seconds_of_day(parts: NDArray[Any]) -> NDArray[np.float64]:
    """Seconds since midnight of (hour, minute, second, fraction, a or p), NaN where they are no time."""
    filled = pd.DataFrame(parts[:, :4]).fillna("0").replace("", "0")
    hour, minute, second = (pd.to_numeric(filled[k], errors="coerce").to_numpy(dtype=float) for k in (0, 1, 2))
    fraction = pd.to_numeric("0." + filled[3].astype(str), errors="coerce").to_numpy(dtype=float)
    half = pd.Series(parts[:, 4]).fillna("").astype(str).str.lower().to_numpy(dtype=str)
    hour = np.where(half == "p", hour % 12 + 12, np.where(half == "a", hour % 12, hour))
    given = ~pd.isna(pd.Series(parts[:, 0])).to_numpy(dtype=bool)
    good = given & (hour <= 24) & (minute < 60) & (second <= 60)
    return np.where(good, hour * 3600.0 + minute * 60.0 + second + fraction, np.nan)


def _of_numeric(text: "pd.Series[Any]", day_first: bool) -> tuple[Nanoseconds, int, int]:
    """Stamps, and how many have a first and a second number above 12."""
    parts = text.str.extract(_NUMERIC)
    first, second, year = (
        pd.to_numeric(parts[k], errors="coerce").fillna(0).to_numpy(dtype=np.int64) for k in (0, 1, 2)
    )
    year = np.where(year < 70, year + 2000, np.where(year < 100, year + 1900, year))
    day, month = (first, second) if day_first else (second, first)
    # A number above 12 is no month, whatever the order of the column.
    turn = (month > 12) & (day <= 12)
    day, month = np.where(turn, month, day), np.where(turn, day, month)
    seconds = _seconds_of_day(parts[[3, 4, 5, 6, 7]].to_numpy(dtype=object))
    seconds = np.where(parts[3].isna().to_numpy(dtype=bool), 0.0, seconds)
    days, good = _days(year, month, day)
    good &= np.isfinite(seconds)
    time = days * DAY + np.rint(np.where(good, seconds, 0.0) * 1e6).astype(np.int64) * 1000
    return np.where(good, time, NO_TIME), int((first > 12).sum()), int((second > 12).sum())


def _days(year: Nanoseconds, month: Nanoseconds, day: Nanoseconds) -> tuple[Nanoseconds, NDArray[np.bool_]]:
    """Days since 1970, and whether there is such a day."""
    good = (year > 1800) & (year < 2200) & (month >= 1) & (month <= 12) & (day >= 1)
    months = np.where(good, (year - 1970) * 12 + month - 1, 0).astype("datetime64[M]")
    days = months.astype("datetime64[D]").astype(np.int64) + np.where(good, day, 1) - 1
    good &= days.astype("datetime64[D]").astype("datetime64[M]") == months
    return days, good


def _of_words(text: "pd.Series[Any]") -> tuple[Nanoseconds, NDArray[np.bool_]]:
    """Dates with names of months, by the form that fits the first rows."""
    filled = text.fillna("").str.replace(r"\s+", " ", regex=True).str.strip()
    zulu = filled.str.contains(r"\b(?:UTC|GMT|Z)\b", regex=True)
    filled = filled.str.replace(r"\s*\b(?:UTC|GMT|Z)\b", "", regex=True)
    forms = [
        f"{date} {clock}".strip()
        for date in ("%d-%b-%Y", "%d-%b-%y", "%d %b %Y", "%d %B %Y", "%d/%b/%Y", "%b %d %Y", "%b %d, %Y", "%B %d, %Y")
        for clock in ("%H:%M:%S", "%H:%M", "%H:%M:%S.%f", "%I:%M:%S %p", "%I:%M %p", "")
    ]
    forms += ["%a %b %d %H:%M:%S %Y", "%d/%b/%Y:%H:%M:%S", "%d/%b/%Y:%H:%M:%S %z"]
    best = np.full(len(filled), NO_TIME)
    first = [word for word in filled.iloc[:50] if word]
    for form in forms:
        head = pd.to_datetime(pd.Series(first[:5], dtype="str"), format=form, errors="coerce", utc=True)
        if len(head) and head.notna().mean() > 0.5:
            best = _as_ns(
                pd.DatetimeIndex(pd.to_datetime(filled, format=form, errors="coerce", utc=True)).tz_localize(None)
            )
            if form.endswith("%z"):
                zulu[:] = True
            break
    return best, zulu.to_numpy(dtype=bool)


def exchange(wall: Nanoseconds) -> Nanoseconds:
    """Return stamps with day and month exchanged; the stamp itself where there is no such date."""
    known = wall != NO_TIME
    days = np.where(known, wall, 0) // DAY
    date = days.astype("datetime64[D]")
    months = date.astype("datetime64[M]")
    year = months.astype("datetime64[Y]").astype(np.int64) + 1970
    month = months.astype(np.int64) % 12 + 1
    day = (date - months.astype("datetime64[D]")).astype(np.int64) + 1
    other, good = _days(year, day, month)
    return np.where(known & good, wall + (other - days) * DAY, wall)


def runs_of_days(walls: Iterable[Nanoseconds]) -> tuple[Nanoseconds, NDArray[np.int64], int]:
    """Return the days since 1970 of rows that follow one another, the first row of each run of one day, and the number of rows.

    Rows without a stamp belong to the run before. Rows in no order at all make no runs worth looking at: nothing is returned of them.
    """
    days, starts, rows, last = [], [], 0, None
    for wall in walls:
        known = np.flatnonzero(wall != NO_TIME)
        day = wall[known] // DAY
        if len(known):
            first = np.flatnonzero(np.diff(day, prepend=day[0] - 1 if last is None else last))
            days.append(day[first])
            starts.append(known[first] + rows)
            last = int(day[-1])
        rows += len(wall)
        if sum(map(len, days[-8:])) > RUNS_MAX // 8 and sum(map(len, days)) > RUNS_MAX:
            days, starts = [], []
            break
    none = np.empty(0, dtype=np.int64)
    start = np.concatenate(starts) if starts else none
    start[:1] = 0
    return np.concatenate(days) if days else none, start, rows


def exchanged_days(days: Nanoseconds) -> NDArray[np.bool_]:
    """Find the runs of rows whose day and month were exchanged.

    Parameters
    ----------
    days : ndarray, shape (B,)
        Days since 1970 as read, as of `runs_of_days`.

    Returns
    -------
    ndarray of bool, shape (B,)

    Notes
    -----
    Each run may be read as it stands or exchanged; the chosen readings are those of the path through all runs with the fewest jumps, where
    going from one run to the next costs nothing if the date grows (or falls) by at most three days in the direction of the log, 1 for a longer
    way and 1.5 for a step back. A reading that differs from the one as it stands costs 0.1 when it begins, so without evidence nothing is
    exchanged; where the rows of one sensor follow those of another, the step back costs the same either way.
    """
    result = np.zeros(len(days), dtype=bool)
    if len(days) < 2:
        return result
    other = exchange(days * DAY) // DAY
    best: tuple[float, NDArray[np.bool_]] = (np.inf, result)
    for direction in (1, -1):
        cost, choice = _least_jumps([direction * days, direction * other])
        if cost < best[0]:
            best = (cost, choice)
    return best[1] & (other != days)


def _least_jumps(dates: list[Nanoseconds]) -> tuple[float, NDArray[np.bool_]]:
    """Cheapest path through runs with two readings each."""
    count, lines = len(dates[0]), [date.tolist() for date in dates]
    back = np.zeros((count, 2), dtype=np.int8)
    cost = [0.0, 0.1]
    for k in range(1, count):
        new = []
        for state in (0, 1):
            ways = []
            for before in (0, 1):
                step = lines[state][k] - lines[before][k - 1]
                jump = 0.0 if 0 <= step <= 3 else 1.0 if step > 0 else 1.5
                ways.append(cost[before] + jump + (0.1 if state and not before else 0.0) + (0.001 if state else 0.0))
            back[k, state] = int(np.argmin(ways))
            new.append(min(ways))
        cost = new
    state = int(np.argmin(cost))
    choice = np.zeros(count, dtype=bool)
    for k in range(count - 1, -1, -1):
        choice[k] = bool(state)
        state = int(back[k, state])
    return min(cost), choice


def looks_like_stamps(column: Any) -> bool:
    """Whether most filled cells of a text column are dates or times."""
    text = strings(column).dropna().iloc[:200]
    return bool(len(text)) and sum(is_time(str(cell)) for cell in text) > 0.8 * len(text)


def iso(time: int) -> str:
    """Return a stamp as ISO 8601 in universal time, to the second."""
    moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=time // SECOND)
    return moment.isoformat(sep=" ")
