"""Gaussian process with one RBF kernel shared by all outputs."""

import math

import numpy as np
import torch
from gpytorch.constraints import Positive
from gpytorch.kernels import RBFKernel, ScaleKernel
from scipy.optimize import minimize
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from llmpert.models.gp.likelihood import log_marginal_likelihood

# Search limits, as factors of the median distance and of the outputs' mean variance: wide enough
# never to bind on informative data, narrow enough to keep K well conditioned on any.
LENGTHSCALE_LIMITS = (1e-2, 1e2)
VARIANCE_LIMITS = (1e-6, 1e2)


class GaussianProcess(RegressorMixin, BaseEstimator):
    """Multi-output Gaussian process regression (Märtens et al. 2024).

    Outputs are independent and share one kernel, an RBF with one lengthscale, a variance and a
    noise variance, all three found by maximising the log marginal likelihood (GPyTorch's kernel and
    constraints, L-BFGS-B). The prior mean of each output is its training mean: far from every
    training gene the prediction returns to the non-control mean.

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
        Likelihood evaluations the search took.
    """

    def __init__(self, max_iterations: int = 100) -> None:
        self.max_iterations = max_iterations

    def fit(self, Z: np.ndarray, Y: np.ndarray) -> "GaussianProcess":
        """Find the hyper-parameters and factorise.

        Parameters
        ----------
        Z:
            Inputs, N x K, finite, N at least 2.
        Y:
            Responses, N x D, finite.
        """
        Z, Y = np.asarray(Z, dtype=np.float64), np.asarray(Y, dtype=np.float64)
        if Z.ndim != 2 or Y.ndim != 2 or len(Z) != len(Y) or len(Z) < 2:
            raise ValueError(
                "expected inputs N x K and responses N x D with N at least 2,"
                f" found {Z.shape} and {Y.shape}"
            )
        self.mean_ = Y.mean(axis=0)
        centred = torch.from_numpy(Y - self.mean_)
        # One number for all outputs brings the search to a common scale; 1 where nothing varies.
        self.scale_ = float(centred.square().mean().sqrt()) or 1.0
        centred /= self.scale_
        self.inputs_ = torch.from_numpy(Z)
        gram = centred @ centred.T

        distance = torch.pdist(self.inputs_).median().item() or 1.0
        self._kernel = _kernel()
        self._log_noise = torch.zeros(1, dtype=torch.float64, requires_grad=True)
        self._search(gram, centred.shape[1], distance)

        with torch.no_grad():
            self._factor = torch.linalg.cholesky(self._covariance())
            self._weights = torch.cholesky_solve(centred, self._factor)
        rbf = self._kernel.base_kernel
        self.lengthscale_ = rbf.lengthscale.item()
        self.variance_ = self._kernel.outputscale.item() * self.scale_**2
        self.noise_ = self._log_noise.exp().item() * self.scale_**2
        self.log_marginal_likelihood_ -= centred.numel() * math.log(self.scale_)
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
        """
        check_is_fitted(self)
        with torch.no_grad():
            inputs = torch.from_numpy(np.array(Z, dtype=np.float64))
            cross = self._kernel(inputs, self.inputs_).to_dense()
            mean = (cross @ self._weights).numpy() * self.scale_ + self.mean_
            if not return_std:
                return mean
            explained = torch.linalg.solve_triangular(self._factor, cross.T, upper=False)
            variance = self._kernel.outputscale - explained.square().sum(dim=0)
            variance = variance.clamp_min(0) + self._log_noise.exp()
            std = variance.sqrt().numpy() * self.scale_
        return mean, np.broadcast_to(std[:, None], mean.shape)

    def _covariance(self) -> torch.Tensor:
        covariance = self._kernel(self.inputs_).to_dense()
        return covariance + self._log_noise.exp() * torch.eye(len(covariance), dtype=torch.float64)

    def _search(self, gram: torch.Tensor, outputs: int, distance: float) -> None:
        """Maximise the marginal likelihood over log lengthscale, log variance and log noise."""
        raw = [
            self._kernel.base_kernel.raw_lengthscale,
            self._kernel.raw_outputscale,
            self._log_noise,
        ]
        count = len(gram) * outputs

        def objective(values: np.ndarray) -> tuple[float, np.ndarray]:
            with torch.no_grad():
                for parameter, value in zip(raw, values, strict=True):
                    parameter.fill_(float(value))
            loss = -log_marginal_likelihood(self._covariance(), gram, outputs) / count
            gradient = torch.autograd.grad(loss, raw)
            return loss.item(), np.array([g.item() for g in gradient])

        search = minimize(
            objective,
            x0=np.log([distance, 0.5, 0.5]),
            jac=True,
            method="L-BFGS-B",
            bounds=[
                tuple(np.log(np.array(LENGTHSCALE_LIMITS) * distance)),
                tuple(np.log(VARIANCE_LIMITS)),
                tuple(np.log(VARIANCE_LIMITS)),
            ],
            options={"maxiter": self.max_iterations, "ftol": 1e-7, "gtol": 1e-5},
        )
        objective(search.x)  # leaves the parameters at the optimum, not at the last trial
        self.evaluations_ = int(search.nfev)
        self.log_marginal_likelihood_ = -float(search.fun) * count


def _kernel() -> ScaleKernel:
    # Raw values are logarithms, so that the search moves by factors.
    def positive() -> Positive:
        return Positive(transform=torch.exp, inv_transform=torch.log)

    kernel = ScaleKernel(
        RBFKernel(lengthscale_constraint=positive()), outputscale_constraint=positive()
    )
    return kernel.double()
