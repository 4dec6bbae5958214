"""A list of genes: names found, held-out predictions put together, what they share."""

import numpy as np
import pandas as pd
import pytest

from llmpert.embeddings import BUILT_IN, built_in
from llmpert.errors import InputError
from llmpert.evaluation.experiment import Experiment, Settings
from llmpert.evaluation.prediction import Prediction
from llmpert.evaluation.problem import GeneVectors, Problem
from llmpert.genes.sets import GeneSets
from llmpert.insight.gene_list import MOST, GeneList, find_genes, predictions
from llmpert.models.distribution import Distribution
from llmpert.screens import Screen
from tests.support import small

RESPONSES = pd.DataFrame(
    [[1.0, 2, -3, 0], [2, 1, -1, 0], [-1, -2, 3, 1]], index=["A", "B", "C"], columns=[*"wxyz"]
)


@pytest.fixture(scope="module")
def human() -> GeneVectors:
    return GeneVectors.of(np.array(["SEPT9", "MED12"]), [built_in(name) for name in BUILT_IN])


def test_names_are_sorted_into_those_predicted_and_others(human):
    genes, others = find_genes("MED12, ENSG00000141510\nSEPTIN9 NOSUCH 'TP53'", human)
    assert genes == ["MED12", "TP53", "SEPT9"]
    assert list(others) == ["NOSUCH"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (" ,\n", "found none"),
        (" ".join(f"G{n}" for n in range(MOST + 1)), "found 501"),
        ("NOSUCH NONE", "None of the 2 names"),
    ],
)
def test_lists_that_cannot_be_predicted(human, text, message):
    with pytest.raises(InputError, match=message):
        find_genes(text, human)


def test_each_gene_is_predicted_without_its_own_response(tmp_path):
    problem = Problem.align(small.screen(), [small.embedding()])
    experiment = Experiment(problem, Settings(n_hvgs=20))
    held_out = [experiment.fold_prediction("gp", 20, fold) for fold in range(5)]
    full = experiment.fit_all("gp")
    found = predictions(["KD003", "KD041", "KD001"], problem, held_out, full)
    assert list(found.perturbations) == ["KD003", "KD041", "KD001"]
    for name in ("KD003", "KD001"):
        (own,) = [one for one in held_out if name in one.perturbations]
        at = pd.Index(own.genes).get_indexer(found.genes)
        np.testing.assert_array_equal(found.row(name).mean, own.row(name).mean[:, at])
        np.testing.assert_array_equal(found.row(name).std, own.row(name).std[:, at])
    at = pd.Index(full.genes).get_indexer(found.genes)
    np.testing.assert_array_equal(found.row("KD041").mean, full.predict(["KD041"]).mean[:, at])
    used = [one for one in held_out if {"KD003", "KD001"} & set(one.perturbations)]
    assert set(found.genes) == set.intersection(*(set(one.genes) for one in (*used, full)))


def test_the_mean_response_is_subtracted():
    problem = Problem.align(small.screen(), [small.embedding()])
    prediction = Experiment(problem).fit_all("gp").predict(["KD041", "KD042"])
    found = GeneList.of(prediction, problem.screen).responses
    mean = dict(zip(problem.screen.genes, problem.screen.response.mean(axis=0), strict=True))
    for column, gene in enumerate(prediction.genes):
        expected = prediction.mean[:, column] - mean[gene]
        np.testing.assert_allclose(found[gene], expected, rtol=1e-6)


def test_responses_lie_within_the_bounds_of_their_unit(human):
    mean, std = np.array([[-0.1, 0.5], [0.9, 1.2]], np.float32), np.ones((2, 2), np.float32)
    likely = Distribution.normal().within((0, 1))
    made = Prediction(
        np.array(["TP53", "MYC"]), np.array(["w", "x"]), mean, std, np.ones(2, np.float32), likely
    )
    screen = Screen("L", np.full((3, 2), 0.25, np.float32), [*"ABC"], [*"wx"], unit="rank score")
    expected = mean.clip(0, 1) - 0.25
    np.testing.assert_allclose(GeneList.of(made, screen).responses, expected)
    joined = predictions(["MYC", "TP53"], human, [made], None)
    np.testing.assert_allclose(GeneList.of(joined, screen).responses, expected[::-1])


def test_agreement_is_the_correlation_with_the_mean_of_the_others():
    agreement = GeneList(RESPONSES).agreement()
    expected = np.corrcoef(RESPONSES.loc["A"], (RESPONSES.loc["B"] + RESPONSES.loc["C"]) / 2)[0, 1]
    assert agreement["A"] == pytest.approx(expected)
    assert agreement.idxmin() == "C"
    assert GeneList(RESPONSES[:1]).agreement().isna().all()


def test_shared_and_strongest_of_a_case_by_hand():
    found = GeneList(RESPONSES)
    assert found.strongest(2) == [["y", "x"], ["w", "x"], ["y", "x"]]
    table = found.shared().set_index("gene")
    assert table["mean"].to_dict() == pytest.approx(
        {"w": 2 / 3, "x": 1 / 3, "y": -1 / 3, "z": 1 / 3}
    )
    assert table["same"].to_dict() == pytest.approx(
        {"w": 2 / 3, "x": 2 / 3, "y": 2 / 3, "z": 1 / 3}
    )
    assert table.index[0] == "w"


def test_sets_on_the_side_that_moves_stand_out():
    rng = np.random.default_rng(0)
    genes = [f"g{n}" for n in range(400)]
    values = pd.DataFrame(rng.normal(size=(5, 400)), columns=genes)
    values.iloc[:, :20] += 3
    sets = GeneSets("s", "", {"raised": frozenset(genes[:20]), "other": frozenset(genes[100:120])})
    table = GeneList(values).moved_sets(sets)
    assert (table["set"][0], table["moved"][0]) == ("raised", "above")
    assert table["q"][0] < 1e-9
    assert (table["q"][1:] > 0.05).all()


def test_like_rows_stand_side_by_side():
    rng = np.random.default_rng(1)
    kinds = rng.normal(size=(3, 50)) * 5
    values = pd.DataFrame(
        kinds[[0, 1, 2] * 4] + 0.1 * rng.normal(size=(12, 50)), index=[0, 1, 2] * 4
    )
    table = GeneList(values).clustered(20)
    assert table.shape == (12, 20)
    assert sum(a != b for a, b in zip(table.index, table.index[1:], strict=False)) == 2
    strength = np.square(values).mean().sort_values(ascending=False)
    assert set(table.columns) == set(strength.index[:20])
