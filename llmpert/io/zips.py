"""Zip archives from outside: one file out of one, or the arrays of a NumPy archive (.npz)."""

import math
import zipfile
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath
from typing import IO

import numpy as np

from llmpert.errors import InputError
from llmpert.io.limits import MOST_ROWS, MOST_VALUES, refuse_more
from llmpert.io.reading import as_input_error

BLOCK = 1 << 20
LONGEST_HEADER = 1 << 20
# Others can ask for gigabytes to unpack a byte.
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def unpack(archive: Path, member: str, target: Path, limit: int) -> None:
    """Write one member to `target`, with its checksum verified, and nothing else of the archive.

    In the archive it may lie in folders and end in stray dots.

    Raises:
        InputError: The archive is damaged, or holds no such member, several, or one that is
            encrypted, a link, climbs out of the archive or is larger than `limit` bytes unpacked.
    """
    # One name for all tries, unlike `atomic_path`: killed ones must not pile up gigabytes.
    partial = target.with_name(target.name + ".part")
    try:
        with partial.open("wb") as file:
            file.writelines(_blocks(archive, member, limit))
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def _blocks(archive: Path, member: str, limit: int) -> Iterator[bytes]:
    with as_input_error(archive, "a zip archive"), zipfile.ZipFile(archive) as content:
        files = (info for info in content.infolist() if not info.is_dir())
        named = [i for i in files if PurePosixPath(i.filename).name.rstrip(".") == member]
        if len(named) != 1:
            raise InputError.of_file(archive, f"one {member} in it", f"{len(named)}")
        (info,) = named
        path = PurePosixPath(info.filename)
        link = (info.external_attr >> 16) & 0o170000 == 0o120000
        out = path.is_absolute() or ".." in path.parts or link
        for odd, expected, found in (
            (out, "inside it", f"{info.filename!r} leading out"),
            (info.compress_type not in METHODS, "stored or deflated", "it packed otherwise"),
            (info.flag_bits & 0x1, "in plain", "it encrypted"),
            (info.file_size > limit, f"of at most {limit:,} bytes", f"{info.file_size:,}"),
        ):
            if odd:
                raise InputError.of_file(archive, f"{member} {expected}", found)
        # zipfile stops at the size that the archive states, and then compares checksums.
        with content.open(info) as packed:
            yield from iter(lambda: packed.read(BLOCK), b"")


def check_array(path: Path, file: IO[bytes], size: int) -> None:
    """Raise InputError unless an array as NumPy writes it is as large as it says, and no objects.

    Args:
        size: Bytes of all of it, of which the file is at the first.
    """
    form = np.lib.format
    first = form.read_magic(file) == (1, 0)
    start = file.tell()
    length = int.from_bytes(file.read(2 if first else 4), "little")
    refuse_more(path, min(size, LONGEST_HEADER), "bytes in the header of an array", length)
    file.seek(start)
    shape, _, dtype = (form.read_array_header_1_0 if first else form.read_array_header_2_0)(file)
    stored = size - file.tell()
    if dtype.hasobject:
        do = "save names as text (names.astype(str)) and numbers apart"
        raise InputError.of_file(path, "arrays of numbers and names", f"Python objects; {do}")
    if math.prod(shape) * dtype.itemsize != stored or not stored:
        found = f"{stored:,} bytes for {dtype} of shape {shape}"
        raise InputError.of_file(path, "arrays as large as they say, and not empty", found)


def read_arrays(
    path: Path, expected: str = "a NumPy archive (.npz)", only: Collection[str] = ()
) -> dict[str, np.ndarray]:
    """Read an archive of arrays of numbers and text: all of them, or `only` those named.

    Raises:
        InputError: It is no archive, its arrays are larger than can be read or than what is stored,
            or one holds Python objects.
    """
    with as_input_error(path, expected), zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        refuse_more(path, MOST_ROWS, "arrays", len(members))
        unpacked = sum(info.file_size for info in members)
        refuse_more(path, 8 * MOST_VALUES, "bytes unpacked", unpacked)
        for info in members:
            if info.compress_type not in METHODS:
                raise InputError.of_file(path, "arrays stored or deflated", "another kind")
            with archive.open(info) as member:
                check_array(path, member, info.file_size)
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays if not only or name in only}
