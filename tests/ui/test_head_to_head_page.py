"""The page Head to head without a browser."""

from pathlib import Path

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from llmpert.genes.sets import GeneSets
from llmpert.methods.published import Published
from tests.support import small
from tests.support.drawer import drawer, links
from tests.support.external_predictions import predictions, without

APP = str(Path(__file__).resolve().parents[2] / "app.py")
PAGE = "pages/head_to_head.py"
SETS = GeneSets(
    "pathways", "made for a test",
    {"first": frozenset(small.names("KD", 20)), "tiny": frozenset({"KD001"})},
)  # fmt: skip


GEARS, SCOUTER, ERRORS = (f"{name} (published)" for name in ("GEARS", "Scouter", "errors"))


def elsewhere() -> Published:
    """Scouter beats GEARS on KD000 to KD011 (twelve of twenty), and KD012 is a tie."""
    names = small.names("KD", 20)
    gears = [("GEARS", name, "pearson_top20", 0.5) for name in [*names, "ELSEWHERE"]]
    scouter = [
        ("Scouter", name, "pearson_top20", 0.9 if n < 12 else 0.5 if n == 12 else 0.1)
        for n, name in enumerate(names)
    ]
    errors = [("errors", names[0], "mae_all", 0.1)]
    columns = ["method", "perturbation", "metric", "value"]
    rows = pd.DataFrame([*gears, *scouter, *errors], columns=columns)
    return Published("LineA", "peers.csv.gz", rows[["perturbation", "method", "metric", "value"]])


def start(gene_sets=(), published=(), external=()):
    small.share(
        "mine",
        [small.screen("LineA"), small.screen("LineB", seed=3)],
        [small.embedding("text"), small.embedding("sequence", seed=4)],
        gene_sets,
        published,
        external,
    )
    return AppTest.from_file(APP, default_timeout=120)


@pytest.fixture
def app():
    return start()


def shown(app: AppTest) -> str:
    blocks = [*app.title, *app.subheader, *app.markdown, *app.caption, *app.warning, *app.info]
    return "\n".join(block.value for block in blocks)


def test_the_first_view_sets_the_joined_gaussian_process_against_a_rival(app):
    app.switch_page(PAGE).run()
    assert not app.exception
    assert app.selectbox(key="ours").value == "Gaussian process, text + sequence"
    assert app.selectbox(key="rival").value == "Linear regression, text + sequence"
    table = app.dataframe[0].value
    assert list(table.columns) == [
        "perturbation", "changes", "Gaussian process", "Linear regression", "difference",
        "effect size",
    ]  # fmt: skip
    assert len(table) == 20  # the strongest half of 40
    assert table["effect size"].is_monotonic_decreasing
    assert "**Gaussian process** wins" in shown(app)
    assert "This data set has no gene sets." in shown(app)


def test_the_share_and_the_metric_are_followed(app):
    app.query_params["strongest"] = "100"
    app.query_params["metric"] = "MAE, all genes"
    app.switch_page(PAGE).run()
    assert len(app.dataframe[0].value) == 40
    assert app.selectbox(key="metric").value == "mae_all"


def test_models_without_embedding_are_offered_once(app):
    app.switch_page(PAGE).run()
    options = app.selectbox(key="rival").options
    assert options.count("Non-control mean") == 1
    app.selectbox(key="rival").select("Non-control mean").run()
    assert not app.exception
    assert "Non-control mean" in app.dataframe[0].value.columns


def test_two_embeddings_of_one_model_are_told_apart(app):
    app.query_params["rival"] = "Gaussian process, text"
    app.switch_page(PAGE).run()
    assert "Gaussian process, text" in app.dataframe[0].value.columns
    assert "Gaussian process, text + sequence" in app.dataframe[0].value.columns


def test_a_method_against_itself_is_said(app):
    app.query_params["rival"] = "Gaussian process, text + sequence"
    app.switch_page(PAGE).run()
    assert "Both sides are the same method" in shown(app)
    assert not app.exception


def test_nonsense_in_the_address_does_no_harm(app):
    app.query_params["ours"] = "GPT-9"
    app.query_params["metric"] = "../.."
    app.query_params["strongest"] = "-7"
    app.switch_page(PAGE).run()
    assert not app.exception
    assert not app.error
    assert app.selectbox(key="ours").value == "Gaussian process, text + sequence"


def test_gene_sets_are_tested_where_there_are_any():
    app = start([SETS])
    app.query_params["strongest"] = "100"
    app.switch_page(PAGE).run()
    assert not app.exception
    by_set = app.dataframe[1].value
    assert list(by_set["gene set"]) == ["first"]
    assert by_set["perturbations"].iloc[0] == 20
    assert "Of **1** gene sets" in shown(app)
    assert "pathways (pathways.gmt)" in shown(app)


@pytest.mark.parametrize(
    ("asked", "address"),
    [
        ({}, "gene?embedding=text%2Bsequence&gene=KD007"),
        (
            {"line": "LineB", "ours": "Linear regression, text"},
            "gene?line=LineB&gene=KD007",
        ),
        ({"ours": "Non-control mean"}, "gene?embedding=text%2Bsequence&gene=KD007"),
    ],
)
def test_a_chosen_dot_opens_its_gene_with_the_view_it_was_chosen_in(
    app, monkeypatch, asked, address
):
    from llmpert.ui.common import components as show

    monkeypatch.setattr(show, "figure", lambda *args, **kwargs: ["KD007"])
    app.query_params.update(asked)
    app.switch_page(PAGE).run()
    assert not app.exception
    assert drawer(app)[0] == f"KD007 knockdown in {asked.get('line', 'LineA')}"
    assert links(app) == [address]


def test_a_dot_opens_its_gene_once(app, monkeypatch):
    from llmpert.ui.common import components as show

    monkeypatch.setattr(show, "figure", lambda *args, **kwargs: ["KD007"])
    app.switch_page(PAGE).run()
    del app.query_params["opened"]  # as whoever closes it does
    app.run()
    assert drawer(app) == ("", "")


def test_nothing_published_is_shown_at_first_and_in_another_line_none_is_offered():
    app = start(published=[elsewhere()])
    app.switch_page(PAGE).run()
    assert not app.exception
    assert app.selectbox(key="ours").value == "Gaussian process, text + sequence"
    assert app.selectbox(key="rival").value == "Linear regression, text + sequence"
    assert app.selectbox(key="rival").options[-3:] == [GEARS, SCOUTER, ERRORS]
    assert len(app.selectbox(key="metric").options) == 4
    assert "peers.csv.gz" not in shown(app)
    app = start(published=[elsewhere()])
    app.query_params["line"] = "LineB"
    app.query_params["rival"] = GEARS
    app.switch_page(PAGE).run()
    assert not app.exception
    assert app.selectbox(key="rival").value == "Linear regression, text + sequence"
    assert not any("published" in option for option in app.selectbox(key="rival").options)


def test_a_line_without_the_published_method_goes_back_to_the_first_view():
    app = start(published=[elsewhere()])
    app.query_params["rival"] = GEARS
    app.switch_page(PAGE).run()
    assert app.selectbox(key="rival").value == GEARS
    app.selectbox(key="line").select("LineB").run()
    assert not app.exception
    assert app.selectbox(key="rival").value == "Linear regression, text + sequence"
    assert app.query_params["rival"] == "Linear regression, text + sequence"
    assert "default value" not in shown(app)  # Streamlit's warning of two defaults
    app.selectbox(key="line").select("LineA").run()
    assert app.selectbox(key="rival").value == "Linear regression, text + sequence"


def test_two_published_methods_meet_where_both_have_values():
    app = start(published=[elsewhere()])
    app.query_params.update({"ours": SCOUTER, "rival": GEARS, "strongest": "100"})
    app.switch_page(PAGE).run()
    assert not app.exception
    said = shown(app)
    assert f"**{SCOUTER}** wins 12, **{GEARS}** wins 7, 1 is a tie" in said
    assert "**20** perturbations of the screen's 40" in said
    assert "Two published methods are like with like" in said
    assert "training perturbations;" not in said
    assert app.selectbox(key="metric").options == ["Pearson, top 20 DE genes"]
    assert "Only metrics available for both methods are listed." in said
    figure = app.get("plotly_chart")[0].proto.spec
    assert "for 60 % of 20 perturbations" in figure
    assert "Not like with like" not in figure


def test_a_published_method_against_a_computed_one_is_not_like_with_like():
    app = start(published=[elsewhere()])
    app.query_params["metric"] = "MAE, all genes"
    app.switch_page(PAGE).run()
    assert app.selectbox(key="metric").value == "mae_all"
    app.selectbox(key="rival").select(GEARS).run()
    assert not app.exception
    # The metric chosen before is one that GEARS does not have.
    assert app.selectbox(key="metric").value == "pearson_top20"
    assert "metric" not in app.query_params
    table = app.dataframe[0].value
    assert set(table["perturbation"]) <= set(small.names("KD", 20))
    assert (table[GEARS] == 0.5).all()
    assert shown(app).count("is not like with like") == 2  # above the figure and in its caption
    assert "training perturbations;" in shown(app)
    assert "Not like with like" in app.get("plotly_chart")[0].proto.spec


def test_methods_without_a_metric_in_common_are_said():
    app = start(published=[elsewhere()])
    app.query_params.update({"ours": GEARS, "rival": ERRORS})
    app.switch_page(PAGE).run()
    assert not app.exception
    assert f"No metric is available for both {GEARS} and {ERRORS}." in shown(app)


def test_a_dot_of_a_published_method_opens_its_gene(monkeypatch):
    from llmpert.ui.common import components as show

    app = start(published=[elsewhere()])
    monkeypatch.setattr(show, "figure", lambda *args, **kwargs: ["KD001"])
    app.query_params.update({"ours": GEARS, "rival": SCOUTER})
    app.switch_page(PAGE).run()
    assert not app.exception
    assert drawer(app)[0] == "KD001 knockdown in LineA"


def test_the_first_view_is_against_gears_where_its_predictions_are_there():
    made = predictions(small.screen("LineA"), train_size=32, folds=5)
    made = without(made, "KD003")
    other = predictions(small.screen("LineA"), "Half", train_size=20, folds=2)
    app = start(external=[other, made], published=[elsewhere()])
    app.query_params["strongest"] = "100"
    app.switch_page(PAGE).run()
    assert not app.exception
    assert app.selectbox(key="ours").value == "Gaussian process, text + sequence"
    assert app.selectbox(key="rival").value == "GEARS"
    options = app.selectbox(key="rival").options
    assert options[-4:] == ["GEARS", GEARS, SCOUTER, ERRORS]
    said = shown(app)
    assert "Imported: GEARS with 32 training perturbations, 39 of 40 perturbations" in said
    assert "Compared on the **39** perturbations of the screen's 40" in said
    assert "Half was run with 20 training perturbations, not with 32." in said
    assert "not like with like" not in said
    assert app.selectbox(key="metric").options[-1] == "MAE, all genes"
    table = app.dataframe[0].value
    assert "KD003" not in set(table["perturbation"])
    measured = small.screen("LineA").response
    app.selectbox(key="metric").select("mae_all").run()
    table = app.dataframe[0].value.set_index("perturbation")
    for row in (0, 17):
        # Thirty genes are measured and all are scored.
        expected = abs(predictions(small.screen("LineA"), folds=5).delta[row] - measured[row])
        assert table.loc[f"KD{row:03d}", "GEARS"] == pytest.approx(expected.mean(), rel=1e-5)


def test_predictions_against_published_values_are_not_like_with_like():
    made = predictions(small.screen("LineA"), folds=5)
    app = start(external=[made], published=[elsewhere()])
    app.query_params.update({"ours": "GEARS", "rival": GEARS})
    app.switch_page(PAGE).run()
    assert not app.exception
    assert app.selectbox(key="metric").options == ["Pearson, top 20 DE genes"]
    assert "Imported: GEARS with 32" in shown(app)
    assert "is not like with like" in shown(app)
    assert "LineA, 32 training perturbations;" in shown(app)
    app.selectbox(key="line").select("LineB").run()
    assert app.selectbox(key="ours").value == "Gaussian process, text + sequence"
    assert app.selectbox(key="rival").value == "Linear regression, text + sequence"
    assert not app.exception
