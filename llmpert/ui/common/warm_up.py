"""What is made before anybody asks for it."""

from llmpert import datasets
from llmpert.ui.common import cache as shared
from llmpert.ui.gene import reliability as explained

QUICK = 2000
"""Screens with more perturbations are not fitted before somebody asks: it takes minutes."""


def prepare() -> None:
    """Make what the gene page shows first, so that it need not be made while somebody waits.

    Visitors who come earlier want the same, and wait for it as it is made once.
    """
    data = shared.load(datasets.names()[0])
    line, embedding = next(iter(data.screens)), data.embedding_choices[0]
    experiment = shared.experiment(data.name, line, embedding)
    if len(experiment.problem.screen.perturbations) > QUICK:
        return
    size = shared.training_sizes(data)[-1]
    for fold in range(experiment.settings.folds):
        test = experiment.problem.screen.perturbations[experiment.split(size, fold).test]
        fitted = explained.fold_model(data, line, embedding, size, fold)
        experiment.fold_prediction(explained.MODEL, size, fold, fitted)
        explained.yardstick(data, line, embedding, size, str(test[0]))
