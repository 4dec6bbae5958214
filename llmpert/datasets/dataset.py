"""Data sets: screens, embeddings and what else belongs to them, built in or imported."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

from llmpert.datasets.folders import SIMULATED, folder, folders, is_visitors, remove, size_of
from llmpert.datasets.index import Index
from llmpert.datasets.index import add as keep
from llmpert.datasets.parts import EMBEDDINGS, EXTERNAL, GENE_SETS, PUBLISHED, SCREENS
from llmpert.embeddings import Embedding
from llmpert.errors import InputError
from llmpert.evaluation.experiment import Experiment
from llmpert.evaluation.problem import Problem
from llmpert.genes.sets import GeneSets, joined
from llmpert.io.paths import shipped
from llmpert.io.reading import preview
from llmpert.methods.predictions import ExternalPredictions
from llmpert.methods.published import Published
from llmpert.methods.scores import check, matched
from llmpert.screens import Screen, common_perturbations
from llmpert.simulation import BUILT_IN, simulate

__all__ = [
    "SIMULATED", "Dataset", "add", "exists", "folder", "load", "names", "parts", "record", "remove",
    "simulated_dataset", "size", "stamp", "with_added",
]  # fmt: skip

log = logging.getLogger(__name__)

GONE = (
    "These data were uploaded and are not here any more. Upload the files again on the page Data."
)


@dataclass(frozen=True, eq=False)
class Dataset:
    """Screens cut to their common perturbations, with the embeddings to predict them from.

    Attributes
    ----------
    name:
        As chosen on import; "simulated" for the built-in one.
    screens:
        Cell line -> screen; all have the same perturbations in the same order.
    embeddings:
        Source name -> embedding.
    gene_sets:
        Groups of genes to sum results up by, or None where there are none.
    published:
        Cell line -> results of methods that were run elsewhere, on perturbations as their source
        spells them; lines without any are not there.
    external:
        Cell line -> predictions of methods that were run elsewhere, under the screen's names, by
        method and training size; lines without any are not there.
    record:
        How its screens and embeddings were prepared (`llmpert.datasets.presets`), or None where
        that is not known.
    """

    name: str
    screens: Mapping[str, Screen]
    embeddings: Mapping[str, Embedding]
    gene_sets: GeneSets | None = None
    published: Mapping[str, Published] = field(default_factory=dict)
    external: Mapping[str, tuple[ExternalPredictions, ...]] = field(default_factory=dict)
    record: dict[str, Any] | None = None
    # Aligning resolves every name; it is done once a line, not once a choice of embedding.
    _aligned: dict[str, Problem] = field(default_factory=dict, init=False, repr=False)

    @property
    def simulated(self) -> bool:
        """Whether any part of it comes from a simulation."""
        screens, embeddings = self.screens.values(), self.embeddings.values()
        return any(s.simulated for s in screens) or any(e.simulated for e in embeddings)

    def matching(self, predictions: ExternalPredictions) -> ExternalPredictions:
        """These predictions as they are here: the same line, method and training size."""
        return next(
            mine
            for mine in self.external[predictions.line]
            if (mine.method, mine.train_size) == (predictions.method, predictions.train_size)
        )

    @property
    def embedding_choices(self) -> list[str]:
        """Each source by itself and, where there are several, all joined by "+"."""
        names = list(self.embeddings)
        return [*names, "+".join(names)] if len(names) > 1 else names

    def problem(self, line: str, embedding: str) -> Problem:
        """The problem of one line and one of `embedding_choices`.

        All choices are cut to the perturbations that have every embedding, so that results on
        different embeddings are about the same genes.

        Raises
        ------
        InputError
            There is no such line or embedding.
        """
        if line not in self.screens:
            raise InputError(f"Expected a cell line among {', '.join(self.screens)}, found {line}.")
        if line not in self._aligned:
            sources = list(self.embeddings.values())
            self._aligned[line] = Problem.align(self.screens[line], sources)
        return self._aligned[line].only(*embedding.split("+"))


def simulated_dataset() -> Dataset:
    """The built-in simulated pair of screens with its embeddings; gene sets are its modules.

    Predictions of other methods come along in `data/`: those made on these very screens, by the
    fingerprint under "screen" in what they are about. Others are left out: of an older recipe.
    """
    simulation = simulate()
    modules = GeneSets.of_genes("modules", "simulated", simulation.modules)
    screens = simulation.screens
    files = sorted(shipped().glob("simulated_external_*.h5ad"))
    external = [
        predictions
        for predictions in map(ExternalPredictions.read, files)
        if predictions.line in screens
        and predictions.about.get("screen") == screens[predictions.line].fingerprint
    ]
    return Dataset(
        SIMULATED, screens, simulation.embeddings, modules, external=_matched(external, screens)
    )


def names() -> list[str]:
    """All data sets for everybody: imported ones first, then the built-in one."""
    return [*(path.name for path in folders() if _has_screen(path)), SIMULATED]


def _has_screen(kept: Path) -> bool:
    try:
        return bool(Index.read(kept).files(SCREENS))
    except InputError:
        return True  # whoever loads it is told what is wrong


def exists(name: str) -> bool:
    """Whether there is a data set of this name: one of `names()`, or a visitor's own."""
    return name in names() or (is_visitors(name) and _has_screen(folder(name)))


def load(name: str) -> Dataset:
    """Load a data set by name.

    Raises
    ------
    InputError
        There is none of this name, or one of its files cannot be read.
    """
    start = perf_counter()
    if not exists(name):
        if is_visitors(name):
            raise InputError(GONE)
        raise InputError(f"Expected a data set among {', '.join(names())}, found {name!r}.")
    data = simulated_dataset() if name == SIMULATED else with_added(name, [], [])
    if not data.embeddings:
        raise InputError(f"Data set {name} in {folder(name)} has no embedding yet; import one.")
    what = {"lines": list(data.screens), "seconds": round(perf_counter() - start, 3)}
    log.info("data set loaded", extra=what)
    return data


def with_added(
    name: str,
    screens: Sequence[Screen],
    embeddings: Sequence[Embedding],
    gene_sets: Sequence[GeneSets] = (),
    published: Sequence[Published] = (),
    external: Sequence[ExternalPredictions] = (),
    allow_missing: bool = False,
) -> Dataset:
    """The data set as `add` would leave it; nothing is written.

    Parameters
    ----------
    allow_missing:
        Whether added predictions may leave out some of the perturbations that models are tested on.

    Raises
    ------
    InputError
        The name cannot be used, a kept file cannot be read, the screens have no perturbation in
        common, two collections have a gene set of the same name, added published results are of
        no screen's line or share no perturbation with it, or predictions do not fit the screens
        (`llmpert.methods.scores`): added ones, or kept ones any more.
    """
    parts = (screens, embeddings, gene_sets, published, external)
    while True:
        kept = Index.read(folder(name))
        try:
            return _with_added(kept, *parts, allow_missing=allow_missing)
        except InputError:
            # A file may have been replaced between the index and its turn.
            if Index.read(kept.folder) == kept:
                raise


def _with_added(
    kept: Index,
    screens: Sequence[Screen],
    embeddings: Sequence[Embedding],
    gene_sets: Sequence[GeneSets],
    published: Sequence[Published],
    external: Sequence[ExternalPredictions],
    *,
    allow_missing: bool,
) -> Dataset:
    by_line = SCREENS.all(kept.files(SCREENS), screens)
    sources = EMBEDDINGS.all(kept.files(EMBEDDINGS), embeddings)
    collections = GENE_SETS.all(kept.files(GENE_SETS), gene_sets)
    others = PUBLISHED.all(kept.files(PUBLISHED), published)
    predictions = list(EXTERNAL.all(kept.files(EXTERNAL), external).values())
    if len(by_line) > 1:
        in_order = [by_line[line] for line in sorted(by_line)]
        by_line = {screen.line: screen for screen in common_perturbations(*in_order)}
    for results in published:
        _check_shared(results, by_line)
    # "text" leads where it is there: the source that predicts best by itself is shown first.
    order = sorted(sources, key=lambda source: (source != "text", source))
    data = Dataset(
        kept.folder.name,
        by_line,
        {source: sources[source] for source in order},
        joined([collections[c] for c in sorted(collections)]) if collections else None,
        others,
        _matched(predictions, by_line),
        None if screens or embeddings else kept.record,
    )
    for one in predictions:
        added = one in external
        # A screen and embeddings decide what is tested and scored: what is kept has to fit them.
        if added or screens or embeddings:
            _check_scored(data, one, allow_missing or not added)
    return data


def _matched(
    external: Iterable[ExternalPredictions], screens: Mapping[str, Screen]
) -> dict[str, tuple[ExternalPredictions, ...]]:
    """Predictions under their screens' names by cell line, then by method and size."""
    found: dict[str, tuple[ExternalPredictions, ...]] = {}
    for predictions in sorted(external, key=lambda p: (p.line, p.method, p.train_size)):
        screen = _screen_of(predictions.line, "predictions", predictions.source, screens)
        found[screen.line] = (*found.get(screen.line, ()), matched(predictions, screen))
    return found


def _check_scored(data: Dataset, predictions: ExternalPredictions, allow_missing: bool) -> None:
    """Predictions are of what models are tested and scored on, or it is told."""
    if not data.embeddings:
        raise InputError.of_file(
            predictions.source,
            "a data set with an embedding, which decides on the perturbations tested",
            f"{data.name} without",
        )
    experiment = Experiment(data.problem(predictions.line, data.embedding_choices[-1]))
    check(data.matching(predictions), experiment, allow_missing)


def _screen_of(line: str, what: str, source: str, screens: Mapping[str, Screen]) -> Screen:
    if line not in screens:
        expected = f"{what} of a cell line with a screen ({', '.join(screens) or 'there is none'})"
        raise InputError.of_file(source, expected, line)
    return screens[line]


def _check_shared(results: Published, screens: Mapping[str, Screen]) -> None:
    """Published results are about some perturbations of one of the screens, or it is told."""
    screen = _screen_of(results.line, "results", results.source, screens)
    if not results.within(screen.perturbations).perturbations:
        raise InputError.of_file(
            results.source,
            f"results of some perturbations of {screen.line} ({preview(screen.perturbations)})",
            f"only others ({preview(results.perturbations)})",
        )


def add(
    name: str,
    screens: Sequence[Screen],
    embeddings: Sequence[Embedding],
    gene_sets: Sequence[GeneSets] = (),
    published: Sequence[Published] = (),
    external: Sequence[ExternalPredictions] = (),
    record: dict[str, Any] | None = None,
) -> Path:
    """Add to a data set, replacing what is of the same line, source or collection's name.

    Predictions replace those of the same line, method and training size. Whoever reads meanwhile
    sees all of it or nothing, a killed process adds nothing, and of two that add at once one waits.

    Parameters
    ----------
    record:
        How all its screens and embeddings were prepared. An earlier one is dropped where there are
        new ones and nothing is known.

    Returns
    -------
    The folder they are kept in.

    Raises
    ------
    InputError
        A name cannot be used; nothing is written then.
    """
    kept = folder(name)
    # Every name is known to be usable before the first file is written.
    writes = [
        *SCREENS.writes(screens), *EMBEDDINGS.writes(embeddings), *GENE_SETS.writes(gene_sets),
        *PUBLISHED.writes(published), *EXTERNAL.writes(external),
    ]  # fmt: skip
    keep(kept, writes, record)
    return kept


def stamp(name: str) -> float:
    """A number that changes when a data set does; 0 for the built-in one."""
    return 0.0 if name == SIMULATED else Index.stamp(folder(name))


def parts(name: str) -> dict[str, list[str]]:
    """What parts a data set has by kind ("screens", "embeddings", …), without loading any.

    Raises
    ------
    InputError
        The name cannot be used, or the index of the data set cannot be read.
    """
    if name == SIMULATED:
        lines, sources = BUILT_IN.lines, BUILT_IN.sources
        return {"screens": [one.name for one in lines], "embeddings": [s.name for s in sources]}
    return {kind: sorted(files) for kind, files in Index.read(folder(name)).parts.items()}


def record(name: str) -> dict[str, Any] | None:
    """`Dataset.record`, without loading anything else.

    Raises
    ------
    InputError
        The name cannot be used, or the index of the data set cannot be read.
    """
    return None if name == SIMULATED else Index.read(folder(name)).record


def size(name: str) -> int:
    """Bytes on disk; 0 for the built-in one, which is computed."""
    return 0 if name == SIMULATED else size_of(folder(name))
