"""Text that unpacks to more than it seems, or is no text."""

import gzip
from pathlib import Path

import pytest

from llmpert.embeddings import read_embedding
from llmpert.errors import InputError
from llmpert.genes.sets import GeneSets
from llmpert.io import limits
from llmpert.io import tables as module
from llmpert.io.tables import open_text
from llmpert.methods.published import Published
from llmpert.screens import read_screen


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("x.csv.gz", read_screen),
        ("x.csv.gz", lambda path: read_embedding(path, "text")),
        ("x.csv.gz", lambda path: Published.read(path, "K562")),
    ],
)
def test_a_bomb_is_not_unpacked(tmp_path, name, read, monkeypatch):
    monkeypatch.setattr(limits, "MOST_ROWS", 500_000)
    member = gzip.compress(b"x,0\n" * (1 << 20))
    path = written(tmp_path / name, gzip.compress(b"gene,a\n") + member * 1000)
    assert path.stat().st_size < 10_000_000  # and 4 GB unpacked
    with pytest.raises(InputError, match="at most 500,000 rows, found more") as caught:
        read(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a\tb\0c\n", "NUL bytes"),
        (b"a\t" + b"b" * (17 << 20), "at most 16,777,216 bytes in a line"),
        (b"a\t" + b"\t" * 200_000, "at most 200,000 columns"),
        (b"\n" * 600_000, "at most 500,000 rows"),
    ],
)
def test_shapes_that_no_table_has(tmp_path, content, words, monkeypatch):
    monkeypatch.setattr(limits, "MOST_ROWS", 500_000)
    with pytest.raises(InputError, match=words):
        GeneSets.read(written(tmp_path / "x.gmt", content))


def test_limits_hold_across_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "BLOCK", 7)
    monkeypatch.setattr(limits, "LONGEST_LINE", 30)
    path = written(tmp_path / "x.csv", b"gene,a,b\n" + b"TP53,1.25,2.5\n" * 9)
    with open_text(path, ",", columns=3) as text:
        assert text.read().count("\n") == 10
    for bounds, words in (({"columns": 2}, "2 columns"), ({"largest": 100}, "100 bytes")):
        with open_text(path, ",", **bounds) as text, pytest.raises(InputError, match=words):
            text.read()
    path.write_bytes(b"x" * 31)
    with open_text(path, ",") as text, pytest.raises(InputError, match="30 bytes in a line"):
        text.read()
    monkeypatch.setattr(limits, "MOST_VALUES", 20)
    path.write_bytes(b"1,2,3\n" * 7)
    with open_text(path, ",") as text, pytest.raises(InputError, match="20 values"):
        text.read()


def test_a_header_of_very_many_columns_does_not_take_minutes(tmp_path):
    path = written(tmp_path / "x.csv", b",".join(b"c%d" % n for n in range(100_000)) + b"\n")
    with pytest.raises(InputError, match="at most 20,000 columns"):
        read_embedding(path, "text")


@pytest.mark.parametrize("content", [b"\xff\xfeg\0e\0", b"gene,a\nTP53,\xff\xfe\n"])
def test_other_encodings(tmp_path, content):
    with pytest.raises(InputError, match=r"x\.csv"):
        read_embedding(written(tmp_path / "x.csv", content), "text")


def test_a_field_longer_than_csv_takes(tmp_path):
    with pytest.raises(InputError, match="field larger than field limit"):
        read_screen(written(tmp_path / "x.csv", b"x" * 140_000 + b",y\nA,1\n"))
