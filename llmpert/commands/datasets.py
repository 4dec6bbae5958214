"""`python -m llmpert datasets`: list the data sets of the pages, or remove one."""

from typing import TYPE_CHECKING

import click

from llmpert.commands import options
from llmpert.commands.output import agreed, aligned, echo, remark
from llmpert.errors import InputError

if TYPE_CHECKING:
    from llmpert.datasets import Summary

HEAD = ("DATASET", "LINES", "EMBEDDINGS", "SIZE", "CHANGED", "RECIPE")


@click.command(short_help="List the data sets of the pages, or remove one.")
@click.option("--remove", "name", metavar="DATASET", help="The imported data set to remove.")
@options.yes("Remove")
def datasets(name: str | None, yes: bool) -> None:
    """List data sets with their cell lines and embeddings, size on disk and date; or remove one.

    Downloaded files and finished fits stay.

    \b
    Example:
      python -m llmpert datasets
      python -m llmpert datasets --remove mine
    """
    from llmpert.datasets import SIMULATED, DatasetStore, Summary
    from llmpert.downloads import format_bytes

    store = DatasetStore()
    if name is None:
        found = {name: Summary.read(store, name) for name in store.names()}
        echo(aligned([HEAD, *(_row(name, one) for name, one in found.items())]))
        for name, one in found.items():
            for problem in one.problems:
                remark(f"{name} cannot be used: {problem}")
        return
    removable = store.exists(name) and name != SIMULATED
    size = format_bytes(Summary.read(store, name).size) if removable else ""
    if removable and not yes and not agreed(f"Remove the data set {name} ({size})?"):
        raise InputError("Nothing was removed. Answer y, or give --yes.")
    store.remove(name)
    click.echo(f"Removed the data set {name} ({size}).")


def _row(name: str, found: "Summary") -> tuple[str, ...]:
    from llmpert.downloads import format_bytes

    return (
        name,
        "cannot be used" if found.problems else ", ".join(part.name for part in found.screens),
        ", ".join(sorted(part.name for part in found.embeddings)),
        format_bytes(found.size) if found.changed else "built in",
        found.changed.astimezone().strftime("%Y-%m-%d %H:%M") if found.changed else "",
        (found.record or {}).get("recipe", ""),
    )
