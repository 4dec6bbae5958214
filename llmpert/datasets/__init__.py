"""Data sets: screens, embeddings and what else belongs to them, built in, imported or uploaded."""

from llmpert.datasets.builtin import BUILT_IN_DATA, RANKS, SIMULATED, simulated_dataset
from llmpert.datasets.dataset import Dataset, Parts
from llmpert.datasets.store import DatasetStore, Summary
from llmpert.datasets.uploads import GONE, UploadStore, is_upload

__all__ = [
    "BUILT_IN_DATA", "GONE", "RANKS", "SIMULATED", "Dataset", "DatasetStore", "Parts", "Summary",
    "UploadStore", "is_upload", "simulated_dataset", "store_of",
]  # fmt: skip


def store_of(name: str) -> DatasetStore:
    """Return the store in the data folder that a data set of this name lies in."""
    return UploadStore() if is_upload(name) else DatasetStore()
