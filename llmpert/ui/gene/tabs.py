"""The tabs of the gene page: what stands behind its answer. Only the open one runs."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd
import streamlit as st

from llmpert.embeddings.elsewhere import MEASURED_IN
from llmpert.errors import InputError
from llmpert.figures.report import Figure, Section
from llmpert.insight import reliability
from llmpert.insight.ranking import strongest
from llmpert.ui.common import cache
from llmpert.ui.common import components as show
from llmpert.ui.common.external_methods import origin, other_sizes
from llmpert.ui.common.gene_sets import choose_sets, sets_table
from llmpert.ui.common.opened import open_beside, open_selected
from llmpert.ui.common.selection import how_many, one_of
from llmpert.ui.common.table import accuracy_bar, gene_table
from llmpert.ui.gene import sections
from llmpert.ui.gene.answer import FAVOURED
from llmpert.ui.gene.leave_out import show_leave_out
from llmpert.ui.gene.prediction import predict
from llmpert.ui.gene.sections import DIRECTIONS, SETS_SHOWN, GeneView

OFFERED = 6
TOP_GENES = (25, 50, 100, 200)

COLUMNS = {
    "mean": show.number("predicted", format="%.3f"),
    "median": show.number(format="%.3f", help="Half of new measurements are below it."),
    "sd": show.number(format="%.3f", help="Standard deviation of a new measurement."),
    "low95": show.number("95 % from", format="%.3f"),
    "high95": show.number("to", format="%.3f"),
    "p_up": show.number(
        "P(up)", format="%.2f", help="Probability of a measurement above what is set in *More*."
    ),
    "p_down": show.number("P(down)", format="%.2f"),
    "p_change": show.number("P(change)", format="%.2f", help="P(up) + P(down)."),
    "measured": show.number(format="%.3f"),
    "false discovery rate, measured": show.number("FDR", format="%.1e", help="Of the measurement."),
    "most knockdowns change it alike": st.column_config.CheckboxColumn(
        "Usual", width=60, help="Most knockdowns change it alike."
    ),
}
"""How tables of genes call their columns."""

ABOUT_SETS = (
    "One-sided hypergeometric test against all predicted genes; q is the false discovery rate over"
    " all sets tested (Benjamini & Hochberg)."
)


def show_tabs(view: GeneView, response: Section) -> None:
    """Show the open tab.

    Args:
        response: Its table of the strongest genes stands in the first tab.
    """
    contents: dict[str, Callable[[], None]] = {
        "Response": lambda: _response(view, response),
        "Trust": lambda: _trust(view),
        "Why": lambda: _why(view),
        "Pathways": lambda: _pathways(view),
        "All genes": lambda: _all_genes(view),
    }
    if len(view.selection.data.lines) > 1:
        contents["Other lines"] = lambda: _other_lines(view)
    show.tabs(contents, "tab")


def draw(view: GeneView, figure: Figure, select: Sequence[str] = ()) -> list[Any]:
    """Show a figure of a section, as `show.figure` does."""
    return show.figure(**figure._asdict(), data=view.selection.data, select=select)


def _side_by_side(view: GeneView, figures: list[Figure], widths: tuple[int, int] = (1, 1)) -> None:
    for column, figure in zip(st.columns(widths), figures, strict=False):
        with column:
            draw(view, figure)


def _response(view: GeneView, section: Section) -> None:
    for words in section.text:
        st.markdown(words)
    if section.table is not None:
        shown = section.table.drop(columns="perturbation").dropna(axis="columns", how="all")
        gene_table(shown, "response", COLUMNS, _by_strength(view))
        st.caption(view.chances)


def _trust(view: GeneView) -> None:
    data, line, size = view.selection.data, view.selection.line, view.selection.size
    st.markdown(view.verdict.sentence())
    left, right = st.columns([3, 2])
    with left:
        st.table(view.verdict.words())
    with right:
        st.markdown(f"**The {len(view.near)} measured knockdowns most like it** to the model")
        gene_table(
            view.near,
            "near",
            {
                "similarity": show.number(
                    "Similarity",
                    format="%.2f",
                    width="small",
                    help="Correlation that the model expects between the two responses before"
                    " seeing any: 1 is the same gene, 0 is unrelated.",
                ),
                "accuracy": accuracy_bar(
                    view.selection,
                    "Accuracy (r)",
                    "Pearson correlation over all genes between its measured response and the one"
                    " predicted from all other training knockdowns.",
                ),
            },
            "Similarity, highest first",
            view.selection,
            height="content",
        )
        st.caption(
            f"Their mean accuracy: r = {view.near['accuracy'].mean():.2f};"
            f" all training knockdowns: {view.reference.left_out.mean():.2f}."
        )
    with st.expander("How this is judged"):
        st.markdown(_how_judged(view))
    if view.control.measured is not None:
        own = sections.scores(view)
        st.subheader(own.title)
        st.markdown(" ".join(own.text))
        st.table(own.table)
        with st.expander("What the scores mean"):
            for metric in cache.METRICS.values():
                st.markdown(f"**{metric.label}**: {metric.definition} {metric.edge_cases}")
        for words in (origin(data, [line], size, view.elsewhere), other_sizes(data, line, size)):
            if words:
                st.caption(words)


def _why(view: GeneView) -> None:
    section = sections.foundation(view)
    if section.table is None:
        show.info(" ".join(section.text))
        return
    st.markdown(
        " ".join(section.text),
        help="The share of a knockdown: how far its own term moves the prediction from the mean"
        " towards where it ends. Negative shares pull away. The source over all embeddings"
        " together counts genes that are near in every one of them.",
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption("Open one of them:", width="content")
        for name in map(str, section.table["perturbation"].head(OFFERED)):
            args = (name,)
            st.button(name, on_click=open_beside, args=args, key=f"open-{name}", type="tertiary")
    _side_by_side(view, list(section.figures), (2, 3))
    show_leave_out(view)


def _pathways(view: GeneView) -> None:
    data, line = view.selection.data, view.selection.line
    first, second, third = st.columns(3)
    with first:
        sets = choose_sets(data, line, "genes", FAVOURED)
    with second:
        count = how_many("Genes", "top", TOP_GENES)
    with third:
        offered = DIRECTIONS[1:2] if view.raised_only else DIRECTIONS
        named = {one: view.named(one) for one in offered}
        direction = one_of("Direction", "direction", named)
    section = sections.pathways(view, sets, count, direction)
    if section.table is None or sets is None:
        show.info(" ".join(section.text))
        return
    st.markdown(" ".join(section.text), help=ABOUT_SETS)
    # Beside long names what counts is in sight.
    order = ["set", "q", *section.table.columns.drop(["set", "q"])]
    formats = show.numbers(expected="%.1f", fold="%.1f", p="%.1e", q="%.1e")
    sets_table(
        section.table.head(SETS_SHOWN)[order], "pathways", sets, _genes(view), formats | COLUMNS
    )
    about = f"{ABOUT_SETS} {sets.source}."
    show.footer(f"{view.where}-enrichment", section.table, view.note, data, details=about)


def _all_genes(view: GeneView) -> None:
    (chart,) = sections.all_genes(view).figures
    left, right = st.columns(2)
    with left:
        open_selected(draw(view, chart, ["points"]), "volcano")
    with right:
        gene_table(_genes(view), "genes", COLUMNS, _by_strength(view), height=490)
        st.caption(view.chances)


def _genes(view: GeneView) -> pd.DataFrame:
    """Return what tables show of all genes, the strongest first."""
    shown = view.table().drop(columns=["perturbation", "low95", "high95"])
    return strongest(shown, "mean", raised_only=view.raised_only)


def _by_strength(view: GeneView) -> str:
    return f"predicted, {'highest' if view.raised_only else 'strongest'} first"


def _other_lines(view: GeneView) -> None:
    every = bool(st.session_state.get("dots"))
    for of in sections.other_lines(view):
        try:
            section = sections.other_line(view, of, predict(of, view.gene), every)
        except InputError as error:
            show.info(f"**{of.line}**: {show.verbatim(str(error))}")
            continue
        st.markdown(" ".join(section.text))
        if len(section.figures) > 1:
            _side_by_side(view, list(section.figures))
        else:
            with st.columns(2)[0]:
                draw(view, section.figures[0])
    if view.selection.data.screens and view.control.measured is not None and view.measured_in:
        _knowing_lines(view, every)


def _knowing_lines(view: GeneView, every: bool) -> None:
    about = "Fits the model once more, which takes as long as any fit."
    words = "Predict it from what other lines measured, too"
    if not st.toggle(words, key="knowing", bind="query-params", help=about):
        return
    of = view.selection
    for line in view.measured_in:
        made = predict(replace(of, embedding=f"{of.embedding}+{MEASURED_IN}{line}"), view.gene)
        section = sections.knowing_line(view, line, made, every)
        st.markdown(" ".join(section.text))
        st.table(section.table)
        draw(view, section.figures[0])


def _how_judged(view: GeneView) -> str:
    """Return how the verdict is reached for these data, in Markdown."""
    reference, verdict = view.reference, view.verdict
    gene, indicators = verdict.gene, verdict.indicators.dropna(subset="correlation")
    tested, trained = int(verdict.accuracy.notna().sum()), len(reference.fitted.trained_on)
    found = "; ".join(
        f"{label.lower()} ρ = {correlation:+.2f}"
        for label, correlation in zip(
            indicators["indicator"], indicators["correlation"], strict=True
        )
    )
    whether = (
        f"Over the {tested:,} held-out knockdowns: {found}."
        if found
        else f"Only {tested:,} knockdowns are held out; at least {reliability.ENOUGH} are needed."
    )
    which = (
        f"held out with {gene}"
        if gene in reference.values.index
        else f"left out by a model of the same kind ({gene} itself was not measured)"
    )
    words = ", ".join(f"from {low:g} {word}" for low, word in reliability.BANDS if low > 0)
    return (
        "Signs are numbers known before any measurement. Each is compared with the accuracy of"
        " predictions for knockdowns that were measured but not trained on"
        f" ({tested:,} {which}; {trained:,} trained on), by Spearman's correlation ρ. A sign is"
        " used if it has the expected direction by more than two standard errors; otherwise it is"
        " only shown."
        f" {whether}\n\n"
        "A gene's ranks in the used signs, each times its ρ, put it into the lowest, middle or"
        " highest third; the verdict gives the accuracy of the held-out knockdowns in that third,"
        " without the gene's own measurement. *More* or *less than most* is said in the outer"
        " thirds, where their median differs from that of all by more than two standard errors."
        f" Words for the median correlation: {words}, below {reliability.BANDS[-1][1]}.\n\n"
        f"Distance: mean over the {reliability.NEAREST} nearest training genes in the source's"
        " principal components. Width: half the mean width of the 95 % intervals. Departure: root"
        " mean square of prediction minus the mean response of training knockdowns. Accuracy of the"
        f" {reliability.NEIGHBOURS} knockdowns most like it: each predicted from all others by the"
        " same model (leave-one-out)."
    )
