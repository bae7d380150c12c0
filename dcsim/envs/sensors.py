"""Sensors that are not perfect: what a controller sees of a physical measurement, after its sensor and the way to the controller.

In this order: bias, drift and noise are added to the true value; what the sensor gives is rounded to its quantum; a stuck sensor
gives the same again and again; the reading arrives late; where it is lost, the last that arrived is shown again, so there is
never a hole. Everything is off unless asked for, and then costs nothing and draws nothing.

Only physical measurements are touched. Told and not measured, hence exact, are: the clock (``hour_*``, ``week_*``), price and
carbon intensity, load (``utilization*``, reported by the servers), set-points in force (``*_setpoint*``,
``chilled_water_pump_speed``, ``condenser_water_flow``), staging and cooling mode with their dwell times (``chillers_on``,
``mode``, ``*_dwell_left``), flags (``protection``, ``*_available``) and forecasts (``*_forecast_*``, ``*_truth_*``, made from the
true weather). The plant's own inner loops and protection, meters, rewards and info use true values; so only what a controller
decides gets worse.

What is left out: the lag of a sensor in its well, errors that depend on the value (gain, hysteresis), noise that is correlated in
time, and losses that several sensors share.

References
----------
Dunia, Qin, Edgar, McAvoy, Identification of faulty sensors using principal component analysis, AIChE Journal 42(10), 1996: bias,
drift, loss of precision and complete failure as the kinds of sensor faults.
Katipamula, Brambley, Methods for fault detection, diagnostics, and prognostics for building systems, HVAC&R Research 11(1), 2005.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from dcsim.drivers import RandomNumbers
from dcsim.envs.failures import DAY_S, NUMBER_MAX, SpanClock, Spans, StepNumbers, mapping, number
from dcsim.envs.signals import Signal
from dcsim.errors import InputError, shown
from dcsim.plant.description import nearest

T = TypeVar("T")
Chosen = tuple[tuple[str, T], ...]
"""What is chosen, by signal, first part of names, kind of signal or ``all``."""

KINDS: Mapping[str, str] = {
    "degC": "temperature",
    "-": "fraction",
    "W": "power",
    "Pa": "pressure",
    "kg/s": "flow",
    "m3/s": "flow",
    "kg/kg": "humidity",
}
"""Kind of a signal by its unit; signals named ``..._power`` are of kind ``power`` also where they are a share of design power."""

ALL = "all"
TOLD = frozenset(
    {
        "setpoint",
        "request",
        "available",
        "fault",
        "protection",
        "limit",
        "mode",
        "on",
        "running",
        "dwell",
        "utilization",
    }
    | {"forecast", "truth", "sin", "cos", "price", "carbon"}
)
"""Words in the names of signals that no sensor measures."""
IN_FORCE = "set-point in force"  # how the meaning of a set-point begins that goes by a bare name

DELAY_MAX_S = DAY_S
QUANTUM_MIN = 1e-6
AGE_MAX_S = 3600.0  # at which an age signal ends


# --- which signals ----------------------------------------------------------------------------------------------------


def stem(name: str) -> str:
    """Name of a signal without the number of the unit."""
    head, _, last = name.rpartition("_")
    return head if head and last.isdigit() else name


def kind_of(signal: Signal) -> str:
    """Kind of a signal, one of the values of ``KINDS``; empty for another unit, such as the seconds of a dwell time."""
    return "power" if stem(signal.name).endswith("_power") else KINDS.get(signal.unit, "")


def is_measured(signal: Signal) -> bool:
    """Whether a signal of the observation comes from a sensor."""
    is_told = signal.meaning.startswith(IN_FORCE) or bool(TOLD & set(signal.name.split("_")))
    return bool(kind_of(signal)) and not is_told


def by_signal(
    place: str, value: Any, parse: Callable[[str, Any], T], alone: str, fields: Sequence[str] = ()
) -> Chosen[T]:
    """Read what is chosen by signal; an entry without signals, known by ``fields`` if it is a mapping, holds for ``alone``."""
    if value is None:
        return ()
    if isinstance(value, Mapping) and not any(key in fields for key in value):
        return tuple((key, parse(f"{place}: {key}", entry)) for key, entry in mapping(place, value).items())
    return ((alone, parse(place, value)),)


def resolved(place: str, chosen: Chosen[T], signals: Mapping[int, Signal]) -> dict[int, T]:
    """Return what holds for each row of ``signals`` that is reached: of several keys the one that says most.

    A name, or the first words of one, says more the longer it is, and more than a kind, which says more than ``all``.

    Raises
    ------
    InputError
        For a key that reaches none, with the nearest that would.
    """
    found: dict[int, tuple[tuple[int, int], T]] = {}
    for key, entry in chosen:
        reached = False
        for row, signal in signals.items():
            if signal.name == key or signal.name.startswith(key + "_"):
                rank = (2, len(key))
            elif key == kind_of(signal):
                rank = (1, 0)
            elif key == ALL:
                rank = (0, 0)
            else:
                continue
            reached = True
            if row not in found or rank >= found[row][0]:
                found[row] = (rank, entry)
        if not reached:
            raise InputError(f"{place}: {shown(key)} reaches no signal here{_near(key, signals.values())}")
    return {row: entry for row, (_, entry) in sorted(found.items())}


def _near(key: str, signals: Iterable[Signal]) -> str:
    listed = list(signals)
    kinds = {ALL, *(kind_of(signal) for signal in listed)} - {""}
    hint = nearest(key, {*kinds, *(stem(signal.name) for signal in listed), *(signal.name for signal in listed)})
    return hint if hint.startswith("; nearest") else nearest(key, kinds)  # all names would fill a page


# --- options ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Offset:
    """A number that holds for an episode: given, or drawn for each sensor from a normal distribution.

    Attributes
    ----------
    mean, deviation : float
    """

    mean: float = 0.0
    deviation: float = 0.0

    FIELDS = ("mean", "deviation")

    def __bool__(self) -> bool:
        return self.mean != 0.0 or self.deviation != 0.0

    @classmethod
    def parse(cls, place: str, value: Any) -> "Offset":
        """Check a number, the mean, or a mapping of the attributes."""
        if not isinstance(value, Mapping):
            return cls(number(place, value, -NUMBER_MAX))
        given = mapping(place, value, cls.FIELDS)
        return cls(
            number(f"{place}: mean", given.get("mean", 0.0), -NUMBER_MAX),
            number(f"{place}: deviation", given.get("deviation", 0.0)),
        )


@dataclass(frozen=True)
class SensorOptions:
    """Faults of sensors, the ``sensors`` keyword of an environment; none by default.

    Each is a mapping from signals to values. A key is a signal (``supply_air_temperature_2``), the first words of several
    (``rack_inlet``), a kind (``temperature`` in degC, ``fraction``, ``power``, ``pressure`` in Pa, ``flow``, ``humidity``) or
    ``all``; the one that says most holds, so 0 for a name exempts it. Values are in the unit of the signal, see
    ``env.unwrapped.signals``: powers are shares of design IT power there. A value without a key holds for all temperatures, of
    ``delay_s``, ``dropout`` and ``stuck`` for all measured signals.

    Attributes
    ----------
    noise : number by signal
        Standard deviation of white, normally distributed noise. ``{"noise": {"temperature": 0.1, "power": 0.005}}``
    quantisation : number by signal
        Readings are whole multiples of it. ``{"quantisation": {"temperature": 0.1, "crah_fan_speed": 0.01}}``
    bias : number or Offset by signal
        Added all the episode. ``{"bias": {"rack_inlet_max_1": -0.5, "temperature": {"deviation": 0.2}}}``: half a kelvin too cold
        at the first zone, drawn for each other thermometer in each episode.
    drift : number or Offset by signal
        Added a day since the start of the episode. ``{"drift": {"chilled_water_supply_temperature": 0.3}}``
    delay_s : number by signal
        Seconds, at most a day: seen is the newest reading of a control step that is at least as old. ``{"delay_s": 300}``
    dropout : Spans by signal
        Readings are lost on the way: the last one that arrived is shown.
        ``{"dropout": {"all": {"rate_per_day": 2, "minutes": 30}}}``
    stuck : Spans by signal
        The sensor gives what it gave before, or ``value``.
        ``{"stuck": {"rack_inlet_max_2": {"start_hours": 6, "minutes": 120}}}``,
        ``{"stuck": {"wet_bulb_temperature": {"rate_per_day": 0.1, "minutes": 600, "value": -35.0}}}``
    age : bool
        Adds to the observation how old the reading shown is, for every signal that is delayed or may be lost; without it, a
        controller cannot tell a lost reading from a steady one. ``{"delay_s": 300, "age": True}``

    Examples
    --------
    >>> options = SensorOptions.parse({"noise": 0.1, "delay_s": {"power": 60}})
    >>> options.noise, options.delay_s
    ((('temperature', 0.1),), (('power', 60.0),))
    """

    noise: Chosen[float] = ()
    quantisation: Chosen[float] = ()
    bias: Chosen[Offset] = ()
    drift: Chosen[Offset] = ()
    delay_s: Chosen[float] = ()
    dropout: Chosen[Spans] = ()
    stuck: Chosen[Spans] = ()
    age: bool = False

    FAULTS = ("noise", "quantisation", "bias", "drift", "delay_s", "dropout", "stuck")

    def __bool__(self) -> bool:
        return any(entry for fault in self.FAULTS for _, entry in getattr(self, fault))

    @classmethod
    def parse(
        cls, value: Any, signals: Sequence[Signal] | None = None, episode_hours: float | None = None
    ) -> "SensorOptions":
        """Check a JSON-able mapping.

        Parameters
        ----------
        value : mapping or None
        signals : sequence of Signal, optional
            Those of the observation; keys are checked against them.
        episode_hours : float, optional
            Length of an episode, before whose end all that is on schedule must start.

        Raises
        ------
        InputError
            One line that names the place and the nearest choice.
        """
        given = mapping("sensors", value, (*cls.FAULTS, "age"))

        def chosen(
            fault: str, parse: Callable[[str, Any], T], fields: Sequence[str] = (), alone: str = "temperature"
        ) -> Chosen[T]:
            return by_signal(f"sensors: {fault}", given.get(fault), parse, alone, fields)

        age = given.get("age", False)
        if not isinstance(age, bool):
            raise InputError(f"sensors: age={shown(age)}: expected True or False")
        options = cls(
            noise=chosen("noise", number),
            quantisation=chosen("quantisation", _quantum),
            bias=chosen("bias", Offset.parse, Offset.FIELDS),
            drift=chosen("drift", Offset.parse, Offset.FIELDS),
            delay_s=chosen("delay_s", lambda place, s: number(place, s, 0.0, DELAY_MAX_S), alone=ALL),
            dropout=chosen("dropout", Spans.parse, Spans.FIELDS, ALL),
            stuck=chosen(
                "stuck", lambda place, s: Spans.parse(place, s, has_value=True), (*Spans.FIELDS, "value"), ALL
            ),
            age=age,
        )
        if age and not any(entry for _, entry in (*options.delay_s, *options.dropout)):
            raise InputError(
                "sensors: age=True: no reading is delayed or lost; give delay_s or dropout, or leave age out"
            )
        if signals is not None:
            options.resolved(signals)
        if episode_hours is not None:
            for fault in ("dropout", "stuck"):
                for key, spans in getattr(options, fault):
                    spans.check_within(f"sensors: {fault}: {key}", episode_hours)
        return options

    def resolved(self, signals: Sequence[Signal]) -> dict[str, dict[int, Any]]:
        """Return by fault what holds for each position in ``signals``; what is 0 is left out."""
        rows = measured_rows(signals)
        found = {fault: resolved(f"sensors: {fault}", getattr(self, fault), rows) for fault in self.FAULTS}
        return {fault: {row: entry for row, entry in by_row.items() if entry} for fault, by_row in found.items()}


def measured_rows(signals: Sequence[Signal]) -> dict[int, Signal]:
    """Return the signals that sensors measure, by their position in the observation."""
    return {row: signal for row, signal in enumerate(signals) if is_measured(signal)}


def _quantum(place: str, value: Any) -> float:
    return 0.0 if value == 0 and not isinstance(value, bool) else number(place, value, QUANTUM_MIN)


# --- sensors of many environments -------------------------------------------------------------------------------------


class SensorBank:
    """The sensors of N environments.

    Parameters
    ----------
    options : SensorOptions
    signals : sequence of Signal
        Those of the observation, F of them.
    num_envs : int
    control_interval_s : float

    Attributes
    ----------
    is_off : bool
        Nothing is wrong with any sensor.
    rows : np.ndarray of int
        Positions in ``signals`` of those with a fault.
    age_signals : tuple of Signal
        What the option ``age`` adds to the observation, in the order of the rows of ``age``; empty without it.

    Notes
    -----
    What a sensor shows depends on its own environment alone: on the streams of the episode, the step and the true
    values so far. Before an episode a sensor is taken to have shown what it shows first.

    References
    ----------
    Bennett, Spectra of quantized signals, Bell System Technical Journal 27, 1948: rounding to q adds noise of variance q^2 / 12
    where the signal moves over many quanta.
    """

    def __init__(
        self, options: SensorOptions, signals: Sequence[Signal], num_envs: int, control_interval_s: float
    ) -> None:
        found = options.resolved(signals)
        rows = sorted({row for by_row in found.values() for row in by_row})
        self.rows = np.array(rows, np.int64)
        self.is_off = not rows
        self._interval = control_interval_s
        place = {row: i for i, row in enumerate(rows)}
        count = len(rows)

        def part(fault: str) -> tuple[np.ndarray, list[Any]]:
            """Rows of a fault among those that have any, and what holds there."""
            return np.array([place[row] for row in found[fault]], np.int64), list(found[fault].values())

        self._noise_rows, noise = part("noise")
        self._noise = np.array(noise).reshape(-1, 1)
        self._quantum_rows, quanta = part("quantisation")
        self._quantum = np.array(quanta).reshape(-1, 1)
        self._offset_mean, self._offset_deviation = np.zeros((2, count)), np.zeros((2, count))
        for i, fault in enumerate(("bias", "drift")):
            at, offsets = part(fault)
            self._offset_mean[i, at] = [offset.mean for offset in offsets]
            self._offset_deviation[i, at] = [offset.deviation for offset in offsets]
        self._delay_rows, delays = part("delay_s")
        self._delay = np.array([_steps_at_least(s, control_interval_s) for s in delays], np.int64).reshape(-1, 1)
        self._stuck_rows, stuck = part("stuck")
        self._stuck = SpanClock(stuck, num_envs, control_interval_s)
        self._stuck_value = np.array([math.nan if s.value is None else s.value for s in stuck]).reshape(-1, 1)
        self._dropout_rows, dropouts = part("dropout")
        self._dropout = SpanClock(dropouts, num_envs, control_interval_s)
        uniforms = self._dropout.uniforms + self._stuck.uniforms
        self._numbers = StepNumbers(len(self._noise_rows), uniforms, num_envs)
        self._draws_offsets = bool(self._offset_deviation.any())
        self._has_offsets = self._draws_offsets or bool(self._offset_mean.any())
        self._is_random = self._draws_offsets or bool(uniforms) or bool(noise)

        aged = sorted({*self._delay_rows.tolist(), *self._dropout_rows.tolist()}) if options.age else []
        self._age_rows = np.array(aged, np.int64)
        self.age_signals = tuple(
            Signal(
                f"{signals[rows[i]].name}_age", "s", 0.0, AGE_MAX_S, f"age of the reading of {signals[rows[i]].name}"
            )
            for i in aged
        )
        lag = np.zeros((count, 1), np.int64)
        lag[self._delay_rows] = self._delay
        self._lag = lag

        self._all = np.arange(num_envs)
        self._at = np.full(num_envs, -1, np.int64)  # step of what is shown; -1 before the first
        self._offset = np.repeat(self._offset_mean[:, :, None], num_envs, axis=2)
        self._given = np.zeros((len(stuck), num_envs))  # what sensors that may stick gave last
        self._line = np.zeros((num_envs, int(self._delay.max(initial=0)) + 1, len(delays)))  # readings on their way
        self._shown = np.zeros((count, num_envs))
        self._age = np.zeros((count, num_envs))

    @property
    def age(self) -> np.ndarray:
        """Age of the readings shown last [s], shape (number of ``age_signals``, N)."""
        return self._age[self._age_rows]

    def start(self, index: np.ndarray, random: RandomNumbers) -> None:
        """Begin new episodes in the environments ``index``, shape (n,), of these streams."""
        if self.is_off:
            return
        self._at[index] = -1
        self._stuck.start(index)
        self._dropout.start(index)
        if self._is_random:
            self._numbers.start(index, random.of("sensors"))
        if self._draws_offsets:
            normals = np.moveaxis(random.of("sensor offsets").normal(*self._offset_mean.shape), 0, 2)
            self._offset[:, :, index] = self._offset_mean[:, :, None] + self._offset_deviation[:, :, None] * normals

    def measure(self, true_values: np.ndarray, elapsed: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """What is seen of the true values.

        Parameters
        ----------
        true_values : np.ndarray, shape (F, N)
            In the units of the signals.
        elapsed : np.ndarray of int, shape (N,)
            Control steps made in each environment's episode. Called again at the same step the sensors show the same, whatever
            the true values.
        out : np.ndarray, shape (F, N), optional
            Written to and returned; may be ``true_values`` itself. With nothing wrong and no ``out``, ``true_values`` are
            returned as they are.

        Returns
        -------
        np.ndarray, shape (F, N)
        """
        if out is None:
            out = true_values if self.is_off else true_values.copy()
        elif out is not true_values:
            out[:] = true_values
        if self.is_off:
            return out
        is_new = self._at != elapsed
        if is_new.all():
            self._sense(true_values[self.rows], elapsed, self._all)
        elif is_new.any():
            envs = np.flatnonzero(is_new)
            self._sense(true_values[self.rows][:, envs], elapsed[envs], envs)
        out[self.rows] = self._shown
        return out

    def _sense(self, x: np.ndarray, elapsed: np.ndarray, envs: np.ndarray) -> None:
        """Take the readings ``x``, shape (rows, n), of the environments ``envs`` one control step on."""
        interval = self._interval
        here: Any = slice(None) if len(envs) == len(self._all) else envs  # a view where it may be one
        normals, uniforms = self._numbers.at(elapsed, envs)
        is_first = self._at[here] < 0
        if self._has_offsets:
            bias, drift = self._offset[:, :, here]
            x += bias
            x += drift * (elapsed * (interval / DAY_S))
        if len(self._noise_rows):
            x[self._noise_rows] += self._noise * normals
        if len(self._quantum_rows):
            x[self._quantum_rows] = np.rint(x[self._quantum_rows] / self._quantum) * self._quantum
        if len(self._stuck_rows):
            fresh = x[self._stuck_rows]
            is_stuck = self._stuck.active(elapsed, envs, uniforms[self._dropout.uniforms :])
            held = np.where(is_first, fresh, self._given[:, here])
            held = np.where(np.isnan(self._stuck_value), held, self._stuck_value)
            x[self._stuck_rows] = self._given[:, here] = np.where(is_stuck, held, fresh)
        if len(self._delay_rows):
            fresh = x[self._delay_rows]
            _, length, rows = self._line.shape
            if is_first.any():
                self._line[envs[is_first]] = fresh[:, is_first].T[:, None, :]
            self._line[envs, elapsed % length] = fresh.T
            x[self._delay_rows] = self._line[envs, (elapsed - self._delay) % length, np.arange(rows)[:, None]]
        is_lost: Any = False
        if len(self._dropout_rows):
            lost = self._dropout.active(elapsed, envs, uniforms[: self._dropout.uniforms])
            is_lost = np.zeros(x.shape, bool)
            is_lost[self._dropout_rows] = lost & ~is_first
            x = np.where(is_lost, self._shown[:, here], x)
        if len(self._age_rows):
            self._age[:, here] = np.where(
                is_lost, self._age[:, here] + interval, np.minimum(elapsed, self._lag) * interval
            )
        self._shown[:, here] = x
        self._at[here] = elapsed

    _KEPT = ("_at", "_offset", "_given", "_line", "_shown", "_age")

    def kept(self) -> dict[str, Any]:
        """Everything the future depends on, as copies; empty with nothing wrong."""
        if self.is_off:
            return {}
        arrays = {name: getattr(self, name).copy() for name in self._KEPT}
        clocks = {"_stuck": self._stuck.kept(), "_dropout": self._dropout.kept()}
        return arrays | clocks | {"_numbers": self._numbers.kept()}

    def restore(self, kept: Mapping[str, Any]) -> None:
        """Go back to what ``kept`` gave, of a bank of the same options."""
        if self.is_off:
            return
        for name in self._KEPT:
            getattr(self, name)[:] = kept[name]
        self._stuck.restore(kept["_stuck"])
        self._dropout.restore(kept["_dropout"])
        self._numbers.restore(kept["_numbers"])


def _steps_at_least(seconds: float, control_interval_s: float) -> int:
    """Least number of control steps that last ``seconds``."""
    return math.ceil(seconds / control_interval_s - 1e-9)
