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
  a sentence model (`llmpert.embeddings.sentences`);
- `embedding_description_axes.npy`: what brings another text's vector among these;
- `embedding_description_example.npy`: the vector of `llmpert.insight.descriptions.EXAMPLE`.

They are of the protein-coding genes of `genes.tsv.gz`, and of the packages of NCBI's gene
annotation (Bioconductor's org.Hs.eg.db) and of GO's terms (GO.db). The same packages give the same
numbers, up to rounding by other processors.

Annotations by high-throughput experiments are left out (`data.ontology`); `benchmarks/hindsight.py`
shows what the rest may owe to such experiments.
"""

import argparse
from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.decomposition import TruncatedSVD
from sklearn.preprocessing import normalize

from data import ontology
from llmpert.embeddings import Embedding, sentences
from llmpert.embeddings.stored import save_embedding
from llmpert.insight import descriptions
from llmpert.io.atomic import atomic_path

GO_DIMENSIONS, TEXT_DIMENSIONS = 192, 160

TERMS = 6
"""Of each aspect, that a text names at most: the most specific ones first."""
OPENING = pd.Series({"component": "Found in ", "function": "Acts as ", "process": "Takes part in "})
UNTOLD = ("GO:0005515",)
"""Protein binding: it is said of most genes."""


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
    said = said.unstack().reindex(names.index, columns=OPENING.index).astype("string")
    sentences_of = OPENING.astype("string") + said
    return pd.Series(
        [
            ". ".join([name, *parts.dropna()]) + "."
            for name, (_, parts) in zip(names, sentences_of.iterrows(), strict=True)
        ],
        index=names.index,
    )


def text_vectors(
    described: pd.Series, dimensions: int = TEXT_DIMENSIONS
) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the sentence model's vectors of texts along their leading singular vectors, and these.

    The latter are float32, dimensions x the model's; a new text's vector times them joins the rest.
    """
    vectors = sentences.SentenceModel().encode(list(described))
    svd = TruncatedSVD(dimensions, n_iter=7, random_state=0)
    return pd.DataFrame(svd.fit_transform(vectors), index=described.index), svd.components_


def embedding(name: str, vectors: pd.DataFrame, provenance: dict[str, object]) -> Embedding:
    """Make an embedding of vectors, rounded to what half precision holds."""
    rounded = vectors.to_numpy(np.float16).astype(np.float32)
    return Embedding(name, vectors.index.to_numpy(), rounded, provenance)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description="Build the embeddings of human genes.")
    options = ontology.parse(parser, arguments)
    with ontology.packages(options) as (org, go, source):
        names, every = ontology.coding_genes(org), ontology.annotations(org, go)
    found = ontology.without(every, ontology.LEFT_OUT)
    source |= {"made_by": "data/build_embeddings.py"}
    save_embedding(
        embedding("GO", go_vectors(found), source), options.into / "embedding_GO.parquet"
    )
    about = {**source, "model": f"{sentences.MODEL} (Apache-2.0)"}
    vectors, axes = text_vectors(texts(names, found))
    save_embedding(
        embedding("description", vectors, about), options.into / "embedding_description.parquet"
    )
    with atomic_path(options.into / "embedding_description_axes.npy") as path:
        np.save(path, axes.astype(np.float32))
    with atomic_path(options.into / "embedding_description_example.npy") as path:
        example = sentences.SentenceModel().encode([descriptions.EXAMPLE]) @ axes.T
        np.save(path, example.astype(np.float32))


if __name__ == "__main__":
    main()
