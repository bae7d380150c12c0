"""All figures that a comparison has the material for, in reading order."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from dcsim.plots.comparison import energy_by_component, number, paired_savings, per_day, violations
from dcsim.plots.days import day_trajectories
from dcsim.plots.halls import hall_map
from dcsim.plots.learning import learning_curve
from dcsim.plots.recording import component_energy

COLUMNS_MAX = 3  # controllers whose day is drawn side by side: more cannot be read on a page


def comparison_figures(
    result: Mapping[str, Any],
    trajectories: Mapping[str, Mapping[str, np.ndarray]] | None = None,
    curves: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, Figure]:
    """Draw what there is to draw.

    Parameters
    ----------
    result : mapping
        Content of ``compare.json``; ``components`` ``{controller: {component: kWh per day}}`` beside the agreed keys, if known.
    trajectories : mapping, optional
        One test day under some of the controllers, the most telling first: three at most are drawn in detail.
    curves : mapping, optional
        As of ``learning_curve``.

    Returns
    -------
    dict[str, Figure]
        ``savings``, ``violations``, ``components``, ``hall``, ``day``, ``learning``, those that could be drawn.
    """
    trajectories, reference = trajectories or {}, result["reference"]
    figures = {}
    if any("thermal_energy_kwh" in entry for entry in result.get("paired", {}).values()):
        figures["savings"] = paired_savings(result)
    figures["violations"] = violations(result)
    components = result.get("components")
    if components:
        names = sorted(set(components) & set(result["controllers"]), key=lambda name: sum(components[name].values()))
        violation = {name: per_day(result, name, "violation_k_min") for name in names}
        pue = {name: number(result["controllers"][name].get("pue"), "mean") for name in names}
        figures["components"] = energy_by_component({name: components[name] for name in names}, violation, pue)
    elif trajectories:
        days = {name: len(t["time_s"]) * float(t["control_interval_s"]) / 86400.0 for name, t in trajectories.items()}
        figures["components"] = energy_by_component(
            {name: component_energy(t) for name, t in trajectories.items()},
            {name: float(np.sum(t["violation_k_min"])) / days[name] for name, t in trajectories.items()},
            {name: float(np.sum(t["facility_power"]) / np.sum(t["it_power"])) for name, t in trajectories.items()},
            title="Where the energy goes on the day shown below, and whether the limit was kept",
        )
    if trajectories:
        figures["hall"] = hall_map(trajectories)
        figures["day"] = day_trajectories(dict(list(trajectories.items())[:COLUMNS_MAX]))
    if curves:
        values = {key: per_day(result, reference, key) for key in ("thermal_energy_kwh", "violation_k_min")}
        figures["learning"] = learning_curve(curves, {"name": reference, **values})
    return figures
