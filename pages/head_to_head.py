"""Figure 3: any two methods against each other, one dot a perturbation."""

import streamlit as st

from llmpert.figures.head_to_head import head_to_head
from llmpert.insight.head_to_head import (
    OURS,
    RIVAL,
    SMALLEST_SET,
    TIE,
    Tally,
    common_metrics,
    default_pair,
    largest_effects,
    methods,
    methods_elsewhere,
    pairs,
    short_labels,
)
from llmpert.ui.common import components as show
from llmpert.ui.common import external_methods as elsewhere
from llmpert.ui.common import selection as controls
from llmpert.ui.head_to_head.view import (
    by_gene_set,
    choose_method,
    choose_metric,
    effects,
    in_words,
    not_like_with_like,
    open_gene,
    origin,
    results,
    results_elsewhere,
)

FDR = 0.05

dataset = controls.choose_dataset()
line = controls.choose_line(dataset)
size = controls.choose_size(dataset)
show.heading(
    "Head to head",
    "Two methods on the same unseen knockdowns, one dot a knockdown: above the diagonal the first"
    " has the higher value. Click a dot to open its gene.",
    dataset,
)
with show.errors_as_sentences():
    others = results_elsewhere(dataset, line, size)
    offered = methods(dataset.embedding_choices) + methods_elsewhere(others)
    first, second = default_pair(offered)
top = st.columns(2)
with top[0]:
    ours = choose_method("Method", "ours", offered, first)
with top[1]:
    rival = choose_method("Against", "rival", offered, second)
missing = elsewhere.other_sizes(dataset, line, size)
if missing:
    st.caption(missing)
if ours == rival:
    st.info("Both sides are the same method: choose two different ones.", icon=":material/info:")
    st.stop()
metrics = common_metrics(ours, rival, others)
if not metrics:
    st.info(f"No metric is known of both {ours.label} and {rival.label}.", icon=":material/info:")
    st.stop()
left, right = st.columns(2)
with left:
    metric = choose_metric(metrics)
with right:
    percent = st.slider(
        "Strongest perturbations, %",
        10,
        100,
        50,
        step=5,
        key="strongest",
        bind="query-params",
        help="Weak responses are mostly noise, which nobody can predict. Perturbations are ranked"
        " by effect size: the root mean square of the measured response over all genes.",
    )
with show.errors_as_sentences():
    values, about = results(dataset, line, size, [ours, rival])
    both = pairs(values, ours, rival, metric, effects(dataset, line))
table = largest_effects(both, percent / 100)
our_name, rival_name = short_labels(ours, rival)
tally = Tally.of(table)
unit = dataset.screens[line].unit
named = table.drop(columns="winner").set_axis(
    ["perturbation", "effect size", our_name, rival_name, "difference"], axis=1
)
named["winner"] = table["winner"].replace({OURS: our_name, RIVAL: rival_name})
compared = f"{ours.label} against {rival.label} in {line}"
if not (ours.published and rival.published):
    compared += f", {size:,} training perturbations"
everything = len(table) == len(both)
scope = "all perturbations" if everything else f"the {percent} % with the largest effect size"
source = origin(dataset, line, size, ours, rival)
caption = f"{source} {show.caption(dataset, about)}".strip()
name = f"{ours.slug}-{rival.slug}-{metric.name}-{line}-{size}-{percent}"
if source:
    st.info(
        f"{source} Compared on the **{len(both):,}** perturbations of the screen's"
        f" {len(dataset.screens[line].perturbations):,} that both were tested on.",
        icon=":material/menu_book:",
    )
figure_place, table_place = st.columns([4, 3])
with figure_place:
    selected = show.figure(
        head_to_head(
            table,
            our_name,
            rival_name,
            metric,
            unit,
            not_like_with_like(ours, rival),
        ),
        name=f"head-to-head-{name}",
        alt=f"Scatter of {metric.label} of {rival.label} (across) and {ours.label} (up), a dot for"
        f" each of {tally.compared:,} held-out perturbations in {line}:"
        f" {in_words(tally, our_name, rival_name)}",
        numbers=named,
        caption=f"{compared}; {scope}. {caption}",
        data=dataset,
        select=["points"],
    )
    if selected:
        open_gene(dataset, line, size, ours.embedding, str(selected[0]))
with table_place:
    st.markdown(in_words(tally, our_name, rival_name))
    if everything and percent < 100:
        st.info(
            "All perturbations are shown: so many have the same effect size that no"
            f" {percent} % of them are the strongest.",
            icon=":material/info:",
        )
    st.dataframe(
        named[["perturbation", our_name, rival_name, "difference", "effect size"]],
        hide_index=True,
        height=480,
        column_config={
            "perturbation": st.column_config.TextColumn(width=95),
            "difference": st.column_config.NumberColumn(
                width="small", format="%+.3f", help=f"{our_name} minus {rival_name}."
            ),
            our_name: st.column_config.NumberColumn(width="small", format="%.3f", help=ours.label),
            rival_name: st.column_config.NumberColumn(
                width="small", format="%.3f", help=rival.label
            ),
            "effect size": st.column_config.NumberColumn(
                width="small",
                format="%.3g",
                help=f"Root mean square of the measured response, in {unit}.",
            ),
        },
    )
    st.caption("Click a column's head to sort. An empty cell is a value that is not defined.")

st.header("Which functions win where?")
if dataset.gene_sets is None:
    st.info("No gene sets are loaded for these data.", icon=":material/info:")
    st.stop()
won = by_gene_set(dataset, line, table, metric.name)
if won.empty:
    st.info(
        f"No gene set has {SMALLEST_SET} or more of these perturbations: too few to test.",
        icon=":material/info:",
    )
    st.stop()
clear = won[won["fdr"] <= FDR]
st.markdown(
    f"Of **{len(won):,}** gene sets with at least {SMALLEST_SET} of these perturbations, {our_name}"
    f" wins **{(clear['winner'] == OURS).sum():,}** and {rival_name}"
    f" **{(clear['winner'] == RIVAL).sum():,}** at a false discovery rate of {round(100 * FDR)} %."
    " The test asks whether the two differ within the set, not whether the set differs from others:"
    f" {our_name} wins {round(100 * tally.share)} % over all."
)
by_set = won.set_axis(
    [
        "gene set", "perturbations", f"{our_name} wins", f"{rival_name} wins",
        "median difference", "winner", "p", "false discovery rate",
    ],
    axis=1,
).replace({"winner": {OURS: our_name, RIVAL: rival_name, TIE: "neither"}})  # fmt: skip
st.dataframe(
    by_set,
    hide_index=True,
    height=320,
    column_config={
        "median difference": st.column_config.NumberColumn(format="%+.3f"),
        "p": st.column_config.NumberColumn(format="%.2g"),
        "false discovery rate": st.column_config.NumberColumn(format="%.2g"),
    },
)
show.footer(
    f"head-to-head-sets-{name}",
    by_set,
    f"{compared}; {metric.label}; {scope}. Gene sets: {dataset.gene_sets.name}"
    f" ({dataset.gene_sets.source}). Paired Wilcoxon signed-rank test, two-sided;"
    f" Benjamini–Hochberg. {caption}",
    dataset,
)
