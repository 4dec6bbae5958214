"""Prediction intervals that hold what they say, from leave-one-out errors of the training part."""

import numpy as np

INTERVAL = 0.95
"""Probability with which intervals that are shown or written hold a new measurement."""

LEVELS = np.arange(1, 100) / 100
"""Probabilities for which the width is kept; others are interpolated."""


def interval_multiples(standardised: np.ndarray) -> np.ndarray:
    """Return how many standard deviations either side of the mean intervals of `LEVELS` span.

    Quantiles of |error / standard deviation|: split-conformal intervals with a normalised score
    (Lei et al. 2018). Those of a normal variable would not hold, since most genes hardly respond
    and a few respond strongly.
    """
    return np.quantile(np.abs(standardised), LEVELS)


def multiple(multiples: np.ndarray, level: float) -> float:
    """Return the multiple for one probability between 0.01 and 0.99, of those of `LEVELS`."""
    return float(np.interp(level, LEVELS, multiples))
