"""Non-control mean: the mean response over the training perturbations."""

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted


class NonControlMean(RegressorMixin, BaseEstimator):
    """Predicts the mean training response for every gene (Märtens et al. 2024).

    Every training perturbation counts the same, whatever its number of cells.
    """

    def fit(self, Z: np.ndarray, Y: np.ndarray) -> "NonControlMean":
        """Average the training responses Y (N x D); the inputs Z (N x K) are not looked at."""
        self.mean_ = np.asarray(Y, dtype=np.float64).mean(axis=0)
        return self

    def predict(self, Z: np.ndarray) -> np.ndarray:
        """The same mean for every row of Z: M x D, a read-only view."""
        check_is_fitted(self)
        return np.broadcast_to(self.mean_, (len(Z), len(self.mean_)))
