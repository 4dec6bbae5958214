"""`python -m llmpert datasets`: list the data sets of the pages, or remove one."""

from datetime import datetime

import click

from llmpert.commands.evaluate import aligned
from llmpert.commands.fetching import agreed
from llmpert.commands.reading import remark
from llmpert.errors import InputError

HEAD = ("DATASET", "LINES", "EMBEDDINGS", "SIZE", "CHANGED", "RECIPE")


@click.command(short_help="List the data sets of the pages, or remove one.")
@click.option("--remove", "name", metavar="DATASET", help="The imported data set to remove.")
@click.option("--yes", is_flag=True, help="Remove without asking.")
def datasets(name: str | None, yes: bool) -> None:
    """List data sets with their cell lines and embeddings, size on disk and date; or remove one.

    Downloaded files and finished fits stay.

    \b
    Example:
      python -m llmpert datasets
      python -m llmpert datasets --remove mine
    """
    from llmpert import datasets as kept
    from llmpert.downloads import format_bytes

    if name is None:
        for line in aligned([HEAD, *map(_row, kept.names())]):
            click.echo(line)
        return
    size = format_bytes(kept.size(name))
    removable = name in kept.names() and name != kept.SIMULATED
    if removable and not yes and not agreed(f"Remove the data set {name} ({size})?"):
        raise InputError("Nothing was removed. Answer y, or give --yes.")
    kept.remove(name)
    click.echo(f"Removed the data set {name} ({size}).")


def _row(name: str) -> tuple[str, ...]:
    from llmpert import datasets as kept
    from llmpert.downloads import format_bytes

    try:
        parts, record = kept.parts(name), kept.record(name) or {}
    except InputError as problem:
        remark(str(problem))
        return name, "cannot be read", "", format_bytes(kept.size(name)), "", ""
    changed = datetime.fromtimestamp(kept.stamp(name)).strftime("%Y-%m-%d %H:%M")
    imported = name != kept.SIMULATED
    return (
        name,
        ", ".join(parts["screens"]),
        ", ".join(parts["embeddings"]),
        format_bytes(kept.size(name)) if imported else "built in",
        changed if imported else "",
        record.get("recipe", ""),
    )
