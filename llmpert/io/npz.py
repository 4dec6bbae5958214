"""NumPy archives from outside: what they declare is checked before anything is allocated."""

import math
import zipfile
from pathlib import Path

import numpy as np

from llmpert.errors import InputError
from llmpert.io.limits import MOST_ROWS, MOST_VALUES


def refuse_oversized(path: Path) -> None:
    """Raise if the arrays of an archive are larger than can be read, or than what is stored.

    Raises
    ------
    InputError
        That is so, or an array holds Python objects.
    zipfile.BadZipFile, ValueError
        It is no archive, or no array.
    """
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        _check(path, "arrays", len(members), MOST_ROWS)
        _check(path, "bytes unpacked", sum(info.file_size for info in members), 8 * MOST_VALUES)
        for info in members:
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise InputError.of_file(path, "arrays stored or deflated", "another kind")
            with archive.open(info) as member:
                version = np.lib.format.read_magic(member)
                read = (
                    np.lib.format.read_array_header_1_0
                    if version == (1, 0)
                    else np.lib.format.read_array_header_2_0
                )
                shape, _, dtype = read(member)
                stored = info.file_size - member.tell()
            if dtype.hasobject:
                raise InputError.of_file(path, "arrays of numbers and names", "Python objects")
            if math.prod(shape) * dtype.itemsize != stored or not stored:
                raise InputError.of_file(
                    path,
                    "arrays as large as they say, and not empty",
                    f"{stored:,} bytes for {dtype} of shape {shape}",
                )


def _check(path: Path, what: str, found: int, most: int) -> None:
    if found > most:
        raise InputError.of_file(path, f"at most {most:,} {what}", f"{found:,}")
