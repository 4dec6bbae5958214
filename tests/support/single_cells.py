"""Small files of single cells, and what brute force makes of them."""

from pathlib import Path

import anndata
import numpy as np
import pandas as pd
from scipy import sparse

CONTROL = "non-targeting"
TARGETS = ("AARS", "HLA-A", "NKX2-1", "ZBTB4")


def single_cells(
    count: int = 400, genes: int = 30, seed: int = 0, batches: int = 3
) -> anndata.AnnData:
    """Counts of cells with and without perturbations, laid out as Replogle et al. 2022 do it."""
    rng = np.random.default_rng(seed)
    name = rng.choice([CONTROL, CONTROL, *TARGETS], count)
    batch = rng.integers(1, batches + 1, count)
    expressed = rng.gamma(1, 3, genes)
    effect = {target: np.exp(rng.normal(0, 0.5, genes)) for target in TARGETS}
    of_batch = np.exp(rng.normal(0, 0.3, (batches + 1, genes)))
    rate = expressed * np.array([effect.get(n, np.ones(genes)) for n in name]) * of_batch[batch]
    obs = pd.DataFrame(
        {"gene": pd.Categorical(name), "gem_group": batch},
        index=[f"cell{number}" for number in range(count)],
    )
    var = pd.DataFrame(
        {"gene_name": [f"M{number}" for number in range(genes)]},
        index=[f"ENSG{number:011d}" for number in range(genes)],
    )
    return anndata.AnnData(rng.poisson(rate).astype(np.float32), obs=obs, var=var)


def written(path: Path, data: anndata.AnnData, as_sparse: bool = False, **options) -> Path:
    """Write cells to a file, as a CSR matrix if wanted."""
    data = data.copy()
    if as_sparse:
        data.X = sparse.csr_matrix(data.X)
    data.write_h5ad(path, **options)
    return path


def log_expression(counts: np.ndarray) -> np.ndarray:
    """log(1 + x) of cells scaled to 10,000 counts, in float64."""
    counts = counts.astype(np.float64)
    return np.log1p(counts / counts.sum(axis=1, keepdims=True) * 1e4)
