"""The linear path: ridge regressions of the changes to come on the features of a window, one for each target and horizon.

How strongly the regressions are shrunk, to nothing or to weights known before, is found for each signal by what they foretell of blocks that
they have not seen. As long as few windows are known, that is strongly; then they say little but persistence.

References
----------
.. [1] Ljung, System Identification: Theory for the User (1999), section 4.2: ARX models.
.. [2] Hoerl, Kennard, Ridge regression, Technometrics 12 (1970).
.. [3] Bergmeir, Benitez, On the use of cross-validation for time series predictor evaluation, Information Sciences 191 (2012): blocks.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

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
    chosen = dict(strengths or {})
    weights: list[Tensor] = [torch.empty(0)] * len(corpus.targets)
    done = 0
    for signal, targets in corpus.signals().items():
        if signal not in chosen:
            few = targets[:: -(-len(targets) // 12)]  # a signal's sensors are alike
            chosen[signal] = _strength(folds, few, hidden)
        for k in targets:
            x, y = _regression(corpus, k, hidden)
            used = x.abs().amax(dim=(0, 1)) > 0.0  # masks of what is never missing, for one, are not
            weights[k] = torch.zeros(x.shape[0], x.shape[2])
            x = x[..., used]
            weights[k][:, used] = _solved(x.mT @ x, x.mT @ y, chosen[signal]).float()
            done += 1
            if progress is not None:
                progress(done, len(weights))
    return Linear(torch.stack(weights), chosen)


def _regression(corpus: Corpus, target: int, hidden: bool, horizons: slice = slice(None)) -> tuple[Tensor, Tensor]:
    """Regressors (P, N, F) and changes (P, N, 1) of a target; windows whose change is not known are zero."""
    found, changes = corpus.batch(corpus.at, torch.tensor([target]), torch.full((len(corpus.at),), hidden))
    changes = changes[:, 0, horizons]
    known = torch.isfinite(changes)
    found = found._replace(all_future=found.all_future[:, :, horizons], own_future=found.own_future[:, :, horizons])
    x = rows_of(found)[:, 0] * known[..., None]
    return x.movedim(0, 1), torch.nan_to_num(changes).T[..., None]


def _solved(gram: Tensor, cross: Tensor, strength: float) -> Tensor:
    """Weights (P, F) from moments (P, F, F) and (P, F, 1)."""
    gram, cross = gram.double(), cross.double()
    size = torch.diagonal(gram, dim1=-2, dim2=-1)
    windows = size[:, -1:].clamp(min=1.0)  # of the constant: their number
    shrink = max(strength, STRENGTH_LEAST) * size + 1e-9 * windows
    factor = torch.linalg.cholesky(gram + torch.diag_embed(shrink))
    return torch.cholesky_solve(cross, factor)[..., 0]


def _strength(folds: Sequence[Corpus], targets: Sequence[int], hidden: bool) -> float:
    """The strength that foretells best, over targets, what each fold has and the others have not."""
    missed = torch.zeros(len(STRENGTHS), dtype=torch.float64)
    for target in targets:
        every = -(-folds[0].horizons // TRIED_AT)
        some = slice(every - 1, None, every)
        parts = [_regression(fold.thinned(WINDOWS_MAX // len(folds)), target, hidden, some) for fold in folds]
        used = torch.stack([x.abs().amax(dim=(0, 1)) for x, _ in parts]).amax(dim=0) > 0.0
        parts = [(x[..., used], y) for x, y in parts]
        moments = [(x.mT @ x, x.mT @ y) for x, y in parts]
        gram, cross = (torch.stack(each).sum(dim=0) for each in zip(*moments, strict=True))
        usual = torch.stack([(y**2).sum(dim=(1, 2)) for _, y in parts]).sum(dim=0).clamp(min=1e-12)
        for (x, y), (own_gram, own_cross) in zip(parts, moments, strict=True):
            for k, strength in enumerate(STRENGTHS):
                w = _solved(gram - own_gram, cross - own_cross, strength).float()
                missed[k] += ((((x @ w[..., None]) - y) ** 2).sum(dim=(1, 2)) / usual).sum().double()
    return STRENGTHS[int(missed.argmin())]
