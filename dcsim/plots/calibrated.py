"""What a log said of a hall's parameters: intervals before and after, side by side in spreads of what was known."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from dcsim.calibration import Fitted
from dcsim.plots import palette
from dcsim.plots.style import house_style, new_figure

HALF = 1.645  # of a normal distribution's 90 %, in its standard deviations
TOLD, UNTOLD, KNOWN = "#2d66a8", "#a9bdd6", "#d9d9d9"


def calibrated_parameters(parameters: Sequence[Fitted], title: str = "") -> Figure:
    """Draw the interval of every parameter beside that of its prior.

    Parameters
    ----------
    parameters : sequence of Fitted
    title : str

    Returns
    -------
    Figure
    """
    with house_style():
        figure = new_figure(9.5, 1.1 + 0.24 * len(parameters))
        height = figure.get_figheight()
        axes = figure.add_axes((0.36, 0.5 / height, 0.34, 1.0 - 1.0 / height))
        for row, each in enumerate(parameters):
            place = each.place
            axes.barh(row, 2.0 * HALF, left=-HALF, height=0.72, color=KNOWN)
            color = TOLD if each.is_identifiable else UNTOLD
            axes.plot([place - HALF * each.spread, place + HALF * each.spread], [row, row], color=color, linewidth=2.4)
            axes.plot(place, row, "o", color=color, markersize=4)
            was, unit = each.parameter.centre, each.parameter.unit
            words = f"{was:.4g} to {each.value:.4g}" + (f" {unit}" if unit != "-" else "")
            axes.annotate(words, (1.03, row), xycoords=("axes fraction", "data"), va="center", fontsize=8)
        axes.set_yticks(range(len(parameters)), [each.parameter.name for each in parameters], fontsize=8)
        axes.set_ylim(len(parameters) - 0.4, -0.6)
        axes.set_xlim(-3.4, 3.4)
        axes.axvline(0.0, color=palette.FAINT, linewidth=0.8)
        axes.set_xlabel("spreads of the prior; grey: 90 % of it, line: 90 % interval, dark where the log tells")
        figure.text(0.012, 1.0 - 0.22 / height, title, fontsize=11, fontweight="bold", va="center")
    return figure
