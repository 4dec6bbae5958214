"""What training a model to be kept says about how far to trust it."""

import numpy as np
import pytest

from llmpert.evaluation.experiment import Experiment, Settings
from llmpert.evaluation.problem import Problem
from llmpert.insight.reliability import ReliabilityReference
from llmpert.insight.training import train
from tests.support import small


@pytest.fixture(scope="module")
def experiment() -> Experiment:
    problem = Problem.align(small.screen(perturbations=60), [small.embedding("text", 70)])
    return Experiment(problem, Settings(folds=3, n_hvgs=30))


def test_accuracy_is_that_of_held_out_predictions(experiment):
    model, size = train(experiment), experiment.largest_training_size
    for fold in range(3):
        scores = experiment.scores("gp", size, fold).set_index("perturbation")["pearson_all"]
        np.testing.assert_allclose(model.accuracy[scores.index], scores, atol=1e-4)
    assert list(model.accuracy.index) == list(experiment.problem.screen.perturbations)


def test_signs_are_those_that_the_model_that_tests_a_knockdown_sees(experiment):
    screen, model = experiment.problem.screen, train(experiment)
    tested = list(screen.perturbations[experiment.tested(1)])
    fitted = experiment.fit_fold("gp", experiment.largest_training_size, 1)
    reference = ReliabilityReference.of(fitted, screen, tested)
    np.testing.assert_array_equal(model.signs.loc[tested], reference.values)
    assert list(model.signs) == [one.name for one in reference.indicators]


def test_a_cap_on_components_holds_in_every_fold(experiment):
    capped, free = train(experiment, 1), train(experiment)
    assert capped.components == 1 < free.components
    assert capped.fitted.model.get_params()["components"] == 1
    assert (capped.accuracy != free.accuracy).any()
    assert capped.reconstructed.mean() < free.reconstructed.mean()
