"""Tables from text: any separator, byte-order mark, quoted headers, title, comment and trailer lines, decimal comma."""

import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import IO, Any, NamedTuple

import pyarrow as pa
import pyarrow.csv

from dcsim.drivers.messages import place as place_of
from dcsim.errors import InputError, shown
from dcsim.logs.table import MISSING, Table, share_of_numbers
from dcsim.logs.units import find_unit

__all__ = ["decoded_head", "delimited_table", "header_of_rows"]

HEAD_BYTES = 1 << 18
HEAD_LINES = 400
BLOCK_BYTES = 4 << 20
DAMAGED_SHARE_MAX = 0.2
"""Of rows that do not have the header's number of fields; a file with more is not understood."""
SEPARATORS = (",", ";", "\t", "|")
_ATTRIBUTE = re.compile(r"([A-Za-z_]+)\s*[=:]\s*([^\s,;]+)")


class Head(NamedTuple):
    """The beginning of a text file."""

    text: str
    encoding: str
    is_whole: bool


def decoded_head(place: str, data: bytes) -> Head:
    """Decode the first bytes of a file.

    Raises
    ------
    InputError
        If it is empty or no text.
    """
    is_whole = len(data) < HEAD_BYTES
    if not data.strip(b"\x00\r\n\t \xef\xbb\xbf"):
        raise InputError(f"{place_of(place)}: the file is empty")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    elif b"\x00" in data:
        raise InputError(f"{place_of(place)}: not a text file (it holds zero bytes); give CSV, Parquet or Excel")
    else:
        encoding = "utf-8"
    if encoding == "utf-8":
        trimmed = data if is_whole else data[: data.rfind(b"\n") + 1] or data
        try:
            text = trimmed.decode("utf-8-sig")
        except UnicodeDecodeError:
            encoding, text = "cp1252", trimmed.decode("cp1252", errors="replace")
    else:
        text = data[: len(data) // 2 * 2].decode("utf-16", errors="replace")
    control = sum(character < " " and character not in "\r\n\t\f" for character in text)
    if control > 0.01 * len(text) or text.count("\ufffd") > 0.01 * len(text):
        raise InputError(f"{place_of(place)}: not a text file; give CSV, Parquet or Excel")
    return Head(text, encoding, is_whole)


def delimited_table(
    place: str, stem: str, head: Head, reopen: Callable[[], IO[bytes]], options: dict[str, Any] | None = None
) -> Table:
    """Understand a delimited text file.

    Parameters
    ----------
    place, stem : str
        See `Table`.
    head : Head
    reopen : callable
        Opens the unpacked bytes from their beginning.
    options : dict, optional
        ``separator`` and ``decimal`` of a mapping.

    Raises
    ------
    InputError
        If no table of at least two columns can be seen in it.
    """
    options = options or {}
    lines = head.text.splitlines()
    if not head.is_whole:
        lines = lines[:-1]
    lines = lines[:HEAD_LINES]
    separator = options.get("separator") or _separator(place, lines)
    rows = [_fields(line, separator) if not _is_comment(line) else [] for line in lines]
    header_at, columns, units, first = header_of_rows(place, rows)
    attributes: dict[str, str] = {}
    notes = []
    for line in lines[: header_at if header_at >= 0 else first]:
        attributes.update(_ATTRIBUTE.findall(line.lstrip("#;% ")))
    skipped = [line for line in lines[: max(header_at, 0)] if line.strip()]
    if skipped:
        notes.append(f"{place}: {len(skipped)} title or comment lines before the header, first {shown(skipped[0], 60)}")
    if header_at < 0:
        notes.append(f"{place}: no header line; columns are named {columns[0]}, {columns[1]}, ...")
    if head.encoding != "utf-8":
        notes.append(f"{place}: not UTF-8, read as {head.encoding}")
    decimal = options.get("decimal") or _decimal(separator, rows[first:])
    if decimal == ",":
        notes.append(f"{place}: numbers have a decimal comma")
    if separator != ",":
        notes.append(f"{place}: separated by {_NAMES.get(separator, repr(separator))}")
    table = Table(place, stem, columns, units, iter, attributes, notes, decimal)
    table.blocks = lambda: _blocks(table, head.encoding, separator, first, reopen)
    return table


_NAMES = {"\t": "tabs", ";": "semicolons", "|": "bars", " ": "blanks"}


def _is_comment(line: str) -> bool:
    return line.lstrip("\ufeff ").startswith(("#", "//", "%"))


def _fields(line: str, separator: str) -> list[str]:
    if separator == " ":
        return line.split()
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=separator), [])]
    except csv.Error:
        return []


def _separator(place: str, lines: list[str]) -> str:
    """Return the sign that cuts most lines into the same number of fields."""
    useful = [line for line in lines if line.strip() and not _is_comment(line)]
    if not useful:
        raise InputError(f"{place_of(place)}: there are only comments and empty lines")
    best, best_score = "", (0.0, 0)
    for separator in (*SEPARATORS, " "):
        counts = Counter(len(_fields(line, separator)) for line in useful)
        count, hits = max(((n, hit) for n, hit in counts.items() if n > 1), key=lambda pair: pair[1], default=(0, 0))
        share = hits / len(useful)
        if separator == " ":
            share -= 0.25  # dates and names hold blanks
        if separator == "," and share > 0.0 and _is_decimal_comma(useful):
            share -= 0.25
        if (share, count) > best_score:
            best, best_score = separator, (share, count)
    if best_score[0] < 0.4:
        raise InputError(
            f"{place_of(place)}: no table with at least two columns; first line {shown(useful[0], 60)}; "
            "say 'separator' in the mapping"
        )
    return best


def _is_decimal_comma(lines: list[str]) -> bool:
    """Whether commas only ever stand between digits, beside another separator."""
    body = lines[1:]
    return bool(body) and all(re.search(r"[;\t|]", line) for line in body) and any("," in line for line in body)


def _is_word(cell: str) -> bool:
    """Whether a cell is a name rather than a reading or a time."""
    if not cell or cell in MISSING:
        return False
    if re.fullmatch(r"[-+]?[\d.,]+([eE][-+]?\d+)?\s*%?", cell):
        return False
    return not re.match(r"^\d{1,4}[-./:]\d{1,2}([-./:T ]|$)", cell) and bool(re.search(r"[^\W\d_]", cell))


def header_of_rows(place: str, rows: list[list[str]]) -> tuple[int, list[str], list[str], int]:
    """Find the header among the first rows.

    Returns
    -------
    int
        Row of the header, -1 for none.
    list of str
        Column names, made unique.
    list of str
        Units below it, "" where none.
    int
        First row of data.
    """
    counts = Counter(len(row) for row in rows if len(row) > 1)
    if not counts:
        raise InputError(f"{place_of(place)}: no table with at least two columns")
    width = max(counts, key=lambda n: (counts[n], n))
    matching = [at for at, row in enumerate(rows) if len(row) == width]
    at = matching[0]
    header = rows[at]
    filled = [cell for cell in header if cell]
    if sum(_is_word(cell) for cell in filled) < max(1, 0.5 * len(filled)):
        return -1, [f"column_{k + 1}" for k in range(width)], [""] * width, at
    units, first = [""] * width, at + 1
    following = [row for row in matching if row > at]
    if following:
        row = rows[following[0]]
        cells = [cell.strip("[]() ") for cell in row]
        found = [bool(cell) and find_unit(cell) is not None for cell in cells]
        if any(found) and not any(re.fullmatch(r"[-+]?\d[\d.,]*", cell) for cell in cells):
            units, first = [cell if known else "" for cell, known in zip(cells, found, strict=True)], following[0] + 1
    return at, _unique(header), units, first


def _unique(header: list[str]) -> list[str]:
    seen: Counter[str] = Counter()
    names = []
    for position, cell in enumerate(header):
        name = cell.strip().strip("\ufeff\"'") or f"column_{position + 1}"
        seen[name] += 1
        names.append(name if seen[name] == 1 else f"{name}.{seen[name]}")
    return names


def _decimal(separator: str, rows: list[list[str]]) -> str:
    if separator == ",":
        return "."
    cells = [cell for row in rows for cell in row]
    commas = sum(bool(re.fullmatch(r"[-+]?\d+,\d+", cell)) for cell in cells)
    points = sum(bool(re.fullmatch(r"[-+]?\d+\.\d+", cell)) for cell in cells)
    return "," if commas > points else "."


def _blocks(
    table: Table, encoding: str, separator: str, first: int, reopen: Callable[[], IO[bytes]]
) -> Iterator[list[pa.Array]]:
    """Yield the columns block by block, all as text."""
    examples: list[str] = []
    count = 0

    def odd(row: Any) -> str:
        nonlocal count
        text = (row.text or "").strip()
        if text and not _is_comment(text):
            count += 1
            table.damaged.append(0)
            if len(examples) < 3:
                examples.append(text)
        return "skip"

    width = len(table.columns)
    rows = 0
    with reopen() as raw:
        stream: Any = _blanks_to_tabs(raw, encoding) if separator == " " else raw
        if separator == " ":
            separator, encoding = "\t", "utf-8"
        try:
            reader = pyarrow.csv.open_csv(
                stream,
                read_options=pyarrow.csv.ReadOptions(
                    use_threads=False,
                    block_size=max(BLOCK_BYTES, 64 * width),
                    skip_rows=first,
                    column_names=[str(k) for k in range(width)],
                    encoding=encoding,
                ),
                parse_options=pyarrow.csv.ParseOptions(delimiter=separator, invalid_row_handler=odd),
                convert_options=pyarrow.csv.ConvertOptions(
                    column_types={str(k): pa.string() for k in range(width)},
                    strings_can_be_null=True,
                    null_values=list(MISSING),
                    quoted_strings_can_be_null=True,
                ),
            )
            for batch in reader:
                rows += batch.num_rows
                if batch.num_rows:
                    yield list(batch.columns)
        except (pa.ArrowException, OSError, EOFError, UnicodeError, ValueError) as error:
            if isinstance(error, InputError):
                raise
            problem = " ".join(str(error).split())[:120]
            if "Empty CSV" in problem or "empty" in problem.lower():
                raise InputError(f"{place_of(table.place)}: no rows after the header") from None
            raise InputError(
                f"{place_of(table.place)}: cannot be read after {rows} rows ({problem}); is it cut off?"
            ) from None
    if count > DAMAGED_SHARE_MAX * (rows + count) and count > 3:
        raise InputError(
            f"{place_of(table.place)}: {count} of {rows + count} rows do not have the {width} fields of the header, "
            f"first {shown(examples[0], 60)}; say 'separator' in the mapping, or mend the file"
        )
    if count:
        table.notes.append(
            f"{table.place}: {count} lines without the {width} fields of the header were left out, first {shown(examples[0], 60)}"
        )
    if not rows:
        raise InputError(f"{place_of(table.place)}: no rows after the header")


def _blanks_to_tabs(raw: IO[bytes], encoding: str) -> IO[bytes]:
    """Text whose columns are aligned with blanks, with tabs instead."""
    text = io.TextIOWrapper(raw, encoding="utf-8-sig" if encoding == "utf-8" else encoding, errors="replace")
    return io.BytesIO(b"".join("\t".join(line.split()).encode() + b"\n" for line in text))


def is_numeric_column(column: pa.Array) -> bool:
    """Whether most cells with content are numbers."""
    share, count = share_of_numbers(column)
    return count > 0 and share > 0.5
