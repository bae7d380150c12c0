"""Dry coolers: heat from water to outdoor air through finned coils, with wetted pads that may cool the air first.

Cross flow with both streams unmixed. The air flow follows the fans' speed. Recirculation of warm air, wind, fouling and
the pressure drop of the pads are left out.

Sources: Modelica Buildings library, ``Fluid.HeatExchangers.CoolingTowers.DryCooler``; Wetter, Simulation model finned
water-air-coil without condensation, LBNL-42355 (1999), for the films.
"""

from typing import Any, NamedTuple

import numpy as np

from dcsim.physics import fan
from dcsim.physics.coil import AIR_EXPONENT, CAPACITY_RATE_MIN, WATER_EXPONENT, crossflow_unmixed_effectiveness
from dcsim.physics.constants import AIR_SPECIFIC_HEAT, EVAPORATION_ENTHALPY, VAPOR_SPECIFIC_HEAT, Array
from dcsim.physics.smooth import clip, power, smooth_step

AIR_RESISTANCE_SHARE = 2.0 / 3.0
"""Of the resistance at nominal flows: a film conductance of the air side half that of the water side. Modelica Buildings
library, ``CoolingTowers.Data.DryCooler``."""

AIR_FILM_SLOPE = 7.8532e-4
"""Of the air side's film conductance, per kelvin. LBNL-42355."""

WATER_FILM_SLOPE = 0.014
"""Of the water side's film conductance over that at 0 degC, per kelvin. LBNL-42355."""

CONDENSATE_SPECIFIC_HEAT = 4186.0
"""Liquid water as the ASHRAE wet-bulb relation has it, J/(kg K)."""

LARGEST_NTU = 50.0


def air_film_factor(air_temperature: Array, air_temperature_nominal: Array) -> Array:
    """Film conductance of the air side over that at the nominal temperature.

    Parameters
    ----------
    air_temperature : Array, shape (U, N)
        Entering air [degC].
    air_temperature_nominal : Array, broadcastable
        At which the conductance was rated [degC].

    Returns
    -------
    Array, shape (U, N)
        Factor [-].

    References
    ----------
    .. [1] Wetter (1999), LBNL-42355.
    """
    return 1.0 + AIR_FILM_SLOPE * (air_temperature - air_temperature_nominal)


def water_film_factor(water_temperature: Array, water_temperature_nominal: Array) -> Array:
    """Film conductance of the water side over that at the nominal temperature.

    Parameters
    ----------
    water_temperature : Array, shape (U, N)
        Entering water [degC].
    water_temperature_nominal : Array, broadcastable
        At which the conductance was rated [degC].

    Returns
    -------
    Array, shape (U, N)
        Factor [-]: warm water is thinner.

    Notes
    -----
    Domain: water. Glycol thickens more in the cold.

    References
    ----------
    .. [1] Wetter (1999), LBNL-42355.
    """
    slope = WATER_FILM_SLOPE / (1.0 + WATER_FILM_SLOPE * water_temperature_nominal)
    return 1.0 + slope * (water_temperature - water_temperature_nominal)


def conductance(
    air_flow_fraction: Array,
    water_flow_fraction: Array,
    air_film_factor: Array,
    water_film_factor: Array,
    conductance_nominal: Array,
    air_resistance_share: Array = AIR_RESISTANCE_SHARE,
    xp: Any = np,
) -> Array:
    """Conductance away from nominal flows and temperatures: two films in series.

    Parameters
    ----------
    air_flow_fraction, water_flow_fraction : Array, shape (U, N)
        Mass flow over nominal mass flow [-], at least 0; of the air with its density. With fans at rest
        `dcsim.physics.cooling_tower.free_convection_fraction` gives the natural draught.
    air_film_factor, water_film_factor : Array, shape (U, N)
        From the functions of that name [-], or 1.
    conductance_nominal : Array, broadcastable
        At nominal flows and temperatures [W/K], from `size_conductance`.
    air_resistance_share : Array, broadcastable
        Of the resistance at nominal flows that lies on the air side [-].
    xp : namespace
        Array functions.

    Returns
    -------
    Array, shape (U, N)
        Conductance [W/K], 0 if either side stands still.

    References
    ----------
    .. [1] Modelica Buildings library, ``Fluid.HeatExchangers.BaseClasses.HADryCoil``.
    """
    air = air_film_factor * power(air_flow_fraction, AIR_EXPONENT, xp)
    water = water_film_factor * power(water_flow_fraction, WATER_EXPONENT, xp)
    return conductance_nominal * air * water / (air_resistance_share * water + (1.0 - air_resistance_share) * air)


def heat_flow(
    conductance: Array,
    air_capacity_rate: Array,
    water_capacity_rate: Array,
    water_entering_temperature: Array,
    air_entering_temperature: Array,
    xp: Any = np,
) -> Array:
    """Heat from the water to the air.

    Parameters
    ----------
    conductance : Array, shape (U, N)
        From `conductance` [W/K].
    air_capacity_rate, water_capacity_rate : Array, shape (U, N)
        Mass flow times specific heat [W/K], at least 0.
    water_entering_temperature, air_entering_temperature : Array, shape (U, N)
        Entering [degC]; the air behind the pads.
    xp : namespace
        Array functions.

    Returns
    -------
    Array, shape (U, N)
        Heat flow [W], at most what brings the weaker stream to the other's entering temperature; negative where the air
        is warmer than the water.

    Notes
    -----
    The usual closed relation, within 0.011 of the exact series in effectiveness; a cooler sized with it is right at its
    rating.
    """
    smaller = xp.minimum(air_capacity_rate, water_capacity_rate)
    divisor = xp.maximum(smaller, CAPACITY_RATE_MIN)
    larger = xp.maximum(xp.maximum(air_capacity_rate, water_capacity_rate), CAPACITY_RATE_MIN)
    effectiveness = crossflow_unmixed_effectiveness(conductance / divisor, divisor / larger, xp)
    return effectiveness * smaller * (water_entering_temperature - air_entering_temperature)


def limited_heat_flow(heat_flow: Array, heat_flow_wanted: Array, xp: Any = np) -> Array:
    """Heat that leaves the water when what is not wanted goes around the cooler.

    Parameters
    ----------
    heat_flow : Array, shape (U, N)
        What the cooler would take from all of the water, from `heat_flow` [W].
    heat_flow_wanted : Array, shape (U, N)
        What brings the water to its set-point [W].
    xp : namespace
        Array functions.

    Returns
    -------
    Array, shape (U, N)
        Heat flow [W], between 0 and ``heat_flow``: a three-way valve guards against overcooling at the fans' lowest
        speed, and takes the cooler off where the air would warm the water.
    """
    return clip(heat_flow_wanted, 0.0, xp.maximum(heat_flow, 0.0), xp)


def size_conductance(
    heat_flow: float,
    water_entering_temperature: float,
    water_leaving_temperature: float,
    air_entering_temperature: float,
    air_capacity_rate: float,
) -> float:
    """Conductance that meets a rating (host).

    Parameters
    ----------
    heat_flow : float
        Rated [W].
    water_entering_temperature, water_leaving_temperature : float
        Of the water [degC].
    air_entering_temperature : float
        Of the air [degC].
    air_capacity_rate : float
        Mass flow times specific heat [W/K].

    Returns
    -------
    float
        Conductance for `conductance` [W/K].

    Raises
    ------
    ValueError
        If no conductance meets the rating, because the air flow is too small or the water would have to leave colder
        than the air.
    """
    from scipy.optimize import brentq

    water_capacity_rate = heat_flow / (water_entering_temperature - water_leaving_temperature)
    smaller = min(air_capacity_rate, water_capacity_rate)
    ratio = smaller / max(air_capacity_rate, water_capacity_rate)
    wanted = heat_flow / (smaller * (water_entering_temperature - air_entering_temperature))

    def excess(ntu: float) -> float:
        return float(crossflow_unmixed_effectiveness(ntu, ratio)) - wanted

    if not 0.0 < wanted < 1.0 or excess(LARGEST_NTU) <= 0.0:
        raise ValueError(
            f"air of {air_capacity_rate} W/K at {air_entering_temperature} degC cannot take {heat_flow} W from water "
            f"between {water_entering_temperature} and {water_leaving_temperature} degC: effectiveness {wanted:.3f}"
        )
    return smaller * float(brentq(excess, 1e-9, LARGEST_NTU, xtol=1e-13))


def fan_power(speed: Array, density_ratio: Array, power_nominal: Array, linear_share: Array) -> Array:
    """Electric power of the fans.

    Parameters
    ----------
    speed : Array, shape (U, N)
        Speed over nominal speed [-], 0 to 1.
    density_ratio : Array, broadcastable
        Density of the air over that at the rating [-].
    power_nominal : Array, broadcastable
        At nominal speed and density [W]; 1 to 4 % of the rated heat.
    linear_share : Array, broadcastable
        As for `dcsim.physics.fan.fan_power`.

    Returns
    -------
    Array, shape (U, N)
        Power [W].
    """
    return density_ratio * fan.fan_power(speed, power_nominal, linear_share)


def precooling_enable(dry_bulb_temperature: Array, start_temperature: Array, width: Array, xp: Any = np) -> Array:
    """Share of the pads that are wetted: none in cool air, all in hot.

    Parameters
    ----------
    dry_bulb_temperature : Array, shape (1, N)
        Outdoor air [degC].
    start_temperature : Array, broadcastable
        Where half of them are wetted [degC], well above freezing.
    width : Array, broadcastable
        Of the change around it [K], above 0.
    xp : namespace
        Array functions.

    Returns
    -------
    Array, shape (1, N)
        Share [-], 0 to 1.
    """
    return smooth_step(dry_bulb_temperature - start_temperature, width, xp)


class PrecooledAir(NamedTuple):
    """Air behind the pads, and the water it took up. Shapes (U, N)."""

    temperature: Array
    """degC"""
    humidity_ratio: Array
    """kg/kg dry air"""
    evaporation: Array
    """kg/s"""


def precooled_air(
    air_mass_flow: Array,
    dry_bulb_temperature: Array,
    wet_bulb_temperature: Array,
    humidity_ratio: Array,
    pad_effectiveness: Array,
    wetted_share: Array,
) -> PrecooledAir:
    """Air that evaporates water from pads before it meets the coil.

    Parameters
    ----------
    air_mass_flow : Array, shape (U, N)
        Dry air [kg/s], at least 0.
    dry_bulb_temperature, wet_bulb_temperature : Array, shape (1, N)
        Outdoor air [degC].
    humidity_ratio : Array, shape (1, N)
        Outdoor air [kg/kg dry air].
    pad_effectiveness : Array, broadcastable
        Cooling over the distance to the wet bulb [-], 0.6 to 0.85.
    wetted_share : Array, shape (1, N)
        Share of the pads that are wetted [-], 0 to 1.

    Returns
    -------
    PrecooledAir

    Notes
    -----
    Adiabatic saturation with water that comes at the wet bulb, on which the wet bulb itself does not change: with an
    effectiveness of 1 the air leaves saturated at its wet bulb. The air's heat pays for the evaporation, so nothing
    enters or leaves a balance but the water's own heat.

    References
    ----------
    .. [1] ASHRAE Handbook of Fundamentals (2017), ch. 1, equation (33).
    """
    drop = wetted_share * pad_effectiveness * (dry_bulb_temperature - wet_bulb_temperature)
    temperature = dry_bulb_temperature - drop
    specific_heat = AIR_SPECIFIC_HEAT + VAPOR_SPECIFIC_HEAT * humidity_ratio
    evaporation_heat = (
        EVAPORATION_ENTHALPY + VAPOR_SPECIFIC_HEAT * temperature - CONDENSATE_SPECIFIC_HEAT * wet_bulb_temperature
    )
    taken_up = specific_heat * drop / evaporation_heat
    return PrecooledAir(temperature, humidity_ratio + taken_up, air_mass_flow * taken_up)


def water_use(evaporation: Array, cycles_of_concentration: Array) -> Array:
    """Water drawn from the mains for the pads: evaporation and what is drained so that salts do not build up.

    Parameters
    ----------
    evaporation : Array, shape (U, N)
        From `precooled_air` [kg/s].
    cycles_of_concentration : Array, broadcastable
        Dissolved matter in the drained over that in make-up water [-], above 1.

    Returns
    -------
    Array, shape (U, N)
        Mass flow [kg/s]. Pads lose no droplets at the usual face velocities.
    """
    return evaporation * (cycles_of_concentration / (cycles_of_concentration - 1.0))
