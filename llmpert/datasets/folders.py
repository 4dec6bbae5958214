"""Imported data sets on disk: a folder a data set, a file a part, an index of them."""

import re
import secrets
import shutil
from contextlib import suppress
from pathlib import Path

from llmpert.datasets.index import Index, add, lock_of
from llmpert.datasets.parts import EMBEDDINGS, EXTERNAL, GENE_SETS, KINDS, PUBLISHED, SCREENS
from llmpert.errors import InputError
from llmpert.io.atomic import file_lock
from llmpert.io.paths import home

__all__ = [
    "EMBEDDINGS", "EXTERNAL", "GENE_SETS", "KINDS", "PUBLISHED", "SCREENS", "SIMULATED", "Index",
    "add", "folder", "folders", "is_visitors", "remove", "size_of",
]  # fmt: skip

SIMULATED = "simulated"
"""Name of the built-in data set."""


def is_visitors(name: str) -> bool:
    """Whether a name is that of a visitor's own data set: words, a dot and an unguessable token."""
    return bool(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9-]{0,39}\.[A-Za-z0-9_-]{22}", name))


def folder(name: str) -> Path:
    """Where an imported data set is kept, or a visitor's own.

    Raises
    ------
    InputError
        The name is not made of letters, digits, "-" and "_" only, or is taken by the built-in one.
    """
    if is_visitors(name):
        return home() / "visitors" / name
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", name) or name == SIMULATED:
        raise InputError(
            "Expected a data set name of letters, digits, - and _ other than"
            f" {SIMULATED!r}, found {name!r}."
        )
    return home() / "datasets" / name


def folders() -> list[Path]:
    """The folders of all imported data sets, in the order of names."""
    together = home() / "datasets"
    found = together.iterdir() if together.is_dir() else ()
    return sorted(path for path in found if path.is_dir() and not path.name.startswith("."))


def remove(name: str) -> None:
    """Remove an imported data set: it is gone at once, then its files are.

    Raises
    ------
    InputError
        There is none of this name, or it is the built-in one.
    """
    if name == SIMULATED:
        raise InputError(f"The data set {name} comes with llmpert and cannot be removed.")
    kept = folder(name)
    with file_lock(lock_of(kept)):
        if not kept.is_dir():
            raise InputError(f"Expected the name of an imported data set, found {name!r}.")
        kept.rename(kept.with_name(f".{name}.{secrets.token_hex(4)}.removed"))
    # Killed from here on, what is left is removed the next time.
    for path in kept.parent.glob(f".{name}.*.removed"):
        shutil.rmtree(path, ignore_errors=True)


def size_of(folder: Path) -> int:
    """Bytes of all files in a folder, without those that vanish meanwhile."""
    total = 0
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):
            total += path.stat().st_size if path.is_file() else 0
    return total
