"""Perturbations selected on a map: remembered between runs, listed, and what they share."""

from collections.abc import Sequence
from urllib.parse import urlencode

import numpy as np
import pandas as pd
import streamlit as st

from llmpert.datasets import Dataset
from llmpert.genes.sets import GeneSets
from llmpert.insight.enrichment import enrichment
from llmpert.ui.common import components as show
from llmpert.ui.common.gene_search import set_control
from llmpert.ui.common.selection import Selection

SELECTED = "selected"
MOST_IN_ADDRESS = 100
"""So many selected perturbations go into the address: browsers cut very long ones."""

FEWEST_TESTED = 3
"""Fewer genes are not tested for what they share."""

SHARED_SHOWN = 20

_KEY = "explorer-selected"


def selected_rows(perturbations: np.ndarray) -> list[str]:
    """Return the selected perturbations: this session's, at first those that the address has.

    A chart forgets what was selected in it whenever it is drawn with anything else than before.
    """
    if _KEY not in st.session_state:
        st.session_state[_KEY] = st.query_params.get(SELECTED, "").split(",")
    known = set(perturbations)
    return [name for name in st.session_state[_KEY] if name in known]


def select_rows(names: Sequence[str]) -> None:
    """Make these the selected perturbations, in the address too where they are not too many."""
    st.session_state[_KEY] = list(names)
    if 0 < len(names) <= MOST_IN_ADDRESS:
        st.query_params[SELECTED] = ",".join(names)
    else:
        st.query_params.pop(SELECTED, None)


def list_selected(
    selection: Selection, table: pd.DataFrame, names: Sequence[str], key: str
) -> str | None:
    """Show the selected rows of `table`, as CSV too, and what can be done with one of them.

    Args:
        table: A row a perturbation, with the column `gene`.
        key: For widgets and file names.

    Returns:
        The gene whose page is to be opened, or None.
    """
    rows = table[table["gene"].isin(names)].reset_index(drop=True)
    number = st.column_config.NumberColumn
    st.dataframe(
        rows.assign(page=[_address(selection, gene) for gene in rows["gene"]]),
        hide_index=True,
        height="auto" if len(rows) < 8 else 320,
        column_config={
            "page": st.column_config.LinkColumn("Gene page", display_text="open"),
            "effect size": number(format="%.3g", help=f"In {selection.unit}."),
            "cells": number(format="%d"),
        }
        | {
            column: number(format="%.3f")
            for column in map(str, rows.columns)
            if column.startswith(("held-out", "similarity"))
        },
    )
    row = st.container(horizontal=True, vertical_alignment="bottom")
    offered = rows["gene"].tolist()
    one = row.selectbox("One of them", offered, key="one", width=260)
    one = one if one in offered else offered[0]
    row.button("Let go of all", on_click=select_rows, args=([],), key="let-go")
    row.button("Choose it here", on_click=set_control, args=("gene", one), key="choose-here")
    opened = row.button(f"Open {one} on the Gene page", icon=":material/genetics:", key="open-gene")
    note = f"{len(rows):,} of {len(table):,} knockdowns selected."
    show.footer(f"selected-{key}", rows, note, selection.data)
    return one if opened else None


def list_shared(
    data: Dataset,
    perturbations: pd.Series,
    names: Sequence[str],
    sets: GeneSets,
    key: str,
) -> None:
    """Show gene sets that hold more of the selected perturbations than chance puts there."""
    if len(names) < FEWEST_TESTED:
        return
    found = enrichment(names, perturbations, sets)
    found = found[found["overlap"] > 0].reset_index(drop=True)
    st.subheader("What do they share?")
    if found.empty:
        st.markdown("No gene set of 3 to 500 of these knockdowns holds any of them.")
        return
    number = st.column_config.NumberColumn
    st.dataframe(
        found.head(SHARED_SHOWN),
        hide_index=True,
        column_config={
            "size": number(help="Knockdowns here that are in it."),
            "expected": number(format="%.2f", help="Selected ones in it by chance."),
            "fold": number(format="%.2f", help="Overlap / expected."),
            "p": number(format="%.1e"),
            "q": number(format="%.1e", help="False discovery rate over all sets tested."),
        },
    )
    show.footer(
        f"shared-{key}",
        found,
        f"Gene sets with more of the selected knockdowns than a random draw from all"
        f" {len(perturbations):,} has: hypergeometric test, Benjamini–Hochberg. Gene sets:"
        f" {sets.name} ({sets.source}). A selection from a map of these same data is no independent"
        f" test.",
        data,
    )


def _address(selection: Selection, gene: str) -> str:
    """Return the address of a gene's page."""
    chosen = {"data": selection.data.name, "line": selection.line, "gene": gene}
    return f"gene?{urlencode(chosen)}"
