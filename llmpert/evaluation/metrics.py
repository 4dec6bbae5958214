"""What "close to the measurement" means, in numbers; `scores` says what for."""

import numpy as np

from llmpert.screens.screen import Screen

TOP = 20
"""How many top DE genes of a perturbation are looked at, as in Märtens et al. 2024."""


def pearson(predicted: np.ndarray, measured: np.ndarray) -> np.ndarray:
    """Return the Pearson correlation of each row: NaN where either row is constant.

    A row counts as constant when all its values are equal to within rounding: a range of at most
    1e-12 of its largest magnitude, or four steps of its own precision where that is coarser.
    """
    products = standardised(np.asarray(predicted)) * standardised(np.asarray(measured))
    return np.clip(products.sum(axis=1), -1, 1)


def mae(predicted: np.ndarray, measured: np.ndarray) -> np.ndarray:
    """Return the mean absolute error of each row, in units of the response."""
    return np.abs(np.asarray(predicted, np.float64) - np.asarray(measured, np.float64)).mean(axis=1)


def standardised(rows: np.ndarray) -> np.ndarray:
    """Return rows with mean 0 and length 1, NaN where a row is constant."""
    rounding = max(1e-12, 4 * np.finfo(np.result_type(rows.dtype, np.float16)).eps)
    values = rows.astype(np.float64)
    # Brought to magnitude 1 first, so that squares of tiny or huge responses are representable.
    peak = np.abs(values).max(axis=1, keepdims=True)
    values = np.divide(values, peak, out=np.zeros_like(values), where=peak > 0)
    constant = np.ptp(values, axis=1, keepdims=True) <= rounding
    values -= values.mean(axis=1, keepdims=True)
    length = np.linalg.norm(values, axis=1, keepdims=True)
    return np.divide(values, length, out=np.full_like(values, np.nan), where=~constant)


def top_genes(
    measured: np.ndarray, top: int, spread: np.ndarray | None = None, t: np.ndarray | None = None
) -> np.ndarray:
    """Return the strongest measured responses: perturbations x min(top, genes), strongest first.

    Strength is |t|, of the perturbation's cells against control, where that is known. Otherwise it
    is |Δ|, divided by the gene's standard deviation in control (`spread`) where that is known: the
    order of a z-test against control, whose other factor (cells) is the same for all genes of a
    perturbation. Genes without spread come last; ties keep the genes' order.

    Args:
        measured, t: Perturbations x genes.
    """
    strength = np.abs(np.asarray(measured if t is None else t, dtype=np.float64))
    if t is None and spread is not None:
        spread = np.asarray(spread, dtype=np.float64)
        known = np.isfinite(spread) & (spread > 0)
        strength = np.divide(strength, spread, out=np.full_like(strength, -1), where=known)
    return np.argsort(-strength, axis=1, kind="stable")[:, :top]


def strongest_responses(
    screen: Screen, rows: np.ndarray, gene_idx: np.ndarray, top: int
) -> np.ndarray:
    """Return `top_genes` of some perturbations of a screen, positions among `gene_idx`."""
    block = np.ix_(rows, gene_idx)
    spread = None if screen.control_sd is None else screen.control_sd[gene_idx]
    t = screen.layers["t"][block] if "t" in screen.layers else None
    return top_genes(screen.response[block], top, spread, t)


def crps(responses: np.ndarray, measured: np.ndarray) -> np.ndarray:
    """Return the continuous ranked probability score of equally likely responses, lower is better.

    E|X - y| - E|X - X'| / 2 (Gneiting & Raftery 2007), in the unit of the response: of one response
    it is the absolute error.

    Args:
        responses: … x N, ascending along the last axis (`Prediction.responses`).
        measured: …
    """
    size = responses.shape[-1]
    levels = (np.arange(size) + 0.5) / size
    beyond = np.asarray(measured)[..., None] - responses
    return 2 * (beyond * (levels - (beyond < 0))).mean(axis=-1)


def pit(responses: np.ndarray, measured: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return between which probabilities measurements lie among equally likely responses.

    These are N quantiles, of probability 1/2N, 3/2N, …: a measurement lies between those of its
    neighbours and of all that equal it. Where predictions are true, a number drawn between the two
    is uniform over 0..1 (Czado, Gneiting & Held 2009). Arguments are those of `crps`.
    """
    size, values = responses.shape[-1], np.asarray(measured)[..., None]
    below, up_to = (responses < values).sum(axis=-1), (responses <= values).sum(axis=-1)
    return np.maximum(below - 0.5, 0) / size, np.minimum(up_to + 0.5, size) / size


def covered(below: np.ndarray, up_to: np.ndarray, level: float) -> np.ndarray:
    """Return which share of each measurement lies inside a central interval of this probability.

    Where many measurements are one number at an end of their intervals, as the zeros of ranks are,
    they count in proportion. Arguments are what `pit` returns.
    """
    inside = np.minimum(up_to, (1 + level) / 2) - np.maximum(below, (1 - level) / 2)
    return np.clip(inside, 0, None) / (up_to - below)


def interval_score(
    low: np.ndarray, high: np.ndarray, measured: np.ndarray, level: float
) -> np.ndarray:
    """Return the width of central intervals and what they miss by, lower is better.

    A miss counts 2 / (1 - level) times (Gneiting & Raftery 2007); in the unit of the response.
    """
    missed = np.maximum(low - measured, 0) + np.maximum(measured - high, 0)
    return high - low + 2 / (1 - level) * missed
