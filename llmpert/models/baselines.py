"""Predictions that no embedding takes part in, to measure the other models by.

Of the inputs Z (N x K), only the number of rows is used.
"""

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted


class RandomPerturbation(RegressorMixin, BaseEstimator):
    """Predicts, for each gene, the response of a random training perturbation.

    What two unrelated knockdowns have in common (Märtens et al. 2024).
    """

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    def fit(self, Z: np.ndarray, Y: np.ndarray) -> "RandomPerturbation":
        """Remember the training responses Y (N x D)."""
        self.responses_ = np.array(Y)
        return self

    def predict(self, Z: np.ndarray) -> np.ndarray:
        """Return one drawn training response a row of Z: M x D."""
        check_is_fitted(self)
        rng = np.random.default_rng(self.seed)
        return self.responses_[rng.integers(len(self.responses_), size=len(Z))]


class NonControlMean(RegressorMixin, BaseEstimator):
    """Predicts the mean training response for every gene (Märtens et al. 2024).

    Every training perturbation counts the same, whatever its number of cells.
    """

    def fit(self, Z: np.ndarray, Y: np.ndarray) -> "NonControlMean":
        """Average the training responses Y (N x D)."""
        self.mean_ = np.asarray(Y, dtype=np.float64).mean(axis=0)
        return self

    def predict(self, Z: np.ndarray) -> np.ndarray:
        """Return the same mean for every row of Z: M x D, a read-only view."""
        check_is_fitted(self)
        return np.broadcast_to(self.mean_, (len(Z), len(self.mean_)))


class NoChange(NonControlMean):
    """Predicts Δ = 0: a knocked-down cell expresses what a control cell does.

    A constant prediction has no correlation with anything. Its absolute error is the mean |Δ|,
    which a model has to beat to say more than nothing (Ahlmann-Eltze, Huber & Anders 2025).
    """

    def fit(self, Z: np.ndarray, Y: np.ndarray) -> "NoChange":
        """Remember how many genes Y (N x D) has."""
        self.mean_ = np.zeros(Y.shape[1])
        return self


class MajorityDirection(NonControlMean):
    """Predicts that each gene moves as most training perturbations move it, by its mean |Δ|.

    It knows which genes are usually raised and which lowered, and nothing of the perturbation:
    where directions are asked for, a model has to beat it. A gene that as many raise as lower does
    not move.
    """

    def fit(self, Z: np.ndarray, Y: np.ndarray) -> "MajorityDirection":
        """Count in which direction each gene of the training responses Y (N x D) moves."""
        Y = np.asarray(Y, dtype=np.float64)
        self.mean_ = np.sign(np.sign(Y).sum(axis=0)) * np.abs(Y).mean(axis=0)
        return self
