"""One gene: its predicted response, and the measured one where there is one."""

import streamlit as st

from llmpert.evaluation.results import pretty
from llmpert.figures.gene_response import predicted_against_measured, ranked_genes
from llmpert.ui import controls, data, show
from llmpert.ui.genes import choose_gene
from llmpert.ui.prediction import predict, strong_perturbation

GENES_SHOWN = (10, 20, 30, 50)

dataset = controls.choose_dataset()
line = controls.choose_line(dataset)
embedding = controls.choose_embedding(dataset)
size = controls.choose_size(dataset)
show.heading(
    "Gene",
    "How would the cell's expression respond to knocking down this gene? The prediction never saw"
    " the gene's own measurement.",
    dataset,
)
with show.errors_as_sentences():
    problem = data.experiment(dataset.name, line, embedding).problem
    gene = choose_gene(problem, strong_perturbation(dataset, line, embedding))
    shown = predict(dataset, line, embedding, size, gene)

st.subheader(f"{gene} knockdown in {line}")
facts = [f"Gaussian process on {pretty(embedding)}, {shown.trained_on:,} training perturbations"]
if shown.measured is None:
    facts.append(f"**not measured**: {gene} was not knocked down in this screen")
else:
    facts.append("**held out**: measured, but not trained on")
    if shown.cells is not None:
        facts.append(f"{shown.cells:,.0f} cells")
st.markdown(" · ".join(facts))
if shown.scores:
    for column, (name, value) in zip(
        st.columns(len(shown.scores)), shown.scores.items(), strict=True
    ):
        metric = data.METRICS[name]
        text = "not defined" if value != value else f"{value:.3f}"
        column.metric(metric.label, text, help=f"{metric.definition} {metric.edge_cases}")

count = st.columns([1, 2])[0].select_slider(
    "Genes shown", GENES_SHOWN, value=20, key="shown", bind="query-params"
)
unit = problem.screen.unit
caption = show.caption(dataset)
table = shown.prediction.table()
if shown.measured is not None:
    table["measured"] = shown.measured
left, right = st.columns([3, 2])
with left:
    show.figure(
        ranked_genes(shown.prediction, shown.measured, unit, count, dataset.simulated),
        name=f"{gene}-{line}-genes",
        alt=f"The {count} genes with the strongest predicted response to knocking down {gene} in"
        f" {line}, with 95 % intervals and measurements.",
        numbers=table,
        caption="Intervals are for a new measurement, noise included; their widths come from how"
        f" far off training knockdowns were when predicted from the others. {caption}",
        data=dataset,
    )
with right:
    if shown.measured is None:
        st.info(
            f"There is no measurement of {gene} to compare with. The learning curves say how good"
            " predictions for unseen knockdowns are on average.",
            icon=":material/info:",
        )
    else:
        show.figure(
            predicted_against_measured(
                shown.prediction,
                shown.measured,
                shown.top,
                unit,
                shown.scores["pearson_all"],
                dataset.simulated,
            ),
            name=f"{gene}-{line}-scatter",
            alt=f"Scatter of predicted against measured response of every gene to knocking down"
            f" {gene} in {line}.",
            numbers=table,
            caption=caption,
            data=dataset,
        )
