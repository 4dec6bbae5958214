"""Several workers behind one port: a browser stays with one, and a dead one comes back."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import suppress
from types import SimpleNamespace

import psutil
import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.Common_pb2 import FileURLsRequest
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from llmpert.ui.serving.workers import Front, cookie
from tests.support.server_process import REPOSITORY, eventually, free_port, running

COMMAND = ("tests.support.two_workers",)


def front(*workers: tuple[bool, int, int]) -> Front:
    """Of workers that are ready, have connections, and were handed one last at some turn."""
    return Front(
        [
            SimpleNamespace(number=number, ready=ready, open=count, turn=turn)
            for number, (ready, count, turn) in enumerate(workers)
        ],
        cookie(8501),
    )


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("Cookie: llmpert-worker-8501=1", 1),
        ("COOKIE: _streamlit_xsrf=a; llmpert-worker-8501=2; b=c", 2),
        ("Cookie: llmpert-worker-8501=0", 0),
        # of another server, of a server with more workers, made up, or not in the cookie
        ("Cookie: llmpert-worker-8502=0", 3),
        ("Cookie: llmpert-worker-8501=4", 3),
        ("Cookie: llmpert-worker-8501=-1", 3),
        ("Cookie: llmpert-worker-8501=00000000001", 3),
        ("Cookie: llmpert-worker-8501=1e0; llmpert-worker-8501=", 3),
        ("Cookie: llmpert-worker-8501=" + "9" * 5000, 3),
        ("X-Said: llmpert-worker-8501=0", 3),
        ("Host: localhost", 3),
    ],
)
def test_a_cookie_leads_to_its_worker_and_anything_else_to_the_least_busy(sent, expected):
    workers = front((True, 2, 1), (True, 5, 2), (True, 2, 3), (True, 1, 4))
    head = f"GET /?llmpert-worker-8501=0 HTTP/1.1\r\nHost: a\r\n{sent}\r\nAccept: */*".encode()
    assert workers.choose(head).number == expected


def test_workers_take_turns_and_one_that_starts_is_spared():
    assert front((True, 1, 9), (True, 1, 8)).choose(b"").number == 1
    assert front((False, 0, 0), (True, 7, 8)).choose(b"").number == 1
    assert front((False, 0, 3), (False, 0, 2)).choose(b"").number == 1
    assert front((False, 0, 0), (True, 7, 8)).choose(b"Cookie: llmpert-worker-8501=0").number == 0


class Browser:
    """What a browser does of a visit, with its cookies."""

    def __init__(self, server) -> None:
        self.server = server
        self.cookies: dict[str, str] = {}
        self.get("/")
        # Streamlit sets its own by this.
        self.get("/_stcore/health")
        self.socket = self.open()

    @property
    def worker(self) -> str:
        return self.cookies[cookie(self.server.port)]

    def header(self) -> dict[str, str]:
        return {"Cookie": "; ".join(f"{k}={v}" for k, v in self.cookies.items())}

    def get(self, path: str, data: bytes | None = None, method: str = "GET", **headers: str):
        """The answer's status and body; an error's too."""
        request = urllib.request.Request(
            self.server.address + path, data, self.header() | headers, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                self.set = answer.headers.get_all("Set-Cookie") or []
                for text in self.set:
                    name, _, value = text.partition(";")[0].partition("=")
                    self.cookies[name] = value
                assert answer.headers["Connection"] == "close"
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def open(self):
        """A new session."""
        address = self.server.address.replace("http", "ws") + "/_stcore/stream"
        return connect(
            address, subprotocols=["streamlit"], max_size=None, additional_headers=self.header()
        )

    def run(self) -> list[ForwardMsg]:
        """The messages of a run of the page's script."""
        self.socket.send(BackMsg(rerun_script=ClientState()).SerializeToString())
        return self.hear("script_finished")

    def hear(self, last: str) -> list[ForwardMsg]:
        messages = []
        while not messages or messages[-1].WhichOneof("type") != last:
            messages.append(ForwardMsg.FromString(self.socket.recv(timeout=20)))
        return messages


def one_of_each(server) -> list[Browser]:
    """A browser of each worker, once both accept connections."""
    for _ in range(50):
        browsers = [Browser(server), Browser(server)]
        if {browser.worker for browser in browsers} == {"0", "1"}:
            break
        for browser in browsers:
            browser.socket.close()
        time.sleep(0.1)
    assert {browser.worker for browser in browsers} == {"0", "1"}
    return browsers


@pytest.fixture
def server(tmp_path):
    with running(COMMAND, tmp_path / "home", tmp_path / "log") as server:
        yield server


def processes(server) -> list[psutil.Process]:
    return psutil.Process(server.process).children(recursive=True)


def workers(server) -> list[psutil.Process]:
    """The workers' processes, as they were started."""
    children = psutil.Process(server.process).children()
    found = [process for child in children for process in child.children()]
    return sorted(found, key=lambda process: process.pid)


@pytest.mark.processes
def test_each_visitor_stays_with_one_worker_and_a_dead_worker_comes_back(server):
    first, second = one_of_each(server)
    for browser in (first, second):
        assert browser.get("/")[0] == 200
        assert browser.set == []

    # Files go up and down, through a session's own worker only.
    messages = first.run()
    (url,) = [
        element.download_button.url
        for element in (m.delta.new_element for m in messages if m.WhichOneof("type") == "delta")
        if element.WhichOneof("type") == "download_button"
    ]
    assert first.get(url) == (200, b"saved" * 500_000)
    assert second.get(url)[0] == 404
    session = next(m.new_session for m in messages if m.WhichOneof("type") == "new_session")
    asked = FileURLsRequest(
        request_id="1", file_names=["a.bin"], session_id=session.initialize.session_id
    )
    first.socket.send(BackMsg(file_urls_request=asked).SerializeToString())
    (place,) = first.hear("file_urls_response")[-1].file_urls_response.file_urls
    start = b'--x\r\nContent-Disposition: form-data; name="f"; filename="a.bin"\r\n\r\n'
    end = b"\r\n--x--\r\n"
    sent = {"Content-Type": "multipart/form-data; boundary=x"}

    def upload(browser: Browser, size: int, token: str = "") -> int:
        form = start + b"u" * size + end
        token = token or browser.cookies["_streamlit_xsrf"]
        return browser.get(place.upload_url, form, "PUT", **sent, **{"X-Xsrftoken": token})[0]

    # What is refused may be answered before all of it was sent.
    assert upload(second, 10) == 400
    assert upload(first, 10, "forged") == 403
    assert upload(first, 3_000_000) == 204

    # Numbers that no worker has are replaced; a file's answer, which may be kept, sets none.
    first.cookies, kept = {cookie(server.port): "77"}, first.cookies
    script = re.search(r'src="\.(/static/js/[^"]+)"', first.get("/")[1].decode())[1]
    assert first.set[0].startswith(f"{cookie(server.port)}=")
    assert {"Path=/", "HttpOnly", "SameSite=Lax"} <= set(first.set[0].split("; "))
    first.cookies = {}
    assert first.get(script)[0] == 200
    assert first.set == []
    first.cookies = kept

    # A head may come in parts, and a browser may go away.
    with socket.create_connection(("localhost", server.port), timeout=20) as slow:
        slow.sendall(b"GET /health HTTP/1.1\r\nHost: loc")
        time.sleep(0.1)
        socket.create_connection(("localhost", server.port)).close()
        slow.sendall(b"alhost\r\n\r\n")
        assert slow.recv(99).startswith(b"HTTP/1.1 200")

    for data in (b"\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00", b"a" * 10**5):
        with socket.create_connection(("localhost", server.port), timeout=20) as confused:
            confused.sendall(data)
            confused.shutdown(socket.SHUT_WR)
            # refused, or closed before all was read
            with suppress(ConnectionError):
                assert b" 400 " in confused.recv(99)

    # A worker dies: its visitors find it again by their cookie, the other's notice nothing.
    before = workers(server)
    before[int(first.worker)].kill()
    with pytest.raises(ConnectionClosed):
        first.socket.recv(timeout=20)
    assert first.get("/")[0] == 200
    assert first.set == []
    first.socket = first.open()
    assert first.run()
    assert second.run()
    assert len({*workers(server)} - {*before}) == 1
    assert "worker ended" in server.log.read_text()


@pytest.mark.processes
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_with_the_front_all_end(server, how):
    eventually(lambda: server.log.read_text().count("start: ready") == 2)
    everything = processes(server)
    assert len(everything) >= 3
    os.kill(server.process, how)
    _, alive = psutil.wait_procs(everything, timeout=20)
    assert alive == []


@pytest.mark.processes
@pytest.mark.parametrize("page", [None, REPOSITORY / "no such page.py"])
def test_what_cannot_serve_ends_in_words(page, tmp_path):
    with socket.create_server(("localhost", 0)) as taken:
        port = free_port() if page else taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", *COMMAND, "--port", str(port)],
            cwd=REPOSITORY, capture_output=True, text=True, timeout=60,
            env={**os.environ, **({"PAGE": str(page)} if page else {})},
        )  # fmt: skip
    assert done.returncode == 1
    said = f"Port {port} is not available" if page is None else "worker ended"
    assert said in done.stderr
    assert "Traceback" not in done.stderr
