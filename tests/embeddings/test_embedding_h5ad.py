"""Embeddings from AnnData files."""

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from llmpert.embeddings import read_embedding
from llmpert.errors import InputError
from tests.support import single_cells

GENES = ["TP53", "MYC", "GATA1", "KLF1", "BAK1", "CDK9"]
VECTORS = np.random.default_rng(4).normal(size=(6, 4)).astype(np.float32)


def written(tmp_path, data: anndata.AnnData):
    data.write_h5ad(tmp_path / "x.h5ad")
    return tmp_path / "x.h5ad"


def names(count: int) -> pd.DataFrame:
    return pd.DataFrame(index=[f"d{place}" for place in range(count)])


def check(path, vectors=VECTORS):
    embedding = read_embedding(path, "text")
    assert list(embedding.genes) == GENES
    np.testing.assert_array_equal(embedding.vectors, vectors)
    return embedding.provenance


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_matrix, sparse.csc_matrix])
def test_genes_as_rows(tmp_path, form):
    check(written(tmp_path, anndata.AnnData(form(VECTORS), pd.DataFrame(index=GENES), names(4))))


def test_genes_as_columns_are_turned(tmp_path):
    known = check(
        written(tmp_path, anndata.AnnData(VECTORS.T.copy(), names(4), pd.DataFrame(index=GENES)))
    )
    assert any("Turned: var has the genes (TP53" in step for step in known["steps"])


def test_the_column_with_known_genes_names_them(tmp_path):
    obs = pd.DataFrame({"kind": ["a"] * 6, "gene_name": GENES}, index=[f"p{n}" for n in range(6)])
    check(written(tmp_path, anndata.AnnData(VECTORS, obs, names(4))))


def test_without_x_the_one_matrix_in_obsm(tmp_path):
    data = anndata.AnnData(obs=pd.DataFrame(index=GENES), obsm={"emb": VECTORS})
    assert check(written(tmp_path, data))["source"] == "obsm/emb of x.h5ad"
    data.obsm["other"] = VECTORS
    with pytest.raises(
        InputError, match=r"2 matrices in obsm \(emb, other\); put the one you want"
    ):
        read_embedding(written(tmp_path, data), "text")
    with_x = anndata.AnnData(VECTORS, data.obs, names(4), obsm={"emb": VECTORS})
    known = check(written(tmp_path, with_x))
    assert any("obsm (emb) was not used" in note for note in known["notes"])


def test_columns_like_genes_and_ids_are_told(tmp_path):
    var = pd.DataFrame(index=["ACTB", "GAPDH", "VIM", "CD44"])
    known = check(written(tmp_path, anndata.AnnData(VECTORS, pd.DataFrame(index=GENES), var)))
    assert any("contain the answers" in note for note in known["notes"])
    counted = np.hstack([VECTORS, np.arange(6)[:, None] + 100]).astype(np.float32)
    wide = anndata.AnnData(counted, pd.DataFrame(index=GENES), names(5))
    assert any(
        "1 column(s) are no part" in note for note in check(written(tmp_path, wide))["notes"]
    )


def test_single_cells_are_declined(tmp_path):
    path = tmp_path / "x.h5ad"
    single_cells.single_cells().write_h5ad(path)
    with pytest.raises(InputError, match="found single cells"):
        read_embedding(path, "text")


def test_no_anndata_file_is_refused(tmp_path):
    (tmp_path / "x.h5ad").write_bytes(b"x")
    with pytest.raises(InputError, match=r"an AnnData file \(\.h5ad\)"):
        read_embedding(tmp_path / "x.h5ad", "text")


@pytest.mark.parametrize("values", [np.ones(6), np.ones((2, 4)), np.float64(1)])
def test_numbers_of_another_shape_are_refused(tmp_path, values):
    path = written(tmp_path, anndata.AnnData(VECTORS, pd.DataFrame(index=GENES), names(4)))
    with h5py.File(path, "a") as file:
        attributes = dict(file["X"].attrs)
        del file["X"]
        file["X"] = values
        file["X"].attrs.update(attributes)
    with pytest.raises(InputError, match=r"x\.h5ad: expected"):
        read_embedding(path, "text")
