"""The search: against SciPy's minimiser from many starts, and data with known hyper-parameters."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from benchmarks.work import counted
from llmpert.models.gp import kernels
from llmpert.models.gp import search as module
from llmpert.models.gp.kernels import Covariance
from llmpert.models.gp.likelihood import Posterior, SufficientStatistics
from llmpert.models.gp.search import search


def random_statistics(
    seed: int, size: int, sources: int, outputs: int = 12, by_cells: bool = False
):
    """Responses that follow the first source smoothly, and noise."""
    rng = np.random.default_rng(seed)
    z = [rng.normal(size=(size, 2)) for _ in range(sources)]
    Y = np.sin(z[0] @ rng.normal(size=(2, outputs)))
    cells = rng.uniform(0.3, 3, size) if by_cells else np.ones(size)
    Y += rng.choice([0.1, 0.5, 2]) * np.sqrt(cells)[:, None] * rng.normal(size=Y.shape)
    return statistics(z, Y, cells), Covariance([1.7] * sources, by_cells)


def statistics(
    z: list[np.ndarray], Y: np.ndarray, relative_sampling_noise: np.ndarray
) -> SufficientStatistics:
    Y = torch.from_numpy((Y - Y.mean(axis=0)) / Y.std())
    squares = [torch.cdist(x, x).square() for x in map(torch.from_numpy, z)]
    generator = torch.Generator().manual_seed(0)
    mixtures = torch.randn(Y.shape[1], 32, dtype=torch.float64, generator=generator) / 32**0.5
    return SufficientStatistics(
        squares, torch.from_numpy(relative_sampling_noise), Y @ Y.T, Y @ mixtures, Y.shape[1]
    )


def placed(covariance: Covariance) -> np.ndarray:
    pairs = np.column_stack([covariance.ratios, covariance.lengthscales]).ravel()
    share = covariance.sampling_share
    return np.log([*pairs, *([share / (1 - share)] if covariance.by_cells else [])])


def starts(covariance: Covariance) -> list[np.ndarray]:
    return [
        covariance.values(ratio, lengthscale)
        for ratio in module.RATIO_STARTS
        for lengthscale in module.LENGTHSCALE_STARTS
    ]


def by_scipy(data, covariance: Covariance, start: np.ndarray) -> float:
    """Return the loss at the maximum next to a start."""

    def loss(at: np.ndarray) -> tuple[float, np.ndarray]:
        posterior = Posterior(data, covariance, at)
        return posterior.loss, posterior.derivatives()[0]

    inside = np.clip(start, *covariance.limits.T)
    close = {"ftol": 1e-7}
    return minimize(loss, inside, jac=True, bounds=covariance.limits, options=close).fun


@pytest.mark.parametrize(("seed", "by_cells"), [(0, False), (1, True)])
@pytest.mark.parametrize(("size", "sources"), [(2, 1), (16, 2), (40, 1), (40, 3), (80, 2)])
def test_optimum_is_scipys_best_of_many(seed, size, sources, by_cells):
    data, covariance = random_statistics(seed, size, sources, by_cells=by_cells)
    likelihood = search(data, covariance)
    values = placed(covariance)
    optimum = Posterior(data, covariance, values)
    assert optimum.log_likelihood == pytest.approx(likelihood, rel=1e-9, abs=1e-6)
    assert all(optimum.loss <= Posterior(data, covariance, s).loss for s in starts(covariance))
    low, high = covariance.limits.T
    assert ((values >= low - 1e-9) & (values <= high + 1e-9)).all()
    others = np.random.default_rng(seed).normal(covariance.values(1, 1), 1.5, (2, len(values)))
    tried = [*starts(covariance)[::3], *others, values]
    assert optimum.loss < min(by_scipy(data, covariance, at) for at in tried) + 1


@pytest.mark.parametrize("size", [299, 300, 410])
def test_few_perturbations_lead_to_the_optimum_of_all(size):
    data, covariance = random_statistics(5, size, 2, outputs=6, by_cells=True)
    search(data, covariance)
    optimum = Posterior(data, covariance, placed(covariance))
    assert optimum.loss < by_scipy(data, covariance, covariance.values(1.0, 1.0)) + 1


def in_pairs(seed: int, size: int = 480) -> tuple[SufficientStatistics, Covariance]:
    """What the second source knows is which two genes are alike; every second one is a partner."""
    rng = np.random.default_rng(seed)
    smooth, pairs = (
        rng.normal(size=(size, 2)),
        np.repeat(rng.normal(size=(size // 2, 6)), 2, axis=0),
    )
    Y = np.sin(smooth @ rng.normal(size=(2, 40)))
    Y += rng.normal(size=(size // 2, 40)).repeat(2, axis=0) + rng.normal(size=Y.shape)
    z = [smooth, pairs + 0.01 * rng.normal(size=pairs.shape)]
    return statistics(z, Y, np.ones(size)), Covariance([1.7, 3.4])


@pytest.mark.parametrize("seed", range(2))
def test_a_source_that_few_perturbations_know_nothing_of_comes_back(seed):
    data, covariance = in_pairs(seed)
    part = data.every(2)
    search(part, covariance)
    few = placed(covariance)
    # Among half of the perturbations nobody has a partner: the source says nothing.
    without = few.copy()
    without[2] = np.log(kernels.RATIO_LIMITS[0])
    assert Posterior(part, covariance, without).loss < Posterior(part, covariance, few).loss + 5
    search(data, covariance)
    optimum = Posterior(data, covariance, placed(covariance))
    assert covariance.ratios[1] > 0.3
    assert optimum.loss < by_scipy(data, covariance, np.log([1.0, 1.7, 0.5, 0.5])) + 1
    without[:2] = placed(covariance)[:2]
    assert optimum.loss < Posterior(data, covariance, without).loss - 500


@pytest.mark.parametrize(("seed", "by_cells"), [(0, False), (1, True), (2, False)])
def test_a_start_leads_to_the_maximum_next_to_it(seed, by_cells):
    data, covariance = random_statistics(seed, 90, 2, by_cells=by_cells)
    search(data, covariance)
    start = placed(covariance)
    optimum = Posterior(data, covariance, start).loss
    search(data, covariance, start)
    again = Posterior(data, covariance, placed(covariance)).loss
    assert optimum - 0.5 < again < optimum + 1e-9
    near = start + np.random.default_rng(seed).normal(0, 0.3, len(start))
    likelihood = search(data, covariance, near)
    found = Posterior(data, covariance, placed(covariance))
    assert found.log_likelihood == pytest.approx(likelihood, rel=1e-9, abs=1e-6)
    assert found.loss < by_scipy(data, covariance, near) + 1


@given(st.integers(1, 6), st.integers(0, 10**6))
def test_a_corrected_curvature_explains_the_last_step(size, seed):
    rng = np.random.default_rng(seed)
    root, correction = rng.normal(size=(2, size, size))
    information, step = root @ root.T + np.eye(size), rng.normal(size=size)
    change = rng.normal(size=size)
    change *= np.sign(change @ step)
    found = module.corrected(correction + correction.T, information, step, change)
    np.testing.assert_allclose(found, found.T, atol=1e-9 * np.abs(found).max())
    scale = np.abs(found).max() * np.abs(step).max()
    np.testing.assert_allclose((information + found) @ step, change, atol=1e-9 * scale)


def test_most_steps_are_made_on_few_perturbations():
    with counted() as work:
        search(*random_statistics(6, 700, 1, outputs=6))
    assert set(work.factorised) == {175, 350, 700}
    assert work.factorised[700] < work.factorised[175]
    with counted() as work:
        search(*random_statistics(6, 2 * module.FEWEST - 1, 1, outputs=6))
    assert set(work.factorised) == {2 * module.FEWEST - 1}


def test_finds_the_hyper_parameters_that_made_the_data():
    rng = np.random.default_rng(7)
    size, outputs = 320, 150
    z = [rng.normal(size=(size, 2)), rng.normal(size=(size, 2))]
    truth = Covariance([1.0, 1.0], by_cells=True)
    values = np.log([3.0, 0.8, 1.0, 1.5, 1.5])
    truth.place(values)
    relative_sampling_noise = rng.uniform(0.3, 3, size)
    C = truth.signal([torch.cdist(x, x).square() for x in map(torch.from_numpy, z)])
    C += truth.noise(torch.from_numpy(relative_sampling_noise)).diag()
    Y = torch.linalg.cholesky(C).numpy() @ rng.normal(size=(size, outputs))
    found = Covariance([1.7, 1.7], by_cells=True)
    search(statistics(z, Y, relative_sampling_noise), found)
    np.testing.assert_allclose(placed(found), values, atol=0.2)


def test_responses_that_never_vary_end_at_the_least_variance():
    data, covariance = random_statistics(8, 20, 2)
    still = SufficientStatistics(
        data.squares, data.relative_sampling_noise, 0 * data.gram, 0 * data.probes, data.outputs
    )
    assert np.isfinite(search(still, covariance))
    assert (covariance.ratios < 1).all()


def test_a_climb_starts_again_where_a_correction_ended_it(monkeypatch):
    """A curvature that is far too large promises nothing: without it the climb goes on."""
    data, covariance = random_statistics(9, 40, 2)
    start = Posterior(data, covariance, covariance.values(1.0, 1.0))
    expected = module.climb(start)

    def corrected(correction: np.ndarray, *step: np.ndarray) -> np.ndarray:
        return 1e9 * np.eye(len(correction)) if stuck.pop() else correction

    stuck = [False] * 200 + [True]
    monkeypatch.setattr(module, "corrected", corrected)
    assert module.climb(start).loss == pytest.approx(expected.loss, abs=module.TOLERANCE)
    assert len(stuck) < 200
