"""GEARS' perturbation graph, by the terms that genes share, and what it alone predicts."""

from collections.abc import Sequence

import numpy as np
from sklearn.preprocessing import MultiLabelBinarizer

from llmpert.evaluation.experiment import Experiment
from llmpert.genes.sets import GeneSets
from llmpert.methods.predictions import ExternalPredictions

NEIGHBOUR_MEAN = "GO-neighbour mean"
"""What `predict_from_neighbours` is called as a method."""

NEIGHBOURS = 20
THRESHOLD = 0.1
"""GEARS keeps each gene's 20 most similar ones, and itself, if more similar than this."""


def jaccard(terms: GeneSets, genes: Sequence[str]) -> np.ndarray:
    """Return shared terms over all terms of two genes, genes x genes; 0 for genes without terms.

    Terms spell genes as `genes` does (see `GeneSets.within`).
    """
    members = [found.intersection(genes) for found in terms.members.values()]
    carried = MultiLabelBinarizer(classes=list(genes), sparse_output=True).fit_transform(members)
    shared = (carried.T @ carried).toarray().astype(float)
    count = shared.diagonal()
    either = count[:, None] + count[None, :] - shared
    return np.divide(shared, either, out=np.zeros_like(shared), where=either > 0)


def edges(similarity: np.ndarray, genes: Sequence[str]) -> list[tuple[str, str, float]]:
    """Find edges (source, target, similarity) to each gene with terms, from itself and its nearest.

    As GEARS makes them: of the genes more similar than `THRESHOLD`, the `NEIGHBOURS` + 1 most
    similar to each, the gene first. Ties keep the genes' order.
    """
    # Nothing is more similar than 1: with 2 added, each gene is the first of its own.
    ranked = np.argsort(-similarity - 2 * np.eye(len(genes)), axis=1, kind="stable")
    return [
        (str(genes[source]), str(genes[target]), float(similarity[target, source]))
        for target, nearest in enumerate(ranked[:, : NEIGHBOURS + 1])
        for source in nearest[similarity[target, nearest] > THRESHOLD]
    ]


def neighbour_mean(similarity: np.ndarray, responses: np.ndarray) -> np.ndarray:
    """Return the mean response of each gene's nearest training genes, genes x measured genes.

    They are chosen as in `edges`, among the training genes; a gene with none gets the mean of all.
    `similarity` is genes to predict x training genes, `responses` training x measured genes.
    """
    predicted = np.empty((len(similarity), responses.shape[1]), dtype=np.float32)
    for row, to_training in enumerate(similarity):
        nearest = np.argsort(-to_training, kind="stable")[:NEIGHBOURS]
        nearest = nearest[to_training[nearest] > THRESHOLD]
        averaged = responses[nearest] if len(nearest) else responses
        predicted[row] = averaged.mean(axis=0, dtype=np.float64)
    return predicted


def predict_from_neighbours(
    experiment: Experiment, terms: GeneSets, train_size: int
) -> ExternalPredictions:
    """Predict each perturbation of a screen by `neighbour_mean` in the fold that tests it.

    A yardstick for GEARS. Terms spell genes as the screen does.
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
        NEIGHBOUR_MEAN, screen.line, screen.unit, names, screen.genes, delta, fold_of, trained_on,
        {"screen": screen.fingerprint},
    )  # fmt: skip
