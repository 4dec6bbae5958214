"""Two predictions that differ in one thing: chosen, put into words and drawn."""

from dataclasses import dataclass, replace
from functools import partial

import pandas as pd
import streamlit as st

from llmpert.evaluation.results import embedding_label
from llmpert.figures.compare import both_against_measured, gene_by_gene, one_against_the_other
from llmpert.insight.compare import Side, compare, in_deviations, most_alike
from llmpert.insight.ranking import strong_perturbation, strongest
from llmpert.models.registry import MODELS, label
from llmpert.ui.common import cache
from llmpert.ui.common import components as show
from llmpert.ui.common.gene_search import choose_gene
from llmpert.ui.common.selection import Selection, choose
from llmpert.ui.gene.prediction import predict, scores_in_words

GENES, LINES, MODELS_, EMBEDDINGS = "genes", "lines", "models", "embeddings"
COUNTS = (10, 20, 30, 50)
ORDERS = ("strongest response", "largest disagreement")

TWO_SIDED = 1.96
"""Standard deviations that a normal difference exceeds with probability 0.05."""


@dataclass(frozen=True)
class Subject:
    """What one prediction is of."""

    selection: Selection
    gene: str

    def particular(self, differs: str) -> str:
        """Return what tells it from one that differs in one thing, as the program names it."""
        return {
            GENES: self.gene,
            LINES: self.selection.line,
            MODELS_: self.selection.model,
            EMBEDDINGS: self.selection.embedding,
        }[differs]

    def label(self, differs: str) -> str:
        """Return the same for people."""
        particular = self.particular(differs)
        if differs == MODELS_:
            return label(particular)
        return embedding_label(particular) if differs == EMBEDDINGS else particular


def what_differs(selection: Selection) -> str:
    """Return what the two sides differ in, among what these data have two of."""
    enough = {
        GENES: True,
        LINES: len(selection.data.screens) > 1,
        MODELS_: True,
        EMBEDDINGS: len(selection.data.embedding_choices) > 1,
    }
    offered = [name for name, several in enough.items() if several]
    chosen = st.segmented_control(
        "Compare two",
        offered,
        default=GENES,
        key="differs",
        bind="query-params",
        format_func=str.capitalize,
        help="The two sides differ in this and nothing else; the side bar sets the rest.",
    )
    missing = [name for name, several in enough.items() if not several]
    if missing:
        st.caption(f"These data have no two {' or '.join(missing)} to compare.")
    return chosen if chosen in offered else GENES


def choose_subjects(selection: Selection, differs: str) -> tuple[Subject, Subject]:
    """Return both sides: A as the side bar says, B with another gene, line, model or embedding."""
    data, problem = selection.data, selection.experiment.problem
    strong = strong_perturbation(selection.experiment.problem.screen)
    left, right = st.columns(2)
    with left:
        gene = choose_gene(problem, strong, "Gene A" if differs == GENES else "Gene", data=data)
    with right:
        if differs == GENES:
            key = (data, selection.line, selection.embedding, strong)
            like = cache.once(lambda: most_alike(problem.screen, strong), *key)
            other_gene = choose_gene(problem, like, "Gene B", "other_gene", data)
            return Subject(selection, gene), Subject(selection, other_gene)
        if differs == LINES:
            lines = [line for line in data.screens if line != selection.line]
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
    return Subject(selection, gene), Subject(other, gene)


def show_comparison(one: Subject, other: Subject, differs: str) -> None:
    """Show two predictions on common axes, against what was measured, and gene by gene.

    Raises:
        InputError: One of them cannot be predicted, or they have no gene in common.
    """
    subjects = (one, other)
    found = [predict(subject.selection, subject.gene) for subject in subjects]
    a, b = (
        Side(subject.label(differs), made.prediction, made.measured, subject.selection.unit)
        for subject, made in zip(subjects, found, strict=True)
    )
    table, labels, units = compare(a, b), (a.label, b.label), (a.unit, b.unit)
    one_measurement = differs not in (GENES, LINES)
    states = [
        f"{subject.gene} knockdown in {subject.selection.line}, {subject.selection.method},"
        f" {made.trained_on:,} training perturbations · {made.state}"
        for subject, made in zip(subjects, found, strict=True)
    ]
    st.subheader(f"{a.label} against {b.label}")
    st.markdown(f"**A** {states[0]}  \n**B** {states[1]}")
    if any(made.scores for made in found):
        st.table(scores_in_words("", dict(zip(labels, found, strict=True))))

    chosen, data = one.selection, one.selection.data
    note = f"A: {states[0]}. B: {states[1]}.".replace("**", "")
    name = (
        f"{one.gene}-{chosen.line}-{chosen.model}-{chosen.embedding}-{chosen.size}"
        f"-{other.particular(differs)}"
    )
    figure = partial(show.figure, numbers=table, note=note, data=data)
    left, right = st.columns(2)
    with left:
        figure(
            one_against_the_other(table, labels, units, "predicted"),
            name=f"compare-predicted-{name}",
            alt=f"Scatter of the predicted response of every gene: {a.label} across, {b.label} up.",
        )
    unmeasured = {
        f"{subject.gene} in {subject.selection.line}": None
        for subject, made in zip(subjects, found, strict=True)
        if made.measured is None
    }
    with right:
        if unmeasured:
            show.info(
                f"**Not measured**: {' and '.join(unmeasured)}. There is nothing to judge this by."
            )
        elif one_measurement:
            figure(
                both_against_measured(table, labels, units[0]),
                name=f"compare-against-measured-{name}",
                alt=f"Scatter of the responses of every gene to knocking down {one.gene}, as"
                f" {a.label} and {b.label} predict them (across) and as measured (up).",
            )
        else:
            figure(
                one_against_the_other(table, labels, units, "measured"),
                name=f"compare-measured-{name}",
                alt="Scatter of the measured response of every gene:"
                f" {a.label} across, {b.label} up.",
            )

    meaning = disagreement(a, b)
    st.header("Gene by gene")
    drawn, order = _choose_genes(table, meaning)
    left, right = st.columns([3, 2])
    with left:
        title = f"{len(drawn)} genes with the {order}:<br>{a.label} and {b.label}"
        show.figure(
            gene_by_gene(drawn, labels, units, title, one_measurement),
            name=f"compare-genes-{name}",
            alt=f"Predicted responses of {len(drawn)} genes, {a.label} and {b.label} side by side,"
            " with 95 % intervals and measurements where there are any.",
            numbers=drawn,
            note=f"{note} Intervals are for a new measurement, noise included.",
            data=data,
        )
    with right:
        st.subheader("Where they disagree")
        st.markdown(f"Disagreement is {meaning}.")
        if in_deviations(a, b):
            st.markdown(beyond_chance(table))
        number = st.column_config.NumberColumn
        columns = ("measured", *labels, *(f"{label}, measured" for label in labels))
        st.dataframe(
            named(table, labels, one_measurement),
            hide_index=True,
            height=520,
            column_config={column: number(format="%.3f") for column in columns}
            | {
                "difference": number(format="%+.3f", help="A minus B."),
                "disagreement": number(format="%.2f", help=f"{meaning}."),
            },
        )


def _choose_genes(table: pd.DataFrame, meaning: str) -> tuple[pd.DataFrame, str]:
    """Return the genes to draw, and what they were chosen by."""
    first, second = st.columns([2, 1], vertical_alignment="bottom")
    order = first.segmented_control(
        "Ranked by",
        ORDERS,
        default=ORDERS[0],
        key="order",
        bind="query-params",
        format_func=str.capitalize,
        help=f"Strongest response: the larger of the two |predictions|. Disagreement: {meaning}.",
    )
    count = second.select_slider("Genes shown", COUNTS, value=20, key="shown", bind="query-params")
    if order == ORDERS[1]:
        return table.head(count), order
    return strongest(table, ["a", "b"], count), ORDERS[0]


def disagreement(a: Side, b: Side) -> str:
    """Return what disagreement between two sides means."""
    if in_deviations(a, b):
        return (
            "|A − B| divided by √(sd_A² + sd_B²): the difference in standard deviations, if the"
            " errors of the two sides are independent"
        )
    return "|A − B|, undivided: at least one of the two models gives no standard deviation"


def beyond_chance(table: pd.DataFrame) -> str:
    """Return whether the predictions contradict each other, given how sure they are."""
    count = int((table["disagreement"] > TWO_SIDED).sum())
    if not count:
        return (
            f"No gene reaches {TWO_SIDED}: given how sure the models are of single measurements,"
            " the two predictions do not contradict each other anywhere."
        )
    return (
        f"**{count:,}** of {len(table):,} genes exceed {TWO_SIDED}, which chance alone would do in"
        " one of 20."
    )


def named(table: pd.DataFrame, labels: tuple[str, str], one_measurement: bool) -> pd.DataFrame:
    """Return the columns of a comparison that people read, under the sides' names."""
    columns = {"gene": "gene", "a": labels[0], "b": labels[1]}
    columns |= {"difference": "difference", "disagreement": "disagreement"}
    measured = {"measured_a": f"{labels[0]}, measured", "measured_b": f"{labels[1]}, measured"}
    if one_measurement:
        measured = {"measured_a": "measured"}
    columns |= {column: name for column, name in measured.items() if table[column].notna().any()}
    return table[list(columns)].rename(columns=columns)
