"""N environments at once: episode clocks, plant steps, meters, rewards. The single and the vector environment are views of it."""

import copy
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from dcsim.drivers import RandomNumbers
from dcsim.envs.actions import ActionMap
from dcsim.envs.actuators import ActuatorBank
from dcsim.envs.config import EnvConfig
from dcsim.envs.episode import EpisodeSource
from dcsim.envs.observations import Observer
from dcsim.envs.readout import Readout
from dcsim.envs.sensors import SensorBank
from dcsim.envs.settled import SettledStarts
from dcsim.envs.signals import Signals, action_signals, observed
from dcsim.envs.stored import StoredCooling
from dcsim.envs.table import Table
from dcsim.errors import InputError, shown
from dcsim.plant.factors import factor_input, scaled

DRAWN_TOGETHER = 64  # environments: what their episodes are made of stays in the processor's cache


class Started(NamedTuple):
    """Where n environments start an episode, and what drives it over T steps."""

    rows: np.ndarray  # (rows, n), those of the table above the report
    drivers: np.ndarray  # (n, T + 1, K), of ``Table.drivers``
    available: dict[str, np.ndarray]  # by input, (n, T + 1, rows), as of ``Episodes.available``


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
    domain : dict of str to np.ndarray, shape (N,)
        Factors of the hall's parameters that were drawn for the episodes that run, as views.
    stored : StoredCooling or None
        What a storage tank holds is worth; None where there is none.
    table : Table
        Of all that the environments are in.
    readout : Readout
    keys : tuple of str
        Of ``info``.
    reported : np.ndarray, shape (number of keys + 2, N)
        Of the step just made, or of the start: ``info``, the reward, and whether the servers have tripped; a view that changes with the
        next step.
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
        self.readout = readout = Readout(config, blocks, self._sensors.is_off)
        self.table = rows = Table(hall, blocks, num_envs, readout.rows, readout.measured)
        self._observer = None if self._sensors.is_off else Observer(rows, blocks, self._sensors)
        self._state = hall.types.State(**rows.views("state"))
        self._reached = rows.inputs[: len(self.signals.action)]  # what reaches the plant
        self._setpoints = self._reached if self._actuators.is_off else np.zeros_like(self._reached)
        self._episodes = EpisodeSource(config)
        self.starts = SettledStarts(config)
        self.domain = {name: rows.view(f"input.{factor_input(name)}")[0] for name in config.domain.names}
        for factors in self.domain.values():
            factors[:] = 1.0
        sizes = self.domain.get("tank_heat_capacity")
        self.stored = StoredCooling(hall, self.starts, num_envs, sizes) if "tank" in hall else None
        first = rows.row(f"input.{hall.types.drivers[0]}")
        names = ("driven.utilization_mean", "driven.price", "driven.carbon_intensity")
        self._worth_columns = [rows.row(name) - first for name in (f"input.{self.starts.axis}", *names)]
        self.keys = readout.keys
        self.reported = rows.view("report")[: len(self.keys) + 2]
        self._seen = rows.view("report")[len(rows.view("report")) - len(true) :]  # where sensors are exact
        self._start_s, self._elapsed_row = rows.view("clock.start_s")[0], rows.view("clock.elapsed")[0]
        self._has_run = rows.view("clock.has_run")[0]
        tariff = slice(rows.row("driven.price"), rows.row("driven.price") + 2)
        paid = slice(rows.row("clock.price_paid"), rows.row("clock.price_paid") + 2)
        self._tariff, self._paid = rows.array[tariff], rows.array[paid]
        taken = slice(rows.row("clock.energy_taken"), rows.row("clock.energy_taken") + 3)
        self._taken = rows.array[taken]
        self._send = self.action_map.bind(self._setpoints, config.engine)
        self._advance = config.engine.bind(rows.state, rows.inputs, interval, config.substeps)
        self._report = readout.bind(rows, config.engine)
        self._availability = {name: rows.view(f"input.{name}") for name in hall.types.availability.values()}
        steps = config.episode_steps + 1
        self._drivers = np.zeros((num_envs, steps, self._episodes.columns), np.float32)
        self._available = {
            name: np.ones((num_envs, steps, len(self._availability[name])), np.float32)
            for name in self._episodes.limited
        }
        self._elapsed = np.zeros(num_envs, np.int64)
        self._keys = np.zeros(num_envs, np.uint64)  # of each environment's seed
        self._episode = np.full(num_envs, -1, np.int64)  # how many of this seed have started; -1 before any seed
        self._all = np.arange(num_envs)
        rows.view("input.pressure_control")[:] = 1.0
        for view in self._availability.values():
            view[:] = 1.0

    # --- episodes ---------------------------------------------------------------------------------------------------------------

    def reset(
        self,
        index: np.ndarray,
        seeds: Sequence[int | None] | None = None,
        start_s: np.ndarray | None = None,
    ) -> None:
        """Start new episodes in the environments ``index``.

        Parameters
        ----------
        index : np.ndarray of int, shape (n,)
        seeds : sequence of int or None, length n, optional
            Where one is given, the first episode of this seed starts; elsewhere the next of the environment's seed, which the operating
            system chooses where it has none yet.
        start_s : np.ndarray, shape (n,), optional
            Starts [s of the year] instead of those of the configuration.
        """
        random = self._next_episodes(index, seeds)
        self._elapsed[index] = 0
        self._elapsed_row[index] = self._has_run[index] = self._taken[:, index] = 0.0
        for first in range(0, len(index), DRAWN_TOGETHER):
            part = slice(first, first + DRAWN_TOGETHER)
            some = index[part]
            episodes = self._episodes.draw(random[part], None if start_s is None else start_s[part])
            self._start_s[some], self._drivers[some] = episodes.start_s, episodes.drivers
            for name, table in self._available.items():
                table[some] = episodes.available[name]
        if self.domain:
            drawn = self.config.domain.factors(random.of("domain"))
            for factors, own in zip(self.domain.values(), drawn, strict=True):
                factors[index] = own
        self._look_up_drivers()
        self._paid[:, index] = self._tariff[:, index]
        rows = self.table
        state, setpoints = self.starts.settle(rows.inputs[:, index])
        rows.state[:, index] = state
        if self.stored is not None:
            columns = [self._drivers[index, :-1, column].astype(float) for column in self._worth_columns]
            self.stored.begin(index, self._state.tank_temperature[:, index], *columns)
        self._reached[:, index] = self._setpoints[:, index] = setpoints
        self._actuators.start(index, random, setpoints)
        self._sensors.start(index, random)
        self._report()

    def _next_episodes(self, index: np.ndarray, seeds: Sequence[int | None] | None) -> RandomNumbers:
        """Streams of the episodes that the environments ``index`` play next."""
        given = {i: seed for i, seed in zip(index, seeds or (), strict=seeds is not None) if seed is not None}
        for seed in given.values():
            if not isinstance(seed, int | np.integer) or seed < 0:
                raise InputError(f"seed={shown(seed)}: expected a whole number of at least 0")
        self._seed(np.array([*given], np.int64), RandomNumbers.of_seeds(given.values()))
        unseeded = index[self._episode[index] < 0]
        if len(unseeded):
            self._seed(
                unseeded,
                RandomNumbers.of_seeds(np.random.SeedSequence().generate_state(len(unseeded), np.uint64).tolist()),
            )
        number = self._episode[index]
        self._episode[index] += 1
        return RandomNumbers(self._keys[index]).of("episode", number)

    def _seed(self, index: np.ndarray, random: RandomNumbers) -> None:
        self._keys[index], self._episode[index] = random.keys, 0

    @property
    def is_seeded(self) -> bool:
        """Whether every environment has started an episode."""
        return bool((self._episode >= 0).all())

    def started(self, index: np.ndarray) -> Started:
        """Return copies of what the environments ``index``, shape (n,), start from; only right after a reset of these."""
        rows = self.table.array[: self.table.row("report"), index]
        return Started(rows, self._drivers[index], {name: table[index] for name, table in self._available.items()})

    @property
    def faulty(self) -> list[str]:
        """Which of ``sensors`` and ``actuators`` are not ideal."""
        return [name.strip("_") for name in self._FAULTY if not getattr(self, name).is_off]

    def _look_up_drivers(self) -> None:
        """Write load, weather, tariff and availability of the present step into the rows the plant and the observation read."""
        at = self._elapsed
        if self.num_envs == 1:
            step = at[0]
            self.table.drivers[:, 0] = self._drivers[0, step]
            for name, table in self._available.items():
                self._availability[name][:, 0] = table[0, step]
            return
        self.table.drivers[:] = self._drivers[self._all, at].T
        for name, table in self._available.items():
            self._availability[name][:] = table[self._all, at].T

    # --- steps ------------------------------------------------------------------------------------------------------------------

    def step(self, actions: np.ndarray) -> None:
        """Advance all environments by one control step; ``reported`` then tells of it, and the driver rows show the next step.

        Parameters
        ----------
        actions : np.ndarray, shape (N, A)

        Raises
        ------
        InputError
            If an element of the actions is not a number.
        """
        self._send(actions)
        if not self._actuators.is_off:
            self._actuators.move(self._setpoints, self._elapsed, self._reached)
        self._advance()
        self._elapsed += 1
        self._elapsed_row[:] = self._elapsed
        self._has_run[:] = 1.0
        if self.stored is not None:
            is_over = (self._elapsed >= self.config.episode_steps) | (self._state.is_tripped[0] > 0.5)
            self._taken[:] = self.stored.taken(self._state.tank_temperature) * is_over
        self._paid[:] = self._tariff
        self._look_up_drivers()
        self._report()

    def info(self) -> dict[str, np.ndarray]:
        """Info of all environments, each entry of shape (N,); after a reset powers are those of the settled start, and sums are 0."""
        return dict(zip(self.keys, self.reported.copy(), strict=False))

    def observation(self) -> np.ndarray:
        """Return the observation, shape (N, F), float32."""
        if self._observer is None:
            return self._seen.T.astype(np.float32)
        return self._observer.observation(self._elapsed)

    # --- snapshots --------------------------------------------------------------------------------------------------------------

    _KEPT = ("_drivers", "_available", "_elapsed", "_keys", "_episode")
    _FAULTY = ("_sensors", "_actuators")

    def snapshot(self) -> dict[str, Any]:
        """Everything the future depends on; arrays are copies."""
        kept = {name: copy.deepcopy(getattr(self, name)) for name in self._KEPT}
        kept |= {name: getattr(self, name).kept() for name in self._FAULTY}
        return kept | {
            "stored": None if self.stored is None else self.stored.kept.copy(),
            "table": self.table.array.copy(),
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
        self.table.array[:] = snapshot["table"]
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
            "domain_randomization": repr(config.domain),
        }

    # --- for controllers that are handed the plant, and for plots -----------------------------------------------------------------

    @property
    def state(self) -> Any:
        """The plant's state, fields of shape (rows, N), as views."""
        return self._state

    def params_of(self, env: int) -> Any:
        """Return the plant's parameters as environment ``env`` has them, fields of shape (rows, 1)."""
        hall = self.config.hall
        inputs = {name: rows[:, env : env + 1] for name, rows in self.table.views("input").items()}
        return scaled(hall.params, hall.types.Inputs(**inputs), hall.types.factors)

    def view(self, place: str) -> np.ndarray:
        """Rows by name, for instance ``input.utilization`` or ``driven.price``, shape (rows, N), as a view."""
        return self.table.view(place)

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
