"""Table 1: computed here, beside the published values."""

import streamlit as st

from llmpert.evaluation.results import on_embeddings
from llmpert.evaluation.tables import PUBLISHED_SOURCE, published, table1
from llmpert.models.registry import MODELS
from llmpert.ui.common import cache, script
from llmpert.ui.common import components as show
from llmpert.ui.common.external_methods import origin, other_sizes
from llmpert.ui.common.selection import choose_embeddings, select

selection = select("Table 1", embedding=False, results=True)
data, line, size = selection.data, selection.line, selection.size
# Errors of ranks and of expression are no more comparable than metres and seconds.
reported = [] if selection.raised_only else [published(), cache.published_results(data, line)]
question = "Every model by every metric: mean ± standard error across folds"
if reported:
    question += f", beside values published in {PUBLISHED_SOURCE}"
show.heading(f"{question}.", data)
summary, about = cache.summary(data, [line], list(MODELS), size)
metrics = list(cache.METRICS.values())
with st.container(horizontal=True, vertical_alignment="center"):
    st.subheader(f"{line}, {size:,} training perturbations", width="content")
    embeddings = choose_embeddings(data)
summary = on_embeddings(summary, embeddings)
table = table1(summary, line, size, metrics, reported)
st.dataframe(
    table,
    height="content",
    row_height=24,
    column_config={"Model": st.column_config.Column(width=270)},
)
show.best_of(summary, line, size, metrics)
if data.simulated:
    st.caption(
        "The simulation was tuned to come close to the published values in its K562-like line:"
        " agreement there is by construction, not evidence."
    )
elsewhere = origin(data, [line], size) or (
    "GEARS and other methods were not run on these data with this training size."
)
if line in data.published:
    elsewhere += (
        f" (published): {data.published[line].source}, mean over the perturbations of {line} that"
        " it has."
    )
if reported:
    elsewhere = (
        "Published values come from other data and preprocessing unless the data set is the"
        f" paper's. {elsewhere}"
    )
show.footer(
    f"table-1-{line}-{size}",
    summary,
    f"{line}, {show.trained_on(summary)}: mean ± standard error over folds. Responses in"
    f" {selection.unit}.",
    data,
    about,
    f"{elsewhere} {other_sizes(data, line, size)}".rstrip(),
    script.of_summary(data, [line], list(MODELS), size, embeddings),
)
with st.expander("What the metrics mean"):
    for metric in metrics:
        better = "larger" if metric.best == "max" else "smaller"
        st.markdown(
            f"**{metric.label}** ({better} is better). {metric.definition} {metric.edge_cases}"
        )
