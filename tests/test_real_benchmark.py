import pytest

from llmpert.embeddings import read_embedding
from llmpert.evaluation.experiment import Experiment
from llmpert.evaluation.grid import grid, run
from llmpert.evaluation.results import summarise
from llmpert.problem import Problem
from llmpert.screens import read_screen

pytestmark = pytest.mark.real


@pytest.mark.parametrize(("line", "least", "gain"), [("k562", 0.47, 0.15), ("rpe1", 0.52, 0.08)])
def test_text_predicts_unseen_knockdowns(real_data, line, least, gain):
    screen = read_screen(real_data / f"{line}_rank_response.h5ad")
    text = read_embedding(real_data / "embeddings/text_genept_minilm.pickle", "text")
    problem = Problem.align(screen, [text])
    assert len(problem.screen.perturbations) >= 580
    assert len(problem.screen.perturbations) + len(problem.left_out) == 585
    results = run(grid([Experiment(problem)], ["random", "mean", "gp"], []))
    means = summarise(results.table).set_index(["model", "metric"])["mean"]
    pearson = {model: means[model, "pearson_all"] for model in ("random", "mean", "gp")}
    assert pearson["gp"] >= least
    assert pearson["gp"] >= pearson["mean"] + gain
    assert pearson["mean"] > pearson["random"]
    assert means["gp", "mae_all"] < means["mean", "mae_all"]
    for scores in results.table.groupby(["model", "metric"], observed=True)["perturbation"]:
        assert scores[1].nunique() == len(problem.screen.perturbations)
