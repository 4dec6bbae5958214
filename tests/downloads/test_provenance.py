"""Where a downloaded file came from is told of that file only."""

import json
import os
from dataclasses import replace

import pytest

from llmpert.datasets import DatasetStore
from llmpert.downloads import PublicFile, download_of
from llmpert.downloads import folder as folder_module
from llmpert.downloads.folder import FIELDS, write_note
from llmpert.downloads.registry import Expected
from llmpert.downloads.transfer import md5_of
from llmpert.embeddings import read_embedding, save_embedding
from llmpert.screens import read_screen
from tests.support import small


def source_of(path):
    return PublicFile(
        "it", "A file.", "raw bulk screen", "https://example.org/it", path.name,
        path.stat().st_size, "CC BY 4.0", "Somebody 2024, doi:10.1/x", md5=md5_of(path),
    )  # fmt: skip


def noted(path):
    """The source of a file, with a note beside it as a download leaves it."""
    source = source_of(path)
    write_note(source, path, Expected(source.size, source.md5), copied=False)
    return source


@pytest.fixture
def screen_file(tmp_path):
    small.screen().save(tmp_path / "screen.h5ad")
    return tmp_path / "screen.h5ad"


def change_note(path, **changes):
    note = path.with_name(f"{path.name}.provenance.json")
    note.write_text(json.dumps(json.loads(note.read_text("utf-8")) | changes), "utf-8")


def test_a_screen_says_where_it_was_downloaded_from(screen_file):
    assert "download" not in read_screen(screen_file).provenance
    source = noted(screen_file)
    screen = read_screen(screen_file, line="Other")
    download = screen.provenance["download"]
    assert list(download) == list(FIELDS)
    assert (download["url"], download["md5"]) == (source.url, source.md5)
    assert (download["licence"], download["citation"]) == (source.licence, source.citation)
    assert screen.provenance["source"] == "made for a test"
    assert screen.fingerprint == replace(small.screen(), line="Other").fingerprint


def test_an_embedding_does_too_and_both_survive_being_kept(screen_file):
    path = screen_file.with_name("text.parquet")
    save_embedding(small.embedding(), path)
    noted(screen_file)
    noted(path)
    embedding = read_embedding(path, "text")
    assert embedding.fingerprint == small.embedding().fingerprint
    small.add("mine", [read_screen(screen_file)], [embedding])
    data = DatasetStore().load("mine")
    assert data.screens["LineA"].provenance["download"]["md5"] == md5_of(screen_file)
    assert data.embeddings["text"].provenance["download"]["md5"] == md5_of(path)


def test_a_file_that_lies_where_it_came_is_not_read_for_it(screen_file, monkeypatch):
    source = noted(screen_file)
    monkeypatch.setattr(folder_module, "md5_of", lambda path: pytest.fail("was read"))
    assert download_of(screen_file)["key"] == "it"
    assert download_of(screen_file, source)


def test_a_moved_file_is_recognised_by_its_md5(screen_file):
    noted(screen_file)
    os.utime(screen_file, ns=(1, 1))
    assert download_of(screen_file)["key"] == "it"
    # As notes were before they had the time of modification.
    change_note(screen_file, modified=None)
    assert download_of(screen_file)["key"] == "it"


def test_the_note_of_another_file_is_not_believed(screen_file):
    source = noted(screen_file)
    content = screen_file.read_bytes()
    screen_file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))  # of the same length
    assert download_of(screen_file) == {}
    assert not download_of(screen_file, source)
    screen_file.write_bytes(content + b"x")
    assert download_of(screen_file) == {}
    screen_file.unlink()
    assert download_of(screen_file) == {}


@pytest.mark.parametrize(
    "changes", [{"bytes": "many"}, {"url": None}, {"licence": ["a"]}, {"md5": 5}, {"bytes": True}]
)
def test_a_note_that_says_something_else_is_not_believed(screen_file, changes):
    noted(screen_file)
    change_note(screen_file, **changes)
    assert download_of(screen_file) == {}


@pytest.mark.parametrize("text", ["", "{", "[]", "5", "\xff"])
def test_what_is_no_note_is_not_believed(screen_file, text):
    screen_file.with_name("screen.h5ad.provenance.json").write_bytes(text.encode("latin-1"))
    assert download_of(screen_file) == {}
    assert read_screen(screen_file).line == "LineA"


def test_a_newer_publication_is_another_file(screen_file):
    source = noted(screen_file)
    assert download_of(screen_file, source)
    assert not download_of(screen_file, replace(source, md5="0" * 32))
    assert not download_of(screen_file, replace(source, key="another"))
