"""Requests that no browser sends: the server gives nothing away, stays up, its log stays true."""

import re
import socket
import struct
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import pytest
import streamlit
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect

from tests.support import small
from tests.support.server_process import running

pytestmark = pytest.mark.processes

INDEX = (Path(streamlit.__file__).parent / "static" / "index.html").read_bytes()
FOLDERS = ("/", "/static/", "/media/", "/component/", "/_stcore/bidi-components/", "/app/static/")
UP = ("..", "%2e%2e", "%252e%252e", "..;", "%c0%ae%c0%ae", ".%00.", "....")
SLASH = ("/", "%2f", "%252f", "\\", "%5c", "//", "%2f%2f")
TARGETS = ("etc/passwd", "app.py", ".streamlit/config.toml")
SECRETS = (b"root:x:", b"llmpert.ui.serving", b"gatherUsageStats", b"Traceback", b"site-packages")


class Client:
    """Speaks to the server byte by byte."""

    def __init__(self, port: int) -> None:
        self.port = port

    def send(self, data: bytes) -> bytes:
        """Everything that the server answers until it closes, or falls silent."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            # It may answer and close before it has heard everything.
            with suppress(ConnectionError):
                connection.sendall(data)
            return self.receive(connection)

    @staticmethod
    def receive(connection: socket.socket) -> bytes:
        parts = []
        with suppress(ConnectionError):
            while part := connection.recv(2**16):
                parts.append(part)
        return b"".join(parts)

    def ask(self, target: str, method: str = "GET", headers: str = "", body: bytes = b"") -> bytes:
        """The whole answer to a request whose target is sent as it is."""
        head = (
            f"{method} {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n"
        )
        return self.send(head.encode("latin-1") + body)

    def open(self, headers: str = "", host: str = "localhost") -> socket.socket:
        """A connection after the request for a WebSocket."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        connection.sendall(
            f"GET /_stcore/stream HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n{headers}\r\n".encode()
        )
        return connection


def status(answer: bytes) -> int:
    return int(re.match(rb"HTTP/1\.1 (\d{3})", answer)[1])


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("server")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LLMPERT_HOME", str(folder / "home"))
        small.place("mine", [small.screen("LineA")], [small.embedding("text")])
    # Settings of whoever starts it, in the folder where that happens.
    (folder / ".streamlit").mkdir()
    (folder / ".streamlit" / "config.toml").write_text(
        '[browser]\ngatherUsageStats = true\n[client]\ntoolbarMode = "developer"\n'
    )
    with running(("llmpert", "serve"), folder / "home", folder / "log", folder=folder) as server:
        yield server


@pytest.fixture(scope="module")
def client(server):
    return Client(server.port)


@pytest.fixture(autouse=True)
def unharmed(client):
    yield
    assert status(client.ask("/health")) == 200


def test_the_programs_settings_hold_wherever_it_is_started(server):
    address = f"ws://127.0.0.1:{server.port}/_stcore/stream"
    with connect(address, subprotocols=["streamlit"], max_size=None) as socket:
        socket.send(BackMsg(rerun_script=ClientState()).SerializeToString())
        messages = (ForwardMsg.FromString(socket.recv(timeout=30)) for _ in range(50))
        session = next(m.new_session for m in messages if m.WhichOneof("type") == "new_session")
    assert session.config.gather_usage_stats is False
    assert session.config.toolbar_mode == session.config.ToolbarMode.MINIMAL


def assert_gives_nothing_away(answer: bytes) -> None:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert not [secret for secret in SECRETS if secret in body]
    assert status(answer) < 500
    if status(answer) == 200:
        assert body == INDEX
    # Nor does it send anyone to another site.
    for location in re.findall(rb"^location: (.*)\r$", head + b"\r", re.MULTILINE | re.IGNORECASE):
        assert re.match(rb"/(?![/\\])|http://localhost/", location), location


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_path_leads_out_of_a_folder(client, folder):
    for up in UP:
        for slash in SLASH:
            for target, depth in zip(TARGETS, (7, 1, 3), strict=True):
                assert_gives_nothing_away(client.ask(folder + (up + slash) * depth + target))


@given(st.lists(st.sampled_from((*UP, *SLASH, *TARGETS, "static", "C:", "~", "?", "#", "%"))))
@settings(
    max_examples=2 * settings().max_examples,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_no_path_at_all_does(client, parts):
    assert_gives_nothing_away(client.ask("/" + "".join(parts)))


@pytest.mark.parametrize(
    "target",
    ["//evil.example/", "/\\evil.example/", "/%2fevil.example/", "/%5cevil.example/", "///e/",
     "http://evil.example/", "/%09/evil.example/", "/a/..//evil.example/"],
)  # fmt: skip
def test_nobody_is_sent_to_another_site(client, target):
    assert_gives_nothing_away(client.ask(target))


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "TRACE", "NONSENSE", "get"])
@pytest.mark.parametrize(
    "target", ["/", "/gene", "/health", "/_stcore/health", "/media/x", "/static/x", "/component/x"]
)
def test_other_methods_are_refused(client, method, target):
    answer = client.ask(target, method, "X-Secret: swordfish\r\n")
    assert 400 <= status(answer) < 500
    assert b"swordfish" not in answer


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (f"X-Huge: {'a' * 10**6}\r\n", 400),
        (f"Cookie: {'a=b; ' * 2 * 10**5}\r\n", 400),
        ("".join(f"X-{i}: a\r\n" for i in range(10**5)), 400),
        ("X-Null: a\x00b\r\n", 400),
        ("Content-Length: 1\r\nContent-Length: 2\r\n", 400),
        ("Content-Length: -1\r\n", 400),
        ("Host: other\r\n", 400),
        ("X-Forwarded-Proto: javascript\r\nX-Forwarded-For: a, b\r\n", 200),
        ("Cookie: _streamlit_xsrf=2|zz|zz|zz\r\n", 200),
        ("Range: bytes=0-99999999999999999999\r\n", 200),
    ],
    ids=range(10),
)
def test_odd_headers_are_answered_in_order(client, headers, expected):
    assert status(client.ask("/gene", headers=headers)) in (expected, 206, 416)


@pytest.mark.parametrize(("length", "expected"), [(30_000, 200), (10**6, 400)])
def test_long_addresses(client, length, expected):
    assert status(client.ask("/gene?gene=" + "a" * length)) == expected


@pytest.mark.parametrize(
    "data",
    [b"\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00", b"GET\r\n\r\n", b"\x00" * 1000, b"a" * 10**5],
)
def test_what_is_no_request_is_refused(client, data):
    with socket.create_connection(("127.0.0.1", client.port), timeout=10) as connection:
        with suppress(ConnectionError):
            connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        answer = Client.receive(connection)
    assert answer == b"" or status(answer) == 400


UPLOAD = "/_stcore/upload_file/no-session/no-file"


def test_uploads_need_a_token_and_a_session(client):
    body = (
        b'--b\r\nContent-Disposition: form-data; name="f"; filename="../../f"\r\n\r\nx\r\n--b--\r\n'
    )
    form = f"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: {len(body)}\r\n"
    assert status(client.ask(UPLOAD, "PUT", form, body)) == 403
    assert status(client.ask(UPLOAD, "DELETE")) == 403
    token = re.search(rb"_streamlit_xsrf=([^;]+);", client.ask("/_stcore/health"))[1].decode()
    known = f"Cookie: _streamlit_xsrf={token}\r\nX-Xsrftoken: {token}\r\n"
    assert status(client.ask(UPLOAD, "PUT", known + form, body)) == 400
    # Refused before it is read.
    large = "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 99999999999\r\n"
    assert status(client.ask(UPLOAD, "PUT", known + large)) in (400, 413)
    chunked = "Content-Type: multipart/form-data; boundary=b\r\nTransfer-Encoding: chunked\r\n"
    assert status(client.ask(UPLOAD, "PUT", known + chunked, b"ffff\r\n" + b"x" * 65535)) == 400


@pytest.mark.parametrize(
    ("host", "origin", "expected"),
    [
        ("localhost", "http://localhost", 101),
        ("localhost", None, 101),
        ("localhost", "http://evil.example", 403),
        ("localhost", "null", 403),
        ("evil.example", "http://evil.example", 403),
        ("evil.example", None, 403),
        ("localhost.evil.example", "http://localhost.evil.example", 403),
        ("localhost@evil.example", "http://localhost@evil.example", 403),
        ("", None, 403),
    ],
)
def test_visitors_connect_under_the_servers_own_name_only(client, host, origin, expected):
    headers = "" if origin is None else f"Origin: {origin}\r\n"
    with client.open(headers, host) as connection:
        assert status(connection.recv(2**16)) == expected


def frame(first: int, payload: bytes, length: int | None = None, masked: bool = True) -> bytes:
    """A WebSocket frame with this first byte that says it has this length."""
    size = struct.pack("!BBQ", first, 127 | (128 if masked else 0), length or len(payload))
    return size + (b"\0\0\0\0" if masked else b"") + payload


@pytest.mark.parametrize(
    "data",
    [
        frame(0x82, b"no protocol buffer"),
        frame(0x82, b""),
        frame(0x81, b"text"),
        frame(0x81, b"\xff\xfe"),
        frame(0x82, b"x" * 2**20),
        frame(0x82, b"", length=2**62),
        frame(0x82, b"", length=2**64 - 1),
        frame(0x82, b"x", masked=False),
        frame(0xF2, b"x"),
        frame(0x83, b"reserved"),
        frame(0x80, b"continues nothing"),
        frame(0x89, b"x" * 200),
        frame(0x88, b"\x00"),
        bytes(range(256)),
    ],
    ids=range(14),
)
def test_broken_frames_end_their_connection_only(client, data):
    with client.open() as connection:
        assert status(connection.recv(2**16)) == 101
        connection.settimeout(0.5)
        with suppress(ConnectionError):
            connection.sendall(data)
        with suppress(TimeoutError):
            said = Client.receive(connection)
            assert not [secret for secret in SECRETS if secret in said]
        # Another visitor is not disturbed.
        with client.open() as other:
            assert status(other.recv(2**16)) == 101


def test_the_log_is_true(client, server):
    forged = "2026-01-01T00:00:00.000Z INFO forged"
    client.ask("/" + quote(f"a\n{forged}\r{forged}\x85{forged}\u2028{forged}\x1b[2K"))
    with client.open(f"Origin: http://{quote(forged)}\r\n", "evil.example") as connection:
        connection.recv(2**16)
    client.ask("/gene?gene=SECRETGENE", headers="Cookie: a=SECRETCOOKIE\r\n")
    text = server.log.read_bytes().decode()
    lines = re.split("[\n\r\x0b\x0c\x85\u2028\u2029]", text.removesuffix("\n"))
    assert [line for line in lines if "forged" in line]
    for line in lines:
        assert re.match(r"\d{4}-\d\d-\d\dT[\d:.]+Z [A-Z]+ +[\w.]+: |    ", line), line
    assert not [line for line in lines if line.startswith(forged)]
    assert text.replace("\n", "").isprintable()
    assert "SECRET" not in text
    assert "127.0.0.1:" not in text
