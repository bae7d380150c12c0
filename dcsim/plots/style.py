"""Looks shared by all figures, and how a figure is made without pyplot's global state."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.transforms import blended_transform_factory

from dcsim.plots.palette import FAINT, GRID, INK, PAPER

STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "text.color": INK,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.labelsize": 9.0,
    "axes.titlesize": 10.0,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "axes.grid": False,
    "axes.axisbelow": True,
    "axes.facecolor": PAPER,
    "axes.unicode_minus": True,
    "figure.facecolor": PAPER,
    "savefig.facecolor": PAPER,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "lines.linewidth": 1.6,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "path.simplify": True,
    "text.hinting": "force_autohint",
    "text.usetex": False,
}


@contextmanager
def house_style() -> Iterator[None]:
    """Draw with the shared looks whatever the user's own matplotlib settings are; those are back afterwards."""
    with matplotlib.rc_context(STYLE):
        yield


def new_figure(width: float, height: float, **options: Any) -> Figure:
    """Return an empty figure of a size [inches] on an Agg canvas of its own."""
    figure = Figure(figsize=(width, height), **options)
    FigureCanvasAgg(figure)
    return figure


def energy_text(kwh_per_day: float) -> str:
    """Energy of a day in kWh, or in MWh from ten of them on."""
    return f"{kwh_per_day / 1000.0:.2f} MWh/day" if kwh_per_day >= 1e4 else f"{kwh_per_day:.0f} kWh/day"


def violation_text(k_min_per_day: float) -> str:
    """Violation of a day with the digits that matter."""
    digits = 2 if k_min_per_day < 0.995 else 1 if k_min_per_day < 9.95 else 0
    return f"{k_min_per_day:,.{digits}f} K min/day"


class Tag(NamedTuple):
    """The name of a line at its end."""

    level: float  # in data units
    words: str
    color: str


def tag(level: Any, words: str, color: str) -> Tag:
    """Return a tag at a level given as any number."""
    return Tag(float(level), words, color)


def name_lines(axes: Axes, tags: Iterable[Tag]) -> None:
    """Name lines at the right of finished axes, in the order of their levels, pushed apart where they would overlap."""
    low, high = axes.get_ylim()
    height = axes.get_position().height * axes.get_figure(root=True).get_figheight() * 72.0  # type: ignore[union-attr]
    room = (high - low) * 9.5 / height  # of a line of text of 8.5 points
    ordered = sorted(tag for tag in tags if np.isfinite(tag.level))
    levels = np.array([tag.level for tag in ordered])
    for _ in range(20 * len(levels)):  # neighbours move apart by equal parts until all fit
        overlap = np.maximum(room - np.diff(levels), 0.0)
        if not overlap.max(initial=0.0) > 1e-3 * room:
            break
        levels[:-1] -= 0.5 * overlap
        levels[1:] += 0.5 * overlap
        levels[0] = max(levels[0], low + 0.5 * room)  # clear of what stands under the axes
    place = blended_transform_factory(axes.transAxes, axes.transData)
    for level, (_, words, color) in zip(levels, ordered, strict=True):
        axes.text(1.02, level, words, transform=place, color=color, fontsize=8.5, va="center", clip_on=False)
