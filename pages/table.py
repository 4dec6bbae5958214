"""Table 1: computed here, beside the published values."""

import streamlit as st

from llmpert.evaluation.tables import PUBLISHED_SOURCE, table1
from llmpert.models.registry import MODELS
from llmpert.ui.common import cache
from llmpert.ui.common import components as show
from llmpert.ui.common.external_methods import origin, other_sizes
from llmpert.ui.common.selection import select

selection = select(embedding=False)
data, line, size = selection.data, selection.line, selection.size
show.heading(
    "Table 1",
    "Every model by every metric: *computed* here from the data named below (mean ± standard error"
    f" across folds), *published* as printed in {PUBLISHED_SOURCE}; in rows marked (published), as"
    " imported.",
    data,
)
summary, about = cache.summary(data, [line], list(MODELS), size)
metrics = list(cache.METRICS.values())
table = table1(summary, line, size, metrics, cache.published_results(data, line))
st.subheader(f"{line}, {size:,} training perturbations")
st.dataframe(table, height="content", column_config={"Model": st.column_config.Column(width=270)})
if data.simulated:
    st.caption(
        "The simulation was tuned to come close to the published values in its K562-like line:"
        " agreement there is by construction and no evidence for either."
    )
elsewhere = origin(data, [line], size) or (
    "GEARS and other methods were not run on these data with this training size."
)
if line in data.published:
    elsewhere += (
        f" (published): {data.published[line].source}, mean over the perturbations of {line} that"
        " it has."
    )
show.footer(
    f"table-1-{line}-{size}",
    summary,
    f"{line}, {size:,} training perturbations: mean ± standard error over folds.",
    data,
    about,
    "Published values come from other data and preprocessing unless the data set is the paper's."
    f" {elsewhere} {other_sizes(data, line, size)}".rstrip(),
)
with st.expander("What the metrics mean"):
    for metric in metrics:
        better = "higher" if metric.best == "max" else "lower"
        st.markdown(
            f"**{metric.label}** ({better} is better). {metric.definition} {metric.edge_cases}"
        )
