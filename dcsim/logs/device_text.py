"""Tables from text blocks of ``ipmitool`` and from SQL dumps."""

import io
import lzma
import re
import zlib
from collections.abc import Callable, Iterator
from typing import IO

import pyarrow as pa

from dcsim.drivers.messages import place as place_of
from dcsim.errors import InputError
from dcsim.logs.table import Table
from dcsim.logs.text_files import Head

__all__ = ["IPMI_COLUMNS", "ipmi_table", "is_ipmi", "is_sql", "sql_table"]

IPMI_COLUMNS = ["time", "sensor", "value", "unit"]
BLOCK_ROWS = 200_000
_STAMP = re.compile(r"^(?:(?:time\s*stamp|timestamp|date|time)\s*[:=]\s*)(.+?)\s*$", re.I)
_READING = re.compile(r"^\s*([^|]+?)\s*\|\s*([^|]*?)\s*\|\s*([^|]*?)\s*(?:\|.*)?$")
_VALUE = re.compile(r"^([-+]?\d+(?:\.\d+)?)\s*(.*)$")
_INSERT = re.compile(r"INSERT\s+(?:IGNORE\s+)?INTO\s+([`\"\[\]\w.]+)\s*(?:\(([^)]*)\))?\s*VALUES\s*", re.I)
_COPY = re.compile(r"^COPY\s+(\S+)\s*\(([^)]*)\)\s+FROM\s+stdin", re.I)
_CREATE = re.compile(r"CREATE\s+TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?([`\"\[\]\w.]+)\s*\((.*?)\)[^()]*;", re.I | re.S)
_CELL = re.compile(r"\s*(?:'((?:[^'\\]|\\.|'')*)'|([^,()']+))\s*([,)])", re.S)


def is_ipmi(text: str) -> bool:
    """Whether a text is made of ``name | value | status`` lines under lines with times."""
    lines = [line for line in text.splitlines()[:400] if line.strip()]
    readings = sum(line.count("|") >= 2 and _READING.match(line) is not None for line in lines)
    return readings > 0.5 * len(lines) and any(_STAMP.match(line) for line in lines)


def is_sql(text: str) -> bool:
    """Whether a text is a dump with INSERT or COPY statements."""
    return re.search(r"(?im)^\s*(INSERT\s+(IGNORE\s+)?INTO\s|CREATE\s+TABLE\s|COPY\s+\S+\s*\(.*FROM\s+stdin)", text) is not None


def _lines(place: str, head: Head, opener: Callable[[], IO[bytes]]) -> Iterator[str]:
    encoding = "utf-8-sig" if head.encoding == "utf-8" else head.encoding
    try:
        with opener() as raw:
            yield from io.TextIOWrapper(raw, encoding=encoding, errors="replace")
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise InputError(f"{place_of(place)}: cannot be read to its end ({error}); is it cut off?") from None


def ipmi_table(place: str, stem: str, head: Head, opener: Callable[[], IO[bytes]]) -> Table:
    """Understand blocks of ``ipmitool sdr`` or ``ipmitool sensor`` output, each under a line with its time."""
    table = Table(place, stem, list(IPMI_COLUMNS), [""] * 4, iter)

    def blocks() -> Iterator[list[pa.Array]]:
        rows: list[tuple[str, str, str | None, str]] = []
        stamp, early, silent, discrete = "", 0, 0, set()
        for line in _lines(place, head, opener):
            found = _STAMP.match(line)
            if found and "|" not in line:
                stamp = found[1]
                continue
            parts = _READING.match(line)
            if parts is None:
                continue
            if not stamp:
                early += 1
                continue
            name, value, third = parts[1], parts[2], parts[3]
            number = _VALUE.match(value)
            if value.startswith("0x") or (number and number[2].startswith("x")):
                discrete.add(name)
            elif number:
                unit = number[2] or (third if third not in ("ok", "ns", "nc", "cr", "nr") else "")
                rows.append((stamp, name, number[1], unit))
            else:
                silent += 1
                rows.append((stamp, name, None, ""))
            if len(rows) >= BLOCK_ROWS:
                yield _arrays(rows)
                rows = []
        if rows:
            yield _arrays(rows)
        if silent:
            table.notes.append(f"{place}: {silent} readings are 'no reading' or the like")
        if discrete:
            table.notes.append(f"{place}: {len(discrete)} sensors with states instead of numbers were left out")
        if early:
            table.notes.append(f"{place}: {early} readings before the first time were left out")

    table.blocks = blocks
    return table


def _arrays(rows: list[tuple[str, str, str | None, str]]) -> list[pa.Array]:
    return [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]


def sql_table(place: str, stem: str, head: Head, opener: Callable[[], IO[bytes]]) -> Table:
    """Understand the statements of a dump as data; nothing is run. Of several tables the first with rows is read.

    Raises
    ------
    InputError
        If the columns are not named.
    """
    columns, name = _sql_columns(place, head.text)
    table = Table(place, stem, columns, [""] * len(columns), iter)
    width = len(columns)

    def blocks() -> Iterator[list[pa.Array]]:
        rows: list[list[str | None]] = []
        others: set[str] = set()
        for owner, row in _sql_rows(_lines(place, head, opener)):
            if owner != name:
                others.add(owner)
            elif len(row) == width:
                rows.append(row)
            else:
                table.damaged.append(0)
            if len(rows) >= BLOCK_ROWS:
                yield [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]
                rows = []
        if rows:
            yield [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]
        if table.damaged:
            table.notes.append(f"{place}: {len(table.damaged)} rows without the {width} fields of the table were left out")
        if others:
            table.notes.append(f"{place}: other tables of the dump were left out: {', '.join(sorted(others))}")

    table.blocks = blocks
    return table


def _bare(name: str) -> str:
    return name.strip().strip("`\"[]").rsplit(".", 1)[-1].strip("`\"[]")


def _sql_columns(place: str, text: str) -> tuple[list[str], str]:
    created = {}
    for match in _CREATE.finditer(text):
        parts = re.split(r",(?![^()]*\))", match[2])
        names = [_bare(part.split()[0]) for part in parts if part.split()]
        keywords = {"PRIMARY", "KEY", "UNIQUE", "CONSTRAINT", "INDEX", "FOREIGN", "CHECK"}
        created[_bare(match[1])] = [word for word in names if word.upper() not in keywords]
    copy = re.search(_COPY.pattern, text, re.I | re.M)
    insert = _INSERT.search(text)
    if copy and (insert is None or copy.start() < insert.start()):
        return [_bare(word) for word in copy[2].split(",")], _bare(copy[1])
    if insert:
        name = _bare(insert[1])
        columns = [_bare(word) for word in insert[2].split(",")] if insert[2] else created.get(name, [])
        if columns:
            return columns, name
    raise InputError(f"{place_of(place)}: an SQL dump without rows or without names of columns; export the table as CSV")


def _sql_rows(lines: Iterator[str]) -> Iterator[tuple[str, list[str | None]]]:
    statement, copying = "", ""
    for line in lines:
        if copying:
            if line.startswith("\\."):
                copying = ""
            else:
                yield copying, [None if cell == "\\N" else cell for cell in line.rstrip("\r\n").split("\t")]
            continue
        copy = _COPY.match(line)
        if copy:
            copying = _bare(copy[1])
            continue
        if not statement and not _INSERT.match(line.lstrip()):
            continue
        statement += line
        if line.rstrip().endswith(";"):
            yield from _values(statement)
            statement = ""
    if statement:
        yield from _values(statement)


def _values(statement: str) -> Iterator[tuple[str, list[str | None]]]:
    match = _INSERT.match(statement.lstrip())
    if match is None:
        return
    name, text, at = _bare(match[1]), statement.lstrip(), match.end()
    while True:
        at = text.find("(", at)
        if at < 0:
            return
        at += 1
        row: list[str | None] = []
        while True:
            cell = _CELL.match(text, at)
            if cell is None:
                return  # cut off
            at = cell.end()
            if cell[1] is not None:
                row.append(cell[1].replace("''", "'").replace("\\'", "'"))
            else:
                word = cell[2].strip()
                row.append(None if word.upper() == "NULL" else word)
            if cell[3] == ")":
                break
        yield name, row
