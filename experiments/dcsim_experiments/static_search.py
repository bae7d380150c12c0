"""Steady states of a hall under static set-points, and a search for the cheapest.

Every state of load, weather and cooling mode is searched alike, all in one batch: points spread over the box of the variables, then clouds
around the best so far that shrink from 0.3 of the range by a constant factor a generation. Half of a cloud moves only some of the
variables, and some points are the best of other states. A point counts if it is at rest: its cost, its cooling mode and its number of
chillers stay the same for five long steps. So nothing is won by switching to and fro.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from dcsim.drivers import load_weather
from dcsim.engines import make_engine
from dcsim.envs import rewards
from dcsim.envs.meters import Meters
from dcsim.plant.description import Range
from dcsim.plant.economizer import FREE, INTEGRATED, MECHANICAL
from dcsim.plant.hall import Hall
from dcsim.plant.run import hall_model
from dcsim.plant.steady import LONG_STEP_S, cold_state, packed_inputs, rested

Array = np.ndarray

VARIABLES = (
    "supply_air_setpoint",
    "crah_fan_speed",
    "chilled_water_setpoint",
    "chilled_water_pump_speed",
    "condenser_water_setpoint",
    "condenser_water_flow",
)
"""What is searched besides the cooling mode; supply air and fan speed are the same for all CRAH groups."""

WIDTH, SHRINKAGE = 0.3, 0.86  # of the cloud: share of the range at first, factor a generation
SETTLING, FIRST_SETTLING = 4, 24  # long steps before a point is watched, and before the first
WATCHED = 5  # long steps of which means are taken; at rest neither mode nor chillers change in them (they can chase each other for four)
REST_TOLERANCE = 1e-4  # of design IT power, over these steps

POWERS_W = (
    "it_power_w",
    "thermal_power_w",
    "cooling_power_w",
    "server_fan_power_w",
    "crah_fan_power_w",
    "pump_power_w",
    "chiller_power_w",
    "tower_fan_power_w",
    "facility_power_w",
)
"""Quantities of ``info`` that are kept of an operation."""


class Problems(NamedTuple):
    """Steady states to search: K columns of load, weather, cooling mode, and the box of the variables."""

    load: Array  # (K,)
    wet_bulb: Array  # (K,)
    dry_bulb: Array  # (K,)
    humidity_ratio: Array  # (K,)
    mode: Array  # (K,) requested
    low: Array  # (V, K)
    high: Array  # (V, K)

    def pick(self, index: Array) -> "Problems":
        """Return the problems of the columns ``index``, each as often as it is named."""
        return Problems(*(field[..., index] for field in self))


def box(hall: Hall) -> tuple[Array, Array]:
    """Ranges of the variables, low and high, shape (V,) each."""
    allowed: list[Range] = [getattr(hall.description.setpoints, name) for _, _, name in hall.types.setpoints]
    return np.array([a.low for a in allowed]), np.array([a.high for a in allowed])


class Outdoors(NamedTuple):
    """Outdoor air by wet bulb, and how much of its year each climate spends there."""

    wet_bulb: Array  # (W,)
    dry_bulb: Array  # (W,) mean over the hours of all climates
    humidity_ratio: Array  # (W,) likewise
    share: dict[str, Array]  # (W,) of the hours, by climate


def outdoors(climates: Sequence[str], wet_bulbs: Sequence[float]) -> Outdoors:
    """Count the hours of typical years by wet bulb."""
    grid = np.asarray(wet_bulbs, float)
    share: dict[str, Array] = {}
    sums = np.zeros((len(grid), 3))
    for climate in climates:
        hours = load_weather(climate).table(3600.0)
        place = np.interp(hours.wet_bulb_temperature, grid, np.arange(len(grid)))
        nearness = np.maximum(1.0 - np.abs(np.arange(len(grid))[:, None] - place), 0.0)
        share[climate] = nearness.mean(1)
        sums += nearness @ np.stack([np.ones(len(place)), hours.dry_bulb_temperature, hours.humidity_ratio], 1)
    visited = np.maximum(sums[:, 0], 1e-9)
    dry_bulb = np.where(sums[:, 0] > 0.0, sums[:, 1] / visited, grid)
    return Outdoors(grid, dry_bulb, sums[:, 2] / visited, share)


def problems_of(hall: Hall, air: Outdoors, loads: Sequence[float], modes: Sequence[float]) -> Problems:
    """Return one problem for every wet bulb, load and mode, in this order of nesting."""
    place, load, mode = (
        x.ravel() for x in np.meshgrid(np.arange(len(air.wet_bulb)), np.asarray(loads, float), modes, indexing="ij")
    )
    low, high = (np.repeat(bound[:, None], len(load), 1) for bound in box(hall))
    return Problems(load, air.wet_bulb[place], air.dry_bulb[place], air.humidity_ratio[place], mode, low, high)


def modes_of(hall: Hall) -> tuple[float, ...]:
    """Cooling modes that the hall has."""
    return (MECHANICAL, INTEGRATED, FREE) if "economizer" in hall else (MECHANICAL,)


class Operation(NamedTuple):
    """Steady states of K problems and what they cost."""

    setpoints: Array  # (A, K), as of the environments' actions
    state: Array  # (state rows, K)
    cost: Array  # (K,) of design IT power
    is_at_rest: Array  # (K,) of bool
    readings: dict[str, Array]  # powers as in ``info``, shape (K,) each; means like the cost

    def pick(self, index: Array) -> "Operation":
        """Return the operations of the columns ``index``."""
        readings = {name: values[index] for name, values in self.readings.items()}
        return Operation(
            self.setpoints[:, index], self.state[:, index], self.cost[index], self.is_at_rest[index], readings
        )

    @property
    def worth(self) -> Array:
        """Cost of the points that are at rest; others are worth nothing, shape (K,)."""
        return np.where(self.is_at_rest, self.cost, np.inf)


class SteadyHall:
    """A hall that is brought to rest for many problems at once.

    Parameters
    ----------
    hall : Hall
    weights : mapping, optional
        Of the cost, by term of ``dcsim.envs.rewards``; the default reward's unless given.
    supply_tolerance : float
        K by which supply air may miss its set-point at rest. Where it may, fully open valves leave the set-point without effect.
    """

    def __init__(
        self, hall: Hall, weights: Mapping[str, float] | None = None, supply_tolerance: float = np.inf
    ) -> None:
        self.hall = hall
        self._supply_tolerance = supply_tolerance
        self.engine = make_engine("fused", hall_model(hall), hall.params)
        self._reward = rewards.Reward(rewards.checked_weights(weights))
        self._meters = Meters(hall, LONG_STEP_S)
        self._rows = self.engine.state_slices

    def fields(self, state: Array) -> Any:
        """Name the rows of a state."""
        return self.hall.types.State(**{name: state[rows] for name, rows in self._rows.items()})

    def setpoints(self, x: Array, mode: Array) -> Array:
        """Set-points of all groups, shape (A, K), from the variables, shape (V, K), and the mode, shape (K,)."""
        groups = self.hall.crah_groups
        parts = [np.repeat(x[0:1], groups, 0), np.repeat(x[1:2], groups, 0), x[2:]]
        return np.concatenate([*parts, mode[None]] if "economizer" in self.hall else parts)

    def inputs(self, setpoints: Array, problems: Problems) -> Array:
        """Pack set-points, load and weather for the engine."""
        groups = self.hall.crah_groups
        values: dict[str, Any] = {
            "supply_air_setpoint": setpoints[:groups],
            "crah_fan_speed": setpoints[groups : 2 * groups],
            **{name: setpoints[2 * groups + i] for i, name in enumerate(VARIABLES[2:])},
            "mode_request": setpoints[-1],
            "utilization": problems.load,
            "wet_bulb_temperature": problems.wet_bulb,
            "dry_bulb_temperature": problems.dry_bulb,
            "outdoor_humidity_ratio": problems.humidity_ratio,
        }
        return packed_inputs(self.hall, len(problems.load), values)

    def rest(self, setpoints: Array, problems: Problems, state: Array, repeats: int) -> Array:
        """Return the states after some long steps with the set-points."""
        return rested(self.engine, self.hall, state, self.inputs(setpoints, problems), repeats)

    def operate(self, setpoints: Array, problems: Problems, state: Array | None = None, settling: int = 0) -> Operation:
        """Bring the hall to rest and take its means over some long steps.

        Parameters
        ----------
        setpoints : Array, shape (A, K)
        problems : Problems
        state : Array, shape (state rows, K), optional
            To start from; a cold hall otherwise.
        settling : int
            Long steps before those that are watched; a number that fits the start unless given.
        """
        if state is None:
            state = self.start(problems)
            settling = settling or FIRST_SETTLING
        before = self.rest(setpoints, problems, state, settling or SETTLING)
        costs, readings = [], []
        is_at_rest = np.ones(len(problems.load), bool)
        for _ in range(WATCHED):
            after = self.rest(setpoints, problems, before, 1)
            for name in {"mode", "chillers_on", "protection"} & set(self._rows):
                is_at_rest &= before[self._rows[name]][0] == after[self._rows[name]][0]
            cost, read = self._measure(after)
            costs.append(cost)
            readings.append(read)
            before = after
        is_at_rest &= np.ptp(costs, axis=0) < REST_TOLERANCE
        missed = after[self._rows["supply_air_temperature"]] - after[self._rows["supply_air_setpoint"]]
        is_at_rest &= np.abs(missed).max(0) < self._supply_tolerance
        means = {name: np.mean([read[name] for read in readings], axis=0) for name in POWERS_W}
        return Operation(setpoints, after, np.mean(costs, axis=0), is_at_rest, means)

    def start(self, problems: Problems) -> Array:
        """Return cold halls in the cooling modes of the problems."""
        middle = 0.5 * (problems.low + problems.high)
        state = cold_state(self.hall, len(problems.load))
        state[self._rows["supply_air_temperature"]] = middle[0]
        state[self._rows["chilled_water_supply_temperature"]] = middle[2]
        if "economizer" in self.hall:
            state[self._rows["mode"]] = problems.mode
        return state

    def _measure(self, state: Array) -> tuple[Array, dict[str, Array]]:
        rows = self.fields(state)
        readings = [
            0.0 * rows.travel[0] if name == "travel" else getattr(rows, name)[0] for name in self._meters.fields
        ]
        mean = rows.rack_inlet_temperature.mean(0)
        info, transition = self._meters.read(readings, 0.0, mean, 0.0, 0.0, 1.0)
        tripped = rows.is_tripped[0] > 0.5
        paid = self._reward.terms(transition, tripped, 0.0 * mean)
        cost: Array = np.sum([-term for term in paid.values()], axis=0)
        return cost, info


def better(one: Operation, other: Operation) -> Operation:
    """Choose the cheaper of two operations in each problem; the first where they are worth the same."""
    is_better = other.worth < one.worth

    def of(first: Array, second: Array) -> Array:
        return np.where(is_better, second, first)

    return Operation(
        of(one.setpoints, other.setpoints),
        of(one.state, other.state),
        of(one.cost, other.cost),
        of(one.is_at_rest, other.is_at_rest),
        {name: of(one.readings[name], other.readings[name]) for name in one.readings},
    )


def search(
    plant: SteadyHall,
    problems: Problems,
    generations: int,
    population: int,
    seed: int = 0,
    first: Iterable[Array] = (),
    progress: Any = iter,
) -> Operation:
    """Find the cheapest steady operation of each problem.

    Parameters
    ----------
    plant : SteadyHall
    problems : Problems
    generations, population : int
        Of the search; points of a generation in each problem.
    seed : int
    first : iterable of Array, shape (V, K)
        Points to start with, besides drawn ones.
    progress : callable
        Wraps the sequence of generations, for instance ``tqdm``.

    Returns
    -------
    Operation
    """
    generator = np.random.default_rng(seed)
    count, dimensions = len(problems.load), len(VARIABLES)
    low, width = problems.low, problems.high - problems.low
    share_mode = [np.flatnonzero(problems.mode == mode) for mode in problems.mode]

    best = plant.operate(plant.setpoints(low + 0.5 * width, problems.mode), problems)
    x = np.full((dimensions, count), 0.5)
    given = [np.clip((point - low) / np.where(width > 0.0, width, 1.0), 0.0, 1.0) for point in first]
    for generation in progress(range(generations)):
        size = (dimensions, population, count)
        if generation == 0:
            drawn = generator.uniform(size=size)
            for i, point in enumerate(given):
                drawn[:, i] = point
        else:
            step = WIDTH * SHRINKAGE ** (generation - 1) * generator.standard_normal(size)
            step[:, ::2] *= generator.uniform(size=size)[:, ::2] < 0.35
            drawn = x[:, None] + step
            for place in range(0, population, 8):  # the best of other states
                others = np.array([generator.choice(columns) for columns in share_mode])
                drawn[:, place] = x[:, others]
        drawn = np.clip(drawn, 0.0, 1.0)
        trial = _cheapest(plant, problems, drawn, best)
        is_better = trial.operation.worth < best.worth
        best = better(best, trial.operation)
        x = np.where(is_better, trial.place, x)
    return best


class _Trial(NamedTuple):
    operation: Operation
    place: Array  # (V, K) in the unit cube


def _cheapest(plant: SteadyHall, problems: Problems, drawn: Array, best: Operation) -> _Trial:
    """Return the cheapest point of a generation in each problem; ``drawn`` has shape (V, P, K)."""
    dimensions, population, count = drawn.shape
    repeated = problems.pick(np.tile(np.arange(count), population))
    cube = drawn.reshape(dimensions, -1)
    x = repeated.low + cube * (repeated.high - repeated.low)
    state = np.tile(best.state, population)
    if "economizer" in plant.hall:
        state[plant.engine.state_slices["mode"]] = repeated.mode
    all_points = plant.operate(plant.setpoints(x, repeated.mode), repeated, state)
    winner = all_points.worth.reshape(population, count).argmin(0) * count + np.arange(count)
    return _Trial(all_points.pick(winner), cube[:, winner])
