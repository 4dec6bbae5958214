"""Where a downloaded file came from: the note that lies beside it."""

import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from llmpert.downloads.registry import Expected, PublicFile
from llmpert.downloads.transfer import md5_of
from llmpert.io.atomic import atomic_path
from llmpert.io.remarks import parse_object

NOTE = "{}.provenance.json"
FIELDS = ("key", "url", "date", "how", "md5", "licence", "citation")
"""What `download_of` gives of a note, all of it text."""


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
    """Return where a file came from; {} where nothing is known or the note is of another file.

    A note is believed if the file has the size it states, and was either not written since (as its
    time of modification says) or has the MD5 it states: only then the file is read.

    Args:
        file: The public file that it has to be, in the version that is published now.

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
    """Return what `provenance["download"]` says of a screen or embedding; {} if it is not there."""
    download = provenance.get("download")
    return {f: str(download.get(f, "?")) for f in FIELDS} if isinstance(download, dict) else {}
