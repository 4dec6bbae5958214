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
    """Raise InputError if a table declares more than can be read, or holds types that may not be.

    So it is if its text is more than `LARGEST_LIST` bytes, repeated by a dictionary or not.

    Args:
        allowed: Tells which nested types may be; by default none.
    """
    with pq.ParquetFile(path) as file:
        meta, schema = file.metadata, file.schema_arrow
        groups = [meta.row_group(number) for number in range(meta.num_row_groups)]
        chunks = [group.column(number) for group in groups for number in range(meta.num_columns)]
        values = sum(chunk.num_values for chunk in chunks)
        unpacked = sum(group.total_byte_size for group in groups)
        refuse_more(path, MOST_COLUMNS, "columns", meta.num_columns)
        refuse_more(path, MOST_ROWS, "rows", meta.num_rows)
        refuse_more(path, MOST_VALUES, "values", max(values, meta.num_rows * len(schema)))
        refuse_more(path, 8 * MOST_VALUES, "bytes unpacked", unpacked)
        for field in schema:
            if _odd(field.type) and not (allowed and allowed(field.type)):
                found = f"the type {str(field.type)[:40]}"
                raise InputError.of_file(path, "columns of numbers and text", found)
        texts = [field.name for field in schema if _is_text(field.type)]
        if not texts:
            return
        # In blocks that cannot be large, because a page can repeat one text for many rows.
        stored = sum(c.total_uncompressed_size for c in chunks if c.path_in_schema in texts)
        rows = max(1, min(65_536, LARGEST_LIST // max(1, stored)))
        size = 0
        for batch in file.iter_batches(rows, columns=texts):
            batch.validate(full=True)  # such as that text is UTF-8, which pandas asks later
            for column in batch.columns:
                packed = isinstance(column, pa.DictionaryArray)
                size += (column.dictionary_decode() if packed else column).nbytes
            refuse_more(path, LARGEST_LIST, "bytes of text", size, counted=False)


def _odd(kind: pa.DataType) -> bool:
    types = pa.types
    if types.is_dictionary(kind):
        return _odd(kind.value_type)
    binary = types.is_binary(kind) or types.is_large_binary(kind) or types.is_binary_view(kind)
    other = types.is_fixed_size_binary(kind) or isinstance(kind, pa.BaseExtensionType)
    return types.is_nested(kind) or binary or other


def _is_text(kind: pa.DataType) -> bool:
    return not (pa.types.is_primitive(kind) or pa.types.is_nested(kind) or pa.types.is_null(kind))
