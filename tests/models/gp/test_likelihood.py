"""The posterior density: against SciPy's normal density, and differences of it."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import LinAlgError
from scipy.optimize import minimize_scalar
from scipy.stats import multivariate_normal

from benchmarks.work import counted
from llmpert.models.gp import likelihood as module
from llmpert.models.gp.kernels import Covariance
from llmpert.models.gp.likelihood import Posterior, SufficientStatistics


def statistics(
    size: int, outputs: int, seed: int, sources: int = 2
) -> tuple[SufficientStatistics, Covariance]:
    """Random genes and responses, with the responses themselves for probes."""
    rng = np.random.default_rng(seed)
    z = [torch.from_numpy(rng.normal(size=(size, 2))) for _ in range(sources)]
    d = [torch.cdist(x, x).square() for x in z]
    Y = torch.from_numpy(rng.normal(size=(size, outputs)))
    relative_sampling_noise = torch.from_numpy(rng.uniform(0.3, 3, size))
    return SufficientStatistics(d, relative_sampling_noise, Y @ Y.T, Y, outputs), Covariance(
        [1.5] * sources, by_cells=True
    )


def somewhere(covariance: Covariance, seed: int, width: float = 1.0) -> np.ndarray:
    values = covariance.values(1.0, 1.0)
    return values + width * np.random.default_rng(seed).normal(size=values.shape)


def dense(data: SufficientStatistics, covariance: Covariance, values: np.ndarray) -> np.ndarray:
    covariance.place(values)
    return (
        covariance.between(data.squares) + covariance.noise(data.relative_sampling_noise).diag()
    ).numpy()


problems = st.integers(1, 12), st.integers(1, 7), st.integers(0, 10**6)


@settings(deadline=None)
@given(*problems)
def test_likelihood_is_the_sum_of_normal_log_densities(size, outputs, seed):
    data, covariance = statistics(size, outputs, seed)
    values = somewhere(covariance, seed)
    posterior = Posterior(data, covariance, values)
    C, Y = dense(data, covariance, values), data.probes.numpy()
    expected = multivariate_normal(np.zeros(size), posterior.variance * C).logpdf(Y.T).sum()
    assert posterior.log_likelihood == pytest.approx(expected, rel=1e-9, abs=1e-9)
    prior = covariance.log_prior()[0]
    assert posterior.loss == pytest.approx(-(expected + prior), rel=1e-9, abs=1e-9)


@settings(deadline=None, max_examples=settings().max_examples // 3)
@given(*problems)
def test_variance_is_the_best_one(size, outputs, seed):
    data, covariance = statistics(size, outputs, seed)
    values = somewhere(covariance, seed)
    C, Y = dense(data, covariance, values), data.probes.numpy()
    best = minimize_scalar(
        lambda log: -multivariate_normal(np.zeros(size), np.exp(log) * C).logpdf(Y.T).sum(),
        bracket=(-1, 1),
    )
    assert math.log(Posterior(data, covariance, values).variance) == pytest.approx(best.x, abs=1e-4)


def differences(
    data: SufficientStatistics, covariance: Covariance, values: np.ndarray
) -> np.ndarray:
    """Gradient of the loss, per number in the responses."""
    step = 1e-5
    numbers = len(data.gram) * data.outputs

    def loss(at: np.ndarray) -> float:
        return Posterior(data, covariance, at).loss

    steps = step * np.eye(len(values))
    return np.array([(loss(values + h) - loss(values - h)) / (2 * step * numbers) for h in steps])


@pytest.mark.parametrize(("size", "outputs"), [(1, 1), (4, 3), (7, 20), (90, 5)])
@pytest.mark.parametrize("sources", [1, 3])
def test_gradient_agrees_with_differences(size, outputs, sources):
    data, covariance = statistics(size, outputs, seed=size, sources=sources)
    values = somewhere(covariance, seed=outputs)
    np.testing.assert_allclose(
        Posterior(data, covariance, values).derivatives()[0] / (size * outputs),
        differences(data, covariance, values),
        rtol=1e-5,
        atol=2e-6,
    )


@pytest.mark.parametrize("noise", [1e-5, 1e-2, 1.0])
@pytest.mark.parametrize("ratio", [1.0, 9.0, 1e3, 1e5])
def test_gradient_is_accurate_whatever_the_ratio(noise, ratio):
    """Single precision alone would be wrong in the first digit at 1e6."""
    rng = np.random.default_rng(0)
    z = torch.from_numpy(rng.normal(size=(60, 2)))
    Y = np.sin(z.numpy() @ rng.normal(size=(2, 20))) + noise * rng.normal(size=(60, 20))
    Y = torch.from_numpy(Y)
    data = SufficientStatistics(
        [torch.cdist(z, z).square()], torch.ones(60, dtype=torch.float64), Y @ Y.T, Y, 20
    )
    covariance = Covariance([1.7])
    values = covariance.values(ratio, 1.0)
    gradient = Posterior(data, covariance, values).derivatives()[0] / Y.numel()
    np.testing.assert_allclose(gradient, differences(data, covariance, values), atol=1e-6)


@pytest.mark.parametrize(("size", "outputs"), [(2, 1), (4, 3), (9, 20)])
def test_information_is_the_mean_of_observed_and_expected(size, outputs):
    data, covariance = statistics(size, outputs, seed=size)
    values = somewhere(covariance, seed=outputs)
    posterior = Posterior(data, covariance, values)
    v, Y, C = posterior.variance, data.probes.numpy(), dense(data, covariance, values)
    step, slopes = 1e-5, [C]  # dC/d(log v), in units of v, is C itself
    for h in step * np.eye(len(values)):
        up, down = (dense(data, covariance, values + sign * h) for sign in (1, -1))
        slopes.append((up - down) / (2 * step))
    inverse = np.linalg.inv(C)
    information = np.array(
        [
            [np.trace(Y.T @ inverse @ a @ inverse @ b @ inverse @ Y) / (2 * v) for b in slopes]
            for a in slopes
        ]
    )
    # With the overall variance profiled out: the inverse of a block of the inverse.
    profiled = np.linalg.inv(np.linalg.inv(information + 1e-12 * np.eye(len(slopes)))[1:, 1:])
    profiled += np.diag(covariance.log_prior()[2])
    np.testing.assert_allclose(posterior.derivatives()[1], profiled, rtol=1e-5, atol=1e-6)


def test_information_is_the_curvature_where_the_model_holds():
    """Observed and expected information agree on much data from the model itself."""
    rng = np.random.default_rng(3)
    z = torch.from_numpy(rng.uniform(-2, 2, size=(50, 1)))
    covariance = Covariance([1.0])
    values = np.log([4.0, 0.7])
    covariance.place(values)
    d = torch.cdist(z, z).square()
    C = covariance.signal([d]) + torch.eye(50, dtype=torch.float64)
    Y = torch.linalg.cholesky(C) @ torch.from_numpy(rng.normal(size=(50, 4000)))
    data = SufficientStatistics(
        [torch.cdist(z, z).square()], torch.ones(50, dtype=torch.float64), Y @ Y.T, Y, 4000
    )
    step = 1e-3
    curvature = [
        (
            Posterior(data, covariance, values + h).derivatives()[0]
            - Posterior(data, covariance, values - h).derivatives()[0]
        )
        / (2 * step)
        for h in step * np.eye(2)
    ]
    found = Posterior(data, covariance, values).derivatives()[1]
    np.testing.assert_allclose(found, curvature, rtol=0.1, atol=0.02 * np.abs(curvature).max())


@pytest.mark.parametrize("by_cells", [False, True])
def test_weights_of_further_kernels_are_parameters_of_a_model_with_more_sources(by_cells):
    data, few = statistics(30, 6, seed=5)
    few = few if by_cells else Covariance([1.5] * 2)
    values, more = few.values(1.0, 1.0), [(1, 0.4), (0, 3.0)]
    gradient, information = Posterior(data, few, values).derivatives(more)
    weight = 1e-6
    added = np.log([entry for _, lengthscale in more for entry in (weight, lengthscale)])
    both = replace(data, squares=[*data.squares, *(data.squares[source] for source, _ in more)])
    many = Covariance([1.5] * 4, by_cells)
    at = np.concatenate([values[:4], added, values[4:]])
    slope, curvature = Posterior(both, many, at).derivatives()
    # Its weights are logarithms and have a prior.
    many.place(at)
    prior = many.log_prior()
    chosen = [*range(4), *([8] if by_cells else []), 4, 6]
    unit = np.where(np.isin(chosen, (4, 6)), weight, 1.0)
    free = np.arange(len(values))
    slope, curvature = slope + prior[1], curvature - np.diag(prior[2])
    few.place(values)
    prior = few.log_prior()
    gradient[free] += prior[1]
    information[free, free] -= prior[2]
    np.testing.assert_allclose(gradient, slope[chosen] / unit, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(
        information, curvature[np.ix_(chosen, chosen)] / np.outer(unit, unit), rtol=1e-3, atol=1e-3
    )


def test_a_posterior_keeps_its_own_hyper_parameters():
    data, covariance = statistics(8, 3, seed=1)
    values = somewhere(covariance, seed=1)
    fresh = Posterior(data, covariance, values)
    loss, gradient, information = fresh.loss, fresh.derivatives()[0], fresh.derivatives()[1]
    early = Posterior(data, covariance, values)
    Posterior(data, covariance, values + 1)
    assert early.loss == loss
    np.testing.assert_array_equal(early.derivatives()[0], gradient)
    covariance.place(values - 1)
    np.testing.assert_array_equal(early.derivatives()[1], information)


def test_outputs_that_never_vary_have_a_least_variance():
    data, covariance = statistics(6, 3, seed=2)
    still = SufficientStatistics(
        data.squares, data.relative_sampling_noise, 0 * data.gram, 0 * data.probes, 3
    )
    posterior = Posterior(still, covariance, covariance.values(1, 1))
    assert posterior.variance == module.SMALLEST_VARIANCE
    assert math.isfinite(posterior.loss)
    assert np.isfinite(posterior.derivatives()[0]).all()
    # Nothing but the prior steers the search.
    np.testing.assert_allclose(
        posterior.derivatives()[1], np.diag(covariance.log_prior()[2]), rtol=1e-12
    )


def test_part_of_the_evidence_is_that_of_part_of_the_perturbations():
    data, covariance = statistics(11, 4, seed=3)
    part = data.every(3)
    Y = data.probes[::3]
    again = SufficientStatistics(
        [d[::3, ::3] for d in data.squares], data.relative_sampling_noise[::3], Y @ Y.T, Y, 4
    )
    values = somewhere(covariance, seed=3)
    first, second = (Posterior(e, covariance, values) for e in (part, again))
    assert first.loss == pytest.approx(second.loss, rel=1e-12)
    np.testing.assert_allclose(first.derivatives()[0], second.derivatives()[0], rtol=1e-6)
    assert data.every(1) is data


def test_cost_does_not_grow_with_the_outputs(monkeypatch):
    works = []
    for outputs in (1, 50):
        data, covariance = statistics(9, outputs, seed=4)
        # As many probes as in a fit, whatever the number of outputs.
        few = replace(data, probes=torch.ones(9, 2, dtype=torch.float64))
        with counted() as work:
            Posterior(few, covariance, covariance.values(1, 1)).derivatives()
        works.append(work)
    assert works[0] == works[1]
    assert works[0].factorised == {9: 1}


def test_a_matrix_that_is_no_covariance_is_refused():
    data, covariance = statistics(3, 2, seed=5, sources=1)
    far = torch.full((3, 3), 10.0, dtype=torch.float64)
    # "Distances" of zero on the far side of large ones belong to no genes.
    far[0, 1] = far[1, 0] = far[1, 2] = far[2, 1] = 0
    far.fill_diagonal_(0)
    wrong = SufficientStatistics([far], data.relative_sampling_noise, data.gram, data.probes, 2)
    with pytest.raises(LinAlgError):
        Posterior(wrong, covariance, covariance.values(1e5, 1))
