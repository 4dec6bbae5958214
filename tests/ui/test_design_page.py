"""The page Plan a screen."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from llmpert.insight.campaign import CHOSEN, RANDOM
from tests.support import small

APP = str(Path(__file__).resolve().parents[2] / "app.py")


def opened(**query: str) -> AppTest:
    app = AppTest.from_file(APP, default_timeout=120)
    app.query_params.update({"data": "mine", **query})
    app.switch_page("pages/design.py").run()
    assert not app.exception
    return app


def genes(app: AppTest) -> list[str]:
    return [gene for table in app.dataframe for gene in table.value["gene"]]


def said(app: AppTest) -> str:
    blocks = [*app.markdown, *app.warning]
    return " ".join(block.value for block in blocks)


@pytest.fixture
def mine():
    small.share("mine", [small.screen()], [small.embedding("text", 60)])


def test_a_plan_has_its_figures_and_a_library(mine):
    app = opened(budget="6")
    assert len(set(genes(app))) == 6
    assert set(genes(app)) <= {f"KD{n:03d}" for n in range(40, 60)}
    charts = [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]
    assert "Variance that 6 knockdowns would remove" in charts[0]["layout"]["title"]["text"]
    assert len(charts) == 2
    assert "**6 knockdowns** would remove" in said(app)


def test_a_campaign_is_simulated_on_request(mine, monkeypatch):
    monkeypatch.setattr("llmpert.ui.design.SIZES", (8,))
    monkeypatch.setattr("llmpert.ui.design.STRATEGIES", (CHOSEN, RANDOM))
    app = opened(budget="2", campaign="true")
    charts = [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]
    assert "Simulated campaign in LineA" in charts[-1]["layout"]["title"]["text"]
    names = [trace.get("name") for trace in charts[-1]["data"]]
    assert {"Integrated variance", "Random"} <= set(names)


def test_what_more_cells_would_tell_is_shown_where_they_are_known(mine):
    (asked,) = [one for one in opened(budget="2").toggle if one.key == "cells"]
    assert asked.disabled
    counted = replace(small.screen(), cells=np.random.default_rng(0).integers(5, 200, 40))
    small.share("counted", [counted], [small.embedding("text", 60)])
    app = opened(data="counted", budget="2", cells="true")
    charts = [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]
    assert "Expected accuracy by cells of each knockdown" in charts[-1]["layout"]["title"]["text"]


def test_a_list_of_candidates_is_sorted_and_the_plan_keeps_to_it(mine):
    # More knockdowns are asked for than the list has.
    app = opened(budget="12", candidates="KD041, KD050 KD001 NOSUCH", **{"from": "A list"})
    assert set(genes(app)) == {"KD041", "KD050"}
    assert "There are no other candidates." in said(app)
    assert "1 unknown: NOSUCH" in said(app)
    assert "1 knocked down already: KD001" in said(app)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"budget": "21"}, "Expected 1 to 20 knockdowns"),
        ({"from": "A list"}, "found none"),
        ({"from": "A gene set"}, "no gene sets of these genes"),
        ({"targets": "NOSUCH"}, "a weight above 0"),
    ],
)
def test_what_cannot_be_planned_gets_a_sentence(mine, query, message):
    app = opened(**{"budget": "2", **query})
    assert message in said(app)
    assert not app.dataframe
