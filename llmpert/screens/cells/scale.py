"""What the numbers of cells are: counts, or their logarithm, and to which base.

Evidence is looked for in this order: whole numbers; the base that scanpy states in `uns["log1p"]`;
sums of cells that are equal once a logarithm is undone, or as they are (values that were scaled and
not logged); in a cell, values that are multiples of its smallest, as those of scaled counts are.
Where nothing shows it, a `Question` asks.
"""

import math
from collections.abc import Iterator

import numpy as np
from scipy import sparse

from llmpert.errors import Question
from llmpert.screens.cells.file import CellFile

LARGEST_LOG = 20
"""The natural logarithm of any count is smaller."""
EQUAL = 1e-2
"""Sums of cells whose relative standard deviation is smaller are equal but for rounding."""
MULTIPLE = 2e-2
"""How far from a whole number the multiple of a cell's smallest value may be."""
BASES = (math.e, 2.0, 10.0)
CHOICES = {
    "counts": "scaled or not",
    "log": "log-normalised, the natural logarithm",
    "log2": "log-normalised, the logarithm to the base 2",
}
"""What values can be said to be."""
SAID = {"counts": None, "log": math.e, "log2": 2.0}
"""The base of the logarithm that this means; None of counts."""


def base_of(cells: CellFile, values: str | None, unclear: float | None = None) -> float | None:
    """Return the base of the logarithm that values are said to be in, or else are (`log_base`)."""
    return log_base(cells, unclear) if values is None else SAID[values]


def log_base(cells: CellFile, unclear: float | None = None) -> float | None:
    """Return the base of the logarithm that values are in, as log(1 + x); None of counts.

    Values that were scaled and not logged come as counts: scaled again they are the same.

    Args:
        unclear: What to return where nothing shows it and the values are small enough.

    Raises:
        Question: Nothing shows it, and `unclear` is None; or values contradict the file.
    """
    rows = [row for block in cells.sample for row in _rows(block)]
    if not rows or all((row == np.rint(row)).all() for row in rows):
        return None
    largest = max(float(row.max()) for row in rows)
    # Counts of millions are possible where nobody took a logarithm.
    bases = [base for base in BASES if largest * np.log(base) <= LARGEST_LOG]
    stated = _stated(cells)
    if stated is not None:
        if stated in bases or (stated not in BASES and largest * np.log(stated) <= LARGEST_LOG):
            return stated
        expected = f"logarithms to the base {stated:g}, as uns['log1p'] says"
        raise Question.ask(cells.path, expected, f"numbers up to {largest:,.1f}", "values", CHOICES)
    for base in bases:
        if _equal_sums(np.expm1(row * np.log(base)) for row in rows):
            return base
    if _equal_sums(iter(rows)) or _multiples(iter(rows)):
        return None
    for base in bases:
        if _multiples(np.expm1(row * np.log(base)) for row in rows):
            return base
    if unclear in bases:
        return unclear
    expected = f"counts (whole numbers) or log-normalised values (up to {LARGEST_LOG})"
    found = f"broken numbers up to {largest:,.1f} that could be either"
    raise Question.ask(cells.path, expected, found, "values", CHOICES)


def _rows(block: object) -> Iterator[np.ndarray]:
    """Yield the values above 0 of each cell that has any, in float64."""
    if sparse.issparse(block):
        parts = np.split(block.data, block.indptr[1:-1])  # type: ignore[attr-defined]
    else:
        parts = list(np.asarray(block))
    for part in parts:
        values = part[part > 0].astype(np.float64)
        if len(values):
            yield values


def _stated(cells: CellFile) -> float | None:
    """Return the base that scanpy writes; it writes None, which files keep as nothing, for e."""
    noted = cells.uns.get("log1p") if isinstance(cells.uns, dict) else None
    if not isinstance(noted, dict):
        return None
    base = noted.get("base")
    if base is None:
        return math.e
    value = float(np.asarray(base).ravel()[0]) if np.asarray(base).dtype.kind in "fiu" else 0.0
    return value if value > 1 else None


def _equal_sums(rows: Iterator[np.ndarray]) -> bool:
    sums = np.array([row.sum() for row in rows])
    return bool(len(sums) > 1 and sums.std() < EQUAL * sums.mean())


def _multiples(rows: Iterator[np.ndarray]) -> bool:
    """Whether nearly all values of most cells are multiples of the cell's smallest one."""
    shares = []
    for row in rows:
        ratio = row / row.min()
        if len(row) > 2 and ratio.max() > 1.5:
            shares.append(np.mean(np.abs(ratio - np.rint(ratio)) < MULTIPLE * np.sqrt(ratio)))
    return bool(shares and np.median(shares) > 0.95)
