"""``dcsim calibrate LOG --hall H``: a hall fitted to a sensor log, and how well it foretells what it was not fitted to."""

import json
import math
import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from dcsim.calibration import Fit, comparable, fit, hall_text, mapping_text, parameters_of
from dcsim.errors import InputError
from dcsim.logs import Log
from dcsim.logs.clock import iso
from dcsim.logs.mapping import signals_of
from dcsim.plant.description import HallDescription, load_hall
from dcsim.replay import Boundaries, Measured, Replayed, boundaries, described, open_loop, score
from dcsim_experiments.config import CalibrateConfig
from dcsim_experiments.replay import read_mapped, span
from dcsim_experiments.run_folder import RunFolder, package_versions, write_json

RESULT_FILE = "calibration.json"
HALL_FILE, MAPPING_FILE, PAGE_FILE = "hall.yaml", "mapping.yaml", "report.html"
PARAMETERS_FIGURE, CHANNELS_FIGURE = "parameters.png", "calibration.png"
FIGURE_ROWS_MAX = 14
HOUR_S = 3600.0
ENDS = (0.05, 0.95)  # of errors of single steps
GROUP_OF = {f"rack_front_{height}_temperature": "rack fronts" for height in ("bottom", "middle", "top")}

Array = np.ndarray


def main(config: CalibrateConfig, command: str | None = None) -> Path:
    """Fit a hall to a log, show and write what came of it.

    Parameters
    ----------
    config : CalibrateConfig
    command : str, optional
        As typed.

    Returns
    -------
    Path
        Folder with ``hall.yaml``, ``mapping.yaml``, ``calibration.json``, ``report.html`` and two figures.

    Raises
    ------
    InputError
        If log, mapping and hall do not fit each other; nothing is written then.
    """
    description = load_hall(config.hall)
    parameters = parameters_of(description, config.parameters or None)
    log, mapping, origin = read_mapped(config.log, config.mapping)
    begin, end = span(config)
    held = read_mapped(config.holdout, config.mapping)[0] if config.holdout else None

    def take(of: Log, hall: HallDescription, step_s: float | None) -> Boundaries:
        ends = (begin, end) if of is log else (None, None)
        return boundaries(of, mapping, hall, step_s, config.weather, origin, *ends)

    taken = take(log, description, config.step_s)
    other = take(held, description, taken.step_s) if held else None
    until = len(taken.time) if other else _split(taken, config.holdout_share)
    later = other.measured if other else tuple(replace(each, values=each.values[until:]) for each in taken.measured)
    if not any(np.isfinite(each.values).any() for each in later):
        raise InputError("nothing is measured in what is held out; take another --holdout-share or --holdout log")
    settings = {
        "log": str(config.log),
        "hall": description.digest(),
        "mapping": mapping.model_dump(mode="json"),
        "holdout": str(config.holdout) if config.holdout else config.holdout_share,
        "parameters": [each.name for each in parameters],
        "starts": config.starts,
        "weather": config.weather,
        "step_s": taken.step_s,
        "start": config.start,
        "end": config.end,
    }
    folder = RunFolder(config.out, "calibrate", settings, config.seed, RESULT_FILE, config.resume)
    kept, keep = _checkpoints(folder.path, config.resume)
    part = f"{iso(int(taken.time[0]))} to {iso(int(taken.time[until - 1]))}"
    found = fit(
        taken,
        description,
        parameters,
        until,
        config.starts,
        config.seed,
        f"fitted to {log.name}, {part}",
        config.threads,
        _words(),
        kept,
        keep,
    )
    replayed = {
        "before": open_loop(taken),
        "fitted": open_loop(_with(take(log, found.description, taken.step_s), found), starts=found.starts),
    }
    if held and other:
        fitted = _with(take(held, found.description, taken.step_s), found)
        replayed |= {"other_before": open_loop(other), "other_fitted": open_loop(fitted)}
    result = content(until, found, replayed)
    result |= {
        "log": log.name,
        "hall": config.hall,
        "hall_sha256": found.description.digest(),
        "fitted": [iso(int(taken.time[0])), iso(int(taken.time[until - 1]))],
        "packages": package_versions(),
        **({"command": command} if command else {}),
    }
    print(table(result))
    heading = f"{description.name} fitted by dcsim calibrate to {log.name}, {part}\nintervals and errors: {RESULT_FILE} beside this file"
    _write(folder.path / HALL_FILE, hall_text(found.description, heading))
    sensors = f"sensors as fitted with {HALL_FILE}; replay the log with both"
    _write(folder.path / MAPPING_FILE, mapping_text(mapping, signals_of(log, mapping), found.channels, sensors))
    _publish(folder.path, result, found, replayed["fitted"])
    folder.write(RESULT_FILE, result)
    return folder.path


def _split(taken: Boundaries, share: float) -> int:
    """Step at which the hold-out begins: that share of the steps at which all is known that drives the hall lies behind it."""
    steps = np.concatenate([np.arange(part.start, part.stop) for part in taken.segments])
    until = int(steps[min(len(steps) - 1, round((1.0 - share) * len(steps)))])
    if until < 3 or len(taken.time) - until < 3:
        raise InputError(f"{len(steps)} steps of {taken.step_s:g} s are too few to fit a hall and to hold some out")
    return until


def _checkpoints(folder: Path, resume: bool) -> tuple[dict[int, Array], Callable[[int, Array], None]]:
    """Where starts of the search have led, as far as an interrupted run came, and a function that keeps the next."""
    kept_in = folder / "checkpoints"
    if not resume:
        shutil.rmtree(kept_in, ignore_errors=True)
    kept_in.mkdir(exist_ok=True)
    kept = {}
    for path in sorted(kept_in.glob("start_*.json")):
        try:
            values = np.array(json.loads(path.read_text())["variables"], float)
        except (ValueError, KeyError, TypeError):
            raise InputError(f"{path}: is not what a calibration left; delete it to run this start again") from None
        kept[int(path.stem.rpartition("_")[2])] = values
    return kept, lambda number, v: write_json(kept_in / f"start_{number}.json", {"variables": v.tolist()})


def _words() -> Callable[[str], None] | None:
    """Say how far a fit is, on a terminal."""
    if not sys.stderr.isatty():
        return None
    return lambda words: print(f"\r\033[K{words}", end="", file=sys.stderr, flush=True)


def _with(taken: Boundaries, found: Fit) -> Boundaries:
    """The boundaries with sensors as fitted."""
    fitted = {each.name: each for each in found.channels}
    sensors = [
        replace(
            each,
            offset=fitted[each.name].offset,
            room_share=fitted[each.name].room_share,
            time_constant=fitted[each.name].time_constant,
        )
        if each.name in fitted
        else each
        for each in taken.measured
    ]
    return replace(taken, measured=tuple(sensors))


def content(until: int, found: Fit, replayed: Mapping[str, Replayed]) -> dict[str, Any]:
    """Return scores, parameters and sensors, JSON-able.

    Parameters
    ----------
    until : int
        Step of the log at which the hold-out begins.
    found : Fit
    replayed : mapping of str to Replayed
        ``before`` and ``fitted`` of the log, ``other_before`` and ``other_fitted`` of another log where that is held out.
    """
    taken, other = replayed["before"].boundaries, "other_fitted" in replayed
    first = slice(0, until)
    ahead = tuple(replayed[f"other_{name}" if other else name] for name in ("before", "fitted"))
    ahead_part = slice(None) if other else slice(until, None)
    parts = {
        "before_fit": _scores(replayed["before"], first),
        "fit": _scores(replayed["fitted"], first),
        "before": _scores(ahead[0], ahead_part),
        "holdout": _scores(ahead[1], ahead_part),
    }
    names = {each.name for each in found.channels}
    channels = {
        part: {name: entry for name, entry in entries.items() if name in names} for part, entries in parts.items()
    }
    steady = {
        each.name: float(np.nanmean(each.values[first])) for each in found.channels
    }  # as a constant would foretell
    for each in ahead[1].boundaries.measured:
        if each.name in channels["holdout"]:
            shown, entry = ahead[1].reading(each), channels["holdout"][each.name]
            assert shown is not None
            entry["best_constant_rmse"] = float(np.sqrt(np.nanmean((each.values[ahead_part] - steady[each.name]) ** 2)))
            errors = shown[ahead_part] - each.values[ahead_part]
            entry["hourly_errors"] = _means(errors, taken.step_s)
            entry["errors_90"] = [float(end) for end in np.nanquantile(errors, ENDS)]
    return {
        "step_s": taken.step_s,
        "steps": {"fit": until, "holdout": len(ahead[1].boundaries.time[ahead_part])},
        "inputs": dict(taken.sources),
        "notes": described(taken),
        "parameters": {
            each.parameter.name: {
                "value": each.value,
                "low": each.low,
                "high": each.high,
                "unit": each.parameter.unit,
                "identifiable": each.is_identifiable,
                "before": each.parameter.centre,
                "spread_left": each.spread,
            }
            for each in found.parameters
        },
        "correlation": found.correlation.tolist(),
        "sensors": {
            each.name: {
                "offset": each.offset,
                "room_share": each.room_share,
                "time_constant_s": each.time_constant,
                "noise": float(size),
                "autocorrelation_s": float(time) * taken.step_s,
                "unit": "K" if each.unit == "degC" else each.unit,
            }
            for each, size, time in zip(found.channels, found.noise.size, found.noise.time, strict=True)
        },
        "starts_above_rest": {
            f"{start.field}, stretch {start.segment + 1}": above for start, above in found.starts.items()
        },
        "costs": list(found.costs),
        "halls_run": found.halls,
        "channels": channels,
        "groups": _groups(channels, found.channels),
    }


def _scores(replayed: Replayed, part: slice) -> dict[str, Any]:
    found = {}
    for each in comparable(replayed):
        shown = replayed.reading(each)
        assert shown is not None
        one = score(each.values[part], shown[part], each.unit)
        if one is not None:
            found[each.name] = {
                "rmse": one.rmse,
                "mae": one.mae,
                "bias": one.bias,
                "cvrmse": one.cvrmse if math.isfinite(one.cvrmse) else None,
                "unit": one.unit,
                "steps": one.steps,
                "mean": float(np.nanmean(np.where(np.isfinite(shown[part]), each.values[part], np.nan))),
            }
    return found


def _means(errors: Array, step_s: float) -> list[float | None]:
    """Mean errors of the hours, None where less than half is known."""
    length = max(1, round(HOUR_S / step_s))
    hours = [errors[k : k + length] for k in range(0, len(errors), length)]
    return [float(np.nanmean(hour)) if np.isfinite(hour).sum() * 2 >= length else None for hour in hours]


def _groups(channels: Mapping[str, Any], sensors: Sequence[Measured]) -> dict[str, Any]:
    """Errors of channels of one kind together, root mean squares over them; of powers also that of the sums."""
    kinds: dict[str, list[str]] = {}
    for each in sensors:
        kinds.setdefault(GROUP_OF.get(each.signal, each.signal.replace("_", " ")), []).append(each.name)
    found: dict[str, Any] = {}
    for kind, names in kinds.items():
        have = [name for name in names if name in channels["holdout"]]
        if not have:
            continue
        unit = channels["holdout"][have[0]]["unit"]
        entry: dict[str, Any] = {"channels": len(have), "unit": unit}
        for part in ("before", "holdout", "fit"):
            values = [channels[part][name]["rmse"] for name in have if name in channels[part]]
            entry[part] = float(np.sqrt(np.mean(np.square(values)))) if values else None
        constant = [channels["holdout"][name]["best_constant_rmse"] for name in have]
        entry["best_constant"] = float(np.sqrt(np.mean(np.square(constant))))
        if unit == "W":
            for part in ("before", "holdout"):
                of = [channels[part][name] for name in have]
                entry[f"{part}_energy_error"] = sum(x["bias"] for x in of) / sum(x["mean"] for x in of)
        found[kind] = entry
    return found


PARAMETER_HEADER = ("parameter", "before", "fitted", "90 % interval", "unit", "the log tells")
GROUP_HEADER = (
    "kind",
    "channels",
    "unit",
    "before",
    "fitted, hold-out",
    "fitted, fit",
    "best constant",
    "energy before",
    "energy, hold-out",
)


def parameter_rows(result: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Parameters as text."""
    return [
        (
            name,
            f"{each['before']:.4g}",
            f"{each['value']:.4g}",
            f"{each['low']:.4g} to {each['high']:.4g}",
            each["unit"],
            "yes" if each["identifiable"] else "no",
        )
        for name, each in result["parameters"].items()
    ]


def group_rows(result: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Errors by kind as text."""
    found = []
    for kind, each in result["groups"].items():
        numbers = [
            "-" if each[key] is None else f"{each[key]:.3g}" for key in ("before", "holdout", "fit", "best_constant")
        ]
        energy = [
            f"{each[key]:+.1%}" if key in each else "-" for key in ("before_energy_error", "holdout_energy_error")
        ]
        found.append((kind, str(each["channels"]), each["unit"], *numbers, *energy))
    return found


def table(result: Mapping[str, Any]) -> str:
    """Return what was fitted and how well it foretells, as text."""
    lines = [
        f"{result['log']}: {result['hall']} fitted to {result['fitted'][0]} to {result['fitted'][1]}, "
        f"{result['steps']['fit']} steps of {result['step_s']:g} s; held out: {result['steps']['holdout']}",
        "",
    ]
    for header, rows, left in ((PARAMETER_HEADER, parameter_rows(result), 1), (GROUP_HEADER, group_rows(result), 1)):
        shown = [header, *rows]
        widths = [max(len(row[k]) for row in shown) for k in range(len(header))]
        for row in shown:
            cells = zip(row, widths, strict=True)
            lines.append("  ".join(c.ljust(w) if k < left else c.rjust(w) for k, (c, w) in enumerate(cells)))
        lines.append("")
    untold = [name for name, each in result["parameters"].items() if not each["identifiable"]]
    if untold:
        lines.append(f"the log does not tell: {', '.join(untold)}")
    return "\n".join(lines)


def _write(path: Path, text: str) -> None:
    temporary = path.with_name(f".tmp-{path.name}")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)


def _publish(folder: Path, result: Mapping[str, Any], found: Fit, fitted: Replayed) -> None:
    until = result["steps"]["fit"]
    mark = until if until < len(fitted.boundaries.time) else None
    from dcsim.plots.calibrated import calibrated_parameters
    from dcsim.plots.replay_channels import replay_channels, worst_first
    from dcsim_experiments.html_page import Section, command, figure, listed, paragraph, write_page
    from dcsim_experiments.html_page import table as table_of

    names = {each.name for each in found.channels}
    channels = [each for each in fitted.boundaries.measured if each.name in names]
    chosen = worst_first(fitted, channels, FIGURE_ROWS_MAX)
    drawn = calibrated_parameters(found.parameters, "What the log says of the hall")
    courses = replay_channels(fitted, chosen, f"{result['log']} on the fitted hall", mark)
    for drawing, name in ((drawn, PARAMETERS_FIGURE), (courses, CHANNELS_FIGURE)):
        temporary = folder / f".tmp-{name}"
        drawing.savefig(temporary, format="png", dpi=120)
        os.replace(temporary, folder / name)
    sensor_rows = [
        (
            name,
            f"{each['offset']:+.2f}",
            f"{each['room_share']:.2f}",
            f"{each['time_constant_s']:.0f}",
            f"{each['noise']:.3g} {each['unit']}",
        )
        for name, each in result["sensors"].items()
    ]
    sections = [
        Section(
            "How far the fitted hall is from what it was not fitted to",
            [
                paragraph(
                    "RMSE of channels of one kind together, of the hall run through the log without another look at it: as described, as "
                    "fitted, and of the mean of the part it was fitted to. Energy is simulated over measured, less 1.",
                    "note",
                ),
                table_of(GROUP_HEADER, group_rows(result)),
            ],
        ),
        Section(
            "Parameters",
            [
                figure(
                    drawn,
                    "Intervals of 90 % in spreads of what was known before. Dark: the log leaves less than half of the spread.",
                ),
                table_of(PARAMETER_HEADER, parameter_rows(result)),
            ],
        ),
        Section(
            "Measured and simulated",
            [
                figure(
                    courses, f"The {len(chosen)} of {len(channels)} channels of greatest error over their own spread."
                )
            ],
        ),
        Section(
            "Sensors as fitted",
            [
                paragraph(
                    "What a sensor reads too much [K], the room's air in the air it hangs in, its lag [s], what is left.",
                    "note",
                ),
                table_of(("channel", "offset", "room share", "lag", "noise"), sensor_rows),
            ],
        ),
        Section("What drove the hall", [listed(result["notes"])]),
        *([Section("How to repeat it", [command(result["command"])])] if "command" in result else []),
    ]
    identifiable = sum(each["identifiable"] for each in result["parameters"].values())
    write_page(
        folder / PAGE_FILE,
        f"Calibration to {result['log']}",
        f"{len(result['parameters'])} parameters, of which the log tells {identifiable}; {len(names)} channels compared.",
        sections,
    )
