"""The rank-score benchmark, read once: reading takes as long as many a test."""

import pytest

from benchmarks import real
from llmpert.datasets import Dataset


@pytest.fixture(scope="session")
def benchmark(real_data) -> Dataset:
    """Its two lines and six embeddings, which are not to be changed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LLMPERT_REAL_DATA", str(real_data))
        return real.read()
