"""Embeddings: one vector a gene, from one source."""

from llmpert.embeddings.builtin import BUILT_IN, built_in
from llmpert.embeddings.embedding import Embedding
from llmpert.embeddings.orthologs import lacks_mouse, refuse_mouse, through_orthologs
from llmpert.embeddings.reader import read_embedding
from llmpert.embeddings.stored import load_embedding, save_embedding

__all__ = [
    "BUILT_IN", "Embedding", "built_in", "lacks_mouse", "load_embedding", "read_embedding",
    "refuse_mouse", "save_embedding", "through_orthologs",
]  # fmt: skip
