"""From counts to log-normalised expression, cell by cell."""

import numpy as np
from scipy import sparse

from llmpert.screens.cells.file import Block

DEPTH = 10_000
"""Counts that every cell is scaled to: the field's usual number, and no number taken from the data,
so that lines, batches and files stay comparable."""


def log_normalised(block: Block, counts: bool) -> tuple[Block, np.ndarray]:
    """Scale each cell to `DEPTH` counts and take log(1 + x), in place.

    Parameters
    ----------
    counts:
        False where this was done already: the block is returned as it is.

    Returns
    -------
    The same block, and each cell's sum before (float64), which is 0 for empty cells.
    """
    totals = np.asarray(block.sum(axis=1, dtype=np.float64)).ravel()
    if not counts:
        return block, totals
    scale = np.divide(DEPTH, totals, out=np.zeros_like(totals), where=totals > 0)
    scale = scale.astype(np.float32)
    if sparse.issparse(block):
        block.data *= np.repeat(scale, np.diff(block.indptr))
        np.log1p(block.data, out=block.data)
    else:
        block *= scale[:, None]
        np.log1p(block, out=block)
    return block, totals
