"""A map of perturbations, coloured by a value or by the group each belongs to."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from llmpert.figures.theme import MARK, SOURCE_COLORS, SOURCE_SYMBOLS, finish

REST = "#a7b0b8"
SCALE = "Cividis"
"""From dark blue to yellow: read alike with any colour vision, and by lightness alone."""

OUTLINE = {"width": 0.5, "color": "#808890"}
"""Keeps the scale's dark end visible on a dark page and its light end on a light one."""

HEIGHT = 640
MOST_VECTOR_MARKS = 3000
"""More marks than this are drawn as one picture, which browsers move faster."""


def map_by_value(
    points: pd.DataFrame,
    axes: tuple[str, str],
    value: str,
    title: str,
    chosen: str | None,
    selected: Sequence[str],
) -> go.Figure:
    """Every perturbation at its place, coloured by a number; those without one are grey crosses.

    Parameters
    ----------
    points:
        Columns gene, x, y, value (missing where there is none) and note (for the hover).
    axes:
        Titles of the axes.
    value:
        What the number is, with its unit.
    chosen:
        The gene to point out, or None.
    selected:
        Perturbations that stand out, the others being faint; none of them means all alike.

    Returns
    -------
    A figure whose points carry the gene as `customdata`. The scale ends at the 2nd and 98th
    percentile, so that a few extreme values do not take all colours.
    """
    figure = go.Figure()
    known = points.dropna(subset="value")
    unknown = points[points["value"].isna()]
    if len(unknown):
        look = {"color": REST, "symbol": "x-thin-open", "size": 6}
        _add(figure, unknown, f"No value ({len(unknown):,})", look, len(points))
    if len(known):
        low, high = np.percentile(known["value"], (2, 98))
        look = {
            "color": known["value"], "colorscale": SCALE, "cmin": low, "cmax": high, "size": 7,
            # Below the map: on a narrow screen it would take half the width beside it.
            "colorbar": {
                "title": {"text": value, "side": "top"}, "orientation": "h", "thickness": 14,
                "x": 0, "xanchor": "left", "y": -0.13, "yanchor": "top",
            },
            "line": OUTLINE,
        }  # fmt: skip
        _add(figure, known, "Perturbations", look, len(points), showlegend=bool(len(unknown)))
    figure.update_layout(legend={"y": 1, "yanchor": "bottom"})
    return _finished(figure, points, axes, title, chosen, selected)


def map_by_group(
    points: pd.DataFrame,
    axes: tuple[str, str],
    groups: Sequence[str],
    title: str,
    chosen: str | None,
    selected: Sequence[str],
) -> go.Figure:
    """Every perturbation at its place, in the colour and shape of its group; the rest are grey.

    Parameters
    ----------
    points:
        Columns gene, x, y, group ("" for the rest) and note (for the hover).
    groups:
        In the order in which colours and shapes are given out.
    axes, title, chosen, selected:
        As for `map_by_value`.
    """
    figure = go.Figure()
    rest = points[~points["group"].isin(list(groups))]
    if len(rest):
        look = {"color": REST, "symbol": "circle", "size": 4, "opacity": 0.6}
        _add(figure, rest, f"Others ({len(rest):,})", look, len(points))
    for at, group in enumerate(groups):
        members = points[points["group"] == group]
        look = {
            "color": SOURCE_COLORS[at % len(SOURCE_COLORS)],
            "symbol": SOURCE_SYMBOLS[at % len(SOURCE_SYMBOLS)],
            "size": 9,
            "line": OUTLINE,
        }
        _add(figure, members, f"{group} ({len(members):,})", look, len(points))
    figure.update_layout(legend={"y": -0.14, "yanchor": "top"})
    return _finished(figure, points, axes, title, chosen, selected)


def _add(
    figure: go.Figure, points: pd.DataFrame, name: str, look: dict, total: int, **more: object
) -> None:
    trace = go.Scatter if total <= MOST_VECTOR_MARKS else go.Scattergl
    figure.add_trace(
        trace(
            x=points["x"], y=points["y"], mode="markers", name=name, marker=look,
            customdata=points["gene"], text=points["note"],
            hovertemplate="<b>%{customdata}</b><br>%{text}<extra></extra>",
            unselected={"marker": {"opacity": 0.2}}, **more,
        )
    )  # fmt: skip


def _finished(
    figure: go.Figure,
    points: pd.DataFrame,
    axes: tuple[str, str],
    title: str,
    chosen: str | None,
    selected: Sequence[str],
) -> go.Figure:
    if selected:
        for trace in figure.data:
            trace.selectedpoints = np.flatnonzero(np.isin(trace.customdata, list(selected)))
    here = points[points["gene"] == chosen]
    if len(here):
        figure.add_scatter(
            x=here["x"], y=here["y"], mode="markers", name=str(chosen), hoverinfo="skip",
            customdata=here["gene"],
            marker={"symbol": "circle-open", "size": 20, "color": MARK, "line": {"width": 3}},
        )  # fmt: skip
        figure.add_annotation(
            x=here["x"].iloc[0], y=here["y"].iloc[0], text=f"<b>{chosen}</b>", ax=0, ay=-34,
            arrowcolor=MARK, standoff=10, bgcolor="#ffffff", bordercolor=MARK, borderpad=3,
            font={"color": MARK},
        )  # fmt: skip
    figure.update_layout(legend={"orientation": "h", "x": 0, "itemsizing": "constant"})
    return finish(
        figure,
        title,
        height=HEIGHT,
        xaxis={"title": {"text": axes[0]}, "zeroline": False},
        yaxis={"title": {"text": axes[1]}, "zeroline": False},
    )
