"""Which knockdowns give a state: the best of them, with intervals."""

import pandas as pd
import plotly.graph_objects as go

from llmpert.figures.prediction import RAISED
from llmpert.figures.theme import (
    GREY,
    ONE_LINE,
    PREDICTED,
    ZERO_LINE,
    by_name,
    finish,
    interval_bars,
    marker,
    points,
)


def ranked_hits(hits: pd.DataFrame, title: str, note: str, measured: bool) -> go.Figure:
    """Draw the scores of the best hits, the best on top; dots carry the gene as `customdata`.

    Args:
        hits: The first rows of `llmpert.insight.search.search`.
        measured: Whether responses are measured, so that scores have no interval.
    """
    figure = go.Figure()
    color, symbol = (GREY, "diamond") if measured else (PREDICTED, RAISED[1])
    bars = interval_bars(hits["high95"] - hits["score"], hits["score"] - hits["low95"])
    points(
        figure, hits["score"], hits["gene"],
        "Measured" if measured else "Predicted (95 % interval)",
        marker(color, symbol), "%{y} knockdown: score %{x:.3f}",
        error_x=None if measured else bars, customdata=hits["gene"],
    )  # fmt: skip
    return finish(
        figure,
        title,
        height=140 + 18 * len(hits),
        top=ONE_LINE,
        note=note,
        xaxis={"title": {"text": "Score: correlation with the state"}},
        yaxis=by_name(list(hits["gene"]), ""),
        shapes=[ZERO_LINE],
    )
