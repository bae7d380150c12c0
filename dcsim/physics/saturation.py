"""Saturation pressure of water vapour over water and ice, after Hyland and Wexler (1983).

Main source: ASHRAE Handbook of Fundamentals (2017), ch. 1, equations (5) for ice and (6) for water.
"""

from typing import Any

import numpy as np

from dcsim.physics.constants import Array, kelvin

# Coefficients of ln(p / Pa) on 1/T, 1, T, T^2, T^3, T^4, ln T with T in kelvin
ICE = (-5.6745359e3, 6.3925247, -9.677843e-3, 6.2215701e-7, 2.0747825e-9, -9.484024e-13, 4.1635019)
WATER = (-5.8002206e3, 1.3914993, -4.8640239e-2, 4.1764768e-5, -1.4452093e-8, 0.0, 6.5459673)

TRIPLE_POINT = 0.01  # degC: there the two relations agree to 6e-9; at 0 degC they differ by 1e-4
KELVIN_MIN = 120.0  # below it no vapour is left; keeps the logarithm finite if an iteration strays


def log_saturation_pressure(temperature: Array, xp: Any = np) -> tuple[Array, Array]:
    """Logarithm of `saturation_pressure`, and its slope.

    Parameters
    ----------
    temperature : Array, any shape
        Temperature [degC].
    xp : namespace
        Array functions.

    Returns
    -------
    log_pressure : Array, same shape
        Natural logarithm of the pressure in Pa.
    slope : Array, same shape
        Its derivative [1/K].

    References
    ----------
    .. [1] ASHRAE Handbook of Fundamentals (2017), ch. 1, equations (5) and (6).
    """
    t = xp.maximum(kelvin(temperature), KELVIN_MIN)
    log_t = xp.log(t)
    inverse = 1.0 / t

    def of(c: tuple[float, ...]) -> tuple[Array, Array]:
        value = c[0] * inverse + c[1] + t * (c[2] + t * (c[3] + t * (c[4] + t * c[5]))) + c[6] * log_t
        slope = (c[6] - c[0] * inverse) * inverse + c[2] + t * (2.0 * c[3] + t * (3.0 * c[4] + t * (4.0 * c[5])))
        return value, slope

    water, water_slope = of(WATER)
    ice, ice_slope = of(ICE)
    is_water = temperature >= TRIPLE_POINT
    return xp.where(is_water, water, ice), xp.where(is_water, water_slope, ice_slope)


def saturation_pressure(temperature: Array, xp: Any = np) -> Array:
    """Pressure of water vapour in equilibrium with water or, below the triple point of 0.01 degC, with ice.

    Parameters
    ----------
    temperature : Array, any shape
        Temperature [degC].
    xp : namespace
        Array functions.

    Returns
    -------
    Array, same shape
        Pressure [Pa].

    Notes
    -----
    Domain: -100 to 200 degC. The branches meet at the triple point within 6e-9; their relative slopes differ there by
    13 %, a true kink of nature. (At 0 degC, where many programs switch, they are 1e-4 apart.)

    References
    ----------
    .. [1] ASHRAE Handbook of Fundamentals (2017), ch. 1, equations (5) and (6).
    """
    t = xp.maximum(kelvin(temperature), KELVIN_MIN)
    log_t, inverse = xp.log(t), 1.0 / t
    water = WATER[0] * inverse + WATER[1] + t * (WATER[2] + t * (WATER[3] + t * WATER[4])) + WATER[6] * log_t
    ice = ICE[0] * inverse + ICE[1] + t * (ICE[2] + t * (ICE[3] + t * (ICE[4] + t * ICE[5]))) + ICE[6] * log_t
    return xp.exp(xp.where(temperature >= TRIPLE_POINT, water, ice))
