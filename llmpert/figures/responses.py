"""How large responses are: a glance at a screen before it is used."""

import pandas as pd
import plotly.graph_objects as go

from llmpert.figures.theme import MEASURED, ZERO_LINE, finish


def response_sizes(table: pd.DataFrame, line: str, unit: str) -> go.Figure:
    """Draw the size of a response along x, how frequent it is along y.

    Args:
        table: From `llmpert.datasets.reading.histogram`.
        line, unit: Of the screen.
    """
    start, end = table["from"], table["to"]
    figure = go.Figure()
    figure.add_bar(
        x=(start + end) / 2, y=100 * table["share"], width=end - start,
        marker={"color": MEASURED, "line": {"width": 0}},
        hovertemplate="%{x:.3g}: %{y:.2f} %<extra></extra>",
    )  # fmt: skip
    return finish(
        figure,
        f"Responses in {line}",
        height=260,
        xaxis={"title": {"text": unit}},
        yaxis={"title": {"text": "% of all values"}, "rangemode": "tozero"},
        bargap=0,
        shapes=[ZERO_LINE],
    )
