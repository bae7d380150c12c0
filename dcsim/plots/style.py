"""Looks shared by all figures, and how a figure is made without pyplot's global state."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from dcsim.plots.palette import FAINT, GRID, INK, PAPER

STYLE: dict[str, Any] = {
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
    """Violation of a day, with one decimal where it is small."""
    return f"{k_min_per_day:.1f} K min/day" if k_min_per_day < 9.95 else f"{k_min_per_day:,.0f} K min/day"
