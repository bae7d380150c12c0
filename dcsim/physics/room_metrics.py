"""Room-air indices and the algebra of a room with one cold and one hot zone.

The indices are definitions of their authors; where a reward needs them with smooth bounds, pass a rounding ``width``.
"""

from typing import Any

import numpy as np

from dcsim.physics.constants import Array
from dcsim.physics.smooth import clip, smooth_maximum

RECIRCULATION_MAX = 0.95
CORNER = 0.02


def two_zone_recirculation(
    supply_ratio: Array, recirculation_min: Array, leakage_fraction: Array, width: Array = CORNER, xp: Any = np
) -> Array:
    """Part of the racks' intake that is hot air.

    Parameters
    ----------
    supply_ratio : Array, any shape
        CRAH flow over IT flow [-].
    recirculation_min : Array, broadcastable
        Recirculated however much is supplied [-].
    leakage_fraction : Array, broadcastable
        Share of supply air lost before the cold aisle [-].
    width : Array, broadcastable
        Rounding of the corner [-], above 0.
    xp : namespace
        Array functions.

    Returns
    -------
    Array, broadcast shape
        Fraction [-], held at 0.95 or less.
    """
    missing = 1.0 - supply_ratio * (1.0 - leakage_fraction)
    return clip(smooth_maximum(recirculation_min, missing, width, xp), 0.0, RECIRCULATION_MAX, xp)


def two_zone_bypass(supply_ratio: Array, recirculation: Array) -> Array:
    """Part of the CRAHs' air that returns without having met a rack.

    Parameters
    ----------
    supply_ratio : Array, any shape
        CRAH flow over IT flow [-], above 0.
    recirculation : Array, broadcastable
        From `two_zone_recirculation` [-].

    Returns
    -------
    Array, broadcast shape
        Fraction [-], the mass balance of the cold aisle.
    """
    return 1.0 - (1.0 - recirculation) / supply_ratio


def two_zone_inlet_temperature(supply_temperature: Array, recirculation: Array, temperature_rise: Array) -> Array:
    """Steady rack inlet.

    Parameters
    ----------
    supply_temperature : Array, any shape
        Air leaving the CRAHs [degC].
    recirculation : Array, broadcastable
        From `two_zone_recirculation` [-].
    temperature_rise : Array, broadcastable
        Of the air through the racks [K].

    Returns
    -------
    Array, broadcast shape
        Temperature [degC].
    """
    return supply_temperature + recirculation / (1.0 - recirculation) * temperature_rise


def two_zone_return_temperature(
    supply_temperature: Array, inlet_temperature: Array, bypass: Array, temperature_rise: Array
) -> Array:
    """Steady return air.

    Parameters
    ----------
    supply_temperature, inlet_temperature : Array, any shape
        Air leaving the CRAHs and entering the racks [degC].
    bypass : Array, broadcastable
        From `two_zone_bypass` [-].
    temperature_rise : Array, broadcastable
        Of the air through the racks [K].

    Returns
    -------
    Array, broadcast shape
        Temperature [degC].
    """
    return bypass * supply_temperature + (1.0 - bypass) * (inlet_temperature + temperature_rise)


def _above(x: Array, width: float, xp: Any) -> Array:
    return smooth_maximum(x, 0.0, width, xp) if width > 0.0 else xp.maximum(x, 0.0)


def rack_cooling_index_high(
    inlet_temperature: Array,
    recommended_max: float = 27.0,
    allowable_max: float = 32.0,
    width: float = 0.0,
    xp: Any = np,
) -> Array:
    """Rack cooling index, high side: how little the inlets exceed the recommended range.

    Parameters
    ----------
    inlet_temperature : Array, shape (R, N)
        Air entering the racks [degC].
    recommended_max, allowable_max : float
        Upper limits [degC]; the defaults are ASHRAE class A1.
    width : float
        Rounding of the bound [K]; 0 for the definition, 0.2 for rewards.
    xp : namespace
        Array functions.

    Returns
    -------
    Array, shape (1, N)
        Index [-]: 1 when all are within; 0.96 counts as good, 0.90 and less as poor. May fall below 0.

    References
    ----------
    .. [1] Herrlin, Rack cooling effectiveness in data centers and telecom central offices: the rack cooling index,
       ASHRAE Trans. 111 (2005).
    """
    count = xp.sum(1.0 + 0.0 * inlet_temperature, 0, keepdims=True)
    excess = xp.sum(_above(inlet_temperature - recommended_max, width, xp), 0, keepdims=True)
    return 1.0 - excess / ((allowable_max - recommended_max) * count)


def rack_cooling_index_low(
    inlet_temperature: Array,
    recommended_min: float = 18.0,
    allowable_min: float = 15.0,
    width: float = 0.0,
    xp: Any = np,
) -> Array:
    """Rack cooling index, low side: how little the inlets fall below the recommended range.

    Parameters
    ----------
    inlet_temperature : Array, shape (R, N)
        Air entering the racks [degC].
    recommended_min, allowable_min : float
        Lower limits [degC]; the defaults are ASHRAE class A1.
    width : float
        Rounding of the bound [K]; 0 for the definition.
    xp : namespace
        Array functions.

    Returns
    -------
    Array, shape (1, N)
        Index [-]: 1 when all are within.

    References
    ----------
    .. [1] Herrlin (2005), as for `rack_cooling_index_high`.
    """
    count = xp.sum(1.0 + 0.0 * inlet_temperature, 0, keepdims=True)
    shortfall = xp.sum(_above(recommended_min - inlet_temperature, width, xp), 0, keepdims=True)
    return 1.0 - shortfall / ((recommended_min - allowable_min) * count)


def return_temperature_index(
    return_temperature: Array, supply_temperature: Array, equipment_temperature_rise: Array
) -> Array:
    """Return temperature index: net bypass or recirculation.

    Parameters
    ----------
    return_temperature, supply_temperature : Array, any shape
        Air entering and leaving the CRAHs, flow-weighted [degC].
    equipment_temperature_rise : Array, broadcastable
        Of the air through the racks, flow-weighted [K], above 0.

    Returns
    -------
    Array, broadcast shape
        Index [-]: below 1 net bypass, above 1 net recirculation.

    References
    ----------
    .. [1] Herrlin, Airflow and cooling performance of data centers: two performance metrics, ASHRAE Trans. 114 (2008).
    """
    return (return_temperature - supply_temperature) / equipment_temperature_rise


def supply_heat_index(
    inlet_temperature: Array, outlet_temperature: Array, supply_temperature: Array, mass_flow: Array, xp: Any = np
) -> Array:
    """Supply heat index: share of the air's heating that happens before it enters the racks.

    Parameters
    ----------
    inlet_temperature, outlet_temperature : Array, shape (R, N)
        Air entering and leaving the racks [degC].
    supply_temperature : Array, shape (1, N)
        Air leaving the CRAHs [degC].
    mass_flow : Array, shape (R, N)
        Air through the racks [kg/s].
    xp : namespace
        Array functions.

    Returns
    -------
    Array, shape (1, N)
        SHI [-], 0 (no recirculation) to 1. The return heat index is 1 less it.

    References
    ----------
    .. [1] Sharma, Bash, Patel, Dimensionless parameters for evaluation of thermal design and performance of large-scale
       data centers, AIAA 2002-3091.
    """
    before = xp.sum(mass_flow * (inlet_temperature - supply_temperature), 0, keepdims=True)
    whole = xp.sum(mass_flow * (outlet_temperature - supply_temperature), 0, keepdims=True)
    return before / whole


def return_heat_index(supply_heat_index: Array) -> Array:
    """Return heat index: share of the air's heating that happens in the racks.

    Parameters
    ----------
    supply_heat_index : Array, any shape
        SHI [-].

    Returns
    -------
    Array, same shape
        RHI [-].
    """
    return 1.0 - supply_heat_index
