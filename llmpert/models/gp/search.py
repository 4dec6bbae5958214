"""The search for hyper-parameters: Newton steps, on few perturbations before all.

Signal that one source has at a short lengthscale and another at a long one can be divided between
them in several ways, each of which is a maximum. A search of all perturbations therefore asks of
every kernel whether the data would be more likely if it had another lengthscale.
"""

import math
from collections.abc import Iterable, Iterator
from itertools import product

import numpy as np

from llmpert.models.gp.kernels import Covariance
from llmpert.models.gp.likelihood import Posterior, SufficientStatistics

# The likelihood can have several maxima (everything is noise, nothing is noise, in between). The
# search starts at the best two of these; ratios are shared by all sources, lengthscales in median
# distances.
RATIO_STARTS = (0.1, 10.0)
LENGTHSCALE_STARTS = (0.25, 1.0, 4.0)
STARTS = 2

OTHER_LENGTHSCALES = (0.04, 0.08, 0.16, 0.32, 0.64, 1.28)
"""Lengthscales that a kernel could have instead of its own, in median distances."""

LEAST_GAIN = 0.5
"""Nats that another lengthscale must promise, and keep."""

MOST_FAILURES = 2
"""Promises that are not kept before a search believes no more of them."""

DEEPEST_START = 1000.0
"""Nats that a climb may start below the maximum it is to exceed."""

FEWEST_ALIKE = 0.1
"""Others that a perturbation is like, on average, where a kernel is more than noise."""

FEWEST = 100
"""Perturbations that the first, cheapest search has at least (where there are as many)."""

TOLERANCE = 0.25
"""Nats: a search ends where a step promises less."""

LEAST_CURVATURE = 1e-3
"""Relative: parameters whose change would gain next to nothing move as if it gained this much."""

TRIALS = ((1.0, 0.0), (0.4, 0.0), *((1.0, 0.25 * 4.0**power) for power in range(8)))
"""Parts of a Newton step that are tried in turn, and their damping."""

MOST_STEPS, COARSE_STEPS = 100, 10


def search(
    statistics: SufficientStatistics, covariance: Covariance, start: np.ndarray | None = None
) -> float:
    """Leave `covariance` at the best posterior density; return its log likelihood, in nats.

    Args:
        start: Hyper-parameters to climb from, to the maximum next to them; None looks for the best
            of all maxima.
    """
    if start is None:
        best = _best_of_all(statistics, covariance)
    else:
        (likely,) = _best(statistics, covariance, [start])
        best = climb(likely)
    covariance.place(best.values)
    return best.log_likelihood


def _best_of_all(statistics: SufficientStatistics, covariance: Covariance) -> Posterior:
    """Return the best of several maxima.

    Every 2^k-th perturbation first, then every 2^(k-1)-th, and so on: nearly all steps are made
    where they cost little.
    """
    levels = max(0, (len(statistics.gram) // FEWEST).bit_length() - 1)
    part = statistics.every(1 << levels)
    starts = [covariance.values(*pair) for pair in product(RATIO_STARTS, LENGTHSCALE_STARTS)]
    likely = _best(part, covariance, starts)[:STARTS]
    for level in range(levels, 0, -1):
        ends = [climb(start, COARSE_STEPS).values for start in likely]
        ends = [_afresh(part, covariance, values) for values in ends]
        part = statistics.every(1 << (level - 1))
        # Few perturbations may know least of the noise: more judge what they found.
        likely = _best(part, covariance, ends)[:1]
    best = min(map(climb, likely), key=lambda posterior: posterior.loss)
    return _with_other_lengthscales(best, covariance)


def _best(
    statistics: SufficientStatistics, covariance: Covariance, places: Iterable[np.ndarray]
) -> list[Posterior]:
    """Return the density at several places, the most likely first."""
    low, high = covariance.limits.T
    found = [Posterior(statistics, covariance, values.clip(low, high)) for values in places]
    return sorted(found, key=lambda posterior: posterior.loss)


def _afresh(
    statistics: SufficientStatistics, covariance: Covariance, values: np.ndarray
) -> np.ndarray:
    """Return hyper-parameters from which a search of more perturbations starts.

    A kernel that is shorter than nearly all distances is another name for noise, and becomes noise.
    Its source and others that said nothing start afresh: more perturbations may know better.
    """
    covariance.place(values)
    kernels, size = covariance.kernels, len(statistics.gram)
    alike = [
        kernel.base_kernel.at(d).sum().item() / size - 1
        for kernel, d in zip(kernels, statistics.squares, strict=True)
    ]
    return covariance.afresh(values, np.array(alike) < FEWEST_ALIKE)


def _with_other_lengthscales(best: Posterior, covariance: Covariance) -> Posterior:
    """Climb from where kernels have other lengthscales, as long as it leads higher."""
    failures, found = 0, _others(best, covariance)
    while failures < MOST_FAILURES and (place := next(found, None)) is not None:
        start = best.at(place)
        # Far down, gradient and curvature have promised what they cannot know.
        if start.loss > best.loss + DEEPEST_START:
            continue
        there = climb(start)
        if best.loss - there.loss > LEAST_GAIN:
            best = there
            found = _others(best, covariance)
        else:
            failures += 1
    return best


def _others(here: Posterior, covariance: Covariance) -> Iterator[np.ndarray]:
    """Yield hyper-parameters where one kernel has another lengthscale, most promising first.

    A kernel is taken out and put in again, at the weight that is best as far as gradient and
    curvature at the maximum tell, while the other parameters follow.
    """
    own, (low, high) = len(here.values), covariance.limits.T
    more = covariance.with_lengthscales(OTHER_LENGTHSCALES)
    gradient, curvature = here.derivatives(more)
    prior, found = covariance.log_prior()[0], []
    for new, (source, lengthscale) in enumerate(more, start=own):
        ratio, scale = 2 * source, 2 * source + 1
        others, pair = np.delete(np.arange(own), [ratio, scale]), np.array([ratio, new])
        follow = np.linalg.solve(
            curvature[np.ix_(others, others)],
            np.column_stack([curvature[np.ix_(others, pair)], gradient[others]]),
        )
        left = curvature[np.ix_(pair, others)] @ follow
        curve, slope = curvature[np.ix_(pair, pair)] - left[:, :2], gradient[pair] - left[:, 2]
        # The logarithm of a weight falls by 1 where the weight itself would end at 0. Responses
        # that never vary say nothing of it.
        if min(curve[1, 1], curve[0, 1] - slope[1]) <= 0:
            continue
        weight = (curve[0, 1] - slope[1]) / curve[1, 1]
        gain = slope[0] - curve[0, 0] / 2 + curve[1, 1] * weight**2 / 2
        values = here.values.copy()
        values[others] -= follow @ [-1, weight, 1]
        values[[ratio, scale]] = np.log([weight, lengthscale])
        values = values.clip(low, high)
        covariance.place(values)
        gain += covariance.log_prior()[0] - prior
        if gain > LEAST_GAIN:
            found.append((gain, values))
    yield from (values for _, values in sorted(found, key=lambda one: -one[0]))


def climb(here: Posterior, most_steps: int = MOST_STEPS) -> Posterior:
    """Take Newton steps until one promises less than `TOLERANCE`.

    The curvature is the average information, corrected by how gradients have changed so far
    (Dennis, Gay & Welsch 1981). A step that fails is made shorter, then damped (Marquardt 1963).
    A correction can be wrong and end a climb too early: it starts again without one, as long as it
    has gained from that.
    """
    covariance, values = here.covariance, here.values
    low, high = covariance.limits.T
    gradient, information = here.derivatives()
    correction, last_end = np.zeros_like(information), math.inf
    for _ in range(most_steps):
        # Where a limit keeps a parameter from going down the gradient, the others move alone.
        free = ~(((values <= low) & (gradient > 0)) | ((values >= high) & (gradient < 0)))
        curvature = (information + correction)[np.ix_(free, free)]
        unit = np.sqrt(np.abs(curvature.diagonal()) + covariance.log_prior()[2][free])
        bends, axes = np.linalg.eigh(curvature / np.outer(unit, unit))
        # Along an axis that bends the wrong way a step goes down as far as it would go up.
        bends = np.maximum(np.abs(bends), LEAST_CURVATURE)
        slopes = axes.T @ (gradient[free] / unit)
        promising = slopes @ (slopes / bends) / 2 >= TOLERANCE
        longest, moved = covariance.longest_step[free], values.copy()
        for part, damping in TRIALS if promising else ():
            step = part * (-axes @ (slopes / (bends + damping)) / unit)
            moved[free] = (values[free] + step.clip(-longest, longest)).clip(low[free], high[free])
            there = here.at(moved)
            if there.loss < here.loss:
                break
        else:
            if last_end - here.loss < TOLERANCE or not correction.any():
                break
            correction, last_end = np.zeros_like(correction), here.loss
            continue
        before, (gradient, information) = gradient, there.derivatives()
        correction = corrected(correction, information, moved - values, gradient - before)
        values, here = moved, there
    return here


def corrected(
    correction: np.ndarray, information: np.ndarray, step: np.ndarray, change: np.ndarray
) -> np.ndarray:
    """Return what to add to the information, from a step and the gradient's change along it."""
    along = step @ change
    if along <= 0:
        return correction
    missed = change - information @ step
    held = step @ correction @ step
    if held:
        correction = correction * min(1.0, abs(step @ missed / held))
    missed = missed - correction @ step
    half = np.outer(missed, change) / along
    twice = (missed @ step) / along**2 * np.outer(change, change)
    return correction + half + half.T - twice
