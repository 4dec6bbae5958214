"""What the page Head to head shares between visitors, and the way from a dot to its gene."""

from collections.abc import Collection
from html import escape
from typing import Any
from urllib.parse import urlencode

import pandas as pd
import streamlit as st

from llmpert import datasets
from llmpert.datasets import Dataset
from llmpert.evaluation.grid import grid
from llmpert.evaluation.metrics import Metric
from llmpert.evaluation.results import NO_EMBEDDING
from llmpert.insight.head_to_head import Method, Tally, effect_size, sets_won
from llmpert.methods.published import ROWS
from llmpert.ui.common import cache as shared
from llmpert.ui.common import external_methods as elsewhere
from llmpert.ui.common.gene_sets import sets_of


def choose_method(label: str, key: str, offered: list[Method], default: Method) -> Method:
    """One of the methods; the address names it by its label."""
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
    """One of these metrics; if they are not all there are, it is said."""
    known = shared.METRICS
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
    """Whether a control's value, no longer on offer, had to be replaced by the default.

    Streamlit would show the default but leave the old value in the address.
    """
    gone = st.session_state.get(key, default) not in offered
    if gone:
        st.session_state[key] = default
    return gone


def results_elsewhere(data: Dataset, line: str, size: int) -> pd.DataFrame:
    """Results of all methods that were run elsewhere, on the perturbations of a line's screen.

    Predictions that were made with this training size, scored here; and published values. The
    columns are `ROWS`.
    """
    predicted = shared.external_results(data, line)
    rows = predicted.loc[predicted["train_size"] == size, list(ROWS)]
    parts = [part for part in (rows, shared.published_results(data, line)) if len(part)]
    return pd.concat(parts, ignore_index=True) if parts else rows


def results(
    data: Dataset, line: str, size: int, methods: list[Method]
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Tidy results of these methods over all folds, and what those computed here are about.

    Fits that were never made are made now, under a progress bar, and kept.
    """
    fits = []
    for method in methods:
        if method.published or method.external:
            continue
        without = method.embedding == NO_EMBEDDING
        source = data.embedding_choices[-1] if without else method.embedding
        fits += grid([shared.experiment(data.name, line, source)], [method.model], [size])
    others = results_elsewhere(data, line, size)
    if not fits:
        return others, {}
    found = shared.made(fits)
    if others.empty:
        return found.table, found.about
    return pd.concat([found.table, others], ignore_index=True), found.about


def effects(data: Dataset, line: str) -> pd.Series:
    """Effect size of every perturbation of a line."""
    return _effects(data.name, datasets.stamp(data.name), line)


@st.cache_resource(max_entries=16, show_spinner=False)
def _effects(name: str, stamp: float, line: str) -> pd.Series:
    return effect_size(shared.load(name).screens[line])


def by_gene_set(data: Dataset, line: str, table: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Who wins which gene sets in a table of `pairs`; empty where there are none to test."""
    return _by_gene_set(data.name, datasets.stamp(data.name), line, table, metric)


@st.cache_data(max_entries=64, show_spinner="Testing gene sets …")
def _by_gene_set(
    name: str, stamp: float, line: str, table: pd.DataFrame, metric: str
) -> pd.DataFrame:
    sets = sets_of(shared.load(name), line, "perturbations")
    return sets_won(table, {} if sets is None else sets.members, shared.METRICS[metric])


def not_like_with_like(ours: Method, rival: Method) -> str:
    """A note for figures that set a published method beside one computed here; else ""."""
    if ours.published == rival.published:
        return ""
    return "Not like with like: other preprocessing and training"


def origin(data: Dataset, line: str, size: int, ours: Method, rival: Method) -> str:
    """Where what was not computed here comes from and what it can be compared with; or ""."""
    words = elsewhere.origin(data, [line], size, {ours.model, rival.model})
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
    """The counts behind the share in the figure's title."""
    words = f"**{ours}** wins {tally.ours:,}, **{rival}** wins {tally.rival:,}"
    words += f", {tally.ties:,} {'is a tie' if tally.ties == 1 else 'are ties'}"
    if tally.undefined:
        words += (
            f"; {tally.undefined:,} more {'is' if tally.undefined == 1 else 'are'} neither drawn"
            " nor counted, as one of the two has no value there (a constant prediction or"
            " measurement has no correlation)"
        )
    return f"{words}."


def open_gene(data: Dataset, line: str, size: int, embedding: str, gene: str) -> None:
    """Go to the page of a gene, with the data, line, size and embedding looked at here.

    By a link that follows itself, and can be clicked where scripts are blocked. After Streamlit's
    own ways to another page, the browser's way back leads to addresses that lack the line.
    """
    if embedding == NO_EMBEDDING:
        embedding = data.embedding_choices[-1]
    chosen = {"data": data.name, "line": line, "size": size, "embedding": embedding}
    first = {
        "data": datasets.names()[0],
        "line": next(iter(data.screens)),
        "size": shared.training_sizes(data)[-1],
        "embedding": data.embedding_choices[0],
    }
    # Controls take their first value out of the address, each in a step of the browser's history.
    view = {name: value for name, value in chosen.items() if value != first[name]}
    address = f"gene?{urlencode(view | {'gene': gene})}"
    st.html(
        f'<a id="open-gene" href="{escape(address)}">Open {escape(gene)}</a>'
        "<script>document.getElementById('open-gene').click()</script>",
        unsafe_allow_javascript=True,
    )
