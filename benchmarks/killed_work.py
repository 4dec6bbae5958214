"""Part of `python -m benchmarks.kills`: single cells to a screen, and an evaluation."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import click
import pandas as pd

from benchmarks.cells import write
from llmpert.embeddings import save_embedding
from llmpert.screens import Screen
from tests.support import small

REPOSITORY = Path(__file__).resolve().parent.parent
CELLS = 0.8e9
"""Bytes of a file that is worked on in several parts."""
MODELS = ("mean", "knn", "linear", "ridge", "gp-paper", "gp")


def kill_pseudobulk(times: int, random: Random) -> list[str]:
    """Kill the way from single cells to a screen and report; what was lost or wrong."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = folder / "k562_cells.h5ad"
        write(file, CELLS, "dense")
        return _kill(
            "from single cells to a screen", times, random, folder,
            ("pseudobulk", str(file), "--out"), "screen.h5ad",
            "singlecell/*/*/*.npz", lambda path: Screen.load(path).fingerprint,
        )  # fmt: skip


def kill_evaluations(times: int, random: Random) -> list[str]:
    """Kill an evaluation and report; what was lost or wrong."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        small.screen(perturbations=300, genes=400).save(folder / "LineA.h5ad")
        save_embedding(small.embedding(genes=320, dimensions=60), folder / "text.parquet")
        words = ["evaluate", "--screen", str(folder / "LineA.h5ad")]
        words += ["--embedding", f"text={folder / 'text.parquet'}"]
        words += [word for model in MODELS for word in ("--model", model)]
        words += ["--train-size", "100", "--train-size", "200", "--repeats", "3", "--out"]
        return _kill(
            "of an evaluation", times, random, folder, words, "results.parquet",
            "results/*/*.parquet", lambda path: pd.read_parquet(path).to_csv(),
        )  # fmt: skip


def _kill(
    what: str,
    times: int,
    random: Random,
    folder: Path,
    words: "tuple[str, ...] | list[str]",
    out: str,
    finished: str,
    content: Callable[[Path], str],
) -> list[str]:
    """Kill a command until it has been killed so often, each time anew until it ends.

    Parameters
    ----------
    out:
        What it writes.
    finished:
        Files in its data folder that hold finished parts of the work.
    content:
        What must be the same in the end.
    """

    def start(home: Path) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, "-m", "llmpert", *words, str(home / out)],
            cwd=REPOSITORY, env={**os.environ, "LLMPERT_HOME": str(home)},
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    began = time.monotonic()
    if start(folder / "undisturbed").wait():
        raise SystemExit(f"The command failed: {words[0]}")
    takes = time.monotonic() - began
    expected = content(folder / "undisturbed" / out)
    kills, rounds, working, kept, wrong = 0, 0, 0, 0, []
    while kills < times:
        rounds += 1
        home, ended = folder / f"killed-{rounds}", False
        while not ended:
            before = set(home.glob(finished))
            process = start(home)
            try:
                ended = process.wait(random.uniform(0.1, takes) if kills < times else None) == 0
                wrong += [] if ended else [f"{what}: a run after a kill failed"]
                ended = True
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                kills += 1
                parts = set(home.glob(finished))
                working += bool(parts)
                kept += len(parts)
                written = (home / out).exists()
                # Finished parts go once the whole is there, or almost.
                if not written and parts and not before <= parts:
                    wrong.append(f"{what}: {len(before - parts)} finished parts were lost")
                if written and content(home / out) != expected:
                    wrong.append(f"{what}: a killed run left another result")
        if content(home / out) != expected:
            wrong.append(f"{what}: the end is not that of an undisturbed run")
    click.echo(
        f"{kills} kills {what} in {rounds} runs, {working} of them with finished parts"
        f" ({kept / max(working, 1):.0f} on average), which later runs used"
    )
    return wrong
