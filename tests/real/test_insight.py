"""Explanations on real screens: known biology, and a verdict that bears out."""

import pandas as pd
import pytest

from llmpert.evaluation.experiment import Experiment
from llmpert.evaluation.problem import Problem
from llmpert.insight.attribution import attribute
from llmpert.insight.reliability import ReliabilityReference

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def experiments(benchmark) -> dict[str, Experiment]:
    text = benchmark.embeddings["text"]
    problems = {line: Problem.align(one, [text]) for line, one in benchmark.screens.items()}
    return {line: Experiment(problem) for line, problem in problems.items()}


@pytest.mark.parametrize("gene", ["MED12", "MED19"])
def test_a_mediator_subunit_rests_on_other_mediator_subunits(experiments, gene):
    found = attribute(experiments["K562"].fit_all("gp", held_out=[gene]), gene)
    strongest = found.strongest(5)
    assert gene not in strongest
    assert sum(name.startswith("MED") for name in strongest) >= 3
    assert found.totals.sum() == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("line", ["K562", "RPE1"])
def test_predictions_to_believe_more_are_better(experiments, line):
    one = experiments[line]
    size, names = one.largest_training_size, one.problem.screen.perturbations
    reference = ReliabilityReference.of(
        one.fit_fold("gp", size, 0), one.problem.screen, list(names[one.split(size, 0).test])
    )
    assert reference.correlations["departure"] > 0.3
    assert reference.correlations["distance text"] < 0
    assert {"departure", "neighbours"} <= {one.name for one in reference.informative}
    judged = pd.Series({gene: reference.judge(gene).standing for gene in reference.values.index})
    median = reference.accuracy.groupby(judged).median()
    assert median["more"] > median["less"] + 0.15
