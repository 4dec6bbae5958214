"""Presenting: a link to the view, and one figure with one sentence at a time for meetings."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlencode

import streamlit as st

from llmpert.ui.common import collection
from llmpert.ui.common.verbatim import verbatim
from llmpert.ui.streamlit_internals import ABOVE_ALL, APP, CAPTION, LAYER

# All else is hidden, and what insists on being seen is covered, in the scheme's own colour.
STAGE = f"""<style>
{APP} > * {{ visibility: hidden; }}
.st-key-stage {{
    position: fixed; inset: 0; z-index: {ABOVE_ALL}; overflow: auto; visibility: visible;
    background: Canvas;
    padding: 1rem clamp(1rem, 3vw, 3rem);
}}
.st-key-stage {CAPTION} {{ font-size: 1.1rem; }}
{LAYER} {{ z-index: {ABOVE_ALL + 1}; }}
</style>"""


def begin(page: str) -> None:
    """Forget the figures of the run before; called once a run, before the page draws any."""
    st.session_state["figures"], st.session_state["said"] = [], ""
    if st.session_state.get("presented") != page:
        st.session_state["presented"], st.session_state["on_stage"] = page, 0


def show_controls() -> None:
    """Draw the menu that shares and presents a page, and the way to the collection."""
    count = len(collection.pinned())
    if count:
        words, icon = f"Collection: {count}", ":material/keep:"
        # A link has no more of this page's address than is said here.
        query = collection.carried()
        st.page_link("pages/collection.py", label=words, icon=icon, query_params=query)
    menu = st.popover("Share", icon=":material/ios_share:", on_change="rerun", key="share")
    with menu:
        # The browser starts a large script to show code: only when a visitor opens it.
        if menu.open:
            st.caption("Link to this view")
            show_link(collection.view())
        st.toggle(
            "Meeting mode",
            key="meeting",
            bind="query-params",
            help="One figure at a time in large type, and nothing else.",
        )


def show_link(parameters: dict[str, list[str]]) -> None:
    """Show the address of this page with parameters, to be copied."""
    link = f"{st.context.url or ''}?{urlencode(parameters, doseq=True)}"
    st.code(link, language=None, wrap_lines=True)


def say(sentence: str) -> None:
    """Give the next figure a sentence to be presented with, in place of its text alternative."""
    st.session_state["said"] = sentence


def said() -> str:
    """Return the sentence that was given to this figure, if one was."""
    sentence: str = st.session_state.get("said", "")
    st.session_state["said"] = ""
    return sentence


def in_meeting() -> bool:
    """Return whether figures are shown one at a time, over all else."""
    return bool(st.session_state.get("meeting"))


def in_turn(name: str) -> bool:
    """Return whether a figure is the one to be shown; all are counted in the order of asking."""
    figures = st.session_state["figures"]
    figures.append(name)
    return len(figures) - 1 == st.session_state["on_stage"]


@contextmanager
def stage(sentence: str) -> Iterator[None]:
    """Draw meeting mode's bar: a sentence, and buttons to the figures before and after."""
    st.html(STAGE)
    with st.container(key="stage"):
        words, buttons = st.columns([3, 2], vertical_alignment="center")
        words.subheader(verbatim(sentence), anchor=False)
        with buttons.container(horizontal=True, horizontal_alignment="right"):
            for label, step, icon, key in (
                ("Previous figure", -1, "arrow_back", "Left"),
                ("Next figure", 1, "arrow_forward", "Right"),
            ):
                icon = f":material/{icon}:"
                st.button(label, on_click=_turn, args=(step,), icon=icon, shortcut=key)
            leave, update = {"meeting": False}, st.session_state.update
            label, icon = "Leave meeting mode", ":material/close:"
            st.button(label, on_click=update, args=(leave,), icon=icon, shortcut="Esc")
        yield


def _turn(step: int) -> None:
    # How many figures there are is known once a run has ended, and this may have cut one off.
    st.session_state["on_stage"] += step


def end() -> None:
    """Go round where the figure in turn is beyond the page's; called once a run, after the page."""
    count, at = len(st.session_state.get("figures", ())), st.session_state.get("on_stage", 0)
    if in_meeting() and count and not 0 <= at < count:
        st.session_state["on_stage"] = at % count
        st.rerun()
