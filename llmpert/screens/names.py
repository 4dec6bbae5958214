"""What files of screens call their line and measured genes."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from llmpert.errors import InputError, Question
from llmpert.io.names import preview
from llmpert.screens.files import stated, suffix
from llmpert.screens.labels import known_share, read_labels
from llmpert.screens.shape import is_text

TARGETS = (
    "gene", "perturbation", "target_gene", "gene_target", "target", "perturbed_gene", "condition",
    "guide_target", "guide",
)  # fmt: skip
"""Names of columns of obs with each cell's knocked-down gene."""
SYMBOLS = ("gene_name", "gene_names", "gene_symbol", "gene_symbols", "symbol", "feature_name")
"""Names of columns of var with symbols, where the index has ids."""
IDS = ("gene_id", "gene_ids", "ensembl_id", "ensembl", "ensembl_gene_id", "ensg")
"""Names of columns of var with ids, where the index has symbols."""
LINES = ("cell_line", "line", "celltype", "cell_type")
"""Names of columns with the cell line of each row."""
_CELL = re.compile(r"(.*[_:-])?[ACGTN]{10,}([_.:-].*)?|(?i:(.*[_-])?cell[_ .-]?\d+)|(.*_)?c\d+")
_EVERYDAY = re.compile(
    r"(?i:(my|our|new|final|all|the|data|dataset|screens?|crispri?|perturb(ation)?s?|perturb-?seq"
    r"|table|matrix|results?|responses?|effects?|deltas?|degs?|de|diff|lfcs?|logfc|log2fc"
    r"|fold|changes?|bulk|pseudobulk|essential|genes?|knockdowns?|ko|kd)\d*)"
)
"""Words in the names of files that name no cell line."""
FEW = 500
"""Names from which the kind of all is inferred."""


def note(notes: list[str], names: Sequence[str] | np.ndarray | pd.Index, what: str) -> None:
    """Add the sentence "COUNT WHAT: A, B …." on some names to notes, if any; each is shown once."""
    if len(names):
        notes.append(f"{len(names):,} {what}: {preview(list(dict.fromkeys(names)))}.")


def name_cells(names: Sequence[str]) -> bool:
    """Return whether most names are those of single cells: barcodes, or cells that are numbered."""
    found = sum(bool(_CELL.fullmatch(str(name))) for name in names)
    return 2 * found > len(names)


def are_numbers(names: Sequence[str] | pd.Index) -> bool:
    """Return whether all names are bare numbers, as those of rows without a name."""
    return all(re.fullmatch(r"\d+", str(name)) for name in names)


def symbols_in(var: pd.DataFrame) -> str | None:
    """Return the column of var that names the measured genes; None where the index does.

    It is one of `SYMBOLS`, or where the index has bare numbers any that has names of genes or ids.
    """
    if column := next((c for c in SYMBOLS if c in var and var[c].notna().any()), None):
        return column
    if not are_numbers(var.index):
        return None
    texts = [str(c) for c in var.columns if is_text(var[c])]
    return next(
        (c for c in texts if known_share(read_labels(var[c].astype(str)[:FEW])) > 0.5), None
    )


def measured_genes(
    path: Path,
    var: pd.DataFrame,
    expressed: np.ndarray,
    notes: list[str],
    column: str | None = "gene_name",
) -> np.ndarray:
    """Return names of measured genes: symbols; where several share one, all but one have their id.

    Args:
        var: Index: ids; `column`: symbols. Without a column, the index names genes.
        expressed: A number a gene: the most expressed one keeps a shared symbol.
        notes: Gets a sentence on shared symbols.

    Raises:
        InputError: Two have one name, and no column has an id for each.
    """
    ids = var.index.to_numpy().astype(str)
    symbols_of = var.index.to_series() if column is None else var[column]
    if not var.index.is_unique:
        repeated = var.index[var.index.duplicated()].unique().astype(str)
        unique = [c for c in IDS if c in var and var[c].notna().all() and var[c].is_unique]
        if not unique:
            do = "in Python, `data.var_names_make_unique()` gives each a name of its own"
            found = f"{len(repeated):,} repeated: {preview(repeated)}; {do}"
            raise InputError.of_file(path, "every gene once", found)
        ids = var[unique[0]].to_numpy().astype(str)
    elif column is None:
        return ids
    given = symbols_of.astype(object)
    symbols = given.where(given.notna(), "").astype(str).str.strip().to_numpy()
    names = np.where(symbols == "", ids, symbols)
    strongest_first = pd.Series(names).iloc[np.argsort(-expressed, kind="stable")]
    shadowed = strongest_first.duplicated().sort_index().to_numpy()
    what = "measured gene(s) share a symbol with a more expressed one and are named by their id"
    note(notes, names[shadowed], what)
    return np.where(shadowed, ids, names)


def stated_line(uns: Mapping[str, Any]) -> str:
    """Return the line that the `uns` of an AnnData file states, "" where it states none."""
    return stated(uns, "line", "cell_line")


def choose_line(
    path: Path, frame: pd.DataFrame, given: str | None
) -> tuple[str, np.ndarray | None, str]:
    """Return the line that a table's column states, which rows are of it, and that column.

    The rows are None where all are of one line; without a column all is empty.

    Raises:
        Question: There are several lines, and none of them is given.
    """
    for column in LINES:
        if list(frame.columns).count(column) != 1 or not is_text(frame[column]):
            continue
        labels = frame[column].astype(object)
        labels = labels.where(labels.notna(), "").astype(str).str.strip()
        lines = [label for label in labels.unique() if label]
        if len(lines) == 1:
            return lines[0], None, column
        wanted = [line for line in lines if given and line.casefold() == given.casefold()]
        if lines and not wanted:
            found = f"{len(lines)} in the column {column!r} ({preview(lines)})"
            choices = {line: line for line in lines[:20]}
            raise Question.ask(path, "one cell line", found, "line", choices)
        if lines:
            return wanted[0], (labels == wanted[0]).to_numpy(), column
    return "", None, ""


def known_line(name: str) -> str:
    """Return K562 or RPE1 where a file's name holds it, else ""."""
    found = re.search("K562|RPE1", name, re.IGNORECASE)
    return found.group().upper() if found else ""


def line_in_name(file: str | Path) -> str:
    """Return the line that a file is named after, "" where nothing stands in its place.

    It is K562 or RPE1 where the name holds it, else the first word between underscores that is not
    an everyday one, such as "my" or "screen"; if all of that is lower-case letters and digits, in
    capitals: `hepg2_table.csv` gives "HEPG2".
    """
    path = Path(file)
    words = path.name[: len(path.name) - len(suffix(path))].split("_")
    first = next((word.strip() for word in words if not _EVERYDAY.fullmatch(word.strip())), "")
    return known_line(path.name) or (first.upper() if re.fullmatch(r"[a-z0-9]+", first) else first)


def find_line(path: Path, stated: str, default: str | None) -> str:
    """Return the stated line, else the default, else the one that the file is named after.

    A file that is named after no line goes under its own name.
    """
    stem = path.name[: len(path.name) - len(suffix(path))].strip("_ ")
    if line := stated or default or line_in_name(path) or stem:
        return line
    expected = "a file name that starts with the cell line, or the line given"
    raise InputError.of_file(path, expected, "neither")
