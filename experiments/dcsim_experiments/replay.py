"""``dcsim replay LOG --hall H``: a hall on the boundary conditions of a sensor log, beside what its sensors measured."""

import datetime
import math
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import yaml

from dcsim.errors import InputError
from dcsim.logs import Log, first_mapping, load_mapping, read_log
from dcsim.logs.clock import iso
from dcsim.logs.mapping import Mapping, parse_mapping
from dcsim.plant.description import load_hall
from dcsim.replay import Ahead, Boundaries, Measured, Replayed, Score, ahead, boundaries, described, open_loop, score
from dcsim_experiments.config import ReplayConfig
from dcsim_experiments.run_folder import RunFolder, package_versions

RESULT_FILE = "replay.json"
PAGE_FILE = "report.html"
FIGURE_FILE = "replay.png"
FIGURE_ROWS_MAX = 16


def main(config: ReplayConfig, command: str | None = None) -> Path:
    """Replay a log, show and write how far the hall is from it.

    Parameters
    ----------
    config : ReplayConfig
    command : str, optional
        As typed.

    Returns
    -------
    Path
        Folder with ``replay.json``, ``replay.png`` and ``report.html``.

    Raises
    ------
    InputError
        If the log, the mapping and the hall do not fit each other; nothing is written then.
    """
    if config.controller:
        from dcsim_experiments import counterfactual_report

        return counterfactual_report.main(config, command)
    description = load_hall(config.hall)
    log, mapping, origin = read_mapped(config.log, config.mapping)
    begin, end = span(config)
    taken = boundaries(log, mapping, description, config.step_s, config.weather, origin, begin, end)
    settings = {
        "log": str(config.log),
        "hall": config.hall,
        "mapping": str(config.mapping) if config.mapping else None,
        "weather": config.weather,
        "step_s": taken.step_s,
        "start": config.start,
        "end": config.end,
        "ahead": config.ahead,
    }
    folder = RunFolder(config.out, "replay", settings, config.seed, RESULT_FILE)
    replayed = open_loop(taken, _bar("open loop", taken))
    forecast = ahead(taken, config.seed, _bar("state estimate", taken)) if config.ahead else None
    result = content(log, replayed, forecast) | {
        "packages": package_versions(),
        **({"command": command} if command else {}),
    }
    print(table(result))
    channels = [each for each in taken.measured if each.name in result["channels"]]
    _publish(folder.path, result, replayed, channels)
    folder.write(RESULT_FILE, result)
    return folder.path


def read_mapped(log: Path, mapping: Path | None) -> tuple[Log, Mapping, str]:
    """Read a log with its mapping, or with signals guessed from names; also say where the mapping is from."""
    if mapping is not None:
        known = load_mapping(mapping)
        return read_log(log, known, progress=sys.stderr.isatty()), known, str(mapping)
    found = read_log(log, progress=sys.stderr.isatty())
    print(
        f"{log}: no --mapping: signals are guessed from the names of channels; `dcsim inspect` writes them to a file to edit"
    )
    return found, parse_mapping(yaml.safe_load(first_mapping(found)), "guessed mapping"), "guessed mapping"


def span(config: Any) -> tuple[int | None, int | None]:
    """First and last time [ns] of ``--start`` and ``--end``, where they are given."""
    begin, end = (
        None if text is None else moment(text, name) for text, name in ((config.start, "start"), (config.end, "end"))
    )
    return begin, end


def moment(text: str, name: str) -> int:
    """Nanoseconds of an ISO time."""
    try:
        moment = datetime.datetime.fromisoformat(text)
    except ValueError:
        raise InputError(f"--{name} {text}: expected an ISO time such as 2024-06-01T12:00") from None
    moment = moment.replace(tzinfo=datetime.UTC) if moment.tzinfo is None else moment
    return round(moment.timestamp()) * 1_000_000_000


def _bar(what: str, taken: Boundaries) -> Callable[[int], None] | None:
    """Say how far a run is, on a terminal."""
    if not sys.stderr.isatty():
        return None
    total = len(taken.time)
    return lambda step: print(
        f"\r{what}: {step / total:4.0%}", end="" if step < total else "\n", file=sys.stderr, flush=True
    )


def content(log: Log, replayed: Replayed, forecast: Ahead | None) -> dict[str, Any]:
    """Return scores and boundaries, JSON-able."""
    taken = replayed.boundaries
    channels: dict[str, Any] = {}
    left_out = []
    for each in taken.measured:
        simulated = replayed.reading(each)
        found = None if simulated is None else score(each.values, simulated, each.unit)
        if found is None:
            why = (
                "the hall has nothing of the kind, or only all units together"
                if simulated is None
                else "never measured while all that drives the hall is known"
            )
            left_out.append({"channel": each.name, "signal": each.signal, "why": why})
            continue
        channels[each.name] = {
            **_entry(found),
            "best_constant_rmse": found.constant,
            "signal": f"{each.signal}_{each.number}" if each.number else each.signal,
        }
    if not channels:
        raise InputError(f"{log.name}: no measured channel has a counterpart in hall {taken.hall.description.name}")
    if forecast is not None:
        for k, each in enumerate(forecast.channels):
            for name in ("one_step", "one_hour", "persistence"):
                found = score(each.values, getattr(forecast, name)[k], each.unit)
                if each.name in channels and found is not None:
                    channels[each.name][name] = _entry(found)
    return {
        "log": log.name,
        "hall": taken.hall.description.name,
        "start": iso(int(taken.time[0])),
        "end": iso(int(taken.time[-1])),
        "step_s": taken.step_s,
        "steps": sum(part.stop - part.start for part in taken.segments),
        "segments": [
            [iso(int(taken.time[part.start])), iso(int(taken.time[part.stop - 1]))] for part in taken.segments
        ],
        "inputs": dict(taken.sources),
        "bridged": dict(taken.bridged),
        "notes": described(taken),
        "warnings": list(log.warnings),
        "channels": channels,
        "not_compared": left_out,
    }


def _entry(found: Score) -> dict[str, Any]:
    return {
        "rmse": found.rmse,
        "mae": found.mae,
        "bias": found.bias,
        "cvrmse": found.cvrmse if math.isfinite(found.cvrmse) else None,
        "unit": found.unit,
        "steps": found.steps,
    }


HEADER = (
    "channel",
    "signal",
    "unit",
    "RMSE",
    "bias",
    "CV(RMSE)",
    "best constant",
    "one step ahead",
    "one hour ahead",
    "as an hour before",
)


def rows(result: dict[str, Any]) -> list[tuple[str, ...]]:
    """Scores as text, one row a channel."""
    found = []
    for name, entry in result["channels"].items():
        relative = entry["cvrmse"]
        ahead_of = [
            f"{entry[key]['rmse']:.3g}" if key in entry else "-" for key in ("one_step", "one_hour", "persistence")
        ]
        found.append(
            (
                name,
                entry["signal"],
                entry["unit"],
                f"{entry['rmse']:.3g}",
                f"{entry['bias']:+.3g}",
                f"{relative:.1%}" if relative is not None else "-",
                f"{entry['best_constant_rmse']:.3g}",
                *ahead_of,
            )
        )
    return found


def table(result: dict[str, Any]) -> str:
    """Return what drove the hall and how far it is from the log, as text."""
    lines = [
        f"{result['log']} on hall {result['hall']}: {result['steps']} steps of {result['step_s']:g} s, {result['start']} on",
        *result["notes"],
        "",
    ]
    shown = [HEADER, *rows(result)]
    widths = [max(len(row[k]) for row in shown) for k in range(len(HEADER))]
    for row in shown:
        lines.append(
            "  ".join(
                cell.ljust(w) if k < 3 else cell.rjust(w) for k, (cell, w) in enumerate(zip(row, widths, strict=True))
            )
        )
    lines += [f"not compared: {each['channel']} ({each['signal']}): {each['why']}" for each in result["not_compared"]]
    return "\n".join(lines)


def _publish(folder: Path, result: dict[str, Any], replayed: Replayed, channels: Sequence[Measured]) -> None:
    from dcsim.plots.replay_channels import replay_channels, worst_first
    from dcsim_experiments.html_page import Section, command, facts, figure, listed, paragraph, write_page
    from dcsim_experiments.html_page import table as table_of

    chosen = worst_first(replayed, channels, FIGURE_ROWS_MAX)
    drawing = replay_channels(replayed, chosen, f"{result['log']} on hall {result['hall']}")
    temporary = folder / f".tmp-{FIGURE_FILE}"
    drawing.savefig(temporary, format="png", dpi=120)
    os.replace(temporary, folder / FIGURE_FILE)
    shown = (
        f"The {len(chosen)} of {len(channels)} channels of greatest error over their own spread."
        if len(chosen) < len(channels)
        else ""
    )
    entries = {key: str(result[key]) for key in ("log", "hall", "start", "end", "step_s", "steps")}
    sections = [
        Section(
            "How far the hall is from the log",
            [
                paragraph(
                    "RMSE, bias (simulated less measured) and CV(RMSE) of the hall run through the log without another look at it. "
                    "Beside them the RMSE of the best constant, of forecasts from a state estimated by what was measured "
                    "before, and of the value of an hour before.",
                    "note",
                ),
                table_of(HEADER, rows(result)),
            ],
        ),
        Section(
            "Measured and simulated", [figure(drawing, f"Measured and simulated, and what is between them. {shown}")]
        ),
        Section("What drove the hall", [facts(entries), listed(result["notes"])]),
        *([Section("What the reader warned of", [listed(result["warnings"])])] if result["warnings"] else []),
        *([Section("How to repeat it", [command(result["command"])])] if "command" in result else []),
    ]
    write_page(
        folder / PAGE_FILE, f"Replay of {result['log']}", f"{len(result['channels'])} channels compared.", sections
    )
