"""Heat exchangers: effectiveness of flow arrangements, chilled-water coils dry and wet, control valves.

Steady effectiveness-NTU laws; metal and water content are states of the plant. Fouling, ice and circuiting are left
out.

Sources: Incropera et al., Fundamentals of Heat and Mass Transfer, ch. 11; Mitchell and Braun (2012), supplementary
material SM-2-1, for the wet coil; Modelica Buildings library for film coefficients and valve.
"""

from typing import Any, NamedTuple

import numpy as np

from dcsim.physics.constants import AIR_SPECIFIC_HEAT, VAPOR_SPECIFIC_HEAT, WATER_SPECIFIC_HEAT, Array
from dcsim.physics.moist_air import enthalpy, saturation_enthalpy, saturation_temperature
from dcsim.physics.smooth import power, smooth_step

IMBALANCE_MIN = 1e-6
CAPACITY_RATIO_MIN = 1e-6
CAPACITY_RATE_MIN = 1e-6  # W/K
AIR_EXPONENT = 0.8
WATER_EXPONENT = 0.85
AIR_RESISTANCE_SHARE = 0.6
"""Of the thermal resistance of a chilled-water coil at nominal flows: a film conductance of the air side 2/3 of that of
the water side, as in Mitchell and Braun, SM-2-1. With 1/2 in place of 2/3 a wet coil moves 2.6 % more or less heat: the
split is stated with every coil."""

WET_COIL_ROUNDS = 4
BLEND_SHARE = 0.02  # of the dry heat flow, between a dry and a wet coil
HEAT_FLOW_MIN = 1.0  # W


def counterflow_effectiveness(ntu: Array, capacity_ratio: Array, xp: Any = np) -> Array:
    """Share of the greatest possible heat flow that a counterflow exchanger moves.

    Parameters
    ----------
    ntu : Array, shape (U, N)
        Number of transfer units, conductance over the smaller capacity rate [-], at least 0.
    capacity_ratio : Array, shape (U, N)
        Smaller over larger capacity rate [-], 0 (one side condensing) to 1 (balanced).
    xp : namespace
        Array functions.

    Returns
    -------
    Array, shape (U, N)
        Effectiveness [-], 0 to 1.

    Notes
    -----
    Domain: values are not checked; outside it the result means nothing. Balanced flow is a removable singularity: 1 -
    capacity_ratio is held at 1e-6 or more, which changes the result by less than 1e-6 and keeps the gradient finite.

    References
    ----------
    .. [1] Incropera et al., Fundamentals of Heat and Mass Transfer, ch. 11, effectiveness-NTU relations, counterflow.
    """
    imbalance = xp.maximum(1.0 - capacity_ratio, IMBALANCE_MIN)
    progress = 1.0 - xp.exp(-ntu * imbalance)
    return progress / (progress + imbalance * (1.0 - progress))


def parallel_flow_effectiveness(ntu: Array, capacity_ratio: Array, xp: Any = np) -> Array:
    """Effectiveness of two streams that flow side by side the same way.

    Parameters
    ----------
    ntu, capacity_ratio : Array, shape (U, N)
        As for `counterflow_effectiveness`.
    xp : namespace
        Array functions.

    Returns
    -------
    Array, shape (U, N)
        Effectiveness [-].

    References
    ----------
    .. [1] Incropera et al., Fundamentals of Heat and Mass Transfer, ch. 11, parallel flow.
    """
    total = 1.0 + capacity_ratio
    return (1.0 - xp.exp(-ntu * total)) / total


def crossflow_unmixed_effectiveness(ntu: Array, capacity_ratio: Array, xp: Any = np) -> Array:
    """Effectiveness of crossing streams, both unmixed: finned coils, dry coolers.

    Parameters
    ----------
    ntu, capacity_ratio : Array, shape (U, N)
        As for `counterflow_effectiveness`.
    xp : namespace
        Array functions.

    Returns
    -------
    Array, shape (U, N)
        Effectiveness [-].

    Notes
    -----
    The usual approximation of the exact series.

    References
    ----------
    .. [1] Incropera et al., Fundamentals of Heat and Mass Transfer, ch. 11, cross flow, both fluids unmixed.
    """
    ratio = xp.maximum(capacity_ratio, CAPACITY_RATIO_MIN)
    eta = power(ntu, -0.22, xp)
    return 1.0 - xp.exp((xp.exp(-ntu * ratio * eta) - 1.0) / (ratio * eta))


def crossflow_smaller_mixed_effectiveness(ntu: Array, capacity_ratio: Array, xp: Any = np) -> Array:
    """Effectiveness of crossing streams of which the one with the smaller capacity rate is mixed.

    Parameters
    ----------
    ntu, capacity_ratio : Array, shape (U, N)
        As for `counterflow_effectiveness`.
    xp : namespace
        Array functions.

    Returns
    -------
    Array, shape (U, N)
        Effectiveness [-].

    References
    ----------
    .. [1] Incropera et al., Fundamentals of Heat and Mass Transfer, ch. 11, cross flow, C_min mixed.
    """
    ratio = xp.maximum(capacity_ratio, CAPACITY_RATIO_MIN)
    return 1.0 - xp.exp(-(1.0 - xp.exp(-ratio * ntu)) / ratio)


def crossflow_larger_mixed_effectiveness(ntu: Array, capacity_ratio: Array, xp: Any = np) -> Array:
    """Effectiveness of crossing streams of which the one with the larger capacity rate is mixed.

    Parameters
    ----------
    ntu, capacity_ratio : Array, shape (U, N)
        As for `counterflow_effectiveness`.
    xp : namespace
        Array functions.

    Returns
    -------
    Array, shape (U, N)
        Effectiveness [-].

    References
    ----------
    .. [1] Incropera et al., Fundamentals of Heat and Mass Transfer, ch. 11, cross flow, C_max mixed.
    """
    ratio = xp.maximum(capacity_ratio, CAPACITY_RATIO_MIN)
    return (1.0 - xp.exp(-ratio * (1.0 - xp.exp(-ntu)))) / ratio


def phase_change_effectiveness(ntu: Array, xp: Any = np) -> Array:
    """Effectiveness against a stream of constant temperature; the limit of every arrangement at capacity ratio 0.

    Parameters
    ----------
    ntu : Array, shape (U, N)
        Number of transfer units [-], at least 0.
    xp : namespace
        Array functions.

    Returns
    -------
    Array, shape (U, N)
        Effectiveness [-].
    """
    return 1.0 - xp.exp(-ntu)


def counterflow_conductance(
    capacity_rate_min: Array, capacity_ratio: Array, effectiveness: Array, xp: Any = np
) -> Array:
    """Conductance that gives a counterflow exchanger a wanted effectiveness: for sizing.

    Parameters
    ----------
    capacity_rate_min : Array, any shape
        Smaller capacity rate [W/K].
    capacity_ratio : Array, broadcastable
        Smaller over larger capacity rate [-], 0 to 1.
    effectiveness : Array, broadcastable
        Wanted [-], 0 to below 1.
    xp : namespace
        Array functions.

    Returns
    -------
    Array, broadcast shape
        Conductance [W/K].
    """
    imbalance = xp.maximum(1.0 - capacity_ratio, IMBALANCE_MIN)
    ratio = 1.0 - imbalance
    return capacity_rate_min * xp.log((1.0 - effectiveness * ratio) / (1.0 - effectiveness)) / imbalance


def coil_conductance(
    air_flow_fraction: Array,
    water_flow_fraction: Array,
    conductance_nominal: Array,
    air_resistance_share: Array,
    xp: Any = np,
) -> Array:
    """Conductance of a chilled-water coil away from its nominal flows.

    Parameters
    ----------
    air_flow_fraction, water_flow_fraction : Array, shape (U, N)
        Flow over nominal flow [-], at least 0.
    conductance_nominal : Array, shape (U, 1) or (U, N)
        At nominal flows [W/K].
    air_resistance_share : Array, broadcastable
        Of the resistance at nominal flows that lies on the air side [-]; `AIR_RESISTANCE_SHARE` where nothing better is
        known.
    xp : namespace
        Array functions.

    Returns
    -------
    Array, shape (U, N)
        Conductance [W/K].

    Notes
    -----
    Two film resistances in series, falling with the 0.8th power of the air flow and the 0.85th of the water flow. The
    small temperature dependence of the films (1 % per 10 K) is left out.

    References
    ----------
    .. [1] Modelica Buildings library, ``Fluid.HeatExchangers.BaseClasses.HADryCoil``.
    """
    air_film = power(air_flow_fraction, AIR_EXPONENT, xp)
    water_film = power(water_flow_fraction, WATER_EXPONENT, xp)
    resistance = air_resistance_share * water_film + (1.0 - air_resistance_share) * air_film
    return conductance_nominal * air_film * water_film / resistance


def air_side_duty(air_capacity_rate: Array, water_capacity_rate: Array, conductance: Array, xp: Any = np) -> Array:
    """Temperature drop of the air in a dry counterflow coil over the difference of entering air and entering water.

    Parameters
    ----------
    air_capacity_rate, water_capacity_rate : Array, shape (U, N)
        Mass flow times specific heat [W/K], at least 0.
    conductance : Array, shape (U, N)
        Of the coil at these flows [W/K].
    xp : namespace
        Array functions.

    Returns
    -------
    Array, shape (U, N)
        Duty [-], 0 to 1: heat flow = ``air_capacity_rate`` times duty times (entering air - entering water).
    """
    smaller = xp.maximum(xp.minimum(air_capacity_rate, water_capacity_rate), CAPACITY_RATE_MIN)
    larger = xp.maximum(xp.maximum(air_capacity_rate, water_capacity_rate), CAPACITY_RATE_MIN)
    effectiveness = counterflow_effectiveness(conductance / smaller, smaller / larger, xp)
    return effectiveness * smaller / xp.maximum(air_capacity_rate, CAPACITY_RATE_MIN)


class CoilResult(NamedTuple):
    """What a coil does to air that may condense on it. Shapes (U, N)."""

    heat_flow: Array
    """W into the water, sensible and latent."""
    air_leaving_temperature: Array
    """degC"""
    water_leaving_temperature: Array
    """degC"""
    wet_share: Array
    """0 dry to 1 wet."""


def wet_coil(
    air_mass_flow: Array,
    air_entering_temperature: Array,
    air_humidity_ratio: Array,
    water_mass_flow: Array,
    water_entering_temperature: Array,
    conductance: Array,
    air_resistance_share: Array,
    pressure: Array,
    xp: Any = np,
) -> CoilResult:
    """Heat and leaving states of a counterflow chilled-water coil, dry, wet or between.

    Parameters
    ----------
    air_mass_flow : Array, shape (U, N)
        Dry air [kg/s], above 0.
    air_entering_temperature : Array, shape (U, N)
        Dry bulb [degC].
    air_humidity_ratio : Array, shape (U, N)
        Entering [kg/kg dry air].
    water_mass_flow : Array, shape (U, N)
        Water [kg/s], above 0.
    water_entering_temperature : Array, shape (U, N)
        Water [degC], below the entering air.
    conductance : Array, shape (U, N)
        Of the dry coil at these flows [W/K].
    air_resistance_share : Array, broadcastable
        Of its resistance that lies on the air side [-].
    pressure : Array, broadcastable
        Of the air [Pa].
    xp : namespace
        Array functions.

    Returns
    -------
    CoilResult
        Heat flow, leaving temperatures, wet share.

    Notes
    -----
    Enthalpy method: the wet surface is driven by the difference of the air's enthalpy and that of saturated air at
    water temperature, with the slope of the saturation line between entering and leaving water as heat capacity; a
    fixed number of rounds finds that slope, to 1e-4 of the heat. A coil that is partly wet moves about the greater of
    the heats that it would move all dry and all wet; the two are blended over 2 % of the dry heat. Condensate leaves
    without its small sensible heat being booked.

    Domain: air warmer than water.

    References
    ----------
    .. [1] Mitchell, Braun, Principles of Heating, Ventilation and Air Conditioning in Buildings (2012), supplementary
       material SM-2-1.
    .. [2] Braun, Klein, Mitchell, Effectiveness models for cooling towers and cooling coils, ASHRAE Trans. 95 (1989):
       the greater of the dry and the wet heat.
    """
    moist_specific_heat = AIR_SPECIFIC_HEAT + VAPOR_SPECIFIC_HEAT * air_humidity_ratio
    air_rate = air_mass_flow * moist_specific_heat
    water_rate = water_mass_flow * WATER_SPECIFIC_HEAT
    air_film = conductance / air_resistance_share
    water_film = conductance / (1.0 - air_resistance_share)

    duty = air_side_duty(air_rate, water_rate, conductance, xp)
    dry_heat = air_rate * duty * (air_entering_temperature - water_entering_temperature)
    dry_leaving = air_entering_temperature - dry_heat / air_rate

    entering_enthalpy = enthalpy(air_entering_temperature, air_humidity_ratio)
    coldest_enthalpy = saturation_enthalpy(water_entering_temperature, pressure, xp)
    driving = entering_enthalpy - coldest_enthalpy
    transfer = air_film / moist_specific_heat
    wet_heat = dry_heat
    for _ in range(WET_COIL_ROUNDS):
        span = xp.maximum(wet_heat / water_rate, 0.1)
        slope = (saturation_enthalpy(water_entering_temperature + span, pressure, xp) - coldest_enthalpy) / span
        wet_conductance = transfer / (1.0 + slope * transfer / water_film)
        wet_heat = air_mass_flow * driving * air_side_duty(air_mass_flow, water_rate / slope, wet_conductance, xp)
    passed = xp.exp(-transfer / air_mass_flow)  # part of the air that does not meet the surface
    surface_enthalpy = entering_enthalpy - wet_heat / air_mass_flow / (1.0 - passed)
    wet_surface = saturation_temperature(surface_enthalpy, pressure, xp)
    wet_leaving = wet_surface + (air_entering_temperature - wet_surface) * passed

    wet_share = smooth_step(wet_heat - dry_heat, xp.maximum(BLEND_SHARE * dry_heat, HEAT_FLOW_MIN), xp)
    heat = dry_heat + wet_share * (wet_heat - dry_heat)
    return CoilResult(
        heat_flow=heat,
        air_leaving_temperature=dry_leaving + wet_share * (wet_leaving - dry_leaving),
        water_leaving_temperature=water_entering_temperature + heat / water_rate,
        wet_share=wet_share,
    )
