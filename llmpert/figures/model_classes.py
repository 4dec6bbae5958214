"""Figure 2: classes of models on each embedding."""

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from llmpert.evaluation.metrics import Metric
from llmpert.evaluation.results import NO_EMBEDDING, pretty
from llmpert.figures.theme import BASELINE_COLORS, finish
from llmpert.models.registry import MODELS

MODEL_COLORS = {"knn": "#d95f02", "linear": "#8e4fa8", "gp-paper": "#b8860b", "gp": "#2b83ba"}
MODEL_SYMBOLS = {"knn": "square", "linear": "diamond", "gp-paper": "triangle-up", "gp": "circle"}


def model_classes(
    summary: pd.DataFrame, line: str, train_size: int, metrics: Sequence[Metric], simulated: bool
) -> go.Figure:
    """One panel a metric: embeddings along x, one marker a model with its error bar.

    Dashed lines are the models that use no embedding.

    Parameters
    ----------
    summary:
        From `llmpert.evaluation.results.summarise`.
    line, train_size:
        Which results to draw.
    """
    cell = summary[(summary["line"] == line) & (summary["train_size"] == train_size)]
    embeddings = [e for e in cell["embedding"].drop_duplicates() if e != NO_EMBEDDING]
    models = [m for m in MODEL_COLORS if m in set(cell["model"])]
    figure = make_subplots(
        cols=len(metrics), subplot_titles=[m.label for m in metrics], horizontal_spacing=0.06
    )
    for column, metric in enumerate(metrics, start=1):
        panel = cell[cell["metric"] == metric.name]
        for at, model in enumerate(models):
            points = panel[panel["model"] == model].set_index("embedding").reindex(embeddings)
            # Side by side within each embedding's place on the axis.
            offset = (at - (len(models) - 1) / 2) * 0.18
            label = MODELS[model].label
            figure.add_scatter(
                x=[i + offset for i in range(len(embeddings))], y=points["mean"],
                error_y={"type": "data", "array": points["ci95"], "thickness": 1.5, "width": 4},
                mode="markers", name=label, legendgroup=model, showlegend=column == 1,
                marker={"color": MODEL_COLORS[model], "symbol": MODEL_SYMBOLS[model], "size": 11},
                customdata=[[pretty(e)] for e in embeddings],
                hovertemplate=f"{label} on %{{customdata[0]}}<br>{metric.label}: "
                "%{y:.3f}<extra></extra>",
                row=1, col=column,
            )  # fmt: skip
        for model, color in BASELINE_COLORS.items():
            value = panel.loc[panel["model"] == model, "mean"]
            if value.empty:
                continue
            label = MODELS[model].label
            figure.add_scatter(
                x=[-0.5, len(embeddings) - 0.5], y=[value.iloc[0]] * 2, mode="lines",
                line={"color": color, "dash": "dash" if model == "mean" else "dot", "width": 2},
                name=label, legendgroup=model, showlegend=column == 1,
                hovertemplate=f"{label}<br>{metric.label}: %{{y:.3f}}<extra></extra>",
                row=1, col=column,
            )  # fmt: skip
    figure.update_xaxes(
        tickvals=list(range(len(embeddings))),
        ticktext=["<br>+ ".join(e.split("+")) for e in embeddings],
        range=[-0.5, len(embeddings) - 0.5],
    )
    figure.update_layout(legend={"orientation": "h", "y": -0.22, "x": 0})
    return finish(
        figure,
        f"Model classes by embedding: {line}, {train_size:,} training perturbations"
        " (bars: 1.96 standard errors)",
        simulated,
        height=460,
    )
