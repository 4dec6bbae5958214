"""From the rows of a file to an embedding: what is left out is noted, never filled in."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from llmpert.embeddings.embedding import Embedding
from llmpert.errors import InputError
from llmpert.io.names import is_plain, preview


def assemble(
    path: Path,
    name: str,
    genes: Sequence[str] | np.ndarray,
    vectors: np.ndarray,
    provenance: Mapping[str, Any],
) -> Embedding:
    """Build the embedding of a file's usable rows.

    Blanks around names are removed. Left out, with a note in `provenance["notes"]`, are rows
    without a readable name (`llmpert.io.names`), with missing or infinite numbers, and of zeros
    only, which is how GenePT writes that there is no text. A gene repeated with the same vector
    counts once.

    Args:
        vectors: Rows x dimensions, numbers of any type; numbers beyond float32 count as infinite.
        provenance: What is known of the source; the file's name is added, and `simulated` and
            `stand_in` where they are not given.

    Raises:
        InputError: No row is usable, or a gene occurs twice with different vectors.
    """
    names = np.array([str(gene).strip() for gene in genes], dtype=object)
    with np.errstate(over="ignore"):
        vectors = np.asarray(vectors).astype(np.float32, copy=False)

    unnamed = np.array([not is_plain(name) for name in names], dtype=bool)
    unknown = ~np.isfinite(vectors).all(axis=1)
    empty = ~vectors.any(axis=1)
    notes = list(provenance.get("notes", ()))
    if unnamed.any():
        notes.append(f"{unnamed.sum():,} row(s) without a readable name were left out.")
    keep = ~unnamed
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
    return Embedding(
        name=name,
        genes=names[keep],
        vectors=vectors if keep.all() else vectors[keep],
        provenance={
            "file": path.name, "simulated": False, "stand_in": False, **provenance, "notes": notes,
        },
    )  # fmt: skip


def _repeats(path: Path, names: np.ndarray, vectors: np.ndarray, usable: np.ndarray) -> np.ndarray:
    """Which usable rows say again what an earlier one said."""
    rows = np.flatnonzero(usable)
    first = pd.Series(rows, index=names[rows]).groupby(level=0, sort=False).transform("first")
    again = rows != first.to_numpy()
    differ = {
        names[row]: None
        for row, earlier in zip(rows[again], first.to_numpy()[again], strict=True)
        if not np.array_equal(vectors[row], vectors[earlier])
    }
    if differ:
        raise InputError.of_file(
            path,
            "one vector a gene",
            f"several different ones for {preview(list(differ))}",
        )
    repeats = np.zeros(len(names), dtype=bool)
    repeats[rows[again]] = True
    return repeats
