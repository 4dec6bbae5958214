"""Reader of the bulk files of Replogle et al. 2022 (genome-scale Perturb-seq).

Source: Replogle et al., Cell 185 (2022), figshare article 20029387, CC BY 4.0. A row of a bulk
file is a population: the cells that got one guide pair, against one transcript or site of one gene.

*Raw* files hold mean UMI counts per cell. Each population is scaled to the same depth (the median,
over the control populations, of a population's total UMI per cell) and transformed as log(1 + x):
the logarithm of a mean, not the mean of single cells' logarithms. *Normalised* files hold z-scores
against the controls of the same gem group and are not transformed. Which of the two a file is shows
in its values (only z-scores are negative) and may not contradict its name.

Controls are the `non-targeting` rows marked `core_control`, or all of them where none is marked.
Their mean, weighted by cells, is `control_mean` and is subtracted from every population.
`control_sd` is the standard deviation across them (n - 1, unweighted; None with a single one): the
noise of a population's mean, not of a cell. A target's populations are averaged, weighted by
`num_cells_filtered` (`num_cells_unfiltered` where that is missing, as it is for other controls).

Infinite and missing z-scores come from controls without any spread in a gem group. This division by
zero says nothing about the size of an effect, so both count as unknown. A gene unknown in more than
5 % of populations (or in all but one control) is left out, then a population unknown in more than
5 % of the remaining genes. What is left is taken from the target's other populations, else the
gene's mean response over all targets stands in. `provenance["notes"]` counts every case.

The screen keeps every measured gene: highly variable ones are chosen in each fold of an evaluation,
from its training responses alone.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import sparse

from llmpert.errors import InputError
from llmpert.io.names import preview
from llmpert.screens.files import dense, numeric_column
from llmpert.screens.names import known_line, measured_genes, note, stated_line
from llmpert.screens.screen import Screen

if TYPE_CHECKING:  # it takes a second
    import anndata

POPULATION = re.compile(r"\d+_(?P<symbol>.+)_(?P<site>[^_]+)_(?P<ensembl>[^_]+)")
"""`10005_ZBTB4_P1_ENSG00000174282`: library id, symbol, transcript or site, Ensembl id ("nan" for a
few). Only symbols may hold "_"."""
CONTROL = "non-targeting"
LARGEST_GAP = 0.05
"""A gene (then a population) with a larger share of unknown values is left out."""


def names_populations(names: Iterable[str]) -> bool:
    """Return whether most rows are named like populations."""
    found = [bool(POPULATION.fullmatch(str(name))) for name in names]
    return 2 * sum(found) > len(found)


def from_table(
    values: np.ndarray,
    rows: list[str],
    genes: list[str],
    path: Path,
    line: str | None,
    default_line: str | None,
) -> Screen:
    """Read a bulk file that was rewritten as a table of text, with genes as its columns.

    Of genes with one symbol the first is read. Raises as `from_anndata` does.
    """
    import anndata

    first = np.sort(np.unique(genes, return_index=True)[1])
    obs, var = (
        pd.DataFrame(index=pd.Index(names, dtype=str)) for names in (rows, np.array(genes)[first])
    )
    data = anndata.AnnData(values[:, first], obs=obs, var=var)
    screen = from_anndata(data, path, line, default_line)
    again = np.delete(np.array(genes), first)
    note(screen.provenance["notes"], again, "further column(s) of the same genes were left out")
    return screen


def from_anndata(
    data: "anndata.AnnData", path: Path, line: str | None, default_line: str | None
) -> Screen:
    """Read a bulk file already opened; X is taken out of `data` to spare a copy of it.

    Where tables of the published file are missing, populations count alike, and genes go by the
    index of var.

    Raises:
        InputError: The file has rows with names of another form, holds no control, its values
            contradict its name, or nothing says the line.
    """
    line = line or stated_line(data.uns) or default_line or known_line(path.name)
    if not line:
        expected = "K562 or RPE1 in the file name, or the cell line given"
        raise InputError.of_file(path, expected, "neither")
    populations = Populations(data, path)
    raw = not (populations.values < 0).any()
    named = set(re.findall(r"(?<![a-z])(raw|normali[sz]ed)(?![a-z])", path.name.lower()))
    if len(named) == 1 and (named == {"raw"}) != raw:
        found = f"{'no' if raw else 'a'} negative value; rename the file if its name is wrong"
        raise InputError.of_file(path, f"{named.pop()} values, as the file name says", found)
    if raw:
        populations.to_log_expression()
    else:
        populations.steps.append("Taken as z-scores against the controls of each gem group.")
        populations.leave_out_gaps()
    control_mean, control_sd = populations.subtract_control()
    targets, response, cells = populations.average_targets()
    return Screen(
        line=line,
        response=response,
        perturbations=targets,
        genes=populations.genes,
        unit="Δ log-normalised expression" if raw else "Δ z-score",
        control_mean=control_mean,
        control_sd=control_sd,
        cells=cells if populations.counted else None,
        provenance={
            "source": "Replogle et al. 2022, figshare 20029387",
            "licence": "CC BY 4.0",
            "file": path.name,
            "steps": populations.steps,
            "notes": populations.notes,
            "simulated": False,
        },
    )


class Populations:
    """Populations on their way to a screen.

    `values` is float32, populations x genes, and is overwritten step by step to spare copies of it.
    `cells` are the weights of all averages, `counted` is whether the file has them. `steps` and
    `notes` say what was done and repaired.
    """

    def __init__(self, data: "anndata.AnnData", path: Path) -> None:
        self.steps: list[str] = []
        self.notes: list[str] = []
        self.names = data.obs_names.to_numpy().astype(str)
        self.targets = self._symbols(path)
        self.control = np.char.endswith(self.names, CONTROL)
        used = ~self.control | self._controls_in_use(data.obs, path)
        self.cells = self._counts(data.obs, used, path)
        uncounted = used & ~(self.cells > 0)
        what = "population(s) without a cell count were left out"
        note(self.notes, self.names[uncounted], what)
        self.values = dense(data.X, path)
        data.X = None
        if "mean" in data.var:
            expressed = numeric_column(data.var, "mean", path)
        else:
            expressed = np.nansum(np.abs(self.values), axis=0)
        column = "gene_name" if "gene_name" in data.var else None
        self.genes = measured_genes(path, data.var, expressed, self.notes, column)
        self._keep(used & ~uncounted, np.ones(len(self.genes), dtype=bool))

    def _symbols(self, path: Path) -> np.ndarray:
        """The targeted gene's symbol in each row's name."""
        parts = [POPULATION.fullmatch(name) for name in self.names]
        malformed = [name for name, part in zip(self.names, parts, strict=True) if part is None]
        if malformed:
            found = f"{len(malformed)} named otherwise: {preview(malformed)}"
            raise InputError.of_file(path, "rows named like 10005_ZBTB4_P1_ENSG00000174282", found)
        named = pd.DataFrame([part.groupdict() for part in parts if part])
        several = named.groupby("symbol")["ensembl"].nunique() > 1
        what = "target symbol(s) stand for several Ensembl ids and are averaged under the symbol"
        note(self.notes, several.index[several], what)
        return named["symbol"].to_numpy()

    def _controls_in_use(self, obs: pd.DataFrame, path: Path) -> np.ndarray:
        total = int(self.control.sum())
        if not total:
            named = f"among rows named as Replogle et al. 2022 do ({preview(self.names, 1)})"
            raise InputError.of_file(path, f"control rows that end in {CONTROL!r} {named}", "none")
        if "core_control" in obs:
            marked = obs["core_control"].astype(str).str.lower().isin(["true", "1", "1.0"])
            core = self.control & marked.to_numpy()
            if core.any():
                said = f"the {core.sum()} of {total} non-targeting populations marked core_control"
                self.steps.append(f"Controls: {said}.")
                return core
        self.steps.append(f"Controls: all {total} non-targeting populations.")
        return self.control

    def _counts(self, obs: pd.DataFrame, used: np.ndarray, path: Path) -> np.ndarray:
        counted = [c for c in ("num_cells_filtered", "num_cells_unfiltered") if c in obs]
        self.counted = bool(counted)
        if not counted:
            self.notes.append("The file has no cell counts of populations: all count alike.")
            return np.ones(len(obs))
        cells = numeric_column(obs, counted[0], path)
        if len(counted) < 2:
            return cells
        unfiltered = numeric_column(obs, "num_cells_unfiltered", path)
        filled = ~(cells > 0) & (unfiltered > 0)
        what = "population(s) have no num_cells_filtered; num_cells_unfiltered stands in"
        note(self.notes, self.names[filled & used], what)
        return np.where(filled, unfiltered, cells)

    def _keep(self, rows: np.ndarray, genes: np.ndarray) -> None:
        if not (rows.all() and genes.all()):
            self.values = self.values[np.ix_(rows, genes)]
        self.genes = self.genes[genes]
        for name in ("names", "targets", "control", "cells"):
            setattr(self, name, getattr(self, name)[rows])
        if not self.control.any():
            raise InputError("expected control populations, found none that can be used.")
        if self.control.all():
            raise InputError("expected populations of targeted genes, found controls only.")

    def to_log_expression(self) -> None:
        """Scale mean UMI counts to the median control population's total; take log(1 + x)."""
        totals = self.values.sum(axis=1, dtype=np.float64)
        bad = ~np.isfinite(totals) | (self.values < 0).any(axis=1) | (totals == 0)
        if bad.any():
            expected = "raw values (finite mean UMI counts of at least 0, not all 0)"
            found = f"others in {bad.sum()} row(s): {preview(self.names[bad])}"
            raise InputError(f"expected {expected}, found {found}.")
        depth = float(np.median(totals[self.control]))
        self.values *= (depth / totals).astype(np.float32)[:, None]
        np.log1p(self.values, out=self.values)
        self.steps.append(
            f"Scaled every population to {depth:,.5g} UMI per cell (the median control population)"
            " and took log(1 + x)."
        )

    def leave_out_gaps(self) -> None:
        """Leave out genes, then populations, with more than `LARGEST_GAP` of non-finite values.

        Genes that then lack two known controls (or the only one) or any known target go too.
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
        for lost, what in ((self.genes[~genes], "gene(s)"), (self.names[~rows], "population(s)")):
            note(self.notes, lost, f"{what} with too few finite values were left out")
        self._keep(rows, genes)

    def subtract_control(self) -> tuple[np.ndarray, np.ndarray | None]:
        """Subtract the controls' mean; return it and their standard deviation, per gene."""
        controls = self.values[self.control].astype(np.float64)
        controls[~np.isfinite(controls)] = np.nan
        weights = np.where(np.isnan(controls), 0.0, self.cells[self.control][:, None])
        mean = np.nansum(controls * weights, axis=0) / weights.sum(axis=0)
        sd = np.nanstd(controls, axis=0, ddof=1) if len(controls) > 1 else None
        self.values -= mean.astype(np.float32)
        weighted = ", weighted by their cells" * self.counted
        self.steps.append(
            f"Subtracted the mean of the control populations{weighted}; the spread is the standard"
            " deviation across control populations."
        )
        return mean, sd

    def average_targets(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Average each target's populations; return targets (sorted), means and cells."""
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
        weighted = ", weighted by cells" * self.counted
        self.steps.append(
            f"Averaged {len(rows):,} populations to {len(targets):,} targets{weighted}."
        )
        if not len(gap_row):
            return targets, mean, total
        # Correct averages into which unknown values went as 0; `lost` holds their cells.
        gap = np.searchsorted(rows, gap_row)
        lost = sparse.coo_array((cells[gap], (target[gap], gap_gene)), shape=mean.shape)
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
        return targets, mean, total


def _most(names: np.ndarray, counts: np.ndarray) -> str:
    top = [i for i in np.argsort(-counts, kind="stable")[:3] if counts[i]]
    return ", ".join(f"{names[i]} ({int(counts[i]):,})" for i in top)
