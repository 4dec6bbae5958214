"""The strongest responses down the side: genes of one knockdown, or knockdowns of one gene."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from llmpert.evaluation.prediction import Prediction
from llmpert.evaluation.results import NO_EMBEDDING
from llmpert.figures.theme import (
    LEGEND_BELOW,
    MEASURED_MARK,
    PREDICTED,
    ZERO_LINE,
    by_name,
    finish,
    interval_bars,
    marker,
    styles,
)
from llmpert.insight.effects import HELD_OUT, NOT_MEASURED
from llmpert.models.intervals import INTERVAL

STATES = {
    HELD_OUT: ("Predicted, held out", "circle"),
    NOT_MEASURED: ("Predicted, never knocked down", "circle-open"),
}
"""What a prediction is called and its marker."""


def ranked_genes(
    prediction: Prediction,
    measured: np.ndarray | None,
    unit: str,
    count: int,
    others: Mapping[str, np.ndarray] | None = None,
) -> go.Figure:
    """Draw the genes with the largest predicted |Δ|, strongest on top, with 95 % intervals.

    Args:
        prediction: Of one perturbation.
        measured: Its measured response at the prediction's genes, or None where it was not
            measured.
        unit: What one unit of the response is.
        count: How many genes to show.
        others: External method -> what it predicts at the prediction's genes.
    """
    mean = prediction.mean[0]
    chosen = np.argsort(-np.abs(mean), kind="stable")[:count][::-1]
    genes = prediction.genes[chosen]
    half_width = prediction.half_width(INTERVAL)
    figure = go.Figure()
    figure.add_scatter(
        x=mean[chosen], y=genes, mode="markers", name="Predicted (95 % interval)",
        error_x=None if half_width is None else interval_bars(half_width[0][chosen]),
        marker=marker(PREDICTED, "circle"),
        hovertemplate="%{y}: predicted %{x:.3f}<extra></extra>",
    )  # fmt: skip
    if measured is not None:
        figure.add_scatter(
            x=measured[chosen], y=genes, mode="markers", name="Measured", marker=MEASURED_MARK,
            hovertemplate="%{y}: measured %{x:.3f}<extra></extra>",
        )  # fmt: skip
    others = others or {}
    looks = styles((method, NO_EMBEDDING) for method in others)
    for look, predicted in zip(looks.values(), others.values(), strict=True):
        figure.add_scatter(
            x=predicted[chosen], y=genes, mode="markers", name=look.label,
            marker=marker(look.color, look.symbol, opacity=0.85),
            hovertemplate=f"%{{y}}: {look.label} predicts %{{x:.3f}}<extra></extra>",
        )  # fmt: skip
    return finish(
        figure,
        f"{prediction.perturbations[0]} knockdown:<br>{len(chosen)} strongest predicted genes",
        height=190 + 22 * (len(chosen) + len(figure.data)),
        xaxis={"title": {"text": unit}},
        yaxis={"type": "category", "tickmode": "linear"},
        legend=LEGEND_BELOW,
        shapes=[ZERO_LINE],
    )


def ranked_knockdowns(
    effects: pd.DataFrame, gene: str, line: str, unit: str, ranked_by: str
) -> go.Figure:
    """Draw the knockdowns that change a gene most, strongest on top; measured and predicted apart.

    Args:
        effects: The strongest rows of `llmpert.insight.effects.effects_on`.
        gene, line: The measured gene, and the cells.
        unit: What one unit of the effect is.
        ranked_by: "measured" or "predicted", for the title.
    """
    figure = go.Figure()
    drawn = effects.iloc[::-1]
    for state, (label, symbol) in STATES.items():
        part = drawn[(drawn["state"] == state) & drawn["predicted"].notna()]
        if part.empty:
            continue
        half_width = part["high95"] - part["predicted"]
        known = half_width.notna().any()  # not every model gives intervals
        figure.add_scatter(
            x=part["predicted"], y=part["perturbation"], mode="markers",
            name=f"{label} (95 % interval)" if known else label,
            error_x=interval_bars(half_width) if known else None,
            marker=marker(PREDICTED, symbol, line={"width": 2}),
            hovertemplate="%{y} knockdown: predicted %{x:.3f}<extra></extra>",
        )  # fmt: skip
    part = drawn[drawn["measured"].notna()]
    if not part.empty:
        figure.add_scatter(
            x=part["measured"], y=part["perturbation"], mode="markers", name="Measured",
            marker=MEASURED_MARK, hovertemplate="%{y} knockdown: measured %{x:.3f}<extra></extra>",
        )  # fmt: skip
    return finish(
        figure,
        f"{len(effects)} knockdowns that change {gene} most<br>in {line}, by {ranked_by} effect",
        height=250 + 22 * len(effects),
        xaxis={"title": {"text": f"{gene}<br>({unit})"}},
        yaxis=by_name(list(effects["perturbation"]), "Knockdown"),
        legend=LEGEND_BELOW,
        shapes=[ZERO_LINE],
    )
