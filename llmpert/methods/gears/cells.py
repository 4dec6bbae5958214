"""Single cells of a screen, as many as GEARS is to learn from."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import sparse

from llmpert.errors import InputError
from llmpert.genes import GeneTable
from llmpert.io.hashing import fingerprint
from llmpert.io.names import preview
from llmpert.screens.cells.file import CellFile, open_cells
from llmpert.screens.cells.layout import NO_BATCH, layout_of
from llmpert.screens.cells.moments import log_normalised
from llmpert.screens.cells.pseudobulk import UNIT
from llmpert.screens.cells.scale import base_of
from llmpert.screens.files import stated
from llmpert.screens.labels import Kind
from llmpert.screens.names import SYMBOLS
from llmpert.screens.screen import Screen

if TYPE_CHECKING:  # it takes a second
    import anndata

CONTROL = "ctrl"
"""What GEARS calls cells without a perturbation."""


@dataclass(frozen=True, eq=False)
class Cells:
    """Log-normalised cells x genes of a screen: csr float32, each row the mean of `pool` cells.

    `perturbation` has one a row: a perturbation of the screen, or `CONTROL`.
    """

    expression: sparse.csr_matrix
    perturbation: np.ndarray
    genes: np.ndarray
    pool: int = 1

    @cached_property
    def fingerprint(self) -> str:
        """16 hex digits that name the content."""
        matrix = self.expression
        parts = matrix.data, matrix.indices, matrix.indptr, self.perturbation, self.genes
        return fingerprint(*parts)

    def count(self, perturbations: Sequence[str]) -> int:
        """Return how many cells these perturbations and the controls have."""
        return int(self._rows(perturbations).sum())

    def of(self, perturbations: Sequence[str], gene_idx: np.ndarray) -> "anndata.AnnData":
        """Return control cells and those of some perturbations, at some genes, for GEARS."""
        import anndata

        rows = self._rows(perturbations)
        names = self.perturbation[rows]
        condition = np.where(names == CONTROL, CONTROL, names + f"+{CONTROL}").astype(str)
        data = anndata.AnnData(self.expression[rows][:, gene_idx])
        data.var_names = data.var["gene_name"] = self.genes[gene_idx].astype(str)
        data.obs["condition"] = condition
        data.obs["cell_type"] = "cells"
        return data

    def _rows(self, perturbations: Sequence[str]) -> np.ndarray:
        return np.isin(self.perturbation, [*perturbations, CONTROL])


def read_cells(
    path: str | Path,
    screen: Screen,
    *,
    per_perturbation: int,
    controls: int,
    column: str | None = None,
    control: Sequence[str] = (),
    unit: str | None = None,
    seed: int = 0,
) -> Cells:
    """Read a random sample of cells from an h5ad file, in blocks.

    Files of raw counts are normalised to 10,000 counts a cell and log(1 + x) transformed. Rows can
    be means over several cells (metacells), if `uns["pool"]` says over how many. Names are matched
    with the screen's by meaning.

    Args:
        per_perturbation, controls: Cells of each perturbation, and control cells, at most.
        column, control: As for `llmpert.screens.cells.plan`.
        unit: Of differences between cells, by default `uns["unit"]` of the file, or that of
            log-normalised counts.

    Raises:
        InputError: The file is missing or not of this form, does not measure all of the screen's
            genes, has values that are no expression, too few control cells or none of a
            perturbation of the screen, or its unit is not the screen's.
    """
    with open_cells(path) as cells:
        # Means over several cells need not look like logarithms of counts.
        layout = layout_of(cells, screen.line, column, control, NO_BATCH)
        base = base_of(cells, None, unclear=math.e)
        unit = unit or stated(cells.uns, "unit") or (UNIT if base is None else None)
        if unit != screen.unit:
            raise InputError.of_file(
                cells.path,
                f"the unit of differences between cells (uns['unit'], or --unit) to be that of the"
                f" screen {screen.line}, {screen.unit!r}",
                repr(unit) if unit else "none",
            )
        # As the screen spells it, `CONTROL`, or "" for what it does not have.
        given = cells.obs[layout.target].astype(object).map(lambda x: str(x).strip()).to_numpy()
        read = layout.labels
        wanted = {name: x.target for name, x in read.items() if x.kind is Kind.GENE}
        spelt = GeneTable.shipped().spelt_as(wanted.values(), screen.perturbations)
        meant = {name: spelt.get(of, "") for name, of in wanted.items()}
        meant |= dict.fromkeys(layout.controls, CONTROL)
        label = np.array([meant.get(name, "") for name in given], dtype=object)
        if layout.of_line is not None:
            label[~layout.of_line] = ""
        order = np.random.default_rng(seed).permutation(np.flatnonzero(label != ""))
        drawn = pd.Series(label[order])
        most = np.where(drawn == CONTROL, controls, per_perturbation)
        rows = np.sort(order[drawn.groupby(drawn).cumcount() < most])
        if (label[rows] == CONTROL).sum() < 2:
            raise InputError.of_file(
                cells.path, f"control cells in the column {layout.target!r}", "fewer than 2"
            )
        if (label[rows] == CONTROL).all():
            raise InputError.of_file(
                cells.path,
                f"cells of perturbations of {screen.line} ({preview(screen.perturbations)})",
                f"others only ({preview(np.unique(given))})",
            )
        columns = _columns(cells, screen)
        pool = int(cells.uns.get("pool", 1))
        blocks = [
            log_normalised(cells.read(rows[start : start + cells.block]), base)[0]
            for start in range(0, len(rows), cells.block)
        ]
    expression = sparse.vstack([sparse.csr_matrix(block)[:, columns] for block in blocks], "csr")
    return Cells(sparse.csr_matrix(expression), label[rows], screen.genes, pool)


def _columns(cells: CellFile, screen: Screen) -> np.ndarray:
    """Return the file's column of each of the screen's genes."""
    found: dict[str, int] = {}
    for names in (cells.var.index, *(cells.var[c] for c in SYMBOLS if c in cells.var)):
        position = {str(name): column for column, name in enumerate(names)}
        for given, name in GeneTable.shipped().spelt_as(position, screen.genes).items():
            found.setdefault(name, position[given])
    missing = [gene for gene in screen.genes if gene not in found]
    if missing:
        raise InputError.of_file(
            cells.path, f"the {len(screen.genes):,} genes of the screen {screen.line}",
            f"{len(missing):,} of them missing ({preview(missing)})",
        )  # fmt: skip
    return np.array([found[gene] for gene in screen.genes])
