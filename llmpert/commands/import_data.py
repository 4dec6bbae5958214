"""`python -m llmpert import`: keep screens, embeddings and more for the pages."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from llmpert.commands import options
from llmpert.commands.reading import left_out, read_embeddings, read_predictions, read_screens

if TYPE_CHECKING:
    from llmpert.datasets import Dataset
    from llmpert.embeddings import Embedding
    from llmpert.evaluation.external import ExternalPredictions
    from llmpert.evaluation.published import Published
    from llmpert.gene_sets import GeneSets
    from llmpert.screens import Screen


@click.command("import", short_help="Add screens and embeddings to a data set of the pages.")
@click.option(
    "--name", metavar="DATASET", required=True, help="The data set: letters, digits, - and _."
)
@click.option(
    "--screen", "screens", type=options.FILE, metavar="FILE", multiple=True,
    help="Responses as differences to control, or a bulk file of Replogle et al. 2022.",
)  # fmt: skip
@options.embeddings(required=False)
@click.option(
    "--gene-sets", type=options.FILE, metavar="FILE", multiple=True,
    help="Groups of genes to sum results up by, such as GO terms: a GMT file.",
)  # fmt: skip
@options.predictions
@options.allow_missing
@click.option(
    "--line", "lines", metavar="NAME", multiple=True,
    help="Cell line of each --screen. Default: what the file says, or the start of its name.",
)  # fmt: skip
@options.unit
def import_data(
    name: str,
    screens: Sequence[Path],
    embeddings: Sequence[tuple[str, Path]],
    gene_sets: Sequence[Path],
    predictions: Sequence[tuple[str, Path]],
    allow_missing: bool,
    lines: Sequence[str],
    unit: str | None,
) -> None:
    """Add screens, embeddings, gene sets and what other methods reach to a data set of the pages.

    Replaces those of the same cell line, embedding name or GMT file name, and predictions of the
    same line, method and training size. Says how each file was understood, and which perturbations
    have no vector and why. If any file cannot be used, nothing is added.

    \b
    Example:
      python -m llmpert import --name replogle --screen k562.h5ad --screen rpe1.h5ad \\
          --embedding text=genept.pickle --embedding sequence=per-protein.h5
      python -m llmpert import --name replogle --predictions K562=gears.h5ad
    """
    if not (screens or embeddings or gene_sets or predictions):
        raise click.UsageError(
            "Expected at least one --screen, --embedding, --gene-sets or --predictions, found none."
        )

    from llmpert import datasets
    from llmpert.gene_sets import GeneSets

    datasets.folder(name)  # a name that cannot be used is told before files are read
    new_screens = list(read_screens(screens, lines, unit).values())
    new_embeddings = read_embeddings(embeddings)
    new_sets = [GeneSets.read(path) for path in gene_sets]
    new_external, new_published = read_predictions(predictions)
    parts = (new_screens, new_embeddings, new_sets, new_published, new_external)
    data = datasets.with_added(name, *parts, allow_missing=allow_missing)
    # Coverage fails where screens and embeddings share nothing, before anything is written.
    report = [
        *_understood(new_screens, new_embeddings), *_coverage(data), *_grouped(data, new_sets),
        *_compared(data, new_published), *_predicted(data, new_external),
    ]  # fmt: skip
    folder = datasets.add(name, *parts)
    for line in report:
        click.echo(line)
    click.echo(f"Data set {name} is in {folder}.")


def _understood(screens: Iterable["Screen"], embeddings: Iterable["Embedding"]) -> Iterable[str]:
    for screen in screens:
        rows, columns = screen.response.shape
        yield f"{screen.line}: {rows:,} perturbations x {columns:,} genes, unit {screen.unit}"
        yield from _notes(screen)
    for embedding in embeddings:
        rows, columns = embedding.vectors.shape
        yield f"{embedding.name}: {rows:,} genes x {columns:,} dimensions"
        yield from _notes(embedding)


def _notes(part: "Screen | Embedding") -> Iterable[str]:
    if part.simulated:
        yield "  Simulated."
    for note in part.provenance.get("notes", []):
        yield f"  {note}"


def _coverage(data: "Dataset") -> Iterable[str]:
    """How many of the perturbations find a vector in each embedding, and in all."""
    from llmpert.problem import Problem

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


def _grouped(data: "Dataset", collections: Iterable["GeneSets"]) -> Iterable[str]:
    """How many sets each collection has, and how many of them know genes of the screens."""
    for collection in collections:
        said = f"{collection.name}: {len(collection.members):,} gene sets"
        if data.screens:
            screen = next(iter(data.screens.values()))
            perturbed = len(collection.within(screen.perturbations).members)
            measured = len(collection.within(screen.genes).members)
            said += f", {perturbed:,} with a perturbation, {measured:,} with a measured gene"
        yield said


def _compared(data: "Dataset", published: Iterable["Published"]) -> Iterable[str]:
    """What published results hold, and which of their perturbations the screen does not have."""
    from llmpert.files import some

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
            yield f"  {len(others):,} not in the screen: {some(others)}"


def _predicted(data: "Dataset", external: Iterable["ExternalPredictions"]) -> Iterable[str]:
    """What predictions hold, by which models, and what they leave out of the screen."""
    from llmpert.evaluation.external_scores import not_predicted
    from llmpert.files import some

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
            yield f"  {len(missing):,} not predicted: {some(missing)}"
        others = len(given.perturbations) - len(found.perturbations)
        if others:
            yield f"  {others:,} more perturbations are not in the screen"
        unread = len(given.genes) - len(found.genes)
        if unread:
            yield f"  {unread:,} more genes are not in the screen"
