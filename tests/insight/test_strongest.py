import numpy as np
import pytest

from llmpert.evaluation.prediction import Prediction
from llmpert.insight.strongest import strongest_genes

MEAN = np.array([[0.1, -2.0, 1.0, 0.0, 0.5, -0.4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]])
GENES = np.array([f"G{number}" for number in range(16)], dtype=object)


@pytest.mark.parametrize(
    ("count", "direction", "expected"),
    [
        (2, "both", ["G1", "G2"]),
        (50, "both", ["G1", "G2", "G4", "G5"]),  # a quarter of sixteen
        (50, "raised", ["G2", "G4", "G0"]),
        (1, "lowered", ["G1"]),
    ],
)
def test_the_strongest_predicted_genes(count, direction, expected):
    prediction = Prediction(np.array(["X"], dtype=object), GENES, MEAN, None)
    assert strongest_genes(prediction, count, direction) == expected
