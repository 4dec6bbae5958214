"""A model of another package on the pages that compare models."""

import json
from pathlib import Path

import pytest
from sklearn.linear_model import Ridge
from streamlit.testing.v1 import AppTest

from llmpert.models.registry import MODELS, regressor
from tests.support import small

APP = str(Path(__file__).resolve().parents[2] / "app.py")


@pytest.fixture
def app(monkeypatch) -> AppTest:
    import streamlit as st

    st.cache_resource.clear()
    monkeypatch.setitem(MODELS, "stiff", regressor("stiff", Ridge(50.0), "Stiff ridge"))
    small.share("mine", [small.screen("LineA")], [small.embedding("text")])
    return AppTest.from_file(APP, default_timeout=120)


def legend(app: AppTest) -> set[str]:
    figures = [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]
    return {str(trace.get("name")) for figure in figures for trace in figure["data"]}


@pytest.mark.parametrize(
    ("page", "asked", "name"),
    [
        ("learning_curves", {"models": ["Stiff ridge"]}, "Stiff ridge, text"),
        ("model_classes", {}, "Stiff ridge"),
    ],
)
def test_it_is_drawn_beside_the_others(app, page, asked, name):
    app.query_params.update(asked)
    app.switch_page(f"pages/{page}.py").run()
    assert not app.exception
    assert name in legend(app)


def test_it_has_a_row_in_the_table(app):
    app.switch_page("pages/table.py").run()
    assert not app.exception
    assert any("Stiff ridge" in str(table.value) for table in app.dataframe)


def test_it_is_a_side_of_head_to_head(app):
    app.switch_page("pages/head_to_head.py").run()
    assert not app.exception
    assert any("Stiff ridge" in option for box in app.selectbox for option in box.options)
