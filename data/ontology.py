"""What the Gene Ontology says of human genes, for the scripts that build from it.

Read from Debian's packages of NCBI's gene annotation (Bioconductor's org.Hs.eg.db) and of GO's
terms (GO.db). Annotations by high-throughput experiments are to be left out (`HIGH_THROUGHPUT`):
they include screens that knock genes down, as those do that llmpert predicts.
"""

import argparse
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pandas as pd

from data import build_gene_table
from data.debian import unpacked
from llmpert.errors import InputError
from llmpert.genes import GeneTable
from llmpert.io.paths import shipped

PACKAGE = "r-bioc-go.db"
SQLITE = "usr/lib/R/site-library/GO.db/extdata/GO.sqlite"
ASPECTS = {"bp": "process", "cc": "component", "mf": "function"}

NOTHING_KNOWN = ("ND",)
HIGH_THROUGHPUT = ("HTP", "HDA", "HMP", "HGI", "HEP")
LEFT_OUT = (*NOTHING_KNOWN, *HIGH_THROUGHPUT)
MUTANTS = ("IMP", "IGI", "IEP")
"""Of what a gene's loss does in experiments of small scale, and of its expression."""

CHANGES = (
    "Annotations by high-throughput experiments (evidence codes"
    f" {', '.join(HIGH_THROUGHPUT)}) are left out: they include screens of knockdowns, as those"
    " that are predicted. ND (nothing known) is left out, too."
)


def parse(parser: argparse.ArgumentParser, arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line of a script that builds from the packages."""
    parser.add_argument("--genes-deb", type=Path, help=f"{build_gene_table.PACKAGE}'s .deb file")
    parser.add_argument("--go-deb", type=Path, help=f"{PACKAGE}'s .deb file")
    parser.add_argument("--into", type=Path, default=shipped(), help="folder (default: data/)")
    return parser.parse_args(arguments)


@contextmanager
def packages(options: argparse.Namespace) -> Iterator[tuple[Path, Path, dict[str, object]]]:
    """Yield the SQLite files of the genes and of GO, and where what is made of them comes from."""
    with ExitStack() as stack:
        try:
            genes, genes_version = stack.enter_context(
                unpacked(build_gene_table.PACKAGE, options.genes_deb)
            )
            go, go_version = stack.enter_context(unpacked(PACKAGE, options.go_deb))
        except InputError as error:
            raise SystemExit(str(error)) from None
        org = genes / build_gene_table.SQLITE
        yield (
            org,
            go / SQLITE,
            {
                "source": "Gene Ontology annotation of human genes, as in Debian's packages"
                f" {build_gene_table.PACKAGE} {genes_version} and {PACKAGE} {go_version}",
                "url": "https://geneontology.org",
                "dates": dates(org),
                "licence": "CC BY 4.0",
                "changes": CHANGES,
            },
        )


def coding_genes(genes: Path) -> pd.Series:
    """Return the names of the protein-coding genes of llmpert's table, by symbol."""
    with closing(opened(genes)) as base:
        coding = {
            symbol
            for (symbol,) in base.execute(
                "SELECT symbol FROM gene_info JOIN genetype USING (_id)"
                " WHERE gene_type = 'protein-coding'"
            )
        }
    return pd.Series(
        {gene.symbol: gene.name for gene in GeneTable.shipped() if gene.symbol in coding}
    )


def annotations(genes: Path, go: Path) -> pd.DataFrame:
    """Return what GO says of the protein-coding genes of llmpert's table.

    Args:
        genes, go: The packages' SQLite files.

    Returns:
        A row an annotation, terms above the annotated one included: symbol, aspect (a value of
        `ASPECTS`), term (its identifier), label, evidence, direct (False for terms above).
    """
    parts = []
    with closing(opened(genes)) as base, closing(opened(go)) as terms:
        for table, aspect in ASPECTS.items():
            part = pd.read_sql(
                "SELECT symbol, go_id AS term, evidence, EXISTS (SELECT 1 FROM"
                f" go_{table} AS own WHERE own._id = every._id AND own.go_id = every.go_id"
                f" AND own.evidence = every.evidence) AS direct FROM go_{table}_all AS every"
                " JOIN gene_info USING (_id)",
                base,
            )
            parts.append(part.assign(aspect=aspect, direct=part["direct"] == 1))
        labels = dict(terms.execute("SELECT go_id, term FROM go_term"))
    found = pd.concat(parts, ignore_index=True)
    found["label"] = found["term"].map(labels)
    return found[
        found["symbol"].isin(coding_genes(genes).index) & found["label"].notna()
    ].reset_index(drop=True)


def opened(path: Path) -> sqlite3.Connection:
    """Open a package's SQLite file to read it."""
    # Immutable: SQLite then neither locks nor writes beside a file that may be read-only.
    return sqlite3.connect(f"{path.resolve().as_uri()}?immutable=1", uri=True)


def dates(genes: Path) -> dict[str, str]:
    """Return the dates of the annotation and of GO."""
    with closing(opened(genes)) as base:
        found = dict(base.execute("SELECT name, value FROM metadata"))
    return {"annotation": found["GOEGSOURCEDATE"], "ontology": found["GOSOURCEDATE"]}


def without(found: pd.DataFrame, evidence: Iterable[str]) -> pd.DataFrame:
    """Leave annotations with these evidence codes out."""
    return found[~found["evidence"].isin(list(evidence))]
