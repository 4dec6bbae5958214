import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmpert.models.linear import PENALTIES, Ridge


def closed_form(Z: np.ndarray, Y: np.ndarray, genes: np.ndarray, penalty: float) -> np.ndarray:
    """Ridge on centred inputs and responses, by its normal equations."""
    centre, mean = Z.mean(axis=0), Y.mean(axis=0)
    square = (Z - centre).T @ (Z - centre) + penalty * np.eye(Z.shape[1])
    return mean + (genes - centre) @ np.linalg.inv(square) @ (Z - centre).T @ (Y - mean)


def error_without_each(Z: np.ndarray, Y: np.ndarray, penalty: float) -> float:
    """Mean squared error of fits that leave out the row they predict."""
    others = [np.arange(len(Z)) != row for row in range(len(Z))]
    predicted = [
        closed_form(Z[rest], Y[rest], Z[~rest], penalty)[0] for rest in others
    ]  # fmt: skip
    return float(np.mean((np.array(predicted) - Y) ** 2))


@settings(deadline=None, max_examples=settings().max_examples // 2)
@given(
    seed=st.integers(0, 10**6),
    size=st.integers(3, 15),
    inputs=st.integers(1, 20),
    outputs=st.integers(1, 4),
    noise=st.sampled_from([0.01, 1.0, 30.0]),
)
def test_the_penalty_predicts_best_what_was_left_out(seed, size, inputs, outputs, noise):
    rng = np.random.default_rng(seed)
    Z, genes = rng.normal(size=(size, inputs)), rng.normal(size=(4, inputs))
    Y = Z @ rng.normal(size=(inputs, outputs)) + noise * rng.normal(size=(size, outputs)) + 5
    model = Ridge().fit(Z, Y)
    assert model.alpha_ in PENALTIES
    errors = [error_without_each(Z, Y, penalty) for penalty in PENALTIES]
    assert errors[list(PENALTIES).index(model.alpha_)] <= min(errors) * (1 + 1e-6)
    np.testing.assert_allclose(
        model.predict(genes), closed_form(Z, Y, genes, model.alpha_), rtol=1e-6, atol=1e-6
    )


def test_noise_raises_the_penalty():
    rng = np.random.default_rng(0)
    Z, weights = rng.normal(size=(60, 10)), rng.normal(size=(10, 8))
    clean, noise = Z @ weights, rng.normal(size=(60, 8))
    assert Ridge().fit(Z, clean + 0.1 * noise).alpha_ < Ridge().fit(Z, clean + 30 * noise).alpha_


@pytest.mark.parametrize("size", [2, 5])
def test_responses_that_do_not_differ_are_predicted_as_they_are(size):
    Z = np.random.default_rng(0).normal(size=(size, 3))
    predicted = Ridge().fit(Z, np.full((size, 4), 0.7)).predict(10 * Z)
    np.testing.assert_allclose(predicted, 0.7)
