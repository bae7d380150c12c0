"""What a hall will do from here: its state estimated from all the log had shown until then, and run ahead on the boundaries that came.

The state is that of an ensemble of halls on the same boundaries, corrected after every step towards what the sensors showed (a stochastic
ensemble Kalman filter). Each channel has an offset of its own beside the state, a slow random walk: a sensor that hangs in other air than the
model's is then no reason to bend the state for ever, and forecasts keep what the sensor was off by.

References
----------
.. [1] Burgers, van Leeuwen, Evensen, Analysis scheme in the ensemble Kalman filter, Monthly Weather Review 126 (1998).
.. [2] Pannocchia, Rawlings, Disturbance models for offset-free model-predictive control, AIChE Journal 49 (2003).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from dcsim.engines import Engine, unpack
from dcsim.replay.boundaries import Boundaries, Measured
from dcsim.replay.run import engine_of, settled, substeps_of
from dcsim.replay.sensors import around, lag_share, sensed

Array = np.ndarray

MEMBERS_MIN, MEMBERS_MAX = 64, 512
MEMBERS_OF_CHANNEL = 12  # fewer than offsets leave some unknown alone; what sampling lends to the others bends the state, and heats the hall
WARM_UP_S = 3600.0  # of a segment, before forecasts are made
HOUR_S = 3600.0
ORIGINS = 1024  # forecasts that are run side by side

# Engineering choices, in K where temperatures are measured, else in shares of a channel's mean size.
STATE_START, STATE_DRIFT = 0.5, 0.05  # K; K a root of minute, what the equations miss
OFFSET_START, OFFSET_DRIFT = 1.0, 0.02
SENSOR_NOISE = 0.1
RELATIVE_OFFSET_START, RELATIVE_OFFSET_DRIFT, RELATIVE_NOISE = 0.2, 0.004, 0.02
SIZE_MIN = 0.01  # of the hall's design power, or of 1


@dataclass(frozen=True)
class Ahead:
    """Forecasts of measured channels, each from what was known before.

    Attributes
    ----------
    channels : tuple of Measured
        Those that the hall has a signal for, C of them.
    one_step : ndarray, shape (C, T)
        Forecast of each step from what had been measured up to the one before; NaN outside the segments.
    one_hour : ndarray, shape (C, T)
        Forecast of each step from what had been measured until an hour before, where the state had an hour to be found by then.
    persistence : ndarray, shape (C, T)
        What had been measured last an hour before, at the same steps.
    """

    channels: tuple[Measured, ...]
    one_step: Array
    one_hour: Array
    persistence: Array


class _Scale:
    """Spreads of channels, shape (C, 1); those of powers and shares go by what the hall settles at, so that no measurement is seen early."""

    def __init__(self, channels: tuple[Measured, ...], settled: Mapping[str, Any], design_power: float) -> None:
        is_temperature = np.array([[each.unit == "degC"] for each in channels])
        least = np.array([[SIZE_MIN * (design_power if each.unit == "W" else 1.0)] for each in channels])
        shown: list[Any] = [around(settled, each) for each in channels]
        size = np.maximum(np.abs(np.stack(shown)), least)
        self.start = np.where(is_temperature, OFFSET_START, RELATIVE_OFFSET_START * size)
        self.drift = np.where(is_temperature, OFFSET_DRIFT, RELATIVE_OFFSET_DRIFT * size)
        self.noise = np.where(is_temperature, SENSOR_NOISE, RELATIVE_NOISE * size)


def ahead(
    boundaries: Boundaries,
    seed: int = 0,
    progress: Callable[[int], None] | None = None,
) -> Ahead:
    """Forecast one step and one hour ahead through a log.

    Parameters
    ----------
    boundaries : Boundaries
    seed : int
        Of the ensemble.
    progress : callable, optional
        Told the number of steps made.
    """
    hall, engine = boundaries.hall, engine_of(boundaries)
    first = boundaries.segments[0].start
    column = _column(boundaries, first)
    rest = engine.step(
        settled(boundaries, engine, first), column, boundaries.step_s, substeps=substeps_of(boundaries)
    )  # whose energies are those of a step
    have = _read(boundaries, engine, rest, column)
    channels = tuple(each for each in boundaries.measured if around(have, each) is not None)
    count, steps = len(channels), len(boundaries.time)
    members = int(np.clip(MEMBERS_OF_CHANNEL * count, MEMBERS_MIN, MEMBERS_MAX))
    one_step, one_hour, persistence = (np.full((count, steps), np.nan) for _ in range(3))
    if not count:
        return Ahead(channels, one_step, one_hour, persistence)
    measured = np.stack([each.values for each in channels])
    known_at = np.maximum.accumulate(np.where(np.isfinite(measured), np.arange(steps), 0), axis=1)
    last = np.take_along_axis(measured, known_at, axis=1)
    scale, random = _Scale(channels, have, hall.design_it_power), np.random.default_rng(seed)
    warm = [rows for name in hall.types.heat_capacities if (rows := engine.state_slices.get(name)) is not None]
    thermal = np.concatenate([np.arange(rows.start, rows.stop) for rows in warm])
    root = np.sqrt(boundaries.step_s / 60.0)
    hour = max(1, round(HOUR_S / boundaries.step_s))
    share = lag_share(np.array([[each.time_constant] for each in channels]), boundaries.step_s)
    for segment in boundaries.segments:
        state = settled(boundaries, engine, segment.start, members)
        state[thermal] += STATE_START * random.standard_normal((len(thermal), members))
        offset = scale.start * random.standard_normal((count, members))
        felt = np.full((count, members), np.nan)  # what sensors have come to, without the offsets that drift
        origins: list[int] = []
        kept: list[tuple[Array, Array, Array]] = []
        for k in range(segment.start, segment.stop):
            column = _column(boundaries, k, members)
            before = _read(boundaries, engine, state, column)
            state = engine.step(state, column, boundaries.step_s, substeps=substeps_of(boundaries))
            state[thermal] += STATE_DRIFT * root * random.standard_normal((len(thermal), members))
            offset = offset + scale.drift * root * random.standard_normal((count, members))
            near = _around(channels, before, _read(boundaries, engine, state, column))
            felt = np.where(np.isnan(felt), near, felt + share * (near - felt))
            shown = felt + offset
            one_step[:, k] = shown.mean(axis=1)
            known = np.isfinite(measured[:, k]) & np.isfinite(one_step[:, k])
            if known.any():
                _correct(state, thermal, offset, felt, shown[known], measured[known, k], scale.noise[known], random)
            is_warm = (k + 1 - segment.start) * boundaries.step_s >= WARM_UP_S
            if is_warm and k + hour < segment.stop:
                origins.append(k)
                kept.append((state.mean(axis=1), offset.mean(axis=1), felt.mean(axis=1)))
            if origins and (len(origins) == ORIGINS or k + 1 == segment.stop):
                targets = np.array(origins) + hour
                one_hour[:, targets] = _run_ahead(boundaries, engine, channels, share, targets - hour, kept, hour)
                persistence[:, targets] = last[:, targets - hour]
                origins, kept = [], []
            if progress is not None and k % 256 == 0:
                progress(k)
    return Ahead(channels, one_step, one_hour, persistence)


def _column(boundaries: Boundaries, step: int, num_envs: int = 1) -> Array:
    return np.ascontiguousarray(np.repeat(boundaries.inputs[:, step : step + 1], num_envs, axis=1))


def _read(boundaries: Boundaries, engine: Engine, state: Array, column: Array) -> dict[str, Any]:
    hall = boundaries.hall
    s, u = unpack(state, hall.types.State, engine.state_slices), unpack(column, hall.types.Inputs, engine.input_slices)
    return sensed(hall, s, u, boundaries.step_s)


def _around(channels: tuple[Measured, ...], before: dict[str, Array], after: dict[str, Array]) -> Array:
    """Means over a step of what the channels are in, shape (C, N)."""
    rows = []
    for each in channels:
        ends: list[Any] = [around(found, each) for found in (before, after)]
        rows.append(ends[1] if each.unit == "W" else 0.5 * (ends[0] + ends[1]))
    return np.stack(rows)


def _correct(
    state: Array,
    thermal: Array,
    offset: Array,
    felt: Array,
    shown: Array,
    measured: Array,
    noise: Array,
    random: np.random.Generator,
) -> None:
    """Move the ensemble towards what was measured, in place."""
    members = shown.shape[1]
    apart = shown - shown.mean(axis=1, keepdims=True)
    joint = np.concatenate([state[thermal], offset, felt])
    joint_apart = joint - joint.mean(axis=1, keepdims=True)
    spread = apart @ apart.T / (members - 1) + np.diag(noise[:, 0] ** 2)
    innovation = measured[:, None] + noise * random.standard_normal(shown.shape) - shown
    moved = joint_apart @ (apart.T @ np.linalg.solve(spread, innovation)) / (members - 1)
    for part, by in zip((offset, felt), np.split(moved[len(thermal) :], 2), strict=True):
        part += by
    state[thermal] += moved[: len(thermal)]


def _run_ahead(
    boundaries: Boundaries,
    engine: Engine,
    channels: tuple[Measured, ...],
    share: Array,
    origins: Array,
    kept: list[tuple[Array, Array, Array]],
    steps: int,
) -> Array:
    """Run all origins of a segment ahead side by side; return what the channels show in the last step, shape (C, origins)."""
    state, offset, felt = (np.ascontiguousarray(np.stack(each, axis=1)) for each in zip(*kept, strict=True))
    for lead in range(1, steps + 1):
        column = np.ascontiguousarray(boundaries.inputs[:, origins + lead])
        before = _read(boundaries, engine, state, column)
        state = engine.step(state, column, boundaries.step_s, substeps=substeps_of(boundaries))
        felt = felt + share * (_around(channels, before, _read(boundaries, engine, state, column)) - felt)
    return felt + offset
