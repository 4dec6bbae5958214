"""The training knockdowns that a prediction rests on, and through which source."""

import plotly.graph_objects as go

from llmpert.evaluation.results import embedding_label
from llmpert.figures.theme import SOURCE_COLORS, ZERO_LINE, finish
from llmpert.insight.contributions import Basis

PATTERNS = ("", "/", "x", ".", "-", "+", "|")
"""Hatching of each source's bars, for those who do not tell the colours."""

REST = "all others"


def contributions(basis: Basis, count: int) -> go.Figure:
    """The strongest training knockdowns down the side; their shares, stacked by source, along x.

    The last bar is the sum over all other training knockdowns.

    Parameters
    ----------
    basis:
        With defined shares.
    count:
        How many training knockdowns have a bar of their own.
    """
    names = basis.strongest(count)
    rest = basis.shares.drop(index=names)
    rest_label = f"{REST} ({len(rest):,})"
    rows = [*names, rest_label] if len(rest) else names
    figure = go.Figure()
    for at, source in enumerate(basis.shares.columns):
        values = [*basis.shares.loc[names, source]]
        similar = [f"<br>similarity {s:.2f}" for s in basis.similarity[names]]
        if len(rest):
            values.append(rest[source].sum())
            similar.append("")
        joint = "+" in source and len(basis.shares.columns) > 1
        label = (
            f"{embedding_label(source)} (near in all at once)" if joint else embedding_label(source)
        )
        figure.add_bar(
            x=[100 * value for value in values], y=rows, orientation="h", name=label,
            marker={
                "color": SOURCE_COLORS[at % len(SOURCE_COLORS)],
                "pattern": {"shape": PATTERNS[at % len(PATTERNS)], "solidity": 0.25},
            },
            customdata=similar,
            hovertemplate=f"%{{y}} through {embedding_label(source)}: %{{x:.1f}} %%{{customdata}}"
            "<extra></extra>",
        )  # fmt: skip
    return finish(
        figure,
        f"What the prediction for {basis.gene} rests on",
        height=260 + 24 * len(rows),
        xaxis={"title": {"text": "Share of the prediction (%)<br>negative: pulls away"}},
        yaxis={
            "type": "category", "tickmode": "linear", "categoryorder": "array",
            "categoryarray": rows[::-1], "title": {"text": "Training knockdown"},
        },
        barmode="relative",
        legend={"orientation": "h", "y": -0.28, "yanchor": "top", "x": 0},
        shapes=[ZERO_LINE],
    )  # fmt: skip
