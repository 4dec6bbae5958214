"""What is signal and what is noise in each output: two answers that share one factorisation."""

from typing import Protocol

import numpy as np
import torch
from scipy.linalg import eigh

from llmpert.models.gp.solver import Spectrum

COMPONENTS = 100
"""Principal components of the responses that may carry signal; what is beyond them is noise."""

LEVELS = torch.logspace(-3, 4, 71, dtype=torch.float64)
"""Noise-to-signal ratios tried for a component, in units of the ratio found for all outputs."""

LEAST_GAIN = 1.0
"""Nats by which signal must improve a component's likelihood: Akaike's price of its parameter."""


class Outputs(Protocol):
    """A fitted description of D outputs, in the unit of the centred responses.

    Covariances with the training perturbations come rotated by the spectrum (`cross`, N x M).
    """

    signal: torch.Tensor
    """Signal variance of each output for a kernel of 1, D."""
    noise: torch.Tensor
    """Noise variance of each output for a typical perturbation, D."""

    def mean(self, cross: torch.Tensor) -> torch.Tensor:
        """Return posterior mean of M other genes, M x D."""

    def weights(self, directions: torch.Tensor) -> torch.Tensor:
        """Return what training perturbations weigh in the mean along directions (D x m).

        N x m: the transpose of another gene's covariances with the training perturbations, times
        these weights, is its posterior mean times the directions.
        """

    def variance(self, cross: torch.Tensor, prior: float) -> torch.Tensor:
        """Return posterior variance of the signal, M x D, for a kernel of `prior` at every gene."""

    def leave_one_out(self, rows: slice) -> tuple[torch.Tensor, torch.Tensor]:
        """Errors (output minus prediction) of training perturbations, and the signal's variance
        given the others."""


class SharedNoise:
    """All outputs have the same signal and noise variance (Märtens et al. 2024)."""

    def __init__(self, spectrum: Spectrum, centred: torch.Tensor, gram: torch.Tensor) -> None:
        self._spectrum, self._level = spectrum, torch.ones(1, dtype=torch.float64)
        self._inverse = spectrum.inverses(self._level)
        self._rotated = spectrum.rotate(centred)
        self._weights = self._rotated * self._inverse
        variance = (self._rotated * self._weights).mean()
        self.signal = self.noise = variance.expand(centred.shape[1])

    def mean(self, cross: torch.Tensor) -> torch.Tensor:
        """See `Outputs`."""
        return cross.T @ self._weights

    def weights(self, directions: torch.Tensor) -> torch.Tensor:
        """See `Outputs`."""
        return self._spectrum.weights(self._weights @ directions)

    def variance(self, cross: torch.Tensor, prior: float) -> torch.Tensor:
        """See `Outputs`."""
        explained = cross.square().T @ self._inverse
        return (prior - explained).clamp_min(0) * self.signal

    def leave_one_out(self, rows: slice) -> tuple[torch.Tensor, torch.Tensor]:
        """See `Outputs`."""
        errors, variance = self._spectrum.leave_one_out(self._rotated, self._level)
        return errors[rows], variance[rows] * self.signal


class ComponentNoise:
    """Every principal component of the responses has a signal and a noise variance of its own.

    Signal and noise are both structured across outputs, as in Rakitsch, Lippert, Borgwardt &
    Stegle (2013), with common axes: the principal components of the training responses. A strong
    programme that many genes share is then trusted more than what looks like noise. The two
    variances of a component maximise its own likelihood; a component that is no better for having
    signal has none, and its variance counts as noise of the genes concerned. So signal and noise
    differ between genes.
    """

    def __init__(self, spectrum: Spectrum, centred: torch.Tensor, gram: torch.Tensor) -> None:
        # Where noise differs between perturbations, axes are those of equally noisy responses.
        deviation = spectrum.noise.sqrt()[:, None]
        axes = _principal_axes(centred / deviation, gram / deviation / deviation.T)
        scores = centred @ axes
        rotated = spectrum.rotate(scores)
        signal, level = _signal_and_level(spectrum, rotated)
        kept = signal > 0
        self._spectrum = spectrum
        self._axes, self._signal, self._level = axes[:, kept], signal[kept], level[kept]
        self._rotated = rotated[:, kept]
        self._inverses = spectrum.inverses(self._level)
        self._weights = self._rotated * self._inverses
        self._rest = centred - scores[:, kept] @ self._axes.T
        self._rest_noise = (self._rest.square() / spectrum.noise[:, None]).mean(dim=0)
        squares = self._axes.square()
        self.signal = squares @ self._signal
        self.noise = squares @ (self._signal * self._level) + self._rest_noise

    def mean(self, cross: torch.Tensor) -> torch.Tensor:
        """See `Outputs`."""
        return (cross.T @ self._weights) @ self._axes.T

    def weights(self, directions: torch.Tensor) -> torch.Tensor:
        """See `Outputs`."""
        return self._spectrum.weights(self._weights @ (self._axes.T @ directions))

    def variance(self, cross: torch.Tensor, prior: float) -> torch.Tensor:
        """See `Outputs`."""
        explained = cross.square().T @ self._inverses
        return ((prior - explained).clamp_min(0) * self._signal) @ self._axes.square().T

    def leave_one_out(self, rows: slice) -> tuple[torch.Tensor, torch.Tensor]:
        """See `Outputs`."""
        errors, variance = self._spectrum.leave_one_out(self._rotated, self._level)
        return (
            self._rest[rows] + errors[rows] @ self._axes.T,
            (variance[rows] * self._signal) @ self._axes.square().T,
        )


def _principal_axes(centred: torch.Tensor, gram: torch.Tensor) -> torch.Tensor:
    """Return the leading principal axes of the responses, D x at most `COMPONENTS`, orthonormal."""
    rows, columns = centred.shape
    smaller = gram if rows <= columns else centred.T @ centred
    leading = [max(0, len(smaller) - COMPONENTS), len(smaller) - 1]
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
