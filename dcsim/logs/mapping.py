"""The mapping of a log: a small YAML file that says what the reader cannot know.

::

    clock: {zone: Europe/Stockholm}         # also: column, day_first, date, swapped
    layout: {key: server, value: value}     # also: separator, decimal, sheet
    channels:                               # first pattern that fits decides
      "crac{k}_discharge_C": {signal: "supply_air_temperature_{k}", unit: degC, brick: Supply_Air_Temperature_Sensor}
      "cold_aisle_*": {ignore: true}
      "*_power": {unit: W}

In patterns ``*`` stands for anything, ``?`` for one character and ``{k}`` for a number, which may be written into the signal.
A signal is one of `signals.SIGNALS`, with a number of rack group, cooling unit or chiller from 1 on; several channels may have
the same signal. A channel that no pattern fits is read and keeps its name, without a signal.
"""

import difflib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dcsim.drivers.messages import place as place_of
from dcsim.errors import InputError, shown
from dcsim.logs.log import Fault, Log
from dcsim.logs.signals import SIGNALS, find_signal, suggested
from dcsim.logs.units import find_unit
from dcsim.plant.description import HallDescription

__all__ = ["ChannelRule", "Mapping", "check_hall", "first_mapping", "load_mapping"]


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ClockRule(_Frozen):
    """What is known of the stamps."""

    column: str | list[str] | None = None  # of the times; two for date and time of day
    zone: str | None = None  # of stamps without an offset: Europe/Stockholm, UTC, +02:00
    day_first: bool | None = None  # 3/4/2024 is the 3rd of April
    date: str | None = None  # ISO date or time at which times of day or elapsed times begin
    swapped: bool | None = None  # False: never look for rows whose day and month changed places


class LayoutRule(_Frozen):
    """What is known of the file."""

    separator: str | None = Field(None, min_length=1, max_length=1)
    decimal: str | None = Field(None, pattern="^[.,]$")
    sheet: str | None = None
    key: str | list[str] | None = None  # columns that name the sensor of a row
    value: str | list[str] | None = None


class ChannelRule(_Frozen):
    """What is known of a channel."""

    signal: str | None = None
    unit: str | None = None  # as written in the file, in place of the header's
    brick: str | None = None
    ignore: bool = False
    mask: list[str] | None = None  # kinds of faults that are masked; by default all that can be


class Mapping(_Frozen):
    """Content of a mapping file."""

    clock: ClockRule = ClockRule()
    layout: LayoutRule = LayoutRule()
    channels: dict[str, ChannelRule] = Field(default_factory=dict)

    def rule_for(self, name: str) -> tuple[ChannelRule, str]:
        """Return the first rule whose pattern fits a channel, and its signal with the number filled in."""
        for pattern, rule in self.channels.items():
            match = _compiled(pattern).fullmatch(name)
            if match is None:
                continue
            signal = rule.signal or ""
            for key, number in match.groupdict().items():
                signal = signal.replace("{" + key + "}", str(int(number)))
            return rule, signal
        return ChannelRule(), ""


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
        raise InputError(f"{place_of(path)}: the mapping cannot be read ({error.strerror})") from None
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark is not None else None
        problem = " ".join(str(getattr(error, "problem", None) or error).split())[:100]
        raise InputError(f"{place_of(path, line)}: the mapping is no valid YAML ({problem})") from None
    return parse_mapping({} if content is None else content, str(path))


def parse_mapping(content: Any, origin: str) -> Mapping:
    """Check the content of a mapping; see `load_mapping`."""
    if not isinstance(content, dict):
        raise InputError(f"{origin}: expected the sections clock, layout and channels")
    try:
        mapping = Mapping.model_validate(content)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in problem["loc"])
        message = str(problem["msg"]).removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            parent = problem["loc"][:-1]
            owner = (
                Mapping
                if not parent
                else ChannelRule
                if parent[0] == "channels"
                else {"clock": ClockRule, "layout": LayoutRule}.get(str(parent[0]), Mapping)
            )
            message = f"unknown key; {_near(str(problem['loc'][-1]), owner.model_fields)}"
        raise InputError(f"{origin}: {where}: {message}") from None
    for pattern, rule in mapping.channels.items():
        where = f"{origin}: channels.'{pattern}'"
        try:
            _compiled(pattern)
        except re.error as error:
            raise InputError(f"{where}: not a pattern ({error})") from None
        if rule.unit is not None and find_unit(rule.unit) is None:
            raise InputError(f"{where}.unit: '{rule.unit}' is no unit; write for example degC, kW, L/s, %, kPa, rpm")
        holes = set(re.findall(r"\{([a-z])\}", rule.signal or ""))
        if holes - set(re.findall(r"\{([a-z])\}", pattern)):
            raise InputError(f"{where}.signal: '{rule.signal}' takes a number that the pattern does not have")
        if rule.signal:
            try:
                find_signal(re.sub(r"\{[a-z]\}", "1", rule.signal))
            except InputError as error:
                raise InputError(f"{where}.signal: {error}") from None
    return mapping


def _near(word: str, choices: Iterable[str]) -> str:
    choices = sorted(choices)
    close = difflib.get_close_matches(word, choices, n=1, cutoff=0.4)
    return f"did you mean '{close[0]}'?" if close else f"choices: {', '.join(choices[:12])}"


def check_used(mapping: Mapping, names: Iterable[str], origin: str) -> None:
    """Refuse a mapping with a pattern that fits no channel of the log.

    Raises
    ------
    InputError
        With the nearest channel.
    """
    names = list(names)
    for pattern in mapping.channels:
        compiled = _compiled(pattern)
        if not any(compiled.fullmatch(name) for name in names):
            raise InputError(f"{origin}: channels.'{pattern}' fits no channel of the log; {_near(pattern, names)}")


def check_hall(log: Log, hall: HallDescription) -> None:
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
    }
    plurals = {"rack": "rack groups", "unit": "cooling units", "chiller": "chillers"}
    for channel in log.channels.values():
        if not channel.signal:
            continue
        name, number = find_signal(channel.signal)
        counted_by = SIGNALS[name].counted_by
        if counted_by and not counts[counted_by]:
            raise InputError(f"channel '{channel.name}': signal '{channel.signal}', but the hall {hall.name} has no {plurals[counted_by]}")
        if counted_by and number > counts[counted_by]:
            raise InputError(
                f"channel '{channel.name}': signal '{channel.signal}', but the hall {hall.name} has {counts[counted_by]} "
                f"{plurals[counted_by]}; nearest is '{name}_{counts[counted_by]}'"
            )
        if name.startswith(("chilled_water", "condenser_water", "tower")) and hall.chillers is None and hall.district_cooling is None:
            raise InputError(f"channel '{channel.name}': signal '{channel.signal}', but the hall {hall.name} has no chilled water")


def first_mapping(log: Log) -> str:
    """Return the text of a mapping file to edit: what was understood, guesses marked, faults named."""
    clock = log.clock
    lines = [
        "# First mapping of a log, to be edited. Signals were guessed from the channels' names: check each.",
        "# In patterns * is anything and {k} a number; ignore: true leaves a channel out. Signals are listed by",
        "# python -c 'from dcsim.logs import SIGNALS; print(*SIGNALS)'",
        "clock:",
    ]
    if clock.kind.startswith("epoch") or clock.zone_source == "stamps":
        lines.append("  zone: UTC  # the stamps say so")
    elif clock.zone is not None:
        lines.append(f"  zone: {_quoted(clock.zone)}  # from {clock.zone_source}")
    else:
        lines.append("  zone: null  # not stated: write Europe/Stockholm, UTC, +08:00, ...")
    if clock.day_first is not None:
        lines.append(f"  day_first: {str(clock.day_first).lower()}")
    if not clock.has_date:
        lines.append("  date: null  # the stamps have no date: write the first day, 2024-06-01")
    lines.append("channels:")
    wrong: dict[str, list[Fault]] = {}
    for fault in log.faults:
        wrong.setdefault(fault.channel, []).append(fault)
    for channel in log.channels.values():
        faults = wrong.get(channel.name, [])
        suspect = next((fault for fault in faults if fault.kind == "wrong_air"), None)
        entries = []
        signal = channel.signal or suggested(channel.name, channel.quantity)
        if suspect:
            entries.append("ignore: true")
        elif signal:
            entries.append(f"signal: {signal}")
            brick = SIGNALS[find_signal(signal)[0]].brick
            if brick:
                entries.append(f"brick: {brick}")
        unit = channel.unit_as_written
        if unit and find_unit(unit):
            entries.append(f"unit: {_quoted(unit)}")
        remark = suspect.evidence if suspect else ""
        if channel.unit_source == "guessed":
            remark = remark or "unit guessed"
        elif channel.unit_source == "unknown":
            remark = remark or "no unit stated: write unit: degC, kW, ..."
        lines.append(f"  {_quoted(channel.name)}: {{{', '.join(entries)}}}" + (f"  # {remark}" if remark else ""))
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ") + '"'


def describe(text: str) -> str:
    """Return a value for a message."""
    return shown(text, 60)
