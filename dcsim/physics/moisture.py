"""Water in the air of a room: its balance over a step, humidifiers, dew-point guard, and the books of latent heat.

The state is the humidity ratio of well-mixed room air, with the mass of dry air as its capacity, advanced
linear-implicitly like the temperatures of `dcsim.physics.thermal`: what enters, leaves and is stored is the same water to
rounding, for a step of any length.

Books
-----
A room keeps its sensible heat as ``c T`` in nodes of constant heat capacity. Energy closes beside it if every kilogram of
water that the air takes up or gives is booked with one number, the evaporation enthalpy at 0 degC: latent heat stored is
``h_fg M w``, a latent heat flow is ``h_fg`` times a flow of water, and the sensible part of any heat is the rest. The
heat that vapour holds by its temperature, some 2 % of the latent heat, is then counted as sensible. Liquid water
counts as nothing.

Sources: EnergyPlus Engineering Reference, "Moisture Predictor-Corrector", "Humidifiers"; ASHRAE Handbook of Fundamentals
(2017), ch. 1.
"""

from typing import Any, NamedTuple

import numpy as np

from dcsim.physics.constants import (
    AIR_SPECIFIC_HEAT,
    EVAPORATION_ENTHALPY,
    VAPOR_SPECIFIC_HEAT,
    WATER_DENSITY,
    WATER_SPECIFIC_HEAT,
    Array,
)
from dcsim.physics.moist_air import humidity_ratio_from_dew_point, saturation_humidity_ratio, specific_volume
from dcsim.physics.pump import design_power
from dcsim.physics.smooth import clip
from dcsim.physics.thermal import node_temperature

STEAM_TEMPERATURE = 100.0  # degC
HUMIDITY_RATIO_MIN = 1e-9
BAND_MIN = 1e-9
DEW_POINT_MARGIN = 2.0  # K
"""Of the coldest uninsulated surface over the dew point of the room (engineering choice)."""


# --- balance ----------------------------------------------------------------------------------------------------------


def dry_air_mass(volume: Array, temperature: Array, humidity_ratio: Array, pressure: Array) -> Array:
    """Dry air in a room.

    Parameters
    ----------
    volume : Array, any shape
        Of the air [m3].
    temperature, humidity_ratio, pressure : Array, broadcastable
        Of the air [degC], [kg/kg dry air], [Pa], at which the capacity is stated; it stays so.

    Returns
    -------
    Array, broadcast shape
        Mass [kg]: capacity of the humidity ratio. Walls, floor and goods that take up water can be told by a factor.
    """
    return volume / specific_volume(temperature, humidity_ratio, pressure)


class HumidityStep(NamedTuple):
    """Humidity of a room after a step, and the water that left by coils meanwhile. Shapes as those that went in."""

    humidity_ratio: Array
    """kg/kg dry air, at the end of the step."""
    removal: Array
    """kg/s, mean over the step."""
    removal_share: Array
    """Of the removal that was asked for [-], near 1: take it for each coil's own condensate."""


def humidity_step(
    humidity_ratio: Array,
    air_mass: Array,
    inflow: Array,
    inflow_water: Array,
    source: Array,
    removal: Array,
    time_step: Array,
    xp: Any = np,
) -> HumidityStep:
    """Humidity ratio of room air after an implicit step.

    Parameters
    ----------
    humidity_ratio : Array, shape (1, N)
        At the start of the step [kg/kg dry air], at least 0.
    air_mass : Array, broadcastable
        Dry air [kg], above 0.
    inflow : Array, shape (1, N)
        Dry air from elsewhere: infiltration, ventilation, economizer [kg/s], at least 0; as much leaves with the room's
        new humidity.
    inflow_water : Array, shape (1, N)
        Water in it, the sum of each stream times its humidity ratio [kg/s].
    source : Array, shape (1, N)
        Water into the air: humidifiers, people [kg/s], at least 0.
    removal : Array, shape (1, N)
        Water that coils take from air of the humidity at the start, all together [kg/s], at least 0.
    time_step : Array, broadcastable
        Length of the step [s].
    xp : namespace
        Array functions.

    Returns
    -------
    HumidityStep

    Notes
    -----
    Solves ``M (w' - w) / dt = inflow_water - inflow w' + source - removal w' / w``: the removal goes with the new
    humidity, so that the air never holds less than nothing, however long the step. It is first order in time, and exact
    about mass. Book the returned removal, not the one asked for.
    """
    drained = removal / xp.maximum(humidity_ratio, HUMIDITY_RATIO_MIN)  # kg/s per unit of humidity
    after = node_temperature(humidity_ratio, air_mass, inflow + drained, inflow_water + source, time_step)
    return HumidityStep(after, drained * after, after / xp.maximum(humidity_ratio, HUMIDITY_RATIO_MIN))


# --- books ------------------------------------------------------------------------------------------------------------


def latent_heat_flow(water_mass_flow: Array) -> Array:
    """Latent heat that goes with a flow of vapour.

    Parameters
    ----------
    water_mass_flow : Array, any shape
        Evaporated into the air, or condensed from it [kg/s].

    Returns
    -------
    Array, same shape
        Heat flow [W], of the same sign.
    """
    return EVAPORATION_ENTHALPY * water_mass_flow


def sensible_heat_flow(heat_flow: Array, water_mass_flow: Array) -> Array:
    """Sensible part of a heat flow that takes water along.

    Parameters
    ----------
    heat_flow : Array, any shape
        In all, such as a wet coil takes from the air [W].
    water_mass_flow : Array, broadcastable
        Vapour that goes the same way, such as the condensate [kg/s].

    Returns
    -------
    Array, broadcast shape
        Heat flow [W] for the temperature node.
    """
    return heat_flow - EVAPORATION_ENTHALPY * water_mass_flow


def latent_energy(air_mass: Array, humidity_ratio: Array, reference: Array = 0.0) -> Array:
    """Latent heat stored in air.

    Parameters
    ----------
    air_mass : Array, any shape
        Dry air [kg].
    humidity_ratio : Array, broadcastable
        Of the air [kg/kg dry air].
    reference : Array, broadcastable
        Humidity ratio at which it counts as 0; one near the room's keeps digits.

    Returns
    -------
    Array, broadcast shape
        Energy [J].
    """
    return EVAPORATION_ENTHALPY * air_mass * (humidity_ratio - reference)


def stream_heat_flow(
    mass_flow: Array,
    temperature: Array,
    humidity_ratio: Array,
    reference_temperature: Array,
    reference_humidity_ratio: Array,
) -> Array:
    """Heat that an air stream brings to a room, in the room's books.

    Parameters
    ----------
    mass_flow : Array, any shape
        Dry air [kg/s] that comes in; as much leaves.
    temperature, humidity_ratio : Array, broadcastable
        Of the air that comes in [degC], [kg/kg dry air].
    reference_temperature, reference_humidity_ratio : Array, broadcastable
        Of the air that leaves [degC], [kg/kg dry air]; at the end of the step, where nodes are implicit.

    Returns
    -------
    Array, broadcast shape
        Heat flow [W], sensible and latent.
    """
    sensible = AIR_SPECIFIC_HEAT * (temperature - reference_temperature)
    return mass_flow * (sensible + EVAPORATION_ENTHALPY * (humidity_ratio - reference_humidity_ratio))


def make_up_air(
    outdoor_temperature: Array,
    outdoor_humidity_ratio: Array,
    leaving_temperature: Array,
    pressure: Array,
    xp: Any = np,
) -> tuple[Array, Array]:
    """Outdoor air behind a make-up air unit that cools, and so dries, but does not heat it.

    Parameters
    ----------
    outdoor_temperature, outdoor_humidity_ratio : Array, any shape
        Of the air that the unit draws [degC], [kg/kg dry air].
    leaving_temperature : Array, broadcastable
        To which its coil cools [degC].
    pressure : Array, broadcastable
        Total pressure [Pa].
    xp : namespace
        Array functions.

    Returns
    -------
    temperature, humidity_ratio : Array, broadcast shape
        Of the air into the room [degC], [kg/kg dry air]: at most the leaving temperature, and saturated at most.

    Notes
    -----
    A coil deep enough to bring the air to saturation (bypass factor 0). Fan heat is left out.

    References
    ----------
    .. [1] ASHRAE Handbook of HVAC Applications (2019), ch. 20, Data Centers: outdoor air is dried before it enters, and
       keeps the room at higher pressure so that none leaks in.
    """
    temperature = xp.minimum(outdoor_temperature, leaving_temperature)
    return temperature, xp.minimum(outdoor_humidity_ratio, saturation_humidity_ratio(temperature, pressure, xp))


# --- humidifiers ------------------------------------------------------------------------------------------------------


class Humidifier(NamedTuple):
    """What a humidifier draws and gives to the air. Power and heat of the feed water equal sensible and latent heat."""

    power: Array
    """W, electric"""
    feed_water_heat_flow: Array
    """W that the feed water brings, counted from 0 degC."""
    sensible_heat_flow: Array
    """W into the air; negative where the air pays for the evaporation."""
    latent_heat_flow: Array
    """W into the air."""


def steam_humidifier(water_mass_flow: Array, feed_water_temperature: Array, efficiency: Array = 1.0) -> Humidifier:
    """Boil water into the air.

    Parameters
    ----------
    water_mass_flow : Array, any shape
        Steam [kg/s], at least 0.
    feed_water_temperature : Array, broadcastable
        Of the water drawn [degC].
    efficiency : Array, broadcastable
        Heat of the steam over electric power [-]; the rest warms the air.

    Returns
    -------
    Humidifier

    Notes
    -----
    Power per kilogram: 2501 + 1.86 * 100 - 4.184 * feed kJ, 0.729 kWh at 15 degC.

    References
    ----------
    .. [1] EnergyPlus Engineering Reference, Humidifier:Steam:Electric.
    """
    steam_enthalpy = EVAPORATION_ENTHALPY + VAPOR_SPECIFIC_HEAT * STEAM_TEMPERATURE
    feed = WATER_SPECIFIC_HEAT * feed_water_temperature * water_mass_flow
    power = (steam_enthalpy * water_mass_flow - feed) / efficiency
    latent = EVAPORATION_ENTHALPY * water_mass_flow
    return Humidifier(power, feed, power + feed - latent, latent)


def adiabatic_humidifier(water_mass_flow: Array, pressure_rise: Array, efficiency: Array) -> Humidifier:
    """Spray water into the air, which pays for the evaporation.

    Parameters
    ----------
    water_mass_flow : Array, any shape
        Evaporated [kg/s], at least 0.
    pressure_rise : Array, broadcastable
        Of the pump in front of the nozzles [Pa], some 6.5 MPa.
    efficiency : Array, broadcastable
        Of the pump [-].

    Returns
    -------
    Humidifier

    Notes
    -----
    The feed water counts as nothing, as does that of a coil.

    References
    ----------
    .. [1] Lei, Masanet, Statistical analysis for predicting location-specific data center PUE, Energy 201 (2020): pump of
       the humidifier.
    """
    power = design_power(water_mass_flow / WATER_DENSITY, pressure_rise, efficiency)
    latent = EVAPORATION_ENTHALPY * water_mass_flow
    return Humidifier(power, 0.0 * water_mass_flow, power - latent, latent)


def humidifier_command(
    humidity_ratio: Array,
    dew_point_setpoint: Array,
    proportional_band: Array,
    pressure: Array,
    rise_at_full_output: Array = 0.0,
    xp: Any = np,
) -> Array:
    """Output that a proportional controller of the dew point asks of a humidifier.

    Parameters
    ----------
    humidity_ratio : Array, shape (1, N)
        Of the room [kg/kg dry air]: at the end of the step if nothing were added.
    dew_point_setpoint : Array, broadcastable
        Dew point at and above which nothing is added [degC].
    proportional_band : Array, broadcastable
        How far below it the output is full [K], above 0.
    pressure : Array, broadcastable
        Total pressure [Pa].
    rise_at_full_output : Array, broadcastable
        How far full output raises the humidity ratio within the step [kg/kg dry air]; see `humidifier_rise`. 0 gives the
        plain controller, which sees the humidity as it is.
    xp : namespace
        Array functions.

    Returns
    -------
    Array, shape (1, N)
        Share of full output [-], 0 to 1.

    Notes
    -----
    Proportional in the humidity ratio between those of the two dew points, which are constants of the controller. With
    the rise the output is the one that belongs to the humidity at the *end* of the step: then a strong humidifier and a
    long step do not chatter.
    """
    off = humidity_ratio_from_dew_point(dew_point_setpoint, pressure, xp)
    full = humidity_ratio_from_dew_point(dew_point_setpoint - proportional_band, pressure, xp)
    return clip((off - humidity_ratio) / xp.maximum(off - full + rise_at_full_output, BAND_MIN), 0.0, 1.0, xp)


def humidifier_rise(
    capacity: Array,
    humidity_ratio: Array,
    air_mass: Array,
    inflow: Array,
    removal: Array,
    time_step: Array,
    xp: Any = np,
) -> Array:
    """How far the full output of a humidifier raises the humidity ratio within a step.

    Parameters
    ----------
    capacity : Array, broadcastable
        Full output [kg/s].
    humidity_ratio, air_mass, inflow, removal, time_step : Array
        As of `humidity_step`.
    xp : namespace
        Array functions.

    Returns
    -------
    Array, shape (1, N)
        Rise [kg/kg dry air].
    """
    drained = removal / xp.maximum(humidity_ratio, HUMIDITY_RATIO_MIN)
    return time_step * capacity / (air_mass + time_step * (inflow + drained))


# --- dew-point guard --------------------------------------------------------------------------------------------------


def guarded_temperature(
    setpoint: Array, dew_point_temperature: Array, margin: Array = DEW_POINT_MARGIN, xp: Any = np
) -> Array:
    """Set-point of supply air or of water in uninsulated pipes that keeps surfaces dry.

    Parameters
    ----------
    setpoint : Array, shape (U, N)
        Asked for [degC].
    dew_point_temperature : Array, shape (1, N)
        Of the room [degC].
    margin : Array, broadcastable
        Least distance from it [K].
    xp : namespace
        Array functions.

    Returns
    -------
    Array, shape (U, N)
        The set-point, not below dew point plus margin [degC].

    Notes
    -----
    A hard bound: it is a limit of safety, and a rounded one would give some of the margin away.
    """
    return xp.maximum(setpoint, dew_point_temperature + margin)
