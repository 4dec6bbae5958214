"""Pickles that run, reach out, or take more memory than they have bytes."""

import struct
from collections.abc import Iterator

from benchmarks.hostile.outside import BAD_NAMES, Outside


def text(value: str) -> bytes:
    """An instruction that pushes text."""
    content = value.encode("utf-8", "surrogatepass")
    return b"X" + struct.pack("<I", len(content)) + content


def pickles(outside: Outside) -> Iterator[bytes]:
    """One an attack."""
    yield from _running(f"touch {outside.canary}/pickle", str(outside.raw))
    yield from _large()
    yield from _odd()


def _running(command: str, path: str) -> Iterator[bytes]:
    shell = command.encode()
    yield b"cos\nsystem\n(S'" + shell + b"'\ntR."
    yield b"cposix\nsystem\n(V" + shell + b"\ntR."
    yield b"(S'" + shell + b"'\nios\nsystem\n."
    yield b"(cos\nsystem\nS'" + shell + b"'\no."
    for module, name in (
        ("os", "system"), ("builtins", "exec"), ("builtins", "eval"), ("subprocess", "call"),
        ("builtins", "getattr"), ("numpy", "fromfile"), ("numpy", "load"), ("pickle", "loads"),
        ("numpy.core.multiarray", "fromfile"), ("pathlib", "Path"), ("numpy", "memmap"),
        ("numpy.core.multiarray.scalar.__globals__", "x"), ("numpy", "dtype.__init__"),
    ):  # fmt: skip
        named = b"\x80\x04" + text(module) + text(name) + b"\x93"
        yield named + text(command) + b"\x85R."
        yield named + text(path) + b"\x85R."
        yield named + text(command) + b"\x85\x81."
        yield named + b")}" + b"\x92."
        yield b"\x80\x04}" + text("A") + named + text(command) + b"\x85Rs."
    dtype = b"cnumpy\ndtype\n"
    for code in ("O", "O8", "V8", "M8[s]", "f16", "U0", "U99999", "S5", "f8,f8", "(9,)f8", "|O4"):
        yield b"\x80\x04" + dtype + text(code) + b"\x85R."
        array = dtype + text(code) + b"\x89\x88\x87R"
        rebuilt = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85C\x01b\x87R"
        state = b"(K\x01K\x02\x85" + array + b"\x89C\x10" + bytes(16) + b"tb"
        yield b"\x80\x04}" + text("A") + rebuilt + state + b"s."
    for state in (b"N", b"}", b")", b"(N}t", text("x"), b"}" + text("__class__") + b"Ns"):
        yield b"\x80\x04}" + state + b"b."
        yield b"\x80\x04cnumpy\ndtype\n" + text("f8") + b"\x85R" + state + b"b."
    for instruction in (
        b"P1\n",
        b"Q",
        b"\x82\x01",
        b"\x83\x01\0",
        b"\x84\x01\0\0\0",
        b"\x97",
        b"\x98",
    ):
        yield b"\x80\x05}" + instruction + b"."


def _large() -> Iterator[bytes]:
    for claim in (b"B\xff\xff\xff\x7f", b"X\xff\xff\xff\xff", b"T\xff\xff\xff\x7f"):
        yield b"\x80\x04" + claim + b"abc."
    for claim in (b"\x8e", b"\x8d", b"\x96", b"\x95"):
        yield b"\x80\x05" + claim + struct.pack("<Q", 2**62) + b"abc."
        yield b"\x80\x05" + claim + struct.pack("<Q", 2**33) + b"abc."
    number = b"\x8b" + struct.pack("<i", 2_000_000) + b"\x7f" * 2_000_000
    yield b"\x80\x04}" + text("A") + b"](" + number + b"ees."
    yield b"\x80\x04}" + text("A") + b"](" + number + b"es."
    yield b"\x8b" + struct.pack("<i", -5) + b"."
    yield b"I" + b"9" * 10**6 + b"\n."
    yield b"L" + b"9" * 10**6 + b"L\n."
    yield b"F" + b"9" * 10**6 + b"\n."
    for flood in (b"(", b"]", b"}", b")", b"N", b"]\x94", b"N\x94", b"(]", b"K\0", b"](", b"}("):
        yield b"\x80\x04" + flood * 3_000_000 + b"."
    yield b"\x80\x04N" + b"\x94" * 6_000_000 + b"."
    yield b"\x80\x04}" + text("A") + b"](" + b"K\0" * 4_000_000 + b"es."
    yield b"\x80\x04}" + text("A") + b"](" + b"]" * 4_000_000 + b"es."
    doubled = (b"q" + bytes([n]) + b"h" + bytes([n]) + b"\x86" for n in range(1, 120))
    laughs = b")" + b"".join(doubled)
    yield b"\x80\x04" + laughs + b"."
    yield b"\x80\x04}" + text("A") + laughs + b"s."
    rebuilt = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85C\x01b\x87R"
    dtype = b"cnumpy\ndtype\n" + text("f8") + b"\x89\x88\x87R"
    yield (
        b"\x80\x04}"
        + text("A")
        + rebuilt
        + b"(K\x01"
        + laughs
        + dtype
        + b"\x89C\x08"
        + bytes(8)
        + b"tbs."
    )
    shared = b"](" + b"G?\xf0\0\0\0\0\0\0" * 1000 + b"e\x94"
    again = b"".join(text(f"G{n}") + b"h\0" for n in range(20_000))
    yield b"\x80\x04}(" + text("A") + shared + again + b"u."
    raw = b"B" + struct.pack("<I", 10**6) + bytes(10**6) + b"\x94"
    buffer = b"cnumpy.core.numeric\n_frombuffer\n(" + raw
    yield (
        b"\x80\x04}"
        + text("A")
        + buffer
        + dtype
        + b"J"
        + struct.pack("<i", 125_000)
        + b"\x85"
        + text("C")
        + b"tRs."
    )


def _odd() -> Iterator[bytes]:
    vector = b"](G?\xf0\0\0\0\0\0\0G\0\0\0\0\0\0\0\0e"
    for name in BAD_NAMES:
        yield b"\x80\x04}" + text(name) + vector + b"s."
    yield b"\x80\x04}" + text("\ud800") + vector + b"s."
    yield b"\x80\x04]\x94h\0a."  # a list in itself
    yield b"\x80\x04}\x94" + text("A") + b"h\0s."  # a dict in itself
    yield b"\x80\x04}" + text("A") + b"]\x94h\0as."
    yield b"\x80\x04}" + text("A") + b"](h\0h\1es."
    yield from (
        b"",
        b".",
        b"\x80",
        b"\x80\xff.",
        b"0.",
        b"1.",
        b"2.",
        b"e.",
        b"s.",
        b"}.",
        b"N.",
    )
    for value in (b"N", b"\x88", text("5"), b"}", b"]", b"K\1", b"G\x7f\xf0\0\0\0\0\0\0", b")"):
        yield b"\x80\x04}" + text("A") + value + b"s."
        yield b"\x80\x04}" + text("A") + b"](" + value * 3 + b"es."
        yield b"\x80\x04}" + value + vector + b"s."
    yield b"\x80\x04}" + text("A") + b"]" * 100_000 + b"a" * 99_999 + b"s."
