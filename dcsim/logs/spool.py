"""Where samples wait while a log is read: one temporary file, in memory while it is small, from which a channel is read back alone."""

import collections
import tempfile
import weakref
from collections.abc import Hashable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dcsim.logs.log import SECOND

__all__ = ["Scale", "Spool", "SpooledSamples", "ordered"]

Floats = NDArray[np.float64]
Nanoseconds = NDArray[np.int64]

IN_MEMORY = 64 * 2**20  # bytes before the spool goes to disk
WAITING = 32 * 2**20  # bytes that are gathered by channel before they are written


class Spool:
    """Pieces of arrays under keys, appended and read back whole; the file is gone with the object."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115  (closed by the finalizer)
        self._pieces: dict[Hashable, list[tuple[int, int]]] = collections.defaultdict(list)
        self._types: dict[Hashable, np.dtype] = {}
        self._end = 0
        # A long table brings each channel a few samples at a time, and a place in the file for each would take more memory than they do.
        self._waiting: dict[Hashable, list[NDArray]] = collections.defaultdict(list)
        self._waiting_bytes = 0
        weakref.finalize(self, self._file.close)

    def append(self, key: Hashable, values: NDArray) -> None:
        """Add a piece to the array of a key."""
        self._waiting[key].append(np.array(values))
        self._types[key] = values.dtype
        self._waiting_bytes += values.nbytes
        if self._waiting_bytes > WAITING:
            self._write()

    def _write(self) -> None:
        self._file.seek(self._end)
        for key, parts in self._waiting.items():
            data = np.concatenate(parts)
            self._file.write(data.data)
            self._pieces[key].append((self._end, data.nbytes))
            self._end += data.nbytes
        self._waiting.clear()
        self._waiting_bytes = 0

    def get(self, key: Hashable) -> NDArray:
        """Return the whole array of a key."""
        if self._waiting:
            self._write()
        parts = []
        for begin, length in self._pieces[key]:
            self._file.seek(begin)
            parts.append(np.frombuffer(self._file.read(length), dtype=self._types[key]))
        return np.concatenate(parts) if parts else np.empty(0)

    def __contains__(self, key: Hashable) -> bool:
        return key in self._types


@dataclass(frozen=True)
class Scale:
    """From logged to house units.

    Attributes
    ----------
    factor, offset : float
    is_counter : bool
        The log has a running total, of which the differences over time are wanted.
    shift : int
        Added to the stamps [ns].
    """

    factor: float = 1.0
    offset: float = 0.0
    is_counter: bool = False
    shift: int = 0


class SpooledSamples:
    """Samples of a log in a spool, put in order and in house units when they are asked for."""

    def __init__(self, spool: Spool, keys: Mapping[str, tuple[Hashable, Hashable]]) -> None:
        self._spool = spool
        self._keys = dict(keys)
        self.scales: dict[str, Scale] = {}

    def logged(self, name: str) -> tuple[Nanoseconds, Floats]:
        """Stamps and readings of a channel in the order of the log's rows, logged unit."""
        time, values = self._keys[name]
        return self._spool.get(time).astype(np.int64), self._spool.get(values).astype(np.float64)

    def get(self, name: str) -> tuple[Nanoseconds, Floats]:
        """Stamps [ns], increasing, and readings of a channel in house units, NaN where the log has none."""
        time, values, _, _ = ordered(*self.logged(name))
        return scaled(time, values, self.scales.get(name, Scale()))


def scaled(time: Nanoseconds, values: Floats, scale: Scale) -> tuple[Nanoseconds, Floats]:
    """Return samples in house units."""
    if scale.is_counter:
        rate = np.full(len(values), np.nan)
        rate[:-1] = np.diff(values) / (np.diff(time) / SECOND)
        values = np.where(rate < 0.0, np.nan, rate)  # a counter that was set back
    if scale.factor != 1.0 or scale.offset != 0.0:
        values = scale.factor * values + scale.offset
    return time + scale.shift, values


def ordered(time: Nanoseconds, values: Floats) -> tuple[Nanoseconds, Floats, int, Nanoseconds]:
    """Put samples in the order of time and keep one for each stamp.

    Returns
    -------
    time, values : ndarray
        The first value of each stamp that is not NaN.
    duplicates : int
        Samples that were left out because their stamp had the same value before, or none.
    conflicts : ndarray
        Stamps with different values.
    """
    if len(time) < 2 or (np.diff(time) > 0).all():
        return time, values, 0, np.empty(0, dtype=np.int64)
    order = np.lexsort((np.isnan(values), time))  # stable: first come, first kept
    time, values = time[order], values[order]
    is_first = np.concatenate([[True], np.diff(time) != 0])
    group = np.cumsum(is_first) - 1
    differs = ~np.isnan(values) & (values != values[is_first][group])
    conflicts = time[is_first][np.unique(group[differs])]
    duplicates = int((~is_first).sum() - differs.sum())
    return time[is_first], values[is_first], duplicates, conflicts
