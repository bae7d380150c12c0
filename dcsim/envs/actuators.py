"""Actuators that are not perfect: what reaches the plant of the set-points that a controller asks for.

Each set-point has one actuator, whose position follows what is asked for: not at all while it is stuck or within its deadband,
else at the pace that its stroke time and rate limit allow. The plant takes one number for each control step, so it gets the mean
of the position over the step. Everything is off unless asked for, and then costs nothing and draws nothing. The rate limits of
set-points that every hall has come after that, in the plant, and so does its protection, which overrides a stuck actuator.

The cooling mode (``mode_request``) and numbers of machines (``..._requested``) are choices and not positions: they may be stuck, but have no
stroke, rate or deadband.

What is left out: backlash, stiction that depends on time, and leakage of a valve that is closed.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from dcsim.drivers import RandomNumbers
from dcsim.envs.failures import SpanClock, Spans, StepNumbers, mapping, number
from dcsim.envs.sensors import ALL, Chosen, by_signal, resolved, stem
from dcsim.envs.signals import Signal
from dcsim.errors import InputError

T = TypeVar("T")

STROKE_MAX_S = 86400.0
RATE_MIN = 1e-6


def is_choice(signal: Signal) -> bool:
    """Whether a set-point chooses between modes or numbers instead of being a position."""
    return stem(signal.name).endswith(("_request", "_requested"))


@dataclass(frozen=True)
class ActuatorOptions:
    """Limits and faults of actuators, the ``actuators`` keyword of an environment; none by default.

    Each is a mapping from set-points to values. A key is a set-point (``crah_fan_speed_2``), the first words of several
    (``crah_fan_speed``), a kind (``temperature`` in degC, ``fraction`` for speeds and flows) or ``all``; the one that says most
    holds, so 0 for a name exempts it. A value without a key holds for all set-points, of ``deadband`` and ``rate_per_minute`` for
    all temperatures.

    Attributes
    ----------
    stroke_time_s : number by signal
        Seconds from one end of the set-point's range to the other, at most a day. ``{"stroke_time_s": {"condenser_water_flow":
        120}}``
    rate_per_minute : number by signal
        Fastest change, in the unit of the set-point. ``{"rate_per_minute": {"temperature": 0.5, "crah_fan_speed": 0.1}}``
    deadband : number by signal
        An actuator stays where it is as long as what is asked for is no farther away. ``{"deadband": {"fraction": 0.02}}``
    stuck : Spans by signal
        An actuator stays where it is, or goes to ``value`` and stays there. ``{"stuck": {"crah_fan_speed_1": {"start_hours":
        6}}}`` for the rest of the day, ``{"stuck": {"fraction": {"rate_per_day": 0.2, "minutes": 180, "value": 1.0}}}``

    Examples
    --------
    >>> options = ActuatorOptions.parse({"stroke_time_s": {"all": 120, "mode_request": 0}, "deadband": {"fraction": 0.02}})
    >>> options.deadband
    (('fraction', 0.02),)

    References
    ----------
    Wetter, Zuo, Nouidui, Pang, Modelica Buildings library, Journal of Building Performance Simulation 7(4), 2014; version 11:
    strokes of 120 s for valves and dampers, 30 s for pumps and fans by default.
    """

    stroke_time_s: Chosen[float] = ()
    rate_per_minute: Chosen[float] = ()
    deadband: Chosen[float] = ()
    stuck: Chosen[Spans] = ()

    LIMITS = ("stroke_time_s", "rate_per_minute", "deadband", "stuck")

    def __bool__(self) -> bool:
        return any(entry for limit in self.LIMITS for _, entry in getattr(self, limit))

    @classmethod
    def parse(
        cls, value: Any, signals: Sequence[Signal] | None = None, episode_hours: float | None = None
    ) -> "ActuatorOptions":
        """Check a JSON-able mapping.

        Parameters
        ----------
        value : mapping or None
        signals : sequence of Signal, optional
            Those of the action; keys are checked against them.
        episode_hours : float, optional
            Length of an episode, before whose end all that is on schedule must start.

        Raises
        ------
        InputError
            One line that names the place and the nearest choice.
        """
        given = mapping("actuators", value, cls.LIMITS)

        def chosen(
            limit: str, parse: Callable[[str, Any], T], fields: Sequence[str] = (), alone: str = ALL
        ) -> Chosen[T]:
            return by_signal(f"actuators: {limit}", given.get(limit), parse, alone, fields)

        options = cls(
            stroke_time_s=chosen("stroke_time_s", lambda place, s: number(place, s, 0.0, STROKE_MAX_S)),
            rate_per_minute=chosen("rate_per_minute", _rate, alone="temperature"),
            deadband=chosen("deadband", number, alone="temperature"),
            stuck=chosen("stuck", lambda place, s: Spans.parse(place, s, has_value=True), (*Spans.FIELDS, "value")),
        )
        if signals is not None:
            options.resolved(signals)
        if episode_hours is not None:
            for key, spans in options.stuck:
                spans.check_within(f"actuators: stuck: {key}", episode_hours)
        return options

    def resolved(self, signals: Sequence[Signal]) -> dict[str, dict[int, Any]]:
        """Return by limit what holds for each position in ``signals``; what is 0 is left out."""
        every = dict(enumerate(signals))
        positions = {row: signal for row, signal in every.items() if not is_choice(signal)}
        found: dict[str, dict[int, Any]] = {}
        for limit in self.LIMITS:
            place, entries = f"actuators: {limit}", getattr(self, limit)
            for key, entry in entries if limit != "stuck" else ():
                if entry and any(signal.name == key and is_choice(signal) for signal in signals):
                    raise InputError(f"{place}: {key!r} is a choice and not a position; only stuck can act on it")
            by_row = resolved(place, entries, every)
            reached = by_row if limit == "stuck" else {row: by_row[row] for row in by_row if row in positions}
            found[limit] = {row: entry for row, entry in reached.items() if entry}
        return found


def _rate(place: str, value: Any) -> float:
    """Check a rate; 0 is none."""
    return 0.0 if value == 0 and not isinstance(value, bool) else number(place, value, RATE_MIN)


class ActuatorBank:
    """The actuators of N environments.

    Parameters
    ----------
    options : ActuatorOptions
    signals : sequence of Signal
        Those of the action, A of them.
    num_envs : int
    control_interval_s : float

    Attributes
    ----------
    is_off : bool
        Every actuator is where it is asked to be at once.
    position : np.ndarray, shape (A, N)
        Positions at the end of the last control step, in the units of the signals.
    """

    def __init__(
        self, options: ActuatorOptions, signals: Sequence[Signal], num_envs: int, control_interval_s: float
    ) -> None:
        found = options.resolved(signals)
        self.is_off = not any(found.values())
        most = np.full((len(signals), 1), math.inf)  # way that can be made in a control step
        for row, seconds in found["stroke_time_s"].items():
            most[row] = (signals[row].high - signals[row].low) * control_interval_s / seconds
        for row, rate in found["rate_per_minute"].items():
            most[row] = min(most[row, 0], rate * control_interval_s / 60.0)
        self._most, self._half_steps_per_way = most, 0.5 / most
        self._deadband = np.zeros((len(signals), 1))
        for row, width in found["deadband"].items():
            self._deadband[row] = width
        self._stuck_rows = np.array(list(found["stuck"]), np.int64)
        stuck = list(found["stuck"].values())
        self._stuck = SpanClock(stuck, num_envs, control_interval_s)
        self._stuck_value = np.array([math.nan if s.value is None else s.value for s in stuck]).reshape(-1, 1)
        self._numbers = StepNumbers(0, self._stuck.uniforms, num_envs)
        self._all = np.arange(num_envs)
        self.position = np.zeros((len(signals), num_envs))

    def start(self, index: np.ndarray, random: RandomNumbers, setpoints: np.ndarray) -> None:
        """Begin new episodes in the environments ``index``, shape (n,), of these streams, with the actuators at ``setpoints``, (A, n)."""
        if self.is_off:
            return
        self.position[:, index] = setpoints
        self._stuck.start(index)
        if self._stuck.uniforms:
            self._numbers.start(index, random.of("actuators"))

    def move(self, asked: np.ndarray, elapsed: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """Follow what is asked for over one control step.

        Parameters
        ----------
        asked : np.ndarray, shape (A, N)
            Set-points in the units of the signals.
        elapsed : np.ndarray of int, shape (N,)
            Control steps made in each environment's episode before this one.
        out : np.ndarray, shape (A, N), optional
            Written to and returned; may be ``asked`` itself. With nothing to limit and no ``out``, ``asked`` is returned as it
            is.

        Returns
        -------
        np.ndarray, shape (A, N)
            Mean positions over the step.

        Notes
        -----
        A position that moves by d at its pace of at most m a step, then rests, has the mean p + d (1 - |d| / (2 m)).
        """
        if self.is_off:
            if out is None:
                return asked
            if out is not asked:
                out[:] = asked
            return out
        position = self.position
        target = np.where(np.abs(asked - position) <= self._deadband, position, asked)
        if len(self._stuck_rows):
            rows = self._stuck_rows
            _, uniforms = self._numbers.at(elapsed, self._all)
            is_stuck = self._stuck.active(elapsed, self._all, uniforms)
            held = np.where(np.isnan(self._stuck_value), position[rows], self._stuck_value)
            target[rows] = np.where(is_stuck, held, target[rows])
        way = target - position
        distance = np.abs(way)
        arrives = distance <= self._most
        # What arrives is put there, so that no rounding of position + way is left.
        ends = np.where(arrives, target, position + np.copysign(np.minimum(distance, self._most), way))
        moved = ends - position
        mean = ends - moved * np.abs(moved) * self._half_steps_per_way
        self.position[:] = ends
        if out is None:
            return mean
        out[:] = mean
        return out

    def kept(self) -> dict[str, Any]:
        """Everything the future depends on, as copies; empty with nothing to limit."""
        if self.is_off:
            return {}
        return {"position": self.position.copy(), "stuck": self._stuck.kept(), "numbers": self._numbers.kept()}

    def restore(self, kept: Mapping[str, Any]) -> None:
        """Go back to what ``kept`` gave, of a bank of the same options."""
        if self.is_off:
            return
        self.position[:] = kept["position"]
        self._stuck.restore(kept["stuck"])
        self._numbers.restore(kept["numbers"])
