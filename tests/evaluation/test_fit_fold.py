"""The fitted model behind a fold's predictions."""

import numpy as np
import pytest

from llmpert.evaluation.experiment import Experiment, Settings
from llmpert.evaluation.problem import Problem
from llmpert.evaluation.store import ResultsStore
from llmpert.models.registry import MODELS
from tests.support import small

SETTINGS = Settings(folds=4, n_hvgs=12, top=5, components=6)


def experiment(folder, screen=None) -> Experiment:
    problem = Problem.align(screen or small.screen(), [small.embedding()])
    return Experiment(problem, SETTINGS, ResultsStore(folder))


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("size", [15, 30])
def test_it_predicts_what_the_fold_predicts(model, size, tmp_path):
    one = experiment(tmp_path)
    kept = one.fold_prediction(model, size, 1)
    fitted = one.fit_fold(model, size, 1)
    part = one.split(size, 1)
    names = one.problem.screen.perturbations
    assert fitted.trained_on.tolist() == names[part.train].tolist()
    again = fitted.predict(kept.perturbations)
    assert again.genes.tolist() == kept.genes.tolist()
    np.testing.assert_allclose(again.mean, kept.mean, rtol=1e-5, atol=1e-6)
    if kept.std is not None:
        np.testing.assert_allclose(again.std, kept.std, rtol=1e-5)


def test_cells_reach_the_model(tmp_path):
    cells = np.random.default_rng(0).integers(5, 2000, 40)
    with_cells = experiment(tmp_path / "a", small.screen(cells=cells)).fit_fold("gp", 30, 0)
    assert with_cells.model.sampling_share_ > 0
    assert experiment(tmp_path / "b").fit_fold("gp", 30, 0).model.sampling_share_ == 0


def test_a_fitted_fold_saves_the_fit(tmp_path, monkeypatch):
    one = experiment(tmp_path / "a")
    fitted = one.fit_fold("gp", 30, 2)
    expected = experiment(tmp_path / "b").fold_prediction("gp", 30, 2)

    def refuse(*args, **kwargs):
        raise AssertionError("fitted again")

    monkeypatch.setattr(type(fitted.model), "fit", refuse)
    found = one.fold_prediction("gp", 30, 2, fitted)
    np.testing.assert_array_equal(found.mean, expected.mean)
    # It was kept as any other.
    np.testing.assert_array_equal(one.fold_prediction("gp", 30, 2).mean, expected.mean)
