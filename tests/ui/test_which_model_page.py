"""The page of all models by all scores, against the results it draws."""

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from llmpert.datasets import RANKS
from llmpert.evaluation.results import ResultsSummary
from llmpert.io.paths import shipped
from llmpert.ui.common import cache
from tests.support import small
from tests.ui.test_carried_results import APP, traces, visit


@pytest.fixture(scope="module")
def app():
    return AppTest.from_file(APP, default_timeout=120)


def test_carried_results_are_placed(app):
    text = visit(app, "which_model", line="K562")
    found = ResultsSummary.load(shipped() / RANKS / "results.parquet")
    drawn = traces(app)[0]
    assert len(drawn["y"]) == found.table["metric"].nunique()
    assert "is best by" in text
    assert any("scores of single knockdowns" in one.value for one in app.info)
    places = np.reshape(drawn["z"], (len(drawn["y"]), -1))[drawn["y"].index("MAE, all genes")]
    place = dict(zip(drawn["x"], places, strict=True))
    assert place["No change"] == np.nanmin(places)


def test_scores_can_be_narrowed_to_a_group():
    app = AppTest.from_file(APP, default_timeout=120)
    visit(app, "which_model", line="K562", scores="As in the paper")
    assert set(traces(app)[0]["y"]) == {one.label for one in cache.METRICS.values()}


def test_screens_have_differences_and_quarters_too():
    screen = small.screen(cells=np.full(40, 9), control_sd=np.full(30, 0.3))
    small.share("mine", [screen], [small.embedding()])
    app = AppTest.from_file(APP, default_timeout=120)
    text = visit(app, "which_model", data="mine")
    assert len(app.get("plotly_chart")) == 3
    assert "control cells" in text
