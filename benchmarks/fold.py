"""One fold of the simulated screen, and what it takes to fit and predict it."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.machine import peak_memory
from benchmarks.work import Work, counted


@dataclass(frozen=True)
class Fold:
    """Training inputs, responses and cells, the columns of each source, and test inputs."""

    inputs: np.ndarray
    response: np.ndarray
    cells: np.ndarray
    parts: Mapping[str, slice]
    test: np.ndarray

    def first(self, outputs: int) -> "Fold":
        """With the first columns of the response only."""
        return replace(self, response=self.response[:, :outputs])

    def __str__(self) -> str:
        rows, columns = self.response.shape
        return (
            f"{rows:,} training perturbations x {columns:,} genes, {len(self.parts)} sources with"
            f" {self.inputs.shape[1]} inputs, {len(self.test):,} predictions with standard"
            " deviation"
        )


@dataclass(frozen=True)
class Cost:
    """Wall and processor seconds of each run, peak memory in bytes, and the work of one run."""

    seconds: list[float]
    processor: list[float]
    peak: int
    work: Work

    @property
    def median(self) -> float:
        """Wall seconds of a run."""
        return float(np.median(self.seconds))


def simulated_fold() -> Fold:
    """The first fold, as `Experiment` gives it to a model."""
    from llmpert.datasets import simulated_dataset
    from llmpert.evaluation.experiment import Experiment

    data = simulated_dataset()
    problem = data.problem(next(iter(data.screens)))
    experiment = Experiment(problem)
    split = experiment.split(experiment.largest_training_size, fold=0)
    inputs, joined = problem.inputs(experiment.settings.components)
    screen = problem.screen
    return Fold(
        inputs[split.train],
        screen.response[np.ix_(split.train, experiment.variable_genes(split.train_pool))],
        screen.cells[split.train],
        joined.parts,
        inputs[split.test],
    )


def fit_and_predict(model: str, fold: Fold) -> None:
    """As `Experiment` does it."""
    from llmpert.models.registry import MODELS

    spec = MODELS[model]
    cells = {"cells": fold.cells} if spec.uses_cells else {}
    fitted = spec.build(0, fold.parts).fit(fold.inputs, fold.response, **cells)
    fitted.predict(fold.test, return_std=True)


def measure(model: str, fold: Fold, runs: int) -> Cost:
    """The cost of a model; imports and one run before, whose work is counted, are not timed."""
    with counted() as work:
        fit_and_predict(model, fold)
    seconds, processor = [], []
    for _ in range(runs):
        start, used = time.perf_counter(), time.process_time()
        fit_and_predict(model, fold)
        seconds.append(time.perf_counter() - start)
        processor.append(time.process_time() - used)
    return Cost(seconds, processor, peak_memory(), work)
