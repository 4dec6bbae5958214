"""Parquet files from outside: what the footer declares is checked before anything is read."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from llmpert.errors import InputError
from llmpert.io.limits import LARGEST_LIST, MOST_COLUMNS, MOST_ROWS, MOST_VALUES, refuse_more
from llmpert.io.reading import as_input_error


def read_flat(path: Path, expected: str = "a Parquet table") -> pd.DataFrame:
    """Read a table of numbers and text.

    Raises:
        InputError: The file is damaged, the table is too large, or it holds lists, records or other
            types than numbers, text and dates.
    """
    with as_input_error(path, expected):
        refuse_oversized(path)
        return pd.read_parquet(path)


def refuse_oversized(path: Path, allowed: "Callable[[pa.DataType], bool] | None" = None) -> None:
    """Raise if a table declares more than can be read, or holds types that may not be.

    Args:
        allowed: Tells which nested types may be; by default none.

    Raises:
        InputError: That is so; also of text that a dictionary repeats to more than `LARGEST_LIST`
            bytes.
    """
    with pq.ParquetFile(path) as file:
        meta, schema = file.metadata, file.schema_arrow
        groups = [meta.row_group(number) for number in range(meta.num_row_groups)]
        columns = range(meta.num_columns)
        values = sum(group.column(column).num_values for group in groups for column in columns)
        unpacked = sum(group.total_byte_size for group in groups)
        refuse_more(path, MOST_COLUMNS, "columns", meta.num_columns)
        refuse_more(path, MOST_ROWS, "rows", meta.num_rows)
        refuse_more(path, MOST_VALUES, "values", max(values, meta.num_rows * len(schema)))
        refuse_more(path, 8 * MOST_VALUES, "bytes unpacked", unpacked)
        for field in schema:
            if _odd(field.type) and not (allowed and allowed(field.type)):
                raise InputError.of_file(
                    path, "columns of numbers and text", f"the type {str(field.type)[:40]}"
                )
        texts = [field.name for field in schema if _is_text(field.type)]
        if texts:
            _bound_text(path, file, texts)


def _is_dictionary(column: pa.Array) -> bool:
    return isinstance(column, pa.DictionaryArray)


def _odd(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return _odd(kind.value_type)
    types = pa.types
    binary = types.is_binary(kind) or types.is_large_binary(kind) or types.is_binary_view(kind)
    return (
        types.is_nested(kind)
        or binary
        or types.is_fixed_size_binary(kind)
        or isinstance(kind, pa.BaseExtensionType)
    )


def _is_text(kind: pa.DataType) -> bool:
    return not (pa.types.is_primitive(kind) or pa.types.is_nested(kind) or pa.types.is_null(kind))


def _bound_text(path: Path, file: pq.ParquetFile, texts: list[str]) -> None:
    """Read the text in blocks that cannot be large, because a page can repeat one for many rows."""
    meta = file.metadata
    stored = sum(
        meta.row_group(number).column(column).total_uncompressed_size
        for number in range(meta.num_row_groups)
        for column in range(meta.num_columns)
        if meta.schema.column(column).path in texts
    )
    rows = max(1, min(65_536, LARGEST_LIST // max(1, stored)))
    found = 0
    for batch in file.iter_batches(rows, columns=texts):
        batch.validate(full=True)  # such as that text is UTF-8, which pandas asks later
        plain = (c.dictionary_decode() if _is_dictionary(c) else c for c in batch.columns)
        found += sum(column.nbytes for column in plain)
        refuse_more(path, LARGEST_LIST, "bytes of text", found, counted=False)
