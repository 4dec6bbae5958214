"""What GEARS is trained on in each fold, and what that takes."""

from dataclasses import dataclass

import numpy as np

from llmpert.errors import InputError
from llmpert.evaluation.experiment import Experiment
from llmpert.genes.sets import GeneSets
from llmpert.methods.gears.cells import Cells

VALIDATION = 0.1
"""Share of a fold's training perturbations by which GEARS chooses its epoch, as in the package."""

STARTING, SECONDS_PER_VALUE = 30.0, 9e-6
STARTING_BYTES, BYTES_PER_VALUE = 0.4e9, 400.0
"""Measured on one core: seconds before training, and per cell, gene and epoch; memory of libraries,
and per cell and gene (GEARS predicts all cells it trained on after every epoch)."""


@dataclass(frozen=True)
class Training:
    """How GEARS is trained; what is not here is the package's default.

    Attributes:
        epochs, batch_size, hidden_size: As GEARS calls them.
        threads: Processor cores each fold may use; None leaves it to torch.
        seed: Folds use seeds of their own that follow from it.
    """

    epochs: int = 20
    batch_size: int = 32
    hidden_size: int = 64
    threads: int | None = None
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Fold:
    """What one process is to do.

    Attributes:
        number: Of the fold.
        train, validation, predict: Names of perturbations. All three have terms, the first two have
            cells.
        gene_idx: The screen's genes that are predicted: chosen on the fold's training part alone.
    """

    number: int
    train: list[str]
    validation: list[str]
    predict: list[str]
    gene_idx: np.ndarray


def folds(
    experiment: Experiment, cells: Cells, terms: GeneSets, train_size: int, seed: int
) -> tuple[list[Fold], dict[str, str]]:
    """Return the folds of every other model, cut to perturbations that GEARS can use.

    Returns:
        The folds, and the perturbations that are left out -> why.

    Raises:
        InputError: A fold is left with too few to train on, or with none to predict.
    """
    names = experiment.problem.screen.perturbations
    known = set().union(*terms.members.values())
    left_out = {str(name): "no term in the ontology" for name in names if name not in known}
    trainable = known & cells.perturbations
    found = []
    for number in range(experiment.settings.folds):
        part = experiment.split(train_size, number)
        training = [str(n) for n in names[part.train] if n in trainable]
        predict = [str(n) for n in names[part.test] if n in known]
        rng = np.random.default_rng([seed, number])
        count = max(1, round(VALIDATION * len(training)))
        validation = sorted(rng.permutation(training)[:count].tolist())
        train = [name for name in training if name not in set(validation)]
        if len(train) < 2 or not predict:
            raise InputError(
                f"Expected perturbations with terms and cells in fold {number + 1}, found"
                f" {len(training)} to train on and {len(predict)} to predict."
            )
        found.append(
            Fold(number, train, validation, predict, experiment.variable_genes(part.train_pool))
        )
    return found, left_out


def needs(parts: list[Fold], cells: Cells, training: Training, at_once: int) -> tuple[float, float]:
    """Estimate how many seconds and gigabytes the folds take, without a GPU.

    From what was measured on the simulated cells (2,000 genes). A second core sped a fold up by a
    tenth only and is not counted; processors differ by a factor of two or more.
    """
    seconds, bytes_ = [], []
    for fold in parts:
        values = cells.count([*fold.train, *fold.validation]) * len(fold.gene_idx)
        width = training.hidden_size / 64
        seconds.append(STARTING + SECONDS_PER_VALUE * values * training.epochs * width)
        bytes_.append(STARTING_BYTES + BYTES_PER_VALUE * values)
    workers = min(at_once, len(parts))
    return sum(seconds) / workers, workers * max(bytes_) / 1e9
