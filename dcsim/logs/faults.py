"""What is wrong with a channel, found from its own samples with stated thresholds; nothing is mended.

Every detector takes samples in the order of time and returns faults with their evidence. Those that make a reading worthless mask it; those
that only limit its use (coarse steps, saturation, equipment off) are said and masked not. Thresholds are constants below; none of them knows
a particular log.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft

from dcsim.logs.log import SECOND, Fault, Span
from dcsim.logs.units import words_of

__all__ = ["KINDS", "channel_faults", "resolution_of", "side_of_name", "usual_step", "wrong_air"]

Floats = NDArray[np.float64]
Nanoseconds = NDArray[np.int64]
Bools = NDArray[np.bool_]

KINDS = {
    "missing": "the log has a row and no value",
    "gap": "no row for longer than the usual distance",
    "ends early": "the channel falls silent before the log ends, or begins late",
    "duplicate": "a stamp stands more than once with the same value; one is kept",
    "conflict": "a stamp stands more than once with different values",
    "text": "cells that are neither numbers nor missing",
    "flagged": "the log's own quality column says that it is bad",
    "code": "a number that stands for an error, such as -999 or 65535",
    "impossible": "outside what the quantity can be",
    "zero row": "all channels read zero at once",
    "stuck": "the reading does not move for much longer than it ever rests otherwise",
    "padding": "constant up to the beginning or the end of the log, where it moves otherwise",
    "dip": "a few samples far from both neighborhoods, which agree",
    "clipped": "readings pile up at their limit",
    "saturated": "a share at 0 or 1 for long: true, but no feedback from there",
    "coarse": "rounded to steps that matter",
    "off": "near zero for a while: the equipment is off",
    "counter": "a running total; read as differences",
    "constant": "never changes",
    "repeats": "the same values over and over, or nearly: a split into training and test would leak",
    "wrong air": "named for one side of the racks and following the other",
}
"""Kind of fault -> what it means."""

GAP_STEPS = 1.75  # distance over the usual one, from which samples are missing
REGULAR_SHARE = 0.8  # of distances within a quarter of the usual one
STUCK_SAMPLES = 8  # shortest run that can be stuck
STUCK_CHANCE = 1e-4  # that noise makes such a run somewhere in the log
STUCK_LEVELS = 4  # steps of the rounding within the range, and other runs, without which nothing is known of how a coarse sensor rests
STUCK_RUNS = 50
STUCK_TIMES = 6.0  # longer than the longest but a hundredth of the other runs
STUCK_TIMES_COARSE = (
    15.0  # the same where the usual change is a step of the rounding, which hides the noise, and no leap ends the run
)
DIP_SAMPLES = 2  # most samples of a dip
DIP_NEIGHBORS = 5  # samples of each neighborhood
DIP_NOISE = 12.0  # times the usual change between samples
DIP_RANGE = 0.1  # of the range between 2nd and 98th percentile
DIP_SHARE = 0.01  # of samples; more than this is how the signal is
DIP_SLOW = (
    "temperature",
    "temperature_difference",
    "pressure",
    "humidity_ratio",
    "volume_flow",
    "mass_flow",
    "voltage",
)
DIP_STEP = 600.0  # s between samples, up to which these cannot go away and come back
DIP_USUAL = 0.05  # of the samples at a level of a load, from which it is one of its own
DIP_NOTHING = 0.4  # of both neighborhoods: a load that drops below it and is back within two samples
CLIP_SAMPLES = 10
CLIP_VISITS = 5  # separate times at the limit
CLIP_LEVELS = 200  # steps within the range of a load, without which a limit looks like any other level
CLIP_BINS = 40  # of the range of a slow quantity, whose frequency beside the limit tells
CLIP_TIMES_SLOW = 3.0  # more at the limit than in one of the next six; a sine has 3.7 and rises towards its crest
CLIP_FLAT = 1.3  # the nearest of the six over the others, up to which they do not rise; 1.8 for a sine
CLIP_SHARE = 0.005  # of samples at the limit
CLIP_TIMES = 5.0  # more at the limit than in the next twentieth of the range
COARSE_LEVELS = 25  # fewer steps than this within the range
COARSE_STEPS = {"temperature": 0.5}  # house unit; hides what controls and racks do, however far it ranges
OFF_SHARE = 0.01  # of the 95th percentile
REPEAT_EQUAL = 0.9  # of the samples that move
REPEAT_ERROR = 0.5  # of what the last sample misses by
CODES = (
    -9999.0,
    -999.0,
    -99.9,
    -99.0,
    -1.0,
    999.0,
    999.9,
    9999.0,
    99999.0,
    32767.0,
    -32768.0,
    65535.0,
    6553.5,
    2147483647.0,
    4294967295.0,
    85.0,
)
BELIEVABLE = {
    "temperature": (-60.0, 150.0),
    "fraction": (-0.02, 1.1),
    "pressure": (-2e5, 5e6),
    "humidity_ratio": (0.0, 0.1),
    "rotation": (-1.0, 2e5),
    "velocity": (-150.0, 150.0),
    "power": (-1e9, 1e9),
    "mass_flow": (-1e5, 1e5),
    "volume_flow": (-1e3, 1e3),
}
"""Quantity -> range of readings that can be, house unit."""


def usual_step(time: Nanoseconds) -> tuple[float, bool]:
    """Return the usual distance of stamps [s], NaN without any, and whether nearly all are that."""
    steps = np.diff(time)
    steps = steps[steps > 0]
    if not len(steps):
        return float("nan"), False
    usual = float(np.median(steps))
    return usual / SECOND, bool(np.mean(np.abs(steps - usual) <= 0.25 * usual) >= REGULAR_SHARE)


def resolution_of(values: Floats) -> float:
    """Smallest distance between different readings, shape (T,) to a number; rounding of floats is overlooked."""
    levels = np.unique(values[np.isfinite(values)])
    if len(levels) < 2:
        return float("nan")
    steps = np.diff(levels)
    real = steps[steps > 1e-9 * max(1.0, float(np.abs(levels).max()))]
    return float(real.min()) if len(real) else float("nan")


def channel_faults(
    quantity: str,
    time: Nanoseconds,
    values: Floats,
    log_span: Span,
    step_s: float,
    is_regular: bool,
    clock_gaps: Sequence[Span] = (),
) -> list[Fault]:
    """Find what is wrong with one channel.

    Parameters
    ----------
    quantity : str
        Key of `HOUSE_UNITS`, or ''.
    time : ndarray, shape (T,)
        Stamps [ns], increasing.
    values : ndarray, shape (T,)
        House unit, NaN where missing.
    log_span : (int, int)
        First and last stamp of the log.
    step_s, is_regular : float, bool
        Of the stamps with a value, as of `usual_step`.
    clock_gaps : sequence of (int, int)
        Holes that the whole log has, which are not told again.

    Returns
    -------
    list of Fault
    """
    if not len(time):
        return []
    faults = _missing(time, values, step_s, is_regular, log_span, clock_gaps)
    good = np.isfinite(values)
    if good.sum() < 3:
        return faults

    def found(kind: str, where: Bools, detail: str, is_masked: bool = True) -> None:
        if where.any():
            faults.append(Fault(kind, detail, int(where.sum()), spans_of(time, where), is_masked))

    where, words = _codes(quantity, values)
    found("code", where, words)
    good &= ~where
    low, high = BELIEVABLE.get(quantity, (-np.inf, np.inf))
    where = good & ((values < low) | (values > high))
    if where.any():
        worst = float(values[where][np.argmax(np.abs(values[where]))])
        found("impossible", where, f"up to {worst:.5g}, believable is {low:g} to {high:g}")
        good &= ~where
    if good.sum() < 3:
        return faults
    rest = values[good]
    if np.ptp(rest) == 0.0:
        faults.append(Fault("constant", f"always {rest[0]:.6g}", len(rest), ((int(time[0]), int(time[-1])),)))
        return faults
    off, words = _off(quantity, time, values, good)
    found("off", off, words, is_masked=False)
    for kind, where, words in _limits(quantity, values, good):  # before the runs, as it rests at its limit
        found(kind, where, words, is_masked=kind == "clipped")
        if kind == "clipped":
            good &= ~where
    for kind, where, words in _runs(time, values, good, off, quantity):
        found(kind, where, words)
        good &= ~where
    where, words = _dips(quantity, values, good, step_s)
    found("dip", where, words)
    good &= ~where
    resolution = resolution_of(values[good])
    spread = float(np.ptp(np.quantile(values[good], (0.01, 0.99)))) if good.any() else 0.0
    few = spread / resolution < COARSE_LEVELS and len(np.unique(values[good])) > 2
    if resolution > 0.0 and (few or resolution >= COARSE_STEPS.get(quantity, np.inf)):
        faults.append(Fault("coarse", f"steps of {resolution:.4g} in a range of {spread:.4g}", int(good.sum())))
    faults.extend(_repeats(time, values, step_s, is_regular))
    return faults


def spans_of(time: Nanoseconds, where: Bools) -> tuple[Span, ...]:
    """First and last stamp of each run of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], where.astype(np.int8), [0]))))
    return tuple((int(time[begin]), int(time[end - 1])) for begin, end in zip(edges[::2], edges[1::2], strict=True))


def gaps_of(time: Nanoseconds, step_s: float, is_regular: bool) -> list[Span]:
    """Stamps before and after each hole: longer than `GAP_STEPS` usual distances; where they vary, than 20 times nearly all."""
    if not np.isfinite(step_s) or len(time) < 3:
        return []
    longest = GAP_STEPS * step_s * SECOND if is_regular else 20.0 * float(np.quantile(np.diff(time), 0.9))
    holes = np.flatnonzero(np.diff(time) > longest)
    return [(int(time[k]), int(time[k + 1])) for k in holes]


def _missing(
    time: Nanoseconds, values: Floats, step_s: float, is_regular: bool, log_span: Span, clock_gaps: Sequence[Span]
) -> list[Fault]:
    faults = []
    empty = np.isnan(values)
    held = time[~empty]
    if not len(held):
        return [Fault("missing", "no value at all", int(empty.sum()), ((int(time[0]), int(time[-1])),), True)]
    gaps = gaps_of(held, step_s, is_regular)
    rows = set(zip(time[:-1].tolist(), time[1:].tolist(), strict=True)) if gaps else set()
    if empty.any():  # rows between samples of a slower sensor are none of its faults
        ends = np.array([(held[0], held[0]), *gaps, (held[-1], held[-1])], dtype=np.int64)
        place = np.searchsorted(ends[:, 0], time[empty], side="right") - 1
        inside = (
            (time[empty] < held[0])
            | (time[empty] > held[-1])
            | ((place >= 0) & (time[empty] < ends[np.maximum(place, 0), 1]))
        )
        where = np.zeros(len(time), dtype=bool)
        where[np.flatnonzero(empty)[inside]] = True
        if where.any():
            runs = spans_of(time, where)
            lost = int(where.sum())
            if np.isfinite(step_s) and is_regular:  # of the sensor's own samples, which may be fewer than the rows
                lost = sum(
                    max(round((end - begin) / (step_s * SECOND)) - 1, 0)
                    for begin, end in gaps
                    if (begin, end) not in rows
                )
                lost += sum(max(round(abs(end - begin) / (step_s * SECOND)), 0) for begin, end in _outside(time, held))
                lost = max(min(lost, int(where.sum())), 1)
            share = lost / (lost + len(held))
            faults.append(Fault("missing", f"{100.0 * share:.3g} % of its samples", lost, runs, True))
    known = set(clock_gaps)
    own = [gap for gap in gaps if gap not in known and gap in rows]
    if own:
        lost = sum(max(round((end - begin) / (step_s * SECOND)) - 1, 1) for begin, end in own)
        longest = max(end - begin for begin, end in own) / SECOND
        share = lost / (lost + len(held))
        faults.append(
            Fault(
                "gap",
                f"{len(own)} holes, up to {duration(longest)}; {100.0 * share:.3g} % of the samples",
                lost,
                tuple(own),
            )
        )
    if np.isfinite(step_s):
        margin = max(20.0 * step_s * SECOND, 0.02 * (log_span[1] - log_span[0]))
        silent = [(int(held[-1]), log_span[1])] if log_span[1] - held[-1] > margin else []
        late = [(log_span[0], int(held[0]))] if held[0] - log_span[0] > margin else []
        for kind, spans in (("falls silent", silent), ("begins late", late)):
            if spans:
                away = duration((spans[0][1] - spans[0][0]) / SECOND)
                faults.append(Fault("ends early", f"{kind}, {away} without a value", 0, tuple(spans)))
    return faults


def _outside(time: Nanoseconds, held: Nanoseconds) -> list[Span]:
    """From the first stamp to the first sample, and from the last sample to the last stamp."""
    return [(int(time[0]), int(held[0])), (int(held[-1]), int(time[-1]))]


def duration(seconds: float) -> str:
    """Return a time in the unit that suits it."""
    for size, name in ((86_400.0, "days"), (3600.0, "h"), (60.0, "min")):
        if seconds >= 2.0 * size:
            return f"{seconds / size:.3g} {name}"
    return f"{seconds:.3g} s"


def _codes(quantity: str, values: Floats) -> tuple[Bools, str]:
    """Readings of an error code: one of the usual ones, far from all others, met again and again or impossible."""
    finite = np.isfinite(values)
    low, high = BELIEVABLE.get(quantity, (-np.inf, np.inf))
    where, words = np.zeros(len(values), dtype=bool), []
    for code in CODES:
        at = finite & (values == code)
        count = int(at.sum())
        if not count or count > 0.9 * finite.sum():
            continue
        others = values[finite & ~at]
        spread = float(np.ptp(np.quantile(others, (0.01, 0.99)))) if len(others) else 0.0
        away = float(np.min(np.abs(others - code))) if len(others) else 0.0
        signed = code == -1.0 and (
            quantity not in ("fraction", "rotation", "power", "mass_flow", "volume_flow") or float(np.min(others)) < 0.0
        )
        if signed or (code == 85.0 and quantity != "temperature"):
            continue
        if away > max(2.0 * spread, 1e-9) and (count >= 2 or not low <= code <= high):
            where |= at
            words.append(f"{code:g} ({count} times)")
    return where, ", ".join(words)


def _off(quantity: str, time: Nanoseconds, values: Floats, good: Bools) -> tuple[Bools, str]:
    """Samples of power, flow, speed near zero, three or more in a row."""
    nothing = np.zeros(len(values), dtype=bool)
    if quantity not in ("power", "mass_flow", "volume_flow", "rotation", "flow"):
        return nothing, ""
    top = float(np.quantile(values[good], 0.95))
    if not top > 0.0 or np.quantile(values[good], 0.05) < -0.05 * top:
        return nothing, ""
    where = good & (np.abs(values) <= OFF_SHARE * top)
    where = _at_least(where, 3)
    return where, f"below {OFF_SHARE:.0%} of {top:.4g}" if where.any() else ""


def _at_least(where: Bools, samples: int) -> Bools:
    """Runs of true values of at least some length."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], where.astype(np.int8), [0]))))
    result = np.zeros(len(where), dtype=bool)
    for begin, end in zip(edges[::2], edges[1::2], strict=True):
        if end - begin >= samples:
            result[begin:end] = True
    return result


def _runs(time: Nanoseconds, values: Floats, good: Bools, off: Bools, quantity: str) -> list[tuple[str, Bools, str]]:
    """Constant runs that are too long: in the middle stuck, at the ends padding."""
    index = np.flatnonzero(good)
    kept = values[index]
    starts = np.concatenate([[0], np.flatnonzero(np.diff(kept) != 0.0) + 1])
    lengths = np.diff(np.concatenate([starts, [len(kept)]]))
    if len(starts) < 6 or (np.mean(lengths == 1) < 0.02 and len(starts) < 0.02 * len(kept)):
        return []  # moves so seldom that it is a set-point or a state
    idle = off[index[starts]] | (_is_limit(quantity, kept[starts]))
    candidates = np.sort(lengths[~idle])
    if not len(candidates):
        return []
    usual = (
        float(np.quantile(candidates, 0.99))
        if len(candidates) >= 100
        else float(candidates[max(len(candidates) - 3, 0)])
    )
    steps, resolution = np.abs(np.diff(kept)), resolution_of(kept)
    levels = float(np.ptp(np.quantile(kept, (0.01, 0.99)))) / resolution
    if levels < COARSE_LEVELS and (levels < STUCK_LEVELS or len(candidates) < STUCK_RUNS):
        return []  # rests on its few steps for as long as it likes: what is stuck cannot be told from that
    moving = steps[steps > 0.0]
    hides_noise = float(np.median(moving)) < 3.0 * resolution  # it moves by its own rounding only
    # A sensor that wakes up leaps to where the air has gone meanwhile, farther than it ever goes at once.
    leap = np.append(np.abs(np.diff(kept[starts])), 0.0)
    is_leap = (leap >= 3.0 * resolution) & (leap > 1.001 * np.sort(moving)[-2 - len(moving) // 1000])
    # Fewest equal samples that independent noise would give once in ten thousand such logs.
    ordinary = candidates[candidates <= usual]
    equal = 1.0 - len(ordinary) / ordinary.sum()
    rare = 1.0 + np.log(STUCK_CHANCE / len(kept)) / np.log(max(equal, 1e-3)) if equal < 1.0 else np.inf
    times = np.where(is_leap | (not hides_noise), STUCK_TIMES, STUCK_TIMES_COARSE)
    least = np.maximum(max(STUCK_SAMPLES, rare), times * usual)
    longest = lengths.copy()
    longest[idle] = 0
    chosen = np.flatnonzero(longest >= least)
    if not len(chosen) or lengths[chosen].sum() > 0.9 * len(kept):
        return []
    stuck, padding = np.zeros(len(values), dtype=bool), np.zeros(len(values), dtype=bool)
    for run in chosen:
        at_end = run in (0, len(starts) - 1)
        part = index[starts[run] : starts[run] + lengths[run]]
        # The first of a stuck run is a true reading as likely as not; it goes with the others.
        (padding if at_end else stuck)[part] = True
    result = []
    for kind, where in (("stuck", stuck), ("padding", padding)):
        if where.any():
            most = max(int(lengths[run]) for run in chosen if (run in (0, len(starts) - 1)) == (kind == "padding"))
            result.append((kind, where, f"up to {most} equal samples, otherwise {usual:.3g} at most"))
    return result


def _is_limit(quantity: str, values: Floats) -> Bools:
    """Where a load, a flow or the sun rests at its floor or its ceiling, as it may."""
    if quantity not in ("fraction", "power", "rotation", "mass_flow", "volume_flow", "flow", "irradiance", ""):
        return np.zeros(len(values), dtype=bool)
    margin = 0.02 * float(np.ptp(values))
    return np.asarray((values <= values.min() + margin) | (values >= values.max() - margin))


def _dips(quantity: str, values: Floats, good: Bools, step_s: float) -> tuple[Bools, str]:
    """One or two samples far away from the medians before and after, which agree with each other; or that drop to nothing."""
    result = np.zeros(len(values), dtype=bool)
    index = np.flatnonzero(good)
    x = values[index]
    count = len(x)
    if count < 4 * DIP_NEIGHBORS or quantity in ("velocity", "irradiance"):  # wind and sun are like that
        return result, ""
    steps = np.abs(np.diff(x))
    moving = steps[steps > 0.0]
    noise = float(np.median(moving)) if len(moving) else 0.0
    spread = float(np.ptp(np.quantile(x, (0.02, 0.98))))
    least = float(np.fmax(max(DIP_NOISE * noise, DIP_RANGE * spread), 3.0 * resolution_of(x)))
    padded = np.concatenate([np.full(DIP_NEIGHBORS, np.nan), x, np.full(DIP_NEIGHBORS, np.nan)])
    middle = np.full(count + DIP_NEIGHBORS + 1, np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, DIP_NEIGHBORS)
    whole = np.isfinite(windows).all(axis=1)
    middle[whole] = np.median(windows[whole], axis=1)
    dips = np.zeros(count, dtype=bool)
    _, level, often = np.unique(x, return_inverse=True, return_counts=True)
    is_usual = (often > DIP_USUAL * count)[level]  # a load that idles now and then does so for a sample, too
    for width in range(1, DIP_SAMPLES + 1):
        places = np.arange(count - width + 1)
        before, after = middle[places], middle[np.minimum(places + width + DIP_NEIGHBORS, len(middle) - 1)]
        agree = np.abs(before - after)
        for direction in (1.0, -1.0):
            nearest = np.min(
                np.stack(
                    [
                        direction
                        * (x[places + k] - np.where(direction > 0, np.fmax(before, after), np.fmin(before, after)))
                        for k in range(width)
                    ]
                ),
                axis=0,
            )
            hit = (nearest > least) & (agree < 0.3 * nearest)
            if quantity not in DIP_SLOW or not step_s <= DIP_STEP:
                # Loads jump, and much may happen in an hour; only what drops to nothing and is back is no load.
                level = np.fmin(np.abs(before), np.abs(after))
                share = DIP_NOTHING if step_s <= DIP_STEP and quantity != "fraction" else DIP_NOTHING / 8.0
                hit = (
                    (direction < 0)
                    & ~is_usual[places]
                    & (nearest > least)
                    & (np.max(np.abs([x[places + k] for k in range(width)]), axis=0) < share * level)
                )
            for k in range(width):
                dips[places[hit] + k] = True
    if not dips.any() or dips.mean() > DIP_SHARE:
        return result, ""
    result[index[dips]] = True
    return result, f"{int(dips.sum())} samples at least {least:.4g} from both sides; usual change {noise:.3g}"


def _limits(quantity: str, values: Floats, good: Bools) -> list[tuple[str, Bools, str]]:
    """Readings that pile up at the smallest or greatest one."""
    kept = values[good]
    if len(kept) < 50 or len(np.unique(kept)) < 12:
        return []
    found = []
    spread = float(np.ptp(kept))
    for name, limit in (("low", float(kept.min())), ("high", float(kept.max()))):
        at = good & (values == limit)
        beside = good & (values != limit) & (np.abs(values - limit) <= 0.05 * spread)
        count = int(at.sum())
        if count < max(CLIP_SAMPLES, CLIP_SHARE * len(kept)):
            continue
        if quantity == "fraction" and (abs(limit) < 0.02 or abs(limit - 1.0) < 0.02):
            if count > 0.02 * len(kept):
                found.append(("saturated", at, f"{100.0 * count / len(kept):.3g} % of the samples at {limit:.4g}"))
            continue
        visits = int((np.diff(np.concatenate(([0], at.astype(np.int8)))) == 1).sum())
        if visits < CLIP_VISITS or limit == 0.0:
            continue
        if quantity in DIP_SLOW:
            if not _is_cut(kept, limit, count):
                continue
        elif (
            spread / resolution_of(kept) < CLIP_LEVELS
            or count < CLIP_TIMES * (beside.sum() / max(len(np.unique(values[beside])), 1))
            or count < 0.5 * beside.sum()
        ):
            continue
        found.append(
            (
                "clipped",
                at,
                f"{count} samples at the {name}est reading {limit:.6g}, {int(beside.sum())} in the next 5 % of the range",
            )
        )
    return found


def _is_cut(kept: Floats, limit: float, count: int) -> bool:
    """Whether a slow signal is cut off at its limit, rather than resting at a level of its own.

    What approaches a level of its own slows down on the way, so it is met the more often the nearer; what is cut off passes the last
    steps before the limit as it passes those before them.
    """
    spread = float(np.ptp(kept))
    resolution = resolution_of(kept)
    if spread < CLIP_BINS * resolution or count > 0.5 * len(kept):
        return False
    width = resolution * round(spread / resolution / CLIP_BINS)
    beside = np.bincount(np.ceil(np.abs(kept - limit) / width - 1e-6).astype(np.int64), minlength=7)[1:7]
    return bool(count >= CLIP_TIMES_SLOW * max(beside.mean(), 1.0) and beside[0] <= CLIP_FLAT * beside[1:].mean())


def _repeats(time: Nanoseconds, values: Floats, step_s: float, is_regular: bool) -> list[Fault]:
    """The same values again, or nearly, after a fixed time of at least half a day.

    Only samples that moved since the one before them count, as a channel at rest is equal to whatever it was. Nearly means that the value of a
    period before misses by less than half of what the last sample misses by: no process with a weather or a load of its own is like that,
    since both times would have to hold the same surprises.
    """
    known = np.isfinite(values)
    if not is_regular or known.sum() < 200 or not np.isfinite(step_s):
        return []
    place = np.rint((time[known] - time[known][0]) / (step_s * SECOND)).astype(np.int64)
    count = int(place[-1]) + 1
    if count > 4 * len(values):
        return []
    even = np.full(count, np.nan)
    even[place] = values[known]
    x = np.nan_to_num(even - np.mean(values[known]))
    power = float((x**2).sum())
    if power <= 0.0 or len(np.unique(values[known])) < 20:
        return []
    size = next_fast_len(2 * count, real=True)
    spectrum = rfft(x, size)
    correlation = irfft(spectrum.real**2 + spectrum.imag**2, size)[: count // 2 + 1] / power
    correlation /= 1.0 - np.arange(count // 2 + 1) / count
    first = max(int(43_200.0 / step_s), 12)
    if first >= len(correlation):
        return []
    tolerance = 1e-3 * float(np.ptp(values[known]))
    change = np.diff(even, prepend=np.nan)

    def compared(lag: int) -> tuple[float, float, int]:
        """Share of equal samples, error over that of the last sample (root mean square), and how many are equal."""
        away = even[lag:] - even[:-lag]
        moves = np.isfinite(away) & (np.abs(change[lag:]) > tolerance)
        if moves.sum() < 100:
            return 0.0, np.inf, 0
        same = np.abs(away) <= tolerance
        return (
            float(same[moves].mean()),
            float(np.sqrt(np.mean(away[moves] ** 2) / np.mean(change[lag:][moves] ** 2))),
            int(same.sum()),
        )

    for lag in first + np.argsort(-correlation[first:])[:5]:
        equal, error, _ = compared(int(lag))
        if equal <= REPEAT_EQUAL and error >= REPEAT_ERROR:
            continue
        is_copy = equal > REPEAT_EQUAL
        for part in range(int(lag) // first, 1, -1):  # the shortest period that does as well
            if lag % part == 0:
                shorter = compared(int(lag) // part)
                if shorter[0] > REPEAT_EQUAL if is_copy else shorter[1] < REPEAT_ERROR:
                    lag = lag // part
                    break
        equal, error, samples = compared(int(lag))
        before = f"those of {duration(lag * step_s)} before"
        if is_copy:
            return [Fault("repeats", f"{100.0 * equal:.3g} % of the samples that move are {before}", samples)]
        return [
            Fault(
                "repeats",
                f"nearly: {before} miss them by {error:.2g} times what the last sample does (root mean square)",
                int(known.sum()),
            )
        ]
    return []


_COLD = ("cold aisle", "inlet", "intake", "front", "supply", "discharge", "cold", "entering")
_HOT = ("hot aisle", "outlet", "exhaust", "rear", "return", "hot", "leaving", "out rack", "rack out")
_WATER = (
    "water",
    "chw",
    "cw",
    "coolant",
    "outdoor",
    "outside",
    "ambient",
    "dew",
    "wet",
    "setpoint",
    "set point",
    "refrigerant",
    "condenser",
)


def side_of_name(name: str) -> str:
    """Return ``"cold"`` or ``"hot"``: the side of the racks that the name of an air temperature speaks of, else ''."""
    words = f" {words_of(name)} "
    if any(f" {word}" in words for word in _WATER):
        return ""
    sides = {side for side, all_words in (("cold", _COLD), ("hot", _HOT)) for word in all_words if f" {word} " in words}
    return sides.pop() if len(sides) == 1 else ""


def wrong_air(names: Sequence[str], means: Floats) -> dict[str, str]:
    """Find sensors that are named for one side of the racks and follow the other.

    Parameters
    ----------
    names : sequence of str
        C names of air temperatures that `side_of_name` understands.
    means : ndarray, shape (C, T)
        Their means over even intervals [degC], NaN where there are none.

    Returns
    -------
    dict
        Name -> evidence.

    Notes
    -----
    A sensor is compared with the medians of the other sensors of either side; those of its own family (equal but for digits) are left out, as
    they would have been mounted together. It follows the other side if both its distance to that is less than half of that to its own, root
    mean square, and its changes from interval to interval correlate better with those of the other side.
    """
    sides = np.array([side_of_name(name) for name in names])
    families = np.array([" ".join(word for word in words_of(name).split() if not word.isdigit()) for name in names])
    found: dict[str, str] = {}
    for k, name in enumerate(names):
        own, other = sides[k], "hot" if sides[k] == "cold" else "cold"
        references = {side: means[(sides == side) & (families != families[k])] for side in (own, other)}
        if any(len(reference) < 1 for reference in references.values()):
            continue
        distance, correlation = {}, {}
        for side, reference in references.items():
            middle = _median(reference)
            both = np.isfinite(means[k]) & np.isfinite(middle)
            if both.sum() < 20:
                break
            distance[side] = float(np.sqrt(np.mean((means[k][both] - middle[both]) ** 2)))
            change = np.isfinite(np.diff(means[k])) & np.isfinite(np.diff(middle))
            correlation[side] = _correlation(np.diff(means[k])[change], np.diff(middle)[change])
        else:
            if (
                distance[other] < 0.5 * distance[own]
                and distance[own] > 2.0
                and correlation[other] > correlation[own] + 0.05
            ):
                found[name] = (
                    f"{distance[other]:.2g} K from the {other} side and {distance[own]:.2g} K from the {own} side it is named for; "
                    f"changes correlate {correlation[other]:.2f} and {correlation[own]:.2f}"
                )
    return found


def _median(rows: Floats) -> Floats:
    known = np.isfinite(rows).any(axis=0)
    result = np.full(rows.shape[1], np.nan)
    result[known] = np.nanmedian(rows[:, known], axis=0)
    return result


def _correlation(one: Floats, other: Floats) -> float:
    if len(one) < 3 or one.std() == 0.0 or other.std() == 0.0:
        return 0.0
    return float(np.corrcoef(one, other)[0, 1])
