"""Data sets of visitors: kept for a while, under names that nobody can guess.

A visitor's data set is a folder like any other (`llmpert.datasets.folders`) in `visitors` of the
data folder. Whoever knows its name can open it; no list names it. Its folder's time of modification
says when it was last used.
"""

import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from llmpert import datasets
from llmpert.datasets.folders import folder, is_visitors, size_of
from llmpert.datasets.index import lock_of
from llmpert.embeddings import Embedding
from llmpert.errors import InputError
from llmpert.genes.sets import GeneSets
from llmpert.io.paths import home
from llmpert.screens import Screen

DAYS = 7
"""A data set that nobody used for so long is removed."""
TOTAL = 5_000_000_000
"""Bytes of all visitors' data sets together; the one used longest ago goes first."""
IN_USE = 3600
"""Seconds after its last use in which a data set is not removed for want of space."""


def add(
    words: str,
    screens: Sequence[Screen],
    embeddings: Sequence[Embedding],
    gene_sets: Sequence[GeneSets] = (),
) -> str:
    """Keep a visitor's data set; it is there as a whole or not at all.

    Parameters
    ----------
    words:
        How its name begins, for the one who uses it; characters that no name has are replaced.

    Returns
    -------
    Its name, for `llmpert.datasets.load`.

    Raises
    ------
    InputError
        A part's name cannot be used, the parts do not fit together, or there is no space.
    """
    name = name_for(words)
    datasets.with_added(name, screens, embeddings, gene_sets)
    datasets.add(name, screens, embeddings, gene_sets)
    try:
        sweep()
    except InputError:
        _remove(folder(name))
        raise
    return name


def name_for(words: str) -> str:
    """A new name that nobody can guess and that begins like these words."""
    plain = re.sub(r"[^A-Za-z0-9]+", "-", words).strip("-")[:40].strip("-")
    return f"{plain or 'mine'}.{secrets.token_urlsafe(16)}"


def use(name: str) -> None:
    """Note that a visitor's data set is being used, which keeps it from being removed."""
    with suppress(OSError):
        os.utime(folder(name))


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder for files on their way, which is removed again."""
    new = _visitors() / f".{secrets.token_hex(8)}"
    new.mkdir(parents=True)
    try:
        yield new
    finally:
        shutil.rmtree(new, ignore_errors=True)


def sweep() -> None:
    """Remove what is too old, what killed uploads left behind, and what there is no space for.

    Raises
    ------
    InputError
        There is too little space, and what takes it is being used.
    """
    now = time.time()
    used = {path: path.stat().st_mtime for path in _folders()}
    sizes = {path: size_of(path) for path in used}
    total = sum(sizes.values())
    for path in sorted(used, key=lambda path: used[path]):
        idle = now - used[path]
        old = idle > DAYS * 86_400 or not is_visitors(path.name) or total > TOTAL
        if old and idle > IN_USE:
            _remove(path)
            total -= sizes[path]
    if total > TOTAL:
        raise InputError(
            f"The space for uploads ({TOTAL / 1e9:.0f} GB for all visitors) is taken by data in"
            " use. Try again in an hour."
        )


def _visitors() -> Path:
    return home() / "visitors"


def _folders() -> list[Path]:
    """Visitors' data sets, and what killed uploads left behind."""
    here = _visitors()
    return [path for path in here.iterdir() if path.is_dir()] if here.is_dir() else []


def _remove(path: Path) -> None:
    if is_visitors(path.name):
        with suppress(InputError):  # another process was faster
            datasets.remove(path.name)
        lock_of(path).unlink(missing_ok=True)
    else:
        shutil.rmtree(path, ignore_errors=True)
