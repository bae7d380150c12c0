"""``dcsim/Replay-v0``: a hall under the weather and load of a sensor log, for another controller to act on."""

import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from dcsim.drivers.calendar import SECONDS_PER_YEAR
from dcsim.envs.env import HallEnv
from dcsim.envs.vector_env import HallVectorEnv
from dcsim.errors import InputError, shown
from dcsim.plant.description import HallDescription, load_hall

HALL = "enterprise-1mw"
SECOND = 1_000_000_000  # ns
HOUR, DAY, YEAR = 3600 * SECOND, 86_400 * SECOND, SECONDS_PER_YEAR * SECOND


class ReplayEnv(HallEnv):
    """A hall on the boundary conditions of a log; the log's own actions are not taken.

    The clock is universal time. An episode starts at a midnight of the log from which a whole one is covered, or, where there is none, an
    hour after the log's first value. Of a longer log an environment holds a year: the one that begins at the first of the dates in ``start``,
    else the last, and warns that it does.

    Parameters
    ----------
    log : str, Path or Log
        A log, as of ``dcsim.logs.read_log``, or one that was read.
    mapping : str, Path or Mapping
        What its channels are.
    hall : str or HallDescription
        A built-in hall, or the file of one calibrated to the log. Power of racks from a meter becomes the load at which the hall's own law
        draws it, and dampers are the hall's own, so that what a controller does tells on both.
    weather : str, optional
        For what the log lacks of outdoor air.
    render_mode : {None, "rgb_array"}
    **options
        As of ``dcsim.envs.config.configure``; by default an episode lasts a day, or as long as the log does.

    Raises
    ------
    InputError
        In one line.
    """

    def __init__(self, log: Any = None, mapping: Any = None, render_mode: str | None = None, **options: Any) -> None:
        super().__init__(render_mode, **_options(log, mapping, options))


class ReplayVectorEnv(HallVectorEnv):
    """Many of them, see `ReplayEnv`."""

    def __init__(self, num_envs: int = 1, log: Any = None, mapping: Any = None, **options: Any) -> None:
        super().__init__(num_envs, **_options(log, mapping, options))


def _options(log: Any, mapping: Any, options: dict[str, Any]) -> dict[str, Any]:
    """Options of an environment whose weather and load are those of a log."""
    from dcsim.logs import Log, Mapping, load_mapping, read_log
    from dcsim.replay import self_driven, site

    for name, value, kind in (("log", log, Log), ("mapping", mapping, Mapping)):
        if not isinstance(value, str | Path | kind):
            raise InputError(f"dcsim/Replay-v0: {name}= is missing; give the path of a log and of its mapping")
    if "workload" in options:
        raise InputError("dcsim/Replay-v0: the load is the log's; leave workload= out")
    hall = options.pop("hall", HALL)
    description = self_driven(hall if isinstance(hall, HallDescription) else load_hall(hall))
    known = mapping if isinstance(mapping, Mapping) else load_mapping(mapping)
    read = log if isinstance(log, Log) else read_log(log, known)
    origin = "mapping" if isinstance(mapping, Mapping) else str(mapping)
    found = site(read, known, description, options.pop("weather", None), origin, *_year_of(read, options.get("start")))
    days = found.length_s / 86_400.0
    options = {"episode_days": min(1.0, days), **options}
    if days < 2.0 and options.get("start") is None:  # it may hold no midnight with a whole episode behind it
        options["start"] = found.start
    return {"hall": description, "weather": found.weather, "workload": found.workload, **options}


def _year_of(log: Any, start: Any) -> tuple[int | None, int | None]:
    """First and last time [ns] of the year that an environment takes of a longer log: that from the hour before the first date on.

    Raises
    ------
    InputError
        If a date with a year is not in the log, or not in that year.
    """
    texts = [start] if isinstance(start, str) else list(start or ())
    dates = sorted(moment for text in texts if (moment := _moment(text)) is not None)
    if not log.clock.has_date or log.end - log.start <= YEAR:
        return None, None
    first, last = (str(np.datetime64(time, "ns"))[:10] for time in (log.start, log.end))
    if not dates:
        warnings.warn(
            f"dcsim/Replay-v0: {log.name} runs from {first} to {last}; an environment takes a year of it, here the last: "
            "give start= with a date and its year for another",
            stacklevel=4,
        )
        return None, None
    if not log.start <= dates[0] <= dates[-1] <= log.end:
        raise InputError(f"dcsim/Replay-v0: start {shown(str(start))} is not in {log.name}, {first} to {last}")
    if dates[-1] - dates[0] > YEAR:
        raise InputError(
            f"dcsim/Replay-v0: dates of start lie {(dates[-1] - dates[0]) / DAY:.0f} days apart; an environment takes one year of a log"
        )
    begin = dates[0] - HOUR
    return begin, min(begin + YEAR - HOUR, log.end + 1)


def _moment(text: Any) -> int | None:
    """Time [ns] of a date that says its year, None of others."""
    try:
        return int(np.datetime64(text, "ns").astype(np.int64)) if re.match(r"\d{4}-", text) else None
    except (ValueError, TypeError):
        return None  # which the environment refuses
