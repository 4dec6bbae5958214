"""Reading a sample of single cells, and what a fold sees of it."""

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from llmpert.errors import InputError
from llmpert.methods.gears.cells import CONTROL, read_cells
from tests.support import small

GENES = small.names("OUT", 30)


def file_of(path, matrix=None, unit="Δ expression", label=None, genes=GENES, column="gene"):
    """40 perturbations with 5 cells each, 20 controls, and 6 cells of a gene not in the screen."""
    if label is None:
        label = np.repeat([*small.names("KD", 40), "other"], 5).tolist() + ["non-targeting"] * 20
    if matrix is None:
        matrix = np.random.default_rng(0).random((len(label), len(genes))).astype(np.float32)
    data = anndata.AnnData(
        matrix,
        obs=pd.DataFrame({column: label}, index=[f"c{k}" for k in range(len(label))]),
        var=pd.DataFrame(index=list(genes)),
    )
    if unit:
        data.uns["unit"] = unit
    data.write_h5ad(path)
    return data


def read(path, **options):
    given = {"per_perturbation": 3, "controls": 10} | options
    return read_cells(path, small.screen(), **given)


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_matrix])
def test_a_sample_of_each_perturbation_is_read(tmp_path, form, monkeypatch):
    monkeypatch.setattr("llmpert.screens.cells.file.BLOCK_BYTES", 7 * 4 * 30)
    rng = np.random.default_rng(1)
    matrix = rng.random((225, 30)).astype(np.float32)
    shuffled = rng.permutation(GENES)
    data = file_of(tmp_path / "cells.h5ad", form(matrix), genes=shuffled)
    found = read(tmp_path / "cells.h5ad")
    counts = pd.Series(found.perturbation).value_counts()
    assert counts[CONTROL] == 10
    assert set(counts.drop(CONTROL)) == {3}
    assert set(counts.index) == {CONTROL, *small.names("KD", 40)}
    assert found.genes.tolist() == GENES
    # Every cell read is one of the file's cells of that perturbation, at the screen's genes.
    dense = pd.DataFrame(matrix, columns=shuffled)[GENES].to_numpy()
    for row, name in zip(found.expression.toarray(), found.perturbation, strict=True):
        label = "non-targeting" if name == CONTROL else name
        own = dense[(data.obs["gene"] == label).to_numpy()]
        assert (np.abs(own - row).max(axis=1) == 0).any()


def test_pools_are_told_from_cells(tmp_path):
    data = file_of(tmp_path / "cells.h5ad")
    assert read(tmp_path / "cells.h5ad").pool == 1
    data.uns["pool"] = 19
    data.write_h5ad(tmp_path / "pools.h5ad")
    assert read(tmp_path / "pools.h5ad").pool == 19


def test_the_same_seed_draws_the_same_cells(tmp_path):
    file_of(tmp_path / "cells.h5ad")
    first, again, other = (read(tmp_path / "cells.h5ad", seed=s) for s in (1, 1, 2))
    assert first.fingerprint == again.fingerprint != other.fingerprint


def test_counts_are_normalised(tmp_path):
    counts = np.random.default_rng(2).poisson(2.0, (225, 30)).astype(np.float32)
    file_of(tmp_path / "cells.h5ad", counts)
    found = read(tmp_path / "cells.h5ad", per_perturbation=5, controls=20)
    back = np.expm1(found.expression.toarray())
    np.testing.assert_allclose(back.sum(axis=1), 10_000, rtol=1e-4)


def test_a_fold_sees_controls_and_its_own_perturbations_only(tmp_path):
    file_of(tmp_path / "cells.h5ad")
    found = read(tmp_path / "cells.h5ad")
    columns = np.array([4, 2, 9])
    part = found.of(["KD003", "KD007"], columns)
    assert set(part.obs["condition"]) == {"KD003+ctrl", "KD007+ctrl", "ctrl"}
    assert part.var_names.tolist() == ["OUT004", "OUT002", "OUT009"]
    assert part.shape == (3 + 3 + 10, 3)
    assert found.count(["KD003", "KD007"]) == 16
    rows = np.isin(found.perturbation, ["KD003", "KD007", CONTROL])
    np.testing.assert_array_equal(part.X.toarray(), found.expression[rows].toarray()[:, columns])


@pytest.mark.parametrize(
    ("changed", "options", "words"),
    [
        ({"unit": None}, {}, "the unit of differences between cells"),
        ({"unit": "z-score"}, {}, "'z-score'"),
        ({}, {"unit": "z-score"}, "'z-score'"),
        ({"column": "target"}, {"column": "gene"}, "a column 'gene' of obs"),
        ({}, {"control": ["nobody"]}, "control cells as 'nobody'"),
        ({"genes": [f"X{k}" for k in range(30)]}, {}, "30 of them missing"),
        ({"genes": [*GENES[:-1], "X"]}, {}, "1 of them missing (OUT029)"),
        ({"label": ["HLA-E"] * 5 + ["non-targeting"] * 20}, {}, "others only"),
        ({"matrix": np.full((225, 30), -0.5, np.float32)}, {}, "negative"),
        ({"matrix": np.full((225, 30), np.nan, np.float32)}, {}, "missing"),
    ],
)
def test_what_cannot_be_used_is_told(tmp_path, changed, options, words):
    path = tmp_path / "cells.h5ad"
    file_of(path, **changed)
    with pytest.raises(InputError) as error:
        read(path, **options)
    assert words in str(error.value)
    assert "cells.h5ad" in str(error.value)


def test_a_file_that_is_no_h5ad_is_told(tmp_path):
    (tmp_path / "cells.h5ad").write_text("not HDF5")
    with pytest.raises(InputError, match=r"single cells in AnnData's format"):
        read(tmp_path / "cells.h5ad")


@pytest.mark.parametrize(
    ("part", "place", "value"), [("indptr", 3, -(2**31)), ("indptr", -1, 9), ("indices", 0, 99)]
)
def test_cells_with_indices_that_lead_out_are_refused(tmp_path, part, place, value):
    path = tmp_path / "cells.h5ad"
    file_of(path, sparse.csr_matrix(np.ones((225, 30), np.float32) / 3))
    with h5py.File(path, "r+") as file:
        numbers = file[f"X/{part}"][()]
        numbers[place] = value
        file[f"X/{part}"][...] = numbers
    with pytest.raises(InputError, match=r"cells\.h5ad: .*(disorder|indices inside it)"):
        read(path, per_perturbation=5, controls=20)


def test_cells_that_lie_in_another_file_are_not_read(tmp_path):
    path = tmp_path / "cells.h5ad"
    file_of(path)
    with h5py.File(path, "r+") as file:
        file["obs/out"] = h5py.ExternalLink("other.h5", "/x")
    with pytest.raises(InputError, match="an external link under 'out'"):
        read(path)


def test_parts_of_another_kind_are_refused(tmp_path):
    path = tmp_path / "cells.h5ad"
    file_of(path)
    with h5py.File(path, "r+") as file:
        del file["uns"]
        file["uns"] = 5
    with pytest.raises(InputError, match=r"cells\.h5ad: expected a dict as uns"):
        read(path)
