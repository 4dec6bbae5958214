"""Find a knockdown: take a state, and show which knockdowns give or reverse it."""

from dataclasses import replace

import numpy as np
import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from llmpert.errors import InputError
from llmpert.figures.search import ranked_hits
from llmpert.insight.search import Candidates, Library, genes_behind, search
from llmpert.insight.signature import Signature, typed
from llmpert.models.registry import GAUSSIAN_PROCESS
from llmpert.ui.common import components as show
from llmpert.ui.common import script
from llmpert.ui.common.cache import cached
from llmpert.ui.common.gene_search import tell_mouse
from llmpert.ui.common.opened import open_selected
from llmpert.ui.common.selection import WIDE, Selection, one_of
from llmpert.ui.common.table import gene_table
from llmpert.ui.gene.drawer import show_drawer

EXAMPLE = "ATF4 DDIT3 TRIB3 HERPUD1 SESN2 PSAT1"
"""Genes of the integrated stress response, which many knockdowns cause."""

DRAWN, LISTED = 15, 100
"""Knockdowns in the figure and in the table."""

GENES, KNOCKDOWN = "genes", "knockdown"
SAME, OPPOSITE = "cause", "reverse"
GOALS = {SAME: "causes it", OPPOSITE: "reverses it"}

COLUMNS = {
    "score": show.number(
        "Score", format="%.3f", width="small",
        help="Correlation of the response, relative to the mean response of all knockdowns, with"
        " the state, without the knocked-down gene itself.",
    ),
    "low95": show.number("95 % from", format="%.2f", width="small"),
    "high95": show.number("to", format="%.2f", width=60),
    "fdr": show.number(
        "FDR", format="%.1e", width="small",
        help="False discovery rate, from states of as many random genes. It assumes that genes are"
        " independent, which they are not, and so is too small.",
    ),
    "tau": show.number(
        "Tau", format="%.0f", width="small",
        help="Percentage of known responses that are less like this knockdown's than the state is."
        " Near 100: the state is unusually like it.",
    ),
    "often": show.number(
        "Often", format="percent", width="small",
        help="Share of known responses that have this knockdown among their 20 best hits. A high"
        " share: it resembles many states.",
    ),
    "wtcs": show.number(
        "WTCS", format="%.2f", width="small",
        help="Weighted connectivity score: near 1 where the genes of the state are those that the"
        " response changes most, in the direction of the state.",
    ),
    "xsum": show.number(
        "XSum", format="%.3g", width="small",
        help="Sum over the state's genes of the response's 500 largest changes up and down.",
    ),
    "behind": st.column_config.TextColumn(
        "Genes behind it", help="Genes of the state that contribute most to the score."
    ),
    "p": None,
}  # fmt: skip


def show_search(selection: Selection) -> None:
    """Take genes or a knockdown; show the knockdowns whose responses are most like that state."""
    selection = replace(selection, model=GAUSSIAN_PROCESS)
    library = _library(selection)
    usual = [gene for gene in EXAMPLE.split() if (library.genes == gene).any()]
    kinds = {GENES: "Genes", KNOCKDOWN: "A knockdown"}
    if len(usual) <= 2:
        kinds = dict(reversed(kinds.items()))
    up = down = like = ""
    with st.container(horizontal=True, vertical_alignment="center"):
        kind = one_of("The state", "by", kinds, "Give the genes that it changes, or a known"
                      " knockdown that causes it.", beside=True)  # fmt: skip
        goal = SAME
        if not library.raised_only:
            goal = one_of("A knockdown that", "goal", GOALS, beside=True)
    if kind == GENES:
        boxes = st.columns(1 if library.raised_only else 2)
        up = _genes(boxes[0], "Raised genes", "up", EXAMPLE if len(usual) > 2 else "")
        if not library.raised_only:
            down = _genes(boxes[1], "Lowered genes", "down", "")
    else:
        like = st.selectbox(
            "Knockdown", list(library.known.profiles.names), key="like", bind="query-params",
            width=WIDE, label_visibility="collapsed",
            index=list(library.known.profiles.names).index(selection.strong),
        )  # fmt: skip
    try:
        signature = (
            library.signature_of(like)
            if kind == KNOCKDOWN
            else Signature.of_names(up, down, library.genes)
        )
    except InputError as error:
        st.warning(show.verbatim(str(error)), icon=":material/search:")
        return
    _show_used(signature)
    tell_mouse(typed(f"{up} {down}"), {*signature.not_measured, *signature.unknown})
    signature = signature.reversed if goal == OPPOSITE else signature
    made = f"library.signature_of({like!r})" if like else ""
    made = made or f"Signature.of_names({up!r}, {down!r}, library.genes)"
    made += ".reversed" * (goal == OPPOSITE)
    left, right = st.columns(2)
    with left:
        title = f"In this screen, {'measured' if library.measured else 'predicted from the others'}"
        _show_hits(selection, library.known, signature, title, "known", library.measured, made)
    with right:
        unseen = _unseen(selection)
        if unseen is None:
            show.info("Every gene with a vector was knocked down here.")
        else:
            title = "Not in this screen, predicted"
            _show_hits(selection, unseen, signature, title, "unseen", False, made)
    st.caption(
        "Do not compare scores between the two lists: predicted responses are smoother, and so"
        " resemble more states."
    )
    show_drawer(selection)


def _genes(place: DeltaGenerator, words: str, key: str, first: str) -> str:
    return place.text_area(
        words,
        value=first,
        key=key,
        bind="query-params",
        height=68,
        placeholder="Symbols or Ensembl ids",
        help="Separate genes by commas, blanks or lines. A number after a gene is its weight.",
    )


def _show_used(signature: Signature) -> None:
    """Say which genes count, and which do not and why."""
    parts = [f"Genes used: **{len(signature.used):,}**"]
    for names, why in (
        (signature.not_measured, "not measured here"),
        (signature.unknown, "unknown"),
    ):
        if names:
            listed = ", ".join(map(show.verbatim, names[:10])) + " …" * (len(names) > 10)
            parts.append(f"{len(names):,} {why}: {listed}")
    st.caption("; ".join(parts) + ".")


def _show_hits(
    selection: Selection,
    candidates: Candidates,
    signature: Signature,
    title: str,
    key: str,
    measured: bool,
    made: str,
) -> None:
    table = _hits(selection, key, tuple(signature.weights))
    count = min(DRAWN, len(table))
    chosen = show.figure(
        ranked_hits(table.head(DRAWN), title, f"{count} of {len(table):,}", measured),
        name=f"search-{key}-{selection.line}",
        alt=f"Scores of the {count} knockdowns in {selection.line} whose responses are most like"
        " the state.",
        numbers=table,
        note=f"{selection.method}, {selection.size:,} training perturbations.",
        data=selection.data,
        code=script.of_search(selection, made, key),
        select=["points"],
    )
    open_selected(chosen, key)
    listed = table.head(LISTED).copy()
    listed["behind"] = [
        ", ".join(genes) for genes in genes_behind(candidates.profiles, signature, [*listed.index])
    ]
    listed = listed.dropna(axis="columns", how="all")
    gene_table(listed, key, COLUMNS, "score, highest first", height=300)


@cached(32)
def _hits(selection: Selection, key: str, weights: tuple[float, ...]) -> pd.DataFrame:
    library = _library(selection)
    candidates = library.known if key == "known" else _unseen(selection)
    if candidates is None:
        raise ValueError("no gene is left that nobody knocked down")
    return search(candidates, Signature(library.genes, np.array(weights)))


@cached(2, "Predicting every gene …")
def _unseen(selection: Selection) -> Candidates | None:
    return _library(selection).unseen


@cached(2, "Predicting every knockdown …")
def _library(selection: Selection) -> Library:
    screen = None if selection.trained else selection.screen
    genes = selection.not_knocked_down
    return Library.of(selection.full_model, genes, screen, selection.raised_only)
