"""The internals of Streamlit that llmpert uses, outside Streamlit's public interface.

Each function has a test that fails when a new version of Streamlit has changed what it uses.
"""

import asyncio
import logging
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from contextvars import copy_context
from html import escape
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from socket import socket
from threading import Event
from typing import Any, TypeVar

import streamlit as st
import streamlit.logger
from streamlit import runtime
from streamlit.delta_generator import DeltaGenerator
from streamlit.delta_generator_singletons import get_dg_singleton_instance
from streamlit.runtime.fragment import MemoryFragmentStorage
from streamlit.runtime.pages_manager import PagesManager
from streamlit.runtime.scriptrunner import ScriptRunContext, add_script_run_ctx, get_script_run_ctx
from streamlit.runtime.scriptrunner_utils.exceptions import ScriptControlException
from streamlit.runtime.scriptrunner_utils.script_run_context import in_cached_function
from streamlit.runtime.state import SafeSessionState, SessionState
from streamlit.runtime.uploaded_file_manager import UploadedFile as UploadedFile
from streamlit.web.server.starlette.starlette_server_config import XSRF_COOKIE_NAME

T = TypeVar("T")

SECRET_PATHS = ("/_stcore/upload_file/", "/media/")
"""What follows in a path opens what one visitor gave or got."""

HEALTH = "/_stcore/health"
"""Streamlit's own health check."""

CAPTION = '[data-testid="stCaptionContainer"]'
"""CSS selector of what `st.caption` shows."""

APP = '[data-testid="stApp"]'
"""CSS selector of what holds all but open popovers, and has the background."""

PAGE = '[data-testid="stMainBlockContainer"]'
"""CSS selector of what holds a page, between the navigation and the bottom."""

LAYER = '[data-baseweb="layer"]'
"""CSS selector of what holds an open popover."""

ABOVE_ALL = 1_000_000
"""CSS z-index over everything else; Streamlit's header has 999990."""

SPINNERS = "streamlit.runtime.scriptrunner_utils.script_run_context"
"""Logger that remarks on every spinner that no page shows."""

PROGRAM = b'src="./static/js/index.'
"""What stands in the HTML of a page and in no other."""

_NAMED = re.compile(r'"\./static/js/([^"]+)"')
_IMPORTED = re.compile(r"""(?:from|import)["'`]\./([^"'`/]+\.js)["'`]""")
_HEAD = 10_000
"""Within how many characters a script names what it imports."""


def through_app() -> None:
    """Run the page again through `app.py` if Streamlit opened its script directly.

    Until `st.navigation` has run once, Streamlit takes any folder named `pages` for its older way
    of finding pages: a link into a server that was just started would show the bare script, under
    another title and menu. There is no setting against it.
    """
    if PagesManager.uses_pages_directory:
        PagesManager.uses_pages_directory = False
        st.rerun()


def begin_with(key: str, value: str) -> None:
    """Let a control that is kept in the address begin with another value than that of the address.

    The session state would show it, and the address would lose it.
    """
    run = get_script_run_ctx()
    if run is not None:
        with run.session_state.query_params() as query:
            query._initial_query_params[key] = [value]
    st.query_params[key] = value


def format_logs_by(set_up: Callable[[logging.Logger], None]) -> None:
    """Let a function set up Streamlit's loggers, also those that Streamlit makes later.

    Each of them has a handler of its own otherwise.
    """
    streamlit.logger.setup_formatter = set_up  # type: ignore[assignment]
    streamlit.logger.update_formatter()


def has_visitor() -> bool:
    """Return whether this thread runs a page for a visitor."""
    return get_script_run_ctx(suppress_warning=True) is not None


def browser() -> str:
    """Return what all tabs of this thread's visitor have in common, else what names this tab.

    It is Streamlit's cookie against forged requests, which is secret.
    """
    run = get_script_run_ctx(suppress_warning=True)
    return st.context.cookies.get(XSRF_COOKIE_NAME) or (run.session_id if run else "")


def go_on() -> None:
    """End the run of the page in hand if its visitor has clicked on or is gone.

    Each element that a page shows does so too, but for whether the visitor is gone.
    """
    run = get_script_run_ctx(suppress_warning=True)
    if run is not None:
        run.yield_check()
        if runtime.exists() and not runtime.get_instance().is_active_session(run.session_id):
            st.stop()


def unrecorded(show: Callable[[], T]) -> T:
    """Show something now; from a cached function not again whenever that gives its value."""

    def call() -> T:
        in_cached_function.set(False)
        return show()

    return copy_context().run(call)


@contextmanager
def transient() -> Iterator[DeltaGenerator]:
    """Give a place on the page which whatever comes next takes over.

    It is for what a page shows only while it computes. A place of its own would let all below move
    up in the next run. A browser may then make a moved control anew before it removes the old one,
    and with the old one what ties both to the address: choices no longer reach it.
    """
    cursor: Any = get_dg_singleton_instance().main_dg._active_dg._cursor
    at = -1 if cursor is None else cursor.index
    place = unrecorded(st.empty)
    try:
        yield place
    finally:
        unrecorded(place.empty)
        if cursor is not None and cursor.index == at + 1:  # nothing else was shown below
            cursor._index = at


def run_on(listening: socket, arguments: Sequence[str]) -> None:
    """Run Streamlit's command line in this process, on an existing socket.

    It is made to accept by asyncio; uvloop, where it is installed, would do so by itself.
    """
    from streamlit.web import cli
    from streamlit.web.server.starlette import starlette_server

    sys.modules["uvloop"] = None  # type: ignore[assignment]
    starlette_server._bind_server_socket = lambda _, address, *__: (listening, address)
    cli.main([*arguments], prog_name="streamlit")


def silence_spinners() -> None:
    """Let cached functions run without a page and without a remark in the log."""
    logging.getLogger(SPINNERS).setLevel(logging.ERROR)


def script_files(names: Sequence[str]) -> list[Path]:
    """Return Streamlit's scripts for browsers whose names begin so; hashes follow the names."""
    folder = Path(st.__file__).parent / "static" / "static" / "js"
    return [path for name in names for path in folder.glob(f"{name}.*.js")]


def imported_by(scripts: Sequence[Path]) -> list[str]:
    """Return the names of the scripts that Streamlit's scripts import, and those import in turn.

    Left out are those that every page names itself.
    """
    folder = scripts[0].parent
    known = set(_NAMED.findall((folder.parent.parent / "index.html").read_text("utf-8")))
    names = [path.name for path in scripts]
    for name in names:  # more while it runs
        with (folder / name).open(encoding="utf-8") as file:
            imported = _IMPORTED.findall(file.read(_HEAD))
        names += [one for one in dict.fromkeys(imported) if one not in known.union(names)]
    return names[len(scripts) :]


def follow_link(address: str, words: str) -> None:
    """Go to another page by a link that follows itself.

    It can be clicked where scripts are blocked. After Streamlit's own ways to another page, the
    browser's way back leads to addresses that lack what was chosen.
    """
    st.html(
        f'<a id="follow" href="{escape(address)}">{escape(words)}</a>'
        "<script>document.getElementById('follow').click()</script>",
        unsafe_allow_javascript=True,
    )


def draw_unseen(script: Path, query: str, state: Mapping[str, Any]) -> None:
    """Run a page's script, from within another's, as for a new visitor who sees nothing of it.

    What the script raises is raised, but for what ends it early without an error.

    Args:
        query: Of the page's address.
        state: What the session state has at first.
    """
    visible = get_script_run_ctx()
    if visible is None:
        raise RuntimeError("There is no page from which to draw another.")

    def run() -> None:
        hidden = ScriptRunContext(
            session_id=visible.session_id,
            _enqueue=lambda message: None,
            query_string=query,
            session_state=SafeSessionState(SessionState(), lambda: None),
            uploaded_file_mgr=visible.uploaded_file_mgr,
            main_script_path=visible.main_script_path,
            user_info=visible.user_info,
            fragment_storage=MemoryFragmentStorage(),
            pages_manager=visible.pages_manager,
        )
        add_script_run_ctx(ctx=hidden)
        hidden.reset(query_string=query, page_script_hash=visible.page_script_hash)
        st.session_state.update(state)
        found = spec_from_file_location(script.stem, script)
        if found is None or found.loader is None:
            raise FileNotFoundError(script.name)
        with suppress(ScriptControlException):
            found.loader.exec_module(module_from_spec(found))

    # A thread of its own has no place yet where Streamlit would draw.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(run).result()


def wake_once(loop: asyncio.AbstractEventLoop) -> None:
    """Let other threads wake an event loop once for all that they hand it until it looks.

    Streamlit hands it every element of a page, and Python wakes it each time by writing to a
    socket, which costs more than the element: whoever writes gives Python's lock away. Other kinds
    of loop than asyncio's own are left as they are.
    """
    if type(loop) is not asyncio.SelectorEventLoop:
        return
    inner: Any = loop
    woken, write, read = Event(), inner._write_to_self, inner._read_from_self

    def write_once() -> None:
        if not woken.is_set():
            woken.set()
            write()

    def look() -> None:
        read()
        # Only now, or what it read could be the sign of somebody who comes in between. What was
        # handed until here is looked at before the loop sleeps.
        woken.clear()

    inner._write_to_self = write_once
    loop.add_reader(inner._ssock.fileno(), look)
