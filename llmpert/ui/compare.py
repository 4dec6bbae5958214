"""Two predictions that differ in one thing: chosen, put into words and drawn."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, Literal

import pandas as pd
import streamlit as st

from llmpert.evaluation.results import embedding_label
from llmpert.figures.compare import both_against_measured, gene_by_gene, one_against_the_other
from llmpert.insight.compare import Side, compare, in_deviations, most_alike
from llmpert.insight.ranking import strong_perturbation, strongest
from llmpert.models.registry import MODELS, label
from llmpert.ui.common import cache, script
from llmpert.ui.common import components as show
from llmpert.ui.common.gene_search import choose_gene
from llmpert.ui.common.selection import Selection, choose, how_many, one_of
from llmpert.ui.common.table import gene_table
from llmpert.ui.gene.drawer import show_drawer
from llmpert.ui.gene.prediction import predict, scores_in_words

GENES, LINES, MODELS_, EMBEDDINGS = "genes", "lines", "models", "embeddings"
ORDERS = ("strongest response", "largest disagreement")

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
    differs = one_of(
        "Compare two",
        "differs",
        [name for name, several in enough.items() if several],
        "The two sides differ in this and nothing else; the controls above set the rest.",
    )
    missing = [name for name, several in enough.items() if not several]
    if missing:
        st.caption(f"These data have no two {' or '.join(missing)} to compare.")
    subjects = _choose_subjects(selection, differs)
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
    table, labels, units = compare(a, b), (a.label, b.label), (a.unit, b.unit)
    one_measurement = differs not in (GENES, LINES)
    states = [
        f"{gene} knockdown in {of.line}, {of.method},"
        f" {made.trained_on:,} training perturbations · **{made.state}**: {made.about_state}"
        for made, (of, gene) in zip(found, subjects, strict=True)
    ]
    st.subheader(f"{a.label} against {b.label}")
    st.markdown(f"**A** {states[0]}  \n**B** {states[1]}")
    if any(made.scores for made in found):
        st.table(scores_in_words("", dict(zip(labels, found, strict=True))))

    note = "A: {}. B: {}.".format(*(state.partition(" · ")[0] for state in states))
    details = f"A: {states[0]}. B: {states[1]}.".replace("**", "")
    gene = subjects[0][1]
    name = f"{gene}-{selection.line}-{selection.model}-{selection.embedding}-{selection.size}"
    name += f"-{names[1]}"
    code = script.of_comparison(subjects, [made.measured is not None for made in found])
    figure = partial(show.figure, numbers=table, note=note, data=data, details=details, code=code)

    def against(what: Literal["predicted", "measured"]) -> None:
        figure(
            one_against_the_other(table, labels, units, what),
            name=f"compare-{what}-{name}",
            alt=f"Scatter of the {what} response of every gene: {a.label} across, {b.label} up.",
        )

    left, right = st.columns(2)
    with left:
        against("predicted")
    unmeasured = dict.fromkeys(
        f"{gene} in {of.line}"
        for made, (of, gene) in zip(found, subjects, strict=True)
        if made.measured is None
    )
    with right:
        if unmeasured:
            what = "No measurement here" if selection.trained else "Not measured"
            show.info(f"**{what}**: {' and '.join(unmeasured)}. There is nothing to judge this by.")
        elif one_measurement:
            figure(
                both_against_measured(table, labels, units[0]),
                name=f"compare-against-measured-{name}",
                alt=f"Scatter of the responses of every gene to knocking down {gene}, as"
                f" {a.label} and {b.label} predict them (across) and as measured (up).",
            )
        else:
            against("measured")
    st.header("Gene by gene")
    intervals = f"{details} Intervals are for a new measurement, noise included."
    figure = partial(figure, name=f"compare-genes-{name}", details=intervals)
    raised_only = all(of.raised_only for of, _ in subjects)
    _show_genes(table, a, b, one_measurement, raised_only, figure)
    show_drawer(selection)


def _show_genes(
    table: pd.DataFrame,
    a: Side,
    b: Side,
    one_measurement: bool,
    raised_only: bool,
    figure: Callable[..., list[Any]],
) -> None:
    """Show the genes with the strongest responses or disagreements, and all of them as a table."""
    labels = (a.label, b.label)
    meaning = "|A − B|, undivided: at least one of the two models gives no standard deviation"
    if in_deviations(a, b):
        meaning = (
            "|A − B| divided by √(sd_A² + sd_B²): the difference in standard deviations, if the"
            " errors of the two sides are independent"
        )
    first, second = st.columns([2, 1], vertical_alignment="bottom")
    with first:
        larger = "predictions" if raised_only else "|predictions|"
        about = f"Strongest response: the larger of the two {larger}. Disagreement:"
        order = one_of("Ranked by", "order", ORDERS, f"{about} {meaning}.")
    with second:
        count = how_many("Genes shown", "shown")
    strong = partial(strongest, table, ["a", "b"], count, raised_only)
    drawn = table.head(count) if order == ORDERS[1] else strong()
    left, right = st.columns([3, 2])
    with left:
        title = f"{len(drawn)} genes with the {order}:<br>{a.label} and {b.label}"
        figure(
            gene_by_gene(drawn, labels, (a.unit, b.unit), title, one_measurement),
            alt=f"Predicted responses of {len(drawn)} genes, {a.label} and {b.label} side by side,"
            " with 95 % intervals and measurements where there are any.",
        )
    with right:
        st.subheader("Where they disagree")
        st.markdown(f"Disagreement is {meaning}.")
        if in_deviations(a, b):
            # Whether the predictions contradict each other, given how sure they are.
            count = int((table["disagreement"] > TWO_SIDED).sum())
            st.markdown(
                f"**{count:,}** of {len(table):,} genes exceed {TWO_SIDED}, which chance alone"
                " would do in one of 20."
                if count
                else f"No gene reaches {TWO_SIDED}: given how sure the models are of single"
                " measurements, the two predictions do not contradict each other anywhere."
            )
        columns = ("measured", *labels, *(f"{label}, measured" for label in labels))
        gene_table(
            _named(table, labels, one_measurement),
            "disagreement",
            show.numbers(**dict.fromkeys(columns, "%.3f"))
            | {
                "difference": show.number(format="%+.3f", help="A minus B."),
                "disagreement": show.number(format="%.2f", help=f"{meaning}."),
            },
            "disagreement, highest first",
            height=520,
        )


def _choose_subjects(selection: Selection, differs: str) -> list[tuple[Selection, str]]:
    """Return both sides: A as selected, B with another gene, line, model or embedding."""
    data, problem, screen = selection.data, selection.known, selection.screen
    strong = strong_perturbation(screen)
    left, right = st.columns(2)
    with left:
        gene = choose_gene(problem, strong, "Gene A" if differs == GENES else "Gene", data=data)
    other, other_gene = selection, gene
    with right:
        if differs == GENES:
            key = ("most alike", data, selection.line, selection.embedding, strong)
            like = cache.once(lambda: most_alike(screen, strong), *key)
            other_gene = choose_gene(problem, like, "Gene B", "other_gene", data)
        elif differs == LINES:
            lines = [line for line in data.lines if line != selection.line]
            line = choose(f"{selection.line} against", "other_line", lines)
            other = replace(selection, line=line)
        elif differs == MODELS_:
            models = [model for model in selection.models if model != selection.model]
            # Another one with intervals, so that both sides have them.
            first = next((m for m in models if m in MODELS and MODELS[m].gives_std), models[0])
            words = f"{label(selection.model)} against"
            model = choose(words, "other_model", models, first=first, shown=label)
            other = replace(selection, model=model)
        else:
            embeddings = [e for e in data.embedding_choices if e != selection.embedding]
            words = f"{embedding_label(selection.embedding)} against"
            other = replace(selection, embedding=choose(words, "other_embedding", embeddings))
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
