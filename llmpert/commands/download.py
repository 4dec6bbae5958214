"""`python -m llmpert download`: list public data, and fetch what is asked for."""

import shlex
from collections.abc import Iterable, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from llmpert.errors import InputError

if TYPE_CHECKING:
    from tqdm import tqdm

    from llmpert.sources import Registry, Source


@click.command(short_help="List public data, or download what is named.")
@click.argument("keys", metavar="[KEY]...", nargs=-1)
@click.option("--yes", is_flag=True, help="Download without asking.")
def download(keys: Sequence[str], yes: bool) -> None:
    """List public screens and embeddings, or download those named, after asking.

    A KEY is a file's or a bundle's. Files are verified and kept in the folder downloads of
    LLMPERT_HOME, each with a note of its source and licence beside it. A download that broke off
    continues where it was. Without internet, copy files there by hand and run the same command:
    it verifies them.

    \b
    Example:
      python -m llmpert download
      python -m llmpert download paper-2024-bulk
    """
    from llmpert import sources

    known, folder = sources.read_registry(), sources.downloads()
    if not keys:
        for line in _table(known, folder):
            click.echo(line)
        return
    chosen = known.choose(keys)
    for line in _plan(chosen, folder):
        click.echo(line)
    if not yes and sources.missing_bytes(chosen, folder) and not _agreed():
        raise InputError("Nothing was downloaded. Answer y, or give --yes.")
    with _Bars() as bars:
        paths = sources.download(chosen, folder, bars.show, bars.say)
    for source in chosen:
        click.echo(f"{source.key}: {paths[source.key]}")
    for line in _imports(chosen, folder, keys[0] if keys[0] in known.bundles else "downloaded"):
        click.echo(line)


def _table(known: "Registry", folder: Path) -> Iterable[str]:
    from llmpert.sources import presence, readable

    head = ("KEY", "SIZE", "LICENCE", "HERE", "WHAT")
    rows = [
        (
            one.key,
            ("" if one.md5 else "~") + readable(one.size),
            one.licence,
            presence(one, folder),
            one.what,
        )
        for one in known.sources.values()
    ]
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(4)]
    for row in [head, *rows]:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        yield "  ".join([*cells, row[-1]])
    for bundle, members in known.bundles.items():
        yield f"\n{bundle}: {known.about[bundle]}\n  ({', '.join(members)})"


def _plan(chosen: Sequence["Source"], folder: Path) -> Iterable[str]:
    from llmpert.sources import missing_bytes, presence, readable

    for one in chosen:
        yield f"{one.key}: {one.what}"
        archive = f", the archive that holds {one.member}" if one.member else ""
        about = "" if one.md5 else "about "
        yield f"  from     {one.url}"
        yield f"  size     {about}{readable(one.size)}{archive} (here: {presence(one, folder)})"
        yield f"  licence  {one.licence}"
        yield f"  cite     {one.citation}"
    yield f"To download: at most {readable(missing_bytes(chosen, folder))}, into {folder}"


def _agreed() -> bool:
    try:
        return click.confirm("Download?", err=True)
    except click.Abort:  # nobody is there to answer
        click.echo(err=True)
        return False


def _imports(chosen: Iterable["Source"], folder: Path, name: str) -> Iterable[str]:
    """The commands that use these files; a data set has one screen of a cell line."""
    screens: dict[str, list[Source]] = {}
    embeddings = []
    for one in chosen:
        if one.kind.endswith("screen"):
            screens.setdefault(one.line, []).append(one)
        elif one.embedding:
            embeddings += ["--embedding", f"{one.embedding}={folder / one.kept}"]
    sets: list[Any] = list(zip_longest(*screens.values())) or [()] * bool(embeddings)
    for number, together in enumerate(sets, 1):
        words = ["import", "--name", name if number == 1 else f"{name}-{number}"]
        for one in filter(None, together):
            words += ["--screen", str(folder / one.kept)]
        yield f"Use it: python -m llmpert {shlex.join([*words, *embeddings])}"


class _Bars:
    """A progress bar on standard error, with speed and time left, for one file after another."""

    def __init__(self) -> None:
        self._bar: tqdm | None = None
        self._file = ""

    def __enter__(self) -> "_Bars":
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def show(self, file: str, done: int, total: int | None) -> None:
        """Draw how far a file is."""
        from tqdm import tqdm

        if self._bar is None or file != self._file or done < self._bar.n:
            self._close()
            self._file = file
            # What an earlier run brought counts for the length, not for the speed.
            self._bar = tqdm(
                desc=file, total=total, initial=done, unit="B", unit_scale=True,
                dynamic_ncols=True, mininterval=0.5,
            )  # fmt: skip
        self._bar.update(done - self._bar.n)

    def say(self, sentence: str) -> None:
        """Print a remark without spoiling the bar."""
        self._close()
        click.echo(sentence, err=True)

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
