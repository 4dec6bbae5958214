"""The training knockdowns that a prediction rests on: their shares, and their responses."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from llmpert.evaluation.results import embedding_label
from llmpert.figures.theme import DIVERGING, ZERO_LINE, by_name, finish, source_look
from llmpert.insight.attribution import Attribution

PATTERNS = ("", "/", "x", ".", "-", "+", "|")
"""Hatching of each source's bars, for those who do not tell the colours."""

REST = "all others"

CLIP = 98
"""Percentile of |Δ| at which the colour scale ends: one extreme gene would pale all others."""


def attribution_bars(attribution: Attribution, count: int) -> go.Figure:
    """Draw the strongest training knockdowns' shares, stacked by source.

    The last bar is the sum over all other training knockdowns.

    Args:
        attribution: With defined shares.
        count: How many training knockdowns have a bar of their own.
    """
    names, sources = attribution.strongest(count), [str(name) for name in attribution.shares]
    others = attribution.shares.drop(index=names)
    similar = [f"<br>similarity {value:.2f}" for value in attribution.similarity[names]]
    shares = attribution.shares.loc[names]
    if len(others):
        shares.loc[f"{REST} ({len(others):,})"] = others.sum()
        similar.append("")
    rows = list(shares.index)
    figure = go.Figure()
    for at, source in enumerate(sources):
        label = embedding_label(source)
        joint = "+" in source and len(sources) > 1
        figure.add_bar(
            x=100 * shares[source], y=rows, orientation="h",
            name=f"{label} (near in all at once)" if joint else label,
            marker={
                "color": source_look(at)[0],
                "pattern": {"shape": PATTERNS[at % len(PATTERNS)], "solidity": 0.25},
            },
            customdata=similar,
            hovertemplate=f"%{{y}} through {label}: %{{x:.1f}} %%{{customdata}}<extra></extra>",
        )  # fmt: skip
    return finish(
        figure,
        f"What the prediction for {attribution.gene} rests on",
        height=260 + 24 * len(rows),
        xaxis={"title": {"text": "Share of the prediction (%)<br>negative: pulls away"}},
        yaxis=by_name(rows, "Training knockdown"),
        barmode="relative",
        legend={"orientation": "h", "y": -0.28, "yanchor": "top", "x": 0},
        shapes=[ZERO_LINE],
    )


def neighbourhood_heatmap(rows: pd.DataFrame, gene: str, unit: str) -> go.Figure:
    """Draw the rows of `llmpert.insight.attribution.neighbourhood` of a gene as a heatmap.

    Knockdowns stand down the side in the order given, genes along x. Blue is lowered, orange is
    raised, and the middle of the scale is 0.
    """
    values, labels = rows.to_numpy(dtype=float), list(rows.index)
    limit = float(np.percentile(np.abs(values), CLIP)) or 1.0
    heatmap = go.Heatmap(
        z=values, x=list(rows.columns), y=labels, colorscale=DIVERGING, zmid=0, zmin=-limit,
        zmax=limit, xgap=1, ygap=1, colorbar={"thickness": 12},
        hovertemplate="%{y}<br>%{x}: %{z:.3f}<extra></extra>",
    )  # fmt: skip
    return finish(
        go.Figure(heatmap),
        f"{gene} beside what it rests on",
        height=290 + 24 * len(labels),
        # Plotly leaves out names that find no room; hovering shows each.
        xaxis={
            "type": "category", "tickangle": -90, "tickfont": {"size": 10},
            "title": {"text": f"Colour:<br>{unit}"},
        },
        yaxis={"type": "category", "tickmode": "linear", "autorange": "reversed"},
    )  # fmt: skip
