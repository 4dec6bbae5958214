"""Data sets of visitors: kept for a while, under unguessable names.

Whoever knows an upload's name can open it; no list names it. Its folder's time of modification says
when it was last used. What is computed on it lies in the same folder and goes with it.
"""

import os
import re
import secrets
import shutil
import time
from contextlib import suppress
from pathlib import Path

from llmpert.datasets.dataset import Parts
from llmpert.datasets.store import FILE, DatasetStore, size_of
from llmpert.errors import InputError

DAYS = 7
"""An upload that nobody used for so long is removed."""
TOTAL = 5_000_000_000
"""Bytes of all uploads together; the one used longest ago goes first."""
IN_USE = 3600
"""Seconds after its last use in which an upload is not removed for want of space."""
GONE = (
    f"This upload has expired: uploads are removed after {DAYS} days without use. Upload the files"
    " again on the page Data."
)


def is_upload(name: str) -> bool:
    """Whether a name is that of an upload: words, a dot and an unguessable token."""
    return bool(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9-]{0,39}\.[A-Za-z0-9_-]{22}", name))


class UploadStore(DatasetStore):
    """Uploads in a folder, with one lock for all: one named after an upload would tell its name."""

    _place = "visitors"
    _lock = ".lock"

    def names(self) -> list[str]:
        """List none: an upload is found by its name alone."""
        return []

    def exists(self, name: str) -> bool:
        """Whether there is an upload of this name that has not expired."""
        folder = self.folder(name)
        return (folder / FILE).is_file() and _idle(folder) <= DAYS * 86_400

    def folder(self, name: str) -> Path:
        """Return where an upload lies; raise an InputError for a name that is none of an upload."""
        if not is_upload(name):
            raise InputError(f"Expected the name of an upload, found {name!r}.")
        return self.root / name

    def computed(self, name: str) -> Path:
        """Return the folder of an upload's computed results, inside the upload's own."""
        return self.folder(name)

    def create(self, words: str, parts: Parts) -> str:
        """Keep a visitor's data set whole or not at all; return its name, which begins like words.

        Raises:
            InputError: A part cannot be kept (`DatasetStore.add`), or there is no space.
        """
        name = new_name(words)
        self.add(name, parts)
        if self.sweep() > TOTAL:
            self._remove(self.folder(name))
            raise InputError(
                f"The space for uploads ({TOTAL / 1e9:.0f} GB for all visitors) is taken by data in"
                " use. Try again in an hour."
            )
        return name

    def use(self, name: str) -> None:
        """Note that an upload is being used, which keeps it from expiring if it has not yet."""
        with suppress(OSError):
            if self.exists(name):
                os.utime(self.folder(name))

    def sweep(self) -> int:
        """Remove what has expired, what killed uploads left, and what there is no space for.

        Returned are the bytes that are left: more than `TOTAL` where all of it is being used.
        """
        # A name is a secret, and locks of one upload each were once named after it.
        for path in self.root.glob(".*.*.lock"):
            path.unlink(missing_ok=True)
        folders = [path for path in self.root.glob("*") if path.is_dir()]
        idle = {path: _idle(path) for path in folders}
        sizes = {path: size_of(path) for path in folders}
        total = sum(sizes.values())
        for path in sorted(folders, key=lambda path: -idle[path]):
            leftover = not (is_upload(path.name) and (path / FILE).is_file())
            old = leftover or idle[path] > DAYS * 86_400 or total > TOTAL
            if old and idle[path] > IN_USE:
                self._remove(path)
                total -= sizes[path]
        return total

    def _remove(self, path: Path) -> None:
        if is_upload(path.name):
            with suppress(InputError):  # another process was faster
                self.remove(path.name)
        else:
            shutil.rmtree(path, ignore_errors=True)

    def _missing(self, name: str) -> str:
        return GONE


def new_name(words: str) -> str:
    """Return an unguessable name that begins with these words."""
    plain = re.sub(r"[^A-Za-z0-9]+", "-", words).strip("-")[:40].strip("-")
    return f"{plain or 'mine'}.{secrets.token_urlsafe(16)}"


def _idle(folder: Path) -> float:
    """Return the seconds since a folder was last used; a folder that has just gone is in use."""
    with suppress(FileNotFoundError):
        return time.time() - folder.stat().st_mtime
    return 0.0
