"""Choosing two predictions that differ in one thing, and making them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd
import streamlit as st

from llmpert import datasets
from llmpert.datasets import Dataset
from llmpert.evaluation.results import embedding_label
from llmpert.insight.compare import Side, most_alike
from llmpert.models.registry import MODELS, label
from llmpert.ui.common import cache as shared
from llmpert.ui.common import selection as controls
from llmpert.ui.common.gene_search import choose_gene
from llmpert.ui.gene.prediction import GenePrediction, predict, said, strong_perturbation

GENES, LINES, MODELS_, EMBEDDINGS = "genes", "lines", "models", "embeddings"

TWO_SIDED = 1.96
"""Standard deviations that a normal difference exceeds with probability 0.05."""


@dataclass(frozen=True)
class View:
    """What one prediction is of."""

    gene: str
    line: str
    model: str
    embedding: str

    @property
    def method(self) -> str:
        """The model and what it knows the genes by, for people."""
        return controls.in_words(self.model, self.embedding)

    def particular(self, differs: str) -> str:
        """What tells it from a view that differs from it in one thing, as the program names it."""
        return {
            GENES: self.gene,
            LINES: self.line,
            MODELS_: self.model,
            EMBEDDINGS: self.embedding,
        }[differs]

    def label(self, differs: str) -> str:
        """The same, for people."""
        particular = self.particular(differs)
        if differs == MODELS_:
            return label(particular)
        return embedding_label(particular) if differs == EMBEDDINGS else particular


def what_differs(data: Dataset) -> str:
    """What the two sides differ in, among what these data have two of."""
    enough = {
        GENES: True,
        LINES: len(data.screens) > 1,
        MODELS_: True,
        EMBEDDINGS: len(data.embedding_choices) > 1,
    }
    offered = [name for name, there in enough.items() if there]
    chosen = st.segmented_control(
        "Compare two",
        offered,
        default=GENES,
        key="differs",
        bind="query-params",
        format_func=str.capitalize,
        help="The two sides differ in this and nothing else; the side bar sets the rest.",
    )
    missing = [name for name, there in enough.items() if not there]
    if missing:
        st.caption(f"These data have no two {' or '.join(missing)} to compare.")
    return chosen if chosen in offered else GENES


def choose_views(
    data: Dataset, line: str, embedding: str, size: int, model: str, differs: str
) -> tuple[View, View]:
    """Both sides: A as the side bar says, B with another gene, line, model or embedding."""
    problem = shared.experiment(data.name, line, embedding).problem
    strong = strong_perturbation(data, line, embedding)
    left, right = st.columns(2)
    with left:
        gene = choose_gene(problem, strong, "Gene A" if differs == GENES else "Gene", data=data)
    a = View(gene, line, model, embedding)
    with right:
        if differs == GENES:
            like = _alike(data.name, datasets.stamp(data.name), line, embedding, strong)
            return a, replace(a, gene=choose_gene(problem, like, "Gene B", "other_gene", data))
        if differs == LINES:
            lines = [other for other in data.screens if other != line]
            return a, replace(a, line=controls.choose(f"{line} against", "other_line", lines))
        if differs == MODELS_:
            models = [other for other in controls.models(data, line, size) if other != model]
            # Another one with intervals, so that both sides have them.
            first = next((m for m in models if m in MODELS and MODELS[m].gives_std), models[0])
            words = f"{label(model)} against"
            other = controls.choose(words, "other_model", models, first=first, shown=label)
            return a, replace(a, model=other)
        embeddings = [other for other in data.embedding_choices if other != embedding]
        words = f"{embedding_label(embedding)} against"
        other = controls.choose(words, "other_embedding", embeddings)
        return a, replace(a, embedding=other)


@st.cache_resource(max_entries=64, show_spinner=False)
def _alike(name: str, stamp: float, line: str, embedding: str, perturbation: str) -> str:
    return most_alike(shared.experiment(name, line, embedding).problem.screen, perturbation)


def make(data: Dataset, view: View, size: int, differs: str) -> tuple[Side, GenePrediction]:
    """The prediction of one side."""
    made = predict(data, view.line, view.embedding, size, view.gene, view.model)
    unit = data.screens[view.line].unit
    return Side(view.label(differs), made.prediction, made.measured, unit), made


def state(view: View, made: GenePrediction) -> str:
    """What a prediction is of, and whether there is a measurement to judge it by."""
    words = f"{view.gene} knockdown in {view.line}, {view.method}"
    words += f", {made.trained_on:,} training perturbations"
    if made.measured is None:
        return f"{words} · **not measured**: {view.gene} was not knocked down in this screen"
    return f"{words} · **held out**: measured, but not trained on"


def scores(sides: Sequence[tuple[Side, GenePrediction]]) -> list[dict[str, str]]:
    """A row a side: how close each comes to its measurement, in words where there is none."""
    return [
        {"": side.label}
        | {metric.label: said(made.scores.get(name)) for name, metric in shared.METRICS.items()}
        for side, made in sides
    ]


def beyond_chance(table: pd.DataFrame) -> str:
    """Whether the predictions contradict each other, given how sure they are."""
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
    """The columns of a comparison that people read, under the sides' names."""
    columns = {"gene": "gene", "a": labels[0], "b": labels[1]}
    columns |= {"difference": "difference", "disagreement": "disagreement"}
    measured = {"measured_a": f"{labels[0]}, measured", "measured_b": f"{labels[1]}, measured"}
    if one_measurement:
        measured = {"measured_a": "measured"}
    columns |= {column: name for column, name in measured.items() if table[column].notna().any()}
    return table[list(columns)].rename(columns=columns)
