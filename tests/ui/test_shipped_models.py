"""Pages on the data set that opens first: trained models of real screens, of raised genes alone."""

from pathlib import Path

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from llmpert.datasets import DatasetStore
from llmpert.datasets.builtin import RANKS
from llmpert.ui.common.figure import provenance
from tests.support.described import says
from tests.support.drawer import drawer, press

APP = str(Path(__file__).resolve().parents[2] / "app.py")


@pytest.fixture(scope="module", autouse=True)
def loaded_once():
    st.cache_resource.clear()
    yield
    st.cache_resource.clear()


@pytest.fixture
def visit():
    """Opens a page with words in its address."""

    def visit(page: str, **query: str) -> AppTest:
        app = AppTest.from_file(APP, default_timeout=300)
        for name, value in {"data": RANKS, **query}.items():
            app.query_params[name] = value
        app.switch_page(f"pages/{page}.py").run()
        assert not app.exception
        assert not app.error
        return app

    return visit


def shown(app: AppTest) -> str:
    blocks = [*app.title, *app.header, *app.subheader, *app.markdown, *app.caption, *app.info]
    return "\n".join(block.value for block in blocks)


def test_a_described_gene_is_predicted(visit, monkeypatch):
    says(monkeypatch, {"a subunit of Mediator": "MED11"})
    app = visit("describe", text="a subunit of Mediator")
    assert "The model also uses **GO**, which a description does not provide." in shown(app)
    assert "on GO + description, 583 training perturbations in K562. Not measured." in shown(app)
    assert len(app.get("plotly_chart")) == 1
    nearest = app.dataframe[0].value
    assert list(nearest.loc[0, ["gene", "knocked down"]]) == ["MED11", "yes"]


def test_nothing_is_predicted_far_from_all_genes(visit, monkeypatch):
    says(monkeypatch, {})
    app = visit("describe", text="the weather")
    assert "unlike every known gene" in app.warning[0].value
    assert not app.get("plotly_chart")


def test_genes_that_nobody_knocked_down_are_predicted_to_change_a_gene(visit):
    app = visit("effects", target="HSPA5", unseen="true", knockdowns="50")
    model = DatasetStore().load(RANKS).trained["K562"]
    table = app.dataframe[0].value
    assert set(table["state"]) == {"left out", "not measured"}
    unseen = table[table["state"] == "not measured"].set_index("perturbation")
    assert not set(unseen.index) & set(model.fitted.trained_on)
    expected = model.fitted.predict(list(unseen.index))
    (column,) = np.flatnonzero(expected.genes == "HSPA5")
    np.testing.assert_allclose(unseen["predicted"], expected.mean[:, column], atol=1e-5)
    high = expected.interval(0.95)[1][:, column]
    np.testing.assert_allclose(unseen["high95"], high, atol=1e-5)
    assert table["predicted"].is_monotonic_decreasing


def test_the_explorer_opens_on_a_map_coloured_by_gene_sets(visit):
    app = visit("explorer", line="RPE1", gene="MED11", part="Nearest")
    (chart,) = app.get("plotly_chart")
    assert "PCA of GO embeddings, RPE1" in chart.proto.spec
    assert app.selectbox(key="collection").value == "GO complexes"
    assert "effect size (needs the measured screen)" in shown(app)
    (nearest,) = [tab for tab in app.tabs if tab.label == "Nearest"]
    assert [tab.label for tab in nearest.tabs] == ["GO", "description", "Gaussian process"]
    for table in app.dataframe:
        assert sum(gene.startswith("MED") for gene in table.value["gene"]) >= 5
        assert table.value["accuracy"].between(-1, 1).all()


def test_the_explorer_lists_what_is_selected_with_its_gene_sets(visit):
    app = visit("explorer", selected="MED11,MED12,MED4,NOBODY", colour="held-out accuracy")
    rows = app.dataframe[0].value
    assert set(rows["gene"]) == {"MED11", "MED12", "MED4"}
    assert rows["gene sets"].str.contains("mediator").all()
    assert rows["held-out Pearson"].between(-1, 1).all()
    assert "3 of 583 knockdowns selected." in shown(app)
    press(app, "MED12")
    assert not app.exception
    assert not app.error
    assert drawer(app)[0] == "MED12 knockdown in K562"


def test_figures_name_the_source_of_trained_models():
    made = provenance(DatasetStore().load(RANKS))
    assert made["Data"].startswith("K562, RPE1: model trained on Replogle et al. 2022, Cell, doi:")


def test_symbols_of_mice_are_told_where_they_were_read_as_human_ones(visit):
    app = visit("gene_list", genes="Trp53 Med12 Nosuch GATA1")
    assert r"they were read as human genes: Trp53\, Med12." in shown(app)
    assert "look like mouse" not in shown(visit("gene_list", genes="TP53 Med12 GATA1"))
