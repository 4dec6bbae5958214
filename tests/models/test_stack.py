import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor

from llmpert.models import stack
from llmpert.models.gp.regressor import GaussianProcess
from llmpert.models.stack import Stack


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(stack, "TREES", stack.TREES | {"max_iter": 20, "learning_rate": 0.2})


def data(size: int = 30, outputs: int = 12, new: int = 6):
    """Raised genes only, most of them not, as ranks are; the last one never."""
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(4, outputs))
    Z = rng.normal(size=(size + new, 4))
    Y = np.clip(np.tanh(Z @ weights) - 0.3, 0, None)
    Y[:, -1] = 0
    return Z[:size], Y[:size], Z[size:], Y[size:]


def test_it_is_trees_on_leave_one_out_predictions():
    Z, Y, genes, _ = data()
    Y = Y / Y.max()
    targets = [Y, (Y > 0).astype(float), Y**2]
    processes = [GaussianProcess().fit(Z, one) for one in targets]
    rows, measured, seen = [], [], []
    for row in range(len(Z)):
        others = np.delete(np.arange(len(Z)), row)
        near = others[np.argsort(((Z[others] - Z[row]) ** 2).sum(axis=1))]
        first, std = processes[0].predict_left_out(np.array([row]))
        means = [one.predict_left_out(np.array([row]))[0][0] for one in processes]
        departure = np.linalg.norm(first[0] - Y.mean(axis=0))
        similar = processes[0].similarity(Z[[row]])[0, near[0]]
        for gene in range(Y.shape[1] - 1):
            close = [Y[near[:count], gene].mean() for count in (1, 3, 10)]
            rows.append([*(m[gene] for m in means), std[0, gene], *close, similar, departure])
            measured.append(Y[row, gene])
    order = np.random.default_rng(0).permutation(len(measured))
    trees = HistGradientBoostingRegressor(min_samples_leaf=20, **stack.TREES)
    trees.fit(np.array(rows, np.float64)[order], np.array(measured)[order])
    first, std = processes[0].predict(genes, return_std=True)
    means = [one.predict(genes) for one in processes]
    for row in range(len(genes)):
        near = np.argsort(((Z - genes[row]) ** 2).sum(axis=1))
        departure = np.linalg.norm(first[row] - Y.mean(axis=0))
        similar = processes[0].similarity(genes[[row]])[0, near[0]]
        for gene in range(Y.shape[1] - 1):
            close = [Y[near[:count], gene].mean() for count in (1, 3, 10)]
            of_means = [m[row, gene] for m in means]
            seen.append([*of_means, std[row, gene], *close, similar, departure])
    expected = processes[0].predict(genes)
    expected[:, :-1] = trees.predict(np.array(seen)).reshape(len(genes), -1)
    found = Stack().fit(Z, Y).predict(genes)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert np.abs(found - processes[0].predict(genes)).max() > 1e-3


def test_it_errs_less_than_the_gaussian_process_where_most_responses_are_zero():
    Z, Y, genes, measured = data(100, 40, 40)
    assert (Y == 0).mean() > 0.5
    stacked, alone = (m.fit(Z, Y).predict(genes) for m in (Stack(), GaussianProcess()))
    assert np.square(stacked - measured).mean() < np.square(alone - measured).mean()


@pytest.mark.parametrize("size", [2, 9, 10])
def test_with_few_perturbations_it_is_the_gaussian_process(size):
    Z, Y, genes, _ = data(size)
    np.testing.assert_allclose(
        Stack().fit(Z, Y).predict(genes), GaussianProcess().fit(Z, Y).predict(genes), atol=1e-9
    )


def test_genes_that_never_vary_stay_what_they_are():
    Z, Y, genes, _ = data()
    Y[:, 0] = 3.0
    found = Stack().fit(Z, Y).predict(genes)
    np.testing.assert_array_equal(found[:, -1], 0)
    np.testing.assert_allclose(found[:, 0], 3, rtol=1e-12)
    np.testing.assert_array_equal(Stack().fit(Z, np.zeros_like(Y)).predict(genes), 0)


def test_the_unit_of_responses_does_not_matter():
    Z, Y, genes, _ = data()
    one, other = (Stack().fit(Z, Y * unit).predict(genes) / unit for unit in (1, 1e60))
    np.testing.assert_allclose(one, other, atol=1e-6)
