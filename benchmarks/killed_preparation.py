"""Part of `python -m benchmarks.kills`: a recipe killed on the way from nothing to its end."""

import os
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import click

from llmpert.downloads import Registry
from tests.support import paper_files
from tests.support.faulty_server import Faulty

PREPARE = ("prepare", "paper-2024", "--way", "bulk", "--yes")
NAME = "paper-2024-bulk"
GENES = 20_000
FILES = 4
"""That it is made of."""
THERE = "when the data set was there"


def kill_preparations(times: int, random: Random) -> list[str]:
    """Kill preparations at random moments and report; what was lost or wrong."""
    kills, wrong, rounds, restarts = Counter[str](), [], 0, 0
    with Faulty(pause=0.003) as server, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        known = paper_files.registry(server, folder, GENES)
        started = time.monotonic()
        _ended(paper_files.process(known, folder / "undisturbed", *PREPARE))
        takes, whole = time.monotonic() - started, server.sent
        expected = _content(folder / "undisturbed")
        while kills.total() < times:
            rounds += 1
            home, reached = folder / f"killed-{rounds}", ""
            while kills.total() < times and reached != THERE:
                restarts += 1
                if not _killed(known, home, random.uniform(0, takes)):
                    break
                reached = _reached(home)
                kills[reached] += 1
                if reached == THERE and _content(home) != expected:
                    wrong.append("a killed process left another data set")
            _ended(paper_files.process(known, home, *PREPARE))
            if _content(home) != expected:
                wrong.append("the end is not that of an undisturbed preparation")
        twice = server.sent - (rounds + 1) * whole
    click.echo(
        f"{kills.total()} kills in {rounds} preparations, {restarts} starts, {twice:,} of"
        f" {whole:,} bytes a preparation sent twice"
    )
    for what, count in kills.most_common():
        click.echo(f"  {count:3d} {what}")
    if not wrong:
        click.echo(f"All {rounds} data sets are, bit by bit, that of an undisturbed preparation.")
    return wrong


def _killed(known: Registry, home: Path, seconds: float) -> bool:
    """Run a process; whether it was killed, so long after its start."""
    process = paper_files.process(known, home, *PREPARE)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return True
    _ended(process)
    return False


def _ended(process: subprocess.Popen) -> None:
    _, said = process.communicate()
    if process.returncode:
        raise SystemExit(f"The preparation failed: {said}")


def _reached(home: Path) -> str:
    """How far a preparation has come."""
    kept, notes = home / "datasets" / NAME, home.glob("downloads/*.provenance.json")
    if (kept / "dataset.json").exists():
        return THERE
    if kept.exists():
        return "while it was written"
    if len(list(notes)) == FILES:
        return "while files were read and matched"
    return "while files came" if home.exists() else "before anything came"


def _content(home: Path) -> dict[str, Any]:
    with _at(home):
        return paper_files.content(NAME)


@contextmanager
def _at(home: Path) -> Iterator[None]:
    before = os.environ.get("LLMPERT_HOME")
    os.environ["LLMPERT_HOME"] = str(home)
    try:
        yield
    finally:
        del os.environ["LLMPERT_HOME"]
        os.environ |= {} if before is None else {"LLMPERT_HOME": before}
