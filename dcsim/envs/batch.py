"""N environments at once: episode clocks, plant steps, meters, rewards. The single and the vector environment are views of it."""

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np

from dcsim.envs import rewards
from dcsim.envs.actions import ActionMap
from dcsim.envs.actuators import ActuatorBank
from dcsim.envs.config import EnvConfig
from dcsim.envs.episode import EpisodeSource
from dcsim.envs.meters import J_PER_KWH, Meters
from dcsim.envs.observations import ObservationBuilder
from dcsim.envs.rewards import Value
from dcsim.envs.sensors import SensorBank
from dcsim.envs.settled import SettledStarts
from dcsim.envs.signals import Signals, action_signals, observed
from dcsim.envs.stored import StoredCooling
from dcsim.errors import InputError


class Batch:
    """N environments of one configuration.

    Parameters
    ----------
    config : EnvConfig
    num_envs : int

    Attributes
    ----------
    config : EnvConfig
    num_envs : int
    signals : Signals
    action_map : ActionMap
    starts : SettledStarts
    stored : StoredCooling or None
        What a storage tank holds is worth; None where there is none.
    """

    def __init__(self, config: EnvConfig, num_envs: int) -> None:
        hall = config.hall
        self.config, self.num_envs = config, num_envs
        blocks = observed(hall, config.control_interval_s, config.forecast)
        true = tuple(signal for block in blocks for signal in block.signals)
        interval = config.control_interval_s
        self._sensors = SensorBank(config.sensors, true, num_envs, interval)
        self.signals = Signals((*true, *self._sensors.age_signals), action_signals(hall))
        self.action_map = ActionMap(self.signals.action)
        self._actuators = ActuatorBank(config.actuators, self.signals.action, num_envs, interval)
        self._rows = rows = ObservationBuilder(hall, blocks, num_envs, None if self._sensors.is_off else self._sensors)
        self._state = hall.types.State(**rows.views("state"))
        self._reached = rows.inputs[: len(self.signals.action)]  # what reaches the plant
        self._setpoints = self._reached if self._actuators.is_off else np.zeros_like(self._reached)
        self._episodes = EpisodeSource(config)
        self.starts = SettledStarts(config)
        self.stored = StoredCooling(hall, self.starts, num_envs) if "tank" in hall else None
        first = rows.row(f"input.{hall.types.drivers[0]}")
        names = ("driven.utilization_mean", "driven.price", "driven.carbon_intensity")
        self._worth_columns = [rows.row(name) - first for name in (f"input.{self.starts.axis}", *names)]
        self._meters = Meters(hall, config.control_interval_s)
        self._reward = rewards.Reward(config.weights)
        self._read_rows = np.array([rows.row(f"state.{name}") for name in self._meters.fields])
        self._zones = rows.view("state.zone_inlet_mean")
        self._price, self._carbon = rows.view("driven.price")[0], rows.view("driven.carbon_intensity")[0]
        self._inlets = self._state.rack_inlet_temperature.reshape(hall.crah_groups, -1, num_envs)
        self._hottest = rows.view("measured.rack_inlet_max")
        self._rest = rows.measured[hall.crah_groups : hall.crah_groups + 2]
        self._cases: np.ndarray | None = None
        if "liquid" in hall:
            self._cases = self._state.case_temperature_peak.reshape(hall.cdu_groups, -1, num_envs)
            self._hottest_cases = rows.view("measured.case_max")
        self._availability = {name: rows.view(f"input.{name}") for name in hall.types.availability.values()}
        steps = config.episode_steps + 1
        self._drivers = np.zeros((num_envs, steps, self._episodes.columns), np.float32)
        self._available = {
            name: np.ones((num_envs, steps, len(self._availability[name])), np.float32)
            for name in self._episodes.limited
        }
        self._start_s = np.zeros(num_envs)
        self._elapsed = np.zeros(num_envs, np.int64)
        self._all = np.arange(num_envs)
        self._design = hall.design_it_power
        rows.view("input.pressure_control")[:] = 1.0
        for view in self._availability.values():
            view[:] = 1.0

    # --- episodes ---------------------------------------------------------------------------------------------------------------

    def reset(
        self, index: np.ndarray, generators: Sequence[np.random.Generator], start_s: np.ndarray | None = None
    ) -> None:
        """Start new episodes in the environments ``index``, each with its own generator.

        Parameters
        ----------
        index : np.ndarray of int, shape (n,)
        generators : sequence of np.random.Generator, length n
            Advanced by what the episode draws.
        start_s : np.ndarray, shape (n,), optional
            Starts [s of the year] instead of those of the configuration.
        """
        episodes = self._episodes.draw(list(generators), start_s)
        self._start_s[index], self._elapsed[index] = episodes.start_s, 0
        self._drivers[index] = episodes.drivers
        for name, table in self._available.items():
            table[index] = episodes.available[name]
        self._look_up_drivers()
        rows = self._rows
        state, setpoints = self.starts.settle(rows.inputs[:, index])
        rows.state[:, index] = state
        if self.stored is not None:
            columns = [episodes.drivers[:, :-1, column].astype(float) for column in self._worth_columns]
            self.stored.begin(index, self._state.tank_temperature[:, index], *columns)
        self._reached[:, index] = self._setpoints[:, index] = setpoints
        # last of all, so that weather and load are those without faults
        self._actuators.start(index, generators, setpoints)
        self._sensors.start(index, generators)

    def _look_up_drivers(self) -> None:
        """Write load, weather, tariff and availability of the present step into the rows the plant and the observation read."""
        at = self._elapsed
        self._rows.drivers[:] = self._drivers[self._all, at].T
        for name, table in self._available.items():
            self._availability[name][:] = table[self._all, at].T

    # --- steps ------------------------------------------------------------------------------------------------------------------

    def step(self, actions: np.ndarray) -> tuple[Value, Value, Value, dict[str, Value]]:
        """Advance all environments by one control step.

        Parameters
        ----------
        actions : np.ndarray, shape (N, A)

        Returns
        -------
        reward, terminated, truncated : np.ndarray, shape (N,)
            Plain numbers where there is one environment.
        info : dict
            Of the step just made, likewise; the driver rows already show the next step.

        Raises
        ------
        InputError
            If an element of the actions is not a number.
        """
        config, rows = self.config, self._rows
        self.action_map.setpoints(actions, self._setpoints)
        self._actuators.move(self._setpoints, self._elapsed, self._reached)
        config.engine.step(rows.state, rows.inputs, config.control_interval_s, rows.state, config.substeps)
        self._elapsed += 1
        info, transition = self._read(1.0)
        if self.num_envs == 1:
            left: Value = config.episode_steps - int(self._elapsed[0])
            terminated: Value = bool(self._state.is_tripped[0, 0] > 0.5)
            truncated: Value = left <= 0 and not terminated
        else:
            left = config.episode_steps - self._elapsed
            terminated = self._state.is_tripped[0] > 0.5
            truncated = (left <= 0) & ~terminated
        taken = None if self.stored is None else self._settled(self.stored, info, terminated | (left <= 0))
        reward = 0.0
        for name, value in self._reward.terms(transition, terminated, left, taken).items():
            info[f"reward_{name}"] = value
            reward = reward + value
        self._look_up_drivers()
        return reward, terminated, truncated, info

    def _settled(self, stored: StoredCooling, info: dict[str, Value], is_over: Value) -> rewards.Taken:
        """Settle the content of the tanks whose episode is over, in ``info`` too."""
        energy, cost, carbon = stored.taken(self._state.tank_temperature) * is_over
        if self.num_envs == 1:
            energy, cost, carbon = float(energy[0]), float(cost[0]), float(carbon[0])
        info["energy_cost"] = info["energy_cost"] + cost
        info["carbon_kg"] = info["carbon_kg"] + carbon
        per_design_j = 1.0 / (self._design * self.config.control_interval_s)
        per_design_kwh = J_PER_KWH * per_design_j
        return rewards.Taken(energy * per_design_j, cost * per_design_kwh, carbon * per_design_kwh)

    def start_info(self) -> dict[str, Value]:
        """Info of all environments as after a reset: powers of the settled start, sums of 0."""
        info, transition = self._read(0.0)
        zero = 0.0 * transition.travel
        return info | {f"reward_{name}": zero + 0.0 for name in rewards.TERMS}

    def observation(self) -> np.ndarray:
        """Return the observation, shape (N, F), float32."""
        return self._rows.observation(self._elapsed)

    def _read(self, summed: float) -> tuple[dict[str, Value], rewards.Transition]:
        """Read the meters and write the rows of the observation that follow from them."""
        picked = self._rows.table[self._read_rows]
        interval = self.config.control_interval_s
        if self.num_envs == 1:
            values: Any = picked[:, 0].tolist()
            zones = self._zones[:, 0].tolist()
            time: Value = float(self._start_s[0]) + int(self._elapsed[0]) * interval
            price: Value = float(self._price[0])
            carbon: Value = float(self._carbon[0])
        else:
            values, zones = picked, self._zones
            time, price, carbon = self._start_s + self._elapsed * interval, self._price, self._carbon
        mean = 0.0
        for zone in zones:
            mean = mean + zone
        info, transition = self._meters.read(values, time, mean / len(zones), price, carbon, summed)
        np.maximum.reduce(self._inlets, axis=1, out=self._hottest)
        if self._cases is not None:
            np.maximum.reduce(self._cases, axis=1, out=self._hottest_cases)
        measured = info["cooling_power_w"] / self._design, info["thermal_power_w"] / self._design
        if self.num_envs == 1:
            self._rest[:, 0] = measured
        else:
            self._rest[:] = measured
        return info, transition

    # --- snapshots --------------------------------------------------------------------------------------------------------------

    _KEPT = ("_drivers", "_available", "_start_s", "_elapsed")
    _FAULTY = ("_sensors", "_actuators")

    def snapshot(self) -> dict[str, Any]:
        """Everything the future depends on, apart from the generators; arrays are copies."""
        kept = {name: copy.deepcopy(getattr(self, name)) for name in self._KEPT}
        kept |= {name: getattr(self, name).kept() for name in self._FAULTY}
        return kept | {
            "stored": None if self.stored is None else self.stored.kept.copy(),
            "table": self._rows.table.copy(),
            "setpoints": self._setpoints.copy(),
            "made_with": self._made_with(),
        }

    def restore(self, snapshot: dict[str, Any]) -> None:
        """Go back to a snapshot of a batch of the same configuration.

        Raises
        ------
        InputError
            If it was made with something else, which is named.
        """
        made_with = self._made_with()
        for name, here in made_with.items():
            if snapshot["made_with"][name] != here:
                raise InputError(
                    f"snapshot of another environment: {name} {snapshot['made_with'][name]!r} there, {here!r} here"
                )
        for name in self._KEPT:
            setattr(self, name, copy.deepcopy(snapshot[name]))
        for name in self._FAULTY:
            getattr(self, name).restore(snapshot[name])
        if self.stored is not None:
            self.stored.kept[:] = snapshot["stored"]
        self._rows.table[:] = snapshot["table"]
        self._setpoints[:] = snapshot["setpoints"]

    def _made_with(self) -> dict[str, Any]:
        """What a snapshot must have in common with the batch that takes it over; plain values, which checkpoints write as JSON."""
        config = self.config
        return {
            "hall": f"{config.hall.description.name} {config.hall.description.digest()[:8]}",
            "num_envs": self.num_envs,
            "task": config.task.name,
            "weather": [weather.name for weather in config.weathers],
            "workload": config.workload.name,
            "grid": config.grid.name,
            "episode_steps": config.episode_steps,
            "control_interval_s": config.control_interval_s,
            "signals": len(self.signals.observation),
            "sensors": repr(config.sensors),
            "actuators": repr(config.actuators),
            "failures": repr(config.failures),
        }

    # --- for controllers that are handed the plant, and for plots -----------------------------------------------------------------

    @property
    def state(self) -> Any:
        """The plant's state, fields of shape (rows, N), as views."""
        return self._state

    def view(self, place: str) -> np.ndarray:
        """Rows by name, for instance ``input.utilization`` or ``driven.price``, shape (rows, N), as a view."""
        return self._rows.view(place)

    def could_run(self, component: str) -> np.ndarray:
        """Share that could run of a component of ``Hall.units`` in the control step made last, shape (rows, N)."""
        name = self.config.hall.types.availability[component]
        if name not in self._available:
            return np.ones_like(self._availability[name])
        share: np.ndarray = self._available[name][self._all, np.maximum(self._elapsed - 1, 0)].T
        return share

    @property
    def setpoints(self) -> np.ndarray:
        """Set-points asked for in the last step, shape (A, N); after a reset those of the settled start."""
        return self._setpoints

    @property
    def elapsed(self) -> np.ndarray:
        """Control steps made in each environment's episode, shape (N,)."""
        return self._elapsed
