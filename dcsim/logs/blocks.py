"""Blocks of ``ipmitool sdr`` and ``ipmitool sensor``: a stamp, then one line a sensor.

``Ambient Temp | 27 degrees C | ok`` of the first, ``Inlet Temp | 23.000 | degrees C | ok | na | ...`` of the second. Discrete states
(``0x00``) are no measurements and are left out; sensors without a reading stay in with missing values.
"""

import re
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from dcsim.errors import InputError
from dcsim.logs.cells import is_missing, is_time
from dcsim.logs.files import DAMAGED, Source, damaged
from dcsim.logs.tables import BATCH_ROWS, Table

__all__ = ["COLUMNS", "blocks_table", "is_blocks"]

COLUMNS = ["Timestamp", "sensor", "value", "unit"]

_STATES = {"ok", "ns", "nc", "cr", "nr", "na", "lnc", "lcr", "lnr", "unc", "ucr", "unr"}
_STAMP = re.compile(r"^\s*(?:(?:time ?stamp|date|time)\s*[:=]\s*)?(?P<stamp>\S.*\d{1,2}:\d{2}.*?)\s*$", re.IGNORECASE)
_READING = re.compile(r"([-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)\s*(.*)")


def is_blocks(lines: list[str]) -> bool:
    """Whether lines are sensors between bars, with stamps of their own line before them."""
    filled = [line for line in lines[:2000] if line.strip()]
    sensors = sum(_cells(line) is not None for line in filled)
    stamps = sum(_stamp(line) is not None for line in filled[:400])
    return sensors >= 0.5 * len(filled) and sensors + 2 * stamps >= 0.9 * len(filled) and sensors >= 2 and stamps >= 1


def blocks_table(source: Source, encoding: str) -> Table:
    """Return the blocks as a long table: stamp, sensor, value, unit."""
    table = Table(source.place, source.stem, list(COLUMNS), lambda: iter(()), form="blocks of ipmitool", is_blocks=True)
    table.batches = lambda: _batches(source, table, encoding)
    return table


def _stamp(line: str) -> str | None:
    found = _STAMP.match(line)
    return (
        found["stamp"]
        if found and "|" not in line and is_time(found["stamp"].replace("Timestamp:", "").strip())
        else None
    )


def _cells(line: str) -> list[str] | None:
    cells = [cell.strip() for cell in line.split("|")]
    if len(cells) == 3 and cells[2].lower() in _STATES:
        return cells
    if len(cells) >= 4 and cells[3].lower() in _STATES:
        return [
            cells[0],
            f"{cells[1]} {cells[2]}" if not is_missing(cells[1]) and cells[2] != "discrete" else cells[1],
            cells[3],
        ]
    return None


def _batches(source: Source, table: Table, encoding: str) -> Iterator[Any]:
    rows: list[tuple[str | None, ...]] = []
    stamp: str | None = None
    try:
        with source.open_raw() as stream:
            for raw in stream:
                line = raw.decode(encoding, errors="replace")
                cells = _cells(line)
                if cells is None:
                    new = _stamp(line)
                    if new is not None:
                        stamp = new
                    elif line.strip():
                        table.leave_out("lines that are neither sensor nor stamp", line)
                    continue
                if stamp is None:
                    table.leave_out("sensors before the first stamp", line)
                    continue
                name, reading, _ = cells
                if reading.lower().startswith("0x"):
                    continue
                found = _READING.fullmatch(reading)
                value, unit = (found[1], found[2]) if found else (None, None)
                if found is None and not is_missing(reading):
                    value = reading  # text that the reader of numbers will report
                rows.append((stamp, name, value, unit))
                if len(rows) >= BATCH_ROWS:
                    yield _batch(rows)
                    rows = []
    except DAMAGED as error:
        raise damaged(source.place, error) from None
    if rows:
        yield _batch(rows)
    elif stamp is None:
        raise InputError(
            f"{source.place}: blocks of sensors without a stamp; put a line such as 'Timestamp: 2025-06-03 00:00:01 UTC' before each"
        )


def _batch(rows: list[tuple[str | None, ...]]) -> Any:
    columns = zip(*rows, strict=True)
    return pa.RecordBatch.from_arrays(
        [pa.array(column, type=pa.string()) for column in columns], names=["c0", "c1", "c2", "c3"]
    )
