"""How files were understood, in sentences: what they hold, what matches, what does not and why."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from llmpert.datasets.dataset import Dataset
from llmpert.downloads import download_fields
from llmpert.embeddings import Embedding
from llmpert.evaluation.problem import Problem
from llmpert.genes.sets import GeneSets
from llmpert.io.reading import preview
from llmpert.methods.predictions import ExternalPredictions
from llmpert.methods.published import Published
from llmpert.methods.scores import not_predicted
from llmpert.screens import Screen

EXAMPLES = 5


def sentences(
    data: Dataset,
    screens: Sequence[Screen],
    embeddings: Sequence[Embedding],
    gene_sets: Sequence[GeneSets] = (),
    published: Sequence[Published] = (),
    external: Sequence[ExternalPredictions] = (),
) -> list[str]:
    """How parts were understood, a line each; what belongs to the line before is indented.

    Parameters
    ----------
    data:
        The data set with these parts in it (`llmpert.datasets.with_added`).
    screens, embeddings, gene_sets, published, external:
        The parts as they were read.

    Raises
    ------
    InputError
        A screen and an embedding of the data set share fewer than two genes.
    """
    return [
        *_read(screens, embeddings), *_coverage(data), *_grouped(data, gene_sets),
        *_compared(data, published), *_predicted(data, external),
    ]  # fmt: skip


def left_out(reasons: Mapping[str, str]) -> list[str]:
    """How many perturbations are left out, with examples, as lines; none if all are in."""
    if not reasons:
        return []
    shown = [f"  {reason}" for reason in list(reasons.values())[:EXAMPLES]]
    rest = len(reasons) - len(shown)
    more = [f"  … and {rest:,} more"] if rest else []
    return [f"{len(reasons):,} left out:", *shown, *more]


def recorded(record: Mapping[str, Any]) -> list[str]:
    """The record of a data set (`llmpert.datasets.presets`), a line each."""
    settings = ", ".join(f"{name} {value:,}" for name, value in record["settings"].items())
    said = [
        f"Made by the recipe {record['recipe']} ({record['way']}) on {record['date'][:10]} in"
        f" {record['seconds']:,} s. {record['what']}.",
        f"Cite: {record['citation']}.",
        *record["understood"],
    ]
    for part in record["parts"]:
        said += [f"{part['name']} of {part['file']}:"] * bool(part["steps"])
        said += [f"  {step}" for step in part["steps"]]
    versions = ", ".join(f"{name} {found}" for name, found in record["versions"].items())
    return [*said, f"Made with {versions}.", f"Evaluated, unless asked otherwise, with {settings}."]


def _origin(download: Mapping[str, str]) -> str:
    return (
        f"{download['how'].capitalize()} on {download['date'][:10]}: {download['url']}"
        f" (MD5 {download['md5']}, {download['licence']}). Cite: {download['citation']}."
    )


def _read(screens: Iterable[Screen], embeddings: Iterable[Embedding]) -> Iterable[str]:
    """What the files hold, where they are from, and what was repaired or left out."""
    for screen in screens:
        rows, columns = screen.response.shape
        yield f"{screen.line}: {rows:,} perturbations x {columns:,} genes, unit {screen.unit}"
        yield from _notes(screen)
    for embedding in embeddings:
        rows, columns = embedding.vectors.shape
        yield f"{embedding.name}: {rows:,} genes x {columns:,} dimensions"
        yield from _notes(embedding)


def _notes(part: Screen | Embedding) -> Iterable[str]:
    if part.simulated:
        yield "  Simulated."
    if download := download_fields(part.provenance):
        yield f"  {_origin(download)}"
    for note in part.provenance.get("notes", []):
        yield f"  {note}"


def _coverage(data: Dataset) -> Iterable[str]:
    """How many of the perturbations find a vector in each embedding, and in all."""
    if not data.screens or not data.embeddings:
        missing = "embedding" if data.screens else "screen"
        yield f"The data set has no {missing} yet; the pages show it when it has one."
        return
    # All screens of a data set have the same perturbations.
    screen = next(iter(data.screens.values()))
    total = len(screen.perturbations)
    if len(data.screens) > 1:
        yield f"{', '.join(data.screens)} have {total:,} perturbations in common"
    sources = list(data.embeddings.values())
    for part in [*([e] for e in sources), *([sources] if len(sources) > 1 else [])]:
        problem = Problem.align(screen, part)
        found = len(problem.screen.perturbations)
        yield f"{found:,} of {total:,} perturbations have a vector in {problem.embedding_name}"
        if len(part) == 1:
            yield from (f"  {sentence}" for sentence in left_out(problem.left_out))


def _grouped(data: Dataset, collections: Iterable[GeneSets]) -> Iterable[str]:
    """How many sets each collection has, and how many of them know genes of the screens."""
    for collection in collections:
        said = f"{collection.name}: {len(collection.members):,} gene sets"
        if data.screens:
            screen = next(iter(data.screens.values()))
            perturbed = len(collection.within(screen.perturbations).members)
            measured = len(collection.within(screen.genes).members)
            said += f", {perturbed:,} with a perturbation, {measured:,} with a measured gene"
        yield said


def _compared(data: Dataset, published: Iterable[Published]) -> Iterable[str]:
    """What published results hold, and which of their perturbations the screen does not have."""
    for results in published:
        table, screen = results.table, data.screens[results.line]
        spelt = results.spelt_among(screen.perturbations)
        yield (
            f"{results.line}: published {', '.join(table['metric'].unique())} of"
            f" {', '.join(results.methods)}, {len(results.perturbations):,} perturbations,"
            f" {len(spelt):,} of them in the screen"
        )
        others = [name for name in results.perturbations if name not in spelt]
        if others:
            yield f"  {len(others):,} not in the screen: {preview(others)}"


def _predicted(data: Dataset, external: Iterable[ExternalPredictions]) -> Iterable[str]:
    """What predictions hold, by which models, and what they leave out of the screen."""
    for given in external:
        found = data.matching(given)
        screen = data.problem(found.line, data.embedding_choices[-1]).screen
        missing = not_predicted(found, screen)
        yield (
            f"{found.line}: predictions of {found.method} for"
            f" {len(screen.perturbations) - len(missing):,} of the {len(screen.perturbations):,}"
            f" perturbations that models are tested on, by {len(found.trained_on):,} models, each"
            f" trained on {found.train_size:,} or more others"
        )
        if missing:
            yield f"  {len(missing):,} not predicted: {preview(missing)}"
        others = len(given.perturbations) - len(found.perturbations)
        if others:
            yield f"  {others:,} more perturbations are not in the screen"
        unread = len(given.genes) - len(found.genes)
        if unread:
            yield f"  {unread:,} more genes are not in the screen"
