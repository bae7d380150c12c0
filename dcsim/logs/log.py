"""What a log is once it is read: channels of samples in house units, each with its own stamps, and what is wrong with them.

Stamps are universal time in whole nanoseconds since 1970. A log whose origin is unknown (seconds since some start, time of day without a
date) counts from 1970-01-01 and says so in its clock. Samples stay where the log keeps them, in a spool or a file, until a channel is asked
for, so a log may be larger than the memory.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from dcsim.drivers.messages import nearest
from dcsim.errors import InputError, shown

__all__ = ["Channel", "Clock", "Fault", "Log", "Samples", "Series"]

Floats = NDArray[np.float64]
Nanoseconds = NDArray[np.int64]
Span = tuple[int, int]  # first and last stamp [ns], both inside

SECOND = 1_000_000_000  # ns


@dataclass(frozen=True)
class Fault:
    """Something that is wrong with a channel, or that whoever uses it ought to know.

    Attributes
    ----------
    kind : str
        Such as ``"stuck"``; `dcsim.logs.faults.KINDS` says what each means.
    detail : str
        The evidence in a few words, with numbers.
    samples : int
        How many samples it concerns.
    spans : tuple of (int, int)
        When: first and last stamp [ns] of each occurrence.
    is_masked : bool
        Whether the samples inside the spans read as NaN. Nothing is ever filled.
    """

    kind: str
    detail: str
    samples: int
    spans: tuple[Span, ...] = ()
    is_masked: bool = False


@dataclass(frozen=True)
class Channel:
    """What is known of one channel, beside its samples.

    Attributes
    ----------
    name : str
        Unique in the log: the header without its unit, with the file or the device in front where there are several.
    header : str
        As written in the log.
    quantity : str
        Such as ``"temperature"``; empty where neither unit nor name says.
    unit : str
        House unit of the samples; the unit as written where it is not known.
    logged_unit : str
        Unit in the log.
    unit_source : str
        ``"header"``, ``"mapping"``, ``"guess"`` or ``"none"``.
    faults : tuple of Fault
    resolution : float
        Smallest step between readings, house unit; NaN where there are fewer than two different ones.
    step_s : float
        Usual distance of its samples [s]; NaN with fewer than two.
    low, high : float
        Smallest and greatest reading that is not masked; NaN without any.
    samples, masked : int
        Stamps of the channel, and those that read as NaN for whatever reason.
    tags : mapping
        What else the log says of it, such as a Brick class or the rack.
    """

    name: str
    header: str
    quantity: str
    unit: str
    logged_unit: str
    unit_source: str
    faults: tuple[Fault, ...] = ()
    resolution: float = np.nan
    step_s: float = np.nan
    low: float = np.nan
    high: float = np.nan
    samples: int = 0
    masked: int = 0
    tags: Mapping[str, str] = field(default_factory=dict)

    def spans(self, *kinds: str) -> list[Span]:
        """Spans of the faults of these kinds, in the order of time."""
        return sorted(span for fault in self.faults if fault.kind in kinds for span in fault.spans)


@dataclass(frozen=True)
class Clock:
    """How the stamps were understood.

    Attributes
    ----------
    column : str
        Header of the stamps.
    kind : str
        ``"offset"`` (ISO with an offset), ``"zone"`` (local time of a zone), ``"naive"`` (no zone stated, taken as universal time),
        ``"epoch"``, ``"time of day"`` or ``"elapsed"`` (the last two have no date of their own).
    form : str
        How stamps are written, in words.
    zone : str
        Time zone, ``"UTC"`` or a fixed offset such as ``"UTC+08:00"``.
    order : str
        Of the rows: ``"ascending"``, ``"descending"`` or ``"mixed"``.
    step_s : float
        Usual distance of rows [s]; NaN where there is none.
    is_regular : bool
        Whether nearly all distances are that.
    stamps : str
        What a stamp marks in the log: ``"start"`` or ``"end"`` of its interval. Ends are moved to starts.
    gaps : tuple of (int, int)
        Last stamp before and first after each hole in the rows [ns].
    duplicates, unreadable : int
        Rows whose stamp had been before, and rows left out for want of a stamp.
    notes : tuple of str
        Daylight saving, day and month exchanged, odd stamps: what was found and done.
    """

    column: str
    kind: str
    form: str
    zone: str
    order: str = "ascending"
    step_s: float = np.nan
    is_regular: bool = False
    stamps: str = "start"
    gaps: tuple[Span, ...] = ()
    duplicates: int = 0
    unreadable: int = 0
    notes: tuple[str, ...] = ()

    @property
    def has_date(self) -> bool:
        """Whether the stamps say on which day they were taken."""
        return self.kind not in ("time of day", "elapsed")


class Series(NamedTuple):
    """Samples of a channel in the order of time, T of them."""

    time: Nanoseconds  # (T,) universal time [ns], increasing
    values: Floats  # (T,) house unit, NaN where missing or masked
    reasons: NDArray[np.str_]  # (T,) kind of the fault that masks the sample, '' where there is none
    raw: Floats  # (T,) house unit, before masking


class Samples(Protocol):
    """Where the samples of a log are kept."""

    def get(self, name: str) -> tuple[Nanoseconds, Floats]:
        """Stamps [ns], increasing, and readings of a channel in house units, NaN where the log has none."""


@dataclass(frozen=True, eq=False)
class Log:
    """A sensor log.

    Attributes
    ----------
    name : str
        Of the file or folder.
    layout : str
        ``"wide"``, ``"long"``, ``"sparse"``, ``"folder"`` or ``"blocks"``, in words of the reader.
    clock : Clock
    channels : mapping of str to Channel
    start, end : int
        First and last stamp of any channel [ns].
    warnings : tuple of str
        One line each: what was guessed, and what was left out.
    samples : Samples
    """

    name: str
    layout: str
    clock: Clock
    channels: Mapping[str, Channel]
    start: int
    end: int
    warnings: tuple[str, ...]
    samples: Samples = field(repr=False)

    def __getitem__(self, name: str) -> Series:
        """Samples of a channel, read where they are kept.

        Raises
        ------
        InputError
            For a name that is not in the log, with the nearest one.
        """
        channel = self.channel(name)
        time, raw = self.samples.get(name)
        reasons = np.zeros(len(time), dtype="U16")
        reasons[np.isnan(raw)] = "missing"
        for fault in channel.faults:
            if fault.is_masked:
                inside = within(time, fault.spans)
                reasons[inside & (reasons == "")] = fault.kind
        return Series(time, np.where(reasons == "", raw, np.nan), reasons, raw)

    def channel(self, name: str) -> Channel:
        """Return what is known of a channel.

        Raises
        ------
        InputError
            For a name that is not in the log, with the nearest one.
        """
        if name not in self.channels:
            raise InputError(f"{self.name}: no channel {shown(name)}; {_nearest(name, self.channels)}")
        return self.channels[name]

    def grid(
        self,
        names: Iterable[str],
        step_s: float,
        start: int | None = None,
        end: int | None = None,
        trusted: tuple[str, ...] = (),
    ) -> tuple[Nanoseconds, Floats]:
        """Return means of channels over the intervals of an even grid; nothing is interpolated.

        Parameters
        ----------
        names : iterable of str
        step_s : float
            Length of an interval [s].
        start, end : int, optional
            Start of the first interval and end of the last [ns]; by default those of the log, the first rounded down to a whole step.
        trusted : tuple of str
            Kinds of faults whose samples are read all the same.

        Returns
        -------
        time : ndarray, shape (T,)
            Starts of the intervals [ns].
        values : ndarray, shape (C, T)
            Mean of the samples that are not masked inside each interval, NaN where there are none.
        """
        if not step_s > 0.0:
            raise InputError(f"step {step_s:g} s: expected more than 0")
        step = round(step_s * SECOND)
        first = (self.start // step) * step if start is None else int(start)
        last = self.end + 1 if end is None else int(end)
        count = max(-((first - last) // step), 0)
        time = first + step * np.arange(count, dtype=np.int64)
        rows = [_binned(_trusting(self[name], trusted), first, step, count) for name in names]
        return time, np.stack(rows or [np.empty((count,))])

    def with_channels(self, change: Callable[[Channel], Channel]) -> "Log":
        """Return a copy in which what is known of every channel is changed; samples stay."""
        return replace(self, channels={name: change(channel) for name, channel in self.channels.items()})


def within(time: Nanoseconds, spans: Iterable[Span]) -> NDArray[np.bool_]:
    """Whether each of the increasing stamps lies in one of the spans, ends included; shape (T,)."""
    edges = np.zeros(len(time) + 1, dtype=np.int64)
    ends = np.array(list(spans), dtype=np.int64).reshape(-1, 2)
    np.add.at(edges, np.searchsorted(time, ends[:, 0], side="left"), 1)
    np.add.at(edges, np.searchsorted(time, ends[:, 1], side="right"), -1)
    return np.asarray(np.cumsum(edges[:-1]) > 0)


def _trusting(series: Series, kinds: tuple[str, ...]) -> Series:
    """Give samples that are masked by faults of some kinds their readings back."""
    if not kinds:
        return series
    return series._replace(values=np.where(np.isin(series.reasons, kinds), series.raw, series.values))


def _binned(series: Series, first: int, step: int, count: int) -> Floats:
    known = np.isfinite(series.values)
    place = (series.time[known] - first) // step
    inside = (place >= 0) & (place < count)
    place, values = place[inside], series.values[known][inside]
    total = np.bincount(place, weights=values, minlength=count)
    number = np.bincount(place, minlength=count)
    return np.where(number > 0, total / np.maximum(number, 1), np.nan)


def _nearest(name: str, names: Iterable[str]) -> str:
    text = nearest(name, names)
    return text if len(text) <= 300 else f"{text[:297]}..."


def summary_of(value: Any) -> str:
    """Return a number with the digits that matter, or a dash for NaN."""
    return "-" if not np.isfinite(value) else f"{value:.5g}"
