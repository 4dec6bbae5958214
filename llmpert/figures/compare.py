"""Two predictions on common axes: gene against gene, and gene by gene."""

from collections.abc import Collection
from typing import Literal

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from llmpert.figures.theme import (
    DIAGONAL,
    LEGEND_BELOW,
    MEASURED,
    MEASURED_MARK,
    MOST_DOTS,
    ONE_LINE,
    SOURCE_COLORS,
    UNREMARKABLE,
    ZERO_LINE,
    apart,
    coefficient,
    density,
    equal_axes,
    finish,
    interval_bars,
    marker,
    points,
)
from llmpert.insight.ranking import correlation

A, B = (SOURCE_COLORS[0], "circle"), (SOURCE_COLORS[2], "square")
"""Colour and marker of the two sides."""

HEIGHT = 520

MARKED = 20
"""How many of the largest disagreements stand out."""

NAMED = 3
"""How many of them are named, at most."""


def one_against_the_other(
    table: pd.DataFrame,
    labels: tuple[str, str],
    units: tuple[str, str],
    what: Literal["predicted", "measured"],
    every: bool = True,
) -> go.Figure:
    """Draw every common gene: side A along x, side B along y, on equal axes.

    Rows of `table` (`llmpert.insight.compare.compare`) start with the largest disagreement. Unless
    `every` gene is to be a dot, shades show how many others lie where.
    """
    x, y = ("a", "b") if what == "predicted" else ("measured_a", "measured_b")
    drawn = table.dropna(subset=[x, y])
    titles = [f"{name}, {what}<br>{unit}" for name, unit in zip(labels, units, strict=True)]
    figure = equal_axes(drawn[[x, y]].to_numpy(), *titles)
    where = f"{labels[0]}: %{{x:.3f}}<br>{labels[1]}: %{{y:.3f}}"
    hover = f"%{{customdata}}<br>{where}"
    others, marked = drawn.iloc[MARKED:], drawn.iloc[:MARKED]
    if every or len(drawn) <= MOST_DOTS:
        points(
            figure, others[x], others[y], "Other genes", marker(*UNREMARKABLE, opacity=0.8), hover,
            customdata=others["gene"],
        )  # fmt: skip
    else:
        figure.add_trace(density(others[x], others[y], where))
    # Measured values crowd together too much for names beside them.
    most = NAMED if what == "predicted" else 0
    named = apart(drawn[x].to_numpy(), drawn[y].to_numpy(), range(len(marked)), most)
    names = marked["gene"].where(np.isin(np.arange(len(marked)), named), other="")
    points(
        figure, marked[x], marked[y], f"{len(marked)} largest predicted disagreements",
        marker(SOURCE_COLORS[1], "diamond", 8, opacity=0.8), hover, mode="markers+text",
        text=names, textposition="top center", customdata=marked["gene"], cliponaxis=False,
    )  # fmt: skip
    r = coefficient("r", correlation(drawn, x, y))
    title = f"{what.capitalize()}: {r} over {len(drawn):,} genes"
    return finish(figure, title, height=HEIGHT, top=ONE_LINE)


def both_against_measured(
    table: pd.DataFrame, labels: tuple[str, str], unit: str, every: bool = True
) -> go.Figure:
    """Draw both predictions of one measurement: a panel each, on the same axes.

    Predicted is along x, measured along y; `every` is as for `one_against_the_other`.
    """
    values = table[["a", "b", "measured_a"]].to_numpy()
    ends = [float(np.nanmin(values)), float(np.nanmax(values))]
    titles = [
        f"{label}: {coefficient('r', correlation(table, side, 'measured_a'))}"
        for side, label in zip("ab", labels, strict=True)
    ]
    figure = make_subplots(
        rows=1, cols=2, shared_xaxes="all", shared_yaxes="all", subplot_titles=titles,
        horizontal_spacing=0.06,
    )  # fmt: skip
    figure.update_annotations(font={"size": 13})
    for at, (side, label, (color, symbol)) in enumerate(zip("ab", labels, (A, B), strict=True)):
        place = {"row": 1, "col": at + 1}
        where = f"{label}: %{{x:.3f}}<br>measured: %{{y:.3f}}"
        if every or len(table) <= MOST_DOTS:
            points(
                figure, table[side], table["measured_a"], label,
                marker(color, symbol, 4, opacity=0.5), f"%{{customdata}}<br>{where}",
                customdata=table["gene"], **place,
            )  # fmt: skip
        else:
            shades = density(table[side], table["measured_a"], where, color)
            figure.add_trace(shades.update(name=f"{label} (shade: how many genes)"), **place)
        figure.add_scatter(
            x=ends, y=ends, mode="lines", hoverinfo="skip", showlegend=False, line=DIAGONAL, **place
        )
        figure.update_xaxes(title_text="Predicted", **place)
    figure.update_yaxes(title_text=f"Measured<br>{unit}", col=1)
    return finish(
        figure, f"Against the measurement, {len(table):,} genes", height=HEIGHT, legend=LEGEND_BELOW
    )


def gene_by_gene(
    table: pd.DataFrame,
    labels: tuple[str, str],
    units: tuple[str, str],
    title: str,
    one_measurement: bool,
    usual: Collection[str] = (),
) -> go.Figure:
    """Draw both predictions of each gene on one axis, with 95 % intervals where there are any.

    Rows of `llmpert.insight.compare.compare` are drawn from top to bottom. With `one_measurement`
    both sides predict the same one, which is drawn once. Genes that most knockdowns change alike
    (`usual`) are marked.
    """
    at = np.arange(len(table))[::-1]
    figure = go.Figure()
    sides = (("a", labels[0], A, 0.17), ("b", labels[1], B, -0.17))
    for side, label, (color, symbol), offset in sides:
        up, down = table[f"high95_{side}"] - table[side], table[side] - table[f"low95_{side}"]
        known = up.notna().any()
        points(
            figure, table[side], at + offset,
            f"{label}, predicted" + (" (95 % interval)" if known else ""),
            marker(color, symbol, 8), f"%{{customdata}}, {label}: predicted %{{x:.3f}}",
            error_x=interval_bars(up, down, width=0) if known else None, customdata=table["gene"],
        )  # fmt: skip
    for side, label, (color, _), offset in sides[:1] if one_measurement else sides:
        name, whose = f"{label}, measured", f", {label}"
        if one_measurement:
            color, offset, name, whose = MEASURED, 0, "Measured", ""
        measured = table[f"measured_{side}"]
        if measured.notna().any():
            points(
                figure, measured, at + offset, name, MEASURED_MARK | {"color": color},
                f"%{{customdata}}{whose}: measured %{{x:.3f}}", customdata=table["gene"],
            )  # fmt: skip
    return finish(
        figure,
        title,
        height=140 + 20 * len(table),
        top=ONE_LINE,
        note="* most knockdowns change it alike" if table["gene"].isin(usual).any() else "",
        xaxis={"title": {"text": " / ".join(dict.fromkeys(units))}},
        yaxis={
            "tickvals": at, "ticktext": [gene + " *" * (gene in usual) for gene in table["gene"]],
            "range": [-0.7, len(table) - 0.3],
            "showgrid": False, "zeroline": False,
        },
        legend=LEGEND_BELOW,
        shapes=[ZERO_LINE],
    )  # fmt: skip
