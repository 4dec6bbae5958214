"""A gene that has a description alone: where it stands among all human genes."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd

from llmpert.embeddings import built_in
from llmpert.embeddings.sentences import SentenceModel
from llmpert.errors import InputError
from llmpert.io.paths import shipped

EMBEDDING = "description"
"""The built-in embedding that a text finds its place in."""

SHARE = 0.99
"""Of all genes, that have another gene at least as near as `usual`."""

EXAMPLE = (
    "Subunit of the Mediator complex. Found in the nucleus. Takes part in transcription by RNA"
    " polymerase II."
)
"""A text whose vector is built in, so that it needs no sentence model."""

LONGEST = 5_000
"""Characters of a text."""


@dataclass(frozen=True, eq=False)
class Description:
    """A text about a gene, placed among the descriptions of human genes.

    Attributes:
        vector: float32, 1 x dimensions of the embedding.
        similarity: Gene -> cosine similarity of its description, the most similar first.
        usual: Similarity to the nearest other gene that `SHARE` of all genes reach.
    """

    text: str
    vector: np.ndarray
    similarity: pd.Series
    usual: float

    @property
    def far(self) -> bool:
        """Whether the text is less like any gene than almost every gene is like another.

        A prediction then rests on nothing that is known.
        """
        return self.similarity.iloc[0] < self.usual

    def explain_far(self) -> str:
        """Return why nothing is predicted for a text that is far from all genes."""
        nearest, value = self.similarity.index[0], self.similarity.iloc[0]
        return (
            f"This text is unlike every known gene: the nearest, {nearest}, has a similarity of"
            f" {value:.2f}, and {SHARE:.0%} of genes have one of {self.usual:.2f} or more."
            " No response is predicted. Describe what the protein does, where, and with which"
            " others."
        )


def describe(text: str) -> Description:
    """Place a text among the descriptions of human genes, by the sentence model.

    Raises:
        InputError: The text is empty or too long, or the extra `text` is not installed.
    """
    text = " ".join(text.split())
    if not text or len(text) > LONGEST:
        raise InputError(
            f"Expected a description of 1 to {LONGEST:,} characters, found {len(text):,}."
        )
    if text == EXAMPLE:
        vector = np.load(shipped() / f"embedding_{EMBEDDING}_example.npy", allow_pickle=False)
    else:
        vector = (_model().encode([text]) @ _axes().T).astype(np.float32)
    genes, directions, usual = _known()
    length = float(np.linalg.norm(vector))
    similarity = directions @ (vector[0] / length if length else vector[0])
    found = pd.Series(similarity, index=genes, name="similarity")
    return Description(text, vector, found.sort_values(ascending=False, kind="stable"), usual)


@lru_cache(maxsize=1)
def _model() -> SentenceModel:
    return SentenceModel()


@lru_cache(maxsize=1)
def _axes() -> np.ndarray:
    return np.load(shipped() / f"embedding_{EMBEDDING}_axes.npy", allow_pickle=False)


@lru_cache(maxsize=1)
def _known() -> tuple[np.ndarray, np.ndarray, float]:
    """Return genes, their vectors at length 1, and the `usual` similarity."""
    embedding = built_in(EMBEDDING)
    directions = embedding.vectors / np.linalg.norm(embedding.vectors, axis=1, keepdims=True)
    # Every tenth gene is sample enough, in a tenth of the time.
    some = np.arange(0, len(directions), 10)
    similarity = directions[some] @ directions.T
    similarity[np.arange(len(some)), some] = -1
    usual = float(np.quantile(similarity.max(axis=1), 1 - SHARE))
    return embedding.genes, directions, usual
