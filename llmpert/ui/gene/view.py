"""The gene page. Each of its sections is built once, for the screen and the report alike."""

from collections.abc import Mapping
from dataclasses import dataclass

import streamlit as st

from llmpert.evaluation.results import embedding_label
from llmpert.figures import prediction as figures
from llmpert.figures.report import Figure, Section, report
from llmpert.insight import reliability
from llmpert.insight.attribution import attribute, neighbourhood
from llmpert.insight.enrichment import enrichment
from llmpert.insight.ranking import Direction, strong_perturbation, strongest, strongest_genes
from llmpert.screens import FDR
from llmpert.ui.common import cache
from llmpert.ui.common import components as show
from llmpert.ui.common.external_methods import origin, other_sizes
from llmpert.ui.common.gene_search import choose_gene, set_control, show_identity
from llmpert.ui.common.gene_sets import choose_sets
from llmpert.ui.common.selection import Selection, how_many, one_of
from llmpert.ui.gene.prediction import (
    GenePrediction,
    format_score,
    predict,
    predicted_elsewhere,
    scores_in_words,
)

KNOCKDOWNS, HEATMAP_GENES = 12, 30
OFFERED = 6
TOP_GENES = (25, 50, 100, 200)
DIRECTIONS: tuple[Direction, ...] = ("both", "raised", "lowered")


@dataclass(frozen=True)
class GeneView:
    """A gene with the prediction that the page is about.

    `others` are those of methods that were run elsewhere: name -> prediction, or None.
    """

    selection: Selection
    gene: str
    shown: GenePrediction
    others: Mapping[str, GenePrediction | None]

    @property
    def where(self) -> str:
        """Gene and line, for names of files."""
        return f"{self.gene}-{self.selection.line}"

    @property
    def note(self) -> str:
        """The model, for captions."""
        return (
            f"Gaussian process on {embedding_label(self.selection.embedding)},"
            f" {self.shown.trained_on:,} training perturbations."
        )

    def draw(self, figure: Figure) -> None:
        """Show a figure of a section."""
        show.figure(**figure._asdict(), data=self.selection.data)


def show_gene(selection: Selection) -> None:
    """Let a gene be chosen; show its prediction, and offer all that is shown as a report."""
    data, line, size = selection.data, selection.line, selection.size
    gene = choose_gene(selection.known, strong_perturbation(selection.screen), data=data)
    show_identity(selection.known, gene)
    shown = predict(selection, gene)
    view = GeneView(selection, gene, shown, predicted_elsewhere(selection, gene))
    st.set_page_config(f"{gene} in {line} · llmpert")
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    title = f"{gene} knockdown in {line}"
    left.subheader(title)
    facts = [f"{selection.method}, {shown.trained_on:,} training perturbations", shown.state]
    if shown.cells is not None:
        facts.append(f"{shown.cells:,.0f} cells")
    st.markdown(" · ".join(facts))
    if shown.scores:
        columns = st.columns(len(shown.scores))
        for column, (name, value) in zip(columns, shown.scores.items(), strict=True):
            metric = cache.METRICS[name]
            about = f"{metric.definition} {metric.edge_cases}"
            column.metric(metric.label, format_score(value), help=about)
            facts.append(f"{metric.label}: {format_score(value)}")
    if view.others:
        st.table(scores_in_words("Method", {selection.method: shown, **view.others}))
    if shown.measured is not None:
        for words in (origin(data, [line], size, view.others), other_sizes(data, line, size)):
            if words:
                st.caption(words)
    facts += [f"not predicted by {name}" for name, one in view.others.items() if not one]
    parts = [_response(view), _trust(view), _foundation(view), _all_genes(view)]

    def build() -> bytes:
        caption = f"{view.note} {show.caption(data)}"
        words = [" · ".join(facts).replace("**", "")]
        return report(title, words, parts, caption, data.simulated).encode()

    # Megabytes of HTML are only written once somebody asks for them.
    right.download_button(
        "Report (HTML)",
        build,
        file_name=f"llmpert-{title.replace(' ', '-')}{'-simulated' * data.simulated}.html",
        mime="text/html",
        on_click="ignore",
        icon=":material/article:",
        key="report",
        help="Everything on this page in one file that opens without a network, figures included.",
    )


def _response(view: GeneView) -> Section:
    """Show the genes that are predicted to change most, and prediction against measurement."""
    gene, line, unit, shown = view.gene, view.selection.line, view.selection.unit, view.shown
    with st.columns([1, 2])[0]:
        count = how_many("Genes shown", "shown")
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
        figures.ranked_genes(shown.prediction, shown.measured, unit, count, elsewhere),
        f"The {count} genes with the strongest predicted response to knocking down {gene} in"
        f" {line}, with 95 % intervals and measurements"
        + "".join(f", and what {method} predicts" for method in elsewhere)
        + ".",
        f"{view.where}-genes",
        table,
        view.note,
        "Intervals are for a new measurement, noise included; their widths come from how far off"
        " training knockdowns were when predicted from the others.",
    )
    title, best = "Predicted response", strongest(table, "mean", count)
    if shown.measured is None or shown.top is None:
        view.draw(ranked)
        show.info(
            f"There is no measurement of {gene} to compare with. *Should I believe it?* below"
            " says how good predictions like this one are."
        )
        return Section(title, figures=[ranked], table=best)
    score = shown.scores["pearson_all"]
    scatter = Figure(
        figures.predicted_against_measured(
            shown.prediction, shown.measured, shown.top, unit, score
        ),
        f"Scatter of predicted against measured response of every gene to knocking down {gene} in"
        f" {line}.",
        f"{view.where}-scatter",
        table,
        view.note,
    )
    left, right = st.columns([3, 2])
    with left:
        view.draw(ranked)
    with right:
        if shown.q is not None:
            st.markdown(
                f"In the measurement **{(shown.q <= FDR).sum():,}** of these {len(shown.q):,} genes"
                f" differ from control (Welch's t-test on {shown.cells:,.0f} cells, false discovery"
                f" rate {round(100 * FDR)} %)."
            )
        view.draw(scatter)
    return Section(title, figures=[ranked, scatter], table=best)


def _trust(view: GeneView) -> Section:
    """Show whether to believe the prediction, and the knockdowns most like it."""
    reference = view.selection.reliability(view.gene)
    verdict = reference.judge(view.gene)
    sentence = verdict.sentence()
    section = Section("Should I believe it?", [sentence.replace("**", "")], table=verdict.words())
    st.header(section.title, divider="gray")
    st.markdown(sentence)
    left, right = st.columns([3, 2])
    with left:
        st.table(section.table)
    near = reference.neighbours(view.gene)
    with right:
        st.markdown(f"**The {len(near)} measured knockdowns most like it** to the model")
        st.dataframe(
            near,
            hide_index=True,
            height=38 + 35 * min(len(near), 6),
            column_config={
                "perturbation": st.column_config.TextColumn("Knockdown"),
                "similarity": show.number(
                    "Similarity",
                    format="%.2f",
                    help="Correlation that the model expects between the two responses before"
                    " seeing any: 1 is the same gene, 0 is unrelated.",
                ),
                "accuracy": show.number(
                    "Accuracy (r)",
                    format="%.2f",
                    help="Pearson correlation over all genes between its measured response and the"
                    " one predicted from all other training knockdowns.",
                ),
            },
        )
        st.caption(
            f"Their mean accuracy: r = {near['accuracy'].mean():.2f};"
            f" all training knockdowns: {reference.left_out.mean():.2f}."
        )
    with st.expander("How this is judged"):
        st.markdown(_how_judged(reference, verdict))
    return section


def _foundation(view: GeneView) -> Section:
    """Show which training knockdowns the prediction rests on."""
    title, gene = "What it rests on", view.gene
    fitted = view.selection.model_behind(gene)
    attribution = attribute(fitted, gene)
    st.header(title, divider="gray")
    if not attribution.defined:
        words = (
            f"The prediction for {gene} is the mean of all training knockdowns: nothing that was"
            " learnt applies to it."
        )
        show.info(words)
        return Section(title, [words])
    sources = "; ".join(
        f"{embedding_label(str(source))} {100 * share:.0f} %"
        for source, share in attribution.by_source.items()
    )
    words = (
        "The prediction is the mean of all training knockdowns plus a weighted sum of their"
        f" responses. Shares are exact and sum to 100 %. By source: {sources}."
    )
    st.markdown(
        words,
        help="The share of a knockdown: how far its own term moves the prediction from the mean"
        " towards where it ends. Negative shares pull away. The source over all embeddings"
        " together counts genes that are near in every one of them.",
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption("Open one of them:", width="content")
        for near in attribution.strongest(OFFERED):
            args = ("gene", near)
            st.button(near, on_click=set_control, args=args, key=f"open-{near}", type="tertiary")
    screen, shown = view.selection.screen, view.shown
    rows = neighbourhood(
        fitted, screen, attribution, shown.prediction, shown.measured, KNOCKDOWNS, HEATMAP_GENES
    )
    bars = Figure(
        figures.attribution_bars(attribution, KNOCKDOWNS),
        f"Bars: share of each training knockdown in the prediction for {gene}, by source.",
        f"{view.where}-rests-on",
        attribution.table(),
        view.note,
    )
    heatmap = Figure(
        figures.neighbourhood_heatmap(rows, gene, view.selection.unit, view.selection.raised_only),
        f"Heatmap: predicted and measured response to knocking down {gene}, above the responses of"
        f" the {KNOCKDOWNS} training knockdowns that contribute most.",
        f"{view.where}-neighbourhood",
        rows.rename_axis("row").reset_index(),
        view.note,
        f"The {len(rows.columns)} strongest predicted genes; in brackets the share in the"
        " prediction."
        + " Training responses are shown as far as the trained model has them."
        * (view.selection.trained is not None),
    )
    for column, figure in zip(st.columns([2, 3]), (bars, heatmap), strict=True):
        with column:
            view.draw(figure)
    return Section(title, [words], [bars, heatmap], attribution.table().head(KNOCKDOWNS).round(3))


def _all_genes(view: GeneView) -> Section:
    """Show a volcano of all genes, and which gene sets the strongest are in."""
    data, line, prediction = view.selection.data, view.selection.line, view.shown.prediction
    title = "All genes, and what the strongest share"
    st.header(title, divider="gray")
    left, right = st.columns(2)
    chart = Figure(
        figures.volcano(
            prediction, view.shown.measured, view.selection.unit, view.selection.raised_only
        ),
        f"Volcano of every gene's predicted response to knocking down {view.gene} in {line}.",
        f"{view.where}-volcano",
        prediction.table().assign(z=lambda table: table["mean"] / table["sd"]),
        view.note,
        "z is the predicted response divided by its standard deviation, that of a new measurement.",
    )
    with left:
        view.draw(chart)
    with right:
        st.markdown(
            "**Gene sets among the strongest predicted genes**",
            help="One-sided hypergeometric test against all predicted genes; q is the false"
            " discovery rate over all sets tested (Benjamini & Hochberg).",
        )
        sets = choose_sets(data, line, "genes", favoured="GO processes")
        if sets is None:
            words = (
                "This data set has no gene sets. Import some: `python -m llmpert import --name"
                f" {data.name} --gene-sets sets.gmt`."
            )
            show.info(words)
            return Section(title, [words], [chart])
        first, second = st.columns(2)
        with first:
            count = how_many("Genes", "top", TOP_GENES)
        with second:
            offered = DIRECTIONS[1:2] if view.selection.raised_only else DIRECTIONS
            direction = one_of("Direction", "direction", offered)
        chosen = strongest_genes(prediction, count, direction)
        tested = enrichment(chosen, prediction.genes, sets)
        words = (
            f"{(tested['q'] < FDR).sum()} of {len(tested):,} gene sets of {sets.name} stand out"
            f" (q < {FDR}) among the {len(chosen):,} genes with the strongest predicted response"
            f"{'' if direction == 'both' else f' that are {direction}'}."
        )
        st.markdown(words)
        formats = show.numbers(expected="%.1f", fold="%.1f", p="%.1e", q="%.1e")
        # Beside long names what counts is in sight.
        order = ("set", "q", *tested.columns.drop(["set", "q"]))
        st.dataframe(
            tested.head(20),
            hide_index=True,
            column_order=order,
            column_config={"set": st.column_config.TextColumn(width="medium"), **formats},
        )
        show.footer(f"{view.where}-enrichment", tested, view.note, data, details=f"{sets.source}.")
    return Section(title, [words], [chart], tested.head(20))


def _how_judged(reference: reliability.ReliabilityReference, verdict: reliability.Verdict) -> str:
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
        else f"Here only {tested:,} knockdowns are held out; at least {reliability.ENOUGH} are"
        " needed."
    )
    which = (
        f"held out with {gene}"
        if gene in reference.values.index
        else f"left out by a model of the same kind ({gene} itself was not measured)"
    )
    words = ", ".join(f"from {low:g} {word}" for low, word in reliability.BANDS if low > 0)
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
        f" correlation: {words}, below {reliability.BANDS[-1][1]}.\n\n"
        f"Distance: mean over the {reliability.NEAREST} nearest training genes in the source's"
        " principal components. Width: mean half-width of the 95 % intervals. Departure: root mean"
        " square of prediction minus the mean response of training knockdowns. Accuracy of the"
        f" {reliability.NEIGHBOURS} knockdowns most like it: each predicted from all others by the"
        " same model (leave-one-out)."
    )
