"""A gene beside the page: what its own page shows first, smaller, without leaving this one."""

from dataclasses import replace

import streamlit as st

from llmpert.errors import InputError
from llmpert.models.registry import GAUSSIAN_PROCESS
from llmpert.ui.common import components as show
from llmpert.ui.common.opened import close, opened_gene
from llmpert.ui.common.selection import Selection, address_of, show_link
from llmpert.ui.gene import sections
from llmpert.ui.gene.answer import show_answer
from llmpert.ui.gene.prediction import predict, predicted_elsewhere
from llmpert.ui.gene.sections import GeneView

GENES_SHOWN = 10


def show_drawer(selection: Selection) -> None:
    """Show the gene that was opened on the page, until it is closed; called once a run."""
    gene = opened_gene()
    if not gene or st.session_state.get("meeting"):
        return
    title = f"{show.verbatim(gene[:40])} knockdown in {show.verbatim(selection.line)}"
    drawer = st.dialog(title, width="medium", position="right", on_dismiss=close)
    # The gene's page is about the Gaussian process.
    drawer(_show)(replace(selection, model=GAUSSIAN_PROCESS), gene)


def _show(selection: Selection, typed: str) -> None:
    with show.errors_as_sentences():
        if typed in selection.screen.genes:
            address = address_of(selection, "effects", {"target": typed})
            show_link(address, f"What changes {typed}?")
        try:
            gene = selection.known.perturbation(typed) or typed
        except InputError as error:
            show.info(f"**Not predicted**: {show.verbatim(str(error))}")
            return
        show_link(address_of(selection, "gene", {"gene": gene}), f"Open the page of {gene}")
        predicted, elsewhere = predict(selection, gene), predicted_elsewhere(selection, gene)
        view = GeneView(selection, gene, predicted, elsewhere)
        show_answer(view, typed)
        figure = sections.response(view, GENES_SHOWN).figures[0]
        show.figure(**figure._replace(name=f"opened-{figure.name}")._asdict(), data=selection.data)
