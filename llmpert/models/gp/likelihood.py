"""Marginal likelihood of many independent outputs that share one kernel.

With one covariance matrix v C for all D outputs the likelihood of Y (N x D) is

    log p(Y) = -1/(2v) tr(C⁻¹ S) - D/2 log|C| - N D/2 log 2πv,   S = Y Yᵀ

(Rasmussen & Williams 2006, eq. 2.30, summed over outputs). Y enters through the N x N matrix S
alone, so after S is formed neither the value nor the gradient costs more for more outputs. The best
overall variance is v = tr(C⁻¹ S) / (N D), so a search needs to look at the shape C only.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from llmpert.models.gp.kernels import Covariance
from llmpert.models.gp.solver import Cholesky

SMALLEST_VARIANCE = 1e-12
"""Lower limit of v, which outputs that are 0 throughout would send to 0."""

LARGEST_SINGLE_RATIO = 10.0
"""Up to this signal-to-noise ratio the derivatives are formed in float32."""


@dataclass(frozen=True)
class SufficientStatistics:
    """What the search looks at: distances and responses of N perturbations.

    Attributes:
        squares: Squared distances, N x N for each source.
        relative_sampling_noise: Typical cells / cells of each perturbation; ones where unknown.
        gram: S = Y Yᵀ, N x N.
        probes: Y W, N x m, with random W (D x m) such that W Wᵀ is 1 on average.
        outputs: D.
    """

    squares: Sequence[torch.Tensor]
    relative_sampling_noise: torch.Tensor
    gram: torch.Tensor
    probes: torch.Tensor
    outputs: int

    def every(self, stride: int) -> "SufficientStatistics":
        """Return those of every stride-th perturbation."""
        if stride == 1:
            return self
        return SufficientStatistics(
            [d[::stride, ::stride].contiguous() for d in self.squares],
            self.relative_sampling_noise[::stride],
            self.gram[::stride, ::stride].contiguous(),
            self.probes[::stride],
            self.outputs,
        )


class Posterior:
    """Log posterior density of hyper-parameters: marginal likelihood at the best v, and prior.

    In nats. The covariance takes the hyper-parameters `values`.

    Raises:
        scipy.linalg.LinAlgError: The covariance is not positive definite to working precision.
    """

    def __init__(
        self, statistics: SufficientStatistics, covariance: Covariance, values: np.ndarray
    ) -> None:
        self._statistics, self.covariance, self.values = statistics, covariance, values
        self._numbers = statistics.gram.shape[0] * statistics.outputs
        covariance.place(values)
        self._prior = covariance.log_prior()
        matrix = covariance.lower_signal(statistics.squares)
        matrix.diagonal().add_(covariance.noise(statistics.relative_sampling_noise))
        self._solver = Cholesky(matrix)
        inverse = self._solver.inverse
        misfit = torch.dot(inverse.ravel(), statistics.gram.ravel()).item() / self._numbers
        self.variance = max(misfit, SMALLEST_VARIANCE)
        """v."""
        self.log_likelihood = -0.5 * (
            statistics.outputs * self._solver.log_determinant
            + self._numbers * (math.log(2 * math.pi * self.variance) + misfit / self.variance)
        )
        """Log marginal likelihood."""
        self.loss = -(self.log_likelihood + self._prior[0])
        """Negative log density, to be minimised."""

    def at(self, values: np.ndarray) -> "Posterior":
        """Return the density of the same data at other hyper-parameters; raise as here."""
        return Posterior(self._statistics, self.covariance, values)

    def derivatives(self, more: Sequence[tuple[int, float]] = ()) -> tuple[np.ndarray, np.ndarray]:
        """Return the loss's gradient, P, and a positive definite curvature, P x P.

        The gradient needs C⁻¹ S C⁻¹. Both are formed in float32 where noise is not much smaller
        than the signal: then the gradient is off by some 1e-7, and the error grows with the ratio.
        The value of the loss is float64 throughout, so that steps are accepted on exact grounds.

        The curvature is the average information tr(C⁻¹ S C⁻¹ dCᵢ C⁻¹ dCⱼ) / 2v, the mean of
        observed and expected information (Gilmour, Thompson & Cullis 1995), with the probes' Gram
        matrix for S: it only steers the search.
        """
        self.covariance.place(self.values)
        single = self.covariance.prior_signal() <= LARGEST_SINGLE_RATIO
        inverse = self._solver.inverse.float() if single else self._solver.inverse
        gram, probes = (
            one.to(inverse.dtype) for one in (self._statistics.gram, self._statistics.probes)
        )
        half = inverse @ gram
        half /= self.variance

        def slope(rows: slice) -> torch.Tensor:
            misfit = half[rows] @ inverse[:, : rows.stop]
            return 0.5 * (self._statistics.outputs * inverse[rows, : rows.stop] - misfit)

        gradient, products = self.covariance.derivatives(
            self._statistics.squares,
            self._statistics.relative_sampling_noise,
            slope,
            inverse @ probes,
            more,
        )
        # The overall variance comes first: C itself is its derivative.
        whitened = self._solver.whiten(torch.hstack([probes, *products]))
        whitened = whitened.unflatten(1, (-1, probes.shape[1])).movedim(1, 0).flatten(1)
        information = (whitened @ whitened.T).double().numpy() / (2 * self.variance)
        # It is always at its best and drops out.
        of_variance = information[0]
        if of_variance[0] > 0:
            information = information - np.outer(of_variance, of_variance) / of_variance[0]
        information = information[1:, 1:]
        for_prior = np.arange(len(self.values))
        gradient[for_prior] -= self._prior[1]
        information[for_prior, for_prior] += self._prior[2]
        return gradient, information
