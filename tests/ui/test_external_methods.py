"""Methods that were run elsewhere, as every page shows them: a model like the others."""

import base64
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from llmpert.evaluation.comparison import Measured
from llmpert.evaluation.metrics import TOP, top_genes
from llmpert.evaluation.scores import evaluate, paper
from llmpert.methods.published import Published
from tests.support import small
from tests.support.external_predictions import predictions, without

APP = str(Path(__file__).resolve().parents[2] / "app.py")
SCREEN = small.screen("LineA")
GEARS = without(predictions(SCREEN, folds=5), "KD003")
OTHER = predictions(SCREEN, "Half", train_size=20, folds=2)
PUBLISHED = Published(
    "LineA", "peers.csv.gz",
    pd.DataFrame(
        [("KD001", "GEARS", "pearson_top20", 0.5), ("KD002", "GEARS", "pearson_top20", 0.7),
         ("ELSEWHERE", "GEARS", "pearson_top20", -1.0)],
        columns=["perturbation", "method", "metric", "value"],
    ),
)  # fmt: skip


@pytest.fixture
def app():
    small.share(
        "mine",
        [SCREEN, small.screen("LineB", seed=3)],
        [small.embedding("text"), small.embedding("sequence", seed=4)],
        published=[PUBLISHED],
        external=[GEARS, OTHER],
    )
    return AppTest.from_file(APP, default_timeout=120)


def shown(app: AppTest) -> str:
    blocks = [*app.title, *app.subheader, *app.markdown, *app.caption, *app.warning, *app.info]
    return "\n".join(block.value for block in blocks)


def visit(app: AppTest, page: str, **query: str) -> str:
    app.query_params.update(query)
    app.switch_page(f"pages/{page}.py").run()
    assert not app.exception
    return shown(app)


def traces(app: AppTest, at: int = 0) -> dict[str, list[dict]]:
    """Traces of a figure by name."""
    found: dict[str, list[dict]] = {}
    for trace in json.loads(app.get("plotly_chart")[at].proto.spec)["data"]:
        found.setdefault(trace.get("name", ""), []).append(trace)
    return found


def numbers(values) -> np.ndarray:
    """What a trace draws, in Plotly's packed form or not."""
    if isinstance(values, dict):
        return np.frombuffer(base64.b64decode(values["bdata"]), np.dtype(values["dtype"]))
    return np.array(values, float)


def scores_of(name: str) -> dict[str, float]:
    """All thirty genes are measured and scored."""
    row = list(GEARS.perturbations).index(name)
    measured = SCREEN.response[[list(SCREEN.perturbations).index(name)]]
    found = evaluate(GEARS.delta[[row]], Measured(measured, top_genes(measured, TOP)), paper())
    return {metric: float(value[0]) for metric, value in found.items()}


def mean_scores() -> dict[str, str]:
    """Mean over llmpert's folds, as the table prints it."""
    from llmpert.evaluation.splits import cross_validation

    names = [str(name) for name in SCREEN.perturbations]
    folds = [
        [scores_of(names[row]) for row in test if names[row] != "KD003"]
        for test in cross_validation(names, 5, 0)
    ]
    by_fold = pd.DataFrame([pd.DataFrame(rows).mean() for rows in folds])
    return {metric: f"{value:.3f}" for metric, value in by_fold.mean().items()}


def test_a_gene_has_the_predictions_of_all_methods_beside_each_other(app):
    text = visit(app, "gene", gene="KD007", tab="Trust")
    table = app.table[1].value.reset_index()
    assert list(table["Method"]) == ["Gaussian process on text", "GEARS"]
    expected = scores_of("KD007")
    assert table["Pearson, all genes"].iloc[1] == f"{expected['pearson_all']:.3f}"
    assert table["MAE, top 20 DE genes"].iloc[1] == f"{expected['mae_top20']:.3f}"
    assert "Imported: GEARS with 32 training perturbations, 39 of 40" in text
    assert "Half was run with 20 training perturbations, not with 32." in text
    drawn = traces(app)["GEARS"][0]
    row = GEARS.delta[list(GEARS.perturbations).index("KD007")]
    by_gene = dict(zip(GEARS.genes, row, strict=True))
    assert len(drawn["y"]) == 20
    np.testing.assert_allclose(numbers(drawn["x"]), [by_gene[gene] for gene in drawn["y"]])


def test_a_perturbation_that_a_method_leaves_out_is_said_to_be_not_predicted(app):
    visit(app, "gene", gene="KD003", tab="Trust")
    assert set(app.table[1].value.loc["GEARS"]) == {"not predicted"}
    assert "GEARS" not in traces(app)


def test_a_gene_that_was_not_knocked_down_has_our_prediction_only(app):
    text = visit(app, "gene", gene="KD044")
    assert "predicted" in text
    assert "GEARS" not in text
    assert "GEARS" not in traces(app)


def test_other_lines_say_nothing_of_it(app):
    text = visit(app, "gene", gene="KD007", line="LineB")
    assert "GEARS" not in text
    assert "GEARS" not in traces(app)


def test_a_method_is_compared_as_a_model(app):
    shown = {"differs": "Models", "gene": "KD007", "other_model": "GEARS", "part": "All genes"}
    text = visit(app, "compare", **shown)
    assert not app.error
    assert "Gaussian process against GEARS" in text
    assert "KD007 knockdown in LineA, GEARS, 32 training perturbations" in text
    table = app.dataframe[-1].value.set_index("gene")
    row = GEARS.delta[list(GEARS.perturbations).index("KD007")]
    expected = dict(zip(GEARS.genes, row, strict=True))
    for gene, value in table["GEARS"].items():
        assert value == pytest.approx(expected[gene], rel=1e-5)
    assert len(table) == 30


@pytest.mark.parametrize("gene", ["KD003", "KD044"])
def test_a_gene_without_its_prediction_is_a_sentence(app, gene):
    visit(app, "compare", differs="Models", gene=gene, other_model="GEARS")
    said = app.error[0].value.replace("\\", "")
    assert f"GEARS was run elsewhere: no prediction for {gene} in LineA" in said


def test_where_it_was_not_run_it_is_not_offered(app):
    visit(app, "compare", model="GEARS", line="LineB")
    assert not app.error
    assert app.selectbox(key="model").value == "gp"


def test_another_line_without_it_is_a_sentence(app):
    visit(app, "compare", differs="Lines", model="GEARS", line="LineA", gene="KD007")
    assert "no prediction for KD007 in LineB" in app.error[0].value


def test_what_changes_a_gene_is_told_by_any_model(app):
    text = visit(app, "effects", model="GEARS", ranked="Predicted", target="OUT004")
    assert "GEARS, 32 training perturbations." in text
    assert "Imported: GEARS" in text
    table = app.dataframe[0].value.set_index("perturbation")
    column = list(GEARS.genes).index("OUT004")
    expected = pd.Series(GEARS.delta[:, column], GEARS.perturbations)
    strongest = expected.abs().sort_values(ascending=False).index[:20]
    assert list(table.index) == list(strongest)
    np.testing.assert_allclose(table["predicted"], expected[strongest], rtol=1e-5)
    assert "low95" not in table
    # It gives no intervals, and nothing for genes that were not knocked down.
    assert set(traces(app)) == {"Raises it", "Lowers it", "Measured"}
    assert app.toggle(key="unseen").disabled


def test_a_model_without_embedding_is_not_said_to_use_one(app):
    text = visit(app, "effects", model="Non-control mean", ranked="Predicted", target="OUT004")
    assert "Non-control mean, 32 training perturbations." in text
    assert not app.toggle(key="unseen").disabled


def test_table_1_has_a_row_of_its_own_scores_and_one_of_published_values(app):
    text = visit(app, "table")
    table = app.dataframe[0].value
    row = table.loc["GEARS"]
    for metric, value in mean_scores().items():
        assert row[paper()[metric].label, "computed"].split(" ± ")[0] == value
    assert row["Pearson, all genes", "published"] == "0.202"  # the paper's
    published = table.loc["GEARS (published)"]
    assert published["Pearson, top 20 DE genes", "published"] == "0.600"
    assert published["Pearson, top 20 DE genes", "computed"] == "–"
    assert "Half" not in table.index
    assert "Imported: GEARS with 32 training perturbations" in text
    assert "Half was run with 20" in text
    assert "(published): peers.csv.gz" in text


def test_table_1_says_where_nothing_was_run(app):
    text = visit(app, "table", line="LineB")
    assert "GEARS and other methods were not run on these data" in text
    assert "GEARS (published)" not in app.dataframe[0].value.index
    assert set(app.dataframe[0].value.loc["GEARS"].xs("computed", level=1)) == {"–"}


def test_learning_curves_have_a_point_at_its_own_size(app):
    text = visit(app, "learning_curves")
    assert "GEARS on LineA with 32 training perturbations, 39 of 40" in text
    assert "Half on LineA with 20 training perturbations." in text
    found = traces(app)
    for method, size in (("GEARS", 32), ("Half", 20)):
        assert len(found[method]) == 2  # a panel a metric shown at first, in its line only
        assert all(list(numbers(trace["x"])) == [size] for trace in found[method])


def test_only_a_method_from_elsewhere_can_be_drawn(app):
    visit(app, "learning_curves")
    app.button_group(key="models").set_value(["GEARS"]).run()
    assert not app.exception
    assert {name for name in traces(app) if "band" not in name} == {"GEARS"}


def test_model_classes_have_a_line_across(app):
    assert "Imported: GEARS with 32 training" in visit(app, "model_classes")
    assert "GEARS" in traces(app)
    assert "Half" not in traces(app)


def test_the_data_page_lists_what_was_run_elsewhere(app):
    visit(app, "data")
    (listed,) = (table.value for table in app.table if "Method" in table.value)
    assert list(listed["Method"]) == ["GEARS", "Half", "GEARS"]
    assert list(listed["What"].str.replace("\\", "")) == [
        "predictions, scored here", "predictions, scored here", "published values: pearson_top20",
    ]  # fmt: skip
    assert list(listed["Perturbations"]) == ["39", "40", "3"]
    assert list(listed["Training perturbations"]) == ["32", "20", "not known"]
    assert "made for a test" in listed["Source"].iloc[0]
