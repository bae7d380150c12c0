"""One day under several controllers, side by side: what got hot, what the set-points did, what it cost, and what drove it."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dcsim.drivers.calendar import hour_of_day, time_label
from dcsim.plots import palette
from dcsim.plots.recording import COMPONENT_POWERS
from dcsim.plots.style import Tag, energy_text, house_style, name_lines, new_figure, tag, violation_text

Trajectory = Mapping[str, np.ndarray]

CONTROLLERS_MAX = 4
SECONDS_PER_HOUR = 3600.0
SPEEDS: tuple[tuple[str, str, str, Any], ...] = (
    ("chilled_water_pump_speed", "chilled pump", "pumps", "-"),
    ("condenser_water_flow", "cond. flow", "pumps", (0, (4, 2))),
    ("tower_air_fraction", "tower fans", "tower_fans", "-"),
    ("cdu_pump_speed", "CDU pumps", "cdus", "-"),
    ("dry_cooler_fan_speed", "dry coolers", "dry_coolers", "-"),
    ("pad_wetted_share", "wetted pads", "dry_coolers", (0, (4, 2))),
    ("compressor_load", "compressors", "compressors", "-"),
    ("outdoor_air_share", "outdoor air", "tower_fans", (0, (4, 2))),
)
"""Field, words, component whose colour it takes, dashes; those are drawn that a hall has."""
MODES = ((0.0, "mechanical", "#c3c8cd"), (1.0, "integrated", "#7cb8c0"), (2.0, "free cooling", "#5fae7f"))
PART = {name: face for name, (_, face) in palette.COMPONENTS.items()}


def day_trajectories(trajectories: Mapping[str, Trajectory], title: str | None = None) -> Figure:
    """Draw the course of an episode, one column a controller, all rows on one scale.

    Parameters
    ----------
    trajectories : mapping
        One to four controllers with their trajectories, as of ``recording.Recorder``; same hall, same weather, load and start.
    title : str, optional

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If there are none or too many.
    """
    if not 1 <= len(trajectories) <= CONTROLLERS_MAX:
        raise ValueError(f"{len(trajectories)} trajectories: expected 1 to {CONTROLLERS_MAX}")
    rows: tuple[tuple[Callable[[Axes, Trajectory], list[Tag]], str, float], ...] = (
        (_inlets, "rack inlets [°C]", 2.0),
        (_temperatures, "air and water [°C]\n(dotted: set-points)", 2.0),
        (_speeds, "speeds [%]", 1.6),
        (_powers, "thermal power", 2.0),
        (_load, "load [%]", 0.9),
        (_outdoors, "outdoors [°C]", 1.1),
    )
    columns = len(trajectories)
    with house_style():
        figure = new_figure(2.0 + 3.2 * columns, 11.0, dpi=100)
        grid = figure.subplots(
            len(rows), columns, sharex=True, sharey="row", squeeze=False, height_ratios=[height for *_, height in rows]
        )
        width = 2.0 + 3.2 * columns
        figure.subplots_adjust(
            left=0.85 / width, right=1.0 - 1.35 / width, top=0.895, bottom=0.055, hspace=0.16, wspace=0.06
        )
        first = next(iter(trajectories.values()))
        heading = (
            title or f"The same {_length(first)} under each controller, from {time_label(_start(first))} local time"
        )
        figure.text(0.85 / width, 0.982, heading, fontsize=12.5, weight="bold", va="top")
        for column, (name, trajectory) in enumerate(trajectories.items()):
            _head(grid[0, column], name, trajectory)
            for row, (draw, words, _) in enumerate(rows):
                axes = grid[row, column]
                axes.grid(True, axis="y")
                tags = draw(axes, trajectory)
                if column == 0:
                    axes.set_ylabel(words + (f" [{_power_unit(trajectories)[0]}]" if draw is _powers else ""))
                if column == columns - 1:
                    name_lines(axes, tags)
        scale = _power_unit(trajectories)[1]
        for axes in grid[3]:
            axes.yaxis.set_major_formatter(lambda value, _: f"{value / scale:g}")
        _hours(grid, first)
        figure.align_ylabels(grid[:, 0])
    return figure


def _hour(t: Trajectory) -> np.ndarray:
    """Hours from the start of the episode to the end of each step."""
    return (np.arange(len(t["time_s"])) + 1.0) * float(t["control_interval_s"]) / SECONDS_PER_HOUR


def _length(t: Trajectory) -> str:
    hours = float(_hour(t)[-1])
    return f"{hours / 24.0:g} days" if hours > 24.0 else f"{hours:g} h"


def _start(t: Trajectory) -> float:
    return float(t["time_s"][0]) - float(t["control_interval_s"])


def _power_unit(trajectories: Mapping[str, Trajectory]) -> tuple[str, float]:
    most = max(float(np.max(t["thermal_power"])) for t in trajectories.values())
    return ("MW", 1e6) if most >= 2e6 else ("kW", 1e3)


def _head(axes: Axes, name: str, t: Trajectory) -> None:
    days = len(t["time_s"]) * float(t["control_interval_s"]) / 86400.0
    energy = energy_text(float(np.mean(t["thermal_power"])) * 24.0 / 1000.0)
    violation = float(np.sum(t["violation_k_min"])) / days
    pue = float(np.sum(t["facility_power"]) / np.sum(t["it_power"]))
    axes.text(0.0, 1.225, "■", transform=axes.transAxes, fontsize=11.5, color=palette.color(name))
    place: dict[str, Any] = {"xycoords": axes.transAxes, "textcoords": "offset points"}
    axes.annotate(palette.label(name), (0.0, 1.225), (14, 0), fontsize=11.5, weight="bold", **place)
    words = f"thermal energy {energy}, PUE {pue:.3f}\nabove the limit {violation_text(violation)}"
    axes.text(0.0, 1.03, words, transform=axes.transAxes, fontsize=8.5, linespacing=1.25)


def _hours(grid: np.ndarray, t: Trajectory) -> None:
    length = float(_hour(t)[-1])
    step = next((hours for hours in (0.5, 1, 2, 4, 6, 12, 24, 48) if length / hours <= 7), 96)
    ticks = np.arange(0.0, length + 1e-6, step)
    at = _start(t) + ticks * SECONDS_PER_HOUR
    words = (
        [time_label(s)[:5] for s in at]
        if step >= 24
        else [f"{h:.4g}" if h % 1 == 0 else f"{h:.1f}" for h in hour_of_day(at)]
    )
    for axes in grid[-1]:
        axes.set_xlim(0.0, length)
        axes.set_xticks(ticks, words)
        axes.set_xlabel("day" if step >= 24 else "hour of day, local time")


# --- rows -------------------------------------------------------------------------------------------------------------------------


def _inlets(axes: Axes, t: Trajectory) -> list[Tag]:
    hour, hottest = _hour(t), np.asarray(t["rack_inlet_max"])
    inlets = np.asarray(t["rack_inlet_temperature"])
    limit, allowable = float(t["inlet_limit"]), float(t["inlet_allowable"])
    axes.fill_between(hour, inlets.min(1), inlets.max(1), color="#9ec5de", alpha=0.55, linewidth=0)
    axes.plot(hour, hottest, color=palette.INK)
    axes.fill_between(hour, limit, np.maximum(hottest, limit), color=palette.LIMIT, alpha=0.35, linewidth=0)
    axes.axhline(limit, color=palette.LIMIT, linewidth=1.2)
    tags = [tag(hottest[-1], "hottest group", palette.INK), tag(limit, "limit", palette.LIMIT)]
    tags.append(tag(inlets[-1].min(), "all groups", "#4a7fa5"))
    if hottest.max() > allowable - 2.0:
        axes.axhline(allowable, color=palette.LIMIT, linewidth=1.2, linestyle=(0, (4, 3)))
        tags.append(tag(allowable, "allowable", palette.LIMIT))
    return tags


def _temperatures(axes: Axes, t: Trajectory) -> list[Tag]:
    hour = _hour(t)
    supply, wished = np.asarray(t["supply_air_temperature"]), np.asarray(t["supply_air_setpoint"])
    axes.fill_between(hour, supply.min(1), supply.max(1), color=PART["crah_fans"], alpha=0.3, linewidth=0)
    lines = [(supply.mean(1), wished.mean(1), "supply air", PART["crah_fans"])]
    for water, setpoint, words, part in (
        ("chilled_water_supply_temperature", "chilled_water_setpoint", "chilled water", "chillers"),
        ("condenser_water_supply_temperature", "condenser_water_setpoint", "condenser w.", "tower_fans"),
        ("facility_water_supply_temperature", "facility_water_setpoint", "facility water", "dry_coolers"),
        ("coolant_supply_temperature", "coolant_setpoint", "coolant", "cdus"),
    ):
        if water in t:
            lines.append((np.asarray(t[water]), np.asarray(t[setpoint]), words, PART[part]))
    for value, setpoint, _, face in lines:
        axes.plot(hour, value, color=face)
        axes.plot(hour, setpoint, color=face, linewidth=1.0, linestyle=(0, (2, 1.5)))
    return [tag(np.asarray(value)[-1], words, face) for value, _, words, face in lines]


def _speeds(axes: Axes, t: Trajectory) -> list[Tag]:
    hour, fans = _hour(t), 100.0 * np.asarray(t["crah_fan_speed"])
    axes.fill_between(hour, fans.min(1), fans.max(1), color=PART["crah_fans"], alpha=0.3, linewidth=0)
    lines: list[tuple[Any, str, str, Any]] = [(fans.mean(1), "CRAH fans", PART["crah_fans"], "-")]
    for field, words, part, dashes in SPEEDS:
        if field in t:
            lines.append((100.0 * np.asarray(t[field]), words, PART[part], dashes))
    for value, _, face, dashes in lines:
        axes.plot(hour, value, color=face, linestyle=dashes, linewidth=1.4)
    axes.set_ylim(0.0, 118.0)
    axes.set_yticks([0, 50, 100])
    if np.max(t["mode"]) > 0.0:
        _show_modes(axes, hour, np.rint(np.asarray(t["mode"])))
    return [tag(value[-1], words, face) for value, words, face, _ in lines]


def _show_modes(axes: Axes, hour: np.ndarray, mode: np.ndarray) -> None:
    """Strip above the speeds; each mode is named once, where it lasts longest."""
    ends = np.flatnonzero(np.append(np.diff(mode) != 0.0, True))
    starts = np.append(0, ends[:-1] + 1)
    interval = hour[0]
    for value, words, face in MODES:
        runs = [(hour[a] - interval, hour[b]) for a, b in zip(starts, ends, strict=True) if mode[a] == value]
        axes.broken_barh([(begin, end - begin) for begin, end in runs], (110.0, 8.0), facecolor=face, linewidth=0)
        begin, end = max(runs, key=lambda run: run[1] - run[0], default=(0.0, 0.0))
        if end - begin > 0.22 * hour[-1]:
            axes.text(0.5 * (begin + end), 114.0, words, fontsize=7.0, ha="center", va="center_baseline")


def _powers(axes: Axes, t: Trajectory) -> list[Tag]:
    hour = _hour(t)
    level = np.zeros(len(hour))
    tags = []
    most = float(np.max(t["thermal_power"]))
    for name, (words, face) in palette.COMPONENTS.items():
        if COMPONENT_POWERS[name] not in t:
            continue
        power = np.maximum(np.asarray(t[COMPONENT_POWERS[name]]), 0.0)
        axes.fill_between(hour, level, level + power, color=face, linewidth=0, step="pre")
        if power.mean() > 0.004 * most:
            tags.append(tag((level + 0.5 * power)[-1], words.split(" above")[0], face))
        level = level + power
    axes.set_ylim(0.0, max(axes.get_ylim()[1], 1.05 * most))
    return tags


def _load(axes: Axes, t: Trajectory) -> list[Tag]:
    hour, load = _hour(t), 100.0 * np.asarray(t["utilization"])
    axes.fill_between(hour, load.min(1), load.max(1), color="#cccccc", linewidth=0)
    axes.plot(hour, load.mean(1), color="#555555")
    axes.set_ylim(0.0, 100.0)
    return [tag(load.mean(1)[-1], "mean load", "#555555")]


def _outdoors(axes: Axes, t: Trajectory) -> list[Tag]:
    hour = _hour(t)
    axes.plot(hour, t["dry_bulb_temperature"], color="#b07a3c", linewidth=1.2)
    axes.plot(hour, t["wet_bulb_temperature"], color="#1b7f8c")
    return [
        tag(t["dry_bulb_temperature"][-1], "dry bulb", "#b07a3c"),
        tag(t["wet_bulb_temperature"][-1], "wet bulb", "#1b7f8c"),
    ]
