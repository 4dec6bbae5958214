"""A cluster of cells against the rest, against brute force."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from llmpert.errors import InputError
from llmpert.screens.cells.cluster import cluster_against_rest, clusters_in
from tests.support.single_cells import log_expression, single_cells, written


@pytest.fixture(scope="module")
def cells():
    data = single_cells(120, 30)
    clusters = pd.Categorical(np.random.default_rng(1).choice(["0", "1", " T cell"], 120))
    data.obs["leiden"] = clusters
    data.obs.iloc[:5, data.obs.columns.get_loc("leiden")] = np.nan
    data.obs["depth"] = data.X.sum(axis=1) / 7
    data.X[7] = 0
    return data


@pytest.mark.parametrize("kind", ["dense", "csr", "csc", "logged"])
def test_the_difference_of_means(tmp_path, cells, kind):
    data = cells.copy()
    full = np.asarray(cells.X.sum(axis=1)).ravel() > 0
    expression = log_expression(np.where(full[:, None], cells.X, 1)) * full[:, None]
    if kind == "logged":
        data.X = expression.astype(np.float32)
    elif kind != "dense":
        data.X = (sparse.csr_matrix if kind == "csr" else sparse.csc_matrix)(data.X)
    found = cluster_against_rest(written(tmp_path / "cells.h5ad", data), "leiden", "T cell")
    labels = cells.obs["leiden"]
    own, rest = full & (labels == " T cell"), full & labels.isin(["0", "1"])
    expected = expression[own].mean(axis=0) - expression[rest].mean(axis=0)
    np.testing.assert_allclose(found.difference, expected, atol=2e-5)
    assert (found.cells, found.rest) == (own.sum(), rest.sum())
    assert list(found.genes[:2]) == ["M0", "M1"]


def test_columns_that_group_cells(tmp_path, cells):
    found = clusters_in(written(tmp_path / "cells.h5ad", cells))
    assert set(found) == {"gene", "gem_group", "leiden"}
    assert found["leiden"] == cells.obs["leiden"].str.strip().value_counts().to_dict()


@pytest.mark.parametrize(
    ("column", "label", "limit", "message"),
    [
        ("louvain", "0", None, "a column 'louvain' of obs"),
        ("leiden", "9", None, "cells with leiden = '9'"),
        ("leiden", "0", 100, "at most 100 cells x genes"),
    ],
)
def test_what_is_no_cluster_gets_a_sentence(tmp_path, cells, column, label, limit, message):
    path = written(tmp_path / "cells.h5ad", cells)
    with pytest.raises(InputError, match=message):
        cluster_against_rest(path, column, label, upload_limit=limit)


def test_one_cell_is_no_cluster_and_depth_groups_nothing(tmp_path, cells):
    data = cells.copy()
    data.obs["one"] = ["yes", *["no"] * 119]
    with pytest.raises(InputError, match="2 or more cells with one = 'yes'"):
        cluster_against_rest(written(tmp_path / "one.h5ad", data), "one", "yes")
    data.obs = data.obs[["depth"]]
    with pytest.raises(InputError, match="a column of obs that groups cells"):
        clusters_in(written(tmp_path / "depth.h5ad", data))
