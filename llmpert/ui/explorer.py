"""What the explorer shares between visitors: maps, similarities, facts about perturbations."""

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

import numpy as np
import pandas as pd
import streamlit as st

from llmpert import datasets
from llmpert.datasets import Dataset
from llmpert.gene_sets import GeneSets
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
from llmpert.problem import Problem
from llmpert.screens.screen import Screen
from llmpert.storage import home
from llmpert.ui import data as shared

RESPONSES = "measured responses"
BY_SET, BY_EFFECT, BY_ACCURACY = "gene set", "effect size", "held-out accuracy"
BY_CELLS, BY_SIMILARITY = "number of cells", "similarity to the gene"
"""What a map can be coloured by."""

MODEL = "gp"
KERNEL = "Gaussian process"
NEAREST = 10
SELECTED = "selected"
MOST_IN_ADDRESS = 100
"""So many selected perturbations go into the address: browsers cut very long ones."""

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
        help="Type to search. A knockdown that is in several of them has the colour of the first.",
    )
    return [name for name in chosen if name in sets.members][:most]


def colours(screen: Screen, sets: GeneSets | None) -> list[str]:
    """What a map of these data can be coloured by: not what nobody knows."""
    known = {BY_SET: sets is not None and bool(sets.members), BY_CELLS: screen.cells is not None}
    every = (BY_SET, BY_EFFECT, BY_ACCURACY, BY_CELLS, BY_SIMILARITY)
    return [colour for colour in every if known.get(colour, True)]


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


def gene_address(data: Dataset, line: str, gene: str) -> str:
    """The address of a gene's page, for tables."""
    return "gene?" + urlencode({"data": data.name, "line": line, "gene": gene})


def choose_here(gene: str) -> None:
    """Make a gene the page's chosen one."""
    st.session_state["gene"] = gene


def selection(perturbations: np.ndarray) -> list[str]:
    """The selected perturbations: this session's, at first those that the address has.

    A chart forgets what was selected in it whenever it is drawn with anything else than before.
    """
    if _KEY not in st.session_state:
        st.session_state[_KEY] = st.query_params.get(SELECTED, "").split(",")
    known = set(perturbations)
    return [name for name in st.session_state[_KEY] if name in known]


def select(names: Sequence[str]) -> None:
    """Make these the selected perturbations, in the address too where they are not too many."""
    st.session_state[_KEY] = list(names)
    if 0 < len(names) <= MOST_IN_ADDRESS:
        st.query_params[SELECTED] = ",".join(names)
    else:
        st.query_params.pop(SELECTED, None)


_KEY = "explorer-selected"
