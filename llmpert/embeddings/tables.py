"""Embeddings from tables of one row a gene: Parquet, CSV, TSV and NumPy archives."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from llmpert.embeddings.embedding import Embedding, assemble
from llmpert.errors import InputError
from llmpert.genes import GeneTable
from llmpert.genes.columns import no_genes
from llmpert.io.limits import MOST_DIMENSIONS
from llmpert.io.names import preview
from llmpert.io.reading import ending_of, require_file
from llmpert.io.tables import dialect, open_text, read_flat
from llmpert.io.zips import read_arrays

TEXTS = (".csv", ".tsv", ".txt")
FORMATS = (".parquet", ".npz", *TEXTS, *(f"{ending}.gz" for ending in TEXTS))
GENE_COLUMNS = ("gene", "symbol", "gene_symbol", "gene_name")
_FRACTION = re.compile(r"[-+]?\d*[.,]\d+(\.\d+)?([eE][-+]?\d+)?|[-+]?\d+[eE][-+]?\d+")
MISSING = ("", "NA", "NaN", "nan", "null", "None")


def read_embedding_table(path: str | Path, name: str) -> Embedding:
    """Read a table of genes x numbers.

    Parquet, CSV and TSV (also `.gz`): genes are the index where it holds text, else the column
    named gene, symbol, gene_symbol or gene_name, else the first column of text; all other columns
    are numbers. NPZ: an array `genes` with `vectors` or `embeddings` (genes x dimensions), or one
    vector under each gene's name; never pickled objects.

    Raises:
        InputError: The file is missing, damaged, of another format, or holds something other than
            numbers.
    """
    path = require_file(path)
    ending = ending_of(path, FORMATS)
    if not ending:
        raise InputError.of_file(path, f"a table ({', '.join(FORMATS)})", "another kind of file")
    expected = f"a table of gene vectors ({ending})"
    notes: list[str] = []
    if ending == ".npz":
        rows = _of_archive(path)
    elif ending == ".parquet":
        rows = _of_frame(path, read_flat(path, expected), notes)
    else:
        rows = _of_frame(path, _read_text(path, expected), notes)
    return assemble(path, name, *rows, {"source": f"table {path.name}", "notes": notes})


def _read_text(path: Path, expected: str) -> pd.DataFrame:
    form = dialect(path, "," if ".csv" in path.name.lower() else "\t")

    def read(**options: Any) -> pd.DataFrame:
        with open_text(path, form.separator, expected, columns=MOST_DIMENSIONS) as text:
            return pd.read_csv(text, sep=form.separator, decimal=form.decimal, **options)

    head = read(nrows=100)
    numbers = [name for name in head.columns if _FRACTION.fullmatch(str(name).strip())]
    if 2 * len(numbers) >= len(head.columns) or isinstance(head.index, pd.MultiIndex):
        found = f"a first line of numbers ({', '.join(map(str, head.columns[:3]))} …)"
        wanted = "a first line that names the columns"
        raise InputError.of_file(path, wanted, f"{found}: the header is missing")
    gene = _gene_column(path, head)
    # "NA" and "nan" are missing numbers, but a gene may be called so.
    missing = {str(column): MISSING for column in head.columns if column != gene}
    return read(
        dtype={} if gene is None else {gene: str}, na_values=missing, keep_default_na=False,
        low_memory=False,
    )  # fmt: skip


def _is_text(values: "pd.Series | pd.Index") -> bool:
    return pd.api.types.is_string_dtype(values.dtype) or values.dtype == object


def _gene_column(path: Path, frame: pd.DataFrame) -> str | None:
    """Find the column of gene names; None where the index holds them."""
    if _is_text(frame.index):
        return None
    named = [c for c in frame.columns if str(c).strip().lower() in GENE_COLUMNS]
    text = [c for c in frame.columns if _is_text(frame[c])]
    if not named and not text:
        raise InputError.of_file(path, "a column of gene names, such as gene", "numbers only")
    return (named or text)[0]


def _of_frame(path: Path, frame: pd.DataFrame, notes: list[str]) -> tuple[np.ndarray, np.ndarray]:
    column = _gene_column(path, frame)
    genes = frame.index.to_series() if column is None else frame[column]
    rest = frame if column is None else frame.drop(columns=column)
    _refuse_turned(path, [str(gene) for gene in genes], [str(name) for name in rest.columns])
    for other in rest.columns:
        if str(other).strip() == "" or str(other).startswith("Unnamed:"):
            # A nameless column beside the genes is a row number that some program wrote.
            raise InputError.of_file(path, "a name for every column", "one without")
        if not pd.api.types.is_numeric_dtype(rest[other]) or rest[other].dtype.kind not in "fiu":
            values = rest[other].dropna()
            found = f"{values.iloc[0]!r}" if len(values) else "nothing"
            raise InputError.of_file(path, f"numbers in the column {str(other)!r}", found)
    named = genes.astype(object).where(genes.notna(), "")
    vectors = rest.to_numpy(dtype=np.float64, na_value=np.nan)
    odd = no_genes([str(name) for name in rest.columns], vectors)
    for place, why in odd.items():
        label = str(rest.columns[place])
        notes.append(f"The column {label!r} is no part of the vectors ({why}): it was left out.")
    keep = [place for place in range(vectors.shape[1]) if place not in odd]
    return named.to_numpy(), vectors[:, keep] if odd else vectors


def _refuse_turned(path: Path, genes: list[str], columns: list[str]) -> None:
    """Raise InputError of a table whose columns are genes and whose rows are none."""
    table = GeneTable.shipped()
    # Not by aliases: D1 and D2 are some.
    rows, known = (
        np.mean([table.resolve(name).how in ("symbol", "ensembl", "previous") for name in names])
        for names in (genes[:200], columns[:200] or [""])
    )
    if known > 0.5 and rows < 0.1:
        found = f"genes as columns ({preview(columns, 3)}): turn the table"
        raise InputError.of_file(path, "a row a gene", found)


def _of_archive(path: Path) -> tuple[np.ndarray, np.ndarray]:
    arrays = read_arrays(path)
    matrix = arrays.get("vectors", arrays.get("embeddings"))
    if "genes" in arrays and matrix is not None:
        genes = arrays["genes"]
        if genes.ndim != 1 or genes.dtype.kind != "U":
            raise InputError.of_file(path, "a list of names as genes", f"{genes.dtype} values")
    else:
        expected = "genes and vectors, or one vector of the same length for every gene"
        if not arrays:
            raise InputError.of_file(path, expected, "nothing")
        genes, rows = np.array(list(arrays), dtype=object), list(arrays.values())
        for gene, row in arrays.items():
            if row.ndim != 1 or row.shape != rows[0].shape:
                raise InputError.of_file(path, expected, f"{row.shape} under {gene}")
        matrix = np.stack(rows)
    if matrix.dtype.kind not in "fiu" or matrix.shape[:-1] != genes.shape:
        expected = f"one vector of numbers for each of {len(genes):,} genes"
        found = f"{matrix.dtype} values of shape {matrix.shape}"
        raise InputError.of_file(path, expected, found)
    return genes, matrix
