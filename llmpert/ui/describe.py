"""A gene described in words: what the page asks for, and what it shows."""

from dataclasses import replace

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from llmpert.datasets.builtin import RANKS
from llmpert.embeddings import built_in
from llmpert.errors import InputError
from llmpert.evaluation.problem import LENDERS
from llmpert.figures.prediction import ranked_genes
from llmpert.insight.descriptions import EMBEDDING, EXAMPLE, Description, describe
from llmpert.ui.common import components as show
from llmpert.ui.common import script
from llmpert.ui.common.cache import cached
from llmpert.ui.common.gene_search import offer_example
from llmpert.ui.common.selection import Selection, called, how_many, open_dataset
from llmpert.ui.common.table import gene_table
from llmpert.ui.gene.drawer import show_drawer

NEAREST = 10


def show_described(selection: Selection) -> None:
    """Take a text; show the genes most like it and, if it is known ground, the prediction."""
    data = selection.data
    own = data.embeddings.get(EMBEDDING)
    if own is None or own.fingerprint != built_in(EMBEDDING).fingerprint:
        st.info(
            f"This page needs a data set with the built-in embedding *{EMBEDDING}*."
            " Choose another data set at the top, or add a screen of human genes on the *Data*"
            " page without an embedding of your own."
        )
        words, icon = f"Open {called(RANKS)}", ":material/database:"
        st.button(words, on_click=open_dataset, args=(RANKS,), icon=icon, key="open-described")
        return
    text = st.text_area(
        "Description",
        value=EXAMPLE,
        key="text",
        bind="query-params",
        height=68,
        help="What the protein does, where it is found, and which others it works with. The first"
        " 200 words count.",
    )
    if not text.strip():
        offer_example("text", EXAMPLE, "Try this text")
        return
    try:
        found = _described(text)
    except InputError as error:
        st.warning(show.verbatim(str(error)))
        return
    left, right = st.columns([3, 2])
    with left:
        if found.far:
            st.warning(show.verbatim(found.explain_far()))
        else:
            _show_prediction(selection, found)
    with right:
        _show_nearest(selection, found)
    show_drawer(selection)


def _show_prediction(selection: Selection, found: Description) -> None:
    """Show the prediction for a description."""
    data, line = selection.data, selection.line
    by_text = selection if selection.trained else replace(selection, embedding=EMBEDDING)
    fitted = by_text.full_model
    with st.popover("More"):
        count = how_many("Genes shown", "shown")
    chart, numbers = _ranked(by_text, found.text, count)
    show.figure(
        chart,
        name=f"described-gene-{line}",
        alt=f"The {count} genes with the strongest predicted response to knocking down the"
        f" described gene in {line}, with 95 % intervals.",
        numbers=numbers,
        note=f"{by_text.method}, {len(fitted.trained_on):,} training perturbations in {line}."
        " Not measured.",
        data=data,
        code=script.of_description(by_text, found.text),
    )
    missing = " and ".join(fitted.missing([EMBEDDING]))
    if missing:
        st.caption(
            f"The model also uses **{missing}**, which a description does not provide. The"
            f" {LENDERS} genes with the most similar descriptions provide it. The prediction is"
            " the mean over these genes: the less they agree, the wider the intervals."
        )


def _show_nearest(selection: Selection, found: Description) -> None:
    """Show which genes' descriptions are most like the text."""
    known = selection.known
    st.subheader("Most similar descriptions")
    nearest = found.similarity.head(NEAREST).rename_axis("gene").reset_index()
    nearest["knocked down"] = [
        "yes" if known.perturbations_of([gene]) else "no" for gene in nearest["gene"]
    ]
    columns = show.numbers(similarity="%.2f")
    gene_table(nearest, "nearest", columns, "similarity, highest first", selection)
    st.caption(
        "Similarity is the cosine between the texts' vectors; the nearest other gene of almost"
        f" every gene reaches {found.usual:.2f}."
    )


@cached(64, "Reading the description …")
def _described(text: str) -> Description:
    return describe(text)


@cached(64)
def _ranked(selection: Selection, text: str, count: int) -> tuple[go.Figure, pd.DataFrame]:
    """Return the figure of the genes with the strongest predicted response, and all numbers."""
    vectors = {EMBEDDING: _described(text).vector}
    name = np.array(["Described gene"], dtype=object)
    prediction = selection.full_model.predict_vectors(vectors, name)
    usual = selection.changed_alike().reindex(prediction.genes, fill_value=False).to_numpy()
    chart = ranked_genes(
        prediction, None, selection.unit, count, usual=usual, raised_only=selection.raised_only
    )
    return chart, prediction.table()
