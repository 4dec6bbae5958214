"""The collection: figures pinned on pages, drawn anew from their addresses."""

import json
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from llmpert.ui.common.collection import MOST, Pin, decode, encode
from tests.support import small

APP = str(Path(__file__).resolve().parents[2] / "app.py")


@pytest.fixture
def mine() -> None:
    lines = [small.screen("LineA"), small.screen("LineB", seed=3)]
    small.share("mine", lines, [small.embedding("text"), small.embedding("sequence", seed=4)])


def opened(page: str, **query: str) -> AppTest:
    app = AppTest.from_file(APP, default_timeout=120)
    app.query_params.update(query)
    return app.switch_page(f"pages/{page}.py").run()


def charts(app: AppTest) -> list[dict]:
    assert not app.exception
    assert not app.error
    return [json.loads(chart.proto.spec)["data"] for chart in app.get("plotly_chart")]


def pins(app: AppTest) -> list[str]:
    return [button.key for button in app.button if str(button.key).endswith("-pin")]


PAGES = [
    ("gene", {"gene": "KD007", "tab": "Why", "against": "mean response", "line": "LineB"}),
    ("effects", {"target": "OUT004", "knockdowns": "10"}),
    ("effects", {"target": "OUT004", "opened": "KD007"}),
    ("compare", {"differs": "lines", "order": "largest disagreement"}),
    ("head_to_head", {"strongest": "80"}),
    ("learning_curves", {"models": "mean"}),
    ("model_classes", {"line": "LineB"}),
    ("explorer", {"colour": "effect size"}),
    ("intervals", {"line": "LineB"}),
    ("find", {"by": "knockdown", "like": "KD007", "goal": "reverse"}),
    ("gene_list", {"genes": "KD001, KD002 KD041"}),
    ("design", {"budget": "3", "from": "list", "candidates": "KD041 KD042 KD043 KD044"}),
]


@pytest.mark.parametrize(("page", "query"), PAGES)
def test_a_pinned_figure_is_that_of_its_page(mine, page, query):
    app = opened(page, data="mine", **query)
    drawn, keys = charts(app), pins(app)
    assert len(drawn) == len(keys) >= 1
    at = len(keys) - 1
    app.button(key=keys[at]).click().run()
    code = app.query_params["pins"]
    # Somebody else opens the link.
    (chart,) = charts(opened("collection", pins=code))
    assert chart == drawn[at]


def of_genes(*genes: str, data: str = "mine") -> list[Pin]:
    return [Pin.of("gene", {"data": [data], "gene": [gene]}) for gene in genes]


def rows(app: AppTest) -> list[str]:
    """The sentences of the list, in its order."""
    return [m.value for m in app.markdown if " · " in m.value]


def test_figures_are_put_in_order_taken_out_and_counted(mine):
    app = opened("collection", pins=encode(of_genes("KD001", "KD002", "KD003")))
    assert [words.split()[2] for words in rows(app)] == ["KD001", "KD002", "KD003"]
    app.button(key="down-0").click().run()
    assert [words.split()[2] for words in rows(app)] == ["KD002", "KD001", "KD003"]
    app.button(key="remove-2").click().run()
    assert decode(app.query_params["pins"]) == of_genes("KD002", "KD001")
    assert "Collection: 2" in [link.proto.label for link in app.get("page_link")]
    app.button(key="remove-all").click().run()
    assert not rows(app)
    assert "pins" not in app.query_params
    app.button(key="examples").click().run()
    assert len(rows(app)) == 2
    assert charts(app)


def test_a_caption_replaces_the_sentence_of_a_figure_until_it_is_emptied(mine):
    app = opened("collection", pins=encode(of_genes("KD001", "KD002")))
    (field,) = [field for field in app.text_input if str(field.key).startswith("caption-")]
    before = rows(app)
    field.set_value(" Ours & <b>theirs</b> ").run()
    assert decode(app.query_params["pins"])[0].caption == "Ours & <b>theirs</b>"
    # Somebody else opens the link; markup is shown as it is.
    there = opened("collection", pins=app.query_params["pins"])
    assert charts(there) == charts(app)
    first, second = rows(there)
    assert "Ours" in first
    assert "<b>" not in first.replace("\\<", "")
    assert second == before[1]
    app.text_input(key=field.key).set_value("").run()
    assert rows(app) == before


def test_a_figure_is_unpinned_where_it_was_pinned_whichever_tab_is_open(mine):
    app = opened("gene", data="mine", gene="KD007")
    first = pins(app)[0]
    app.button(key=first).click().run()
    assert app.button(key=first).label == "Pinned"
    app.query_params["tab"] = "Why"
    app.run()
    assert app.button(key=first).label == "Pinned"
    app.button(key=first).click().run()
    assert app.button(key=first).label == "Pin"
    assert "pins" not in app.query_params


def test_a_full_collection_takes_no_more(mine):
    full = encode(of_genes(*(f"KD{n:03}" for n in range(MOST))))
    app = opened("gene", data="mine", gene="KD039", pins=full)
    assert all(app.button(key=key).disabled for key in pins(app))
    kept = encode(of_genes(*(f"KD{n:03}" for n in range(1, MOST))))
    app = opened("gene", data="mine", gene="KD039", pins=kept)
    app.button(key=pins(app)[0]).click().run()
    assert len(decode(app.query_params["pins"])) == MOST


@pytest.mark.parametrize(
    ("pin", "why"),
    [
        (of_genes("KD001", data="gone")[0], "The data set gone is not here."),
        (of_genes("KD001", data="x.Gulayygf8YT5_pMB214M8w")[0], "upload"),
        (of_genes("NOBODY")[0], "NOBODY has no text embedding"),
        (Pin("gene", "data=mine", "12345678"), "no longer has this figure"),
        (Pin("effects", "data=", ""), "not here"),
        (Pin("explorer", "data=..%2F..%2Fetc", ""), "not here"),
    ],
)
def test_a_figure_that_cannot_be_drawn_is_listed_with_a_sentence(mine, pin, why):
    app = opened("collection", pins=encode([pin, *of_genes("KD001")]))
    assert not app.error
    assert not app.exception
    first, second = (words.replace("\\", "") for words in rows(app))
    assert why in first
    assert "KD001" in second


def test_a_link_that_cannot_be_read_is_said(mine):
    app = opened("collection", pins="nonsense")
    assert "no readable collection" in app.warning[0].value
    assert app.button(key="examples")


def test_a_meeting_shows_one_figure_of_the_collection_after_the_other(mine):
    app = opened("collection", pins=encode(of_genes("KD001", "KD002")), meeting="true")

    def gene() -> str:
        (words,) = [heading.value for heading in app.subheader]
        assert len(charts(app)) == 1
        return words.split()[0]

    assert gene() == "KD001"
    for label, seen in (("Next", "KD002"), ("Next", "KD001"), ("Previous", "KD002")):
        # A click may cut off the run before, which has then counted but the figure on stage.
        app.session_state["figures"] = app.session_state["figures"][:1]
        next(b for b in app.button if b.label == f"{label} figure").click().run()
        assert gene() == seen


def test_an_upload_is_in_no_link_unless_its_visitor_wants_that(mine):
    from llmpert.datasets import Parts, UploadStore

    parts = Parts([small.screen("LineC", seed=5)], [small.embedding("text")])
    name = UploadStore().create("mine", parts)
    app = opened("gene", data=name, gene="KD007")
    app.button(key=pins(app)[0]).click().run()
    assert "pins" not in app.query_params
    app.switch_page("pages/collection.py").run()
    assert len(rows(app)) == len(charts(app)) == 1
    app.session_state["link"] = True
    app.run()
    assert not app.get("code")
    app.toggle(key="with-uploads").set_value(True).run()
    (link,) = app.get("code")
    assert decode(link.value.partition("pins=")[2])[0].data == name
