"""What ships of methods that were run elsewhere: that it is what it says, and fits the screens."""

import numpy as np
import pytest

from llmpert.datasets import Dataset
from llmpert.datasets.builtin import TRAIN_SIZE
from llmpert.evaluation.experiment import Experiment
from llmpert.genes.sets import GeneSets
from llmpert.methods.predictions import not_predicted, scores
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
def test_gears_was_trained_on_the_folds_of_every_other_model(data, ontology, line):
    gears, tested = of(data, line, "GEARS"), experiment(data, line)
    names = tested.problem.screen.perturbations
    known = set().union(*ontology.members.values())
    without = [name for name in names if name not in known]
    assert without  # GEARS cannot predict genes without terms, and the pages have to say so
    assert not_predicted(gears, tested.problem.screen) == without
    for fold in range(5):
        split = tested.split(TRAIN_SIZE, fold)
        assert set(gears.trained_on[str(fold)]) == set(names[split.train]) - set(without)
        rows = gears.fold == str(fold)
        assert set(gears.perturbations[rows]) == set(names[split.test]) - set(without)


@pytest.mark.parametrize("line", LINES)
def test_gears_says_what_made_it(data, line):
    about = of(data, line, "GEARS").about
    assert about["versions"]["cell-gears"] == "0.1.2"
    assert about["command"] == "python -m data.build_gears_results"
    assert about["seconds"] > 0
    assert about["screen"] == data.screens[line].fingerprint


@pytest.mark.parametrize("line", LINES)
def test_gears_tells_perturbations_apart(data, line):
    gears = of(data, line, "GEARS")
    assert (gears.delta.std(axis=0) > 0).mean() > 0.9
    table = scores(gears, experiment(data, line))
    found = table[table["metric"] == "pearson_all"]["value"]
    # It knows something of most knockdowns: the mean correlation is many standard errors above 0.
    assert found.mean() > 10 * found.std() / np.sqrt(len(found))


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
