"""The mapping of a log: a small YAML file that says what the reader cannot know.

::

    clock: {zone: Europe/Stockholm}    # also: column, order (day first, month first), date, stamps (start, end)
    channels:                          # the first pattern that fits decides
      "crac{k}_discharge_C": {signal: "supply_air_temperature_{k}", unit: degC, brick: Supply_Air_Temperature_Sensor}
      "cold_aisle_*": {ignore: true}
      "meter_*": {unit: kWh, energy: counter}
      "exhaust_fan{k}_kW": {signal: [outdoor_air_share, cooling_power], unit: kW, nominal: 240}
      "ac{k}_kW": {signal: ["compressor_on_{k}", cooling_power], unit: kW, on_above: 700}

In patterns ``*`` stands for anything, ``?`` for one character and ``{k}`` for a number, which may be written into the signal. A signal is one of
`dcsim.logs.signals.SIGNALS`, with the number of a rack group, cooling unit or chiller from 1 on; several channels may have the same signal, and
a channel several signals: the power of a fan is part of what cooling draws, and says how fast the fan turns. A channel that no pattern fits
keeps its name and has no signal.

What a signal takes as a share of something comes from a reading in another unit by ``nominal``, the reading at a share of 1 (of the power of a
fan or pump by the cube root: affinity laws), or by ``on_above``, the reading above which a machine runs: 1, else 0. Both are in house units.
"""

import datetime
import difflib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, NamedTuple

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from dcsim.errors import InputError
from dcsim.logs.clock import zone_of
from dcsim.logs.log import Log
from dcsim.logs.signals import SIGNALS, find_signal, suggested
from dcsim.logs.units import unit_of
from dcsim.plant.description import HallDescription

__all__ = ["ChannelRule", "Mapping", "check_hall", "check_log", "first_mapping", "load_mapping", "signals_of"]


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ClockRule(_Frozen):
    """What is known of the stamps."""

    column: str | None = None  # header of the stamps
    zone: str | None = None  # of stamps without an offset: Europe/Stockholm, UTC, UTC+02:00
    order: Literal["day first", "month first"] | None = None  # of dates such as 3/4/2024
    date: str | None = None  # ISO date at which times of day, or elapsed times, begin
    stamps: Literal["start", "end"] | None = None  # of the interval, which a stamp marks

    @field_validator("zone")
    @classmethod
    def _is_zone(cls, zone: str | None) -> str | None:
        return None if zone is None else zone_of(zone)

    @field_validator("date", mode="before")
    @classmethod
    def _is_date(cls, date: Any) -> str | None:
        return None if date is None else datetime.date.fromisoformat(str(date)).isoformat()


class ChannelRule(_Frozen):
    """What is known of a channel."""

    signal: str | tuple[str, ...] | None = None
    unit: str | None = None  # as it is in the log, whatever the header says
    brick: str | None = None
    nominal: float | None = Field(
        default=None, gt=0.0
    )  # reading, in house unit, of a fan, pump or flow at its nominal value
    offset: float = 0.0  # what it reads too much, in house unit
    room_share: float = Field(default=0.0, ge=0.0, le=0.95)  # of the room's hot air in the air that it hangs in
    time_constant: float = Field(default=0.0, ge=0.0, le=7200.0)  # of the sensor behind that air [s]
    energy: Literal["interval", "counter"] | None = None  # what a reading in kWh is: of the interval, or since ever
    ignore: bool = False
    on_above: float | None = Field(default=None, ge=0.0)  # reading, in house unit, above which a machine runs

    @field_validator("signal", mode="before")
    @classmethod
    def _is_text(cls, signal: Any) -> Any:
        texts = signal if isinstance(signal, list | tuple) else [signal]
        if any(text is not None and not isinstance(text, str) for text in texts):
            raise ValueError("expected the name of a signal, or a list of names")
        return signal

    @model_validator(mode="after")
    def _one_way_to_a_share(self) -> "ChannelRule":
        if self.nominal is not None and self.on_above is not None:
            raise ValueError("give either nominal or on_above")
        return self

    @property
    def signals(self) -> tuple[str, ...]:
        """All its signals, numbers of the pattern not yet filled in."""
        texts = (self.signal,) if isinstance(self.signal, str) else self.signal or ()
        return tuple(dict.fromkeys(text for text in texts if text))


class Mapping(_Frozen):
    """Content of a mapping file."""

    clock: ClockRule = ClockRule()
    channels: dict[str, ChannelRule] = Field(default_factory=dict)

    def rule_for(self, name: str) -> tuple[ChannelRule, tuple[str, ...]]:
        """Return the first rule whose pattern fits a channel, and its signals with the number filled in."""
        for pattern, rule in self.channels.items():
            match = _compiled(pattern).fullmatch(name)
            if match is None:
                continue
            signals = rule.signals
            for key, number in match.groupdict().items():
                signals = tuple(signal.replace("{" + key + "}", str(int(number))) for signal in signals)
            return rule, signals
        return ChannelRule(), ()

    def of_channel(self, name: str) -> ChannelRule:
        """Return the first rule whose pattern fits a channel."""
        return self.rule_for(name)[0]


def _compiled(pattern: str) -> re.Pattern[str]:
    parts = re.split(r"(\*|\?|\{[a-z]\})", pattern)
    seen: set[str] = set()
    text = ""
    for part in parts:
        if part == "*":
            text += ".*"
        elif part == "?":
            text += "."
        elif re.fullmatch(r"\{[a-z]\}", part):
            text += f"(?P={part[1]})" if part[1] in seen else rf"(?P<{part[1]}>\d+)"
            seen.add(part[1])
        else:
            text += re.escape(part)
    return re.compile(text, re.S)


def load_mapping(path: str | Path) -> Mapping:
    """Read a mapping file.

    Raises
    ------
    InputError
        With file, place and remedy.
    """
    path = Path(path)
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise InputError(f"{path}: the mapping cannot be read ({error.strerror})") from None
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark is not None else ""
        problem = " ".join(str(getattr(error, "problem", None) or error).split())[:100]
        raise InputError(f"{path}{line}: the mapping is no valid YAML ({problem})") from None
    return parse_mapping({} if content is None else content, str(path))


def parse_mapping(content: Any, origin: str) -> Mapping:
    """Check the content of a mapping; see `load_mapping`."""
    if not isinstance(content, dict):
        raise InputError(f"{origin}: expected the sections clock and channels")
    try:
        mapping = Mapping.model_validate(content)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in problem["loc"])
        message = str(problem["msg"]).removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            parents = problem["loc"][:-1]
            owner = Mapping if not parents else ClockRule if parents[0] == "clock" else ChannelRule
            message = f"unknown key; {_near(str(problem['loc'][-1]), owner.model_fields)}"
        raise InputError(f"{origin}: {where}: {message}") from None
    for pattern, rule in mapping.channels.items():
        where = f"{origin}: channels.'{pattern}'"
        try:
            _compiled(pattern)
        except re.error as error:
            raise InputError(f"{where}: not a pattern ({error})") from None
        if rule.unit is not None and unit_of(rule.unit) is None:
            raise InputError(f"{where}.unit: '{rule.unit}' is no unit; write for example degC, kW, L/s, %, kPa, rpm")
        for signal in rule.signals:
            holes = set(re.findall(r"\{([a-z])\}", signal))
            if holes - set(re.findall(r"\{([a-z])\}", pattern)):
                raise InputError(f"{where}.signal: '{signal}' takes a number that the pattern does not have")
            try:
                find_signal(re.sub(r"\{[a-z]\}", "1", signal))
            except InputError as error:
                raise InputError(f"{where}.signal: {error}") from None
    return mapping


def _near(word: str, choices: Iterable[str]) -> str:
    choices = sorted(choices)
    close = difflib.get_close_matches(word, choices, n=1, cutoff=0.4)
    return f"did you mean '{close[0]}'?" if close else f"choices: {', '.join(choices[:12])}"


def check_log(mapping: Mapping, log: Log, origin: str) -> None:
    """Refuse a mapping with a pattern that fits no channel of the log.

    Raises
    ------
    InputError
        With the nearest channel.
    """
    for pattern in mapping.channels:
        compiled = _compiled(pattern)
        if not any(compiled.fullmatch(name) for name in log.channels):
            raise InputError(
                f"{origin}: channels.'{pattern}' fits no channel of the log; {_near(pattern, log.channels)}"
            )


class Mapped(NamedTuple):
    """A channel with its signal."""

    channel: str
    signal: str  # name in `SIGNALS`
    number: int  # of the rack group, cooling unit or chiller, from 1; 0 where it has none


def signals_of(log: Log, mapping: Mapping) -> list[Mapped]:
    """Channels of the log that have a signal, once for each they have; those that are ignored or have none are left out.

    Raises
    ------
    InputError
        For a signal that does not measure what the channel does.
    """
    found = []
    for name, channel in log.channels.items():
        rule, texts = mapping.rule_for(name)
        for text in () if rule.ignore else texts:
            signal, number = find_signal(text)
            wanted = SIGNALS[signal].quantities
            if channel.quantity and channel.quantity not in wanted:
                raise InputError(
                    f"channel '{name}': signal '{text}' is a {' or '.join(wanted).replace('_', ' ')}, the channel is a "
                    f"{channel.quantity.replace('_', ' ')} [{channel.unit}]; mend its signal or unit in the mapping"
                )
            found.append(Mapped(name, signal, number))
    return found


def check_hall(mapped: Iterable[Mapped], hall: HallDescription) -> None:
    """Refuse signals that a hall does not have: a rack group, cooling unit or chiller beyond its last, a missing plant.

    Raises
    ------
    InputError
        Naming channel, signal and what the hall has.
    """
    counts = {
        "rack": hall.racks.groups,
        "unit": hall.crahs.groups,
        "chiller": hall.chillers.count if hall.chillers else 0,
        "cdu": hall.liquid.cdu_groups if hall.liquid else 0,
    }
    plurals = {"rack": "rack groups", "unit": "cooling units", "chiller": "chillers", "cdu": "CDU groups"}
    for each in mapped:
        where = f"channel '{each.channel}': signal '{each.signal}{f'_{each.number}' if each.number else ''}'"
        by = SIGNALS[each.signal].counted_by
        if by and not counts[by]:
            raise InputError(
                f"{where}, but the hall {hall.name} has no {plurals[by]}; ignore the channel or take another hall"
            )
        if by and each.number > counts[by]:
            raise InputError(
                f"{where}, but the hall {hall.name} has {counts[by]} {plurals[by]}; nearest is '{each.signal}_{counts[by]}'"
            )
        for words, section, plant in (
            (("compressor_",), hall.dx, "direct-expansion units"),
            (("economizer_",), hall.economizer, "waterside economizer"),
            (("outdoor_air_share",), hall.outdoor_air, "dampers for outdoor air: give outdoor_air"),
            (("coolant_",), hall.liquid, "liquid-cooled racks"),
            (("facility_water_",), hall.dry_coolers, "dry coolers"),
        ):
            if each.signal.startswith(words) and section is None:
                raise InputError(
                    f"{where}, but the hall {hall.name} has no {plant}; ignore the channel or take another hall"
                )
        needs_water = each.signal.startswith(("chilled_water", "condenser_water", "tower"))
        if needs_water and hall.chillers is None and hall.district_cooling is None:
            raise InputError(
                f"{where}, but the hall {hall.name} has no chilled water; ignore the channel or take another hall"
            )


def first_mapping(log: Log) -> str:
    """Return the text of a mapping file to edit: what was understood, guesses marked, faults named."""
    clock = log.clock
    lines = [
        "# First mapping of a log, to be edited. Signals were guessed from the names of channels: check each.",
        "# In patterns * is anything and {k} a number; ignore: true leaves a channel out. All signals:",
        "# python -c 'from dcsim.logs import SIGNALS; print(*SIGNALS)'",
        "clock:",
    ]
    if clock.kind in ("naive", "time of day", "elapsed"):
        lines.append("  zone: null  # not stated: write UTC, UTC+08:00, Europe/Stockholm, ...")
    else:
        lines.append(f"  zone: {_quoted(clock.zone)}  # {clock.form}")
    if "numeric dates" in clock.form:
        lines.append(f"  order: {'day' if 'day first' in clock.form else 'month'} first")
    if not clock.has_date:
        lines.append("  date: null  # the stamps have no date: write the first day, 2024-06-01")
    if clock.stamps == "end":
        lines.append("  stamps: end")
    lines.append("channels:")
    for channel in log.channels.values():
        suspect = next((fault for fault in channel.faults if fault.kind == "wrong air"), None)
        signal = "" if suspect else suggested(channel.name, channel.quantity)
        entries = ["ignore: true"] if suspect else []
        if signal:
            entries.append(f"signal: {signal}")
            brick = SIGNALS[find_signal(signal)[0]].brick
            if brick:
                entries.append(f"brick: {brick}")
        if channel.logged_unit and unit_of(channel.logged_unit):
            entries.append(f"unit: {_quoted(channel.logged_unit)}")
        remarks = {"guess": "unit guessed", "none": "no unit stated: write unit: degC, kW, ..."}
        remark = suspect.detail if suspect else remarks.get(channel.unit_source, "")
        key = _quoted(channel.name)
        key = f"{key}:" if len(key) < 900 else f"? {key}\n  :"  # YAML takes no longer key in one line
        lines.append(f"  {key} {{{', '.join(entries)}}}" + (f"  # {remark}" if remark else ""))
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """Text between quotation marks as YAML reads it, whatever is in it."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\U{ord(c):08X}" for c in escaped) + '"'
