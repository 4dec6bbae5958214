"""The covariance of the responses: one kernel a source, summed, and noise.

In units of the noise variance of a typical perturbation it is

    C = K + diag(r),   K = sum over sources s of  ratio_s k(d_s / lengthscale_s)

with d_s the distances between genes in source s, ratio_s the signal-to-noise ratio of source s and
r the noise of each perturbation relative to a typical one. A source that says nothing about the
responses gets a ratio near 0 and costs the others nothing.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from gpytorch.constraints import Positive
from gpytorch.kernels import RBFKernel, ScaleKernel

from llmpert.models.gp.solver import blocks, mirrored

# Search limits: ratios; lengthscales in median distances; the odds of sampling noise. Wide enough
# never to bind on informative data, narrow enough for a Cholesky factor of any C.
RATIO_LIMITS = (1e-6, 1e6)
LENGTHSCALE_LIMITS = (1e-2, 1e2)
ODDS_LIMITS = (1e-3, 1e3)

# Widths of the priors, on logarithms: wide, so that they decide only what the data leave open. A
# source is taken to say nothing until the responses speak for it (`LITTLE_SIGNAL` is the prior's
# centre): with a lengthscale below all distances its kernel would be another name for noise.
RATIO_PRIOR, LENGTHSCALE_PRIOR, ODDS_PRIOR = 4.0, 2.0, 2.0

LITTLE_SIGNAL = 1e-2
"""The ratio of a source that is hardly informative."""

FRESH_LENGTHSCALE = 0.35
"""In median distances: what a kernel of which nothing is known yet starts with."""

FARTHEST = 120.0
"""In squared lengthscales: beyond it a kernel is 0 beside 1. In single precision it would soon be
one of the smallest numbers there are, with which processors are slow."""

LOG = Positive(transform=torch.exp, inv_transform=torch.log)
"""Makes a kernel's raw value the logarithm, so that the search moves by factors."""


def natural(logarithm: torch.Tensor) -> float:
    """Return what a raw value means: GPyTorch's own way takes as long as a small matrix."""
    return logarithm.exp().item()


class RBF(RBFKernel):
    """GPyTorch's RBF, evaluated on squared distances that are computed once.

    Its own evaluation computes them anew for every lengthscale, by a quadratic expansion that loses
    distances that are small against the largest: the matrix is then no covariance any more.
    """

    def at(self, squares: torch.Tensor) -> torch.Tensor:
        """Return exp(-d²/2l²) of squared distances d²."""
        length = natural(self.raw_lengthscale)
        return (squares * (-0.5 / length**2)).clamp_min_(-0.5 * FARTHEST).exp_()

    def with_slope(self, squares: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the kernel, and its derivative with respect to log l."""
        length = natural(self.raw_lengthscale)
        # Divided, for a product with 1/l² rounds otherwise: that sent 5 of 30 searches of a real
        # fold to a maximum 33 nats lower.
        scaled = (squares / length**2).clamp_max_(FARTHEST)
        value = (-0.5 * scaled).exp_()
        return value, scaled.mul_(value)


class Scaled(ScaleKernel):
    """GPyTorch's scaled kernel, of one without batches.

    It asks torch for the shape of batches otherwise, which imports SymPy: half a second.
    """

    @property
    def batch_shape(self) -> torch.Size:
        """No batches."""
        return torch.Size()


class Covariance:
    """C and its hyper-parameters, with their priors and limits; free parameters are logarithms.

    Args:
        medians: Median distance between genes in each source.
        by_cells: Whether the noise of a perturbation is `1 - share + share * typical cells /
            cells`: one part that more cells cannot reduce and one that they do. The odds, share /
            (1 - share), are a hyper-parameter.
        kernel: A GPyTorch kernel with a lengthscale and the methods `at` and `with_slope` of `RBF`.
    """

    def __init__(
        self, medians: Sequence[float], by_cells: bool = False, kernel: type[RBF] = RBF
    ) -> None:
        self.by_cells = by_cells
        # Derivatives are written out: see `derivatives`.
        *self.kernels, further = (
            Scaled(kernel(lengthscale_constraint=LOG), outputscale_constraint=LOG)
            .double()
            .requires_grad_(False)
            for _ in range(len(medians) + 1)
        )
        self._further: Any = further.base_kernel  # takes each lengthscale that is asked for
        self._log_odds = torch.zeros((), dtype=torch.float64)
        self._medians = np.array(medians)
        # Free parameters alternate: the ratio and the lengthscale of each source, then the odds.
        self._ratios, self._lengthscales = (slice(k, 2 * len(medians), 2) for k in (0, 1))
        pairs = [(one.raw_outputscale, one.base_kernel.raw_lengthscale) for one in self.kernels]
        self._free = [raw for pair in pairs for raw in pair]
        self._free += [self._log_odds] if by_cells else []
        # Single precision says enough of a prior's centre.
        self._centres = np.log(self._laid_out(LITTLE_SIGNAL, self._medians, 1)).astype("f4")
        self._widths = self._laid_out(RATIO_PRIOR, LENGTHSCALE_PRIOR, ODDS_PRIOR)

    @classmethod
    def of(
        cls,
        ratios: np.ndarray,
        lengthscales: np.ndarray,
        sampling_share: float,
        kernel: type[RBF] = RBF,
    ) -> "Covariance":
        """Return one with these hyper-parameters; a share of 0 means that cells are unknown."""
        found = cls([*lengthscales], sampling_share > 0, kernel)
        odds = sampling_share / (1 - sampling_share)
        values = found._laid_out(1, lengthscales, odds)
        values[found._ratios] = ratios
        found.place(np.log(values))
        return found

    def _laid_out(self, ratio: float, lengthscale: np.ndarray | float, odds: float) -> np.ndarray:
        """Return values in the order of the free parameters, one lengthscale for all or each."""
        values = np.full(self._ratios.stop + self.by_cells, float(odds))
        values[self._ratios], values[self._lengthscales] = ratio, lengthscale
        return values

    @property
    def ratios(self) -> np.ndarray:
        """Signal-to-noise ratio of each source."""
        return np.array([natural(kernel.raw_outputscale) for kernel in self.kernels])

    @property
    def lengthscales(self) -> np.ndarray:
        """Lengthscale of each source, in units of its distances."""
        return np.array([natural(kernel.base_kernel.raw_lengthscale) for kernel in self.kernels])

    @property
    def sampling_share(self) -> float:
        """Share of a typical perturbation's noise that comes from its number of cells."""
        return self._log_odds.sigmoid().item() if self.by_cells else 0.0

    def values(self, ratio: float, lengthscale: float) -> np.ndarray:
        """Return free parameters: one ratio for all sources, lengthscales in median distances."""
        ratio /= len(self._medians)
        return np.log(self._laid_out(ratio, lengthscale * self._medians, 1))

    def values_of(self, other: "Covariance") -> np.ndarray:
        """Return another's hyper-parameters as free parameters here, for as many sources."""
        found = self._laid_out(1, other.lengthscales, other._log_odds.exp().item())
        found[self._ratios] = other.ratios
        return np.log(found)

    def with_lengthscales(self, lengthscales: Sequence[float]) -> list[tuple[int, float]]:
        """Return sources, each with each of some lengthscales, given in median distances."""
        return [(n, one * median) for n, median in enumerate(self._medians) for one in lengthscales]

    def afresh(self, values: np.ndarray, noise: np.ndarray) -> np.ndarray:
        """Return free parameters where some kernels, S, are part of the noise.

        They and kernels with little signal get little signal and a fresh lengthscale.
        """
        found, ratios = values.copy(), np.exp(values[self._ratios])
        found[self._ratios] -= np.log1p(ratios[noise].sum())
        empty = noise | (ratios < LITTLE_SIGNAL)
        found[self._ratios][empty] = np.log(LITTLE_SIGNAL)
        found[self._lengthscales][empty] = np.log(FRESH_LENGTHSCALE * self._medians[empty])
        return found

    @property
    def longest_step(self) -> np.ndarray:
        """How far a search may go at once in each free parameter: lengthscales bend the most."""
        return self._laid_out(1, 0.5, 1)

    @property
    def limits(self) -> np.ndarray:
        """Lowest and highest value of each free parameter, P x 2."""
        both = zip(RATIO_LIMITS, LENGTHSCALE_LIMITS, ODDS_LIMITS, strict=True)
        ends = [self._laid_out(ratio, l * self._medians, odds) for ratio, l, odds in both]
        return np.log(ends).T

    def place(self, values: np.ndarray) -> None:
        """Set the free parameters."""
        for parameter, value in zip(self._free, values, strict=True):
            parameter.fill_(float(value))

    def log_prior(self) -> tuple[float, np.ndarray, np.ndarray]:
        """Return the free parameters' log density, gradient and each one's curvature, -d²/dx²."""
        values = np.array([parameter.item() for parameter in self._free])
        standardised = (values - self._centres) / self._widths
        density = -0.5 * (standardised**2 + np.log(2 * np.pi * self._widths**2)).sum()
        return float(density), -standardised / self._widths, 1 / self._widths**2

    def between(self, squares: Sequence[torch.Tensor]) -> torch.Tensor:
        """Return K, from the squared distances in each source (matrices of one shape)."""
        found = torch.zeros_like(squares[0])
        for kernel, d in zip(self.kernels, squares, strict=True):
            found.add_(kernel.base_kernel.at(d), alpha=natural(kernel.raw_outputscale))
        return found

    def parts(self, squares: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """Return what each kernel adds to K, from the squared distances in each source."""
        return [
            kernel.base_kernel.at(d).mul_(natural(kernel.raw_outputscale))
            for kernel, d in zip(self.kernels, squares, strict=True)
        ]

    def prior_signal(self) -> float:
        """Return K of a gene with itself."""
        return float(self.ratios.sum())

    def noise(self, relative_sampling_noise: torch.Tensor) -> torch.Tensor:
        """Return r, from typical cells / cells."""
        if not self.by_cells:
            return torch.ones_like(relative_sampling_noise)
        return 1 + self._log_odds.sigmoid() * (relative_sampling_noise - 1)

    def signal(self, squares: Sequence[torch.Tensor]) -> torch.Tensor:
        """Return K of the training perturbations, N x N."""
        return mirrored(self.lower_signal(squares))

    def lower_signal(self, squares: Sequence[torch.Tensor]) -> torch.Tensor:
        """Return K of the training perturbations on and below the diagonal; above, any numbers."""
        size = len(squares[0])
        out = torch.empty(size, size, dtype=torch.float64)
        for rows in blocks(size):
            out[rows, : rows.stop] = self.between([d[rows, : rows.stop] for d in squares])
        return out

    def derivatives(
        self,
        squares: Sequence[torch.Tensor],
        relative_sampling_noise: torch.Tensor,
        slope: Callable[[slice], torch.Tensor],
        right: torch.Tensor,
        more: Sequence[tuple[int, float]] = (),
    ) -> tuple[np.ndarray, list[torch.Tensor]]:
        """Return a function's gradient, P, and dC/dp B (N x m) for each of P parameters p.

        Args:
            squares: Squared distances in each source, N x N.
            relative_sampling_noise: Typical cells / cells, N.
            slope: The function's derivative with respect to C, symmetric: `slope(rows)` gives its
                rows up to the last one's diagonal element, rows x rows.stop.
            right: A matrix B, N x m, in the precision of `slope`, and of all that is computed.
            more: Source and lengthscale of further kernels. Their weights, 0 at present, are
                parameters after the free ones.
        """
        ratios, odds = self.ratios, 2 * len(self.kernels)
        gradient = np.zeros(len(self._free) + len(more))
        products = [torch.zeros_like(right) for _ in gradient]
        for rows in blocks(len(relative_sampling_noise)):
            weights = slope(rows)
            if self.by_cells:
                diagonal = weights[:, rows.start :].diagonal().double()
                gradient[odds] += (relative_sampling_noise[rows] - 1) @ diagonal
            weights[:, : rows.start] *= 2  # for the entries above the diagonal
            near = [d[rows, : rows.stop].to(right.dtype) for d in squares]
            for parameter, part in self._slopes(near, more):
                gradient[parameter] += torch.sum(part * weights).item()
                products[parameter][rows].addmm_(part, right[: rows.stop])
                if rows.start:
                    left = part[:, : rows.start]
                    products[parameter][: rows.start].addmm_(left.T, right[rows])
        for parameter in range(odds):
            gradient[parameter] *= ratios[parameter // 2]
            products[parameter] *= ratios[parameter // 2]
        if self.by_cells:
            share = self.sampling_share
            gradient[odds] *= share * (1 - share)
            change = (share * (1 - share) * (relative_sampling_noise - 1)).to(right.dtype)
            products[odds] = change[:, None] * right
        return gradient, products

    def _slopes(
        self, squares: Sequence[torch.Tensor], more: Sequence[tuple[int, float]]
    ) -> Iterator[tuple[int, torch.Tensor]]:
        """Yield each parameter of a kernel and its slope, for a ratio of 1."""
        for source, kernel in enumerate(self.kernels):
            slopes = kernel.base_kernel.with_slope(squares[source])
            yield from enumerate(slopes, start=2 * source)
        for parameter, (source, lengthscale) in enumerate(more, start=len(self._free)):
            self._further.raw_lengthscale.fill_(math.log(lengthscale))
            yield parameter, self._further.at(squares[source])
