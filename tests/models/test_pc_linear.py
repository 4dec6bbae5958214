import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmpert.models.linear import PCLinear


def published(Z, Y, genes, number, penalty):
    """The published code's formula, in its orientation: genes are rows, perturbations columns."""
    change, inputs = Y.T, Z.T
    center = change.mean(axis=1, keepdims=True)
    left, values, _ = np.linalg.svd(change - change.mean(axis=0), full_matrices=False)
    A, B = (left * values)[:, :number], inputs

    def inverse(square):
        return np.linalg.inv(square + penalty * np.eye(len(square)))

    K = inverse(A.T @ A) @ A.T @ (change - center) @ B.T @ inverse(B @ B.T)
    return (A @ K @ genes.T + center).T


@settings(deadline=None, max_examples=settings().max_examples // 2)
@given(
    seed=st.integers(0, 10**6),
    size=st.integers(2, 20),
    inputs=st.integers(1, 12),
    outputs=st.integers(1, 15),
    number=st.integers(1, 25),
    penalty=st.sampled_from([0.01, 0.1, 5.0]),
)
def test_it_is_the_published_formula(seed, size, inputs, outputs, number, penalty):
    # Fewer perturbations or genes than components, and fewer perturbations than inputs, included.
    rng = np.random.default_rng(seed)
    Z, Y = rng.normal(size=(size, inputs)), rng.normal(size=(size, outputs))
    genes = rng.normal(size=(3, inputs))
    found = PCLinear(number, penalty).fit(Z, Y).predict(genes)
    np.testing.assert_allclose(
        found, published(Z, Y, genes, number, penalty), rtol=1e-6, atol=1e-7
    )  # fmt: skip


def test_weights_solve_the_normal_equations():
    rng = np.random.default_rng(1)
    Z, Y = rng.normal(size=(40, 6)), rng.normal(size=(40, 30))
    model = PCLinear().fit(Z, Y)
    G, W = model.genes_, model.weights_
    assert (G.shape, W.shape) == ((30, 10), (6, 10))
    left = (Z.T @ Z + 0.1 * np.eye(6)) @ W @ (G.T @ G + 0.1 * np.eye(10))
    np.testing.assert_allclose(left, Z.T @ (Y - Y.mean(axis=0)) @ G)


def test_it_finds_a_response_that_follows_the_embedding():
    rng = np.random.default_rng(2)
    Z, genes = rng.normal(size=(80, 5)), rng.normal(size=(20, 5))
    Z -= Z.mean(axis=0)
    programme = rng.normal(size=(5, 50))
    programme -= programme.mean(axis=1, keepdims=True)
    noise = 0.01 * rng.normal(size=(80, 50))
    predicted = PCLinear().fit(Z, Z @ programme + noise).predict(genes)
    assert np.abs(predicted - genes @ programme).max() < 0.1
    # One component holds one of the five directions only.
    poor = PCLinear(1).fit(Z, Z @ programme + noise).predict(genes)
    assert np.abs(poor - genes @ programme).mean() > 0.5


@pytest.mark.parametrize("size", [2, 30])
def test_responses_without_components_are_predicted_by_their_mean(size):
    rng = np.random.default_rng(3)
    Z = rng.normal(size=(size, 4))
    Y = np.repeat(rng.normal(size=(size, 1)), 7, axis=1)
    predicted = PCLinear().fit(Z, Y).predict(10 * Z)
    np.testing.assert_allclose(predicted, np.full((size, 7), Y[:, 0].mean()), atol=1e-9)
    zeros = PCLinear().fit(Z, np.zeros((size, 7))).predict(Z)
    np.testing.assert_array_equal(zeros, np.zeros((size, 7)))


def test_directions_of_the_embedding_that_are_constant_are_no_reason_to_fail():
    rng = np.random.default_rng(4)
    Z = np.hstack([rng.normal(size=(12, 2)), np.zeros((12, 2))])
    assert np.isfinite(PCLinear().fit(Z, rng.normal(size=(12, 6))).predict(Z)).all()
