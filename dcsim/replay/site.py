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
from dcsim.replay.load import USUAL_INLET, load_of_power, unmetered

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


def self_driven(description: HallDescription) -> HallDescription:
    """Return the hall with laws of its own for what it takes from a log, where it has them: power of racks and dampers."""
    if description.given_dampers is not None:
        description = description.replaced({"outdoor_air.dampers": "control"})
    return unmetered(description)


def site(
    log: Log,
    mapping: LogMapping,
    description: HallDescription,
    weather: str | None = None,
    origin: str = "mapping",
    start: int | None = None,
    end: int | None = None,
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
    start, end : int, optional
        First and last time [ns] instead of the log's.

    Raises
    ------
    InputError
        As `boundaries`, and where less than an hour and two steps are left.
    """
    taken = boundaries(log, mapping, description, FINEST_GRID, weather, origin, start, end, actions=False)
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
    """Load at which the hall's own law draws what the log has, where that is power."""
    if description.given_fans is not None:
        raise InputError(
            f"hall {description.name}: takes the speed of server fans from a log; an environment needs a hall with a law for it"
        )
    if "server_power" not in taken.hall.input_rows:
        return np.clip(taken.rows("utilization"), 0.0, 1.0)
    return load_of_power(description, taken.rows("server_power"), _inlet(taken), taken.rows("outdoor_pressure"))


def _inlet(taken: Boundaries) -> Array:
    """Measured inlet of each rack group [degC], shape (R, T), or a usual one where none is known."""
    inlet = np.full((taken.hall.racks, len(taken.time)), USUAL_INLET)
    for each in sorted(taken.measured, key=lambda each: each.number):  # its own above one for all
        if each.signal == "rack_inlet_temperature":
            rows = slice(each.number - 1, each.number) if each.number else slice(None)
            inlet[rows] = np.where(np.isfinite(each.values), each.values - each.offset, inlet[rows])
    return inlet


def _year(taken: Boundaries, name: str, slots: Array, segment: slice) -> Array:
    """Instants of a driver over the year, shape (S,): weather is a value at a time, the log's a mean from there on."""
    year = np.full(ROWS, np.nan)
    values = taken.rows(name)[0, segment]
    hold = np.arange(1, round(HOLD_S / FINEST_GRID) + 1)
    year[(slots[0] - hold) % ROWS] = values[0]
    year[(slots[-1] + hold) % ROWS] = values[-1]
    year[slots] = values
    return year
