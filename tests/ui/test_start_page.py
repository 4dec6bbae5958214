"""The start page: examples that lead somewhere, in every kind of data set."""

from pathlib import Path
from urllib.parse import parse_qs

import pytest
from streamlit.testing.v1 import AppTest

from llmpert.datasets.builtin import RANKS
from llmpert.insight.ranking import strong_perturbation
from llmpert.ui.common import cache
from tests.support import small

APP = str(Path(__file__).resolve().parents[2] / "app.py")


def start(data: str) -> AppTest:
    app = AppTest.from_file(APP, default_timeout=120)
    app.query_params["data"] = data
    return app.run()


def examples(app: AppTest) -> list[dict[str, list[str]]]:
    """What the links of examples ask for; each has the text for its name."""
    links = [link.proto for link in app.get("page_link") if link.proto.page == "gene"]
    asked = [(link.label, parse_qs(link.query_string)) for link in links]
    return [query for label, query in asked if query["gene"] == [label]]


@pytest.mark.parametrize("name", [RANKS, "mine"])
def test_examples_open_a_gene_or_a_choice_of_genes(name):
    small.share("mine", [small.screen()], [small.embedding()])
    app = start(name)
    assert not app.exception
    texts = [query["gene"][0] for query in examples(app)]
    assert len(texts) == len(set(texts)) >= 2
    for text in texts:
        page = AppTest.from_file(APP, default_timeout=120)
        page.query_params.update({"data": name, "gene": text})
        page.switch_page("pages/gene.py").run()
        assert not page.exception
        assert not page.error
        found = any(text in heading.value for heading in page.title)
        offered = [button for button in page.button if str(button.key).startswith("take-gene-")]
        assert found or offered


def test_a_figure_is_shown_where_nothing_has_to_be_fitted():
    small.place("mine", [small.screen()], [small.embedding()])
    assert not start("mine").get("plotly_chart")
    data = cache.load("mine")
    experiment = cache.experiment(data, "LineA", "text")
    sizes = cache.training_sizes(data)
    strong = strong_perturbation(experiment.problem.screen)
    experiment.fold_prediction("gp", sizes[-1], experiment.fold_of(strong))
    assert start("mine").get("plotly_chart")


def test_a_tour_has_three_examples_and_stays_away_once_it_was_dismissed():
    small.share("mine", [small.screen()], [small.embedding()])
    app = start("mine")
    forward = [link.proto for link in app.get("page_link") if "arrow_forward" in link.proto.icon]
    assert [link.page for link in forward] == ["gene", "gene", "collection"]
    assert all(parse_qs(link.query_string)["data"] == ["mine"] for link in forward[:2])
    app.button(key="hide-tour").click().run()
    for _ in range(2):
        assert not [link for link in app.get("page_link") if "arrow_forward" in link.proto.icon]
        app.switch_page("pages/data.py").run()
        app.switch_page("pages/start.py").run()


def test_who_comes_with_a_gene_sees_no_tour():
    small.share("mine", [small.screen()], [small.embedding()])
    app = AppTest.from_file(APP, default_timeout=120)
    app.query_params.update({"data": "mine", "gene": "KD001"})
    app.run()
    assert "hide-tour" not in [button.key for button in app.button]


@pytest.mark.parametrize(
    ("page", "control"), [("gene", "gene"), ("effects", "target"), ("compare", "other_gene")]
)
@pytest.mark.parametrize("typed", ["", "no such gene"])
def test_an_empty_search_offers_an_example_that_works(page, control, typed):
    small.share("mine", [small.screen()], [small.embedding()])
    app = AppTest.from_file(APP, default_timeout=120)
    app.query_params.update({"data": "mine", control: typed})
    app.switch_page(f"pages/{page}.py").run()
    assert not app.get("plotly_chart")
    app.button(key=f"example-{control}").click().run()
    assert app.get("plotly_chart")
    assert not app.error
