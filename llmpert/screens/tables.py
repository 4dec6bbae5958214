"""Tables of differences to control: perturbations x genes, from several file formats.

`.h5ad`: an AnnData file, X dense or sparse, obs names the perturbations, var names the measured
genes. Read where present: `cells`, `n_cells` or `num_cells_filtered` in obs; `control_mean` and
`control_sd` (or `spread`) in var; `line` or `cell_line`, `unit`, `source` and `licence` in uns.
`.csv`, `.tsv` (also `.gz`): the header names the genes, the first column the perturbations.
`.parquet`: the columns are genes; the index, or else the first column of text, names the
perturbations.

"GENE+ctrl" and "ctrl+GENE" are read as "GENE". Rows named as controls ("control", "ctrl",
"non-targeting", …) are left out, which `provenance["notes"]` reports; "CTRL" in capitals is a gene.
The unit is the one that the file states, else "Δ expression".
"""

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from llmpert.errors import InputError
from llmpert.io.names import check_remarks
from llmpert.io.tables import open_text, read_flat
from llmpert.screens.files import FORMATS, dense, numeric_column, stated, suffix
from llmpert.screens.names import find_line, is_control, note, stated_line, target
from llmpert.screens.screen import Screen

if TYPE_CHECKING:  # it takes a second
    import anndata

UNIT = "Δ expression"


def read_table(path: Path, line: str | None, default_line: str | None) -> Screen:
    """Read a CSV, TSV or Parquet file as a screen.

    Raises:
        InputError: The file is damaged, holds something other than numbers, missing or infinite
            values, a name twice, or what looks like raw counts, or nothing says the line.
    """
    ending = suffix(path)
    if not ending:
        raise InputError.of_file(path, f"one of {', '.join(FORMATS)}", "another kind of file")
    if ending == ".parquet":
        frame = _read_parquet(path)
    else:
        frame = _read_text(path, "," if ".csv" in ending else "\t")
    return _screen(
        path,
        find_line(path, line or "", default_line),
        _numbers(frame, path),
        ["" if pd.isna(name) else str(name) for name in frame.index],
        [str(name) for name in frame.columns],
        {},
    )


def from_anndata(
    data: "anndata.AnnData", path: Path, line: str | None, default_line: str | None
) -> Screen:
    """Read an AnnData file already opened, as `read_table` reads others."""

    def column(frame: pd.DataFrame, *names: str) -> np.ndarray | None:
        for name in names:
            if name in frame:
                values = numeric_column(frame, name, path)
                if np.isfinite(values).all():
                    return values
                expected = f"finite numbers in the column {name!r}"
                raise InputError.of_file(path, expected, "missing or infinite ones")
        return None

    remarks = {
        "source": stated(data.uns, "source"),
        "licence": stated(data.uns, "licence", "license"),
        "response": stated(data.uns, "response"),
    }
    return _screen(
        path,
        find_line(path, line or stated_line(data.uns), default_line),
        dense(data.X, path),
        data.obs_names.to_list(),
        data.var_names.to_list(),
        check_remarks(path, {key: text for key, text in remarks.items() if text}),
        unit=stated(data.uns, "unit")
        or ("rank score" if "rank score" in remarks["response"] else UNIT),
        cells=column(data.obs, "cells", "n_cells", "num_cells_filtered"),
        control_mean=column(data.var, "control_mean"),
        control_sd=column(data.var, "control_sd", "spread"),
    )


def _read_text(path: Path, separator: str) -> pd.DataFrame:
    wanted = f"a table with columns separated by {'commas' if separator == ',' else 'tabs'}"
    with open_text(path, separator, wanted) as handle:
        # The header is read apart because pandas would rename repeated genes without a word.
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
        expected = f"{len(header)} values in every row, as in the header"
        raise InputError.of_file(path, expected, f"{frame.shape[1]} in the first row")
    return frame.set_index(0).set_axis(header[1:], axis=1)


def _read_parquet(path: Path) -> pd.DataFrame:
    frame = read_flat(path)
    if pd.api.types.is_string_dtype(frame.index.dtype):
        return frame
    for position, kind in enumerate(frame.dtypes):
        if pd.api.types.is_string_dtype(kind):
            names = pd.Index(frame.iloc[:, position], dtype=object)
            return frame.iloc[:, np.arange(len(frame.dtypes)) != position].set_axis(names)
    expected = "perturbation names in the index or in a column of text"
    raise InputError.of_file(path, expected, "neither")


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
    values: np.ndarray,
    perturbations: list[str],
    measured: list[str],
    remarks: dict[str, Any],
    unit: str = UNIT,
    cells: np.ndarray | None = None,
    **of_control: Any,
) -> Screen:
    """Check what a file holds and make it a screen."""
    notes: list[str] = []
    names = np.array([target(name) for name in perturbations], dtype=object)
    control = np.array([is_control(name) for name in names], dtype=bool)
    if control.any():
        note(notes, names[control], "control row(s) were left out")
        names, values = names[~control], values[~control]
        cells = None if cells is None else cells[~control]
    genes = np.array([name.strip() for name in measured], dtype=object)
    for what, labels in (("perturbation", names), ("gene", genes)):
        if (labels == "").any():
            raise InputError.of_file(path, f"a name for every {what}", "an empty one")
    screen = Screen(
        line=line,
        response=values,
        perturbations=names,
        genes=genes,
        unit=unit,
        cells=cells,
        **of_control,
        provenance={
            "source": path.name,
            **remarks,
            "file": path.name,
            "steps": ["Read as differences to control, unchanged."],
            "notes": notes,
            "simulated": False,
        },
    )
    if values.min() >= 0:
        # Whole numbers that go as high are counts.
        if values.max() >= 10 and all((row == np.rint(row)).all() for row in values):
            found = f"whole numbers from {values.min():.0f} to {values.max():.0f}, none negative"
            raise InputError.of_file(path, "differences to control", f"{found}: perhaps raw counts")
        notes.append("No value is negative: these responses know no down-regulation.")
    return screen
