"""How a network learns: steps on random windows of some of the targets, until what it foretells of windows unseen gets no better."""

import copy
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch

from dcsim.forecasting.corpus import Corpus
from dcsim.forecasting.features import Features, Layout, Scale
from dcsim.forecasting.network import Network

Array = np.ndarray
Tensor = torch.Tensor

WINDOWS, ALIKE, KINDS = 32, 8, 24  # of a step: windows, targets of one signal at most, signals at most
HIDDEN = 0.3  # share of windows in which weather and load to come are hidden
RATE, DECAY, WARM = 3e-3, 1e-2, 0.1
ROBUST = 3.0  # times a signal's usual change, from which an error counts linearly
SPREAD_WEIGHT, SPREAD_FIRST = 0.05, 0.3  # of the part that learns how far off a forecast is; what is expected at first
CHECKS = 12  # looks at windows unseen
CHECK_WINDOWS = 384


@dataclass
class Lesson:
    """A site to learn from.

    Attributes
    ----------
    corpus : Corpus
    usual : Tensor, shape (C,)
        Root mean squares of the changes of each target's signal, in units of its scale.
    weight : Tensor, shape (C,)
        So that signals count alike, however many sensors they have.
    unit : Tensor, shape (C,)
        What one unit of the network's output is.
    """

    corpus: Corpus
    usual: Tensor = field(init=False)
    weight: Tensor = field(init=False)
    unit: Tensor = field(init=False)

    def __post_init__(self) -> None:
        corpus = self.corpus
        self.unit = units_of(corpus.layout, corpus.scales)
        _, changes = corpus.batch(corpus.thinned(600).at, corpus.targets)
        squares = torch.nan_to_num(changes).pow(2).sum(dim=(0, 2)) / torch.isfinite(changes).sum(dim=(0, 2)).clamp(
            min=1
        )
        self.usual, self.weight = torch.ones_like(self.unit), torch.ones_like(self.unit)
        for targets in corpus.signals().values():
            self.usual[targets] = squares[targets].mean().sqrt() / self.unit[targets]
            self.weight[targets] = 1.0 / len(targets)
        self.usual.clamp_(min=1e-3)


def units_of(layout: Layout, scales: Mapping[str, Scale]) -> Tensor:
    """Return what one unit of a network's output is for each target, shape (C,)."""
    return torch.tensor([scales[signal].change for signal in layout.signals])


def train(
    network: Network,
    lesson: Lesson,
    steps: int,
    check: Tensor | None = None,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> int:
    """Let a network learn; it is left as it was at its best look at windows unseen.

    Parameters
    ----------
    network : Network
    lesson : Lesson
    steps : int
    check : Tensor of int, optional
        Windows of the site to look at; without any, all steps are made.
    seed : int
    progress : callable, optional
        Told how many steps are made, of how many.

    Returns
    -------
    int
        Steps made until the best look.
    """
    random = np.random.default_rng([seed, 0x747261])
    optimizer = torch.optim.AdamW(network.parameters(), RATE, weight_decay=DECAY, betas=(0.9, 0.99))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, max(steps, 2), pct_start=WARM)
    best, best_step, best_weights = math.inf, steps, None
    every = max(1, steps // CHECKS)
    for step in range(1, steps + 1):
        loss = _loss(network, lesson, random)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % every and step < steps:
            continue
        if check is not None and (error := checked(network, lesson, check)) < best:
            best, best_step, best_weights = error, step, copy.deepcopy(network.state_dict())
        if progress is not None:
            progress(step, steps)
    if best_weights is not None:
        network.load_state_dict(best_weights)
    return best_step


def _loss(network: Network, lesson: Lesson, random: np.random.Generator) -> Tensor:
    """Mean loss of the members on some windows and targets: of what they foretell, and of how far off they expect that to be."""
    corpus = lesson.corpus
    at = corpus.at[torch.as_tensor(random.integers(len(corpus.at), size=WINDOWS))]
    targets = _some(corpus, random)
    found, changes = corpus.batch(at, targets, torch.as_tensor(random.random(WINDOWS) < HIDDEN))
    mean, log_scale = network(found, corpus.layout, targets)
    known = torch.isfinite(changes)
    usual = lesson.usual[targets][:, None]
    error = torch.where(known, mean - torch.nan_to_num(changes) / lesson.unit[targets][:, None], 0.0) / usual
    size = error.abs()
    point = torch.where(size < ROBUST, 0.5 * error**2, ROBUST * size - 0.5 * ROBUST**2)
    scale = log_scale + math.log(SPREAD_FIRST)
    spread = scale + size.detach() * torch.exp(-scale)  # of a Laplace distribution, which a few large errors rule less
    weight = known * lesson.weight[targets][:, None]
    return ((point + SPREAD_WEIGHT * spread) * weight).sum() / weight.sum().clamp(min=1e-9) / network.members


def _some(corpus: Corpus, random: np.random.Generator) -> Tensor:
    """Targets of a step: of signals with many sensors some, the same numbers of all of these."""
    chosen: list[int] = []
    drawn: dict[int, Array] = {}
    kinds = list(corpus.signals().values())
    for kind in random.permutation(len(kinds))[:KINDS]:
        targets = kinds[kind]
        if len(targets) > ALIKE:
            order = drawn.setdefault(len(targets), random.permutation(len(targets))[:ALIKE])
            targets = [targets[k] for k in order]
        chosen += targets
    return torch.tensor(sorted(chosen))


def in_units(
    network: Network, found: Features, layout: Layout, scales: Mapping[str, Scale], usual: Tensor
) -> tuple[Tensor, Tensor]:
    """Return means of all targets and variances, of the members' means and their own, (N, C, P), in the targets' units."""
    mean, log_scale = network(found, layout, torch.arange(len(layout.targets)))
    unit = units_of(layout, scales)[:, None]
    own = (SPREAD_FIRST * torch.exp(log_scale) * usual[:, None] * unit) ** 2
    apart = mean.var(dim=0, correction=0) * unit**2
    return mean.mean(dim=0) * unit, apart + 2.0 * own.mean(dim=0)  # twice, as of Laplace distributions


@torch.no_grad()
def checked(network: Network, lesson: Lesson, check: Tensor) -> float:
    """Return the mean over targets of the squares of errors over those of usual changes, in windows unseen."""
    corpus, usual = lesson.corpus, (lesson.usual * lesson.unit)[:, None]
    square, count = torch.zeros(2, len(corpus.targets))
    for _, found, came in corpus.batches(check[:: -(-len(check) // CHECK_WINDOWS)]):
        mean, _ = in_units(network, found, corpus.layout, corpus.scales, lesson.usual)
        known = torch.isfinite(came)
        square += (torch.where(known, mean - torch.nan_to_num(came), 0.0) / usual).pow(2).sum(dim=(0, 2))
        count += known.sum(dim=(0, 2))
    return float((square / count.clamp(min=1) * lesson.weight).sum() / lesson.weight.sum())
