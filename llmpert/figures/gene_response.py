"""One gene's knockdown: predicted response with intervals, and the measured one."""

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go

from llmpert.evaluation.prediction import Prediction
from llmpert.evaluation.results import NO_EMBEDDING
from llmpert.figures.equal_axes import LEGEND_BELOW
from llmpert.figures.theme import MEASURED, PREDICTED, ZERO_LINE, finish, styles

INTERVAL = 0.95
"""Probability that an interval holds a new measurement."""


def ranked_genes(
    prediction: Prediction,
    measured: np.ndarray | None,
    unit: str,
    count: int,
    others: Mapping[str, np.ndarray] | None = None,
) -> go.Figure:
    """The genes with the largest predicted |Δ|, strongest on top, with 95 % intervals.

    Parameters
    ----------
    prediction:
        Of one perturbation.
    measured:
        Its measured response at the prediction's genes, or None where it was not measured.
    unit:
        What one unit of the response is.
    count:
        How many genes to show.
    others:
        Method that was run elsewhere -> what it predicts at the prediction's genes.
    """
    mean = prediction.mean[0]
    chosen = np.argsort(-np.abs(mean), kind="stable")[:count][::-1]
    genes = prediction.genes[chosen]
    figure = go.Figure()
    bars = None
    half_width = prediction.half_width(INTERVAL)
    if half_width is not None:
        bars = {"type": "data", "array": half_width[0][chosen], "thickness": 1.5}
    figure.add_scatter(
        x=mean[chosen], y=genes, error_x=bars, mode="markers", name="Predicted (95 % interval)",
        marker={"color": PREDICTED, "symbol": "circle", "size": 9},
        hovertemplate="%{y}: predicted %{x:.3f}<extra></extra>",
    )  # fmt: skip
    if measured is not None:
        figure.add_scatter(
            x=measured[chosen], y=genes, mode="markers", name="Measured",
            marker={"color": MEASURED, "symbol": "diamond-open", "size": 9, "line": {"width": 2}},
            hovertemplate="%{y}: measured %{x:.3f}<extra></extra>",
        )  # fmt: skip
    looks = styles((method, NO_EMBEDDING) for method in others or {})
    for method, predicted in (others or {}).items():
        look = looks[method, NO_EMBEDDING]
        figure.add_scatter(
            x=predicted[chosen], y=genes, mode="markers", name=look.label,
            marker={"color": look.color, "symbol": look.symbol, "size": 9, "opacity": 0.85},
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


def predicted_against_measured(
    prediction: Prediction,
    measured: np.ndarray,
    top: np.ndarray,
    unit: str,
    correlation: float,
) -> go.Figure:
    """Every gene of one perturbation: predicted along x, measured along y.

    Parameters
    ----------
    prediction:
        Of one perturbation.
    measured:
        Its measured response at the prediction's genes.
    top:
        Positions of the top DE genes, drawn apart.
    correlation:
        Pearson correlation over all genes, for the title; NaN where not defined.
    """
    mean = prediction.mean[0]
    is_top = np.zeros(len(mean), dtype=bool)
    is_top[top] = True
    figure = go.Figure()
    for chosen, label, color, symbol, size in (
        (~is_top, "Other genes", "#8a939b", "circle", 4),
        (is_top, f"Top {len(top)} DE genes", MEASURED, "diamond", 9),
    ):
        figure.add_scatter(
            x=mean[chosen], y=measured[chosen], mode="markers", name=label,
            marker={"color": color, "symbol": symbol, "size": size, "opacity": 0.8},
            text=prediction.genes[chosen], customdata=(mean - measured)[chosen],
            hovertemplate="%{text}<br>predicted %{x:.3f}, measured %{y:.3f}"
            "<br>off by %{customdata:+.3f}<extra></extra>",
        )  # fmt: skip
    low = float(min(mean.min(), measured.min()))
    high = float(max(mean.max(), measured.max()))
    figure.add_scatter(
        x=[low, high], y=[low, high], mode="lines", name="Equal", hoverinfo="skip",
        line={"color": "#888888", "dash": "dot", "width": 1},
    )  # fmt: skip
    said = f"r = {correlation:.2f}" if np.isfinite(correlation) else "correlation not defined"
    return finish(
        figure,
        f"{prediction.perturbations[0]}, all genes: {said}",
        height=520,
        # A long unit would be cut: the figure stands in a narrow column.
        xaxis={"title": {"text": f"Predicted<br>({unit.replace(' (', '<br>(')})"}},
        yaxis={"title": {"text": "Measured"}},
        legend=LEGEND_BELOW,
    )
