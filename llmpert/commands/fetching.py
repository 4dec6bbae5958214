"""Before and while files are downloaded: what it takes, whether to go on, how far it is."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from llmpert.commands.output import agreed, echo, remark
from llmpert.errors import InputError

if TYPE_CHECKING:
    from llmpert.downloads import BytesProgress, Notify, PublicFile


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


def preset_list(folder: Path) -> Iterable[str]:
    """List presets, their ways, and how much is still to be downloaded for each."""
    from llmpert.datasets.presets import presets
    from llmpert.downloads import format_bytes, missing_bytes

    for preset in presets().values():
        yield f"{preset.name}: {preset.what}"
        for way, keys in preset.ways.items():
            missing = missing_bytes(preset.files(way), folder)
            yield f"  --way {way}: {', '.join(keys)} (to download: {format_bytes(missing)})"


def fetch(chosen: Sequence["PublicFile"], folder: Path, yes: bool, refusal: str) -> dict[str, Path]:
    """Say what would be downloaded, ask, and download what is missing; return files by key.

    Args:
        yes: Not to ask.
        refusal: What has not happened if the user does not agree, as a sentence.

    Raises:
        InputError: The user does not agree, or a file cannot be had.
    """
    from llmpert import downloads

    echo(_plan(chosen, folder))
    if not yes and downloads.missing_bytes(chosen, folder) and not agreed("Download?"):
        raise InputError(f"{refusal} Answer y, or give --yes.")
    with progress_bar() as (show, say):
        return downloads.download(chosen, folder, show, say)


@contextmanager
def progress_bar() -> Iterator[tuple["BytesProgress", "Notify"]]:
    """Show on standard error how far each file is, and print remarks without spoiling the bar."""
    from llmpert.downloads.progress import FileBar

    bar = FileBar()

    def say(sentence: str) -> None:
        bar.close()
        remark(sentence)

    try:
        yield bar.show, say
    finally:
        bar.close()
