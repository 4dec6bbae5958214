"""Figure 2: classes of models on each embedding."""

from collections.abc import Sequence
from math import ceil

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from llmpert.evaluation.metrics import Metric
from llmpert.evaluation.results import NO_EMBEDDING, embedding_label
from llmpert.figures.theme import (
    LEGEND_BELOW,
    MODEL_LOOKS,
    finish,
    in_two_lines,
    interval_bars,
    marker,
    styles,
)
from llmpert.models.registry import MODELS, label

WIDTH = 0.8
"""Of the markers of one embedding, as a share of its place on the axis."""
COLUMNS = 2


def model_classes(
    summary: pd.DataFrame, line: str, train_size: int, metrics: Sequence[Metric]
) -> go.Figure:
    """Draw a panel a metric: embeddings along x, one marker a model with its error bar.

    Lines across are the models that use no embedding and external methods.

    Args:
        summary: From `llmpert.evaluation.results.summarise`.
        line, train_size: Which results to draw.
    """
    cell = summary[(summary["line"] == line) & (summary["train_size"] == train_size)]
    pairs = list(cell[["model", "embedding"]].itertuples(index=False, name=None))
    across = {m: look for (m, e), look in styles(pairs).items() if e == NO_EMBEDDING}
    embeddings = list(dict.fromkeys(e for _, e in pairs if e != NO_EMBEDDING))
    models = [m for m in MODELS if MODELS[m].uses_embedding and m in set(cell["model"])]
    rows = ceil(len(metrics) / COLUMNS)
    figure = make_subplots(
        rows=rows, cols=min(len(metrics), COLUMNS),
        subplot_titles=[in_two_lines(m.label) for m in metrics],
        shared_xaxes=True, horizontal_spacing=0.12, vertical_spacing=0.15,
    )  # fmt: skip
    labelled: set[str] = set()
    for at_metric, metric in enumerate(metrics):
        place = {"row": at_metric // COLUMNS + 1, "col": at_metric % COLUMNS + 1}
        panel = cell[(cell["metric"] == metric.name) & cell["mean"].notna()]
        values = panel.set_index(["model", "embedding"])
        for at, model in enumerate(models):
            points = values.reindex([(model, e) for e in embeddings])
            # Side by side within each embedding's place on the axis.
            offset = (at - (len(models) - 1) / 2) * WIDTH / len(models)
            figure.add_scatter(
                x=[i + offset for i in range(len(embeddings))], y=points["mean"],
                error_y=interval_bars(points["ci95"], width=3),
                mode="markers", name=label(model), legendgroup=model,
                showlegend=model not in labelled,
                marker=marker(*MODEL_LOOKS[model][:2]), customdata=points["ci95"],
                text=[embedding_label(e) for e in embeddings],
                hovertemplate=f"{label(model)} on %{{text}}<br>{metric.label}: "
                "%{y:.3f} ± %{customdata:.3f}<extra></extra>",
                **place,
            )  # fmt: skip
            labelled.add(model)
        for model, look in across.items():
            found = panel[(panel["model"] == model) & (panel["embedding"] == NO_EMBEDDING)]
            if found.empty:
                continue
            mean, error = found["mean"].iloc[0], found["ci95"].iloc[0]
            figure.add_scatter(
                x=[-0.5, len(embeddings) - 0.5], y=[mean] * 2, mode="lines",
                line={"color": look.color, "dash": look.dash, "width": 2},
                name=look.label, legendgroup=model, showlegend=model not in labelled,
                hovertemplate=f"{look.label}<br>{metric.label}: "
                f"%{{y:.3f}} ± {error:.3f}<extra></extra>",
                **place,
            )  # fmt: skip
            labelled.add(model)
    figure.update_xaxes(
        tickvals=list(range(len(embeddings))),
        ticktext=["<br>+ ".join(e.split("+")) for e in embeddings],
        range=[-0.5, len(embeddings) - 0.5],
    )
    figure.update_annotations(font_size=13)
    figure.update_layout(legend=LEGEND_BELOW)
    return finish(
        figure,
        f"Model classes by embedding: {line}",
        height=170 + 270 * rows,
        note=f"{train_size:,} training perturbations; bars: 1.96 standard errors",
    )
