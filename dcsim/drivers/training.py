"""IT load of a hall that trains large models: synchronous jobs that swing whole zones between idle and full load within a second.

A hall-wide job runs for hours, then the zones run jobs of their own; in between they idle. A running job alternates between stretches of
computing at full load and breaks at idle: checkpoints, evaluations and reshuffles of tens of seconds, now and then a restart after a
failure of many minutes. All racks of a job change at once, at the edge of a slot of the control step, so a change is as sudden as the
model can see.

All processes are alternating renewals, stationary from the start of the episode. Everything random of an environment comes from its own
streams, one for each process, and all arithmetic is element by element: row i of a batch equals the same environment alone to the bit.

Left out: the steps of the optimizer (a second or so, inside a slot), jobs that share racks, pipelines out of phase, storage traffic.
"""

import dataclasses
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dcsim.drivers.random_numbers import RandomNumbers, load_streams
from dcsim.drivers.slots import SlottedLoad
from dcsim.errors import InputError

__all__ = ["TRAINING_PROFILES", "TrainingProfile", "TrainingWorkload"]

Array = NDArray[np.float64]

_HOUR = 3600.0
_SLOTS, _ZONES = 30, 5  # where a caller asks for means alone


class Duration(NamedTuple):
    """A log-normal time."""

    median: float  # [s]
    spread: float  # standard deviation of its logarithm

    @property
    def mean(self) -> float:
        """Mean time [s]."""
        return self.median * math.exp(0.5 * self.spread**2)


@dataclasses.dataclass(frozen=True)
class TrainingProfile:
    """Statistics of a training hall.

    Attributes
    ----------
    name : str
    hall_job, hall_free : Duration
        How long a job that takes the whole hall runs, and how long there is none.
    zone_job, zone_free : Duration
        The same for the jobs of a zone, which run while the hall is not taken.
    computing, break_ : Duration
        Stretches of a running job at full load, and breaks between them at idle.
    restart_share, restart_factor : float
        Share of the breaks that are restarts after a failure, and how many times longer they are.
    racks_computing : tuple of float
        Range of the share of a group's racks that takes part in its jobs; the rest is spare or broken.
    source : str
    """

    name: str
    hall_job: Duration
    hall_free: Duration
    zone_job: Duration
    zone_free: Duration
    computing: Duration
    break_: Duration
    restart_share: float
    restart_factor: float
    racks_computing: tuple[float, float]
    source: str


#: Built-in profiles by name.
TRAINING_PROFILES: dict[str, TrainingProfile] = {
    "ai-training": TrainingProfile(
        name="ai-training",
        hall_job=Duration(6.0 * _HOUR, 1.0),
        hall_free=Duration(6.0 * _HOUR, 0.7),
        zone_job=Duration(2.0 * _HOUR, 1.7),
        zone_free=Duration(1.5 * _HOUR, 0.7),
        computing=Duration(240.0, 1.4),
        break_=Duration(40.0, 0.6),
        restart_share=0.04,
        restart_factor=15.0,
        racks_computing=(0.92, 1.0),
        source=(
            "steps between idle and full load within a second: synchronous training; run times of zone jobs: Cornell BioHPC, "
            "three GPU servers; all else assumed: computing for 4 min (median, 20 s to 40 min), breaks for checkpoints and "
            "evaluation of 15 to 100 s, one in 25 a restart of some ten minutes, hall-wide jobs half of the time"
        ),
    )
}
TRAINING_PROFILES["ai-one-job"] = dataclasses.replace(
    TRAINING_PROFILES["ai-training"],
    name="ai-one-job",
    hall_job=Duration(1e4 * _HOUR, 0.0),
    hall_free=Duration(1.0, 0.0),
    source="of ai-training, with one job that takes the whole hall for good",
)


class _Alternation(NamedTuple):
    """An on-off process: durations of either state, and how many of each may be needed."""

    on: Duration
    off: Duration
    restart_share: float  # of the off times
    restart_factor: float
    pairs: int

    @property
    def off_mean(self) -> float:
        return self.off.mean * (1.0 + self.restart_share * (self.restart_factor - 1.0))

    @property
    def on_share(self) -> float:
        return self.on.mean / (self.on.mean + self.off_mean)


def _alternation(
    on: Duration, off: Duration, length_s: float, restart_share: float = 0.0, restart_factor: float = 1.0
) -> _Alternation:
    mean = length_s / (on.mean + off.mean)
    # Means of few log-normal times stay below theirs: twice the mean count, and six standard deviations more.
    return _Alternation(on, off, restart_share, restart_factor, math.ceil(2.0 * mean + 6.0 * math.sqrt(mean) + 6.0))


def _is_on(process: _Alternation, random: RandomNumbers, slot_s: float, slots: int) -> NDArray[np.bool_]:
    """Whether it is on in each slot, shape (N, S). The first state is drawn by its share, its rest by its length-biased law."""
    rows, count = len(random), process.pairs
    on = process.on.median * np.exp(process.on.spread * random.normal(count))
    off = process.off.median * np.exp(process.off.spread * random.normal(count))
    first = random.normal(2)
    begins_on = random.uniform(1)[:, 0] < process.on_share
    passed = random.uniform(1)[:, 0]
    off = np.where(random.uniform(count) < process.restart_share, process.restart_factor, 1.0) * off

    def rest(state: Duration, normal: Array) -> Array:
        return (1.0 - passed) * state.median * np.exp(state.spread**2 + state.spread * normal)

    lengths = np.empty((rows, 2 * count + 2))
    lengths[:, 0] = np.where(begins_on, rest(process.on, first[:, 0]), 0.0)
    lengths[:, 1] = np.where(begins_on, off[:, 0], rest(process.off, first[:, 1]))
    lengths[:, 2::2], lengths[:, 3:-1:2], lengths[:, -1] = on, off[:, 1:], np.inf
    edges = np.minimum(np.rint(np.cumsum(lengths, axis=1) / slot_s), slots).astype(np.int64)
    # on from each even edge before (0 for the first) to the next: differences, summed up
    begin = np.concatenate([np.zeros((rows, 1), np.int64), edges[:, 1:-1:2]], axis=1)
    end = edges[:, ::2]
    row = np.arange(rows)[:, None] * (slots + 1)
    size = rows * (slots + 1)
    change = np.bincount((row + begin).ravel(), minlength=size) - np.bincount((row + end).ravel(), minlength=size)
    result: NDArray[np.bool_] = np.cumsum(change.reshape(rows, slots + 1)[:, :slots], axis=1) > 0
    return result


@dataclasses.dataclass(frozen=True)
class TrainingWorkload:
    """IT load of a training hall, drawn from a profile.

    Attributes
    ----------
    profile : TrainingProfile
    """

    profile: TrainingProfile

    @property
    def name(self) -> str:
        """Name of the profile."""
        return self.profile.name

    def expected(
        self, time_s: ArrayLike, first_weekday: ArrayLike | None = None, now_s: ArrayLike | None = None
    ) -> Array:
        """Return the mean load at times, any shape: training knows no calendar."""
        p = self.profile
        hall = _alternation(p.hall_job, p.hall_free, 1.0).on_share
        zone = _alternation(p.zone_job, p.zone_free, 1.0).on_share
        duty = _alternation(p.computing, p.break_, 1.0, p.restart_share, p.restart_factor).on_share
        mean = 0.5 * sum(p.racks_computing) * duty * (hall + (1.0 - hall) * zone)
        return np.full(np.shape(time_s), mean)

    def covers(self, start_s: ArrayLike, length_s: float) -> NDArray[np.bool_]:
        """Return true for all times, the shape of `start_s`."""
        return np.ones(np.shape(start_s), bool)

    def generate(
        self,
        seeds: Sequence[int] | RandomNumbers,
        start_s: ArrayLike,
        interval_s: float,
        steps: int,
        groups: int,
        first_weekday: ArrayLike | None = None,
    ) -> Array:
        """Return the utilization of rack groups, shape (N, T, R): means over the control intervals."""
        return self.generate_slotted(seeds, start_s, interval_s, steps, groups, min(groups, _ZONES), _SLOTS).mean

    def generate_slotted(
        self,
        seeds: Sequence[int] | RandomNumbers,
        start_s: ArrayLike,
        interval_s: float,
        steps: int,
        groups: int,
        zones: int,
        slots: int,
    ) -> SlottedLoad:
        """Return the load of rack groups, with the swings of zones of neighboring groups by slot.

        Parameters
        ----------
        seeds : sequence of int or RandomNumbers, length N
            One per environment; the same always gives the same load.
        start_s : array_like
            Without effect.
        interval_s : float
            Control interval [s].
        steps, groups, zones, slots : int
            Control intervals T, rack groups R, zones Z, slots K of a control interval.

        Returns
        -------
        SlottedLoad
        """
        if steps < 1 or groups < 1 or zones < 1 or slots < 1 or not interval_s > 0.0:
            raise InputError(
                f"workload: steps {steps}, groups {groups}, zones {zones}, slots {slots} and interval {interval_s} s "
                "must be positive"
            )
        random = load_streams(seeds)
        p, n, length = self.profile, len(random), steps * interval_s
        hall = _alternation(p.hall_job, p.hall_free, length)
        zone = _alternation(p.zone_job, p.zone_free, length)
        work = _alternation(p.computing, p.break_, length, p.restart_share, p.restart_factor)
        slot_s, count = interval_s / slots, steps * slots

        def drawn(process: _Alternation, purpose: str, number: int = 0) -> NDArray[np.bool_]:
            return _is_on(process, random.of(purpose, number), slot_s, count)

        hall_job, hall_computes = drawn(hall, "hall's job"), drawn(work, "hall's work")
        of_hall = hall_job & hall_computes
        level = np.empty((n, steps, zones, slots))
        for z in range(zones):
            of_zone = drawn(zone, "zone's job", z) & drawn(work, "zone's work", z)
            level[:, :, z] = (of_hall | (~hall_job & of_zone)).reshape(n, steps, slots)
        low, high = p.racks_computing
        share = low + (high - low) * random.uniform(groups)[:, None, :]
        mean = level.mean(axis=3, keepdims=True)
        of_group = mean[:, :, (np.arange(groups) * zones) // groups, 0]
        return SlottedLoad(share * of_group, np.broadcast_to(share, of_group.shape).copy(), level - mean)
