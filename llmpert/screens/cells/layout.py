"""Which column says what in a file of single cells."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from llmpert.errors import InputError
from llmpert.io.names import preview
from llmpert.screens.cells.file import CellFile
from llmpert.screens.names import find_line, is_control, stated_line, stated_lines

TARGETS = (
    "gene", "perturbation", "target_gene", "gene_target", "target", "perturbed_gene", "condition",
    "guide_target", "guide",
)  # fmt: skip
"""Names of columns of obs with each cell's knocked-down gene, the first that fits is taken."""
BATCHES = ("gem_group", "gemgroup", "gem_well", "batch", "library", "lane")
SYMBOLS = ("gene_name", "gene_names", "gene_symbol", "gene_symbols", "symbol", "feature_name")
"""Names of columns of var with symbols, where the index has ids."""

NO_BATCH = "none"

SAMPLE = 500
"""Cells looked at to distinguish counts from log-normalised values, in each of three places."""
LARGEST_LOG = 20.0
"""The logarithm of any count is smaller."""


@dataclass(frozen=True)
class Layout:
    """How a file of single cells is read.

    Attributes:
        line: Cell line.
        target: Column of obs that names each cell's knocked-down gene.
        controls: What that column says of control cells.
        batch: Column of obs with the batch of each cell (processed together), or None: a
            perturbation is compared with the control cells of its own batches.
        symbols: Column of var that names the measured genes, or None where the index does.
        counts: Whether values are counts, to be log-normalised, or are log-normalised already.
    """

    line: str
    target: str
    controls: tuple[str, ...]
    batch: str | None
    symbols: str | None
    counts: bool


def layout_of(
    cells: CellFile,
    line: str | None,
    target: str | None,
    control: str | None,
    batch: str | None,
    counts: bool | None,
    default_line: str | None = None,
) -> Layout:
    """Find out how a file is laid out; what is given is checked and not guessed (see `plan`)."""
    target, controls = _target(cells, target, control)
    return Layout(
        line=line or _line(cells, default_line),
        target=target,
        controls=controls,
        batch=_batch(cells, batch),
        symbols=next((column for column in SYMBOLS if column in cells.var), None),
        counts=_counts(cells) if counts is None else counts,
    )


def holds_cells(cells: CellFile) -> bool:
    """Return whether a file's rows are single cells: some are controls, and most targets repeat.

    Rows of screens and of bulk files go by the names of their targets, and have none in a column.
    """
    found = _find_target(cells, _columns(cells), None)
    return found is not None and 2 * cells.obs[found[0]].nunique() < cells.shape[0]


def _find_target(
    cells: CellFile, columns: Sequence[str], control: str | None
) -> tuple[str, tuple[str, ...]] | None:
    """Return the first of these columns that names controls and others, and its controls."""
    for column in columns:
        labels = _labels(cells.obs[column])
        controls = [x for x in labels if x == control or (not control and is_control(x))]
        if 0 < len(controls) < len(labels):
            return column, tuple(controls)
    return None


def _target(
    cells: CellFile, target: str | None, control: str | None
) -> tuple[str, tuple[str, ...]]:
    columns = _columns(cells) if target is None else [_existing(cells, target)]
    if found := _find_target(cells, columns, control):
        return found
    named = f"{control!r}" if control else "a name of controls such as 'non-targeting'"
    where = f"the column {target!r} of obs" if target else "a column of obs"
    shown = "; ".join(
        f"{column}: {preview(_labels(cells.obs[column]), 3)}" for column in columns[:5]
    )
    raise InputError.of_file(
        cells.path,
        f"{where} that names each cell's knocked-down gene, and control cells as {named}",
        f"none such ({shown or 'no column of text'}); say which column and what controls are called"
        " there (--target, --control)",
    )  # fmt: skip


def _columns(cells: CellFile) -> list[str]:
    """Columns of text, those first whose names say that they hold targets."""
    texts = [str(c) for c in cells.obs.columns if not pd.api.types.is_numeric_dtype(cells.obs[c])]
    first = [column for column in TARGETS if column in texts]
    return [*first, *(column for column in texts if column not in first)]


def _labels(column: pd.Series) -> list[str]:
    return [str(label) for label in column.dropna().unique()]


def _existing(cells: CellFile, column: str) -> str:
    if column not in cells.obs:
        raise InputError.of_file(
            cells.path, f"a column {column!r} of obs",
            f"the columns {preview(list(cells.obs.columns), 20) or '(none)'}",
        )  # fmt: skip
    return column


def _batch(cells: CellFile, batch: str | None) -> str | None:
    if batch is not None:
        return None if batch == NO_BATCH else _existing(cells, batch)
    several = (c for c in BATCHES if c in cells.obs and cells.obs[c].nunique() > 1)
    return next(several, None)


def _line(cells: CellFile, default: str | None) -> str:
    column, lines = stated_lines(cells.obs)
    line = stated_line(cells.uns) or (lines[0] if len(lines) == 1 else "")
    if lines and not (line or default):
        raise InputError.of_file(
            cells.path, "cells of one line, or files that hold one each",
            f"{len(lines)} in the column {column!r} ({preview(lines)}); keep one, or say which line"
            " it is to be called (--line)",
        )  # fmt: skip
    return find_line(cells.path, line, default)


def _counts(cells: CellFile) -> bool:
    """Whether values are whole numbers, in three places of the file."""
    count = cells.shape[0]
    for start in {0, max(0, count // 2 - SAMPLE), max(0, count - SAMPLE)}:
        block = cells.read(slice(start, min(start + SAMPLE, count)))
        values: np.ndarray = block.data if sparse.issparse(block) else block
        if values.size and (values != np.rint(values)).any():
            largest = float(values.max())
            if largest > LARGEST_LOG:
                raise InputError.of_file(
                    cells.path, "counts (whole numbers) or log-normalised values (up to"
                    f" {LARGEST_LOG:.0f})",
                    f"broken numbers up to {largest:,.1f}; say which they are (--values)",
                )  # fmt: skip
            return False
    return True
