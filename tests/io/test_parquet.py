"""Parquet files that declare too much, or other things than numbers and text."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from llmpert.embeddings import read_embedding
from llmpert.errors import InputError
from llmpert.io import limits
from llmpert.methods.published import Published
from llmpert.screens import read_screen

READERS = [
    read_screen,
    lambda path: read_embedding(path, "text"),
    lambda path: Published.read(path, "K562"),
]


def written(path: Path, columns: dict[str, object], **metadata: str) -> Path:
    table = pa.table({"gene": ["A", "B"], **columns} if "gene" not in columns else columns)
    pq.write_table(table.replace_schema_metadata(metadata), path)
    return path


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize(
    "values",
    [
        [b"1", b"\xff"],
        [["a"], ["b"]],
        [{"a": 1}, {"a": 2}],
        pa.array([[("k", 1)]] * 2, pa.map_("string", "i4")),
    ],
)
def test_columns_of_other_types_are_refused(tmp_path, read, values):
    path = written(tmp_path / "x.parquet", {"a": values})
    with pytest.raises(InputError, match="columns of numbers and text, found the type") as caught:
        read(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("read", READERS)
def test_rows_and_values_are_counted_before_they_are_read(tmp_path, read, monkeypatch):
    monkeypatch.setattr(limits, "MOST_ROWS", 1000)
    monkeypatch.setattr(limits, "MOST_VALUES", 5000)
    zeros = pa.array(np.zeros(1001, np.int8))
    path = written(tmp_path / "x.parquet", {"gene": zeros})
    with pytest.raises(InputError, match="at most 1,000 rows, found 1,001"):
        read(path)
    written(path, {"gene": zeros[:1000], **{f"c{n}": zeros[:1000] for n in range(5)}})
    with pytest.raises(InputError, match="at most 5,000 values, found 6,000"):
        read(path)


@pytest.mark.parametrize("read", READERS)
def test_many_rows_cannot_share_one_long_name(tmp_path, read, monkeypatch):
    monkeypatch.setattr(limits, "LARGEST_LIST", 1 << 20)
    long = pa.DictionaryArray.from_arrays(pa.array([0] * 300, "i4"), ["x" * (1 << 13)])
    table = pa.table({"gene": long, "a": np.zeros(300)})
    for store_schema in (True, False):  # as a dictionary, and as plain text
        pq.write_table(table, tmp_path / "x.parquet", store_schema=store_schema)
        with pytest.raises(InputError, match="at most 1,048,576 bytes of text"):
            read(tmp_path / "x.parquet")


def test_what_a_file_says_of_itself_is_no_program(tmp_path):
    deep = "[" * 100_000
    path = written(tmp_path / "x.parquet", {"a": [1.0, 2.0]}, llmpert=deep)
    assert read_embedding(path, "text").genes.tolist() == ["A", "B"]
    head = '{"format": "llmpert-embedding", "version": 1, "name": "x", "provenance": %s}'
    for told, words in (
        ("5", "a JSON object"), ('{"notes": 5}', "a list of texts as notes"),
        ('{"source": "<script>"}', "without <"),
    ):  # fmt: skip
        vectors = pa.FixedSizeListArray.from_arrays(pa.array([1.0, 2.0], "f4"), 1)
        written(path, {"vector": vectors}, llmpert=head % told)
        with pytest.raises(InputError, match=words):
            read_embedding(path, "text")
