"""NumPy archives from outside: what they declare is checked before anything is allocated."""

import math
import zipfile
from pathlib import Path

import numpy as np

from llmpert.errors import InputError
from llmpert.io.limits import MOST_ROWS, MOST_VALUES, refuse_more
from llmpert.io.reading import as_input_error


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Read an archive of arrays of numbers and text.

    Raises:
        InputError: It is no archive, its arrays are larger than can be read or than what is stored,
            or one holds Python objects.
    """
    with as_input_error(path, "a NumPy archive (.npz)"):
        with zipfile.ZipFile(path) as archive:
            _refuse_oversized(path, archive)
        with np.load(path, allow_pickle=False) as arrays:
            return dict(arrays)


def _refuse_oversized(path: Path, archive: zipfile.ZipFile) -> None:
    members = archive.infolist()
    refuse_more(path, MOST_ROWS, "arrays", len(members))
    unpacked = sum(info.file_size for info in members)
    refuse_more(path, 8 * MOST_VALUES, "bytes unpacked", unpacked)
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
