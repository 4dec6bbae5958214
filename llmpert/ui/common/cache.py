"""What all visitors share: loaded data sets, experiments, finished summaries, fitted models."""

from collections import OrderedDict
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from threading import Lock
from typing import Any

import pandas as pd
import streamlit as st

from llmpert import datasets
from llmpert.datasets import SIMULATED, Dataset
from llmpert.evaluation.experiment import Experiment, FittedModel
from llmpert.evaluation.grid import Fit, grid, run
from llmpert.evaluation.metrics import registry
from llmpert.evaluation.results import COLUMNS, Results, summarise
from llmpert.evaluation.splits import nearest_size
from llmpert.evaluation.store import ResultsStore
from llmpert.io.paths import shipped
from llmpert.methods.predictions import ExternalPredictions
from llmpert.methods.published import ROWS
from llmpert.methods.scores import by_size, scores

PAPER_SIZES = (100, 200, 400, 800, 1400)
REPEATS = 3
METRICS = registry()


def load(name: str) -> Dataset:
    """A data set by name, loaded once for all visitors and again when its files change."""
    return _load(name, datasets.stamp(name))


@st.cache_resource(max_entries=4, show_spinner="Loading the data …")
def _load(name: str, stamp: float) -> Dataset:
    return datasets.load(name)


def identity(data: Dataset) -> tuple[str, float]:
    """What tells a data set from all others and from itself with other files."""
    return data.name, datasets.stamp(data.name)


def experiment(name: str, line: str, embedding: str) -> Experiment:
    """The experiment of one line and embedding, shared by all visitors."""
    return _experiment(name, datasets.stamp(name), line, embedding)


@st.cache_resource(max_entries=64, show_spinner=False)
def _experiment(name: str, stamp: float, line: str, embedding: str) -> Experiment:
    pack = shipped() / "simulated_results.parquet" if name == SIMULATED else None
    problem = load(name).problem(line, embedding)
    return Experiment(problem, store=_store(pack), turn=_turn())


@st.cache_resource(show_spinner=False)
def _turn() -> AbstractContextManager[bool]:
    """Held by the one fit that runs: those of other visitors wait for the cores."""
    return Lock()


@st.cache_resource(show_spinner=False)
def _store(pack: Any) -> ResultsStore:
    return ResultsStore(pack=pack)


@st.cache_resource(max_entries=8, show_spinner="Fitting to all perturbations …")
def fitted(name: str, stamp: float, line: str, embedding: str, model: str) -> FittedModel:
    """A model fitted to every perturbation of a line, for genes outside the screen."""
    return _experiment(name, stamp, line, embedding).fit_all(model)


def training_sizes(data: Dataset) -> list[int]:
    """The paper's training sizes as far as the data go, and the largest one where they end early.

    A largest size that counts as the one before it would add a point but no information.
    """
    first = experiment(data.name, next(iter(data.screens)), data.embedding_choices[0])
    largest = first.largest_training_size
    sizes = [size for size in PAPER_SIZES if size <= largest]
    return sizes if nearest_size(largest, sizes) in sizes else [*sizes, largest]


def judge(data: Dataset, line: str) -> Experiment:
    """The experiment that scores what was predicted elsewhere.

    All embeddings of a data set share perturbations, folds and scored genes: one finds these once.
    """
    return experiment(data.name, line, data.embedding_choices[-1])


def external(data: Dataset, line: str, size: int) -> dict[str, ExternalPredictions]:
    """Methods that were run elsewhere with a training size of the pages -> their predictions."""
    found = by_size(data.external.get(line, ()), training_sizes(data))
    return {method: one for (method, of), one in found.items() if of == size}


def external_results(data: Dataset, line: str) -> pd.DataFrame:
    """Scores of all methods that were run elsewhere on a line: the columns `COLUMNS`.

    Training sizes are those of the pages where they count as one of these.
    """
    return _external_results(data.name, datasets.stamp(data.name), line)


@st.cache_resource(max_entries=16, show_spinner="Scoring predictions made elsewhere …")
def _external_results(name: str, stamp: float, line: str) -> pd.DataFrame:
    data = load(name)
    found = by_size(data.external.get(line, ()), training_sizes(data))
    parts = [scores(one, judge(data, line), size) for (_, size), one in found.items()]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(COLUMNS))


@dataclass
class _Finished:
    """Summaries that are complete, the latest ones only."""

    kept: "OrderedDict[tuple[Any, ...], tuple[pd.DataFrame, dict[str, Any]]]"
    lock: Lock


@st.cache_resource(show_spinner=False)
def _finished() -> _Finished:
    return _Finished(OrderedDict(), Lock())


def published_results(data: Dataset, line: str) -> pd.DataFrame:
    """Published results on the perturbations of a line's screen: the columns `ROWS`."""
    return _published_results(data.name, datasets.stamp(data.name), line)


@st.cache_resource(max_entries=16, show_spinner="Finding the genes of published results …")
def _published_results(name: str, stamp: float, line: str) -> pd.DataFrame:
    data = load(name)
    if line not in data.published:
        return pd.DataFrame(columns=list(ROWS))
    return data.published[line].within(data.screens[line].perturbations).results()


def published_means(data: Dataset, line: str) -> pd.DataFrame | None:
    """Published results averaged over a line's perturbations: columns model, metric, value."""
    rows = published_results(data, line)
    if rows.empty:
        return None
    return rows.groupby(["model", "metric"], as_index=False, sort=False).agg({"value": "mean"})


def summary(
    data: Dataset, lines: list[str], models: list[str], sizes: list[int] | None = None
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Summarised results on all embeddings of a data set, and what they are about.

    Those of methods that were run elsewhere are among them.

    Parameters
    ----------
    sizes:
        Training sizes; by default those of the pages, and whatever else methods that were run
        elsewhere were trained on.

    Fits that were never made are made now, under a progress bar; each is kept at once, so leaving
    the page loses at most the one in hand.
    """
    key = (data.name, datasets.stamp(data.name), *lines, *models, *(sizes or ()))
    finished = _finished()
    with finished.lock:
        known = finished.kept.get(key)
    if known is not None:
        return known
    experiments = [
        experiment(data.name, line, embedding)
        for line in lines
        for embedding in data.embedding_choices
    ]
    # At the largest size every repeat would be the same training set, give or take one.
    largest = min(e.largest_training_size for e in experiments)
    asked = training_sizes(data) if sizes is None else sizes
    below = [size for size in asked if size < largest]
    fits = grid(experiments, models, below, REPEATS) if models and below else []
    if models and len(below) < len(asked):
        fits += grid(experiments, models, [largest], 1)
    results = made(fits)
    elsewhere = [external_results(data, line) for line in lines]
    if sizes is not None:
        elsewhere = [rows[rows["train_size"].isin(sizes)] for rows in elsewhere]
    parts = [summarise(rows) for rows in (results.table, *elsewhere) if len(rows)]
    entry = (pd.concat(parts, ignore_index=True), results.about)
    with finished.lock:
        finished.kept[key] = entry
        while len(finished.kept) > 32:
            finished.kept.popitem(last=False)
    return entry


def made(fits: Sequence[Fit]) -> Results:
    """Results of fits, under a progress bar while those are made that never were."""
    if not fits:
        return Results(pd.DataFrame(columns=list(COLUMNS)))
    bar = st.progress(0.0, text="Looking up finished fits …")

    def progress(done: int, total: int, label: str) -> None:
        bar.progress(done / total, text=f"Fit {min(done + 1, total)} of {total} · {label}")

    results = run(fits, progress)
    bar.empty()
    return results
