"""The linear path: ridge regressions of the changes to come on the features of a window, one for each target and horizon.

How strongly the regressions are shrunk is found for each signal by what they foretell of blocks that they have not seen. Unless that is
better for sure than that nothing changes, they say nothing else.

References
----------
.. [1] Ljung, System Identification: Theory for the User (1999), section 4.2: ARX models.
.. [2] Hoerl, Kennard, Ridge regression, Technometrics 12 (1970).
.. [3] Hastie, Tibshirani, Friedman, The Elements of Statistical Learning (2009), section 7.10: standard errors of cross-validation.
.. [4] Bergmeir, Benitez, On the use of cross-validation for time series predictor evaluation, Information Sciences 191 (2012): blocks.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch

from dcsim.forecasting.corpus import Corpus
from dcsim.forecasting.features import Features

Tensor = torch.Tensor

STRENGTHS = (1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0, 1e4)
"""Each feature counts as if this share of the windows, with the feature at its root mean square, had spoken against any weight.

The constant too: what drifts all day long drifts back at night.
"""

STRENGTH_LEAST = 1e-6  # what single precision of the sums takes
WINDOWS_MAX = 4000  # learned from, evenly spaced
NUMBERS_AT_ONCE = 30_000_000  # of regressors of several targets together
ALIKE = 12  # sensors of a signal that its strength is found on
TRIED_AT = 4  # horizons, evenly spaced, at which strengths are tried


@dataclass(frozen=True)
class Linear:
    """Ridge regressions of a site.

    Attributes
    ----------
    weights : Tensor, shape (C, P, F)
    strengths : dict of str to float
        By signal.
    """

    weights: Tensor
    strengths: dict[str, float]

    def predicted(self, found: Features, targets: Tensor) -> Tensor:
        """Return changes (N, C, P) of some targets, without making all regressors at once."""
        sizes = [part.shape[-1] for part in found]
        w = torch.split(self.weights[targets], [*sizes, 1], dim=-1)
        return (
            torch.einsum("nf,cpf->ncp", found.all_static[:, 0], w[0])
            + torch.einsum("npg,cpg->ncp", found.all_future[:, 0], w[1])
            + torch.einsum("ncf,cpf->ncp", found.own_static, w[2])
            + torch.einsum("ncpg,cpg->ncp", found.own_future, w[3])
            + w[4][..., 0]
        )


def rows_of(found: Features) -> Tensor:
    """Return regressors of every target and horizon, a constant last, shape (N, C, P, F)."""
    n, c = found.own_static.shape[:2]
    steps = found.own_future.shape[2]
    parts = (found.all_static[:, :, None], found.all_future, found.own_static[:, :, None], found.own_future)
    wide = [part.expand(n, c, steps, -1) for part in parts]
    return torch.cat([*wide, wide[0].new_ones((n, c, steps, 1))], dim=-1)


def fit(
    corpus: Corpus,
    folds: Sequence[Corpus],
    hidden: bool = False,
    strengths: Mapping[str, float] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Linear:
    """Fit the regressions of all targets.

    Parameters
    ----------
    corpus : Corpus
    folds : sequence of Corpus
        Blocks of it that strengths are tried on, each by what is learned from the others; two at least, unless strengths are given.
    hidden : bool
        Whether weather and load to come are not known.
    strengths : mapping of str to float, optional
        By signal, where they are known already.
    progress : callable, optional
        Told how many targets are done, of how many.
    """
    corpus = corpus.thinned(WINDOWS_MAX)
    chosen, weights = dict(strengths or {}), torch.empty(0)
    done = 0
    for signal, targets in corpus.signals().items():
        if signal not in chosen:
            few = targets[:: -(-len(targets) // ALIKE)]
            chosen[signal] = _strength(folds, few, hidden)
        at_once = 1
        while targets:
            some, targets = targets[:at_once], targets[at_once:]
            x, y, used = _regression(corpus, some, hidden)
            if not len(weights):
                weights = torch.zeros(len(corpus.targets), corpus.horizons, len(used))
            for k, w in zip(some, _solved(x.mT @ x, x.mT @ y, chosen[signal]).float(), strict=True):
                weights[k][:, used] = w
            at_once = max(1, NUMBERS_AT_ONCE * len(some) // x.numel())
            done += len(some)
            if progress is not None:
                progress(done, len(weights))
    return Linear(weights, chosen)


def _regression(
    corpus: Corpus, targets: Sequence[int], hidden: bool, horizons: slice = slice(None)
) -> tuple[Tensor, Tensor, Tensor]:
    """Regressors (C, P, N, F), changes (C, P, N, 1), and which of all regressors these are.

    Windows whose change is not known are zero; masks of what is never missing, for one, are no regressors.
    """
    found, changes = corpus.batch(corpus.at, torch.tensor(targets), torch.full((len(corpus.at),), hidden))
    changes = changes[:, :, horizons]
    known = torch.isfinite(changes)
    found = found.at(horizons)
    used = torch.cat([(part != 0.0).flatten(0, -2).any(dim=0) for part in found] + [torch.ones(1, dtype=torch.bool)])
    x = rows_of(found)[..., used] * known[..., None]
    return x.movedim(0, 2), torch.nan_to_num(changes).movedim(0, 2)[..., None], used


def _solved(gram: Tensor, cross: Tensor, strength: float) -> Tensor:
    """Weights (..., F) from moments (..., F, F) and (..., F, 1)."""
    gram, cross = gram.double(), cross.double()
    size = torch.diagonal(gram, dim1=-2, dim2=-1)
    windows = size[..., -1:].clamp(min=1.0)  # of the constant: their number
    shrink = max(strength, STRENGTH_LEAST) * size + 1e-9 * windows
    factor = torch.linalg.cholesky(gram + torch.diag_embed(shrink))
    return torch.cholesky_solve(cross, factor)[..., 0]


def _strength(folds: Sequence[Corpus], targets: Sequence[int], hidden: bool) -> float:
    """The strength that foretells best, over targets, what each fold has and the others have not.

    If that is better than the greatest, with which nothing changes, by no more than the standard error over the folds, it is the greatest.
    """
    missed = torch.zeros(len(folds), len(STRENGTHS), dtype=torch.float64)
    every = -(-folds[0].horizons // TRIED_AT)
    together = replace(folds[0], at=torch.cat([fold.thinned(WINDOWS_MAX // len(folds)).at for fold in folds]))
    sizes = [len(fold.thinned(WINDOWS_MAX // len(folds)).at) for fold in folds]
    for target in targets:
        x, y, _ = _regression(together, [target], hidden, slice(every - 1, None, every))
        parts = list(zip(x[0].split(sizes, dim=1), y[0].split(sizes, dim=1), strict=True))
        moments = [(x.mT @ x, x.mT @ y) for x, y in parts]
        gram, cross = (torch.stack(each).sum(dim=0) for each in zip(*moments, strict=True))
        usual = (y[0] ** 2).sum(dim=(1, 2)).clamp(min=1e-12)
        for fold, ((rows, came), (own_gram, own_cross)) in enumerate(zip(parts, moments, strict=True)):
            for k, strength in enumerate(STRENGTHS):
                w = _solved(gram - own_gram, cross - own_cross, strength).float()
                missed[fold, k] += (((rows @ w[..., None] - came) ** 2).sum(dim=(1, 2)) / usual).sum().double()
    best = int(missed.mean(dim=0).argmin())
    gain = missed[:, -1] - missed[:, best]
    return STRENGTHS[best] if gain.mean() > gain.std() / len(folds) ** 0.5 else STRENGTHS[-1]
