"""Boundary conditions of a hall from a log: what drives it, and what is compared.

What the log has of load, weather and actions becomes an input of the hall; where it lacks one, the input is a stated assumption, never a silent
one. A set-point that is not logged is taken from the temperature that it rules, where that is measured: the replay is then about all that lies
behind it. Channels that drive the hall are not compared.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dcsim.drivers import load_weather
from dcsim.errors import InputError
from dcsim.logs import Log
from dcsim.logs import Mapping as LogMapping
from dcsim.logs.clock import iso
from dcsim.logs.mapping import Mapped, check_hall, check_log, signals_of
from dcsim.logs.signals import SIGNALS
from dcsim.physics import moist_air, server
from dcsim.plant.description import HallDescription
from dcsim.plant.hall import Hall, build_hall
from dcsim.plant.steady import packed_inputs

Array = np.ndarray
SECOND = 1_000_000_000  # ns

HOLE_S = 900.0
"""Holes in a driving channel up to this long are bridged by a straight line, and counted; at a longer one the replay starts anew behind it."""
USUAL_WEATHER = "chicago"  # as of the environments
SEGMENT_STEPS_MIN = 3  # a shorter stretch between two long holes is left out

_FROM_TEMPERATURE = {
    "supply_air_setpoint": "supply_air_temperature",
    "chilled_water_setpoint": "chilled_water_supply_temperature",
    "condenser_water_setpoint": "condenser_water_supply_temperature",
    "coolant_setpoint": "coolant_supply_temperature",
}
"""Set-points, and the temperature that stands for one which is not logged."""

_OF_INPUT = {
    "utilization": ("utilization",),
    "crah_fan_speed": ("crah_fan_speed",),
    "server_fan_speed": ("server_fan_speed",),
    "district_supply_temperature": ("chilled_water_supply_temperature",),
    "outdoor_air_share_max": ("outdoor_air_share",),
    "condenser_water_flow": ("condenser_water_flow",),
    **{name: (name, other) for name, other in _FROM_TEMPERATURE.items()},
}
"""Input of a hall to the signals that may drive it, the first that the log has."""


@dataclass(frozen=True)
class Measured:
    """What a sensor, or several of one kind together, showed.

    Attributes
    ----------
    name : str
        Of the channel, or of the signal where channels are added up.
    signal : str
    number : int
        Of the rack group, cooling unit or chiller, from 1; 0 for all of them.
    unit : str
    values : ndarray, shape (T,)
        Means over the steps, NaN where unknown.
    channels : tuple of str
    offset : float
        What it reads too much.
    room_share : float
        Share of the room's hot air in the air that the sensor hangs in, the rest being what the signal is.
    time_constant : float
        Of the sensor behind that air [s].
    """

    name: str
    signal: str
    number: int
    unit: str
    values: Array
    channels: tuple[str, ...]
    offset: float = 0.0
    room_share: float = 0.0
    time_constant: float = 0.0


@dataclass(frozen=True)
class Boundaries:
    """A log as a hall takes it.

    Attributes
    ----------
    hall : Hall
    time : ndarray, shape (T,)
        Starts of the steps, universal time [ns].
    step_s : float
    inputs : ndarray, shape (input rows, T)
        NaN in the long holes between segments.
    segments : tuple of slice
        Stretches without a long hole.
    measured : tuple of Measured
        What is compared.
    sources : mapping of str to str
        Input to where it is from, in words.
    bridged : mapping of str to float
        Input to the share of its values in short holes, which are interpolated.
    """

    hall: Hall
    time: Array
    step_s: float
    inputs: Array
    segments: tuple[slice, ...]
    measured: tuple[Measured, ...]
    sources: Mapping[str, str]
    bridged: Mapping[str, float]

    def rows(self, name: str) -> Array:
        """Values of an input, shape (rows, T)."""
        start = 0
        for each, rows in self.hall.input_rows.items():
            if each == name:
                return self.inputs[start : start + rows]
            start += rows
        raise KeyError(name)


def metered(description: HallDescription) -> HallDescription:
    """Return the hall with the power of its racks as an input, in place of a law of utilization."""
    if description.metered_power:
        return description
    return description.replaced({"racks.power_from": "meter", "racks.leakage_coefficient": 0.0})


def boundaries(
    log: Log,
    mapping: LogMapping,
    description: HallDescription,
    step_s: float | None = None,
    weather: str | None = None,
    origin: str = "mapping",
    start: int | None = None,
    end: int | None = None,
    actions: bool = True,
) -> Boundaries:
    """Read what drives a hall, and what is compared, from a log.

    Parameters
    ----------
    log : Log
    mapping : Mapping
    description : HallDescription
        Where the log has the power of racks or of all IT equipment, the hall is taken with metered power.
    step_s : float, optional
        Step of the replay [s]; by default 60 s, or the usual step of the log where that is longer, 300 s at most.
    weather : str, optional
        Climate or weather file for what the log lacks of outdoor air.
    origin : str
        Name of the mapping, for messages.
    start, end : int, optional
        First and last time [ns] instead of the log's.
    actions : bool
        Whether what the log's controller did drives the hall, and something must be left to compare; otherwise load and outdoor air are
        all that is read.

    Raises
    ------
    InputError
        If the mapping does not fit log or hall, load is not logged, or nothing is left to compare.
    """
    check_log(mapping, log, origin)
    mapped = signals_of(log, mapping)
    check_hall(mapped, description)
    if not mapped:
        raise InputError(f"{origin}: no channel has a signal; `dcsim inspect` writes a first mapping with guesses")
    if step_s is None:
        step_s = 60.0 if not log.clock.step_s > 60.0 else min(log.clock.step_s, 300.0)
    table = _Table(log, mapping, mapped, step_s, start, end, origin)
    has_meter = table.has("rack_power") or table.has("it_power")
    if not has_meter and not table.has("utilization"):
        raise InputError(
            f"{origin}: no channel has the signal rack_power, it_power or utilization; the load drives a hall"
        )
    hall = build_hall(metered(description) if has_meter else description)
    if hall.input_rows.get("swing"):
        raise InputError(f"hall {description.name}: load that swings within a step cannot be driven by a log")
    values, sources = _Drivers(hall, table, weather).all(actions)
    filled, bridged = {}, {}
    for name, series in values.items():
        filled[name], share = _bridged(np.atleast_2d(np.asarray(series, float)), step_s)
        if share:
            bridged[name] = share
    inputs = packed_inputs(hall, len(table.time), filled)
    for signal, share in table.stood_in.items():
        if share:
            sources = {
                k: f"{v}; {share:.1%} of its readings missing, others of the rack stand for them"
                if v == f"log: {signal}"
                else v
                for k, v in sources.items()
            }
    segments = _segments(np.isfinite(inputs).all(axis=0))
    if not segments:
        lacking = {name: float(np.isfinite(x).all(axis=0).mean()) for name, x in filled.items()}
        worst = min(lacking, key=lacking.__getitem__)
        raise InputError(
            f"{log.name}: nowhere is all known that drives the hall; {worst} ({sources[worst]}) is known {lacking[worst]:.0%} of the time"
        )
    measured = table.measured()
    if actions and not measured:
        raise InputError(f"{origin}: every channel with a signal drives the hall, so none is left to compare")
    return Boundaries(hall, table.time, step_s, inputs, segments, measured, sources, bridged)


class _Table:
    """Channels on the grid of the replay, by signal and number; what is taken as a driver is marked."""

    def __init__(
        self,
        log: Log,
        mapping: LogMapping,
        mapped: list[Mapped],
        step_s: float,
        start: int | None,
        end: int | None,
        origin: str,
    ) -> None:
        self.log, self.origin, self._mapping, self._mapped = log, origin, mapping, mapped
        self.time, values = log.grid([each.channel for each in mapped], step_s, start, end)
        if len(self.time) < SEGMENT_STEPS_MIN:
            raise InputError(
                f"{log.name}: {len(self.time)} steps of {step_s:g} s; expected {SEGMENT_STEPS_MIN} at least"
            )
        slower = [
            each.channel for each in mapped if log.channels[each.channel].step_s > 1.5 * step_s
        ]  # their readings stand until the next
        self._values = {
            each.channel: held(row, log.channels[each.channel].step_s / step_s) if each.channel in slower else row
            for each, row in zip(mapped, values, strict=True)
        }
        self._drives: set[str] = set()
        self.stood_in: dict[str, float] = {}  # share of the readings of a signal that others stand for

    def has(self, signal: str) -> bool:
        return any(each.signal == signal for each in self._mapped)

    def channels(self, signal: str, number: int | None = None) -> list[str]:
        return [each.channel for each in self._mapped if each.signal == signal and number in (None, each.number)]

    def take(self, signal: str, count: int) -> Array | None:
        """Return a signal as a driver, shape (count, T), where every row of it, or one for all, is in the log; None otherwise."""
        numbered = [self.channels(signal, k) for k in range(1, count + 1)]
        common = self.channels(signal, 0)
        if not common and not all(numbered):
            return None
        taken = [names or common for names in numbered]
        self._drives.update(name for names in taken for name in names)
        return np.stack([self._joined(signal, names) for names in taken])

    def missing(self, signal: str, count: int) -> list[int]:
        return [k for k in range(1, count + 1) if not self.channels(signal, k)]

    def _joined(self, signal: str, names: Sequence[str]) -> Array:
        """Mean of several channels; of power their sum, in which up to half may be missing and count as the mean of the others."""
        stack = np.stack([self._scaled(name) for name in names])
        if SIGNALS[signal].quantities != ("power",):
            return _mean(stack)
        known = np.isfinite(stack)
        enough = known.mean(axis=0) >= 0.5
        self.stood_in[signal] = max(
            self.stood_in.get(signal, 0.0), float(1.0 - known[:, enough].mean()) if enough.any() else 0.0
        )
        return np.where(enough, len(names) * _mean(stack), np.nan)

    def _scaled(self, name: str) -> Array:
        channel, rule = self.log.channels[name], self._mapping.of_channel(name)
        if rule.nominal is not None:
            return np.asarray((self._values[name] - rule.offset) / rule.nominal)
        if channel.quantity in ("rotation", "mass_flow", "volume_flow"):
            raise InputError(
                f"{self.origin}: channel '{name}' [{channel.unit}] drives the hall as a share of a nominal value; say nominal: in its line"
            )
        return np.asarray(self._values[name] - rule.offset)

    def measured(self) -> tuple[Measured, ...]:
        found = []
        grouped: dict[tuple[str, int], list[str]] = {}
        for each in self._mapped:
            if each.channel not in self._drives:
                grouped.setdefault((each.signal, each.number), []).append(each.channel)
        for (signal, number), names in grouped.items():
            is_sum = SIGNALS[signal].quantities == ("power",) and len(names) > 1
            for group in [names] if is_sum else [[name] for name in names]:
                name = f"{signal}_{number}" if is_sum and number else signal if is_sum else group[0]
                rules = [self._mapping.of_channel(each) for each in group]
                found.append(
                    Measured(
                        name,
                        signal,
                        number,
                        self.log.channels[group[0]].unit,
                        np.sum([self._values[each] for each in group], axis=0),
                        tuple(group),
                        sum(rule.offset for rule in rules),
                        rules[0].room_share,
                        rules[0].time_constant,
                    )
                )
        return tuple(found)


class _Drivers:
    """Inputs of a hall, each from the log or from an assumption that is written down."""

    def __init__(self, hall: Hall, table: _Table, weather: str | None) -> None:
        self.hall, self._table, self._weather = hall, table, weather
        self.values: dict[str, Any] = {}
        self.sources: dict[str, str] = {}

    def all(self, actions: bool) -> tuple[dict[str, Any], dict[str, str]]:
        hall, table = self.hall, self._table
        self._load()
        self._outdoor_air()
        allowed = {setpoint.input: setpoint.allowed for setpoint in hall.types.setpoints}
        for name, rows in hall.input_rows.items():
            if name in self.values or name in hall.types.availability.values():
                continue
            for signal in _OF_INPUT.get(name, ()) if actions or name not in hall.types.requests else ():
                values = table.take(signal, rows)
                if values is not None:
                    words = f"log: {signal}"
                    if _FROM_TEMPERATURE.get(name) == signal:
                        words += ", measured, in place of the set-point"
                    self._set(name, values, words)
                    break
                if table.has(signal):
                    lacking = ", ".join(map(str, table.missing(signal, rows)))
                    raise InputError(f"{table.origin}: {signal} is mapped for some, not for number {lacking}")
            else:
                if name in allowed:
                    limits = getattr(hall.description.setpoints, allowed[name])
                    middle = 0.5 * (limits.low + limits.high)
                    self._set(
                        name, middle, f"assumed: {middle:g} {limits.unit}, the middle of its range; not in the log"
                    )
        self._rest()
        return self.values, self.sources

    def _set(self, name: str, values: Any, source: str) -> None:
        self.values[name], self.sources[name] = values, source

    def _rest(self) -> None:
        """Inputs that no log has."""
        has_fans = self._table.has("crah_fan_speed")
        self._set("pressure_control", 0.0 if has_fans else 1.0, "off: fan speeds are the log's" if has_fans else "on")
        if "district_supply_temperature" in self.hall.input_rows and "district_supply_temperature" not in self.values:
            self._set("district_supply_temperature", 12.0, "assumed: 12 degC; not in the log")
        usual: dict[str, float] = {"compressor_request": 1.0, "mode_request": 1.0, "tank_flow": 0.0}
        for name in self.hall.input_rows:
            if name in usual and name not in self.values:
                self._set(name, usual[name], f"assumed: {usual[name]:g}")
        if "server_fan_speed" in self.hall.input_rows and "server_fan_speed" not in self.values:
            raise InputError(
                f"{self._table.origin}: hall {self.hall.description.name} takes the speed of server fans from a log; map server_fan_speed"
            )
        if "staging" in self.hall:
            raise InputError(
                f"hall {self.hall.description.name}: machines on request cannot be replayed; take the hall without them"
            )

    def _load(self) -> None:
        hall, table = self.hall, self._table
        racks = hall.racks
        if "server_power" not in hall.input_rows:
            return
        power = table.take("rack_power", racks)
        if power is None and table.has("rack_power") and not table.has("it_power"):
            lacking = ", ".join(map(str, table.missing("rack_power", racks)))
            raise InputError(
                f"{table.origin}: rack_power is mapped for some rack groups, not for {lacking}; map all, or it_power"
            )
        other: Any = 0.0
        if power is not None:
            words = "log: rack_power"
            self._set("other_it_power", other, "none: not in the log")
            total = table.take("it_power", 1)
            if total is not None:
                other = np.maximum(total[0] - power.sum(axis=0), 0.0)
                self._set("other_it_power", other, "log: it_power beyond that of the racks")
        else:
            total = table.take("it_power", 1)
            assert total is not None
            shape = hall.params.peak_power / hall.params.peak_power.sum()
            power, words = shape * total, "log: it_power, shared out as the peak powers of the rack groups"
            self._set("other_it_power", other, "none")
        self._set("server_power", power, words)
        if "server_fan_speed" in hall.input_rows:
            self._set("utilization", 0.0, "not used: power and fan speeds are the log's")
        elif (load := table.take("utilization", racks)) is not None:
            self._set("utilization", load, "log: utilization, for the air that servers draw")
        else:
            self._set("utilization", _load_of_power(hall, power), "the hall's power law, for the air that servers draw")

    def _outdoor_air(self) -> None:
        table = self._table
        dry, wet, dew, relative, pressure = (
            None if (found := table.take(name, 1)) is None else found[0]
            for name in (
                "dry_bulb_temperature",
                "wet_bulb_temperature",
                "dew_point_temperature",
                "outdoor_relative_humidity",
                "atmospheric_pressure",
            )
        )
        words = {"outdoor_pressure": "log: atmospheric_pressure", "dry_bulb_temperature": "log: dry_bulb_temperature"}
        name = self._weather or USUAL_WEATHER
        climate = load_weather(name)
        year = climate.at(seconds_of_year(table.time, climate.utc_offset))
        stated = f"weather {name}" if self._weather else f"assumed: weather {name}, no other was named; not in the log"
        if pressure is None:
            pressure, words["outdoor_pressure"] = year.pressure, stated
        if dry is None:
            dry, words["dry_bulb_temperature"] = year.dry_bulb_temperature, stated
        if relative is not None:
            ratio, humid = (
                moist_air.humidity_ratio(dry, np.clip(relative, 0.0, 1.0), pressure),
                "log: outdoor_relative_humidity",
            )
        elif dew is not None:
            ratio, humid = (
                moist_air.humidity_ratio_from_dew_point(np.minimum(dew, dry), pressure),
                "log: dew_point_temperature",
            )
        elif wet is not None:
            ratio, humid = (
                moist_air.humidity_ratio_from_wet_bulb(dry, np.minimum(wet, dry), pressure),
                "log: wet_bulb_temperature",
            )
        else:
            saturated = moist_air.saturation_humidity_ratio(dry, pressure)
            ratio, humid = np.minimum(year.humidity_ratio, saturated), stated
        if wet is None:
            wet = np.full(len(dry), np.nan)
            known = np.isfinite(dry) & np.isfinite(ratio) & np.isfinite(pressure)
            wet[known] = moist_air.wet_bulb_temperature(dry[known], ratio[known], pressure[known])
        words |= {"outdoor_humidity_ratio": humid, "wet_bulb_temperature": humid}
        for key, values in (
            ("dry_bulb_temperature", dry),
            ("wet_bulb_temperature", wet),
            ("outdoor_humidity_ratio", ratio),
            ("outdoor_pressure", pressure),
        ):
            if key in self.hall.input_rows:
                self._set(key, values, words[key])


def _load_of_power(hall: Hall, power: Array) -> Array:
    """Utilization at which rack groups would draw a power [W], by the hall's law, both of shape (R, T)."""
    p = build_hall(hall.description.replaced({"racks.power_from": "utilization"})).params
    load = np.linspace(0.0, 1.0, 1001)
    curve = server.dynamic_power(load, p.idle_power, p.peak_power, p.power_exponent)
    return np.stack([np.interp(row, drawn, load) for row, drawn in zip(power, curve, strict=True)])


def seconds_of_year(time: Array, utc_offset: float) -> Array:
    """Local standard time of the year [s] of universal times; from March on a leap year reads as one day less."""
    local = (time + round(utc_offset * 3600.0) * SECOND).astype("datetime64[ns]")
    year = local.astype("datetime64[Y]")
    seconds = (local - year).astype(np.int64) / SECOND
    days = ((year + 1).astype("datetime64[D]") - year.astype("datetime64[D]")).astype(int)
    return np.where((days == 366) & (seconds >= 59 * 86_400), seconds - 86_400.0, seconds)


def _mean(stack: Array) -> Array:
    known = np.isfinite(stack)
    count = known.sum(axis=0)
    return np.where(count > 0, np.where(known, stack, 0.0).sum(axis=0) / np.maximum(count, 1), np.nan)


def held(values: Array, steps: float) -> Array:
    """Readings that come every few steps, each kept until the next is due."""
    held = values.copy()
    for _ in range(int(np.ceil(steps)) - 1):
        empty = np.isnan(held)
        empty[0] = False
        held[empty] = held[np.flatnonzero(empty) - 1]
    return held


def _bridged(values: Array, step_s: float) -> tuple[Array, float]:
    """Fill holes of up to `HOLE_S` between known values by straight lines; also return the share of values so filled."""
    filled = np.array(values)
    steps = np.arange(filled.shape[1])
    count = 0
    for row in filled:
        known = np.flatnonzero(np.isfinite(row))
        if known.size in (0, row.size):
            continue
        after = np.searchsorted(known, steps)
        is_inside = np.isnan(row) & (after > 0) & (after < known.size)
        length = known[np.minimum(after, known.size - 1)] - known[np.maximum(after - 1, 0)] - 1
        hole = is_inside & (length <= HOLE_S / step_s)
        row[hole] = np.interp(steps[hole], known, row[known])
        count += int(hole.sum())
    return filled, count / filled.size


def _segments(known: Array) -> tuple[slice, ...]:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], known, [False]]).astype(int)))
    return tuple(
        slice(int(start), int(stop))
        for start, stop in zip(edges[::2], edges[1::2], strict=True)
        if stop - start >= SEGMENT_STEPS_MIN
    )


def described(boundaries: Boundaries) -> list[str]:
    """Lines on what drives a replay: inputs by source, bridged holes, segments."""
    by_source: dict[str, list[str]] = {}
    for name, source in boundaries.sources.items():
        by_source.setdefault(source, []).append(name)
    lines = [f"{', '.join(names)}: {source}" for source, names in by_source.items()]
    lines += [f"{name}: {share:.2%} of it bridged across short holes" for name, share in boundaries.bridged.items()]
    if len(boundaries.segments) > 1:
        spans = [
            f"{iso(int(boundaries.time[s.start]))} to {iso(int(boundaries.time[s.stop - 1]))}"
            for s in boundaries.segments
        ]
        lines.append(
            f"{len(spans)} stretches between long holes: " + "; ".join(spans[:8]) + ("; ..." if len(spans) > 8 else "")
        )
    return lines
