"""What commands say: tables, remarks on standard error, questions."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import click

SIMULATED = "Simulated data: these numbers say nothing about cells."

remark = partial(click.echo, err=True)
"""Says something on standard error."""


def echo(lines: Iterable[str], err: bool = False) -> None:
    """Print lines of the report, or say them on standard error."""
    for line in lines:
        click.echo(line, err=err)


def aligned(table: Sequence[Sequence[str]]) -> Iterable[str]:
    """Yield rows of text as lines, each column as wide as its widest entry."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        yield "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()


def agreed(question: str) -> bool:
    """Ask a question; return whether the user answers yes (no without a terminal to answer at)."""
    try:
        return click.confirm(question, err=True)
    except click.Abort:
        click.echo(err=True)
        return False


@contextmanager
def work_bar(unit: str) -> Iterator[Callable[..., None]]:
    """Show on standard error how many units of work are done: a function (done, total, label)."""
    from tqdm import tqdm

    with tqdm(unit=unit, unit_scale=True, leave=False, dynamic_ncols=True, mininterval=0.5) as bar:

        def show(done: int, total: int, label: str = "") -> None:
            bar.total = total
            bar.set_description(label, refresh=False)
            bar.update(done - bar.n)

        yield show
