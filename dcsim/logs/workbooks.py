"""Tables from Parquet files and Excel workbooks."""

import datetime
import io
from collections.abc import Callable, Iterator
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from dcsim.drivers.messages import nearest
from dcsim.drivers.messages import place as place_of
from dcsim.errors import InputError
from dcsim.logs.table import Table
from dcsim.logs.text_files import header_of_rows

__all__ = ["excel_table", "parquet_table"]

BLOCK_CELLS = 4_000_000
HEAD_ROWS = 400


def parquet_table(place: str, stem: str, opener: Callable[[], IO[bytes]]) -> Table:
    """Understand a Parquet file; columns of lists and structures are left out.

    Raises
    ------
    InputError
        If it is damaged or empty.
    """
    try:
        with opener() as raw:
            file = pq.ParquetFile(_seekable(raw))
            schema, rows = file.schema_arrow, file.metadata.num_rows
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InputError(f"{place_of(place)}: not a whole Parquet file ({' '.join(str(error).split())[:100]})") from None
    if not rows:
        raise InputError(f"{place_of(place)}: the file has no rows")
    columns = [f.name for f in schema if not pa.types.is_nested(f.type) and not pa.types.is_binary(f.type)]
    notes = [f"{place}: column {f.name} of type {f.type} left out" for f in schema if f.name not in columns]
    if len(columns) < 2:
        raise InputError(f"{place_of(place)}: no table with at least two columns")

    def blocks() -> Iterator[list[pa.Array]]:
        try:
            with opener() as raw:
                size = max(1024, BLOCK_CELLS // len(columns))
                for batch in pq.ParquetFile(_seekable(raw)).iter_batches(batch_size=size, columns=columns):
                    yield list(batch.columns)
        except (pa.ArrowException, OSError, ValueError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"{place_of(place)}: cannot be read ({' '.join(str(error).split())[:100]})") from None

    return Table(place, stem, columns, [""] * len(columns), blocks, {}, notes)


def _seekable(raw: IO[bytes]) -> Any:
    return raw if isinstance(raw, io.BufferedReader | io.BytesIO) else io.BytesIO(raw.read())


def excel_table(place: str, stem: str, opener: Callable[[], IO[bytes]], sheet: str | None) -> Table:
    """Understand a sheet of a workbook: by default the first that holds a table.

    Raises
    ------
    InputError
        If openpyxl is missing, or the workbook damaged or without a table.
    """
    try:
        import openpyxl
    except ImportError:
        raise InputError(
            f"{place_of(place)}: reading Excel needs openpyxl; pip install 'dcsim[excel]', or save it as CSV"
        ) from None
    with opener() as raw:
        data = io.BytesIO(raw.read())
    try:
        book = openpyxl.load_workbook(data, read_only=True, data_only=True, keep_links=False)
        names = book.sheetnames
        if sheet is not None and sheet not in names:
            raise InputError(f"{place_of(place)}: no sheet '{sheet}'; {nearest(sheet, names)}")
        wanted = [sheet] if sheet is not None else names
        sheets = {name: [_texts(row) for row in book[name].iter_rows(values_only=True)] for name in wanted}
        book.close()
    except InputError:
        raise
    except Exception as error:  # openpyxl raises whatever the damage leads to: KeyError, ValueError, XML errors
        problem = " ".join(str(error).split())[:100]
        raise InputError(f"{place_of(place)}: not a whole Excel workbook ({type(error).__name__}: {problem})") from None
    for name, rows in sheets.items():
        rows = [row for row in rows if row]
        if sum(len(row) > 1 for row in rows) >= 2:
            return _sheet(f"{place}, sheet '{name}'" if len(names) > 1 else place, stem, rows, names, name)
    raise InputError(f"{place_of(place)}: no sheet holds a table of at least two columns and two rows")


def _texts(row: tuple[Any, ...]) -> list[str]:
    cells = [_text(cell) for cell in row]
    while cells and not cells[-1]:
        cells.pop()
    return cells


def _text(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, datetime.datetime):
        return cell.isoformat(sep=" ")
    if isinstance(cell, datetime.date | datetime.time):
        return cell.isoformat()
    if isinstance(cell, datetime.timedelta):
        return repr(cell.total_seconds())
    return repr(cell) if isinstance(cell, float) else str(cell).strip()


def _sheet(place: str, stem: str, rows: list[list[str]], names: list[str], name: str) -> Table:
    left = min((next(k for k, cell in enumerate(row) if cell) for row in rows if len(row) > 1), default=0)
    rows = [row[left:] for row in rows if len(row) > left]
    header_at, columns, units, first = header_of_rows(place, rows[:HEAD_ROWS])
    width, notes, body, footers = len(columns), [], [], []
    if len(names) > 1:
        notes.append(f"{place}: sheet '{name}' of {', '.join(names)}; say 'sheet' in the mapping for another")
    if header_at > 0:
        notes.append(f"{place}: {header_at} title rows before the header")
    for row in rows[first:]:
        filled = sum(bool(cell) for cell in row)
        if filled <= max(1, 0.2 * width) or len(row) > width:
            footers.append(row)
        else:
            body.append(row + [""] * (width - len(row)))
    if footers:
        notes.append(f"{place}: {len(footers)} title or footer rows were left out, first '{' '.join(footers[0])[:60]}'")
    if not body:
        raise InputError(f"{place_of(place)}: no rows after the header")
    arrays = [pa.array([row[k] or None for row in body], pa.string()) for k in range(width)]
    return Table(place, stem, columns, units, lambda: iter([arrays]), {}, notes)
