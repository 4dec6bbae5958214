"""Gaussian process regression from several sources to many outputs."""

import functools
import math
from collections.abc import Mapping, Sequence
from copy import copy
from typing import Literal

import numpy as np
import torch
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import (
    check_array,
    check_consistent_length,
    check_is_fitted,
    column_or_1d,
    validate_data,
)

from llmpert.models.distribution import Distribution
from llmpert.models.gp.design import Belief
from llmpert.models.gp.kernels import RBF, Covariance
from llmpert.models.gp.likelihood import SufficientStatistics
from llmpert.models.gp.outputs import (
    COMPONENTS,
    ComponentNoise,
    Outputs,
    SharedNoise,
    StoredComponents,
)
from llmpert.models.gp.search import search
from llmpert.models.gp.solver import Spectrum

LARGEST = 1e100
"""Magnitudes beyond it are refused: their squares could not be summed."""

PROBES = 32
"""Random mixtures of the outputs that steer the search (see `Posterior.derivatives`)."""

CALIBRATION_ROWS = 256
"""About so many training perturbations, evenly spaced, teach what becomes of predictions."""

STORED = ("scores", "level", "axes", "signal", "noise")
"""What `StoredComponents` is made of."""

PRECISE, FAST = "donot_use_mm_for_euclid_dist", "use_mm_for_euclid_dist"
"""How distances are computed: from differences of coordinates, so that near genes stay near and
not negative; or, several times faster, from their products, good enough to search many genes."""

NOISE_MODELS = {"shared": SharedNoise, "components": ComponentNoise}


class GaussianProcess(RegressorMixin, BaseEstimator):
    """Multi-output Gaussian process regression with one kernel a source.

    The covariance of two genes' responses is a sum of RBF kernels: one a source, and one over all
    sources side by side, which is a product over sources: genes respond alike where they are near
    in every one. Each has a variance and a lengthscale, found by maximising the marginal likelihood
    of all outputs jointly (with wide priors, see `kernels`). The prior mean of each output is its
    training mean: far from every training gene the prediction returns to the non-control mean.

    With `parts=None` and `noise="shared"` it is the paper's model: one lengthscale for all inputs
    side by side, independent outputs that share signal and noise variance (Märtens et al. 2024).

    Args:
        parts: Columns of Z that belong to each source; None puts all into one.
        noise: "components": signal and noise of each principal component of the responses are told
            apart (`ComponentNoise`). "shared": one signal and one noise variance for all outputs.
        components: How many of these components there are at most; what is beyond is noise.

    Attributes:
        signal_to_noise_, lengthscales_: Source, or all sources joined by "+" -> signal-to-noise
            ratio of its kernel, and lengthscale in units of Z.
        sampling_share_: Share of a typical perturbation's noise that falls with its number of
            cells; 0 where the numbers are unknown.
        signal_variance_, noise_variance_: Of each output, D, in squared units of Y: prior variance
            of the response about the mean, and of a typical perturbation's measurement.
        log_marginal_likelihood_: Of the centred responses under one signal and noise variance for
            all outputs, in nats.
        inflation_: What the model's own standard deviations were multiplied by, so that squared
            standardised leave-one-out errors average 1.
        distribution_: Of new measurements given their predictions, from leave-one-out ones.
    """

    kernel_class: type[RBF] = RBF
    _stored: tuple[torch.Tensor, ...] = ()
    """What `of_arrays` was given of its outputs, in the order of `STORED`."""

    def __init__(
        self,
        parts: Mapping[str, slice] | None = None,
        noise: Literal["components", "shared"] = "components",
        components: int = COMPONENTS,
    ) -> None:
        self.parts = parts
        self.noise = noise
        self.components = components

    def fit(
        self,
        Z: np.ndarray,
        Y: np.ndarray,
        cells: np.ndarray | None = None,
        start: "GaussianProcess | None" = None,
    ) -> "GaussianProcess":
        """Fit to inputs Z (N x K), responses Y (N x D) and, if known, the cells behind each, N.

        Args:
            start: A model of the same sources, fitted to nearly the same perturbations. The search
                starts at its hyper-parameters and finds the maximum next to them, several times as
                fast as the best of all.

        Raises:
            ValueError: Fewer than 2 rows, numbers that are not finite or too large, matrices or
                cells that do not fit together, a number of cells that is not positive, no
                component, an unknown noise model, or a start of other sources.
        """
        if self.components < 1:
            raise ValueError(f"expected 1 component or more, found {self.components}")
        if self.noise not in NOISE_MODELS:
            raise ValueError(f"expected noise to be one of {[*NOISE_MODELS]}, found {self.noise!r}")
        Z = validate_data(self, Z, dtype=np.float64, copy=True, ensure_min_samples=2)
        Y = check_array(Y, dtype=np.float64, input_name="Y")
        check_consistent_length(Z, Y, cells)
        if start is not None and [*start._parts] != [*self._parts]:
            raise ValueError(f"expected a start of {[*self._parts]}, found {[*start._parts]}")
        largest = max(np.abs(Z).max(), np.abs(Y).max())
        if largest > LARGEST:
            raise ValueError(f"expected magnitudes up to {LARGEST:g}, found {largest:g}")
        relative_sampling_noise = _relative_sampling_noise(cells, len(Z))
        # From the first row on, so that an output that never varies is 0 without rounding.
        deviations = Y - Y[0]
        from_first = deviations.mean(axis=0)
        self.mean_ = Y[0] + from_first
        deviations -= from_first
        centred = torch.from_numpy(deviations)
        # One number for all outputs brings them to a common scale; 1 where nothing varies.
        self._scale = float(centred.square().mean().sqrt()) or 1.0
        centred /= self._scale
        self._inputs = self._split(Z)
        squares = self._squares(self._inputs)
        self._covariance = Covariance(
            [_median(d) for d in squares],
            by_cells=bool((relative_sampling_noise != 1).any()),
            kernel=self.kernel_class,
        )
        shape, generator = (Y.shape[1], PROBES), torch.Generator().manual_seed(0)
        mixtures = torch.randn(shape, dtype=torch.float64, generator=generator) / math.sqrt(PROBES)
        # NumPy knows that this product is symmetric and takes half as long as torch.
        gram = torch.from_numpy(deviations @ deviations.T)
        probes = centred @ mixtures
        statistics = SufficientStatistics(
            squares, relative_sampling_noise, gram, probes, Y.shape[1]
        )
        near = None if start is None else self._covariance.values_of(start._covariance)
        likelihood = search(statistics, self._covariance, near)
        with torch.no_grad():
            self._relative_noise = noise = self._covariance.noise(relative_sampling_noise)
            self._spectrum = Spectrum(self._covariance.signal(squares), noise)
            kind = NOISE_MODELS[self.noise]
            self._outputs = kind(self._spectrum, centred, gram, self.components)
            self._stored = ()
        self.log_marginal_likelihood_ = likelihood - centred.numel() * math.log(self._scale)
        self._describe(self._outputs.signal, self._outputs.noise)
        self._calibrate(Y)
        return self

    def arrays(self) -> dict[str, np.ndarray]:
        """Return what predictions rest on, by the names that `of_arrays` takes.

        Of the responses it has their mean and the components with signal, and what was found in
        fitting.

        Raises:
            ValueError: The model has no components (`noise="shared"`).
        """
        check_is_fitted(self)
        covariance = self._covariance
        tensors = dict(zip(STORED, self._stored or self._outputs.stored(), strict=True)) | {
            "inputs": torch.hstack(self._inputs), "relative_noise": self._relative_noise,
        }  # fmt: skip
        return {
            "mean": self.mean_, "ratios": covariance.ratios,
            "lengthscales": covariance.lengthscales,
            **{name: tensor.numpy() for name, tensor in tensors.items()},
            "scales": np.array([self._scale, self.inflation_, covariance.sampling_share]),
        } | self.distribution_.arrays()  # fmt: skip

    @classmethod
    def of_arrays(
        cls, parts: Mapping[str, slice], arrays: Mapping[str, np.ndarray]
    ) -> "GaussianProcess":
        """Return the model that gave these `arrays` (of which there may be others, too).

        It predicts the same, to rounding, and factorises its covariance the first time it does.

        Errors of `leave_one_out` are those within its components, and the likelihood is not known.
        """
        names = (*STORED, "relative_noise")
        *found, noise = (torch.from_numpy(np.array(arrays[key], np.float64)) for key in names)
        model = cls(parts, components=arrays["axes"].shape[1])
        model.n_features_in_ = arrays["inputs"].shape[1]
        model.mean_, model.distribution_ = arrays["mean"], Distribution.of_arrays(arrays)
        model._scale, model.inflation_, share = arrays["scales"].tolist()
        model._inputs, model._relative_noise = model._split(arrays["inputs"]), noise
        model._covariance = Covariance.of(
            arrays["ratios"], arrays["lengthscales"], share, cls.kernel_class
        )
        model._stored = tuple(found)
        _, _, axes, signal, outputs_noise = found
        model._describe(axes.square() @ signal, outputs_noise)
        return model

    @functools.cached_property
    def _spectrum(self) -> Spectrum:
        """That of a fit is set by it."""
        with torch.no_grad():
            signal = self._covariance.signal(self._squares(self._inputs))
            return Spectrum(signal, self._relative_noise)

    @functools.cached_property
    def _outputs(self) -> Outputs:
        """Those of a fit are set by it."""
        with torch.no_grad():
            return StoredComponents(self._spectrum, *self._stored)

    def only(self, columns: np.ndarray) -> "GaussianProcess":
        """Return the fit of some outputs, by their positions: it computes no others."""
        one = copy(self)
        one._outputs, one.mean_ = self._outputs.only(columns), self.mean_[columns]
        one._stored = ()
        one._describe(one._outputs.signal, one._outputs.noise)
        return one

    def _describe(self, signal: torch.Tensor, noise: torch.Tensor) -> None:
        """Set attributes that describe the fit, and signal and noise of each output."""
        parts = [*self._parts]
        names = [*parts, "+".join(parts)] if len(parts) > 1 else parts
        self.signal_to_noise_ = dict(zip(names, self._covariance.ratios, strict=True))
        self.lengthscales_ = dict(zip(names, self._covariance.lengthscales, strict=True))
        self.sampling_share_ = self._covariance.sampling_share
        self.signal_variance_ = signal.numpy() * self._covariance.prior_signal() * self._scale**2
        self.noise_variance_ = noise.numpy() * self._scale**2

    def predict(
        self, Z: np.ndarray, return_std: bool = False
    ) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        """Predict the mean response for inputs Z (M x K): M x D, in units of Y.

        With `return_std` also the standard deviation of a new measurement: uncertainty about the
        response and the noise of a measurement with a typical number of cells together.

        Raises:
            ValueError: Z is not a matrix of finite numbers with as many columns as in training.
        """
        cross = self._cross(Z)
        return (self._mean(cross), self._std(cross)) if return_std else self._mean(cross)

    def predict_with_departure(self, Z: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return what `predict` does with `return_std`, and the length of what each of the M
        predictions adds to the mean response: over all outputs, in the unit of Y. Raises as it.
        """
        cross = self._cross(Z)
        departure = self._outputs.departure(cross).numpy() * self._scale
        return self._mean(cross), self._std(cross), departure

    @torch.no_grad()
    def _cross(self, Z: np.ndarray) -> torch.Tensor:
        """Return covariances of new genes' signal with that of training genes, rotated."""
        squares = self._squares_to(Z)
        return self._spectrum.rotate(self._covariance.between(squares))

    @torch.no_grad()
    def _mean(self, cross: torch.Tensor) -> np.ndarray:
        return self._outputs.mean(cross).numpy() * self._scale + self.mean_

    @torch.no_grad()
    def _std(self, cross: torch.Tensor) -> np.ndarray:
        variance = self._outputs.variance(cross, self._covariance.prior_signal())
        std = (variance + self._outputs.noise).sqrt().numpy()
        return std * (self._scale * self.inflation_)

    @property
    def axes(self) -> np.ndarray:
        """Weights of the components in each output, D x k, orthonormal; components in units of Y.

        Raises:
            ValueError: The model has no components (`noise="shared"`).
        """
        check_is_fitted(self)
        *_, axes, _, _ = self._stored or self._outputs.stored()
        return axes.numpy()

    def components_of(self, Z: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return the components of M genes' predictions, and the variances of these.

        `mean_ + components @ axes.T` is the prediction, and `variances @ axes.T**2` the variance
        of the response itself, without the noise of a measurement. Without inputs they are those
        of the training perturbations, each predicted from all others (as by `predict_left_out`).

        Returns:
            M x k, in units of Y, and M x k, in squared units. Raises as `predict`.
        """
        check_is_fitted(self)
        with torch.no_grad():
            if Z is None:
                mean, variance = self._outputs.left_out_components(slice(None))
            else:
                squares = self._squares_to(Z, FAST)
                cross = self._spectrum.rotate(self._covariance.between(squares))
                mean, variance = self._outputs.components(cross, self._covariance.prior_signal())
        return mean.numpy() * self._scale, variance.numpy() * (self._scale * self.inflation_) ** 2

    def left_by_noise(self, factors: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
        """Return how much of the components' variance would be left with another noise.

        Each training perturbation is predicted from all others, as if all had so many times the
        noise of a typical one; hyper-parameters and components stay.

        Returns:
            Prior variance of the components, k, and what is left on average over the training
            perturbations, factors x k, both in squared units of Y. Raises as `axes`.
        """
        rank = self.axes.shape[1]
        with torch.no_grad():
            signal = self._covariance.signal(self._squares(self._inputs))
            spectrum = Spectrum(signal, torch.ones(len(signal), dtype=signal.dtype))
            unused = torch.zeros(len(signal), rank, dtype=signal.dtype)
            levels, scale = self._outputs.level, self._outputs.component_signal * self._scale**2
            left = [
                spectrum.leave_one_out(unused, levels * factor)[1].mean(dim=0) * scale
                for factor in factors
            ]
            prior = self._covariance.prior_signal() * scale
            return prior.numpy(), torch.stack(left).numpy()

    def components_without(
        self, z: np.ndarray, groups: Sequence[np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return one gene's components as `components_of`, without training perturbations.

        Exact, and without refitting: hyper-parameters, components and the prior mean stay those of
        the whole training set.

        Args:
            z: The gene's input, K numbers.
            groups: The positions of those that are left out, several groups in turn.

        Returns:
            Each groups x k. Raises as `axes` and `predict`.
        """
        rank = self.axes.shape[1]
        (cross,) = self._cross(np.asarray(z)[None]).T
        if not rank:
            return np.zeros((len(groups), 0)), np.zeros((len(groups), 0))
        with torch.no_grad():
            prior = self._covariance.prior_signal()
            mean, variance = self._outputs.components_without(cross, prior, groups)
        return mean.numpy() * self._scale, variance.numpy() * (self._scale * self.inflation_) ** 2

    def belief(self) -> Belief:
        """Return what is known of the responses to all knockdowns; raise as `axes`."""
        outputs, spectrum = self._outputs, self._spectrum
        if outputs.axes is None:
            raise ValueError("expected a model of components, found one of outputs")
        rotation = spectrum.weights(torch.eye(len(spectrum.values), dtype=torch.float64))
        found = rotation, spectrum.values, outputs.level, outputs.component_signal
        inputs = torch.hstack(self._inputs).float()
        return Belief(self._covariance, self._parts, inputs, *(one.float() for one in found))

    def contributions(self, z: np.ndarray) -> np.ndarray:
        """Return each training perturbation's share in one gene's prediction through each kernel.

        The prediction is `mean_ + Δ` with Δ = Σ_s Σ_n k_s(g, n) α_n, where α_n is the row of
        weights that the fit gives training perturbation n. A share is (k_s(g, n) α_n)·Δ / (Δ·Δ).
        They sum to 1; a negative one pulls the prediction away from where it ends.

        From the gene's input, K numbers, to kernels in the order of `signal_to_noise_` x N; NaN
        where Δ is 0. Raises as `predict`.
        """
        squares = self._squares_to(np.asarray(z)[None])
        with torch.no_grad():
            kernel = torch.hstack(self._covariance.parts(squares)).T
            departure = self._outputs.mean(self._spectrum.rotate(kernel.sum(dim=0)[:, None]))
            projected = kernel * self._outputs.weights(departure.T)[:, 0]
            return (projected / departure.square().sum()).numpy()

    def similarity(self, Z: np.ndarray) -> np.ndarray:
        """Return the prior correlation of M genes' responses with those of training genes.

        Without noise; M x N, between 0 and 1. Raises as `predict`.
        """
        squares = self._squares_to(Z)
        with torch.no_grad():
            kernel = self._covariance.between(squares)
            return (kernel / self._covariance.prior_signal()).T.numpy()

    def leave_one_out(
        self, rows: slice = slice(None), of_typical: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        """Predict training perturbations, each from all others, without refitting.

        Analytic: hyper-parameters, components and the prior mean stay those of the whole training
        set (Rasmussen & Williams 2006, section 5.4.2). With `of_typical` all have the noise of a
        perturbation with a typical number of cells.

        Returns:
            Response minus prediction, and the standard deviation that the prediction gives it, both
            rows x D in units of Y.
        """
        check_is_fitted(self)
        noise = 1.0 if of_typical else self._relative_noise[rows, None]
        with torch.no_grad():
            errors, variance = self._outputs.leave_one_out(rows)
            std = (variance + noise * self._outputs.noise).sqrt()
            return errors.numpy() * self._scale, std.numpy() * (self._scale * self.inflation_)

    def predict_left_out(
        self, rows: np.ndarray | slice = slice(None)
    ) -> tuple[np.ndarray, np.ndarray]:
        """Predict training perturbations, each from all others, as `leave_one_out` does.

        Returns:
            Mean and standard deviation of a new measurement as `predict` gives them, rows x D.
        """
        check_is_fitted(self)
        with torch.no_grad():
            mean, variance = self._outputs.left_out(rows)
            std = (variance + self._outputs.noise).sqrt().numpy()
            return mean.numpy() * self._scale + self.mean_, std * (self._scale * self.inflation_)

    def _calibrate(self, Y: np.ndarray) -> None:
        """Let the training perturbations' own errors set standard deviation and distribution.

        Errors are held against the standard deviation that `predict` would give, which does not
        know the number of cells: they are to hold for measurements like those trained on.
        """
        self.inflation_ = 1.0
        rows = slice(None, None, -(-len(Y) // CALIBRATION_ROWS))
        errors, std = self.leave_one_out(rows, of_typical=True)
        # An output that never varies has no error and no standard deviation.
        varies = std[0] > 0
        standardised = (errors[:, varies] / std[:, varies]) if varies.any() else np.zeros((1, 1))
        self.inflation_ = math.sqrt(np.square(standardised).mean()) or 1.0
        mean = Y[rows] - errors
        departure = np.linalg.norm(mean - self.mean_, axis=1)
        self.distribution_ = Distribution.of(mean, std * self.inflation_, departure, Y[rows])

    def _squares_to(self, Z: np.ndarray, mode: str = PRECISE) -> list[torch.Tensor]:
        """Check new inputs and return their `_squares`."""
        check_is_fitted(self)
        Z = validate_data(self, Z, reset=False, dtype=np.float64, copy=True)
        return self._squares(self._split(Z), mode)

    def _squares(self, inputs: list[torch.Tensor], mode: str = PRECISE) -> list[torch.Tensor]:
        """Compute squared distances to training genes in each source, and in all together."""
        found = [
            torch.cdist(a, b, compute_mode=mode).square_()
            for a, b in zip(self._inputs, inputs, strict=True)
        ]
        return [*found, functools.reduce(torch.add, found)] if len(found) > 1 else found

    @property
    def _parts(self) -> Mapping[str, slice]:
        return self.parts or {"all": slice(None)}

    def _split(self, Z: np.ndarray) -> list[torch.Tensor]:
        """Return the inputs of each source."""
        columns = self._parts.values()
        return [torch.from_numpy(np.ascontiguousarray(Z[:, part])) for part in columns]


def _relative_sampling_noise(cells: np.ndarray | None, size: int) -> torch.Tensor:
    """Return typical cells / cells: ones where unknown."""
    if cells is None:
        return torch.ones(size, dtype=torch.float64)
    numbers = column_or_1d(cells, dtype=np.float64)
    if not ((numbers >= 1 / LARGEST) & (numbers <= LARGEST)).all():
        raise ValueError("expected a positive number of cells for every perturbation")
    return torch.from_numpy(np.median(numbers) / numbers)


def _median(squares: torch.Tensor) -> float:
    """Return the median distance between different genes, of about 200; 1 where all are equal."""
    some = squares[:: -(-len(squares) // 200)]
    positive = some[some > 0]
    return math.sqrt(positive.median().item()) if len(positive) else 1.0
