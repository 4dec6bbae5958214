import os
import stat
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from llmpert.io.atomic import atomic_path
from llmpert.io.hashing import fingerprint
from llmpert.io.paths import home, shipped


def test_a_finished_file_takes_the_place_of_the_old_one(tmp_path):
    target = tmp_path / "new" / "folder" / "a.txt"
    for text in ("old", "new"):
        with atomic_path(target) as temporary:
            temporary.write_text(text)
        assert target.read_text() == text
    assert [p.name for p in target.parent.iterdir()] == ["a.txt"]


def test_readers_see_the_old_file_until_the_new_one_is_complete(tmp_path):
    target = tmp_path / "a.csv.gz"
    target.write_text("old")
    with atomic_path(str(target)) as temporary:
        temporary.write_text("half")
        assert target.read_text() == "old"
        assert temporary.parent == tmp_path
        assert temporary.suffix == ".gz"
        assert temporary.name.startswith(".")


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_failed_writer_leaves_the_old_file_and_nothing_else(tmp_path, error):
    target = tmp_path / "a.txt"
    target.write_text("old")

    def fail() -> None:
        with atomic_path(target) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(error):
        fail()
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("a.txt", "old")]


def test_a_failed_first_writer_leaves_no_file(tmp_path):
    def fail() -> None:
        with atomic_path(tmp_path / "a.txt"):
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert not list(tmp_path.iterdir())


def test_two_writers_at_once_do_not_meet(tmp_path):
    target = tmp_path / "a.txt"
    with atomic_path(target) as first, atomic_path(target) as second:
        assert first != second
        first.write_text("first")
        second.write_text("second")
    # The one that finished last.
    assert target.read_text() == "first"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o077, 0o600)])
def test_permissions_follow_the_umask(tmp_path, umask, mode):
    before = os.umask(umask)
    try:
        with atomic_path(tmp_path / "a.txt") as temporary:
            temporary.write_text("text")
        assert os.umask(umask) == umask
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == mode


def test_home_is_where_the_variable_says(monkeypatch, tmp_path):
    assert home() == Path(os.environ["LLMPERT_HOME"])
    monkeypatch.delenv("LLMPERT_HOME")
    assert home().name == "llmpert"
    assert (shipped() / "genes.tsv.gz").is_file()


values = st.one_of(
    st.integers(), st.text(), st.none(), st.booleans(), st.floats(allow_nan=False), st.binary()
)


@given(st.lists(values, max_size=5), st.lists(values, max_size=5))
def test_fingerprints_tell_lists_of_parts_apart(first, second):
    one, other = fingerprint(*first), fingerprint(*second)
    assert (one == other) == ([repr(x) for x in first] == [repr(x) for x in second])
    assert len(one) == 16
    assert set(one) <= set("0123456789abcdef")


numbers = arrays(
    st.sampled_from([np.float32, np.float64, np.int32, np.int64]),
    array_shapes(max_dims=2, max_side=4),
    elements=st.integers(-5, 5),
)


@given(numbers, numbers)
def test_fingerprints_of_arrays_are_of_type_shape_and_values(first, second):
    same = (
        first.dtype == second.dtype
        and first.shape == second.shape
        and first.tolist() == second.tolist()
    )
    assert (fingerprint(first) == fingerprint(second)) == same


@given(numbers)
def test_fingerprints_do_not_depend_on_memory_layout(values):
    padded = np.zeros((values.shape[0] * 2, *values.shape[1:]), values.dtype)
    padded[::2] = values
    assert fingerprint(padded[::2]) == fingerprint(values)
    assert fingerprint(np.asfortranarray(values)) == fingerprint(values)


def test_every_part_and_its_place_counts():
    names = np.array(["a", "b"], dtype=object)
    assert fingerprint(names, names) != fingerprint(names)
    assert fingerprint(np.zeros(2), np.ones(2)) != fingerprint(np.ones(2), np.zeros(2))
    assert fingerprint(names) != fingerprint(names[::-1])
    assert fingerprint(np.array(["ab", ""], dtype=object)) != fingerprint(names)
    assert fingerprint(names) == fingerprint(names.copy())


def test_fingerprints_stay_the_same_between_releases():
    # Kept results are filed under them.
    assert fingerprint("a", 1, None, np.arange(3, dtype="<i8")) == "72033b7562300841"
