"""What forecasts are worth on windows that nothing was learned from, beside what takes no learning."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from dcsim.errors import InputError
from dcsim.forecasting.corpus import Corpus, corpus_of
from dcsim.forecasting.forecaster import Forecaster
from dcsim.forecasting.panel import Member, Panel
from dcsim.forecasting.trust import MODES, PERSISTENCE

Array = np.ndarray
Tensor = torch.Tensor

DAY_S = 86_400.0
WINDOWS_MAX = 4000
BASELINES = ("persistence", "seasonal", "ridge")


@dataclass(frozen=True)
class Foretold:
    """Windows of which all is known, with what was foretold of them; arrays of shape (N, C, P), of changes from now.

    Attributes
    ----------
    targets : tuple of Member
    minutes : ndarray, shape (P,)
    came : ndarray
        NaN where not measured.
    by : dict of str to ndarray
        ``model``, ``persistence``, ``seasonal``, the value of a day before, NaN where there is none, and ``ridge``.
    low, high : ndarray
        Interval of the model.
    now : ndarray, shape (N, C)
    """

    targets: tuple[Member, ...]
    minutes: Array
    came: Array
    by: dict[str, Array]
    low: Array
    high: Array
    now: Array


def aligned(panel: Panel, forecaster: Forecaster, name: str) -> Panel:
    """Return a panel with the channels of a forecaster, in its order.

    A channel is found by its name and signal; under another name, by signal and number, if there is no other such sensor.

    Raises
    ------
    InputError
        If the panel lacks one, has it in another unit, or goes by other steps.
    """
    if abs(panel.step_s - forecaster.step_s) > 0.5:
        raise InputError(f"{name}: goes by steps of {panel.step_s:g} s, the forecaster by {forecaster.step_s:g} s")
    found = [_place(panel, each) for each in forecaster.members]
    missing = [each.name for each, row in zip(forecaster.members, found, strict=True) if row is None]
    if missing:
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        raise InputError(
            f"{name}: has no channel for {', '.join(missing[:3])}{more}, which the forecaster needs; map one to that signal"
        )
    rows = [row for row in found if row is not None]
    for row, each in zip(rows, forecaster.members, strict=True):
        if panel.members[row].unit != each.unit:
            raise InputError(f"{name}: {panel.members[row].name} in {panel.members[row].unit}, {each.unit} is wanted")
    return replace(panel, members=forecaster.members, values=panel.values[rows])


def _place(panel: Panel, member: Member) -> int | None:
    """Where a panel has a channel: that of the same name and signal, or the only one of its signal and number; None for nowhere."""
    kind = (member.signal, member.number)
    alike = [k for k, each in enumerate(panel.members) if (each.signal, each.number) == kind]
    named = [k for k in alike if panel.members[k].name == member.name]
    if not named and member.signal and len(alike) == 1:
        return alike[0]
    return named[0] if named else None


def foretold(forecaster: Forecaster, panels: Sequence[Panel], begin: int = 0) -> dict[str, Foretold]:
    """Forecast windows of panels, with the future of weather and load known and with it taken to stay, by mode.

    Parameters
    ----------
    forecaster : Forecaster
    panels : sequence of Panel
        With its channels.
    begin : int
        Column of the first panel from which windows, their history with them, are taken.
    """
    corpus = corpus_of(panels, forecaster.horizons, forecaster.layout, forecaster.scales)
    corpus = corpus.between(begin, corpus.values.shape[1])
    if not len(corpus.at):
        raise InputError("too short: no window lies in what is to be scored")
    corpus = corpus.thinned(WINDOWS_MAX)
    return {mode: _foretold(forecaster, corpus, mode) for mode in MODES}


def _foretold(forecaster: Forecaster, corpus: Corpus, mode: str) -> Foretold:
    parts = []
    with torch.no_grad():
        for at, found, came in corpus.batches(corpus.at, mode == PERSISTENCE):
            forecast = forecaster.changes(found, mode, corpus.series[:, at].T)
            straight = forecaster.linear[mode].predicted(found, corpus.targets)
            parts.append((came, *forecast, straight, _a_day_before(corpus, at)))
    came, mean, low, high, straight, seasonal = (torch.cat(each) for each in zip(*parts, strict=True))
    by = {"model": mean, "persistence": torch.zeros_like(mean), "seasonal": seasonal, "ridge": straight}
    return Foretold(
        forecaster.targets,
        forecaster.minutes,
        came.numpy(),
        {name: changes.numpy() for name, changes in by.items()},
        low.numpy(),
        high.numpy(),
        corpus.values[:, corpus.at].T.numpy(),
    )


def _a_day_before(corpus: Corpus, at: Tensor) -> Tensor:
    """Change to the value of a day before the horizon, (N, C, P); NaN before the log's first day is over."""
    column_s = corpus.step_s / corpus.phases
    then = at[:, None] + torch.arange(1, corpus.horizons + 1) * corpus.phases - round(DAY_S / column_s)
    before = corpus.values[:, then.clamp(min=0)]
    before = torch.where((then >= 0) & (then <= at[:, None]), before, torch.nan)
    return (before - corpus.values[:, at][..., None]).movedim(0, 1)


def table(foretold: Foretold) -> dict[str, Any]:
    """Return errors at the last horizon by channel, their means over temperatures, and what intervals hold by horizon.

    Returns
    -------
    dict
        ``channels.{name}.{model,persistence,seasonal,ridge}.{rmse,mae}`` and ``channels.{name}.{coverage90,interval_width,unit,signal}``;
        ``mean`` with the same; ``horizons``, a list of ``minutes``, ``coverage90``, ``interval_width``, ``model`` and ``ridge`` (RMSE over
        that of persistence, the root mean square over channels).
    """
    channels: dict[str, dict[str, Any]] = {}
    for k, member in enumerate(foretold.targets):
        entry: dict[str, Any] = {}
        came = foretold.came[:, k, -1]
        if not np.isfinite(came).any():
            continue
        for name, changes in foretold.by.items():
            entry[name] = _errors(changes[:, k, -1] - came)
        low, high = foretold.low[:, k, -1], foretold.high[:, k, -1]
        known = np.isfinite(came)
        entry["coverage90"] = float(np.mean((came >= low)[known] & (came <= high)[known]))
        entry["interval_width"] = float(np.mean((high - low)[known]))
        entry["unit"] = "K" if member.unit == "degC" else member.unit
        entry["signal"] = member.signal
        channels[member.name] = entry
    warm = [entry for entry in channels.values() if entry["unit"] == "K"]
    mean: dict[str, Any] = {
        name: {key: _mean([e[name][key] for e in warm]) for key in ("rmse", "mae")} for name in foretold.by
    }
    mean |= {key: _mean([entry[key] for entry in warm]) for key in ("coverage90", "interval_width")} | {"unit": "K"}
    return {
        "channels": channels,
        "mean": mean,
        "horizons": [_at_horizon(foretold, h) for h in range(len(foretold.minutes))],
    }


def _at_horizon(f: Foretold, h: int) -> dict[str, float]:
    came = f.came[..., h]
    known = np.isfinite(came)
    inside = (came >= f.low[..., h]) & (came <= f.high[..., h])
    warm = [k for k, member in enumerate(f.targets) if member.unit == "degC"]
    usual = np.nanmean(came**2, axis=0) if known.any() else np.ones(len(f.targets))

    def relative(name: str) -> float:
        return float(
            np.sqrt(np.nanmean(np.nanmean((f.by[name][..., h] - came) ** 2, axis=0) / np.maximum(usual, 1e-12)))
        )

    return {
        "minutes": float(f.minutes[h]),
        "coverage90": float(inside[known].mean()),
        "interval_width": float(np.nanmean((f.high - f.low)[:, warm, h])),
        "model": relative("model"),
        "ridge": relative("ridge"),
    }


def _errors(away: Array) -> dict[str, float | None]:
    away = away[np.isfinite(away)]
    if not len(away):
        return {"rmse": None, "mae": None}
    return {"rmse": float(np.sqrt(np.mean(away**2))), "mae": float(np.mean(np.abs(away)))}


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known and len(known) == len(values) else None
