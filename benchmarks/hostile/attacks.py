"""Hand-made hostile files of every kind."""

import gzip
import io
import json
import pickle
import shutil
import struct
import zipfile
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.hostile import hdf5_attacks
from benchmarks.hostile.outside import BAD_NAMES, Outside
from benchmarks.hostile.pickle_attacks import pickles
from benchmarks.hostile.valid import MEMBER
from tests.support.faulty_server import zipped


def attacks(
    folder: Path, valid: dict[str, list[Path]], outside: Outside
) -> Iterator[tuple[str, Path]]:
    """Kind and path of each."""
    folder.mkdir()
    for kind, files in valid.items():
        for file in files:
            if file.suffix in (".h5ad", ".h5"):
                made = hdf5_attacks.attacked(file, folder, outside)
            elif file.suffix == ".parquet":
                made = _written(folder, f"{file.stem}-{kind}", ".parquet", _parquets(file, outside))
            elif file.name.endswith(".pickle.gz"):
                made = _written(folder, file.stem, ".pickle.gz", _packed(pickles(outside)))
            elif file.suffix in (".csv", ".gz", ".gmt"):
                ending = file.name[file.name.index(".") :]
                made = _written(folder, f"{file.stem}-{kind}", ending, _texts(file))
            elif file.suffix == ".pickle":
                made = _written(folder, file.stem, ".pickle", pickles(outside))
            elif file.suffix == ".npz":
                made = _written(folder, file.stem, ".npz", _archives_of_arrays(outside))
            elif file.suffix == ".npy":
                made = _with_names(folder, file, _arrays(outside))
            elif file.suffix == ".safetensors":
                made = _written(folder, file.stem, ".safetensors", _tensors(outside))
            elif file.suffix == ".zip":
                made = _written(folder, file.stem, ".zip", _archives())
            else:
                made = _written(folder, file.stem, file.suffix, _metalinks(outside))
            yield from ((kind, path) for path in chain(made, _misnamed(folder, file)))


def _written(folder: Path, stem: str, ending: str, contents: Iterator[bytes]) -> Iterator[Path]:
    for number, content in enumerate(contents):
        path = folder / f"{stem}-{number}{ending}"
        path.write_bytes(content)
        yield path


def _misnamed(folder: Path, file: Path) -> Iterator[Path]:
    """A valid file under a name that would be more than text in a caption."""
    for number, name in enumerate(BAD_NAMES):
        path = folder / f"{file.stem}-{number}-named" / (name.replace("/", "") + file.name)
        if name.strip() and len(name) < 100 and file.suffix != ".metalink":
            path.parent.mkdir(exist_ok=True)
            shutil.copy(file, path)
            yield path


def _texts(file: Path) -> Iterator[bytes]:
    """Tables as text; a bomb is a small member of gzip many times over."""
    packed = file.suffix == ".gz"
    text = gzip.decompress(file.read_bytes()) if packed else file.read_bytes()
    separator = b"," if b".csv" in file.name.encode() else b"\t"
    head, _, rest = text.partition(b"\n")
    row = rest.partition(b"\n")[0]

    def made(content: bytes, times: int = 1) -> bytes:
        return gzip.compress(content) * times if packed else content

    for name in BAD_NAMES:
        cell = b'"' + name.replace('"', '""').encode() + b'"'
        yield made(head + b"\n" + cell + row[row.find(separator) :] + b"\n" + rest)
        yield made(cell + head[head.find(separator) :] + b"\n" + rest)
        yield made(head + separator + cell + b"\n" + row + separator + b"1\n")
    for content in (
        b"", b"\n", b"\n" * 10**6, b"\0" * 1000, text + b"\0", b"\xff\xfe" + text, b"\xef\xbb\xbf",
        text.decode().encode("utf-16"), head, head + b"\n", text.replace(b"\n", b"\r"),
        text + b'"unclosed' + text, b'"' * 1001 + text, text + b"\xed\xa0\x80\xff\n",
        head + b"\n" + row + separator * 500 + b"\n", head + b"\n" + separator * 500 + b"\n",
        b"x" * 200_000 + separator + b"y\n" + row, b"x" * (17 << 20),
        separator.join([b"a"] * 300_000) + b"\n" + separator.join([b"1"] * 300_000),
        separator.join(b"c%d" % n for n in range(150_000)) + b"\n",
        head + b"\n" + row.replace(b"0", b"1e999") + b"\n", head + b"\n" + row + b"e" * 5000,
        head + b"\n" + b"A" + (separator + b"9" * 5000) * head.count(separator) + b"\n",
        head + b"\n" + b"A" + (separator + b"NaN") * head.count(separator) + b"\n",
    ):  # fmt: skip
        yield made(content)
    if packed:
        for block in (b"0", b"\n", b"a" + separator + b"0\n", separator, b'"\n', head[:50] + b"\n"):
            block = block * ((4 << 20) // len(block))
            yield made(head + b"\n" + row + b"\n") + made(block, 1500)
            yield made(block, 1500)
        yield made(text)[:-5]
        yield made(text) + b"trailing rubbish"


def _parquets(file: Path, outside: Outside) -> Iterator[bytes]:
    table = pq.read_table(file)
    names = next(n for n in table.column_names if pa.types.is_string(table.schema.field(n).type))
    at = table.column_names.index(names)
    rows = len(table)

    def with_column(values: pa.Array, name: str = names, place: int = at) -> pa.Table:
        return table.set_column(place, name, values)

    for name in BAD_NAMES:
        yield _parquet(with_column(pa.array([name, *table[names].to_pylist()[1:]])))
        yield _parquet(table.rename_columns([name, *table.column_names[1:]]))
    payload = pickle.dumps(_Runs(f"touch {outside.canary}/parquet"))
    for values in (
        pa.array([[1.0]] * rows), pa.array([{"a": 1}] * rows), pa.array([None] * rows),
        pa.array([[["x"]]] * rows), pa.array([b"\xff\x00"] * rows), pa.array([True] * rows),
        pa.array(["x"] * rows).dictionary_encode(), pa.array([1] * rows, pa.timestamp("s")),
        pa.array([1] * rows, pa.decimal128(38)),
        pa.array([[("k", 1)]] * rows, pa.map_("string", "i4")),
        pa.array(["\0"] * rows), pa.array([float("inf")] * rows),
    ):  # fmt: skip
        yield _parquet(with_column(values))
        yield _parquet(with_column(values, "more", 0))
    for storage in (pa.int64(), pa.string()):
        field = pa.field(
            names, storage,
            metadata={"ARROW:extension:name": "arrow.py_extension_type",
                      "ARROW:extension:metadata": payload},
        )  # fmt: skip
        schema = table.schema.set(at, field)
        if storage == table.schema.field(at).type:
            yield _parquet(table.cast(schema))
    deep = b"[" * 10**5
    for key in (b"pandas", b"llmpert", b"about", b"ARROW:schema"):
        for value in (deep, b"", b"{", b"5", b"[]", b"\xff\xfe", b'{"a":' * 5000, b"9" * 9999):
            yield _parquet(
                table.replace_schema_metadata({**(table.schema.metadata or {}), key: value})
            )
    head = b'{"format": "llmpert-embedding", "version": %s, "name": %s, "provenance": %s}'
    for values in (
        (b"1", b'"x"', b"5"), (b"1", b'"<b>"', b"{}"), (b"2", b'"x"', b"{}"),
        (b"[]", b'"x"', b"{}"),
        (b"1", b'"x"', b'{"notes": 5}'), (b"1", b'"x"', b'{"source": "<script>"}'),
    ):  # fmt: skip
        yield _parquet(table.replace_schema_metadata({b"llmpert": head % values}))
    # Many rows of one long name; more rows, and more values, than can be read.
    long = pa.DictionaryArray.from_arrays(pa.array([0] * 3000, "i4"), ["x" * (4 << 20)])
    yield _parquet(pa.table({names: long, "a": np.zeros(3000)}))
    many = pa.array(np.zeros(6_000_000, np.int8))
    yield _parquet(pa.table({names: many.cast("string"), "a": many}))
    some = many[:1_000_000]
    yield _parquet(pa.table({names: some.cast("string"), **{f"c{n}": some for n in range(250)}}))
    content = file.read_bytes()
    for length in (2**31 - 1, 2**32 - 1, 0, 4):
        yield content[:-8] + struct.pack("<I", length) + b"PAR1"
    yield content[:-4] + b"PARE"  # encrypted


def _parquet(table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()


class _Runs:
    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple:
        import os

        return os.system, (self.command,)


def _npy(shape: str, descr: str, data: bytes = b"") -> bytes:
    head = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    head = head.ljust(118) + b"\n" if len(head) < 118 else head + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head) & 0xFFFF) + head + data


def _packed(contents: Iterator[bytes]) -> Iterator[bytes]:
    yield from (gzip.compress(content) for content in contents)
    yield gzip.compress(bytes(1 << 20)) * 500
    yield gzip.compress(pickle.dumps({"A": [1.0]}))[:-5]


def _with_names(folder: Path, valid: Path, arrays: Iterator[bytes]) -> Iterator[Path]:
    """Hostile arrays beside good names, and a good array beside hostile names."""
    names = "\n".join(["A", "B"])
    for path in _written(folder, valid.stem, ".npy", arrays):
        path.with_suffix(".txt").write_text(names)
        yield path
    rows = len(valid.with_suffix(".txt").read_text().splitlines())
    texts = [b"", b"\0" * 99, b"\xff\xfe" + b"x" * 99, b"\n" * 10**6, b"x" * (17 << 20)]
    texts += [("\n".join([name.replace("\n", " ")] * rows)).encode() for name in BAD_NAMES]
    for number, text in enumerate(texts):
        path = folder / f"{valid.stem}-names-{number}.npy"
        shutil.copy(valid, path)
        path.with_suffix(".txt").write_bytes(text)
        yield path


def _arrays(outside: Outside) -> Iterator[bytes]:
    payload = pickle.dumps(np.array([_Runs(f"touch {outside.canary}/npy")], dtype=object))
    for shape, descr, data in (
        ("(1000000000, 1000000000)", "'<f8'", b""), ("(2, 0)", "'<f8'", b""),
        ("(2, 3)", "'|O'", payload), ("(2, -3)", "'<f8'", b""), ("()", "'<f8'", bytes(8)),
        ("(2, 2)", "'<f8'", bytes(8)), ("(2,)", "'<f8'", bytes(16)),
        ("(2, 1)", "'<c16'", bytes(32)), ("(2, 1)", "[('a', '|O')]", bytes(16)),
        ("(" * 5000, "'<f8'", b""), ("2 ** 99", "'<f8'", b""),
        ("(1000000000000, 0)", "'<f8'", b""), ("(2, 1)", "'<U1'", b"AAAA" * 2),
        ("__import__('os')", "'<f8'", b""), ("(2, 1)", "'<f8'", b"\xff" * 16),
    ):  # fmt: skip
        yield _npy(shape, descr, data)
    yield payload
    yield b""
    yield b"\x93NUMPY\x03\x00" + struct.pack("<I", 2**32 - 1)


def _tensors(outside: Outside) -> Iterator[bytes]:
    def made(head: bytes, body: bytes = bytes(16), length: int | None = None) -> bytes:
        return struct.pack("<Q", len(head) if length is None else length) + head + body

    one = b'{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]}'
    names = b'"__metadata__":{"genes":%s},'
    for head in (
        b"", b"5", b"[]", b"{", b"[" * 10**5, b'{"a":' * 5000, b'{"w":5}', b'{"w":{}}',
        b'{"w":' + one + b"}", b"{" + names % b"5" + b'"w":' + one + b"}",
        b"{" + names % b'"[[[["' + b'"w":' + one + b"}",
        b"{" + names % b'"[1,2]"' + b'"w":' + one + b"}",
        b"{" + b",".join(b'"G%d":' % n + one for n in range(100_000)) + b"}",
        *(b'{"w":' + one.replace(b"[2,2]", shape) + b"}"
          for shape in (b"[1e9,2]", b"[-2,-2]", b"[99999999999,2]", b'"x"', b"[[2],2]")),
        *(b'{"w":' + one.replace(b"[0,16]", offsets) + b"}"
          for offsets in (b"[0]", b"[16,0]", b"[0,99999999999]", b"[-16,0]", b"[0,1e99]")),
    ):  # fmt: skip
        yield made(head)
    for name in BAD_NAMES:
        text = json.dumps(
            {"__metadata__": {"genes": json.dumps([name, "B"])}, "w": json.loads(one)}
        )
        yield made(text.encode())
        yield made(json.dumps({name: {**json.loads(one), "shape": [4]}}).encode())
    for length in (2**64 - 1, 2**40, 0):
        yield made(b"{}", length=length)
    yield made(pickle.dumps(_Runs(f"touch {outside.canary}/tensors")))
    yield b"1234"


def _archives_of_arrays(outside: Outside) -> Iterator[bytes]:
    payload = pickle.dumps(np.array([_Runs(f"touch {outside.canary}/npz")], dtype=object))
    genes = _npy("(2,)", "'<U1'", "AB".encode("utf-32-le"))
    for vectors in (
        _npy("(1000000000, 1000000000)", "'<f8'"), _npy("(2, 0)", "'<f8'"),
        _npy("(2, 3)", "'|O'", payload), _npy("(2, -3)", "'<f8'"),
        _npy("(2, 2)", "'<f8'", b"\0" * 8), _npy("(2,)", "'<f8'", b"\0" * 16),
        _npy("()", "'<f8'", b"\0" * 8), _npy("(2, 1)", "'<c16'", b"\0" * 32),
        payload, b"", b"\x93NUMPY",
        _npy("(2, 1)", "[('a', '|O')]", b"\0" * 16), _npy("(2, 1)", "'<M8[s]'", b"\0" * 16),
        _npy("(" * 5000, "'<f8'"), _npy("2 ** 99", "'<f8'"), _npy("__import__('os')", "'<f8'"),
        _npy("(True, 2)", "'<f8'", b"\0" * 16), _npy("(2, 1)", "'<U1'", b"AAAA" * 2),
        b"\x93NUMPY\x03\x00" + struct.pack("<I", 2**32 - 1), b"\x93NUMPY\x09\x00abc",
    ):  # fmt: skip
        yield zipped({"genes.npy": genes, "vectors.npy": vectors})
        yield zipped({"A.npy": vectors, "B.npy": vectors})
    nothing, empty = _npy("(1000000000000,)", "'<U0'"), _npy("(1000000000000, 0)", "'<f8'")
    yield zipped({"genes.npy": nothing, "vectors.npy": empty})
    for name in BAD_NAMES:
        yield zipped({f"{name[:60000]}.npy": _npy("(2,)", "'<f4'", b"\1" * 8)})
        text = name.encode("utf-32-le")
        one = _npy("(1,)", f"'<U{len(name)}'", text)
        yield zipped({"genes.npy": one, "vectors.npy": _npy("(1, 2)", "'<f4'", b"\1" * 8)})
    yield payload
    yield _npy("(2, 2)", "'<f8'", b"\0" * 32)
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("vectors.npy", "w") as member,
    ):
        member.write(_npy("(2, 110000000)", "'<f8'"))
        for _ in range(110):
            member.write(bytes(16_000_000))
    yield buffer.getvalue()


def _archives() -> Iterator[bytes]:
    yield zipped({MEMBER: bytes(50_000_000)})
    for name in ("../../", "/tmp/", "a/../../", "..\\..\\", "C:\\", "a/\0"):
        yield zipped({f"{name}{MEMBER}": b"x"})
    for name in BAD_NAMES:
        yield zipped({f"{name[:60000]}/{MEMBER}": b"x", f"{name[:60000]}/../{MEMBER}": b"x"})
    yield zipped({f"{number}": b"" for number in range(70_000)})
    for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", method) as archive:
            archive.writestr(MEMBER, bytes(1000))
        yield buffer.getvalue()
    link = zipfile.ZipInfo(MEMBER)
    link.external_attr = 0o120777 << 16
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(link, "/etc/passwd")
    yield buffer.getvalue()


def _metalinks(outside: Outside) -> Iterator[bytes]:
    entities = "".join(f"<!ENTITY e{n + 1} '{f'&e{n};' * 10}'>" for n in range(12))
    yield f"<!DOCTYPE x [<!ENTITY e0 'x'>{entities}]><x>&e12;</x>".encode()
    yield f"<!DOCTYPE x [<!ENTITY e SYSTEM 'file://{outside.text}'>]><x>&e;</x>".encode()
    yield b"<a>" * 300_000
    yield b"<a>" * 100_000 + b"</a>" * 100_000
    yield b"<?xml version='1.0' encoding='utf-16'?><x/>"
    yield b"<?xml version='1.0' encoding='nonsense'?><x/>"
    yield b"\0" * 100
    start, end = b'<x><file name="per-protein.h5"><size>', b"</file></x>"
    hashed = b'<hash type="md5">' + b"0" * 32 + b"</hash>"
    for size in (b"9" * 5000, b"-1", "٣".encode(), b"", b"1e9", b"<b/>"):
        yield start + size + b"</size>" + hashed + end
    yield b'<x><file name="per-protein.h5"/></x>'
    yield pd.DataFrame({"a": [1]}).to_csv().encode()
