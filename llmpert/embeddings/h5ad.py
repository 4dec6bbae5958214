"""Embeddings from AnnData files: genes as rows, their numbers in X or in obsm."""

from pathlib import Path

import h5py
import numpy as np
import pandas as pd
from scipy import sparse

from llmpert.embeddings.embedding import Embedding, assemble
from llmpert.embeddings.tables import (
    are_genes,
    are_turned,
    known_share,
    like_a_screen,
    no_dimensions,
)  # fmt: skip
from llmpert.errors import InputError
from llmpert.io.hdf5 import check_sparse, member, open_hdf5, refuse_oversized
from llmpert.io.names import plain, preview
from llmpert.io.reading import as_input_error, require_file
from llmpert.screens import cells
from llmpert.screens.files import dense, read_frame

EXPECTED = "an AnnData file (.h5ad) of genes x numbers"


def read_embedding_anndata(path: str | Path, name: str) -> Embedding:
    """Read the numbers of genes from X, or where there is none from obsm.

    Which of obs and var has the genes is judged by their names, in the index or a column of text;
    where it is var, X is turned.

    Raises:
        InputError: The file is missing, damaged or no AnnData file, holds single cells, or has no
            numbers or several matrices of them.
    """
    from anndata.io import read_elem

    path = require_file(path)
    if cells.holds_cells(path):
        found = "single cells; a vector a gene can be made of them elsewhere, and saved as a table"
        raise InputError.of_file(path, EXPECTED, found)
    steps: list[str] = []
    notes: list[str] = []
    with as_input_error(path, EXPECTED), open_hdf5(path) as file:
        if missing := sorted({"obs", "var"}.difference(file)):
            raise InputError.of_file(path, EXPECTED, f"an HDF5 file without {', '.join(missing)}")
        others = member(file, "obsm", path) if "obsm" in file else {}
        keys = sorted(map(str, others)) if isinstance(others, h5py.Group) else []
        with_x = "X" in file and not _is_empty(file["X"])
        if not with_x and len(keys) != 1:
            found = f"no X and {len(keys)} matrices in obsm ({preview(keys) or 'none'})"
            do = "put the one you want into X: `AnnData(data.obsm[…], obs=data.obs)`"
            raise InputError.of_file(path, EXPECTED, f"{found}; {do}")
        part = "X" if with_x else f"obsm/{keys[0]}"
        refuse_oversized(file, path, [part], ["obs", "var"])
        obs, var = read_frame(file, "obs", path), read_frame(file, "var", path)
        matrix = read_elem(file[part])
        if sparse.issparse(matrix):
            check_sparse(matrix)
    values = dense(
        matrix.to_numpy() if isinstance(matrix, pd.DataFrame) else matrix, path, EXPECTED
    )
    if with_x and keys:
        notes.append(f"The numbers are those of X; obsm ({preview(keys)}) was not used.")
    genes, columns = _names(obs), _names(var)
    shape = (len(genes), len(columns) if with_x else values.shape[-1] if values.ndim else 0)
    if values.shape != shape:
        found = f"numbers of shape {values.shape} for {shape}"
        raise InputError.of_file(path, EXPECTED, found)
    if with_x and are_genes(columns) and are_genes(genes):
        notes.append(like_a_screen([plain(column) for column in columns]))
    elif with_x and are_turned(genes, columns):
        genes, columns, values = columns, genes, values.T
        steps.append(f"Turned: var has the genes ({preview([plain(g) for g in genes], 3)}).")
    if with_x and (odd := no_dimensions(columns, values)) and len(odd) < len(columns):
        which = preview([repr(plain(columns[place])) for place in odd])
        notes.append(f"{len(odd):,} column(s) are no part of the vectors: {which}; left out.")
        values = np.delete(values, list(odd), axis=1)
    source = f"{part} of {path.name}"
    return assemble(path, name, genes, values, {"source": source, "steps": steps, "notes": notes})


def _is_empty(item: object) -> bool:
    return isinstance(item, h5py.Dataset) and not item.size


def _names(frame: pd.DataFrame) -> list[str]:
    """Return what names rows: the index, or a column of text with more known genes."""
    texts = [frame[c].astype(str).tolist() for c in frame if frame[c].dtype.kind not in "biufc"]
    return max([frame.index.astype(str).tolist(), *texts], key=known_share)
