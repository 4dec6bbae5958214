"""The explorer without a browser, on a small data set."""

import base64
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from llmpert.datasets import DatasetStore
from llmpert.genes.sets import GeneSets
from llmpert.ui.common import cache
from tests.support import small

APP = str(Path(__file__).resolve().parents[2] / "app.py")
PAGE = "pages/explorer.py"


ONES, TWOS = frozenset(small.names("KD", 12)), frozenset(small.names("KD", 20)[12:])
MINE = (
    [small.screen("LineA"), small.screen("LineB", seed=3)],
    [small.embedding("text"), small.embedding("sequence", seed=4)],
    [GeneSets("made", "made.gmt", {"ones": ONES, "twos": TWOS})],
)


@pytest.fixture
def app():
    small.share("mine", *MINE)
    return AppTest.from_file(APP, default_timeout=120)


@pytest.fixture
def unfitted():
    small.add("mine", *MINE)
    return AppTest.from_file(APP, default_timeout=120)


def shown(app: AppTest) -> str:
    blocks = [*app.header, *app.markdown, *app.caption, *app.warning, *app.info]
    return "\n".join(block.value for block in blocks)


def figures(app: AppTest) -> list[str]:
    specs = [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]
    return [json.dumps(spec, ensure_ascii=False) for spec in specs]


def measures(app: AppTest) -> list[str]:
    """By which there are neighbours: tabs within that of the neighbours."""
    (tab,) = [tab for tab in app.tabs if tab.label == "Nearest"]
    return [inner.label for inner in tab.tabs]


def test_below_a_map_only_the_open_tab_is_drawn(app):
    app.switch_page(PAGE).run()
    assert not app.exception
    (first,) = figures(app)
    assert "PCA of text embeddings, LineA" in first
    assert "ones (12)" in first
    assert "None yet." in shown(app)
    app.session_state["part"] = "Nearest"
    _, second = figures(app.run())
    assert "neighbours respond alike?" in second
    app.session_state["part"] = "Closeness"
    _, second = figures(app.run())
    assert "sequence<br>Spearman" in second


def test_a_meeting_has_the_figures_of_all_tabs(app):
    app.query_params["meeting"] = "true"
    app.switch_page(PAGE).run()
    assert not app.exception
    assert len(app.session_state["figures"]) == 3


@pytest.mark.parametrize("of", ["text", "sequence", "measured responses"])
@pytest.mark.parametrize("colour", ["gene set", "effect size", "similarity to the gene"])
def test_every_map_in_every_colour(app, of, colour):
    app.query_params["of"], app.query_params["colour"] = of, colour
    app.switch_page(PAGE).run()
    assert not app.exception
    assert not app.error
    measure = "Pearson r" if of == "measured responses" else "Cosine similarity"
    expected = {
        "gene set": "twos (8)",
        "effect size": "Effect size<br>(Δ expression)",
        "similarity to the gene": f"{measure} to KD",
    }
    assert expected[colour] in figures(app)[0]


def test_accuracy_that_is_not_known_is_made_when_asked_for(unfitted):
    unfitted.query_params["colour"] = "held-out accuracy"
    unfitted.switch_page(PAGE).run()
    assert "not yet evaluated" in shown(unfitted)
    assert "No value (40)" in figures(unfitted)[0]
    unfitted.button(key="evaluate").click().run()
    assert not unfitted.exception
    assert "not yet evaluated" not in shown(unfitted)
    assert "No value" not in figures(unfitted)[0]
    assert "Held-out Pearson, all genes" in figures(unfitted)[0]


def test_any_score_of_any_model_is_a_colour(unfitted):
    unfitted.query_params["colour"] = "held-out accuracy"
    unfitted.switch_page(PAGE).run()
    unfitted.selectbox(key="scored").select("mean").run()
    assert "Non-control mean was not yet evaluated" in shown(unfitted)
    unfitted.button(key="evaluate").click().run()
    unfitted.selectbox(key="score").select("mae_all").run()
    assert not unfitted.exception
    (trace, _), label = (
        json.loads(figures(unfitted)[0])["data"],
        "Held-out MAE, all genes<br>Non-control",
    )
    assert label in trace["marker"]["colorbar"]["title"]["text"]
    of = cache.experiment(DatasetStore().load("mine"), "LineA", "text")
    scores = pd.concat([of.scores("mean", 32, fold) for fold in range(5)])
    expected = dict(zip(scores["perturbation"], scores["mae_all"], strict=True))
    drawn = dict(zip(trace["customdata"], _values(trace["marker"]["color"]), strict=True))
    assert drawn == pytest.approx(expected)


def _values(array: dict) -> np.ndarray:
    return np.frombuffer(base64.b64decode(array["bdata"]), array["dtype"])


def test_sets_that_hold_together_have_their_names_on_the_map(app):
    app.switch_page(PAGE).run()
    names = [note["text"] for note in json.loads(figures(app)[0])["layout"]["annotations"]]
    assert set(names) >= {"<b>ones</b>", "<b>twos</b>"}
    chosen = app.text_input(key="gene").value
    assert f"<b>{chosen}</b>" in names


def test_a_gene_outside_the_screen_has_neighbours_but_no_measurement(app):
    app.query_params["gene"] = "KD043"
    app.query_params["of"] = "measured responses"
    app.query_params["colour"] = "similarity to the gene"
    app.query_params["part"] = "Nearest"
    app.switch_page(PAGE).run()
    assert not app.exception
    assert "KD043 was not knocked down in this screen, so it is not on the map." in shown(app)
    assert "KD043 is **not measured**: it has no response to be similar to." in shown(app)
    assert "KD043 is **not measured**, so its response" in shown(app)
    near = app.dataframe[0].value
    assert len(near) == 10
    assert near["response"].isna().all()


def test_the_kernel_is_a_measure_of_its_own(app):
    app.query_params["gene"], app.query_params["part"] = "KD007", "Nearest"
    app.switch_page(PAGE).run()
    assert measures(app) == ["text", "sequence"]
    app.toggle(key="kernel").set_value(True).run()
    assert not app.exception
    assert measures(app) == ["text", "sequence", "Gaussian process"]
    app.session_state["near"] = "Gaussian process"
    near = app.run().dataframe[0].value
    assert "KD007" not in set(near["gene"])
    assert near["similarity"].between(0, 1).all()
    assert "Gaussian process" in figures(app)[1]


def test_without_gene_sets_or_cells_nothing_is_offered_that_is_not_there(app):
    small.share("plain", [small.screen()], [small.embedding()])
    app.query_params["data"], app.query_params["colour"] = "plain", "gene set"
    app.switch_page(PAGE).run()
    assert not app.exception
    offered = app.selectbox(key="colour").options
    assert offered == ["effect size", "similarity to the gene", "held-out accuracy"]
    assert "Effect size<br>(Δ expression)" in figures(app)[0]
    assert "gene set (none; add some" in shown(app)
    assert "number of cells (not recorded in this screen)" in shown(app)


def test_an_effect_size_that_is_the_same_for_all_is_no_colour(app):
    screen = small.screen()
    ranks = np.argsort(np.argsort(screen.response, axis=1), axis=1)
    small.share("ranked", [replace(screen, response=ranks)], [small.embedding()])
    app.query_params["data"] = "ranked"
    app.switch_page(PAGE).run()
    assert not app.exception
    assert app.selectbox(key="colour").options[0] == "similarity to the gene"
    assert "effect size (the same for all knockdowns, as in ranked responses)" in shown(app)


def test_nonsense_in_the_address_does_no_harm(app):
    app.query_params["of"], app.query_params["method"] = "../..", "t-SNE"
    app.query_params["colour"], app.query_params["sets"] = "-1", "nobody"
    app.query_params["part"] = "<b>"
    app.switch_page(PAGE).run()
    assert not app.exception
    assert not app.error
    assert len(figures(app)) == 1
    assert "None yet." in shown(app)


def test_a_selection_in_the_address_is_listed_with_what_it_shares(app):
    members = [*small.names("KD", 5), "KD020", "NOBODY"]
    app.query_params["selected"] = ",".join(members)
    app.switch_page(PAGE).run()
    assert not app.exception
    rows = app.dataframe[0].value
    assert list(rows["gene"]) == members[:-1]
    assert rows["gene sets"].tolist() == ["ones"] * 5 + [""]
    assert "6 of 40 knockdowns selected" in shown(app)
    sets = app.dataframe[1].value
    assert (sets["set"][0], sets["overlap"][0], sets["size"][0]) == ("ones", 5, 12)
    app.query_params["set"] = "ones"
    of_set = app.run().dataframe[2].value
    assert of_set["gene"].tolist() == sorted(ONES)
    assert of_set["selected"].tolist() == [True] * 5 + [False] * 7
    app.button(key="let-go").click().run()
    assert "None yet." in shown(app)


def test_without_a_selection_there_is_an_example(app):
    app.query_params["gene"] = "KD007"
    app.switch_page("pages/explorer.py").run()
    app.button(key="example-selected").click().run()
    assert not app.exception
    selected = app.query_params["selected"].split(",")
    assert selected[0] == "KD007"
    assert len(set(selected)) == 10


def test_a_selected_knockdown_can_be_chosen(app):
    app.query_params["selected"] = "KD003,KD020"
    app.switch_page(PAGE).run()
    app.selectbox(key="one").select("KD020").run()
    app.button(key="choose-here").click().run()
    assert not app.exception
    assert app.text_input(key="gene").value == "KD020"
    assert len(app.dataframe[0].value) == 2
