"""Pages on a data set of trained models, without any measured screen."""

import base64
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

import llmpert as lp
from llmpert.datasets import DatasetStore, Parts
from llmpert.evaluation.trained import TrainedModel
from llmpert.genes.sets import GeneSets
from tests.support import small

APP = str(Path(__file__).resolve().parents[2] / "app.py")
SOURCES = [small.embedding("text", 120), small.embedding("sequence", 120, seed=4)]


@pytest.fixture(scope="module")
def models() -> list[TrainedModel]:
    screens = [small.screen("LineA", 110), small.screen("LineB", 110, seed=3)]
    return [lp.train(screen, *SOURCES, components=3) for screen in screens]


@pytest.fixture(scope="module")
def data_folder(models, tmp_path_factory) -> Path:
    """A data folder with the models, for tests that change nothing in it."""
    folder = tmp_path_factory.mktemp("home")
    ones = GeneSets("made", "made.gmt", {"ones": frozenset(small.names("KD", 12))})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LLMPERT_HOME", str(folder))
        DatasetStore().add("shared", Parts(embeddings=SOURCES, gene_sets=[ones], trained=models))
    return folder


@pytest.fixture
def app(data_folder, monkeypatch):
    monkeypatch.setenv("LLMPERT_HOME", str(data_folder))
    return AppTest.from_file(APP, default_timeout=120)


def shown(app: AppTest) -> str:
    blocks = [*app.title, *app.header, *app.subheader, *app.markdown, *app.caption, *app.info]
    return "\n".join(block.value for block in blocks)


def helps(app: AppTest) -> str:
    return "\n".join(str(block.help) for block in app.markdown)


def visit(app: AppTest, page: str, **query: str) -> str:
    for name, value in query.items():
        app.query_params[name] = value
    app.switch_page(f"pages/{page}.py").run()
    assert not app.exception
    assert not app.error
    return shown(app)


def test_a_gene_outside_is_predicted(app):
    words = visit(app, "gene", gene="KD115", tab="Why")
    assert "KD115 knockdown in LineA" in words
    assert "110 training perturbations" in words
    assert "KD115 was not knocked down in this screen" in helps(app)
    assert "trust**: " in words
    assert "as reconstructed by the trained model" in words


def test_a_knockdown_trained_on_is_predicted_from_the_others(app, models):
    words = visit(app, "gene", gene="KD007", line="LineB", tab="Trust")
    assert "KD007 knockdown in LineB" in words
    assert "109 training perturbations" in words
    assert "predicted from all other knockdowns" in helps(app)
    table = app.dataframe[0].value
    assert "KD007" not in set(table["perturbation"])
    assert len(table) == 10


@pytest.mark.parametrize(
    "page",
    ["head_to_head", "learning_curves", "model_classes", "table"],
)
def test_a_page_that_needs_measurements_says_so_and_offers_some(app, page):
    assert "This page needs measurements" in visit(app, page)
    assert "Open the simulated data" in [button.label for button in app.button]


def test_what_changes_a_gene_is_predicted_from_the_others(app, models):
    words = visit(app, "effects", target="OUT003", line="LineB")
    assert "This data set has no measurements." in words
    table = app.dataframe[0].value.set_index("perturbation")
    assert "measured" not in table
    assert set(table["state"]) == {"left out"}
    expected = models[1].predict(list(table.index))
    at = list(expected.genes).index("OUT003")
    np.testing.assert_allclose(table["predicted"], expected.mean[:, at], atol=1e-6)
    assert table["predicted"].abs().is_monotonic_decreasing


@pytest.mark.parametrize("differs", ["genes", "lines"])
def test_genes_and_lines_are_compared(app, differs):
    words = visit(app, "compare", differs=differs, gene="KD007")
    assert "This data set does not have two models or embeddings to compare." in words
    assert "**No measurement**: KD007 in LineA" in words


def chart(app: AppTest) -> dict:
    (found,) = app.get("plotly_chart")
    return json.loads(found.proto.spec)


@pytest.mark.parametrize("of", ["text", "sequence", "kept responses"])
@pytest.mark.parametrize("colour", ["gene set", "held-out accuracy", "similarity to the gene"])
def test_the_explorer_has_every_map_in_every_colour(app, models, of, colour):
    words = visit(app, "explorer", of=of, colour=colour, gene="KD007", collection="made")
    assert "effect size (needs the measured screen)" in words
    assert app.selectbox(key="of").options == ["text", "sequence", "kept responses"]
    drawn = json.dumps(chart(app))
    assert f"PCA of {of}" in drawn
    measure = "Cosine similarity" if of in ("text", "sequence") else "Pearson r"
    expected = {
        "gene set": "ones (12)",
        "held-out accuracy": "Held-out Pearson, all genes",
        "similarity to the gene": f"{measure} to KD007",
    }
    assert expected[colour] in drawn


def values(app: AppTest) -> pd.Series:
    """What colours each knockdown of the map."""
    trace = next(one for one in chart(app)["data"] if one["name"] == "Perturbations")
    color = trace["marker"]["color"]
    if isinstance(color, dict):
        color = np.frombuffer(base64.b64decode(color["bdata"]), color["dtype"])
    return pd.Series(color, trace["customdata"])


def test_the_map_has_the_accuracy_that_the_file_has(app, models):
    visit(app, "explorer", colour="held-out accuracy")
    expected = models[0].accuracy.dropna()
    np.testing.assert_allclose(values(app)[expected.index], expected, atol=1e-6)


def test_the_map_has_similarities_of_kept_responses(app, models):
    model = models[0]
    visit(app, "explorer", of="kept responses", colour="similarity to the gene",
          gene="KD007")  # fmt: skip
    kept = model.fitted.model.arrays()
    responses = kept["mean"] + kept["scales"][0] * kept["scores"] @ kept["axes"].T
    expected = np.corrcoef(responses)[7]
    np.testing.assert_allclose(values(app)[list(model.fitted.trained_on)], expected, atol=1e-5)


def test_neighbours_are_those_of_embeddings_and_of_the_kernel(app, models):
    words = visit(app, "explorer", gene="KD115", part="Nearest")
    assert "KD115 was not knocked down in this screen, so it is not on the map." in words
    (nearest,) = [tab for tab in app.tabs if tab.label == "Nearest"]
    assert [tab.label for tab in nearest.tabs] == ["text", "sequence", "Gaussian process"]
    fitted = models[0].fitted
    own, others = SOURCES[0].rows(["KD115"])[0], SOURCES[0].rows(list(fitted.trained_on))
    cosine = others @ own / np.linalg.norm(others, axis=1) / np.linalg.norm(own)
    kernel = fitted.model.similarity(fitted.inputs(["KD115"]))[0]
    for tab, similarity in (("text", cosine), ("Gaussian process", kernel)):
        app.session_state["near"] = tab
        table = app.run().dataframe[0]
        nearest = np.argsort(-similarity)[:10]
        assert list(table.value["gene"]) == list(fitted.trained_on[nearest])
        np.testing.assert_allclose(table.value["similarity"], similarity[nearest], atol=1e-5)
        accuracy = models[0].accuracy.to_numpy()[nearest]
        np.testing.assert_allclose(table.value["accuracy"], accuracy, atol=1e-6)


def test_the_other_pages_say_what_is_here(app):
    assert "110 knockdowns in LineA" in visit(app, "start")
    words = visit(app, "data")
    assert "**LineA**: a model trained on 110 knockdowns, which predicts 30 genes" in words


def test_a_simulated_model_says_so(models):
    provenance = {**models[0].provenance, "simulated": True}
    parts = Parts(embeddings=SOURCES, trained=[replace(models[0], provenance=provenance)])
    assert DatasetStore().add("shared", parts).simulated


def test_what_comes_back_from_the_store_predicts_the_same(app, models):
    data = DatasetStore().load("shared")
    found = data.trained["LineB"].predict(["KD115", "KD007"])
    expected = models[1].predict(["KD115", "KD007"])
    np.testing.assert_allclose(found.mean, expected.mean, atol=1e-6)
