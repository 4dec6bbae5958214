"""All that visitors share: data sets, experiments, fitted models, summaries, maps.

What is kept is given out itself and not as a copy: nobody may change it.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import Any, Literal, ParamSpec, TypeVar
from weakref import WeakKeyDictionary, WeakValueDictionary

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from llmpert.datasets import SIMULATED, Dataset, DatasetStore, Parts, Summary, report, store_of
from llmpert.datasets.builtin import example_files
from llmpert.datasets.report import Coverage
from llmpert.embeddings import Embedding
from llmpert.errors import InputError
from llmpert.evaluation.experiment import Experiment, FittedModel
from llmpert.evaluation.grid import Fit, grid, run
from llmpert.evaluation.metrics import registry
from llmpert.evaluation.prediction import Prediction
from llmpert.evaluation.results import COLUMNS, Results, summarise
from llmpert.evaluation.splits import learning_curve_sizes
from llmpert.evaluation.store import ResultsStore
from llmpert.genes.sets import GeneSets
from llmpert.insight import compare, head_to_head, maps, similarity
from llmpert.insight.reliability import ReliabilityReference
from llmpert.io.paths import shipped
from llmpert.methods.predictions import ExternalPredictions
from llmpert.methods.published import ROWS
from llmpert.methods.scores import by_size, scores
from llmpert.screens import Screen

P = ParamSpec("P")
R = TypeVar("R")

REPEATS = 3
METRICS = registry()
DATA_SETS = 4
"""So many are held at once: real ones take hundreds of megabytes."""
ENTRIES, BYTES = 32, 1_000_000_000
"""Of what is read of visitors' files, so much is held at once: five of the largest."""
RESPONSES = "measured responses"
"""What a map can be of, besides the embeddings."""


def cached(
    max_entries: int, spinner: str | Literal[False] = False
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Return a decorator that keeps what a function returns, for all visitors.

    Entries are told apart by the values of the arguments, but for those whose names begin with "_";
    a data set counts by its content. The entry that was used longest ago makes room for a new one.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        return st.cache_resource(
            max_entries=max_entries,
            show_spinner=spinner,
            hash_funcs={Dataset: lambda data: data.fingerprint},
        )(function)

    return decorate


# Data sets


def load(name: str) -> Dataset:
    """Return a data set by name, loaded once for all visitors and again when its files change."""
    return _load(name, store_of(name).fingerprint(name))


@cached(DATA_SETS, "Loading the data …")
def _load(name: str, fingerprint: str) -> Dataset:
    try:
        return store_of(name).load(name)
    except InputError as problem:
        _unloadable()[fingerprint] = str(problem)
        raise


@cached(1)
def _unloadable() -> dict[str, str]:
    """Return what was wrong with data sets whose damage only loading showed, by fingerprint."""
    return {}


def holdings(name: str) -> Summary:
    """Return what a data set holds, and why it cannot be used."""
    fingerprint = store_of(name).fingerprint(name)
    found, problem = _holdings(name, fingerprint), _unloadable().get(fingerprint)
    return replace(found, problems=(problem,)) if problem and not found.problems else found


@cached(256)
def _holdings(name: str, fingerprint: str) -> Summary:
    return Summary.read(store_of(name), name)


def usable(names: Sequence[str], asked: str = "") -> list[str]:
    """Return those of these data sets that pages can show, as far as is known.

    The one that is asked for is among them only if it loads, and the first does, if none is.
    """
    while True:
        found = [name for name in names if not holdings(name).problems]
        try:
            load(asked if asked in found else found[0])
        except InputError:  # from now on it is known to have a problem
            continue
        return found


def first_choice() -> str:
    """Return the data set that pages show at first."""
    return usable(DatasetStore().names())[0]


class _Latest:
    """Values by key: those used last, at most `ENTRIES`, of at most `BYTES` together.

    For what Streamlit's cache cannot do: bound bytes, and forget the progress that was shown as a
    value was made. It would show that again, a step a fit, whenever it gives the value.
    """

    def __init__(self) -> None:
        self._values: OrderedDict[Hashable, Any] = OrderedDict()
        self._turns: WeakValueDictionary[Hashable, Any] = WeakValueDictionary()
        self._lock = Lock()

    def get(self, key: Hashable, make: Callable[[], R]) -> R:
        """Return a value, made now where it is not held; who wants the same waits for it."""
        with self._lock:
            turn = self._turns.setdefault(key, Lock())
        with turn:
            with self._lock:
                value = self._values.pop(key, None)
            value = make() if value is None else value
            with self._lock:
                self._values[key] = value
                while len(self._values) > 1 and self._is_full():
                    self._values.popitem(last=False)
        return value

    def _is_full(self) -> bool:
        held = self._values.values()
        return len(held) > ENTRIES or sum(map(_bytes, held)) > BYTES


def _bytes(value: Any) -> int:
    arrays = (*value.layers.values(), value.response) if isinstance(value, Screen) else ()
    arrays = (value.vectors,) if isinstance(value, Embedding) else arrays
    return sum(array.nbytes for array in arrays)


@cached(1)
def _files() -> _Latest:
    return _Latest()


@cached(1)
def _summaries() -> _Latest:
    return _Latest()


def read_once(key: Hashable, read: Callable[[], R]) -> R:
    """Return what a file holds, read once for all visitors; no copy of it.

    Args:
        key: Tells its content, and how it is read, from all others.
    """
    return _files().get(key, read)


@cached(256)
def digest(identity: str, _content: memoryview) -> str:
    """Return what tells the content of an upload from all others."""
    return sha256(_content).hexdigest()


@cached(16)
def coverage(key: Hashable, _parts: Parts) -> list[Coverage]:
    """Return how many perturbations of screens find a vector in embeddings.

    Args:
        key: Tells the parts from all others.
    """
    return report.coverage(_parts.screens, _parts.embeddings)


@cached(1)
def examples() -> dict[str, bytes]:
    """Return small files to try and to see the formats: name -> content."""
    return example_files(load(SIMULATED))


@cached(16, "Looking up gene sets …")
def gene_sets(data: Dataset, line: str, of: Literal["perturbations", "genes"]) -> GeneSets | None:
    """Return the gene sets among a screen's perturbations or measured genes, as it spells them.

    None where the data set has no gene sets.
    """
    screen = data.screens[line]
    return None if data.gene_sets is None else data.gene_sets.within(getattr(screen, of))


# Experiments and what they fit


def experiment(data: Dataset, line: str, embedding: str) -> Experiment:
    """Return the experiment of one line and embedding; it lives as long as its data set does."""
    known, lock = _experiments()
    with lock:
        of_data = known.setdefault(data, {})
        if (line, embedding) not in of_data:
            pack = shipped() / "simulated_results.parquet" if data.name == SIMULATED else None
            problem = data.problem(line, embedding)
            store = _store(store_of(data.name).computed(data.name) / "results", pack)
            of_data[line, embedding] = Experiment(problem, store=store, turn=_turn())
        return of_data[line, embedding]


@cached(1)
def _experiments() -> tuple[WeakKeyDictionary[Dataset, dict[tuple[str, str], Experiment]], Lock]:
    return WeakKeyDictionary(), Lock()


@cached(1)
def _turn() -> AbstractContextManager[bool]:
    """Return what is held by the one fit that runs: those of other visitors wait for the cores."""
    return Lock()


@cached(DATA_SETS)
def _store(folder: Path, pack: Path | None) -> ResultsStore:
    return ResultsStore(folder, pack)


def scoring_experiment(data: Dataset, line: str) -> Experiment:
    """Return the experiment that scores predictions made elsewhere.

    All embeddings of a data set share perturbations, folds and scored genes: one finds these once.
    """
    return experiment(data, line, data.embedding_choices[-1])


def training_sizes(data: Dataset) -> list[int]:
    """Return the sizes of learning curves on a data set, ascending."""
    first = experiment(data, next(iter(data.screens)), data.embedding_choices[0])
    return learning_curve_sizes(first.largest_training_size)


# One of the simulated screens takes about 100 MB.
@cached(8)
def fold_model(
    data: Dataset, line: str, embedding: str, model: str, size: int, fold: int
) -> FittedModel:
    """Return a model that does not train on one fold; fitting takes seconds."""
    return experiment(data, line, embedding).fit_fold(model, size, fold)


@cached(8, "Fitting to all perturbations …")
def full_model(data: Dataset, line: str, embedding: str, model: str) -> FittedModel:
    """Return a model fitted to every perturbation of a line, for genes outside the screen."""
    return experiment(data, line, embedding).fit_all(model)


@cached(8, "Looking at held-out knockdowns …")
def reliability(
    data: Dataset, line: str, embedding: str, model: str, size: int, fold: int
) -> ReliabilityReference:
    """Return what the knockdowns of a fold teach about trusting a model that did not see them."""
    of = experiment(data, line, embedding)
    tested = of.problem.screen.perturbations[of.tested(fold)]
    fitted = fold_model(data, line, embedding, model, size, fold)
    return ReliabilityReference.of(fitted, list(tested))


@cached(4, "Predicting every knockdown from the others …")
def held_out(
    data: Dataset, line: str, embedding: str, model: str, size: int
) -> Sequence[Prediction]:
    """Return a model's predictions of all perturbations, by folds that do not train on them."""
    of = experiment(data, line, embedding)
    return [of.fold_prediction(model, size, fold) for fold in range(of.settings.folds)]


# All genes of a real embedding take hundreds of megabytes: only the latest is kept.
@cached(1, "Predicting genes that were not knocked down …")
def unseen(data: Dataset, line: str, embedding: str, model: str) -> Prediction | None:
    """Return a model's predictions of every gene that was not knocked down; None if all were."""
    genes = experiment(data, line, embedding).problem.unseen()
    return full_model(data, line, embedding, model).predict(genes) if genes else None


# Results


def external(data: Dataset, line: str, size: int) -> dict[str, ExternalPredictions]:
    """Return methods that were run elsewhere with a training size of the pages -> predictions."""
    found = by_size(data.external.get(line, ()), training_sizes(data))
    return {method: one for (method, of), one in found.items() if of == size}


@cached(16, "Scoring predictions made elsewhere …")
def external_results(data: Dataset, line: str) -> pd.DataFrame:
    """Return the scores of all methods that were run elsewhere on a line: the columns `COLUMNS`.

    Training sizes are those of the pages where they count as one of these.
    """
    found = by_size(data.external.get(line, ()), training_sizes(data))
    judge = scoring_experiment(data, line)
    parts = [scores(one, judge, size) for (_, size), one in found.items()]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(COLUMNS))


@cached(16, "Finding the genes of published results …")
def published_results(data: Dataset, line: str) -> pd.DataFrame:
    """Return published results on the perturbations of a line's screen: the columns `ROWS`."""
    if line not in data.published:
        return pd.DataFrame(columns=list(ROWS))
    return data.published[line].within(data.screens[line].perturbations).results()


def published_means(data: Dataset, line: str) -> pd.DataFrame | None:
    """Return published results averaged over a line's perturbations: model, metric, value."""
    rows = published_results(data, line)
    if rows.empty:
        return None
    return rows.groupby(["model", "metric"], as_index=False, sort=False).agg({"value": "mean"})


def summary(
    data: Dataset, lines: Sequence[str], models: Sequence[str], size: int | None
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return summarised results on all embeddings of a data set, and what they are about.

    Those of methods that were run elsewhere are among them. Fits that were never made are made now,
    under a progress bar; each is kept at once, so leaving the page loses at most the one in hand.

    Args:
        size: The training size; None for those of the pages, and whatever else methods that were
            run elsewhere were trained on.
    """
    key = (data.fingerprint, tuple(lines), tuple(models), size)
    return _summaries().get(key, lambda: _summary(data, lines, models, size))


def _summary(
    data: Dataset, lines: Sequence[str], models: Sequence[str], size: int | None
) -> tuple[pd.DataFrame, dict[str, Any]]:
    experiments = [
        experiment(data, line, embedding) for line in lines for embedding in data.embedding_choices
    ]
    # At the largest size every repeat would be the same training set, give or take one.
    largest = min(e.largest_training_size for e in experiments)
    asked = training_sizes(data) if size is None else [size]
    below = [size for size in asked if size < largest]
    fits = grid(experiments, models, below, REPEATS) if models and below else []
    if models and len(below) < len(asked):
        fits += grid(experiments, models, [largest], 1)
    results = run_fits(fits)
    elsewhere = [external_results(data, line) for line in lines]
    if size is not None:
        elsewhere = [rows[rows["train_size"] == size] for rows in elsewhere]
    parts = [summarise(rows) for rows in (results.table, *elsewhere) if len(rows)]
    return pd.concat(parts, ignore_index=True), results.about


def run_fits(fits: Sequence[Fit]) -> Results:
    """Return the results of fits, under a progress bar while those are made that never were."""
    if not fits:
        return Results(pd.DataFrame(columns=list(COLUMNS)))
    bar = st.progress(0.0, text="Looking up finished fits …")

    def progress(done: int, total: int, label: str) -> None:
        bar.progress(done / total, text=f"Fit {min(done + 1, total)} of {total} · {label}")

    results = run(fits, progress)
    bar.empty()
    return results


@cached(64)
def drawn(_draw: Callable[[], go.Figure], data: Dataset, *depends_on: Hashable) -> go.Figure:
    """Return a figure that takes long to draw.

    Args:
        depends_on: All that the figure depends on besides the data set.
    """
    return _draw()


# What pages compare


@cached(64)
def most_alike(data: Dataset, line: str, embedding: str, perturbation: str) -> str:
    """Return the perturbation whose response is most like that of another one."""
    return compare.most_alike(experiment(data, line, embedding).problem.screen, perturbation)


@cached(16)
def effect_sizes(data: Dataset, line: str) -> pd.Series:
    """Return the effect size of every perturbation of a line."""
    return head_to_head.effect_size(data.screens[line])


@cached(64, "Testing gene sets …")
def sets_won(data: Dataset, line: str, table: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return who wins which gene sets in a table of `pairs`; empty where none can be tested."""
    sets = gene_sets(data, line, "perturbations")
    return head_to_head.sets_won(table, {} if sets is None else sets.members, METRICS[metric])


@cached(64, "Drawing the map: the first time takes up to a minute …")
def map_of(data: Dataset, line: str, of: str, method: str) -> maps.Map:
    """Return the map of an embedding or of the `RESPONSES`; the data folder keeps it too."""
    problem = scoring_experiment(data, line).problem
    vectors = problem.screen.response if of == RESPONSES else problem.vectors[of]
    return maps.read_or_make(method, vectors, store_of(data.name).computed(data.name) / "maps")


@cached(4, "Comparing all pairs of knockdowns …")
def pairs(data: Dataset, line: str) -> similarity.Pairs:
    """Return the similarities of all pairs of a line's perturbations."""
    problem = scoring_experiment(data, line).problem
    return similarity.all_pairs(problem.screen.response, problem.vectors)


@cached(16, "Comparing all pairs of knockdowns …")
def closeness(data: Dataset, line: str) -> Mapping[str, similarity.Closeness]:
    """Return each embedding's answer to whether closeness in it means closeness of responses."""
    of_line = pairs(data, line)
    return {
        source: similarity.closeness(x, of_line.response) for source, x in of_line.sources.items()
    }
