"""Perturbations selected on a map: kept between runs, listed, and what they share."""

from collections.abc import Sequence
from urllib.parse import urlencode

import numpy as np
import pandas as pd
import streamlit as st

from llmpert.datasets import Dataset
from llmpert.genes.sets import GeneSets
from llmpert.insight.enrichment import enrichment
from llmpert.ui.common import components as show

SELECTED = "selected"
MOST_IN_ADDRESS = 100
"""So many selected perturbations go into the address: browsers cut very long ones."""

FEWEST_TESTED = 3
"""Fewer genes are not tested for what they share."""

SHARED_SHOWN = 20

_KEY = "explorer-selected"


def selection(perturbations: np.ndarray) -> list[str]:
    """The selected perturbations: this session's, at first those that the address has.

    A chart forgets what was selected in it whenever it is drawn with anything else than before.
    """
    if _KEY not in st.session_state:
        st.session_state[_KEY] = st.query_params.get(SELECTED, "").split(",")
    known = set(perturbations)
    return [name for name in st.session_state[_KEY] if name in known]


def select(names: Sequence[str]) -> None:
    """Make these the selected perturbations, in the address too where they are not too many."""
    st.session_state[_KEY] = list(names)
    if 0 < len(names) <= MOST_IN_ADDRESS:
        st.query_params[SELECTED] = ",".join(names)
    else:
        st.query_params.pop(SELECTED, None)


def list_selected(
    data: Dataset, line: str, table: pd.DataFrame, names: Sequence[str], key: str, caption: str
) -> str | None:
    """The selected rows of `table`, as CSV too, and what can be done with one of them.

    Parameters
    ----------
    table:
        A row a perturbation, with the column `gene`.
    key:
        For widgets and file names.

    Returns
    -------
    The gene whose page is to be opened, or None.
    """
    rows = table[table["gene"].isin(names)].reset_index(drop=True)
    number = st.column_config.NumberColumn
    st.dataframe(
        rows.assign(page=[_address(data, line, gene) for gene in rows["gene"]]),
        hide_index=True,
        height="auto" if len(rows) < 8 else 320,
        column_config={
            "page": st.column_config.LinkColumn("Gene page", display_text="open"),
            "effect size": number(format="%.3g", help=f"In {data.screens[line].unit}."),
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
    row.button("Let go of all", on_click=select, args=([],), key="let-go")
    row.button("Choose it here", on_click=_choose, args=(one,), key="choose-here")
    opened = row.button(f"Open {one} on the Gene page", icon=":material/genetics:", key="open-gene")
    said = f"{len(rows):,} of {len(table):,} knockdowns selected. {caption}"
    show.footer(f"selected-{key}", rows, said, data)
    return one if opened else None


def list_shared(
    data: Dataset,
    perturbations: pd.Series,
    names: Sequence[str],
    sets: GeneSets,
    key: str,
    caption: str,
) -> None:
    """Gene sets that hold more of the selected perturbations than chance would put there."""
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
        f" test. {caption}",
        data,
    )


def _address(data: Dataset, line: str, gene: str) -> str:
    """The address of a gene's page."""
    return "gene?" + urlencode({"data": data.name, "line": line, "gene": gene})


def _choose(gene: str) -> None:
    st.session_state["gene"] = gene
