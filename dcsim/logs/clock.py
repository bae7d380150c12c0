"""The clock of a log, settled from all of its stamps: order, day and month, zone, daylight saving, missing dates."""

import datetime
import re
import zoneinfo
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dcsim.drivers.messages import nearest
from dcsim.errors import InputError
from dcsim.logs.log import SECOND
from dcsim.logs.stamps import DAY, ELAPSED, NAT

__all__ = ["ClockEvidence", "Settled", "month_and_day_changed", "settled", "stated_zone"]

Times = NDArray[np.int64]

BACK_COST = 6.0  # of a step back in time, against the logarithm of the days that a step forward leaves out
SWAP_GAIN_MIN = 6.0  # by which changing days with months has to make the sequence more even
NEWEST_FIRST_SHARE = 0.9  # of steps that go back


@dataclass
class ClockEvidence:
    """What the cells of a log's time column said."""

    kind: str
    column: str
    with_offset: int = 0
    without_offset: int = 0
    unreadable: int = 0
    surely_day_first: int = 0
    surely_month_first: int = 0
    attributes: dict[str, str] = field(default_factory=dict)


class Settled(NamedTuple):
    """One sequence of stamps."""

    time: Times  # (T,) universal time [ns], NAT where there is none
    order: str
    swapped: int
    notes: list[str]


def stated_zone(evidence: ClockEvidence, options: Mapping[str, Any]) -> tuple[str | None, str]:
    """Return the zone of stamps without an offset, and who says so.

    Raises
    ------
    InputError
        For a zone of the mapping that is not known.
    """
    if options.get("zone"):
        zone = str(options["zone"])
        _zone(zone)
        return zone, "mapping"
    if evidence.kind.startswith("epoch"):
        return "UTC", "stamps"
    if evidence.with_offset and not evidence.without_offset:
        return "UTC", "stamps"
    title = evidence.column
    found = re.search(r"(?:GMT|UTC)\s*([-+])\s*(\d{1,2})(?::?(\d{2}))?", title, re.I)
    if found:
        return f"{found[1]}{int(found[2]):02d}:{found[3] or '00'}", "header"
    if re.search(r"(?:^|[^a-z])(utc|gmt|zulu)(?:$|[^a-z])", title, re.I):
        return "UTC", "header"
    named = re.search(r"([A-Z][a-z]+/[A-Z][A-Za-z_]+)", title)
    if named and named[1] in zoneinfo.available_timezones():
        return named[1], "header"
    attributes = {key.lower(): value for key, value in evidence.attributes.items()}
    for key, scale in (("utc_offset_s", 1.0), ("utc_offset", 3600.0), ("utc_offset_h", 3600.0)):
        try:
            seconds = round(float(attributes[key]) * scale)
        except (KeyError, ValueError):
            continue
        if abs(seconds) <= 14 * 3600:
            sign, minutes = "-" if seconds < 0 else "+", abs(seconds) // 60
            return f"{sign}{minutes // 60:02d}:{minutes % 60:02d}", "comment"
    for key in ("tz", "timezone", "time_zone", "zone"):
        if attributes.get(key) in zoneinfo.available_timezones():
            return attributes[key], "comment"
    return None, "none"


def _zone(zone: str) -> datetime.tzinfo:
    match = re.fullmatch(r"(?:UTC|GMT)?([-+])(\d{1,2})(?::?(\d{2}))?", zone)
    if match:
        minutes = (1 if match[1] == "+" else -1) * (int(match[2]) * 60 + int(match[3] or 0))
        if abs(minutes) <= 14 * 60:
            return datetime.timezone(datetime.timedelta(minutes=minutes))
    try:
        return zoneinfo.ZoneInfo(zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        names = zoneinfo.available_timezones()
        remedy = nearest(zone, names).partition(" (choices")[0]
        remedy = remedy if remedy.startswith("did") else "give a name such as Europe/Stockholm, UTC or +02:00"
        raise InputError(f"clock zone '{zone}' is not known; {remedy}") from None


def month_and_day_changed(time: Times) -> Times:
    """Return the times with day and month in each other's places; NAT where that is no date."""
    known = time != NAT
    days, of_day = np.divmod(np.where(known, time, 0), DAY)
    dates = days.astype("datetime64[D]")
    months = dates.astype("datetime64[M]")
    years = dates.astype("datetime64[Y]")
    day = (dates - months.astype("datetime64[D]")).astype(np.int64) + 1
    month = (months - years.astype("datetime64[M]")).astype(np.int64) + 1
    possible = known & (day <= 12)
    new_month = (years.astype("datetime64[M]").astype(np.int64) + np.where(possible, day, 1) - 1).astype("datetime64[M]")
    new_days = new_month.astype("datetime64[D]").astype(np.int64) + month - 1
    return np.where(possible, new_days * DAY + of_day, NAT)


def _step_cost(days: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cost of going on by so many days: none for the same or the next day."""
    return np.where(days < 0, BACK_COST, 0.0) + np.log1p(np.maximum(np.abs(days) - 1.0, 0.0))


def _best_path(as_read: Times, changed: Times) -> tuple[float, float, NDArray[np.bool_]]:
    """Cost of a sequence of dates as read, of the best choice between read and changed, and that choice.

    Parameters
    ----------
    as_read, changed : Times, shape (D,)
        Day numbers of successive dates, NAT in `changed` where it is no date.
    """
    count = len(as_read)
    options = np.stack([as_read, changed]).astype(np.float64)
    impossible = changed == NAT
    cost = np.array([0.0, np.inf if impossible[0] else 0.01])
    back = np.zeros((2, count), np.int8)
    plain = 0.0
    for at in range(1, count):
        plain += float(_step_cost(options[0, at] - options[0, at - 1]))
        step = _step_cost(options[:, at][None, :] - options[:, at - 1][:, None]) + cost[:, None]  # [from, to]
        back[:, at] = step.argmin(axis=0)
        cost = step.min(axis=0) + np.array([0.0, np.inf if impossible[at] else 0.01])
    choice = np.zeros(count, bool)
    state = int(cost.argmin())
    for at in range(count - 1, -1, -1):
        choice[at] = bool(state)
        state = int(back[state, at])
    return plain, float(cost.min()), choice


def _dates(time: Times) -> tuple[Times, NDArray[np.int64]]:
    """Successive different dates of a sequence, and the row at which each begins."""
    days = time // DAY
    starts = np.flatnonzero(np.concatenate([[True], np.diff(days) != 0]))
    return days[starts], starts


def day_first_cost(time: Times) -> tuple[float, float]:
    """Cost of a sequence read month first and read day first (as far as that can be), for deciding between the two."""
    known = time[time != NAT]
    if len(known) < 2:
        return 0.0, 0.0
    changed = month_and_day_changed(known)
    changed = np.where(changed == NAT, known, changed)

    def cost(sequence: Times) -> float:
        days, _ = _dates(sequence)
        days = days[-1::-1] if _is_newest_first(days) else days
        return float(_step_cost(np.diff(days).astype(float)).sum())

    return cost(known), cost(changed)


def _is_newest_first(sequence: Iterable[int]) -> bool:
    steps = np.diff(np.asarray(sequence))
    steps = steps[steps != 0]
    return bool(len(steps)) and float((steps < 0).mean()) >= NEWEST_FIRST_SHARE


def settled(
    time: Times, kind: str, zone: str | None, day_first: bool, may_swap: bool, has_offset: bool, origin: int = 0
) -> Settled:
    """Turn one sequence of stamps, as written and in the order of the file, into universal time.

    Parameters
    ----------
    time : Times, shape (T,)
        As `stamps.parsed` gives them.
    kind : str
    zone : str or None
        Of stamps without an offset; None leaves them as they are.
    day_first : bool
        Dates whose order is open have the day first.
    may_swap : bool
        Look for rows whose day and month have changed places.
    has_offset : bool
        The stamps are universal time already.
    origin : int
        Start of day 0 of times of day and of elapsed times [ns].
    """
    notes: list[str] = []
    time = time.copy()
    known = time != NAT
    rows = np.flatnonzero(known)
    if not len(rows):
        return Settled(time, "ascending", 0, notes)
    if kind == "time_of_day":
        time[rows] = _with_days(time[rows], notes) + origin
        return Settled(_localized(time, zone, notes), "ascending", 0, notes)
    if kind in ELAPSED:
        time[rows] += origin
    if day_first:
        changed = month_and_day_changed(time)
        time = np.where(changed == NAT, time, changed)
    swapped = 0
    if may_swap and not has_offset and kind not in ELAPSED:
        swapped = _unswap(time, rows, notes)
    sequence = time[rows]
    steps = np.diff(sequence)
    back = int((steps < 0).sum())
    order = "ascending"
    if _is_newest_first(sequence):
        order = "newest first"
    elif back and back > 1 + len(steps) // 1000:
        order = "shuffled"
    if not has_offset:
        if order == "newest first":
            time[rows] = _localized(time[rows][::-1], zone, notes)[::-1]
        else:
            time = _localized(time, zone, notes)
    if order == "shuffled" or (order == "ascending" and back):
        moved = int((np.diff(time[rows][time[rows] != NAT]) < 0).sum())
        if moved:
            notes.append(f"{moved} stamps go back in time; sorted")
    return Settled(time, order, swapped, notes)


def _with_days(of_day: Times, notes: list[str]) -> Times:
    """Add a day at each midnight that times of day without a date pass."""
    steps = np.diff(of_day)
    midnights = steps < -DAY // 2
    if midnights.any():
        notes.append(f"the time of day passes midnight {int(midnights.sum())} times; a day was added at each")
    return of_day + DAY * np.concatenate([[0], np.cumsum(midnights)])


def _unswap(time: Times, rows: NDArray[np.int64], notes: list[str]) -> int:
    """Put day and month back in their places where that makes the sequence even; changes `time`."""
    sequence = time[rows]
    days, starts = _dates(sequence)
    if len(days) < 3:
        return 0
    is_reversed = _is_newest_first(days)
    order = slice(None, None, -1) if is_reversed else slice(None)
    changed = month_and_day_changed(days * DAY)
    changed_days = np.where(changed == NAT, NAT, changed // DAY)
    if len(days) > 20_000:  # dates that alternate from row to row: not a matter of days and months
        return 0
    options = [(_best_path(days[order], changed_days[order]), order)]
    if not is_reversed:
        backward = slice(None, None, -1)
        options.append((_best_path(days[backward], changed_days[backward]), backward))
    (plain, best, choice), order = min(options, key=lambda option: option[0][1])
    plain = min(option[0][0] for option in options)
    if plain - best < SWAP_GAIN_MIN or not choice.any():
        return 0
    choice = choice[order]
    lengths = np.diff(np.append(starts, len(sequence)))
    swap = np.repeat(choice & (changed_days != days), lengths)
    if not swap.any():
        return 0
    time[rows[swap]] = month_and_day_changed(sequence)[swap]
    first = np.flatnonzero(swap)[0]
    notes.append(
        f"day and month had changed places in {int(swap.sum())} of {len(rows)} rows, first at "
        f"{text_of(int(sequence[first]))}, which is {text_of(int(time[rows[first]]))}"
    )
    return int(swap.sum())


def _localized(time: Times, zone: str | None, notes: list[str]) -> Times:
    """Turn local time in the order of the file into universal time."""
    if zone is None or zone == "UTC":
        return time
    known = time != NAT
    place = _zone(zone)
    if isinstance(place, datetime.timezone):
        shift = int(place.utcoffset(None).total_seconds()) * SECOND
        return np.where(known, time - shift, NAT)
    local = pd.DatetimeIndex(time[known].astype("datetime64[ns]"))
    first_pass = local.tz_localize(place, ambiguous=np.ones(len(local), bool), nonexistent="NaT")
    second_pass = local.tz_localize(place, ambiguous=np.zeros(len(local), bool), nonexistent="NaT")
    early = first_pass.tz_convert("UTC").tz_localize(None).as_unit("ns").to_numpy().astype(np.int64)
    late = second_pass.tz_convert("UTC").tz_localize(None).as_unit("ns").to_numpy().astype(np.int64)
    is_open = (early != late) & (early != NAT)
    chosen = early.copy()
    if is_open.any():
        chosen, repeated = _folds(time[known], early, late, is_open)
        notes.append(
            f"{int(is_open.sum())} stamps lie in an hour that daylight saving repeats; "
            + (f"{repeated} belong to its second pass, by the order of rows" if repeated else "taken as its first pass")
        )
    missing = int((early == NAT).sum())
    if missing:
        notes.append(f"{missing} stamps lie in an hour that daylight saving leaves out in {zone}; left out")
    result = np.full(len(time), NAT)
    result[known] = chosen
    return result


def _folds(local: Times, early: Times, late: Times, is_open: NDArray[np.bool_]) -> tuple[Times, int]:
    """Choose the pass of each stamp in a repeated hour: the second from where the local time steps back within it."""
    chosen = early.copy()
    edges = np.flatnonzero(np.diff(np.concatenate([[0], is_open.astype(np.int8), [0]])))
    repeated = 0
    for begin, end in zip(edges[::2], edges[1::2], strict=True):
        back = np.flatnonzero(np.diff(local[begin:end]) < 0)
        if len(back):
            chosen[begin + back[0] + 1 : end] = late[begin + back[0] + 1 : end]
            repeated += end - begin - int(back[0]) - 1
    return chosen, repeated


def text_of(time: int) -> str:
    """Return a time as ISO text to the second."""
    return str(np.datetime64(int(time), "ns").astype("datetime64[s]"))
