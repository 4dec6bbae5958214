"""Embeddings from arrays: NumPy's `.npz` and `.npy`, and `.safetensors`, with the genes' names.

Names stand in the file itself, or beside an array in a file of the same name that ends in one of
`BESIDE`: a line a row, or a table with a column of names.
"""

import csv
import json
import math
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from llmpert.embeddings.embedding import Embedding, assemble
from llmpert.embeddings.tables import known_share
from llmpert.errors import InputError
from llmpert.io.limits import LARGEST_LIST, MOST_ROWS, MOST_VALUES, refuse_more
from llmpert.io.names import Remarks, parse_object, preview
from llmpert.io.reading import as_input_error, ending_of, require_file
from llmpert.io.tables import dialect, open_text
from llmpert.io.zips import check_array, read_arrays

LONE = (".npy", ".safetensors")
"""Endings of files that need not hold the names."""
FORMATS = (".npz", *LONE)
BESIDE = (".txt", ".tsv", ".csv")
NAMES = ("genes", "gene_names", "symbols", "names")
VECTORS = ("vectors", "embeddings")
LONGEST_HEAD = 32 * 2**20
"""Bytes of what a file of tensors says of itself."""
KINDS = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I32": "<i4",
    "I16": "<i2", "I8": "i1", "U8": "u1",
}  # fmt: skip


def read_embedding_arrays(path: str | Path, name: str) -> Embedding:
    """Read an array of genes x numbers and the genes' names.

    `.npz`: one array of names and one of numbers, or a vector under each gene's name. `.npy`: the
    numbers, with the names beside it. `.safetensors`: one tensor of numbers with the names in its
    metadata (`NAMES`, as JSON or a line each) or beside it, or a vector under each gene's name.
    Nothing pickled is read. Numbers with a column a gene are turned.

    Raises:
        InputError: The file is missing, damaged, larger than it says, or its names are missing or
            not as many as its rows.
    """
    path = require_file(path)
    ending = ending_of(path, FORMATS)
    names = None
    if ending == ".npy":
        arrays = {"vectors": _array(path)}
    elif ending == ".npz":
        arrays = read_arrays(path)
    elif ending == ".safetensors":
        arrays, names = _tensors(path)
    else:
        raise InputError.of_file(path, f"an array ({', '.join(FORMATS)})", "another kind of file")
    names, matrix = _parts(path, arrays, names)
    steps: list[str] = []
    if names is None:
        names = _beside(path, matrix, steps)
    if matrix.ndim == 2 and len(matrix) != len(names) == matrix.shape[1]:
        matrix = matrix.T
        steps.append(f"Turned: there are as many columns as genes ({len(names):,}).")
    if matrix.dtype.kind not in "fiu" or matrix.shape[:1] != (len(names),) or matrix.ndim != 2:
        expected = f"one vector of numbers for each of {len(names):,} genes"
        found = f"{matrix.dtype} values of shape {matrix.shape}"
        raise InputError.of_file(path, expected, found)
    return assemble(path, name, names, matrix, {"source": f"array {path.name}", "steps": steps})


def names_file(path: Path) -> Path | None:
    """Return the file of names beside an array, if there is one."""
    found = (path.with_suffix(ending) for ending in BESIDE)
    return next((beside for beside in found if beside.is_file()), None)


def _array(path: Path) -> np.ndarray:
    with as_input_error(path, "an array of NumPy (.npy)"), path.open("rb") as file:
        size = path.stat().st_size
        refuse_more(path, 8 * MOST_VALUES, "bytes", size)
        check_array(path, file, size)
        return np.load(path, allow_pickle=False)


def _parts(
    path: Path, arrays: Mapping[str, np.ndarray], names: list[str] | None
) -> tuple[list[str] | None, np.ndarray]:
    """Return names, if there are any, and the matrix of numbers."""
    texts = [key for key, array in arrays.items() if array.dtype.kind in "US" and array.ndim == 1]
    tables = [key for key, array in arrays.items() if array.ndim == 2]
    matrix = next(
        (key for key in VECTORS if key in arrays), tables[0] if len(tables) == 1 else None
    )
    if matrix is None and len(tables) > 1:
        found = f"{len(tables):,} of them ({preview(tables)}): keep one, or call it vectors"
        raise InputError.of_file(path, "one array of genes x numbers", found)
    genes = next((key for key in NAMES if key in arrays), texts[0] if len(texts) == 1 else None)
    if matrix is not None and (genes is not None or names is not None or len(arrays) == 1):
        if genes is None:
            return names, arrays[matrix]
        given = arrays[genes]
        if given.ndim != 1 or given.dtype.kind not in "US":
            raise InputError.of_file(path, f"a list of names as {genes}", f"{given.dtype} values")
        return [_text(value) for value in given], arrays[matrix]
    expected = "genes and vectors, or one vector of the same length for every gene"
    if not arrays:
        raise InputError.of_file(path, expected, "nothing")
    rows = list(arrays.values())
    for gene, row in arrays.items():
        if row.ndim != 1 or row.shape != rows[0].shape:
            raise InputError.of_file(path, expected, f"{row.shape} under {gene}")
    return list(arrays), np.stack(rows)


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _beside(path: Path, matrix: np.ndarray, steps: list[str]) -> list[str]:
    """Return the names beside an array, of which one side has as many."""
    beside, sides = names_file(path), set(matrix.shape)
    rows = f"{len(matrix):,} rows" if matrix.ndim else "a single number"
    if beside is None:
        wanted = ", ".join(path.with_suffix(ending).name for ending in BESIDE)
        do = f"put the genes' names, a line each, into a file beside it ({wanted})"
        raise InputError.of_file(path, "the names of its genes", f"{rows} without names; {do}")
    form = dialect(beside, "\t")
    with open_text(beside, form.separator, "names of genes", largest=LARGEST_LIST) as text:
        lines = [line for line in csv.reader(text, delimiter=form.separator) if any(line)]
    fewest = min(map(len, lines), default=0)
    # With a header there is a line more than there are rows.
    start = int(len(lines) - 1 in sides and len(lines) not in sides)
    columns = [[line[place].strip() for line in lines[start:]] for place in range(fewest)]
    if not columns or len(columns[0]) not in sides:
        expected = f"a name for each of {rows} of {path.name}"
        raise InputError.of_file(beside, expected, f"{len(lines):,} lines")
    steps.append(f"The names of the genes are those in {beside.name}.")
    return max(columns, key=known_share)


def _tensors(path: Path) -> tuple[dict[str, np.ndarray], list[str] | None]:
    """Read a file of tensors: the length of its head, the head as JSON, and the numbers."""
    expected = "a file of tensors (.safetensors)"
    with as_input_error(path, expected), path.open("rb") as file:
        whole = path.stat().st_size
        refuse_more(path, 8 * MOST_VALUES, "bytes", whole)
        (length,) = struct.unpack("<Q", file.read(8))
        size = whole - 8 - length
        if size < 0 or length > LONGEST_HEAD:
            raise ValueError(f"a head of {length:,} bytes")
        head = parse_object(file.read(length))
        names = _said_names(head.pop("__metadata__", {}))
        refuse_more(path, MOST_ROWS, "tensors", len(head))
        arrays, taken = {}, 0
        for key, value in head.items():
            tensor = Remarks(value) if isinstance(value, dict) else Remarks()
            kind, shape, (start, end) = tensor["dtype"], tensor["shape"], tensor["data_offsets"]
            numbers = [*shape, start, end]
            if kind not in KINDS or not all(type(x) is int and x >= 0 for x in numbers):
                raise ValueError(f"{str(kind)[:20]} of shape {str(shape)[:40]}")
            dtype = np.dtype(KINDS[kind])
            taken += end - start
            if math.prod(shape) * dtype.itemsize != end - start or taken > size or end > size:
                raise ValueError("tensors that are not as large as they say")
            file.seek(8 + length + start)
            array = np.frombuffer(file.read(end - start), dtype).reshape(shape)
            if kind == "BF16":  # the upper half of a float32
                array = (array.astype("<u4") << 16).view("<f4")
            arrays[key] = array
        return arrays, names


def _said_names(metadata: object) -> list[str] | None:
    """Return the names in the metadata: a list as JSON, or a name a line."""
    known = metadata if isinstance(metadata, dict) else {}
    text = next((known[key] for key in NAMES if isinstance(known.get(key), str)), None)
    if text is None:
        return None
    names = json.loads(text) if text.lstrip().startswith("[") else text.split("\n")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError("names that are no list of texts")
    return names
