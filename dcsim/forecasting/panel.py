"""Sensors on an even grid, each with what it is: what a forecaster is fitted to and forecasts from."""

import fnmatch
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from dcsim.errors import InputError

if TYPE_CHECKING:
    from dcsim.logs import Log
    from dcsim.logs import Mapping as LogMapping

Array = np.ndarray

SECOND = 1_000_000_000  # ns
TARGET, POWER, ACTION, WEATHER, LOAD, SENSOR = "target", "power", "action", "weather", "load", "sensor"
"""What a channel is to a forecast: a temperature or the cooling power to forecast; planned; given; or only looked at."""

WEATHER_SIGNALS = (
    "dry_bulb_temperature",
    "wet_bulb_temperature",
    "dew_point_temperature",
    "outdoor_relative_humidity",
    "atmospheric_pressure",
)
LOAD_SIGNALS = (
    "utilization",
    "rack_power",
    "it_power",
    "heat_removed",
)  # what servers draw depends on the air a little
ACTION_SIGNALS = (
    "crah_fan_speed",
    "compressor_request",
    "mode_request",
    "dry_cooler_fan_limit",
    "compressor_on",
    "outdoor_air_share",
    "chilled_water_flow",
    "chilled_water_pump_speed",
    "condenser_water_flow",
    "coolant_flow",
)
"""Beside every set-point."""
POWERS = ("cooling_power",)


@dataclass(frozen=True)
class Member:
    """A channel of a panel.

    Attributes
    ----------
    name : str
        Of the channel, unique.
    signal : str
        As of `dcsim.logs.SIGNALS`, or "" for one that is in no hall.
    number : int
        Of the rack, unit or machine it belongs to; 0 for none.
    unit : str
        ``degC`` for temperatures.
    role : str
        ``target``, ``power``, ``action``, ``weather``, ``load`` or ``sensor``.
    """

    name: str
    signal: str
    number: int
    unit: str
    role: str

    @property
    def is_forecast(self) -> bool:
        """Whether it is to be forecast."""
        return self.role in (TARGET, POWER)

    @property
    def is_known(self) -> bool:
        """Whether its future may be known: planned, or weather and load forecast by others."""
        return self.role in (ACTION, WEATHER, LOAD)


@dataclass(frozen=True)
class Panel:
    """Channels on an even grid.

    Attributes
    ----------
    members : tuple of Member
    values : ndarray, shape (C, T)
        Means over the steps, NaN where nothing was measured.
    step_s : float
        Step of forecasts [s].
    phases : int
        Columns in a step: a log that is finer gives windows that begin inside of a step. Column ``k`` is the mean over the step that ends
        with it.
    start : int
        End of the first column's step [ns].
    """

    members: tuple[Member, ...]
    values: Array
    step_s: float
    phases: int = 1
    start: int = 0

    @property
    def times(self) -> Array:
        """Ends of the columns' steps [ns], shape (T,)."""
        spacing = round(self.step_s * SECOND / self.phases)
        return np.asarray(self.start + spacing * np.arange(self.values.shape[1], dtype=np.int64))

    def part(self, begin: int, end: int) -> "Panel":
        """Return some of the columns."""
        return replace(self, values=self.values[:, begin:end], start=int(self.times[begin]))


def load_of(signals: Iterable[str]) -> str:
    """Return the signal that says best what the load is, "" for none: what servers are asked for, before what they draw or give off."""
    found = set(signals)
    return next((name for name in LOAD_SIGNALS if name in found), "")


def role_of(signal: str, unit: str, load: str) -> str:
    """Return what a channel is to a forecast.

    Parameters
    ----------
    signal : str
        "" for none.
    unit : str
    load : str
        Signal that says what the load is.
    """
    if signal in WEATHER_SIGNALS:
        return WEATHER
    if signal in ACTION_SIGNALS or signal.endswith("_setpoint"):
        return ACTION
    if signal and signal == load:
        return LOAD
    if signal in POWERS:
        return POWER
    return TARGET if unit == "degC" else SENSOR


def panel_of(
    log: "Log",
    mapping: "LogMapping",
    step_s: float = 300.0,
    ignore: Sequence[str] = (),
    phases_max: int = 5,
) -> Panel:
    """Return the channels of a log as a panel.

    Parameters
    ----------
    log : Log
    mapping : Mapping
        Channels without a signal are taken by their own name.
    step_s : float
        Step of forecasts [s]; the log's own interval where that is longer.
    ignore : sequence of str
        Patterns of channels to leave out, ``*`` and ``?`` as in file names.
    phases_max : int
        Columns in a step, at most.

    Raises
    ------
    InputError
        If the log has no temperature.
    """
    from dcsim.logs import signals_of  # here, so that simulated halls are forecast without pandas

    signals: dict[str, list[tuple[str, int]]] = {}
    for each in signals_of(log, mapping):
        signals.setdefault(each.channel, []).append((each.signal, each.number))
    names = [
        name
        for name, channel in log.channels.items()
        if not any(fnmatch.fnmatch(name, pattern) for pattern in ignore)
        and (name in signals or not mapping.of_channel(name).ignore)
        and channel.unit
        and np.isfinite(channel.step_s)  # of one that never shows anything it is not known
    ]
    if not names:
        raise InputError(
            f"{log.name}: no channel is left that has readings and a unit; say units in the mapping, and ignore fewer"
        )
    own = float(np.nanmedian([log.channels[name].step_s for name in names]))
    step = max(step_s, own)
    phases = int(np.clip(step // own, 1, phases_max))
    while round(step * SECOND) % phases:
        phases -= 1
    time, fine = log.grid(names, step / phases)
    means = trailing_means(fine, phases)
    load = load_of(signal for each in signals.values() for signal, _ in each)
    members, rows = [], []
    for name, row in zip(names, means, strict=True):
        rule, unit = mapping.of_channel(name), log.channels[name].unit
        for signal, number in signals.get(name, [("", 0)]):
            role = role_of(signal, unit, load)
            is_switch = role == ACTION and rule.on_above is not None
            members.append(
                Member(name if role != ACTION else f"{name} {signal}", signal, number, "-" if is_switch else unit, role)
            )
            rows.append(np.where(np.isfinite(row), row > rule.on_above, np.nan) if is_switch else row)
    if not any(each.role == TARGET for each in members):
        raise InputError(f"{log.name}: no temperature to forecast; say units and signals in the mapping")
    first = int(time[0]) + round(step * SECOND / phases)
    return _without_empty(Panel(tuple(members), np.array(rows, float), step, phases, first))


def panel_of_signals(shown: Mapping[str, Array], step_s: float, start: int = 0) -> Panel:
    """Return signals of a simulated hall, by name and of shape (rows, T), as a panel.

    Parameters
    ----------
    shown : mapping of str to ndarray
        As of `dcsim.envs.sensed_steps.SensedSteps`.
    step_s : float
    start : int
        End of the first step [ns].
    """
    load = load_of(shown)
    members, rows = [], []
    for signal, values in shown.items():
        unit = (
            "degC"
            if re.search(r"temperature|dew_point|_setpoint$", signal)
            else "W"
            if signal.endswith("_power")
            else "-"
        )
        for k, row in enumerate(values):
            number = k + 1 if len(values) > 1 else 0
            name = f"{signal}_{number}" if number else signal
            members.append(Member(name, signal, number, unit, role_of(signal, unit, load)))
            rows.append(row)
    return Panel(tuple(members), np.array(rows, float), step_s, 1, start)


def trailing_means(fine: Array, length: int) -> Array:
    """Return means over the last columns, of those that are known, where at least half are; shape (C, T)."""
    known = np.isfinite(fine)
    total = np.cumsum(np.where(known, fine, 0.0), axis=1)
    count = np.cumsum(known, axis=1)
    total[:, length:], count[:, length:] = (
        total[:, length:] - total[:, :-length],
        count[:, length:] - count[:, :-length],
    )
    return np.where(2 * count >= length, total / np.maximum(count, 1), np.nan)


def _without_empty(panel: Panel) -> Panel:
    """Leave out channels that never show anything."""
    keep = [k for k, row in enumerate(panel.values) if np.isfinite(row).any()]
    return replace(panel, members=tuple(panel.members[k] for k in keep), values=panel.values[keep])
