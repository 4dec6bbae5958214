"""Similarity of responses against similarity of embeddings; neighbours against all pairs."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from llmpert.figures.theme import band, coefficient, finish, marker, source_look
from llmpert.insight.similarity import Closeness, Pairs

ALL_PAIRS = "All pairs"
RESPONSES = "Pearson r between responses"


def closeness_by_source(found: Mapping[str, Closeness]) -> go.Figure:
    """Draw a panel a source: mean similarity of responses in bins of pairs, with its spread.

    Bands reach from the 10th to the 90th percentile of the pairs in a bin.
    """
    columns = min(len(found), 2)
    rows = -(-len(found) // columns)
    figure = make_subplots(
        rows=rows,
        cols=columns,
        subplot_titles=[
            f"{source}<br>{coefficient('Spearman ρ', closeness.spearman)}"
            for source, closeness in found.items()
        ],
        shared_yaxes="all",
        horizontal_spacing=0.05,
        vertical_spacing=0.32 / rows,
    )
    figure.update_annotations(font={"size": 13})
    for at, (source, closeness) in enumerate(found.items()):
        place = {"row": at // columns + 1, "col": at % columns + 1}
        bins, (color, symbol) = closeness.bins, source_look(at)
        area = band(bins["similarity"], bins["low"], bins["high"], color, 0.18)
        figure.add_trace(area.update(name=f"{source} spread"), **place)
        figure.add_scatter(
            x=bins["similarity"], y=bins["response"], mode="lines+markers", name=source,
            line={"color": color, "width": 2}, showlegend=False,
            marker={"symbol": symbol, "size": 8},
            customdata=bins[["low", "high", "pairs"]],
            hovertemplate="cosine %{x:.3f}<br>mean r %{y:.3f}, 10th to 90th percentile"
            " %{customdata[0]:.3f} to %{customdata[1]:.3f}<br>%{customdata[2]:,} pairs"
            "<extra></extra>",
            **place,
        )  # fmt: skip
        figure.update_xaxes(title_text="Cosine similarity", **place)
        figure.update_yaxes(title_text=RESPONSES if place["col"] == 1 else None, **place)
    return finish(figure, "Responses by embeddings, all pairs", height=150 + 340 * rows)


def neighbour_agreement(found: Mapping[str, pd.DataFrame], pairs: Pairs, gene: str) -> go.Figure:
    """Draw how well each measure's nearest neighbours agree with a gene, beside all pairs.

    A row a measure has a mark a neighbour and a line at their mean; the box has the quartiles and
    the median of all pairs, its whiskers the 5th and 95th percentile.

    Args:
        found: Measure -> its nearest neighbours (`llmpert.insight.similarity.neighbours`).
        pairs: All pairs of perturbations.
    """
    figure = go.Figure()
    low, first, middle, third, high = np.percentile(pairs.ordered, (5, 25, 50, 75, 95)).tolist()
    figure.add_box(
        y=[ALL_PAIRS], q1=[first], median=[middle], q3=[third], lowerfence=[low],
        upperfence=[high], orientation="h", name=ALL_PAIRS, line={"color": "#6c757d"},
        fillcolor="rgba(108,117,125,0.2)", width=0.5, showlegend=False, hoverinfo="x",
    )  # fmt: skip
    for at, (measure, near) in enumerate(found.items()):
        color, symbol = source_look(at)
        known = near.dropna(subset="response")
        figure.add_scatter(
            x=known["response"], y=[measure] * len(known), mode="markers", name=measure,
            marker=marker(color, symbol, 11, opacity=0.75), showlegend=False,
            customdata=known[["gene", "similarity"]],
            hovertemplate="<b>%{customdata[0]}</b><br>similarity %{customdata[1]:.3f}"
            "<br>r of responses %{x:.3f}<extra></extra>",
        )  # fmt: skip
        figure.add_scatter(
            x=[known["response"].mean()], y=[measure], mode="markers", name=f"{measure}, mean",
            marker=marker(color, "line-ns-open", 26, line={"width": 3}), showlegend=False,
            hovertemplate="mean r %{x:.3f}<extra></extra>",
        )  # fmt: skip
    figure.update_xaxes(title_text=RESPONSES, zeroline=True)
    figure.update_yaxes(
        type="category", categoryorder="array", categoryarray=[ALL_PAIRS, *reversed(list(found))]
    )
    return finish(
        figure,
        f"Do {gene}'s neighbours respond alike?",
        height=190 + 60 * (len(found) + 1),
    )
