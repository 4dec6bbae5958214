"""Two predictions on common axes: gene against gene, and gene by gene."""

from typing import Literal

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from llmpert.figures.theme import (
    LEGEND_BELOW,
    MEASURED,
    MEASURED_MARK,
    SOURCE_COLORS,
    UNREMARKABLE,
    ZERO_LINE,
    coefficient,
    equal_axes,
    finish,
    interval_bars,
    marker,
    points,
)
from llmpert.insight.ranking import correlation

A, B = (SOURCE_COLORS[0], "circle"), (SOURCE_COLORS[2], "square")
"""Colour and marker of the two sides."""

AROUND = ("top center", "bottom center", "middle right")
"""Where the names of the largest disagreements stand, so that neighbours' names do not meet."""

MARKED = 20
"""How many of the largest disagreements stand out; as many as `AROUND` has places are named."""


def one_against_the_other(
    table: pd.DataFrame,
    labels: tuple[str, str],
    units: tuple[str, str],
    what: Literal["predicted", "measured"],
) -> go.Figure:
    """Draw every common gene: side A along x, side B along y, on equal axes.

    Rows of `table` (`llmpert.insight.compare.compare`) start with the largest disagreement.
    """
    x, y = ("a", "b") if what == "predicted" else ("measured_a", "measured_b")
    drawn = table.dropna(subset=[x, y])
    titles = [f"{name}, {what}<br>{unit}" for name, unit in zip(labels, units, strict=True)]
    figure = equal_axes(drawn[[x, y]].to_numpy(), *titles)
    hover = f"%{{customdata}}<br>{labels[0]}: %{{x:.3f}}<br>{labels[1]}: %{{y:.3f}}"
    others, marked = drawn.iloc[MARKED:], drawn.iloc[:MARKED]
    points(
        figure, others[x], others[y], "Other genes", marker(*UNREMARKABLE, opacity=0.8), hover,
        customdata=others["gene"],
    )  # fmt: skip
    # Measured values crowd together too much for names beside them.
    named = marked["gene"].where(
        (np.arange(len(marked)) < len(AROUND)) & (what == "predicted"), other=""
    )
    points(
        figure, marked[x], marked[y], f"{len(marked)} largest predicted disagreements",
        marker(SOURCE_COLORS[1], "diamond", 8, opacity=0.8), hover, mode="markers+text",
        text=named, textposition=AROUND[: len(marked)], customdata=marked["gene"],
    )  # fmt: skip
    r = coefficient("r", correlation(drawn, x, y))
    return finish(figure, f"{what.capitalize()}: {r} over {len(drawn):,} genes", height=540)


def both_against_measured(table: pd.DataFrame, labels: tuple[str, str], unit: str) -> go.Figure:
    """Draw both predictions of one measurement along x, the measurement along y, on equal axes."""
    drawn = table[["a", "b", "measured_a"]].to_numpy()
    figure = equal_axes(drawn, f"Predicted<br>{unit}", f"Measured<br>{unit}")
    correlations = []
    for side, label, (color, symbol) in zip("ab", labels, (A, B), strict=True):
        points(
            figure, table[side], table["measured_a"], label, marker(color, symbol, 4, opacity=0.5),
            f"%{{customdata}}<br>{label}: %{{x:.3f}}<br>measured: %{{y:.3f}}",
            customdata=table["gene"],
        )  # fmt: skip
        correlations.append(f"{label}: {coefficient('r', correlation(table, side, 'measured_a'))}")
    title = f"Against the measurement, {len(table):,} genes<br>{'; '.join(correlations)}"
    return finish(figure, title, height=540)


def gene_by_gene(
    table: pd.DataFrame,
    labels: tuple[str, str],
    units: tuple[str, str],
    title: str,
    one_measurement: bool,
) -> go.Figure:
    """Draw both predictions of each gene on one axis, with 95 % intervals where there are any.

    Rows of `llmpert.insight.compare.compare` are drawn from top to bottom. With `one_measurement`
    both sides predict the same one, which is drawn once.
    """
    at = np.arange(len(table))[::-1]
    figure = go.Figure()
    sides = (("a", labels[0], A, 0.17), ("b", labels[1], B, -0.17))
    for side, label, (color, symbol), offset in sides:
        half_width = table[f"high95_{side}"] - table[side]
        known = half_width.notna().any()
        points(
            figure, table[side], at + offset,
            f"{label}, predicted" + (" (95 % interval)" if known else ""),
            marker(color, symbol, 8), f"%{{customdata}}, {label}: predicted %{{x:.3f}}",
            error_x=interval_bars(half_width, width=0) if known else None, customdata=table["gene"],
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
        height=170 + 28 * len(table),
        xaxis={"title": {"text": " / ".join(dict.fromkeys(units))}},
        yaxis={
            "tickvals": at, "ticktext": table["gene"], "range": [-0.7, len(table) - 0.3],
            "showgrid": False, "zeroline": False,
        },
        legend=LEGEND_BELOW,
        shapes=[ZERO_LINE],
    )  # fmt: skip
