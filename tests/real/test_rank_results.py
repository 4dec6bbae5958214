"""The scores that ship of the rank-score benchmark come out again from its files."""

import numpy as np
import pandas as pd
import pytest

from data.build_rank_results import FILE, fits
from llmpert.evaluation.grid import Fit, run
from llmpert.evaluation.results import summarise

pytestmark = pytest.mark.real
CELL = ["line", "embedding", "model", "train_size", "metric"]


@pytest.fixture(scope="module")
def wanted(benchmark):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("data.build_rank_results.real.read", lambda: benchmark)
        return fits()


def test_every_fit_is_among_the_scores_that_ship(wanted):
    shipped = pd.read_parquet(FILE)
    made = {(f.experiment.problem.screen.line, f.model, f.train_size) for of in wanted for f in of}
    assert made == set(zip(shipped["line"], shipped["model"], shipped["train_size"], strict=True))
    # The correlation with no change is not defined.
    assert (shipped.loc[shipped["model"] != "no-change", "folds"] == 5).all()


def of_cell(wanted, cell: tuple[str, str, str, int]) -> list[Fit]:
    return [
        fit
        for fit in wanted[0]
        if (fit.experiment.problem.screen.line, fit.model, fit.embedding, fit.train_size) == cell
    ]


@pytest.mark.parametrize("cell", [("K562", "mean", "none", 466), ("K562", "ridge", "GO", 200)])
def test_scores_are_those_of_today(wanted, cell):
    chosen = of_cell(wanted, cell)
    assert len(chosen) == 5  # folds
    found = summarise(run(chosen).table)
    shipped = (
        pd.read_parquet(FILE).set_index(CELL).loc[[*zip(*(found[c] for c in CELL), strict=True)]]
    )
    numbers = ["mean", "se", "perturbations"]
    np.testing.assert_allclose(found[numbers], shipped[numbers], atol=1e-3)


def test_scores_of_the_gaussian_process_are_those_of_today(wanted, gp_of_folds):
    cell = "RPE1", "gp", "GO+description", 466
    experiment, fits = gp_of_folds["RPE1"]
    keys = [experiment.key("gp", experiment.split(466, fold)) for fold in range(len(fits))]
    assert keys == [fit.key for fit in of_cell(wanted, cell)]
    scores = [
        experiment.score(experiment.fold_prediction("gp", 466, fold, fitted), fold)
        for fold, fitted in enumerate(fits)
    ]
    means = pd.DataFrame([one.drop(columns="perturbation").mean() for one in scores]).mean()
    shipped = pd.read_parquet(FILE).set_index(["line", "model", "embedding", "train_size"])
    shipped = shipped.loc[[cell]].set_index("metric")["mean"]
    assert len(shipped) > 3
    np.testing.assert_allclose(means[shipped.index], shipped, atol=1e-3)
