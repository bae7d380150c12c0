"""What a comparison found: energy and violations side by side, savings with their intervals, where the energy went."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import NullLocator

from dcsim.plots import palette
from dcsim.plots.style import house_style, new_figure, violation_text

ROW_HEIGHT = 0.42  # inches of a controller in charts with one row each
METRIC_WORDS = {
    "thermal_energy_kwh": "thermal energy",
    "cooling_energy_kwh": "cooling energy",
    "facility_energy_kwh": "facility energy",
    "water_l": "water",
    "carbon_kg": "carbon",
    "energy_cost": "energy cost",
}


def number(entry: Any, key: str) -> float:
    """A number of a result, not a number where it is missing or null."""
    value = entry.get(key) if isinstance(entry, Mapping) else None
    return math.nan if value is None else float(value)


def per_day(result: Mapping[str, Any], controller: str, metric: str, key: str = "mean") -> float:
    """A metric of a comparison that is summed over the episode, as of a day."""
    return number(result["controllers"][controller].get(metric), key) / float(result.get("episode_days") or 1.0)


def energy_by_component(
    components: Mapping[str, Mapping[str, float]],
    violation: Mapping[str, float],
    pue: Mapping[str, float] | None = None,
    title: str | None = None,
) -> Figure:
    """Draw thermal energy by component as stacked bars, one a controller, with the violations beside it.

    Parameters
    ----------
    components : mapping
        Controller to ``{component: kWh per day}``, components as in ``palette.COMPONENTS``; what is missing is 0.
    violation : mapping
        Controller to K min per day of the hottest rack group above its limit.
    pue : mapping, optional
        Written beside the energy.
    title : str, optional

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If a controller has no violation, or a component is not known.
    """
    names = list(components)
    missing = [name for name in names if name not in violation]
    if missing:
        raise ValueError(f"no violation given for {', '.join(missing)}: energy is not shown without it")
    unknown = {part for parts in components.values() for part in parts} - set(palette.COMPONENTS)
    if unknown:
        raise ValueError(f"unknown component {sorted(unknown)[0]!r}; known: {', '.join(palette.COMPONENTS)}")
    totals = {name: sum(components[name].values()) for name in names}
    scale, unit = (1000.0, "MWh/day") if max(totals.values()) >= 1e4 else (1.0, "kWh/day")
    with house_style():
        figure, (left, right) = _side_by_side(
            len(names), title or "Where the energy goes, and whether the limit was kept", extra=0.45
        )
        rows = np.arange(len(names))
        start = np.zeros(len(names))
        for part, (words, face) in palette.COMPONENTS.items():
            width = np.array([components[name].get(part, 0.0) for name in names]) / scale
            if width.max() <= 1e-6 * max(totals.values()) / scale:  # rounding of a part that is not there
                continue
            left.barh(rows, width, left=start, height=0.62, color=face, label=words)
            start += width
        for row, name in enumerate(names):
            words = f" {totals[name] / scale:,.2f}" if scale > 1.0 else f" {totals[name]:,.0f}"
            words += f"  (PUE {pue[name]:.3f})" if pue and name in pue else ""
            left.text(start[row], row, words, va="center", fontsize=8.5)
        left.set_xlim(0.0, 1.32 * max(start))
        left.set_xlabel(f"thermal energy [{unit}]")
        _name_rows(left, names)
        figure.legend(
            *left.get_legend_handles_labels(),
            loc="outside lower left",
            ncols=7,
            handlelength=0.9,
            columnspacing=1.1,
            fontsize=8.0,
        )
        _violation_bars(right, names, [(violation[name], math.nan, math.nan) for name in names])
    return figure


def violations(result: Mapping[str, Any]) -> Figure:
    """Draw energy against violation: the lower left corner is the best place; and the violations with their intervals.

    Parameters
    ----------
    result : mapping
        Content of ``compare.json``.
    """
    names = sorted(result["controllers"], key=lambda name: per_day(result, name, "thermal_energy_kwh"))
    energy, violation = (
        [_each(result, name, metric) for name in names] for metric in ("thermal_energy_kwh", "violation_k_min")
    )
    scale, unit = (1000.0, "MWh/day") if np.nanmax([value[0] for value in energy]) >= 1e4 else (1.0, "kWh/day")
    with house_style():
        figure, (left, right) = _side_by_side(
            max(len(names), 7), "Energy against violations: lower left is better", extra=0.0
        )
        for name, (x, *x_ends), (y, *y_ends) in zip(names, energy, violation, strict=True):
            face = palette.color(name)
            left.errorbar(
                x / scale,
                y,
                xerr=_reach(x / scale, [end / scale for end in x_ends]),
                yerr=_reach(y, y_ends),
                fmt=palette.marker(name),
                color=face,
                markersize=8.5,
                elinewidth=1.0,
                alpha=0.9,
            )
        _violation_scale(left, violation, "y")
        left.margins(x=0.2)
        _name_points(left, names, [(x[0] / scale, y[0]) for x, y in zip(energy, violation, strict=True)])
        left.grid(True)
        left.set_xlabel(f"thermal energy [{unit}]")
        left.set_ylabel("hottest inlet above its limit [K min/day]")
        _violation_bars(right, names, violation)
        _name_rows(right, names)
    return figure


def paired_savings(result: Mapping[str, Any], metric: str = "thermal_energy_kwh") -> Figure:
    """Draw how much more or less than the reference each controller used on the same episodes, with 95 % intervals, beside violations.

    Parameters
    ----------
    result : mapping
        Content of ``compare.json``.
    metric : str
        One of its paired metrics.

    Raises
    ------
    ValueError
        If no controller has that metric.
    """
    reference = result["reference"]
    paired = result.get("paired", {})
    change = {
        name: tuple(100.0 * number(paired[name][metric], key) for key in ("mean", "low", "high"))
        for name in result["controllers"]
        if name != reference and metric in paired.get(name, {})
    }
    if not change:
        raise ValueError(f"no paired {metric!r} in the result")
    change[reference] = 0.0, math.nan, math.nan
    names = sorted(change, key=lambda name: change[name][0])
    words = METRIC_WORDS.get(metric, metric.replace("_", " "))
    with house_style():
        title = f"{words.capitalize()} against {palette.label(reference)} on the same episodes: left of the line saves"
        figure, (left, right) = _side_by_side(len(names), title, extra=0.0)
        left.axvline(0.0, color=palette.color(reference), linewidth=1.2)
        ends = [value for entry in change.values() for value in entry if math.isfinite(value)]
        for row, name in enumerate(names):
            mean, low, high = change[name]
            face = palette.color(name)
            left.plot([0.0, mean], [row, row], color=face, linewidth=1.0, alpha=0.5)
            left.plot([low, high], [row, row], color=face, linewidth=3.5, solid_capstyle="butt")
            left.plot([mean], [row], marker="o", color=face, markersize=6.5)
            said = "reference" if name == reference else _change_text(mean, low, high)
            left.text(0.995, row, said, transform=left.get_yaxis_transform(), ha="right", va="center", fontsize=8.5)
        span = max(ends) - min(ends) + 1.0
        left.set_xlim(min(ends) - 0.08 * span, max(ends) + 0.55 * span)  # the numbers stand on the right
        left.set_xticks(
            [tick for tick in left.get_xticks() if min(ends) - 0.08 * span <= tick <= max(ends) + 0.08 * span]
        )
        left.set_xlabel(f"difference in {words} [%], mean and 95 % interval")
        left.grid(True, axis="x")
        _name_rows(left, names)
        _violation_bars(right, names, [_each(result, name, "violation_k_min") for name in names])
    return figure


# --- parts ------------------------------------------------------------------------------------------------------------------------


def _each(result: Mapping[str, Any], controller: str, metric: str) -> tuple[float, float, float]:
    mean, low, high = (per_day(result, controller, metric, key) for key in ("mean", "low", "high"))
    return mean, low, high


def _change_text(mean: float, low: float, high: float) -> str:
    if not math.isfinite(mean):
        return "no value"
    words = f"{mean:+.1f} %"
    if math.isfinite(low) and math.isfinite(high):
        words += f"  ({low:+.1f} to {high:+.1f})"
    return words.replace("-", "\u2212")


def _side_by_side(rows: int, title: str, extra: float) -> tuple[Figure, tuple[Axes, Axes]]:
    figure = new_figure(9.6, 1.35 + extra + ROW_HEIGHT * rows, dpi=100, layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(2.1, 1.0))
    figure.suptitle(title, x=0.01, ha="left", fontsize=12, weight="bold")
    return figure, (left, right)


def _name_rows(axes: Axes, names: Sequence[str]) -> None:
    axes.set_yticks(range(len(names)), [palette.label(name) for name in names], fontsize=9.5)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    for text, name in zip(axes.get_yticklabels(), names, strict=True):
        text.set_color(palette.INK)
        if palette.is_learned(name):
            text.set_fontweight("bold")


def _reach(middle: float, ends: Sequence[float]) -> list[list[float]] | None:
    low, high = ends
    if not (math.isfinite(low) and math.isfinite(high)):
        return None
    return [[max(middle - low, 0.0)], [max(high - middle, 0.0)]]


def _violation_scale(axes: Axes, violation: Sequence[Sequence[float]], which: str) -> None:
    """Linear from 0 for small violations, logarithmic above 1 K min where they span more."""
    most = max([value for entry in violation for value in entry if math.isfinite(value)], default=0.0)
    if most > 30.0:
        getattr(axes, f"set_{which}scale")("symlog", linthresh=1.0, linscale=0.6)
        ticks = [0.0, 1.0, *(10.0**k for k in range(1, math.ceil(math.log10(most)) + 1))]
        getattr(axes, f"set_{which}ticks")(ticks, [f"{tick:,.0f}" for tick in ticks])
        getattr(axes, f"{which}axis").set_minor_locator(NullLocator())
        getattr(axes, f"set_{which}lim")(-0.25, 3.0 * most)
    else:
        getattr(axes, f"set_{which}lim")(-0.12 * max(most, 1.0), 1.3 * max(most, 1.0))


def _violation_bars(axes: Axes, names: Sequence[str], violation: Sequence[Sequence[float]]) -> None:
    for row, (name, (mean, low, high)) in enumerate(zip(names, violation, strict=True)):
        axes.barh(row, mean, height=0.62, color=palette.color(name))
        reach = _reach(mean, (low, high))
        if reach is not None and reach[1][0] > 0.0:
            axes.errorbar(mean, row, xerr=reach, fmt="none", ecolor="#777777", elinewidth=1.2, capsize=2.5)
        last = max(mean, high) if math.isfinite(high) else mean
        axes.annotate(
            violation_text(mean).removesuffix(" K min/day"),
            (last, row),
            (4, 0),
            textcoords="offset points",
            va="center",
            fontsize=8.5,
        )
    _violation_scale(axes, violation, "x")
    axes.set_xlim(0.0, axes.get_xlim()[1])
    if not any(mean > 0.0 for mean, *_ in violation):
        axes.text(
            0.97,
            0.5,
            "nobody stood\nabove the limit",
            transform=axes.transAxes,
            ha="right",
            va="center",
            color=palette.FAINT,
        )
    axes.set_yticks([])
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlabel("above the limit [K min/day]")


def _name_points(axes: Axes, names: Sequence[str], points: Sequence[tuple[float, float]]) -> None:
    """Name each point beside it, to the side and height where its name is clear of names before it."""
    axes.figure.draw_without_rendering()  # type: ignore[union-attr]
    taken: list[tuple[float, float]] = []
    pixels = [axes.transData.transform(point) for point in points]
    for name, (px, py) in sorted(zip(names, pixels, strict=True), key=lambda entry: entry[1][1]):
        if not (math.isfinite(px) and math.isfinite(py)):
            continue
        words = palette.label(name)
        width = 7.0 * len(words)
        options = [(side, rise) for rise in (10.0, -10.0, 22.0, -22.0, 34.0, 46.0) for side in (1.0, -1.0)]

        def crowding(option: tuple[float, float], px: float = px, py: float = py, width: float = width) -> float:
            x, y = px + option[0] * (10.0 + 0.5 * width), py + option[1]
            others = sum(abs(x - a) < 0.5 * width + 30.0 and abs(y - b) < 12.0 for a, b in taken)
            dots = sum(abs(x - a) < 0.5 * width + 5.0 and abs(y - b) < 9.0 for a, b in pixels)
            return 10.0 * (others + dots) + abs(option[1]) / 13.0 + (option[0] < 0.0) * 0.5

        side, rise = min(options, key=crowding)
        taken.append((px + side * (10.0 + 0.5 * width), py + rise))
        axes.annotate(
            words,
            points[names.index(name)],
            (side * 7.5, rise * 0.72),
            textcoords="offset points",
            ha="left" if side > 0.0 else "right",
            va="center",
            fontsize=9.0,
            color=palette.INK,
            path_effects=[withStroke(linewidth=2.5, foreground=palette.PAPER)],
        )
