"""Principal components: against NumPy's SVD, and in one unit for all sources."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.distance import pdist
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.preprocessing import normalize

from llmpert.embeddings.pca import PrincipalComponents
from llmpert.errors import InputError


def vectors(genes: int = 40, dimensions: int = 12, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((genes, dimensions)) * np.linspace(5, 1, dimensions) + 3


@pytest.mark.parametrize("shape", [(40, 12), (12, 40)])
def test_agrees_with_the_svd(shape):
    X = vectors(*shape)
    Z = PrincipalComponents(5).fit_transform(X)
    X = normalize(X)
    U, s, _ = np.linalg.svd(X - X.mean(axis=0), full_matrices=False)
    expected = U[:, :5] * s[:5]
    expected /= np.sqrt((expected**2).sum(axis=1).mean())
    np.testing.assert_allclose(np.abs(Z), np.abs(expected), atol=1e-10)
    assert Z.dtype == np.float64


def test_one_number_scales_the_source():
    X = vectors()
    model = PrincipalComponents(4)
    Z = model.fit_transform(X)
    assert (Z**2).sum(axis=1).mean() == pytest.approx(1)
    # Variances of the components keep their ratios.
    eigenvalues = np.sort(np.linalg.eigvalsh(np.cov(normalize(X).T)))[::-1]
    np.testing.assert_allclose(Z.var(axis=0) / Z[:, 0].var(), eigenvalues[:4] / eigenvalues[0])
    np.testing.assert_allclose(model.explained_variance_ratio_, eigenvalues[:4] / eigenvalues.sum())


def test_all_components_keep_the_distances():
    X = vectors()
    model = PrincipalComponents(50)
    Z = model.fit_transform(X)
    assert model.n_components_ == 12
    np.testing.assert_allclose(pdist(Z) * model.scale_, pdist(normalize(X)))


@given(arrays(np.float64, 15, elements=st.floats(1e-200, 1e200)))
def test_lengths_do_not_matter(lengths: np.ndarray):
    X = vectors(15, 4)
    np.testing.assert_allclose(
        PrincipalComponents(3).fit_transform(X * lengths[:, None]),
        PrincipalComponents(3).fit_transform(X),
        atol=1e-8,
    )


def test_vectors_of_length_1_stay_as_they_are():
    X = normalize(vectors())
    model = PrincipalComponents(4).fit(X)
    np.testing.assert_allclose(model.mean_, X.mean(axis=0))
    np.testing.assert_allclose(
        model.transform(X), (X - X.mean(axis=0)) @ model.components_.T / model.scale_
    )


def test_a_vector_of_zeros_stays():
    X = vectors()
    X[3] = 0
    model = PrincipalComponents(5).fit(X)
    np.testing.assert_allclose(model.mean_, normalize(X).mean(axis=0))
    np.testing.assert_allclose(
        model.transform(np.zeros((1, 12)))[0], -model.mean_ @ model.components_.T / model.scale_
    )


def test_does_not_change_its_inputs():
    X = vectors()
    before = X.copy()
    PrincipalComponents(3).fit(X).transform(X)
    np.testing.assert_array_equal(X, before)


def test_other_genes_are_projected_alike():
    X = vectors()
    model = PrincipalComponents(6).fit(X[:30])
    unit = normalize(X)
    by_hand = (unit[30:] - unit[:30].mean(axis=0)) @ model.components_.T / model.scale_
    np.testing.assert_allclose(model.transform(X[30:]), by_hand)
    np.testing.assert_allclose(model.components_ @ model.components_.T, np.eye(6), atol=1e-12)
    np.testing.assert_allclose(model.mean_, unit[:30].mean(axis=0))


def test_signs_are_fixed_and_repeatable():
    X = vectors()
    model = PrincipalComponents(6).fit(X)
    largest = np.abs(model.components_).argmax(axis=1)
    assert (model.components_[np.arange(6), largest] > 0).all()
    again = PrincipalComponents(6).fit(X)
    np.testing.assert_array_equal(model.components_, again.components_)
    # Signs do not hang on the order of the genes.
    shuffled = PrincipalComponents(6).fit(X[::-1])
    np.testing.assert_allclose(model.components_, shuffled.components_, atol=1e-10)


@pytest.mark.parametrize(("shape", "kept"), [((4, 30), 3), ((30, 4), 4), ((2, 2), 1)])
def test_no_more_components_than_directions(shape, kept: int):
    """Centred rows of n genes span n - 1 directions."""
    model = PrincipalComponents(50).fit(vectors(*shape))
    assert model.n_components_ == kept
    assert model.transform(vectors(*shape)).shape == (shape[0], kept)


def test_repeated_rows_span_what_their_distinct_ones_do():
    X = np.repeat(vectors(3, 10), 20, axis=0)
    assert PrincipalComponents(50).fit(X).n_components_ == 2


@pytest.mark.parametrize(
    "X",
    [
        np.full((5, 3), 0.1),
        np.ones((1, 3)),
        np.zeros((4, 3)),
        np.empty((0, 3)),
        np.empty((3, 0)),
        np.arange(3),
        # One direction, up to rounding.
        np.outer(np.linspace(0.1, 7, 50), [0.1, 0.7, 1 / 3]),
    ],
)
def test_equal_directions_are_refused(X):
    with pytest.raises(InputError, match="point in different directions"):
        PrincipalComponents().fit(X)


def test_at_least_one_component():
    with pytest.raises(InputError, match="at least 1 principal component, found 0"):
        PrincipalComponents(0).fit(vectors())


def test_behaves_as_scikit_learn_expects():
    model = PrincipalComponents(7)
    assert clone(model).get_params() == {"n_components": 7}
    assert model.fit(vectors()) is model
    with pytest.raises(NotFittedError):
        PrincipalComponents().transform(vectors())
