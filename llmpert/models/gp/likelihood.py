"""Log marginal likelihood of many independent outputs that share one kernel.

With one covariance matrix K for all D outputs the likelihood of Y (N x D) is

    log p(Y) = -1/2 tr(K⁻¹ S) - D/2 log|K| - N D/2 log 2π,   S = Y Yᵀ

(Rasmussen & Williams 2006, eq. 2.30, summed over outputs). Y enters through the N x N matrix S
alone, so after S is formed neither the value nor the gradient costs more for more outputs.

For K = v C the best overall variance is v = tr(C⁻¹ S) / (N D), so a search needs to look at the
shape C only: one hyper-parameter fewer, and the one that trades off against all others.
"""

import math
from typing import Any

import torch


class _Terms(torch.autograd.Function):
    """tr(K⁻¹ S) and log|K|, with their gradients -K⁻¹ S K⁻¹ and K⁻¹ with respect to K."""

    @staticmethod
    def forward(
        ctx: Any, covariance: torch.Tensor, gram: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        factor = torch.linalg.cholesky(covariance)
        precision = torch.cholesky_inverse(factor)
        ctx.save_for_backward(precision, gram)
        return (precision * gram).sum(), 2 * factor.diagonal().log().sum()

    @staticmethod
    def backward(ctx: Any, *grad_outputs: torch.Tensor) -> tuple[torch.Tensor, None]:
        precision, gram = ctx.saved_tensors
        by_misfit, by_log_determinant = grad_outputs
        misfit = precision @ gram @ precision
        return by_log_determinant * precision - by_misfit * misfit, None


def log_marginal_likelihood(
    covariance: torch.Tensor, gram: torch.Tensor, outputs: int
) -> torch.Tensor:
    """Log marginal likelihood of `outputs` independent zero-mean outputs with one covariance.

    Parameters
    ----------
    covariance:
        K, N x N, noise included. One Cholesky factorisation is made of it.
    gram:
        S = Y Yᵀ, N x N.
    outputs:
        D, the number of columns of Y.

    Returns
    -------
    Scalar, differentiable with respect to `covariance`, in nats.

    Raises
    ------
    torch.linalg.LinAlgError
        The covariance is not positive definite to working precision.
    """
    misfit, log_determinant = _Terms.apply(covariance, gram)
    return -0.5 * (misfit + outputs * (log_determinant + len(gram) * math.log(2 * math.pi)))


def profile_log_marginal_likelihood(
    shape: torch.Tensor, gram: torch.Tensor, outputs: int, smallest: float = 1e-12
) -> tuple[torch.Tensor, torch.Tensor]:
    """Log marginal likelihood with the covariance `variance * shape` of the best variance.

    Parameters
    ----------
    shape:
        C, N x N, noise included. One Cholesky factorisation is made of it.
    gram, outputs:
        As in `log_marginal_likelihood`.
    smallest:
        Lower limit of the variance, which outputs that are 0 throughout would send to 0.

    Returns
    -------
    The likelihood, differentiable with respect to `shape`, and the variance it is reached at.

    Raises
    ------
    torch.linalg.LinAlgError
        The shape is not positive definite to working precision.
    """
    misfit, log_determinant = _Terms.apply(shape, gram)
    size = len(gram)
    variance = (misfit / (size * outputs)).clamp_min(smallest)
    log_determinant = log_determinant + size * variance.log()
    value = -0.5 * (misfit / variance + outputs * (log_determinant + size * math.log(2 * math.pi)))
    return value, variance.detach()
