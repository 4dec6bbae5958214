"""AnnData files and file names of screens."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import pandas as pd
from scipy import sparse

from llmpert.errors import InputError, Question
from llmpert.io.hdf5 import (
    check_sparse,
    member,
    open_hdf5,
    refuse_large_tables,
    refuse_oversized,
    shape_of,
)  # fmt: skip
from llmpert.io.names import is_plain, preview
from llmpert.io.reading import as_input_error, require_file

if TYPE_CHECKING:  # it takes a second
    import anndata

TEXTS = {".csv": ",", ".tsv": "\t", ".txt": "\t"}
"""Endings of tables as text, and the separator where the text has none."""
ANNDATA = (".h5ad", ".h5mu")
"""Endings of AnnData files, and of MuData's, of which the modality "rna" is read."""
FORMATS = (*ANNDATA, *TEXTS, *(f"{ending}.gz" for ending in TEXTS), ".parquet")

CONVERTED = {
    (".zarr", ".zarr.zip"): "in Python, `anndata.read_zarr(…).write_h5ad(…)` converts it",
    (".loom",): "in Python, `anndata.io.read_loom(…).write_h5ad(…)` converts it",
    (".mtx", ".mtx.gz"): "in Python, `scanpy.read_10x_mtx(FOLDER)` reads it; add a column of obs"
    " that names each cell's knocked-down gene, and `write_h5ad(…)`",
    (".h5",): "in Python, `scanpy.read_10x_h5(…)` reads what Cell Ranger writes; add a column of"
    " obs that names each cell's knocked-down gene, and `write_h5ad(…)`",
    (".rds", ".rda", ".rdata", ".h5seurat"): "in R, the package anndataR writes it as .h5ad",
    (".xlsx", ".xls", ".ods"): "save the sheet as CSV UTF-8",
    (".zip", ".tar", ".tgz", ".tar.gz", ".7z", ".h5ad.gz", ".h5mu.gz"): "unpack it first",
}
"""Endings of files that others use for screens, and how they become one that is read."""

REMARKS = (
    "llmpert", "line", "cell_line", "unit", "source", "licence", "license", "response",
)  # fmt: skip
"""Keys of `uns` under which files of screens describe themselves."""

COVARIANCE = "covariance"
LAYERS = ("variance", "t", "q", COVARIANCE)
"""Layers of screens (`Screen.layers`)."""

MOST_PERTURBATIONS = 40_000
"""Two populations of cells for each human gene; files with more rows hold single cells."""


def suffix(path: Path) -> str:
    """Return which of `FORMATS` the file's name ends in, lower case; "" for any other ending."""
    name = path.name.lower()
    return next((ending for ending in FORMATS if name.endswith(ending)), "")


def refuse_other_kinds(path: Path) -> None:
    """Raise InputError of a file of a usual kind that is not read, and say what makes it one."""
    name = path.name.lower()
    for endings, do in CONVERTED.items():
        if name.endswith(endings):
            ending = max((e for e in endings if name.endswith(e)), key=len)
            expected = f"one of {', '.join(FORMATS)}"
            raise InputError.of_file(path, expected, f"the ending {ending}; {do}")


@contextmanager
def open_anndata(path: Path, expected: str, layer: str | None = None) -> Iterator[h5py.File]:
    """Open an HDF5 file that has obs, var and X or a layer; refuse any other, and damaged ones.

    Raises:
        Question: There is no X, but a layer.
    """
    if not h5py.is_hdf5(path):
        raise InputError.of_file(path, expected, "a file that is not HDF5")
    with ExitStack() as stack:
        with as_input_error(path, expected):
            file = _anndata_in(stack.enter_context(open_hdf5(path)), path)
            missing = sorted({"obs", "var"}.difference(file))
            # AnnData 0.12 writes an X that is not there as a dataset without a shape.
            lacks_x = not layer and ("X" not in set(file) or _is_null(_own(file, "X")))
            layers = layers_of(file)
        if not missing and lacks_x and layers:
            raise ask_for_layer(path, f"{expected} with values in X", "none", layers)
        if lacks_x:
            missing = ["X", *missing]
        if missing:
            raise InputError.of_file(path, expected, f"an HDF5 file without {', '.join(missing)}")
        yield file


def _anndata_in(file: h5py.File, path: Path) -> h5py.Group:
    """Return what is laid out as AnnData: the file, or of MuData the modality "rna"."""
    modalities = None if "X" in set(file) else _own(file, "mod")
    if not isinstance(modalities, h5py.Group):
        return file
    found = _own(modalities, "rna")
    if not isinstance(found, h5py.Group):
        others = preview([str(name) for name in modalities]) or "none"
        raise InputError.of_file(path, "a modality called rna in MuData", others)
    return found


def _is_null(matrix: Any) -> bool:
    return isinstance(matrix, h5py.Dataset) and matrix.shape is None


def _own(group: h5py.Group, name: str) -> Any:
    """Return a member that lies in the file itself; None for any other, which is not opened."""
    # Listed before one is looked up: in a damaged group a look-up can take all memory.
    there = name in set(group) and isinstance(group.get(name, getlink=True), h5py.HardLink)
    return group[name] if there else None


def layers_of(file: h5py.Group) -> dict[str, str]:
    """Return the layers of a file that may hold its values, and where they lie in it."""
    layers, raw = _own(file, "layers"), _own(file, "raw")
    names = [str(name) for name in layers] if isinstance(layers, h5py.Group) else []
    found = {name: f"layers/{name}" for name in names if is_plain(name)}
    if isinstance(raw, h5py.Group) and {"X", "var"} <= set(raw):
        found["raw"] = "raw/X"
    return found


def ask_for_layer(path: Path, expected: str, found: str, layers: Collection[str]) -> Question:
    """Build the question in which layer the values lie that X lacks."""
    words = {name: "what AnnData keeps as raw" if name == "raw" else name for name in layers}
    return Question.ask(path, expected, found, "layer", words)


def place_of(path: Path, file: h5py.Group, layer: str | None) -> str:
    """Return where a layer lies in a file, "X" for None."""
    layers = layers_of(file)
    if layer and layer not in layers:
        raise InputError.of_file(path, f"the layer {layer!r}", preview([*layers]) or "none")
    return layers[layer] if layer else "X"


def open_h5ad(
    path: str | Path, remarks: Collection[str] = REMARKS, layer: str | None = None
) -> "anndata.AnnData":
    """Read the used parts of an AnnData file: X, obs, var, `remarks` in uns, llmpert's layers.

    Args:
        layer: Is read in place of X.

    Raises:
        InputError: The file is missing, is truncated, is not HDF5, holds no matrix `X`, is too
            large (`llmpert.io.limits`) or leads out of itself (`llmpert.io.hdf5`).
    """
    import anndata
    from anndata.io import read_elem

    path = require_file(path)
    wanted = "an AnnData file (.h5ad)"
    with open_anndata(path, wanted, layer) as file, as_input_error(path, wanted):
        place = place_of(path, file, layer)
        rows = shape_of(_at(file, place, path), path)[:1]
        if rows > (MOST_PERTURBATIONS,):
            do = "`python -m llmpert pseudobulk` makes a screen of them"
            expected = f"a row a perturbation, at most {MOST_PERTURBATIONS:,}"
            found = f"{rows[0]:,} rows, perhaps single cells: {do}"
            raise InputError.of_file(path, expected, found)
        remark_paths = [f"uns/{key}" for key in _names(file, "uns", path) if key in remarks]
        # What llmpert knows of single cells; layers of other programs may be anything.
        names = _names(file, "layers", path) if "uns/llmpert" in remark_paths else []
        layers = [f"layers/{key}" for key in names if key in LAYERS]
        var = "raw/var" if place == "raw/X" else "var"
        refuse_oversized(file, path, [place, *layers], ["obs", var, *remark_paths])
        return anndata.AnnData(
            X=_matrix(file, place),
            obs=read_frame(file, "obs", path),
            var=read_frame(file, var, path),
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


def _at(file: h5py.File, place: str, path: Path) -> Any:
    """Return what lies in a place of a file, to which plain links lead."""
    found: Any = file
    for name in place.split("/"):
        found = member(found, name, path)
    return found


def _names(file: h5py.File, group: str, path: Path) -> list[str]:
    """List what there is in a group that need not be there."""
    found = member(file, group, path) if group in set(file) else None
    return list(found) if isinstance(found, h5py.Group) else []


def read_frame(file: h5py.File, part: str, path: Path) -> pd.DataFrame:
    """Read obs or var. Before AnnData 0.7 (2020) it was an array of records, the index first."""
    from anndata.io import read_elem

    table = read_elem(file[part])
    if part == "obs" and file.name.startswith("/mod/"):
        # MuData keeps what it knows of all modalities beside them.
        refuse_large_tables(file.file, path, ["obs"])
        whole = read_elem(file.file["obs"])
        more = [column for column in whole.columns if column not in table]
        table = table.join(whole[more]) if whole.index.is_unique else table
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
