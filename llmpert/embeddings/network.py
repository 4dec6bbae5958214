"""An embedding of a network of genes: which genes are linked to the same others."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.sparse as sp
from scipy.sparse.linalg import eigsh

from llmpert.embeddings.embedding import Embedding, assemble, made_of
from llmpert.embeddings.tables import known_share
from llmpert.errors import InputError
from llmpert.genes import GeneTable
from llmpert.io.names import preview
from llmpert.io.reading import as_input_error, require_file
from llmpert.io.tables import dialect, open_text

EXPECTED = "a table of links: two columns of genes and, if they have one, a weight"
COMBINED = "combined_score"
"""Column of STRING's files that is used where several hold weights."""
MOST_LINKS = 50_000_000
"""Rows of a table of links: STRING's human network has 14 million."""
ROWS = 1_000_000
HEAD = 500
ROUNDING = 1e-8
FEW = 1000
"""Genes up to which all eigenvectors are found at once."""


@dataclass(frozen=True, eq=False)
class Network:
    """Weighted links between genes.

    Attributes:
        genes: N names, sorted; those that mean one known gene by its current symbol.
        weights: N x N, symmetric, sparse, not negative, without links of a gene to itself.
        steps, notes: What was done to the file, and what of it was left out, in sentences.
    """

    genes: np.ndarray
    weights: sp.csr_array
    steps: Sequence[str]
    notes: Sequence[str]


def read_network(
    path: str | Path, names: str | Path | None = None, channel: str | None = None
) -> Network:
    """Read a table of links: CSV, TSV or separated by blanks, also `.gz`; of STRING or any other.

    The genes are the two columns of text that name most known genes, else the first two. Of links
    that are there several times, in either direction, the strongest counts.

    Args:
        names: Table with a name for each id of the links, such as STRING's `protein.info`.
        channel: Column with the weights; by default the one column of numbers, or
            `combined_score`. Without a column of numbers all weights are 1.

    Raises:
        InputError: The file is missing, damaged, or not such a table; weights are negative; it is
            not clear which column holds them; or the ids have no names.
    """
    path = require_file(path)
    separator = dialect(path, "\t").separator
    with open_text(path, separator, EXPECTED) as text, as_input_error(path, EXPECTED):
        lines = [line for _, line in zip(range(HEAD), text, strict=False)]
        rows = [row for row in csv.reader(lines, delimiter=separator) if row]
    if not rows or len(rows[0]) < 2:
        raise InputError.of_file(path, EXPECTED, "fewer than two columns")
    columns = [cell.strip().lstrip("#") for cell in rows[0]]
    headed = len(rows) > 1 and _is_header(rows[0], rows[1])
    if not headed or len(set(columns)) < len(columns):
        columns = [f"column {place + 1}" for place in range(len(rows[0]))]
    head = pd.DataFrame([row[: len(columns)] for row in rows[headed:]], columns=columns)
    ends, weight = _ends(path, head), None
    numbers = [c for c in columns if c not in ends and _are_numbers(head[c])]
    if channel is not None or numbers:
        weight = _channel(path, numbers, channel)
    steps = [
        f"Each link joins {ends[0]} and {ends[1]}, with"
        f" {f'the weight {weight}' if weight else 'weight 1'}."
    ]
    links = _links(path, separator, columns, headed, ends, weight)
    return _network(path, links, _named(names) if names else {}, steps)


def _is_header(first: Sequence[str], second: Sequence[str]) -> bool:
    """Return whether the first line names columns: it has no number where the second has one."""
    numbers = [place for place, cell in enumerate(second) if _is_number(cell)]
    if any(place < len(first) and not _is_number(first[place]) for place in numbers):
        return True
    return not numbers and known_share(first) < 0.5 <= known_share(second)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _are_numbers(column: pd.Series) -> bool:
    return bool(pd.to_numeric(column, errors="coerce").notna().mean() > 0.5)


def _ends(path: Path, head: pd.DataFrame) -> tuple[str, str]:
    """Return the two columns of genes."""
    texts = [column for column in map(str, head) if not _are_numbers(head[column])]
    if len(set(texts)) < 2:
        raise InputError.of_file(path, EXPECTED, f"{len(set(texts))} column(s) of text")
    shares = {column: known_share(list(head[column])) for column in texts}
    best = sorted(texts, key=lambda column: -shares[column])[:2]
    return min(best, key=texts.index), max(best, key=texts.index)


def _channel(path: Path, numbers: Sequence[str], asked: str | None) -> str:
    """Return the column of weights."""
    if asked is None and len(numbers) > 1:
        asked = COMBINED if COMBINED in numbers else None
    chosen = asked if asked is not None else numbers[0] if len(numbers) == 1 else ""
    if chosen not in numbers:
        wanted = f"a column {asked!r} of numbers" if asked else "one column of weights"
        offered = f"{preview(numbers)}; choose with --channel" if numbers else "none"
        raise InputError.of_file(path, wanted, offered)
    return chosen


def _links(
    path: Path,
    separator: str,
    columns: Sequence[str],
    headed: bool,
    ends: tuple[str, str],
    weight: str | None,
) -> pd.DataFrame:
    """Return the columns `a`, `b` (of few, often repeated names) and `weight` of all links."""
    wanted = [*ends, *([weight] if weight else [])]
    parts = []
    with open_text(path, separator, EXPECTED, rows=MOST_LINKS) as text:
        reader = pd.read_csv(
            text, sep=separator, header=None, names=list(columns), usecols=wanted,
            skiprows=int(headed), dtype=dict.fromkeys(ends, "category"), chunksize=ROWS,
            keep_default_na=False, na_values={weight: ["", "NA", "NaN", "nan", "-"]} if weight
            else None,
        )  # fmt: skip
        for part in reader:
            values = pd.to_numeric(part[weight], errors="coerce") if weight else 1.0
            parts.append(pd.DataFrame({"a": part[ends[0]], "b": part[ends[1]], "weight": values}))
    found = {end: pd.api.types.union_categoricals([p[end] for p in parts]) for end in ("a", "b")}
    weights = np.concatenate([part["weight"].to_numpy(np.float64) for part in parts])
    return pd.DataFrame({**found, "weight": weights})


def _named(path: str | Path) -> Mapping[str, str]:
    """Return the name of each id: of a table's first two columns."""
    path = require_file(path)
    expected = "a table of ids and names, such as STRING's protein.info"
    separator = dialect(path, "\t").separator
    with open_text(path, separator, expected) as text, as_input_error(path, expected):
        rows = [row[:2] for row in csv.reader(text, delimiter=separator) if len(row) > 1]
    return {row[0].strip(): row[1].strip() for row in rows}


def _network(
    path: Path, links: pd.DataFrame, named: Mapping[str, str], steps: list[str]
) -> Network:
    ids = [end.cat.categories.astype(str) for end in (links["a"], links["b"])]
    every = sorted(set(ids[0]) | set(ids[1]))
    called = {one: named.get(one.strip(), "" if named else one.strip()) for one in every}
    symbols = GeneTable.shipped().symbols(called.values())
    notes = []
    if named and (lacking := [one for one in every if not called[one]]):
        notes.append(f"{len(lacking):,} id(s) without a name were left out: {preview(lacking)}.")
    elif not symbols and any("ENSP" in one for one in every[:HEAD]):
        found = "ids of Ensembl proteins; give the table of their names (STRING's protein.info)"
        raise InputError.of_file(path, "links between genes", found)
    gene = {one: symbols.get(name, name) for one, name in called.items() if name}
    genes = sorted(set(gene.values()))
    at = {name: row for row, name in enumerate(genes)}
    place = {one: at[name] for one, name in gene.items()}
    rows, columns = (
        np.array([place.get(one, -1) for one in names])[links[end].cat.codes.to_numpy()]
        for names, end in zip(ids, ("a", "b"), strict=True)
    )
    weights = links["weight"].to_numpy()
    if (weights < 0).any():
        found = f"{(weights < 0).sum():,} below 0"
        raise InputError.of_file(path, "weights that are not negative", found)
    selfish = (rows == columns) & (rows >= 0)
    for out, what in (
        (selfish, "of a gene to itself"),
        (~np.isfinite(weights), "without a weight that is a number"),
    ):
        if out.any():
            notes.append(f"{out.sum():,} link(s) {what} were left out.")
    keep = (rows >= 0) & (columns >= 0) & ~selfish & np.isfinite(weights) & (weights > 0)
    if not keep.any():
        raise InputError.of_file(path, "links between two different genes", "none")
    low, high = np.minimum(rows, columns)[keep], np.maximum(rows, columns)[keep]
    order = np.lexsort((weights[keep], high, low))
    pairs = low[order] * len(genes) + high[order]
    # The strongest of equal pairs comes last.
    last = np.flatnonzero(np.append(np.diff(pairs) > 0, True))
    low, high, kept = low[order][last], high[order][last], weights[keep][order][last]
    both = np.concatenate([low, high]), np.concatenate([high, low])
    shape = (len(genes), len(genes))
    matrix = sp.csr_array((np.concatenate([kept, kept]), both), shape=shape)
    linked = np.flatnonzero(np.diff(matrix.indptr))
    steps.append(f"{len(kept):,} links between {len(linked):,} genes.")
    return Network(np.array(genes, dtype=object)[linked], matrix[linked][:, linked], steps, notes)


def embed_network(network: Network, dimensions: int) -> np.ndarray:
    """Return coordinates of genes in which genes that are linked to the same others are near.

    Leading eigenvectors of (D + t)^-1/2 W (D + t)^-1/2, D the genes' summed weights and t their
    mean, each times the root of its eigenvalue: regularised spectral embedding (Qin & Rohe 2013),
    which does not spend its dimensions on small islands of the network as t = 0 would.

    Returns:
        Genes x at most `dimensions`; of negative eigenvalues none.
    """
    degrees = np.asarray(network.weights.sum(axis=1)).ravel()
    scale = sp.diags_array(1 / np.sqrt(degrees + degrees.mean()))
    matrix = scale @ network.weights @ scale
    count = len(degrees)
    if count > FEW and dimensions < count - 1:
        # From the same start, so that the same file gives the same numbers.
        start = np.random.default_rng(0).random(count)
        values, vectors = eigsh(matrix, dimensions, which="LA", v0=start)
    else:
        values, vectors = np.linalg.eigh(matrix.toarray())
    order = np.argsort(-values)[:dimensions]
    order = order[values[order] > count * np.finfo(float).eps]
    vectors = vectors[:, order]
    signs = np.sign(vectors[np.abs(vectors).argmax(axis=0), np.arange(len(order))])
    found = vectors * signs * np.sqrt(values[order])
    # What is left of genes on islands that no dimension describes is rounding.
    lengths = np.linalg.norm(found, axis=1)
    found[lengths <= ROUNDING * lengths.max()] = 0
    return found


def network_embedding(
    path: str | Path,
    name: str,
    names: str | Path | None = None,
    channel: str | None = None,
    dimensions: int = 128,
) -> Embedding:
    """Return the embedding of a table of links; see `read_network` and `embed_network`."""
    network = read_network(path, names, channel)
    vectors = embed_network(network, dimensions)
    method = "regularised spectral embedding (Qin & Rohe 2013)"
    known = made_of(path, "network", method, network.steps, network.notes)
    return assemble(Path(path), name, network.genes, vectors, known)
