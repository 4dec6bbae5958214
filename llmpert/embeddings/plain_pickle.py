"""A pickle of names and vectors, read as data: nothing in it can run.

A pickle is a program for a stack machine, and Python's unpickler runs it. This reader takes the
instructions from the standard library's disassembler (`pickletools`) and carries out only those
that build text, numbers, lists, dicts and NumPy vectors; any other is refused by name. Nothing is
imported, looked up or called on the file's behalf: the few NumPy names that a pickled vector
mentions are taken as "its dtype" and "its bytes".

Reading the file as data also keeps it small. Unpickled, a number in a list costs 32 bytes; here
whole runs of numbers are copied from the file as float32. And a file of nine bytes that makes the
unpickler reserve gigabytes does nothing.
"""

import inspect
import mmap
import pickletools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from llmpert.errors import InputError
from llmpert.io.reading import as_input_error

LARGEST = 8 * 2**30
"""Bytes; 140,000 genes with 3,072 numbers each, the most known of, take 4 GiB."""

MOST_STEPS = 10_000_000
"""Instructions, a run of numbers counted once; the largest files known of need 4 million."""

MOST_KEPT = 2_000_000
"""Entries of the memo and of the stacks; a pickler remembers a few a gene and stacks by 1,000."""

NUMBER = np.dtype([("instruction", "S1"), ("value", ">f8")])
RUN = 1024
"""Numbers looked at together; the pickler writes lists in batches of 1,000."""

CORES = ("numpy.core", "numpy._core")  # before and since NumPy 2
DTYPES = re.compile(r"[<>|=]?(f[248]|[iu][1248]|U\d{1,4})")


class NotPlainError(ValueError):
    """The pickle asks for something that names and numbers do not need."""


def read_named_vectors(path: Path) -> dict[str, np.ndarray]:
    """Read a pickled dict of name -> list of numbers or 1-dimensional NumPy array.

    Returns
    -------
    Name -> float32 vector, in the file's order. What exceeds float32 is infinite.

    Raises
    ------
    InputError
        The file is damaged or truncated, holds something else, asks for anything to be run, or is
        larger than `LARGEST`.
    """
    size = path.stat().st_size
    if not 0 < size <= LARGEST:
        raise InputError.of_file(
            path, f"a pickle of at most {LARGEST // 2**30} GiB", f"{size:,} bytes"
        )
    with as_input_error(path, "a whole pickle of gene names and vectors"), path.open("rb") as file:
        try:
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                value = _Machine(data).run()
            return _named_vectors(value, size)
        except NotPlainError as problem:
            raise InputError(
                f"{path}: the file {problem}; a GenePT file holds only names and numbers, so"
                " nothing of it was used."
            ) from problem


def _named_vectors(value: object, size: int) -> dict[str, np.ndarray]:
    if not isinstance(value, dict) or not value:
        found = "nothing" if value in ({}, [], None) else f"a {type(value).__name__}"
        raise NotPlainError(f"holds {found} where a dict of gene -> vector is expected")
    vectors: dict[str, np.ndarray] = {}
    numbers = 0
    for name in list(value):
        # Taken out one by one, so that a large file is never in memory twice.
        vectors[name] = _vector(name, value.pop(name))
        numbers += len(vectors[name])
        # A number takes a byte at least; one vector given to a million names is not plain.
        if numbers > size:
            raise NotPlainError("repeats its vectors to more numbers than it has bytes")
    return vectors


def _vector(name: str, value: object) -> np.ndarray:
    with np.errstate(over="ignore"):
        if isinstance(value, _Vector) and value.numbers is not None:
            return value.numbers.astype(np.float32)
        if isinstance(value, list | tuple):
            lengths = [
                len(part) if isinstance(part, np.ndarray) else 1
                for part in value
                if isinstance(part, np.ndarray | float | int) and not isinstance(part, bool)
            ]
            if lengths and len(lengths) == len(value):
                numbers, start = np.empty(sum(lengths), dtype=np.float32), 0
                for part, length in zip(value, lengths, strict=True):
                    numbers[start : start + length] = part
                    start += length
                return numbers
    raise NotPlainError(f"holds {_shown(value)} for {_shown(name)} instead of numbers")


class _Machine:
    """The stack, the enclosing stacks (one a mark) and the memo of a pickle being read."""

    def __init__(self, data: mmap.mmap) -> None:
        self.data: Any = data
        self.stack: list[Any] = []
        self.outer: list[list[Any]] = []
        self.memo: dict[int, Any] = {}

    def run(self) -> object:
        for step, (instruction, argument, _) in enumerate(pickletools.genops(self.data)):
            if step == MOST_STEPS:
                raise NotPlainError(f"takes more than {MOST_STEPS:,} steps to read")
            perform = INSTRUCTIONS.get(instruction.name)
            if perform is None:
                asked = "" if argument is None else f" ({_shown(argument)})"
                raise NotPlainError(f"asks for the instruction {instruction.name}{asked}")
            perform(self, argument)
            if len(self.memo) + len(self.stack) + len(self.outer) > MOST_KEPT:
                raise NotPlainError(f"holds more than {MOST_KEPT:,} values on its way to a dict")
        return self.pop()

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

    def mark(self, argument: Any) -> None:
        self.outer.append(self.stack)
        self.stack = []

    def push(self, argument: Any) -> None:
        self.stack.append(argument)

    def numbers(self, argument: float) -> None:
        """Push the run of numbers that starts with this one, and go on behind it."""
        position = self.data.tell() - NUMBER.itemsize
        ahead = self.data[position : position + RUN * NUMBER.itemsize]
        records = np.frombuffer(ahead, NUMBER, count=len(ahead) // NUMBER.itemsize)
        others = np.flatnonzero(records["instruction"] != b"G")
        count = int(others[0]) if len(others) else len(records)
        if count == 1:
            self.stack.append(argument)
            return
        with np.errstate(over="ignore"):
            self.stack.append(records["value"][:count].astype(np.float32))
        self.data.seek(position + count * NUMBER.itemsize)

    def append(self, argument: Any) -> None:
        self.extend([self.pop()])

    def appends(self, argument: Any) -> None:
        self.extend(self.since_mark())

    def extend(self, items: list[Any]) -> None:
        target = self.top()
        if not isinstance(target, list):
            raise NotPlainError(f"asks to append to {_shown(target)}")
        self.check_flat(items)
        target.extend(items)

    def check_flat(self, items: list[Any]) -> None:
        """A list of lists, or of itself, would only take memory."""
        inner = next((i for i in items if isinstance(i, list | dict | tuple | _Vector)), None)
        if inner is not None:
            raise NotPlainError(f"holds {_shown(inner)} in a list instead of numbers")

    def set_item(self, argument: Any) -> None:
        value, name = self.pop(), self.pop()
        self.update([name, value])

    def set_items(self, argument: Any) -> None:
        self.update(self.since_mark())

    def update(self, items: list[Any]) -> None:
        target = self.top()
        if not isinstance(target, dict):
            raise NotPlainError(f"asks to set items of {_shown(target)}")
        for name, value in zip(items[::2], items[1::2], strict=True):
            if not isinstance(name, str):
                raise NotPlainError(f"holds {_shown(name)} where a gene's name is expected")
            target[name] = value

    def make_list(self, argument: Any) -> None:
        items = self.since_mark()
        self.check_flat(items)
        self.stack.append(items)

    def make_dict(self, argument: Any) -> None:
        items = self.since_mark()
        self.stack.append({})
        self.update(items)

    def make_tuple(self, argument: Any) -> None:
        items = self.since_mark()
        self.stack.append(tuple(items))

    def put(self, argument: int | None) -> None:
        self.memo[len(self.memo) if argument is None else argument] = self.top()

    def get(self, argument: int) -> None:
        if argument not in self.memo:
            raise ValueError("a reference to what was not there before")
        self.stack.append(self.memo[argument])

    def named(self, argument: str) -> None:
        self.refer(*argument.split(" ", 1))

    def stack_named(self, argument: Any) -> None:
        name, module = self.pop(), self.pop()
        self.refer(module, name)

    def refer(self, module: object, name: object) -> None:
        if not isinstance(module, str) or not isinstance(name, str):
            raise ValueError("a name that is no text")
        if (module, name) not in STAND_INS:
            raise NotPlainError(f"asks to run {_shown(module)}.{_shown(name)}")
        self.stack.append(STAND_INS[module, name])

    def call(self, argument: Any) -> None:
        arguments, stand_in = self.pop(), self.pop()
        # Nothing else that is callable ever reaches the stack.
        if not callable(stand_in) or not isinstance(arguments, tuple):
            raise NotPlainError(f"asks to call {_shown(stand_in)}")
        self.stack.append(_applied(stand_in, arguments))

    def build(self, argument: Any) -> None:
        state, target = self.pop(), self.top()
        if not isinstance(target, _Dtype | _Vector) or not isinstance(state, tuple):
            raise NotPlainError(f"asks to change the inside of {_shown(target)}")
        _applied(target.build, state)


def _applied(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    try:
        inspect.signature(function).bind(*arguments)
    except TypeError as problem:
        raise ValueError("a number of arguments that does not fit") from problem
    return function(*arguments)


class _Dtype:
    """A type of numbers or text, as `numpy.dtype` is pickled."""

    def __init__(self, code: object, align: object = False, copy: object = False) -> None:
        if not isinstance(code, str) or not DTYPES.fullmatch(code):
            raise NotPlainError(f"holds NumPy values of type {_shown(code)}")
        self.dtype = np.dtype(code)

    def build(self, version: object, order: object, *rest: object) -> None:
        if order not in ("<", ">", "|", "="):
            raise ValueError("an unknown byte order")
        self.dtype = self.dtype.newbyteorder(order)


class _Vector:
    """A 1-dimensional array of numbers, empty until its bytes come."""

    def __init__(self, kind: object = None, shape: object = None, code: object = None) -> None:
        self.numbers: np.ndarray | None = None

    def build(
        self, version: object, shape: object, dtype: object, fortran: object, raw: object
    ) -> None:
        self.numbers = _values(raw, dtype)
        if shape != self.numbers.shape or self.numbers.dtype.kind == "U":
            found = f"an array of {self.numbers.dtype} in the shape {_shape(shape)}"
            raise NotPlainError(f"holds {found}")


def _shape(shape: object) -> str:
    """Spelt out only where it is one: tuples of tuples can be endless to write."""
    plain = isinstance(shape, tuple) and all(type(length) is int for length in shape)
    return str(shape)[:60] if plain else _shown(shape)


def _vector_of_buffer(raw: object, dtype: object, shape: object, order: object) -> _Vector:
    vector = _Vector()
    vector.build(1, shape, dtype, False, raw)
    return vector


def _scalar(dtype: object, raw: object) -> str | float | int:
    values = _values(raw, dtype)
    if len(values) != 1:
        raise ValueError("a NumPy value of the wrong size")
    return values[0].item()


def _values(raw: object, dtype: object) -> np.ndarray:
    if not isinstance(raw, bytes | bytearray) or not isinstance(dtype, _Dtype):
        raise NotPlainError(f"holds NumPy values made of {_shown(raw)}")
    return np.frombuffer(raw, dtype.dtype)


def _not_called(*arguments: object) -> None:
    raise NotPlainError("asks to call numpy.ndarray")


STAND_INS: dict[tuple[str, str], Callable[..., Any]] = {
    ("numpy", "dtype"): _Dtype,
    ("numpy", "ndarray"): _not_called,
    **{(f"{core}.multiarray", "scalar"): _scalar for core in CORES},
    **{(f"{core}.multiarray", "_reconstruct"): _Vector for core in CORES},
    **{(f"{core}.numeric", "_frombuffer"): _vector_of_buffer for core in CORES},
}
"""What a pickle may name, and what is done here instead of calling it."""


def _tuple_of(size: int) -> Callable[[_Machine, Any], None]:
    def make(machine: _Machine, argument: Any) -> None:
        machine.stack.append(tuple([machine.pop() for _ in range(size)][::-1]))

    return make


def _new(make: Callable[[], Any]) -> Callable[[_Machine, Any], None]:
    return lambda machine, argument: machine.stack.append(make())


def _pass(machine: _Machine, argument: Any) -> None:
    """Framing and the final stop change nothing."""


VALUES = (
    "INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT"
    " UNICODE SHORT_BINUNICODE BINUNICODE BINUNICODE8"
    " SHORT_BINBYTES BINBYTES BINBYTES8 BYTEARRAY8"
)
INSTRUCTIONS: dict[str, Callable[[_Machine, Any], None]] = {
    **dict.fromkeys(VALUES.split(), _Machine.push),
    **dict.fromkeys(("PROTO", "FRAME", "STOP"), _pass),
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"), _Machine.put),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), _Machine.get),
    "NONE": _new(lambda: None),
    "NEWTRUE": _new(lambda: True),
    "NEWFALSE": _new(lambda: False),
    "BINFLOAT": _Machine.numbers,
    "EMPTY_LIST": _new(list),
    "EMPTY_DICT": _new(dict),
    "EMPTY_TUPLE": _new(tuple),
    "MARK": _Machine.mark,
    "LIST": _Machine.make_list,
    "DICT": _Machine.make_dict,
    "TUPLE": _Machine.make_tuple,
    "TUPLE1": _tuple_of(1),
    "TUPLE2": _tuple_of(2),
    "TUPLE3": _tuple_of(3),
    "APPEND": _Machine.append,
    "APPENDS": _Machine.appends,
    "SETITEM": _Machine.set_item,
    "SETITEMS": _Machine.set_items,
    "GLOBAL": _Machine.named,
    "STACK_GLOBAL": _Machine.stack_named,
    "REDUCE": _Machine.call,
    "BUILD": _Machine.build,
}


def _shown(value: object) -> str:
    """A value of the file in a message: short, printable, and never asked for its own repr."""
    if isinstance(value, str):
        text = value if value.isprintable() else ascii(value)
    elif isinstance(value, bool | int | float) or value is None:
        text = str(value)[:60]
    else:
        text = f"a {type(value).__name__.strip('_').lower()}"
    return text if len(text) <= 60 else f"{text[:60]}…"
