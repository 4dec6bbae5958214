"""Gaussian process with one RBF kernel shared by all outputs."""

import math
from itertools import product

import numpy as np
import torch
from gpytorch.constraints import Positive
from gpytorch.kernels import RBFKernel
from scipy.optimize import minimize
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import (
    check_array,
    check_consistent_length,
    check_is_fitted,
    validate_data,
)

from llmpert.models.gp.likelihood import profile_log_marginal_likelihood

# Search limits of the lengthscale in median distances and of the noise in kernel variances: wide
# enough never to bind on informative data, narrow enough for a Cholesky factor of any K.
LENGTHSCALE_LIMITS = (1e-2, 1e2)
NOISE_LIMITS = (1e-8, 1e6)

# The likelihood can have several maxima (everything is noise, nothing is noise, in between). The
# search starts at the best of these.
LENGTHSCALE_STARTS = (0.25, 1.0, 4.0)
NOISE_STARTS = (0.1, 10.0)

# Where there are more perturbations, a search over about this many of them, evenly spaced, comes
# first: it costs little and leaves a few steps for the search over all.
SAMPLE = 400

LARGEST = 1e100
"""Magnitudes beyond it are refused: their squares could not be summed."""


class GaussianProcess(RegressorMixin, BaseEstimator):
    """Multi-output Gaussian process regression (Märtens et al. 2024).

    Outputs are independent and share one kernel, an RBF with one lengthscale, a variance and a
    noise variance, all three found by maximising the log marginal likelihood (GPyTorch's kernel and
    constraints; L-BFGS-B over lengthscale and noise, the variance in closed form). The prior mean
    of each output is its training mean: far from every training gene the prediction returns to the
    non-control mean.

    Because the hyper-parameters and the noise are shared and outputs are not rescaled, the standard
    deviation differs between perturbations but is the same for all genes of one perturbation.

    Parameters
    ----------
    max_iterations:
        Limit on L-BFGS-B iterations.

    Attributes
    ----------
    lengthscale_, variance_, noise_:
        Fitted hyper-parameters; the lengthscale in units of Z, the variances in squared units of Y.
    log_marginal_likelihood_:
        Of the centred training responses at these values, in nats.
    evaluations_:
        Likelihood evaluations the search took, each with one Cholesky factorisation.
    """

    def __init__(self, max_iterations: int = 100) -> None:
        self.max_iterations = max_iterations

    def fit(self, Z: np.ndarray, Y: np.ndarray) -> "GaussianProcess":
        """Find the hyper-parameters and factorise.

        Parameters
        ----------
        Z:
            Inputs, N x K, N at least 2.
        Y:
            Responses, N x D.

        Raises
        ------
        ValueError
            Z or Y is not a matrix of finite numbers of moderate size, or they do not fit together.
        """
        Z = validate_data(self, Z, dtype=np.float64, copy=True, ensure_min_samples=2)
        Y = check_array(Y, dtype=np.float64, input_name="Y")
        check_consistent_length(Z, Y)
        largest = max(np.abs(Z).max(), np.abs(Y).max())
        if largest > LARGEST:
            raise ValueError(f"expected magnitudes up to {LARGEST:g}, found {largest:g}")
        self.mean_ = Y.mean(axis=0)
        centred = torch.from_numpy(Y - self.mean_)
        # One number for all outputs brings them to a common scale; 1 where nothing varies.
        self.scale_ = float(centred.square().mean().sqrt()) or 1.0
        centred /= self.scale_
        self.inputs_ = torch.from_numpy(Z)

        distances = _distances(self.inputs_, self.inputs_)
        likelihood, variance = self._search(distances, centred @ centred.T, centred.shape[1])
        with torch.no_grad():
            self._factor = torch.linalg.cholesky(self._shape(distances))
            self._weights = torch.cholesky_solve(centred, self._factor)
        self.lengthscale_ = self._kernel.lengthscale.item()
        self.variance_ = variance * self.scale_**2
        self.noise_ = self._log_noise.exp().item() * self.variance_
        self.log_marginal_likelihood_ = likelihood - centred.numel() * math.log(self.scale_)
        return self

    def predict(
        self, Z: np.ndarray, return_std: bool = False
    ) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        """Predict the responses of M genes.

        Parameters
        ----------
        Z:
            Inputs, M x K.
        return_std:
            Also return the standard deviation of a new measurement: uncertainty about the response
            and measurement noise together.

        Returns
        -------
        Mean, M x D; with `return_std` also the standard deviation, M x D (a read-only view, equal
        along D), both in units of Y.

        Raises
        ------
        ValueError
            Z is not a matrix of finite numbers with as many columns as in training.
        """
        check_is_fitted(self)
        inputs = validate_data(self, Z, reset=False, dtype=np.float64, copy=True)
        with torch.no_grad():
            cross = self._kernel.at(_distances(torch.from_numpy(inputs), self.inputs_))
            mean = (cross @ self._weights).numpy() * self.scale_ + self.mean_
            if not return_std:
                return mean
            explained = torch.linalg.solve_triangular(self._factor, cross.T, upper=False)
            unexplained = (1 - explained.square().sum(dim=0)).clamp_min(0).numpy()
        std = np.sqrt(self.variance_ * unexplained + self.noise_)
        return mean, np.broadcast_to(std[:, None], mean.shape)

    def _shape(self, distances: torch.Tensor) -> torch.Tensor:
        """The training covariance, noise included, in units of the kernel's variance."""
        kernel = self._kernel.at(distances)
        return kernel + self._log_noise.exp() * torch.eye(len(kernel), dtype=torch.float64)

    def _search(
        self, distances: torch.Tensor, gram: torch.Tensor, outputs: int
    ) -> tuple[float, float]:
        """Maximise over log lengthscale and log noise: the likelihood and the variance there."""
        positive = distances[distances > 0]
        distance = positive.median().item() if len(positive) else 1.0
        self._kernel = _Kernel(lengthscale_constraint=_logarithmic()).double()
        self._log_noise = torch.zeros(1, dtype=torch.float64, requires_grad=True)
        raw = [self._kernel.raw_lengthscale, self._log_noise]
        bounds = [
            tuple(np.log(np.array(LENGTHSCALE_LIMITS) * distance)),
            tuple(np.log(NOISE_LIMITS)),
        ]
        self.evaluations_ = 0

        def at(values: np.ndarray, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            with torch.no_grad():
                for parameter, value in zip(raw, values, strict=True):
                    parameter.fill_(float(value))
            self.evaluations_ += 1
            shape = self._shape(distances[rows][:, rows])
            return profile_log_marginal_likelihood(shape, gram[rows][:, rows], outputs)

        def objective(values: np.ndarray, rows: torch.Tensor) -> tuple[float, np.ndarray]:
            loss = -at(values, rows)[0] / (len(rows) * outputs)
            gradient = torch.autograd.grad(loss, raw)
            return loss.item(), np.array([g.item() for g in gradient])

        every = torch.arange(len(gram))
        some = every[:: -(-len(gram) // SAMPLE)]
        starts = [
            np.log([lengthscale * distance, noise])
            for lengthscale, noise in product(LENGTHSCALE_STARTS, NOISE_STARTS)
        ]
        with torch.no_grad():
            best = max(starts, key=lambda values: at(values, some)[0].item())
        for rows in (some, every) if len(some) < len(every) else (every,):
            best = minimize(
                objective,
                x0=best,
                args=(rows,),
                jac=True,
                method="L-BFGS-B",
                bounds=bounds,
                options={"maxiter": self.max_iterations, "ftol": 1e-9, "gtol": 1e-5},
            ).x
        # Once more, so that the parameters are those of the optimum and not of the last trial.
        with torch.no_grad():
            likelihood, variance = at(best, every)
        return likelihood.item(), variance.item()


class _Kernel(RBFKernel):
    """GPyTorch's RBF, evaluated on distances that are computed once.

    Its own evaluation computes them anew for every lengthscale, by a quadratic expansion that loses
    distances that are small against the largest (one outlying gene is enough), and the matrix is
    then no covariance any more.
    """

    def at(self, distances: torch.Tensor) -> torch.Tensor:
        """exp(-d²/2l²) of distances d."""
        # From 100 lengthscales on the kernel is 0, and its gradient must not be 0 x infinity.
        return (distances / self.lengthscale).clamp_max(100).square().mul(-0.5).exp()


def _distances(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """From differences of coordinates, so that near genes stay near and not negative."""
    return torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist")


def _logarithmic() -> Positive:
    """The raw value is the logarithm, so that the search moves by factors."""
    return Positive(transform=torch.exp, inv_transform=torch.log)
