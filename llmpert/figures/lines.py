"""Responses in several lines, where two disagree, and a model of one judged on another."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from llmpert.figures.theme import (
    GREY,
    LEGEND_BELOW,
    ONE_LINE,
    ZERO_LINE,
    by_name,
    finish,
    interval_bars,
    marker,
    points,
    source_look,
)

BETWEEN = 0.5
"""Of the space of a gene that all lines together take."""


def in_lines(
    table: pd.DataFrame, genes: Sequence[str], title: str, unit: str, note: str, known: str
) -> go.Figure:
    """Draw what is predicted and measured of each gene in each line, genes from top to bottom.

    Args:
        table: Columns line, gene, predicted, low95, high95, measured; missing where not known.
        known: What measurements are called.
    """
    figure, at = go.Figure(), pd.Series(np.arange(len(genes))[::-1], index=list(genes))
    lines = list(dict.fromkeys(table["line"]))
    for number, line in enumerate(lines):
        part = table[table["line"] == line].set_index("gene").reindex(genes)
        place = at + BETWEEN * ((len(lines) - 1) / 2 - number) / max(len(lines) - 1, 1)
        color, symbol = source_look(number)
        shown = part["predicted"]
        if shown.notna().any():
            bars = interval_bars(part["high95"] - shown, shown - part["low95"], width=0)
            points(
                figure, shown, place, f"{line}, predicted", marker(color, symbol, 7),
                f"%{{customdata}}, {line}: predicted %{{x:.3f}}",
                error_x=bars if part["high95"].notna().any() else None, customdata=genes,
            )  # fmt: skip
        if part["measured"].notna().any():
            look = marker(color, f"{symbol}-open", 10, line={"width": 2})
            points(
                figure, part["measured"], place, f"{line}, {known}", look,
                f"%{{customdata}}, {line}: {known} %{{x:.3f}}", customdata=genes,
            )  # fmt: skip
    return finish(
        figure, title, height=140 + 22 * len(genes), top=ONE_LINE, note=note,
        xaxis={"title": {"text": unit}},
        yaxis={
            "tickvals": at.to_numpy(), "ticktext": list(genes),
            "range": [-0.7, len(genes) - 0.3], "showgrid": False, "zeroline": False,
        },
        legend=LEGEND_BELOW, shapes=[ZERO_LINE],
    )  # fmt: skip


def disagreeing(table: pd.DataFrame, usual: float, title: str, note: str) -> go.Figure:
    """Draw the knockdowns on which two lines disagree most; dots carry the gene as `customdata`.

    Args:
        table: The first rows of `llmpert.insight.lines.disagreements`.
        usual: The median of all.
    """
    figure = go.Figure()
    names = table["perturbation"]
    points(
        figure, table["disagreement"], names, "", marker(GREY, "diamond"),
        "%{y} knockdown: %{x:.2f} standard deviations of the noise", customdata=names,
    )  # fmt: skip
    for x, dash in ((1.0, "dot"), (usual, "dash")):
        figure.add_vline(x=x, line={"color": GREY, "width": 1, "dash": dash})
    return finish(
        figure, title, height=140 + 22 * len(table), top=ONE_LINE,
        note=f"{note}; dotted: noise alone; dashed: median of all",
        xaxis={
            "title": {"text": "Difference, in standard deviations of the noise"},
            "rangemode": "tozero",
        },
        yaxis=by_name(list(names), ""), showlegend=False,
    )  # fmt: skip


def judged(table: pd.DataFrame, axis: str, note: str) -> go.Figure:
    """Draw one score of a trained model and its baselines on another screen.

    Args:
        table: Columns targets, model, mean, se, perturbations.
        axis: What the score is.
    """
    figure, methods = go.Figure(), list(dict.fromkeys(table["model"]))
    for number, (targets, part) in enumerate(table.groupby("targets", sort=False)):
        color, symbol = source_look(number)
        points(
            figure, part["mean"], part["model"],
            f"{str(targets).capitalize()} ({part['perturbations'].iloc[0]:,} targets)",
            marker(color, symbol), "%{y}: %{x:.3f}",
            error_x=interval_bars(2 * part["se"], 2 * part["se"]),
        )  # fmt: skip
    return finish(
        figure, "Does the model hold elsewhere?", height=160 + 34 * len(methods), top=ONE_LINE,
        note=note, xaxis={"title": {"text": axis}}, yaxis=by_name(methods, ""),
        legend=LEGEND_BELOW, showlegend=True,
    )  # fmt: skip
