"""Opening of log files: what kind of file it is by its first bytes, unpacked on the way, never as a whole in memory.

Nothing that is read can run code: no pickles, no macros, no formulas; archives are read member by member and nothing is unpacked to a path
that an archive names.
"""

import bz2
import gzip
import io
import lzma
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from dcsim.drivers.messages import place
from dcsim.errors import InputError, shown

__all__ = ["IN_MEMORY", "Source", "kind_of", "sources"]

IN_MEMORY = 64 * 2**20  # bytes that a member of an archive may take up before it goes to a temporary file
HEAD = 256 * 1024  # bytes from which a file's form is told
_DATA_ENDINGS = (".csv", ".tsv", ".txt", ".dat", ".log", ".sql", ".parquet", ".xlsx", ".xlsm", ".gz", ".xz", ".bz2")
DAMAGED = (OSError, EOFError, zlib.error, lzma.LZMAError, tarfile.TarError)

Progress = Callable[[int], Any]


@dataclass
class Source:
    """One file of a log, or one member of an archive.

    Attributes
    ----------
    place : str
        For messages.
    stem : str
        Name without folder and endings.
    open_raw : callable
        Opens the unpacked bytes from the beginning; may be called again.
    """

    place: str
    stem: str
    open_raw: Callable[[], IO[bytes]]

    def head(self) -> bytes:
        """Return the first bytes.

        Raises
        ------
        InputError
            If the file is missing, empty or damaged.
        """
        try:
            with self.open_raw() as stream:
                head = stream.read(HEAD)
        except FileNotFoundError:
            raise InputError(f"{self.place}: no such file") from None
        except DAMAGED as error:
            raise damaged(self.place, error) from None
        if not head.strip():
            raise InputError(f"{self.place}: the file is empty")
        return head


def damaged(where: str, error: Exception) -> InputError:
    """Return the error of a file that ends early or cannot be unpacked."""
    words = " ".join(str(error).split())[:120] or type(error).__name__
    return InputError(f"{where}: cannot be read ({words}); is the file complete?")


def sources(path: Path, progress: Progress | None = None) -> Iterator[Source]:
    """Yield the files of a log: the file itself, those of a folder, or the members of a tar archive, by name.

    A source is good until the next one is drawn.

    Parameters
    ----------
    path : Path
    progress : callable, optional
        Told the number of packed bytes read since it was last called.

    Raises
    ------
    InputError
        If there is nothing to read.
    """
    try:
        is_folder, is_file = path.is_dir(), path.is_file()
    except (OSError, ValueError):  # too long, or with a zero byte
        is_folder = is_file = False
    if is_folder:
        names = sorted(item for item in path.iterdir() if item.is_file() and _is_data(item.name))
        if not names:
            raise InputError(f"{path}: the folder holds no log file ({', '.join(_DATA_ENDINGS[:8])})")
        for name in names:
            yield from sources(name, progress)
        return
    if not is_file:
        raise InputError(
            f"{shown(str(path))}: no such file or folder; give a log file, or a folder with one file a sensor"
        )
    source = Source(str(path), _stem(path.name), lambda: unpacked(path, progress))
    try:
        with source.open_raw() as stream:
            is_tar = stream.read(262)[257:262] == b"ustar"
    except DAMAGED as error:
        raise damaged(str(path), error) from None
    if is_tar:
        yield from _members(source)
    else:
        yield source


def _members(archive: Source) -> Iterator[Source]:
    """Members of an archive in its own order, each in a buffer."""
    found = False
    try:
        with archive.open_raw() as stream, tarfile.open(fileobj=stream, mode="r|") as tar:
            for member in tar:
                content = tar.extractfile(member) if member.isfile() and _is_data(member.name) else None
                if content is None:
                    continue
                found = True
                with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY) as buffer:
                    shutil.copyfileobj(content, buffer)
                    yield Source(f"{archive.place}: {member.name}", _stem(Path(member.name).name), _again(buffer))
    except DAMAGED as error:
        raise damaged(archive.place, error) from None
    if not found:
        raise InputError(f"{archive.place}: the archive holds no log file")


def _again(buffer: Any) -> Callable[[], IO[bytes]]:
    def opened() -> IO[bytes]:
        buffer.seek(0)
        return io.BufferedReader(_Unclosed(buffer))

    return opened


class _Unclosed(io.RawIOBase):
    """A stream whose end does not close what it reads from."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self._stream.seek(offset, whence)
        return int(self._stream.tell())

    def tell(self) -> int:
        return int(self._stream.tell())


class _Counted(io.RawIOBase):
    """A file that tells how far it was read."""

    def __init__(self, path: Path, progress: Progress | None) -> None:
        self._file = path.open("rb")
        self._progress = progress

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = self._file.readinto(buffer)
        if self._progress is not None:
            self._progress(count)
        return count

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def close(self) -> None:
        self._file.close()
        super().close()


def unpacked(path: Path, progress: Progress | None = None) -> IO[bytes]:
    """Open a file, unpacked if its first bytes say that it is compressed."""
    with path.open("rb") as stream:
        magic = stream.read(6)
    raw = io.BufferedReader(_Counted(path, progress), buffer_size=1 << 20)
    if magic.startswith(b"\x1f\x8b"):
        return cast(IO[bytes], gzip.GzipFile(fileobj=raw))
    if magic.startswith(b"\xfd7zXZ\x00"):
        return lzma.LZMAFile(raw)
    if magic.startswith(b"BZh"):
        return bz2.BZ2File(raw)
    return raw


def kind_of(source: Source, head: bytes) -> str:
    """Return ``"parquet"``, ``"excel"`` or ``"text"``.

    Raises
    ------
    InputError
        For what is neither, with the remedy.
    """
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith(b"PK\x03\x04"):
        if b"xl/" in head or b"[Content_Types].xml" in head:
            return "excel"
        raise InputError(f"{place(source.place)}: a zip archive; unpack it and give the folder")
    others = {
        b"\xd0\xcf\x11\xe0": "an Excel file of before 2007; save it as .xlsx or .csv",
        b"SQLite format 3": "a SQLite database; export its table as .csv",
        b"\x89HDF": "an HDF5 file; export it as .parquet or .csv",
        b"CDF": "a NetCDF file; export it as .parquet or .csv",
        b"\x80\x04": "a Python pickle, which could run code; export it as .parquet or .csv",
        b"\x80\x05": "a Python pickle, which could run code; export it as .parquet or .csv",
        b"%PDF": "a PDF; export the table as .csv",
        b"\x89PNG": "a picture; give the log it was drawn from",
    }
    for magic, what in others.items():
        if head.startswith(magic):
            raise InputError(f"{place(source.place)}: {what}")
    if not head.startswith((b"\xff\xfe", b"\xfe\xff")):
        odd = sum(byte < 9 or 13 < byte < 32 for byte in head[:4096])
        if b"\x00" in head or odd > 0.02 * min(len(head), 4096):
            raise InputError(
                f"{place(source.place)}: a binary file of no kind that is known; export it as .csv or .parquet"
            )
    if head.startswith(b"LOCATION,"):
        raise InputError(f"{place(source.place)}: an EPW weather file, no log; give it as weather")
    return "text"


def _is_data(name: str) -> bool:
    return not Path(name).name.startswith((".", "_")) and name.lower().endswith(_DATA_ENDINGS)


def _stem(name: str) -> str:
    while True:
        shorter = name
        for ending in (".gz", ".xz", ".bz2", ".tar", *_DATA_ENDINGS):
            shorter = (
                shorter[: -len(ending)] if shorter.lower().endswith(ending) and len(shorter) > len(ending) else shorter
            )
        if shorter == name:
            return name
        name = shorter
