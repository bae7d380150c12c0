"""What forecasts of temperatures are worth, by horizon, and the hardest sensor's course."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dcsim.forecasting.scores import Foretold, table
from dcsim.plots import palette
from dcsim.plots.style import house_style, new_figure

MODEL, RIDGE, BAND = "#2d66a8", "#c9762b", "#c7d7ea"
ASKED = (0.86, 0.94)  # of intervals of 90 %


def forecast_scores(known: Foretold, stays: Foretold, title: str = "") -> Figure:
    """Draw errors and coverage by horizon, and the course of the channel whose forecasts miss most.

    Parameters
    ----------
    known, stays : Foretold
        With the future of weather and load known, and taken to stay as they are.
    title : str

    Returns
    -------
    Figure
    """
    tables = {"future load and weather known": table(known), "taken to stay": table(stays)}
    with house_style():
        figure = new_figure(11.0, 6.4)
        figure.text(0.012, 0.965, title, fontsize=11, fontweight="bold", va="center")
        errors = figure.add_axes((0.07, 0.56, 0.4, 0.34))
        cover = figure.add_axes((0.57, 0.56, 0.4, 0.34))
        for (words, found), style in zip(tables.items(), ("-", "--"), strict=True):
            minutes = [each["minutes"] for each in found["horizons"]]
            for name, color in (("ridge", RIDGE), ("model", MODEL)):
                errors.plot(
                    minutes, [each[name] for each in found["horizons"]], style, color=color, label=f"{name}, {words}"
                )
            cover.plot(minutes, [each["coverage90"] for each in found["horizons"]], style, color=MODEL, label=words)
        errors.axhline(1.0, color=palette.FAINT, linewidth=0.8)
        errors.set(title="RMSE over that of persistence", xlabel="minutes ahead")
        errors.set_ylim(0.0, min(2.0, max(1.05, errors.get_ylim()[1])))
        cover.axhspan(*ASKED, color=BAND, linewidth=0.0)
        cover.axhline(0.9, color=palette.FAINT, linewidth=0.8)
        cover.set(title="share of readings inside intervals of 90 %", xlabel="minutes ahead", ylim=(0.5, 1.0))
        for axes in (errors, cover):
            axes.legend(fontsize=7.5, frameon=False)
        _course(figure.add_axes((0.07, 0.08, 0.9, 0.34)), known)
    return figure


def _course(axes: Axes, known: Foretold) -> None:
    """Draw the channel of which the last horizon is missed most, one horizon behind."""
    warm = [k for k, member in enumerate(known.targets) if member.unit == "degC"]
    missed = [np.nanmean((known.by["model"][:, k, -1] - known.came[:, k, -1]) ** 2) for k in warm]
    k = warm[int(np.nanargmax(missed))]
    last = min(len(known.now), 400)
    x, now = np.arange(last), known.now[:last, k]
    axes.fill_between(x, now + known.low[:last, k, -1], now + known.high[:last, k, -1], color=BAND, linewidth=0.0)
    axes.plot(x, now + known.by["model"][:last, k, -1], color=MODEL, linewidth=1.0, label="foretold")
    axes.plot(x, now + known.came[:last, k, -1], color=palette.INK, linewidth=0.8, label="measured")
    axes.set(
        title=f"{known.targets[k].name} [°C], {known.minutes[-1]:g} minutes ahead, load and weather known",
        xlabel="windows",
    )
    axes.legend(fontsize=7.5, frameon=False)
