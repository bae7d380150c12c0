"""Windows of a site to learn from, in time order: none crosses from one stretch into another, so nothing of what is foretold is ever seen."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from dcsim.errors import InputError
from dcsim.forecasting.features import (
    HISTORY,
    Features,
    Layout,
    Scale,
    Windows,
    courses_of,
    features,
    layout_of,
    scales_of,
    series_values,
)
from dcsim.forecasting.panel import Member, Panel

Array = np.ndarray
Tensor = torch.Tensor

READINGS_AT_ONCE = 4096  # windows times targets that are looked at together


@dataclass(frozen=True)
class Corpus:
    """Windows of one site.

    Attributes
    ----------
    members : tuple of Member
    layout : Layout
    scales : dict of str to Scale
        By signal.
    step_s : float
    phases : int
        Columns in a step.
    horizons : int
        P, steps ahead.
    series : Tensor, shape (R, T)
        Those of the layout; stretches stand one after another.
    values : Tensor, shape (C, T)
        Of the targets.
    at : Tensor of int, shape (N,)
        Last known columns of the windows, in time order.
    """

    members: tuple[Member, ...]
    layout: Layout
    scales: dict[str, Scale]
    step_s: float
    phases: int
    horizons: int
    series: Tensor
    values: Tensor
    at: Tensor

    @property
    def targets(self) -> Tensor:
        """Numbers of all targets, shape (C,)."""
        return torch.arange(len(self.layout.targets))

    @property
    def reach(self) -> tuple[int, int]:
        """Columns that a window has before and behind its last known one."""
        return HISTORY * self.phases, self.horizons * self.phases

    def between(self, begin: int, end: int) -> "Corpus":
        """Return the windows that lie between two columns altogether, history and what is foretold."""
        back, ahead = self.reach
        inside = (self.at - back >= begin) & (self.at + ahead < end)
        return replace(self, at=self.at[inside])

    def without(self, others: "Corpus") -> "Corpus":
        """Return the windows whose horizons share no step with those of a block of this corpus."""
        ahead = self.reach[1]
        first, last = int(others.at[0]), int(others.at[-1])
        return replace(self, at=self.at[(self.at + ahead <= first) | (self.at >= last + ahead)])

    def thinned(self, count: int) -> "Corpus":
        """Return about so many of the windows, evenly spaced."""
        return replace(self, at=self.at[:: max(1, -(-len(self.at) // count))])

    def batch(self, at: Tensor, targets: Tensor, hidden: Tensor | None = None) -> tuple[Features, Tensor]:
        """Return features and the changes to come.

        Parameters
        ----------
        at : Tensor of int, shape (N,)
        targets : Tensor of int, shape (C,)
        hidden : Tensor of bool, shape (N,), optional
            Windows in which weather and load to come are not known.

        Returns
        -------
        features : Features
        changes : Tensor, shape (N, C, P)
            From the last known value, in the targets' units; NaN where it or the value to come is not known.
        """
        used = np.unique(self.layout.series[targets.numpy()])
        layout = self.layout.only(used)
        back, ahead = (
            torch.arange(-HISTORY, 1) * self.phases,
            torch.arange(1, self.horizons + 1) * self.phases,
        )
        series = self.series[torch.as_tensor(used)]
        past, future = (series[:, at[:, None] + offsets].movedim(0, 1) for offsets in (back, ahead))
        if hidden is not None and hidden.any():
            drivers = [k for k, slot in enumerate(layout.slots) if slot.is_driver]
            rows = torch.zeros(len(used), dtype=torch.bool)
            rows[np.unique(layout.series[targets.numpy()][:, drivers])] = True
            future = torch.where((hidden[:, None] & rows)[..., None], torch.nan, future)
        found = features(courses_of(Windows(past, future), layout, self.scales), layout, targets.numpy())
        values = self.values[targets]
        return found, (values[:, at[:, None] + ahead] - values[:, at][..., None]).movedim(0, 1)

    def batches(self, at: Tensor, hidden: bool = False) -> Iterator[tuple[Tensor, Features, Tensor]]:
        """Windows with features and changes to come of all targets, a part of them at a time."""
        for some in at.split(max(1, READINGS_AT_ONCE // len(self.targets))):
            yield some, *self.batch(some, self.targets, torch.full((len(some),), hidden))

    def signals(self) -> dict[str, list[int]]:
        """Return which targets there are of each signal."""
        found: dict[str, list[int]] = {}
        for k, signal in enumerate(self.layout.signals):
            found.setdefault(signal, []).append(k)
        return found


def corpus_of(
    panels: Sequence[Panel], horizons: int, layout: Layout | None = None, scales: dict[str, Scale] | None = None
) -> Corpus:
    """Return the windows of panels, which have the same channels.

    Parameters
    ----------
    panels : sequence of Panel
        Stretches of one site.
    horizons : int
    layout, scales : optional
        Of a model that has learned already.

    Raises
    ------
    InputError
        If all are too short for one window.
    """
    first = panels[0]
    layout = layout_of(first.members) if layout is None else layout
    values = np.concatenate([panel.values for panel in panels], axis=1)
    back, ahead = HISTORY * first.phases, horizons * first.phases
    at, begin = [np.empty(0, np.int64)], 0
    for panel in panels:
        columns = panel.values.shape[1]
        at.append(np.arange(back, max(columns - ahead, back)) + begin)
        begin += columns
    targets = values[list(layout.targets)]
    ends = np.concatenate(at)
    ends = ends[np.isfinite(targets[:, ends]).any(axis=0)]
    if not len(ends):
        hours = (HISTORY + 1 + horizons) * first.step_s / 3600.0
        raise InputError(f"too short: a window takes {hours:g} h in one piece, in which temperatures are known")
    return Corpus(
        members=first.members,
        layout=layout,
        scales=scales_of(first.members, values) if scales is None else scales,
        step_s=first.step_s,
        phases=first.phases,
        horizons=horizons,
        series=series_values(layout, torch.as_tensor(values)).float(),
        values=torch.as_tensor(targets, dtype=torch.float32),
        at=torch.as_tensor(ends),
    )
