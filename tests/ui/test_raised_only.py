"""Data that know raised genes alone: nothing that people read speaks of lowered ones."""

import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message import Message
from streamlit.delta_generator import DeltaGenerator
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Block, Dataframe, Table

from llmpert.__main__ import main
from llmpert.datasets import DatasetStore
from llmpert.datasets.builtin import RANKS
from llmpert.genes.builtin import BUILT_IN_SETS, built_in_sets
from llmpert.io.paths import shipped
from llmpert.ui.common.glossary import TERMS

APP = Path(__file__).resolve().parents[2] / "app.py"
PAGES = sorted(path.stem for path in (APP.parent / "pages").glob("*.py"))
WRONG = re.compile(r"lower(ed|ing|s)?\b|down-?regulat|decreas|revers|P\(down", re.IGNORECASE)
TABS = ("Trust", "Why", "Pathways", "All genes", "Other lines")
IN_CHARTS = ("text", "name", "hovertemplate", "ticktext")
"""Keys of a chart's JSON under which words stand."""


def words_of(node: Any) -> Iterator[str]:
    """Everything of a page that people read: text, tooltips, choices, tables, words of charts."""
    if isinstance(node, Block):
        yield from words_of_message(getattr(node, "proto", None))
        for child in node.children.values():
            yield from words_of(child)
        return
    if isinstance(node, Dataframe | Table):
        yield from map(str, [*node.value.columns, *node.value.index])
        for _, column in node.value.items():
            yield from map(str, column)
    elif node.type == "plotly_chart":
        yield from words_of_chart(json.loads(node.proto.spec))
    yield from words_of_message(node.proto)


def words_of_message(message: Message | None) -> Iterator[str]:
    for field, value in message.ListFields() if message is not None else ():
        several = value if field.is_repeated else [value]
        for one in several:
            if isinstance(one, str) and field.name not in ("id", "spec"):
                yield one
            elif isinstance(one, Message):
                yield from words_of_message(one)


def words_of_chart(part: Any, key: str = "") -> Iterator[str]:
    if isinstance(part, dict):
        for name, value in part.items():
            yield from words_of_chart(value, name)
    elif isinstance(part, list):
        for value in part:
            yield from words_of_chart(value, key)
    elif isinstance(part, str) and key in IN_CHARTS:
        yield part


@cache
def excused() -> tuple[str, ...]:
    """Names of gene sets, what words mean, and what the data are said not to know."""
    sets = [name for one in BUILT_IN_SETS for name in built_in_sets(one).members]
    notes = [note for one in DatasetStore().load(RANKS).trained.values() for note in one.notes]
    return tuple(name for name in (*sets, *notes, *TERMS.values()) if WRONG.search(name))


def wrong(words: str) -> str | None:
    """The words around a wrong one, if there is any."""
    words = words.replace("\\", "")  # of names that Markdown is to leave alone
    if not WRONG.search(words):  # nearly always, and names are thousands
        return None
    for fine in excused():
        words = words.replace(fine, "")
    found = WRONG.search(words)
    return found and words[max(0, found.start() - 60) : found.end() + 40]


@pytest.fixture
def downloads(monkeypatch) -> list[tuple[str, Callable[[], bytes]]]:
    """What buttons would write, with their labels."""
    found = []
    button = DeltaGenerator.download_button

    def kept(self, label, data, **options):
        found.append((label, data))
        return button(self, label, data, **options)

    monkeypatch.setattr(DeltaGenerator, "download_button", kept)
    return found


@pytest.mark.parametrize(
    ("page", "query"),
    [
        *((page, {}) for page in PAGES if page not in ("documentation", "design")),
        ("design", {"from": "A list", "candidates": "TP53 MYC", "targets": "MED12", "budget": "1"}),
        ("gene", {"gene": "GATA1", "line": "RPE1"}),
        *(("gene", {"gene": "TP53", "tab": tab}) for tab in TABS),
        *(
            ("gene", {"gene": "TP53", "tab": tab, "against": "mean response"})
            for tab in ("Pathways", "All genes")
        ),
        ("compare", {"differs": "lines"}),
        ("effects", {"unseen": "true"}),
        ("explorer", {"of": "kept responses", "colour": "held-out accuracy"}),
    ],
)
def test_no_page_speaks_of_lowered_genes(page, query, downloads):
    app = AppTest.from_file(str(APP), default_timeout=120)
    for name, value in {"data": RANKS, **query}.items():
        app.query_params[name] = value
    app.switch_page(f"pages/{page}.py").run()
    assert not app.exception
    words = list(words_of(app._tree))
    # A report holds all tabs of its gene, and takes long to make.
    wanted = "line" in query or "against" in query
    made = [make() for label, make in downloads if wanted or label != "Report (HTML)"]
    # Scripts are Plotly's own code, and the charts that are on the page, too.
    files = [re.sub(r"<script.*?</script>", "", one.decode(), flags=re.S) for one in made]
    assert len(words) > 10
    assert [*filter(None, map(wrong, words + files))] == []


def test_what_is_shown_is_read():
    """Words in a chart, a tooltip, a choice and a table's header are found."""

    def script():
        import pandas as pd
        import plotly.graph_objects as go
        import streamlit as st

        st.plotly_chart(go.Figure(go.Scatter(x=[1], y=[1], name="one lowers")))
        st.selectbox("Choice", ["two lowers"], help="three lowers")
        st.dataframe(pd.DataFrame({"four lowers": ["five lowers"]}))

    words = [*words_of(AppTest.from_function(script).run()._tree)]
    found = {w for w in words if wrong(w)}
    assert {f"{n} lowers" for n in ("one", "two", "three", "four", "five")} <= found


@pytest.mark.parametrize(
    "command",
    [
        ("predict", "--gene", "TP53", "--gene", "GATA1", "--out", "out.csv", "--trained", "MODEL"),
        ("datasets",),
        ("predict", "--gene", "NOGENE", "--trained", "MODEL"),
    ],
)
@pytest.mark.parametrize("line", ["K562", "RPE1"])
def test_no_command_speaks_of_lowered_genes(command, line, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = str(shipped() / RANKS / f"{line}.llmpert")
    main([model if word == "MODEL" else word for word in command])
    said = capsys.readouterr()
    assert said.out or said.err
    header = [path.read_text().partition("\n")[0] for path in tmp_path.glob("*.csv")]
    assert [*filter(None, map(wrong, [said.out, said.err, *header]))] == []
