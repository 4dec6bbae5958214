"""One gene: its predicted response, whether to believe it, and what it rests on."""

import streamlit as st

from llmpert.evaluation.results import embedding_label
from llmpert.figures.attribution import attribution_bars, neighbourhood_heatmap
from llmpert.figures.gene_response import predicted_against_measured, ranked_genes
from llmpert.figures.report import Section
from llmpert.figures.volcano import volcano
from llmpert.insight.attribution import attribute, neighbourhood
from llmpert.insight.ranking import strongest
from llmpert.ui.common import cache as data
from llmpert.ui.common import components as show
from llmpert.ui.common import selection as controls
from llmpert.ui.common.external_methods import origin, other_sizes
from llmpert.ui.common.gene_search import choose_gene, offer, understood
from llmpert.ui.gene import reliability as explained
from llmpert.ui.gene import report as gene_report
from llmpert.ui.gene.enrichment import enriched
from llmpert.ui.gene.prediction import by_method, predict, predict_elsewhere, strong_perturbation

GENES_SHOWN = (10, 20, 30, 50)
KNOCKDOWNS, HEATMAP_GENES, OFFERED = 12, 30, 6

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
    default = strong_perturbation(dataset, line, embedding)
    gene = choose_gene(problem, default, data=dataset)
    understood(problem, gene)
    shown = predict(dataset, line, embedding, size, gene)
    others = predict_elsewhere(dataset, line, size, gene)
show.name_tab(f"{gene} in {line}")
unit = problem.screen.unit
settings = (
    f"Gaussian process on {embedding_label(embedding)}, {shown.trained_on:,} training perturbations"
)
caption = (
    f"Gaussian process ({embedding_label(embedding)}; {shown.trained_on:,} training perturbations)."
    f" {show.caption(dataset)}"
)


def response() -> Section:
    """Ranked genes, and prediction against measurement."""
    count = st.columns([1, 2])[0].select_slider(
        "Genes shown", GENES_SHOWN, value=20, key="shown", bind="query-params"
    )
    table = shown.prediction.table()
    if shown.measured is not None:
        table["measured"] = shown.measured
    if shown.q is not None:
        table["false discovery rate, measured"] = shown.q
    # All models of a fold are scored on the same genes, in one order.
    elsewhere = {method: made.prediction.mean[0] for method, made in others.items() if made}
    for method, values in elsewhere.items():
        table[f"predicted by {method}"] = values
    if shown.measured is None:
        left = right = st.container()
    else:
        left, right = st.columns([3, 2])
    ranked = ranked_genes(shown.prediction, shown.measured, unit, count, elsewhere)
    ranked_alt = (
        f"The {count} genes with the strongest predicted response to knocking down {gene} in"
        f" {line}, with 95 % intervals and measurements"
        + "".join(f", and what {method} predicts" for method in elsewhere)
        + "."
    )
    figures = [(ranked, ranked_alt)]
    with left:
        show.figure(
            ranked,
            name=f"{gene}-{line}-genes",
            alt=ranked_alt,
            numbers=table,
            caption="Intervals are for a new measurement, noise included; their widths come from"
            f" how far off training knockdowns were when predicted from the others. {caption}",
            data=dataset,
        )
    with right:
        if shown.measured is None:
            st.info(
                f"There is no measurement of {gene} to compare with. *Should I believe it?* below"
                " says how good predictions like this one are.",
                icon=":material/info:",
            )
        else:
            scatter = predicted_against_measured(
                shown.prediction, shown.measured, shown.top, unit,
                shown.scores["pearson_all"],
            )  # fmt: skip
            alt = (
                "Scatter of predicted against measured response of every gene to knocking down"
                f" {gene} in {line}."
            )
            figures.append((scatter, alt))
            if shown.differing():
                st.markdown(shown.differing())
            show.figure(
                scatter,
                name=f"{gene}-{line}-scatter",
                alt=alt,
                numbers=table,
                caption=caption,
                data=dataset,
            )
    return Section("Predicted response", figures=figures, table=strongest(table, "mean", count))


def belief() -> Section:
    """Whether to believe the prediction."""
    st.header("Should I believe it?", divider="gray")
    yardstick = explained.yardstick(dataset, line, embedding, size, gene)
    verdict = yardstick.judge(gene)
    st.markdown(verdict.sentence())
    left, right = st.columns([3, 2])
    with left:
        st.table(verdict.words())
    near = yardstick.neighbours(gene)
    with right:
        st.markdown(f"**The {len(near)} measured knockdowns most like it** to the model")
        st.dataframe(
            near,
            hide_index=True,
            height=38 + 35 * min(len(near), 6),
            column_config={
                "perturbation": st.column_config.TextColumn("Knockdown"),
                "similarity": st.column_config.NumberColumn(
                    "Similarity",
                    format="%.2f",
                    help="Correlation that the model expects between the two responses before"
                    " seeing any: 1 is the same gene, 0 is unrelated.",
                ),
                "accuracy": st.column_config.NumberColumn(
                    "Accuracy (r)",
                    format="%.2f",
                    help="Pearson correlation over all genes between its measured response and the"
                    " one predicted from all other training knockdowns.",
                ),
            },
        )
        st.caption(
            f"Their mean accuracy: r = {near['accuracy'].mean():.2f};"
            f" all training knockdowns: {yardstick.left_out.mean():.2f}."
        )
    with st.expander("How this is judged"):
        st.markdown(explained.how_judged(yardstick, verdict))
    return Section(
        "Should I believe it?", [verdict.sentence().replace("**", "")], table=verdict.words()
    )


def foundation() -> Section:
    """Which training knockdowns the prediction rests on."""
    st.header("What it rests on", divider="gray")
    fitted = explained.model_behind(dataset, line, embedding, size, gene)
    attribution = attribute(fitted, gene)
    if not attribution.defined:
        words = (
            f"The prediction for {gene} is the mean of all training knockdowns: nothing that was"
            " learnt applies to it."
        )
        st.info(words, icon=":material/info:")
        return Section("What it rests on", [words])
    sources = "; ".join(
        f"{embedding_label(source)} {100 * share:.0f} %"
        for source, share in attribution.by_source.items()
    )
    words = (
        "The prediction is the mean of all training knockdowns plus a weighted sum of their"
        f" responses. Shares are exact and sum to 100 %. By source: {sources}."
    )
    st.markdown(
        words,
        help="The share of a knockdown: how far its own term moves the prediction from the mean"
        " towards where it ends. Negative shares pull away. The source over all embeddings"
        " together counts genes that are near in every one of them.",
    )
    offer(attribution.strongest(OFFERED), "Open one of them:")
    rows = neighbourhood(
        fitted, attribution, shown.prediction, shown.measured, KNOCKDOWNS, HEATMAP_GENES
    )
    bars = attribution_bars(attribution, KNOCKDOWNS)
    heatmap = neighbourhood_heatmap(rows, gene, unit)
    bars_alt = f"Bars: share of each training knockdown in the prediction for {gene}, by source."
    heatmap_alt = (
        f"Heatmap: predicted and measured response to knocking down {gene}, above the responses of"
        f" the {KNOCKDOWNS} training knockdowns that contribute most."
    )
    left, right = st.columns([2, 3])
    with left:
        show.figure(
            bars,
            name=f"{gene}-{line}-rests-on",
            alt=bars_alt,
            numbers=attribution.table(),
            caption=caption,
            data=dataset,
        )
    with right:
        show.figure(
            heatmap,
            name=f"{gene}-{line}-neighbourhood",
            alt=heatmap_alt,
            numbers=rows.rename_axis("row").reset_index(),
            caption=f"The {len(rows.columns)} strongest predicted genes; in brackets the share in"
            f" the prediction. {caption}",
            data=dataset,
        )
    return Section(
        "What it rests on",
        [words],
        [(bars, bars_alt), (heatmap, heatmap_alt)],
        attribution.table().head(KNOCKDOWNS).round(3),
    )


def every_gene() -> Section:
    """A volcano of all genes, and what the strongest have in common."""
    st.header("All genes, and what the strongest share", divider="gray")
    left, right = st.columns(2)
    chart = volcano(shown.prediction, shown.measured, unit)
    numbers = shown.prediction.table().assign(z=lambda table: table["mean"] / table["sd"])
    alt = f"Volcano of every gene's predicted response to knocking down {gene} in {line}."
    with left:
        show.figure(
            chart,
            name=f"{gene}-{line}-volcano",
            alt=alt,
            numbers=numbers,
            caption="z is the predicted response divided by its standard deviation, that of a new"
            f" measurement. {caption}",
            data=dataset,
        )
    with right:
        text, table = enriched(dataset, line, gene, shown.prediction, caption)
    return Section("All genes, and what the strongest share", text, [(chart, alt)], table)


left, right = st.columns([3, 1], vertical_alignment="bottom")
left.subheader(f"{gene} knockdown in {line}")
facts = [settings]
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
        facts.append(f"{metric.label}: {text}")
if others:
    st.table(by_method(f"Gaussian process on {embedding_label(embedding)}", shown, others))
    facts += [f"not predicted by {method}" for method, made in others.items() if made is None]
for words in (origin(dataset, [line], size, others), other_sizes(dataset, line, size)):
    if words and shown.measured is not None:
        st.caption(words)
with show.errors_as_sentences():
    sections = [response(), belief(), foundation(), every_gene()]
with right:
    gene_report.offer(
        f"{gene} knockdown in {line}",
        [" · ".join(facts).replace("**", "")],
        sections,
        caption,
        dataset,
    )
