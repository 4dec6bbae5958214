"""The sections of the gene page: each is built once, for the screen and the report alike."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from llmpert.datasets import Dataset
from llmpert.evaluation.experiment import FittedModel
from llmpert.evaluation.results import embedding_label
from llmpert.figures.prediction import (
    attribution_bars,
    neighbourhood_heatmap,
    predicted_against_measured,
    ranked_genes,
    volcano,
)
from llmpert.figures.report import Figure, Section
from llmpert.genes.sets import GeneSets
from llmpert.insight.attribution import Attribution, neighbourhood
from llmpert.insight.enrichment import enrichment
from llmpert.insight.ranking import Direction, strongest, strongest_genes
from llmpert.insight.reliability import (
    BANDS,
    ENOUGH,
    NEAREST,
    NEIGHBOURS,
    ReliabilityReference,
    Verdict,
)
from llmpert.screens import FDR
from llmpert.ui.common import cache
from llmpert.ui.common.selection import Selection
from llmpert.ui.gene.prediction import GenePrediction, format_score

KNOCKDOWNS, HEATMAP_GENES = 12, 30


@dataclass(frozen=True)
class GeneView:
    """A gene with its prediction.

    Attributes:
        shown: The prediction that the page is about.
        others: Method that was run elsewhere -> its prediction, or None.
    """

    selection: Selection
    gene: str
    shown: GenePrediction
    others: Mapping[str, GenePrediction | None]

    @property
    def data(self) -> Dataset:
        """The data set."""
        return self.selection.data

    @property
    def where(self) -> str:
        """Gene and line, for names of files."""
        return f"{self.gene}-{self.selection.line}"

    @property
    def title(self) -> str:
        """What the page shows."""
        return f"{self.gene} knockdown in {self.selection.line}"

    @property
    def note(self) -> str:
        """The model, for captions."""
        return (
            f"Gaussian process ({embedding_label(self.selection.embedding)};"
            f" {self.shown.trained_on:,} training perturbations)."
        )

    def facts(self) -> list[str]:
        """Return what the prediction is and how close it came."""
        trained = f"{self.shown.trained_on:,} training perturbations"
        facts = [f"{self.selection.method}, {trained}", self.shown.state]
        if self.shown.cells is not None:
            facts.append(f"{self.shown.cells:,.0f} cells")
        return facts

    def scores(self) -> list[str]:
        """Return the scores of the prediction, and which methods have none."""
        labels = {name: cache.METRICS[name].label for name in self.shown.scores}
        scores = self.shown.scores.items()
        facts = [f"{labels[name]}: {format_score(value)}" for name, value in scores]
        return facts + [f"not predicted by {name}" for name, one in self.others.items() if not one]


def response(view: GeneView, count: int) -> Section:
    """Return the genes that are predicted to change most, and prediction against measurement."""
    gene, line, unit, shown = view.gene, view.selection.line, view.selection.unit, view.shown
    table = shown.prediction.table()
    if shown.measured is not None:
        table["measured"] = shown.measured
    if shown.q is not None:
        table["false discovery rate, measured"] = shown.q
    # All models of a fold are scored on the same genes, in one order.
    elsewhere = {name: one.prediction.mean[0] for name, one in view.others.items() if one}
    for method, values in elsewhere.items():
        table[f"predicted by {method}"] = values
    ranked = Figure(
        ranked_genes(shown.prediction, shown.measured, unit, count, elsewhere),
        f"The {count} genes with the strongest predicted response to knocking down {gene} in"
        f" {line}, with 95 % intervals and measurements"
        + "".join(f", and what {method} predicts" for method in elsewhere)
        + ".",
        f"{view.where}-genes",
        table,
        "Intervals are for a new measurement, noise included; their widths come from how far off"
        f" training knockdowns were when predicted from the others. {view.note}",
    )
    figures = [ranked]
    if shown.measured is not None and shown.top is not None:
        score = shown.scores["pearson_all"]
        scatter = Figure(
            predicted_against_measured(shown.prediction, shown.measured, shown.top, unit, score),
            "Scatter of predicted against measured response of every gene to knocking down"
            f" {gene} in {line}.",
            f"{view.where}-scatter",
            table,
            view.note,
        )
        figures.append(scatter)
    return Section("Predicted response", figures=figures, table=strongest(table, "mean", count))


def trust(verdict: Verdict) -> Section:
    """Return whether to believe the prediction."""
    return Section(
        "Should I believe it?", [verdict.sentence().replace("**", "")], table=verdict.words()
    )


def foundation(view: GeneView, fitted: FittedModel, attribution: Attribution) -> Section:
    """Return which training knockdowns the prediction rests on."""
    title, gene = "What it rests on", view.gene
    if not attribution.defined:
        words = (
            f"The prediction for {gene} is the mean of all training knockdowns: nothing that was"
            " learnt applies to it."
        )
        return Section(title, [words])
    sources = "; ".join(
        f"{embedding_label(str(source))} {100 * share:.0f} %"
        for source, share in attribution.by_source.items()
    )
    words = (
        "The prediction is the mean of all training knockdowns plus a weighted sum of their"
        f" responses. Shares are exact and sum to 100 %. By source: {sources}."
    )
    rows = neighbourhood(
        fitted, attribution, view.shown.prediction, view.shown.measured, KNOCKDOWNS, HEATMAP_GENES
    )
    bars = Figure(
        attribution_bars(attribution, KNOCKDOWNS),
        f"Bars: share of each training knockdown in the prediction for {gene}, by source.",
        f"{view.where}-rests-on",
        attribution.table(),
        view.note,
    )
    heatmap = Figure(
        neighbourhood_heatmap(rows, gene, view.selection.unit),
        f"Heatmap: predicted and measured response to knocking down {gene}, above the responses of"
        f" the {KNOCKDOWNS} training knockdowns that contribute most.",
        f"{view.where}-neighbourhood",
        rows.rename_axis("row").reset_index(),
        f"The {len(rows.columns)} strongest predicted genes; in brackets the share in the"
        f" prediction. {view.note}",
    )
    return Section(title, [words], [bars, heatmap], attribution.table().head(KNOCKDOWNS).round(3))


def all_genes(
    view: GeneView, sets: GeneSets | None, count: int, direction: Direction
) -> tuple[Section, pd.DataFrame]:
    """Return a volcano of all genes with what the strongest have in common.

    Returns:
        The section, and all gene sets tested, none where the data set has none.
    """
    prediction = view.shown.prediction
    chart = Figure(
        volcano(prediction, view.shown.measured, view.selection.unit),
        f"Volcano of every gene's predicted response to knocking down {view.gene} in"
        f" {view.selection.line}.",
        f"{view.where}-volcano",
        prediction.table().assign(z=lambda table: table["mean"] / table["sd"]),
        "z is the predicted response divided by its standard deviation, that of a new measurement."
        f" {view.note}",
    )
    title = "All genes, and what the strongest share"
    if sets is None:
        words = (
            "This data set has no gene sets. Import some: `python -m llmpert import --name"
            f" {view.data.name} --gene-sets sets.gmt`."
        )
        return Section(title, [words], [chart]), pd.DataFrame()
    chosen = strongest_genes(prediction, count, direction)
    tested = enrichment(chosen, prediction.genes, sets)
    found = int((tested["q"] < FDR).sum())
    words = (
        f"{found} of {len(tested):,} gene sets of {sets.name} stand out (q < {FDR}) among"
        f" the {len(chosen):,} genes with the strongest predicted response"
        f"{'' if direction == 'both' else f' that are {direction}'}."
    )
    return Section(title, [words], [chart], tested.head(20)), tested


def how_judged(reference: ReliabilityReference, verdict: Verdict) -> str:
    """Return how the verdict comes about, in Markdown, with what was found for these data."""
    gene, indicators = verdict.gene, verdict.indicators.dropna(subset="correlation")
    tested, trained = int(verdict.accuracy.notna().sum()), len(reference.fitted.trained_on)
    found = "; ".join(
        f"{label.lower()} ρ = {correlation:+.2f}"
        for label, correlation in zip(
            indicators["indicator"], indicators["correlation"], strict=True
        )
    )
    whether = (
        f"Here, over the {tested:,} held-out knockdowns, that gave: {found}."
        if found
        else f"Here only {tested:,} knockdowns are held out; at least {ENOUGH} are needed."
    )
    which = (
        f"held out with {gene}"
        if gene in reference.values.index
        else f"left out by a model of the same kind ({gene} itself was not measured)"
    )
    words = ", ".join(f"from {low:g} {word}" for low, word in BANDS if low > 0)
    return (
        "Signs are things known before any measurement. None is believed unseen: each is held"
        " against how well knockdowns were predicted that were measured but not trained on"
        f" ({tested:,} {which}; {trained:,} trained on), by Spearman's correlation ρ. A sign is"
        " used if it goes the right way by more than two standard errors, else it is shown only."
        f" {whether}\n\n"
        "A gene's ranks in the used signs, each times its ρ, put it into the lower, middle or upper"
        " third; the"
        " verdict gives the accuracy of the held-out knockdowns in that third, without the gene's"
        " own measurement. *More* or *less than most* is said in the outer thirds, where their"
        " median differs from that of all by more than two standard errors. Words for the median"
        f" correlation: {words}, below {BANDS[-1][1]}.\n\n"
        f"Distance: mean over the {NEAREST} nearest training genes in the source's principal"
        " components. Width: mean half-width of the 95 % intervals. Departure: root mean square"
        " of prediction minus the mean response of training knockdowns. Accuracy of the"
        f" {NEIGHBOURS} knockdowns most like it: each predicted from all others by the same model"
        " (leave-one-out)."
    )
