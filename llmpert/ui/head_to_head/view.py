"""Two methods against each other: chosen, compared and drawn, one dot a perturbation."""

from dataclasses import replace
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from llmpert.evaluation.grid import grid
from llmpert.evaluation.metrics import Metric
from llmpert.evaluation.results import NO_EMBEDDING
from llmpert.figures.evaluation import head_to_head
from llmpert.insight.head_to_head import (
    OURS,
    RIVAL,
    SMALLEST_SET,
    TIE,
    Method,
    Tally,
    default_pair,
    effect_size,
    largest_effects,
    methods,
    methods_of,
    pairs,
    short_labels,
)
from llmpert.methods.published import ROWS
from llmpert.screens import FDR
from llmpert.ui.common import cache
from llmpert.ui.common import components as show
from llmpert.ui.common import external_methods as elsewhere
from llmpert.ui.common.selection import Selection, choose, open_gene


def choose_methods(selection: Selection, results: pd.DataFrame) -> tuple[Method, Method]:
    """Return the two methods to compare.

    Args:
        results: From `results_elsewhere`: its methods are on offer too.
    """
    data = selection.data
    offered = methods(data.embedding_choices) + methods_of(results)
    first, second = default_pair(offered)
    left, right = st.columns(2)
    with left:
        ours = _choose_method("Method", "ours", offered, first)
    with right:
        rival = _choose_method("Against", "rival", offered, second)
    missing = elsewhere.other_sizes(data, selection.line, selection.size)
    if missing:
        st.caption(missing)
    return ours, rival


def _choose_method(words: str, key: str, offered: list[Method], default: Method) -> Method:
    """Return one of the methods; the address names it by its label."""
    by_label = {method.label: method for method in offered}
    about = (
        "A model and the embedding that it knows the genes by; a method that was run elsewhere, by"
        " its imported predictions; or by its published results: *(published)*."
    )
    return by_label[choose(words, key, list(by_label), about, first=default.label)]


def choose_metric(names: list[str]) -> Metric:
    """Return one of these metrics; says so if they are not all there are."""
    known = cache.METRICS
    about = "\n\n".join(f"**{known[name].label}**: {known[name].definition}" for name in names)
    chosen = choose("Metric", "metric", names, about, shown=lambda name: known[name].label)
    if len(names) < len(known):
        st.caption("Only metrics that both methods have are offered.")
    return known[chosen]


def choose_percent() -> int:
    """Return how many of the perturbations to show."""
    return st.slider(
        "Strongest perturbations, %",
        10,
        100,
        50,
        step=5,
        key="strongest",
        bind="query-params",
        help="Weak responses are mostly noise, which nobody can predict. Perturbations are ranked"
        " by effect size: the root mean square of the measured response over all genes.",
    )


def results_elsewhere(selection: Selection) -> pd.DataFrame:
    """Return results of methods that were run elsewhere, on the perturbations of a line's screen.

    Predictions that were made with this training size, scored here; and published values. The
    columns are `ROWS`.
    """
    data, line = selection.data, selection.line
    predicted = cache.external_results(data, line)
    rows = predicted.loc[predicted["train_size"] == selection.size, list(ROWS)]
    parts = [part for part in (rows, cache.published_results(data, line)) if len(part)]
    return pd.concat(parts, ignore_index=True) if parts else rows


def results(
    selection: Selection, ours: Method, rival: Method, others: pd.DataFrame
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return tidy results of two methods over all folds, and what those computed here are about.

    Fits that were never made are made now, under a progress bar, and kept.

    Args:
        others: From `results_elsewhere`.
    """
    data, fits = selection.data, []
    for method in (ours, rival):
        if not (method.published or method.external):
            experiment = cache.experiment(data, selection.line, _source(selection, method))
            fits += grid([experiment], [method.model], [selection.size])
    found = cache.run_fits(fits)
    parts = [part for part in (found.table, others) if len(part)]
    return pd.concat(parts, ignore_index=True), found.about


def _source(selection: Selection, method: Method) -> str:
    """Return the embedding to use for a method; where it needs none, all joined."""
    without = method.embedding == NO_EMBEDDING
    return selection.data.embedding_choices[-1] if without else method.embedding


def show_methods(
    selection: Selection,
    ours: Method,
    rival: Method,
    metric: Metric,
    percent: int,
    others: pd.DataFrame,
) -> None:
    """Show a dot a perturbation, who wins how many, and which gene sets; a dot opens its gene.

    Args:
        percent: How many of the perturbations are shown, by effect size.
        others: From `results_elsewhere`.

    Raises:
        InputError: The methods have no perturbation in common.
    """
    data, line, size = selection.data, selection.line, selection.size
    values, about = results(selection, ours, rival, others)
    sizes = cache.once(lambda: effect_size(data.screens[line]), data, line, "effect size")
    both = pairs(values, ours, rival, metric, sizes)
    table = largest_effects(both, percent / 100)
    tally, names = Tally.of(table), short_labels(ours, rival)
    everything = len(table) == len(both)
    compared = f"{ours.label} against {rival.label} in {line}"
    if not (ours.published and rival.published):
        compared += f", {size:,} training perturbations"
    scope = "all perturbations" if everything else f"the {percent} % with the largest effect size"
    source = origin(selection, ours, rival)
    name = f"{ours.slug}-{rival.slug}-{metric.name}-{line}-{size}-{percent}"
    if source:
        st.info(
            f"{source} Compared on the **{len(both):,}** perturbations of the screen's"
            f" {len(data.screens[line].perturbations):,} that both were tested on.",
            icon=":material/menu_book:",
        )
    named = table.drop(columns="winner").set_axis(
        ["perturbation", "effect size", *names, "difference"], axis=1
    )
    named["winner"] = table["winner"].replace({OURS: names[0], RIVAL: names[1]})
    counts = in_words(tally, *names)
    figure_place, table_place = st.columns([4, 3])
    with figure_place:
        note = not_like_with_like(ours, rival)
        chosen = show.figure(
            head_to_head(table, *names, metric, selection.unit, note),
            name=f"head-to-head-{name}",
            alt=f"Scatter of {metric.label} of {rival.label} (across) and {ours.label} (up), a dot"
            f" for each of {tally.compared:,} held-out perturbations in {line}: {counts}",
            numbers=named,
            note=f"{compared}; {scope}. {source}".strip(),
            data=data,
            about=about,
            select=["points"],
        )
        if chosen:
            open_gene(replace(selection, embedding=_source(selection, ours)), str(chosen[0]))
    with table_place:
        st.markdown(counts)
        if everything and percent < 100:
            show.info(
                "All perturbations are shown: so many have the same effect size that no"
                f" {percent} % of them are the strongest."
            )
        number = partial(st.column_config.NumberColumn, width="small")
        effect = f"Root mean square of the measured response, in {selection.unit}."
        st.dataframe(
            named.drop(columns="winner")[["perturbation", *names, "difference", "effect size"]],
            hide_index=True,
            height=480,
            column_config={
                "perturbation": st.column_config.TextColumn(width=95),
                "difference": number(format="%+.3f", help=f"{names[0]} minus {names[1]}."),
                names[0]: number(format="%.3f", help=ours.label),
                names[1]: number(format="%.3f", help=rival.label),
                "effect size": number(format="%.3g", help=effect),
            },
        )
        st.caption("Click a column's head to sort. An empty cell is a value that is not defined.")
    st.header("Which functions win where?")
    by_set = _sets_won(selection, table, metric, tally, names)
    if by_set is not None and data.gene_sets is not None:
        show.footer(
            f"head-to-head-sets-{name}",
            by_set,
            f"{compared}; {metric.label}; {scope}. Gene sets: {data.gene_sets.name}"
            f" ({data.gene_sets.source}). Paired Wilcoxon signed-rank test, two-sided;"
            f" Benjamini–Hochberg. {source}".strip(),
            data,
            about,
        )


def _sets_won(
    selection: Selection,
    table: pd.DataFrame,
    metric: Metric,
    tally: Tally,
    names: tuple[str, str],
) -> pd.DataFrame | None:
    """Show which gene sets each method wins, and return them; None where none can be tested."""
    if selection.data.gene_sets is None:
        show.info("No gene sets are loaded for these data.")
        return None
    won = cache.sets_won(selection.data, selection.line, table, metric.name)
    if won.empty:
        show.info(
            f"No gene set has {SMALLEST_SET} or more of these perturbations: too few to test."
        )
        return None
    clear = won.loc[won["fdr"] <= FDR, "winner"]
    st.markdown(
        f"Of **{len(won):,}** gene sets with at least {SMALLEST_SET} of these perturbations,"
        f" {names[0]} wins **{(clear == OURS).sum():,}** and {names[1]}"
        f" **{(clear == RIVAL).sum():,}** at a false discovery rate of {round(100 * FDR)} %."
        " The test asks whether the two differ within the set, not whether the set differs from"
        f" others: {names[0]} wins {round(100 * tally.share)} % over all."
    )
    by_set = won.set_axis(
        [
            "gene set", "perturbations", f"{names[0]} wins", f"{names[1]} wins",
            "median difference", "winner", "p", "false discovery rate",
        ],
        axis=1,
    ).replace({"winner": {OURS: names[0], RIVAL: names[1], TIE: "neither"}})  # fmt: skip
    formats = {"median difference": "%+.3f", "p": "%.2g", "false discovery rate": "%.2g"}
    st.dataframe(by_set, hide_index=True, height=320, column_config=show.numbers(**formats))
    return by_set


def not_like_with_like(ours: Method, rival: Method) -> str:
    """Return a note for figures that set a published method beside one computed here; else ""."""
    if ours.published == rival.published:
        return ""
    return "Not like with like: other preprocessing and training"


def origin(selection: Selection, ours: Method, rival: Method) -> str:
    """Return where what was not computed here is from and what it compares with; or ""."""
    data, line = selection.data, selection.line
    words = elsewhere.origin(data, [line], selection.size, {ours.model, rival.model})
    names = [method.model_label for method in (ours, rival) if method.published]
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


def in_words(tally: Tally, ours: str, rival: str) -> str:
    """Return the counts behind the share in the figure's title."""
    words = f"**{ours}** wins {tally.ours:,}, **{rival}** wins {tally.rival:,}"
    words += f", {tally.ties:,} {'is a tie' if tally.ties == 1 else 'are ties'}"
    if tally.undefined:
        words += (
            f"; {tally.undefined:,} more {'is' if tally.undefined == 1 else 'are'} neither drawn"
            " nor counted, as one of the two has no value there (a constant prediction or"
            " measurement has no correlation)"
        )
    return f"{words}."
