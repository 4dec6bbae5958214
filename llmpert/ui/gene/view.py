"""How the gene page shows its sections."""

from collections.abc import Sequence

import streamlit as st

from llmpert.figures.report import Figure, Section, report
from llmpert.insight.attribution import attribute
from llmpert.insight.ranking import Direction
from llmpert.ui.common import cache
from llmpert.ui.common import components as show
from llmpert.ui.common.external_methods import origin, other_sizes
from llmpert.ui.common.gene_search import offer
from llmpert.ui.gene import sections
from llmpert.ui.gene.prediction import format_score, scores_in_words
from llmpert.ui.gene.sections import GeneView

GENES_SHOWN = (10, 20, 30, 50)
OFFERED = 6
TOP_GENES = (25, 50, 100, 200)
DIRECTIONS: tuple[Direction, ...] = ("both", "raised", "lowered")


def summary(view: GeneView) -> None:
    """Show what the prediction is and how close it came to the measurement."""
    data, line, size = view.data, view.selection.line, view.selection.size
    st.markdown(" · ".join(view.facts()))
    scores = view.shown.scores
    if scores:
        for column, (name, value) in zip(st.columns(len(scores)), scores.items(), strict=True):
            metric = cache.METRICS[name]
            about = f"{metric.definition} {metric.edge_cases}"
            column.metric(metric.label, format_score(value), help=about)
    if view.others:
        name = view.selection.method
        st.table(scores_in_words("Method", {name: view.shown, **view.others}))
    for words in (origin(data, [line], size, view.others), other_sizes(data, line, size)):
        if words and view.shown.measured is not None:
            st.caption(words)


def response(view: GeneView) -> Section:
    """Show ranked genes, and prediction against measurement."""
    count = st.columns([1, 2])[0].select_slider(
        "Genes shown", GENES_SHOWN, value=20, key="shown", bind="query-params"
    )
    section = sections.response(view, count)
    ranked, *scatter = section.figures
    if not scatter:
        _draw(view, ranked)
        show.info(
            f"There is no measurement of {view.gene} to compare with. *Should I believe it?* below"
            " says how good predictions like this one are."
        )
        return section
    left, right = st.columns([3, 2])
    with left:
        _draw(view, ranked)
    with right:
        if view.shown.differing():
            st.markdown(view.shown.differing())
        _draw(view, scatter[0])
    return section


def trust(view: GeneView) -> Section:
    """Show whether to believe the prediction, and the knockdowns most like it."""
    reference = view.selection.reliability(view.gene)
    verdict = reference.judge(view.gene)
    section = sections.trust(verdict)
    st.header(section.title, divider="gray")
    st.markdown(verdict.sentence())
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
                "similarity": st.column_config.NumberColumn(
                    "Similarity",
                    format="%.2f",
                    help="Correlation that the model expects between the two responses before"
                    " seeing any: 1 is the same gene, 0 is unrelated.",
                ),
                "accuracy": st.column_config.NumberColumn(
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
        st.markdown(sections.how_judged(reference, verdict))
    return section


def foundation(view: GeneView) -> Section:
    """Show which training knockdowns the prediction rests on."""
    fitted = view.selection.model_behind(view.gene)
    attribution = attribute(fitted, view.gene)
    section = sections.foundation(view, fitted, attribution)
    st.header(section.title, divider="gray")
    if not section.figures:
        show.info(section.text[0])
        return section
    st.markdown(
        section.text[0],
        help="The share of a knockdown: how far its own term moves the prediction from the mean"
        " towards where it ends. Negative shares pull away. The source over all embeddings"
        " together counts genes that are near in every one of them.",
    )
    offer(attribution.strongest(OFFERED), "Open one of them:")
    for column, figure in zip(st.columns([2, 3]), section.figures, strict=True):
        with column:
            _draw(view, figure)
    return section


def all_genes(view: GeneView) -> Section:
    """Show a volcano of all genes, and which gene sets the strongest are in."""
    sets = cache.gene_sets(view.data, view.selection.line, "genes")
    header = st.container()
    left, right = st.columns(2)
    count, direction = TOP_GENES[1], DIRECTIONS[0]
    with right:
        st.markdown(
            "**Gene sets among the strongest predicted genes**",
            help="One-sided hypergeometric test against all predicted genes; q is the false"
            " discovery rate over all sets tested (Benjamini & Hochberg).",
        )
        if sets is not None:
            first, second = st.columns(2)
            count = first.select_slider(
                "Genes", TOP_GENES, value=count, key="top", bind="query-params"
            )
            direction = (
                second.segmented_control(
                    "Direction",
                    DIRECTIONS,
                    default=direction,
                    format_func=str.capitalize,
                    key="direction",
                    bind="query-params",
                )
                or direction
            )
    section, tested = sections.all_genes(view, sets, count, direction)
    header.header(section.title, divider="gray")
    with left:
        _draw(view, section.figures[0])
    with right:
        if sets is None:
            show.info(section.text[0])
            return section
        st.markdown(section.text[0])
        formats = show.numbers(expected="%.1f", fold="%.1f", p="%.1e", q="%.1e")
        st.dataframe(section.table, hide_index=True, column_config=formats)
        note = f"{sets.source}. {view.note}"
        show.footer(f"{view.where}-enrichment", tested, note, view.data)
    return section


def _draw(view: GeneView, figure: Figure) -> None:
    show.figure(**figure._asdict(), data=view.data)


def offer_report(view: GeneView, parts: Sequence[Section]) -> None:
    """Offer the page as a file; megabytes of HTML are only written once it is asked for."""
    facts = [" · ".join([*view.facts(), *view.scores()]).replace("**", "")]
    simulated = view.data.simulated

    def build() -> bytes:
        caption = f"{view.note} {show.caption(view.data)}"
        return report(view.title, facts, parts, caption, simulated).encode()

    st.download_button(
        "Report (HTML)",
        build,
        file_name=f"llmpert-{view.title.replace(' ', '-')}{'-simulated' * simulated}.html",
        mime="text/html",
        on_click="ignore",
        icon=":material/article:",
        key="report",
        help="Everything on this page in one file that opens without a network, figures included.",
    )
