"""An embedding, one vector a gene from one source; and how the rows of a file become one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from llmpert.errors import InputError
from llmpert.genes import GeneTable
from llmpert.genes.matching import named_as
from llmpert.genes.numbers import as_entrez_ids
from llmpert.io.hashing import HasProvenance, frozen
from llmpert.io.names import check_names, is_plain, positions, preview


@dataclass(frozen=True, eq=False)
class Embedding(HasProvenance):
    """What one source knows about genes: a vector a gene.

    Attributes:
        name: What figures and explanations call this source: "text", "sequence", …
        genes: Names as the source spells them (symbols), each unique.
        vectors: float32, genes x dimensions, finite, read-only.
        provenance: As in `HasProvenance`: source, model, version, licence, notes on what was left
            out, and `stand_in` (bool).
    """

    name: str
    genes: np.ndarray
    vectors: np.ndarray
    provenance: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        source, vectors = f"Embedding {self.name}", frozen(self.vectors)
        genes = np.array([str(g) for g in self.genes], dtype=object)
        if vectors.ndim != 2 or vectors.shape[0] != len(genes) or not vectors.size:
            expected = f"one vector for each of {len(genes)} genes"
            raise InputError.of_file(source, expected, f"an array of shape {vectors.shape}")
        check_names(source, "embedding", [self.name])
        check_names(source, "gene", genes, unique=True)
        bad = genes[~np.isfinite(vectors).all(axis=1)]
        if len(bad):
            found = f"missing or infinite values for {len(bad)} gene(s), such as {bad[0]}"
            raise InputError.of_file(source, "finite numbers", found)
        genes.setflags(write=False)
        object.__setattr__(self, "vectors", vectors)
        object.__setattr__(self, "genes", genes)

    @property
    def dimensions(self) -> int:
        """Length of each gene's vector."""
        return self.vectors.shape[1]

    def _content(self) -> tuple[object, ...]:
        # Whatever it is called.
        return self.genes, self.vectors

    def lacking(self, gene: str) -> str:
        """Return why a gene has no vector here."""
        return f"{gene} has no {self.name} embedding"

    def rows(self, genes: Sequence[str]) -> np.ndarray:
        """Vectors of these genes, len(genes) x dimensions; an InputError of those without one."""
        lacking = f"Embedding {self.name} has no vector for"
        return self.vectors[positions(self.genes, genes, lacking)]


def stand_in(whose: str, warning: str) -> dict[str, Any]:
    """Return the provenance of a file in a published format with vectors of another origin."""
    return {"source": f"a file in {whose}'s format", "stand_in": True, "notes": [warning]}


def assemble(
    path: Path,
    name: str,
    genes: Sequence[str] | np.ndarray,
    vectors: np.ndarray,
    provenance: Mapping[str, Any],
    header: str = "",
) -> Embedding:
    """Build the embedding of a file's usable rows, and tell what its names are.

    Blanks around names are removed. Left out, with a note in `provenance["notes"]`, are rows
    without a readable name (`llmpert.io.names`), with missing or infinite numbers (or such beyond
    float32), and of zeros only, which is how GenePT writes that there is no text. A gene repeated
    with the same vector counts once.

    Args:
        vectors: Rows x dimensions, numbers of any type.
        provenance: What is known of the source; the file's name is added, and `simulated` and
            `stand_in` where they are not given.
        header: What the file calls the names.

    Raises:
        InputError: No row is usable, a gene occurs twice with different vectors, or names are
            numbers that are no Entrez ids.
    """
    names = np.array([str(gene).strip() for gene in genes], dtype=object)
    with np.errstate(over="ignore"):
        vectors = np.asarray(vectors).astype(np.float32, copy=False)
    keep = np.array([is_plain(name) for name in names], dtype=bool)
    unknown = ~np.isfinite(vectors).all(axis=1)
    empty = ~vectors.any(axis=1)
    notes = list(provenance.get("notes", ()))
    if not keep.all():
        notes.append(f"{(~keep).sum():,} row(s) without a readable name were left out.")
    for rows, what in (
        (unknown, "with missing or infinite numbers"),
        (empty, "with nothing but zeros"),
        (_repeats(path, names, vectors, keep & ~unknown & ~empty), "that were there already"),
    ):
        out = names[rows & keep]
        if len(out):
            notes.append(f"{len(out):,} gene(s) {what} were left out: {preview(out)}.")
        keep = keep & ~rows
    if not keep.any() or not vectors.shape[1]:
        found = " ".join(notes).rstrip(".") or f"a table of {len(names)} x {vectors.shape[1]}"
        raise InputError.of_file(path, "a vector of numbers for one gene or more", found)
    names, vectors = names[keep], vectors if keep.all() else vectors[keep]
    steps = list(provenance.get("steps", ()))
    if said := as_entrez_ids(path, "gene", list(names), header):
        names = np.array([gene.removesuffix(".0") for gene in names], dtype=object)
        steps.append(said)
    steps.append(named_as(names))
    if repeated := _same_genes(names):
        notes.append(f"{len(repeated):,} gene(s) have several names: {preview(repeated)}.")
    marks = {"file": path.name, "simulated": False, "stand_in": False}
    return Embedding(name, names, vectors, {**marks, **provenance, "steps": steps, "notes": notes})


def made_of(
    path: str | Path, kind: str, method: str, steps: Sequence[str], notes: Sequence[str]
) -> dict[str, Any]:
    """Return the provenance of vectors that a method made of a file of some kind."""
    source = f"{kind} {Path(path).name}"
    return {"source": source, "model": method, "steps": [*steps], "notes": [*notes]}


def _same_genes(names: np.ndarray) -> list[str]:
    """Return genes that several names mean, with these: "SEPT9 = SEPTIN9"."""
    by_gene: dict[str, list[str]] = {}
    for name, symbol in GeneTable.shipped().symbols(names).items():
        by_gene.setdefault(symbol, []).append(name)
    return [" = ".join(several) for several in by_gene.values() if len(several) > 1]


def _repeats(path: Path, names: np.ndarray, vectors: np.ndarray, usable: np.ndarray) -> np.ndarray:
    """Return a mask of usable rows that repeat an earlier one."""
    rows = np.flatnonzero(usable)
    first = np.arange(len(names))
    first[rows] = pd.Series(rows, index=names[rows]).groupby(level=0).transform("first")
    again = np.flatnonzero(first != np.arange(len(names)))
    differ = [names[row] for row in again if not np.array_equal(vectors[row], vectors[first[row]])]
    if differ:
        found = f"several different ones for {preview(list(dict.fromkeys(differ)))}"
        raise InputError.of_file(path, "one vector a gene", found)
    return first != np.arange(len(names))
