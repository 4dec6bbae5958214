"""Text files from outside, plain or gzipped, that stop being read where they exceed a limit."""

import gzip
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from llmpert.errors import InputError
from llmpert.io import limits
from llmpert.io.reading import as_input_error

BLOCK = 1 << 20


@contextmanager
def open_text(
    path: Path,
    separator: str,
    expected: str = "a table as text",
    *,
    largest: int = limits.LARGEST_TABLE,
    columns: int = limits.MOST_COLUMNS,
) -> Iterator[IO[str]]:
    """Open a table as text; `.gz` is unpacked while it is read, never beyond the limits.

    Args:
        separator: Of columns, of which there may be `columns`.
        expected: What it should be, for messages.
        largest: Bytes it may have unpacked.

    Raises:
        InputError: While it is read: it is damaged, larger, or has too many rows, columns or
            values, or NUL bytes; or what parses it in the `with` block fails (see
            `as_input_error`).
    """
    opener = gzip.open if path.name.lower().endswith(".gz") else open
    with as_input_error(path, expected), opener(path, "rb") as raw:
        bounded = _Bounded(path, raw, separator.encode(), largest, columns)
        # "utf-8-sig" also reads plain UTF-8; spreadsheets put its mark in front of the header.
        with io.TextIOWrapper(
            io.BufferedReader(bounded, BLOCK), encoding="utf-8-sig", newline=""
        ) as text:
            yield text


class _Bounded(io.RawIOBase):
    """Bytes of a table, counted as they pass."""

    def __init__(self, path: Path, raw: Any, separator: bytes, largest: int, most: int) -> None:
        self.path, self.raw, self.separator = path, raw, separator
        self.largest, self.most = largest, most
        self.bytes = self.rows = self.values = 0
        # Of the line that the last block ended in.
        self.length = self.columns = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        block = self.raw.read(len(buffer))
        if b"\0" in block:
            raise InputError.of_file(self.path, "text", "NUL bytes")
        lines = block.split(b"\n")
        lengths = [len(line) for line in lines]
        columns = [line.count(self.separator) for line in lines]
        self.bytes += len(block)
        self.rows += len(lines) - 1
        self.values += sum(columns) + len(lines) - 1
        lengths[0] += self.length
        columns[0] += self.columns
        self.length, self.columns = lengths[-1], columns[-1]
        for most, what, found in (
            (self.largest, "bytes", self.bytes),
            (limits.LONGEST_LINE, "bytes in a line", max(lengths)),
            (self.most, "columns", max(columns) + 1),
            (limits.MOST_ROWS, "rows", self.rows),
            (limits.MOST_VALUES, "values", self.values),
        ):
            limits.refuse_more(self.path, most, what, found, counted=False)
        buffer[: len(block)] = block
        return len(block)
