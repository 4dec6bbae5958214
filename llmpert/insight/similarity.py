"""Does closeness in an embedding mean closeness in biology? Similarities, pair by pair."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from llmpert.evaluation.metrics import standardised

MOST_PERTURBATIONS = 2000
"""Above this many perturbations all pairs are taken among a random sample: two million pairs."""

QUANTILES = (*np.arange(0.05, 0.951, 0.05).round(2).tolist(), 0.99, 0.999)
"""Where bins of pairs end: of equal number, the most similar ones apart."""

FEWEST = 20
"""Pairs that a bin needs."""


def cosine(vectors: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return cosine similarities of rows, len(vectors) x len(others); NaN with a zero vector."""
    return _products(_directions(vectors), _directions(others))


def correlation(responses: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return Pearson correlations of rows, len(responses) x len(others); NaN if one is constant."""
    return _products(standardised(responses), standardised(others))


def _directions(vectors: np.ndarray) -> np.ndarray:
    rows = np.asarray(vectors, np.float64)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, length, out=np.full_like(rows, np.nan), where=length > 0)


def _products(rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    # In float32 a matrix product over all pairs takes half as long.
    return np.clip(rows.astype(np.float32) @ others.astype(np.float32).T, -1, 1)


@dataclass(frozen=True, eq=False)
class Pairs:
    """Similarities of pairs of perturbations.

    Attributes:
        response: Pearson correlation between the two measured responses over all genes, float32, a
            value a pair; NaN where one is constant.
        sources: Embedding -> cosine similarity between the two vectors, in the same order of pairs.
        perturbations, of: How many the pairs are among, and how many there are in all.
    """

    response: np.ndarray
    sources: Mapping[str, np.ndarray]
    perturbations: int
    of: int

    @cached_property
    def ordered(self) -> np.ndarray:
        """The responses' correlations that are defined, ascending."""
        return np.sort(self.response[np.isfinite(self.response)])


def all_pairs(
    response: np.ndarray, vectors: Mapping[str, np.ndarray], most: int = MOST_PERTURBATIONS
) -> Pairs:
    """Compare all pairs of N perturbations, or of `most` drawn at random where there are more.

    `response` is N x genes, the `vectors` of each embedding N x dimensions.
    """
    total = len(response)
    rows = np.arange(total)
    if total > most:
        rows = np.sort(np.random.default_rng(0).choice(total, most, replace=False))
    upper = np.triu_indices(len(rows), k=1)
    return Pairs(
        correlation(response[rows], response[rows])[upper],
        {name: cosine(v[rows], v[rows])[upper] for name, v in vectors.items()},
        len(rows),
        total,
    )


def closeness(embedding: np.ndarray, response: np.ndarray) -> tuple[pd.DataFrame, float]:
    """Relate the similarity of responses to that of embeddings, each a value a pair.

    Returns:
        Bins of pairs by the embedding's similarity, least similar first: `similarity` (mean),
        `response` (mean), `low` and `high` (10th and 90th percentile of the response's similarity),
        `pairs`; and Spearman's correlation over all pairs, NaN where it is not defined.
    """
    both = np.isfinite(embedding) & np.isfinite(response)
    x, y = embedding[both], response[both]
    from scipy import stats  # takes half a second

    order = np.argsort(x, kind="stable")
    ends = [round(q * len(x)) for q in QUANTILES]
    chosen: list[int] = []
    for end in ends:
        if (chosen[-1] if chosen else 0) + FEWEST <= end <= len(x) - FEWEST:
            chosen.append(end)
    parts = [part for part in np.split(order, chosen) if len(part)]
    bins = pd.DataFrame(
        [
            (x[part].mean(), y[part].mean(), *np.percentile(y[part], (10, 90)), len(part))
            for part in parts
        ],
        columns=["similarity", "response", "low", "high", "pairs"],
    )
    defined = len(x) > 2 and np.ptp(x) > 0 and np.ptp(y) > 0
    return bins, float(stats.spearmanr(x, y).statistic) if defined else float("nan")


def neighbours(
    names: np.ndarray,
    similarity: np.ndarray,
    agreement: np.ndarray | None,
    pairs: Pairs | None,
    count: int,
) -> pd.DataFrame:
    """Find the perturbations most similar to one gene, and whether their responses agree.

    Args:
        names, similarity: The N others; those without a similarity (NaN) are left out.
        agreement: Pearson correlation of each one's response with the gene's; None where it was not
            measured.
        pairs: To hold agreement against; None where nothing was measured.

    Returns:
        Columns `gene`, `similarity`, `response` (Pearson; missing where not measured or not
        defined) and `above` (share of all pairs whose responses agree less), most similar first.
    """
    order = np.argsort(-similarity, kind="stable")
    order = order[np.isfinite(similarity[order])][:count]
    response = np.full(len(order), np.nan) if agreement is None else agreement[order]
    known = np.empty(0) if pairs is None else pairs.ordered
    below = np.searchsorted(known, response.astype(known.dtype)) / max(len(known), 1)
    return pd.DataFrame(
        {
            "gene": names[order],
            "similarity": similarity[order],
            "response": response,
            "above": np.where(np.isfinite(response), below, np.nan),
        }
    )
