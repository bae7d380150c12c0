"""Evaporative coolers: wetted pads in the air stream, and exchangers whose other side is wetted.

A direct cooler gives the air's own heat for the evaporation: its enthalpy stays, its temperature goes towards the wet
bulb. An indirect cooler does that to a second stream and cools the first without wetting it. Frost, scale and wet pads
that dry after the water is off are left out.

Sources: EnergyPlus Engineering Reference, "Evaporative Coolers"; ASHRAE Handbook of Fundamentals (2017), ch. 1.
"""

from typing import Any, NamedTuple

import numpy as np

from dcsim.physics import fan
from dcsim.physics.constants import AIR_SPECIFIC_HEAT, EVAPORATION_ENTHALPY, VAPOR_SPECIFIC_HEAT, Array
from dcsim.physics.cooling_tower import blowdown_mass_flow
from dcsim.physics.smooth import clip

DIRECT_EFFECTIVENESS = 0.70
INDIRECT_EFFECTIVENESS = 0.70
INDIRECT_DRY_EFFECTIVENESS = 0.72
"""Of the coolers of the EnergyPlus example ``2ZoneDataCenterHVAC_wEconomizer``; pads reach 0.6 to 0.95."""

PUMP_POWER_PER_VOLUME_FLOW = 90.0
"""Of the water pump over the air flow through the pad, W/(m3/s): EnergyPlus default of "Water Pump Power Sizing Factor",
the mean of its example files, 55 to 150."""

PAD_DEPTH_RANGE = (0.1, 0.45)  # m
FACE_VELOCITY_RANGE = (0.25, 4.575)  # m/s
DEPRESSION_MIN = 1e-3  # K


def pad_effectiveness(face_velocity: Array, depth: Array, xp: Any = np) -> Array:
    """Cooling of a rigid-media pad over the distance to the wet bulb.

    Parameters
    ----------
    face_velocity : Array, shape (U, N)
        Volume flow over face area [m/s].
    depth : Array, broadcastable
        Of the pad along the flow [m]; 0.15, 0.2 and 0.3 are usual.
    xp : namespace
        Array functions.

    Returns
    -------
    Array, shape (U, N)
        Effectiveness [-], at most 1.

    Notes
    -----
    Fit of the maker's data for CELdek. Velocity is held at 0.25 to 4.575 m/s and depth at 0.1 to 0.45 m; within, more
    air never means a higher effectiveness.

    References
    ----------
    .. [1] EnergyPlus Engineering Reference, EvaporativeCooler:Direct:CelDekPad.
    """
    d, v = clip(depth, *PAD_DEPTH_RANGE, xp), clip(face_velocity, *FACE_VELOCITY_RANGE, xp)
    at_rest = 0.792714 + d * (0.958569 - 1.03215 * d)
    linear = -0.25193 + d * (0.914869 + d * (-1.48241 + 1.13137 * d))
    square = 0.0262659 - 0.145384 * d * d * d
    cubic = d * (-0.018992 + 0.0327622 * d)
    return xp.minimum(at_rest + v * (linear + v * (square + v * cubic)), 1.0)


class WettedAir(NamedTuple):
    """Air behind a direct evaporative cooler, and the water that it took up. Shapes (U, N)."""

    temperature: Array
    """degC"""
    humidity_ratio: Array
    """kg/kg dry air"""
    evaporation: Array
    """kg/s"""


def direct_cooler(
    air_mass_flow: Array,
    temperature: Array,
    humidity_ratio: Array,
    wet_bulb_temperature: Array,
    effectiveness: Array,
    water_enthalpy: Array = 0.0,
) -> WettedAir:
    """Air behind a wetted pad: in the supply, or in front of a dry cooler or condenser.

    Parameters
    ----------
    air_mass_flow : Array, shape (U, N)
        Dry air [kg/s].
    temperature, humidity_ratio, wet_bulb_temperature : Array, shape (U, N)
        Of the entering air [degC], [kg/kg dry air], [degC].
    effectiveness : Array, broadcastable
        Cooling over the distance to the wet bulb [-]; times the share of the pads that is wetted, see `wetted_share`.
    water_enthalpy : Array, broadcastable
        Of the water that evaporates [J/kg], counted from liquid water at 0 degC.

    Returns
    -------
    WettedAir

    Notes
    -----
    The air's enthalpy rises by that of the water it takes up. With the default of 0 it stays what it was: what the air
    loses in sensible heat it gains in latent heat, and a balance that counts water as nothing closes to rounding. Water
    recirculated over a pad takes the wet bulb; with ``4186 * wet_bulb_temperature`` this is the adiabatic saturation of
    the ASHRAE wet-bulb relation and the law of `dcsim.physics.dry_cooler.precooled_air`. The difference is some 3 % of the
    water.

    Domain: pads in use above freezing.

    References
    ----------
    .. [1] EnergyPlus Engineering Reference, Direct Evaporative Coolers: ``T = T_db - eff (T_db - T_wb)``.
    """
    leaving = temperature - effectiveness * (temperature - wet_bulb_temperature)
    sensible = (AIR_SPECIFIC_HEAT + VAPOR_SPECIFIC_HEAT * humidity_ratio) * (temperature - leaving)
    taken_up = sensible / (EVAPORATION_ENTHALPY + VAPOR_SPECIFIC_HEAT * leaving - water_enthalpy)
    return WettedAir(leaving, humidity_ratio + taken_up, air_mass_flow * taken_up)


def wetted_share(
    temperature: Array, wet_bulb_temperature: Array, setpoint: Array, effectiveness: Array, xp: Any = np
) -> Array:
    """Share of the pads to wet, or of the air to send through them, for the air to reach a temperature.

    Parameters
    ----------
    temperature, wet_bulb_temperature : Array, shape (U, N)
        Of the entering air [degC].
    setpoint : Array, shape (U, N)
        Wanted behind the cooler [degC].
    effectiveness : Array, broadcastable
        Of all pads wetted [-], above 0.
    xp : namespace
        Array functions.

    Returns
    -------
    Array, shape (U, N)
        Share [-], 0 to 1.

    References
    ----------
    .. [1] EnergyPlus Engineering Reference, EvaporativeCooler:Direct:ResearchSpecial: control to a set-point.
    """
    reach = xp.maximum(effectiveness * (temperature - wet_bulb_temperature), DEPRESSION_MIN)
    return clip((temperature - setpoint) / reach, 0.0, 1.0, xp)


def indirect_cooler_temperature(
    temperature: Array, secondary_wet_bulb_temperature: Array, effectiveness: Array, xp: Any = np
) -> Array:
    """Air behind an exchanger whose other side is wetted.

    Parameters
    ----------
    temperature : Array, shape (U, N)
        Of the entering air [degC].
    secondary_wet_bulb_temperature : Array, shape (U, N)
        Wet bulb of the air on the other side, outdoor or return air [degC]; its dry bulb while the sprays are off.
    effectiveness : Array, broadcastable
        Cooling over the distance to that temperature [-].
    xp : namespace
        Array functions.

    Returns
    -------
    Array, shape (U, N)
        Temperature [degC]; the humidity ratio stays. Air that is colder already goes around.

    References
    ----------
    .. [1] EnergyPlus Engineering Reference, EvaporativeCooler:Indirect:ResearchSpecial.
    """
    return temperature - effectiveness * xp.maximum(temperature - secondary_wet_bulb_temperature, 0.0)


def indirect_cooler_heat_flow(
    air_mass_flow: Array, temperature: Array, humidity_ratio: Array, leaving_temperature: Array
) -> Array:
    """Heat that an indirect cooler moves from the air to its wetted side.

    Parameters
    ----------
    air_mass_flow : Array, shape (U, N)
        Dry air [kg/s].
    temperature, humidity_ratio : Array, shape (U, N)
        Of the entering air [degC], [kg/kg dry air].
    leaving_temperature : Array, shape (U, N)
        From `indirect_cooler_temperature` [degC].

    Returns
    -------
    Array, shape (U, N)
        Heat flow [W]. The water that it evaporates on the other side is
        `dcsim.physics.cooling_tower.evaporation_from_heat_flow` of it, while the sprays are on.
    """
    specific_heat = AIR_SPECIFIC_HEAT + VAPOR_SPECIFIC_HEAT * humidity_ratio
    return air_mass_flow * specific_heat * (temperature - leaving_temperature)


def makeup_mass_flow(
    evaporation: Array, drift_fraction: Array, cycles_of_concentration: Array, width: Array = 1e-6, xp: Any = np
) -> Array:
    """Water that a cooler draws from the mains: evaporation, drops carried away, and blowdown.

    Parameters
    ----------
    evaporation : Array, shape (U, N)
        Water that evaporates [kg/s], at least 0.
    drift_fraction : Array, broadcastable
        Drops over evaporation [-]; 0 for pads at a usual face velocity.
    cycles_of_concentration : Array, broadcastable
        Dissolved matter in the sump over that in make-up water [-], above 1.
    width : Array, broadcastable
        Rounding of the bound of the blowdown at 0 [kg/s].
    xp : namespace
        Array functions.

    Returns
    -------
    Array, shape (U, N)
        Mass flow [kg/s].

    References
    ----------
    .. [1] EnergyPlus Engineering Reference, Evaporative Coolers, water consumption.
    """
    drift = drift_fraction * evaporation
    return evaporation + drift + blowdown_mass_flow(evaporation, drift, cycles_of_concentration, width, xp)


def pump_power(share: Array, power_nominal: Array) -> Array:
    """Electric power of the pump that wets the pads.

    Parameters
    ----------
    share : Array, shape (U, N)
        Of the pads that is wetted [-], 0 to 1: stages of pads with a pump each, or a pump that runs part of the time.
    power_nominal : Array, broadcastable
        With all pads wetted [W]; `PUMP_POWER_PER_VOLUME_FLOW` times the air flow where nothing better is known.

    Returns
    -------
    Array, shape (U, N)
        Power [W]; it ends as heat in the water, which the evaporation takes along.

    References
    ----------
    .. [1] EnergyPlus Engineering Reference, Evaporative Coolers: pump power times part-load ratio.
    """
    return power_nominal * share


def pressure_drop(flow_fraction: Array, pressure_drop_nominal: Array) -> Array:
    """Pressure that the air loses in pads or exchanger, wet or dry.

    Parameters
    ----------
    flow_fraction : Array, shape (U, N)
        Air flow over nominal air flow [-].
    pressure_drop_nominal : Array, broadcastable
        At nominal flow [Pa]; 250 to 500 for economizer filters, dampers and pads together.

    Returns
    -------
    Array, shape (U, N)
        Pressure drop [Pa], in proportion to the square of the flow.
    """
    return pressure_drop_nominal * flow_fraction * flow_fraction


def extra_fan_power(
    flow_fraction: Array, volume_flow_nominal: Array, pressure_drop_nominal: Array, efficiency: Array
) -> Array:
    """Electric power that the supply fan draws on top because of pads, exchanger, dampers and filters.

    Parameters
    ----------
    flow_fraction : Array, shape (U, N)
        Air flow over nominal air flow [-].
    volume_flow_nominal : Array, broadcastable
        Nominal [m3/s].
    pressure_drop_nominal : Array, broadcastable
        At nominal flow [Pa].
    efficiency : Array, broadcastable
        Of fan, motor and drive together [-].

    Returns
    -------
    Array, shape (U, N)
        Power [W], with the cube of the flow.
    """
    drop = pressure_drop(flow_fraction, pressure_drop_nominal)
    return fan.design_power(volume_flow_nominal * flow_fraction, drop, efficiency)
