"""Does closeness in an embedding mean closeness in biology? Similarities, pair by pair."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from scipy import stats

from llmpert.evaluation.experiment import FittedModel
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
        perturbations, of: How many perturbations the pairs are among, and how many there are in
            all.
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

    Args:
        response: N x genes.
        vectors: Embedding -> N x dimensions.
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


@dataclass(frozen=True, eq=False)
class Closeness:
    """How the similarity of responses goes with the similarity of embeddings.

    Attributes:
        bins: Pairs sorted by the embedding's similarity, a row a bin, least similar first:
            `similarity` (mean), `response` (mean), `low` and `high` (10th and 90th percentile of
            the response's similarity), `pairs`.
        spearman: Spearman correlation over all pairs; NaN where it is not defined.
    """

    bins: pd.DataFrame
    spearman: float


def closeness(embedding: np.ndarray, response: np.ndarray) -> Closeness:
    """Relate the similarity of responses to that of embeddings, each a value a pair."""
    both = np.isfinite(embedding) & np.isfinite(response)
    x, y = embedding[both], response[both]
    order = np.argsort(x, kind="stable")
    ends = [round(q * len(x)) for q in QUANTILES]
    # The most similar pairs have a bin of their own where there are enough of them.
    ends = [end for end in ends if FEWEST <= end <= len(x) - FEWEST]
    parts = [part for part in np.split(order, _apart(ends)) if len(part)]
    bins = pd.DataFrame(
        [
            (x[part].mean(), y[part].mean(), *np.percentile(y[part], (10, 90)), len(part))
            for part in parts
        ],
        columns=["similarity", "response", "low", "high", "pairs"],
    )
    defined = len(x) > 2 and np.ptp(x) > 0 and np.ptp(y) > 0
    rho = float(stats.spearmanr(x, y).statistic) if defined else float("nan")
    return Closeness(bins, rho)


def _apart(ends: list[int]) -> list[int]:
    """Return ends of bins, without those that would leave fewer than `FEWEST` pairs between."""
    chosen: list[int] = []
    for end in ends:
        if not chosen or end - chosen[-1] >= FEWEST:
            chosen.append(end)
    return chosen


def kernel_similarity(fitted: FittedModel, gene: str) -> np.ndarray:
    """Return how alike a fitted Gaussian process takes a gene and each training gene to be.

    As the prior correlation of their responses, between 0 and 1, in the order of
    `fitted.trained_on`. Raises as `FittedModel.predict`.
    """
    return fitted.model.similarity(fitted.inputs([gene]))[0]


def neighbours(
    names: np.ndarray,
    similarity: np.ndarray,
    agreement: np.ndarray | None,
    pairs: Pairs,
    count: int,
) -> pd.DataFrame:
    """Find the perturbations most similar to one gene, and whether their responses agree.

    Args:
        names: The other perturbations, N.
        similarity: Of each to the gene; those without one (NaN) are left out.
        agreement: Pearson correlation of each one's response with the gene's; None where it was not
            measured.
        pairs: All pairs, to compare with.
        count: How many neighbours.

    Returns:
        Columns `gene`, `similarity`, `response` (Pearson; missing where not measured or not
        defined) and `above` (share of all pairs whose responses agree less), most similar first.
    """
    order = np.argsort(-similarity, kind="stable")
    order = order[np.isfinite(similarity[order])][:count]
    response = np.full(len(order), np.nan) if agreement is None else agreement[order]
    known = pairs.ordered
    below = np.searchsorted(known, response.astype(known.dtype)) / max(len(known), 1)
    return pd.DataFrame(
        {
            "gene": names[order],
            "similarity": similarity[order],
            "response": response,
            "above": np.where(np.isfinite(response), below, np.nan),
        }
    )
