"""A forecaster of one site: a linear path and a network, mixed signal by signal as blocks unseen say, with intervals made honest on these.

Every block of the log is foretold by what is learned from the others; see `trust` for what that says. Then all of the log is learned from. How
strongly the linear path is shrunk is chosen on all blocks, and how long a network learns on the latest, so what they say is a little hopeful.
Where a reading leaves the range that was learned from, intervals grow with the distance.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np
import torch

from dcsim.errors import InputError
from dcsim.forecasting import linear
from dcsim.forecasting.corpus import Corpus, corpus_of
from dcsim.forecasting.features import (
    HISTORY,
    Features,
    Layout,
    Scale,
    Windows,
    courses_of,
    features,
    layout_of,
    series_values,
)
from dcsim.forecasting.linear import Linear
from dcsim.forecasting.network import Network
from dcsim.forecasting.panel import Member, Panel
from dcsim.forecasting.training import Lesson, in_units, train
from dcsim.forecasting.trust import KNOWN, MODES, PERSISTENCE, Trust, Unseen, mixed, restless, trust_of

Array = np.ndarray
Tensor = torch.Tensor
Progress = Callable[[str, int, int], None]

BLOCKS = 5  # of a log, each foretold by what is learned from the others
READINGS_MANY = 300_000  # windows times targets from which on the last block alone is foretold so
STEPS_LEAST, STEPS_EVERY = 250, 4  # steps of learning, and windows for each further one
SAMPLE = 2000  # windows that statistics are taken from, and forecasts of a block


@dataclass(frozen=True)
class Settings:
    """What a fit takes; the same for every log.

    Attributes
    ----------
    width, said, own, members : int
        Of the network.
    steps : int
        Of learning at most.
    seed : int
    """

    width: int = 40
    said: int = 12
    own: int = 6
    members: int = 3
    steps: int = 1500
    seed: int = 0


class Forecast(NamedTuple):
    """Of N windows, C targets at P steps ahead, each of shape (N, C, P), in the targets' units."""

    mean: Tensor
    low: Tensor
    high: Tensor


@dataclass(frozen=True)
class Forecaster:
    """What a fit has learned of a site.

    Attributes
    ----------
    members : tuple of Member
        Channels that a history has, in this order.
    step_s : float
    horizons : int
    scales : dict of str to Scale
    linear : dict of str to Linear
        By mode.
    network : Network
    usual : Tensor, shape (C,)
    trust : dict of str to Trust
        By mode.
    moved : Tensor, shape (C,)
        How restless each target usually is.
    seen : Tensor, shape (R, 3)
        Least, greatest value and spread of each series.
    """

    members: tuple[Member, ...]
    step_s: float
    horizons: int
    scales: dict[str, Scale]
    linear: dict[str, Linear]
    network: Network
    usual: Tensor
    trust: dict[str, Trust]
    moved: Tensor
    seen: Tensor

    @property
    def layout(self) -> Layout:
        """Which series every target looks at."""
        return layout_of(self.members)

    @property
    def targets(self) -> tuple[Member, ...]:
        """What is forecast, C of them."""
        return tuple(each for each in self.members if each.is_forecast)

    @property
    def planned(self) -> tuple[Member, ...]:
        """Channels whose future is planned, A of them."""
        return tuple(each for each in self.members if each.role == "action")

    @property
    def given(self) -> tuple[Member, ...]:
        """Weather and load, D of them."""
        return tuple(each for each in self.members if each.is_known and each.role != "action")

    @property
    def minutes(self) -> Array:
        """How far ahead each step is, shape (P,)."""
        return np.arange(1, self.horizons + 1) * self.step_s / 60.0

    def predict(
        self, history: Tensor, planned_actions: Tensor | None = None, known_future: Tensor | None = None
    ) -> Forecast:
        """Forecast temperatures and cooling power; gradients flow through it.

        Parameters
        ----------
        history : Tensor, shape (N, channels, HISTORY + 1)
            Readings of ``members`` over the last steps, in their units, the latest last; NaN where missing.
        planned_actions : Tensor, shape (N, A, P), optional
            Of ``planned``; they stay as they are without.
        known_future : Tensor, shape (N, D, P), optional
            Of ``given``, from somebody who knows or forecasts them; without, they are taken to stay, and intervals are those of that.

        Raises
        ------
        InputError
            If a shape does not fit, or a history has no reading of any target.
        """
        shape = (len(history), len(self.members), HISTORY + 1)
        if tuple(history.shape) != shape:
            raise InputError(
                f"history of shape {tuple(history.shape)}: expected (N, {shape[1]} channels, {shape[2]} steps)"
            )
        future = history.new_full((shape[0], shape[1], self.horizons), torch.nan)
        for name, values, wanted in (
            ("planned_actions", planned_actions, self.planned),
            ("known_future", known_future, self.given),
        ):
            rows = [k for k, each in enumerate(self.members) if each in wanted]
            if values is None:
                if name == "planned_actions":
                    future[:, rows] = history[:, rows, -1:].expand(-1, -1, self.horizons)
                continue
            if tuple(values.shape) != (shape[0], len(rows), self.horizons):
                raise InputError(
                    f"{name} of shape {tuple(values.shape)}: expected ({shape[0]}, {len(rows)} channels, {self.horizons} steps)"
                )
            future = future.index_copy(1, torch.tensor(rows, dtype=torch.long), values.to(future.dtype))
        layout = self.layout
        series = series_values(layout, torch.cat([history, future], dim=-1))
        windows = Windows(series[..., : HISTORY + 1], series[..., HISTORY + 1 :])
        now = history[:, list(layout.targets), -1]
        if not torch.isfinite(now).any(dim=1).all():
            raise InputError("a history whose last step has no reading of anything to forecast")
        found = features(courses_of(windows, layout, self.scales), layout)
        changes = self.changes(
            found, PERSISTENCE if known_future is None and self.given else KNOWN, windows.past[..., -1]
        )
        return Forecast(*(now[..., None] + change for change in changes))

    def changes(self, found: Features, mode: str, levels: Tensor) -> Forecast:
        """Forecast changes from now.

        Parameters
        ----------
        found : Features
            Of all targets.
        mode : str
            ``known`` or ``persistence``.
        levels : Tensor, shape (N, R)
            Last known values of the layout's series.
        """
        trust, layout = self.trust[mode], self.layout
        straight = self.linear[mode].predicted(found, torch.arange(len(layout.targets)))
        bent, variance = in_units(self.network, found, layout, self.scales, self.usual)
        mean, size = mixed(trust, straight, bent, variance, restless(found) / self.moved)
        size = size * self._strange(levels)[:, None, None]
        return Forecast(mean, mean + trust.low * size, mean + trust.high * size)

    def _strange(self, levels: Tensor) -> Tensor:
        """How much wider than usual intervals are for levels (N, R): with the distance from the range learned from, in spreads."""
        low, high, spread = self.seen.T
        beyond = torch.clamp(torch.maximum(low - levels, levels - high), min=0.0) / spread
        return torch.sqrt(1.0 + torch.nan_to_num(beyond).amax(dim=1) ** 2)


def fit(
    panels: Sequence[Panel], horizons: int = 12, settings: Settings = Settings(), progress: Progress | None = None
) -> Forecaster:
    """Learn to forecast a site.

    Parameters
    ----------
    panels : sequence of Panel
        Stretches of its log, in time order.
    horizons : int
        Steps ahead.
    settings : Settings
    progress : callable, optional
        Told what is being done, and how much of how much is.

    Raises
    ------
    InputError
        If the log is too short for blocks of windows.
    """
    corpus = corpus_of(panels, horizons)
    blocks, tell = blocks_of(corpus), progress or _silent
    straight = {
        mode: linear.fit(corpus, blocks, mode == PERSISTENCE, None, partial(tell, "linear path")) for mode in MODES
    }
    windows = len(corpus.at) // corpus.phases
    steps = min(settings.steps, STEPS_LEAST + windows // STEPS_EVERY)
    chosen = blocks[-1:] if windows * len(corpus.targets) > READINGS_MANY else blocks
    unseen: dict[str, list[Unseen]] = {mode: [] for mode in MODES}
    for number, block in enumerate(reversed(chosen), 1):
        rest, words = Lesson(corpus.without(block)), f"block {number} of {len(chosen)}: "
        check = block.at if number == 1 else None  # how long to learn is found once
        network = _network(corpus, settings)
        made = train(network, rest, steps, check, settings.seed, partial(tell, words + "network"))
        steps = made if number == 1 else steps
        for mode, entries in unseen.items():
            hidden, strengths = mode == PERSISTENCE, straight[mode].strengths
            path = linear.fit(rest.corpus, (), hidden, strengths, partial(tell, words + "linear path"))
            entries.append(_foretold(path, network, rest.usual, block, hidden))
    network, lesson = _network(corpus, settings), Lesson(corpus)
    train(network, lesson, steps, seed=settings.seed, progress=partial(tell, "network"))
    moved = torch.nanmean(restless(corpus.batch(corpus.thinned(SAMPLE).at, corpus.targets)[0]), dim=0).clamp(min=1e-9)
    return Forecaster(
        members=corpus.members,
        step_s=corpus.step_s,
        horizons=horizons,
        scales=corpus.scales,
        linear=straight,
        network=network,
        usual=lesson.usual,
        trust={mode: trust_of(corpus, entries, moved) for mode, entries in unseen.items()},
        moved=moved,
        seen=_seen(corpus.series[:, corpus.at]),
    )


def _silent(what: str, done: int, of: int) -> None:
    """Say nothing."""


def _seen(series: Tensor) -> Tensor:
    """Least and greatest values along a log, and standard deviations, of a thousandth of the size at least, shape (R, 3)."""
    known = torch.isfinite(series)
    count = known.sum(dim=1).clamp(min=1)
    mean = torch.nan_to_num(series).sum(dim=1) / count
    square = torch.where(known, (series - mean[:, None]) ** 2, 0.0).sum(dim=1) / count
    low, high = (torch.where(known, series, end).aminmax(dim=1)[k] for k, end in enumerate((torch.inf, -torch.inf)))
    return torch.stack([low, high, square.sqrt().clamp(min=1e-6) + 1e-3 * mean.abs()], dim=1)


def _network(corpus: Corpus, settings: Settings) -> Network:
    network = Network(settings.width, settings.said, settings.own, settings.members, settings.seed)
    network.grow(corpus.layout, is_new=True)
    return network


def blocks_of(corpus: Corpus) -> list[Corpus]:
    """Return the windows in stretches of the same length; `Corpus.without` keeps what is learned apart from what they foretell.

    Raises
    ------
    InputError
        If nothing would be left to learn from.
    """
    edges = torch.quantile(corpus.at.double(), torch.linspace(0.0, 1.0, BLOCKS + 1, dtype=torch.float64)).ceil()
    edges[-1] += 1.0
    blocks = [
        replace(corpus, at=corpus.at[(corpus.at >= a) & (corpus.at < b)])
        for a, b in zip(edges[:-1], edges[1:], strict=True)
    ]
    if any(not len(block.at) or not len(corpus.without(block).at) for block in blocks):
        back, ahead = corpus.reach
        hours = (back + BLOCKS * ahead) / corpus.phases * corpus.step_s / 3600.0
        raise InputError(f"too short to tell what forecasts are worth: more than {hours:.3g} h are needed")
    return blocks


@torch.no_grad()
def _foretold(straight: Linear, network: Network, usual: Tensor, block: Corpus, hidden: bool) -> Unseen:
    """What linear path and network foretell of the windows of a block."""
    parts = []
    for _, found, came in block.batches(block.thinned(SAMPLE).at, hidden):
        bent, variance = in_units(network, found, block.layout, block.scales, usual)
        parts.append((straight.predicted(found, block.targets), bent, variance, came, restless(found)))
    return Unseen(*(torch.cat(each) for each in zip(*parts, strict=True)))
