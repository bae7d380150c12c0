"""Approach of cooling towers by the YorkCalc correlation of measured towers."""

from dcsim.physics.constants import Array

YORK_COEFFICIENTS = (
    (
        (-0.359741205, -0.055053608, 0.0023850432),
        (0.173926877, -0.0248473764, 0.00048430224),
        (-0.005589849456, 0.0005770079712, -0.00001342427256),
    ),
    (
        (2.84765801111111, -0.121765149, 0.0014599242),
        (1.680428651, -0.0166920786, -0.0007190532),
        (-0.025485194448, 0.0000487491696, 0.00002719234152),
    ),
    (
        (-0.0653766255555556, -0.002278167, 0.0002500254),
        (-0.0910565458, 0.00318176316, 0.000038621772),
        (-0.0034285382352, 0.00000856589904, -0.000001516821552),
    ),
)
"""Of water-to-air ratio (outer), range (middle) and wet bulb (inner), each to the power 0, 1, 2. EnergyPlus, YorkCalc
correlation."""


def york_approach_temperature_difference(
    range_temperature_difference: Array, wet_bulb_temperature: Array, water_to_air_ratio: Array
) -> Array:
    """Approach of a tower after the YorkCalc correlation.

    Parameters
    ----------
    range_temperature_difference : Array, any shape
        Entering less leaving water [K], 1.1 to 22.2.
    wet_bulb_temperature : Array, broadcastable
        Entering air [degC], -34.4 to 26.7.
    water_to_air_ratio : Array, broadcastable
        Water flow over design water flow, over the same of air [-], at most 8; water flow 0.75 to 1.25.

    Returns
    -------
    Array, broadcast shape
        Leaving water above wet bulb [K]; the fit covers 1.1 to 40.

    Notes
    -----
    Cold weather gives a *larger* approach at the same air flow: a tower of fixed approach flatters winters by 5 to 9 K.

    References
    ----------
    .. [1] EnergyPlus Engineering Reference, variable speed cooling towers, YorkCalc; Modelica Buildings library,
       ``Fluid.HeatExchangers.CoolingTowers.Correlations.yorkCalc``.
    """
    r, w, ratio = range_temperature_difference, wet_bulb_temperature, water_to_air_ratio

    def in_wet_bulb(c: tuple[float, ...]) -> Array:
        return c[0] + w * (c[1] + w * c[2])

    def in_range(c: tuple[tuple[float, ...], ...]) -> Array:
        return in_wet_bulb(c[0]) + r * (in_wet_bulb(c[1]) + r * in_wet_bulb(c[2]))

    c0, c1, c2 = YORK_COEFFICIENTS
    return in_range(c0) + ratio * (in_range(c1) + ratio * in_range(c2))
