"""Symmetric matrices, worked on a block of rows at a time."""

from collections.abc import Iterator

import torch

ROWS = 64
"""So many at a time: temporaries stay in the processor's cache."""

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
