"""Every file of embeddings, by one function."""

import pickle
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from llmpert.embeddings import Embedding, read_embedding, save_embedding
from llmpert.errors import InputError
from llmpert.genes import GeneTable

TABLE = GeneTable(
    pd.DataFrame(
        [("7157", "TP53", "", "", "P04637", "")],
        columns=["entrez", "symbol", "name", "ensembl", "uniprot", "aliases"],
    )
)


@pytest.mark.parametrize(
    "name", ["a.pickle", "a.pkl", "A.PICKLE", "GenePT_gene_protein_embedding_model_3_text.pickle."]
)
def test_pickles(tmp_path: Path, name: str):
    path = tmp_path / name
    path.write_bytes(pickle.dumps({"TP53": [1.0, 2.0]}))
    embedding = read_embedding(path, "text v2")
    assert embedding.name == "text v2"
    assert embedding.vectors.tolist() == [[1, 2]]


@pytest.mark.parametrize("name", ["a.h5", "a.hdf5", "a.H5"])
def test_hdf5(tmp_path: Path, name: str):
    with h5py.File(tmp_path / name, "w") as file:
        file["P04637"] = np.ones(3, np.float16)
    assert read_embedding(tmp_path / name, "protein", TABLE).genes.tolist() == ["TP53"]


def test_parquet_by_content(tmp_path: Path):
    pd.DataFrame({"gene": ["TP53"], "x": [1.5]}).to_parquet(tmp_path / "a.parquet")
    assert read_embedding(tmp_path / "a.parquet", "go").vectors.tolist() == [[1.5]]
    source = Embedding("text", np.array(["MYC"]), np.array([[2.5]]), {"source": "x"})
    save_embedding(source, tmp_path / "a.parquet")
    embedding = read_embedding(tmp_path / "a.parquet", "go")
    assert embedding.name == "go"
    assert embedding.genes.tolist() == ["MYC"]
    assert embedding.provenance == {"source": "x"}


def test_text_and_archives(tmp_path: Path):
    (tmp_path / "a.csv").write_text("gene,x\nTP53,1\n")
    np.savez(tmp_path / "a.npz", TP53=np.ones(1))
    for name in ("a.csv", "a.npz"):
        assert read_embedding(tmp_path / name, "x").vectors.tolist() == [[1]]


def test_other_files(tmp_path: Path):
    (tmp_path / "a.zip").write_bytes(b"PK")
    with pytest.raises(InputError, match=r"a file of embeddings \(\.pickle.*\.npz"):
        read_embedding(tmp_path / "a.zip", "x")
    with pytest.raises(InputError, match="no such file"):
        read_embedding(tmp_path / "none.pickle", "x")


@pytest.mark.parametrize(
    ("name", "way"),
    [
        ("a.pt", "torch.load"), ("a.CKPT", "torch.load"), ("a.xlsx", "CSV UTF-8"),
        ("a.rds", "write.csv"), ("a.tar.gz", "unpack it"), ("a.json", "pandas"),
    ],
)  # fmt: skip
def test_others_are_declined_with_the_way_out(tmp_path: Path, name: str, way: str):
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(InputError, match=f"another kind; .*{way}"):
        read_embedding(tmp_path / name, "x")


@pytest.mark.real
@pytest.mark.parametrize(
    ("file", "shape", "stand_in"),
    [
        ("text_genept_minilm.pickle", (2395, 384), True),
        ("per-protein.h5", (None, 1900), True),
        ("text_go_minilm.parquet", (2395, 384), False),
        ("go_svd.parquet", (2346, 256), False),
        ("pubmed_svd.parquet", (2353, 256), False),
        ("coexpression_pca.parquet", (2253, 100), False),
    ],
)
def test_the_benchmark_files(real_data: Path, tmp_path: Path, file: str, shape, stand_in: bool):
    embedding = read_embedding(real_data / "embeddings" / file, "source")
    assert embedding.vectors.shape[1] == shape[1]
    assert len(embedding.genes) == shape[0] or (shape[0] is None and len(embedding.genes) > 2250)
    assert embedding.provenance["stand_in"] is stand_in
    assert embedding.provenance["file"] == file
    assert {"GATA1", "RPL3", "MED6"} <= set(embedding.genes)
    save_embedding(embedding, tmp_path / "stored.parquet")
    back = read_embedding(tmp_path / "stored.parquet", "source")
    assert back.fingerprint == embedding.fingerprint
    assert back.provenance == embedding.provenance
    if file.endswith(".parquet"):
        original = pd.read_parquet(real_data / "embeddings" / file)
        np.testing.assert_array_equal(embedding.rows(list(original.index)), original.to_numpy())
