"""How plants with a chilled-water tank usually use it: what the baselines ask of one.

The price that counts is the published tariff, or carbon intensity, by the hour of the day, in the weights of the reward; hours dearer
than the middle between its cheapest and its dearest are peak hours. Where all hours cost alike the tank is left alone.

* Storage priority: off peak it is charged as fast as the chillers can, on peak it carries as much of the load as it can.
* Storage priority, charged evenly: off peak at the rate that fills it until the next peak, so that chillers run at their part-load best.
* Chiller priority: the chillers carry the load; the tank is kept full and helps where they cannot, by the plant's own protection.

References
----------
Braun 1992, A comparison of chiller-priority, storage-priority, and optimal control of an ice-storage system, ASHRAE Transactions 98(1);
Dorgan and Elleson 1993, Design Guide for Cool Thermal Storage, ASHRAE.
"""

import numpy as np

from dcsim.physics.constants import WATER_DENSITY
from dcsim.plant.description import HallDescription
from dcsim_agents.signal_io import Array, Reading

SPREAD_MIN = 0.05  # of the dearest hour over the cheapest below which shifting load is not worth the losses
CHARGE_MARGIN_HOURS = 1.0  # before the peak by which a tank that is charged evenly is full


def hour_of_day(reading: Reading) -> Array:
    """Start of the control interval [h], shape (1, N), 0 to 24."""
    turn = np.arctan2(reading["hour_sin"], reading["hour_cos"]) / (2.0 * np.pi)
    return (24.0 * turn + 1e-3) % 24.0


def peak_hours(cost: Array) -> Array:
    """Which hours of the day are peak hours, shape (24,) of bool; none where all cost about the same."""
    low, high = float(cost.min()), float(cost.max())
    result: Array = (cost > 0.5 * (low + high)) & (high > (1.0 + SPREAD_MIN) * low)
    return result


def storage_priority(reading: Reading, cost: Array, hall: HallDescription) -> Array:
    """Flow through the tank, shape (1, N): all it can, charging off peak and discharging on peak."""
    peak = peak_hours(cost)
    if not peak.any():
        return np.zeros((1, reading.num_envs))
    return np.where(peak[hour_of_day(reading).astype(int)], -1.0, 1.0)


def evenly_charged(reading: Reading, cost: Array, hall: HallDescription) -> Array:
    """The same, but charged no faster than it takes to be full before the next peak."""
    peak = peak_hours(cost)
    if not peak.any():
        return np.zeros((1, reading.num_envs))
    assert hall.tank is not None
    ahead = np.array([next(k for k in range(1, 25) if peak[(hour + k) % 24]) for hour in range(24)])
    hour = hour_of_day(reading)
    at = hour.astype(int)
    left = np.maximum(ahead[at] - (hour - at) - CHARGE_MARGIN_HOURS, 0.5)
    passes = hall.tank.volume.value * WATER_DENSITY / hall.tank.water_flow.value / 3600.0
    rate = np.minimum((1.0 - reading["tank_charge"]) * passes / left, 1.0)
    return np.where(peak[at], -1.0, rate)


def chiller_priority(reading: Reading, cost: Array, hall: HallDescription) -> Array:
    """Full at all times."""
    return np.ones((1, reading.num_envs))
