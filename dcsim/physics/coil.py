"""Heat exchangers: effectiveness of flow arrangements, chilled-water coils dry and wet, control valves.

Steady effectiveness-NTU laws; metal and water content are states of the plant. Fouling, ice and circuiting are left
out.

Sources: Incropera et al., Fundamentals of Heat and Mass Transfer, ch. 11; Mitchell and Braun (2012), supplementary
material SM-2-1, for the wet coil; Modelica Buildings library for film coefficients and valve.
"""

from typing import Any, NamedTuple

import numpy as np

from dcsim.physics.constants import (
    AIR_SPECIFIC_HEAT,
    EVAPORATION_ENTHALPY,
    MOLAR_MASS_RATIO,
    VAPOR_SPECIFIC_HEAT,
    WATER_SPECIFIC_HEAT,
    Array,
)
from dcsim.physics.moist_air import enthalpy, saturation_enthalpy, saturation_temperature, temperature_from_enthalpy
from dcsim.physics.saturation import log_saturation_pressure
from dcsim.physics.smooth import clip, power, smooth_step

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

BOUNDARY_ROUNDS = 4
CONDENSING_ROUNDS = 3
AIR_MASS_FLOW_MIN = 1e-6  # kg/s
WATER_RATE_MIN = 1e-3  # W/K
CONDUCTANCE_MIN = 1e-6  # W/K
SPAN_MIN = 1e-3  # K, from entering water to dew point
DIFFERENCE_MIN = 1e-3  # K
ENTHALPY_DIFFERENCE_MIN = 1.0  # J/kg


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
    air_factor: Array = 1.0,
    water_factor: Array = 1.0,
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
    air_factor, water_factor : Array, broadcastable
        Conductance of the films over that at the temperatures of the rating [-], above 0, see `water_film_factor`.

    Returns
    -------
    Array, shape (U, N)
        Conductance [W/K].

    Notes
    -----
    Two film resistances in series, falling with the 0.8th power of the air flow and the 0.85th of the water flow.

    References
    ----------
    .. [1] Modelica Buildings library, ``Fluid.HeatExchangers.BaseClasses.HADryCoil``.
    """
    air_film = air_factor * power(air_flow_fraction, AIR_EXPONENT, xp)
    water_film = water_factor * power(water_flow_fraction, WATER_EXPONENT, xp)
    resistance = air_resistance_share * water_film + (1.0 - air_resistance_share) * air_film
    return conductance_nominal * air_film * water_film / resistance


def film_conductances(
    air_flow_fraction: Array,
    water_flow_fraction: Array,
    conductance_nominal: Array,
    air_resistance_share: Array,
    xp: Any = np,
) -> tuple[Array, Array]:
    """Conductances of the films of air and of water [W/K], shape (U, N) each, whose series is `coil_conductance`."""
    air = conductance_nominal / air_resistance_share * power(air_flow_fraction, AIR_EXPONENT, xp)
    water = conductance_nominal / (1.0 - air_resistance_share) * power(water_flow_fraction, WATER_EXPONENT, xp)
    return air, water


def water_film_factor(temperature: Array, rating_temperature: Array) -> Array:
    """Conductance of the film of water in a tube over that at a rating temperature.

    Parameters
    ----------
    temperature, rating_temperature : Array, broadcastable
        Of the water [degC], 0 to 80.

    Returns
    -------
    Array, broadcast shape
        Factor [-], about 1 % more for each kelvin.

    References
    ----------
    .. [1] Wetter, Simulation model: finned water-air coil without condensation, LBNL-42355, 1999; Modelica Buildings
       library, ``Fluid.HeatExchangers.BaseClasses.HADryCoil``.
    """
    slope = 0.014 / (1.0 + 0.014 * rating_temperature)
    return 1.0 + slope * (temperature - rating_temperature)


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


def wetted_duty(
    air_mass_flow: Array,
    entering_temperature: Array,
    humidity_ratio: Array,
    dew_point_temperature: Array,
    water_temperature: Array,
    water_capacity_rate: Array,
    air_film_conductance: Array,
    water_film_conductance: Array,
    pressure: Array,
    air_specific_heat: Array = AIR_SPECIFIC_HEAT,
    xp: Any = np,
) -> Array:
    """Duty of a counterflow coil that is taken as wet all over, though nothing need condense on it.

    Parameters
    ----------
    air_mass_flow : Array, shape (U, N)
        Dry air [kg/s].
    entering_temperature, water_temperature : Array, broadcastable
        Entering air and water [degC].
    humidity_ratio, dew_point_temperature : Array, broadcastable
        Of the entering air [kg/kg dry air, degC]; a dew point at or below the water is taken as 0.01 K above it.
    water_capacity_rate : Array, shape (U, N)
        Mass flow times specific heat [W/K].
    air_film_conductance, water_film_conductance : Array, shape (U, N)
        At these flows [W/K].
    pressure : Array, broadcastable
        Total pressure [Pa].
    air_specific_heat : Array, broadcastable
        Of the stream that the duty refers to [J/(kg K)].
    xp : namespace
        Array functions.

    Returns
    -------
    Array, shape (U, N)
        Duty [-]: heat flow over the air's capacity rate times the difference of entering air and entering water.

    Notes
    -----
    Heat flows by the difference of enthalpies between air and air saturated at the water's temperature. EnergyPlus uses
    this for its simple water coil as soon as the entering water is colder than the dew point. Where the surface stays
    above the dew point it overstates the conductance, by 9 % for room air of a dew point of 16 degC and water of 10 degC;
    `condensing_coil` is the law for a coil in parts dry and wet.

    References
    ----------
    .. [1] EnergyPlus Engineering Reference, simple hot and chilled water coils, "all wet" coil.
    """
    span = xp.maximum(dew_point_temperature - water_temperature, 0.01)
    cold = saturation_enthalpy(water_temperature, pressure, xp)
    slope = (saturation_enthalpy(water_temperature + span, pressure, xp) - cold) / span
    conductance = 1.0 / (slope / water_film_conductance + AIR_SPECIFIC_HEAT / air_film_conductance)
    share = air_side_duty(air_mass_flow, water_capacity_rate / slope, conductance, xp)
    excess = entering_temperature - water_temperature
    driving = enthalpy(entering_temperature, humidity_ratio) - cold
    return share * driving / (air_specific_heat * xp.maximum(excess, 0.1))


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


class CondensingCoil(NamedTuple):
    """Heat, water and leaving states of a coil on which part of the air's water condenses. Shapes (U, N)."""

    heat_flow: Array
    """W into the water, sensible and latent."""
    sensible_heat_flow: Array
    """W, the heat less the latent part."""
    latent_heat_flow: Array
    """W, evaporation enthalpy at 0 degC times the condensate: the split with which `dcsim.physics.moisture` keeps books."""
    condensate_mass_flow: Array
    """kg/s that drips off."""
    air_leaving_temperature: Array
    """degC"""
    air_leaving_humidity_ratio: Array
    """kg/kg dry air"""
    water_leaving_temperature: Array
    """degC"""
    air_duty: Array
    """Temperature drop of the air over entering air less entering water [-]; `air_side_duty` where the coil is dry."""
    dry_share: Array
    """Of the coil's surface that stands above the dew point [-]."""


class _SaturationLine(NamedTuple):
    """Enthalpy of saturated air between two temperatures, a quartic through both ends, their slopes and the middle."""

    start: Array  # degC
    span: Array  # K
    per_span: Array  # 1/K
    start_enthalpy: Array  # J/kg
    coefficients: tuple[Array, Array, Array, Array]  # of u = (t - start) / span in the secant from the start, J/(kg K)
    start_slope: Array  # J/(kg K)
    end_slope: Array

    def secant(self, temperature: Array) -> Array:
        """Mean slope from the start to a temperature [J/(kg K)]."""
        u = (temperature - self.start) * self.per_span
        c = self.coefficients
        return c[0] + u * (c[1] + u * (c[2] + u * c[3]))

    def temperature(self, enthalpy: Array, xp: Any) -> Array:
        """Where the line has an enthalpy [J/kg], held between its ends [degC]."""
        c = self.coefficients
        total = c[0] + c[1] + c[2] + c[3]  # J/kg per kelvin of span
        v = clip((enthalpy - self.start_enthalpy) * (self.per_span / total), 0.0, 1.0, xp)
        first, last = total / self.start_slope, total / self.end_slope
        u = v * (first + v * ((3.0 - 2.0 * first - last) + v * (first + last - 2.0)))
        for _ in range(2):
            height = u * (c[0] + u * (c[1] + u * (c[2] + u * c[3])))
            slope = c[0] + u * (2.0 * c[1] + u * (3.0 * c[2] + u * 4.0 * c[3]))
            u = u - (height - v * total) / slope
        return self.start + self.span * u


def _saturated(temperature: Array, pressure: Array, xp: Any) -> tuple[Array, Array]:
    """Enthalpy of saturated air [J/kg], and its slope."""
    log_pressure, log_slope = log_saturation_pressure(temperature, xp)
    vapor_pressure = xp.exp(log_pressure)
    dry_air_pressure = xp.maximum(pressure - vapor_pressure, 0.02 * pressure)
    ratio = MOLAR_MASS_RATIO * vapor_pressure / dry_air_pressure
    return enthalpy(temperature, ratio), _saturated_slope(temperature, ratio, log_slope)


def _saturated_slope(temperature: Array, ratio: Array, log_slope: Array) -> Array:
    vapor_enthalpy = EVAPORATION_ENTHALPY + VAPOR_SPECIFIC_HEAT * temperature
    ratio_slope = ratio * log_slope * (1.0 + ratio / MOLAR_MASS_RATIO)
    return AIR_SPECIFIC_HEAT + VAPOR_SPECIFIC_HEAT * ratio + ratio_slope * vapor_enthalpy


def _saturation_line(start: Array, dew_point: Array, ratio: Array, pressure: Array, xp: Any) -> _SaturationLine:
    end = xp.maximum(dew_point, start + SPAN_MIN)
    span = end - start
    per_span = 1.0 / span
    start_enthalpy, start_slope = _saturated(start, pressure, xp)
    middle_enthalpy, _ = _saturated(start + 0.5 * span, pressure, xp)
    end_slope = _saturated_slope(end, ratio, log_saturation_pressure(end, xp)[1])  # air of the dew point is saturated
    mean = (enthalpy(end, ratio) - start_enthalpy) * per_span
    second, third = 3.0 * mean - 2.0 * start_slope - end_slope, start_slope + end_slope - 2.0 * mean
    bulge = 16.0 * ((middle_enthalpy - start_enthalpy) * per_span - 0.5 * (start_slope + 0.5 * (second + 0.5 * third)))
    coefficients = (start_slope, second + bulge, third - 2.0 * bulge, bulge)
    return _SaturationLine(start, span, per_span, start_enthalpy, coefficients, start_slope, end_slope)


def _mean_difference(x: Array, y: Array, xp: Any) -> Array:
    """About the logarithmic mean of two differences, without its singularity where they are equal."""
    return (x + y) * (1.0 / 6.0) + xp.sqrt(x * y) * (2.0 / 3.0)


def condensing_coil(
    air_mass_flow: Array,
    air_entering_temperature: Array,
    air_humidity_ratio: Array,
    dew_point_temperature: Array,
    water_mass_flow: Array,
    water_entering_temperature: Array,
    conductance: Array,
    air_resistance_share: Array,
    pressure: Array,
    xp: Any = np,
) -> CondensingCoil:
    """Sensible and latent heat of a counterflow chilled-water coil, dry, partly wet or wet all over.

    Parameters
    ----------
    air_mass_flow : Array, shape (U, N)
        Dry air [kg/s], at least 0.
    air_entering_temperature : Array, shape (U, N)
        Dry bulb [degC].
    air_humidity_ratio : Array, broadcastable
        Entering [kg/kg dry air].
    dew_point_temperature : Array, broadcastable
        Of the entering air [degC]; of one room it is the same for all coils, so it is computed once, by the caller.
    water_mass_flow : Array, shape (U, N)
        Water [kg/s], at least 0.
    water_entering_temperature : Array, broadcastable
        Water [degC].
    conductance : Array, shape (U, N)
        Of the dry coil at these flows [W/K], from `coil_conductance`.
    air_resistance_share : Array, broadcastable
        Of its resistance that lies on the air side [-]; `AIR_RESISTANCE_SHARE` where nothing better is known.
    pressure : Array, broadcastable
        Of the air [Pa].
    xp : namespace
        Array functions.

    Returns
    -------
    CondensingCoil
        Heat, sensible and latent, condensate and leaving states.

    Notes
    -----
    The air meets a dry stretch first, then a wet one; between them the surface stands at the dew point. Each stretch is
    a counterflow exchanger, the wet one by the enthalpy method of `wet_coil`: driven by the enthalpy of the air and of
    saturated air at water temperature, with the saturation line's mean slope over the water of that stretch. Where the
    boundary lies follows from the areas that the two stretches need, which must add up to the coil's: bracketed and
    found by a fixed number of rounds of false position (Illinois form). Because at the boundary both stretches move the
    same heat per area, a small error of its place hardly matters: heat is within 2e-3 of the converged one, 7e-4 in 999
    of 1000 cases (tested). A coil without condensation gives exactly the heat of `air_side_duty`.

    Against a local solution of the coil in 200 cells (Lewis number 1), in a wide draw of wet coils, the heat is 1.3 %
    off in the root mean square and the latent heat 1.0 % of the heat; the greatest errors, 10 and 7 %, are those of the
    straight saturation line where little water warms by 15 K. The greater of an all-dry and an all-wet coil, which
    `wet_coil` takes, condenses nothing where throttled water keeps most of the coil dry: that law is for comparison with
    its sources, this one for a plant.

    Water that condenses leaves without its small sensible heat being booked; what the air loses in enthalpy is the heat
    to rounding. Cost: five exponentials and 14 square roots a coil, five of exponential and logarithm for coils of one room
    together.

    Domain: air unsaturated, no frost. Water warmer than the air heats it. Without air or water flow the heat is 0.

    References
    ----------
    .. [1] Braun, Klein, Mitchell, Effectiveness models for cooling towers and cooling coils, ASHRAE Trans. 95 (1989):
       partially wet coils, in two parts.
    .. [2] Mitchell, Braun, Principles of Heating, Ventilation and Air Conditioning in Buildings (2012), supplementary
       material SM-2-1.
    """
    air = xp.maximum(air_mass_flow, AIR_MASS_FLOW_MIN)
    ratio, share = air_humidity_ratio, air_resistance_share
    entering, water = air_entering_temperature, water_entering_temperature
    specific_heat = AIR_SPECIFIC_HEAT + VAPOR_SPECIFIC_HEAT * ratio
    air_rate = air * specific_heat
    water_rate = xp.maximum(water_mass_flow * WATER_SPECIFIC_HEAT, WATER_RATE_MIN)
    total_conductance = xp.maximum(conductance, CONDUCTANCE_MIN)
    transfer = total_conductance / share / specific_heat  # kg/s, air film
    film_ratio = transfer * (1.0 - share) / total_conductance  # kg K/J, air film over water film
    line = _saturation_line(water, dew_point_temperature, ratio, pressure, xp)
    dew_point = line.start + line.span
    driving = enthalpy(entering, ratio) - line.start_enthalpy

    # The boundary is told by its water temperature: the surface stands at the dew point, `share` of the way from air to
    # water. Lowest: water as it comes (the coil is dry), or air as it comes (wet all over). Highest: surface and water
    # at the dew point, or water leaving as warm as the air comes.
    rate_ratio = air_rate / water_rate
    film_gap = 1.0 / (1.0 - share)
    pinch = rate_ratio * film_gap
    highest = xp.minimum(dew_point, (entering * (1.0 - rate_ratio) + pinch * dew_point) / (1.0 + pinch * share))
    lowest = xp.minimum(xp.maximum(water, (dew_point - (1.0 - share) * entering) / share), highest)
    water_per_air = water_rate / air  # J/(kg K)

    def areas(boundary: Array) -> tuple[Array, Array, Array, Array]:
        """Parts of the coil that the dry and the wet stretch need for water of this temperature between them.

        Each as heat and as heat that the whole coil would move at the mean difference: one division then serves both.
        """
        air_there = (dew_point - share * boundary) * film_gap
        fall, rise = xp.maximum(entering - air_there, 0.0), xp.maximum(boundary - water, 0.0)
        cold_end = xp.maximum(air_there - boundary, DIFFERENCE_MIN)
        warm_end = xp.maximum(entering - boundary - rate_ratio * fall, DIFFERENCE_MIN)
        dry_whole = total_conductance * _mean_difference(cold_end, warm_end, xp)
        slope, above = line.secant(boundary), driving - specific_heat * fall
        warm_end = xp.maximum(above - slope * rise, ENTHALPY_DIFFERENCE_MIN)
        cold_end = xp.maximum(above - water_per_air * rise, ENTHALPY_DIFFERENCE_MIN)
        wet_heat = water_rate * rise * (1.0 + slope * film_ratio)
        return air_rate * fall, dry_whole, wet_heat, transfer * _mean_difference(cold_end, warm_end, xp)

    def excess(boundary: Array) -> Array:
        """Needed area less 1, over needed area plus 1: -1 to 1 however much is needed."""
        dry_heat, dry_whole, wet_heat, wet_whole = areas(boundary)
        needed, whole = dry_heat * wet_whole + wet_heat * dry_whole, dry_whole * wet_whole
        return (needed - whole) / (needed + whole)

    low, high = lowest, highest
    low_excess, high_excess = excess(low), excess(high)
    side = 0.0 * low_excess

    def between() -> Array:
        reach = xp.maximum(high_excess - low_excess, 1e-9)
        return low + (high - low) * clip(-low_excess / reach, 0.0, 1.0, xp)

    for _ in range(BOUNDARY_ROUNDS):
        boundary = between()
        at_boundary = excess(boundary)
        new_side = xp.where(at_boundary < 0.0, 1.0, -1.0)
        weight = xp.where(side * new_side > 0.0, 0.5, 1.0)  # of an end that stays for the second time
        low = xp.where(at_boundary < 0.0, boundary, low)
        high = xp.where(at_boundary < 0.0, high, boundary)
        low_excess, high_excess = (
            xp.where(at_boundary < 0.0, at_boundary, weight * low_excess),
            xp.where(at_boundary < 0.0, weight * high_excess, at_boundary),
        )
        side = new_side
    boundary = between()
    dry_heat, dry_whole, wet_heat, wet_whole = areas(boundary)
    # of the area needed, or of the coil where that is less: water that is as warm as the air long before the end of the
    # coil has a dry stretch that comes out too small
    needed, whole = dry_heat * wet_whole + wet_heat * dry_whole, dry_whole * wet_whole
    wet_share = wet_heat * dry_whole / xp.maximum(needed, whole)
    dry_share = xp.where(dew_point_temperature > water, 1.0 - wet_share, 1.0)

    # both stretches with their areas; the slope in the wet one belongs to the water between them
    dry_duty = air_side_duty(air_rate, water_rate, dry_share * total_conductance, xp)
    dry_rate = air_rate * dry_duty
    wet_duty = 0.0 * dry_duty
    returnable = dry_rate / water_rate
    for _ in range(CONDENSING_ROUNDS):
        slope = line.secant(boundary)
        wet_transfer = (1.0 - dry_share) * transfer / (1.0 + slope * film_ratio)
        wet_duty = air_side_duty(air, water_rate / slope, wet_transfer, xp)
        returned = wet_duty * returnable
        warmed = water + wet_duty * driving / water_per_air - returned * entering
        boundary = clip(warmed / xp.maximum(1.0 - returned, 1e-9), water, dew_point, xp)
    boundary = xp.where(dew_point_temperature > water, boundary, water)
    dry_heat = dry_rate * (entering - boundary)
    above = driving - dry_heat / air  # of the air at the boundary over saturated air at entering water, J/kg
    # J/kg; its water gets no warmer than the dew point, where the straight saturation line would have it so
    wet_drop = xp.minimum(wet_duty * above, water_per_air * (dew_point - water))
    heat = air_mass_flow * (dry_heat / air + wet_drop)

    # air: through the dry stretch, then towards the mean surface of the wet one
    passed = xp.exp(-(1.0 - dry_share) * transfer / air)
    met = xp.maximum(1.0 - passed, 1e-9)
    surface = line.temperature(line.start_enthalpy + above - wet_drop / met, xp)
    air_there = entering - dry_duty * (entering - boundary)
    leaving = surface + (air_there - surface) * passed
    leaving_enthalpy = line.start_enthalpy + above - wet_drop
    vapor_enthalpy = EVAPORATION_ENTHALPY + VAPOR_SPECIFIC_HEAT * leaving
    lost = xp.maximum(ratio - (leaving_enthalpy - AIR_SPECIFIC_HEAT * leaving) / vapor_enthalpy, 0.0)
    lost = xp.where(dry_share < 1.0, lost, 0.0)  # a dry coil to rounding
    leaving = temperature_from_enthalpy(leaving_enthalpy, ratio - lost)
    condensate = air_mass_flow * lost
    latent = EVAPORATION_ENTHALPY * condensate
    difference = entering - water
    return CondensingCoil(
        heat_flow=heat,
        sensible_heat_flow=heat - latent,
        latent_heat_flow=latent,
        condensate_mass_flow=condensate,
        air_leaving_temperature=leaving,
        air_leaving_humidity_ratio=ratio - lost,
        water_leaving_temperature=water + heat / water_rate,
        air_duty=xp.where(
            dry_share < 1.0, (entering - leaving) / xp.maximum(difference, 10.0 * DIFFERENCE_MIN), dry_duty
        ),
        dry_share=dry_share,
    )
