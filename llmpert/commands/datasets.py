"""`python -m llmpert datasets`: list the data sets of the pages, or remove one."""

import click

from llmpert.commands import options
from llmpert.commands.output import agreed, aligned, echo
from llmpert.errors import InputError


@click.command(short_help="List the data sets of the pages, or remove one.")
@click.option("--remove", "name", metavar="DATASET", help="The imported data set to remove.")
@options.yes
def datasets(name: str | None, yes: bool) -> None:
    """List data sets with their cell lines and embeddings, size on disk and date; or remove one.

    Downloaded files and finished fits stay.

    \b
    Example:
      python -m llmpert datasets
      python -m llmpert datasets --remove mine
    """
    from llmpert.datasets import BUILT_IN_DATA, DatasetStore, Summary
    from llmpert.downloads import format_bytes

    store = DatasetStore()
    if name is None:
        table, problems = [("DATASET", "LINES", "EMBEDDINGS", "SIZE", "CHANGED", "RECIPE")], []
        for name in store.names():
            found = Summary.read(store, name)
            lines = ", ".join(part.name for part in (*found.screens, *found.trained))
            embeddings = ", ".join(sorted(part.name for part in found.embeddings))
            size, changed = "built in", ""
            if found.changed:
                size = format_bytes(found.size)
                changed = found.changed.astimezone().strftime("%Y-%m-%d %H:%M")
            lines = "cannot be used" if found.problems else lines
            recipe = (found.record or {}).get("recipe", "")
            table.append((name, lines, embeddings, size, changed, recipe))
            problems += [f"{name} cannot be used: {problem}" for problem in found.problems]
        echo(aligned(table))
        echo(problems, err=True)
        return
    removable = store.exists(name) and name not in BUILT_IN_DATA
    size = format_bytes(Summary.read(store, name).size) if removable else ""
    if removable and not yes and not agreed(f"Remove the data set {name} ({size})?"):
        raise InputError("Nothing was removed. Answer y, or give --yes.")
    store.remove(name)
    click.echo(f"Removed the data set {name} ({size}).")
