"""What the server does besides running pages."""

import asyncio
import re
from pathlib import Path

import pytest
import small
import streamlit as st

from llmpert import datasets
from llmpert.ui import data as shared
from llmpert.ui import explained, ready
from llmpert.ui.serving import SCRIPTS, BrowserHints

REPOSITORY = Path(__file__).resolve().parents[2]


def links(content_type: str) -> list[str]:
    """The link headers of an answer of this type."""
    sent = []

    async def answer(scope, receive, send):
        headers = [(b"content-type", content_type.encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"content"})

    async def send(message):
        sent.append(message)

    asyncio.run(BrowserHints(answer)({"type": "http"}, None, send))
    assert sent[1] == {"type": "http.response.body", "body": b"content"}
    return [value.decode() for name, value in sent[0]["headers"] if name == b"link"]


def test_pages_name_the_scripts_that_figures_and_tables_need():
    found = links("text/html; charset=utf-8")
    paths = [re.fullmatch(r"<\./(.+)>; rel=modulepreload", link)[1] for link in found]
    names = [Path(path).name for path in paths]
    assert [name.partition(".")[0] for name in names] == list(SCRIPTS)
    served = Path(st.__file__).parent / "static"
    assert all((served / path).is_file() for path in paths)


def test_nothing_else_names_them():
    assert links("application/javascript") == []


@pytest.fixture
def data():
    st.cache_resource.clear()
    datasets.add(
        "mine",
        [small.screen("LineA"), small.screen("LineB", seed=3)],
        [small.embedding("text"), small.embedding("sequence", seed=4)],
    )
    yield shared.load("mine")
    st.cache_resource.clear()


def kept(data) -> list[bool]:
    """Of every knockdown of the first view, whether its prediction is there."""
    size = shared.training_sizes(data)[-1]
    experiment = shared.experiment("mine", "LineA", data.embedding_choices[0])
    names = experiment.problem.screen.perturbations
    return [experiment.kept_held_out(explained.MODEL, size, gene) is not None for gene in names]


def test_the_first_view_is_made_beforehand(data, monkeypatch):
    assert not any(kept(data))
    ready.prepare()
    assert all(kept(data))
    # What the page asks for is at hand: nothing is fitted any more.
    experiment = shared.experiment("mine", "LineA", data.embedding_choices[0])
    monkeypatch.setattr(type(experiment), "_fit", None)
    size = shared.training_sizes(data)[-1]
    for gene in experiment.problem.screen.perturbations:
        explained.yardstick(data, "LineA", data.embedding_choices[0], size, str(gene))
        explained.model_behind(data, "LineA", data.embedding_choices[0], size, str(gene))


def test_large_screens_are_left_alone(data, monkeypatch):
    monkeypatch.setattr(ready, "QUICK", 39)
    ready.prepare()
    assert not any(kept(data))


def test_the_program_is_served_with_both():
    from streamlit.web.server.app_discovery import discover_asgi_app

    assert discover_asgi_app(REPOSITORY / "app.py").import_string == "app:app"
