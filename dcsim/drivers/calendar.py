"""The clock of the drivers: seconds of a 365-day year in the local standard time of the site.

A typical year has no year number and its weather, daily load shape and tariff hours all belong to the wall clock of the
site, so ``time_s`` counts seconds from 1 January 00:00 *local standard time* (no daylight saving). Universal time is
``time_s - 3600 * utc_offset``; readers of files stamped in universal time shift by the site's offset once. 29 February
is left out: every year has 8760 hours, and times outside the year wrap around.

The week runs on through the wrap. 1 January is a Sunday unless a file says otherwise, as in the DATA PERIODS line of
the TMY3 files.
"""

import datetime

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dcsim.errors import InputError, shown

__all__ = [
    "SECONDS_PER_DAY",
    "SECONDS_PER_HOUR",
    "SECONDS_PER_YEAR",
    "day_of_week",
    "hour_of_day",
    "parse_start",
    "parse_timestamp",
    "time_label",
    "time_of_year",
]

SECONDS_PER_HOUR = 3600
SECONDS_PER_DAY = 86_400
SECONDS_PER_YEAR = 365 * SECONDS_PER_DAY

#: Weekday of 1 January where nothing else is known, Monday = 0 ... Sunday = 6.
FIRST_WEEKDAY = 6

_COMMON_YEAR = 2023  # any year of 365 days
_DAYS_BEFORE_MONTH = (0, 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334)


def hour_of_day(time_s: ArrayLike) -> NDArray[np.float64]:
    """Return the local standard hour of the day [h], 0 to 24, of times [s] of any shape."""
    return np.mod(np.asarray(time_s, dtype=np.float64), SECONDS_PER_DAY) / SECONDS_PER_HOUR


def day_of_week(time_s: ArrayLike, first_weekday: int = FIRST_WEEKDAY) -> NDArray[np.int64]:
    """Return the weekday (Monday = 0) of times [s] of any shape; `first_weekday` is that of 1 January."""
    days = np.floor_divide(np.asarray(time_s, dtype=np.float64), SECONDS_PER_DAY).astype(np.int64)
    return np.mod(days + first_weekday, 7)


def time_of_year(month: int, day: int, hour: float = 0.0) -> float:
    """Return the time [s] since 1 January 00:00 of a month, day and hour of a 365-day year.

    Notes
    -----
    Domain: a valid date; 29 February counts as 28 February.
    """
    if month == 2 and day == 29:
        day = 28
    return (_DAYS_BEFORE_MONTH[month] + day - 1) * float(SECONDS_PER_DAY) + hour * SECONDS_PER_HOUR


def parse_start(text: str) -> float:
    """Return the time of the year [s] of an ISO date or date and time; of a typical year only month and day count.

    Accepts ``2023-07-15``, ``2023-07-15T06:00`` and, without a year, ``07-15`` or ``07-15T06:00``.

    Raises
    ------
    InputError
        If the text is no such date.
    """
    candidate = text.strip()
    if len(candidate) >= 5 and candidate[2] == "-":
        candidate = f"{_COMMON_YEAR + 1}-{candidate}"  # a leap year, so that 02-29 is understood
    try:
        moment = datetime.datetime.fromisoformat(candidate)
    except ValueError:
        raise InputError(f"start {shown(text)} is not an ISO date such as '2023-07-15' or '07-15T06:00'") from None
    if moment.tzinfo is not None:
        raise InputError(f"start {shown(text)} has a UTC offset: give the local standard time of the site instead")
    return _seconds(moment)


def parse_timestamp(text: str, utc_offset: float, shift: float = 0.0) -> tuple[datetime.datetime, float]:
    """Return the local standard date and time of an ISO timestamp, and its time of the year [s].

    Parameters
    ----------
    text : str
        ISO 8601; with a UTC offset or ``Z`` it is converted, without one `shift` applies.
    utc_offset : float
        Offset [h] of the site's standard time from universal time.
    shift : float
        Hours to add to a timestamp without an offset: 0 if it is local already, `utc_offset` if it is universal.

    Raises
    ------
    ValueError
        If the text is no ISO timestamp.
    """
    moment = datetime.datetime.fromisoformat(text)
    if moment.tzinfo is not None:
        moment = moment.astimezone(datetime.UTC).replace(tzinfo=None)
        shift = utc_offset
    if shift:
        moment += datetime.timedelta(hours=shift)
    return moment, _seconds(moment)


def time_label(time_s: float) -> str:
    """Return ``MM-DD HH:MM`` of a time [s] since 1 January 00:00, for messages and plots."""
    moment = datetime.datetime(_COMMON_YEAR, 1, 1) + datetime.timedelta(seconds=float(time_s) % SECONDS_PER_YEAR)
    return moment.strftime("%m-%d %H:%M")


def _seconds(moment: datetime.datetime) -> float:
    return time_of_year(moment.month, moment.day) + (
        moment.hour * 3600.0 + moment.minute * 60.0 + moment.second + moment.microsecond * 1e-6
    )
