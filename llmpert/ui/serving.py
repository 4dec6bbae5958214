"""What the server does besides running pages: it gets ready, and tells browsers what to fetch."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import Any

import streamlit as st
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from llmpert.errors import InputError

SCRIPTS = ("PlotlyChart", "DataFrame", "arrowFormatUtils")
"""Streamlit's scripts that draw figures and tables, by the start of their file's name."""

SPINNERS = "streamlit.runtime.scriptrunner_utils.script_run_context"


class BrowserHints:
    """Names the large scripts of figures and tables in the header of every HTML page.

    A browser then fetches and compiles them while the page connects, and not only once the first
    figure arrives.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        folder = Path(st.__file__).parent / "static" / "static" / "js"
        self._links = [
            f"<./static/js/{path.name}>; rel=modulepreload"
            for script in SCRIPTS
            for path in folder.glob(f"{script}.*.js")
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""

        async def send_with_hints(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if headers.get("content-type", "").startswith("text/html"):
                    for link in self._links:
                        headers.append("link", link)
            await send(message)

        await self._app(scope, receive, send_with_hints)


@asynccontextmanager
async def prepared(app: Any) -> AsyncIterator[None]:
    """Get ready for the first visitors while the server runs."""
    Thread(target=_prepare, name="prepare", daemon=True).start()
    yield


def _prepare() -> None:
    # Only here: the server should answer before these imports are done.
    from llmpert.ui.ready import prepare

    # Streamlit remarks on every spinner that no page shows.
    logging.getLogger(SPINNERS).setLevel(logging.ERROR)
    with suppress(InputError):  # the page that uses the data tells it
        prepare()
