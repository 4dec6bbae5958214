"""A data set: screens and embeddings with what else is known of their genes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from llmpert.datasets.parts import Parts
from llmpert.embeddings import Embedding
from llmpert.errors import InputError
from llmpert.evaluation.experiment import Experiment
from llmpert.evaluation.problem import Problem
from llmpert.genes import GeneTable
from llmpert.genes.sets import GeneSets, joined
from llmpert.io.names import preview
from llmpert.methods.predictions import ExternalPredictions
from llmpert.methods.published import Published
from llmpert.methods.scores import check, matched
from llmpert.screens import Screen, common_perturbations


@dataclass(frozen=True, eq=False)
class Dataset:
    """Screens cut to their common perturbations, with the embeddings to predict them from.

    Attributes:
        name: As chosen on import; "simulated" for the built-in one.
        screens: Cell line -> screen; all have the same perturbations in the same order.
        embeddings: Source -> embedding.
        gene_sets: Groups of genes to sum results up by, or None.
        published: Cell line -> published results, on perturbations as their source spells them;
            lines without any are missing.
        external: Cell line -> predictions made elsewhere, under the screen's names, by method and
            training size; lines without any are missing.
        unshared: Cell line -> its perturbations that are left out, as another line lacks them.
        record: How its screens and embeddings were prepared (`llmpert.datasets.presets`), or None
            where that is not known.
        fingerprint: Tells its content from any other's, as far as it was read from a store: caches
            are filed under it.
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
    # Aligning resolves every name; it is done once a line, not once a choice of embedding.
    _aligned: dict[str, Problem] = field(default_factory=dict, init=False, repr=False)

    @classmethod
    def of_parts(cls, name: str, parts: Parts, **others: Any) -> "Dataset":
        """Put parts together.

        Args:
            others: Further attributes.

        Raises:
            InputError: The screens have no perturbation in common, two collections have a gene set
                of the same name, or predictions do not fit a screen
                (`llmpert.methods.scores.matched`).
        """
        ordered = sorted(parts.screens, key=lambda screen: screen.line)
        screens, unshared = common_perturbations(ordered) if ordered else ([], {})
        lines = {screen.line: screen for screen in screens}
        # "text" leads: the source that predicts best by itself is shown first.
        sources = sorted(parts.embeddings, key=lambda e: (e.name != "text", e.name))
        collections = sorted(parts.gene_sets, key=lambda collection: collection.name)
        external: dict[str, tuple[ExternalPredictions, ...]] = {}
        for one in sorted(parts.external, key=lambda p: (p.line, p.method, p.train_size)):
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
            **others,
        )

    @property
    def simulated(self) -> bool:
        """Whether any part of it comes from a simulation."""
        screens, embeddings = self.screens.values(), self.embeddings.values()
        return any(s.simulated for s in screens) or any(e.simulated for e in embeddings)

    @property
    def embedding_choices(self) -> list[str]:
        """Each source by itself and, where there are several, all joined by "+"."""
        names = list(self.embeddings)
        return [*names, "+".join(names)] if len(names) > 1 else names

    def problem(self, line: str, embedding: str | None = None) -> Problem:
        """Return the problem of one line and one of `embedding_choices`, by default of all sources.

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
        aligned = self._aligned[line]
        return aligned if embedding is None else aligned.only(*embedding.split("+"))

    def matching(self, predictions: ExternalPredictions) -> ExternalPredictions:
        """Return these predictions as the data set has them, found by method and training size."""
        identity = predictions.method, predictions.train_size
        of_line = self.external[predictions.line]
        return next(one for one in of_line if (one.method, one.train_size) == identity)

    def check(self, added: Parts, external: Sequence[ExternalPredictions], missing: bool) -> None:
        """Refuse added parts that do not fit.

        Args:
            added: Those of its parts that are new.
            external: All its predictions, as they were read.
            missing: Whether added predictions may leave out perturbations that models are tested
                on.

        Raises:
            InputError: Screens and embeddings share fewer than two genes, published results are of
                no screen's line or share no perturbation with it, or predictions cannot be scored
                (`llmpert.methods.scores.check`).
        """
        if self.screens and self.embeddings and (added.screens or added.embeddings):
            self.problem(next(iter(self.screens)))
        for results in added.published:
            screen = _screen_of(results.line, "results", results.source, self.screens)
            if not results.within(screen.perturbations).perturbations:
                expected = f"results of some perturbations of {screen.line}"
                raise InputError.of_file(
                    results.source,
                    f"{expected} ({preview(screen.perturbations)})",
                    f"only others ({preview(results.perturbations)})",
                )
        for one in external:
            new = one in added.external
            # A screen and embeddings decide what is tested and scored: what was there has to fit.
            if new or added.screens or added.embeddings:
                self._check_scored(one, missing or not new)

    def _check_scored(self, predictions: ExternalPredictions, missing: bool) -> None:
        if not self.embeddings:
            raise InputError.of_file(
                predictions.source,
                "a data set with an embedding, which decides on the perturbations tested",
                f"{self.name} without",
            )
        experiment = Experiment(self.problem(predictions.line))
        check(self.matching(predictions), experiment, missing)


def _screen_of(line: str, what: str, source: str, screens: Mapping[str, Screen]) -> Screen:
    if line not in screens:
        expected = f"{what} of a cell line with a screen ({', '.join(screens) or 'there is none'})"
        raise InputError.of_file(source, expected, line)
    return screens[line]
