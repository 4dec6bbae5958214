"""HDF5 files that lead out of themselves, go round, claim too much or are in disorder."""

import struct
from collections.abc import Callable
from pathlib import Path

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from llmpert.errors import InputError
from llmpert.io import limits
from llmpert.io.hdf5 import contents, refuse_large_blocks
from llmpert.screens import read_screen
from tests.support import small

SECRET = 12345.5
VALUES = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
TEXT = h5py.string_dtype()


NAMES = pd.Index(["TP53", "MYC", "KRAS", "AARS"], dtype=object)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write(tmp_path / "LineA.h5ad", VALUES)


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """Another file of the server, which has what the first one lacks."""
    path = tmp_path / "outside" / "secret.h5"
    path.parent.mkdir()
    with h5py.File(path, "w") as secret:
        secret["numbers"] = np.full((4, 3), SECRET, np.float32)
    (path.parent / "secret.bin").write_bytes(np.full(12, SECRET, np.float32).tobytes())
    (path.parent / "secret.txt").write_text("root:x:0" * 8)
    return path


def write(path: Path, matrix: object) -> Path:
    data = anndata.AnnData(
        matrix,
        obs=pd.DataFrame({"guide": ["a", "b"] * 2}, index=NAMES),
        var=pd.DataFrame(index=["A", "B", "C"]),
        uns={"source": "a lab", "junk": np.arange(3)},
    )
    data.write_h5ad(path)
    return path


def refused(path: Path, edit: Callable[[h5py.File], object]) -> str:
    """The sentence by which a file is refused once it is changed."""
    with h5py.File(path, "r+") as file:
        edit(file)
    with pytest.raises(InputError, match="expected") as caught:
        read_screen(path)
    assert str(path) in str(caught.value)
    return str(caught.value)


def replaced(file: h5py.File, name: str, value: object = None, **made: object) -> None:
    marks = dict(file[name].attrs)
    del file[name]
    if made:
        file.create_dataset(name, **made).attrs.update(marks)
    else:
        file[name] = value


@pytest.mark.parametrize("matrix", [VALUES, sparse.csr_matrix(VALUES), sparse.csc_matrix(VALUES)])
def test_a_plain_file_is_read_as_it_is(tmp_path, matrix):
    screen = read_screen(write(tmp_path / "LineA.h5ad", matrix))
    np.testing.assert_array_equal(screen.response, VALUES)
    assert screen.provenance["source"] == "a lab"


def test_an_external_link_is_not_followed(file, outside):
    link = h5py.ExternalLink(str(outside), "/numbers")
    assert "an external link under 'X'" in refused(file, lambda f: replaced(f, "X", link))


def test_a_soft_link_is_not_followed(file):
    soft = h5py.SoftLink("/var")
    assert "a soft link under 'obs'" in refused(file, lambda f: replaced(f, "obs", soft))


def test_a_link_within_what_is_told_is_not_followed(file, outside):
    link = h5py.ExternalLink(str(outside), "/numbers")
    found = refused(file, lambda f: replaced(f, "uns/source", link))
    assert "an external link under 'source'" in found


@pytest.mark.parametrize(
    ("name", "secret", "dtype"), [("X", "secret.bin", "f4"), ("obs/_index", "secret.txt", "S16")]
)
def test_raw_content_of_other_files_is_not_read(file, outside, name, secret, dtype):
    def edit(opened):
        where = [(str(outside.with_name(secret)), 0, h5py.h5f.UNLIMITED)]
        replaced(opened, name, shape=opened[name].shape, dtype=dtype, external=where)

    assert "external storage" in refused(file, edit)


def test_a_virtual_dataset_is_not_read(file, outside):
    def edit(opened):
        layout = h5py.VirtualLayout(shape=(4, 3), dtype="f4")
        layout[...] = h5py.VirtualSource(str(outside), "numbers", shape=(4, 3))
        del opened["X"]
        opened.create_virtual_dataset("X", layout)

    assert "a virtual dataset" in refused(file, edit)


@pytest.mark.parametrize(("key", "value"), [("column-order", ["/out"]), ("_index", "/out")])
def test_a_column_cannot_be_elsewhere(file, outside, key, value):
    def edit(opened):
        opened["out"] = h5py.ExternalLink(str(outside), "/numbers")
        opened["obs"].attrs[key] = value

    assert "a column that lies elsewhere under 'obs'" in refused(file, edit)


@pytest.mark.parametrize("target", ["/raw", None])
def test_categories_cannot_be_elsewhere(file, outside, target):
    def edit(opened):
        where = [(str(outside.with_name("secret.txt")), 0, h5py.h5f.UNLIMITED)]
        made = opened.create_dataset("raw", shape=(4,), dtype="S16", external=where)
        opened["obs/_index"].attrs["categories"] = target or made.ref

    assert "categories that lie elsewhere" in refused(file, edit)


def test_a_group_cannot_contain_itself(file):
    found = refused(file, lambda f: f["obs"].__setitem__("again", f["obs"]))
    assert "a part that is reached twice under 'again'" in found


def test_groups_cannot_be_deep(file):
    found = refused(file, lambda f: f["obs"].create_group("/".join(["a"] * 2000)))
    assert "groups more than 16 deep" in found


@pytest.mark.parametrize("dtype", [h5py.ref_dtype, h5py.vlen_dtype("f4"), h5py.regionref_dtype])
def test_values_are_numbers_or_text(file, dtype):
    found = refused(file, lambda f: replaced(f, "obs/guide/codes", shape=(4,), dtype=dtype))
    assert "numbers and text that lie in the file itself" in found


@pytest.mark.parametrize(
    ("name", "made", "words"),
    [
        ("X", {"shape": (10**4, 10**6), "chunks": (99, 99), "dtype": "f4"}, "at most 200,000,000"),
        ("X", {"shape": (4, 3), "chunks": (2**15, 2**14), "maxshape": (None, None)}, "at most"),
        ("X", {"shape": (4, 3), "dtype": "S9999"}, "a matrix of numbers"),
        ("X", {"shape": (4, 3), "dtype": "f16"}, "a matrix of numbers"),
        ("obs/_index", {"shape": (10**9,), "chunks": (99,), "dtype": "i1"}, "5,000,000 entries"),
        ("obs/_index", {"shape": (4,), "chunks": (1,), "dtype": "S900000000"}, "beside the matrix"),
    ],
)
def test_what_is_claimed_is_bounded(file, name, made, words):
    assert words in refused(file, lambda f: replaced(f, name, **made))


def test_many_names_cannot_share_one_long_text(file, monkeypatch):
    monkeypatch.setattr(limits, "LARGEST_LIST", 1 << 20)
    count = 1000
    with h5py.File(file, "r+") as opened:
        replaced(opened, "obs/_index", shape=(count,), dtype=TEXT)
        opened["obs/_index"][0] = "x" * (1 << 12)
        opened.flush()
        at = opened["obs/_index"].id.get_offset()
    content = bytearray(file.read_bytes())
    content[at : at + 16 * count] = content[at : at + 16] * count
    file.write_bytes(content)
    with pytest.raises(InputError, match="at most 1,048,576 bytes of text, found more"):
        read_screen(file)


@pytest.mark.parametrize("shape", [(2**40, 2**40), (10**4, 10**6), (-1, 3), (4,)])
def test_a_sparse_matrix_is_bounded_by_what_it_would_be_dense(tmp_path, shape):
    path = write(tmp_path / "LineA.h5ad", sparse.csr_matrix(VALUES))
    words = refused(path, lambda f: f["X"].attrs.__setitem__("shape", np.array(shape)))
    assert "at most 200,000,000 values" in words or "without a shape that can be" in words


@pytest.mark.parametrize("form", [sparse.csr_matrix, sparse.csc_matrix])
@pytest.mark.parametrize(
    ("part", "place", "value"),
    [
        ("indices", 0, 2**31 - 1), ("indices", 3, -1), ("indices", -1, 99),
        ("indptr", 2, 2**31 - 1), ("indptr", 2, -5), ("indptr", 0, 1), ("indptr", -1, 999),
        # In 32 bits the step to it overflows to a positive one.
        ("indptr", -1, -(2**31)),
    ],
)  # fmt: skip
def test_indices_cannot_lead_out_of_a_sparse_matrix(tmp_path, form, part, place, value):
    path = write(tmp_path / "LineA.h5ad", form(VALUES))

    def edit(opened):
        numbers = opened[f"X/{part}"][()]
        numbers[place] = value
        opened[f"X/{part}"][...] = numbers

    assert "cannot be read" in (found := refused(path, edit)) or "indices inside it" in found


@pytest.mark.parametrize("form", [sparse.csr_matrix, sparse.csc_matrix])
def test_indices_are_whole_numbers(tmp_path, form):
    path = write(tmp_path / "LineA.h5ad", form(VALUES))
    made = {"shape": (12,), "dtype": "f4"}
    assert "indices inside it" in refused(path, lambda f: replaced(f, "X/indices", **made))


def test_layers_of_a_saved_screen_are_checked_as_x_is(tmp_path):
    path = tmp_path / "LineA.h5ad"
    screen = small.screen(perturbations=4, genes=3)
    screen.save(path)
    with h5py.File(path, "r+") as file:
        anndata.io.write_elem(file["layers"], "t", sparse.csr_matrix(VALUES))
    np.testing.assert_array_equal(read_screen(path).layers["t"], VALUES)

    def edit(file):
        file["layers/t/indices"][0] = 2**31 - 1

    assert "indices inside it" in refused(path, edit)


def test_a_matrix_without_a_space(file):
    def edit(opened):
        marks = dict(opened["X"].attrs)
        del opened["X"]
        opened["X"] = h5py.Empty("f4")
        opened["X"].attrs.update(marks)

    assert "found an HDF5 file without X" in refused(file, edit)


def test_a_column_without_a_space(file):
    def edit(opened):
        del opened["obs/guide"]
        opened["obs/guide"] = h5py.Empty("f4")

    assert "without a shape under 'guide'" in refused(file, edit)


def test_none_among_the_remarks_is_nothing(file):
    with h5py.File(file, "r+") as opened:
        del opened["uns/source"]
        anndata.io.write_elem(opened["uns"], "source", None)
    assert read_screen(file).provenance["source"] == file.name


def test_a_name_that_is_no_text(file):
    with h5py.File(file, "r+") as opened:
        h5py.h5g.create(opened["obs"].id, b"\xff\xfe")
    with pytest.raises(InputError, match=r"LineA\.h5ad: expected numbers and text"):
        read_screen(file)


@pytest.mark.parametrize("damage", [(0, 0), (1, 2**64 - 16), (1, 2**64 - 48), (0, 8)])
def test_a_heap_of_texts_that_has_no_end_is_not_read(file, damage):
    # HDF5 2.0.0 would look for its next object forever.
    content = bytearray(file.read_bytes())
    at = content.index(b"GCOL\x01") + 16
    number, size = damage
    content[at : at + 16] = struct.pack("<HHIQ", number, 0, 0, size)
    file.write_bytes(content)
    with pytest.raises(InputError, match=r"LineA\.h5ad: .*a damaged heap of texts"):
        read_screen(file)


def test_what_only_looks_like_a_heap_is_data(tmp_path):
    path = write(tmp_path / "LineA.h5ad", VALUES)
    with h5py.File(path, "r+") as opened:
        looks = np.frombuffer(b"GCOL\x01\0\0\0" + bytes(8) + b"GCOL" + bytes(4), dtype="i8")
        opened["layers/a"] = looks
    np.testing.assert_array_equal(read_screen(path).response, VALUES)


def test_addresses_of_another_length(file):
    content = bytearray(file.read_bytes())
    content[14] = 4
    file.write_bytes(content)
    with pytest.raises(InputError, match=r"LineA\.h5ad"):
        read_screen(file)


def test_what_is_not_used_is_not_looked_at(file, outside):
    with h5py.File(file, "r+") as opened:
        opened["layers/junk"] = h5py.ExternalLink(str(outside), "/numbers")
        opened.create_dataset("obsm/huge", shape=(10**9, 10**6), chunks=(99, 99))
        opened["uns/other"] = h5py.SoftLink("/nowhere")
    np.testing.assert_array_equal(read_screen(file).response, VALUES)


def test_a_whole_file_is_looked_at_where_all_is_read(file, outside):
    with h5py.File(file, "r+") as opened:
        list(contents(opened, file))
        opened["layers/out"] = h5py.ExternalLink(str(outside), "/numbers")
        list(contents(opened, file, ["X", "obs", "uns/source"]))
        with pytest.raises(InputError, match="an external link under 'out'"):
            list(contents(opened, file))
        with pytest.raises(InputError, match="nothing under 'absent'"):
            list(contents(opened, file, ["absent"]))


@pytest.mark.parametrize(
    "pointers",
    [
        [0, 3, 2, 9, 12], [0, 0, 0, 0, 12], [0, 3, 6, 9], [], 12, [[0, 3], [6, 12]],
        # In 64 bits the steps to it and from it overflow to positive ones.
        [0, 2**63 - 1, -5, 9, 12],
    ],
)  # fmt: skip
def test_blocks_of_a_sparse_matrix_are_in_order(tmp_path, pointers):
    path = write(tmp_path / "cells.h5ad", sparse.csr_matrix(VALUES))
    with h5py.File(path, "r+") as opened:
        refuse_large_blocks(opened, path, "X")
        replaced(opened, "X/indptr", np.array(pointers, dtype=np.int64))
        with pytest.raises(InputError, match="disorder"):
            refuse_large_blocks(opened, path, "X")


def test_a_block_of_a_long_file_is_bounded_and_its_length_is_not(tmp_path):
    path = write(tmp_path / "cells.h5ad", VALUES)
    with h5py.File(path, "r+") as opened:
        replaced(opened, "X", shape=(10**7, 10**5), chunks=(10, 100), dtype="f4")
        refuse_large_blocks(opened, path, "X")
        replaced(opened, "X", shape=(10**7, 10**6), chunks=(10, 100), dtype="f4")
        with pytest.raises(InputError, match="at most 200,000 columns"):
            refuse_large_blocks(opened, path, "X")
