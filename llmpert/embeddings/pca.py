"""Principal components of one source, in a unit that all sources share."""

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import PCA
from sklearn.utils.validation import check_is_fitted

from llmpert.errors import InputError


class PrincipalComponents(TransformerMixin, BaseEstimator):
    """Principal components of one source's vectors, divided by one number.

    The number makes the mean squared length of the fitted rows 1. The components keep their
    weights relative to each other, and sources of any unit or dimension become comparable: one
    lengthscale can serve several.

    Fit it on the embeddings of all the genes under study, those of the test set included. This is
    fair because no response enters: every gene has its embedding before any experiment is done. It
    makes the evaluation transductive in the inputs and blind to the responses.

    Parameters
    ----------
    n_components:
        Components to keep; fewer where the vectors vary in fewer directions.

    Attributes
    ----------
    n_components_:
        Components kept.
    components_:
        n_components_ x dimensions, orthonormal rows; the largest entry of each is positive.
    explained_variance_ratio_:
        Share of the total variance in each component.
    mean_:
        Mean vector of the fitted rows.
    scale_:
        The number that the projections are divided by.
    """

    def __init__(self, n_components: int = 50) -> None:
        self.n_components = n_components

    def fit(self, X: np.ndarray, y: None = None) -> "PrincipalComponents":
        """Find the components of X (genes x dimensions).

        Raises
        ------
        InputError
            X is not a matrix of at least two different rows, or no component was asked for.
        """
        X = np.asarray(X, dtype=np.float64)
        if self.n_components < 1:
            raise InputError(f"Expected at least 1 principal component, found {self.n_components}.")
        if X.ndim != 2 or not X.size or not np.ptp(X, axis=0).any():
            raise InputError(
                "Principal components need genes with different vectors; all of the"
                f" {len(X):,} given are equal."
            )
        pca = PCA(min(self.n_components, *X.shape), svd_solver="full").fit(X)
        # Directions in which no fitted row varies are arbitrary, and other genes would vary there.
        noise = pca.singular_values_[0] * max(X.shape) * np.finfo(np.float64).eps
        kept = int((pca.singular_values_ > noise).sum())
        self.n_components_ = kept
        self.components_ = pca.components_[:kept]
        self.explained_variance_ratio_ = pca.explained_variance_ratio_[:kept]
        self.mean_ = pca.mean_
        projected = (X - self.mean_) @ self.components_.T
        self.scale_ = float(np.sqrt((projected**2).sum(axis=1).mean()))
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Project X (genes x dimensions): float64, genes x components."""
        check_is_fitted(self)
        X = np.asarray(X, dtype=np.float64)
        return (X - self.mean_) @ self.components_.T / self.scale_
