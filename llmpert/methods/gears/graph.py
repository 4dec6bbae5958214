"""Which genes are alike by the terms that they share: GEARS' perturbation graph."""

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from llmpert.genes.sets import GeneSets

NEIGHBOURS = 20
THRESHOLD = 0.1
"""GEARS keeps each gene's 20 most similar ones, and itself, if more similar than this."""


def jaccard(terms: GeneSets, genes: Sequence[str]) -> np.ndarray:
    """Shared terms over all terms of two genes, genes x genes; 0 for genes without terms.

    Parameters
    ----------
    terms:
        Term -> its genes, as `genes` spells them (see `GeneSets.within`).
    """
    position = {gene: row for row, gene in enumerate(genes)}
    pairs = [
        (position[gene], column)
        for column, members in enumerate(terms.members.values())
        for gene in members
        if gene in position
    ]
    rows, columns = np.array(pairs, dtype=int).reshape(-1, 2).T
    carries = sparse.csr_array(
        (np.ones(len(pairs)), (rows, columns)), shape=(len(genes), len(terms.members))
    )
    shared = (carries @ carries.T).toarray()
    count = shared.diagonal()
    either = count[:, None] + count[None, :] - shared
    return np.divide(shared, either, out=np.zeros_like(shared), where=either > 0)


def edges(similarity: np.ndarray, genes: Sequence[str]) -> list[tuple[str, str, float]]:
    """Edges (source, target, similarity) to each gene with terms, from itself and its nearest.

    As GEARS makes them: of the genes more similar than `THRESHOLD`, the `NEIGHBOURS` + 1 most
    similar to each, the gene first. Ties keep the genes' order.
    """
    found = []
    for target, row in enumerate(similarity):
        itself = np.arange(len(row)) == target
        nearest = np.lexsort((-row, ~itself))[: NEIGHBOURS + 1]
        found += [
            (str(genes[source]), str(genes[target]), float(row[source]))
            for source in nearest
            if row[source] > THRESHOLD
        ]
    return found


def neighbour_mean(similarity: np.ndarray, responses: np.ndarray) -> np.ndarray:
    """The mean response of each gene's nearest training genes, genes x measured genes.

    What the perturbation graph alone tells, without any network on top: a yardstick for GEARS. The
    nearest are chosen as in `edges`, among the training genes; a gene with none gets the mean of
    all.

    Parameters
    ----------
    similarity:
        Genes to predict x training genes.
    responses:
        Training genes x measured genes.
    """
    predicted = np.empty((len(similarity), responses.shape[1]), dtype=np.float32)
    for row, to_training in enumerate(similarity):
        nearest = np.argsort(-to_training, kind="stable")[:NEIGHBOURS]
        nearest = nearest[to_training[nearest] > THRESHOLD]
        chosen = responses[nearest] if len(nearest) else responses
        predicted[row] = chosen.mean(axis=0, dtype=np.float64)
    return predicted
