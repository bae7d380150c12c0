"""What one set-point does to energy and to PUE, with all else at its best."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from dcsim.plots.palette import FAINT, INK
from dcsim.plots.style import house_style, new_figure

THERMAL_COLOR, PUE_COLOR = "#0072b2", "#d55e00"


def supply_air_sweep(halls: Mapping[str, Mapping[str, Sequence[Any]]], inlet_limit: float = 27.0) -> Figure:
    """Draw thermal power and PUE against the supply-air set-point, the best of each marked.

    Parameters
    ----------
    halls : mapping
        Hall to ``supply_air_setpoint`` [degC], ``is_reached``, ``thermal`` (over design IT power), ``pue``, ``rack_inlet_max`` [degC]
        and ``wet_bulb`` [degC], ``load``, as ``static_optimum --sweep`` finds them.
    inlet_limit : float
        Recommended upper limit of a rack inlet [degC]; beyond it lines are thin.

    Returns
    -------
    Figure
    """
    with house_style():
        figure = new_figure(4.9 * len(halls), 5.0, dpi=100)
        figure.subplots_adjust(left=0.09, right=0.98, top=0.78, bottom=0.10, hspace=0.12, wspace=0.26)
        figure.text(0.012, 0.965, "The best PUE is not the least power", fontsize=12, weight="bold", va="top")
        grid = figure.subplots(2, len(halls), sharex="col", squeeze=False)
        for column, (hall, sweep) in zip(grid.T, halls.items(), strict=True):
            reached = np.array(sweep["is_reached"], bool)
            supply, inlet = np.array(sweep["supply_air_setpoint"])[reached], np.array(sweep["rack_inlet_max"])[reached]
            column[0].set_title(
                f"{hall}\nwet bulb {sweep['wet_bulb']:g} °C, load {100.0 * float(sweep['load']):.0f} %",  # type: ignore[arg-type]
                fontsize=9.0,
            )
            rows = (
                ("thermal", 100.0, "thermal power\n[% of design IT]", THERMAL_COLOR, "least power", ".2f"),
                ("pue", 1.0, "PUE [-]", PUE_COLOR, "best PUE", ".3f"),
            )
            for axes, (name, scale, label, color, words, digits) in zip(column, rows, strict=True):
                values = scale * np.array(sweep[name])[reached]
                axes.plot(supply, values, color=color, linewidth=0.9)
                axes.plot(supply, np.where(inlet <= inlet_limit, values, np.nan), color=color, linewidth=2.2)
                best = int(values.argmin())
                axes.plot(supply[best], values[best], "o", color=color, markersize=6)
                axes.annotate(
                    f"{words}: {values[best]:{digits}} at {supply[best]:g} °C",
                    (supply[best], values[best]),
                    xytext=(-10, -11),
                    textcoords="offset points",
                    ha="right",
                    fontsize=8.5,
                    color=INK,
                )
                axes.margins(y=0.22)
                axes.set_ylabel(label)
                axes.grid(True, axis="y")
            column[1].set_xlabel("supply-air set-point [°C]")
        figure.text(
            0.012,
            0.915,
            f"all else at its best for thermal power; thin where the hottest inlet is above {inlet_limit:g} °C",
            fontsize=8.5,
            va="top",
            color=FAINT,
        )
    return figure
