"""How the cells of a cluster differ from all others of a file: the state that they are in."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from llmpert.errors import InputError
from llmpert.io.names import preview
from llmpert.screens.cells.file import CellFile, open_cells
from llmpert.screens.cells.moments import Job, centre_of, moments
from llmpert.screens.cells.scale import base_of
from llmpert.screens.names import measured_genes, symbols_in

MOST_LABELS = 200
"""More labels of a column are no clusters."""

FEWEST = 2
"""Cells on either side."""


@dataclass(frozen=True, eq=False)
class Cluster:
    """Mean expression of some cells, less that of the rest.

    Attributes:
        genes: Measured genes, D.
        difference: Of mean log-normalised expression, D.
        cells, rest: How many cells it has, and how many others with a label.
    """

    genes: np.ndarray
    difference: np.ndarray
    cells: int
    rest: int


def clusters_in(path: str | Path, layer: str | None = None) -> dict[str, dict[str, int]]:
    """Return the columns of obs that group cells: each one's labels and how many cells have them.

    Raises:
        InputError: The file cannot be read, or no column groups cells.
        Question: There is no X, but a layer.
    """
    with open_cells(path, layer=layer) as cells:
        found = {str(column): _counts(cells, str(column)) for column in cells.obs}
        found = {column: counts for column, counts in found.items() if _groups(counts)}
        if not found:
            expected = f"a column of obs that groups cells under 2 to {MOST_LABELS} labels"
            listed = preview(list(map(str, cells.obs))) or "(none)"
            raise InputError.of_file(cells.path, expected, f"the columns {listed}")
        return found


def cluster_against_rest(
    path: str | Path,
    column: str,
    label: str,
    values: str | None = None,
    layer: str | None = None,
    upload_limit: int | None = None,
) -> Cluster:
    """Average the cells with a label and the others, and take the difference.

    Counts are scaled to 10,000 a cell and transformed as log(1 + x). Cells without a label, or
    without any count, count on neither side.

    Args:
        path: A `.h5ad` of cells x genes, of any size.
        column, label: Of obs, as in `clusters_in`.
        values, layer: As of `llmpert.screens.cells.pseudobulk.plan`.
        upload_limit: Cells x genes that the file may have.

    Raises:
        InputError: The file cannot be read, has no such column or label, or fewer than two cells
            with it or without.
        Question: Nothing shows what its numbers are, or where.
    """
    with open_cells(path, layer=layer) as cells:
        size = math.prod(cells.shape)
        if upload_limit is not None and size > upload_limit:
            expected = f"at most {upload_limit:,} cells x genes in an upload"
            raise InputError.of_file(cells.path, expected, f"{size:,}")
        if column not in cells.obs:
            found = f"the columns {preview(list(map(str, cells.obs)), 20) or '(none)'}"
            raise InputError.of_file(cells.path, f"a column {column!r} of obs", found)
        labels = _labels(cells.obs[column])
        if not (labels == label).any():
            found = preview(list(_counts(cells, column)), 20)
            raise InputError.of_file(cells.path, f"cells with {column} = {label!r}", found)
        group = np.select([labels == "", labels == label], [-1, 1], 0).astype(np.int32)
        names = measured_genes(
            cells.path, cells.var, np.zeros(len(cells.var)), [], symbols_in(cells.var)
        )
        base = base_of(cells, values)
        job = Job(
            cells.path.absolute(), layer, base, group, 2, centre_of(cells, base), cells.kept,
            cells.totals if cells.by_gene else None,
        )  # fmt: skip
    sums = np.zeros((2, len(names)))
    for chunk in job.chunks():
        part = moments(job, chunk)
        genes = slice(part.first, part.first + part.sums.shape[1])
        sums[part.groups, genes] += part.sums
        group[part.empty] = -1
    rest, own = np.bincount(group[group >= 0], minlength=2)
    if min(rest, own) < FEWEST:
        expected = f"{FEWEST} or more cells with {column} = {label!r}, and as many with another"
        raise InputError.of_file(job.path, expected, f"{own:,} and {rest:,}")
    return Cluster(names, sums[1] / own - sums[0] / rest, int(own), int(rest))


def _labels(column: pd.Series) -> np.ndarray:
    """Return the label of each cell as text, "" where it has none."""
    return column.astype(object).where(column.notna(), "").astype(str).str.strip().to_numpy()


def _counts(cells: CellFile, column: str) -> dict[str, int]:
    """Return a column's labels, by how many cells have each, but for columns of broken numbers."""
    if pd.api.types.is_float_dtype(cells.obs[column]):
        return {}
    labels, counts = np.unique(_labels(cells.obs[column]), return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return {str(labels[k]): int(counts[k]) for k in order if labels[k]}


def _groups(counts: dict[str, int]) -> bool:
    return 2 <= len(counts) <= MOST_LABELS and max(counts.values()) >= FEWEST
