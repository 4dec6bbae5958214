"""One measured gene under many knockdowns: as in the predictions of whole responses."""

import numpy as np
import pytest

from llmpert.evaluation import experiment as module
from llmpert.evaluation.experiment import Experiment, Settings
from llmpert.evaluation.problem import Problem
from llmpert.evaluation.trained import TrainedModel
from llmpert.insight.training import train
from llmpert.models.registry import MODELS
from tests.support import small

SOURCES = [small.embedding("text", 60), small.embedding("sequence", 60, seed=4)]


@pytest.fixture(scope="module")
def experiment():
    return Experiment(Problem.align(small.screen(), SOURCES), Settings(n_hvgs=20))


def check(fitted, genes):
    whole = fitted.predict(genes)
    for column in (0, 7, 19):
        found = fitted.predict_one(str(fitted.genes[column]), genes)
        assert found.perturbations.tolist() == genes
        assert found.genes.tolist() == [fitted.genes[column]]
        np.testing.assert_allclose(found.mean[:, 0], whole.mean[:, column], atol=1e-6)
        if whole.std is None:
            assert found.std is None
        else:
            for level in (0.025, 0.5, 0.975):
                expected = whole.quantile(level)[:, [column]]
                np.testing.assert_allclose(found.quantile(level), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("model", MODELS)
def test_it_is_the_column_of_whole_predictions(experiment, model):
    check(experiment.fit_all(model), experiment.problem.unseen())


@pytest.mark.parametrize("rows", [1, 7, 20])
@pytest.mark.parametrize("model", ["gp", "gp-paper", "knn"])
def test_so_it_is_a_few_knockdowns_at_a_time(experiment, model, rows, monkeypatch):
    fitted = experiment.fit_all(model)
    monkeypatch.setattr(module, "ROWS", rows)
    check(fitted, experiment.problem.unseen())


def test_a_trained_model_does_so_from_its_file(experiment, tmp_path):
    train(experiment, 3).save(tmp_path / "model.llmpert")
    trained = TrainedModel.load(tmp_path / "model.llmpert", SOURCES)
    check(trained.fitted, experiment.problem.unseen())
