"""`python -m llmpert report`: what a screen is worth for predictions."""

from collections.abc import Sequence
from pathlib import Path

import click

from llmpert.commands import options
from llmpert.commands.output import echo


@click.command(short_help="Look at a screen before predictions rest on it.")
@click.option(
    "--data",
    "name",
    metavar="DATASET",
    help="A data set of the pages: its lines, cut to their common perturbations.",
)
@options.screens
@options.lines
@options.reading
@options.out(".csv", required=False)
def report(
    name: str | None,
    screens: Sequence[Path],
    lines: Sequence[str],
    reading: options.Reading,
    out: Path | None,
) -> None:
    """Check what a screen is worth for predictions: its report card.

    It checks whether each target is lowered in its own knockdown, cells per knockdown, how well a
    repeat would agree, knockdowns without effect, outliers, what most knockdowns have in common,
    and the values. Each finding is fine, to look at, a problem or unknown, and says what it means
    for predictions.

    `--out` writes a row for each knockdown.

    \b
    Example:
      python -m llmpert report --screen k562.h5ad --out k562_knockdowns.csv
    """
    import pandas as pd

    from llmpert.datasets import DatasetStore
    from llmpert.insight.report_card import report_card
    from llmpert.io.atomic import atomic_path

    if bool(name) == bool(screens):
        raise click.UsageError("Expected either --data or --screen.")
    found = (
        DatasetStore().load_measured(name).screens
        if name
        else options.read_screens(screens, lines, reading)
    )
    cards = [report_card(screen) for screen in found.values()]
    for card in cards:
        echo(card.lines())
    if out is not None:
        table = pd.concat(card.knockdowns.assign(line=card.line) for card in cards)
        with atomic_path(out) as temporary:
            table.to_csv(temporary, index=False)
        click.echo(f"Wrote {out}.")
