"""The keyword arguments of the environments, checked, and what they name, loaded."""

import functools
import inspect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dcsim.drivers import (
    GeneratedWorkload,
    Grid,
    RecordedWorkload,
    Weather,
    Workload,
    load_grid,
    load_weather,
    load_workload,
    parse_start,
)
from dcsim.drivers.calendar import SECONDS_PER_DAY
from dcsim.engines import ENGINES, Engine, make_engine
from dcsim.envs.actuators import ActuatorOptions
from dcsim.envs.failures import HOUR_S, FailureOptions
from dcsim.envs.randomization import DomainOptions
from dcsim.envs.rewards import checked_weights
from dcsim.envs.sensors import SensorOptions
from dcsim.envs.signals import action_signals, observed
from dcsim.envs.tasks import TASKS, Task, tasks_for
from dcsim.errors import InputError, shown
from dcsim.plant.description import HallDescription, load_hall, nearest
from dcsim.plant.factors import Factors
from dcsim.plant.hall import Hall, build_hall
from dcsim.plant.run import hall_model

SUBSTEP_S, SUBSTEP_MAX_S, SUBSTEPS = 30.0, 60.0, 10
"""Sub-steps of 30 s; of up to 60 s where a long control interval takes more than ten: transients are over by then."""
PLATE_SUBSTEP_S = 10.0
"""Of halls with cold plates, which follow the load within seconds."""
OBSERVATION_OPTIONS = {"forecast"}
FORECASTS = ("persistence", "truth")
DTYPES = ("float64", "float32")
CONTROL_INTERVALS_S = (1.0, 3600.0)  # shortest and longest; each divides a day evenly
EPISODE_DAYS_MAX = 365.0


@dataclass(frozen=True)
class EnvConfig:
    """A checked configuration with everything loaded.

    Attributes
    ----------
    hall : Hall
        With an input for each parameter that is drawn.
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
    sensors : SensorOptions
    actuators : ActuatorOptions
    failures : FailureOptions
    domain : DomainOptions
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
    sensors: SensorOptions
    actuators: ActuatorOptions
    failures: FailureOptions
    domain: DomainOptions

    @property
    def with_forecast(self) -> bool:
        """Whether observations carry forecasts of weather, load and price."""
        return bool(self.forecast)


def configure(
    *,
    hall: str | HallDescription = "enterprise-1mw",
    weather: str | Weather | Sequence[str] = "chicago",
    workload: str | Workload | None = None,
    grid: str | None = None,
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
    sensors: Mapping[str, Any] | None = None,
    actuators: Mapping[str, Any] | None = None,
    failures: Mapping[str, Any] | None = None,
    domain_randomization: Mapping[str, Any] | bool | None = None,
    **unknown: Any,
) -> EnvConfig:
    """Check the keyword arguments of an environment and load what they name.

    Parameters
    ----------
    hall : str or HallDescription
        A built-in hall or a YAML file.
    weather : str, Weather or sequence of str
        Built-in climate or file; of several, each episode draws one.
    workload : str or Workload, optional
        Built-in load profile or file; the hall's own by default.
    grid : str, optional
        Built-in grid profile or file; the task's own by default, ``us-average`` where there is none.
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
        Weights by term, in place of the task's own and of ``rewards.DEFAULT_WEIGHTS``.
    changes : mapping, optional
        Dotted fields of the hall with new values, as of ``HallDescription.replaced``.
    engine, dtype, threads : str, str, int
        As of ``engines.make_engine``. An environment steps NumPy arrays: with ``torch:cuda`` they go to the device and back at
        every step. Tensors stay there in ``torch_env.HallTorchEnv``.
    sensors : mapping, optional
        What is wrong with the sensors, see the examples; exact by default. All options are those of ``sensors.SensorOptions``.
    actuators : mapping, optional
        What is wrong with the actuators, as of ``actuators.ActuatorOptions``; by default each is at once where it is asked to be.
    failures : mapping, optional
        What equipment fails, as of ``failures.FailureOptions``; none by default. Outages of a task come on top.
    domain_randomization : mapping or bool, optional
        Parameters of the hall that are drawn anew for each episode, as of ``randomization.DomainOptions``; none by default.
    **unknown
        Refused.

    Raises
    ------
    InputError
        One line that names the argument and the nearest valid choice.

    Notes
    -----
    The generated load has the weekdays of the first weather, unless the episode hands it those of its own. A file of load or grid that is
    stamped in universal time is moved to the clock of the weather, so of several all must have one UTC offset.

    Controllers see what sensors show, and actuators stand between what they ask for and the plant. Plant, meters, rewards and ``info`` are
    true. What is random in faults and plants comes from the seed of the episode, drawn after its weather and load, which stay as they are
    without.

    Examples
    --------
    Each fault of sensors, by signal (``rack_inlet_max_1``), first words of several (``rack_inlet``), kind (``temperature``) or ``all``:

    >>> sensors = {
    ...     "noise": {"temperature": 0.1, "power": 0.005},  # standard deviation
    ...     "quantisation": {"temperature": 0.1},  # K
    ...     "bias": {"rack_inlet_max_1": -0.5, "temperature": {"deviation": 0.2}},  # K: given, or drawn for each episode
    ...     "drift": {"chilled_water_supply_temperature": 0.3},  # K a day
    ...     "delay_s": 300,
    ...     "dropout": {"all": {"rate_per_day": 2, "minutes": 30}},  # the last reading that arrived is shown
    ...     "stuck": {"rack_inlet_max_2": {"start_hours": 6, "minutes": 120}},
    ...     "age": True,  # adds to the observation how old each reading is that is delayed or may be lost
    ... }

    Each fault of actuators, by set-point, first words of several, kind or ``all``:

    >>> actuators = {
    ...     "stroke_time_s": {"all": 120},  # from one end of the range to the other
    ...     "rate_per_minute": {"temperature": 0.5},  # K
    ...     "deadband": {"fraction": 0.02},
    ...     "stuck": {"crah_fan_speed_1": {"start_hours": 6, "minutes": 180}},
    ... }

    Equipment that fails at random, and on schedule; which components a hall has, ``HallEnv.batch.config.hall.units`` tells:

    >>> failures = {
    ...     "random": {"chiller": {"mtbf_hours": 2000, "repair_hours": 8}},
    ...     "schedule": [{"component": "crah", "units": 2, "start_hour": 2.0, "hours": 3.0}],
    ... }

    Plants that differ from the description, each parameter by a factor between two bounds, or by a spread on both sides of 1; ``True`` draws
    all that a model may be off by. ``env.unwrapped.domain`` tells the factors of the episodes that run:

    >>> domain = {"coil_conductance_nominal": 0.15, "recirculation_min": [0.8, 1.25]}
    >>> config = configure(sensors=sensors, actuators=actuators, failures=failures, domain_randomization=domain)
    """
    for name in unknown:
        raise InputError(f"no keyword argument {name!r}{nearest(name, _keywords())}")
    chosen = _task(task)
    description = _of_task(chosen, _hall(hall))
    if changed := _mapping("changes", changes):
        description = description.replaced(changed)
    if description.is_driven_by_log:
        raise InputError(
            f"hall {description.name!r} takes its power, fan speeds or water from a log, which an environment does not have"
        )
    built = _built(description)
    domain = DomainOptions.parse(domain_randomization, built)
    if domain:
        built = built.with_factors(domain.inputs)
    interval = _control_interval(chosen.control_interval_s if control_interval_s is None else control_interval_s)
    days = _number("episode_days", chosen.episode_days if episode_days is None else episode_days)
    if not 0.0 < days <= EPISODE_DAYS_MAX:
        raise InputError(f"episode_days={days:g}: expected a number above 0, at most {EPISODE_DAYS_MAX:g}")
    steps = round(days * SECONDS_PER_DAY / interval)
    if steps < 1:
        raise InputError(f"episode_days={days:g} is shorter than one control interval of {interval:g} s")
    if isinstance(weather, Weather):
        weathers: tuple[Weather, ...] = (weather,)
    else:
        weathers = tuple(load_weather(name) for name in _names("weather", weather, "a climate or file"))
    of_load: Any = chosen.workload or description.workload if workload is None else workload
    if not hasattr(of_load, "generate"):
        of_load = load_workload(_name("workload", of_load), weathers[0].utc_offset)
    load, tariff = _on_site(of_load, chosen.grid if grid is None else _name("grid", grid), weathers)
    known, hours = _forecast(observation), steps * interval / HOUR_S
    seen = [signal for block in observed(built, interval, known) for signal in block.signals] if sensors else None
    return EnvConfig(
        hall=built,
        engine=checked_engine(built, engine, dtype, threads),
        weathers=weathers,
        workload=load,
        grid=tariff,
        task=chosen,
        start_s=() if start is None else tuple(parse_start(date) for date in _names("start", start, "an ISO date")),
        episode_steps=steps,
        control_interval_s=interval,
        substeps=_substeps(built, interval),
        forecast=known,
        weights=_weights(reward, chosen),
        sensors=SensorOptions.parse(sensors, seen, hours),
        actuators=ActuatorOptions.parse(actuators, action_signals(built) if actuators else None, hours),
        failures=FailureOptions.parse(failures, built.units, hours),
        domain=domain,
    )


def _substeps(hall: Hall, interval: float) -> int:
    length = PLATE_SUBSTEP_S if "liquid" in hall else min(max(interval / SUBSTEPS, SUBSTEP_S), SUBSTEP_MAX_S)
    return max(2, round(interval / length))


def _keywords() -> list[str]:
    """Names of all keyword arguments of an environment."""
    return [*(name for name in inspect.signature(configure).parameters if name != "unknown"), "render_mode"]


def _hall(hall: Any) -> HallDescription:
    if isinstance(hall, HallDescription):
        return hall
    return load_hall(_name("hall", hall))


def _on_site(load: Workload, grid_name: str, weathers: Sequence[Weather]) -> tuple[Workload, Grid]:
    """Load and grid on the clock of the weathers."""
    first = weathers[0]
    grid = load_grid(grid_name, first.utc_offset)
    if isinstance(load, GeneratedWorkload):
        load = replace(load, first_weekday=first.first_weekday)
    offsets = sorted({weather.utc_offset for weather in weathers})
    for kind, name, is_universal in (
        ("workload", load.name, isinstance(load, RecordedWorkload) and load.is_universal),
        ("grid", grid_name, grid.is_universal),
    ):
        if is_universal and len(offsets) > 1:
            hours = ", ".join(f"{offset:+g}" for offset in offsets)
            raise InputError(
                f"{kind} file {name!r} is stamped in universal time and the weathers have UTC offsets of {hours} h; "
                "stamp it in local standard time or take weathers of one offset"
            )
    return load, grid


def _forecast(observation: Any) -> str:
    options = _mapping("observation", observation)
    for key in options:
        if key not in OBSERVATION_OPTIONS:
            raise InputError(f"observation: no option {shown(key)}{nearest(str(key), OBSERVATION_OPTIONS)}")
    wanted = options.get("forecast")
    if wanted is None or isinstance(wanted, bool):
        return FORECASTS[0] if wanted else ""
    if wanted not in FORECASTS:
        raise InputError(
            f"observation: forecast={shown(wanted)}: expected True, False, 'persistence' or 'truth'"
            f"{_near(wanted, FORECASTS)}"
        )
    return str(wanted)


def _of_task(task: Task, description: HallDescription) -> HallDescription:
    """The hall as a task has it."""
    hall = _built(description)
    if lacking := task.lacking(hall):
        raise InputError(
            f"task {task.name!r} is about {lacking[0].replace('_', ' ')}, which hall {description.name!r} lacks; "
            f"tasks for it: {', '.join(tasks_for(hall))}"
        )
    return description if task.changes is None else description.replaced(dict(task.changes(description)))


def _weights(reward: Any, task: Task) -> dict[str, float]:
    given = _mapping("reward", reward)
    for name, weight in given.items():
        if not isinstance(name, str) or isinstance(weight, bool):
            raise InputError(f"reward: {shown(name)}: {shown(weight)}: expected names of terms with numbers")
    weights = checked_weights({**task.weights, **given})
    if not any(weights.values()):
        raise InputError("reward: every weight is 0, so nothing would be rewarded; give one above 0")
    return weights


def _mapping(name: str, value: Any) -> dict[Any, Any]:
    """Return a mapping as a dict, empty for None."""
    if value is not None and not isinstance(value, Mapping):
        raise InputError(f"{name}={shown(value)}: expected a mapping")
    return dict(value or {})


def _name(argument: str, value: Any) -> str:
    if not isinstance(value, str | Path):
        raise InputError(f"{argument}={shown(value)}: expected a name or file")
    return str(value)


def _names(argument: str, value: Any, what: str) -> list[str]:
    """Return one or several names as a list."""
    names = [value] if isinstance(value, str | Path) else value
    if not isinstance(names, Sequence) or not names or not all(isinstance(name, str | Path) for name in names):
        raise InputError(f"{argument}={shown(value)}: expected {what}, or several")
    return [str(name) for name in names]


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > 1e300:
        raise InputError(f"{name}={shown(value)}: expected a number")
    return float(value)


def _control_interval(value: Any) -> float:
    interval = _number("control_interval_s", value)
    low, high = CONTROL_INTERVALS_S
    if not low <= interval <= high or SECONDS_PER_DAY % interval:
        nearby = SECONDS_PER_DAY / round(SECONDS_PER_DAY / min(max(interval, low), high)) if interval > 0.0 else 300.0
        raise InputError(
            f"control_interval_s={interval:g}: expected {low:g} to {high:g} s that divide a day evenly; "
            f"nearest is {nearby:g}"
        )
    return interval


def _choice(argument: str, value: Any, choices: Iterable[str]) -> str:
    choices = tuple(choices)
    if not isinstance(value, str) or value not in choices:
        raise InputError(f"{argument}={shown(value)}: known: {', '.join(choices)}{_near(value, choices)}")
    return value


def _near(value: Any, choices: Iterable[str]) -> str:
    return nearest(value, choices) if isinstance(value, str) else ""


def _task(name: Any) -> Task:
    if name is None:
        return Task()
    if not isinstance(name, str) or name not in TASKS:
        raise InputError(f"no task {shown(name)}{nearest(str(name), TASKS)}")
    return TASKS[name]


@functools.lru_cache(maxsize=16)
def _built(description: HallDescription) -> Hall:
    return build_hall(description)


def checked_engine(hall: Hall, engine: Any, dtype: Any, threads: Any) -> Engine:
    """Return an engine of a hall, as of ``engines.make_engine``; ``InputError`` if there is none of that kind."""
    if isinstance(threads, bool) or not isinstance(threads, int) or threads < 1:
        raise InputError(f"threads={shown(threads)}: expected a whole number of at least 1")
    precision = _choice("dtype", dtype, DTYPES)
    is_device = isinstance(engine, str) and engine.startswith("torch:")
    name = engine if is_device else _choice("engine", engine, (*ENGINES, "torch:cuda"))
    try:
        return _engine(hall.description, hall.types.factors, name, precision, threads).with_params(hall.params)
    except ValueError as refusal:
        if not is_device:
            raise
        raise InputError(f"engine={shown(engine)}: {refusal}") from refusal


@functools.lru_cache(maxsize=16)
def _engine(description: HallDescription, factors: Factors, name: str, dtype: str, threads: int) -> Engine:
    """Return the engine of which every environment of a hall has a copy: they share its compiled kernels."""
    hall = _built(description).with_factors(factors)
    return make_engine(name, hall_model(hall), hall.params, dtype=dtype, threads=threads)
