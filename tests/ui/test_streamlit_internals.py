"""What the program relies on in Streamlit without a promise: each fails where Streamlit changed."""

import asyncio
import logging
import subprocess
import sys
import threading
import time

import pytest
import streamlit as st
import streamlit.logger
from streamlit.runtime.pages_manager import PagesManager
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Block

from llmpert.ui import streamlit_internals as internals
from llmpert.ui.serving.requests import CHART, SMALL

STATIC = internals.script_files([CHART])[0].parent


def of_streamlit(text: str) -> bool:
    return any(text in path.read_text(errors="replace") for path in STATIC.glob("*.js"))


def test_a_page_opened_directly_runs_again_through_the_app(monkeypatch, tmp_path):
    (tmp_path / "pages").mkdir()
    again = []
    monkeypatch.setattr(st, "rerun", lambda: again.append(True))
    monkeypatch.setattr(PagesManager, "uses_pages_directory", None)
    PagesManager(str(tmp_path / "app.py"))
    internals.through_app()
    assert again == [True]
    # Streamlit then leaves the folder to `st.navigation`, and nothing runs a third time.
    PagesManager(str(tmp_path / "app.py"))
    internals.through_app()
    assert again == [True]


@pytest.mark.processes
def test_streamlits_loggers_are_set_up_by_us_old_ones_and_new_ones():
    code = """
import logging, streamlit as st, streamlit.logger
from llmpert.ui.streamlit_internals import format_logs_by
streamlit.logger.get_logger("streamlit.old")
def set_up(logger):
    logger.handlers.clear()
format_logs_by(set_up)
streamlit.logger.get_logger("streamlit.new")
print([logging.getLogger(f"streamlit.{name}").handlers for name in ("old", "new")])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[[], []]"


def test_a_spinner_without_a_page_is_not_remarked_on(caplog):
    @st.cache_resource
    def work(number: int) -> int:
        return number

    logger = logging.getLogger(internals.SPINNERS)
    level = logger.level
    try:
        logger.setLevel(logging.WARNING)
        work(1)
        remarks = [record for record in caplog.records if record.name == internals.SPINNERS]
        caplog.clear()
        internals.silence_spinners()
        work(2)
        assert remarks
        assert not [record for record in caplog.records if record.name == internals.SPINNERS]
    finally:
        logger.setLevel(level)


def test_every_script_of_what_stands_on_pages_is_found():
    for script in (CHART, *SMALL):
        assert len(internals.script_files([script])) == 1


@pytest.mark.parametrize("selector", [internals.APP, internals.CAPTION, internals.PAGE])
def test_parts_of_a_page_have_the_mark_that_the_style_speaks_of(selector):
    assert of_streamlit(selector.split('"')[1])


def test_streamlit_serves_uploads_media_and_health_where_the_log_expects_them():
    from streamlit.web.server.server import MEDIA_ENDPOINT, UPLOAD_FILE_ENDPOINT
    from streamlit.web.server.starlette.starlette_static_routes import (
        _RESERVED_STATIC_PATH_SUFFIXES,
    )

    assert (f"{UPLOAD_FILE_ENDPOINT}/", f"{MEDIA_ENDPOINT}/") == internals.SECRET_PATHS
    assert internals.HEALTH.lstrip("/") in _RESERVED_STATIC_PATH_SUFFIXES


def test_an_uploaded_file_has_an_id_a_name_and_its_bytes_without_a_copy():
    def page():
        import streamlit as st

        st.session_state["file"] = st.file_uploader("File", key="file-in")

    app = AppTest.from_function(page).run()
    app.file_uploader(key="file-in").set_value(("a.csv", b"abc", "text/csv")).run()
    file = app.session_state["file"]
    assert isinstance(file, internals.UploadedFile)
    assert isinstance(file.file_id, str)
    assert (file.name, bytes(file.getbuffer())) == ("a.csv", b"abc")


def test_nothing_of_streamlit_lies_above_the_stage():
    assert of_streamlit("999990")
    assert internals.ABOVE_ALL > 999_990


def test_what_is_shown_while_something_is_computed_moves_nothing():
    """Also within other containers, one within the other, and from a cached function."""

    def page():
        import streamlit as st

        from llmpert.ui.streamlit_internals import transient, unrecorded

        @st.cache_resource
        def work(where):
            with transient() as outer, transient() as inner:
                unrecorded(lambda: outer.text("computing"))
                with unrecorded(inner.container):
                    unrecorded(lambda: st.text("still computing"))

        st.text("above")
        work("page")
        with st.container():
            work("container")
            st.text("within")
        with transient():
            st.text("stays")
        st.text("below")

    def texts(block):
        for at, part in block.children.items():
            if part.type == "text":
                yield at, part.value
            elif isinstance(part, Block):
                yield at, *texts(part)

    app = AppTest.from_function(page).run()
    first = [*texts(app.main)]
    assert first == [(0, "above"), (1, (0, "within")), (3, "stays"), (4, "below")]
    assert [*texts(app.run().main)] == first


def test_a_link_follows_itself_and_its_words_are_escaped():
    def page():
        from llmpert.ui.streamlit_internals import follow_link

        follow_link("gene?gene=A&line=B", "Open <A>")

    (html,) = AppTest.from_function(page).run().get("html")
    assert 'href="gene?gene=A&amp;line=B">Open &lt;A&gt;</a><script>' in html.proto.body
    assert html.proto.unsafe_allow_javascript


def test_an_event_loop_is_woken_once_and_does_all_that_threads_hand_it():
    """Handed while it sleeps and while it works, by several threads; few wake it."""
    done, woken = [], []

    async def run():
        loop = asyncio.get_running_loop()
        write = loop._write_to_self
        loop._write_to_self = lambda: (woken.append(1), write())
        internals.wake_once(loop)
        ended = asyncio.Event()

        def hand(thread: int) -> None:
            for number in range(500):
                loop.call_soon_threadsafe(done.append, (thread, number))
                if number % 100 == 0:
                    time.sleep(0.002)

        threads = [threading.Thread(target=hand, args=(thread,)) for thread in range(3)]
        for thread in threads:
            thread.start()
        await asyncio.to_thread(lambda: [thread.join() for thread in threads])
        threading.Timer(0.02, loop.call_soon_threadsafe, [ended.set]).start()
        await asyncio.wait_for(ended.wait(), 10)

    asyncio.run(run())
    assert sorted(done) == [(thread, number) for thread in range(3) for number in range(500)]
    assert 2 <= len(woken) < 750
