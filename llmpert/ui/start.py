"""The start page: one field for a gene, examples, and one figure of what an answer looks like."""

import streamlit as st

from llmpert.datasets import Dataset
from llmpert.errors import InputError
from llmpert.evaluation.problem import GeneVectors
from llmpert.figures.prediction import ranked_genes
from llmpert.ui.common import components as show
from llmpert.ui.common import presentation as present
from llmpert.ui.common.collection import carried
from llmpert.ui.common.selection import Selection, called
from llmpert.ui.datasets.download_panel import offer_real_screens
from llmpert.ui.datasets.job_panel import show_job
from llmpert.ui.gene.prediction import kept_prediction
from llmpert.ui.tour import show_tour

WELL_KNOWN = ("TP53", "MYC", "EGFR", "BRCA1")
WORDS = "cyclin"
GENES_SHOWN = 8
QUESTIONS = (
    ("effects", "Which knockdowns change a gene I care about?", "swap_vert"),
    ("find", "Which knockdowns give a state?", "search"),
    ("compare", "Where do two genes, lines or models differ?", "compare_arrows"),
    ("describe", "Can I predict a gene from its description?", "edit_note"),
    ("explorer", "Which genes does the model treat alike?", "explore"),
    ("table", "How good are the predictions?", "table"),
    ("data", "Can I use my own screen?", "database"),
)


def show_start(selection: Selection) -> None:
    """Show the field that leads to a gene's page, with examples; what is open, in one line."""
    data, known = selection.data, selection.known
    strong = selection.strong
    present.begin("Start")
    left, right = st.columns([3, 2], gap="large")
    with right:  # what takes a browser longest, first
        _show_answer(selection, strong)
    with left:
        st.title("llmpert")
        show.heading(
            "How would a cell's gene expression respond to knocking down a gene that **nobody has"
            " knocked down yet**? Get a prediction, its error bars and the evidence for it.",
            data,
        )
        typed = st.text_input(
            "Type a gene",
            key="typed",
            placeholder=strong if known.simulated else "TP53, ENSG…, P04637, cyclin",
            icon=":material/search:",
        ).strip()
        if typed:
            # The data set, which is bound to a control, goes along.
            st.switch_page("pages/gene.py", query_params={"gene": typed, **carried()})
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption("Try", width="content")
            for text, why in _examples(known, strong).items():
                query = {"gene": text, "data": data.name, **carried()}
                st.page_link("pages/gene.py", label=text, help=why, query_params=query)
            with st.popover("What can I ask?", type="tertiary", icon=":material/help:"):
                for page, question, icon in QUESTIONS:
                    icon = f":material/{icon}:"
                    st.page_link(f"pages/{page}.py", label=question, icon=icon)
        st.caption(_what_is_open(data))
        show_job(ended=False)
        offer_real_screens()
    show_tour(data.name, strong)


def _examples(known: GeneVectors, strong: str) -> dict[str, str]:
    """Return texts to type -> what they show."""
    examples = {strong: "A strong response that the model was not trained on"}
    unseen = next((gene for gene in WELL_KNOWN if _never_knocked_down(known, gene)), None)
    for gene in [unseen] if unseen else known.unseen()[:1]:
        examples[gene] = "Never knocked down in this screen"
    if known.suggest(WORDS):
        examples[WORDS] = "Search gene names by a word"
    return examples


def _never_knocked_down(known: GeneVectors, gene: str) -> bool:
    try:
        return known.perturbation(gene) is None
    except InputError:
        return False


def _what_is_open(data: Dataset) -> str:
    """Return in one line what the predictions are made from."""
    counts = {line: len(screen.perturbations) for line, screen in data.screens.items()}
    counts |= {line: len(model.fitted.trained_on) for line, model in data.trained.items()}
    what = ", ".join(f"{count:,} knockdowns in {line}" for line, count in counts.items())
    sources = ", ".join(data.embeddings)
    return (
        f"**{show.verbatim(called(data.name))}**: {show.verbatim(what)}; {show.verbatim(sources)}."
    )


def _show_answer(selection: Selection, gene: str) -> None:
    """Show what an answer looks like, unless a model had to be fitted for it."""
    kept = kept_prediction(selection, gene)
    if kept is None:
        return
    line = selection.line
    show.figure(
        ranked_genes(kept.prediction, kept.measured, selection.unit, GENES_SHOWN),
        "start-answer",
        f"The {GENES_SHOWN} genes with the strongest predicted response to knocking down {gene} in"
        f" {line}, with 95 % intervals.",
        kept.prediction.table(),
        f"{gene} knockdown in {line}, {kept.state.replace('**', '')}.",
        selection.data,
    )
