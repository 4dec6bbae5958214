"""Two methods against each other: chosen, compared and drawn, one dot a perturbation."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import pandas as pd
import streamlit as st

from llmpert.evaluation.grid import grid
from llmpert.evaluation.metrics import Metric
from llmpert.evaluation.results import NO_EMBEDDING
from llmpert.figures.head_to_head import head_to_head
from llmpert.insight.head_to_head import (
    OURS,
    RIVAL,
    SMALLEST_SET,
    TIE,
    Method,
    Tally,
    default_pair,
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
from llmpert.ui.common.selection import Selection, open_gene


@dataclass(frozen=True)
class Duel:
    """Two methods by one metric, on the strongest perturbations.

    Attributes
    ----------
    percent:
        How many of the perturbations are shown, by effect size.
    both:
        From `llmpert.insight.head_to_head.pairs`: all perturbations that both were tested on.
    about:
        What results computed here are about.
    """

    selection: Selection
    ours: Method
    rival: Method
    metric: Metric
    percent: int
    both: pd.DataFrame
    about: dict[str, Any]

    @cached_property
    def table(self) -> pd.DataFrame:
        """The perturbations shown."""
        return largest_effects(self.both, self.percent / 100)

    @cached_property
    def tally(self) -> Tally:
        """Who wins how many of them."""
        return Tally.of(self.table)

    @cached_property
    def names(self) -> tuple[str, str]:
        """What the methods are called where space is short."""
        return short_labels(self.ours, self.rival)

    @property
    def all_shown(self) -> bool:
        """Whether no perturbation is left out."""
        return len(self.table) == len(self.both)

    @property
    def words(self) -> str:
        """What is compared, for captions."""
        words = f"{self.ours.label} against {self.rival.label} in {self.selection.line}"
        if not (self.ours.published and self.rival.published):
            words += f", {self.selection.size:,} training perturbations"
        return words

    @property
    def scope(self) -> str:
        """On which perturbations, for captions."""
        if self.all_shown:
            return "all perturbations"
        return f"the {self.percent} % with the largest effect size"

    @cached_property
    def origin(self) -> str:
        """Where what was not computed here comes from; or ""."""
        return origin(self.selection, self.ours, self.rival)

    @property
    def caption(self) -> str:
        """Origin, data and date."""
        return f"{self.origin} {show.caption(self.selection.data, self.about)}".strip()

    @property
    def key(self) -> str:
        """For names of files."""
        line, size = self.selection.line, self.selection.size
        return f"{self.ours.slug}-{self.rival.slug}-{self.metric.name}-{line}-{size}-{self.percent}"


def choose_methods(selection: Selection, results: pd.DataFrame) -> tuple[Method, Method]:
    """Return the two methods to compare.

    Parameters
    ----------
    results:
        From `results_elsewhere`: its methods are on offer too.
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


def _choose_method(label: str, key: str, offered: list[Method], default: Method) -> Method:
    """Return one of the methods; the address names it by its label."""
    by_label = {method.label: method for method in offered}
    # Streamlit wants one default, and `_settle` has just given one.
    index = 0 if _settle(key, by_label, default.label) else list(by_label).index(default.label)
    chosen = st.selectbox(
        label,
        list(by_label),
        index=index,
        key=key,
        bind="query-params",
        help="A model and the embedding that it knows the genes by; a method that was run"
        " elsewhere, by its imported predictions; or by its published results: *(published)*.",
    )
    return by_label.get(chosen, default)


def choose_metric(names: list[str]) -> Metric:
    """Return one of these metrics; says so if they are not all there are."""
    known = cache.METRICS
    _settle("metric", names, names[0])
    chosen = st.selectbox(
        "Metric",
        names,
        format_func=lambda name: known[name].label,
        key="metric",
        bind="query-params",
        help="\n\n".join(f"**{known[name].label}**: {known[name].definition}" for name in names),
    )
    if len(names) < len(known):
        st.caption("Only metrics that both methods have are offered.")
    return known[chosen if chosen in names else names[0]]


def _settle(key: str, offered: Collection[str], default: str) -> bool:
    """Return whether a control's value, no longer on offer, was replaced by the default.

    Streamlit would show the default but leave the old value in the address.
    """
    gone = st.session_state.get(key, default) not in offered
    if gone:
        st.session_state[key] = default
    return gone


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


def duel(
    selection: Selection,
    ours: Method,
    rival: Method,
    metric: Metric,
    percent: int,
    others: pd.DataFrame,
) -> Duel:
    """Compare two methods.

    Fits that were never made are made now, under a progress bar, and kept.

    Parameters
    ----------
    others:
        From `results_elsewhere`.

    Raises
    ------
    InputError
        They have no perturbation in common.
    """
    data, line = selection.data, selection.line
    fits = []
    for method in (ours, rival):
        if method.published or method.external:
            continue
        without = method.embedding == NO_EMBEDDING
        source = data.embedding_choices[-1] if without else method.embedding
        fits += grid([cache.experiment(data, line, source)], [method.model], [selection.size])
    found = cache.run_fits(fits)
    parts = [part for part in (found.table, others) if len(part)]
    values = pd.concat(parts, ignore_index=True)
    both = pairs(values, ours, rival, metric, cache.effect_sizes(data, line))
    return Duel(selection, ours, rival, metric, percent, both, found.about)


def show_scatter(duel: Duel) -> None:
    """Show a dot a perturbation, who wins how many, and the numbers; a dot opens its gene."""
    data, line, unit = duel.selection.data, duel.selection.line, duel.selection.unit
    ours, rival, table, tally = duel.ours, duel.rival, duel.table, duel.tally
    our_name, rival_name = duel.names
    named = table.drop(columns="winner").set_axis(
        ["perturbation", "effect size", our_name, rival_name, "difference"], axis=1
    )
    named["winner"] = table["winner"].replace({OURS: our_name, RIVAL: rival_name})
    if duel.origin:
        st.info(
            f"{duel.origin} Compared on the **{len(duel.both):,}** perturbations of the screen's"
            f" {len(data.screens[line].perturbations):,} that both were tested on.",
            icon=":material/menu_book:",
        )
    figure_place, table_place = st.columns([4, 3])
    with figure_place:
        note = not_like_with_like(ours, rival)
        chosen = show.figure(
            head_to_head(table, our_name, rival_name, duel.metric, unit, note),
            name=f"head-to-head-{duel.key}",
            alt=f"Scatter of {duel.metric.label} of {rival.label} (across) and {ours.label} (up), a"
            f" dot for each of {tally.compared:,} held-out perturbations in {line}:"
            f" {in_words(tally, our_name, rival_name)}",
            numbers=named,
            caption=f"{duel.words}; {duel.scope}. {duel.caption}",
            data=data,
            select=["points"],
        )
        if chosen:
            without = ours.embedding == NO_EMBEDDING
            embedding = data.embedding_choices[-1] if without else ours.embedding
            open_gene(replace(duel.selection, embedding=embedding), str(chosen[0]))
    with table_place:
        st.markdown(in_words(tally, our_name, rival_name))
        if duel.all_shown and duel.percent < 100:
            st.info(
                "All perturbations are shown: so many have the same effect size that no"
                f" {duel.percent} % of them are the strongest.",
                icon=":material/info:",
            )
        _list_pairs(duel, named)


def _list_pairs(duel: Duel, named: pd.DataFrame) -> None:
    our_name, rival_name = duel.names

    def number(form: str, help: str) -> Any:
        return st.column_config.NumberColumn(width="small", format=form, help=help)

    effect = f"Root mean square of the measured response, in {duel.selection.unit}."
    st.dataframe(
        named[["perturbation", our_name, rival_name, "difference", "effect size"]],
        hide_index=True,
        height=480,
        column_config={
            "perturbation": st.column_config.TextColumn(width=95),
            "difference": number("%+.3f", f"{our_name} minus {rival_name}."),
            our_name: number("%.3f", duel.ours.label),
            rival_name: number("%.3f", duel.rival.label),
            "effect size": number("%.3g", effect),
        },
    )
    st.caption("Click a column's head to sort. An empty cell is a value that is not defined.")


def show_gene_sets(duel: Duel) -> None:
    """Show which gene sets each method wins."""
    data, sets = duel.selection.data, duel.selection.data.gene_sets
    our_name, rival_name = duel.names
    st.header("Which functions win where?")
    if sets is None:
        st.info("No gene sets are loaded for these data.", icon=":material/info:")
        return
    won = cache.sets_won(data, duel.selection.line, duel.table, duel.metric.name)
    if won.empty:
        st.info(
            f"No gene set has {SMALLEST_SET} or more of these perturbations: too few to test.",
            icon=":material/info:",
        )
        return
    clear = won.loc[won["fdr"] <= FDR, "winner"]
    st.markdown(
        f"Of **{len(won):,}** gene sets with at least {SMALLEST_SET} of these perturbations,"
        f" {our_name} wins **{(clear == OURS).sum():,}** and {rival_name}"
        f" **{(clear == RIVAL).sum():,}** at a false discovery rate of {round(100 * FDR)} %."
        " The test asks whether the two differ within the set, not whether the set differs from"
        f" others: {our_name} wins {round(100 * duel.tally.share)} % over all."
    )
    by_set = won.set_axis(
        [
            "gene set", "perturbations", f"{our_name} wins", f"{rival_name} wins",
            "median difference", "winner", "p", "false discovery rate",
        ],
        axis=1,
    ).replace({"winner": {OURS: our_name, RIVAL: rival_name, TIE: "neither"}})  # fmt: skip
    formats = {"median difference": "%+.3f", "p": "%.2g", "false discovery rate": "%.2g"}
    number = st.column_config.NumberColumn
    st.dataframe(
        by_set,
        hide_index=True,
        height=320,
        column_config={name: number(format=form) for name, form in formats.items()},
    )
    show.footer(
        f"head-to-head-sets-{duel.key}",
        by_set,
        f"{duel.words}; {duel.metric.label}; {duel.scope}. Gene sets: {sets.name}"
        f" ({sets.source}). Paired Wilcoxon signed-rank test, two-sided; Benjamini–Hochberg."
        f" {duel.caption}",
        data,
    )


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
