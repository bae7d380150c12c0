"""Figures of a validation: dcsim against the reference, along each case, and the error by hour of day and by load."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dcsim.plots.palette import FAINT, GRID, INK, LIMIT
from dcsim.plots.style import house_style, new_figure
from dcsim_experiments.validation.results import Array, Case, Quantity, compared, has_passed

if TYPE_CHECKING:
    from matplotlib.ticker import Locator

REFERENCE_COLOR, DCSIM_COLOR, BAND_COLOR = "#9a9a9a", "#0072b2", "#d9d9d9"
PANELS_MAX = 20  # scatter panels on one figure
COLUMNS = 4
POINTS_MAX = 4000  # of a panel; more only make ink
CHARACTERS_PER_INCH = 10.5  # of a title
LABEL_WIDTH = 22  # characters of the words beside an axis
GAP = 5.0  # times the usual distance of points, from which on a line breaks
LONG = 1500  # points from which on a trajectory is shown by days and by its worst week
DAY, WEEK = 86400.0, 7 * 86400.0
BINS = 10  # of load
SPAN, DEVIATION_SPAN = 4.0, 0.2  # over the allowed deviation: least heights of the axes of values and of deviations
SHARE_MIN = 0.01  # of the points that a bin of load must hold to be drawn


def validation_figures(parts: Mapping[str, Sequence[Case]]) -> dict[str, Figure]:
    """Draw everything there is to draw.

    Parameters
    ----------
    parts : mapping
        Cases by part.

    Returns
    -------
    dict of Figure
        ``deviation_PART``, ``scatter_PART`` (``scatter_PART_2`` ... where there are many), ``trajectories_CASE`` and
        ``error_CASE``.
    """
    figures: dict[str, Figure] = {}
    for part, cases in parts.items():
        if not cases:
            continue
        are_years = all(case.quantities[0].name == "pue" for case in cases)
        figures[f"deviation_{part}"] = pue_beside_bands(cases) if are_years else deviations(part, cases)
        along = [(case, quantity) for case in cases for quantity in _shown(case)]
        pages = [along[k : k + PANELS_MAX] for k in range(0, len(along), PANELS_MAX)]
        for k, page in enumerate(pages):
            figures[f"scatter_{part}{f'_{k + 1}' if k else ''}"] = scatter(part, page)
        for case in cases:
            if _shown(case):
                figures[f"trajectories_{case.name}"] = trajectories(case)
            if case.hour is not None or case.load is not None:
                figures[f"error_{case.name}"] = errors(case)
    return figures


def deviations(part: str, cases: Sequence[Case]) -> Figure:
    """Draw how much of its tolerance each quantity uses.

    Parameters
    ----------
    part : str
    cases : sequence of Case
    """
    entries = []
    for case in cases:
        for quantity in case.quantities:
            if not quantity.tolerance.limits:
                continue
            numbers = compared(quantity)
            shares = [
                _share(abs(getattr(numbers, name) or 0.0), limit) for name, limit in quantity.tolerance.limits.items()
            ]
            entries.append((case.name, quantity.words, max(shares), has_passed(quantity, numbers)))
    least, most = 1e-4, 10.0
    with house_style():
        figure = new_figure(8.6, 1.4 + 0.2 * len(entries), dpi=100, layout="constrained")
        axes = figure.add_subplot()
        for row, (_, _, share, passed) in enumerate(entries):
            color = DCSIM_COLOR if passed else LIMIT
            axes.plot([least, min(max(share, least), most)], [row, row], color=color, linewidth=2.2)
            axes.plot(min(max(share, least), most), row, "o" if share <= most else ">", color=color, markersize=4.5)
        axes.axvline(1.0, color=INK, linewidth=1.0)
        axes.set_xscale("log")
        axes.set_xlim(least, 1.15 * most)
        axes.set_xticks(
            [1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0], ["0.01 %\nor less", "0.1 %", "1 %", "10 %", "allowed", "10 times"]
        )
        axes.minorticks_off()
        axes.set_yticks(range(len(entries)), [f"{name}: {words}" for name, words, *_ in entries], fontsize=7.5)
        axes.set_ylim(len(entries) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x")
        axes.set_xlabel("deviation over what is allowed")
        passed_count = sum(bool(passed) for *_, passed in entries)
        figure.suptitle(
            f"{part}: {passed_count} of {len(entries)} quantities within their tolerance",
            x=0.01,
            ha="left",
            fontsize=11,
            weight="bold",
        )
    return figure


def pue_beside_bands(cases: Sequence[Case]) -> Figure:
    """Draw the PUE of every hall and climate beside its published band.

    Parameters
    ----------
    cases : sequence of Case
        As of ``bands.cases``: the quantity ``pue`` is judged, its tolerance the half width of the band; the others whose names begin so
        are reported.
    """
    halls: dict[str, list[Case]] = {}
    for case in cases:
        halls.setdefault(case.title.partition(",")[0], []).append(case)
    with house_style():
        heights = [len(members) for members in halls.values()]
        figure = new_figure(8.6, 1.7 + 0.62 * len(heights) + 0.3 * sum(heights), dpi=100, layout="constrained")
        grid = figure.subplots(len(heights), 1, squeeze=False, height_ratios=heights)
        for axes, (hall, members) in zip(grid[:, 0], halls.items(), strict=True):
            for row, case in enumerate(members):
                _band_and_years(axes, row, case)
            climates = [case.title.split(",")[1].partition(":")[0].strip() for case in members]
            axes.set_yticks(range(len(members)), climates, fontsize=8.5)
            axes.set_ylim(len(members) - 0.4, -0.6)
            axes.tick_params(axis="y", length=0)
            axes.grid(axis="x")
            axes.use_sticky_edges = False  # bars keep their distance from the frame
            axes.margins(x=0.03)
            axes.set_title(hall, fontsize=9.0, loc="left")
        grid[-1, 0].set_xlabel("PUE of a year")
        keys: dict[str, Artist] = {}
        for axes in grid[:, 0]:
            for handle, words in zip(*axes.get_legend_handles_labels(), strict=True):
                keys.setdefault(words, handle)
        order = sorted(keys, key=lambda words: (words != BAND_WORDS, not words.startswith("judged"), words))
        figure.legend([keys[words] for words in order], order, loc="outside lower center", ncols=3, fontsize=8.5)
        judged = [quantity for case in cases for quantity in case.quantities if quantity.tolerance.limits]
        passed = sum(bool(has_passed(quantity, compared(quantity))) for quantity in judged)
        figure.suptitle(
            f"bands: {passed} of {len(judged)} years inside the published band",
            x=0.01,
            ha="left",
            fontsize=11,
            weight="bold",
        )
    return figure


BAND_WORDS = "published 5th to 95th percentile"
YEAR_MARKS = {  # by the ending of the quantity's name
    "": ("judged: as the class is run", "o", DCSIM_COLOR),
    "fixed": ("fixed", "s", "#e69f00"),
    "rules": ("rules", "^", "#009e73"),
    "g36": ("g36", "D", "#cc79a7"),
}


def _band_and_years(axes: Axes, row: int, case: Case) -> None:
    for quantity in case.quantities:
        if not quantity.name.startswith("pue"):
            continue
        value = float(quantity.dcsim[0])
        kind = quantity.name.removeprefix("pue").removesuffix("_without_extras").strip("_")
        words, marker, color = YEAR_MARKS.get(kind, (kind, "v", INK))
        if quantity.tolerance.error is not None:
            middle, half = float(quantity.reference[0]), quantity.tolerance.error
            axes.barh(row, 2.0 * half, left=middle - half, height=0.5, color=BAND_COLOR, zorder=1, label=BAND_WORDS)
            color = color if has_passed(quantity, compared(quantity)) else LIMIT
        is_less = quantity.name.endswith("_without_extras")
        axes.plot(
            value,
            row,
            marker,
            color="none" if is_less else color,
            markeredgecolor=color,
            markeredgewidth=1.2 if is_less else 0.0,
            markersize=7.0 if kind == "" else 5.5,
            zorder=4 if kind == "" else 3,
            label=f"{words}, what the class lacks taken away" if is_less else words,
        )


def scatter(part: str, quantities: Sequence[tuple[Case, Quantity]]) -> Figure:
    """Draw dcsim against the reference, a panel for each quantity, with the line on which both are equal.

    Parameters
    ----------
    part : str
    quantities : sequence of pairs
        Each with its case; ``PANELS_MAX`` at most can be read.
    """
    columns = min(COLUMNS, len(quantities))
    lines = math.ceil(len(quantities) / columns)
    with house_style():
        figure = new_figure(2.75 * columns + 0.2, 2.75 * lines + 0.5, dpi=100, layout="constrained")
        grid = figure.subplots(lines, columns, squeeze=False)
        for axes, (case, quantity) in zip(grid.flat, quantities, strict=False):
            pick = _evenly(quantity.reference.size, POINTS_MAX)
            x, y, counts = quantity.reference[pick], quantity.dcsim[pick], _counted(quantity)[pick]
            if not counts.any():
                counts = np.ones(len(pick), dtype=bool)
            ends = _ends(np.concatenate([x[counts], y[counts]]), SPAN * _allowed(quantity))
            if not counts.all():
                axes.plot(x[~counts], y[~counts], ".", color=GRID, markersize=4.0, markeredgewidth=0.0, rasterized=True)
            x, y = x[counts], y[counts]
            axes.plot(ends, ends, color=FAINT, linewidth=0.9)
            alpha = 0.8 if len(x) < 300 else 0.25
            axes.plot(x, y, ".", color=DCSIM_COLOR, markersize=4.0, markeredgewidth=0.0, alpha=alpha, rasterized=True)
            axes.set(xlim=ends, ylim=ends, aspect="equal")
            axes.grid(True)
            _few_ticks(axes)
            axes.set_title(
                f"{_short(case.name)}\n{_wrapped(f'{_capital(quantity.words)} [{quantity.unit}]', 32)}", fontsize=8.0
            )
            numbers = compared(quantity)
            axes.text(
                0.97,
                0.04,
                f"RMSE {numbers.rmse:.3g}",
                transform=axes.transAxes,
                ha="right",
                fontsize=7.5,
                color=LIMIT if has_passed(quantity, numbers) is False else INK,
            )
        for axes in grid.flat[len(quantities) :]:
            axes.set_visible(False)
        figure.get_layout_engine().set(h_pad=0.07)  # type: ignore[union-attr, call-arg]
        figure.supxlabel("reference", fontsize=9.0)
        figure.supylabel("dcsim", fontsize=9.0)
        figure.suptitle(f"{part}: dcsim against the reference", x=0.01, ha="left", fontsize=11, weight="bold")
    return figure


def trajectories(case: Case) -> Figure:
    """Draw both curves of each quantity along the axis of the case, the deviation beneath.

    Long records are drawn twice: by the means of days, and the stretch that the case names, or the week in which they lie furthest apart.
    Points that do not count are left out of the deviation, and do not decide the height of an axis.

    Parameters
    ----------
    case : Case
    """
    shown = _shown(case)
    count = shown[0].reference.size
    is_timed = case.axis is not None and case.axis.unit == "s"
    is_long = is_timed and count > LONG and case.axis is not None and np.ptp(case.axis.values) > 2 * WEEK
    is_double = is_long or (is_timed and case.focus is not None)
    with house_style():
        figure = new_figure(11.0 if is_double else 8.6, 0.7 + 2.3 * len(shown), dpi=100, layout="constrained")
        figure.get_layout_engine().set(hspace=0.02, h_pad=0.03)  # type: ignore[union-attr, call-arg]
        heights = [3.0, 1.1] * len(shown)
        grid = figure.subplots(
            len(heights),
            2 if is_double else 1,
            squeeze=False,
            sharex="col",
            height_ratios=heights,
            width_ratios=[1.0, 1.4] if is_double else None,
        )
        worst = _worst_week(case.axis.values, shown) if is_long and case.axis is not None else None
        for k, quantity in enumerate(shown):
            for column, view in enumerate(_views(case, quantity, is_long, worst)):
                _curves(grid[2 * k, column], grid[2 * k + 1, column], quantity, view, is_first=column == 0)
                grid[-1, column].set_xlabel(view.label)
        handles, labels = grid[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper right", ncols=2)
        # beside the legend of two inches
        title = _wrapped(case.title, int((figure.get_figwidth() - 2.0) * CHARACTERS_PER_INCH))
        figure.suptitle(title, x=0.01, ha="left", fontsize=10.5, weight="bold")
    return figure


class View(NamedTuple):
    """A stretch of a record to draw."""

    x: Array
    reference: Array
    dcsim: Array
    label: str
    counted: Array  # bool


def _views(case: Case, quantity: Quantity, is_long: bool, worst_week: int | None) -> list[View]:
    reference, dcsim, counted = quantity.reference, quantity.dcsim, _counted(quantity)
    if case.axis is None:
        return [View(np.arange(reference.size), reference, dcsim, "point", counted)]
    x, unit = case.axis.values, case.axis.unit
    if unit != "s":
        return [View(x, reference, dcsim, f"{case.axis.name} [{unit}]", counted)]
    x = x - x[0]
    views = [_daily(x, quantity)] if is_long else [_whole(x, quantity)]
    if case.focus is not None:
        inside = (x >= case.focus.begin) & (x <= case.focus.end)
        views.append(_cut(quantity, (x - case.focus.begin) / 3600.0, inside, f"hours; {case.focus.words}"))
    elif worst_week is not None:
        label = f"days; week {worst_week + 1}, the one furthest apart"
        views.append(_cut(quantity, x / DAY, (x / WEEK).astype(int) == worst_week, label))
    return views


def _whole(x: Array, quantity: Quantity) -> View:
    scale, word = (1.0, "s") if x[-1] <= 3600.0 else (3600.0, "h") if x[-1] <= 3 * DAY else (DAY, "days")
    x, reference, dcsim, counts = _with_gaps(x / scale, quantity.reference, quantity.dcsim, _counted(quantity))
    return View(x, reference, dcsim, f"time [{word}]", counts > 0.5)


def _daily(x: Array, quantity: Quantity) -> View:
    """Means of days over the points that count."""
    day, counted = (x / DAY).astype(int), _counted(quantity)
    number = np.bincount(day, counted)
    filled = number > 0
    means = [np.bincount(day, of * counted)[filled] / number[filled] for of in (quantity.reference, quantity.dcsim)]
    return View(np.flatnonzero(filled), means[0], means[1], "days, their means", np.ones(filled.sum(), dtype=bool))


def _cut(quantity: Quantity, x: Array, inside: Array, label: str) -> View:
    return View(x[inside], quantity.reference[inside], quantity.dcsim[inside], label, _counted(quantity)[inside])


def _with_gaps(x: Array, *series: Array) -> tuple[Array, ...]:
    """Return the series with a break wherever points are missing."""
    distance = np.diff(x)
    after = np.flatnonzero(distance > GAP * np.median(distance)) + 1
    return tuple(np.insert(values.astype(float), after, np.nan) for values in (x, *series))


def _worst_week(time: Array, quantities: Sequence[Quantity]) -> int:
    """Number of the week in which the quantities together, each over its own mean deviation, lie furthest apart."""
    week = ((time - time[0]) / WEEK).astype(int)
    counts = np.maximum(np.bincount(week), np.bincount(week).max() // 2)  # a record's last days are no week
    apart = np.zeros(len(counts))
    for quantity in quantities:
        deviation = np.abs(quantity.dcsim - quantity.reference)
        apart += np.bincount(week, deviation) / counts / max(deviation.mean(), 1e-300)
    return int(apart.argmax())


def _curves(axes: Axes, below: Axes, quantity: Quantity, view: View, is_first: bool) -> None:
    axes.ticklabel_format(axis="y", useOffset=False)
    axes.plot(view.x, view.reference, color=REFERENCE_COLOR, linewidth=2.6, label="reference")
    axes.plot(view.x, view.dcsim, color=DCSIM_COLOR, linewidth=1.1, label="dcsim")
    deviation = np.where(view.counted, view.dcsim - view.reference, np.nan)
    below.plot(view.x, deviation, color=DCSIM_COLOR, linewidth=0.9)
    allowed, counts = _allowed(quantity), view.counted
    if counts.any():
        axes.set_ylim(*_ends(np.concatenate([view.reference[counts], view.dcsim[counts]]), SPAN * allowed))
        below.set_ylim(*_ends(np.append(deviation[counts], 0.0), DEVIATION_SPAN * allowed))
    below.axhline(0.0, color=FAINT, linewidth=0.8)
    for each in (axes, below):
        each.grid(True, axis="y")
        each.margins(x=0.01)
    below.yaxis.set_major_locator(_locator(3))
    if is_first:
        axes.set_ylabel(f"{_wrapped(_capital(quantity.words), LABEL_WIDTH)}\n[{quantity.unit}]", fontsize=8.0)
        below.set_ylabel("dcsim \u2212 ref.", fontsize=7.5, color=FAINT)


def errors(case: Case) -> Figure:
    """Draw the deviation by hour of the day and by load: mean, and the band that holds nine tenths of the points.

    Parameters
    ----------
    case : Case
        With ``hour`` or ``load``.
    """
    shown = _shown(case)
    sides = [(words, values) for words, values in (("hour", case.hour), ("load", case.load)) if values is not None]
    with house_style():
        figure = new_figure(4.6 * len(sides) + 0.4, 0.9 + 1.75 * len(shown), dpi=100, layout="constrained")
        grid = figure.subplots(len(shown), len(sides), squeeze=False, sharex="col", sharey="row")
        for line, quantity in zip(grid, shown, strict=True):
            counts = _counted(quantity)
            deviation = (quantity.dcsim - quantity.reference)[counts]
            for axes, (words, all_values) in zip(line, sides, strict=True):
                values = all_values[counts]
                centers, groups = by_hour(values, deviation) if words == "hour" else by_load(values, deviation)
                _band(axes, centers, groups)
            line[0].set_ylabel(f"{_wrapped(_capital(quantity.words), LABEL_WIDTH)}\n[{quantity.unit}]", fontsize=8.0)
        for axes, (words, _) in zip(grid[-1], sides, strict=True):
            axes.set_xlabel("hour of the day" if words == "hour" else "load [%]")
            if words == "hour":
                axes.set_xticks(range(0, 25, 4))
        for axes, (words, _) in zip(grid[0], sides, strict=True):
            axes.set_title(
                f"dcsim \u2212 reference by {'hour of the day' if words == 'hour' else 'load'}", fontsize=8.5
            )
        title = _wrapped(case.title, int(figure.get_figwidth() * CHARACTERS_PER_INCH))
        figure.suptitle(title, x=0.01, ha="left", fontsize=10.5, weight="bold")
    return figure


def by_hour(hour: Array, deviation: Array) -> tuple[Array, list[Array]]:
    """Return the hours of the day that have points, and the deviations in each.

    Parameters
    ----------
    hour, deviation : Array, shape (T,)
    """
    which = np.floor(np.asarray(hour, float)).astype(int) % 24
    filled = np.unique(which)
    return filled + 0.5, [deviation[which == k] for k in filled]


def by_load(load: Array, deviation: Array) -> tuple[Array, list[Array]]:
    """Return middles of bins of load [%] that hold enough points, and the deviations in each.

    Parameters
    ----------
    load, deviation : Array, shape (T,)
        Load [-].
    """
    percent = 100.0 * np.asarray(load, float)
    edges = np.linspace(percent.min(), percent.max() + 1e-9, BINS + 1)
    which = np.clip(np.digitize(percent, edges) - 1, 0, BINS - 1)
    filled = [k for k in range(BINS) if np.sum(which == k) >= max(1.0, SHARE_MIN * len(percent))]
    return 0.5 * (edges[:-1] + edges[1:])[filled], [deviation[which == k] for k in filled]


def _band(axes: Axes, centers: Array, groups: Sequence[Array]) -> None:
    low, high = (np.array([np.percentile(group, share) for group in groups]) for share in (5.0, 95.0))
    axes.fill_between(centers, low, high, color=DCSIM_COLOR, alpha=0.2, linewidth=0.0)
    axes.plot(centers, [group.mean() for group in groups], "o-", color=DCSIM_COLOR, markersize=3.0, linewidth=1.2)
    axes.axhline(0.0, color=FAINT, linewidth=0.8)
    axes.grid(True, axis="y", color=GRID)


# --- small things -----------------------------------------------------------------------------------------------------


def _shown(case: Case) -> list[Quantity]:
    """Quantities of a case that are series and drawn."""
    return [quantity for quantity in case.quantities if quantity.reference.size > 1 and quantity.is_drawn]


def _counted(quantity: Quantity) -> Array:
    """Points that count, shape (T,)."""
    return np.ones(quantity.reference.size, dtype=bool) if quantity.counted is None else quantity.counted


def _allowed(quantity: Quantity) -> float:
    """Deviation of a point that the tolerance allows, about, in the unit of the quantity; 0 where nothing is judged."""
    limits, mean = quantity.tolerance.limits, abs(float(np.mean(quantity.reference)))
    is_relative = {"cvrmse": True, "error": quantity.is_energy}
    return min((limit * (mean if is_relative.get(name) else 1.0) for name, limit in limits.items()), default=0.0)


def _ends(values: Array, least: float) -> tuple[float, float]:
    """Ends of an axis that shows values, at least so far apart."""
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    room = max(0.05 * (high - low), 0.5 * (least - (high - low))) or 0.05 * abs(high) or 1.0
    return low - room, high + room


def _evenly(count: int, most: int) -> Array:
    return np.arange(count) if count <= most else np.linspace(0, count - 1, most).astype(int)


def _locator(count: int) -> "Locator":
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(count)


def _share(deviation: float, limit: float) -> float:
    return deviation / limit if limit else math.inf if deviation else 0.0


def _few_ticks(axes: Axes) -> None:
    axes.ticklabel_format(useOffset=False)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(_locator(4))
    axes.tick_params(labelsize=7.0)


def _short(text: str, most: int = 34) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}\u2026"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _wrapped(text: str, width: int) -> str:
    import textwrap

    return "\n".join(textwrap.wrap(text, width))
