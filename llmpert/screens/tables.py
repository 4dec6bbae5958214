"""Reader of tables of differences to control: perturbations x genes, from several file formats."""

import csv
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd

from llmpert.errors import InputError
from llmpert.io.parquet import read_flat
from llmpert.io.reading import naming, preview, require_file
from llmpert.io.remarks import check_remarks
from llmpert.io.text import open_text
from llmpert.screens.files import FORMATS, line_in_name, matrix, numeric_column, open_h5ad, suffix
from llmpert.screens.names import is_control, target
from llmpert.screens.screen import Screen

UNIT = "Δ expression"

#: Whole numbers, none negative, that go this high are counts rather than differences.
COUNTS_PEAK = 10


@dataclass
class _Table:
    """What a file holds, before anything is checked."""

    values: np.ndarray
    perturbations: list[str]
    genes: list[str]
    line: str | None = None
    unit: str | None = None
    cells: np.ndarray | None = None
    control_mean: np.ndarray | None = None
    spread: np.ndarray | None = None
    provenance: dict[str, Any] = field(default_factory=dict)


def read_table(path: str | Path, line: str | None = None, unit: str | None = None) -> Screen:
    """Read a table of differences to control as a screen.

    `.h5ad`: an AnnData file, X dense or sparse, obs names the perturbations, var names the measured
    genes. Read where present: `cells`, `n_cells` or `num_cells_filtered` in obs; `control_mean` and
    `spread` in var; `line` or `cell_line`, `unit`, `source` and `licence` in uns.
    `.csv`, `.tsv` (also `.gz`): the header names the genes, the first column the perturbations.
    `.parquet`: the columns are genes; the index, or else the first column of text, names the
    perturbations.

    "GENE+ctrl" and "ctrl+GENE" are read as "GENE". Rows named as controls ("control", "ctrl",
    "non-targeting", …) are left out, which `provenance["notes"]` tells; "CTRL" in capitals is a
    gene.

    Parameters
    ----------
    path:
        The file.
    line:
        The cell line. Where not given: what the file says, else the file name's part before the
        first underscore, upper-cased if it is all lower-case letters and digits ("k562_x.csv" is
        of K562).
    unit:
        What one unit of the values is. Where not given: what the file says, else "Δ expression".

    Raises
    ------
    InputError
        The file is missing or damaged, holds something other than numbers, missing or infinite
        values, a name twice, or what looks like raw counts.
    """
    path = require_file(path)
    ending = suffix(path)
    if ending == ".h5ad":
        return screen_of(open_h5ad(path), path, line, unit)
    if ending == ".parquet":
        table = _from_parquet(path)
    elif ending:
        table = _from_text(path, "," if ".csv" in ending else "\t")
    else:
        raise InputError.of_file(path, f"one of {', '.join(FORMATS)}", "another kind of file")
    return _screen(table, path, line, unit)


def screen_of(
    data: anndata.AnnData, path: Path, line: str | None = None, unit: str | None = None
) -> Screen:
    """`read_table` for an AnnData file already opened."""

    def said(*keys: str) -> str | None:
        texts = (data.uns.get(key) for key in keys)
        return next((text for text in texts if isinstance(text, str) and text.strip()), None)

    def column(frame: pd.DataFrame, *names: str) -> np.ndarray | None:
        name = next((name for name in names if name in frame), None)
        if name is None:
            return None
        values = numeric_column(frame, name, path)
        if not np.isfinite(values).all():
            raise InputError.of_file(
                path, f"finite numbers in the column {name!r}", "missing or infinite ones"
            )
        return values

    described = said("response")
    table = _Table(
        values=matrix(data, path),
        perturbations=[str(name) for name in data.obs_names],
        genes=[str(name) for name in data.var_names],
        line=said("line", "cell_line"),
        unit=said("unit") or ("rank score" if "rank score" in (described or "") else None),
        cells=column(data.obs, "cells", "n_cells", "num_cells_filtered"),
        control_mean=column(data.var, "control_mean"),
        spread=column(data.var, "spread"),
    )
    for key, text in (
        ("source", said("source")),
        ("licence", said("licence", "license")),
        ("response", described),
    ):
        if text:
            table.provenance[key] = text
    check_remarks(path, table.provenance)
    return _screen(table, path, line, unit)


def _from_text(path: Path, separator: str) -> _Table:
    wanted = f"a table with columns separated by {'commas' if separator == ',' else 'tabs'}"
    with open_text(path, separator, wanted) as handle:
        # The header is read apart because pandas would rename repeated genes instead of telling.
        header = next(csv.reader(handle, delimiter=separator), [])
        if len(header) < 2:
            raise InputError.of_file(path, wanted, f"{len(header)} column(s) in its first line")
        try:
            # The converter keeps names such as "NA" from being taken as missing.
            frame = pd.read_csv(
                handle, sep=separator, header=None, converters={0: str}, low_memory=False
            )
        except pd.errors.EmptyDataError:
            raise InputError.of_file(path, "a row for each perturbation", "a header only") from None
    if frame.shape[1] != len(header):
        raise InputError.of_file(
            path,
            f"{len(header)} values in every row, as in the header",
            f"{frame.shape[1]} values in the first row",
        )
    return _Table(
        values=_numbers(frame.iloc[:, 1:], header[1:], path),
        perturbations=frame.iloc[:, 0].tolist(),
        genes=header[1:],
    )


def _from_parquet(path: Path) -> _Table:
    frame = read_flat(path)
    texts = [i for i, kind in enumerate(frame.dtypes) if pd.api.types.is_string_dtype(kind)]
    if pd.api.types.is_string_dtype(frame.index.dtype):
        perturbations = frame.index.tolist()
    elif texts:
        perturbations = frame.iloc[:, texts[0]].tolist()
        frame = frame.iloc[:, [i for i in range(frame.shape[1]) if i != texts[0]]]
    else:
        raise InputError.of_file(
            path, "perturbation names in the index or in a column of text", "neither"
        )
    genes = [str(name) for name in frame.columns]
    return _Table(
        values=_numbers(frame, genes, path),
        perturbations=["" if name is None else str(name) for name in perturbations],
        genes=genes,
    )


def _numbers(frame: pd.DataFrame, genes: list[str], path: Path) -> np.ndarray:
    other = [
        i
        for i, kind in enumerate(frame.dtypes)
        if not pd.api.types.is_numeric_dtype(kind) or pd.api.types.is_bool_dtype(kind)
    ]
    if other:
        column = frame.iloc[:, other[0]]
        unread = pd.to_numeric(column.astype(str), errors="coerce").isna() & column.notna()
        example = column[unread].iloc[0] if unread.any() else column.iloc[0]
        raise InputError.of_file(
            path,
            "a number for every gene",
            f"{len(other)} column(s) with something else, such as {str(example)[:40]!r} for"
            f" {genes[other[0]]}",
        )
    # What float32 cannot hold becomes infinite and is then reported like any infinite value.
    with np.errstate(over="ignore"):
        return frame.to_numpy(dtype=np.float32, na_value=np.nan)


def _screen(table: _Table, path: Path, line: str | None, unit: str | None) -> Screen:
    notes: list[str] = []
    names = np.array([target(name) for name in table.perturbations], dtype=object)
    genes = np.array([name.strip() for name in table.genes], dtype=object)
    values, cells = table.values, table.cells
    control = np.array([is_control(name) for name in names], dtype=bool)
    if control.any():
        notes.append(
            f"{int(control.sum())} control row(s) were left out:"
            f" {preview(names[control].tolist())}."
        )
        names, values = names[~control], values[~control]
        cells = None if cells is None else cells[~control]
    if not names.size or not genes.size:
        raise InputError.of_file(
            path,
            "perturbations x genes",
            f"{names.size} perturbation(s) and {genes.size} gene(s)",
        )
    for what, labels in (("perturbation", names), ("gene", genes)):
        if (labels == "").any():
            raise InputError.of_file(path, f"a name for every {what}", "an empty one")
        repeated = pd.unique(labels[pd.Series(labels).duplicated().to_numpy()])
        if len(repeated):
            raise InputError.of_file(
                path, f"every {what} once", f"{len(repeated)} repeated: {preview(repeated)}"
            )
    bad = ~np.isfinite(values).all(axis=1)
    if bad.any():
        raise InputError.of_file(
            path,
            "a finite number for every perturbation and gene",
            f"missing or infinite values in {int(bad.sum())} row(s): {preview(names[bad])}",
        )
    if values.min() >= 0:
        if values.max() >= COUNTS_PEAK and all((row == np.rint(row)).all() for row in values):
            raise InputError.of_file(
                path,
                "differences to control",
                f"whole numbers from {values.min():.0f} to {values.max():.0f}, none negative,"
                " which look like raw counts",
            )
        notes.append("No value is negative: these responses know no down-regulation.")
    with naming(path):
        return Screen(
            line=line or table.line or line_in_name(path),
            response=values,
            perturbations=names,
            genes=genes,
            unit=unit or table.unit or UNIT,
            control_mean=table.control_mean,
            spread=table.spread,
            cells=cells,
            provenance={
                "source": path.name,
                **table.provenance,
                "file": path.name,
                "steps": ["Read as differences to control, unchanged."],
                "notes": notes,
                "simulated": False,
            },
        )
