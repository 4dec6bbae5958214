"""llmpert's own file of an embedding."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from llmpert.embeddings import Embedding, load_embedding, save_embedding
from llmpert.embeddings.stored import is_stored
from llmpert.errors import InputError

EMBEDDING = Embedding(
    "text",
    np.array(["TP53", "MYC"]),
    np.array([[0.1, 2.0, 3.0], [4.0, 5.0, -6.0]]),
    {"source": "GenePT", "notes": ["1 gene left out."], "stand_in": True, "identity": ["a", 1]},
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "text.parquet"


def relabel(path: Path, change) -> None:
    table = pq.read_table(path)
    metadata = {**table.schema.metadata}
    metadata[b"llmpert"] = change(metadata[b"llmpert"])
    pq.write_table(table.replace_schema_metadata(metadata), path)


def test_round_trip_keeps_everything(file: Path):
    save_embedding(EMBEDDING, file)
    back = load_embedding(file)
    assert back.name == "text"
    assert back.genes.tolist() == ["TP53", "MYC"]
    np.testing.assert_array_equal(back.vectors, EMBEDDING.vectors)
    assert back.provenance == EMBEDDING.provenance
    assert back.fingerprint == EMBEDDING.fingerprint
    assert [p.name for p in file.parent.iterdir()] == ["text.parquet"]


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    max_examples=settings().max_examples // 2,
)
@given(data=st.data())
def test_round_trip_of_any_numbers(file: Path, data):
    genes = data.draw(st.lists(st.text("ABC1α", min_size=1), min_size=1, max_size=5, unique=True))
    shape = (len(genes), data.draw(st.integers(1, 4)))
    numbers = st.floats(width=32, allow_nan=False, allow_infinity=False)
    embedding = Embedding("x", genes, data.draw(hnp.arrays(np.float32, shape, elements=numbers)))
    save_embedding(embedding, file)
    back = load_embedding(file)
    assert back.genes.tolist() == genes
    assert back.vectors.tobytes() == embedding.vectors.tobytes()


def test_other_programs_can_read_it(file: Path):
    save_embedding(EMBEDDING, file)
    table = pd.read_parquet(file)
    assert table["gene"].tolist() == ["TP53", "MYC"]
    np.testing.assert_array_equal(np.stack(table["vector"]), EMBEDDING.vectors)


def test_a_failed_write_leaves_the_old_file(file: Path):
    save_embedding(EMBEDDING, file)
    with pytest.raises(TypeError):
        save_embedding(replace(EMBEDDING, provenance={"bad": object()}), file)
    assert load_embedding(file).provenance == EMBEDDING.provenance


def test_only_its_own_files_are_recognised(file: Path, tmp_path: Path):
    save_embedding(EMBEDDING, file)
    assert is_stored(file)
    other = tmp_path / "other.parquet"
    pd.DataFrame({"gene": ["A"], "x": [1.0]}).to_parquet(other)
    assert not is_stored(other)
    with pytest.raises(InputError, match="no mark of it"):
        load_embedding(other)
    other.write_bytes(b"garbage")
    assert not is_stored(other)
    with pytest.raises(InputError, match="cannot be read as one"):
        load_embedding(other)
    with pytest.raises(InputError, match="no such file"):
        load_embedding(tmp_path / "none.parquet")


@pytest.mark.parametrize(
    ("version", "do"), [(2, r"a newer llmpert wrote it: update"), (0, r"import.*again")]
)
def test_another_version_is_refused(file: Path, version: int, do: str):
    save_embedding(EMBEDDING, file)
    relabel(file, lambda head: json.dumps({**json.loads(head), "version": version}).encode())
    with pytest.raises(InputError, match=rf"embedding format 1, found format {version}; {do}"):
        load_embedding(file)


@pytest.mark.parametrize("head", [b"", b"no json", b"[1]", b"{}"])
def test_a_damaged_mark_is_no_mark(file: Path, head: bytes):
    save_embedding(EMBEDDING, file)
    relabel(file, lambda _: head)
    assert not is_stored(file)
    with pytest.raises(InputError, match="no mark of it"):
        load_embedding(file)


def test_truncation_is_refused(file: Path):
    save_embedding(EMBEDDING, file)
    content = file.read_bytes()
    for length in range(0, len(content), 97):
        file.write_bytes(content[:length])
        with pytest.raises(InputError):
            load_embedding(file)
