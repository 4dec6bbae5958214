"""Between two genes: what is predicted for vectors on the straight way from one to the other."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from llmpert.evaluation.experiment import FittedModel
from llmpert.evaluation.prediction import Prediction

STEPS = 21
"""Places on the way, both genes' own among them."""

FAR = 0.1
"""Share of training knockdowns that are farther from their nearest than a place on known ground."""


@dataclass(frozen=True, eq=False)
class Between:
    """Predictions on the way between two genes' vectors.

    Attributes:
        shares: Of the second gene's vector at each place, S, from 0 to 1.
        prediction: Of each place, S x measured genes.
        nearest: The training knockdown that is most like it to the model, S.
        similarity: Of that knockdown, S: 1 is the same place.
        least: Similarity below which a place is too far: the share `FAR` of training knockdowns is
            less similar to the nearest other one.
    """

    shares: np.ndarray
    prediction: Prediction
    nearest: np.ndarray
    similarity: np.ndarray
    least: float

    @property
    def too_far(self) -> np.ndarray:
        """Whether no training knockdown is like a place, S."""
        return self.similarity < self.least

    def moving(self, count: int) -> np.ndarray:
        """Return positions of the measured genes whose prediction changes most on the way."""
        change = np.ptp(self.prediction.mean, axis=0)
        return np.argsort(-change, kind="stable")[:count]

    def table(self, count: int) -> pd.DataFrame:
        """Return the genes that change most at every place.

        Returns:
            Columns share, gene, mean, sd, nearest, similarity.
        """
        at = self.moving(count)
        std = self.prediction.std
        repeated = {
            name: np.repeat(values, len(at))
            for name, values in (("nearest", self.nearest), ("similarity", self.similarity))
        }
        return pd.DataFrame(
            {
                "share": np.repeat(self.shares, len(at)),
                "gene": np.tile(self.prediction.genes[at], len(self.shares)),
                "mean": self.prediction.bounded[:, at].ravel(),
                "sd": np.nan if std is None else std[:, at].ravel(),
                **repeated,
            }
        )


def between(fitted: FittedModel, gene: str, other: str, steps: int = STEPS) -> Between:
    """Predict for mixtures of two genes' vectors, without the responses of either.

    In every embedding the vector of a place is (1 - share) times the first and share times the
    second gene's.

    Args:
        fitted: A Gaussian process. Its hyper-parameters, mean and components stay.

    Raises:
        InputError: A gene is unknown, ambiguous, or lacks a vector.
    """
    own = fitted.known.perturbations_of([gene, other])
    others = np.flatnonzero(~np.isin(fitted.trained_on, own))
    without = fitted.conditioned_on(others) if own else fitted
    shares = np.linspace(0, 1, steps)
    ends = fitted.known.find_all([gene, other])
    mix = np.column_stack([1 - shares, shares])
    inputs = fitted.joined.transform({name: mix @ vectors for name, vectors in ends.items()})
    names = np.array([f"{share:.0%} {other}" for share in shares], dtype=object)
    similarity = without.model.similarity(inputs)
    nearest = similarity.argmax(axis=1)
    among = without.model.similarity(without.inputs(list(without.trained_on)))
    np.fill_diagonal(among, 0)
    return Between(
        shares,
        without.predict_inputs(inputs, names),
        without.trained_on[nearest],
        similarity.max(axis=1),
        float(np.quantile(among.max(axis=1), FAR)),
    )
