"""Bodies that store heat: how a first-order state moves in one step of time."""

from typing import Any

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
