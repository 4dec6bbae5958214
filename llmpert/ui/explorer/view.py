"""Maps of perturbations, their neighbours, and what closeness in an embedding means."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import streamlit as st

from llmpert.evaluation.grid import grid
from llmpert.evaluation.problem import Problem
from llmpert.figures.screen import closeness_by_source, neighbour_agreement, perturbation_map
from llmpert.figures.theme import SOURCE_COLORS
from llmpert.genes.sets import GeneSets
from llmpert.insight.head_to_head import effect_size
from llmpert.insight.maps import METHODS
from llmpert.insight.ranking import strong_perturbation
from llmpert.insight.similarity import correlation, cosine, kernel_similarity, neighbours
from llmpert.ui.common import cache
from llmpert.ui.common import components as show
from llmpert.ui.common.cache import RESPONSES
from llmpert.ui.common.gene_search import choose_gene
from llmpert.ui.common.selection import Selection, choose, open_gene
from llmpert.ui.explorer.selected import list_selected, list_shared, select_rows, selected_rows

BY_SET, BY_EFFECT, BY_ACCURACY = "gene set", "effect size", "held-out accuracy"
BY_CELLS, BY_SIMILARITY = "number of cells", "similarity to the gene"
"""What a map can be coloured by."""

KERNEL = "Gaussian process"
NEAREST = 10
NAMED_SETS = 3
"""How many of a perturbation's gene sets are named beside it."""


@dataclass(frozen=True)
class Explorer:
    """What the page is about.

    Attributes:
        sets: Gene sets among the perturbations, or None.
        table: From `facts`; gets columns that colour the map.
        of: An embedding, or `RESPONSES`: what the map places perturbations by.
        method, colour: How it does, and by what it colours them.
        gene: The gene that is looked at; in the screen or not.
    """

    selection: Selection
    sets: GeneSets | None
    table: pd.DataFrame
    of: str
    method: str
    colour: str
    gene: str

    @cached_property
    def problem(self) -> Problem:
        """The line's perturbations with all embeddings."""
        return problem_of(self.selection)

    @property
    def measured(self) -> bool:
        """Whether the gene is on the map."""
        return self.gene in self.problem.screen.perturbations

    @property
    def key(self) -> str:
        """For names of files and widgets."""
        return f"{self.of}-{self.method}-{self.selection.line}"

    @property
    def title(self) -> str:
        """What the map shows."""
        place = self.of if self.of == RESPONSES else f"{self.of} embeddings"
        return f"{self.method} of {place}, {self.selection.line}"


def problem_of(selection: Selection) -> Problem:
    """Return a line's perturbations with all embeddings."""
    return cache.scoring_experiment(selection.data, selection.line).problem


def choose_view(selection: Selection) -> Explorer:
    """Return what the page's controls say."""
    problem = problem_of(selection)
    sets = cache.gene_sets(selection.data, selection.line, "perturbations")
    table = facts(problem, sets)
    offered, missing = colours(table, sets)
    first, second, third, fourth = st.columns([2, 1, 1, 1])
    with second:
        views = [*problem.vectors, RESPONSES]
        of = choose("Map of", "of", views, "What the knockdowns are placed by.")
    with third:
        method = choose(
            "Method",
            "method",
            list(METHODS),
            "PCA keeps distances as far as two axes can. UMAP keeps near neighbours together;"
            " distances between far groups mean little there.",
        )
    with fourth:
        colour = choose(
            "Colour by",
            "colour",
            offered,
            "Effect size: root mean square of the measured response. Held-out accuracy: Pearson,"
            f" all genes, of the {selection.method} with {selection.size:,} training perturbations"
            " (side bar).",
        )
    with first:
        strong = strong_perturbation(
            cache.scoring_experiment(selection.data, selection.line).problem.screen
        )
        gene = choose_gene(problem, strong)
    if missing:
        st.caption(missing)
    return Explorer(selection, sets, table, of, method, colour, gene)


def choose_sets(sets: GeneSets, perturbations: int, most: int) -> list[str]:
    """Return the gene sets to colour; at first the most populated, none of them nearly all."""
    names = list(sets.members)
    chosen = st.multiselect(
        "Gene sets in colour",
        names,
        default=sets.most_populated(most, perturbations // 3),
        max_selections=most,
        key="sets",
        bind="query-params",
        help="Type to search. A knockdown that is in several has the colour of the smallest.",
    )
    return [name for name in chosen if name in sets.members][:most]


def colours(table: pd.DataFrame, sets: GeneSets | None) -> tuple[list[str], str]:
    """Return what a map can be coloured by, and why not by the rest, in words.

    Args:
        table: From `facts`.
    """
    missing = {}
    if sets is None:
        missing[BY_SET] = "none were imported: “llmpert import” takes them with “--gene-sets”"
    elif not sets.members:
        missing[BY_SET] = f"{sets.name} knows none of these knockdowns"
    effect = table["effect size"]
    if np.ptp(effect) <= 1e-3 * effect.max():
        missing[BY_EFFECT] = "the same for all knockdowns, as in ranked responses"
    if "cells" not in table:
        missing[BY_CELLS] = "the screen does not tell"
    every = (BY_SET, BY_EFFECT, BY_SIMILARITY, BY_ACCURACY, BY_CELLS)
    reasons = "; ".join(f"{colour} ({why})" for colour, why in missing.items())
    offered = [colour for colour in every if colour not in missing]
    return offered, f"Not to colour by: {reasons}." if reasons else ""


def facts(problem: Problem, sets: GeneSets | None) -> pd.DataFrame:
    """Return what is known of each perturbation: gene, effect size, cells, gene sets.

    The last two columns are missing where nobody knows.
    """
    screen = problem.screen
    table = pd.DataFrame(
        {"gene": screen.perturbations, "effect size": effect_size(screen).to_numpy()}
    )
    if screen.cells is not None:
        table["cells"] = screen.cells
    if sets is not None:
        of_gene: dict[str, list[str]] = {str(gene): [] for gene in screen.perturbations}
        for label, members in sets.members.items():
            for gene in members & of_gene.keys():
                of_gene[gene].append(label)
        table["gene sets"] = [_first_names(of_gene[gene]) for gene in table["gene"]]
    return table


def _first_names(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED_SETS} more" if len(names) > NAMED_SETS else ""
    return ", ".join(names[:NAMED_SETS]) + more


def add_accuracy(view: Explorer) -> None:
    """Add how well each perturbation was predicted; offer to find out where that is not known."""
    selection = view.selection
    found = accuracy(selection)
    if found is not None:
        view.table["held-out Pearson"] = found.reindex(view.table["gene"]).to_numpy()
    elif view.colour == BY_ACCURACY:
        show.info(
            f"The {selection.method} was not yet evaluated with {selection.size:,} training"
            " perturbations: its accuracy is not known."
        )
        chosen = (selection.line, selection.embedding, selection.size)
        # By its name: what a button is given stays in memory with the visitor's session.
        arguments = (selection.data.name, *chosen)
        st.button("Evaluate now", on_click=fit_folds, args=arguments, key="evaluate")


def accuracy(selection: Selection) -> pd.Series | None:
    """Return held-out Pearson over all genes of every perturbation; None where fits are missing."""
    experiment, model, size = selection.experiment, selection.model, selection.size
    folds = range(experiment.settings.folds)
    if not all(experiment.is_done(model, size, fold) for fold in folds):
        return None
    scores = pd.concat([experiment.scores(model, size, fold) for fold in folds])
    return scores.set_index(scores["perturbation"].astype(object))["pearson_all"]


def fit_folds(name: str, line: str, embedding: str, size: int) -> None:
    """Make the fits that `accuracy` misses, under a progress bar; each is kept at once."""
    selection = Selection(cache.load(name), line, embedding, size)
    cache.run_fits(grid([selection.experiment], [selection.model], [size]))


def similarity_to(problem: Problem, of: str, gene: str) -> np.ndarray | None:
    """Return each perturbation's similarity to a gene: cosine in an embedding, else Pearson.

    None where the gene's response was not measured.
    """
    if of != RESPONSES:
        return cosine(problem.find(gene)[of], problem.vectors[of])[0]
    response = problem.screen.response
    row = np.flatnonzero(problem.screen.perturbations == gene)
    return correlation(response[row], response)[0] if len(row) else None


def show_map(view: Explorer) -> list[str]:
    """Show the map, and return the perturbations selected on it."""
    data, gene, colour, table = view.selection.data, view.gene, view.colour, view.table
    placed = cache.map_of(data, view.selection.line, view.of, view.method)
    add_accuracy(view)
    similar = f"similarity to {gene}"
    similarity = similarity_to(view.problem, view.of, gene)
    if similarity is not None:
        table[similar] = similarity
    names = selected_rows(view.problem.screen.perturbations)
    note = table["effect size"].map("effect size {:.3g}".format)
    if "gene sets" in table:
        note += "<br>" + table["gene sets"].replace("", "in no gene set")
    x, y = placed.points[:, 0], placed.points[:, 1]
    points = pd.DataFrame({"gene": table["gene"], "x": x, "y": y, "note": note})
    label, groups = "", None
    if colour == BY_SET and view.sets is not None:
        groups = choose_sets(view.sets, len(points), len(SOURCE_COLORS))
        points["group"] = points["gene"].map(view.sets.smallest_of(groups)).fillna("")
    else:
        measure = "Pearson r" if view.of == RESPONSES else "Cosine similarity"
        column, label = {
            BY_EFFECT: ("effect size", f"Effect size<br>({view.selection.unit})"),
            BY_ACCURACY: ("held-out Pearson", "Held-out Pearson, all genes"),
            BY_CELLS: ("cells", "Cells"),
            BY_SIMILARITY: (similar, f"{measure} to {gene}"),
        }[colour]
        points["value"] = table[column] if column in table else float("nan")
        if colour == BY_SIMILARITY and similarity is None:
            st.info(f"{gene} is **not measured**: it has no response to be similar to.")
    chart = perturbation_map(points, placed.axes, view.title, gene, names, label, groups)
    if not view.measured:
        show.info(f"{gene} was not knocked down in this screen, so it is not on the map.")
    strength = ", so that strength plays no part" if view.of == RESPONSES else ""
    drawn_around = show.figure(
        chart,
        name=f"map-{view.key}",
        alt=f"{view.title}: a dot for each of {len(points):,} knockdowns, coloured by {colour}.",
        numbers=points.drop(columns="note").merge(table, on="gene"),
        note=f"{len(points):,} knockdowns. Vectors are scaled to length 1 before the map is"
        f" made{strength}.",
        data=data,
        select=["points", "lasso", "box"],
    )
    if drawn_around:
        names = list(dict.fromkeys(map(str, drawn_around)))
        select_rows(names)
    return names


def show_selected(view: Explorer, names: Sequence[str]) -> None:
    """Show the selected perturbations, and what they share."""
    st.header("Selected knockdowns")
    if not names:
        st.markdown(
            "None yet. Click a dot on the map, or choose the lasso or box above the map's upper"
            " right corner and draw around some."
        )
        return
    opened = list_selected(view.selection, view.table, names, view.key)
    if opened is not None:
        open_gene(view.selection, opened)
    if view.sets is not None:
        list_shared(view.selection.data, view.table["gene"], names, view.sets, view.key)


def show_nearest(view: Explorer) -> None:
    """Show the gene's nearest perturbations, and whether these respond as it does."""
    selection, gene = view.selection, view.gene
    data, line = selection.data, selection.line
    st.header(f"Nearest to {gene}")
    ask_kernel = st.toggle(
        f"Ask the {selection.method} too",
        key="kernel",
        bind="query-params",
        help="Its kernel says which knockdowns it learnt to take as informative for this gene."
        " Fitting it to all knockdowns takes seconds at the first time.",
    )
    near = nearest(view, ask_kernel)
    by_measure = pd.concat([t.assign(measure=measure) for measure, t in near.items()])
    if view.measured and by_measure["response"].notna().any():
        show.figure(
            neighbour_agreement(near, cache.pairs(data, line), gene),
            name=f"neighbours-{gene}-{line}",
            alt=f"Pearson correlation between the response to knocking down {gene} and those of its"
            f" {NEAREST} nearest neighbours by each measure, beside all pairs of knockdowns.",
            numbers=by_measure,
            note=f"A mark a neighbour ({NEAREST} by each measure), a line at their mean. Box:"
            " quartiles and median of all pairs of knockdowns, whiskers 5th to 95th percentile.",
            data=data,
        )
    elif view.measured:
        st.info(f"The measured response of {gene} is the same for all genes: nothing to correlate.")
    else:
        show.info(
            f"{gene} is **not measured**, so nobody can say whether its neighbours respond as it"
            " does."
        )
    number = st.column_config.NumberColumn
    for tab, (measure, rows) in zip(st.tabs(list(near)), near.items(), strict=True):
        similarity = "Kernel (prior correlation)" if measure == KERNEL else "Cosine similarity"
        tab.dataframe(
            rows,
            hide_index=True,
            column_config={
                "gene": st.column_config.TextColumn("Neighbour"),
                "similarity": number(similarity, format="%.3f"),
                "response": number("r of responses", format="%.3f"),
                "above": number("Agrees more than … of all pairs", format="percent"),
            },
        )


def nearest(view: Explorer, ask_kernel: bool) -> Mapping[str, pd.DataFrame]:
    """Return the gene's nearest perturbations by each embedding.

    Args:
        ask_kernel: Whether by the kernel of the Gaussian process on the selected embedding too.
    """
    selection, problem, gene = view.selection, view.problem, view.gene
    data, line = selection.data, selection.line
    agreement = similarity_to(problem, RESPONSES, gene)
    by_measure = {source: similarity_to(problem, source, gene) for source in problem.vectors}
    if ask_kernel:
        fitted = cache.full_model(data, line, selection.embedding, selection.model)
        by_measure[KERNEL] = kernel_similarity(fitted, gene)
    names = problem.screen.perturbations
    other = names != gene
    return {
        measure: neighbours(
            names[other],
            similarity[other],
            None if agreement is None else agreement[other],
            cache.pairs(data, line),
            NEAREST,
        )
        for measure, similarity in by_measure.items()
        if similarity is not None
    }


def show_closeness(selection: Selection) -> None:
    """Show whether knockdowns that an embedding puts together respond alike."""
    data, line = selection.data, selection.line
    st.header("Does closeness in the embedding mean closeness in biology?")
    st.markdown(
        "Every pair of knockdowns, sorted by how similar their vectors are. Where the line rises,"
        " genes that the embedding puts together respond alike; a flat line says that it knows"
        " nothing of it."
    )
    found, pairs = cache.closeness(data, line), cache.pairs(data, line)
    among = f"{pairs.perturbations:,} knockdowns"
    if pairs.perturbations < pairs.of:
        among += f" drawn at random from {pairs.of:,}"
    show.figure(
        closeness_by_source(found),
        name=f"closeness-{line}",
        alt=f"Mean Pearson correlation between responses by cosine similarity of embeddings in"
        f" {line}, one panel for each of {', '.join(found)}.",
        numbers=pd.concat(
            [c.bins.assign(embedding=source, spearman=c.spearman) for source, c in found.items()]
        ),
        note=f"All pairs of {among}, in bins of equal number (the most similar 5 % in finer ones);"
        " band: 10th to 90th percentile of the pairs in a bin.",
        data=data,
    )
