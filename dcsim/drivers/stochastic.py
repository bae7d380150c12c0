"""Random processes of the load generator, vectorised over environments: noises, jobs on groups, shifts of the hall.

How many random numbers an environment takes depends on the sizes asked for, never on the numbers drawn; events beyond
the count that six standard deviations allow are left out. Everything after the draws is element by element, or a
running sum along time, so that an environment alone and in a batch gives the same bits.
"""

import functools
import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dcsim.drivers.random_numbers import RandomNumbers
from dcsim.drivers.workload_profiles import Jobs, Noise, Shifts, WorkloadProfile

__all__ = ["Plan", "event_load", "group_noise", "hall_noise", "plan_draws"]

Array = NDArray[np.float64]

#: Knots of a noise per correlation time; between knots it is a straight line, which keeps the variance but raises the
#: autocorrelation at lags beyond a knot by 12.5 %.
_KNOTS_PER_TIME = 3.0

#: Share of a past innovation below which it counts as forgotten.
_FORGOTTEN = 1e-9

_SECONDS_PER_DAY = 86_400.0


class NoisePath(NamedTuple):
    """How a noise is made on an even grid: AR(1) on coarser knots, straight lines from knot to knot."""

    deviation: float  # of the knots, raised by what straight lines lose in between
    per_knot: int  # grid points from knot to knot
    knots: int
    memory: float  # correlation of neighboring knots
    before: NDArray[np.int64]  # (T,) knot at or before each grid point
    weight: Array  # (T, 1) of the knot after it

    def at_knots(self, random: RandomNumbers, columns: int) -> Array:
        """Return independent noises on the knots, shape (N, K, columns)."""
        normals = random.normal(self.knots, columns)
        values = normals * (self.deviation * math.sqrt(1.0 - self.memory**2))
        values[:, 0] = normals[:, 0] * self.deviation
        # Recursive doubling of x[k] += memory x[k-1]: after a pass each knot holds twice as many of the past ones.
        stride, factor = 1, self.memory
        while stride < self.knots and factor > _FORGOTTEN:
            values[:, stride:] += factor * values[:, :-stride]
            stride, factor = 2 * stride, factor * factor
        return values

    def between_knots(self, values: Array) -> Array:
        """Return the straight lines from knot to knot, shape (N, T, columns)."""
        if self.per_knot == 1:
            return values[:, : len(self.before)]
        lines = np.take(values[:, 1:] - values[:, :-1], self.before, axis=1)
        lines *= self.weight
        lines += np.take(values, self.before, axis=1)
        return lines


def _noise_path(noise: Noise, interval_s: float, steps: int) -> NoisePath:
    per_knot = max(1, int(noise.time / (_KNOTS_PER_TIME * interval_s)))
    memory = math.exp(-per_knot * interval_s / noise.time)
    step = np.arange(steps)
    before = step // per_knot
    weight = (step % per_knot) / per_knot
    # Mean over all weights of (1-w)^2 + w^2 + 2 w (1-w) memory, the variance of a straight line between two knots.
    share = np.arange(per_knot) / per_knot
    variance = float(np.mean((1.0 - share) ** 2 + share**2 + 2.0 * share * (1.0 - share) * memory))
    return NoisePath(
        noise.deviation / math.sqrt(variance), per_knot, int(before[-1]) + 2, memory, before, weight[:, None]
    )


class Plan(NamedTuple):
    """What the generator knows before it draws; one per profile and sizes."""

    interval_s: float
    steps: int
    groups: int
    hall: tuple[NoisePath, ...]
    group: NoisePath
    spread: NoisePath  # on the knots of `group`
    jobs: Jobs | None
    job_counts: tuple[int, int]  # running at the start, arriving later
    jobs_at_start: float  # mean number in the hall
    job_width: float  # scale of the number of groups that a job takes beyond the first
    shifts: Shifts | None
    shift_count: int
    lead: int  # steps before the first that the ramps of shifts need


@functools.lru_cache(maxsize=64)
def plan_draws(profile: WorkloadProfile, interval_s: float, steps: int, groups: int) -> Plan:
    """Return the plan of a profile for T steps and R groups."""
    hall = tuple(_noise_path(one, interval_s, steps) for one in profile.noise)
    group = _noise_path(profile.group_noise, interval_s, steps)
    spread = _noise_path(profile.spread, interval_s * group.per_knot, group.knots)
    jobs, shifts = profile.jobs, profile.shifts
    job_counts, at_start, width = (0, 0), 0.0, 0.0
    if jobs is not None:
        width = jobs.width * groups
        at_start = jobs.running * groups / _mean_width(width, groups)
        job_counts = (_enough(at_start), _enough(at_start * steps * interval_s / jobs.time_mean))
    shift_count = lead = 0
    if shifts is not None:
        lead = max(1, round(shifts.ramp_time / interval_s))
        shift_count = _enough(shifts.per_day * (_shift_history(shifts) + steps * interval_s) / _SECONDS_PER_DAY)
    return Plan(
        interval_s=interval_s,
        steps=steps,
        groups=groups,
        hall=hall,
        group=group,
        spread=spread,
        jobs=jobs,
        job_counts=job_counts,
        jobs_at_start=at_start,
        job_width=width,
        shifts=shifts,
        shift_count=shift_count,
        lead=lead,
    )


def _enough(mean: float) -> int:
    """Return a count that a Poisson number of this mean practically never passes."""
    return math.ceil(mean + 6.0 * math.sqrt(mean) + 6.0)


def _mean_width(scale: float, groups: int) -> float:
    """Return the mean of min(groups, 1 + floor(scale x)) for a standard exponential x."""
    return 1.0 if scale == 0.0 else 1.0 + sum(math.exp(-k / scale) for k in range(1, groups))


def _shift_history(shifts: Shifts) -> float:
    """Return how long before the start shifts are followed [s]: 1 in 3000 that still holds is older."""
    return 8.0 * shifts.hold_time + shifts.ramp_time


def hall_noise(plan: Plan, random: RandomNumbers) -> Array:
    """Return the sum of the hall's noises, shape (N, T), fraction of capacity."""
    total = np.zeros((1, plan.steps))
    for path in plan.hall:
        total = total + path.between_knots(path.at_knots(random, 1))[:, :, 0]
    return total


def group_noise(plan: Plan, random: RandomNumbers) -> Array:
    """Return what sets the groups apart, slow spread and fast noise, shape (N, T, R), for a group at half load.

    Notes
    -----
    The spread sums to zero over the groups, and is raised so that a single group's deviation stays what the profile
    says.
    """
    values = plan.group.at_knots(random, plan.groups)
    spread = plan.spread.at_knots(random, plan.groups)
    if plan.groups > 1:
        spread -= spread.mean(axis=2, keepdims=True)
        spread *= math.sqrt(plan.groups / (plan.groups - 1.0))
        values += plan.spread.between_knots(spread)
    return plan.group.between_knots(values)


class _Pulses(NamedTuple):
    """Rectangular pulses; fields of shape (N, J)."""

    begin: Array  # [steps from the first]
    end: Array
    height: Array  # fraction of capacity
    column: NDArray[np.int64]


def event_load(plan: Plan, random: RandomNumbers) -> tuple[Array | None, Array | None]:
    """Return the load of shifts, shape (N, T), and of jobs, shape (N, T, R); None without any. Fractions of capacity.

    Notes
    -----
    A shift is a pulse of the whole hall, averaged over the ramp time: a ramp up and a ramp down.
    """
    pulses = []
    if plan.jobs is not None:
        pulses.append(_job_pulses(plan, plan.jobs, random))
    if plan.shifts is not None:
        pulses.append(_shift_pulses(plan, plan.shifts, random))
    if not pulses:
        return None, None
    first_column = plan.groups if plan.jobs is None else 0
    last_column = plan.groups if plan.shifts is None else plan.groups + 1
    all_pulses = _Pulses(*(np.concatenate(parts, axis=1) for parts in zip(*pulses, strict=True)))
    levels = _sum_of_pulses(all_pulses, plan.lead, plan.steps, first_column, last_column)
    shift_load = job_load = None
    if plan.shifts is not None:
        total = np.cumsum(levels[:, :, -1], axis=1)
        shift_load = (total[:, plan.lead :] - total[:, : -plan.lead]) / plan.lead
    if plan.jobs is not None:
        job_load = levels[:, plan.lead :, : plan.groups]
    return shift_load, job_load


def _job_pulses(plan: Plan, jobs: Jobs, random: RandomNumbers) -> _Pulses:
    """Return one pulse per job and group it takes.

    Notes
    -----
    Stationary from the first interval on: the jobs that run at the start are a Poisson number, their run times are
    drawn in proportion to their length, and a uniform share of each has passed (M/G/infinity queue).
    """
    running, arriving = plan.job_counts
    count = running + arriving
    gaps = random.exponential(count)
    logarithm = jobs.time_spread * random.normal(count)
    logarithm[:, :running] += jobs.time_spread**2
    time = (jobs.time_median / plan.interval_s) * np.exp(logarithm)
    time[:, :running] *= random.uniform(running)
    time[:, :running][np.cumsum(gaps[:, :running], axis=1) > plan.jobs_at_start] = 0.0
    begin = np.zeros(time.shape)
    mean_gap = jobs.time_mean / (plan.jobs_at_start * plan.interval_s)
    np.cumsum(gaps[:, running:], axis=1, out=begin[:, running:])
    begin *= mean_gap
    time += begin
    column = np.minimum((plan.groups * random.uniform(count)).astype(np.int64), plan.groups - 1)
    width = np.minimum((plan.job_width * random.exponential(count)).astype(np.int64), plan.groups - 1)
    height = np.full(begin.shape, jobs.load)
    widest = int(width.max())
    if widest == 0:
        return _Pulses(begin, time, height, column)
    # A block of neighboring groups, closed to a ring: the same pulse once per group.
    offset = np.arange(widest + 1)[:, None]
    rows = len(begin)
    return _Pulses(
        np.tile(begin, widest + 1),
        np.tile(time, widest + 1),
        np.where(offset <= width[:, None], jobs.load, 0.0).reshape(rows, -1),
        ((column[:, None] + offset) % plan.groups).reshape(rows, -1),
    )


def _shift_pulses(plan: Plan, shifts: Shifts, random: RandomNumbers) -> _Pulses:
    """Return one pulse per shift, from long enough before the first step that the number that holds is stationary."""
    gaps = random.exponential(plan.shift_count)
    begin = np.cumsum(gaps, axis=1)
    begin *= _SECONDS_PER_DAY / (shifts.per_day * plan.interval_s)
    begin -= _shift_history(shifts) / plan.interval_s
    end = begin + (shifts.hold_time / plan.interval_s) * random.exponential(plan.shift_count)
    height = shifts.deviation * random.normal(plan.shift_count)
    return _Pulses(begin, end, height, np.full(begin.shape, plan.groups))


def _sum_of_pulses(pulses: _Pulses, lead: int, steps: int, first_column: int, last_column: int) -> Array:
    """Return the sums of pulses as means over the steps, shape (N, lead + T, columns)."""
    rows, columns, length = len(pulses.begin), last_column - first_column, lead + steps
    # Differences from step to step, summed up afterwards. An edge inside a step shares it: the mean is exact.
    edges = np.concatenate([pulses.begin, pulses.end], axis=1)
    edges += lead
    np.minimum(np.maximum(edges, 0.0, out=edges), length, out=edges)
    change = np.concatenate([pulses.height, -pulses.height], axis=1)
    step = edges.astype(np.int64)
    later = change * (edges - step)
    cell = (np.arange(rows)[:, None] * (length + 2) + step) * columns
    cell += np.concatenate([pulses.column, pulses.column], axis=1) - first_column
    changes = np.bincount(
        np.concatenate([cell, cell + columns]).ravel(),
        weights=np.concatenate([change - later, later]).ravel(),
        minlength=rows * (length + 2) * columns,
    )
    levels: Array = np.cumsum(changes.reshape(rows, length + 2, columns)[:, :length], axis=1, dtype=np.float64)
    return levels
