"""Training GEARS fold by fold, in processes of their own, and gathering what it predicts."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from llmpert.errors import InputError
from llmpert.genes.sets import GeneSets
from llmpert.io.hashing import fingerprint
from llmpert.methods.gears.cells import Cells
from llmpert.methods.gears.folds import Fold, Training
from llmpert.methods.gears.graph import edges, jaccard
from llmpert.methods.predictions import ExternalPredictions
from llmpert.screens.screen import Screen

METHOD = "GEARS"
VERSION = 1
"""Raised whenever the same data and settings give other predictions: finished folds are redone."""

WORKER = (sys.executable, "-m", "llmpert.methods.gears.worker")
STEP = re.compile(r"Epoch (\d+) Step (\d+)")

Progress = Callable[[int, float], None]
"""Called with the fold and how much of its training is done, 0 to 1."""


def installed() -> bool:
    """Whether GEARS' package is there."""
    try:
        version("cell-gears")
    except PackageNotFoundError:
        return False
    return True


def check_installed() -> None:
    """Raise an InputError that says what to do where the extra is not installed."""
    if not installed():
        raise InputError(
            "GEARS is not installed. It is an extra: pip install -r requirements-gears.txt."
        )


def run(
    screen: Screen,
    cells: Cells,
    terms: GeneSets,
    parts: Sequence[Fold],
    training: Training,
    work: Path,
    at_once: int = 1,
    progress: Progress = lambda fold, done: None,
    worker: Sequence[str] = WORKER,
) -> ExternalPredictions:
    """Train GEARS on every fold that is not finished yet and gather all predictions.

    Args:
        terms: As the screen spells genes.
        parts: From `folds`.
        work: Where finished folds are kept: a run that is stopped goes on with the next fold.
        at_once: Folds trained at the same time.
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
            cells.of([*fold.train, *fold.validation], fold.gene_idx).write_h5ad(
                folder / "cells.h5ad"
            )
            (folder / "job.json").write_text(json.dumps(job), "utf-8")
            steps = training.epochs * max(1, cells.count(fold.train) // training.batch_size)
            _work([*worker, str(folder)], folder, lambda step: progress(fold.number, step / steps))
            os.replace(folder / "prediction.npz", result)
            shutil.rmtree(folder)
        progress(fold.number, 1.0)
        return result

    with ThreadPoolExecutor(at_once) as pool:
        results = list(pool.map(finished, parts))
    return _gathered(screen, parts, results, training)


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
            f"GEARS stopped with exit code {code}; its last words: {said}. All it said is in"
            f" {folder / 'log.txt'}; finished folds are kept."
        )


def _gathered(
    screen: Screen, parts: Sequence[Fold], results: Sequence[Path], training: Training
) -> ExternalPredictions:
    """Return all folds' predictions as one table; a fold's unpredicted genes are NaN."""
    genes = screen.genes[np.unique(np.concatenate([fold.gene_idx for fold in parts]))]
    position = {gene: at for at, gene in enumerate(genes)}
    blocks, about = [], []
    for fold, path in zip(parts, results, strict=True):
        with np.load(path, allow_pickle=False) as stored:
            block = np.full((len(fold.predict), len(genes)), np.nan, dtype=np.float32)
            block[:, [position[gene] for gene in stored["genes"]]] = stored["delta"]
            blocks.append(block)
            about.append(json.loads(str(stored["about"])))
    return ExternalPredictions(
        method=METHOD,
        line=screen.line,
        unit=screen.unit,
        perturbations=np.array([name for fold in parts for name in fold.predict], dtype=object),
        genes=genes,
        delta=np.vstack(blocks),
        fold=np.array([fold.number for fold in parts for _ in fold.predict], dtype=object),
        trained_on={
            str(fold.number): np.array([*fold.train, *fold.validation], dtype=object)
            for fold in parts
        },
        about={
            "screen": screen.fingerprint,
            "training": asdict(training),
            "seconds": round(sum(entry["seconds"] for entry in about), 1),
            "device": about[0]["device"],
            "versions": about[0]["versions"],
        },
    )
