import numpy as np
import pytest

from benchmarks import calibration
from benchmarks.real import EMBEDDINGS
from llmpert.evaluation.experiment import Experiment
from llmpert.evaluation.grid import grid, run
from llmpert.evaluation.metrics import pearson
from llmpert.evaluation.problem import Problem
from llmpert.evaluation.results import summarise

pytestmark = pytest.mark.real


def test_text_predicts_unseen_knockdowns(benchmark):
    problem = Problem.align(benchmark.screens["RPE1"], [benchmark.embeddings["text"]])
    assert len(problem.screen.perturbations) >= 580
    assert len(problem.screen.perturbations) + len(problem.left_out) == 585
    results = run(grid([Experiment(problem)], ["random", "mean", "gp"], []))
    means = summarise(results.table).set_index(["model", "metric"])["mean"]
    pearson = {model: means[model, "pearson_all"] for model in ("random", "mean", "gp")}
    assert pearson["gp"] >= 0.52
    assert pearson["gp"] >= pearson["mean"] + 0.08
    assert pearson["mean"] > pearson["random"]
    assert means["gp", "mae_all"] < means["mean", "mae_all"]
    for scores in results.table.groupby(["model", "metric"], observed=True)["perturbation"]:
        assert scores[1].nunique() == len(problem.screen.perturbations)


ALL = tuple(EMBEDDINGS)


@pytest.mark.parametrize(
    ("line", "least", "choices"), [("K562", 0.53, [("text",), ALL]), ("RPE1", 0.57, [ALL])]
)
def test_sources_add_to_the_gp_and_intervals_hold_what_they_say(benchmark, line, least, choices):
    problem = Problem.align(benchmark.screens[line], list(benchmark.embeddings.values()))
    assert len(problem.screen.perturbations) >= 560
    found = []
    for names in choices:
        folds = list(calibration.held_out(Experiment(problem.only(*names)), "gp"))
        scores = [pearson(predicted.mean, measured) for predicted, measured in folds]
        found.append(np.nanmean(np.concatenate(scores)))
        assert len(np.concatenate(scores)) == len(problem.screen.perturbations)
        observed = calibration.reliability(calibration.coverage(folds, (0.8,)))["observed"]
        assert 0.77 <= observed.item() <= 0.83
        assert calibration.width_variation(predicted for predicted, _ in folds) > 0.1
    assert found[-1] >= least
    assert (np.diff(found) > 0).all()
