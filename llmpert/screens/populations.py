"""From populations of cells to one response a target.

A population is what bulk files of pooled screens have as a row: the cells with one guide (pair),
against one site of one gene. Several populations can share a target.
"""

from dataclasses import dataclass, field

import numpy as np
from scipy import sparse

from llmpert.errors import InputError
from llmpert.io.names import preview

LARGEST_GAP = 0.05
"""A gene (then a population) with a larger share of unknown values is left out."""


@dataclass
class Populations:
    """Populations on their way to a screen.

    `values` is float32, populations x genes, and is overwritten step by step: with thousands of
    populations every copy counts. `cells` are the weights of all averages. `steps` and `notes`
    collect sentences on what was done and what was repaired.
    """

    values: np.ndarray
    names: np.ndarray
    targets: np.ndarray
    control: np.ndarray
    cells: np.ndarray
    genes: np.ndarray
    steps: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not self.control.any():
            raise InputError("expected control populations, found none that can be used.")
        if self.control.all():
            raise InputError("expected populations of targeted genes, found controls only.")

    def to_log_expression(self) -> None:
        """Scale mean UMI counts to the median control population's total; take log(1 + x).

        Raises
        ------
        InputError
            A value is negative or not finite, or a population has no UMI at all.
        """
        totals = self.values.sum(axis=1, dtype=np.float64)
        bad = ~np.isfinite(totals) | (self.values < 0).any(axis=1) | (totals == 0)
        if bad.any():
            raise InputError(
                "expected raw values (finite mean UMI counts of at least 0, not all 0), found"
                f" others in {int(bad.sum())} row(s): {preview(self.names[bad])}."
            )
        depth = float(np.median(totals[self.control]))
        self.values *= (depth / totals).astype(np.float32)[:, None]
        np.log1p(self.values, out=self.values)
        self.steps.append(
            f"Scaled every population to {depth:,.5g} UMI per cell (the median control population)"
            " and took log(1 + x)."
        )

    def leave_out_gaps(self) -> None:
        """Leave out genes, then populations, with more than `LARGEST_GAP` of non-finite values.

        Genes that then lack two known controls (one, if there is but one) or any known target go
        too, because neither a standard deviation nor a mean response is known for them.

        Raises
        ------
        InputError
            Nothing is left.
        """
        unknown = ~np.isfinite(self.values)
        if not unknown.any():
            return
        total, infinite = int(unknown.sum()), int(np.isinf(self.values).sum())
        per_gene, per_population = unknown.sum(axis=0), unknown.sum(axis=1)
        self.notes.append(
            f"{total:,} value(s) are not finite ({infinite:,} infinite, {total - infinite:,}"
            f" missing), in {int((per_population > 0).sum()):,} population(s), most in"
            f" {_most(self.names, per_population)}, and in {int((per_gene > 0).sum()):,} gene(s),"
            f" most in {_most(self.genes, per_gene)}."
        )
        genes = per_gene <= LARGEST_GAP * len(unknown)
        rows = unknown[:, genes].sum(axis=1) <= LARGEST_GAP * genes.sum()
        controls, others = self.control & rows, ~self.control & rows
        genes &= (~unknown[controls]).sum(axis=0) >= min(2, int(controls.sum()))
        genes &= (~unknown[others]).any(axis=0)
        if not genes.any():
            raise InputError("expected genes with finite values, found none.")
        for kept, names, what in (
            (genes, self.genes, "gene(s)"),
            (rows, self.names, "population(s)"),
        ):
            if not kept.all():
                self.notes.append(
                    f"{int((~kept).sum()):,} {what} with too few finite values were left out:"
                    f" {preview(names[~kept])}."
                )
        if not (genes.all() and rows.all()):
            self.values = self.values[np.ix_(rows, genes)]
            self.genes = self.genes[genes]
            for name in ("names", "targets", "control", "cells"):
                setattr(self, name, getattr(self, name)[rows])
            self.__post_init__()

    def subtract_control(self) -> tuple[np.ndarray, np.ndarray | None]:
        """Subtract the controls' mean; return it and their standard deviation, per gene.

        The mean is weighted by cells. The standard deviation is that across control populations
        (n - 1, unweighted), None with a single one.
        """
        controls = self.values[self.control].astype(np.float64)
        controls[~np.isfinite(controls)] = np.nan
        weights = np.where(np.isnan(controls), 0.0, self.cells[self.control][:, None])
        mean = np.nansum(controls * weights, axis=0) / weights.sum(axis=0)
        sd = np.nanstd(controls, axis=0, ddof=1) if len(controls) > 1 else None
        self.values -= mean.astype(np.float32)
        self.steps.append(
            "Subtracted the mean of the control populations, weighted by their cells; the spread"
            " is the standard deviation across control populations."
        )
        return mean, sd

    def average_targets(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Average each target's populations, weighted by cells; return targets, means and cells.

        Targets are sorted. An unknown value is left to the target's other populations; where they
        have none either, the gene's mean over all targets stands in.
        """
        rows = np.flatnonzero(~self.control)
        cells = self.cells[rows]
        targets, target = np.unique(self.targets[rows], return_inverse=True)
        total = np.bincount(target, weights=cells)
        unknown = ~np.isfinite(self.values)
        gap_row, gap_gene = np.nonzero(unknown & ~self.control[:, None])
        self.values[unknown] = 0.0
        # float32 weights: a float64 product would need a float64 copy of the whole matrix.
        share = (cells / total[target]).astype(np.float32)
        shape = (len(targets), len(self.values))
        mean = sparse.csr_array((share, (target, rows)), shape=shape) @ self.values
        self.steps.append(
            f"Averaged {len(rows):,} populations to {len(targets):,} targets, weighted by cells."
        )
        if len(gap_row):
            gap = np.searchsorted(rows, gap_row)
            lost = sparse.coo_array((cells[gap], (target[gap], gap_gene)), shape=mean.shape)
            self._close_gaps(mean, lost, total)
        return targets, mean, total

    def _close_gaps(self, mean: np.ndarray, lost: sparse.coo_array, total: np.ndarray) -> None:
        """Correct averages into which unknown values went as 0; `lost` holds their cells."""
        lost.sum_duplicates()
        target, gene = lost.coords
        # Counts of cells are whole numbers, so nothing known leaves exactly 0.
        known = total[target] - lost.data
        partly = known > 0
        mean[target[partly], gene[partly]] *= total[target[partly]] / known[partly]
        target, gene = target[~partly], gene[~partly]
        mean[target, gene] = 0.0
        counted = len(mean) - np.bincount(gene, minlength=mean.shape[1])
        typical = mean.sum(axis=0, dtype=np.float64) / counted
        mean[target, gene] = typical[gene]
        self.notes.append(
            f"Of the averages with an unknown value, {int(partly.sum()):,} come from the target's"
            f" other populations and {len(target):,} are the gene's mean response over all targets."
        )


def _most(names: np.ndarray, counts: np.ndarray) -> str:
    top = [i for i in np.argsort(-counts, kind="stable")[:3] if counts[i]]
    return ", ".join(f"{names[i]} ({int(counts[i]):,})" for i in top)
