"""Two values of one kind against each other: axes of equal range and scale, and the diagonal."""

from typing import Any

import numpy as np
import plotly.graph_objects as go

LEGEND_BELOW = {"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom", "x": 0}
"""A legend at the figure's foot: on a narrow screen it wraps without covering the title."""


def equal_axes(figure: go.Figure, values: np.ndarray, x_title: str, y_title: str) -> None:
    """Give both axes one range that holds all values, one scale and a diagonal.

    Call it before the points are added, so that they are drawn over the diagonal.

    Parameters
    ----------
    values:
        Everything that is drawn on either axis; may be empty.
    """
    axis: dict[str, Any] = {"nticks": 8, "constrain": "domain"}
    if values.size:
        low, high = float(values.min()), float(values.max())
        margin = 0.04 * (high - low) or 0.5
        ends = [low - margin, high + margin]
        axis["range"] = ends
        figure.add_scatter(
            x=ends, y=ends, mode="lines", hoverinfo="skip", showlegend=False,
            line={"color": "#888888", "dash": "dot", "width": 1},
        )  # fmt: skip
    figure.update_layout(
        xaxis=axis | {"title": {"text": x_title}},
        yaxis=axis | {"title": {"text": y_title}, "scaleanchor": "x"},
        legend=LEGEND_BELOW,
        overwrite=True,
    )
