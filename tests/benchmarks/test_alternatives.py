"""The harness that judges alternatives to the Gaussian process, on small data."""

from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_rel

from benchmarks import alternatives
from benchmarks.alternatives import ALTERNATIVES, GP, Alternative
from llmpert.evaluation.experiment import Experiment, Settings
from llmpert.evaluation.metrics import pearson
from llmpert.evaluation.problem import Problem
from tests.support.small import embedding, screen


@pytest.fixture
def experiment(own_home):
    problem = Problem.align(screen(), [embedding(), embedding("sequence", seed=2)])
    return Experiment(problem, Settings(n_hvgs=20))


def test_the_reference_is_scored_as_in_every_evaluation(experiment):
    found = alternatives.scores(experiment, GP)
    for fold, part in found.groupby("fold"):
        kept = experiment.scores("gp", experiment.largest_training_size, fold)
        rows = experiment.problem.screen.perturbations[part.index]
        assert rows.tolist() == kept["perturbation"].tolist()
        # Kept predictions are single precision.
        np.testing.assert_allclose(part["value"], kept["pearson_all"], atol=1e-5)


def test_a_model_sees_nothing_of_the_perturbations_it_is_scored_on(experiment):
    response = experiment.problem.screen.response
    seen = []

    class Spy:
        def fit(self, Z, Y):
            seen.append(Y)
            return self

        def predict(self, Z):
            return np.tile(seen[-1].mean(axis=0), (len(Z), 1))

    found = alternatives.scores(experiment, Alternative("spy", lambda parts: Spy()))
    assert sorted(found.index) == list(range(len(response)))
    for fold, Y in enumerate(seen):
        part = experiment.split(experiment.largest_training_size, fold)
        columns = experiment.variable_genes(part.train_pool)
        np.testing.assert_array_equal(Y, response[part.train][:, columns])
        assert not set(part.train) & set(part.test)
        expected = pearson(np.tile(Y.mean(axis=0), (8, 1)), response[part.test][:, columns])
        np.testing.assert_array_equal(found["value"][found["fold"] == fold], expected)


@pytest.mark.parametrize(
    ("kernel", "options", "stretch"),
    [
        (alternatives.Matern12, {"nu": 0.5}, 1),
        (alternatives.Matern32, {"nu": 1.5}, 1),
        (alternatives.RationalQuadratic, {"fixed": 0.5}, 1),
        (alternatives.RationalQuadratic, {"fixed": 2}, 1),
        (alternatives.NearlyLinear, {}, 10),
    ],
)
def test_kernels_of_squared_distances_equal_gpytorchs(kernel, options, stretch):
    import torch

    points = torch.from_numpy(np.random.default_rng(0).normal(size=(6, 3)))
    squares = torch.cdist(points, points).square()
    made = kernel(**options).double().requires_grad_(False)
    made.lengthscale = 0.7
    expected = made(points / stretch).to_dense()
    torch.testing.assert_close(made.at(squares), expected)
    value, slope = made.with_slope(squares)
    torch.testing.assert_close(value, expected)
    made.lengthscale = 0.7 * np.exp(1e-6)
    above = made(points / stretch).to_dense()
    made.lengthscale = 0.7 / np.exp(1e-6)
    torch.testing.assert_close(slope, (above - made(points / stretch).to_dense()) / 2e-6)


def test_comparisons_are_paired():
    rng = np.random.default_rng(0)
    ours = pd.DataFrame({"fold": np.repeat(range(5), 8), "value": rng.normal(size=40)})
    theirs = ours.assign(value=ours["value"] + rng.normal(0.2, 0.1, size=40))
    mean, error = alternatives.compare(ours, theirs)
    assert mean / error == pytest.approx(ttest_rel(theirs["value"], ours["value"]).statistic)


def test_a_table_has_a_row_for_each_alternative(monkeypatch, experiment):
    few = [a for a in ALTERNATIVES if a.name.startswith(("a kernel", "ridge"))]
    few.append(Alternative("gp again", GP.build, partial(alternatives.components, 50)))
    monkeypatch.setattr(alternatives, "ALTERNATIVES", few)
    alone = replace(experiment, problem=experiment.problem.only("text"))
    header, *body = alternatives.table({"one": alone, "both": experiment}, lambda name: None)
    assert header == ["instead of `gp`", "one", "both"]
    assert [row[0] for row in body] == [a.name for a in few]
    assert body[0][1] == "–"
    assert body[-1][1:] == ["+0.0000 ± 0.0000"] * 2
    (ridge,) = [a for a in few if a.name.startswith("ridge")]
    mean, error = alternatives.compare(*(alternatives.scores(alone, a) for a in (GP, ridge)))
    assert body[few.index(ridge)][1].replace("−", "-") == f"{mean:+.4f} ± {error:.4f}"


def test_weighted_components_keep_each_sources_scale(experiment):
    problem = experiment.problem
    plain, parts = alternatives.components(5, problem)
    found, same = alternatives.weighted(5, problem)
    assert parts == same
    for part in parts.values():
        assert np.square(found[:, part]).sum(axis=1).mean() == pytest.approx(1)
        weights = plain[:, part].std(axis=0) ** 1.5
        spread = found[:, part].std(axis=0)
        np.testing.assert_allclose(spread / spread[0], weights / weights[0])
