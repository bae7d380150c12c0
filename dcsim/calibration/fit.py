"""Parameters of a hall that make it show what the sensors of a log showed: least squares with priors, bounds and several starts.

Halls that differ much may fit a log nearly alike, and the one that fits best is often bent most. So each of several starts is fitted to the
first part of it, that which foretells the rest best is fitted on to all of it.

The steps are those of Levenberg and Marquardt in a box, on derivatives from a batch of halls (`batch`, `objective`). Noise and autocorrelation
times of the channels are the residuals' own, estimated anew between rounds, for each start of the search by itself.

Intervals are Laplace's: the curvature at the minimum, in which readings within an autocorrelation time count once. Where the gradient
scatters more from one stretch of the log to the next than that says, because channels err together, they are widened to it (a sandwich
estimate over stretches, with Student's factor for their number).

References
----------
.. [1] Marquardt, An algorithm for least-squares estimation of nonlinear parameters, SIAM Journal 11 (1963).
.. [2] Huber, The behavior of maximum likelihood estimates under nonstandard conditions, Berkeley Symposium 5 (1967).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
from scipy import stats

from dcsim.calibration.batch import Bench
from dcsim.calibration.objective import STEP_MOST, Noise, Normal, Objective, counted
from dcsim.calibration.parameters import Parameter, with_values
from dcsim.errors import InputError
from dcsim.plant.description import HallDescription
from dcsim.replay import Boundaries, Measured, Replayed, Start, open_loop

Array = np.ndarray

FORETELLING = 2.0 / 3.0  # of what is to be fitted, from which each of several starts foretells the rest
ROUNDS = 4  # of noise and autocorrelation, at most
SETTLED = 0.02  # change of all of them that calls for no further round
ITERATIONS_MAX = 30  # a round
DAMPING = (0.01, 0.1, 1.0, 10.0, 100.0)  # times that of the last step, tried side by side
DAMPING_FIRST, DAMPING_LEAST, DAMPING_MAX = 1e-2, 1e-8, 1e6
GAIN_MIN = 0.05
"""Of the cost, a logarithm of probability, in two steps running: less is nothing beside what intervals allow."""

BLOCKS = 12  # stretches of the log
LEVEL = 0.9  # of intervals
NARROWED = (
    0.5  # an interval must be narrower than that share of its prior's for the parameter to be called identifiable
)


@dataclass(frozen=True)
class Fitted:
    """A parameter after a fit.

    Attributes
    ----------
    parameter : Parameter
    value : float
    low, high : float
        Interval of 90 %.
    spread : float
        Standard deviation, in that of the prior.
    """

    parameter: Parameter
    value: float
    low: float
    high: float
    spread: float

    @property
    def place(self) -> float:
        """Where its prior has it, in spreads from the centre."""
        return self.parameter.z_of(self.value)

    @property
    def is_identifiable(self) -> bool:
        """Whether the log says more than was known: less than half of the prior's spread is left."""
        return self.spread < NARROWED


@dataclass(frozen=True)
class Fit:
    """Where a fit came to.

    Attributes
    ----------
    description : HallDescription
        The fitted hall.
    parameters : tuple of Fitted
    channels : tuple of Measured
        Those compared, with the sensors' own as fitted.
    starts : mapping of Start to float
        What is slow, above what a segment begins at otherwise [K, kg/kg].
    noise : Noise
    costs : tuple of float
        Of each of several starts of the search: the logarithms of what its channels err by where it foretells, summed up.
    halls : int
        Runs of a hall through the log that it took.
    correlation : ndarray, shape (P, P)
        Of what is left unknown of the parameters.
    """

    description: HallDescription
    parameters: tuple[Fitted, ...]
    channels: tuple[Measured, ...]
    starts: Mapping[Start, float]
    noise: Noise
    costs: tuple[float, ...]
    halls: int
    correlation: Array


def fit(
    boundaries: Boundaries,
    description: HallDescription,
    parameters: Sequence[Parameter],
    until: int | None = None,
    starts: int = 8,
    seed: int = 0,
    source: str = "fitted",
    threads: int = 1,
    progress: Callable[[str], None] | None = None,
    kept: Mapping[int, Array] = MappingProxyType({}),
    keep: Callable[[int, Array], None] | None = None,
) -> Fit:
    """Fit parameters of a hall to a log.

    Parameters
    ----------
    boundaries : Boundaries
        Of the log, with the hall as described.
    description : HallDescription
    parameters : sequence of Parameter
    until : int, optional
        Step of the log from which on nothing is looked at.
    starts : int
        Points the search begins at: the priors' centre, and a Latin hypercube of the priors.
    seed : int
        Of those.
    source : str
        Of the fitted numbers, for the hall file.
    threads : int
    progress : callable, optional
        Told in words how far it is.
    kept : mapping of int to ndarray
        Where starts of the search, counted from 0, have led in a call that was cut off.
    keep : callable, optional
        Told where each start has led, as ``kept`` takes it.

    Raises
    ------
    InputError
        If nothing is measured that the hall has, or nothing of it depends on a parameter.
    """
    until = len(boundaries.time) if until is None else until
    channels = comparable(open_loop(boundaries), until)
    if not channels:
        raise InputError(f"nothing is measured in the part to fit that hall {description.name} has a signal for")
    objective = Objective(Bench(boundaries, description, parameters, channels, threads), until)
    first = objective if starts < 2 else Objective(objective.bench, round(FORETELLING * until))
    noise = first.noise_of(np.zeros(objective.variables))
    low, high = (bound[:, None] for bound in objective.bounds)
    begins = np.zeros((objective.variables, max(1, starts)))
    if starts > 1:  # strata, so that both ends of every prior are tried
        strata = stats.qmc.LatinHypercube(len(parameters), rng=np.random.default_rng(seed)).random(starts - 1)
        begins[: len(parameters), 1:] = stats.norm.ppf(strata).T
    found: list[Array] = []
    for number, v in enumerate(np.clip(begins, low, high).T):
        if number in kept:
            if kept[number].shape != v.shape or not np.isfinite(kept[number]).all():
                raise InputError(f"what was kept of start {number} does not fit; begin anew in another folder")
            v = kept[number]
        else:
            v = _searched(first, v, noise, f"start {number + 1} of {begins.shape[1]}", progress)
            if keep is not None:
                keep(number, v)
        found.append(v)
    costs = np.zeros(1)
    v = found[0]
    if starts > 1:
        errors = np.stack([objective.errors(v, first.until) for v in found])
        costs = np.log(np.maximum(errors, 1e-12)[:, np.isfinite(errors).all(axis=0)]).sum(axis=1)
        v = found[int(np.argmin(costs))]
        v = _searched(objective, v, objective.noise_of(v), "the best", progress)
    noise = objective.noise_of(v)
    return _found(objective, description, v, _spread(objective, v, noise), noise, costs, source)


def _searched(
    objective: Objective, v: Array, noise: Noise, words: str, progress: Callable[[str], None] | None
) -> Array:
    """Go down from variables (V,) in rounds, each but the first with the noise of where the last one ended."""
    objective.steps = np.full(objective.shared, STEP_MOST)
    for again in range(ROUNDS):
        v = _descend(objective, v, noise, f"{words}, round {again + 1} of {ROUNDS}", progress)
        before, noise = noise, objective.noise_of(v)
        if noise.distance(before) < SETTLED:
            break
    return v


def comparable(replayed: Replayed, until: int | None = None) -> tuple[Measured, ...]:
    """Channels that the hall has and that were measured before a step, where all is known that drives the hall, after the warm-up."""
    count = counted(replayed.boundaries, len(replayed.boundaries.time) if until is None else until)
    found = []
    for each in replayed.boundaries.measured:
        shown = replayed.reading(each)
        if shown is not None and np.isfinite(shown - each.values)[count].sum() > 2:
            found.append(each)
    return tuple(found)


def _descend(objective: Objective, v: Array, noise: Noise, words: str, progress: Callable[[str], None] | None) -> Array:
    """Go down from variables (V,) until they hardly move; return where to."""
    low, high = objective.bounds
    damping, small = DAMPING_FIRST, 0
    for iteration in range(ITERATIONS_MAX):
        normal = objective.normal(v, noise)
        if progress is not None:
            progress(f"{words}, step {iteration + 1}: cost {normal.cost:.5g}")
        while damping < DAMPING_MAX:
            tried = np.stack([_step(normal, v, damping * factor, low, high) for factor in DAMPING], axis=1)
            found = objective.costs(tried, noise)
            k = int(np.argmin(found))
            if found[k] < normal.cost:
                break
            damping *= 1000.0
        else:
            return v
        v, damping = tried[:, k], max(damping * DAMPING[k], DAMPING_LEAST)
        small = small + 1 if normal.cost - found[k] < GAIN_MIN else 0
        if small == 2:
            break
    return v


def _step(normal: Normal, v: Array, damping: float, low: Array, high: Array) -> Array:
    """Return where a damped step leads; variables at a bound that it would push over stay there."""
    matrix = normal.matrix + np.eye(len(v))
    matrix += damping * np.diag(np.diag(matrix))
    gradient = normal.gradient + v
    free = ~(((v <= low) & (gradient > 0.0)) | ((v >= high) & (gradient < 0.0)))
    step = np.zeros(len(v))
    step[free] = -np.linalg.solve(matrix[np.ix_(free, free)], gradient[free])
    return np.clip(v + step, low, high)


def _spread(objective: Objective, v: Array, noise: Noise) -> tuple[Array, Array]:
    """Half the width of an interval over that of its prior for each parameter, and their correlation."""
    objective.steps = np.full(objective.shared, STEP_MOST)  # found anew, so that a fit that was cut off ends alike
    objective.normal(v, noise)
    normal = objective.normal(v, noise, BLOCKS)
    inverse = np.linalg.inv(normal.matrix + np.eye(len(v)))
    blocks = normal.by_block - normal.by_block.mean(axis=0)
    scatter = BLOCKS / (BLOCKS - 1.0) * blocks.T @ blocks
    sandwich = np.diag(inverse @ (scatter + np.eye(len(v))) @ inverse)
    student = stats.t.ppf(0.5 + LEVEL / 2.0, BLOCKS - 1) / stats.norm.ppf(0.5 + LEVEL / 2.0)
    left = inverse @ (normal.gradient + v)  # of the way to the minimum, where kinks ended the search before it
    spread = np.sqrt(np.maximum(np.diag(inverse), student**2 * sandwich) + left**2)
    deviation = np.sqrt(np.diag(inverse))
    own = slice(0, len(objective.bench.parameters))
    return np.minimum(spread[own], 1.0), (inverse / np.outer(deviation, deviation))[own, own]


def _found(
    objective: Objective,
    description: HallDescription,
    v: Array,
    left_unknown: tuple[Array, Array],
    noise: Noise,
    costs: Array,
    source: str,
) -> Fit:
    bench, parts = objective.bench, objective.split(v[:, None])
    spreads, correlation = left_unknown
    z, half = parts.z[:, 0], stats.norm.ppf(0.5 + LEVEL / 2.0)
    fitted = with_values(description, bench.parameters, z, source)
    return Fit(
        description=fitted,
        parameters=tuple(
            Fitted(each, each.of(fitted), *each.interval(each.of(fitted), half * left), float(left))
            for each, left in zip(bench.parameters, spreads, strict=True)
        ),
        channels=tuple(
            replace(each, offset=float(offset), room_share=float(share), time_constant=float(time))
            for each, offset, share, time in zip(
                bench.channels, parts.offsets[:, 0], parts.shares[:, 0], parts.times[:, 0], strict=True
            )
        ),
        starts={start: float(above) for start, above in zip(bench.starts, parts.starts[:, 0], strict=True)},
        noise=noise,
        costs=tuple(float(cost) for cost in costs),
        halls=objective.halls,
        correlation=correlation,
    )
