"""Fans: electric power against speed, and what a fan draws at its design point.

Flow is taken proportional to speed. All of the power ends as heat in the air where the motor stands in the stream.
"""

from collections.abc import Sequence
from types import MappingProxyType

from dcsim.physics.constants import Array

POWER_CURVES = MappingProxyType(
    {
        "affinity": (0.0, 0.0, 0.0, 1.0),
        "one-zone-supply": (0.06990146, 1.39500612, -3.35487336, 2.89232315),
        "two-zone-supply": (0.35071223, 0.30850535, -0.54137364, 0.87198823),
        "tower": (-0.00931516, 0.0512334, -0.0838365, 1.04191823),
    }
)
"""Power fraction against flow fraction, ``c0 + c1 s + c2 s**2 + c3 s**3``.

From the EnergyPlus 24.1 example files: supply fan of ``1ZoneDataCenterCRAC_wApproachTemp``, supply fan of
``2ZoneDataCenterHVAC_wEconomizer``, variable-speed tower of the latter. "affinity" is the cube law."""


def fan_power(speed: Array, power_nominal: Array, linear_share: Array) -> Array:
    """Electric power of a variable-speed fan: cube law plus a share that falls only in proportion to speed.

    Parameters
    ----------
    speed : Array, shape (U, N)
        Speed over nominal speed [-], 0 to 1.
    power_nominal : Array, shape (U, 1) or (U, N)
        Power at nominal speed [W].
    linear_share : Array, broadcastable
        Share of the nominal power that is proportional to speed [-]: drive, motor and belt losses. 0 gives the affinity
        law.

    Returns
    -------
    Array, shape (U, N)
        Power [W].

    Notes
    -----
    Engineering form (no single source); convex in speed.
    """
    return power_nominal * speed * (speed * speed * (1.0 - linear_share) + linear_share)


def polynomial_power(speed: Array, power_nominal: Array, coefficients: Sequence[float]) -> Array:
    """Electric power of a fan by a published cubic in flow fraction.

    Parameters
    ----------
    speed : Array, shape (U, N)
        Flow over nominal flow [-], taken equal to speed.
    power_nominal : Array, shape (U, 1) or (U, N)
        Power at nominal flow [W].
    coefficients : sequence of 4 floats
        ``c0`` to ``c3``, for instance one of `POWER_CURVES`.

    Returns
    -------
    Array, shape (U, N)
        Power [W].

    Notes
    -----
    Domain: 0.2 to 1. The fits do not pass 0 at a standstill; "tower" is negative below 0.15.
    """
    c0, c1, c2, c3 = coefficients
    return power_nominal * (c0 + speed * (c1 + speed * (c2 + speed * c3)))


def design_power(volume_flow: Array, pressure_rise: Array, efficiency: Array) -> Array:
    """Electric power that moves a volume flow against a pressure rise.

    Parameters
    ----------
    volume_flow : Array, any shape
        Volume flow [m3/s].
    pressure_rise : Array, broadcastable
        Total pressure rise [Pa].
    efficiency : Array, broadcastable
        Of fan, motor and drive together [-].

    Returns
    -------
    Array, broadcast shape
        Power [W].
    """
    return volume_flow * pressure_rise / efficiency
