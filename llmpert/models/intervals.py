"""Prediction intervals that hold what they say, from leave-one-out errors of the training part."""

from dataclasses import dataclass

import numpy as np

INTERVAL = 0.95
"""Probability with which intervals that are shown or written hold a new measurement."""

LEVELS = np.arange(1, 100) / 100
"""Probabilities for which the width is kept; others are interpolated."""


@dataclass(frozen=True, eq=False)
class Intervals:
    """How many standard deviations either side of the mean an interval spans.

    Attributes:
        quantiles: For each of `LEVELS`.
    """

    quantiles: np.ndarray

    @classmethod
    def from_errors(cls, standardised: np.ndarray) -> "Intervals":
        """Take the quantiles of |error / standard deviation|, not those of a normal variable.

        Split-conformal intervals with a normalised score (Lei et al. 2018). Responses are not
        normally distributed: most genes hardly respond, a few respond strongly.
        """
        return cls(np.quantile(np.abs(standardised), LEVELS))

    def quantile(self, level: float) -> float:
        """Return the number for one probability between 0.01 and 0.99."""
        return float(np.interp(level, LEVELS, self.quantiles))
