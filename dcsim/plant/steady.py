"""Steady operating points: what a hall comes to under constant load, weather and set-points, found by a few long steps."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from dcsim.plant.factors import factor_input
from dcsim.plant.hall import Hall

LONG_STEP_S, LONG_SUBSTEPS = 900.0, 9
AIR_MASS_SHARE = 0.03  # of the room's dry air that holds water while a hall is led to rest


def resting_params(hall: Hall) -> Any:
    """Parameters with which a hall comes to the same rest sooner: outdoor air changes the humidity of the room in minutes, not hours."""
    p = hall.params
    return p._replace(dry_air_mass=AIR_MASS_SHARE * p.dry_air_mass) if "moisture" in hall else p


def cold_state(hall: Hall, n: int, supply: float = 18.0, chilled: float = 12.0) -> np.ndarray:
    """A state to start from when none is known, shape (state rows, n); temperatures around those of supply air and water [degC]."""
    guess: dict[str, float] = {
        "server_temperature": supply + 12.0,
        "rack_inlet_temperature": supply + 2.0,
        "front_inlet": supply + 2.0,
        "server_fan_speed": 0.3,
        "hot_air_temperature": supply + 13.0,
        "server_sensor": supply + 2.0,
        "return_air_temperature": supply + 13.0,
        "mass_temperature": supply + 13.0,
        "slab_temperature": supply + 13.0,
        "supply_air_temperature": supply,
        "coil_entering_air": supply + 11.0,
        "coil_entering_humidity": 0.008,
        "humidity_ratio": 0.008,
        "crah_fan_speed": 0.8,
        "valve_fraction": 0.5,
        "chilled_water_supply_temperature": chilled,
        "chilled_water_return_temperature": chilled + 6.0,
        "district_return_temperature": chilled + 6.0,
        "tank_temperature": chilled,
        "condenser_water_supply_temperature": 22.0,
        "tower_air_fraction": 0.5,
        "chiller_loading": 1.0,
        "chillers_on": 1.0,
        "chilled_water_pumps_on": 1.0,
        "condenser_water_pumps_on": 1.0,
        "tower_cells_on": 1.0,
        "compressor_called": 1.0,
        "compressor_on": 1.0,
        "compressor_loading": 1.0,
        "compressor_demand": 0.4,
        "zone_flow_ratio": 1.0,
        "case_temperature": 55.0,
        "coolant_supply_temperature": 38.0,
        "coolant_return_temperature": 46.0,
        "cdu_pump_speed": 0.8,
        "cdu_valve_position": 0.7,
        "facility_water_supply_temperature": 34.0,
        "facility_water_return_temperature": 42.0,
        "dry_cooler_fan_speed": 0.5,
    }
    return np.concatenate([np.full((rows, n), guess.get(name, 0.0)) for name, rows in hall.state_rows.items()])


def packed_inputs(hall: Hall, n: int, values: Mapping[str, Any]) -> np.ndarray:
    """Inputs by name in one array, shape (input rows, n).

    Unless given, everything is available, the pressure loop on, and the hall as described.
    """
    usual: dict[str, Any] = {
        "pressure_control": 1.0,
        "outdoor_pressure": 101325.0,
        "compressor_request": 1.0,
        "swing_share": 0.0,
        "swing": 0.0,
    }
    factors = [factor_input(name) for name, _ in hall.types.factors]
    values = {**usual, **dict.fromkeys([*hall.types.availability.values(), *factors], 1.0), **values}
    return np.concatenate([np.broadcast_to(values[name], (rows, n)) for name, rows in hall.input_rows.items()])


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

    Dwell and minimum times count as served and the slow mass takes the air's temperature before each step, so that steadiness is minutes away.

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
        Fields of the state set before each step where the hall has them, for instance ``chillers_on=2, stage_time=0`` to hold the staging.
    """
    rows, given = engine.state_slices, engine.input_slices
    for _ in range(repeats):
        state = state.copy()
        for name, asked, _ in hall.types.setpoints:
            state[rows[name]] = inputs[given[asked]]
        state[rows["mass_temperature"]] = state[rows["hot_air_temperature"]]
        if "slab" in hall:
            state[rows["slab_temperature"]] = state[rows["hot_air_temperature"]]
        for name in ("mode_time", "stage_time"):
            if name in rows:
                state[rows[name]] = getattr(hall.params, f"{name}_min")
        if "staging" in hall:
            state[rows["chiller_time"]] = max(hall.params.minimum_on_time[0, 0], hall.params.minimum_off_time[0, 0])
        if "compressor_time" in rows:
            state[rows["compressor_time"]] = rest_of_compressors(hall)
        if "outdoor_air_time" in rows:
            state[rows["outdoor_air_time"]] = hall.params.outdoor_air_time_min
        for name, value in fixed.items():
            if name in rows:
                state[rows[name]] = value
        state = engine.step(state, inputs, interval, substeps=substeps)
    return state


def rest_of_compressors(hall: Hall) -> float:
    """Time [s] after which a compressor may both start and stop."""
    p = hall.params
    return max(float(p.compressor_on_time_min[0, 0]), float(p.compressor_off_time_min[0, 0]))
