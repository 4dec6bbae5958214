"""Find a knockdown: take a state, and show which knockdowns give or reverse it."""

from dataclasses import replace
from pathlib import Path

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
from llmpert.ui.common.selection import WIDE, Selection, choose, one_of
from llmpert.ui.common.table import gene_table
from llmpert.ui.datasets import uploads
from llmpert.ui.datasets.questions import answered
from llmpert.ui.gene.drawer import show_drawer

EXAMPLE = "ATF4 DDIT3 TRIB3 HERPUD1 SESN2 PSAT1"
"""Genes of the integrated stress response, which many knockdowns cause."""

DRAWN, LISTED = 15, 100
"""Knockdowns in the figure and in the table."""

GENES, KNOCKDOWN, CLUSTER = "genes", "knockdown", "cells"
SAME, OPPOSITE = "cause", "reverse"
GOALS = {SAME: "causes it", OPPOSITE: "reverses it"}

COLUMNS = {
    "score": show.number(
        "Score", format="%.3f", width=66,
        help="Correlation of the response, relative to the mean response of all knockdowns, with"
        " the state, without the knocked-down gene itself.",
    ),
    "low95": show.number("95 % from", format="%.2f", width=76),
    "high95": show.number("to", format="%.2f", width=60),
    "fdr": show.number(
        "FDR", format="%.1e", width=70,
        help="False discovery rate, from states of as many random genes. It assumes that genes are"
        " independent, which they are not, and so is too small.",
    ),
    "tau": show.number(
        "Tau", format="%.0f", width=56,
        help="Percentage of known responses that are less like this knockdown's than the state is."
        " Near 100: the state is unusually like it.",
    ),
    "often": show.number(
        "Often", format="percent", width=66,
        help="Share of known responses that have this knockdown among their 20 best hits. A high"
        " share: it resembles many states.",
    ),
    "wtcs": show.number(
        "WTCS", format="%.2f", width=66,
        help="Weighted connectivity score: near 1 where the genes of the state are those that the"
        " response changes most, in the direction of the state.",
    ),
    "xsum": show.number(
        "XSum", format="%.3g", width=66,
        help="Sum over the state's genes of the response's 500 largest changes up and down.",
    ),
    "behind": st.column_config.TextColumn(
        "Genes behind it", help="Genes of the state that contribute most to the score."
    ),
    "p": None,
}  # fmt: skip


def show_search(selection: Selection) -> None:
    """Take genes, a knockdown or cells; show the knockdowns that are most like that state."""
    selection = replace(selection, model=GAUSSIAN_PROCESS)
    library = _library(selection)
    usual = [gene for gene in EXAMPLE.split() if (library.genes == gene).any()]
    kinds = {GENES: "Genes", KNOCKDOWN: "A knockdown", CLUSTER: "A cluster of cells"}
    if len(usual) <= 2:
        kinds = {KNOCKDOWN: kinds.pop(KNOCKDOWN), **kinds}
    with st.container(horizontal=True, vertical_alignment="center"):
        kind = one_of("The state", "by", kinds, "Give the genes that it changes, a known knockdown"
                      " that causes it, or cells that are in it.", beside=True)  # fmt: skip
        goal = SAME
        if not library.raised_only:
            goal = one_of("A knockdown that", "goal", GOALS, beside=True)
    asked: tuple[Signature, str] | None
    try:
        if kind == GENES:
            asked = _of_genes(library, EXAMPLE if len(usual) > 2 else "")
        elif kind == KNOCKDOWN:
            asked = _of_knockdown(selection, library)
        else:
            asked = _of_cluster(library)
    except InputError as error:
        st.warning(show.verbatim(str(error)), icon=":material/search:")
        return
    if asked is None:
        return
    signature, made = asked
    _show_used(signature)
    signature = signature.reversed if goal == OPPOSITE else signature
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


def _of_genes(library: Library, first: str) -> tuple[Signature, str]:
    """Return the signature of typed genes, and Python that makes it."""
    boxes = st.columns(1 if library.raised_only else 2)
    up, down = _genes(boxes[0], "Raised genes", "up", first), ""
    if not library.raised_only:
        down = _genes(boxes[1], "Lowered genes", "down", "")
    made = f"Signature.of_names({up!r}, {down!r}, library.genes)"
    signature = Signature.of_names(up, down, library.genes)
    tell_mouse(typed(f"{up} {down}"), {*signature.not_measured, *signature.unknown})
    return signature, made


def _of_knockdown(selection: Selection, library: Library) -> tuple[Signature, str]:
    """Return the signature of a known knockdown, and Python that makes it."""
    names = list(library.known.profiles.names)
    like = st.selectbox(
        "Knockdown", names, key="like", bind="query-params", width=WIDE,
        label_visibility="collapsed", index=names.index(selection.strong),
    )  # fmt: skip
    return library.signature_of(like), f"library.signature_of({like!r})"


def _of_cluster(library: Library) -> tuple[Signature, str] | None:
    """Return the signature of uploaded cells, and Python that makes it; None without any."""
    files = uploads.choose_files(
        "Single cells (.h5ad)", uploads.CELLS, "search-cells", "single cells"
    )
    if not files:
        return None
    file, answers = files[-1], dict[str, str]()
    columns = answered(file, answers, lambda: uploads.clusters_of(file, answers))
    if columns is None:
        return None
    with st.container(horizontal=True):
        column = choose("Column of cells", "search-column", list(columns), width=WIDE)
        counts = columns[column]
        words = {label: f"{label} ({count:,} cells)" for label, count in counts.items()}
        label = choose("Cluster", "search-label", list(counts), width=WIDE, shown=words.__getitem__)
    found = answered(file, answers, lambda: uploads.cluster_of(file, column, label, answers))
    if found is None:
        return None
    st.caption(
        f"{found.cells:,} cells against {found.rest:,} others of {show.verbatim(file.name)}."
    )
    given = "".join(f", {option}={answer!r}" for option, answer in answers.items())
    path = str(file.at) if isinstance(file.at, Path) else file.name
    cells = f"cluster_against_rest({path!r}, {column!r}, {label!r}{given})"
    made = f"Signature.of_cluster({cells}, library.genes, library.raised_only)"
    return Signature.of_cluster(found, library.genes, library.raised_only), made


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
    knockdowns = selection if key == "known" else None
    gene_table(listed, key, COLUMNS, "score, highest first", knockdowns, height=300)


@cached(32)
def _hits(selection: Selection, key: str, weights: tuple[float, ...]) -> pd.DataFrame:
    library = _library(selection)
    candidates = library.known if key == "known" else _unseen(selection)
    if candidates is None:
        raise ValueError("every gene with a vector has been knocked down")
    return search(candidates, Signature(library.genes, np.array(weights)))


@cached(2, "Predicting every gene …")
def _unseen(selection: Selection) -> Candidates | None:
    return _library(selection).unseen


@cached(2, "Predicting every knockdown …")
def _library(selection: Selection) -> Library:
    screen = None if selection.trained else selection.screen
    genes = selection.not_knocked_down
    return Library.of(selection.full_model, genes, screen, selection.raised_only)
