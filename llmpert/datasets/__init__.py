"""Data sets: screens, embeddings and what else belongs to them, built in or imported."""

from llmpert.datasets.dataset import (
    GONE,
    Dataset,
    add,
    exists,
    load,
    names,
    parts,
    record,
    simulated_dataset,
    size,
    stamp,
    with_added,
)
from llmpert.datasets.folders import SIMULATED, folder, remove

__all__ = [
    "GONE", "SIMULATED", "Dataset", "add", "exists", "folder", "load", "names", "parts", "record",
    "remove", "simulated_dataset", "size", "stamp", "with_added",
]  # fmt: skip
