"""Two methods against each other: chosen, compared and drawn, one dot a perturbation."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import pandas as pd
import streamlit as st

from llmpert.evaluation.grid import grid
from llmpert.evaluation.results import NO_EMBEDDING, Results
from llmpert.evaluation.scores import Metric
from llmpert.figures.evaluation import head_to_head
from llmpert.genes.sets import GeneSets
from llmpert.insight import head_to_head as insight
from llmpert.models.registry import MODELS, label
from llmpert.screens import FDR
from llmpert.ui.common import cache, script
from llmpert.ui.common import components as show
from llmpert.ui.common import external_methods as elsewhere
from llmpert.ui.common.gene_sets import choose_sets, sets_table
from llmpert.ui.common.opened import open_selected
from llmpert.ui.common.selection import WIDE, Selection, choose, every_dot
from llmpert.ui.common.table import accuracy_bar, gene_table, skill
from llmpert.ui.documentation import section
from llmpert.ui.gene.drawer import show_drawer

NAMED = 130
"""Pixels of a column that a model's name heads."""


def show_methods(selection: Selection) -> None:
    """Let two methods be chosen, and show who wins which perturbations and gene sets.

    A dot of the figure opens its gene, as a row of the table does. Fits that were never made are
    made now, under a progress bar, and kept.

    Raises:
        InputError: The methods have no perturbation in common.
    """
    data, line, size = selection.data, selection.line, selection.size
    others = cache.elsewhere_results(data, line, size)
    row = st.container(horizontal=True, vertical_alignment="bottom")
    with row:
        ours, rival = _choose_methods(selection, others)
    shared = insight.common_metrics(ours, rival, others)
    if not shared:
        show.info(f"No metric is available for both {ours.label} and {rival.label}.")
        st.stop()
    with row:
        metric = _choose_metric(shared)
        with st.popover("More"):
            percent, dots = _choose_percent(), every_dot("knockdown")
            with st.expander("Add another method"):
                st.markdown(section("other-methods", "Bring a method's predictions in"))
            if len(shared) < len(cache.METRICS):
                st.caption("Only metrics available for both methods are listed.")
    missing = elsewhere.other_sizes(data, line, size)
    if missing:
        st.caption(missing)
    found = _computed(selection, (ours, rival))
    every = [part for part in (found.table, others) if len(part)]
    values = pd.concat(every, ignore_index=True)
    sizes = cache.once(lambda: insight.effect_size(data.screens[line]), "effect size", data, line)
    both = insight.pairs(values, ours, rival, metric, sizes)
    table = insight.largest_effects(both, percent / 100)
    tally, names = insight.Tally.of(table), insight.short_labels(ours, rival)
    everything = len(table) == len(both)
    compared = f"{ours.label} against {rival.label} in {line}"
    if not (ours.published and rival.published):
        compared += f", {size:,} training perturbations"
    scope = "all perturbations" if everything else f"the {percent} % with the largest effect size"
    source = _origin(selection, ours, rival)
    name = f"{ours.slug}-{rival.slug}-{metric.name}-{line}-{size}-{percent}"
    named = table.drop(columns="winner").set_axis(
        ["perturbation", "effect size", *names, "difference"], axis=1
    )
    counts = _in_words(tally, *names)
    figure_place, table_place = st.columns(2)
    with figure_place:
        unlike = ours.published != rival.published
        note = "Not like with like: other preprocessing and training" if unlike else ""
        chosen = show.figure(
            head_to_head(table, *names, metric, selection.unit, note, dots),
            name=f"head-to-head-{name}",
            alt=f"Scatter of {metric.label} of {rival.label} (across) and {ours.label} (up), a dot"
            f" for each of {tally.compared:,} held-out perturbations in {line}:"
            f" {counts.replace('*', '')}",
            numbers=named.assign(winner=table["winner"].replace(_sides(names))),
            note=f"{compared}; {scope}.",
            data=data,
            about=found.about,
            select=["points"],
            details=source,
            code=script.of_head_to_head(
                selection,
                [(method, _source(selection, method)) for method in (ours, rival)],
                metric.name,
                percent,
            ),
        )
        open_selected(chosen, "head-to-head")
    with table_place:
        st.markdown(counts)
        if everything and percent < 100:
            show.info(
                "All perturbations are shown: too many share one effect size to single out the"
                " strongest"
                f" {percent} %."
            )
        effect = f"Root mean square of the measured response, in {selection.unit}."
        _list(selection, named, names, (ours.label, rival.label), metric, effect)
    show_drawer(replace(selection, embedding=_source(selection, ours)))
    if source:
        st.info(
            f"{source} Compared on the **{len(both):,}** perturbations of the screen's"
            f" {len(data.screens[line].perturbations):,} that both were tested on.",
            icon=":material/menu_book:",
        )
    st.header("Which functions win where?")
    with st.columns([1, 3])[0]:
        sets = choose_sets(data, line, "perturbations")
    if sets is None:
        show.info("This data set has no gene sets.")
        return
    won = cache.sets_won(data, line, sets.name, table, metric.name)
    if won.empty:
        show.info(
            f"No gene set of {sets.name} has {insight.SMALLEST_SET} or more of these perturbations:"
            " too few to test."
        )
        return
    by_set = _show_sets(won, names, tally, sets, named)
    show.footer(
        f"head-to-head-sets-{name}",
        by_set,
        f"{compared}; {metric.label}; {scope}.",
        data,
        found.about,
        f"Gene sets: {sets.name} ({sets.source}). Paired Wilcoxon signed-rank test, two-sided;"
        f" Benjamini–Hochberg. {source}".strip(),
    )


def _list(
    selection: Selection,
    named: pd.DataFrame,
    names: tuple[str, str],
    labels: tuple[str, str],
    metric: Metric,
    effect: str,
) -> None:
    """Show the values of both methods; `effect` says what an effect size is."""
    number = partial(show.number, width=68)
    value = partial(number, format="%.3f")
    if metric.name == "pearson_all":
        value = partial(accuracy_bar, selection)
    elif metric.best == "max":
        value = skill
    gene_table(
        named[["perturbation", *names, "difference", "effect size"]],
        "list",
        {
            "difference": number(format="%+.3f", help=f"{names[0]} minus {names[1]}."),
            names[0]: value(help=labels[0], width=NAMED),
            names[1]: value(help=labels[1], width=NAMED),
            "effect size": number(format="%.3g", help=effect),
        },
        "effect size, highest first",
        selection,
        height=440,
    )
    st.caption("An empty cell is a value that is not defined.")


def _show_sets(
    won: pd.DataFrame,
    names: tuple[str, str],
    tally: insight.Tally,
    sets: GeneSets,
    genes: pd.DataFrame,
) -> pd.DataFrame:
    """Show which gene sets each method wins; return them under names for people.

    `genes` has both methods' values by perturbation.
    """
    clear = won.loc[won["fdr"] <= FDR, "winner"]
    st.markdown(
        f"Of **{len(won):,}** gene sets with at least {insight.SMALLEST_SET} of these"
        f" perturbations, {names[0]} wins **{(clear == insight.OURS).sum():,}** and {names[1]}"
        f" **{(clear == insight.RIVAL).sum():,}** at a false discovery rate of"
        f" {round(100 * FDR)} %."
        " The test asks whether the two differ within the set, not whether the set differs from"
        f" others: {names[0]} wins {round(100 * tally.share)} % over all."
    )
    by_set = won.set_axis(
        [
            "gene set", "perturbations", f"{names[0]} wins", f"{names[1]} wins",
            "median difference", "winner", "p", "false discovery rate",
        ],
        axis=1,
    ).replace({"winner": {**_sides(names), insight.TIE: "neither"}})  # fmt: skip
    formats = {"median difference": "%+.3f", "p": "%.1e", "false discovery rate": "%.1e"}
    values = dict.fromkeys((*names, "effect size", "difference"), "%.3f")
    sets_table(by_set, "won", sets, genes, show.numbers(**formats, **values), height=320)
    return by_set


def _sides(names: tuple[str, str]) -> dict[str, str]:
    return {insight.OURS: names[0], insight.RIVAL: names[1]}


def _choose_metric(names: list[str]) -> Metric:
    """Return one of these metrics."""
    known = cache.METRICS
    about = "\n\n".join(f"**{known[name].label}**: {known[name].definition}" for name in names)
    chosen = choose("Metric", "metric", names, about, WIDE, shown=lambda name: known[name].label)
    return known[chosen]


def _choose_percent() -> int:
    """Return how many of the perturbations to show."""
    return st.slider(
        "Strongest perturbations, %",
        10,
        100,
        50,
        step=5,
        key="strongest",
        bind="query-params",
        help="Weak responses are mostly noise, which no model can predict. Perturbations are ranked"
        " by effect size: the root mean square of the measured response over all genes.",
    )


def _computed(selection: Selection, methods: Sequence[insight.Method]) -> Results:
    """Return results of those of the methods that are models of this program."""
    fits = []
    for method in methods:
        if method.model in MODELS:
            of = cache.experiment(selection.data, selection.line, _source(selection, method))
            fits += grid([of], [method.model], [selection.size])
    return cache.run_fits(fits)


def _choose_methods(selection: Selection, others: pd.DataFrame) -> list[insight.Method]:
    """Return the two methods to compare, by the labels that name them in the address."""
    offered = insight.methods(selection.data.embedding_choices) + insight.methods_of(others)
    by_label = {method.label: method for method in offered}
    about = (
        "A model with its embedding, the imported predictions of another method, or its published"
        " results *(published)*."
    )
    controls, pair = (("Method", "ours"), ("Against", "rival")), insight.default_pair(offered)
    chosen = [
        by_label[choose(*control, list(by_label), about, first=first.label)]
        for first, control in zip(pair, controls, strict=True)
    ]
    if chosen[0] == chosen[1]:
        show.info("Both sides are the same method: choose two different ones.")
        st.stop()
    return chosen


def _source(selection: Selection, method: insight.Method) -> str:
    """Return the embedding to use for a method; where it needs none, all joined."""
    without = method.embedding == NO_EMBEDDING
    return selection.data.embedding_choices[-1] if without else method.embedding


def _origin(selection: Selection, ours: insight.Method, rival: insight.Method) -> str:
    """Return the origin of imported and published values, and what they compare with; or ""."""
    data, line = selection.data, selection.line
    words = elsewhere.origin(data, [line], selection.size, {ours.model, rival.model})
    names = [label(method.model) for method in (ours, rival) if method.published]
    if not names:
        return words
    words = (
        f"{words} {' and '.join(names)}: values from {data.published[line].source}; where a"
        " perturbation was tested in several splits, their mean. "
    ).lstrip()
    if len(names) == 2:
        return (
            f"{words}Two published methods are like with like: they share preprocessing and DE"
            " genes, though not always the splits."
        )
    return (
        f"{words}They come from other preprocessing, other training sets and other DE genes of the"
        " same screen than what is computed here, so this comparison is not like with like; one of"
        " two published methods is."
    )


def _in_words(tally: insight.Tally, ours: str, rival: str) -> str:
    """Return the counts behind the share in the figure's title."""
    words = f"**{ours}** wins {tally.ours:,}, **{rival}** wins {tally.rival:,}"
    words += f", {tally.ties:,} {'is a tie' if tally.ties == 1 else 'are ties'}"
    if tally.undefined:
        words += (
            f"; {tally.undefined:,} more {'is' if tally.undefined == 1 else 'are'} left out, as"
            " one of the two has no value (a constant prediction or measurement has no correlation)"
        )
    return f"{words}."
