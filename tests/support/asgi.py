"""Asks an ASGI application without a server."""

import asyncio
from dataclasses import dataclass

from starlette.types import ASGIApp, Message


@dataclass(frozen=True)
class Answer:
    status: int
    text: str


def ask(
    app: ASGIApp, path: str, method: str = "GET", headers: dict[str, str] | None = None
) -> Answer:
    """The answer to an HTTP request, or to a WebSocket with `method` "WEBSOCKET".

    A WebSocket that is refused has status 403, one that is opened 101 and what was sent as text.
    """
    path, _, query = path.partition("?")
    kind = "websocket" if method == "WEBSOCKET" else "http"
    named = {"host": "lab.example", **(headers or {})}
    scope = {
        "type": kind, "path": path, "raw_path": path.encode(), "query_string": query.encode(),
        "root_path": "", "scheme": "ws" if kind == "websocket" else "http", "subprotocols": [],
        "headers": [(k.lower().encode(), v.encode()) for k, v in named.items()],
        "client": ("192.0.2.77", 50000), "server": ("lab.example", 80), "http_version": "1.1",
        **({"method": method} if kind == "http" else {}),
    }  # fmt: skip
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.connect"} if kind == "websocket" else {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    try:
        asyncio.run(app(scope, receive, send))
    except ValueError:
        if not sent:  # a server would answer for it
            raise
    first = sent[0]
    status = {"websocket.accept": 101, "websocket.close": 403}.get(first["type"]) or first["status"]
    parts = [m.get("text") or m.get("body", b"").decode() for m in sent[1:]]
    return Answer(status, "".join(parts))
