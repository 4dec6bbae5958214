"""Reading files from outside: every failure becomes one sentence that names the file."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np

from llmpert.errors import InputError
from llmpert.io.names import RULE, is_plain


def require_file(path: str | Path) -> Path:
    """The path of a file that is there.

    Raises
    ------
    InputError
        There is no such file, it is a folder, or its name cannot be shown: it stands in captions.
    """
    path = Path(path)
    if not is_plain(path.name):
        raise InputError.of_file(path, f"a file whose name is {RULE}", "another name")
    if not path.is_file():
        raise InputError.of_file(path, "a file", "a folder" if path.is_dir() else "no such file")
    return path


@contextmanager
def as_input_error(path: Path, expected: str) -> Iterator[None]:
    """Turn whatever goes wrong inside into an InputError that names the file.

    The parsers of HDF5, Parquet and text raise nearly any exception on a damaged file, so all are
    caught; a lack of memory is not the file's fault and passes through.
    """
    try:
        yield
    except MemoryError:
        raise
    except InputError as problem:
        if str(path) in str(problem):
            raise
        raise InputError(f"{path}: {problem}") from problem
    except Exception as problem:
        lines = str(problem).strip().splitlines() or [type(problem).__name__]
        reason = lines[0].rstrip(". ")[:200]
        raise InputError.of_file(
            path, expected, f"something that cannot be read as one ({reason})"
        ) from problem


def check_version(path: Path, what: str, found: Any, known: int) -> None:
    """Refuse a file that another version of llmpert wrote, and say what to do.

    Raises
    ------
    InputError
        The version `found` in the file is not the one that is read here.
    """
    if found == known:
        return
    newer = isinstance(found, Integral) and int(found) > known
    do = (
        "a newer llmpert wrote it: update llmpert, or import the original file again"
        if newer
        else "import the original file again"
    )
    raise InputError.of_file(path, f"{what} format {known}", f"format {found}; {do}")


def preview(names: "Sequence[object] | np.ndarray", limit: int = 5) -> str:
    """The first few names for a message: "A, B, C …"."""
    shown = ", ".join(str(name) for name in names[:limit])
    return f"{shown} …" if len(names) > limit else shown
