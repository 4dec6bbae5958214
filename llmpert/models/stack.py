"""A stack: several predictions of each measurement, combined by boosted trees."""

from collections.abc import Mapping, Sequence

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.utils.validation import check_is_fitted

from llmpert.embeddings.joined import COPY
from llmpert.models.gp.regressor import GaussianProcess

POWERS = (1, 0, 2)
"""Of the responses that Gaussian processes predict, their signs kept: the first is `gp`."""

NEIGHBOURS = (1, 3, 10)
"""Counts of the most similar training perturbations whose mean responses are predictions, too."""

MOST = 300_000
"""Measurements that trees learn from, at most."""

LEAVES, FEWEST_IN_LEAF = 2250, 20
"""A leaf holds one in `LEAVES` of these measurements, and never fewer than `FEWEST_IN_LEAF`."""

TREES = {"max_iter": 150, "learning_rate": 0.05, "early_stopping": False, "random_state": 0}


class Stack(RegressorMixin, BaseEstimator):
    """Gaussian processes and neighbours, stacked by boosted trees (Wolpert 1992).

    A Gaussian process predicts the mean of responses, and has to be wrong where they are mostly 0
    and sometimes large. Two more predict which genes change at all and which change a lot; means of
    the responses to the nearest knockdowns keep strong responses strong. Trees learn from
    leave-one-out predictions of the training perturbations what measurements become of these, one
    at a time. Without more perturbations than neighbours it is the Gaussian process.

    Args:
        parts: As for `GaussianProcess`; trees see the numbers of a part `COPY`, too.
    """

    def __init__(self, parts: Mapping[str, slice] | None = None) -> None:
        self.parts = parts

    def fit(self, Z: np.ndarray, Y: np.ndarray, cells: np.ndarray | None = None) -> "Stack":
        """Fit to inputs Z (N x K), responses Y (N x D) and, if known, the cells behind each, N.

        Raises:
            ValueError: As `GaussianProcess.fit`.
        """
        Z, copied = self._apart(Z)
        Y = np.asarray(Y, np.float64)
        self.scale_ = float(np.abs(Y).max(initial=0)) or 1.0
        Y = Y / self.scale_
        self._processes = [
            GaussianProcess(self._parts).fit(Z, np.sign(Y) * np.abs(Y) ** power, cells)
            for power in POWERS
        ]
        self._responses, self._varies = Y.astype(np.float32), np.flatnonzero(np.ptp(Y, axis=0))
        self.trees_ = None
        if len(Y) > max(NEIGHBOURS) and len(self._varies):
            means, stds = zip(*(one.predict_left_out() for one in self._processes), strict=True)
            similar = self._processes[0].similarity(Z)
            np.fill_diagonal(similar, -1)
            measured = Y[:, self._varies].ravel()
            some = np.random.default_rng(0).permutation(measured.size)[:MOST]
            signs = [*self._signs(means, stds[0], similar), *copied]
            seen = [sign[:, self._varies].ravel()[some] for sign in signs]
            leaf = int(np.clip(some.size // LEAVES, FEWEST_IN_LEAF, None))
            trees = HistGradientBoostingRegressor(min_samples_leaf=leaf, **TREES)
            self.trees_ = trees.fit(np.stack(seen, axis=1), measured[some])
        return self

    def predict(self, Z: np.ndarray) -> np.ndarray:
        """Return responses for inputs Z (M x K): M x D, in units of Y; raise as `fit`."""
        check_is_fitted(self)
        Z, copied = self._apart(Z)
        first, std = self._processes[0].predict(Z, return_std=True)
        if self.trees_ is not None:
            means = [first, *(np.asarray(one.predict(Z)) for one in self._processes[1:])]
            signs = [*self._signs(means, std, self._processes[0].similarity(Z)), *copied]
            for row, seen in enumerate(zip(*signs, strict=True)):
                trees_see = np.stack(seen, axis=1)[self._varies]
                first[row, self._varies] = self.trees_.predict(trees_see)
        return first * self.scale_

    @property
    def _parts(self) -> Mapping[str, slice] | None:
        """Those of the Gaussian processes."""
        return self.parts and {name: at for name, at in self.parts.items() if name != COPY}

    def _apart(self, Z: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
        """Return inputs without what was copied, and this by itself."""
        if not self.parts or COPY not in self.parts:
            return Z, []
        copied = self.parts[COPY]
        return Z[:, : copied.start], [Z[:, copied]]

    def _signs(
        self, means: Sequence[np.ndarray], std: np.ndarray, similar: np.ndarray
    ) -> list[np.ndarray]:
        """Return what the trees see, each M x D.

        Args:
            means: What the Gaussian processes predict, each M x D.
            std: Standard deviations of the first, M x D.
            similar: To the training perturbations, M x N.
        """
        nearest = np.argsort(-similar, axis=1, kind="stable")[:, : max(NEIGHBOURS)]
        close = [self._responses[nearest[:, :count]].mean(axis=1) for count in NEIGHBOURS]
        departure = np.linalg.norm(means[0] - self._processes[0].mean_, axis=1)
        whole = [similar.max(axis=1), departure]
        return [*means, std, *close, *(np.broadcast_to(one[:, None], std.shape) for one in whole)]
