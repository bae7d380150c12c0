"""What a forecast is made from: recent changes of every kind of sensor, and planned or foreseen changes of what drives the hall.

Channels of one signal are looked at twice, as the mean over the hall (``all``) and as those that carry the target's own number (``own``: the
rack's load, the unit's fan). So the same weights serve any number of racks, and two halls share those of the signals they have in common.

A window is the step that has just ended and the `HISTORY` steps before it. Of each series it has the level, the changes since `LAGS` steps ago
and whether it is missing. Series whose future is known, planned actions, weather and load, are looked at from each horizon backwards
(`BEHIND`), as changes from now, with the mean change until then: past and future are one course, of which the horizon is the end. What is
missing counts as no change and is told by its mask; nothing is filled in.
"""

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch

from dcsim.forecasting.panel import Member

Array = np.ndarray
Tensor = torch.Tensor

HISTORY = 12  # steps before the one that has just ended
LAGS = (1, 2, 3, 6, 12)
OWN, ALL, SELF, KIN = "own", "all", "self", "kin"
UNMAPPED_MAX = 8  # kinds of channels without a signal that are looked at by all; of more, only by their like
BEHIND = (0, 1, 2, 3, 5, 8)  # steps before a horizon
STATIC = 2 + len(LAGS)  # features of a series: level, mask, changes
FUTURE = len(BEHIND) + 1  # for each horizon: changes, mean change until then
UNKNOWN = 1  # whether a known series' future is unknown

LEVEL_CENTRE, LEVEL_SCALE, CHANGE_SCALE = 22.0, 4.0, 1.0  # of temperatures [degC, K, K]


class Scale(NamedTuple):
    """How numbers of a series become features."""

    centre: float
    level: float
    change: float


@dataclass(frozen=True)
class Slot:
    """A series that targets look at.

    Attributes
    ----------
    key : str
        ``self``, ``kin``, ``all SIGNAL`` or ``own SIGNAL``.
    is_known : bool
        Whether its future may be known.
    is_driver : bool
        Of those, weather or load, whose future is known only if someone forecasts it.
    """

    key: str
    is_known: bool = False
    is_driver: bool = False


@dataclass(frozen=True)
class Layout:
    """Which series every target of a panel looks at.

    Attributes
    ----------
    slots : tuple of Slot
        S of them, the target's own past first.
    groups : tuple of ndarray of int
        For each of R series, the channels of which it is the mean.
    owners : tuple of str
        The signals that those are of.
    series : ndarray of int, shape (C, S)
        For each of C targets and each slot, which series.
    targets : tuple of int
        Which channels are forecast.
    signals : tuple of str
        Of the targets.
    partners : ndarray of int, shape (C,)
        Targets with the same number here belong together: to one rack, or to one unit.
    """

    slots: tuple[Slot, ...]
    groups: tuple[Array, ...]
    owners: tuple[str, ...]
    series: Array
    targets: tuple[int, ...]
    signals: tuple[str, ...]
    partners: Array

    @property
    def whole(self) -> list[int]:
        """Slots that are the same for all targets."""
        return [k for k, slot in enumerate(self.slots) if slot.key.startswith(ALL)]

    @property
    def own(self) -> list[int]:
        """The others."""
        return [k for k, slot in enumerate(self.slots) if not slot.key.startswith(ALL)]

    @functools.cached_property
    def known(self) -> Tensor:
        """Series whose future may be known."""
        slots = [k for k, slot in enumerate(self.slots) if slot.is_known]
        found = np.unique(self.series[:, slots])
        return torch.as_tensor(found[found >= 0])

    def only(self, used: Array) -> "Layout":
        """Return the layout with some series alone, in ascending order; targets that look at others cannot be asked for."""
        place = np.full(len(self.groups), -1)
        place[used] = np.arange(len(used))
        return replace(
            self,
            groups=tuple(self.groups[k] for k in used),
            owners=tuple(self.owners[k] for k in used),
            series=place[self.series],
        )


def signal_of(member: Member) -> str:
    """Return what weights go by: the signal, or where it has none the channel's name, without numbers."""
    return member.signal or re.sub(r"\d+", "#", member.name)


def layout_of(members: Sequence[Member]) -> Layout:
    """Return which series each channel to forecast looks at."""
    targets = tuple(k for k, each in enumerate(members) if each.is_forecast)
    signals = list(dict.fromkeys(signal_of(each) for each in members))
    groups: list[Array] = []
    place: dict[object, int] = {}

    def numbers(signal: str) -> set[int]:
        return {each.number for each in members if signal_of(each) == signal}

    def series(key: object, channels: list[int]) -> int:
        if key not in place:
            place[key] = len(groups)
            groups.append(np.array(channels))
        return place[key]

    signals_of_targets = tuple(signal_of(members[k]) for k in targets)
    kinds = {signal: frozenset(numbers(signal)) for signal in signals_of_targets}
    together = [(kinds[signal], members[k].number) for signal, k in zip(signals_of_targets, targets, strict=True)]
    alone = [key if key[1] else (None, k) for key, k in zip(together, targets, strict=True)]
    slots, columns = [Slot(SELF)], [[series(("self", k), [k]) for k in targets]]
    unmapped = {signal_of(each) for each in members if not each.signal}
    if len(unmapped) > UNMAPPED_MAX:
        kin = {
            signal: [k for k in targets if signal_of(members[k]) == signal]
            for signal in dict.fromkeys(signals_of_targets)
        }
        slots.append(Slot(KIN))
        columns.append([series(signal, kin[signal]) for signal in signals_of_targets])
        signals = [signal for signal in signals if signal not in unmapped]
    for signal in signals:
        of_signal = [k for k, each in enumerate(members) if signal_of(each) == signal]
        first = members[of_signal[0]]
        is_driver = first.is_known and first.role != "action"
        whole = series(signal, of_signal)
        slots.append(Slot(f"{ALL} {signal}", first.is_known, is_driver))
        columns.append([whole] * len(targets))
        if not any(members[k].number for k in of_signal):
            continue
        slots.append(Slot(f"{OWN} {signal}", first.is_known, is_driver))
        own = []
        for target in targets:
            number = members[target].number
            is_paired = numbers(signal) == numbers(
                signal_of(members[target])
            )  # racks with racks; four racks with four units too
            same = [k for k in of_signal if is_paired and number and members[k].number == number]
            own.append(series((signal, number), same) if same else whole)
        columns.append(own)
    owners = tuple(signal_of(members[int(group[0])]) for group in groups)
    partners = np.array([alone.index(key) for key in alone])
    return Layout(tuple(slots), tuple(groups), owners, np.array(columns).T, targets, signals_of_targets, partners)


def series_values(layout: Layout, values: Tensor) -> Tensor:
    """Return the series of a layout, (..., R, T), from channels (..., C, T): means of those known, NaN where none of theirs is."""
    groups = values.new_zeros((len(layout.groups), values.shape[-2]))
    for row, group in enumerate(layout.groups):
        groups[row, group] = 1.0
    count = groups @ torch.isfinite(values).to(values.dtype)
    return torch.where(count > 0.0, groups @ _known(values) / count.clamp(min=1.0), torch.nan)


def scales_of(members: Sequence[Member], values: Array) -> dict[str, Scale]:
    """Return how numbers become features, by signal: fixed for temperatures, by their spread for all else."""
    found = {}
    for signal in dict.fromkeys(signal_of(each) for each in members):
        rows = [k for k, each in enumerate(members) if signal_of(each) == signal]
        if members[rows[0]].unit == "degC":
            found[signal] = Scale(LEVEL_CENTRE, LEVEL_SCALE, CHANGE_SCALE)
            continue
        part = values[rows]
        known = part[np.isfinite(part)]
        middle, spread = (float(known.mean()), float(known.std())) if len(known) else (0.0, 1.0)
        spread = max(spread, 0.02 * abs(middle), 1e-6)
        found[signal] = Scale(middle, spread, spread)
    return found


class Windows(NamedTuple):
    """Series around N moments.

    Attributes
    ----------
    past : Tensor, shape (N, R, HISTORY + 1)
        The step that has just ended last.
    future : Tensor, shape (N, R, P)
        NaN where not known.
    """

    past: Tensor
    future: Tensor


class Features(NamedTuple):
    """Of N windows: what all targets look at, and what each of C looks at for itself, its own past first.

    Attributes
    ----------
    all_static : Tensor, shape (N, 1, F)
        Of the ``all`` slots; behind them, for each that is known, whether its future is not.
    all_future : Tensor, shape (N, 1, P, G)
    own_static : Tensor, shape (N, C, F')
    own_future : Tensor, shape (N, C, P, G')
    """

    all_static: Tensor
    all_future: Tensor
    own_static: Tensor
    own_future: Tensor

    def at(self, horizons: Tensor | slice) -> "Features":
        """Return those of some horizons."""
        return self._replace(all_future=self.all_future[:, :, horizons], own_future=self.own_future[:, :, horizons])


class Courses(NamedTuple):
    """Features of every series, before targets look at them.

    Attributes
    ----------
    static : Tensor, shape (N, R, STATIC)
    future : Tensor, shape (N, R, P, FUTURE)
        NaN-free, of series that are known; of others 0.
    unknown : Tensor, shape (N, R)
        Share of the horizons of which nothing is known.
    """

    static: Tensor
    future: Tensor
    unknown: Tensor


def courses_of(windows: Windows, layout: Layout, scales: dict[str, Scale]) -> Courses:
    """Return features of the series of windows.

    Parameters
    ----------
    windows : Windows
    layout : Layout
    scales : dict of str to Scale
        By signal.
    """
    past, future = windows
    as_row = [scales[owner] for owner in layout.owners]
    centre, level, change = (
        torch.tensor([getattr(each, name) for each in as_row], dtype=past.dtype)[:, None] for name in Scale._fields
    )
    now = past[..., -1:]
    moved = (torch.cat([past, future], dim=-1) - now) / change  # (N, R, HISTORY + 1 + P)
    lagged = _known(moved[..., [HISTORY - lag for lag in LAGS]])
    static = torch.cat([_known((now - centre) / level), torch.isnan(now).to(past.dtype), lagged], dim=-1)
    known = layout.known
    ahead = moved[:, known]
    horizons = torch.arange(future.shape[-1]) + HISTORY + 1
    behind = _known(ahead[..., horizons[:, None] - torch.tensor(BEHIND)])  # (N, K, P, BEHIND)
    mean = torch.cumsum(_known(ahead[..., HISTORY + 1 :]), dim=-1) / torch.arange(1, future.shape[-1] + 1)
    seen = past.new_zeros((*now.shape[:2], future.shape[-1], FUTURE))
    seen[:, known] = torch.cat([behind, mean[..., None]], dim=-1)
    unknown = torch.isnan(future).to(past.dtype).mean(dim=-1)
    return Courses(static, seen, unknown)


def features(courses: Courses, layout: Layout, targets: Array | slice = slice(None)) -> Features:
    """Return what forecasts are made from, of some of a layout's targets."""
    n = courses.static.shape[0]

    def part(slots: list[int], rows: Tensor) -> tuple[Tensor, Tensor]:
        foreseen = [k for k, at in enumerate(slots) if layout.slots[at].is_known]
        static = torch.cat([courses.static[:, rows].flatten(2), courses.unknown[:, rows[:, foreseen]]], dim=-1)
        future = courses.future[:, rows[:, foreseen]].movedim(2, 3).flatten(3)
        return static, future.reshape(n, len(rows), courses.future.shape[2], -1)

    series = torch.as_tensor(layout.series)
    whole, own = layout.whole, layout.own
    return Features(*part(whole, series[:1, whole]), *part(own, series[targets][:, own]))


def _known(x: Tensor) -> Tensor:
    return torch.nan_to_num(x, nan=0.0)
