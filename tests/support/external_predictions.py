"""Predictions of a made-up method for tests: the measurement of another perturbation, or noise."""

from dataclasses import replace

import numpy as np

from llmpert.methods.predictions import ExternalPredictions
from llmpert.screens import Screen


def predictions(
    screen: Screen,
    method: str = "GEARS",
    folds: int = 3,
    train_size: int | None = None,
    seed: int = 0,
    **fields,
) -> ExternalPredictions:
    """Half of each measured response plus noise; folds are dealt out in turn, not as llmpert's are.

    Every fold is trained on all that it does not predict, or so says, or on the first `train_size`
    of these.
    """
    rng = np.random.default_rng(seed)
    names = screen.perturbations
    fold = np.arange(len(names)) % folds
    made = ExternalPredictions(
        method=method,
        line=screen.line,
        unit=screen.unit,
        perturbations=names,
        genes=screen.genes,
        delta=0.5 * screen.response + rng.normal(0, 0.5, screen.response.shape),
        fold=fold.astype(str),
        trained_on={str(f): names[fold != f][:train_size] for f in range(folds)},
        about={"command": "made for a test"},
    )
    return replace(made, **fields)


def without(made: ExternalPredictions, *names: str) -> ExternalPredictions:
    """The same without predictions of these perturbations."""
    rows = ~np.isin(made.perturbations, names)
    return replace(
        made, perturbations=made.perturbations[rows], delta=made.delta[rows], fold=made.fold[rows]
    )
