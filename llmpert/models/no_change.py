"""No change: the response is zero."""

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted


class NoChange(RegressorMixin, BaseEstimator):
    """Predicts Δ = 0: a knocked-down cell expresses what a control cell does.

    A constant prediction has no correlation with anything. Its absolute error is the mean |Δ|,
    which a model has to beat to say more than nothing (Ahlmann-Eltze, Huber & Anders 2025).
    """

    def fit(self, Z: np.ndarray, Y: np.ndarray) -> "NoChange":
        """Remember how many genes Y (N x D) has; nothing else is looked at."""
        self.outputs_ = Y.shape[1]
        return self

    def predict(self, Z: np.ndarray) -> np.ndarray:
        """Zeros: M x D."""
        check_is_fitted(self)
        return np.zeros((len(Z), self.outputs_))
