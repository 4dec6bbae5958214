"""Ask a server for a file: the answer is data, a failure that may pass, or a reason to stop."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import urlsplit

import requests
import urllib3

from llmpert.errors import InputError

TIMEOUT = (5.0, 30.0)
"""Seconds to connect, and between two bytes."""
LONGEST_WAIT = 300.0
"""Seconds; a server that wants more is left alone."""


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
        raise InputError(
            f"{url}: the server sends from one address to the next endlessly."
        ) from problem
    except requests.exceptions.SSLError as problem:
        raise InputError(
            f"{url}: the identity of {host} cannot be verified. A proxy that reads along may need"
            " its certificate in REQUESTS_CA_BUNDLE; or the clock of this computer is wrong."
        ) from problem
    except ValueError as problem:  # InvalidSchema and InvalidURL are, and what urllib cannot parse
        raise InputError(
            f"{url}: the server points to an address that is not followed ({problem}): only HTTPS"
            " is, so that nobody on the way can exchange the file."
        ) from problem
    except (requests.RequestException, urllib3.exceptions.HTTPError) as problem:
        proxy = isinstance(problem, requests.exceptions.ProxyError)
        cause = getattr(problem.args[0], "reason", None) if problem.args else None
        refused = isinstance(cause, urllib3.exceptions.NewConnectionError)
        if proxy or refused or isinstance(problem, requests.ConnectTimeout):
            raise Unreachable(f"No connection to {host}{' by the proxy' * proxy}") from problem
        raise Interrupted("the connection broke off or stood still") from problem


def get_text(url: str, limit: int = 1 << 20) -> str:
    """Fetch a short text, in one try.

    Raises:
        InputError: It cannot be had, or is longer than `limit` bytes.
    """
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
        raise Interrupted(f"the server answers {code} {reason}", _retry_after(response, url))
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


def _retry_after(response: requests.Response, url: str) -> float | None:
    try:
        seconds = urllib3.Retry().get_retry_after(response.raw)
    except urllib3.exceptions.InvalidHeader:
        return None
    if seconds is not None and seconds > LONGEST_WAIT:
        raise InputError(
            f"{url}: the server ({response.status_code} {response.reason}) wants to be asked again"
            f" in {seconds / 60:,.0f} minutes. What came is kept; start the download again then."
        )
    return seconds
