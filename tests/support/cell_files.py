"""Files of single cells as AnnData wrote them over the years, and as others do."""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import anndata
import h5py
import numpy as np
import pandas as pd
from scipy import sparse

TEXT = h5py.string_dtype()


@dataclass
class CellFile:
    """What a file of single cells holds, and how.

    Attributes:
        values: Cells x genes.
        obs, var: Its tables.
        matrix: "dense", "csr", "csc"; "twice" (CSR in which each entry is the sum of two),
            "unsorted" or "csc unsorted".
        place: Where the values lie: "X", "layer" (z-scores in X), "raw", "layer without X".
    """

    values: np.ndarray
    obs: pd.DataFrame
    var: pd.DataFrame
    matrix: str = "dense"
    place: str = "X"

    @property
    def layer(self) -> str:
        """What the place is called."""
        return "raw" if self.place == "raw" else "counts"

    def write(self, path: Path, encoding: str = "now") -> Path:
        """Write the file as AnnData does "now", or as 0.6, 0.7 or MuData did; return it."""
        if encoding == "MuData":
            path = path.with_suffix(".h5mu")
        with h5py.File(path, "w") as file:
            root = file.create_group("mod/rna") if encoding == "MuData" else file
            older: dict[str, Any] = {"0.6": _records, "0.7": _frame_with_codes}
            write = older.get(encoding, anndata.io.write_elem)
            if encoding not in older:
                root.attrs["encoding-type"], root.attrs["encoding-version"] = "anndata", "0.1.0"
            write(root, "obs", self.obs[[]] if encoding == "MuData" else self.obs)
            write(root, "var", self.var)
            if encoding == "MuData":
                anndata.io.write_elem(file, "obs", self.obs)
            scaled = self.values - self.values.mean(axis=0) - 1
            if self.place in ("layer", "raw"):
                root.create_dataset("X", data=scaled)
            places = {"X": "X", "raw": "raw/X"}
            self._write_matrix(root, places.get(self.place, "layers/counts"), encoding)
            if self.place == "raw":
                write(root["raw"], "var", self.var)
        return path

    def _write_matrix(self, root: h5py.Group, place: str, encoding: str) -> None:
        if self.matrix == "dense":
            root.create_dataset(place, data=self.values)
            return
        form = "csc" if self.matrix.startswith("csc") else "csr"
        # SciPy knows no halves.
        kind = np.float32 if self.values.dtype == np.float16 else self.values.dtype
        make = sparse.csc_matrix if form == "csc" else sparse.csr_matrix
        found = make(self.values.astype(kind))
        data, indices, indptr = found.data, found.indices, found.indptr
        if self.matrix == "twice":
            half = (data / 2).astype(kind) if kind in (np.float32, np.float64) else data // 2
            data = np.stack([half, data - half], axis=1).ravel()
            indices, indptr = np.repeat(indices, 2), 2 * indptr
        elif self.matrix.endswith("unsorted"):
            turned = np.concatenate(
                [np.arange(stop - 1, start - 1, -1) for start, stop in pairwise(indptr)]
            )
            data, indices = data[turned], indices[turned]
        group = root.create_group(place)
        if encoding == "0.6":
            group.attrs["h5sparse_format"] = form
            group.attrs["h5sparse_shape"] = np.array(found.shape)
        else:
            group.attrs["encoding-type"], group.attrs["encoding-version"] = (
                f"{form}_matrix",
                "0.1.0",
            )
            group.attrs["shape"] = np.array(found.shape)
        for name, content in (("data", data), ("indices", indices), ("indptr", indptr)):
            group.create_dataset(name, data=content)


def _texts(column: pd.Series) -> list[str]:
    return ["nan" if pd.isna(value) else str(value) for value in column.astype(object)]


def _is_text(column: pd.Series) -> bool:
    return not pd.api.types.is_numeric_dtype(column)


def _records(root: h5py.Group, name: str, frame: pd.DataFrame) -> None:
    """An array of records, the index first; texts of one length."""
    columns: dict[str, Any] = {"index": np.array([str(x).encode() for x in frame.index])}
    for label, column in frame.items():
        text = _is_text(column)
        columns[str(label)] = (
            np.array([x.encode() for x in _texts(column)]) if text else column.to_numpy()
        )
    kind = np.dtype([(label, values.dtype) for label, values in columns.items()])
    records = np.zeros(len(frame), dtype=kind)
    for label, values in columns.items():
        records[label] = values
    root.create_dataset(name, data=records)


def _frame_with_codes(root: h5py.Group, name: str, frame: pd.DataFrame) -> None:
    """Codes beside a group of categories, to which they point."""
    group = root.create_group(name)
    group.attrs["encoding-type"], group.attrs["encoding-version"] = "dataframe", "0.1.0"
    group.attrs["_index"] = "_index"
    group.attrs["column-order"] = np.array(list(map(str, frame.columns)), dtype=TEXT)
    group.create_dataset("_index", data=[str(x) for x in frame.index], dtype=TEXT)
    for label, column in frame.items():
        if not _is_text(column):
            group.create_dataset(str(label), data=column.to_numpy())
            continue
        number, names = pd.factorize(column.astype(object), sort=False)
        place = group.require_group("__categories")
        categories = place.create_dataset(str(label), data=[str(x) for x in names], dtype=TEXT)
        group.create_dataset(str(label), data=number.astype(np.int16))
        group[str(label)].attrs["categories"] = categories.ref
