"""Weather by name or file: the built-in typical years, CSV files with units in their header, EPW and TMY3."""

import functools
import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dcsim.drivers.calendar import SECONDS_PER_YEAR
from dcsim.drivers.outdoor_columns import QUANTITIES, moist_columns
from dcsim.drivers.tables import find_file, open_lines, read_table
from dcsim.drivers.typical_year import check_elevation, read_epw, read_tmy3
from dcsim.drivers.weather import Weather
from dcsim.physics import moist_air

__all__ = ["built_in_climates", "load_weather", "read_weather_csv"]

#: Directory of the built-in typical years; PROVENANCE.md there says where they come from.
DATA_DIRECTORY = Path(__file__).parent / "data"


def built_in_climates() -> tuple[str, ...]:
    """Return the names of the built-in typical years, sorted."""
    return tuple(sorted(path.name.removesuffix(".csv.gz") for path in DATA_DIRECTORY.glob("*.csv.gz")))


def load_weather(name_or_path: str | Path, fill_gaps_hours: float = 0.0) -> Weather:
    """Return a built-in typical year by its lower-case city name, or the weather of a file.

    Parameters
    ----------
    name_or_path : str or Path
        One of `built_in_climates`, or a file, also ``.gz``; EPW, NREL TMY3 and the CSV format are told apart by their
        first lines.
    fill_gaps_hours : float
        Longest gap [h] of missing values that may be filled by a straight line; 0 refuses any.

    Returns
    -------
    Weather
        The same object for the same unchanged file, so that its tables are computed once in a process.

    Raises
    ------
    InputError
        For an unknown name (with the nearest one) or a file that cannot be used (with line and field).
    """
    climates = built_in_climates()
    if str(name_or_path) in climates:
        return _load_cached(str(DATA_DIRECTORY / f"{name_or_path}.csv.gz"), 0, 0.0)
    path = find_file("weather", name_or_path, climates)
    return _load_cached(str(path.resolve()), path.stat().st_mtime_ns, float(fill_gaps_hours))


@functools.lru_cache(maxsize=64)
def _load_cached(path_text: str, modified_ns: int, fill_gaps_hours: float) -> Weather:
    path = Path(path_text)
    if path.parent == DATA_DIRECTORY:
        return _read_built_in(path)
    lines = open_lines(path)
    if lines[0].startswith("LOCATION"):
        return read_epw(path, fill_gaps_hours)
    if len(lines) > 1 and lines[1].startswith("Date (MM/DD/YYYY)"):
        return read_tmy3(path, fill_gaps_hours)
    return read_weather_csv(path, fill_gaps_hours=fill_gaps_hours)


def read_weather_csv(
    path: str | Path,
    utc_offset: float | None = None,
    elevation: float | None = None,
    fill_gaps_hours: float = 0.0,
) -> Weather:
    """Read weather from a CSV file with units in its header.

    Parameters
    ----------
    path : str or Path
        File, also ``.csv.gz``, in the format of `dcsim.drivers.tables`: a column ``time`` and, for example,
        ``dry_bulb [degC]``, ``relative_humidity [%]`` (or ``dew_point [degC]``, ``humidity_ratio [g/kg]``) and, if it
        is known, ``pressure [hPa]``. A first line such as ``# lat=50.1 lon=8.7 elevation=112 utc_offset=1`` gives the
        site.
    utc_offset : float, optional
        Local standard time minus universal time [h], if not in the file; else 0.
    elevation : float, optional
        Height above the sea [m], if not in the file; else 0.
    fill_gaps_hours : float
        Longest gap [h], of rows or of cells, that may be filled by a straight line.

    Returns
    -------
    Weather
        Hourly if the file is, otherwise on a grid of 5 minutes. A file that covers part of a year gives a weather that
        can be asked for that part only.

    Raises
    ------
    InputError
        For a file that cannot be used, with line and field.
    """
    path = Path(path)
    table = read_table(path, QUANTITIES, utc_offset)
    if elevation is None:
        elevation = table.attribute(("elevation", "elevation_m", "altitude"), 0.0)
    check_elevation(path, elevation)
    step = table.step(fill_gaps_hours)
    columns = moist_columns(path, table.lines, table.columns, table.headers, step / 3600.0, fill_gaps_hours, elevation)
    is_hourly = step == 3600.0 and not np.mod(table.time_s, 3600.0).any()
    interval = 3600.0 if is_hourly else 300.0
    dry_bulb, humidity_ratio, pressure = (_year(table.time_s, values, step, interval) for values in columns)
    return Weather(
        name=path.name,
        latitude=table.attribute(("lat", "latitude")),
        longitude=table.attribute(("lon", "longitude")),
        elevation=elevation,
        utc_offset=table.utc_offset,
        dry_bulb_temperature=dry_bulb,
        humidity_ratio=humidity_ratio,
        pressure=pressure,
        interval=interval,
        first_weekday=table.first_weekday,
        provenance=f"CSV {path.name}",
    )


def _year(
    time_s: NDArray[np.float64], values: NDArray[np.float64], step: float, interval: float
) -> NDArray[np.float64]:
    """Return the values on the grid of one year, NaN where the file does not reach."""
    if time_s[0] + SECONDS_PER_YEAR - time_s[-1] <= 1.5 * step:  # a whole year: it closes to a ring
        time_s = np.append(time_s, time_s[0] + SECONDS_PER_YEAR)
        values = np.append(values, values[0])
    first, last = int(np.ceil(time_s[0] / interval)), int(np.floor(time_s[-1] / interval))
    rows = int(SECONDS_PER_YEAR / interval)
    year = np.full(rows, np.nan)
    index = np.arange(first, last + 1)
    year[index % rows] = np.interp(index * interval, time_s, values)
    return year


def _read_built_in(path: Path) -> Weather:
    """Read a typical year of the package: comment lines ``# key: value``, then integers, a row per labelled hour."""
    lines = open_lines(path)
    site = dict(re.findall(r"^# ([a-z_]+): (.*)$", "\n".join(lines[:16]), flags=re.MULTILINE))
    rows = np.loadtxt([line for line in lines if line[0] in "-0123456789"], delimiter=",", dtype=np.float64)
    dry_bulb, pressure = rows[:, 0] / 10.0, 100.0 * rows[:, 2]
    return Weather(
        name=path.name.removesuffix(".csv.gz"),
        latitude=float(site["latitude"]),
        longitude=float(site["longitude"]),
        elevation=float(site["elevation"]),
        utc_offset=float(site["utc_offset"]),
        # Rows are labelled by the end of their hour; the shift is explained in `typical_year`.
        dry_bulb_temperature=np.roll(dry_bulb, 1),
        humidity_ratio=np.roll(moist_air.humidity_ratio(dry_bulb, 0.01 * rows[:, 1], pressure), 1),
        pressure=np.roll(pressure, 1),
        provenance=site["source"],
    )
