"""AnnData files and file names of screens."""

import re
from pathlib import Path

import anndata
import h5py
import numpy as np
import pandas as pd
from scipy import sparse

from llmpert.errors import InputError
from llmpert.files import existing, parsing

FORMATS = (".h5ad", ".csv", ".tsv", ".csv.gz", ".tsv.gz", ".parquet")


def suffix(path: Path) -> str:
    """Which of `FORMATS` the file's name ends in, lower case; "" for any other ending."""
    name = path.name.lower()
    return next((ending for ending in FORMATS if name.endswith(ending)), "")


def line_in_name(path: Path) -> str:
    """The cell line a file is named after: what stands before the first underscore.

    `k562_rank_response.h5ad` gives "K562" (a part all of lower-case letters and digits is
    upper-cased), `HepG2_table.csv` gives "HepG2".

    Raises
    ------
    InputError
        Nothing stands before the first underscore.
    """
    first = path.name[: len(path.name) - len(suffix(path))].split("_")[0].strip()
    if not first:
        raise InputError.of_file(
            path, "a file name that starts with the cell line, or the line given", "neither"
        )
    return first.upper() if re.fullmatch(r"[a-z0-9]+", first) else first


def open_h5ad(path: str | Path) -> anndata.AnnData:
    """Read an AnnData file into memory.

    Raises
    ------
    InputError
        The file is missing, is truncated, is not HDF5, or holds no matrix `X`.
    """
    path = existing(path)
    wanted = "an AnnData file (.h5ad)"
    if not h5py.is_hdf5(path):
        raise InputError.of_file(path, wanted, "a file that is not HDF5")
    with parsing(path, wanted):
        with h5py.File(path) as file:
            missing = [part for part in ("X", "obs", "var") if part not in file]
        if missing:
            raise InputError.of_file(path, wanted, f"an HDF5 file without {', '.join(missing)}")
        return anndata.read_h5ad(path)


def matrix(data: anndata.AnnData, path: Path) -> np.ndarray:
    """X as a dense float32 array; `data`'s own memory where it is one already.

    Raises
    ------
    InputError
        X holds something other than numbers.
    """
    values = data.X.toarray() if sparse.issparse(data.X) else np.asarray(data.X)
    if values.dtype.kind not in "fiu":
        raise InputError.of_file(path, "a matrix X of numbers", f"values of type {values.dtype}")
    # What float32 cannot hold becomes infinite and is then reported like any infinite value.
    with np.errstate(over="ignore"):
        return values.astype(np.float32, copy=False)


def numeric_column(frame: pd.DataFrame, column: str, path: Path) -> np.ndarray:
    """A column as float64, missing values as NaN.

    Raises
    ------
    InputError
        The column holds something other than numbers.
    """
    values = pd.to_numeric(frame[column].astype(object), errors="coerce").to_numpy(np.float64)
    unread = np.isnan(values) & frame[column].notna().to_numpy()
    if unread.any():
        raise InputError.of_file(
            path, f"numbers in the column {column!r}", repr(frame[column].to_numpy()[unread][0])
        )
    return values
