"""Bounds of a unit: stated, kept, refused where the data break them, and kept by intervals."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmpert.errors import InputError
from llmpert.evaluation.experiment import Experiment, Settings
from llmpert.evaluation.prediction import Prediction
from llmpert.evaluation.problem import Problem
from llmpert.evaluation.store import ResultsStore
from llmpert.evaluation.trained import TrainedModel
from llmpert.insight.training import train
from llmpert.screens import Screen, read_screen
from llmpert.screens.screen import bounds_in_words, check_bounds
from tests.support import small

BOUNDS = (-1.5, np.inf)


@pytest.fixture(scope="module")
def screen() -> Screen:
    """Responses with a floor on which a few lie, in a unit that says so."""
    screen = small.screen(perturbations=60)
    return replace(screen, response=np.maximum(screen.response, -1.5), bounds=BOUNDS)


@pytest.fixture(scope="module")
def experiment(screen, tmp_path_factory) -> Experiment:
    problem = Problem.align(screen, [small.embedding("text", 70)])
    settings = Settings(folds=3, n_hvgs=30, components=6)
    return Experiment(problem, settings, ResultsStore(tmp_path_factory.mktemp("results")))


def test_intervals_of_a_fit_its_file_and_its_kept_prediction_stay_within(experiment, tmp_path):
    plain = Experiment(
        Problem.align(
            replace(experiment.problem.screen, bounds=None), [small.embedding("text", 70)]
        ),
        experiment.settings,
        ResultsStore(tmp_path),
    )
    model = train(experiment)
    model.save(tmp_path / "model.llmpert")
    kept = TrainedModel.load(tmp_path / "model.llmpert", experiment.problem.embeddings)
    assert kept.fitted.bounds == BOUNDS
    fold = experiment.fold_prediction("gp", 40, 0)
    names = list(fold.perturbations)
    free = plain.fold_prediction("gp", 40, 0)
    # Scores are those of predictions as they are.
    np.testing.assert_array_equal(fold.mean, free.mean)
    assert free.quantile(0.005).min() < -1.5
    for bounded in (fold, experiment.fold_prediction("gp", 40, 0), kept.predict(names)):
        assert min(bounded.quantile(level).min() for level in (0.005, 0.1, 0.5)) >= -1.5
        assert bounded.responses(0).min() >= -1.5
        assert bounded.table()["low95"].min() >= -1.5
        # A difference to a response is bounded by the difference.
        change = np.linspace(-1, 1, len(bounded.genes))
        assert (bounded.relative_to(change).quantile(0.005) >= -1.5 - change - 1e-6).all()
        # Predictions are shown within, also as differences.
        beyond = replace(bounded, mean=bounded.mean - 1)
        expected = np.maximum(beyond.mean, -1.5)
        assert (beyond.mean < -1.5).any()
        np.testing.assert_array_equal(beyond.table()["mean"], expected.ravel())
        shown = beyond.relative_to(change).bounded
        np.testing.assert_allclose(shown, expected - change, atol=1e-5)
    np.testing.assert_allclose(fold.quantile(0.5), np.maximum(free.quantile(0.5), -1.5), atol=1e-5)


def test_a_kept_prediction_is_read_back_with_its_bounds(experiment, tmp_path):
    fold = experiment.fold_prediction("gp", 40, 1)
    fold.save(tmp_path / "p.npz")
    again = Prediction.load(tmp_path / "p.npz")
    np.testing.assert_array_equal(again.quantile(0.005), fold.quantile(0.005))
    assert again.distribution.bounds == BOUNDS


def test_a_file_of_a_screen_keeps_them_and_they_are_part_of_its_content(screen, tmp_path):
    screen.save(tmp_path / "s.h5ad")
    for again in (Screen.load(tmp_path / "s.h5ad"), read_screen(tmp_path / "s.h5ad")):
        assert again.bounds == BOUNDS
    assert screen.select(screen.perturbations[:3].tolist()).bounds == BOUNDS
    assert replace(screen, bounds=None).fingerprint != screen.fingerprint
    assert read_screen(tmp_path / "s.h5ad", bounds=(-2, 9)).bounds == (-2, 9)


def test_a_table_is_read_with_bounds_and_refused_where_it_breaks_them(tmp_path):
    table = small.screen().to_frame()
    path = tmp_path / "LineA.csv"
    table.to_csv(path)
    low, high = float(table.min(axis=None)), float(table.max(axis=None))
    assert read_screen(path, bounds=(low, high)).bounds == (low, high)
    row, column = table.stack().idxmin()
    with pytest.raises(InputError, match=f"{row}, {column}") as caught:
        read_screen(path, bounds=(low + 0.01, high))
    assert "within the bounds of its unit" in str(caught.value)
    assert "1 outside" in str(caught.value)


@pytest.mark.parametrize("bounds", [(1, 0), (0, 0), (np.nan, 1), (0, np.nan), (), (1,), (0, 1, 2)])
def test_what_is_no_lower_and_higher_number_is_refused(bounds):
    with pytest.raises(InputError, match="a lower and a higher number"):
        replace(small.screen(), bounds=bounds)


ends = st.one_of(st.floats(-9, 9), st.sampled_from([-np.inf, np.inf]))


@given(ends, ends)
def test_bounds_are_told_in_words(low, high):
    if not low < high:
        with pytest.raises(InputError):
            check_bounds("x", (low, high))
        return
    words = bounds_in_words(check_bounds("x", (low, high)))
    assert ("more" in words) == (np.isfinite(low) and np.isinf(high))
    assert ("less" in words) == (np.isinf(low) and np.isfinite(high))


def test_models_of_other_packages_stay_within_too(experiment):
    fitted = experiment.fit_fold("gp", 40, 0)

    class Normal:
        def predict(self, inputs, return_std):
            shape = (len(inputs), len(fitted.genes))
            return np.full(shape, -1.4), np.ones(shape)

    other = replace(fitted, model=Normal())
    found = other.predict(list(experiment.problem.screen.perturbations[:2]))
    assert found.quantile(0.1).min() == pytest.approx(-1.5)
    assert found.quantile(0.9).min() == pytest.approx(-1.4 + 1.2816, abs=0.01)
    assert isinstance(found.table(), pd.DataFrame)
