"""Table 1: computed here, beside the published values."""

import streamlit as st

from llmpert.evaluation.tables import PUBLISHED_SOURCE, table1
from llmpert.models import MODELS
from llmpert.ui.common import cache as data
from llmpert.ui.common import components as show
from llmpert.ui.common import external_methods as elsewhere
from llmpert.ui.common import selection as controls

dataset = controls.choose_dataset()
line = controls.choose_line(dataset)
size = controls.choose_size(dataset)
show.heading(
    "Table 1",
    "Every model by every metric: *computed* here from the data named below (mean ± standard error"
    f" across folds), *published* as printed in {PUBLISHED_SOURCE}; in rows marked (published), as"
    " imported.",
    dataset,
)
with show.errors_as_sentences():
    summary, about = data.summary(dataset, [line], list(MODELS), [size])
imported = data.published_means(dataset, line)
table = table1(summary, line, size, list(data.METRICS.values()), imported)
st.subheader(f"{line}, {size:,} training perturbations")
st.dataframe(table, height="content", column_config={"Model": st.column_config.Column(width=270)})
if dataset.simulated:
    st.caption(
        "The simulation was tuned to come close to the published values in its K562-like line:"
        " agreement there is by construction and no evidence for either."
    )
origin = elsewhere.origin(dataset, [line], size) or (
    "GEARS and other methods were not run on these data with this training size."
)
if line in dataset.published:
    origin += (
        f" (published): {dataset.published[line].source}, mean over the perturbations of {line}"
        " that it has."
    )
show.footer(
    f"table-1-{line}-{size}",
    summary,
    show.caption(dataset, about)
    + " Published values come from other data and preprocessing unless the data set is the paper's."
    f" {origin} {elsewhere.other_sizes(dataset, line, size)}".rstrip(),
    dataset,
)
with st.expander("What the metrics mean"):
    for metric in data.METRICS.values():
        better = "higher" if metric.best == "max" else "lower"
        st.markdown(
            f"**{metric.label}** ({better} is better). {metric.definition} {metric.edge_cases}"
        )
