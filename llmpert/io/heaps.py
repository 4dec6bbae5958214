"""Damage to which the HDF5 library has no end: the heaps that hold a file's texts.

Reading a heap, the library (2.0.0) steps from object to object by their sizes. Free space of size 0
makes it stay where it is, forever, and with it every other reader of HDF5 in the process. So the
steps are gone through here first.
"""

import mmap
import struct
from pathlib import Path

from llmpert.errors import InputError
from llmpert.io.limits import LARGEST_UPLOAD

# Signature, version and three empty bytes; the size follows.
HEAP = b"GCOL\x01\0\0\0"
HEADER = struct.Struct("<8xQ")
OBJECT = struct.Struct("<HHIQ")
SMALLEST = 4096
"""Bytes of a heap, by the format's definition."""


def refuse_endless(path: Path) -> None:
    """Raise if a heap of an HDF5 file has an object from which no other follows.

    All of a file of up to `LARGEST_UPLOAD` bytes is looked through, at the speed of the disk.
    Offsets and lengths of eight bytes are taken for granted.

    Raises:
        InputError: That is so.
    """
    if not 0 < path.stat().st_size <= LARGEST_UPLOAD:
        return
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        start = data.find(HEAP)
        while 0 <= start <= len(data) - HEADER.size:
            (size,) = HEADER.unpack_from(data, start)
            if SMALLEST <= size <= len(data) - start and not _ends(data, start, start + size):
                raise InputError.of_file(path, "an HDF5 file", "one with a damaged heap of texts")
            start = data.find(HEAP, start + len(HEAP))


def _ends(data: mmap.mmap, start: int, end: int) -> bool:
    """Whether the objects of a heap lead to its end."""
    position = start + HEADER.size
    while position + OBJECT.size <= end:
        number, _, _, size = OBJECT.unpack_from(data, position)
        # Of free space (number 0) the size includes the header; others are padded to 8 bytes.
        step = OBJECT.size + (size + 7) // 8 * 8 if number else size
        if step < OBJECT.size or step > end - position:
            return False
        position += step
    return True
