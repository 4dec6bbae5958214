"""Tables of differences to control: perturbations x genes, from several file formats.

`.h5ad`: an AnnData file, X dense or sparse, obs names the perturbations, var names the measured
genes. Read where present: `cells`, `n_cells` or `num_cells_filtered` in obs; `control_mean` and
`control_sd` (or `spread`) in var; `line` or `cell_line`, `unit`, `source` and `licence` in uns.
`.csv`, `.tsv`, `.txt` (also `.gz`), `.parquet`: a column of text, or the index, names the
perturbations, and the other columns are genes (`llmpert.screens.shape`).

`llmpert.screens.labels` says what labels mean: rows of controls, of several genes and of none are
left out, guides against one gene averaged. `llmpert.screens.values` says what numbers are:
means become differences where there is a control row. `provenance` says what was found and done.
The unit is the one that the file states, else "Δ expression".
"""

import csv
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import sparse

from llmpert.errors import InputError
from llmpert.genes.columns import CELLS, no_genes
from llmpert.genes.numbers import as_entrez_ids
from llmpert.io.names import check_remarks, preview
from llmpert.io.tables import SEPARATORS, dialect, open_text, read_flat
from llmpert.screens import replogle
from llmpert.screens.agreement import of_averages
from llmpert.screens.files import FORMATS, TEXTS, dense, numeric_column, stated, suffix
from llmpert.screens.labels import Kind, known_share, read_labels
from llmpert.screens.names import (
    FEW,
    SYMBOLS,
    TARGETS,
    are_numbers,
    choose_line,
    find_line,
    measured_genes,
    name_cells,
    note,
    stated_line,
)  # fmt: skip
from llmpert.screens.screen import Screen, check_finite
from llmpert.screens.shape import by_perturbation, is_text
from llmpert.screens.values import differences, standardised

if TYPE_CHECKING:  # it takes a second
    import anndata

UNIT = "Δ expression"
CELL_COUNTS = ("cells", "n_cells", "num_cells_filtered")
"""Names of columns of obs with the cells behind each perturbation."""
_FRACTION = re.compile(r"[-+]?\d*[.,]\d+([eE][-+]?\d+)?|[-+]?\d+[eE][-+]?\d+")


# Most names of measured genes: few controls have a name like them.
_LIKE_A_GENE = re.compile(r"(?!(NTC?|AAVS1|ROSA26)$)[A-Z][A-Z0-9.-]*")
AS_CELLS = (
    "write the cells as .h5ad, with a column of obs that names each one's knocked-down gene:"
    " `anndata.AnnData(counts, obs=…, var=…).write_h5ad(…)`"
)
_REPORTER = re.compile("gfp|lacz|luciferase", re.IGNORECASE)


def read_table(
    path: Path, line: str | None, default_line: str | None, values: str | None = None
) -> Screen:
    """Read a CSV, TSV or Parquet file as a screen.

    Raises:
        InputError: The file is damaged, holds something other than numbers, missing or infinite
            values, a name twice, or what looks like raw counts, or nothing says the line.
    """
    ending = suffix(path)
    if not ending:
        raise InputError.of_file(path, f"one of {', '.join(FORMATS)}", "another kind of file")
    frame = _read_parquet(path) if ending == ".parquet" else _read_text(path, ending)
    notes: list[str] = []
    frame, found = _of_line(path, frame, line, notes)
    shaped = by_perturbation(path, frame, notes)
    frame = shaped.frame
    rows = ["" if pd.isna(name) else str(name).strip() for name in frame.index]
    columns = [str(name).strip() for name in frame.columns]
    _refuse_cells(path, rows, columns)
    matrix = _numbers(frame, path)
    table = _Table(matrix, rows, columns, str(frame.index.name or ""), q=shaped.q)
    if replogle.names_populations(rows):
        return replogle.from_table(matrix, rows, columns, path, found, default_line)
    line = find_line(path, found, default_line)
    return _screen(path, line, table, {"notes": notes}, values, unit=shaped.unit or UNIT)


def from_anndata(
    data: "anndata.AnnData",
    path: Path,
    line: str | None,
    default_line: str | None,
    values: str | None = None,
) -> Screen:
    """Read an AnnData file already opened, as `read_table` reads others."""

    def column(frame: pd.DataFrame, *names: str) -> np.ndarray | None:
        for name in names:
            if name in frame:
                found = numeric_column(frame, name, path)
                if np.isfinite(found).all():
                    return found
                expected = f"finite numbers in the column {name!r}"
                raise InputError.of_file(path, expected, "missing or infinite ones")
        return None

    remarks = {
        "source": stated(data.uns, "source"),
        "licence": stated(data.uns, "licence", "license"),
        "response": stated(data.uns, "response"),
    }
    of_column, of_line, _ = choose_line(path, data.obs, line)
    if of_line is not None:
        data, line = data[of_line], of_column
    matrix = dense(data.X, path)
    counted = next((name for name in CELL_COUNTS if name in data.obs), None)
    rows = _named_by(data.obs, TARGETS)
    columns = _named_by(data.var, SYMBOLS)
    _refuse_cells(path, [], [*map(str, columns)])
    genes = measured_genes(path, data.var.set_axis(columns), np.abs(matrix).sum(axis=0), [], None)
    table = _Table(
        matrix,
        [str(name).strip() for name in rows],
        [str(name).strip() for name in genes],
        str(rows.name or ""),
        None if counted is None else numeric_column(data.obs, counted, path),
    )
    spread = column(data.var, "control_sd", "spread")
    if spread is not None and (spread < 0).any():
        found = f"{spread.min():g} for {genes[int(np.argmin(spread))]}"
        raise InputError.of_file(path, "a standard deviation of 0 or more for every gene", found)
    return _screen(
        path,
        find_line(path, line or stated_line(data.uns) or of_column, default_line),
        table,
        check_remarks(path, {key: text for key, text in remarks.items() if text}),
        values,
        unit=stated(data.uns, "unit")
        or ("rank score" if "rank score" in remarks["response"] else UNIT),
        control_mean=column(data.var, "control_mean"),
        control_sd=spread,
    )


def _of_line(
    path: Path, frame: pd.DataFrame, line: str | None, notes: list[str]
) -> tuple[pd.DataFrame, str]:
    """Return the rows of one line, without the column that states it, and the line, if any."""
    stated, of_line, column = choose_line(path, frame, line)
    if of_line is not None:
        notes.append(f"{int((~of_line).sum()):,} row(s) of other lines were left out.")
        frame, line = frame[of_line], stated
    return frame.drop(columns=column) if column else frame, line or stated


def _read_text(path: Path, ending: str) -> pd.DataFrame:
    """Read a table as text with its names as the first column."""
    form = dialect(path, TEXTS[ending.removesuffix(".gz")])
    wanted = f"a table with columns separated by {SEPARATORS[form.separator]}"
    with open_text(path, form.separator, wanted) as handle:
        # The header is read apart because pandas would rename repeated genes without a word.
        header = next(csv.reader(handle, delimiter=form.separator), [])
        if len(header) < 2:
            raise InputError.of_file(path, wanted, f"{len(header)} column(s) in its first line")
        try:
            # The converter keeps names such as "NA" from being taken as missing.
            frame = pd.read_csv(
                handle, sep=form.separator, decimal=form.decimal, header=None, converters={0: str},
                low_memory=False,
            )  # fmt: skip
        except pd.errors.EmptyDataError:
            raise InputError.of_file(path, "a row for each perturbation", "a header only") from None
    numbers = [name for name in header[1:] if _FRACTION.fullmatch(name.strip())]
    if 2 * len(numbers) >= len(header):
        found = f"a first line of numbers ({', '.join(numbers[:3])} …): the header is missing"
        raise InputError.of_file(path, "a first line that names the genes", found)
    if frame.shape[1] == len(header) + 1:  # as R writes it
        header = ["", *header]
    if frame.shape[1] != len(header):
        expected = f"{len(header)} values in every row, as in the header"
        raise InputError.of_file(path, expected, f"{frame.shape[1]} in the first row")
    return frame.set_axis(header, axis=1)


def _read_parquet(path: Path) -> pd.DataFrame:
    """Read a Parquet table; an index of names becomes its first column."""
    frame = read_flat(path)
    if isinstance(frame.index, pd.MultiIndex):
        levels = ", ".join(str(name) for name in frame.index.names)
        do = "`frame.droplevel(…)` or `frame.reset_index()` leaves one"
        raise InputError.of_file(path, "one name a row", f"an index of levels ({levels}); {do}")
    if is_text(frame.index.to_series()):
        frame = frame.reset_index(names=str(frame.index.name or ""))
    return frame


def _refuse_cells(path: Path, rows: list[str], columns: list[str]) -> None:
    """Raise if rows or columns have the names of single cells."""
    for names in (rows, columns):
        if name_cells(names):
            found = f"names of single cells ({preview(names, 2)}); {AS_CELLS}"
            raise InputError.of_file(path, "a row a perturbation", found)


def _controls(names: Sequence[str]) -> list[str]:
    """Return the names of controls that nothing else could be: not GFP, which may be measured."""
    unlike_genes = [
        name for name in names if not _LIKE_A_GENE.fullmatch(name) and not _REPORTER.search(name)
    ]
    return [x for x, label in read_labels(unlike_genes).items() if label.kind is Kind.CONTROL]


def _named_by(frame: pd.DataFrame, columns: Sequence[str]) -> pd.Index:
    """Return what names rows of obs or var: the index, or a column that alone names known genes.

    An index of bare numbers is none, whatever the column has.
    """
    numbered = are_numbers(frame.index)
    if not numbered and _are_known(frame.index):
        return frame.index
    texts = [c for c in columns if c in frame and is_text(frame[c])]
    named = [c for c in texts if _are_known(frame[c])] or (texts if numbered else [])
    return pd.Index(frame[named[0]].astype(object), name=named[0]) if named else frame.index


def _are_known(names: Iterable[Any]) -> bool:
    """Whether most of some names are those of known genes."""
    return known_share(read_labels(map(str, islice(names, FEW)))) > 0.5


def _numbers(frame: pd.DataFrame, path: Path) -> np.ndarray:
    other = [
        not pd.api.types.is_numeric_dtype(kind) or pd.api.types.is_bool_dtype(kind)
        for kind in frame.dtypes
    ]
    if any(other):
        column = frame.iloc[:, other.index(True)]
        unread = pd.to_numeric(column.astype(str), errors="coerce").isna() & column.notna()
        example = column[unread].iloc[0] if unread.any() else column.iloc[0]
        found = f"something else, such as {str(example)[:40]!r} for {column.name}"
        raise InputError.of_file(
            path, "a number for every gene", f"{sum(other)} column(s) with {found}"
        )
    # What float32 cannot hold becomes infinite and is then reported like any infinite value.
    with np.errstate(over="ignore"):
        return frame.to_numpy(dtype=np.float32, na_value=np.nan)


def _screen(
    path: Path,
    line: str,
    table: "_Table",
    remarks: dict[str, Any],
    reading: str | None,
    unit: str = UNIT,
    **of_control: Any,
) -> Screen:
    """Find out what the rows, columns and numbers of a table are, and make it a screen."""
    notes: list[str] = remarks.pop("notes", [])
    steps: list[str] = []
    table = table.turned(steps)
    for what, labels in (("perturbation", table.rows), ("gene", table.columns)):
        if "" in labels:
            raise InputError.of_file(path, f"a name for every {what}", "an empty one")
    taken = as_entrez_ids(path, "perturbation", table.rows, table.header)
    taken_genes = as_entrez_ids(path, "measured gene", table.columns)
    notes += [sentence for sentence in (taken, taken_genes) if sentence]
    table, kept = table.of_genes(path, notes)
    of_control = {k: None if v is None else v[kept] for k, v in of_control.items()}
    # Over all rows, as it was done: those that are left out now were among them.
    scaled = standardised(table.values)
    table, control, guides = table.of_knockdowns(path, notes)
    if not (len(table.rows) and len(table.columns)):
        shape = f"{len(table.rows)} perturbation(s) and {len(table.columns)} gene(s)"
        raise InputError.of_file(path, "perturbations x genes", shape)
    names = np.array(table.rows, dtype=object)
    genes = np.array(table.columns, dtype=object)
    check_finite(f"{path}: Screen {line}", "response", table.values, names, genes)
    values, unit, step, more = differences(path, table.values, control, scaled, reading, unit)
    # Agreement of guides is computed from differences: means agree in what all cells share.
    table = replace(table, values=values).averaged(guides, notes)
    if len(set(table.rows)) < len(table.rows):
        counts = Counter(table.rows)
        twice = [name for name, rows in counts.items() if rows > 1]
        most = max(counts.values())
        do = "average its rows first" + f", or, if they are single cells, {AS_CELLS}" * (most > 9)
        found = f"{len(twice):,} repeated: {preview(twice)}, up to {most} times"
        raise InputError.of_file(path, "every perturbation once", f"{found}; {do}")
    return Screen(
        line=line,
        response=table.values,
        perturbations=np.array(table.rows, dtype=object),
        genes=genes,
        unit=unit,
        cells=table.cells,
        agreement=table.agreement,
        layers={} if table.q is None else {"q": table.q},
        **of_control,
        provenance={
            "source": path.name,
            **remarks,
            "file": path.name,
            "steps": [*steps, *step],
            "notes": [*notes, *more],
            "simulated": False,
        },
    )


@dataclass(frozen=True, eq=False)
class _Table:
    """A table on its way to a screen.

    Attributes:
        values: float32, rows x columns.
        rows, columns: Their names, without outer blanks.
        header: What the file calls the names of its rows.
        cells: Cells behind each row, or None where unknown.
        agreement: As in `Screen`, of rows that were averaged.
        q: False discovery rates, rows x columns, or None where unknown.
    """

    values: np.ndarray
    rows: list[str]
    columns: list[str]
    header: str = ""
    cells: np.ndarray | None = None
    agreement: np.ndarray | None = None
    q: np.ndarray | None = None

    def turned(self, steps: list[str]) -> "_Table":
        """Return the table with perturbations as rows: they are columns where controls are."""
        controls = _controls(self.columns)
        if not controls or _controls(self.rows):
            return self
        steps.append(
            f"Turned: the columns are perturbations, for {preview(controls)} is among them."
        )
        return _Table(np.ascontiguousarray(self.values.T), self.columns, self.rows)

    def of_genes(self, path: Path, notes: list[str]) -> tuple["_Table", np.ndarray]:
        """Leave out columns that are no measured genes or have no number; return which stay."""
        keep = np.ones(len(self.columns), dtype=bool)
        cells = self.cells
        for place, why in no_genes(self.columns, self.values).items():
            keep[place] = False
            name, used = self.columns[place], ""
            if cells is None and CELLS.fullmatch(name):
                cells, used = self.values[:, place].astype(np.float64), " and read as cells"
            notes.append(f"The column {name!r} is no gene ({why}): it was left out{used}.")
        empty = keep & np.isnan(self.values).all(axis=0)
        if empty.any() and not empty.all():
            names = [name for name, out in zip(self.columns, empty, strict=True) if out]
            note(notes, names, "measured gene(s) without any number were left out")
            keep &= ~empty
        names = [name for name, stays in zip(self.columns, keep, strict=True) if stays]
        values = self.values if keep.all() else self.values[:, keep]
        q = None if self.q is None else self.q[:, keep]
        return replace(self, values=values, columns=names, cells=cells, q=q), keep

    def of_knockdowns(self, path: Path, notes: list[str]) -> tuple["_Table", np.ndarray, set[str]]:
        """Return the rows of single knockdowns, control rows, and the genes with rows of guides."""
        labels = read_labels(self.rows)
        kinds = np.array([labels[name].kind for name in self.rows], dtype=object)
        names = np.array(self.rows, dtype=object)
        for kind, what in (
            (Kind.CONTROL, "control row(s) were left out"),
            (Kind.USUAL_CONTROL, "row(s) with names that are usual for controls were left out"),
            (Kind.MISSING, "row(s) without a knocked-down gene were left out"),
            (Kind.SEVERAL, "row(s) with several genes knocked down at once were left out"),
        ):
            note(notes, names[kinds == kind], what)
        control = self.values[kinds == Kind.CONTROL]
        control = control[np.isfinite(control).all(axis=1)]
        single = np.flatnonzero(kinds == Kind.GENE)
        targets = [labels[self.rows[row]].target for row in single]
        guides = {labels[self.rows[row]].target for row in single if labels[self.rows[row]].guide}
        cells = None if self.cells is None else self.cells[single]
        if cells is not None and not (cells > 0).all():
            row = int(np.flatnonzero(~(cells > 0))[0])
            expected = "1 cell or more behind every perturbation"
            found = "nothing" if np.isnan(cells[row]) else f"{cells[row]:g}"
            raise InputError.of_file(path, expected, f"{found} for {targets[row]}")
        values = self.values if len(single) == len(names) else self.values[single]
        q = None if self.q is None else self.q[single]
        return replace(self, values=values, rows=targets, cells=cells, q=q), control, guides

    def averaged(self, guides: set[str], notes: list[str]) -> "_Table":
        """Average the rows of guides against the same gene, weighted by cells where known."""
        if not guides:
            return self
        number, targets = pd.factorize(np.array(self.rows, dtype=object))
        count = np.bincount(number)
        several = {name for name, rows in zip(targets, count, strict=True) if rows > 1} & guides
        if not several:
            return self
        # Rows that repeat without being guides stay, and are refused as repeated.
        alone = np.array([name not in several for name in self.rows])
        group = np.where(alone, len(targets) + np.arange(len(number)), number)
        _, first, group = np.unique(group, return_index=True, return_inverse=True)
        weight = np.ones(len(group)) if self.cells is None else self.cells
        total = np.bincount(group, weights=weight)
        share = sparse.csr_array(
            (weight / total[group], (group, np.arange(len(group)))),
            shape=(len(total), len(group)),
        )
        order = np.argsort(first)
        merged = int((~alone).sum())
        by = "" if self.cells is None else ", weighted by cells"
        if self.q is not None:
            by += "; their false discovery rates were left out"
        notes.append(
            f"{merged:,} row(s) are guides against {len(several):,} gene(s) and were averaged{by}."
        )
        return replace(
            self,
            values=(share @ self.values)[order].astype(np.float32),
            rows=[self.rows[row] for row in np.sort(first)],
            cells=None if self.cells is None else total[order],
            agreement=of_averages(self.values, group, len(total))[order],
            q=None,
        )
