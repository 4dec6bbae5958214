"""Pages always run inside `app.py`."""

import streamlit as st
from streamlit.runtime.pages_manager import PagesManager


def through_app() -> None:
    """Run the page again through `app.py` if Streamlit opened its script directly.

    Until `st.navigation` has run once, Streamlit takes any folder named `pages` for its older way
    of finding pages: a link into a server that was just started would show the bare script, under
    another title and menu. There is no setting against it.
    """
    if PagesManager.uses_pages_directory:
        PagesManager.uses_pages_directory = False
        st.rerun()
