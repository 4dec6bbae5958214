"""Sums and sums of squares of expression by group of cells: what means, variances and tests need.

Cells are read once, block by block. A file is worked through in chunks; a chunk's sums do not
depend on the others, so chunks can be summed in any order, by any process or machine, and added up
in theirs: the result is the same to the last bit.
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
    """

    path: Path
    layer: str | None
    base: float | None
    group: np.ndarray
    groups: int
    centre: np.ndarray

    @property
    def genes(self) -> int:
        """How many genes are measured."""
        return len(self.centre)

    @property
    def bytes_of_sums(self) -> int:
        """What the sums of all groups take."""
        return 16 * self.groups * self.genes

    @property
    def size(self) -> int:
        """Cells x genes of the file."""
        return len(self.group) * self.genes

    def chunks(self) -> list[tuple[int, int]]:
        """Cut the file's cells into chunks: where each starts and stops."""
        cells = max(2 * BLOCK_BYTES, SHARE * self.bytes_of_sums) // (4 * self.genes)
        bounds = [*range(0, len(self.group), max(1, cells)), len(self.group)]
        return list(pairwise(bounds))


@dataclass(frozen=True, eq=False)
class Moments:
    """Sums over some cells.

    Attributes:
        groups: Those that have cells here, ascending.
        sums, squares: float64, these groups x genes: of log-normalised expression minus the centre,
            and of its square.
        empty: Positions of cells without any count; they are in no sum.
    """

    groups: np.ndarray
    sums: np.ndarray
    squares: np.ndarray
    empty: np.ndarray

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
            groups = chunk["groups"]
            sums[groups] += chunk["sums"]
            squares[groups] += chunk["squares"]
            empty.append(chunk["empty"])
    return Moments(np.arange(job.groups), sums, squares, np.concatenate(empty))


def log_normalised(block: Any, base: float | None) -> tuple[Any, np.ndarray]:
    """Bring a block to the natural log(1 + x) of cells with `DEPTH` counts, in place.

    Counts (`base` None) are scaled and logged; of logarithms to another base it is undone.

    Returns the same block, and each cell's sum before (float64), which is 0 for empty cells.
    """
    totals = np.asarray(block.sum(axis=1, dtype=np.float64)).ravel()
    if base is not None:
        if base != math.e:
            block *= np.float32(np.log(base))
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


def centre_of(cells: CellFile, base: float | None) -> np.ndarray:
    """Average the expression of the file's first cells: a float32 a gene, the centre for `Job`."""
    block, _ = log_normalised(cells.read(slice(0, cells.block)), base)
    mean = np.asarray(block.mean(axis=0, dtype=np.float64)).ravel()
    # A coarse number is as good, and the same for dense and sparse files, whose sums round apart.
    return (np.rint(64 * mean) / 64).astype(np.float32)


def moments(job: Job, chunk: tuple[int, int]) -> Moments:
    """Sum one chunk of a file."""
    start, stop = chunk
    groups = np.unique(job.group[start:stop])
    groups = groups[groups >= 0]
    sums = np.zeros((len(groups), job.genes))
    squares = np.zeros_like(sums)
    empty = [np.empty(0, dtype=np.int64)]
    with open_cells(job.path, tables=False, layer=job.layer) as cells:
        for first in range(start, stop, cells.block):
            last = min(first + cells.block, stop)
            if (job.group[first:last] < 0).all():
                continue
            block, totals = log_normalised(cells.read(slice(first, last)), job.base)
            used = (job.group[first:last] >= 0) & (totals > 0)
            empty.append(first + np.flatnonzero((job.group[first:last] >= 0) & (totals <= 0)))
            # Dense from here on: the sums are, and adding dense rows up is as fast as it gets.
            values = block.toarray() if sparse.issparse(block) else block
            values -= job.centre
            rows = np.flatnonzero(used)
            present, number = np.unique(job.group[first + rows], return_inverse=True)
            member = sparse.csr_array(
                (np.ones(len(rows), dtype=np.float32), (number, rows)),
                shape=(len(present), len(values)),
            )
            at = np.searchsorted(groups, present)
            sums[at] += member @ values
            np.square(values, out=values)
            squares[at] += member @ values
    return Moments(groups, sums, squares, np.concatenate(empty))
