"""All that visitors share: data sets, experiments, fitted models, summaries, maps.

What is kept is given out itself and not as a copy: nobody may change it.
"""

from collections import OrderedDict
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import replace
from threading import Lock
from typing import Any, Literal, ParamSpec, TypeVar
from weakref import WeakKeyDictionary, WeakValueDictionary

import numpy as np
import pandas as pd
import streamlit as st

from llmpert.datasets import SIMULATED, Dataset, DatasetStore, Summary, store_of
from llmpert.embeddings import Embedding
from llmpert.errors import InputError
from llmpert.evaluation.ceiling import of_experiment
from llmpert.evaluation.experiment import Experiment, FittedModel
from llmpert.evaluation.grid import Fit, grid, run
from llmpert.evaluation.results import COLUMNS, Results, summarise
from llmpert.evaluation.scores import SPREAD, paper, registry
from llmpert.evaluation.splits import learning_curve_sizes
from llmpert.evaluation.store import ResultsStore
from llmpert.genes.sets import GeneSets
from llmpert.insight import head_to_head, maps, similarity
from llmpert.io.paths import shipped
from llmpert.methods.predictions import ExternalPredictions, by_size, scores
from llmpert.methods.published import ROWS
from llmpert.models.registry import MODELS
from llmpert.screens import Screen
from llmpert.ui.common.waiting import cancel_button, turn
from llmpert.ui.streamlit_internals import transient

P = ParamSpec("P")
R = TypeVar("R")

REPEATS = 3
METRICS = paper()
DATA_SETS = 4
"""So many are held at once: real ones take hundreds of megabytes."""
ENTRIES, BYTES = 32, 1_000_000_000
"""Of what is read of visitors' files, so much is held at once: five of the largest."""
GENES = 256
"""What pages show of so many genes is held at once, some 0.2 MB each."""
PACKS = (
    "simulated_results.parquet", "simulated_scores.parquet", "simulated_outcomes.parquet",
)  # fmt: skip
"""What comes with llmpert of the simulated data (`data/build_shipped_results.py`)."""
RESPONSES, KEPT = "measured responses", "kept responses"
"""What a map can be of, besides the embeddings: of a screen, and of a trained model."""


def cached(
    max_entries: int, spinner: str | Literal[False] = False
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Return a decorator that keeps what a function returns, for all visitors.

    Entries differ by the values of the arguments, except those whose names begin with "_";
    a data set counts by its content, a selection by what it holds. The entry that was used longest
    ago makes room for a new one.
    """
    return st.cache_resource(
        max_entries=max_entries,
        show_spinner=spinner,
        hash_funcs={
            Dataset: lambda data: data.fingerprint,
            # By its name, as its module imports this one.
            "llmpert.ui.common.selection.Selection": lambda of: tuple(vars(of).values()),
        },
    )


# Data sets


def load(name: str) -> Dataset:
    """Return a data set by name, loaded once for all visitors and again when its files change."""
    return _load(name, store_of(name).fingerprint(name))


@cached(DATA_SETS, "Loading the data …")
def _load(name: str, fingerprint: str) -> Dataset:
    try:
        return store_of(name).load(name)
    except InputError as problem:
        _UNLOADABLE[fingerprint] = str(problem)
        raise


_UNLOADABLE: dict[str, str] = {}
"""What was wrong with data sets whose damage only loading showed, by fingerprint."""


def holdings(name: str) -> Summary:
    """Return what a data set holds, and why it cannot be used."""
    fingerprint = store_of(name).fingerprint(name)
    found, problem = _holdings(name, fingerprint), _UNLOADABLE.get(fingerprint)
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


class Latest:
    """Values by key: those used last, so many `entries`, of at most `BYTES` together.

    For what Streamlit's cache cannot do: bound bytes, and forget the progress that was shown as a
    value was made. It would show that again, a step a fit, whenever it gives the value.
    """

    def __init__(self, entries: int = ENTRIES) -> None:
        self._entries = entries
        self._values: OrderedDict[Hashable, Any] = OrderedDict()
        self._turns: WeakValueDictionary[Hashable, Any] = WeakValueDictionary()
        self._lock = Lock()

    def get(self, key: Hashable, make: Callable[[], R]) -> R:
        """Return a value itself, made now where it is not held; who wants the same waits for it."""
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
        return len(held) > self._entries or sum(map(_bytes, held)) > BYTES


def _bytes(value: Any) -> int:
    arrays = (*value.layers.values(), value.response) if isinstance(value, Screen) else ()
    arrays = (value.vectors,) if isinstance(value, Embedding) else arrays
    return sum(array.nbytes for array in arrays)


@cached(3)
def latest(of: Literal["files", "summaries", "genes"]) -> Latest:
    """Return what was read of visitors' files, summarised results, or what was made of genes."""
    return Latest(GENES if of == "genes" else ENTRIES)


@cached(64)
def once(_make: Callable[[], R], *key: Hashable) -> R:
    """Return the cached result of a function under a key."""
    return _make()


@cached(64)
def collections(data: Dataset, line: str, of: Literal["perturbations", "genes"]) -> list[str]:
    """Return the collections of gene sets for a screen's perturbations or measured genes."""
    return data.collections(data.names(line, of))


@cached(16, "Looking up gene sets …")
def gene_sets(
    data: Dataset, line: str, of: Literal["perturbations", "genes"], collection: str
) -> GeneSets:
    """Return a collection among a screen's perturbations or measured genes, as it spells them."""
    return data.collection(collection).within(data.names(line, of))


# Experiments and what they fit


def experiment(data: Dataset, line: str, embedding: str) -> Experiment:
    """Return the experiment of one line and embedding; it lives as long as its data set does."""
    with _LOCK:
        known = _EXPERIMENTS.setdefault(data, {})
        if (line, embedding) not in known:
            packs = [shipped() / name for name in PACKS] if data.name == SIMULATED else []
            folder = store_of(data.name).computed(data.name) / "results"
            # All of a data set share one, which reads the pack once.
            store = next((e.store for e in known.values()), ResultsStore(folder, *packs))
            problem = data.problem(line, embedding)
            known[line, embedding] = Experiment(problem, store=store, turn=turn)
        return known[line, embedding]


_EXPERIMENTS: WeakKeyDictionary[Dataset, dict[tuple[str, str], Experiment]] = WeakKeyDictionary()
_LOCK = Lock()


def scoring_experiment(data: Dataset, line: str) -> Experiment:
    """Return the experiment that scores predictions made elsewhere.

    All embeddings of a data set share perturbations, folds and scored genes: one finds these once.
    """
    return experiment(data, line, data.embedding_choices[-1])


def training_sizes(data: Dataset) -> list[int]:
    """Return the sizes of learning curves on a data set, ascending."""
    if data.results:
        return data.results.sizes
    first = experiment(data, next(iter(data.screens)), data.embedding_choices[0])
    return learning_curve_sizes(first.largest_training_size)


def scored(data: Dataset) -> tuple[list[str], list[str]]:
    """Return the models and methods, and the embeddings, of which a data set can have scores."""
    if data.results:
        return data.results.models, data.results.embeddings
    elsewhere = dict.fromkeys(one.method for every in data.external.values() for one in every)
    return [*MODELS, *elsewhere], data.embedding_choices


@cached(8, "Fitting to all perturbations …")
def full_model(data: Dataset, line: str, embedding: str, model: str) -> FittedModel:
    """Return a model fitted to every perturbation of a line, for genes outside the screen."""
    return experiment(data, line, embedding).fit_all(model)


# Results


def training_sets(data: Dataset, lines: Sequence[str], size: int | None) -> list[tuple[int, int]]:
    """Return training sizes of summaries, and how many random training sets there are of each.

    At the largest size every repeat would be the same training set, give or take one.
    """
    source = data.embedding_choices[0]
    largest = min(experiment(data, line, source).largest_training_size for line in lines)
    asked = training_sizes(data) if size is None else [size]
    return [(min(one, largest), REPEATS if one < largest else 1) for one in asked]


def external(data: Dataset, line: str, size: int) -> dict[str, ExternalPredictions]:
    """Return methods that were run elsewhere with a training size of the pages -> predictions."""
    found = by_size(data.external.get(line, ()), training_sizes(data))
    return {method: one for (method, of), one in found.items() if of == size}


@cached(16, "Scoring imported predictions …")
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


def elsewhere_results(data: Dataset, line: str, size: int) -> pd.DataFrame:
    """Return scores of methods that were run elsewhere with a training size, and published ones.

    Columns are `ROWS`.
    """
    scored = external_results(data, line)
    scored = scored.loc[scored["train_size"] == size, list(ROWS)]
    parts = [part for part in (scored, published_results(data, line)) if len(part)]
    return pd.concat(parts, ignore_index=True) if parts else scored


def summary(
    data: Dataset, lines: Sequence[str], models: Sequence[str], size: int | None
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return summarised results on all embeddings of a data set, and what they are about.

    Those of methods that were run elsewhere are among them. Fits that were never made are made now,
    under a progress bar; each is kept at once, so leaving the page loses at most the one in hand.
    A data set that carries its results has these, on whatever embeddings, and nothing is fitted.

    Args:
        size: The training size; None for those of the pages, and whatever else methods that were
            run elsewhere were trained on.
    """

    if data.results:
        sizes = training_sizes(data) if size is None else [size]
        return data.results.select(lines, models, sizes), data.results.about

    def make() -> tuple[pd.DataFrame, dict[str, Any]]:
        experiments = [
            experiment(data, line, source) for line in lines for source in data.embedding_choices
        ]
        fits = []
        if models:
            for asked, repeats in training_sets(data, lines, size):
                fits += grid(experiments, models, [asked], repeats)
        results = run_fits(fits)
        elsewhere = [external_results(data, line) for line in lines]
        if size is not None:
            elsewhere = [rows[rows["train_size"] == size] for rows in elsewhere]
        parts = [summarise(rows) for rows in (results.table, *elsewhere) if len(rows)]
        return pd.concat(parts, ignore_index=True), results.about

    return latest("summaries").get((data.fingerprint, tuple(lines), tuple(models), size), make)


def every_score(data: Dataset, line: str, embedding: str, size: int) -> Results | None:
    """Return all scores of all models on an embedding, by perturbation, and of other methods.

    Fits are made as in `summary`. None where the data set carries its results: these have means.
    """
    if data.results:
        return None
    fits = grid([experiment(data, line, embedding)], list(MODELS), [size])
    found = run_fits(fits, None)
    others = external_results(data, line)
    parts = [found.table, others[others["train_size"] == size]]
    table = pd.concat([part for part in parts if len(part)], ignore_index=True)
    return Results(table, found.about)


@cached(8, "Finding how high noise lets scores rise …")
def ceiling(data: Dataset, line: str) -> tuple[pd.DataFrame | None, str]:
    """Return `ceiling.of_experiment` of a line, without scores of distributions."""
    wanted = {name: one for name, one in registry().items() if one.group != SPREAD}
    return of_experiment(scoring_experiment(data, line), wanted)


def run_fits(fits: Sequence[Fit], metrics: Collection[str] | None = tuple(METRICS)) -> Results:
    """Return the results of fits, under a progress bar while those are made that never were."""
    if not fits:
        return Results(pd.DataFrame(columns=list(COLUMNS)))
    shown = False

    def progress(done: int, total: int, label: str) -> None:
        nonlocal shown
        bar.progress(done / total, text=f"Fit {min(done + 1, total)} of {total} · {label}")
        if done < total and not shown:
            shown = True
            with button:
                cancel_button()

    with transient() as place:
        with place.container():
            bar, button = st.progress(0.0, text="Looking up finished fits …"), st.empty()
        return run(fits, progress, metrics=metrics)


# What pages compare


@cached(64, "Testing gene sets …")
def sets_won(
    data: Dataset, line: str, collection: str, table: pd.DataFrame, metric: str
) -> pd.DataFrame:
    """Return who wins which gene sets in a table of `pairs`; empty where none can be tested."""
    sets = gene_sets(data, line, "perturbations", collection)
    return head_to_head.sets_won(table, sets.members, METRICS[metric])


@cached(4)
def places(data: Dataset, line: str) -> dict[str, np.ndarray]:
    """Return what maps place a line's perturbations by: each embedding, then their responses."""
    if line in data.trained:
        model = data.trained[line]
        vectors = model.fitted.known.find_all(model.fitted.trained_on)
        return {**vectors, KEPT: model.responses().response}
    problem = scoring_experiment(data, line).problem
    return {**problem.vectors, RESPONSES: problem.screen.response}


@cached(64, "Drawing the map: the first time takes up to a minute …")
def map_of(data: Dataset, line: str, of: str, method: str) -> maps.Map:
    """Return the map of one of the `places`; the data folder keeps it too."""
    folder = store_of(data.name).computed(data.name) / "maps"
    return maps.read_or_make(method, places(data, line)[of], folder)


@cached(4, "Comparing all pairs of knockdowns …")
def pairs(data: Dataset, line: str) -> similarity.Pairs:
    """Return the similarities of all pairs of a line's perturbations."""
    problem = scoring_experiment(data, line).problem
    return similarity.all_pairs(problem.screen.response, problem.vectors)


@cached(16, "Comparing all pairs of knockdowns …")
def closeness(data: Dataset, line: str) -> Mapping[str, tuple[pd.DataFrame, float]]:
    """Return each embedding's answer to whether closeness in it means closeness of responses."""
    of_line = pairs(data, line)
    return {
        source: similarity.closeness(x, of_line.response) for source, x in of_line.sources.items()
    }
