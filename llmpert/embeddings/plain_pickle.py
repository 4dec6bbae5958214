"""A pickle of names and vectors, read as data: nothing in it can run.

A pickle is a program for a stack machine. This reader takes the instructions from the standard
library's disassembler (`pickletools`) and carries out only those that build text, numbers, lists,
dicts and NumPy vectors; any other is refused by name. Nothing is imported, looked up or called on
the file's behalf: the few names that a pickled vector mentions are taken as "its dtype" and "its
bytes". Runs of numbers become float32 at once: unpickled, a number costs 32 bytes.
"""

import gzip
import mmap
import pickletools
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

import numpy as np

from llmpert.errors import InputError
from llmpert.io.limits import LARGEST_TABLE
from llmpert.io.reading import as_input_error

LARGEST = 8 * 2**30
"""Bytes; 140,000 genes with 3,072 numbers each, the most known of, take 4 GiB."""
PACKED = b"\x1f\x8b"
MOST_PACKED = 50
"""Times its size that a gzipped file may unpack to: numbers hardly pack."""
MOST_STEPS = 10_000_000
"""Instructions, a run of numbers counted once; the largest files known of need 4 million."""
MOST_KEPT = 2_000_000
"""Entries of the memo and of the stacks; a pickler remembers a few a gene and stacks by 1,000."""

NUMBER = np.dtype([("instruction", "S1"), ("value", ">f8")])
RUN = 1024
"""Numbers looked at together; the pickler writes lists in batches of 1,000."""

DTYPES = re.compile(r"[<>|=]?(f[248]|[iu][1248]|U\d{1,4})")
NAMES = {
    ("collections", "OrderedDict"): "OrderedDict",
    # How protocols 0 to 2, which know no bytes, write the bytes of an array: as Latin-1 text.
    ("_codecs", "encode"): "encode",
    ("numpy", "dtype"): "dtype",
    ("numpy", "ndarray"): "ndarray",
    # Before and since NumPy 2.
    **{
        (f"numpy.{core}.{module}", name): name
        for core in ("core", "_core")
        for module, name in (
            ("multiarray", "scalar"), ("multiarray", "_reconstruct"), ("numeric", "_frombuffer"),
        )
    },
}  # fmt: skip
"""What a pickle may name -> what `_call` makes of it instead of calling it."""


ELSEWHERE = {
    "pandas": (
        "holds a pandas table",
        "if you trust it, save it as a table in Python: pandas.read_pickle(file).to_parquet(…)",
    ),
    "torch": (
        "holds tensors of PyTorch",
        "if you trust it, save names and numbers in Python: numpy.savez(…, genes=names,"
        " vectors=tensor.numpy())",
    ),
}
"""Packages whose objects are no plain data -> what a file with them holds, and the way out."""


class NotPlainError(ValueError):
    """The pickle asks for something that names and numbers do not need; `do` is the way out."""

    def __init__(
        self, what: str, do: str = "a GenePT file holds only names and numbers, so"
    ) -> None:
        super().__init__(what)
        self.do = do


def read_named_vectors(path: Path) -> tuple[dict[str, np.ndarray], list[str]]:
    """Read a pickled dict of name -> list of numbers or NumPy vector (also 1 x d), also gzipped.

    Returns:
        Name -> float32 vector, in the file's order. What exceeds float32 is infinite. And the names
        for which it holds None.

    Raises:
        InputError: The file is damaged or truncated, holds something else, asks for anything to be
            run, or is larger than `LARGEST`.
    """
    size = path.stat().st_size
    if not 0 < size <= LARGEST:
        wanted = f"a pickle of at most {LARGEST // 2**30} GiB"
        raise InputError.of_file(path, wanted, f"{size:,} bytes")
    with as_input_error(path, "a whole pickle of gene names and vectors"), _unpacked(path) as file:
        try:
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return _named_vectors(_Machine(data).run(), len(data))
        except NotPlainError as problem:
            said = f"{path}: the file {problem}; {problem.do} nothing of it was used."
            raise InputError(said) from problem


@contextmanager
def _unpacked(path: Path) -> Iterator[IO[bytes]]:
    with path.open("rb") as file:
        packed = file.read(len(PACKED)) == PACKED
        file.seek(0)
        if not packed:
            yield file
            return
        left = min(LARGEST_TABLE, MOST_PACKED * path.stat().st_size)
        with TemporaryFile() as plain, gzip.open(file) as content:
            while block := content.read(1 << 20):
                left -= len(block)
                if left < 0:
                    raise InputError.of_file(path, "a pickle of names and numbers", "far more")
                plain.write(block)
            plain.flush()
            yield plain


def _named_vectors(value: object, size: int) -> tuple[dict[str, np.ndarray], list[str]]:
    if not isinstance(value, dict) or not value:
        found = "nothing" if value in ({}, [], None) else f"a {type(value).__name__}"
        raise NotPlainError(f"holds {found} where a dict of gene -> vector is expected")
    vectors: dict[str, np.ndarray] = {}
    none = [name for name, vector in value.items() if vector is None]
    numbers = 0
    for name in list(value):
        # Taken out one by one, so that a large file is never in memory twice.
        vector = value.pop(name)
        if vector is None:
            continue
        vectors[name] = _vector(name, vector)
        numbers += len(vectors[name])
        # A number takes a byte at least; one vector given to a million names is not plain.
        if numbers > size:
            raise NotPlainError("repeats its vectors to more numbers than it has bytes")
    if not vectors:
        raise NotPlainError("holds None for every name")
    return vectors, none


def _vector(name: str, value: object) -> np.ndarray:
    with np.errstate(over="ignore"):
        if isinstance(value, _Vector) and value.numbers is not None:
            return value.numbers.astype(np.float32)
        listed = isinstance(value, list | tuple) and value
        if listed and {*map(type, listed)} <= {float, int, np.ndarray}:
            lengths = [len(part) if isinstance(part, np.ndarray) else 1 for part in listed]
            numbers, start = np.empty(sum(lengths), dtype=np.float32), 0
            for part, length in zip(listed, lengths, strict=True):
                numbers[start : start + length] = part
                start += length
            return numbers
    what = f"holds {_shown(value)} for {_shown(name)} instead of numbers"
    if isinstance(value, dict):
        raise NotPlainError(what, "save the dict of genes that you want by itself;")
    raise NotPlainError(what)


@dataclass
class _Function:
    package: str
    name: str


@dataclass
class _Dtype:
    dtype: np.dtype


@dataclass(eq=False)
class _Vector:
    """A 1-dimensional array of numbers, empty until its bytes are read."""

    numbers: np.ndarray | None = None


class _Machine:
    """The stack, the enclosing stacks (one a mark) and the memo of a pickle being read."""

    def __init__(self, data: mmap.mmap) -> None:
        self.data: Any = data
        self.stack: list[Any] = []
        self.outer: list[list[Any]] = []
        self.memo: dict[int, Any] = {}
        self.encoded = 0

    def run(self) -> object:
        for step, (instruction, argument, _) in enumerate(pickletools.genops(self.data)):
            if step == MOST_STEPS:
                raise NotPlainError(f"takes more than {MOST_STEPS:,} steps to read")
            self.perform(instruction.name, argument)
            if len(self.memo) + len(self.stack) + len(self.outer) > MOST_KEPT:
                raise NotPlainError(f"holds more than {MOST_KEPT:,} values on its way to a dict")
        return self.pop()

    def perform(self, instruction: str, argument: Any) -> None:
        match instruction:
            case "BINFLOAT":
                self.push(self.numbers(argument))
            case "MEMOIZE" | "BINPUT" | "LONG_BINPUT" | "PUT":
                self.memo[len(self.memo) if argument is None else argument] = self.top()
            case (
                "SHORT_BINUNICODE" | "BINUNICODE" | "BINUNICODE8" | "UNICODE" | "BININT1"
                | "BININT2" | "BININT" | "INT" | "LONG1" | "LONG4" | "LONG" | "FLOAT"
                | "SHORT_BINSTRING" | "BINSTRING" | "STRING"
                | "SHORT_BINBYTES" | "BINBYTES" | "BINBYTES8" | "BYTEARRAY8"
            ):  # fmt: skip
                self.push(argument)
            case "BINGET" | "LONG_BINGET" | "GET":
                if argument not in self.memo:
                    raise ValueError("a reference to what was not there before")
                self.push(self.memo[argument])
            case "MARK":
                self.outer.append(self.stack)
                self.stack = []
            case "NONE" | "NEWTRUE" | "NEWFALSE":
                self.push({"NONE": None, "NEWTRUE": True, "NEWFALSE": False}[instruction])
            case "EMPTY_LIST":
                self.push([])
            case "EMPTY_DICT":
                self.push({})
            case "EMPTY_TUPLE":
                self.push(())
            case "LIST":
                self.push(_extend(self.since_mark(), []))
            case "APPENDS":
                _extend(self.since_mark(), self.top())
            case "APPEND":
                _extend([self.pop()], self.top())
            case "DICT":
                self.push(_update(self.since_mark(), {}))
            case "SETITEMS":
                _update(self.since_mark(), self.top())
            case "SETITEM":
                _update([self.pop(), self.pop()][::-1], self.top())
            case "TUPLE":
                self.push(tuple(self.since_mark()))
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                self.push(tuple([self.pop() for _ in range(int(instruction[-1]))][::-1]))
            case "GLOBAL":
                self.push(_named(*argument.split(" ", 1)))
            case "STACK_GLOBAL":
                name, module = self.pop(), self.pop()
                self.push(_named(module, name))
            case "REDUCE":
                arguments, function = self.pop(), self.pop()
                self.push(self.bounded(_call(function, arguments)))
            case "BUILD":
                state = self.pop()
                _build(self.top(), state)
            case "PROTO" | "FRAME" | "STOP":
                pass
            case _:
                asked = "" if argument is None else f" ({_shown(argument)})"
                raise NotPlainError(f"asks for the instruction {instruction}{asked}")

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def top(self) -> Any:
        if not self.stack:
            raise ValueError("an instruction lacks its operand")
        # A run of numbers is one item here and several in the pickle: only lists take it whole.
        if isinstance(self.stack[-1], np.ndarray):
            raise NotPlainError("holds numbers outside a list")
        return self.stack[-1]

    def pop(self) -> Any:
        self.top()
        return self.stack.pop()

    def since_mark(self) -> list[Any]:
        if not self.outer:
            raise ValueError("a list ends that did not begin")
        items, self.stack = self.stack, self.outer.pop()
        return items

    def bounded(self, value: object) -> object:
        """Return a value; raise if text becomes more bytes, again and again, than there are."""
        self.encoded += len(value) if isinstance(value, bytes) else 0
        if self.encoded > len(self.data):
            raise NotPlainError("repeats its bytes to more than it has")
        return value

    def numbers(self, first: float) -> float | np.ndarray:
        """Return the run of numbers that starts with this one, and go on behind it."""
        position = self.data.tell() - NUMBER.itemsize
        ahead = self.data[position : position + RUN * NUMBER.itemsize]
        records = np.frombuffer(ahead, NUMBER, count=len(ahead) // NUMBER.itemsize)
        others = np.flatnonzero(records["instruction"] != b"G")
        count = int(others[0]) if len(others) else len(records)
        if count == 1:
            return first
        self.data.seek(position + count * NUMBER.itemsize)
        with np.errstate(over="ignore"):
            return records["value"][:count].astype(np.float32)


def _extend(items: list[Any], target: Any) -> list[Any]:
    if not isinstance(target, list):
        raise NotPlainError(f"asks to append to {_shown(target)}")
    # A list of lists, or of itself, would only take memory.
    inner = next((i for i in items if isinstance(i, list | dict | tuple | _Vector)), None)
    if inner is not None:
        raise NotPlainError(f"holds {_shown(inner)} in a list instead of numbers")
    target.extend(items)
    return target


def _update(items: list[Any], target: Any) -> dict[str, Any]:
    if not isinstance(target, dict):
        raise NotPlainError(f"asks to set items of {_shown(target)}")
    for name, value in zip(items[::2], items[1::2], strict=True):
        if not isinstance(name, str):
            raise NotPlainError(f"holds {_shown(name)} where a gene's name is expected")
        target[name] = value
    return target


def _named(module: object, name: object) -> _Function:
    if not isinstance(module, str) or not isinstance(name, str):
        raise ValueError("a name that is no text")
    package = module.split(".")[0]
    if (module, name) in NAMES:
        return _Function(package, NAMES[module, name])
    if package in ELSEWHERE:
        what, do = ELSEWHERE[package]
        raise NotPlainError(f"{what} ({_shown(module)}.{_shown(name)})", f"{do};")
    raise NotPlainError(f"asks to run {_shown(module)}.{_shown(name)}")


def _call(function: object, arguments: object) -> object:
    if not isinstance(function, _Function) or not isinstance(arguments, tuple):
        raise NotPlainError(f"asks to call {_shown(function)}")
    match function.name, *arguments:
        case "dtype", code, *_:
            if not isinstance(code, str) or not DTYPES.fullmatch(code):
                raise NotPlainError(f"holds NumPy values of type {_shown(code)}")
            return _Dtype(np.dtype(code))
        case "_reconstruct", *_:
            return _Vector()
        case "_frombuffer", raw, dtype, shape, _:
            return _Vector(_numbers(raw, dtype, shape))
        case "scalar", dtype, raw:
            (value,) = _values(raw, dtype)
            return value.item()
        case "encode", str() as text, "latin1":
            return text.encode("latin-1")
        case ("OrderedDict",):
            return {}
    asked = f"{function.package}.{function.name}"
    raise NotPlainError(f"asks to call {asked} with {len(arguments)} values")


def _build(target: object, state: object) -> None:
    match target, state:
        case _Dtype(), (_, "<" | ">" | "|" | "=" as order, *_):
            target.dtype = target.dtype.newbyteorder(order)
        case _Vector(), (_, shape, dtype, _, raw):
            target.numbers = _numbers(raw, dtype, shape)
        case _:
            raise NotPlainError(f"asks to change the inside of {_shown(target)}")


def _numbers(raw: object, dtype: object, shape: object) -> np.ndarray:
    numbers = _values(raw, dtype)
    one = shape in ((1, len(numbers)), (len(numbers), 1))
    if not (one or shape == numbers.shape) or numbers.dtype.kind == "U":
        # Spelt out only where it is a shape: tuples of tuples can be endless to write.
        plain = isinstance(shape, tuple) and all(type(length) is int for length in shape)
        found = str(shape)[:60] if plain else _shown(shape)
        raise NotPlainError(f"holds an array of {numbers.dtype} in the shape {found}")
    return numbers


def _values(raw: object, dtype: object) -> np.ndarray:
    if isinstance(raw, str):  # as Python 2 wrote bytes
        raw = raw.encode("latin-1")
    if not isinstance(raw, bytes | bytearray) or not isinstance(dtype, _Dtype):
        raise NotPlainError(f"holds NumPy values made of {_shown(raw)}")
    return np.frombuffer(raw, dtype.dtype)


def _shown(value: object) -> str:
    """A value of the file in a message: short, and never asked for its own repr."""
    plain = value is None or isinstance(value, str | int | float)
    text = str(value) if plain else f"a {type(value).__name__.strip('_').lower()}"
    return text if len(text) <= 60 else f"{text[:60]}…"
