"""Before and while files come: what it takes, whether that is agreed to, how far it is."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from llmpert.errors import InputError

if TYPE_CHECKING:
    from tqdm import tqdm

    from llmpert.downloads import PublicFile


def _plan(chosen: Sequence["PublicFile"], folder: Path) -> Iterable[str]:
    from llmpert.downloads import format_bytes, missing_bytes, presence

    for one in chosen:
        yield f"{one.key}: {one.what}"
        archive = f", the archive that holds {one.member}" if one.member else ""
        about = "" if one.md5 else "about "
        yield f"  from     {one.url}"
        yield f"  size     {about}{format_bytes(one.size)}{archive} (here: {presence(one, folder)})"
        yield f"  licence  {one.licence}"
        yield f"  cite     {one.citation}"
    yield f"To download: at most {format_bytes(missing_bytes(chosen, folder))}, into {folder}"


def recipe_list(folder: Path) -> Iterable[str]:
    """What recipes there are, in which ways, and how much is still to be downloaded for each."""
    from llmpert.datasets.presets import needed, presets
    from llmpert.downloads import format_bytes, missing_bytes

    for preset in presets().values():
        yield f"{preset.name}: {preset.what}"
        for way, keys in preset.ways.items():
            missing = missing_bytes(needed(preset, way), folder)
            yield f"  --way {way}: {', '.join(keys)} (to download: {format_bytes(missing)})"


def fetch(
    chosen: Sequence["PublicFile"], folder: Path, yes: bool, otherwise: str
) -> dict[str, Path]:
    """Say what would be downloaded, ask, and download what is not there; where files are, by key.

    Parameters
    ----------
    yes:
        Not to ask.
    otherwise:
        What has not happened if the user does not agree, as a sentence.

    Raises
    ------
    InputError
        The user does not agree, or a file cannot be had.
    """
    from llmpert import downloads

    for line in _plan(chosen, folder):
        click.echo(line)
    if not yes and downloads.missing_bytes(chosen, folder) and not agreed("Download?"):
        raise InputError(f"{otherwise} Answer y, or give --yes.")
    with Bars() as bars:
        return downloads.download(chosen, folder, bars.show, bars.say)


def agreed(question: str) -> bool:
    """Whether the user says yes; no, where nobody answers."""
    try:
        return click.confirm(question, err=True)
    except click.Abort:  # nobody is there to answer
        click.echo(err=True)
        return False


class Bars:
    """A progress bar on standard error, with speed and time left, for one file after another."""

    def __init__(self) -> None:
        self._bar: tqdm | None = None
        self._file = ""

    def __enter__(self) -> "Bars":
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
