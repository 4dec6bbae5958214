"""Gene sets among the genes that a perturbation is predicted to change most."""

import pandas as pd
import streamlit as st

from llmpert.datasets import Dataset
from llmpert.evaluation.prediction import Prediction
from llmpert.insight.enrichment import enrichment
from llmpert.insight.ranking import Direction, strongest_genes
from llmpert.ui.common import components as show
from llmpert.ui.common.gene_sets import sets_of

TOP_GENES = (25, 50, 100, 200)
DIRECTIONS: tuple[Direction, ...] = ("both", "raised", "lowered")
SIGNIFICANT = 0.05


def enriched(
    data: Dataset, line: str, gene: str, prediction: Prediction, caption: str
) -> tuple[list[str], pd.DataFrame | None]:
    """Show which gene sets are over-represented among the strongest predicted genes.

    Returns
    -------
    What was said, and the first rows of the table, for the report; no table where the data set has
    no gene sets.
    """
    st.markdown(
        "**Gene sets among the strongest predicted genes**",
        help="One-sided hypergeometric test against all predicted genes; q is the false discovery"
        " rate over all sets tested (Benjamini & Hochberg).",
    )
    sets = sets_of(data, line, "genes")
    if sets is None:
        words = (
            "This data set has no gene sets. Import some: `python -m llmpert import --name"
            f" {data.name} --gene-sets sets.gmt`."
        )
        st.info(words, icon=":material/info:")
        return [words], None
    first, second = st.columns(2)
    count = first.select_slider("Genes", TOP_GENES, value=50, key="top", bind="query-params")
    direction = second.segmented_control(
        "Direction",
        DIRECTIONS,
        default="both",
        format_func=str.capitalize,
        key="direction",
        bind="query-params",
    )
    chosen = strongest_genes(prediction, count, direction or "both")
    table = enrichment(chosen, prediction.genes, sets)
    found = int((table["q"] < SIGNIFICANT).sum())
    words = (
        f"{found} of {len(table):,} gene sets of {sets.name} stand out (q < {SIGNIFICANT}) among"
        f" the {len(chosen):,} genes with the strongest predicted response"
        f"{'' if direction in (None, 'both') else f' that are {direction}'}."
    )
    st.markdown(words)
    st.dataframe(
        table.head(20),
        hide_index=True,
        column_config={
            "expected": st.column_config.NumberColumn(format="%.1f"),
            "fold": st.column_config.NumberColumn(format="%.1f"),
            "p": st.column_config.NumberColumn(format="%.1e"),
            "q": st.column_config.NumberColumn(format="%.1e"),
        },
    )
    show.footer(f"{gene}-{line}-enrichment", table, f"{sets.source}. {caption}", data)
    return [words], table.head(20)
