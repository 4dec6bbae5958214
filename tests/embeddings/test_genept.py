"""GenePT's files: read as data, with everything else in a pickle refused and never run."""

import copyreg
import gzip
import io
import os
import pickle
import pickletools
import re
import struct
import sys
import tracemalloc
from collections import Counter, OrderedDict
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from llmpert.embeddings import plain_pickle
from llmpert.embeddings.genept import read_genept
from llmpert.errors import InputError
from llmpert.io.names import is_plain

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


def write(path: Path, content: object, protocol: int | None = None) -> Path:
    path.write_bytes(
        content if isinstance(content, bytes) else pickle.dumps(content, protocol=protocol)
    )
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "genes.pickle"


# What a GenePT file looks like


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_lists_of_floats(file: Path, protocol: int):
    rng = np.random.default_rng(0)
    # More than 1,000 numbers, so that the pickler writes each list in batches and frames.
    vectors = rng.standard_normal((20, 1536))
    content = {f"GENE{i}": vector.tolist() for i, vector in enumerate(vectors)}
    embedding = read_genept(write(file, content, protocol))
    assert embedding.name == "text"
    assert embedding.genes.tolist() == list(content)
    np.testing.assert_array_equal(embedding.vectors, vectors.astype(np.float32))


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("dtype", ["f4", "f8", "f2", ">f8", "i4"])
def test_numpy_vectors(file: Path, protocol: int, dtype: str):
    vectors = (np.random.default_rng(1).standard_normal((5, 7)) * 50).astype(dtype)
    content = {f"GENE{i}": vector for i, vector in enumerate(vectors)}
    embedding = read_genept(write(file, content, protocol))
    np.testing.assert_array_equal(embedding.vectors, vectors.astype(np.float32))


def test_numpy_scalars_as_names_and_numbers(file: Path):
    content = {
        np.str_("TP53"): [np.float32(0.5), np.float64(1.5)],
        np.str_("MYC"): [2, np.int64(-3)],
    }
    embedding = read_genept(write(file, content))
    assert embedding.genes.tolist() == ["TP53", "MYC"]
    assert embedding.vectors.tolist() == [[0.5, 1.5], [2, -3]]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_other_dicts_and_shapes_of_vectors(file: Path, protocol: int):
    content = OrderedDict(A=np.array([[0.5, 1.5]]), B=np.array([[2.0], [3.0]]), C=(4, 5))
    embedding = read_genept(write(file, content, protocol))
    assert embedding.genes.tolist() == ["A", "B", "C"]
    assert embedding.vectors.tolist() == [[0.5, 1.5], [2, 3], [4, 5]]


def test_bytes_as_python_2_wrote_them(file: Path):
    """A str is text and bytes there: the name, and what an array is made of."""
    array = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85U\x01b\x87R"
    numbers = struct.pack("<2d", 0.5, -1.5)
    build = b"(K\1K\2\x85" + DTYPE + b"\x89U\x10" + numbers + b"tb"
    file.write_bytes(b"\x80\x02}U\x04TP53" + array + build + b"s.")
    assert read_genept(file).vectors.tolist() == [[0.5, -1.5]]


def test_genes_without_numbers_are_left_out_and_told(file: Path):
    embedding = read_genept(write(file, {"A": None, "B": [1.0, 2.0], "<b>": None}))
    assert embedding.genes.tolist() == ["B"]
    assert "1 gene(s) without numbers were left out: A." in embedding.provenance["notes"]


@pytest.mark.parametrize("size", [2, 50_000])
def test_a_gzipped_pickle(file: Path, size: int):
    vectors = np.random.default_rng(2).standard_normal((3, size)).astype(np.float32)
    content = pickle.dumps(dict(zip("ABC", vectors, strict=True)))
    embedding = read_genept(write(file, gzip.compress(content)))
    np.testing.assert_array_equal(embedding.vectors, vectors)


def test_a_small_file_that_unpacks_to_a_large_one_is_refused(file: Path):
    with pytest.raises(InputError, match="far more"):
        read_genept(write(file, gzip.compress(pickle.dumps({"A": [0.0] * 1_000_000}))))


@pytest.mark.parametrize("count", [1, 2, 1023, 1024, 1025, 3000])
def test_lists_written_in_one_piece(file: Path, count: int):
    """Other writers than Python's do not cut lists at 1,000."""
    numbers = np.arange(1, count + 1) / 8
    run = b"".join(b"G" + struct.pack(">d", number) for number in numbers)
    embedding = read_genept(write(file, raw(b"}", "TP53", b"](", run, b"es")))
    np.testing.assert_array_equal(embedding.vectors[0], numbers)


def test_one_list_under_two_names(file: Path):
    shared = [0.25, 0.5]
    embedding = read_genept(write(file, {"A": shared, "B": shared}))
    assert embedding.vectors.tolist() == [shared, shared]


names = st.text(st.characters(codec="utf-8"), min_size=1).filter(
    lambda name: is_plain(name) and name == name.strip() and not name[0].isdigit()
)
numbers = st.floats(width=32, allow_nan=False, allow_infinity=False)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    max_examples=settings().max_examples,
)
@given(
    genes=st.lists(names, min_size=1, max_size=6, unique=True),
    data=st.data(),
    protocol=st.sampled_from(PROTOCOLS),
    whole=st.booleans(),
)
def test_reads_what_the_unpickler_reads(file: Path, genes, data, protocol, whole):
    size = data.draw(st.integers(1, 8))
    shape = (len(genes), size)
    vectors = data.draw(hnp.arrays(np.float32, shape, elements=numbers))
    vectors[~vectors.any(axis=1), 0] = 1
    if whole:
        content = dict(zip(genes, vectors, strict=True))
    else:
        content = dict(zip(genes, vectors.tolist(), strict=True))
    write(file, content, protocol)
    trusted = pickle.loads(file.read_bytes())  # written two lines above
    embedding = read_genept(file)
    assert embedding.genes.tolist() == list(trusted)
    np.testing.assert_array_equal(embedding.vectors, np.array(list(trusted.values()), np.float32))


# What is left out, and what is said of it


def test_rows_that_say_nothing_are_left_out_and_noted(file: Path):
    content = {
        "TP53": [1.0, 2.0],
        "EMPTY": [0.0, 0.0],
        "BROKEN": [float("nan"), 1.0],
        "HUGE": [1e300, 1.0],
        " ": [1.0, 1.0],
        "A\x00B": [1.0, 1.0],
        " MYC ": [3.0, 4.0],
    }
    embedding = read_genept(write(file, content))
    assert embedding.genes.tolist() == ["TP53", "MYC"]
    assert embedding.vectors.tolist() == [[1, 2], [3, 4]]
    notes = " ".join(embedding.provenance["notes"])
    assert "2 row(s) without a readable name" in notes
    assert "2 gene(s) with missing or infinite numbers were left out: BROKEN, HUGE." in notes
    assert "1 gene(s) with nothing but zeros were left out: EMPTY." in notes


def test_names_that_differ_by_blanks(file: Path):
    embedding = read_genept(write(file, {"TP53": [1.0, 2.0], "TP53 ": [1.0, 2.0]}))
    assert embedding.genes.tolist() == ["TP53"]
    assert "that were there already were left out: TP53." in embedding.provenance["notes"][-1]
    with pytest.raises(InputError, match=r"one vector a gene, found several.*TP53"):
        read_genept(write(file, {"TP53": [1.0, 2.0], "TP53 ": [1.0, 3.0]}))


@pytest.mark.parametrize(
    ("dimensions", "model"),
    [(1536, "text-embedding-ada-002"), (3072, "text-embedding-3-large"), (384, None)],
)
def test_stand_ins_are_marked(file: Path, dimensions: int, model: str | None):
    provenance = read_genept(write(file, {"TP53": [0.5] * dimensions})).provenance
    assert provenance["stand_in"] is (model is None)
    assert provenance.get("model") == model
    assert provenance["file"] == "genes.pickle"
    if model is None:
        assert provenance["notes"][0].startswith("384 numbers a gene: not GenePT's own")
        assert "(1,536)" in provenance["notes"][0]
        assert "(3,072)" in provenance["notes"][0]


# Files that are not what they should be


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"A": [1.0, 2.0], "B": [1.0, 2.0], "C": [1.0]}, "2 numbers for every gene.*C with 1"),
        ({}, "holds nothing where a dict"),
        (["TP53", 1.0], "holds a list where a dict"),
        ({"TP53": None}, "holds None for every name"),
        ({"TP53": "text"}, "holds text for TP53 instead of numbers"),
        ({"TP53": ["0.5"]}, "holds a list for TP53 instead of numbers"),
        ({"TP53": [True]}, "holds a list for TP53 instead of numbers"),
        (
            {"TP53": {"x": [1.0]}},
            "holds a dict for TP53 instead of numbers; save the dict of genes",
        ),
        ({"TP53": []}, "holds a list for TP53 instead of numbers"),
        ({7: [1.0]}, "holds 7 where a gene's name is expected"),
        ({"TP53": np.ones((2, 2))}, r"an array of float64 in the shape \(2, 2\)"),
        ({"TP53": np.array(["a"])}, "an array of <U1"),
        ({"TP53": np.array([1j])}, "NumPy values of type c16"),
        ({"TP53": np.array([b"x"])}, "NumPy values of type S1"),
        ({"TP53": np.zeros(1, dtype=[("a", "f8")])}, "NumPy values of type V8"),
        ({"TP53": np.array([1.0, None], dtype=object)}, "NumPy values of type O8"),
        ({"TP53": [0.0, 0.0]}, "expected a vector of numbers.*nothing but zeros.*TP53"),
        (b"", "0 bytes"),
        (b"not a pickle at all", "cannot be read as one"),
        (b"\x80\x04.", "cannot be read as one"),
    ],
)
def test_says_what_was_wrong(file: Path, content: object, message: str):
    with pytest.raises(InputError, match=message) as caught:
        read_genept(write(file, content))
    assert str(file) in str(caught.value)


def test_missing_file(tmp_path: Path):
    with pytest.raises(InputError, match=r"no\.pickle: expected a file, found no such file"):
        read_genept(tmp_path / "no.pickle")
    with pytest.raises(InputError, match="a folder"):
        read_genept(tmp_path)


def test_too_large(file: Path, monkeypatch: pytest.MonkeyPatch):
    write(file, {"TP53": [1.0]})
    monkeypatch.setattr(plain_pickle, "LARGEST", 10)
    with pytest.raises(InputError, match="bytes"):
        read_genept(file)


@pytest.mark.parametrize("whole", [False, True])
def test_every_truncation_is_refused(file: Path, whole: bool):
    vectors = np.arange(1, 7, dtype=float).reshape(2, 3)
    content = pickle.dumps(
        dict(zip("AB", vectors if whole else vectors.tolist(), strict=True)), protocol=4
    )
    for length in range(len(content)):
        with pytest.raises(InputError, match="pickle"):
            read_genept(write(file, content[:length]))


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    max_examples=2 * settings().max_examples,
)
@given(data=st.data())
def test_damage_is_refused_or_read_but_never_a_crash(file: Path, data):
    content = bytearray(pickle.dumps({"TP53": [0.5, 1.5], "MYC": np.arange(2.0)}, protocol=4))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        embedding = read_genept(write(file, bytes(content)))
    except InputError:
        return
    assert np.isfinite(embedding.vectors).all()


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    max_examples=2 * settings().max_examples,
)
@given(content=st.binary(max_size=60))
def test_garbage_is_refused(file: Path, content: bytes):
    with pytest.raises(InputError):
        read_genept(write(file, content))


# Files that want something run


class Call:
    """Pickles as a call of `function`."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def raw(*parts: bytes | str) -> bytes:
    return b"\x80\x04" + b"".join(p if isinstance(p, bytes) else text(p) for p in parts) + b"."


def text(value: str) -> bytes:
    return b"\x8c" + bytes([len(value)]) + value.encode()


def hostile(command: str, sentinel: str) -> dict[str, tuple[bytes, str]]:
    """Pickles that would run something -> what the refusal must mention."""
    touch = f"open({sentinel!r}, 'w').close()"
    system = Call(os.system, command)
    module = os.system.__module__
    run_on_build = text(module) + text("system") + b"\x93"
    name_scalar = text("numpy._core.multiarray") + text("scalar") + b"\x93"
    name_dtype = text("numpy") + text("dtype") + b"\x93"
    reconstruct = text("numpy._core.multiarray") + text("_reconstruct") + b"\x93"
    ndarray = text("numpy") + text("ndarray") + b"\x93"
    dumps = pickle.dumps
    return {
        "os.system": (dumps(system), f"asks to run {module}.system"),
        "os.system, protocol 0": (dumps(system, 0), f"asks to run {module}.system"),
        "builtins.eval": (dumps(Call(eval, touch)), "asks to run builtins.eval"),
        "builtins.exec": (dumps(Call(exec, touch)), "asks to run builtins.exec"),
        "getattr": (dumps(Call(getattr, "x", "y")), "asks to run builtins.getattr"),
        "as a value": (dumps({"TP53": system}), f"asks to run {module}.system"),
        "in a list": (dumps({"TP53": [1.0, system]}), f"asks to run {module}.system"),
        "after good genes": (
            dumps({f"G{i}": [1.0, 2.0] for i in range(50)} | {"Z": [system]}),
            f"asks to run {module}.system",
        ),
        "object array": (dumps({"A": np.array([system], dtype=object)}), "type O8"),
        "another class": (dumps(Counter(A=1)), "asks to run collections.Counter"),
        "text to other bytes": (
            raw(b"c_codecs\nencode\n", "x", "rot13", b"\x86R"),
            "asks to call _codecs.encode with 2 values",
        ),
        "a pandas table": (dumps(pd.DataFrame({"A": [1.0]})), "pandas table.*to_parquet"),
        "copyreg": (dumps(Path("x"), 2), "asks to run pathlib"),
        "copyreg._reconstructor": (
            dumps(Call(copyreg._reconstructor, object, object, None)),
            "asks to run copyreg._reconstructor",
        ),
        "numpy's own loader": (dumps(Call(np.load, "x.npy")), "asks to run numpy"),
        "a nested pickle": (dumps(Call(pickle.loads, dumps(system))), "asks to run _pickle.loads"),
        "INST": (f"(V{command}\ni{module}\nsystem\n.".encode(), rf"INST \({module} system\)"),
        "OBJ": (b"(c" + f"{module}\nsystem\n".encode() + text(command) + b"o.", "asks to run"),
        "STACK_GLOBAL with dots": (
            raw("numpy", "f2py.os.system", b"\x93", command, b"\x85R"),
            "asks to run numpy.f2py.os.system",
        ),
        "STACK_GLOBAL with names from the memo": (
            raw(module, b"\x940", "system", b"\x940", b"h\x00h\x01\x93", command, b"\x85R"),
            "POP",
        ),
        "STACK_GLOBAL with a list for a name": (raw("os", b"]", b"\x93"), "a name that is no text"),
        "GLOBAL of an attribute of an admitted name": (
            raw(b"cnumpy\ndtype.__class__\n", command, b"\x85R"),
            "asks to run numpy.dtype.__class__",
        ),
        "BUILD on a function": (raw(run_on_build, b"}b"), "asks to run"),
        "BUILD on a stand-in": (
            raw(name_scalar, b"}", "__defaults__", b"Nsb"),
            "asks to change the inside",
        ),
        "BUILD on a dict": (raw(b"}}", "x", b"Nsb"), "asks to change the inside of a dict"),
        "BUILD of slots": (raw(name_dtype, b"N}", "__call__", b"Ns\x86b"), "change the inside"),
        "NEWOBJ": (raw(name_dtype, b")\x81"), "NEWOBJ"),
        "NEWOBJ_EX": (raw(name_dtype, b")}\x92"), "NEWOBJ_EX"),
        "a call of ndarray": (raw(ndarray, b"K\x05\x85\x85R"), "asks to call numpy.ndarray"),
        "a call of text": (raw("os.system", command, b"\x85R"), "asks to call os.system"),
        "a call of a result": (
            raw(name_dtype, "f8", b"\x85R", command, b"\x85R"),
            "asks to call a dtype",
        ),
        "an object dtype": (raw(name_dtype, "O", b"\x85R"), "NumPy values of type O"),
        "a dtype of a list": (raw(name_dtype, b"]\x85R"), "NumPy values of type a list"),
        "an array of no bytes": (
            raw(b"}", "A", reconstruct, ndarray, b"K\x00\x85C\x01b\x87Rs"),
            "holds a vector for A instead of numbers",
        ),
        "an object as the bytes": (
            raw(name_scalar, name_dtype, "f8", b"\x85R]\x86R"),
            "NumPy values made of a list",
        ),
        "PERSID": (b"Pos.system\n.", r"PERSID \(os.system\)"),
        "BINPERSID": (raw("os.system", b"Q"), "BINPERSID"),
        "EXT1": (raw(b"\x82\x01"), "EXT1"),
        "EXT2": (raw(b"\x83\x01\x00"), "EXT2"),
        "EXT4": (raw(b"\x84\x01\x00\x00\x00"), "EXT4"),
        "an out-of-band buffer": (raw(b"\x97"), "NEXT_BUFFER"),
    }


@pytest.mark.parametrize("attack", list(hostile("", "")))
def test_nothing_runs(file: Path, tmp_path: Path, attack: str):
    sentinel = tmp_path / "ran"
    content, asked = hostile(f"touch {sentinel}", str(sentinel))[attack]
    with pytest.raises(InputError) as caught:
        read_genept(write(file, content))
    before, named, message = str(caught.value).partition(f"{file}: ")
    assert named
    assert not before
    assert re.search(asked, message), message
    assert not sentinel.exists()


def test_the_attacks_are_real(file: Path, tmp_path: Path):
    """The unpickler does run them: the sentinel can tell."""
    sentinel = tmp_path / "ran"
    for attack in ("os.system", "builtins.eval", "in a list", "object array", "a nested pickle"):
        pickle.loads(hostile(f"touch {sentinel}", str(sentinel))[attack][0])
        assert sentinel.exists(), attack
        sentinel.unlink()


def test_a_registered_and_cached_extension_is_not_run(file: Path, tmp_path: Path):
    """The unpickler takes a cached extension without asking `find_class`."""
    sentinel = tmp_path / "ran"
    content = raw(b"\x82\xf0", f"open({str(sentinel)!r}, 'w').close()", b"\x85R")
    copyreg.add_extension("builtins", "eval", 0xF0)
    try:
        pickle.loads(raw(b"\x82\xf0"))
        with pytest.raises(InputError, match="EXT1"):
            read_genept(write(file, content))
    finally:
        copyreg.remove_extension("builtins", "eval", 0xF0)
        copyreg.clear_extension_cache()
    assert not sentinel.exists()


def test_no_module_is_imported(file: Path):
    content = write(file, raw("antigravity", "fly", b"\x93)R"))
    with pytest.raises(InputError, match=r"antigravity\.fly"):
        read_genept(content)
    assert "antigravity" not in sys.modules


def test_names_in_messages_are_short_and_printable(file: Path):
    with pytest.raises(InputError) as caught:
        read_genept(write(file, raw("x" * 200, "\x1b[31m", b"\x93")))
    assert "x" * 61 not in str(caught.value)
    assert "\x1b" not in str(caught.value)
    assert "\\x1b[31m" in str(caught.value)


# Files that want all memory


def bombs() -> dict[str, bytes]:
    wide = b"]\x94(" + b"".join(b"G" + struct.pack(">d", 1.5) for _ in range(1000)) + b"e"
    many = b"".join(text(f"G{i}") + b"h\x00" for i in range(30_000))
    return {
        "a memo of 2³¹ places": b"\x80\x04Nr\xff\xff\xff\x7f.",
        "text of 2⁶⁰ bytes": b"\x80\x04\x8d" + struct.pack("<Q", 2**60) + b"A.",
        "a frame of 2⁶⁰ bytes": b"\x80\x04\x95" + struct.pack("<Q", 2**60) + b"N.",
        "a number of 2³¹ bytes": b"\x80\x04\x8b" + struct.pack("<i", 2**31 - 1) + b"\x01.",
        "text made bytes again and again": b"\x80\x04c_codecs\nencode\nX\x00\x10\x00\x00"
        + b"x" * 4096
        + b"\x8c\x06latin1\x86\x94"
        + b"c_codecs\nencode\nh\x00R" * 50_000
        + b".",
        "one vector under many names": b"\x80\x04" + wide + b"}(" + many + b"u.",
    }


@pytest.mark.parametrize("bomb", list(bombs()))
def test_memory_bombs_are_harmless(file: Path, bomb: str):
    write(file, bombs()[bomb])
    tracemalloc.start()
    try:
        with pytest.raises(InputError):
            read_genept(file)
        assert tracemalloc.get_traced_memory()[1] < 100e6
    finally:
        tracemalloc.stop()


def test_too_many_steps(file: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(plain_pickle, "MOST_STEPS", 1000)
    with pytest.raises(InputError, match="takes more than 1,000 steps"):
        read_genept(write(file, raw(b"]" * 2000)))


def test_numbers_in_lists_take_few_steps_and_little_memory(file: Path):
    content = {f"G{i}": [float(j + 1) for j in range(1536)] for i in range(200)}
    write(file, content)
    steps = sum(1 for _ in pickletools.genops(io.BytesIO(file.read_bytes())))
    assert steps > 300_000
    tracemalloc.start()
    try:
        embedding = read_genept(file)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # Unpickled it is 32 bytes a number; as float32 it is 4, of which there are three copies while
    # the embedding is made.
    assert peak < 16 * embedding.vectors.size


@pytest.mark.real
def test_the_benchmark_file(real_data: Path):
    path = real_data / "embeddings" / "text_genept_minilm.pickle"
    embedding = read_genept(path)
    assert embedding.vectors.shape == (2395, 384)
    assert embedding.provenance["stand_in"] is True
    # Sentence vectors of this model have length 1.
    np.testing.assert_allclose(np.linalg.norm(embedding.vectors, axis=1), 1, atol=1e-3)
    # The file comes from a trusted place; the unpickler is the independent reader.
    trusted = pickle.loads(path.read_bytes())
    assert embedding.genes.tolist() == [str(gene) for gene in trusted]
    np.testing.assert_array_equal(embedding.vectors, np.array(list(trusted.values()), np.float32))


def laughs(levels: int = 60) -> bytes:
    """Tuples of tuples: few in the file and in memory, endless to write out."""
    return b")" + b"".join(
        b"q" + bytes([n]) + b"h" + bytes([n]) + b"\x86" for n in range(1, levels)
    )


DTYPE = b"cnumpy\ndtype\nX\x02\0\0\0f8\x89\x88\x87R"
EMPTY = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85C\x01b\x87R"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        # An array whose shape would be written into the message.
        (b"}X\1\0\0\0A" + EMPTY + b"(K\1" + laughs() + DTYPE + b"\x89C\x08" + bytes(8) + b"tbs.",
         "an array of float64 in the shape a tuple"),
        (b"]\x94h\0a.", "holds a list in a list"),
        (b"}\x94X\1\0\0\0Ah\0s.", "holds a dict for A"),
        (b"}X\1\0\0\0A](" + b"]" * 9_000 + b"es.", "holds a list in a list"),
        (b"(" * 20_000 + b".", "more than 10,000 values"),
        (b"N" + b"\x94" * 20_000 + b".", "more than 10,000 values"),
        (b"B\xff\xff\xff\x7fabc.", "cannot be read"),
        (b"\x8e" + b"\xff" * 7 + b"\x3fabc.", "cannot be read"),
        (b"}X\1\0\0\0A](\x8b\0\0\1\0" + b"\x7f" * 65536 + b"es.", "cannot be read"),
        (b"I" + b"9" * 100_000 + b"\n.", "cannot be read"),
    ],
)  # fmt: skip
def test_little_in_the_file_is_little_in_memory(
    file: Path, content: bytes, words: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(plain_pickle, "MOST_KEPT", 10_000)
    file.write_bytes(b"\x80\x04" + content)
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match=words) as caught:
            read_genept(file)
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()
    assert len(str(caught.value)) < 500


def test_small_whole_numbers_take_the_memory_of_numbers(file: Path):
    file.write_bytes(b"\x80\x04}X\1\0\0\0A](" + b"K\1" * 40_000 + b"es.")
    tracemalloc.start()
    try:
        embedding = read_genept(file)
        assert tracemalloc.get_traced_memory()[1] < 1_600_000
    finally:
        tracemalloc.stop()
    assert embedding.dimensions == 40_000
