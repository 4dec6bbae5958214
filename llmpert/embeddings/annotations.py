"""An embedding of a table of annotations: which genes are annotated with the same items.

A row says that a gene has an item: that a paper is about it, or a term, pathway or phenotype
describes it.
"""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.sparse as sp
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfTransformer

from llmpert.embeddings.embedding import Embedding, assemble, made_of
from llmpert.embeddings.tables import known_share
from llmpert.errors import InputError
from llmpert.genes import GeneTable
from llmpert.genes.numbers import SAYS_ENTREZ
from llmpert.io.limits import MOST_VALUES
from llmpert.io.names import preview
from llmpert.io.reading import as_input_error, require_file
from llmpert.io.tables import dialect, open_text

EXPECTED = "a table of annotations: a column of genes and one of what they are annotated with"
HEAD = 500
ROWS = 1_000_000
TAXON = re.compile(r"(?i)tax(on|onomy)?_?(id)?")
HUMAN = "9606"
"""NCBI's number of the human species."""


@dataclass(frozen=True, eq=False)
class Annotations:
    """Which genes have which items.

    Attributes:
        genes: N names, sorted; those that mean one known gene by its current symbol.
        items: M names.
        has: N x M, sparse, 1 where a gene has an item.
        steps, notes: What was done to the file, and what of it was left out, in sentences.
    """

    genes: np.ndarray
    items: np.ndarray
    has: sp.csr_array
    steps: Sequence[str]
    notes: Sequence[str]


def read_annotations(path: str | Path, item: str | None = None) -> Annotations:
    """Read a table of annotations: CSV, TSV or separated by blanks, also `.gz`.

    The genes are the column that names most known genes, or is called GeneID and holds numbers. Of
    a table of several species (a column tax_id, as in NCBI's gene2pubmed) the human rows count.

    Args:
        item: Column of what genes are annotated with; by default the one column that is left.

    Raises:
        InputError: The file is missing, damaged, or not such a table, no row is of a human gene, or
            it is not clear which column holds the items.
    """
    path = require_file(path)
    separator = dialect(path, "\t").separator
    with open_text(path, separator, EXPECTED) as text, as_input_error(path, EXPECTED):
        lines = [line for _, line in zip(range(HEAD), text, strict=False)]
        rows = [row for row in csv.reader(lines, delimiter=separator) if row]
    if len(rows) < 2 or len(rows[0]) < 2:
        raise InputError.of_file(path, EXPECTED, "fewer than two columns or rows")
    columns = [cell.strip().lstrip("#") for cell in rows[0]]
    head = pd.DataFrame([row[: len(columns)] for row in rows[1:]], columns=columns, dtype=str)
    shares = {name: _share(name, list(head[name])) for name in columns}
    gene = max(columns, key=lambda name: shares[name])
    if shares[gene] < 0.5:
        found = f"columns {preview(columns)}, of which none names genes"
        raise InputError.of_file(path, EXPECTED, found)
    if known_share([rows[0][columns.index(gene)]]) == 1:
        found = "a gene in the first line"
        raise InputError.of_file(path, f"{EXPECTED}, with the names of columns first", found)
    taxon = next((name for name in columns if TAXON.fullmatch(name)), None)
    left = [one for one in columns if one not in (gene, taxon) and shares[one] < 0.5]
    item = _item(path, left, item, columns)
    kept, notes = _rows(path, separator, columns, (gene, item, taxon))
    steps = [f"Genes in the column {gene}, what they are annotated with in {item}."]
    if taxon:
        steps.append(f"Kept rows of human genes ({taxon} {HUMAN}).")
    return _annotations(path, kept, steps, notes)


def _share(name: str, values: Sequence[str]) -> float:
    """Return which share of a column's values are genes."""
    numbers = all(value.isdecimal() for value in values)
    if numbers:
        return 1.0 if SAYS_ENTREZ.search(name) and not TAXON.fullmatch(name) else 0.0
    return known_share(values)


def _item(path: Path, left: Sequence[str], asked: str | None, columns: Sequence[str]) -> str:
    if asked is None and len(left) == 1:
        return left[0]
    if asked is None or asked not in columns:
        wanted = f"a column {asked!r}" if asked else "one column of what genes are annotated with"
        found = f"{preview(left if asked is None else columns)}; choose with --item"
        raise InputError.of_file(path, wanted, found)
    return asked


def _rows(
    path: Path, separator: str, columns: Sequence[str], wanted: tuple[str, str, str | None]
) -> tuple[pd.DataFrame, list[str]]:
    """Return the columns `gene` and `item` of all human rows, each pair once."""
    gene, item, taxon = wanted
    used, parts = list(dict.fromkeys(one for one in wanted if one)), []
    with open_text(path, separator, EXPECTED, rows=MOST_VALUES) as text:
        reader = pd.read_csv(
            text, sep=separator, header=None, names=list(columns), usecols=used, skiprows=1,
            dtype=str, chunksize=ROWS, keep_default_na=False,
        )  # fmt: skip
        for part in reader:
            if taxon:
                part = part[part[taxon] == HUMAN]
            part = pd.DataFrame({"gene": part[gene].str.strip(), "item": part[item].str.strip()})
            parts.append(part.drop_duplicates())
    found = pd.concat(parts, ignore_index=True).drop_duplicates()
    empty = (found == "").any(axis=1)
    notes = [f"{empty.sum():,} row(s) without a gene or an item were left out."] * bool(empty.any())
    return found[~empty], notes


def _annotations(
    path: Path, found: pd.DataFrame, steps: list[str], notes: list[str]
) -> Annotations:
    names = found["gene"].unique()
    symbols = GeneTable.shipped().symbols(map(str, names))
    bare = [name for name in names if name not in symbols and name.isdecimal()]
    if bare:
        notes.append(f"{len(bare):,} unknown gene number(s) were left out: {preview(bare)}.")
        found = found[~found["gene"].isin(bare)]
    gene, genes = pd.factorize(found["gene"].map(lambda name: symbols.get(name, name)), sort=True)
    item, items = pd.factorize(found["item"], sort=True)
    if not len(genes):
        raise InputError.of_file(path, "annotations of human genes", "none")
    shape = (len(genes), len(items))
    has = sp.csr_array((np.ones(len(gene), dtype=np.float32), (gene, item)), shape=shape)
    has.sum_duplicates()
    has.data[:] = 1
    shared = np.asarray(has.sum(axis=0)).ravel() > 1
    if not shared.any():
        raise InputError.of_file(path, "items that two genes or more have", "none")
    if alone := int((~shared).sum()):
        notes.append(f"{alone:,} item(s) of a single gene were left out: they link no genes.")
    has = has[:, shared]
    some = np.diff(has.indptr) > 0
    steps.append(f"{has.nnz:,} annotations of {some.sum():,} genes with {shared.sum():,} items.")
    return Annotations(
        np.asarray(genes, dtype=object)[some], np.asarray(items, dtype=object)[shared],
        has[some], steps, notes,
    )  # fmt: skip


def embed_annotations(annotations: Annotations, dimensions: int) -> np.ndarray:
    """Return coordinates of genes in which genes with the same items are near.

    Items weigh the less the more genes have them (TF-IDF), genes have length 1, and what remains
    are leading singular vectors times their values: latent semantic analysis (Deerwester et al.
    1990).

    Returns:
        Genes x at most `dimensions`.
    """
    weighted = TfidfTransformer().fit_transform(annotations.has)
    most = min(dimensions, min(weighted.shape) - 1)
    if most < 1:
        return weighted.toarray()
    return TruncatedSVD(most, n_iter=7, random_state=0).fit_transform(weighted)


def annotations_embedding(
    path: str | Path, name: str, item: str | None = None, dimensions: int = 128
) -> Embedding:
    """Return the embedding of a table of annotations; see `read_annotations`."""
    annotations = read_annotations(path, item)
    vectors = embed_annotations(annotations, dimensions)
    method = "latent semantic analysis (TF-IDF, singular vectors)"
    known = made_of(path, "annotations", method, annotations.steps, annotations.notes)
    return assemble(Path(path), name, annotations.genes, vectors, known)
