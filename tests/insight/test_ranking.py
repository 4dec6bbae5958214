"""What is strongest, and how two columns go together, against values worked by hand and SciPy."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import pearsonr

from llmpert.evaluation.prediction import Prediction
from llmpert.insight.ranking import (
    changing_gene,
    correlation,
    set_apart,
    strong_perturbation,
    strongest,
    strongest_genes,
)
from tests.support import small

MEAN = np.array([[0.1, -2.0, 1.0, 0.0, 0.5, -0.4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]])
GENES = np.array([f"G{number}" for number in range(16)], dtype=object)


@pytest.mark.parametrize(
    ("count", "direction", "expected"),
    [
        (2, "both", ["G1", "G2"]),
        (50, "both", ["G1", "G2", "G4", "G5"]),  # a quarter of sixteen
        (50, "raised", ["G2", "G4", "G0"]),
        (1, "lowered", ["G1"]),
    ],
)
def test_the_strongest_predicted_genes(count, direction, expected):
    prediction = Prediction(np.array(["X"], dtype=object), GENES, MEAN, None)
    assert strongest_genes(prediction, count, direction) == expected


TABLE = pd.DataFrame({"a": [1.0, 0.0, 2.0, np.nan], "b": [0.0, -3.0, -2.0, np.nan]})


def test_the_strongest_rows_have_the_largest_absolute_values():
    assert strongest(TABLE, ["a", "b"], 2)["b"].tolist() == [-3, -2]
    assert strongest(TABLE, ["a", "b"])["a"].tolist() == [0, 2, 1]  # none without any value
    assert strongest(TABLE, "a", 1)["a"].tolist() == [2]


def test_of_raised_genes_alone_the_strongest_rows_have_the_largest_values():
    assert strongest(TABLE, ["a", "b"], raised_only=True)["a"].tolist() == [2, 1]
    assert strongest(TABLE, "a", 1, raised_only=True)["a"].tolist() == [2]
    assert strongest(TABLE, "b", raised_only=True).empty


def test_correlation_is_over_rows_that_have_both():
    table = pd.DataFrame(np.random.default_rng(0).normal(size=(12, 2)), columns=["x", "y"])
    expected = pearsonr(table["x"], table["y"]).statistic
    assert correlation(table, "x", "y") == pytest.approx(expected)
    partly = table.assign(y=table["y"].where(table.index < 7))
    expected = pearsonr(table["x"][:7], table["y"][:7]).statistic
    assert correlation(partly, "x", "y") == pytest.approx(expected)
    assert np.isnan(correlation(table.assign(y=np.nan), "x", "y"))
    assert np.isnan(correlation(table.assign(y=1.0), "x", "y"))


def test_first_views_are_strong_and_no_outliers():
    screen = small.screen(perturbations=41, genes=21)
    response = np.zeros((41, 21))
    response[:, 0] = np.arange(41)  # the further down, the stronger
    response[:, 1:] += 1e-3 * np.arange(20) * np.arange(41)[:, None]
    rising = replace(screen, response=response, cells=None)
    assert strong_perturbation(rising) == "KD038"  # stronger than 38 of 40
    assert changing_gene(rising) == "OUT020"  # only OUT000 varies more
    cells = np.where(screen.perturbations == "KD001", 1e9, 1.0)
    assert strong_perturbation(replace(rising, cells=cells)) == "KD039"  # KD001 is now strongest


def test_genes_that_set_perturbations_apart_from_the_mean():
    screen = replace(
        small.screen(perturbations=4, genes=3),
        response=np.array([[9, 1, -3], [9, 3, -1], [9, -4, 4], [9, 0, 0]], dtype=np.float32),
    )
    # The first gene is changed alike by all: it sets none apart.
    genes, rows = set_apart(screen, ["KD001", "ELSEWHERE", "KD000"], 2)
    assert genes == ["OUT001", "OUT002"]
    assert rows == [[3, -1], None, [1, -3]]
    assert set_apart(screen, ["KD002"], 9) == (["OUT002", "OUT000", "OUT001"], [[4, 0, -4]])
    assert set_apart(screen, ["ELSEWHERE"], 2) == ([], [None])
    assert set_apart(screen, [], 2) == ([], [])
