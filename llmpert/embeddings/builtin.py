"""The built-in embeddings of human genes; `data/build_embeddings.py` makes them."""

from functools import lru_cache

from llmpert.embeddings.embedding import Embedding
from llmpert.embeddings.stored import load_embedding
from llmpert.io.paths import shipped

BUILT_IN = ("GO", "description")
"""Their names: what the Gene Ontology says of a gene, and its description in words."""


@lru_cache(maxsize=len(BUILT_IN))
def built_in(name: str) -> Embedding:
    """Return the embedding of this name, one of `BUILT_IN`."""
    return load_embedding(shipped() / f"embedding_{name}.parquet")
