"""Contributions by name: what a prediction rests on, and the rows of its heatmap."""

import numpy as np
import pytest

from llmpert.errors import InputError
from llmpert.evaluation.experiment import Experiment, Settings
from llmpert.evaluation.problem import Problem
from llmpert.insight.attribution import attribute, neighbourhood
from tests.support import small

SETTINGS = Settings(folds=4, n_hvgs=12, top=5, components=6)


@pytest.fixture(scope="module")
def experiment() -> Experiment:
    sources = [small.embedding("text"), small.embedding("sequence", seed=4)]
    return Experiment(Problem.align(small.screen(), sources), SETTINGS)


@pytest.fixture(scope="module")
def fitted(experiment):
    return experiment.fit_fold("gp", 30, 0)


@pytest.fixture(scope="module")
def gene(experiment) -> str:
    return str(experiment.problem.screen.perturbations[experiment.split(30, 0).test[0]])


def test_shares_are_the_models_under_the_names_of_perturbations(fitted, gene):
    found = attribute(fitted, gene)
    assert list(found.shares.columns) == ["text", "sequence", "text+sequence"]
    assert list(found.shares.index) == list(fitted.trained_on)
    assert gene not in found.shares.index
    direct = fitted.model.contributions(fitted.inputs([gene])[0])
    np.testing.assert_array_equal(found.shares.to_numpy(), direct.T)
    assert found.totals.sum() == pytest.approx(1, abs=1e-9)
    assert found.by_source.sum() == pytest.approx(1, abs=1e-9)


def test_the_table_lists_the_strongest_first(fitted, gene):
    found = attribute(fitted, gene)
    table = found.table()
    assert list(table.columns) == [
        "perturbation", "similarity", "share", "share through text", "share through sequence",
        "share through text+sequence",
    ]  # fmt: skip
    assert (np.diff(table["share"].abs()) <= 0).all()
    assert table["perturbation"].head(5).tolist() == found.strongest(5)
    parts = table.filter(like="share through").sum(axis=1)
    np.testing.assert_allclose(parts, table["share"], atol=1e-12)


def test_the_papers_model_has_one_source_of_all(experiment, gene):
    found = attribute(experiment.fit_fold("gp-paper", 30, 0), gene)
    assert list(found.shares.columns) == ["text+sequence"]


def test_a_prediction_that_is_the_mean_rests_on_nothing():
    screen = small.screen()
    still = small.screen(seed=1).select(screen.perturbations)
    flat = type(screen)("Flat", np.ones((40, 30)), still.perturbations, still.genes, "Δ expression")
    one = Experiment(Problem.align(flat, [small.embedding()]), SETTINGS)
    found = attribute(one.fit_all("gp"), "KD044")
    assert not found.defined
    assert found.strongest(5) == []


def test_rows_of_the_neighbourhood_are_responses_at_the_strongest_genes(experiment, fitted, gene):
    screen = experiment.problem.screen
    prediction = fitted.predict([gene])
    measured = screen.select([gene], prediction.genes).response[0]
    found = attribute(fitted, gene)
    rows = neighbourhood(fitted, screen, found, prediction, measured, knockdowns=3, genes=5)
    order = np.argsort(-np.abs(prediction.mean[0]))[:5]
    assert sorted(rows.columns) == sorted(prediction.genes[order])
    order = [list(prediction.genes).index(gene) for gene in rows.columns]
    assert list(rows.index[:3]) == [
        f"{gene}, predicted", f"{gene}, measured", "training mean",
    ]  # fmt: skip
    np.testing.assert_array_equal(rows.iloc[0], prediction.mean[0, order])
    np.testing.assert_array_equal(rows.iloc[1], measured[order])
    trained = screen.select(fitted.trained_on, rows.columns).response
    np.testing.assert_allclose(rows.iloc[2], trained.mean(axis=0), rtol=1e-5)
    first = found.strongest(3)[0]
    label = f"{first} ({100 * found.totals[first]:+.0f} %)"
    assert label in rows.index[3:]
    np.testing.assert_array_equal(rows.loc[label], screen.select([first], rows.columns).response[0])
    assert len(rows) == 6
    assert len(neighbourhood(fitted, screen, found, prediction, None, 3, 5)) == 5


def test_unknown_genes_are_refused(fitted):
    with pytest.raises(InputError, match="NOGENE"):
        attribute(fitted, "NOGENE")
