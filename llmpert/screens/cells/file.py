"""A file of single cells on disk: names in memory, expression a block of cells at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from scipy import sparse

from llmpert.errors import InputError
from llmpert.io.hdf5 import check_sparse, refuse_large_blocks, refuse_large_tables
from llmpert.io.names import is_plain
from llmpert.io.reading import as_input_error, require_file
from llmpert.screens.files import open_anndata, read_frame

WANTED = "single cells in AnnData's format (.h5ad)"
BLOCK_BYTES = 128 * 2**20
"""Expression held at once, dense and in float32."""


class CellFile:
    """An open file of single cells, of `shape` cells x genes, of which some are read at a time.

    It has its tables `obs`, `var` and `uns` if these were asked for; see `open_cells`.
    """

    def __init__(self, path: Path, file: h5py.File, tables: bool, layer: str | None = None) -> None:
        from anndata.io import read_elem, sparse_dataset

        self.path = path
        self._matrix: Any = file[_place(path, file, layer)]
        self._others = _layers(file)
        if isinstance(self._matrix, h5py.Group):
            self._matrix = sparse_dataset(self._matrix)
            if self._matrix.format != "csr":
                do = "in Python, `data.X = data.X.tocsr()` and `data.write_h5ad(…)` turn it"
                expected = "X stored cell by cell (dense, or sparse as CSR)"
                raise InputError.of_file(path, expected, f"it stored gene by gene (CSC); {do}")
        self.shape: tuple[int, int] = tuple(self._matrix.shape)
        if np.dtype(self._matrix.dtype).kind not in "fiu":
            raise InputError.of_file(path, "a matrix X of numbers", str(self._matrix.dtype))
        if not tables:
            return
        self.obs, self.var = read_frame(file, "obs", path), read_frame(file, "var", path)
        self.uns: Any = read_elem(file["uns"]) if "uns" in file else {}
        if not isinstance(self.uns, dict):
            raise InputError.of_file(path, "a dict as uns", f"a {type(self.uns).__name__}")
        if self.shape != (len(self.obs), len(self.var)) or not all(self.shape):
            expected = f"{len(self.obs):,} cells x {len(self.var):,} genes, as obs and var have"
            found = f"X of {' x '.join(f'{n:,}' for n in self.shape)}"
            raise InputError.of_file(path, expected, found)

    @property
    def block(self) -> int:
        """How many cells `BLOCK_BYTES` hold."""
        return max(1, BLOCK_BYTES // (4 * self.shape[1]))

    def read(self, rows: slice | np.ndarray) -> Any:
        """Read some cells as stored, by a slice or positions in ascending order, as float32.

        They come as a NumPy array, or as a CSR matrix where the file has one.

        Raises:
            InputError: The file is damaged there, or holds negative or missing values.
        """
        with as_input_error(self.path, WANTED):
            found = self._matrix[rows]
            if sparse.issparse(found):
                found = sparse.csr_matrix(found, dtype=np.float32)
                check_sparse(found)
                found.sum_duplicates()
                values = found.data
            else:
                found = values = np.asarray(found, dtype=np.float32)
        # One pass for both: anything that is not finite makes the sum so.
        if values.size and not (values.min() >= 0 and np.isfinite(values.sum(dtype=np.float64))):
            expected = "expression (finite values of 0 or more)"
            do = f"; there is {_named(self._others)} too (--layer)" if self._others else ""
            raise InputError.of_file(self.path, expected, f"negative or missing ones{do}")
        return found


@contextmanager
def open_cells(
    path: str | Path, tables: bool = True, layer: str | None = None
) -> Iterator[CellFile]:
    """Open a file of single cells; without its tables that is cheap, however large the file.

    `layer` holds the values in place of X; "raw" is what AnnData keeps under that name.

    Raises:
        InputError: The file is missing, is not HDF5, holds no X, obs and var that fit together, or
            keeps X gene by gene.
    """
    path = require_file(path)
    with open_anndata(path, WANTED, layer) as file:
        with as_input_error(path, WANTED):
            refuse_large_blocks(file, path, _place(path, file, layer))
            if tables:
                refuse_large_tables(file, path, sorted({"obs", "var", "uns"}.intersection(file)))
            cells = CellFile(path, file, tables, layer)
        yield cells


def _place(path: Path, file: h5py.File, layer: str | None) -> str:
    """Return where a layer lies in a file, "X" for None."""
    if layer is None:
        return "X"
    place = "raw/X" if layer == "raw" else f"layers/{layer}"
    if place not in file:
        found = _named(_layers(file)) or "none"
        raise InputError.of_file(path, f"the layer {layer!r}", found)
    return place


def _layers(file: h5py.File) -> list[str]:
    """List the layers of a file that may hold the values of all its cells."""
    layers = file.get("layers")
    names = [str(name) for name in layers] if isinstance(layers, h5py.Group) else []
    return [name for name in names if is_plain(name)] + ["raw"] * ("raw/X" in file)


def _named(layers: list[str]) -> str:
    return ", ".join(f"the layer {name!r}" for name in layers[:5])
