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
    links = [link.proto for link in app.get("page_link") if link.proto.page == "gene"]
    return [parse_qs(link.query_string) for link in links]


@pytest.mark.parametrize("name", [RANKS, "mine"])
def test_examples_open_a_gene_or_a_choice_of_genes(name):
    small.place("mine", [small.screen()], [small.embedding()])
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
