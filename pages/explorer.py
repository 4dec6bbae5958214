"""Maps of perturbations, their neighbours, and what closeness in an embedding means."""

import pandas as pd
import streamlit as st

from llmpert.evaluation.results import embedding_label
from llmpert.figures.map import map_by_group, map_by_value
from llmpert.figures.similarity import closeness_by_source, neighbour_agreement
from llmpert.figures.theme import SOURCE_COLORS
from llmpert.insight.maps import METHODS
from llmpert.ui.common import components as show
from llmpert.ui.common import selection as controls
from llmpert.ui.common.gene_search import choose_gene
from llmpert.ui.common.gene_sets import sets_of
from llmpert.ui.common.selected_rows import (
    FEWEST_TESTED,
    list_selected,
    list_shared,
    select,
    selection,
)
from llmpert.ui.explorer import view as explorer
from llmpert.ui.gene.prediction import strong_perturbation
from llmpert.ui.head_to_head.view import open_gene

dataset = controls.choose_dataset()
line = controls.choose_line(dataset)
embedding = controls.choose_embedding(dataset)
size = controls.choose_size(dataset)
show.heading(
    "Explorer",
    "Which genes do the embeddings put near each other, and do those respond alike? Click a dot, or"
    " draw around some, to list them.",
    dataset,
)
with show.errors_as_sentences():
    problem = explorer.problem_of(dataset, line)
    sets = sets_of(dataset, line, "perturbations")
    table = explorer.facts(dataset, line, sets)
screen = problem.screen
offered, missing = explorer.colours(table, sets)
first, second, third, fourth = st.columns([2, 1, 1, 1])
with second:
    views = [*problem.vectors, explorer.RESPONSES]
    of = explorer.choose("Map of", "of", views, "What the knockdowns are placed by.")
with third:
    method = explorer.choose(
        "Method",
        "method",
        list(METHODS),
        "PCA keeps distances as far as two axes can. UMAP keeps near neighbours together; distances"
        " between far groups mean little there.",
    )
with fourth:
    colour = explorer.choose(
        "Colour by",
        "colour",
        offered,
        f"Effect size: root mean square of the measured response. Held-out accuracy: Pearson, all"
        f" genes, of the Gaussian process on {embedding_label(embedding)} with {size:,} training"
        " perturbations (side bar).",
    )
with first, show.errors_as_sentences():
    gene = choose_gene(problem, strong_perturbation(dataset, line, dataset.embedding_choices[-1]))
if missing:
    st.caption(missing)
measured = gene in screen.perturbations

with show.errors_as_sentences():
    drawn = explorer.map_of(dataset, line, of, method)
    accuracy = explorer.accuracy(dataset, line, embedding, size)
    if colour == explorer.BY_ACCURACY and accuracy is None:
        st.info(
            f"The Gaussian process on {embedding_label(embedding)} was not yet evaluated with"
            f" {size:,} training perturbations: its accuracy is not known.",
            icon=":material/info:",
        )
        st.button(
            "Evaluate now",
            on_click=explorer.fit_folds,
            args=(dataset, line, embedding, size),
            key="evaluate",
        )
if accuracy is not None:
    table["held-out Pearson"] = accuracy.reindex(table["gene"]).to_numpy()
similarity = explorer.similarity_to(problem, of, gene)
if similarity is not None:
    table[f"similarity to {gene}"] = similarity

names = selection(screen.perturbations)
points = explorer.placed(table, drawn)
key = f"{of}-{method}-{line}"
place = of if of == explorer.RESPONSES else f"{of} embeddings"
title = f"{method} of {place}, {line}"
values = {
    explorer.BY_EFFECT: ("effect size", f"Effect size<br>({screen.unit})"),
    explorer.BY_ACCURACY: ("held-out Pearson", "Held-out Pearson, all genes"),
    explorer.BY_CELLS: ("cells", "Cells"),
    explorer.BY_SIMILARITY: (
        f"similarity to {gene}",
        f"{'Pearson r' if of == explorer.RESPONSES else 'Cosine similarity'} to {gene}",
    ),
}
if colour == explorer.BY_SET and sets is not None:
    groups = explorer.choose_sets(sets, len(points), len(SOURCE_COLORS))
    points["group"] = points["gene"].map(sets.smallest_of(groups)).fillna("")
    chart = map_by_group(points, drawn.axes, groups, title, gene, names)
else:
    column, label = values[colour]
    points["value"] = table[column] if column in table else float("nan")
    chart = map_by_value(points, drawn.axes, label, title, gene, names)
    if colour == explorer.BY_SIMILARITY and similarity is None:
        st.info(f"{gene} is **not measured**: it has no response to be similar to.")
if not measured:
    st.info(
        f"{gene} was not knocked down in this screen, so it is not on the map.",
        icon=":material/info:",
    )
caption = show.caption(dataset)
how = (
    f"{len(points):,} knockdowns. Vectors are scaled to length 1 before the map is made"
    + ("" if of != explorer.RESPONSES else ", so that strength plays no part")
    + "."
)
selected = show.figure(
    chart,
    name=f"map-{key}",
    alt=f"{title}: a dot for each of {len(points):,} knockdowns, coloured by {colour}.",
    numbers=points.drop(columns="note").merge(table, on="gene"),
    caption=f"{how} {caption}",
    data=dataset,
    select=["points", "lasso", "box"],
)
if selected:
    names = list(dict.fromkeys(map(str, selected)))
    select(names)

st.header("Selected knockdowns")
if not names:
    st.markdown(
        "None yet. Click a dot on the map, or choose the lasso or box above the map's upper right"
        " corner and draw around some."
    )
else:
    one = list_selected(dataset, line, table, names, key, caption)
    if one is not None:
        open_gene(dataset, line, size, embedding, one)
    if sets is not None and len(names) >= FEWEST_TESTED:
        list_shared(dataset, table["gene"], names, sets, key, caption)

st.header(f"Nearest to {gene}")
ask_kernel = st.toggle(
    f"Ask the Gaussian process on {embedding_label(embedding)} too",
    key="kernel",
    bind="query-params",
    help="Its kernel says which knockdowns it learnt to take as informative for this gene. Fitting"
    " it to all knockdowns takes seconds at the first time.",
)
with show.errors_as_sentences():
    near = explorer.nearest(dataset, line, gene, embedding if ask_kernel else None)
    pairs = explorer.pairs_of(dataset, line)
by_measure = pd.concat([t.assign(measure=measure) for measure, t in near.items()])
if measured and by_measure["response"].notna().any():
    show.figure(
        neighbour_agreement(near, pairs, gene),
        name=f"neighbours-{gene}-{line}",
        alt=f"Pearson correlation between the response to knocking down {gene} and those of its"
        f" {explorer.NEAREST} nearest neighbours by each measure, beside all pairs of knockdowns.",
        numbers=by_measure,
        caption=f"A mark a neighbour ({explorer.NEAREST} by each measure), a line at their mean."
        " Box: quartiles and median of all pairs of knockdowns, whiskers 5th to 95th"
        f" percentile. {caption}",
        data=dataset,
    )
elif measured:
    st.info(f"The measured response of {gene} is the same for all genes: nothing to correlate.")
else:
    st.info(
        f"{gene} is **not measured**, so nobody can say whether its neighbours respond as it does.",
        icon=":material/info:",
    )
for tab, (measure, rows) in zip(st.tabs(list(near)), near.items(), strict=True):
    tab.dataframe(
        rows,
        hide_index=True,
        column_config={
            "gene": st.column_config.TextColumn("Neighbour"),
            "similarity": st.column_config.NumberColumn(
                "Kernel (prior correlation)" if measure == explorer.KERNEL else "Cosine similarity",
                format="%.3f",
            ),
            "response": st.column_config.NumberColumn("r of responses", format="%.3f"),
            "above": st.column_config.NumberColumn(
                "Agrees more than … of all pairs", format="percent"
            ),
        },
    )

st.header("Does closeness in the embedding mean closeness in biology?")
st.markdown(
    "Every pair of knockdowns, sorted by how similar their vectors are. Where the line rises, genes"
    " that the embedding puts together respond alike; a flat line says that it knows nothing of it."
)
with show.errors_as_sentences():
    found = explorer.closeness_of(dataset, line)
among = (
    f"{pairs.perturbations:,} knockdowns"
    if pairs.perturbations == pairs.of
    else f"{pairs.perturbations:,} knockdowns drawn at random from {pairs.of:,}"
)
show.figure(
    closeness_by_source(found),
    name=f"closeness-{line}",
    alt=f"Mean Pearson correlation between responses by cosine similarity of embeddings in {line},"
    f" one panel for each of {', '.join(found)}.",
    numbers=pd.concat(
        [c.bins.assign(embedding=source, spearman=c.spearman) for source, c in found.items()]
    ),
    caption=f"All pairs of {among}, in bins of equal number (the most similar 5 % in finer ones);"
    f" band: 10th to 90th percentile of the pairs in a bin. {caption}",
    data=dataset,
)
