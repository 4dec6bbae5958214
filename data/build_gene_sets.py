"""Build the gene sets of human genes that come with llmpert.

Run from the repository's root, with Debian's or Ubuntu's apt and dpkg at hand; it takes a minute:

    python -m data.build_gene_sets                                # fetches the packages
    python -m data.build_gene_sets --genes-deb FILE --go-deb FILE # packages already downloaded

A set is a term of the Gene Ontology with the protein-coding genes of `genes.tsv.gz` that are
annotated with it or with a term below it, if these are 5 to 500. It writes

- `gene_sets_complex.gmt.gz`: kinds of "protein-containing complex", by GO's relation "is a";
- `gene_sets_component.gmt.gz`: the other cellular components;
- `gene_sets_process.gmt.gz`, `gene_sets_function.gmt.gz`: processes and functions;
- `gene_sets.provenance.json`: where they are from, and what was left out.

The same packages give the same bytes. Annotations by high-throughput experiments are left out
(`data.ontology`), so that what a screen shows is not explained by what screens have shown.
"""

import argparse
import json
from collections.abc import Collection, Mapping, Sequence
from contextlib import closing
from pathlib import Path

import pandas as pd

from data import ontology
from data.build_gene_table import write_packed
from llmpert.io.atomic import atomic_path

SMALLEST, LARGEST = 5, 500
COMPLEX = "GO:0032991"
"""Protein-containing complex."""

KINDS_OF = """
WITH RECURSIVE kinds (_id) AS (
    SELECT _id FROM go_term WHERE go_id = ?
    UNION SELECT parents._id FROM go_cc_parents AS parents
        JOIN kinds ON parents._parent_id = kinds._id WHERE relationship_type = 'isa'
)
SELECT go_id FROM go_term JOIN kinds USING (_id)
"""


def complexes(go: Path) -> set[str]:
    """Return the identifiers of all kinds of protein-containing complex, itself among them."""
    with closing(ontology.opened(go)) as terms:
        return {term for (term,) in terms.execute(KINDS_OF, [COMPLEX])}


def gene_sets(found: pd.DataFrame, complexes: Collection[str]) -> dict[str, str]:
    """Return collection -> its sets in GMT: the term, its identifier, its genes; all sorted.

    Args:
        found: As `ontology.annotations` returns them.
        complexes: Terms that are a collection of their own.
    """
    collection = found["aspect"].mask(found["term"].isin(complexes), "complex")
    lines: dict[str, list[str]] = {}
    for (kind, label, term), genes in found.groupby([collection, "label", "term"])["symbol"]:
        members = sorted(set(genes))
        if SMALLEST <= len(members) <= LARGEST:
            lines.setdefault(kind, []).append("\t".join([label, term, *members]) + "\n")
    return {kind: "".join(each) for kind, each in lines.items()}


def write(collections: Mapping[str, str], source: Mapping[str, object], folder: Path) -> None:
    """Write a file a collection into `folder`, and where they are from."""
    for kind, text in collections.items():
        write_packed(folder / f"gene_sets_{kind}.gmt.gz", text.encode())
    about = {**source, "sets": {kind: text.count("\n") for kind, text in collections.items()}}
    with atomic_path(folder / "gene_sets.provenance.json") as temporary:
        temporary.write_text(json.dumps(about, indent=2, ensure_ascii=False) + "\n", "utf-8")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description="Build the gene sets of human genes.")
    options = ontology.parse(parser, arguments)
    with ontology.packages(options) as (org, go, source):
        found, told_apart = ontology.annotations(org, go), complexes(go)
    kept = ontology.without(found, ontology.LEFT_OUT)
    source |= {"made_by": "data/build_gene_sets.py"}
    write(gene_sets(kept, told_apart), source, options.into)


if __name__ == "__main__":
    main()
