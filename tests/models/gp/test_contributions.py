"""Contributions to a prediction: against the dense formulas in NumPy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from sklearn.exceptions import NotFittedError

from llmpert.models.gp.regressor import GaussianProcess

TWO = {"a": slice(0, 2), "b": slice(2, 5)}


def problem(seed: int, size: int = 18, outputs: int = 7):
    """Inputs, responses that follow them, numbers of cells, and a further gene's input."""
    rng = np.random.default_rng(seed)
    Z = rng.normal(size=(size + 1, 5))
    Y = np.sin(Z @ rng.normal(size=(5, outputs))) + 0.4 * rng.normal(size=(size + 1, outputs)) + 1
    return Z[:-1], Y[:-1], rng.integers(20, 500, size), Z[-1]


def kernels(model: GaussianProcess, A: np.ndarray, B: np.ndarray) -> np.ndarray:
    """Each source's kernel, S x len(A) x len(B)."""
    parts = model.parts or {"all": slice(None)}
    columns = {**parts, "+".join(parts): slice(None)}
    return np.array(
        [
            ratio
            * np.exp(
                -0.5
                * cdist(A[:, columns[name]], B[:, columns[name]], "sqeuclidean")
                / model.lengthscales_[name] ** 2
            )
            for name, ratio in model.signal_to_noise_.items()
        ]
    )


def dense_weights(model: GaussianProcess, Z: np.ndarray, Y: np.ndarray, cells) -> np.ndarray:
    """α, N x D, by solving with the dense covariance of every component or of all outputs."""
    K = kernels(model, Z, Z).sum(axis=0)
    relative_sampling_noise = np.ones(len(Z)) if cells is None else np.median(cells) / cells
    R = np.diag(1 + model.sampling_share_ * (relative_sampling_noise - 1))
    centred = Y - Y.mean(axis=0)
    if model.noise == "shared":
        return np.linalg.solve(K + R, centred)
    alpha = np.zeros_like(centred)
    axes, levels = model._outputs.axes.numpy(), model._outputs.level.numpy()
    for axis, level in zip(axes.T, levels, strict=True):
        alpha += np.outer(np.linalg.solve(K + level * R, centred @ axis), axis)
    return alpha


@settings(deadline=None, max_examples=settings().max_examples // 4)
@given(
    st.integers(0, 10**6),
    st.sampled_from(["shared", "components"]),
    st.sampled_from([None, TWO]),
    st.booleans(),
)
def test_contributions_are_the_terms_of_the_prediction(seed, noise, parts, by_cells):
    Z, Y, cells, z = problem(seed)
    cells = cells if by_cells else None
    model = GaussianProcess(parts, noise).fit(Z, Y, cells)
    found = model.contributions(z)
    k = kernels(model, z[None], Z)[:, 0]
    assert tuple(model.signal_to_noise_) == (("a", "b", "a+b") if parts else ("all",))
    terms = k[:, :, None] * dense_weights(model, Z, Y, cells)
    departure = model.predict(z[None])[0] - model.mean_
    np.testing.assert_allclose(terms.sum(axis=(0, 1)), departure, rtol=1e-5, atol=1e-8)
    if not np.abs(departure).max() > 1e-9:  # no output has signal
        return
    expected = terms @ departure / (departure @ departure)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)
    assert found.sum() == pytest.approx(1, abs=1e-9)
    similarity = k.sum(axis=0) / sum(model.signal_to_noise_.values())
    np.testing.assert_allclose(model.similarity(z[None])[0], similarity, rtol=1e-9)


def test_a_training_gene_of_many_cells_speaks_for_itself():
    Z, Y, _, _ = problem(3, size=30)
    cells = np.full(30, 50)
    cells[4] = 50_000
    model = GaussianProcess(TWO).fit(Z, Y, cells)
    similarity = model.similarity(Z[[4]])[0]
    assert model.contributions(Z[4]).sum(axis=0).argmax() == similarity.argmax() == 4
    assert similarity[4] == pytest.approx(1)


@pytest.mark.parametrize("noise", ["shared", "components"])
def test_a_prediction_that_is_the_mean_has_nothing_to_share(noise):
    Z, Y, _, z = problem(0)
    still = GaussianProcess(noise=noise).fit(Z, np.ones_like(Y))
    assert np.isnan(still.contributions(z)).all()


def test_contributions_need_a_fit_and_one_row_of_the_same_inputs():
    Z, Y, _, z = problem(1)
    with pytest.raises(NotFittedError):
        GaussianProcess().contributions(z)
    with pytest.raises(NotFittedError):
        GaussianProcess().similarity(Z)
    model = GaussianProcess().fit(Z, Y)
    with pytest.raises(ValueError, match="4 features"):
        model.contributions(z[:4])
    with pytest.raises(ValueError, match="NaN"):
        model.contributions(z * np.nan)


@settings(deadline=None, max_examples=settings().max_examples // 4)
@given(st.integers(0, 10**6), st.booleans())
def test_without_some_rows_weights_are_those_of_the_rest_solved_anew(seed, by_cells):
    Z, Y, cells, z = problem(seed)
    cells = cells if by_cells else None
    model = GaussianProcess(TWO).fit(Z, Y, cells)
    groups = [np.array([3]), np.array([0, 5, 17]), np.arange(9)]
    mean, variance = model.components_without(z, groups)
    R = np.diag(model._relative_noise.numpy())
    K, k = kernels(model, Z, Z).sum(axis=0), kernels(model, z[None], Z).sum(axis=0)[0]
    levels, signal = model._outputs.level.numpy(), model._outputs.component_signal.numpy()
    scores = (Y - Y.mean(axis=0)) @ model.axes
    for row, group in enumerate(groups):
        rest = np.setdiff1d(np.arange(len(Z)), group)
        for at, level in enumerate(levels):
            weights = np.linalg.solve((K + level * R)[np.ix_(rest, rest)], k[rest])
            assert mean[row, at] == pytest.approx(weights @ scores[rest, at], rel=1e-5, abs=1e-7)
            left = sum(model.signal_to_noise_.values()) - weights @ k[rest]
            expected = left * signal[at] * (model._scale * model.inflation_) ** 2
            assert variance[row, at] == pytest.approx(expected, rel=1e-5, abs=1e-9)


def test_without_rows_a_model_of_no_components_says_nothing_or_refuses():
    Z, Y, _, z = problem(0)
    still = GaussianProcess().fit(Z, np.ones_like(Y))
    assert still.components_without(z, [np.array([1])])[0].shape == (1, 0)
    with pytest.raises(ValueError, match="components"):
        GaussianProcess(noise="shared").fit(Z, Y).components_without(z, [np.array([1])])
