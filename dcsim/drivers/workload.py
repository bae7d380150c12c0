"""IT load as utilization of rack groups: a seeded generator.

The load of group r is

    u_r = h + 4 h (1 - h) (s_r + n_r) + j_r,        h = level + day + week + noise + shifts,

cut to 0 ... 1, where h is the hall's load, s_r wanders slowly between groups and sums to zero over them, n_r is fast
noise of a group and j_r are the jobs running on it. Row k holds means over the control interval that starts at
``start_s + k * interval_s``.

Everything random of an environment comes from its own streams, in draws whose number depends only on the sizes asked
for; all arithmetic after that is element by element. So row i of a batch equals, to the bit, the same environment
alone.

Left out: memory, network and storage load, and any reaction of the load to heat (that is the plant's).
"""

import dataclasses
import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dcsim.drivers.calendar import FIRST_WEEKDAY, hour_of_day
from dcsim.drivers.random_numbers import RandomNumbers, load_streams
from dcsim.drivers.stochastic import Plan, event_load, group_noise, hall_noise, plan_draws
from dcsim.drivers.workload_profiles import WorkloadProfile
from dcsim.errors import InputError

__all__ = ["GeneratedWorkload", "Workload", "uneven_load"]

Array = NDArray[np.float64]

#: Numbers in a block of environments that are generated together: 1 MiB.
_BLOCK = 1 << 17

_HOURS_PER_WEEK = 168.0
_WEEKEND_CENTER = 144.0  # Sunday 00:00, hours since Monday 00:00
_WEEKEND_EDGE = 6.0  # hours over which Friday's level turns into Saturday's (assumed: a night)


class Workload(Protocol):
    """What an environment asks of an IT load."""

    @property
    def name(self) -> str:
        """Name of the profile or file."""

    def generate(
        self,
        seeds: Sequence[int] | RandomNumbers,
        start_s: ArrayLike,
        interval_s: float,
        steps: int,
        groups: int,
        first_weekday: ArrayLike | None = None,
    ) -> Array:
        """Return the utilization of the rack groups, shape (N, T, R), 0 to 1."""

    def expected(
        self, time_s: ArrayLike, first_weekday: ArrayLike | None = None, now_s: ArrayLike | None = None
    ) -> Array:
        """Return the hall's load that the calendar predicts from what is known by `now_s`, 0 to 1; NaN for nothing."""

    def covers(self, start_s: ArrayLike, length_s: float) -> NDArray[np.bool_]:
        """Return whether there is load from times [s] on for some time [s], the shape of `start_s`."""


@dataclasses.dataclass(frozen=True)
class GeneratedWorkload:
    """IT load drawn from a statistical profile.

    Attributes
    ----------
    profile : WorkloadProfile
        The statistics.
    first_weekday : int
        Weekday of 1 January, Monday = 0.
    """

    profile: WorkloadProfile
    first_weekday: int = FIRST_WEEKDAY

    @property
    def name(self) -> str:
        """Name of the profile."""
        return self.profile.name

    def expected(
        self, time_s: ArrayLike, first_weekday: ArrayLike | None = None, now_s: ArrayLike | None = None
    ) -> Array:
        """Return the mean load of a group at times: what the calendar tells, and no noise.

        Parameters
        ----------
        time_s : array_like, any shape
            Time [s] since 1 January 00:00 local standard time.
        first_weekday : array_like of int, optional
            Weekday of 1 January at each time instead of the workload's own; broadcasts with `time_s`.
        now_s : array_like, optional
            Without effect: the profile is known at all times.

        Returns
        -------
        ndarray, same shape
            Mean utilization over all seeds, jobs included.
        """
        calendar = _calendar_load(self.profile, time_s, self.first_weekday if first_weekday is None else first_weekday)
        jobs = self.profile.jobs
        if jobs is None:
            return np.minimum(calendar, 1.0)
        # The number of jobs on a group is a Poisson number; what does not fit under full load is lost.
        load = np.zeros(calendar.shape)
        probability, remainder = math.exp(-jobs.running), 1.0
        for count in range(math.ceil(jobs.running + 6.0 * math.sqrt(jobs.running)) + 1):
            load += probability * np.minimum(calendar + count * jobs.load, 1.0)
            remainder -= probability
            probability *= jobs.running / (count + 1.0)
        return load + remainder

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
        """Return the utilization of rack groups for a batch of environments.

        Parameters
        ----------
        seeds : sequence of int or RandomNumbers, length N
            One per environment; the same always gives the same load.
        start_s : array_like, scalar or shape (N,)
            Start of the first interval [s since 1 January 00:00 local standard time].
        interval_s : float
            Control interval [s].
        steps : int
            Number of intervals T.
        groups : int
            Number of rack groups R.
        first_weekday : array_like of int, scalar or shape (N,), optional
            Weekday of 1 January of each environment, instead of the workload's own.

        Returns
        -------
        ndarray, shape (N, T, R)
            Mean utilization over each interval, 0 to 1.
        """
        if steps < 1 or groups < 1 or not interval_s > 0.0:
            raise InputError(f"workload: steps {steps}, groups {groups} and interval {interval_s} s must be positive")
        random = load_streams(seeds)
        plan = plan_draws(self.profile, float(interval_s), int(steps), int(groups))
        start = np.broadcast_to(np.asarray(start_s, dtype=np.float64), (len(random),))
        weekday = np.broadcast_to(self.first_weekday if first_weekday is None else first_weekday, start.shape)
        load = np.empty((len(random), steps, groups))
        # Blocks whose arrays stay in the processor's cache; the result does not depend on them.
        rows = max(1, _BLOCK // (steps * groups))
        for first in range(0, len(random), rows):
            block = slice(first, first + rows)
            self._fill(load[block], random[block], start[block], weekday[block], plan)
        return load

    def _fill(
        self,
        load: Array,
        random: RandomNumbers,
        start_s: Array,
        first_weekday: NDArray[np.int64],
        plan: Plan,
    ) -> None:
        middle = start_s[:, None] + (np.arange(plan.steps) + 0.5) * plan.interval_s
        hall = _calendar_load(self.profile, middle, first_weekday[:, None])
        hall += hall_noise(plan, random)
        shift_load, job_load = event_load(plan, random)
        if shift_load is not None:
            hall += shift_load
        uneven_load(hall, group_noise(plan, random), job_load, out=load)


def uneven_load(hall: Array, group: Array, jobs: Array | None = None, out: Array | None = None) -> Array:
    """Return the load of rack groups, 0 to 1, from that of the hall and what sets the groups apart.

    Parameters
    ----------
    hall : ndarray, shape (N, T)
        Load of the hall; cut to 0 ... 1.
    group : ndarray, shape (N, T, R)
        Spread and noise of the groups at half load.
    jobs : ndarray, shape (N, T, R), optional
        Load that jobs add.
    out : ndarray, shape (N, T, R), optional
        Where to put the result.

    Returns
    -------
    ndarray, shape (N, T, R)
    """
    hall = np.minimum(np.maximum(hall, 0.0), 1.0)[:, :, None]
    load = np.multiply(group, 4.0 * hall * (1.0 - hall), out=out)
    load += hall
    if jobs is not None:
        load += jobs
    return np.minimum(np.maximum(load, 0.0, out=load), 1.0, out=load)


def _calendar_load(profile: WorkloadProfile, time_s: ArrayLike, first_weekday: ArrayLike) -> Array:
    """Return level, day and week of the hall's load."""
    time_s = np.asarray(time_s, dtype=np.float64)
    load = np.full(time_s.shape, profile.level)
    if profile.daily_amplitude:
        load += profile.daily_amplitude * np.cos((2.0 * np.pi / 24.0) * (hour_of_day(time_s) - profile.peak_hour))
    if profile.weekend_drop:
        hours = np.mod(time_s / 3600.0 + 24.0 * np.asarray(first_weekday) - _WEEKEND_CENTER, _HOURS_PER_WEEK)
        distance = np.minimum(hours, _HOURS_PER_WEEK - hours)
        weekend = np.clip((24.0 + 0.5 * _WEEKEND_EDGE - distance) / _WEEKEND_EDGE, 0.0, 1.0)
        load -= profile.weekend_drop * weekend
    return load
