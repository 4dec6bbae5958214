"""A prediction of four genes by hand, and what was measured."""

import numpy as np

from llmpert.evaluation.prediction import Prediction
from llmpert.models.distribution import WIDTH_LEVELS, Distribution

GENES = np.array(["A", "B", "C", "D"], dtype=object)
MEAN = np.array([[0.1, -2.0, 1.0, 0.0]], dtype=np.float32)
STD = np.array([[0.5, 0.5, 0.25, 0.5]], dtype=np.float32)
MEASURED = np.array([0.2, -1.0, 3.0, 0.1])
INTERVALS = Distribution.of_widths(np.linspace(0.03, 2.97, len(WIDTH_LEVELS)))


def prediction(std=STD):
    return Prediction(np.array(["X"], dtype=object), GENES, MEAN, std, np.zeros(1), INTERVALS)
