"""Tables from outside, as Parquet or text: what exceeds a limit is not read, or not to its end."""

import csv
import gzip
import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from llmpert.errors import InputError
from llmpert.io import limits
from llmpert.io.limits import refuse_more
from llmpert.io.reading import as_input_error

BLOCK = 1 << 20
SAMPLE = 20
"""Lines from which a table's separator is recognised."""
_DECIMAL_COMMA = re.compile(r"[-+]?\d+,\d+([eE][-+]?\d+)?")


@contextmanager
def open_text(
    path: Path,
    separator: str,
    expected: str = "a table as text",
    *,
    largest: int = limits.LARGEST_TABLE,
    columns: int = limits.MOST_COLUMNS,
    rows: int | None = None,
) -> Iterator[IO[str]]:
    """Open a table as text; `.gz` is unpacked while it is read, never beyond the limits.

    Args:
        separator: Of columns, of which there may be `columns`.
        largest: Bytes it may have unpacked.
        rows: How many there may be, by default `MOST_ROWS`.

    Raises:
        InputError: While it is read: it is damaged, larger, or has too many rows, columns or
            values, or NUL bytes; or `as_input_error` says so of what parses it.
    """
    opener = gzip.open if path.name.lower().endswith(".gz") else open
    with as_input_error(path, expected), opener(path, "rb") as raw:
        bounded = _Bounded(
            path, raw, separator.encode(), largest, columns, rows or limits.MOST_ROWS
        )
        # "utf-8-sig" also reads plain UTF-8; spreadsheets put its mark in front of the header.
        buffered = io.BufferedReader(bounded, BLOCK)
        with io.TextIOWrapper(buffered, encoding="utf-8-sig", newline="") as text:
            try:
                yield text
            except UnicodeDecodeError as problem:
                do = "save the file again as UTF-8"
                raise InputError.of_file(
                    path, "text in UTF-8", f"another encoding; {do}"
                ) from problem


@dataclass(frozen=True)
class Dialect:
    """How a table is written as text: what separates its columns, and its decimal mark."""

    separator: str
    decimal: str = "."


SEPARATORS = {"\t": "tabs", ";": "semicolons", ",": "commas", " ": "blanks"}
"""What columns may be separated by, in words."""


def dialect(path: Path, otherwise: str, skip: int = 0) -> Dialect:
    """Find out how a table is written, from its first lines and not from its name.

    A separator is one that gives every line the same number of columns, two or more; the header may
    have one fewer, as R writes it.

    Args:
        otherwise: The separator where no line has one.
        skip: Lines before the table.

    Raises:
        InputError: The file is text in UTF-16.
    """
    opener = gzip.open if path.name.lower().endswith(".gz") else open
    with as_input_error(path, "a table as text"), opener(path, "rb") as raw:
        head = raw.read(BLOCK // 16)
    _refuse_utf16(path, head)
    text = head.decode("utf-8-sig", errors="replace")
    # The last line may be cut.
    lines = text.splitlines()[skip : SAMPLE + skip + 1]
    lines = [line for line in (lines[:-1] if len(lines) > 1 else lines) if line.strip()]
    for separator in SEPARATORS:
        try:
            rows = list(csv.reader(lines, delimiter=separator))
        except csv.Error:
            continue
        counts = {len(row) for row in rows[1:] or rows}
        if len(counts) == 1 and max(counts) > 1 and max(counts) - len(rows[0]) in (0, 1):
            values = [value for row in rows[1:] for value in row[1:] if value.strip()]
            commas = sum(bool(_DECIMAL_COMMA.fullmatch(value.strip())) for value in values)
            return Dialect(separator, "," if separator != "," and 2 * commas > len(values) else ".")
    return Dialect(otherwise)


def _refuse_utf16(path: Path, head: bytes) -> None:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        do = "save the file again as UTF-8 (in a spreadsheet: CSV UTF-8)"
        raise InputError.of_file(path, "text in UTF-8", f"UTF-16; {do}")


class _Bounded(io.RawIOBase):
    """A table's bytes, counted while they are read."""

    def __init__(
        self, path: Path, raw: Any, separator: bytes, largest: int, most: int, rows: int
    ) -> None:
        self.path, self.raw, self.separator = path, raw, separator
        self.largest, self.most, self.most_rows = largest, most, rows
        self.bytes = self.rows = self.values = 0
        # Of the line that the last block ended in.
        self.length = self.columns = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        block = self.raw.read(len(buffer))
        if not self.bytes:
            _refuse_utf16(self.path, block)
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
            (self.most_rows, "rows", self.rows),
            (limits.MOST_VALUES, "values", self.values),
        ):
            refuse_more(self.path, most, what, found, counted=False)
        buffer[: len(block)] = block
        return len(block)


def read_flat(
    path: Path, expected: str = "a Parquet table", *, lists: bool = False
) -> pd.DataFrame:
    """Read a table of numbers, text and dates; an InputError refuses damaged and other ones.

    `lists` is whether there may be columns of lists of numbers.
    """
    with as_input_error(path, expected):
        refuse_oversized(path, _is_list if lists else None)
        return pd.read_parquet(path)


def _is_list(kind: pa.DataType) -> bool:
    types = pa.types
    listed = types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)
    return listed and (types.is_floating(kind.value_type) or types.is_integer(kind.value_type))


def refuse_oversized(path: Path, allowed: "Callable[[pa.DataType], bool] | None" = None) -> None:
    """Raise InputError if a table declares more than can be read, or holds types that may not be.

    So it is if its text, which a dictionary may repeat, is more than `LARGEST_LIST` bytes. Which
    nested types are accepted is what `allowed` says; by default none.
    """
    with pq.ParquetFile(path) as file:
        meta, schema = file.metadata, file.schema_arrow
        groups = [meta.row_group(number) for number in range(meta.num_row_groups)]
        columns = range(meta.num_columns)
        values = sum(group.column(column).num_values for group in groups for column in columns)
        unpacked = sum(group.total_byte_size for group in groups)
        refuse_more(path, limits.MOST_COLUMNS, "columns", meta.num_columns)
        refuse_more(path, limits.MOST_ROWS, "rows", meta.num_rows)
        refuse_more(path, limits.MOST_VALUES, "values", max(values, meta.num_rows * len(schema)))
        refuse_more(path, 8 * limits.MOST_VALUES, "bytes unpacked", unpacked)
        for field in schema:
            if _odd(field.type) and not (allowed and allowed(field.type)):
                found = f"the type {str(field.type)[:40]}"
                raise InputError.of_file(path, "columns of numbers and text", found)
        texts = [field.name for field in schema if _is_text(field.type)]
        if not texts:
            return
        # In blocks that cannot be large, because a page can repeat one text for many rows.
        wanted = [column for column in columns if meta.schema.column(column).path in texts]
        stored = sum(g.column(column).total_uncompressed_size for g in groups for column in wanted)
        rows = max(1, min(65_536, limits.LARGEST_LIST // max(1, stored)))
        size = 0
        for batch in file.iter_batches(rows, columns=texts):
            batch.validate(full=True)  # such as that text is UTF-8, which pandas asks later
            for column in batch.columns:
                packed = isinstance(column, pa.DictionaryArray)
                size += (column.dictionary_decode() if packed else column).nbytes
            refuse_more(path, limits.LARGEST_LIST, "bytes of text", size, counted=False)


def _odd(kind: pa.DataType) -> bool:
    types = pa.types
    if types.is_dictionary(kind):
        return _odd(kind.value_type)
    binary = types.is_binary(kind) or types.is_large_binary(kind) or types.is_binary_view(kind)
    other = types.is_fixed_size_binary(kind) or isinstance(kind, pa.BaseExtensionType)
    return types.is_nested(kind) or binary or other


def _is_text(kind: pa.DataType) -> bool:
    return not (pa.types.is_primitive(kind) or pa.types.is_nested(kind) or pa.types.is_null(kind))
