"""A data-center cooling plant of the Modelica Buildings library, composed of dcsim's laws and stepped through time.

``Examples.ChillerPlant.DataCenterContinuousTimeControl`` and ``...DiscreteTimeControl``: 500 kW in one room, one coil,
a chilled-water loop with a waterside economizer in series with a chiller, a York tower, all mixed volumes of the library's
models. Sizes, pressure drops of each branch, efficiencies, volumes that store heat and controls stand here as in those
models; the laws are dcsim's. No constant is fitted.

The plant is computed for four columns side by side: two controls, and two choices of laws (``LAWS``). What no column has
of the library: heat that the coil's metal stores, the condenser pump's second of water, and an initial state at rest.
"""

import math
from typing import NamedTuple

import numpy as np
from dcsim_agents.loops import Loop, moved
from dcsim_agents.trim_respond import TrimRespond, trim_and_respond

from dcsim.physics import chiller, coil, cooling_tower, economizer, fan, pump, thermal, valve
from dcsim.physics.chiller import CURVE_SETS, column
from dcsim.physics.constants import (
    AIR_DENSITY,
    STANDARD_PRESSURE,
    WATER_DENSITY,
    WATER_SPECIFIC_HEAT,
    kelvin,
)
from dcsim_experiments.validation.modelica_exchangers import AIR_RATE
from dcsim_experiments.validation.results import Array

# sizes of Examples.ChillerPlant.BaseClasses.DataCenter and SimplifiedRoom
IT_POWER = 500e3  # W
ROOM_VOLUME = 50.0 * 30.0 * 3.0  # m3
AIR_FLOW = IT_POWER / (1005.0 * 15.0)  # kg/s
CHILLED_FLOW = 2.0 * IT_POWER / (4200.0 * 20.0)  # kg/s, nominal
CONDENSER_FLOW = 2.0 * IT_POWER / (4200.0 * 6.0)
COIL_CONDUCTANCE = AIR_FLOW * 1006.0 * 5.0  # W/K
COIL_ELEMENTS = 4
ECONOMIZER_EFFECTIVENESS = 0.8
TOWER_WET_BULB, TOWER_APPROACH, TOWER_RANGE = 10.0, 6.0, 6.0  # degC, K, K
TOWER_FAN_POWER = 6000.0  # W, always on
MOVER_EFFICIENCY = 0.7 * 0.7  # hydraulic and motor, the library's default
CHILLER = CURVE_SETS["E"]

# pressure drops at nominal flow, Pa: of control valves, and of what stands in series with them
AIR_PRESSURE = 3.0 * 249.0
COIL_PRESSURE = 1000.0 + 89580.0
VALVE_PRESSURE = 20902.0
ECONOMIZER_BRANCH, ECONOMIZER_BYPASS = 59720.0 + 1000.0, 0.0
CHILLER_BRANCH, CHILLER_BYPASS = 14930.0 + 89580.0, 14930.0
CONDENSER_BRANCH, CONDENSER_ECONOMIZER_BRANCH = 89580.0, 59720.0
TOWER_PRESSURE = 2.0 * 14930.0 + 74650.0
PUMP_HEAD = 20.0 * 6485.0  # of the chilled-water pump at full signal

# masses of water that store heat, kg: time constants of the library's elements at nominal flow
PUMP_WATER = 1.0 * CHILLED_FLOW
EVAPORATOR_WATER = 30.0 * CHILLED_FLOW
CONDENSER_WATER = 30.0 * CONDENSER_FLOW
TOWER_WATER = 30.0 * CONDENSER_FLOW
COIL_TIME, SENSOR_TIME = 10.0, 1.0  # s, with which the duty of the coil and what sensors show follow a change
START_TEMPERATURE = 20.0
FINE_STEP_S, FINE_FOR_S = 1.0, 60.0
"""Steps for a while after something switches: whether a chiller stays on is settled within seconds."""
FLOW_MIN = 1e-6  # kg/s, where a flow stands under a line

# controls
SUPPLY_SETPOINT = 27.0  # degC
PUMP_SIGNAL_MIN = 0.2
CHILLED_SETPOINTS = (22.0, 5.56)  # degC, at half and at full signal
CHILLER_DEADBAND = 2.2  # K
ECONOMIZER_WAIT = 1200.0  # s
RESET = TrimRespond(low=0.0, high=1.0, period_s=120.0, trim=-0.03, respond=0.06, respond_max=0.06, ignored=0.0)
RESET_LOOP = Loop(gain=0.1, integral_time_s=120.0)

CONTROLS = ("continuous", "discrete")
LAWS = ("dcsim", "library")
"""Choices of laws.

``dcsim``: an ideal counterflow coil with the duty at nominal flows that the library's has, as halls size theirs; a chiller
that keeps its share of the Carnot limit outside the range of its curves. ``library``: a coil of four well-mixed elements
in series, curves of the chiller as published.
"""
IS_DISCRETE, LAW = (index.ravel()[None] for index in np.meshgrid((False, True), range(len(LAWS))))
"""Control and choice of laws of each column, shapes (1, 4)."""


class State(NamedTuple):
    """What the plant carries from step to step; shapes (1, N)."""

    room: Array  # degC
    coil: Array  # degC, chilled water behind coil and pump
    duty: Array  # of the coil [-]
    evaporator: Array  # degC
    condenser: Array  # degC
    tower: Array  # degC
    supply: Array  # degC, as measured
    chiller_entering: Array  # degC, as measured
    signal: Array  # of the reset, 0 to 1
    error: Array  # K, of the supply air a step ago
    has_economizer: Array  # bool
    mode_since: Array  # s
    has_chiller: Array  # bool


class Means(NamedTuple):
    """What is recorded; shapes (1, N)."""

    hvac_power: Array  # W
    supply: Array  # degC
    chiller_entering: Array  # degC
    tower_leaving: Array  # degC
    has_chiller: Array  # 0 or 1
    tower_heat: Array  # W, out of the water


class Run(NamedTuple):
    """A simulated week.

    Attributes
    ----------
    time : Array, shape (T,)
        s.
    energy : Array, shape (T, N)
        Of the whole plant since the start [J].
    at : dict of Array, shape (T, N)
        Fields of ``Means`` at those instants.
    wet_bulb : Array, shape (T,)
        degC.
    """

    time: Array
    energy: Array
    at: dict[str, Array]
    wet_bulb: Array

    def column(self, control: int, laws: str = "dcsim") -> int:
        """Return the column of a control and a choice of laws."""
        return int(np.flatnonzero((IS_DISCRETE[0] == bool(control)) & (LAW[0] == LAWS.index(laws)))[0])


def simulated(time: Array, wet_bulb: Array, step: float) -> Run:
    """Simulate the plant with all controls and choices of laws side by side.

    Parameters
    ----------
    time : Array, shape (T,)
        Instants to record, evenly spaced [s].
    wet_bulb : Array, shape ((T - 1) K + 1,)
        At each step, of which K lie between two instants [degC].
    step : float
        s; a divisor of the reset's period, a multiple of the fine step.

    Returns
    -------
    Run
    """
    count = len(wet_bulb) - 1
    every = count // (len(time) - 1)
    size = design_coil_conductance()
    water_ratio = tower_water_ratio()
    state = initial(time[0])
    energy = np.zeros_like(state.room)
    energies, records = [energy[0]], []
    switched = -math.inf
    parts = round(step / FINE_STEP_S)
    for k in range(count + 1):
        now = time[0] + k * step
        is_fine = now - switched < FINE_FOR_S
        for j in range(parts if is_fine else 1):
            length = step / parts if is_fine else step
            before = state
            state, means = advanced(before, now + j * length, float(wet_bulb[k]), length, water_ratio, size)
            if k % every == 0 and j == 0:
                records.append(means)
            energy = energy + length * means.hvac_power
            if _switches(before, state):
                switched = now
        if (k + 1) % every == 0:
            energies.append(energy[0])
    at = {name: np.concatenate([getattr(record, name) for record in records]) for name in Means._fields}
    return Run(time, np.array(energies), at, wet_bulb[::every])


def _switches(before: State, after: State) -> bool:
    return bool(
        np.any(before.has_chiller != after.has_chiller) or np.any(before.has_economizer != after.has_economizer)
    )


def design_coil_conductance() -> Array:
    """Conductance of the coil at nominal flows for each column [W/K]: dcsim's has the duty of the library's there."""
    air, water = AIR_FLOW * AIR_RATE, CHILLED_FLOW * WATER_SPECIFIC_HEAT
    smaller, larger = min(air, water), max(air, water)
    effectiveness = float(element_duty(air, water, COIL_CONDUCTANCE, COIL_ELEMENTS)) * air / smaller
    sized = coil.counterflow_conductance(smaller, smaller / larger, effectiveness)
    return np.where(LAWS.index("dcsim") == LAW, sized, COIL_CONDUCTANCE)


def tower_water_ratio() -> float:
    """Water flow over the reference flow of the correlation at which the tower has its design approach."""
    from scipy.optimize import brentq

    def excess(ratio: float) -> float:
        approach = cooling_tower.york_approach_temperature_difference(TOWER_RANGE, TOWER_WET_BULB, ratio)
        return float(approach) - TOWER_APPROACH

    return float(brentq(excess, 0.1, 3.0))


def initial(now: float) -> State:
    """All water and air at one temperature, everything off."""
    same = np.full(LAW.shape, START_TEMPERATURE)
    zeros = np.zeros(LAW.shape)
    off = np.zeros(LAW.shape, bool)
    return State(same, same, zeros, same, same, same, same, same, zeros, zeros, off, np.full(LAW.shape, now), off)


def chilled_setpoint(signal: Array) -> Array:
    """Set-point of the chiller at a signal of the reset [degC]."""
    return CHILLED_SETPOINTS[0] + (CHILLED_SETPOINTS[1] - CHILLED_SETPOINTS[0]) * np.maximum(2.0 * signal - 1.0, 0.0)


def branch_conductance(nominal_flow: float, valve_pressure: float, fixed_pressure: float, position: Array) -> Array:
    """Flow through a branch with a valve at 1 Pa [kg/s]; the square root of the pressure drop times it is the flow."""
    total = valve_pressure + fixed_pressure
    characteristic = valve.equal_percentage_characteristic(position)  # open or closed: the same as a linear valve's
    return nominal_flow / np.sqrt(total) * valve.installed_flow_fraction(characteristic, valve_pressure / total)


def element_duty(
    air_rate: Array | float, water_rate: Array | float, conductance: Array | float, elements: int
) -> Array:
    """Temperature drop of air over the greatest possible in a counterflow coil made of well-mixed elements in series.

    Parameters
    ----------
    air_rate, water_rate : Array
        W/K.
    conductance : Array
        Of the whole coil [W/K].
    elements : int
        More of them come ever nearer to `dcsim.physics.coil.air_side_duty`.

    References
    ----------
    Kays and London 1984, Compact heat exchangers, 3rd ed., McGraw-Hill, chapter 2: identical passes in overall
    counterflow.
    """
    smaller, larger = np.minimum(air_rate, water_rate), np.maximum(air_rate, water_rate)
    ratio = np.minimum(smaller / larger, 1.0 - 1e-9)
    each = 1.0 / (elements * smaller / conductance + 1.0 + ratio)
    chain = ((1.0 - each * ratio) / (1.0 - each)) ** elements
    return (chain - 1.0) / (chain - ratio) * smaller / air_rate


def advanced(
    state: State, now: float, wet_bulb: float, step: float, water_ratio: float, coil_size: Array
) -> tuple[State, Means]:
    """Advance the plant by a step.

    Parameters
    ----------
    state : State
    now : float
        s.
    wet_bulb : float
        degC.
    step : float
        s.
    water_ratio : float
        As of ``tower_water_ratio``.
    coil_size : Array, shape (1, N)
        As of ``design_coil_conductance``.

    Returns
    -------
    State
        At the end of the step.
    Means
        During it.
    """
    by_economizer, by_chiller = state.has_economizer.astype(float), state.has_chiller.astype(float)
    pump_signal = PUMP_SIGNAL_MIN + (1.0 - PUMP_SIGNAL_MIN) * np.minimum(2.0 * state.signal, 1.0)

    # flows of chilled water: coil, economizer beside its bypass, chiller beside its bypass, all in series
    head = PUMP_HEAD * pump_signal
    economizer_branch = branch_conductance(CHILLED_FLOW, VALVE_PRESSURE, ECONOMIZER_BRANCH, by_economizer)
    economizer_pair = economizer_branch + branch_conductance(
        CHILLED_FLOW, VALVE_PRESSURE, ECONOMIZER_BYPASS, 1.0 - by_economizer
    )
    chiller_branch = branch_conductance(CHILLED_FLOW, VALVE_PRESSURE, CHILLER_BRANCH, by_chiller)
    chiller_pair = chiller_branch + branch_conductance(CHILLED_FLOW, VALVE_PRESSURE, CHILLER_BYPASS, 1.0 - by_chiller)
    resistance = COIL_PRESSURE / CHILLED_FLOW**2 + 1.0 / economizer_pair**2 + 1.0 / chiller_pair**2
    chilled_flow = np.sqrt(head / resistance)
    chilled = chilled_flow * WATER_SPECIFIC_HEAT
    economizer_share, chiller_share = economizer_branch / economizer_pair, chiller_branch / chiller_pair

    # flows of condenser water: chiller beside economizer, then the tower
    runs = np.maximum(by_economizer, by_chiller)
    condenser_branch = branch_conductance(CONDENSER_FLOW, VALVE_PRESSURE, CONDENSER_BRANCH, by_chiller)
    condenser_pair = condenser_branch + branch_conductance(
        CONDENSER_FLOW, VALVE_PRESSURE, CONDENSER_ECONOMIZER_BRANCH, by_economizer
    )
    condenser_flow = CONDENSER_FLOW * runs
    condenser_head = condenser_flow**2 * (TOWER_PRESSURE / CONDENSER_FLOW**2 + 1.0 / condenser_pair**2)
    to_chiller = condenser_flow * condenser_branch / condenser_pair
    to_economizer = np.maximum(condenser_flow - to_chiller, FLOW_MIN)

    # what moves air and water draws power, all of which heats them; the fan stands behind the coil, in thinner air
    fan_density = AIR_DENSITY * (1.0 - AIR_PRESSURE / STANDARD_PRESSURE)
    fan_power = fan.design_power(AIR_FLOW / fan_density, AIR_PRESSURE, MOVER_EFFICIENCY)
    chilled_pump = pump.design_power(chilled_flow / WATER_DENSITY, head, MOVER_EFFICIENCY)
    condenser_pump = pump.design_power(condenser_flow / WATER_DENSITY, condenser_head, MOVER_EFFICIENCY)
    condenser_rate = np.maximum(condenser_flow, FLOW_MIN) * WATER_SPECIFIC_HEAT
    tower_leaving = thermal.mixed_temperature(state.tower, condenser_pump, condenser_rate)

    # chilled water from the coil through economizer and chiller
    economizer_heat = economizer.heat_flow(
        ECONOMIZER_EFFECTIVENESS * by_economizer,
        economizer_share * chilled,
        to_economizer * WATER_SPECIFIC_HEAT,
        state.coil,
        tower_leaving,
    )
    chiller_entering = thermal.mixed_temperature(state.coil, -economizer_heat, chilled)
    supply_water = chiller_entering + chiller_share * (state.evaporator - chiller_entering)

    # the chiller cools its share to the set-point as far as it can
    through = np.maximum(chiller_share * chilled, FLOW_MIN)
    capacity, eir_fraction = _full_load(state.evaporator, tower_leaving)
    wanted = np.maximum(through * (chiller_entering - chilled_setpoint(state.signal)), 0.0)
    evaporator_heat = np.minimum(wanted, capacity) * by_chiller
    chiller_power = chiller.eir_power(
        evaporator_heat,
        capacity * by_chiller,
        CHILLER.cop_reference,
        eir_fraction,
        column(CHILLER.part_load_curve),
        CHILLER.part_load_min,
        CHILLER.part_load_min,
    )
    condenser_heat = chiller.condenser_heat_flow(evaporator_heat, chiller_power)

    # air: coil, fan, room
    air = np.full_like(chilled, AIR_FLOW * AIR_RATE)
    conductance = coil.coil_conductance(
        np.ones_like(chilled), chilled_flow / CHILLED_FLOW, coil_size, np.array(coil.AIR_RESISTANCE_SHARE)
    )
    duty = np.where(
        LAWS.index("library") == LAW,
        element_duty(air, chilled, conductance, COIL_ELEMENTS),
        coil.air_side_duty(air, chilled, conductance),
    )
    coil_heat = air * state.duty * (state.room - supply_water)
    supply = thermal.mixed_temperature(state.room, fan_power - coil_heat, air)

    # tower; at rest its water keeps its temperature
    from_economizer = thermal.mixed_temperature(tower_leaving, economizer_heat, to_economizer * WATER_SPECIFIC_HEAT)
    entering_tower = (to_economizer * from_economizer + to_chiller * state.condenser) / (to_economizer + to_chiller)
    range_ = (entering_tower - state.tower) * runs
    approach = cooling_tower.york_approach_temperature_difference(range_, wet_bulb, water_ratio)

    def towards(value: Array, target: Array, mass: float, flow: Array) -> Array:
        return thermal.relaxed(value, target, step * flow / mass)

    to_chiller_rate = np.maximum(to_chiller, FLOW_MIN) * WATER_SPECIFIC_HEAT
    room_rate = ROOM_VOLUME * AIR_DENSITY * AIR_RATE
    behind_coil = thermal.mixed_temperature(supply_water, coil_heat + chilled_pump, chilled)
    behind_evaporator = thermal.mixed_temperature(chiller_entering, -evaporator_heat, through)
    behind_condenser = thermal.mixed_temperature(tower_leaving, condenser_heat, to_chiller_rate)
    changed = state._replace(
        supply=thermal.relaxed(state.supply, supply, step / SENSOR_TIME),
        chiller_entering=thermal.relaxed(state.chiller_entering, chiller_entering, step / SENSOR_TIME),
        room=thermal.relaxed(state.room, supply + IT_POWER / air, step * air / room_rate),
        coil=towards(state.coil, behind_coil, PUMP_WATER, chilled_flow),
        duty=thermal.relaxed(state.duty, duty, step / COIL_TIME),
        evaporator=towards(state.evaporator, behind_evaporator, EVAPORATOR_WATER, chiller_share * chilled_flow),
        condenser=towards(state.condenser, behind_condenser, CONDENSER_WATER, to_chiller),
        tower=towards(state.tower, wet_bulb + approach, TOWER_WATER, condenser_flow),
    )
    power = fan_power + chilled_pump + condenser_pump + TOWER_FAN_POWER + chiller_power
    tower_heat = condenser_flow * WATER_SPECIFIC_HEAT * range_
    means = Means(power, supply, chiller_entering, tower_leaving, by_chiller, tower_heat)
    return _controlled(changed, means, now + step, wet_bulb, step), means


def _full_load(chilled: Array, condenser: Array) -> tuple[Array, Array]:
    """Capacity [W] and change of the inverse COP by the curves, beyond their range as the column's choice has it."""
    curves = column(CHILLER.capacity_curve), column(CHILLER.eir_curve)
    guarded = chiller.full_load(chilled, condenser, *curves, column(CHILLER.box))
    is_published = LAWS.index("library") == LAW
    capacity, eir = (
        np.where(is_published, chiller.biquadratic(curve, chilled, condenser), own)
        for curve, own in zip(curves, guarded, strict=True)
    )
    return CHILLER.capacity_reference * capacity, eir


def _controlled(state: State, means: Means, now: float, wet_bulb: float, step: float) -> State:
    """Let the controls act, all on the same measurements."""
    error = state.supply - SUPPLY_SETPOINT
    continuous = np.clip(moved(state.signal, error, state.error, RESET_LOOP, step), 0.0, 1.0)
    is_due = now % RESET.period_s == 0.0
    discrete = trim_and_respond(state.signal, np.where(error >= 0.0, 1.0, 0.0), RESET, is_due)
    signal = np.where(IS_DISCRETE, discrete, continuous)

    excess = state.chiller_entering - chilled_setpoint(signal)
    has_chiller = np.where(state.has_chiller, excess >= 0.0, excess > CHILLER_DEADBAND)

    # the library's rule, with nine tenths of the wet bulb in kelvin: it is nearly always met
    enables = kelvin(state.coil) > 0.9 * kelvin(wet_bulb) + TOWER_APPROACH + 1.0
    disables = state.coil < means.tower_leaving + 1.0
    waited = now - state.mode_since >= ECONOMIZER_WAIT
    changes = waited & np.where(state.has_economizer, disables, enables)
    return state._replace(
        signal=signal,
        error=error,
        has_chiller=has_chiller,
        has_economizer=state.has_economizer ^ changes,
        mode_since=np.where(changes, now, state.mode_since),
    )
