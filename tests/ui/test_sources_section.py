"""What each source is worth, on the page of model classes."""

import pytest
from streamlit.testing.v1 import AppTest

from llmpert.datasets import RANKS, DatasetStore
from llmpert.evaluation.experiment import Experiment
from llmpert.genes.sets import GeneSets
from llmpert.insight.sources import TOGETHER
from tests.support import small
from tests.ui.test_carried_results import APP, rows, visit


@pytest.fixture
def app():
    return AppTest.from_file(APP, default_timeout=120)


def test_trained_models_have_weights_and_the_scores_that_come_along(app):
    visit(app, "model_classes", data=RANKS, line="K562")
    table = app.dataframe[-1].value.set_index("source")
    assert list(table.index) == ["GO", "description", TOGETHER]
    assert table["weight"].sum() == pytest.approx(1)
    (known,) = rows(line="K562", embedding="GO", model="gp", metric="pearson_all",
                    train_size=466)["mean"]  # fmt: skip
    assert table.loc["GO", "alone"] == known


def test_screens_are_compared_on_request(app):
    sources = [small.embedding("text"), small.embedding("sequence", seed=4)]
    ones = GeneSets("made", "made.gmt", {"ones": frozenset(small.names("KD", 12))})
    small.share("mine", [small.screen()], sources, [ones])
    visit(app, "model_classes", data="mine")
    assert not app.dataframe
    app.session_state["worth"] = True
    app.run()
    helped = app.dataframe[-1].value
    assert set(helped["set"]) == {"ones"}
    assert set(helped["source"]) == {"text", "sequence"}
    table = app.dataframe[-2].value.set_index("source")
    of = Experiment(DatasetStore().load("mine").problem("LineA", "text"))
    folds = [of.scores("gp", 32, fold)["pearson_all"] for fold in range(5)]
    assert table.loc["text", "alone"] == pytest.approx(sum(map(sum, folds)) / 40)
    assert list(table.loc[["text", "sequence"], "covered"]) == [40, 40]
