"""Linear regressions from the embedding to all responses, with a penalty."""

import numpy as np
from scipy.linalg import eigh
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import RidgeCV
from sklearn.utils.validation import check_is_fitted

PENALTIES = np.geomspace(1e-2, 1e3, 16)
"""Beyond both ends of what GenePert offers: 0.1, 1 and 10 are among them."""


class Ridge(RidgeCV):
    """Least squares with a penalty on the weights, as in GenePert (Chen & Zou 2024).

    scikit-learn's `RidgeCV`: an intercept, and one of `PENALTIES` for all genes, the one with the
    smallest squared error over the training perturbations, each predicted from the others.

    As in GenePert, vectors have length 1 before anything else. Unlike there, they are reduced to
    principal components like every model's inputs; responses are differences to control, which the
    intercept makes equivalent to expression; and the penalty is chosen within the training part,
    where GenePert's code reports the best of three by their accuracy in the test folds.
    """

    def __init__(self) -> None:
        super().__init__(alphas=PENALTIES)

    def predict(self, Z: np.ndarray) -> np.ndarray:
        """Predict responses for inputs Z (M x K): M x D, where D is 1 too."""
        return super().predict(Z).reshape(len(Z), -1)


class PCLinear(RegressorMixin, BaseEstimator):
    """Y ≈ b + P W Gᵀ, the linear model of Ahlmann-Eltze, Huber & Anders (2025).

    P (N x K') are the inputs of the N training perturbations, b (D) their mean response and G
    (D x K) the scores of the D measured genes on the leading principal components of the training
    responses, each response centred over the genes. W is the two-sided ridge solution
    (PᵀP + λI)⁻¹ Pᵀ (Y − b) G (GᵀG + λI)⁻¹.

    K = 10, λ = 0.1 and the scaling of G by the singular values are those of the published code
    (`run_linear_pretrained_model.R`), which is transposed: genes are its rows. What differs: its
    components are of expression, ours of the difference to control, which is all that a screen
    holds; control, with Δ = 0 and P = 0, is one of its training perturbations and none of ours; and
    P are the inputs that every model gets, their number not reduced to K.

    Args:
        n_components: K; as many as there are where the responses have fewer.
        penalty: λ, in squared units of the inputs on one side and of the responses on the other.
    """

    def __init__(self, n_components: int = 10, penalty: float = 0.1) -> None:
        self.n_components = n_components
        self.penalty = penalty

    def fit(self, Z: np.ndarray, Y: np.ndarray) -> "PCLinear":
        """Fit to inputs Z (N x K') and responses Y (N x D)."""
        Z, Y = np.asarray(Z, dtype=np.float64), np.asarray(Y, dtype=np.float64)
        self.mean_ = Y.mean(axis=0)
        centred = Y - Y.mean(axis=1, keepdims=True)
        # Of the small square matrix only the leading eigenvectors are found.
        leading = [max(len(Y) - self.n_components, 0), len(Y) - 1]
        _, vectors = eigh(centred @ centred.T, subset_by_index=leading)
        self.genes_ = centred.T @ vectors
        projected = Z.T @ ((Y - self.mean_) @ self.genes_)
        one_side = np.linalg.solve(self._penalised(Z), projected)
        self.weights_ = np.linalg.solve(self._penalised(self.genes_), one_side.T).T
        return self

    def predict(self, Z: np.ndarray) -> np.ndarray:
        """Return responses for inputs Z (M x K'): M x D."""
        check_is_fitted(self)
        return self.mean_ + (np.asarray(Z) @ self.weights_) @ self.genes_.T

    def _penalised(self, A: np.ndarray) -> np.ndarray:
        return A.T @ A + self.penalty * np.eye(A.shape[1])
