"""How genes vary together over control cells, against NumPy; and what is predicted from it."""

from dataclasses import replace

import anndata
import numpy as np
import pytest
import scipy.sparse

from llmpert.errors import InputError
from llmpert.evaluation.experiment import Experiment, Settings
from llmpert.evaluation.grid import grid, run
from llmpert.evaluation.problem import Problem
from llmpert.evaluation.store import ResultsStore
from llmpert.screens import Screen
from llmpert.screens.cells import plan, pseudobulk, with_covariance
from llmpert.screens.files import COVARIANCE
from tests.support import small
from tests.support.single_cells import CONTROL, TARGETS, log_expression, single_cells, written


def measuring_targets() -> anndata.AnnData:
    """Two of the four targets are among the measured genes; a cell is empty."""
    data = single_cells()
    data.var["gene_name"] = ["AARS1", "ZBTB4", *data.var["gene_name"][2:]]
    data.X[np.flatnonzero(data.obs["gene"] == CONTROL)[0]] = 0
    return data


def covariances(path, **options) -> Screen:
    found = plan(path, **options)
    return with_covariance(found, pseudobulk(found))


@pytest.mark.parametrize("stored", [np.asarray, scipy.sparse.csr_matrix, scipy.sparse.csc_matrix])
@pytest.mark.parametrize("batch", ["gem_group", "none"])
def test_it_is_numpys_covariance_over_control_cells(stored, batch, tmp_path, monkeypatch):
    monkeypatch.setattr("llmpert.screens.cells.file.BLOCK_BYTES", 4 * 30 * 50)
    data = measuring_targets()
    control = (data.obs["gene"] == CONTROL).to_numpy() & (data.X.sum(axis=1) > 0)
    values, batches = log_expression(data.X[control]), data.obs["gem_group"][control].to_numpy()
    if batch == "none":
        expected = np.cov(values.T)
    else:
        for one in np.unique(batches):
            values[batches == one] -= values[batches == one].mean(axis=0)
        expected = values.T @ values / (len(values) - 3)
    data.X = stored(data.X)
    screen = covariances(written(tmp_path / "k562_cells.h5ad", data), batch=batch)
    assert list(screen.perturbations) == list(TARGETS)
    layer = screen.layers[COVARIANCE]
    # AARS is called AARS1 today.
    np.testing.assert_allclose(layer[[0, 3]], expected[:2], rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(layer[1:3], 0)


def test_it_predicts_what_follows_it_and_is_not_fitted_without_it(tmp_path):
    rng = np.random.default_rng(0)
    covariance = rng.normal(size=(40, 30)).astype(np.float32)
    moved = -2 * covariance + rng.normal(0, 0.1, size=covariance.shape)
    screen = replace(small.screen(), response=moved, layers={COVARIANCE: covariance})
    settings = Settings(folds=4, n_hvgs=12, top=5, components=6)
    store = ResultsStore(tmp_path / "results")
    one = Experiment(Problem.align(screen, [small.embedding()]), settings, store)
    table = run(grid([one], ["covariance"], [])).table
    assert set(table["embedding"]) == {"control cells of LineA"}
    assert table.query("metric == 'pearson_all'")["value"].min() > 0.99
    other = Experiment(Problem.align(small.screen(), [small.embedding()]), settings, store)
    with pytest.raises(InputError, match=r"covariance predicts from unperturbed cells.*found none"):
        grid([other], ["covariance"], [])
