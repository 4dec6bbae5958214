"""Every page without a browser, on a small data set."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from llmpert.evaluation.experiment import Experiment
from llmpert.evaluation.problem import Problem
from tests.support import small

REPOSITORY = Path(__file__).resolve().parents[2]
APP = str(REPOSITORY / "app.py")


@pytest.fixture
def app(monkeypatch):
    small.share(
        "mine",
        [small.screen("LineA"), small.screen("LineB", seed=3)],
        [small.embedding("text"), small.embedding("sequence", seed=4)],
    )
    return AppTest.from_file(APP, default_timeout=120)


def shown(app: AppTest) -> str:
    blocks = [*app.title, *app.subheader, *app.markdown, *app.caption, *app.warning, *app.info]
    return "\n".join(block.value for block in blocks)


def test_start_and_data_say_what_is_open(app):
    app.run()
    assert "40 knockdowns in LineA, 40 knockdowns in LineB" in shown(app).replace("\\", "")
    assert "Simulated" not in shown(app)
    app.switch_page("pages/data.py").run()
    assert "**40** perturbations of LineA have every embedding" in shown(app)
    assert list(app.table[0].value["Cell line"]) == ["LineA", "LineB"]


def test_a_held_out_gene_shows_its_scores(app):
    app.query_params.update({"gene": "KD007", "tab": "Trust"})
    app.switch_page("pages/gene.py").run()
    assert "KD007 knockdown in LineA" in shown(app)
    assert "held out]" in shown(app)
    (said,) = app.table[1].value.to_dict("records")
    assert list(said)[:2] == ["Pearson, top 20 DE genes", "Pearson, all genes"]
    experiment = Experiment(Problem.align(small.screen("LineA"), [small.embedding("text")]))
    folds = [experiment.scores("gp", 32, fold) for fold in range(5)]
    scores = pd.concat(folds).set_index("perturbation").loc["KD007"]
    assert said["Pearson, top 20 DE genes"] == f"{scores['pearson_top20']:.3f}"
    assert said["Pearson, all genes"] == f"{scores['pearson_all']:.3f}"


def test_a_gene_outside_the_screen_is_predicted_and_said_to_be_unmeasured(app):
    app.query_params.update({"gene": "KD044", "tab": "Trust"})
    app.switch_page("pages/gene.py").run()
    assert "There is no measurement of KD044 to compare with." in shown(app)
    assert len(app.table) == 1
    assert not app.exception


def test_an_unknown_gene_gets_words_and_suggestions(app):
    app.query_params["gene"] = "KD01"
    app.switch_page("pages/gene.py").run()
    assert "KD01" in app.warning[0].value
    assert [b.label for b in app.button][:2] == ["KD010", "KD011"]
    app.button[1].click().run()
    assert "KD011 knockdown" in shown(app)


def test_controls_change_what_is_shown(app):
    app.switch_page("pages/table.py").run()
    assert "LineA, 32 training perturbations" in shown(app)
    app.selectbox(key="line").select("LineB").run()
    assert "LineB, 32 training perturbations" in shown(app)


def test_a_finished_fit_is_not_made_again(app, monkeypatch):
    app.switch_page("pages/table.py").run()
    first = app.dataframe[0].value

    from llmpert.evaluation.experiment import Experiment

    def refuse(*arguments):
        raise AssertionError("fitted again")

    monkeypatch.setattr(Experiment, "_fit_and_predict", refuse)
    again = AppTest.from_file(APP, default_timeout=120)
    again.switch_page("pages/table.py").run()
    assert not again.exception
    assert again.dataframe[0].value.equals(first)


def test_nonsense_in_the_address_does_no_harm(app):
    app.query_params["line"] = "../../etc/passwd"
    app.query_params["data"] = "../.."
    app.query_params["size"] = "-5"
    app.switch_page("pages/model_classes.py").run()
    assert not app.exception
    assert not app.error


def test_simulated_data_say_so_and_lead_to_real_ones():
    app = AppTest.from_file(APP, default_timeout=120)
    app.query_params["data"] = "simulated"
    app.run()
    assert any("simulated data" in markdown.value for markdown in app.markdown)
    assert "Use real screens" in [link.proto.label for link in app.get("page_link")]


@pytest.mark.parametrize("meeting", [False, True])
@pytest.mark.parametrize("simulated", [False, True])
def test_every_figure_of_simulated_data_is_marked(simulated, meeting):
    screen = small.screen("LineA")
    small.share(
        "mine",
        [replace(screen, provenance=screen.provenance | {"simulated": simulated})],
        [small.embedding("text")],
    )
    app = AppTest.from_file(APP, default_timeout=120)
    app.session_state["meeting"] = meeting
    app.query_params["tab"] = "Why"
    app.switch_page("pages/gene.py").run()
    figures = app.get("plotly_chart")
    assert len(figures) == (1 if meeting else 5)
    for figure in figures:
        assert ("SIMULATED DATA" in figure.proto.spec) == simulated


def test_an_error_that_nobody_foresaw_shows_a_number_that_stands_in_the_log(
    app, page_failures, monkeypatch
):
    def fail(*arguments):
        raise KeyError("secret path")

    monkeypatch.setattr("llmpert.evaluation.tables.table1", fail)
    app.switch_page("pages/table.py").run()
    (record,) = page_failures
    assert record.exc_info[0] is KeyError
    assert len(record.number) == 8
    assert [error.value for error in app.error] == [
        f"Unexpected error. See the server log, entry {record.number}."
    ]
    page_failures.clear()


def test_a_stop_is_no_error(app):
    app.query_params.update({"gene": "KD007", "other_gene": "KD007"})
    app.switch_page("pages/compare.py").run()
    assert "Both sides are the same" in shown(app)
    assert not app.error


def test_no_more_experiments_are_held_than_data_sets(app):
    import gc
    from weakref import WeakSet

    from llmpert.ui.common import cache

    held = WeakSet()
    for number in range(7):
        small.share(f"set{number}", [small.screen("LineA")], [small.embedding("text")])
        held.add(cache.experiment(cache.load(f"set{number}"), "LineA", "text"))
    gc.collect()
    assert len(held) == cache.DATA_SETS


def test_an_experiment_is_made_once_and_again_after_its_data_changed(app):
    from llmpert.ui.common import cache

    first = cache.experiment(cache.load("mine"), "LineA", "text")
    assert cache.experiment(cache.load("mine"), "LineA", "text") is first
    small.share("mine", [small.screen("LineA", seed=9)], [])
    again = cache.experiment(cache.load("mine"), "LineA", "text")
    assert again is not first
    assert again.problem.screen.fingerprint != first.problem.screen.fingerprint


def test_a_line_that_another_data_set_lacks_is_let_go_of(app):
    small.share("other", [small.screen("LineC", seed=5)], [small.embedding("text")])
    app.query_params["gene"] = "KD007"
    app.switch_page("pages/gene.py").run()
    app.selectbox(key="line").select("LineB").run()
    assert app.session_state["line"] == "LineB"
    app.selectbox(key="data").select("other").run()
    assert "KD007 knockdown in LineC" in shown(app)
    assert app.session_state["line"] == "LineC"
