"""Across lines: a gene's responses in each, where two disagree, what holds in both, and scores."""

from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from llmpert.embeddings.elsewhere import MEASURED_IN
from llmpert.errors import InputError
from llmpert.evaluation.results import NO_EMBEDDING
from llmpert.evaluation.scores import paper
from llmpert.evaluation.tables import table1
from llmpert.figures import lines as figures
from llmpert.insight import lines as insight
from llmpert.insight.ranking import strongest
from llmpert.screens import Screen
from llmpert.ui.common import cache, script
from llmpert.ui.common import components as show
from llmpert.ui.common.cache import cached
from llmpert.ui.common.gene_search import choose_gene
from llmpert.ui.common.gene_sets import choose_sets, sets_table
from llmpert.ui.common.opened import open_selected
from llmpert.ui.common.selection import NARROW, Selection, choose, relative_to_mean
from llmpert.ui.common.table import gene_table
from llmpert.ui.gene.drawer import show_drawer
from llmpert.ui.gene.prediction import kept_prediction, predict
from llmpert.ui.transfer import show_transfer

DRAWN = 15
"""Genes and knockdowns in the figures."""

COLUMNS = {
    "disagreement": show.number(
        "Disagreement", format="%.2f",
        help="Root mean square over genes of the difference between the lines, in standard"
        " deviations of its noise. Noise alone gives 1.",
    ),
    "r": show.number("r", format="%.2f", help="Pearson correlation between the lines over genes."),
}  # fmt: skip

SETS = {
    "which": st.column_config.TextColumn("What it does"),
    "median r": show.number(format="%.2f", help="Between the lines, of the set's knockdowns."),
    "others": show.number("Others", format="%.2f", help="The same of all other strong knockdowns."),
    **show.numbers(p="%.1e", fdr="%.1e"),
}


def show_lines(selection: Selection) -> None:
    """Show a gene in each line beside the knockdowns on which two lines disagree; tabs below."""
    data = selection.data
    if len(data.lines) < 2:
        show.info("This data set has one line. Open or add one with two lines or more.")
        show_transfer(selection)
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        gene = choose_gene(selection.known, selection.strong, data=data)
        others = [line for line in data.lines if line != selection.line]
        rival = others[0]
        if len(others) > 1:
            rival = choose("Other line", "other_line", others, width=NARROW)
        relative = relative_to_mean()
    left, right = st.columns(2)
    with left:
        _show_gene(selection, gene, relative)
    try:
        table, noise = _disagreements(selection, rival)
    except InputError as error:
        show.info(show.verbatim(str(error)))
        table, noise = None, ""
    if table is not None:
        with right:
            _show_disagreements(selection, rival, table, noise)
    contents = {
        "Scores": lambda: _show_scores(selection),
        "A trained model": lambda: show_transfer(selection),
    }
    if table is not None:
        found = table
        contents = {
            "Knockdowns": lambda: _show_knockdowns(selection, rival, found),
            "Gene sets": lambda: _show_sets(selection, rival, found),
        } | contents
    show.tabs(contents, "part")
    show_drawer(selection)


def _in(selection: Selection, line: str) -> Selection:
    """Return the same selection in another line."""
    if line in selection.data.trained:
        return Selection.of_trained(selection.data, line)
    return replace(selection, line=line)


def _show_gene(selection: Selection, gene: str, relative: bool) -> None:
    data = selection.data
    lines = selection.line, *(one for one in data.lines if one != selection.line)
    found = [_in(selection, line) for line in lines]
    parts = [
        of.of_gene(gene, ("lines", relative), partial(_of_line, of, gene, relative)) for of in found
    ]
    table = pd.concat(parts, ignore_index=True)
    # Where nothing is predicted yet, the measured response says which genes are strongest.
    by = "predicted" if parts[0]["predicted"].notna().any() else "measured"
    raised = selection.raised_only and not relative
    genes = list(strongest(parts[0], by, DRAWN, raised)["gene"])
    measured = table.dropna(subset="measured")["line"].unique()
    known = "kept" if selection.trained else "measured"
    where = f"{gene} was knocked down in {' and '.join(measured) or 'none of these lines'}."
    if selection.trained and len(measured):
        where += " Kept: the response as the trained model reconstructs it."
    unit = selection.unit + ", minus the mean response" * relative
    draw = partial(
        figures.in_lines, table, genes, f"{gene} knockdown in {len(parts)} lines", unit,
        f"The {len(genes)} strongest genes in {selection.line}", known,
    )  # fmt: skip
    show.figure(
        selection.of_gene(gene, ("lines drawn", relative), draw),
        name=f"lines-{gene}-{selection.line}",
        alt=f"The {len(genes)} strongest genes of the {gene} knockdown in {selection.line}, as"
        f" predicted and as {known} in each line.",
        numbers=table.dropna(axis="columns", how="all"),
        note=where,
        data=data,
        details="Predictions have not seen the knockdown's own response. Intervals hold a new"
        " measurement with a probability of 95 %.",
    )  # fmt: skip


def _of_line(of: Selection, gene: str, relative: bool) -> pd.DataFrame:
    """Return what is known of a gene's knockdown in a line: columns of `figures.in_lines`.

    A prediction of a measured knockdown that was never made is not made now: it takes a fit.
    """
    screen, known = of.screen, {}
    row = np.flatnonzero(screen.perturbations == gene)
    low, high = screen.bounds or (of.trained and of.trained.fitted.bounds) or (-np.inf, np.inf)
    try:
        found = kept_prediction(of, gene) if len(row) else predict(of, gene)
    except InputError:  # it has no vector there
        found = None
    if found is not None:
        known = found.prediction.table().set_index("gene").to_dict("series")
    table = pd.DataFrame(
        {
            "predicted": known.get("mean"), "low95": known.get("low95"),
            "high95": known.get("high95"),
            # What a trained model keeps of a response knows no bounds.
            "measured": screen.response[row[0]].clip(low, high) if len(row) else np.nan,
        },
        index=pd.Index(screen.genes, name="gene"),
    ).astype(np.float64)  # fmt: skip
    if relative:
        table = table.sub(screen.response.mean(axis=0), axis=0)
    return table.reset_index().assign(line=of.line)


@cached(8, "Comparing the lines …")
def _disagreements(selection: Selection, rival: str) -> tuple[pd.DataFrame, str]:
    """Return `insight.disagreements` of two lines, and what tells the noise."""

    def told(line: str) -> tuple[Screen, str]:
        of = _in(selection, line)
        return insight.with_noise(of.screen, lambda: of.full_model)

    (one, words), (other, more) = told(selection.line), told(rival)
    table = insight.disagreements(*insight.common(one, other, selection.data.gene_table))
    return table, "; ".join(dict.fromkeys((words, more)))


@cached(8)
def _drawn(selection: Selection, rival: str) -> go.Figure:
    table, _ = _disagreements(selection, rival)
    return figures.disagreeing(
        table.head(DRAWN), float(table["disagreement"].median()),
        f"Where {selection.line} and {rival} disagree most",
        f"{DRAWN} of {len(table):,} knockdowns",
    )  # fmt: skip


def _show_disagreements(selection: Selection, rival: str, table: pd.DataFrame, noise: str) -> None:
    line = selection.line
    chosen = show.figure(
        _drawn(selection, rival),
        name=f"lines-disagree-{line}-{rival}",
        alt=f"The {DRAWN} knockdowns whose responses in {line} and {rival} differ most, in"
        " standard deviations of the noise.",
        numbers=table,
        note="Each response minus its line's mean response."
        + " As far as trained models keep responses." * (selection.trained is not None),
        data=selection.data,
        details=f"The noise is known from {noise}. Root mean square over the measured genes of"
        " both lines of the difference divided by its standard deviation.",
        select=["points"],
        code=script.of_disagreements(selection, _in(selection, rival)),
    )  # fmt: skip
    open_selected(chosen, f"lines-disagree-{line}-{rival}")


def _show_knockdowns(selection: Selection, rival: str, table: pd.DataFrame) -> None:
    strength = {
        f"strength_{at}": show.number(
            f"Strength in {line}", format="%.2f",
            help="Root mean square of the response relative to the line's mean response, in"
            " standard deviations of its noise.",
        )
        for at, line in (("a", selection.line), ("b", rival))
    }  # fmt: skip
    gene_table(
        table, "lines", COLUMNS | strength, "disagreement, highest first", selection, height=480
    )


def _show_sets(selection: Selection, rival: str, table: pd.DataFrame) -> None:
    data, line = selection.data, selection.line
    sets = choose_sets(data, line, "perturbations")
    if sets is None:
        show.info("There are no gene sets of these knockdowns.")
        return
    found = cache.once(
        lambda: insight.sets_across(table, sets.members), "across", data, line, rival, sets.name
    )
    if found.empty:
        show.info(f"No gene set has {insight.SMALLEST_SET} strong knockdowns here.")
        return
    shown = found.rename(columns={"r": "median r"})
    sets_table(shown, "across", sets, table, COLUMNS | SETS, height=420)
    show.footer(
        f"lines-sets-{line}-{rival}",
        found,
        f"{sets.name}: correlation of strong knockdowns between {line} and {rival}.",
        data,
        details="Mann-Whitney test of a set's knockdowns against all others, among the half that is"
        f" stronger in either line; Benjamini-Hochberg. Gene sets: {sets.source}.",
    )


def _show_scores(selection: Selection) -> None:
    """Show how well a line is predicted with and without another line, beside baselines."""
    data, line = selection.data, selection.line
    names, embeddings = cache.scored(data)
    if not any(MEASURED_IN in one for one in embeddings):
        show.info(
            "This data set carries no scores of predictions from other lines. The command"
            " `evaluate --elsewhere` computes them."
        )
        return
    size, own = cache.training_sizes(data)[-1], data.embedding_choices[-1]
    summary, about = cache.summary(data, [line], names, size)
    shown = [NO_EMBEDDING, own, *(one for one in embeddings if MEASURED_IN in one)]
    summary = summary[summary["embedding"].isin(shown)]
    table = table1(summary, line, size, list(paper().values()))
    table.columns = table.columns.get_level_values(0)
    st.dataframe(table.reset_index(), hide_index=True, height="content")
    show.footer(
        f"lines-scores-{line}",
        summary,
        f"{line}, {size:,} training perturbations. Copies know what the same knockdown did in the"
        " other line; all else has not seen it.",
        data,
        about,
    )
