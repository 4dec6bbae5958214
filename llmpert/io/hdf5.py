"""HDF5 files from outside: nothing in them may lead out, go round or declare too much.

HDF5 can take a dataset's content from any other file of the computer: by an external link, by
external storage (raw bytes of files of any kind) and by a virtual dataset. It can also declare
sizes that are not stored. `contents` refuses all that is not plain data in this very file; the
functions that follow it bound sizes as well. Only what describes the data is read for it.
"""

import math
import mmap
import struct
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import h5py
import numpy as np
from scipy import sparse

from llmpert.errors import InputError
from llmpert.io import limits
from llmpert.io.limits import refuse_more
from llmpert.io.names import shown

Item: TypeAlias = h5py.Dataset | h5py.Group

TEXT_BLOCK = 512 * 2**20
DEEPEST = 16
LARGEST_REST = 2**30
"""Bytes of names, columns and remarks beside a matrix: 16 million entries of `ENTRY`."""
ENTRY = 64
"""Bytes that an entry takes at least once it is a Python object."""

LINKS = {h5py.h5l.TYPE_SOFT: "a soft link", h5py.h5l.TYPE_EXTERNAL: "an external link"}

# Of a heap: signature, version and three empty bytes; the size follows, then the objects.
HEAP = b"GCOL\x01\0\0\0"
HEADER = struct.Struct("<8xQ")
OBJECT = struct.Struct("<HHIQ")
SMALLEST_HEAP = 4096


@contextmanager
def open_hdf5(path: Path) -> Iterator[h5py.File]:
    """Open a file: an OSError if it is no HDF5, an InputError if the library would never end."""
    with h5py.File(path) as file:
        if file.id.get_create_plist().get_sizes() != (8, 8):
            raise InputError.of_file(path, "an HDF5 file", "one with addresses of another length")
        _refuse_endless(path)
        yield file


def contents(
    file: h5py.Group, path: Path, parts: Collection[str] | None = None
) -> Iterator[tuple[str, Item]]:
    """Yield all datasets and groups of a file, or of the paths `parts` in it, with their names.

    Raises:
        InputError: A part is missing, or there is a link other than a plain one in it, external
            storage, a virtual dataset, values that are neither numbers nor text, a name that points
            elsewhere, a part that is reached twice, or groups more than `DEEPEST` deep.
    """
    seen: set[int] = set()
    categories: list[tuple[str, int]] = []

    def walk(parent: h5py.Group, name: str, depth: int) -> Iterator[tuple[str, Item]]:
        item = member(parent, name, path)
        address = _address(item)
        if address in seen:
            raise _refused(path, "a part that is reached twice", name)
        if depth > DEEPEST:
            raise _refused(path, f"groups more than {DEEPEST} deep")
        seen.add(address)
        if isinstance(item, h5py.Group):
            _check_columns(item, name, path)
        else:
            _check_dataset(item, name, path)
            # Up to AnnData 0.7, codes point to their categories.
            if "categories" in item.attrs:
                target = item.attrs["categories"]
                if not isinstance(target, h5py.Reference) or not target:
                    raise _refused(path, "categories that lie elsewhere", name)
                categories.append((name, _address(item.parent[target])))
        yield name, item
        if isinstance(item, h5py.Group):
            for inner in item:
                yield from walk(item, inner, depth + 1)

    for part in list(file) if parts is None else parts:
        *groups, last = part.split("/")
        parent = file
        for group in groups:
            parent = member(parent, group, path)
        yield from walk(parent, last, 0)
    for name, address in categories:
        if address not in seen:
            raise _refused(path, "categories that lie elsewhere", name)


def refuse_oversized(
    file: h5py.Group, path: Path, matrices: Collection[str], rest: Collection[str]
) -> None:
    """Bound matrices that are read whole, and the rest by `refuse_large_tables`.

    Raises:
        InputError: A matrix has more than `MOST_VALUES` values, counted as if it were dense where a
            group holds a sparse one, or others than numbers.
    """
    for _, item in contents(file, path, matrices):
        if isinstance(item, h5py.Group):
            values = math.prod(shape_of(item, path))
        else:
            _check_numbers(item, path)
            values = values_of(item)
        refuse_more(path, limits.MOST_VALUES, "values in a matrix", values)
    refuse_large_tables(file, path, rest)


def refuse_large_tables(file: h5py.Group, path: Path, parts: Collection[str]) -> None:
    """Bound names, columns and remarks.

    Raises:
        InputError: A column has more than `MOST_ROWS` entries, or all together take more than
            `LARGEST_REST` bytes, or the texts more than `LARGEST_LIST`.
    """
    total = texts = 0
    for name, item in contents(file, path, parts):
        if isinstance(item, h5py.Group):
            continue
        # AnnData writes None so, and says it.
        if item.shape is None and str(item.attrs.get("encoding-type")) != "null":
            raise _refused(path, "a dataset without a shape", name)
        entries, text = values_of(item), item.dtype.kind in "OSV"
        refuse_more(path, limits.MOST_ROWS, f"entries under {shown(name)}", entries)
        total += entries * max(item.dtype.itemsize, ENTRY if text else 8)
        refuse_more(path, LARGEST_REST, "bytes beside the matrix", total, counted=False)
        for size in _text_sizes(item):
            texts += size
            refuse_more(path, limits.LARGEST_LIST, "bytes of text", texts, counted=False)


def refuse_large_blocks(file: h5py.Group, path: Path, matrix: str) -> None:
    """Bound a matrix that is read in blocks of rows, of any length.

    Raises:
        InputError: A chunk or a row is larger than can be read, or the pointers of a sparse matrix
            are in disorder.
    """
    for _, item in contents(file, path, [matrix]):
        if isinstance(item, h5py.Group):
            rows, columns = shape_of(item, path)
            _check_pointers(item, path, max(rows, columns))
        else:
            _check_numbers(item, path)
            columns = item.shape[1] if item.ndim == 2 else 0
            chunk = math.prod(item.chunks or (0,))
            refuse_more(path, limits.MOST_VALUES, "values in a chunk", chunk)
        refuse_more(path, limits.MOST_COLUMNS, "columns", columns)


def check_sparse(matrix: "sparse.csr_matrix | sparse.csc_matrix") -> None:
    """Raise InputError unless every index is within a matrix that was read: SciPy trusts them.

    Its own full check subtracts pointers in 32 bits, where one far below 0 passes.
    """
    major, minor = matrix.shape if matrix.format == "csr" else matrix.shape[::-1]
    fits = (
        matrix.indices.dtype.kind == matrix.indptr.dtype.kind == "i"
        and len(matrix.indptr) == major + 1
        and len(matrix.indices) == len(matrix.data)
        and _longest(matrix.indptr, len(matrix.data)) is not None
        and (not len(matrix.data) or (matrix.indices.min() >= 0 and matrix.indices.max() < minor))
    )
    if not fits:
        raise InputError("expected a sparse matrix with indices inside it, found others.")


def member(parent: h5py.Group, name: str, path: Path) -> Item:
    """Return a member of a group, to which a plain link leads."""
    if not isinstance(name, str):  # h5py gives bytes where they are no UTF-8
        raise _refused(path, f"the name {shown(name)}")
    key = name.encode("utf-8", "surrogateescape")
    # Looked at before it is followed: a link into another file would open that file.
    if not isinstance(parent, h5py.Group) or not key or not parent.id.links.exists(key):
        raise _refused(path, "nothing", name)
    kind = parent.id.links.get_info(key).type
    if kind != h5py.h5l.TYPE_HARD:
        raise _refused(path, LINKS.get(kind, "an unknown link"), name)
    item = parent[name]
    if not isinstance(item, Item):
        raise _refused(path, f"a {type(item).__name__.lower()}", name)
    return item


def values_of(item: h5py.Dataset) -> int:
    """Values in memory while a dataset is read: all, or those of one chunk if these are more."""
    return max(int(item.size or 0), math.prod(item.chunks or (0,)))


def shape_of(matrix: Item, path: Path) -> tuple[int, ...]:
    """Return rows and columns of a matrix; raise `InputError` for an impossible shape."""
    if isinstance(matrix, h5py.Dataset):
        return tuple(matrix.shape or ())  # one without a dataspace has none
    for key in ("shape", "h5sparse_shape"):
        if key in matrix.attrs:
            stored = matrix.attrs.get_id(key)
            if stored.shape == (2,) and stored.dtype.kind in "iu":
                shape = tuple(int(length) for length in matrix.attrs[key])
                if all(0 <= length <= limits.MOST_ROWS for length in shape):
                    return shape
    raise _refused(path, "a sparse matrix without a shape that can be")


def _refuse_endless(path: Path) -> None:
    """Raise if a heap, which holds texts, has an object from which no other follows.

    The library (2.0.0) steps from object to object by their sizes. Free space of size 0 makes it
    stay where it is, forever, and with it every other reader of HDF5 in the process.
    """
    if not 0 < path.stat().st_size <= limits.LARGEST_UPLOAD:
        return
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        start = data.find(HEAP)
        while 0 <= start <= len(data) - HEADER.size:
            (size,) = HEADER.unpack_from(data, start)
            if SMALLEST_HEAP <= size <= len(data) - start and not _ends(data, start, start + size):
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


def _address(item: h5py.HLObject) -> int:
    return int(h5py.h5o.get_info(item.id).addr)


def _check_dataset(item: h5py.Dataset, name: str, path: Path) -> None:
    created = item.id.get_create_plist()
    if created.get_external_count():
        raise _refused(path, "content of other files (external storage)", name)
    if created.get_layout() == h5py.h5d.VIRTUAL:
        raise _refused(path, "content of other files (a virtual dataset)", name)
    if not _is_plain(item.dtype):
        raise _refused(path, f"values of type {item.dtype}", name)


def _is_plain(dtype: np.dtype) -> bool:
    """Numbers, text, or records of these."""
    if dtype.names:
        return all(_is_plain(dtype[name]) for name in dtype.names)
    if dtype.subdtype:
        return _is_plain(dtype.subdtype[0])
    return dtype.kind in "biufcS" or h5py.check_string_dtype(dtype) is not None


def _check_columns(group: h5py.Group, name: str, path: Path) -> None:
    """Names of columns are looked up as paths, which could start anywhere in the file."""
    for key in ("column-order", "_index"):
        if key in group.attrs:
            found = math.prod(group.attrs.get_id(key).shape or ())
            refuse_more(path, limits.MOST_COLUMNS, f"columns under {shown(name)}", found)
            if any(str(column).startswith("/") for column in np.ravel(group.attrs[key])):
                raise _refused(path, "a column that lies elsewhere", name)


def _check_numbers(item: Item, path: Path) -> None:
    if not isinstance(item, h5py.Dataset) or item.shape is None:
        raise InputError.of_file(path, "a matrix of numbers", "nothing")
    if item.dtype.kind not in "fiub" or item.dtype.itemsize > 8:
        raise InputError.of_file(path, "a matrix of numbers", f"values of type {item.dtype}")


def _check_pointers(group: h5py.Group, path: Path, most: int) -> None:
    pointers, indices, data = (member(group, part, path) for part in ("indptr", "indices", "data"))
    for item in (pointers, indices, data):
        _check_numbers(item, path)
    if values_of(pointers) <= limits.MOST_ROWS + 1 and indices.size == data.size:
        longest = _longest(pointers[()], data.size)
        if longest is not None and longest <= most:
            return
    raise _refused(path, "a sparse matrix whose pointers are in disorder")


def _longest(pointers: np.ndarray, stored: int) -> int | None:
    """Most numbers in a row of a sparse matrix; None unless pointers go up from 0 to `stored`."""
    pointers = np.asarray(pointers, np.int64)
    if pointers.ndim != 1 or not pointers.size:
        return None
    # Compared, because differences can overflow.
    ordered = (pointers[1:] >= pointers[:-1]).all()
    ordered = ordered and pointers[0] == 0 and pointers[-1] == stored
    return int(np.diff(pointers).max(initial=0)) if ordered else None


def _text_sizes(item: h5py.Dataset) -> Iterator[int]:
    """Bytes of a dataset's texts, some at a time; many entries can share one long text.

    None for files that no visitor uploaded: reading texts a few at a time takes minutes there.
    """
    size = item.file.id.get_filesize()
    if item.dtype.kind != "O" or size > limits.LARGEST_UPLOAD:
        return
    values = item if item.ndim else [item[()]]
    # Each text lies in the file, so that no block is larger than this, or than one text.
    block = max(1, min(65_536, TEXT_BLOCK // max(1, size)))
    for start in range(0, len(values), block):
        yield sum(len(text) for text in np.ravel(values[start : start + block]))


def _refused(path: Path, found: str, name: str | None = None) -> InputError:
    found += "" if name is None else f" under {shown(name)}"
    return InputError.of_file(path, "numbers and text that lie in the file itself", found)
