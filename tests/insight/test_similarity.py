from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.distance import cdist
from scipy.stats import spearmanr

from llmpert.errors import InputError
from llmpert.evaluation.experiment import Experiment
from llmpert.evaluation.problem import Problem
from llmpert.insight.similarity import (
    FEWEST,
    all_pairs,
    closeness,
    correlation,
    cosine,
    neighbours,
)
from tests.support import small

numbers = st.floats(-100, 100, width=32).map(lambda x: round(x, 2))


@given(arrays(np.float32, (4, 6), elements=numbers), arrays(np.float32, (3, 6), elements=numbers))
def test_similarities_are_those_of_scipy(one, two):
    with np.errstate(invalid="ignore"):
        angle, straight = 1 - cdist(one, two, "cosine"), 1 - cdist(one, two, "correlation")
    found = cosine(one, two)
    zero = ~one.any(axis=1)[:, None] | ~two.any(axis=1)
    np.testing.assert_array_equal(np.isnan(found), zero)
    np.testing.assert_allclose(found[~zero], angle[~zero], atol=2e-6)
    found = correlation(one, two)
    constant = (np.ptp(one, axis=1) == 0)[:, None] | (np.ptp(two, axis=1) == 0)
    assert np.isnan(found[constant]).all()
    varies = ~np.isnan(found)
    np.testing.assert_allclose(found[varies], straight[varies], atol=1e-4)


def test_a_constant_response_has_no_correlation():
    rows = np.array([[0.1, 0.1, 0.1], [1.0, 2.0, 4.0]], dtype=np.float32)
    found = correlation(rows, rows)
    assert np.isnan(found[0]).all()
    assert np.isnan(found[:, 0]).all()
    assert found[1, 1] == pytest.approx(1)


def test_all_pairs_are_each_pair_once():
    rng = np.random.default_rng(0)
    response, vectors = rng.normal(size=(7, 9)), rng.normal(size=(7, 4))
    pairs = all_pairs(response, {"text": vectors})
    by_hand = [np.corrcoef(response[i], response[j])[0, 1] for i, j in combinations(range(7), 2)]
    np.testing.assert_allclose(pairs.response, by_hand, atol=1e-6)
    assert pairs.sources["text"].shape == (21,)
    assert (pairs.perturbations, pairs.of) == (7, 7)
    np.testing.assert_array_equal(pairs.ordered, np.sort(pairs.response))


def test_too_many_perturbations_are_sampled_alike_for_all_sources():
    rng = np.random.default_rng(0)
    response = rng.normal(size=(60, 9))
    pairs = all_pairs(response, {"same": response - response.mean(axis=1, keepdims=True)}, most=20)
    assert (pairs.perturbations, pairs.of) == (20, 60)
    assert len(pairs.response) == 190
    np.testing.assert_allclose(pairs.response, pairs.sources["same"], atol=1e-6)


def test_closeness_is_spearman_s_and_its_bins_hold_all_pairs():
    rng = np.random.default_rng(1)
    x = rng.normal(size=5000).astype(np.float32)
    y = (0.5 * x + rng.normal(size=5000)).astype(np.float32)
    x[:10], y[10:30] = np.nan, np.nan
    bins, rho = closeness(x, y)
    both = np.isfinite(x) & np.isfinite(y)
    assert rho == pytest.approx(spearmanr(x[both], y[both]).statistic)
    assert bins["pairs"].sum() == 4970
    assert bins["similarity"].is_monotonic_increasing
    assert (bins["pairs"] >= FEWEST).all()
    first = np.argsort(x[both], kind="stable")[: int(bins["pairs"].iloc[0])]
    row = bins.iloc[0]
    assert row["response"] == pytest.approx(y[both][first].mean(), rel=1e-5)
    assert row["low"] == pytest.approx(np.percentile(y[both][first], 10), rel=1e-5)
    assert row["response"] < bins["response"].iloc[-1]


def test_few_pairs_are_one_bin_and_constant_ones_have_no_correlation():
    bins, rho = closeness(np.array([0.1, 0.2, 0.3]), np.array([1.0, 1.0, 1.0]))
    assert list(bins["pairs"]) == [3]
    assert np.isnan(rho)


def test_neighbours_are_the_most_similar_and_say_how_they_agree():
    rng = np.random.default_rng(0)
    pairs = all_pairs(rng.normal(size=(40, 10)), {})
    names = np.array(list("abcde"), dtype=object)
    similarity = np.array([0.1, np.nan, 0.9, 0.5, 0.2])
    agreement = np.array([0.0, 1.0, 0.3, np.nan, -1.0])
    found = neighbours(names, similarity, agreement, pairs, count=3)
    assert list(found["gene"]) == ["c", "d", "e"]
    assert list(found["similarity"]) == [0.9, 0.5, 0.2]
    assert found["above"][0] == pytest.approx((pairs.response < np.float32(0.3)).mean())
    assert found["above"].isna().tolist() == [False, True, False]
    assert found["above"][2] == 0
    unmeasured = neighbours(names, similarity, None, pairs, count=9)
    assert list(unmeasured["gene"]) == ["c", "d", "e", "a"]
    assert unmeasured[["response", "above"]].isna().all(axis=None)


def test_the_kernel_is_that_of_the_fitted_hyper_parameters():
    embeddings = [small.embedding("text"), small.embedding("sequence", seed=4)]
    problem = Problem.align(small.screen(), embeddings)
    fitted = Experiment(problem).fit_all("gp")
    found = fitted.model.similarity(fitted.inputs(["KD007"]))[0]
    model = fitted.model
    inputs = fitted.joined.transform(problem.vectors)
    expected = np.zeros(len(inputs))
    for name, ratio in model.signal_to_noise_.items():
        columns = np.hstack([inputs[:, fitted.joined.parts[part]] for part in name.split("+")])
        squares = np.square(columns - columns[7]).sum(axis=1)
        expected += ratio * np.exp(-squares / (2 * model.lengthscales_[name] ** 2))
    np.testing.assert_allclose(found, expected / sum(model.signal_to_noise_.values()), rtol=1e-6)
    assert list(fitted.trained_on) == list(problem.screen.perturbations)
    assert found.argmax() == 7
    assert found[7] == pytest.approx(1)
    with pytest.raises(InputError):
        fitted.inputs(["NOBODY"])
