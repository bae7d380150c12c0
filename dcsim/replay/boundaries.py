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
from dcsim.replay.load import USUAL_INLET, load_of_power
from dcsim.replay.sensors import TOTALS

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
    "facility_water_setpoint": "facility_water_supply_temperature",
    "return_air_setpoint": "return_air_temperature",
}
"""Set-points, and the temperature that stands for one which is not logged."""

_OF_INPUT = {
    "utilization": ("utilization",),
    "crah_fan_speed": ("crah_fan_speed",),
    "server_fan_speed": ("server_fan_speed",),
    "district_supply_temperature": ("chilled_water_supply_temperature",),
    "outdoor_air_share": ("outdoor_air_share",),
    "compressor_on": ("compressor_on",),
    "chiller_on": ("chiller_on",),
    "mode_request": ("economizer_mode",),
    "chilled_water_pump_speed": ("chilled_water_pump_speed",),
    "condenser_water_flow": ("condenser_water_flow",),
    "coolant_flow": ("coolant_flow",),
    **{name: (name, other) for name, other in _FROM_TEMPERATURE.items()},
}
"""Input of a hall to the signals that may drive it, the first that the log has."""

_STATES = ("compressor_on", "chiller_on", "economizer_mode")
"""Signals that say whether something runs: so it does where any of its channels says so, and no power has a nominal value for it."""

_ACTIONS = (
    *_FROM_TEMPERATURE,
    *_STATES,
    "crah_fan_speed",
    "chilled_water_pump_speed",
    "condenser_water_flow",
    "coolant_flow",
    "outdoor_air_share",
)
_STANDING = (*_ACTIONS, "atmospheric_pressure")
_STEADY = ("stuck", "clipped", "padding")
"""Signals that are asked for, not measured: they stand still, and at their limits, for as long as a controller likes. Likewise whether a machine
runs, and the pressure of the air stands still for hours. These faults of a sensor are none of theirs."""

_FREE_COOLING = ("outdoor_air_share_max", "evaporative_share_max")
"""What lets the plant cool by outdoor air as far as weather and controls have it."""


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

    def driven(self, description: HallDescription) -> HallDescription:
        """Return a hall like this one as the log drives it: what the log has is an input, in place of the hall's laws and controls."""
        own = self.hall.description
        given = (own.given_dampers, own.given_compressors, own.given_chillers)
        return _driven(description, own.metered_power is not None, own.actions, *(each is not None for each in given))


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
    given = (actions and table.has(signal) for signal in ("outdoor_air_share", "compressor_on", "chiller_on"))
    hall = build_hall(_driven(description, has_meter, "logged" if actions else "asked", *given))
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
    measured = table.measured({"unit": hall.crah_groups, "chiller": hall.chillers})
    if actions and not measured:
        raise InputError(f"{origin}: every channel with a signal drives the hall, so none is left to compare")
    return Boundaries(hall, table.time, step_s, inputs, segments, measured, sources, bridged)


def _driven(
    description: HallDescription,
    has_meter: bool,
    actions: str,
    has_dampers: bool,
    has_compressors: bool,
    has_chillers: bool,
) -> HallDescription:
    """Return the hall with what the log has as inputs, in place of its own laws and controls."""
    if has_meter and description.liquid is None:  # what chips under cold plates draw follows from their load
        description = metered(description)
    changes = {"actions": actions}
    if has_dampers and description.outdoor_air is not None:
        changes["outdoor_air.dampers"] = "given"
    if has_compressors:
        changes["dx.compressors"] = "given"
    if has_chillers:
        changes["chillers.staging"] = "given"
    return description.replaced(changes)


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
        names = list(dict.fromkeys(each.channel for each in mapped))
        self.time, values = log.grid(names, step_s, start, end)
        if len(self.time) < SEGMENT_STEPS_MIN:
            raise InputError(
                f"{log.name}: {len(self.time)} steps of {step_s:g} s; expected {SEGMENT_STEPS_MIN} at least"
            )
        slower = [
            name for name in names if log.channels[name].step_s > 1.5 * step_s
        ]  # their readings stand until the next
        self._values = {
            name: held(row, log.channels[name].step_s / step_s) if name in slower else row
            for name, row in zip(names, values, strict=True)
        }
        asked_for = {each.channel for each in mapped if each.signal in _STANDING}
        asked_for |= {name for name in names if mapping.of_channel(name).on_above is not None}
        steady = [name for name in names if name in asked_for]
        states = {
            each.channel for each in mapped if each.signal in _STATES
        }  # numbers of modes, beyond what a share can be
        raw = [
            log.grid([name], step_s, start, end, (*_STEADY, *(("impossible",) if name in states else ())))[1][0]
            for name in steady
        ]
        self._steady = {
            name: held(row, log.channels[name].step_s / step_s) if name in slower else row
            for name, row in zip(steady, raw, strict=False)
        }
        self._drives: set[tuple[str, str]] = set()  # channel and signal
        self.stood_in: dict[str, float] = {}  # share of the readings of a signal that others stand for

    def has(self, signal: str) -> bool:
        return any(each.signal == signal for each in self._mapped)

    def channels(self, signal: str, number: int | None = None) -> list[str]:
        return [each.channel for each in self._mapped if each.signal == signal and number in (None, each.number)]

    def take(self, signal: str, count: int, drives: bool = True) -> Array | None:
        """Return a signal, as a driver, shape (count, T), where every row of it, or one for all, is in the log; None otherwise."""
        numbered = [self.channels(signal, k) for k in range(1, count + 1)]
        common = self.channels(signal, 0)
        if not common and not all(numbered):
            return None
        taken = [names or common for names in numbered]
        if drives:
            self._drives.update((name, signal) for names in taken for name in names)
        return np.stack([self._joined(signal, names) for names in taken])

    def missing(self, signal: str, count: int) -> list[int]:
        return [k for k in range(1, count + 1) if not self.channels(signal, k)]

    def _joined(self, signal: str, names: Sequence[str]) -> Array:
        """Mean of several channels; of power their sum, in which up to half may be missing and count as the mean of the others."""
        stack = np.stack([self._scaled(name, signal) for name in names])
        if signal in _STATES:
            known = np.isfinite(stack)
            return np.where(known.any(axis=0), np.where(known, stack, 0.0).max(axis=0), np.nan)
        if SIGNALS[signal].quantities != ("power",):
            return _mean(stack)
        known = np.isfinite(stack)
        enough = known.mean(axis=0) >= 0.5
        self.stood_in[signal] = max(
            self.stood_in.get(signal, 0.0), float(1.0 - known[:, enough].mean()) if enough.any() else 0.0
        )
        return np.where(enough, len(names) * _mean(stack), np.nan)

    def _scaled(self, name: str, signal: str) -> Array:
        """Readings of a channel as a hall takes a signal: a share by the nominal reading, or by the one above which a machine runs."""
        channel, rule = self.log.channels[name], self._mapping.of_channel(name)
        is_steady = signal in _STANDING or (rule.on_above is not None and "fraction" in SIGNALS[signal].quantities)
        values = (self._steady if is_steady else self._values)[name] - rule.offset
        if "fraction" not in SIGNALS[signal].quantities:
            return values
        if rule.on_above is not None:
            return np.where(np.isfinite(values), (values > rule.on_above).astype(float), np.nan)
        is_power = channel.quantity == "power"
        if rule.nominal is not None and not (is_power and signal in _STATES):
            share = np.asarray(values / rule.nominal)
            return np.cbrt(np.maximum(share, 0.0)) if is_power else share
        if is_power or channel.quantity in ("rotation", "mass_flow", "volume_flow"):
            remedy = "on_above:" if signal in _STATES else "nominal: or on_above:" if is_power else "nominal:"
            raise InputError(
                f"{self.origin}: channel '{name}' [{channel.unit}] drives the hall as a share of a nominal value; say {remedy} in its line"
            )
        return values

    def measured(self, counts: Mapping[str, int]) -> tuple[Measured, ...]:
        """Return what does not drive the hall; numbered powers of which a hall knows the sum alone are added up where all units have one."""
        found = []
        grouped: dict[tuple[str, int], list[str]] = {}
        for each in self._mapped:
            if (each.channel, each.signal) not in self._drives:
                grouped.setdefault((each.signal, each.number), []).append(each.channel)
        for signal in TOTALS:
            keys = [(signal, k + 1) for k in range(counts[SIGNALS[signal].counted_by])]
            if keys and (signal, 0) not in grouped and all(key in grouped for key in keys):
                grouped[signal, 0] = [name for key in keys for name in grouped.pop(key)]
        for (signal, number), names in grouped.items():
            is_sum = SIGNALS[signal].quantities == ("power",) and len(names) > 1
            for group in [names] if is_sum else [[name] for name in names]:
                name = f"{signal}_{number}" if is_sum and number else signal if is_sum else group[0]
                rule, unit = self._mapping.of_channel(group[0]), self.log.channels[group[0]].unit
                is_share = "fraction" in SIGNALS[signal].quantities and (rule.nominal or rule.on_above is not None)
                if is_share:
                    values, unit = self._scaled(group[0], signal), "-"
                else:
                    values = np.sum([self._values[each] for each in group], axis=0)
                offset = 0.0 if is_share else sum(self._mapping.of_channel(each).offset for each in group)
                sensor = (offset, rule.room_share, rule.time_constant)
                found.append(Measured(name, signal, number, unit, values, tuple(group), *sensor))
        return tuple(found)


class _Drivers:
    """Inputs of a hall, each from the log or from an assumption that is written down."""

    def __init__(self, hall: Hall, table: _Table, weather: str | None) -> None:
        self.hall, self._table, self._weather = hall, table, weather
        self.values: dict[str, Any] = {}
        self.sources: dict[str, str] = {}

    def all(self, actions: bool) -> tuple[dict[str, Any], dict[str, str]]:
        hall, table = self.hall, self._table
        self._outdoor_air()
        self._load()
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
                    self._assume(name, getattr(hall.description.setpoints, allowed[name]))
        self._rest()
        return self.values, self.sources

    def _assume(self, name: str, limits: Any) -> None:
        """Set what a controller asks for and no log tells: free where the plant has a control of its own, else in the middle."""
        if name in _FREE_COOLING:
            self._set(name, limits.high, f"assumed: {limits.high:g}, as far as weather and controls have it")
        elif name == "crah_fan_speed" and "return_air" in self.hall:
            self._set(name, limits.low, f"assumed: {limits.low:g} at least; the fans hold the return air")
        else:
            middle = 0.5 * (limits.low + limits.high)
            self._set(name, middle, f"assumed: {middle:g} {limits.unit}, the middle of its range; not in the log")

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
        if "sol_air_temperature" in self.hall.input_rows:
            self._set("sol_air_temperature", self.values["dry_bulb_temperature"], "assumed: dry bulb, no sun")
        if "zone_humidity_ratio" in self.hall.input_rows:
            self._room_humidity()
        if "swing" in self.hall.input_rows:
            self._set("swing", 0.0, "none: load stands still within a step")
            self._set("swing_share", 0.0, "none: load stands still within a step")
        if "server_fan_speed" in self.hall.input_rows and "server_fan_speed" not in self.values:
            raise InputError(
                f"{self._table.origin}: hall {self.hall.description.name} takes the speed of server fans from a log; map server_fan_speed"
            )
        if "staging" in self.hall:
            raise InputError(
                f"hall {self.hall.description.name}: machines on request cannot be replayed; take the hall without them"
            )

    def _room_humidity(self) -> None:
        """Water in the air of a room whose moisture is given."""
        table, pressure = self._table, self.values["outdoor_pressure"]
        dew, relative = table.take("room_dew_point", 1), table.take("room_relative_humidity", 1)
        room = table.take("room_temperature", 1, drives=False)
        if dew is not None:
            ratio, words = moist_air.humidity_ratio_from_dew_point(dew[0], pressure), "log: room_dew_point"
        elif relative is not None and room is not None:
            ratio = moist_air.humidity_ratio(room[0], np.clip(relative[0], 0.0, 1.0), pressure)
            words = "log: room_relative_humidity"
        else:
            ratio, words = self.values["outdoor_humidity_ratio"], "assumed: that of the outdoor air; not in the log"
        self._set("zone_humidity_ratio", ratio, words)

    def _load(self) -> None:
        hall, table = self.hall, self._table
        racks = hall.racks
        if "server_power" not in hall.input_rows:
            if not table.has("utilization"):  # racks of a law of their own, such as those under cold plates
                power, _, words = self._power()
                self._set("utilization", self._load_of(power), f"{words}, by the hall's power law")
            return
        power, other, words = self._power()
        self._set("other_it_power", other, "log: it_power beyond that of the racks" if np.any(other) else "none")
        self._set("server_power", power, words)
        if "server_fan_speed" in hall.input_rows:
            self._set("utilization", 0.0, "not used: power and fan speeds are the log's")
        elif (load := table.take("utilization", racks)) is not None:
            self._set("utilization", load, "log: utilization, for the air that servers draw")
        else:
            self._set("utilization", self._load_of(power), "the hall's power law, for the air that servers draw")

    def _load_of(self, power: Array) -> Array:
        measured = self._table.take("rack_inlet_temperature", self.hall.racks, drives=False)
        inlet = USUAL_INLET if measured is None else np.where(np.isfinite(measured), measured, USUAL_INLET)
        return load_of_power(self.hall.description, power, inlet, self.values["outdoor_pressure"])

    def _power(self) -> tuple[Array, Any, str]:
        """Power of the rack groups, of IT equipment that is none of them, and where both are from."""
        hall, table = self.hall, self._table
        power, total = table.take("rack_power", hall.racks), table.take("it_power", 1)
        if power is not None:
            other = 0.0 if total is None else np.maximum(total[0] - power.sum(axis=0), 0.0)
            return power, other, "log: rack_power"
        if total is None:
            lacking = ", ".join(map(str, table.missing("rack_power", hall.racks)))
            raise InputError(
                f"{table.origin}: rack_power is mapped for some rack groups, not for {lacking}; map all, or it_power"
            )
        p = hall.params
        shape, words = p.peak_power, "as the peak powers of the rack groups"
        if (load := table.take("utilization", hall.racks)) is not None:
            shape = server.dynamic_power(load, p.idle_power, p.peak_power, p.power_exponent)
            words = "by the utilization of the rack groups and the hall's power law"
        return shape / shape.sum(axis=0) * total, 0.0, f"log: it_power, shared out {words}"

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
