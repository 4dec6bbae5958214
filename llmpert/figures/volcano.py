"""A volcano of one prediction: how large each gene's response, and how sure the model is of it."""

import numpy as np
import plotly.graph_objects as go

from llmpert.evaluation.prediction import Prediction
from llmpert.figures.theme import MEASURED, PREDICTED, ZERO_LINE, finish

INTERVAL = 0.95
"""Probability that an interval holds a new measurement."""

NAMED = 8
"""At most so many genes are named in the figure."""


def volcano(prediction: Prediction, measured: np.ndarray | None, unit: str) -> go.Figure:
    """Every gene of one perturbation: predicted Δ along x, |Δ| / standard deviation along y.

    Genes whose 95 % interval excludes 0 stand out: raised and lowered ones by colour and marker.
    Those with the largest |z| are named, as far as there is room.

    Parameters
    ----------
    prediction:
        Of one perturbation, with standard deviations.
    measured:
        Its measured response at the prediction's genes, for the hover text, or None.
    unit:
        What one unit of the response is.

    Raises
    ------
    ValueError
        The prediction has no standard deviation.
    """
    half_width = prediction.half_width(INTERVAL)
    if prediction.std is None or half_width is None:
        raise ValueError("a volcano needs standard deviations")
    mean, std = prediction.mean[0], prediction.std[0]
    # A gene that never varies has no deviation and no response.
    z = np.divide(mean, std, out=np.zeros_like(mean), where=std > 0)
    sure = np.abs(mean) > half_width[0]
    figure = go.Figure()
    for chosen, label, color, symbol, size in (
        (~sure, "95 % interval includes 0", "#8a939b", "circle", 4),
        (sure & (mean < 0), "Lowered: interval below 0", PREDICTED, "triangle-down", 9),
        (sure & (mean > 0), "Raised: interval above 0", MEASURED, "triangle-up", 9),
    ):
        if not chosen.any():
            continue
        known = "" if measured is None else "<br>measured %{customdata[1]:.3f}"
        extra = z if measured is None else np.column_stack([z, measured])
        figure.add_scatter(
            x=mean[chosen], y=np.abs(z[chosen]), mode="markers", name=f"{label} ({chosen.sum():,})",
            marker={"color": color, "symbol": symbol, "size": size, "opacity": 0.8},
            text=prediction.genes[chosen], customdata=extra.reshape(len(z), -1)[chosen],
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
    """The genes to name: highest first, leaving out those whose name would cover another one."""
    named: list[int] = []
    width, height = 0.3 * np.ptp(x), 0.05 * y.max()
    for gene in np.argsort(-y, kind="stable"):
        if len(named) == NAMED or not y[gene] > 0:
            break
        if all(abs(x[gene] - x[n]) > width or abs(y[gene] - y[n]) > height for n in named):
            named.append(int(gene))
    return np.array(named, dtype=int)
