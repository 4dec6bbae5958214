"""A web server on this computer that does to each request what a test tells it to."""

import hashlib
import io
import re
import threading
import time
import zipfile
from collections import deque
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BLOCK = 1 << 14
CONTENT = bytes(i * i % 251 for i in range(50_000))


def md5(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()


class Faulty(ThreadingHTTPServer):
    """Serves `content` at every path; `faults` are used up, one a request.

    Attributes
    ----------
    etag, modified:
        Sent along; None leaves one out.
    ranges, careful:
        Whether parts are served, and whether only of the version that `If-Range` names.
    requests:
        Path and headers of every request.
    pause:
        Seconds after every 16 kB.
    sent:
        Bytes of content that went out.
    """

    daemon_threads = True

    def __init__(self, content: bytes = CONTENT, **settings) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = content
        self.files: dict[str, bytes] = {}
        self.etag, self.modified = '"1"', "Mon, 01 Jan 2024 00:00:00 GMT"
        self.ranges = self.careful = True
        self.faults: deque[Callable[[Handler], None]] = deque()
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.sent, self.pause = 0, 0.0
        for name, value in settings.items():
            setattr(self, name, value)
        self.url = f"http://127.0.0.1:{self.server_address[1]}/file.bin"

    def handle_error(self, request, client_address):
        """Clients go away; that is what is tested."""

    def __enter__(self):
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Faulty

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.server.requests.append((self.path, dict(self.headers)))
        # One connection a request: none waits in the server when the test is over.
        self.close_connection = True
        if self.server.faults:
            self.server.faults.popleft()(self)
        else:
            serve(self)

    def head(self, code: int, **headers: object) -> None:
        self.send_response(code)
        for name, value in headers.items():
            if value is not None:
                self.send_header(name.replace("_", "-"), str(value))
        self.send_header("Connection", "close")
        self.end_headers()

    def body(self, content: bytes) -> None:
        for start in range(0, len(content), BLOCK):
            block = content[start : start + BLOCK]
            # Counted first: a client that has all may look before the next line here.
            self.server.sent += len(block)
            self.wfile.write(block)
            time.sleep(self.server.pause)


def serve(handler: Handler, stop: int | None = None, announce: int = 0) -> None:
    """Answer as a good server does, but close the connection after `stop` bytes of the body.

    `announce`: how many bytes more than the truth the length is said to be.
    """
    server = handler.server
    content = server.files.get(handler.path, server.content)
    version = {"ETag": server.etag, "Last_Modified": server.modified}
    asked = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
    named = handler.headers.get("If-Range") in (server.etag, server.modified)
    start = int(asked[1]) if asked and server.ranges and (named or not server.careful) else 0
    length = len(content) - start + announce
    if start >= len(content) > 0:
        handler.head(416, Content_Range=f"bytes */{len(content)}", Content_Length=0)
        return
    if start:
        part = f"bytes {start}-{len(content) - 1}/{len(content)}"
        handler.head(206, Content_Length=length, Content_Range=part, **version)
    else:
        handler.head(200, Content_Length=length, **version)
    handler.body(content[start:][:stop])


def cut(after: int) -> Callable[[Handler], None]:
    """A connection that drops after some bytes of the body."""
    return lambda handler: serve(handler, stop=after)


def answers(code: int, body: bytes = b"", **headers: object) -> Callable[[Handler], None]:
    """That answer, whatever was asked for."""

    def fault(handler: Handler) -> None:
        handler.head(code, **({"Content_Length": len(body)} | headers))
        handler.wfile.write(body)

    return fault


def zipped(members: dict[str, bytes]) -> bytes:
    """A zip archive of these members."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return buffer.getvalue()
