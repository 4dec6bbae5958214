"""Scores of the field for how alike a response and a signature are: by ranks, and by sums.

The weighted connectivity score of Subramanian et al. (2017) asks how near the top of a response's
genes the raised ones gather, and how near the bottom the lowered ones; XSum (Cheng et al. 2014)
adds up the largest changes of a response over them.
"""

from collections.abc import Iterator

import numpy as np

EXTREME = 500
"""Genes that XSum looks at on each end of a response."""

CELLS = 2**19
"""About so many weights are looked at in one go."""


def wtcs(responses: np.ndarray, own: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return weighted connectivity scores, each without the knocked-down gene itself.

    (ES of the raised genes - ES of the lowered ones) / 2, or 0 where both have one sign; of
    signatures of one direction it is ES, or -ES. ES is the enrichment score of `_enrichment`.

    Args:
        responses: M x D.
        own: Where each knocked-down gene is among the measured ones, M; -1 where nowhere.
        weights: Of P signatures, P x D; their signs count.

    Returns:
        M x P, between -1 and 1; NaN where no gene of the signature is left.
    """
    found = np.empty((len(responses), len(weights)))
    for rows, some, signatures in _without_own(responses, own, weights):
        order = np.argsort(-some, axis=1, kind="stable")
        strength = np.abs(np.take_along_axis(some, order, axis=1))[:, None]
        ordered = np.take_along_axis(signatures, order[:, None], axis=2)
        raised, lowered = (_enrichment(strength, part) for part in (ordered > 0, ordered < 0))
        both = np.where(np.sign(raised) != np.sign(lowered), (raised - lowered) / 2, 0)
        found[rows] = np.where(
            np.isnan(raised), -lowered, np.where(np.isnan(lowered), raised, both)
        )  # fmt: skip
    return found


def _enrichment(strength: np.ndarray, members: np.ndarray) -> np.ndarray:
    """Return the enrichment scores of sets of genes (Subramanian et al. 2005, weight 1).

    Down the list a sum rises at members, by their share in all members' strength, and falls by the
    same amount at each other gene: the score is where it is farthest from 0.

    Args:
        strength: Of genes, from the most raised to the most lowered, M x 1 x D.
        members: M x P x D.

    Returns:
        M x P; NaN for empty sets, 0 for those of no strength.
    """
    count, total = members.sum(axis=2), np.where(members, strength, 0).sum(axis=2)
    share = np.divide(1, total, out=np.zeros_like(total), where=total > 0)
    fall = 1 / np.maximum(1, members.shape[2] - count)
    running = np.cumsum(np.where(members, strength * share[..., None], -fall[..., None]), axis=2)
    # Of two ends that are as far, but for rounding, the first.
    farthest = np.abs(running).round(9).argmax(axis=2)[..., None]
    score = np.where(total > 0, np.take_along_axis(running, farthest, axis=2)[..., 0], 0)
    return np.where(count > 0, score, np.nan)


def xsum(responses: np.ndarray, own: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return sums over a signature's genes of the largest changes of a response.

    Those of the `EXTREME` most raised and most lowered genes count, others as 0: the sum over
    raised genes of the signature less that over its lowered ones. Arguments as of `wtcs`.

    Returns:
        M x P, in the unit of the responses.
    """
    found = np.empty((len(responses), len(weights)))
    for rows, some, signatures in _without_own(responses, own, weights):
        if some.shape[1] > 2 * EXTREME:
            middle = np.argsort(-some, axis=1, kind="stable")[:, EXTREME:-EXTREME]
            np.put_along_axis(some, middle, 0, axis=1)
        found[rows] = (np.sign(signatures) @ some[..., None])[..., 0]
    return found


def _without_own(
    responses: np.ndarray, own: np.ndarray, weights: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield rows, their responses and for each all signatures, without its knocked-down gene.

    A moderate number of rows at a time.
    """
    size = responses.shape[1]
    for has in (False, True):
        rows = np.flatnonzero((own >= 0) == has)
        for some in np.array_split(rows, -(-len(rows) * weights.size // CELLS) or 1):
            kept = np.arange(size) != own[some, None]  # -1 is no column
            columns = np.nonzero(kept)[1].reshape(len(some), size - has)
            found = np.take_along_axis(responses[some], columns, axis=1)
            yield some, found, weights[:, columns].swapaxes(0, 1)
