"""Training GEARS fold by fold, in processes of their own, and gathering what it predicts."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from llmpert.errors import InputError
from llmpert.evaluation.experiment import Experiment
from llmpert.evaluation.external import ExternalPredictions
from llmpert.gears.cells import CONTROL, Cells
from llmpert.gears.graph import edges, jaccard
from llmpert.gene_sets import GeneSets
from llmpert.storage import fingerprint

METHOD = "GEARS"
VERSION = 1
"""Raised whenever the same data and settings give other predictions: finished folds are redone."""

VALIDATION = 0.1
"""Share of a fold's training perturbations by which GEARS chooses its epoch, as in the package."""

STARTING, SECONDS_PER_VALUE = 40.0, 11e-6
PACKAGE_BYTES, BYTES_PER_VALUE, BYTES_PER_UNIT = 0.6e9, 24.0, 60.0
"""Measured: seconds before training and per cell, gene and epoch; memory of the libraries, per cell
and gene, and per gene and hidden unit of a batch."""

STEP = re.compile(r"Epoch (\d+) Step (\d+)")

Progress = Callable[[int, float], None]
"""Called with the fold and how much of its training is done, 0 to 1."""


@dataclass(frozen=True)
class Training:
    """How GEARS is trained; what is not here is the package's default.

    Attributes
    ----------
    epochs, batch_size, hidden_size:
        As GEARS calls them.
    threads:
        Processor cores each fold may use; None leaves it to torch.
    seed:
        Folds use seeds of their own that follow from it.
    """

    epochs: int = 20
    batch_size: int = 32
    hidden_size: int = 64
    threads: int | None = None
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Fold:
    """What one process is to do.

    Attributes
    ----------
    number:
        Of the fold.
    train, validation, predict:
        Names of perturbations. All three have terms, the first two have cells.
    columns:
        The screen's genes that are predicted: chosen on the fold's training part alone.
    """

    number: int
    train: list[str]
    validation: list[str]
    predict: list[str]
    columns: np.ndarray


def folds(
    experiment: Experiment, cells: Cells, terms: GeneSets, train_size: int, seed: int
) -> tuple[list[Fold], dict[str, str]]:
    """The same folds as every other model's, cut to perturbations that GEARS can use.

    Returns
    -------
    The folds, and the perturbations that are left out -> why.

    Raises
    ------
    InputError
        A fold is left with too few to train on, or with none to predict.
    """
    names = experiment.problem.screen.perturbations
    known = set().union(*terms.members.values())
    left_out = {str(name): "no term in the ontology" for name in names if name not in known}
    found = []
    for number in range(experiment.settings.folds):
        part = experiment.split(train_size, number)
        training = [str(n) for n in names[part.train] if n in known and n in cells.perturbations]
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
        found.append(Fold(number, train, validation, predict, experiment.columns(part.pool)))
    return found, left_out


def needs(parts: list[Fold], cells: Cells, training: Training, at_once: int) -> tuple[float, float]:
    """About how many seconds and gigabytes the folds take, without a GPU.

    From what was measured on the simulated cells (2,000 genes, one core a fold); processor cores
    differ by a factor of two or more.
    """
    seconds, bytes_ = [], []
    for fold in parts:
        values = _cells_of(cells, [*fold.train, *fold.validation]) * len(fold.columns)
        width = training.hidden_size / 64
        seconds.append(STARTING + SECONDS_PER_VALUE * values * training.epochs * width)
        activations = training.batch_size * len(fold.columns) * training.hidden_size
        bytes_.append(PACKAGE_BYTES + BYTES_PER_VALUE * values + BYTES_PER_UNIT * activations)
    workers = min(at_once, len(parts))
    cores = workers if training.threads == 1 else workers * max(1, training.threads or 1) ** 0.5
    return sum(seconds) / cores, workers * max(bytes_) / 1e9


def check_installed() -> None:
    """Raise an InputError that says what to do where the extra is not installed."""
    if find_spec("gears") is None:
        raise InputError(
            "GEARS is not installed. It is an extra: pip install -r requirements-gears.txt."
        )


def run(
    experiment: Experiment,
    cells: Cells,
    terms: GeneSets,
    training: Training,
    train_size: int,
    work: Path,
    at_once: int = 1,
    progress: Progress = lambda fold, done: None,
) -> ExternalPredictions:
    """Train GEARS on every fold that is not finished yet and gather all predictions.

    Parameters
    ----------
    terms:
        As the screen spells genes.
    work:
        Where finished folds are kept: a run that is stopped goes on with the next fold.
    at_once:
        Folds trained at the same time.

    Raises
    ------
    InputError
        The extra is not installed, a fold has too little to learn from, or GEARS failed.
    """
    check_installed()
    parts, _ = folds(experiment, cells, terms, train_size, training.seed)
    names = list(experiment.problem.screen.perturbations)
    similarity = jaccard(terms, names)
    known = set().union(*terms.members.values())
    vocabulary = sorted(str(name) for name in names if name in known)
    graph = [edge for edge in edges(similarity, names) if edge[1] in known]

    def finished(fold: Fold) -> Path:
        job = {
            **asdict(training),
            "seed": int(np.random.SeedSequence([training.seed, fold.number]).generate_state(1)[0]),
            "vocabulary": vocabulary,
            "graph": graph,
            "train": fold.train,
            "validation": fold.validation,
            "predict": fold.predict,
        }
        key = fingerprint(VERSION, json.dumps(job), cells.fingerprint, fold.columns)
        result = work / f"{key}.npz"
        if not result.exists():
            data = cells.of([*fold.train, *fold.validation], fold.columns)
            folder = work / key
            shutil.rmtree(folder, ignore_errors=True)  # of a run that was stopped
            folder.mkdir(parents=True)
            data.write_h5ad(folder / "cells.h5ad")
            (folder / "job.json").write_text(json.dumps(job), "utf-8")
            steps = training.epochs * max(1, _cells_of(cells, fold.train) // training.batch_size)
            _work(folder, lambda done: progress(fold.number, done / steps), training)
            os.replace(folder / "prediction.npz", result)
            shutil.rmtree(folder)
        progress(fold.number, 1.0)
        return result

    with ThreadPoolExecutor(at_once) as pool:
        results = list(pool.map(finished, parts))
    return _gathered(experiment, parts, results, training, train_size)


def _cells_of(cells: Cells, perturbations: list[str]) -> int:
    return int(np.isin(cells.perturbation, [*perturbations, CONTROL]).sum())


def _work(folder: Path, progress: Callable[[int], None], training: Training) -> None:
    """Run one fold's process and tell the steps it has made."""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    if training.threads:
        environment |= {"OMP_NUM_THREADS": str(training.threads)}
    command = [sys.executable, "-m", "llmpert.gears.worker", str(folder)]
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
                if told := STEP.match(line):
                    epoch, step = map(int, told.groups())
                    per_epoch[epoch] = step
                    progress(sum(per_epoch.values()))
            code = process.wait()
        finally:
            process.kill()
    if code:
        said = next((line for line in reversed(last) if line), "nothing")
        raise InputError(
            f"GEARS stopped with exit code {code}; its last words: {said}. All it said is in"
            f" {folder / 'log.txt'}; finished folds are kept."
        )


def _gathered(
    experiment: Experiment,
    parts: list[Fold],
    results: list[Path],
    training: Training,
    train_size: int,
) -> ExternalPredictions:
    """All folds' predictions as one table; a fold's unpredicted genes are missing (NaN)."""
    screen = experiment.problem.screen
    columns = np.unique(np.concatenate([fold.columns for fold in parts]))
    position = {gene: at for at, gene in enumerate(screen.genes[columns])}
    names: list[str] = []
    fold_of: list[str] = []
    rows = []
    made = []
    for fold, path in zip(parts, results, strict=True):
        with np.load(path, allow_pickle=False) as stored:
            block = np.full((len(fold.predict), len(columns)), np.nan, dtype=np.float32)
            block[:, [position[gene] for gene in stored["genes"]]] = stored["delta"]
            made.append(json.loads(str(stored["about"])))
        rows.append(block)
        names += fold.predict
        fold_of += [str(fold.number)] * len(fold.predict)
    return ExternalPredictions(
        method=METHOD,
        line=screen.line,
        unit=screen.unit,
        perturbations=np.array(names, dtype=object),
        genes=screen.genes[columns],
        delta=np.vstack(rows),
        fold=np.array(fold_of, dtype=object),
        trained_on={
            str(fold.number): np.array([*fold.train, *fold.validation], dtype=object)
            for fold in parts
        },
        about={
            "screen": screen.fingerprint,
            "training": asdict(training),
            "train_size": train_size,
            "seconds": round(sum(entry["seconds"] for entry in made), 1),
            "device": made[0]["device"],
            "versions": made[0]["versions"],
        },
    )
