"""Presenting: a link to the view, and one figure at a time for meetings."""

from urllib.parse import urlencode

import plotly.graph_objects as go
import streamlit as st

from llmpert.figures.theme import QUIET, enlarged
from llmpert.ui.streamlit_internals import ABOVE_ALL, CAPTION

SELECTION = ("data", "line", "embedding", "size")
"""Controls that a link names even where they stand at their first value."""

STAGE = f"""<style>
.st-key-stage {{
    position: fixed; inset: 0; z-index: {ABOVE_ALL}; overflow: auto; padding: 1.5rem 3rem;
    background: var(--st-background-color, white);
}}
.st-key-stage {CAPTION} {{ font-size: 1.1rem; }}
</style>"""


def begin(page: str) -> None:
    """Forget the figures of the run before; called once a run, before the page draws any."""
    st.session_state["figures"] = []
    if st.session_state.get("presented") != page:
        st.session_state["presented"], st.session_state["on_stage"] = page, 0


def show_controls() -> None:
    """Draw the menu that shares and presents a page."""
    menu = st.popover("Share", icon=":material/ios_share:", on_change="rerun", key="share")
    with menu:
        # The browser starts a large script to show code: not before somebody looks at it.
        if menu.open:
            st.caption("Link to this view")
            # The address that reopens this view, whatever a page shows at first by then.
            state = {name: st.session_state[name] for name in SELECTION if name in st.session_state}
            chosen = {k: v for k, v in st.query_params.to_dict().items() if k != "meeting"}
            link = f"{st.context.url or ''}?{urlencode({**state, **chosen})}"
            st.code(link, language=None, wrap_lines=True)
        st.toggle(
            "Meeting mode",
            key="meeting",
            bind="query-params",
            help="One figure at a time in large type, and nothing else.",
        )


def stage(chart: go.Figure, name: str, alt: str, caption: str) -> bool:
    """Return whether figures are shown one at a time; show this one, over all else, in its turn."""
    if not st.session_state.get("meeting"):
        return False
    figures = st.session_state["figures"]
    figures.append(name)
    if len(figures) - 1 != st.session_state["on_stage"]:
        return True
    st.html(STAGE)
    with st.container(key="stage"):
        with st.container(horizontal=True, horizontal_alignment="right"):
            st.button("Previous figure", on_click=_turn, args=(-1,), icon=":material/arrow_back:")
            st.button("Next figure", on_click=_turn, args=(1,), icon=":material/arrow_forward:")
            leave = {"meeting": False}
            update = st.session_state.update
            st.button("Leave meeting mode", on_click=update, args=(leave,), icon=":material/close:")
        st.plotly_chart(enlarged(chart), key=f"{name}-stage", config=QUIET, alt=alt)
        st.caption(caption)
    return True


def _turn(step: int) -> None:
    # The list is that of the run before, which drew all of the page's figures.
    count = max(1, len(st.session_state["figures"]))
    st.session_state["on_stage"] = (st.session_state["on_stage"] + step) % count
