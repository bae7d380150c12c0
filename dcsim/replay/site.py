"""Outdoor air and load of a log as an environment takes them, for another controller to act on."""

from typing import NamedTuple

import numpy as np

from dcsim.drivers import RecordedWorkload, Weather
from dcsim.drivers.calendar import SECONDS_PER_YEAR
from dcsim.drivers.workload_profiles import PROFILES
from dcsim.drivers.yearly import FINEST_GRID, YearOfSteps
from dcsim.errors import InputError
from dcsim.logs import Log
from dcsim.logs import Mapping as LogMapping
from dcsim.plant.description import HallDescription
from dcsim.replay.boundaries import Boundaries, boundaries, seconds_of_year

Array = np.ndarray

HOLD_S = 7200.0  # that the first and last values hold on: an episode also asks for the hour before it
ROWS = round(SECONDS_PER_YEAR / FINEST_GRID)


class Site(NamedTuple):
    """What a log says of the world around the cooling plant.

    Attributes
    ----------
    weather : Weather
        On universal time.
    workload : RecordedWorkload
        Utilization of the rack groups.
    start : str
        First time from which an hour has passed, ISO.
    length_s : float
        From there to the end of the log.
    """

    weather: Weather
    workload: RecordedWorkload
    start: str
    length_s: float


def site(
    log: Log, mapping: LogMapping, description: HallDescription, weather: str | None = None, origin: str = "mapping"
) -> Site:
    """Take the longest stretch of a log without a long hole, its last year if it is longer.

    Parameters
    ----------
    log : Log
    mapping : Mapping
    description : HallDescription
        Its law of power says what load the logged power is, where power is logged.
    weather : str, optional
        Climate or weather file for what the log lacks of outdoor air.
    origin : str
        Name of the mapping, for messages.

    Raises
    ------
    InputError
        As `boundaries`, and where less than an hour and two steps are left.
    """
    taken = boundaries(log, mapping, description, FINEST_GRID, weather, origin, actions=False)
    segment = max(taken.segments, key=lambda part: part.stop - part.start)
    segment = slice(max(segment.start, segment.stop - ROWS + 1), segment.stop)
    before = round(3600.0 / FINEST_GRID)
    count = segment.stop - segment.start
    if count < before + 2:
        raise InputError(
            f"{log.name}: the longest stretch in which all is known that drives the hall lasts {count * FINEST_GRID / 3600.0:.1f} h; "
            "an environment needs an hour before its first step"
        )
    time = taken.time[segment]
    slots = (seconds_of_year(time, 0.0) // FINEST_GRID).astype(np.int64) % ROWS
    first = float(slots[0]) * FINEST_GRID
    load = np.full((ROWS, taken.hall.racks), np.nan)
    load[slots] = _utilization(taken, description)[:, segment].T
    covered = (first, first + count * FINEST_GRID)
    begin = time[before].astype("datetime64[ns]").astype("datetime64[s]")
    january = time[0].astype("datetime64[ns]").astype("datetime64[Y]").astype("datetime64[D]")
    weekday = int((january.astype(int) + 3) % 7)  # 1 January 1970 was a Thursday
    return Site(
        Weather(
            name=log.name,
            latitude=np.nan,
            longitude=np.nan,
            elevation=np.nan,
            utc_offset=0.0,
            interval=FINEST_GRID,
            first_weekday=weekday,
            provenance=f"log {log.name}",
            **{
                field: _year(taken, name, slots, segment)
                for field, name in (
                    ("dry_bulb_temperature", "dry_bulb_temperature"),
                    ("humidity_ratio", "outdoor_humidity_ratio"),
                    ("pressure", "outdoor_pressure"),
                )
            },
        ),
        RecordedWorkload(log.name, YearOfSteps(log.name, load, FINEST_GRID, covered), weekday, PROFILES["flat"]),
        str(begin),
        (count - before) * FINEST_GRID,
    )


def _utilization(taken: Boundaries, description: HallDescription) -> Array:
    values = taken.rows("utilization")
    if description.metered_power and not np.any(values):
        raise InputError(
            f"hall {description.name}: takes power and fan speeds from a log; an environment needs a hall with laws for both"
        )
    return np.clip(values, 0.0, 1.0)


def _year(taken: Boundaries, name: str, slots: Array, segment: slice) -> Array:
    """Instants of a driver over the year, shape (S,): weather is a value at a time, the log's a mean from there on."""
    year = np.full(ROWS, np.nan)
    values = taken.rows(name)[0, segment]
    hold = np.arange(1, round(HOLD_S / FINEST_GRID) + 1)
    year[(slots[0] - hold) % ROWS] = values[0]
    year[(slots[-1] + hold) % ROWS] = values[-1]
    year[slots] = values
    return year
