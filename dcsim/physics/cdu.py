"""Coolant distribution units: the loop of the cold plates (TCS) gives its heat to the facility water (FWS).

A plate heat exchanger in counterflow, a control valve on the facility side, pumps on the technology side. Pipe heat
loss, fouling, filters and the expansion vessel are left out.

Words are those of ASHRAE TC 9.9: technology cooling system (TCS) and facility water system (FWS).
"""

from typing import Any

import numpy as np

from dcsim.physics.coil import air_side_duty, counterflow_conductance
from dcsim.physics.constants import Array
from dcsim.physics.pump import relative_efficiency
from dcsim.physics.smooth import clip, power
from dcsim.physics.thermal import LoopStep
from dcsim.physics.valve import equal_percentage_characteristic, installed_flow_fraction

FILM_EXPONENT = 0.8
"""Of the flow in each film's conductance. Modelica Buildings, ``Fluid.HeatExchangers.PlateHeatExchangerEffectivenessNTU``."""

SHUTOFF_HEAD = 1.2
"""Head of a centrifugal pump at no flow over its head at nominal flow; 1.1 to 1.3 for flat curves (engineering value)."""


def conductance(
    technology_flow_fraction: Array,
    facility_flow_fraction: Array,
    conductance_nominal: Array,
    technology_resistance_share: Array,
    xp: Any = np,
) -> Array:
    """Conductance of the exchanger away from its nominal flows: two films in series.

    Parameters
    ----------
    technology_flow_fraction, facility_flow_fraction : Array, shape (U, N)
        Flow over nominal flow [-], at least 0.
    conductance_nominal : Array, broadcastable
        At nominal flows [W/K], from `size_conductance`.
    technology_resistance_share : Array, broadcastable
        Of the resistance at nominal flows that lies on the technology side [-]: 0.5 with water on both sides, about 0.6
        with 25 % propylene glycol against water at equal velocities, since the glycol's film conducts some 0.65 times
        as well (Dittus-Boelter with both fluids' properties at 40 degC).
    xp : namespace
        Array functions.

    Returns
    -------
    Array, shape (U, N)
        Conductance [W/K], 0 if either side stands still. The wall's small resistance is counted with the films.
    """
    technology = power(technology_flow_fraction, FILM_EXPONENT, xp)
    facility = power(facility_flow_fraction, FILM_EXPONENT, xp)
    resistance = technology_resistance_share * facility + (1.0 - technology_resistance_share) * technology
    return conductance_nominal * technology * facility / resistance


def exchange_rate(
    conductance: Array, technology_capacity_rate: Array, facility_capacity_rate: Array, xp: Any = np
) -> Array:
    """Heat that the exchanger moves per kelvin between the two entering waters.

    Parameters
    ----------
    conductance : Array, shape (U, N)
        At these flows [W/K], at least 0.
    technology_capacity_rate, facility_capacity_rate : Array, shape (U, N)
        Mass flow times specific heat [W/K], at least 0.
    xp : namespace
        Array functions.

    Returns
    -------
    Array, shape (U, N)
        Effectiveness times the smaller capacity rate [W/K]; 0 if either side stands still.
    """
    duty = air_side_duty(technology_capacity_rate, facility_capacity_rate, conductance, xp)
    return technology_capacity_rate * duty


def heat_flow(exchange_rate: Array, technology_return_temperature: Array, facility_supply_temperature: Array) -> Array:
    """Heat from the technology loop into the facility water.

    Parameters
    ----------
    exchange_rate : Array, shape (U, N)
        From `exchange_rate` [W/K].
    technology_return_temperature, facility_supply_temperature : Array, shape (U, N)
        Entering [degC].

    Returns
    -------
    Array, shape (U, N)
        Heat flow [W]; negative where facility water comes warmer than the return, which warms the loop.
    """
    return exchange_rate * (technology_return_temperature - facility_supply_temperature)


def size_conductance(
    heat_flow: Array,
    technology_return_temperature: Array,
    technology_supply_temperature: Array,
    facility_supply_temperature: Array,
    facility_capacity_ratio: Array,
    xp: Any = np,
) -> Array:
    """Conductance that meets a rating.

    Parameters
    ----------
    heat_flow : Array, any shape
        Rated [W].
    technology_return_temperature, technology_supply_temperature : Array, broadcastable
        Entering and leaving on the technology side [degC].
    facility_supply_temperature : Array, broadcastable
        Entering on the facility side [degC].
    facility_capacity_ratio : Array, broadcastable
        Capacity rate of the facility water over that of the technology loop [-].
    xp : namespace
        Array functions.

    Returns
    -------
    Array, broadcast shape
        Conductance [W/K].

    Notes
    -----
    Domain: ratings that an exchanger can meet, that is facility water that leaves cooler than the technology return and
    a technology supply above the facility supply.
    """
    technology = heat_flow / (technology_return_temperature - technology_supply_temperature)
    facility = facility_capacity_ratio * technology
    smaller = xp.minimum(technology, facility)
    effectiveness = heat_flow / (smaller * (technology_return_temperature - facility_supply_temperature))
    return counterflow_conductance(smaller, smaller / xp.maximum(technology, facility), effectiveness, xp)


def technology_loop_step(
    supply_temperature: Array,
    return_temperature: Array,
    supply_heat_capacity: Array,
    return_heat_capacity: Array,
    stream: Array,
    heat_uncoupled: Array,
    heat_stiffness: Array,
    time_step: Array,
) -> LoopStep:
    """Implicit step of a technology loop of two lumps, solved together with the plates that warm it.

    Parameters
    ----------
    supply_temperature, return_temperature : Array, shape (U, N)
        At the start of the step [degC].
    supply_heat_capacity, return_heat_capacity : Array, broadcastable
        Of the coolant in them [J/K], above 0.
    stream : Array, shape (U, N)
        Heat capacity rate of the flow around the loop [W/K], above 0.
    heat_uncoupled, heat_stiffness : Array, shape (U, N)
        Heat into the return [W] if the supply came at 0 degC, pump heat included, and what it is less for each kelvin of
        the supply [W/K]: the sums over the plates of `dcsim.physics.cold_plate.CaseStep`.
    time_step : Array, broadcastable
        Length of the step [s].

    Returns
    -------
    LoopStep
        To be closed with the heat that `exchanged_heat_flow` takes.

    Notes
    -----
    As `dcsim.physics.thermal.loop_step`, whose heat does not depend on the supply: ``C_r (T_r' - T_r) / dt =
    heat_uncoupled - heat_stiffness T_s' + stream (T_s' - T_r')`` and ``C_s (T_s' - T_s) / dt = stream (T_r' - T_s') -
    heat_removed``. Plates react in 5 to 20 s and a rack's loop turns over in half a minute: solved one after the other
    they would ring at steps of that length.
    """
    warm, cold = return_heat_capacity / time_step, supply_heat_capacity / time_step
    return_uncooled = (warm * return_temperature + heat_uncoupled) / (warm + stream)
    return_share = (stream - heat_stiffness) / (warm + stream)
    return LoopStep(
        stiffness=cold + stream * (1.0 - return_share),
        uncooled=cold * supply_temperature + stream * return_uncooled,
        return_uncooled=return_uncooled,
        return_share=return_share,
    )


def exchanged_heat_flow(loop: LoopStep, exchange_rate: Array, facility_supply_temperature: Array) -> Array:
    """Heat into the facility water over a step, from the return as it will be at the end of the step.

    Parameters
    ----------
    loop : LoopStep
        From `technology_loop_step`.
    exchange_rate : Array, shape (U, N)
        From `exchange_rate` [W/K].
    facility_supply_temperature : Array, shape (U, N)
        Entering on the facility side [degC].

    Returns
    -------
    Array, shape (U, N)
        Heat flow [W] for ``loop.temperatures``; negative where facility water comes warmer than the return.

    Notes
    -----
    ``Q = rate (T_r' - T_f)`` with ``T_r'`` itself dependent on ``Q``, solved for ``Q``.
    """
    carried = loop.return_share / loop.stiffness  # K of the return per W
    uncooled_return = loop.return_uncooled + carried * loop.uncooled
    return exchange_rate * (uncooled_return - facility_supply_temperature) / (1.0 + exchange_rate * carried)


def stroked_position(position: Array, command: Array, time_step: Array, stroke_time: Array, xp: Any = np) -> Array:
    """Position of a motor valve that runs at constant speed towards its command.

    Parameters
    ----------
    position : Array, shape (U, N)
        At the start of the step [-], 0 closed to 1 open.
    command : Array, shape (U, N)
        Wanted [-], 0 to 1.
    time_step : Array, broadcastable
        Length of the step [s].
    stroke_time : Array, broadcastable
        From closed to open [s], above 0: 30 to 120.
    xp : namespace
        Array functions.

    Returns
    -------
    Array, shape (U, N)
        Position at the end of the step [-], exact in time.
    """
    travel = time_step / stroke_time
    return position + clip(command - position, -travel, travel, xp)


def facility_flow_fraction(position: Array, authority: Array, xp: Any = np) -> Array:
    """Facility flow through the unit over its flow with the valve open, at constant pressure across the branch.

    Parameters
    ----------
    position : Array, shape (U, N)
        Of the equal-percentage valve [-], 0 closed to 1 open.
    authority : Array, broadcastable
        Share of the branch's pressure drop that lies across the open valve [-], above 0.
    xp : namespace
        Array functions.

    Returns
    -------
    Array, shape (U, N)
        Flow fraction [-]; what leaks through the closed valve is 1e-4 and up.
    """
    return installed_flow_fraction(equal_percentage_characteristic(position, xp=xp), authority, xp)


def pump_flow_fraction(
    speed: Array,
    running_share: Array,
    resistance_ratio: Array,
    shutoff_head: float = SHUTOFF_HEAD,
    xp: Any = np,
) -> Array:
    """Flow around the technology loop at a pump speed: where the pump's curve meets the loop's.

    Parameters
    ----------
    speed : Array, shape (U, N)
        Speed over nominal speed [-], 0 to 1.
    running_share : Array, shape (U, N)
        Share of the parallel pumps that run [-], 0 to 1; those at rest are shut off by check valves.
    resistance_ratio : Array, shape (U, N)
        Pressure drop of the loop over nominal at equal flow [-], above 0: more with racks valved off, strainers clogged.
    shutoff_head : float
        Head at no flow over nominal head [-], above 1.
    xp : namespace
        Array functions.

    Returns
    -------
    Array, shape (U, N)
        Flow over nominal flow [-]; equal to ``speed`` with all pumps on the nominal loop.

    Notes
    -----
    Head over nominal head of ``y`` of the pumps, ``a s**2 - (a - 1) (q / y)**2``, equals ``resistance_ratio q**2``.
    """
    share = running_share * running_share
    ratio = shutoff_head / (shutoff_head - 1.0 + resistance_ratio * share)
    return speed * running_share * xp.sqrt(ratio)


def pump_power(
    flow_fraction: Array,
    speed: Array,
    running_share: Array,
    resistance_ratio: Array,
    power_nominal: Array,
    xp: Any = np,
) -> Array:
    """Electric power of the technology loop's pumps; all of it ends as heat in the coolant.

    Parameters
    ----------
    flow_fraction : Array, shape (U, N)
        From `pump_flow_fraction` [-].
    speed, running_share, resistance_ratio : Array, shape (U, N)
        As for `pump_flow_fraction`.
    power_nominal : Array, broadcastable
        Of all pumps at nominal speed and flow [W]; 1 to 1.5 % of the heat is common.
    xp : namespace
        Array functions.

    Returns
    -------
    Array, shape (U, N)
        Power [W]: flow times head over the efficiency at each pump's own flow and speed.

    Notes
    -----
    On the nominal loop with all pumps this is the cube law.
    """
    head = resistance_ratio * flow_fraction * flow_fraction
    return power_nominal * head * flow_fraction / relative_efficiency(flow_fraction, running_share * speed, xp)
