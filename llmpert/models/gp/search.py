"""The search for hyper-parameters: Newton steps, on few perturbations before all."""

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

FEWEST = 100
"""Perturbations that the first, cheapest search has at least (where there are as many)."""

# A search ends with the step that gains less than this, per number in Y. Steps converge fast: what
# remains is far less.
TOLERANCE = 2e-5

LEAST_CURVATURE = 5e-6
"""Added to all curvatures: it holds parameters whose change would gain next to nothing."""

MOST_DAMPING, LEAST_DAMPING = 1e4, 0.05
MOST_STEPS = 100


def search(statistics: SufficientStatistics, covariance: Covariance) -> float:
    """Leave `covariance` at the best posterior density; return its log likelihood, in nats.

    Every 2^k-th perturbation first, then every 2^(k-1)-th, and so on: nearly all steps are made
    where they cost little.
    """
    stride = 1 << max(0, (len(statistics.gram) // FEWEST).bit_length() - 1)
    part = statistics.every(stride)
    starts = [covariance.values(*pair) for pair in product(RATIO_STARTS, LENGTHSCALE_STARTS)]
    starts.sort(key=lambda values: Posterior(part, covariance, values).loss)
    tries = [_climb(part, covariance, start) for start in starts[:STARTS]]
    best = min(tries, key=lambda posterior: posterior.loss)
    while stride > 1:
        stride //= 2
        start = covariance.with_noticeable_ratios(best.values)
        best = _climb(statistics.every(stride), covariance, start)
    covariance.place(best.values)
    return best.log_likelihood


def _climb(
    statistics: SufficientStatistics, covariance: Covariance, values: np.ndarray
) -> Posterior:
    """Take Newton steps with the average information, damped where they fail (Marquardt 1963)."""
    low, high = covariance.limits.T
    values = np.clip(values, low, high)
    here = Posterior(statistics, covariance, values)
    damping = 0.0
    for _ in range(MOST_STEPS):
        gradient, information = here.derivatives()
        # Where a limit keeps a parameter from going down the gradient, the others move alone.
        free = ~(((values <= low) & (gradient > 0)) | ((values >= high) & (gradient < 0)))
        free &= covariance.matters(values)
        while damping < MOST_DAMPING:
            curvature = information[np.ix_(free, free)]
            diagonal = np.diag(damping * curvature.diagonal() + LEAST_CURVATURE)
            step = -np.linalg.solve(curvature + diagonal, gradient[free])
            step = step.clip(-covariance.longest_step[free], covariance.longest_step[free])
            moved = values.copy()
            moved[free] += step
            if not damping:
                moved = covariance.emptied(values, moved)
            moved = moved.clip(low, high)
            there = Posterior(statistics, covariance, moved)
            gained = here.loss - there.loss
            if gained > 0:
                break
            damping = max(4 * damping, 0.25)
        else:
            break
        damping = damping / 4 if damping > LEAST_DAMPING else 0.0
        values, here = moved, there
        if gained < TOLERANCE:
            break
    return here
