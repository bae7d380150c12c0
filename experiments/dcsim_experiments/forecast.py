"""``dcsim forecast fit LOG`` and ``dcsim forecast score LOG --model DIR``: temperatures an hour ahead, and what that is worth."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from dcsim.errors import InputError
from dcsim.forecasting import Settings, aligned, fit, foretold, load, panel_of, save, table
from dcsim.forecasting.scores import Foretold
from dcsim.logs.clock import iso
from dcsim_experiments.config import ForecastConfig
from dcsim_experiments.replay import read_mapped
from dcsim_experiments.run_folder import RunFolder, package_versions

RESULT_FILE, FIGURE_FILE = "scores.json", "forecasts.png"
ROWS_MAX = 30


def main(config: ForecastConfig, command: str | None = None) -> Path:
    """Fit a forecaster to a log, or take one, and say what its forecasts are worth.

    Parameters
    ----------
    config : ForecastConfig
    command : str, optional
        As typed.

    Returns
    -------
    Path
        Folder with ``scores.json``, a figure, and of fit the forecaster, ``forecaster.json`` and ``forecaster.pt``.

    Raises
    ------
    InputError
        If the log is too short, or the forecaster does not fit it; nothing is written then.
    """
    torch.set_num_threads(config.threads)
    taken = load(config.model) if config.model else None
    log, mapping, _ = read_mapped(config.log, config.mapping)
    panel = panel_of(log, mapping, taken.step_s if taken else config.step_s, config.ignore)
    horizons = round(config.horizon_s / panel.step_s)
    if not horizons:
        raise InputError(f"--horizon {config.horizon}: is less than a step of the log, {panel.step_s:g} s")
    settings = {
        "action": config.action,
        "log": str(config.log),
        "model": str(config.model) if config.model else None,
        "mapping": mapping.model_dump(mode="json"),
        "horizon_s": config.horizon_s,
        "step_s": panel.step_s,
        "holdout_share": config.holdout_share,
        "ignore": list(config.ignore),
        "steps": config.steps,
        "members": config.members,
    }
    begin = 0
    if taken is None:
        begin = round((1.0 - config.holdout_share) * panel.values.shape[1])
        made_with = Settings(members=config.members, steps=config.steps, seed=config.seed)
        learned = fit([panel.part(0, begin)], horizons, made_with, _words())
    else:
        learned, panel = taken, aligned(panel, taken, log.name)
    worth = foretold(learned, [panel], begin)
    folder = RunFolder(config.out, "forecast", settings, config.seed, RESULT_FILE)
    times = panel.times
    result: dict[str, Any] = {
        "horizon_min": float(learned.minutes[-1]),
        **table(worth["known"]),
        "future_by_persistence": table(worth["persistence"]),
        "log": log.name,
        "scored": [iso(int(times[begin])), iso(int(times[-1]))],
        "packages": package_versions(),
        **({"command": command} if command else {}),
    }
    if taken is None:
        result["learned_from"] = [iso(int(times[0])), iso(int(times[begin - 1]))]
        save(learned, folder.path, {**folder.identity, "log": log.name, "learned_from": result["learned_from"]})
    print(words(result))
    _draw(folder.path, worth, f"{log.name}: {len(learned.targets)} channels forecast" if len(learned.targets) > 1 else log.name)
    folder.write(RESULT_FILE, result)
    return folder.path


def words(result: Mapping[str, Any]) -> str:
    """Return the result as a table, by kind of channel."""
    lines = [
        f"{result['horizon_min']:g} minutes ahead, {result['scored'][0]} to {result['scored'][1]}, RMSE (means over channels)",
        f"{'':40s}{'persistence':>12s}{'day before':>12s}{'ridge':>12s}{'model':>12s}{'90 % holds':>12s}{'width':>12s}",
    ]
    for heading, found in (
        ("future load and weather known", result),
        ("load and weather taken to stay", result["future_by_persistence"]),
    ):
        lines.append(heading)
        kinds: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
        for name, entry in found["channels"].items():
            kinds.setdefault((entry["signal"] or name, entry["unit"]), []).append(entry)
        rows = list(kinds.items())
        for (signal, unit), entries in rows[:ROWS_MAX]:
            cells = [
                _cell([each[by]["rmse"] for each in entries]) for by in ("persistence", "seasonal", "ridge", "model")
            ]
            cells += [_cell([each[key] for each in entries]) for key in ("coverage90", "interval_width")]
            label = f"  {signal} [{unit}]" + (f" x {len(entries)}" if len(entries) > 1 else "")
            lines.append(f"{label:40s}" + "".join(f"{cell:>12s}" for cell in cells))
        if len(rows) > ROWS_MAX:
            lines.append(f"  and {len(rows) - ROWS_MAX} kinds more, in {RESULT_FILE}")
    return "\n".join(lines)


def _cell(values: list[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{sum(known) / len(known):.4g}" if known else "-"


def _draw(folder: Path, worth: Mapping[str, Foretold], title: str) -> None:
    from dcsim.plots.forecasts import forecast_scores

    part = folder / f".tmp-{FIGURE_FILE}"
    forecast_scores(worth["known"], worth["persistence"], title).savefig(part, format="png")
    part.replace(folder / FIGURE_FILE)


def _words() -> Callable[[str, int, int], None] | None:
    """Say how far learning is, on a terminal."""
    if not sys.stderr.isatty():
        return None
    return lambda what, done, of: print(f"\r\033[K{what}: {done} of {of}", end="", file=sys.stderr, flush=True)
