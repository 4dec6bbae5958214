"""Embeddings from Parquet, CSV, TSV and NPZ."""

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llmpert.embeddings.tables import read_embedding_table
from llmpert.errors import InputError

GENES = ["TP53", "MYC", "GATA1"]
VECTORS = np.array([[0.5, 1.5], [-2.0, 3.0], [4.0, 0.25]], dtype=np.float32)


def frame(**columns) -> pd.DataFrame:
    return pd.DataFrame({**columns, "x": VECTORS[:, 0], "y": VECTORS[:, 1]})


def save(table: pd.DataFrame, path: Path, index: bool) -> Path:
    if path.name.endswith(".parquet"):
        table.to_parquet(path, index=index)
    else:
        table.to_csv(path, index=index, sep="\t" if ".tsv" in path.name else ",")
    return path


@pytest.mark.parametrize("ending", [".parquet", ".csv", ".tsv", ".csv.gz", ".tsv.gz", ".CSV"])
@pytest.mark.parametrize("layout", ["index", "gene", "Symbol", "first text column"])
def test_layouts(tmp_path: Path, ending: str, layout: str):
    path = tmp_path / f"table{ending}"
    if layout == "index":
        save(frame().set_axis(pd.Index(GENES, name="name"), axis=0), path, index=True)
    elif layout == "first text column":
        save(frame(protein=GENES), path, index=False)
    else:
        save(frame(**{layout: GENES}), path, index=False)
    embedding = read_embedding_table(path, "network")
    assert embedding.name == "network"
    assert embedding.genes.tolist() == GENES
    np.testing.assert_array_equal(embedding.vectors, VECTORS)
    assert embedding.provenance["file"] == path.name
    assert embedding.provenance["notes"] == []


def test_header_without_the_gene_column(tmp_path: Path):
    """The layout of R's write.table."""
    path = tmp_path / "table.tsv"
    path.write_text("x\ty\nTP53\t0.5\t1.5\nMYC\t-2\t3\nGATA1\t4\t0.25\n")
    embedding = read_embedding_table(path, "text")
    assert embedding.genes.tolist() == GENES
    np.testing.assert_array_equal(embedding.vectors, VECTORS)


def test_missing_numbers_are_noted_and_odd_names_kept(tmp_path: Path):
    path = tmp_path / "table.csv"
    path.write_text("gene,x,y\nNA,1,2\nnan,3,4\nTP53,NA,1\nMYC,,2\n,5,6\nSTAT1,0,0\n")
    embedding = read_embedding_table(path, "text")
    assert embedding.genes.tolist() == ["NA", "nan"]
    assert embedding.vectors.tolist() == [[1, 2], [3, 4]]
    notes = " ".join(embedding.provenance["notes"])
    assert "missing or infinite numbers were left out: TP53, MYC." in notes
    assert "nothing but zeros were left out: STAT1." in notes
    assert "1 row(s) without a readable name" in notes


def test_byte_order_mark(tmp_path: Path):
    path = tmp_path / "table.csv"
    path.write_bytes("\ufeffgene,x\nTP53,1\n".encode())
    assert read_embedding_table(path, "text").genes.tolist() == ["TP53"]


def test_missing_gene_names_in_parquet(tmp_path: Path):
    path = save(frame(gene=["TP53", None, "GATA1"]), tmp_path / "t.parquet", index=False)
    assert read_embedding_table(path, "text").genes.tolist() == ["TP53", "GATA1"]


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    max_examples=settings().max_examples // 2,
)
@given(
    genes=st.lists(st.text("ABC_1", min_size=1), min_size=1, max_size=5, unique=True),
    data=st.data(),
    ending=st.sampled_from([".parquet", ".csv", ".tsv.gz"]),
)
def test_round_trip(tmp_path: Path, genes, data, ending):
    numbers = st.floats(width=32, allow_nan=False, allow_infinity=False).filter(bool)
    rows = st.lists(numbers, min_size=2, max_size=2)
    vectors = np.array([data.draw(rows) for _ in genes], dtype=np.float32)
    table = pd.DataFrame(vectors, columns=["0", "1"]).assign(gene=genes)
    embedding = read_embedding_table(save(table, tmp_path / f"t{ending}", False), "text")
    assert embedding.genes.tolist() == genes
    np.testing.assert_array_equal(embedding.vectors, vectors)


@pytest.mark.parametrize("key", ["vectors", "embeddings"])
def test_archive_of_two_arrays(tmp_path: Path, key: str):
    path = tmp_path / "table.npz"
    np.savez(path, genes=np.array(GENES), **{key: VECTORS})
    embedding = read_embedding_table(path, "text")
    assert embedding.genes.tolist() == GENES
    np.testing.assert_array_equal(embedding.vectors, VECTORS)


def test_archive_of_one_array_a_gene(tmp_path: Path):
    path = tmp_path / "table.npz"
    np.savez_compressed(path, **dict(zip(GENES, VECTORS, strict=True)))
    embedding = read_embedding_table(path, "text")
    assert embedding.genes.tolist() == GENES
    np.testing.assert_array_equal(embedding.vectors, VECTORS)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({}, "found nothing"),
        ({"genes": np.array(GENES), "vectors": VECTORS[:2]}, r"each of 3 genes.*shape \(2, 2\)"),
        ({"genes": np.array(GENES), "vectors": VECTORS[:, 0]}, r"shape \(3,\)"),
        ({"genes": np.arange(3), "vectors": VECTORS}, "a list of names as genes"),
        ({"genes": np.array(GENES, dtype=object), "vectors": VECTORS}, "found Python objects"),
        ({"TP53": np.array([{}], dtype=object)}, "found Python objects"),
        ({"TP53": np.ones(2), "MYC": np.ones(3)}, r"\(3,\) under MYC"),
        ({"TP53": np.ones((2, 2))}, r"\(2, 2\) under TP53"),
        ({"TP53": np.array(["a", "b"])}, "one vector of numbers"),
    ],
)
def test_unusable_archives(tmp_path: Path, arrays: dict, message: str):
    path = tmp_path / "table.npz"
    np.savez(path, **arrays)
    with pytest.raises(InputError, match=message) as caught:
        read_embedding_table(path, "text")
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "No columns"),
        ("gene,x\n", "numbers in the column 'x', found nothing"),
        ("gene\nTP53\n", "one gene or more"),
        ("x,y\n1,2\n", "a column of gene names"),
        ("gene,x,kind\nTP53,1,kinase\n", "numbers in the column 'kind', found 'kinase'"),
        ("gene,x,y\nTP53,1,abc\n", "numbers in the column 'y', found 'abc'"),
        ("gene,x,flag\nTP53,1,True\n", "numbers in the column 'flag'"),
        (",gene,x\n0,TP53,1\n", "a name for every column"),
        ("gene,x\nTP53,1\nTP53,2\n", "one vector a gene, found several different ones for TP53"),
        ("gene,x\nTP53,1\nMYC,1,2,3\n", "table of gene vectors"),
        ("gene,x\nTP53,NA\n", "left out: TP53"),
    ],
)
def test_unusable_text(tmp_path: Path, text: str, message: str):
    path = tmp_path / "table.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        read_embedding_table(path, "text")
    assert str(path) in str(caught.value)


def test_damaged_files(tmp_path: Path):
    parquet = save(frame(gene=GENES), tmp_path / "t.parquet", index=False)
    zipped = tmp_path / "t.csv.gz"
    zipped.write_bytes(gzip.compress(b"gene,x\n" + b"TP53,1\n" * 1000))
    archive = tmp_path / "t.npz"
    np.savez(archive, genes=np.array(GENES), vectors=VECTORS)
    for path in (parquet, zipped, archive):
        content = path.read_bytes()
        for part in (b"", content[:20], content[: len(content) // 2], b"\xff\xfe\x00" * 50):
            path.write_bytes(part)
            with pytest.raises(InputError, match="expected") as caught:
                read_embedding_table(path, "text")
            assert str(path) in str(caught.value)


def test_a_pickle_is_not_read_as_an_archive(tmp_path: Path):
    path = tmp_path / "t.npz"
    path.write_bytes(b"\x80\x04cos\nsystem\n.")
    with pytest.raises(InputError, match="not a zip file"):
        read_embedding_table(path, "text")


def test_other_kinds_of_file(tmp_path: Path):
    path = tmp_path / "table.xlsx"
    path.write_bytes(b"x")
    with pytest.raises(InputError, match=r"a table \(\.parquet, \.npz, \.csv"):
        read_embedding_table(path, "text")
    with pytest.raises(InputError, match="no such file"):
        read_embedding_table(tmp_path / "none.csv", "text")


SYMBOLS = ["TP53", "MYC", "GATA1", "KLF1", "BAK1", "CDK9"]
HUMAN = pd.DataFrame(
    np.random.default_rng(3).normal(size=(6, 4)), SYMBOLS, [f"d{i}" for i in range(4)]
)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("x.csv", {"sep": ";"}),
        ("x.csv", {"sep": ";", "decimal": ","}),
        ("x.csv", {"sep": "\t"}),
        ("x.tsv", {"sep": "\t", "decimal": ","}),
        ("x.tsv", {"sep": ","}),
        ("x.txt", {"sep": "\t"}),
        ("x.txt", {"sep": " "}),
    ],
)
def test_separators_and_decimal_marks_are_those_of_the_text(tmp_path, name, options):
    HUMAN.to_csv(tmp_path / name, index_label="gene", **options)
    found = read_embedding_table(tmp_path / name, "x")
    assert list(found.genes) == SYMBOLS
    np.testing.assert_allclose(found.vectors, HUMAN, rtol=1e-6)


@pytest.mark.parametrize("column", ["index", "level_0", "entrez_id", "oddity"])
def test_columns_of_ids_are_no_dimensions_and_told(tmp_path, column):
    frame = HUMAN.reset_index(names="gene")
    frame.insert(1, column, [7157, 4609, 2623, 10661, 578, 1025])
    frame.to_csv(tmp_path / "x.csv", index=False)
    found = read_embedding_table(tmp_path / "x.csv", "x")
    np.testing.assert_allclose(found.vectors, HUMAN, rtol=1e-6)
    assert any(repr(column) in note for note in found.provenance["notes"])


@pytest.mark.parametrize("separator", [",", "\t"])
def test_a_missing_header_is_told(tmp_path, separator):
    HUMAN.to_csv(tmp_path / "x.csv", header=False, sep=separator)
    with pytest.raises(InputError, match="the header is missing"):
        read_embedding_table(tmp_path / "x.csv", "x")
    text = (tmp_path / "x.csv").read_text()
    (tmp_path / "x.csv").write_text(f"6{separator}4\n{text}")  # as word2vec writes it
    with pytest.raises(InputError):
        read_embedding_table(tmp_path / "x.csv", "x")


def test_a_turned_table_is_told(tmp_path):
    HUMAN.T.to_csv(tmp_path / "x.csv")
    with pytest.raises(InputError, match=r"genes as columns \(TP53, MYC, GATA1"):
        read_embedding_table(tmp_path / "x.csv", "x")
