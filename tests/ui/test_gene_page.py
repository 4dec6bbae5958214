"""The gene's page without a browser, on small data sets."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from llmpert.datasets import DatasetStore
from llmpert.embeddings import Embedding
from llmpert.evaluation.experiment import Experiment
from llmpert.genes.sets import GeneSets
from tests.support import small
from tests.support.drawer import drawer, links, press

APP = str(Path(__file__).resolve().parents[2] / "app.py")
MINE = (
    [small.screen("LineA", perturbations=110)],
    [small.embedding("text", 120), small.embedding("sequence", 120, seed=4)],
)


def open_app() -> AppTest:
    return AppTest.from_file(APP, default_timeout=120)


@pytest.fixture
def app():
    small.share("mine", *MINE)
    return open_app()


@pytest.fixture
def named():
    """Real genes, of which one has no sequence embedding."""
    symbols = ["SEPTIN9", "TP53", "MED12", "GATA1", "KLF1", "MYC", "BRD4", "EZH2"]
    screen = small.screen("LineA", perturbations=6)
    rng = np.random.default_rng(0)

    def embedding(name: str, genes: list[str]) -> Embedding:
        return Embedding(name, genes, rng.normal(size=(len(genes), 5)), {"source": "test"})

    small.share(
        "named",
        [type(screen)("LineA", screen.response, symbols[:6], screen.genes, screen.unit)],
        [embedding("text", symbols), embedding("sequence", symbols[:7])],
    )
    return open_app()


def shown(app: AppTest) -> str:
    blocks = [*app.title, *app.header, *app.subheader, *app.markdown, *app.caption, *app.warning]
    return "\n".join(block.value for block in [*blocks, *app.info])


def visit(app: AppTest, **query: str) -> str:
    for name, value in query.items():
        app.query_params[name] = value
    app.switch_page("pages/gene.py").run()
    assert not app.exception
    assert not app.error
    return shown(app)


def titles(app: AppTest) -> list[str]:
    specs = [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]
    return [spec["layout"]["title"]["text"] for spec in specs]


def test_the_first_look_has_verdict_answer_and_two_figures(app):
    text = visit(app, gene="KD007", embedding="text+sequence")
    assert re.search(r"\*\*[▲◆▼] (High|Fair|Low) trust\*\*: .*held\\-out knockdowns", text)
    assert "Strongest: **OUT" in text
    assert ":green-badge[:material/science: measured]" in text
    assert "held out]" in text
    ranked, scatter = titles(app)
    assert "KD007 knockdown: 20 strongest genes" in ranked
    assert "KD007, all genes: r = " in scatter
    assert "not in the table of human genes" in text
    assert "https://" not in text


def test_a_held_out_gene_is_judged(app):
    text = visit(app, gene="KD007", embedding="text+sequence", tab="Trust")
    assert "median r = " in text
    assert len(app.table[0].value) == 5  # two distances, width, departure, neighbours
    near = app.dataframe[0].value
    assert len(near) == 10
    assert "KD007" not in set(near["perturbation"])
    assert list(app.table[1].value.index) == ["Gaussian process on text + sequence"]


def test_a_held_out_gene_is_explained(app):
    text = visit(app, gene="KD007", embedding="text+sequence", tab="Why")
    assert "text + sequence" in text
    assert "sum to 100 %" in text
    assert len(titles(app)) == 5
    assert "Without them the prediction moves by" in text


def test_knockdowns_are_left_out_at_once_and_the_model_is_fitted_anew_on_request(app):
    visit(app, gene="KD007", tab="Why", without="Genes")
    choice = app.multiselect(key="leave")
    assert "KD007" not in choice.options
    choice.set_value(choice.options[:2]).run()
    assert "KD007 knockdown without 2 others" in titles(app)[-1]
    assert "Correlation with the measurement" in shown(app)
    assert "fitted anew without them" not in shown(app)
    app.toggle(key="anew").set_value(True).run()
    assert not app.exception
    assert "fitted anew without them" in shown(app)
    app.multiselect(key="leave").set_value([]).run()
    assert "Expected one knockdown or more to leave out" in shown(app)


def test_only_the_open_tab_runs(app):
    seen = {}
    for tab in ("Response", "Trust", "Why", "Pathways", "All genes"):
        visit(app, gene="KD007", tab=tab)
        seen[tab] = len(app.get("plotly_chart")), len(app.table)
    assert seen == {
        "Response": (2, 0), "Trust": (2, 2), "Why": (5, 0), "Pathways": (2, 0), "All genes": (3, 0)
    }  # fmt: skip
    assert [tab.label for tab in app.tabs] == list(seen)  # one line only


def test_relative_to_the_mean_response(app):
    visit(app, gene="KD007")
    control = app.dataframe[0].value.set_index("gene")
    app.button_group(key="against").set_value("mean").run()
    assert not app.exception
    relative = app.dataframe[0].value.set_index("gene")
    both = control.index.intersection(relative.index)
    assert len(both) > 5
    # Prediction, interval and measurement move by the same amount.
    columns = ["mean", "median", "low95", "high95", "measured"]
    moved = relative.loc[both, columns] - control.loc[both, columns]
    for column in columns:
        np.testing.assert_allclose(moved[column], moved["mean"], atol=1e-5)
    assert moved["mean"].abs().max() > 1e-3


def test_the_address_says_what_responses_are_relative_to(app):
    visit(app, gene="KD007", against="mean response")
    spec = json.loads(app.get("plotly_chart")[0].proto.spec)
    assert spec["layout"]["xaxis"]["title"]["text"].endswith("minus the mean response")


def test_another_line_stands_beside(app):
    small.share("mine", [small.screen("LineB", perturbations=110, seed=3)], [])
    text = visit(app, gene="KD007", tab="Other lines")
    assert "In LineB: held out." in text
    assert any("Measured: r = " in title for title in titles(app))
    assert any("Predicted: r = " in title for title in titles(app))
    assert "measured in LineB" in text
    # On request the other line's measurement is a source of the same model.
    app.session_state["knowing"] = True
    app.run()
    known = app.table[-1].value["Pearson, all genes"]
    problem = DatasetStore().load("mine").problem("LineA", "text+measured in LineB")
    one = Experiment(problem)
    scores = one.scores("gp", one.largest_training_size, one.fold_of("KD007"))
    expected = scores.set_index("perturbation").loc["KD007", "pearson_all"]
    assert known["with measured in LineB"] == f"{expected:.3f}"


def test_a_gene_that_is_not_expressed_is_said_to_be_so_and_not_trusted():
    screen = small.screen("LineA", perturbations=110)
    genes = np.array(["KD007", "KD008", *screen.genes[2:]], dtype=object)
    control = np.full(len(genes), 0.7, dtype=np.float32)
    control[0] = 0.001
    made = replace(screen, genes=genes, control_mean=control, unit="Δ log-normalised expression")
    small.share("mine", [made], [small.embedding("text", 120)])
    text = visit(open_app(), gene="KD007")
    assert "not expressed in LineA" in text
    assert "▼ Low trust**: KD007 is not expressed in these cells" in text
    assert "not expressed" not in visit(open_app(), gene="KD008")
    assert "not expressed" not in visit(open_app(), gene="KD009")  # not known


def test_meetings_have_the_figures_of_all_tabs(app):
    visit(app, gene="KD007", meeting="true")
    names = app.session_state["figures"]
    assert [name.removeprefix("KD007-LineA-") for name in names] == [
        "genes", "scatter", "rests-on", "neighbourhood", "without", "volcano",
    ]  # fmt: skip


def test_a_click_leads_to_a_knockdown_that_contributes(app):
    visit(app, gene="KD007", tab="Why")
    first = next(button for button in app.button if button.key.startswith("open-"))
    first.click().run()
    assert not app.exception
    assert drawer(app)[0] == f"{first.label} knockdown in LineA"
    assert app.query_params["gene"] == "KD007"


def test_a_gene_that_was_not_measured_is_judged_all_the_same(app):
    text = visit(app, gene="KD115", tab="Trust")
    assert "predicted]" in text
    assert "median r = " in text
    assert "KD115 itself was not measured" in text
    assert "There is no measurement of KD115 to compare with" in text
    assert "How well similar knockdowns were predicted" in titles(app)[1]


def test_prediction_judgement_and_explanation_share_one_fit(monkeypatch):
    small.add("mine", *MINE)
    app = open_app()
    from llmpert.models.gp.regressor import GaussianProcess

    made = []
    fit = GaussianProcess.fit

    def counted(self, *arguments, **keywords):
        made.append(len(arguments[0]))
        return fit(self, *arguments, **keywords)

    monkeypatch.setattr(GaussianProcess, "fit", counted)
    visit(app, gene="KD007")
    assert made == [88]
    app.text_input(key="gene").set_value("KD007 ").run()
    assert made == [88]


def test_without_gene_sets_it_says_how_to_get_them(app):
    assert "This data set has no gene sets" in visit(app, tab="Pathways")


def test_gene_sets_are_tested(app):
    sets = GeneSets("toy", "made", {"odd": frozenset(small.names("OUT", 30)[1::2])})
    small.share("mine", [], [], [sets])
    text = visit(app, gene="KD007", tab="Pathways")
    assert "of 1 gene sets of toy stand out" in text
    assert "7 genes with the strongest predicted response" in text  # a quarter of thirty


def test_an_alias_is_understood_and_links_lead_out(named):
    text = visit(named, gene="SEPT9")
    assert "SEPTIN9 knockdown in LineA" in text
    assert "SEPT9 is a previous symbol of SEPTIN9. **SEPTIN9**: septin 9" in text
    assert "(https://www.ncbi.nlm.nih.gov/gene/10801)" in text


@pytest.mark.parametrize("typed", ["ENSG00000141510", "P04637", "tumor protein p53", "Tp53"])
def test_any_name_finds_the_gene(named, typed):
    assert "TP53 knockdown in LineA" in visit(named, gene=typed)


def test_a_gene_without_an_embedding_is_said_to_have_none_and_predicted_from_another(named):
    text = visit(named, gene="EZH2", embedding="text+sequence")
    assert "**No embedding**: EZH2 has no sequence embedding" in text
    assert named.title[0].value == "Gene"
    assert [b.label for b in named.button] == ["Predict it from text"]
    named.button[0].click().run()
    assert not named.exception
    assert "EZH2 knockdown in LineA" in shown(named)
    assert "Gaussian process on text," in shown(named)


def test_an_empty_box_asks_for_a_gene(app):
    visit(app, gene="KD007")
    app.text_input(key="gene").set_value("").run()
    assert not app.exception
    assert "Type a gene" in shown(app)
    assert app.title[0].value == "Gene"


@pytest.mark.parametrize("perturbations", [5, 12])
def test_responses_that_never_vary_are_said_to_teach_nothing(perturbations):
    screen = small.screen("LineA", perturbations=perturbations)
    flat = replace(screen, response=np.ones_like(screen.response))
    small.share("flat", [flat], [small.embedding("text")])
    text = visit(open_app(), gene="KD001", tab="Why")
    assert "○ Trust unknown**: no other held\\-out knockdown has a defined accuracy" in text
    assert "nothing that was learnt applies to it" in text


def test_a_handful_of_perturbations_is_enough_to_show_something():
    small.share("few", [small.screen("LineA", perturbations=5)], [small.embedding("text")])
    app = open_app()
    text = visit(app, gene="KD001", tab="Trust")
    assert "**Unknown**" in text  # the fold holds out this gene alone
    assert app.table[0].value.iloc[:, -1].str.contains("too few").all()


def test_nonsense_in_the_address_does_no_harm(app):
    nonsense = {"shown": "-3", "top": "x", "direction": "sideways", "against": "all"}
    text = visit(app, gene="KD007", tab="Nowhere", **nonsense)
    assert "Strongest: " in text


def test_a_screen_from_single_cells_says_how_many_genes_differ():
    screen = small.screen("LineA", cells=np.full(40, 120.0))
    q = np.full(screen.response.shape, 0.5)
    q[7, :4] = 0.01
    small.share("mine", [replace(screen, layers={"q": q})], [small.embedding()])
    said = visit(open_app(), gene="KD007")
    assert (
        "In the measurement 4 of these 30 genes differ from control (Welch's t-test on 120"
        " cells, false discovery rate 5 %)." in said
    )
    assert "genes differ from control" not in visit(open_app(), gene="KD044")


def test_a_row_opens_its_gene_beside_the_page_until_it_is_closed(app):
    visit(app, gene="KD007", tab="Trust")
    assert drawer(app) == ("", "")
    other = app.dataframe[0].value["perturbation"][3]
    press(app, other)
    assert not app.exception
    title, words = drawer(app)
    assert title == f"{other} knockdown in LineA"
    assert "trust**: " in words
    assert "Strongest: " in words
    assert app.query_params["opened"] == other
    assert f"{other} knockdown: 10 strongest genes" in titles(app)[-1]
    app.run()
    assert drawer(app)[0] == title
    assert app.text_input(key="gene").value == "KD007"


def test_a_dot_of_a_similar_knockdown_opens_it(app, monkeypatch):
    from llmpert.ui.common import components as show

    drawn = []
    monkeypatch.setattr(
        show,
        "figure",
        lambda *args, select=(), **rest: drawn.append(select) or ["KD001"][: len(select)],
    )
    visit(app, gene="KD007")
    assert drawer(app) == ("", "")  # it was measured: dots are genes
    app.text_input(key="gene").set_value("KD115").run()
    assert ["points"] in drawn
    assert drawer(app)[0] == "KD001 knockdown in LineA"


def test_the_drawer_leads_to_the_page_of_its_gene(app):
    visit(app, gene="KD007", opened="KD011")
    assert links(app) == ["gene?gene=KD011"]


def test_a_measured_gene_without_embedding_leads_to_what_changes_it(app):
    visit(app, gene="KD007")
    other = app.dataframe[0].value["gene"][0]
    press(app, other)
    assert not app.exception
    assert "**Not predicted**: " in drawer(app)[1]
    assert links(app) == [f"effects?target={other}"]


def test_the_order_of_a_table_is_in_the_address(app):
    visit(app, gene="KD007", tab="All genes", **{"genes-by": "measured, lowest first"})
    assert app.dataframe[0].value["measured"].is_monotonic_increasing
    order = app.selectbox(key="genes-by")
    order.select(order.options[0]).run()
    assert app.dataframe[0].value["mean"].abs().is_monotonic_decreasing
    app.selectbox(key="genes-by").select("Gene, A to Z").run()
    assert app.dataframe[0].value["gene"].is_monotonic_increasing


def test_a_row_shows_what_sets_its_knockdown_apart(app):
    visit(app, gene="KD007", tab="Trust")
    rows = app.dataframe[0].value
    screen = small.screen("LineA", perturbations=110)
    apart = screen.response - screen.response.mean(axis=0)
    own = apart[[list(screen.perturbations).index(name) for name in rows["perturbation"]]]
    top = np.argsort(np.abs(own).mean(axis=0))[-12:]
    for drawn, response in zip(rows["changes"], own[:, top], strict=True):
        np.testing.assert_allclose(np.sort(drawn), np.sort(response), atol=1e-5)


def test_marked_rows_stay_marked_in_any_order(app):
    visit(app, gene="KD007", tab="Trust")
    names = app.dataframe[0].value["perturbation"].tolist()
    two = [names[1], names[6]]
    app = open_app()
    text = visit(app, gene="KD007", tab="Trust", **{"near-rows": f"{','.join(two)},NOBODY"})
    assert "NOBODY" not in text
    for order in (None, "Knockdown, A to Z"):
        if order:
            app.selectbox(key="near-by").select(order).run()
        rows = app.session_state["near"]["selection"]["rows"]
        assert app.dataframe[0].value["perturbation"].iloc[rows].tolist() == two
    assert any(
        f"compare?gene={two[0]}&amp;other_gene={two[1]}" in h.proto.body for h in app.get("html")
    )
