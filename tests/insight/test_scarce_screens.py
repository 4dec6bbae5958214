"""Scarce and odd screens: what is told of intervals is defined, or a sentence says why not."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from llmpert.evaluation import calibration
from llmpert.evaluation.experiment import Experiment, Settings
from llmpert.evaluation.problem import Problem
from llmpert.evaluation.store import ResultsStore
from llmpert.insight import intervals
from llmpert.screens import Screen
from tests.support import small

ALWAYS = [name for name in calibration.NUMBERS if name != "accuracy"]


def outcomes(screen: Screen, folder) -> pd.DataFrame:
    problem = Problem.align(screen, [small.embedding("text", 70)])
    settings = Settings(folds=3, n_hvgs=30, components=4)
    experiment = Experiment(problem, settings, ResultsStore(folder))
    size = experiment.largest_training_size
    parts = [calibration.kept(experiment, "gp", size, fold) for fold in range(3)]
    return pd.concat(parts, ignore_index=True)


def check(table: pd.DataFrame, screen: Screen) -> None:
    assert sorted(table["perturbation"]) == sorted(screen.perturbations)
    assert np.isfinite(table[ALWAYS]).all(axis=None)
    assert table[[*calibration.HISTOGRAM]].sum(axis=1).to_numpy() == pytest.approx(1)
    found = intervals.coverage(table)
    assert found["inside"].between(0, 1).all()
    assert "nan" not in intervals.sentence(found)


@pytest.mark.parametrize("perturbations", [3, 4, 6, 9])
def test_few_perturbations_give_defined_outcomes(perturbations, tmp_path):
    screen = small.screen(perturbations=perturbations)
    table = outcomes(screen, tmp_path)
    check(table, screen)
    curves = intervals.risk_coverage(table["accuracy"], intervals.certainty(table))
    assert np.isfinite(curves["accuracy"]).all()


def test_constant_genes_are_certain_and_inside(tmp_path):
    screen = small.screen(perturbations=30)
    response = screen.response.copy()
    response[:, :29] = np.linspace(0.1, 0.7, 29)
    screen = replace(screen, response=response)
    table = outcomes(screen, tmp_path)
    check(table, screen)
    # 29 of 30 measurements are what was said: their intervals are points that hold them.
    assert (table["inside plainly"] >= 29 / 30 - 1e-9).all()


def test_where_nothing_varies_no_accuracy_is_defined_and_nothing_fails(tmp_path):
    screen = replace(small.screen(), response=np.full((40, 30), 0.3, np.float32))
    table = outcomes(screen, tmp_path)
    check(table, screen)
    assert table["accuracy"].isna().all()
    curves = intervals.risk_coverage(table["accuracy"], intervals.certainty(table))
    assert curves["accuracy"].isna().all()


def test_numbers_of_cells_are_no_condition(tmp_path):
    screen = small.screen(perturbations=30)
    assert screen.cells is None
    for one in (screen, replace(screen, cells=np.arange(10.0, 40))):
        check(outcomes(one, tmp_path / str(one.cells is None)), one)
