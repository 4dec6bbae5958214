"""The mean response of the GO-nearest training knockdowns: GEARS' graph without GEARS."""

import numpy as np

from llmpert.evaluation.experiment import Experiment
from llmpert.genes.sets import GeneSets
from llmpert.methods.gears.graph import jaccard, neighbour_mean
from llmpert.methods.predictions import ExternalPredictions

METHOD = "GO-neighbour mean"


def predict_from_neighbours(
    experiment: Experiment, terms: GeneSets, train_size: int
) -> ExternalPredictions:
    """Predict every perturbation of a screen by the fold that does not train on it.

    Perturbations without terms get the mean of all training responses: it needs none.

    Parameters
    ----------
    terms:
        As the screen spells genes.
    """
    screen = experiment.problem.screen
    names = screen.perturbations
    similarity = jaccard(terms, list(names))
    delta = np.empty_like(screen.response)
    fold_of = np.empty(len(names), dtype=object)
    trained_on = {}
    for fold in range(experiment.settings.folds):
        part = experiment.split(train_size, fold)
        to_training = similarity[np.ix_(part.test, part.train)]
        delta[part.test] = neighbour_mean(to_training, screen.response[part.train])
        fold_of[part.test] = str(fold)
        trained_on[str(fold)] = names[part.train]
    return ExternalPredictions(
        method=METHOD,
        line=screen.line,
        unit=screen.unit,
        perturbations=names,
        genes=screen.genes,
        delta=delta,
        fold=fold_of,
        trained_on=trained_on,
        about={"screen": screen.fingerprint},
    )
