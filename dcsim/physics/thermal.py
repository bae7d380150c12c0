"""Bodies that store heat: how lumps of air, water and solids move in one step of time.

All steps are linear-implicit: stable for any length, and what leaves one lump enters the next as the very same flux.
"""

from typing import Any, NamedTuple

import numpy as np

from dcsim.physics.constants import Array


def relaxed(value: Array, target: Array, step_ratio: Array, xp: Any = np) -> Array:
    """First-order response to a target that stands still over the step, exact in time.

    Parameters
    ----------
    value : Array, any shape
        Value at the start of the step, any unit.
    target : Array, broadcastable
        Value it tends to, same unit.
    step_ratio : Array, broadcastable
        Time step over time constant [-], at least 0.
    xp : namespace
        Array functions.

    Returns
    -------
    Array, broadcast shape
        Value at the end of the step, between ``value`` and ``target`` for a step of any length.

    Notes
    -----
    ``target + (value - target) exp(-step_ratio)``, the solution of ``dx/dt = (target - x) / time_constant``.
    """
    return target + (value - target) * xp.exp(-step_ratio)


def relaxed_implicitly(value: Array, target: Array, step_ratio: Array) -> Array:
    """First-order response by the backward Euler rule: first order in time, stable for a step of any length.

    Parameters
    ----------
    value : Array, any shape
        Value at the start of the step, any unit.
    target : Array, broadcastable
        Value it tends to at the end of the step, same unit.
    step_ratio : Array, broadcastable
        Time step over time constant [-], at least 0.

    Returns
    -------
    Array, broadcast shape
        Value at the end of the step, between ``value`` and ``target``.

    Notes
    -----
    The end value times capacity over conductance balances with the very flux that enters: unlike the exact exponential,
    a chain of bodies advanced so loses no heat.
    """
    return (value + step_ratio * target) / (1.0 + step_ratio)


def node_temperature(
    temperature: Array, heat_capacity: Array, conductance: Array, heat_flow: Array, time_step: Array
) -> Array:
    """Temperature of a lump after an implicit step in which it loses heat in proportion to its own new temperature.

    Parameters
    ----------
    temperature : Array, any shape
        Temperature at the start of the step [degC].
    heat_capacity : Array, broadcastable
        Stored heat per kelvin [J/K], above 0.
    conductance : Array, broadcastable
        Sum of what leaves per kelvin of the lump, conduction and flows [W/K], at least 0.
    heat_flow : Array, broadcastable
        What enters: sources, and each neighbour's temperature times its conductance [W, counted from 0 degC].
    time_step : Array, broadcastable
        Length of the step [s].

    Returns
    -------
    Array, broadcast shape
        Temperature at the end of the step [degC].

    Notes
    -----
    Solves ``C (T' - T) / dt = heat_flow - conductance T'``. The heat that leaves is ``conductance T'`` with the
    returned ``T'``, so booked with it the balance closes to rounding.
    """
    return (heat_capacity * temperature + time_step * heat_flow) / (heat_capacity + time_step * conductance)


def coupling_conductance(conductance: Array, heat_capacity: Array, time_step: Array) -> Array:
    """Conductance from a neighbor to a lump that warms up within the step, seen from the neighbor.

    Parameters
    ----------
    conductance : Array, any shape
        Between the two [W/K], at least 0.
    heat_capacity : Array, broadcastable
        Of the lump [J/K], above 0.
    time_step : Array, broadcastable
        Length of the step [s].

    Returns
    -------
    Array, broadcast shape
        Heat into the lump per kelvin of the neighbor's new above the lump's old temperature [W/K].

    Notes
    -----
    With it both are solved at once: the lump follows by ``relaxed_implicitly`` towards the neighbor's new temperature
    with the ratio ``time_step * conductance / heat_capacity``.
    """
    return conductance / (1.0 + time_step * conductance / heat_capacity)


def heated(temperature: Array, heat_capacity: Array, heat_flow: Array, time_step: Array) -> Array:
    """Temperature of a lump after a step in which a known heat flow enters it.

    Parameters
    ----------
    temperature : Array, any shape
        Temperature at the start of the step [degC].
    heat_capacity : Array, broadcastable
        Stored heat per kelvin [J/K], above 0.
    heat_flow : Array, broadcastable
        What enters, less what leaves [W].
    time_step : Array, broadcastable
        Length of the step [s].

    Returns
    -------
    Array, broadcast shape
        Temperature at the end of the step [degC].
    """
    return temperature + (time_step / heat_capacity) * heat_flow


def heat_to_cool(temperature: Array, target: Array, heat_capacity: Array, time_step: Array) -> Array:
    """Heat flow to take from a lump over a step for it to end at a target; negative where it has to be warmed.

    Parameters
    ----------
    temperature : Array, any shape
        Temperature at the start of the step [degC].
    target : Array, broadcastable
        Temperature at its end [degC].
    heat_capacity : Array, broadcastable
        Stored heat per kelvin [J/K].
    time_step : Array, broadcastable
        Length of the step [s], above 0.

    Returns
    -------
    Array, broadcast shape
        Heat flow [W].
    """
    return heat_capacity / time_step * (temperature - target)


def mixed_temperature(temperature: Array, heat_flow: Array, stream: Array) -> Array:
    """Temperature of a stream after it has taken up heat.

    Parameters
    ----------
    temperature : Array, any shape
        Before [degC].
    heat_flow : Array, broadcastable
        Into it [W].
    stream : Array, broadcastable
        Heat capacity rate [W/K], above 0.

    Returns
    -------
    Array, broadcast shape
        After [degC].
    """
    return temperature + heat_flow / stream


class LoopStep(NamedTuple):
    """A step of a water loop of two lumps, before it is known how much heat is taken from it; see `loop_step`."""

    stiffness: Array  # W per kelvin of the supply's new temperature
    uncooled: Array  # W, stiffness times the supply's new temperature if no heat is taken
    return_uncooled: Array  # degC, new temperature of the return if the supply came at 0 degC
    return_share: Array  # of the supply's new temperature in that of the return

    def heat_to_reach(self, supply_temperature: Array) -> Array:
        """Heat to take from the supply [W] for it to end at a temperature [degC]; negative where it has to be warmed."""
        return self.uncooled - self.stiffness * supply_temperature

    def temperatures(self, heat_removed: Array) -> tuple[Array, Array]:
        """New temperatures of supply and return [degC] with the heat taken from the supply [W]."""
        supply = (self.uncooled - heat_removed) / self.stiffness
        return supply, self.return_uncooled + self.return_share * supply


def loop_step(
    supply_temperature: Array,
    return_temperature: Array,
    supply_heat_capacity: Array,
    return_heat_capacity: Array,
    stream: Array,
    heat_flow: Array,
    time_step: Array,
) -> LoopStep:
    """Implicit step of a closed water loop: supply and return, well mixed each, solved together.

    Parameters
    ----------
    supply_temperature, return_temperature : Array, any shape
        At the start of the step [degC].
    supply_heat_capacity, return_heat_capacity : Array, broadcastable
        Of the water in them [J/K], above 0.
    stream : Array, broadcastable
        Heat capacity rate of the flow around the loop [W/K], above 0.
    heat_flow : Array, broadcastable
        Into the return: coils and pumps [W].
    time_step : Array, broadcastable
        Length of the step [s].

    Returns
    -------
    LoopStep

    Notes
    -----
    Solves, for what is then taken from the supply, ``C_r (T_r' - T_r) / dt = heat_flow + stream (T_s' - T_r')`` and
    ``C_s (T_s' - T_s) / dt = stream (T_r' - T_s') - heat_removed``.
    """
    warm, cold = return_heat_capacity / time_step, supply_heat_capacity / time_step
    return_uncooled = (warm * return_temperature + heat_flow) / (warm + stream)
    return LoopStep(
        stiffness=cold + stream * warm / (warm + stream),
        uncooled=cold * supply_temperature + stream * return_uncooled,
        return_uncooled=return_uncooled,
        return_share=stream / (warm + stream),
    )
