"""Control valves: flow against stem position."""

from typing import Any

import numpy as np

from dcsim.physics.constants import Array

RANGEABILITY = 50.0
LEAKAGE = 1e-4
LINEAR_STRETCH = 0.01
"""Defaults of Modelica Buildings, ``Fluid.Actuators.Valves.TwoWayEqualPercentage``."""


def equal_percentage_characteristic(
    position: Array,
    rangeability: float = RANGEABILITY,
    leakage: float = LEAKAGE,
    linear_stretch: float = LINEAR_STRETCH,
    xp: Any = np,
) -> Array:
    """Flow coefficient of an equal-percentage valve over that of the open valve.

    Parameters
    ----------
    position : Array, shape (U, N)
        Stem position [-], 0 closed to 1 open.
    rangeability : float
        Ratio of the flow coefficients of the open and the nearly closed valve [-].
    leakage : float
        Flow coefficient of the closed valve [-].
    linear_stretch : float
        Position below which the characteristic goes straight to ``leakage`` [-].
    xp : namespace
        Array functions.

    Returns
    -------
    Array, shape (U, N)
        Flow coefficient [-], ``leakage`` to 1.

    References
    ----------
    .. [1] Modelica Buildings library, ``Fluid.Actuators.BaseClasses.equalPercentage``, whose cubic between 0.5 and 1.5
       ``linear_stretch`` is replaced by a corner at ``linear_stretch``.
    """
    log_rangeability = float(np.log(rangeability))
    at_corner = float(np.exp(log_rangeability * (linear_stretch - 1.0)))
    straight = leakage + position * ((at_corner - leakage) / linear_stretch)
    return xp.where(position < linear_stretch, straight, xp.exp(log_rangeability * (position - 1.0)))


def installed_flow_fraction(characteristic: Array, authority: Array, xp: Any = np) -> Array:
    """Flow through a branch over its flow with the valve open, at constant pressure across the branch.

    Parameters
    ----------
    characteristic : Array, shape (U, N)
        Flow coefficient of the valve over that of the open valve [-], above 0.
    authority : Array, broadcastable
        Share of the branch's pressure drop that lies across the open valve [-], above 0; 0.5 is a usual design.
    xp : namespace
        Array functions.

    Returns
    -------
    Array, shape (U, N)
        Flow fraction [-]: ``1 / sqrt(a / k**2 + 1 - a)``, written to hold at ``k`` = 0.
    """
    k = characteristic
    return k / xp.sqrt(authority + (1.0 - authority) * k * k)
