"""What data sets hold agrees with what is loaded, and damaged files are named."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from llmpert.datasets import DatasetStore, Parts, Summary
from llmpert.genes.sets import GeneSets
from tests.support import small

SETS = GeneSets("hallmark", "made for a test", {"one": frozenset({"KD001"})})


def test_heads_say_the_same_as_the_data():
    DatasetStore().add(
        "mine",
        Parts(
            [small.screen("LineA", cells=range(40)), small.screen("LineB", genes=20)],
            [small.embedding("text"), small.embedding("sequence", genes=50, dimensions=5)],
            [SETS],
        ),
        lambda _: {"recipe": "by hand"},
    )
    found, loaded = summary("mine"), DatasetStore().load("mine")
    for part in found.screens:
        screen = loaded.screens[part.name]
        assert (part.rows, part.columns) == screen.response.shape
        assert (part.unit, part.provenance) == (screen.unit, screen.provenance)
    for part in found.embeddings:
        embedding = loaded.embeddings[part.name]
        assert (part.rows, part.columns) == embedding.vectors.shape
        assert part.provenance == embedding.provenance
    assert found.others == (loaded.gene_sets.name,) == ("hallmark",)
    assert found.record == {"recipe": "by hand"}
    folder = DatasetStore().folder("mine")
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert found.size == sum(path.stat().st_size for path in files)
    assert found.changed.timestamp() == pytest.approx((folder / "dataset.json").stat().st_mtime)
    assert found.problems == ()


def test_the_built_in_data_set_is_as_it_is_simulated(simulated_once):
    found, loaded = summary("simulated"), DatasetStore().load("simulated")
    assert [(p.name, p.rows, p.columns, p.unit, p.provenance) for p in found.screens] == [
        (s.line, *s.response.shape, s.unit, s.provenance) for s in loaded.screens.values()
    ]
    assert [(p.name, p.rows, p.columns, p.provenance) for p in found.embeddings] == [
        (e.name, *e.vectors.shape, e.provenance) for e in loaded.embeddings.values()
    ]
    assert found.others == (loaded.gene_sets.name,)


def summary(name: str) -> Summary:
    return Summary.read(DatasetStore(), name)


def test_a_damaged_file_is_named_and_the_rest_is_told():
    small.add("mine", [small.screen("LineA"), small.screen("LineB")], [small.embedding()])
    (path,) = DatasetStore().folder("mine").rglob("LineA.h5ad")
    path.write_bytes(path.read_bytes()[:500])
    found = summary("mine")
    assert [screen.name for screen in found.screens] == ["LineB"]
    (sentence,) = found.problems
    assert "LineA.h5ad: expected a screen written by llmpert" in sentence


def test_an_embedding_whose_vectors_are_something_else_is_named():
    small.add("mine", [small.screen("LineA")], [small.embedding()])
    (path,) = DatasetStore().folder("mine").rglob("*.parquet")
    table = pq.read_table(path)
    other = table.set_column(1, "vector", pa.array([1.0] * len(table)))
    pq.write_table(other, path)
    (sentence,) = summary("mine").problems
    assert f"{path.name}: expected an embedding written by llmpert" in sentence


def test_a_screen_that_the_library_would_read_for_ever_is_named():
    small.add("mine", [small.screen()], [small.embedding()])
    (path,) = DatasetStore().folder("mine").rglob("LineA.h5ad")
    content = path.read_bytes()
    first = content.index(b"GCOL\x01") + 16
    path.write_bytes(content[:first] + bytes(16) + content[first + 16 :])  # free space of size 0
    (sentence,) = summary("mine").problems
    assert "LineA.h5ad: expected an HDF5 file, found one with a damaged heap" in sentence
