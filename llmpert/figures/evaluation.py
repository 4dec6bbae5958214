"""Scores: learning curves, classes of models, and one method against another."""

from collections.abc import Sequence
from itertools import product
from math import ceil

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from llmpert.evaluation.results import NO_EMBEDDING, at_sizes, embedding_label
from llmpert.evaluation.scores import Metric
from llmpert.figures.theme import (
    GREY,
    LEGEND_BELOW,
    MOST_DOTS,
    SOURCE_COLORS,
    band,
    density,
    equal_axes,
    finish,
    in_lines,
    interval_bars,
    marker,
    model_look,
    points,
    styles,
)
from llmpert.insight.head_to_head import OURS, RIVAL, TIE, Tally
from llmpert.models.registry import EVERY, label

LOOKS = {OURS: (SOURCE_COLORS[0], "circle"), RIVAL: (SOURCE_COLORS[1], "diamond"), TIE: (GREY, "x")}


def learning_curves(
    summary: pd.DataFrame, lines: Sequence[str], metrics: Sequence[Metric], models: Sequence[str]
) -> go.Figure:
    """Draw Figures 1 and S1: a panel a metric and cell line, in it a curve a model and embedding.

    Bands and bars are 1.96 standard errors across folds. What was evaluated at a single training
    size is one marker with an error bar. A curve of the `models` looks the same whatever is drawn
    beside it. `summary` comes from `llmpert.evaluation.results.summarise`.
    """
    figure = make_subplots(
        rows=len(metrics), cols=len(lines), column_titles=list(lines), shared_xaxes=True,
        horizontal_spacing=0.12, vertical_spacing=0.12 / len(metrics),
    )  # fmt: skip
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
        figure.update_yaxes(title_text=in_lines(metric.axis), row=row, col=1)
    figure.update_annotations(font_size=13)
    return finish(
        figure,
        "Accuracy on unseen knockdowns",
        # On a narrow screen every name in the legend takes a line.
        height=140 + 190 * len(metrics) + 12 * len(labelled),
        note="by training size; bands and bars: 1.96 standard errors",
        legend=LEGEND_BELOW,
    )


def model_classes(
    summary: pd.DataFrame, line: str, train_size: int, metrics: Sequence[Metric]
) -> go.Figure:
    """Draw Figure 2: a panel a metric, embeddings along x, one marker a model with its error bar.

    Lines across are the models that use no embedding and external methods. `summary` comes from
    `llmpert.evaluation.results.summarise`.
    """
    cell = at_sizes(summary[summary["line"] == line], [train_size])
    pairs = list(cell[["model", "embedding"]].itertuples(index=False, name=None))
    across = {m: look for (m, e), look in styles(pairs).items() if e == NO_EMBEDDING}
    embeddings = list(dict.fromkeys(e for _, e in pairs if e != NO_EMBEDDING))
    models = [m for m in EVERY if EVERY[m].uses_embedding and m in set(cell["model"])]
    rows = ceil(len(metrics) / 2)
    figure = make_subplots(
        rows=rows, cols=min(len(metrics), 2),
        subplot_titles=[in_lines(m.axis) for m in metrics],
        shared_xaxes=True, horizontal_spacing=0.12, vertical_spacing=0.2,
    )  # fmt: skip
    labelled: set[str] = set()
    for at_metric, metric in enumerate(metrics):
        place = {"row": at_metric // 2 + 1, "col": at_metric % 2 + 1}
        panel = cell[(cell["metric"] == metric.name) & cell["mean"].notna()]
        values = panel.set_index(["model", "embedding"])
        for at, model in enumerate(models):
            found = values.reindex([(model, e) for e in embeddings])
            # Side by side within four fifths of each embedding's place on the axis.
            offset = (at - (len(models) - 1) / 2) * 0.8 / len(models)
            points(
                figure, [i + offset for i in range(len(embeddings))], found["mean"], label(model),
                marker(*model_look(model)[:2]),
                f"{label(model)} on %{{text}}<br>{metric.label}: %{{y:.3f}} ± %{{customdata:.3f}}",
                error_y=interval_bars(found["ci95"], width=3), customdata=found["ci95"],
                text=[embedding_label(e) for e in embeddings],
                legendgroup=model, showlegend=at_metric == 0, **place,
            )  # fmt: skip
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
    return finish(
        figure,
        f"Model classes by embedding: {line}",
        height=150 + 220 * rows,
        note=f"{train_size:,} training perturbations; bars: 1.96 standard errors",
        legend=LEGEND_BELOW,
    )


def head_to_head(
    table: pd.DataFrame,
    ours: str,
    rival: str,
    metric: Metric,
    unit: str,
    note: str = "",
    every: bool = True,
) -> go.Figure:
    """Draw Figure 3: a dot a perturbation, the rival's value along x, ours along y, on equal axes.

    Perturbations for which one of the two is not defined are not drawn. Dots carry the perturbation
    as `customdata`.

    Args:
        table: From `llmpert.insight.head_to_head.pairs`.
        unit: Of the effect size.
        note: What must not be lost when the figure is exported, as a line of its title.
        every: Whether each perturbation is to be a dot; else only the `MOST_DOTS` with the largest
            differences are, and shades show how many others lie where.
    """
    better = "higher" if metric.best == "max" else "lower"
    drawn = table.dropna(subset=["ours", "rival"])
    figure = equal_axes(
        drawn[["ours", "rival"]].to_numpy(),
        f"{rival}<br>{metric.axis}",
        f"{ours}<br>{metric.axis} ({better} is better)",
    )
    count = len(drawn) if every else MOST_DOTS
    order = drawn["difference"].abs().sort_values(ascending=False, kind="stable").index
    dots, others = drawn.loc[order[:count].sort_values()], drawn.loc[order[count:]]
    if len(others):
        shades = density(
            others["rival"], others["ours"], "with a smaller difference", of="knockdowns"
        )
        figure.add_trace(shades)
    for who, name in ((OURS, f"{ours} wins"), (RIVAL, f"{rival} wins"), (TIE, "Tie")):
        part = dots[dots["winner"] == who]
        if part.empty:
            continue
        won = (drawn["winner"] == who).sum()
        points(
            figure, part["rival"], part["ours"], f"{name} ({won:,})",
            marker(*LOOKS[who], 7, opacity=0.75),
            f"<b>%{{customdata}}</b><br>{ours}: %{{y:.3f}}<br>{rival}: %{{x:.3f}}"
            f"<br>effect size %{{text}} ({unit})",
            customdata=part["perturbation"], text=[f"{effect:.3g}" for effect in part["effect"]],
        )  # fmt: skip
    tally = Tally.of(table)
    title = f"{ours}: nothing to compare"
    if tally.compared:
        wins = round(100 * tally.share)
        title = f"{ours} wins<br>for {wins} % of {tally.compared:,} perturbations"
    return finish(figure, title, height=560, note=note)
