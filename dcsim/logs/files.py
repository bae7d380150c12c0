"""Tables of a log, whatever holds them: a file, a compressed file, an archive, or a folder with a file for each sensor.

Kinds are told by their first bytes, not by their names. Archives are read in memory and nothing in them is written to the
disk; nothing that is read runs code.
"""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from dcsim.drivers.messages import place as place_of
from dcsim.errors import InputError
from dcsim.logs.device_text import ipmi_table, is_ipmi, is_sql, sql_table
from dcsim.logs.table import Table
from dcsim.logs.text_files import HEAD_BYTES, decoded_head, delimited_table
from dcsim.logs.workbooks import excel_table, parquet_table

__all__ = ["UNREADABLE", "tables_of"]

UNREADABLE = (OSError, EOFError, zlib.error, lzma.LZMAError, tarfile.TarError, zipfile.BadZipFile)
MEMBER_BYTES_MAX = 2 << 30
"""Largest member of an archive; larger ones are to be unpacked by hand, and then read block by block."""
_SKIPPED = {".md", ".rst", ".pdf", ".png", ".jpg", ".jpeg", ".svg", ".html", ".py", ".ipynb", ".yaml", ".yml", ".json", ".toml"}  # fmt: skip
_PACKED = (".gz", ".xz", ".bz2", ".csv", ".txt", ".tsv", ".parquet", ".xlsx", ".sql", ".dat", ".log")

Opener = Callable[[], IO[bytes]]


def tables_of(path: Path, options: Mapping[str, Any]) -> Iterator[Table]:
    """Yield the tables of a log.

    Parameters
    ----------
    path : Path
        File, archive or folder.
    options : mapping
        ``separator``, ``decimal``, ``sheet`` of a mapping.

    Raises
    ------
    InputError
        If it cannot be read, or holds none.
    """
    if path.is_dir():
        files = [file for file in sorted(path.rglob("*")) if file.is_file() and _is_data(file.name)]
        if not files:
            raise InputError(f"{place_of(path)}: the folder holds no files of a log")
        for file in files:
            yield from _tables(str(file), file.name, _opener(file), options)
        return
    if not path.exists():
        raise InputError(f"{place_of(path)}: no such file or folder")
    yield from _tables(str(path), path.name, _opener(path), options)


def _is_data(name: str) -> bool:
    base = name.rsplit("/", 1)[-1]
    suffix = Path(base.lower()).suffix
    return not base.startswith((".", "_", "~")) and suffix not in _SKIPPED and base.lower() not in ("license", "readme")


def _opener(file: Path) -> Opener:
    def opened() -> IO[bytes]:
        try:
            return file.open("rb")
        except OSError as error:
            raise InputError(f"{place_of(file)}: cannot be read ({error.strerror})") from None

    return opened


def _stem(name: str) -> str:
    base = name.rsplit("/", 1)[-1]
    while True:
        for ending in (*_PACKED, ".tar", ".zip"):
            if base.lower().endswith(ending) and len(base) > len(ending):
                base = base[: -len(ending)]
                break
        else:
            return base


def _unpacked(place: str, opener: Opener) -> Opener:
    """Return an opener of the bytes inside of gzip, xz and bzip2, one inside the other if need be."""
    for _ in range(3):
        with opener() as file:
            magic = file.read(6)
        outer = opener
        if magic.startswith(b"\x1f\x8b"):

            def opener(outer: Opener = outer) -> IO[bytes]:
                return gzip.GzipFile(fileobj=outer())  # type: ignore[return-value]
        elif magic == b"\xfd7zXZ\x00":

            def opener(outer: Opener = outer) -> IO[bytes]:
                return lzma.LZMAFile(outer())  # type: ignore[return-value]
        elif magic.startswith(b"BZh"):

            def opener(outer: Opener = outer) -> IO[bytes]:
                return bz2.BZ2File(outer())  # type: ignore[return-value]
        else:
            break
    return opener


def _tables(place: str, name: str, opener: Opener, options: Mapping[str, Any]) -> Iterator[Table]:
    try:
        opener = _unpacked(place, opener)
        with opener() as file:
            data = _read_up_to(file, HEAD_BYTES)
    except UNREADABLE as error:
        raise InputError(f"{place_of(place)}: cannot be unpacked ({error}); is it cut off or damaged?") from None
    stem = _stem(name)
    if data.startswith(b"PAR1"):
        yield parquet_table(place, stem, opener)
    elif data.startswith(b"PK\x03\x04"):
        if _is_workbook(opener):
            yield excel_table(place, stem, opener, options.get("sheet"))
        else:
            yield from _archive(place, _zip_members(place, opener), options)
    elif data.startswith(b"\xd0\xcf\x11\xe0"):
        raise InputError(f"{place_of(place)}: an old Excel file (.xls); save it as .xlsx or CSV")
    elif data[257:262] == b"ustar":
        yield from _archive(place, _tar_members(place, opener), options)
    else:
        head = decoded_head(place, data)
        start = head.text.lstrip()[:200]
        if start.startswith(("{", "<", "[{")):
            kind = "HTML or XML" if start.startswith("<") else "JSON"
            raise InputError(f"{place_of(place)}: {kind} is not read; export it as CSV or Parquet")
        if is_ipmi(head.text):
            yield ipmi_table(place, stem, head, opener)
        elif is_sql(head.text):
            yield sql_table(place, stem, head, opener)
        else:
            yield delimited_table(place, stem, head, opener, dict(options))


def _read_up_to(file: IO[bytes], size: int) -> bytes:
    parts, left = [], size
    while left > 0:
        part = file.read(left)
        if not part:
            break
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def _is_workbook(opener: Opener) -> bool:
    try:
        with opener() as file, zipfile.ZipFile(io.BytesIO(file.read())) as archive:
            return "xl/workbook.xml" in archive.namelist()
    except UNREADABLE:
        return True  # the reader of workbooks says what is wrong with it


def _archive(place: str, members: Iterator[tuple[str, bytes]], options: Mapping[str, Any]) -> Iterator[Table]:
    found = False
    for name, data in members:
        if _is_data(name):
            found = True
            yield from _tables(f"{place}:{name}", name, lambda data=data: io.BytesIO(data), options)  # type: ignore[misc]
    if not found:
        raise InputError(f"{place_of(place)}: the archive holds no files of a log")


def _tar_members(place: str, opener: Opener) -> Iterator[tuple[str, bytes]]:
    try:
        with opener() as file, tarfile.open(fileobj=file, mode="r|") as archive:
            for member in archive:
                if not member.isfile():
                    continue
                _check_size(place, member.name, member.size)
                content = archive.extractfile(member)
                if content is not None:
                    yield member.name, content.read()
    except UNREADABLE as error:
        raise InputError(f"{place_of(place)}: cannot be unpacked ({error}); is it cut off or damaged?") from None


def _zip_members(place: str, opener: Opener) -> Iterator[tuple[str, bytes]]:
    try:
        with opener() as file, zipfile.ZipFile(io.BytesIO(file.read())) as archive:
            for info in archive.infolist():
                if info.is_dir():
                    continue
                _check_size(place, info.filename, info.file_size)
                yield info.filename, archive.read(info)
    except (*UNREADABLE, RuntimeError, NotImplementedError) as error:  # a password, an unknown method
        raise InputError(f"{place_of(place)}: cannot be unpacked ({error}); is it cut off or damaged?") from None


def _check_size(place: str, name: str, size: int) -> None:
    if size > MEMBER_BYTES_MAX:
        raise InputError(f"{place_of(place)}: {name} is {size / 2**30:.1f} GiB; unpack the archive and give the folder")
