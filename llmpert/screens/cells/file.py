"""A file of single cells on disk: names in memory, expression a block of cells at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from scipy import sparse

from llmpert.errors import InputError
from llmpert.io.hdf5 import check_sparse, refuse_large_blocks, refuse_large_tables
from llmpert.io.reading import as_input_error, require_file
from llmpert.screens.files import (
    ask_for_layer,
    layers_of,
    open_anndata,
    place_of,
    read_frame,
    refuse_other_kinds,
)  # fmt: skip

WANTED = "single cells in AnnData's format (.h5ad)"
BLOCK_BYTES = 128 * 2**20
"""Expression held at once, dense and in float32."""
SAMPLE = 500
"""Cells looked at in each of three places of a file."""


class CellFile:
    """An open file of single cells, of `shape` cells x genes, of which some are read at a time.

    It has its tables `obs`, `var` and `uns` if these were asked for; see `open_cells`.

    Attributes:
        by_gene: Whether the file stores genes one after the other (CSC): then genes are read, and
            cells only as a sample.
        kept: Which of the file's features are genes; None where all are, or nothing says it.
        others: Kinds of the features that are not.
    """

    def __init__(
        self, path: Path, file: h5py.Group, place: str, tables: bool, kept: np.ndarray | None
    ) -> None:
        from anndata.io import read_elem, sparse_dataset

        self.path, self.kept = path, kept
        self.others: list[str] = []
        self._matrix: Any = file[place]
        self._layers = [name for name, at in layers_of(file).items() if at != place]
        if isinstance(self._matrix, h5py.Group):
            self._matrix = sparse_dataset(self._matrix)
        self.by_gene = getattr(self._matrix, "format", "") == "csc"
        self.shape: tuple[int, int] = tuple(self._matrix.shape)
        if np.dtype(self._matrix.dtype).kind not in "fiu":
            raise InputError.of_file(path, "a matrix X of numbers", str(self._matrix.dtype))
        if tables:
            self.obs = read_frame(file, "obs", path)
            self.var = read_frame(file, "raw/var" if place == "raw/X" else "var", path)
            self.uns: Any = read_elem(file["uns"]) if "uns" in file else {}
            if not isinstance(self.uns, dict):
                raise InputError.of_file(path, "a dict as uns", f"a {type(self.uns).__name__}")
            if self.shape != (len(self.obs), len(self.var)) or not all(self.shape):
                expected = f"{len(self.obs):,} cells x {len(self.var):,} genes, as obs and var have"
                found = f"X of {' x '.join(f'{n:,}' for n in self.shape)}"
                raise InputError.of_file(path, expected, found)
            self._leave_out_other_features()
        if self.kept is not None:
            self.shape = (self.shape[0], int(self.kept.sum()))

    def _leave_out_other_features(self) -> None:
        """Guides and antibodies that were counted with the genes are marked in 10x's column."""
        kinds = self.var.get("feature_types")
        if kinds is None:
            return
        kinds = kinds.astype(str)
        kept = (kinds == "Gene Expression").to_numpy()
        if kept.any() and not kept.all():
            self.kept, self.var = kept, self.var[kept]
            self.others = list(dict.fromkeys(kinds[~kept]))

    @property
    def block(self) -> int:
        """How many cells `BLOCK_BYTES` hold."""
        return max(1, BLOCK_BYTES // (4 * self.shape[1]))

    @property
    def block_of_genes(self) -> int:
        """How many genes of all cells `BLOCK_BYTES` hold."""
        return max(1, BLOCK_BYTES // (4 * self.shape[0]))

    def read(self, rows: slice | np.ndarray) -> Any:
        """Read some cells as stored, by a slice or positions in ascending order, as float32.

        They come as a NumPy array, or as a CSR matrix where the file has one.

        Raises:
            InputError: The file is damaged there, holds negative or missing values, or stores
                genes one after the other.
            Question: It does, and has layers besides.
        """
        if self.by_gene:
            do = "in Python, `data.X = data.X.tocsr()` and `data.write_h5ad(…)` turn it"
            expected = "X stored cell by cell (dense, or sparse as CSR)"
            raise InputError.of_file(self.path, expected, f"it stored gene by gene (CSC); {do}")
        found = self._read(rows)
        return found if self.kept is None else found[:, self.kept]

    def read_genes(self, genes: slice) -> sparse.csc_matrix:
        """Read some genes of all cells, float32, of a file that stores them one after the other.

        Raises as `read` does.
        """
        if self.kept is None:
            return self._read((slice(None), genes))
        places = np.flatnonzero(self.kept)[genes]
        found = self._read((slice(None), slice(places[0], places[-1] + 1)))
        return found[:, places - places[0]]

    def _read(self, where: Any) -> Any:
        with as_input_error(self.path, WANTED):
            found = self._matrix[where]
            if sparse.issparse(found):
                kind = sparse.csc_matrix if self.by_gene else sparse.csr_matrix
                found = kind(found, dtype=np.float32)
                check_sparse(found)
                found.sum_duplicates()
                values = found.data
            else:
                found = values = np.asarray(found, dtype=np.float32)
        # One pass for both: anything that is not finite makes the sum so.
        if values.size and not (values.min() >= 0 and np.isfinite(values.sum(dtype=np.float64))):
            expected = "counts or log-normalised values (finite, 0 or more)"
            said = "negative or missing ones, as scaling leaves them"
            if self._layers:
                raise ask_for_layer(self.path, expected, said, self._layers)
            raise InputError.of_file(self.path, expected, said)
        return found

    @cached_property
    def sample(self) -> list[Any]:
        """Cells from three places of the file, `SAMPLE` of each: what evidence is looked for in."""
        if self.by_gene:
            return self._survey[0]
        return [self.read(place) for place in _places(self.shape[0])]

    @cached_property
    def totals(self) -> np.ndarray:
        """The sum of each cell, of a file that stores genes one after the other."""
        return self._survey[1]

    @cached_property
    def _survey(self) -> tuple[list[Any], np.ndarray]:
        """What takes all genes: cells from three places, and the sum of each cell."""
        cells, genes = self.shape
        totals = np.zeros(cells)
        parts: list[list[Any]] = [[] for _ in _places(cells)]
        for first in range(0, genes, self.block_of_genes):
            block = self.read_genes(slice(first, min(first + self.block_of_genes, genes)))
            totals += np.asarray(block.sum(axis=1, dtype=np.float64)).ravel()
            for part, place in zip(parts, _places(cells), strict=True):
                part.append(block[place])
        return [sparse.hstack(part, "csr") for part in parts], totals


@contextmanager
def open_cells(
    path: str | Path,
    tables: bool = True,
    layer: str | None = None,
    kept: np.ndarray | None = None,
) -> Iterator[CellFile]:
    """Open a file of single cells; without its tables that is cheap, however large the file.

    Args:
        layer: Holds the values in place of X; "raw" is what AnnData keeps under that name.
        kept: Which features are genes, as an earlier call found in the tables.

    Raises:
        InputError: The file is missing, is not HDF5, or holds no X, obs and var that fit together.
        Question: There is no X, but a layer.
    """
    refuse_other_kinds(Path(path))
    path = require_file(path)
    with open_anndata(path, WANTED, layer) as file:
        place = place_of(path, file, layer)
        with as_input_error(path, WANTED):
            refuse_large_blocks(file, path, place)
            if tables:
                parts = {"obs", "var", "uns"}.intersection(file)
                refuse_large_tables(file, path, [*sorted(parts), *["raw/var"] * (layer == "raw")])
            cells = CellFile(path, file, place, tables, kept)
        yield cells


def _places(cells: int) -> list[slice]:
    """Cut out what a sample of a file of so many cells has."""
    starts = sorted({0, max(0, cells // 2 - SAMPLE), max(0, cells - SAMPLE)})
    return [slice(start, min(start + SAMPLE, cells)) for start in starts]
