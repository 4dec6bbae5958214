"""Data sets of visitors: found by their name alone, and removed when their time is over."""

import os
import shutil
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmpert.datasets import DatasetStore, Parts, UploadStore, is_upload, uploads
from llmpert.datasets.store import size_of
from llmpert.errors import InputError
from llmpert.io.paths import home
from llmpert.ui.common import cache
from tests.support import small

PARTS = Parts([small.screen()], [small.embedding()])


def left_unused(name: str, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(UploadStore().folder(name), (then, then))


def test_only_its_name_leads_to_a_visitors_data_set():
    name = UploadStore().create("K562 screen.csv", PARTS)
    assert name.startswith("K562-screen-csv.")
    assert is_upload(name)
    assert name not in DatasetStore().names()
    assert UploadStore().exists(name)
    assert list(UploadStore().load(name).screens) == ["LineA"]
    assert not UploadStore().exists(f"{name[:-1]}{'a' if name[-1] != 'a' else 'b'}")


def test_two_visitors_get_different_names():
    assert UploadStore().create("mine", PARTS) != UploadStore().create("mine", PARTS)


@given(st.text(max_size=80))
def test_any_words_make_a_usable_name(words):
    made = uploads.new_name(words)
    assert is_upload(made)
    assert UploadStore().folder(made).parent == home() / "visitors"


@given(st.from_regex(r"[A-Za-z0-9./\\_-]{0,40}\.[A-Za-z0-9./\\_-]{15,25}", fullmatch=True))
def test_no_name_leads_out_of_the_folder(name):
    for store in (UploadStore(), DatasetStore()):
        try:
            folder = store.folder(name)
        except InputError:
            continue
        assert folder.parent == store.root


def test_using_a_data_set_does_not_change_what_caches_know_it_by():
    name = UploadStore().create("mine", PARTS)
    before = UploadStore().fingerprint(name)
    left_unused(name, 1000)
    UploadStore().use(name)
    assert UploadStore().fingerprint(name) == before
    assert time.time() - UploadStore().folder(name).stat().st_mtime < 60


def test_what_nobody_used_for_long_is_removed_and_said_to_be_gone():
    old, used = UploadStore().create("old", PARTS), UploadStore().create("used", PARTS)
    left_unused(old, uploads.DAYS * 86_400 + 60)
    left_unused(used, uploads.DAYS * 86_400 - 60)
    UploadStore().sweep()
    assert UploadStore().exists(used)
    with pytest.raises(InputError, match="This upload has expired"):
        UploadStore().load(old)


def test_an_upload_that_has_expired_is_not_renewed_by_opening_it():
    name = UploadStore().create("old", PARTS)
    left_unused(name, uploads.DAYS * 86_400 + 60)
    UploadStore().use(name)
    assert not UploadStore().exists(name)
    with pytest.raises(InputError, match="removed after 7 days without use"):
        UploadStore().load(name)


def test_what_was_computed_on_an_upload_goes_with_it_and_counts(monkeypatch):
    store = UploadStore()
    name = store.create("mine", PARTS)
    before = size_of(store.root)
    data = cache.load(name)
    cache.experiment(data, "LineA", "text").fold_prediction("mean", 20, 0)
    cache.map_of(data, "LineA", "text", "PCA")
    files = {path.parent.parent.name for path in store.folder(name).rglob("*.npz")}
    assert files == {"results", name}
    assert store.sweep() == size_of(store.root) > before
    left_unused(name, uploads.IN_USE + 60)
    monkeypatch.setattr(uploads, "TOTAL", before)
    store.sweep()
    assert not store.exists(name)
    assert list(home().rglob("*.npz")) == []


def test_no_file_keeps_the_name_of_an_upload_that_is_gone():
    store = UploadStore()
    removed, expired = store.create("mine", PARTS), store.create("mine", PARTS)
    for name in (removed, expired):
        (store.root / f".{name}.lock").touch()  # as earlier versions did
    store.remove(removed)
    left_unused(expired, uploads.DAYS * 86_400 + 60)
    store.sweep()
    left = " ".join(str(path) for path in home().rglob("*"))
    assert removed not in left
    assert expired not in left


def test_a_folder_that_another_process_has_just_removed_is_no_fault(monkeypatch):
    name, other = UploadStore().create("mine", PARTS), UploadStore().create("other", PARTS)
    is_dir = Path.is_dir

    def vanishing(path: Path) -> bool:
        found = is_dir(path)
        if path.name == name:
            shutil.rmtree(path, ignore_errors=True)
        return found

    monkeypatch.setattr(Path, "is_dir", vanishing)
    UploadStore().sweep()
    assert UploadStore().exists(other)


def test_without_space_the_one_used_longest_ago_goes(monkeypatch):
    names = [UploadStore().create("mine", PARTS) for _ in range(3)]
    for hours, name in enumerate(names, start=2):
        left_unused(name, hours * 3600)
    size = size_of(UploadStore().folder(names[0]))
    monkeypatch.setattr(uploads, "TOTAL", 2.5 * size)
    UploadStore().sweep()
    assert [UploadStore().exists(name) for name in names] == [True, True, False]


def test_data_in_use_stay_and_the_new_ones_are_refused(monkeypatch):
    name = UploadStore().create("mine", PARTS)
    monkeypatch.setattr(uploads, "TOTAL", size_of(UploadStore().folder(name)))
    with pytest.raises(InputError, match="space for uploads"):
        UploadStore().create("another", PARTS)
    assert UploadStore().exists(name)
    assert [path.name for path in (home() / "visitors").glob("[!.]*")] == [name]


def test_what_a_killed_upload_left_is_removed_later_and_never_opened():
    copy = home() / "visitors" / ".0123456789abcdef"
    half = UploadStore().folder(uploads.new_name("half"))
    for part in (copy / "upload.h5ad", half / "0123abcd" / "screens" / "LineA.h5ad"):
        part.parent.mkdir(parents=True)
        small.screen().save(part)
    UploadStore().sweep()
    assert copy.exists()  # another process may be writing it
    assert not UploadStore().exists(half.name)
    for path in (copy, half):
        os.utime(path, (0, 0))
    UploadStore().sweep()
    assert [path.name for path in (home() / "visitors").iterdir()] == [".lock"]


def test_a_part_that_cannot_be_kept_leaves_nothing():
    with pytest.raises(InputError, match="name of a cell line"):
        UploadStore().create("mine", Parts([small.screen("../LineA")], [small.embedding()]))
    assert [path.name for path in (home() / "visitors").iterdir()] == [".lock"]
