"""An embedding of human genes for a screen of mouse genes: vectors through orthologs."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from llmpert.embeddings.embedding import Embedding
from llmpert.errors import InputError
from llmpert.genes import GeneTable
from llmpert.genes.orthologs import Orthologs, look_like_mouse
from llmpert.io.names import preview


def lacks_mouse(embedding: Embedding, names: Sequence[str] | np.ndarray) -> bool:
    """Return whether these names look like mouse symbols and the embedding has few so spelt."""
    missing = set(names).difference(embedding.genes)
    return 2 * len(missing) > len(names) and look_like_mouse(names)


def refuse_mouse(embedding: Embedding, screen: str, names: np.ndarray) -> None:
    """Raise an InputError where an embedding has human genes and names look like mouse symbols."""
    if lacks_mouse(embedding, names):
        raise InputError(
            f"{screen}: these look like mouse symbols ({preview(names, 3)}), and"
            f" {embedding.name} has human ones. Give their orthologs (--orthologs FILE, or on the"
            " Data page): a table of two columns, mouse and human symbol. Human symbols are written"
            " in capitals."
        )


def through_orthologs(
    embedding: Embedding, orthologs: Orthologs, table: GeneTable | None = None
) -> Embedding:
    """Return the embedding of mouse genes: each has the vector of its human ortholog.

    A note says how many there are, and how many of the file's are left out.

    Raises:
        InputError: The embedding has none of the human genes.
    """
    table = table or GeneTable.shipped()
    spelt = table.spelt_as(orthologs.human.values(), embedding.genes)
    genes = {mouse: spelt[human] for mouse, human in orthologs.human.items() if human in spelt}
    if not genes:
        expected = f"human genes that {embedding.name} has ({preview(embedding.genes)})"
        found = preview(list(orthologs.human.values())) or "no gene with one ortholog"
        raise InputError.of_file(orthologs.source, expected, found)
    note = f"{len(genes):,} mouse genes have the vectors of human orthologs ({orthologs.source})."
    if missing := len(orthologs.human) - len(genes):
        note += f" {missing:,} orthologs have none."
    if left_out := orthologs.left_out:
        note += (
            f" {len(left_out):,} mouse genes are left out, as they have or share several orthologs:"
            f" {preview(left_out)}."
        )
    # "identity" would stand for the content as it was.
    known = {key: value for key, value in embedding.provenance.items() if key != "identity"}
    return replace(
        embedding,
        genes=np.array(list(genes), dtype=object),
        vectors=embedding.rows(list(genes.values())),
        provenance={
            **known,
            "orthologs": orthologs.source,
            "notes": [*known.get("notes", ()), note],
        },
    )
