"""An embedding: one vector a gene, from one source."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from llmpert.errors import InputError
from llmpert.io.hashing import fingerprint, frozen
from llmpert.io.names import check_names, positions


@dataclass(frozen=True, eq=False)
class Embedding:
    """What one source knows about genes: a vector a gene.

    Attributes:
        name: What figures and explanations call this source: "text", "sequence", …
        genes: Names as the source spells them (symbols), each unique.
        vectors: float32, genes x dimensions, finite, read-only.
        provenance: Source, model, version, licence, notes on what was left out, `simulated` and
            `stand_in` (bool). JSON values only. `identity`, where present, stands for the content
            in `fingerprint`, as in `Screen`.
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

    @property
    def simulated(self) -> bool:
        """Whether the vectors come from a simulation."""
        return bool(self.provenance.get("simulated", False))

    @cached_property
    def fingerprint(self) -> str:
        """16 hex digits that name this content (not its display name)."""
        identity = self.provenance.get("identity")
        content = (self.genes, self.vectors) if identity is None else (identity,)
        return fingerprint(*content)

    def rows(self, genes: Sequence[str]) -> np.ndarray:
        """Vectors of these genes, len(genes) x dimensions.

        Raises:
            InputError: A gene has no vector.
        """
        lacking = f"Embedding {self.name} has no vector for"
        return self.vectors[positions(self.genes, genes, lacking)]
