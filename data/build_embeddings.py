"""Build the embeddings of human genes that come with llmpert.

Run from the repository's root, with Debian's or Ubuntu's apt and dpkg at hand; it takes about a
quarter of an hour on two cores:

    pip install -r requirements-text.txt
    python -m data.build_embeddings                                # fetches the packages
    python -m data.build_embeddings --genes-deb FILE --go-deb FILE # packages already downloaded

It writes

- `embedding_GO.parquet`: what the Gene Ontology says of a gene, as latent semantic analysis
  (Deerwester et al. 1990) of its terms and all terms above them;
- `embedding_description.parquet`: the gene's name and its most specific terms as one text, through
  a sentence model (`llmpert.embeddings.sentences`).

They are of the protein-coding genes of `genes.tsv.gz`, and of the packages of NCBI's gene
annotation (Bioconductor's org.Hs.eg.db) and of GO's terms (GO.db). The same packages give the same
numbers, up to rounding by other processors.

Annotations by high-throughput experiments are left out (`HIGH_THROUGHPUT`): they include screens
that knock genes down, as those do that llmpert predicts. `benchmarks/hindsight.py` shows what the
rest may owe to such experiments.
"""

import argparse
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.decomposition import TruncatedSVD
from sklearn.preprocessing import normalize

from data import build_gene_table
from data.debian import unpacked
from llmpert.embeddings import Embedding, sentences
from llmpert.embeddings.stored import save_embedding
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

GO_DIMENSIONS, TEXT_DIMENSIONS = 192, 160

TERMS = 6
"""Of each aspect, that a text names at most: the most specific ones first."""
OPENING = pd.Series({"component": "Found in ", "function": "Acts as ", "process": "Takes part in "})
UNTOLD = ("GO:0005515",)
"""Protein binding: it is said of most genes."""

CHANGES = (
    "Annotations by high-throughput experiments (evidence codes"
    f" {', '.join(HIGH_THROUGHPUT)}) are left out: they include screens of knockdowns, as those"
    " that are predicted. ND (nothing known) is left out, too."
)


def coding_genes(genes: Path) -> pd.Series:
    """Return the names of the protein-coding genes of llmpert's table, by symbol."""
    with closing(_opened(genes)) as base:
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
    with closing(_opened(genes)) as base, closing(_opened(go)) as terms:
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


def _opened(path: Path) -> sqlite3.Connection:
    # Immutable: SQLite then neither locks nor writes beside a file that may be read-only.
    return sqlite3.connect(f"{path.resolve().as_uri()}?immutable=1", uri=True)


def dates(genes: Path) -> dict[str, str]:
    """Return the dates of the annotation and of GO."""
    with closing(_opened(genes)) as base:
        found = dict(base.execute("SELECT name, value FROM metadata"))
    return {"annotation": found["GOEGSOURCEDATE"], "ontology": found["GOSOURCEDATE"]}


def without(found: pd.DataFrame, evidence: Iterable[str]) -> pd.DataFrame:
    """Leave annotations with these evidence codes out."""
    return found[~found["evidence"].isin(list(evidence))]


def go_vectors(found: pd.DataFrame, dimensions: int = GO_DIMENSIONS) -> pd.DataFrame:
    """Analyse annotations: return a row a gene, at most `dimensions` columns.

    Terms weigh log(genes / genes of the term), squared; a gene's weights have length 1.
    The row is the gene's place along the leading singular vectors.
    """
    pairs = found[["symbol", "term"]].drop_duplicates()
    genes, terms = (pd.Index(sorted(pairs[column].unique())) for column in ("symbol", "term"))
    at = genes.get_indexer(pairs["symbol"]), terms.get_indexer(pairs["term"])
    matrix = sparse.csr_matrix((np.ones(len(pairs)), at), shape=(len(genes), len(terms)))
    size = np.asarray(matrix.sum(axis=0)).ravel()
    # A term of one gene says nothing of another.
    shared = matrix[:, size > 1] @ sparse.diags(np.log(len(genes) / size[size > 1]) ** 2)
    weighted = normalize(shared)
    kept = np.asarray(weighted.sum(axis=1)).ravel() > 0
    svd = TruncatedSVD(min(dimensions, min(weighted.shape) - 1), n_iter=7, random_state=0)
    return pd.DataFrame(svd.fit_transform(weighted[kept]), index=genes[kept])


def texts(names: pd.Series, found: pd.DataFrame) -> pd.Series:
    """Return a text a gene: its name, and its own terms by aspect, the most specific ones."""
    size = found.groupby("term")["symbol"].nunique()
    own = found[found["direct"] & ~found["term"].isin(UNTOLD)]
    own = own.drop_duplicates(["symbol", "term"])
    own = own.assign(size=own["term"].map(size)).sort_values(["symbol", "size", "term"])
    said = own.groupby(["symbol", "aspect"])["label"].agg(lambda labels: ", ".join(labels[:TERMS]))
    sentences_of = OPENING + said.unstack().reindex(names.index, columns=OPENING.index)
    return pd.Series(
        [
            ". ".join([name, *parts.dropna()]) + "."
            for name, (_, parts) in zip(names, sentences_of.iterrows(), strict=True)
        ],
        index=names.index,
    )


def text_vectors(described: pd.Series, dimensions: int = TEXT_DIMENSIONS) -> pd.DataFrame:
    """Return the sentence model's vectors of texts along their leading singular vectors."""
    vectors = sentences.SentenceModel().encode(list(described))
    svd = TruncatedSVD(dimensions, n_iter=7, random_state=0)
    return pd.DataFrame(svd.fit_transform(vectors), index=described.index)


def embedding(name: str, vectors: pd.DataFrame, provenance: dict[str, object]) -> Embedding:
    """Make an embedding of vectors, rounded to what half precision holds."""
    rounded = vectors.to_numpy(np.float16).astype(np.float32)
    return Embedding(name, vectors.index.to_numpy(), rounded, provenance)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description="Build the embeddings of human genes.")
    parser.add_argument("--genes-deb", type=Path, help=f"{build_gene_table.PACKAGE}'s .deb file")
    parser.add_argument("--go-deb", type=Path, help=f"{PACKAGE}'s .deb file")
    parser.add_argument("--into", type=Path, default=shipped(), help="folder (default: data/)")
    options = parser.parse_args(arguments)
    with ExitStack() as stack:
        try:
            genes, genes_version = stack.enter_context(
                unpacked(build_gene_table.PACKAGE, options.genes_deb)
            )
            go, go_version = stack.enter_context(unpacked(PACKAGE, options.go_deb))
        except InputError as error:
            raise SystemExit(str(error)) from None
        org = genes / build_gene_table.SQLITE
        names, every, of = coding_genes(org), annotations(org, go / SQLITE), dates(org)
    found = without(every, LEFT_OUT)
    source = {
        "source": "Gene Ontology annotation of human genes, as in Debian's packages"
        f" {build_gene_table.PACKAGE} {genes_version} and {PACKAGE} {go_version}",
        "url": "https://geneontology.org",
        "dates": of,
        "licence": "CC BY 4.0",
        "changes": CHANGES,
        "made_by": "data/build_embeddings.py",
    }
    save_embedding(
        embedding("GO", go_vectors(found), source), options.into / "embedding_GO.parquet"
    )
    about = {**source, "model": f"{sentences.MODEL} (Apache-2.0)"}
    save_embedding(
        embedding("description", text_vectors(texts(names, found)), about),
        options.into / "embedding_description.parquet",
    )


if __name__ == "__main__":
    main()
