"""llmpert: predict responses to unseen gene knockdowns from language-model gene embeddings."""

__version__ = "0.1.0"
