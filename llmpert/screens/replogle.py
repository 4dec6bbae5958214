"""Reader of the bulk files of Replogle et al. 2022 (genome-scale Perturb-seq).

Source: Replogle et al., Cell 185 (2022), figshare article 20029387, CC BY 4.0. A row of a bulk
file is a population: the cells that got one guide pair, against one transcript or site of one gene.

The screen keeps every measured gene. Highly variable genes are chosen later, in each fold of an
evaluation, from that fold's training responses alone: a choice made here, from all responses, would
let the held-out ones take part.
"""

import re
from pathlib import Path
from typing import Literal

import anndata
import numpy as np
import pandas as pd

from llmpert.errors import InputError
from llmpert.io.reading import naming, preview
from llmpert.screens.files import matrix, numeric_column, open_h5ad
from llmpert.screens.names import measured_genes
from llmpert.screens.populations import Populations
from llmpert.screens.screen import Screen

Kind = Literal["raw", "normalized"]

#: `10005_ZBTB4_P1_ENSG00000174282`: library id, symbol, transcript or site, Ensembl id. Symbols may
#: hold "-", "." and "_"; the other parts hold no "_". A few targets have "nan" for an Ensembl id.
POPULATION = re.compile(r"\d+_(?P<symbol>.+)_(?P<site>[^_]+)_(?P<ensembl>[^_]+)")
CONTROL = "non-targeting"


def read_replogle(path: str | Path, line: str | None = None, *, kind: Kind | None = None) -> Screen:
    """Read a bulk file as a screen: one row a targeted gene, one column a measured gene.

    *Raw* files hold mean UMI counts per cell. Each population is scaled to the same depth (the
    median, over the control populations, of a population's total UMI per cell) and transformed as
    log(1 + x); this is the logarithm of a mean, not the mean of single cells' logarithms.
    *Normalised* files hold z-scores against the controls of the same gem group and are not
    transformed.

    From there both are treated alike. `control_mean` is the mean of the control populations
    weighted by their cells, and is subtracted from every population. `spread` is the standard
    deviation across control populations (n - 1, unweighted; None with a single one): the noise of
    a population's mean, not of a single cell. A target's populations are averaged, weighted by
    `num_cells_filtered` (`num_cells_unfiltered` where that is missing, as it is for controls
    outside the core set). Controls are the `non-targeting` rows marked `core_control`, or all
    `non-targeting` rows where none is marked.

    Infinite and missing z-scores come from controls without any spread in a gem group: a
    division by zero, which says nothing about the size of an effect. Clipping an infinite one to
    the gene's extreme would make one cell with one UMI the screen's strongest response, and 0
    would claim "no effect", so both count as unknown. A gene unknown in more than 5 % of
    populations (or in all but one control) is left out, then a population unknown in more than
    5 % of the remaining genes. What is left is taken from the target's other populations, else
    the gene's mean response over all targets stands in. `provenance["notes"]` counts every case.

    Parameters
    ----------
    path:
        A `.h5ad` file such as `K562_essential_raw_bulk_01.h5ad`.
    line:
        The cell line; read from the file name where that holds "K562" or "RPE1".
    kind:
        Which of the two files it is. Told from the values (only z-scores are negative) where not
        given, and checked against the file name.

    Returns
    -------
    Screen
        `unit` is "Δ log-normalised expression" (raw) or "Δ z-score" (normalised). Measured genes
        go by their symbol; of several with one symbol, all but the most expressed by Ensembl id.

    Raises
    ------
    InputError
        The file cannot be read, lacks a column, has rows with names of another form, holds no
        control, or its values contradict its kind.
    """
    path = Path(path)
    return screen_of(open_h5ad(path), path, line, kind=kind)


def is_replogle(data: anndata.AnnData) -> bool:
    """Whether most rows are named like populations and the measured genes have symbols."""
    named = sum(bool(POPULATION.fullmatch(str(name))) for name in data.obs_names)
    return "gene_name" in data.var and 2 * named > data.n_obs


def screen_of(
    data: anndata.AnnData, path: Path, line: str | None = None, *, kind: Kind | None = None
) -> Screen:
    """`read_replogle` for a file already opened; takes X out of `data` to spare a copy of it."""
    with naming(path):
        line = line or _line(path)
        populations = _populations(data, path)
        kind = kind or _kind(populations.values, path)
        if kind == "raw":
            populations.to_log_expression()
        else:
            populations.steps.append("Taken as z-scores against the controls of each gem group.")
            populations.leave_out_gaps()
        control_mean, spread = populations.subtract_control()
        targets, response, cells = populations.average_targets()
        return Screen(
            line=line,
            response=response,
            perturbations=targets,
            genes=populations.genes,
            unit="Δ log-normalised expression" if kind == "raw" else "Δ z-score",
            control_mean=control_mean,
            spread=spread,
            cells=cells,
            provenance={
                "source": "Replogle et al. 2022, figshare 20029387",
                "licence": "CC BY 4.0",
                "file": path.name,
                "steps": populations.steps,
                "notes": populations.notes,
                "simulated": False,
            },
        )


def _line(path: Path) -> str:
    found = re.search("K562|RPE1", path.name, re.IGNORECASE)
    if not found:
        raise InputError.of_file(
            path, "K562 or RPE1 in the file name, or the cell line given", "neither"
        )
    return found.group().upper()


def _kind(values: np.ndarray, path: Path) -> Kind:
    """Only z-scores go below zero; where the name says otherwise, the user has to decide."""
    kind: Kind = "normalized" if (values < 0).any() else "raw"
    named = set(re.findall(r"(?<![a-z])(raw|normali[sz]ed)(?![a-z])", path.name.lower()))
    if len(named) == 1 and (named == {"raw"}) != (kind == "raw"):
        found = "negative values" if kind == "normalized" else "no negative value"
        raise InputError.of_file(
            path, f"{named.pop()} values, as the file name says", f"{found}; say which kind it is"
        )
    return kind


def _populations(data: anndata.AnnData, path: Path) -> Populations:
    for frame, where, columns in (
        (data.obs, "obs", ["num_cells_filtered"]),
        (data.var, "var", ["gene_name", "mean"]),
    ):
        missing = [column for column in columns if column not in frame]
        if missing:
            raise InputError.of_file(path, f"the column {missing[0]!r} in {where}", "none")
    steps: list[str] = []
    notes: list[str] = []
    names = data.obs_names.to_numpy().astype(str)
    symbols = _symbols(names, path, notes)
    control = np.char.endswith(names, CONTROL)
    used = ~control | _controls_in_use(data.obs, control, path, steps)
    cells = _cells(data.obs, path, used, notes)
    uncounted = used & ~(cells > 0)
    if uncounted.any():
        notes.append(
            f"{int(uncounted.sum())} population(s) without a cell count were left out:"
            f" {preview(names[uncounted])}."
        )
    keep = used & ~uncounted
    genes = measured_genes(data.var, numeric_column(data.var, "mean", path), notes)
    values = matrix(data, path)
    data.X = None
    return Populations(
        values=values if keep.all() else values[keep],
        names=names[keep],
        targets=symbols[keep],
        control=control[keep],
        cells=cells[keep],
        genes=genes,
        steps=steps,
        notes=notes,
    )


def _symbols(names: np.ndarray, path: Path, notes: list[str]) -> np.ndarray:
    """The targeted gene's symbol in each row's name."""
    parts = [POPULATION.fullmatch(name) for name in names]
    malformed = [name for name, part in zip(names, parts, strict=True) if part is None]
    if malformed:
        raise InputError.of_file(
            path,
            "rows named like 10005_ZBTB4_P1_ENSG00000174282",
            f"{len(malformed)} named otherwise: {preview(malformed)}",
        )
    found = pd.DataFrame([part.groupdict() for part in parts if part])
    several = found.groupby("symbol")["ensembl"].nunique() > 1
    if several.any():
        notes.append(
            f"{int(several.sum())} target symbol(s) stand for several Ensembl ids and are averaged"
            f" under the symbol: {preview(several.index[several].to_numpy())}."
        )
    return found["symbol"].to_numpy()


def _controls_in_use(
    obs: pd.DataFrame, control: np.ndarray, path: Path, steps: list[str]
) -> np.ndarray:
    if not control.any():
        raise InputError.of_file(path, f"control rows that end in {CONTROL!r}", "none")
    if "core_control" in obs:
        marked = obs["core_control"].astype(str).str.lower().isin(["true", "1", "1.0"]).to_numpy()
        core = control & marked
        if core.any():
            steps.append(
                f"Controls: the {int(core.sum())} of {int(control.sum())} non-targeting"
                " populations that are marked core_control."
            )
            return core
    steps.append(f"Controls: all {int(control.sum())} non-targeting populations.")
    return control


def _cells(obs: pd.DataFrame, path: Path, used: np.ndarray, notes: list[str]) -> np.ndarray:
    cells = numeric_column(obs, "num_cells_filtered", path)
    if "num_cells_unfiltered" not in obs:
        return cells
    unfiltered = numeric_column(obs, "num_cells_unfiltered", path)
    filled = ~(cells > 0) & (unfiltered > 0)
    if (filled & used).any():
        notes.append(
            f"{int((filled & used).sum())} population(s) have no num_cells_filtered;"
            " num_cells_unfiltered stands in."
        )
    return np.where(filled, unfiltered, cells)
