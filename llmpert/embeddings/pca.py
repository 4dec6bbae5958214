"""Principal components of one source, in a unit that all sources share."""

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import PCA
from sklearn.utils.validation import check_is_fitted

from llmpert.errors import InputError


class PrincipalComponents(TransformerMixin, BaseEstimator):
    """Principal components of the directions of one source's vectors, divided by one number.

    Every vector but one of zeros is scaled to length 1 first: embeddings are compared by cosine,
    and lengths reflect how much was written about a gene rather than what it does. The number,
    `scale_`, makes the mean squared length of the fitted rows 1. The components keep their weights
    relative to each other, and one lengthscale can serve sources of any unit or dimension.

    Fit it on all the genes under study, those of the test set included: this is fair because no
    response enters. It makes the evaluation transductive in the inputs, blind to the responses.

    `n_components` are kept, fewer (`n_components_`) where the vectors vary in fewer directions.

    Attributes:
        components_: n_components_ x dimensions, orthonormal rows; the largest entry of each is
            positive.
        explained_variance_ratio_: Share of the total variance in each component.
        mean_: Mean of the fitted rows once they have length 1.
    """

    def __init__(self, n_components: int = 50) -> None:
        self.n_components = n_components

    def fit(self, X: np.ndarray, y: None = None) -> "PrincipalComponents":
        """Find the components of X (genes x dimensions).

        Raises:
            InputError: The rows of X do not have two directions, or no component was asked for.
        """
        X = _directions(X)
        if self.n_components < 1:
            raise InputError(f"Expected at least 1 principal component, found {self.n_components}.")
        kept = 0
        if X.ndim == 2 and X.size and np.ptp(X, axis=0).any():
            pca = PCA(min(self.n_components, *X.shape), svd_solver="full").fit(X)
            # Directions in which no fitted row varies are arbitrary, and other genes would vary
            # there. Rounding is that of the vectors before their mean was taken away.
            noise = np.linalg.norm(X) * max(X.shape) * np.finfo(np.float64).eps
            kept = int((pca.singular_values_ > noise).sum())
        if not kept:
            raise InputError(
                "Principal components need genes whose vectors point in different directions;"
                f" all of the {len(X):,} given are equal."
            )
        self.n_components_ = kept
        self.components_ = pca.components_[:kept]
        self.explained_variance_ratio_ = pca.explained_variance_ratio_[:kept]
        self.mean_ = pca.mean_
        projected = (X - self.mean_) @ self.components_.T
        self.scale_ = float(np.sqrt((projected**2).sum(axis=1).mean()))
        return self

    @classmethod
    def of(cls, components: np.ndarray, mean: np.ndarray, scale: float) -> "PrincipalComponents":
        """Return fitted ones with these attributes; the variance they explain is not known."""
        found = cls(len(components))
        found.n_components_, found.components_ = len(components), components
        found.mean_, found.scale_ = mean, scale
        return found

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Project X (genes x dimensions): float64, genes x components."""
        check_is_fitted(self)
        X = _directions(X)
        return (X - self.mean_) @ self.components_.T / self.scale_


def _directions(X: np.ndarray) -> np.ndarray:
    """Rows scaled to length 1."""
    X = np.asarray(X, dtype=np.float64)
    peak = np.abs(X).max(axis=-1, keepdims=True, initial=0)
    # Brought to magnitude 1 first, so that squares of tiny or huge numbers are representable.
    X = np.divide(X, peak, out=np.zeros_like(X), where=peak > 0)
    length = np.linalg.norm(X, axis=-1, keepdims=True)
    return np.divide(X, length, out=X, where=length > 0)
