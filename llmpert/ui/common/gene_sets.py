"""The choice of gene sets that pages colour and test by, and what knockdowns share."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal

import pandas as pd
import streamlit as st

from llmpert.datasets import Dataset
from llmpert.genes.sets import GeneSets
from llmpert.insight.enrichment import enrichment
from llmpert.ui.common import cache
from llmpert.ui.common import components as show
from llmpert.ui.common.opened import opened_gene
from llmpert.ui.common.selection import choose
from llmpert.ui.common.table import gene_table

OPENED = "set"
"""The name in the address of the gene set that is open beside a page."""

MOST_IN_FULL = 15
"""Genes of a set whose table does not scroll by itself."""

FEWEST_TESTED = 3
"""Fewer knockdowns are not tested for what they share."""


def choose_sets(
    data: Dataset,
    line: str,
    of: Literal["perturbations", "genes"],
    favoured: str = "",
    key: str = "collection",
) -> GeneSets | None:
    """Return a collection of gene sets among a screen's perturbations or measured genes.

    Shows a control where there are several: the data set's own come first, otherwise the favoured
    one. None where no collection is of such genes.
    """
    names, first = _offered(data, line, of, favoured)
    if not names:
        return None
    if len(names) > 1:
        about = "GO: built-in terms of the Gene Ontology, each with 5 to 500 human genes."
        first = choose("Gene sets", key, names, about, first=first)
    return cache.gene_sets(data, line, of, first)


def chosen_sets(
    data: Dataset, line: str, of: Literal["perturbations", "genes"], favoured: str = ""
) -> GeneSets | None:
    """Return what `choose_sets` does, where its control is out of sight."""
    names, first = _offered(data, line, of, favoured)
    asked = st.session_state.get("collection", st.query_params.get("collection"))
    name = asked if asked in names else first
    return cache.gene_sets(data, line, of, name) if names else None


def _offered(
    data: Dataset, line: str, of: Literal["perturbations", "genes"], favoured: str
) -> tuple[list[str], str]:
    """Return the collections there are, and which of them is shown at first."""
    names = cache.collections(data, line, of)
    own = data.gene_sets is not None or favoured not in names
    return names, (names[0] if names else "") if own else favoured


def sets_table(
    table: pd.DataFrame,
    key: str,
    sets: GeneSets,
    genes: pd.DataFrame,
    columns: Mapping[str, Any],
    height: int | Literal["auto"] = "auto",
) -> None:
    """Show a table whose first column are gene sets, each a button that opens the set's genes.

    Args:
        genes: What is known of genes, which are its first column.
        columns: How the columns of both are shown.
    """
    button = st.column_config.ButtonColumn(
        width=280,
        alignment="left",
        help="Press a name to list the set's genes beside this page.",
        key=f"{key}-open",
        on_click=_open,
        args=(f"{key}-open",),
    )
    st.dataframe(
        table,
        hide_index=True,
        height=height,
        column_config={
            **{column: look for column, look in columns.items() if column in table},
            str(table.columns[0]): button,
        },
        key=f"{key}-sets",
    )
    name = st.query_params.get(OPENED, "")
    # One thing is open at a time: a gene of the set before the set.
    if name not in sets.members or opened_gene() or st.session_state.get("meeting"):
        return
    beside = st.dialog(show.verbatim(name), width="medium", position="right", on_dismiss=_close)
    beside(_show_set)(genes[genes[genes.columns[0]].isin(sets.members[name])], columns)


def _open(key: str) -> None:
    st.query_params[OPENED] = st.session_state[key].label


def _close() -> None:
    st.query_params.pop(OPENED, None)


def _show_set(genes: pd.DataFrame, columns: Mapping[str, Any]) -> None:
    if opened_gene():
        st.rerun()
    looks = {column: look for column, look in columns.items() if column in genes}
    height: Literal["content"] | int = "content" if len(genes) <= MOST_IN_FULL else 560
    gene_table(genes, "of-set", looks, "as on the page", height=height)


def show_shared(
    sets: GeneSets,
    names: Sequence[str],
    perturbations: Collection[str],
    data: Dataset,
    key: str,
    end: str,
) -> None:
    """Show sets that hold more of these of all perturbations than chance puts there.

    Args:
        key: Of what is shown, for names of files.
        end: The end of the caption.
    """
    if len(names) < FEWEST_TESTED:
        return
    found = enrichment(names, perturbations, sets)
    found = found[found["overlap"] > 0].reset_index(drop=True)
    st.subheader("What do they share?")
    if found.empty:
        st.markdown("No gene set with 3 to 500 of these knockdowns contains any of them.")
        return
    genes = pd.DataFrame({"gene": list(perturbations)})
    genes["selected"] = genes["gene"].isin(list(names))
    sets_table(
        # Beside long names what counts is in sight.
        found.head(20)[["set", "q", *found.columns.drop(["set", "q"])]],
        "shared",
        sets,
        genes.sort_values("selected", ascending=False, kind="stable"),
        {
            "size": show.number(help="Selected knockdowns in the set."),
            "expected": show.number(format="%.2f", help="Number expected by chance."),
            "fold": show.number(format="%.2f", help="Overlap / expected."),
            "p": show.number(format="%.1e"),
            "q": show.number(format="%.1e", help="False discovery rate over all sets tested."),
        },
    )
    show.footer(
        f"shared-{key}",
        found,
        f"{sets.name}: {len(names):,} of {len(perturbations):,} knockdowns. {end}".strip(),
        data,
        details=f"Gene sets with more of the {len(names):,} knockdowns than a random draw from all"
        f" {len(perturbations):,} has: hypergeometric test, Benjamini–Hochberg. Gene sets:"
        f" {sets.name} ({sets.source}).",
    )
