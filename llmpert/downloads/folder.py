"""Sources into a folder: only what is missing, verified, with a note of where it came from."""

import shutil
from collections.abc import Callable, Iterable
from functools import partial
from itertools import chain
from pathlib import Path

from llmpert.downloads.answers import small_text
from llmpert.downloads.archive import unpack
from llmpert.downloads.metalink import parse_metalink
from llmpert.downloads.partial import Partial
from llmpert.downloads.provenance import read_note, write_note
from llmpert.downloads.registry import Source, readable
from llmpert.downloads.transfer import Expected, md5_of, transfer
from llmpert.errors import InputError
from llmpert.io.atomic import file_lock
from llmpert.io.paths import home

Progress = Callable[[str, int, int | None], None]
"""Called with a file's name, its bytes that have arrived, and the whole (None if unknown)."""
Say = Callable[[str], None]
"""Called with a sentence."""


def downloads() -> Path:
    """The folder for downloaded files."""
    return home() / "downloads"


def download(
    sources: Iterable[Source], folder: Path, progress: Progress, say: Say
) -> dict[str, Path]:
    """Bring sources into a folder; by key, the files that are there when it returns.

    A file that is there and verified is not fetched again; one that was copied there by hand is
    verified. Of an archive only the asked-for members stay. Beside each file lies a
    `.provenance.json`. Another process that downloads the same is waited for.

    Parameters
    ----------
    progress:
        Of transfers.
    say:
        Called with sentences about what is done and what went wrong and is tried again.

    An exception of its own that either raises ends the download; what has come is kept.

    Raises
    ------
    InputError
        A file cannot be had, is not the published one, or cannot be kept. Files that were complete
        before are as they were.
    """
    by_url: dict[str, list[Source]] = {}
    for source in sources:
        by_url.setdefault(source.url, []).append(source)
    try:
        for together in by_url.values():
            file = together[0].file
            wait = partial(say, f"{file}: another process is downloading it; waiting.")
            with file_lock(folder / f".{file}.lock", wait):
                _download_one(together, folder, progress, say)
    except OSError as problem:
        raise InputError(
            f"{problem.filename or folder}: cannot be written ({problem.strerror or problem})."
        ) from problem
    return {source.key: folder / source.kept for source in chain(*by_url.values())}


def presence(source: Source, folder: Path) -> str:
    """Whether a source is in a folder, in a word or two, without reading it: "yes", "no", …"""
    path = folder / source.kept
    if path.is_file() and read_note(path).get("bytes") == path.stat().st_size:
        return "yes"
    if path.is_file() or (folder / source.file).is_file():
        return "unverified"
    partial = Partial(folder / source.file)
    return f"{readable(partial.size)} of it" if partial.size else "no"


def missing_bytes(sources: Iterable[Source], folder: Path) -> int:
    """What is to come over the line at most; an archive counts once."""
    left = {
        source.url: max(0, source.size - Partial(folder / source.file).size)
        for source in sources
        if presence(source, folder) != "yes"
    }
    return sum(left.values())


def _download_one(sources: list[Source], folder: Path, progress: Progress, say: Say) -> None:
    """All asked-for sources at one address: a file, or members of an archive."""
    missing = [source for source in sources if not _is_kept(source, folder, say)]
    if not missing:
        return
    first = missing[0]
    path = folder / first.file
    expected = _expected(first, say)
    copied = path.is_file() and _verified(path, expected, say)
    coming = 0 if copied else (expected.size or first.size) - Partial(path).size
    _check_space(folder, max(0, coming) + sum(source.unpacked for source in missing))
    if not copied:
        transfer(first.url, path, expected, lambda *so_far: progress(path.name, *so_far), say)
    for source in missing:
        if source.member:
            say(f"{path.name}: unpacking {source.member}.")
            unpack(path, source.member, folder / source.member, source.unpacked)
        write_note(source, folder / source.kept, expected, copied)
    if first.member:
        path.unlink()


def _is_kept(source: Source, folder: Path, say: Say) -> bool:
    """Whether it is there as it was when it was verified against what is published now."""
    path = folder / source.kept
    note = read_note(path)
    newer = source.md5 and note.get("published_md5") != source.md5
    if not path.is_file() or "md5" not in note or newer:
        return False
    say(f"{path.name}: is there; checking it.")
    if md5_of(path) == note["md5"]:
        return True
    say(f"{path.name}: is not what was downloaded.")
    return False


def _expected(source: Source, say: Say) -> Expected:
    if not source.metalink:
        return Expected(source.size, source.md5)
    try:
        return parse_metalink(small_text(source.metalink), source.file)
    except InputError as problem:
        say(f"{source.file}: no published MD5 was found, so only its length is checked ({problem})")
        return Expected(None, None)


def _verified(path: Path, expected: Expected, say: Say) -> bool:
    """Whether a file that somebody put there is the published one."""
    if expected.md5 is None:
        say(f"{path.name}: is there and taken as it is, unverified.")
        return True
    if md5_of(path) == expected.md5:
        say(f"{path.name}: was copied here and is the published file.")
        return True
    say(f"{path.name}: is there but is not the published file, which is fetched in its place.")
    return False


def _check_space(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise InputError(
            f"{folder}: expected {readable(needed)} of free space, found {readable(free)}."
        )
