"""A process that reads hostile files, one after the other, within a limit of memory.

    python -m benchmarks.hostile.child JOBS HOME CANARY

It says on standard output, a line of JSON each, which job begins and how it ended.
"""

import faulthandler
import json
import os
import resource
import sys
import warnings
from pathlib import Path

import click

from benchmarks.hostile.readers import READERS, leaks, lost, unsafe
from llmpert.errors import InputError

MEMORY = 2 * 2**30
"""Bytes that reading one file may take beside the libraries."""


def main(jobs: Path, home: Path, canary: Path) -> None:
    """Do all jobs of a file of JSON: reader and path of each."""
    said = os.fdopen(os.dup(1), "w", buffering=1)
    sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - as long as the process
    warnings.simplefilter("ignore")
    trace = jobs.with_name("trace").open("w")
    faulthandler.enable(trace)
    readers = {name: reader for kind in READERS.values() for name, reader in kind.items()}
    _warm_up(readers, jobs.with_name("warm.json"))
    _limit()
    for number, (reader, path) in enumerate(json.loads(jobs.read_text())):
        print(json.dumps({"begun": number}), file=said)
        outcome, why = _outcome(readers[reader], Path(path), reader.startswith("import"))
        if reader.startswith("import") and lost(home, refused=outcome != "read"):
            outcome = "lost data"
        if any(canary.iterdir()):
            outcome = "executed"
            for path in canary.iterdir():
                path.unlink()
        print(json.dumps({"ended": number, "outcome": outcome, "why": why}), file=said)


def _warm_up(readers: dict, valid: Path) -> None:
    """Everything imported and loaded once, so that only files count from here."""
    for reader, path in json.loads(valid.read_text()):
        readers[reader](Path(path))


def _limit() -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _outcome(reader, path: Path, importing: bool) -> tuple[str, str]:
    try:
        result = reader(path)
    except MemoryError:
        return "over memory", ""
    except SystemError as problem:
        return "lost data", str(problem)
    except (InputError, click.ClickException) as problem:
        words = problem.message if isinstance(problem, click.ClickException) else str(problem)
        # A whole import may also fail on what several files are together.
        named = str(InputError(path.name)) in words or path.suffix == ".metalink" or importing
        if named and words.isprintable() and len(words) < 3000 and "TOPSECRET" not in words:
            return "refused", words
        return "other exception", f"not a sentence that names the file: {words!r}"
    except Exception as problem:
        return "other exception", f"{type(problem).__name__}: {problem}"[:400]
    if leaks(result):
        return "leaked", ""
    return ("unsafe name", "") if unsafe(result) else ("read", "")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
