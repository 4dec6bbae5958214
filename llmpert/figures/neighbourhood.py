"""A gene's response beside those of the training knockdowns that its prediction rests on."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from llmpert.figures.theme import DIVERGING, finish

CLIP = 98
"""Percentile of |Δ| at which the colour scale ends: one extreme gene would pale all others."""


def neighbourhood(rows: pd.DataFrame, gene: str, unit: str) -> go.Figure:
    """Responses as a heatmap: knockdowns down the side in the order given, genes along x.

    Blue is lowered, orange is raised, and the middle of the scale is 0.

    Parameters
    ----------
    rows:
        From `llmpert.insight.contributions.neighbourhood`.
    gene:
        Whose neighbourhood it is, for the title.
    unit:
        What one unit of the response is.
    """
    values, labels = rows.to_numpy(dtype=float), list(rows.index)
    limit = float(np.percentile(np.abs(values), CLIP)) or 1.0
    figure = go.Figure(
        go.Heatmap(
            z=values, x=list(rows.columns), y=labels, colorscale=DIVERGING, zmid=0, zmin=-limit,
            zmax=limit, xgap=1, ygap=1,
            colorbar={"thickness": 12},
            hovertemplate="%{y}<br>%{x}: %{z:.3f}<extra></extra>",
        )
    )  # fmt: skip
    return finish(
        figure,
        f"{gene} beside what it rests on",
        height=290 + 24 * len(labels),
        # Names that find no room are left out by Plotly; each is told on hovering.
        xaxis={
            "type": "category", "tickangle": -90, "tickfont": {"size": 10},
            "title": {"text": f"Colour:<br>{unit}"},
        },
        yaxis={"type": "category", "tickmode": "linear", "autorange": "reversed"},
    )  # fmt: skip
