"""The linear algebra of the Gaussian process: the one file that factorises matrices.

`Cholesky` serves the search for hyper-parameters, where the covariance changes at every step and
one noise level is shared. `Spectrum` serves prediction, where the covariance is fixed and outputs
differ in their noise: from one eigendecomposition, a solve for any noise level is a division.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from scipy.linalg import LinAlgError, eigh

ROWS = 128
"""So many at a time: temporaries stay in the processor's cache."""

AT_ONCE = 2**22
"""About so many numbers a temporary of several noise levels holds."""

FEW = 256
"""Up to so many rows, what lies above the diagonal costs less than one more block."""


def blocks(size: int) -> Iterator[slice]:
    """Return consecutive rows, a moderate number at a time; all where there are few."""
    rows = ROWS if size > FEW else size
    return (slice(start, min(start + rows, size)) for start in range(0, size, rows))


def mirrored(matrix: torch.Tensor) -> torch.Tensor:
    """Return the matrix itself, made symmetric from its entries on and below the diagonal."""
    for rows in blocks(len(matrix)):
        matrix[: rows.start, rows] = matrix[rows, : rows.start].T
        square = matrix[rows, rows]
        square.copy_(square.tril() + square.tril(-1).T)
    return matrix


class Cholesky:
    """A factorised covariance matrix C, N x N, given by its entries on and below the diagonal.

    Raises:
        LinAlgError: C is not positive definite to working precision.
    """

    def __init__(self, covariance: torch.Tensor) -> None:
        self._factor, failed = torch.linalg.cholesky_ex(covariance)
        if failed:
            raise LinAlgError("the covariance is not positive definite")
        # LAPACK keeps columns together; those of a symmetric matrix are its rows.
        self.inverse = torch.cholesky_inverse(self._factor).mT
        """C⁻¹."""

    @property
    def log_determinant(self) -> float:
        """log|C|."""
        return 2 * self._factor.diagonal().log().sum().item()

    def whiten(self, columns: torch.Tensor) -> torch.Tensor:
        """Return L⁻¹ B for columns B (N x m), with C = L Lᵀ, in the precision of B."""
        return torch.linalg.solve_triangular(self._factor.to(columns.dtype), columns, upper=False)


class Spectrum:
    """The signal K against the noise diag(r) of N perturbations: R^-½ K R^-½ = U diag(λ) Uᵀ.

    An output with noise `level` times r has covariance K + level R. In the coordinates
    `Uᵀ R^-½ y` (here: rotated) its covariance is diag(λ + level).
    """

    def __init__(self, signal: torch.Tensor, noise: torch.Tensor) -> None:
        self.noise, self._deviation = noise, noise.sqrt()
        whitened = signal / self._deviation
        whitened /= self._deviation[:, None]
        # SciPy's divide and conquer is a fifth faster than torch's here.
        values, vectors = eigh(whitened.numpy(), driver="evd", overwrite_a=True, check_finite=False)
        self._vectors = torch.from_numpy(vectors)
        self.values = torch.from_numpy(values).clamp_min(0)
        """λ, N, ascending."""

    def rotate(self, rows: torch.Tensor) -> torch.Tensor:
        """Uᵀ R^-½ B for B (N x m): outputs, or the covariance of N training with m other genes."""
        return self._vectors.T @ (rows / self._deviation[:, None])

    def unrotate(self, rotated: torch.Tensor) -> torch.Tensor:
        """R^½ U B for B (N x m): outputs from rotated ones."""
        return self._deviation[:, None] * (self._vectors @ rotated)

    def weights(self, rotated: torch.Tensor) -> torch.Tensor:
        """R^-½ U B for rotated B (N x m): what weighs covariances as B weighs rotated ones."""
        return (self._vectors @ rotated) / self._deviation[:, None]

    def inverses(self, levels: torch.Tensor) -> torch.Tensor:
        """Return 1 / (λ + level), N x levels."""
        return 1 / (self.values[:, None] + levels)

    def leave_one_out(
        self, rotated: torch.Tensor, levels: torch.Tensor, rows: np.ndarray | slice = slice(None)
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Predict rows, each from all others (Rasmussen & Williams 2006, eqs. 5.10 to 5.12).

        Return rotated output minus prediction, N x m, with a noise level each or one for all, and
        the variance of the signal that the other rows leave, N x levels, in units of the kernel.
        """
        inverses, vectors, deviation = (
            self.inverses(levels), self._vectors[rows], self._deviation[rows, None]
        )  # fmt: skip
        precision = vectors.square() @ inverses
        errors = vectors @ (rotated * inverses) / precision
        variance = (1 / precision - levels).clamp_min(0)
        return deviation * errors, deviation.square() * variance

    def without(
        self,
        rotated: torch.Tensor,
        cross: torch.Tensor,
        levels: torch.Tensor,
        groups: Sequence[np.ndarray],
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return what groups of rows add to another gene's mean, and to the variance explained.

        Both groups x m. With A the inverse covariance of all rows, that of the rest is
        A_RR - A_RS A_SS⁻¹ A_SR, so that a group S adds (A k)_Sᵀ A_SS⁻¹ (A y)_S to the mean kᵀ A y.

        Args:
            rotated: Outputs, N x m, with a noise level each.
            cross: The gene's covariances with the rows, N, rotated.
            groups: Rows of each.
        """
        inverses = self.inverses(levels)
        loadings = self._vectors / self._deviation[:, None]
        weights = loadings @ (rotated * inverses), loadings @ (cross[:, None] * inverses)
        found = torch.zeros(2, len(groups), len(levels), dtype=torch.float64)
        for group, rows in enumerate(groups):
            part, own = loadings[rows], torch.stack([one[rows].T for one in weights], dim=-1)
            for some in torch.arange(len(levels)).split(max(1, AT_ONCE // max(1, part.numel()))):
                precision = (part * inverses.T[some, None]) @ part.T
                # NumPy's is several times as fast for many small matrices.
                solved = torch.from_numpy(np.linalg.solve(precision.numpy(), own[some].numpy()))
                found[:, group, some] = (own[some, :, 1:] * solved).sum(dim=1).T
        return found[0], found[1]
