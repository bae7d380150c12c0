"""Where samples are held while a log is read, and after: in memory, or beyond a limit in files of a temporary folder.

The files are plain numbers, one file a channel, so that a log larger than the memory is read in blocks and looked at one
channel at a time. The folder goes with the log.
"""

import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dcsim.errors import InputError

__all__ = ["Store"]


class Store:
    """Arrays by key, appended in blocks.

    Parameters
    ----------
    limit : int
        Bytes that may be held in memory.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held = 0
        self._blocks: dict[str, list[NDArray]] = {}
        self._types: dict[str, np.dtype] = {}
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._files: dict[str, Path] = {}

    def append(self, key: str, values: NDArray) -> None:
        """Add a block to the end of an array."""
        self._types.setdefault(key, values.dtype)
        values = np.ascontiguousarray(values, self._types[key])
        self._blocks.setdefault(key, []).append(values)
        self._held += values.nbytes
        if self._held > self._limit:
            self._spill()

    def put(self, key: str, values: NDArray) -> None:
        """Write an array anew."""
        self.drop(key)
        self.append(key, values)

    def drop(self, key: str) -> None:
        """Forget an array."""
        self._held -= sum(block.nbytes for block in self._blocks.pop(key, ()))
        self._types.pop(key, None)
        path = self._files.pop(key, None)
        if path is not None:
            path.unlink(missing_ok=True)

    def get(self, key: str) -> NDArray:
        """Return a whole array."""
        blocks = self._blocks.get(key, [])
        if key in self._files:
            blocks = [np.fromfile(self._files[key], self._types[key]), *blocks]
        return blocks[0] if len(blocks) == 1 else np.concatenate(blocks)

    def _spill(self) -> None:
        try:
            if self._folder is None:
                self._folder = tempfile.TemporaryDirectory(prefix="dcsim-log-")
            for key, blocks in self._blocks.items():
                path = self._files.setdefault(key, Path(self._folder.name) / str(len(self._files)))
                with path.open("ab") as file:
                    for block in blocks:
                        block.tofile(file)
        except OSError as error:
            raise InputError(
                f"{tempfile.gettempdir()}: no room for the log's channels ({error.strerror}); set TMPDIR to a larger disk"
            ) from None
        self._blocks.clear()
        self._held = 0
