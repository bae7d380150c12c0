"""Two controllers on a day, and a comparison of three."""

import pytest
from plot_samples import day, entry


@pytest.fixture
def trajectories():
    """Two controllers on one day."""
    return {"g36": day(), "sac": day(hottest=28.0, factor=0.9)}


@pytest.fixture
def result():
    """Three controllers over episodes of two days."""
    energy = {"fixed": 12000.0, "g36": 10000.0, "sac": 9000.0}
    violation = {"fixed": 0.0, "g36": 2.0, "sac": 8.0}
    return {
        "controllers": {
            name: {
                "thermal_energy_kwh": entry(energy[name], 400.0),
                "violation_k_min": entry(violation[name], 1.0),
                "pue": entry(1.2, 0.01),
            }
            for name in energy
        },
        "reference": "g36",
        "paired": {
            "fixed": {"thermal_energy_kwh": {"mean": 0.2, "low": 0.15, "high": 0.25}},
            "sac": {"thermal_energy_kwh": {"mean": -0.1, "low": None, "high": None}},
        },
        "episode_days": 2.0,
        "components": {name: {"chillers": 0.6 * value / 2, "pumps": 0.4 * value / 2} for name, value in energy.items()},
    }
