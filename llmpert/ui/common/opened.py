"""The gene that is open beside a page: the address has it, so links and the way back keep it."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

KEY = "opened"
"""Its name in the address."""


def opened_gene() -> str:
    """Return the open gene, which may come from a typed address; else ""."""
    return st.query_params.get(KEY, "")


def open_beside(gene: str) -> None:
    """Open a gene from here on; called before the page draws it."""
    st.query_params[KEY] = gene


def open_selected(genes: Sequence[Any], chart: str) -> None:
    """Open the gene of the one dot that was newly selected in a chart.

    A chart keeps its selection from run to run: one that was there before opens nothing, as else
    nobody could close what it opened.
    """
    # A dot may know more than its gene, which then comes first.
    now = [str(gene[0] if isinstance(gene, list) else gene) for gene in genes]
    before = st.session_state.get(f"{chart}-seen")
    st.session_state[f"{chart}-seen"] = now
    if len(now) == 1 and now != before:
        open_beside(now[0])


def close() -> None:
    """Close what is open."""
    st.query_params.pop(KEY, None)
