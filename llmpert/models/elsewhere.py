"""Predictions copied from other cells: the measure of all that know what was measured there.

Columns of the inputs that are named `COPY` hold what the knockdown did in another line, or how the
perturbed gene varies with others over control cells, a measured gene each, in the order of the
outputs; NaN where the gene was not measured there.
"""

from collections.abc import Mapping

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from llmpert.embeddings.joined import COPY


class Copy(RegressorMixin, BaseEstimator):
    """Predicts what the knockdown did in another line; the mean for genes not measured there.

    Args:
        parts: Columns of the inputs by name, `COPY` among them; None takes all.
    """

    def __init__(self, parts: Mapping[str, slice] | None = None) -> None:
        self.parts = parts

    def fit(self, Z: np.ndarray, Y: np.ndarray) -> "Copy":
        """Average the training responses Y (N x D)."""
        self.mean_ = np.asarray(Y, dtype=np.float64).mean(axis=0)
        return self

    def predict(self, Z: np.ndarray) -> np.ndarray:
        """Return the copied columns of inputs Z, M x D."""
        check_is_fitted(self)
        copied = self._copied(Z)
        return np.where(np.isnan(copied), self.mean_, copied)

    def _copied(self, Z: np.ndarray) -> np.ndarray:
        Z = np.asarray(Z, dtype=np.float64)
        return Z if self.parts is None else Z[:, self.parts[COPY]]


class ScaledCopy(Copy):
    """Predicts the copied numbers times one weight, of least squared error over the training rows.

    Of the covariance of unperturbed cells it is the linear response to a push on the perturbed
    gene, of one strength for all (CIPHER; doi:10.1101/2025.06.27.661814).
    """

    def fit(self, Z: np.ndarray, Y: np.ndarray) -> "ScaledCopy":
        """Find the weight from inputs Z and responses Y (N x D)."""
        self.weight_ = _weight(self._copied(Z), np.asarray(Y, dtype=np.float64))
        return self

    def predict(self, Z: np.ndarray) -> np.ndarray:
        """Return predictions for inputs Z, M x D."""
        check_is_fitted(self)
        return self.weight_ * np.nan_to_num(self._copied(Z))


class CentredCopy(Copy):
    """Predicts m + w (copy - m'), with the mean training responses m and m' of the two lines.

    It copies what tells a knockdown from others: what most have in common is the line's own.

    Args:
        shrunk: Whether the weight w is that with the least squared error over the training
            perturbations; otherwise it is 1.
    """

    def __init__(self, parts: Mapping[str, slice] | None = None, shrunk: bool = False) -> None:
        super().__init__(parts)
        self.shrunk = shrunk

    def fit(self, Z: np.ndarray, Y: np.ndarray) -> "CentredCopy":
        """Find means and weight from inputs Z and responses Y (N x D)."""
        super().fit(Z, Y)
        copied = self._copied(Z)
        self.mean_elsewhere_, self.weight_ = copied.mean(axis=0), 1.0
        if self.shrunk:
            self.weight_ = _weight(copied - self.mean_elsewhere_, Y - self.mean_)
        return self

    def predict(self, Z: np.ndarray) -> np.ndarray:
        """Return predictions for inputs Z, M x D."""
        check_is_fitted(self)
        departure = self._copied(Z) - self.mean_elsewhere_
        return self.mean_ + self.weight_ * np.nan_to_num(departure)


class BeyondCopy(RegressorMixin, BaseEstimator):
    """The shrunken copy, and a Gaussian process of how responses differ from it.

    A Gaussian process alone returns to the mean response where it knows little; this returns to
    the shrunken copy, which is closer where there are few training perturbations.

    Args:
        parts: As for `GaussianProcess`, and `COPY` among them.
    """

    def __init__(self, parts: Mapping[str, slice] | None = None) -> None:
        self.parts = parts

    def fit(self, Z: np.ndarray, Y: np.ndarray, cells: np.ndarray | None = None) -> "BeyondCopy":
        """Fit to inputs Z (N x K), responses Y (N x D) and, if known, the cells behind each, N.

        Raises:
            ValueError: As `GaussianProcess.fit`.
        """
        from llmpert.models.gp.regressor import GaussianProcess

        parts = dict(self.parts or {})
        self._known = slice(0, parts.pop(COPY).start)
        self.copy_ = CentredCopy(self.parts, shrunk=True).fit(Z, Y)
        self.process_ = GaussianProcess(parts).fit(
            Z[:, self._known], Y - self.copy_.predict(Z), cells
        )
        return self

    def predict(self, Z: np.ndarray) -> np.ndarray:
        """Return predictions for inputs Z, M x D; raise as `fit`."""
        check_is_fitted(self)
        return self.copy_.predict(Z) + np.asarray(self.process_.predict(Z[:, self._known]))


def _weight(copied: np.ndarray, responses: np.ndarray) -> float:
    """Return the one weight of what is copied (N x D, NaN where unknown) by least squares."""
    copied = np.nan_to_num(copied)
    return float((copied * responses).sum() / (np.square(copied).sum() or 1.0))
