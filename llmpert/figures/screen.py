"""A whole screen: how large responses are, a map of perturbations, how alike they respond."""

from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from llmpert.figures.theme import (
    MARK,
    MEASURED,
    ONE_LINE,
    ZERO_LINE,
    add_names,
    band,
    coefficient,
    finish,
    marker,
    points,
    source_look,
)
from llmpert.insight.similarity import Pairs

REST = "#a7b0b8"

OUTLINE = {"width": 0.5, "color": "#808890"}
"""Keeps the scale's dark end visible on a dark page and its light end on a light one."""

MOST_VECTOR_MARKS = 700
"""More marks than this are drawn as one picture, which browsers move faster."""

LETTERS = 44
"""In a line of a legend."""

ALL_PAIRS = "All pairs"
RESPONSES = "Pearson r between responses"

Looks = list[tuple[np.ndarray, dict[str, Any]]]
"""Traces of a map: which perturbations each has (a mask), and its name and marker."""


def response_sizes(table: pd.DataFrame, line: str, unit: str) -> go.Figure:
    """Draw how frequent responses of each size are, from `llmpert.datasets.reading.histogram`."""
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


def perturbation_map(
    table: pd.DataFrame,
    axes: tuple[str, str],
    title: str,
    gene: str,
    selected: Sequence[str],
    label: str = "",
    groups: Sequence[str] | None = None,
    names: pd.DataFrame | None = None,
) -> go.Figure:
    """Draw every perturbation at its place, coloured by its value or by its group.

    The scale of values ends at the 2nd and 98th percentile, so that a few extreme ones do not take
    all colours; perturbations without one are grey crosses, those in none of `groups` grey.

    Args:
        table: Columns gene, x, y, note (for the hover), and group, or without `groups` value.
        gene: To point out; it need not be on the map.
        selected: Perturbations that stand out, the others being faint; without any all are alike.
        label: What the value is, with its unit.
        groups: In the order in which they are given colours and shapes.
        names: Of groups, with their places (`llmpert.insight.clusters.labels`).
    """
    looks, legend = _by_value(table, label) if groups is None else _by_group(table, groups)
    figure = go.Figure()
    trace = go.Scatter if len(table) <= MOST_VECTOR_MARKS else go.Scattergl
    for chosen, look in looks:
        part = table[chosen]
        positions = np.flatnonzero(part["gene"].isin(list(selected))) if selected else None
        figure.add_trace(trace(
            x=part["x"], y=part["y"], mode="markers", customdata=part["gene"], text=part["note"],
            hovertemplate="<b>%{customdata}</b><br>%{text}<extra></extra>",
            selectedpoints=positions, unselected={"marker": {"opacity": 0.2}}, **look,
        ))  # fmt: skip
    if names is not None:
        add_names(figure, names, {of: source_look(at)[0] for at, of in enumerate(groups or ())})
    found = table[table["gene"] == gene]
    if len(found):
        figure.add_scatter(
            x=found["x"], y=found["y"], mode="markers", name=gene, hoverinfo="skip",
            customdata=found["gene"], marker=marker(MARK, "circle-open", 20, line={"width": 3}),
        )  # fmt: skip
        figure.add_annotation(
            x=found["x"].iloc[0], y=found["y"].iloc[0], text=f"<b>{gene}</b>", ax=0,
            ay=-34, arrowcolor=MARK, standoff=10, bgcolor="#ffffff", bordercolor=MARK,
            borderpad=3, font={"color": MARK},
        )  # fmt: skip
    return finish(
        figure,
        title,
        height=600,
        top=ONE_LINE if groups is not None else 90,
        xaxis={"title": {"text": axes[0]}, "zeroline": False},
        yaxis={"title": {"text": axes[1]}, "zeroline": False},
        legend={"orientation": "h", "x": 0, "itemsizing": "constant", **legend},
    )


def _by_value(table: pd.DataFrame, label: str) -> tuple[Looks, dict[str, Any]]:
    """Return looks by value, and where the legend stands: above, as the scale stands below."""
    looks: Looks = []
    missing = table["value"].isna().to_numpy()
    if missing.any():
        grey = marker(REST, "x-thin-open", 6)
        looks.append((missing, {"name": f"No value ({missing.sum():,})", "marker": grey}))
    if not missing.all():
        known = table["value"][~missing]
        low, high = np.percentile(known, (2, 98))
        look = {
            # From dark blue to yellow: read alike with any colour vision, and by lightness.
            "color": known, "colorscale": "Cividis", "cmin": low, "cmax": high,
            # Below the map: on a narrow screen it would take half the width beside it.
            "colorbar": {
                "title": {"text": label, "side": "top"}, "orientation": "h", "thickness": 14,
                "x": 0, "xanchor": "left", "y": -0.13, "yanchor": "top",
            },
            "line": OUTLINE, "size": 7,
        }  # fmt: skip
        named = {"name": "Perturbations", "marker": look, "showlegend": bool(missing.any())}
        looks.append((~missing, named))
    return looks, {"y": 1, "yanchor": "bottom"}


def _by_group(table: pd.DataFrame, groups: Sequence[str]) -> tuple[Looks, dict[str, Any]]:
    """Return looks by group, and where the legend stands: below."""
    looks: Looks = []
    rest = ~table["group"].isin(list(groups)).to_numpy()
    if rest.any():
        grey = marker(REST, "circle", 4, opacity=0.6)
        looks.append((rest, {"name": f"Others ({rest.sum():,})", "marker": grey}))
    for at, group in enumerate(groups):
        members = (table["group"] == group).to_numpy()
        look = marker(*source_look(at), line=OUTLINE)
        # Longer lines are cut where the figure is narrow.
        name = "<br>".join(wrap(f"{group} ({members.sum():,})", LETTERS))
        looks.append((members, {"name": name, "marker": look}))
    return looks, {"y": -0.14, "yanchor": "top"}


def closeness_by_source(found: Mapping[str, tuple[pd.DataFrame, float]]) -> go.Figure:
    """Draw a panel a source: mean similarity of responses in bins of pairs, with its spread.

    Bands reach from the 10th to the 90th percentile of the pairs in a bin.
    """
    columns = min(len(found), 2)
    rows = -(-len(found) // columns)
    figure = make_subplots(
        rows=rows, cols=columns,
        subplot_titles=[
            f"{source}<br>{coefficient('Spearman ρ', rho)}" for source, (_, rho) in found.items()
        ],
        shared_yaxes="all", horizontal_spacing=0.05, vertical_spacing=0.32 / rows,
    )  # fmt: skip
    figure.update_annotations(font={"size": 13})
    for at, (source, (bins, _)) in enumerate(found.items()):
        place = {"row": at // columns + 1, "col": at % columns + 1}
        color, symbol = source_look(at)
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

    `found` has them by measure (`llmpert.insight.similarity.neighbours`). A row a measure has a
    mark a neighbour and a line at their mean; the box has the quartiles and the median of all
    pairs, its whiskers the 5th and 95th percentile.
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
        points(
            figure, known["response"], [measure] * len(known), measure,
            marker(color, symbol, 11, opacity=0.75),
            "<b>%{customdata[0]}</b><br>similarity %{customdata[1]:.3f}<br>r of responses %{x:.3f}",
            showlegend=False, customdata=known[["gene", "similarity"]],
        )  # fmt: skip
        points(
            figure, [known["response"].mean()], [measure], f"{measure}, mean",
            marker(color, "line-ns-open", 26, line={"width": 3}), "mean r %{x:.3f}",
            showlegend=False,
        )  # fmt: skip
    return finish(
        figure,
        f"Do {gene}'s neighbours respond alike?",
        height=190 + 60 * (len(found) + 1),
        xaxis={"title": {"text": RESPONSES}, "zeroline": True},
        yaxis={
            "type": "category", "categoryorder": "array",
            "categoryarray": [ALL_PAIRS, *reversed(list(found))],
        },
    )  # fmt: skip
