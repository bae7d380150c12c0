"""Faults that only several channels together show: rows of zeros, frozen rows, a sensor that follows the wrong air."""

import re
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dcsim.logs.faults import runs
from dcsim.logs.log import SECOND, Channel, Fault, Log

__all__ = ["RowCounts", "frozen_rows", "wrong_air", "zero_rows"]

Bools = NDArray[np.bool_]

ROW_CHANNELS_MIN = 3  # fewer equal readings in a row say little
FROZEN_ROWS_MIN = 6
FROZEN_CHANCE_MAX = 1e-6
AIR_SHARE = 0.5  # of the hot air's swing, from which a sensor labelled cold follows it; and of the distance
AIR_SWING_MIN = 2.0  # K from 5 to 95 %, without which nothing can be told
AIR_CORRELATION_MIN = 0.7
GRID_ROWS_MAX = 5000

_COLD = re.compile(r"cold|inlet|supply|front|discharge|intake|(^|[_. ])in([_. ]|$)")
_HOT = re.compile(r"hot|outlet|return|rear|exhaust|(^|[_. ])out([_. ]|$)")
_OTHER = re.compile(
    r"water|chw|(^|[_. ])cw|chilled|coolant|condenser|tower|set.?p|outdoor|outside|dew|wet|dry.?bulb|cpu|gpu|dimm|oa_|_w_"
)


@dataclass
class RowCounts:
    """Per row of a wide table: readings, zeros, and readings that differ from the row before."""

    known: list[NDArray[np.int32]] = field(default_factory=list)
    zero: list[NDArray[np.int32]] = field(default_factory=list)
    changed: list[NDArray[np.int32]] = field(default_factory=list)
    last: NDArray[np.float64] | None = None

    def add(self, columns: list[NDArray[np.float64]]) -> None:
        """Take in a block, shape (T,) each column."""
        rows = len(columns[0])
        known, zero, changed = (np.zeros(rows, np.int32) for _ in range(3))
        last = np.full(len(columns), np.nan) if self.last is None else self.last
        for k, values in enumerate(columns):
            before = np.concatenate([[last[k]], values[:-1]])
            is_known = np.isfinite(values)
            known += is_known
            zero += values == 0.0
            changed += is_known & (values != before)
        self.last = np.array([values[-1] for values in columns])
        self.known.append(known)
        self.zero.append(zero)
        self.changed.append(changed)

    def joined(self) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
        """Return the counts of all blocks."""
        return np.concatenate(self.known), np.concatenate(self.zero), np.concatenate(self.changed)


def zero_rows(known: NDArray[np.int32], zero: NDArray[np.int32]) -> Bools:
    """Rows whose readings are all exactly 0, of a table whose rows are not so in general."""
    where = (known >= ROW_CHANNELS_MIN) & (zero == known)
    return where if where.mean() < 0.5 else np.zeros(len(where), bool)


def frozen_rows(known: NDArray[np.int32], changed: NDArray[np.int32]) -> Bools:
    """Runs of rows that all repeat the row before, too long to have happened by chance: padding, or a logger that hangs.

    Notes
    -----
    As for a single stuck sensor: with a share p of rows in which anything changes, n rows hold a run of L unchanged ones with a
    probability below n (1 - p)^L.
    """
    still = (changed == 0) & (known >= ROW_CHANNELS_MIN)
    still[:1] = False
    found = np.zeros(len(still), bool)
    spans = [(begin, end) for begin, end in runs(still) if end - begin >= FROZEN_ROWS_MIN]
    if not spans:
        return found
    apart = still.copy()
    for begin, end in spans:
        apart[begin:end] = False
    moving = len(still) - sum(end - begin for begin, end in spans)
    share = min(1.0 - float(apart.sum()) / max(moving, 1), 1.0 - 1e-3)
    if share <= 0.0:
        return found
    for begin, end in spans:
        if np.log(len(still)) + (end - begin) * np.log1p(-share) < np.log(FROZEN_CHANCE_MAX):
            found[begin:end] = True
    return found


class _Side(NamedTuple):
    names: list[str]
    values: NDArray[np.float64]


def _side(channel: Channel) -> str:
    if channel.quantity != "temperature":
        return ""
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", channel.name).lower()
    if _OTHER.search(name):
        return ""
    cold, hot = _COLD.search(name) is not None, _HOT.search(name) is not None
    return "" if cold == hot else "cold" if cold else "hot"


def wrong_air(log: Log) -> list[Fault]:
    """Find air sensors whose name says cold side while they follow the hot air, or the other way round.

    Notes
    -----
    Let c and h be the medians of all sensors named cold and hot at a time. A sensor x is on the other side if both its level and its
    swing say so: (x - c) / (h - c) above `AIR_SHARE` on average, and the slope of x - c over h - c above it too, with a correlation
    of x and h of at least `AIR_CORRELATION_MIN`. Stratified air, warm but steady, passes by its slope.
    """
    sides: dict[str, list[str]] = {"cold": [], "hot": []}
    for channel in log.channels.values():
        side = _side(channel)
        if side and channel.period > 0.0:
            sides[side].append(channel.name)
    if len(sides["cold"]) < 3 or len(sides["hot"]) < 2:
        return []
    names = sides["cold"] + sides["hot"]
    if len(names) > 400:  # what every so-manyeth sensor says is enough for the medians
        return []
    first, last = log.span()
    period = float(np.nanmax([log.channels[name].period for name in names]))
    step = max(period, (last - first) / SECOND / GRID_ROWS_MAX, 60.0)
    _, values = log.grid(step, names)
    count = len(sides["cold"])
    cold, hot = _median(values[:count]), _median(values[count:])
    good = np.isfinite(cold) & np.isfinite(hot)
    if good.sum() < 20:
        return []
    distance = hot - cold
    swing = float(np.ptp(np.percentile(distance[good], (5, 95))))
    if swing < AIR_SWING_MIN or float(np.median(distance[good])) < 1.0:
        return []
    found = []
    for row, name in enumerate(names):
        is_cold = row < count
        x = values[row]
        use = good & np.isfinite(x)
        if use.sum() < 20:
            continue
        d, own = distance[use], x[use] - cold[use]
        level = float(np.mean(own) / np.mean(d))
        slope = float(np.cov(own, d)[0, 1] / np.var(d, ddof=1))
        other = hot if is_cold else cold
        correlation = _correlation(x[use], other[use])
        if is_cold:
            is_wrong = level > AIR_SHARE and slope > AIR_SHARE and correlation >= AIR_CORRELATION_MIN
        else:
            is_wrong = level < 1.0 - AIR_SHARE and slope < 1.0 - AIR_SHARE and correlation > _correlation(x[use], hot[use])
        if is_wrong:
            samples = log.channels[name].load()
            span = (int(samples.time[0]), int(samples.time[-1]))
            label, follows = ("cold", "hot") if is_cold else ("hot", "cold")
            evidence = (
                f"named {label} side, follows the {follows} air: {100 * (level if is_cold else 1 - level):.0f} % of the way to it, "
                f"{100 * (slope if is_cold else 1 - slope):.0f} % of its swing, correlation {correlation:.2f}"
            )
            found.append(Fault(name, "wrong_air", int(use.sum()), (span,), False, evidence))
    return found


def _median(values: NDArray[np.float64]) -> NDArray[np.float64]:
    known = np.isfinite(values).sum(axis=0) >= max(1, len(values) // 2)
    result = np.full(values.shape[1], np.nan)
    if known.any():
        result[known] = np.nanmedian(values[:, known], axis=0)
    return result


def _correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    if np.ptp(one) == 0.0 or np.ptp(other) == 0.0:
        return 0.0
    return float(np.corrcoef(one, other)[0, 1])
