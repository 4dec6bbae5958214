"""One file over HTTP: complete, verified, and continued after whatever broke it off.

requests and urllib3 do the transfer. The loop around them is RFC 9110's: `Range` with `If-Range`,
so that a file which changed meanwhile is sent from its start. pooch 1.9 starts over after a break.
"""

import errno
import hashlib
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import requests
import urllib3

from llmpert.downloads.registry import Expected
from llmpert.errors import InputError
from llmpert.io.atomic import atomic_path
from llmpert.io.names import parse_object

TIMEOUT = (5.0, 30.0)
"""Seconds to connect, and between two bytes."""
LONGEST_WAIT = 300.0
"""Seconds; a server that wants more is left alone."""
TRIES = 6
"""Failures without a new byte before giving up; the waits between them are 1, 2, 4, 8, 16 s."""
BLOCK = 1 << 20

Origin = dict[str, str | int | None]
"""What identifies a version of a file on a server: `url` as asked for, `etag` and
`modified` as the server says ("" where it does not), `size` of the whole in bytes (or None)."""


class Interrupted(Exception):
    """A failure that may pass. `wait`: seconds before the next try, None to choose."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


class Unreachable(Interrupted):
    """No connection could be made."""


@contextmanager
def get(
    url: str, headers: Mapping[str, str], timeout: tuple[float, float] = TIMEOUT
) -> Iterator[requests.Response]:
    """Send a GET request; yield the answer with its body unread.

    Raises:
        Interrupted: Here or while the body is read: it may work on the next try.
        InputError: Trying again is of no use.
    """
    host = urlsplit(url).hostname
    # Bytes as they are stored: the published length and MD5 are theirs.
    asked = {**headers, "Accept-Encoding": "identity"}
    try:
        with (
            _session(url) as session,
            session.get(url, headers=asked, timeout=timeout, stream=True) as response,
        ):
            _check(response, url)
            yield response
    except InputError:
        raise
    except requests.TooManyRedirects as problem:
        raise InputError(f"{url}: too many redirects.") from problem
    except requests.exceptions.SSLError as problem:
        raise InputError(
            f"{url}: the identity of {host} cannot be verified. Either set REQUESTS_CA_BUNDLE to"
            " the certificate of your proxy, or correct the clock of this computer."
        ) from problem
    except ValueError as problem:  # InvalidSchema and InvalidURL are, and what urllib cannot parse
        raise InputError(
            f"{url}: the server redirects to an address that is not followed ({problem}). Only"
            " HTTPS is followed, so that the file cannot be altered on the way."
        ) from problem
    except (requests.RequestException, urllib3.exceptions.HTTPError) as problem:
        proxy = isinstance(problem, requests.exceptions.ProxyError)
        cause = getattr(problem.args[0], "reason", None) if problem.args else None
        refused = isinstance(cause, urllib3.exceptions.NewConnectionError)
        if proxy or refused or isinstance(problem, requests.ConnectTimeout):
            raise Unreachable(f"No connection to {host}{' by the proxy' * proxy}") from problem
        raise Interrupted("the connection was lost or timed out") from problem


def get_text(url: str, limit: int = 1 << 20) -> str:
    """Fetch a text in one try; an InputError if it cannot be had or has over `limit` bytes."""
    try:
        with get(url, {}) as response:
            content = response.raw.read(limit + 1)
    except Interrupted as problem:
        raise InputError(f"{url}: {problem}.") from problem
    if len(content) > limit:
        raise InputError(f"{url}: expected at most {limit:,} bytes, found more.")
    return content.decode("utf-8", "replace")


def _session(url: str) -> requests.Session:
    """A session that leaves neither the web nor, once on it, HTTPS."""
    session = requests.Session()
    session.max_redirects = 10
    session.headers["User-Agent"] = "llmpert"
    if urlsplit(url).scheme == "https":
        del session.adapters["http://"]
    return session


def _check(response: requests.Response, url: str) -> None:
    """Raise unless this is data, or the remark that no more of it follows (416)."""
    code, reason = response.status_code, response.reason
    if code in (408, 425, 429) or code >= 500:
        wait = None
        with suppress(urllib3.exceptions.InvalidHeader):
            wait = urllib3.Retry().get_retry_after(response.raw)
        if wait is not None and wait > LONGEST_WAIT:
            raise InputError(
                f"{url}: the server ({code} {reason}) asks to retry in {wait / 60:,.0f}"
                " minutes. The partial download is kept; start it again then."
            )
        raise Interrupted(f"the server answers {code} {reason}", wait)
    page = response.headers.get("Content-Type", "").lower().startswith("text/html")
    if (code in (200, 206) and not page) or code == 416:
        return
    if code < 300:
        raise InputError(
            f"{url}: expected the file, found {'a web page' if page else f'{code} {reason}'}: the"
            " server wants to see a browser, or the network asks you to log in first. Open it in a"
            " browser, then start the download again."
        )
    raise InputError(
        f"{url}: the server refuses it ({code} {reason})."
        + (" It may have moved." if code in (404, 410) else "")
        + " A copy from elsewhere can be put into the folder of downloads and is verified there."
    )


class Partial:
    """The part of a file that has arrived: `NAME.part`, and `NAME.part.json` with its origin.

    Both survive a killed process. Bytes are never added to a part of unknown or other origin.
    """

    def __init__(self, target: Path) -> None:
        self.path = target.with_name(target.name + ".part")
        self._label = target.with_name(target.name + ".part.json")

    @property
    def size(self) -> int:
        """Bytes that have arrived."""
        return self.path.stat().st_size if self.path.exists() else 0

    @property
    def placed(self) -> bool:
        """Whether all of it arrived and was put in place; its origin stays until `drop`."""
        return self._label.exists() and not self.path.exists()

    def origin(self, url: str) -> Origin:
        """Origin of the bytes; {} unless from `url` and with a mark that identifies the file."""
        try:
            origin = parse_object(self._label.read_bytes())
            known = self.size and origin["url"] == url and (origin["etag"] or origin["modified"])
        except (OSError, ValueError):
            return {}
        return origin if known else {}

    def begin(self, origin: Origin) -> None:
        """Discard the bytes so far, and start anew with this origin."""
        self.drop()
        with atomic_path(self._label) as temporary:
            temporary.write_text(json.dumps(origin), "utf-8")

    def drop(self) -> None:
        """Forget what has arrived."""
        self.path.unlink(missing_ok=True)
        self._label.unlink(missing_ok=True)


def transfer(
    url: str,
    target: Path,
    expected: Expected,
    progress: Callable[[int, int | None], None],
    notify: Callable[[str], None],
    *,
    wait: Callable[[float], None] = time.sleep,
    timeout: tuple[float, float] = TIMEOUT,
) -> None:
    """Bring the file at `url` to `target`, which changes only once the new file is verified.

    What arrives is kept in `target`.part. The caller keeps other processes from doing the same.

    Args:
        progress: Called with the bytes that have arrived and the whole (None if unknown).
        notify: Called with sentences about what is done, and what went wrong and is tried again.
        wait: Called with seconds to wait before the next try.

    Raises:
        InputError: The file cannot be had, is not the expected one, or the disk is full.
        OSError: It cannot be written for other reasons.
    """
    partial, failures, answered, restarted = Partial(target), 0, False, False
    reached = partial.size
    resumed = reached > 0
    while True:
        try:
            origin, asked = partial.origin(url), {}
            if origin:
                since = str(origin["etag"] or origin["modified"])
                asked = {"Range": f"bytes={partial.size}-", "If-Range": since}
            if not origin.get("size") == partial.size > 0:
                with get(url, asked, timeout) as response:
                    answered = True
                    _receive(response, url, partial, expected, progress)
            notify(f"{target.name}: downloaded; verifying its checksum.")
            if expected.md5 is None or md5_of(partial.path) == expected.md5:
                partial.path.replace(target)
                return
            partial.drop()
            if not resumed or restarted:
                raise InputError(
                    f"{url} has another MD5 than the published {expected.md5}, so nothing of it was"
                    " kept. Try again later; if it stays so, the publisher has changed it."
                )
            # The fault may lie in what an earlier run left behind.
            restarted = True
            raise Interrupted("it was damaged by an interruption; restarting", 0.0)
        except Interrupted as problem:
            if isinstance(problem, Unreachable) and not answered:
                raise InputError(
                    f"{problem}. Where there is no internet, fetch {url} on another computer, copy"
                    f" it to {target} and start the download again: that verifies the copy."
                ) from problem
            size = partial.size
            failures = 1 if size > reached else failures + 1
            reached, resumed = max(reached, size), resumed or size > 0
            if failures >= TRIES:
                raise InputError(
                    f"{url}: {problem}; given up after {TRIES} tries. The {size:,} bytes that came"
                    " are kept, and the next start continues from them."
                ) from problem
            seconds = 2.0 ** (failures - 1) if problem.wait is None else problem.wait
            notify(f"{target.name}: {problem}; trying again in {seconds:.0f} s.")
            wait(seconds)


def md5_of(path: Path) -> str:
    """MD5 of a file as hex, in bounded memory."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _receive(
    response: requests.Response,
    url: str,
    partial: Partial,
    expected: Expected,
    progress: Callable[[int, int | None], None],
) -> None:
    """Add what the server sends to the part; return once the file is whole."""
    start, origin = _sent(response, url)
    ours = partial.origin(url)
    # A server may leave out of a part what it said with the whole.
    marks = [m for m in ("etag", "modified") if origin[m] and ours.get(m)]
    same = all(origin[mark] == ours[mark] for mark in marks) and origin["size"] == ours.get("size")
    continues = ours and start == partial.size and same
    if response.status_code == 416 or (response.status_code == 206 and not continues):
        partial.drop()
        raise Interrupted("the file changed on the server between two parts; restarting", 0.0)
    size = origin["size"]
    if None not in (size, expected.size) and size != expected.size:
        raise InputError(
            f"{url}: expected {expected.size:,} bytes, found that the server offers {size:,}. It is"
            " not the published file; earlier files are untouched. Try again later."
        )
    end = expected.size or size
    if not isinstance(end, int):
        raise InputError(f"{url}: neither server nor publisher states its length.")
    if response.status_code != 206:
        partial.begin(origin | {"size": end})
    try:
        with partial.path.open("ab") as file:
            # More than announced comes only from a server that announced nothing.
            while file.tell() <= end and (block := response.raw.read1(BLOCK)):
                file.write(block)
                progress(file.tell(), end)
    except OSError as problem:
        if problem.errno != errno.ENOSPC:
            raise
        raise InputError(
            f"{partial.path}: the disk is full. The {partial.size:,} bytes that came are kept; free"
            " some space and start the download again."
        ) from problem
    if partial.size > end:
        partial.drop()
        raise InputError(f"{url}: expected {end:,} bytes, found that the server sends more.")
    if partial.size < end:
        raise Interrupted(f"the connection ended after {partial.size:,} of {end:,} bytes")


def _sent(response: requests.Response, url: str) -> tuple[int | None, Origin]:
    """From which byte on an answer holds a file (None if it does not say), and which version."""
    headers = response.headers
    ranged = None
    if response.status_code == 206:
        ranged = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", headers.get("Content-Range", ""))
    length = ranged[2] if ranged else headers.get("Content-Length", "")
    etag = headers.get("ETag", "")
    return int(ranged[1]) if ranged else None, {
        "url": url,
        # A weak one stays the same for files that only mean the same.
        "etag": "" if etag.startswith("W/") else etag,
        "modified": headers.get("Last-Modified", ""),
        "size": int(length) if re.fullmatch(r"\d+", length) else None,
    }
