"""Measured channels of a log beside what a replayed hall shows there, and what is left between them."""

from collections.abc import Sequence

import numpy as np
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure

from dcsim.plots import palette
from dcsim.plots.style import house_style, new_figure
from dcsim.replay import Measured, Replayed

POINTS = 2000
MEASURED, SIMULATED = "#444444", "#2d66a8"


def replay_channels(
    replayed: Replayed, channels: Sequence[Measured], title: str = "", mark: int | None = None
) -> Figure:
    """Draw a row a channel: measured and simulated to the left, simulated minus measured to the right.

    Parameters
    ----------
    replayed : Replayed
    channels : sequence of Measured
        Those that the hall has a signal for.
    title : str
    mark : int, optional
        Step at which a line is drawn.

    Returns
    -------
    Figure
    """
    time = replayed.boundaries.time.astype("datetime64[ns]")
    thin = slice(None, None, max(1, len(time) // POINTS))
    with house_style():
        figure = new_figure(11.0, 1.0 + 1.55 * len(channels))
        height = figure.get_figheight()
        grid = figure.add_gridspec(
            len(channels), 2, left=0.08, right=0.985, top=1.0 - 0.62 / height, bottom=0.45 / height, width_ratios=(3, 2)
        )
        shared = None
        for row, each in enumerate(channels):
            simulated = replayed.reading(each)
            assert simulated is not None
            scale, unit = (1e-3, "kW") if each.unit == "W" else (1.0, each.unit)
            left = figure.add_subplot(grid[row, 0], sharex=shared)
            shared = shared or left
            right = figure.add_subplot(grid[row, 1], sharex=shared)
            left.plot(time[thin], scale * each.values[thin], color=MEASURED, linewidth=1.1, label="measured")
            left.plot(time[thin], scale * simulated[thin], color=SIMULATED, linewidth=1.1, label="simulated")
            apart = scale * (simulated - each.values)
            right.axhline(0.0, color="#bbbbbb", linewidth=0.8)
            right.plot(time[thin], apart[thin], color=palette.LIMIT, linewidth=0.9)
            left.set_title(each.name, fontsize=9, loc="left", pad=2)
            left.set_ylabel(unit)
            right.set_ylabel("K" if unit == "degC" else unit)
            if row == 0:
                right.set_title("simulated - measured", fontsize=9, loc="left", pad=2)
            for axes in (left, right):
                if mark is not None:
                    axes.axvline(time[mark], color=palette.FAINT, linewidth=1.0, linestyle="--")
                locator = AutoDateLocator(minticks=3, maxticks=7)
                axes.xaxis.set_major_locator(locator)
                axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
                axes.tick_params(axis="x", labelbottom=row == len(channels) - 1)
        first = figure.axes[0]
        figure.legend(*first.get_legend_handles_labels(), loc="upper right", ncols=2, bbox_to_anchor=(0.985, 1.0))
        figure.text(0.01, 1.0 - 0.2 / height, title, fontsize=11, fontweight="bold", va="center")
    return figure


def worst_first(replayed: Replayed, channels: Sequence[Measured], most: int) -> list[Measured]:
    """Channels of greatest error over their own spread, ``most`` of them, in the order of the log."""

    def rank(each: Measured) -> float:
        simulated = replayed.reading(each)
        assert simulated is not None
        known = np.isfinite(simulated) & np.isfinite(each.values)
        if not known.any():
            return 0.0
        apart = float(np.sqrt(np.mean((simulated - each.values)[known] ** 2)))
        return apart / max(float(each.values[known].std()), 1e-9)

    chosen = sorted(channels, key=rank, reverse=True)[:most]
    return [each for each in channels if each in chosen]
