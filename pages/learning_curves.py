"""Figure 1 and S1: learning curves."""

import streamlit as st

from llmpert.evaluation.results import on_embeddings
from llmpert.figures.evaluation import learning_curves
from llmpert.models.registry import GAUSSIAN_PROCESS, MODELS, label
from llmpert.ui.common import cache, script
from llmpert.ui.common import components as show
from llmpert.ui.common.external_methods import origin
from llmpert.ui.common.selection import choose_dataset, choose_embeddings, needs_measurements

DRAWN_AT_FIRST = ("random", "mean", GAUSSIAN_PROCESS)
METRICS_AT_FIRST = ["pearson_top20", "pearson_all"]

data = choose_dataset("Learning curves")
if not data.results:
    needs_measurements(data)
show.heading(
    "How well are *unseen* knockdowns predicted, and how many measured ones does it take?"
    " Click a name in the legend to hide or show its curves; double-click to see it alone.",
    data,
)
offered, _ = cache.scored(data)
at_first = [model for model in offered if model in DRAWN_AT_FIRST or model not in MODELS]
with st.container(horizontal=True, vertical_alignment="center"):
    chosen = st.pills(
        "Metrics",
        list(cache.METRICS),
        selection_mode="multi",
        default=METRICS_AT_FIRST,
        format_func=lambda name: cache.METRICS[name].label,
        key="metrics",
        bind="query-params",
        label_visibility="collapsed",
        width="content",
        help="\n\n".join(f"**{m.label}**: {m.definition}" for m in cache.METRICS.values()),
    )
    picked = st.popover("Models").pills(
        "Models",
        offered,
        selection_mode="multi",
        default=at_first,
        format_func=label,
        key="models",
        bind="query-params",
        help="\n\n".join(f"**{spec.label}**: {spec.summary}" for spec in MODELS.values()),
    )
    embeddings = choose_embeddings(data, joined=True)
models = [model for model in offered if model in picked] or at_first
lines = data.lines
summary, about = cache.summary(data, lines, [model for model in models if model in MODELS], None)
metrics = [cache.METRICS[name] for name in chosen or METRICS_AT_FIRST]
# Carried results may be on further embeddings, at one training size and so without a curve.
summary = on_embeddings(summary, embeddings)
unit = " or ".join(dict.fromkeys(map(data.unit, lines)))
chart = cache.once(
    lambda: learning_curves(summary, lines, metrics, models),
    "learning curves",
    data,
    tuple(metric.name for metric in metrics),
    tuple(models),
    tuple(embeddings),
)
show.figure(
    chart,
    name=f"learning-curves-{data.name}",
    alt="Line charts of prediction accuracy against the number of training perturbations, one"
    f" column of panels for each of {', '.join(lines)}, one row a metric.",
    numbers=summary[summary["model"].isin(models)],
    note=f"{' and '.join(lines)}, {len(models)} models. Responses in {unit}.",
    data=data,
    about=about,
    details=origin(data, lines),
    code=script.of_summary(data, lines, models, None, embeddings),
)
size, every = max(cache.training_sizes(data)), summary
if data.results:  # nothing is fitted for what is not drawn
    every = on_embeddings(cache.summary(data, lines, offered, size)[0], embeddings)
for line in lines:
    show.best_of(every, line, size, metrics)
show.left_out(summary)
