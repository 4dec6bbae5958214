"""Predictions without a family of knockdowns, against models that never had it."""

import numpy as np
import pytest
from scipy import stats

from llmpert.errors import InputError
from llmpert.evaluation.experiment import Experiment, Settings
from llmpert.evaluation.problem import Problem
from llmpert.figures.leave_out import with_and_without
from llmpert.genes.sets import GeneSets
from llmpert.insight.leave_out import (
    ALONE,
    WITH,
    WITHOUT,
    families,
    leave_out,
    nearest,
    training_rows,
)
from tests.support import small

GENE = "KD011"


@pytest.fixture(scope="module")
def experiment():
    problem = Problem.align(small.screen(), [small.embedding("text")])
    return Experiment(problem, Settings(folds=4, n_hvgs=30, components=5))


@pytest.fixture(scope="module")
def fitted(experiment):
    return experiment.fit_all("gp", held_out=[GENE])


def solved_anew(fitted, kept):
    """What the gene's prediction is with the same hyper-parameters from some rows alone."""
    arrays, z = fitted.model.arrays(), fitted.inputs([GENE])[0]
    Z, levels = arrays["inputs"][kept], arrays["level"]

    def kernel(A, B):
        squares = ((A[:, None] - B[None]) ** 2).sum(axis=2)
        (ratio,), (lengthscale,) = arrays["ratios"], arrays["lengthscales"]
        return ratio * np.exp(-squares / 2 / lengthscale**2)

    K, k = kernel(Z, Z), kernel(Z, z[None])[:, 0]
    scale, inflation, _ = arrays["scales"]
    noise = np.diag(arrays["relative_noise"][kept])
    weights = [np.linalg.solve(K + level * noise, k) for level in levels]
    components = [w @ arrays["scores"][kept, c] for c, w in enumerate(weights)]
    left = np.array([arrays["ratios"][0] - w @ k for w in weights]) * arrays["signal"]
    mean = arrays["mean"] + scale * arrays["axes"] @ components
    variance = np.square(arrays["axes"]) @ left + arrays["noise"]
    return mean, np.sqrt(variance) * scale * inflation


@pytest.mark.parametrize("count", [1, 9, 30])
def test_predictions_are_those_of_the_rest_and_of_the_family_solved_anew(fitted, count):
    rows = np.arange(39)[3 : 3 + count]
    found = leave_out(fitted, GENE, list(fitted.trained_on[rows]))
    kept = {WITH: slice(None), WITHOUT: np.setdiff1d(np.arange(39), rows), ALONE: rows}
    for made, part in kept.items():
        mean, std = solved_anew(fitted, part)
        np.testing.assert_allclose(found.predictions[made].mean[0], mean, rtol=2e-4, atol=1e-5)
        np.testing.assert_allclose(found.predictions[made].std[0], std, rtol=2e-4)
    with_all, without = (solved_anew(fitted, kept[made])[0] for made in (WITH, WITHOUT))
    expected = np.linalg.norm(with_all - without) / np.linalg.norm(with_all - fitted.model.mean_)
    assert found.moved == pytest.approx(expected, rel=1e-3)


def test_agreement_and_table_hold_predictions_against_the_measurement(experiment, fitted):
    found = leave_out(fitted, GENE, ["KD003"])
    measured = experiment.problem.screen.select([GENE], list(fitted.genes)).response[0]
    table = found.table(measured)
    for made, r in found.agreement(measured).items():
        expected = stats.pearsonr(table[f"mean_{made}"], table["measured"])[0]
        assert r == pytest.approx(expected, abs=1e-5)
    relative = found.relative_to(fitted.model.mean_).table()
    np.testing.assert_allclose(
        relative["mean_without"], table["mean_without"] - fitted.model.mean_, atol=1e-6
    )
    whole = fitted.predict([GENE])
    np.testing.assert_array_equal(table["mean_with"], whole.mean[0])


def test_the_family_that_matters_most_is_the_one_that_moves_the_prediction_farthest(
    experiment, fitted
):
    names = [str(name) for name in fitted.trained_on]
    near = nearest(fitted, GENE, 4)
    groups = {
        "near": near, "far": names[:3], "same as far": names[:3], "one": names[:1],
        "others": names[4:9], "all": names, "elsewhere": ["NOSUCH", "KD099"],
    }  # fmt: skip
    sets = GeneSets("mine", "a test", {label: frozenset(genes) for label, genes in groups.items()})
    measured = experiment.problem.screen.select([GENE], list(fitted.genes)).response[0]
    table = families(fitted, GENE, sets, measured).set_index("set")
    assert set(table.index) == {"near", "far", "others"}
    assert table["moved"].is_monotonic_decreasing
    for label, row in table.iterrows():
        found = leave_out(fitted, GENE, groups[label])
        r = found.agreement(measured)
        assert row["moved"] == pytest.approx(found.moved, rel=1e-6)
        assert row["knockdowns"] == len(groups[label])
        assert row["r"] == pytest.approx(r[WITHOUT], abs=1e-5)
        assert row["loss"] == pytest.approx(r[WITH] - r[WITHOUT], abs=1e-5)
    assert families(fitted, GENE, GeneSets("none", "", {"a": frozenset(["NOSUCH"])})).empty


def test_nearest_are_those_the_kernel_finds_most_similar(fitted):
    similarity = fitted.model.similarity(fitted.inputs([GENE]))[0]
    near = nearest(fitted, GENE, 5)
    rows = training_rows(fitted, near)
    assert similarity[rows].min() >= np.delete(similarity, rows).max()
    assert len(nearest(fitted, GENE, 1000)) == 38  # one is left


def test_a_model_fitted_anew_has_not_seen_the_family(experiment, fitted):
    anew = experiment.fit_anew(fitted, ["KD003", "KD004"])
    assert set(fitted.trained_on) - set(anew.trained_on) == {"KD003", "KD004"}
    np.testing.assert_array_equal(anew.genes, fitted.genes)
    direct = experiment.fit_all("gp", held_out=[GENE, "KD003", "KD004"])
    found, expected = anew.predict([GENE]), direct.predict([GENE])
    assert (np.abs(found.mean - expected.mean) < 0.02 * expected.std).all()
    np.testing.assert_allclose(found.std, expected.std, rtol=0.01)


@pytest.mark.parametrize(
    ("family", "message"),
    [
        ([], "one knockdown or more to leave out, found none"),
        (["NOSUCH", GENE], "trained on none of the 2 knockdowns to leave out: NOSUCH"),
        ([f"KD{n:03d}" for n in range(40)], "found all 39 left out"),
    ],
)
def test_what_cannot_be_left_out_gets_a_sentence(fitted, family, message):
    with pytest.raises(InputError, match=message):
        leave_out(fitted, GENE, family)


def test_only_a_gaussian_process_can_leave_out(experiment):
    with pytest.raises(InputError, match="Expected a Gaussian process"):
        leave_out(experiment.fit_all("knn"), GENE, ["KD003"])


def test_the_figure_draws_the_strongest_genes_with_and_without(fitted):
    found = leave_out(fitted, GENE, ["KD003", "KD004"])
    figure = with_and_without(found, None, "Δ", 6)
    lines, *marks = figure.data
    table = found.table().set_index("gene")
    strongest = table["mean_with"].abs().nlargest(6).index
    assert [trace.name for trace in marks] == ["Predicted", "Without them", "From these alone"]
    for trace, made in zip(marks, (WITH, WITHOUT, ALONE), strict=True):
        assert set(trace.y) == set(strongest)
        np.testing.assert_allclose(trace.x, table.loc[list(trace.y), f"mean_{made}"])
    assert [x for x in lines.x if x is not None] == [
        x for pair in zip(marks[0].x, marks[1].x, strict=True) for x in pair
    ]
