"""Whether a prediction is told apart from those of other perturbations."""

from typing import Literal

import numpy as np

Distance = Literal["l1", "l2", "cosine"]

TIED = 1e-9
"""Distances this close, relative to the largest, are equal: rounding must not break ties."""


class Distances:
    """How far each prediction is from each measurement.

    Args:
        predicted, measured: P perturbations x G genes, of the same perturbations in the same order.
    """

    def __init__(self, predicted: np.ndarray, measured: np.ndarray, kind: Distance) -> None:
        from scipy.spatial.distance import cdist

        self.kind = kind
        self.pair = np.asarray(predicted, np.float64), np.asarray(measured, np.float64)
        if kind == "l1":
            self.between = cdist(*self.pair, "cityblock")
        else:
            left, right = self.pair
            self.squares = [np.einsum("ij,ij->i", part, part) for part in self.pair]
            self.products = left @ right.T
            self.between = self.squares[0][:, None] + self.squares[1] - 2 * self.products

    def of_predictions(self, own: np.ndarray | None = None) -> np.ndarray:
        """Return how well each prediction finds its measurement among all measurements.

        The share of other perturbations that are further away, those as far counted half: P
        values, NaN for a single perturbation.

        Args:
            own: Position of each perturbation's own gene, which is left out; -1 where it has none.
        """
        return self._found(0, own)

    def of_measurements(self, own: np.ndarray | None = None) -> np.ndarray:
        """Return how well each measurement finds its prediction among all predictions."""
        return self._found(1, own)

    def _found(self, side: int, own: np.ndarray | None) -> np.ndarray:
        one, other = self.pair[side], self.pair[1 - side]
        own = np.full(len(one), -1) if own is None else own
        # What the gene that is left out adds to each distance; nothing where there is none.
        has = own >= 0
        mine = np.where(has, one[np.arange(len(one)), own], 0)[:, None]
        theirs = np.where(has[:, None], other[:, own].T, 0)
        if self.kind == "cosine":
            products = (self.products if side == 0 else self.products.T) - mine * theirs
            lengths = (self.squares[side][:, None] - mine**2) * (
                self.squares[1 - side] - theirs**2
            )  # fmt: skip
            # A response of no length is as far from all.
            known = lengths > 0
            cosine = np.divide(products, np.sqrt(lengths, where=known, out=lengths),
                out=np.zeros_like(products), where=known)  # fmt: skip
            return _share_further(-cosine, TIED)
        between = self.between if side == 0 else self.between.T
        apart = np.abs(mine - theirs)
        left = between - (apart if self.kind == "l1" else apart**2)
        return _share_further(left, TIED * max(float(np.abs(between).max(initial=0)), 1e-300))


def _share_further(distances: np.ndarray, tied: float) -> np.ndarray:
    """Return for each row the share of the others further than the one on the diagonal."""
    count = len(distances)
    if count < 2:
        return np.full(count, np.nan)
    further = distances - np.diag(distances)[:, None]
    halves = 2 * (further > tied).sum(axis=1) + (np.abs(further) <= tied).sum(axis=1) - 1
    return halves / (2 * (count - 1))
