"""The built-in gene sets of human genes; `data/build_gene_sets.py` makes them."""

import gzip
import json
import sys
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
    path = shipped() / f"gene_sets_{BUILT_IN_SETS[name]}.gmt.gz"
    # As it was written: `GeneSets.read` would look at half a million genes for what is odd.
    with gzip.open(path, "rt", encoding="utf-8") as file:
        lines = [line.rstrip("\n").split("\t") for line in file]
    members = {label: frozenset(map(sys.intern, genes)) for label, _, *genes in lines}
    return GeneSets(name, source, members)


def are_human(names: Iterable[str]) -> bool:
    """Return whether these are names of human genes: at least half are in the gene table."""
    distinct = set(names)
    return 2 * len(GeneTable.shipped().symbols(distinct)) >= max(1, len(distinct))
