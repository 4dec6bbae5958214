"""Two predictions on common axes: gene against gene, and gene by gene."""

from typing import Literal

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from llmpert.figures.equal_axes import LEGEND_BELOW, equal_axes
from llmpert.figures.theme import MEASURED, SOURCE_COLORS, ZERO_LINE, finish
from llmpert.insight.ranking import correlation

A, B = (SOURCE_COLORS[0], "circle"), (SOURCE_COLORS[2], "square")
"""Colour and marker of the two sides."""

AROUND = ("top center", "bottom center", "middle right")
"""Where the names of the largest disagreements stand, so that neighbours' names do not meet."""

MARKED, NAMED = 20, len(AROUND)
"""How many of the largest disagreements stand out, and how many of them are named."""

What = Literal["predicted", "measured"]


def one_against_the_other(
    table: pd.DataFrame,
    labels: tuple[str, str],
    units: tuple[str, str],
    what: What,
) -> go.Figure:
    """Every common gene: side A along x, side B along y, on equal axes.

    Parameters
    ----------
    table:
        From `llmpert.insight.compare.compare`, largest disagreement first.
    labels, units:
        Of side A and side B.
    what:
        Whether to draw the predictions or the measurements.
    """
    x, y = ("a", "b") if what == "predicted" else ("measured_a", "measured_b")
    drawn = table.dropna(subset=[x, y])
    marked = np.arange(len(drawn)) < MARKED
    figure = go.Figure()
    equal_axes(
        figure,
        drawn[[x, y]].to_numpy(),
        f"{labels[0]}, {what}<br>{units[0]}",
        f"{labels[1]}, {what}<br>{units[1]}",
    )
    for chosen, name, color, symbol, size in (
        (~marked, "Other genes", "#8a939b", "circle", 4),
        (marked, f"{marked.sum()} largest predicted disagreements", SOURCE_COLORS[1], "diamond", 8),
    ):
        points = drawn[chosen]
        # Measured values crowd together too much for names beside them.
        named = points["gene"].where(
            (np.arange(len(points)) < NAMED) & (what == "predicted"), other=""
        )
        figure.add_scatter(
            x=points[x], y=points[y], name=name,
            mode="markers+text" if symbol == "diamond" else "markers",
            marker={"color": color, "symbol": symbol, "size": size, "opacity": 0.8},
            text=named, textposition=AROUND[: len(points)], customdata=points["gene"],
            hovertemplate=f"%{{customdata}}<br>{labels[0]}: %{{x:.3f}}<br>{labels[1]}: %{{y:.3f}}"
            "<extra></extra>",
        )  # fmt: skip
    r = correlation(drawn, x, y)
    said = f"r = {r:.2f}" if np.isfinite(r) else "correlation not defined"
    return finish(figure, f"{what.capitalize()}: {said} over {len(drawn):,} genes", height=540)


def both_against_measured(table: pd.DataFrame, labels: tuple[str, str], unit: str) -> go.Figure:
    """Both predictions of one measurement along x, the measurement along y, on equal axes.

    Parameters
    ----------
    table:
        From `llmpert.insight.compare.compare`, of sides that predict the same measurement.
    """
    figure = go.Figure()
    drawn = table[["a", "b", "measured_a"]].to_numpy()
    equal_axes(figure, drawn, f"Predicted<br>{unit}", f"Measured<br>{unit}")
    said = []
    for side, label, (color, symbol) in (("a", labels[0], A), ("b", labels[1], B)):
        figure.add_scatter(
            x=table[side], y=table["measured_a"], mode="markers", name=label,
            marker={"color": color, "symbol": symbol, "size": 4, "opacity": 0.5},
            customdata=table["gene"],
            hovertemplate=f"%{{customdata}}<br>{label}: %{{x:.3f}}<br>measured: %{{y:.3f}}"
            "<extra></extra>",
        )  # fmt: skip
        r = correlation(table, side, "measured_a")
        said.append(f"{label}: " + (f"r = {r:.2f}" if np.isfinite(r) else "r not defined"))
    title = f"Against the measurement, {len(table):,} genes<br>{'; '.join(said)}"
    return finish(figure, title, height=540)


def gene_by_gene(
    table: pd.DataFrame,
    labels: tuple[str, str],
    units: tuple[str, str],
    title: str,
    one_measurement: bool,
) -> go.Figure:
    """Both predictions of each gene on one axis, with 95 % intervals where there are any.

    Parameters
    ----------
    table:
        Rows of `llmpert.insight.compare.compare`, drawn from top to bottom.
    one_measurement:
        Whether both sides predict the same measurement, which is then drawn once.
    """
    at = np.arange(len(table))[::-1]
    figure = go.Figure()
    sides = (("a", labels[0], A, 0.17), ("b", labels[1], B, -0.17))
    for side, label, (color, symbol), offset in sides:
        bars = None
        if table[f"low95_{side}"].notna().any():
            bars = {
                "type": "data", "array": table[f"high95_{side}"] - table[side],
                "thickness": 1.5, "width": 0,
            }  # fmt: skip
        figure.add_scatter(
            x=table[side], y=at + offset, error_x=bars, mode="markers",
            name=f"{label}, predicted" + (" (95 % interval)" if bars else ""),
            marker={"color": color, "symbol": symbol, "size": 8}, customdata=table["gene"],
            hovertemplate=f"%{{customdata}}, {label}: predicted %{{x:.3f}}<extra></extra>",
        )  # fmt: skip
    for side, label, (color, _), offset in sides:
        values = table[f"measured_{side}"]
        if values.isna().all() or (one_measurement and side == "b"):
            continue
        figure.add_scatter(
            x=values, y=at + (0 if one_measurement else offset), mode="markers",
            name="Measured" if one_measurement else f"{label}, measured",
            marker={
                "color": MEASURED if one_measurement else color,
                "symbol": "diamond-open", "size": 9, "line": {"width": 2},
            },
            customdata=table["gene"],
            hovertemplate=f"%{{customdata}}{'' if one_measurement else f', {label}'}:"
            " measured %{x:.3f}<extra></extra>",
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
