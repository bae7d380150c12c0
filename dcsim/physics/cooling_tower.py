"""Cooling towers: heat to the outdoor air by evaporation, fan power, and the water that goes with it.

Merkel's theory in effectiveness-NTU form (Scheier): air that stays saturated along the tower acts like a fluid whose
specific heat is the slope of the saturation enthalpy between entering and leaving wet bulb. The correlation of measured
approaches (YorkCalc) is here as well. Fill fouling, recirculation of plume air and basin heaters are left out.

Sources: Modelica Buildings library, ``Fluid.HeatExchangers.CoolingTowers``; EnergyPlus Engineering Reference,
variable-speed towers.
"""

from typing import Any

import numpy as np

from dcsim.physics.coil import counterflow_effectiveness
from dcsim.physics.constants import AIR_SPECIFIC_HEAT, WATER_SPECIFIC_HEAT, Array
from dcsim.physics.moist_air import (
    enthalpy,
    saturation_enthalpy,
    saturation_humidity_ratio,
    saturation_temperature,
)
from dcsim.physics.smooth import clip, positive_part
from dcsim.physics.york_calc import YORK_COEFFICIENTS, york_approach_temperature_difference

__all__ = [
    "FAN_POWER_TABLE",
    "YORK_COEFFICIENTS",
    "blowdown_mass_flow",
    "equivalent_specific_heat",
    "evaporation_from_heat_flow",
    "evaporation_mass_flow",
    "fan_power_fraction",
    "free_convection_fraction",
    "makeup_mass_flow",
    "merkel_conductance",
    "merkel_heat_flow",
    "qureshi_zubair_evaporation_fraction",
    "size_conductance",
    "york_approach_temperature_difference",
]

AIR_RATIO_RANGE = (0.2, 1.0)
WATER_RATIO_RANGE = (0.3, 1.0)
WET_BULB_DIFFERENCE_RANGE = (-10.0, 25.0)  # design less actual, K

FAN_POWER_TABLE = (
    (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0),
    (0.0, 0.02098, 0.02784, 0.04647, 0.08273, 0.14252, 0.23171, 0.35618, 0.52182, 0.73450, 1.0),
)
"""Power over nominal power against air flow over nominal air flow: fan of the EnergyPlus example
``CoolingTower_VariableSpeed_Merkel``, as tabulated by Modelica Buildings ``CoolingTowers.Validation.MerkelEnergyPlus``."""

FREE_CONVECTION_FRACTION = 0.125
"""Capacity with the fan off over capacity with the fan at full speed. EnergyPlus default for towers."""

MERKEL_START = 0.7  # leaving wet bulb on its way from entering wet bulb to entering water
SPAN_MIN = 0.05  # K, over which the saturation line's slope is taken at least
CAPACITY_RATE_MIN = 1e-3  # W/K


def equivalent_specific_heat(entering_wet_bulb: Array, leaving_wet_bulb: Array, pressure: Array, xp: Any = np) -> Array:
    """Specific heat of a fluid that warms like saturated air between two wet bulbs.

    Parameters
    ----------
    entering_wet_bulb, leaving_wet_bulb : Array, any shape
        Of the air [degC]; at least 0.05 K apart, else the slope over 0.05 K is given.
    pressure : Array, broadcastable
        Total pressure [Pa].
    xp : namespace
        Array functions.

    Returns
    -------
    Array, broadcast shape
        Specific heat [J/(kg dry air K)].

    References
    ----------
    .. [1] Modelica Buildings library, ``CoolingTowers.BaseClasses.Functions.equivalentHeatCapacity``.
    """
    span = xp.maximum(leaving_wet_bulb - entering_wet_bulb, SPAN_MIN)
    entering_enthalpy = saturation_enthalpy(entering_wet_bulb, pressure, xp)
    return (saturation_enthalpy(entering_wet_bulb + span, pressure, xp) - entering_enthalpy) / span


def merkel_conductance(
    air_ratio: Array,
    water_ratio: Array,
    wet_bulb_temperature: Array,
    conductance_nominal: Array,
    wet_bulb_nominal: Array,
    xp: Any = np,
) -> Array:
    """Conductance of a tower's fill away from its design point.

    Parameters
    ----------
    air_ratio, water_ratio : Array, shape (1, N)
        Flow over design flow [-], 0.2 to 1 and 0.3 to 1.
    wet_bulb_temperature : Array, shape (1, N)
        Entering air [degC].
    conductance_nominal : Array, broadcastable
        At design [W/K], on the scale of dry air; from `size_conductance`.
    wet_bulb_nominal : Array, broadcastable
        Design wet bulb [degC].
    xp : namespace
        Array functions.

    Returns
    -------
    Array, shape (1, N)
        Conductance [W/K].

    Notes
    -----
    Outside its range (design less actual wet bulb: -10 to 25 K) an argument is taken at the edge, as EnergyPlus does.

    References
    ----------
    .. [1] EnergyPlus example ``CoolingTower_VariableSpeed_Merkel``; Modelica Buildings library,
       ``CoolingTowers.Data.UAMerkel``.
    """
    air = clip(air_ratio, *AIR_RATIO_RANGE, xp)
    water = clip(water_ratio, *WATER_RATIO_RANGE, xp)
    difference = clip(wet_bulb_nominal - wet_bulb_temperature, *WET_BULB_DIFFERENCE_RANGE, xp)
    air_factor = air * (1.3 - 0.3 * air)
    water_factor = 0.1082 + water * (1.667 - 0.7713 * water)
    return conductance_nominal * (1.0 + 0.0081 * difference) * air_factor * water_factor


def merkel_heat_flow(
    water_entering_temperature: Array,
    water_mass_flow: Array,
    wet_bulb_temperature: Array,
    pressure: Array,
    air_mass_flow: Array,
    conductance: Array,
    xp: Any = np,
    air_specific_heat: Array = AIR_SPECIFIC_HEAT,
) -> tuple[Array, Array]:
    """Heat that a counterflow tower takes from the water, and the wet bulb at which the air leaves.

    Parameters
    ----------
    water_entering_temperature : Array, shape (1, N)
        Water onto the fill [degC].
    water_mass_flow : Array, shape (1, N)
        Water [kg/s].
    wet_bulb_temperature : Array, shape (1, N)
        Entering air [degC].
    pressure : Array, broadcastable
        Total pressure [Pa].
    air_mass_flow : Array, shape (1, N)
        Dry air [kg/s], at least 0.
    conductance : Array, shape (1, N)
        From `merkel_conductance` [W/K].
    xp : namespace
        Array functions.
    air_specific_heat : Array, broadcastable
        Of the entering air for each kilogram of its dry air [J/(kg K)], see `moist_air.specific_heat`; dry air unless
        given.

    Returns
    -------
    heat_flow : Array, shape (1, N)
        From water to air [W]; negative where the water is colder than the wet bulb.
    air_leaving_wet_bulb : Array, shape (1, N)
        Wet bulb of the leaving, saturated air [degC].

    Notes
    -----
    The leaving wet bulb is a fixed point, found by two plain rounds, one Aitken extrapolation and a last round. Heat
    flow is within 3e-4 of the converged one (2e-5 in the mean) for wet bulbs of -15 to 30 degC, water 0.5 to 25 K above
    them, air ratios of 0.1 to 1 and water ratios of 0.3 to 1; the leaving wet bulb within 0.005 K. This costs four
    saturation pressures and three effectivenesses.

    Domain: water below about 80 degC (`saturation_humidity_ratio`).

    References
    ----------
    .. [1] Modelica Buildings library, ``Fluid.HeatExchangers.CoolingTowers.Merkel``; Scheier, effectiveness-NTU form of
       Merkel's theory.
    """
    water_rate = xp.maximum(WATER_SPECIFIC_HEAT * water_mass_flow, CAPACITY_RATE_MIN)
    air_flow = xp.maximum(air_mass_flow, CAPACITY_RATE_MIN / AIR_SPECIFIC_HEAT)
    entering_enthalpy = saturation_enthalpy(wet_bulb_temperature, pressure, xp)
    difference = water_entering_temperature - wet_bulb_temperature

    def round_from(leaving: Array) -> tuple[Array, Array]:
        span = xp.maximum(leaving - wet_bulb_temperature, SPAN_MIN)
        specific_heat = (saturation_enthalpy(wet_bulb_temperature + span, pressure, xp) - entering_enthalpy) / span
        air_rate = air_flow * specific_heat
        smaller = xp.minimum(air_rate, water_rate)
        ntu = conductance * specific_heat / (air_specific_heat * smaller)
        effectiveness = counterflow_effectiveness(ntu, smaller / xp.maximum(air_rate, water_rate), xp)
        heat = effectiveness * smaller * difference
        return heat, wet_bulb_temperature + heat / air_rate

    start = wet_bulb_temperature + MERKEL_START * difference
    _, first = round_from(start)
    _, second = round_from(first)
    step, next_step = first - start, second - first
    contraction = clip(step * next_step / (step * step + 1e-9), -0.5, 0.5, xp)
    return round_from(first + next_step / (1.0 - contraction))


def size_conductance(
    heat_flow: float,
    wet_bulb_temperature: float,
    approach: float,
    range_temperature_difference: float,
    air_mass_flow: float,
    pressure: float,
) -> float:
    """Conductance of the fill that meets a design point (host).

    Parameters
    ----------
    heat_flow : float
        From the water [W].
    wet_bulb_temperature : float
        Entering air [degC].
    approach : float
        Leaving water above wet bulb [K].
    range_temperature_difference : float
        Entering less leaving water [K].
    air_mass_flow : float
        Dry air [kg/s].
    pressure : float
        Total pressure [Pa].

    Returns
    -------
    float
        Conductance for `merkel_conductance` [W/K].

    Raises
    ------
    ValueError
        If no conductance meets the design point, because the air flow is too small for the heat.
    """
    from scipy.optimize import brentq

    entering = wet_bulb_temperature + approach + range_temperature_difference
    water_mass_flow = heat_flow / (WATER_SPECIFIC_HEAT * range_temperature_difference)
    scale = heat_flow / range_temperature_difference

    def excess(log_conductance: float) -> float:
        conductance = scale * float(np.exp(log_conductance))
        heat, _ = merkel_heat_flow(
            entering, water_mass_flow, wet_bulb_temperature, pressure, air_mass_flow, conductance
        )
        return float(heat) / heat_flow - 1.0

    largest = 6.0
    if excess(largest) <= 0.0:
        raise ValueError(
            f"{air_mass_flow} kg/s of air at a wet bulb of {wet_bulb_temperature} degC cannot take {heat_flow} W "
            f"from water with an approach of {approach} K and a range of {range_temperature_difference} K"
        )
    return scale * float(np.exp(brentq(excess, -12.0, largest, xtol=1e-12)))


def fan_power_fraction(air_fraction: Array, xp: Any = np) -> Array:
    """Fan power over nominal power: the measured table, straight between its points.

    Parameters
    ----------
    air_fraction : Array, shape (1, N)
        Air flow over nominal air flow [-], 0 to 1.
    xp : namespace
        Array functions.

    Returns
    -------
    Array, shape (1, N)
        Fraction [-], 0 at a standstill.

    References
    ----------
    .. [1] `FAN_POWER_TABLE`.
    """
    flows, powers = FAN_POWER_TABLE
    x = clip(air_fraction, flows[0], flows[-1], xp)
    slopes = [(powers[k + 1] - powers[k]) / (flows[k + 1] - flows[k]) for k in range(len(flows) - 1)]
    fraction = powers[0] + slopes[0] * (x - flows[0])
    for k in range(1, len(slopes)):
        fraction = fraction + (slopes[k] - slopes[k - 1]) * xp.maximum(x - flows[k], 0.0)
    return fraction


def free_convection_fraction(air_fraction: Array, xp: Any = np) -> Array:
    """Air flow that acts on the fill, with natural draught below it.

    Parameters
    ----------
    air_fraction : Array, shape (1, N)
        Air moved by the fan over nominal air flow [-].
    xp : namespace
        Array functions.

    Returns
    -------
    Array, shape (1, N)
        The greater of ``air_fraction`` and 0.125 [-].
    """
    return xp.maximum(air_fraction, FREE_CONVECTION_FRACTION)


def evaporation_mass_flow(
    air_mass_flow: Array, leaving_wet_bulb: Array, entering_humidity_ratio: Array, pressure: Array, xp: Any = np
) -> Array:
    """Water that leaves with saturated air of known temperature.

    Parameters
    ----------
    air_mass_flow : Array, shape (1, N)
        Dry air [kg/s].
    leaving_wet_bulb : Array, shape (1, N)
        Temperature of the leaving, saturated air [degC].
    entering_humidity_ratio : Array, shape (1, N)
        Outdoor air [kg/kg dry air].
    pressure : Array, broadcastable
        Total pressure [Pa].
    xp : namespace
        Array functions.

    Returns
    -------
    Array, shape (1, N)
        Mass flow [kg/s]; negative where the air dries.
    """
    return air_mass_flow * (saturation_humidity_ratio(leaving_wet_bulb, pressure, xp) - entering_humidity_ratio)


def evaporation_from_heat_flow(
    air_mass_flow: Array,
    heat_flow: Array,
    entering_temperature: Array,
    entering_humidity_ratio: Array,
    pressure: Array,
    xp: Any = np,
) -> Array:
    """Water evaporated by a known heat flow: the air-side balance with a saturated outlet.

    Parameters
    ----------
    air_mass_flow : Array, shape (1, N)
        Dry air [kg/s], above 0.
    heat_flow : Array, shape (1, N)
        From the water [W].
    entering_temperature : Array, shape (1, N)
        Outdoor dry bulb [degC].
    entering_humidity_ratio : Array, shape (1, N)
        Outdoor air [kg/kg dry air].
    pressure : Array, broadcastable
        Total pressure [Pa].
    xp : namespace
        Array functions.

    Returns
    -------
    Array, shape (1, N)
        Mass flow [kg/s].

    Notes
    -----
    Above 1.48 kg per kWh of heat where hot, dry air is itself cooled. A constant 0.2 % of the water flow per kelvin, as
    often assumed, is too much in cool weather.
    """
    leaving_enthalpy = enthalpy(entering_temperature, entering_humidity_ratio) + heat_flow / air_mass_flow
    leaving = saturation_temperature(leaving_enthalpy, pressure, xp)
    return evaporation_mass_flow(air_mass_flow, leaving, entering_humidity_ratio, pressure, xp)


def qureshi_zubair_evaporation_fraction(dry_bulb_temperature: Array, relative_humidity: Array) -> Array:
    """Share of the water flow that evaporates per kelvin of range, after an empirical formula.

    Parameters
    ----------
    dry_bulb_temperature : Array, any shape
        Outdoor air [degC].
    relative_humidity : Array, broadcastable
        Outdoor air [-], 0 to 1.

    Returns
    -------
    Array, broadcast shape
        Fraction per kelvin [1/K].

    References
    ----------
    .. [1] EnergyPlus Engineering Reference, cooling towers, evaporation loss after Qureshi and Zubair (2007).
    """
    return (113.0 - 8.417 * relative_humidity + 1.6147 * dry_bulb_temperature) * 1e-5


def blowdown_mass_flow(
    evaporation: Array, drift: Array, cycles_of_concentration: Array, width: Array = 1e-6, xp: Any = np
) -> Array:
    """Water drained so that what does not evaporate is concentrated no more than a number of times.

    Parameters
    ----------
    evaporation, drift : Array, shape (1, N)
        Mass flows [kg/s].
    cycles_of_concentration : Array, broadcastable
        Dissolved matter in the basin over that in make-up water [-], above 1; 3 to 15, EnergyPlus 3, common 4.
    width : Array, broadcastable
        Rounding of the bound at 0 [kg/s].
    xp : namespace
        Array functions.

    Returns
    -------
    Array, shape (1, N)
        Mass flow [kg/s], at least 0: drift drains the basin as well.
    """
    return positive_part(evaporation / (cycles_of_concentration - 1.0) - drift, width, xp)


def makeup_mass_flow(
    evaporation: Array, water_mass_flow: Array, drift_fraction: Array, cycles_of_concentration: Array, xp: Any = np
) -> Array:
    """Water that a tower draws from the mains: evaporation, drift and blowdown.

    Parameters
    ----------
    evaporation : Array, shape (1, N)
        From `evaporation_mass_flow` [kg/s], at least 0.
    water_mass_flow : Array, shape (1, N)
        Over the fill [kg/s].
    drift_fraction : Array, broadcastable
        Droplets carried away, over the water flow [-]: 0.0005 in older towers, 1e-5 to 5e-5 in new ones.
    cycles_of_concentration : Array, broadcastable
        As for `blowdown_mass_flow`.
    xp : namespace
        Array functions.

    Returns
    -------
    Array, shape (1, N)
        Mass flow [kg/s].
    """
    drift = drift_fraction * water_mass_flow
    return evaporation + drift + blowdown_mass_flow(evaporation, drift, cycles_of_concentration, xp=xp)
