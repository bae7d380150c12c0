"""Tables of logs, whatever the file: text with any separator, Parquet, Excel, SQL dumps, blocks of ``ipmitool sdr``.

A table comes as its headers and a stream of batches that can be begun anew, so that no more than one batch is in memory.
"""

import collections
import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import IO, Any

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from dcsim.drivers.messages import place
from dcsim.errors import InputError, shown
from dcsim.logs.cells import MISSING, is_missing, is_number, is_time
from dcsim.logs.files import DAMAGED, HEAD, Source, damaged, kind_of
from dcsim.logs.units import unit_of

__all__ = ["Table", "tables_of"]

BLOCK = 2 * 2**20  # bytes of text in a batch; the reader looks some of them ahead
BATCH_ROWS = 65_536
_COMMENT = ("#", "//", "%", "--")
_RULE = re.compile(r"[\s\-+=|:]+")
_SEPARATORS = (",", ";", "\t", "|", " ")
_TITLE_ROWS = 60  # among which the header of a table must stand


@dataclass
class Table:
    """A table of a log.

    Attributes
    ----------
    place, stem : str
        For messages; name of the file without its endings.
    columns : list of str
        Headers, unique.
    units : list of str
        From a row of units below the header, else ''.
    batches : callable
        Begins the stream of ``pyarrow.RecordBatch``; columns in the order of `columns`.
    decimal : str
        Of text cells.
    attributes : dict
        ``key=value`` of comment lines, and the title.
    left_out : collections.Counter
        Rows that do not fit the table, by why, counted while batches are drawn; examples in `examples`.
    form : str
        How the table is written, in words.
    """

    place: str
    stem: str
    columns: list[str]
    batches: Callable[[], Iterator[Any]]
    units: list[str] = field(default_factory=list)
    decimal: str = "."
    attributes: dict[str, str] = field(default_factory=dict)
    left_out: "collections.Counter[str]" = field(default_factory=collections.Counter)
    examples: list[str] = field(default_factory=list)
    form: str = ""
    is_blocks: bool = False

    def leave_out(self, why: str, example: str) -> None:
        """Count a row that is left out."""
        self.left_out[why] += 1
        if len(self.examples) < 3:
            self.examples.append(" ".join(example.split())[:60])

    def restart(self) -> Iterator[Any]:
        """Begin the stream with the counts at zero."""
        self.left_out.clear()
        self.examples.clear()
        return self.batches()


def tables_of(source: Source) -> Table:
    """Return the table that a file holds.

    Raises
    ------
    InputError
        If there is none, naming the file, the place in it and the remedy.
    """
    head = source.head()
    kind = kind_of(source, head)
    if kind == "parquet":
        return _parquet(source)
    if kind == "excel":
        return _excel(source)
    return _text(source, head)


# --- Parquet ----------------------------------------------------------------------------------------------------------


def _parquet(source: Source) -> Table:
    stream = source.open_raw()
    try:
        file = pq.ParquetFile(stream)
        names = list(file.schema_arrow.names)
        rows = file.metadata.num_rows
    except (pa.ArrowException, *DAMAGED) as error:
        raise damaged(source.place, error) from None
    if not rows:
        raise InputError(f"{source.place}: the table has no rows")
    nested = [name for name in names if pa.types.is_nested(file.schema_arrow.field(name).type)]
    if nested:
        raise InputError(
            f"{place(source.place, field=nested[0])}: holds lists or records; write one plain column for each"
        )

    def batches() -> Iterator[Any]:
        try:
            again = pq.ParquetFile(source.open_raw())
            yield from again.iter_batches(batch_size=BATCH_ROWS)
        except (pa.ArrowException, *DAMAGED) as error:
            raise damaged(source.place, error) from None

    return Table(source.place, source.stem, _unique(names), batches, form="Parquet")


# --- Excel ------------------------------------------------------------------------------------------------------------


def _excel(source: Source) -> Table:
    try:
        import openpyxl
    except ImportError:
        raise InputError(
            f"{source.place}: Excel files need openpyxl; pip install 'dcsim[excel]', or save it as .csv"
        ) from None
    try:
        with source.open_raw() as stream:
            book = openpyxl.load_workbook(io.BytesIO(stream.read()), read_only=True, data_only=True, keep_links=False)
        sheets = {
            sheet.title: [[_excel_cell(cell) for cell in row] for row in sheet.iter_rows(values_only=True)]
            for sheet in book.worksheets
        }
    except Exception as error:  # openpyxl raises whatever zipfile, XML and its own parts do
        raise damaged(source.place, error) from None
    if not sheets:
        raise InputError(f"{source.place}: the workbook has no sheet")
    title = max(sheets, key=lambda name: sum(any(row) for row in sheets[name]))
    rows = [row for row in sheets[title] if any(row)]
    if len(rows) < 2:
        raise InputError(
            f"{source.place}: the workbook's fullest sheet {shown(title)} has {len(rows)} rows; a log has more"
        )
    width = max(len(row) for row in rows)
    rows = [row + [""] * (width - len(row)) for row in rows]
    used = [k for k in range(width) if any(row[k] for row in rows)]
    rows = [[row[k] for k in used] for row in rows]
    form = _header(rows, source.place)
    table = Table(source.place, source.stem, form.names, lambda: iter(()), form.units, form="Excel")
    if len(sheets) > 1:
        table.attributes["sheet"] = title

    def batches() -> Iterator[Any]:
        good = []
        for row in rows[form.first :]:
            if sum(cell != "" for cell in row) <= max(1, len(used) // 4) and not is_time(row[0]):
                table.leave_out("title or footer rows", " ".join(row))
            else:
                good.append(row)
        for k in range(0, len(good), BATCH_ROWS):
            part = good[k : k + BATCH_ROWS]
            yield _batch(
                [[None if is_missing(cell) else cell for cell in column] for column in zip(*part, strict=True)]
            )

    table.batches = batches
    return table


def _excel_cell(cell: Any) -> str:
    if cell is None:
        return ""
    if hasattr(cell, "isoformat"):
        return str(cell.isoformat(sep=" ") if hasattr(cell, "hour") and hasattr(cell, "year") else cell.isoformat())
    return repr(cell) if isinstance(cell, float) else str(cell).strip()


def _batch(columns: Iterable[list[Any]]) -> Any:
    arrays = [pa.array(column, type=pa.string()) for column in columns]
    return pa.RecordBatch.from_arrays(arrays, names=[f"c{k}" for k in range(len(arrays))])


# --- Text -------------------------------------------------------------------------------------------------------------


@dataclass
class _Form:
    names: list[str]
    units: list[str]
    first: int  # row of the first data


def _text(source: Source, head: bytes) -> Table:
    encoding = _encoding(head)
    try:
        text = head.decode(encoding, errors="ignore" if len(head) == HEAD else "strict")
    except UnicodeDecodeError:
        raise InputError(f"{source.place}: no text in {encoding}; save it as UTF-8") from None
    lines = text.splitlines()
    if len(head) == HEAD and len(lines) > 1:
        lines = lines[:-1]  # the last one is cut
    if not any(line.strip() for line in lines):
        raise InputError(f"{source.place}: the file is empty")
    if len(head) == HEAD and len(lines) < 2:
        raise InputError(f"{source.place}: the first line is longer than {HEAD // 1024} KiB; this is no table")
    from dcsim.logs.blocks import blocks_table, is_blocks
    from dcsim.logs.dumps import dump_table, is_dump

    if is_blocks(lines):
        return blocks_table(source, encoding)
    if is_dump(lines):
        return dump_table(source, encoding, lines)
    return _delimited(source, encoding, lines)


def _encoding(head: bytes) -> str:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if head.startswith(b"\xef\xbb\xbf"):
        return "utf-8-sig"
    try:
        head[: len(head) - 3 if len(head) == HEAD else None].decode("utf-8")
    except UnicodeDecodeError as error:
        if error.end < len(head) - 4 or len(head) < HEAD:
            return "cp1252" if not set(head) & {0x81, 0x8D, 0x8F, 0x90, 0x9D} else "latin-1"
    return "utf-8"


def _is_comment(line: str) -> bool:
    text = line.strip().strip('"')
    return not text or text.startswith(_COMMENT) or _RULE.fullmatch(text) is not None


def _split(line: str, separator: str) -> list[str]:
    if separator == " ":
        return line.split()
    try:
        cells = next(csv.reader([line], delimiter=separator))
    except (csv.Error, StopIteration):
        return [line]
    cells = [cell.strip() for cell in cells]
    if separator == "|" and len(cells) > 2 and not cells[0] and not cells[-1]:  # | a | b |
        return cells[1:-1]
    return cells


def _delimited(source: Source, encoding: str, lines: list[str]) -> Table:
    attributes = {
        key: value for line in lines if line.startswith("#") for key, value in re.findall(r"([A-Za-z_]+)=(\S+)", line)
    }
    content = [(number, line) for number, line in enumerate(lines) if not _is_comment(line)]
    if not content:
        raise InputError(f"{source.place}: there are only comments, no table")
    separator, width = _separator([line for _, line in content[:400]])
    if width < 2:
        raise InputError(
            f"{source.place}: {shown(content[0][1][:60])} has one column; a log has a time and at least one channel"
        )
    rows = [(number, _split(line, separator)) for number, line in content]
    fitting = [(number, row) for number, row in rows if len(row) == width]
    commented = _commented_header(lines, content, separator, width)
    form = _header([row for _, row in fitting], source.place, commented)
    numbers = [number for number, _ in fitting]
    after = numbers[form.first] if form.first < len(numbers) else numbers[-1] + 1
    decimal = _decimal([row for _, row in fitting[form.first : form.first + 200]], separator)
    name = {"\t": "tab", " ": "blanks"}.get(separator, f"'{separator}'")
    table = Table(
        source.place,
        source.stem,
        form.names,
        lambda: iter(()),
        form.units,
        decimal,
        attributes,
        form=f"text in {encoding}, {name} between cells" + (", decimal comma" if decimal == "," else ""),
    )
    pipes = separator == "|" and content[0][1].strip().startswith("|")
    table.batches = lambda: _csv_batches(source, table, encoding, separator, after, pipes)
    return table


def _separator(lines: list[str]) -> tuple[str, int]:
    """Separator and number of cells that fit most lines, and leave cells that are whole."""
    best = (0.0, 0, ",")
    for separator in _SEPARATORS:
        rows = [_split(line, separator) for line in lines]
        counts = collections.Counter(len(row) for row in rows if len(row) > 1)
        for width, number in counts.most_common(2):
            if number < 2:
                continue
            cells = [cell for row in rows if len(row) == width for cell in row]
            whole = sum(
                is_number(cell) or is_time(cell) or is_missing(cell) or cell.replace("_", "").isalnum()
                for cell in cells
            )
            score = number / len(lines) * (0.3 + 0.7 * whole / len(cells)) * (0.8 if separator == " " else 1.0)
            if (round(score, 3), width) > best[:2]:
                best = (round(score, 3), width, separator)
    return best[2], best[1]


def _commented_header(lines: list[str], content: list[tuple[int, str]], separator: str, width: int) -> list[str] | None:
    """Header in the comment line just before the table, as scientific programs write it."""
    first = content[0][0]
    if first == 0 or not lines[first - 1].startswith(_COMMENT):
        return None
    cells = _split(lines[first - 1].lstrip("#/%- "), separator)
    return cells if len(cells) == width and not any(is_number(cell) or is_time(cell) for cell in cells) else None


def _header(rows: list[list[str]], where: str, commented: list[str] | None = None) -> _Form:
    """Find the header among the first rows, all of one width."""

    def is_data(row: list[str]) -> bool:
        filled = [cell for cell in row if not is_missing(cell)]
        return bool(filled) and any(is_number(cell) or is_time(cell) for cell in filled)

    if not rows:
        raise InputError(f"{where}: no table")
    width = len(rows[0])
    first_data = next((k for k, row in enumerate(rows[:_TITLE_ROWS]) if is_data(row) and _filled(row) >= 0.2), None)
    if first_data is None:
        raise InputError(f"{where}: no row of numbers among the first {min(len(rows), _TITLE_ROWS)}")
    heads = [k for k in range(first_data) if _filled(rows[k]) >= 0.5]
    units = [""] * width
    if not heads:
        # A header may itself hold numbers, such as sensor ids; the row after it then reads unlike it.
        names = commented or [f"column_{k + 1}" for k in range(width)]
        return _Form(_unique(names), units, first_data)
    names = rows[heads[-1]]
    if len(heads) > 1 and sum(unit_of(cell.strip("[]() ")) is not None for cell in names if cell) >= 0.5 * sum(
        map(bool, names)
    ):
        units = [cell.strip("[]() ") if unit_of(cell.strip("[]() ")) is not None else "" for cell in names]
        names = rows[heads[-2]]
    return _Form(_unique(names), units, first_data)


def _filled(row: list[str]) -> float:
    return sum(cell != "" for cell in row) / max(len(row), 1)


def _unique(names: Iterable[str]) -> list[str]:
    seen: collections.Counter[str] = collections.Counter()
    result = []
    for position, raw in enumerate(names):
        name = " ".join(str(raw).split()) or f"column_{position + 1}"
        seen[name] += 1
        while seen[name] > 1:
            name = f"{name} ({seen[name]})"
            seen[name] += 1
        result.append(name)
    return result


def _decimal(rows: list[list[str]], separator: str) -> str:
    if separator == ",":
        return "."
    cells = [cell for row in rows for cell in row]
    commas = sum(re.fullmatch(r"[-+]?(\d+|\d{1,3}(\.\d{3})+),\d+", cell) is not None for cell in cells)
    points = sum(re.fullmatch(r"[-+]?\d*\.\d+", cell) is not None for cell in cells)
    return "," if commas > points else "."


def _csv_batches(source: Source, table: Table, encoding: str, separator: str, first: int, pipes: bool) -> Iterator[Any]:
    names = [f"c{k}" for k in range(len(table.columns))]

    def odd_row(row: Any) -> str:
        text = row.text or ""
        if text.strip() and not _is_comment(text):
            table.leave_out("rows of another width", text)
        return "skip"

    delimiter = "\t" if separator == " " else separator
    try:
        with source.open_raw() as stream:
            lines: IO[bytes] = _Lines(stream, encoding, first, separator if separator == " " or pipes else "")  # type: ignore[assignment]
            reader = pa_csv.open_csv(
                lines,
                read_options=pa_csv.ReadOptions(column_names=names, block_size=BLOCK, use_threads=False),
                parse_options=pa_csv.ParseOptions(delimiter=delimiter, invalid_row_handler=odd_row),
                convert_options=pa_csv.ConvertOptions(
                    column_types={name: pa.string() for name in names}, null_values=MISSING, strings_can_be_null=True
                ),
            )
            yield from reader
    except pa.ArrowInvalid as error:
        if "Empty CSV" in str(error):
            return
        raise InputError(
            f"{source.place}: {' '.join(str(error).split())[:160]}; is a quotation mark left open?"
        ) from None
    except UnicodeDecodeError as error:
        raise InputError(
            f"{source.place}: byte {error.start} is no text in {encoding}; save the file as UTF-8"
        ) from None
    except DAMAGED as error:
        raise damaged(source.place, error) from None


class _Lines(io.RawIOBase):
    """Bytes in UTF-8 from a line of a text on, with runs of blanks or outer bars turned into tabs or taken off where asked."""

    def __init__(self, stream: IO[bytes], encoding: str, first: int, tidied: str) -> None:
        self._tidied = tidied
        self._plain = encoding in ("utf-8", "utf-8-sig") and not tidied
        if self._plain:
            self._stream: Any = (
                stream if isinstance(stream, io.BufferedReader) else io.BufferedReader(_Raw(stream), 1 << 20)
            )
        else:
            self._stream = io.TextIOWrapper(stream, encoding=encoding, newline="")
        for _ in range(first):
            self._stream.readline()
        self._rest = b""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if self._plain:
            return bytes(self._stream.read(size))
        while len(self._rest) < size:
            lines = self._stream.readlines(1 << 20)
            if not lines:
                break
            if self._tidied == " ":
                lines = ["\t".join(line.split()) + "\n" for line in lines if not _is_comment(line)]
            elif self._tidied == "|":
                lines = ["|".join(_split(line, "|")) + "\n" for line in lines if not _is_comment(line)]
            self._rest += "".join(lines).encode("utf-8", errors="replace")
        part, self._rest = self._rest[:size], self._rest[size:]
        return part


class _Raw(io.RawIOBase):
    """A raw stream over anything that can be read."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)
