"""What lies close together: gene sets on a map with places for their names, rows of a heat map."""

from collections.abc import Collection, Mapping, Sequence
from itertools import product
from textwrap import wrap
from typing import Any

import numpy as np
import pandas as pd

FEWEST = 5
"""Members on the map that a set needs, to be said to hold together."""

TIGHT = 0.35
"""Largest spread of a set that holds together."""

LETTER, LINE = 0.008, 0.05
"""Width and height of a letter, as shares of the map's, where it is about 900 x 400 pixels."""

NARROWER, LOWER = 2.7, 1.6
"""By so much wider and higher letters are there, as shares of the map, on a telephone."""

WIDEST, MOST_LINES = 18, 3
"""Letters in a line of a label, and lines."""

SHIFTS = (0, 1, -1, 2, -2)
"""By so many of its own heights a label moves up, in turn, where another one has its place."""


Box = tuple[float, float, float, float]
"""Middle, width and height of a label."""


def spread(points: np.ndarray, chosen: np.ndarray) -> float:
    """Return how far apart some of N x 2 points are: 0 at one place, 1 as far as all are.

    It is the median distance to the median point, divided by that of all points.
    """

    def typical(some: np.ndarray) -> float:
        centred = some - np.median(some, axis=0)
        return float(np.median(np.hypot(*centred.T)))

    everywhere = typical(points)
    return typical(points[chosen]) / everywhere if everywhere else 0.0


def holding_together(
    points: np.ndarray, names: Sequence[str], sets: Mapping[str, Collection[str]]
) -> list[str]:
    """Return the sets with `FEWEST` or more of the points and a spread of at most `TIGHT`.

    Args:
        points: N x 2, of the `names`.
    """
    at = {name: row for row, name in enumerate(names)}
    rows = {name: [at[gene] for gene in genes if gene in at] for name, genes in sets.items()}
    return [
        name
        for name, chosen in rows.items()
        if len(chosen) >= FEWEST and spread(points, np.array(chosen)) <= TIGHT
    ]


def labels(
    points: np.ndarray,
    groups: Sequence[str] | pd.Series,
    order: Sequence[str],
    pointed_out: Sequence[bool] | pd.Series = (),
    shifts: Sequence[int] = SHIFTS,
    width: float = 1.0,
) -> pd.DataFrame:
    """Place a label at the median point of each group, so that no two of them overlap.

    A label moves up or down by its own height or two where another one has its place; where that
    does not help either, the group has none. Long names go over several lines, and end in "…".
    Of those that overlap where the map is narrow, the first one stands there.

    Args:
        points: N x 2.
        groups: Of each point; "" for none.
        order: Groups that get a label, the first of them first.
        pointed_out: Which points have a name of their own above them, of a line.
        shifts: By how many of its heights a label may move, in turn; only 0 for names of points.
        width: Of the map, as a share of the usual one.

    Returns:
        Columns group, text (lines divided by "<br>"), x, y, narrow (whether it stands there too).
    """
    size = np.ptp(points, axis=0)
    wide, high = np.array([WIDEST / 2 * LETTER, 3 * LINE]) * size
    placed = [(x, y + high / 3, wide, high) for x, y in points[np.flatnonzero(pointed_out)]]
    narrow, found = placed.copy(), []
    for group in order:
        members = points[np.asarray(groups) == group]
        if not len(members):
            continue
        lines = wrap(group, WIDEST, max_lines=MOST_LINES, placeholder=" …")
        wide, high = np.array([max(map(len, lines)) * LETTER, len(lines) * LINE]) * size
        x, middle = np.median(members, axis=0)
        for y in (middle + shift * high for shift in shifts):
            box = x, y, wide, high
            if not _covers(box, placed, 1 / width):
                placed.append(box)
                stays = not _covers(box, narrow, NARROWER, LOWER)
                narrow += [box] * stays
                text = "<br>".join(lines)
                found.append({"group": group, "text": text, "x": x, "y": y, "narrow": stays})
                break
    return pd.DataFrame(found, columns=["group", "text", "x", "y", "narrow"])


def _covers(box: Box, others: Sequence[Box], wider: float = 1.0, higher: float = 1.0) -> bool:
    """Return whether a box overlaps any other, if all are so much wider and higher."""
    x, y, width, height = box
    return any(
        abs(x - x2) < wider * (width + width2) / 2 and abs(y - y2) < higher * (height + height2) / 2
        for x2, y2, width2, height2 in others
    )


def leaf_order(rows: np.ndarray) -> np.ndarray:
    """Return an order of N rows in which similar ones stand beside each other.

    It is that of the leaves of a tree, by average linkage of Euclidean distances, in which
    neighbours are as near as the tree allows (Bar-Joseph et al. 2001).
    """
    # They take long to import. SciPy's own optimal ordering is not always the best one.
    from scipy.cluster.hierarchy import linkage, to_tree
    from scipy.spatial.distance import cdist

    if len(rows) < 3:
        return np.arange(len(rows))
    apart = cdist(rows, rows).tolist()

    def shortest(node: Any) -> dict[tuple[int, int], tuple[float, tuple[int, ...]]]:
        """Return the shortest order, and its length, by its first and last leaf."""
        if node.is_leaf():
            return {(node.id, node.id): (0.0, (node.id,))}
        found: dict[tuple[int, int], tuple[float, tuple[int, ...]]] = {}
        left, right = shortest(node.left), shortest(node.right)
        for ((a, b), (one, before)), ((c, d), (two, after)) in product(left.items(), right.items()):
            length = one + apart[b][c] + two
            if (a, d) not in found or length < found[a, d][0]:
                found[a, d] = length, before + after
        return found | {(d, a): (long, order[::-1]) for (a, d), (long, order) in found.items()}

    _, order = min(shortest(to_tree(linkage(rows, "average"))).values())
    return np.array(order)
