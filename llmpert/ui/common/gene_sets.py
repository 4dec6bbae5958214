"""The choice of gene sets that pages colour and test by."""

from typing import Literal

from llmpert.datasets import Dataset
from llmpert.genes.sets import GeneSets
from llmpert.ui.common import cache
from llmpert.ui.common.selection import choose


def choose_sets(
    data: Dataset, line: str, of: Literal["perturbations", "genes"], favoured: str = ""
) -> GeneSets | None:
    """Return a collection of gene sets among a screen's perturbations or measured genes.

    Shows a control where there are several: the data set's own come first, otherwise the favoured
    one. None where no collection is of such genes.
    """
    names = cache.collections(data, line, of)
    if not names:
        return None
    first = favoured if favoured in names and data.gene_sets is None else names[0]
    if len(names) > 1:
        about = "GO: terms of the Gene Ontology with 5 to 500 human genes, which come with llmpert."
        first = choose("Gene sets", "collection", names, about, first)
    return cache.gene_sets(data, line, of, first)
