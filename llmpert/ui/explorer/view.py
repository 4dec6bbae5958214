"""What the explorer shares between visitors: maps, similarities, facts about perturbations."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import streamlit as st

from llmpert import datasets
from llmpert.datasets import Dataset
from llmpert.evaluation.problem import Problem
from llmpert.genes.sets import GeneSets
from llmpert.insight import maps
from llmpert.insight.head_to_head import effect_size
from llmpert.insight.similarity import (
    Closeness,
    Pairs,
    all_pairs,
    closeness,
    correlation,
    cosine,
    kernel_similarity,
    neighbours,
)
from llmpert.io.paths import home
from llmpert.ui.common import cache as shared

RESPONSES = "measured responses"
BY_SET, BY_EFFECT, BY_ACCURACY = "gene set", "effect size", "held-out accuracy"
BY_CELLS, BY_SIMILARITY = "number of cells", "similarity to the gene"
"""What a map can be coloured by."""

MODEL = "gp"
KERNEL = "Gaussian process"
NEAREST = 10
NAMED_SETS = 3
"""How many of a perturbation's gene sets are named beside it."""


def choose(label: str, key: str, options: Sequence[str], help: str) -> str:
    """One of the options; the address has it."""
    chosen = st.selectbox(label, options, key=key, bind="query-params", help=help)
    # A value that came with the address may not be on offer here.
    return chosen if chosen in options else options[0]


def choose_sets(sets: GeneSets, perturbations: int, most: int) -> list[str]:
    """The gene sets to colour; the most populated ones at first, none of them nearly everything."""
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
    """What a map of these perturbations can be coloured by, and why not by the rest, in words.

    Parameters
    ----------
    table:
        From `facts`.
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
    said = "; ".join(f"{colour} ({why})" for colour, why in missing.items())
    return [c for c in every if c not in missing], f"Not to colour by: {said}." if said else ""


def problem_of(data: Dataset, line: str) -> Problem:
    """A line's perturbations with all embeddings."""
    return shared.experiment(data.name, line, data.embedding_choices[-1]).problem


def map_of(data: Dataset, line: str, of: str, method: str) -> maps.Map:
    """The map of an embedding or of the measured responses; kept in the data folder."""
    return _map_of(data.name, datasets.stamp(data.name), line, of, method)


@st.cache_resource(
    max_entries=64, show_spinner="Drawing the map: the first time takes up to a minute …"
)
def _map_of(name: str, stamp: float, line: str, of: str, method: str) -> maps.Map:
    problem = problem_of(shared.load(name), line)
    vectors = problem.screen.response if of == RESPONSES else problem.vectors[of]
    return maps.kept(method, vectors, home() / "maps")


def facts(data: Dataset, line: str, sets: GeneSets | None) -> pd.DataFrame:
    """What is known of each perturbation: gene, effect size, cells, gene sets.

    The last two columns are missing where nobody knows.
    """
    screen = problem_of(data, line).screen
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
        table["gene sets"] = [_some(of_gene[gene]) for gene in table["gene"]]
    return table


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED_SETS} more" if len(names) > NAMED_SETS else ""
    return ", ".join(names[:NAMED_SETS]) + more


def placed(table: pd.DataFrame, drawn: maps.Map) -> pd.DataFrame:
    """A map's points for figures: gene, x, y and what to say of each."""
    note = table["effect size"].map("effect size {:.3g}".format)
    if "gene sets" in table:
        note += "<br>" + table["gene sets"].replace("", "in no gene set")
    return pd.DataFrame(
        {"gene": table["gene"], "x": drawn.points[:, 0], "y": drawn.points[:, 1], "note": note}
    )


def accuracy(data: Dataset, line: str, embedding: str, size: int) -> pd.Series | None:
    """Held-out Pearson over all genes of every perturbation; None where fits are missing."""
    experiment = shared.experiment(data.name, line, embedding)
    folds = range(experiment.settings.folds)
    if not all(experiment.is_done(MODEL, size, fold) for fold in folds):
        return None
    scores = pd.concat([experiment.scores(MODEL, size, fold) for fold in folds])
    return scores.set_index(scores["perturbation"].astype(object))["pearson_all"]


def fit_folds(data: Dataset, line: str, embedding: str, size: int) -> None:
    """Make the fits that `accuracy` misses, under a progress bar; each is kept at once."""
    experiment = shared.experiment(data.name, line, embedding)
    folds = experiment.settings.folds
    bar = st.progress(0.0)
    for fold in range(folds):
        bar.progress(fold / folds, text=f"Fit {fold + 1} of {folds} · Gaussian process")
        experiment.scores(MODEL, size, fold)
    bar.empty()


def similarity_to(problem: Problem, of: str, gene: str) -> np.ndarray | None:
    """Every perturbation's similarity to a gene: cosine in an embedding, Pearson of responses.

    None where the gene's response was not measured.
    """
    if of != RESPONSES:
        return cosine(problem.find(gene)[of], problem.vectors[of])[0]
    response = problem.screen.response
    row = np.flatnonzero(problem.screen.perturbations == gene)
    return correlation(response[row], response)[0] if len(row) else None


def pairs_of(data: Dataset, line: str) -> Pairs:
    """Similarities of all pairs of a line's perturbations."""
    return _pairs_of(data.name, datasets.stamp(data.name), line)


@st.cache_resource(max_entries=4, show_spinner="Comparing all pairs of knockdowns …")
def _pairs_of(name: str, stamp: float, line: str) -> Pairs:
    problem = problem_of(shared.load(name), line)
    return all_pairs(problem.screen.response, problem.vectors)


def closeness_of(data: Dataset, line: str) -> Mapping[str, Closeness]:
    """Each embedding's answer to whether closeness in it means closeness of responses."""
    return _closeness_of(data.name, datasets.stamp(data.name), line)


@st.cache_resource(max_entries=16, show_spinner="Comparing all pairs of knockdowns …")
def _closeness_of(name: str, stamp: float, line: str) -> Mapping[str, Closeness]:
    pairs = _pairs_of(name, stamp, line)
    return {source: closeness(x, pairs.response) for source, x in pairs.sources.items()}


def nearest(
    data: Dataset, line: str, gene: str, kernel_of: str | None
) -> Mapping[str, pd.DataFrame]:
    """A gene's nearest perturbations by each embedding and, if asked for, by a model's kernel.

    Parameters
    ----------
    kernel_of:
        The embedding of the Gaussian process whose kernel to ask too, or None.
    """
    problem = problem_of(data, line)
    agreement = similarity_to(problem, RESPONSES, gene)
    by_measure = {source: similarity_to(problem, source, gene) for source in problem.vectors}
    if kernel_of is not None:
        stamp = datasets.stamp(data.name)
        fitted = shared.fitted(data.name, stamp, line, kernel_of, MODEL)
        by_measure[KERNEL] = kernel_similarity(fitted, gene)
    names = problem.screen.perturbations
    other = names != gene
    return {
        measure: neighbours(
            names[other],
            similarity[other],
            None if agreement is None else agreement[other],
            pairs_of(data, line),
            NEAREST,
        )
        for measure, similarity in by_measure.items()
        if similarity is not None
    }
