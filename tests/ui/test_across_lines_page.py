"""The page Across lines without a browser."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

import llmpert as lp
from llmpert.datasets import RANKS
from llmpert.evaluation.scores import registry
from llmpert.evaluation.transfer import judge
from llmpert.ui.common import figure
from tests.support import small
from tests.ui.test_carried_results import APP, traces, visit

PAGE = "across_lines"


@pytest.fixture
def app():
    return AppTest.from_file(APP, default_timeout=120)


def test_trained_models_show_what_they_keep_of_each_line(app):
    text = visit(app, PAGE, data=RANKS, gene="MED12", line="K562", part="Scores")
    names = [trace["name"] for trace in traces(app) if trace.get("name")]
    assert names[:4] == [
        "K562, predicted", "K562, kept", "RPE1, predicted", "RPE1, kept",
    ]  # fmt: skip
    assert "as the trained model reconstructs it" in text
    assert max(max(trace["x"]) for trace in traces(app) if "kept" in (trace["name"] or "")) <= 1
    rows = app.dataframe[0].value
    assert "Shrunken copy, measured in RPE1" in set(rows["Model"])
    assert "Non-control mean" in set(rows["Model"])


@pytest.fixture
def two(monkeypatch) -> dict[str, pd.DataFrame]:
    """What visits to two small screens offer to save, by name."""
    screens = [small.screen("LineA"), small.screen("LineB", seed=3)]
    small.share("mine", screens, [small.embedding()])
    found: dict[str, pd.DataFrame] = {}
    monkeypatch.setattr(
        figure, "_offer_files", lambda name, file_name, numbers, words: found.update(
            {name: numbers()}
        )
    )  # fmt: skip
    return found


def test_measured_and_predicted_responses_are_those_of_the_screens(app, two):
    visit(app, PAGE, data="mine", gene="KD007", against="control")
    table = two["lines-KD007-LineA"]
    for seed, line in ((0, "LineA"), (3, "LineB")):
        part = table[table["line"] == line].set_index("gene")["measured"]
        screen = small.screen(line, seed=seed)
        np.testing.assert_allclose(part[screen.genes], screen.response[7], rtol=1e-6)
    assert {"disagreement", "r"} <= set(two["lines-disagree-LineA-LineB"])


def test_a_gene_that_no_line_knocked_down_is_predicted_in_each(app, two):
    text = visit(app, PAGE, data="mine", gene="KD042")
    table = two["lines-KD042-LineA"]
    assert "KD042 was knocked down in none of these lines" in text
    assert "measured" not in table
    assert table.groupby("line")["predicted"].count().to_dict() == {"LineA": 30, "LineB": 30}


def test_a_trained_model_is_judged_on_the_screen_and_the_lines_of_python_do_the_same(app, two):
    model = lp.train(small.screen("LineB", seed=3), small.embedding(), components=3)
    small.share("model", embeddings=[small.embedding()], trained=[model])
    label = registry()["discrimination_l1"].label
    visit(app, PAGE, data="mine", part="A trained model", judged="LineB, model", judged_by=label)
    numbers = two["lines-judged-LineB-LineA-discrimination_l1"]
    expected = judge(model.knowing([small.embedding()]), small.screen("LineA")).summary()
    pd.testing.assert_frame_equal(numbers, expected)
    (code,) = (block.value for block in app.code if "judge(" in block.value)
    names: dict[str, pd.DataFrame] = {}
    exec(code, names)  # noqa: S102
    pd.testing.assert_frame_equal(names["table"], expected)


def test_one_line_alone_is_said():
    small.share("one", [small.screen()], [small.embedding()])
    app = AppTest.from_file(APP, default_timeout=120)
    app.query_params["data"] = "one"
    app.switch_page(str(Path("pages") / f"{PAGE}.py")).run()
    assert "This data set has one line" in app.info[0].value
