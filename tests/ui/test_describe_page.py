"""The page that predicts a gene from a text, with texts that stand for genes."""

from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from llmpert.embeddings import BUILT_IN, built_in
from tests.support import small
from tests.support.described import says

APP = str(Path(__file__).resolve().parents[2] / "app.py")
GENES = sorted(set.intersection(*(set(built_in(name).genes) for name in BUILT_IN)))[:4000:100]


@pytest.fixture
def page():
    embeddings = [built_in(name) for name in BUILT_IN]
    small.share("human", [replace(small.screen(), perturbations=GENES)], embeddings)
    small.share("own", [small.screen()], [small.embedding()])
    app = AppTest.from_file(APP, default_timeout=120)
    app.query_params["data"] = "human"
    app.run()
    return app.switch_page("pages/describe.py").run()


def test_a_text_shows_the_nearest_genes_and_a_prediction(page, monkeypatch):
    says(monkeypatch, {"a tumour suppressor": "TP53", "known here": GENES[3]})
    # At first an example, of which the vector comes along.
    assert page.dataframe[0].value["gene"][0].startswith("MED")
    assert len(page.get("plotly_chart")) == 1
    page.text_area[0].input("").run()
    assert not page.dataframe
    page.text_area[0].input("a tumour suppressor").run()
    assert not page.exception
    assert page.dataframe[0].value["gene"][0] == "TP53"
    assert page.dataframe[0].value["knocked down"][0] == "no"
    assert len(page.get("plotly_chart")) == 1
    page.text_area[0].input("known here").run()
    nearest = page.dataframe[0].value
    assert list(nearest.loc[0, ["gene", "knocked down"]]) == [GENES[3], "yes"]


def test_without_a_text_there_is_an_example_that_works(page):
    page.text_area[0].input("").run()
    page.button(key="example-text").click().run()
    assert page.dataframe[0].value["gene"][0].startswith("MED")
    assert len(page.get("plotly_chart")) == 1


def test_nothing_is_predicted_far_from_all_genes(page, monkeypatch):
    says(monkeypatch, {})
    page.text_area[0].input("the weather").run()
    assert "unlike every known gene" in page.warning[0].value
    assert len(page.dataframe) == 1
    assert not page.get("plotly_chart")


def test_other_data_sets_say_what_the_page_needs(page):
    page.selectbox(key="data").select("own").run()
    assert "needs a data set with the built-in embedding" in page.info[0].value
    assert not page.text_area
    page.button(key="open-described").click().run()
    assert page.text_area
