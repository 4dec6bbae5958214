"""Text files from outside, plain or gzipped, that stop being read where they exceed a limit."""

import gzip
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from llmpert.errors import InputError
from llmpert.io.limits import (
    LARGEST_TABLE,
    LONGEST_LINE,
    MOST_COLUMNS,
    MOST_ROWS,
    MOST_VALUES,
    refuse_more,
)
from llmpert.io.reading import as_input_error

BLOCK = 1 << 20


@contextmanager
def open_text(
    path: Path,
    separator: str,
    expected: str = "a table as text",
    *,
    largest: int = LARGEST_TABLE,
    columns: int = MOST_COLUMNS,
) -> Iterator[IO[str]]:
    """Open a table as text; `.gz` is unpacked while it is read, never beyond the limits.

    Args:
        separator: Of columns.
        expected: What it should be, for messages.
        largest: Bytes it may have unpacked.
        columns: Columns it may have.

    Raises:
        InputError: While it is read: it is damaged, larger, or has too many rows, columns or
            values, or NUL bytes; or what parses it in the `with` block fails (see
            `as_input_error`).
    """
    packed = path.name.lower().endswith(".gz")
    with (
        as_input_error(path, expected),
        gzip.open(path) if packed else path.open("rb") as raw,
    ):
        bounded = io.BufferedReader(
            _Bounded(path, raw, separator.encode(), largest, columns), BLOCK
        )
        # "utf-8-sig" also reads plain UTF-8; spreadsheets put its mark in front of the header.
        with io.TextIOWrapper(bounded, encoding="utf-8-sig", newline="") as text:
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
        """As any file that is read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Pass on some bytes once they are counted."""
        block = self.raw.read(len(buffer))
        self._count(block)
        buffer[: len(block)] = block
        return len(block)

    def _count(self, block: bytes) -> None:
        if b"\0" in block:
            raise InputError.of_file(self.path, "text", "NUL bytes")
        self.bytes += len(block)
        first, *others = block.split(b"\n")
        self.length += len(first)
        self.columns += first.count(self.separator)
        longest, widest = self.length, self.columns
        if others:
            self.length, self.columns = len(others[-1]), others[-1].count(self.separator)
            longest = max(longest, *map(len, others))
            widest = max(widest, *(line.count(self.separator) for line in others))
        self.rows += len(others)
        self.values += block.count(self.separator) + len(others)
        for most, what, found in (
            (self.largest, "bytes", self.bytes),
            (LONGEST_LINE, "bytes in a line", longest),
            (self.most, "columns", widest + 1),
            (MOST_ROWS, "rows", self.rows),
            (MOST_VALUES, "values", self.values),
        ):
            refuse_more(self.path, most, what, found, counted=False)
