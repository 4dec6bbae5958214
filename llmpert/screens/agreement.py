"""How well a repeat of a screen would agree with it: what noise leaves of each response.

With R a squared response summed over genes and E what noise alone would give, a repeat of the same
size correlates (uncentred) with the response by 1 - E / R on average, and no prediction by more
than the square root of that. In the THP-1 cells of Papalexi et al. 2021 (25 knockouts, 299 genes)
the value for half of the cells differs from the correlation of actual halves by 0.02 on average.
"""

import numpy as np

from llmpert.screens.screen import Screen

ROWS = 256
"""Knockdowns looked at at once: bounds the memory."""

OF_CELLS = 0.2
"""Where squared responses are smaller than this share of the control's variance, it is that of
single cells and not of means: the noise of a mean of five cells is as large."""


def expected_agreement(screen: Screen) -> tuple[np.ndarray, str]:
    """Return how well a repeat would agree with each response, and the evidence in words.

    The evidence is guides against one gene where they are known (`Screen.agreement`), else the
    t-tests of single cells, else the spread of control.

    Returns:
        The expected correlation, a value from 0 to 1 a perturbation, NaN where unknown; and "" in
        place of words where it is known of none.
    """
    if screen.agreement is not None:
        return screen.agreement, "how guides against one gene agree"
    if "t" in screen.layers:
        found = [
            _share(screen.response[rows], screen.layers["t"][rows])
            for rows in (slice(at, at + ROWS) for at in range(0, len(screen.response), ROWS))
        ]
        return np.concatenate(found), "the spread between its cells"
    if screen.control_sd is not None:
        noise = np.square(screen.control_sd, dtype=np.float64)
        used = np.isfinite(noise) & (noise > 0)
        if used.any():
            squares = sum_of_squares(screen.response[:, used])
            ratio = squares / noise[used].sum()
            if np.quantile(ratio, 0.05) >= OF_CELLS:
                return _left(ratio), "the spread between control populations"
            if screen.cells is not None:
                return _left(ratio * screen.cells), "the spread between control cells"
    return np.full(len(screen.response), np.nan), ""


def of_averages(values: np.ndarray, group: np.ndarray, groups: int) -> np.ndarray:
    """Return how well repeats of averages of rows are expected to agree, from how the rows do.

    The mean correlation (uncentred) between rows of a group, made that of averages of as many by
    Spearman and Brown's formula. `group` says which one each row of `values` is in.

    Returns:
        float32, a value from 0 to 1 a group; NaN of a group of one row.
    """
    found = np.full(groups, np.nan, np.float32)
    order = np.argsort(group, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(group[order])) + 1):
        if (count := len(rows)) > 1:
            length = np.sqrt(sum_of_squares(values[rows]))
            unit = values[rows] / np.where(length > 0, length, 1)[:, None]
            # Of all pairs together: the square of a sum is the sum of the products.
            total = float(np.square(unit.sum(axis=0)).sum() - (length > 0).sum())
            r = min(max(total / (count * (count - 1)), 0.0), 1.0)
            found[group[rows[0]]] = count * r / (1 + (count - 1) * r)
    return found


def sum_of_squares(rows: np.ndarray) -> np.ndarray:
    """Return the sum of squares of each row, float64."""
    return np.einsum("ij,ij->i", rows, rows, dtype=np.float64)


def _share(response: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Return the agreement by t statistics: a response over its t is its standard error."""
    tested = np.where(t != 0, response, 0).astype(np.float64)
    error = np.divide(tested, t, out=np.zeros_like(tested), where=t != 0)
    noise = sum_of_squares(error)
    return _left(np.divide(sum_of_squares(tested), noise, out=np.ones(len(t)), where=noise > 0))


def _left(ratio: np.ndarray) -> np.ndarray:
    """Return what is no noise in a response, given how much larger its square is than noise."""
    return 1 - 1 / np.maximum(ratio, 1)
