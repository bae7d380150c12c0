"""Episodes start settled: at rest for their first load and weather, with the set-points that the resets of ``g36`` come to rest at.

Where that is, is found once for a grid of outdoor temperatures and loads, all points in one batch, and kept for the life of the process; a
start between the points is interpolated and led to rest for its own weather and uneven load in a few long steps. So a reset costs less
than a millisecond. The laws of the resets are those of the kind of hall (``dcsim.plant.resting``).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from dcsim.envs.config import EnvConfig
from dcsim.envs.signals import range_of_request
from dcsim.physics.constants import WATER_SPECIFIC_HEAT
from dcsim.plant import outdoor_air, tank
from dcsim.plant.description import Range
from dcsim.plant.factors import scaled
from dcsim.plant.hall import Hall
from dcsim.plant.operation import chillers_needed, settled_numbers
from dcsim.plant.resting import RestingLaws, laws_of
from dcsim.plant.steady import (
    LONG_STEP_S,
    cold_state,
    packed_inputs,
    rest_of_compressors,
    rested,
    resting_params,
)
from dcsim.plant.supervision import samples_at_rest

LOADS = np.array([0.0, 0.15, 0.3, 0.45, 0.6, 0.8, 1.0])
OUTDOOR = ("dry_bulb_temperature", "wet_bulb_temperature")  # what the laws look at
MOVES = 90  # of the set-points until the grid is at rest
MOVES_AT_START = 2
MOVES_OF_ANOTHER_PLANT = 6  # that is not the one of the grid
NUMBERS = (
    "mode",
    "chillers_on",
    "chiller_running",
    "chilled_water_pumps_on",
    "condenser_water_pumps_on",
    "tower_cells_on",
    "compressor_called",
    "compressor_on",
    "outdoor_air_enabled",
)
"""Fields of the state that only know whole numbers."""


_GRIDS: dict[tuple[str, str, str, bool], np.ndarray] = {}
"""State and set-points at rest, shape (outdoor temperatures, loads, state rows + A), by hall, constants and engine."""
_WORTHS: dict[tuple[str, str, str], np.ndarray] = {}
"""Electricity for cooling out of and into a tank, shape (outdoor temperatures, loads, 2), likewise."""
STEPS_OF_WORTH = 8  # long ones, until the staging has come to rest
WORTH_CHARGE = 0.2  # flow at which a tank is charged for its worth: half of it in ten hours


class SettledStarts:
    """Settled starts of one configuration; each environment rests with its own parameters.

    Parameters
    ----------
    config : EnvConfig
    """

    def __init__(self, config: EnvConfig) -> None:
        self._config = config
        self._hall: Hall = config.hall
        self._engine = config.engine.with_params(resting_params(config.hall))
        self._laws: RestingLaws = laws_of(config.hall)
        self._found: dict[bool, np.ndarray] = {}
        self._sent = {name: config.engine.input_slices[name] for name in config.hall.types.requests}
        self._count = max(rows.stop for rows in self._sent.values())

    @property
    def axis(self) -> str:
        """Input with the outdoor temperature that the rest depends on most."""
        return self._laws.axis

    def settle(self, inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the settled state and its set-points.

        Parameters
        ----------
        inputs : np.ndarray, shape (input rows, n)
            Load, weather and availability of the first control step, and multiples of parameters.

        Returns
        -------
        state : np.ndarray, shape (state rows, n)
        setpoints : np.ndarray, shape (A, n)
        """
        u = inputs.copy()
        if "swing" in self._engine.input_slices:
            u[self._engine.input_slices["swing"]] = 0.0  # at rest under the mean load
        slices, rows = self._engine.input_slices, self._engine.state_slices
        weather = {name: u[slices[name]][0] for name in OUTDOOR}
        load = _mean_rows(u[slices["utilization"]])
        place = self._laws.temperatures, weather[self._laws.axis], load
        both = _interpolated(self._grid(), *place)
        if "outdoor_air" in self._hall:  # in weather like this it is mostly let in, now it may not be
            both = np.where(self._is_let_in(u), both, _interpolated(self._grid(locked_out=True), *place))
        state, setpoints = both[: -self._count], both[-self._count :]
        for name in NUMBERS:
            if name in rows:
                state[rows[name]] = np.round(state[rows[name]])
        if "staging" in self._hall:  # a trace of loading would be a start
            state[rows["chiller_loading"]] = state[rows["chiller_running"]]
        if "economizer" in self._hall:
            setpoints[self._sent["mode_request"]] = state[rows["mode"]]
        for name in self._hall.types.availability.values():
            u[slices[name]] = 1.0
        p = self._params(u)
        for _ in range(MOVES_OF_ANOTHER_PLANT if self._hall.types.factors else MOVES_AT_START):
            state = self._rested(state, u, setpoints)
            setpoints = self._moved(setpoints, state, weather, load, p)
        if "chilled_water" in self._hall:
            self._stage(state, setpoints, p)
        config = self._config
        state = self._rested(
            state, u, setpoints, stage_time=0.0, interval=config.control_interval_s, substeps=config.substeps
        )
        for name in ("travel", "trip_time", "is_tripped", "protection", "case_protection", "case_trip_time"):
            if name in rows:
                state[rows[name]] = 0.0
        for name, value in samples_at_rest(state[rows["rack_inlet_temperature"]]).items():
            state[rows[name]] = value
        if "tank" in self._hall:
            self._fill(state)
        if "stage_time" in rows:
            state[rows["stage_time"]] = self._hall.params.stage_time_min
        if "compressor_time" in rows:
            state[rows["compressor_time"]] = rest_of_compressors(self._hall)
        if "outdoor_air_time" in rows:
            state[rows["outdoor_air_time"]] = self._hall.params.outdoor_air_time_min
        return state, setpoints

    def electricity_for_cooling(self, outdoor: np.ndarray, load: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What the plant at rest saves for a unit of cooling that a tank gives, and draws for one that goes into it [J/J].

        Parameters
        ----------
        outdoor, load : np.ndarray, any shape
            Temperature along the axis of the resting laws [degC], mean utilization.
        """
        key = self._key()
        if key not in _WORTHS:
            _WORTHS[key] = self._find_worth()
        found = _interpolated(_WORTHS[key], self._laws.temperatures, np.ravel(outdoor), np.ravel(load))
        saved, drawn = found.reshape(2, *np.shape(outdoor))
        return saved, drawn

    def _find_worth(self) -> np.ndarray:
        """Measure the plant of every point of the grid with its tank discharged, left alone and charged; shape as the grid's, (.., 2)."""
        hall, rows = self._hall, self._engine.state_slices
        grid = self._grid()
        both = grid.reshape(-1, grid.shape[2]).T
        state, setpoints = both[: -self._count].copy(), both[-self._count :].copy()
        load, weather = self._grid_drivers()
        given = {name: setpoints[place] for name, place in self._sent.items()}
        u = packed_inputs(hall, len(load), {**given, "utilization": load, **weather})
        s = self._state(state)
        economized = s.economizer_heat[0] if "economizer" in hall else 0.0
        flow = (hall.params.coil_water_flow_nominal * s.valve_fraction).sum(0)
        warm = s.chilled_water_return_temperature[0] - economized / (LONG_STEP_S * WATER_SPECIFIC_HEAT * flow)
        cold = s.chilled_water_supply_temperature[0]
        assert hall.description.tank is not None
        front = tank.layered(0.5, cold, np.maximum(warm, cold), hall.description.tank.nodes)
        meters = [field for fields in hall.types.meters.values() for field in fields]

        def measured(request: float) -> tuple[np.ndarray, np.ndarray]:
            asked, at = setpoints.copy(), state
            asked[self._sent["tank_flow"]] = request
            for _ in range(STEPS_OF_WORTH):
                at = self._rested(at, u, asked, tank_temperature=front)
            return sum((at[rows[field]][0] for field in meters), np.zeros(len(load))), at[rows["tank_cooling"]][0]

        (without, _), (discharged, given_), (charged, taken_) = (measured(x) for x in (0.0, -1.0, WORTH_CHARGE))
        least = 1e-3 * LONG_STEP_S * hall.design_it_power
        saved = np.where(given_ > least, (without - discharged) / np.maximum(given_, least), np.nan)
        drawn = np.where(-taken_ > least, (charged - without) / np.maximum(-taken_, least), np.nan)
        worth = np.stack([np.where(np.isnan(saved), drawn, saved), np.where(np.isnan(drawn), saved, drawn)], axis=1)
        result: np.ndarray = np.maximum(np.nan_to_num(worth), 0.0).reshape(*grid.shape[:2], 2)
        return result

    def _stage(self, state: np.ndarray, setpoints: np.ndarray, p: Any) -> None:
        """Run as few chillers as the staging would have, fully loaded up: long steps leave their number where a jump took it."""
        rows, s = self._engine.state_slices, self._state(state)
        count = chillers_needed(s, self._hall, p)
        runs = np.arange(self._hall.chillers)[:, None] < count
        state[rows["chillers_on"]] = count
        state[rows["chiller_loading"]] = runs
        if "staging" in self._hall:
            if "economizer" in self._hall:
                runs &= s.mode < 1.5
            state[rows["chiller_loading"]] = state[rows["chiller_running"]] = runs
            for name, values in settled_numbers(s, self._hall, p).items():
                setpoints[self._sent[name]] = values
                if (field := name.replace("_requested", "_on")) != "chillers_on":
                    state[rows[field]] = values

    def _fill(self, state: np.ndarray) -> None:
        """Fill the tank with water as cold as the supply below its front and as warm as the return above."""
        rows, s, description = self._engine.state_slices, self._state(state), self._hall.description.tank
        assert description is not None
        cold, warm = s.chilled_water_supply_temperature, s.chilled_water_return_temperature
        temperature = tank.layered(description.initial_charge.value, cold[0], warm[0], description.nodes)
        state[rows["tank_temperature"]] = temperature
        state[rows["tank_flow"]] = 0.0
        state[rows["tank_profile"]] = self._hall.params.tank_sensor_nodes @ temperature
        state[rows["tank_charge"]] = tank.charge(temperature, cold, warm, self._hall.params.tank_node, np)

    def _state(self, state: np.ndarray) -> Any:
        return self._hall.types.State(**{name: state[rows] for name, rows in self._engine.state_slices.items()})

    def _moved(
        self, setpoints: np.ndarray, state: np.ndarray, weather: Mapping[str, np.ndarray], load: np.ndarray, p: Any
    ) -> np.ndarray:
        """Return the set-points, shape (A, N), after one move towards where the resets come to rest."""
        s = self._state(state)
        given = {name: setpoints[rows] for name, rows in self._sent.items()}
        moved = self._laws.moved(given, s, weather, load, p)
        return np.concatenate([moved[name] for name in self._sent])

    def _rested(self, state: np.ndarray, u: np.ndarray, setpoints: np.ndarray, **step: Any) -> np.ndarray:
        u[: len(setpoints)] = setpoints
        return rested(self._engine, self._hall, state, u, **step)

    def _inputs(self, u: np.ndarray) -> Any:
        return self._hall.types.Inputs(**{name: u[rows] for name, rows in self._engine.input_slices.items()})

    def _params(self, u: np.ndarray) -> Any:
        """Parameters as the environments have them."""
        return scaled(self._hall.params, self._inputs(u), self._hall.types.factors)

    def _is_let_in(self, u: np.ndarray) -> np.ndarray:
        """Whether the weather is inside of the limits of outdoor air, shape (n,)."""
        result: np.ndarray = outdoor_air.margin(self._inputs(u), self._hall.params, np)[0] > 0.0
        return result

    def _grid(self, locked_out: bool = False) -> np.ndarray:
        if locked_out not in self._found:
            key = (*self._key(), locked_out)
            if key not in _GRIDS:
                _GRIDS[key] = self._find_grid(locked_out)
            self._found[locked_out] = _GRIDS[key]
        return self._found[locked_out]

    def _key(self) -> tuple[str, str, str]:
        hall, engine = self._hall, type(self._engine).__name__
        factors = "".join(f" {name}" for name, _ in hall.types.factors)  # other kernels, other last digits
        return hall.description.digest(), self._laws.digest(), engine + factors

    def _grid_drivers(self) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Load and weather of the points of the grid."""
        temperature, load = (x.ravel() for x in np.meshgrid(self._laws.temperatures, LOADS, indexing="ij"))
        return load, self._laws.outdoors(temperature)

    def _find_grid(self, locked_out: bool) -> np.ndarray:
        hall, laws = self._hall, self._laws
        fixed = {"outdoor_air_enabled": 0.0, "outdoor_air_time": 0.0} if locked_out else {}
        load, weather = self._grid_drivers()
        first: dict[str, Any] = {"utilization": load, **weather}
        setpoint_inputs = {asked for _, asked, _ in hall.types.setpoints}
        first |= {name: range_of_request(hall, name)[2] for name in hall.types.requests if name not in setpoint_inputs}
        first |= dict.fromkeys(["mode_request"] if "economizer" in hall else [], 0.0)
        for _, name, allowed in hall.types.setpoints:
            limits: Range = getattr(hall.description.setpoints, allowed)
            first[name] = 0.5 * (limits.low + limits.high)
        u = packed_inputs(hall, len(load), first)
        setpoints = u[: self._count].copy()
        state = cold_state(hall, len(load), first["supply_air_setpoint"], first.get("chilled_water_setpoint", 12.0))
        for _ in range(MOVES):
            state = self._rested(state, u, setpoints, **fixed)
            setpoints = self._moved(setpoints, state, weather, load, hall.params)
        return np.concatenate([state, setpoints]).T.reshape(len(laws.temperatures), len(LOADS), -1).copy()


def _mean_rows(values: np.ndarray) -> np.ndarray:
    """Mean over rows, added in their order so that it does not depend on the number of columns."""
    result = values[0].copy()
    for row in values[1:]:
        result += row
    return result / len(values)


def _interpolated(table: np.ndarray, temperatures: np.ndarray, outdoor: np.ndarray, load: np.ndarray) -> np.ndarray:
    """Bilinear value of ``table`` (outdoor temperatures, loads, rows) at each environment, shape (rows, N)."""

    def place(grid: np.ndarray, value: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        cell = np.minimum(np.maximum(grid.searchsorted(value) - 1, 0), len(grid) - 2)
        return cell, np.minimum(np.maximum((value - grid[cell]) / (grid[cell + 1] - grid[cell]), 0.0), 1.0)[:, None]

    i, a = place(temperatures, outdoor)
    j, b = place(LOADS, load)
    low = table[i, j] + b * (table[i, j + 1] - table[i, j])
    high = table[i + 1, j] + b * (table[i + 1, j + 1] - table[i + 1, j])
    return np.ascontiguousarray((low + a * (high - low)).T)
