"""Pages on the data set that opens first: trained models of real screens, of raised genes alone."""

import re
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from llmpert.datasets.builtin import RANKS
from tests.support.described import says

APP = str(Path(__file__).resolve().parents[2] / "app.py")


@pytest.fixture(scope="module", autouse=True)
def loaded_once():
    st.cache_resource.clear()
    yield
    st.cache_resource.clear()


@pytest.fixture
def visit():
    """Opens a page with words in its address."""

    def visit(page: str, **query: str) -> AppTest:
        app = AppTest.from_file(APP, default_timeout=300)
        for name, value in {"data": RANKS, **query}.items():
            app.query_params[name] = value
        app.switch_page(f"pages/{page}.py").run()
        assert not app.exception
        assert not app.error
        assert not re.search(r"\blower", shown(app).replace("nothing of lowered ones", ""))
        return app

    return visit


def shown(app: AppTest) -> str:
    blocks = [*app.title, *app.header, *app.subheader, *app.markdown, *app.caption, *app.info]
    return "\n".join(block.value for block in blocks)


def test_a_described_gene_is_predicted(visit, monkeypatch):
    says(monkeypatch, {"a subunit of Mediator": "MED11"})
    app = visit("describe", text="a subunit of Mediator")
    assert "The model also knows genes by **GO**, which a text does not give." in shown(app)
    assert "on GO + description, 583 training perturbations. Not measured." in shown(app)
    assert len(app.get("plotly_chart")) == 1
    nearest = app.dataframe[0].value
    assert list(nearest.loc[0, ["gene", "knocked down here"]]) == ["MED11", "yes"]


def test_nothing_is_predicted_far_from_all_genes(visit, monkeypatch):
    says(monkeypatch, {})
    app = visit("describe", text="the weather")
    assert "unlike every known gene" in app.warning[0].value
    assert not app.get("plotly_chart")
