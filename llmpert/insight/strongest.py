"""The genes that a perturbation is predicted to change most."""

from typing import Literal

import numpy as np

from llmpert.evaluation.prediction import Prediction

Direction = Literal["both", "raised", "lowered"]

LARGEST_SHARE = 0.25
"""At most so much of all predicted genes: beyond it "strongest" loses its meaning."""


def strongest_genes(prediction: Prediction, count: int, direction: Direction = "both") -> list[str]:
    """The genes of the largest predicted |Δ|, strongest first.

    Parameters
    ----------
    prediction:
        Of one perturbation.
    count:
        How many; never more than `LARGEST_SHARE` of all predicted genes.
    direction:
        Only genes predicted to be raised, only lowered ones, or both.
    """
    mean = prediction.mean[0]
    wanted = {"both": mean != 0, "raised": mean > 0, "lowered": mean < 0}[direction]
    order = np.argsort(-np.abs(mean), kind="stable")
    order = order[wanted[order]][: min(count, int(LARGEST_SHARE * len(mean)))]
    return [str(gene) for gene in prediction.genes[order]]
