"""What is computed of other methods for the simulated screens: that it is what it says."""

import numpy as np
import pytest

from llmpert.datasets import Dataset
from llmpert.datasets.builtin import TRAIN_SIZE
from llmpert.evaluation.experiment import Experiment
from llmpert.genes.sets import GeneSets
from llmpert.simulation.generate import gene_ontology

LINES = ("Sim-K562-like", "Sim-RPE1-like")


@pytest.fixture(scope="module")
def data(simulated: Dataset) -> Dataset:
    return simulated


@pytest.fixture(scope="module")
def ontology(built_in_simulation) -> GeneSets:
    return gene_ontology(built_in_simulation)


def experiment(data: Dataset, line: str) -> Experiment:
    return Experiment(data.problem(line, data.embedding_choices[-1]))


def of(data: Dataset, line: str, method: str):
    (found,) = [one for one in data.external[line] if one.method == method]
    return found


@pytest.mark.parametrize("line", LINES)
def test_the_neighbour_mean_is_what_the_ontology_gives(data, ontology, line):
    tested = experiment(data, line)
    screen = tested.problem.screen
    found = of(data, line, "GO-neighbour mean")
    np.testing.assert_array_equal(found.perturbations, screen.perturbations)
    names = set(screen.perturbations)
    terms = {name: set() for name in names}
    for term, members in ontology.members.items():
        for name in members & names:
            terms[name].add(term)
    split = tested.split(TRAIN_SIZE, 2)
    for row in split.test[::40]:
        mine = terms[screen.perturbations[row]]
        alike = [
            (len(mine & other) / len(mine | other) if mine | other else 0, -train)
            for train in split.train
            for other in [terms[screen.perturbations[train]]]
        ]
        nearest = [-at for alike, at in sorted(alike, reverse=True)[:20] if alike > 0.1]
        expected = screen.response[nearest or split.train].mean(axis=0)
        np.testing.assert_allclose(found.delta[row], expected, atol=1e-5)
