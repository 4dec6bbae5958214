"""Opening files from outside: every failure becomes one sentence that names the file."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import anndata
import h5py
import numpy as np
import pandas as pd
from scipy import sparse

from llmpert.errors import InputError

FORMATS = (".h5ad", ".csv", ".tsv", ".csv.gz", ".tsv.gz", ".parquet")


def existing(path: str | Path) -> Path:
    """The path of a file that is there.

    Raises
    ------
    InputError
        There is no such file, or it is a folder.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError.of_file(path, "a file", "a folder" if path.is_dir() else "no such file")
    return path


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


@contextmanager
def parsing(path: Path, expected: str) -> Iterator[None]:
    """Turn whatever goes wrong inside into an InputError that names the file.

    The parsers of HDF5, Parquet and text raise nearly any exception on a damaged file, so all are
    caught; a lack of memory is not the file's fault and passes through.
    """
    try:
        yield
    except MemoryError:
        raise
    except InputError as problem:
        if str(path) in str(problem):
            raise
        raise InputError(f"{path}: {problem}") from problem
    except Exception as problem:
        lines = str(problem).strip().splitlines() or [type(problem).__name__]
        reason = lines[0].rstrip(". ")[:200]
        raise InputError.of_file(
            path, expected, f"something that cannot be read as one ({reason})"
        ) from problem


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


def some(names: "np.ndarray | list[str]", limit: int = 5) -> str:
    """The first few names for a message: "A, B, C …"."""
    shown = ", ".join(str(name) for name in names[:limit])
    return f"{shown} …" if len(names) > limit else shown
