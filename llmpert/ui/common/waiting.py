"""Fits wait for their turn: their visitors see their place, and can cancel."""

import secrets
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import Lock
from typing import Any

import streamlit as st

from llmpert.io.hashing import fingerprint
from llmpert.io.paths import home
from llmpert.io.queue import PAUSE, Queue
from llmpert.ui.streamlit_internals import browser, go_on, has_visitor, transient, unrecorded

CANCELLED = "cancelled-fits"
"""Where the session keeps the address at which its visitor wanted no more fits."""

AFTER_OWN = "After the fit in your other tab …"

VISITORS = 1024
"""Most visitors whose fits wait for those in their other tabs."""

UNSEEN = 0.5
"""Seconds that a fit may wait before its visitor sees a notice."""


@contextmanager
def turn(model: str, size: int, genes: int) -> Iterator[None]:
    """Hold the turn for a fit: it needs all cores, and others wait, those of all processes too.

    A visitor has one place in the queue: fits of other tabs of the same browser get in line after
    the one before. Who waits sees the place and, once such a model was fitted here, the time; and
    may cancel, click on or leave, which frees the place. What is running ends with the fit in hand.

    Args:
        size: Perturbations that the model is trained on.
        genes: That it predicts.
    """
    if has_visitor():
        go_on()
        unrecorded(_stop_if_cancelled)
    notice = _Notice()
    with _after_own(notice), Queue(home() / "queue").turn(model, size**2 * genes, notice.show):
        notice.clear()
        yield


@contextmanager
def _after_own(notice: "_Notice") -> Iterator[None]:
    """Wait until no other tab of the visitor has a fit that waits or runs."""
    if not has_visitor():
        yield
        return
    own = _place_of(fingerprint(browser()))
    while not own.acquire(timeout=PAUSE):
        notice.say(AFTER_OWN)
    try:
        yield
    finally:
        own.release()


@st.cache_resource(max_entries=VISITORS, show_spinner=False)
def _place_of(browser: str) -> Lock:
    return Lock()


def cancel_button() -> None:
    """Show a button that ends a page's fits: after the one in hand, or while they wait."""
    st.button("Cancel", key=f"cancel-{secrets.token_hex(4)}", on_click=_cancel)


@contextmanager
def cancellable() -> Iterator[None]:
    """Show that button while several fits are made; for use in cached functions, too."""
    if not has_visitor():
        yield
        return

    def show() -> None:
        with place.container():
            cancel_button()

    with transient() as place:
        unrecorded(show)
        yield


def in_words(ahead: int, seconds: float | None) -> str:
    """Say what place in the queue one has, behind `ahead` others, and about how long it takes."""
    place = f"Place {ahead} in the queue"
    if seconds is None:
        return f"{place} …"
    if seconds < 90:
        return f"{place}, about {max(1, round(seconds))} s …"
    return f"{place}, about {round(seconds / 60)} min …"


class _Notice:
    """The notice that a waiting visitor sees."""

    def __init__(self) -> None:
        self._since = time.monotonic()
        self._box = ExitStack()
        self._place: Any = None
        self._said = ""

    def show(self, ahead: int, seconds: float | None) -> None:
        if has_visitor():
            self.say(in_words(ahead, seconds))

    def say(self, said: str) -> None:
        go_on()
        if time.monotonic() - self._since > UNSEEN and said != self._said:
            self._said = said
            unrecorded(self._draw)

    def clear(self) -> None:
        self._box.close()

    def _draw(self) -> None:
        if self._place is None:
            box = self._box.enter_context(transient())
            with box.container(horizontal=True, vertical_alignment="center"):
                self._place = st.empty()
                cancel_button()
        self._place.markdown(self._said, width="content")


def _cancel() -> None:
    st.session_state[CANCELLED] = st.query_params.to_dict()


def _stop_if_cancelled() -> None:
    if st.session_state.get(CANCELLED) != st.query_params.to_dict():
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown("The fit was cancelled. Run it to see the result.", width="content")
        key = f"fit-{secrets.token_hex(4)}"
        st.button("Fit", key=key, on_click=st.session_state.pop, args=(CANCELLED, None))
    st.stop()
