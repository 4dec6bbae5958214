"""A data set, the parts that it is made of, and the file that each part is kept in."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from pathlib import Path
from typing import Any, Literal

import numpy as np

from llmpert.embeddings import Embedding, load_embedding, save_embedding
from llmpert.embeddings.elsewhere import MEASURED_IN, Elsewhere
from llmpert.errors import InputError
from llmpert.evaluation.experiment import Experiment
from llmpert.evaluation.problem import Problem
from llmpert.evaluation.results import ResultsSummary
from llmpert.evaluation.trained import ENDING, TrainedModel
from llmpert.genes import BUILT_IN_SETS, GeneTable, are_human, built_in_sets
from llmpert.genes.sets import GeneSets, joined
from llmpert.io.hashing import HasProvenance, fingerprint
from llmpert.io.names import preview
from llmpert.methods.predictions import ExternalPredictions, check, matched
from llmpert.methods.published import Published
from llmpert.screens import Screen, common_perturbations


@dataclass(frozen=True)
class Kind:
    """How parts of one kind are kept: a file each.

    `name` is the field of `Parts` and the folder of the files, `key` identifies a part among those
    of its kind and names its file.
    """

    name: str
    ending: str
    key: Callable[[Any], str]
    load: Callable[[Path], Any]
    save: Callable[[Any, Path], None]

    def file_name(self, part: Any) -> str:
        """Name a part's file; raise an InputError if its key is none that a file can have."""
        key = self.key(part)
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}", key):
            raise InputError(
                "Expected a name of a cell line, an embedding or gene sets made of letters, digits,"
                f" blank, . - and _, found {key!r}."
            )
        return key + self.ending


def _predictions_key(predictions: ExternalPredictions) -> str:
    """By line, method and training size, whatever the method is called."""
    identity = predictions.line, predictions.method, predictions.train_size
    words = re.sub(r"\W+", "-", "-".join(map(str, identity)), flags=re.ASCII)
    return f"{words.strip('-_')[-50:].strip('-_')}-{fingerprint(identity)[:8]}"


KINDS = (
    Kind("screens", ".h5ad", attrgetter("line"), Screen.load, Screen.save),
    Kind("embeddings", ".parquet", attrgetter("name"), load_embedding, save_embedding),
    Kind("gene_sets", ".gmt", attrgetter("name"), GeneSets.read, GeneSets.save),
    Kind("trained", ENDING, attrgetter("line"), TrainedModel.read, TrainedModel.save),
    Kind("published", ".parquet", attrgetter("line"), Published.load, Published.save),
    Kind("results", ".parquet", lambda _: "results", ResultsSummary.load, ResultsSummary.save),
    Kind("external", ".h5ad", _predictions_key, ExternalPredictions.read, ExternalPredictions.save),
)


@dataclass(frozen=True, eq=False)
class Parts:
    """Parts of a data set, such as those that are added; `external` are predictions made elsewhere.

    Its fields are the names of `KINDS`.
    """

    screens: Sequence[Screen] = ()
    embeddings: Sequence[Embedding] = ()
    gene_sets: Sequence[GeneSets] = ()
    published: Sequence[Published] = ()
    external: Sequence[ExternalPredictions] = ()
    trained: Sequence[TrainedModel] = ()
    results: Sequence[ResultsSummary] = ()

    def with_files(self, files: Mapping[str, Mapping[str, Path]]) -> "Parts":
        """Read files (kind's name -> key -> file) and add these parts to what they hold.

        A file whose part is replaced is not read: it may be damaged. Damage of another one raises
        an InputError.
        """
        merged: dict[str, list[Any]] = {}
        for kind in KINDS:
            added = {kind.key(part): part for part in getattr(self, kind.name)}
            read = [kind.load(p) for key, p in files[kind.name].items() if key not in added]
            merged[kind.name] = [*read, *added.values()]
        return Parts(**merged)


@dataclass(frozen=True, eq=False)
class Dataset:
    """Screens cut to their common perturbations, with the embeddings to predict them from.

    Attributes:
        screens: Cell line -> screen; all have the same perturbations in the same order.
        embeddings: Source -> embedding.
        published: Cell line -> published results, on perturbations as their source spells them.
        external: Cell line -> predictions made elsewhere, under the screen's names, by method and
            training size.
        trained: Cell line -> trained model, of a data set without measured screens.
        results: Of such a data set: how well models predicted its lines, computed beforehand.
        unshared: Cell line -> its perturbations that are left out, as another line lacks them.
        record: How screens and embeddings were prepared (`llmpert.datasets.presets`), if known.
        fingerprint: Of the content as it was read from a store; caches are filed under it.
        gene_table: Says which names mean the same gene; by default the shipped one.
    """

    name: str
    screens: Mapping[str, Screen]
    embeddings: Mapping[str, Embedding]
    gene_sets: GeneSets | None = None
    published: Mapping[str, Published] = field(default_factory=dict)
    external: Mapping[str, tuple[ExternalPredictions, ...]] = field(default_factory=dict)
    unshared: Mapping[str, Sequence[str]] = field(default_factory=dict)
    record: Mapping[str, Any] | None = None
    fingerprint: str = ""
    gene_table: GeneTable | None = None
    trained: Mapping[str, TrainedModel] = field(default_factory=dict)
    results: ResultsSummary | None = None
    # Aligning resolves every name; it is done once a line, not once a choice of embedding, and
    # once with what other lines measured.
    _aligned: dict[str, Problem] = field(default_factory=dict, init=False, repr=False)

    @classmethod
    def of_parts(cls, name: str, parts: Parts, **others: Any) -> "Dataset":
        """Put parts together, with `others` as further attributes.

        Raises:
            InputError: The screens have no perturbation in common, two collections have a gene set
                of the same name, predictions do not fit a screen
                (`llmpert.methods.predictions.matched`), there are both screens and trained models,
                or an embedding of these is another or missing.
        """
        if parts.screens and parts.trained:
            raise InputError(
                f"Expected screens or trained models in the data set {name}, found both: a"
                " trained model replaces its screen. Put it in a data set of its own."
            )
        ordered = sorted(parts.screens, key=attrgetter("line"))
        screens, unshared = common_perturbations(ordered) if ordered else ([], {})
        lines = {screen.line: screen for screen in screens}
        # "text" leads: the source that predicts best by itself is shown first.
        sources = sorted(parts.embeddings, key=lambda e: (e.name != "text", e.name))
        models = sorted(parts.trained, key=attrgetter("line"))
        trained = {one.line: one.knowing(sources) for one in models}
        if not sources:
            known = [e for one in trained.values() for e in one.fitted.known.embeddings]
            sources = list({e.name: e for e in known}.values())
        collections = sorted(parts.gene_sets, key=attrgetter("name"))
        external: dict[str, tuple[ExternalPredictions, ...]] = {}
        for one in sorted(parts.external, key=attrgetter("line", "method", "train_size")):
            screen = _screen_of(one.line, "predictions", one.source, lines)
            external[one.line] = (*external.get(one.line, ()), matched(one, screen))
        return cls(
            name,
            lines,
            {embedding.name: embedding for embedding in sources},
            joined(collections) if collections else None,
            {results.line: results for results in parts.published},
            external,
            unshared,
            trained=trained,
            results=next(iter(parts.results), None),
            **others,
        )

    @property
    def simulated(self) -> bool:
        """Whether any part of it comes from a simulation."""
        parts: list[HasProvenance | TrainedModel] = [
            *self.screens.values(), *self.embeddings.values(), *self.trained.values(),
        ]  # fmt: skip
        return any(part.simulated for part in parts)

    @property
    def lines(self) -> list[str]:
        """Cell lines, of screens or of trained models."""
        return [*self.screens, *self.trained]

    def unit(self, line: str) -> str:
        """Return the unit of a line's responses."""
        return (self.screens if line in self.screens else self.trained)[line].unit

    def names(self, line: str, of: Literal["perturbations", "genes"]) -> np.ndarray:
        """Return a line's perturbations or measured genes: of its screen, or its trained model."""
        if line in self.screens:
            return getattr(self.screens[line], of)
        fitted = self.trained[line].fitted
        return fitted.genes if of == "genes" else fitted.trained_on

    def collections(self, genes: Iterable[str]) -> list[str]:
        """Return the names of collections of gene sets to look genes up in.

        Its own ones, joined, come first; those that come with llmpert follow for human genes.
        """
        own = [] if self.gene_sets is None else [self.gene_sets.name]
        return list(dict.fromkeys([*own, *(BUILT_IN_SETS if are_human(genes) else ())]))

    def collection(self, name: str) -> GeneSets:
        """Return one of its `collections`."""
        own = self.gene_sets
        return own if own is not None and own.name == name else built_in_sets(name)

    @property
    def embedding_choices(self) -> list[str]:
        """Each source by itself and, where there are several, all joined by "+"."""
        names = list(self.embeddings)
        return [*names, "+".join(names)] if len(names) > 1 else names

    def problem(self, line: str, embedding: str | None = None) -> Problem:
        """Return the problem of one line and one of `embedding_choices`, by default of all sources.

        Joined with a source of `elsewhere` ("text+measured in RPE1") it is of that.

        All choices are cut to the perturbations that have every embedding, so that results on
        different embeddings are about the same genes.

        Raises:
            InputError: There is no such line or embedding, or fewer than two perturbations have a
                vector.
        """
        if line not in self.screens:
            raise InputError(f"Expected a cell line among {', '.join(self.screens)}, found {line}.")
        if line not in self._aligned:
            sources = list(self.embeddings.values())
            self._aligned[line] = Problem.align(self.screens[line], sources, self.gene_table)
        there = embedding is not None and MEASURED_IN in embedding
        aligned = self.elsewhere(line) if there else self._aligned[line]
        return aligned if embedding is None else aligned.only(*embedding.split("+"))

    def elsewhere(self, line: str) -> Problem:
        """Return the problem of one line with what each other line measured as further sources.

        Of perturbations with a vector in every embedding that were knocked down in every line.

        Raises:
            InputError: As `problem`, or there is no other line.
        """
        if len(self.screens) < 2:
            raise InputError(
                "Expected screens of two lines or more to predict one from another, found"
                f" {', '.join(self.screens) or 'none'}."
            )
        key = f"{line}, {MEASURED_IN}others"
        if key not in self._aligned:
            whole = self.problem(line)
            others = [Elsewhere.of(one) for name, one in self.screens.items() if name != line]
            sources = [*self.embeddings.values(), *others]
            self._aligned[key] = Problem.align(whole.screen, sources, self.gene_table)
        return self._aligned[key]

    def matching(self, predictions: ExternalPredictions) -> ExternalPredictions:
        """Return these predictions as the data set has them, found by method and training size."""
        identity = attrgetter("method", "train_size")
        of_line = self.external[predictions.line]
        return next(one for one in of_line if identity(one) == identity(predictions))

    def check(self, added: Parts, external: Sequence[ExternalPredictions], missing: bool) -> None:
        """Refuse added parts that do not fit; `external` are all its predictions as they were read.

        `missing` is whether added ones may leave out perturbations that models are tested on.

        Raises:
            InputError: Screens and embeddings share fewer than two genes, published results are of
                no screen's line or share no perturbation with it, or predictions cannot be scored
                (`llmpert.methods.predictions.check`).
        """
        anew = added.screens or added.embeddings
        if self.screens and self.embeddings and anew:
            self.problem(next(iter(self.screens)))
        for results in added.published:
            screen = _screen_of(results.line, "results", results.source, self.screens)
            if not results.within(screen.perturbations).perturbations:
                known, found = preview(screen.perturbations), preview(results.perturbations)
                expected = f"results of some perturbations of {screen.line} ({known})"
                raise InputError.of_file(results.source, expected, f"only others ({found})")
        for one in external:
            new = one in added.external
            # A screen and embeddings decide what is tested and scored: what was there has to fit.
            if not new and not anew:
                continue
            if not self.embeddings:
                raise InputError.of_file(
                    one.source,
                    "a data set with an embedding, which decides on the perturbations tested",
                    f"{self.name} without",
                )
            check(self.matching(one), Experiment(self.problem(one.line)), missing or not new)


def _screen_of(line: str, what: str, source: str, screens: Mapping[str, Screen]) -> Screen:
    if line not in screens:
        expected = f"{what} of a cell line with a screen ({', '.join(screens) or 'there is none'})"
        raise InputError.of_file(source, expected, line)
    return screens[line]
