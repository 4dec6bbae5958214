"""Columns of a table that are no measured genes: row numbers, counts of cells, ids."""

import re
from collections.abc import Sequence

import numpy as np

from llmpert.genes.table import GeneTable

_NAMES = re.compile(
    r"unnamed: ?\d+|index|(__index_)?level_\d+(__)?|row(_?(number|names?))?|"
    r"n_?cells?|num_?cells?(_\w+)?|cells?|"
    r"cell_?counts?|n_?counts?|n_?genes?(_by_counts)?|total_?counts?(_\w+)?|n_?umis?|pct_\w+|"
    r"percent_\w+|mito_?percent|entrez(_?(gene_?)?id)?|ncbi_?gene(_?id)?|gene_?id|n_?guides?|"
    r"batch|gem_?group|guide_?capture\w*|crispr guide capture\w*",
    re.IGNORECASE,
)
CELLS = re.compile(r"((n|num)_?)?cells?(_filtered|_counts?)?", re.IGNORECASE)
"""Names of columns with the cells behind each row."""
FEWEST = 4
"""Rows from which a column's size is more than chance."""
LARGE = 100.0
"""Whole numbers so many times the usual column's size, among fractions, are no response."""


def no_genes(names: Sequence[str], values: np.ndarray) -> dict[int, str]:
    """Return the columns that are no measured genes, by place, with the reason in words.

    They are recognised by their names, and by counting numbers far larger than the fractions in the
    other columns. What is the current symbol of a gene, or an id, is one whatever it looks like.

    Args:
        values: Rows x columns.
    """
    table = GeneTable.shipped()
    unknown = [
        place
        for place, name in enumerate(names)
        if table.resolve(name).how not in ("symbol", "ensembl", "hgnc", "previous")
    ]
    named = {p: "by its name" for p in unknown if _NAMES.fullmatch(names[p].strip())}
    if not unknown or len(values) < FEWEST:
        return named
    with np.errstate(over="ignore"):
        sizes = np.abs(np.where(np.isfinite(values), values, 0)).max(axis=0)
    usual = np.median(sizes)
    large = (sizes > LARGE * usual) & (usual > 0)
    odd = [p for p in unknown if large[p] and _counts(values[:, p])]
    if odd and not (np.delete(values, odd, axis=1) % 1 > 0).any():
        odd = []  # Whole numbers are no oddity among whole numbers.
    return named | {
        p: "by its whole numbers, far larger than others" for p in odd if p not in named
    }


def _counts(column: np.ndarray) -> bool:
    """Return whether a column counts or numbers something: whole, positive, at most one 0."""
    return bool((column == np.rint(column)).all() and (column >= 0).all() and sum(column == 0) <= 1)
