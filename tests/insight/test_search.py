"""Search by signature, against brute force and SciPy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from llmpert.errors import InputError
from llmpert.evaluation.experiment import Experiment, Settings
from llmpert.evaluation.problem import Problem
from llmpert.insight.connectivity import wtcs, xsum
from llmpert.insight.search import (
    Candidates,
    Profiles,
    correlations,
    genes_behind,
    partners,
    retrieval,
    search,
)
from llmpert.insight.signature import Signature
from tests.support import small


@pytest.fixture(scope="module")
def experiment():
    problem = Problem.align(small.screen(), [small.embedding("text")])
    return Experiment(problem, Settings(folds=4, n_hvgs=30, components=5))


@pytest.fixture(scope="module")
def fitted(experiment):
    return experiment.fit_all("gp", held_out=["KD003", "KD011"])


def profiles(seed, axes=True, candidates=6, genes=9, rank=3):
    random = np.random.default_rng(seed)
    names = np.array([f"G{n}" for n in range(candidates)], dtype=object)
    basis = random.normal(size=(genes, rank)) if axes else None
    components = random.normal(size=(candidates, rank if axes else genes))
    own = np.where(np.arange(candidates) % 2, -1, np.arange(candidates) % genes)
    measured = np.array([f"M{n}" for n in range(genes)], dtype=object)
    return Profiles(names, measured, components, basis, None, own)


@given(seed=st.integers(0, 10**6), axes=st.booleans(), sparse=st.booleans())
def test_scores_are_correlations_without_the_own_gene(seed, axes, sparse):
    made = profiles(seed, axes)
    random = np.random.default_rng(seed + 1)
    signatures = random.integers(-1, 2, (4, 9)) if sparse else random.normal(size=(4, 9))
    found = correlations(made, signatures.astype(float))
    for row in range(6):
        response = made.rows(np.array([row]))[0]
        keep = np.arange(9) != made.own[row]
        for column, signature in enumerate(signatures):
            if np.ptp(signature[keep]) == 0:
                assert np.isnan(found[row, column])
            else:
                expected = stats.pearsonr(response[keep], signature[keep])[0]
                assert found[row, column] == pytest.approx(expected, abs=1e-9)


def test_scores_found_in_parts_are_those_found_at_once(monkeypatch):
    made, signatures = profiles(2, candidates=11), np.random.default_rng(3).normal(size=(4, 9))
    together = correlations(made, signatures)
    monkeypatch.setattr("llmpert.insight.search.CELLS", 12)
    np.testing.assert_allclose(correlations(made, signatures), together, atol=1e-12)


def test_profiles_are_what_the_model_predicts(experiment, fitted):
    predicted = Profiles.predicted(fitted, ["KD003", "KD011"])
    mean, std = fitted.model.predict(fitted.inputs(["KD003", "KD011"]), return_std=True)
    np.testing.assert_allclose(
        predicted.rows(slice(None)), mean - fitted.model.mean_, rtol=1e-4, atol=1e-6
    )
    variance = predicted.variances @ np.square(predicted.axes).T
    noise = fitted.model.noise_variance_ * fitted.model.inflation_**2
    np.testing.assert_allclose(np.sqrt(variance + noise), std, rtol=1e-4)
    left_out = Profiles.left_out(fitted)
    alone, _ = fitted.model.predict_left_out()
    np.testing.assert_allclose(left_out.rows(slice(None)), alone - fitted.model.mean_, atol=1e-5)
    measured = Profiles.measured(experiment.problem.screen, fitted.genes)
    response = experiment.problem.screen.select(genes=list(fitted.genes)).response
    np.testing.assert_allclose(measured.rows(slice(None)), response - response.mean(axis=0))


def test_intervals_hold_what_the_posterior_gives(fitted):
    candidates = Candidates.of(Profiles.predicted(fitted, ["KD003", "KD011"]), np.eye(30)[:3])
    signature = Signature.of_response(fitted.model.mean_, fitted.genes, 8)
    table = search(candidates, signature).set_index("gene")
    made = candidates.profiles
    random = np.random.default_rng(0)
    for row, gene in enumerate(["KD003", "KD011"]):
        draws = random.normal(
            made.components[row], np.sqrt(made.variances[row]), (20_000, made.components.shape[1])
        )
        centred = signature.weights - signature.weights.mean()
        response = made.rows(np.array([row]))[0]
        scale = np.linalg.norm(response - response.mean()) * np.linalg.norm(centred)
        low, high = np.quantile(draws @ made.axes.T @ centred / scale, [0.025, 0.975])
        assert table.loc[gene, "low95"] == pytest.approx(max(low, -1), abs=0.03)
        assert table.loc[gene, "high95"] == pytest.approx(min(high, 1), abs=0.03)


def test_p_values_are_those_of_permutations_and_never_0():
    made = profiles(3, candidates=40, genes=60, rank=5)
    signature = Signature(made.genes, np.r_[np.ones(15), np.zeros(45)])
    table = search(Candidates.of(made, np.eye(60)[:7]), signature, permutations=500)
    for row in table.index[::15]:
        keep = np.arange(60) != made.own[row]
        response = made.rows(np.array([row]))[0][keep]
        weights = signature.weights[keep]
        alone = stats.permutation_test(
            (weights,), lambda x, y=response: stats.pearsonr(x, y)[0], permutation_type="pairings",
            alternative="greater", n_resamples=999, rng=0,
        )  # fmt: skip
        assert table.loc[row, "p"] == pytest.approx(alone.pvalue, abs=0.05)
    assert (table["p"] > 0).all()
    np.testing.assert_allclose(table["fdr"], stats.false_discovery_control(table["p"]))


def test_tau_and_often_hold_scores_against_known_responses():
    made = profiles(5, candidates=30, genes=40, rank=4)
    references = np.random.default_rng(1).integers(-1, 2, (25, 40)).astype(float)
    signature = Signature(made.genes, np.r_[np.ones(10), np.zeros(30)])
    table = search(Candidates.of(made, references), signature)
    known = correlations(made, references)
    for row in table.index:
        score = table.loc[row, "score"]
        share = np.mean([abs(other) < abs(score) for other in known[row]])
        assert table.loc[row, "tau"] == pytest.approx(100 * np.sign(score) * share, abs=1e-6)
        ranks = (-known).argsort(axis=0).argsort(axis=0)[row]
        assert table.loc[row, "often"] == pytest.approx(np.mean(ranks < 20))
    assert table["score"].is_monotonic_decreasing


def test_the_best_have_other_scores(monkeypatch):
    monkeypatch.setattr("llmpert.insight.search.RESCORED", 4)
    made = profiles(6, candidates=8, genes=12)
    signature = Signature(made.genes, np.r_[1.0, 1, -1, np.zeros(9)])
    table = search(Candidates.of(made, np.eye(12)[:3]), signature)
    best = table.index[:4]
    responses, own = made.rows(best.to_numpy()), made.own[best]
    for name, score in (("wtcs", wtcs), ("xsum", xsum)):
        expected = score(responses, own, signature.weights[None])[:, 0]
        np.testing.assert_array_equal(table[name].dropna(), expected)


def test_a_knockdown_is_found_by_its_own_response(experiment, fitted):
    made = Profiles.measured(experiment.problem.screen, fitted.genes)
    signatures = [Signature.of_response(row, fitted.genes, 6) for row in made.rows(slice(None))]
    found = correlations(made, np.stack([one.weights for one in signatures]))
    ranks = retrieval(found, made.names, made.names)
    assert (ranks <= 3).mean() > 0.9
    opposite = search(Candidates.of(made, np.eye(30)[:3]), signatures[0].reversed)
    assert opposite["gene"].iloc[-1] == made.names[0]
    behind = genes_behind(made, signatures[0], [0])[0]
    relative = made.rows(np.array([0]))[0]
    relative = relative - relative.mean()
    shares = {g: s for g, s in zip(made.genes, relative * signatures[0].weights, strict=True)}
    assert set(behind) <= {gene for gene, share in shares.items() if share > 0}


def test_equally_alike_candidates_count_half():
    assert retrieval(np.ones((4, 1)), list("ABCD"), ["C"]).tolist() == [2.5]


def test_partners_among_the_first_and_by_chance():
    # B's hits are C, E, D, A; C's are E, D, B, A. A's partner is no candidate.
    found = np.array([[9, 3, 1], [8, 9, 2], [7, 8, 9], [1, 4, 3], [0, 7, 8.0]])
    names, sets = list("ABCDE"), [{"B", "C"}, {"D", "E"}, {"A", "Z"}]
    table = partners(found, names, ["A", "B", "C"], sets, first=1)
    assert table["found"].to_dict() == {"B": True, "C": False}
    assert table["chance"].to_dict() == {"B": 0.25, "C": 0.25}
    again = partners(found, names, ["B", "C"], sets, first=3)
    assert again["found"].to_dict() == {"B": True, "C": True}
    assert again["chance"].to_dict() == {"B": 0.75, "C": 0.75}


def test_a_signature_of_other_genes_is_refused():
    made = profiles(0)
    other = Signature(made.genes[:5], np.ones(5))
    with pytest.raises(InputError, match="genes that the model predicts"):
        search(Candidates.of(made, np.ones((1, 9))), other)
