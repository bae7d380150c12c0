"""Constants of air, water and the standard atmosphere, and the one step from degC to kelvin.

Constant sets of different sources do not mix: what is compared with a source that uses other values is computed with
that source's values.
"""

from typing import Any

Array = Any
"""A NumPy array, a torch tensor or a traced symbol."""

AIR_SPECIFIC_HEAT = 1006.0
"""Dry air at constant pressure, J/(kg K). ASHRAE Handbook of Fundamentals (2017), ch. 1."""

VAPOR_SPECIFIC_HEAT = 1860.0
"""Water vapour at constant pressure, J/(kg K). ASHRAE Handbook of Fundamentals (2017), ch. 1."""

EVAPORATION_ENTHALPY = 2_501_000.0
"""Of water at 0 degC, J/kg. ASHRAE Handbook of Fundamentals (2017), ch. 1."""

DRY_AIR_GAS_CONSTANT = 287.042
"""J/(kg K). ASHRAE Handbook of Fundamentals (2017), ch. 1."""

MOLAR_MASS_RATIO = 0.621945
"""Of water to dry air. ASHRAE Handbook of Fundamentals (2017), ch. 1."""

WATER_SPECIFIC_HEAT = 4184.0
"""Liquid water, J/(kg K). Default of the Modelica Buildings library (Media.Water)."""

WATER_DENSITY = 995.6
"""Liquid water, kg/m3. Default of the Modelica Buildings library (Media.Water)."""

AIR_DENSITY = 1.2
"""Air of "standard" volume flows, kg/m3. Default of the Modelica Buildings library (Media.Air)."""

STANDARD_PRESSURE = 101_325.0
"""Atmospheric pressure at sea level, Pa."""

KELVIN_OFFSET = 273.15
"""Of the kelvin scale against degC, K."""


def kelvin(temperature: Array) -> Array:
    """Absolute temperature of a temperature in degC.

    Parameters
    ----------
    temperature : Array, any shape
        Temperature [degC].

    Returns
    -------
    Array, same shape
        Absolute temperature [K]. Stays inside the formula that needs it: all temperatures at function boundaries are in
        degC.
    """
    return temperature + KELVIN_OFFSET
