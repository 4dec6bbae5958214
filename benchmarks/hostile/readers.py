"""The readers by which files come in, and what none of them may do."""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.hostile.valid import MEMBER
from llmpert.commands.import_data import import_data
from llmpert.datasets import DatasetStore, Parts
from llmpert.datasets.store import FILE
from llmpert.downloads.registry import parse_metalink
from llmpert.embeddings import read_embedding
from llmpert.genes.sets import GeneSets
from llmpert.io.zips import unpack
from llmpert.methods.gears.cells import Cells, read_cells
from llmpert.methods.predictions import ExternalPredictions
from llmpert.methods.published import Published
from llmpert.screens import Screen, read_screen
from tests.support import small

KEPT = "kept"
"""The data set that is there before anything hostile comes."""

MARK = "TOPSECRETTOPSECR"
NUMBER = np.float32(12345.678)
"""What stands in files outside that nothing may read."""

# What may reach no page, table or terminal as a name; independent of the library's own rule.
UNSAFE = re.compile(
    "[\x00-\x1f\x7f\x9b\u200b-\u200f\u202a-\u202e\u2066-\u2069]|<[a-zA-Z/!]|^[=+@-]"
)

EARLIER = b"earlier"


def prepare(home: Path) -> None:
    """Keep a data set in a new data folder, and a copy of it."""
    os.environ["LLMPERT_HOME"] = str(home)
    DatasetStore().add(
        KEPT, Parts([small.screen()], [small.embedding()],
        [GeneSets("modules", "a test", {"A": frozenset({"KD001", "KD002"})})]),
    )  # fmt: skip
    shutil.copytree(home, _copy(home))


def _copy(home: Path) -> Path:
    return home.with_name(home.name + ".copy")


def lost(home: Path, refused: bool) -> bool:
    """Whether an import changed what was kept; it is restored.

    A refused one may change nothing. One that was not adds files and names them in the index; all
    files that were there stay as they were, and the data set still loads.
    """
    before, now = _hashes(_copy(home)), _hashes(home)
    if now == before:
        return False
    parts = {name: hashed for name, hashed in before.items() if Path(name).name != FILE}
    bad = refused or any(now.get(name) != hashed for name, hashed in parts.items())
    try:
        DatasetStore().load(KEPT)
    except Exception:
        bad = True
    shutil.rmtree(home)
    shutil.copytree(_copy(home), home)
    return bad


def _hashes(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def _import(*words: object) -> None:
    import_data.main(["--name", KEPT, *map(str, words)], standalone_mode=False)


@cache
def _screen() -> Screen:
    return small.screen()


def _cells(path: Path) -> Cells:
    return read_cells(path, _screen(), per_perturbation=2, controls=3)


def _unpack(path: Path) -> bytes:
    target = path.with_name(f"{path.name}.target")
    target.write_bytes(EARLIER)
    try:
        unpack(path, MEMBER, target, 1 << 20)
        return target.read_bytes()
    except Exception:
        if target.read_bytes() != EARLIER:
            raise SystemError("an earlier file was changed by what was refused") from None
        raise
    finally:
        target.unlink()


READERS: dict[str, dict[str, Callable[[Path], object]]] = {
    "screen": {
        "read_screen": read_screen,
        "Screen.load": Screen.load,
        "import --screen": lambda path: _import("--screen", path, "--line", "LineNew"),
    },
    "embedding": {
        "read_embedding": lambda path: read_embedding(path, "new"),
        "import --embedding": lambda path: _import("--embedding", f"new={path}"),
    },
    "sets": {
        "GeneSets.read": GeneSets.read,
        "import --gene-sets": lambda path: _import("--gene-sets", path),
    },
    "published": {
        "Published.read": lambda path: Published.read(path, "LineA"),
        "import --predictions (table)": lambda path: _import("--predictions", f"LineA={path}"),
    },
    "predictions": {
        "ExternalPredictions.read": ExternalPredictions.read,
        "import --predictions (h5ad)": lambda path: _import("--predictions", f"LineA={path}"),
    },
    "archive": {"unpack": _unpack},
    "metalink": {
        "parse_metalink": lambda path: parse_metalink(
            path.read_bytes().decode("utf-8", "replace"), "per-protein.h5"
        )
    },
    "cells": {"read_cells": _cells},
}
"""By kind of file; the first reader of each is tried most."""


def leaks(result: object) -> bool:
    """Whether anything that was read comes from the files outside."""
    return any(
        MARK[:8] in part if isinstance(part, str) else bool(np.isclose(part, NUMBER).any())
        for part in _parts(result)
    )


def unsafe(result: object) -> bool:
    """Whether a name is more than text."""
    names = [getattr(result, key, ()) for key in ("genes", "perturbations", "members", "methods")]
    texts = [getattr(result, key, "") for key in ("line", "unit", "name", "method", "source")]
    return any(UNSAFE.search(str(name)) for group in (*names, texts) for name in group)


def _parts(value: object) -> Iterator[str | np.ndarray]:
    """All texts and arrays of numbers in what a reader returned."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, bytes):
        yield value.decode("latin-1")
    elif isinstance(value, pd.DataFrame):
        for column in value:
            yield from _parts(value[column].to_numpy())
    elif isinstance(value, np.ndarray):
        if value.dtype.kind in "fiu":
            yield value
        else:
            yield " ".join(map(str, value.ravel()))
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _parts(key)
            yield from _parts(inner)
    elif isinstance(value, list | tuple | set | frozenset):
        for inner in value:
            yield from _parts(inner)
    elif isinstance(value, Cells):
        yield value.expression.data
    elif is_dataclass(value):
        for field in fields(value):
            yield from _parts(getattr(value, field.name))
