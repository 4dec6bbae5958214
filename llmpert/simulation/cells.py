"""Simulated single cells, for methods that learn from cells rather than from mean responses."""

import anndata
import numpy as np
import pandas as pd
from scipy import sparse

from llmpert.simulation.generate import Simulation, stream

CONTROL = "non-targeting"
"""What the column `gene` says of control cells, as in the files of Replogle et al. 2022."""


def single_cells(
    simulation: Simulation, line: str, per_perturbation: int, pool: int = 1
) -> anndata.AnnData:
    """Draw control cells and some cells of every perturbation of a line.

    A perturbed cell is a random control cell in which every gene's expression is multiplied by the
    ratio of the perturbation's measured mean to the control mean: cells of a perturbation average
    to the screen's response, and vary and drop out as control cells do. A gene that no control cell
    expresses stays at 0.

    Args:
        per_perturbation: Cells (or pools) of each perturbation.
        pool: How many cells each row is the mean of (metacells).

    Returns:
        X: sparse float32, cells x measured genes, log-normalised expression. obs: gene (the knocked
        down one, or `CONTROL`). uns: line, source, unit (of differences between cells), pool, that
        they are simulated and on a logarithmic scale.
    """
    screen, control = simulation.screens[line], simulation.controls[line]
    rng = stream(simulation.seed, "single cells", line)

    def draw(count: int) -> np.ndarray:
        return control[rng.integers(len(control), size=(count, pool))].mean(axis=1)

    mean = np.asarray(screen.control_mean, dtype=np.float32)
    blocks = [sparse.csr_matrix(draw(len(control)))]
    for response in screen.response:
        fold = np.divide(mean + response, mean, out=np.ones_like(mean), where=mean > 0)
        blocks.append(sparse.csr_matrix(draw(per_perturbation) * np.maximum(fold, 0)))
    gene = [CONTROL] * len(control) + list(np.repeat(screen.perturbations, per_perturbation))
    names = [f"cell {number}" for number in range(1, len(gene) + 1)]
    cells = anndata.AnnData(
        sparse.vstack(blocks, format="csr", dtype=np.float32),
        obs=pd.DataFrame({"gene": pd.Categorical(gene)}, index=names),
        var=pd.DataFrame(index=pd.Index(screen.genes.astype(str))),
    )
    source = screen.provenance["source"]
    about = {"source": source, "unit": screen.unit, "pool": pool, "line": line, "simulated": True}
    # As scanpy says that values are natural logarithms.
    cells.uns.update(about, log1p={"base": None})
    return cells
