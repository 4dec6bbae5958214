"""Maps of perturbations, their neighbours, and what closeness in an embedding means."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from llmpert.evaluation.grid import grid
from llmpert.evaluation.problem import GeneVectors
from llmpert.evaluation.scores import Metric
from llmpert.figures.screen import closeness_by_source, neighbour_agreement, perturbation_map
from llmpert.figures.theme import SOURCE_COLORS
from llmpert.genes.sets import GeneSets
from llmpert.insight import clusters
from llmpert.insight.head_to_head import (
    Method,
    common_metrics,
    effect_size,
    methods,
    methods_of,
)
from llmpert.insight.maps import METHODS
from llmpert.insight.similarity import Pairs, correlation, cosine, neighbours
from llmpert.models.registry import MODELS
from llmpert.models.registry import label as model_label
from llmpert.ui.common import cache, script
from llmpert.ui.common import components as show
from llmpert.ui.common.cache import KEPT, RESPONSES
from llmpert.ui.common.gene_search import choose_gene, set_control
from llmpert.ui.common.gene_sets import choose_sets, show_shared
from llmpert.ui.common.opened import open_selected
from llmpert.ui.common.selection import MOST_IN_ADDRESS, NARROW, Selection, choose
from llmpert.ui.common.table import accuracy_bar, gene_table, skill
from llmpert.ui.gene.drawer import show_drawer

BY_SET, BY_EFFECT, BY_ACCURACY = "gene set", "effect size", "held-out accuracy"
BY_CELLS, BY_SIMILARITY = "number of cells", "similarity to the gene"
"""What a map can be coloured by."""

KERNEL = "Gaussian process"
NEAREST = 10
SELECTED = "Selected knockdowns"
"""The first tab below the map."""

NAMED_SETS = 3
"""How many of a perturbation's gene sets are named beside it."""

_KEY = "explorer-selected"

_ABOUT_KEPT_ACCURACY = (
    "Held-out accuracy: Pearson, all genes, between a knockdown's measured response and what a"
    " model that was not trained on it predicted. The trained model's file has it."
)


@dataclass(frozen=True)
class Explorer:
    """What the page is about.

    Attributes:
        known: Finds genes and their vectors in all embeddings.
        places: Vectors of the perturbations, by what a map can be of (`cache.places`).
        sets: Gene sets among the perturbations, or None.
        table: What is known of each perturbation; gets columns that colour the map.
        of: One of the places: what the map is of.
        method, colour: How it does, and by what it colours them.
        gene: The gene that is looked at; in the screen or not.
        more: The place for controls that are a click away.
    """

    selection: Selection
    known: GeneVectors
    places: Mapping[str, np.ndarray]
    sets: GeneSets | None
    table: pd.DataFrame
    of: str
    method: str
    colour: str
    gene: str
    more: DeltaGenerator

    @property
    def embeddings(self) -> list[str]:
        """Those that perturbations have a place in."""
        return [embedding.name for embedding in self.known.embeddings]

    @property
    def on_map(self) -> bool:
        """Whether the gene was knocked down."""
        return self.gene in set(self.table["gene"])

    @property
    def title(self) -> str:
        """What the map shows."""
        place = f"{self.of} embeddings" if self.of in self.embeddings else self.of
        return f"{self.method} of {place}, {self.selection.line}"

    @property
    def key(self) -> str:
        """For names of files and widgets."""
        return f"{self.of}-{self.method}-{self.selection.line}"

    def similarity(self, of: str) -> np.ndarray | None:
        """Return perturbations' similarity to the gene: cosine in an embedding, else Pearson.

        None where the gene was not knocked down.
        """
        return self.selection.of_gene(self.gene, ("similarity", of), lambda: self._similarity(of))

    def _similarity(self, of: str) -> np.ndarray | None:
        vectors = self.places[of]
        if of in self.embeddings:
            return cosine(self.known.find(self.gene)[of], vectors)[0]
        row = np.flatnonzero(self.table["gene"] == self.gene)
        return correlation(vectors[row], vectors)[0] if len(row) else None


def explore(selection: Selection) -> None:
    """Let a map and a gene be chosen; show the map, the gene's neighbours and closeness."""
    view = _choose_view(selection)
    names = _show_map(view)
    show.tabs(
        {
            SELECTED: lambda: _show_selected(view, names),
            "Nearest": lambda: _show_nearest(view),
            "Closeness": lambda: _show_closeness(selection),
        },
        "part",
    )
    show_drawer(selection)


def _choose_view(selection: Selection) -> Explorer:
    joined = replace(selection, embedding=selection.data.embedding_choices[-1])
    known, trained = joined.known, selection.trained
    row = st.container(horizontal=True, vertical_alignment="bottom")
    with row:
        gene = choose_gene(known, joined.strong)
        places = cache.places(selection.data, selection.line)
        of = choose("Map of", "of", list(places), "What the knockdowns are placed by.", NARROW)
        colours, more = st.container(width=NARROW), st.popover("More")
    with more:
        method = choose(
            "Method",
            "method",
            list(METHODS),
            "PCA preserves distances as far as two axes allow. UMAP keeps neighbours together;"
            " its distances between groups mean little.",
        )
        sets = choose_sets(selection.data, selection.line, "perturbations")
    of_sets = (selection.data, selection.line, sets and sets.name)
    table = cache.once(lambda: _known_of_each(joined, sets), "known of each", *of_sets).copy()
    missing = {}
    if sets is None:
        missing[BY_SET] = "none; add some with “llmpert import --gene-sets”"
    elif not sets.members:
        missing[BY_SET] = f"{sets.name} contains none of these knockdowns"
    if trained:
        missing[BY_EFFECT] = "needs the measured screen"
    elif np.ptp(table["effect size"]) <= 1e-3 * table["effect size"].max():
        missing[BY_EFFECT] = "the same for all knockdowns, as in ranked responses"
    if "cells" not in table:
        missing[BY_CELLS] = "not recorded in this screen"
    every = (BY_SET, BY_EFFECT, BY_SIMILARITY, BY_ACCURACY, BY_CELLS)
    offered = [colour for colour in every if colour not in missing]
    with colours:
        colour = choose(
            "Colour by",
            "colour",
            offered,
            _ABOUT_KEPT_ACCURACY
            if trained
            else "Effect size: root mean square of the measured response. Held-out accuracy: of any"
            " model or method, by any score.",
        )
    if missing:
        reasons = "; ".join(f"{colour} ({why})" for colour, why in missing.items())
        more.caption(f"Not available for colouring: {reasons}.")
    return Explorer(selection, known, places, sets, table, of, method, colour, gene, more)


def _known_of_each(of: Selection, sets: GeneSets | None) -> pd.DataFrame:
    """Return a table of facts on each perturbation."""
    screen = of.screen
    table = pd.DataFrame({"gene": screen.perturbations})
    if of.trained is None:
        table["effect size"] = effect_size(screen).to_numpy()
    cells = (of.trained or screen).cells
    if cells is not None:
        table["cells"] = cells
    if sets is not None:
        of_gene: dict[str, list[str]] = {str(gene): [] for gene in screen.perturbations}
        for name, members in sets.members.items():
            for member in members & of_gene.keys():
                of_gene[member].append(name)
        table["gene sets"] = [
            ", ".join(names[:NAMED_SETS])
            + (f" and {len(names) - NAMED_SETS} more" if len(names) > NAMED_SETS else "")
            for names in of_gene.values()
        ]
    return table


def _show_map(view: Explorer) -> list[str]:
    """Show the map, and return the perturbations selected on it."""
    data, gene, table = view.selection.data, view.gene, view.table
    placed = cache.map_of(data, view.selection.line, view.of, view.method)
    score = _add_accuracy(view)
    similarity = view.similarity(view.of)
    if similarity is not None:
        table[f"similarity to {gene}"] = similarity
    # A chart forgets what was selected in it whenever it is drawn with anything else than before.
    known = set(table["gene"])
    if _KEY not in st.session_state:
        st.session_state[_KEY] = st.query_params.get("selected", "").split(",")
    names = [name for name in st.session_state[_KEY] if name in known]
    lines = []
    if "effect size" in table:
        lines.append(table["effect size"].map("effect size {:.3g}".format))
    if "gene sets" in table:
        lines.append(table["gene sets"].replace("", "in no gene set"))
    note = ["<br>".join(words) for words in zip(*lines, strict=True)] if lines else ""
    points = placed.table(table["gene"]).assign(note=note)
    with view.more:
        label, groups = _add_colour(view, points, score)
    called = (
        None
        if groups is None
        else clusters.labels(placed.points, points["group"], groups, points["gene"] == gene)
    )
    chart = perturbation_map(points, placed.axes, view.title, gene, names, label, groups, called)
    if not view.on_map:
        show.info(f"{gene} was not knocked down in this screen, so it is not on the map.")
    if called is not None:
        show.hide_where_narrow("map", called)
    strength = "" if view.of in view.embeddings else ", so that strength plays no part"
    with st.container(key="map"):
        drawn_around = show.figure(
            chart,
            name=f"map-{view.key}",
            alt=f"{view.title}: a dot for each of {len(points):,} knockdowns, coloured by"
            f" {view.colour}.",
            numbers=points.drop(columns="note").merge(table, on="gene"),
            note=f"{view.of}, {view.method}: {len(points):,} knockdowns.",
            data=data,
            select=["points", "lasso", "box"],
            details=f"Vectors are scaled to length 1 before the map is made{strength}."
            + " The model keeps the leading components of the responses." * (view.of == KEPT),
            code=script.of_map(view.selection, view.of, view.method, gene, similarity is not None),
        )
    if drawn_around:
        drawn = list(dict.fromkeys(map(str, drawn_around)))
        if drawn != names:
            st.session_state["part"] = SELECTED
        _select(names := drawn)
    open_selected(drawn_around, "map")
    return names


def _add_accuracy(view: Explorer) -> tuple[str, str]:
    """Add how well each perturbation was predicted; return the column, and what it is.

    Where that is not known, and to be a colour, it is offered to find out.
    """
    selection, table = view.selection, view.table
    metric, method = cache.METRICS["pearson_all"], Method(selection.model, selection.embedding)
    column = "held-out Pearson"
    if selection.trained:
        table[column] = selection.trained.accuracy.to_numpy()
        return column, f"Held-out {metric.label}"
    others = cache.elsewhere_results(selection.data, selection.line, selection.size)
    if view.colour == BY_ACCURACY:
        with view.more:
            metric, method = _choose_score(selection, others)
    label = f"Held-out {metric.label}"
    if (metric.name, method.model) != ("pearson_all", selection.model):
        column, label = f"held-out {metric.label}: {method.label}", f"{label}<br>{method.label}"
    if method.model not in MODELS:
        found = others[(others["model"] == method.model) & (others["metric"] == metric.name)]
        value = found.set_index(found["perturbation"].astype(object))["value"]
        table[column] = value.reindex(table["gene"]).to_numpy()
        return column, label
    experiment, size = selection.experiment, selection.size
    folds = range(experiment.settings.folds)
    if all(experiment.is_done(method.model, size, fold) for fold in folds):
        scores = pd.concat([experiment.scores(method.model, size, fold) for fold in folds])
        accuracy = scores.set_index(scores["perturbation"].astype(object))[metric.name]
        table[column] = accuracy.reindex(table["gene"]).to_numpy()
    elif view.colour == BY_ACCURACY:
        show.info(
            f"{method.label} was not yet evaluated with {size:,} training perturbations: its"
            " accuracy is not known."
        )
        # By its name: what a button is given stays in memory with the visitor's session.
        of = (selection.data.name, selection.line, selection.embedding, size, method.model)
        st.button("Evaluate now", on_click=_fit_folds, args=of, key="evaluate")
    return column, label


def _choose_score(selection: Selection, others: pd.DataFrame) -> tuple[Metric, Method]:
    """Return the score that colours a map, and the model or method that it is of."""
    every = [*methods([selection.embedding]), *methods_of(others)]
    by_model = {method.model: method for method in every}
    model = choose(
        "Accuracy of", "scored", list(by_model), first=selection.model, shown=model_label
    )
    method = by_model[model]
    known = common_metrics(method, method, others)
    first = "pearson_all" if "pearson_all" in known else known[0]
    metrics = cache.METRICS
    metric = choose("Score", "score", known, first=first, shown=lambda name: metrics[name].label)
    return metrics[metric], method


def _add_colour(
    view: Explorer, points: pd.DataFrame, score: tuple[str, str]
) -> tuple[str, list[str] | None]:
    """Add the group or value that colours each point; return the value's label, and the groups.

    `score` is the column of the accuracy, and what it is.
    """
    if view.colour == BY_SET and view.sets is not None:
        most = len(SOURCE_COLORS)
        of = view.selection.data, view.selection.line, view.sets.name, view.of, view.method
        first = cache.once(partial(_first_sets, view.sets, points, most), "first sets", *of)
        asked = st.session_state.get("sets", [])
        gone = bool(asked) and not view.sets.members.keys() & set(asked)
        if gone:
            # Of another collection: Streamlit would show none.
            st.session_state["sets"] = list(first)
        chosen = st.multiselect(
            "Gene sets in colour",
            list(view.sets.members),
            # Streamlit wants one default, and the session has just been given one.
            default=None if gone else first,
            max_selections=most,
            key="sets",
            bind="query-params",
            help="Type to search. A knockdown in several sets takes the colour of the smallest.",
        )
        groups = [name for name in chosen if name in view.sets.members][:most]
        found = view.sets.smallest_of(groups)
        points["group"] = [found.get(gene, "") for gene in points["gene"]]
        return "", groups
    measure = "Cosine similarity" if view.of in view.embeddings else "Pearson r"
    column, label = {
        BY_EFFECT: ("effect size", f"Effect size<br>({view.selection.unit})"),
        BY_ACCURACY: score,
        BY_CELLS: ("cells", "Cells"),
        BY_SIMILARITY: (f"similarity to {view.gene}", f"{measure} to {view.gene}"),
    }[view.colour]
    known = column in view.table
    points["value"] = view.table[column] if known else float("nan")
    if view.colour == BY_SIMILARITY and not known:
        st.info(f"{view.gene} is **not measured**: it has no response to be similar to.")
    return label, None


def _first_sets(sets: GeneSets, points: pd.DataFrame, count: int) -> list[str]:
    """Return sets to colour at first: those that hold together on the map, where any do."""
    places = points[["x", "y"]].to_numpy()
    together = clusters.holding_together(places, list(points["gene"]), sets.members)
    if together:
        sets = replace(sets, members={name: sets.members[name] for name in together})
    # Small ones: nested terms say more the smaller they are.
    return sets.most_populated(count, max(len(points) // 10, 20))


def _fit_folds(name: str, line: str, embedding: str, size: int, model: str) -> None:
    of = cache.experiment(cache.load(name), line, embedding)
    cache.run_fits(grid([of], [model], [size]))


def _select(names: Sequence[str]) -> None:
    """Make these the selected perturbations, in the address too where they are not too many."""
    st.session_state[_KEY] = list(names)
    if 0 < len(names) <= MOST_IN_ADDRESS:
        st.query_params["selected"] = ",".join(names)
    else:
        st.query_params.pop("selected", None)


def _show_selected(view: Explorer, names: Sequence[str]) -> None:
    """Show the selected perturbations, and what they share."""
    if not names:
        st.markdown(
            "None yet. Click a dot on the map, or choose the lasso or box above the map's upper"
            " right corner and draw around some."
        )
        near = view.similarity(view.of)
        if near is not None:
            alike = view.table["gene"].to_numpy()[np.argsort(-near, kind="stable")[:NEAREST]]
            st.button(
                f"Select those most like {view.gene}",
                on_click=_select,
                args=(list(map(str, alike)),),
                key="example-selected",
                icon=":material/lightbulb:",
            )
        return
    selection, table = view.selection, view.table
    rows = table[table["gene"].isin(names)].reset_index(drop=True)
    rows = rows[sorted(rows, key="gene sets".__eq__)]  # the widest column last
    similar = [column for column in map(str, rows) if column.startswith("similarity")]
    gene_table(
        rows,
        "among",
        {
            "effect size": show.number(format="%.3g", help=f"In {selection.unit}."),
            "cells": show.number(format="%d"),
            **{column: skill() for column in map(str, rows) if column.startswith("held-out P")},
            "held-out Pearson": accuracy_bar(selection),
            **show.numbers(**dict.fromkeys(similar, "%.3f")),
            "gene sets": st.column_config.TextColumn(width="medium"),
        },
        "as in the screen",
        selection,
        height="auto" if len(rows) < 8 else 320,
    )
    row = st.container(horizontal=True, vertical_alignment="bottom")
    offered = rows["gene"].tolist()
    one = row.selectbox("Selected knockdown", offered, key="one", width=260)
    one = one if one in offered else offered[0]
    row.button("Clear selection", on_click=_select, args=([],), key="let-go")
    row.button("Set as current gene", on_click=set_control, args=("gene", one), key="choose-here")
    note = f"{len(rows):,} of {len(table):,} knockdowns selected."
    show.footer(f"selected-{view.key}", rows, note, selection.data)
    if view.sets is not None:
        caution = "A selection from a map of these same data is no independent test."
        show_shared(view.sets, names, table["gene"], selection.data, view.key, caution)


def _show_nearest(view: Explorer) -> None:
    """Show the gene's nearest perturbations, and whether these respond as it does."""
    selection, gene, trained = view.selection, view.gene, view.selection.trained
    st.header(f"Nearest to {gene}")
    ask_kernel = trained is not None or st.toggle(
        f"Include neighbours by {selection.method}",
        key="kernel",
        bind="query-params",
        help="The fitted kernel shows which knockdowns are informative for this gene. The first"
        " fit takes a few seconds.",
    )
    by_measure = {source: view.similarity(source) for source in view.embeddings}
    if ask_kernel:
        fitted = selection.full_model
        by_measure[KERNEL] = fitted.model.similarity(fitted.inputs([gene]))[0]
    names = view.table["gene"].to_numpy()
    other = names != gene
    agreement = None if trained else view.similarity(RESPONSES)
    responses = None if agreement is None else agreement[other]
    pairs = None if trained else cache.pairs(selection.data, selection.line)
    near = {
        measure: neighbours(names[other], similarity[other], responses, pairs, NEAREST)
        for measure, similarity in by_measure.items()
        if similarity is not None
    }
    if pairs is None:
        accuracy = view.table.set_index("gene")["held-out Pearson"]
        near = {
            measure: rows[["gene", "similarity"]].assign(accuracy=rows["gene"].map(accuracy))
            for measure, rows in near.items()
        }
    else:
        _show_agreement(view, near, pairs)
    tabs = st.tabs(list(near), key="near", bind="query-params")
    for tab, (measure, rows) in zip(tabs, near.items(), strict=True):
        if not tab.open:
            continue
        similarity = "Kernel (prior correlation)" if measure == KERNEL else "Cosine similarity"
        with tab:
            gene_table(
                rows,
                f"near-{measure}",
                {
                    "similarity": show.number(similarity, format="%.3f"),
                    "response": show.number("r of responses", format="%.3f"),
                    "above": show.number("Agrees more than … of all pairs", format="percent"),
                    "accuracy": accuracy_bar(
                        selection, "Its held-out accuracy (r)", width="medium"
                    ),
                },
                f"{similarity}, highest first",
                selection,
            )


def _show_agreement(view: Explorer, near: Mapping[str, pd.DataFrame], pairs: Pairs) -> None:
    """Show whether the gene's nearest perturbations by each measure respond as it does."""
    gene = view.gene
    together = pd.concat([t.assign(measure=measure) for measure, t in near.items()])
    if view.on_map and together["response"].notna().any():
        show.figure(
            neighbour_agreement(near, pairs, gene),
            name=f"neighbours-{gene}-{view.selection.line}",
            alt=f"Pearson correlation between the response to knocking down {gene} and those of its"
            f" {NEAREST} nearest neighbours by each measure, beside all pairs of knockdowns.",
            numbers=together,
            note=f"A mark a neighbour ({NEAREST} by each measure), a line at their mean.",
            data=view.selection.data,
            details="Box: quartiles and median of all pairs of knockdowns, whiskers 5th to 95th"
            " percentile.",
            code=script.of_neighbours(view.selection, gene, NEAREST, KERNEL * (KERNEL in near)),
        )
    elif view.on_map:
        st.info(f"The measured response of {gene} is the same for all genes: nothing to correlate.")
    else:
        show.info(
            f"{gene} is **not measured**, so its response cannot be compared with those of its"
            " neighbours."
        )


def _show_closeness(selection: Selection) -> None:
    """Show whether knockdowns that an embedding puts together respond alike."""
    data, line = selection.data, selection.line
    if selection.trained:
        show.info(
            "This data set has no measured screen, so responses of neighbours cannot be compared."
        )
        return
    st.header("Does closeness in the embedding mean closeness in biology?")
    st.markdown(
        "Every pair of knockdowns, sorted by the similarity of their vectors. Where the line"
        " rises, genes that are close in the embedding respond alike; a flat line means that"
        " closeness does not predict similar responses."
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
            [bins.assign(embedding=name, spearman=rho) for name, (bins, rho) in found.items()]
        ),
        note=f"All pairs of {among}.",
        data=data,
        details="In bins of equal number (the most similar 5 % in finer ones); band: 10th to 90th"
        " percentile of the pairs in a bin.",
        code=script.of_closeness(selection),
    )
