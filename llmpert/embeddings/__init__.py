"""Embeddings: what a source knows of each gene, as a vector a gene."""

from llmpert.embeddings.builtin import BUILT_IN, built_in
from llmpert.embeddings.embedding import Embedding
from llmpert.embeddings.reader import read_embedding
from llmpert.embeddings.stored import load_embedding, save_embedding

__all__ = [
    "BUILT_IN", "Embedding", "built_in", "load_embedding", "read_embedding", "save_embedding",
]  # fmt: skip
