"""Reading files from outside: every failure becomes one sentence that names the file."""

import logging
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from numbers import Integral
from pathlib import Path
from typing import Any

from llmpert.errors import InputError
from llmpert.io.names import RULE, is_plain

log = logging.getLogger(__name__)

PACKAGE = Path(__file__).resolve().parents[1]
MISTAKES = (
    AssertionError, AttributeError, ImportError, LookupError, NameError, NotImplementedError,
    TypeError, ZeroDivisionError,
)  # fmt: skip
"""What mistakes in a program raise. Parsers raise them too, on damaged bytes."""


def require_file(path: str | Path) -> Path:
    """Return the path of a file; raise `InputError` if missing or unsafely named."""
    path = Path(path)
    if not is_plain(path.name):
        raise InputError.of_file(path, f"a file whose name is {RULE}", "another name")
    if not path.is_file():
        raise InputError.of_file(path, "a file", "a folder" if path.is_dir() else "no such file")
    return path


def ending_of(path: Path, endings: Iterable[str]) -> str:
    """Return which of these (in lower case) the file's name ends in; "" for any other ending."""
    return next((ending for ending in endings if path.name.lower().endswith(ending)), "")


@contextmanager
def as_input_error(path: Path, expected: str) -> Iterator[None]:
    """Turn what a library raises on a file into an InputError that names the file.

    Parsers raise nearly any exception on damaged bytes, so all are taken for the file's fault, and
    the log says where they were raised. Two pass through: a lack of memory, and a mistake in
    llmpert's own code (one of `MISTAKES` whose innermost frame lies in this package).
    """
    with naming(path):
        try:
            yield
        except (InputError, MemoryError):
            raise
        except Exception as problem:
            *_, (frame, _) = traceback.walk_tb(problem.__traceback__)
            own = PACKAGE in Path(frame.f_code.co_filename).parents
            if own and isinstance(problem, MISTAKES):
                raise
            # Not with what it says, which may quote a visitor's data.
            frames = traceback.format_tb(problem.__traceback__)
            fields = {"expected": expected, "problem": type(problem).__name__, "frames": frames}
            log.info("file not read", extra={"file": path.name, **fields})
            lines = str(problem).strip().splitlines() or [type(problem).__name__]
            found = f"something that cannot be read as one ({lines[0].rstrip('. ')[:200]})"
            raise InputError.of_file(path, expected, found) from problem


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Put the file's name before the sentence of an InputError that lacks it."""
    try:
        yield
    except InputError as problem:
        if str(path) in str(problem):
            raise
        raise InputError(f"{path}: {problem}") from problem


def check_version(
    path: Path,
    what: str,
    found: Any,
    known: int,
    do: str = "import the original file again",
    oldest: int | None = None,
) -> None:
    """Raise InputError of a file in another version of a format, `found`, and say what to `do`.

    Versions from the `oldest` to the `known` one are read.
    """
    whole = isinstance(found, Integral)
    if whole and (known if oldest is None else oldest) <= found <= known:
        return
    if whole and found > known:
        do = f"a newer llmpert wrote it: update llmpert, or {do}"
    raise InputError.of_file(path, f"{what} format {known}", f"format {found}; {do}")
