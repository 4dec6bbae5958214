"""Random damage to valid files."""

import gzip
from collections.abc import Iterator
from pathlib import Path
from random import Random

NUMBERS = (b"\xff" * 8, b"\0" * 8, b"\x7f" + b"\xff" * 7, b"\xff" * 7 + b"\x7f", b"\0\0\0\x80")


def mutations(path: Path, random: Random) -> Iterator[bytes]:
    """Damaged versions of a file without end."""
    content = path.read_bytes()
    packed = path.suffix == ".gz"
    while True:
        # Otherwise the checksum would find nearly everything.
        if packed and random.random() < 0.7:
            yield gzip.compress(_damaged(gzip.decompress(content), random), 1)
        else:
            yield _damaged(content, random)


def _damaged(content: bytes, random: Random) -> bytes:
    kind = random.choice((_flips, _flips, _cut, _swapped, _numbers, _numbers, _repeated, _text))
    return kind(bytearray(content), random)


def _flips(content: bytearray, random: Random) -> bytes:
    for _ in range(random.choice((1, 1, 2, 4, 16))):
        content[_place(content, random)] ^= 1 << random.randrange(8)
    return bytes(content)


def _cut(content: bytearray, random: Random) -> bytes:
    return bytes(content[: random.randrange(len(content))])


def _swapped(content: bytearray, random: Random) -> bytes:
    size = random.choice((4, 16, 64, 512))
    first, second = _place(content, random), _place(content, random)
    block, other = content[first : first + size], content[second : second + size]
    content[first : first + len(block)] = other[: len(block)].ljust(len(block), b"\0")
    content[second : second + len(other)] = block[: len(other)].ljust(len(other), b"\0")
    return bytes(content)


def _numbers(content: bytearray, random: Random) -> bytes:
    """The extremes of lengths and counts."""
    number = random.choice(NUMBERS)[: random.choice((1, 2, 4, 8))]
    at = _place(content, random)
    content[at : at + len(number)] = number
    return bytes(content)


def _repeated(content: bytearray, random: Random) -> bytes:
    at, size = _place(content, random), random.choice((1, 8, 100, 5000))
    return bytes(content[:at] + content[at : at + size] * random.choice((2, 3, 50)) + content[at:])


def _text(content: bytearray, random: Random) -> bytes:
    word = random.choice(
        (b"\0", b"\xff\xfe", b"<b>", b"\x1b[2J", b"=1+1", b"\n", b",", b"\t", b'"')
    )
    at = _place(content, random)
    content[at : at + len(word)] = word
    return bytes(content)


def _place(content: bytearray, random: Random) -> int:
    """Anywhere, or near either end, where formats keep what they say of the rest."""
    size = len(content)
    near = random.randrange(min(size, 600))
    return random.choice((random.randrange(size), random.randrange(size), near, size - 1 - near))
