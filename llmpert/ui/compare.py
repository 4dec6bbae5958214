"""Two predictions that differ in one thing: chosen, put into words and drawn."""

from collections.abc import Callable, Hashable
from dataclasses import replace
from functools import partial
from typing import Literal, TypeVar

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from llmpert.evaluation.results import embedding_label
from llmpert.figures.between import on_the_way
from llmpert.figures.compare import both_against_measured, gene_by_gene, one_against_the_other
from llmpert.insight.between import FAR, between
from llmpert.insight.compare import Side, compare, in_deviations, most_alike
from llmpert.insight.ranking import strongest
from llmpert.models.registry import GAUSSIAN_PROCESS, MODELS, label
from llmpert.ui.common import cache, script
from llmpert.ui.common import components as show
from llmpert.ui.common.gene_search import choose_gene
from llmpert.ui.common.opened import open_selected
from llmpert.ui.common.selection import (
    WIDE,
    Selection,
    choose,
    every_dot,
    how_many,
    one_of,
    relative_to_mean,
)  # fmt: skip
from llmpert.ui.common.table import gene_table
from llmpert.ui.gene.drawer import show_drawer
from llmpert.ui.gene.prediction import predict, scores_in_words

T = TypeVar("T")

GENES, LINES, MODELS_, EMBEDDINGS = "genes", "lines", "models", "embeddings"
STRENGTH, DISAGREEMENT = "strength", "disagreement"
ORDERS = {STRENGTH: "Strongest response", DISAGREEMENT: "Largest disagreement"}

ON_THE_WAY = 8
"""Measured genes that are drawn between two genes."""

TWO_SIDED = 1.96
"""Standard deviations that a normal difference exceeds with probability 0.05."""


def show_comparison(selection: Selection) -> None:
    """Let two predictions be chosen; show them on common axes, against measurement, and by gene.

    Raises:
        InputError: One of them cannot be predicted, or they have no gene in common.
    """
    data = selection.data
    enough = {
        GENES: True,
        LINES: len(data.lines) > 1,
        MODELS_: not data.trained,
        EMBEDDINGS: not data.trained and len(data.embedding_choices) > 1,
    }
    missing = [name for name, several in enough.items() if not several]
    about = "What differs between the two sides. The controls above set everything else."
    with st.container(horizontal=True, vertical_alignment="bottom"):
        offered = {name: name.capitalize() for name, several in enough.items() if several}
        differs = one_of("Compare two", "differs", offered, about)
        subjects = _choose_subjects(selection, differs)
        with st.popover("More"):
            relative = relative_to_mean()
            if missing:
                st.caption(f"This data set does not have two {' or '.join(missing)} to compare.")
            order, count, every = _choose_genes(all(of.raised_only for of, _ in subjects))
    names = [
        {GENES: gene, LINES: of.line, MODELS_: of.model, EMBEDDINGS: of.embedding}[differs]
        for of, gene in subjects
    ]
    for_people = {MODELS_: label, EMBEDDINGS: embedding_label}.get(differs, str)
    found = [predict(of, gene) for of, gene in subjects]
    a, b = (
        Side(for_people(name), made.prediction, made.measured, of.unit)
        for name, made, (of, _) in zip(names, found, subjects, strict=True)
    )
    if relative:
        a, b = (
            side.relative_to_mean(of.screen) for side, (of, _) in zip((a, b), subjects, strict=True)
        )
    labels, units = (a.label, b.label), (a.unit, b.unit)
    (of, gene), (other, other_gene) = subjects
    pair = (other.line, other.embedding, other.size, other.model, other_gene, differs, relative)

    def once(what: Hashable, make: Callable[[], T]) -> T:
        """Return the cached result for this pair, shared by all visitors."""
        return of.of_gene(gene, (*pair, what), make)

    table = once("table", lambda: compare(a, b))
    one_measurement = differs not in (GENES, LINES)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(f"{a.label} against {b.label}", width="content")
        for side, made in zip("AB", found, strict=True):
            st.badge(f"{side}: {made.state}", help=made.about_state)
    states = [
        f"{gene} knockdown in {of.line}, {of.method}, {made.trained_on:,} training perturbations"
        for made, (of, gene) in zip(found, subjects, strict=True)
    ]
    note = "A: {}. B: {}.".format(*states)
    details = " ".join(
        f"{side} is {made.state}: {made.about_state}."
        for side, made in zip("AB", found, strict=True)
    )
    name = f"{gene}-{selection.line}-{selection.model}-{selection.embedding}-{selection.size}"
    name += f"-{names[1]}"
    code = script.of_comparison(subjects, [made.measured is not None for made in found], relative)

    def figure(chart: go.Figure, name: str, alt: str, details: str = details) -> None:
        """Show a figure of the pair, whose dots are genes."""
        chosen = show.figure(chart, name, alt, table, note, data, None, ["points"], details, code)
        open_selected(chosen, name)

    def against(what: Literal["predicted", "measured"]) -> None:
        figure(
            once((what, every), lambda: one_against_the_other(table, labels, units, what, every)),
            name=f"compare-{what}-{name}",
            alt=f"Scatter of the {what} response of every gene: {a.label} across, {b.label} up.",
        )

    left, right = st.columns(2)
    with left:
        against("predicted")
    raised_only = not relative and all(of.raised_only for of, _ in subjects)
    strong = partial(strongest, table, ["a", "b"], count, raised_only)
    drawn, by = (table.head(count), "difference") if order == DISAGREEMENT else (strong(), "a")
    alike = selection.changed_alike()
    usual = [] if relative else alike.index[alike].tolist()
    with right:
        figure(
            gene_by_gene(
                drawn.sort_values(by, ascending=False), labels, units,
                f"{len(drawn)} genes with the {ORDERS[order].lower()}", one_measurement, usual,
            ),
            name=f"compare-genes-{name}",
            alt=f"Predicted responses of {len(drawn)} genes, {a.label} and {b.label} side by side,"
            " with 95 % intervals and measurements where there are any.",
            details=f"{details} Intervals are for a new measurement, noise"
            " included; where responses have a bound, the mean can lie outside.",
        )  # fmt: skip
    unmeasured = dict.fromkeys(
        f"{gene} in {of.line}"
        for made, (of, gene) in zip(found, subjects, strict=True)
        if made.measured is None
    )
    scores = {} if relative else dict(zip(labels, found, strict=True))

    def disagreement() -> None:
        """Show how much the sides disagree, and which of them the measurement bears out."""
        left, right = st.columns([3, 2])
        with left:
            if unmeasured:
                what = "No measurement" if selection.trained else "Not measured"
                where = " and ".join(unmeasured)
                show.info(f"**{what}**: {where}. The predictions cannot be checked.")
            elif one_measurement:
                figure(
                    once(
                        ("both", every),
                        lambda: both_against_measured(table, labels, units[0], every),
                    ),
                    name=f"compare-against-measured-{name}",
                    alt=f"Scatters of the responses of every gene to knocking down {gene}, as"
                    f" {a.label} and {b.label} predict them (across) and as measured (up).",
                )
            else:
                against("measured")
        with right:
            st.markdown(_disagreement_in_words(table, a, b))
            if any(made.scores for made in scores.values()):
                st.table(scores_in_words("", scores))

    contents = {
        "Where they disagree": disagreement,
        "All genes": lambda: _show_genes(table, a, b, one_measurement),
    }
    if differs == GENES and selection.model == GAUSSIAN_PROCESS:
        contents["In between"] = lambda: _show_between(selection, gene, other_gene)
    show.tabs(contents, "part")
    show_drawer(selection)


def _show_between(selection: Selection, gene: str, other: str) -> None:
    """Show what is predicted for mixtures of two genes' vectors."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        percent = st.slider(
            f"From {gene} to {other}", 0, 100, 50, 5, "%d %%", key="way", bind="query-params",
            help="How much of the second gene's vector is in the mixture.",
        )  # fmt: skip
    found = selection.of_gene(
        gene, ("between", other), lambda: between(selection.full_model, gene, other)
    )
    at = int(abs(found.shares - percent / 100).argmin())
    alike = f"**{found.nearest[at]}** (similarity {found.similarity[at]:.2f})"
    if found.too_far[at]:
        st.warning(
            f"Too far from every training knockdown. The nearest is {alike}.",
            icon=":material/wrong_location:",
        )
    else:
        st.markdown(f"The training knockdown most like this mixture is {alike}.")
    show.figure(
        on_the_way(found, gene, other, selection.unit, ON_THE_WAY, percent / 100),
        name=f"between-{gene}-{other}-{selection.line}",
        alt=f"Lines: predicted responses of the {ON_THE_WAY} genes that change most on the way from"
        f" the vector of {gene} to that of {other}, and the similarity of the nearest knockdown.",
        numbers=found.table(ON_THE_WAY),
        note=f"{selection.method}, without the responses of {gene} and {other}.",
        data=selection.data,
        details="Each place is a mixture of the two genes' vectors in every embedding. The model is"
        " trained on all other knockdowns; hyper-parameters, mean and components were fitted with"
        " both. Below the dotted line a place is too far: it is less similar to its nearest"
        f" training knockdown than {1 - FAR:.0%} of training knockdowns are to theirs.",
        code=script.of_between(selection, gene, other, ON_THE_WAY),
    )


def _choose_genes(raised_only: bool) -> tuple[str, int, bool]:
    """Return how genes are ranked, how many are shown, and whether each is a dot in scatters."""
    larger = "predictions" if raised_only else "|predictions|"
    about = (
        f"Strongest response: the larger of the two {larger}. Disagreement: their difference, in"
        " standard deviations where both models give these."
    )
    order = one_of("Ranked by", "order", ORDERS, about)
    return order, how_many("Genes shown", "shown"), every_dot()


def _meaning(a: Side, b: Side) -> str:
    """Return what disagreement is."""
    if in_deviations(a, b):
        return (
            "|A − B| divided by √(sd_A² + sd_B²): the difference in standard deviations, if the"
            " errors of the two sides are independent"
        )
    return "|A − B|, undivided: at least one of the two models gives no standard deviation"


def _disagreement_in_words(table: pd.DataFrame, a: Side, b: Side) -> str:
    """Return what disagreement is and, where it has a scale, how many genes show any."""
    words = f"Disagreement is {_meaning(a, b)}."
    if not in_deviations(a, b):
        return words
    # Whether the predictions contradict each other, given how sure they are.
    count = int((table["disagreement"] > TWO_SIDED).sum())
    counted = (
        f"**{count:,}** of {len(table):,} genes exceed {TWO_SIDED}, which chance alone would do in"
        " one of 20."
        if count
        else f"No gene reaches {TWO_SIDED}: within their stated uncertainty, the two predictions"
        " agree."
    )
    return f"{words}\n\n{counted}"


def _show_genes(table: pd.DataFrame, a: Side, b: Side, one_measurement: bool) -> None:
    """Show all genes, the largest disagreement first."""
    labels = (a.label, b.label)
    columns = ("measured", *labels, *(f"{label}, measured" for label in labels))
    gene_table(
        _named(table, labels, one_measurement),
        "disagreement",
        show.numbers(**dict.fromkeys(columns, "%.3f"))
        | {
            "difference": show.number(format="%+.3f", help="A minus B."),
            "disagreement": show.number(format="%.2f", help=f"{_meaning(a, b)}."),
        },
        "disagreement, highest first",
        height=520,
    )


def _choose_subjects(selection: Selection, differs: str) -> list[tuple[Selection, str]]:
    """Return both sides: A as selected, B with another gene, line, model or embedding."""
    data, problem, screen = selection.data, selection.known, selection.screen
    strong = selection.strong
    gene = choose_gene(problem, strong, "Gene A" if differs == GENES else "Gene", data=data)
    other, other_gene = selection, gene
    if differs == GENES:
        key = ("most alike", data, selection.line, selection.embedding, strong)
        like = cache.once(lambda: most_alike(screen, strong), *key)
        other_gene = choose_gene(problem, like, "Gene B", "other_gene", data)
    elif differs == LINES:
        lines = [line for line in data.lines if line != selection.line]
        line = choose(f"{selection.line} against", "other_line", lines, width=WIDE)
        other = replace(selection, line=line)
    elif differs == MODELS_:
        models = [model for model in selection.models if model != selection.model]
        # Another one with intervals, so that both sides have them.
        first = next((m for m in models if m in MODELS and MODELS[m].gives_std), models[0])
        words = f"{label(selection.model)} against"
        model = choose(words, "other_model", models, width=WIDE, first=first, shown=label)
        other = replace(selection, model=model)
    else:
        embeddings = [e for e in data.embedding_choices if e != selection.embedding]
        words = f"{embedding_label(selection.embedding)} against"
        source = choose(words, "other_embedding", embeddings, width=WIDE)
        other = replace(selection, embedding=source)
    if (other, other_gene) == (selection, gene):
        show.info("Both sides are the same: choose two different ones.")
        st.stop()
    return [(selection, gene), (other, other_gene)]


def _named(table: pd.DataFrame, labels: tuple[str, str], one_measurement: bool) -> pd.DataFrame:
    """Return the columns of a comparison that people read, under the sides' names."""
    measured = {"measured_a": f"{labels[0]}, measured", "measured_b": f"{labels[1]}, measured"}
    if one_measurement:
        measured = {"measured_a": "measured"}
    measured = {column: name for column, name in measured.items() if table[column].notna().any()}
    names = {"a": labels[0], "b": labels[1], **measured}
    return table[["gene", "a", "b", "difference", "disagreement", *measured]].rename(columns=names)
