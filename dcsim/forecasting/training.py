"""How a network learns: steps on random windows of some of the targets, until what it foretells of windows unseen gets no better."""

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from dcsim.forecasting.corpus import Corpus
from dcsim.forecasting.features import Features, Layout, Scale
from dcsim.forecasting.network import SITE, Network

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
    name : str
        Of the site, in the network.
    usual : Tensor, shape (C,)
        Root mean squares of the changes of each target's signal, in units of its scale.
    weight : Tensor, shape (C,)
        So that signals count alike, however many sensors they have.
    """

    corpus: Corpus
    name: str = SITE
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

    def on(self, block: Corpus) -> "Lesson":
        """Return the lesson with other windows of its site."""
        other = copy.copy(self)
        other.corpus = block
        return other


def units_of(layout: Layout, scales: Mapping[str, Scale]) -> Tensor:
    """Return what one unit of a network's output is for each target, shape (C,)."""
    return torch.tensor([scales[signal].change for signal in layout.signals])


def train(
    network: Network,
    lessons: Sequence[Lesson],
    steps: int,
    check: Tensor | None = None,
    rate: float = RATE,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
    state: dict[str, Any] | None = None,
    keep: Callable[[dict[str, Any]], None] | None = None,
) -> int:
    """Let a network learn; it is left as it was at its best look at windows unseen.

    Parameters
    ----------
    network : Network
    lessons : sequence of Lesson
        Taken in turns.
    steps : int
    check : Tensor of int, optional
        Windows of the first lesson's site to look at; without any, all steps are made.
    rate : float
        Greatest rate of learning.
    seed : int
    progress : callable, optional
        Told how many steps are made, of how many.
    state : dict, optional
        Of a call that was cut off, as ``keep`` was handed it.
    keep : callable, optional
        Handed, at every look, what it takes to go on from there.

    Returns
    -------
    int
        Steps made until the best look.
    """
    random = np.random.default_rng([seed, 0x747261])
    optimizer = torch.optim.AdamW(network.parameters(), rate, weight_decay=DECAY, betas=(0.9, 0.99))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, max(steps, 2), pct_start=WARM)
    best, best_step, best_weights, first = math.inf, steps, None, 0
    if state is not None:
        network.load_state_dict(state["network"])
        optimizer.load_state_dict(state["optimizer"])
        schedule.load_state_dict(state["schedule"])
        random.bit_generator.state = state["random"]
        first, best, best_step, best_weights = state["step"], state["best"], state["best_step"], state["best_weights"]
    every = max(1, steps // CHECKS)
    for step in range(first, steps):
        loss = _loss(network, lessons[step % len(lessons)], random)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if (step + 1) % every and step + 1 < steps:
            continue
        if check is not None:
            error = checked(network, lessons[0], check)
            if error < best:
                best, best_step, best_weights = error, step + 1, copy.deepcopy(network.state_dict())
        if progress is not None:
            progress(step + 1, steps)
        if keep is not None:
            keep(
                {
                    "network": network.state_dict(),
                    "optimizer": optimizer.state_dict(),
                    "schedule": schedule.state_dict(),
                    "random": random.bit_generator.state,
                    "step": step + 1,
                    "best": best,
                    "best_step": best_step,
                    "best_weights": best_weights,
                }
            )
    if best_weights is not None:
        network.load_state_dict(best_weights)
    return best_step


def _loss(network: Network, lesson: Lesson, random: np.random.Generator) -> Tensor:
    """Mean loss of the members on some windows and targets: of what they foretell, and of how far off they expect that to be."""
    corpus = lesson.corpus
    at = corpus.at[torch.as_tensor(random.integers(len(corpus.at), size=WINDOWS))]
    targets = _some(corpus, random)
    found, changes = corpus.batch(at, targets, torch.as_tensor(random.random(WINDOWS) < HIDDEN))
    mean, log_scale = network(found, corpus.layout, targets, lesson.name)
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


@torch.no_grad()
def foretold(network: Network, lesson: Lesson, at: Tensor, hidden: bool = False) -> tuple[Tensor, Tensor, Tensor]:
    """Return means, variances and what came of windows, each of shape (N, C, P), in units of the targets.

    A variance is that of the members' means, and their own.
    """
    corpus, parts = lesson.corpus, []
    for some in at.split(max(1, 4096 // len(corpus.targets))):
        found, changes = corpus.batch(some, corpus.targets, torch.full((len(some),), hidden))
        mean, variance = in_units(network, found, corpus.layout, corpus.scales, lesson.usual, lesson.name)
        parts.append((mean, variance, changes))
    means, variances, came = zip(*parts, strict=True)
    return torch.cat(means), torch.cat(variances), torch.cat(came)


def in_units(
    network: Network, found: Features, layout: Layout, scales: Mapping[str, Scale], usual: Tensor, site: str = SITE
) -> tuple[Tensor, Tensor]:
    """Return means and variances (N, C, P) of all targets, in their units."""
    mean, log_scale = network(found, layout, torch.arange(len(layout.targets)), site)
    unit = units_of(layout, scales)[:, None]
    own = (SPREAD_FIRST * torch.exp(log_scale) * usual[:, None] * unit) ** 2
    return mean.mean(dim=0) * unit, mean.var(dim=0, correction=0) * unit**2 + 2.0 * own.mean(
        dim=0
    )  # of Laplace distributions


def checked(network: Network, lesson: Lesson, check: Tensor) -> float:
    """Return the mean over targets of the squares of errors over those of usual changes, in windows unseen."""
    some = check[:: -(-len(check) // CHECK_WINDOWS)]
    mean, _, came = foretold(network, lesson, some)
    known = torch.isfinite(came)
    error = torch.where(known, mean - torch.nan_to_num(came), 0.0) / (lesson.usual * lesson.unit)[:, None]
    by_target = error.pow(2).sum(dim=(0, 2)) / known.sum(dim=(0, 2)).clamp(min=1)
    return float((by_target * lesson.weight).sum() / lesson.weight.sum())
