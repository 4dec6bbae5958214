"""Hostile and damaged files at every reader: whether any is more than refused or read.

    python -m benchmarks.hostile [--count N] [--seed S]

Files made by hand (links and storage that lead out of HDF5, pickles that run, bombs of every
compression, sizes that are claimed, names that are markup or formulas) and random damage to valid
files of every format are given to every reader, in processes with limits of memory and time. Files
outside hold a mark that nothing may return, and what runs would leave a file. The table says by
reader how many were tried and how they ended; the exit code is 1 if any ended badly.
"""

import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from itertools import cycle
from pathlib import Path
from random import Random

import click

from benchmarks.hostile.attacks import attacks
from benchmarks.hostile.mutations import mutations
from benchmarks.hostile.outside import write_outside
from benchmarks.hostile.readers import READERS, prepare
from benchmarks.hostile.valid import write_valid

CHILD = ["-m", "benchmarks.hostile.child"]
PATIENCE = 20.0
"""Seconds for one file."""
GOOD = ("refused", "read")
BAD = (
    "other exception", "crashed", "timed out", "over memory", "executed", "leaked", "unsafe name",
    "lost data",
)  # fmt: skip
FULL_IMPORTS = 10
"""Of so many files one goes through the whole of an import."""

Job = tuple[str, Path]
Outcome = tuple[str, str, Path, str]
"""Reader, how it ended, the file, and why."""


@click.command()
@click.option(
    "--count", default=2000, show_default=True, help="Damaged files beside those by hand."
)
@click.option("--seed", default=0, show_default=True, help="Of the damage.")
def main(count: int, seed: int) -> None:
    """Try all readers and report."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        outcomes = list(try_readers(Path(name), count, seed))
    for line in table(outcomes):
        click.echo(line)
    click.echo(f"{time.monotonic() - started:.0f} s")
    sys.exit(any(ended in BAD for _, ended, _, _ in outcomes))


def try_readers(folder: Path, count: int, seed: int, by_hand: bool = True) -> Iterator[Outcome]:
    """Make the files in a folder, give them to the readers, and yield how each ended."""
    valid, outside = write_valid(folder / "valid"), write_outside(folder / "outside")
    home = folder / "home"
    prepare(home)
    made: list[Job] = []
    if by_hand:
        for kind, path in attacks(folder / "attacks", valid, outside):
            made += [(reader, path) for reader in _readers(kind, path, len(made))]
    made += _damaged(folder / "damaged", valid, count, Random(seed))
    warm = [(reader, str(path)) for kind, files in valid.items() for path in files[:1]
            for reader in READERS[kind] if not reader.startswith("import")]  # fmt: skip
    (folder / "warm.json").write_text(json.dumps(warm))
    yield from run(folder, made, home, outside.canary)


def _readers(kind: str, path: Path, number: int) -> list[str]:
    """The readers for a file; for one in `FULL_IMPORTS` the whole of an import too."""
    readers = [reader for reader in READERS[kind] if not reader.startswith("import")]
    if not path.name.startswith("saved"):
        readers = readers[:1]
    imports = [reader for reader in READERS[kind] if reader.startswith("import")]
    return readers + (imports if number % FULL_IMPORTS == 0 else [])


def _damaged(folder: Path, valid: dict[str, list[Path]], count: int, random: Random) -> list[Job]:
    folder.mkdir()
    files = [
        (kind, path, mutations(path, random)) for kind, paths in valid.items() for path in paths
    ]
    jobs = []
    for number, (kind, path, damage) in zip(range(count), cycle(files)):
        target = folder / f"{path.name.split('.')[0]}-{number}{path.name[path.name.index('.') :]}"
        target.write_bytes(next(damage))
        jobs += [(reader, target) for reader in _readers(kind, path, number // len(files))]
    return jobs


def run(folder: Path, jobs: list[Job], home: Path, canary: Path) -> Iterator[Outcome]:
    """Give files to readers in another process; one that ends or hangs is followed by the next."""
    while jobs:
        done = 0
        path = folder / "jobs.json"
        path.write_text(json.dumps([(reader, str(file)) for reader, file in jobs]))
        for number, ended, why in _process([str(path), str(home), str(canary)]):
            if number >= 0:
                reader, file = jobs[number]
                yield reader, ended, file, why
            done = number + 1
        jobs = jobs[done:]


def _process(words: list[str]) -> Iterator[tuple[int, str, str]]:
    """How each job of one process ended; the last may be a crash or a hang."""
    limits = {"OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2", "PYTHONFAULTHANDLER": "0"}
    process = subprocess.Popen(
        [sys.executable, *CHILD, *words],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        env=os.environ | limits,
    )  # fmt: skip
    begun = -1
    for line in _lines(process):
        said = json.loads(line) if line else {}
        if "begun" in said:
            begun = said["begun"]
        elif said:
            yield said["ended"], said["outcome"], said["why"]
            begun = -1
        else:
            process.send_signal(signal.SIGABRT)
            process.wait()
            yield begun, "timed out", f"more than {PATIENCE:.0f} s {_trace(words)}"
            return
    code = process.wait()
    if begun >= 0:
        yield begun, "crashed", f"exit code {code} {_trace(words)}"
    elif code:
        raise SystemExit(f"The process that reads ended with code {code} before it began.")


def _trace(words: list[str]) -> str:
    """Where a process was when it was ended."""
    lines = Path(words[0]).with_name("trace").read_text().splitlines()
    return "; ".join(line.strip() for line in lines if line.startswith("  File"))[:600]


def _lines(process: subprocess.Popen) -> Iterator[bytes]:
    """What a process says, line by line; an empty one if it is silent for too long."""
    assert process.stdout is not None
    file = process.stdout.fileno()
    waiting, buffer = selectors.DefaultSelector(), b""
    waiting.register(file, selectors.EVENT_READ)
    patience = 60.0  # libraries load first
    while True:
        if not waiting.select(patience):
            yield b""
            return
        block = os.read(file, 1 << 16)
        if not block:
            return
        *lines, buffer = (buffer + block).split(b"\n")
        yield from lines
        patience = PATIENCE


def table(outcomes: Iterable[Outcome]) -> Iterator[str]:
    """The counts by reader, and what ended badly."""
    outcomes = list(outcomes)
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for reader, ended, _, _ in outcomes:
        counts[reader][ended] += 1
    yield "| reader | tried | " + " | ".join((*GOOD, *BAD)) + " |"
    yield "| --- |" + " ---: |" * (1 + len(GOOD) + len(BAD))
    total = sum(counts.values(), Counter[str]())
    for reader, ended in (*counts.items(), ("all", total)):
        cells = (ended.total(), *(ended[how] for how in (*GOOD, *BAD)))
        yield f"| {reader} | " + " | ".join(f"{cell:,}" for cell in cells) + " |"
    for reader, ended, path, why in outcomes:
        if ended in BAD:
            yield f"{reader}, {path.name!r}: {ended} {why}"


if __name__ == "__main__":
    main()
