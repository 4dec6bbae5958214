"""Two predictions side by side: genes, lines, models or embeddings."""

import streamlit as st

from llmpert.figures.compare import both_against_measured, gene_by_gene, one_against_the_other
from llmpert.insight.compare import compare, in_deviations
from llmpert.insight.ranking import strongest
from llmpert.ui.common import components as show
from llmpert.ui.common import selection as controls
from llmpert.ui.compare.view import (
    GENES,
    LINES,
    beyond_chance,
    choose_views,
    make,
    named,
    scores,
    state,
    what_differs,
)

COUNTS = (10, 20, 30, 50)
ORDERS = ("strongest response", "largest disagreement")

dataset = controls.choose_dataset()
line = controls.choose_line(dataset)
embedding = controls.choose_embedding(dataset)
size = controls.choose_size(dataset)
model = controls.choose_model(dataset, line, size)
show.heading(
    "Compare",
    "Two predictions on common axes, and the genes on which they disagree. Predictions never saw"
    " the measurement that is drawn beside them.",
    dataset,
)
differs = what_differs(dataset)
with show.errors_as_sentences():
    one, other = choose_views(dataset, line, embedding, size, model, differs)
    if one == other:
        st.info("Both sides are the same: choose two different ones.", icon=":material/info:")
        st.stop()
    a, made_a = make(dataset, one, size, differs)
    b, made_b = make(dataset, other, size, differs)
    table = compare(a, b)
labels, units = (a.label, b.label), (a.unit, b.unit)
one_measurement = differs not in (GENES, LINES)
both_measured = made_a.measured is not None and made_b.measured is not None

st.subheader(f"{a.label} against {b.label}")
st.markdown(f"**A** {state(one, made_a)}  \n**B** {state(other, made_b)}")
if made_a.scores or made_b.scores:
    st.table(scores([(a, made_a), (b, made_b)]))

caption = show.caption(dataset)
name = f"{one.gene}-{one.line}-{one.model}-{one.embedding}-{size}-{other.particular(differs)}"
what = f"A: {state(one, made_a)}. B: {state(other, made_b)}.".replace("**", "")
left, right = st.columns(2)
with left:
    show.figure(
        one_against_the_other(table, labels, units, "predicted"),
        name=f"compare-predicted-{name}",
        alt=f"Scatter of the predicted response of every gene: {a.label} across, {b.label} up.",
        numbers=table,
        caption=f"{what} {caption}",
        data=dataset,
    )
with right:
    if one_measurement and both_measured:
        show.figure(
            both_against_measured(table, labels, units[0]),
            name=f"compare-against-measured-{name}",
            alt=f"Scatter of the responses of every gene to knocking down {one.gene}, as {a.label}"
            f" and {b.label} predict them (across) and as measured (up).",
            numbers=table,
            caption=f"{what} {caption}",
            data=dataset,
        )
    elif both_measured:
        show.figure(
            one_against_the_other(table, labels, units, "measured"),
            name=f"compare-measured-{name}",
            alt=f"Scatter of the measured response of every gene: {a.label} across, {b.label} up.",
            numbers=table,
            caption=f"{what} {caption}",
            data=dataset,
        )
    else:
        without = " and ".join(
            dict.fromkeys(
                f"{view.gene} in {view.line}"
                for view, made in ((one, made_a), (other, made_b))
                if made.measured is None
            )
        )
        st.info(
            f"**Not measured**: {without}. There is nothing to judge this by.",
            icon=":material/info:",
        )

scaled = in_deviations(a, b)
meaning = (
    "|A − B| divided by √(sd_A² + sd_B²): the difference in standard deviations, if the errors of"
    " the two sides are independent"
    if scaled
    else "|A − B|, undivided: at least one of the two models gives no standard deviation"
)
st.header("Gene by gene")
first, second = st.columns([2, 1], vertical_alignment="bottom")
order = first.segmented_control(
    "Ranked by",
    ORDERS,
    default=ORDERS[0],
    key="order",
    bind="query-params",
    format_func=str.capitalize,
    help=f"Strongest response: the larger of the two |predictions|. Disagreement: {meaning}.",
)
count = second.select_slider("Genes shown", COUNTS, value=20, key="shown", bind="query-params")
by_response = order != ORDERS[1]
drawn = strongest(table, ["a", "b"], count) if by_response else table.head(count)
left, right = st.columns([3, 2])
with left:
    show.figure(
        gene_by_gene(
            drawn,
            labels,
            units,
            f"{len(drawn)} genes with the {ORDERS[0] if by_response else ORDERS[1]}:"
            f"<br>{a.label} and {b.label}",
            one_measurement,
        ),
        name=f"compare-genes-{name}",
        alt=f"Predicted responses of {len(drawn)} genes, {a.label} and {b.label} side by side, with"
        " 95 % intervals and measurements where there are any.",
        numbers=drawn,
        caption=f"{what} Intervals are for a new measurement, noise included. {caption}",
        data=dataset,
    )
with right:
    st.subheader("Where they disagree")
    st.markdown(f"Disagreement is {meaning}.")
    if scaled:
        st.markdown(beyond_chance(table))
    st.dataframe(
        named(table, labels, one_measurement),
        hide_index=True,
        height=520,
        column_config={
            label: st.column_config.NumberColumn(format="%.3f")
            for side in labels
            for label in (side, f"{side}, measured", "measured")
        }
        | {
            "difference": st.column_config.NumberColumn(format="%+.3f", help="A minus B."),
            "disagreement": st.column_config.NumberColumn(format="%.2f", help=f"{meaning}."),
        },
    )
    show.footer(f"compare-table-{name}", table, f"{len(table):,} genes that both predict.", dataset)
