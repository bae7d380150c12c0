"""Figures from recorded trajectories and from comparison results, as matplotlib figures on canvases of their own.

matplotlib is loaded with the first figure function that is asked for, so recording a trajectory needs none.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from dcsim.plots.recording import Recorder, Trajectory, component_energy

if TYPE_CHECKING:
    from dcsim.plots.comparison import energy_by_component, paired_savings, violations
    from dcsim.plots.days import day_trajectories
    from dcsim.plots.halls import hall_map
    from dcsim.plots.learning import learning_curve
    from dcsim.plots.overview import comparison_figures
    from dcsim.plots.sweeps import supply_air_sweep

__all__ = [
    "Recorder",
    "Trajectory",
    "comparison_figures",
    "component_energy",
    "day_trajectories",
    "energy_by_component",
    "hall_map",
    "learning_curve",
    "paired_savings",
    "supply_air_sweep",
    "violations",
]

_MODULES = {
    "comparison_figures": "overview",
    "day_trajectories": "days",
    "energy_by_component": "comparison",
    "hall_map": "halls",
    "learning_curve": "learning",
    "paired_savings": "comparison",
    "supply_air_sweep": "sweeps",
    "violations": "comparison",
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(import_module(f"dcsim.plots.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
