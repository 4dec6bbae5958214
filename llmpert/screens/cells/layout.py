"""Which column says what in a file of single cells, and who is who in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

from llmpert.errors import InputError
from llmpert.io.names import preview
from llmpert.screens.cells.file import CellFile, open_cells
from llmpert.screens.names import find_line, is_control, note, stated_line, stated_lines, target

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
LARGEST_LOG = 20
"""The logarithm of any count is smaller."""
FEWEST_CONTROLS = 2
"""Control cells that a batch needs: with one there is no variance."""


@dataclass(frozen=True)
class Layout:
    """How a file of single cells is read.

    Attributes:
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
    columns = _columns(cells) if target is None else [_existing(cells, target)]
    targets = _find_target(cells, columns, control)
    if targets is None:
        named = f"{control!r}" if control else "a name of controls such as 'non-targeting'"
        where = f"the column {target!r} of obs" if target else "a column of obs"
        shown = "; ".join(f"{c}: {preview(_labels(cells.obs[c]), 3)}" for c in columns[:5])
        expected = f"{where} that names each cell's knocked-down gene, and control cells as {named}"
        do = "say which column and what controls are called there (--target, --control)"
        found = f"none such ({shown or 'no column of text'}); {do}"
        raise InputError.of_file(cells.path, expected, found)
    if not line:
        column, lines = stated_lines(cells.obs)
        stated = stated_line(cells.uns) or (lines[0] if len(lines) == 1 else "")
        if lines and not (stated or default_line):
            found = f"{len(lines)} in the column {column!r} ({preview(lines)})"
            do = "keep one, or say which line it is to be called (--line)"
            raise InputError.of_file(cells.path, "cells of one line", f"{found}; {do}")
        line = find_line(cells.path, stated, default_line)
    if batch is None:
        several = (c for c in BATCHES if c in cells.obs and cells.obs[c].nunique() > 1)
        batch = next(several, NO_BATCH)
    return Layout(
        line=line,
        target=targets[0],
        controls=targets[1],
        batch=None if batch == NO_BATCH else _existing(cells, batch),
        symbols=next((column for column in SYMBOLS if column in cells.var), None),
        counts=_counts(cells) if counts is None else counts,
    )


def holds_cells(path: Path) -> bool:
    """Return whether a file's rows are single cells: some are controls, and most targets repeat.

    Rows of screens and of bulk files go by the names of their targets, and have none in a column.
    """
    try:
        with open_cells(path) as cells:
            found = _find_target(cells, _columns(cells), None)
            return found is not None and 2 * cells.obs[found[0]].nunique() < cells.shape[0]
    except InputError:  # the readers of other files say what is wrong
        return False


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


def _columns(cells: CellFile) -> list[str]:
    """Columns of text, those first whose names say that they hold targets."""
    texts = [str(c) for c in cells.obs.columns if not pd.api.types.is_numeric_dtype(cells.obs[c])]
    return sorted(texts, key=lambda c: TARGETS.index(c) if c in TARGETS else len(TARGETS))


def _labels(column: pd.Series) -> list[str]:
    return [str(label) for label in column.dropna().unique()]


def _existing(cells: CellFile, column: str) -> str:
    if column not in cells.obs:
        found = f"the columns {preview(list(cells.obs.columns), 20) or '(none)'}"
        raise InputError.of_file(cells.path, f"a column {column!r} of obs", found)
    return column


def _counts(cells: CellFile) -> bool:
    """Whether values are whole numbers, in three places of the file."""
    count = cells.shape[0]
    for start in {0, max(0, count // 2 - SAMPLE), max(0, count - SAMPLE)}:
        block = cells.read(slice(start, min(start + SAMPLE, count)))
        values: np.ndarray = block.data if sparse.issparse(block) else block
        if values.size and (values != np.rint(values)).any():
            largest = float(values.max())
            if largest > LARGEST_LOG:
                found = f"broken numbers up to {largest:,.1f}; say which they are (--values)"
                expected = f"counts (whole numbers) or log-normalised values (up to {LARGEST_LOG})"
                raise InputError.of_file(cells.path, expected, found)
            return False
    return True


@dataclass(frozen=True, eq=False)
class CellGroups:
    """The cells of each perturbation, and the control cells of each batch.

    Attributes:
        perturbations, batches: Names, sorted.
        group: int32, one a cell: the perturbation's number, or the number of perturbations plus the
            batch's for control cells, or -1 for cells left out.
        batch: One a cell: the batch's number.
        notes: Sentences on what was left out.
    """

    perturbations: np.ndarray
    batches: np.ndarray
    group: np.ndarray
    batch: np.ndarray
    notes: list[str]

    def __len__(self) -> int:
        return len(self.perturbations) + len(self.batches)

    def counts(self, empty: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Count the cells of each perturbation in each batch, and control cells, but empty ones."""
        used = self.group >= 0
        used[empty] = False
        first, size = len(self.perturbations), len(self.batches)
        perturbed = used & (self.group < first)
        pair = self.group[perturbed].astype(np.int64) * size + self.batch[perturbed]
        table = np.bincount(pair, minlength=first * size).reshape(first, size)
        return table, np.bincount(self.group[used & ~perturbed] - first, minlength=size)


def cell_groups(cells: CellFile, layout: Layout, fewest: int) -> CellGroups:
    """Group the cells of a file.

    Left out, with a note: cells without a target, with several, of a batch without enough control
    cells, and of a perturbation with fewer than `fewest` cells.

    Raises:
        InputError: No control cells or no perturbation is left.
    """
    notes: list[str] = []
    names, number, control = _targets(cells, layout, notes)
    batches, batch = np.array(["all"], dtype=object), np.zeros(len(number), dtype=np.int64)
    if layout.batch:
        batches, batch = _numbered(cells.obs[layout.batch])
    controls = np.bincount(batch[control], minlength=len(batches))
    usable = controls >= FEWEST_CONTROLS
    if not usable.any():
        found = f"{control.sum():,} in {len(batches):,} batch(es)"
        expected = f"{FEWEST_CONTROLS} or more control cells in a batch"
        raise InputError.of_file(cells.path, expected, found)
    lost = int(((number >= 0) & ~usable[batch]).sum())
    what = f"batch(es) with fewer than {FEWEST_CONTROLS} control cells were left out"
    note(notes, batches[~usable], f"{what}, and with them {lost:,} cell(s)")
    number = np.where(usable[batch], number, -1)
    count = np.bincount(number[number >= 0], minlength=len(names))
    enough = count >= fewest
    few = names[~enough & (count > 0)]
    note(notes, few, f"perturbation(s) with fewer than {fewest} cells were left out")
    if not enough.any():
        expected = f"perturbations with {fewest} cells or more"
        raise InputError.of_file(cells.path, expected, "none with so many")
    # The last entry stands for -1.
    place = np.append(np.where(enough, np.cumsum(enough) - 1, -1), -1)
    group = np.where(control & usable[batch], enough.sum() + batch, place[number])
    return CellGroups(names[enough], batches, group.astype(np.int32), batch, notes)


def _targets(
    cells: CellFile, layout: Layout, notes: list[str]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Names of targets, each cell's number among them (-1: none), and whether it is a control."""
    labels, label = _numbered(cells.obs[layout.target])
    target_of = np.array([target(name) for name in labels], dtype=object)
    several = np.array(["+" in name for name in target_of], dtype=bool)[label]
    if "nperts" in cells.obs:  # where scPerturb counts them
        several |= pd.to_numeric(cells.obs["nperts"], errors="coerce").to_numpy() > 1
    control = np.isin(labels, layout.controls)[label]
    nothing = (target_of == "")[label]
    names, number = np.unique(target_of.astype(str), return_inverse=True)
    number = number[label]
    for rows, what in (
        (several & ~control, "with several genes knocked down at once"),
        (nothing & ~control, "without a knocked-down gene"),
    ):
        if rows.any():
            who = [name for name in names[np.unique(number[rows])] if name]
            examples = f": {preview(who)}" if who else ""
            notes.append(f"{int(rows.sum()):,} cell(s) {what} were left out{examples}.")
    number[several | nothing | control] = -1
    return names, number, control


def _numbered(column: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Return a column's labels as text ("" for missing ones), and each row's number among them."""
    number, labels = pd.factorize(column, use_na_sentinel=False)
    text = ["" if pd.isna(label) else str(label).strip() for label in labels]
    # Labels that differ by blanks only are one.
    names, same = np.unique(np.array(text, dtype=str), return_inverse=True)
    return names.astype(object), same[number]
