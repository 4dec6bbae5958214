"""What browsers are told before they ask."""

import asyncio
import re
from pathlib import Path

import pytest
import streamlit as st

from llmpert.ui.serving.requests import CHART, SMALL, EarlyStart

STATIC = Path(st.__file__).parent / "static"
PAGE = (STATIC / "index.html").read_bytes()
ASKED = {b"accept": b"text/html,*/*", b"accept-encoding": b"gzip", b"if-none-match": b'"1"'}


def answered(content: bytes, asked: dict[bytes, bytes] = ASKED):
    """Answer with this HTML: the headers that came to the app, those that left, and the body."""
    came, sent = [], []

    async def answer(scope, receive, send):
        came.extend(scope["headers"])
        headers = [(b"content-type", b"text/html"), (b"etag", b'"1"')]
        headers.append((b"content-length", str(len(content)).encode()))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "headers": [*asked.items()]}
    asyncio.run(EarlyStart(answer)(scope, None, send))
    start, body = sent
    return dict(came), start["headers"], body["body"].decode()


def named(words: str) -> list[str]:
    """Names of the scripts in a page's head or header."""
    return re.findall(r'\./static/js/([^">]+)', words)


@pytest.fixture(scope="module")
def page():
    return answered(PAGE)


def test_a_page_names_the_scripts_of_most_pages_and_all_they_import(page):
    _, headers, body = page
    (chart,) = named(dict(headers)[b"link"].decode())
    assert chart.startswith(CHART)
    every = {*named(body), chart}
    assert {*SMALL, CHART} <= {name.partition(".")[0] for name in every}
    for name in every:
        text = (STATIC / "static" / "js" / name).read_text("utf-8")
        imported = re.findall(r"""\bimport[^;'"`]*['"`]\./([\w.-]+\.js)['"`];""", text)
        assert set(imported) <= every


def test_a_page_is_as_long_as_its_header_says_and_whole(page):
    came, headers, body = page
    assert dict(headers)[b"content-length"] == str(len(body)).encode()
    assert b"etag" not in dict(headers)
    assert came == {b"accept": b"text/html,*/*"}
    before, after = PAGE.decode().split("</head>")
    assert body.startswith(before)
    assert body.endswith(f"</head>{after}")


@pytest.mark.parametrize(
    ("content", "asked"),
    [(b"<html><head></head>A report</html>", ASKED), (PAGE, {b"accept": b"*/*"})],
)
def test_reports_and_programs_that_ask_get_what_there_is(content, asked):
    _, headers, body = answered(content, asked)
    assert body == content.decode()
    assert dict(headers)[b"etag"] == b'"1"'
    assert dict(headers)[b"content-length"] == str(len(content)).encode()


def test_streamlit_connects_at_once_where_it_is_told_where_to():
    program = next((STATIC / "static" / "js").glob("index.*.js")).read_text("utf-8")
    names = ("BACKEND_BASE_URL", "HOST_CONFIG", "allowedOrigins", "useExternalAuthToken")
    assert all(name in program for name in names)
