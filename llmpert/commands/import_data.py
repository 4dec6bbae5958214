"""`python -m llmpert import`: keep screens, embeddings and more for the pages."""

from collections.abc import Sequence
from pathlib import Path

import click

from llmpert.commands import options
from llmpert.commands.output import echo
from llmpert.errors import InputError


@click.command("import", short_help="Add screens and embeddings to a data set of the pages.")
@click.option(
    "--name", metavar="DATASET", required=True, help="The data set: letters, digits, - and _."
)
@options.screens
@options.embeddings
@options.orthologs
@click.option(
    "--gene-sets", type=options.FILE, metavar="FILE", multiple=True,
    help="Gene sets, such as GO terms, as a GMT file.",
)  # fmt: skip
@click.option(
    "--trained", type=options.FILE, metavar="FILE", multiple=True,
    help="A model written by `train`. A data set of such models needs no screens.",
)  # fmt: skip
@options.predictions
@click.option(
    "--allow-missing", is_flag=True,
    help="Accept --predictions that lack some of the perturbations that models are tested on.",
)  # fmt: skip
@options.lines
@options.reading
def import_data(
    name: str,
    screens: Sequence[Path],
    embeddings: options.Sources,
    orthologs: Path | None,
    gene_sets: Sequence[Path],
    trained: Sequence[Path],
    predictions: options.NamedFiles,
    allow_missing: bool,
    lines: Sequence[str],
    reading: options.Reading,
) -> None:
    """Add screens, embeddings, gene sets or predictions of other methods to a data set.

    Replaces those of the same cell line, embedding name or GMT file name, and predictions of the
    same line, method and training size. Reports how each file was read, which perturbations have no
    vector and why, and findings on a screen to look at (`report` lists all). A first screen without
    --embedding uses those of human genes that come with llmpert. If any file cannot be used,
    nothing is added.

    \b
    Example:
      python -m llmpert import --name replogle --screen k562.h5ad --screen rpe1.h5ad \\
          --embedding text=genept.pickle --embedding sequence=per-protein.h5
      python -m llmpert import --name shared --trained k562.llmpert
      python -m llmpert import --name replogle --predictions K562=gears.h5ad
    """
    if not (screens or embeddings or gene_sets or trained or predictions):
        raise click.UsageError(
            "Expected at least one --screen, --embedding, --gene-sets, --trained or --predictions,"
            " found none."
        )

    from llmpert.datasets import DatasetStore, Parts
    from llmpert.datasets.report import report
    from llmpert.evaluation.trained import TrainedModel
    from llmpert.genes.sets import GeneSets
    from llmpert.insight.report_card import report_card
    from llmpert.methods.predictions import ExternalPredictions
    from llmpert.methods.published import Published
    from llmpert.screens import Screen

    store = DatasetStore()
    folder = store.folder(name)  # refuses a name before files are read
    new_screens = list(options.read_screens(screens, lines, reading).values())
    there = store.index(name).files
    mine = [Screen.load(path) for path in there["screens"].values()] if orthologs else []
    new_embeddings = options.read_embeddings(embeddings, None, orthologs, [*new_screens, *mine])
    if new_screens and not (embeddings or there["embeddings"]):
        new_embeddings = options.built_in_embeddings(new_screens[0], None, orthologs)
    new_sets = [GeneSets.read(path) for path in gene_sets]
    external, published, seen = [], [], set()
    for line, path in predictions:
        if path.suffix.lower() == ".h5ad":
            one = ExternalPredictions.read(path, line)
            external.append(one)
            expected = "predictions of another method, line or training size"
            found = f"{one.method} on {line}, {one.train_size} training perturbations,"
        else:
            published.append(Published.read(path, line))
            expected, found = "published results of another cell line", line
        if found in seen:
            raise InputError.of_file(path, expected, f"{found} a second time")
        seen.add(found)
    models = [TrainedModel.read(path) for path in trained]
    parts = Parts(new_screens, new_embeddings, new_sets, published, external, models)
    data = store.add(name, parts, allow_missing=allow_missing)
    echo(report(data, parts))
    for screen in new_screens:
        echo(report_card(screen).lines(short=True))
    if new_screens:
        click.echo(f"The whole report: python -m llmpert report --data {name}")
    click.echo(f"Data set {name} is in {folder}.")
