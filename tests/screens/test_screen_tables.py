"""Tables of differences to control: every format, every way in which a file can be wrong."""

import gzip
from pathlib import Path
from typing import Any

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import sparse

from llmpert.errors import InputError, Question
from llmpert.screens import Screen, read_screen

FRAME = pd.DataFrame(
    np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32),
    index=["AARS", "HLA-A", "NAT1", "NKX2-1"],
    columns=["MT-CO1", "TP53", "A1BG"],
)
FORMATS = [
    "dense.h5ad",
    "sparse.h5ad",
    "csc.h5ad",
    "x.csv",
    "x.tsv",
    "x.csv.gz",
    "x.TSV.GZ",
    "index.parquet",
    "column.parquet",
]


def write(folder: Path, frame: pd.DataFrame, name: str, **uns: Any) -> Path:
    """Write `frame` under a name of `FORMATS` as k562_<name>."""
    path = folder / f"k562_{name}"
    lower = name.lower()
    if lower.endswith(".h5ad"):
        values = frame.to_numpy(np.float32)
        if lower == "sparse.h5ad":
            values = sparse.csr_matrix(values)
        if lower == "csc.h5ad":
            values = sparse.csc_matrix(values)
        obs = pd.DataFrame(index=[str(x) for x in frame.index])
        var = pd.DataFrame(index=[str(x) for x in frame.columns])
        anndata.AnnData(values, obs=obs, var=var, uns=uns).write_h5ad(path)
    elif lower == "column.parquet":
        frame.reset_index(names="perturbation").to_parquet(path)
    elif lower.endswith(".parquet"):
        frame.to_parquet(path)
    else:
        text = frame.to_csv(sep="," if ".csv" in lower else "\t", index_label="gene").encode()
        path.write_bytes(gzip.compress(text) if lower.endswith(".gz") else text)
    return path


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_same_screen(tmp_path: Path, name: str) -> None:
    path = write(tmp_path, FRAME, name)
    screen = read_screen(path)
    np.testing.assert_array_equal(screen.response, FRAME.to_numpy())
    expected = Screen("K562", FRAME.to_numpy(), FRAME.index, FRAME.columns, "Δ expression")
    assert screen.fingerprint == expected.fingerprint
    assert read_screen(path).fingerprint == expected.fingerprint
    assert screen.provenance["file"] == path.name
    assert screen.provenance["notes"] == []
    assert not screen.simulated


@given(
    values=arrays.arrays(
        np.float32,
        st.tuples(st.integers(1, 5), st.integers(1, 4)),
        # Counting numbers far above the rest are cells or ids: tested in tests/genes.
        elements=st.floats(-(2.0**100), 2.0**100, width=32).filter(lambda x: x != int(x) or x <= 0),
    ),
    ending=st.sampled_from(["dense.h5ad", "x.csv", "x.tsv.gz", "index.parquet", "column.parquet"]),
)
def test_any_numbers_survive(
    tmp_path_factory: pytest.TempPathFactory, values: np.ndarray, ending: str
) -> None:
    frame = pd.DataFrame(
        values,
        index=[f"P-{i}" for i in range(values.shape[0])],
        columns=[f"G.{i}" for i in range(values.shape[1])],
    )
    screen = read_screen(write(tmp_path_factory.mktemp("table"), frame, ending))
    np.testing.assert_array_equal(screen.response, values)


def test_line_and_unit(tmp_path: Path) -> None:
    path = write(tmp_path, FRAME, "x.csv")
    assert (read_screen(path).line, read_screen(path).unit) == ("K562", "Δ expression")
    given = read_screen(path, line="HepG2", unit="log2 fold change")
    assert (given.line, given.unit) == ("HepG2", "log2 fold change")
    assert read_screen(path.rename(tmp_path / "HepG2_day7_x.csv")).line == "HepG2"
    assert read_screen((tmp_path / "HepG2_day7_x.csv").rename(tmp_path / "jurkat.csv")).line == (
        "JURKAT"
    )
    with pytest.raises(InputError, match="starts with the cell line"):
        read_screen((tmp_path / "jurkat.csv").rename(tmp_path / "_.csv"))


def test_anndata_says_more(tmp_path: Path) -> None:
    path = write(
        tmp_path, FRAME, "dense.h5ad", cell_line="RPE1", response="a rank score, best first",
        source="somebody", license="MIT", unit=3,
    )  # fmt: skip
    data = anndata.read_h5ad(path)
    data.obs["n_cells"] = [5, 6, 7, 8]
    data.var["control_mean"] = [1.0, 2.0, 3.0]
    data.var["spread"] = [0.5, 0.25, 0.125]
    data.write_h5ad(path)
    screen = read_screen(path)
    assert (screen.line, screen.unit) == ("RPE1", "rank score")
    assert screen.provenance["source"] == "somebody"
    assert screen.provenance["licence"] == "MIT"
    assert screen.provenance["response"] == "a rank score, best first"
    assert screen.cells is not None
    assert screen.control_mean is not None
    assert screen.control_sd is not None
    assert list(screen.cells) == [5, 6, 7, 8]
    assert list(screen.control_mean) == [1, 2, 3]
    assert list(screen.control_sd) == [0.5, 0.25, 0.125]
    assert read_screen(path, unit="z").unit == "z"
    data.uns["unit"] = "Δ log"
    data.write_h5ad(path)
    assert read_screen(path).unit == "Δ log"


def test_names_with_ctrl(tmp_path: Path) -> None:
    frame = FRAME.set_axis(["AARS+ctrl", "ctrl+HLA-A", " CTRL", "A+B"])
    screen = read_screen(write(tmp_path, frame, "x.csv"))
    assert list(screen.perturbations) == ["AARS", "HLA-A", "CTRL"]
    assert screen.provenance["notes"] == [
        "1 row(s) with several genes knocked down at once were left out: A+B."
    ]


@pytest.mark.parametrize(
    "name",
    [
        "control",
        "Control",
        "ctrl",
        "ctrl+ctrl",
        "non-targeting",
        "Non-Targeting",
        "non_targeting_12",
        "nontargeting",
        "NTC",
        "unperturbed",
        "negative control",
        "neg-ctrl",
    ],
)
@pytest.mark.parametrize("ending", ["x.csv", "dense.h5ad"])
def test_controls_are_left_out_and_noted(tmp_path: Path, name: str, ending: str) -> None:
    values = np.vstack([FRAME.to_numpy(), np.full(3, np.nan)])
    frame = pd.DataFrame(values, index=[*FRAME.index, name], columns=FRAME.columns)
    screen = read_screen(write(tmp_path, frame, ending))
    assert list(screen.perturbations) == list(FRAME.index)
    assert screen.provenance["notes"] == [f"1 control row(s) were left out: {name}."]


def test_cells_follow_the_rows_that_stay(tmp_path: Path) -> None:
    path = write(tmp_path, FRAME.set_axis(["ctrl", "A", "B", "C"]), "dense.h5ad")
    data = anndata.read_h5ad(path)
    data.obs["cells"] = [1.0, 2.0, 3.0, 4.0]
    data.write_h5ad(path)
    screen = read_screen(path)
    assert screen.cells is not None
    assert list(screen.cells) == [2, 3, 4]


@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_missing_and_infinite_values(tmp_path: Path, ending: str, value: float) -> None:
    frame = FRAME.copy()
    frame.iloc[1, 2] = value
    frame.iloc[3, 0] = value
    path = write(tmp_path, frame, ending)
    with pytest.raises(
        InputError, match=r"2 gene\(s\): HLA-A \(A1BG\), NKX2-1 \(MT-CO1\)"
    ) as error:
        read_screen(path)
    assert str(path) in str(error.value)


def test_numbers_too_large_for_float32_count_as_infinite(tmp_path: Path) -> None:
    frame = FRAME.astype(np.float64)
    frame.iloc[2, 1] = 1e300
    for ending in ("x.csv", "index.parquet"):
        with pytest.raises(InputError, match=r"in 1 row\(s\) and 1 gene\(s\): NAT1 \(TP53\)"):
            read_screen(write(tmp_path, frame, ending))


@pytest.mark.filterwarnings("ignore:.*names are not unique")
@pytest.mark.parametrize("ending", ["dense.h5ad", "x.csv", "x.tsv", "index.parquet"])
def test_repeated_perturbations(tmp_path: Path, ending: str) -> None:
    path = write(tmp_path, FRAME.set_axis(["A", "B", "A", "C"]), ending)
    with pytest.raises(InputError, match="every perturbation once, found 1 repeated: A") as error:
        read_screen(path)
    assert str(path) in str(error.value)


def test_perturbations_that_repeat_once_stripped(tmp_path: Path) -> None:
    path = write(tmp_path, FRAME.set_axis(["A+ctrl", "B", "ctrl+A", "C"]), "x.csv")
    with pytest.raises(InputError, match="1 repeated: A"):
        read_screen(path)


@pytest.mark.filterwarnings("ignore:.*names are not unique")
@pytest.mark.parametrize("ending", ["dense.h5ad", "x.csv", "x.tsv.gz"])
def test_repeated_genes(tmp_path: Path, ending: str) -> None:
    path = write(tmp_path, FRAME.set_axis(["X", "Y", "X"], axis=1), ending)
    with pytest.raises(InputError, match="every gene once, found 1 repeated: X"):
        read_screen(path)


def test_nameless_rows_and_columns(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a name for every perturbation"):
        read_screen(write(tmp_path, FRAME.set_axis(["A", "B", "", "C"]), "x.csv"))
    with pytest.raises(InputError, match="a name for every gene"):
        read_screen(write(tmp_path, FRAME.set_axis(["X", "", "Z"], axis=1), "x.csv"))
    with pytest.raises(InputError, match="a name for every perturbation"):
        read_screen(write(tmp_path, FRAME.set_axis(["A", "B", None, "C"]), "column.parquet"))


@pytest.mark.parametrize("ending", ["x.csv", "x.tsv", "index.parquet", "column.parquet"])
@pytest.mark.parametrize("value", ["0,5", "up", True])
def test_columns_of_something_else(tmp_path: Path, ending: str, value: str | bool) -> None:
    frame = FRAME.astype(object)
    frame["TP53"] = [value] * 4 if value is True else [value, "1", value, "1"]
    for gene in ("MT-CO1", "A1BG"):
        frame[gene] = frame[gene].astype(np.float32)
    path = write(tmp_path, frame, ending)
    with pytest.raises(
        InputError, match=f"1 column.s. with something else, such as '{value}' for TP53"
    ) as error:
        read_screen(path)
    assert str(path) in str(error.value)


def test_columns_of_something_else_in_anndata(tmp_path: Path) -> None:
    path = write(tmp_path, FRAME, "dense.h5ad")
    data = anndata.read_h5ad(path)
    data.obs["cells"] = ["many", "2", "3", "4"]
    data.write_h5ad(path)
    with pytest.raises(InputError, match="numbers in the column 'cells', found 'many'"):
        read_screen(path)
    data.obs["cells"] = [1.0, np.nan, 3.0, 4.0]
    data.write_h5ad(path)
    with pytest.raises(
        InputError, match="1 cell or more behind every perturbation, found nothing for HLA-A"
    ):
        read_screen(path)
    data.X = data.X > 0
    data.write_h5ad(path)
    with pytest.raises(InputError, match="values of type bool"):
        read_screen(path)


@pytest.mark.parametrize("ending", FORMATS)
def test_raw_counts_are_suspected(tmp_path: Path, ending: str) -> None:
    counts = pd.DataFrame(
        np.random.default_rng(0).poisson(20, FRAME.shape), index=FRAME.index, columns=FRAME.columns
    )
    with pytest.raises(InputError, match=r"expected differences to control.*raw counts"):
        read_screen(write(tmp_path, counts, ending))


def test_scores_without_a_negative_are_no_counts(tmp_path: Path) -> None:
    for frame in (FRAME.abs() * 100, (FRAME > 0).astype(np.float32)):
        screen = read_screen(write(tmp_path, frame, "x.csv"))
        assert any("No value is negative" in note for note in screen.provenance["notes"])


@pytest.mark.parametrize("ending", FORMATS)
def test_missing_files_and_folders(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"k562_{ending}"
    with pytest.raises(InputError, match="expected a file, found no such file") as error:
        read_screen(path)
    assert str(path) in str(error.value)
    path.mkdir()
    with pytest.raises(InputError, match="found a folder"):
        read_screen(path)


@pytest.mark.parametrize("ending", ["dense.h5ad", "x.csv.gz", "index.parquet"])
def test_truncated_files(tmp_path: Path, ending: str) -> None:
    path = write(tmp_path, FRAME, ending)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputError) as error:
        read_screen(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize("content", [b"", b"\x80\x02}q\x00.\xff\xfe" * 50, b"<html>404</html>"])
def test_files_of_another_kind(tmp_path: Path, ending: str, content: bytes) -> None:
    path = tmp_path / f"k562_{ending}"
    path.write_bytes(content)
    with pytest.raises(InputError) as error:
        read_screen(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_hdf5_that_is_not_anndata(tmp_path: Path) -> None:
    path = tmp_path / "k562_x.h5ad"
    with h5py.File(path, "w") as file:
        file.create_dataset("P04637", data=np.zeros(8, dtype=np.float16))
    with pytest.raises(InputError, match=r"k562_x\.h5ad.*found an HDF5 file without X, obs, var"):
        read_screen(path)


def test_other_endings(tmp_path: Path) -> None:
    path = tmp_path / "k562_x.xlsx"
    path.write_bytes(b"x")
    with pytest.raises(InputError, match=r"k562_x\.xlsx: expected one of \.h5ad, .*CSV UTF-8"):
        read_screen(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gene\nX\n", "separated by commas, found 1 column"),
        ("gene,A,B\n", "a header only"),
        ("gene,A,B\n\n\n", "a header only"),
        ("A,B\nX,1,2,3\n", "2 values in every row, as in the header, found 4"),
        ("gene,A,B\nX,1\n", "3 values in every row, as in the header, found 2"),
        ("gene,A,B\nX,1,2\nY,1,2,3\n", "cannot be read"),
        ("gene,A,B\nX,1,-2\nY,1\n", r"1 row\(s\) and 1 gene\(s\): Y \(B\)"),
        ("gene,A,B\nctrl,0,0\n", r"found 0 perturbation\(s\) and 2 gene"),
    ],
)
def test_texts_of_another_shape(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "k562_x.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=message) as error:
        read_screen(path)
    assert str(path) in str(error.value)


def test_a_table_saved_by_a_spreadsheet(tmp_path: Path) -> None:
    path = tmp_path / "k562_x.csv"
    path.write_bytes(b'\xef\xbb\xbf"A, gene","X","Y"\r\n"P, 1",1,-2\r\n\r\nQ,3,4\r\n')
    screen = read_screen(path)
    assert list(screen.perturbations) == ["P, 1", "Q"]
    assert list(screen.genes) == ["X", "Y"]
    np.testing.assert_array_equal(screen.response, [[1, -2], [3, 4]])


def test_parquet_without_names(tmp_path: Path) -> None:
    path = write(tmp_path, FRAME.reset_index(drop=True), "index.parquet")
    with pytest.raises(InputError, match="in the index or in a column of text"):
        read_screen(path)


def test_round_trip_through_save(tmp_path: Path) -> None:
    screen = read_screen(write(tmp_path, FRAME, "sparse.h5ad"))
    screen.save(tmp_path / "saved.h5ad")
    assert read_screen(tmp_path / "saved.h5ad").fingerprint == screen.fingerprint


@pytest.mark.real
@pytest.mark.parametrize("line", ["K562", "RPE1"])
def test_rank_scores_of_both_lines(real_data: Path, line: str) -> None:
    screen = read_screen(real_data / f"{line.lower()}_rank_response.h5ad")
    assert screen.line == line
    assert screen.unit == "rank score"
    assert screen.response.shape == (585, 7225)
    assert screen.response.min() == 0
    assert screen.response.max() == 1
    assert np.all((screen.response > 0).sum(axis=1) == 1000)
    assert "Replogle" in screen.provenance["source"]


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_matrix])
def test_single_cells_are_told_from_screens_before_they_are_read(tmp_path, form, monkeypatch):
    monkeypatch.setattr("llmpert.screens.files.MOST_PERTURBATIONS", 20)
    path = tmp_path / "k562_cells.h5ad"
    anndata.AnnData(form(np.ones((21, 3), np.float32))).write_h5ad(path)
    with pytest.raises(
        InputError, match="a column of obs that names each cell's knocked-down gene"
    ):
        read_screen(path)


def long(frame: pd.DataFrame) -> pd.DataFrame:
    """A row for each perturbation and gene, in another order."""
    table = frame.rename_axis("perturbation").reset_index().melt("perturbation", var_name="gene")
    return table.sample(frac=1, random_state=0)


NAMED = [
    ("perturbation", "gene", "log2FoldChange", "padj"),  # DESeq2
    ("group", "names", "logfoldchanges", "pvals_adj"),  # scanpy
    ("cluster", "gene", "avg_log2FC", "p_val_adj"),  # Seurat
    ("contrast", "variable", "log_fc", "adj_p_value"),  # pertpy
    ("target_gene", "symbol", "logFC", "adj.P.Val"),  # limma
    ("guide_target", "gene", "logFC", "FDR"),  # edgeR
]


@pytest.mark.parametrize("names", NAMED, ids=[names[2] for names in NAMED])
@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_tables_of_differential_expression(
    tmp_path: Path, names: tuple[str, ...], ending: str
) -> None:
    table = long(FRAME)
    q = np.random.default_rng(1).uniform(size=len(table))
    q[3] = np.nan
    target, gene, change, rate = names
    table = table.rename(columns={"perturbation": target, "gene": gene, "value": change})
    table["statistic"], table["pvalue"], table[rate] = 3.0, q / 2, q
    table["gene_id"] = table[gene].map({name: f"ENSG{k:011d}" for k, name in enumerate(FRAME)})
    path = tmp_path / f"k562_de.{ending}"
    if ending == "csv":
        # R gives every row a name.
        table.set_axis([f"row {k}" for k in range(len(table))]).to_csv(path)
    else:
        table.to_parquet(path, index=False)
    screen = read_screen(path)
    found = pd.DataFrame(screen.response, screen.perturbations, screen.genes)
    np.testing.assert_array_equal(found.loc[FRAME.index, FRAME.columns], FRAME)
    rates = pd.DataFrame(screen.layers["q"], screen.perturbations, screen.genes)
    for row, column, expected in zip(table[target], table[gene], q, strict=True):
        assert rates.loc[row, column] == np.float32(1 if np.isnan(expected) else expected)
    assert screen.unit == ("log2 fold change" if "2" in change else "log fold change")
    screen.save(tmp_path / "saved.h5ad")
    assert read_screen(tmp_path / "saved.h5ad").fingerprint == screen.fingerprint


def test_a_table_of_one_perturbation_is_no_screen(tmp_path: Path) -> None:
    one = long(FRAME.iloc[:1]).drop(columns="perturbation").rename(columns={"value": "log2FC"})
    for table in (one, one.assign(padj=0.5, baseMean=12.5)):
        table.to_csv(path := tmp_path / "k562_tp53.csv", index=False)
        with pytest.raises(InputError, match=r"as a table of one perturbation.*below each other"):
            read_screen(path)


@pytest.mark.parametrize("ending", ["csv", "parquet", "h5ad", "long.csv"])
def test_one_of_several_lines_in_a_table(tmp_path: Path, ending: str) -> None:
    wide = FRAME.rename_axis("perturbation").reset_index()
    both = pd.concat([wide.assign(cell_line="K562"), (wide.assign(cell_line="RPE1"))])
    both.loc[both["cell_line"] == "RPE1", list(FRAME)] += 1
    path = tmp_path / f"screens.{ending}"
    if ending == "h5ad":
        obs = both[["perturbation", "cell_line"]].set_axis([str(k) for k in range(len(both))])
        var = pd.DataFrame(index=FRAME.columns)
        anndata.AnnData(both[list(FRAME)].to_numpy(np.float32), obs=obs, var=var).write_h5ad(path)
    elif ending == "parquet":
        both.to_parquet(path, index=False)
    else:
        if ending == "long.csv":
            both = both.melt(["perturbation", "cell_line"], var_name="gene", value_name="lfc")
        both.to_csv(path, index=False)
    with pytest.raises(Question, match=r"2 in the column 'cell_line' \(K562, RPE1\)") as asked:
        read_screen(path)
    assert asked.value.option == "line"
    screen = read_screen(path, line="rpe1")
    assert screen.line == "RPE1"
    found = pd.DataFrame(screen.response, screen.perturbations, screen.genes)
    np.testing.assert_allclose(found.loc[FRAME.index, FRAME.columns], FRAME + 1)


def test_a_negative_spread_is_refused_with_its_gene(tmp_path: Path) -> None:
    data = anndata.read_h5ad(write(tmp_path, FRAME, "dense.h5ad"))
    data.var["control_sd"] = [0.5, -0.25, *[1.0] * (data.n_vars - 2)]
    data.write_h5ad(tmp_path / "k562.h5ad")
    said = f"0 or more for every gene, found -0.25 for {FRAME.columns[1]}"
    with pytest.raises(InputError, match=said):
        read_screen(tmp_path / "k562.h5ad")


@pytest.mark.parametrize("value", [0, -5, np.nan])
def test_cells_behind_a_perturbation_are_counted(tmp_path: Path, value: float) -> None:
    frame = FRAME.assign(n_cells=[20, value, 30, 40])
    with pytest.raises(InputError, match=r"1 cell or more behind every perturbation.*for HLA-A"):
        read_screen(write(tmp_path, frame, "x.csv"))
    frame.loc["control"] = [0.0, 0.0, 0.0, np.nan]
    frame.loc["HLA-A", "n_cells"] = 25
    screen = read_screen(write(tmp_path, frame, "x.csv"))
    np.testing.assert_array_equal(screen.cells, [20, 25, 30, 40])


BARCODES = ["AAACCTGAGAAACCAT-1", "AAACCTGAGAAACCGC-1", "s1_AAACCTGAGAAACCTA", "cell 4"]


def test_single_cells_in_a_table_are_told(tmp_path: Path) -> None:
    cells = FRAME.abs().set_axis(BARCODES)
    for frame in (cells, cells.T, cells.assign(perturbation="TP53")):
        for ending in ("x.csv", "index.parquet"):
            with pytest.raises(InputError, match=r"names of single cells.*\.h5ad, with a column"):
                read_screen(write(tmp_path, frame, ending))
    many = pd.concat([FRAME] * 12)
    with pytest.raises(InputError, match=r"4 repeated: AARS, .* 12 times.*if they are single"):
        read_screen(write(tmp_path, many, "x.csv"))


def test_a_column_names_targets_where_the_index_has_other_names(tmp_path: Path) -> None:
    data = anndata.AnnData(FRAME.to_numpy())
    data.obs = pd.DataFrame({"library": list("abcd"), "target": FRAME.index.to_numpy()})
    data.obs.index = [f"perturbation {k}" for k in range(4)]
    data.var = pd.DataFrame({"symbol": FRAME.columns.to_numpy()}, index=["v1", "v2", "v3"])
    data.write_h5ad(path := tmp_path / "k562.h5ad")
    screen = read_screen(path)
    assert list(screen.perturbations) == list(FRAME.index)
    assert list(screen.genes) == list(FRAME.columns)


def test_a_table_in_a_layer(tmp_path: Path) -> None:
    obs, var = pd.DataFrame(index=FRAME.index), pd.DataFrame(index=FRAME.columns)
    data = anndata.AnnData(obs=obs, var=var, layers={"mean": FRAME.to_numpy()})
    data.write_h5ad(path := tmp_path / "k562.h5ad")
    with pytest.raises(Question, match="--layer: mean"):
        read_screen(path)
    np.testing.assert_array_equal(read_screen(path, layer="mean").response, FRAME)


@pytest.mark.parametrize(
    ("name", "do"),
    [
        ("a.zarr", "read_zarr"),
        ("a.LOOM", "read_loom"),
        ("a.rds", "anndataR"),
        ("a.h5ad.gz", "unpack"),
    ],
)
def test_other_formats_are_told_how_to_become_one(tmp_path: Path, name: str, do: str) -> None:
    with pytest.raises(InputError, match=f"{name}: .*{do}"):
        read_screen(tmp_path / name)


def test_an_ending_in_capitals(tmp_path: Path) -> None:
    for name in ("dense.h5ad", "x.csv", "index.parquet"):
        path = write(tmp_path, FRAME, name)
        screen = read_screen(path.rename(path.with_suffix(path.suffix.upper())))
        np.testing.assert_array_equal(screen.response, FRAME)
