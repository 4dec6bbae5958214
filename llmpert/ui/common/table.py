"""Tables with a gene in each row: sorted by choice, and each gene opens beside the page."""

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Any, Literal

import pandas as pd
import streamlit as st

from llmpert.evaluation.ceiling import scale_of_correlation
from llmpert.insight.ranking import set_apart
from llmpert.ui.common.cache import cached
from llmpert.ui.common.opened import open_beside
from llmpert.ui.common.selection import MOST_IN_ADDRESS, Selection, address_of, choose, show_link

CHANGES = 12
"""How many genes a row draws."""

NAMES = {"gene": "Gene", "perturbation": "Knockdown"}
"""What the first column of a table is called."""

skill = partial(st.column_config.ProgressColumn, min_value=0, max_value=1, format="%.2f", width=90)
"""How a table shows correlations: as bars from 0 to a perfect prediction (1)."""


def accuracy_bar(
    selection: Selection, label: str | None = None, help: str = "", **look: Any
) -> Any:
    """Return how a table shows Pearson correlations with measured responses, over all genes.

    As bars from no skill to the ceiling, as far as the screen tells; else from 0 to 1.
    """
    low, high, words = 0.0, 1.0, "Bar: from 0 to a perfect prediction (1)."
    if not selection.trained:
        low, ceiling = _scale(selection)
        top = "a perfect prediction (1), as the noise is unknown"
        if ceiling is not None and ceiling > low:
            high, top = ceiling, f"the ceiling ({ceiling:.2f}, what the true responses would score)"
        words = (
            f"Bar: from no skill ({low:.2f}, what the mean response scores) to {top}; means over"
            " all knockdowns."
        )
    return skill(label, min_value=low, max_value=high, help=f"{help} {words}".strip(), **look)


def gene_table(
    table: pd.DataFrame,
    key: str,
    columns: Mapping[str, Any],
    order: str,
    knockdowns: Selection | None = None,
    height: int | Literal["auto", "content"] = "auto",
) -> None:
    """Show a table whose first column are genes, each a button that opens it beside the page.

    The order can be chosen and rows can be marked, two knockdowns to compare them; the address
    keeps both.

    Args:
        key: Of the table and, in the address, of its order and marked rows.
        columns: How columns are shown; None hides one.
        order: What the rows are sorted by as they come.
        knockdowns: Whose knockdowns the rows are: these get a column with their top genes.
    """
    name = str(table.columns[0])
    shown = [column for column in map(str, table.columns) if columns.get(column, "") is not None]
    labels = {column: _label(column, columns) for column in shown}
    ways = {order: table.index, **_orders(table, labels)}
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption("Sort by", width="content")
        chosen = choose("Sort by", f"{key}-by", list(ways), width=260, labelled=False)
    config = {
        **{column: look for column, look in columns.items() if column in table},
        name: st.column_config.ButtonColumn(
            NAMES[name],
            width=92,
            pinned=True,
            alignment="left",
            help="Press a name to open the gene beside this page."
            + " Tick two rows to compare them." * bool(knockdowns),
            key=f"{key}-open",
            on_click=_open,
            args=(f"{key}-open",),
        ),
    }
    if knockdowns:
        genes, changes = _top_genes(knockdowns, tuple(table[name]))
        values = [0, *chain.from_iterable(filter(None, changes))]
        # Second, as what stands last may be out of sight.
        table = table.copy()
        table.insert(1, "changes", pd.Series(changes, table.index, dtype=object))
        config["changes"] = st.column_config.BarChartColumn(
            "Top genes",
            width=90,
            y_min=min(values),
            y_max=max(values),
            help="Responses minus the mean response of all knockdowns, at the genes that set these"
            f" rows apart most, the same in each row: {', '.join(genes)}. Empty where it was not"
            " measured.",
        )
    table = table.loc[ways[chosen]]
    names = [str(gene) for gene in table[name]]
    marked = [gene for gene in st.query_params.get(f"{key}-rows", "").split(",") if gene in names]
    _select(key, [names.index(gene) for gene in marked])
    st.dataframe(
        table,
        hide_index=True,
        height=height,
        column_config=config,
        key=key,
        on_select=partial(_mark, key, names),
        selection_mode="multi-row",
    )
    if knockdowns and len(marked) == 2:
        pair = dict(zip(("gene", "other_gene"), marked, strict=True))
        show_link(address_of(knockdowns, "compare", pair), f"Compare {' with '.join(marked)}")


def _select(key: str, rows: list[int]) -> None:
    """Select rows of a table, unless they are: it knows them by where they were before sorting."""
    known = st.session_state.get(key)
    if known is None or known["selection"]["rows"] != rows:
        st.session_state[key] = {"selection": {"rows": rows, "columns": [], "cells": []}}


def _mark(key: str, names: Sequence[str]) -> None:
    """Write the names of the selected rows into the address."""
    rows = st.session_state[key]["selection"]["rows"][:MOST_IN_ADDRESS]
    if rows:
        st.query_params[f"{key}-rows"] = ",".join(names[row] for row in rows)
    else:
        st.query_params.pop(f"{key}-rows", None)


def _open(key: str) -> None:
    open_beside(st.session_state[key].label)


@cached(8)
def _scale(selection: Selection) -> tuple[float, float | None]:
    return scale_of_correlation(selection.screen)


@cached(64)
def _top_genes(
    selection: Selection, names: tuple[str, ...]
) -> tuple[list[str], list[list[float] | None]]:
    return set_apart(selection.screen, names, CHANGES)


def _label(column: str, columns: Mapping[str, Any]) -> str:
    """Return what people call a column."""
    known = columns.get(column)
    return NAMES.get(column) or (known and known.get("label")) or column


def _orders(table: pd.DataFrame, labels: Mapping[str, str]) -> dict[str, pd.Index]:
    """Return the orders that a table can have, by what they are called: its rows in turn.

    Rows without a value come last, and equal ones keep their order.
    """
    orders: dict[str, pd.Index] = {}
    for column, label in labels.items():
        values = table[column]
        if values.dtype == bool:
            continue
        ascending = values.sort_values(kind="stable").index
        if not pd.api.types.is_numeric_dtype(values):
            orders[f"{label}, A to Z"] = ascending
            continue
        if values.min() < 0 < values.max():
            strength = values.abs().sort_values(ascending=False, kind="stable")
            orders[f"{label}, strongest first"] = strength.index
        descending = values.sort_values(ascending=False, kind="stable")
        orders |= {f"{label}, highest first": descending.index, f"{label}, lowest first": ascending}
    return orders
