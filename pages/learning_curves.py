"""Figure 1 and S1: learning curves."""

import streamlit as st

from llmpert.figures.learning_curves import learning_curves
from llmpert.models import MODELS
from llmpert.ui import controls, data, show

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
with show.errors_as_sentences():
    summary, about = data.summary(
        dataset, list(dataset.screens), list(MODELS), data.training_sizes(dataset)
    )
metrics = [data.METRICS[name] for name in chosen or data.METRICS]
shown = [
    (model, embedding)
    for model, embedding in summary[["model", "embedding"]].itertuples(index=False)
    if model in DRAWN_AT_FIRST
]
chart = show.drawn(
    lambda: learning_curves(summary, list(dataset.screens), metrics, shown, dataset.simulated),
    "learning curves",
    data.identity(dataset),
    tuple(metric.name for metric in metrics),
)
show.figure(
    chart,
    name=f"learning-curves-{dataset.name}",
    alt="Line charts of prediction accuracy against the number of training perturbations, one row"
    f" of panels for each of {', '.join(dataset.screens)}, one column a metric.",
    numbers=summary,
    caption=show.caption(dataset, about),
    data=dataset,
)
undefined = int(summary["undefined"].sum())
if undefined:
    st.caption(
        f"{undefined:,} single values are not defined (a constant prediction or measurement has no"
        " correlation) and are left out of the means."
    )
