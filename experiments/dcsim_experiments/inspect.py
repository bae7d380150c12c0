"""``dcsim inspect LOG``: what the reader understood of a sensor log, as a table, a picture, a file, and a first mapping to edit."""

import math
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dcsim.errors import InputError
from dcsim.logs import Channel, Log, check_hall, check_log, first_mapping, load_mapping, read_log, signals_of
from dcsim.logs.clock import iso
from dcsim_experiments.config import InspectConfig
from dcsim_experiments.run_folder import RunFolder, package_versions

RESULT_FILE = "inspect.json"
MAPPING_FILE = "mapping.yaml"
FIGURE_FILE = "log.png"
ROWS_MAX = 60  # of the table on screen
SPANS_MAX = 100  # of a fault in the result file; the count is always whole


def main(config: InspectConfig, command: str | None = None) -> Path:
    """Read a log, show and write what was understood.

    Parameters
    ----------
    config : InspectConfig
    command : str, optional
        As typed.

    Returns
    -------
    Path
        Folder with ``inspect.json``, ``mapping.yaml`` and ``log.png``.

    Raises
    ------
    InputError
        If the log or the mapping cannot be understood; nothing is written then.
    """
    mapping = load_mapping(config.mapping) if config.mapping is not None else None
    log = read_log(config.log, mapping, progress=sys.stderr.isatty())
    signals: dict[str, str] = {}
    if mapping is not None:
        check_log(mapping, log, str(config.mapping))
        mapped = signals_of(log, mapping)
        signals = {}
        for each in mapped:
            name = f"{each.signal}_{each.number}" if each.number else each.signal
            signals[each.channel] = f"{signals[each.channel]}, {name}" if each.channel in signals else name
        if config.hall is not None:
            from dcsim.plant.description import load_hall

            check_hall(mapped, load_hall(config.hall))
    elif config.hall is not None:
        raise InputError("--hall: give --mapping too; it is the mapping that is checked against the hall")
    settings = {"log": str(config.log), "mapping": str(config.mapping) if config.mapping else None, "hall": config.hall}
    folder = RunFolder(config.out, "inspect", settings, 0, RESULT_FILE)
    result = content(log, signals) | {"packages": package_versions(), **({"command": command} if command else {})}
    print(table(log, signals))
    if mapping is None:
        _write(folder.path / MAPPING_FILE, first_mapping(log).encode())
    _draw(folder.path / FIGURE_FILE, log)
    folder.write(RESULT_FILE, result)
    return folder.path


def content(log: Log, signals: Mapping[str, str]) -> dict[str, Any]:
    """Return what was understood, JSON-able."""
    clock = log.clock
    return {
        "log": log.name,
        "layout": log.layout,
        "clock": {
            "column": clock.column,
            "kind": clock.kind,
            "form": clock.form,
            "zone": clock.zone,
            "order": clock.order,
            "stamps": clock.stamps,
            "start": iso(log.start),
            "end": iso(log.end),
            "step_s": _number(clock.step_s),
            "is_regular": clock.is_regular,
            "gaps": [[iso(begin), iso(end)] for begin, end in clock.gaps[:SPANS_MAX]],
            "gap_count": len(clock.gaps),
            "duplicates": clock.duplicates,
            "unreadable": clock.unreadable,
            "notes": list(clock.notes),
        },
        "warnings": list(log.warnings),
        "channels": {name: _entry(channel, signals.get(name, "")) for name, channel in log.channels.items()},
    }


def _entry(channel: Channel, signal: str) -> dict[str, Any]:
    return {
        "quantity": channel.quantity,
        "unit": channel.unit,
        "logged_unit": channel.logged_unit,
        "unit_source": channel.unit_source,
        "signal": signal,
        "samples": channel.samples,
        "masked": channel.masked,
        "step_s": _number(channel.step_s),
        "resolution": _number(channel.resolution),
        "min": _number(channel.low),
        "max": _number(channel.high),
        "faults": [
            {
                "kind": fault.kind,
                "detail": fault.detail,
                "samples": fault.samples,
                "masked": fault.is_masked,
                "spans": [[iso(begin), iso(end)] for begin, end in fault.spans[:SPANS_MAX]],
                "span_count": len(fault.spans),
            }
            for fault in channel.faults
        ],
    }


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def table(log: Log, signals: Mapping[str, str]) -> str:
    """Return what was understood as text: the clock, the channels, what was guessed."""
    clock = log.clock
    step = f"every {clock.step_s:g} s" if math.isfinite(clock.step_s) else "one row"
    lines = [
        f"{log.name}: {log.layout}",
        f"clock: '{clock.column}', {clock.form}, {clock.zone}; {iso(log.start)} to {iso(log.end)}, {step}"
        f"{'' if clock.is_regular else ' or so'}; {len(clock.gaps)} gaps, {clock.duplicates} repeated and {clock.unreadable} unreadable stamps",
        *(f"clock: {note}" for note in clock.notes),
        "",
    ]
    rows: list[tuple[str, ...]] = [
        ("channel", "quantity", "unit", "from", "min", "max", "samples", "masked", "signal", "faults")
    ]
    from dcsim.plots.log_overview import worst_channels

    names = list(log.channels) if len(log.channels) <= ROWS_MAX else worst_channels(log, ROWS_MAX)
    for name in names:
        channel = log.channels[name]
        source = channel.logged_unit + {"guess": " guessed", "none": "?", "mapping": " mapped"}.get(
            channel.unit_source, ""
        )
        kinds: dict[str, int] = {}
        for fault in channel.faults:
            kinds[fault.kind] = kinds.get(fault.kind, 0) + fault.samples
        words = ", ".join(f"{kind} {count}" if count else kind for kind, count in kinds.items())
        numbers = [f"{value:.4g}" if math.isfinite(value) else "-" for value in (channel.low, channel.high)]
        rows.append(
            (
                name[:44],
                channel.quantity or "-",
                channel.unit or "-",
                source,
                *numbers,
                str(channel.samples),
                str(channel.masked),
                signals.get(name, ""),
                words,
            )
        )
    used = [k for k in range(len(rows[0])) if any(row[k] for row in rows[1:])]
    widths = {k: max(len(row[k]) for row in rows) for k in used}
    right = {4, 5, 6, 7}
    for row in rows:
        lines.append(
            "  ".join(row[k].rjust(widths[k]) if k in right else row[k].ljust(widths[k]) for k in used).rstrip()
        )
    if len(names) < len(log.channels):
        lines.append(f"... and {len(log.channels) - len(names)} channels with fewer faults; all are in {RESULT_FILE}")
    if log.warnings:
        lines += ["", *(f"note: {warning}" for warning in log.warnings)]
    return "\n".join(lines)


def _draw(path: Path, log: Log) -> None:
    from dcsim.plots.log_overview import log_overview

    temporary = path.with_name(f".tmp-{path.name}")
    log_overview(log).savefig(temporary, format="png", dpi=120)
    os.replace(temporary, path)


def _write(path: Path, text: bytes) -> None:
    temporary = path.with_name(f".tmp-{path.name}")
    temporary.write_bytes(text)
    os.replace(temporary, path)
