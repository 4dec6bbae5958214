"""The page Find a knockdown: measured data and trained models."""

import json
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

import llmpert as lp
from llmpert.evaluation.experiment import Experiment
from llmpert.evaluation.problem import Problem
from llmpert.insight.search import Library, search
from tests.support import small

APP = str(Path(__file__).resolve().parents[2] / "app.py")


def opened(**query: str) -> AppTest:
    app = AppTest.from_file(APP, default_timeout=120)
    app.query_params.update(query)
    app.switch_page("pages/find.py").run()
    assert not app.exception
    return app


def hits(app: AppTest) -> list[list[str]]:
    return [list(table.value["gene"]) for table in app.dataframe]


@pytest.fixture
def mine():
    small.share("mine", [small.screen()], [small.embedding("text")])


def test_knockdowns_like_one_and_its_opposite(mine):
    app = opened(data="mine", like="KD007")
    known, unseen = hits(app)
    assert known[0] == "KD007"
    assert ["changes" in table.value for table in app.dataframe] == [True, False]
    assert set(unseen) == {f"KD{n:03d}" for n in range(40, 45)}
    problem = Problem.align(small.screen(), [small.embedding("text")])
    experiment = Experiment(problem)
    library = Library.of(experiment.fit_all("gp"), problem.unseen(), problem.screen, False)
    expected = search(library.unseen, library.signature_of("KD007"))
    assert unseen == list(expected["gene"])
    opposite, _ = hits(opened(data="mine", like="KD007", goal="reverses it"))
    assert opposite[-1] == "KD007"


def test_typed_genes_are_sorted_into_used_and_unknown(mine):
    app = opened(data="mine", by="Genes", up="OUT001, OUT002 NOSUCH", down="OUT005")
    known, _ = hits(app)
    response = small.screen().response - small.screen().response.mean(axis=0)
    weights = np.zeros(30)
    weights[[1, 2]], weights[5] = 1, -1
    scores = pd.Series([np.corrcoef(row, weights)[0, 1] for row in response])
    assert known[0] == f"KD{scores.argmax():03d}"
    (said,) = [c.value for c in app.caption if "Genes used" in c.value]
    assert "Genes used: **3**" in said
    assert "1 unknown: NOSUCH" in said


def test_a_cluster_of_uploaded_cells(mine, tmp_path):
    screen, random = small.screen(), np.random.default_rng(0)
    relative = screen.response[7] - screen.response.mean(axis=0)
    expression = 3 + random.normal(size=(60, 30)) * 0.1
    expression[40:] += relative / np.abs(relative).max()
    obs = pd.DataFrame({"leiden": ["a"] * 40 + ["b"] * 20}, index=[f"c{n}" for n in range(60)])
    cells = anndata.AnnData(expression, obs, pd.DataFrame(index=screen.genes))
    cells.write_h5ad(tmp_path / "cells.h5ad")
    app = opened(data="mine", by="A cluster of cells")
    assert not app.dataframe
    content = (tmp_path / "cells.h5ad").read_bytes()
    app.file_uploader(key="search-cells").set_value([("cells.h5ad", content, "")]).run()
    app.selectbox(key="search-label").set_value("b").run()
    # Nothing shows whether its numbers are logarithms.
    (asked,) = [one for one in app.selectbox if one.label == "What are the numbers?"]
    asked.set_value("log").run()
    known, _ = hits(app)
    assert known[0] == "KD007"
    assert any("20 cells against 40 others" in one.value for one in app.caption)


@pytest.mark.parametrize(
    ("up", "message"),
    [("", "found none"), ("NOSUCH", "is measured here"), ("Trp53 Cdk9", "like mouse genes")],
)
def test_what_cannot_be_searched_gets_a_sentence(mine, up, message):
    app = opened(data="mine", by="Genes", up=up)
    assert message in " ".join(one.value for one in app.warning)
    assert not app.dataframe


def test_a_trained_model_searches_what_it_predicts_for_its_knockdowns():
    model = lp.train(small.screen("LineA", 60), small.embedding("text", 70), components=3)
    small.add("models", [], [small.embedding("text", 70)], trained=[model])
    app = opened(data="models", like="KD009")
    known, unseen = hits(app)
    assert known.index("KD009") < 5
    assert len(unseen) == 10
    charts = [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]
    assert "from the others" in charts[0]["layout"]["title"]["text"]
