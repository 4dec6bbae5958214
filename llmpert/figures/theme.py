"""One look for all figures: colours, axes, titles, the "simulated" mark, export settings."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from textwrap import wrap
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from llmpert.evaluation.results import NO_EMBEDDING, method_label
from llmpert.models.registry import MODELS

# Blue, vermilion, purple and so on from the palettes of Okabe & Ito and Tol: distinct with any
# colour vision, and by lightness where there is no colour. Each source also has its own marker.
SOURCE_COLORS = ("#2b83ba", "#d95f02", "#8e4fa8", "#b8860b", "#17a2a2", "#c2527f", "#6b7a1e")
SOURCE_SYMBOLS = ("circle", "square", "diamond", "triangle-up", "star", "hexagon", "cross")
MODEL_LOOKS = {
    "random": ("#9aa0a6", "x", "dot"),
    "no-change": ("#848c94", "asterisk-open", "dash"),
    "mean": ("#6c757d", "line-ew-open", "longdash"),
    "knn": ("#d95f02", "square", "dot"),
    "linear": ("#8e4fa8", "diamond", "dash"),
    "ridge": ("#c2527f", "triangle-down", "longdash"),
    "components": ("#17a2a2", "star", "longdashdot"),
    "gp-paper": ("#b8860b", "triangle-up", "dashdot"),
    "gp": ("#2b83ba", "circle", "solid"),
}
"""Colour, marker and dash of each model; grey where it uses no embedding. Where colour and marker
stand for embeddings, the dash alone for the model. `model_look` has those of other packages."""
GREY = MODEL_LOOKS["mean"][0]
# External methods take these in turn. The lengths have no common divisor but 1, so that looks
# repeat after 84 methods only; the first seven differ in their marker.
OTHER_COLORS = ("#a0622d", "#7a6ff0", "#5c7a99")
OTHER_SYMBOLS = (
    "pentagon", "bowtie", "star-triangle-down", "hourglass", "triangle-left", "octagon",
    "star-diamond",
)  # fmt: skip
OTHER_DASHES = ("solid", "dashdot", "longdashdot", "14px,3px,2px,3px,2px,3px")
MARK = "#c0561a"
PREDICTED, MEASURED = "#2b83ba", "#d95f02"
UNREMARKABLE = ("#8a939b", "circle", 4)
"""Colour, marker and size of points that only show where the rest lies."""
ONE_LINE = 58
"""Pixels above the axes for a title of one line and the mark of simulated data."""
MOST_DOTS = 500
"""Genes or knockdowns in a scatter that is to be drawn quickly."""
DIVERGING = ("#08519c", "#6baed6", "#f7f7f7", "#fdae6b", "#a63603")
"""From lowered to raised, blue to orange, equally light at both ends."""

FONT = "Source Sans Pro, Helvetica, Arial, sans-serif"
EXPORT: dict[str, Any] = {"displaylogo": False}
"""Plotly configuration of every figure."""
QUIET = EXPORT | {"modeBarButtonsToRemove": ["toImage"]}
"""That of figures on pages, which save them in another way."""

ZERO_LINE: dict[str, Any] = {
    "type": "line", "x0": 0, "x1": 0, "xref": "x", "y0": 0, "y1": 1, "yref": "y domain",
    "line": {"width": 1, "dash": "dot", "color": "#888888"},
}  # fmt: skip
"""A shape: no response, from the bottom of the axes to their top."""

DIAGONAL = {"color": "#888888", "dash": "dot", "width": 1}

LEGEND_BELOW = {"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom", "x": 0}
"""A legend at the figure's foot: on a narrow screen it wraps without covering the title."""

IN_TITLE, IN_NOTE, IN_AXIS = 46, 60, 44
"""Letters in a line of a title, its note and the axis across: a telephone is as wide."""

LARGE = 1.4
"""How much larger type and marks are in meetings."""


class Style(NamedTuple):
    """How one series looks and what it is called."""

    label: str
    color: str
    symbol: str
    dash: str


def model_look(model: str) -> tuple[str, str, str]:
    """Return a model's colour, marker and dash; models of other packages take theirs in turn."""
    if model in MODEL_LOOKS:
        return MODEL_LOOKS[model]
    at = [name for name in MODELS if name not in MODEL_LOOKS].index(model)
    color, symbol, dash = (
        turn[at % len(turn)] for turn in (OTHER_COLORS, OTHER_SYMBOLS, OTHER_DASHES[1:])
    )
    return color if MODELS[model].uses_embedding else GREY, symbol, dash


def styles(series: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Style]:
    """Give every series of a figure, a (model, embedding) pair each, a look of its own.

    Colour and marker say which embedding, the line's dash which model. Grey is for models that use
    no embedding; external methods have colours, markers and dashes of their own. `series` is all
    that the figure may show, drawn or not: looks are given out in its order.
    """
    pairs = list(dict.fromkeys(series))
    embeddings = list(dict.fromkeys(e for _, e in pairs if e != NO_EMBEDDING))
    others = list(dict.fromkeys(m for m, _ in pairs if m not in MODELS))
    looks = {}
    for model, embedding in pairs:
        if model in others:
            at = others.index(model)
            look = [turn[at % len(turn)] for turn in (OTHER_COLORS, OTHER_SYMBOLS, OTHER_DASHES)]
        elif embedding == NO_EMBEDDING:
            look = list(model_look(model))
        else:
            look = [*source_look(embeddings.index(embedding)), model_look(model)[2]]
        looks[model, embedding] = Style(method_label(model, embedding), *look)
    return looks


def in_lines(label: str) -> str:
    """Break a metric's label after its commas, for a narrow panel."""
    return label.replace(", ", ",<br>")


def source_look(at: int) -> tuple[str, str]:
    """Return the colour and marker of a source, or group, by its place among them."""
    return SOURCE_COLORS[at % len(SOURCE_COLORS)], SOURCE_SYMBOLS[at % len(SOURCE_SYMBOLS)]


def marker(color: str, symbol: str, size: float = 9, **more: Any) -> dict[str, Any]:
    """Return the look of a trace's points."""
    return {"color": color, "symbol": symbol, "size": size, **more}


def points(
    figure: go.Figure, x: Any, y: Any, name: str, look: dict[str, Any], hover: str, **more: Any
) -> None:
    """Draw points with this `marker` and hover template."""
    trace = {"x": x, "y": y, "name": name, "marker": look, "mode": "markers"} | more
    figure.add_scatter(**trace, hovertemplate=f"{hover}<extra></extra>")


MEASURED_MARK = marker(MEASURED, "diamond-open", line={"width": 2})


def interval_bars(
    up: np.ndarray | pd.Series, down: np.ndarray | pd.Series | None = None, **more: Any
) -> dict[str, Any]:
    """Return error bars that reach so far up and down from points, or up as far as down.

    A point outside its interval has a negative one of the two.
    """
    other = {} if down is None else {"arrayminus": down}
    return {"type": "data", "array": up, **other, "thickness": 1.5, **more}


def coefficient(name: str, value: float) -> str:
    """Return a correlation for a title."""
    return f"{name} = {value:.2f}" if np.isfinite(value) else f"{name} not defined"


def band(x: pd.Series, low: pd.Series, high: pd.Series, color: str, alpha: float) -> go.Scatter:
    """Return the area between two curves, in a translucent hex colour."""
    red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    return go.Scatter(
        x=[*x, *x[::-1]], y=[*high, *low[::-1]], mode="lines", line={"width": 0}, fill="toself",
        fillcolor=f"rgba({red},{green},{blue},{alpha})", hoverinfo="skip", showlegend=False,
    )  # fmt: skip


def density(
    x: np.ndarray | pd.Series,
    y: np.ndarray | pd.Series,
    where: str,
    color: str = UNREMARKABLE[0],
    of: str = "genes",
) -> go.Heatmap:
    """Return a heat map of the density of genes, transparent where there are none.

    Args:
        where: Template of what hovering over a shade shows of its place.
        of: What is counted.
    """
    counts, *edges = np.histogram2d(x, y, bins=(60, 45))
    across, up = ((edge[1:] + edge[:-1]) / 2 for edge in edges)
    shown = np.where(counts > 0, counts, np.nan).T.astype(np.float32)
    red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    shades = [(at, f"rgba({red},{green},{blue},{0.35 + 0.65 * at})") for at in (0, 1)]
    return go.Heatmap(
        x=across, y=up, z=np.log(shown), customdata=shown, colorscale=shades, showscale=False,
        name=f"Other {of} (shade: how many)", showlegend=True, hoverongaps=False,
        hovertemplate=f"%{{customdata}} {of} {where}<extra></extra>",
    )  # fmt: skip


def contours(
    x: np.ndarray | pd.Series, y: np.ndarray | pd.Series, name: str, color: str
) -> go.Histogram2dContour:
    """Return lines of equal density of genes, which can lie over shades."""
    return go.Histogram2dContour(
        x=np.asarray(x, np.float32), y=np.asarray(y, np.float32), nbinsx=30, nbinsy=24,
        ncontours=7, contours={"coloring": "lines", "start": 0.5},
        line={"smoothing": 1.2, "width": 1.3},
        colorscale=[(0, color), (1, color)], showscale=False, name=f"{name} (lines: how many)",
        showlegend=True, hoverinfo="skip",
    )  # fmt: skip


def apart(x: np.ndarray, y: np.ndarray, order: Iterable[int], most: int) -> np.ndarray:
    """Return which points to name: the first of an order whose names do not cover one before."""
    named: list[int] = []
    width, height = 0.3 * np.ptp(x), 0.06 * np.ptp(y)
    for one in order:
        if len(named) == most:
            break
        if all(abs(x[one] - x[n]) > width or abs(y[one] - y[n]) > height for n in named):
            named.append(int(one))
    return np.array(named, dtype=int)


def add_names(
    figure: go.Figure, names: pd.DataFrame, colors: Mapping[str, str], up: int = 0
) -> None:
    """Write names on a map, each in a frame of its group's colour.

    Args:
        names: From `llmpert.insight.clusters.labels`.
        up: By how many pixels they stand above their places.
    """
    for row in names.itertuples():
        figure.add_annotation(
            x=row.x, y=row.y, yshift=up, text=f"<b>{row.text}</b>", showarrow=False,
            bgcolor="#ffffff", bordercolor=colors[str(row.group)], borderpad=2, opacity=0.85,
            font={"color": "#31333f", "size": 11},
        )  # fmt: skip


def equal_axes(values: np.ndarray, x_title: str, y_title: str) -> go.Figure:
    """Return a figure with a diagonal, one scale and one range, which holds all values, if any."""
    figure, axis = go.Figure(), {"nticks": 8, "constrain": "domain"}
    if values.size:
        low, high = float(values.min()), float(values.max())
        margin = 0.04 * (high - low) or 0.5
        axis["range"] = ends = [low - margin, high + margin]
        figure.add_scatter(
            x=ends, y=ends, mode="lines", hoverinfo="skip", showlegend=False, line=DIAGONAL
        )
    return figure.update_layout(
        xaxis=axis | {"title": {"text": x_title}},
        yaxis=axis | {"title": {"text": y_title}, "scaleanchor": "x"},
        legend=LEGEND_BELOW,
    )


def by_name(names: Sequence[str], title: str) -> dict[str, Any]:
    """Return an axis of names, from top to bottom."""
    return {
        "type": "category", "tickmode": "linear", "categoryorder": "array",
        "categoryarray": names[::-1], "title": {"text": title},
    }  # fmt: skip


def folded(text: str, letters: int) -> str:
    """Break lines that are longer than so many letters between words."""
    lines = (wrap(line, letters, break_long_words=False) or [""] for line in text.split("<br>"))
    return "<br>".join(chain.from_iterable(lines))


def finish(
    figure: go.Figure, title: str, height: int, note: str = "", top: int = 90, **layout: Any
) -> go.Figure:
    """Give a figure its layout, title, font and margins, with room for `mark_simulated`.

    The note is part of the title, in small type: a narrow figure has no room for both in one line.
    The title has `top` pixels above the axes, 18 of them for the mark.
    """
    parts = [folded(title, IN_TITLE)]
    if note:
        parts.append(f'<br><span style="font-size:12px">{folded(note, IN_NOTE)}</span>')
    more = "".join(parts).count("<br>") - title.count("<br>") - note.count("<br>") - bool(note)
    layout |= {
        "title": {
            "text": "".join(parts), "font": {"size": 16},
            "x": 0, "xanchor": "left", "y": 1 - 12 / height, "yanchor": "top",
        },
        "font": {"family": FONT, "size": 13},
        "height": height,
        "margin": {"l": 10, "r": 10, "t": top + 18 * (bool(note) + more), "b": 10},
        "hoverlabel": {"namelength": -1},
    }  # fmt: skip
    # Not a template: Streamlit writes its own fonts, margins and title over any template's.
    # All at once and as a whole: Plotly takes several times as long to merge it with what is there.
    figure.update_layout(layout, overwrite=True)
    for axis in figure.select_xaxes():
        if axis.title.text:
            axis.title.text = folded(axis.title.text, IN_AXIS)
    return figure


def mark_simulated(figure: go.Figure) -> go.Figure:
    """Return a copy with "SIMULATED DATA" in its title, so that every export has it."""
    # What was validated once is not validated again, which takes three times as long as drawing.
    marked = go.Figure(figure.to_dict(), _validate=False)
    marked.layout.title.text = (
        f"{figure.layout.title.text}"
        f'<br><span style="font-size:12px;color:{MARK}">SIMULATED DATA</span>'
    )
    return marked


def enlarged(figure: go.Figure) -> go.Figure:
    """Return a copy to be read from the back of a room: type and marks larger, 700 high or more."""
    large = go.Figure(figure)
    size = round(LARGE * figure.layout.font.size)
    height = max(700, round(1.2 * figure.layout.height))
    large.update_layout(
        height=height,
        font_size=size,
        title_font_size=round(LARGE * figure.layout.title.font.size),
        title_y=1 - 20 / height,
        legend_font_size=size,
        margin_t=round(1.3 * figure.layout.margin.t),
    )
    # A page's own theme sets the sizes of axes, which only their own settings outrank.
    large.update_xaxes(tickfont_size=size, title_font_size=size)
    large.update_yaxes(tickfont_size=size, title_font_size=size)
    for note in large.layout.annotations:
        note.font.size = round(LARGE * (note.font.size or figure.layout.font.size))
    for trace in large.data:
        for part, size_of in (("marker", "size"), ("line", "width")):
            value = getattr(getattr(trace, part, None), size_of, None)
            if isinstance(value, int | float):
                trace.update({part: {size_of: LARGE * value}})
    return large
