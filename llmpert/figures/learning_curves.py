"""Figure 1 and S1: how accuracy grows with the number of training perturbations."""

from collections.abc import Sequence
from itertools import product

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from llmpert.evaluation.metrics import Metric
from llmpert.figures.theme import (
    LEGEND_BELOW,
    band,
    finish,
    in_two_lines,
    interval_bars,
    marker,
    styles,
)


def learning_curves(
    summary: pd.DataFrame, lines: Sequence[str], metrics: Sequence[Metric], models: Sequence[str]
) -> go.Figure:
    """Draw a panel a metric and cell line; in it a curve a model and embedding, with its band.

    Bands and bars are 1.96 standard errors across folds. What was evaluated at a single training
    size is one marker with an error bar. Legend entries toggle a curve in all panels.

    Args:
        summary: From `llmpert.evaluation.results.summarise`.
        lines, metrics: Columns and rows of panels.
        models: Which to draw. A curve looks the same whatever is drawn beside it.
    """
    figure = make_subplots(
        rows=len(metrics),
        cols=len(lines),
        column_titles=list(lines),
        shared_xaxes=True,
        horizontal_spacing=0.12,
        vertical_spacing=0.12 / len(metrics),
    )
    looks = styles(summary[["model", "embedding"]].itertuples(index=False, name=None))
    defined = summary.dropna(subset="mean").sort_values("train_size", kind="stable")
    curves = dict(iter(defined.groupby(["line", "metric", "model", "embedding"], observed=True)))
    labelled: set[str] = set()
    traces: list[go.Scatter] = []
    places: list[tuple[int, int]] = []
    for (row, metric), (column, line) in product(enumerate(metrics, 1), enumerate(lines, 1)):
        for (model, embedding), look in looks.items():
            curve = curves.get((line, metric.name, model, embedding))
            if curve is None or model not in models:
                continue
            alone = len(curve) == 1
            if not alone:
                known = curve[curve["ci95"].notna()]
                low, high = known["mean"] - known["ci95"], known["mean"] + known["ci95"]
                area = band(known["train_size"], low, high, look.color, 0.15)
                traces.append(area.update(name=f"{look.label} band", legendgroup=look.label))
            traces.append(go.Scatter(
                x=curve["train_size"], y=curve["mean"],
                error_y=interval_bars(curve["ci95"], width=4) if alone else None,
                mode="markers" if alone else "lines+markers",
                name=look.label, showlegend=look.label not in labelled, legendgroup=look.label,
                line={"color": look.color, "dash": look.dash, "width": 2},
                marker=marker(
                    look.color, look.symbol, 11 if alone else 8,
                    line={"width": 2 if "open" in look.symbol else 0},
                ),
                customdata=curve["ci95"],
                hovertemplate=f"{look.label}<br>{line}, %{{x}} training perturbations<br>"
                f"{metric.label}: %{{y:.3f}} ± %{{customdata:.3f}}<extra></extra>",
            ))  # fmt: skip
            places += [(row, column)] * (1 if alone else 2)
            labelled.add(look.label)
    # All at once: adding them one by one takes several times as long.
    figure.add_traces(traces, rows=[r for r, _ in places], cols=[c for _, c in places])
    figure.update_xaxes(title_text="Training<br>perturbations", row=len(metrics))
    for row, metric in enumerate(metrics, 1):
        figure.update_yaxes(title_text=in_two_lines(metric.label), row=row, col=1)
    figure.update_annotations(font_size=13)
    figure.update_layout(legend=LEGEND_BELOW)
    return finish(
        figure,
        "Accuracy on unseen knockdowns",
        # On a narrow screen every name in the legend takes a line.
        height=150 + 220 * len(metrics) + 14 * len(labelled),
        note="by training size; bands and bars: 1.96 standard errors",
    )
