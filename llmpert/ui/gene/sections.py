"""The parts of the gene page: figures, tables and words, for its tabs and its report alike."""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, TypeVar, get_args

import numpy as np
import pandas as pd

from llmpert.embeddings.elsewhere import MEASURED_IN
from llmpert.evaluation.experiment import FittedModel
from llmpert.evaluation.results import embedding_label
from llmpert.figures import prediction as figures
from llmpert.figures.compare import both_against_measured, one_against_the_other
from llmpert.figures.report import Figure, Section
from llmpert.genes.sets import GeneSets
from llmpert.insight.attribution import attribute, neighbourhood
from llmpert.insight.compare import Side, compare
from llmpert.insight.enrichment import enrichment
from llmpert.insight.ranking import Direction, strongest, strongest_genes
from llmpert.insight.reliability import ReliabilityReference, Verdict, expression
from llmpert.screens import FDR
from llmpert.ui.common import cache, script
from llmpert.ui.common.selection import Selection
from llmpert.ui.gene.prediction import GenePrediction, format_score, scores_in_words

T = TypeVar("T")

KNOCKDOWNS, HEATMAP_GENES = 12, 30
SETS_SHOWN = 20
DIRECTIONS: tuple[Direction, ...] = get_args(Direction)


@dataclass(frozen=True)
class GeneView:
    """A gene with the prediction that the page is about.

    Attributes:
        control: The prediction, relative to control.
        elsewhere: Methods that were run elsewhere -> their predictions, or None.
        relative: Whether responses are shown relative to the mean response of all knockdowns
            trained on, and not to control.
        beyond: The change whose probability is told, in the unit of the responses.
    """

    selection: Selection
    gene: str
    control: GenePrediction
    elsewhere: Mapping[str, GenePrediction | None]
    relative: bool = False
    beyond: float = 0.0

    def once(self, what: Hashable, make: Callable[[], T]) -> T:
        """Return what was made of it, once for all visitors; it must not hold the data set."""
        return self.selection.of_gene(self.gene, (self.relative, self.beyond, what), make)

    @cached_property
    def fitted(self) -> FittedModel:
        """The model that predicts the gene."""
        return self.selection.model_behind(self.gene)

    @cached_property
    def shown(self) -> GenePrediction:
        """The prediction, relative to what was chosen."""
        return self.control.relative_to(self.fitted.model.mean_) if self.relative else self.control

    @cached_property
    def others(self) -> dict[str, GenePrediction]:
        """Predictions by methods that were run elsewhere, relative to what was chosen.

        All models of a fold are scored on the same genes, in one order.
        """
        found = {name: one for name, one in self.elsewhere.items() if one}
        if not self.relative:
            return found
        return {name: one.relative_to(self.fitted.model.mean_) for name, one in found.items()}

    @property
    def code(self) -> str:
        """Lines of Python that make the response."""
        measured = self.shown.measured is not None
        return script.of_response(
            self.selection,
            self.gene,
            measured,
            self.relative,
            self.beyond,
            self.selection.raised_only,
        )

    @cached_property
    def reference(self) -> ReliabilityReference:
        """What held-out knockdowns teach about trusting it."""
        return self.selection.reliability(self.gene)

    @cached_property
    def verdict(self) -> Verdict:
        """Whether to trust it."""
        return self.once("verdict", self._judge)

    def _judge(self) -> Verdict:
        data, line, trained = self.selection.data, self.selection.line, self.selection.trained
        of = trained or data.screens[line]
        genes = trained.fitted.genes if trained else data.screens[line].genes
        own = expression(genes, of.control_mean, of.unit, self.gene)
        return replace(self.reference.judge(self.gene), expression=own)

    @cached_property
    def near(self) -> pd.DataFrame:
        """The training knockdowns most like it to the model."""
        return self.once("near", lambda: self.reference.neighbours(self.gene))

    @cached_property
    def usual(self) -> np.ndarray:
        """Which predicted genes most knockdowns change alike."""
        known = self.selection.changed_alike()
        return known.reindex(self.shown.prediction.genes, fill_value=False).to_numpy()

    @property
    def measured_in(self) -> list[str]:
        """The other loaded lines that knocked the gene down."""
        data = self.selection.data
        others = [line for line in data.lines if line != self.selection.line]
        return [x for x in others if (data.names(x, "perturbations") == self.gene).any()]

    @property
    def raised_only(self) -> bool:
        """Whether the shown responses contain raised genes only."""
        return self.selection.raised_only and not self.relative

    def named(self, direction: Direction) -> str:
        """Return a direction in words: a gene below the mean response need not be lowered."""
        words = {"raised": "Above the mean", "lowered": "Below the mean"} if self.relative else {}
        return words.get(direction, direction.capitalize())

    @property
    def directions(self) -> tuple[str, str]:
        """The meanings of positive and negative values."""
        return self.named("raised"), self.named("lowered")

    @property
    def unit(self) -> str:
        """The unit of the shown responses."""
        return self.selection.unit + ", minus the mean response" * self.relative

    @property
    def title(self) -> str:
        """What the page is about."""
        return f"{self.gene} knockdown in {self.selection.line}"

    @property
    def where(self) -> str:
        """Gene and line, for names of files."""
        return f"{self.gene}-{self.selection.line}"

    @property
    def note(self) -> str:
        """The model and its line, for captions: a saved figure names the line nowhere else."""
        return (
            f"Gaussian process on {embedding_label(self.selection.embedding)},"
            f" {self.shown.trained_on:,} training perturbations in {self.selection.line}."
        )

    @property
    def chances(self) -> str:
        """What the columns p_up, p_down and p_change are."""
        up = f"P(up): probability of a measurement above {self.beyond:g}"
        if self.selection.raised_only:
            return f"{up} ({self.unit}). This screen has raised genes only."
        return f"{up}; P(down): below {-self.beyond or 0:g}; P(change): either ({self.unit})."

    def table(self) -> pd.DataFrame:
        """Return a row for every gene: predicted and, if known, measured."""
        table = self.shown.prediction.table(self.beyond, self.selection.raised_only)
        if self.shown.measured is not None:
            table["measured"] = self.shown.measured
        if self.shown.q is not None:
            table["false discovery rate, measured"] = self.shown.q
        for method, one in self.others.items():
            table[f"predicted by {method}"] = one.prediction.mean[0]
        table["most knockdowns change it alike"] = self.usual
        return table


def response(view: GeneView, count: int, every: bool = True) -> Section:
    """Return the strongest genes, and the prediction against the measurement.

    Where there is none, how well similar knockdowns were predicted.

    Args:
        every: Whether each gene is a dot in a scatter.
    """
    return view.once(("response", count, every), lambda: _response(view, count, every))


def _response(view: GeneView, count: int, every: bool) -> Section:
    gene, line, shown = view.gene, view.selection.line, view.shown
    table = view.table()
    predicted = {name: one.prediction.mean[0] for name, one in view.others.items()}
    ranked = Figure(
        figures.ranked_genes(
            shown.prediction, shown.measured, view.unit, count, predicted, view.usual,
            view.raised_only, view.directions,
        ),
        f"The {count} genes with the strongest predicted response to knocking down {gene} in"
        f" {line}, with 95 % intervals and measurements"
        + "".join(f", and what {method} predicts" for method in predicted)
        + ".",
        f"{view.where}-genes",
        table,
        view.note,
        "The mark is the mean prediction. The interval holds a new measurement, noise included; it"
        " is learnt from training knockdowns, each predicted from the others. Where responses have"
        " a bound, the mean can lie outside. *Can I trust the intervals?* shows what they held. An"
        " asterisk marks genes whose"
        " mean response over all knockdowns is larger than its standard deviation."
        f" {view.chances}",
        view.code,
    )  # fmt: skip
    title = "Predicted response" + " relative to the mean response" * view.relative
    if shown.measured is None or shown.top is None:
        second = Figure(
            figures.similar_knockdowns(
                view.near, view.verdict.alike, view.verdict.accuracy.median()
            ),
            f"The {len(view.near)} measured knockdowns most like {gene} to the model, and how well"
            " each was predicted from the others.",
            f"{view.where}-similar",
            view.near,
            f"There is no measurement of {gene} to compare with.",
        )
    else:
        second = Figure(
            figures.predicted_against_measured(
                shown.prediction,
                shown.measured,
                shown.top,
                view.unit,
                shown.scores["pearson_all"],
                every,
            ),
            f"Scatter of predicted against measured response of every gene to knocking down {gene}"
            f" in {line}.",
            f"{view.where}-scatter",
            table,
            view.note,
            code=view.code,
        )
    return Section(
        title, called(view), [ranked, second], strongest(table, "mean", count, view.raised_only)
    )


def called(view: GeneView) -> list[str]:
    """Return how many genes differ in the measurement, by its tests."""
    q = view.shown.q
    if q is None:
        return []
    return [
        f"In the measurement {(q <= FDR).sum():,} of these {len(q):,} genes differ from control"
        f" (Welch's t-test on {view.shown.cells:,.0f} cells, false discovery rate"
        f" {round(100 * FDR)} %)."
    ]


def trust(view: GeneView) -> Section:
    """Return whether to believe the prediction."""
    words = view.verdict.sentence().replace("**", "")
    return Section("Should I believe it?", [words], table=view.verdict.words())


def scores(view: GeneView) -> Section:
    """Return how close the prediction came to its measurement, and others beside it."""
    control = {view.selection.method: view.control, **view.elsewhere}
    table = pd.DataFrame(scores_in_words("Method", control)).set_index("Method")
    words = (
        "How close the prediction came to this gene's own measurement. One gene's scores are noisy:"
        " weak responses correlate little whatever is predicted."
    )
    return Section("This gene's own scores", [words], table=table)


def foundation(view: GeneView) -> Section:
    """Return which training knockdowns the prediction rests on."""
    title, gene = "What the prediction rests on", view.gene
    attribution = attribute(view.fitted, gene)
    if not attribution.defined:
        return Section(
            title,
            [
                f"The prediction for {gene} is the mean of all training knockdowns: nothing that"
                " was learnt applies to it."
            ],
        )
    sources = "; ".join(
        f"{embedding_label(str(source))} {100 * share:.0f} %"
        for source, share in attribution.by_source.items()
    )
    words = (
        "The prediction is the mean of all training knockdowns plus a weighted sum of their"
        f" responses. Shares are exact and sum to 100 %. By source: {sources}."
    )
    screen, shown = view.selection.screen, view.control
    rows = neighbourhood(
        view.fitted, screen, attribution, shown.prediction, shown.measured, KNOCKDOWNS,
        HEATMAP_GENES,
    )  # fmt: skip
    bars = Figure(
        figures.attribution_bars(attribution, KNOCKDOWNS),
        f"Bars: share of each training knockdown in the prediction for {gene}, by source.",
        f"{view.where}-rests-on",
        attribution.table(),
        view.note,
        code=script.of_attribution(view.selection, gene),
    )
    heatmap = Figure(
        figures.response_heatmap(
            rows,
            f"{gene} beside what it rests on",
            view.selection.unit,
            view.selection.raised_only,
        ),
        f"Heatmap: predicted and measured response to knocking down {gene}, above the responses of"
        f" the {KNOCKDOWNS} training knockdowns that contribute most.",
        f"{view.where}-neighbourhood",
        rows.rename_axis("row").reset_index(),
        view.note,
        f"The {len(rows.columns)} strongest predicted genes; in brackets the share in the"
        " prediction. Knockdowns and genes stand beside those like them (hierarchical clustering)."
        + " Training responses are as reconstructed by the trained model."
        * (view.selection.trained is not None),
    )
    return Section(title, [words], [bars, heatmap], attribution.table().head(KNOCKDOWNS).round(3))


def pathways(view: GeneView, sets: GeneSets | None, count: int, direction: Direction) -> Section:
    """Return which gene sets the strongest genes are in."""
    title = "Gene sets among the strongest predicted genes"
    if sets is None:
        return Section(
            title,
            [
                "This data set has no gene sets. Import some: `python -m llmpert import --name"
                f" {view.selection.data.name} --gene-sets sets.gmt`."
            ],
        )
    prediction = view.shown.prediction
    chosen = strongest_genes(prediction, count, direction)
    tested = enrichment(chosen, prediction.genes, sets)
    words = (
        f"{(tested['q'] < FDR).sum()} of {len(tested):,} gene sets of {sets.name} stand out"
        f" (q < {FDR}) among the {len(chosen):,} genes with the strongest predicted response"
        f"{'' if direction == 'both' else f' that are {view.named(direction).lower()}'}."
    )
    return Section(title, [words], table=tested)


def all_genes(view: GeneView) -> Section:
    """Return a volcano of all genes."""
    prediction = view.shown.prediction
    chart = Figure(
        figures.volcano(
            prediction, view.shown.measured, view.unit, view.raised_only, view.directions
        ),
        f"Volcano of every gene's predicted response to knocking down {view.gene} in"
        f" {view.selection.line}.",
        f"{view.where}-volcano",
        view.table().assign(z=lambda table: table["mean"] / table["sd"]),
        view.note,
        "z is the predicted response divided by its standard deviation, that of a new measurement."
        f" {view.chances}",
        view.code,
    )
    return Section("All genes", figures=[chart])


def other_lines(view: GeneView) -> list[Selection]:
    """Return the same selection in each of the data set's other lines."""
    of, data = view.selection, view.selection.data
    lines = [line for line in data.lines if line != of.line]
    return [
        Selection.of_trained(data, line) if line in data.trained else replace(of, line=line)
        for line in lines
    ]


def other_line(view: GeneView, of: Selection, there: GenePrediction, every: bool = True) -> Section:
    """Return the same gene in another line, beside this one; `every` is as for `response`."""
    here = view.selection
    a, b = (
        Side(line.line, made.prediction, made.measured, line.unit)
        for line, made in ((here, view.control), (of, there))
    )
    table, labels, units = compare(a, b), (a.label, b.label), (a.unit, b.unit)
    known = a.measured is not None and b.measured is not None
    drawn: list[Literal["predicted", "measured"]] = ["predicted", "measured"]
    charts = [
        Figure(
            one_against_the_other(table, labels, units, what, every),
            f"Scatter of the {what} response of every gene to knocking down {view.gene}:"
            f" {a.label} across, {b.label} up.",
            f"{view.where}-{b.label}-{what}",
            table,
            view.note,
        )
        for what in drawn[: 1 + known]
    ]
    return Section(f"{view.gene} in {of.line}", [f"In {of.line}: {there.state}."], charts)


def knowing_line(view: GeneView, line: str, made: GenePrediction, every: bool = True) -> Section:
    """Return what is predicted where another line's measurement is known, beside the prediction.

    Args:
        made: That prediction.
        every: As for `response`.
    """
    labels = embedding_label(view.selection.embedding), f"with {MEASURED_IN}{line}"
    a, b = (
        Side(label, one.prediction, one.measured, view.selection.unit)
        for label, one in zip(labels, (view.control, made), strict=True)
    )
    table = compare(a, b)
    chart = Figure(
        both_against_measured(table, labels, view.selection.unit, every),
        f"Scatters of the responses of every gene to knocking down {view.gene}, as predicted"
        f" without and with what {line} measured (across) and as measured (up).",
        f"{view.where}-knowing-{line}",
        table,
        view.note,
    )
    scores = dict(zip(labels, (view.control, made), strict=True))
    words = f"What the same knockdown did in {line} is one more source of the same model."
    return Section(
        f"With {MEASURED_IN}{line}",
        [words],
        [chart],
        pd.DataFrame(scores_in_words("Known", scores)).set_index("Known"),
    )


def facts(view: GeneView) -> list[str]:
    """Return what is to be known of the prediction, one after the other."""
    shown = view.control
    found = [
        f"{view.selection.method}, {shown.trained_on:,} training perturbations",
        f"{shown.state}: {shown.about_state}",
    ]
    if shown.cells is not None:
        found.append(f"{shown.cells:,.0f} cells")
    for name, value in shown.scores.items():
        found.append(f"{cache.METRICS[name].label}: {format_score(value)}")
    return found + [f"not predicted by {name}" for name, one in view.elsewhere.items() if not one]
