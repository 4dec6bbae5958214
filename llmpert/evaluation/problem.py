"""A screen and embeddings cut to the genes they share, in one order."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from scipy.spatial.distance import cdist

from llmpert.embeddings.elsewhere import Elsewhere
from llmpert.embeddings.embedding import Embedding
from llmpert.embeddings.joined import JoinedInput
from llmpert.embeddings.orthologs import refuse_mouse
from llmpert.errors import InputError
from llmpert.genes import GeneTable, Resolution, by_symbol
from llmpert.io.hashing import fingerprint
from llmpert.models.registry import CONTROL_CELLS
from llmpert.screens.screen import Screen

LENDERS = 5
"""Genes that lend a gene the vectors that it lacks.

On the rank-score benchmark 3 to 10 predict equally well (`benchmarks.described`).
"""


class GeneIndex:
    """Finds a gene's row in an embedding by any of the gene's names.

    A name that the embedding has is taken as it is, so that invented symbols match by themselves;
    any other meets the embedding's names at the gene that both mean, as "SEPT9" and "SEPTIN9".
    """

    def __init__(self, embedding: Embedding, table: GeneTable) -> None:
        self._embedding = embedding
        self.table = table
        self._rows = {str(gene): row for row, gene in enumerate(embedding.genes)}

    @cached_property
    def _rows_by_gene(self) -> dict[str, int]:
        names = by_symbol(self.table.symbols(self._rows))
        return {symbol: self._rows[name] for symbol, name in names.items()}

    def find(self, name: str) -> int | str:
        """Return the gene's row, or a sentence with the reason why it has none."""
        row = self._rows.get(name)
        if row is None:
            resolution = self.table.resolve(name)
            if resolution.gene is None:
                return resolution.explain()
            row = self._rows_by_gene.get(resolution.gene.symbol)
        return self._embedding.lacking(name) if row is None else row


def _rows_of(name: str, indices: Sequence[GeneIndex]) -> tuple[int, ...] | str:
    """Return the gene's row in each embedding, or why it has none in some of them."""
    found = [index.find(name) for index in indices]
    reasons = dict.fromkeys(reason for reason in found if isinstance(reason, str))
    return "; ".join(reasons) or tuple(row for row in found if isinstance(row, int))


def _identities(name: str, indices: Sequence[GeneIndex]) -> set[object]:
    """Return identifiers of the gene that a name means; two names of one gene share one.

    Its spelling, its gene, and its row in each embedding, which can have rows under an old and a
    new name of one gene.
    """
    gene = indices[0].table.resolve(name).gene
    rows = enumerate(index.find(name) for index in indices)
    found = {(column, row) for column, row in rows if isinstance(row, int)}
    return {name, *found} | ({gene.symbol} if gene else set())


@dataclass(frozen=True, eq=False)
class GeneVectors:
    """Genes by any of their names, their vectors, and which of them were knocked down.

    Attributes:
        perturbations: Names of those that were.
        embeddings: Sources of vectors, one or more.
    """

    perturbations: np.ndarray
    embeddings: tuple[Embedding, ...]
    _indices: tuple[GeneIndex, ...] = field(repr=False)

    @classmethod
    def of(
        cls,
        perturbations: np.ndarray,
        embeddings: Sequence[Embedding],
        table: GeneTable | None = None,
    ) -> "GeneVectors":
        """Find genes in these embeddings, and their names in `table`, by default the shipped one.

        Raises:
            InputError: No embedding, or two embeddings of one name.
        """
        names = [embedding.name for embedding in embeddings]
        if not names or len(set(names)) < len(names):
            raise InputError(
                f"Expected one or more embeddings with different names, found: {names or 'none'}."
            )
        table = table or GeneTable.shipped()
        indices = tuple(GeneIndex(embedding, table) for embedding in embeddings)
        return GeneVectors(perturbations, tuple(embeddings), indices)

    @property
    def embedding_name(self) -> str:
        """The sources joined by "+", as results and figures name them."""
        return "+".join(embedding.name for embedding in self.embeddings)

    @property
    def simulated(self) -> bool:
        """Whether any embedding comes from a simulation."""
        return any(embedding.simulated for embedding in self.embeddings)

    def find(self, gene: str) -> dict[str, np.ndarray]:
        """Return source name -> vector (1 x dimensions) of a gene, or raise `InputError`."""
        return self.find_all([gene])

    def find_all(self, genes: Iterable[str]) -> dict[str, np.ndarray]:
        """Return source name -> vectors (genes x dimensions); raise as `find`."""
        found = [_rows_of(gene, self._indices) for gene in genes]
        for rows in found:
            if isinstance(rows, str):
                raise InputError(f"{rows}.")
        columns = zip(self.embeddings, np.array(found).T, strict=True)
        return {embedding.name: embedding.vectors[rows] for embedding, rows in columns}

    def completed(
        self, vectors: Mapping[str, np.ndarray], lenders: int = LENDERS
    ) -> dict[str, np.ndarray]:
        """Return vectors in every embedding for genes that lack one in some, several a gene.

        The genes with the most similar vectors (mean cosine) in the sources that are given lend
        theirs in the others, the most similar first. Fewer do where there are fewer.

        Args:
            vectors: Source name -> a row a gene, in one or more of the embeddings.
            lenders: How many genes lend.

        Returns:
            Source name -> rows of the first gene with each of its lenders, then of the second, …
        """
        known = {
            embedding.name: embedding.vectors[self._complete[:, column]]
            for column, embedding in enumerate(self.embeddings)
        }
        # A vector of zeros is at no distance, and comes last.
        apart = sum(cdist(rows, known[name], "cosine") for name, rows in vectors.items())
        nearest = np.argsort(apart, axis=1, kind="stable")[:, :lenders]
        given = {name: np.repeat(rows, nearest.shape[1], axis=0) for name, rows in vectors.items()}
        return {name: rows[nearest.ravel()] for name, rows in known.items()} | given

    @cached_property
    def _complete(self) -> np.ndarray:
        """Rows of the genes with a vector in every embedding, genes x embeddings."""
        found = (_rows_of(str(gene), self._indices) for gene in self.embeddings[0].genes)
        return np.array([rows for rows in found if isinstance(rows, tuple)])

    def resolve(self, name: str) -> Resolution:
        """Return what the gene table takes a name to mean; invented symbols are unknown to it."""
        return self._indices[0].table.resolve(name)

    def perturbation(self, gene: str) -> str | None:
        """Return the perturbation of this gene, however spelt, or None; raise as `find`."""
        self.find(gene)
        return next(iter(self.perturbations_of([gene])), None)

    def perturbations_of(self, genes: Iterable[str]) -> list[str]:
        """Return the perturbations that knock down any of these genes, however they are spelt."""
        wanted = set().union(*(_identities(gene, self._indices) for gene in genes))
        return [name for name, known in self._known_as.items() if known & wanted]

    @cached_property
    def _known_as(self) -> dict[str, set[object]]:
        names = map(str, self.perturbations)
        return {name: _identities(name, self._indices) for name in names}

    def unseen(self) -> list[str]:
        """Return genes with a vector in every embedding that no perturbation knocks down."""
        taken = set().union(*self._known_as.values())
        return [
            name
            for name in map(str, self.embeddings[0].genes)
            if isinstance(_rows_of(name, self._indices), tuple)
            and not _identities(name, self._indices) & taken
        ]

    def suggest(self, text: str, limit: int = 12) -> list[str]:
        """Return genes that can be predicted and match a typed text, best match first.

        Perturbations come first, by the start of their name, then any gene by symbol, alias,
        accession or words of its name.
        """
        typed = text.strip().upper()
        found = [p for p in self.perturbations if str(p).upper().startswith(typed)][:limit]
        for gene in self._indices[0].table.search(text, limit) if typed else ():
            if isinstance(_rows_of(gene.symbol, self._indices), tuple):
                found.append(self.perturbation(gene.symbol) or gene.symbol)
        return list(dict.fromkeys(found))[:limit]


@dataclass(frozen=True, eq=False)
class Problem(GeneVectors):
    """What a model learns from: one input row and one response row a perturbation.

    Embeddings are whole, so that genes outside the screen can be predicted.

    Attributes:
        screen: Cut to the perturbations that have a vector in every embedding.
        rows: int, perturbations x embeddings: the row of each perturbation in each embedding.
        left_out: Perturbation of the original screen -> why it is not here.
    """

    screen: Screen
    rows: np.ndarray
    left_out: Mapping[str, str]

    @classmethod
    def align(
        cls, screen: Screen, embeddings: Sequence[Embedding], table: GeneTable | None = None
    ) -> "Problem":
        """Cut `screen` to the genes that every embedding has.

        Of perturbations that name the same gene only the first is kept: one gene would stand on
        both sides of a split.

        Raises:
            InputError: No embedding, two embeddings of one name, fewer than two genes in common, or
                (without a `table` of one's own) mouse genes and an embedding of human ones.
        """
        if table is None:
            for embedding in embeddings:
                refuse_mouse(embedding, f"Screen {screen.line}", screen.perturbations)
        known = GeneVectors.of(screen.perturbations, embeddings, table)
        indices = known._indices
        left_out: dict[str, str] = {}
        kept: dict[str, tuple[int, ...]] = {}
        taken: dict[object, str] = {}
        for perturbation in screen.perturbations:
            rows = _rows_of(perturbation, indices)
            if isinstance(rows, str):
                left_out[perturbation] = rows
                continue
            identities = _identities(perturbation, indices)
            twin = next((taken[identity] for identity in identities if identity in taken), None)
            if twin is not None:
                left_out[perturbation] = f"{perturbation} names the same gene as {twin}"
                continue
            kept[perturbation] = rows
            taken.update(dict.fromkeys(identities, perturbation))
        if len(kept) < 2:
            raise InputError(
                f"Screen {screen.line} and the embedding(s)"
                f" {', '.join(one.name for one in embeddings)} share {len(kept)} gene(s) of"
                f" {len(screen.perturbations)}; at least 2 are needed. For example:"
                f" {next(iter(left_out.values()), 'the screen has a single perturbation')}."
            )
        screen = screen.select(perturbations=list(kept)) if left_out else screen
        return cls(
            perturbations=screen.perturbations,
            embeddings=tuple(embeddings),
            screen=screen,
            rows=np.array(list(kept.values())),
            left_out=left_out,
            _indices=indices,
        )

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
        return self.screen.simulated or super().simulated

    def only(self, *names: str) -> "Problem":
        """Return the same perturbations with some sources; raise `InputError` for others."""
        chosen = [i for i, e in enumerate(self.embeddings) if e.name in names]
        if not chosen or len(chosen) < len(set(names)):
            raise InputError(
                f"Expected embeddings among {', '.join(e.name for e in self.embeddings)},"
                f" found {', '.join(names) or 'none'}."
            )
        return Problem(
            perturbations=self.perturbations,
            screen=self.screen,
            embeddings=tuple(self.embeddings[i] for i in chosen),
            rows=self.rows[:, chosen],
            left_out=self.left_out,
            _indices=tuple(self._indices[i] for i in chosen),
        )

    def joined(self, sources: Sequence[Embedding]) -> "Problem":
        """Return the same perturbations with further sources, which have a row for each in turn."""
        every = np.arange(len(self.perturbations))[:, None].repeat(len(sources), axis=1)
        table = self._indices[0].table
        return replace(
            self,
            embeddings=(*self.embeddings, *sources),
            rows=np.hstack([self.rows, every]),
            _indices=(*self._indices, *(GeneIndex(source, table) for source in sources)),
        )

    def copied(self, of: str) -> Elsewhere | None:
        """Return what models copy (`ModelSpec.copies`), None where it is not known.

        That of another line is the only source of its kind.
        """
        if of == CONTROL_CELLS:
            return self._control_cells
        found = [one for one in self.embeddings if isinstance(one, Elsewhere)]
        return found[0] if len(found) == 1 else None

    @cached_property
    def _control_cells(self) -> Elsewhere | None:
        return Elsewhere.control_cells(self.screen)

    def inputs(self, n_components: int = 50) -> tuple[np.ndarray, JoinedInput]:
        """Return model inputs, float64, perturbations x components, and the projection behind them.

        The components are fitted to the embeddings of all perturbations, test ones included; no
        response takes part (see `PrincipalComponents`).
        """
        joined = JoinedInput(n_components).fit(self.vectors)
        return joined.transform(self.vectors), joined
