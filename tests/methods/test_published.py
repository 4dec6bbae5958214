"""Published results: both layouts against values worked by hand and pandas, and bad tables."""

import gzip
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmpert.errors import InputError
from llmpert.methods.published import Published
from tests.support import small

TIDY = """perturbation,method,metric,value
MED1,GEARS,pearson_top20,0.5
MED1,GEARS,mae_all,0.1
NA,GEARS,pearson_top20,
MED1,Scouter,pearson_top20,0.7
"""
SCOUTER = """condition,NormMSE,1-PCC,split,Method
MED9+ctrl,0.1,0.25,1,Scouter
MED9+ctrl,0.2,0.75,3,Scouter
AC118549.1+ctrl,0.2,1.5,3,GEARS
RPE_1_MED9+ctrl_1+1,0.2,0.5,1,biolord
"""


def written(text, name="results.csv"):
    Path(name).write_text(text, "utf-8")
    return name


def values(published):
    return published.table.set_index(["perturbation", "method", "metric"])["value"].to_dict()


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_a_tidy_table_is_read_as_it_is():
    found = Published.read(written(TIDY), "K562")
    assert (found.line, found.source) == ("K562", "results.csv")
    assert list(found.table["method"].unique()) == ["GEARS", "Scouter"]
    assert found.perturbations == ["MED1", "NA"]  # a gene of that name, not a missing one
    assert values(found) == pytest.approx(
        {
            ("MED1", "GEARS", "pearson_top20"): 0.5,
            ("MED1", "GEARS", "mae_all"): 0.1,
            ("NA", "GEARS", "pearson_top20"): float("nan"),
            ("MED1", "Scouter", "pearson_top20"): 0.7,
        },
        nan_ok=True,
    )


def test_scouters_layout_is_told_by_its_columns_and_splits_are_averaged():
    found = Published.read(written(SCOUTER), "RPE1")
    assert values(found) == pytest.approx(
        {
            ("MED9", "Scouter", "pearson_top20"): (0.75 + 0.25) / 2,
            ("AC118549.1", "GEARS", "pearson_top20"): -0.5,
            ("MED9", "biolord", "pearson_top20"): 0.5,
        }
    )


@pytest.mark.parametrize("text", [TIDY, SCOUTER])
def test_gzip_and_parquet_say_the_same(text):
    plain = Published.read(written(text), "K562").table
    Path("results.csv.gz").write_bytes(gzip.compress(text.encode()))
    frame = pd.read_csv("results.csv", keep_default_na=False, na_values={"value": [""]})
    frame.to_parquet("results.parquet")
    pd.testing.assert_frame_equal(Published.read("results.csv.gz", "K562").table, plain)
    pd.testing.assert_frame_equal(Published.read("results.parquet", "K562").table, plain)


def test_a_missing_value_is_left_out_of_the_average_of_splits():
    found = Published.read(written(SCOUTER.replace("0.75", "")), "K562")
    assert values(found)["MED9", "Scouter", "pearson_top20"] == 0.75


def test_rounding_beyond_one_is_brought_back():
    found = Published.read(written(SCOUTER.replace("0.5,1,bio", "-1e-8,1,bio")), "K562")
    assert values(found)["MED9", "biolord", "pearson_top20"] == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "a table of results"),
        ("perturbation,method,value\nA,B,1\n", "none named metric"),
        ("condition,Method\nA+ctrl,B\n", "none named perturbation, method, metric, value"),
        (TIDY.split("\n")[0], "found none"),
        (
            TIDY.replace("mae_all", "mse"),
            r"pearson_top20, pearson_all, mae_top20, mae_all, .*found",
        ),
        (TIDY.replace("0.7", "1.7"), r"from -1 to 1, found 1\.7 \(pearson_top20 of MED1\)"),
        (TIDY.replace("0.7", "-1.1"), "from -1 to 1"),
        (TIDY.replace("0.1", "-0.1"), "errors of 0 or more"),
        (TIDY.replace("0.7", "high"), "column 'value', found 'high'"),
        (TIDY.replace("0.7", "inf"), "finite"),
        ("perturbation,method,metric,value\nA,B,mae_all,\n", "column 'value', found none"),
        (TIDY.replace("MED1,GEARS,m", ",GEARS,m"), "a perturbation in every row"),
        (TIDY.replace("Scouter", " "), "a method in every row"),
        (SCOUTER.replace("0.25", "2.5"), r"found -1\.5 \(pearson_top20 of MED9\)"),
        (SCOUTER.replace("0.25", "x"), "column '1-PCC', found 'x'"),
        (SCOUTER.replace("AC118549.1+ctrl", "MED1+MED9"), r"GENE\+ctrl.*found 'MED1\+MED9'"),
        (SCOUTER.replace("MED9+ctrl,0.1", ",0.1"), "condition, found ''"),
    ],
)
def test_what_cannot_be_used_is_a_sentence(text, said):
    with pytest.raises(InputError, match=r"^results\.csv: ") as caught:
        Published.read(written(text), "K562")
    caught.match(said)


def test_other_files_are_refused():
    with pytest.raises(InputError, match=r"gone\.csv: expected a file, found no such file"):
        Published.read("gone.csv", "K562")
    with pytest.raises(InputError, match=r"results\.xlsx: expected .* or a table"):
        Published.read(written(TIDY, "results.xlsx"), "K562")
    for name in ("results.parquet", "results.csv.gz"):
        with pytest.raises(InputError, match=f"{name}: expected a table of results"):
            Published.read(written(TIDY, name), "K562")


def test_odd_parquet_columns_are_refused():
    frame = pd.read_csv(written(TIDY)).fillna({"perturbation": "NA"})
    for column, odd, said in [
        ("value", [[1.0]] * 4, "columns of numbers and text"),
        ("value", pd.to_datetime(["2020-01-01"] * 4), "numbers"),
        ("method", [None] * 4, "a method in every row"),
    ]:
        frame.assign(**{column: odd}).to_parquet("odd.parquet")
        with pytest.raises(InputError, match=rf"^odd\.parquet: expected {said}"):
            Published.read("odd.parquet", "K562")


def test_a_kept_table_comes_back_and_a_damaged_one_is_named(tmp_path):
    published = Published.read(written(SCOUTER), "K562")
    path = tmp_path / "kept" / "K562.parquet"
    published.save(path)
    found = Published.load(path)
    assert (found.line, found.source) == ("K562", "results.csv")
    pd.testing.assert_frame_equal(found.table, published.table)
    assert [p.name for p in path.parent.iterdir()] == ["K562.parquet"]
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(InputError, match=r"K562\.parquet: expected published results"):
        Published.load(path)
    pd.DataFrame({"a": [1]}).to_parquet(path)
    with pytest.raises(InputError, match=r"K562\.parquet: expected published results"):
        Published.load(path)


def test_perturbations_take_the_screens_names():
    published = Published.read(
        written(
            "perturbation,method,metric,value\n"
            "CCDC84,GEARS,mae_all,1\nCENATAC,GEARS,mae_all,3\nFICT1,GEARS,mae_all,5\n"
            "MED1,GEARS,mae_all,7\nSEPT9,GEARS,mae_all,9\n"
        ),
        "K562",
    )
    table = small.gene_table({"CENATAC": "CCDC84", "SEPTIN9": "SEPT9", "MED1": ""})
    names = ["CCDC84", "SEPTIN9", "FICT1", "MED4"]
    assert published.spelt_among(names, table) == {
        "CCDC84": "CCDC84", "CENATAC": "CCDC84", "FICT1": "FICT1", "SEPT9": "SEPTIN9",
    }  # fmt: skip
    within = published.within(names, table).table
    # One gene under two names is one perturbation.
    assert dict(zip(within["perturbation"], within["value"], strict=True)) == {
        "CCDC84": 2, "FICT1": 5, "SEPTIN9": 9,
    }  # fmt: skip


def test_results_are_rows_that_no_computed_model_has():
    rows = Published.read(written(TIDY), "K562").results()
    assert list(rows.columns) == ["model", "embedding", "perturbation", "metric", "value"]
    assert set(rows["model"]) == {"GEARS (published)", "Scouter (published)"}
    assert set(rows["embedding"]) == {"none"}


ROWS = st.lists(
    st.tuples(
        st.sampled_from(["A", "NA", "Ä 1"]),
        st.sampled_from(["GEARS", "nan", "b,c"]),
        st.sampled_from(["pearson_all", "mae_top20"]),
        st.floats(0, 1) | st.just(float("nan")),
    ),
    min_size=1,
).filter(lambda rows: any(row[3] == row[3] for row in rows))


@settings(deadline=None)
@given(ROWS)
def test_any_table_is_averaged_by_perturbation_method_and_metric(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("any")
    frame = pd.DataFrame(rows, columns=["perturbation", "method", "metric", "value"])
    frame.to_csv(folder / "any.csv", index=False)
    found = Published.read(folder / "any.csv", "K562")
    expected: dict[tuple, list[float]] = {}
    for *key, value in rows:
        expected.setdefault(tuple(key), []).extend([value] if value == value else [])
    assert values(found) == pytest.approx(
        {k: sum(v) / len(v) if v else float("nan") for k, v in expected.items()}, nan_ok=True
    )
    found.save(folder / "kept.parquet")
    again = Published.load(folder / "kept.parquet")
    pd.testing.assert_frame_equal(again.table, found.table)
