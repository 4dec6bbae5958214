"""UniProt's per-protein files: accessions to symbols, one protein a gene."""

from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from llmpert.embeddings.prott5 import read_prott5
from llmpert.errors import InputError
from llmpert.genes import GeneTable

GENES = GeneTable(
    pd.DataFrame(
        [
            ("7157", "TP53", "P04637|K7PPA8|A0A024R1X5", ""),
            ("4609", "MYC", "P01106", ""),
            ("8359", "H4C1", "P62805", ""),
            ("8366", "H4C2", "P62805", ""),
            ("1", "A1BG", "", "Q00001"),
        ],
        columns=["entrez", "symbol", "uniprot", "aliases"],
    ).assign(ensembl="", name="")
)


def write(path: Path, datasets: dict[str, object]) -> Path:
    with h5py.File(path, "w") as file:
        for accession, values in datasets.items():
            file[accession] = values
    return path


def vector(value: float, size: int = 4) -> np.ndarray:
    return np.full(size, value, dtype=np.float16)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "per-protein.h5"


def test_accessions_become_symbols(file: Path):
    embedding = read_prott5(write(file, {"P04637": vector(1), "P01106": vector(2)}), genes=GENES)
    assert embedding.name == "sequence"
    assert dict(zip(embedding.genes, embedding.vectors[:, 0], strict=True)) == {"TP53": 1, "MYC": 2}
    assert embedding.vectors.dtype == np.float32
    assert embedding.provenance["file"] == "per-protein.h5"


@pytest.mark.parametrize(
    ("accessions", "chosen"),
    [
        (["K7PPA8", "A0A024R1X5", "P04637"], "P04637"),
        (["A0A024R1X5", "K7PPA8"], "K7PPA8"),
        (["P04637-2", "A0A024R1X5", "P04637"], "P04637"),
        (["P04637-3", "P04637-2"], "P04637-2"),
    ],
)
def test_one_protein_speaks_for_a_gene(file: Path, accessions: list[str], chosen: str):
    datasets = {accession: vector(i + 1) for i, accession in enumerate(accessions)}
    embedding = read_prott5(write(file, datasets), genes=GENES)
    assert embedding.genes.tolist() == ["TP53"]
    assert embedding.vectors[0, 0] == accessions.index(chosen) + 1
    note = embedding.provenance["notes"][-1]
    assert note.startswith(f"{len(accessions) - 1} further protein(s)")
    assert "(TP53)" in note
    assert f"{chosen} (" not in note


def test_a_protein_of_several_genes_is_the_protein_of_each(file: Path):
    embedding = read_prott5(write(file, {"P62805": vector(3)}), genes=GENES)
    assert sorted(embedding.genes) == ["H4C1", "H4C2"]
    assert (embedding.vectors == 3).all()


def test_proteins_of_no_gene_are_noted(file: Path):
    # Q00001 is an alias here, MYC a symbol: neither is an accession.
    datasets = {k: vector(1) for k in ("P04637", "Q99999", "Q00001", "MYC")}
    embedding = read_prott5(write(file, datasets), genes=GENES)
    assert embedding.genes.tolist() == ["TP53"]
    note = embedding.provenance["notes"][-1]
    assert note.startswith("3 of 4 protein(s) belong to no gene")
    assert all(accession in note for accession in ("Q99999", "Q00001", "MYC"))


def test_proteins_without_numbers_are_noted(file: Path):
    datasets = {"P04637": vector(np.nan), "P01106": vector(1), "P62805": vector(0)}
    embedding = read_prott5(write(file, datasets), genes=GENES)
    assert embedding.genes.tolist() == ["MYC"]
    notes = " ".join(embedding.provenance["notes"])
    assert "missing or infinite numbers were left out: TP53" in notes
    assert "nothing but zeros were left out: H4C1, H4C2" in notes


@pytest.mark.parametrize(("size", "stand_in"), [(1024, False), (1900, True)])
def test_stand_ins_are_marked(file: Path, size: int, stand_in: bool):
    provenance = read_prott5(write(file, {"P04637": vector(1, size)}), genes=GENES).provenance
    assert provenance["stand_in"] is stand_in
    if stand_in:
        assert provenance["notes"][0].startswith("1,900 numbers a protein: not UniProt's ProtT5")
        assert "licence" not in provenance
    else:
        assert provenance["model"].startswith("ProtT5")
        assert provenance["licence"] == "CC BY 4.0"


def test_the_shipped_table_serves_where_none_is_given(file: Path):
    embedding = read_prott5(write(file, {"O75586": vector(1)}))
    assert embedding.genes.tolist() == ["MED6"]


@pytest.mark.parametrize(
    ("datasets", "message"),
    [
        ({}, "found nothing in it"),
        ({"P01106": vector(1, 4), "P04637": vector(1, 5)}, "P01106 has 4.*P04637 with 5"),
        ({"P04637": np.ones((2, 2))}, r"found float64 of shape \(2, 2\) under P04637"),
        ({"P04637": np.float32(1)}, r"shape \(\) under P04637"),
        ({"P04637": np.empty(0, np.float16)}, r"shape \(0,\) under P04637"),
        ({"P04637": [b"text"]}, "under P04637"),
        ({"X/values": vector(1)}, "a group under X"),
        ({"P04637": h5py.SoftLink("/elsewhere")}, "a soft link under 'P04637'"),
        ({"P04637": h5py.ExternalLink("other.h5", "/x")}, "an external link under 'P04637'"),
        ({"Q99999": vector(1)}, "UniProt accessions of human genes, found 1 of 1 protein"),
    ],
)
def test_says_what_was_wrong(file: Path, datasets: dict, message: str):
    with pytest.raises(InputError, match=message) as caught:
        read_prott5(write(file, datasets), genes=GENES)
    assert str(file) in str(caught.value)


def test_truncated_or_other_files(file: Path):
    content = write(file, {"P04637": vector(1, 1024)}).read_bytes()
    for length in (0, 4, 100, len(content) // 2, len(content) - 600):
        file.write_bytes(content[:length])
        with pytest.raises(InputError, match="expected an HDF5 file of one vector"):
            read_prott5(file, genes=GENES)
    with pytest.raises(InputError, match="no such file"):
        read_prott5(file.with_name("none.h5"), genes=GENES)


@pytest.mark.real
def test_the_benchmark_file(real_data: Path):
    path = real_data / "embeddings" / "per-protein.h5"
    embedding = read_prott5(path)
    assert embedding.dimensions == 1900
    assert embedding.provenance["stand_in"] is True
    assert len(embedding.genes) > 2250
    table = GeneTable.shipped()
    with h5py.File(path, "r") as file:
        for symbol in ("GATA1", "MED6", "RPL3"):
            gene = table.resolve(symbol).gene
            [accession] = [a for a in gene.uniprot if a in file]
            expected = file[accession][:].astype(np.float32)
            np.testing.assert_array_equal(embedding.rows([symbol])[0], expected)
