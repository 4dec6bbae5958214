"""How noise limits scores, against known truths and Spearman and Brown's formula."""

from dataclasses import replace

import numpy as np
import pytest

from llmpert.evaluation.ceiling import (
    NOISELESS,
    REPEAT,
    ceilings,
    of_experiment,
    scale_of_correlation,
    standard_errors,
)
from llmpert.evaluation.comparison import Measured
from llmpert.evaluation.experiment import Experiment, Settings
from llmpert.evaluation.metrics import pearson, top_genes
from llmpert.evaluation.problem import Problem
from llmpert.evaluation.scores import evaluate, registry
from tests.support import small

METRICS = registry(5)


@pytest.fixture(scope="module")
def drawn():
    """A truth, its measurement, another one, and the standard errors of both."""
    rng = np.random.default_rng(100)
    truth = rng.normal(size=(60, 200)) * rng.uniform(0.5, 2, size=(60, 1))
    error = np.broadcast_to(rng.uniform(0.4, 1.2, 200), truth.shape)
    return truth, *(truth + error * rng.standard_normal(truth.shape) for _ in range(2)), error


def test_the_scale_of_a_correlation_reaches_from_the_mean_to_the_truth(drawn):
    truth, first, *_ = drawn
    common = np.linspace(-1, 1, truth.shape[1])
    agreement = pearson(truth, first) ** 2
    screen = replace(small.screen(perturbations=60, genes=200), response=first + common)
    low, high = scale_of_correlation(replace(screen, agreement=agreement.astype(np.float32)))
    others = [np.delete(screen.response, at, axis=0).mean(axis=0) for at in range(60)]
    by_hand = [np.corrcoef(*pair)[0, 1] for pair in zip(others, screen.response, strict=True)]
    assert low == pytest.approx(np.mean(by_hand))
    assert high == pytest.approx(np.mean(np.sqrt(agreement)), abs=1e-6)
    assert scale_of_correlation(replace(screen, agreement=None, control_sd=None))[1] is None


def measured(response: np.ndarray) -> Measured:
    return Measured(
        response, top_genes(response, 100), np.zeros(200), np.full(len(response), -1)
    )  # fmt: skip


def test_it_is_what_the_truth_and_a_repeat_score_where_both_are_known(drawn):
    truth, response, again, error = drawn
    of = measured(response)
    found = ceilings(of, error, METRICS)
    for kind, predicted in ((NOISELESS, truth), (REPEAT, again)):
        for name, values in evaluate(predicted, of, METRICS).items():
            expected = values.mean()
            assert found[kind][name].mean() == pytest.approx(expected, rel=0.1), (kind, name)


def test_correlations_are_those_of_halves_by_spearman_and_brown(drawn):
    truth, _, _, error = drawn
    rng = np.random.default_rng(1)
    one, other = (truth + 2**0.5 * error * rng.standard_normal(truth.shape) for _ in range(2))
    half = pearson(one, other)
    reliability = 2 * half / (1 + half)
    found = ceilings(measured((one + other) / 2), error, METRICS)
    assert found[REPEAT]["pearson_all"].mean() == pytest.approx(reliability.mean(), abs=0.02)
    bound = np.sqrt(reliability).mean()
    assert found[NOISELESS]["pearson_all"].mean() == pytest.approx(bound, abs=0.02)


def test_without_noise_all_is_perfect(drawn):
    truth, *_ = drawn
    for values in ceilings(measured(truth), np.zeros(truth.shape), METRICS).values():
        for name, value in values.items():
            np.testing.assert_allclose(value, METRICS[name].perfect, atol=1e-9, err_msg=name)


def test_errors_are_told_by_cells_or_approximately_by_control():
    screen = small.screen(control_sd=np.linspace(0, 3, 30))
    assert standard_errors(screen)[0] is None
    known = replace(screen, cells=np.full(40, 4.0))
    np.testing.assert_allclose(standard_errors(known)[0][7], np.linspace(0, 3, 30) / 2, rtol=1e-6)
    told = replace(known, layers={"variance": np.full((40, 30), 9.0)})
    np.testing.assert_allclose(standard_errors(told)[0], 1.5)
    ranks = replace(told, response=np.abs(told.response))
    error, why = standard_errors(ranks)
    assert error is None
    assert "rank" in why


def test_a_ceiling_is_the_mean_over_all_folds():
    screen = small.screen(control_sd=np.full(30, 0.3), cells=np.full(40, 4.0))
    problem = Problem.align(screen, [small.embedding()])
    experiment = Experiment(problem, Settings(n_hvgs=12, top=5))
    found, _ = of_experiment(experiment, METRICS)
    assert found.loc["pearson_all", REPEAT] < found.loc["pearson_all", NOISELESS] < 1
    error = standard_errors(screen)[0]
    parts = [
        ceilings(
            experiment.measured(fold),
            error[np.ix_(experiment.tested(fold), experiment.scored_genes(fold))],
            METRICS,
            fold,
        )[NOISELESS]["mae_all"]
        for fold in range(5)
    ]
    assert found.loc["mae_all", NOISELESS] == pytest.approx(np.concatenate(parts).mean())
    nothing, why = of_experiment(
        Experiment(Problem.align(small.screen(), [small.embedding()])), METRICS
    )
    assert nothing is None
    assert why
