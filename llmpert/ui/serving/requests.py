"""What is logged of every request, and which connections are refused."""

import logging
from collections.abc import Collection
from time import perf_counter
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from llmpert.ui.streamlit_internals import SECRET_PATHS

LONGEST = 200
"""Characters of a path that are logged."""

log = logging.getLogger(__name__)


class RequestLog:
    """Log every answered request: method, path, status and milliseconds.

    Query strings, cookies, addresses of visitors and the names of their files are left out: they
    show who looks at what. A WebSocket, a visitor's connection, is logged as it ends, with status
    101 if it was opened.

    Args:
        unlogged: Paths that are not logged.
    """

    def __init__(self, app: ASGIApp, unlogged: Collection[str] = ()) -> None:
        self._app = app
        self._unlogged = frozenset(unlogged)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "lifespan" or scope["path"] in self._unlogged:
            await self._app(scope, receive, send)
            return
        # What a client sees if nothing is sent: an error, or a connection that is refused.
        status = 500 if scope["type"] == "http" else 403
        start = perf_counter()

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            elif message["type"] == "websocket.accept":
                status = 101
            await send(message)

        try:
            await self._app(scope, receive, send_and_note)
        finally:
            fields = {
                "method": scope.get("method", "WEBSOCKET"),
                "path": _shown(scope["path"]),
                "status": status,
                "milliseconds": round(1000 * (perf_counter() - start), 1),
            }
            log.info("request", extra=fields)


def _shown(path: str) -> str:
    for opening in SECRET_PATHS:
        head, found, _ = path.partition(opening)
        if found:
            path = f"{head}{found}…"
    return path if len(path) <= LONGEST else f"{path[:LONGEST]}…"


class SameOrigin:
    """Refuse a WebSocket that a page of another site opens.

    Streamlit refuses it as well, but asks a site on the internet for the server's own address
    first, while all other visitors wait.

    Args:
        allowed: Origins besides the server's own, like "https://lab.example".
    """

    def __init__(self, app: ASGIApp, allowed: Collection[str] = ()) -> None:
        self._app = app
        self._allowed = frozenset(allowed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "websocket" and not self._is_allowed(Headers(scope=scope)):
            log.warning("WebSocket of another site refused")
            await send({"type": "websocket.close", "code": 1008})
            return
        await self._app(scope, receive, send)

    def _is_allowed(self, headers: Headers) -> bool:
        origin = headers.get("origin")
        # Browsers always name one.
        if origin is None or origin in self._allowed:
            return True
        try:
            return urlsplit(origin).netloc == headers.get("host")
        except ValueError:
            return False
