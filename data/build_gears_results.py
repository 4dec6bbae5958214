"""Build `data/simulated_external_*.h5ad`: GEARS' predictions of the simulated screens.

Run from the repository's root with the extra installed (`requirements-gears.txt`); it takes about
forty minutes on two cores, and 12 GB of memory:

    python -m data.build_gears_results                # keep finished folds in the data folder
    python -m data.build_gears_results --work DIR     # keep finished folds in DIR

For each line it simulates cells and an ontology, trains GEARS on the five folds that every other
model is tested on, and writes what it predicts. A run that is stopped goes on with the next fold.

The files are no part of the repository (9 MB): the app takes those that were made on the screens as
they are simulated now.

Each perturbation has five pools of 44 cells, 220 in all, as many as the median perturbation of the
screens: GEARS learns from as much as the models that are given the means. It halves its learning
rate with every epoch: the first three of its default twenty have 88 % of the sum of all rates. On
an older simulation the error on its validation perturbations grew from there, and single cells
instead of pools, or pools scaled up less or more, were worse.
"""

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from llmpert.datasets.builtin import TRAIN_SIZE, simulated_dataset
from llmpert.evaluation.experiment import Experiment
from llmpert.io.paths import home, shipped
from llmpert.methods.gears.cells import read_cells
from llmpert.methods.gears.run import Training, check_installed, folds, run
from llmpert.methods.predictions import ExternalPredictions
from llmpert.simulation.cells import single_cells
from llmpert.simulation.generate import gene_ontology, simulate

CELLS, POOL, CONTROLS = 5, 44, 500
TRAINING = Training(epochs=3, threads=1)
AT_ONCE = 2
STEP = 1 / 512
"""Predictions are rounded to multiples of this: a tenth of the smallest mean error, and a file a
quarter as large as with all digits."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Train the folds that are not finished yet and write the files."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--work", type=Path, default=home() / "gears", help="folder of finished folds"
    )
    parser.add_argument("--out", type=Path, default=shipped(), help="folder to write to")
    options = parser.parse_args(arguments)
    check_installed()
    data, simulation = simulated_dataset(), simulate()
    for line in data.screens:
        experiment = Experiment(data.problem(line))
        screen = experiment.problem.screen
        terms = gene_ontology(simulation).within(screen.perturbations)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "cells.h5ad"
            single_cells(simulation, line, CELLS, POOL).write_h5ad(path)
            cells = read_cells(path, screen, per_perturbation=CELLS, controls=CONTROLS)
        parts, _ = folds(experiment, cells, terms, TRAIN_SIZE, TRAINING.seed)
        with tqdm(total=len(parts), desc=line, unit="fold") as bar:
            predictions = run(
                screen, cells, terms, parts, TRAINING, options.work, AT_ONCE,
                lambda fold, done, bar=bar: bar.update(int(done == 1)),
            )  # fmt: skip
        _write(predictions, options.out / f"simulated_external_gears_{line}.h5ad")


def _write(predictions: ExternalPredictions, path: Path) -> None:
    rounded = np.round(predictions.delta / STEP) * STEP
    about = predictions.about | {"command": "python -m data.build_gears_results"}
    replace(predictions, delta=rounded, about=about).save(path)
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
