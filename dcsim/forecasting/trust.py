"""What blocks unseen say of a linear path and a network: how much of each to take, and how far off that is.

Of every signal so much of the network is taken as would have paid, nothing where it did not. How far off the mixture was, as multiples of
what it expected, gives intervals by its quantiles (conformal prediction).

References
----------
.. [1] Lei et al., Distribution-free predictive inference for regression, JASA 113 (2018): errors over their expected size.
.. [2] Barber et al., Predictive inference with the jackknife+, Annals of Statistics 49 (2021): residuals across folds.
.. [3] Barber et al., Conformal prediction beyond exchangeability, Annals of Statistics 51 (2023): older errors weigh less.
.. [4] Wolpert, Stacked generalization, Neural Networks 5 (1992).
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch

from dcsim.forecasting.corpus import Corpus
from dcsim.forecasting.features import LAGS, STATIC, Features

Tensor = torch.Tensor

LEVEL = 0.9  # of intervals
LEVEL_MAX = 0.975  # of an end: of few errors the greatest alone would rule
RECENT = 0.7  # weight of a block's errors in intervals over that of the block behind it
PARTS = 10  # of what was foretold, in each of which the network's gain is looked at
SURE = 2.0  # standard errors over the parts by which a gain must be above nothing, or the network is not worth its risk

RESTLESS_SHARES = (0.0, 0.25, 0.5, 0.75, 0.9)
KNOWN, PERSISTENCE = MODES = "known", "persistence"
"""Whether load and weather to come are known, or taken to stay as they are."""


class Trust(NamedTuple):
    """What blocks unseen say of a mode, by signal: share of the network, and the quantiles of an error over its expected size.

    Attributes
    ----------
    share : Tensor, shape (C,)
    size : Tensor, shape (C, P)
        Root mean square of the linear path's errors.
    restless : Tensor, shape (C,)
        Share of its square that goes with how restless the last hour was.
    low, high : Tensor, shape (C, P)
    """

    share: Tensor
    size: Tensor
    restless: Tensor
    low: Tensor
    high: Tensor


class Unseen(NamedTuple):
    """What was foretold of blocks unseen, each of shape (N, C, P), and how restless targets were, (N, C)."""

    straight: Tensor
    bent: Tensor
    variance: Tensor
    came: Tensor
    restless: Tensor


def restless(found: Features) -> Tensor:
    """How much each target moved of late, (N, C): mean square of its changes over the lags, by their length, in its scale's unit."""
    changes = found.own_static[..., STATIC - len(LAGS) : STATIC]  # of the target's own past, the first slot
    return (changes**2 / torch.tensor(LAGS, dtype=changes.dtype)).mean(dim=-1)


def mixed(trust: Trust, straight: Tensor, bent: Tensor, variance: Tensor, moved: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mixture of linear path and network, and how far off it is expected to be, both (N, C, P)."""
    share, part = trust.share[:, None], trust.restless
    of_linear = trust.size**2 * (1.0 - part + part * moved)[..., None]
    return straight + share * (bent - straight), torch.sqrt((1.0 - share) * of_linear + share * variance)


def trust_of(corpus: Corpus, entries: Sequence[Unseen], usual: Tensor) -> Trust:
    """Return what blocks unseen say.

    Parameters
    ----------
    corpus : Corpus
    entries : sequence of Unseen
        The latest first: it says most of what is to come.
    usual : Tensor, shape (C,)
        How restless targets usually are.
    """
    ages = torch.cat([torch.full((len(entry.came),), float(age)) for age, entry in enumerate(entries)])
    straight, bent, variance, came, moved = (torch.cat(each) for each in zip(*entries, strict=True))
    known = torch.isfinite(came)
    missed = torch.where(known, came - straight, 0.0)
    apart = torch.where(known, bent - straight, 0.0)
    size = (missed**2).sum(dim=0).div(known.sum(dim=0).clamp(min=1)).sqrt()
    share, part = torch.zeros(2, len(corpus.targets))
    relative = moved / usual
    for targets in corpus.signals().values():
        size[targets] = size[targets].pow(2).mean(dim=0).sqrt().clamp(min=1e-6)  # sensors of a signal are alike
        share[targets] = _share(missed[:, targets], apart[:, targets])
        scores = torch.where(known, (came - straight).abs() / size, torch.nan)[:, targets, -1]
        part[targets] = _restless_share(scores, relative[:, targets])
    trust = Trust(share, size, part, torch.zeros_like(size), torch.zeros_like(size))
    mean, expected = mixed(trust, straight, bent, variance, relative)
    score = torch.where(known, (came - mean) / expected.clamp(min=1e-9), torch.nan)
    for targets in corpus.signals().values():
        for h in range(came.shape[2]):
            values = score[:, targets, h]
            weights = (RECENT**ages)[:, None].expand_as(values)[torch.isfinite(values)]
            ends = _quantiles(values[torch.isfinite(values)], weights, len(came) / (h + 1.0) / corpus.phases)
            trust.low[targets, h], trust.high[targets, h] = ends
    return trust


def _restless_share(scores: Tensor, moved: Tensor) -> float:
    """The share with which errors over their expected size are most likely, taken as of Laplace distributions."""
    known = torch.isfinite(scores)
    if not known.any():
        return 0.0
    best, found = torch.inf, 0.0
    for part in RESTLESS_SHARES:
        size = torch.sqrt(1.0 - part + part * moved)[known]
        scale = (scores[known] / size).mean()
        worse = float(torch.log(size).mean() + torch.log(scale.clamp(min=1e-9)))
        if worse < best:
            best, found = worse, part
    return found


def _share(missed: Tensor, apart: Tensor) -> float:
    """How much of a network to take, from what the linear path missed and what the network says beside it, both (N, C, P).

    Every part of the time counts alike, so that a few bad hours do not decide.
    """
    parts = [
        (m, a)
        for m, a in zip(missed.tensor_split(PARTS), apart.tensor_split(PARTS), strict=True)
        if m.abs().sum() > 0.0
    ]
    if not parts:
        return 0.0
    weights = [1.0 / m.pow(2).sum() for m, _ in parts]
    across = sum(w * (m * a).sum() for w, (m, a) in zip(weights, parts, strict=True))
    along = sum(w * a.pow(2).sum() for w, (_, a) in zip(weights, parts, strict=True))
    share = float(torch.clamp(torch.as_tensor(across / max(float(along), 1e-12)), 0.0, 1.0))
    gains = torch.tensor(
        [1.0 - float((m - share * a).pow(2).sum() * w) for w, (m, a) in zip(weights, parts, strict=True)]
    )
    return share if len(gains) > 1 and gains.mean() > SURE * gains.std() / len(gains) ** 0.5 else 0.0


def _quantiles(values: Tensor, weights: Tensor, independent: float) -> tuple[float, float]:
    """Both ends of an interval of scores with weights; the fewer are independent, the wider."""
    if len(values) < 2:
        return -torch.inf, torch.inf
    level = min(LEVEL_MAX, 0.5 * (1.0 + LEVEL) * (1.0 + 1.0 / max(independent, 1.0)))
    order = torch.argsort(values)
    reached = torch.cumsum(weights[order], dim=0) / weights.sum()
    low, high = (values[order[min(int((reached < q).sum()), len(values) - 1)]] for q in (1.0 - level, level))
    return min(float(low), 0.0), max(float(high), 0.0)
