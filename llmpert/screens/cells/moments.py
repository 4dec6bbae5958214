"""Sums and sums of squares of expression by group of cells: what means, variances and tests need.

Cells are read once, block by block; where a file stores genes one after the other (CSC), genes are.
A file is worked through in chunks; a chunk's sums do not depend on the others, so chunks can be
summed in any order, by any process or machine, and added up in theirs: the result is the same to
the last bit.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from llmpert.io.atomic import atomic_path
from llmpert.screens.cells.file import BLOCK_BYTES, CellFile, open_cells

DEPTH = 10_000
"""Counts that every cell is scaled to, whatever the file: lines and batches stay comparable."""
SHARE = 4
"""A chunk is so many times as large as its sums: to keep these takes a quarter of its space."""


@dataclass(frozen=True, eq=False)
class Job:
    """What every chunk of a file has in common.

    Attributes:
        layer: Which one holds the values, None for X.
        base: Of the logarithm that the file's values are in; None of counts.
        group: int32, one a cell: its group, or -1 for cells that are not used.
        groups: How many groups there are.
        centre: float32, one a gene: expression is summed as the difference to it, which near the
            mean keeps variances exact.
        kept: Which of the file's features are genes; None where all are.
        totals: The sum of each cell where genes are read, not cells; else None.
    """

    path: Path
    layer: str | None
    base: float | None
    group: np.ndarray
    groups: int
    centre: np.ndarray
    kept: np.ndarray | None = None
    totals: np.ndarray | None = None

    @property
    def genes(self) -> int:
        """How many genes are measured."""
        return len(self.centre)

    @property
    def bytes_of_sums(self) -> int:
        """What the sums of all groups take."""
        return 16 * self.groups * self.genes

    def chunks(self) -> list[tuple[int, int]]:
        """Cut the file's cells, or its genes, into chunks: where each starts and stops."""
        if self.totals is not None:
            genes = 2 * BLOCK_BYTES // (4 * len(self.group))
            return list(pairwise([*range(0, self.genes, max(1, genes)), self.genes]))
        cells = max(2 * BLOCK_BYTES, SHARE * self.bytes_of_sums) // (4 * self.genes)
        bounds = [*range(0, len(self.group), max(1, cells)), len(self.group)]
        return list(pairwise(bounds))


@dataclass(frozen=True, eq=False)
class Moments:
    """Sums over some cells, or for some genes.

    Attributes:
        groups: Those that have cells here, ascending.
        sums, squares: float64, these groups x genes: of log-normalised expression minus the centre,
            and of its square.
        empty: Positions of cells without any count; they are in no sum.
        first: The first gene.
    """

    groups: np.ndarray
    sums: np.ndarray
    squares: np.ndarray
    empty: np.ndarray
    first: int = 0

    def save(self, path: Path) -> None:
        """Write to a file atomically."""
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            np.savez(file, **vars(self))


def add_up(paths: Sequence[Path], job: Job) -> Moments:
    """Add up what `Moments.save` wrote, in this order, with one array at a time in memory."""
    shape = job.groups, job.genes
    sums, squares = np.zeros(shape), np.zeros(shape)
    empty = [np.empty(0, dtype=np.int64)]
    for path in paths:
        with np.load(path, allow_pickle=False) as chunk:
            groups, first = chunk["groups"], int(chunk["first"])
            genes = slice(first, first + chunk["sums"].shape[1])
            sums[groups, genes] += chunk["sums"]
            squares[groups, genes] += chunk["squares"]
            empty.append(chunk["empty"])
    return Moments(np.arange(job.groups), sums, squares, np.concatenate(empty))


def log_normalised(
    block: Any, base: float | None, totals: np.ndarray | None = None
) -> tuple[Any, np.ndarray]:
    """Bring a block to the natural log(1 + x) of cells with `DEPTH` counts, in place.

    Counts (`base` None) are scaled and logged; of logarithms to another base it is undone.

    Args:
        totals: Each cell's sum, if the block has some genes only, as a CSC matrix.

    Returns the same block, and each cell's sum before (float64), which is 0 for empty cells.
    """
    if totals is None:
        totals = np.asarray(block.sum(axis=1, dtype=np.float64)).ravel()
    if base is not None:
        if base != math.e:
            block *= np.float32(np.log(base))
        return block, totals
    scale = np.divide(DEPTH, totals, out=np.zeros_like(totals), where=totals > 0)
    scale = scale.astype(np.float32)
    if sparse.issparse(block):
        of_cells = block.format == "csr"
        block.data *= np.repeat(scale, np.diff(block.indptr)) if of_cells else scale[block.indices]
        np.log1p(block.data, out=block.data)
    else:
        block *= scale[:, None]
        np.log1p(block, out=block)
    return block, totals


def centre_of(cells: CellFile, base: float | None) -> np.ndarray:
    """Average the expression of a sample of cells: a float32 a gene, the centre for `Job`."""
    blocks = [log_normalised(block.copy(), base)[0] for block in cells.sample]
    total = sum(np.asarray(block.sum(axis=0, dtype=np.float64)).ravel() for block in blocks)
    mean = total / sum(block.shape[0] for block in blocks)
    # A coarse number is as good, and the same for dense and sparse files, whose sums round apart.
    return (np.rint(64 * mean) / 64).astype(np.float32)


def moments(job: Job, chunk: tuple[int, int]) -> Moments:
    """Sum one chunk of a file."""
    start, stop = chunk
    with open_cells(job.path, tables=False, layer=job.layer, kept=job.kept) as cells:
        if job.totals is not None:
            return _of_genes(cells, job, job.totals, start, stop)
        return _of_cells(cells, job, start, stop)


def _of_cells(cells: CellFile, job: Job, start: int, stop: int) -> Moments:
    groups = np.unique(job.group[start:stop])
    groups = groups[groups >= 0]
    sums = np.zeros((len(groups), job.genes))
    squares = np.zeros_like(sums)
    empty = [np.empty(0, dtype=np.int64)]
    for first in range(start, stop, cells.block):
        last = min(first + cells.block, stop)
        group = job.group[first:last]
        if (group < 0).all():
            continue
        block, totals = log_normalised(cells.read(slice(first, last)), job.base)
        empty.append(first + np.flatnonzero((group >= 0) & (totals <= 0)))
        # Dense from here on: the sums are, and adding dense rows up is as fast as it gets.
        values = block.toarray() if sparse.issparse(block) else block
        values -= job.centre
        rows = np.flatnonzero((group >= 0) & (totals > 0))
        _add(values, rows, np.searchsorted(groups, group[rows]), sums, squares)
    return Moments(groups, sums, squares, np.concatenate(empty))


def _of_genes(cells: CellFile, job: Job, totals: np.ndarray, start: int, stop: int) -> Moments:
    empty = np.flatnonzero((job.group >= 0) & (totals <= 0))
    used = (job.group >= 0) & (totals > 0)
    sums = np.zeros((job.groups, stop - start))
    squares = np.zeros_like(sums)
    # As many cells at a time as of a file of cells: sums in float32 stay as exact.
    slabs = [*range(0, len(used), cells.block), len(used)]
    for first in range(start, stop, cells.block_of_genes):
        last = min(first + cells.block_of_genes, stop)
        block, _ = log_normalised(cells.read_genes(slice(first, last)), job.base, totals)
        values = block.toarray(order="C")
        values -= job.centre[first:last]
        genes = slice(first - start, last - start)
        for top, bottom in pairwise(slabs):
            rows = np.flatnonzero(used[top:bottom])
            group = job.group[top + rows]
            _add(values[top:bottom], rows, group, sums[:, genes], squares[:, genes])
    # Once for all chunks.
    return Moments(
        np.arange(job.groups), sums, squares, empty if start == 0 else empty[:0], first=start
    )


def _add(
    values: np.ndarray, rows: np.ndarray, group: np.ndarray, sums: np.ndarray, squares: np.ndarray
) -> None:
    """Add some rows of values, and of their squares, to the sums of their groups; squares them."""
    present, number = np.unique(group, return_inverse=True)
    member = sparse.csr_array(
        (np.ones(len(rows), dtype=np.float32), (number, rows)), shape=(len(present), len(values))
    )
    sums[present] += member @ values
    np.square(values, out=values)
    squares[present] += member @ values
