"""Figure 1 and S1: how accuracy grows with the number of training perturbations."""

from collections.abc import Sequence
from itertools import product

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from llmpert.evaluation.metrics import Metric
from llmpert.evaluation.results import NO_EMBEDDING
from llmpert.figures.theme import finish, style, translucent


def learning_curves(
    summary: pd.DataFrame,
    lines: Sequence[str],
    metrics: Sequence[Metric],
    shown: Sequence[tuple[str, str]],
    simulated: bool,
) -> go.Figure:
    """One panel a cell line and metric; one curve a model and embedding, with its band.

    Parameters
    ----------
    summary:
        From `llmpert.evaluation.results.summarise`.
    lines, metrics:
        Rows and columns of panels.
    shown:
        (model, embedding) pairs drawn at first; the others wait in the legend.
    simulated:
        Whether to mark the figure as simulated.

    Returns
    -------
    A figure whose bands are 1.96 standard errors across folds. Legend entries toggle a curve with
    its band in all panels.
    """
    figure = make_subplots(
        rows=len(lines),
        cols=len(metrics),
        column_titles=[metric.label for metric in metrics],
        row_titles=list(lines),
        shared_xaxes=True,
        horizontal_spacing=0.05,
        vertical_spacing=0.08,
    )
    pairs = list(
        summary[["model", "embedding"]].drop_duplicates().itertuples(index=False, name=None)
    )
    embeddings = list(dict.fromkeys(e for _, e in pairs if e != NO_EMBEDDING))
    defined = summary.dropna(subset="mean").sort_values("train_size", kind="stable")
    curves = dict(iter(defined.groupby(["line", "metric", "model", "embedding"], observed=True)))
    labelled: set[str] = set()
    traces: list[go.Scatter] = []
    places: list[tuple[int, int]] = []
    for (row, line), (column, metric) in product(enumerate(lines, 1), enumerate(metrics, 1)):
        for model, embedding in pairs:
            curve = curves.get((line, metric.name, model, embedding))
            if curve is None:
                continue
            look = style(model, embedding, embeddings)
            common = {
                "legendgroup": look.label,
                "visible": True if (model, embedding) in shown else "legendonly",
            }
            band = curve[curve["ci95"].notna()]
            traces.append(go.Scatter(
                x=[*band["train_size"], *band["train_size"][::-1]],
                y=[*(band["mean"] + band["ci95"]), *(band["mean"] - band["ci95"])[::-1]],
                fill="toself", fillcolor=translucent(look.color, 0.15), line={"width": 0},
                mode="lines", hoverinfo="skip", showlegend=False,
                name=f"{look.label} band", **common,
            ))  # fmt: skip
            traces.append(go.Scatter(
                x=curve["train_size"], y=curve["mean"], mode="lines+markers",
                name=look.label, showlegend=look.label not in labelled,
                line={"color": look.color, "dash": look.dash, "width": 2},
                marker={"symbol": look.symbol, "size": 8, "color": look.color,
                        "line": {"width": 2 if "open" in look.symbol else 0}},
                customdata=curve["ci95"],
                hovertemplate=f"{look.label}<br>{line}, %{{x}} training perturbations<br>"
                f"{metric.label}: %{{y:.3f}} ± %{{customdata:.3f}}<extra></extra>", **common,
            ))  # fmt: skip
            places += [(row, column)] * 2
            labelled.add(look.label)
    # All at once: adding them one by one takes several times as long.
    figure.add_traces(traces, rows=[r for r, _ in places], cols=[c for _, c in places])
    figure.update_xaxes(title_text="Training perturbations", row=len(lines))
    figure.update_layout(
        legend={"orientation": "h", "y": -0.14 if len(lines) > 1 else -0.25, "x": 0},
    )
    return finish(
        figure,
        "Accuracy on unseen knockdowns by training size (bands: 1.96 standard errors)",
        simulated,
        height=130 + 300 * len(lines),
    )
