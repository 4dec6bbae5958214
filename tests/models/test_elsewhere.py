import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from sklearn.base import clone

from llmpert.models.elsewhere import COPY, BeyondCopy, CentredCopy, Copy, ScaledCopy
from llmpert.models.gp.regressor import GaussianProcess

PARTS = {"text": slice(0, 2), COPY: slice(2, 7)}
MODELS = [
    Copy(PARTS), CentredCopy(PARTS), CentredCopy(PARTS, shrunk=True), BeyondCopy(PARTS),
]  # fmt: skip


def data():
    """Five genes, of which the other line does not measure the last."""
    rng = np.random.default_rng(0)
    copied = rng.normal(size=(30, 5)) + np.arange(5)
    copied[:, -1] = np.nan
    Y = 0.4 * np.nan_to_num(copied) + rng.normal(size=(30, 5)) - 2
    Z = np.hstack([rng.normal(size=(30, 2)), copied])
    return Z[:20], Y[:20], Z[20:]


def test_a_copy_is_what_the_other_line_did():
    Z, Y, genes = data()
    found = Copy(PARTS).fit(Z, Y).predict(genes)
    np.testing.assert_array_equal(found[:, :4], genes[:, 2:6])
    np.testing.assert_array_equal(found[:, 4], Y[:, 4].mean())


def test_a_scaled_copy_is_the_least_squares_multiple():
    Z, Y, genes = data()
    known = Z[:, 2:6].reshape(-1, 1)
    (weight,), *_ = np.linalg.lstsq(known, Y[:, :4].ravel(), rcond=None)
    found = ScaledCopy(PARTS).fit(Z, Y).predict(genes)
    np.testing.assert_allclose(found[:, :4], weight * genes[:, 2:6])
    np.testing.assert_array_equal(found[:, 4], 0)


def test_a_centred_copy_has_this_lines_mean():
    Z, Y, genes = data()
    found = CentredCopy(PARTS).fit(Z, Y).predict(genes)
    expected = genes[:, 2:6] - Z[:, 2:6].mean(axis=0) + Y[:, :4].mean(axis=0)
    np.testing.assert_allclose(found[:, :4], expected)
    np.testing.assert_allclose(found[:, 4], Y[:, 4].mean())


def test_shrinking_is_by_least_squares_over_the_training_perturbations():
    Z, Y, genes = data()
    away = Z[:, 2:6] - Z[:, 2:6].mean(axis=0)
    mean = Y.mean(axis=0)
    best = minimize_scalar(lambda w: np.square(Y[:, :4] - mean[:4] - w * away).sum()).x
    model = CentredCopy(PARTS, shrunk=True).fit(Z, Y)
    assert model.weight_ == pytest.approx(best, rel=1e-6)
    expected = mean[:4] + best * (genes[:, 2:6] - Z[:, 2:6].mean(axis=0))
    np.testing.assert_allclose(model.predict(genes)[:, :4], expected, rtol=1e-6)


@pytest.mark.parametrize("model", MODELS)
def test_a_line_that_did_nothing_is_no_reason_to_fail(model):
    Z, Y, genes = data()
    Z[:, 2:6] = genes[:, 2:6] = 0
    found = clone(model).fit(Z, Y).predict(genes)
    expected = np.zeros(4) if type(model) is Copy else Y.mean(axis=0)[:4]
    np.testing.assert_allclose(found[:, :4], np.tile(expected, (len(genes), 1)))


def test_beyond_the_copy_is_more_than_either():
    rng = np.random.default_rng(1)
    text, copied = rng.normal(size=(60, 2)), rng.normal(size=(60, 5))
    smooth = np.sin(text @ rng.normal(size=(2, 5)))
    Y = 3 + 0.7 * copied + smooth + 0.05 * rng.normal(size=(60, 5))
    Z = np.hstack([text, copied])
    train, test = slice(0, 45), slice(45, 60)

    def error(model):
        return np.abs(model.fit(Z[train], Y[train]).predict(Z[test]) - Y[test]).mean()

    alone = GaussianProcess({"text": PARTS["text"]})
    of_text = np.abs(alone.fit(text[train], Y[train]).predict(text[test]) - Y[test]).mean()
    assert error(BeyondCopy(PARTS)) < 0.5 * min(of_text, error(CentredCopy(PARTS, shrunk=True)))
