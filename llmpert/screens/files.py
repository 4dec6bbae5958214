"""AnnData files and file names of screens."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import pandas as pd
from scipy import sparse

from llmpert.errors import InputError
from llmpert.io.hdf5 import check_sparse, member, open_hdf5, refuse_oversized, shape_of
from llmpert.io.reading import as_input_error, require_file

if TYPE_CHECKING:  # it takes a second
    import anndata

TEXTS = {".csv": ",", ".tsv": "\t", ".txt": "\t"}
"""Endings of tables as text, and the separator where the text does not tell."""
FORMATS = (".h5ad", *TEXTS, *(f"{ending}.gz" for ending in TEXTS), ".parquet")

REMARKS = (
    "llmpert", "line", "cell_line", "unit", "source", "licence", "license", "response",
)  # fmt: skip
"""Keys of `uns` under which files of screens describe themselves."""

MOST_PERTURBATIONS = 40_000
"""Two populations of cells for each human gene; files with more rows hold single cells."""


def suffix(path: Path) -> str:
    """Return which of `FORMATS` the file's name ends in, lower case; "" for any other ending."""
    name = path.name.lower()
    return next((ending for ending in FORMATS if name.endswith(ending)), "")


@contextmanager
def open_anndata(path: Path, expected: str, layer: str | None = None) -> Iterator[h5py.File]:
    """Open an HDF5 file that has obs, var and X or a layer; refuse any other, and damaged ones."""
    if not h5py.is_hdf5(path):
        raise InputError.of_file(path, expected, "a file that is not HDF5")
    with ExitStack() as stack:
        with as_input_error(path, expected):
            file = stack.enter_context(open_hdf5(path))
            wanted = {"obs", "var"} if layer else {"X", "obs", "var"}
            missing = sorted(wanted.difference(file))
            null = (
                not missing
                and not layer
                and isinstance(file["X"], h5py.Dataset)
                and (file["X"].shape is None)
            )
            layers = file.get("layers")
            other = sorted(map(str, layers))[:5] if isinstance(layers, h5py.Group) else []
        if (null or missing == ["X"]) and other:
            do = f"its values may be in a layer ({', '.join(other)}): `data.X = data.layers[…]`"
            raise InputError.of_file(path, f"{expected} with values in X", f"none; {do}")
        if null:
            missing = ["X"]
        if missing:
            raise InputError.of_file(path, expected, f"an HDF5 file without {', '.join(missing)}")
        yield file


def open_h5ad(path: str | Path, remarks: Collection[str] = REMARKS) -> "anndata.AnnData":
    """Read the used parts of an AnnData file: X, obs, var, `remarks` in uns, llmpert's layers.

    Raises:
        InputError: The file is missing, is truncated, is not HDF5, holds no matrix `X`, is too
            large (`llmpert.io.limits`) or leads out of itself (`llmpert.io.hdf5`).
    """
    import anndata
    from anndata.io import read_elem

    path = require_file(path)
    wanted = "an AnnData file (.h5ad)"
    with open_anndata(path, wanted) as file, as_input_error(path, wanted):
        rows = shape_of(member(file, "X", path), path)[:1]
        if rows > (MOST_PERTURBATIONS,):
            do = "`python -m llmpert pseudobulk` makes a screen of them"
            expected = f"a row a perturbation, at most {MOST_PERTURBATIONS:,}"
            found = f"{rows[0]:,} rows, perhaps single cells: {do}"
            raise InputError.of_file(path, expected, found)
        remark_paths = [f"uns/{key}" for key in _names(file, "uns", path) if key in remarks]
        # What llmpert knows of single cells; layers of other programs may be anything.
        names = _names(file, "layers", path) if "uns/llmpert" in remark_paths else []
        layers = [f"layers/{key}" for key in names if key in ("variance", "t", "q")]
        refuse_oversized(file, path, ["X", *layers], ["obs", "var", *remark_paths])
        return anndata.AnnData(
            X=_matrix(file, "X"),
            obs=read_frame(file, "obs", path),
            var=read_frame(file, "var", path),
            uns={key.removeprefix("uns/"): read_elem(file[key]) for key in remark_paths},
            layers={key.removeprefix("layers/"): _matrix(file, key) for key in layers},
        )


def stated(uns: Mapping[str, Any], *keys: str) -> str:
    """Return the first text among these keys of `uns`, without outer blanks; "" without one."""
    texts = (uns.get(key) for key in keys)
    return next((text.strip() for text in texts if isinstance(text, str) and text.strip()), "")


def _matrix(file: h5py.File, name: str) -> Any:
    from anndata.io import read_elem

    values = read_elem(file[name])
    if sparse.issparse(values):
        check_sparse(values)
    return values


def _names(file: h5py.File, group: str, path: Path) -> list[str]:
    """List what there is in a group that need not be there."""
    found = member(file, group, path) if group in set(file) else None
    return list(found) if isinstance(found, h5py.Group) else []


def read_frame(file: h5py.File, part: str, path: Path) -> pd.DataFrame:
    """Read obs or var. Before AnnData 0.7 (2020) it was an array of records, the index first."""
    from anndata.io import read_elem

    table = read_elem(file[part])
    if isinstance(table, np.ndarray) and table.dtype.names:
        table = pd.DataFrame(table).set_index(table.dtype.names[0])
    if not isinstance(table, pd.DataFrame):
        raise InputError.of_file(path, f"a table as {part}", f"a {type(table).__name__}")
    if not table.columns.is_unique:
        raise InputError.of_file(path, f"every column of {part} once", "one that is repeated")
    return table


def dense(values: Any, path: Path, expected: str = "a matrix X of numbers") -> np.ndarray:
    """Return a matrix of numbers as a dense float32 array, without a copy where it is one."""
    values = values if sparse.issparse(values) else np.asarray(values)
    if values.dtype.kind not in "fiu":
        raise InputError.of_file(path, expected, f"values of type {values.dtype}")
    # What float32 cannot hold becomes infinite and is then reported like any infinite value.
    with np.errstate(over="ignore"):
        values = values.astype(np.float32, copy=False)
    return values.toarray() if sparse.issparse(values) else values


def numeric_column(frame: pd.DataFrame, column: str, path: Path) -> np.ndarray:
    """Return a column of numbers as float64, missing values as NaN."""
    values = pd.to_numeric(frame[column].astype(object), errors="coerce").to_numpy(np.float64)
    unread = np.isnan(values) & frame[column].notna().to_numpy()
    if unread.any():
        found = repr(frame[column].to_numpy()[unread][0])
        raise InputError.of_file(path, f"numbers in the column {column!r}", found)
    return values
