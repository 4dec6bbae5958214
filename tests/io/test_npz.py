"""NumPy archives that claim more than they hold, or hold objects."""

import io
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from llmpert.embeddings import read_embedding
from llmpert.errors import InputError


def array(shape: str, code: str, data: bytes = b"") -> bytes:
    head = f"{{'descr': '{code}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head.encode() + data


def refused(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> str:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(InputError) as caught:
        read_embedding(path, "text")
    assert str(path) in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        array("(1000000000, 1000000)", "<f8"), array("(2, 2)", "<f8", b"\0" * 8),
        array("(2, 0)", "<f8"), array("(1000000000000,)", "<U0"), array("(-1,)", "<f8", b"\0" * 8),
    ],
)  # fmt: skip
def test_an_array_is_as_large_as_it_says(tmp_path, content):
    found = refused(tmp_path / "x.npz", {"A.npy": content})
    assert "arrays as large as they say, and not empty" in found


def test_objects_are_refused_before_they_are_unpickled(tmp_path):
    class Runs:
        def __reduce__(self):
            return Path.touch, (tmp_path / "ran",)

    buffer = io.BytesIO()
    np.save(buffer, np.array([Runs()], dtype=object), allow_pickle=True)
    assert "found Python objects" in refused(tmp_path / "x.npz", {"A.npy": buffer.getvalue()})
    (tmp_path / "y.npz").write_bytes(pickle.dumps(Runs()))
    with pytest.raises(InputError, match="not a zip file"):
        read_embedding(tmp_path / "y.npz", "text")
    assert not (tmp_path / "ran").exists()


def test_a_bomb_is_not_unpacked(tmp_path):
    path = tmp_path / "x.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("A.npy", array("(2,)", "<f8", b"\0" * 16))
    content = bytearray(path.read_bytes())
    at = content.index(b"PK\x01\x02") + 24  # the size that the directory states
    content[at : at + 4] = (1_700_000_000).to_bytes(4, "little")
    path.write_bytes(content)
    with pytest.raises(InputError, match="at most 1,600,000,000 bytes unpacked"):
        read_embedding(path, "text")


def test_what_needs_much_memory_to_unpack_is_refused(tmp_path):
    members = {"A.npy": array("(2,)", "<f8", b"\0" * 16)}
    assert "stored or deflated" in refused(tmp_path / "x.npz", members, zipfile.ZIP_LZMA)
