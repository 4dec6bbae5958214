"""Weighted connectivity and XSum, against their definitions written out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmpert.insight.connectivity import wtcs, xsum


def enrichment(response, members):
    """Walk down the list, as Subramanian et al. (2005) do."""
    order = sorted(range(len(response)), key=lambda gene: -response[gene])
    total = sum(abs(response[gene]) for gene in members)
    running = farthest = 0.0
    for gene in order:
        if gene in members:
            running += abs(response[gene]) / total
        else:
            running -= 1 / (len(response) - len(members))
        farthest = running if abs(running) > abs(farthest) + 1e-9 else farthest
    return farthest


def connectivity(response, signature):
    up, down = ({g for g, w in enumerate(signature) if s * w > 0} for s in (1, -1))
    if not up or not down:
        one = enrichment(response, up or down)
        return one if up else -one
    raised, lowered = enrichment(response, up), enrichment(response, down)
    return 0.0 if np.sign(raised) == np.sign(lowered) else (raised - lowered) / 2


@given(seed=st.integers(0, 10**6), raised_only=st.booleans())
def test_scores_are_as_defined_without_the_own_gene(seed, raised_only):
    random = np.random.default_rng(seed)
    responses, own = random.normal(size=(3, 11)), np.array([-1, 0, 7])
    signatures = random.integers(0 if raised_only else -1, 2, (4, 11)).astype(float)
    signatures[:, 1] = 1
    found, sums = wtcs(responses, own, signatures), xsum(responses, own, signatures)
    for row, response in enumerate(responses):
        keep = np.arange(11) != own[row]
        for column, signature in enumerate(signatures):
            expected = connectivity(response[keep], signature[keep])
            assert found[row, column] == pytest.approx(expected, abs=1e-12)
            by_sum = sum(r * w for r, w in zip(response[keep], signature[keep], strict=True))
            assert sums[row, column] == pytest.approx(by_sum, abs=1e-12)


def test_a_case_by_hand():
    # Sorted: 4 2 1 -1 -3. Up 4, 1: the sum is 0.8, 0.467, 0.667, 0.333, 0. Down -3, -1: -0.333,
    # -0.667, -1, -0.75, 0.
    response, signature = np.array([[4.0, -3, 2, -1, 1]]), np.array([[1.0, -1, 0, -1, 1]])
    assert wtcs(response, np.array([-1]), signature)[0, 0] == pytest.approx((0.8 + 1) / 2)
    assert xsum(response, np.array([-1]), signature)[0, 0] == 4 + 1 + 3 + 1


def test_sums_take_the_extremes_alone(monkeypatch):
    monkeypatch.setattr("llmpert.insight.connectivity.EXTREME", 2)
    response = np.array([[5.0, -4, 1, 3, -2, 0.5]])
    found = xsum(response, np.array([-1]), np.array([[1.0, 0, 1, -1, -1, 0]]))
    assert found[0, 0] == 5 - 3 + 2


def test_a_signature_of_the_own_gene_alone_has_no_score():
    found = wtcs(np.array([[1.0, 2, 3]]), np.array([1]), np.array([[0, 1.0, 0]]))
    assert np.isnan(found[0, 0])
