"""Embeddings from NumPy's files and tensors, with names in them or beside them."""

import json
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from llmpert.embeddings.arrays import read_embedding_arrays
from llmpert.errors import InputError

GENES = ["TP53", "MYC", "GATA1"]
VECTORS = np.array([[0.5, 1.5], [-2.0, 3.0], [4.0, 0.25]], dtype=np.float32)


def tensors(path: Path, arrays: dict[str, np.ndarray], about: object = None, **changes) -> Path:
    """Write a file of tensors as its format says."""
    head, body = {}, b""
    for key, array in arrays.items():
        kind = {"f": f"F{array.itemsize * 8}", "u": "BF16"}[array.dtype.kind]
        content = array.tobytes()
        offsets = [len(body), len(body) + len(content)]
        head[key] = {"dtype": kind, "shape": list(array.shape), "data_offsets": offsets, **changes}
        body += content
    text = json.dumps(head if about is None else {"__metadata__": about, **head}).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)
    return path


def check(path: Path) -> list[str]:
    embedding = read_embedding_arrays(path, "text")
    assert list(embedding.genes) == GENES
    np.testing.assert_array_equal(embedding.vectors, VECTORS)
    return embedding.provenance["steps"]


@pytest.mark.parametrize("keys", [("genes", "vectors"), ("genes", "embeddings"), ("g", "v")])
def test_archive_of_two_arrays(tmp_path: Path, keys):
    for genes in (np.array(GENES), np.array(GENES, dtype="S")):
        np.savez(tmp_path / "x.npz", **dict(zip(keys, (genes, VECTORS), strict=True)))
        check(tmp_path / "x.npz")


def test_archive_of_one_array_a_gene(tmp_path: Path):
    np.savez_compressed(tmp_path / "x.npz", **dict(zip(GENES, VECTORS, strict=True)))
    check(tmp_path / "x.npz")


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({}, "found nothing"),
        (
            {"genes": np.array(GENES), "vectors": VECTORS[:2, :1]},
            r"each of 3 genes.*shape \(2, 1\)",
        ),
        ({"genes": np.array(GENES), "vectors": VECTORS[:, 0]}, r"shape \(3,\)"),
        ({"genes": np.arange(3), "vectors": VECTORS}, "a list of names as genes"),
        ({"genes": np.array(GENES, dtype=object), "vectors": VECTORS}, r"Python objects; .*astype"),
        ({"TP53": np.array([{}], dtype=object)}, "found Python objects"),
        ({"TP53": np.ones(2), "MYC": np.ones(3)}, r"\(3,\) under MYC"),
        ({"A": VECTORS, "B": VECTORS}, "one array of genes x numbers, found 2 of them"),
        ({"TP53": np.array(["a", "b"])}, "one vector of numbers"),
        ({"TP53": np.ones((2, 2))}, "2 rows without names; put the genes' names, a line each"),
    ],
)
def test_unusable_archives(tmp_path: Path, arrays: dict, message: str):
    np.savez(tmp_path / "x.npz", **arrays)
    with pytest.raises(InputError, match=message) as caught:
        read_embedding_arrays(tmp_path / "x.npz", "text")
    assert str(tmp_path / "x.npz") in str(caught.value)


def test_damaged_archives(tmp_path: Path):
    path = tmp_path / "x.npz"
    np.savez(path, genes=np.array(GENES), vectors=VECTORS)
    content = path.read_bytes()
    for part in (b"", content[:20], content[: len(content) // 2], b"\x80\x04cos\nsystem\n."):
        path.write_bytes(part)
        with pytest.raises(InputError, match="expected"):
            read_embedding_arrays(path, "text")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x.txt", "TP53\nMYC\nGATA1\n"),
        ("x.txt", "gene\nTP53\nMYC\nGATA1"),
        ("x.tsv", "row\tname\n0\tTP53\n1\tMYC\n2\tGATA1\n"),
        ("x.csv", ",gene,about\n0,TP53,a\n1,MYC,b\n2,GATA1,c\n"),
    ],
)
@pytest.mark.parametrize("turned", [False, True])
def test_an_array_has_its_names_beside_it(tmp_path: Path, name: str, text: str, turned: bool):
    np.save(tmp_path / "x.npy", VECTORS.T if turned else VECTORS)
    (tmp_path / name).write_text(text)
    steps = check(tmp_path / "x.npy")
    assert f"The names of the genes are those in {name}." in steps
    assert any("Turned" in step for step in steps) == turned


@pytest.mark.parametrize(
    ("array", "names", "message"),
    [
        (VECTORS, None, r"put the genes' names, a line each, into a file beside it \(x.txt, x.tsv"),
        (VECTORS, "TP53\n", r"x.txt: expected a name for each of 3 rows of x.npy, found 1 lines"),
        (VECTORS, "TP53\nMYC\nKLF1\nA\nB\n", "found 5 lines"),
        (VECTORS, "", "found 0 lines"),
        (np.array([{"TP53": [1.0]}], dtype=object), "TP53\n", "found Python objects"),
        (np.array(GENES), "TP53\nMYC\nGATA1\n", "one vector of numbers for each of 3 genes"),
        (np.array(1.0), "TP53\n", "each of a single number"),
    ],
)
def test_an_array_without_its_names_is_refused(tmp_path: Path, array, names, message):
    np.save(tmp_path / "x.npy", array)
    if names is not None:
        (tmp_path / "x.txt").write_text(names)
    with pytest.raises(InputError, match=message):
        read_embedding_arrays(tmp_path / "x.npy", "text")


@pytest.mark.parametrize("shape", ["(1000000000000, 2)", "(0, 2)", "(3, -2)"])
def test_an_array_that_claims_too_much_is_refused(tmp_path: Path, shape: str):
    head = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".ljust(118) + "\n"
    content = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + bytes(24)
    (tmp_path / "x.npy").write_bytes(content)
    (tmp_path / "x.txt").write_text("TP53\nMYC\nGATA1\n")
    with pytest.raises(InputError, match=r"x\.npy: expected"):
        read_embedding_arrays(tmp_path / "x.npy", "text")


def test_an_array_whose_header_claims_too_much_takes_no_memory(tmp_path: Path):
    (tmp_path / "x.npy").write_bytes(b"\x93NUMPY\x03\x00" + struct.pack("<I", 2**32 - 1))
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match="bytes in the header"):
            read_embedding_arrays(tmp_path / "x.npy", "text")
        assert tracemalloc.get_traced_memory()[1] < 20e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("about", [{"genes": json.dumps(GENES)}, {"symbols": "TP53\nMYC\nGATA1"}])
@pytest.mark.parametrize("dtype", ["<f4", "<f2", "<f8", "BF16"])
def test_tensors_with_names_in_their_metadata(tmp_path: Path, about, dtype: str):
    bf16 = (VECTORS.view("<u4") >> 16).astype("<u2")
    check(
        tensors(
            tmp_path / "x.safetensors",
            {"w": bf16 if dtype == "BF16" else VECTORS.astype(dtype)},
            about,
        )
    )


def test_tensors_by_gene_and_with_names_beside(tmp_path: Path):
    check(tensors(tmp_path / "x.safetensors", dict(zip(GENES, VECTORS, strict=True))))
    (tmp_path / "y.csv").write_text("gene\nTP53\nMYC\nGATA1\n")
    check(tensors(tmp_path / "y.safetensors", {"w": VECTORS}))


@pytest.mark.parametrize(
    ("changes", "about", "message"),
    [
        ({"shape": [10**12, 2]}, None, "not as large as they say"),
        ({"shape": [-3, -2]}, None, "F32 of shape"),
        ({"shape": [True, 6]}, None, "F32 of shape"),
        ({"dtype": "F4"}, None, "F4 of shape"),
        ({"data_offsets": [0, 10**9]}, None, "not as large"),
        ({"data_offsets": [0]}, None, "cannot be read"),
        ({}, None, "3 rows without names"),
        ({}, {"genes": "[1, 2, 3]"}, "no list of texts"),
        ({}, {"genes": '["TP53"]'}, "each of 1 genes"),
    ],
)
def test_tensors_that_cannot_be_used_are_refused(tmp_path: Path, changes, about, message):
    path = tensors(tmp_path / "x.safetensors", {"w": VECTORS}, about, **changes)
    with pytest.raises(InputError, match=message):
        read_embedding_arrays(path, "text")


@pytest.mark.parametrize(
    "content", [b"", b"1234", struct.pack("<Q", 2**60), struct.pack("<Q", 5) + b"[1,2]"]
)
def test_damaged_tensors_are_refused(tmp_path: Path, content: bytes):
    (tmp_path / "x.safetensors").write_bytes(content)
    with pytest.raises(InputError, match=r"a file of tensors"):
        read_embedding_arrays(tmp_path / "x.safetensors", "text")


def test_one_tensor_under_many_names_takes_no_more_than_the_file(tmp_path: Path):
    one = {"dtype": "F32", "shape": [1000], "data_offsets": [0, 4000]}
    text = json.dumps({f"G{n}": one for n in range(5000)}).encode()
    (tmp_path / "x.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + bytes(4000))
    with pytest.raises(InputError, match="not as large as they say"):
        read_embedding_arrays(tmp_path / "x.safetensors", "text")
