"""A trained model on another screen: which targets and genes count, and what they score."""

from dataclasses import replace

import numpy as np
import pytest

from llmpert.errors import InputError
from llmpert.evaluation.experiment import Experiment, Settings
from llmpert.evaluation.problem import Problem
from llmpert.evaluation.scores import registry
from llmpert.evaluation.trained import TrainedModel, reconstruction
from llmpert.evaluation.transfer import KNOWING, NEW, TRAINED_ON, judge
from llmpert.insight.training import train
from llmpert.screens import Screen
from tests.support import small

TABLE = small.gene_table({"KD003": "OLD3", "OUT007": "OLDOUT7"})
SCREEN = small.screen()


@pytest.fixture(scope="module")
def model() -> TrainedModel:
    problem = Problem.align(SCREEN, [small.embedding()], TABLE)
    return train(Experiment(problem, Settings(n_hvgs=30, folds=2)))


def elsewhere(**fields) -> Screen:
    """Targets KD000 to KD044, five of them new; genes OUT005 to OUT034 in another order."""
    other = small.screen("LineB", 45, 35, seed=3)
    named = {"KD003": "OLD3", "OUT007": "OLDOUT7"}
    other = other.select(None, list(other.genes[:4:-1]))
    perturbations, genes = (
        np.array([named.get(name, name) for name in names], dtype=object)
        for names in (other.perturbations, other.genes)
    )
    return replace(other, perturbations=perturbations, genes=genes, **fields)


def value(found, targets: str, method: str, metric: str, perturbation: str) -> float:
    rows = found.table.query(
        "targets == @targets and model == @method and metric == @metric"
        " and perturbation == @perturbation"
    )
    return rows["value"].item()


def test_predictions_are_held_against_the_measurement_of_the_same_gene_and_target(model):
    screen = elsewhere()
    found = judge(model, screen, table=TABLE)
    assert (found.common, found.scored, found.left_out) == (25, 25, {})
    columns = np.arange(5, 30)
    spelt = [name.replace("OUT007", "OLDOUT7") for name in model.fitted.genes[columns]]
    left_out = dict(zip(model.fitted.trained_on, model.fitted.model.predict_left_out()[0],
                        strict=True))  # fmt: skip
    kept = dict(zip(model.fitted.trained_on, reconstruction(model.fitted), strict=True))
    for name, kind in (("KD010", TRAINED_ON), ("OLD3", TRAINED_ON), ("KD042", NEW)):
        target = "KD003" if name == "OLD3" else name
        measured = screen.select([name], spelt).response[0]
        known = model.fitted.predict([target]).mean[0]
        expected = {"gp": known, "mean": model.fitted.model.mean_, "no-change": np.zeros(30)}
        if kind == TRAINED_ON:
            expected |= {"gp": left_out[target], KNOWING: known, "copy": kept[target]}
        for method, predicted in expected.items():
            error = np.abs(predicted[columns] - measured).mean()
            assert value(found, kind, method, "mae_all", name) == pytest.approx(error, rel=1e-5)
            if method != "no-change":
                r = np.corrcoef(predicted[columns], measured)[0, 1]
                assert value(found, kind, method, "pearson_all", name) == pytest.approx(r, abs=1e-5)
    assert found.table["value"][found.table["model"] == "mean"].notna().any()
    assert value(found, NEW, "mean", "pearson_relative", "KD042") == 0


def test_targets_trained_on_and_new_ones_are_apart(model):
    summary = judge(model, elsewhere(), table=TABLE).summary()
    sizes = summary.groupby(["targets", "model"])["perturbations"].unique()
    assert {key: list(size) for key, size in sizes.items()} == {
        **{(TRAINED_ON, m): [40] for m in ("gp", KNOWING, "copy", "mean", "no-change")},
        **{(NEW, m): [5] for m in ("gp", "mean", "no-change")},
    }
    of = summary.set_index(["targets", "model", "metric"])
    assert of.loc[(NEW, "no-change", "pearson_all"), "undefined"] == 5
    assert of.loc[(NEW, "gp", "crps"), "undefined"] == 0
    assert (NEW, "mean", "crps") not in of.index


def test_genes_scored_are_those_that_vary_most_in_training(model):
    found = judge(model, elsewhere(), features=3, table=TABLE)
    variance = reconstruction(model.fitted)[:, 5:].var(axis=0)
    genes = 5 + np.argsort(-variance)[:3]
    measured = elsewhere().select(
        ["KD042"], [n.replace("OUT007", "OLDOUT7") for n in model.fitted.genes[genes]]
    )
    error = np.abs(measured.response[0]).mean()
    assert value(found, NEW, "no-change", "mae_all", "KD042") == pytest.approx(error, rel=1e-6)


def test_in_another_unit_only_scores_are_left_that_no_unit_changes(model):
    screen = elsewhere()
    known = judge(model, screen, table=TABLE)
    scaled = replace(screen, response=7 * screen.response, unit="Δ other")
    found = judge(model, scaled, table=TABLE)
    free = {name for name, metric in registry().items() if metric.scale_free}
    assert set(found.table["metric"]) == free & set(known.table["metric"])
    assert "pearson_all" in free
    both = found.table.merge(known.table, on=["targets", "model", "perturbation", "metric"])
    assert len(both) == len(found.table)
    np.testing.assert_allclose(both["value_x"], both["value_y"], atol=1e-5)


def test_what_cannot_be_judged_is_said(model):
    screen = elsewhere()
    strange = np.array([f"ELSE{n}" for n in range(30)], dtype=object)
    with pytest.raises(InputError, match=r"LineA and the screen LineB share 0 measured gene"):
        judge(model, replace(screen, genes=strange), table=TABLE)
    others = np.array([f"NO{n}" for n in range(45)], dtype=object)
    with pytest.raises(InputError, match=r"Screen LineB and the embedding\(s\) text share 0"):
        judge(model, replace(screen, perturbations=others), table=TABLE)
