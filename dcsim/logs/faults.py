"""What is wrong with a channel's samples, from its own readings; every threshold stands here with its reason.

Detectors return which samples they mean. A detector that would mean a large part of a channel describes how the channel is,
not a fault of single samples, and its finding is reported without masking.
"""

import re
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dcsim.logs.log import SECOND
from dcsim.logs.units import QUANTITIES

__all__ = [
    "Finding",
    "clipped",
    "dips_and_spikes",
    "gaps",
    "impossible",
    "is_command",
    "off",
    "period_of",
    "quantisation",
    "resolution_of",
    "runs",
    "sentinels",
    "stuck",
    "zeros",
]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Times = NDArray[np.int64]

GAP_FACTOR = 1.5  # of the usual distance; less is jitter
IRREGULAR_SHARE = 0.5  # of distances within a quarter of the usual one, below which a channel has no regular period
IRREGULAR_GAP_FACTOR = 20.0
SENTINELS = (-999.0, -9999.0, -99999.0, -999.9, -99.9, -99.0, 999.0, 999.9, 9999.0, 99999.0, 32767.0, -32768.0, 65535.0, 3276.7, -1e30, 1e30)  # fmt: skip
DIP_SHARE = 0.6  # of the smaller of both neighborhoods, in whose direction of zero a reading has dropped out
DIP_NEIGHBORS = 4  # samples on each side, of which the median counts
DIP_SAMPLES_MAX = 2  # a longer drop is one of the plant
SPIKE_SCALES = 12.0  # of the usual distance of a reading from its neighbors' mean, for a sensor with a thermal mass
EXCEPTION_SHARE_MAX = 0.02  # of samples; more often, it is how the signal is
STUCK_SAMPLES_MIN = 8
STUCK_CHANCE_MAX = 1e-6  # that equal readings happened by chance in the whole channel
STUCK_FACTOR = 6.0  # of the longest run but one in a hundred
CLIP_SAMPLES_MIN = 10
CLIP_FACTOR = 8.0  # as many readings at the limit as in the hundredth of the range below it
CLIP_SHARE_MIN = 0.002
OFF_SHARE = 0.02  # of the median while running
QUANTISATION_SHARE = 0.05  # of the range from 5 to 95 %
STEP_MAX = {"temperature": 0.5, "relative_humidity": 0.02}  # coarser sensors are worth a word whatever the range

_COMMAND = re.compile(r"set.?p(oin)?t|command|cmd|limit|_(max|min)(_|$)|mode|status|state|alarm|enable|schedule|sollwert", re.I)


class Finding(NamedTuple):
    """Samples that a detector means, and what speaks for it."""

    where: Bools  # (T,)
    evidence: str


def is_command(name: str) -> bool:
    """Whether a name says set-point, limit, mode or the like: constant for long by its nature."""
    return _COMMAND.search(name) is not None


def runs(where: Bools) -> list[tuple[int, int]]:
    """First and last+1 index of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], where.astype(np.int8), [0]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def period_of(time: Times) -> tuple[float, bool]:
    """Usual distance of samples [s], NaN for fewer than two, and whether they come regularly."""
    if len(time) < 2:
        return np.nan, True
    distances = np.diff(time) / SECOND
    usual = float(np.median(distances))
    return usual, bool((np.abs(distances - usual) <= 0.25 * usual).mean() >= IRREGULAR_SHARE)


def gaps(time: Times, period: float, is_regular: bool) -> list[tuple[int, int, int]]:
    """Last time before and first after each gap [ns], with the samples that are missing.

    Parameters
    ----------
    time : Times, shape (T,)
        Of samples that exist.
    """
    if not period > 0.0:
        return []
    distances = np.diff(time) / SECOND
    factor = GAP_FACTOR if is_regular else IRREGULAR_GAP_FACTOR
    wide = np.flatnonzero(distances > factor * period + 1e-6)
    return [(int(time[k]), int(time[k + 1]), max(1, round(float(distances[k]) / period) - 1)) for k in wide]


def resolution_of(values: Floats) -> float:
    """Smallest distance of two different readings, beyond the rounding of floats; 0 for fewer than two readings."""
    levels = np.unique(values)
    if len(levels) < 2:
        return 0.0
    steps = np.diff(levels)
    steps = steps[steps > 1e-6 * max(abs(float(levels[0])), abs(float(levels[-1])))]
    return float(steps.min()) if len(steps) else 0.0


def impossible(values: Floats, quantity: str) -> Finding | None:
    """Readings outside of what the quantity can be at all."""
    if quantity not in QUANTITIES:
        return None
    unit, low, high = QUANTITIES[quantity]
    where = (values < low) | (values > high)
    return Finding(where, f"outside {low:g} to {high:g} {unit}") if where.any() else None


def sentinels(as_written: Floats) -> Finding | None:
    """Numbers that loggers write for no reading, where they stand far from all other readings."""
    where = np.isin(as_written, SENTINELS)
    if not where.any() or where.all():
        return None
    rest = as_written[~where]
    low, high = float(rest.min()), float(rest.max())
    reach = max(high - low, 0.05 * max(abs(low), abs(high)), 1e-9)
    where &= (as_written < low - 0.5 * reach) | (as_written > high + 0.5 * reach)
    if not where.any():
        return None
    return Finding(where, f"{as_written[where][0]:g} stands for no reading; the others are {low:.4g} to {high:.4g}")


def zeros(values: Floats, quantity: str) -> Finding | None:
    """Exact zeros of a quantity that is never near zero otherwise: not of powers, flows and speeds, which can be off."""
    where = values == 0.0
    if quantity not in ("temperature", "pressure", "voltage", "frequency", "relative_humidity") or not where.any():
        return None
    rest = np.abs(values[~where])
    if len(rest) < 3 or where.mean() > 0.5:
        return None
    nearest = float(np.percentile(rest, 1.0))
    spread = float(np.percentile(rest, 99.0)) - nearest
    if nearest < max(0.5 * spread, 1.0 if quantity == "temperature" else 1e-9):
        return None
    return Finding(where, f"exactly 0, while the other readings stay above {nearest:.4g}")


def dips_and_spikes(values: Floats, quantity: str) -> tuple[Finding | None, Finding | None]:
    """Single readings far from what stands before and after.

    Notes
    -----
    A dip is nearer to zero than `DIP_SHARE` of the median before and of that after it, for at most `DIP_SAMPLES_MAX` samples:
    a load that falls for good is as low afterwards. Temperatures are not measured from zero; theirs, like those of humidity
    and pressure, are told by `SPIKE_SCALES` of the usual distance from the mean of both neighbors, in either direction, while
    these two agree with each other. Upward peaks of power, flow, speed and load may be real and are left alone.
    """
    count = len(values)
    if count < 2 * DIP_NEIGHBORS + 1:
        return None, None
    if quantity in ("temperature", "relative_humidity", "pressure", "humidity_ratio", "temperature_difference"):
        return None, _spikes(values)
    size = np.abs(values)
    pad = np.full(DIP_NEIGHBORS, np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(np.concatenate([pad, size, pad]), DIP_NEIGHBORS)
    whole = np.isfinite(windows).all(axis=1)
    middle = np.full(len(windows), np.nan)
    middle[whole] = np.median(windows[whole], axis=1)
    before = middle[:count]
    after = middle[DIP_NEIGHBORS + 1 : DIP_NEIGHBORS + 1 + count]
    level = np.minimum(before, after)
    with np.errstate(invalid="ignore"):
        low = size < DIP_SHARE * level
        # What rises or falls by itself as much from one sample to the next is not a steady level with a dip in it.
        steady = np.abs(before - after) <= (1.0 - DIP_SHARE) * np.maximum(before, after)
    where = low & steady
    for begin, end in runs(where):
        if end - begin > DIP_SAMPLES_MAX:
            where[begin:end] = False
    if not where.any() or where.mean() > EXCEPTION_SHARE_MAX:
        return None, None
    quick = float((np.abs(np.diff(values)) > (1.0 - DIP_SHARE) * np.maximum(size[1:], size[:-1])).mean())
    if quick > 2.5 * EXCEPTION_SHARE_MAX + 4.0 * float(where.mean()):
        return None, None  # such steps are usual here
    at = int(np.flatnonzero(where)[0])
    return Finding(where, f"{values[at]:.4g} between {before[at]:.4g} before and {after[at]:.4g} after"), None


def _spikes(values: Floats) -> Finding | None:
    before, here, after = values[:-2], values[1:-1], values[2:]
    off_line = here - 0.5 * (before + after)
    scale = 1.4826 * float(np.median(np.abs(off_line)))
    scale = max(scale, float(np.sqrt(np.mean(np.clip(off_line, -3 * scale, 3 * scale) ** 2))) if scale > 0 else 0.0)
    floor = max(resolution_of(values), 1e-3 * float(np.ptp(np.percentile(values, (1, 99)))))
    far = np.abs(off_line) > max(SPIKE_SCALES * scale, 3.0 * floor)
    agree = np.abs(before - after) < 0.3 * np.abs(off_line)
    where = np.zeros(len(values), bool)
    where[1:-1] = far & agree
    if not where.any() or where.mean() > EXCEPTION_SHARE_MAX:
        return None
    at = int(np.flatnonzero(where)[0])
    return Finding(where, f"{values[at]:.4g} between {values[at - 1]:.4g} and {values[at + 1]:.4g}")


def stuck(values: Floats, period: float) -> Finding | None:
    """Runs of one and the same reading that are too long for this channel.

    Notes
    -----
    With a share p of readings that differ from the one before, n readings hold a run of L equal ones by chance with a probability
    below n (1 - p)^L. Readings hang together in time, so a run must also be `STUCK_FACTOR` times as long as all but one in a
    hundred of the channel's runs. A channel that never changes cannot be told from a constant one: see `Channel.resolution`.
    """
    count = len(values)
    if count < 4 * STUCK_SAMPLES_MIN:
        return None
    change = np.flatnonzero(np.diff(values) != 0.0) + 1
    if len(change) < 4:
        return None
    starts = np.concatenate([[0], change])
    lengths = np.diff(np.append(starts, count))
    longest = np.sort(lengths)
    typical = float(longest[max(0, int(np.ceil(0.99 * len(longest))) - 2)]) if len(longest) > 4 else np.inf
    if len(longest) < 100:  # too few runs for a hundredth: the longest quarter apart
        typical = float(longest[int(0.75 * (len(longest) - 1))])
    moving = lengths < max(STUCK_SAMPLES_MIN, STUCK_FACTOR * typical)
    if not moving.any():
        return None
    differing = min(float(moving.sum() / lengths[moving].sum()), 1.0 - 1e-3)
    chance = np.log(count) + lengths * np.log1p(-differing)
    flagged = ~moving & (chance < np.log(STUCK_CHANCE_MAX))
    if not flagged.any():
        return None
    where = np.repeat(flagged, lengths)
    if where.mean() > 0.9:
        return None
    at = int(np.flatnonzero(flagged)[0])
    return Finding(
        where,
        f"{values[starts[at]]:.4g} for {lengths[at]} samples ({_duration(lengths[at] * period)}); "
        f"runs of equal readings are {typical:.0f} long otherwise",
    )


def clipped(values: Floats, quantity: str) -> Finding | None:
    """Readings piled up at one end of the range, as of a limited instrument; not at the natural ends of a fraction."""
    count = len(values)
    if count < 10 * CLIP_SAMPLES_MIN or len(np.unique(values)) < 50:
        return None
    low, high = float(values.min()), float(values.max())
    reach = high - low
    findings = []
    for limit, side in ((high, 1.0), (low, -1.0)):
        if limit == 0.0 or (quantity in ("fraction", "relative_humidity") and limit in (0.0, 1.0)):
            continue
        at_limit = values == limit
        near = side * (limit - values)
        close = int(((near > 0.0) & (near <= 0.01 * reach)).sum())
        hits = int(at_limit.sum())
        beyond_runs = len(runs(at_limit))
        if hits >= max(CLIP_SAMPLES_MIN, CLIP_SHARE_MIN * count) and hits > CLIP_FACTOR * close and beyond_runs > 1:
            findings.append((at_limit, limit, hits, close))
        elif hits >= max(2 * CLIP_SAMPLES_MIN, CLIP_SHARE_MIN * count) and hits > CLIP_FACTOR * max(close, 1):
            steepest = np.abs(np.diff(values))
            if steepest.size and float(np.percentile(steepest, 50)) > 0.0:
                findings.append((at_limit, limit, hits, close))
    if not findings:
        return None
    where = np.any([found[0] for found in findings], axis=0)
    text = " and ".join(f"{hits} readings are exactly {limit:.6g}, {close} within 1 % of it" for _, limit, hits, close in findings)
    return Finding(where, text)


def off(values: Floats, quantity: str) -> Finding | None:
    """Runs of a power, flow or speed at nothing while it runs otherwise: equipment that is off, which is no fault of the sensor."""
    if quantity not in ("power", "volume_flow", "mass_flow", "rotation", "current", "fraction"):
        return None
    running = values[values > 0.0]
    if len(running) < 3:
        return None
    level = OFF_SHARE * float(np.median(running))
    where = (values >= 0.0) & (values <= level)
    for begin, end in runs(where):
        if end - begin < 2:
            where[begin:end] = False
    if not where.any() or where.mean() > 0.95:
        return None
    return Finding(where, f"at most {level:.3g}, while it is {np.median(running):.4g} when running")


def quantisation(values: Floats, resolution: float, quantity: str) -> str:
    """Say how coarse the readings are, "" where that is no matter."""
    levels = len(np.unique(values))
    if resolution <= 0.0 or levels < 3:
        return ""
    low, high = (float(x) for x in np.percentile(values, (5.0, 95.0)))
    coarse = resolution > QUANTISATION_SHARE * max(high - low, resolution) or resolution >= STEP_MAX.get(quantity, np.inf)
    even = np.abs(np.rint((values - values[0]) / resolution) - (values - values[0]) / resolution).max() < 0.05
    return f"steps of {resolution:.4g}, {levels} different readings" if coarse and even else ""


def _duration(seconds: float) -> str:
    if not np.isfinite(seconds):
        return "unknown time"
    return f"{seconds / 3600:.1f} h" if seconds >= 5400 else f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"
