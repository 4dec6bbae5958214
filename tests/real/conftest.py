"""The rank-score benchmark, read once: reading takes as long as many a test."""

import pytest

from benchmarks import real
from llmpert.datasets import Dataset
from llmpert.embeddings import BUILT_IN, built_in
from llmpert.evaluation.experiment import Experiment, FittedModel
from llmpert.evaluation.problem import Problem


@pytest.fixture(scope="session")
def benchmark(real_data) -> Dataset:
    """Its two lines and six embeddings, which are not to be changed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LLMPERT_REAL_DATA", str(real_data))
        return real.read()


@pytest.fixture(scope="session")
def gp_of_folds(benchmark) -> dict[str, tuple[Experiment, list[FittedModel]]]:
    """The Gaussian process on both embeddings that come with llmpert, fitted to each fold."""
    found = {}
    for line, screen in benchmark.screens.items():
        experiment = Experiment(Problem.align(screen, [built_in(name) for name in BUILT_IN]))
        size, folds = experiment.largest_training_size, range(experiment.settings.folds)
        found[line] = experiment, [experiment.fit_fold("gp", size, fold) for fold in folds]
    return found
