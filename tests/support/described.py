"""Texts without the sentence model: each is taken for the description of a gene."""

from collections.abc import Mapping

import numpy as np
import pytest

from llmpert.embeddings import built_in
from llmpert.embeddings.sentences import SentenceModel
from llmpert.insight import descriptions


def says(monkeypatch: pytest.MonkeyPatch, texts: Mapping[str, str]) -> None:
    """Let these texts say what the genes' own descriptions say, and any other nothing."""
    axes, embedding = descriptions._axes(), built_in(descriptions.EMBEDDING)

    def encode(self: SentenceModel, asked: list[str]) -> np.ndarray:
        # The axes have right angles: along them, this is the gene's vector again.
        nothing = np.zeros((1, embedding.dimensions))
        of = [embedding.rows([texts[t]]) if t in texts else nothing for t in asked]
        return np.vstack(of) @ axes

    monkeypatch.setattr(SentenceModel, "encode", encode)
