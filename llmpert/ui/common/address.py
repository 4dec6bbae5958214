"""What a page's address asks of controls: names in any case, and a sentence on unknown ones."""

from collections.abc import Callable, Iterable

import streamlit as st

from llmpert.ui.common.verbatim import verbatim
from llmpert.ui.streamlit_internals import begin_with

LONGEST = 40
"""Letters of an unknown value that are repeated."""


def asked(words: str, key: str, names: Iterable[str], first: str) -> str | None:
    """Return the name that the address has for a control, in any case; None where it has none.

    Says so where the address has anything else.

    Args:
        words: What the control is called.
        names: Of its options; they differ in more than case.
        first: What is shown instead of an unknown one.
    """
    value = st.query_params.get(key, "").strip()
    if not value:
        return None
    known = {name.casefold(): name for name in names}
    found = known.get(value.casefold())
    if found is None:
        # Once, and not with every click from here on.
        st.query_params.pop(key)
        st.toast(
            f"“{verbatim(value[:LONGEST])}” in the address is no choice for *{words}*:"
            f" *{verbatim(first)}* is shown.",
            icon=":material/link_off:",
            duration="long",  # it covers what is at the top right
        )
    return found


def spell(words: str, key: str, names: Callable[[], Iterable[str]], first: str) -> None:
    """Let a control that Streamlit keeps in the address begin with a name in any case.

    Called before it is drawn; arguments are those of `asked`.
    """
    if key not in st.session_state and key in st.query_params:
        found = asked(words, key, names(), first)
        if found is not None:
            begin_with(key, found)
