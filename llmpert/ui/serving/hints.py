"""Tells browsers early what they will fetch."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from llmpert.ui.streamlit_internals import script_files

SCRIPTS = ("PlotlyChart", "DataFrame", "arrowFormatUtils")
"""Streamlit's scripts that draw figures and tables, by the start of their file's name."""


class BrowserHints:
    """Name the large scripts of figures and tables in the header of every HTML page.

    A browser then fetches and compiles them while the page connects, and not only once the first
    figure arrives.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._links = [
            f"<./static/js/{path.name}>; rel=modulepreload" for path in script_files(SCRIPTS)
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
