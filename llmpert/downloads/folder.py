"""Download missing public files into a folder, verified, each with a note of its origin."""

import json
import shutil
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from llmpert.downloads.registry import Expected, PublicFile, format_bytes, parse_metalink
from llmpert.downloads.transfer import Partial, get_text, md5_of, transfer
from llmpert.errors import InputError
from llmpert.io.atomic import atomic_path, file_lock
from llmpert.io.names import parse_object
from llmpert.io.paths import home
from llmpert.io.zips import unpack

BytesProgress = Callable[[str, int, int | None], None]
"""Called with a file's name, its bytes that have arrived, and the whole (None if unknown)."""
Notify = Callable[[str], None]
"""Called with a sentence about what is done, or what went wrong and is tried again."""
NOTE = "{}.provenance.json"
FIELDS = ("key", "url", "date", "how", "md5", "licence", "citation")
"""What `download_of` gives of a note, all of it text."""


def downloads() -> Path:
    """The folder for downloaded files."""
    return home() / "downloads"


def download(
    files: Iterable[PublicFile], folder: Path, progress: BytesProgress, notify: Notify
) -> dict[str, Path]:
    """Bring public files into a folder; return the path of each by its key.

    A file that is there and verified is not fetched again; one that was copied there by hand is
    verified. Of an archive only the asked-for members stay. Another process that downloads the same
    is waited for. An exception of `progress` or `notify` ends the download and keeps its part.

    Raises:
        InputError: A file cannot be had, is not the published one, or cannot be kept. Files that
            were complete before are as they were.
    """
    by_url: dict[str, list[PublicFile]] = {}
    for file in files:
        by_url.setdefault(file.url, []).append(file)
    try:
        for members in by_url.values():
            name = members[0].file
            wait = partial(notify, f"{name}: another process is downloading it; waiting.")
            with file_lock(folder / f".{name}.lock", wait):
                _download_one(members, folder, progress, notify)
    except OSError as problem:
        raise InputError(
            f"{problem.filename or folder}: cannot be written ({problem.strerror or problem})."
        ) from problem
    return {file.key: folder / file.name for file in chain(*by_url.values())}


def presence(file: PublicFile, folder: Path) -> str:
    """Whether a file is in a folder, in a word or two, without reading it: "yes", "no", …"""
    path = folder / file.name
    if path.is_file() and read_note(path).get("bytes") == path.stat().st_size:
        return "yes"
    if path.is_file() or (folder / file.file).is_file():
        return "unverified"
    arrived = Partial(folder / file.file).size
    return f"{format_bytes(arrived)} of it" if arrived else "no"


def missing_bytes(files: Iterable[PublicFile], folder: Path) -> int:
    """Return the largest number of bytes to download; an archive counts once."""
    left = {
        file.url: max(0, file.size - Partial(folder / file.file).size)
        for file in files
        if presence(file, folder) != "yes"
    }
    return sum(left.values())


def _download_one(
    members: list[PublicFile], folder: Path, progress: BytesProgress, notify: Notify
) -> None:
    """Bring all asked-for files of one address: the one there, or members of an archive."""
    missing = [file for file in members if not _is_complete(file, folder, notify)]
    if not missing:
        return
    first = missing[0]
    path = folder / first.file
    expected = _expected(first, notify)
    part = Partial(path)
    there = path.is_file() and _is_published(path, expected, notify)
    # A download may have been killed before its note was written.
    copied = there and not part.placed
    coming = 0 if there else (expected.size or first.size) - part.size
    needed = max(0, coming) + sum(file.unpacked for file in missing)
    free = shutil.disk_usage(folder).free
    if needed > free:
        expected_space = f"{format_bytes(needed)} of free space"
        raise InputError.of_file(folder, expected_space, format_bytes(free))
    if not there:
        transfer(first.url, path, expected, partial(progress, path.name), notify)
    for file in missing:
        if file.member:
            notify(f"{path.name}: unpacking {file.member}.")
            unpack(path, file.member, folder / file.member, file.unpacked)
        write_note(file, folder / file.name, expected, copied)
    part.drop()
    if first.member:
        path.unlink()


def _is_complete(file: PublicFile, folder: Path, notify: Notify) -> bool:
    """Return whether a file is unchanged since it was verified against the published checksum."""
    path = folder / file.name
    note = read_note(path)
    newer = file.md5 and note.get("published_md5") != file.md5
    if not path.is_file() or "md5" not in note or newer:
        return False
    notify(f"{path.name}: already downloaded; verifying its checksum.")
    if md5_of(path) == note["md5"]:
        return True
    notify(f"{path.name}: differs from the downloaded file.")
    return False


def _expected(file: PublicFile, notify: Notify) -> Expected:
    if not file.metalink:
        return Expected(file.size if file.md5 else None, file.md5 or None)
    try:
        return parse_metalink(get_text(file.metalink), file.file)
    except InputError as problem:
        only = "no published MD5 was found, so only its length is checked"
        notify(f"{file.file}: {only} ({problem})")
        return Expected(None, None)


def _is_published(path: Path, expected: Expected, notify: Notify) -> bool:
    """Whether a file that was copied there is the published one, as far as that can be known."""
    if expected.md5 is None:
        notify(f"{path.name}: exists and is used unverified.")
        return True
    if md5_of(path) == expected.md5:
        notify(f"{path.name}: was copied here; it matches the published checksum.")
        return True
    notify(f"{path.name}: exists but does not match the published checksum; downloading it again.")
    return False


def read_note(path: Path) -> dict[str, Any]:
    """Read the note beside a file; {} where there is none that can be read. It proves nothing."""
    try:
        return parse_object(path.with_name(NOTE.format(path.name)).read_bytes())
    except (OSError, ValueError):
        return {}


def write_note(file: PublicFile, path: Path, expected: Expected, copied: bool) -> None:
    """Write the note of a file that is complete and verified."""
    state = path.stat()
    content = {
        "key": file.key,
        "what": file.what,
        "url": file.url,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "how": "copied by hand" if copied else "downloaded",
        "bytes": state.st_size,
        "modified": state.st_mtime_ns,
        "md5": expected.md5 if expected.md5 and not file.member else md5_of(path),
        "published_md5": expected.md5,
        "published_md5_is_of": file.file,
        "licence": file.licence,
        "citation": file.citation,
    }
    with atomic_path(path.with_name(NOTE.format(path.name))) as temporary:
        temporary.write_text(json.dumps(content, indent=2, ensure_ascii=False), "utf-8")


def download_of(path: str | Path, file: PublicFile | None = None) -> dict[str, str]:
    """Return the origin of a file; {} if unknown, or if the note is of another file.

    A note is believed if the file has the size it states, and was either not written since (as its
    time of modification says) or has the MD5 it states: only then the file is read.

    It has to be of `file`, if given, in the version that is published now.

    Returns:
        `FIELDS`, as text: `url` and `date` of the download, `md5` of the file as hex, …
    """
    path = Path(path)
    note = read_note(path)
    known = {name: note[name] for name in FIELDS if isinstance(note.get(name), str)}
    if len(known) < len(FIELDS):
        return {}
    if file and (note["key"] != file.key or file.md5 not in ("", note.get("published_md5"))):
        return {}
    with suppress(OSError):
        state = path.stat()
        unchanged = note.get("modified") == state.st_mtime_ns
        if note.get("bytes") == state.st_size and (unchanged or note["md5"] == md5_of(path)):
            return known
    return {}


def download_fields(provenance: Mapping[str, Any]) -> dict[str, str]:
    """Return `provenance["download"]` of a screen or embedding; {} without one."""
    download = provenance.get("download")
    return {f: str(download.get(f, "?")) for f in FIELDS} if isinstance(download, dict) else {}
