"""How a learned controller got better while it trained."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dcsim.plots import palette
from dcsim.plots.style import Tag, house_style, name_lines, new_figure, tag

_ROWS = {
    "thermal_energy_kwh": "thermal energy\n[kWh/day]",
    "violation_k_min": "above the limit\n[K min/day]",
    "episode_return": "return of\nan episode [-]",
}


def learning_curve(
    curves: Mapping[str, Mapping[str, Any]], reference: Mapping[str, Any] | None = None, title: str | None = None
) -> Figure:
    """Draw evaluations made during training; energy always with the violations beneath it.

    Parameters
    ----------
    curves : mapping
        Controller to ``steps`` (K,) and one or more of ``thermal_energy_kwh``, ``violation_k_min`` and ``episode_return``, each (K,) or, for
        several training seeds, (S, K). Energy and violation are of a day.
    reference : mapping, optional
        ``name`` of a controller and its values of the same quantities, drawn as a line.
    title : str, optional

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If there is energy without violations, or nothing to draw.
    """
    shown = [row for row in _ROWS if any(row in curve for curve in curves.values())]
    for name, curve in curves.items():
        if "thermal_energy_kwh" in curve and "violation_k_min" not in curve:
            raise ValueError(f"{name}: energy is not shown without violation_k_min")
    if not shown:
        raise ValueError(f"nothing to draw: give one of {', '.join(_ROWS)}")
    with house_style():
        figure = new_figure(8.4, 1.15 + 1.9 * len(shown), dpi=100)
        height = 1.15 + 1.9 * len(shown)
        figure.subplots_adjust(left=0.125, right=0.87, top=1.0 - 0.62 / height, bottom=0.55 / height, hspace=0.12)
        seeds = max(len(np.atleast_2d(curve[row])) for curve in curves.values() for row in shown if row in curve)
        band = f"; line: median of {seeds} seeds, band: lowest to highest" if seeds > 1 else ""
        figure.text(0.012, 1.0 - 0.1 / height, title or "Does it learn?", fontsize=12, weight="bold", va="top")
        figure.text(
            0.012, 1.0 - 0.34 / height, f"evaluated while training{band}", fontsize=8.5, va="top", color="#444444"
        )
        grid = figure.subplots(len(shown), 1, sharex=True, squeeze=False)[:, 0]
        most = max(float(np.max(curve["steps"])) for curve in curves.values())
        for axes, row in zip(grid, shown, strict=True):
            tags = [_draw(axes, name, curve, row) for name, curve in curves.items() if row in curve]
            if reference is not None and row in reference:
                name = str(reference["name"])
                axes.axhline(float(reference[row]), color=palette.color(name), linewidth=1.3, linestyle=(0, (4, 2)))
                tags.append(tag(reference[row], palette.label(name), palette.color(name)))
            axes.set_ylabel(_ROWS[row])
            axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.12g}")
            axes.grid(True, axis="y")
            axes.set_xlim(0.0, most)
            if row == "violation_k_min":
                axes.set_ylim(bottom=0.0)
            name_lines(axes, tags)
        figure.align_ylabels(grid)
        grid[-1].set_xlabel("environment steps of training")
        grid[-1].xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    return figure


def _draw(axes: Axes, name: str, curve: Mapping[str, Any], row: str) -> Tag:
    steps, values = np.asarray(curve["steps"], float), np.atleast_2d(np.asarray(curve[row], float))
    face = palette.color(name)
    middle = np.median(values, axis=0)
    if len(values) > 1:
        axes.fill_between(steps, values.min(0), values.max(0), color=face, alpha=0.2, linewidth=0)
    axes.plot(steps, middle, color=face, marker="o", markersize=3.5)
    return tag(middle[-1], palette.label(name), face)
