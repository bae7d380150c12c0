"""What other controllers would have done on the weather and load of a log: power, energy saved so far, hottest inlet, set-points."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure

from dcsim.plots import palette
from dcsim.plots.style import house_style, new_figure

Array = np.ndarray

MEASURED = "#444444"
POINTS = 1500


class Course(NamedTuple):
    """What a controller did over T steps.

    Attributes
    ----------
    power : ndarray, shape (T,)
        Of what is metered [W].
    hottest : ndarray, shape (T,)
        Rack inlet [degC].
    range : tuple of ndarray, shape (T,), or None
        Within which the hottest inlet is.
    setpoints : mapping of str to ndarray, shape (T,)
        Means over the units.
    """

    power: Array | None
    hottest: Array
    range: tuple[Array, Array] | None
    setpoints: Mapping[str, Array]


def counterfactual(
    time: Array,
    courses: Mapping[str, Course],
    measured: Array | None,
    quantity: str,
    limit: float,
    relative_band: float | None,
    units: Mapping[str, str],
    title: str = "",
) -> Figure:
    """Draw the courses of controllers on the same log, the log's own first.

    Parameters
    ----------
    time : ndarray of datetime64, shape (T,)
    courses : mapping of str to Course
    measured : ndarray, shape (T,), optional
        The metered power as logged [W].
    quantity : str
        What is metered.
    limit : float
        Of rack inlets [degC].
    relative_band : float, optional
        Share of itself within which the power's mean over the whole time is right.
    units : mapping of str to str
        Of the set-points.
    title : str

    Returns
    -------
    Figure
    """
    names = list(units)
    thin = slice(None, None, max(1, len(time) // POINTS))
    logged, *others = courses
    with house_style():
        figure = new_figure(11.0, 6.6 + 1.15 * len(names))
        height = figure.get_figheight()
        axes: Sequence[Axes] = figure.subplots(
            3 + len(names), 1, sharex=True, height_ratios=[2, 1.5, 2, *[1] * len(names)]
        )
        figure.subplots_adjust(left=0.085, right=0.985, top=1.0 - 0.75 / height, bottom=0.4 / height, hspace=0.28)
        colors = {name: palette.color(name) if name != logged else "#2d66a8" for name in courses}
        _power(axes[0], time[thin], thin, courses, measured, relative_band, colors)
        axes[0].set_ylabel(f"{quantity.replace('_', ' ')}\n[kW]" if len(quantity) < 24 else "metered power [kW]")
        _saved(axes[1], time[thin], thin, courses, logged, others, colors)
        for name, course in courses.items():
            axes[2].plot(time[thin], course.hottest[thin], color=colors[name], linewidth=1.1)
            if course.range is not None:
                low, high = (end[thin] for end in course.range)
                axes[2].fill_between(time[thin], low, high, color=colors[name], alpha=0.15, linewidth=0)
        axes[2].axhline(limit, color=palette.LIMIT, linewidth=0.9, linestyle="--")
        axes[2].set_ylabel("hottest inlet\n[degC]")
        for panel, name in zip(axes[3:], names, strict=True):
            for each, course in courses.items():
                panel.plot(time[thin], course.setpoints[name][thin], color=colors[each], linewidth=1.0)
            panel.set_ylabel(f"{_lines(name)}\n[{units[name]}]", fontsize=8)
        locator = AutoDateLocator(minticks=4, maxticks=9)
        axes[-1].xaxis.set_major_locator(locator)
        axes[-1].xaxis.set_major_formatter(ConciseDateFormatter(locator))
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(
            handles, labels, loc="upper right", ncols=len(labels), bbox_to_anchor=(0.985, 1.0 - 0.28 / height)
        )
        figure.text(0.01, 1.0 - 0.18 / height, title, fontsize=11, fontweight="bold", va="center")
    return figure


def _power(
    axes: Axes,
    time: Array,
    thin: slice,
    courses: Mapping[str, Course],
    measured: Array | None,
    relative_band: float | None,
    colors: Mapping[str, str],
) -> None:
    if measured is not None:
        axes.plot(time, 1e-3 * measured[thin], color=MEASURED, linewidth=1.1, linestyle=":", zorder=3, label="measured")
    for name, course in courses.items():
        if course.power is None:
            continue
        power = 1e-3 * course.power[thin]
        axes.plot(time, power, color=colors[name], linewidth=1.1, label=palette.label(name))
        if relative_band is not None:
            low, high = power * (1.0 - relative_band), power * (1.0 + relative_band)
            axes.fill_between(time, low, high, color=colors[name], alpha=0.15, linewidth=0)


def _saved(
    axes: Axes,
    time: Array,
    thin: slice,
    courses: Mapping[str, Course],
    logged: str,
    others: Sequence[str],
    colors: Mapping[str, str],
) -> None:
    """Energy that the log's own controller would have used more, so far."""
    axes.axhline(0.0, color="#bbbbbb", linewidth=0.8)
    of_log = courses[logged].power
    for name in others:
        power = courses[name].power
        if power is not None and of_log is not None:
            spent, base = np.cumsum(power), np.cumsum(of_log)
            axes.plot(time, (100.0 * (1.0 - spent / base))[thin], color=colors[name], linewidth=1.2)
    axes.set_ylabel("saved so far\n[%]")


def _lines(name: str) -> str:
    words = name.removesuffix("_setpoint").split("_")
    half = (len(words) + 1) // 2
    return " ".join(words[:half]) + ("\n" + " ".join(words[half:]) if words[half:] else "")
