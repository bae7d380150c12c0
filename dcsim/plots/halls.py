"""The hall as a heat map for several controllers side by side."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from dcsim.plots import palette
from dcsim.plots.hall_panel import HallPanel, HallValues, heat_scale
from dcsim.plots.style import energy_text, house_style, new_figure, violation_text

PANEL = (330.0, 250.0)  # pixels at 100 per inch
COLUMNS_MAX = 3


def hall_map(
    trajectories: Mapping[str, Mapping[str, np.ndarray]], moment: str = "highest", title: str | None = None
) -> Figure:
    """Draw the rack groups of a hall coloured by their inlet temperature, one panel a controller.

    Parameters
    ----------
    trajectories : mapping
        Controller to its trajectory, as of ``recording.Recorder``; all of one hall.
    moment : {"highest", "worst"}
        Each group at its own hottest over the episode, or all groups at the end of the step in which the hottest inlet was highest.
    title : str, optional

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        For another moment, or if there is no trajectory.
    """
    if moment not in ("highest", "worst"):
        raise ValueError(f"moment {moment!r}: expected 'highest' or 'worst'")
    if not trajectories:
        raise ValueError("no trajectory to draw")
    columns = 2 if len(trajectories) == 4 else min(len(trajectories), COLUMNS_MAX)
    rows = -(-len(trajectories) // columns)
    gap, head, foot, margin = 26.0, 66.0, 62.0, 16.0
    width = 2 * margin + columns * PANEL[0] + (columns - 1) * gap
    height = 46.0 + rows * (PANEL[1] + head) + foot
    shown = "each group at its hottest" if moment == "highest" else "at the moment of the hottest inlet"
    with house_style():
        figure = new_figure(width / 100.0, height / 100.0, dpi=100)
        figure.text(
            margin / width,
            1.0 - 14.0 / height,
            title or f"Where is it hot? Rack inlets, {shown}",
            fontsize=12,
            weight="bold",
            va="top",
        )
        for k, (name, trajectory) in enumerate(trajectories.items()):
            left = margin + (k % columns) * (PANEL[0] + gap)
            bottom = foot + (rows - 1 - k // columns) * (PANEL[1] + head)
            axes = figure.add_axes((left / width, bottom / height, PANEL[0] / width, PANEL[1] / height))
            _draw_panel(axes, trajectory, moment)
            swatch = (left / width, (bottom + PANEL[1] + 37) / height)
            figure.add_artist(
                Rectangle(swatch, 10 / width, 10 / height, facecolor=palette.color(name), edgecolor="none")
            )
            figure.text((left + 16) / width, swatch[1], palette.label(name), fontsize=10.5, weight="bold", va="bottom")
            words = _summary(trajectory)
            figure.text(
                left / width, (bottom + PANEL[1] + 5) / height, words, fontsize=8.5, va="bottom", color="#444444"
            )
        first = next(iter(trajectories.values()))
        scale = figure.add_axes(
            (margin / width, 24.0 / height, min(PANEL[0] * 1.3, width - 2 * margin) / width, 11.0 / height)
        )
        heat_scale(scale, float(first["inlet_limit"]), float(first["inlet_allowable"]))
    return figure


def _draw_panel(axes: object, trajectory: Mapping[str, np.ndarray], moment: str) -> None:
    inlets = np.asarray(trajectory["rack_inlet_temperature"])
    shown = inlets.max(0) if moment == "highest" else inlets[int(np.argmax(trajectory["rack_inlet_max"]))]
    panel = HallPanel(
        axes,  # type: ignore[arg-type]
        PANEL,
        inlets.shape[1],
        int(trajectory["crah_groups"]),
        0,
        float(trajectory["inlet_limit"]),
        float(trajectory["inlet_allowable"]),
        with_units=False,
    )
    panel.update(HallValues(rack_inlet_temperature=shown))


def _summary(trajectory: Mapping[str, np.ndarray]) -> str:
    days = len(trajectory["time_s"]) * float(trajectory["control_interval_s"]) / 86400.0
    energy = float(np.mean(trajectory["thermal_power"])) * 24.0 / 1000.0
    violation = float(np.sum(trajectory["violation_k_min"])) / days
    hottest = float(np.max(trajectory["rack_inlet_max"]))
    return f"hottest {hottest:.1f} °C, above limit {violation_text(violation)}\nthermal energy {energy_text(energy)}"
