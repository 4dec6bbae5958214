"""Work done as the server starts, so that the first visitors need not wait for it."""

from llmpert.ui.common import cache
from llmpert.ui.common.selection import Selection

QUICK = 2000
"""Screens with more perturbations are not fitted before somebody asks: it takes minutes."""


def prepare() -> None:
    """Fit what the gene page shows first.

    Visitors who come earlier want the same, and wait for it as it is made once.
    """
    data = cache.load(cache.first_choice())
    line, embedding = next(iter(data.screens)), data.embedding_choices[0]
    selection = Selection(data, line, embedding, cache.training_sizes(data)[-1])
    experiment = selection.experiment
    names = experiment.problem.screen.perturbations
    if len(names) > QUICK:
        return
    for fold in range(experiment.settings.folds):
        gene = str(names[experiment.tested(fold)][0])
        fitted = selection.model_behind(gene)
        experiment.fold_prediction(selection.model, selection.size, fold, fitted)
        selection.reliability(gene)
