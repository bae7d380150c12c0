"""A hall run on the boundary conditions of a log."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from dcsim.engines import Engine, make_engine, unpack
from dcsim.plant.run import hall_model
from dcsim.plant.steady import cold_state, rested
from dcsim.replay.boundaries import Boundaries
from dcsim.replay.sensors import sensed, signal_of

Array = np.ndarray

SUBSTEP_S = 10.0
SUBSTEPS_MIN = 2
RESTS = 12  # long steps to the settled start
BLOCK = 4096  # steps that are read at a time


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


def engine_of(boundaries: Boundaries) -> Engine:
    """Return the engine that runs a replay."""
    hall = boundaries.hall
    return make_engine("fused", hall_model(hall), hall.params)


def substeps_of(boundaries: Boundaries) -> int:
    """Sub-steps of a step of the replay."""
    return max(SUBSTEPS_MIN, round(boundaries.step_s / SUBSTEP_S))


def open_loop(boundaries: Boundaries, progress: Callable[[int], None] | None = None) -> Replayed:
    """Run the hall through the log without another look at its measurements.

    Every segment starts settled at its own first step.

    Parameters
    ----------
    boundaries : Boundaries
    progress : callable, optional
        Told the number of steps made, now and then.
    """
    engine, hall, inputs = engine_of(boundaries), boundaries.hall, boundaries.inputs
    signals: dict[str, Array] = {}
    for segment in boundaries.segments:
        columns = np.ascontiguousarray(inputs[:, segment].T)[:, :, None]
        state = rested(engine, hall, cold_state(hall, 1), columns[0], repeats=RESTS)
        for first in range(0, len(columns), BLOCK):
            block = columns[first : first + BLOCK]
            states = np.empty((len(state), len(block) + 1))
            states[:, :1] = state
            for k, column in enumerate(block, 1):
                state = engine.step(state, column, boundaries.step_s, substeps=substeps_of(boundaries))
                states[:, k : k + 1] = state
            begin = segment.start + first
            _keep(signals, boundaries, engine, states, slice(begin, begin + len(block)))
            if progress is not None:
                progress(begin + len(block))
    return Replayed(boundaries, signals)


def _keep(signals: dict[str, Array], boundaries: Boundaries, engine: Engine, states: Array, steps: slice) -> None:
    """Read the sensors of consecutive states, the first of which precedes the first step."""
    hall, inputs = boundaries.hall, boundaries.inputs[:, steps]
    s, u = unpack(states, hall.types.State, engine.state_slices), unpack(inputs, hall.types.Inputs, engine.input_slices)
    before, after = (
        sensed(hall, type(s)(*(field[:, part] for field in s)), u, boundaries.step_s)
        for part in (slice(None, -1), slice(1, None))
    )
    for name, values in after.items():
        rows = signals.setdefault(name, np.full((len(values), len(boundaries.time)), np.nan))
        is_power = name.endswith("_power") or name == "heat_removed"
        rows[:, steps] = values if is_power else 0.5 * (values + before[name])
