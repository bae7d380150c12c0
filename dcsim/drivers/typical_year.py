"""Readers of the two hourly formats of typical years, EPW and NREL TMY3.

Both label hours 1 to 24, and the value labelled h is an observation *at* the end of hour h (EnergyPlus interpolates
them in just this way): label h of a day becomes the instant h:00, and label 24 of 31 December the first instant of the
year. This one shift is made here and nowhere else.

Humidity comes from the relative humidity in the files, as EnergyPlus takes it, so that both simulators see the same
air; where it is missing, from the dew point.
"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dcsim.drivers.calendar import FIRST_WEEKDAY, time_label, time_of_year
from dcsim.drivers.messages import place
from dcsim.drivers.outdoor_columns import QUANTITIES, moist_columns
from dcsim.drivers.tables import open_lines
from dcsim.drivers.weather import Weather
from dcsim.errors import InputError

__all__ = ["check_elevation", "read_epw", "read_tmy3"]

_HOURS = 8760

#: What a clock may show, by field.
_CLOCK_RANGES = {"month": (1, 12), "day": (1, 31), "hour": (1, 24)}

_WEEKDAYS = {
    name: number
    for number, name in enumerate(("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"))
}


class _Field(NamedTuple):
    """Where a column stands in a file and what it means there."""

    position: int
    label: str  # its name in the format, for messages
    missing: float  # code of a missing value
    factor: float  # to the canonical unit


class _Hour(NamedTuple):
    """One row of the file."""

    line: int
    cells: list[str]


def read_epw(path: str | Path, fill_gaps_hours: float = 0.0) -> Weather:
    """Read an EnergyPlus weather file.

    Parameters
    ----------
    path : str or Path
        File, also ``.epw.gz``, with one record an hour over a whole year; a 29 February is left out.
    fill_gaps_hours : float
        Longest gap [h] of missing codes (99.9, 999, 999999) that may be filled by a straight line.

    Returns
    -------
    Weather

    Raises
    ------
    InputError
        For a file that is damaged, incomplete or has missing values, with line and field.

    References
    ----------
    EnergyPlus, Auxiliary Programs, "EnergyPlus Weather File (EPW) Data Dictionary".
    """
    path = Path(path)
    lines = open_lines(path)
    location = [field.strip() for field in lines[0].split(",")]
    if location[0] != "LOCATION" or len(location) < 10:
        raise InputError(f"{place(path, 1)}: an EPW file starts with 'LOCATION' and nine fields")
    latitude, longitude, utc_offset, elevation = (
        _number(path, 1, label, text)
        for label, text in zip(("latitude", "longitude", "time zone", "elevation"), location[6:10], strict=True)
    )
    _check_site(path, utc_offset, elevation)
    periods = next((k for k, line in enumerate(lines) if line.startswith("DATA PERIODS")), None)
    if periods is None:
        raise InputError(f"{place(path)}: no 'DATA PERIODS' line, the EPW header is incomplete")
    period = [field.strip() for field in lines[periods].split(",")]
    if period[1:3] != ["1", "1"]:
        raise InputError(f"{place(path, periods + 1)}: only one data period with one record an hour is supported")

    def clock(line: int, cells: list[str]) -> tuple[int, int, int]:
        numbers = []
        for label, cell in zip(_CLOCK_RANGES, cells[1:4], strict=True):
            number = _number(path, line, label, cell)
            if not number.is_integer():
                raise InputError(f"{place(path, line, label)}: '{cell.strip()}' is not a whole number")
            numbers.append(int(number))
        month, day, hour = numbers
        return month, day, hour

    fields = {
        "dry_bulb": _Field(6, "dry bulb", 99.9, 1.0),
        "dew_point": _Field(7, "dew point", 99.9, 1.0),
        "relative_humidity": _Field(8, "relative humidity", 999.0, 0.01),
        "pressure": _Field(9, "pressure", 999_999.0, 1.0),
    }
    hours = _hours(path, lines, periods + 1, 10, clock)
    dry_bulb, humidity_ratio, pressure = _columns(path, hours, fields, fill_gaps_hours, elevation)
    return Weather(
        name=path.name,
        latitude=latitude,
        longitude=longitude,
        elevation=elevation,
        utc_offset=utc_offset,
        dry_bulb_temperature=dry_bulb,
        humidity_ratio=humidity_ratio,
        pressure=pressure,
        first_weekday=_WEEKDAYS.get(period[4].lower() if len(period) > 4 else "", FIRST_WEEKDAY),
        provenance=f"{location[4]}: {location[1]}, {location[2]} {location[3]}, WMO {location[5]} ({path.name})",
    )


def read_tmy3(path: str | Path, fill_gaps_hours: float = 0.0) -> Weather:
    """Read a typical year in NREL's TMY3 CSV format.

    Parameters
    ----------
    path : str or Path
        File, also ``.csv.gz``.
    fill_gaps_hours : float
        Longest gap [h] of missing codes (-9900) that may be filled by a straight line.

    Returns
    -------
    Weather

    Raises
    ------
    InputError
        For a file that is damaged, incomplete or has missing values, with line and field.

    References
    ----------
    Wilcox and Marion, Users Manual for TMY3 Data Sets, NREL/TP-581-43156 (2008), section 3.
    """
    path = Path(path)
    lines = open_lines(path)
    station = [field.strip().strip('"') for field in lines[0].split(",")]
    header = [field.strip() for field in lines[1].split(",")] if len(lines) > 1 else []
    if len(station) != 7 or not header or header[0] != "Date (MM/DD/YYYY)":
        raise InputError(f"{place(path, 1)}: a TMY3 file starts with seven station fields and a line of column names")
    utc_offset, latitude, longitude, elevation = (
        _number(path, 1, label, text)
        for label, text in zip(("time zone", "latitude", "longitude", "elevation"), station[3:], strict=True)
    )
    _check_site(path, utc_offset, elevation)
    fields = {}
    for name, label, factor in (
        ("dry_bulb", "Dry-bulb (C)", 1.0),
        ("dew_point", "Dew-point (C)", 1.0),
        ("relative_humidity", "RHum (%)", 0.01),
        ("pressure", "Pressure (mbar)", 100.0),
    ):
        if label not in header:
            raise InputError(f"{place(path, 2, label)}: this column is missing")
        fields[name] = _Field(header.index(label), label, -9900.0, factor)

    def clock(line: int, cells: list[str]) -> tuple[int, int, int]:
        try:
            month, day, _ = (int(part) for part in cells[0].split("/"))
            hour, _ = (int(part) for part in cells[1].split(":"))
        except ValueError:
            stamp = " ".join(cells[:2])
            raise InputError(f"{place(path, line, 'Date')}: '{stamp}' is not MM/DD/YYYY and HH:MM") from None
        return month, day, hour

    hours = _hours(path, lines, 2, 1 + max(field.position for field in fields.values()), clock)
    dry_bulb, humidity_ratio, pressure = _columns(path, hours, fields, fill_gaps_hours, elevation)
    return Weather(
        name=path.name,
        latitude=latitude,
        longitude=longitude,
        elevation=elevation,
        utc_offset=utc_offset,
        dry_bulb_temperature=dry_bulb,
        humidity_ratio=humidity_ratio,
        pressure=pressure,
        provenance=f"TMY3: {station[1]}, {station[2]}, USAF {station[0]} ({path.name})",
    )


def check_elevation(path: Path, elevation: float) -> None:
    """Refuse a height above the sea [m] at which no station stands, NaN among them; bounds of the EPW data dictionary."""
    if not -1000.0 <= elevation <= 9999.9:
        raise InputError(f"{place(path, 1, 'elevation')}: {elevation:g} m is outside -1000 to 9999.9")


def _check_site(path: Path, utc_offset: float, elevation: float) -> None:
    if not -12.0 <= utc_offset <= 14.0:
        raise InputError(f"{place(path, 1, 'time zone')}: {utc_offset:g} h is outside -12 to 14")
    check_elevation(path, elevation)


def _hours(
    path: Path, lines: list[str], first: int, width: int, clock: Callable[[int, list[str]], tuple[int, int, int]]
) -> list[_Hour]:
    """Return the 8760 rows of the year, refusing any that is missing, doubled or out of order."""
    hours: list[_Hour] = []
    for line, text in enumerate(lines[first:], start=first + 1):
        if not text.strip():
            continue
        cells = text.split(",")
        if len(cells) < width:
            raise InputError(f"{place(path, line)}: {len(cells)} fields, at least {width} belong: the line is cut off")
        month, day, hour = clock(line, cells)
        if (month, day) == (2, 29):
            continue
        for (label, (low, high)), value in zip(_CLOCK_RANGES.items(), (month, day, hour), strict=True):
            if not low <= value <= high:
                raise InputError(f"{place(path, line, label)}: {value} is outside {low} to {high}")
        number = round(time_of_year(month, day, hour) / 3600.0)
        if number != len(hours) + 1:
            problem = "is missing" if number > len(hours) + 1 else "is due"
            raise InputError(
                f"{place(path, line, 'hour')}: {_label(len(hours) + 1)} {problem}, "
                f"the line has hour {hour} of {month:02d}-{day:02d}"
            )
        hours.append(_Hour(line, cells))
    if len(hours) != _HOURS:
        raise InputError(
            f"{place(path, len(lines))}: the file ends after {len(hours)} of {_HOURS} hours, "
            f"{_label(len(hours) + 1)} is missing"
        )
    return hours


def _label(number: int) -> str:
    return f"hour {(number - 1) % 24 + 1} of {time_label((number - 1) * 3600.0)[:5]}"


def _columns(
    path: Path, hours: list[_Hour], fields: dict[str, _Field], fill_gaps_hours: float, elevation: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return dry bulb, humidity ratio and pressure at the instants 0:00, 1:00 ... of the year."""
    columns = {name: _column(path, hours, field, name) for name, field in fields.items()}
    labels = {name: field.label for name, field in fields.items()}
    lines = np.array([hour.line for hour in hours])
    dry_bulb, humidity_ratio, pressure = moist_columns(path, lines, columns, labels, 1.0, fill_gaps_hours, elevation)
    # Row 0 is labelled hour 1 and holds at 01:00; the last one holds at 24:00, where the year starts again.
    return np.roll(dry_bulb, 1), np.roll(humidity_ratio, 1), np.roll(pressure, 1)


def _column(path: Path, hours: list[_Hour], field: _Field, name: str) -> NDArray[np.float64]:
    """Return one column in its canonical unit, NaN for the missing code."""
    low, high = QUANTITIES[name].low, QUANTITIES[name].high
    values = np.empty(len(hours))
    for index, (line, cells) in enumerate(hours):
        value = _number(path, line, field.label, cells[field.position])
        if value == field.missing or math.isnan(value):
            value = math.nan
        elif not low <= field.factor * value <= high:
            raise InputError(
                f"{place(path, line, field.label)}: {value:g} is outside the believable range "
                f"{low / field.factor:g} to {high / field.factor:g}"
            )
        values[index] = field.factor * value
    return values


def _number(path: Path, line: int, label: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InputError(f"{place(path, line, label)}: '{text.strip()}' is not a number") from None
