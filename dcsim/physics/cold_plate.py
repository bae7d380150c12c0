"""Cold plates: heat from chips straight into a liquid, and the pressure that drives it through the plates.

Chip, lid and plate are one lump. All plates of a rack group are alike and in parallel; the laws hold for one of them
(resistance, power, capacity rate of one plate) or for all together (resistance over their number). Two-phase cooling,
hot spots on the chip and fouling are left out.

Resistances are from the case to the coolant that *enters*: they hold the coolant's own rise, which must not be added
again.
"""

from typing import Any, NamedTuple

import numpy as np

from dcsim.physics.constants import Array
from dcsim.physics.pump import design_power
from dcsim.physics.smooth import power
from dcsim.physics.thermal import coupling_conductance, node_temperature

PG25_SPECIFIC_HEAT = 3958.0
"""Propylene glycol and water, 25 % glycol by volume (26 % by mass), at 40 degC, J/(kg K). Melinder, Properties of
Secondary Working Fluids for Indirect Systems, IIR (2010); 3908 at 20 degC. Inhibitors change it by 1 to 2 %."""

PG25_DENSITY = 1010.6
"""The same mixture at 40 degC, kg/m3; 1020.2 at 20 degC."""

FLOW_EXPONENT = 0.4
"""Of the flow in the film's resistance. Engineering value, 0.3 to 0.5 in catalogues: short channels, laminar and
developing."""

PRESSURE_EXPONENT = 1.8
"""Of the flow in the pressure drop: between laminar (1) and fully rough (2)."""

CONDUCTANCE_MIN = 1e-6  # W/K
CAPACITY_RATE_MIN = 1e-6  # W/K


def resistance(
    flow_fraction: Array, resistance_nominal: Array, film_share: Array, exponent: Array = FLOW_EXPONENT, xp: Any = np
) -> Array:
    """Resistance from the case to the entering coolant.

    Parameters
    ----------
    flow_fraction : Array, shape (R, N)
        Flow over the flow at which the resistance was measured [-], at least 0.
    resistance_nominal : Array, broadcastable
        At that flow [K/W]; for instance 0.0267 at 1.6 L/min (Wakefield 133032).
    film_share : Array, broadcastable
        Share of it that lies in the coolant [-], 0 to 1; the rest (interface material, lid, base) is solid.
    exponent : Array, broadcastable
        Of the flow in the coolant's share [-].
    xp : namespace
        Array functions.

    Returns
    -------
    Array, shape (R, N)
        Resistance [K/W]: the published form ``solid + a V**-b`` with ``a`` taken from the nominal flow.

    Notes
    -----
    Domain: some 0.2 to 2 times nominal. At a standstill it is large but finite; what limits the heat there is the
    coolant's capacity rate, see `conductance`.
    """
    return resistance_nominal * (1.0 + film_share * (power(flow_fraction, -exponent, xp) - 1.0))


def conductance(resistance: Array, capacity_rate: Array, xp: Any = np) -> Array:
    """Heat into the coolant per kelvin of case above entering coolant.

    Parameters
    ----------
    resistance : Array, shape (R, N)
        From `resistance` [K/W].
    capacity_rate : Array, shape (R, N)
        Mass flow times specific heat of the coolant through the plate [W/K], at least 0.
    xp : namespace
        Array functions.

    Returns
    -------
    Array, shape (R, N)
        Conductance [W/K]: that of the resistance, at most the capacity rate.

    Notes
    -----
    A fit ``solid + a V**-b`` with ``b`` below 1 promises more heat at small flows than warms the coolant to the case.
    With the capacity rate as bound the coolant never leaves hotter than the case, and no flow takes no heat.
    """
    return xp.minimum(1.0 / resistance, capacity_rate)


def steady_case_temperature(supply_temperature: Array, chip_power: Array, conductance: Array, xp: Any = np) -> Array:
    """Case temperature when all of the chip's power goes into the coolant.

    Parameters
    ----------
    supply_temperature : Array, shape (R, N)
        Coolant entering the plate [degC].
    chip_power : Array, shape (R, N)
        Power of the chip [W].
    conductance : Array, shape (R, N)
        From `conductance` [W/K].
    xp : namespace
        Array functions.

    Returns
    -------
    Array, shape (R, N)
        Temperature [degC].

    Notes
    -----
    Domain: some flow; conductance is held at 1e-6 W/K, below which there is no steady state worth the name.
    """
    return supply_temperature + chip_power / xp.maximum(conductance, CONDUCTANCE_MIN)


class CaseStep(NamedTuple):
    """A step of the case, before it is known how warm the coolant comes; see `case_step`."""

    uncoupled: Array  # degC, new temperature of the case if the coolant came at 0 degC
    supply_share: Array  # of the coolant's new temperature in that of the case
    heat_uncoupled: Array  # W into the coolant if it came at 0 degC
    stiffness: Array  # W less for each kelvin of the coolant

    def temperature(self, supply_temperature: Array) -> Array:
        """New temperature of the case [degC] with the new temperature of the entering coolant [degC]."""
        return self.uncoupled + self.supply_share * supply_temperature

    def heat_flow(self, supply_temperature: Array) -> Array:
        """Heat into the coolant over the step [W] with the new temperature of the entering coolant [degC]."""
        return self.heat_uncoupled - self.stiffness * supply_temperature


def case_step(
    case_temperature: Array, heat_capacity: Array, conductance: Array, chip_power: Array, time_step: Array
) -> CaseStep:
    """Implicit step of the lump of chip, lid and plate.

    Parameters
    ----------
    case_temperature : Array, shape (R, N)
        At the start of the step [degC].
    heat_capacity : Array, broadcastable
        Of the lump [J/K], above 0; with the conductance it gives 5 to 20 s.
    conductance : Array, shape (R, N)
        From `conductance` [W/K], at least 0.
    chip_power : Array, shape (R, N)
        Power of the chip [W].
    time_step : Array, broadcastable
        Length of the step [s].

    Returns
    -------
    CaseStep
        Temperature and heat as they depend on the coolant's new temperature, so that a loop of coolant is solved
        together with all plates on it (`dcsim.physics.cdu.technology_loop_step`).

    Notes
    -----
    Solves ``C (T' - T) / dt = P - G (T' - T_supply')``. The heat handed to the coolant is the same ``G (T' -
    T_supply')``: what the chip gives is stored in the lump or in the coolant, to rounding.
    """
    stiffness = coupling_conductance(conductance, heat_capacity, time_step)
    uncoupled = node_temperature(case_temperature, heat_capacity, conductance, chip_power, time_step)
    return CaseStep(
        uncoupled=uncoupled,
        supply_share=time_step * stiffness / heat_capacity,
        heat_uncoupled=conductance * uncoupled,
        stiffness=stiffness,
    )


def return_temperature(supply_temperature: Array, heat_flow: Array, capacity_rate: Array, xp: Any = np) -> Array:
    """Temperature of the coolant that leaves the plates.

    Parameters
    ----------
    supply_temperature : Array, shape (R, N)
        Entering [degC].
    heat_flow : Array, shape (R, N)
        Into the coolant [W].
    capacity_rate : Array, shape (R, N)
        Mass flow times specific heat [W/K], at least 0.
    xp : namespace
        Array functions.

    Returns
    -------
    Array, shape (R, N)
        Temperature [degC]; that of the supply at a standstill, when the heat is 0 as well.
    """
    return supply_temperature + heat_flow / xp.maximum(capacity_rate, CAPACITY_RATE_MIN)


def pressure_drop(
    flow_fraction: Array, pressure_drop_nominal: Array, exponent: Array = PRESSURE_EXPONENT, xp: Any = np
) -> Array:
    """Pressure drop across plates away from their nominal flow.

    Parameters
    ----------
    flow_fraction : Array, shape (R, N)
        Flow over nominal flow [-], at least 0.
    pressure_drop_nominal : Array, broadcastable
        At nominal flow [Pa]; for instance 29 kPa at 2 L/min (OCP OAI).
    exponent : Array, broadcastable
        Of the flow [-], 1.8 to 2.
    xp : namespace
        Array functions.

    Returns
    -------
    Array, shape (R, N)
        Pressure drop [Pa].
    """
    return pressure_drop_nominal * power(flow_fraction, exponent, xp)


def pump_power(
    flow_fraction: Array,
    volume_flow_nominal: Array,
    pressure_drop_nominal: Array,
    efficiency: Array,
    exponent: Array = PRESSURE_EXPONENT,
    xp: Any = np,
) -> Array:
    """Electric power that the plates alone cost the pump.

    Parameters
    ----------
    flow_fraction : Array, shape (R, N)
        Flow over nominal flow [-], at least 0.
    volume_flow_nominal : Array, broadcastable
        Nominal flow [m3/s].
    pressure_drop_nominal : Array, broadcastable
        At nominal flow [Pa].
    efficiency : Array, broadcastable
        Of pump, motor and drive together [-].
    exponent : Array, broadcastable
        Of the flow in the pressure drop [-].
    xp : namespace
        Array functions.

    Returns
    -------
    Array, shape (R, N)
        Power [W].
    """
    drop = pressure_drop(flow_fraction, pressure_drop_nominal, exponent, xp)
    return design_power(volume_flow_nominal * flow_fraction, drop, efficiency)
