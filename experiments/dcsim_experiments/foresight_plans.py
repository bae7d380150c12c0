"""Plans that know the future: dynamic programs over a storage tank's content and over the number of chillers.

What a choice costs is measured on the plant at rest, for the load and weather of every step of the plan, with the set-points that the
resets of ``g36`` had there when the tank was left alone, or the thresholds staged. A plan is a policy: it says what to do for any content
or number at any time, so a replay on the whole plant can follow it from where it really stands.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from dcsim.envs.batch import Batch
from dcsim.physics import storage_tank
from dcsim.physics.constants import WATER_SPECIFIC_HEAT
from dcsim.plant.steady import LONG_STEP_S, rested

Array = np.ndarray
J_PER_KWH = 3.6e6
REPEATS = 8  # long steps until the plant is at rest with another request
REQUESTS = np.linspace(-1.0, 1.0, 21)  # flows through the tank that a plan chooses from
CONTENTS = 81  # contents of the tank, evenly from empty to full
LEVELS = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)  # contents at which the plant is measured
LAST_STEPS = 12  # of the plan, whose waters the tank is settled for in the mean
PROFILE_FLOW, PROFILE_STEP_S = 0.4, 120.0  # at which a tank is filled and emptied for the profiles it then has
MISSED_MAX, MISSED_COST = 0.3, 1e3  # K above set-point or limit that a plan allows; power over power for each K more


class Course(NamedTuple):
    """What comes, at the middle of each of K plan steps of N episodes, and what electricity is worth."""

    inputs: Array  # (input rows, N K) of the plant with the set-points of the resets, episodes outermost
    state: Array  # (state rows, N K) of the plant then
    worth: Array  # (N, K) of a kWh: price or carbon intensity, or 1
    step_s: float


class Measured(NamedTuple):
    """What the plant does at rest, shape (N, K)."""

    power: Array  # thermal power [W]: cooling, server fans, leakage
    cooling: Array  # that a tank gives [W]; 0 where there is none
    missed: Array  # K of supply above set-point
    hottest: Array  # degC
    chillers: Array  # that run, loaded up or not


def measured(batch: Batch, course: Course, requests: Mapping[str, float], **fixed: Any) -> Measured:
    """Measure the plant with some requests other than those of the resets.

    Parameters
    ----------
    batch : Batch
    course : Course
    requests : mapping of str to float
        By name of the action.
    **fixed : float or Array
        Fields of the state to hold, as of ``steady.rested``.
    """
    hall, engine = batch.config.hall, batch.config.engine
    u, rows = course.inputs.copy(), engine.state_slices
    for name, value in requests.items():
        u[engine.input_slices[name]] = value
    state = rested(engine, hall, course.state, u, REPEATS, **fixed)
    meters = [field for fields in hall.types.meters.values() for field in fields]
    energy = sum(state[rows[name]][0] for name in (*meters, "server_fan_energy", "leakage_energy"))
    missed = state[rows["chilled_water_supply_temperature"]][0] - state[rows["chilled_water_setpoint"]][0]
    cooling = state[rows["tank_cooling"]][0] / LONG_STEP_S if "tank_cooling" in rows else np.zeros_like(missed)
    hottest, running = (
        state[rows["rack_inlet_temperature"]].max(axis=0),
        (state[rows["chiller_loading"]] > 0.0).sum(axis=0),
    )
    shape = course.worth.shape
    return Measured(*(x.reshape(shape) for x in (energy / LONG_STEP_S, cooling, missed, hottest, running)))


class TankPlan(NamedTuple):
    """What to ask of the tank.

    Attributes
    ----------
    choice : Array of int, shape (K, N, CONTENTS)
        Index into ``REQUESTS`` for each step, episode and content.
    promised : Array, shape (N,)
        Worth of the episode by the plan, what the content is settled for included.
    idle : Array, shape (N,)
        The same with the tank left alone.
    """

    choice: Array
    promised: Array
    idle: Array

    def request(self, content: Array, step: int) -> Array:
        """Flow to ask for, shape (N,), by the cold share of the tanks."""
        nearest = np.rint(content * (CONTENTS - 1)).astype(int)
        result: Array = REQUESTS[self.choice[step, np.arange(len(nearest)), nearest]]
        return result


def waters(hall: Any, s: Any, interval: float) -> tuple[Array, Array]:
    """Water that fills a tank when it is charged and when it is discharged, shape (N,) each [degC]: supply, and return behind the economizer.

    Parameters
    ----------
    hall : Hall
    s : State
        After a step of ``interval`` [s].
    interval : float
    """
    cold, economized = s.chilled_water_supply_temperature[0], s.economizer_heat[0] if "economizer" in hall else 0.0
    stream = WATER_SPECIFIC_HEAT * (hall.params.coil_water_flow_nominal * s.valve_fraction).sum(0)
    return cold, np.maximum(s.chilled_water_return_temperature[0] - economized / (interval * stream), cold)


def content(hall: Any, s: Any, interval: float) -> Array:
    """Cold share of tanks between these two waters, shape (N,)."""
    cold, warm = waters(hall, s, interval)
    share: Array = np.clip((warm - s.tank_temperature) / np.maximum(warm - cold, 1.0), 0.0, 1.0).mean(axis=0)
    return share


def plan_tank(batch: Batch, course: Course, settlement: tuple[Array, Array, Array]) -> TankPlan:
    """Find the flow through the tank that costs least over whole episodes, for every content at every step.

    Parameters
    ----------
    batch : Batch
        Of a hall with a tank.
    course : Course
    settlement : tuple of Array, shape (N,)
        Heat in the tank at the start [J above 0 degC]; worth of a joule of cooling that is missing at the end, and of one more.
    """
    hall, engine = batch.config.hall, batch.config.engine
    description = hall.description.tank
    assert description is not None
    episodes, steps = course.worth.shape
    s = hall.types.State(**{name: course.state[rows] for name, rows in engine.state_slices.items()})
    cold, warm = waters(hall, s, batch.config.control_interval_s)
    filled, emptied = profiles(description)
    shape = (len(REQUESTS), len(LEVELS), episodes, steps)
    power, cooling = np.empty(shape), np.empty(shape)
    for j, request in enumerate(REQUESTS):
        for i, share in enumerate(filled if request > 0.0 else emptied):
            front = warm + share[:, None] * (cold - warm)
            m = measured(batch, course, {"tank_flow": float(request)}, tank_temperature=front)
            power[j, i], cooling[j, i] = m.power, m.cooling
    contents = np.linspace(0.0, 1.0, CONTENTS)
    per_kelvin = hall.params.tank_heat_capacity[0, 0] * description.nodes
    capacity = per_kelvin * np.maximum(warm - cold, 1.0).reshape(episodes, steps)

    start, taken, put = (x[:, None] for x in settlement)
    warm_end, cold_end = (x.reshape(episodes, steps)[:, -LAST_STEPS:].mean(axis=1)[:, None] for x in (warm, cold))
    missing = per_kelvin * (warm_end - contents * (warm_end - cold_end)) - start
    to_go = np.where(missing > 0.0, taken, put) * missing  # (N, X)
    choice = np.empty((steps, episodes, CONTENTS), np.int64)
    for k in reversed(range(steps)):
        drawn, given = (_between_levels(of[:, :, :, k], contents) for of in (power, cooling))  # (J, N, X)
        after = contents - given * course.step_s / capacity[:, k, None]
        # what would pass an end is cut there, and costs its part of the difference to a tank left alone
        within = np.clip(after, 0.0, 1.0)
        moved = np.abs(after - contents) > 1e-9
        share = np.where(moved, (within - contents) / np.where(moved, after - contents, 1.0), 1.0)
        alone = drawn[len(REQUESTS) // 2]
        cost = (alone + share * (drawn - alone)) * (course.step_s / J_PER_KWH) * course.worth[:, k, None]
        total = cost + _interpolated(to_go, within)
        choice[k] = total.argmin(axis=0)
        to_go = total.min(axis=0)
    first = round(description.initial_charge.value * (CONTENTS - 1))
    idle = (power[len(REQUESTS) // 2, len(LEVELS) // 2] * course.worth).sum(axis=1) * (course.step_s / J_PER_KWH)
    return TankPlan(choice, to_go[:, first], idle)


def profiles(description: Any) -> tuple[Array, Array]:
    """Cold shares of the nodes, shape (levels, T), of a tank that has been filled, or emptied, again and again, when it holds each level.

    Parameters
    ----------
    description : description.Tank
    """
    nodes = description.nodes
    size = storage_tank.size_tank(
        description.volume.value,
        description.height.value,
        nodes,
        description.insulation_thickness.value,
        description.insulation_conductivity.value,
    )
    rate = PROFILE_FLOW * WATER_SPECIFIC_HEAT * description.water_flow.value
    share, found = np.zeros((nodes, 1)), {}
    for cold in (1.0, 0.0, 1.0, 0.0):  # from below, and warm from above
        met = [np.full(nodes, 1.0 - cold)]
        for level in LEVELS[1:-1] if cold > 0.5 else LEVELS[-2:0:-1]:
            while (share.mean() < level) == (cold > 0.5):
                # minus the cold share, as what is colder would rise
                step = storage_tank.tank_step(
                    -share,
                    storage_tank.node_numbers(nodes),
                    nodes,
                    size.heat_capacity,
                    size.conduction,
                    0.0,
                    0.0,
                    0.0,
                    np.array([[rate * (1.0 - 2.0 * cold)]]),
                    np.array([[-cold]]),
                    PROFILE_STEP_S,
                )
                share = -step.temperature(np.array([[-cold]]))
            met.append(share[:, 0].copy())
        met.append(np.full(nodes, cold))
        found[cold] = np.stack(met if cold > 0.5 else met[::-1])
    return found[1.0], found[0.0]


def _between_levels(values: Array, contents: Array) -> Array:
    """Values at ``LEVELS``, shape (J, I, N), at contents of shape (X,): shape (J, N, X)."""
    levels = np.array(LEVELS)
    low = np.clip(np.searchsorted(levels, contents, side="right") - 1, 0, len(levels) - 2)
    part = (contents - levels[low]) / (levels[low + 1] - levels[low])
    moved = np.moveaxis(values, 1, 2)
    result: Array = moved[:, :, low] + part * (moved[:, :, low + 1] - moved[:, :, low])
    return result


def _interpolated(values: Array, content: Array) -> Array:
    """Values, shape (N, X), at contents of shape (J, N, X)."""
    at = content * (CONTENTS - 1)
    low = np.minimum(at.astype(int), CONTENTS - 2)
    row = np.arange(values.shape[0])[:, None]
    below, above = values[row, low], values[row, low + 1]
    result: Array = below + (at - low) * (above - below)
    return result


class StagingPlan(NamedTuple):
    """How many chillers to ask for.

    Attributes
    ----------
    best : Array of int, shape (K, N)
        Number with the least power at each step, starts not counted.
    choice : Array of int, shape (K, N, C + 1)
        Number for the next step for each number that runs.
    promised, thresholds : Array, shape (N,)
        Energy of the episode at rest with starts, by the plan and with the numbers that the thresholds had [kWh].
    """

    best: Array
    choice: Array
    promised: Array
    thresholds: Array


def plan_staging(batch: Batch, course: Course, start: Array) -> StagingPlan:
    """Find the numbers of chillers that cost least over whole episodes, starts included.

    Parameters
    ----------
    batch : Batch
        Of a hall whose chillers are staged by action.
    course : Course
        With steps no shorter than the minimum times, so that a plan need not watch them.
    start : Array, shape (N,)
        Chillers that run at the start.
    """
    hall = batch.config.hall
    p, (episodes, steps) = hall.params, course.worth.shape
    if course.step_s < max(p.minimum_on_time[0, 0], p.minimum_off_time[0, 0]):
        raise ValueError(f"steps of {course.step_s:g} s are shorter than a minimum time")
    numbers = np.arange(hall.chillers + 1)
    limit = hall.description.limits.inlet_limit.value
    each = [
        measured(batch, course, {"chillers_requested": float(n)}, chillers_on=float(n), chiller_call=0.0)
        for n in numbers
    ]
    worth = course.worth * (course.step_s / J_PER_KWH)
    too_few = np.stack([m.chillers > n + 0.5 for n, m in zip(numbers, each, strict=True)])  # the plant called another
    too_few = (
        too_few + _beyond(np.stack([m.missed for m in each]), 0.0) + _beyond(np.stack([m.hottest for m in each]), limit)
    )
    drawn = np.stack([m.power for m in each]) * worth  # (C + 1, N, K)
    energy = drawn * (1.0 + MISSED_COST * too_few)
    starts = np.maximum(numbers[None] - numbers[:, None], 0.0) * p.chiller_start_energy[0, 0] / J_PER_KWH  # (from, to)
    to_go = np.zeros((episodes, len(numbers)))
    choice = np.empty((steps, episodes, len(numbers)), np.int64)
    for k in reversed(range(steps)):
        total = starts[None] * course.worth[:, k, None, None] + (energy[:, :, k].T + to_go)[:, None, :]
        choice[k] = total.argmin(axis=2)
        to_go = total.min(axis=2)
    row, on = np.arange(episodes), np.asarray(start, int)
    usual = np.rint(course.state[batch.config.engine.state_slices["chillers_on"]]).astype(int).reshape(episodes, steps)
    promised, thresholds, was = np.zeros(episodes), np.zeros(episodes), on
    for k in range(steps):
        to = choice[k, row, on]
        promised += drawn[to, row, k] + starts[on, to] * course.worth[:, k]
        thresholds += drawn[usual[:, k], row, k] + starts[was, usual[:, k]] * course.worth[:, k]
        on, was = to, usual[:, k]
    return StagingPlan(energy.argmin(axis=0).T, choice, promised, thresholds)


def _beyond(values: Array, limit: float) -> Array:
    """How far values, shape (numbers, N, K), lie beyond a limit and beyond what the best number can do [K], with ``MISSED_MAX`` allowed."""
    allowed = np.maximum(values.min(axis=0), limit) + MISSED_MAX
    result: Array = np.maximum(values - allowed, 0.0)
    return result
