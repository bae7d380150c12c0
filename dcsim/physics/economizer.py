"""Waterside economizer: condenser water cools the chilled-water return before the chillers do.

A plate heat exchanger in counterflow, in series upstream of the chillers. Fouling is left out.
"""

from typing import Any

import numpy as np

from dcsim.physics.coil import counterflow_effectiveness
from dcsim.physics.constants import Array
from dcsim.physics.smooth import clip_smooth, power

FILM_EXPONENT = 0.8
"""Of the flow in each film's conductance. Modelica Buildings, ``Fluid.HeatExchangers.PlateHeatExchangerEffectivenessNTU``."""


def conductance(
    chilled_water_flow_fraction: Array, condenser_water_flow_fraction: Array, conductance_nominal: Array, xp: Any = np
) -> Array:
    """Conductance of the exchanger away from its nominal flows: two equal films in series.

    Parameters
    ----------
    chilled_water_flow_fraction, condenser_water_flow_fraction : Array, shape (1, N)
        Flow over nominal flow [-], at least 0.
    conductance_nominal : Array, broadcastable
        At nominal flows [W/K].
    xp : namespace
        Array functions.

    Returns
    -------
    Array, shape (1, N)
        Conductance [W/K].
    """
    chilled = power(chilled_water_flow_fraction, FILM_EXPONENT, xp)
    condenser = power(condenser_water_flow_fraction, FILM_EXPONENT, xp)
    return conductance_nominal * chilled * condenser / (0.5 * (chilled + condenser))


def effectiveness(
    conductance: Array, chilled_water_capacity_rate: Array, condenser_water_capacity_rate: Array, xp: Any = np
) -> Array:
    """Share of the greatest possible heat flow that the exchanger moves.

    Parameters
    ----------
    conductance : Array, shape (1, N)
        At these flows [W/K]; 0 while it is out of use.
    chilled_water_capacity_rate, condenser_water_capacity_rate : Array, shape (1, N)
        Mass flow times specific heat [W/K], above 0.
    xp : namespace
        Array functions.

    Returns
    -------
    Array, shape (1, N)
        Effectiveness [-].
    """
    least = xp.minimum(chilled_water_capacity_rate, condenser_water_capacity_rate)
    most = xp.maximum(chilled_water_capacity_rate, condenser_water_capacity_rate)
    return counterflow_effectiveness(conductance / least, least / most, xp)


def heat_flow(
    effectiveness: Array,
    chilled_water_capacity_rate: Array,
    condenser_water_capacity_rate: Array,
    chilled_water_return_temperature: Array,
    condenser_water_temperature: Array,
    xp: Any = np,
) -> Array:
    """Heat that the economizer takes from the chilled-water return.

    Parameters
    ----------
    effectiveness : Array, shape (1, N)
        Share of the greatest possible heat flow [-]; 0 while it is out of use. Typically 0.8.
    chilled_water_capacity_rate, condenser_water_capacity_rate : Array, shape (1, N)
        Mass flow times specific heat [W/K].
    chilled_water_return_temperature : Array, shape (1, N)
        Entering on the chilled-water side [degC].
    condenser_water_temperature : Array, shape (1, N)
        Entering on the condenser-water side [degC].
    xp : namespace
        Array functions.

    Returns
    -------
    Array, shape (1, N)
        Heat flow into the condenser water [W], never negative: with warmer condenser water the exchanger is bypassed.

    References
    ----------
    .. [1] Modelica Buildings library, ``Fluid.HeatExchangers.ConstantEffectiveness``; effectiveness 0.8 in
       ``Examples.ChillerPlant.DataCenterContinuousTimeControl``.
    """
    capacity_rate = xp.minimum(chilled_water_capacity_rate, condenser_water_capacity_rate)
    difference = xp.maximum(chilled_water_return_temperature - condenser_water_temperature, 0.0)
    return effectiveness * capacity_rate * difference


def leaving_temperature(
    effectiveness: Array, chilled_water_return_temperature: Array, condenser_water_temperature: Array
) -> Array:
    """Chilled water behind the economizer where the chilled-water side has the smaller capacity rate.

    Parameters
    ----------
    effectiveness : Array, shape (1, N)
        Share of the greatest possible heat flow [-].
    chilled_water_return_temperature, condenser_water_temperature : Array, shape (1, N)
        Entering [degC].

    Returns
    -------
    Array, shape (1, N)
        Temperature [degC]: (1 - effectiveness) of the way from condenser water to return.
    """
    return chilled_water_return_temperature - effectiveness * (
        chilled_water_return_temperature - condenser_water_temperature
    )


def free_fraction(
    chilled_water_return_temperature: Array,
    economizer_leaving_temperature: Array,
    chilled_water_setpoint: Array,
    width: Array = 0.02,
    xp: Any = np,
) -> Array:
    """Share of the cooling load that an integrated economizer takes over.

    Parameters
    ----------
    chilled_water_return_temperature : Array, shape (1, N)
        Entering the economizer [degC], above the set-point.
    economizer_leaving_temperature : Array, shape (1, N)
        What the economizer could cool it to, condenser water plus approach [degC].
    chilled_water_setpoint : Array, shape (1, N)
        Supply wanted [degC].
    width : Array, broadcastable
        Rounding of the two bounds [-].
    xp : namespace
        Array functions.

    Returns
    -------
    Array, shape (1, N)
        0 (chillers alone) to 1 (free cooling).

    Notes
    -----
    Domain: return above set-point; the difference is held at 0.1 K or more.
    """
    span = xp.maximum(chilled_water_return_temperature - chilled_water_setpoint, 0.1)
    share = (chilled_water_return_temperature - economizer_leaving_temperature) / span
    return clip_smooth(share, 0.0, 1.0, width, xp)


def enable_margin(
    chilled_water_return_temperature: Array,
    wet_bulb_temperature: Array,
    tower_approach: Array,
    exchanger_approach: Array,
    deadband: Array = 1.0,
) -> Array:
    """How far the return water is above the temperature at which the economizer is worth starting.

    Parameters
    ----------
    chilled_water_return_temperature : Array, shape (1, N)
        Return [degC].
    wet_bulb_temperature : Array, shape (1, N)
        Outdoor wet bulb [degC].
    tower_approach : Array, broadcastable
        Condenser water above wet bulb that the tower can reach [K].
    exchanger_approach : Array, broadcastable
        Leaving chilled water above entering condenser water [K].
    deadband : Array, broadcastable
        Extra margin before it starts [K].

    Returns
    -------
    Array, shape (1, N)
        Margin [K]; start the economizer where it is positive, after at least 20 minutes in the present mode.

    Notes
    -----
    The Modelica block ``WSEControl`` compares with 0.9 times the wet bulb *in kelvin*, which is some 28 K too lenient;
    this rule is in degC.
    """
    return chilled_water_return_temperature - (wet_bulb_temperature + tower_approach + exchanger_approach + deadband)


def disable_margin(
    chilled_water_return_temperature: Array, condenser_water_temperature: Array, deadband: Array = 1.0
) -> Array:
    """How far the return water is above the temperature at which the economizer no longer helps.

    Parameters
    ----------
    chilled_water_return_temperature : Array, shape (1, N)
        Return [degC].
    condenser_water_temperature : Array, shape (1, N)
        Entering the economizer [degC].
    deadband : Array, broadcastable
        Least useful difference [K].

    Returns
    -------
    Array, shape (1, N)
        Margin [K]; stop the economizer where it is negative, after at least 20 minutes in the present mode.

    References
    ----------
    .. [1] Modelica Buildings library, ``Examples.ChillerPlant.BaseClasses.Controls.WSEControl``.
    """
    return chilled_water_return_temperature - condenser_water_temperature - deadband
