"""One file out of a zip archive that is not trusted."""

import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from llmpert.errors import InputError
from llmpert.io.reading import as_input_error

BLOCK = 1 << 20


def unpack(archive: Path, member: str, target: Path, limit: int) -> None:
    """Write one member to `target`, with its checksum verified, and nothing else of the archive.

    Args:
        member: Its name without folders; in the archive it may lie in some and end in stray dots.
        limit: Bytes it may have unpacked.

    Raises:
        InputError: The archive is damaged, or holds no such member, several, or one that is
            encrypted, is a link, climbs out of the archive or is larger than `limit`.
    """
    # One name for all tries, unlike `atomic_path`: killed ones must not pile up gigabytes.
    partial = target.with_name(target.name + ".part")
    try:
        with partial.open("wb") as file:
            for block in _blocks(archive, member, limit):
                file.write(block)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def _blocks(archive: Path, member: str, limit: int) -> Iterator[bytes]:
    with as_input_error(archive, "a zip archive"), zipfile.ZipFile(archive) as content:
        info = _find(content, archive, member)
        if info.file_size > limit:
            raise InputError.of_file(
                archive, f"{member} of at most {limit:,} bytes", f"{info.file_size:,}"
            )
        # zipfile stops at the size that the archive states, and then compares checksums.
        with content.open(info) as packed:
            while block := packed.read(BLOCK):
                yield block


def _find(content: zipfile.ZipFile, archive: Path, member: str) -> zipfile.ZipInfo:
    named = [
        info
        for info in content.infolist()
        if not info.is_dir() and PurePosixPath(info.filename).name.rstrip(".") == member
    ]
    if len(named) != 1:
        raise InputError.of_file(archive, f"one {member} in it", f"{len(named)}")
    (info,) = named
    path = PurePosixPath(info.filename)
    link = (info.external_attr >> 16) & 0o170000 == 0o120000
    if path.is_absolute() or ".." in path.parts or link:
        raise InputError.of_file(archive, f"{member} inside it", f"{info.filename!r} leading out")
    # Others than deflate can ask for gigabytes to unpack a byte.
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise InputError.of_file(archive, f"{member} stored or deflated", "it packed otherwise")
    if info.flag_bits & 0x1:
        raise InputError.of_file(archive, f"{member} in plain", "it encrypted")
    return info
