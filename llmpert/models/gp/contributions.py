"""What one prediction of a Gaussian process rests on."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Contributions:
    """How N training perturbations make up one gene's prediction through S kernels.

    The prediction is `mean_ + Δ` with Δ = Σ_s Σ_n k_s(g, n) α_n, where α_n is the row of weights
    that the fitted model gives training perturbation n.

    Attributes:
        sources: Names of the kernels: each source, and all joined by "+".
        kernel: k_s(g, n), S x N, in units of the noise variance of a typical measurement.
        prior: The kernel of a gene with itself, summed over sources.
        shares: (k_s(g, n) α_n)·Δ / (Δ·Δ), S x N. They sum to 1; a negative one pulls the prediction
            away from where it ends. NaN where Δ is 0.
    """

    sources: tuple[str, ...]
    kernel: np.ndarray
    prior: float
    shares: np.ndarray

    @property
    def similarity(self) -> np.ndarray:
        """Prior correlation of the gene's response and those of training genes, N, 0 to 1."""
        return self.kernel.sum(axis=0) / self.prior
