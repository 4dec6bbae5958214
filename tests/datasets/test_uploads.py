"""Data sets of visitors: found by their name alone, and removed when their time is over."""

import os
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmpert import datasets
from llmpert.datasets import folders as kept
from llmpert.datasets import uploads as visitors
from llmpert.errors import InputError
from llmpert.io.paths import home
from tests.support import small

PARTS = [small.screen()], [small.embedding()]


def left_unused(name: str, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(kept.folder(name), (then, then))


def test_only_its_name_leads_to_a_visitors_data_set():
    name = visitors.add("K562 screen.csv", *PARTS)
    assert name.startswith("K562-screen-csv.")
    assert kept.is_visitors(name)
    assert name not in datasets.names()
    assert datasets.exists(name)
    assert list(datasets.load(name).screens) == ["LineA"]
    assert not datasets.exists(f"{name[:-1]}{'a' if name[-1] != 'a' else 'b'}")


def test_two_visitors_get_different_names():
    assert visitors.add("mine", *PARTS) != visitors.add("mine", *PARTS)


@given(st.text(max_size=80))
def test_any_words_make_a_usable_name(words):
    made = visitors.name_for(words)
    assert kept.is_visitors(made)
    assert kept.folder(made).parent == home() / "visitors"


@given(st.from_regex(r"[A-Za-z0-9./\\_-]{0,40}\.[A-Za-z0-9./\\_-]{15,25}", fullmatch=True))
def test_no_name_leads_out_of_the_folder(name):
    try:
        folder = kept.folder(name)
    except InputError:
        return
    assert folder.parent in (home() / "visitors", home() / "datasets")


def test_using_a_data_set_does_not_change_what_caches_know_it_by():
    name = visitors.add("mine", *PARTS)
    before = datasets.stamp(name)
    left_unused(name, 1000)
    visitors.use(name)
    assert datasets.stamp(name) == before
    assert time.time() - kept.folder(name).stat().st_mtime < 60


def test_what_nobody_used_for_long_is_removed_and_said_to_be_gone():
    old, used = visitors.add("old", *PARTS), visitors.add("used", *PARTS)
    left_unused(old, visitors.DAYS * 86_400 + 60)
    left_unused(used, visitors.DAYS * 86_400 - 60)
    visitors.sweep()
    assert datasets.exists(used)
    with pytest.raises(InputError, match="not here any more"):
        datasets.load(old)


def test_without_space_the_one_used_longest_ago_goes(monkeypatch):
    names = [visitors.add("mine", *PARTS) for _ in range(3)]
    for hours, name in enumerate(names, start=2):
        left_unused(name, hours * 3600)
    size = kept.size_of(kept.folder(names[0]))
    monkeypatch.setattr(visitors, "TOTAL", 2.5 * size)
    visitors.sweep()
    assert [datasets.exists(name) for name in names] == [True, True, False]


def test_data_in_use_stay_and_the_new_ones_are_refused(monkeypatch):
    name = visitors.add("mine", *PARTS)
    monkeypatch.setattr(visitors, "TOTAL", kept.size_of(kept.folder(name)))
    with pytest.raises(InputError, match="space for uploads"):
        visitors.add("another", *PARTS)
    assert datasets.exists(name)
    assert [path.name for path in (home() / "visitors").glob("[!.]*")] == [name]


def test_what_a_killed_upload_left_is_removed_later_and_never_opened():
    copy = home() / "visitors" / ".0123456789abcdef"
    half = kept.folder(visitors.name_for("half"))
    for part in (copy / "upload.h5ad", half / "0123abcd" / "screens" / "LineA.h5ad"):
        part.parent.mkdir(parents=True)
        small.screen().save(part)
    visitors.sweep()
    assert copy.exists()  # another process may be writing it
    assert not datasets.exists(half.name)
    for path in (copy, half):
        os.utime(path, (0, 0))
    visitors.sweep()
    assert list((home() / "visitors").iterdir()) == []


def test_a_part_that_cannot_be_kept_leaves_nothing():
    with pytest.raises(InputError, match="name of a cell line"):
        visitors.add("mine", [small.screen("../LineA")], [small.embedding()])
    assert not (home() / "visitors").exists()
