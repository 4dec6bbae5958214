"""What the page Head to head shares between visitors, and the way from a dot to its gene."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from llmpert import datasets
from llmpert.datasets import Dataset
from llmpert.evaluation.grid import grid, run
from llmpert.evaluation.results import NO_EMBEDDING
from llmpert.insight.head_to_head import Method, Tally, effect_size
from llmpert.ui import data as shared


def choose_method(label: str, key: str, offered: list[Method], default: Method) -> Method:
    """One of the methods; the address names it by its label."""
    by_label = {method.label: method for method in offered}
    chosen = st.selectbox(
        label,
        list(by_label),
        index=list(by_label.values()).index(default),
        key=key,
        bind="query-params",
        help="A model and the embedding that it knows the genes by.",
    )
    return by_label.get(chosen, default)


def results(
    data: Dataset, line: str, size: int, methods: list[Method]
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Tidy results of these methods over all folds, and what they are about.

    Fits that were never made are made now, under a progress bar, and kept.
    """
    fits = []
    for method in methods:
        without = method.embedding == NO_EMBEDDING
        source = data.embedding_choices[-1] if without else method.embedding
        fits += grid([shared.experiment(data.name, line, source)], [method.model], [size])
    bar = st.progress(0.0, text="Looking up finished fits …")

    def progress(done: int, total: int, label: str) -> None:
        bar.progress(done / total, text=f"Fit {min(done + 1, total)} of {total} · {label}")

    found = run(fits, progress)
    bar.empty()
    return found.table, found.about


def effects(data: Dataset, line: str) -> pd.Series:
    """Effect size of every perturbation of a line."""
    return _effects(data.name, datasets.stamp(data.name), line)


@st.cache_resource(max_entries=16, show_spinner=False)
def _effects(name: str, stamp: float, line: str) -> pd.Series:
    return effect_size(shared.load(name).screens[line])


def sets_of_perturbations(data: Dataset, line: str) -> Mapping[str, frozenset[str]]:
    """Gene set -> its members among a line's perturbations; empty where there are no gene sets."""
    return _sets(data.name, datasets.stamp(data.name), line)


@st.cache_resource(max_entries=16, show_spinner="Finding the genes of gene sets …")
def _sets(name: str, stamp: float, line: str) -> Mapping[str, frozenset[str]]:
    data = shared.load(name)
    if data.gene_sets is None:
        return {}
    return data.gene_sets.within(data.screens[line].perturbations).members


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


def open_gene(data: Dataset, embedding: str, gene: str) -> None:
    """Go to the page of a gene, predicted from this embedding, or from all where it is none."""
    if embedding == NO_EMBEDDING:
        embedding = data.embedding_choices[-1]
    # The controls of the side bar keep their values from page to page. What the address says wins
    # over an earlier choice, which the session still has, but not where it is a control's first
    # value: both are set.
    view = {"gene": gene, "embedding": embedding}
    st.session_state.update(view)
    st.switch_page("pages/gene.py", query_params=view)
