"""One member out of archives, hostile ones among them."""

import io
import struct
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmpert.errors import InputError
from llmpert.io.zips import unpack
from tests.support.faulty_server import zipped

MEMBER = "vectors.pickle"
CONTENT = b"vectors " * 5000
LIMIT = len(CONTENT)


def written(tmp_path, data):
    path = tmp_path / "archive.zip"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    "name", [MEMBER, f"folder/{MEMBER}", f"folder/{MEMBER}.", f"a/b/{MEMBER}..."]
)
def test_only_the_member_is_unpacked_wherever_it_lies(tmp_path, name):
    others = {"other.json": b"x", f"__MACOSX/._{MEMBER}": b"y", f"more-{MEMBER}": b"z"}
    archive = written(tmp_path, zipped({name: CONTENT, **others}))
    target = tmp_path / "out" / "mine.bin"
    target.parent.mkdir()
    unpack(archive, MEMBER, target, LIMIT)
    assert target.read_bytes() == CONTENT
    assert list(target.parent.iterdir()) == [target]


def link():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        info = zipfile.ZipInfo(MEMBER)
        info.create_system, info.external_attr = 3, 0o120777 << 16
        file.writestr(info, "/etc/passwd")
    return buffer.getvalue()


def patched(data, offset, value):
    """An archive with a field of its directory changed, at an offset into the entry."""
    at = data.rindex(b"PK\x01\x02") + offset
    return data[:at] + value + data[at + len(value) :]


def twice():
    return zipped({f"a/{MEMBER}": CONTENT, f"b/{MEMBER}": b"other"})


GOOD = zipped({MEMBER: CONTENT})
BOMB = zipped({MEMBER: bytes(5_000_000)})
AT_DATA = 30 + len(MEMBER)
HOSTILE = {
    "climbs out": (zipped({f"../../{MEMBER}": CONTENT}), "leading out"),
    "climbs out from within": (zipped({f"a/../../{MEMBER}": CONTENT}), "leading out"),
    "absolute": (zipped({f"/tmp/{MEMBER}": CONTENT}), "leading out"),
    "a link": (link(), "leading out"),
    "encrypted": (patched(GOOD, 8, struct.pack("<H", 1)), "encrypted"),
    "a bomb": (BOMB, "at most 40,000 bytes, found 5,000,000"),
    "a bomb that says it is small": (patched(BOMB, 24, struct.pack("<L", 100)), "Bad CRC-32"),
    "a wrong checksum": (patched(GOOD, 16, b"\0\0\0\0"), "Bad CRC-32"),
    "damaged data": (GOOD[:AT_DATA] + b"\xff" * 20 + GOOD[AT_DATA + 20 :], "cannot be read"),
    "an unknown method": (patched(GOOD, 10, struct.pack("<H", 77)), "stored or deflated"),
    "packed to ask for much memory": (
        patched(GOOD, 10, struct.pack("<H", zipfile.ZIP_LZMA)),
        "stored or deflated",
    ),
    "another member there": (patched(GOOD, 42, struct.pack("<L", 10)), "cannot be read"),
    "two of that name": (twice(), "expected one vectors.pickle in it, found 2"),
    "none of that name": (zipped({"other": b"x"}), "expected one vectors.pickle in it, found 0"),
    "a folder of that name": (zipped({f"{MEMBER}/": b""}), "found 0"),
    "half": (GOOD[: len(GOOD) // 2], "not a zip file"),
    "nothing": (b"", "not a zip file"),
    "a page": (b"<html>Log in</html>", "not a zip file"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_archives_leave_earlier_files_alone(tmp_path, name):
    data, words = HOSTILE[name]
    archive = written(tmp_path, data)
    target = tmp_path / "inside" / "target.bin"
    target.parent.mkdir()
    target.write_bytes(b"earlier")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError, match=words) as problem:
        unpack(archive, MEMBER, target, LIMIT)
    assert str(archive) in str(problem.value)
    assert target.read_bytes() == b"earlier"
    assert sorted(tmp_path.rglob("*")) == before


@settings(max_examples=settings().max_examples)
@given(at=st.integers(0, len(GOOD) - 1), flip=st.integers(1, 255))
def test_a_flipped_byte_never_passes_for_the_member(tmp_path_factory, at, flip):
    folder = tmp_path_factory.mktemp("zip")
    archive = written(folder, GOOD[:at] + bytes([GOOD[at] ^ flip]) + GOOD[at + 1 :])
    target = folder / "target.bin"
    try:
        unpack(archive, MEMBER, target, LIMIT)
    except InputError:
        assert not target.exists()
    else:
        assert target.read_bytes() == CONTENT
    assert not target.with_name("target.bin.part").exists()


def test_a_full_disk_is_not_blamed_on_the_archive(tmp_path):
    archive = written(tmp_path, GOOD)
    target = tmp_path / "target.bin"
    # Writing there fails, as on any full disk, when the buffer is written out.
    target.with_name("target.bin.part").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        unpack(archive, MEMBER, target, LIMIT)
    assert not target.exists()
