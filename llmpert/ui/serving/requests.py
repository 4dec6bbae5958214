"""Handle requests beside pages': logging, refusals, hints and health."""

import asyncio
import logging
from collections.abc import Collection
from dataclasses import dataclass
from threading import Event
from time import perf_counter
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from llmpert import __version__
from llmpert.errors import InputError
from llmpert.io.paths import free_space
from llmpert.ui.streamlit_internals import PROGRAM, SECRET_PATHS, imported_by, script_files

LONGEST = 200
"""Characters of a path that are logged."""

SCRIPTS = "./static/js/"
"""Where Streamlit's scripts are, from a page."""

CHART = "PlotlyChart"
"""Streamlit's script that draws figures, by the start of its file's name."""

SMALL = ("Selectbox", "TextInput", "ButtonGroup", "Html", "Button")
"""Those of what stands on most pages; not of tables, as these would delay figures above them."""

EARLY = """<script>
  // Without it the page asks for the server's health, there and elsewhere, before it connects.
  window.__streamlit = {
    BACKEND_BASE_URL: new URL(".", location.href).href,
    HOST_CONFIG: { allowedOrigins: [location.origin], useExternalAuthToken: false },
  };
</script>"""

PARTIAL = (b"accept-encoding", b"if-none-match", b"if-modified-since", b"range")
"""Headers of requests that ask for less than a whole file in plain text."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RequestLog:
    """Log every answered request: method, path, status and milliseconds.

    Query strings, cookies, addresses of visitors and the names of their files are left out: they
    show who looks at what. A WebSocket, a visitor's connection, is logged as it ends, with status
    101 if it was opened. Paths in `unlogged` are not logged.
    """

    app: ASGIApp
    unlogged: Collection[str] = ()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "lifespan" or scope["path"] in self.unlogged:
            await self.app(scope, receive, send)
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
            await self.app(scope, receive, send_and_note)
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


@dataclass(frozen=True)
class SameOrigin:
    """Refuse a WebSocket that a page of another site opens.

    Streamlit refuses it as well, but asks a site on the internet for the server's own address
    first, while all other visitors wait. `allowed` are origins besides the server's own, like
    "https://lab.example".
    """

    app: ASGIApp
    allowed: Collection[str] = ()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "websocket" and not self._is_allowed(Headers(scope=scope)):
            log.warning("WebSocket of another site refused")
            await send({"type": "websocket.close", "code": 1008})
            return
        await self.app(scope, receive, send)

    def _is_allowed(self, headers: Headers) -> bool:
        origin = headers.get("origin")
        # Browsers always name one.
        if origin is None or origin in self.allowed:
            return True
        try:
            return urlsplit(origin).netloc == headers.get("host")
        except ValueError:
            return False


@dataclass(frozen=True)
class StayHere:
    """Keep a browser on this worker, by a cookie with its number.

    Each request comes by a connection of its own: through one that stays open, a proxy would send
    requests of visitors who belong to other workers.
    """

    app: ASGIApp
    cookie: str
    worker: int
    path: str

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""

        async def send_and_stay(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.accept"):
                message.setdefault("headers", [])
                headers = MutableHeaders(scope=message)
                page = headers.get("content-type", "").startswith("text/html")
                if message["type"] == "http.response.start":
                    headers["connection"] = "close"
                # Never with files, which caches keep for others.
                if (page or scope["type"] == "websocket") and not known:
                    headers.append("set-cookie", here)
            await send(message)

        known = scope["type"] != "lifespan" and HTTPConnection(scope).cookies.get(
            self.cookie
        ) == str(self.worker)
        here = f"{self.cookie}={self.worker}; Path={self.path}; HttpOnly; SameSite=Lax"
        await self.app(scope, receive, send_and_stay)


@dataclass(frozen=True)
class NotYet:
    """Let browsers fetch the program's files, and sessions wait, until what opens first is loaded.

    A session that began earlier would wait longer: all would import the same. The `checks` of
    health wait too: by one of them a browser finds out whether it can begin a session.
    """

    app: ASGIApp
    loaded: Event
    checks: Collection[str]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        waits = scope["type"] == "websocket" or scope.get("path") in self.checks
        while waits and not self.loaded.is_set():
            await asyncio.sleep(0.02)
        await self.app(scope, receive, send)


class EarlyStart:
    """Tell browsers at once what they would find out one after the other.

    The header of a page names the large script of figures, so that it is fetched and compiled while
    the page connects. Its HTML names what pages need besides, and has `EARLY`. That script is not
    started here: it takes most of a second, and were it to end before the page's first elements
    come, React would show these for 0.3 s before it adds the figure.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        (chart,), small = script_files([CHART]), script_files(SMALL)
        self._link = f"<{SCRIPTS}{chart.name}>; rel=modulepreload"
        names = [path.name for path in small] + imported_by([chart, *small])
        tags = [f'<link rel="modulepreload" crossorigin href="{SCRIPTS}{name}">' for name in names]
        words = [*tags, EARLY, "</head>"]
        self._head = "\n".join(words).encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http" or "text/html" not in Headers(scope=scope).get("accept", ""):
            await self._app(scope, receive, send)
            return
        headers = [(name, value) for name, value in scope["headers"] if name not in PARTIAL]
        start: Message | None = None

        async def send_with_hints(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message  # it states the body's length
                return
            if start is not None:
                if PROGRAM in message.get("body", b""):
                    message["body"] = message["body"].replace(b"</head>", self._head, 1)
                    fields = MutableHeaders(raw=start["headers"])
                    fields["content-length"] = str(len(message["body"]))
                    # They are the file's, which another version may have other words for.
                    del fields["etag"], fields["last-modified"]
                    fields.append("link", self._link)
                await send(start)
                start = None
            await send(message)

        await self._app({**scope, "headers": headers}, receive, send_with_hints)


def health(request: Request) -> JSONResponse:
    """Answer 200 if the data folder can be used, else 503.

    The state has the version; ready; free_bytes of the data folder's disk if ready, else problem, a
    sentence. No path is in it: anyone may ask.
    """
    try:
        state = {"version": __version__, "ready": True, "free_bytes": free_space()}
    except InputError as problem:
        state = {"version": __version__, "ready": False, "problem": str(problem)}
    status = 200 if state["ready"] else 503
    return JSONResponse(state, status, headers={"Cache-Control": "no-store"})
