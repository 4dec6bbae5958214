"""The gene page: who the gene is, the answer and its figures at first sight; tabs below."""

import streamlit as st

from llmpert.errors import InputError
from llmpert.figures.report import report
from llmpert.genes.sets import GeneSets
from llmpert.ui.common import components as show
from llmpert.ui.common import presentation as present
from llmpert.ui.common.gene_search import choose_gene
from llmpert.ui.common.gene_sets import chosen_sets
from llmpert.ui.common.opened import open_selected
from llmpert.ui.common.selection import (
    Selection,
    change_beyond,
    every_dot,
    how_many,
    relative_to_mean,
)
from llmpert.ui.gene import sections
from llmpert.ui.gene.answer import FAVOURED, answer_of, show_answer
from llmpert.ui.gene.drawer import show_drawer
from llmpert.ui.gene.prediction import kept_prediction, predict, predicted_elsewhere
from llmpert.ui.gene.sections import GeneView
from llmpert.ui.gene.tabs import TOP_GENES, draw, show_tabs


def show_gene(selection: Selection) -> None:
    """Show a gene: the search box, the prediction, its trust and its evidence."""
    present.begin("Gene")
    field, head = st.columns([1, 3])
    title = head.empty()
    title.title("Gene")  # stands where the text names no gene
    with field:
        gene = choose_gene(selection.known, selection.strong, data=selection.data, compact=True)
    title.title(f"{show.verbatim(gene)} knockdown in {show.verbatim(selection.line)}")
    st.set_page_config(f"{gene} in {selection.line} · llmpert")
    words = st.container(gap="xsmall")
    controls = st.container(horizontal=True, vertical_alignment="center")
    with controls:
        relative = relative_to_mean()
        with st.popover("More"):
            count = how_many("Genes shown", "shown")
            every = every_dot()
            beyond = change_beyond(selection.unit, selection.raised_only)
    view = GeneView(
        selection, gene, predict(selection, gene), predicted_elsewhere(selection, gene), relative,
        beyond,
    )  # fmt: skip
    with words:
        show_answer(view, str(st.session_state["gene"]))
    strongest = sections.response(view, count, every)
    ranked, second = strongest.figures
    left, right = st.columns(2)
    with left:
        draw(view, ranked)
    with right:
        # Without a measurement to compare with its dots are knockdowns.
        similar = view.control.measured is None
        open_selected(draw(view, second, ["points"] if similar else []), "similar")
    show_tabs(view, strongest)
    show_drawer(selection)
    # Megabytes of HTML are written only when a visitor asks for them.
    sets = chosen_sets(selection.data, selection.line, "genes", FAVOURED)
    simulated = "-simulated" * selection.data.simulated
    controls.download_button(
        "Report (HTML)",
        lambda: _report(view, count, sets).encode(),
        file_name=f"llmpert-{view.title.replace(' ', '-')}{simulated}.html",
        mime="text/html",
        on_click="ignore",
        icon=":material/article:",
        key="report",
        help="Everything on this page and its tabs in one file that opens without a network,"
        " figures included.",
    )


def _report(view: GeneView, count: int, sets: GeneSets | None) -> str:
    """Return all of the page and its tabs; other lines as far as that needs no fit."""
    data = view.selection.data
    parts = [sections.response(view, count), sections.trust(view)]
    if view.control.measured is not None:
        parts.append(sections.scores(view))
    parts += [
        sections.foundation(view),
        sections.pathways(view, sets, TOP_GENES[1], "raised" if view.raised_only else "both"),
        sections.all_genes(view),
    ]
    for of in sections.other_lines(view):
        try:
            there = kept_prediction(of, view.gene)
        except InputError:  # not known there
            continue
        if there is not None:
            parts.append(sections.other_line(view, of, there))
    return report(
        view.title,
        [" · ".join(sections.facts(view)), answer_of(view).sentence()],
        parts,
        f"{view.note} {show.caption(data)}",
        data.simulated,
    )
