"""The keyword arguments of the environments, checked, and what they name, loaded."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dcsim.drivers import Grid, Weather, Workload, load_grid, load_weather, load_workload, parse_start
from dcsim.engines import make_engine
from dcsim.envs.rewards import checked_weights
from dcsim.envs.tasks import TASKS, Task
from dcsim.errors import InputError
from dcsim.plant.description import HallDescription, load_hall, nearest
from dcsim.plant.hall import Hall, build_hall
from dcsim.plant.run import hall_model

SUBSTEP_S = 30.0
OBSERVATION_OPTIONS = {"forecast"}
FORECASTS = ("persistence", "truth")


@dataclass(frozen=True)
class EnvConfig:
    """A checked configuration with everything loaded.

    Attributes
    ----------
    hall : Hall
    engine : Any
        Runs control steps of the hall.
    weathers : tuple of Weather
        One of them is drawn for each episode.
    workload : Workload
    grid : Grid
    task : Task
    start_s : tuple of float
        Starts [s of the year, local standard time] of which each episode draws one; with none, a day of the year is drawn.
    episode_steps : int
        Control steps in an episode.
    control_interval_s : float
    substeps : int
        Extrapolated sub-steps in a control step.
    forecast : str
        Of wet bulb and load in the observations: one of ``FORECASTS``, or empty for none.
    weights : dict
        Reward weights by term.
    """

    hall: Hall
    engine: Any
    weathers: tuple[Weather, ...]
    workload: Workload
    grid: Grid
    task: Task
    start_s: tuple[float, ...]
    episode_steps: int
    control_interval_s: float
    substeps: int
    forecast: str
    weights: Mapping[str, float]

    @property
    def with_forecast(self) -> bool:
        """Whether observations carry forecasts of weather, load and price."""
        return bool(self.forecast)


def configure(
    *,
    hall: str | HallDescription = "enterprise-1mw",
    weather: str | Sequence[str] = "chicago",
    workload: str | None = None,
    grid: str = "us-average",
    task: str | None = None,
    start: str | Sequence[str] | None = None,
    episode_days: float | None = None,
    control_interval_s: float | None = None,
    observation: Mapping[str, Any] | None = None,
    reward: Mapping[str, float] | None = None,
    changes: Mapping[str, Any] | None = None,
    engine: str = "fused",
    dtype: str = "float64",
    threads: int = 1,
) -> EnvConfig:
    """Check the keyword arguments of an environment and load what they name.

    Parameters
    ----------
    hall : str or HallDescription
        A built-in hall or a YAML file.
    weather : str or sequence of str
        Built-in climate or file; of several, each episode draws one.
    workload : str, optional
        Built-in load profile or file; the hall's own by default.
    grid : str
        Built-in grid profile or file.
    task : str, optional
        A named stress task.
    start : str or sequence of str, optional
        ISO date at which every episode starts; of several, each episode draws one. By default the task says or a day
        of the year is drawn.
    episode_days, control_interval_s : float, optional
        The task says by default: one day and 300 s where there is none.
    observation : mapping, optional
        ``{"forecast": True}``, or ``"persistence"``, adds forecasts of wet bulb and load, as of ``drivers.forecasts``, and
        the price, which is published a day ahead; ``{"forecast": "truth"}`` adds what will be.
    reward : mapping, optional
        Weights by term, see ``rewards.DEFAULT_WEIGHTS``.
    changes : mapping, optional
        Dotted fields of the hall with new values, as of ``HallDescription.replaced``.
    engine, dtype, threads : str, str, int
        As of ``engines.make_engine``.

    Raises
    ------
    InputError
        One line that names the argument and the nearest valid choice.
    """
    chosen = _task(task)
    description = load_hall(hall) if isinstance(hall, str) else hall
    if changes:
        description = description.replaced(dict(changes))
    built = _built(description)
    interval = _positive(
        "control_interval_s", chosen.control_interval_s if control_interval_s is None else control_interval_s
    )
    days = _positive("episode_days", chosen.episode_days if episode_days is None else episode_days)
    steps = round(days * 86400.0 / interval)
    if steps < 1:
        raise InputError(f"episode_days={days:g} is shorter than one control interval of {interval:g} s")
    names = [weather] if isinstance(weather, str) else list(weather)
    if not names:
        raise InputError("weather: expected at least one climate or file")
    weathers = tuple(load_weather(name) for name in names)
    dates = [] if start is None else [start] if isinstance(start, str) else list(start)
    return EnvConfig(
        hall=built,
        engine=_engine(built, engine, dtype, threads),
        weathers=weathers,
        workload=load_workload(workload or chosen.workload or description.workload),
        grid=load_grid(grid, weathers[0].utc_offset),
        task=chosen,
        start_s=tuple(parse_start(date) for date in dates),
        episode_steps=steps,
        control_interval_s=interval,
        substeps=max(2, round(interval / SUBSTEP_S)),
        forecast=_forecast(observation),
        weights=checked_weights(reward),
    )


def _forecast(observation: Any) -> str:
    for key in _mapping("observation", observation):
        if key not in OBSERVATION_OPTIONS:
            raise InputError(f"observation: no option {key!r}{nearest(str(key), OBSERVATION_OPTIONS)}")
    wanted = (observation or {}).get("forecast")
    if wanted is None or isinstance(wanted, bool):
        return FORECASTS[0] if wanted else ""
    if wanted not in FORECASTS:
        near = nearest(wanted, FORECASTS) if isinstance(wanted, str) else ""
        raise InputError(f"observation: forecast={wanted!r}: expected True, False, 'persistence' or 'truth'{near}")
    return str(wanted)


def _mapping(name: str, value: Any) -> dict[Any, Any]:
    """Return a mapping as a dict, empty for None."""
    if value is not None and not isinstance(value, Mapping):
        raise InputError(f"{name}={value!r}: expected a mapping")
    return dict(value or {})


def _positive(name: str, value: Any) -> float:
    if not isinstance(value, int | float) or not 0.0 < value < float("inf"):
        raise InputError(f"{name}={value!r}: expected a number above 0")
    return float(value)


def _task(name: str | None) -> Task:
    if name is None:
        return Task()
    if name not in TASKS:
        raise InputError(f"no task {name!r}{nearest(name, TASKS)}")
    return TASKS[name]


@functools.lru_cache(maxsize=16)
def _built(description: HallDescription) -> Hall:
    return build_hall(description)


def _engine(hall: Hall, engine: str, dtype: str, threads: int) -> Any:
    return make_engine(engine, hall_model(hall), hall.params, dtype=dtype, threads=threads)
