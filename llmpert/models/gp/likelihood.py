"""Log marginal likelihood of many independent outputs that share one kernel.

With one covariance matrix K for all D outputs the likelihood of Y (N x D) is

    log p(Y) = -1/2 tr(K⁻¹ S) - D/2 log|K| - N D/2 log 2π,   S = Y Yᵀ

(Rasmussen & Williams 2006, eq. 2.30, summed over outputs). Y enters through the N x N matrix S
alone, so after S is formed neither the value nor the gradient costs more for more outputs.
"""

import math
from typing import Any

import torch


class _SharedKernelLikelihood(torch.autograd.Function):
    """The value, and its gradient 1/2 (K⁻¹ S K⁻¹ - D K⁻¹) with respect to K."""

    @staticmethod
    def forward(
        ctx: Any, covariance: torch.Tensor, gram: torch.Tensor, outputs: int
    ) -> torch.Tensor:
        factor = torch.linalg.cholesky(covariance)
        precision = torch.cholesky_inverse(factor)
        weighted = precision @ gram
        ctx.save_for_backward(precision, weighted)
        ctx.outputs = outputs
        return (
            -0.5 * weighted.trace()
            - outputs * factor.diagonal().log().sum()
            - 0.5 * outputs * len(gram) * math.log(2 * math.pi)
        )

    @staticmethod
    def backward(ctx: Any, *grad_outputs: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        precision, weighted = ctx.saved_tensors
        gradient = 0.5 * (weighted @ precision - ctx.outputs * precision)
        return grad_outputs[0] * gradient, None, None


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
    return _SharedKernelLikelihood.apply(covariance, gram, outputs)
