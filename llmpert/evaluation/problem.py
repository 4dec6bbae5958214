"""A screen and embeddings cut to the genes they share, in one order."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from llmpert.embeddings.embedding import Embedding
from llmpert.embeddings.joined import JoinedInput
from llmpert.errors import InputError
from llmpert.genes import GeneTable, Resolution
from llmpert.io.hashing import fingerprint
from llmpert.screens.screen import Screen


class GeneIndex:
    """Finds a gene's row in an embedding by any of the gene's names.

    A name as the embedding spells it is taken as it is; any other is resolved to its gene, as are
    the embedding's own names, and the two meet there. So a screen's "SEPT9" finds the vector of
    "SEPTIN9", while invented symbols of a simulation match by themselves.
    """

    def __init__(self, embedding: Embedding, table: GeneTable) -> None:
        self._embedding = embedding
        self.table = table
        self._rows = {str(gene): row for row, gene in enumerate(embedding.genes)}

    @cached_property
    def _rows_by_gene(self) -> dict[str, int]:
        rows: dict[str, int] = {}
        for name, resolution in self.table.resolve_all(list(self._rows)).items():
            if resolution.gene is not None:
                symbol = resolution.gene.symbol
                # A row under the gene's current symbol wins over a row under one of its aliases.
                if symbol not in rows or name == symbol:
                    rows[symbol] = self._rows[name]
        return rows

    def find(self, name: str) -> int | str:
        """The gene's row, or a sentence that says why it has none."""
        row = self._rows.get(name)
        if row is not None:
            return row
        resolution = self.table.resolve(name)
        if resolution.gene is None:
            return resolution.explain()
        row = self._rows_by_gene.get(resolution.gene.symbol)
        if row is not None:
            return row
        return f"{name} has no {self._embedding.name} embedding"


def _identities(name: str, indices: Sequence[GeneIndex]) -> set[object]:
    """All that tells which gene a name means; two names of one gene have some in common.

    Names mean one gene if they are spelt alike, resolve to the same gene, or have the same vector
    in an embedding. An embedding can have rows under an old and a new name of a gene.
    """
    identities: set[object] = {name}
    gene = indices[0].table.resolve(name).gene
    if gene is not None:
        identities.add(gene.symbol)
    rows = enumerate(index.find(name) for index in indices)
    return identities | {(column, row) for column, row in rows if isinstance(row, int)}


@dataclass(frozen=True, eq=False)
class Problem:
    """What a model learns from: one input row and one response row a perturbation.

    Attributes
    ----------
    screen:
        The screen cut to the perturbations that have a vector in every embedding.
    embeddings:
        The whole embeddings, so that genes outside the screen can be predicted.
    rows:
        int, perturbations x embeddings: the row of each perturbation in each embedding.
    left_out:
        Perturbation of the original screen -> why it is not here.
    """

    screen: Screen
    embeddings: tuple[Embedding, ...]
    rows: np.ndarray
    left_out: Mapping[str, str]
    _indices: tuple[GeneIndex, ...] = field(repr=False)

    @classmethod
    def align(
        cls, screen: Screen, embeddings: Sequence[Embedding], table: GeneTable | None = None
    ) -> "Problem":
        """Cut `screen` to the genes that every embedding has.

        Two perturbations that name the same gene would put one gene on both sides of a split, so
        only the first is kept.

        Raises
        ------
        InputError
            No embedding, two embeddings of one name, or fewer than two genes in common.
        """
        names = [embedding.name for embedding in embeddings]
        if not names or len(set(names)) < len(names):
            raise InputError(
                f"Expected one or more embeddings with different names, found: {names or 'none'}."
            )
        table = table or GeneTable.shipped()
        indices = tuple(GeneIndex(embedding, table) for embedding in embeddings)
        left_out: dict[str, str] = {}
        kept: dict[str, tuple[int, ...]] = {}
        known: dict[object, str] = {}
        for perturbation in screen.perturbations:
            found = [index.find(perturbation) for index in indices]
            reasons = [reason for reason in found if isinstance(reason, str)]
            rows = tuple(row for row in found if isinstance(row, int))
            if reasons:
                left_out[perturbation] = "; ".join(dict.fromkeys(reasons))
                continue
            identities = _identities(perturbation, indices)
            twin = next((known[identity] for identity in identities if identity in known), None)
            if twin is not None:
                left_out[perturbation] = f"{perturbation} names the same gene as {twin}"
                continue
            kept[perturbation] = rows
            known.update(dict.fromkeys(identities, perturbation))
        if len(kept) < 2:
            raise InputError(
                f"Screen {screen.line} and the embedding(s) {', '.join(names)} share {len(kept)}"
                f" gene(s) of {len(screen.perturbations)}; at least 2 are needed. For example:"
                f" {next(iter(left_out.values()), 'the screen has a single perturbation')}."
            )
        return cls(
            screen=screen.select(perturbations=list(kept)) if left_out else screen,
            embeddings=tuple(embeddings),
            rows=np.array(list(kept.values())),
            left_out=left_out,
            _indices=indices,
        )

    @property
    def embedding_name(self) -> str:
        """The sources joined by "+", as results and figures name them."""
        return "+".join(embedding.name for embedding in self.embeddings)

    @cached_property
    def vectors(self) -> dict[str, np.ndarray]:
        """Source name -> float32, perturbations x dimensions, rows in the screen's order."""
        return {
            embedding.name: embedding.vectors[self.rows[:, column]]
            for column, embedding in enumerate(self.embeddings)
        }

    @cached_property
    def fingerprint(self) -> str:
        """16 hex digits that name the inputs: vectors, their order and their sources' names."""
        return fingerprint(self.rows, [(e.name, e.fingerprint) for e in self.embeddings])

    @property
    def simulated(self) -> bool:
        """Whether any part of it comes from a simulation."""
        return self.screen.simulated or any(e.simulated for e in self.embeddings)

    def only(self, *names: str) -> "Problem":
        """The same perturbations with some of the sources.

        Models on one source and on several are then compared on the same genes. Sources keep the
        order they have here.

        Raises
        ------
        InputError
            No source, or one that is not here.
        """
        chosen = [i for i, e in enumerate(self.embeddings) if e.name in names]
        if not chosen or len(chosen) < len(set(names)):
            raise InputError(
                f"Expected embeddings among {', '.join(e.name for e in self.embeddings)},"
                f" found {', '.join(names) or 'none'}."
            )
        return Problem(
            screen=self.screen,
            embeddings=tuple(self.embeddings[i] for i in chosen),
            rows=self.rows[:, chosen],
            left_out=self.left_out,
            _indices=tuple(self._indices[i] for i in chosen),
        )

    def inputs(self, n_components: int = 50) -> tuple[np.ndarray, JoinedInput]:
        """Model inputs of all perturbations, and the projection that made them.

        The components are fitted to the embeddings of all perturbations, test ones included; no
        response takes part (see `PrincipalComponents`).

        Returns
        -------
        float64, perturbations x components; and the fitted `JoinedInput`.
        """
        joined = JoinedInput(n_components).fit(self.vectors)
        return joined.transform(self.vectors), joined

    def find(self, gene: str) -> dict[str, np.ndarray]:
        """Vectors of one gene, in the screen or not: source name -> 1 x dimensions.

        Raises
        ------
        InputError
            The gene is unknown, ambiguous, or has no vector in one of the embeddings.
        """
        return {
            embedding.name: embedding.vectors[[row]]
            for embedding, row in zip(self.embeddings, self._rows_of(gene), strict=True)
        }

    def resolve(self, name: str) -> Resolution:
        """What the gene table takes a name to mean; invented symbols are unknown to it."""
        return self._indices[0].table.resolve(name)

    def perturbation(self, gene: str) -> str | None:
        """The perturbation that knocks down this gene, however it is spelt; None if there is none.

        Raises
        ------
        InputError
            As `find`.
        """
        self._rows_of(gene)
        return next(iter(self.perturbations_of([gene])), None)

    def perturbations_of(self, genes: Iterable[str]) -> list[str]:
        """The perturbations that knock down any of these genes, however they are spelt.

        Without them a training set knows nothing of the genes' responses.
        """
        wanted = set().union(*(_identities(gene, self._indices) for gene in genes))
        return [name for name, known in self._known_as.items() if known & wanted]

    @cached_property
    def _known_as(self) -> dict[str, set[object]]:
        return {
            str(name): _identities(str(name), self._indices) for name in self.screen.perturbations
        }

    def unseen(self) -> list[str]:
        """Genes with a vector in every embedding that no perturbation knocks down.

        As the first embedding spells them.
        """
        taken = set().union(*self._known_as.values())
        return [
            name
            for name in map(str, self.embeddings[0].genes)
            if all(isinstance(index.find(name), int) for index in self._indices)
            and not _identities(name, self._indices) & taken
        ]

    def suggest(self, text: str, limit: int = 12) -> list[str]:
        """Genes that can be predicted and match what somebody typed, best match first.

        Perturbations of the screen come first by the start of their name, then any gene by symbol,
        alias, accession or words of its name.
        """
        typed = text.strip().upper()
        found = [p for p in self.screen.perturbations if str(p).upper().startswith(typed)][:limit]
        for gene in self._indices[0].table.search(text, limit) if typed else ():
            if all(isinstance(index.find(gene.symbol), int) for index in self._indices):
                found.append(self.perturbation(gene.symbol) or gene.symbol)
        return list(dict.fromkeys(found))[:limit]

    def _rows_of(self, gene: str) -> list[int]:
        found = [index.find(gene) for index in self._indices]
        reasons = [reason for reason in found if isinstance(reason, str)]
        if reasons:
            raise InputError("; ".join(dict.fromkeys(reasons)) + ".")
        return [row for row in found if isinstance(row, int)]
