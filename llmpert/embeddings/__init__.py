"""Embeddings: what a source knows of each gene, as a vector a gene."""

from llmpert.embeddings.embedding import Embedding
from llmpert.embeddings.pca import PrincipalComponents
from llmpert.embeddings.reader import read_embedding
from llmpert.embeddings.stored import load_embedding, save_embedding

__all__ = [
    "Embedding",
    "PrincipalComponents",
    "load_embedding",
    "read_embedding",
    "save_embedding",
]
