"""Small data for tests: two lines, two embeddings that know something of the responses."""

import hashlib
import os
import pickle
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from llmpert.datasets import Dataset, DatasetStore, Parts
from llmpert.embeddings import Embedding
from llmpert.genes import GeneTable
from llmpert.io.paths import home
from llmpert.screens import Screen

LINES = ("LineA", "LineB")


def names(prefix: str, count: int) -> list[str]:
    return [f"{prefix}{number:03d}" for number in range(count)]


def screen(
    line: str = "LineA", perturbations: int = 40, genes: int = 30, seed: int = 0, **fields
) -> Screen:
    """Responses that follow three hidden traits of the perturbed genes, and some noise."""
    rng = np.random.default_rng(seed)
    response = 0.5 + traits(perturbations) @ rng.normal(size=(3, genes))
    return Screen(
        line=line,
        response=response + 0.3 * rng.normal(size=response.shape),
        perturbations=names("KD", perturbations),
        genes=names("OUT", genes),
        unit="Δ expression",
        **{"provenance": {"source": "made for a test"}, **fields},
    )


def embedding(name: str = "text", genes: int = 45, dimensions: int = 8, seed: int = 1) -> Embedding:
    """Vectors of the perturbed genes and a few more."""
    rng = np.random.default_rng(seed)
    vectors = traits(genes) @ rng.normal(size=(3, dimensions))
    return Embedding(
        name, names("KD", genes), vectors + 0.1 * rng.normal(size=vectors.shape),
        {"source": "made for a test"},
    )  # fmt: skip


def gene_table(aliases: dict[str, str]) -> GeneTable:
    """Genes known by a symbol and further names, which "|" separates."""
    columns = {"entrez": "", "name": "", "ensembl": "", "uniprot": ""}
    frame = pd.DataFrame({"symbol": list(aliases), "aliases": list(aliases.values())})
    return GeneTable(frame.assign(**columns))


def traits(count: int) -> np.ndarray:
    """The hidden traits of the first `count` genes: a longer list starts with a shorter one."""
    return np.random.default_rng(99).normal(size=(1000, 3))[:count]


def add(name: str, *parts, **more) -> Dataset:
    """Add `Parts` to a data set of the data folder; predictions may leave out perturbations."""
    return DatasetStore().add(name, Parts(*parts, **more), allow_missing=True)


_WRITTEN: dict[bytes, dict[Path, bytes]] = {}


def place(name: str, *parts, **more) -> None:
    """Put a data set into the data folder like `add`; its files are made once, then copied."""
    folder = DatasetStore().folder(name)
    if folder.exists():
        add(name, *parts, **more)
        return
    key = hashlib.sha256(pickle.dumps((name, parts, more))).digest()
    if key not in _WRITTEN:
        add(name, *parts, **more)
        files = (path for path in folder.rglob("*") if path.is_file())
        _WRITTEN[key] = {path.relative_to(folder): path.read_bytes() for path in files}
        return
    for path, content in _WRITTEN[key].items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)


_SHARED = TemporaryDirectory(prefix="llmpert-shared-", ignore_cleanup_errors=True)
_FOLDERS: dict[bytes, Path] = {}
RESULTS = Path(_SHARED.name) / "results"
"""Fits on data sets of `share`; processes that run tests together have one folder for them."""


def share(name: str, *parts, **more) -> None:
    """Put a data set into a data folder that all tests of the same data sets share from then on.

    So each data set is loaded once, and each fit and map is made once. No test may change it.
    """
    before = home()
    shared = before in _FOLDERS.values()
    assert shared or not before.exists()
    key = hashlib.sha256(pickle.dumps((before.name if shared else "", name, parts, more))).digest()
    if key not in _FOLDERS:
        _FOLDERS[key] = Path(_SHARED.name) / f"{len(_FOLDERS)}"
        if shared:
            shutil.copytree(before, _FOLDERS[key], symlinks=True)
        else:
            # Fits are found by all that they were made from.
            RESULTS.mkdir(exist_ok=True)
            _FOLDERS[key].mkdir()
            (_FOLDERS[key] / "results").symlink_to(RESULTS, target_is_directory=True)
        os.environ["LLMPERT_HOME"] = str(_FOLDERS[key])
        add(name, *parts, **more)
    os.environ["LLMPERT_HOME"] = str(_FOLDERS[key])
