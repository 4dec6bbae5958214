"""How well predictions find the genes that respond, and which way and how strongly they do."""

import numpy as np


def hits(strength: np.ndarray, wanted: np.ndarray, count: int) -> np.ndarray:
    """Return the share of wanted genes among the `count` strongest of each row.

    Of genes as strong as the last of these, as many as there is room for are drawn at random: the
    share is what is expected.

    Args:
        strength: Perturbations x genes.
        wanted: The same shape, true or false.
    """
    count = min(count, strength.shape[1])
    last = -np.partition(-strength, count - 1, axis=1)[:, count - 1 : count]
    above, level = strength > last, strength == last
    room = (count - above.sum(axis=1)) / level.sum(axis=1)
    return ((above & wanted).sum(axis=1) + room * (level & wanted).sum(axis=1)) / count


def average_precision(strength: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return the area under each row's precision-recall curve, NaN where nothing is wanted.

    The mean precision at the wanted genes, without interpolation; genes that are as strong as each
    other are found together. Arguments are those of `hits`.
    """
    order = np.argsort(-strength, axis=1, kind="stable")
    sorted_strength = np.take_along_axis(strength, order, axis=1)
    found = np.take_along_axis(wanted, order, axis=1).cumsum(axis=1)
    seen = np.arange(1, strength.shape[1] + 1)
    # Only where the next gene is weaker is there a threshold.
    ends = np.ones(strength.shape, bool)
    ends[:, :-1] = sorted_strength[:, 1:] < sorted_strength[:, :-1]
    gained = np.zeros(strength.shape)
    for row, at in enumerate(ends):
        gained[row, at] = np.diff(found[row, at], prepend=0)
    total = found[:, -1].astype(float)
    area = (gained * found / seen).sum(axis=1)
    return np.divide(area, total, out=np.full(len(area), np.nan), where=total > 0)


def direction(predicted: np.ndarray, measured: np.ndarray, called: np.ndarray) -> np.ndarray:
    """Return the share of called genes that move the way they are predicted to.

    A gene predicted not to move counts half. NaN where no gene is called.
    """
    right = (1 + np.sign(predicted) * np.sign(measured)) / 2
    return _mean(right, called)


def spearman(predicted: np.ndarray, measured: np.ndarray, called: np.ndarray) -> np.ndarray:
    """Return the rank correlation over each row's called genes.

    NaN where fewer than 2 are called, or all of these are predicted or measured alike.
    """
    from scipy.stats import rankdata  # takes half a second

    found = np.full(len(predicted), np.nan)
    for row, genes in enumerate(called):
        if genes.sum() < 2:
            continue
        pair = [rankdata(values[row, genes]) for values in (predicted, measured)]
        a, b = (ranks - ranks.mean() for ranks in pair)
        length = np.sqrt((a @ a) * (b @ b))
        if length > 0:
            found[row] = a @ b / length
    return found


def weights(t: np.ndarray) -> np.ndarray:
    """Return each gene's weight by its t-value against the rest, summing to 1 in each row.

    |t| brought to 0..1 and squared (Miller et al. 2025); equal weights where all are alike.
    """
    size = np.abs(np.asarray(t, np.float64))
    size -= size.min(axis=1, keepdims=True)
    most = size.max(axis=1, keepdims=True)
    found = np.divide(size, most, out=np.ones_like(size), where=most > 0) ** 2
    return found / found.sum(axis=1, keepdims=True)


def t_against_rest(
    mean: np.ndarray, variance: np.ndarray, cells: np.ndarray, rows: np.ndarray
) -> np.ndarray:
    """Return t-values of some perturbations' cells against the cells of all others.

    The rest counts as if it had no more cells than the perturbation (scanpy's
    `t-test_overestim_var`). 0 where nothing varies.

    Args:
        mean, variance: Of each perturbation's cells, all perturbations x genes.
        cells: How many these are.
        rows: Positions of the perturbations asked for.
    """
    count = np.asarray(cells, np.float64)
    square = np.asarray(variance, np.float64) + np.square(mean, dtype=np.float64)
    sums, squares = count @ mean.astype(np.float64), count @ square
    own = count[rows, None]
    others = count.sum() - own
    rest = (sums - own * mean[rows]) / others
    spread = np.maximum((squares - own * square[rows]) / others - rest**2, 0)
    error = np.sqrt((variance[rows] + spread) / own)
    return np.divide(mean[rows] - rest, error, out=np.zeros(error.shape), where=error > 0)


def weighted_r2(
    predicted: np.ndarray, measured: np.ndarray, weight: np.ndarray
) -> np.ndarray:  # fmt: skip
    """Return 1 - weighted squared error / weighted variance of each row; NaN without variance."""
    centre = (weight * measured).sum(axis=1, keepdims=True)
    error = (weight * np.square(predicted - measured)).sum(axis=1)
    total = (weight * np.square(measured - centre)).sum(axis=1)
    return 1 - np.divide(error, total, out=np.full(len(error), np.nan), where=total > 0)


def _mean(values: np.ndarray, called: np.ndarray) -> np.ndarray:
    count = called.sum(axis=1).astype(float)
    total = np.where(called, values, 0).sum(axis=1)
    return np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0)
