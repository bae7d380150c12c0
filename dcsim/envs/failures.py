"""Equipment that fails, at random from a seed or on schedule, and the clockwork that faults of sensors and actuators share.

What is left out: failures that depend on load or temperature, ageing, and failures that one event causes in several components; a
schedule can say the last. Everything is off unless asked for, and then costs nothing and draws nothing.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dcsim.drivers import RandomNumbers
from dcsim.errors import InputError, shown
from dcsim.plant.description import nearest

HOUR_S, DAY_S = 3600.0, 86400.0
NUMBER_MAX = 1e9
FOREVER = np.iinfo(np.int64).max // 2  # steps

COMPONENTS: Mapping[str, str] = {
    "crah": "CRAH groups: fans and coils of a group stop",
    "chiller": "chillers",
    "chilled_water_pump": "pumps of the chilled-water loop",
    "condenser_water_pump": "pumps of the condenser-water loop",
    "tower_fan": "fans of the cooling tower; water still falls through a cell without fan",
    "cdu_pump": "pumps of the coolant distribution units of liquid-cooled racks",
    "dry_cooler_fan": "fans of the dry coolers",
    "dx_unit": "direct-expansion units",
}
"""Names of what may fail; a hall offers those that it has, each with how many units there are."""


# --- options ----------------------------------------------------------------------------------------------------------


def number(place: str, value: Any, least: float = 0.0, most: float = NUMBER_MAX) -> float:
    """Return ``value`` as a float within bounds; one line that names ``place`` otherwise."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not least <= value <= most:
        raise InputError(f"{place}={shown(value)}: expected a number of {least:g} to {most:g}")
    return float(value)


def mapping(place: str, value: Any, fields: Iterable[str] | None = None) -> dict[str, Any]:
    """Return a mapping with names as keys, empty for None; with ``fields`` no other key is taken."""
    if value is not None and not isinstance(value, Mapping):
        raise InputError(f"{place}={shown(value)}: expected a mapping{_of(fields)}")
    given = dict(value or {})
    for key in given:
        if not isinstance(key, str) or (fields is not None and key not in fields):
            raise InputError(f"{place}: no option {shown(key)}{nearest(str(key), fields or ())}")
    return given


def _of(fields: Iterable[str] | None) -> str:
    return f" of {', '.join(fields)}" if fields else ""


@dataclass(frozen=True)
class Spans:
    """Spans of an episode in which something is wrong, at given times or at random.

    Attributes
    ----------
    rate_per_day : float
        Mean number of onsets in a day of being in order, at random.
    start_hours : tuple of float
        Onsets on schedule, hours after the start of the episode.
    minutes : float, optional
        How long a span lasts, rounded to whole control steps of which it takes at least one; to the end of the episode where
        None.
    value : float, optional
        What is shown, or gone to, during a span; the last value is held where None.

    Examples
    --------
    >>> Spans.parse("sensors: dropout", {"rate_per_day": 2, "minutes": 30})
    Spans(rate_per_day=2.0, start_hours=(), minutes=30.0, value=None)
    """

    rate_per_day: float = 0.0
    start_hours: tuple[float, ...] = ()
    minutes: float | None = None
    value: float | None = None

    FIELDS = ("rate_per_day", "start_hours", "minutes")

    def __bool__(self) -> bool:
        return self.rate_per_day > 0.0 or bool(self.start_hours)

    @classmethod
    def parse(cls, place: str, value: Any, has_value: bool = False) -> "Spans":
        """Check a mapping of the attributes, or 0 for never; ``start_hours`` may be one number, ``value`` needs ``has_value``."""
        if not isinstance(value, Mapping):
            if isinstance(value, int | float) and not isinstance(value, bool) and value == 0:
                return cls()
            raise InputError(f"{place}={shown(value)}: expected a mapping such as {{'rate_per_day': 1, 'minutes': 30}}")
        given = mapping(place, value, (*cls.FIELDS, "value") if has_value else cls.FIELDS)
        starts = given.get("start_hours", ())
        if not isinstance(starts, Sequence) or isinstance(starts, str):
            starts = (starts,)
        spans = cls(
            number(f"{place}: rate_per_day", given.get("rate_per_day", 0.0)),
            tuple(number(f"{place}: start_hours", start) for start in starts),
            None if given.get("minutes") is None else number(f"{place}: minutes", given["minutes"]),
            None if given.get("value") is None else number(f"{place}: value", given["value"], -NUMBER_MAX),
        )
        if not spans and "rate_per_day" not in given:
            raise InputError(f"{place}: never happens; say how often by rate_per_day, or when by start_hours")
        return spans

    def check_within(self, place: str, episode_hours: float) -> None:
        """Refuse a start after the end of the episode."""
        for start in self.start_hours:
            check_start(f"{place}: start_hours", start, episode_hours)


def check_start(place: str, start: float, episode_hours: float) -> None:
    """Refuse hours that lie beyond the episode."""
    if start >= episode_hours:
        raise InputError(f"{place}={start:g}: the episode ends after {episode_hours:g} hours")


# --- random numbers ---------------------------------------------------------------------------------------------------


class StepNumbers:
    """Normal and uniform numbers for every control step of every environment.

    They can be made again in any order from an episode's streams, so a snapshot needs the keys alone.

    Parameters
    ----------
    normals, uniforms : int
        How many of each a step needs.
    num_envs : int
    """

    BLOCK = 32  # steps made at once

    def __init__(self, normals: int, uniforms: int, num_envs: int) -> None:
        self._keys = np.zeros(num_envs, np.uint64)
        self._normals = np.zeros((num_envs, self.BLOCK, normals))
        self._uniforms = np.zeros((num_envs, self.BLOCK, uniforms))
        self._made = np.full(num_envs, -1, np.int64)
        self._is_needed = normals + uniforms > 0

    def start(self, index: np.ndarray, random: RandomNumbers) -> None:
        """Take over the streams of new episodes."""
        self._keys[index] = random.keys
        self._made[index] = -1

    def at(self, elapsed: np.ndarray, envs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Numbers of the steps ``elapsed``, shape (n,), of the environments ``envs``, shapes (normals, n) and (uniforms, n)."""
        block, within = np.divmod(elapsed, self.BLOCK)
        if self._is_needed:
            is_new = self._made[envs] != block
            if is_new.any():
                new, number = envs[is_new], block[is_new]
                random = RandomNumbers(self._keys[new]).of("steps", number)
                self._normals[new] = random.normal(*self._normals.shape[1:])
                self._uniforms[new] = random.uniform(*self._uniforms.shape[1:])
                self._made[new] = number
        return self._normals[envs, within].T, self._uniforms[envs, within].T

    def kept(self) -> dict[str, np.ndarray]:
        """What a snapshot needs."""
        return {"keys": self._keys.copy()}

    def restore(self, kept: Mapping[str, np.ndarray]) -> None:
        """Go back to a snapshot."""
        self._keys[:] = kept["keys"]
        self._made[:] = -1


class SpanClock:
    """Tells step by step which of several things are in a span.

    Parameters
    ----------
    spans : sequence of Spans
        One for each of S things.
    num_envs : int
    control_interval_s : float

    Attributes
    ----------
    uniforms : int
        Numbers that a step needs: S, or 0 where nothing happens at random.

    Notes
    -----
    At random, a thing in order goes wrong in a step with the probability 1 - exp(-rate interval), so the time in order is
    geometric, and n-step spans fill the share n p / (n p + 1 - p) of the steps.
    """

    def __init__(self, spans: Sequence[Spans], num_envs: int, control_interval_s: float) -> None:
        steps = [FOREVER if s.minutes is None else max(1, round(s.minutes * 60.0 / control_interval_s)) for s in spans]
        self._steps = np.array(steps, np.int64).reshape(-1, 1)
        rates = [s.rate_per_day for s in spans]
        self._chance = np.array([-math.expm1(-rate * control_interval_s / DAY_S) for rate in rates]).reshape(-1, 1)
        self.uniforms = len(spans) if any(rates) else 0
        self._starts = [
            (row, round(start * HOUR_S / control_interval_s)) for row, s in enumerate(spans) for start in s.start_hours
        ]
        self._until = np.zeros((len(spans), num_envs), np.int64)

    def start(self, index: np.ndarray) -> None:
        """Begin new episodes in the environments ``index``."""
        self._until[:, index] = 0

    def active(self, elapsed: np.ndarray, envs: np.ndarray, uniforms: np.ndarray) -> np.ndarray:
        """Which things are in a span, shape (S, n), at the steps ``elapsed``, shape (n,), of the environments ``envs``."""
        until = self._until[:, envs]
        if self.uniforms:
            begins = (uniforms < self._chance) & (elapsed >= until)
            until = np.where(begins, elapsed + self._steps, until)
        for row, first in self._starts:
            until[row] = np.where(elapsed == first, first + self._steps[row, 0], until[row])
        self._until[:, envs] = until
        active: np.ndarray = elapsed < until
        return active

    def kept(self) -> np.ndarray:
        """What a snapshot needs."""
        return self._until.copy()

    def restore(self, kept: np.ndarray) -> None:
        """Go back to a snapshot."""
        self._until[:] = kept


# --- failures of equipment --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class RandomFailures:
    """Failures of the units of a component at random, each unit by itself.

    Attributes
    ----------
    component : str
    mtbf_hours : float
        Mean operating time between failures, exponentially distributed; at least 1.
    repair_hours : float
        Mean time to repair, exponentially distributed.
    remaining : float
        Share of the unit that still runs meanwhile, 0 to 1.
    """

    component: str
    mtbf_hours: float
    repair_hours: float
    remaining: float = 0.0

    FIELDS = ("mtbf_hours", "repair_hours", "remaining")


@dataclass(frozen=True)
class ScheduledFailure:
    """A failure of given units at a given time.

    Attributes
    ----------
    component : str
    units : tuple of int
        Counted from 1, as signals are; all where empty.
    start_hour : float
        Hours after the start of the episode.
    hours : float, optional
        How long it lasts; to the end of the episode where None.
    remaining : float
        Share of the unit that still runs meanwhile, 0 to 1.
    """

    component: str
    units: tuple[int, ...]
    start_hour: float
    hours: float | None = None
    remaining: float = 0.0

    FIELDS = ("component", "units", "start_hour", "hours", "remaining")


@dataclass(frozen=True)
class FailureOptions:
    """Failures of equipment, the ``failures`` keyword of an environment; none by default.

    Attributes
    ----------
    random : tuple of RandomFailures
        Option ``random``: by component, with ``mtbf_hours``, ``repair_hours`` and, if not 0, ``remaining``.
    schedule : tuple of ScheduledFailure
        Option ``schedule``: a list of mappings with ``component``, ``units`` (a number counted from 1, several, or ``"all"``),
        ``start_hour``, and, if not to the end of the episode and not 0, ``hours`` and ``remaining``.

    Examples
    --------
    A chiller fails about every 2000 hours of running and is repaired in 8; in the third hour the second CRAH group stops for
    three hours, and from the fifth on the cooling tower has 70 % of its fans:

    >>> options = FailureOptions.parse({
    ...     "random": {"chiller": {"mtbf_hours": 2000, "repair_hours": 8}},
    ...     "schedule": [
    ...         {"component": "crah", "units": 2, "start_hour": 2.0, "hours": 3.0},
    ...         {"component": "tower_fan", "units": "all", "start_hour": 4.0, "remaining": 0.7},
    ...     ],
    ... })
    >>> options.random[0].repair_hours
    8.0

    Notes
    -----
    Observed times between failures and times to repair of chillers, pumps, fans and air handlers stand in the survey named below;
    in one day most episodes then see none, so studies of control shorten them on purpose.

    References
    ----------
    Department of the Army, TM 5-698-5, Survey of Reliability and Availability Information for Power Distribution, Power
    Generation, and Heating, Ventilating and Air Conditioning (HVAC) Components for Commercial, Industrial, and Utility
    Installations, 2006.
    """

    random: tuple[RandomFailures, ...] = ()
    schedule: tuple[ScheduledFailure, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.random or self.schedule)

    @classmethod
    def parse(
        cls, value: Any, units: Mapping[str, int] | None = None, episode_hours: float | None = None
    ) -> "FailureOptions":
        """Check a JSON-able mapping.

        Parameters
        ----------
        value : mapping or None
            As in the example.
        units : mapping of str to int, optional
            How many units of each component the hall has; names and numbers are checked against it.
        episode_hours : float, optional
            Length of an episode, before whose end all scheduled failures must start.

        Raises
        ------
        InputError
            One line that names the place and the nearest choice.
        """
        given = mapping("failures", value, ("random", "schedule"))
        random = []
        for name, entry in mapping("failures: random", given.get("random")).items():
            place = f"failures: random: {shown(name)}"
            f = _required(place, entry, RandomFailures.FIELDS, ("mtbf_hours", "repair_hours"))
            random.append(
                RandomFailures(
                    name,
                    number(f"{place}: mtbf_hours", f["mtbf_hours"], 1.0),
                    number(f"{place}: repair_hours", f["repair_hours"]),
                    number(f"{place}: remaining", f.get("remaining", 0.0), 0.0, 1.0),
                )
            )
        entries = given.get("schedule") or ()
        if not isinstance(entries, Sequence) or isinstance(entries, str):
            raise InputError(f"failures: schedule={shown(entries)}: expected a list of mappings")
        options = cls(tuple(random), tuple(_scheduled(f"failures: schedule[{i}]", e) for i, e in enumerate(entries)))
        if units is not None:
            options.check(units)
        if episode_hours is not None:
            for i, failure in enumerate(options.schedule):
                check_start(f"failures: schedule[{i}]: start_hour", failure.start_hour, episode_hours)
        return options

    def check(self, units: Mapping[str, int]) -> None:
        """Refuse components and units that a hall with so many ``units`` by component does not have."""
        present = [name for name, count in units.items() if count > 0]
        places: list[tuple[str, str, tuple[int, ...]]] = [
            *((f"failures: random: {f.component!r}", f.component, ()) for f in self.random),
            *((f"failures: schedule[{i}]", f.component, f.units) for i, f in enumerate(self.schedule)),
        ]
        for place, component, chosen in places:
            if component not in present:
                raise InputError(f"{place}: this hall has no component {shown(component)}{nearest(component, present)}")
            for unit in chosen:
                if unit > units[component]:
                    raise InputError(f"{place}: units={unit}: this hall has {component} 1 to {units[component]}")


def _required(place: str, value: Any, fields: Sequence[str], required: Sequence[str]) -> dict[str, Any]:
    given = mapping(place, value, fields)
    for name in required:
        if given.get(name) is None:
            raise InputError(f"{place}: {name} is missing; expected a mapping of {', '.join(fields)}")
    return given


def _scheduled(place: str, value: Any) -> ScheduledFailure:
    f = _required(place, value, ScheduledFailure.FIELDS, ("component", "units", "start_hour"))
    if not isinstance(f["component"], str):
        raise InputError(f"{place}: component={shown(f['component'])}: expected a name")
    return ScheduledFailure(
        f["component"],
        _units(f"{place}: units", f["units"]),
        number(f"{place}: start_hour", f["start_hour"]),
        None if f.get("hours") is None else number(f"{place}: hours", f["hours"]),
        number(f"{place}: remaining", f.get("remaining", 0.0), 0.0, 1.0),
    )


def _units(place: str, value: Any) -> tuple[int, ...]:
    if value == "all":
        return ()
    units = value if isinstance(value, Sequence) and not isinstance(value, str) and value else (value,)
    if not all(isinstance(unit, int) and not isinstance(unit, bool) and unit >= 1 for unit in units):
        raise InputError(f"{place}={shown(value)}: expected a number counted from 1, several, or 'all'")
    return tuple(units)


class FailureSchedule:
    """Draws for each episode which share of every unit can run in every control step.

    Parameters
    ----------
    options : FailureOptions
    units : mapping of str to int
        How many units of each component the hall has.
    control_interval_s : float
    episode_steps : int
        T, control steps in an episode.

    Notes
    -----
    Each unit runs for an exponential time of mean M and is repaired for one of mean R, so it is down at time t with probability
    R / (M + R) (1 - exp(-(1/M + 1/R) t)); at the start of an episode all run. Starts are rounded to control steps, lengths as
    well to at least one. The count of failures that an episode can have is bounded at six standard deviations and six beyond its
    mean. What fails is drawn for each component by itself, so one more component leaves the failures of the others as they are.

    References
    ----------
    Barlow, Proschan, Mathematical Theory of Reliability, Wiley, 1965, ch. 3: alternating renewal processes.
    """

    def __init__(
        self, options: FailureOptions, units: Mapping[str, int], control_interval_s: float, episode_steps: int
    ) -> None:
        options.check(units)
        self.options = options
        self._units = dict(units)
        self._interval_h = control_interval_s / HOUR_S
        self._steps = episode_steps + 1

    @property
    def components(self) -> tuple[str, ...]:
        """Components of which some unit may fail."""
        names = [*(failure.component for failure in self.options.random), *(f.component for f in self.options.schedule)]
        return tuple(dict.fromkeys(names))

    def draw(self, random: RandomNumbers, outages: Mapping[str, np.ndarray] | None = None) -> dict[str, np.ndarray]:
        """Shares that can run, by component.

        Parameters
        ----------
        random : RandomNumbers
            Streams of the n episodes.
        outages : mapping of str to np.ndarray, shape (n, T + 1, units), optional
            What a task already takes away; multiplied.

        Returns
        -------
        dict of str to np.ndarray, shape (n, T + 1, units), float32
            Of the components that may fail or are in ``outages``; all of every other component runs.
        """
        tables = dict(outages or {})
        for component in self.components:
            share = np.ones((len(random), self._steps, self._units[component]), np.float32)
            for failures in self.options.random:
                if failures.component == component:
                    is_down = self._down_at_random(failures, random.of(f"failures of {component}"))
                    share[is_down] = np.minimum(share[is_down], failures.remaining)
            for failure in self.options.schedule:
                if failure.component == component:
                    first, last = self._span(failure.start_hour, math.inf if failure.hours is None else failure.hours)
                    units = [unit - 1 for unit in failure.units] or slice(None)
                    share[:, first:last, units] = np.minimum(share[:, first:last, units], failure.remaining)
            tables[component] = tables[component] * share if component in tables else share
        return tables

    def _span(self, start_hour: Any, hours: Any) -> tuple[Any, Any]:
        """First step of a failure, and the one after its last, within the episode."""
        first = np.rint(np.minimum(start_hour / self._interval_h, self._steps)).astype(np.int64)
        length = np.rint(np.minimum(hours / self._interval_h, self._steps)).astype(np.int64)
        return first, np.minimum(first + np.maximum(length, 1), self._steps)

    def _down_at_random(self, failures: RandomFailures, random: RandomNumbers) -> np.ndarray:
        """Which unit is down in which control step, bool, shape (n, T + 1, units)."""
        n, steps, units = len(random), self._steps, self._units[failures.component]
        mean = steps * self._interval_h / failures.mtbf_hours
        most = math.ceil(mean + 6.0 * math.sqrt(mean) + 6.0)
        running, repair = np.moveaxis(random.exponential(units, 2, most), 2, 0)
        running, repair = failures.mtbf_hours * running, failures.repair_hours * repair
        start = np.cumsum(running, axis=2)
        start[:, :, 1:] += np.cumsum(repair, axis=2)[:, :, :-1]
        first, last = self._span(start, repair)
        # Failures that begin in a step less those that are over by then, summed up; beyond the last step none counts.
        cell = np.arange(n * units).reshape(n, units, 1) * (steps + 1)
        size = n * units * (steps + 1)
        begun = np.bincount((cell + first).ravel(), minlength=size) - np.bincount((cell + last).ravel(), minlength=size)
        count = np.cumsum(begun.reshape(n, units, steps + 1)[:, :, :steps], axis=2)
        return np.moveaxis(count > 0, 1, 2)
