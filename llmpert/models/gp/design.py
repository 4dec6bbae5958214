"""Which genes to knock down next: those that leave the least variance over all others.

A measurement of gene i takes s C_ti² / (C_ii + λ) from the posterior variance of a component in
gene t, with C the posterior covariance for a kernel of 1, s the component's signal and λ its
noise-to-signal ratio. Summed over components and targets t it is the integrated variance reduction
(Seo, Wallat, Graepel & Obermayer 2000). It depends on no response: genes are chosen one after the
other, each as if those before had been measured.
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from scipy.linalg import solve_triangular

from llmpert.models.gp.kernels import FRESH_LENGTHSCALE, Covariance

LEVELS = 6
"""Noise levels that stand for those of all components."""

ROWS = 2048
"""Candidates looked at in one go."""

ANEW = 16
"""So many of these are computed anew for each choice."""

SMALLEST = -80.0
"""Exponents below it count as this: where float32 ends, processors take tens of times as long."""

PROMISING = 2000
"""Candidates whose gains are kept up to date."""


@dataclass(frozen=True, eq=False)
class Belief:
    """What is known of the responses to all knockdowns before some are made.

    Numbers are float32.

    Attributes:
        covariance: The kernel.
        parts: Columns of the inputs that belong to each source.
        inputs: Of the training perturbations, N x K; none before any is measured.
        rotation: R^-½ U, N x N, and `values`, λ, of `llmpert.models.gp.solver.Spectrum`.
        levels: Noise-to-signal ratio of each component, or of several together.
        signal: Signal variance of these.
    """

    covariance: Covariance
    parts: Mapping[str, slice]
    inputs: torch.Tensor
    rotation: torch.Tensor
    values: torch.Tensor
    levels: torch.Tensor
    signal: torch.Tensor

    @classmethod
    def before(cls, parts: Mapping[str, slice], Z: np.ndarray) -> "Belief":
        """Return what is known before any knockdown, from the inputs of all candidates (M x K).

        As much noise as signal, from all sources alike, at the lengthscales that a kernel starts
        with.
        """
        some = torch.from_numpy(Z[:: -(-len(Z) // 200)])
        apart = [torch.pdist(some[:, part]) for part in parts.values()]
        apart += [torch.stack(apart).square().sum(dim=0).sqrt()] * (len(apart) > 1)
        medians = np.array([float(one.median()) or 1.0 for one in apart])
        even, scales = np.full(len(medians), 1 / len(medians)), FRESH_LENGTHSCALE * medians
        none, one = torch.zeros(0, dtype=torch.float32), torch.ones(1, dtype=torch.float32)
        return cls(
            Covariance.of(even, scales, 0.0), parts, torch.zeros(0, Z.shape[1]),
            none.reshape(0, 0), none, one, one,
        )  # fmt: skip

    def grouped(self, count: int = LEVELS) -> "Belief":
        """Return it with so many noise levels at most, each that of components with similar ones.

        No measurement reduces the variance of a component without signal.
        """
        logs = self.levels.log().double()
        edges = torch.linspace(float(logs.min()), float(logs.max()), count + 1)[1:-1]
        group = torch.bucketize(logs, edges.double())
        kept = [group == g for g in group.unique()]
        signal = torch.stack([self.signal[one].sum() for one in kept])
        level = [(logs[one] * self.signal[one]).sum() / self.signal[one].sum() for one in kept]
        return Belief(
            self.covariance, self.parts, self.inputs, self.rotation, self.values,
            torch.stack(level).exp().float(), signal,
        )  # fmt: skip

    def kernel(self, A: torch.Tensor, B: torch.Tensor) -> torch.Tensor:
        """Return the prior covariance of genes with inputs A and B, for a signal of 1."""
        squares = []
        for part in self.parts.values():
            a, b = A[:, part], B[:, part]
            apart = torch.addmm(b.square().sum(1), a, b.T, alpha=-2)
            squares.append(apart.add_(a.square().sum(1)[:, None]).clamp_min_(0))
        if len(squares) > 1:
            squares.append(functools.reduce(torch.add, squares))
        found = torch.zeros(len(A), len(B))
        scales = self.covariance.ratios, self.covariance.lengthscales
        for apart, ratio, lengthscale in zip(squares, *scales, strict=True):
            exponents = apart.mul_(float(-0.5 / lengthscale**2)).clamp_min_(SMALLEST)
            found.add_(exponents.exp_(), alpha=float(ratio))
        return found

    def rotated(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the training perturbations' covariances with M genes, N x M, rotated."""
        return self.rotation.T @ self.kernel(self.inputs, inputs)

    @cached_property
    def inverses(self) -> torch.Tensor:
        """1 / (λ + level), levels x N x 1."""
        return 1 / (self.values[None, :, None] + self.levels[:, None, None])

    @property
    def prior(self) -> float:
        """The kernel of a gene with itself."""
        return self.covariance.prior_signal()


class Reduction:
    """How much the variance over targets falls with each measurement, and what is left to gain.

    Args:
        candidates, targets: Inputs, M x K and T x K.
        weights: What each target counts, T.
        own: What its own variance counts of each candidate beyond that, M: where targets are a
            sample, those in it would count too much for themselves.
    """

    def __init__(
        self,
        belief: Belief,
        candidates: np.ndarray,
        targets: np.ndarray,
        weights: np.ndarray,
        own: np.ndarray,
    ) -> None:
        self._belief = belief
        self._pool, self._aims, self._weights, self._own = (
            torch.from_numpy(np.ascontiguousarray(one, np.float32))
            for one in (candidates, targets, weights, own)
        )
        self._to_pool, self._to_aims = belief.rotated(self._pool), belief.rotated(self._aims)
        self.chosen: list[int] = []
        levels = len(belief.levels)
        self._factor = torch.zeros(levels, 0, 0)
        self._told = torch.zeros(levels, 0, len(targets))

    def total(self) -> float:
        """Return the variance over all targets before any is measured."""
        belief = self._belief
        explained = (self._to_aims.square() * belief.inverses).sum(dim=1)
        return float(belief.signal @ ((belief.prior - explained) @ self._weights))

    def largest(self) -> torch.Tensor:
        """Return the posterior variance of each candidate, given those that were chosen."""
        variance = [self._given(rows)[1] for rows in torch.arange(len(self._pool)).split(ROWS)]
        return self._belief.signal @ torch.hstack(variance)

    def pool(self) -> "Pool":
        """Return all candidates, before any is chosen."""
        belief = self._belief
        weighted = self._to_aims * self._weights
        products = weighted @ self._to_aims.T
        kernel = torch.empty(len(self._pool), len(self._aims))
        taken, variance = torch.empty(2, len(belief.levels), len(self._pool))
        for rows in torch.arange(len(self._pool)).split(ROWS):
            kernel[rows] = part = self.kernel_to_aims(rows)
            squares, mixed = part.square() @ self._weights, weighted @ part.T
            rotated = self._to_pool[:, rows]
            for level, inverse in enumerate(belief.inverses):
                own = rotated * inverse
                quadratic = (own * (products @ own)).sum(dim=0)
                taken[level, rows] = squares - 2 * (mixed * own).sum(dim=0) + quadratic
                variance[level, rows] = belief.prior - (rotated * own).sum(dim=0)
        known = torch.empty(len(belief.levels), 0, len(self._pool))
        return Pool(torch.arange(len(self._pool)), kernel, self._to_pool, taken, variance, known)

    def kernel_to_aims(self, rows: torch.Tensor) -> torch.Tensor:
        """Return the prior covariance of candidates with targets."""
        return self._belief.kernel(self._pool[rows], self._aims)

    def gains(self, rows: torch.Tensor) -> torch.Tensor:
        """Return what candidates, by their rows, take from what those chosen have left."""
        covariance, variance, _ = self._covariance(rows)
        return self.of(covariance.square() @ self._weights, variance, rows)

    def of(self, taken: torch.Tensor, variance: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        """Return gains from sums of squared covariances and variances, both levels x rows."""
        belief = self._belief
        whole = taken + self._own[rows] * variance.square()
        return belief.signal @ (whole / (variance + belief.levels[:, None]))

    def add(self, row: int) -> float:
        """Choose a candidate; return what it takes from the variance."""
        rows, levels = torch.tensor([row]), self._belief.levels
        covariance, variance, known = self._covariance(rows)
        gain = float(self.of(covariance.square() @ self._weights, variance, rows)[0])
        deviation = (variance[:, 0] + levels).sqrt()
        size = len(self.chosen)
        factor = torch.zeros(len(levels), size + 1, size + 1)
        factor[:, :size, :size], factor[:, size, :size] = self._factor, known[:, :, 0]
        factor[:, size, size] = deviation
        self._factor = factor
        new = covariance / deviation[:, None, None]
        self._told = torch.cat([self._told, new], dim=1)
        self.chosen.append(row)
        return gain

    def since(self, first: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return, of those chosen from the `first` on, the rows of the factor and of the weighted
        products of whitened covariances with targets, levels x k x chosen."""
        weighted = self._told[:, first:] * self._weights
        return self._factor[:, first:], weighted @ self._told.transpose(1, 2)

    def unwhitened(self, first: int, pool: "Pool") -> tuple[torch.Tensor, torch.Tensor]:
        """Return covariances of candidates before any is chosen, levels x k x m: with those chosen
        from the `first` on, and with targets, in sums weighted by the whitened ones of these."""
        belief, chosen = self._belief, torch.tensor(self.chosen[first:])
        weighted = self._told[:, first:] * self._weights
        rotated = self._to_pool[:, chosen].T.expand(len(belief.levels), -1, -1)
        along = torch.cat([rotated, weighted @ self._to_aims.T], dim=1)
        # All at once: to read what is known of candidates takes longest.
        explained = (along * belief.inverses.transpose(1, 2)) @ pool.rotated
        own, sums = explained.split(len(chosen), dim=1)
        prior = belief.kernel(self._pool[chosen], self._pool[pool.rows])
        return prior - own, weighted @ pool.kernel.T - sums

    def taken_by(self, rows: np.ndarray) -> np.ndarray:
        """Return what each of these candidates takes from the variance, one after the other.

        Before any is chosen.
        """
        belief, some = self._belief, torch.from_numpy(rows)
        covariance, _, _ = self._covariance(some)
        pool = self._to_pool[:, some]
        between = belief.kernel(self._pool[some], self._pool[some])
        between = between - pool.T @ (pool * belief.inverses)
        noise = belief.levels[:, None, None] * torch.eye(len(rows))
        factor = torch.linalg.cholesky((between + noise).double()).float()
        told = torch.linalg.solve_triangular(factor, covariance, upper=False)
        taken = told.square() @ self._weights
        deviation = factor.diagonal(dim1=1, dim2=2).square()
        variance = (deviation - belief.levels[:, None]).clamp_min(0)
        taken += self._own[some] * variance.square() / deviation
        return (belief.signal @ taken).numpy()

    def _given(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return whitened covariances with those chosen, levels x p x rows, and variances."""
        belief, pool = self._belief, self._to_pool[:, rows]
        parts = pool * belief.inverses
        variance = belief.prior - (pool * parts).sum(dim=1)
        chosen = torch.tensor(self.chosen, dtype=torch.long)
        between = belief.kernel(self._pool[chosen], self._pool[rows])
        between = between - self._to_pool[:, chosen].T @ parts
        known = torch.empty_like(between)
        for level, factor in enumerate(self._factor):
            solved = solve_triangular(factor.numpy(), between[level].numpy(), lower=True)
            known[level] = torch.from_numpy(solved)
        return known, (variance - known.square().sum(dim=1)).clamp_min(0)

    def _covariance(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return posterior covariances with targets, levels x rows x T, variances, and `_given`."""
        known, variance = self._given(rows)
        parts = self._to_pool[:, rows] * self._belief.inverses
        covariance = self.kernel_to_aims(rows) - parts.transpose(1, 2) @ self._to_aims
        return covariance - known.transpose(1, 2) @ self._told, variance, known


@dataclass(eq=False)
class Pool:
    """Candidates, and what each would take from the variance: kept as others are chosen.

    Attributes:
        rows: Their rows among all, m.
        kernel, rotated: Prior covariances with targets, m x T, and with training ones, N x m.
        taken: Weighted sum over targets of their squared posterior covariances, levels x m.
        variance: Their own, levels x m.
        known: Whitened covariances with those chosen that are accounted for, levels x chosen x m.
    """

    rows: torch.Tensor
    kernel: torch.Tensor
    rotated: torch.Tensor
    taken: torch.Tensor
    variance: torch.Tensor
    known: torch.Tensor

    def select(self, at: torch.Tensor) -> "Pool":
        """Return some of them."""
        return Pool(
            self.rows[at], self.kernel[at], self.rotated[:, at], self.taken[:, at],
            self.variance[:, at], self.known[:, :, at],
        )  # fmt: skip

    def gains(self, reduction: Reduction) -> torch.Tensor:
        """Return what each takes from what those chosen have left; below 0 for these."""
        found = reduction.of(self.taken.clamp_min(0), self.variance.clamp_min(0), self.rows)
        return torch.where(torch.isin(self.rows, torch.tensor(reduction.chosen)), -1, found)

    def learn(self, reduction: Reduction) -> None:
        """Account for those that were chosen since.

        With e the whitened covariances of candidates with a chosen one and d those of targets, the
        sum of w C² becomes that of w (C - d e)².
        """
        first = self.known.shape[1]
        if first == len(reduction.chosen):
            return
        factor, products = reduction.since(first)
        every = reduction.unwhitened(first, self)
        self.known = torch.cat([self.known, every[0]], dim=1)
        for number, (e, mixed) in enumerate(zip(*(one.unbind(1) for one in every), strict=True)):
            before, at = self.known[:, : first + number], first + number
            e -= (factor[:, number, None, :at] @ before)[:, 0]
            e /= factor[:, number, at, None]
            mixed -= (products[:, number, None, :at] @ before)[:, 0]
            self.taken = self.taken - 2 * e * mixed + e.square() * products[:, number, at, None]
            self.variance = self.variance - e.square()
            self.known[:, at] = e


def choose(reduction: Reduction, count: int, exact: bool = False) -> np.ndarray:
    """Choose candidates, each the one that takes most from the variance; return what each takes.

    Gains rarely grow as others are chosen, so that those of before bound those of now: only those
    of the most promising candidates are kept up to date (Minoux 1978), unless it is to be `exact`.
    Those chosen are in `reduction.chosen`.
    """
    every, taken = reduction.pool(), list[float]()
    few, bound = every, 0.0
    for _ in range(count):
        few.learn(reduction)
        gains = few.gains(reduction)
        if few is every or float(gains.max()) < bound:
            every.learn(reduction)
            order = every.gains(reduction).sort(descending=True)
            promising = len(every.rows) if exact else min(len(every.rows), PROMISING)
            few, gains = every.select(order.indices[:promising]), order.values[:promising]
            bound = float(order.values[promising]) if promising < len(order.values) else -1.0
        # What is kept up to date is a difference of large numbers: the best are computed anew.
        best = gains.topk(len(gains) if exact else min(len(gains), ANEW))
        rows = few.rows[best.indices[best.values >= 0]]
        anew = torch.hstack([reduction.gains(some) for some in rows.split(ANEW)])
        taken.append(reduction.add(int(rows[anew.argmax()])))
    return np.array(taken)
