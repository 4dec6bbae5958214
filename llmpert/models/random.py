"""Random training perturbation: the response of one training knockdown, drawn at random."""

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted


class RandomPerturbation(RegressorMixin, BaseEstimator):
    """Predicts, for each gene, the response of a random training perturbation.

    A floor for the other models: what two unrelated knockdowns have in common
    (Märtens et al. 2024).

    Parameters
    ----------
    seed:
        Seed of the draw.
    """

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    def fit(self, Z: np.ndarray, Y: np.ndarray) -> "RandomPerturbation":
        """Remember the training responses Y (N x D); the inputs Z (N x K) are not looked at."""
        self.responses_ = np.array(Y)
        return self

    def predict(self, Z: np.ndarray) -> np.ndarray:
        """One drawn training response a row of Z: M x D."""
        check_is_fitted(self)
        rng = np.random.default_rng(self.seed)
        return self.responses_[rng.integers(len(self.responses_), size=len(Z))]
