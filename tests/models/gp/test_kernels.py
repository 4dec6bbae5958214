"""The covariance: against GPyTorch's own kernels, autograd on the dense matrix and differences."""

import math

import numpy as np
import pytest
import torch
from gpytorch.kernels import RBFKernel, ScaleKernel
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from llmpert.models.gp import kernels
from llmpert.models.gp.kernels import RBF, Covariance

MEDIANS = [1.5, 0.2]
VALUES = np.log([2.0, 1.1, 0.3, 0.25, 0.5])
"""Of two sources (ratio, lengthscale) and the odds of sampling noise."""


def inputs(size: int, seed: int = 0) -> list[torch.Tensor]:
    """Genes in two sources, of 3 and 2 coordinates."""
    rng = np.random.default_rng(seed)
    return [
        torch.from_numpy(rng.normal(size=(size, 3))),
        torch.from_numpy(0.2 * rng.normal(size=(size, 2))),
    ]


def squares(size: int, seed: int = 0) -> list[torch.Tensor]:
    """Squared distances."""
    return [
        torch.cdist(z, z, compute_mode="donot_use_mm_for_euclid_dist").square()
        for z in inputs(size, seed)
    ]


def scarce(size: int, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).uniform(0.3, 3, size))


def placed(values: np.ndarray = VALUES, by_cells: bool = True) -> Covariance:
    covariance = Covariance(MEDIANS, by_cells)
    covariance.place(values if by_cells else values[:-1])
    return covariance


def dense(
    values: torch.Tensor, d: list[torch.Tensor], relative_sampling_noise: torch.Tensor
) -> torch.Tensor:
    """C, written out."""
    first = values[0].exp() * torch.exp(-0.5 * d[0] / values[1].exp() ** 2)
    second = values[2].exp() * torch.exp(-0.5 * d[1] / values[3].exp() ** 2)
    share = values[4].exp() / (1 + values[4].exp())
    return first + second + torch.diag(1 - share + share * relative_sampling_noise)


@pytest.mark.parametrize("size", [1, 2, 63, 64, 65, 150])
def test_signal_is_the_sum_of_gpytorchs_kernels(size):
    z = inputs(size)
    expected = torch.zeros(size, size, dtype=torch.float64)
    for source, (ratio, lengthscale) in zip(z, np.exp(VALUES[:4]).reshape(2, 2), strict=True):
        kernel = ScaleKernel(RBFKernel()).double()
        kernel.outputscale, kernel.base_kernel.lengthscale = ratio, lengthscale
        with torch.no_grad():
            expected += kernel(source).to_dense()
    signal = placed().signal(squares(size))
    torch.testing.assert_close(signal, expected, rtol=1e-10, atol=1e-10)
    assert torch.equal(signal, signal.T)
    torch.testing.assert_close(signal, placed().between(squares(size)), rtol=1e-15, atol=1e-15)


def test_reads_back_what_was_placed():
    covariance = placed()
    np.testing.assert_allclose(covariance.ratios, [2.0, 0.3])
    np.testing.assert_allclose(covariance.lengthscales, [1.1, 0.25])
    assert covariance.sampling_share == pytest.approx(0.5 / 1.5)
    assert covariance.prior_signal() == pytest.approx(2.3)
    assert placed(by_cells=False).sampling_share == 0


def test_noise_has_one_part_that_cells_reduce():
    relative_sampling_noise = torch.tensor([0.0, 1.0, 4.0], dtype=torch.float64)
    share = 1 / 3
    expected = [1 - share, 1, 1 - share + 4 * share]
    np.testing.assert_allclose(placed().noise(relative_sampling_noise).detach(), expected)
    assert placed(by_cells=False).noise(relative_sampling_noise).tolist() == [1, 1, 1]


def derivatives(
    covariance: Covariance,
    d: list[torch.Tensor],
    relative_sampling_noise: torch.Tensor,
    by_entry: torch.Tensor,
    right: torch.Tensor | None = None,
) -> tuple[np.ndarray, list[torch.Tensor]]:
    right = (
        torch.zeros(len(relative_sampling_noise), 1, dtype=torch.float64)
        if right is None
        else right
    )
    return covariance.derivatives(
        d, relative_sampling_noise, lambda rows: by_entry[rows, : rows.stop].clone(), right
    )


@pytest.mark.parametrize("size", [1, 5, 64, 300])
def test_gradient_agrees_with_autograd_on_the_dense_matrix(size):
    d, relative_sampling_noise = squares(size), scarce(size)
    rng = np.random.default_rng(1)
    by_entry = torch.from_numpy(rng.normal(size=(size, size)))
    by_entry = by_entry + by_entry.T
    values = torch.tensor(VALUES, requires_grad=True)
    (expected,) = torch.autograd.grad(
        (dense(values, d, relative_sampling_noise) * by_entry).sum(), values
    )
    found = derivatives(placed(), d, relative_sampling_noise, by_entry)[0]
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10 * size)
    found = derivatives(placed(by_cells=False), d, relative_sampling_noise, by_entry)[0]
    np.testing.assert_allclose(found, expected[:-1], rtol=1e-10, atol=1e-10 * size)


@pytest.mark.parametrize("size", [1, 5, 70, 300])
def test_products_agree_with_forward_derivatives_of_the_dense_matrix(size):
    d, relative_sampling_noise = squares(size), scarce(size)
    right = torch.from_numpy(np.random.default_rng(2).normal(size=(size, 3)))
    covariance = placed()
    by_entry = torch.zeros(size, size, dtype=torch.float64)
    found = torch.stack(derivatives(covariance, d, relative_sampling_noise, by_entry, right)[1])
    jacobian = torch.autograd.functional.jacobian(
        lambda values: dense(values, d, relative_sampling_noise) @ right,
        torch.tensor(VALUES),
        vectorize=True,
        strategy="forward-mode",
    )
    torch.testing.assert_close(found, jacobian.permute(2, 0, 1), rtol=1e-10, atol=1e-10)
    without_cells = derivatives(
        placed(by_cells=False), d, relative_sampling_noise, by_entry, right
    )[1]
    torch.testing.assert_close(torch.stack(without_cells), found[:4], rtol=0, atol=0)


def test_prior_is_log_normal_around_medians_and_little_signal():
    expected = sum(
        norm(math.log(centre), width).logpdf(value)
        for value, centre, width in zip(
            VALUES, [0.01, MEDIANS[0], 0.01, MEDIANS[1], 1], [4, 2, 4, 2, 2], strict=True
        )
    )
    density, gradient, curvature = placed().log_prior()
    assert density == pytest.approx(expected, rel=1e-6)

    def at(values: np.ndarray) -> float:
        return placed(values).log_prior()[0]

    steps = 1e-4 * np.eye(5)
    np.testing.assert_allclose(
        gradient, [(at(VALUES + h) - at(VALUES - h)) / 2e-4 for h in steps], rtol=1e-5, atol=1e-7
    )
    np.testing.assert_allclose(
        curvature,
        [-(at(VALUES + h) - 2 * density + at(VALUES - h)) / 1e-8 for h in steps],
        rtol=1e-3,
    )


def test_starting_values_share_the_ratio_and_scale_with_the_medians():
    covariance = Covariance(MEDIANS, by_cells=True)
    np.testing.assert_allclose(
        np.exp(covariance.values(10, 2)), [5, 2 * MEDIANS[0], 5, 2 * MEDIANS[1], 1]
    )
    low, high = covariance.limits.T
    for ratio, lengthscale in [(0.1, 0.25), (10, 4)]:
        values = covariance.values(ratio, lengthscale)
        assert ((low < values) & (values < high)).all()
    np.testing.assert_allclose(np.exp(high)[[1, 3]], [150, 20])
    np.testing.assert_allclose(np.exp(low)[[1, 3]], [0.015, 0.002])


def test_other_lengthscales_are_in_the_medians_of_each_source():
    found = placed().with_lengthscales([0.5, 2])
    assert found == [(0, 0.75), (0, 3.0), (1, 0.1), (1, 0.4)]


def test_noise_by_another_name_becomes_noise():
    """1 + 4 of it is 5 times the noise: the other ratios are a fifth."""
    values = np.log([2.0, 1.1, 4.0, 0.001, 0.5])
    found = np.exp(placed().afresh(values, np.array([False, True])))
    fresh = kernels.FRESH_LENGTHSCALE * MEDIANS[1]
    np.testing.assert_allclose(found, [0.4, 1.1, kernels.LITTLE_SIGNAL, fresh, 0.5])
    np.testing.assert_array_equal(placed().afresh(VALUES, np.zeros(2, bool)), VALUES)


@pytest.mark.parametrize("size", [5, 300])
def test_further_kernels_are_added_with_a_weight(size):
    d, relative_sampling_noise = squares(size), scarce(size)
    rng = np.random.default_rng(3)
    right = torch.from_numpy(rng.normal(size=(size, 3)))
    by_entry = torch.from_numpy(rng.normal(size=(size, size)))
    by_entry = by_entry + by_entry.T
    gradient, products = placed().derivatives(
        d, relative_sampling_noise, lambda rows: by_entry[rows, : rows.stop].clone(), right,
        [(1, 0.3), (0, 2.0)],
    )  # fmt: skip
    alone = derivatives(placed(), d, relative_sampling_noise, by_entry, right)
    np.testing.assert_array_equal(gradient[:5], alone[0])
    for found, product, source, lengthscale in zip(
        gradient[5:], products[5:], (1, 0), (0.3, 2.0), strict=True
    ):
        kernel = torch.exp(-0.5 * d[source] / lengthscale**2)
        assert found == pytest.approx((kernel * by_entry).sum().item(), rel=1e-9, abs=1e-9 * size)
        torch.testing.assert_close(product, kernel @ right, rtol=1e-10, atol=1e-10)


@settings(deadline=None)
@given(st.floats(0, 1e150), st.floats(1e-150, 1e100))
def test_kernel_of_any_distance_is_finite_with_a_finite_slope(distance, lengthscale):
    covariance = Covariance([1.0])
    covariance.place(np.log([1.0, lengthscale]))
    kernel = covariance.kernels[0].base_kernel
    value, slope = kernel.with_slope(torch.tensor([[distance**2]], dtype=torch.float64))
    scaled = min(distance / lengthscale, 100) ** 2
    assert value.item() == pytest.approx(math.exp(-0.5 * scaled), abs=1e-12)
    assert slope.item() == pytest.approx(scaled * math.exp(-0.5 * scaled), abs=1e-12)


@pytest.mark.parametrize("lengthscale", [*kernels.LENGTHSCALE_LIMITS, 1.0])
def test_limits_keep_every_covariance_factorisable(lengthscale):
    """The worst within the limits: six sources, all signal, many genes at few places."""
    size = 600
    z = torch.from_numpy(np.repeat(np.linspace(0, 1, 30), size // 30)[:, None])
    d = [torch.cdist(z, z).square()] * 6
    covariance = Covariance([0.3] * 6)
    covariance.place(covariance.values(6 * kernels.RATIO_LIMITS[1], lengthscale))
    signal = covariance.signal(d)
    signal.diagonal().add_(1 / (1 + kernels.ODDS_LIMITS[1]))
    assert torch.isfinite(torch.linalg.cholesky(signal)).all()


def test_takes_kernels_of_other_shapes():
    class Exponential(RBF):
        def at(self, squares: torch.Tensor) -> torch.Tensor:
            return (-squares.sqrt() / self.lengthscale).exp()

        def with_slope(self, squares: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return self.at(squares), self.at(squares) * squares.sqrt() / self.lengthscale

    d = squares(6)[:1]
    covariance = Covariance(MEDIANS[:1], kernel=Exponential)
    covariance.place(np.log([3.0, 0.5]))
    expected = 3 * torch.exp(-d[0].sqrt() / 0.5)
    torch.testing.assert_close(covariance.signal(d), expected)
    ones = torch.ones(6, 6, dtype=torch.float64)
    found = derivatives(covariance, d, ones[0], ones)[0]
    np.testing.assert_allclose(found, [expected.sum(), (expected * 2 * d[0].sqrt()).sum()])
