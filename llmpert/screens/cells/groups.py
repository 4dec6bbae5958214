"""Who is who in a file of single cells: perturbed cells, control cells, and cells left out."""

from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from llmpert.errors import InputError
from llmpert.io.names import preview
from llmpert.screens.cells.file import CellFile
from llmpert.screens.cells.layout import Layout
from llmpert.screens.names import target

FEWEST_CONTROLS = 2
"""Control cells that a batch needs: with one there is no variance."""


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
    notes: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.perturbations) + len(self.batches)

    def without(self, cells: np.ndarray) -> "CellGroups":
        """Leave out some cells, which turned out to be empty."""
        if not len(cells):
            return self
        group = self.group.copy()
        group[cells] = -1
        note = f"{len(cells):,} cell(s) without any count were left out."
        return replace(self, group=group, notes=[*self.notes, note])

    def counts(self) -> tuple[np.ndarray, np.ndarray]:
        """Count cells of each perturbation in each batch, and control cells of each batch."""
        first, size = len(self.perturbations), len(self.batches)
        perturbed = (self.group >= 0) & (self.group < first)
        pair = self.group[perturbed].astype(np.int64) * size + self.batch[perturbed]
        table = np.bincount(pair, minlength=first * size).reshape(first, size)
        controls = self.group[self.group >= first] - first
        return table, np.bincount(controls, minlength=size)


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
    usable = _usable(cells, batches, batch, control, number >= 0, notes)
    number = np.where(usable[batch], number, -1)
    count = np.bincount(number[number >= 0], minlength=len(names))
    enough = count >= fewest
    few = names[~enough & (count > 0)]
    if len(few):
        notes.append(
            f"{len(few):,} perturbation(s) with fewer than {fewest} cells were left out:"
            f" {preview(few)}."
        )
    if not enough.any():
        raise InputError.of_file(
            cells.path, f"perturbations with {fewest} cells or more", "none with so many"
        )
    # The last entry stands for -1.
    place = np.append(np.where(enough, np.cumsum(enough) - 1, -1), -1)
    group = np.where(control & usable[batch], enough.sum() + batch, place[number])
    return CellGroups(names[enough], batches, group.astype(np.int32), batch, notes)


def _targets(
    cells: CellFile, layout: Layout, notes: list[str]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Names of targets, each cell's number among them (-1: none), and whether it is a control."""
    labels, label = _numbered(cells.obs[layout.target])
    is_control = np.isin(labels, layout.controls)
    target_of = np.array([target(name) for name in labels], dtype=object)
    several = np.array(["+" in name for name in target_of], dtype=bool)[label]
    if "nperts" in cells.obs:  # where scPerturb counts them
        several |= pd.to_numeric(cells.obs["nperts"], errors="coerce").to_numpy() > 1
    control = is_control[label]
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


def _usable(
    cells: CellFile,
    batches: np.ndarray,
    batch: np.ndarray,
    control: np.ndarray,
    perturbed: np.ndarray,
    notes: list[str],
) -> np.ndarray:
    """Which batches have enough control cells to compare with."""
    controls = np.bincount(batch[control], minlength=len(batches))
    usable = controls >= FEWEST_CONTROLS
    if not usable.any():
        raise InputError.of_file(
            cells.path, f"{FEWEST_CONTROLS} or more control cells in a batch",
            f"{int(control.sum()):,} in {len(batches):,} batch(es)",
        )  # fmt: skip
    if not usable.all():
        lost = int((perturbed & ~usable[batch]).sum())
        notes.append(
            f"{int((~usable).sum()):,} batch(es) with fewer than {FEWEST_CONTROLS} control cells"
            f" were left out, and with them {lost:,} cell(s): {preview(batches[~usable])}."
        )
    return usable


def _numbered(column: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Return a column's labels as text ("" for missing ones), and each row's number among them."""
    number, labels = pd.factorize(column, use_na_sentinel=False)
    text = ["" if pd.isna(label) else str(label).strip() for label in labels]
    # Labels that differ by blanks only are one.
    names, same = np.unique(np.array(text, dtype=str), return_inverse=True)
    return names.astype(object), same[number]
