"""One look for all figures: colours, line styles, the "simulated" mark, export settings."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from llmpert.evaluation.results import NO_EMBEDDING, pretty
from llmpert.models.registry import MODELS

# Blue, vermilion, purple and so on from the palettes of Okabe & Ito and Tol: told apart with any
# colour vision, and by lightness where there is no colour. Each source also has its own marker.
SOURCE_COLORS = ("#2b83ba", "#d95f02", "#8e4fa8", "#b8860b", "#17a2a2", "#c2527f", "#6b7a1e")
SOURCE_SYMBOLS = ("circle", "square", "diamond", "triangle-up", "star", "hexagon", "cross")
MODEL_DASHES = {
    "gp": "solid",
    "gp-paper": "dashdot",
    "linear": "dash",
    "knn": "dot",
    "mean": "longdash",
    "random": "dot",
}
BASELINE_COLORS = {"mean": "#6c757d", "random": "#9aa0a6"}
BASELINE_SYMBOLS = {"mean": "line-ew-open", "random": "x"}
MARK = "#c0561a"
PREDICTED, MEASURED = "#2b83ba", "#d95f02"
DIVERGING = ("#08519c", "#6baed6", "#f7f7f7", "#fdae6b", "#a63603")
"""From lowered to raised, blue to orange, equally light at both ends."""

FONT = "Source Sans Pro, Helvetica, Arial, sans-serif"
EXPORT: dict[str, Any] = {"displaylogo": False}
"""Plotly configuration of every figure."""

LARGE = 1.4
"""How much larger type and marks are in meetings."""


@dataclass(frozen=True)
class Style:
    """How one series looks and what it is called."""

    label: str
    color: str
    symbol: str
    dash: str


def style(model: str, embedding: str, embeddings: Sequence[str]) -> Style:
    """The look of a model on an embedding.

    Colour and marker say which embedding, the line's dash which model; grey is for models that use
    no embedding.

    Parameters
    ----------
    embeddings:
        All embeddings in the figure, in the order that colours are given out.
    """
    label = MODELS[model].label
    if embedding == NO_EMBEDDING:
        return Style(label, BASELINE_COLORS[model], BASELINE_SYMBOLS[model], MODEL_DASHES[model])
    at = list(embeddings).index(embedding)
    return Style(
        f"{label}, {pretty(embedding)}",
        SOURCE_COLORS[at % len(SOURCE_COLORS)],
        SOURCE_SYMBOLS[at % len(SOURCE_SYMBOLS)],
        MODEL_DASHES[model],
    )


def translucent(color: str, alpha: float) -> str:
    """A hex colour as rgba(), for bands."""
    red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha})"


def finish(figure: go.Figure, title: str, simulated: bool, height: int) -> go.Figure:
    """Give a figure its title, font, margins and, where due, the mark "simulated data".

    The mark is part of the figure's title, so that no export can lose it.
    """
    if simulated:
        title += f'<br><span style="font-size:12px;color:{MARK}">SIMULATED DATA</span>'
    figure.update_layout(
        title={
            "text": title, "font": {"size": 16},
            "x": 0, "xanchor": "left", "y": 1 - 12 / height, "yanchor": "top",
        },
        font={"family": FONT, "size": 13},
        height=height,
        margin={"l": 10, "r": 10, "t": 90, "b": 10},
        hoverlabel={"namelength": -1},
    )  # fmt: skip
    return figure


def enlarged(figure: go.Figure) -> go.Figure:
    """A copy to be read from the back of a room: type and marks larger, and at least 700 high."""
    large = go.Figure(figure)
    size = round(LARGE * figure.layout.font.size)
    height = max(700, round(1.2 * figure.layout.height))
    large.update_layout(
        height=height,
        font={"size": size},
        title={
            "font": {"size": round(LARGE * figure.layout.title.font.size)},
            "y": 1 - 20 / height,
        },
        legend={"font": {"size": size}},
        margin={"t": round(1.3 * figure.layout.margin.t)},
    )
    # A page's own theme sets the sizes of axes, which only their own settings outrank.
    large.update_xaxes(tickfont={"size": size}, title={"font": {"size": size}})
    large.update_yaxes(tickfont={"size": size}, title={"font": {"size": size}})
    for note in large.layout.annotations:
        note.font.size = round(LARGE * (note.font.size or figure.layout.font.size))
    for trace in large.data:
        for part, size_of in (("marker", "size"), ("line", "width")):
            look = getattr(trace, part, None)
            value = getattr(look, size_of, None)
            if isinstance(value, int | float):
                trace.update({part: {size_of: LARGE * value}})
    return large
