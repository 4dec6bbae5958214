"""Differential expression of each perturbation against control: Welch's t-test, for all genes."""

import numpy as np

ROWS = 256
"""Perturbations tested at once: bounds the memory for degrees of freedom and p values."""


class GroupStatistics:
    """Means and variances (n - 1) of groups of two cells or more, each groups x genes.

    They are made of sums and sums of squares, which are overwritten.
    """

    def __init__(self, cells: np.ndarray, sums: np.ndarray, squares: np.ndarray) -> None:
        self.cells = cells
        count = cells[:, None].astype(np.float64)
        self.mean = np.divide(sums, count, out=sums)
        variance = squares
        # Scaled so that nothing but rounding can make it negative.
        variance -= count * np.square(self.mean)
        variance /= count - 1
        self.variance = np.maximum(variance, 0.0, out=variance)


def against_control(
    perturbed: GroupStatistics, control: GroupStatistics, share: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Subtract control and test every difference.

    A perturbation is compared with control cells of its own batches: the control mean subtracted is
    the mean of the batches' control means, weighted by where the perturbation's cells are. The test
    is Welch's (1947) for this difference of means with unequal variances, with the degrees of
    freedom of Welch and Satterthwaite; with one batch it is the usual t-test of Welch. Differences
    between batches count as variance of the perturbation's cells, which errs on the safe side. The
    false discovery rate is Benjamini and Hochberg's, over the genes of a perturbation.

    Args:
        perturbed, control: A group a perturbation, and a group a batch.
        share: Perturbations x batches: the share of the perturbation's cells in each batch; rows
            sum to 1.

    Returns:
        Δ, t and q (the false discovery rate at which the gene is called), float32, perturbations x
        genes. Where nothing varies, t is 0 and q 1.
    """
    from scipy import stats  # takes half a second

    shape = perturbed.mean.shape
    delta, t, q = (np.empty(shape, dtype=np.float32) for _ in range(3))
    of_control = control.variance / control.cells[:, None]
    squared = np.square(of_control) / (control.cells[:, None] - 1)
    for start in range(0, shape[0], ROWS):
        rows = slice(start, start + ROWS)
        count = perturbed.cells[rows, None].astype(np.float64)
        difference = perturbed.mean[rows] - share[rows] @ control.mean
        of_perturbed = perturbed.variance[rows] / count
        variance = of_perturbed + np.square(share[rows]) @ of_control
        below = np.square(of_perturbed) / (count - 1) + share[rows] ** 4 @ squared
        varies = variance > 0
        statistic = np.divide(
            difference, np.sqrt(variance), out=np.zeros_like(difference), where=varies
        )
        freedom = np.divide(np.square(variance), below, out=np.ones_like(below), where=below > 0)
        p = np.where(varies, 2 * stats.t.sf(np.abs(statistic), freedom), 1.0)
        delta[rows], t[rows] = difference, statistic
        q[rows] = stats.false_discovery_control(p, axis=1)
    return delta, t, q
