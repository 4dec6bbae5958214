"""Separate signal from noise in each output: two ways that share one factorisation."""

from collections.abc import Sequence
from copy import copy
from typing import Self

import numpy as np
import torch
from scipy.linalg import eigh

from llmpert.models.gp.solver import Spectrum

COMPONENTS = 100
"""Principal components of the responses that may carry signal by default; the rest is noise."""

LEVELS = torch.logspace(-3, 4, 71, dtype=torch.float64)
"""Noise-to-signal ratios tried for a component, in units of the ratio found for all outputs."""

LEAST_GAIN = 1.0
"""Nats by which signal must improve a component's likelihood: Akaike's price of its parameter."""


class Outputs:
    """A fitted description of D outputs, in the unit of the centred responses.

    Each is a sum of components, independent Gaussian processes that share the kernel. Covariances
    with the training perturbations come rotated by the spectrum (`cross`, N x M).

    Args:
        rotated: Components of the training responses, rotated, N x k.
        level: Noise-to-signal ratio of each component, k, or of all, 1.
        axes: Weights of the components in each output, D x k; None where they are the outputs.

    Attributes:
        signal: Signal variance of each output for a kernel of 1, D.
        noise: Noise variance of each output for a typical perturbation, D.
        component_signal: Signal variance of each component for a kernel of 1.
        level, axes: As given.
    """

    signal: torch.Tensor
    noise: torch.Tensor
    component_signal: torch.Tensor

    def __init__(
        self,
        spectrum: Spectrum,
        rotated: torch.Tensor,
        level: torch.Tensor,
        axes: torch.Tensor | None = None,
    ) -> None:
        self._spectrum, self._rotated, self.level, self.axes = spectrum, rotated, level, axes
        self._inverses = spectrum.inverses(level)
        self._weights = self._all_weights = rotated * self._inverses

    def only(self, columns: np.ndarray) -> Self:
        """Return the description of some outputs, by their positions."""
        one = copy(self)
        one.signal, one.noise = self.signal[columns], self.noise[columns]
        if self.axes is None:
            one._rotated, one._weights = self._rotated[:, columns], self._weights[:, columns]
            one.component_signal = one.signal
        else:
            one.axes = self.axes[columns]
        return one

    def mean(self, cross: torch.Tensor) -> torch.Tensor:
        """Return posterior mean of M other genes, M x D."""
        return self._joined(cross.T @ self._weights)

    def components(self, cross: torch.Tensor, prior: float) -> tuple[torch.Tensor, torch.Tensor]:
        """Return posterior mean and variance of M other genes' components, each M x k."""
        mean = cross.T @ self._weights
        return mean, self._variance(cross, prior).expand_as(mean)

    def components_without(
        self, cross: torch.Tensor, prior: float, groups: Sequence[np.ndarray]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """As `components` of one gene (`cross`, N), without groups of rows: each groups x k."""
        lost, told = self._spectrum.without(self._rotated, cross, self.level, groups)
        mean, variance = self.components(cross[:, None], prior)
        return mean - lost, variance + told * self.component_signal

    def departure(self, cross: torch.Tensor) -> torch.Tensor:
        """Return the length of each mean over all outputs there were before `only`, M."""
        # Axes are orthonormal.
        return (cross.T @ self._all_weights).norm(dim=1)

    def weights(self, directions: torch.Tensor) -> torch.Tensor:
        """Return what training perturbations weigh in the mean along directions (D x m), N x m.

        The transpose of another gene's covariances with the training perturbations, times these
        weights, is its posterior mean times the directions.
        """
        along = directions if self.axes is None else self.axes.T @ directions
        return self._spectrum.weights(self._weights @ along)

    def variance(self, cross: torch.Tensor, prior: float) -> torch.Tensor:
        """Return posterior variance of the signal, M x D, for a kernel of `prior` at every gene."""
        return self._joined(self._variance(cross, prior), squared=True)

    def _variance(self, cross: torch.Tensor, prior: float) -> torch.Tensor:
        """Return posterior variance of the components, M x k (or x 1, where all are alike)."""
        explained = cross.square().T @ self._inverses
        return (prior - explained).clamp_min(0) * self.component_signal

    def leave_one_out(self, rows: slice) -> tuple[torch.Tensor, torch.Tensor]:
        """Return errors (output minus prediction) of training perturbations, and the variance of
        the signal given the others."""
        errors, variance = self._spectrum.leave_one_out(self._rotated, self.level, rows)
        return self._joined(errors), self._joined(variance * self.component_signal, squared=True)

    @property
    def scores(self) -> torch.Tensor:
        """Components of the training responses, N x k."""
        return self._spectrum.unrotate(self._rotated)

    def stored(self) -> tuple[torch.Tensor, ...]:
        """Return what `StoredComponents` is made of.

        Raises:
            ValueError: There are no components.
        """
        if self.axes is None:
            raise ValueError("expected a model of components, found one of outputs")
        return self.scores, self.level, self.axes, self.component_signal, self.noise

    def left_out(self, rows: np.ndarray | slice) -> tuple[torch.Tensor, torch.Tensor]:
        """Return predictions of training perturbations, each from the others, and the variance of
        the signal given these."""
        mean, variance = self.left_out_components(rows)
        return self._joined(mean), self._joined(variance, squared=True)

    def left_out_components(self, rows: np.ndarray | slice) -> tuple[torch.Tensor, torch.Tensor]:
        """As `left_out`, of the components, each rows x k."""
        errors, variance = self._spectrum.leave_one_out(self._rotated, self.level, rows)
        return self.scores[rows] - errors, (variance * self.component_signal).expand_as(errors)

    def _joined(self, components: torch.Tensor, squared: bool = False) -> torch.Tensor:
        if self.axes is None:
            return components
        return components @ (self.axes.square() if squared else self.axes).T


class SharedNoise(Outputs):
    """All outputs have the same signal and noise variance (Märtens et al. 2024)."""

    def __init__(
        self,
        spectrum: Spectrum,
        centred: torch.Tensor,
        gram: torch.Tensor,
        components: int = COMPONENTS,
    ) -> None:
        super().__init__(spectrum, spectrum.rotate(centred), torch.ones(1, dtype=torch.float64))
        variance = (self._rotated * self._weights).mean()
        self.signal = self.noise = self.component_signal = variance.expand(centred.shape[1])


class ComponentNoise(Outputs):
    """Every principal component of the responses has a signal and a noise variance of its own.

    Signal and noise are both structured across outputs, as in Rakitsch, Lippert, Borgwardt &
    Stegle (2013), with common axes: the principal components of the training responses. A strong
    programme that many genes share is then trusted more than what looks like noise. The two
    variances of a component maximise its own likelihood; a component that is no better for having
    signal has none, and its variance counts as noise of the genes concerned.
    """

    def __init__(
        self,
        spectrum: Spectrum,
        centred: torch.Tensor,
        gram: torch.Tensor,
        components: int = COMPONENTS,
    ) -> None:
        # Where noise differs between perturbations, axes are those of equally noisy responses.
        deviation = spectrum.noise.sqrt()[:, None]
        axes = _principal_axes(centred / deviation, gram / deviation / deviation.T, components)
        scores = centred @ axes
        rotated = spectrum.rotate(scores)
        signal, level = _signal_and_level(spectrum, rotated)
        kept = signal > 0
        axes, self.component_signal = axes[:, kept], signal[kept]
        super().__init__(spectrum, rotated[:, kept], level[kept], axes)
        self._rest = centred - scores[:, kept] @ axes.T
        rest_noise = spectrum.noise.reciprocal() @ self._rest.square() / len(centred)
        squares = axes.square()
        self.signal = squares @ self.component_signal
        self.noise = squares @ (self.component_signal * self.level) + rest_noise

    def only(self, columns: np.ndarray) -> Self:
        """As of all outputs."""
        one = super().only(columns)
        one._rest = self._rest[:, columns]
        return one

    def leave_one_out(self, rows: slice) -> tuple[torch.Tensor, torch.Tensor]:
        """As of all outputs; what no component explains is error."""
        errors, variance = super().leave_one_out(rows)
        return self._rest[rows] + errors, variance


class StoredComponents(Outputs):
    """The components with signal that `ComponentNoise` found, without the responses behind them.

    Its errors are those within the components.
    """

    def __init__(
        self,
        spectrum: Spectrum,
        scores: torch.Tensor,
        level: torch.Tensor,
        axes: torch.Tensor,
        signal: torch.Tensor,
        noise: torch.Tensor,
    ) -> None:
        super().__init__(spectrum, spectrum.rotate(scores), level, axes)
        self.component_signal, self.noise = signal, noise
        self.signal = axes.square() @ signal
        self._scores = scores

    @property
    def scores(self) -> torch.Tensor:
        """As they were given."""
        return self._scores


def _principal_axes(centred: torch.Tensor, gram: torch.Tensor, most: int) -> torch.Tensor:
    """Return the leading principal axes of the responses, D x at most `most`, orthonormal."""
    rows, columns = centred.shape
    smaller = gram if rows <= columns else centred.T @ centred
    leading = [max(0, len(smaller) - most), len(smaller) - 1]
    values, vectors = eigh(smaller.numpy(), subset_by_index=leading, driver="evr")
    # Directions in which nothing varies but rounding have no axis.
    kept = (values > values[-1] * 1e-10) & (values > 0)
    axes = torch.from_numpy(np.ascontiguousarray(vectors[:, kept]))
    if rows <= columns:
        axes = centred.T @ axes / torch.from_numpy(values[kept]).sqrt()
    return axes


def _signal_and_level(
    spectrum: Spectrum, rotated: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return signal variance and noise-to-signal ratio of each component, by maximum likelihood."""
    squares = rotated.square()
    size = len(squares)
    step = (LEVELS[1] / LEVELS[0]).log()

    def likelihood(levels: torch.Tensor) -> torch.Tensor:
        """Of all components at each level, at the best signal variance."""
        inverses = spectrum.inverses(levels)
        return 0.5 * (inverses.log().sum(dim=0)[:, None] - size * (inverses.T @ squares).log())

    tried = likelihood(LEVELS)
    best = tried.argmax(dim=0)
    # A parabola through the best level and its neighbours finds the place between them.
    middle = best.clamp(1, len(LEVELS) - 2)
    left, centre, right = (tried.gather(0, (middle + k)[None])[0] for k in (-1, 0, 1))
    bend = left - 2 * centre + right
    shift = torch.where(bend < 0, 0.5 * (left - right) / bend, best - middle).clamp(-1, 1)
    level = LEVELS[middle] * (shift * step).exp()
    without = -0.5 * size * squares.sum(dim=0).log()
    signal = (squares * spectrum.inverses(level)).mean(dim=0)
    return torch.where(tried.amax(dim=0) > without + LEAST_GAIN, signal, 0.0), level
