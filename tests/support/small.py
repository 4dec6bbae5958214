"""Small data for tests: two lines, two embeddings that know something of the responses."""

import hashlib
import pickle
from pathlib import Path

import numpy as np
import pandas as pd

from llmpert.datasets import Dataset, DatasetStore, Parts
from llmpert.embeddings import Embedding
from llmpert.genes import GeneTable
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


def add(name: str, screens=(), embeddings=(), gene_sets=(), published=(), external=()) -> Dataset:
    """Add parts to a data set of the data folder; predictions may leave out perturbations."""
    parts = Parts(screens, embeddings, gene_sets, published, external)
    return DatasetStore().add(name, parts, allow_missing=True)


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
