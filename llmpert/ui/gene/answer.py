"""The first look at a gene: badges, trust, and the answer in one sentence."""

import streamlit as st

from llmpert.insight.answer import Answer, answer
from llmpert.ui.common import components as show
from llmpert.ui.common import presentation as present
from llmpert.ui.common.gene_search import show_identity
from llmpert.ui.common.gene_sets import chosen_sets
from llmpert.ui.common.glossary import on_hover
from llmpert.ui.gene.sections import GeneView

FAVOURED = "GO processes"

TRUST = {
    "high": "▲ High trust",
    "fair": "◆ Fair trust",
    "low": "▼ Low trust",
    "unknown": "○ Trust unknown",
}
"""Shape and words, which differ without colour."""


def show_answer(view: GeneView, typed: str) -> None:
    """Show who the gene is, badges, the verdict in words and the answer in a sentence.

    The sentence goes along with the next figure, too.

    Args:
        typed: The name that the visitor typed.
    """
    with st.container(horizontal=True, vertical_alignment="center"):
        show_identity(view.selection.known, view.gene, typed)
        _badges(view)
    verdict = view.verdict
    trust, because = TRUST[verdict.trust], verdict.because()
    judged = f"**{trust}**: {show.verbatim(because)}."
    st.markdown(judged, help=on_hover(f"{trust}: {because}"))
    found = answer_of(view)
    said = found.sentence(lambda name: f"**{show.verbatim(name)}**")
    st.markdown(said, help=on_hover(found.sentence()))
    present.say(f"{view.title}: {found.sentence()}")


def answer_of(view: GeneView) -> Answer:
    """Return what the knockdown does."""
    data, line = view.selection.data, view.selection.line
    sets = chosen_sets(data, line, "genes", FAVOURED)

    def make() -> Answer:
        prediction, usual = view.shown.prediction, view.usual
        return answer(prediction, view.near, sets, usual, view.raised_only, view.relative)

    return view.once(("answer", sets and sets.name), make)


def _badges(view: GeneView) -> None:
    """Show badges: what is known of the gene, and how it was predicted."""
    shown = view.control
    if shown.state == "not measured":
        st.badge("predicted", icon=":material/query_stats:", help=shown.about_state)
    else:
        st.badge("measured", icon=":material/science:", color="green")
        about = shown.about_state
        st.badge(shown.state, icon=":material/visibility_off:", help=about)
    if lines := view.measured_in:
        words = show.verbatim(" and ".join(lines))
        about = f"It was knocked down in {words}, too: see the tab *Other lines*."
        st.badge(f"measured in {words}", icon=":material/lan:", color="green", help=about)
    if not view.verdict.expressed:
        words = f"not expressed in {show.verbatim(view.selection.line)}"
        st.badge(words, icon=":material/block:", color="orange")
    show.badges(view.selection.data)
