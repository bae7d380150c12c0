"""A hall run on the boundary conditions of a log."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from scipy.signal import lfilter

from dcsim.engines import Engine, make_engine, unpack
from dcsim.plant.run import hall_model
from dcsim.plant.steady import cold_state, rested
from dcsim.replay.boundaries import Boundaries, Measured
from dcsim.replay.sensors import around, lag_share, sensed, signal_of

Array = np.ndarray

SUBSTEP_S = 10.0
SUBSTEPS_MIN = 2
RESTS = 12  # long steps to the settled start
CARRIED_S = 6 * 3600.0
"""Holes in what drives the hall up to this long are run through, on what it was on average as long before and behind them, machines that come
and go with it, so that slow temperatures are about right afterwards."""
BLOCK = 4096  # steps that are read at a time, and fewer of many halls:
BLOCK_VALUES = 10_000_000  # of their states


@dataclass(frozen=True)
class Replayed:
    """What a hall did, on the grid of its boundaries.

    Attributes
    ----------
    boundaries : Boundaries
    signals : mapping of str to ndarray, shape (rows, T)
        As sensors would show it, means over the steps: of temperatures the mean of both ends. NaN outside the segments.
    """

    boundaries: Boundaries
    signals: Mapping[str, Array]

    def of(self, signal: str, number: int = 0) -> Array | None:
        """Return what a sensor of a signal would show, shape (T,), or None where the hall has no such signal; see `sensors.signal_of`."""
        return signal_of(self.signals, signal, number)

    def reading(self, sensor: Measured) -> Array | None:
        """Return what a sensor would show, shape (T,), or None where the hall has no such signal.

        It has come to the air around it at the start of a segment.
        """
        values = around(self.signals, sensor)
        if values is None or not sensor.time_constant:
            return values
        share = float(lag_share(np.array(sensor.time_constant), self.boundaries.step_s))
        shown = np.full_like(values, np.nan)
        for part in self.boundaries.segments:
            at_rest = [(1.0 - share) * values[part.start]]
            shown[part] = lfilter([share], [1.0, share - 1.0], values[part], zi=at_rest)[0]
        return shown


class Start(NamedTuple):
    """A temperature that remembers more of what was before a segment than its first steps tell."""

    segment: int  # from 0
    field: str  # of the hall's state


def engine_of(boundaries: Boundaries) -> Engine:
    """Return the engine that runs a replay."""
    hall = boundaries.hall
    return make_engine("fused", hall_model(hall), hall.params)


def substeps_of(boundaries: Boundaries) -> int:
    """Sub-steps of a step of the replay."""
    return max(SUBSTEPS_MIN, round(boundaries.step_s / SUBSTEP_S))


def open_loop(
    boundaries: Boundaries,
    progress: Callable[[int], None] | None = None,
    starts: Mapping[Start, float] = MappingProxyType({}),
) -> Replayed:
    """Run the hall through the log without another look at its measurements.

    It starts settled at the first step of the log, and anew behind holes of more than `CARRIED_S`.

    Parameters
    ----------
    boundaries : Boundaries
    progress : callable, optional
        Told the number of steps made, now and then.
    starts : mapping of Start to float
        How far slow temperatures are above `begun` at the start of a segment [K].
    """
    engine = engine_of(boundaries)
    signals: dict[str, Array] = {}
    states = None
    for number, segment in enumerate(boundaries.segments):
        state = begun(boundaries, engine, number, None if states is None else states[:, -1])
        for start, above in starts.items():
            if start.segment == number:
                state[engine.state_slices[start.field]] += above
        for steps, states in course(boundaries, engine, segment, state):
            for name, values in shown(boundaries, engine, states, steps).items():
                rows = signals.setdefault(name, np.full((len(values), len(boundaries.time)), np.nan))
                rows[:, steps] = values[:, :, 0]
            if progress is not None:
                progress(steps.stop)
    return Replayed(boundaries, signals)


def settled(boundaries: Boundaries, engine: Engine, step: int, num_envs: int = 1) -> Array:
    """Return the state at rest under the boundaries of a step, shape (state rows, N)."""
    column = np.ascontiguousarray(np.repeat(boundaries.inputs[:, step : step + 1], num_envs, axis=1))
    return rested(engine, boundaries.hall, cold_state(boundaries.hall, num_envs), column, repeats=RESTS)


def begun(boundaries: Boundaries, engine: Engine, number: int, before: Array | None, num_envs: int = 1) -> Array:
    """Return the state before a segment, counted from 0: at rest, or carried on from that at the end of the segment before, if there is one."""
    start = boundaries.segments[number].start
    end = boundaries.segments[number - 1].stop if number else start
    hole = start - end
    if before is None or hole * boundaries.step_s > CARRIED_S:
        return settled(boundaries, engine, start, num_envs)
    around = slice(
        max(end - hole, boundaries.segments[number - 1].start), min(start + hole, boundaries.segments[number].stop)
    )
    usual = np.nanmean(boundaries.inputs[:, around], axis=1)
    column, state = np.ascontiguousarray(np.repeat(usual[:, None], num_envs, axis=1)), before
    for _ in range(hole):
        state = engine.step(state, column, boundaries.step_s, substeps=substeps_of(boundaries))
    return state


def course(
    boundaries: Boundaries, engine: Engine, segment: slice, state: Array, beside: int = 0
) -> Iterator[tuple[slice, Array]]:
    """Run halls side by side through a segment; yield blocks of steps with the states around them.

    Parameters
    ----------
    boundaries : Boundaries
    engine : Engine
        Its parameters may be those of N halls.
    segment : slice
    state : ndarray, shape (state rows, N)
        Before its first step.
    beside : int
        Halls that are run elsewhere in blocks of the same length.

    Yields
    ------
    steps : slice
    states : ndarray, shape (state rows, number of steps + 1, N)
        Before the first of the steps and after each.
    """
    rows, num_envs = state.shape
    length = max(1, min(BLOCK, BLOCK_VALUES // (rows * (num_envs + beside))))
    substeps = substeps_of(boundaries)
    for first in range(segment.start, segment.stop, length):
        steps = slice(first, min(first + length, segment.stop))
        states = np.empty((rows, steps.stop - first + 1, num_envs))
        states[:, 0] = state
        for k in range(first, steps.stop):
            column = np.ascontiguousarray(np.repeat(boundaries.inputs[:, k : k + 1], num_envs, axis=1))
            state = engine.step(state, column, boundaries.step_s, substeps=substeps)
            states[:, k - first + 1] = state
        yield steps, states


def shown(boundaries: Boundaries, engine: Engine, states: Array, steps: slice) -> dict[str, Array]:
    """Return what sensors show over steps, from the states around these, by signal, shape (rows, number of steps, N).

    Means over each step, of temperatures that of both its ends.
    """
    hall, num_envs = boundaries.hall, states.shape[2]
    count = states.shape[1] - 1

    def columns(values: Array) -> Array:
        return np.ascontiguousarray(values).reshape(len(values), -1)

    u = unpack(
        columns(np.repeat(boundaries.inputs[:, steps, None], num_envs, axis=2)), hall.types.Inputs, engine.input_slices
    )
    params = engine.params
    if num_envs > 1:  # those of each hall again for every step
        own = {
            name: np.tile(x, (1, count))
            for name, x in params._asdict().items()
            if x.shape[1] == num_envs and name not in hall.types.matrices
        }
        params = params._replace(**own)
    before, after = (
        sensed(
            hall,
            unpack(columns(states[:, part]), hall.types.State, engine.state_slices),
            u,
            boundaries.step_s,
            params,
        )
        for part in (slice(None, -1), slice(1, None))
    )
    return {
        name: (values if is_of_step(name) else 0.5 * (values + before[name])).reshape(len(values), count, num_envs)
        for name, values in after.items()
    }


def is_of_step(signal: str) -> bool:
    """Whether a signal is a mean over the step in itself, and not one of instants."""
    return signal.endswith("_power") or signal == "heat_removed"
