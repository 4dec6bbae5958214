"""Embeddings from tables: Parquet, CSV and TSV."""

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
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
    genes=st.lists(st.text("ABC_", min_size=1), min_size=1, max_size=5, unique=True),
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


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "No columns"),
        ("gene,x\n", "a column of numbers or more"),
        ("gene\nTP53\n", "a column of numbers or more"),
        ("x,y\n1,2\n", "a column of gene names"),
        ("gene,kind\nTP53,kinase\n", "a column of numbers or more, found none beside the names"),
        ("gene,x\nTP53,1\nMYC,2.5\nKLF1,abc\n", "numbers in the column 'x', found 'abc'"),
        ("gene,x,y\n1,2,3\n2,3,4\n3,1,2\n", "the name of a gene for every gene, found numbers"),
        ('gene,v\nTP53,"[0.1, 0.2]"\nMYC,"[0.1]"\n', "vectors of one length, found lists of 1, 2"),
        ('gene,v\nTP53,"[0.1 ... 0.2]"\n', "whole lists of numbers, not cut"),
        ('gene,v,w\nTP53,"[0.1, 0.2]","[1, 2]"\n', "one column of lists of numbers, found v, w"),
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
    for path in (parquet, zipped):
        content = path.read_bytes()
        for part in (b"", content[:20], content[: len(content) // 2], b"\xff\xfe\x00" * 50):
            path.write_bytes(part)
            with pytest.raises(InputError, match="expected") as caught:
                read_embedding_table(path, "text")
            assert str(path) in str(caught.value)


def test_other_kinds_of_file(tmp_path: Path):
    path = tmp_path / "table.xlsx"
    path.write_bytes(b"x")
    with pytest.raises(InputError, match=r"a table \(\.parquet, \.csv"):
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


@pytest.mark.parametrize("separator", [",", "\t", " "])
@pytest.mark.parametrize("counts", [False, True])
def test_a_first_line_of_numbers_is_the_first_gene(tmp_path, separator, counts):
    """As gene2vec and word2vec write their files."""
    HUMAN.to_csv(tmp_path / "x.csv", header=False, sep=separator)
    if counts:
        text = (tmp_path / "x.csv").read_text()
        (tmp_path / "x.csv").write_text(f"6{separator}4\n{text}")
    found = read_embedding_table(tmp_path / "x.csv", "x")
    assert list(found.genes) == SYMBOLS
    np.testing.assert_allclose(found.vectors, HUMAN, rtol=1e-6)
    assert "the first gene (TP53, " in found.provenance["steps"][0]


@pytest.mark.parametrize(
    ("head", "rows"),
    [("gene,0,1,2", 1), ("x,1990,2000,2010", 1), ("TP53,4,1,2", 2), ("TP53,1,2,3", 2)],
)
def test_whole_numbers_in_the_first_line_are_names_if_they_ascend(tmp_path, head, rows):
    (tmp_path / "x.csv").write_text(f"{head}\nMYC,3,1,2\n")
    assert len(read_embedding_table(tmp_path / "x.csv", "x").genes) == rows


@pytest.mark.parametrize("form", ["csv", "row numbers", "parquet"])
def test_genes_as_columns_are_turned_and_told(tmp_path, form):
    path = tmp_path / ("x.parquet" if form == "parquet" else "x.csv")
    if form == "parquet":
        HUMAN.T.to_parquet(path)
    else:
        HUMAN.T.reset_index(drop=form == "row numbers").to_csv(path, index=form == "row numbers")
    found = read_embedding_table(path, "x")
    assert list(found.genes) == SYMBOLS
    np.testing.assert_allclose(found.vectors, HUMAN, rtol=1e-6)
    assert "Turned: the columns are genes (TP53, MYC, GATA1 …)." in found.provenance["steps"]


def test_columns_named_like_genes_beside_genes_are_told(tmp_path):
    HUMAN.set_axis(["ACTB", "GAPDH", "VIM", "CD44"], axis=1).to_csv(tmp_path / "x.csv")
    (note,) = read_embedding_table(tmp_path / "x.csv", "x").provenance["notes"]
    assert "contain the answers" in note


@pytest.mark.parametrize(
    ("values", "why"),
    [
        (["kinase", "tf", "", "tf", "tf", "x"], "no numbers"),
        ([True, False, True, True, False, True], "no numbers"),
        ([np.nan] * 6, "without any number"),
        ([0, 1, 1, 0, 0, 1], "whole numbers among fractions"),
        ([9606] * 6, "whole numbers, far larger"),
        ([0.1, 0.7, 0.2, 0.5, 0.9, 0.3], "by its name, unlike the others"),
    ],
)
@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_columns_beside_the_vectors_are_left_out_and_told(tmp_path, values, why, ending):
    frame = HUMAN.reset_index(names="gene")
    frame.insert(3, "other", values)
    path = save(frame, tmp_path / f"x.{ending}", index=False)
    found = read_embedding_table(path, "x")
    np.testing.assert_allclose(found.vectors, HUMAN, rtol=1e-6)
    (note,) = found.provenance["notes"]
    assert why in note
    assert "'other'" in note


@pytest.mark.parametrize("form", ["list", "large list", "csv", "numpy", "blanks"])
def test_vectors_in_one_column(tmp_path, form):
    rows = HUMAN.to_numpy().tolist()
    path = tmp_path / ("x.parquet" if "list" in form else "x.tsv")
    if "list" in form:
        kind = (pa.large_list if form == "large list" else pa.list_)(pa.float32())
        columns = {"text": ["about"] * 6, "gene": SYMBOLS, "embedding": pa.array(rows, kind)}
        pq.write_table(pa.table(columns), path)
    else:
        write = {
            "csv": str,
            "numpy": lambda row: str(np.array(row)),
            "blanks": lambda row: " ".join(map(str, row)),
        }[form]
        texts = [write(row) for row in rows]
        # gene2vec has no header.
        pd.DataFrame({"gene": SYMBOLS, "v": texts}).to_csv(
            path, sep="\t", index=False, header=form != "blanks"
        )
    found = read_embedding_table(path, "x")
    assert list(found.genes) == SYMBOLS
    np.testing.assert_allclose(found.vectors, HUMAN, rtol=1e-6, atol=1e-7)


def test_the_column_with_known_genes_names_them(tmp_path):
    frame = HUMAN.set_axis([f"probe_{n}" for n in range(6)], axis=0)
    frame.insert(0, "what", ["a protein"] * 6)
    frame.insert(1, "entrez_id", [7157, 4609, 2623, 10661, 578, 1025])
    frame.to_csv(tmp_path / "x.csv")
    found = read_embedding_table(tmp_path / "x.csv", "x")
    assert list(found.genes[:2]) == ["7157", "4609"]
    assert any("taken as Entrez gene ids" in step for step in found.provenance["steps"])
    frame.assign(ensembl="ENSG00000141510").assign(name=SYMBOLS).to_csv(tmp_path / "x.csv")
    assert list(read_embedding_table(tmp_path / "x.csv", "x").genes) == SYMBOLS


def test_several_names_of_a_gene_and_dates_are_told(tmp_path):
    names = ["SEPT9", "SEPTIN9", "1-Mar", "KLF1", "BAK1", "CDK9"]
    HUMAN.set_axis(names, axis=0).to_csv(tmp_path / "x.csv")
    known = read_embedding_table(tmp_path / "x.csv", "x").provenance
    assert "1 gene(s) have several names: SEPT9 = SEPTIN9." in known["notes"]
    assert "1 date(s) that a spreadsheet made" in known["steps"][-1]


def test_names_of_dimensions_as_rows_are_no_genes(tmp_path):
    """PC1 and d0 are aliases of genes, and the columns may be genes that nobody knows."""
    turned = HUMAN.set_axis([f"FICT{name}" for name in SYMBOLS], axis=0).T
    for rows in (["PC1", "PC2", "PC3", "PC4"], ["d0", "d1", "d2", "d3"]):
        turned.set_axis(rows, axis=0).to_parquet(tmp_path / "x.parquet")
        found = read_embedding_table(tmp_path / "x.parquet", "x")
        assert list(found.genes) == [f"FICT{name}" for name in SYMBOLS]


def test_ids_in_the_first_line_are_names_where_fractions_follow(tmp_path):
    ids = ["7157", "4609", "2623", "10661", "578", "1025"]
    HUMAN.T.set_axis(ids, axis=1).to_csv(tmp_path / "x.csv", index_label="dimension")
    assert list(read_embedding_table(tmp_path / "x.csv", "x").genes) == ids


def test_a_field_longer_than_any_is_refused(tmp_path):
    (tmp_path / "x.csv").write_text("gene,x\nTP53," + "9" * 200_000 + "\n")
    with pytest.raises(InputError, match="a table of gene vectors"):
        read_embedding_table(tmp_path / "x.csv", "x")


def test_an_index_of_several_levels_is_refused(tmp_path):
    HUMAN.set_index([["a"] * 6, SYMBOLS]).to_parquet(tmp_path / "x.parquet")
    with pytest.raises(InputError, match="one name a row, found an index of levels"):
        read_embedding_table(tmp_path / "x.parquet", "x")


def test_lists_in_the_column_of_genes_are_no_names(tmp_path):
    pd.DataFrame({"gene": [[1.0], [2.0]], "x": [0.5, 1.5]}).to_parquet(tmp_path / "x.parquet")
    with pytest.raises(InputError, match="a column of gene names"):
        read_embedding_table(tmp_path / "x.parquet", "x")
