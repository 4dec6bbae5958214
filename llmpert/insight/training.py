"""Train a model to be stored as a file, with the evidence to judge its predictions."""

import pandas as pd

from llmpert.evaluation.calibration import outcomes
from llmpert.evaluation.experiment import Experiment
from llmpert.evaluation.trained import TrainedModel
from llmpert.insight.reliability import ReliabilityReference, left_out_accuracy
from llmpert.models.registry import gaussian_process


def train(experiment: Experiment, components: int | None = None) -> TrainedModel:
    """Train `gp` on all perturbations of an experiment; its folds say how well it predicts.

    Args:
        components: Components of the responses that the model has at most; what is beyond them is
            noise to it, and not in its file. By default as many as `gp` has anywhere.

    Raises:
        InputError: The responses have no signal, or there are too few perturbations for the folds.
    """
    spec, screen = gaussian_process(components), experiment.problem.screen
    fitted, size = experiment.fit_all(spec), experiment.largest_training_size
    judged, turned_out = [], []
    for fold in range(experiment.settings.folds):
        tested = list(screen.perturbations[experiment.tested(fold)])
        if tested:
            one = experiment.fit_fold(spec, size, fold)
            judged.append(ReliabilityReference.of(one, screen, tested))
            turned_out.append(outcomes(one, one.predict(tested), screen))
    names = list(fitted.trained_on)
    signs = pd.concat([one.values for one in judged]).loc[names]
    accuracy = pd.concat([one.accuracy for one in judged]).loc[names]
    settings = experiment.settings.record() | {"response components": components}
    left_out = left_out_accuracy(fitted, screen)
    found = pd.concat(turned_out).set_index("perturbation").loc[names].reset_index()
    return TrainedModel.of(fitted, screen, left_out, signs, accuracy, settings, found)
