"""The page Can I trust the intervals?: measured data, trained models and older files of these."""

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

import llmpert as lp
from llmpert.evaluation import calibration
from llmpert.evaluation.experiment import Experiment
from llmpert.evaluation.problem import Problem
from llmpert.insight import intervals
from tests.support import small

APP = str(Path(__file__).resolve().parents[2] / "app.py")
SOURCES = [small.embedding("text"), small.embedding("sequence", seed=4)]


def opened(**query: str) -> AppTest:
    app = AppTest.from_file(APP, default_timeout=120)
    app.query_params.update(query)
    app.switch_page("pages/intervals.py").run()
    assert not app.exception
    assert not app.error
    return app


def titles(app: AppTest) -> list[str]:
    charts = [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]
    return [chart["layout"]["title"]["text"] for chart in charts]


def test_it_says_what_held_out_predictions_of_all_folds_held_and_keeps_it():
    small.share("mine", [small.screen("LineA"), small.screen("LineB", seed=3)], SOURCES)
    app = opened(data="mine", line="LineB", embedding="sequence")
    problem = Problem.align(small.screen("LineB", seed=3), SOURCES[1:])
    experiment = Experiment(problem)
    assert all(calibration.is_kept(experiment, "gp", 32, fold) for fold in range(5))
    parts = [calibration.kept(experiment, "gp", 32, fold) for fold in range(5)]
    outcomes = pd.concat(parts, ignore_index=True)
    expected = intervals.sentence(intervals.coverage(outcomes))
    assert expected in [block.value for block in app.markdown]
    assert len(titles(app)) == 4
    (errors,) = [c.value for c in app.caption if c.value.startswith("Mean absolute error")]
    assert f"the median {outcomes['error'].mean():.3g}" in errors
    assert f"*no change* {outcomes['error of no change'].mean():.3g}" in errors


@pytest.mark.parametrize("older", [False, True])
def test_a_trained_model_says_what_its_file_carries(older):
    model = lp.train(small.screen("LineA", 60), small.embedding("text", 70), components=3)
    model = replace(model, outcomes=None) if older else model
    small.add("models", [], [small.embedding("text", 70)], trained=[model])
    app = opened(data="models")
    words = " ".join(block.value for block in app.markdown)
    assert ("no coverage of its intervals" in words) == older
    assert len(titles(app)) == (1 if older else 4)
    assert any("most certain predictions" in title for title in titles(app))
