"""Airside economizer: outdoor air mixed into the return so that the mix is as cold as wanted.

Streams are kilograms of dry air a second; what comes in as outdoor air leaves as return air, so the mass in the room
stays. Enthalpy and water of the mix are those of the streams to rounding. Filters, dust and gases are left out; what the
dampers and filters cost is fan pressure (`dcsim.physics.fan.design_power`). Whether the economizer is on is a state of
the plant: the laws here say how far the weather is from its limits.

Main source: EnergyPlus Engineering Reference, "Outdoor Air Mixer" and "Controller:OutdoorAir".
"""

from typing import Any, NamedTuple

import numpy as np

from dcsim.physics.constants import AIR_SPECIFIC_HEAT, VAPOR_SPECIFIC_HEAT, Array
from dcsim.physics.moist_air import dew_point_temperature, enthalpy, temperature_from_enthalpy
from dcsim.physics.smooth import clip

DRY_BULB_MAX = 23.0  # degC
DRY_BULB_MIN = -20.0  # degC
DEW_POINT_MAX = 13.5  # degC
"""Limits of the EnergyPlus example ``2ZoneDataCenterHVAC_wEconomizer``."""

USEFUL_DIFFERENCE_MIN = 1e-3  # K, of return over outdoor air


def outdoor_air_fraction(
    return_temperature: Array,
    return_humidity_ratio: Array,
    outdoor_temperature: Array,
    outdoor_humidity_ratio: Array,
    mixed_air_setpoint: Array,
    fraction_min: Array,
    fraction_max: Array,
    enabled: Array,
    xp: Any = np,
) -> Array:
    """Share of outdoor air that brings the mix to a temperature, or as near to it as the dampers go.

    Parameters
    ----------
    return_temperature, return_humidity_ratio : Array, shape (U, N)
        Of the return air [degC], [kg/kg dry air].
    outdoor_temperature, outdoor_humidity_ratio : Array, shape (1, N)
        Of the outdoor air [degC], [kg/kg dry air].
    mixed_air_setpoint : Array, shape (U, N)
        Wanted behind the mixing box [degC]; that of the supply air less what the fan adds.
    fraction_min, fraction_max : Array, broadcastable
        What ventilation needs and what the dampers let through [-], 0 to 1.
    enabled : Array, broadcastable
        1 while the economizer is on, 0 while only ventilation air comes in; anything between is a blend.
    xp : namespace
        Array functions.

    Returns
    -------
    Array, shape (U, N)
        Outdoor over supply air, as dry air [-], ``fraction_min`` to ``fraction_max``.

    Notes
    -----
    Closed form. The mix has the set-point's temperature where ``x c_o (T_set - T_o) = (1 - x) c_r (T_r - T_set)`` with
    the moist specific heats ``c``. Outdoor air warmer than the return never helps, and air that is to be warmed is not
    warmed by it: both give ``fraction_min``. There the share jumps, the temperature of the mix does not.
    """
    warm = (AIR_SPECIFIC_HEAT + VAPOR_SPECIFIC_HEAT * return_humidity_ratio) * (return_temperature - mixed_air_setpoint)
    cold = (AIR_SPECIFIC_HEAT + VAPOR_SPECIFIC_HEAT * outdoor_humidity_ratio) * (
        mixed_air_setpoint - outdoor_temperature
    )
    least = USEFUL_DIFFERENCE_MIN * AIR_SPECIFIC_HEAT
    wanted = clip(warm / xp.maximum(warm + cold, least), fraction_min, fraction_max, xp)
    useful = xp.where(warm + cold > least, wanted, fraction_min)
    return fraction_min + enabled * (useful - fraction_min)


def mixed_air(
    return_temperature: Array,
    return_humidity_ratio: Array,
    outdoor_temperature: Array,
    outdoor_humidity_ratio: Array,
    fraction: Array,
) -> tuple[Array, Array]:
    """Air behind the mixing box.

    Parameters
    ----------
    return_temperature, return_humidity_ratio : Array, shape (U, N)
        Of the return air [degC], [kg/kg dry air].
    outdoor_temperature, outdoor_humidity_ratio : Array, shape (1, N)
        Of the outdoor air [degC], [kg/kg dry air].
    fraction : Array, shape (U, N)
        Outdoor over supply air [-], from `outdoor_air_fraction`.

    Returns
    -------
    temperature, humidity_ratio : Array, shape (U, N)
        Of the mix [degC], [kg/kg dry air].

    Notes
    -----
    Domain: no fog. Very cold outdoor air in a moist return makes some; its water stays in the humidity ratio.

    References
    ----------
    .. [1] ASHRAE Handbook of Fundamentals (2017), ch. 1, adiabatic mixing of two moist airstreams, equation (44).
    """
    returned = enthalpy(return_temperature, return_humidity_ratio)
    mix = returned + fraction * (enthalpy(outdoor_temperature, outdoor_humidity_ratio) - returned)
    ratio = return_humidity_ratio + fraction * (outdoor_humidity_ratio - return_humidity_ratio)
    return temperature_from_enthalpy(mix, ratio), ratio


class ExchangedAir(NamedTuple):
    """What an economizer takes out of the hall and lets in. Shapes (U, N)."""

    outdoor_mass_flow: Array
    """kg/s of dry air that comes in; as much leaves with the state of the return air."""
    heat_exhausted: Array
    """W, enthalpy that leaves less enthalpy that comes in; negative where outdoor air brings more."""
    moisture_admitted: Array
    """kg/s of water that comes in less what leaves."""


def exchanged_air(
    supply_mass_flow: Array,
    return_temperature: Array,
    return_humidity_ratio: Array,
    outdoor_temperature: Array,
    outdoor_humidity_ratio: Array,
    fraction: Array,
) -> ExchangedAir:
    """Heat and water that leave with the exhausted air, net of what the outdoor air brings.

    Parameters
    ----------
    supply_mass_flow : Array, shape (U, N)
        Through the mixing box, dry air [kg/s].
    return_temperature, return_humidity_ratio, outdoor_temperature, outdoor_humidity_ratio, fraction : Array
        As of `mixed_air`.

    Returns
    -------
    ExchangedAir

    Notes
    -----
    The mix of `mixed_air` holds the enthalpy of the return less ``heat_exhausted``, and its water plus
    ``moisture_admitted``, to rounding. With the books of `dcsim.physics.moisture` the sensible part is
    ``sensible_heat_flow(heat_exhausted, -moisture_admitted)``.
    """
    outdoor_flow = fraction * supply_mass_flow
    return ExchangedAir(
        outdoor_mass_flow=outdoor_flow,
        heat_exhausted=outdoor_flow
        * (enthalpy(return_temperature, return_humidity_ratio) - enthalpy(outdoor_temperature, outdoor_humidity_ratio)),
        moisture_admitted=outdoor_flow * (outdoor_humidity_ratio - return_humidity_ratio),
    )


def enable_margin(
    outdoor_temperature: Array,
    outdoor_humidity_ratio: Array,
    pressure: Array,
    dry_bulb_max: Array = DRY_BULB_MAX,
    dry_bulb_min: Array = DRY_BULB_MIN,
    dew_point_max: Array = DEW_POINT_MAX,
    dew_point_min: Array = -100.0,
    enthalpy_max: Array = 1e6,
    xp: Any = np,
) -> Array:
    """How far the weather is inside the fixed limits of an economizer.

    Parameters
    ----------
    outdoor_temperature, outdoor_humidity_ratio : Array, shape (1, N)
        Of the outdoor air [degC], [kg/kg dry air].
    pressure : Array, broadcastable
        Total pressure [Pa].
    dry_bulb_max, dry_bulb_min : Array, broadcastable
        Limits of the dry bulb [degC].
    dew_point_max, dew_point_min : Array, broadcastable
        Limits of the dew point [degC]; by default any dry air is let in.
    enthalpy_max : Array, broadcastable
        Limit of the enthalpy [J/kg dry air]; by default none.
    xp : namespace
        Array functions.

    Returns
    -------
    Array, shape (1, N)
        Margin [K] to the nearest limit, negative outside; enthalpy counts by the specific heat of dry air. Switch on
        where it is positive, off where it falls below a deadband, not before the least time in a mode is over.

    Notes
    -----
    Depends on the weather alone: compute it once a control step.

    References
    ----------
    .. [1] EnergyPlus Engineering Reference, Controller:OutdoorAir, FixedDryBulb, FixedDewPointAndDryBulb, FixedEnthalpy.
    """
    dew_point = dew_point_temperature(outdoor_humidity_ratio, pressure, xp)
    by_dry_bulb = xp.minimum(dry_bulb_max - outdoor_temperature, outdoor_temperature - dry_bulb_min)
    by_dew_point = xp.minimum(dew_point_max - dew_point, dew_point - dew_point_min)
    by_enthalpy = (enthalpy_max - enthalpy(outdoor_temperature, outdoor_humidity_ratio)) / AIR_SPECIFIC_HEAT
    return xp.minimum(xp.minimum(by_dry_bulb, by_dew_point), by_enthalpy)


def differential_margin(
    return_temperature: Array,
    return_humidity_ratio: Array,
    outdoor_temperature: Array,
    outdoor_humidity_ratio: Array,
    xp: Any = np,
) -> Array:
    """How much colder, and poorer in enthalpy, outdoor air is than the return it would replace.

    Parameters
    ----------
    return_temperature, return_humidity_ratio : Array, shape (U, N)
        Of the return air [degC], [kg/kg dry air].
    outdoor_temperature, outdoor_humidity_ratio : Array, shape (1, N)
        Of the outdoor air [degC], [kg/kg dry air].
    xp : namespace
        Array functions.

    Returns
    -------
    Array, shape (U, N)
        The lesser of both differences [K]; enthalpy counts by the specific heat of dry air. Use as `enable_margin`.

    References
    ----------
    .. [1] EnergyPlus Engineering Reference, Controller:OutdoorAir, DifferentialDryBulbAndEnthalpy.
    """
    by_enthalpy = enthalpy(return_temperature, return_humidity_ratio) - enthalpy(
        outdoor_temperature, outdoor_humidity_ratio
    )
    return xp.minimum(return_temperature - outdoor_temperature, by_enthalpy / AIR_SPECIFIC_HEAT)
