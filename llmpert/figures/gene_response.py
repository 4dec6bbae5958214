"""All genes of one knockdown: predicted against measured, and a volcano."""

import numpy as np
import plotly.graph_objects as go

from llmpert.evaluation.prediction import Prediction
from llmpert.figures.theme import (
    DIAGONAL,
    LEGEND_BELOW,
    MEASURED,
    PREDICTED,
    UNREMARKABLE,
    ZERO_LINE,
    coefficient,
    finish,
    marker,
)
from llmpert.models.intervals import INTERVAL

NAMED = 8
"""At most so many genes of a volcano are named in the figure."""


def predicted_against_measured(
    prediction: Prediction, measured: np.ndarray, top: np.ndarray, unit: str, correlation: float
) -> go.Figure:
    """Draw every gene of one perturbation: predicted along x, measured along y.

    Args:
        prediction, measured, unit: As for `llmpert.figures.ranked.ranked_genes`.
        top: Positions of the top DE genes, drawn apart.
        correlation: Pearson correlation over all genes, for the title; NaN where not defined.
    """
    mean = prediction.mean[0]
    is_top = np.isin(np.arange(len(mean)), top)
    figure = go.Figure()
    for chosen, name, look in (
        (~is_top, "Other genes", UNREMARKABLE),
        (is_top, f"Top {len(top)} DE genes", (MEASURED, "diamond", 9)),
    ):
        figure.add_scatter(
            x=mean[chosen], y=measured[chosen], mode="markers", name=name,
            marker=marker(*look, opacity=0.8), text=prediction.genes[chosen],
            customdata=(mean - measured)[chosen],
            hovertemplate="%{text}<br>predicted %{x:.3f}, measured %{y:.3f}"
            "<br>off by %{customdata:+.3f}<extra></extra>",
        )  # fmt: skip
    ends = [float(min(mean.min(), measured.min())), float(max(mean.max(), measured.max()))]
    figure.add_scatter(x=ends, y=ends, mode="lines", name="Equal", hoverinfo="skip", line=DIAGONAL)
    return finish(
        figure,
        f"{prediction.perturbations[0]}, all genes: {coefficient('r', correlation)}",
        height=520,
        # A long unit would be cut: the figure stands in a narrow column.
        xaxis={"title": {"text": f"Predicted<br>({unit.replace(' (', '<br>(')})"}},
        yaxis={"title": {"text": "Measured"}},
        legend=LEGEND_BELOW,
    )


def volcano(prediction: Prediction, measured: np.ndarray | None, unit: str) -> go.Figure:
    """Draw every gene of one perturbation: predicted Δ along x, |Δ| / standard deviation along y.

    Genes whose 95 % interval excludes 0 stand out: raised and lowered ones by colour and marker.
    Those with the largest |z| are named, as far as there is room. Arguments are those of
    `llmpert.figures.ranked.ranked_genes`; a `ValueError` is raised without standard deviations.
    """
    half_width = prediction.half_width(INTERVAL)
    if prediction.std is None or half_width is None:
        raise ValueError("a volcano needs standard deviations")
    mean, std = prediction.mean[0], prediction.std[0]
    # A gene that never varies has no deviation and no response.
    z = np.divide(mean, std, out=np.zeros_like(mean), where=std > 0)
    sure = np.abs(mean) > half_width[0]
    columns, known = [z], ""
    if measured is not None:
        columns, known = [z, measured], "<br>measured %{customdata[1]:.3f}"
    figure = go.Figure()
    for chosen, name, look in (
        (~sure, "95 % interval includes 0", UNREMARKABLE),
        (sure & (mean < 0), "Lowered: interval below 0", (PREDICTED, "triangle-down", 9)),
        (sure & (mean > 0), "Raised: interval above 0", (MEASURED, "triangle-up", 9)),
    ):
        if not chosen.any():
            continue
        figure.add_scatter(
            x=mean[chosen], y=np.abs(z[chosen]), mode="markers", name=f"{name} ({chosen.sum():,})",
            marker=marker(*look, opacity=0.8), text=prediction.genes[chosen],
            customdata=np.column_stack(columns)[chosen],
            hovertemplate="%{text}<br>predicted %{x:.3f}, z = %{customdata[0]:.2f}"
            f"{known}<extra></extra>",
        )  # fmt: skip
    named = _apart(mean, np.abs(z))
    figure.add_scatter(
        x=mean[named], y=np.abs(z[named]), mode="text", text=prediction.genes[named],
        textposition="top center", textfont={"size": 11}, cliponaxis=False,
        hoverinfo="skip", showlegend=False, name="names",
    )  # fmt: skip
    return finish(
        figure,
        f"{prediction.perturbations[0]} knockdown: size and certainty",
        height=520,
        xaxis={"title": {"text": f"Predicted<br>({unit})"}},
        yaxis={
            "title": {"text": "|z| = |predicted Δ| / standard deviation"}, "rangemode": "tozero",
        },
        legend={"orientation": "h", "y": -0.22, "yanchor": "top", "x": 0},
        shapes=[ZERO_LINE],
    )  # fmt: skip


def _apart(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the genes to name: highest first, without those whose name would cover another one."""
    named: list[int] = []
    width, height = 0.3 * np.ptp(x), 0.05 * y.max()
    for gene in np.argsort(-y, kind="stable"):
        if len(named) == NAMED or not y[gene] > 0:
            break
        if all(abs(x[gene] - x[n]) > width or abs(y[gene] - y[n]) > height for n in named):
            named.append(int(gene))
    return np.array(named, dtype=int)
