"""Reading of CSV files with units in their headers, shared by weather, workload and grid.

The format: optional comment lines ``# key=value`` first, one header line, then one row per time. The first of the
columns named ``time``, ``timestamp`` or ``datetime`` holds ISO 8601 times; ``time [UTC]`` or ``time_utc`` says
universal time for stamps without an offset, otherwise they are local standard time. Every other column is ``name
[unit]``, or ``name_unit`` with ``_`` for ``/``. A column that resembles no known name is ignored; one that nearly does
is taken for a slip and refused. Empty cells and ``nan``, ``na``, ``null``, ``none`` are missing values.
"""

import csv
import datetime
import difflib
import gzip
import math
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dcsim.drivers.calendar import SECONDS_PER_YEAR, parse_timestamp
from dcsim.drivers.messages import nearest, place
from dcsim.drivers.units import UNITS, Quantity, conversion
from dcsim.errors import InputError, shown

__all__ = ["Table", "fill_missing", "find_file", "open_lines", "read_table"]

_MISSING = {"", "nan", "na", "n/a", "null", "none"}
_HEADER = re.compile(r"(.*?)\s*\[(.*)\]\s*")
_ATTRIBUTE = re.compile(r"([A-Za-z_]+)=(\S+)")


class Table(NamedTuple):
    """Columns of a file in canonical units.

    ``time_s`` runs on over a year's end (365-day years, 29 February left out) from 1 January 00:00 of the first row's
    year.
    """

    path: Path
    time_s: NDArray[np.float64]  # (M,) [s], local standard time, strictly increasing
    lines: NDArray[np.int64]  # (M,) line number of each row in the file
    columns: dict[str, NDArray[np.float64]]  # name -> (M,), NaN where missing
    headers: dict[str, str]  # name -> header as written
    attributes: dict[str, str]  # from the comment lines
    utc_offset: float  # local standard time less universal time [h]
    currency: str  # of a price column, else ''
    first_weekday: int  # of 1 January of the year in the middle of the file, Monday = 0
    is_universal: bool  # the first stamp has a UTC offset or all are universal time, so the site's offset moves them

    def attribute(self, keys: tuple[str, ...], default: float = math.nan) -> float:
        """Return the number that a comment line gives for the first of the keys that it has, else the default."""
        return _attribute(self.path, self.attributes, keys, default)

    def step(self, fill_gaps_hours: float = 0.0) -> float:
        """Return the usual distance of rows [s].

        Raises
        ------
        InputError
            If rows lie further apart by more than the gap [h] that may be filled.
        """
        if len(self.time_s) < 2:
            raise InputError(f"{place(self.path, int(self.lines[0]))}: a single row does not say how long it holds")
        distances = np.diff(self.time_s)
        step = float(np.median(distances))
        wide = np.flatnonzero(distances - step > max(0.5 * step, 3600.0 * fill_gaps_hours))
        if len(wide):
            hours = float(distances[wide[0]] - step) / 3600.0
            raise InputError(
                f"{place(self.path, int(self.lines[wide[0] + 1]), 'time')}: {hours:g} h are missing before this line "
                f"(rows are {step / 60.0:g} min apart); add rows for them"
            )
        return step


def find_file(kind: str, name_or_path: str | Path, built_in: Iterable[str]) -> Path:
    """Return the path of a file that was named instead of what is built in.

    Raises
    ------
    InputError
        If there is no such file; for a plain word with the nearest built-in name.
    """
    name, path, is_folder = str(name_or_path), Path(name_or_path), False
    try:
        if path.is_file():
            return path
        is_folder = bool(name) and path.is_dir()
    except (OSError, ValueError):  # too long, or with a zero byte
        pass
    if is_folder:
        raise InputError(f"{kind} {shown(name)} is a folder, give a file; built in: {', '.join(built_in)}")
    if path.suffix or len(path.parts) > 1:
        raise InputError(f"{kind} file {shown(name)} does not exist; built in: {', '.join(built_in)}")
    raise InputError(f"unknown {kind} {shown(name)}: {nearest(name, built_in)}")


def open_lines(path: Path) -> list[str]:
    """Return the lines of a text file, unpacked if its name ends in .gz.

    Raises
    ------
    InputError
        If the file is missing, empty, damaged or no text.
    """
    try:
        raw = path.read_bytes()
        if path.suffix == ".gz":
            raw = gzip.decompress(raw)
        lines = raw.decode("utf-8-sig").splitlines()
    except FileNotFoundError:
        raise InputError(f"{place(path)}: no such file") from None
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{place(path)}: cannot be read ({error})") from None
    except UnicodeDecodeError:
        raise InputError(f"{place(path)}: not a text file in UTF-8") from None
    if not any(line.strip() for line in lines):
        raise InputError(f"{place(path)}: the file is empty")
    return lines


def read_table(
    path: Path,
    quantities: Mapping[str, Quantity],
    utc_offset: float | None = None,
    indexed: tuple[str, ...] = (),
) -> Table:
    """Read a CSV file with units in its header.

    Parameters
    ----------
    path : Path
        File; ``.gz`` is unpacked.
    quantities : mapping of str to Quantity
        Columns that are understood.
    utc_offset : float, optional
        Local standard time minus universal time [h]; by default that of the file's comment lines, else 0.
    indexed : tuple of str
        Quantities that may come as several numbered columns, ``name_0 [unit]``, ``name_1 [unit]``, ...

    Returns
    -------
    Table

    Raises
    ------
    InputError
        For anything that cannot be understood, with file, line and field.
    """
    lines = open_lines(path)
    attributes: dict[str, str] = {}
    header_line = 0
    while header_line < len(lines) and (lines[header_line].startswith("#") or not lines[header_line].strip()):
        attributes.update(_ATTRIBUTE.findall(lines[header_line]))
        header_line += 1
    if header_line == len(lines):
        raise InputError(f"{place(path)}: there are only comments, no header line")
    if utc_offset is None:
        seconds = _attribute(path, attributes, ("utc_offset_s",), 0.0)
        utc_offset = _attribute(path, attributes, ("utc_offset", "utc_offset_h"), seconds / 3600.0)
    if not -14.0 <= utc_offset <= 14.0:
        raise InputError(f"{place(path)}: the UTC offset {utc_offset:g} h is outside -14 to 14")
    _, header = next(_csv_rows(path, lines[: header_line + 1], header_line))
    time_column, is_utc, used, currency = _understand_header(path, header_line + 1, header, quantities, indexed)
    clock = _Clock(time_column, utc_offset if is_utc else 0.0, utc_offset)
    table = _read_rows(path, lines, header_line + 1, header, clock, used, quantities)
    is_universal = is_utc or table.is_universal
    return table._replace(attributes=attributes, utc_offset=utc_offset, currency=currency, is_universal=is_universal)


def _csv_rows(path: Path, lines: list[str], first: int) -> Iterator[tuple[int, list[str]]]:
    """Yield the number of the line on which a row begins, and its fields."""
    reader = csv.reader(lines[first:])
    while True:
        line = first + reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise InputError(f"{place(path, line)}: {error}; is a quotation mark left open?") from None
        yield line, row


def _attribute(path: Path, attributes: Mapping[str, str], keys: tuple[str, ...], default: float) -> float:
    for key in keys:
        if key in attributes:
            try:
                return float(attributes[key])
            except ValueError:
                raise InputError(f"{place(path, 1, key)}: '{attributes[key]}' is not a number") from None
    return default


class _Clock(NamedTuple):
    column: int  # of the timestamps in the file
    shift: float  # hours to add to stamps without an offset
    utc_offset: float  # of the site [h]


class _Used(NamedTuple):
    position: int  # column in the file
    name: str  # name in the table
    quantity: str  # key of the quantities
    factor: float
    offset: float


def _understand_header(
    path: Path, line: int, header: list[str], quantities: Mapping[str, Quantity], indexed: tuple[str, ...]
) -> tuple[int, bool, list[_Used], str]:
    names = {alias: name for name, quantity in quantities.items() for alias in (name, *quantity.aliases)}
    time_column, is_utc, currency = -1, False, ""
    used: list[_Used] = []
    for position, title in enumerate(header):
        name, unit = _split_title(title, names, quantities)
        if time_column < 0 and name in ("time", "timestamp", "datetime", "time_utc", "time_local", "timestamp_utc"):
            time_column = position
            is_utc = name.endswith("_utc") or (unit or "").upper() == "UTC"
            continue
        base = re.sub(r"_\d+$", "", name)
        if base not in names:
            slip = difflib.get_close_matches(base, names, n=1, cutoff=0.8)
            if slip:
                raise InputError(
                    f"{place(path, line, title)}: unknown column, did you mean '{slip[0]} [{unit or 'unit'}]'?"
                )
            continue
        key = names[base]
        if base != name and key not in indexed:
            raise InputError(f"{place(path, line, title)}: '{key}' cannot come as numbered columns")
        if unit is None:
            known = list(UNITS.get(quantities[key].kind, ("USD/MWh",)))
            raise InputError(f"{place(path, line, title)}: no unit in the header, write '{base} [{known[0]}]'")
        try:
            factor, offset, money = conversion(quantities[key].kind, unit)
        except InputError as error:
            raise InputError(f"{place(path, line, title)}: {error}") from None
        currency = money or currency
        label = key if base == name else f"{key}{name[len(base) :]}"
        if any(other.name == label for other in used):
            raise InputError(f"{place(path, line, title)}: a second column of '{label}'")
        used.append(_Used(position, label, key, factor, offset))
    if time_column < 0:
        raise InputError(f"{place(path, line)}: no column 'time' with ISO timestamps")
    if not used:
        raise InputError(f"{place(path, line)}: no known column among {header}; known: {', '.join(sorted(quantities))}")
    return time_column, is_utc, used, currency


def _split_title(title: str, names: Mapping[str, str], quantities: Mapping[str, Quantity]) -> tuple[str, str | None]:
    """Split ``name [unit]`` or ``name_unit`` into a lower-case name and a unit (None without one)."""
    match = _HEADER.fullmatch(title.strip())
    if match is not None:
        return match[1].strip().lower().replace(" ", "_"), match[2].strip()
    plain = title.strip()
    lower = plain.lower().replace(" ", "_")
    for alias, key in names.items():
        if lower.startswith(alias + "_"):
            tail = plain[len(alias) + 1 :]
            if quantities[key].kind == "price":
                parts = tail.split("_")
                if len(parts) == 2:
                    return alias, "/".join(parts)
            for unit in UNITS.get(quantities[key].kind, ()):
                if tail == unit.replace("/", "_"):
                    return alias, unit
    return lower, None


def _read_rows(
    path: Path,
    lines: list[str],
    first: int,
    header: list[str],
    clock: _Clock,
    used: list[_Used],
    quantities: Mapping[str, Quantity],
) -> Table:
    times: list[float] = []
    numbers: list[int] = []
    values: list[list[float]] = []
    first_year, previous, has_offset = 0, -math.inf, False
    for line, row in _csv_rows(path, lines, first):
        if not row or row[0].startswith("#"):
            continue
        if len(row) != len(header):
            raise InputError(f"{place(path, line)}: {len(row)} fields where the header has {len(header)}")
        try:
            moment, time_s = parse_timestamp(row[clock.column].strip(), clock.utc_offset, clock.shift)
        except (ValueError, OverflowError):
            raise InputError(
                f"{place(path, line, header[clock.column])}: {shown(row[clock.column])} is not an ISO timestamp"
            ) from None
        if not times:
            first_year = moment.year
            has_offset = datetime.datetime.fromisoformat(row[clock.column].strip()).tzinfo is not None
        if moment.month == 2 and moment.day == 29:
            continue
        time_s += (moment.year - first_year) * float(SECONDS_PER_YEAR)
        if time_s <= previous:
            problem = "the timestamp repeats" if time_s == previous else "time runs backwards"
            raise InputError(f"{place(path, line, header[clock.column])}: {problem} at {row[clock.column]}")
        previous = time_s
        times.append(time_s)
        numbers.append(line)
        values.append([_number(path, line, header, column, row, quantities) for column in used])
    if not times:
        raise InputError(f"{place(path, first)}: no rows after the header")
    if times[-1] - times[0] > SECONDS_PER_YEAR:
        raise InputError(f"{place(path, numbers[-1])}: the file covers more than a year, cut it to one")
    data = np.array(values, dtype=np.float64)
    columns = {column.name: np.ascontiguousarray(data[:, index]) for index, column in enumerate(used)}
    headers = {column.name: header[column.position] for column in used}
    # A file in universal time may begin in the last hours of the year before the one it is about.
    year = first_year + int(0.5 * (times[0] + times[-1]) // SECONDS_PER_YEAR)
    weekday = datetime.date(year, 1, 1).weekday()
    return Table(path, np.array(times), np.array(numbers), columns, headers, {}, 0.0, "", weekday, has_offset)


def _number(
    path: Path, line: int, header: list[str], column: _Used, row: list[str], quantities: Mapping[str, Quantity]
) -> float:
    text = row[column.position].strip()
    if text.lower() in _MISSING:
        return math.nan
    try:
        value = float(text)
    except ValueError:
        raise InputError(f"{place(path, line, header[column.position])}: {shown(text)} is not a number") from None
    value = column.factor * value + column.offset
    quantity = quantities[column.quantity]
    if not quantity.low <= value <= quantity.high:
        raise InputError(
            f"{place(path, line, header[column.position])}: {text} is outside the believable range "
            f"{(quantity.low - column.offset) / column.factor:g} to {(quantity.high - column.offset) / column.factor:g}"
        )
    return value


def fill_missing(
    path: Path,
    field: str,
    values: NDArray[np.float64],
    lines: NDArray[np.int64],
    hours_per_row: float,
    fill_gaps_hours: float,
) -> NDArray[np.float64]:
    """Return the values with runs of NaN filled by a straight line, if they are short enough.

    Raises
    ------
    InputError
        For a longer run, naming its first line and the field; and for one at either end of the file.
    """
    missing = np.isnan(values)
    if not missing.any():
        return values
    edges = np.flatnonzero(np.diff(np.concatenate(([0], missing.astype(np.int8), [0]))))
    for begin, end in zip(edges[::2], edges[1::2], strict=True):
        hours = (end - begin) * hours_per_row
        if hours > fill_gaps_hours or begin == 0 or end == len(values):
            remedy = "" if begin == 0 or end == len(values) else "; write a value between its neighbors"
            raise InputError(f"{place(path, int(lines[begin]), field)}: value missing ({hours:g} h){remedy}")
    index = np.arange(len(values))
    return np.interp(index, index[~missing], values[~missing])
