import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.stats import multivariate_normal

from llmpert.models.gp import likelihood
from llmpert.models.gp.likelihood import (
    log_marginal_likelihood,
    profile_log_marginal_likelihood,
)


def problem(size: int, outputs: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A random covariance, well away from singular, and responses."""
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(size, size))
    return root @ root.T / size + 0.3 * np.eye(size), rng.normal(size=(size, outputs))


def tensors(covariance: np.ndarray, responses: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.from_numpy(covariance), torch.from_numpy(responses @ responses.T)


sizes = st.integers(1, 12), st.integers(1, 7), st.integers(0, 10**6)


@given(*sizes)
def test_value_is_the_sum_of_gaussian_log_densities(size, outputs, seed):
    covariance, responses = problem(size, outputs, seed)
    expected = multivariate_normal(np.zeros(size), covariance).logpdf(responses.T).sum()
    value = log_marginal_likelihood(*tensors(covariance, responses), outputs)
    assert value.item() == pytest.approx(expected, rel=1e-9, abs=1e-9)


@given(*sizes, st.floats(1e-3, 1e3))
def test_profile_is_the_likelihood_at_the_best_variance(size, outputs, seed, factor):
    covariance, responses = problem(size, outputs, seed)
    shape, gram = tensors(covariance * factor, responses)
    value, variance = profile_log_marginal_likelihood(shape, gram, outputs)
    assert value.item() == pytest.approx(
        log_marginal_likelihood(variance * shape, gram, outputs).item(), rel=1e-9
    )
    density = multivariate_normal(np.zeros(size), np.eye(size))
    white = np.linalg.solve(np.linalg.cholesky(covariance * factor), responses).T
    best = minimize_scalar(
        lambda log: -(density.logpdf(white / np.exp(log / 2)).sum() - 0.5 * white.size * log),
        bracket=(-1, 1),
    )
    assert variance.log().item() == pytest.approx(best.x, abs=1e-4)


@pytest.mark.parametrize("function", [log_marginal_likelihood, profile_log_marginal_likelihood])
@pytest.mark.parametrize(("size", "outputs"), [(1, 1), (4, 3), (7, 20)])
def test_gradient_agrees_with_finite_differences(function, size, outputs):
    covariance, gram = tensors(*problem(size, outputs, seed=size))
    covariance.requires_grad_()

    def of_symmetric(matrix: torch.Tensor) -> torch.Tensor:
        # The factorisation reads one triangle only, so a step must change both.
        value = function((matrix + matrix.T) / 2, gram, outputs)
        return value if isinstance(value, torch.Tensor) else value[0]

    assert torch.autograd.gradcheck(of_symmetric, (covariance,))


def test_variance_of_outputs_that_never_vary_is_limited():
    shape = torch.eye(4, dtype=torch.float64, requires_grad=True)
    value, variance = profile_log_marginal_likelihood(
        shape, torch.zeros(4, 4, dtype=torch.float64), 3, smallest=1e-6
    )
    assert variance.item() == 1e-6
    assert torch.isfinite(value)
    assert torch.isfinite(torch.autograd.grad(value, shape)[0]).all()


@pytest.mark.parametrize("function", [log_marginal_likelihood, profile_log_marginal_likelihood])
def test_one_factorisation_whatever_the_outputs(monkeypatch, function):
    calls: dict[int, list[tuple[int, ...]]] = {}
    sizes: dict[int, set[tuple[int, ...]]] = {}
    cholesky, inverse = torch.linalg.cholesky, torch.cholesky_inverse
    for outputs in (1, 50):
        calls[outputs], sizes[outputs] = [], set()

        def counted(matrix, outputs=outputs):
            calls[outputs].append(tuple(matrix.shape))
            return cholesky(matrix)

        def seen(matrix, outputs=outputs):
            sizes[outputs].add(tuple(matrix.shape))
            return inverse(matrix)

        monkeypatch.setattr(likelihood.torch.linalg, "cholesky", counted)
        monkeypatch.setattr(likelihood.torch, "cholesky_inverse", seen)
        covariance, gram = tensors(*problem(9, outputs, seed=3))
        covariance.requires_grad_()
        value = function(covariance, gram, outputs)
        value = value if isinstance(value, torch.Tensor) else value[0]
        torch.autograd.grad(value, covariance)
    assert calls[1] == calls[50] == [(9, 9)]
    assert sizes[1] == sizes[50] == {(9, 9)}


def test_a_matrix_that_is_no_covariance_is_refused():
    indefinite = torch.tensor([[1.0, 2.0], [2.0, 1.0]], dtype=torch.float64)
    with pytest.raises(torch.linalg.LinAlgError):
        log_marginal_likelihood(indefinite, torch.eye(2, dtype=torch.float64), 1)
