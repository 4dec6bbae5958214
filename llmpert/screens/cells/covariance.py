"""How genes vary together over control cells: what linear response theory predicts knockdowns by.

A small push on gene g moves expression along column g of the covariance of unperturbed cells
(CIPHER; doi:10.1101/2025.06.27.661814). It takes no perturbed cell.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy import sparse

from llmpert.genes import GeneTable
from llmpert.screens.cells.file import CellFile, open_cells
from llmpert.screens.cells.moments import Job, log_normalised
from llmpert.screens.cells.pseudobulk import Plan
from llmpert.screens.files import COVARIANCE
from llmpert.screens.screen import Screen


def with_covariance(plan: Plan, screen: Screen, table: GeneTable | None = None) -> Screen:
    """Add the layer `COVARIANCE` to the screen that `pseudobulk` made of a file.

    It has, perturbations x genes, the covariance of the perturbed gene's log-normalised expression
    with each gene's, over control cells within batches; 0 for perturbed genes that are not
    measured. The file is read once more.

    Args:
        plan: Of the file.
        screen: What `pseudobulk` made of it.
        table: Finds perturbed genes among the measured ones; by default the shipped one.

    Raises:
        InputError: The file is damaged.
    """
    spelt = (table or GeneTable.shipped()).spelt_as(map(str, screen.perturbations), screen.genes)
    rows = np.flatnonzero([str(name) in spelt for name in screen.perturbations])
    perturbed = pd.Index(screen.genes).get_indexer([spelt[p] for p in screen.perturbations[rows]])
    layer = np.zeros(screen.response.shape, dtype=np.float32)
    if len(rows):
        layer[rows] = _covariance(plan.job, len(plan.groups.perturbations), perturbed)
    step = (
        "Computed the covariance of each perturbed gene with every gene over control cells;"
        f" {len(rows):,} of {len(screen.perturbations):,} perturbed genes are measured."
    )
    provenance = {**screen.provenance, "steps": [*screen.provenance["steps"], step]}
    return replace(screen, layers={**screen.layers, COVARIANCE: layer}, provenance=provenance)


def _covariance(job: Job, first: int, perturbed: np.ndarray) -> np.ndarray:
    """Return the covariance of some genes with all, over cells of the groups from `first` on."""
    groups = job.groups - first
    count, sums = np.zeros(groups), np.zeros((groups, job.genes))
    products = np.zeros((len(perturbed), job.genes))
    with open_cells(job.path, tables=False, layer=job.layer, kept=job.kept) as cells:
        for batch, values in _control_cells(cells, job, first):
            member = sparse.csr_array(
                (np.ones(len(batch), dtype=np.float32), (batch, np.arange(len(batch)))),
                shape=(groups, len(batch)),
            )
            count += member.sum(axis=1)
            sums += member @ values
            products += values[:, perturbed].T @ values
    used = count >= 2
    between = (sums[used][:, perturbed] / count[used, None]).T @ sums[used]
    return (products - between) / max(1, (count[used] - 1).sum())


def _control_cells(
    cells: CellFile, job: Job, first: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield each block's control cells: their batch, and expression around the centre, dense."""
    if job.totals is not None:
        used = np.flatnonzero((job.group >= first) & (job.totals > 0))
        starts = range(0, job.genes, cells.block_of_genes)
        blocks = [cells.read_genes(slice(at, at + cells.block_of_genes)) for at in starts]
        whole = sparse.hstack(
            [log_normalised(block, job.base, job.totals)[0][used] for block in blocks], "csr"
        )
        for start in range(0, len(used), cells.block):
            rows = slice(start, start + cells.block)
            yield job.group[used[rows]] - first, whole[rows].toarray() - job.centre
        return
    for start in range(0, len(job.group), cells.block):
        group = job.group[start : start + cells.block]
        control = group >= first
        if control.any():
            block = cells.read(slice(start, start + len(group)))[control]
            block, totals = log_normalised(block, job.base)
            values = block.toarray() if sparse.issparse(block) else block
            counted = totals > 0
            yield group[control][counted] - first, values[counted] - job.centre
