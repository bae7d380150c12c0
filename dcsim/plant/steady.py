"""Steady operating points: what a hall comes to under constant load, weather and set-points, found by a few long steps."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from dcsim.plant.hall import Hall
from dcsim.plant.model import Inputs

LONG_STEP_S, LONG_SUBSTEPS = 900.0, 9
SETPOINTS = ("chilled_water_setpoint", "condenser_water_setpoint", "chilled_water_pump_speed", "condenser_water_flow")


def cold_state(hall: Hall, n: int, supply: float = 18.0, chilled: float = 12.0) -> np.ndarray:
    """A state to start from when none is known, shape (state rows, n); temperatures around those of supply air and water [degC]."""
    guess: dict[str, float] = {
        "server_temperature": supply + 12.0,
        "rack_inlet_temperature": supply + 2.0,
        "server_fan_speed": 0.3,
        "hot_air_temperature": supply + 13.0,
        "mass_temperature": supply + 13.0,
        "supply_air_temperature": supply,
        "crah_fan_speed": 0.8,
        "valve_fraction": 0.5,
        "chilled_water_supply_temperature": chilled,
        "chilled_water_return_temperature": chilled + 6.0,
        "condenser_water_supply_temperature": 22.0,
        "tower_air_fraction": 0.5,
        "chiller_loading": 1.0,
        "chillers_on": 1.0,
        "zone_flow_ratio": 1.0,
    }
    return np.concatenate([np.full((rows, n), guess.get(name, 0.0)) for name, rows in hall.state_rows.items()])


def packed_inputs(hall: Hall, n: int, values: Mapping[str, Any]) -> np.ndarray:
    """Inputs by name in one array, shape (input rows, n); everything available and the pressure loop on unless given."""
    usual: dict[str, Any] = {
        "crah_available": 1.0,
        "chiller_available": 1.0,
        "pressure_control": 1.0,
        "outdoor_pressure": 101325.0,
    }
    values = {**usual, **values}
    return np.concatenate([np.broadcast_to(values[name], (hall.input_rows[name], n)) for name in Inputs._fields])


def rested(
    engine: Any,
    hall: Hall,
    state: np.ndarray,
    inputs: np.ndarray,
    repeats: int = 1,
    interval: float = LONG_STEP_S,
    substeps: int = LONG_SUBSTEPS,
    **fixed: float,
) -> np.ndarray:
    """Return the state after ``repeats`` steps with the requested set-points in force at once.

    Dwell times count as served and the slow mass takes the air's temperature before each step, so that steadiness is minutes away.

    Parameters
    ----------
    engine : Any
        Runs ``hall``.
    state : np.ndarray, shape (state rows, N)
        Left as it is.
    inputs : np.ndarray, shape (input rows, N)
    repeats : int
    interval : float
        Length of a step [s].
    substeps : int
    **fixed : float
        Fields of the state set before each step, for instance ``chillers_on=2, stage_time=0`` to hold the staging.
    """
    rows, given = engine.state_slices, engine.input_slices
    for _ in range(repeats):
        state = state.copy()
        state[rows["supply_air_setpoint"]] = inputs[given["supply_air_setpoint"]]
        state[rows["crah_fan_setpoint"]] = inputs[given["crah_fan_speed"]]
        for name in SETPOINTS:
            state[rows[name]] = inputs[given[name]]
        state[rows["mass_temperature"]] = state[rows["hot_air_temperature"]]
        state[rows["mode_time"]] = hall.params.mode_time_min
        state[rows["stage_time"]] = hall.params.stage_time_min
        for name, value in fixed.items():
            state[rows[name]] = value
        state = engine.step(state, inputs, interval, substeps=substeps)
    return state
