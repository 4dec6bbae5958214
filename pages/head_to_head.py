"""Figure 3: any two methods against each other, one dot a perturbation."""

import streamlit as st

from llmpert.insight.head_to_head import common_metrics
from llmpert.ui.common import components as show
from llmpert.ui.common.selection import select
from llmpert.ui.head_to_head import view as page

selection = select(embedding=False)
show.heading(
    "Head to head",
    "Two methods on the same unseen knockdowns, one dot a knockdown: above the diagonal the first"
    " has the higher value. Click a dot to open its gene.",
    selection.data,
)
others = page.results_elsewhere(selection)
ours, rival = page.choose_methods(selection, others)
if ours == rival:
    show.info("Both sides are the same method: choose two different ones.")
    st.stop()
metrics = common_metrics(ours, rival, others)
if not metrics:
    show.info(f"No metric is known of both {ours.label} and {rival.label}.")
    st.stop()
left, right = st.columns(2)
with left:
    metric = page.choose_metric(metrics)
with right:
    percent = page.choose_percent()
page.show_methods(selection, ours, rival, metric, percent, others)
