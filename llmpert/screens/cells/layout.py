"""Find the columns of targets, controls, batches and lines in a file of single cells."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from llmpert.errors import InputError, Question
from llmpert.genes.numbers import as_entrez_ids
from llmpert.io.names import preview
from llmpert.screens import files
from llmpert.screens.cells.file import CellFile, open_cells
from llmpert.screens.labels import Kind, Label, known_share, read_labels
from llmpert.screens.names import (
    FEW,
    TARGETS,
    choose_line,
    find_line,
    name_cells,
    note,
    stated_line,
    symbols_in,
)  # fmt: skip
from llmpert.screens.replogle import names_populations

BATCHES = ("gem_group", "gemgroup", "gem_well", "batch", "library", "lane")
NO_BATCH = "none"
MOSTLY = 0.5
"""Share of known genes among the labels of a column that names human targets."""
TREATMENTS, MANY = 3, 8
"""Names of unknown genes and controls up to which a column may name treatments: one that is
called like a column of targets, and any other."""

GUIDES = 10
"""Rows of a screen for one target, at most."""
CONDITIONS = ("treatment", "stimulation", "stim", "condition", "time", "timepoint", "dose", "day")
"""Names of columns with what was done to cells besides."""
MOST_CONDITIONS = 20
"""More labels of a column are no conditions."""
FEWEST_CONTROLS = 2
"""Control cells that a batch needs: with one there is no variance."""


@dataclass(frozen=True, eq=False)
class Layout:
    """How a file of single cells is read.

    Attributes:
        target: Column of obs that names each cell's knocked-down gene.
        labels: What each of its labels means, by the label without outer blanks.
        of_line: Which cells are of the line, where the file holds several; else None.
        batch: Column of obs with the batch of each cell (processed together), or None: a
            perturbation is compared with the control cells of its own batches.
        symbols: Column of var that names the measured genes, or None where the index does.
    """

    line: str
    target: str
    labels: dict[str, Label]
    of_line: np.ndarray | None
    batch: str | None
    symbols: str | None

    @property
    def controls(self) -> list[str]:
        """Labels of control cells."""
        return [name for name, label in self.labels.items() if label.kind is Kind.CONTROL]


def layout_of(
    cells: CellFile,
    line: str | None,
    target: str | None,
    control: Sequence[str],
    batch: str | None,
    default_line: str | None = None,
) -> Layout:
    """Return the layout of a file; given columns are checked, others detected (see `plan`)."""
    column, labels = _find_target(cells, target, control)
    line, of_line = _find_line(cells, line, default_line)
    if batch is None:
        several = (c for c in BATCHES if c in cells.obs and cells.obs[c].nunique() > 1)
        batch = next(several, NO_BATCH)
    return Layout(
        line=line,
        target=column,
        labels=labels,
        of_line=of_line,
        batch=None if batch == NO_BATCH else _existing(cells, batch),
        symbols=symbols_in(cells.var),
    )


def holds_cells(
    path: Path, layer: str | None = None, target: str | None = None, control: Sequence[str] = ()
) -> bool:
    """Return whether a file's rows are single cells.

    There are too many for a screen, or they are called so, or labels of a column repeat and name
    targets: most are known genes, or some are controls. Rows of screens and of bulk files have the
    names of their targets.
    """
    # The readers of other files say what is wrong.
    with suppress(InputError), open_cells(path, layer=layer) as cells:
        if cells.shape[0] > files.MOST_PERTURBATIONS or name_cells(_some_names(cells)):
            return True
        # Guides may share a target in a screen, too, but not so many.
        fewest = GUIDES if _named_by_target(cells) else 2
        for column in [target] if target in cells.obs else _columns(cells):
            names = _labels(cells.obs[column])
            if 1 < fewest * len(names) < cells.shape[0]:
                labels = read_labels(names, control)
                if _tells_apart(labels) or (len(names) > 1 and known_share(labels) > MOSTLY):
                    return True
    return False


def why_no_cells(path: Path, layer: str | None = None) -> str:
    """Return the sentence that declines a file as one of single cells.

    "" if nothing speaks for cells: it is none of AnnData's, its rows are named by targets, or no
    column of obs has labels.
    """
    with suppress(InputError), open_cells(path, layer=layer) as cells:
        if _columns(cells) and not _named_by_target(cells):
            try:
                _find_target(cells, None, ())
            except InputError as problem:
                return str(problem)
    return ""


def _named_by_target(cells: CellFile) -> bool:
    """Return whether rows are named by their targets, as those of screens are."""
    names = _some_names(cells)
    return names_populations(names) or known_share(read_labels(names)) > MOSTLY


def _some_names(cells: CellFile) -> list[str]:
    return [str(name) for name in cells.obs.index[:: max(1, len(cells.obs) // FEW)]]


def _tells_apart(labels: dict[str, Label]) -> bool:
    """Whether some labels are controls and some are not."""
    kinds = {label.kind for label in labels.values()}
    return Kind.CONTROL in kinds and bool(kinds & {Kind.GENE, Kind.SEVERAL})


def _find_target(
    cells: CellFile, given: str | None, control: Sequence[str]
) -> tuple[str, dict[str, Label]]:
    """Return the column of obs that names the targets, and what its labels mean.

    Its labels decide: some are controls, most of the others are known genes. Columns that name the
    same target for every cell, such as a gene and its guide, are one.
    """
    found = _candidates(cells, given, control)
    if not found:
        if not control:
            _ask_for_control(cells, given)
        named = " or ".join(map(repr, control)) or "a name of controls such as 'non-targeting'"
        where = f"the column {given!r} of obs" if given else "a column of obs"
        columns = [given] if given else _columns(cells)[:5]
        shown = "; ".join(f"{c}: {preview(_labels(cells.obs[c]), 3)}" for c in columns)
        expected = f"{where} that names each cell's knocked-down gene, and control cells as {named}"
        do = "name the column and its controls (--target, --control)"
        seen = f"none such ({shown or 'no column of text'}); {do}"
        if given is None and _named_by_target(cells):
            expected = "single cells"
            named = f"rows named by their targets ({preview(cells.obs.index, 2)})"
            seen = f"{named}, as a screen has them; `import` and the Data page read it"
        raise InputError.of_file(cells.path, expected, seen)
    known = {column: known_share(labels) for column, labels in found.items()}
    if any(share > MOSTLY for share in known.values()):
        found = {column: labels for column, labels in found.items() if known[column] > MOSTLY}
    elif given is None and len(found) == 1 and not _may_name_targets(cells, *found):
        (column,) = found
        expected = "a column of obs that names each cell's knocked-down gene"
        choices = {column: preview(_labels(cells.obs[column]), 3)}
        raise Question.ask(cells.path, expected, "none with known genes", "target", choices)
    first, *others = sorted(found, key=_place)
    meant = _meant(cells, first, found[first])
    differ = [c for c in others if (_meant(cells, c, found[c]) != meant).any()]
    if differ:
        expected = "one column of obs that names each cell's knocked-down gene"
        choices = {c: preview(_labels(cells.obs[c]), 3) for c in (first, *differ)}
        raise Question.ask(cells.path, expected, "several", "target", choices)
    controls = [label for label in found[first].values() if label.kind is Kind.CONTROL]
    if all(label.usual for label in controls):
        _ask_for_control(cells, first)
    return first, found[first]


def _ask_for_control(cells: CellFile, given: str | None) -> None:
    """Ask what controls are called, where a column names known genes and something else.

    Not if there are more cells of what controls often are, such as AAVS1.
    """
    for column in _columns(cells) if given is None else [_existing(cells, given)]:
        counts = cells.obs[column].astype(str).str.strip().value_counts()
        labels = read_labels(counts.index)
        usual = [x for x in counts.index if labels[x].kind is Kind.CONTROL]
        unknown = [x for x in counts.index if labels[x].kind is Kind.GENE and not _known(labels[x])]
        unknown = [x for x in unknown if not usual or counts[x] >= counts[usual].max()]
        if known_share(labels) > MOSTLY and 2 * len(counts) < cells.shape[0] and unknown:
            expected = "control cells under a name such as 'non-targeting'"
            choices = {label: f"{counts[label]:,} cells" for label in [*usual, *unknown][:20]}
            found = f"none among the genes in the column {column!r}"
            raise Question.ask(cells.path, expected, found, "control", choices)


def _known(label: Label) -> bool:
    return known_share({"": label}) > 0


def _candidates(
    cells: CellFile, given: str | None, control: Sequence[str]
) -> dict[str, dict[str, Label]]:
    """Return the columns whose labels are in part controls, in part others, and their meaning."""
    found = {}
    for column in _columns(cells) if given is None else [_existing(cells, given)]:
        labels = read_labels(_labels(cells.obs[column]), control)
        if _tells_apart(labels):
            found[column] = labels
    return found


def _may_name_targets(cells: CellFile, column: str) -> bool:
    """Return whether a column of unknown names holds targets, by its name or their number."""
    return len(_labels(cells.obs[column])) > (TREATMENTS if column in TARGETS else MANY)


def _meant(cells: CellFile, column: str, labels: dict[str, Label]) -> np.ndarray:
    """What each cell's label means, in a form in which two columns can be compared."""
    names, number = _numbered(cells.obs[column])
    meant = [
        labels[name].target.upper() or labels[name].kind.name if name in labels else "MISSING"
        for name in names
    ]
    return np.array(meant, dtype=object)[number]


def taken_together(cells: CellFile, target: str) -> list[str]:
    """Return a sentence on each column of conditions, which a screen does not separate."""
    said = []
    for column in CONDITIONS:
        if column == target or column not in cells.obs:
            continue
        labels = sorted(set(cells.obs[column].dropna().astype(str).str.strip()))
        if 1 < len(labels) <= MOST_CONDITIONS and not known_share(read_labels(labels)):
            said.append(
                f"Cells of {len(labels)} conditions in the column {column!r} ({preview(labels)})"
                " were taken together."
            )
    return said


def _find_line(
    cells: CellFile, given: str | None, default: str | None
) -> tuple[str, np.ndarray | None]:
    """Return the line, and which cells are of it where the file states several."""
    line, of_line, _ = choose_line(cells.path, cells.obs, given)
    if of_line is None:
        line = given or stated_line(cells.uns) or line or find_line(cells.path, "", default)
    return line, of_line


def _columns(cells: CellFile) -> list[str]:
    """Columns of text."""
    return [str(c) for c in cells.obs.columns if not pd.api.types.is_numeric_dtype(cells.obs[c])]


def _place(column: str) -> int:
    return TARGETS.index(column) if column in TARGETS else len(TARGETS)


def _labels(column: pd.Series) -> list[str]:
    """Return the labels of a column without outer blanks; a missing one is none."""
    return list(dict.fromkeys(str(label).strip() for label in column.dropna().unique()))


def _existing(cells: CellFile, column: str) -> str:
    if column not in cells.obs:
        found = f"the columns {preview(list(cells.obs.columns), 20) or '(none)'}"
        raise InputError.of_file(cells.path, f"a column {column!r} of obs", found)
    return column


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
    read = [layout.labels.get(name, Label(Kind.MISSING)) for name in labels]
    kind = np.array([one.kind for one in read], dtype=object)[label]
    here = np.ones(len(label), dtype=bool) if layout.of_line is None else layout.of_line
    if not here.all():
        notes.append(f"{int((~here).sum()):,} cell(s) of other lines were left out.")
    several = kind == Kind.SEVERAL
    if "nperts" in cells.obs:  # where scPerturb counts them
        several |= pd.to_numeric(cells.obs["nperts"], errors="coerce").to_numpy() > 1
    control = (kind == Kind.CONTROL) & here
    several &= kind != Kind.CONTROL
    for rows, what in (
        (several, "with several genes knocked down at once"),
        (kind == Kind.MISSING, "without a knocked-down gene"),
        (kind == Kind.USUAL_CONTROL, "with what controls often are"),
    ):
        out = rows & here
        if out.any():
            who = [name for name in labels[np.unique(label[out])] if name]
            examples = f": {preview(who)}" if who else ""
            notes.append(f"{int(out.sum()):,} cell(s) {what} were left out{examples}.")
    guides = {one.target for one in read if one.guide}
    note(notes, sorted(guides), "gene(s) have labels of guides, whose cells were taken together")
    named = [x.target for x in read if x.kind is Kind.GENE]
    if sentence := as_entrez_ids(cells.path, "perturbation", named, layout.target):
        notes.append(sentence)
    names, number = np.unique(np.array([x.target for x in read], dtype=str), return_inverse=True)
    names, number = names.astype(object), number[label]
    number[several | (kind != Kind.GENE) | ~here] = -1
    return names, number, control


def _numbered(column: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Return a column's labels as text ("" for missing ones), and each row's number among them."""
    number, labels = pd.factorize(column, use_na_sentinel=False)
    text = ["" if pd.isna(label) else str(label).strip() for label in labels]
    # Labels that differ by blanks only are one.
    names, same = np.unique(np.array(text, dtype=str), return_inverse=True)
    return names.astype(object), same[number]
