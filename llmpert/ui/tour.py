"""The tour for first-time visitors: three cards, until they are dismissed."""

import streamlit as st

from llmpert.ui.common.collection import carried
from llmpert.ui.common.verbatim import verbatim

GONE = "toured"
"""In the session state: whether the tour was dismissed."""


def show_tour(data: str, gene: str) -> None:
    """Show three cards with examples of this data set, except on links to a gene."""
    if st.session_state.get(GONE) or "gene" in st.query_params:
        return
    of_gene = {"data": data, "gene": gene, **carried()}
    named = verbatim(gene)
    cards = (
        (
            "query_stats",
            "Ask about any gene",
            "Type its name to see what its knockdown does, with error bars, even if it was never"
            " tried.",
            ("gene", f"What {named} does", of_gene),
        ),
        (
            "verified",
            "See whether to trust it",
            "Each prediction shows how accurate similar ones were on held-out knockdowns.",
            ("gene", f"Trust in {named}", of_gene | {"tab": "Trust"}),
        ),
        (
            "keep",
            "Keep your figures",
            "Pin figures on any page, then present, share or export them as slides.",
            ("collection", "Your collection", carried()),
        ),
    )
    with st.container(key="tour"):
        for place, (icon, title, words, (page, example, query)) in zip(
            st.columns(len(cards)), cards, strict=True
        ):
            with place.container(border=True, height="stretch", gap="xsmall"):
                st.markdown(f":material/{icon}: **{title}**")
                st.caption(words)
                forward = ":material/arrow_forward:"
                st.page_link(f"pages/{page}.py", label=example, icon=forward, query_params=query)
        st.button(
            "Hide these cards",
            on_click=st.session_state.update,
            args=({GONE: True},),
            key="hide-tour",
            type="tertiary",
            icon=":material/close:",
        )
