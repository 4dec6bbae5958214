"""Transfers from a server that drops connections, lies, changes its files and sends people away."""

import os
import subprocess
import sys
import tempfile
import threading
import time
from email.utils import formatdate
from pathlib import Path

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from llmpert.downloads import transfer as transfer_module
from llmpert.downloads.registry import Expected
from llmpert.downloads.transfer import TRIES, Partial, transfer
from llmpert.errors import InputError
from tests.support.faulty_server import CONTENT, Faulty, answers, cut, md5, serve

KNOWN = Expected(len(CONTENT), md5(CONTENT))
UNKNOWN = Expected(None, None)
REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def direct(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
def server():
    with Faulty() as server:
        yield server


@pytest.fixture
def target(tmp_path):
    """A file of an earlier download."""
    path = tmp_path / "file.bin"
    path.write_bytes(b"earlier")
    return path


class Run:
    """A transfer without real waits, and what it said."""

    def __init__(self, url, target, expected=KNOWN, timeout=(5, 5)):
        self.waits, self.said, self.progress = [], [], []
        transfer(
            url, target, expected, lambda *so_far: self.progress.append(so_far), self.said.append,
            wait=self.waits.append, timeout=timeout,
        )  # fmt: skip


def refused(url, target, *words, expected=KNOWN, kept=False):
    """Fails with a sentence that holds the words; the earlier file is untouched."""
    with pytest.raises(InputError) as problem:
        Run(url, target, expected)
    for word in words:
        assert word in str(problem.value)
    assert target.read_bytes() == b"earlier"
    assert (target.with_name("file.bin.part").exists()) == kept


def test_a_file_arrives_whole_and_replaces_the_earlier_one(server, target):
    run = Run(server.url, target)
    assert target.read_bytes() == CONTENT
    assert run.progress[-1] == (len(CONTENT), len(CONTENT))
    assert run.said == ["file.bin: downloaded; verifying its checksum."]
    assert run.waits == []
    # Its origin stays until whoever asked for it has noted that.
    assert Partial(target).placed
    Partial(target).drop()
    assert [path.name for path in target.parent.iterdir() if path.is_file()] == ["file.bin"]


@settings(max_examples=settings().max_examples // 4)
@given(
    cuts=st.lists(st.integers(0, len(CONTENT) - 1), max_size=TRIES - 1),
    known=st.booleans(),
    version=st.sampled_from([("etag", "modified"), ("etag",), ("modified",), ()]),
    ranges=st.booleans(),
)
def test_dropped_connections_cost_nothing_but_the_wait(cuts, known, version, ranges):
    with Faulty(ranges=ranges) as server, tempfile.TemporaryDirectory() as folder:
        server.etag = server.etag if "etag" in version else None
        server.modified = server.modified if "modified" in version else None
        left, waiting = len(CONTENT), []
        for after in cuts:
            server.faults.append(cut(after))
            # What comes after a cut is only the rest, so a late cut may not happen.
            if ranges and version:
                if after >= left:
                    break
                left -= after
            waiting.append(after)
        target = Path(folder) / "file.bin"
        run = Run(server.url, target, KNOWN if known else UNKNOWN)
        assert target.read_bytes() == CONTENT
        assert len(run.waits) == len(waiting)
        # With parts, and something to tell versions by, no byte is sent twice.
        resent = 0 if ranges and version else sum(waiting)
        assert server.sent == len(CONTENT) + resent


def test_waits_grow_and_end_with_a_sentence(server, target):
    server.faults.extend([cut(100)] + [cut(0)] * TRIES)
    with pytest.raises(InputError, match=f"100 of 50,000|lost.*{TRIES} tries.*100 bytes") as _:
        Run(server.url, target)
    assert target.read_bytes() == b"earlier"
    part = target.with_name("file.bin.part")
    assert part.read_bytes() == CONTENT[:100]
    # The same command continues.
    server.faults.clear()
    sent = server.sent
    run = Run(server.url, target)
    assert (target.read_bytes(), server.sent - sent) == (CONTENT, len(CONTENT) - 100)
    assert run.waits == []


def test_the_waits_double(server, target):
    server.faults.extend([cut(0)] * (TRIES - 1))
    assert Run(server.url, target).waits == [1, 2, 4, 8, 16]


def test_new_bytes_give_new_tries(server, target):
    server.faults.extend([cut(0), cut(0), cut(10), cut(0), cut(1)])
    assert Run(server.url, target).waits == [1, 2, 1, 2, 1]
    assert target.read_bytes() == CONTENT


def chunked(content=CONTENT, ended=True):
    def fault(handler):
        handler.head(200, Transfer_Encoding="chunked", ETag=handler.server.etag)
        for start in range(0, len(content), 7000):
            block = content[start : start + 7000]
            handler.body(b"%x\r\n%b\r\n" % (len(block), block))
        handler.body(b"0\r\n\r\n" if ended else b"")

    return fault


def test_a_length_that_is_not_announced_is_the_published_one(server, target):
    server.faults.append(chunked())
    assert Run(server.url, target).waits == []
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("ended", [True, False])
def test_a_stream_that_ends_early_is_continued(server, target, ended):
    server.faults.append(chunked(CONTENT[:14_000], ended))
    assert Run(server.url, target).waits == [1]
    assert target.read_bytes() == CONTENT
    assert server.requests[-1][1]["Range"] == "bytes=14000-"


def test_a_stream_without_end_is_stopped(server, target):
    server.faults.append(chunked(CONTENT + bytes(50_000_000)))
    refused(server.url, target, "expected 50,000 bytes", "sends more")
    assert server.sent < 20_000_000  # what the system's buffers take, and no more


def test_a_file_of_unknown_length_is_refused(server, target):
    server.faults.append(chunked())
    refused(server.url, target, "neither server nor publisher", expected=UNKNOWN)


@pytest.mark.parametrize("lie", [-49_999, -1, 1, 10**12])
def test_another_length_than_the_published_is_refused_at_once(server, target, lie):
    server.faults.append(lambda handler: serve(handler, announce=lie))
    refused(server.url, target, "expected 50,000 bytes", f"{50_000 + lie:,}", "not the published")
    assert len(server.requests) == 1


def test_a_server_that_promises_more_than_it_sends_is_given_up(server, target):
    server.faults.extend([lambda handler: serve(handler, announce=10)] * TRIES)
    server.ranges = False
    refused(server.url, target, f"{TRIES} tries", expected=UNKNOWN, kept=True)


def test_bytes_after_the_promised_ones_are_not_read(server, target):
    def more(handler):
        handler.head(200, Content_Length=len(CONTENT))
        handler.wfile.write(CONTENT + b"more")

    server.faults.append(more)
    Run(server.url, target)
    assert target.read_bytes() == CONTENT


def test_a_wrong_hash_is_refused_and_nothing_of_it_kept(server, target):
    server.content = CONTENT[::-1]
    refused(server.url, target, "another MD5", KNOWN.md5)
    assert len(server.requests) == 1


def test_what_a_break_damaged_is_fetched_anew_once(server, target):
    server.faults.extend([cut(1000), cut(0)])
    part = target.with_name("file.bin.part")

    class PowerFails(Exception):
        pass

    def fails(_):
        raise PowerFails

    with pytest.raises(PowerFails):
        transfer(server.url, target, KNOWN, lambda *_: None, lambda _: None, wait=fails)
    part.write_bytes(bytes(1000))
    server.faults.clear()
    run = Run(server.url, target)
    assert "damaged" in run.said[1]
    assert target.read_bytes() == CONTENT


def test_a_wrong_file_in_parts_is_fetched_twice_at_most(server, target):
    server.content = CONTENT[::-1]
    server.faults.append(cut(1000))
    refused(server.url, target, "another MD5")
    assert len(server.requests) == 3


@settings(max_examples=settings().max_examples // 5)
@given(
    after=st.integers(1, len(CONTENT) - 1),
    shorter=st.integers(0, 2000),
    careful=st.booleans(),
    versions=st.sampled_from(["both", "etag", "modified", "none"]),
)
def test_two_versions_of_a_file_are_never_glued_together(after, shorter, careful, versions):
    new = CONTENT[::-1][: len(CONTENT) - shorter]

    def change(handler):
        server.content = new
        if versions in ("both", "etag"):
            server.etag = '"2"'
        if versions in ("both", "modified"):
            server.modified = "Tue, 02 Jan 2024 00:00:00 GMT"
        serve(handler)

    with Faulty(careful=careful) as server, tempfile.TemporaryDirectory() as folder:
        if versions in ("modified", "none"):
            server.etag = None
        if versions in ("etag", "none"):
            server.modified = None
        server.faults.extend([cut(after), change])
        target = Path(folder) / "file.bin"
        # No published hash would tell: only what the server says of versions can.
        Run(server.url, target, UNKNOWN)
        assert target.read_bytes() == new


def test_a_weak_etag_does_not_vouch_for_the_rest(server, target):
    server.etag, server.modified = 'W/"1"', None
    server.faults.append(cut(500))
    Run(server.url, target)
    assert target.read_bytes() == CONTENT
    assert not any("Range" in headers for _, headers in server.requests)


def test_parts_of_another_address_are_not_used(server, target):
    server.faults.extend([cut(500), answers(404)])
    with pytest.raises(InputError, match="404"):
        Run(server.url, target)
    Run(server.url + "?other", target)
    assert "Range" not in server.requests[-1][1]


@pytest.mark.parametrize(
    "header",
    [
        "bytes 499-49999/50000", "bytes 501-49999/50000", "bytes 500-49998/49999",
        "bytes 500-49999/*", "garbage", None,
    ],
)  # fmt: skip
def test_a_part_that_is_not_the_rest_is_not_used(server, target, header):
    rest = CONTENT[:0:-1][:49_500]
    server.faults.extend([cut(500), answers(206, rest, Content_Range=header, ETag=server.etag)])
    Run(server.url, target, UNKNOWN)
    assert target.read_bytes() == CONTENT


def test_a_file_that_became_shorter_than_its_part_begins_anew(server, target):
    def shrink(handler):
        server.content = CONTENT[:300]
        serve(handler)

    server.careful = False
    server.faults.extend([cut(500), shrink])
    run = Run(server.url, target, UNKNOWN)
    assert target.read_bytes() == CONTENT[:300]
    assert "changed on the server" in run.said[1]


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_redirects_are_followed_and_parts_resumed_behind_them(server, target, code):
    there = server.url.replace("file.bin", "elsewhere?signed=1")
    go = answers(code, Location=there)
    server.faults.extend([go, cut(500), go])
    Run(server.url, target)
    assert target.read_bytes() == CONTENT
    assert server.sent == len(CONTENT)


@pytest.mark.parametrize(
    "location",
    ["file:///etc/passwd", "ftp://127.0.0.1/file", "gopher://x", "data:,x", "http://[bad"],
)
def test_redirects_out_of_the_web_are_refused(server, target, location):
    server.faults.append(answers(302, Location=location))
    refused(server.url, target, "not followed")


def test_redirects_in_a_circle_are_refused(server, target):
    server.faults.extend([answers(302, Location=server.url)] * 20)
    refused(server.url, target, "too many redirects")


def test_redirects_from_https_to_http_are_refused(server, target, monkeypatch):
    class Pretend(requests.adapters.HTTPAdapter):
        """Plays HTTPS over the test's server."""

        def send(self, request, **settings):
            request.url = request.url.replace("https:", "http:")
            return super().send(request, **settings)

    def session(url):
        made = real(url)
        made.mount("https://", Pretend())
        return made

    real = transfer_module._session
    monkeypatch.setattr(transfer_module, "_session", session)
    secure = server.url.replace("http:", "https:")
    server.faults.append(answers(302, Location=server.url))
    refused(secure, target, "not followed", "Only HTTPS")
    Run(secure, target)
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (answers(202), ("202", "browser")),
        (answers(204, Content_Length=None), ("204",)),
        (answers(200, b"<html>Log in", Content_Type="text/html; charset=utf-8"), ("web page",)),
        (answers(200, b"x" * 50_000, Content_Type="TEXT/HTML"), ("web page", "log in")),
        (answers(403, b"<html>", Content_Type="text/html"), ("refuses", "403", "copy")),
        (answers(404), ("404", "moved")),
        (answers(304), ("304",)),
    ],
)
def test_what_is_not_the_file_is_said_and_not_tried_again(server, target, fault, words):
    server.faults.append(fault)
    refused(server.url, target, *words)
    assert len(server.requests) == 1


def test_a_login_page_does_not_cost_what_has_arrived(server, target):
    server.faults.extend([cut(500), answers(200, b"<html>", Content_Type="text/html")])
    refused(server.url, target, "web page", kept=True)
    Run(server.url, target)
    assert (target.read_bytes(), server.sent) == (CONTENT, len(CONTENT))


@pytest.mark.parametrize("code", [408, 429, 500, 502, 503, 504])
def test_retry_after_is_honoured(server, target, code):
    server.faults.extend([answers(code, Retry_After=7), answers(code), answers(code)])
    run = Run(server.url, target)
    assert run.waits == [7, 2, 4]
    assert str(code) in run.said[0]
    assert "7 s" in run.said[0]


def test_retry_after_may_be_a_date(server, target):
    server.faults.append(answers(503, Retry_After=formatdate(time.time() + 20, usegmt=True)))
    (wait,) = Run(server.url, target).waits
    assert 10 < wait <= 20


def test_retry_after_may_be_garbage(server, target):
    server.faults.append(answers(503, Retry_After="soon"))
    assert Run(server.url, target).waits == [1]


def test_a_server_that_wants_hours_is_left_alone(server, target):
    server.faults.append(answers(503, Retry_After=7200))
    refused(server.url, target, "120 minutes")


def test_a_server_that_stands_still_is_left_after_the_timeout(server, target):
    left, waited_for = threading.Event(), []

    def stall(handler):
        serve(handler, stop=20_000)
        handler.wfile.flush()
        if not left.wait(60):
            waited_for.append(handler)

    server.faults.append(stall)
    run = Run(server.url, target, timeout=(5, 0.5))
    left.set()
    assert waited_for == []
    assert (len(run.waits), server.sent) == (1, len(CONTENT))
    assert target.read_bytes() == CONTENT


def test_without_a_connection_it_says_so_at_once(target):
    with Faulty() as server:
        url = server.url  # of a server that is gone
    waits = []
    with pytest.raises(InputError) as problem:
        transfer(url, target, KNOWN, print, print, wait=waits.append)
    assert waits == []
    for word in ("No connection to 127.0.0.1", url, str(target), "verifies the copy"):
        assert word in str(problem.value)


def test_an_unknown_host_is_no_connection(target):
    refused("http://nowhere.invalid/file", target, "No connection to nowhere.invalid")


def test_a_proxy_that_is_gone_is_named(target, monkeypatch):
    with Faulty() as server:
        proxy = server.url.removesuffix("/file.bin")
    monkeypatch.delenv("no_proxy")
    monkeypatch.setenv("http_proxy", proxy)
    refused("http://nowhere.invalid/file", target, "No connection", "by the proxy")


def test_a_full_disk_keeps_what_came(server, target, monkeypatch):
    class Full:
        def __init__(self, file):
            self.file = file

        def __enter__(self):
            self.file.__enter__()
            return self

        def __exit__(self, *problem):
            return self.file.__exit__(*problem)

        def tell(self):
            return self.file.tell()

        def write(self, block):
            self.file.write(block[:300])
            raise OSError(28, "No space left on device")

    opened = Path.open

    def open_full(path, mode="r", *others, **settings):
        file = opened(path, mode, *others, **settings)
        return Full(file) if mode == "ab" else file

    part = target.with_name("file.bin.part")
    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", open_full)
        refused(server.url, target, "disk is full", "300 bytes", kept=True)
    assert part.read_bytes() == CONTENT[:300]
    Run(server.url, target)
    assert target.read_bytes() == CONTENT
    assert server.requests[-1][1]["Range"] == "bytes=300-"


FETCH = """
import sys
from pathlib import Path
from llmpert.downloads.registry import Expected
from llmpert.downloads.transfer import transfer
url, target, size, md5 = sys.argv[1:]
transfer(url, Path(target), Expected(int(size), md5), lambda *_: None, lambda _: None)
"""


@pytest.mark.processes
def test_a_killed_download_continues(target):
    content = os.urandom(1 << 20)
    part = target.with_name("file.bin.part")
    arguments = [sys.executable, "-c", FETCH]
    with Faulty(content, pause=0.01) as server:
        arguments += [server.url, str(target), str(len(content)), md5(content)]
        kept = []
        for share in (0.2, 0.45, 0.7):
            process = subprocess.Popen(arguments, cwd=REPOSITORY)
            while not part.exists() or part.stat().st_size < share * len(content):
                assert process.poll() is None
                time.sleep(0.005)
            process.kill()  # SIGKILL: no clearing up
            process.wait()
            kept.append(part.stat().st_size)
            assert target.read_bytes() == b"earlier"
        done = subprocess.run(arguments, cwd=REPOSITORY, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")
        begins = [headers.get("Range") for _, headers in server.requests]
    assert begins == [None, *(f"bytes={size}-" for size in kept)]
    assert target.read_bytes() == content
