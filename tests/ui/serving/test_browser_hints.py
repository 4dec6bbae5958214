"""What browsers are told to fetch."""

import asyncio
import re
from pathlib import Path

import streamlit as st

from llmpert.ui.serving.requests import SCRIPTS, BrowserHints


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
