"""What a fit minimises, with its derivatives: ``sum(rho(r) / tau) + |v|^2 / 2``.

``v`` are variables in spreads of their priors. ``r`` is what a sensor would show less what it showed, over the channel's noise, and ``rho``
Huber's function, so that what a reader of faults has missed weighs little. ``tau`` is the autocorrelation time of the channel's errors in
steps: what a model misses lasts, and readings within that time say the same thing once.

Variables are parameters of the hall, slow temperatures at the start, and what is the sensors' own: a lag of those on racks, an offset for every
temperature, and for sensors behind racks the share of the room's air that they hang in. For the derivatives by the sensors' own no hall is run.

References
----------
.. [1] Huber, Robust estimation of a location parameter, Annals of Mathematical Statistics 35 (1964).
.. [2] Sokal, Monte Carlo methods in statistical mechanics, in Functional Integration (1997): windows of autocorrelation times.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from dcsim.calibration.batch import SLOW_FIELDS, Bench
from dcsim.errors import InputError
from dcsim.plant.hall import build_hall
from dcsim.replay import Boundaries
from dcsim.replay.sensors import lag_share

Array = np.ndarray

STEP_LEAST, STEP_MOST = 3e-4, 0.02
"""Spreads of a prior, to both sides, for derivatives: as far as a variable by itself is uncertain. Beyond that a hall is not linear, and what is
no derivative tells variables apart that the log does not."""
ONE_SIDED_MAX = 2.0  # times the lesser of both one-sided slopes that a slope may be
WARM_UP_S, WARM_UP_SHARE = 3600.0, 0.25
"""Time at the start of a segment, at most that share of the longest, in which readings do not count: what machines and air were at is not
known, and is forgotten by then."""
HUBER = 2.5  # noises, from which an error counts linearly
OFFSET_SPREAD = 0.5  # K: usual limits of error of sensors in air, and where in the air they hang
SHARE_SPREAD, SHARE_MAX = 0.3, 0.95
MIXED = ("rack_outlet_temperature",)
"""Signals whose sensors hang in air that others' exhaust mixes into. In front of racks that mixing warms the servers, and is the hall's."""

LAG_SPREAD, LAG_MAX = 300.0, 3600.0  # s
LAGGING = (("rack_front", "rack_inlet"), ("rack_outlet",))
"""Beginnings of signals whose sensors share a lag: they are mounted on racks, whose metal they follow."""

# The least noise there may be.
NOISE_LEAST = 0.05  # K
RELATIVE_LEAST = 0.005  # of a channel's mean size
METER_LEAST = 0.2  # of the mean of a power, below which its noise falls no further with it: meters err by a share of what they read


@dataclass(frozen=True)
class Noise:
    """What is known of the channels' errors.

    Attributes
    ----------
    size : ndarray, shape (C,)
        Standard deviation, in the channel's unit; of a power where that is as its mean.
    time : ndarray, shape (C,)
        Autocorrelation time [steps], at least 1.
    scale : ndarray, shape (C, T)
        Times the size, of each reading: of a power as the hall shows it, since what was read would weigh high readings less.
    """

    size: Array
    time: Array
    scale: Array

    def distance(self, other: "Noise") -> float:
        """Greatest relative difference of a channel's size or time from another's."""
        pairs = ((self.size, other.size), (self.time, other.time))
        return max(float(np.abs(mine / its - 1.0).max()) for mine, its in pairs)


class Local(NamedTuple):
    """A variable that belongs to one channel."""

    channel: int
    is_share: bool

    @property
    def spread(self) -> float:
        """Of its prior [K or -]."""
        return SHARE_SPREAD if self.is_share else OFFSET_SPREAD


class Split(NamedTuple):
    """Variables (V, N) by what they are."""

    z: Array  # (P, N) parameters
    starts: Array  # (number of starts, N) K
    offsets: Array  # (C, N) K
    shares: Array  # (C, N)
    times: Array  # (C, N) s


class Normal:
    """Normal equations without the prior's part.

    Attributes
    ----------
    cost : float
        With the prior's part.
    matrix : ndarray, shape (V, V)
    gradient : ndarray, shape (V,)
    by_block : ndarray, shape (B, V)
        The gradient's parts along the log.
    """

    def __init__(self, variables: int, blocks: int) -> None:
        self.cost = 0.0
        self.matrix = np.zeros((variables, variables))
        self.gradient = np.zeros(variables)
        self.by_block = np.zeros((blocks, variables))


def counted(boundaries: Boundaries, until: int) -> Array:
    """Steps before one that count, shape (T,): all in segments but for their warm-up."""
    ends = [(segment.start, min(segment.stop, until)) for segment in boundaries.segments]
    longest = max(0, *(stop - start for start, stop in ends))
    warm_up = round(min(WARM_UP_S / boundaries.step_s, WARM_UP_SHARE * longest))
    count = np.zeros(len(boundaries.time), bool)
    for start, stop in ends:
        count[start + warm_up : max(stop, start + warm_up)] = True
    return count


class Objective:
    """A bench, the part of its log that is looked at, and the variables.

    Parameters
    ----------
    bench : Bench
    until : int
        Step from which on nothing is looked at.
    """

    def __init__(self, bench: Bench, until: int) -> None:
        self.bench, self.until = bench, until
        self.measured = np.stack([each.values for each in bench.channels])
        self.known = np.isfinite(self.measured) & counted(bench.boundaries, until)
        is_temperature = np.array([each.unit == "degC" for each in bench.channels])
        mean = np.array(
            [np.abs(row[ok]).mean() if ok.any() else 0.0 for row, ok in zip(self.measured, self.known, strict=True)]
        )
        is_meter = (mean > 0.0) & np.array([each.unit == "W" for each in bench.channels])
        self._mean = np.where(is_meter, mean, np.inf)[:, None]
        self._least = np.where(is_temperature, NOISE_LEAST, RELATIVE_LEAST * mean)
        self._offset = np.array([[each.offset] for each in bench.channels])  # of the mapping
        self._share = np.array([[each.room_share] for each in bench.channels])
        self._time = np.array([[each.time_constant] for each in bench.channels])
        groups = [[k for k, each in enumerate(bench.channels) if each.signal.startswith(names)] for names in LAGGING]
        self.lags = tuple(np.array(group) for group in groups if group)
        self.locals = tuple(
            Local(k, is_share)
            for is_share in (False, True)
            for k, each in enumerate(bench.channels)
            if each.unit == "degC" and (not is_share or each.signal in MIXED)
        )
        kinds = [(each.signal, each.unit) for each in bench.channels]
        self._alike = [np.array([k for k, kind in enumerate(kinds) if kind == one]) for one in dict.fromkeys(kinds)]
        self.steps = np.full(self.shared, STEP_MOST)  # for derivatives, as the last ones have found them
        self._start_spreads = np.array([[SLOW_FIELDS[start.field]] for start in bench.starts]).reshape(-1, 1)
        self.halls = 0  # runs of a hall through the log

    @property
    def of_hall(self) -> int:
        """Variables that halls are run for: parameters and starts."""
        return len(self.bench.parameters) + len(self.bench.starts)

    @property
    def shared(self) -> int:
        """Variables that several channels depend on: those and the lags."""
        return self.of_hall + len(self.lags)

    @property
    def variables(self) -> int:
        """V, number of all variables."""
        return self.shared + len(self.locals)

    @property
    def bounds(self) -> tuple[Array, Array]:
        """Least and greatest values, each of shape (V,)."""
        low, high = np.full(self.variables, -np.inf), np.full(self.variables, np.inf)
        for k, parameter in enumerate(self.bench.parameters):
            low[k], high[k] = parameter.bounds
        for k, group in enumerate(self.lags, self.of_hall):
            time = self._time[group].max()
            low[k], high[k] = -time / LAG_SPREAD, (LAG_MAX - time) / LAG_SPREAD
        for k, each in enumerate(self.locals, self.shared):
            if each.is_share:
                share = self._share[each.channel, 0]
                low[k], high[k] = -share / SHARE_SPREAD, (SHARE_MAX - share) / SHARE_SPREAD
        return low, high

    def split(self, v: Array) -> Split:
        """Take variables (V, N) apart."""
        count = len(self.bench.parameters)
        offsets, shares, times = (np.repeat(x, v.shape[1], axis=1) for x in (self._offset, self._share, self._time))
        for row, group in zip(v[self.of_hall : self.shared], self.lags, strict=True):
            times[group] = np.maximum(times[group] + LAG_SPREAD * row, 0.0)
        for row, each in zip(v[self.shared :], self.locals, strict=True):
            (shares if each.is_share else offsets)[each.channel] += each.spread * row
        starts = self._start_spreads * v[count : self.of_hall]
        return Split(v[:count], starts, offsets, shares, times)

    def noise_of(self, v: Array) -> Noise:
        """Noise and autocorrelation time of what sensors show at variables (V,) less what they showed."""
        all_shown = np.full(self.measured.shape, np.nan)
        for steps, shown, _ in self._shown(v[:, None]):
            all_shown[:, steps] = shown[:, :, 0]
        scale = np.where(np.isinf(self._mean), 1.0, np.maximum(np.abs(all_shown) / self._mean, METER_LEAST))
        away = np.where(self.known, (all_shown - self.measured) / scale, np.nan)
        size, time = np.empty((2, len(away)))
        for k, row in enumerate(away):
            if not np.isfinite(row).any():
                size[k], time[k] = self._least[k], 1.0
                continue
            around = row - np.nanmedian(row)  # a lasting difference is for offsets and parameters to explain
            size[k] = max(1.4826 * float(np.nanmedian(np.abs(around))), self._least[k])
            time[k] = autocorrelation_time(np.clip(around, -HUBER * size[k], HUBER * size[k]))
        for group in self._alike:  # a channel that is met badly is not a worse sensor than its like
            size[group] = np.sqrt(np.mean(size[group] ** 2))
            time[group] = time[group].mean()
        return Noise(size, time, scale)

    def errors(self, v: Array, since: int) -> Array:
        """Root mean square errors of the channels from a step on at variables (V,), NaN where nothing counts, shape (C,)."""
        square, count = np.zeros((2, len(self.measured)))
        for steps, shown, _ in self._shown(v[:, None]):
            known = self.known[:, steps] & (np.arange(steps.start, steps.stop) >= since)
            square += (np.where(known, shown[:, :, 0] - self.measured[:, steps], 0.0) ** 2).sum(axis=1)
            count += known.sum(axis=1)
        return np.sqrt(np.where(count > 0, square / np.maximum(count, 1), np.nan))

    def costs(self, v: Array, noise: Noise) -> Array:
        """Return the costs of variables (V, N); infinite where a hall would not be valid."""
        total = 0.5 * (v**2).sum(axis=0)
        good = np.flatnonzero([self._is_valid(column) for column in v.T])
        total[np.setdiff1d(np.arange(len(total)), good)] = np.inf
        if not len(good):
            return total
        spent = np.zeros(v.shape[1])
        taken = v[:, np.resize(good, v.shape[1])]  # as many as were asked for, which one engine runs
        for steps, shown, _ in self._shown(taken):
            r = self._residuals(steps, shown, noise)
            spent += (_rho(r) / noise.time[:, None, None]).sum(axis=(0, 1))
        total[good] += spent[: len(good)]
        return np.where(np.isfinite(total), total, np.inf)

    def _is_valid(self, v: Array) -> bool:
        try:
            build_hall(self.bench.hall_at(self.split(v[:, None]).z[:, 0]))
        except (InputError, ValueError):  # numbers that do not go together, or that nothing can be sized for
            return False
        return True

    def _shown(self, v: Array, halls: Array | None = None) -> Iterator[tuple[slice, Array, Array]]:
        """Blocks of steps with what sensors show at variables (V, N), and what the room's share adds to that for each 1, both (C, T, N).

        ``halls`` says of each column which other has the same hall, where fewer than all are to be run.
        """
        own = np.arange(v.shape[1]) if halls is None else np.unique(halls)
        back = own if halls is None else np.searchsorted(own, halls)
        parts, step_s = self.split(v), self.bench.boundaries.step_s
        self.halls += len(own)
        keep = 1.0 - lag_share(parts.times, step_s)
        last = [np.empty(0)] * 2
        begins = {segment.start for segment in self.bench.boundaries.segments}
        for steps, air, room in self.bench.run(parts.z[:, own], parts.starts[:, own], self.until):
            warmer = (room - air)[:, :, back]
            shown = air[:, :, back] + parts.shares[:, None] * warmer + parts.offsets[:, None]
            lagging = np.flatnonzero(keep.any(axis=1))
            if len(lagging):
                if steps.start in begins:
                    last = [shown[lagging, 0], warmer[lagging, 0]]
                last = [_lag(x, keep[lagging], lagging, at) for x, at in zip((shown, warmer), last, strict=True)]
            yield steps, shown, warmer

    def _residuals(self, steps: slice, shown: Array, noise: Noise) -> Array:
        away = np.where(self.known[:, steps, None], shown - self.measured[:, steps, None], 0.0)
        return away / (noise.size[:, None] * noise.scale[:, steps])[:, :, None]

    def normal(self, v: Array, noise: Noise, blocks: int = 0) -> Normal:
        """Return the normal equations at variables (V,).

        Parameters
        ----------
        v : ndarray, shape (V,)
        noise : Noise
        blocks : int
            Parts of the log of which the gradient is wanted each.
        """
        low, high = self.bounds
        sides = [v]
        for k in range(self.shared):
            for side in (self.steps[k], -self.steps[k]):
                moved = v.copy()
                moved[k] = np.clip(moved[k] + side, low[k], high[k])
                sides.append(moved if self._is_valid(moved) else v)
        width = np.array([abs(each[k // 2] - v[k // 2]) for k, each in enumerate(sides[1:])])
        width[width == 0.0] = np.inf  # nothing is known of it here, or a bound stands there
        halls = np.arange(len(sides))
        halls[1 + 2 * self.of_hall :] = 0  # a sensor's lag leaves the hall as it is
        found = Normal(self.variables, blocks)
        length = -(-self.until // max(blocks, 1))
        for steps, shown, warmer in self._shown(np.stack(sides, axis=1), halls):
            r = self._residuals(steps, shown[:, :, :1], noise)[:, :, 0]
            up, down = ((shown[:, :, k::2] - shown[:, :, :1]) / width[k - 1 :: 2] * (3 - 2 * k) for k in (1, 2))
            slopes = _agreed(up, down, np.isfinite(width[::2]), np.isfinite(width[1::2]))
            by_step = self._add(found, steps, r, slopes, warmer[:, :, 0], noise)
            if blocks:
                np.add.at(found.by_block, np.arange(steps.start, steps.stop) // length, by_step)
        found.cost += 0.5 * float((v**2).sum())
        self.steps = np.clip(1.0 / np.sqrt(1.0 + np.diag(found.matrix)[: self.shared]), STEP_LEAST, STEP_MOST)
        return found

    def _add(self, into: Normal, steps: slice, r: Array, slopes: Array, warmer: Array, noise: Noise) -> Array:
        """Add a block of steps to normal equations; return the gradient's parts by step, shape (T, V)."""
        n, known, tau = self.shared, self.known[:, steps], noise.time[:, None]
        size = noise.size[:, None] * noise.scale[:, steps]
        into.cost += float((_rho(r) / tau).sum())
        weight = np.minimum(1.0, HUBER / np.maximum(np.abs(r), 1e-12)) / tau * known
        shared = np.where(known[:, :, None], slopes, 0.0) / size[:, :, None]
        flat = shared.reshape(-1, n)
        into.matrix[:n, :n] += flat.T @ (weight.reshape(-1, 1) * flat)
        gradient = [np.einsum("ctn,ct->tn", shared, weight * r)]
        slope_of: list[Array] = []
        for each in self.locals:
            own = (warmer[each.channel] if each.is_share else np.ones(known.shape[1])) * each.spread
            slope_of.append(np.where(known[each.channel], own, 0.0) / size[each.channel])
        for i, each in enumerate(self.locals):
            weighted = weight[each.channel] * slope_of[i]
            cross = shared[each.channel].T @ weighted
            into.matrix[:n, n + i] += cross
            into.matrix[n + i, :n] += cross
            for j, other in enumerate(self.locals):
                if other.channel == each.channel:
                    into.matrix[n + i, n + j] += float(weighted @ slope_of[j])
            gradient.append((weighted * r[each.channel])[:, None])
        by_step = np.concatenate(gradient, axis=1)
        into.gradient += by_step.sum(axis=0)
        return by_step


def _agreed(up: Array, down: Array, is_up: Array, is_down: Array) -> Array:
    """Slopes from both one-sided ones, (C, T, n), as far as these agree; of those that are known, (n,), at a bound the other one.

    Where a machine switches at another moment than in the hall beside it, the difference between the two is no derivative, and the hall on the
    other side does not share it.
    """
    up, down = np.where(is_up, up, down), np.where(is_down, down, up)
    least = ONE_SIDED_MAX * np.minimum(np.abs(up), np.abs(down))
    return np.where(up * down > 0.0, np.clip(0.5 * (up + down), -least, least), 0.0)


def _lag(x: Array, keep: Array, rows: Array, last: Array) -> Array:
    """Let channels of (C, T, N) lag behind themselves, in place; return where they are at the end."""
    for k in range(x.shape[1]):
        last = keep * last + (1.0 - keep) * x[rows, k]
        x[rows, k] = last
    return last


def _rho(r: Array) -> Array:
    size = np.abs(r)
    return np.where(size < HUBER, 0.5 * r**2, HUBER * size - 0.5 * HUBER**2)


def autocorrelation_time(x: Array) -> float:
    """Integrated autocorrelation time of a series around zero [steps], at least 1; unknown values may be NaN.

    The sum of autocorrelations is cut off where its window is five times itself (Sokal 1997).
    """
    known = np.isfinite(x)
    size = 2 * len(x)
    values, counts = np.fft.rfft(np.where(known, x, 0.0), size), np.fft.rfft(known.astype(float), size)
    lagged, pairs = (np.fft.irfft(np.abs(each) ** 2, size)[: len(x)] for each in (values, counts))
    if not lagged[0] > 0.0:
        return 1.0
    correlation = (lagged / np.maximum(pairs, 1.0)) / (lagged[0] / pairs[0])
    times = 2.0 * np.cumsum(correlation) - 1.0
    window = np.flatnonzero(np.arange(len(times)) >= 5.0 * times)
    return max(1.0, float(times[window[0]] if len(window) else times.max()))
