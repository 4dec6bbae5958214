"""GEARS' graph of genes, what it alone predicts, and training GEARS itself fold by fold."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import pandas as pd

from llmpert.errors import InputError
from llmpert.evaluation.experiment import Experiment
from llmpert.genes.sets import GeneSets
from llmpert.io.hashing import fingerprint
from llmpert.methods.gears.cells import Cells
from llmpert.methods.predictions import ExternalPredictions
from llmpert.screens.screen import Screen

METHOD = "GEARS"
VERSION = 1
"""Raised whenever the same data and settings give other predictions: finished folds are redone."""

NEIGHBOUR_MEAN = "GO-neighbour mean"
"""What `predict_from_neighbours` is called as a method."""

NEIGHBOURS = 20
THRESHOLD = 0.1
"""GEARS keeps each gene's 20 most similar ones, and itself, if more similar than this."""

VALIDATION = 0.1
"""Share of a fold's training perturbations by which GEARS chooses its epoch, as in the package."""

STARTING, SECONDS_PER_VALUE = 30.0, 9e-6
STARTING_BYTES, BYTES_PER_VALUE = 0.4e9, 400.0
"""Measured on one core: seconds before training, and per cell, gene and epoch; memory of libraries,
and per cell and gene (GEARS predicts all cells it trained on after every epoch)."""

WORKER = (sys.executable, "-m", "llmpert.methods.gears.worker")
STEP = re.compile(r"Epoch (\d+) Step (\d+)")


def jaccard(terms: GeneSets, genes: Sequence[str]) -> np.ndarray:
    """Return shared terms over all terms of two genes, genes x genes; 0 for genes without terms.

    Terms spell genes as `genes` does (see `GeneSets.within`).
    """
    # Only here: every page imports this module by way of the built-in data set.
    from sklearn.preprocessing import MultiLabelBinarizer

    wanted = frozenset(genes)
    members = [found & wanted for found in terms.members.values()]
    carried = MultiLabelBinarizer(classes=list(genes), sparse_output=True).fit_transform(members)
    shared = (carried.T @ carried).toarray().astype(float)
    count = shared.diagonal()
    either = count[:, None] + count[None, :] - shared
    return np.divide(shared, either, out=np.zeros_like(shared), where=either > 0)


def edges(similarity: np.ndarray, genes: Sequence[str]) -> list[tuple[str, str, float]]:
    """Find edges (source, target, similarity) to each gene with terms, from itself and its nearest.

    As GEARS makes them: of the genes more similar than `THRESHOLD`, the `NEIGHBOURS` + 1 most
    similar to each, the gene first. Ties keep the genes' order.
    """
    # Nothing is more similar than 1: with 2 added, each gene is the first of its own.
    ranked = np.argsort(-similarity - 2 * np.eye(len(genes)), axis=1, kind="stable")
    return [
        (str(genes[source]), str(genes[target]), float(similarity[target, source]))
        for target, nearest in enumerate(ranked[:, : NEIGHBOURS + 1])
        for source in nearest[similarity[target, nearest] > THRESHOLD]
    ]


def neighbour_mean(similarity: np.ndarray, responses: np.ndarray) -> np.ndarray:
    """Return the mean response of each gene's nearest training genes, genes x measured genes.

    They are chosen as in `edges`, among the training genes; a gene with none gets the mean of all.
    `similarity` is genes to predict x training genes, `responses` training x measured genes.
    """
    predicted = np.empty((len(similarity), responses.shape[1]), dtype=np.float32)
    for row, to_training in enumerate(similarity):
        nearest = np.argsort(-to_training, kind="stable")[:NEIGHBOURS]
        nearest = nearest[to_training[nearest] > THRESHOLD]
        averaged = responses[nearest] if len(nearest) else responses
        predicted[row] = averaged.mean(axis=0, dtype=np.float64)
    return predicted


def predict_from_neighbours(
    experiment: Experiment, terms: GeneSets, train_size: int
) -> ExternalPredictions:
    """Predict each perturbation of a screen by `neighbour_mean` in the fold that tests it.

    A yardstick for GEARS. Terms spell genes as the screen does.
    """
    screen = experiment.problem.screen
    names = screen.perturbations
    similarity = jaccard(terms, list(names))
    delta = np.empty_like(screen.response)
    fold_of = np.empty(len(names), dtype=object)
    trained_on = {}
    for fold in range(experiment.settings.folds):
        part = experiment.split(train_size, fold)
        to_training = similarity[np.ix_(part.test, part.train)]
        delta[part.test] = neighbour_mean(to_training, screen.response[part.train])
        fold_of[part.test] = str(fold)
        trained_on[str(fold)] = names[part.train]
    return ExternalPredictions(
        NEIGHBOUR_MEAN, screen.line, screen.unit, names, screen.genes, delta, fold_of, trained_on,
        {"screen": screen.fingerprint},
    )  # fmt: skip


@dataclass(frozen=True)
class Training:
    """Settings of GEARS's training; all others are the package's defaults.

    Folds use seeds of their own that follow from `seed`, and as many `threads` each, or with None
    as many as torch takes.
    """

    epochs: int = 20
    batch_size: int = 32
    hidden_size: int = 64
    threads: int | None = None
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Fold:
    """What one process is to do: names of perturbations, and positions of the genes to predict.

    All perturbations have terms, those of `train` and `validation` have cells. The screen's genes
    at `gene_idx` are chosen on the fold's training part alone.
    """

    number: int
    train: list[str]
    validation: list[str]
    predict: list[str]
    gene_idx: np.ndarray


def check_installed() -> None:
    """Raise `InputError` with the command that installs the extra, if it is missing."""
    try:
        version("cell-gears")
    except PackageNotFoundError:
        raise InputError(
            "GEARS is not installed. It is an extra: pip install -r requirements-gears.txt."
        ) from None


def folds(
    experiment: Experiment, cells: Cells, terms: GeneSets, train_size: int, seed: int
) -> tuple[list[Fold], list[str]]:
    """Return the folds of every other model, and the perturbations without terms that they lack.

    Raises:
        InputError: A fold is left with too few to train on, or with none to predict.
    """
    names = experiment.problem.screen.perturbations
    known = set().union(*terms.members.values())
    trainable = known & set(cells.perturbation)
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
        genes = experiment.variable_genes(part.train_pool)
        found.append(Fold(number, train, validation, predict, genes))
    return found, [str(name) for name in names if name not in known]


def needs(parts: list[Fold], cells: Cells, training: Training, at_once: int) -> tuple[float, float]:
    """Estimate how many seconds and gigabytes the folds take, without a GPU.

    From what was measured on the simulated cells (2,000 genes). A second core sped a fold up by a
    tenth only and is not counted; processors differ by a factor of two or more.
    """
    values = [cells.count(part.train + part.validation) * len(part.gene_idx) for part in parts]
    per_value = SECONDS_PER_VALUE * training.epochs * training.hidden_size / 64
    workers = min(at_once, len(parts))
    seconds = (STARTING * len(parts) + per_value * sum(values)) / workers
    return seconds, workers * (STARTING_BYTES + BYTES_PER_VALUE * max(values)) / 1e9


def run(
    screen: Screen,
    cells: Cells,
    terms: GeneSets,
    parts: Sequence[Fold],
    training: Training,
    work: Path,
    at_once: int = 1,
    progress: Callable[[int, float], None] = lambda fold, done: None,
    worker: Sequence[str] = WORKER,
) -> ExternalPredictions:
    """Train GEARS on every fold that is not finished yet and gather all predictions.

    Args:
        terms: As the screen spells genes.
        work: Where finished folds are kept: a run that is stopped goes on with the next fold.
        at_once: Folds trained at the same time.
        progress: Called with the fold and how much of its training is done, 0 to 1.
        worker: The command that is given a fold's folder and writes `prediction.npz` there.

    Raises:
        InputError: GEARS failed; finished folds are kept.
    """
    names = list(screen.perturbations)
    known = set().union(*terms.members.values())
    common = {
        **asdict(training),
        "vocabulary": sorted(known),
        # Pools vary less than cells, for which GEARS' loss (a fourth power) and weight decay are
        # made: scaled up, they vary as much. Predictions are scaled back.
        "scale": float(np.sqrt(cells.pool)),
        "graph": [edge for edge in edges(jaccard(terms, names), names) if edge[1] in known],
    }

    def finished(fold: Fold) -> Path:
        seed = np.random.SeedSequence([training.seed, fold.number]).generate_state(1)[0]
        job = common | {
            "seed": int(seed),
            "train": fold.train,
            "validation": fold.validation,
            "predict": fold.predict,
        }
        key = fingerprint(VERSION, json.dumps(job), cells.fingerprint, fold.gene_idx)
        result = work / f"{key}.npz"
        if not result.exists():
            folder = work / key
            shutil.rmtree(folder, ignore_errors=True)  # of a run that was stopped
            folder.mkdir(parents=True)
            seen = cells.of(fold.train + fold.validation, fold.gene_idx)
            seen.write_h5ad(folder / "cells.h5ad")
            (folder / "job.json").write_text(json.dumps(job), "utf-8")
            steps = training.epochs * max(1, cells.count(fold.train) // training.batch_size)
            _work([*worker, str(folder)], folder, lambda step: progress(fold.number, step / steps))
            os.replace(folder / "prediction.npz", result)
            shutil.rmtree(folder)
        progress(fold.number, 1.0)
        return result

    with ThreadPoolExecutor(at_once) as pool:
        results = list(pool.map(finished, parts))
    blocks, about = [], []
    for fold, path in zip(parts, results, strict=True):
        with np.load(path, allow_pickle=False) as stored:
            blocks.append(pd.DataFrame(stored["delta"], fold.predict, stored["genes"]))
            about.append(json.loads(str(stored["about"])))
    genes = screen.genes[np.unique(np.concatenate([fold.gene_idx for fold in parts]))]
    # A fold's unpredicted genes are NaN.
    delta = pd.concat(blocks).reindex(columns=genes)
    return ExternalPredictions(
        method=METHOD,
        line=screen.line,
        unit=screen.unit,
        perturbations=delta.index.to_numpy(),
        genes=genes,
        delta=delta.to_numpy(),
        fold=np.repeat([fold.number for fold in parts], [len(block) for block in blocks]),
        trained_on={str(fold.number): np.array(fold.train + fold.validation) for fold in parts},
        about={
            "screen": screen.fingerprint,
            "training": asdict(training),
            "seconds": round(sum(entry["seconds"] for entry in about), 1),
            "device": about[0]["device"],
            "versions": about[0]["versions"],
        },
    )


def _work(command: Sequence[str], folder: Path, progress: Callable[[int], None]) -> None:
    """Run one fold's process and report the steps done."""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    last: deque[str] = deque(maxlen=3)
    per_epoch: dict[int, int] = {}
    with (
        (folder / "log.txt").open("w", encoding="utf-8") as log,
        subprocess.Popen(
            command, env=environment, text=True, errors="replace",
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        ) as process,
    ):  # fmt: skip
        try:
            for line in process.stderr or ():
                log.write(line)
                last.append(line.strip())
                if step_line := STEP.match(line):
                    epoch, step = map(int, step_line.groups())
                    per_epoch[epoch] = step
                    progress(sum(per_epoch.values()))
            code = process.wait()
        finally:
            process.kill()
    if code:
        said = next((line for line in reversed(last) if line), "nothing")
        raise InputError(
            f"GEARS stopped with exit code {code}; last output: {said}. Full log:"
            f" {folder / 'log.txt'}; finished folds are kept."
        )
