"""`python -m llmpert prepare`: a published setting, from download to data set."""

from contextlib import closing

import click

from llmpert.commands import options
from llmpert.commands.download import fetch, preset_list
from llmpert.commands.output import echo, remark


@click.command(short_help="Download and prepare a published setting by its name.")
@click.argument("recipe", metavar="[RECIPE]", default="")
@click.option(
    "--way", metavar="WAY",
    help="bulk: from published means over cells, in minutes. cells: from single cells, as in the"
        " paper. Default: the first way of the recipe.",
)  # fmt: skip
@click.option(
    "--name", metavar="DATASET",
    help="Name of the data set. Default: RECIPE, or RECIPE-WAY where there are several ways.",
)  # fmt: skip
@options.processes
@options.scheduler
@options.yes
def prepare(
    recipe: str,
    way: str | None,
    name: str | None,
    processes: int | None,
    scheduler: str | None,
    yes: bool,
) -> None:
    """List published settings (recipes), or make one a data set of the pages.

    Downloads what is missing after asking, reads it, cuts the screens to their common
    perturbations, and keeps a record of each step. Reports how the files were read. After a break,
    the same command resumes.

    \b
    Example:
      python -m llmpert prepare
      python -m llmpert prepare replogle-2022
    """
    from llmpert import downloads
    from llmpert.datasets import DatasetStore, presets
    from llmpert.datasets.report import preparation
    from llmpert.downloads.progress import FileBar
    from llmpert.parallel import workers

    folder = downloads.downloads()
    if not recipe:
        echo(preset_list(folder))
        return
    preset, way = presets.choose(recipe, way)
    preset.check_memory()
    if preset.cost:
        click.echo(preset.cost)
    name = name or preset.dataset(way)
    store = DatasetStore()
    data_folder = store.folder(name)  # refuses a name before anything is downloaded
    fetch(preset.files(way), folder, yes, "Nothing was prepared.")
    with workers(processes or 1, scheduler) as run, closing(FileBar()) as bar:
        presets.prepare(preset, way, name, folder, bar.show, bar.say, run)
    echo(preparation(store.index(name).record or {}))
    click.echo(f"Data set {name} is in {data_folder}.")
    remark("Go on:")
    click.echo("  python -m llmpert serve")
    click.echo(
        f"  python -m llmpert evaluate --data {name} --each --model mean --model gp-paper --model"
        " gp --out results.parquet"
    )
