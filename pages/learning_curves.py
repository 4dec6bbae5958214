"""Figure 1 and S1: learning curves."""

import streamlit as st

from llmpert.figures.learning_curves import learning_curves
from llmpert.models import MODELS, label
from llmpert.ui.common import cache as data
from llmpert.ui.common import components as show
from llmpert.ui.common import selection as controls
from llmpert.ui.common.external_methods import origin

DRAWN_AT_FIRST = ("random", "mean", "gp")

dataset = controls.choose_dataset()
show.heading(
    "Learning curves",
    "How well are *unseen* knockdowns predicted, and how many measured ones does it take?"
    " Click a name in the legend to hide or show its curves; double-click to see it alone.",
    dataset,
)
chosen = st.pills(
    "Metrics",
    list(data.METRICS),
    selection_mode="multi",
    default=list(data.METRICS),
    format_func=lambda name: data.METRICS[name].label,
    key="metrics",
    bind="query-params",
    help="\n\n".join(f"**{m.label}**: {m.definition}" for m in data.METRICS.values()),
)
elsewhere = dict.fromkeys(p.method for some in dataset.external.values() for p in some)
offered = [*MODELS, *elsewhere]
at_first = [*DRAWN_AT_FIRST, *elsewhere]
picked = st.pills(
    "Models",
    offered,
    selection_mode="multi",
    default=at_first,
    format_func=label,
    key="models",
    bind="query-params",
    help="\n\n".join(f"**{spec.label}**: {spec.summary}" for spec in MODELS.values()),
)
models = [model for model in offered if model in picked] or at_first
with show.errors_as_sentences():
    ours = [model for model in models if model in MODELS]
    summary, about = data.summary(dataset, list(dataset.screens), ours)
metrics = [data.METRICS[name] for name in chosen or data.METRICS]
chart = show.drawn(
    lambda: learning_curves(summary, list(dataset.screens), metrics, models),
    "learning curves",
    data.identity(dataset),
    tuple(metric.name for metric in metrics),
    tuple(models),
)
show.figure(
    chart,
    name=f"learning-curves-{dataset.name}",
    alt="Line charts of prediction accuracy against the number of training perturbations, one"
    f" column of panels for each of {', '.join(dataset.screens)}, one row a metric.",
    numbers=summary[summary["model"].isin(models)],
    caption=f"{origin(dataset, dataset.screens)} {show.caption(dataset, about)}".strip(),
    data=dataset,
)
show.left_out(summary)
