"""A sensor log at a glance: every channel over time, what is masked and what is doubtful."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateFormatter, AutoDateLocator
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from dcsim.logs.log import Channel, Log
from dcsim.plots import palette
from dcsim.plots.style import house_style, new_figure

ROWS_MAX = 60
POINTS = 1500  # of a line; more do not show
MASKED, DOUBTFUL, LINE = palette.LIMIT, "#e3b23c", "#2d66a8"


def log_overview(log: Log, channels: Sequence[str] | None = None) -> Figure:
    """Draw one row a channel: its range over time as a band, masked samples red, doubtful times yellow, holes white.

    Parameters
    ----------
    log : Log
    channels : sequence of str, optional
        At most `ROWS_MAX` of them; by default those with most faults first, in the order of the log.

    Returns
    -------
    Figure
    """
    names = list(channels) if channels is not None else worst_channels(log)
    with house_style():
        figure = new_figure(11.0, 1.5 + 0.36 * len(names))
        top = 1.0 - 0.95 / figure.get_figheight()
        grid = figure.add_gridspec(
            len(names), 1, left=0.27, right=0.8, top=top, bottom=0.55 / figure.get_figheight(), hspace=0.12
        )
        shared: Axes | None = None
        for row, name in enumerate(names):
            axes = figure.add_subplot(grid[row], sharex=shared)
            shared = shared or axes
            _row(axes, log, name)
            axes.tick_params(axis="x", length=0, labelbottom=False)
        if shared is not None:
            last = figure.axes[-1]
            shared.set_xlim(_dates(np.array([log.start, max(log.end, log.start + 1)])))
            last.tick_params(axis="x", length=3, labelbottom=True)
            last.spines["bottom"].set_visible(True)
            if log.clock.has_date:
                locator = AutoDateLocator(minticks=4, maxticks=9)
                last.xaxis.set_major_locator(locator)
                last.xaxis.set_major_formatter(AutoDateFormatter(locator))
            last.set_xlabel("universal time" if log.clock.has_date else "days since an origin that is not stated")
        shown = (
            f"{len(names)} of {len(log.channels)} channels"
            if len(names) < len(log.channels)
            else f"{len(names)} channels"
        )
        figure.text(
            0.01,
            1.0 - 0.3 / figure.get_figheight(),
            f"{log.name}: {shown}",
            fontsize=11,
            fontweight="bold",
            va="center",
        )
        handles = [
            Line2D([], [], color=LINE, label="reading"),
            Patch(color=MASKED, label="masked"),
            Patch(color=DOUBTFUL, alpha=0.35, label="doubtful"),
        ]
        figure.legend(
            handles=handles, loc="center right", bbox_to_anchor=(0.99, 1.0 - 0.3 / figure.get_figheight()), ncols=3
        )
    return figure


def worst_channels(log: Log, most: int = ROWS_MAX) -> list[str]:
    """Names of the channels with most kinds of faults, in the order of the log."""
    kinds = {
        name: {fault.kind for fault in channel.faults} - {"constant", "coarse"}
        for name, channel in log.channels.items()
    }
    ranked = sorted(log.channels, key=lambda name: (-len(kinds[name]), -log.channels[name].masked))
    chosen = set(ranked[:most])
    return [name for name in log.channels if name in chosen]


def _dates(time: Any) -> Any:
    """Days since 1970, as matplotlib counts them."""
    return np.asarray(time, dtype=float) / 86_400e9


def _row(axes: Axes, log: Log, name: str) -> None:
    channel, series = log.channel(name), log[name]
    axes.spines["bottom"].set_visible(False)
    axes.spines["left"].set_visible(False)
    axes.set_yticks([])
    for fault in channel.faults:
        if not fault.is_masked and fault.kind in ("off", "wrong air", "saturated", "ends early"):
            for begin, end in fault.spans[:400]:
                axes.axvspan(*_dates([begin, end]), color=DOUBTFUL, alpha=0.35, lw=0)
    time, low, high = _band(series.time, series.values, log, channel.step_s)
    if np.isfinite(low).any():
        least, most = float(np.nanmin(low)), float(np.nanmax(high))
        margin = 0.08 * (most - least) or max(abs(most), 1.0) * 0.1
        axes.set_ylim(least - margin, most + margin)
        axes.fill_between(_dates(time), low, high, color=LINE, lw=0.9, edgecolor=LINE, step=None)
    for begin, end in channel.spans(*(fault.kind for fault in channel.faults if fault.is_masked))[:2000]:
        centre = _dates([begin, end])
        width = max(centre[1] - centre[0], 0.0015 * (log.end - log.start) / 86_400e9)
        axes.axvspan(centre[0], centre[0] + width, ymin=0.0, ymax=0.16, color=MASKED, lw=0)
    axes.text(-0.01, 0.5, _short(name), transform=axes.transAxes, ha="right", va="center", fontsize=8.0)
    axes.text(
        1.01, 0.5, _words(channel), transform=axes.transAxes, ha="left", va="center", fontsize=7.5, color=palette.FAINT
    )


def _band(time: Any, values: Any, log: Log, step_s: float) -> tuple[Any, Any, Any]:
    """Smallest and greatest reading in each of `POINTS` intervals; NaN where there is none."""
    known = np.isfinite(values)
    width = max((log.end - log.start) // POINTS, round(1e9 * step_s) if np.isfinite(step_s) else 1, 1)
    place = (time[known] - log.start) // width
    count = int((log.end - log.start) // width) + 1
    low, high = np.full(count, np.inf), np.full(count, -np.inf)
    inside = (place >= 0) & (place < count)
    np.minimum.at(low, place[inside], values[known][inside])
    np.maximum.at(high, place[inside], values[known][inside])
    empty = ~np.isfinite(low)
    return log.start + width * (np.arange(count) + 0.5), np.where(empty, np.nan, low), np.where(empty, np.nan, high)


def _short(name: str, most: int = 40) -> str:
    return name if len(name) <= most else f"...{name[3 - most :]}"


def _words(channel: Channel) -> str:
    unit = "" if channel.unit in ("", "-") else f" {channel.unit}"
    span = f"{channel.low:.4g} to {channel.high:.4g}{unit}" if np.isfinite(channel.low) else "no reading"
    kinds = ", ".join(dict.fromkeys(fault.kind for fault in channel.faults))
    return f"{span}; {kinds}"[:56] if kinds else span
