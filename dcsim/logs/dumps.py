"""SQL dumps: ``INSERT INTO`` of mysqldump and others, ``COPY ... FROM stdin`` of pg_dump. They are read as text; no statement is run.

Tables that a database client printed, with tabs or bars and lines such as ``(1200 rows)`` below, are plain text tables.
"""

import re
from collections.abc import Iterator
from typing import IO, Any

import pyarrow as pa

from dcsim.errors import InputError
from dcsim.logs.cells import is_missing
from dcsim.logs.files import DAMAGED, Source, damaged
from dcsim.logs.tables import BATCH_ROWS, Table

__all__ = ["dump_table", "is_dump"]

_INSERT = re.compile(
    r"^\s*INSERT\s+(?:IGNORE\s+)?INTO\s+[`\"\[]?(?P<table>[\w.]+)[`\"\]]?\s*(?:\((?P<columns>[^)]*)\))?\s*VALUES",
    re.IGNORECASE,
)
_COPY = re.compile(r"^\s*COPY\s+(?P<table>[\w.\"]+)\s*\((?P<columns>[^)]*)\)\s*FROM\s+stdin", re.IGNORECASE)
_CREATE = re.compile(r"^\s*CREATE\s+TABLE\s+(?:IF NOT EXISTS\s+)?[`\"\[]?(?P<table>[\w.]+)", re.IGNORECASE)
_COLUMN = re.compile(r"^\s*[`\"\[]?(?P<name>\w+)[`\"\]]?\s+[A-Za-z]")
_NO_COLUMN = ("primary", "key", "unique", "constraint", "index", "foreign", "check")
_TUPLE = re.compile(r"\(((?:'(?:[^'\\]|\\.|'')*'|[^()'])*)\)")
_CELL = re.compile(r"\s*('(?:[^'\\]|\\.|'')*'|[^,']*)\s*(?:,|$)")


def is_dump(lines: list[str]) -> bool:
    """Whether there is a statement that fills a table."""
    return any(_INSERT.match(line) or _COPY.match(line) for line in lines)


def dump_table(source: Source, encoding: str, lines: list[str]) -> Table:
    """Return the table of a dump that is filled first."""
    columns: list[str] = []
    created: dict[str, list[str]] = {}
    name = ""
    open_table = ""
    for line in lines:
        create, insert, copy = _CREATE.match(line), _INSERT.match(line), _COPY.match(line)
        if create:
            open_table = create["table"]
            created[open_table] = []
        elif insert or copy:
            found = insert or copy
            assert found is not None
            name = found["table"].strip('"')
            listed = found["columns"]
            columns = [part.strip(' `"[]') for part in listed.split(",")] if listed else created.get(name, [])
            if not columns and insert:
                first = _TUPLE.search(line, insert.end())
                columns = [f"column_{k + 1}" for k in range(len(_cells(first[1])))] if first else []
            break
        elif open_table:
            column = _COLUMN.match(line)
            if column and column["name"].lower() not in _NO_COLUMN:
                created[open_table].append(column["name"])
            if line.lstrip().startswith(")"):
                open_table = ""
    if not columns:
        raise InputError(f"{source.place}: no column names in the dump; export the table as .csv")
    table = Table(source.place, source.stem, columns, lambda: iter(()), form=f"SQL dump of table '{name}'")
    table.batches = lambda: _batches(source, table, encoding, name)
    return table


def _batches(source: Source, table: Table, encoding: str, name: str) -> Iterator[Any]:
    rows: list[list[str | None]] = []
    width = len(table.columns)
    try:
        with source.open_raw() as stream:
            for row in _rows(stream, encoding, name):
                if len(row) != width:
                    table.leave_out("rows of another width", ", ".join(str(cell) for cell in row))
                    continue
                rows.append(row)
                if len(rows) >= BATCH_ROWS:
                    yield _batch(rows)
                    rows = []
    except DAMAGED as error:
        raise damaged(source.place, error) from None
    if rows:
        yield _batch(rows)


def _rows(stream: IO[bytes], encoding: str, name: str) -> Iterator[list[str | None]]:
    """Rows of one table; a tuple may stand on a line of its own."""
    mode = ""
    for raw in stream:
        line = raw.decode(encoding, errors="replace")
        if mode == "copy":
            if line.startswith("\\."):
                mode = ""
            else:
                yield [None if is_missing(cell) else cell for cell in line.rstrip("\r\n").split("\t")]
            continue
        copy, insert = _COPY.match(line), _INSERT.match(line)
        if copy:
            mode = "copy" if copy["table"].strip('"') == name else ""
            continue
        if insert:
            mode = "insert" if insert["table"] == name else ""
            line = line[insert.end() :]
        if mode == "insert":
            for found in _TUPLE.finditer(line):
                yield _cells(found[1])
            if line.rstrip().endswith(";"):
                mode = ""


def _cells(text: str) -> list[str | None]:
    cells: list[str | None] = []
    for found in _CELL.finditer(text):
        cell = found[1].strip()
        if cell.startswith("'"):
            cell = re.sub(r"\\(.)", r"\1", cell[1:-1].replace("''", "'"))
        cells.append(None if is_missing(cell) else cell)
        if found.end() == len(text) and not found[0].endswith(","):
            break
    return cells


def _batch(rows: list[list[str | None]]) -> Any:
    columns = [pa.array(column, type=pa.string()) for column in zip(*rows, strict=True)]
    return pa.RecordBatch.from_arrays(columns, names=[f"c{k}" for k in range(len(columns))])
