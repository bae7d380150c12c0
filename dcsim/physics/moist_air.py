"""Moist air: vapour pressure, humidity, enthalpy, density, dew point, wet bulb.

Ideal-gas mixture of dry air and water vapour; the real-gas enhancement of about 0.4 % in the humidity ratio is left
out, as in the ASHRAE chapter it follows. Humidity ratios, enthalpies and specific volumes are per kg of *dry* air.

Main source: ASHRAE Handbook of Fundamentals (2017), ch. 1 "Psychrometrics" [1]_; saturation pressures after Hyland and
Wexler (1983).
"""

from typing import Any

import numpy as np

from dcsim.physics.constants import (
    AIR_SPECIFIC_HEAT,
    DRY_AIR_GAS_CONSTANT,
    EVAPORATION_ENTHALPY,
    MOLAR_MASS_RATIO,
    STANDARD_PRESSURE,
    VAPOR_SPECIFIC_HEAT,
    Array,
    kelvin,
)
from dcsim.physics.saturation import log_saturation_pressure, saturation_pressure

VAPOR_PRESSURE_MIN = 1e-6  # Pa; a frost point of about -150 degC
DRY_AIR_PRESSURE_SHARE_MIN = 0.02  # of the total: keeps humidity ratios finite when water boils
WET_BULB_BLEND_WIDTH = 1.0  # K, between the ice and the water relation
DEW_POINT_ROUNDS = 3
WET_BULB_START_ROUNDS = 3
WET_BULB_ROUNDS = 5
SATURATION_ROUNDS = 5


def saturation_humidity_ratio(temperature: Array, pressure: Array, xp: Any = np) -> Array:
    """Humidity ratio of saturated air.

    Parameters
    ----------
    temperature : Array, any shape
        Temperature [degC].
    pressure : Array, broadcastable
        Total pressure [Pa].
    xp : namespace
        Array functions.

    Returns
    -------
    Array, broadcast shape
        Humidity ratio [kg/kg dry air].

    Notes
    -----
    Domain: below the boiling point; above it the dry-air pressure is held at 2 % of the total.

    References
    ----------
    .. [1] ASHRAE Handbook of Fundamentals (2017), ch. 1, equation (21).
    """
    return _mixing_ratio(saturation_pressure(temperature, xp), pressure, xp)


def _mixing_ratio(vapor_pressure: Array, pressure: Array, xp: Any) -> Array:
    dry_air_pressure = xp.maximum(pressure - vapor_pressure, DRY_AIR_PRESSURE_SHARE_MIN * pressure)
    return MOLAR_MASS_RATIO * vapor_pressure / dry_air_pressure


def _vapor_pressure(humidity_ratio: Array, pressure: Array) -> Array:
    return pressure * humidity_ratio / (MOLAR_MASS_RATIO + humidity_ratio)


def humidity_ratio(temperature: Array, relative_humidity: Array, pressure: Array, xp: Any = np) -> Array:
    """Humidity ratio of air of known temperature and relative humidity.

    Parameters
    ----------
    temperature : Array, any shape
        Dry-bulb temperature [degC].
    relative_humidity : Array, broadcastable
        Vapour pressure over saturation pressure [-], 0 to 1.
    pressure : Array, broadcastable
        Total pressure [Pa].
    xp : namespace
        Array functions.

    Returns
    -------
    Array, broadcast shape
        Humidity ratio [kg/kg dry air].

    References
    ----------
    .. [1] ASHRAE Handbook of Fundamentals (2017), ch. 1, equations (20) and (22).
    """
    return _mixing_ratio(relative_humidity * saturation_pressure(temperature, xp), pressure, xp)


def humidity_ratio_from_dew_point(dew_point_temperature: Array, pressure: Array, xp: Any = np) -> Array:
    """Humidity ratio of air whose vapour condenses (below 0 degC: forms frost) at a known temperature.

    Parameters
    ----------
    dew_point_temperature : Array, any shape
        Dew point [degC].
    pressure : Array, broadcastable
        Total pressure [Pa].
    xp : namespace
        Array functions.

    Returns
    -------
    Array, broadcast shape
        Humidity ratio [kg/kg dry air].

    References
    ----------
    .. [1] ASHRAE Handbook of Fundamentals (2017), ch. 1, equation (36).
    """
    return saturation_humidity_ratio(dew_point_temperature, pressure, xp)


def humidity_ratio_from_wet_bulb(temperature: Array, wet_bulb: Array, pressure: Array, xp: Any = np) -> Array:
    """Humidity ratio of air of a wet bulb.

    Parameters
    ----------
    temperature, wet_bulb : Array, any shape
        Dry and wet bulb [degC].
    pressure : Array, broadcastable
        Total pressure [Pa].
    xp : namespace
        Array functions.

    Returns
    -------
    Array, broadcast shape
        Humidity ratio [kg/kg dry air], 0 where no air is as dry.

    References
    ----------
    .. [1] ASHRAE Handbook of Fundamentals (2017), ch. 1, equations (33) and (35).
    """
    saturated = saturation_humidity_ratio(wet_bulb, pressure, xp)
    over_water = ((2501.0 - 2.326 * wet_bulb) * saturated - 1.006 * (temperature - wet_bulb)) / (
        2501.0 + 1.86 * temperature - 4.186 * wet_bulb
    )
    over_ice = ((2830.0 - 0.24 * wet_bulb) * saturated - 1.006 * (temperature - wet_bulb)) / (
        2830.0 + 1.86 * temperature - 2.1 * wet_bulb
    )
    return xp.maximum(xp.where(wet_bulb >= 0.0, over_water, over_ice), 0.0)


def relative_humidity(temperature: Array, humidity_ratio: Array, pressure: Array, xp: Any = np) -> Array:
    """Vapour pressure over the saturation pressure at the dry-bulb temperature.

    Parameters
    ----------
    temperature : Array, any shape
        Dry-bulb temperature [degC].
    humidity_ratio : Array, broadcastable
        Humidity ratio [kg/kg dry air].
    pressure : Array, broadcastable
        Total pressure [Pa].
    xp : namespace
        Array functions.

    Returns
    -------
    Array, broadcast shape
        Relative humidity [-]; above 1 for supersaturated air.

    References
    ----------
    .. [1] ASHRAE Handbook of Fundamentals (2017), ch. 1, equations (20) and (22).
    """
    return _vapor_pressure(humidity_ratio, pressure) / saturation_pressure(temperature, xp)


def enthalpy(temperature: Array, humidity_ratio: Array) -> Array:
    """Enthalpy of moist air, 0 for dry air and liquid water at 0 degC.

    Parameters
    ----------
    temperature : Array, any shape
        Dry-bulb temperature [degC].
    humidity_ratio : Array, broadcastable
        Humidity ratio [kg/kg dry air].

    Returns
    -------
    Array, broadcast shape
        Enthalpy [J/kg dry air].

    References
    ----------
    .. [1] ASHRAE Handbook of Fundamentals (2017), ch. 1, equation (30).
    """
    return AIR_SPECIFIC_HEAT * temperature + humidity_ratio * (EVAPORATION_ENTHALPY + VAPOR_SPECIFIC_HEAT * temperature)


def specific_heat(humidity_ratio: Array) -> Array:
    """Specific heat of moist air for each kilogram of its dry air: the slope of `enthalpy` against temperature.

    Parameters
    ----------
    humidity_ratio : Array, any shape
        Humidity ratio [kg/kg dry air].

    Returns
    -------
    Array, same shape
        Specific heat [J/(kg dry air K)].
    """
    return AIR_SPECIFIC_HEAT + VAPOR_SPECIFIC_HEAT * humidity_ratio


def temperature_from_enthalpy(enthalpy: Array, humidity_ratio: Array) -> Array:
    """Dry-bulb temperature of air of known enthalpy and humidity ratio: `enthalpy` turned round.

    Parameters
    ----------
    enthalpy : Array, any shape
        Enthalpy [J/kg dry air].
    humidity_ratio : Array, broadcastable
        Humidity ratio [kg/kg dry air].

    Returns
    -------
    Array, broadcast shape
        Dry-bulb temperature [degC].
    """
    return (enthalpy - EVAPORATION_ENTHALPY * humidity_ratio) / (
        AIR_SPECIFIC_HEAT + VAPOR_SPECIFIC_HEAT * humidity_ratio
    )


def specific_volume(temperature: Array, humidity_ratio: Array, pressure: Array) -> Array:
    """Volume of moist air that holds one kilogram of dry air.

    Parameters
    ----------
    temperature : Array, any shape
        Dry-bulb temperature [degC].
    humidity_ratio : Array, broadcastable
        Humidity ratio [kg/kg dry air].
    pressure : Array, broadcastable
        Total pressure [Pa].

    Returns
    -------
    Array, broadcast shape
        Specific volume [m3/kg dry air].

    References
    ----------
    .. [1] ASHRAE Handbook of Fundamentals (2017), ch. 1, equation (26); 1.607858 is 1 over the ratio of molar masses.
    """
    return DRY_AIR_GAS_CONSTANT * kelvin(temperature) * (1.0 + humidity_ratio / MOLAR_MASS_RATIO) / pressure


def density(temperature: Array, humidity_ratio: Array, pressure: Array) -> Array:
    """Mass of moist air, vapour included, per volume.

    Parameters
    ----------
    temperature : Array, any shape
        Dry-bulb temperature [degC].
    humidity_ratio : Array, broadcastable
        Humidity ratio [kg/kg dry air].
    pressure : Array, broadcastable
        Total pressure [Pa].

    Returns
    -------
    Array, broadcast shape
        Density [kg/m3].

    References
    ----------
    .. [1] ASHRAE Handbook of Fundamentals (2017), ch. 1, equation (27).
    """
    return (1.0 + humidity_ratio) / specific_volume(temperature, humidity_ratio, pressure)


def log_vapor_pressure(humidity_ratio: Array, pressure: Array, xp: Any = np) -> Array:
    """Logarithm of the pressure of the water vapour in air.

    Parameters
    ----------
    humidity_ratio : Array, any shape
        Humidity ratio [kg/kg dry air]; bone-dry air is taken to hold 1e-6 Pa.
    pressure : Array, broadcastable
        Total pressure [Pa].
    xp : namespace
        Array functions.

    Returns
    -------
    Array, broadcast shape
        Natural logarithm of the pressure in Pa.

    References
    ----------
    .. [1] ASHRAE Handbook of Fundamentals (2017), ch. 1, equation (36).
    """
    return xp.log(xp.maximum(_vapor_pressure(humidity_ratio, pressure), VAPOR_PRESSURE_MIN))


def dew_point_temperature(
    humidity_ratio: Array, pressure: Array, xp: Any = np, rounds: int = DEW_POINT_ROUNDS
) -> Array:
    """Temperature at which air of known humidity ratio is saturated, over water or, below 0 degC, over ice.

    Parameters
    ----------
    humidity_ratio : Array, any shape
        Humidity ratio [kg/kg dry air].
    pressure : Array, broadcastable
        Total pressure [Pa].
    xp : namespace
        Array functions.
    rounds : int
        Of Newton's method.

    Returns
    -------
    Array, broadcast shape
        Dew point [degC].

    Notes
    -----
    A fixed number of Newton rounds on the logarithm of the saturation pressure, from a start value of Magnus form.
    Error below 1e-9 K from -60 to 90 degC; with two rounds below 1e-4 K from -60 to 60 degC. Domain: humidity ratio
    above 0; bone-dry air is taken to hold 1e-6 Pa of vapour.

    References
    ----------
    .. [1] ASHRAE Handbook of Fundamentals (2017), ch. 1, equations (5), (6) and (36).
    """
    target = log_vapor_pressure(humidity_ratio, pressure, xp)
    # Magnus form, ln p = 6.4145 + 17.62 t / (243.12 + t) over water, solved for t: the start value
    start = target - 6.4145
    temperature = 243.12 * start / (17.62 - xp.minimum(start, 8.0))
    for _ in range(rounds):
        value, slope = log_saturation_pressure(temperature, xp)
        temperature = temperature - (value - target) / slope
    return temperature


def wet_bulb_temperature(temperature: Array, humidity_ratio: Array, pressure: Array, xp: Any = np) -> Array:
    """Thermodynamic wet-bulb temperature.

    Parameters
    ----------
    temperature : Array, any shape
        Dry-bulb temperature [degC].
    humidity_ratio : Array, broadcastable
        Humidity ratio [kg/kg dry air].
    pressure : Array, broadcastable
        Total pressure [Pa].
    xp : namespace
        Array functions.

    Returns
    -------
    Array, broadcast shape
        Wet bulb [degC], at most the dry bulb.

    Notes
    -----
    The ASHRAE relations for a wet and for an iced bulb do not meet: around 0 degC both hold, or neither. They are
    blended here with the weight ``(1 + tanh(wet bulb / 1 K)) / 2``, which makes the relation monotone. The result
    differs from the unblended one by at most 0.42 K within 1 K of 0 degC, by at most 0.09 K beyond and by nothing above
    5 degC.

    A fixed number of Newton rounds from a start a few kelvin off at most; error below 1e-9 K from -40 to 60 degC, 1 to
    100 % and 60 to 108 kPa. Its slope changes at the triple point, where ice and water part.

    References
    ----------
    .. [1] ASHRAE Handbook of Fundamentals (2017), ch. 1, equations (33) and (35).
    """
    wet_bulb = _wet_bulb_start(temperature, humidity_ratio, pressure, xp)
    for _ in range(WET_BULB_ROUNDS):
        residual, slope = _wet_bulb_residual(wet_bulb, temperature, humidity_ratio, pressure, xp)
        wet_bulb = xp.minimum(wet_bulb - residual / slope, temperature)
    return wet_bulb


def _wet_bulb_start(temperature: Array, humidity_ratio: Array, pressure: Array, xp: Any) -> Array:
    """Where the psychrometric line meets a chord of the saturation curve: dew point to an earlier estimate."""
    vapor_pressure = _vapor_pressure(humidity_ratio, pressure)
    psychrometric_constant = 6.6e-4 * pressure  # Pa/K
    target = xp.log(xp.maximum(vapor_pressure, VAPOR_PRESSURE_MIN)) - 6.4145
    dew_point = xp.minimum(243.12 * target / (17.62 - xp.minimum(target, 8.0)), temperature)
    estimate = dew_point + (temperature - dew_point) / 3.0  # the old one-third rule
    for _ in range(WET_BULB_START_ROUNDS):
        rise = xp.maximum(estimate - dew_point, 0.01)
        slope = xp.maximum(xp.exp(6.4145 + 17.62 * estimate / (243.12 + estimate)) - vapor_pressure, 0.0) / rise
        estimate = (psychrometric_constant * temperature + slope * dew_point) / (psychrometric_constant + slope)
    return estimate


def _wet_bulb_residual(
    wet_bulb: Array, temperature: Array, ratio: Array, pressure: Array, xp: Any
) -> tuple[Array, Array]:
    """Humidity ratio that a wet bulb implies less the true one, and its slope [1/K]; enthalpies in kJ/kg."""
    log_pressure, log_slope = log_saturation_pressure(wet_bulb, xp)
    vapor_pressure = xp.exp(log_pressure)
    dry_air_pressure = xp.maximum(pressure - vapor_pressure, DRY_AIR_PRESSURE_SHARE_MIN * pressure)
    saturated = MOLAR_MASS_RATIO * vapor_pressure / dry_air_pressure
    saturated_slope = saturated * log_slope * pressure / dry_air_pressure
    depression = 1.006 * (temperature - wet_bulb)

    def of(latent: float, latent_slope: float, condensate_specific_heat: float) -> tuple[Array, Array]:
        heat = latent - latent_slope * wet_bulb
        below = latent + 1.86 * temperature - condensate_specific_heat * wet_bulb
        implied = (heat * saturated - depression) / below
        slope = (heat * saturated_slope - latent_slope * saturated + 1.006 + condensate_specific_heat * implied) / below
        return implied, slope

    over_water, water_slope = of(2501.0, 2.326, 4.186)
    over_ice, ice_slope = of(2830.0, 0.24, 2.1)
    bend = xp.tanh(wet_bulb / WET_BULB_BLEND_WIDTH)
    weight = 0.5 * (1.0 + bend)
    weight_slope = 0.5 * (1.0 - bend * bend) / WET_BULB_BLEND_WIDTH
    residual = over_ice + weight * (over_water - over_ice) - ratio
    return residual, ice_slope + weight * (water_slope - ice_slope) + weight_slope * (over_water - over_ice)


def standard_pressure(elevation: Array, xp: Any = np) -> Array:
    """Atmospheric pressure at a height above sea level.

    Parameters
    ----------
    elevation : Array, any shape
        Height above sea level [m].
    xp : namespace
        Array functions.

    Returns
    -------
    Array, same shape
        Pressure [Pa].

    Notes
    -----
    Domain: -5000 to 11 000 m.

    References
    ----------
    .. [1] ASHRAE Handbook of Fundamentals (2017), ch. 1, equation (3).
    """
    return STANDARD_PRESSURE * xp.exp(5.2559 * xp.log(xp.maximum(1.0 - 2.25577e-5 * elevation, 1e-3)))


def saturation_enthalpy(temperature: Array, pressure: Array, xp: Any = np) -> Array:
    """Enthalpy of saturated air.

    Parameters
    ----------
    temperature : Array, any shape
        Temperature [degC].
    pressure : Array, broadcastable
        Total pressure [Pa].
    xp : namespace
        Array functions.

    Returns
    -------
    Array, broadcast shape
        Enthalpy [J/kg dry air].

    Notes
    -----
    Domain: that of `saturation_humidity_ratio`.
    """
    return enthalpy(temperature, saturation_humidity_ratio(temperature, pressure, xp))


def saturation_temperature(saturation_enthalpy: Array, pressure: Array, xp: Any = np) -> Array:
    """Temperature at which saturated air has a known enthalpy: `saturation_enthalpy` turned round.

    Parameters
    ----------
    saturation_enthalpy : Array, any shape
        Enthalpy of the saturated air [J/kg dry air].
    pressure : Array, broadcastable
        Total pressure [Pa].
    xp : namespace
        Array functions.

    Returns
    -------
    Array, broadcast shape
        Temperature [degC].

    Notes
    -----
    A fixed number of Newton rounds from a fitted start value; error below 1e-8 K from -20 to 50 degC, 70 to 108 kPa.
    """
    # -10 to 50 degC at sea level, within 1.5 K: h = 9.4 kJ/kg at 0 degC, its logarithm nearly linear above
    temperature = 21.0 * xp.log(xp.maximum(saturation_enthalpy, -9.0e3) + 2.2e4) - 217.5
    for _ in range(SATURATION_ROUNDS):
        log_pressure, log_slope = log_saturation_pressure(temperature, xp)
        vapor_pressure = xp.exp(log_pressure)
        dry_air_pressure = xp.maximum(pressure - vapor_pressure, DRY_AIR_PRESSURE_SHARE_MIN * pressure)
        ratio = MOLAR_MASS_RATIO * vapor_pressure / dry_air_pressure
        ratio_slope = ratio * log_slope * pressure / dry_air_pressure
        slope = (
            AIR_SPECIFIC_HEAT
            + VAPOR_SPECIFIC_HEAT * ratio
            + ratio_slope * (EVAPORATION_ENTHALPY + VAPOR_SPECIFIC_HEAT * temperature)
        )
        temperature = temperature - (enthalpy(temperature, ratio) - saturation_enthalpy) / slope
    return temperature
