"""Choice of the next knockdowns, against posterior covariances written out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from llmpert.models.gp import design
from llmpert.models.gp.design import Belief, Reduction, choose
from llmpert.models.gp.regressor import GaussianProcess

TWO = {"a": slice(0, 2), "b": slice(2, 5)}


def made(seed, size=14, candidates=12, targets=9):
    rng = np.random.default_rng(seed)
    Z = rng.normal(size=(size + candidates + targets, 5))
    Y = np.sin(Z[:size] @ rng.normal(size=(5, 7))) + 0.4 * rng.normal(size=(size, 7))
    model = GaussianProcess(TWO).fit(Z[:size], Y, rng.integers(20, 500, size))
    weights, own = rng.random(targets), rng.random(candidates)
    return model, Z[:size], Z[size : size + candidates], Z[size + candidates :], weights, own


def prior(belief, A, B):
    columns = [*belief.parts.values(), slice(None)]
    terms = zip(columns, belief.covariance.ratios, belief.covariance.lengthscales, strict=True)
    return sum(
        ratio * np.exp(-cdist(A[:, part], B[:, part], "sqeuclidean") / 2 / length**2)
        for part, ratio, length in terms
    )


class Dense:
    """The covariance of each component between all genes, updated one measurement at a time."""

    def __init__(self, belief, known, noise, candidates, targets, weights, own):
        every = np.vstack([candidates, targets])
        self.count, self.weights, self.own = len(candidates), weights, own
        self.levels, self.signal = belief.levels.numpy(), belief.signal.numpy()
        self.C = []
        for level in self.levels:
            K, k = prior(belief, known, known) + level * np.diag(noise), prior(belief, known, every)
            self.C.append(prior(belief, every, every) - k.T @ np.linalg.solve(K, k))

    def total(self):
        return sum(s * (C.diagonal()[self.count :] @ self.weights)
                   for s, C in zip(self.signal, self.C, strict=True))  # fmt: skip

    def gain(self, i):
        found = 0
        for s, level, C in zip(self.signal, self.levels, self.C, strict=True):
            taken = self.weights @ C[self.count :, i] ** 2 + self.own[i] * C[i, i] ** 2
            found += s * taken / (C[i, i] + level)
        return found

    def measure(self, i):
        self.C = [
            C - np.outer(C[:, i], C[i]) / (C[i, i] + level)
            for level, C in zip(self.levels, self.C, strict=True)
        ]


@settings(deadline=None, max_examples=settings().max_examples // 4)
@given(st.integers(0, 10**6))
def test_gains_and_choices_are_those_of_dense_covariances(seed):
    model, Z, candidates, targets, weights, own = made(seed)
    belief = model.belief()
    if not len(belief.levels):  # no component has signal
        return
    noise = model._relative_noise.numpy()
    dense = Dense(belief, Z, noise, candidates, targets, weights, own)
    reduction = Reduction(belief, candidates, targets, weights, own)
    total = dense.total()
    assert reduction.total() == pytest.approx(total, rel=1e-3)
    expected = [dense.gain(i) for i in range(len(candidates))]
    np.testing.assert_allclose(
        reduction.pool().gains(reduction), expected, rtol=5e-3, atol=1e-4 * total
    )
    taken = choose(reduction, 5, exact=True)
    for at, (row, gain) in enumerate(zip(reduction.chosen, taken, strict=True)):
        left = set(range(len(candidates))) - set(reduction.chosen[:at])
        best = max(dense.gain(i) for i in left)
        assert dense.gain(row) == pytest.approx(best, rel=1e-2, abs=2e-4 * total)
        assert gain == pytest.approx(dense.gain(row), rel=1e-2, abs=2e-4 * total)
        dense.measure(row)
    variance = sum(s * C.diagonal()[:12] for s, C in zip(dense.signal, dense.C, strict=True))
    np.testing.assert_allclose(reduction.largest(), variance, rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize("seed", range(4))
def test_lazy_choices_lose_next_to_nothing(seed, monkeypatch):
    model, _, candidates, targets, weights, own = made(seed, 30, 90, 40)
    monkeypatch.setattr(design, "PROMISING", 7)
    exact, lazy = (Reduction(model.belief(), candidates, targets, weights, own) for _ in range(2))
    at_once = Reduction(model.belief(), candidates, targets, weights, own)
    best, found = choose(exact, 12, exact=True), choose(lazy, 12)
    np.testing.assert_allclose(at_once.taken_by(np.array(exact.chosen)), best, rtol=2e-3)
    assert found.sum() > 0.98 * best.sum()
    assert len(set(lazy.chosen)) == 12
    grouped = Reduction(model.belief().grouped(3), candidates, targets, weights, own)
    choose(grouped, 12)
    again = Reduction(model.belief(), candidates, targets, weights, own)
    assert sum(again.add(row) for row in grouped.chosen) > 0.95 * best.sum()


def test_before_any_measurement_a_centre_is_worth_more_than_an_outlier():
    rng = np.random.default_rng(0)
    near = rng.normal(size=(60, 5))
    candidates = np.vstack([near, 40 + rng.normal(size=(1, 5))])
    belief = Belief.before(TWO, candidates)
    reduction = Reduction(belief, candidates, candidates, np.ones(61), np.zeros(61))
    gains = reduction.pool().gains(reduction).numpy()
    assert gains.argmin() == 60
    assert reduction.largest().numpy()[60] == pytest.approx(1)
    first = gains.argmax()
    middle = np.linalg.norm(near - near.mean(axis=0), axis=1)
    assert middle[first] < np.median(middle)
    assert reduction.total() == pytest.approx(61)
    dense = Dense(belief, candidates[:0], np.ones(0), candidates, candidates, np.ones(61),
                  np.zeros(61))  # fmt: skip
    np.testing.assert_allclose(gains, [dense.gain(i) for i in range(61)], rtol=1e-4)


def test_grouped_levels_keep_the_signal():
    belief = made(1)[0].belief()
    grouped = belief.grouped(2)
    assert len(grouped.levels) <= 2
    assert float(grouped.signal.sum()) == pytest.approx(float(belief.signal.sum()))
    low, high = float(belief.levels.min()), float(belief.levels.max())
    assert ((grouped.levels >= 0.999 * low) & (grouped.levels <= 1.001 * high)).all()
