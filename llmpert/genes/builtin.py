"""The built-in gene sets of human genes; `data/build_gene_sets.py` makes them."""

import json
from collections.abc import Iterable
from functools import lru_cache

from llmpert.genes.sets import GeneSets
from llmpert.genes.table import GeneTable
from llmpert.io.paths import shipped

BUILT_IN_SETS = {
    "GO complexes": "complex",
    "GO processes": "process",
    "GO components": "component",
    "GO functions": "function",
}
"""Collection -> its file: terms of the Gene Ontology; components that are complexes stand apart."""


@lru_cache(maxsize=len(BUILT_IN_SETS))
def built_in_sets(name: str) -> GeneSets:
    """Return the collection of this name, one of `BUILT_IN_SETS`."""
    about = json.loads((shipped() / "gene_sets.provenance.json").read_text("utf-8"))
    source = f"Gene Ontology of {about['dates']['ontology']}, comes with llmpert"
    read = GeneSets.read(shipped() / f"gene_sets_{BUILT_IN_SETS[name]}.gmt.gz")
    return GeneSets(name, source, read.members)


def are_human(names: Iterable[str]) -> bool:
    """Return whether these are names of human genes: at least half are in the gene table."""
    distinct = set(names)
    return 2 * len(GeneTable.shipped().symbols(distinct)) >= max(1, len(distinct))
