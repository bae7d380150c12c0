"""Load of racks from the power that a meter shows for them."""

from types import SimpleNamespace

import numpy as np

from dcsim.physics import server
from dcsim.physics.constants import STANDARD_PRESSURE
from dcsim.plant import server_fans
from dcsim.plant.description import HallDescription
from dcsim.plant.hall import build_hall

Array = np.ndarray

USUAL_INLET = 22.0  # degC, where no inlet is measured: leakage and fans of servers hardly know it from 18 or 26 degC
GRID = 1001
PASSES = 4  # fans and leakage are a tenth of the power, and change little with it
LONG_S = 1e9  # fans of servers are at the speed that they run to


def unmetered(description: HallDescription) -> HallDescription:
    """Return the hall with a law of utilization for the power of its racks, where it takes that from a meter."""
    if description.metered_power is None:
        return description
    return description.replaced({"racks.power_from": "utilization"})


def load_of_power(
    description: HallDescription,
    power: Array,
    inlet: Array | float = USUAL_INLET,
    pressure: Array | float | None = None,
) -> Array:
    """Return the utilization at which rack groups draw a power, their fans and leakage with it.

    Parameters
    ----------
    description : HallDescription
    power : ndarray, shape (R, T)
        W.
    inlet : ndarray, broadcastable
        Air that the servers take in [degC].
    pressure : ndarray, broadcastable, optional
        Of the outdoor air [Pa], by which fans move lighter air; that at sea level by default.

    Returns
    -------
    ndarray, shape (R, T)
        From 0 to 1: power below idle or above peak is that of the nearer end.
    """
    p = build_hall(unmetered(description)).params
    load = np.linspace(0.0, 1.0, GRID)
    curve = server.dynamic_power(load, p.idle_power, p.peak_power, p.power_exponent)

    def at(dynamic: Array) -> Array:
        return np.stack([np.interp(row, drawn, load) for row, drawn in zip(dynamic, curve, strict=True)])

    found = at(power)
    if description.liquid is not None:  # chips under cold plates: no fans, and no leakage that depends on air
        return found
    inlet = np.broadcast_to(np.asarray(inlet, float), power.shape)
    lightness = 1.0 if pressure is None else 1.0 + (1.0 - p.site_rated) * (pressure / STANDARD_PRESSURE - 1.0)
    for _ in range(PASSES):
        s = SimpleNamespace(rack_inlet_temperature=inlet, server_fan_speed=np.ones_like(power))
        u = SimpleNamespace(utilization=found)
        fans = lightness * server_fans.fan_power(u, server_fans.speed_after(s, u, p, LONG_S, np), p)
        dynamic = server.dynamic_power(found, p.idle_power, p.peak_power, p.power_exponent)
        leakage = server.leakage_power(dynamic, inlet, p.leakage_coefficient, p.leakage_reference_temperature)
        found = at(power - fans - leakage)
    return found
