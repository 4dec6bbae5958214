"""Pages of scores on the data set that comes with its results, against the file they come from."""

import base64
import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from llmpert.datasets import RANKS
from llmpert.evaluation.scores import paper
from llmpert.io.paths import shipped
from llmpert.models.registry import MODELS

APP = str(Path(__file__).resolve().parents[2] / "app.py")
FILE = pd.read_parquet(shipped() / RANKS / "results.parquet")
METRICS = paper()
OWN = ["GO", "description", "GO+description"]
SIX = "benchmark (all six)"


@pytest.fixture
def app():
    return AppTest.from_file(APP, default_timeout=120)


@pytest.fixture
def exported(monkeypatch):
    """What the buttons of the page under test would download: file name -> content."""
    files = {}

    def button(label, data, file_name, **others):
        files[file_name] = data

    monkeypatch.setattr("streamlit.download_button", button)
    return files


def visit(app: AppTest, page: str, **query: str | list[str]) -> str:
    for name, value in query.items():
        app.query_params[name] = value
    app.switch_page(f"pages/{page}.py").run()
    return shown(app)


def shown(app: AppTest) -> str:
    assert not app.exception
    assert not app.error
    blocks = [*app.title, *app.subheader, *app.caption, *app.markdown]
    return "\n".join(block.value for block in blocks).replace("\\", "")


def rows(**cell) -> pd.DataFrame:
    """Rows of the file with these values."""
    wanted = pd.Series(True, index=FILE.index)
    for column, value in cell.items():
        wanted &= FILE[column] == value
    return FILE[wanted]


def own(found: pd.DataFrame) -> pd.DataFrame:
    """Rows of the models that pages can fit, on the embeddings that they show at first."""
    return found[found["embedding"].isin([*OWN, "none"]) & found["model"].isin(list(MODELS))]


def traces(app: AppTest) -> list[dict]:
    def unpacked(part: dict):
        if "bdata" not in part:
            return part
        return np.frombuffer(base64.b64decode(part["bdata"]), part["dtype"]).tolist()

    spec = app.get("plotly_chart")[0].proto.spec
    return json.loads(spec, object_hook=unpacked)["data"]


@pytest.mark.parametrize(("line", "size"), [("K562", 466), ("RPE1", 466), ("RPE1", 200)])
def test_table_1_has_the_scores_of_every_model(app, line, size):
    visit(app, "table", line=line, size=str(size))
    table = app.dataframe[0].value
    expected = own(rows(line=line, train_size=size))
    assert (
        len(table)
        == 3 + 6 * len(OWN)
        == expected.groupby(["model", "embedding"], observed=True).ngroups
    )
    for metric, spec in METRICS.items():
        (gp,) = rows(
            line=line, train_size=size, model="gp", embedding="GO+description", metric=metric
        ).to_dict("records")
        found = table.loc["Gaussian process, GO + description", (spec.label, "computed")]
        assert found == f"{gp['mean']:.3f} ± {gp['se']:.3f}"
        values = table[spec.label, "computed"]
        means = sorted(
            f"{mean:.3f}" for mean in expected.query("metric == @metric")["mean"].dropna()
        )
        assert sorted(value.split()[0] for value in values if value != "not defined") == means
    # Ranks and the paper's expression are in different units.
    assert {kind for _, kind in table.columns} == {"computed"}


def test_sizes_on_offer_are_those_that_were_computed(app):
    visit(app, "table")
    assert [int(size) for size in app.selectbox(key="size").options] == [466, 400, 200, 100]
    assert app.selectbox(key="line").options == ["K562", "RPE1"]


def test_the_benchmarks_own_embeddings_are_rows_that_say_so(app):
    visit(app, "table", embeddings=[SIX])
    table = app.dataframe[0].value
    (gp,) = rows(line="K562", model="gp", embedding=SIX, metric="pearson_all").to_dict("records")
    found = table.loc[f"Gaussian process, {SIX}", (METRICS["pearson_all"].label, "computed")]
    assert found == f"{gp['mean']:.3f} ± {gp['se']:.3f}"
    # Baselines are those of all 583 knockdowns.
    (mean,) = rows(line="K562", model="mean", train_size=466, metric="pearson_all")["mean"]
    found = table.loc["Non-control mean", (METRICS["pearson_all"].label, "computed")]
    assert found.startswith(f"{mean:.3f} ")
    assert f"{gp['perturbations']} knockdowns that have all of them, 456 to train on" in shown(app)
    assert "K562, 456 or 466 training perturbations" in shown(app)


@pytest.mark.parametrize("page", ["table", "model_classes"])
def test_a_baseline_that_wins_is_named(app, page):
    words = visit(app, page, line="K562")
    best = own(rows(line="K562", train_size=466, metric="mae_all")).nsmallest(1, "mean").iloc[0]
    assert best["model"] == "no-change"
    assert f"*{METRICS['mae_all'].label}*: No change ({best['mean']:.3f})" in words
    words = visit(AppTest.from_file(APP, default_timeout=120), page, line="RPE1")
    top = own(rows(line="RPE1", train_size=466, metric="pearson_top20"))
    best = top.nlargest(1, "mean").iloc[0]
    assert (best["model"], best["embedding"]) == ("knn", "GO+description")
    assert f"kNN (k = 1), GO + description ({best['mean']:.3f})" in words


def test_model_classes_draws_each_embedding_that_is_chosen(app):
    visit(app, "model_classes", line="RPE1", embeddings=["description", SIX])
    gp = next(t for t in traces(app) if t["name"] == "Gaussian process" and t["xaxis"] == "x2")
    expected = [
        rows(line="RPE1", model="gp", embedding=e, train_size=size, metric="pearson_all")["mean"]
        for e, size in (("description", 466), (SIX, 456))
    ]
    assert gp["y"] == [mean.item() for mean in expected]
    across = next(t for t in traces(app) if t["name"] == "Non-control mean" and t["xaxis"] == "x4")
    mean = rows(line="RPE1", model="mean", train_size=466, metric="mae_all")["mean"].item()
    assert across["y"] == [mean, mean]


def test_learning_curves_are_those_of_the_file(app):
    visit(app, "learning_curves")
    curves = [t for t in traces(app) if t["mode"] == "lines+markers"]
    assert {t["name"] for t in curves} == {
        "Random perturbation", "Non-control mean", "Gaussian process, GO",
        "Gaussian process, description", "Gaussian process, GO + description",
    }  # fmt: skip
    # Panels go by rows: the fourth is the second metric in the second line.
    for name, model, embedding in (
        ("Gaussian process, GO + description", "gp", "GO+description"),
        ("Non-control mean", "mean", "none"),
    ):
        (curve,) = [t for t in curves if t["name"] == name and t["xaxis"] == "x4"]
        expected = rows(line="RPE1", model=model, embedding=embedding, metric="pearson_all")
        expected = expected[expected["train_size"] != 456].sort_values("train_size")
        assert curve["x"] == list(expected["train_size"]) == [100, 200, 400, 466]
        assert curve["y"] == list(expected["mean"])


def test_controls_of_learning_curves_choose_metric_and_model(app):
    visit(app, "learning_curves", metrics="MAE, all genes", models="kNN (k = 1)")
    drawn = [t for t in traces(app) if t["mode"] == "lines+markers"]
    assert [(t["name"], t["x"]) for t in drawn] == [
        (f"kNN (k = 1), {' + '.join(embedding.split('+'))}", [100, 200, 400, 466])
        for _ in ("K562", "RPE1")
        for embedding in OWN
    ]
    # Evaluated at one size, and so a mark without a curve.
    assert [t["x"] for t in traces(app) if t["name"] == f"kNN (k = 1), {SIX}"] == [[456], [456]]


@pytest.mark.parametrize("page", ["learning_curves", "model_classes", "table"])
def test_numbers_as_csv_are_those_of_the_file(app, exported, page):
    visit(app, page)
    content, *_ = [data for name, data in exported.items() if name.endswith(".csv")]
    found = pd.read_csv(io.BytesIO(content()), keep_default_na=False, na_values=[""])
    assert len(found)
    key = ["line", "embedding", "model", "train_size", "metric"]
    both = found.merge(FILE.astype({"embedding": str}), on=key, suffixes=("", "_file"))
    assert len(both) == len(found)
    for column in ("mean", "se", "folds", "perturbations", "undefined"):
        pd.testing.assert_series_equal(
            both[column], both[f"{column}_file"], check_names=False, check_dtype=False
        )
    wanted = own(rows(line="K562", train_size=466))
    if page != "learning_curves":
        assert len(found) == len(wanted)


@pytest.mark.parametrize("page", ["learning_curves", "model_classes", "table"])
def test_captions_say_what_the_numbers_are(app, page):
    words = visit(app, page)
    assert (
        "rank scores of the 1,000 genes that a knockdown raises most (Replogle et al. 2022" in words
    )
    assert (
        f"Computed by this program on {rows(train_size=466)['perturbations'].max()} knock" in words
    )
    assert "5-fold cross-validation, seed 0" in words


def test_values_of_each_knockdown_are_not_there(app):
    app.switch_page("pages/head_to_head.py").run()
    assert app.subheader[0].value == "This page needs measurements"
    assert "trained model has trained models" not in app.markdown[0].value
    links = [link.proto.label for link in app.get("page_link")]
    assert "Get screens" in links
    (demo,) = [button for button in app.button if button.label == "Open the simulated data"]
    demo.click()
