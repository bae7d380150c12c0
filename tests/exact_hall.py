"""A hall of three racks whose course is an exact solution, as sensors on an even grid."""

import numpy as np

from dcsim.forecasting.panel import Member

STEP_S = 300.0
KEPT = 0.8  # of the distance to rest, after a step
GAIN = 2.0  # K of rest for each unit of load
RACKS = 3


def course(steps, seed=0, noise=0.0):
    """Racks that go to rest at the set-point plus their load's heat: members, values (channels, steps)."""
    random = np.random.default_rng(seed)
    setpoint = np.repeat(random.uniform(18.0, 26.0, -(-steps // 8)), 8)[:steps]
    load = np.repeat(random.uniform(0.2, 1.0, (RACKS, -(-steps // 5))), 5, axis=1)[:, :steps]
    temperature = np.empty((RACKS, steps))
    now = np.full(RACKS, 24.0)
    for k in range(steps):
        rest = setpoint[k] + GAIN * load[:, k]
        now = rest + KEPT * (now - rest)
        temperature[:, k] = now
    temperature += noise * random.standard_normal(temperature.shape)
    members = (
        *(Member(f"inlet {k + 1}", "rack_inlet_temperature", k + 1, "degC", "target") for k in range(RACKS)),
        *(Member(f"load {k + 1}", "utilization", k + 1, "-", "load") for k in range(RACKS)),
        Member("setpoint", "supply_air_setpoint", 0, "degC", "action"),
    )
    return members, np.vstack([temperature, load, setpoint[None]])
